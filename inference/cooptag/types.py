"""The frozen records that the tagger returns."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Area:
    """One cooperation area (label) as the model folder describes it; `names` maps a language code to a name."""

    id: str
    pillar: str = ""
    names: dict[str, str] = field(default_factory=dict)
    definition: str = ""

    def name(self, lang: str) -> str:
        """The name in `lang`, else in English, else the id."""
        return self.names.get(lang) or self.names.get("en") or self.id


@dataclass(frozen=True, slots=True)
class Evidence:
    """Words that carried an area, `sentence[start:end]` in code points; `weight` is what they added to the logit."""

    start: int
    end: int
    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class Example:
    """A labelled sentence of the training data, and how near it is (cosine in [-1, 1])."""

    text: str
    lang: str
    areas: tuple[str, ...]
    similarity: float


@dataclass(frozen=True, slots=True)
class AreaScore:
    """An area with its calibrated score, a probability in [0, 1].

    Explained, also the words that carried it in the order of the text, its score `without` them, and the nearest
    labelled sentences that carry it.
    """

    id: str
    score: float
    evidence: tuple[Evidence, ...] | None = None
    without: float | None = None
    nearest: tuple[Example, ...] | None = None


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """One sentence and its areas, highest score first. `text == article[start:end]`, in Unicode code points.

    `none`: calibrated probability that it names no area (0 for models of exactly one label a text).
    `uncertain`: so many of its areas are expected to be wrong that a person should read it.
    `unsupported`: the code of a language outside the model's, or "und"; the areas are then a guess. None as a rule.
    `truncated`: the sentence was longer than the model's window and its end was not read.
    `forced`: the splitter cut at its length limit, not at a sentence end.
    `all_scores`: every area's calibrated score in manifest order, if asked for.
    `error`: why this text could not be tagged (its areas are then empty); None as a rule.
    """

    start: int
    end: int
    text: str
    lang: str
    areas: tuple[AreaScore, ...]
    truncated: bool = False
    forced: bool = False
    none: float = 0.0
    uncertain: bool = False
    unsupported: str | None = None
    all_scores: tuple[AreaScore, ...] | None = None
    error: str | None = None

    def to_dict(self, names: dict[str, str] | None = None) -> dict[str, Any]:
        """The JSON object of one sentence; `names` adds a display name to each area. Rare keys come only when set."""
        row: dict[str, Any] = {
            "start": self.start,
            "end": self.end,
            "text": self.text,
            "lang": self.lang,
            "areas": [_area_dict(area, names) for area in self.areas],
            "truncated": self.truncated,
        }
        if self.uncertain:
            row["uncertain"] = True
        if self.unsupported is not None:
            row["unsupported"] = self.unsupported
        if self.forced:
            row["forced"] = True
        if self.error is not None:
            row["error"] = self.error
        if self.all_scores is not None:
            row["none"] = self.none
            row["all_scores"] = {area.id: area.score for area in self.all_scores}
        return row


def _area_dict(area: AreaScore, names: dict[str, str] | None) -> dict[str, Any]:
    row: dict[str, Any] = {"id": area.id, "score": area.score}
    if names is not None:
        row["name"] = names[area.id]
    if area.evidence is not None:
        row |= {"evidence": [asdict(words) for words in area.evidence], "without": area.without}
        row["nearest"] = [{**asdict(example), "areas": list(example.areas)} for example in area.nearest or ()]
    return row
