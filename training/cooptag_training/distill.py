"""Distillation (Hinton et al. 2015): a student learns a teacher's scores, on labelled text and on text without labels."""

import hashlib
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cooptag import Tagger, artifact, text
from cooptag.errors import InputError, UsageError
from cooptag_training import augment, jsonl
from cooptag_training.config import TrainConfig
from cooptag_training.fit import label_matrix
from cooptag_training.split import Row, evenly, shares

# Characters of the sentences that are taken from text without labels.
SHORTEST, LONGEST = 40, 500
# Characters of one document that are read.
DOCUMENT = 200_000


@dataclass(frozen=True)
class Teaching:
    """Who teaches and on what besides the labelled data.

    :param teacher: model folder or name. :param unlabelled: JSONL files of `text`, a document a line.
    :param forbidden: JSONL files of `text` that must not be learned from, such as an evaluation set: documents that share
        text with one are left out.
    :param start: the work folder of a finished training that the student starts from; None for the pretrained encoder.
    """

    teacher: str
    unlabelled: tuple[Path, ...] = ()
    forbidden: tuple[Path, ...] = ()
    start: Path | None = None

    def identity(self) -> dict[str, str]:
        """What the student depends on: digests of teacher, texts and start."""
        return {
            "teacher": artifact.load(artifact.find(self.teacher)).manifest.digest,
            "unlabelled": ", ".join(f"{file.name} (SHA-256 {_sha256(file)[:12]})" for file in self.unlabelled),
            "forbidden": ", ".join(map(_sha256, self.forbidden)),
            "start": _sha256(self.start / "final" / "model.safetensors") if self.start else "",
        }


def lessons(
    rows: Sequence[Row], part: Sequence[Row], labels: list[str], config: TrainConfig, teaching: Teaching, work: Path
) -> tuple[list[Row], Any]:  # fmt: skip
    """The rows that a student learns from and what it is to answer, (n, A) in [0, 1].

    :param rows: the training split with its augmentation. :param part: the training split alone.
    The teacher's logits are kept in `work`, so that a run that goes on does not ask again.
    :raises UsageError: if the teacher's labels are not the data's. :raises InputError: if a file cannot be read.
    """
    tagger = Tagger.load(teaching.teacher)
    if list(tagger.decoder.areas) != labels:
        raise UsageError(f"--teacher {teaching.teacher}: has other labels than the data; name a model trained on the same labels")
    found = unlabelled(teaching, config.unlabelled)
    clauses = augment.recombined(part, config.augment, config.seed)
    everything = [*rows, *clauses, *found]
    print(f"{len(rows)} labelled rows, {len(clauses)} of their clauses, {len(found)} unlabelled sentences", file=sys.stderr)
    targets = 1 / (1 + np.exp(-_asked(tagger, [row.text for row in everything], work / "teacher.npz")))
    weight = config.label_weight
    targets[: len(rows)] = weight * label_matrix(rows, labels) + (1 - weight) * targets[: len(rows)]
    return everything, targets


def unlabelled(teaching: Teaching, most: int) -> list[Row]:
    """At most so many sentences of each file, evenly drawn, of the documents that share no text with what is forbidden.

    :raises InputError: if a file cannot be read, or holds no sentence.
    """
    forbidden = [str(record["text"]) for file in teaching.forbidden for _, record in jsonl.read(file, "a text on each line", ["text"])]
    found: list[Row] = []
    for file in teaching.unlabelled:
        documents = [(number, str(record["text"])[:DOCUMENT]) for number, record in jsonl.read(file, "a text on each line", ["text"])]
        keep = [not shared for shared in shares([document for _, document in documents], forbidden)]
        sentences = [
            Row(f"{file.name}:{number}:{start}", document[start:end], (), "", f"{file.name}:{number}", "train")
            for (number, document), kept in zip(documents, keep, strict=True) if kept
            for start, end, _ in text.segment(document)
            if SHORTEST <= end - start < LONGEST
        ]  # fmt: skip
        if not sentences:
            raise InputError(f"{file}: holds no sentence of {SHORTEST} to {LONGEST} characters to learn from; leave it out")
        print(f"{file.name}: {len(sentences)} sentences; {keep.count(False)} of {len(keep)} documents left out", file=sys.stderr)
        found += evenly(sentences, most)
    return found


def _asked(tagger: Tagger, texts: list[str], kept: Path) -> Any:
    """The teacher's logits of texts, (n, A)."""
    digest = hashlib.sha256(json.dumps([tagger.folder.manifest.digest, texts]).encode()).hexdigest()
    if kept.is_file():
        with np.load(kept) as file:
            if str(file["digest"]) == digest:
                return file["logits"].astype(np.float64)
    logits = tagger.logits(texts)
    kept.parent.mkdir(parents=True, exist_ok=True)
    raw = io.BytesIO()
    np.savez(raw, digest=digest, logits=logits)
    artifact.write_durably(kept, raw.getvalue())
    return logits.astype(np.float64)


def _sha256(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); name a file that is there") from error
