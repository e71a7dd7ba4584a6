"""Challenger against champion: both tag the same sentences, and the alias moves only to a model that is not shown to be worse.

Intervals are those of the paired bootstrap: both models are scored on the same resamples of sentences (Efron & Tibshirani 1993,
ch. 16; Koehn 2004 for two systems). Areas and languages are many looks at once, so a fall in one of them counts only outside the
simultaneous 95 % band of all that are looked at: the estimate ± c standard errors, c the 95th percentile of the largest
studentized deviation over them in the same resamples (single-step max-T: Westfall & Young 1993, ch. 2; Romano & Wolf 2005).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cooptag import Tagger
from cooptag.errors import InputError, UsageError
from cooptag.tagger import AUTO
from cooptag_training import evaluate, metrics, plots, registry, tracking
from cooptag_training.dataset import content_hash
from cooptag_training.fit import label_matrix
from cooptag_training.metrics import Bools, Floats
from cooptag_training.registry import NotPromoted, Promotion
from cooptag_training.split import Row
from cooptag_training.tracking import Tracker

DRAWS = 2000
CHUNK = 200  # draws whose weights are held at a time
# Sentences with an area in gold below which an area or a language is shown, not judged.
LEAST = 20
# And below which a whole evaluation promotes nothing: models that differ in a few sentences only cannot be told apart on fewer.
LEAST_TO_PROMOTE = 100
FLIPS_SHOWN = 1000
BETTER, NO_WORSE, WORSE = "better", "no worse", "worse"


@dataclass(frozen=True)
class Side:
    """One model and what it serves for the rows."""

    model: str
    tagger: Tagger
    served: evaluate.Served
    report: dict[str, Any]

    @property
    def digest(self) -> str:
        """That of its folder."""
        return self.tagger.folder.manifest.digest

    def about(self) -> str:
        """Its name as asked for, and the folder's own."""
        manifest = self.tagger.folder.manifest
        return f"{self.model} ({manifest.name}, {manifest.precision}, digest {self.digest[:12]})"


@dataclass(frozen=True)
class Difference:
    """What a part of the score is for both models; `kind` is "all", "area" or "language", `support` its sentences with an area in gold.

    `interval` is the 95 % one of the difference; `band` the one that holds for all judged areas and languages at once, None for
    what is not judged by it.
    """

    kind: str
    id: str
    support: int
    champion: float
    challenger: float
    interval: tuple[float, float]
    band: tuple[float, float] | None

    @property
    def difference(self) -> float:
        """Challenger less champion."""
        return self.challenger - self.champion

    @property
    def verdict(self) -> str:
        """ "better" or "worse" where 0 lies outside what it is judged by, else ""."""
        if self.band is None and self.kind != "all":
            return ""
        low, high = self.decides
        return BETTER if low > 0 else WORSE if high < 0 else ""

    @property
    def decides(self) -> tuple[float, float]:
        """The band where there is one, else the interval."""
        return self.band or self.interval

    @property
    def remark(self) -> str:
        """The verdict, or that there is none for want of sentences."""
        return "not judged" if self.kind != "all" and self.band is None else self.verdict

    def line(self) -> str:
        """The figures in one phrase."""
        low, high = self.decides
        return f"{self.id} {self.champion:.3f} → {self.challenger:.3f}, {self.difference:+.3f} ({low:+.3f} to {high:+.3f})"

    def plotted(self) -> dict[str, Any]:
        """A row of `plots.differences`."""
        keys = ("difference", "interval", "band", "support", "verdict", "remark")
        return {"name": self.id, **{key: getattr(self, key) for key in keys}}

    def row(self) -> dict[str, Any]:
        """A row of a tracked table."""
        return {
            self.kind: self.id, "difference": round(self.difference, 4), "verdict": self.remark,
            "low": round(self.decides[0], 4), "high": round(self.decides[1], 4), "champion_f1": round(self.champion, 4),
            "challenger_f1": round(self.challenger, 4), "in_gold": self.support,
        }  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """Both sides on the same n rows, gold (n, A), and the differences: micro-F1, macro-F1, each area, each language."""

    rows: Sequence[Row]
    gold: Bools
    champion: Side
    challenger: Side
    differences: list[Difference]

    def of_kind(self, kind: str) -> list[Difference]:
        """The differences of one kind; areas and languages largest fall first."""
        found = [d for d in self.differences if d.kind == kind]
        return found if kind == "all" else sorted(found, key=lambda d: (d.difference, d.id))

    @property
    def worse(self) -> list[Difference]:
        """What is shown to be worse."""
        return [d for d in self.differences if d.verdict == WORSE]

    @property
    def verdict(self) -> str:
        """ "worse" if any part is; "better" if micro-F1 is; else "no worse": not shown to be worse."""
        return WORSE if self.worse else BETTER if self.differences[0].verdict == BETTER else NO_WORSE


