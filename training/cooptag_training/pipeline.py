"""The recipe, top to bottom: data → encoder → fine-tuning → ONNX → thresholds → model folder → scores, all tracked."""

import hashlib
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cooptag import Tagger, artifact, text
from cooptag.errors import InputError, UsageError
from cooptag.jobs.readers import parse_json
from cooptag_training import areas as area_file
from cooptag_training import augment, corpus, dataset, jsonl, plots, release, tracking, vocabulary
from cooptag_training.areas import AreaEntry
from cooptag_training.config import TrainConfig
from cooptag_training.release import Data
from cooptag_training.split import Row, check_forbidden

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from cooptag_training.distill import Teaching
    from cooptag_training.model import AreaClassifier

CACHE = Path.home() / ".cache" / "cooptag"
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


def build(corpus_folder: Path, areas_path: Path, out: Path, seed: int, forbidden: Sequence[Path] = ()) -> Data:
    """Corpus → checked, split dataset folder; nothing is written if a check fails.

    :param forbidden: JSONL files whose `text` must not occur in the corpus, such as an evaluation set.
    :raises InputError: if the corpus is malformed, or text leaks between splits or from a forbidden file.
    """
    entries = area_file.load(areas_path)
    labels = [entry.area.id for entry in entries]
    rows = dataset.from_articles(corpus.load(corpus_folder, set(labels)))
    for file in forbidden:
        check_forbidden(rows, [str(line["text"]) for _, line in jsonl.read(file, "a text on each line", ["text"])])
    rows = dataset.split_rows(rows, seed)
    digest = dataset.save(rows, labels, out, f"`{corpus_folder.name}/`, seed {seed}")
    return Data(rows, labels, entries, digest, str(out))


def load_data(path: Path, areas_path: Path | None, seed: int) -> Data:
    """A dataset folder, or anybody's JSONL. The area file describes and augments labels; it is used where it fits them.

    :raises InputError: if the data is malformed or leaks between splits.
    """
    if path.is_dir():
        rows, labels = dataset.load(path)
    else:
        rows = dataset.split_rows(dataset.from_jsonl(path), seed)
        labels = dataset.label_names(rows)
    entries = _matching_entries(areas_path, labels)
    return Data(rows, labels, entries, dataset.content_hash(rows, labels), path.name)


def _matching_entries(areas_path: Path | None, labels: list[str]) -> list[AreaEntry]:
    """The area file's entries if it describes exactly these labels. A file that was asked for must."""
    if areas_path is None and not area_file.DEFAULT_FILE.is_file():
        return []
    entries = area_file.load(areas_path or area_file.DEFAULT_FILE)
    if {entry.area.id for entry in entries} == set(labels):
        return entries
    if areas_path is not None:
        raise UsageError(f"--areas {areas_path}: its ids are not the data's labels; leave it out, or name the file that fits")
    return []


def fit(
    config: TrainConfig, data: Data, out: Path, tracker: tracking.Tracker, teaching: "Teaching | None" = None, warm: WarmStart | None = None
) -> dict[str, Any]:
    """Trains, exports, calibrates and writes the model folder `out`; returns its test report. With `teaching` it is a student.

    With `warm` it starts from a trained model. Areas that no training row carries are then zero-shot: see `zero_shot`.

    Checkpoints and the torch model lie in `out` + ".work"; run again after an interruption, training goes on there.
    Under `accelerate launch` every process trains; the main one alone tracks and writes, the others return {}.
    :raises UsageError: if `out` is taken by something else, or its work folder holds another run.
    :raises InputError: if the migration does not fit.
    """
    from accelerate import PartialState

    from cooptag_training import distill
    from cooptag_training.fit import tokenize, train

    _check_out(out)
    _quiet_loading()
    process = PartialState()
    tracker = tracker if process.is_main_process else tracking.NullTracker()
    commit = tracking.git_commit()  # of the code that trains, whatever is edited in the meantime
    work = out.with_name(out.name + ".work")
    with tracker.run(config.name, {"config": config.model_dump(), "data": data.source, "data_hash": data.digest}) as run_id:
        counts = {split: len(data.part(split)) for split in ("train", "validation", "test")}
        tracker.dataset(data.source, data.digest, data.source, counts)
        with process.main_process_first():  # the first makes the trimmed encoder, the others find it
            model, tokenizer = _start(config, data, tracker, teaching, warm)
        rows, targets = training_rows(config, data), None
        identity = {**data_identity(data), "commit": commit}
        if warm is not None:
            targets = judged(rows, data)
            identity |= {"warm_start": warm.identity(), "zero_shot": ", ".join(zero_shot(data))}
        if teaching is not None:
            with process.main_process_first():  # the first asks the teacher, the others find its answers
                rows, targets = distill.lessons(rows, data.part("train"), data.labels, config, teaching, work)
            identity |= teaching.identity()
        sets = [tokenize(rows, data.labels, tokenizer, config, targets), tokenize(data.part("validation"), data.labels, tokenizer, config)]
        print(f"training on {len(data.part('train'))} sentences ({len(rows)} with augmentation)", file=sys.stderr)
        history = train(model, tokenizer, sets[0], sets[1], config, work, identity, tracker.metrics)
        if not process.is_main_process:
            return {}
        tracker.figure("loss_curve", plots.loss_curve(history))
        model.save_pretrained(work / "final")
        tokenizer.save_pretrained(work / "final")
        teacher = teaching.teacher if teaching else None
        return _write(config, data, _trained(work), tokenizer, out, (run_id, commit), tracker, teacher, work)


