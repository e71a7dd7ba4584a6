"""The area file: the shipped one is whole, and a fault in any names its line."""

from pathlib import Path

import pytest

from cooptag.errors import InputError
from cooptag_training import areas

GOOD = """version: 1
areas:
  - id: climate
    pillar: sustainability
    names: {vi: Khí hậu, en: Climate, id: Iklim, th: ภูมิอากาศ, zh: 气候, fr: Climat}
    definition: What warms.
    cues: {vi: [phát thải], en: [emissions]}
    bodies: [UNFCCC]
"""


def test_the_shipped_file_has_37_areas_named_in_every_language() -> None:
    entries = areas.load()
    assert len(entries) == 37
    for entry in entries:
        assert set(areas.REQUIRED_NAMES) <= set(entry.area.names)
        assert entry.area.pillar in areas.PILLARS
        assert entry.cues["vi"] and entry.cues["en"] and entry.bodies and entry.area.definition


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("id: climate", "id: Climate!", 3, "is not an id"),
        ("id: climate", "id: none", 3, "other than none"),
        ("pillar: sustainability", "pillar: nature", 4, "pillar is 'nature'"),
        (", fr: Climat", "", 5, "names lack fr"),
        ("en: Climate,", "en: no,", 5, "expected text"),
        ("    definition: What warms.\n", "", 3, "lacks definition"),
        ("bodies:", "body:", 3, "lacks bodies"),
        ("en: [emissions]", "en: emissions", 7, "must be a list"),
        ("bodies: [UNFCCC]", "bodies: [UNFCCC]\n    colour: red", 9, "unknown key 'colour'"),
        ("bodies: [UNFCCC]", "bodies: [UNFCCC]\n" + GOOD.split("areas:\n")[1].rstrip(), 9, "id 'climate' stands at line 3"),
        ("en: [emissions]", "EN: [emissions]", 7, "no language code"),
    ],
)
def test_a_fault_names_its_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    file = tmp_path / "areas.yaml"
    file.write_text(GOOD.replace(old, new, 1), encoding="utf8")
    with pytest.raises(InputError, match=message) as caught:
        areas.load(file)
    assert f"line {line}:" in str(caught.value)


def test_a_cue_of_two_areas_is_refused(tmp_path: Path) -> None:
    second = GOOD.split("areas:\n")[1].replace("id: climate", "id: energy").replace("emissions", "Emissions")
    (tmp_path / "areas.yaml").write_text(GOOD + second, encoding="utf8")
    with pytest.raises(InputError, match=r"cue 'phát thải' \(vi\) is of 'climate'"):
        areas.load(tmp_path / "areas.yaml")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "areas.yaml").write_text("")
    with pytest.raises(InputError):
        areas.load(tmp_path / "areas.yaml")
