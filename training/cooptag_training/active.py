"""What choosing is worth: training sentences handed out round by round, by `suggest.choose` or at random.

The model that chooses is the quick one of `curve.run_frozen` (a logistic regression an area on the pretrained encoder's vectors),
trained anew each round on what is labelled so far; what it chose can then train any other (Coleman et al. 2020, "Selection via Proxy").
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from cooptag_training import baselines, calibrate, curve, suggest
from cooptag_training.config import TrainConfig
from cooptag_training.curve import Variant
from cooptag_training.fit import label_matrix
from cooptag_training.release import Data

Vectors = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.intp]

# The first round is drawn at random; each later one labels as much again.
ROUND = 0.1


def variants(config: TrainConfig, data: Data, vectors: Vectors, shares: Sequence[float]) -> list[Variant]:
    """For each share of the training sentences, so many at random and so many chosen; smaller shares lie within larger ones.

    :param vectors: of all rows, (n, H), by the pretrained encoder (`curve.vectors`).
    :raises UsageError: if a share is not above 0 and at most 1.
    """
    curve.check_shares(shares)
    train = np.flatnonzero([row.split == "train" for row in data.rows])
    at_random = np.random.default_rng(config.seed).permutation(train)
    chosen = _chosen(config, data, vectors, at_random, max(shares))
    made = []
    for share in sorted(set(shares)):
        for name, order in (("random", at_random), ("active", chosen)):
            made.append(Variant(f"{name} {100 * share:.3g}%", _keep(data, order[: _part(share, train)])))
    return made


def _chosen(config: TrainConfig, data: Data, vectors: Vectors, at_random: Numbers, most: float) -> Numbers:
    """Training rows in the order in which they are chosen, in whole rounds up to a share of them; the first is the random order's."""
    gold = label_matrix(data.rows, data.labels)
    size, wanted = _part(ROUND, at_random), _part(most, at_random)
    order = at_random[:size]
    while len(order) < wanted:
        free = np.setdiff1d(at_random, order)
        pool = _pool(data, vectors, gold, order, free)
        picked = suggest.choose(pool, size, seed=config.seed)
        order = np.concatenate([order, free[[i for i, _ in picked]]])
    return order


def _part(share: float, of: Numbers) -> int:
    return max(1, round(share * len(of)))


def _pool(data: Data, vectors: Vectors, gold: npt.NDArray[np.bool_], labelled: Numbers, free: Numbers) -> suggest.Pool:
    """What a model of the labelled rows says of the free ones."""
    validation = np.flatnonzero([row.split == "validation" for row in data.rows])
    classify = baselines.regression(vectors[labelled], gold[labelled])
    decoder = calibrate.fit(classify(vectors[validation]), gold[validation], tuple(data.labels), single=data.single)
    scores = decoder.scores(classify(vectors[free]))
    errors = decoder.expected_errors(scores, decoder.decide(scores))
    return suggest.Pool(scores, errors, vectors[free], gold[labelled].sum(axis=0), vectors[labelled])


def _keep(data: Data, numbers: Numbers) -> Data:
    kept = {data.rows[int(i)].id for i in numbers}
    return curve.without(data, lambda row: row.id not in kept)
