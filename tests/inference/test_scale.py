"""The recipe of inference/SCALE.md, as it stands there."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cooptag import Tagger

ROOT = Path(__file__).resolve().parents[2]
ARTICLES = {"a": "They agreed on climate. Nothing more.", "b": "", "c": "Trade and energy."}


@pytest.fixture
def recipe(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the recipe defines; the model that it names is the tiny one."""
    (code,) = re.findall(r"```python\n(def tag_frames.*?)```", (ROOT / "inference" / "SCALE.md").read_text(encoding="utf8"), re.S)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102
    load = Tagger.load
    monkeypatch.setattr(Tagger, "load", lambda model, threads: load(tiny_model, threads=threads))
    return names


def test_the_spark_recipe_tags_tables_of_articles(recipe: dict[str, Any]) -> None:
    def frames() -> Iterator[pd.DataFrame]:
        for ids in (["a", "b"], ["c"]):
            yield pd.DataFrame({"id": ids, "text": [ARTICLES[id] for id in ids]})

    first, second = recipe["tag_frames"](frames())
    assert list(first["id"]) == ["a", "a"] and list(first["areas"]) == [["climate"], []] and list(first["sentence"]) == [0, 1]
    assert [sorted(areas) for areas in second["areas"]] == [["energy", "trade"]]
    assert all(ARTICLES[row.id][row.start : row.end] == row.text for row in first.itertuples())
    assert [column.split()[0] for column in recipe["SCHEMA"].split(", ")] == list(first.columns)


def test_the_spark_recipe_on_spark(recipe: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """With the model that it names: Spark's own processes know nothing of the tiny one."""
    pytest.importorskip("pyspark")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    table = spark.createDataFrame(list(ARTICLES.items()), "id string, text string")
    found = table.mapInPandas(recipe["tag_frames"], recipe["SCHEMA"]).collect()
    spark.stop()
    assert [(row.id, row.sentence) for row in found] == [("a", 0), ("a", 1), ("c", 0)]
