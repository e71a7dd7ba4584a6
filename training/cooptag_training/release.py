"""A trained torch model → the model folder that is served: exported, quantised, calibrated, scored, described.

Everything is made and verified in a scratch folder; `out` appears whole at the end, or not at all.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cooptag import Tagger, artifact, evidence, text
from cooptag.artifact import Calibration, Manifest
from cooptag.decode import Decoder
from cooptag.jobs import drift
from cooptag.jobs.stats import Stats
from cooptag.types import Area
from cooptag_training import calibrate, evaluate, export, metrics, plots, pretrained, tracking
from cooptag_training.areas import AreaEntry
from cooptag_training.config import TrainConfig
from cooptag_training.split import Row, by_language, evenly

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from cooptag_training.model import AreaClassifier

# Validation micro-F1 that 8-bit weights may cost; beyond it the folder is written in fp32.
QUANTISATION_COST = 0.005
# Training sentences that the rounding to 8 bits is fitted on.
CALIBRATED_ON = 300
# The share of validation sentences that a student passes on in "auto": those where it expects most errors.
PASSED_ON = 0.3
# Micro-F1 of a student's tags against its teacher's below which nothing is written.
LEAST_AGREEMENT = 0.7
# One golden text a language, and more until there are this many.
N_GOLDEN = 24
NEUTRAL_GOLDEN = (
    "The two sides met on Monday and agreed to work together.", "Hai bên gặp nhau hôm thứ Hai và nhất trí hợp tác.",
    "A long report of 120 pages was published in the spring.", "Ngân hàng, trường học và bệnh viện mở cửa lúc 8 giờ.",
)  # fmt: skip


@dataclass(frozen=True)
class Data:
    """What a model is trained on: split rows, the label set in order, what describes the labels, and the hash."""

    rows: list[Row]
    labels: list[str]
    entries: list[AreaEntry]
    digest: str
    source: str

    def part(self, split: str) -> list[Row]:
        """The rows of one split."""
        return [row for row in self.rows if row.split == split]

    @property
    def single(self) -> bool:
        """Whether every text has exactly one label: then a new one is given exactly one, too."""
        return all(len(row.labels) == 1 for row in self.rows)


@dataclass(frozen=True)
class _Candidate:
    """One precision of the model, calibrated: its folder, micro-F1 on validation, and report on test."""

    folder: Path
    validation_f1: float
    report: dict[str, Any]


def write(
    config: TrainConfig, data: Data, model: "AreaClassifier", tokenizer: "PreTrainedTokenizerFast", out: Path, made_by: tuple[str, str],
    tracker: tracking.Tracker, teacher: str | None = None, unlabelled: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Writes the model folder `out` and returns its report on the test split.

    int8 is written only if it costs at most `QUANTISATION_COST` of validation micro-F1, else fp32 with a warning.

    :param made_by: the tracked run's id and the commit of the code that trained.
    :param teacher: the model whose student this is: what "auto" passes on to it is fitted, and how far they agree checked.
    :param unlabelled: the files that the teacher read out to it, for the card.
    :raises ParityError: if the fp32 graph strays from torch, a text's logits depend on its batch, or a student on its teacher
        too little; nothing is written then.
    """
    graph = export.to_onnx(model)
    texts = parity_texts(data.rows, config)
    parity = export.check_parity(model, graph, tokenizer, texts, config.max_length)
    tracker.metrics({"export_parity": parity, "fp32_bytes": len(graph)})
    draft, second = _draft(config, data, made_by), Tagger.load(teacher, device="cpu") if teacher else None
    if second is not None:
        draft = draft.model_copy(update={"teacher": f"{second.folder.manifest.name} {second.folder.manifest.digest[:12]}"})
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        chosen = _candidate(draft, graph, tokenizer, data, Path(scratch) / "fp32", config.examples > 0)
        if config.export_precision == "int8":
            small = draft.model_copy(update={"precision": "int8"})
            plan = export.plan(model, tokenizer, calibration_texts(data, config), config.max_length)
            quantised = _candidate(small, export.to_onnx(model, plan), tokenizer, data, Path(scratch) / "int8", config.examples > 0)
            chosen = _choose(chosen, quantised, tracker)
        contents = {name: (chosen.folder / name).read_bytes() for name in artifact.FILES}
        tagger = Tagger.load(chosen.folder, device="cpu")
        manifest = tagger.folder.manifest
        contents["examples.npz"] = _examples(tagger, data, config.examples)
        tracker.metrics({"batch_parity": export.check_batches(tagger.encoder, [t.removeprefix(config.prefix) for t in texts])})
        manifest = manifest.model_copy(update={"reference": reference(tagger, data.rows)})
        if second is not None:
            manifest = manifest.model_copy(update={"pass_on_from": _pass_on_from(tagger, second, data, tracker)})
            contents["README.md"] = card(manifest, chosen.report, data, unlabelled).encode("utf8")
        artifact.save(out, manifest, contents)
    _track(tracker, out, data, chosen.report)
    return chosen.report


