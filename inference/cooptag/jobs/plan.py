"""What a job is: its inputs, model and options under one digest, and the parts that it is cut into.

The cut depends on the input and `Options.part_mb` alone, so that a job that was stopped finds its parts again.
"""

import hashlib
import json
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from cooptag import __version__
from cooptag.errors import UsageError
from cooptag.jobs.readers import Fields, Mark, Source, read
from cooptag.text import TEXT_VERSION

FORMATS = ("jsonl", "parquet", "csv")
_FIRST = Mark(0, 1)
# Bytes that a row counts for at least: a part holds a line on each of its rejected rows.
LEAST_ROW = 100


@dataclass(frozen=True)
class Options:
    """What decides which bytes a job writes, beside its input and model.

    `guard`: cells of CSV that a spreadsheet would run as a formula get an apostrophe. `part_mb`: megabytes of input in a part.
    """

    text: str = "text"
    id: str = "id"
    date: str = "date"
    split: bool = True
    lang: str | None = None
    goal: str | None = None
    thresholds: tuple[str, ...] = ()
    format: str = "jsonl"
    guard: bool = True
    part_mb: float = 1.0

    def fields(self) -> Fields:
        """What the reader looks for."""
        return Fields(self.text, self.id, self.date, self.split)


@dataclass(frozen=True)
class Job:
    """Everything that a worker needs to write a part. `hashes`: SHA-256 of each source; `parties`: the gazetteer's version, or ""."""

    out: Path
    sources: tuple[Source, ...]
    hashes: tuple[str, ...]
    model: str | None
    model_digest: str
    parties: str
    options: Options
    device: str = "auto"

    def identity(self) -> dict[str, Any]:
        """What must be the same for a stopped job to go on, as JSON values."""
        files = {source.name: digest for source, digest in zip(self.sources, self.hashes, strict=True)}
        versions = {"cooptag": __version__, "text": TEXT_VERSION, "parties": self.parties}
        return {"input": files, "model": self.model_digest, "options": json.loads(json.dumps(asdict(self.options))), "versions": versions}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of `identity`."""
        return hashlib.sha256(json.dumps(self.identity(), sort_keys=True).encode()).hexdigest()

    def to_json(self) -> str:
        """One line that `from_json` reads back in another process, maybe on another machine."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        sources = [[str(s.path.resolve()), *s[1:]] for s in self.sources]
        model = str(Path(self.model).resolve()) if self.model and Path(self.model).is_dir() else self.model
        places = {"out": str(self.out.resolve()), "sources": sources, "model": model}
        return json.dumps({**values, **places, "options": asdict(self.options)})

    @classmethod
    def from_json(cls, line: str) -> "Job":
        """The job of `to_json`."""
        data = json.loads(line)
        options = {**data["options"], "thresholds": tuple(data["options"]["thresholds"])}
        sources = tuple(Source(Path(path), *rest) for path, *rest in data["sources"])
        read_back = {"out": Path(data["out"]), "hashes": tuple(data["hashes"]), "options": Options(**options), "sources": sources}
        return cls(**{**data, **read_back})


class Slice(NamedTuple):
    """Rows of one source, from a mark up to the row of number `stop`, which is not of it (0: to the end)."""

    source: int
    start: Mark
    stop: int


class Part(NamedTuple):
    """Some neighbouring rows of the input, written as one file. `rows`: how many they are, `size` their bytes.

    `twice`: (source, number) of those whose id an earlier row had.
    """

    number: int
    slices: tuple[Slice, ...]
    twice: tuple[tuple[int, int], ...]
    rows: int
    size: int

    @classmethod
    def from_json(cls, line: str) -> "Part":
        """The part of `json.dumps(part)`."""
        number, slices, twice, rows, size = json.loads(line)
        return cls(number, tuple(Slice(s, Mark(*m), stop) for s, m, stop in slices), tuple((s, n) for s, n in twice), rows, size)


