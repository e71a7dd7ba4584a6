"""The picture of a finished job: `summary.json` as one HTML page that loads nothing and runs nothing.

The page is made from the summary alone, so the same summary gives the same bytes. Whatever comes from the data (ids, texts,
names) is cut, freed of control characters and escaped. Page words come in English and Vietnamese.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cooptag import artifact
from cooptag.errors import InputError, UsageError
from cooptag.report_charts import Count, Group, Timeline, columns, heat, step_line, timeline
from cooptag.text import clean_for_terminal
from cooptag.types import Area

SUMMARY: Final = "summary.json"
PAGE: Final = "report.html"
MAX_ID: Final = 200
MAX_TEXT: Final = 1000
TOP_AREAS: Final = 12
TOP_PARTIES: Final = 15
TOP_PAIRS: Final = 20
TOP_LANGUAGES: Final = 20
MOVED: Final = 10
# Uncertain sentences that are shown before the reader asks for more.
SHOWN_AT_ONCE: Final = 10
# A period or party with fewer sentences is shown pale: its shares jump.
FEW: Final = 100
Both = tuple[str, str]  # English, Vietnamese
T = TypeVar("T")


# ------------------------------------------------------------------------------------------------------- summary


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class _Model(_Record):
    name: str
    digest: str


class _Input(_Record):
    files: Count
    bytes: Count
    passed_over: Count


class _Counts(_Record):
    """A job that met none of something may leave its count out."""

    documents: Count = 0
    sentences: Count = 0
    tagged: Count = 0
    tags: Count = 0
    rejected: Count = 0
    blank: Count = 0
    dated: Count = 0
    truncated: Count = 0
    forced: Count = 0
    uncertain: Count = 0
    unsupported: Count = 0
    errors: Count = 0
    mended: Count = 0


class _AreaCount(_Record):
    sentences: Count
    documents: Count
    score: float


class _Party(Group):
    name: dict[str, str]


class _Example(_Record):
    id: str
    sentence: Count
    text: str
    lang: str
    score: float
    evidence: list[tuple[Count, Count]] = []


class _Score(_Record):
    id: str
    score: float


class _Uncertain(_Record):
    id: str
    sentence: Count
    text: str
    lang: str
    areas: list[_Score]


Verdict = Literal["as trained", "somewhat different", "different"]


class _Measure(_Record):
    name: str
    value: float
    limits: tuple[float, float]
    verdict: Verdict
    says: str


class _Scores(_Record):
    reference: list[Annotated[float, Field(ge=0)]]
    job: list[Annotated[float, Field(ge=0)]]


class _Drift(_Record):
    verdict: Verdict | Literal["too few to say"]
    sentences: Count
    reference_sentences: Count
    measures: list[_Measure]
    advice: list[str]
    areas: dict[str, tuple[float, float]] = {}
    scores: _Scores | None = None


Period = Annotated[str, Field(pattern=r"^[0-9]{4}(-(0[1-9]|1[0-2])(-[0-9]{2})?)?$")]


class Summary(_Record):
    """`summary.json` of a finished job, as far as the page needs it."""

    cooptag: str
    model: _Model
    areas_known: Annotated[list[Area], Field(min_length=1)]
    options: dict[str, Any]
    input: _Input
    counts: _Counts
    rejected: dict[str, Count]
    encodings: dict[str, Count]
    languages: dict[str, Count]
    unsupported: dict[str, Count]
    areas: dict[str, _AreaCount]
    pairs: list[tuple[str, str, Count]]
    periods: dict[Period, Group]
    parties: dict[str, _Party] | None
    examples: dict[str, list[_Example]]
    uncertain: list[_Uncertain]
    drift: _Drift | None

    @model_validator(mode="after")
    def _areas_are_known(self) -> "Summary":
        groups = [*self.periods.values(), *(self.parties or {}).values()]
        named = {*self.areas, *self.examples, *(self.drift.areas if self.drift else ())}
        named.update(area for a, b, _ in self.pairs for area in (a, b))
        named.update(area for group in groups for area in group.areas)
        named.update(area.id for sentence in self.uncertain for area in sentence.areas)
        unknown = sorted(named - {area.id for area in self.areas_known})
        if unknown:
            raise ValueError(f"area {_short(unknown[0])!r} is not one of areas_known")
        return self


def read(folder: Path) -> Summary:
    """The summary of a finished job's folder.

    :raises InputError: if it is not there, or is no summary.
    """
    file = folder / SUMMARY
    advice = "run `cooptag batch` to its end"
    try:
        return Summary.model_validate_json(file.read_bytes())
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); expected the folder of a finished job, {advice}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(_short(str(part)) for part in first["loc"]) or "the file"
        message = f"{file}: is not a job's summary ({where}: {first['msg']})"
        raise InputError(f"{clean_for_terminal(message)}; {advice}") from error


def write(folder: Path, lang: str = "en") -> Path:
    """Writes `report.html` beside the summary of a finished job and returns its path.

    :param lang: of the area names; the page's own words are Vietnamese for "vi", else English.
    :raises InputError: if `folder` holds no summary.
    :raises UsageError: if no area has a name in `lang`.
    """
    page = folder / PAGE
    artifact.write_durably(page, render(read(folder), lang).encode("utf8", "replace"))
    return page


def render(summary: Summary, lang: str = "en") -> str:
    """The page of a summary, as HTML.

    :raises UsageError: if no area has a name in `lang`.
    """
    import jinja2

    known = sorted({code for area in summary.areas_known for code in area.names})
    if known and lang not in {*known, "en"}:
        raise UsageError(f"no area names in {lang!r}; expected one of {', '.join(known)}")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(Path(__file__).with_name("report.html").read_text(encoding="utf8"))
    return template.render(_page(summary, lang))


# --------------------------------------------------------------------------------------------------------- words

# Each pillar's colour (a class of the page) and name.
_PILLARS: Final[dict[str, tuple[str, Both]]] = {
    "political-security": ("political", ("Political-security", "Chính trị - an ninh")),
    "economic": ("economic", ("Economic", "Kinh tế")),
    "sustainability": ("sustainable", ("Sustainability", "Phát triển bền vững")),
    "socio-cultural": ("social", ("Socio-cultural", "Văn hóa - xã hội")),
    "cross-pillar": ("other", ("Cross-pillar", "Liên trụ cột")),
    "": ("other", ("No pillar", "Không thuộc trụ cột")),
}
_LANGUAGES: Final[dict[str, Both]] = {
    "vi": ("Vietnamese", "Tiếng Việt"), "en": ("English", "Tiếng Anh"), "id": ("Indonesian", "Tiếng Indonesia"),
    "th": ("Thai", "Tiếng Thái"), "ms": ("Malay", "Tiếng Mã Lai"), "fil": ("Filipino", "Tiếng Philippines"),
    "zh": ("Chinese", "Tiếng Trung"), "ja": ("Japanese", "Tiếng Nhật"), "ko": ("Korean", "Tiếng Hàn"),
    "fr": ("French", "Tiếng Pháp"), "es": ("Spanish", "Tiếng Tây Ban Nha"), "km": ("Khmer", "Tiếng Khmer"),
    "lo": ("Lao", "Tiếng Lào"), "my": ("Burmese", "Tiếng Miến Điện"), "de": ("German", "Tiếng Đức"),
    "pt": ("Portuguese", "Tiếng Bồ Đào Nha"), "ru": ("Russian", "Tiếng Nga"), "ar": ("Arabic", "Tiếng Ả Rập"),
    "hi": ("Hindi", "Tiếng Hindi"), "ta": ("Tamil", "Tiếng Tamil"), "und": ("Undetermined", "Không xác định"),
}  # fmt: skip


@dataclass(frozen=True)
class _Words:
    """How the page says words and figures in its language, "en" or "vi"."""

    lang: str

    def say(self, en: str, vi: str) -> str:
        return vi if self.lang == "vi" else en

    def entry(self, table: Mapping[str, Both], key: str) -> str:
        """The table's word for a key of the data, else the key itself."""
        return self.say(*table[key]) if key in table else _short(key)

    def number(self, n: int) -> str:
        return self._figure(f"{n:,}")

    def noun(self, n: int, noun: str) -> str:
        """An English noun as it stands behind a number."""
        return noun if n == 1 else noun + "s"

    def count(self, n: int, noun: str) -> str:
        """ "1 document", "1,938 documents"."""
        return f"{self.number(n)} {self.noun(n, noun)}"

    def decimal(self, value: float, digits: int = 1) -> str:
        return self._figure(f"{value:,.{digits}f}")

    def precise(self, value: float) -> str:
        """A measure: more digits where it is small."""
        return self.decimal(value, 2 if value >= 0.1 else 4)

    def percent(self, share: float) -> str:
        """ "12 %", "3.4 %", "< 0.1 %" (a no-break space before the sign)."""
        if 0 < share < 0.0005:
            return f"<\u00a0{self.decimal(0.1)}\u00a0%"
        return f"{self.cell(share)}\u00a0%"

    def cell(self, share: float) -> str:
        """The same without its sign, for a table of percentages."""
        return self.decimal(100 * share, 0 if share == 0 or share >= 0.0995 else 1)

    def _figure(self, figure: str) -> str:
        return figure.translate({ord(","): ".", ord("."): ","}) if self.lang == "vi" else figure


