"""What people decided gets into the corpus: nothing is lost, doubled or overwritten in silence, and twice is once."""

import itertools
import json
import shutil
import unicodedata
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cooptag.errors import InputError
from cooptag.text import normalize
from cooptag_training import corpus, jsonl, metrics, review
from cooptag_training.annotation import Decision, Item, Suggestion

AREAS = ["climate", "energy", "trade"]
VI = "---\nlang: vi\nkind: news_report\nyear: 2024\nparties: Việt Nam, Lào\n---\n"
HYDRO = "Hai nước cùng xây thủy điện trên sông Sê San."
TOLL = "Hai bên bỏ thuế với than củi."
MET = "Hai bộ trưởng gặp nhau sáng thứ Ba."
HEAT = "Hai nước báo cho nhau về nắng nóng."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A corpus of one Vietnamese and one English article."""
    put(tmp_path / "c/vi/2024-a.txt", f"{VI}[energy] {HYDRO}\n\n[none procedure] {MET}\n")
    english = "---\nlang: en\nkind: speech\nyear: unknown\nparties: Canada\n---\n"
    put(tmp_path / "c/en/b.txt", f"{english}[trade] Canada and Laos will cut the toll on charcoal.\n")
    return tmp_path / "c"


def put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())


def decision(text: str, areas: str, by: str = "a@x", article: str = "vi/2024-a", at: str = "", **more: Any) -> Decision:
    """Areas as words; the rest names fields of the item or of the decision."""
    own = {key: more.pop(key) for key in ("none_reason", "skipped", "settles", "where") if key in more}
    item = Item(article, text, more.pop("lang", article.split("/")[0]), **more)
    return Decision(item, by, at, tuple(areas.split()), **own)


def merge(decisions: list[Decision], folder: Path, **options: Any) -> dict[str, int]:
    """Plans and writes; the counts that are not 0."""
    planned = review.plan(decisions, folder, AREAS, **options)
    review.apply(planned)
    return {case: n for case, n in planned.counts.items() if n}


def read(folder: Path, id: str = "vi/2024-a") -> str:
    return (folder / f"{id}.txt").read_bytes().decode()


def ledger(folder: Path) -> list[dict[str, Any]]:
    return [line for _, line in jsonl.read(folder / review.LEDGER, "lines")]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


# ----------------------------------------------------------------------------------------------------- agreement


def alpha_by_coincidences(votes: list[list[bool]]) -> float:
    """Krippendorff's own way: the matrix of coincidences of values within units, each unit's pairs weighed by 1 / (m - 1)."""
    coincidences = np.zeros((2, 2))
    for unit in votes:
        for a, b in itertools.permutations(unit, 2):
            coincidences[int(a), int(b)] += 1 / (len(unit) - 1)
    totals = coincidences.sum(1)
    n = totals.sum()
    observed, expected = coincidences[0, 1] * 2 / n if n else 0, 2 * totals[0] * totals[1] / (n * (n - 1)) if n > 1 else 0
    return 1 - observed / expected if expected else 1.0


def test_alpha_with_gaps_by_hand() -> None:
    # Two yes and one no, then two no, then one reader alone: observed 2/5, expected 2 * 2 * 3 / (5 * 4).
    assert metrics.alpha_of_counts(np.array([2, 0, 1]), np.array([3, 2, 1])) == pytest.approx(1 / 3)


@given(st.lists(st.lists(st.booleans(), max_size=5), max_size=8))
def test_alpha_is_that_of_the_coincidence_matrix(votes: list[list[bool]]) -> None:
    found = metrics.alpha_of_counts(np.array([sum(unit) for unit in votes], int), np.array([len(unit) for unit in votes], int))
    assert found == pytest.approx(alpha_by_coincidences(votes))


def test_agreement_of_two_people_without_gaps_is_that_of_two_readers() -> None:
    draw = np.random.default_rng(3)
    first, second = draw.random((2, 30, 3)) < 0.4
    decisions = [
        decision(f"Câu số {i}.", " ".join(area for area, yes in zip(AREAS, row, strict=True) if yes), by)
        for by, rows in (("a@x", first), ("b@x", second))
        for i, row in enumerate(rows)
    ]
    found = review.agreement(decisions, AREAS)
    assert found["items"] == 30
    assert found["alpha"] == pytest.approx(metrics.krippendorff_alpha(first, second))
    assert found["micro_f1"] == pytest.approx(metrics.precision_recall_f1(first, second)["f1"])
    assert [row["alpha"] for row in found["areas"]] == pytest.approx(
        [metrics.krippendorff_alpha(first[:, i], second[:, i]) for i in range(3)]
    )
    either = (~first.any(1) | ~second.any(1)).sum()
    assert found["none_agreed"] == pytest.approx((~first.any(1) & ~second.any(1)).sum() / either)


def test_agreement_by_person_pair_and_language() -> None:
    said = {"a@x": "climate", "b@x": "climate", "c@x": "energy"}
    decisions = [decision("Một câu.", areas, by) for by, areas in said.items()]
    decisions += [decision("One.", "trade", by, "en/b") for by in ("a@x", "b@x")]
    decisions += [decision("Một câu.", "trade", "d@x", settles=True), decision("Câu khác.", "trade", "c@x")]
    found = review.agreement(decisions, AREAS)
    assert found["items"] == 2 and found["none_agreed"] is None
    pairs = {tuple(row["pair"]): (row["items"], row["micro_f1"]) for row in found["pairs"]}
    assert pairs == {("a@x", "b@x"): (2, 1.0), ("a@x", "c@x"): (1, 0.0), ("b@x", "c@x"): (1, 0.0)}
    assert found["micro_f1"] == pytest.approx(1 / 3)
    people = {row["by"]: (row["labelled"], row["items"], row["micro_f1"]) for row in found["annotators"]}
    assert people == {"a@x": (2, 2, 0.5), "b@x": (2, 2, 0.5), "c@x": (2, 1, 0.0)}
    assert {row["lang"]: row["micro_f1"] for row in found["languages"]} == {"en": 1.0, "vi": pytest.approx(1 / 3)}
    assert {row["id"]: row["given"] for row in found["areas"]} == {"climate": 1, "energy": 1, "trade": 1}
    shown = review.describe(found)
    assert "2 sentences labelled by two or more people: micro-F1 0.333" in shown and "a@x and b@x" in shown


ALONE: list[list[Decision]] = [
    [],
    [decision("Một.", "climate")],
    [decision("Một.", "climate"), decision("Hai.", "energy", "b@x")],
    [decision("Một.", "", skipped=True), decision("Một.", "", "b@x", skipped=True)],
    [decision("Một.", ""), decision("Một.", "", "b@x")],
]


@pytest.mark.parametrize("decisions", ALONE)
def test_agreement_without_a_basis_is_none_not_nan(decisions: list[Decision]) -> None:
    found = review.agreement(decisions, AREAS)
    assert found["micro_f1"] is None and all(row["items"] for row in found["pairs"])
    assert "NaN" not in json.dumps(found) and "nan" not in review.describe(found)


def test_a_name_does_not_reach_the_terminal_raw() -> None:
    assert "\x1b" not in review.describe(review.agreement([decision("Một.", "climate", "a\x1b[2J")], AREAS))


# ----------------------------------------------------------------------------------------------- what is decided


def test_equal_decisions_are_accepted_and_name_all_who_gave_them() -> None:
    first = decision(HYDRO, "climate energy", at="2024-05-01T10:00:00+07:00", before="trade")
    later = decision(HYDRO, "energy climate", "b@x", at="2024-05-01T09:00:00Z", before="energy")
    for order in ([first, later], [later, first]):
        [accepted] = review.decide(order).accepted
        assert (accepted.areas, accepted.by, accepted.at) == (("climate", "energy"), ("a@x", "b@x"), "2024-05-01T09:00:00Z")
        assert accepted.item.before == "energy" and not accepted.settled


def test_one_sentence_in_two_spellings_is_one_item() -> None:
    outcome = review.decide([decision("Hai bên vẽ bản đồ hoà bình.", "trade"), decision("Hai bên  vẽ bản đồ hòa bình.", "energy", "b@x")])
    assert len(outcome.disagreements) == 1 and not outcome.accepted


def test_a_disagreement_says_who_said_what_and_suggests_what_all_gave() -> None:
    differing = [decision(HYDRO, "energy", "b@x"), decision(HYDRO, "energy climate"), decision(HYDRO, "", "c@x", skipped=True)]
    [task] = review.decide(differing).disagreements
    assert task.why == "a@x: climate, energy | b@x: energy"
    assert task.suggestions == (Suggestion("energy", 1.0),) and task.settles
    [task] = review.decide([*differing, decision(HYDRO, "", "d@x", none_reason="domestic")]).disagreements
    assert task.why.endswith("d@x: none domestic") and not task.suggestions


def test_a_settling_answer_is_final_and_two_different_ones_are_not() -> None:
    differing = [decision(HYDRO, "energy"), decision(HYDRO, "climate", "b@x")]
    final = decision(HYDRO, "trade", "c@x", settles=True)
    [accepted] = review.decide([final, *differing]).accepted
    assert (accepted.areas, accepted.by, accepted.settled) == (("trade",), ("c@x",), True)
    [task] = review.decide([final, *differing, decision(HYDRO, "energy", "a@x", settles=True)]).disagreements
    assert task.why == "a@x: energy | c@x: trade"
    assert review.decide([*differing, replace(final, skipped=True)]).disagreements


def test_a_majority_settles_only_where_asked_and_only_above_half() -> None:
    three = [decision(HYDRO, "energy"), decision(HYDRO, "energy", "b@x"), decision(HYDRO, "trade", "c@x")]
    assert review.decide(three).disagreements
    [accepted] = review.decide(three, majority=True).accepted
    assert (accepted.areas, accepted.by, accepted.settled) == (("energy",), ("a@x", "b@x"), True)
    assert review.decide([*three, decision(HYDRO, "", "d@x")], majority=True).disagreements


def test_the_later_word_of_a_person_counts() -> None:
    later, earlier = decision(HYDRO, "energy", at="2024-05-02"), decision(HYDRO, "trade", at="2024-05-01T23:00:00+00:00")
    for order in ([later, earlier], [earlier, later], [decision(HYDRO, "climate"), later]):
        assert [a.areas for a in review.decide(order).accepted] == [("energy",)]
    assert review.decide([earlier, replace(later, skipped=True)]).skipped == [later.item]
    with pytest.raises(InputError, match=r"e\.json: 'noon' is no ISO 8601 time"):
        review.decide([decision(HYDRO, "", at="noon", where="e.json"), decision(HYDRO, "")])


def test_two_answers_of_a_person_are_refused_where_nothing_tells_the_later(folder: Path) -> None:
    said = decision(TOLL, "trade", sentence=3, where="e.json: item 1")
    for other in (decision(unicodedata.normalize("NFD", TOLL), "climate"), decision(TOLL, "climate", article="", lang="vi")):
        with pytest.raises(InputError, match=r"'a@x' says climate of .*, and trade at e\.json: item 1; expected one answer, or times"):
            review.plan([said, other], folder, AREAS)
    assert len(review.decide([said, replace(said, item=replace(said.item, sentence=5))]).accepted) == 1


@pytest.mark.parametrize(
    ("reasons", "taken"),
    [
        (["general", "domestic", "domestic"], "domestic"),
        (["general", "domestic", ""], "general"),
        (["", "", "praise"], "praise"),
        ([""], ""),
    ],
)
def test_why_there_is_no_area_is_no_disagreement(reasons: list[str], taken: str) -> None:
    named = [decision(MET, "", by, none_reason=reason) for by, reason in zip("abc", reasons, strict=False)]
    for order in (named, named[::-1]):
        assert [a.none_reason for a in review.decide(order).accepted] == [taken]


# ----------------------------------------------------------------------------------------------------- the merge


def test_only_the_lines_concerned_change(folder: Path) -> None:
    decisions = [
        decision(MET, "climate", before="none procedure"),
        decision(TOLL, "trade climate"),
        decision(HYDRO, "energy", before="energy"),
    ]
    assert merge(decisions, folder) == {"added": 1, "changed": 1, "same": 1}
    assert read(folder) == f"{VI}[energy] {HYDRO}\n\n[climate] {MET}\n[climate, trade] {TOLL}\n"
    corpus.load(folder, set(AREAS))


def test_line_ends_order_of_labels_and_spelling_stay(folder: Path) -> None:
    old = f"{VI}[trade, climate] {HYDRO} \n[energy] Hai bên giữ hoà bình.".replace("\n", "\r\n")
    put(folder / "vi/2024-a.txt", old)
    assert merge([decision(HYDRO, "energy trade climate", before="energy")], folder) == {"conflict": 1}
    merge([decision("Hai bên giữ hòa bình.", "trade", before="energy")], folder)
    assert read(folder) == old.replace("[energy]", "[trade]")
    merge([decision(TOLL, "trade")], folder)
    assert read(folder) == old.replace("[energy]", "[trade]") + f"\r\n[trade] {TOLL}\r\n"


def test_a_new_article_gets_its_header_and_its_order(folder: Path) -> None:
    facts: dict[str, Any] = {"article": "en/2023-new", "kind": "joint_statement", "parties": ("ASEAN", "Laos")}
    decisions = [
        decision("Third.", "", none_reason="general", sentence=7, date="2023-04", **facts),
        decision("Unnumbered.", "", **facts),
        decision("First.", "energy climate", sentence=2, **facts),
    ]
    merge(decisions, folder)
    head = "---\nlang: en\nkind: joint_statement\nyear: 2023\nparties: ASEAN, Laos\n---\n"
    assert read(folder, "en/2023-new") == f"{head}[climate, energy] First.\n[none general] Third.\n[none] Unnumbered.\n"
    merge([decision("Một câu lẻ.", "trade", article="vi/undated-x", date="1987")], folder)
    assert "year: unknown\n" in read(folder, "vi/undated-x")


def test_a_later_sentence_finds_its_place_by_the_ledger(folder: Path) -> None:
    new = "vi/2024-new"
    merge([decision("Câu bốn.", "trade", article=new, sentence=4), decision("Câu chín.", "", article=new, sentence=9)], folder)
    merge([decision("Câu sáu.", "", article=new, sentence=6), decision("Câu một.", "", article=new, sentence=1)], folder)
    merge([decision("Câu mười.", "", article=new, sentence=10), decision("Câu lẻ.", "", article=new)], folder)
    texts = [line.split("] ")[1] for line in read(folder, new).splitlines()[6:]]
    assert texts == ["Câu một.", "Câu bốn.", "Câu sáu.", "Câu chín.", "Câu mười.", "Câu lẻ."]


def test_sentences_taken_out_of_an_article_without_a_ledger_come_back_to_their_places(folder: Path) -> None:
    texts = [f"Câu số {i}." for i in range(8)]
    put(folder / "vi/2024-a.txt", VI + "".join(f"[trade] {text}\n" for i, text in enumerate(texts) if i not in (0, 3, 4, 7)))
    merge([decision(texts[i], "energy", sentence=i) for i in (7, 4, 0, 3)], folder)
    assert [line.split("] ")[1] for line in read(folder).splitlines()[6:]] == texts


def test_nobody_overwrites_in_silence(folder: Path) -> None:
    handed_out_as = {HYDRO: "trade", MET: "", TOLL: "energy"}  # the corpus: energy, none procedure, and not there
    decisions = [decision(text, "climate", before=before) for text, before in handed_out_as.items()]
    old = contents(folder)
    planned = review.plan(decisions, folder, AREAS)
    review.apply(planned)
    assert planned.counts["conflict"] == 3 and contents(folder) == old
    assert f"conflict: vi/2024-a: {HYDRO[:40]!r}… has [energy], was handed out with [trade], decided is [climate]" in planned.describe()
    assert [(row["case"], row["now"]) for row in planned.rows()] == [
        ("conflict", "energy"),
        ("conflict", "none procedure"),
        ("conflict", ""),
    ]
    assert merge(decisions, folder, overwrite=True) == {"overwritten": 3}
    assert read(folder) == f"{VI}[climate] {HYDRO}\n\n[climate] {MET}\n[climate] {TOLL}\n"
    assert [line["before"] for line in ledger(folder)] == ["energy", "none procedure", ""]


def test_a_decision_without_a_reason_leaves_the_reason_that_is_there(folder: Path) -> None:
    assert merge([decision(MET, "")], folder) == {"same": 1}
    assert merge([decision(MET, "", none_reason="general", before="none procedure")], folder) == {"changed": 1}
    assert f"[none general] {MET}\n" in read(folder)


def test_a_sentence_that_an_article_repeats_is_changed_in_each_place_or_conflicts(folder: Path) -> None:
    put(folder / "vi/2024-a.txt", f"{VI}[trade] {TOLL}\n[trade] {TOLL}\n")
    merge([decision(TOLL, "energy", before="trade")], folder)
    assert read(folder) == f"{VI}[energy] {TOLL}\n[energy] {TOLL}\n"
    put(folder / "vi/2024-a.txt", f"{VI}[trade] {TOLL}\n[energy] {TOLL}\n")
    assert merge([decision(TOLL, "climate", before="trade")], folder) == {"conflict": 1}
    assert merge([decision(TOLL, "trade", before="trade")], folder) == {"conflict": 1}


def test_what_is_not_decided_is_listed_and_not_written(folder: Path) -> None:
    decisions = [decision(TOLL, "trade"), decision(TOLL, "energy", "b@x"), decision(HEAT, "", skipped=True)]
    old = contents(folder)
    assert merge(decisions, folder) == {"disagreed": 1, "skipped": 1}
    rows = review.plan(decisions, folder, AREAS).rows()
    assert [(row["case"], row["text"], row.get("why")) for row in rows] == [
        ("disagreed", TOLL, "a@x: trade | b@x: energy"),
        ("skipped", HEAT, None),
    ]
    assert contents(folder) == old


def test_an_item_without_an_article_is_found_by_its_sentence_or_gets_an_article(folder: Path) -> None:
    decisions = [decision(text, "energy", article="", lang="vi") for text in (HYDRO, TOLL)]
    assert merge(decisions, folder) == {"added": 1, "same": 1}
    [file] = folder.glob("vi/unknown-*.txt")
    assert f"\n[energy] {TOLL}\n" in read(folder, f"vi/{file.stem}")
    assert merge(decisions, folder) == {"same": 2}
    both = [decision(HEAT, "climate", article="vi/2024-a"), decision(HEAT, "energy", "b@x", article="", lang="vi")]
    assert merge(both, folder) == {"disagreed": 1}


def test_a_corpus_may_begin_empty_but_must_be_a_folder(tmp_path: Path) -> None:
    assert merge([decision(TOLL, "trade")], tmp_path) == {"added": 1}
    assert len(corpus.load(tmp_path, set(AREAS))) == 1
    with pytest.raises(InputError, match="is no folder"):
        review.plan([], tmp_path / "absent", AREAS)


# ---------------------------------------------------------------------------------------------------- the ledger


def test_the_ledger_says_who_when_from_where_and_what_stood_there(folder: Path, tmp_path: Path) -> None:
    export = tmp_path / "export.json"
    export.write_text("[]")
    first = decision(HYDRO, "trade", at="2024-05-01T09:00:00Z", before="energy", sentence=3, where=f"{export}: item 1")
    merge([first, replace(first, by="b@x")], folder, exports=[export])
    assert ledger(folder) == [
        {"article": "vi/2024-a", "text": HYDRO, "sentence": 3, "by": ["a@x", "b@x"], "at": "2024-05-01T09:00:00Z", "areas": ["trade"],
         "none_reason": "", "before": "energy", "settled": False,
         "export": [{"file": "export.json", "sha256": "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"}]}
    ]  # fmt: skip
    assert tuple(sorted(ledger(folder)[0])) == tuple(sorted(review.LEDGER_KEYS))


def test_a_second_merge_adds_nothing_and_later_ones_only_add(folder: Path) -> None:
    decisions = [decision(HYDRO, "trade", before="energy"), decision(TOLL, "trade")]
    merge(decisions, folder)
    once = contents(folder)
    assert merge(decisions, folder) == {"same": 2} and contents(folder) == once
    merge([decision(HYDRO, "energy", before="trade")], folder)
    assert (folder / review.LEDGER).read_bytes().startswith(once[review.LEDGER]) and len(ledger(folder)) == 3
    assert merge([decision(HYDRO, "trade", before="energy")], folder) == {"changed": 1}
    assert [line["before"] for line in ledger(folder) if line["text"] == HYDRO] == ["energy", "trade", "energy"]


def test_labels_may_have_been_handed_out_in_another_order(folder: Path) -> None:
    put(folder / "vi/2024-a.txt", f"{VI}[energy, climate] {HYDRO}\n")
    assert merge([decision(HYDRO, "energy", before="energy, climate")], folder) == {"changed": 1}


def test_a_ledger_saved_without_its_last_line_end_is_continued_on_a_new_line(folder: Path) -> None:
    merge([decision(TOLL, "trade")], folder)
    put(folder / review.LEDGER, (folder / review.LEDGER).read_text(encoding="utf8").rstrip("\n"))
    merge([decision(HEAT, "climate")], folder)
    assert [line["text"] for line in ledger(folder)] == [TOLL, HEAT]


BAD_LEDGERS = ["{", "[]\n", '{"article": "vi/a"}\n', json.dumps(dict.fromkeys(review.LEDGER_KEYS, "3"))]


@pytest.mark.parametrize("line", BAD_LEDGERS)
def test_a_damaged_ledger_stops_the_review(folder: Path, line: str) -> None:
    put(folder / review.LEDGER, line)
    with pytest.raises(InputError, match=r"labels\.jsonl:1: .*as review writes them"):
        review.plan([decision(TOLL, "trade")], folder, AREAS)


# --------------------------------------------------------------------------------------------------------- faults

FAULTS = [
    (decision(TOLL, "trade", article="vi/../../x"), "is no article id"),
    (decision(TOLL, "trade", article="/etc/passwd"), "is no article id"),
    (decision(TOLL, "trade", article="vi/a\\b"), "is no article id"),
    (decision(TOLL, "trade", article="vi/a\n"), "is no article id"),
    (decision(TOLL, "trade", article="xx/a"), "is no article id"),
    (decision(TOLL, "trade", article="", lang="../x"), "is no article id"),
    (decision(TOLL, "trade", article="vi/a", lang="en"), "expected the same language"),
    (decision(TOLL, "trad"), "area 'trad' is unknown"),
    (decision(TOLL, "trade trade"), "names an area twice"),
    (decision(TOLL, "", none_reason="because"), "is no reason"),
    (decision("Một\n[trade] Hai.", "trade"), "expected text on one line"),
    (decision(" Một.", "trade"), "expected text on one line"),
    (decision("\u200b", "trade"), "holds nothing visible"),
    (decision("Một \ud800.", "trade"), "surrogates not allowed"),
    (decision(TOLL, "trade", article="vi/new", kind="gossip"), r"vi/new\.txt:2: kind is 'gossip'"),
    (decision(TOLL, "trade", article="vi/new", parties=("A\n---\n[trade] B",)), r"vi/new\.txt"),
]


@pytest.mark.parametrize(("bad", "message"), FAULTS)
def test_one_fault_and_nothing_is_written(folder: Path, bad: Decision, message: str) -> None:
    old = contents(folder)
    with pytest.raises(InputError, match=message) as caught:
        merge([decision(HEAT, "climate"), bad], folder)
    assert contents(folder) == old and "\n" not in str(caught.value)


def test_an_unreadable_corpus_file_stops_the_review(folder: Path) -> None:
    put(folder / "en/broken.txt", "no header")
    with pytest.raises(InputError, match=r"broken\.txt:1"):
        merge([decision(TOLL, "trade")], folder)
    (folder / "en/broken.txt").unlink()
    (folder / "en/folder.txt").mkdir()
    with pytest.raises(InputError, match=r"folder\.txt: cannot be read"):
        merge([decision(TOLL, "trade")], folder)


@pytest.mark.parametrize("name", ["vi/2024-a.txt", "vi", "labels.jsonl"])
def test_nothing_is_written_through_a_link(folder: Path, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    if (folder / name).exists():
        (folder / name).rename(outside)
    else:
        outside.write_text("")
    (folder / name).symlink_to(outside)
    old = contents(tmp_path)
    with pytest.raises(InputError, match="is a link or lies behind one"):
        merge([decision(TOLL, "trade")], folder)
    assert contents(tmp_path) == old


def test_a_file_changed_after_the_plan_is_left_alone(folder: Path) -> None:
    planned = review.plan([decision(TOLL, "trade"), decision("Two.", "trade", article="en/b")], folder, AREAS)
    put(folder / "vi/2024-a.txt", read(folder) + f"[climate] {HEAT}\n")
    old = contents(folder)
    with pytest.raises(InputError, match=r"2024-a\.txt: was changed while"):
        review.apply(planned)
    assert contents(folder) == old


def test_nothing_is_written_where_a_folder_cannot_be_made(folder: Path) -> None:
    put(folder / "km", "in the way")
    old = contents(folder)
    with pytest.raises(OSError, match="km"):
        merge([decision("Một.", "", article="km/x"), decision(TOLL, "trade")], folder)
    assert contents(folder) == old


@pytest.mark.parametrize("steps", range(5))
def test_the_same_review_completes_one_that_was_interrupted(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    decisions = [
        decision(MET, "climate", before="none procedure", sentence=9),
        decision(TOLL, "trade", sentence=4),
        decision("Two.", "trade", article="en/b"),
        decision("Một.", "", article="km/x"),
        decision(HYDRO, "trade"),
    ]
    whole = tmp_path / "whole"
    shutil.copytree(folder, whole)
    assert merge(decisions, whole, overwrite=True) == {"added": 3, "changed": 1, "overwritten": 1}
    left = iter(range(steps))
    write = review.write_durably

    def full_disk(file: Path, raw: bytes) -> None:
        if next(left, None) is None:
            raise OSError(28, "No space left on device")
        write(file, raw)

    monkeypatch.setattr(review, "write_durably", full_disk)
    if steps < 4:
        with pytest.raises(InputError, match=r"cannot be written \(No space left on device\).* run the same review again"):
            merge(decisions, folder, overwrite=True)
        assert contents(folder) != contents(whole)
    monkeypatch.undo()
    merge(decisions, folder, overwrite=True)
    assert contents(folder) == contents(whole)


# ----------------------------------------------------------------------------------------------- whatever is said

SENTENCES = [HYDRO, MET, TOLL, HEAT, "Hai bên giữ hoà bình.", "Hai bên giữ hòa bình.", "[trade] Một câu lạ."]
LABELS = ["", "energy", "climate, energy", "none", "none procedure"]


@st.composite
def made_up(draw: st.DrawFn) -> Decision:
    areas = draw(st.sets(st.sampled_from(AREAS), max_size=2))
    return decision(
        draw(st.sampled_from(SENTENCES)), " ".join(areas), draw(st.sampled_from(["a@x", "b@x"])),
        draw(st.sampled_from(["vi/2024-a", "vi/new", ""])), draw(st.sampled_from(["", "2024-05-01", "2024-05-02T00:00:00+07:00"])),
        lang="vi", sentence=draw(st.integers(-1, 6)),
        before=draw(st.sampled_from(LABELS)), settles=draw(st.booleans()), skipped=draw(st.booleans()),
        none_reason="" if areas else draw(st.sampled_from(["", "general"])),
    )  # fmt: skip


def sentences(folder: Path) -> Counter[tuple[str, str]]:
    return Counter((a.id, normalize(s.text, a.lang)) for a in corpus.load(folder, set(AREAS)) for s in a.sentences)


@settings(max_examples=40, deadline=None)
@given(st.lists(made_up(), max_size=8), st.booleans(), st.booleans())
def test_no_sentence_is_lost_or_doubled_and_twice_is_once(
    tmp_path_factory: pytest.TempPathFactory, decisions: list[Decision], overwrite: bool, majority: bool
) -> None:
    folder = tmp_path_factory.mktemp("corpus")
    put(folder / "vi/2024-a.txt", f"{VI}[energy] {HYDRO}\n\n[none procedure] {MET}\n[trade] {SENTENCES[4]}")
    old = sentences(folder)
    try:
        planned = review.plan(decisions, folder, AREAS, overwrite=overwrite, majority=majority)
    except InputError as error:
        assert "expected one answer, or times" in str(error), "only a person who said two things at one time is refused"
        return
    review.apply(planned)
    new = sentences(folder)
    absent = [change for change in planned.changes if change.case in ("added", "overwritten") and not change.now]
    assert old <= new and new.total() == old.total() + len(absent) and set(new.values()) == {1}
    once = contents(folder)
    again = review.plan(decisions, folder, AREAS, overwrite=overwrite, majority=majority)
    review.apply(again)
    assert contents(folder) == once and not again.edits
    assert sum(planned.counts.values()) == sum(again.counts.values())


# ------------------------------------------------------------------------------------- a whole project, exported again

# Two people who disagree on one sentence and agree on another.
PROJECT = [
    decision(TOLL, "trade", at="2024-05-01T09:00:00Z", sentence=3),
    decision(TOLL, "climate", "b@x", at="2024-05-01T10:00:00Z", sentence=3),
    decision(HEAT, "climate", at="2024-05-01T09:05:00Z", sentence=4),
]
SETTLED = decision(TOLL, "trade", "c@x", at="2024-05-02T09:00:00Z", sentence=3, settles=True)
CORRECTED = decision(HEAT, "energy", "c@x", at="2024-05-03T09:00:00+07:00", sentence=4, before="climate")


def test_a_project_exported_again_changes_nothing_back(folder: Path) -> None:
    assert merge(PROJECT, folder) == {"added": 1, "disagreed": 1}
    assert merge([*PROJECT, SETTLED], folder) == {"added": 1, "same": 1}
    assert merge([CORRECTED], folder) == {"changed": 1}
    once = contents(folder)
    for options in ({}, {"overwrite": True}, {"majority": True}):
        assert merge(PROJECT, folder, **options) == {"superseded": 2}
    assert merge([*PROJECT, SETTLED], folder, overwrite=True) == {"same": 1, "superseded": 1}
    planned = review.plan(PROJECT, folder, AREAS)
    assert [(row["case"], row["text"]) for row in planned.rows()] == [("superseded", TOLL), ("superseded", HEAT)]
    assert not planned.disagreements and contents(folder) == once
    # A word that is later than the correction counts, and so it does where nobody can tell.
    later = replace(PROJECT[2], at="2024-05-03T02:00:01Z", item=replace(PROJECT[2].item, before="energy"))
    assert review.plan([later], folder, AREAS).counts["changed"] == 1
    assert review.plan([replace(later, at="")], folder, AREAS).counts["changed"] == 1
    assert review.plan([replace(later, at="2024-05-03T01:59:59Z")], folder, AREAS).counts["superseded"] == 1


def test_a_review_of_which_only_the_ledger_was_written_completes(folder: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    merge(PROJECT, folder)
    shutil.copytree(folder, whole)
    both = [*PROJECT, SETTLED, replace(CORRECTED, by="a@x")]
    assert merge(both, whole) == {"added": 1, "changed": 1}
    shutil.copy(whole / review.LEDGER, folder / review.LEDGER)
    assert merge(both, folder) == {"added": 1, "changed": 1}
    assert contents(folder) == contents(whole)
