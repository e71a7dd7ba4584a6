"""Figures of an evaluation and of a training run, for a white page. They hold no global state and need no screen.

Colours are Okabe and Ito's (2008), which colour-blind readers tell apart; shape, place or text says the same again.
A `report` is what `metrics.report` returns.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cooptag_training.metrics import Bools, Floats, precision_recall_f1

BLUE, ORANGE, GREEN, DARK, GREY, PALE = "#0072B2", "#D55E00", "#009E73", "#333333", "#767676", "#E4E4E4"
# Colour and mark of the first and the second of two models.
PAIR = ((BLUE, "o"), (ORANGE, "s"))
ROW_INCHES = 0.25
SWEEP = np.linspace(0.01, 0.99, 99)
TOP = 15
NOTHING = "(nothing)"
# Under these names validation micro-F1 may stand in a Trainer's history.
F1_KEYS = ("eval_f1", "eval_micro_f1")


def area_f1(report: Mapping[str, Any]) -> Figure:
    """A bar for each area's F1, best first, with its support; areas without a sentence in the set come last, without a bar."""
    rows = sorted(report["areas"], key=lambda row: (row["support"] == 0, -row["f1"], row["id"]))
    if not rows:
        return _empty("No areas")
    figure, (axis,) = _figure(7, 1.3 + ROW_INCHES * len(rows))
    values = [row["f1"] if row["support"] else 0.0 for row in rows]
    axis.barh(range(len(rows)), values, height=0.7, color=BLUE)
    for y, (row, value) in enumerate(zip(rows, values, strict=True)):
        note = f"{value:.2f}  (n = {row['support']})" if row["support"] else f"none in the set; predicted {row['predicted']} times"
        _note(axis, value + 0.01, y, note)
    axis.axvline(report["macro_f1"], color=ORANGE, linestyle="--", linewidth=1.2, zorder=0.9)
    _rows(axis, [row["id"] for row in rows])
    axis.set(xlim=(0, 1.2), xlabel="F1", xticks=np.linspace(0, 1, 6))
    return _titled(figure, axis, f"F1 by area, {report['n']} sentences (dashed: macro-F1 {report['macro_f1']:.2f})")


def language_f1(report: Mapping[str, Any]) -> Figure:
    """Micro-F1 of each language with its bootstrap interval, best first, beside that of all languages (dashed, shaded)."""
    rows = sorted(report["languages"], key=lambda row: (-row["f1"], row["lang"]))
    if not rows:
        return _empty("No languages")
    figure, (axis,) = _figure(7, 1.3 + ROW_INCHES * len(rows))
    at, f1 = np.arange(len(rows)), np.array([row["f1"] for row in rows])
    low, high = (np.array([row[end] for row in rows]) for end in ("low", "high"))
    spread = np.maximum([f1 - low, high - f1], 0)  # a percentile interval need not hold the estimate
    axis.axvspan(report["micro"]["low"], report["micro"]["high"], color=ORANGE, alpha=0.13, linewidth=0)
    axis.axvline(report["micro"]["f1"], color=ORANGE, linestyle="--", linewidth=1.2)
    axis.errorbar(f1, at, xerr=spread, fmt="o", color=BLUE, markersize=5, elinewidth=1.6, capsize=2.5)
    for y, row in enumerate(rows):
        _note(axis, 1.03, y, f"{row['f1']:.2f}  (n = {row['n']})")
    _rows(axis, [row["lang"] for row in rows])
    axis.set(xlim=(0, 1.2), xlabel="micro-F1 with 95 % bootstrap interval", xticks=np.linspace(0, 1, 6))
    return _titled(figure, axis, f"F1 by language, {report['n']} sentences (dashed: all, {report['micro']['f1']:.2f})")


def reliability(report: Mapping[str, Any]) -> Figure:
    """Share of positives against mean score in bins of every (sentence, area) cell, with how many cells each bin holds."""
    bins = report["calibration_bins"]
    if not bins:
        return _empty("No scores")
    figure, (axis, count) = _figure(5, 5.6, 2, sharex=True, height_ratios=[3.2, 1])
    mean, share, n = (np.array([row[key] for row in bins]) for key in ("mean_score", "positive_rate", "n"))
    error = 1.96 * np.sqrt(share * (1 - share) / np.maximum(n, 1))
    axis.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.2, label="perfectly calibrated")
    ends = np.clip([share - error, share + error], 0, 1)
    axis.errorbar(mean, share, yerr=np.abs(ends - share), fmt="o-", color=BLUE, linewidth=1.4, capsize=2.5, label="model, ± 1.96 s.e.")
    axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel="share that carry the area")
    _legend(axis, "upper left")
    count.bar(
        [row["low"] for row in bins], n, width=[row["high"] - row["low"] for row in bins], align="edge", color=BLUE, edgecolor="white"
    )
    count.set(yscale="log", ylim=(0.7, n.max() * 3), ylabel="cells", xlabel="calibrated score")
    return _titled(figure, axis, f"Calibration, ECE {report['ece']:.3f}")


