"""Which labels of a data set are likely wrong? Cross-validated predictions, ranked by confident learning.

Every sentence is scored by a model that never saw its article; cleanlab (Northcutt et al. 2021, "Confident Learning"; for several
labels Thyagarajan et al. 2022) then names the labels that these scores contradict.
"""

import hashlib
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cooptag.artifact import write_durably
from cooptag.decode import Decoder
from cooptag_training import pipeline, split
from cooptag_training.config import TrainConfig
from cooptag_training.fit import label_matrix, predict, tokenize, train
from cooptag_training.release import Data
from cooptag_training.split import Row
from cooptag_training.tracking import NullTracker


def out_of_fold(config: TrainConfig, data: Data, folds: int, work: Path) -> npt.NDArray[np.float32]:
    """Scores of every row, (n, A), each by a model trained on the other folds.

    What the same data, areas, recipe and number of folds made of a fold is kept below `work`, and not made again.

    :raises InputError: if there are too few groups for `folds`.
    """
    fold = split.folds(data.rows, config.seed, folds)
    scores = np.zeros((len(data.rows), len(data.labels)), dtype=np.float32)
    n = len(data.labels)
    decoder = Decoder(tuple(data.labels), np.ones(n), np.zeros(n), np.full(n, 0.5), data.single)
    for number in range(folds):
        inside = np.flatnonzero(fold == number)
        made_of = json.dumps([pipeline.data_identity(data), config.model_dump_json(), folds, number])
        done = work / f"fold-{number}-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}"
        if not done.with_suffix(".npy").is_file():
            buffer = io.BytesIO()
            np.save(buffer, _train_fold(config, data, fold == number, done))
            write_durably(done.with_suffix(".npy"), buffer.getvalue())
        scores[inside] = decoder.scores(np.load(done.with_suffix(".npy")))
        print(f"fold {number + 1} of {folds}: {len(inside)} sentences scored", file=sys.stderr)
    return scores


def _train_fold(config: TrainConfig, data: Data, held_out: npt.NDArray[np.bool_], work: Path) -> npt.NDArray[np.float32]:
    rows = [replace(row, split="test" if out else "train") for row, out in zip(data.rows, held_out, strict=True)]
    part = replace(data, rows=rows)
    model, tokenizer = pipeline.prepare(config, part, NullTracker())
    sets = [tokenize(x, data.labels, tokenizer, config) for x in (pipeline.training_rows(config, part), part.part("test"))]
    train(model, tokenizer, sets[0], sets[1], config, work, {"data": data.digest, "fold": work.name})
    logits: npt.NDArray[np.float32] = predict(model, tokenizer, part.part("test"), data.labels, config)
    return logits


def suspects(rows: Sequence[Row], labels: Sequence[str], scores: npt.NDArray[np.float32]) -> list[dict[str, Any]]:
    """The sentences with a label that is likely wrong or missing, least plausible first.

    :param scores: out-of-fold scores, (n, A).
    :returns: id, lang, text, labels, and the areas `doubted` (given) and `missing` (not given), each with its score.
    """
    from cleanlab.multilabel_classification.filter import find_multilabel_issues_per_class

    gold = label_matrix(rows, labels)
    given = [list(map(int, np.flatnonzero(row))) for row in gold]
    flagged = np.asarray(find_multilabel_issues_per_class(given, scores, n_jobs=1))
    support = np.where(gold, scores, 1 - scores)
    found = [_suspect(rows[i], labels, gold[i], scores[i], flagged[i], support[i]) for i in map(int, np.flatnonzero(flagged.any(1)))]
    return sorted(found, key=lambda row: row["support"])


def _suspect(row: Row, labels: Sequence[str], gold: Any, scores: Any, flagged: Any, support: Any) -> dict[str, Any]:
    def scored(mask: Any) -> dict[str, float]:
        return {labels[a]: round(float(scores[a]), 3) for a in map(int, np.flatnonzero(mask))}

    return {
        "id": row.id, "lang": row.lang, "support": round(float(support[flagged].min()), 4), "text": row.text, "labels": list(row.labels),
        "doubted": scored(flagged & gold), "missing": scored(flagged & ~gold),
    }  # fmt: skip
