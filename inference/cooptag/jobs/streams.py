"""Bytes of a file, plain or packed, as decoded lines in flat memory: unpacking within bounds, encodings told apart."""

import codecs
import gzip
import re
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from cooptag.errors import UsageError

MAX_LINE: Final = 16_000_000  # bytes of a line of text or JSON
# Unpacked bytes: never more than MAX_UNPACKED, and past UNCHECKED at most RATIO times the packed ones.
MAX_UNPACKED: Final = 64_000_000_000
UNCHECKED: Final = 64_000_000
RATIO: Final = 200
BLOCK: Final = 256 * 1024
SAMPLE: Final = 256 * 1024


class Source(NamedTuple):
    """A file to read. `name`: its path as given; `kind`: one of `SUFFIXES`' values; `packing`: "", "gz" or "zst"; `size`: bytes on disk."""

    path: Path
    name: str
    kind: str
    packing: str
    size: int


class Mark(NamedTuple):
    """Where a row begins: its byte in the unpacked stream (of UTF-16 and UTF-32: once recoded to UTF-8), and its line, from 1.

    For Parquet: its index, and that plus one.
    """

    offset: int
    number: int


class FaultError(Exception):
    """Why a row, or the rest of a file, cannot be used."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


# --------------------------------------------------------------------------------------------------- unpacking


def blocks_of(source: Source, offset: int = 0) -> Iterator[bytes]:
    """The unpacked bytes of a source from an offset on.

    :raises FaultError: where they end before their time.
    """
    try:
        with source.path.open("rb") as file:
            if source.packing:
                yield from _after(_gathered(_unpacked(source.packing, file)), offset)
            else:
                file.seek(offset)
                yield from iter(lambda: file.read(BLOCK), b"")
    except OSError as error:
        raise FaultError("unreadable", error.strerror or type(error).__name__) from error


def _unpacked(packing: str, file: BinaryIO) -> Iterator[bytes]:
    stream, errors = _unpacker(packing, file)
    size = 0
    try:
        # Not read(): it would lose what stands before the damage. Blocks of one size, so that every reading fails at the same byte.
        while block := stream.read1(BLOCK):
            size += len(block)
            if size > MAX_UNPACKED or (size > UNCHECKED and size > RATIO * file.tell()):
                raise FaultError("too_large", f"unpacks to over {min(MAX_UNPACKED, size - len(block))} bytes from {file.tell()}")
            yield block
    except errors as error:
        raise FaultError("corrupt_input", f"the .{packing} file is cut off or damaged") from error


def _unpacker(packing: str, file: BinaryIO) -> tuple[Any, tuple[type[Exception], ...]]:
    """The unpacking stream, and what it raises on damage."""
    if packing == "gz":
        return gzip.GzipFile(fileobj=file), (EOFError, zlib.error, gzip.BadGzipFile)
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError as error:
        raise UsageError("a .zst file needs backports.zstd, which is not installed; run `pip install 'cooptag[batch]'`") from error
    return zstd.ZstdFile(file), (EOFError, zstd.ZstdError)


def _gathered(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in blocks of `BLOCK` or more, since each gzip member and zstd frame, if of one byte, is a block of its own."""
    gathered = bytearray()
    try:
        for block in blocks:
            gathered += block
            if len(gathered) >= BLOCK:
                yield bytes(gathered)
                gathered.clear()
    except FaultError:
        yield bytes(gathered)  # what stands before the damage
        raise
    yield bytes(gathered)


def _after(blocks: Iterable[bytes], offset: int) -> Iterator[bytes]:
    """The blocks without their first `offset` bytes."""
    for block in blocks:
        if offset < len(block):
            yield block[offset:]
        offset = max(0, offset - len(block))


# --------------------------------------------------------------------------------------------------- encodings

# Stands for each byte sequence that cannot be decoded: valid input gives no lone surrogate, so none is taken for another.
INVALID: Final = "\udcff"
codecs.register_error("cooptag.invalid", lambda error: (INVALID, error.end))  # type: ignore[attr-defined]
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
# What text in our languages was written in before UTF-8. More to choose from means more false guesses (mac_cyrillic, cp1250).
_LEGACY: Final = ["cp1258", "gb18030", "big5", "cp932", "euc_jp", "cp949", "cp1252", "cp1251", "cp874", "cp1256"]
_HIRAGANA: Final = re.compile("[\u3041-\u3096]")
_HAN: Final = re.compile("[\u4e00-\u9fff]")
# Fewer bad sequences than this say nothing about an encoding: they are damage.
MIN_EVIDENCE: Final = 3


