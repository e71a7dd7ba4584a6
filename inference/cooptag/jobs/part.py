"""One part of a job: read, split, tagged, written, committed. Every engine calls `run`, and nothing else writes a part.

A part is committed by two renames: its rows under their name, then the record that vouches for them. Whatever stops the
work in between leaves a file that the next run writes again, with the same bytes.
"""

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cooptag import artifact
from cooptag.errors import InputError, ModelError, UsageError
from cooptag.jobs import formats
from cooptag.jobs.parties import Gazetteer
from cooptag.jobs.plan import Job, Part, Slice
from cooptag.jobs.readers import Row, read
from cooptag.jobs.stats import ID_CHARS, Stats
from cooptag.tagger import Tagger, at_options
from cooptag.types import TaggedSentence

RECORDS = "_parts"
# One sentence in so many is looked at for unknown pieces: that costs what a hundredth of the tagging does.
LOOKED_AT = 20
# Sentences between two signs of life.
SIGN_EVERY = 200


@dataclass(frozen=True)
class Worker:
    """What a process needs to write parts of a job: the loaded tagger and the names of parties (None: not looked for)."""

    job: Job
    tagger: Tagger
    gazetteer: Gazetteer | None
    cursor: "Cursor"

    @classmethod
    def load(cls, job: Job, threads: int | None = None) -> "Worker":
        """:raises ModelError: if the model folder is bad, or not the one that the job was planned with."""
        tagger = at_options(Tagger.load(job.model, job.device, threads), job.options.goal, job.options.thresholds)
        if digest(tagger.folder, *([tagger.second.folder] if tagger.second else [])) != job.model_digest:
            raise ModelError(f"{tagger.folder.path}: was changed while the job ran; run it again")
        return cls(job, tagger, gazetteer() if job.parties else None, Cursor())

    def run(self, part: Part, sign: Callable[[int], None] = lambda _: None) -> dict[str, Any]:
        """Writes and commits a part; returns its record. :param sign: called now and then with the sentences done.

        :raises OSError: if the input cannot be read any more, or the part not be written; its name then stands for what it did before.
        :raises InputError: if the input has changed since the job was planned.
        """
        file = part_file(self.job, part.number)
        scratch = artifact.scratch_name(file)
        work = _Work(self, part, sign)
        try:
            with formats.writer(scratch, self.job.options.format, self.job.options.guard) as write:
                for row in work.rows():
                    write(row)
            record = {**work.record(), "file": file.name, **_seal(scratch)}
            artifact.commit(scratch, file)
        finally:
            scratch.unlink(missing_ok=True)
        artifact.write_durably(record_file(self.job, part.number), json.dumps(record, ensure_ascii=False).encode("utf8"))
        return record


def gazetteer() -> Gazetteer | None:
    """The names of countries and organisations, None where the library that has them is not installed."""
    try:
        return Gazetteer()
    except UsageError:
        return None


def digest(*folders: artifact.ModelFolder) -> str:
    """What names a model of one folder, or of two ("auto")."""
    return "+".join(folder.manifest.digest for folder in folders)


def part_file(job: Job, number: int) -> Path:
    """Where the rows of a part lie."""
    return job.out / f"part-{number:05}.{job.options.format}"


def record_file(job: Job, number: int) -> Path:
    """Where the record lies that vouches for a part."""
    return job.out / RECORDS / f"{number:05}.json"


def committed(job: Job, number: int) -> dict[str, Any] | None:
    """The record of a part that is there, whole, and of this job; else None."""
    try:
        record = json.loads(record_file(job, number).read_bytes())
        same = record["job"] == job.digest and {**record, **_seal(part_file(job, number))} == record
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return record if same else None


def _seal(file: Path) -> dict[str, Any]:
    with file.open("rb") as stream:
        return {"sha256": hashlib.file_digest(stream, "sha256").hexdigest(), "bytes": file.stat().st_size}


