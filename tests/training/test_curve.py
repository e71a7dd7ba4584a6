"""Shares of the data and what is left out, trained and scored for real on the tiny recipe."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from cooptag.errors import InputError, UsageError
from cooptag_training import curve, pipeline
from cooptag_training.config import TrainConfig
from cooptag_training.release import Data
from cooptag_training.tracking import NullTracker


@pytest.fixture
def data(labelled_jsonl: Callable[[int], Path]) -> Data:
    """120 rows, every third of them called Vietnamese, those without label of two reasons."""
    loaded = pipeline.load_data(labelled_jsonl(120), None, 1)
    rows = [replace(row, lang="vi" if i % 3 == 0 else "en", none_reason=("" if row.labels else ("general", "procedure")[i % 2]))
            for i, row in enumerate(loaded.rows)]  # fmt: skip
    return replace(loaded, rows=rows)


def test_variants_take_training_rows_alone_and_smaller_shares_lie_within_larger(data: Data) -> None:
    made = {variant.name: variant.data for variant in curve.variants(data, (0.25, 0.5, 1.0), 1)}
    quarter, half = ({row.id for row in made[name].part("train")} for name in ("25%", "50%"))
    assert quarter < half < {row.id for row in data.part("train")}
    assert all(part.part("validation") == data.part("validation") and len(part.rows) == len(data.rows) for part in made.values())
    assert {row.none_reason for row in made["without hard none"].part("train") if not row.labels} == {"procedure"}
    assert {row.lang for row in made["without vi"].part("train")} == {"en"}
    assert "without zh ja ko" not in made  # nothing to leave out


def test_a_share_is_above_0_and_at_most_1(data: Data) -> None:
    for share in (0.0, 50.0, float("nan")):
        with pytest.raises(UsageError, match="expected a share"):
            curve.variants(data, (share,), 1)
    assert [v.name for v in curve.variants(data, (0.12, 0.125), 1)][:2] == ["12%", "12.5%"]


def test_without_reasons_or_in_one_language_there_is_nothing_to_leave_out(data: Data) -> None:
    plain = replace(data, rows=[replace(row, lang="en", none_reason="") for row in data.rows])
    assert [v.name for v in curve.variants(plain, (1.0,), 1)] == ["100%"]


def test_every_variant_trains_on_as_many_rows_augmentation_included(data: Data, tiny_config: TrainConfig) -> None:
    config = tiny_config.model_copy(update={"augment": tiny_config.augment.model_copy(update={"join": 1.0})})
    half = next(v.data for v in curve.variants(data, (0.5,), 1))
    assert curve._rows(config, curve._everything(half)) == curve._rows(config, data) == 2 * len(data.part("train"))


def test_labels_to_score_that_the_data_lack_are_named_before_training(data: Data, tiny_config: TrainConfig, tmp_path: Path) -> None:
    foreign = [replace(row, labels=("nothing_known",)) for row in data.part("validation")]
    with pytest.raises(InputError, match="nothing_known"):
        curve.run(tiny_config, curve.variants(data, (1.0,), 1), foreign, tmp_path, NullTracker())
    assert not list(tmp_path.iterdir())


class Recorder(NullTracker):
    def __init__(self) -> None:
        self.tables: dict[str, list[dict[str, Any]]] = {}
        self.figures: list[str] = []

    def table(self, name: str, rows: list[dict[str, Any]]) -> None:
        self.tables[name] = rows

    def figure(self, name: str, figure: Figure) -> None:
        self.figures.append(name)


def test_the_frozen_study_scores_every_variant_and_learns_from_what_it_is_given(data: Data, tiny_config: TrainConfig) -> None:
    tracker = Recorder()
    todo = [v for v in curve.variants(data, (0.1, 1.0), 1) if v.name.endswith("%")]
    results = curve.run_frozen(tiny_config, todo, data.part("train"), tracker)
    assert [row["variant"] for row in results] == ["10%", "100%"] and tracker.tables["curve"] == results
    assert results[1]["micro_f1"] > results[0]["micro_f1"]


def test_each_variant_is_trained_scored_and_kept(
    data: Data, tiny_config: TrainConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    todo = [v for v in curve.variants(data, (0.5, 1.0), 1) if v.name in ("50%", "100%", "without vi")]
    tracker = Recorder()
    config = tiny_config.model_copy(update={"epochs": 1.0})
    results = curve.run(config, todo, data.part("validation"), tmp_path, tracker)
    assert [(row["variant"], row["sentences"]) for row in results] == [(v.name, v.sentences) for v in todo]
    assert all(0 <= row["micro_f1"] <= 1 and "f1_en" in row for row in results)
    assert tracker.tables["curve"] == results and "learning_curve" in tracker.figures
    assert curve.describe(results).count("\n") == len(results) + 1
    before = {f: f.stat().st_mtime_ns for f in tmp_path.rglob("model.onnx")}
    assert curve.run(config, todo, data.part("validation"), tmp_path, NullTracker()) == results
    assert {f: f.stat().st_mtime_ns for f in tmp_path.rglob("model.onnx")} == before, "a kept result was trained again"