def load(model: str, store: str | None = None) -> Tagger:
    """The tagger of a model folder, a name, or models:/… in `store` (None: see `registry.fetch`).

    :raises UsageError: if the store cannot be used. :raises ModelError: if there is no such model or it is damaged.
    """
    return Tagger.load(registry.fetch(model, store) if model.startswith("models:") else model)


def compare(champion: tuple[str, Tagger], challenger: tuple[str, Tagger], rows: Sequence[Row], seed: int = 0) -> Comparison:
    """Both models, each named as it was asked for, on the same rows, deciding by their own thresholds.

    :raises InputError: if they tag with different areas, or the rows have labels that they do not know.
    """
    areas = list(champion[1].decoder.areas)
    if set(areas) != set(challenger[1].decoder.areas):
        raise InputError(
            f"{challenger[0]} has other areas than {champion[0]}; evaluate each by itself, or take two models of one label set"
        )
    evaluate.check_labels(rows, areas)
    gold = label_matrix(rows, areas)
    first, second = (_side(name, tagger, rows, gold, areas) for name, tagger in (champion, challenger))
    found = differences(gold, first.served.areas, second.served.areas, areas, [row.lang for row in rows], seed)
    return Comparison(rows, gold, first, second, found)


def _side(model: str, tagger: Tagger, rows: Sequence[Row], gold: Bools, areas: Sequence[str]) -> Side:
    served = evaluate.Served(tagger, rows)
    own = list(tagger.decoder.areas)
    order = [own.index(area) for area in areas]  # the sides' columns are the champion's
    served.scores, served.areas = served.scores[:, order], served.areas[:, order]
    return Side(model, tagger, served, metrics.report(gold, served.scores, served.areas, areas, [row.lang for row in rows]))


def differences(
    gold: Bools, champion: Bools, challenger: Bools, areas: Sequence[str], langs: Sequence[str], seed: int = 0
) -> list[Difference]:
    """Micro-F1, macro-F1, each area's F1 and each language's micro-F1 of two predictions (n, A), with their intervals.

    :param langs: the language of each sentence, (n,).
    """
    names = sorted(set(langs))
    masks = np.array(langs)[:, None] == np.array(names)  # (n, L)
    present = np.array(gold.any(0), dtype=bool)
    counts = [_counts(gold, predicted, masks) for predicted in (champion, challenger)]
    once = np.ones((1, len(gold)))
    observed = [_f1(once, count, present)[0] for count in counts]
    drawn = _drawn(counts, present, seed)
    parts = [("all", "micro-F1"), ("all", "macro-F1"), *(("area", area) for area in areas), *(("language", lang) for lang in names)]
    carrying = gold.any(1, keepdims=True)
    support = [carrying.sum(), carrying.sum(), *gold.sum(0), *(carrying & masks).sum(0)]
    judged = np.array([kind != "all" and n >= LEAST for (kind, _), n in zip(parts, support, strict=True)])
    estimate = observed[1] - observed[0]
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    half = _half_widths(estimate[judged], drawn[:, judged])
    bands = iter(zip(estimate[judged] - half, estimate[judged] + half, strict=True))
    return [
        Difference(*part, int(support[i]), float(observed[0][i]), float(observed[1][i]), (float(low[i]), float(high[i])),
                   _floats(next(bands)) if judged[i] else None)
        for i, part in enumerate(parts)
    ]  # fmt: skip


