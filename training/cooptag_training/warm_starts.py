"""A model that starts from a trained one, also of other areas; areas that no sentence carries are zero-shot until they are labelled."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cooptag import Tagger, artifact
from cooptag.errors import InputError, UsageError
from cooptag.jobs.readers import parse_json
from cooptag_training import release
from cooptag_training.config import TrainConfig
from cooptag_training.release import Data
from cooptag_training.split import Row

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from cooptag_training.model import AreaClassifier

# Cues of these languages, and names of all, start the head: more of them only moved the mean.
DESCRIBED_IN = ("vi", "en")
# Sentences on which the biases of moved areas are set: enough for a share of 3 %.
PLACED_ON = 500
MIGRATION = '{"version": 1, "map": {"new id": ["old id", …]}, "added": ["id", …], "split": ["id", …]}'


@dataclass(frozen=True)
class WarmStart:
    """The work folder of a finished training that a model starts from; `migration`: how its areas became the new ones, a JSON file.

    Without a migration an area that keeps its id stays itself, and every other one is new.
    """

    work: Path
    migration: Path | None = None

    def came_from(self, old: Sequence[str], labels: Sequence[str]) -> list[list[int]]:
        """For each label the numbers of the old areas that it comes from, none for a new one.

        :raises InputError: if the migration is malformed or does not fit. :raises UsageError: if every label is new.
        """
        number = {label: i for i, label in enumerate(old)}
        mapped: Mapping[str, list[str]] = {label: [label] for label in labels if label in number}
        if self.migration is not None:
            mapped = _migration(self.migration, old, labels)
        if not any(mapped.get(label) for label in labels):
            raise UsageError(f"--warm-start {self.work}: has none of the data's labels; name the --migration, or leave it out")
        return [[number[source] for source in mapped.get(label, [])] for label in labels]

    def identity(self) -> str:
        """What tells one start from another: a digest of the weights and of the migration."""
        files = [self.work / "final" / "model.safetensors", *([self.migration] if self.migration else [])]
        return ", ".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)


def _migration(file: Path, old: Sequence[str], labels: Sequence[str]) -> dict[str, list[str]]:
    """The old ids that each label comes from, as `migrate` wrote them; labels that were added have none.

    :raises InputError: naming the value at fault.
    """
    try:
        data = parse_json(file.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read as JSON ({error}); expected {MIGRATION}") from error
    if not isinstance(data, dict) or data.get("version") != 1:
        raise InputError(f"{file}: is no migration of version 1; expected {MIGRATION}")
    mapped, added = data.get("map"), data.get("added", [])
    if not isinstance(mapped, dict) or not all(map(_ids, (added, data.get("split", []), *mapped.values()))):
        raise InputError(f"{file}: map, added or split hold something else than ids; expected {MIGRATION}")
    for new, sources in mapped.items():
        if unknown := sorted(set(sources) - set(old)):
            raise InputError(f"{file}: {new!r} comes from {unknown[0]!r}, which the old model does not know; mend the map, or --warm-start")
    if lost := [label for label in labels if label not in mapped and label not in added]:
        raise InputError(f"{file}: {lost[0]!r} is neither in map nor in added; expected every area of the data")
    return mapped


def _ids(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def start(warm: WarmStart, config: TrainConfig, data: Data) -> "tuple[AreaClassifier, PreTrainedTokenizerFast]":
    """A trained model with the data's labels: rows of the head from old areas, or for new areas from their descriptions.

    The biases of new, merged and split areas are set so that over `PLACED_ON` training sentences the mean score is the share
    that carries the area, for a zero-shot area that of the median area: rows of two areas say nothing of how common both are.

    :raises UsageError: if the work folder holds no finished training, or one of another encoder than the recipe's or of other areas
        altogether, or if no training row has a label.
    :raises InputError: if the migration does not fit.
    """
    from cooptag_training import fit as fitting
    from cooptag_training import model as network
    from cooptag_training.split import evenly

    if zero_shot(data) == data.labels:
        raise UsageError(f"{data.source}: no training row has a label; expected labelled rows of some areas")
    old, tokenizer = torch_model(warm.work)
    if old.config.encoder != config.encoder:
        raise UsageError(f"--warm-start {warm.work}: has a {old.config.encoder} encoder, the recipe {config.encoder}; name its --config")
    names = labels_of(old)
    came_from = warm.came_from(names, data.labels)
    model = network.warm_start(old, data.labels, came_from, config, data.single)
    if new := [i for i, numbers in enumerate(came_from) if not numbers]:
        network.start_new_areas(model, *descriptions(model, tokenizer, config, data), new)
    shared = {n for i, numbers in enumerate(came_from) for other in came_from[:i] for n in set(numbers) & set(other)}
    moved = [i for i, numbers in enumerate(came_from) if len(numbers) != 1 or numbers[0] in shared]
    if moved and not data.single:
        logits = fitting.predict(model, tokenizer, evenly(data.part("train"), PLACED_ON), data.labels, config)
        network.shift_biases(model, moved, _shift(logits[:, moved], _shares(data)[moved]))
    return model, tokenizer


def zero_shot(data: Data) -> list[str]:
    """The areas that no training row carries: a warm start knows them from the area file alone, and learns nowhere that they are absent.

    Where each text has exactly one label it has not the others, and every area is judged.
    """
    carried = {label for row in data.part("train") for label in row.labels}
    return [] if data.single else [label for label in data.labels if label not in carried]


def judged(rows: Sequence[Row], data: Data) -> Any:
    """Which labels each row carries, (n, A) of 0.0 and 1.0; NaN for a zero-shot area in a row that the area file did not make.

    Names and cues of one area are none of another's. A sentence that goes on into a list of cues counts as without the
    zero-shot areas that are not in the list: else lists alone would tell that one is meant (EXPERIMENTS.md).
    """
    from cooptag_training.fit import label_matrix

    targets = label_matrix(rows, data.labels).astype(np.float32)
    unjudged = [not (row.id.startswith("cue ") or row.id.endswith(" + list")) for row in rows]
    columns = [data.labels.index(label) for label in zero_shot(data)]
    targets[np.ix_(unjudged, columns)] = np.nan
    return targets


def open_zero_shot(out: Path, data: Data, areas: Sequence[str], own_golden: bool) -> None:
    """Places the scores and thresholds of zero-shot areas in a model folder, whose calibration took them for absent; names them."""
    manifest, contents = artifact.load(out).manifest, {name: (out / name).read_bytes() for name in artifact.FILES}
    logits = Tagger.load(out, device="cpu").logits([row.text for row in data.part("validation")])
    manifest = _opened(manifest, logits, _shares(data), areas)
    artifact.save(out, manifest, {**contents, "golden.json": b'{"items": []}\n'})
    tagger = Tagger.load(out, device="cpu")
    contents["golden.json"] = release.golden(tagger, data, own_golden)
    contents["README.md"] += (
        f"\n## Zero-shot areas\n\nNo training sentence carries {', '.join(areas)}: known from names, cues and bodies alone, and not part "
        "of the scores above. Their thresholds are the median area's; label sentences of them before you rely on them.\n"
    ).encode()
    artifact.save(out, manifest.model_copy(update={"reference": release.reference(tagger, data.rows)}), contents)


def _opened(manifest: artifact.Manifest, logits: Any, shares: Any, areas: Sequence[str]) -> artifact.Manifest:
    """The manifest with zero-shot `areas` placed by the median area: nothing else is known before somebody labels them.

    Their biases bring the mean score over validation logits (n, A) to their shares, (A,), and their thresholds are the
    median of the other areas'.
    """
    columns = [manifest.areas.index(area) for area in areas]
    others = [i for i in range(len(manifest.areas)) if i not in columns]
    bias, scale = np.array(manifest.calibration.bias), np.array(manifest.calibration.scale)
    bias[columns] = np.round(_shift(logits[:, columns] * scale[columns], shares[columns]), 4)

    def opened(thresholds: Sequence[float]) -> list[float]:
        placed = np.array(thresholds)
        placed[columns] = round(float(np.median(placed[others])), 4)
        return [float(threshold) for threshold in placed]

    method = f"{manifest.calibration.method}; zero-shot, by the median area: {', '.join(areas)}"
    return manifest.model_copy(update={
        "calibration": manifest.calibration.model_copy(update={"bias": bias.tolist(), "method": method}),
        "thresholds": opened(manifest.thresholds), "goals": {goal: opened(values) for goal, values in manifest.goals.items()},
    })  # fmt: skip


def _shares(data: Data) -> Any:
    """The share of training sentences that carries each area, (A,); of a zero-shot area the median area's."""
    from cooptag_training.fit import label_matrix

    shares = label_matrix(data.part("train"), data.labels).mean(0)
    return np.where(shares > 0, shares, np.median(shares[shares > 0]))


