"""Tasks and the labelling configuration, as Label Studio, spreadsheets and doccano get them."""

import csv
import dataclasses
import io
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from cooptag.errors import InputError
from cooptag.types import Area
from cooptag_training import areas, labelstudio
from cooptag_training.annotation import Item, Suggestion, Task
from cooptag_training.areas import AreaEntry
from cooptag_training.corpus import NONE_REASONS

HOSTILE = "Law & <b>order</b> \"toName='x'\" $text ]]>"


def entries(n: int, name: str = "Name", definition: str = "What it covers.") -> list[AreaEntry]:
    return [AreaEntry(Area(f"area_{i}", "economic", {"en": f"{name} {i}"}, definition), {}, ()) for i in range(n)]


def task(text: str = "Hai bên hợp tác về an ninh mạng.", *suggestions: Suggestion, model: str = "cooptag-small 3fa9") -> Task:
    item = Item("vi/2024-hop-tac", text, "vi", 3, "2024-05-06", parties=("Viet Nam", "Japan"), before="climate, energy")
    return Task(item, "a rare area", "Câu trước.\n[…]", suggestions, model)


def choices(xml: str, name: str) -> list[ET.Element]:
    [tag] = [tag for tag in ET.fromstring(xml).iter("Choices") if tag.get("name") == name]  # noqa: S314
    return list(tag.iter("Choice"))


def written(folder: Path, *tasks: Task, n: int = 3) -> list[dict]:
    labelstudio.write(tasks, entries(n), folder)
    return json.loads((folder / "tasks.json").read_text(encoding="utf8"))


def test_every_area_of_the_shipped_file_is_a_choice_that_exports_its_id() -> None:
    known = areas.load()
    found = choices(labelstudio.configuration(known, "vi"), "areas")
    assert {choice.get("alias"): choice.get("value") for choice in found} == {e.area.id: e.area.names["vi"] for e in known}
    assert len(found) == len(known)


def test_areas_stand_below_their_pillar_even_where_the_file_mixes_pillars() -> None:
    first, second, third = entries(3)
    second = dataclasses.replace(second, area=dataclasses.replace(second.area, pillar="sustainability"))
    found = choices(labelstudio.configuration([first, second, third]), "areas")
    assert [choice.get("alias") for choice in found] == ["area_0", "area_2", "area_1"]


@pytest.mark.parametrize("n", [1, 37, 61, 100])
def test_hot_keys_differ_and_reach_as_far_as_there_are_keys(n: int) -> None:
    xml = labelstudio.configuration(entries(n))
    keys = [tag.get("hotkey") for tag in ET.fromstring(xml).iter() if tag.get("hotkey")]  # noqa: S314
    assert len(keys) == len(set(keys)) == min(n, 61) + len(NONE_REASONS) + 1
    assert "u" not in keys, "Label Studio leaves a region with u"


def test_every_reason_is_asked_only_while_no_area_is_ticked() -> None:
    xml = labelstudio.configuration(entries(2))
    assert [choice.get("alias") for choice in choices(xml, "none_reason")] == list(NONE_REASONS)
    [tag] = [tag for tag in ET.fromstring(xml).iter("Choices") if tag.get("name") == "none_reason"]  # noqa: S314
    assert (tag.get("visibleWhen"), tag.get("whenTagName")) == ("choice-unselected", "areas")


def test_reasons_can_be_left_out() -> None:
    assert "none_reason" not in labelstudio.configuration(entries(2), reasons=False)


def test_hostile_names_stay_text_and_take_nothing_from_the_task() -> None:
    xml = labelstudio.configuration(entries(1, HOSTILE, HOSTILE))
    [choice] = choices(xml, "areas")
    assert choice.get("hint") == HOSTILE
    assert choice.get("value") == HOSTILE.replace("$", "$\u2060") + " 0"
    names = [tag.get("name") for tag in ET.fromstring(xml).iter() if tag.get("name")]  # noqa: S314
    assert sorted(names) == ["areas", "none_reason", "search", "text"]


def test_the_guide_defines_every_area() -> None:
    panels = {panel.get("value"): panel for panel in ET.fromstring(labelstudio.configuration(entries(2))).iter("Panel")}  # noqa: S314
    lines = [header.get("value") for header in panels["What each area covers"].iter("Header")]
    assert lines == ["Name 0 (area_0): What it covers.", "Name 1 (area_1): What it covers."]


