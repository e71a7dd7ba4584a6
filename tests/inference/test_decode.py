"""Logits to scores to areas."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cooptag.decode import Decoder

DECODER = Decoder(("a", "b"), np.array([1.0, 2.0]), np.array([0.0, -1.0]), np.array([0.5, 0.3]))


def test_scores_are_platt_scaled_per_area() -> None:
    scores = DECODER.scores(np.array([[0.0, 0.5]]))
    np.testing.assert_allclose(scores, [[0.5, 0.5]])


def test_each_area_has_its_own_threshold() -> None:
    assert DECODER.decide(np.array([[0.4, 0.4], [0.5, 0.29]])).tolist() == [[False, True], [True, False]]


def test_wrong_width_is_refused_with_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"\(1, 3\).*\(n, 2\)"):
        DECODER.scores(np.zeros((1, 3)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_logit_that_is_not_finite_never_becomes_an_area(bad: float) -> None:
    scores = DECODER.scores(np.array([[bad, 9.0]]))
    assert np.isnan(scores[0, 0])
    assert DECODER.decide(scores).tolist() == [[False, True]]


@given(arrays(np.float64, (3, 2), elements=st.floats(-1e6, 1e6)))
def test_scores_stay_in_zero_to_one_and_keep_order(logits: np.ndarray) -> None:
    scores = DECODER.scores(logits)
    assert ((scores >= 0) & (scores <= 1)).all()
    higher = DECODER.scores(logits + 1)
    assert (higher >= scores).all()


def test_one_of_several_labels_is_the_highest_if_it_reaches_its_threshold() -> None:
    one = replace(DECODER, single=True, thresholds=np.array([0.0, 0.6]))
    scores = one.scores(np.array([[2.0, 0.0], [0.0, 2.0], [0.0, 0.6]]))
    np.testing.assert_allclose(scores.sum(axis=1), 1)
    assert one.decide(scores).tolist() == [[True, False], [False, True], [False, False]]
    assert one.decide(np.empty((0, 2))).shape == (0, 2)


def test_a_nan_logit_spoils_the_whole_row_of_a_one_label_model() -> None:
    scores = replace(DECODER, single=True).scores(np.array([[np.nan, 9.0], [0.0, 9.0]]))
    assert np.isnan(scores[0]).all() and not np.isnan(scores[1]).any()


def test_none_is_likely_where_every_score_is_low() -> None:
    likely, unlikely, unreadable = DECODER.none_scores(np.array([[0.01, 0.02], [0.01, 0.97], [np.nan, np.nan]]))
    assert likely == pytest.approx(0.98, abs=0.001) and unlikely == pytest.approx(0.03, abs=0.001) and 0 <= unreadable <= 1


def test_a_sentence_with_middling_scores_is_uncertain() -> None:
    scores = np.array([[0.49, 0.31], [0.99, 0.01]])
    decoder = replace(DECODER, uncertain_from=0.5)
    assert decoder.uncertain(scores, decoder.decide(scores)).tolist() == [True, False]
    np.testing.assert_allclose(decoder.expected_errors(scores, decoder.decide(scores)), [0.49 + 0.69, 0.02])
