"""How tagged sentences are written: JSON lines, CSV that a spreadsheet may open, Parquet."""

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from cooptag.jobs.readers import pyarrow

# Fields of every row; `scores` stands beside `areas` in CSV, where a cell holds one list.
_FLAGS = ("truncated", "uncertain", "forced")
_TEXTS = ("unsupported", "error")
CSV_COLUMNS = ("id", "sentence", "start", "end", "text", "lang", "areas", "scores", *_FLAGS, *_TEXTS)
# What a spreadsheet takes for a formula, or drops before one (OWASP ASVS 5, 1.2.10), also in full width.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
# Rows that are held before they are written.
ROW_GROUP = 5_000

Row = dict[str, Any]


def writer(file: Path, format: str, guard: bool = True) -> AbstractContextManager[Callable[[Row], object]]:
    """A function that writes one row to a new file; the file is whole when the context ends.

    :param guard: put an apostrophe before CSV cells that a spreadsheet would run as a formula.
    """
    return _WRITERS[format](file, guard)


@contextmanager
def _jsonl(file: Path, _guard: bool) -> Iterator[Callable[[Row], object]]:
    with file.open("w", encoding="utf8", newline="\n") as out:
        yield lambda row: out.write(json.dumps(row, ensure_ascii=False) + "\n")


@contextmanager
def _csv(file: Path, guard: bool) -> Iterator[Callable[[Row], object]]:
    # The byte-order mark is what makes a spreadsheet read Vietnamese as UTF-8.
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        # Quoted throughout: Python's writer leaves a bare carriage return unquoted, and readers break the row there.
        rows = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
        rows.writerow(CSV_COLUMNS)
        yield lambda row: rows.writerow([cell(value, guard) for value in _csv_values(row)])


def _csv_values(row: Row) -> list[Any]:
    areas = row["areas"]
    lists = {"areas": ";".join(a["id"] for a in areas), "scores": ";".join(str(a["score"]) for a in areas)}
    return [{**row, **lists}.get(name, False if name in _FLAGS else "") for name in CSV_COLUMNS]


def cell(value: Any, guard: bool) -> str:
    """A CSV cell; where `guard` is set, text that a spreadsheet would run gets an apostrophe (OWASP ASVS 1.2.10)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return f"'{text}" if guard and isinstance(value, str) and text.startswith(FORMULA) else text


@contextmanager
def _parquet(file: Path, _guard: bool) -> Iterator[Callable[[Row], object]]:
    arrow, parquet = pyarrow()
    area = arrow.struct([("id", arrow.string()), ("score", arrow.float64())])
    schema = arrow.schema([
        ("id", arrow.string()), ("sentence", arrow.int32()), ("start", arrow.int64()), ("end", arrow.int64()), ("text", arrow.string()),
        ("lang", arrow.string()), ("areas", arrow.list_(area)), *((name, arrow.bool_()) for name in _FLAGS),
        *((name, arrow.string()) for name in _TEXTS),
    ])  # fmt: skip
    waiting: list[Row] = []
    with parquet.ParquetWriter(file, schema, compression="zstd") as out:

        def flush() -> None:
            out.write_table(arrow.Table.from_pylist([{**dict.fromkeys(_FLAGS, False), **row} for row in waiting], schema))
            waiting.clear()

        def write(row: Row) -> None:
            waiting.append(row)
            if len(waiting) >= ROW_GROUP:
                flush()

        yield write
        flush()


_WRITERS = {"jsonl": _jsonl, "csv": _csv, "parquet": _parquet}