def detect(sample: bytes, declared: str = "") -> str:
    """Python's name of the encoding of a text of which this is the beginning.

    A byte-order mark is obeyed. Text whose sequences outside ASCII are mostly UTF-8 is UTF-8, if damaged. Otherwise the
    declared encoding, where it fits; otherwise a guess by charset-normalizer.
    """
    for mark, name in _BYTE_ORDER_MARKS:
        if sample.startswith(mark):
            return name
    text = sample.decode("utf-8", "cooptag.invalid")
    bad = text.count(INVALID)
    good = len(text) - len(text.encode("ascii", "ignore")) - bad
    if bad == 0 or good > bad:
        return "utf-8"
    if declared and INVALID not in sample.decode(declared, "cooptag.invalid"):
        return declared
    return _guess(sample[:SAMPLE]) if bad >= MIN_EVIDENCE else "utf-8"


def _guess(sample: bytes) -> str:
    from charset_normalizer import from_bytes

    sample = sample[: sample.rfind(b"\n") + 1] or sample  # a character cut in two would rule its encoding out
    # It takes short Japanese for Korean, Thai or Chinese, and short Chinese for Korean.
    for encoding in ("cp932", "euc_jp"):
        if _share(_HIRAGANA, sample, encoding) > 0.1:
            return encoding
    candidates = [encoding for encoding in _LEGACY if encoding != "cp949" or _share(_HAN, sample, encoding) < 0.1]
    best = from_bytes(sample, cp_isolation=candidates).best()
    return best.encoding if best else "utf-8"


def _share(script: re.Pattern[str], sample: bytes, encoding: str) -> float:
    """How much of the sample outside ASCII is in a script, if it is in this encoding; 0 if it cannot be."""
    text = sample.decode(encoding, "cooptag.invalid")
    outside = len(text) - len(text.encode("ascii", "ignore"))
    return len(script.findall(text)) / outside if outside and INVALID not in text else 0.0


class Line(NamedTuple):
    """A line without its line break; `raw` is None for one that is too long, or that `fault` says was not read to its end."""

    mark: Mark
    raw: bytes | None
    size: int
    fault: FaultError | None = None


class Stream:
    """The lines of a source and their encoding, which its beginning tells wherever reading starts."""

    def __init__(self, source: Source) -> None:
        sample = _beginning(source)
        self.source = source
        self.encoding = detect(sample)
        self.recoded = self.encoding in ("utf-16", "utf-32")
        self.codec = "utf-8" if self.recoded else self.encoding
        self.first = Mark(len(codecs.BOM_UTF8) if sample.startswith(codecs.BOM_UTF8) else 0, 1)

    def lines(self, start: Mark | None, limit: int) -> Iterator[Line]:
        """The lines from `start` on, none held that is longer than `limit` bytes; a fault is the last one."""
        start = start or self.first
        if self.recoded:
            return _lines(_after(_recoded(blocks_of(self.source), self.encoding), start.offset), start, limit)
        return _lines(blocks_of(self.source, start.offset), start, limit)

    def decode(self, line: Line, limit: int) -> str:
        """The text of a line that was read with this limit. :raises FaultError: why there is none."""
        if line.fault:
            raise line.fault
        if line.raw is None:
            raise FaultError("line_too_long", f"line {line.mark.number} is over {limit} bytes")
        try:
            return line.raw.decode(self.codec)
        except UnicodeDecodeError as error:
            raise self.undecodable(line.mark) from error

    def undecodable(self, mark: Mark) -> FaultError:
        """The fault of a row that begins at `mark`."""
        return FaultError("bad_encoding", f"line {mark.number} is not {self.encoding}")


def _beginning(source: Source) -> bytes:
    sample = b""
    with suppress(FaultError):  # the rows will come to it
        for block in blocks_of(source):
            sample += block
            if len(sample) >= SAMPLE:
                break
    return sample[:SAMPLE]


def _recoded(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The stream in UTF-8, what is no text as bytes that are no UTF-8 either."""
    decoder = codecs.getincrementaldecoder(encoding)("cooptag.invalid")
    for block in blocks:
        yield decoder.decode(block).encode("utf8", "surrogatepass")
    yield decoder.decode(b"", final=True).encode("utf8", "surrogatepass")


def _lines(blocks: Iterable[bytes], mark: Mark, limit: int) -> Iterator[Line]:
    """The lines of a stream; `mark` is where it begins."""
    parts: list[bytes] = []  # of the line that is being read, unless it is too long
    size = 0
    fault = None
    try:
        for block in blocks:
            *ends, rest = block.split(b"\n")
            for end in ends:
                parts.append(end)
                size += len(end) + 1
                yield Line(mark, b"".join(parts) if size <= limit else None, size)
                mark = Mark(mark.offset + size, mark.number + 1)
                parts, size = [], 0
            size += len(rest)
            parts.append(rest)
            if size > limit:
                parts.clear()
    except FaultError as error:
        fault = error
    if size or fault:
        yield Line(mark, b"".join(parts) if size <= limit and not fault else None, size, fault)
