"""The mappings to other schemes: the shipped ones are whole, a fault names its line, and their score is counted right."""

import json
from pathlib import Path

import pytest
import yaml

from cooptag.errors import InputError, UsageError
from cooptag_training import areas, mappings
from cooptag_training.mappings import Labelled, Mapping

AREAS = ["climate", "energy", "youth"]
GOOD = """version: 1
scheme: {id: sdg, name: Goals, edition: "2015", url: https://example.org, code: A goal}
codes:
  SDG 7: Energy
  SDG 8: Work
  SDG 13: Climate
subcodes:
  SDG 8: {SDG 8.6: Youth in work}
areas:
  climate: [{code: SDG 13, strength: exact}, {code: SDG 7, strength: related}]
  energy: [{code: SDG 7, strength: exact}, {code: SDG 13, strength: broader}]
  youth: [{code: SDG 8.6, strength: narrower}]
"""


@pytest.fixture
def goals(tmp_path: Path) -> Mapping:
    file = tmp_path / "goals.yaml"
    file.write_text(GOOD, encoding="utf8")
    return mappings.load(file, AREAS)


def row(gold: str, codes: str) -> Labelled:
    return Labelled(f"{gold} {codes}", "en", tuple(gold.split()), {"sdg": frozenset(f"SDG {code}" for code in codes.split())})


@pytest.mark.parametrize("name", mappings.FILES)
def test_the_shipped_file_maps_every_area_and_uses_every_subcode(name: str) -> None:
    ids = [entry.area.id for entry in areas.load()]
    mapping = mappings.load(mappings.DEFAULT_FOLDER / name, ids)
    linked = {link.code for links in mapping.links.values() for link in links}
    assert list(mapping.links) == ids and len(ids) == 37
    assert set(mapping.titles) - set(mapping.main.values()) <= linked
    # A reader without our loader must not get numbers for codes.
    plain = yaml.safe_load((mappings.DEFAULT_FOLDER / name).read_text(encoding="utf8"))
    assert set(mapping.titles) == {*plain["codes"], *(code for group in plain["subcodes"].values() for code in group)}


def test_the_shipped_codes_of_some_plain_areas() -> None:
    ids = [entry.area.id for entry in areas.load()]
    sdg, dac, cap = mappings.load_all(ids)
    assert (sdg.codes(["health"]), dac.codes(["tourism"]), cap.codes(["defence"])) == (("SDG 3",), ("332",), ("16",))
    assert sdg.main_codes(["SDG 14.c"]) == {"SDG 14"} and dac.main_codes(["43060"]) == {"430"} and cap.main_codes(["107"]) == {"1"}


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("version: 1\n", "", 1, "lacks version"),
        (", code: A goal", "", 2, "lacks code"),
        ("  SDG 8: Work\n", "  SDG 8: 8\n", 5, "expected text"),
        ("  SDG 8: Work\n", "  SDG 7: Work\n", 5, "key 'SDG 7' stands twice"),
        ("  SDG 8: {", "  SDG 9: {", 8, "subcodes of 'SDG 9', which is not among codes"),
        ("{SDG 8.6: Youth in work}", "{SDG 7: Youth}", 8, "code 'SDG 7' stands twice"),
        ("  climate: [", "  climat: [", 10, "lacks climate"),
        ("  youth: [", "  child: []\n  youth: [", 12, "unknown key 'child'"),
        ("{code: SDG 7, strength: related}", "{code: SDG 77, strength: related}", 10, "code 'SDG 77' is not among codes"),
        ("strength: related", "strength: close", 10, "strength is 'close'; expected one of exact"),
        ("{code: SDG 7, strength: related}", "{code: SDG 13, strength: related}", 10, "code 'SDG 13' stands twice in one area"),
        ("{code: SDG 7, strength: related}", "{code: SDG 7}", 10, "lacks strength"),
        ("[{code: SDG 8.6, strength: narrower}]", "{code: SDG 8.6}", 12, "must be a list"),
    ],
)
def test_a_fault_names_its_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    file = tmp_path / "goals.yaml"
    assert old in GOOD
    file.write_text(GOOD.replace(old, new, 1), encoding="utf8")
    with pytest.raises(InputError, match=message) as caught:
        mappings.load(file, AREAS)
    assert f"line {line}:" in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read as YAML"):
        mappings.load(tmp_path / "none.yaml", AREAS)


def test_codes_stand_once_in_the_schemes_order_and_without_the_weak(goals: Mapping) -> None:
    assert goals.codes(["youth", "energy", "climate"], mappings.STRENGTHS) == ("SDG 7", "SDG 13", "SDG 8.6")
    assert goals.codes(["energy", "climate"]) == ("SDG 7", "SDG 13")
    assert goals.codes(["climate", "youth"]) == ("SDG 13",)
    assert goals.codes([]) == ()
    with pytest.raises(UsageError, match="area 'health' is not mapped to Goals; expected one of climate"):
        goals.codes(["health"])