def cut(sources: Sequence[Source], options: Options) -> list[Part]:
    """The parts of a job, each of about `part_mb` of the input; reads every row once.

    :raises InputError: if a source does not have the columns that it should. :raises OSError: if the temporary folder is full.
    """
    parts: list[Part] = []
    slices: list[Slice] = []
    twice: list[tuple[int, int]] = []
    rows = size = 0
    with closing(_Ids()) as ids:
        for i, source in enumerate(sources):
            start: Mark | None = None
            for mark, row_size, id in _rows(source, options):
                if size >= options.part_mb * 1e6:
                    slices += [Slice(i, start, mark.number)] if start else []
                    parts.append(Part(len(parts), tuple(slices), tuple(twice), rows, size))
                    slices, twice, rows, size, start = [], [], 0, 0, None
                start = start or mark
                rows, size = rows + 1, size + max(row_size, LEAST_ROW)
                if id is not None and ids.seen(id):
                    twice.append((i, mark.number))
            slices += [Slice(i, start, 0)] if start else []
    return [*parts, Part(len(parts), tuple(slices), tuple(twice), rows, size)] if slices else parts


def _rows(source: Source, options: Options) -> Iterator[tuple[Mark, int, str | None]]:
    """Where each row begins, how many bytes it takes, and its id if it has one; a file that is one document is not read."""
    if source.kind == "html" or (source.kind == "txt" and options.split):
        yield _FIRST, source.size, None
        return
    for row in read(source, options.fields()):
        yield row.mark, row.size, None if row.error else row.id


class _Ids:
    """The ids seen so far, as digests in a temporary file, so that memory stays flat."""

    def __init__(self) -> None:
        self._table = sqlite3.connect("")
        self._table.execute("CREATE TABLE ids (id BLOB PRIMARY KEY) WITHOUT ROWID")

    def seen(self, id: str) -> bool:
        """Whether this id came before; from now on it did."""
        digest = hashlib.blake2b(id.encode("utf8", "replace"), digest_size=16).digest()
        try:
            return self._table.execute("INSERT OR IGNORE INTO ids VALUES (?)", (digest,)).rowcount == 0
        except sqlite3.Error as error:
            raise OSError(f"the ids seen so far do not fit into {tempfile.gettempdir()} ({error}); set TMPDIR to a larger place") from error

    def close(self) -> None:
        self._table.close()


def hashed(sources: Sequence[Source]) -> tuple[str, ...]:
    """SHA-256 of each source's bytes; of one that cannot be read, why not."""
    return tuple(map(_hash, sources))


def _hash(source: Source) -> str:
    try:
        with source.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"unreadable: {error.strerror}"


def differences(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Why a job cannot go on where another stopped: what is different between two identities, in words; "" if nothing is."""
    reasons = []
    changed = sorted(name for name in {**before["input"], **now["input"]} if before["input"].get(name) != now["input"].get(name))
    if changed:
        others = f" and {len(changed) - 2} more" if len(changed) > 2 else ""
        reasons.append(f"the input ({', '.join(changed[:2])}{others})")
    if before["model"] != now["model"]:
        reasons.append("the model")
    for name, word in (("options", "the option"), ("versions", "the version of")):
        keys = sorted(key for key in {**before[name], **now[name]} if before[name].get(key) != now[name].get(key))
        if keys:
            reasons.append(f"{word} {', '.join(keys)}")
    return "; ".join(reasons)


def check(options: Options) -> None:
    """:raises UsageError: if an option has no meaning."""
    if options.format not in FORMATS:
        raise UsageError(f"--format is {options.format!r}; expected one of {', '.join(FORMATS)}")
    if not 0.001 <= options.part_mb <= 1000:
        raise UsageError(f"--part-size is {options.part_mb:g} MB; expected 0.001 to 1000")


@dataclass(frozen=True)
class Engine:
    """Who does the work. `workers`: processes, 0 for as many as the machine has use for; `threads` of each, 0 likewise.

    `retries` of a part whose worker died, or gave no sign of life for `patience` seconds. `address`: of a Ray cluster.
    """

    name: str = "local"
    workers: int = 0
    threads: int = 0
    retries: int = 2
    patience: float = 600.0
    address: str | None = None
