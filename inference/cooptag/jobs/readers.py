"""Files in, rows out: text, web pages, JSON lines, CSV and Parquet, plain or packed, in flat memory.

A row that cannot be used comes with an error code and without text, and reading goes on behind it. `Row.mark` says
where a row begins; reading that starts there gives that row and the ones behind it, as if all had been read.
"""

import csv
import json
import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date as Date
from pathlib import Path
from typing import Any, Final, NamedTuple

from cooptag.errors import InputError, UsageError
from cooptag.jobs import html, streams
from cooptag.jobs.streams import FaultError, Line, Mark, Source, Stream, detect

SUFFIXES: Final = {
    ".txt": "txt", ".html": "html", ".htm": "html", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "csv",
    ".parquet": "parquet",
}  # fmt: skip
PACKINGS: Final = {".gz": "gz", ".zst": "zst"}
MAX_RECORD: Final = 1_000_000  # bytes of a record of CSV, so that a quote that is not closed costs no more
MAX_COLUMNS: Final = 500  # of CSV: `_Records` takes time in proportion to lines times columns
MAX_CHARS: Final = 8_000_000  # code points of a row's text
MAX_TEXT_FILE: Final = 64_000_000
MAX_HTML: Final = 5_000_000
# What `cooptag info` says of them. Bytes, but for the columns of a table and the characters of a text.
LIMITS: Final = {
    "line_bytes": streams.MAX_LINE, "csv_record_bytes": MAX_RECORD, "csv_columns": MAX_COLUMNS, "text_characters": MAX_CHARS,
    "text_file_bytes": MAX_TEXT_FILE, "html_bytes": MAX_HTML, "unpacked_bytes": streams.MAX_UNPACKED, "unpacked_ratio": streams.RATIO,
}  # fmt: skip


class Fields(NamedTuple):
    """The names of the fields or columns to read. `split`: a .txt file is one document; else each line is one."""

    text: str = "text"
    id: str = "id"
    date: str = "date"
    split: bool = True


class Row(NamedTuple):
    """A document, or why there is none: then `error` is a code, `detail` says more without quoting the input, and `text` is "".

    `date`: YYYY, YYYY-MM, YYYY-MM-DD or "". `encoding`: what it was decoded from. `mended`: lone surrogates became U+FFFD.
    `size`: bytes of the unpacked stream that it took; of Parquet, of its text. A blank line has the error "blank".
    """

    mark: Mark
    id: str
    text: str
    date: str
    error: str
    detail: str
    encoding: str
    mended: bool
    size: int


# ------------------------------------------------------------------------------------------------- finding files


def find(inputs: Sequence[str], out: Path) -> tuple[list[Source], int]:
    """The files that the inputs name, sorted by name, each real file once; and how many of other kinds lay in the folders.

    Folders are searched whole; links to folders, names that begin with "." or "_", and what lies in `out` are passed over.

    :raises UsageError: if an input does not exist, is of an unknown kind, lies in `out` or cannot be read.
    """
    found: list[Source] = []
    others = 0
    forbidden = Path(os.path.realpath(out))
    for given in inputs:
        path = Path(given)
        if _within(path, forbidden):
            raise UsageError(f"{given}: lies in the output folder {out}; choose another output folder")
        try:
            listed: list[Source | None]
            listed = [_source(file) for file in _walk(path) if not _within(file, forbidden)] if path.is_dir() else [_named(path)]
        except OSError as error:
            raise UsageError(f"{given}: cannot be read ({error.strerror}); expected a file or a folder that can be") from error
        found += [source for source in listed if source]
        others += listed.count(None)
    once: dict[str, Source] = {}
    for source in sorted(found, key=lambda source: source.name):
        once.setdefault(os.path.realpath(source.path), source)
    return list(once.values()), others