def test_a_task_keeps_its_item(tmp_path: Path) -> None:
    asked = task("Cấp cứu 🌊 \x85", Suggestion("area_0", 0.971, "an ninh mạng"), Suggestion("area_2", 0.4))
    [row] = written(tmp_path, dataclasses.replace(asked, settles=True))
    assert row["data"] == {
        "text": "Cấp cứu 🌊 \x85", "article": "vi/2024-hop-tac", "sentence": 3, "lang": "vi", "date": "2024-05-06", "kind": "news_report",
        "source": "", "parties": "Viet Nam, Japan", "before": "climate, energy", "why": "a rare area", "context": "Câu trước.\n[…]",
        "suggested": "area_0 0.97 «an ninh mạng»\narea_2 0.40", "model": "cooptag-small 3fa9", "settles": "yes", "schema": "cooptag-1",
    }  # fmt: skip
    assert tuple(row["data"]) == labelstudio.DATA_KEYS


def test_a_prediction_scores_as_its_least_certain_area(tmp_path: Path) -> None:
    [row] = written(tmp_path, task("Text.", Suggestion("area_0", 0.9), Suggestion("area_1", 0.4)))
    [prediction] = row["predictions"]
    assert (prediction["score"], prediction["model_version"]) == (0.4, "cooptag-small 3fa9")
    assert prediction["result"] == [
        {"from_name": "areas", "to_name": "text", "type": "choices", "value": {"choices": ["area_0", "area_1"]}}
    ]  # fmt: skip


def test_a_model_that_suggests_nothing_predicts_nothing_and_no_model_has_no_prediction(tmp_path: Path) -> None:
    asked, unasked = written(tmp_path, task(), task(model=""))
    assert asked["predictions"] == [{"model_version": "cooptag-small 3fa9", "result": []}]
    assert unasked["predictions"] == []
    assert (asked["data"]["suggested"], asked["data"]["settles"]) == ("", "")


def test_a_spreadsheet_gets_the_suggested_areas_and_runs_nothing(tmp_path: Path) -> None:
    written(tmp_path, task("=1+1, nói", Suggestion("area_0", 0.9, "nói"), Suggestion("area_1", 0.4)))
    raw = (tmp_path / "tasks.csv").read_text(encoding="utf-8-sig")
    [row] = csv.DictReader(io.StringIO(raw))
    assert (row["text"], row["areas"], row["sentence"], row["by"]) == ("'=1+1, nói", "area_0, area_1", "3", "")
    assert set(row) == {*labelstudio.DATA_KEYS, "areas", "none_reason", "by"}
    assert (tmp_path / "tasks.csv").read_bytes().startswith(b"\xef\xbb\xbf"), "spreadsheets need the byte-order mark"


def test_doccano_gets_text_labels_and_the_item(tmp_path: Path) -> None:
    rows = written(tmp_path, task("Text.", Suggestion("area_2", 0.9)), task("Other."))
    lines = [json.loads(line) for line in (tmp_path / "tasks-doccano.jsonl").read_text(encoding="utf8").splitlines()]
    assert lines == [{"id": 1, "label": ["area_2"], **rows[0]["data"]}, {"id": 2, "label": [], **rows[1]["data"]}]


def test_a_lone_surrogate_is_written_as_its_escape(tmp_path: Path) -> None:
    [row] = written(tmp_path, task("half \ud83d here"))
    assert row["data"]["text"] == "half \ud83d here"


def test_an_area_that_the_file_does_not_hold_is_refused_and_nothing_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'Text\.'… has the suggestion 'area_9'; expected an area of the area file"):
        written(tmp_path / "out", task("Text.", Suggestion("area_9", 0.9)))
    assert not (tmp_path / "out").exists()


def test_the_configuration_is_written_in_the_language_asked_for(tmp_path: Path) -> None:
    known = areas.load()
    labelstudio.write([task()], known, tmp_path, "vi")
    assert (tmp_path / "config.xml").read_text(encoding="utf8") == labelstudio.configuration(known, "vi")
