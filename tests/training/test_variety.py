"""The measures of variety, on text small enough to count by hand."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from cooptag.errors import InputError
from cooptag.types import Area
from cooptag_training import areas as area_file
from cooptag_training import corpus, stats, variety
from cooptag_training.areas import AreaEntry
from cooptag_training.corpus import Article, Sentence
from cooptag_training.split import Row


def row(text: str, labels: str = "", lang: str = "en", group: str = "a", reason: str = "") -> Row:
    return Row(f"{group}:{text[:8]}", text, tuple(labels.split()), lang, group, none_reason=reason)


def entry(name: str, cues: dict[str, tuple[str, ...]], bodies: tuple[str, ...] = ()) -> AreaEntry:
    return AreaEntry(Area(name, "economic", {"en": name, "vi": name}, name), cues, bodies)


CUES = variety.CueList([
    entry("energy", {"en": ("power grid",), "vi": ("lưới điện",), "th": ("พลังงาน",)}, ("ACE",)), entry("trade", {"en": ("tariff",)}),
])  # fmt: skip


@pytest.mark.parametrize(
    ("text", "lang", "found"),
    [
        ("The POWER grid hums.", "en", {"energy"}),
        ("A powerful gridiron.", "en", set()),
        ("Tariffs fell.", "en", set()),  # whole words only: a keyword search knows no grammar
        ("Lưới điện chung", "vi", {"energy"}),
        ("Đối thoại với ACE về tariff", "vi", {"energy"}),
        ("ความร่วมมือด้านพลังงานทดแทน", "th", {"energy"}),
        ("He won the race.", "en", set()),
        ("双方与ACE合作", "zh", {"energy"}),
        ("双方与FACET合作", "zh", set()),
    ],
)
def test_a_cue_list_finds_whole_words_of_the_language_and_bodies(text: str, lang: str, found: set[str]) -> None:
    assert CUES.areas(text, lang) == found


def test_cue_share_counts_mentions_sentences_and_precision() -> None:
    rows = [row("power grid", "energy trade"), row("tariff", "trade"), row("tariff on nothing"), row("wires", "energy")]
    assert variety.cue_share(rows, CUES) == {"mentions": 2 / 4, "sentences": 1 / 3, "precision": 2 / 3}


def test_tokens_keep_vowel_signs_and_run_together_without_spaces() -> None:
    assert variety.tokens("Hợp tác, ACE-2!", "vi") == ["hợp", "tác", "ace", "2"]
    assert variety.tokens("น้ำ ดี", "th")[0] == "น้ำ"[:3]
    assert variety.tokens("हिन्दी", "hi") == ["हिन्दी"]


@pytest.mark.parametrize(
    ("lang", "shared"), [("en", "one two three four five six seven eight"), ("zh", "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥天地")]
)
def test_repetition_is_shared_between_articles_not_within_one(lang: str, shared: str) -> None:
    twice = [row(shared, lang=lang, group="a"), row(shared, lang=lang, group="b"), row("其他 other", lang=lang, group="b")]
    assert variety.repetition(twice) == (1.0, [(shared, 2)])
    assert variety.repetition([row(shared, lang=lang), row(shared, lang=lang)]) == (0.0, [])


def test_vocabulary_of_few_patterns_stops_growing() -> None:
    draw = random.Random(0)  # noqa: S311
    few = [row(" ".join(draw.choices(["alpha", "beta", "gamma"], k=20)), group=str(i)) for i in range(50)]
    many = [row(" ".join(f"w{draw.randrange(10**6)}" for _ in range(20)), group=str(i)) for i in range(50)]
    assert variety.growth(few)["exponent"] < 0.1 < 0.9 < variety.growth(many)["exponent"]


def test_a_party_that_always_comes_with_one_area_is_shown_first() -> None:
    def article(number: int, party: str, area: str) -> Article:
        return Article(f"en/{number}", "en", "lead", 2020, (party,), (Sentence("x", (area,), "", 1), Sentence("y", (), "general", 2)))

    articles = [article(i, "Norway", "energy") for i in range(4)] + [article(i, "Japan", a) for i, a in enumerate(("energy", "trade"))]
    assert variety.party_area_shares(articles, 2) == [("Norway", "energy", 1.0, 4), ("Japan", "energy", 0.5, 2)]


def test_translations_are_close_vectors_of_two_languages() -> None:
    rows = [row(f"{lang} {i}", lang=lang, group=lang) for lang in ("vi", "en") for i in range(8)]
    vectors = np.random.default_rng(0).normal(size=(16, 64)).astype(np.float32)
    vectors[10] = vectors[3]  # across the languages
    vectors[12] = vectors[13]  # within one: not this measure's business
    assert [(a, b) for a, b, _ in variety.translated_sentences(rows, vectors, 0.7)] == [(rows[3].id, rows[10].id)]


def test_separability_finds_what_gives_a_text_away() -> None:
    draw = random.Random(1)  # noqa: S311
    words = ["river", "meeting", "joint", "plan", "work", "leader"]

    def sentences(mark: str, start: int) -> list[Row]:
        return [row(" ".join(draw.choices(words, k=8)) + mark, group=str(start + i)) for i in range(60)]

    told = variety.separability(sentences(" zq", 0), sentences("", 100))
    assert told["auc"] > 0.99 and "zq" in "".join(told["ours"])
    assert variety.separability(sentences("", 200), sentences("", 300))["auc"] < 0.75


def test_too_little_text_to_tell_apart_is_one_line() -> None:
    many = [row(f"sentence {i}", group=str(i)) for i in range(60)]
    for ours, others in (([], many), (many, many[:3]), (many, [row("x", group="one")] * 60)):
        with pytest.raises(InputError, match="at least 50 in 5"):
            variety.separability(ours, others)


def test_growth_of_text_without_words_is_nothing() -> None:
    assert variety.growth([row("…", group="a"), row("!", group="b")]) == {"tokens": 0, "types": 0, "exponent": 0.0}


def test_stats_of_the_projects_corpus_beside_and_against_other_text(tmp_path: Path) -> None:
    entries = area_file.load()
    articles = corpus.load(corpus.DEFAULT_FOLDER, {e.area.id for e in entries})[::8]
    beside, against = tmp_path / "beside.jsonl", tmp_path / "against.jsonl"
    beside.write_text(
        "".join(json.dumps({"text": f"Sentence {i} on trade, long enough to be told.", "labels": ["trade"]}) + "\n" for i in range(60))
    )
    against.write_text(
        "".join(json.dumps({"text": f"Our nations {i} strive on. We are one, and we will not yield to fear."}) + "\n" for i in range(80))
    )
    measured = stats.measure(articles, entries, beside, [against])
    assert measured["sentences"] == sum(len(a.sentences) for a in articles)
    assert measured["shapes"]["beside"]["label_counts"]["1"] == 1.0
    assert measured["separability"][0]["auc"] > 0.9 and measured["separability"][0]["auc_of_corpus_from_beside"] > 0.9
    text = stats.describe(measured)
    assert "told from against.jsonl" in text and "trade_integration" in text
    json.dumps(measured)


def test_foreign_text_that_is_no_jsonl_is_named(tmp_path: Path) -> None:
    file = tmp_path / "foreign.jsonl"
    file.write_text('{"words": 1}\n')
    with pytest.raises(InputError, match=r"foreign\.jsonl:1: has no text"):
        stats.foreign_sentences(file)
