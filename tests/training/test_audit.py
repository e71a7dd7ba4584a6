"""Likely label errors: out-of-fold scores and their ranking, duplicates that differ, the guide's rules, and the tasks made of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cooptag_training import areas, audit, guide, pipeline
from cooptag_training.config import TrainConfig
from cooptag_training.release import Data
from cooptag_training.split import Row

ENTRIES = areas.load()
# A sentence for each rule, the labels that keep it, and those that break it.
RULED = {
    "children": ("Hai bên tặng sách cho học sinh vùng lũ.", "education_training, youth", "education_training"),
    "girls": ("Ghana and Norway will pay the school fees of 400 girls.", "women_gender, youth", "youth"),
    "reefs": ("The divers of both navies replanted the reefs off Palau.", "biodiversity, defence", "defence"),
    "marine_litter": ("Kedua negara membersihkan sampah plastik laut.", "environment, ocean_blue_economy", "environment"),
    "wildlife_trade": ("Customs officers compared notes on ivory.", "biodiversity, transnational_crime", "transnational_crime"),
    "sdg": ("Oslo and Accra will report on the SDGs together.", "sustainable_development", "development_gap"),
    "energy_transition": ("Berlin pledged two billion euros to the JETP.", "climate, energy", "energy"),
    "military_medicine": ("Hai học viện quân y trao đổi giảng viên.", "defence, health", "defence"),
    "disability_rights": ("A seminar on the rights of persons with disabilities.", "human_rights, social_protection", "social_protection"),
    "crime": ("Cảnh sát hai nước phối hợp chống mua bán người.", "transnational_crime", "migration_consular"),
    "extradition": ("Both courts want an extradition treaty.", "governance_law", "transnational_crime"),
    "peacekeeping": ("Dhaka and Hanoi train peacekeepers together.", "defence, peace_reconciliation", "defence"),
    "visas": ("Visas were waived for holders of tour tickets.", "migration_consular, tourism", "tourism"),
    "flights": ("Sẽ có đường bay thẳng giữa Huế và Busan.", "tourism, transport", "tourism"),
    "scholarships": ("Hungary offers 200 scholarships to nurses.", "education_training, health", "health"),
    "mines": ("Norwegian teams and ours cleared unexploded shells.", "disarmament", "peace_reconciliation"),
    "lender": ("Nhật Bản cấp khoản vay làm đường sắt.", "transport", "finance, transport"),
}  # fmt: skip


def row(text: str, labels: str = "", lang: str = "en", number: int = 0, none_reason: str = "") -> Row:
    return Row(f"{number}", text, tuple(x.strip() for x in labels.split(",") if x), lang, f"{lang}/2020-a{number}", none_reason=none_reason)


def test_planted_label_errors_are_found_and_ranked_first() -> None:
    draw = np.random.default_rng(0)
    gold = draw.random((300, 3)) < 0.4
    scores = np.clip(np.where(gold, 0.9, 0.1) + draw.normal(0, 0.06, gold.shape), 0.01, 0.99).astype(np.float32)
    given, wrong = gold.copy(), {(i, i % 3) for i in range(5, 300, 20)}
    for i, a in wrong:
        given[i, a] ^= True
    labels = ["a", "b", "c"]
    rows = [
        Row(str(i), f"text {i}", tuple(x for x, yes in zip(labels, line, strict=True) if yes), "en", str(i)) for i, line in enumerate(given)
    ]
    found = audit.suspects(rows, labels, scores)
    named = {(int(x.row.id), labels.index(area)) for x in found for area in (*x.doubted, *x.missing)}
    assert named <= wrong and len(named) >= 0.5 * len(wrong)
    assert all(area in x.row.labels for x in found for area in x.doubted)
    assert [x.support for x in found] == sorted(x.support for x in found)


def test_every_row_is_scored_by_a_model_that_never_saw_it_and_finished_folds_are_kept(
    labelled_jsonl: Callable[[int], Path], tiny_config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pipeline.load_data(labelled_jsonl(90), None, 1)
    trained: list[set[str]] = []
    train = audit.train

    def watch(model: object, tokenizer: object, rows: object, held_out: object, *rest: object) -> object:
        trained.append(set(map(tuple, rows["input_ids"])) & set(map(tuple, held_out["input_ids"])))  # type: ignore[index]
        return train(model, tokenizer, rows, held_out, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(audit, "train", watch)
    config = tiny_config.model_copy(update={"epochs": 1.0})
    scores = audit.out_of_fold(config, data, 2, tmp_path)
    assert scores.shape == (len(data.rows), 3) and (scores > 0).all() and (scores < 1).all()
    assert trained == [set(), set()]
    np.testing.assert_array_equal(audit.out_of_fold(config, data, 2, tmp_path), scores)
    assert len(trained) == 2


def test_each_score_stands_at_its_own_row_and_another_recipe_or_fold_count_is_trained_anew(
    labelled_jsonl: Callable[[int], Path], tiny_config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pipeline.load_data(labelled_jsonl(90), None, 1)
    trained: list[Path] = []

    def numbered(_config: TrainConfig, part: Data, held_out: np.ndarray, work: Path) -> np.ndarray:
        trained.append(work)
        return np.array([[float(row.id) / 100] * 3 for row, out in zip(part.rows, held_out, strict=True) if out], dtype=np.float32)

    monkeypatch.setattr(audit, "_train_fold", numbered)
    expected = 1 / (1 + np.exp(-np.array([float(row.id) / 100 for row in data.rows])))
    longer = tiny_config.model_copy(update={"epochs": 7.0})
    for config, folds in ((tiny_config, 3), (longer, 3), (tiny_config, 2)):
        np.testing.assert_allclose(audit.out_of_fold(config, data, folds, tmp_path)[:, 1], expected, rtol=1e-6)
    assert len(trained) == 8 == len(set(trained))


def test_duplicates_name_both_of_a_pair_that_differs_and_only_the_odd_one_of_three() -> None:
    text = "The two ministers agreed that hospitals in both capitals will share nurses from spring on{}."
    rows = [
        row(text.format(""), "health, labour", number=0),
        row(text.format(" next year"), "health", number=1),
        row(text.format(" next year "), "health", number=2),
        row("Hợp tác thuỷ sản", "agriculture_food", "vi", 3),
        row("Hợp tác thủy  sản", "ocean_blue_economy", "vi", 4),
        row("Photo: AFP", none_reason="procedure", number=5),
        row("Photo: AFP", none_reason="praise", number=6),
    ]
    found = {x.row.id: x for x in audit.duplicates(rows)}
    assert set(found) == {"0", "3", "4"}, "one outvoted by two, two that differ; other reasons for none are no other areas"
    assert found["0"].doubted == {"labour": 0.0} and found["0"].missing == {} and found["0"].support == 0.0
    assert (found["3"].doubted, found["3"].missing) == ({"agriculture_food": 0.0}, {"ocean_blue_economy": 1.0})
    assert "vi/2020-a4, which has [ocean_blue_economy]: given agriculture_food 0.00; missing ocean_blue_economy 1.00" in found["3"].why


def test_duplicates_with_equal_areas_are_not_named() -> None:
    assert audit.duplicates([row("Ký kết hợp tác y tế", "health", "vi", n) for n in range(3)]) == []


@pytest.mark.parametrize("rule", [rule.id for rule in guide.RULES])
def test_each_rule_finds_what_breaks_it_and_passes_what_keeps_it(rule: str) -> None:
    text, right, wrong = RULED[rule]
    lang = "vi" if not text.isascii() else "en"
    rows = [row(text, right, lang, 0), row(text, wrong, lang, 1), row(text, "", lang, 2)]
    found = [b for b in guide.check(rows, ENTRIES) if b.rule == rule]
    assert [b.row.id for b in found] == ["1"], "the sentence without areas has a reason of its own"
    labels = (set(found[0].row.labels) - set(found[0].doubted)) | set(found[0].missing)
    assert labels >= {area.strip() for area in right.split(",")} and found[0].support == 0.5


def test_rules_name_areas_of_the_area_file_and_speak_of_lower_case() -> None:
    assert {area for rule in guide.RULES for area in rule.areas()} <= {entry.area.id for entry in ENTRIES}
    assert [rule.id for rule in guide.RULES if rule.words + rule.unless != (rule.words + rule.unless).lower()] == []


def test_finance_stands_where_the_loan_comes_with_a_guarantee() -> None:
    assert guide.check([row("Seoul adds a guarantee to its loans for the port.", "finance, transport")], ENTRIES) == []


def test_rules_about_areas_that_an_area_file_lacks_are_left_out() -> None:
    few = [entry for entry in ENTRIES if entry.area.id in ("health", "defence")]
    broken = guide.check([row(text, "health") for text, _, _ in RULED.values()], few)
    assert {b.rule for b in broken} == {"military_medicine"}


def phrase_rows(*more: Row) -> list[Row]:
    return [*(row(f"Point {n}: they agreed to fight antimicrobial resistance.", "health", number=n) for n in range(20)), *more]


def test_a_phrase_that_never_failed_is_missed_beside_other_areas_and_beside_words_of_agreement() -> None:
    text = "They agreed to study antimicrobial resistance in rice."
    odd, none = row(text, "agriculture_food", number=20), row(text, "", none_reason="general", number=21)
    found = guide.check(phrase_rows(odd, none), ENTRIES)
    assert [(b.row.id, b.rule, b.missing) for b in found] == [("20", "phrase", ("health",)), ("21", "phrase_none", ("health",))]
    assert found[0].support == pytest.approx(2 / 22)


@pytest.mark.parametrize(
    "quiet",
    [
        row("The Centre on Antimicrobial Resistance lent its hall, it was agreed.", none_reason="named_only", number=20),
        row("Denmark has less antimicrobial resistance than in 2010.", none_reason="domestic", number=20),
        row("They agreed on antimicrobial resistances.", "agriculture_food", number=20),
    ],
    ids=["named only", "no word of agreement", "part of another word"],
)
def test_a_phrase_is_not_missed_where_it_says_nothing(quiet: Row) -> None:
    assert guide.check(phrase_rows(quiet), ENTRIES) == []


def test_a_phrase_that_fails_often_is_not_missed() -> None:
    rows = phrase_rows(*(row(f"Rice {n}: they agreed on antimicrobial resistance.", "agriculture_food", number=20 + n) for n in range(3)))
    assert guide.check(rows, ENTRIES) == []


def test_in_scripts_without_spaces_cues_stand_anywhere_and_latin_bodies_apart() -> None:
    phrases = guide._Phrases(ENTRIES)
    assert ("labour", "ilo") in phrases.find("双方与ilo合作", "zh")
    assert ("labour", "ilo") not in phrases.find("双方与philox合作", "zh")
    assert ("peace_reconciliation", "和平进程") in phrases.find("双方支持和平进程并", "zh")


def test_against_the_guide_what_nearly_all_keep_comes_first() -> None:
    text, right, wrong = RULED["visas"]
    many = [row(text, right, number=n) for n in range(9)]
    loan, good, bad = RULED["lender"]
    rows = [row(loan, good, "vi", 10), row(loan, bad, "vi", 11), *many, row(text, wrong, number=12)]
    found = audit.against_guide(rows, ENTRIES)
    assert [x.row.id for x in found] == ["12", "11"]
    assert found[0].why == "«visas»: visas are migration_consular (rule visas): missing migration_consular 0.90"


def test_a_sentence_of_several_lists_is_asked_once_with_its_labels_as_the_corpus_has_them() -> None:
    both = row("Hợp tác y tế", "health, energy", "vi", 1)
    found = [
        audit.Suspect(row("Cảm ơn", "", "vi", 2, "praise"), "a", {}, {"health": 0.8}, 0.2),
        audit.Suspect(both, "b", {"energy": 0.1}, {}, 0.1),
        audit.Suspect(both, "c", {}, {"labour": 0.7}, 0.3),
        audit.Suspect(row("Xin chào", "", "vi", 3), "d", {}, {"youth": 0.6}, 0.4),
    ]
    first, second, third = audit.tasks(found)
    assert (first.item.article, first.item.before, first.item.sentence, first.item.lang) == ("vi/2020-a1", "energy, health", -1, "vi")
    assert first.why == "b: given energy 0.10. c: missing labour 0.70"
    assert [(s.area, s.score) for s in first.suggestions] == [("health", 1.0), ("labour", 0.7)]
    assert (second.item.before, third.item.before) == ("none praise", "none")
    assert found[0].record()["missing"] == {"health": 0.8} and found[0].record()["id"] == "2"