def _floats(pair: tuple[Any, Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])


def _counts(gold: Bools, predicted: Bools, masks: Bools) -> tuple[Floats, Floats]:
    """Hits, and gold plus predicted, of each sentence: in all areas, in each, and in all for its language; (n, 1 + A + L) each."""

    def columns(cells: Floats) -> Floats:
        each = cells.sum(1, keepdims=True)
        return np.hstack([each, cells, each * masks])

    return columns((gold & predicted).astype(np.float64)), columns(gold.astype(np.float64) + predicted)


def _f1(weights: Floats, counts: tuple[Floats, Floats], present: Bools) -> Floats:
    """F1 of weighted sentences, weights (d, n): micro, macro over the areas present in gold, each area, each language; (d, 2 + A + L)."""
    hits, total = (weights @ count for count in counts)
    f1 = 2 * hits / np.maximum(total, 1)
    macro = f1[:, 1 : 1 + len(present)][:, present].mean(1) if present.any() else np.zeros(len(f1))
    return np.column_stack([f1[:, 0], macro, f1[:, 1:]])


def _drawn(counts: Sequence[tuple[Floats, Floats]], present: Bools, seed: int) -> Floats:
    """The differences of the second counts from the first in `DRAWS` resamples of the sentences, the same for both."""
    generator = np.random.default_rng(seed)
    n = len(counts[0][0])
    found = []
    for _ in range(0, DRAWS, CHUNK):
        weights = generator.multinomial(n, np.full(n, 1 / n), size=CHUNK).astype(np.float64)
        found.append(_f1(weights, counts[1], present) - _f1(weights, counts[0], present))
    return np.concatenate(found)


def _half_widths(estimate: Floats, drawn: Floats) -> Floats:
    """Half the simultaneous 95 % band of k estimates (k,), from their draws (d, k). What never varies has none."""
    error = drawn.std(0)
    varies = error > 0
    if not varies.any():
        return error
    largest = (np.abs(drawn - estimate)[:, varies] / error[varies]).max(1)
    return error * float(np.percentile(largest, 95))


# ------------------------------------------------------------------------------------------------------ for a person


def describe(comparison: Comparison) -> str:
    """The comparison as lines for a person, the verdict last."""
    lines = [f"champion    {comparison.champion.about()}", f"challenger  {comparison.challenger.about()}"]
    heads = {"all": "95 %", "language": "95 % of all judged at once", "area": "95 % of all judged at once"}
    for kind, title in (("all", f"{len(comparison.rows)} sentences"), ("language", "language"), ("area", "area")):
        lines += ["", f"{title:<26}{'in gold':>10}{'champion':>10}{'challenger':>12}{'difference':>12}  {heads[kind]}"]
        lines += [_table_line(d) for d in comparison.of_kind(kind)]
    return "\n".join([*lines, "", summary(comparison)])


def _table_line(d: Difference) -> str:
    low, high = d.decides
    return (
        f"{d.id:<26}{d.support:>10}{d.champion:>10.3f}{d.challenger:>12.3f}{d.difference:>+12.3f}  {low:+.3f} to {high:+.3f}  {d.remark}"
    ).rstrip()


def summary(comparison: Comparison) -> str:
    """The verdict in one line, with the figures that it rests on."""
    micro = comparison.differences[0]
    if comparison.verdict == WORSE:
        return f"worse: {'; '.join(d.line() for d in comparison.worse[:4])}{_more(comparison.worse[4:])}"
    rest = f"; on other such text it may be up to {-micro.interval[0]:.3f} worse" if micro.interval[0] < 0 else ""
    return f"{comparison.verdict}: {micro.line()}{rest}"


