"""Splits: groups stay whole, near-duplicates stay together, rare labels reach every split, leaks are loud."""

import random

import pytest

from cooptag.errors import InputError
from cooptag_training import split
from cooptag_training.split import SPLITS, Row

WORDS = [f"{a}{b}{c}" for a in "bdgkmnprst" for b in "aeiou" for c in "lmnrst"]


def make_rows(groups: int = 120, seed: int = 3) -> list[Row]:
    """Two distinct sentences a group; "rare" in 6 groups, "common" in half."""
    draw = random.Random(seed)  # noqa: S311
    rows = []
    for g in range(groups):
        labels = [name for name, share in (("common", 0.5), ("other", 0.3)) if draw.random() < share] + (["rare"] if g % 20 == 0 else [])
        for s in range(2):
            text = " ".join(draw.choices(WORDS, k=18))
            rows.append(Row(f"{g}.{s}", text, tuple(labels), draw.choice(["vi", "en"]), f"group {g}"))
    return rows


@pytest.mark.parametrize(("small", "names"), [(100, SPLITS), (2000, ("train", "validation"))])
def test_every_group_is_whole_and_every_label_in_every_split(monkeypatch: pytest.MonkeyPatch, small: int, names: tuple[str, ...]) -> None:
    """Of fewer rows than `SMALL` none are set aside to test on."""
    monkeypatch.setattr(split, "SMALL", small)
    rows = make_rows()
    splits = split.assign(rows, seed=1)
    split.check(rows, splits)
    homes: dict[str, set[str]] = {}
    for row, name in zip(rows, splits, strict=True):
        homes.setdefault(row.group, set()).add(name)
    assert all(len(home) == 1 for home in homes.values())
    assert set(splits) == set(names)
    for name in names:
        assert {label for row, s in zip(rows, splits, strict=True) if s == name for label in row.labels} == {"common", "other", "rare"}
    assert 0.7 < splits.count("train") / len(splits) < 0.9


def test_the_same_seed_gives_the_same_split() -> None:
    assert split.assign(make_rows(), 5) == split.assign(make_rows(), 5) != split.assign(make_rows(), 6)


def test_near_duplicates_pull_their_articles_together() -> None:
    rows = make_rows()
    rows[0] = Row("copy", rows[9].text + "!", (), "vi", rows[0].group)
    merged = split.merge_near_duplicates(rows)
    assert merged[0] == merged[9] == merged[1] == merged[8]
    assert merged[2] != merged[0]


def test_short_repeats_do_not_join_articles() -> None:
    rows = [Row("a", "Photo: VNA", (), "en", "one"), Row("b", "Photo: VNA", (), "en", "two")]
    assert len(set(split.merge_near_duplicates(rows))) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("group", "leak: group 'group 0' is in"),
        ("duplicate", "nearly repeat one another"),
        ("label", "split test has no sentence of common"),
    ],
)
def test_a_planted_fault_is_found(change: str, message: str) -> None:
    rows = make_rows()
    splits = ["train"] * 160 + ["validation"] * 40 + ["test"] * 40
    if change == "group":
        splits[0] = "test"
    elif change == "duplicate":
        rows[-1] = Row("copy", rows[5].text, (), "vi", rows[-1].group)
    else:
        rows = [r if s != "test" else Row(r.id, r.text, ("other", "rare"), r.lang, r.group) for r, s in zip(rows, splits, strict=True)]
    with pytest.raises(InputError, match=message):
        split.check(rows, splits)


def test_text_of_a_forbidden_set_is_found_whatever_its_accents_of_case_and_spaces() -> None:
    rows = make_rows(3)
    secret = rows[4].text
    split.check_forbidden(rows, ["Something else that is long enough to hold a run of letters and digits."])
    with pytest.raises(InputError, match=r"leak: 2\.0 holds text of the forbidden set"):
        split.check_forbidden(rows, [f"… {secret.upper().replace(' ', '  ')} …"])


def test_a_short_forbidden_text_and_a_short_chinese_duplicate_are_found() -> None:
    with pytest.raises(InputError, match="leak"):
        split.check_forbidden([Row("a", "Leaders open port link", (), "en", "g")], ["Leaders open port link."])
    rows = make_rows()
    twins = [Row(f"zh{i}", "双方同意加强在网络安全和数字经济领域的合作。", (), "zh", f"zh{i}") for i in range(2)]
    with pytest.raises(InputError, match="nearly repeat one another"):
        split.check([*rows, *twins], ["train"] * len(rows) + ["train", "test"])


def test_lone_surrogates_do_not_stop_the_duplicate_search() -> None:
    rows = [Row(str(i), "broken \ud800 text that is long enough to be compared with others", (), "en", str(i)) for i in range(2)]
    assert len(set(split.merge_near_duplicates(rows))) == 1


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(InputError, match="cannot be split"):
        split.assign(make_rows(4), 1)
