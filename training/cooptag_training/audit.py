"""Which labels of a data set are likely wrong? Three lists for a person to read, and the tasks that ask for them.

- `suspects`: every sentence is scored by a model that never saw its article; cleanlab (Northcutt et al. 2021, "Confident Learning"; for
  several labels Thyagarajan et al. 2022) then names the labels that these scores contradict.
- `duplicates`: sentences that repeat, or nearly repeat, others of different areas.
- `against_guide`: sentences that break a rule of the labelling guide.
"""

import hashlib
import io
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cooptag.artifact import write_durably
from cooptag.decode import Decoder
from cooptag.text import normalize
from cooptag_training import corpus, guide, pipeline, split
from cooptag_training.annotation import Item, Suggestion, Task
from cooptag_training.areas import AreaEntry
from cooptag_training.config import TrainConfig
from cooptag_training.fit import label_matrix, predict, tokenize, train
from cooptag_training.metrics import precision_recall_f1
from cooptag_training.release import Data
from cooptag_training.split import Row
from cooptag_training.tracking import NullTracker

LISTS = ("errors", "duplicates", "guide")


@dataclass(frozen=True)
class Suspect:
    """A row whose labels may be wrong: areas `doubted` (given) and `missing` (not given), each with its score in [0, 1].

    A score is what speaks for the area: the model's, the share of the duplicates that carry it, or the share of the sentences under
    the same rule that do. `support` is what speaks for the labels as they stand, in [0, 1].
    """

    row: Row
    reason: str
    doubted: dict[str, float]
    missing: dict[str, float]
    support: float

    @property
    def why(self) -> str:
        """The reason and the areas in question, on one line."""
        sides = (("given", self.doubted), ("missing", self.missing))
        named = [f"{side} {', '.join(f'{area} {score:.2f}' for area, score in areas.items())}" for side, areas in sides if areas]
        return f"{self.reason}: {'; '.join(named)}"

    def record(self) -> dict[str, Any]:
        """Itself as a line of JSONL."""
        return {
            "id": self.row.id, "lang": self.row.lang, "support": self.support, "reason": self.reason, "text": self.row.text,
            "labels": list(self.row.labels), "doubted": self.doubted, "missing": self.missing,
        }  # fmt: skip


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


def micro_f1(data: Data, scores: npt.NDArray[np.float32]) -> float:
    """Micro-F1 of out-of-fold scores (n, A) at 0.5."""
    return precision_recall_f1(label_matrix(data.rows, data.labels), scores >= 0.5)["f1"]


def suspects(rows: Sequence[Row], labels: Sequence[str], scores: npt.NDArray[np.float32]) -> list[Suspect]:
    """The sentences with a label that is likely wrong or missing, least plausible first.

    :param scores: out-of-fold scores, (n, A).
    """
    from cleanlab.multilabel_classification.filter import find_multilabel_issues_per_class

    gold = label_matrix(rows, labels)
    given = [list(map(int, np.flatnonzero(row))) for row in gold]
    flagged = np.asarray(find_multilabel_issues_per_class(given, scores, n_jobs=1))
    support = np.where(gold, scores, 1 - scores)
    found = [_suspect(rows[i], labels, gold[i], scores[i], flagged[i], support[i]) for i in map(int, np.flatnonzero(flagged.any(1)))]
    return _worst_first(found)


def _suspect(row: Row, labels: Sequence[str], gold: Any, scores: Any, flagged: Any, support: Any) -> Suspect:
    def scored(mask: Any) -> dict[str, float]:
        return {labels[a]: round(float(scores[a]), 3) for a in map(int, np.flatnonzero(mask))}

    reason = "a model that never saw this article disagrees"
    return Suspect(row, reason, scored(flagged & gold), scored(flagged & ~gold), round(float(support[flagged].min()), 4))


def _worst_first(found: Sequence[Suspect]) -> list[Suspect]:
    return sorted(found, key=lambda suspect: suspect.support)


def duplicates(rows: Sequence[Row]) -> list[Suspect]:
    """The sentences with an area that most of their duplicates lack, or without one that most have, most outvoted first.

    Duplicates are equal after `normalize`, or near (see `split.near_duplicates`). Of two that differ, both are named.
    """
    twins = _twins([normalize(row.text, row.lang) for row in rows])
    found = [_outvoted(rows[i], [rows[j] for j in sorted(others)]) for i, others in sorted(twins.items())]
    return _worst_first([suspect for suspect in found if suspect is not None])


def _twins(texts: Sequence[str]) -> dict[int, set[int]]:
    """The numbers of each text's duplicates, where it has any."""
    twins: dict[int, set[int]] = defaultdict(set)
    for i, j in [*_equal(texts), *((int(a), int(b)) for a, b in split.near_duplicates(texts))]:
        twins[i].add(j)
        twins[j].add(i)
    return twins


def _equal(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    places: dict[str, list[int]] = defaultdict(list)
    for j, text in enumerate(texts):
        yield from ((i, j) for i in places[text])
        places[text].append(j)


def _outvoted(row: Row, twins: Sequence[Row]) -> Suspect | None:
    areas = sorted({area for other in (row, *twins) for area in other.labels})
    share = {area: sum(area in twin.labels for twin in twins) / len(twins) for area in areas}
    doubted = {area: round(share[area], 3) for area in areas if area in row.labels and share[area] < 0.5}
    missing = {area: round(share[area], 3) for area in areas if area not in row.labels and share[area] > 0.5}
    if not doubted and not missing:
        return None
    other = next(twin for twin in twins if set(twin.labels) != set(row.labels))
    reason = f"repeats «{_shortened(other.text)}» of {other.group}, which has [{corpus.labels(other.labels, other.none_reason)}]"
    return Suspect(row, reason, doubted, missing, round(min(*doubted.values(), *(1 - s for s in missing.values()), 1.0), 4))


def _shortened(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def against_guide(rows: Sequence[Row], entries: Sequence[AreaEntry]) -> list[Suspect]:
    """The sentences that break a rule of the guide (see `guide`), those first that break what nearly all others keep."""
    return _worst_first([_breaking(broken) for broken in guide.check(rows, entries)])


def _breaking(broken: guide.Broken) -> Suspect:
    support = round(broken.support, 4)
    doubted, missing = dict.fromkeys(broken.doubted, support), dict.fromkeys(broken.missing, round(1 - broken.support, 4))
    return Suspect(broken.row, f"«{broken.words}»: {broken.says} (rule {broken.rule})", doubted, missing, support)


def tasks(found: Sequence[Suspect]) -> list[Task]:
    """What a person is asked, a task a sentence, worst first; a sentence that several lists name is asked once.

    What is suggested are the labels as these lists would mend them; those in no doubt have score 1.
    """
    by_row: dict[str, list[Suspect]] = defaultdict(list)
    for suspect in _worst_first(found):
        by_row[suspect.row.id].append(suspect)
    return [_task(same) for same in by_row.values()]


def _task(same: Sequence[Suspect]) -> Task:
    row = same[0].row
    doubted = {area for suspect in same for area in suspect.doubted}
    scores = dict.fromkeys(set(row.labels) - doubted, 1.0) | {area: score for suspect in same for area, score in suspect.missing.items()}
    item = Item(row.group, row.text, row.lang, kind=row.kind, before=corpus.labels(row.labels, row.none_reason))
    why = ". ".join(suspect.why for suspect in same)
    return Task(item, why, suggestions=tuple(Suggestion(area, scores[area]) for area in sorted(scores)))
