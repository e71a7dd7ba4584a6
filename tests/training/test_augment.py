"""Augmentation adds what it says, drawn once from the seed, and leaves the corpus rows alone."""

from cooptag_training import areas, augment
from cooptag_training.config import Augment
from cooptag_training.split import Row

ROWS = [Row(f"v{i}", f"Hợp tác số {i} về Đông Nam Á", ("climate",) if i % 2 else ("energy",), "vi", f"g{i}", "train") for i in range(40)]
ROWS += [Row(f"z{i}", f"合作{i}", ("trade",), "zh", f"z{i}", "train") for i in range(10)]


def test_nothing_is_added_by_default() -> None:
    assert augment.augment(ROWS, Augment(), [], 1) == ROWS


def test_joined_sentences_are_of_one_language_and_carry_the_union() -> None:
    added = augment.augment(ROWS, Augment(join=1.0), [], 1)[len(ROWS) :]
    assert len(added) == len(ROWS)
    by_id = {row.id: row for row in ROWS}
    for row in added:
        parts = [by_id[name] for name in row.id.split(" + ")]
        assert len(parts) in (2, 3) and {part.lang for part in parts} == {row.lang}
        assert set(row.labels) == {label for part in parts for label in part.labels}
        assert row.text == ("" if row.lang == "zh" else " ").join(part.text for part in parts)


def test_the_same_seed_draws_the_same_rows() -> None:
    config = Augment(join=0.5, strip_accents=0.2, lower=0.2, upper=0.1)
    assert augment.augment(ROWS, config, [], 1) == augment.augment(ROWS, config, [], 1) != augment.augment(ROWS, config, [], 2)


def test_accents_are_stripped_from_vietnamese_alone() -> None:
    added = augment.augment(ROWS, Augment(strip_accents=1.0), [], 1)[len(ROWS) :]
    assert len(added) == 40
    assert added[0].text == "Hop tac so 0 ve Dong Nam A"


def test_cues_become_rows_of_their_area() -> None:
    entries = areas.load()[:2]
    added = augment.augment([], Augment(cues=2), entries, 1)
    assert {row.labels for row in added} == {(entry.area.id,) for entry in entries}
    assert len({row.id for row in added}) == len(added)


def test_lists_add_the_areas_of_their_cues() -> None:
    entries = areas.load()
    added = augment.augment(ROWS, Augment(lists=1.0), entries, 1)[len(ROWS) :]
    assert len(added) == len(ROWS)
    owner = {cue: e.area.id for e in entries for lang in ("vi", "zh") for cue in (e.area.name(lang).lower(), *e.cues[lang])}
    for row in added:
        source = next(r for r in ROWS if r.id == row.id.removesuffix(" + list"))
        assert row.text.startswith(source.text) and set(source.labels) < set(row.labels)
        tail = row.text.removeprefix(source.text)
        named = {area for cue, area in owner.items() if cue in tail}
        assert set(row.labels) - set(source.labels) <= named
    assert augment.augment(ROWS, Augment(lists=1.0), [], 1) == ROWS