def _short(text: str) -> str:
    """An id or name from the data, safe to show: one line of at most `MAX_ID` characters, "…" where it was cut."""
    return clean_for_terminal(text[:MAX_ID]) + ("…" if len(text) > MAX_ID else "")


# Invisible but harmless, and common: a joint between words in Khmer, Thai and Burmese (kept), or a mark of direction.
_ZERO_WIDTH_SPACE: Final = "\u200b"
_DROPPED: Final = dict.fromkeys(map(ord, "\xad\u061c\u200e\u200f\u2060\ufeff"))


def _sentence(text: str) -> str:
    """A sentence from the data, safe to show: white space as spaces, other controls and bidi overrides as escapes."""
    pieces = re.sub(r"\s+", " ", text).translate(_DROPPED).split(_ZERO_WIDTH_SPACE)
    return _ZERO_WIDTH_SPACE.join(map(clean_for_terminal, pieces))


def _marked(text: str, evidence: Iterable[tuple[int, int]]) -> list[tuple[str, bool]]:
    """The text in pieces, each with whether it is evidence; `evidence` in code points, in any order, perhaps overlapping."""
    limit = min(len(text), MAX_TEXT)
    pieces, position = [], 0
    for start, end in sorted(evidence):
        start, end = max(start, position), min(end, limit)
        if start < end:
            pieces += [(text[position:start], False), (text[start:end], True)]
            position = end
    pieces += [(text[position:limit], False), ("…" if len(text) > limit else "", False)]
    return [(_sentence(piece), mark) for piece, mark in pieces if piece]


