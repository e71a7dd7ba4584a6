"""The recipe, top to bottom: data → encoder → fine-tuning → ONNX → thresholds → model folder → scores, all tracked."""

import hashlib
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cooptag import artifact, text
from cooptag.errors import UsageError
from cooptag_training import areas as area_file
from cooptag_training import augment, corpus, dataset, jsonl, plots, release, tracking, vocabulary, warm_starts
from cooptag_training.areas import AreaEntry
from cooptag_training.config import TrainConfig
from cooptag_training.release import Data
from cooptag_training.split import Row, check_forbidden
from cooptag_training.warm_starts import WarmStart

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from cooptag_training.distill import Teaching
    from cooptag_training.model import AreaClassifier

CACHE = Path.home() / ".cache" / "cooptag"


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
    config: TrainConfig, data: Data, out: Path, tracker: tracking.Tracker, teaching: "Teaching | None" = None,
    warm: WarmStart | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Trains, exports, calibrates and writes the model folder `out`; returns its test report. With `teaching` it is a student.

    With `warm` it starts from a trained model. Areas that no training row carries are then zero-shot: see `warm_starts.zero_shot`.

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
            targets = warm_starts.judged(rows, data)
            identity |= {"warm_start": warm.identity(), "zero_shot": ", ".join(warm_starts.zero_shot(data))}
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
        return _write(config, data, warm_starts.trained(work), tokenizer, out, (run_id, commit), tracker, teacher, work)


def _write(
    config: TrainConfig, data: Data, model: "AreaClassifier", tokenizer: "PreTrainedTokenizerFast", out: Path, made_by: tuple[str, str],
    tracker: tracking.Tracker, teacher: str | None, work: Path,
) -> dict[str, Any]:  # fmt: skip
    report = release.write(config, data, model, tokenizer, out, made_by, tracker, teacher, _origin(work, "unlabelled"))
    if areas := _origin(work, "zero_shot"):
        warm_starts.open_zero_shot(out, data, areas.split(", "), config.examples > 0)
    tracker.model(out, config.name)
    return report


def _start(
    config: TrainConfig, data: Data, tracker: tracking.Tracker, teaching: "Teaching | None", warm: WarmStart | None
) -> "tuple[AreaClassifier, PreTrainedTokenizerFast]":
    if warm is not None:
        return warm_starts.start(warm, config, data)
    return start_from(teaching.start, config, data) if teaching and teaching.start else prepare(config, data, tracker)


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
        start_from_descriptions(model, *warm_starts.descriptions(model, tokenizer, config, data))
    return model, tokenizer


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
    model, tokenizer = warm_starts.torch_model(work)
    if warm_starts.labels_of(model) != data.labels:
        raise UsageError(f"{work}: was trained on other labels than {data.source}; name the data it was trained on")
    return model, tokenizer


