"""Whether the sentences of a job are like those that the model was made from, and what to do where they are not."""

import math
from collections.abc import Sequence
from typing import Any

from cooptag.artifact import Reference
from cooptag.jobs.stats import Stats

AS_TRAINED, TOO_FEW = "as trained", "too few to say"
VERDICTS = (AS_TRAINED, "somewhat different", "different")
# Population stability index: below 0.1 nothing moved, from 0.25 on much did (Siddiqi, Credit Risk Scorecards, 2006).
PSI_LIMITS = (0.1, 0.25)
# A language with less of the training text was hardly learned.
LITTLE = 0.01
# A count of zero would make an index infinite.
LEAST = 1e-4
# Fewer sentences than this say nothing.
FEWEST = 30
# Areas named for having moved most.
MOVED = 3


def reference(stats: Stats, areas: Sequence[str]) -> Reference | None:
    """What a model's folder keeps of sentences held out of its training; None without sentences."""
    n = stats.counts["sentences"]
    if not n:
        return None
    return Reference(
        sentences=n, none=round(1 - stats.counts["tagged"] / n, 5), rates=[round(rate, 5) for rate in _rates(stats, areas)],
        scores=[round(count / n, 5) for count in stats.scores],
        uncertain=round(stats.counts["uncertain"] / n, 5), unknown=round(_unknown(stats), 6),
        languages={lang: round(count / n, 5) for lang, count in sorted(stats.languages.items())},
    )  # fmt: skip


def compare(stats: Stats, known: Reference, areas: Sequence[str], own_thresholds: bool = True) -> dict[str, Any]:
    """A job against its model's reference: measures with limits and verdicts, the worst of them, and what to do.

    :param areas: in manifest order. :param own_thresholds: False where other thresholds than the model's own decided, so that
        how often areas come, and how sure the model is of them, says nothing.
    """
    n = stats.counts["sentences"]
    measures = []
    if n >= FEWEST:
        decided = [_areas(stats, known, areas), _uncertain(stats, known)] if own_thresholds else []
        measures = [*decided, _scores(stats, known), _languages(stats, known), _pieces(stats, known)]
    verdict = max((m["verdict"] for m in measures), key=VERDICTS.index, default=TOO_FEW)
    return {
        "verdict": verdict, "sentences": n, "reference_sentences": known.sentences, "measures": measures,
        "advice": _advice(measures, n),
        "areas": {area: [a, round(b, 5)] for area, a, b in zip(areas, known.rates, _rates(stats, areas), strict=True)},
        "scores": {"reference": known.scores, "job": [round(count / max(n, 1), 5) for count in stats.scores]},
        "languages": {
            lang: [known.languages.get(lang, 0.0), round(stats.languages[lang] / max(n, 1), 5)]
            for lang in sorted({*known.languages, *stats.languages})
        },
        "unknown": [known.unknown, round(_unknown(stats), 6)],
    }  # fmt: skip


def _areas(stats: Stats, known: Reference, areas: Sequence[str]) -> dict[str, Any]:
    n = stats.counts["sentences"]
    rates = _rates(stats, areas)
    before, after = [*known.rates, known.none], [*rates, 1 - stats.counts["tagged"] / n]
    moved = sorted(zip(areas, known.rates, rates, strict=True), key=lambda row: -abs(_psi_term(row[1], row[2])))[:MOVED]
    said = "; ".join(f"{area} {_percent(b)} of the sentences, {_percent(a)} in training" for area, a, b in moved)
    return _measure("areas", _psi(before, after), _psi_limits(len(before), known.sentences, n), f"moved most: {said}")