def to_dict(comparison: Comparison) -> dict[str, Any]:
    """The comparison as JSON values."""
    return {"verdict": comparison.verdict, "summary": summary(comparison), "differences": [d.row() for d in comparison.differences]}


def _more(rest: Sequence[Difference]) -> str:
    return f"; and {len(rest)} more" if rest else ""


def flips(comparison: Comparison) -> list[dict[str, Any]]:
    """The sentences that the two tag otherwise: what the challenger mended and broke, gold, what each says; most changed first."""
    areas = comparison.champion.tagger.decoder.areas
    found = []
    for i in map(int, np.flatnonzero((comparison.champion.served.areas != comparison.challenger.served.areas).any(1))):
        gold, before, after = (
            {area for area, set_ in zip(areas, mask[i], strict=True) if set_}
            for mask in (comparison.gold, comparison.champion.served.areas, comparison.challenger.served.areas)
        )
        mended, broken = (before ^ gold) - (after ^ gold), (after ^ gold) - (before ^ gold)
        sets = {"mended": mended, "broken": broken, "gold": gold, "champion": before, "challenger": after}
        row = comparison.rows[i]
        found.append((len(before ^ after), {"sentence": row.text, **{k: ", ".join(sorted(v)) for k, v in sets.items()}, "lang": row.lang}))
    return [row for _, row in sorted(found, key=lambda pair: -pair[0])]


# --------------------------------------------------------------------------------------------------------- tracking


def record(tracker: Tracker, comparison: Comparison, data: Path) -> str:
    """Tracks a comparison as a run with its figures, plots and tables; returns the run's id ("" without tracking)."""
    sides = {"champion": comparison.champion, "challenger": comparison.challenger}
    params = {"verdict": comparison.verdict, **_data(data, comparison.rows), **{k: _model(side) for k, side in sides.items()}}
    names = [side.model.removeprefix("models:/") for side in sides.values()]
    with tracker.run(f"{names[1]} against {names[0]}", params) as run_id:
        tracker.note(summary(comparison))
        tracker.text("verdict.txt", describe(comparison))
        for d in comparison.of_kind("all"):
            name = d.id.lower().replace("-", "_")
            low, high = d.interval
            values = {"difference": d.difference, "low": low, "high": high, "champion": d.champion, "challenger": d.challenger}
            tracker.metrics({f"{name}_{key}": round(value, 4) for key, value in values.items()})
        for kind in ("area", "language"):
            found = comparison.of_kind(kind)
            tracker.table(f"{kind}s", [d.row() for d in found])
            tracker.figure(f"{kind}_differences", plots.differences([d.plotted() for d in found]))
        tracker.table("flips", flips(comparison)[:FLIPS_SHOWN])
        tracker.figure("language_f1", plots.language_pairs({k: side.report for k, side in sides.items()}))
        tracker.figure("reliability", plots.reliabilities({k: side.report for k, side in sides.items()}))
        for key, side in sides.items():
            tracker.figure(f"precision_recall_{key}", _sweep(side, comparison.gold, comparison.champion.tagger.decoder.areas))
    return run_id


def _sweep(side: Side, gold: Bools, areas: Sequence[str]) -> Any:
    threshold = dict(zip(side.tagger.decoder.areas, side.tagger.decoder.thresholds, strict=True))
    return plots.precision_recall(side.served.scores, gold, np.array([threshold[area] for area in areas]))


