"""Logits to areas: the only place where scores are calibrated and thresholds applied, in training and serving alike."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Decoder:
    """Per-area calibration and thresholds, each of shape (A,), in the order of `areas`.

    The score of an area is sigmoid(scale * logit + bias) (Platt, 1999: scale and bias were fitted on the validation
    split). A sentence carries the area when its score reaches the area's threshold.
    """

    areas: tuple[str, ...]
    scale: Floats
    bias: Floats
    thresholds: Floats

    @classmethod
    def plain(cls, areas: tuple[str, ...]) -> "Decoder":
        """No calibration and 0.5 everywhere: what a model has before it is calibrated."""
        n = len(areas)
        return cls(areas, np.ones(n), np.zeros(n), np.full(n, 0.5))

    def scores(self, logits: Floats) -> Floats:
        """Calibrated scores in [0, 1], shape (n, A), for logits of shape (n, A). NaN and infinity come out as NaN.

        :raises ValueError: if the number of columns is not the number of areas.
        """
        logits = np.asarray(logits, dtype=np.float64)
        if logits.ndim != 2 or logits.shape[1] != len(self.areas):
            raise ValueError(f"logits have shape {logits.shape}; expected (n, {len(self.areas)}), a column for each area")
        finite = np.isfinite(logits)
        z = np.clip(np.where(finite, logits, 0.0) * self.scale + self.bias, -60.0, 60.0)
        return np.where(finite, 1.0 / (1.0 + np.exp(-z)), np.nan)

    def decide(self, scores: Floats) -> npt.NDArray[np.bool_]:
        """Which areas each sentence carries, shape (n, A), for calibrated scores of shape (n, A); NaN never does."""
        return np.asarray(scores) >= self.thresholds