def precision_recall(scores: Floats, gold: Bools, thresholds: Floats) -> Figure:
    """Micro precision and recall as one threshold for all areas sweeps (0, 1), and where the model's own thresholds stand.

    :param scores: calibrated scores (n, A); NaN is never a prediction. :param gold: (n, A).
    :param thresholds: the model's threshold of each area, (A,).
    """
    if gold.size == 0:
        return _empty("No sentences")
    sweep = [precision_recall_f1(gold, scores >= threshold) for threshold in SWEEP]
    precision, recall, f1 = (np.array([row[key] for row in sweep]) for key in ("precision", "recall", "f1"))
    precision[[not (scores >= threshold).any() for threshold in SWEEP]] = np.nan  # nothing predicted: no precision
    own = precision_recall_f1(gold, scores >= np.asarray(thresholds))
    figure, (curve, lines) = _figure(9, 4.2, 1, 2)
    curve.plot(recall, precision, color=BLUE, linewidth=1.8)
    _mark_thresholds(curve, recall, precision)
    curve.plot(own["recall"], own["precision"], "*", color=ORANGE, markersize=13, label=f"the model's thresholds, F1 {own['f1']:.3f}")
    curve.set(xlim=(-0.02, 1.05), ylim=(-0.02, 1.05), xlabel="micro recall", ylabel="micro precision")
    _legend(curve, "lower left")
    for values, color, style, name in ((precision, BLUE, "-", "precision"), (recall, GREEN, "-.", "recall"), (f1, ORANGE, "--", "F1")):
        lines.plot(SWEEP, values, color=color, linestyle=style, linewidth=1.8, label=name)
    lines.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.05), xlabel="one threshold for all areas", ylabel="micro average")
    _legend(lines, "lower center")
    _titled(figure, lines, f"Best F1 {f1.max():.3f} at {SWEEP[f1.argmax()]:.2f}")
    return _titled(figure, curve, "Precision and recall")


def _mark_thresholds(axis: Axes, recall: Floats, precision: Floats) -> None:
    """Writes a few thresholds along the curve, those that would stand on top of one another left out."""
    last = np.array([np.inf, np.inf])
    for mark in (0.1, 0.3, 0.5, 0.7, 0.9):
        i = int(np.abs(SWEEP - mark).argmin())
        point = np.array([recall[i], precision[i]])
        if np.isnan(point).any() or np.abs(point - last).max() < 0.045:
            continue
        axis.plot(*point, "o", color=BLUE, markersize=4)
        axis.annotate(
            f"{mark}", (recall[i], precision[i]), xytext=(-4, -4), textcoords="offset points", fontsize=8, color=DARK, ha="right", va="top"
        )
        last = point


def missed_pairs(gold: Bools, predicted: Bools, areas: Sequence[str]) -> Figure:
    """Which areas are added where others are missed: a heat map of the `TOP` most missed (rows) and added (columns).

    A sentence counts in each pair of an area that it misses and one that it adds, or beside "(nothing)" if there is none;
    the areas beyond the top are summed in one row and one column.

    :param gold: (n, A). :param predicted: (n, A).
    """
    counts = _pair_counts(gold, predicted)
    wrong = int((gold != predicted).any(1).sum()) if gold.size else 0
    if wrong == 0:
        return _empty(f"No area missed or added in {len(gold)} sentences")
    counts, rows = _folded(counts, (gold & ~predicted).sum(0), areas)
    turned, columns = _folded(counts.T, (predicted & ~gold).sum(0), areas)
    shown = turned.T
    figure, (axis,) = _figure(max(5.0, 2.6 + 0.42 * len(columns)), 2.4 + 0.42 * len(rows))
    norm = PowerNorm(0.5, vmin=0, vmax=float(shown.max()) * 1.15)  # square roots: single confusions show beside large sums
    axis.imshow(shown, cmap="Blues", norm=norm, aspect="equal")
    for y, x in zip(*np.nonzero(shown), strict=True):
        color = "white" if norm(shown[y, x]) > 0.55 else DARK
        axis.text(x, y, str(shown[y, x]), ha="center", va="center", fontsize=8, color=color)
    axis.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(rows)), rows)
    axis.grid(visible=False)
    axis.set(xlabel="added (predicted, not in gold)", ylabel="missed (in gold, not predicted)")
    return _titled(figure, axis, f"Missed and added areas,\n{wrong} of {len(gold)} sentences with an error")


