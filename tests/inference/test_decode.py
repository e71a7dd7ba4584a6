"""Logits to scores to areas."""

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


def test_plain_decoder_is_a_sigmoid_at_half() -> None:
    plain = Decoder.plain(("a", "b"))
    assert plain.decide(plain.scores(np.array([[0.0, -0.1]]))).tolist() == [[True, False]]
