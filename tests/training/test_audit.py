"""Out-of-fold scores and the ranking of likely label errors."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cooptag_training import audit, pipeline
from cooptag_training.config import TrainConfig
from cooptag_training.release import Data
from cooptag_training.split import Row


def test_planted_label_errors_are_found_and_ranked_first() -> None:
    draw = np.random.default_rng(0)
    gold = draw.random((300, 3)) < 0.4
    scores = np.clip(np.where(gold, 0.9, 0.1) + draw.normal(0, 0.06, gold.shape), 0.01, 0.99).astype(np.float32)
    given, wrong = gold.copy(), {(i, i % 3) for i in range(5, 300, 20)}
    for i, a in wrong:
        given[i, a] ^= True
    labels = ["a", "b", "c"]
    rows = [
        Row(str(i), f"text {i}", tuple(x for x, yes in zip(labels, line, strict=True) if yes), "en", str(i)) for i, line in enumerate(given)
    ]
    found = audit.suspects(rows, labels, scores)
    named = {(int(row["id"]), labels.index(area)) for row in found for area in (*row["doubted"], *row["missing"])}
    assert named <= wrong and len(named) >= 0.5 * len(wrong)
    assert all(area in rows[int(row["id"])].labels for row in found for area in row["doubted"])
    assert [row["support"] for row in found] == sorted(row["support"] for row in found)


def test_every_row_is_scored_by_a_model_that_never_saw_it_and_finished_folds_are_kept(
    labelled_jsonl: Callable[[int], Path], tiny_config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pipeline.load_data(labelled_jsonl(90), None, 1)
    trained: list[set[str]] = []
    train = audit.train

    def watch(model: object, tokenizer: object, rows: object, held_out: object, *rest: object) -> object:
        trained.append(set(map(tuple, rows["input_ids"])) & set(map(tuple, held_out["input_ids"])))  # type: ignore[index]
        return train(model, tokenizer, rows, held_out, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(audit, "train", watch)
    config = tiny_config.model_copy(update={"epochs": 1.0})
    scores = audit.out_of_fold(config, data, 2, tmp_path)
    assert scores.shape == (len(data.rows), 3) and (scores > 0).all() and (scores < 1).all()
    assert trained == [set(), set()]
    np.testing.assert_array_equal(audit.out_of_fold(config, data, 2, tmp_path), scores)
    assert len(trained) == 2


def test_each_score_stands_at_its_own_row_and_another_recipe_or_fold_count_is_trained_anew(
    labelled_jsonl: Callable[[int], Path], tiny_config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pipeline.load_data(labelled_jsonl(90), None, 1)
    trained: list[Path] = []

    def numbered(_config: TrainConfig, part: Data, held_out: np.ndarray, work: Path) -> np.ndarray:
        trained.append(work)
        return np.array([[float(row.id) / 100] * 3 for row, out in zip(part.rows, held_out, strict=True) if out], dtype=np.float32)

    monkeypatch.setattr(audit, "_train_fold", numbered)
    expected = 1 / (1 + np.exp(-np.array([float(row.id) / 100 for row in data.rows])))
    longer = tiny_config.model_copy(update={"epochs": 7.0})
    for config, folds in ((tiny_config, 3), (longer, 3), (tiny_config, 2)):
        np.testing.assert_allclose(audit.out_of_fold(config, data, folds, tmp_path)[:, 1], expected, rtol=1e-6)
    assert len(trained) == 8 == len(set(trained))
