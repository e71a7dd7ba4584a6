"""Two readers of the same sentences: how far they agree, and what was settled where they did not.

`training/corpus/second-labels.jsonl` keeps a blind second reading, one object a line: `article`, `text`, and the areas of the
`first` and the `second` reader and as `settled`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cooptag.errors import InputError
from cooptag_training import jsonl, metrics
from cooptag_training.corpus import Article

FILE_NAME = "second-labels.jsonl"
KEYS = ("article", "text", "first", "second", "settled")
EXPECTED = f"lines of {', '.join(KEYS)}"


@dataclass(frozen=True)
class Reading:
    """A sentence with the areas that two readers gave it, each blind to the other, and those it carries now."""

    article: str
    text: str
    first: frozenset[str]
    second: frozenset[str]
    settled: frozenset[str]


def load(file: Path, areas: Sequence[str]) -> list[Reading]:
    """Reads a file of second labels.

    :param areas: the known area ids.
    :raises InputError: naming the line and what was expected; also where the file holds no reading.
    """
    return [_reading(f"{file}:{number}", data, set(areas)) for number, data in jsonl.read(file, EXPECTED, KEYS)]


def _reading(where: str, data: Mapping[str, Any], areas: set[str]) -> Reading:
    try:
        labels = {key: _labels(data[key], areas) for key in ("first", "second", "settled")}
    except (ValueError, TypeError) as error:
        raise InputError(f"{where}: {error}; expected {EXPECTED}") from error
    return Reading(str(data["article"]), str(data["text"]), **labels)


def _labels(value: object, areas: set[str]) -> frozenset[str]:
    if not isinstance(value, list) or not areas.issuperset(value):
        raise ValueError(f"{value!r} is no list of known areas")
    return frozenset(value)


def report(readings: Sequence[Reading], areas: Sequence[str]) -> dict[str, Any]:
    """Agreement of the two readers over every (sentence, area) cell: micro-F1 and Krippendorff's alpha, by area and language.

    :returns: `n`, `micro_f1`, `alpha`, `none_agreed` (share of the sentences on which the readers agree that there is no area, of
        those to which either gives none), and rows for `areas` (also the number of sentences either reader gave it to) and `languages`.
    """
    first, second = (np.array([[a in labels for a in areas] for labels in side]) for side in _sides(readings))
    langs = np.array([reading.article.split("/")[0] for reading in readings])
    either, both = ~first.any(1) | ~second.any(1), ~first.any(1) & ~second.any(1)
    return {
        "n": len(readings), **_agreement(first, second), "none_agreed": float(both.sum() / max(either.sum(), 1)),
        "areas": [{"id": area, "either": int((first[:, i] | second[:, i]).sum()), **_agreement(first[:, i], second[:, i])}
                  for i, area in enumerate(areas)],
        "languages": [{"lang": str(lang), "n": int((langs == lang).sum()), **_agreement(first[langs == lang], second[langs == lang])}
                      for lang in np.unique(langs)],
    }  # fmt: skip


def _sides(readings: Sequence[Reading]) -> tuple[list[frozenset[str]], list[frozenset[str]]]:
    return [reading.first for reading in readings], [reading.second for reading in readings]


def _agreement(first: metrics.Bools, second: metrics.Bools) -> dict[str, float]:
    return {"micro_f1": metrics.precision_recall_f1(first, second)["f1"], "alpha": metrics.krippendorff_alpha(first, second)}


def unsettled(readings: Sequence[Reading], articles: Sequence[Article]) -> list[str]:
    """What is wrong with the readings, a line each: a text that the corpus does not hold, or labels that are not the settled ones."""
    now = {(article.id, s.text): frozenset(s.areas) for article in articles for s in article.sentences}
    problems = []
    for reading in readings:
        labels = now.get((reading.article, reading.text))
        if labels is None:
            problems.append(f"{reading.article}: does not hold {reading.text[:40]!r}…; take the reading out, or mend its text")
        elif labels != reading.settled:
            problems.append(f"{reading.article}: {reading.text[:40]!r}… carries {sorted(labels)}, settled was {sorted(reading.settled)}")
    return problems


def describe(result: dict[str, Any]) -> str:
    """The report as lines for a person."""
    lines = [f"{result['n']} sentences read twice: micro-F1 {result['micro_f1']:.3f}, alpha {result['alpha']:.3f}, "
             f"agreed that there is no area {result['none_agreed']:.3f}", ""]  # fmt: skip
    lines += [f"{row['lang']:<5} {row['micro_f1']:.3f}  alpha {row['alpha']:.3f}  {row['n']} sentences" for row in result["languages"]]
    lines += ["", f"{'area':<26}{'F1':>6}{'alpha':>7}{'either':>8}"]
    for row in sorted(result["areas"], key=lambda row: row["alpha"]):
        lines.append(f"{row['id']:<26}{row['micro_f1']:>6.2f}{row['alpha']:>7.2f}{row['either']:>8}")
    return "\n".join(lines)
