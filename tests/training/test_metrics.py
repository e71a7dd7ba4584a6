"""Scores checked against scikit-learn, and by hand where it has none."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from cooptag_training import metrics

GENERATOR = np.random.default_rng(0)
GOLD = GENERATOR.random((200, 5)) < 0.3
PREDICTED = GOLD ^ (GENERATOR.random((200, 5)) < 0.1)


def test_micro_scores_are_scikit_learns() -> None:
    found = metrics.precision_recall_f1(GOLD, PREDICTED)
    assert found["f1"] == pytest.approx(f1_score(GOLD, PREDICTED, average="micro"))
    assert found["precision"] == pytest.approx(precision_score(GOLD, PREDICTED, average="micro"))
    assert found["recall"] == pytest.approx(recall_score(GOLD, PREDICTED, average="micro"))


def test_f1_by_area_is_scikit_learns() -> None:
    np.testing.assert_allclose(metrics.f1_by_area(GOLD, PREDICTED), f1_score(GOLD, PREDICTED, average=None))


def test_nothing_asked_and_nothing_given_is_zero_not_a_crash() -> None:
    empty = np.zeros((3, 2), dtype=bool)
    assert metrics.precision_recall_f1(empty, empty)["f1"] == 0
    assert np.isnan(metrics.f1_by_area(empty, empty)).all()


def test_bootstrap_interval_holds_the_score_and_narrows_with_data() -> None:
    f1 = metrics.precision_recall_f1(GOLD, PREDICTED)["f1"]
    low, high = metrics.bootstrap_f1(GOLD, PREDICTED)
    assert low < f1 < high
    wide = metrics.bootstrap_f1(GOLD[:30], PREDICTED[:30])
    assert wide[1] - wide[0] > high - low
    assert metrics.bootstrap_f1(GOLD[:0], PREDICTED[:0]) == (0.0, 0.0)


def test_calibration_error_of_honest_and_of_overconfident_scores() -> None:
    scores = GENERATOR.random((4000, 5))
    honest = GENERATOR.random((4000, 5)) < scores
    assert metrics.expected_calibration_error(honest, scores) < 0.02
    assert metrics.expected_calibration_error(honest, np.round(scores)) > 0.2


def test_report_counts_false_positives_on_sentences_without_area() -> None:
    gold = np.array([[True, False], [False, False], [False, False], [False, True]])
    scores = np.array([[0.9, 0.1], [0.8, 0.1], [0.1, 0.1], [0.2, 0.9]])
    report = metrics.report(gold, scores, scores >= 0.5, ["a", "b"], ["vi", "vi", "en", "en"])
    assert report["none"] == {"n": 2, "false_positive_rate": 0.5}
    assert report["exact_match"] == 0.75
    assert [row["lang"] for row in report["languages"]] == ["en", "vi"]
    assert report["languages"][0]["f1"] == 1.0
    assert report["areas"][0] == {"id": "a", "support": 1, "predicted": 2, "precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3)}


def test_marked_errors_and_the_calibration_of_one_event() -> None:
    gold = np.array([[True], [True], [False], [False]])
    predicted = np.array([[True], [False], [False], [True]])
    found = metrics.marked_errors(gold, predicted, np.array([False, True, False, False]))
    assert found == {"share": 0.25, "wrong_caught": 0.5, "right_rest": pytest.approx(2 / 3)}
    sure = metrics.binary_calibration(np.array([True, False]), np.array([1.0, 0.0]))
    assert sure == {"ece": 0.0, "auc": 1.0}
    assert metrics.binary_calibration(np.array([True, True]), np.array([0.5, 0.5])) == {"ece": 0.5, "auc": 0.5}
