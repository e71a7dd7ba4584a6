"""Thresholds and calibration do what they promise on scores whose truth is known."""

import numpy as np
import pytest

from cooptag.errors import UsageError
from cooptag_training import calibrate, metrics

GENERATOR = np.random.default_rng(1)


def overconfident(n: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    """Logits three times too large, the second area's also shifted; gold drawn from the true probabilities."""
    true = GENERATOR.normal(-1.5, 2, (n, 3))
    gold = GENERATOR.random((n, 3)) < 1 / (1 + np.exp(-true))
    return 3 * true + np.array([0.0, 2.0, 0.0]), gold


def test_calibration_finds_scale_and_shift() -> None:
    logits, gold = overconfident()
    decoder = calibrate.fit(logits, gold, ("a", "b", "c"))
    np.testing.assert_allclose(decoder.scale, 1 / 3, atol=0.03)
    assert decoder.bias[1] < decoder.bias[0] - 0.4
    fresh, truth = overconfident()
    before = metrics.expected_calibration_error(truth, 1 / (1 + np.exp(-fresh)))
    assert metrics.expected_calibration_error(truth, decoder.scores(fresh)) < before / 4


def test_thresholds_beat_one_half_on_fresh_data() -> None:
    logits, gold = overconfident()
    decoder = calibrate.fit(logits, gold, ("a", "b", "c"))
    fresh, truth = overconfident()
    tuned = metrics.precision_recall_f1(truth, decoder.decide(decoder.scores(fresh)))["f1"]
    assert tuned > metrics.precision_recall_f1(truth, decoder.scores(fresh) >= 0.5)["f1"]


def test_an_area_without_positives_gets_the_common_threshold() -> None:
    logits, gold = overconfident(400)
    gold[:, 2] = False
    decoder = calibrate.fit(logits, gold, ("a", "b", "c"))
    assert np.isfinite(decoder.thresholds).all() and 0.05 <= decoder.thresholds[2] <= 0.95


def test_best_threshold_is_the_highest_of_those_that_are_as_good() -> None:
    scores, gold = np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True])
    assert 0.78 < calibrate.best_threshold(scores, gold) <= 0.8
    assert calibrate.best_threshold(scores, np.zeros(4, dtype=bool), default=0.37) == 0.37


def test_a_higher_threshold_may_cost_what_chance_decides_and_no_more() -> None:
    scores = np.concatenate([np.full(500, 0.3), [0.5], np.full(500, 0.7)])
    gold = np.concatenate([np.zeros(500, bool), np.ones(501, bool)])
    assert 0.68 < calibrate.best_threshold(scores, gold) <= 0.7  # one of 501 is given up
    gold[100:500] = True
    assert calibrate.best_threshold(scores, gold) <= 0.3  # four hundred are not


@pytest.mark.parametrize(("goal", "kind"), [("precision=0.9", "precision"), ("recall=0.9", "recall"), ("precision=0.5", "precision")])
def test_a_stated_goal_is_met_on_fresh_data(goal: str, kind: str) -> None:
    logits, gold = overconfident()
    decoder = calibrate.fit(logits, gold, ("a", "b", "c"), goal)
    assert metrics.precision_recall_f1(gold, decoder.decide(decoder.scores(logits)))[kind] >= calibrate.parse_goal(goal)[1]
    fresh, truth = overconfident()
    reached = metrics.precision_recall_f1(truth, decoder.decide(decoder.scores(fresh)))[kind]
    assert abs(reached - calibrate.parse_goal(goal)[1]) < 0.04


@pytest.mark.parametrize("goal", ["F1", "precision", "precision=1", "precision=90", "recall=0", "recall=-.5", "", "accuracy=0.9"])
def test_a_goal_that_is_none_is_refused_by_name(goal: str) -> None:
    with pytest.raises(UsageError, match=r"expected f1, precision=0\.9"):
        calibrate.parse_goal(goal)


def test_a_rare_area_keeps_near_the_common_threshold() -> None:
    logits, gold = overconfident(2000)
    common = calibrate.fit(logits, gold, ("a", "b", "c")).thresholds
    gold[:, 2] &= np.arange(len(gold)) < 30  # a handful of positives, and no relation to the score
    rare = calibrate.fit(logits, gold, ("a", "b", "c")).thresholds
    assert abs(rare[2] - common[:2].mean()) < 0.25


def test_the_probability_of_no_area_is_calibrated_on_fresh_data() -> None:
    logits, gold = overconfident()
    decoder = calibrate.fit(logits, gold, ("a", "b", "c"))
    fresh, truth = overconfident()
    none = decoder.none_scores(decoder.scores(fresh))
    assert metrics.expected_calibration_error(~truth.any(1)[:, None], none[:, None]) < 0.04


def test_the_sentences_marked_uncertain_hold_more_errors() -> None:
    logits, gold = overconfident()
    decoder = calibrate.fit(logits, gold, ("a", "b", "c"))
    fresh, truth = overconfident()
    chosen = decoder.decide(decoder.scores(fresh))
    marked, wrong = decoder.uncertain(decoder.scores(fresh), chosen), (chosen != truth).any(1)
    assert abs(marked.mean() - calibrate.UNCERTAIN_SHARE) < 0.05
    assert wrong[marked].mean() > 1.5 * wrong[~marked].mean()


def test_one_label_each_is_scaled_without_moving_the_highest() -> None:
    true = GENERATOR.normal(0, 2, (3000, 4))
    odds = np.exp(true) / np.exp(true).sum(1, keepdims=True)
    gold = np.eye(4, dtype=bool)[[GENERATOR.choice(4, p=p) for p in odds]]
    decoder = calibrate.fit(3 * true, gold, tuple("abcd"), single=True)
    np.testing.assert_allclose(decoder.scale, 1 / 3, atol=0.03)
    assert (decoder.decide(decoder.scores(3 * true)).argmax(1) == true.argmax(1)).all()
