"""Every figure is drawn, its text is inside the picture, and edge cases say so rather than fail."""

import os
import subprocess
import sys
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from cooptag_training import metrics, plots

AREAS = [f"a_rather_long_area_name_{i}" for i in range(37)]
LANGS = ("vi", "en", "id", "th", "fil")


@pytest.fixture(scope="module")
def arrays() -> tuple[Any, Any, Any]:
    """gold (n, A), calibrated scores (n, A) and predicted areas (n, A); area 5 is in no sentence."""
    draw = np.random.default_rng(3)
    gold = draw.random((300, len(AREAS))) < 0.05
    gold[:, 5] = False
    scores = 1 / (1 + np.exp(-(np.where(gold, 2.5, -4) + draw.normal(0, 2, gold.shape))))
    return gold, scores, scores >= 0.4


@pytest.fixture(scope="module")
def report(arrays: tuple[Any, Any, Any]) -> dict[str, Any]:
    gold, scores, predicted = arrays
    return metrics.report(gold, scores, predicted, AREAS, [LANGS[i % len(LANGS)] for i in range(len(gold))])


def words(figure: Figure) -> list[str]:
    """What the figure says; all that is drawn must lie inside the picture."""
    figure.canvas.draw()
    drawn = figure.get_tightbbox(figure.canvas.get_renderer())
    width, height = figure.get_size_inches()
    assert drawn.x0 >= -0.01 and drawn.y0 >= -0.01 and drawn.x1 <= width + 0.01 and drawn.y1 <= height + 0.01, drawn
    return [text.get_text() for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of tick labels of one axis that touch."""
    figure.canvas.draw()
    pairs = []
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            labels = [t for t in axis.get_ticklabels() if t.get_text() and t.get_rotation() == 0]
            boxes = [(t.get_text(), t.get_window_extent()) for t in labels]
            pairs += [(a, b) for (a, x), (b, y) in pairwise(boxes) if x.overlaps(y)]
    return pairs


def test_areas_are_sorted_with_those_out_of_the_set_last(report: dict[str, Any]) -> None:
    figure = plots.area_f1(report)
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    f1 = {row["id"]: row["f1"] for row in report["areas"]}
    assert names[-1] == AREAS[5]
    assert names[:-1] == sorted(names[:-1], key=lambda name: -f1[name])
    assert any(text.startswith("none in the set") for text in words(figure))
    assert not overlapping(figure)


def test_language_intervals_are_drawn(report: dict[str, Any]) -> None:
    figure = plots.language_f1(report)
    (bars,) = figure.axes[0].containers
    ends = sorted(tuple(np.round(segment[:, 0], 6)) for segment in bars.lines[2][0].get_segments())
    assert ends == sorted((round(row["low"], 6), round(row["high"], 6)) for row in report["languages"])
    assert "fil" in words(figure)
    assert not overlapping(figure)


def test_an_interval_that_misses_its_estimate_is_drawn(report: dict[str, Any]) -> None:
    odd = {**report["languages"][0], "f1": 0.9, "low": 0.2, "high": 0.8}
    words(plots.language_f1({**report, "languages": [odd]}))


def test_reliability_names_the_ece(report: dict[str, Any]) -> None:
    figure = plots.reliability(report)
    assert f"Calibration, ECE {report['ece']:.3f}" in words(figure)
    assert len(figure.axes[1].patches) == len(report["calibration_bins"])


def test_precision_recall_marks_the_models_thresholds(arrays: tuple[Any, Any, Any]) -> None:
    gold, scores, predicted = arrays
    figure = plots.precision_recall(scores, gold, np.full(len(AREAS), 0.4))
    own = metrics.precision_recall_f1(gold, predicted)
    star = next(line for line in figure.axes[0].lines if line.get_marker() == "*")
    assert (star.get_xdata()[0], star.get_ydata()[0]) == (own["recall"], own["precision"])
    assert any(f"F1 {own['f1']:.3f}" in text for text in words(figure))


def test_precision_recall_of_a_model_that_predicts_nothing() -> None:
    words(plots.precision_recall(np.full((4, 2), np.nan), np.ones((4, 2), dtype=bool), np.full(2, 0.5)))


def test_missed_pairs_count_each_pair_of_a_sentence() -> None:
    gold = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=bool)
    predicted = np.array([[0, 1, 0], [0, 1, 1], [0, 0, 0], [0, 0, 1]], dtype=bool)
    figure = plots.missed_pairs(gold, predicted, ["a", "b", "c"])
    axis = figure.axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b", plots.NOTHING]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["b", "c", plots.NOTHING]
    assert np.asarray(axis.images[0].get_array()).tolist() == [[2, 1, 0], [0, 0, 1], [0, 0, 0]]
    assert any("3 of 4 sentences" in text for text in words(figure))


def test_missed_pairs_sum_the_areas_beyond_the_top(arrays: tuple[Any, Any, Any]) -> None:
    gold, _, predicted = arrays
    figure = plots.missed_pairs(gold, predicted, AREAS)
    image = np.asarray(figure.axes[0].images[0].get_array())
    assert image.shape == (plots.TOP + 2, plots.TOP + 2)
    assert image.sum() == plots._pair_counts(gold, predicted).sum()
    words(figure)


def test_loss_curve_reads_a_trainers_history() -> None:
    history = [{"loss": 2 / s, "step": s, "epoch": s / 10} for s in range(1, 31)]
    history += [{"eval_loss": 0.5, "eval_f1": s / 40, "step": s} for s in (10, 20, 30)]
    history += [{"train_loss": 0.2, "train_runtime": 9.0, "step": 30}]
    figure = plots.loss_curve(history)
    assert [len(line.get_xdata()) for axes in figure.axes for line in axes.lines] == [30, 3, 3]
    assert "Best 0.750 at step 30" in words(figure)
    assert len(plots.loss_curve(history[:5]).axes) == 1


EMPTY: dict[str, Any] = {"n": 0, "areas": [], "languages": [], "calibration_bins": [], "ece": 0.0, "macro_f1": 0.0}
SAME = np.eye(3, dtype=bool)


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        (lambda: plots.area_f1(EMPTY), "No areas"),
        (lambda: plots.language_f1(EMPTY), "No languages"),
        (lambda: plots.reliability(EMPTY), "No scores"),
        (lambda: plots.precision_recall(np.zeros((0, 2)), np.zeros((0, 2), dtype=bool), np.zeros(2)), "No sentences"),
        (lambda: plots.missed_pairs(SAME, SAME, ["a", "b", "c"]), "No area missed or added in 3 sentences"),
        (lambda: plots.missed_pairs(SAME[:0], SAME[:0], ["a", "b", "c"]), "No area missed or added in 0 sentences"),
        (lambda: plots.loss_curve([{"learning_rate": 1.0, "step": 1}]), "No losses in the history"),
    ],
)  # fmt: skip
def test_nothing_to_show_is_said(figure: Any, said: str) -> None:
    assert words(figure()) == [said]


def test_no_global_state_and_no_screen_is_needed() -> None:
    # Reading the setting "backend" would itself import pyplot.
    code = (
        "import sys, matplotlib; from cooptag_training import plots;"
        "settings = lambda: {k: str(matplotlib.rcParams[k]) for k in matplotlib.rcParams if k != 'backend'}; before = settings();"
        "plots.loss_curve([{'loss': 1.0, 'step': 1}]).savefig('/dev/null', format='png');"
        "assert settings() == before; assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})


def test_learning_curve_shows_shares_and_what_is_left_out() -> None:
    def row(variant: str, sentences: int, f1: float) -> dict[str, object]:
        return {"variant": variant, "sentences": sentences, "micro_f1": f1, "low": f1 - 0.02, "high": f1 + 0.02}

    rows = [row("100%", 400, 0.8), row("50%", 200, 0.7), row("without vi", 250, 0.6)]
    curve, left_out = plots.learning_curve(rows).axes
    assert [label.get_text() for label in curve.get_xticklabels()] == ["200\n50%", "400\n100%"]
    assert [label.get_text() for label in left_out.get_yticklabels()] == ["without vi (250)"]
    assert [0.8, 0.8] in [list(line.get_xdata()) for line in left_out.lines]
    assert len(plots.learning_curve(rows[1:]).axes[1].lines) == 2, "without the whole data there is nothing to compare with"
