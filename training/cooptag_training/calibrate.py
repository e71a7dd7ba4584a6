"""Calibration and thresholds, fitted on the validation split alone.

Scale and bias are Platt's (1999), with one scale for all areas and a bias for each that is shrunk towards none: some
areas have a dozen validation sentences, on which 37 free scales would follow noise. The threshold of each area is the
one that serves the stated goal on validation, shrunk to the one that does so for all in proportion to its support.
"""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from cooptag.decode import Decoder, top_logit
from cooptag.errors import UsageError
from cooptag_training.metrics import Bools, Floats, precision_recall_f1

METHOD = "one scale, a shrunk bias an area (Platt 1999), on validation"
# Positive validation sentences at which an area's own threshold counts as much as the common one.
PRIOR_SUPPORT = 150.0
# F1 that may be lost for a higher threshold: less than chance decides on a thousand sentences. Of thresholds that are as good,
# the highest tags the fewest sentences that name no area.
TOLERANCE = 0.002
BIAS_PENALTY = 2.0
GRID = np.linspace(0.02, 0.98, 97)
# Every model folder has thresholds for these; `--goal` can state another.
GOALS = ("f1", "precision=0.9", "recall=0.9")
# The share of validation sentences that are marked for a person to read: those where most errors are expected.
UNCERTAIN_SHARE = 0.25
LEAST_UNCERTAIN = 0.05  # expected wrong areas


def fit(logits: Floats, gold: Bools, areas: tuple[str, ...], goal: str = "f1", single: bool = False) -> Decoder:
    """A decoder fitted to validation logits (n, A) and gold areas (n, A).

    :param goal: what the thresholds serve: "f1", "precision=0.9" or "recall=0.9" (any share), each over all areas.
    :param single: each text has exactly one area; the highest score wins whatever the goal.
    :raises UsageError: if the goal is none of these.
    """
    scale, bias = _softmax_scale(logits, gold) if single else _platt(logits.astype(np.float64), gold)
    decoder = Decoder(areas, np.full(len(areas), scale), bias, np.zeros(len(areas)), single)
    scores = decoder.scores(logits)
    if not single:
        decoder = replace(decoder, thresholds=thresholds(scores, gold, goal), none=_none(scores, gold))
    expected = decoder.expected_errors(scores, decoder.decide(scores))
    # Where all is sure, no sentence is marked.
    return replace(decoder, uncertain_from=max(LEAST_UNCERTAIN, round(float(np.quantile(expected, 1 - UNCERTAIN_SHARE)), 4)))


def thresholds(scores: Floats, gold: Bools, goal: str) -> Floats:
    """The threshold of each area, (A,), that serves a goal on calibrated scores (n, A) and gold areas (n, A).

    For a stated precision or recall all thresholds are moved together in the end, until validation as a whole meets it.

    :raises UsageError: if the goal is not "f1", "precision=P" or "recall=R".
    """
    kind, share = parse_goal(goal)
    best = _best(kind, share)
    common = best(scores, gold, 0.5)
    own = np.array([best(scores[:, [i]], gold[:, [i]], common) for i in range(gold.shape[1])])
    weight = gold.sum(0) / (gold.sum(0) + PRIOR_SUPPORT)
    mixed = weight * own + (1 - weight) * common
    return np.round(mixed if kind == "f1" else _moved(mixed, scores, gold, kind, share), 4)


def parse_goal(goal: str) -> tuple[str, float]:
    """("f1", 0), ("precision", share) or ("recall", share).

    :raises UsageError: if `goal` reads otherwise.
    """
    found = re.fullmatch(r"(precision|recall)=(0?\.\d+)", goal)
    if goal != "f1" and not (found and 0 < float(found[2]) < 1):
        raise UsageError(f"goal is {goal!r}; expected f1, precision=0.9 or recall=0.9 (any share between 0 and 1)")
    return (found[1], float(found[2])) if found else ("f1", 0.0)


