"""What passes between the models and the people who label: items to label, and what each person decided."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Item:
    """A sentence to label and where it stands; `article` is an id such as "vi/2019-asean-canada", below the corpus folder.

    `sentence`: its number in the article, from 0, or -1 where it is unknown. `date`: ISO 8601, as far as it is known, or "".
    `before`: the labels that the corpus gave it when it was handed out, as in a corpus file ("climate, energy", "none general"),
    or "" for a sentence that the corpus did not hold.
    """

    article: str
    text: str
    lang: str
    sentence: int = -1
    date: str = ""
    kind: str = "news_report"
    source: str = ""
    parties: tuple[str, ...] = ()
    before: str = ""


@dataclass(frozen=True)
class Suggestion:
    """An area that a model suggests for an item, with its score in [0, 1] and the words that carried it ("" if unknown)."""

    area: str
    score: float
    evidence: str = ""


@dataclass(frozen=True)
class Task:
    """An item with what the person who labels it sees: `why` it is asked, what stands around it, what a model suggests.

    `model`: name and digest of that model. `settles`: readers disagreed on the item, and the answer to this task is final.
    """

    item: Item
    why: str = ""
    context: str = ""
    suggestions: tuple[Suggestion, ...] = field(default=())
    model: str = ""
    settles: bool = False


@dataclass(frozen=True)
class Decision:
    """What one person said of an item. `at`: ISO 8601 time, or "". `where`: the place in the export, for errors.

    `why` and `context` are the task's.
    `areas` empty and `skipped` false means that the item names no area; `none_reason` is one of `corpus.NONE_REASONS` or "".
    """

    item: Item
    by: str
    at: str
    areas: tuple[str, ...]
    none_reason: str = ""
    skipped: bool = False
    settles: bool = False
    where: str = ""
    why: str = ""
    context: str = ""