def _within(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(folder)


def _walk(folder: Path) -> Iterator[Path]:
    """Every file under a folder that is not hidden, in no special order."""

    def refuse(error: OSError) -> None:
        raise UsageError(f"{error.filename}: cannot be read ({error.strerror}); give the right to read it or leave it out") from error

    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        yield from (path for name in files if not name.startswith((".", "_")) and (path := Path(parent, name)).is_file())


def _named(path: Path) -> Source:
    if not path.exists():
        raise UsageError(f"{path}: does not exist; expected a file or a folder")
    source = _source(path) if path.is_file() else None
    if source is None:
        raise UsageError(f"{path}: is of an unknown kind; expected {', '.join(SUFFIXES)}, all but the last also with .gz or .zst")
    return source


def _source(path: Path) -> Source | None:
    """The file as a source, None if it is of an unknown kind."""
    packing = PACKINGS.get(path.suffix.lower(), "")
    kind = SUFFIXES.get((path.with_suffix("") if packing else path).suffix.lower())
    if kind is None or (packing and kind == "parquet"):
        return None
    name = path.as_posix().encode("utf8", "surrogateescape").decode("utf8", "replace")  # ids are made of it: valid Unicode only
    return Source(path, name, kind, packing, path.stat().st_size)


# ------------------------------------------------------------------------------------------------------- reading


def read(source: Source, fields: Fields, start: Mark | None = None) -> Iterator[Row]:
    """The rows of a source, from the one that begins at `start`, a mark of an earlier reading with the same fields.

    Where a file is damaged, or unpacks to too much, its rows end with one that says so.

    :raises InputError: before the first row, if a table has no such text column.
    :raises UsageError: if a library for this kind of file is not installed.
    """
    if source.kind == "parquet":
        return _parquet(source, fields, start)
    if source.kind == "csv":
        return _csv(source, fields, start)
    if source.kind == "jsonl":
        return _by_line(source, fields, start, _object)
    if source.kind == "txt" and not fields.split:
        return _by_line(source, fields, start, lambda line: {fields.text: line.removesuffix("\r")})
    return iter([_document(source)])


def parse_json(raw: bytes | str) -> Any:
    """The value of a JSON text, read strictly: valid UTF-8, no key twice in an object, no NaN or Infinity.

    :raises ValueError: saying in plain words, without quoting the text, what is wrong.
    """
    try:
        return _JSON.decode(raw.decode("utf8") if isinstance(raw, bytes) else raw)
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 at byte {error.start + 1}") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg.lower()} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise ValueError("is nested too deep") from error


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _integer(digits: str) -> int:
    if len(digits) > 4300:  # Python's own limit, which an environment variable can lift: time is quadratic
        raise ValueError("a number has over 4300 digits")
    return int(digits)


def _no_constant(_: str) -> None:
    raise ValueError("NaN and Infinity are no JSON numbers")


_JSON: Final = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_int=_integer, parse_constant=_no_constant)


def _object(line: str) -> dict[str, Any]:
    try:
        value = parse_json(line)
    except ValueError as error:
        raise FaultError("bad_json", str(error)) from error
    if not isinstance(value, dict):
        raise FaultError("bad_type", f"the line is {_type(value)}; expected an object")
    return value


def _by_line(source: Source, fields: Fields, start: Mark | None, parse: Callable[[str], dict[str, Any]]) -> Iterator[Row]:
    """A row for each line, of the record that `parse` makes of it."""
    stream = Stream(source)
    for line in stream.lines(start, streams.MAX_LINE):
        try:
            text = stream.decode(line, streams.MAX_LINE)
            if not text or text.isspace():
                raise FaultError("blank")
            yield _row(source, line.mark, line.size, parse(text), fields, stream.encoding)
        except FaultError as fault:
            yield _bad(source, line.mark, line.size, fault, stream.encoding)


def _document(source: Source) -> Row:
    """The one row of a file that is one document."""
    encoding = date = ""
    try:
        raw = _whole(source, MAX_HTML if source.kind == "html" else MAX_TEXT_FILE)
        encoding = detect(raw, html.declared(raw) if source.kind == "html" else "")
        text = _decode_whole(raw, encoding)
        if source.kind == "html":
            text, date = _article(text)
        _check_length(text)
    except FaultError as fault:
        return _bad(source, Mark(0, 1), source.size, fault, encoding, source.name)
    return Row(Mark(0, 1), source.name, text, date, "", "", encoding, False, source.size)


def _whole(source: Source, limit: int) -> bytes:
    parts, size = [], 0
    for block in streams.blocks_of(source):
        size += len(block)
        if size > limit:
            raise FaultError("too_large", f"over {limit} bytes")
        parts.append(block)
    return b"".join(parts)