def _write(
    config: TrainConfig, data: Data, model: "AreaClassifier", tokenizer: "PreTrainedTokenizerFast", out: Path, made_by: tuple[str, str],
    tracker: tracking.Tracker, teacher: str | None, work: Path,
) -> dict[str, Any]:  # fmt: skip
    report = release.write(config, data, model, tokenizer, out, made_by, tracker, teacher, _origin(work, "unlabelled"))
    if areas := _origin(work, "zero_shot"):
        _open_zero_shot(out, data, areas.split(", "), config.examples > 0)
    tracker.model(out, config.name)
    return report


def _start(
    config: TrainConfig, data: Data, tracker: tracking.Tracker, teaching: "Teaching | None", warm: WarmStart | None
) -> "tuple[AreaClassifier, PreTrainedTokenizerFast]":
    if warm is not None:
        return warm_start(warm, config, data)
    return start_from(teaching.start, config, data) if teaching and teaching.start else prepare(config, data, tracker)


def warm_start(warm: WarmStart, config: TrainConfig, data: Data) -> "tuple[AreaClassifier, PreTrainedTokenizerFast]":
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
    old, tokenizer = _torch_model(warm.work)
    if old.config.encoder != config.encoder:
        raise UsageError(f"--warm-start {warm.work}: has a {old.config.encoder} encoder, the recipe {config.encoder}; name its --config")
    names = _labels(old)
    came_from = warm.came_from(names, data.labels)
    model = network.warm_start(old, data.labels, came_from, config, data.single)
    if new := [i for i, numbers in enumerate(came_from) if not numbers]:
        network.start_new_areas(model, *_descriptions(model, tokenizer, config, data), new)
    shared = {n for i, numbers in enumerate(came_from) for other in came_from[:i] for n in set(numbers) & set(other)}
    moved = [i for i, numbers in enumerate(came_from) if len(numbers) != 1 or numbers[0] in shared]
    if moved and not data.single:
        logits = fitting.predict(model, tokenizer, evenly(data.part("train"), PLACED_ON), data.labels, config)
        network.shift_biases(model, moved, _shift(logits[:, moved], _shares(data)[moved]))
    return model, tokenizer


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


def _open_zero_shot(out: Path, data: Data, areas: Sequence[str], own_golden: bool) -> None:
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


def start_from(work: Path, config: TrainConfig, data: Data) -> "tuple[AreaClassifier, PreTrainedTokenizerFast]":
    """A trained model as a student's start, `config.layers` of its layers kept.

    :raises UsageError: if the work folder holds no finished training of these labels.
    """
    from cooptag_training.model import shallower

    model, tokenizer = _finished(work, data)
    return shallower(model, config.layers), tokenizer


def training_rows(config: TrainConfig, data: Data) -> list[Row]:
    """What a model is trained on: the training split with its augmentation."""
    return augment.augment(data.part("train"), config.augment, data.entries, config.seed, data.single)


def _trained(work: Path) -> "AreaClassifier":
    """The trained model as saved. The one in memory still runs under the trainer's bf16 autocast, and would export so."""
    from cooptag_training.model import AreaClassifier

    return AreaClassifier.from_pretrained(work / "final", use_safetensors=True)


def data_identity(data: Data) -> dict[str, str]:
    """What tells one set of data from another: its hash, and that of the area entries, from which the head starts and cues are drawn."""
    return {"data": data.digest, "areas": hashlib.sha256(repr(data.entries).encode()).hexdigest()}


def _origin(work: Path, key: str) -> str:
    """What a work folder says of its training, such as the commit of the code; "" if it does not."""
    try:
        return str(json.loads((work / "run.json").read_text()).get(key, ""))
    except (OSError, ValueError):
        return ""