def test_labels_take_codes_with_and_without_the_schemes_name(goals: Mapping, tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl"
    file.write_text(json.dumps({"text": "t", "lang": "vi", "areas": ["energy"], "sdg": ["SDG 7", "13", 8, "8.6"]}), encoding="utf8")
    (read,) = mappings.read_labels(file, AREAS, [goals])
    assert read == Labelled("t", "vi", ("energy",), {"sdg": frozenset({"SDG 7", "SDG 13", "SDG 8", "SDG 8.6"})})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"areas": ["climat"]}, "'climat' is none of the known areas"),
        ({"areas": "climate"}, "areas is 'climate', not a list"),
        ({"sdg": ["SDG 99"]}, "'SDG 99' is none of the known sdg, such as 'SDG 7'"),
        ({"sdg": [8.6]}, "8.6 is none of the known sdg"),
    ],
)
def test_a_broken_label_names_its_line(goals: Mapping, tmp_path: Path, change: dict[str, object], message: str) -> None:
    good = {"text": "t", "lang": "vi", "areas": [], "sdg": []}
    (tmp_path / "labels.jsonl").write_text("\n".join(map(json.dumps, (good, good | change))), encoding="utf8")
    with pytest.raises(InputError, match=message) as caught:
        mappings.read_labels(tmp_path / "labels.jsonl", AREAS, [goals])
    assert "labels.jsonl:2: " in str(caught.value) and "expected lines of text, lang, areas, sdg" in str(caught.value)


def test_score_of_known_sentences(goals: Mapping) -> None:
    # Predicted from gold areas: {13}, {7, 13}, {8} of youth's 8.6, {}; given: {13}, {7}, {8}, {8}: 3 right of 4, 3 found of 4.
    labelled = [row("climate", "13"), row("energy", "7"), row("youth", "8"), row("", "8.6")]
    report = mappings.score(goals, labelled, [item.areas for item in labelled], mappings.STRENGTHS[:3])
    assert (report["n"], report["scheme"]) == (4, "Goals")
    assert report["micro"]["precision"] == report["micro"]["recall"] == report["micro"]["f1"] == 0.75
    assert 0 <= report["micro"]["low"] <= 0.75 <= report["micro"]["high"] <= 1
    by_code = {item["code"]: (item["given"], item["predicted"], item["precision"], item["recall"]) for item in report["codes"]}
    assert by_code == {"SDG 7": (1, 1, 1.0, 1.0), "SDG 8": (2, 1, 1.0, 0.5), "SDG 13": (1, 2, 0.5, 1.0)}
    # With exact codes alone 13 and 7; energy's broader 13 is wrong, youth's narrower 8 right, climate's related 7 wrong.
    assert [choice["f1"] for choice in report["choices"]] == pytest.approx([4 / 6, 4 / 7, 6 / 8, 6 / 9])
    assert {item["strength"]: (item["n"], item["stands"]) for item in report["strengths"]} == {
        "exact": (2, 1.0), "broader": (1, 0.0), "narrower": (1, 1.0), "related": (1, 0.0),
    }  # fmt: skip


def test_score_of_a_models_areas_counts_the_areas_that_it_gave(goals: Mapping) -> None:
    labelled = [row("climate", "13"), row("climate", "13"), row("youth", "8")]
    report = mappings.score(goals, labelled, [["climate"], ["youth"], []])  # youth's only code is narrower
    assert report["micro"]["precision"] == 1.0 and report["micro"]["recall"] == pytest.approx(1 / 3)
    assert [(item["id"], item["n"], item["stands"]) for item in report["areas"]] == [("climate", 1, 1.0), ("youth", 1, 0.0)]
    assert report["areas"][1]["links"] == [{"code": "SDG 8.6", "strength": "narrower", "stands": 0.0}]


def test_a_weaker_link_to_a_code_counts_for_no_strength(tmp_path: Path) -> None:
    file = tmp_path / "goals.yaml"
    file.write_text(GOOD.replace("[{code: SDG 8.6, ", "[{code: SDG 8, strength: broader}, {code: SDG 8.6, "), encoding="utf8")
    report = mappings.score(mappings.load(file, AREAS), [row("youth", "8")], [["youth"]])
    assert {item["strength"]: item["n"] for item in report["strengths"]} == {"exact": 0, "broader": 1, "narrower": 0, "related": 0}


def test_measure_reads_the_labels_of_all_three_schemes(tmp_path: Path) -> None:
    rows = [
        {"text": "Hai bên hợp tác y tế.", "lang": "vi", "areas": ["health"], "sdg": ["SDG 3"], "dac": ["120"], "cap": ["3"]},
        {"text": "They met.", "lang": "en", "areas": [], "sdg": [], "dac": [], "cap": []},
    ]
    (tmp_path / "labels.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf8")
    reports = mappings.measure(tmp_path / "labels.jsonl")
    assert [(report["areas_from"], report["micro"]["f1"]) for report in reports] == [("gold", 1.0)] * 3
    shown = mappings.describe(reports)
    assert shown.startswith("2 sentences labelled") and "UN Sustainable Development Goals" in shown and "health" in shown
