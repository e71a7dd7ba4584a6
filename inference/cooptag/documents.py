"""A file's bytes in, its text out: plain text, web pages, Word files, and PDF files that have a text layer.

Whoever does not trust the file reads it with `read_apart`, in a process of its own with bounds on memory and time.
"""

import asyncio
import io
import json
import logging
import math
import os
import re
import sys
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import dropwhile, pairwise
from typing import Any, Final
from xml.parsers import expat

from cooptag.errors import CooptagError, InputError, UsageError
from cooptag.jobs import html
from cooptag.jobs.readers import MAX_HTML
from cooptag.jobs.streams import RATIO, detect

KINDS: Final = {
    "text/plain": "txt", "text/html": "html", "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
}  # fmt: skip
SUFFIXES: Final = {".txt": "txt", ".html": "html", ".htm": "html", ".pdf": "pdf", ".docx": "docx"}
MAX_DOCUMENT: Final = 10_000_000  # bytes
MAX_CHARS: Final = 1_000_000  # code points of the text
MAX_MEMORY: Final = 1_000_000_000  # bytes of address space of the process that reads a file
SECONDS: Final = 20.0
MAX_ANSWER: Final = 4 * MAX_CHARS + 1000  # bytes of JSON that hold a text
MAX_PAGES: Final = 2000
MAX_PART: Final = 50_000_000  # unpacked bytes of a part of a Word file; past UNCHECKED at most RATIO times the packed ones
UNCHECKED: Final = 5_000_000
MAX_DEPTH: Final = 256  # elements of a Word file within each other
_NAMES: Final = {"txt": "plain text", "html": "a web page", "docx": "a .docx file", "pdf": "a PDF file"}
_MAGIC: Final = {"docx": b"PK\3\4", "pdf": b"%PDF-"}
_FAILED: Final = "the file cannot be read: its reader ran out of memory or failed; send its text"
_OLD_WORD: Final = b"\xd0\xcf\x11\xe0"


def read(raw: bytes, kind: str) -> str:
    """The text of a file, a paragraph a line, without NUL, other control characters and lone surrogates.

    :param kind: one of `KINDS`' values.
    :raises InputError: why it cannot be read, without quoting it.
    :raises UsageError: if the kind is unknown or a library for it is not installed.
    """
    _check(raw, kind)
    text = _clean(_READERS[kind](raw))
    if not text:
        raise InputError("the file holds no text; send one that does")
    if len(text) > MAX_CHARS:
        raise InputError(f"the text has over {MAX_CHARS} characters; send it in parts")
    return text


def _check(raw: bytes, kind: str) -> None:
    if kind not in _READERS:
        raise UsageError(f"{kind!r} is no kind of file; expected one of {', '.join(_READERS)}")
    if len(raw) > MAX_DOCUMENT:
        raise InputError(f"the file has over {MAX_DOCUMENT} bytes; send it in parts")
    if not raw:
        raise InputError("the file is empty; send one that holds text")
    if raw.startswith(_OLD_WORD):
        raise InputError("the file is an old .doc or has a password; save it as .docx without a password")
    found = next((other for other, magic in _MAGIC.items() if raw.startswith(magic)), kind)
    if found != kind:
        raise InputError(f"the file is {_NAMES[found]}, not {_NAMES[kind]}; send it as what it is")


_CONTROL: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")


def _clean(text: str) -> str:
    text = re.sub("\r\n?|[\x0b\x0c\x85]", "\n", text)
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # halves that belong together are joined
    return _CONTROL.sub(" ", text).strip()


# ------------------------------------------------------------------------------------------ plain text and web pages


def _plain(raw: bytes) -> str:
    text = _decoded(raw)
    if 100 * len(_CONTROL.findall(text)) > len(text):
        raise InputError("the file is not plain text; send it as what it is")
    return text


def _decoded(raw: bytes, declared: str = "") -> str:
    encoding = detect(raw, declared)
    try:
        return raw.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(f"line {line} of the file is not {encoding}; save it as UTF-8") from error


def _web_page(raw: bytes) -> str:
    if len(raw) > MAX_HTML:
        raise InputError(f"the web page has over {MAX_HTML} bytes; send the text of its article")
    try:
        article = html.extract(_decoded(raw, html.declared(raw)))
    except html.TooManyElements as error:
        raise InputError(f"the web page has {error}; send the text of its article") from error
    if not article.text:
        raise InputError("no article was found in the web page; send its text")
    return article.text


# ------------------------------------------------------------------------------------------------------- Word files
# ECMA-376 (Office Open XML), part 1: https://ecma-international.org/publications-and-standards/standards/ecma-376/