def _decode_whole(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise FaultError("bad_encoding", f"line {line} is not {encoding}") from error


def _article(page: str) -> html.Article:
    try:
        article = html.extract(page)
    except html.TooManyElements as error:
        raise FaultError("too_large", str(error)) from error
    if not article.text:
        raise FaultError("empty_article", "no article was found in the page")
    return article


# ----------------------------------------------------------------------------------------------- records and rows

_DATE: Final = re.compile(r"([12]\d{3})(?:-(0[1-9]|1[0-2])(?:-(\d{2}))?)?(?!\d)", re.ASCII)
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")


def _row(source: Source, mark: Mark, size: int, record: Mapping[str, Any], fields: Fields, encoding: str) -> Row:
    """The row of a record; a date that cannot be read is unknown, anything else amiss is the row's error."""
    id, mended_id = "", False
    try:
        if fields.id in record:
            id, mended_id = _mend(_id(record[fields.id]))
        text = record.get(fields.text)
        if not isinstance(text, str):
            raise FaultError("bad_type", f"the text is {_type(text) if fields.text in record else 'missing'}; expected a string")
        _check_length(text)
    except FaultError as fault:
        return _bad(source, mark, size, fault, encoding, id)
    text, mended = _mend(text)
    id = id or f"{source.name}:{mark.number}"
    return Row(mark, id, text, date_of(record.get(fields.date)), "", "", encoding, mended or mended_id, size)


def _bad(source: Source, mark: Mark, size: int, fault: FaultError, encoding: str = "", id: str = "") -> Row:
    return Row(mark, id or f"{source.name}:{mark.number}", "", "", fault.code, fault.detail, encoding, False, size)


def _id(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        raise FaultError("bad_id", f"the id is {_type(value)}; expected a string or an integer")
    return str(value)


def _type(value: Any) -> str:
    """What a value is, without quoting it."""
    return "empty" if value == "" else "null" if value is None else type(value).__name__


def _check_length(text: str) -> None:
    if len(text) > MAX_CHARS:
        raise FaultError("too_large", f"the text has over {MAX_CHARS} characters")


def _mend(text: str) -> tuple[str, bool]:
    """The text with U+FFFD for each lone surrogate, which no encoding can write; and whether there was one."""
    try:
        text.encode("utf8")  # far faster than to search
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text), True
    return text, False


def date_of(value: Any) -> str:
    """YYYY, YYYY-MM or YYYY-MM-DD, whatever a value begins with, the years 1000 to 2999; "" for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, str, Date)):
        return ""
    if isinstance(value, int) and not 1000 <= value <= 2999:
        return ""  # also an integer of too many digits to write
    found = _DATE.match(str(value))
    if not found:
        return ""
    with suppress(ValueError):
        return Date.fromisoformat(found[0]).isoformat()
    return "-".join(part for part in found.groups()[:2] if part)


# --------------------------------------------------------------------------------------------------------- CSV


def _csv(source: Source, fields: Fields, start: Mark | None) -> Iterator[Row]:
    stream = Stream(source)
    csv.field_size_limit(MAX_RECORD)  # the module's own is 131072, and it keeps only one
    lines = stream.lines(None, MAX_RECORD)
    header = next((line for line in lines if line.raw is None or line.raw.strip()), Line(stream.first, b"", 0))
    if header.fault:
        yield _bad(source, header.mark, header.size, header.fault)
        return
    try:
        names, delimiter = _header(source, stream.decode(header, MAX_RECORD), fields)
    except FaultError as fault:
        said = f"its header cannot be read ({fault.detail}); expected a line of column names, ended by LF or CRLF"
        raise InputError(f"{source.name}: {said}") from fault
    if start:
        lines = stream.lines(start, MAX_RECORD)
    for taken, cells in _Records(lines, stream.codec, delimiter, len(names)):
        first, size = taken[0], sum(line.size for line in taken)
        try:
            record = dict(zip(names, _checked(cells, first, len(names), stream), strict=True))
            yield _row(source, first.mark, size, record, fields, stream.encoding)
        except FaultError as fault:
            yield _bad(source, first.mark, size, fault, stream.encoding)


def _header(source: Source, line: str, fields: Fields) -> tuple[list[str], str]:
    """The columns' names and the delimiter: the one that finds the text column, or else the most frequent."""
    try:
        headers = {d: [name.strip() for name in next(csv.reader([line], delimiter=d), [])] for d in ",;\t|"}
    except csv.Error as error:  # the one thing that it refuses in a line of that size
        said = "a CR stands alone in its header; expected lines ended by LF or CRLF, convert them, as with `tr '\\r' '\\n'`"
        raise InputError(f"{source.name}: {said}") from error
    delimiter = max(headers, key=lambda d: (fields.text in headers[d], len(headers[d])))
    if len(headers[delimiter]) > MAX_COLUMNS:
        raise InputError(f"{source.name}: has {len(headers[delimiter])} columns; expected at most {MAX_COLUMNS}, leave some out")
    _check_columns(source, headers[delimiter], fields)
    return headers[delimiter], delimiter


def _check_columns(source: Source, names: Sequence[str], fields: Fields) -> None:
    for name in (fields.text, fields.id, fields.date):
        if names.count(name) > 1:
            raise InputError(f"{source.name}: has column {name!r} {names.count(name)} times; expected it once")
    if fields.text not in names:
        columns = ", ".join(map(repr, names[:20])) or "no columns"
        raise InputError(f"{source.name}: has {columns}; expected a column {fields.text!r} of texts, name yours with --text-field")


class _Records:
    """The lines and cells of each record. One that cannot be read has no cells and one line; the lines behind it are read again."""

    def __init__(self, lines: Iterator[Line], codec: str, delimiter: str, columns: int) -> None:
        self.lines, self.codec, self.delimiter, self.columns = lines, codec, delimiter, columns
        self.again: deque[Line] = deque()
        self.taken: list[Line] = []
        self.size = 0

    def __iter__(self) -> Iterator[tuple[list[Line], list[str] | None]]:
        reader = self._reader()
        while True:
            self.taken, self.size = [], 0
            cells: list[str] | None = None
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                self.again.extendleft(reversed(self.taken[1:]))
                del self.taken[1:]
                reader = self._reader()
            yield self.taken, cells

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(self._feed(), delimiter=self.delimiter, strict=True)

    def _feed(self) -> Iterator[str]:
        while line := self.again.popleft() if self.again else next(self.lines, None):
            self.taken.append(line)
            self.size += line.size
            if line.raw is None or self.size > MAX_RECORD or self._overfull():
                raise csv.Error("the record has no end")
            yield self._text(line)

    def _overfull(self) -> bool:
        """Whether the lines so far have more cells than there are columns, asked at every doubling.

        Of the lines that can begin a record without an end, each adds a cell to the record before it. So no line is read
        again more often than twice the columns, at most `MAX_COLUMNS`, and a file of such lines does not take quadratic time.
        """
        count = len(self.taken)
        if count & (count - 1) or count == 1:
            return False
        cells = next(csv.reader(map(self._text, self.taken), delimiter=self.delimiter), [])
        return len(cells) > self.columns

    def _text(self, line: Line) -> str:
        return (line.raw or b"").decode(self.codec, "cooptag.invalid") + "\n"


def _checked(cells: list[str] | None, first: Line, columns: int, stream: Stream) -> list[str]:
    """The cells of a record, one for each column."""
    if first.fault:
        raise first.fault
    if cells is None:
        faults = f"its quotes do not match, a CR stands alone in it, or the record is over {MAX_RECORD} bytes"
        raise FaultError("bad_csv", f"line {first.mark.number}: {faults}")
    if len(cells) <= 1 and not "".join(cells).strip():
        raise FaultError("blank")
    if any(streams.INVALID in cell for cell in cells):
        raise stream.undecodable(first.mark)
    if len(cells) != columns:
        raise FaultError("bad_csv", f"line {first.mark.number} has {len(cells)} cells; expected {columns}")
    return cells


# ----------------------------------------------------------------------------------------------------- Parquet


def pyarrow() -> tuple[Any, Any]:
    """pyarrow and its Parquet module.

    :raises UsageError: if they are not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError("a Parquet file needs pyarrow, which is not installed; run `pip install 'cooptag[batch]'`") from error
    return pyarrow, pyarrow.parquet


def _parquet(source: Source, fields: Fields, start: Mark | None) -> Iterator[Row]:
    arrow, pq = pyarrow()
    mark = start or Mark(0, 1)
    try:
        with pq.ParquetFile(source.path, pre_buffer=False, buffer_size=1 << 20) as file:
            columns = _check_schema(source, file.schema_arrow, fields)
            for record in _parquet_records(file, columns, mark.offset):
                yield _parquet_row(source, mark, record, fields)
                mark = Mark(mark.offset + 1, mark.number + 1)
    except FaultError as fault:
        yield _bad(source, mark, 0, fault)
    except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:  # the last: a column's name is not UTF-8
        if isinstance(error, OSError) and error.errno:  # Arrow has OSErrors of its own, without a number
            yield _bad(source, mark, 0, FaultError("unreadable", error.strerror or ""))
        else:
            yield _bad(source, mark, 0, FaultError("corrupt_input", "the Parquet file is cut off or damaged"))


def _check_schema(source: Source, schema: Any, fields: Fields) -> list[str]:
    """The columns to read. None is nested: `_check_ratio` knows them by their names."""
    from pyarrow import types

    def holds(name: str, *tests: Callable[[Any], bool]) -> bool:
        kind = schema.field(name).type
        return any(test(kind.value_type if types.is_dictionary(kind) else kind) for test in tests)

    _check_columns(source, schema.names, fields)
    strings = (types.is_string, types.is_large_string)
    if not holds(fields.text, *strings):
        raise _wrong_type(source, schema, fields.text, "strings, name the column of texts with --text-field")
    if fields.id in schema.names and not holds(fields.id, *strings, types.is_integer):
        raise _wrong_type(source, schema, fields.id, "strings or integers, name the column of ids with --id-field")
    dates = (*strings, types.is_integer, types.is_date, types.is_timestamp)
    return [name for name in fields[:3] if name in schema.names and (name != fields.date or holds(name, *dates))]


def _wrong_type(source: Source, schema: Any, name: str, expected: str) -> InputError:
    return InputError(f"{source.name}: column {name!r} is {str(schema.field(name).type)[:60]!r}; expected {expected}")


def _parquet_records(file: Any, columns: Sequence[str], first: int) -> Iterator[dict[str, Any]]:
    """The columns of each row from number `first` on, as one-row arrays.

    One row at a time (some 12 µs each, where large batches take under 1): a batch of rows that repeat one dictionary entry
    is as large as if each had its own. A column that Arrow itself reads as a dictionary hands the whole one on with each
    batch, so it comes in larger ones.
    """
    from pyarrow import types

    dictionary = any(types.is_dictionary(file.schema_arrow.field(name).type) for name in columns)
    for group in range(file.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if first < rows:
            _check_ratio(file.metadata.row_group(group), columns)
            for batch in file.iter_batches(1024 if dictionary else 1, [group], columns, use_threads=False):
                for i in range(max(0, first), len(batch)):
                    yield {name: batch.column(name)[i] for name in columns}
                first -= len(batch)
        else:
            first -= rows


def _check_ratio(group: Any, columns: Sequence[str]) -> None:
    for chunk in map(group.column, range(group.num_columns)):
        size = chunk.total_uncompressed_size
        if chunk.path_in_schema in columns and size > streams.UNCHECKED and size > streams.RATIO * chunk.total_compressed_size:
            raise FaultError("too_large", f"a column unpacks to {size} bytes from {chunk.total_compressed_size}")


def _parquet_row(source: Source, mark: Mark, record: Mapping[str, Any], fields: Fields) -> Row:
    try:
        values = {name: record[name].as_py() for name in fields[:2] if name in record}
    except UnicodeDecodeError:
        return _bad(source, mark, 0, FaultError("bad_encoding", f"row {mark.number} is not UTF-8"))
    with suppress(Exception):  # a time that Python cannot hold, or in a zone that it does not know: that raises errors of many kinds
        values[fields.date] = record[fields.date].as_py() if fields.date in record else None
    size = len((values[fields.text] or "").encode("utf8"))
    return _row(source, mark, size, values, fields, "utf-8")
