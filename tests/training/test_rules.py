"""Each rule of the corpus passes on a small corpus that keeps it, and fails on one planted violation."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cooptag.errors import InputError, UsageError
from cooptag.types import Area
from cooptag_training import agreement, areas, corpus, rules
from cooptag_training.agreement import Reading
from cooptag_training.areas import AreaEntry
from cooptag_training.corpus import KINDS, NONE_REASONS, Article, Sentence
from cooptag_training.split import Row

ENTRIES = [
    AreaEntry(Area(name, "economic", {"en": name, "vi": f"{name} vi"}, name), {"en": (f"{name} cue",)}, ())
    for name in ("climate", "energy", "trade")
]
LIMITS = rules.Rules(
    articles=40, sentences=160, sentences_by_language={"vi": 60, "en": 60}, area_sentences={"all": 30, "vi": 10, "en": 10},
    none_sentences={"vi": 2, "en": 2}, off_topic=4, label_counts={"0": (0.2, 0.5), "4+": (0, 0)}, median_characters={"en": (60, 140)},
    kind_articles=2, years=(2010, 2012), year_articles=10, parties=4, party_sentences=10, party_area_share=0.7,
    sectoral_bodies=frozenset({"Bank"}),
    repeated_sentences=0, translated_sentences=2, translated_cosine=0.9, cue_mentions=0.5, cue_sentences=0.5,
    repetition=0.05, growth={"en": 0.5}, separability=0.95, second_readings=40, agreement=0.8,
)  # fmt: skip


def _text(draw: random.Random, n: int = 14) -> str:
    return " ".join("".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(3, 8))) for _ in range(n)).capitalize() + "."


def _article(number: int, draw: random.Random) -> Article:
    lang = ("vi", "en")[number % 2]
    labels = [("climate",), ("energy", "trade"), ("climate", "trade"), ("energy",)]
    draw.shuffle(labels)
    sentences = [Sentence(_text(draw), label, "", 7 + i) for i, label in enumerate(labels)]
    reasons = (NONE_REASONS[number // 2 % len(NONE_REASONS)], NONE_REASONS[(number // 2 + 4) % len(NONE_REASONS)])
    sentences += [Sentence(_text(draw), (), reason, 11 + i) for i, reason in enumerate(reasons)]
    parties = (f"Party {number % 5}", f"Party {number % 7}")
    return Article(f"{lang}/{number}", lang, KINDS[number % len(KINDS)], 2010 + number % 3, parties, tuple(sentences))


def good() -> rules.Corpus:
    """44 articles that keep every rule, with readings of the first forty sentences and vectors that are far apart."""
    draw = random.Random(3)  # noqa: S311
    articles = [_article(number, draw) for number in range(44)]
    pairs = [(a.id, s) for a in articles for s in a.sentences][:40]
    readings = [Reading(a, s.text, frozenset(s.areas), frozenset(s.areas), frozenset(s.areas)) for a, s in pairs]
    vectors = np.random.default_rng(0).normal(size=(sum(len(a.sentences) for a in articles), 64)).astype(np.float32)
    others = [Row(f"other {i}", _text(draw), (), "en", f"other {i // 6}") for i in range(120)]
    return rules.Corpus(articles, ENTRIES, readings, vectors, {"news.jsonl": others})


def _each_sentence(data: rules.Corpus, change: Callable[[Article, Sentence], Sentence]) -> rules.Corpus:
    articles = [replace(a, sentences=tuple(change(a, s) for s in a.sentences)) for a in data.articles]
    now = {
        (a.id, old.text): new
        for a, b in zip(articles, data.articles, strict=True)
        for new, old in zip(a.sentences, b.sentences, strict=True)
    }
    readings = [Reading(r.article, s.text, frozenset(s.areas), frozenset(s.areas), frozenset(s.areas))
                for r in data.readings for s in [now[r.article, r.text]]]  # fmt: skip
    return replace(data, articles=articles, readings=readings)


def _each_article(data: rules.Corpus, **values: object) -> rules.Corpus:
    return replace(data, articles=[replace(a, **values) for a in data.articles])  # type: ignore[arg-type]


def _text_of(data: rules.Corpus, change: Callable[[Article, Sentence], str]) -> rules.Corpus:
    return _each_sentence(data, lambda a, s: replace(s, text=change(a, s)))


def _copy_a_sentence(data: rules.Corpus) -> rules.Corpus:
    other = data.articles[6].sentences[0]
    first = data.articles[8]
    copied = replace(first, sentences=(replace(first.sentences[0], text=other.text), *first.sentences[1:]))
    return replace(data, articles=[copied if a.id == first.id else a for a in data.articles])


def _same_vector(data: rules.Corpus) -> rules.Corpus:
    assert data.vectors is not None
    vectors = data.vectors.copy()
    vectors[6:8] = vectors[0:2]  # the first sentences of a Vietnamese and of an English article
    return replace(data, vectors=vectors)


def _contradict(reading: Reading) -> Reading:
    return replace(reading, second=frozenset({"climate", "energy", "trade"}) - reading.first)


def _with_cues(article: Article, sentence: Sentence) -> str:
    ending = "cue" if article.lang == "en" else "vi"
    return f"{sentence.text} {' '.join(f'{area} {ending}' for area in sentence.areas)}"


def _of_four_words(_: Article, sentence: Sentence) -> str:
    return " ".join(random.Random(sentence.text).choices(["one", "two", "three", "four"], k=14))  # noqa: S311


VIOLATIONS: dict[str, list[Callable[[rules.Corpus], rules.Corpus]]] = {
    "size": [lambda data: replace(data, articles=data.articles[:39], vectors=None)],
    "languages": [lambda data: replace(data, articles=[replace(a, lang="en") if a.lang == "vi" else a for a in data.articles])],
    "areas": [
        lambda data: _each_sentence(data, lambda a, s: replace(s, areas=tuple(x if x != "trade" else "energy" for x in s.areas[:1])))
    ],
    "none reasons": [
        lambda data: _each_sentence(data, lambda a, s: replace(s, none_reason="general") if s.none_reason == "praise" else s),
        lambda data: _each_sentence(data, lambda a, s: replace(s, none_reason="general") if s.none_reason == "off_topic" else s),
    ],
    "label counts": [lambda data: _each_sentence(data, lambda a, s: s if s.areas else replace(s, areas=("trade",), none_reason=""))],
    "lengths": [lambda data: _text_of(data, lambda a, s: " ".join(s.text.split()[:5]) if a.lang == "en" else s.text)],
    "kinds and years": [lambda data: _each_article(data, kind="lead"), lambda data: _each_article(data, year=2011)],
    "parties": [
        lambda data: _each_article(data, parties=("ASEAN", "EU")),
        lambda data: _each_sentence(data, lambda a, s: replace(s, areas=("energy",)) if s.areas and "Party 3" in a.parties else s),
    ],
    "repeated sentences": [_copy_a_sentence],
    "translations": [_same_vector],
    "cues": [lambda data: _text_of(data, _with_cues)],
    "repetition": [lambda data: _text_of(data, lambda a, s: f"{s.text} both sides agreed to further deepen their good and fruitful ties")],
    "growth": [lambda data: _text_of(data, _of_four_words)],
    "separability": [lambda data: _text_of(data, lambda a, s: s.text.replace(".", " §."))],
    "second reading": [
        lambda data: replace(data, readings=data.readings[:39]),
        lambda data: replace(data, readings=[_contradict(r) for r in data.readings]),
        lambda data: replace(
            data, readings=[replace(data.readings[0], settled=frozenset({"climate", "energy", "trade"})), *data.readings[1:]]
        ),
        lambda data: replace(data, readings=[replace(data.readings[0], text="Reworded since."), *data.readings[1:]]),
    ],
}


def _failed(data: rules.Corpus) -> list[str]:
    return [finding.rule for finding in rules.check(data, LIMITS) if finding.problems]


def test_a_good_corpus_passes_every_rule() -> None:
    findings = rules.check(good(), LIMITS)
    assert [f.rule for f in findings] == list(rules.RULES)
    assert not _failed(good()), list(rules.describe(findings))
    rules.require(findings)


def test_every_rule_has_a_planted_violation() -> None:
    assert set(VIOLATIONS) == set(rules.RULES)


@pytest.mark.parametrize(("rule", "plant"), [(rule, plant) for rule, plants in VIOLATIONS.items() for plant in plants])
def test_a_planted_violation_fails_its_rule(rule: str, plant: Callable[[rules.Corpus], rules.Corpus]) -> None:
    findings = rules.check(plant(good()), LIMITS)
    assert rule in [finding.rule for finding in findings if finding.problems], list(rules.describe(findings))
    with pytest.raises(InputError, match=rule):
        rules.require(findings)


def test_one_pair_alone_is_a_standing_formula() -> None:
    data = _same_vector(good())
    assert data.vectors is not None
    data.vectors[7] = -data.vectors[1]
    found = next(finding for finding in rules.check(data, LIMITS) if finding.rule == "translations")
    assert found.measured.startswith("1 pairs of sentences") and not found.problems


def test_what_is_not_given_is_not_checked() -> None:
    findings = rules.check(replace(good(), vectors=None, others={}), LIMITS)
    assert [finding.rule for finding in findings if finding.skipped] == ["translations", "separability"]
    assert "skipped  separability        needs other text" in "\n".join(rules.describe(findings))


def test_a_failed_rule_names_its_problems_and_counts_the_rest() -> None:
    lines = "\n".join(rules.describe(rules.check(_each_article(good(), kind="lead"), LIMITS), most=3))
    assert "FAILED   kinds and years" in lines and "joint_statement: 0, expected at least 2" in lines and "and 13 more" in lines


def test_the_projects_corpus_keeps_every_rule_that_needs_nothing_but_itself() -> None:
    """Translations need the pretrained encoder for minutes, separability other text: `cooptag-train corpus check` looks at both."""
    entries = areas.load()
    articles = corpus.load(corpus.DEFAULT_FOLDER, {entry.area.id for entry in entries})
    readings = agreement.load(corpus.DEFAULT_FOLDER / agreement.FILE_NAME, [entry.area.id for entry in entries])
    findings = rules.check(rules.Corpus(articles, entries, readings), rules.load())
    assert not [finding for finding in findings if finding.problems], "\n".join(rules.describe(findings))


SHIPPED = rules.DEFAULT_FILE.read_text(encoding="utf8")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("articles: 1", "sentences: Field required"),
        (f"{SHIPPED}\narticle: 1", "article: Extra inputs"),
        (SHIPPED.replace('"4+"', '"4"'), "label_counts"),
        (SHIPPED.replace("[2010, 2026]", "[2026, 2010]"), "expected the first year first"),
        ("- articles", "is a list, expected keys and values"),
        (":\n -", "cannot be read as YAML"),
    ],
)
def test_a_broken_rules_file_is_one_line(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "corpus.yaml"
    file.write_text(content, encoding="utf8")
    with pytest.raises(UsageError, match=message) as caught:
        rules.load(file)
    assert "\n" not in str(caught.value)
