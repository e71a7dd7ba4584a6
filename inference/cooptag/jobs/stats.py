"""What a batch job counts: of each part while it is written, added up at the end, in whole numbers so that order does not matter."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from cooptag.types import TaggedSentence

# Sentences kept to look at: for each area, and of those that a person should read. A text and an id are cut to so many code points.
EXAMPLES = 5
UNCERTAIN = 100
EXAMPLE_CHARS = 1000
ID_CHARS = 200
# A score as a whole number: `TaggedSentence` rounds to four decimals.
SCORE_UNIT = 10_000
BINS = 10
_PLAIN = ("counts", "rejected", "encodings", "languages", "unsupported")
Sample = list[tuple[str, dict[str, Any]]]


@dataclass
class Group:
    """Documents and sentences of a period or party, and how many of the sentences carry each area."""

    documents: int = 0
    sentences: int = 0
    areas: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Group") -> None:
        """Adds what another part counted."""
        self.documents += other.documents
        self.sentences += other.sentences
        self.areas.update(other.areas)


@dataclass
class Stats:
    """Counts of sentences and documents. `counts` holds the plain ones (`documents`, `sentences`, `tags`, `uncertain`, …).

    `areas`: [sentences, documents, sum of scores in units of 1/10,000] of each area. `scores`: sentences by the tenth in which
    their probability to name an area lies. `examples` and `uncertain`: a random sample, (order, row) with the lowest orders;
    the order is a digest of the sentence's place, so that the sample does not depend on how the job was cut.
    """

    counts: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    encodings: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    unsupported: Counter[str] = field(default_factory=Counter)
    areas: dict[str, list[int]] = field(default_factory=dict)
    scores: list[int] = field(default_factory=lambda: [0] * BINS)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    periods: dict[str, Group] = field(default_factory=lambda: defaultdict(Group))
    parties: dict[str, Group] = field(default_factory=lambda: defaultdict(Group))
    examples: dict[str, Sample] = field(default_factory=lambda: defaultdict(list))
    uncertain: Sample = field(default_factory=list)

    def document(self, sentences: Sequence[TaggedSentence], id: str = "", date: str = "", parties: Sequence[Sequence[str]] = ()) -> None:
        """Counts a document of a day, month or year. :param parties: the countries and organisations of each sentence, or nothing."""
        self.counts["documents"] += 1
        self.counts["dated"] += int(bool(date))
        groups = [self.periods[date[:7]]] if date else []
        for group in groups:
            group.documents += 1
        for area in sorted({area.id for sentence in sentences for area in sentence.areas}):
            self._area(area)[1] += 1
        for number, sentence in enumerate(sentences):
            named = [self.parties[party] for party in parties[number]] if parties else []
            self._sentence(sentence, [*groups, *named])
            self._sample(sentence, id, number)

    def _area(self, area: str) -> list[int]:
        return self.areas.setdefault(area, [0, 0, 0])

    def _sentence(self, sentence: TaggedSentence, groups: Iterable[Group]) -> None:
        found = sorted(area.id for area in sentence.areas)
        facts = {
            "sentences": 1, "tagged": bool(found), "tags": len(found), "truncated": sentence.truncated, "forced": sentence.forced,
            "uncertain": sentence.uncertain, "unsupported": sentence.unsupported is not None, "errors": sentence.error is not None,
        }  # fmt: skip
        for name, value in facts.items():
            self.counts[name] += int(value)
        self.languages[sentence.lang] += 1
        if sentence.unsupported is not None:
            self.unsupported[sentence.unsupported] += 1
        self.scores[min(int((1 - sentence.none) * BINS), BINS - 1)] += 1
        for area in sentence.areas:
            self._area(area.id)[0] += 1
            self._area(area.id)[2] += round(area.score * SCORE_UNIT)
        self.pairs.update(combinations(found, 2))
        for group in groups:
            group.sentences += 1
            group.areas.update(found)

    def _sample(self, sentence: TaggedSentence, id: str, number: int) -> None:
        if not (sentence.areas or sentence.uncertain):
            return
        order = hashlib.blake2b(f"{id}\0{number}".encode("utf8", "replace"), digest_size=8).hexdigest()
        wanted = [(self.uncertain, UNCERTAIN)] if sentence.uncertain else [(self.examples[area.id], EXAMPLES) for area in sentence.areas]
        for kept, most in wanted:
            if len(kept) < most or order < kept[-1][0]:
                kept.append((order, _row(sentence, id, number)))
                kept.sort(key=_order)
                del kept[most:]

    def add(self, other: "Stats") -> None:
        """Adds what another part counted."""
        for name in (*_PLAIN, "pairs"):
            getattr(self, name).update(getattr(other, name))
        self.scores = [a + b for a, b in zip(self.scores, other.scores, strict=True)]
        for area, counted in other.areas.items():
            self.areas[area] = [a + b for a, b in zip(self._area(area), counted, strict=True)]
        for name in ("periods", "parties"):
            for key, group in getattr(other, name).items():
                getattr(self, name)[key].add(group)
        for area, rows in other.examples.items():
            self.examples[area] = sorted([*self.examples[area], *rows], key=_order)[:EXAMPLES]
        self.uncertain = sorted([*self.uncertain, *other.uncertain], key=_order)[:UNCERTAIN]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; `from_dict` reads it back."""
        groups = {name: {key: vars(group) for key, group in getattr(self, name).items()} for name in ("periods", "parties")}
        return {**vars(self), **groups, "pairs": [[*pair, count] for pair, count in self.pairs.items()]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Stats":
        """Stats from the JSON values of `to_dict`."""
        stats = cls(areas=data["areas"], scores=data["scores"], uncertain=[(order, row) for order, row in data["uncertain"]])
        for name in _PLAIN:
            getattr(stats, name).update(data[name])
        stats.pairs.update({(a, b): count for a, b, count in data["pairs"]})
        for name in ("periods", "parties"):
            for key, group in data[name].items():
                getattr(stats, name)[key] = Group(group["documents"], group["sentences"], Counter(group["areas"]))
        stats.examples.update({area: [(order, row) for order, row in rows] for area, rows in data["examples"].items()})
        return stats


def _order(sampled: tuple[str, dict[str, Any]]) -> tuple[str, str, int]:
    return sampled[0], sampled[1]["id"], sampled[1]["sentence"]


def _row(sentence: TaggedSentence, id: str, number: int) -> dict[str, Any]:
    areas = [{"id": area.id, "score": area.score} for area in sentence.areas]
    return {"id": id[:ID_CHARS], "sentence": number, "text": sentence.text[:EXAMPLE_CHARS], "lang": sentence.lang, "areas": areas}
