"""Two readers of the same sentences."""

import json
from pathlib import Path

import numpy as np
import pytest

from cooptag.errors import InputError
from cooptag_training import agreement, metrics
from cooptag_training.agreement import Reading

AREAS = ["climate", "energy"]


def reading(article: str, first: str, second: str) -> Reading:
    return Reading(article, f"{article} {first} {second}", frozenset(first.split()), frozenset(second.split()), frozenset(first.split()))


def test_alpha_of_krippendorffs_own_example() -> None:
    # Krippendorff 2011, section A: two observers, binary data, ten units; alpha = 0.095.
    first = np.array([0, 1, 0, 0, 0, 0, 0, 0, 1, 0], dtype=bool)
    second = np.array([1, 1, 1, 0, 0, 1, 0, 0, 0, 0], dtype=bool)
    assert metrics.krippendorff_alpha(first, second) == pytest.approx(0.095, abs=5e-4)


def test_alpha_is_one_in_full_agreement_and_where_nothing_varies() -> None:
    some = np.array([[True, False], [False, True]])
    assert metrics.krippendorff_alpha(some, some) == 1.0
    assert metrics.krippendorff_alpha(np.zeros((3, 2), bool), np.zeros((3, 2), bool)) == 1.0


def test_report_by_area_and_language() -> None:
    readings = [
        reading("vi/a", "climate", "climate"),
        reading("vi/a", "", ""),
        reading("en/b", "energy", "climate"),
        reading("en/b", "", "energy"),
    ]
    report = agreement.report(readings, AREAS)
    assert report["n"] == 4 and report["micro_f1"] == pytest.approx(2 / 5)
    assert {row["lang"]: row["micro_f1"] for row in report["languages"]} == {"en": 0.0, "vi": 1.0}
    assert {row["id"]: row["either"] for row in report["areas"]} == {"climate": 2, "energy": 2}
    assert report["none_agreed"] == 0.5
    assert "4 sentences read twice" in agreement.describe(report)


BROKEN = [
    "{",
    "[]",
    '{"article": "vi/a"}',
    '{"article": "a", "text": "t", "first": "climate", "second": [], "settled": []}',
    '{"article": "a", "text": "t", "first": ["climat"], "second": [], "settled": []}',
]


@pytest.mark.parametrize("line", BROKEN)
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "second.jsonl"
    good = json.dumps({"article": "vi/a", "text": "t", "first": [], "second": ["climate"], "settled": []})
    file.write_text(f"{good}\n{line}\n")
    with pytest.raises(InputError, match=r"second\.jsonl:2: .*expected lines of article, text, first, second, settled"):
        agreement.load(file, AREAS)


def test_a_missing_or_empty_file_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read .*expected lines of article"):
        agreement.load(tmp_path / "none.jsonl", AREAS)
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(InputError, match="holds no line"):
        agreement.load(tmp_path / "empty.jsonl", AREAS)