def _scores(stats: Stats, known: Reference) -> dict[str, Any]:
    n = stats.counts["sentences"]
    shares = [count / n for count in stats.scores]
    high = "{} of the sentences are likelier than not to name an area, {} in training"
    said = high.format(_percent(sum(shares[len(shares) // 2 :])), _percent(sum(known.scores[len(shares) // 2 :])))
    return _measure("scores", _psi(known.scores, shares), _psi_limits(len(shares), known.sentences, n), said)


def _uncertain(stats: Stats, known: Reference) -> dict[str, Any]:
    share = stats.counts["uncertain"] / stats.counts["sentences"]
    said = f"{_percent(share)} of the sentences are uncertain, {_percent(known.uncertain)} in training"
    return _measure("uncertain", share, (max(1.3 * known.uncertain, 0.05), max(2 * known.uncertain, 0.1)), said)


def _languages(stats: Stats, known: Reference) -> dict[str, Any]:
    # "und" is a text too short to tell, not a language.
    foreign = {code: n for code, n in stats.languages.items() if code != "und" and known.languages.get(code, 0.0) < LITTLE}
    unsupported = sum(n for code, n in stats.unsupported.items() if code != "und")
    share = max(sum(foreign.values()), unsupported) / stats.counts["sentences"]
    most = sorted({**foreign, **stats.unsupported}.items(), key=lambda pair: (-pair[1], pair[0]))[:MOVED]
    said = f"{_percent(share)} of the sentences are in languages of which training saw little or nothing"
    return _measure("languages", share, (0.05, 0.25), said + (f" ({', '.join(code for code, _ in most)})" if most else ""))


def _pieces(stats: Stats, known: Reference) -> dict[str, Any]:
    rate = _unknown(stats)
    said = f"{_percent(rate)} of the vocabulary pieces are unknown, {_percent(known.unknown)} in training"
    return _measure("unknown pieces", rate, (max(3 * known.unknown, 0.002), max(10 * known.unknown, 0.01)), said)


_ADVICE = {
    "areas": "The mix of areas differs from training, which can be the news itself: read the examples of the areas that moved most.",
    "scores": "The model is more, or less, often sure than in training: read some uncertain sentences, and trust the rates of areas less.",
    "uncertain": "More sentences are uncertain than in training: label some hundred of them and train on them as well.",
    "languages": "Some languages were hardly trained on: treat their tags as a first guess, and label some of their sentences.",
    "unknown pieces": "Characters come up that the vocabulary does not hold: check the encoding of the files, then their language.",
}


def _advice(measures: Sequence[dict[str, Any]], sentences: int) -> list[str]:
    if not measures:
        return [f"{sentences} sentences are too few to compare; {FEWEST} at least."]
    advice = [_ADVICE[m["name"]] for m in measures if m["verdict"] != AS_TRAINED]
    return advice or ["Nothing to do: the sentences are like those that the model was made from."]


def _measure(name: str, value: float, limits: tuple[float, float], says: str) -> dict[str, Any]:
    verdict = VERDICTS[sum(value >= limit for limit in limits)]
    return {"name": name, "value": round(value, 5), "limits": [round(limit, 5) for limit in limits], "verdict": verdict, "says": says}


def _psi(before: Sequence[float], after: Sequence[float]) -> float:
    """Population stability index of two distributions over the same k classes; each is made to sum to 1."""
    total_before, total_after = sum(before) or 1.0, sum(after) or 1.0
    return sum(_psi_term(a / total_before, b / total_after) for a, b in zip(before, after, strict=True))


def _psi_term(before: float, after: float) -> float:
    before, after = max(before, LEAST), max(after, LEAST)
    return (after - before) * math.log(after / before)


def _psi_limits(classes: int, n: int, m: int) -> tuple[float, float]:
    """The usual limits, raised where samples of n and m move so far by chance: then the index is about (1/n + 1/m) times a
    chi-squared of k - 1 degrees of freedom (Yurdakul and Naranjo, 2020), of which this is about the 95th percentile."""
    k = classes - 1
    chance = (1 / max(n, 1) + 1 / max(m, 1)) * (k + 1.645 * math.sqrt(2 * k))
    return PSI_LIMITS[0] + chance, PSI_LIMITS[1] + chance


def _rates(stats: Stats, areas: Sequence[str]) -> list[float]:
    n = max(stats.counts["sentences"], 1)
    return [stats.areas.get(area, [0])[0] / n for area in areas]


def _unknown(stats: Stats) -> float:
    return stats.counts["unknown_pieces"] / max(stats.counts["pieces"], 1)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.1 or share == 0 else f"{100 * share:.2g} %"