def record_evaluation(tracker: Tracker, model: str, tagger: Tagger, data: Path, rows: Sequence[Row], evaluation: tuple[Any, Any]) -> None:
    """Tracks what `evaluate.evaluate` returned for one model as a run with its figures, plots and tables; without tracking nothing.

    The sentences are tagged once more, for the scores that the plots need.
    """
    if isinstance(tracker, tracking.NullTracker):
        return
    report, wrong = evaluation
    areas = list(tagger.decoder.areas)
    gold, served = label_matrix(rows, areas), evaluate.Served(tagger, rows)
    with tracker.run(
        f"evaluate {model.removeprefix('models:/')} on {data.name}",
        {"model": model, "digest": tagger.folder.manifest.digest, **_data(data, rows)},
    ):
        tracker.metrics({f"micro_{key}": value for key, value in report["micro"].items()})
        tracker.metrics({"macro_f1": report["macro_f1"], "ece": report["ece"]})
        tracker.metrics({f"f1_{row['lang']}": row["f1"] for row in report["languages"]})
        tracker.table("areas", report["areas"])
        tracker.table("languages", report["languages"])
        tracker.table("errors", [_error(row) for row in wrong[:FLIPS_SHOWN]])
        for name, plot in (("area_f1", plots.area_f1), ("language_f1", plots.language_f1), ("reliability", plots.reliability)):
            tracker.figure(name, plot(report))
        tracker.figure("precision_recall", plots.precision_recall(served.scores, gold, tagger.decoder.thresholds))
        tracker.figure("missed_pairs", plots.missed_pairs(gold, served.areas, areas))


def _error(row: dict[str, Any]) -> dict[str, str]:
    """A row of `evaluate.errors` for a table, what is read first first."""
    return {"sentence": row["text"], "lang": row["lang"], **{k: ", ".join(row[k]) for k in ("missed", "added", "right")}, "id": row["id"]}


def _data(data: Path, rows: Sequence[Row]) -> dict[str, Any]:
    return {"data": str(data), "data_hash": content_hash(rows, []), "sentences": len(rows)}


def _model(side: Side) -> dict[str, str]:
    return {"model": side.model, "name": side.tagger.folder.manifest.name, "digest": side.digest}


# -------------------------------------------------------------------------------------------------------- promotion


def check_movable(champion: str, challenger: str) -> tuple[str, str]:
    """The name and alias of models:/NAME@ALIAS, which a promotion moves; raises before anything is computed.

    :raises UsageError: if the champion is another kind of model, or the challenger is two.
    """
    parts = registry.model_uri(champion) if champion.startswith("models:") else {}
    if "alias" not in parts:
        raise UsageError(f"--champion is {champion!r}; --promote moves an alias, name it as models:/cooptag@champion")
    if challenger == AUTO:
        raise UsageError(f"{AUTO} is two models and cannot be registered; promote one of them")
    return parts["name"], parts["alias"]


def promote(comparison: Comparison, store: str, run_id: str = "") -> str:
    """Moves the champion's alias to the challenger's version, which is registered first if need be; says in a line what was done.

    :param run_id: the run that `record` made, kept with the version.
    :raises NotPromoted: if the challenger is worse, there are too few sentences, or the alias stands at another model by now.
    :raises UsageError: if the champion is not named by its alias, or the store cannot be used.
    """
    uri, challenger = comparison.champion.model, comparison.challenger
    name, alias = check_movable(uri, challenger.model)
    if comparison.verdict == WORSE:
        raise NotPromoted(f"{uri} stays: {challenger.model} is {summary(comparison)}")
    if (support := comparison.differences[0].support) < LEAST_TO_PROMOTE:
        raise NotPromoted(f"{uri} stays: {support} sentences with an area are too few to tell; evaluate on {LEAST_TO_PROMOTE} or more")
    before = comparison.champion.digest
    if challenger.digest == before:
        return f"{uri} stays: {challenger.model} is the same model"
    why = Promotion(before, run_id, summary(comparison))
    done = registry.register(store, challenger.tagger.folder.path, name, alias, promotion=why)
    return f"{uri} is version {done.version} now, it was {done.before}"