# Out: tracked deletions, the old place of what was moved, how a word is read (ruby), and the picture that stands for a text
# box where a program cannot show one.
_LEFT_OUT: Final = {"del", "moveFrom", "rt", "Fallback"}
_MARKS: Final = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


def _word(raw: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as file:
            names = _part_names(_part(file, "[Content_Types].xml"))
            if "document.main" not in names:
                raise InputError("the file is not a Word file; save it as .docx")
            parts = (_part(file, names[kind]) for kind in ("document.main", "footnotes", "endnotes") if kind in names)
            return "\n".join(line for part in parts for line in _WordText(part).lines)
    except KeyError as error:
        raise InputError("a part of the .docx file is missing; save it again as .docx") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise InputError("the file is not a .docx file, or cut off or damaged; save it again as .docx") from error


def _part(file: zipfile.ZipFile, name: str) -> bytes:
    """The unpacked bytes of a part, at most as many as the file declares, which are bounded."""
    part = file.getinfo(name)
    if part.flag_bits & 1:
        raise InputError("the .docx file has a password; save it without one")
    if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError("the .docx file is packed in an unusual way; save it again as .docx")
    if part.file_size > min(MAX_PART, max(UNCHECKED, RATIO * part.compress_size)):
        raise InputError("the .docx file unpacks to too much; send its text in parts")
    with file.open(part) as stream:
        return stream.read(part.file_size + 1)  # read() would unpack all before it cut that down to the declared size


def _part_names(raw: bytes) -> dict[str, str]:
    """The name in the zip of each kind of part, such as "document.main" and "footnotes"."""
    names: dict[str, str] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        kind = attributes.get("ContentType", "").rpartition("wordprocessingml.")[2].removesuffix("+xml")
        if "PartName" in attributes:
            names.setdefault(kind, attributes["PartName"].lstrip("/"))

    _parse(raw, start)
    return names


def _parse(
    raw: bytes, start: Callable[[str, dict[str, str]], None], end: Callable[[str], None] | None = None,
    data: Callable[[str], None] | None = None,
) -> None:  # fmt: skip
    """Hands the elements of an XML part to functions. A document type, without which there are no entities, is refused."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, data
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        raise InputError(f"the .docx file is damaged: line {error.lineno} of a part is not XML; save it again as .docx") from error


def _refuse_doctype(*_: Any) -> None:
    raise InputError("the .docx file declares a document type, which none does that Word made; save it again as .docx")


class _WordText:
    """The lines of a part of a Word file; those of a text box stand before the paragraph that it is anchored to."""

    def __init__(self, part: bytes) -> None:
        self.lines: list[str] = []
        self._open: list[str] = []  # names of the elements around, without their prefix
        self._left_out_at = 0  # how deep the element lies that is being left out; 0 for none
        self._paragraphs: list[list[str]] = []  # the open ones: a text box has paragraphs inside a paragraph
        self._joined: list[str] = []  # of a paragraph whose end was deleted, for the next one to go on with
        self._end_deleted = False
        _parse(part, self._start, self._end, self._data)
        self._emit(self._joined)

    def _start(self, tag: str, _: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        around = self._open[-1] if self._open else ""
        self._open.append(name)
        if len(self._open) > MAX_DEPTH:
            raise InputError(f"the .docx file has over {MAX_DEPTH} elements within each other; send its text")
        if self._left_out_at:
            return
        if name in _LEFT_OUT:
            self._left_out_at = len(self._open)
            self._end_deleted |= around == "rPr"  # of a paragraph mark
        elif name == "p":
            self._paragraphs.append(self._joined)
            self._joined, self._end_deleted = [], False
        elif around == "r" and name in _MARKS:
            self._write(_MARKS[name])

    def _end(self, _: str) -> None:
        if self._left_out_at == len(self._open):
            self._left_out_at = 0
        elif not self._left_out_at and self._open[-1] == "p":
            self._close_paragraph()
        self._open.pop()

    def _close_paragraph(self) -> None:
        pieces = self._paragraphs.pop()
        if self._end_deleted:
            self._joined, self._end_deleted = pieces, False
        else:
            self._emit(pieces)

    def _data(self, text: str) -> None:
        if not self._left_out_at and self._open[-1] == "t":
            self._write(text)

    def _write(self, text: str) -> None:
        if self._paragraphs:
            self._paragraphs[-1].append(text)

    def _emit(self, pieces: list[str]) -> None:
        lines = "".join(pieces).split("\n")
        self.lines += [line.strip() for line in lines if line.strip()]


# -------------------------------------------------------------------------------------------------------- PDF files

# Lines at the top and at the bottom of a page, never over half of it, where its header, footer and number are looked for.
EDGE: Final = 3
MIN_PAGES: Final = 3  # on which a line stands that is taken for a running one, and at least this share of all:
SHARE: Final = 0.4  # headers often differ on even and odd pages
# A line that would have had room for the next one's first word ended there on purpose. Room is this share of what a long
# line of the document takes, in columns as a terminal counts them, since letters are not all of one width.
FULL: Final = 0.85
LONG: Final = 0.8  # of the lines are no longer than a "long line"
MIN_ROOM: Final = 40
_PAGE_NUMBER: Final = re.compile(r"[-–—\s]*\d{1,4}(\s*/\s*\d{1,4})?[-–—\s]*")
_BULLET: Final = re.compile(r"[•●▪■◦○□➢✓]")
# Ligatures, Arabic letters as they look within a word, and the radicals that stand for equal Chinese characters.
_FORMS: Final = re.compile("[\u2f00-\u2fd5\ufb00-\ufb06\ufb50-\ufdff\ufe70-\ufefc]")
# Scripts without spaces between words.
_UNSPACED: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uff00-\uff60]")
_WORD: Final = re.compile(r"[^\W\d_]+")
_FIRST_HALF: Final = re.compile(r"([^\W\d_]+)[-‐]$")
_SECOND_HALF: Final = re.compile(r"(?<=[-‐]\n)[^\W\d_]+")
MAX_HALF: Final = 40


def _pdf(raw: bytes) -> str:
    lines = list(_body(_pages(raw)))
    if not any(map(str.isalpha, "".join(lines))):
        raise InputError("the PDF has no text layer, as scanned ones have none; recognise its text (OCR) and send that")
    return _unwrapped(lines)


def _pages(raw: bytes) -> list[list[str]]:
    """The lines of each page that are not blank."""
    try:
        from pypdf import PdfReader
        from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError
    except ImportError as error:
        raise UsageError("a PDF needs pypdf, which is not installed; run `pip install 'cooptag[serve]'`") from error
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # its warnings quote the file
    try:
        reader = PdfReader(io.BytesIO(raw))
        if reader.is_encrypted and not reader.decrypt(""):
            raise FileNotDecryptedError
        if len(reader.pages) > MAX_PAGES:
            raise InputError(f"the PDF has over {MAX_PAGES} pages; send it in parts")
        return [list(_lines(page.extract_text())) for page in reader.pages]
    except (FileNotDecryptedError, DependencyError) as error:
        raise InputError("the PDF is encrypted; save it without a password") from error
    except LimitReachedError as error:
        raise InputError("the PDF unpacks to too much; send its text in parts") from error
    except (InputError, MemoryError):
        raise
    except Exception as error:  # what a parser in Python raises on damage is anything
        raise InputError("the file is not a PDF, or cut off or damaged; save it again as PDF") from error


def _lines(text: str) -> Iterator[str]:
    """The lines that are not blank, with single spaces, and with characters for the forms that fonts have of them."""
    text = _FORMS.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    return (" ".join(line.split()) for line in text.splitlines() if line.strip())


def _body(pages: list[list[str]]) -> Iterator[str]:
    """The lines without page numbers and what stands at the edge of most pages."""
    seen = Counter(shape for page in pages for shape in {_shape(line) for line in page[: _edge(page)] + page[-_edge(page) :]})
    everywhere = Counter(_shape(line) for page in pages for line in page)
    # What also stands inside pages is text that repeats.
    often = {shape for shape, n in seen.items() if n >= max(MIN_PAGES, SHARE * len(pages)) and 2 * n > everywhere[shape]}

    def runs(line: str) -> bool:
        return _shape(line) in often or bool(_PAGE_NUMBER.fullmatch(line))

    for page in pages:
        edge = _edge(page)
        yield from dropwhile(runs, page[:edge])
        yield from page[edge : len(page) - edge]
        yield from reversed([*dropwhile(runs, reversed(page[max(edge, len(page) - edge) :]))])


def _edge(page: list[str]) -> int:
    """How many lines of a page are its edge, above and below."""
    return min(EDGE, math.ceil(len(page) / 4))


def _shape(line: str) -> str:
    """The line with its numbers made equal."""
    return re.sub(r"\d+", "0", line)


def _unwrapped(lines: list[str]) -> str:
    """The lines that the page's width broke joined into paragraphs."""
    room = max(MIN_ROOM, FULL * sorted(map(_columns, lines))[int(LONG * len(lines))])
    words = set(_WORD.findall(_SECOND_HALF.sub("", "\n".join(lines).lower())))
    return "".join(_joined(line, following, room, words) for line, following in pairwise(lines)) + lines[-1]


def _joined(line: str, following: str, room: float, words: set[str]) -> str:
    """The line with what joins it to the following one: a line break, a space or nothing."""
    spaced = not _UNSPACED.match(following)
    first = following.split(maxsplit=1)[0] if spaced else following[0]
    if _columns(line) + spaced + _columns(first) <= room or _BULLET.match(following):
        return line + "\n"
    if line.endswith("\xad") or _is_cut(line, following, words):
        return line[:-1]
    if re.search(r"\w[-‐]$", line) or (not spaced and _UNSPACED.match(line[-1])):
        return line
    return line + " "


def _is_cut(line: str, following: str, words: set[str]) -> bool:
    """Whether the line's last word goes on in the following line, so that the hyphen at the line's end is not its own.

    :param words: those that stand whole in the document, in lower case. A second half that is one of them is no half.
    """
    first, second = _FIRST_HALF.search(line[-MAX_HALF:]), _WORD.match(following)
    if not (first and second and first[1].islower() and second[0].islower()):
        return False
    return (first[1] + second[0]) in words or second[0] not in words


def _columns(line: str) -> int:
    return len(line) + sum(unicodedata.east_asian_width(c) in "WF" for c in line)


# --------------------------------------------------------------------------------------------- a process of its own


async def read_apart(raw: bytes, kind: str, seconds: float = SECONDS) -> str:
    """`read` in a process of its own, which is gone when this returns, raises or is cancelled.

    No more of its output is taken than the longest text needs. On POSIX it has `MAX_MEMORY` bytes and `seconds` seconds of processor
    time, and cannot write to files.
    :raises InputError: as `read`, and if the process dies.
    :raises UsageError: as `read`.
    :raises TimeoutError: if it takes over `seconds` seconds.
    """
    _check(raw, kind)
    command = (sys.executable, "-P", "-m", "cooptag.documents", kind, str(math.ceil(seconds)))
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=null, env=_environment())
    try:
        async with asyncio.timeout(seconds):
            _, answer = await asyncio.gather(_send(process, raw), _answer(process))
            await process.wait()
    except TimeoutError:
        raise TimeoutError(f"the file takes over {seconds:g} s to read; send its text in parts") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()  # not wait(), which never returns while output lies unread
    return _answered(answer, process.returncode)


