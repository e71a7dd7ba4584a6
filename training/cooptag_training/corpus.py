"""The labelled corpus: one readable file an article, each sentence beside its areas.

---
lang: en
kind: news_report
year: 2024
parties: ASEAN, Canada
---
[climate, energy] A sentence on one line.
[none procedure] A sentence that names no area, and why; [none] where nobody said why.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cooptag.errors import InputError
from cooptag.text import LANGUAGES

DEFAULT_FOLDER = Path(__file__).resolve().parents[1] / "corpus"
KINDS = (
    "news_report", "ministry_item", "joint_statement", "chair_statement", "plan_of_action", "press_line", "speech",
    "interview", "lead", "headline", "caption", "list_item", "mou_news", "spokesperson_briefing", "aid_thanks",
    "embassy_post", "off_topic",
)  # fmt: skip
NONE_REASONS = (
    "procedure",
    "general",
    "purpose",
    "domestic",
    "praise",
    "deplored",
    "named_only",
    "unilateral",
    "off_topic",
)
_HEADER_KEYS = ("lang", "kind", "year", "parties")
UNKNOWN_YEAR = "unknown"
_LINE = re.compile(r"\[([^\[\]]*)\] (\S.*)")


@dataclass(frozen=True)
class Sentence:
    """A labelled sentence; `areas` is empty where it names no area, and `none_reason` then says why, or is "" where nobody did."""

    text: str
    areas: tuple[str, ...]
    none_reason: str
    line: int


@dataclass(frozen=True)
class Article:
    """A labelled article; `id` is its path below the corpus folder without the ending, such as "vi/2019-asean-canada".

    `year` is 0 where it is unknown.
    """

    id: str
    lang: str
    kind: str
    year: int
    parties: tuple[str, ...]
    sentences: tuple[Sentence, ...]


def load(folder: Path, areas: set[str]) -> list[Article]:
    """Every article of a corpus folder, sorted by id.

    :param areas: the known area ids.
    :raises InputError: with every problem found (at most 20), a line each naming file and line.
    """
    problems: list[str] = []
    articles = []
    for file in sorted(folder.glob("*/*.txt")):
        try:
            articles.append(read_article(file, areas))
        except InputError as error:
            problems.append(str(error))
    if problems:
        raise InputError("; ".join(problems[:20]))
    if not articles:
        raise InputError(f"{folder}: holds no article; expected files such as {folder}/vi/2019-asean-canada.txt")
    return articles


def read_article(file: Path, areas: set[str]) -> Article:
    """Reads and checks one article.

    :raises InputError: naming the file, the line, the value and what was expected.
    """
    try:
        lines = file.read_text(encoding="utf8").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: is not UTF-8 (byte {error.start}); convert it") from error
    end = _header_end(file, lines)
    header = _header(file, lines[1:end])
    sentences = tuple(_sentences(file, lines, end + 1, areas))
    if not sentences:
        raise InputError(f"{file}:{end + 1}: no sentence follows the header")
    parties = tuple(p.strip() for p in header["parties"].split(",") if p.strip())
    year = 0 if header["year"] == UNKNOWN_YEAR else int(header["year"])
    return Article(f"{file.parent.name}/{file.stem}", header["lang"], header["kind"], year, parties, sentences)


def labels(areas: Iterable[str], none_reason: str = "") -> str:
    """What stands in the brackets of a sentence's line, such as "climate, energy", "none general" or "none"."""
    return ", ".join(sorted(areas)) or f"none {none_reason}".strip()


def sentence_line(text: str, areas: Iterable[str], none_reason: str = "") -> str:
    """The line of an article file that says which areas a sentence carries, or that it carries none.

    :raises InputError: if the text is empty or does not fit on a line.
    """
    if not text.strip() or text != text.strip() or any(c in text for c in "\n\r\0"):
        raise InputError(f"{text[:40]!r}… is no sentence for an article file; expected text on one line, without spaces around it")
    return f"[{labels(areas, none_reason)}] {text}"


def header_lines(article: Article) -> list[str]:
    """The first lines of an article's file, down to the second ---."""
    year = article.year or UNKNOWN_YEAR
    return ["---", f"lang: {article.lang}", f"kind: {article.kind}", f"year: {year}", f"parties: {', '.join(article.parties)}", "---"]


def _header_end(file: Path, lines: list[str]) -> int:
    if lines[0] != "---" or "---" not in lines[1:]:
        raise InputError(f"{file}:1: expected a header between two lines of ---")
    return lines.index("---", 1)


def _header(file: Path, lines: list[str]) -> dict[str, str]:
    header: dict[str, str] = {}
    for number, line in enumerate(lines, start=2):
        key, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or key not in _HEADER_KEYS or key in header:
            raise InputError(f"{file}:{number}: {line!r} is no header line; expected {', '.join(_HEADER_KEYS)}, once each")
        header[key] = value
    missing = [key for key in _HEADER_KEYS if key not in header]
    if missing:
        raise InputError(f"{file}:1: the header lacks {', '.join(missing)}")
    _check_header(file, header)
    return header


def _check_header(file: Path, header: dict[str, str]) -> None:
    if header["lang"] not in LANGUAGES or header["lang"] != file.parent.name:
        raise InputError(f"{file}:2: lang is {header['lang']!r}; expected the folder's name, one of {', '.join(LANGUAGES)}")
    if header["kind"] not in KINDS:
        raise InputError(f"{file}:2: kind is {header['kind']!r}; expected one of {', '.join(KINDS)}")
    if not re.fullmatch(rf"20[0-3]\d|{UNKNOWN_YEAR}", header["year"]):
        raise InputError(f"{file}:2: year is {header['year']!r}; expected a year such as 2019, or {UNKNOWN_YEAR}")


def _sentences(file: Path, lines: list[str], start: int, areas: set[str]) -> Iterator[Sentence]:
    for number, line in enumerate(lines[start:], start=start + 1):
        if line.strip():
            yield _sentence(f"{file}:{number}", number, line, areas)


def _sentence(where: str, number: int, line: str, areas: set[str]) -> Sentence:
    match = _LINE.fullmatch(line.rstrip())
    if match is None:
        raise InputError(f"{where}: {line[:40]!r}… is not '[areas] sentence' or '[none reason] sentence'")
    labels, text = [label.strip() for label in match[1].split(",")], match[2]
    if labels[0].split()[:1] == ["none"]:
        reason = labels[0].removeprefix("none").strip()
        if len(labels) > 1 or reason not in ("", *NONE_REASONS):
            raise InputError(f"{where}: [{match[1]}] is no reason; expected none and one of {', '.join(NONE_REASONS)}")
        return Sentence(text, (), reason, number)
    for label in labels:
        if label not in areas:
            raise InputError(f"{where}: area {label!r} is unknown; see configs/areas.yaml")
    if len(set(labels)) != len(labels):
        raise InputError(f"{where}: [{match[1]}] names an area twice")
    return Sentence(text, tuple(sorted(labels)), "", number)
