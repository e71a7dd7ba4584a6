"""Calibration and thresholds, fitted on the validation split alone.

Scale and bias are Platt's (1999), with one scale for all areas and a bias for each that is shrunk towards none: some
areas have a dozen validation sentences, on which 37 free scales would follow noise. The threshold of each area is the
highest that is as good as any for its F1 on validation, shrunk to the one that is so for all in proportion to its support.
"""

import numpy as np
import numpy.typing as npt

from cooptag.decode import Decoder
from cooptag_training.metrics import Bools, Floats, precision_recall_f1

METHOD = "one scale, a shrunk bias an area (Platt 1999), on validation"
# Positive validation sentences at which an area's own threshold counts as much as the common one.
PRIOR_SUPPORT = 60.0
# F1 that may be lost for a higher threshold: less than chance decides on a thousand sentences. Of thresholds that are as good,
# the highest tags the fewest sentences that name no area.
TOLERANCE = 0.005
BIAS_PENALTY = 2.0
GRID = np.linspace(0.05, 0.95, 91)


def fit(logits: Floats, gold: Bools, areas: tuple[str, ...]) -> Decoder:
    """A decoder fitted to validation logits (n, A) and gold areas (n, A)."""
    scale, bias = _platt(logits.astype(np.float64), gold)
    plain = Decoder(areas, np.full(len(areas), scale), bias, np.full(len(areas), 0.5))
    scores = plain.scores(logits)
    common = best_threshold(scores, gold)
    own = np.array([best_threshold(scores[:, [i]], gold[:, [i]], common) for i in range(len(areas))])
    weight = gold.sum(0) / (gold.sum(0) + PRIOR_SUPPORT)
    return Decoder(areas, plain.scale, bias, np.round(weight * own + (1 - weight) * common, 4))


def _platt(logits: npt.NDArray[np.float64], gold: Bools) -> tuple[float, npt.NDArray[np.float64]]:
    """The scale, and the bias of each area (A,), of least cross-entropy; rounded to what the manifest holds."""
    from scipy.optimize import minimize

    target = gold.astype(np.float64)

    def loss(parameters: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        z = parameters[0] * logits + parameters[1:]
        error = 1 / (1 + np.exp(-z)) - target
        value = (np.logaddexp(0, z) - target * z).sum() + BIAS_PENALTY * (parameters[1:] ** 2).sum()
        return value, np.concatenate([[(error * logits).sum()], error.sum(0) + 2 * BIAS_PENALTY * parameters[1:]])

    start = np.concatenate([[1.0], np.zeros(logits.shape[1])])
    bounds = [(0.05, 20.0), *[(-5.0, 5.0)] * logits.shape[1]]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return round(float(found[0]), 4), np.round(found[1:], 4)


def best_threshold(scores: Floats, gold: Bools, default: float = 0.5) -> float:
    """The highest threshold of `GRID` within `TOLERANCE` of the best micro-F1; `default` without positives."""
    if not gold.any():
        return default
    f1 = np.array([precision_recall_f1(gold, scores >= threshold)["f1"] for threshold in GRID])
    return float(GRID[np.flatnonzero(f1 >= f1.max() - TOLERANCE)[-1]])