async def _send(process: asyncio.subprocess.Process, raw: bytes) -> None:
    assert process.stdin  # noqa: S101  (a pipe)
    with suppress(ConnectionError):  # it has ended; its status tells
        process.stdin.write(raw)
        await process.stdin.drain()
    process.stdin.close()


async def _answer(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout  # noqa: S101  (a pipe)
    answer = b""
    while part := await process.stdout.read(MAX_ANSWER):
        answer += part
        if len(answer) > MAX_ANSWER:
            raise InputError(_FAILED)
    return answer


def _environment() -> dict[str, str]:
    """What the process needs to find the same modules, and no secrets. Each thread of OpenBLAS would take address space."""
    kept = {name: os.environ[name] for name in ("SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OPENBLAS_NUM_THREADS": "1"}


def _answered(answer: bytes, status: int | None) -> str:
    if status != 0:
        raise InputError(_FAILED)
    found = json.loads(answer)
    if "text" in found:
        return str(found["text"])
    raise (UsageError if found["error_type"] == UsageError.error_type else InputError)(found["error"])


def _main(kind: str, seconds: str) -> None:
    """Reads a file from stdin and writes what came of it to stdout, as JSON."""
    _limit(int(seconds))
    try:
        answer = {"text": read(sys.stdin.buffer.read(), kind)}
    except CooptagError as error:
        answer = {"error": str(error), "error_type": error.error_type}
    sys.stdout.buffer.write(json.dumps(answer, ensure_ascii=False).encode())


def _limit(seconds: int) -> None:
    """Bounds this process. Nice, so that it takes no processor time from tagging."""
    try:
        import resource
    except ImportError:  # no POSIX
        return
    limits = {resource.RLIMIT_AS: MAX_MEMORY, resource.RLIMIT_CPU: seconds, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0}
    for limit, most in limits.items():
        with suppress(ValueError, OSError):  # it is lower already
            resource.setrlimit(limit, (most, most))
    os.nice(5)


_READERS: Final[dict[str, Callable[[bytes], str]]] = {"txt": _plain, "html": _web_page, "docx": _word, "pdf": _pdf}

if __name__ == "__main__":
    _main(*sys.argv[1:])