def _pair_counts(gold: Bools, predicted: Bools) -> npt.NDArray[np.int64]:
    """How many sentences miss area i and add area j, (A + 1, A + 1); the last row and column stand for nothing missed, added."""
    missed, added = gold & ~predicted, predicted & ~gold
    counts: npt.NDArray[np.int64] = _with_none(missed).T @ _with_none(added)
    counts[-1, -1] = 0  # the sentences without an error
    return counts


def _with_none(flags: Bools) -> npt.NDArray[np.int64]:
    """Flags (n, A) as 0 and 1 with a last column for rows without any, (n, A + 1)."""
    return np.column_stack([flags, ~flags.any(1)]).astype(np.int64)


def _folded(counts: npt.NDArray[np.int64], total: npt.NDArray[np.int64], areas: Sequence[str]) -> tuple[npt.NDArray[np.int64], list[str]]:
    """The rows of the `TOP` areas of highest `total` (A,), those of the others summed, and the row of none; and their names.

    :param counts: (A + 1, m). Rows of zeros are left out, that of none excepted.
    """
    order = [int(i) for i in np.argsort(-total, kind="stable") if total[i] > 0]
    first, rest = order[:TOP], order[TOP:]
    rows = [counts[first], counts[rest].sum(0, keepdims=True)[: len(rest)], counts[-1:]]
    return np.concatenate(rows), [*(areas[i] for i in first), *([f"({len(rest)} others)"] if rest else []), NOTHING]


def loss_curve(history: Sequence[Mapping[str, float]]) -> Figure:
    """Training and validation loss, and validation micro-F1 below, over the steps of a Trainer's log history."""
    if not any("loss" in row or "eval_loss" in row for row in history):
        return _empty("No losses in the history")
    f1_key = next((key for key in F1_KEYS if any(key in row for row in history)), None)
    figure, axes = _figure(7, 5.2 if f1_key else 3.4, 2 if f1_key else 1, sharex=True)
    loss = axes[0]
    loss.plot(*_series(history, "loss"), color=BLUE, linewidth=1.4, label="training")
    loss.plot(*_series(history, "eval_loss"), "o--", color=ORANGE, linewidth=1.4, markersize=4, label="validation")
    loss.set(ylabel="loss", ylim=(0, None))
    _legend(loss, "upper right")
    if f1_key:
        steps, f1 = _series(history, f1_key)
        axes[1].plot(steps, f1, "o-", color=GREEN, linewidth=1.4, markersize=4)
        best = int(np.nanargmax(f1)) if not np.isnan(f1).all() else 0
        axes[1].set(ylabel="validation micro-F1", ylim=(0, 1.05))
        _titled(figure, axes[1], f"Best {f1[best]:.3f} at step {steps[best]:.0f}")
    axes[-1].set(xlabel="optimiser step")
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    return _titled(figure, loss, "Loss")


def learning_curve(results: Sequence[Mapping[str, Any]]) -> Figure:
    """Micro-F1 over the number of training sentences, and without parts of the data (dashed: with all of it), with intervals.

    :param results: what `curve.run` returns. Shares named "active …" and "random …" are two lines.
    """
    shares = sorted((row for row in results if str(row["variant"]).endswith("%")), key=lambda row: row["sentences"])
    others = [row for row in results if not str(row["variant"]).endswith("%")]
    if not results:
        return _empty("No results")
    figure, axes = _figure(9 if others else 6.5, 3.8, 1, 2 if others else 1)
    for name, color in (("", BLUE), ("active", BLUE), ("random", ORANGE)):
        _share_line(axes[0], [row for row in shares if str(row["variant"]).rpartition(" ")[0] == name], color, name)
    if any(" " in str(row["variant"]) for row in shares):
        axes[0].legend(frameon=False)
    axes[0].set(xscale="log", xlabel="training sentences", ylabel="micro-F1")
    ticks = {row["sentences"]: f"{row['sentences']:,}\n{str(row['variant']).rpartition(' ')[2]}" for row in shares}
    axes[0].set_xticks(list(ticks), list(ticks.values()))
    axes[0].minorticks_off()
    if others:
        _without_parts(axes[1], others, [row["micro_f1"] for row in shares if row["variant"] == "100%"])
        _titled(figure, axes[1], "Without parts of the data (dashed: all)")
    return _titled(figure, axes[0], "Learning curve")


