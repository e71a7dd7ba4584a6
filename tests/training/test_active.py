"""What choosing is worth, round by round: the same numbers at random and chosen, on vectors that hold something to choose by."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from cooptag.errors import UsageError
from cooptag_training import active
from cooptag_training.active import Vectors
from cooptag_training.config import TrainConfig
from cooptag_training.curve import UNUSED
from cooptag_training.release import Data
from cooptag_training.split import Row

LABELS = ["climate", "energy", "trade"]
SHARES = (0.1, 0.5, 1.0)


def made(n: int = 100, single: bool = False) -> tuple[Data, Vectors]:
    """Rows of three labels, a tenth of them to validate and a tenth to test, with vectors that nearly tell their labels."""
    draw = np.random.default_rng(2)
    gold = np.eye(3, dtype=bool)[draw.integers(3, size=n)] if single else draw.random((n, 3)) < (0.5, 0.3, 0.1)
    splits = ["validation", "test", *["train"] * 8]
    labels = [tuple(label for label, yes in zip(LABELS, row, strict=True) if yes) for row in gold]
    rows = [Row(f"r{i}", f"text {i}", labels[i], "en", f"g{i}", splits[i % 10]) for i in range(n)]
    vectors = np.concatenate([gold + draw.normal(scale=0.3, size=(n, 3)), draw.normal(size=(n, 5))], axis=1)
    return Data(rows, LABELS, [], "digest", "test"), vectors.astype(np.float32)


def trained_on(config: TrainConfig, data: Data, vectors: Vectors, shares: Sequence[float] = SHARES) -> dict[str, list[str]]:
    """The training rows' ids by the variant's name."""
    return {variant.name: [row.id for row in variant.data.part("train")] for variant in active.variants(config, data, vectors, shares)}


def test_each_share_is_there_at_random_and_chosen_with_as_many_sentences(tiny_config: TrainConfig) -> None:
    found = trained_on(tiny_config, *made())
    sizes = {name: len(ids) for name, ids in found.items()}
    assert sizes == {"random 10%": 8, "active 10%": 8, "random 50%": 40, "active 50%": 40, "random 100%": 80, "active 100%": 80}
    assert all(len(set(ids)) == len(ids) for ids in found.values())
    assert list(trained_on(tiny_config, *made(), (0.125, 0.1, 0.125))) == ["random 10%", "active 10%", "random 12.5%", "active 12.5%"]


def test_smaller_shares_lie_within_larger_and_everything_is_everything(tiny_config: TrainConfig) -> None:
    data, vectors = made()
    found = {name: set(ids) for name, ids in trained_on(tiny_config, data, vectors).items()}
    for way in ("random", "active"):
        assert found[f"{way} 10%"] < found[f"{way} 50%"] < found[f"{way} 100%"] == {row.id for row in data.part("train")}


def test_the_first_round_is_the_random_one_and_later_ones_are_not(tiny_config: TrainConfig) -> None:
    found = {name: set(ids) for name, ids in trained_on(tiny_config, *made()).items()}
    assert found["active 10%"] == found["random 10%"] and found["active 50%"] != found["random 50%"]


def test_a_share_is_the_same_whatever_others_are_asked_for(tiny_config: TrainConfig) -> None:
    alone, beside = (trained_on(tiny_config, *made(), shares) for shares in ((0.25,), (0.25, 0.8)))
    assert alone["active 25%"] == beside["active 25%"]


def test_what_is_chosen_holds_more_of_the_rarest_label(tiny_config: TrainConfig) -> None:
    data, vectors = made(1000)
    rare = {row.id for row in data.rows if "trade" in row.labels}
    found = {name: len(rare & set(ids)) for name, ids in trained_on(tiny_config, data, vectors, (0.3,)).items()}
    assert found["active 30%"] > 1.2 * found["random 30%"]


def test_only_training_rows_are_taken_away(tiny_config: TrainConfig) -> None:
    data, vectors = made()
    for variant in active.variants(tiny_config, data, vectors, (0.1, 0.5)):
        assert [row.id for row in variant.data.rows] == [row.id for row in data.rows]
        assert all(variant.data.part(split) == data.part(split) for split in ("validation", "test"))
        assert {row.split for row in variant.data.rows} == {"train", "validation", "test", UNUSED}
        assert variant.data.digest != data.digest


def test_the_seed_decides(tiny_config: TrainConfig) -> None:
    once, again = (trained_on(tiny_config, *made()) for _ in range(2))
    assert once == again
    other = trained_on(tiny_config.model_copy(update={"seed": tiny_config.seed + 1}), *made())
    assert all(set(once[name]) != set(other[name]) for name in ("random 10%", "active 50%"))


@pytest.mark.parametrize("share", [0.0, -0.1, 1.01, 50.0, float("nan")])
def test_a_share_is_above_0_and_at_most_1(tiny_config: TrainConfig, share: float) -> None:
    with pytest.raises(UsageError, match="expected a share of the training data above 0 and at most 1") as caught:
        active.variants(tiny_config, *made(), (0.5, share))
    assert "\n" not in str(caught.value)


def test_the_smallest_share_is_a_sentence(tiny_config: TrainConfig) -> None:
    assert {name: len(ids) for name, ids in trained_on(tiny_config, *made(), (0.001, 0.03)).items()} == {
        "random 0.1%": 1,
        "active 0.1%": 1,
        "random 3%": 2,
        "active 3%": 2,
    }


def test_texts_of_one_label_each(tiny_config: TrainConfig) -> None:
    data, vectors = made(single=True)
    assert data.single
    found = trained_on(tiny_config, data, vectors)
    assert len(set(found["active 50%"])) == 40 and set(found["active 50%"]) != set(found["random 50%"])


def test_a_label_that_the_first_round_never_shows(tiny_config: TrainConfig) -> None:
    data, vectors = made()
    first = set(trained_on(tiny_config, data, vectors, (0.1,))["random 10%"])
    rows = [replace(row, labels=tuple(label for label in row.labels if label != "trade")) if row.id in first else row for row in data.rows]
    found = trained_on(tiny_config, replace(data, rows=rows), vectors, (0.3,))
    assert len(set(found["active 30%"])) == 24