def _shift(logits: Any, shares: Any) -> Any:
    """What to add to logits (n, A) so that their mean score is the share of each area, (A,); found by bisection."""
    low, high = np.full(logits.shape[1], -50.0), np.full(logits.shape[1], 50.0)
    for _ in range(50):
        middle = (low + high) / 2
        above = (1 / (1 + np.exp(-np.clip(logits + middle, -60, 60)))).mean(0) > shares
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return low


def descriptions(model: "AreaClassifier", tokenizer: "PreTrainedTokenizerFast", config: TrainConfig, data: Data) -> tuple[Any, Any]:
    """Each area's names and cues encoded, (m, H), and the area number of each, (m,); without an area file the label with spaces for `_`."""
    import torch

    from cooptag_training.model import pooled

    described = {e.area.id: [*e.area.names.values(), *(c for lang in DESCRIBED_IN for c in e.cues.get(lang, ()))] for e in data.entries}
    texts = [(i, t) for i, label in enumerate(data.labels) for t in described.get(label, [label.replace("_", " ")])]
    vectors = []
    for start in range(0, len(texts), 64):
        batch = tokenizer(
            [config.prefix + t for _, t in texts[start : start + 64]], padding=True, truncation=True, max_length=32, return_tensors="pt"
        )
        vectors.append(pooled(model.bert.eval(), batch["input_ids"], batch["attention_mask"]))
    return torch.cat(vectors), torch.tensor([i for i, _ in texts])


def torch_model(work: Path) -> "tuple[AreaClassifier, PreTrainedTokenizerFast]":
    from transformers import PreTrainedTokenizerFast

    final = work / "final"
    if not (final / "model.safetensors").is_file():
        raise UsageError(f"{work}: holds no finished training (no final/model.safetensors); run `cooptag-train fit` first")
    return trained(work), PreTrainedTokenizerFast.from_pretrained(final)


def labels_of(model: "AreaClassifier") -> list[str]:
    """The labels that a model was trained on, in order."""
    number = {str(label): int(str(i)) for i, label in (model.config.id2label or {}).items()}
    return sorted(number, key=lambda label: number[label])


def trained(work: Path) -> "AreaClassifier":
    """The trained model as saved. The one in memory still runs under the trainer's bf16 autocast, and would export so."""
    from cooptag_training.model import AreaClassifier

    return AreaClassifier.from_pretrained(work / "final", use_safetensors=True)