def _share_line(axes: Axes, rows: Sequence[Mapping[str, Any]], color: str, name: str) -> None:
    f1, low, high = (np.array([row[key] for row in rows]) for key in ("micro_f1", "low", "high"))
    yerr = np.maximum([f1 - low, high - f1], 0)
    style: dict[str, Any] = {"color": color, "markersize": 5, "elinewidth": 1.4, "capsize": 2.5}
    axes.errorbar([row["sentences"] for row in rows], f1, yerr=yerr, fmt="o-", label=name or None, **style)


def _without_parts(axes: Axes, others: Sequence[Mapping[str, Any]], everything: Sequence[float]) -> None:
    for y, row in enumerate(others):
        axes.plot([row["low"], row["high"]], [y, y], color=BLUE, linewidth=1.6)
        axes.plot(row["micro_f1"], y, "o", color=BLUE, markersize=5)
    for f1 in everything:
        axes.axvline(f1, color=ORANGE, linestyle="--", linewidth=1.2, zorder=0.9)
    _rows(axes, [f"{row['variant']} ({row['sentences']:,})" for row in others])
    axes.set(xlabel="micro-F1 with 95 % bootstrap interval")


def compare(table: Sequence[Mapping[str, Any]]) -> Figure:
    """Micro-F1 of each system with its interval, and against sentences a second (log scale)."""
    if not table:
        return _empty("No system was compared")
    figure, axes = _figure(11, 0.42 * len(table) + 1.9, columns=2)
    for i, row in enumerate(table):
        colour = ORANGE if row["system"].startswith("cooptag") else BLUE
        axes[0].plot([row["low"], row["high"]], [i, i], color=colour, linewidth=2.2, solid_capstyle="round")
        axes[0].plot(row["micro_f1"], i, "o", color=colour)
        axes[1].plot(row["sentences_per_second"], row["micro_f1"], "o", color=colour)
        axes[1].annotate(row["system"], (row["sentences_per_second"], row["micro_f1"]), (0, 6), textcoords="offset points",
                         ha="center", fontsize=8, color=DARK)  # fmt: skip
    _rows(axes[0], [row["system"] for row in table])
    axes[0].set(xlabel="micro-F1 with 95 % bootstrap interval")
    axes[1].set(xlabel="sentences a second, two cores", ylabel="micro-F1", xscale="log")
    axes[1].margins(0.18)
    _titled(figure, axes[1], "Quality against speed")
    return _titled(figure, axes[0], "Same data, thresholds fitted alike")


