"""What the data is worth: the same recipe on shares of the training articles, and without parts of them.

Every variant trains on as many rows, augmentation included, as the recipe's epochs over all the data hold, so that less data is not
less training.
"""

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cooptag import Tagger
from cooptag.artifact import write_durably
from cooptag.errors import UsageError
from cooptag.text import normalize
from cooptag_training import baselines, calibrate, dataset, evaluate, metrics, pipeline, plots
from cooptag_training.config import TrainConfig
from cooptag_training.fit import label_matrix, sentence_vectors
from cooptag_training.release import Data
from cooptag_training.split import Row
from cooptag_training.tracking import Tracker

# Languages that share a script or a family: what one of them teaches, the others may do without.
LANGUAGE_GROUPS = {
    "vi": ("vi",), "en": ("en",), "id ms fil": ("id", "ms", "fil"), "th lo km my": ("th", "lo", "km", "my"), "zh ja ko": ("zh", "ja", "ko"),
    "the others": ("fr", "es", "de", "pt", "ru", "ar", "hi", "ta"),
}  # fmt: skip
# «None» that is easy to tell; all other reasons share the words of real areas.
EASY_NONE = ("procedure", "off_topic")
# A row of this split trains nothing and scores nothing, but stays in the data, so that every variant keeps one vocabulary.
UNUSED = "unused"


@dataclass(frozen=True)
class Variant:
    """A name and the data with the training rows that it does without marked as unused."""

    name: str
    data: Data

    @property
    def sentences(self) -> int:
        """Training sentences left."""
        return len(self.data.part("train"))


def variants(data: Data, shares: Sequence[float], seed: int) -> list[Variant]:
    """Shares of the training articles (each within the next larger), then without hard «none», then without each language group.

    :raises UsageError: if a share is not above 0 and at most 1.
    """
    check_shares(shares)
    made = [
        Variant(f"{share:.3g}%", _keep(data, _articles(data, share / 100, seed))) for share in sorted({100 * share for share in shares})
    ]
    hard = without(data, lambda row: bool(row.none_reason) and row.none_reason not in EASY_NONE)
    made.append(Variant("without hard none", hard))
    for name, langs in LANGUAGE_GROUPS.items():
        made.append(Variant(f"without {name}", without(data, partial(_is_in, langs))))
    everything = len(data.part("train"))
    return [v for v in made if v.name.endswith("%") or 0 < v.sentences < everything]


def _is_in(langs: Sequence[str], row: Row) -> bool:
    return row.lang in langs


def check_shares(shares: Sequence[float]) -> None:
    """:raises UsageError: if a share is not above 0 and at most 1."""
    for share in shares:
        if not 0 < share <= 1:
            raise UsageError(f"--share is {share}; expected a share of the training data above 0 and at most 1")


def _articles(data: Data, share: float, seed: int) -> set[str]:
    groups = sorted({row.group for row in data.part("train")})
    random.Random(seed).shuffle(groups)  # noqa: S311
    return set(groups[: max(1, round(share * len(groups)))])


def _keep(data: Data, groups: set[str]) -> Data:
    return without(data, lambda row: row.group not in groups)


def without(data: Data, drop: Callable[[Row], bool]) -> Data:
    """The data with the training rows marked as unused of which `drop` is true."""
    rows = [replace(row, split=UNUSED) if row.split == "train" and drop(row) else row for row in data.rows]
    return replace(data, rows=rows, digest=dataset.content_hash(rows, data.labels))


def run(config: TrainConfig, todo: Sequence[Variant], scored: Sequence[Row], out: Path, tracker: Tracker) -> list[dict[str, Any]]:
    """Trains and scores each variant on `scored`; one whose result by this recipe is below `out` is not trained again.

    :raises InputError: if `scored` has labels that the data have not.
    :returns: rows of variant, sentences, micro-F1 with its interval, macro-F1, false positives on sentences without area, F1 by language.
    """
    results = []
    made_with = {"scored": dataset.content_hash(scored, []), "recipe": hashlib.sha256(config.model_dump_json().encode()).hexdigest()}
    for variant in todo:
        folder = out / variant.name.replace(" ", "-").replace("%", "-percent")
        file = folder.with_suffix(".json")
        made_of = {**pipeline.data_identity(variant.data), **made_with}
        evaluate.check_labels(scored, variant.data.labels)
        if not file.is_file() or not made_of.items() <= json.loads(file.read_text()).items():
            epochs = config.epochs * _rows(config, _everything(variant.data)) / _rows(config, variant.data)
            pipeline.fit(config.model_copy(update={"name": folder.name, "epochs": epochs, "min_steps": 0}), variant.data, folder, tracker)
            report, _ = evaluate.evaluate(Tagger.load(folder), scored)
            write_durably(file, json.dumps({**_result(variant, report), **made_of}).encode())
        results.append(json.loads(file.read_text()))
        print(describe(results[-1:]).split("\n")[-1], flush=True)
    _track(results, f"{config.name} curve", {"config": config.model_dump(), "sentences_scored": len(scored)}, tracker)
    return results


