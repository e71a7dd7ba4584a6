"""Scores a saved model folder through `cooptag.Tagger`, the way it serves: same normaliser, runtime, thresholds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cooptag import Tagger
from cooptag.errors import InputError
from cooptag_training import dataset, metrics
from cooptag_training.fit import label_matrix
from cooptag_training.split import SPLITS, Row


def read_rows(data: Path, split: str = "test") -> list[Row]:
    """The rows to score: one split of a dataset folder, or a JSONL file's (`labels`, or `areas` as an export has it).

    :raises InputError: if the data cannot be read or holds no row of that split.
    """
    if data.is_dir():
        if split not in SPLITS:
            raise InputError(f"split is {split!r}; expected one of {', '.join(SPLITS)}")
        rows = [row for row in dataset.load(data)[0] if row.split == split]
    else:
        rows = [row for row in dataset.from_jsonl(data) if row.split in ("", split)]
    if not rows:
        raise InputError(f"{data}: holds no row of split {split!r}")
    return rows


def may_have_seen(tagger: Tagger, data: Path) -> bool:
    """Whether `data` is a dataset folder that the model was not made from: another split of articles that it may have been trained on."""
    return data.is_dir() and tagger.folder.manifest.data_hash not in (data / "README.md").read_text(encoding="utf8")


def evaluate(tagger: Tagger, rows: Sequence[Row]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The report of `metrics.report`, and each wrong sentence with its gold and predicted areas, worst first.

    Gold rows carry a language; the tagger is not told it, since it has to detect it in use.
    :raises InputError: if the rows have labels that the model does not know.
    """
    areas = list(tagger.decoder.areas)
    check_labels(rows, areas)
    gold = label_matrix(rows, areas)
    served = Served(tagger, rows)
    report = metrics.report(gold, served.scores, served.areas, areas, [row.lang for row in rows])
    report["none"] |= metrics.binary_calibration(~gold.any(1), served.none)
    report["uncertain"] = metrics.marked_errors(gold, served.areas, served.uncertain)
    report["goals"] = {goal: _at_goal(gold, Served(tagger.at(goal), rows).areas) for goal in tagger.folder.manifest.goals}
    return report, errors(rows, gold, served.areas, areas)


def _at_goal(gold: metrics.Bools, predicted: metrics.Bools) -> dict[str, float]:
    return {**metrics.precision_recall_f1(gold, predicted), "none_false_positive_rate": metrics.none_false_positives(gold, predicted)}


def check_labels(rows: Sequence[Row], areas: Sequence[str]) -> None:
    """Raises if rows to score have labels that the model does not know.

    :raises InputError: naming them.
    """
    if unknown := sorted({label for row in rows for label in row.labels} - set(areas)):
        raise InputError(f"labels {', '.join(unknown[:5])} are not among the model's areas; evaluate it on data with its own labels")


class Served:
    """What `Tagger.tag` serves for n rows: calibrated scores and areas (n, A), probability of no area and uncertainty (n,).

    A text that could not be tagged scores 0 and carries no area.
    """

    def __init__(self, tagger: Tagger, rows: Sequence[Row]) -> None:
        number = {area: i for i, area in enumerate(tagger.decoder.areas)}
        self.scores = np.zeros((len(rows), len(number)))
        self.areas = np.zeros((len(rows), len(number)), dtype=bool)
        self.none = np.zeros(len(rows))
        self.uncertain = np.zeros(len(rows), dtype=bool)
        for i, item in enumerate(tagger.stream((row.text for row in rows), all_scores=True)):
            for area in item.all_scores or ():
                self.scores[i, number[area.id]] = area.score
            self.areas[i, [number[area.id] for area in item.areas]] = True
            self.none[i], self.uncertain[i] = item.none, item.uncertain


def errors(rows: Sequence[Row], gold: metrics.Bools, predicted: metrics.Bools, areas: Sequence[str]) -> list[dict[str, Any]]:
    """Each wrong sentence with the areas missed, added and right, those with most wrong areas first."""

    def names(mask: metrics.Bools) -> list[str]:
        return [area for area, set_ in zip(areas, mask, strict=True) if set_]

    wrong = (gold != predicted).sum(1)
    return [
        {
            "id": rows[i].id, "lang": rows[i].lang, "text": rows[i].text,
            "missed": names(gold[i] & ~predicted[i]), "added": names(predicted[i] & ~gold[i]), "right": names(predicted[i] & gold[i]),
        }
        for i in map(int, np.argsort(-wrong, kind="stable")) if wrong[i]
    ]  # fmt: skip


def describe(report: dict[str, Any]) -> str:
    """The report as lines for a person."""
    micro = report["micro"]
    lines = [
        f"{report['n']} sentences",
        f"micro-F1 {micro['f1']:.3f} (95 % {micro['low']:.3f} to {micro['high']:.3f})   "
        f"precision {micro['precision']:.3f}   recall {micro['recall']:.3f}",
        f"macro-F1 {report['macro_f1']:.3f}   all areas right {report['exact_match']:.3f}   ECE {report['ece']:.4f}",
        f"false positives on sentences without area {report['none']['false_positive_rate']:.3f} of {report['none']['n']}",
    ]
    if "uncertain" in report:
        none, marked = report["none"], report["uncertain"]
        if none["n"]:
            lines.append(f"probability of no area: AUC {none['auc']:.3f}, ECE {none['ece']:.3f}")
        lines += [
            f"uncertain: {marked['share']:.0%} of the sentences, with {marked['wrong_caught']:.0%} of the wrong ones; "
            f"of the others {marked['right_rest']:.0%} are all right",
        ]
        lines += [
            f"goal {goal}: precision {row['precision']:.3f}, recall {row['recall']:.3f}, F1 {row['f1']:.3f}, "
            f"false positives on sentences without area {row['none_false_positive_rate']:.3f}"
            for goal, row in report["goals"].items()
        ]
    lines.append("")
    lines += [
        f"{row['lang']:<5} {row['f1']:.3f} ({row['low']:.3f} to {row['high']:.3f})  {row['n']} sentences" for row in report["languages"]
    ]
    lines += ["", f"{'area':<26}{'F1':>6}{'precision':>11}{'recall':>8}{'sentences':>11}"]
    for row in sorted(report["areas"], key=lambda row: -row["f1"]):
        lines.append(f"{row['id']:<26}{row['f1']:>6.2f}{row['precision']:>11.2f}{row['recall']:>8.2f}{row['support']:>11}")
    return "\n".join(lines)