def differences(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """How far each part's F1 differs between two models, with its 95 % interval and, thin, the band that it is judged by.

    :param rows: from the top; each with `name`, `difference`, `interval`, `band` (None where it is not judged), `support`
        (sentences with an area in gold), `verdict` ("better", "worse" or "") and `remark`, what to write beside it.
    """
    if not rows:
        return _empty("Nothing to compare")
    figure, (axis,) = _figure(7.5, 1.3 + ROW_INCHES * len(rows))
    marks = {"better": (GREEN, "^"), "worse": (ORANGE, "v"), "": (BLUE, "o")}
    right = max(0.0, *((row["band"] or row["interval"])[1] for row in rows))
    axis.axvline(0, color=GREY, linestyle="--", linewidth=1.2, zorder=0.9)
    for y, row in enumerate(rows):
        color, mark = marks[row["verdict"]]
        axis.plot(row["interval"], [y, y], color=color, linewidth=2.2, solid_capstyle="butt")
        axis.plot(row["band"] or row["interval"], [y, y], color=color, linewidth=0.7)
        axis.plot(row["difference"], y, mark, color=color, markersize=5.5)
        note = f"{row['difference']:+.3f}  (n = {row['support']})  {row['remark']}"
        axis.annotate(note.rstrip(), (right, y), (8, 0), textcoords="offset points", va="center", fontsize=7.5, color=DARK)
    _rows(axis, [row["name"] for row in rows])
    axis.set(xlabel="difference in F1\nthick: 95 % of each alone; thin: of all at once, which decides")
    return _titled(figure, axis, "F1, challenger less champion (n: sentences with an area in gold)")


def language_pairs(reports: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Micro-F1 of each language for several models of the same sentences, with their intervals; largest language first."""
    first = next(iter(reports.values()))
    langs = [row["lang"] for row in sorted(first["languages"], key=lambda row: (-row["n"], row["lang"]))]
    if not langs:
        return _empty("No languages")
    figure, (axis,) = _figure(7, 1.5 + 0.36 * len(langs))
    for i, (name, report) in enumerate(reports.items()):
        rows = {row["lang"]: row for row in report["languages"]}
        at = np.arange(len(langs)) + (i - (len(reports) - 1) / 2) * 0.3
        f1, low, high = (np.array([rows[lang][key] for lang in langs]) for key in ("f1", "low", "high"))
        color, mark = PAIR[i]
        axis.errorbar(f1, at, xerr=np.maximum([f1 - low, high - f1], 0), fmt=mark, color=color, markersize=4.5, elinewidth=1.4,
                      label=f"{name}, all {report['micro']['f1']:.3f}")  # fmt: skip
    _rows(axis, [f"{row['lang']} (n = {row['n']})" for lang in langs for row in first["languages"] if row["lang"] == lang])
    axis.set(xlim=(-0.02, 1.02), xlabel="micro-F1 with 95 % bootstrap interval")
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(reports), fontsize=8.5, frameon=False)
    return figure


def reliabilities(reports: Mapping[str, Mapping[str, Any]]) -> Figure:
    """`reliability` of several models of the same sentences in one picture, without the counts."""
    if not all(report["calibration_bins"] for report in reports.values()):
        return _empty("No scores")
    figure, (axis,) = _figure(5, 4.8)
    axis.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.2, label="perfectly calibrated")
    for (name, report), (color, mark) in zip(reports.items(), PAIR, strict=False):
        mean, share = (np.array([row[key] for row in report["calibration_bins"]]) for key in ("mean_score", "positive_rate"))
        axis.plot(mean, share, f"{mark}-", color=color, linewidth=1.4, markersize=5, label=f"{name}, ECE {report['ece']:.4f}")
    axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="mean calibrated score of the bin", ylabel="share that carry the area")
    _legend(axis, "upper left")
    return _titled(figure, axis, "Calibration")


def _series(history: Sequence[Mapping[str, float]], key: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Steps and values of one logged number, in the order of the steps."""
    points = sorted((row["step"], row[key]) for row in history if key in row and "step" in row)
    steps, values = np.array(points, dtype=np.float64).reshape(-1, 2).T
    return steps, values


# --------------------------------------------------------------------------------------------------------- parts


def _figure(width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Figure, list[Axes]]:
    """A figure of so many inches with its axes, row by row. Style is set here, not in matplotlib's global settings."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    height_ratios = options.pop("height_ratios", None)
    axes = list(figure.subplots(rows, columns, squeeze=False, height_ratios=height_ratios, **options).flat)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_axisbelow(True)
        axis.grid(color=PALE, linewidth=0.8)
        axis.tick_params(labelsize=8.5, color=GREY)
    return figure, axes


def _empty(text: str) -> Figure:
    """A figure that only says why there is nothing to show."""
    figure, (axis,) = _figure(5, 1.2)
    axis.set_axis_off()
    axis.text(0.5, 0.5, text, ha="center", va="center", color=DARK, fontsize=10)
    return figure


def _titled(figure: Figure, axis: Axes, text: str) -> Figure:
    axis.set_title(text, loc="left", fontsize=10.5, color=DARK)
    return figure


def _note(axis: Axes, x: float, y: float, text: str) -> None:
    """Small text on white, so that lines behind it do not cross it out."""
    axis.text(x, y, text, va="center", fontsize=7.5, color=DARK, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8})


def _rows(axis: Axes, names: Sequence[str]) -> None:
    """Names the rows of a horizontal chart, the first at the top."""
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.grid(visible=False, axis="y")
    axis.tick_params(axis="y", length=0)


def _legend(axis: Axes, place: Literal["upper left", "upper right", "lower left", "lower center"]) -> None:
    axis.legend(loc=place, fontsize=8.5, frameon=True, framealpha=0.85, edgecolor="none")