def _choose(full: _Candidate, small: _Candidate, tracker: tracking.Tracker) -> _Candidate:
    cost = full.validation_f1 - small.validation_f1
    tracker.metrics({"validation_f1_fp32": full.validation_f1, "validation_f1_int8": small.validation_f1})
    tracker.metrics({"test_f1_fp32": full.report["micro"]["f1"], "test_f1_int8": small.report["micro"]["f1"]})
    print(f"8-bit weights cost {cost:.4f} of validation micro-F1 ({full.validation_f1:.4f} in fp32)", file=sys.stderr)
    if cost <= QUANTISATION_COST:
        return small
    print(f"warning: more than {QUANTISATION_COST}; the model is written in fp32", file=sys.stderr)
    return full


def _pass_on_from(student: Tagger, teacher: Tagger, data: Data, tracker: tracking.Tracker) -> float:
    """The expected number of wrong areas from which "auto" passes a text on: the share of validation sentences that it is least sure of.

    :raises ParityError: if student and teacher agree on too few tags.
    """
    rows = data.part("validation")
    own = evaluate.Served(student, rows)
    agreement = metrics.precision_recall_f1(evaluate.Served(teacher, rows).areas, own.areas)["f1"]
    tracker.metrics({"agreement_with_teacher": agreement})
    print(f"student and teacher agree at micro-F1 {agreement:.3f} on validation", file=sys.stderr)
    if agreement < LEAST_AGREEMENT:
        raise export.ParityError(
            f"export: the student agrees with its teacher at {agreement:.2f} on validation; at least {LEAST_AGREEMENT} expected, "
            "nothing was written; train it longer or on more text"
        )
    return round(float(np.quantile(student.decoder.expected_errors(own.scores, own.areas), 1 - PASSED_ON)), 4)