# ---------------------------------------------------------------------------------------------------------- page


class _Row(NamedTuple):
    """An area as every chart shows it. `number` makes its anchor; `colour` is a class of the page."""

    number: int
    id: str
    name: str
    pillar: str
    colour: str
    sentences: int
    documents: int
    score: float


class _Cell(NamedTuple):
    text: str
    heat: int
    few: bool


def _page(summary: Summary, lang: str) -> dict[str, Any]:
    """Everything that the template shows, in the order of the page."""
    words = _Words("vi" if lang == "vi" else "en")
    rows = _rows(summary, lang, words)
    names = {row.id: row for row in rows}
    return {
        "lang": words.lang, "words": words, "say": words.say, "number": words.number, "percent": words.percent,
        "summary": summary, "counts": summary.counts, "short": _short,
        "found": sum(row.sentences > 0 for row in rows),
        "rows": rows, "pillars": _pillars(rows), "total_tags": sum(row.sentences for row in rows) or 1,
        "width": _widths(rows, lambda row: row.sentences),
        "time": _time(summary, rows, words), "parties": _parties(summary, rows, lang, words),
        "pairs": _pairs(summary, names, words), "few": FEW,
        "examples": [(row, _examples(summary.examples[row.id], words)) for row in rows if summary.examples.get(row.id)],
        "uncertain": _uncertain(summary, names, words), "shown_at_once": SHOWN_AT_ONCE,
        "languages": _languages(summary, words),
        "rejected": _by_count(summary.rejected), "unsupported": _by_count(summary.unsupported), "encodings": _by_count(summary.encodings),
        "drift": _drift(summary.drift, names, words),
        "options": [(_short(key), _short(json.dumps(value, ensure_ascii=False))) for key, value in summary.options.items()
                    if value is not None and value != []],
    }  # fmt: skip


def _rows(summary: Summary, lang: str, words: _Words) -> list[_Row]:
    """All areas, most sentences first."""
    rows = []
    for number, area in enumerate(summary.areas_known):
        counted = summary.areas.get(area.id) or _AreaCount(sentences=0, documents=0, score=0.0)
        colour = _PILLARS.get(area.pillar, ("other",))[0]
        pillar = words.entry({key: name for key, (_, name) in _PILLARS.items()}, area.pillar)
        rows.append(_Row(number, area.id, _short(area.name(lang)), pillar, colour, counted.sentences, counted.documents, counted.score))
    return sorted(rows, key=lambda row: (-row.sentences, row.number))