def _quiet_loading() -> None:
    """Loading and saving weights takes a second and needs no progress bars of its own; training keeps its bar."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def _check_out(out: Path) -> None:
    if not artifact.replaceable(out):
        raise UsageError(f"{out}: exists and is no model folder; choose another --out")


def prepare(config: TrainConfig, data: Data, tracker: tracking.Tracker) -> "tuple[AreaClassifier, PreTrainedTokenizerFast]":
    """The pretrained encoder with its vocabulary trimmed, under a new classification head."""
    import torch

    from cooptag_training.fit import label_matrix
    from cooptag_training.model import build as build_model
    from cooptag_training.model import start_from_descriptions, static

    torch.manual_seed(config.seed)
    encoder, tokenizer, report = trimmed_encoder(config, data)
    if report:
        print(
            f"vocabulary: {report['pieces_before']} → {report['pieces_after']} pieces; of {report['texts']} texts {report['changed']} "
            f"are encoded otherwise, {report['unknown_after'] - report['unknown_before']} more pieces unknown",
            file=sys.stderr,
        )
        tracker.table("vocabulary", [report])
    prior = torch.tensor(label_matrix(data.part("train"), data.labels).mean(0), dtype=torch.float32)
    if config.encoder == "static":
        encoder = static(encoder, config.width, config.layers, config.encoder_dropout)
    model = build_model(encoder, data.labels, config, prior, data.single)
    if config.start_from_descriptions:
        start_from_descriptions(model, *_descriptions(model, tokenizer, config, data))
    return model, tokenizer


def _descriptions(model: "AreaClassifier", tokenizer: "PreTrainedTokenizerFast", config: TrainConfig, data: Data) -> tuple[Any, Any]:
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


def trimmed_encoder(config: TrainConfig, data: Data) -> tuple[Any, Any, dict[str, int]]:
    """The encoder, its tokenizer and what trimming did; kept below ~/.cache, since reading and trimming 250 k pieces takes a minute."""
    from transformers import AutoTokenizer, BertModel

    from cooptag_training import pretrained

    texts = [config.prefix, *sorted(text.normalize(row.text, row.lang) for row in data.rows)]
    key = [_source_identity(config.base_model), config.vocabulary_size, texts, vocabulary.VERSION]
    folder = CACHE / hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    if not (folder / "report.json").is_file():
        model, tokenizer = pretrained.load(config.base_model)
        report: dict[str, int] = {}
        if 0 < config.vocabulary_size < len(tokenizer):
            model, tokenizer, report = _trimmed(model, tokenizer, texts, config.vocabulary_size)
        _save_whole(folder, model, tokenizer, report)
    return (
        BertModel.from_pretrained(
            folder,
            add_pooling_layer=False,
            hidden_dropout_prob=config.encoder_dropout,
            attention_probs_dropout_prob=0.0,  # its random numbers cost a fourth of a step (EXPERIMENTS.md)
        ),
        AutoTokenizer.from_pretrained(folder),
        json.loads((folder / "report.json").read_text()),
    )


def _source_identity(base_model: str) -> str:
    """What tells one pretrained encoder from another: its name, and for a folder its place, size and time of writing."""
    from cooptag_training import pretrained

    weights = Path(base_model) / "model.safetensors"
    if weights.is_file():
        return f"{weights.resolve()} {weights.stat().st_size} {weights.stat().st_mtime_ns}"
    return pretrained.describe(base_model)


def _trimmed(model: Any, tokenizer: Any, texts: list[str], size: int) -> tuple[Any, Any, dict[str, int]]:
    before = sum(p.numel() for p in model.parameters())
    model, small = vocabulary.trim(model, tokenizer, vocabulary.choose_pieces(tokenizer, texts, size))
    after = sum(p.numel() for p in model.parameters())
    return model, small, vocabulary.compare(tokenizer, small, texts, (before, after)).to_dict()


def _save_whole(folder: Path, model: Any, tokenizer: Any, report: dict[str, int]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        new = Path(scratch) / "new"
        model.save_pretrained(new)
        tokenizer.save_pretrained(new)
        (new / "report.json").write_text(json.dumps(report))
        try:
            new.rename(folder)
        except OSError:  # another process was quicker, and may be reading its own by now
            if not (folder / "report.json").is_file():
                raise


def export_work(
    work: Path, config: TrainConfig, data: Data, out: Path, tracker: tracking.Tracker, teacher: str | None = None
) -> dict[str, Any]:  # fmt: skip
    """Exports a torch model that `fit` left in its work folder, as `fit` itself does; a student's `teacher` is named again.

    :raises UsageError: if the folder holds no finished training of these labels.
    """
    _check_out(out)
    model, tokenizer = _finished(work, data)
    with tracker.run(f"{config.name} export", {"config": config.model_dump(), "data_hash": data.digest}) as run_id:
        made_by = (run_id, _origin(work, "commit") or "unknown")
        return _write(config, data, model, tokenizer, out, made_by, tracker, teacher, work)


def _finished(work: Path, data: Data) -> "tuple[AreaClassifier, PreTrainedTokenizerFast]":
    """The model and tokenizer of a finished training.

    :raises UsageError: if the folder holds none, or one of other labels.
    """
    model, tokenizer = _torch_model(work)
    if _labels(model) != data.labels:
        raise UsageError(f"{work}: was trained on other labels than {data.source}; name the data it was trained on")
    return model, tokenizer


def _torch_model(work: Path) -> "tuple[AreaClassifier, PreTrainedTokenizerFast]":
    from transformers import PreTrainedTokenizerFast

    final = work / "final"
    if not (final / "model.safetensors").is_file():
        raise UsageError(f"{work}: holds no finished training (no final/model.safetensors); run `cooptag-train fit` first")
    return _trained(work), PreTrainedTokenizerFast.from_pretrained(final)


def _labels(model: "AreaClassifier") -> list[str]:
    """The labels that a model was trained on, in order."""
    number = {str(label): int(str(i)) for i, label in (model.config.id2label or {}).items()}
    return sorted(number, key=lambda label: number[label])