def calibration_texts(data: Data, config: TrainConfig) -> list[str]:
    """Training sentences of all languages alike, as the model is fed them: what the rounding is fitted on."""
    groups = by_language(data.part("train"))
    count = max(1, CALIBRATED_ON // len(groups))
    chosen = [row for rows in groups.values() for row in rows[:: max(1, len(rows) // count)][:count]]
    return [config.prefix + text.normalize(row.text, row.lang) for row in chosen]


def parity_texts(rows: Sequence[Row], config: TrainConfig, count: int = 64) -> list[str]:
    """Held-out sentences spread evenly over all lengths, and one of each language, as the model is fed them."""
    held_out = sorted((row for row in rows if row.split != "train"), key=lambda row: len(row.text))
    step = max(1, len(held_out) // count)
    one_each = {row.lang: row for row in held_out}.values()
    return [config.prefix + text.normalize(row.text, row.lang) for row in [*held_out[::step], held_out[-1], *one_each]]


def _draft(config: TrainConfig, data: Data, made_by: tuple[str, str]) -> Manifest:
    n = len(data.labels)
    return Manifest(
        format_version=artifact.FORMAT_VERSION, name=config.name, areas=data.labels,
        problem_type="single_label" if data.single else "multi_label", goal=config.goal, thresholds=[0.5] * n, goals={},
        none=(-1.0, 0.0), uncertain_from=float(n), pass_on_from=float(n), reference=None,
        calibration=Calibration(method="none", scale=[1.0] * n, bias=[0.0] * n), max_length=config.max_length,
        languages=sorted({row.lang for row in data.rows}), text_version=text.TEXT_VERSION, prefix=config.prefix,
        precision="fp32", base_model=pretrained.describe(config.base_model), teacher="", data_hash=data.digest, run_id=made_by[0],
        git_commit=made_by[1], created=datetime.now(UTC).strftime("%Y-%m-%d"), files={},
    )  # fmt: skip


def _candidate(
    manifest: Manifest, graph: bytes, tokenizer: "PreTrainedTokenizerFast", data: Data, folder: Path, own_golden: bool
) -> _Candidate:
    """Writes the folder three times over: bare, to run it; calibrated on validation, to score it; with its card."""
    contents = _contents(graph, tokenizer, data)
    artifact.save(folder, manifest, contents)
    validation = data.part("validation")
    gold = evaluate.label_matrix(validation, data.labels)
    logits = Tagger.load(folder, device="cpu").logits([row.text for row in validation])
    manifest, decoder = _calibrated(manifest, logits, gold)
    artifact.save(folder, manifest, contents)
    tagger = Tagger.load(folder, device="cpu")
    report = evaluate.evaluate(tagger, data.part("test") or validation)[0]
    contents |= {"golden.json": golden(tagger, data, own_golden), "README.md": card(manifest, report, data).encode("utf8")}
    artifact.save(folder, manifest, contents)
    Tagger.load(folder, device="cpu").verify()
    return _Candidate(folder, metrics.precision_recall_f1(gold, decoder.decide(decoder.scores(logits)))["f1"], report)


def _calibrated(manifest: Manifest, logits: metrics.Floats, gold: metrics.Bools) -> tuple[Manifest, Decoder]:
    """The manifest with what validation logits (n, A) and gold areas (n, A) say of scores and of every goal's thresholds."""
    decoder = calibrate.fit(logits, gold, tuple(manifest.areas), manifest.goal, manifest.problem_type == "single_label")
    scores = decoder.scores(logits)
    goals = {} if decoder.single else {
        goal: (decoder.thresholds if goal == manifest.goal else calibrate.thresholds(scores, gold, goal)).tolist()
        for goal in dict.fromkeys((*calibrate.GOALS, manifest.goal))
    }  # fmt: skip
    calibration = Calibration(method=calibrate.METHOD, scale=decoder.scale.tolist(), bias=decoder.bias.tolist())
    fitted = {"thresholds": decoder.thresholds.tolist(), "none": decoder.none, "uncertain_from": decoder.uncertain_from}
    return manifest.model_copy(update={"calibration": calibration, "goals": goals, **fitted}), decoder


def reference(tagger: Tagger, rows: Sequence[Row]) -> artifact.Reference | None:
    """What the model says of the held-out sentences, for batch jobs to hold theirs against."""
    texts = [row.text for row in rows if row.split != "train"]
    stats = Stats()
    stats.document(tagger.tag(texts))
    stats.counts["pieces"], stats.counts["unknown_pieces"] = tagger.pieces(texts)
    return drift.reference(stats, tagger.decoder.areas)


def _examples(tagger: Tagger, data: Data, count: int) -> bytes:
    """The training sentences that the folder carries: `count` of them, evenly over the data, or all."""
    rows = evenly(data.part("train"), count)
    vectors = tagger.vectors([row.text for row in rows])
    return evidence.pack([(row.text, row.lang) for row in rows], vectors, evaluate.label_matrix(rows, data.labels))


def _contents(graph: bytes, tokenizer: "PreTrainedTokenizerFast", data: Data) -> dict[str, bytes]:
    described = {entry.area.id: entry.area for entry in data.entries}
    areas = [asdict(described.get(label, Area(label))) for label in data.labels]
    return {
        "model.onnx": graph,
        "tokenizer.json": tokenizer.backend_tokenizer.to_str(pretty=False).encode("utf8"),
        "areas.json": (json.dumps(areas, ensure_ascii=False, indent=1) + "\n").encode("utf8"),
        "golden.json": b'{"items": []}\n',
        "examples.npz": b"",
        "README.md": b"",
    }


def golden(tagger: Tagger, data: Data, own: bool = True) -> bytes:
    """Held-out texts of every language with the logits and areas this folder gives them, for `cooptag verify`.

    :param own: False for data that must not leave the house: neutral sentences then stand for them.
    """
    held_out = data.part("test") or data.part("validation")
    one_each = {row.lang: row for row in held_out}
    rows = [*one_each.values(), *(row for row in held_out if row not in one_each.values())][:N_GOLDEN]
    texts = [row.text for row in rows] if own else list(NEUTRAL_GOLDEN)
    logits = tagger.logits(texts)
    items = [
        {"text": tagged.text, "logits": [round(float(x), 5) for x in logits[i]], "areas": [a.id for a in tagged.areas]}
        for i, tagged in enumerate(tagger.tag(texts))
    ]
    return (json.dumps({"items": items}, ensure_ascii=False, indent=1) + "\n").encode("utf8")


def _recipe(manifest: Manifest) -> str:
    """The shipped recipe that a model of this name is made by."""
    own = f"configs/train-{manifest.name.removeprefix('cooptag-')}.yaml"
    return own if manifest.name in ("cooptag-nano", "cooptag-large") else "configs/train.yaml"


def card(manifest: Manifest, report: dict[str, Any], data: Data, unlabelled: str = "") -> str:
    """The model card: what it is, how it was made, what it scores on its own test split, and its limits."""
    counts = ", ".join(f"{len(data.part(split))} {split}" for split in ("train", "validation", "test"))
    scored_on = "the held-out test split of its own data" if data.part("test") else "its validation split, where thresholds were fitted"
    return (
        f"---\nlanguage: [{', '.join(manifest.languages)}]\nlicense: apache-2.0\npipeline_tag: text-classification\n"
        f"base_model: {manifest.base_model.split()[0]}\n---\n\n# {manifest.name}\n\n"
        f"Tags a sentence with every one of {len(manifest.areas)} labels that it names, or none. Fine-tuned from "
        f"{manifest.base_model} by `cooptag-train fit`; the whole recipe is `{_recipe(manifest)}`.\n\n"
        f"| made from | |\n| --- | --- |\n| data | {data.source}: {counts} sentences, hash `{manifest.data_hash}` |\n"
        f"| run | `{manifest.run_id}`, commit `{manifest.git_commit}`, {manifest.created} |\n"
        + (f"| student of | {manifest.teacher}; it also read out {unlabelled or 'no other text'} |\n" if manifest.teacher else "")
        + f"| precision | {manifest.precision}; window {manifest.max_length} tokens |\n"
        f"| thresholds | one an area for each goal ({', '.join(manifest.goals) or 'the highest score wins'}), "
        f"fitted on the validation split; {manifest.calibration.method} |\n\n"
        f"## Scores on {scored_on}\n\n```\n" + evaluate.describe(report) + "\n```\n\n"
        "## Limits\n\nTrained on text written for the project, not on collected news. A sentence is read alone, without "
        "the sentences around it. Scores are probabilities calibrated on text of that kind; on other text they shift.\n"
    )


def _track(tracker: tracking.Tracker, out: Path, data: Data, report: dict[str, Any]) -> None:
    split = "test" if data.part("test") else "validation"
    tracker.metrics({
        **{f"{split}_{key}": report["micro"][key] for key in ("f1", "precision", "recall")},
        **{f"{split}_f1_{row['lang']}": row["f1"] for row in report["languages"]},
        f"{split}_macro_f1": report["macro_f1"], f"{split}_ece": report["ece"],
        f"{split}_none_false_positives": report["none"]["false_positive_rate"],
        "model_bytes": sum(file.stat().st_size for file in out.iterdir()),
    })  # fmt: skip
    tracker.table("areas", report["areas"])
    tracker.table("languages", report["languages"])
    for name, plot in (("area_f1", plots.area_f1), ("language_f1", plots.language_f1), ("reliability", plots.reliability)):
        tracker.figure(name, plot(report))
    _track_errors(tracker, out, data.part("test") or data.part("validation"), data.labels)


def _track_errors(tracker: tracking.Tracker, out: Path, rows: Sequence[Row], labels: Sequence[str]) -> None:
    tagger = Tagger.load(out, device="cpu")
    served = evaluate.Served(tagger, rows)
    gold = evaluate.label_matrix(rows, labels)
    tracker.figure("precision_recall", plots.precision_recall(served.scores, gold, tagger.decoder.thresholds))
    tracker.figure("missed_pairs", plots.missed_pairs(gold, served.areas, labels))
    errors = evaluate.errors(rows, gold, served.areas, labels)
    tracker.table("errors", [{**e, **{k: ", ".join(e[k]) for k in ("missed", "added", "right")}} for e in errors])
