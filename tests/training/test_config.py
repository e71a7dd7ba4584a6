"""Recipes: the shipped ones load, and a mistake names the key and what was meant."""

from pathlib import Path

import pytest

from cooptag.errors import UsageError
from cooptag_training import config

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["train.yaml", "train-tiny.yaml"])
def test_shipped_recipes_load_and_name_every_key(name: str) -> None:
    import yaml

    recipe = config.load(ROOT / "configs" / name)
    written = yaml.safe_load((ROOT / "configs" / name).read_text())
    assert set(written) == set(config.TrainConfig.model_fields)
    assert recipe.model_dump().keys() == written.keys()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"epoch": 3}, "unknown key 'epoch'; the nearest known key is 'epochs'"),
        ({"augment": {"joins": 1}}, "unknown key 'augment.joins'; the nearest known key is 'join'"),
        ({"pooling": "max"}, "pooling is 'max'"),
        ({"epochs": 0}, "epochs is 0"),
        ({"name": "../x"}, "name is '../x'"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(data: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        config.parse(data, "recipe.yaml")
    assert message in str(caught.value) and str(caught.value).startswith("recipe.yaml: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["a: [", "- a\n- b", "\x00"])
def test_what_is_no_yaml_mapping_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"bad\.yaml"):
        config.load(tmp_path / "bad.yaml")


def test_small_sets_are_read_more_often_and_large_ones_less() -> None:
    recipe = config.TrainConfig(epochs=4, batch_size=16, min_steps=800, max_steps=40_000)
    assert recipe.steps(700) == 800
    assert recipe.steps(160) == 20 * 10  # at most twenty times
    assert recipe.steps(8000) == 2000
    assert recipe.steps(200_000) == 40_000
    assert config.TrainConfig(epochs=0.5, batch_size=16).steps(16) == 1