def _pillars(rows: Sequence[_Row]) -> list[tuple[str, str, int]]:
    """Name, colour and tags of each pillar, most tags first; nothing for a label set without pillars."""
    tags: dict[tuple[str, str], int] = {}
    for row in rows:
        tags[row.pillar, row.colour] = tags.get((row.pillar, row.colour), 0) + row.sentences
    if {colour for _, colour in tags} == {"other"}:
        return []
    return [(pillar, colour, count) for (pillar, colour), count in sorted(tags.items(), key=lambda item: -item[1])]


def _widths(items: Iterable[T], count: Callable[[T], int]) -> list[str]:
    """CSS widths of bars, the longest 100 %; a count above zero is never invisible."""
    counts = [count(item) for item in items]
    top = max(counts, default=0) or 1
    return [f"{max(100 * n / top, 0.4) if n else 0:.1f}%" for n in counts]


def _grouped(rows: Sequence[_Row], cells: Callable[[_Row], list[_Cell]]) -> list[tuple[str, str, list[tuple[_Row, list[_Cell]]]]]:
    """Heat-table rows under their pillars: name, colour, rows with cells. Areas that never came are left out."""
    seen = [row for row in rows if row.sentences]
    pillars = dict.fromkeys((row.pillar, row.colour) for row in sorted(seen, key=lambda row: row.number))
    return [(*pillar, [(row, cells(row)) for row in seen if (row.pillar, row.colour) == pillar]) for pillar in pillars]


def _share(group: Group, area: str) -> float:
    return group.areas.get(area, 0) / group.sentences if group.sentences else 0.0


def _time(summary: Summary, rows: Sequence[_Row], words: _Words) -> dict[str, Any] | None:
    """The areas over time; None where no document has a date."""
    if not summary.periods:
        return None
    line = timeline(summary.periods)
    groups = line.groups
    labels = [_period(step, words) for step in groups]
    volume = list(zip(columns([g.sentences for g in groups.values()], 960, 100), labels, groups.values(), strict=True))

    def cells(row: _Row) -> list[_Cell]:
        shares = [_share(group, row.id) for group in groups.values()]
        return [_cell(share, max(shares), group, words) for share, group in zip(shares, groups.values(), strict=True)]

    return {
        "labels": labels, "heads": list(zip(labels, groups.values(), strict=True)), "months": line.months, "gaps": line.gaps,
        "left_out": line.left_out,
        "volume": volume,
        "panels": [_panel(row, line, labels, words) for row in rows[:TOP_AREAS] if row.sentences],
        "groups": _grouped(rows, cells), "any_few": any(0 < group.sentences < FEW for group in groups.values()),
    }  # fmt: skip


def _period(step: str, words: _Words) -> str:
    """ "2015", "2015-03"; Vietnamese writes months as "03/2015"."""
    return words.say(step, "/".join(reversed(step.split("-"))))


def _panel(row: _Row, line: Timeline, labels: Sequence[str], words: _Words) -> dict[str, Any]:
    """A small column chart of one area: its share of each period's sentences."""
    groups = list(line.groups.values())
    shares = [_share(group, row.id) for group in groups]
    # A share of few sentences must not be what an area is known for.
    solid = [i for i, group in enumerate(groups) if group.sentences >= FEW] or list(range(len(groups)))
    peak = max(solid, key=lambda i: shares[i])
    top = [min(share, shares[peak] or share) for share in shares]
    bars = [
        (column, f"{label}: {words.percent(share)}", 0 < group.sentences < FEW)
        for column, label, share, group in zip(columns(top, 240, 100), labels, shares, groups, strict=True)
    ]
    return {"row": row, "bars": bars, "peak": words.percent(shares[peak]), "at": labels[peak], "last": words.percent(shares[-1])}


def _cell(share: float, top: float, group: Group, words: _Words) -> _Cell:
    return _Cell(words.cell(share) if share else "", heat(share, top), 0 < group.sentences < FEW)


def _parties(summary: Summary, rows: Sequence[_Row], lang: str, words: _Words) -> dict[str, Any] | None:
    """The parties with most sentences against all areas; None if none was looked for or found."""
    if not summary.parties:
        return None
    most = sorted(summary.parties.items(), key=lambda item: (-item[1].sentences, item[0]))[:TOP_PARTIES]
    groups = [party for _, party in most]
    top = max((_share(group, row.id) for group in groups for row in rows), default=0.0)

    def cells(row: _Row) -> list[_Cell]:
        return [_cell(_share(group, row.id), top, group, words) for group in groups]

    names = [_short(party.name.get(lang) or party.name.get("en") or id) for id, party in most]
    heads = list(zip(names, groups, strict=True))
    return {"heads": heads, "all": len(summary.parties), "groups": _grouped(rows, cells)}


