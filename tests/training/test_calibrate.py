"""Thresholds and calibration do what they promise on scores whose truth is known."""

import numpy as np

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
