"""Logits to areas: the only place where scores are calibrated and thresholds applied, in training and serving alike."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Decoder:
    """Per-area calibration and thresholds, each of shape (A,), in the order of `areas`.

    The score of an area is sigmoid(scale * logit + bias) (Platt, 1999: scale and bias were fitted on the validation
    split). A sentence carries the area when its score reaches the area's threshold.

    `single`: every text has exactly one area. Scores are then the softmax of scale * logit + bias, and the highest is
    chosen if it reaches its threshold.
    `none`: (slope, intercept) of the logit of "names no area" against the highest area's.
    `uncertain_from`: expected number of wrong areas from which a person should read the sentence.
    """

    areas: tuple[str, ...]
    scale: Floats
    bias: Floats
    thresholds: Floats
    single: bool = False
    none: tuple[float, float] = (-1.0, 0.0)
    uncertain_from: float = float("inf")

    def scores(self, logits: Floats) -> Floats:
        """Calibrated scores in [0, 1], shape (n, A), for logits of shape (n, A). NaN and infinity come out as NaN.

        :raises ValueError: if the number of columns is not the number of areas.
        """
        logits = np.asarray(logits, dtype=np.float64)
        if logits.ndim != 2 or logits.shape[1] != len(self.areas):
            raise ValueError(f"logits have shape {logits.shape}; expected (n, {len(self.areas)}), a column for each area")
        finite = np.isfinite(logits)
        z = np.where(finite, logits, 0.0) * self.scale + self.bias
        if self.single:
            odds = np.exp(z - z.max(axis=1, keepdims=True))
            return np.where(finite.all(axis=1, keepdims=True), odds / odds.sum(axis=1, keepdims=True), np.nan)
        return np.where(finite, 1.0 / (1.0 + np.exp(-np.clip(z, -60.0, 60.0))), np.nan)

    def decide(self, scores: Floats) -> Bools:
        """Which areas each sentence carries, shape (n, A), for calibrated scores of shape (n, A); NaN never does."""
        scores = np.asarray(scores)
        reached = scores >= self.thresholds
        if self.single and len(scores):
            reached &= np.arange(len(self.areas)) == scores.argmax(axis=1)[:, None]
        return reached

    def none_scores(self, scores: Floats) -> Floats:
        """The calibrated probability that a sentence names no area, (n,), for scores of shape (n, A)."""
        if self.single:
            return np.zeros(len(scores))
        slope, intercept = self.none
        return np.asarray(1.0 / (1.0 + np.exp(-(slope * top_logit(scores) + intercept))))

    def expected_errors(self, scores: Floats, chosen: Bools) -> Floats:
        """How many areas of each sentence are expected to be wrong, (n,), if the scores (n, A) mean what they say."""
        return np.asarray(np.abs(chosen - np.asarray(scores)).sum(axis=1))

    def uncertain(self, scores: Floats, chosen: Bools) -> Bools:
        """Which sentences a person should read, (n,)."""
        return self.expected_errors(scores, chosen) >= self.uncertain_from

    def with_thresholds(self, thresholds: Floats) -> "Decoder":
        """The same scores, decided by other thresholds, (A,)."""
        return replace(self, thresholds=np.asarray(thresholds, dtype=np.float64))


def top_logit(scores: Floats) -> Floats:
    """The log-odds of each sentence's highest score, (n,), within the range in which they can be told apart."""
    top = np.clip(np.nan_to_num(np.asarray(scores)).max(axis=1, initial=0.0), 1e-6, 1 - 1e-6)
    return np.asarray(np.log(top / (1 - top)))