def _pairs(summary: Summary, names: Mapping[str, _Row], words: _Words) -> list[dict[str, Any]]:
    """The pairs of areas that most sentences carry both of, with how many times as often as by chance."""
    most = sorted(summary.pairs, key=lambda pair: (-pair[2], pair[:2]))[:TOP_PAIRS]
    lifts = [_lift(count, names[a].sentences, names[b].sentences, summary.counts.sentences) for a, b, count in most]
    shown = ["–" if lift is None else f"{words.decimal(lift, 0 if lift >= 9.95 else 1)}×" for lift in lifts]
    rows = zip(most, shown, _widths(most, lambda pair: pair[2]), strict=True)
    return [{"a": names[a], "b": names[b], "count": count, "lift": lift, "width": width} for (a, b, count), lift, width in rows]


def _lift(both: int, a: int, b: int, sentences: int) -> float | None:
    """Sentences with both areas, over as many as there would be if the areas came independently; None if one never came."""
    return both * sentences / (a * b) if a and b else None


def _place(row: _Example | _Uncertain) -> str:
    """Where a sentence stands, as in the job's output: document id and number."""
    return f"{_short(row.id)} · {row.sentence}"


def _examples(rows: Iterable[_Example], words: _Words) -> list[dict[str, Any]]:
    return [
        {"pieces": _marked(row.text, row.evidence), "lang": _short(row.lang), "place": _place(row), "score": words.decimal(row.score, 2)}
        for row in rows
    ]


def _uncertain(summary: Summary, names: Mapping[str, _Row], words: _Words) -> list[dict[str, Any]]:
    return [
        {
            "pieces": _marked(row.text, ()), "lang": _short(row.lang), "place": _place(row),
            "areas": [(names[area.id], words.decimal(area.score, 2)) for area in row.areas],
        }
        for row in summary.uncertain
    ]  # fmt: skip


def _by_count(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _languages(summary: Summary, words: _Words) -> list[tuple[str, int, str]]:
    """Name, sentences and width of bar of each language, the rarest in one row."""
    counted = _by_count(summary.languages)
    shown = [(words.entry(_LANGUAGES, code), count) for code, count in counted[:TOP_LANGUAGES]]
    if rest := counted[TOP_LANGUAGES:]:
        shown.append((words.say(words.count(len(rest), "other"), f"{len(rest)} ngôn ngữ khác"), sum(count for _, count in rest)))
    return [(name, count, width) for (name, count), width in zip(shown, _widths(shown, lambda row: row[1]), strict=True)]


def _drift(drift: _Drift | None, names: Mapping[str, _Row], words: _Words) -> dict[str, Any] | None:
    if drift is None:
        return None
    moved = sorted(drift.areas.items(), key=lambda item: (-abs(item[1][1] - item[1][0]), item[0]))[:MOVED]
    top = max((value for _, pair in moved for value in pair), default=0) or 1.0
    return {
        "verdict": drift.verdict, "sentences": drift.sentences, "reference": drift.reference_sentences,
        "advice": [_sentence(line) for line in drift.advice],
        "measures": [
            (_short(m.name), words.precise(m.value), [words.precise(limit) for limit in m.limits], m.verdict, _said(m))
            for m in drift.measures
        ],
        "moved": [(names[id], before, after, f"{100 * before / top:.1f}%", f"{100 * after / top:.1f}%") for id, (before, after) in moved],
        "scores": _score_lines(drift.scores),
    }  # fmt: skip


def _said(measure: _Measure) -> str:
    """What a measure says; nothing for the areas, which it calls by id: a table of the page names those that moved."""
    return "" if measure.name == "areas" else _sentence(measure.says)


def _score_lines(scores: _Scores | None) -> tuple[str, str] | None:
    """The outlines of both histograms, training and job, as shares on one scale; None if either is empty."""
    if scores is None or not sum(scores.reference) or not sum(scores.job):
        return None
    shares = [[value / sum(values) for value in values] for values in (scores.reference, scores.job)]
    top = max(max(values) for values in shares)
    before, after = (step_line(values, top, 400, 100) for values in shares)
    return before, after