class _Work:
    """A part while it is written: rows out, everything else counted."""

    def __init__(self, worker: Worker, part: Part, sign: Callable[[int], None]) -> None:
        self.worker, self.part, self.sign = worker, part, sign
        self.job = worker.job
        self.stats = Stats()
        self.rejected: list[tuple[int, int, dict[str, Any]]] = []  # with source and number of the row, to sort by
        self.written = 0
        self.looked_at: list[str] = []
        self.twice = frozenset(part.twice)

    def record(self) -> dict[str, Any]:
        """What is known of the part once its rows are out."""
        self.stats.counts["pieces"], self.stats.counts["unknown_pieces"] = self.worker.tagger.pieces(self.looked_at)
        rejected = [row for *_, row in sorted(self.rejected, key=lambda found: found[:2])]
        return {
            "part": self.part.number, "job": self.job.digest, "size": self.part.size, "rows": self.written,
            "rejected": rejected, "stats": self.stats.to_dict(),
        }  # fmt: skip

    def rows(self) -> Iterator[dict[str, Any]]:
        """The output rows, in the order of the input."""
        waiting: deque[tuple[int, Row]] = deque()

        def texts() -> Iterator[str]:
            for source, row in self._documents():
                waiting.append((source, row))
                yield row.text

        sentences: list[TaggedSentence] = []
        done = 0
        for count, (document, _, sentence) in enumerate(self._tagged(texts()), start=1):
            if count % SIGN_EVERY == 0:
                self.sign(count)
            for _ in range(done, document):  # the documents before this sentence's are complete
                yield from self._document(*waiting.popleft(), sentences)
                sentences = []
            done = document
            sentences.append(sentence)
        while waiting:
            yield from self._document(*waiting.popleft(), sentences)
            sentences = []

    def _tagged(self, texts: Iterator[str]) -> Iterator[tuple[int, int, TaggedSentence]]:
        tagger, lang = self.worker.tagger, self.job.options.lang
        if self.job.options.split:
            return tagger.stream_articles(texts, lang)
        return ((number, 0, sentence) for number, sentence in enumerate(tagger.stream(texts, lang)))

    def _document(self, source: int, row: Row, sentences: list[TaggedSentence]) -> Iterator[dict[str, Any]]:
        if not sentences:
            self._reject(source, row, "no_sentence", "its text has no sentence")
            return
        gazetteer = self.worker.gazetteer
        parties = [gazetteer.find(s.text, s.lang) if s.areas else () for s in sentences] if gazetteer else []
        self.stats.document(sentences, row.id, row.date, parties)
        self.stats.encodings[row.encoding] += 1
        self.stats.counts["mended"] += int(row.mended)
        for number, sentence in enumerate(sentences):
            if self.written % LOOKED_AT == 0:
                self.looked_at.append(sentence.text)
            self.written += 1
            yield {"id": row.id, "sentence": number, **sentence.to_dict()}

    def _documents(self) -> Iterator[tuple[int, Row]]:
        """The rows with a text, and the source of each; the others are counted, or listed with the reason."""
        met = 0
        for piece in self.part.slices:
            for row in self.worker.cursor.rows(self.job, piece):
                met += 1
                if row.error == "unreadable" and not self.job.hashes[piece.source].startswith(row.error):
                    raise OSError(f"{self.job.sources[piece.source].name}: cannot be read any more ({row.detail})")
                if row.error == "blank":
                    self.stats.counts["blank"] += 1
                elif row.error:
                    self._reject(piece.source, row, row.error, row.detail)
                elif (piece.source, row.mark.number) in self.twice:
                    self._reject(piece.source, row, "duplicate_id", "an earlier row has the same id")
                else:
                    yield piece.source, row
        if met != self.part.rows:
            names = ", ".join(sorted({self.job.sources[piece.source].name for piece in self.part.slices})[:3])
            raise InputError(f"{names}: changed while the job ran ({met} rows, {self.part.rows} expected); run it again with --restart")

    def _reject(self, source: int, row: Row, error: str, detail: str) -> None:
        self.stats.rejected[error] += 1
        self.stats.counts["rejected"] += 1
        name = self.job.sources[source].name
        rejected = {"source": name, "row": row.mark.number, "id": row.id[:ID_CHARS], "error": error, "detail": detail}
        self.rejected.append((source, row.mark.number, rejected))


class Cursor:
    """Reads slices of sources. It goes on where it stopped in those that are not quickly entered in the middle, packed ones and Parquet."""

    def __init__(self) -> None:
        self._source = -1
        self._rows: Iterator[Row] = iter(())
        self._row: Row | None = None

    def rows(self, job: Job, piece: Slice) -> Iterator[Row]:
        """The rows of a slice."""
        source = job.sources[piece.source]
        slow = source.packing or source.kind == "parquet"
        if not (slow and self._source == piece.source and self._row and self._row.mark <= piece.start):
            self._source, self._rows = piece.source, read(source, job.options.fields(), piece.start)
            self._row = next(self._rows, None)
        while self._row and not (piece.stop and self._row.mark.number >= piece.stop):
            if self._row.mark >= piece.start:
                yield self._row
            self._row = next(self._rows, None)