def vectors(config: TrainConfig, rows: Sequence[Row]) -> Any:
    """Vectors (n, H) of rows by the encoder as pretrained; minutes for ten thousand."""
    return sentence_vectors([normalize(row.text, row.lang) for row in rows], config.base_model, config.prefix)


def run_frozen(
    config: TrainConfig, todo: Sequence[Variant], scored: Sequence[Row], tracker: Tracker, known: Any = None
) -> list[dict[str, Any]]:  # fmt: skip
    """The same study with a logistic regression an area on sentence vectors of the encoder as pretrained: minutes instead of hours.

    It tells what the labels alone are worth, without what fine-tuning learns of the language; thresholds as for a trained model.
    :param known: `vectors` of the data's rows, if they are computed already.
    :raises InputError: if `scored` has labels that the data have not.
    :returns: rows as of `run`.
    """
    data = todo[0].data
    evaluate.check_labels(scored, data.labels)
    rows = [*data.rows, *scored]
    found = vectors(config, rows) if known is None else np.concatenate([known, vectors(config, scored)])
    gold = label_matrix(rows, data.labels)
    results = []
    for variant in todo:
        split = np.array([*(row.split for row in variant.data.rows), *("scored" for _ in scored)])
        train, validation, asked = (split == name for name in ("train", "validation", "scored"))
        classify = baselines.regression(found[train], gold[train])
        decoder = calibrate.fit(classify(found[validation]), gold[validation], tuple(data.labels), single=data.single)
        scores = decoder.scores(classify(found[asked]))
        report = metrics.report(gold[asked], scores, decoder.decide(scores), data.labels, [row.lang for row in scored])
        results.append(_result(variant, report))
        print(describe(results[-1:]).split("\n")[-1], flush=True)
    _track(results, f"{config.name} curve, frozen encoder", {"base_model": config.base_model, "sentences_scored": len(scored)}, tracker)
    return results


def _track(results: list[dict[str, Any]], name: str, params: dict[str, Any], tracker: Tracker) -> None:
    with tracker.run(name, params):
        tracker.table("curve", results)
        tracker.figure("learning_curve", plots.learning_curve(results))
        for row in results:
            tracker.metrics({f"micro_f1 {row['variant'].replace('%', ' percent')}": row["micro_f1"]})


def _rows(config: TrainConfig, data: Data) -> int:
    """Training rows with augmentation."""
    return len(pipeline.training_rows(config, data))


def _everything(data: Data) -> Data:
    return replace(data, rows=[replace(row, split="train") if row.split == UNUSED else row for row in data.rows])


def _result(variant: Variant, report: dict[str, Any]) -> dict[str, Any]:
    return {"variant": variant.name, "sentences": variant.sentences, **metrics.headline(report)}


def describe(results: Sequence[dict[str, Any]]) -> str:
    """The results as a table in Markdown."""
    langs = [key for key in results[0] if key.startswith("f1_")]
    head = ["trained on", "sentences", "micro-F1", "95 %", "macro-F1", "none tagged", *(key.removeprefix("f1_") for key in langs)]
    lines = [head]
    for r in results:
        lines.append([
            r["variant"], str(r["sentences"]), f"{r['micro_f1']:.3f}", f"{r['low']:.3f} to {r['high']:.3f}", f"{r['macro_f1']:.3f}",
            f"{r['none_false_positive_rate']:.0%}", *(f"{r[key]:.3f}" for key in langs),
        ])  # fmt: skip
    return metrics.markdown(lines)