def _best(kind: str, share: float) -> Callable[[Floats, Bools, float], float]:
    if kind == "f1":
        return best_threshold
    return lambda scores, gold, default: _first_to_meet(scores, gold, kind, share, default)


def best_threshold(scores: Floats, gold: Bools, default: float = 0.5) -> float:
    """The highest threshold of `GRID` within `TOLERANCE` of the best micro-F1; `default` without positives."""
    if not gold.any():
        return default
    f1 = np.array([precision_recall_f1(gold, scores >= threshold)["f1"] for threshold in GRID])
    return float(GRID[np.flatnonzero(f1 >= f1.max() - TOLERANCE)[-1]])


def _first_to_meet(scores: Floats, gold: Bools, kind: str, share: float, default: float) -> float:
    """The lowest threshold that has the precision, or the highest that has the recall; the nearest to it if none has.

    `default` without positives.
    """
    if not gold.any():
        return default
    met = [float(t) for t in GRID if precision_recall_f1(gold, scores >= t)[kind] >= share and (scores >= t).any()]
    if kind == "precision":
        return min(met, default=float(GRID[-1]))
    return max(met, default=float(GRID[0]))


def _moved(mixed: Floats, scores: Floats, gold: Bools, kind: str, share: float) -> Floats:
    """Thresholds moved together in log-odds by the least that gives the precision or recall; as far as that goes if none does."""
    log_odds = np.log(mixed / (1 - mixed))
    moved = mixed
    for step in np.linspace(-3, 8, 221) * (1 if kind == "precision" else -1) if gold.any() else ():
        moved = np.clip(1 / (1 + np.exp(-(log_odds + step))), 1e-4, 1 - 1e-4)
        if precision_recall_f1(gold, scores >= moved)[kind] >= share:
            break
    return np.asarray(moved)


def _none(scores: Floats, gold: Bools) -> tuple[float, float]:
    """Slope and intercept of the log-odds of "no area" against the highest score's, by logistic regression on validation."""
    none: Bools = np.asarray(~gold.any(1))
    if none.all() or not none.any():
        return -1.0, 0.0
    slope, (intercept,) = _platt(top_logit(scores)[:, None].astype(np.float64), none[:, None], bounds=(-20.0, -0.05))
    return slope, float(intercept)


def _platt(
    logits: npt.NDArray[np.float64], gold: Bools, bounds: tuple[float, float] = (0.05, 20.0)
) -> tuple[float, npt.NDArray[np.float64]]:
    """The scale, and the bias of each area (A,), of least cross-entropy; rounded to what the manifest holds."""
    from scipy.optimize import minimize

    target = gold.astype(np.float64)

    def loss(parameters: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        z = parameters[0] * logits + parameters[1:]
        error = 1 / (1 + np.exp(-np.clip(z, -60, 60))) - target
        value = (np.logaddexp(0, z) - target * z).sum() + BIAS_PENALTY * (parameters[1:] ** 2).sum()
        return value, np.concatenate([[(error * logits).sum()], error.sum(0) + 2 * BIAS_PENALTY * parameters[1:]])

    start = np.concatenate([[np.clip(1.0, *bounds)], np.zeros(logits.shape[1])])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[bounds, *[(-5.0, 5.0)] * logits.shape[1]]).x
    return round(float(found[0]), 4), np.round(found[1:], 4)


def _softmax_scale(logits: Floats, gold: Bools) -> tuple[float, npt.NDArray[np.float64]]:
    """The scale of least cross-entropy (temperature scaling, Guo et al. 2017), without biases: they would move the highest score."""
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    z = logits.astype(np.float64)
    found = minimize_scalar(
        lambda scale: float((logsumexp(scale * z, axis=1) - scale * z[gold]).mean()), bounds=(0.05, 20.0), method="bounded"
    )
    return round(float(found.x), 4), np.zeros(logits.shape[1])
