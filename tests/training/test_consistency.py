"""Parallel sentences and the faithfulness of evidence, on a model whose words are known."""

import json
from pathlib import Path

import pytest

from cooptag import Tagger
from cooptag.errors import InputError
from cooptag_training import consistency
from cooptag_training.split import Row


def write(file: Path, *rows: object) -> Path:
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf8")
    return file


def item(number: int, areas: list[str], **texts: str) -> dict[str, object]:
    return {"id": f"p{number}", "areas": areas, "texts": texts}


def test_a_language_that_misses_an_area_is_named(tiny_model: Path, tmp_path: Path) -> None:
    rows = [
        item(1, ["climate"], en="on climate", vi="khí hậu"),
        item(2, ["trade"], en="on trade", vi="về buôn bán"),  # a word that the model does not know
        item(3, [], en="the the", vi="hợp tác"),
    ]
    result = consistency.measure(Tagger.load(tiny_model), consistency.load(write(tmp_path / "p.jsonl", *rows)))
    assert [(row["lang"], row["recall"]) for row in result["languages"]] == [("en", 1.0), ("vi", 0.5)]
    assert result["same"] == pytest.approx(2 / 3) and result["agreement"] == pytest.approx(2 / 3)
    assert result["sentences"] == [{"id": "p2", "text": "on trade", "wrong": {"trade missed": ["vi"]}}]
    assert "trade missed in vi" in consistency.describe(result)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "holds no line"),
        (["climate"], ":1: is str, not a JSON object"),
        ([item(1, ["climate"], en="a", vi="b"), item(2, [], en="a")], ":2: has the languages en"),
        ([item(1, ["climate"], en="a")], ":1: has the languages en"),
    ],
)
def test_a_malformed_parallel_set_is_refused_with_its_line(tmp_path: Path, rows: list[object], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        consistency.load(write(tmp_path / "p.jsonl", *rows))


def test_areas_of_another_label_set_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "p.jsonl", item(1, ["whaling"], en="a", vi="b"))
    with pytest.raises(InputError, match="whaling"):
        consistency.measure(Tagger.load(tiny_model), consistency.load(file))


def test_deleting_the_evidence_loses_the_tag_and_deleting_at_random_seldom(tiny_model: Path) -> None:
    rows = [Row(str(i), "the and agreed on cooperation the and agreed on climate", ("climate",), "en", str(i)) for i in range(40)]
    found = consistency.faithfulness(Tagger.load(tiny_model), rows)
    assert found["tags"] == 40 and found["lost_without"] == 1.0 and found["without"] < 0.1
    assert found["lost_random"] < 0.6 and found["random"] > found["without"]


def test_the_projects_own_set_has_every_language_and_area() -> None:
    from cooptag.text import LANGUAGES, detect_language
    from cooptag_training import areas

    items = consistency.load()
    known = {entry.area.id for entry in areas.load(areas.DEFAULT_FILE)}
    assert set(items[0].texts) == set(LANGUAGES) and {area for row in items for area in row.areas} == known
    assert sum(not row.areas for row in items) >= 10
    for lang in ("vi", "th", "km", "ja", "ru", "ta"):
        assert sum(detect_language(row.texts[lang]) == lang for row in items) >= len(items) - 1
