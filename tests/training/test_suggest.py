"""Which sentences are labelled next: no two alike, the rare and the unsure first, and a share that is drawn like any other."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import write_tiny_model

from cooptag import Tagger
from cooptag.errors import UsageError
from cooptag_training import suggest
from cooptag_training.annotation import Item
from cooptag_training.articles import RawArticle
from cooptag_training.split import Row
from cooptag_training.suggest import DIVERSITY, RANDOM, Pool, choose

TEXTS = ("They agreed on climate cooperation.", "Trade and energy cooperation.", "Nothing was agreed.", "Hợp tác năng lượng.")


@pytest.fixture(scope="module")
def tagger(tiny_model: Path) -> Tagger:
    return Tagger.load(tiny_model, device="cpu")


def pool(n: int = 60, n_areas: int = 4, n_known: int = 20, seed: int = 0, **changed: Any) -> Pool:
    draw = np.random.default_rng(seed)
    made = Pool(
        scores=draw.random((n, n_areas)),
        expected_errors=draw.random(n),
        vectors=draw.normal(size=(n, 8)),
        labelled=np.full(n_areas, 10.0),
        known=draw.normal(size=(n_known, 8)),
    )
    return replace(made, **changed)


def numbers(chosen: Sequence[tuple[int, str]]) -> list[int]:
    return [i for i, _ in chosen]


# --------------------------------------------------------------------------------------------------------- choose


def test_the_random_ones_come_first_and_each_says_why() -> None:
    others = np.random.default_rng(9).random((60, 4))
    chosen = choose(pool(others=others), 40, 0.25)
    reasons = [why for _, why in chosen]
    assert len(set(numbers(chosen))) == 40
    assert reasons[:10] == [RANDOM] * 10
    assert set(reasons[10:]) == {"uncertainty", "rare areas", "disagreement"}
    assert {why for _, why in choose(pool(), 60, 0)} == {"uncertainty", "rare areas"}, "one model does not disagree"


def test_the_random_share_is_drawn_from_all_alike_whatever_they_are_worth() -> None:
    # The first ten are worth much, and what is labelled lies where the last five do.
    base = pool(20, expected_errors=np.linspace(5, 0, 20))
    base = replace(base, known=base.vectors[15:])
    drawn = Counter(i for seed in range(400) for i, why in choose(base, 10, 0.2, seed) if why == RANDOM)
    expected = 400 * 2 / 20
    # Chi-square with 19 degrees of freedom stays below 43.8 in 999 of 1000.
    assert sum((drawn[i] - expected) ** 2 / expected for i in range(20)) < 43.8, drawn


def test_the_seed_decides_and_only_the_seed() -> None:
    assert choose(pool(), 30, 0.5, 3) == choose(pool(), 30, 0.5, 3)
    assert choose(pool(), 30, 0.5, 3) != choose(pool(), 30, 0.5, 4)
    assert choose(pool(), 30, 0, 3) == choose(pool(), 30, 0, 4), "without a random share there is nothing to draw"


@pytest.mark.parametrize("share", [0.0, 0.1, 1.0])
def test_more_than_there_are_means_all_of_them(share: float) -> None:
    assert sorted(numbers(choose(pool(7), 100, share))) == list(range(7))
    assert numbers(choose(pool(1), 5, share)) == [0]


def test_the_measures_are_ranks_and_need_no_scale() -> None:
    base = pool(others=np.zeros((60, 4)))
    stretched = replace(base, expected_errors=1000 * base.expected_errors + 5)
    assert choose(base, 30, 0) == choose(stretched, 30, 0)
    for ranks in base.measures().values():
        assert len(np.unique(ranks)) == 60 and ranks.min() > 0 and ranks.max() == 1
    errors = base.measures()["uncertainty"]
    assert np.argsort(errors).tolist() == np.argsort(base.expected_errors).tolist()


def test_equal_candidates_have_equal_ranks_wherever_they_stand() -> None:
    ranks = pool(5, expected_errors=np.array([2.0, 1.0, 2.0, 1.0, 9.0])).measures()["uncertainty"]
    assert ranks == pytest.approx([0.7, 0.3, 0.7, 0.3, 1.0])


def test_a_copy_waits_until_nothing_else_is_left() -> None:
    """Of 40, the first 10 nearly repeat what is labelled, and the last 10 the 20 between; the copies are worth most."""
    draw = np.random.default_rng(5)
    base = pool(40)
    vectors = base.vectors.copy()
    vectors[30:] = vectors[10:20]
    vectors += draw.normal(scale=1e-6, size=vectors.shape)
    copies = [*range(10), *range(30, 40)]
    errors = np.where(np.isin(np.arange(40), copies), 5.0, 0.1) + draw.random(40) / 100
    made = replace(base, vectors=vectors, known=vectors[:10] + 1e-6, expected_errors=errors, scores=errors[:, None] * np.ones(4))
    first = numbers(choose(made, 20, 0))
    # Of two that repeat one another, the first to be chosen is the one that is worth more.
    assert sorted(i - 20 if i >= 30 else i for i in first) == list(range(10, 30))


def test_what_is_chosen_lies_apart() -> None:
    """Three clusters of ten, all worth about the same: the first three are one of each."""
    centres = np.eye(8)[:3] * 10
    vectors = np.repeat(centres, 10, axis=0) + np.random.default_rng(1).normal(scale=0.1, size=(30, 8))
    made = pool(30, 0, 0, vectors=vectors)
    assert {i // 10 for i in numbers(choose(made, 3, 0))} == {0, 1, 2}


def test_a_direction_that_all_vectors_share_changes_nothing() -> None:
    base = pool()
    assert choose(replace(base, vectors=base.vectors + 10, known=base.known + 10), 30, 0) == choose(base, 30, 0)


def unlike(n: int = 60, **changed: Any) -> Pool:
    """Candidates as far from one another as can be, and nothing labelled: only what they are worth tells them apart."""
    return pool(n, vectors=np.eye(n), known=np.zeros((0, 1)), **changed)


def test_rare_areas_are_favoured() -> None:
    """As sure of the one area as of the other; a thousand sentences carry the first, none the second."""
    rare = np.arange(60) % 2 == 1
    scores = np.where(rare[:, None], [0.1, 0.9], [0.9, 0.1])
    base = unlike(scores=scores, expected_errors=np.ones(60), labelled=np.array([1000.0, 0.0]))
    assert choose(base, 1, 0)[0][1] == "rare areas"
    assert rare[numbers(choose(base, 30, 0))].all()
    assert not rare[numbers(choose(replace(base, labelled=np.array([0.0, 1000.0])), 30, 0))].any()


def test_the_unsure_are_favoured() -> None:
    base = unlike(scores=np.full((60, 4), 0.5))
    assert set(numbers(choose(base, 20, 0))) == set(np.argsort(-base.expected_errors)[:20].tolist())


def test_what_two_models_differ_on_is_favoured() -> None:
    differ = np.arange(60) % 4 == 1
    others = np.where(differ[:, None], [0.9, 0.5], [0.5, 0.5])
    base = unlike(n_areas=2, scores=np.full((60, 2), 0.5), expected_errors=np.ones(60), others=others)
    chosen = choose(base, 15, 0)
    assert differ[numbers(chosen)].all() and {why for _, why in chosen} == {"disagreement"}


@pytest.mark.parametrize("n_known", [0, 20])
def test_a_model_that_knows_no_area_chooses_by_diversity_alone(n_known: int) -> None:
    made = pool(30, 0, n_known)
    assert made.measures() == {}
    chosen = choose(made, 10, 0.2)
    assert [why for _, why in chosen] == [RANDOM] * 2 + [DIVERSITY] * 8
    assert len(set(numbers(chosen))) == 10


def test_without_anything_labelled_nothing_is_near_it() -> None:
    chosen = choose(pool(30, n_known=0, known=np.zeros((0, 1))), 10, 0)
    assert len(set(numbers(chosen))) == 10
    best = np.mean(list(pool(30).measures().values()), axis=0)
    assert chosen[0][0] == int(np.argmax(best)), "the first is the one that is worth most"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_the_pool_so_many_are_chosen_and_each_once(data: st.DataObject) -> None:
    n, m, a = data.draw(st.integers(1, 9)), data.draw(st.integers(0, 4)), data.draw(st.integers(0, 3))
    # Few values: equal scores, equal texts and texts without a vector are common.
    values = st.sampled_from([0.0, 0.5, 1.0])

    def matrix(rows: int, columns: int) -> np.ndarray:
        size = rows * columns
        return np.array(data.draw(st.lists(values, min_size=size, max_size=size))).reshape(rows, columns)

    made = Pool(matrix(n, a), matrix(n, 1)[:, 0], matrix(n, 2), 10 * matrix(a, 1)[:, 0], matrix(m, 2),
                matrix(n, a) if data.draw(st.booleans()) else None)  # fmt: skip
    count, share, seed = data.draw(st.integers(0, 12)), data.draw(st.floats(0, 1)), data.draw(st.integers(0, 99))
    chosen = choose(made, count, share, seed)
    expected = min(count, n)
    assert len(set(numbers(chosen))) == len(chosen) == expected and set(numbers(chosen)) <= set(range(n))
    at_random = [why == RANDOM for _, why in chosen]
    assert at_random == sorted(at_random, reverse=True) and sum(at_random) == round(expected * share)
    assert {why for _, why in chosen} <= {RANDOM, *(made.measures() or [DIVERSITY])}
    assert chosen == choose(made, count, share, seed)


# --------------------------------------------------------------------------------------- what the models say of texts


def row(text: str, *labels: str, lang: str = "en") -> Row:
    return Row("", text, labels, lang, "g")


LABELLED = (row("Climate and trade.", "climate", "trade"), row("Trade.", "trade"), row("They met.", "sport"), row("They sat."))


def test_the_pool_holds_the_areas_that_are_asked_and_known(tagger: Tagger) -> None:
    found = suggest.pool_of(TEXTS, tagger, None, ["sport", "trade", "climate"], LABELLED)
    logits = tagger.logits(TEXTS)[:, [0, 2]]
    assert found.scores == pytest.approx(1 / (1 + np.exp(-logits)))
    assert found.labelled.tolist() == [1, 2]
    assert found.expected_errors == pytest.approx(np.minimum(found.scores, 1 - found.scores).sum(1))
    assert found.vectors.shape == (4, 3) and found.known.shape == (4, 3) and found.others is None


def test_with_areas_that_the_model_lacks_or_nothing_labelled_there_is_still_a_pool(tagger: Tagger) -> None:
    found = suggest.pool_of(TEXTS, tagger, None, ["sport"], [])
    assert found.scores.shape == (4, 0) and len(found.known) == 0
    assert [why for _, why in choose(found, 4, 0)] == [DIVERSITY] * 4


def test_a_text_that_the_model_cannot_score_is_nothing_special(tagger: Tagger, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(compute: Any) -> Any:
        def spoilt(texts: Sequence[str]) -> Any:
            values = np.array(compute(texts))
            values[np.array(["Nothing" in text for text in texts])] = np.nan
            return values

        return spoilt

    monkeypatch.setattr(tagger, "logits", broken(tagger.logits))
    monkeypatch.setattr(tagger, "vectors", broken(tagger.vectors))
    found = suggest.pool_of(TEXTS, tagger, tagger, ["climate", "energy", "trade"], LABELLED)
    parts = (found.scores, found.expected_errors, found.vectors, found.known, found.others)
    assert all(np.isfinite(part).all() for part in parts if part is not None)
    assert sorted(numbers(choose(found, 4, 0))) == [0, 1, 2, 3]
    assert numbers(choose(found, 4, 0))[0] != 2


def test_two_models_must_have_one_label_set(tagger: Tagger, tmp_path: Path) -> None:
    other = Tagger.load(write_tiny_model(tmp_path / "other", ("climate", "trade")), device="cpu")
    with pytest.raises(UsageError, match=r"other: has other areas than .*tiny; name two models of one label set$") as caught:
        suggest.pool_of(TEXTS, tagger, other, ["climate"], [])
    assert "\n" not in str(caught.value)


def test_a_second_model_is_asked_about_the_same_areas(tagger: Tagger) -> None:
    found = suggest.pool_of(TEXTS, tagger, tagger.at(thresholds=0.9), ["trade"], [])
    assert found.others is not None and found.others == pytest.approx(found.scores) and found.others.shape == (4, 1)


# ----------------------------------------------------------------------------------------------- what is still to label


def article(id: str, *sentences: str) -> RawArticle:
    return RawArticle(id, id[:2], "2024-05-01", f"{id}.txt", "speech", ("Canada", "Laos"), sentences)


def test_candidates_are_what_is_neither_labelled_nor_handed_out_each_once_with_its_neighbours() -> None:
    first = article("vi/2024-a", "Câu một.", "Hai bên giữ hoà bình.", "Câu ba.", "Câu bốn.")
    second = article("vi/2024-b", "Câu ba.", "Câu  năm.")
    found = suggest.candidates([first, second], {"Hai bên giữ hòa bình.", "Câu năm."})
    assert [item for item, _ in found] == [
        Item("vi/2024-a", "Câu một.", "vi", 0, "2024-05-01", "speech", "vi/2024-a.txt", ("Canada", "Laos")),
        Item("vi/2024-a", "Câu ba.", "vi", 2, "2024-05-01", "speech", "vi/2024-a.txt", ("Canada", "Laos")),
        Item("vi/2024-a", "Câu bốn.", "vi", 3, "2024-05-01", "speech", "vi/2024-a.txt", ("Canada", "Laos")),
    ]
    contexts = [context for _, context in found]
    assert contexts == ["Hai bên giữ hoà bình.", "Hai bên giữ hoà bình.\n[…]\nCâu bốn.", "Câu ba."]


def test_a_sentence_alone_has_no_context() -> None:
    assert [context for _, context in suggest.candidates([article("en/2024-a", "They met.")], set())] == [""]


# ---------------------------------------------------------------------------------------------------------- the tasks


def asked(*texts: str) -> list[tuple[Item, str]]:
    return [(Item("en/2024-a", text, "en"), "around it") for text in texts]


def test_tasks_suggest_the_areas_asked_with_scores_and_the_words_that_carried_them(tagger: Tagger) -> None:
    [both, nothing] = suggest.tasks(asked("Trade and energy cooperation.", "Nothing was agreed."), ["a", "b"], tagger, ["trade", "sport"])
    [only] = both.suggestions
    assert (only.area, only.evidence) == ("trade", "Trade") and only.score == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-4)
    assert both.model == f"tiny {tagger.folder.manifest.digest[:12]}" == nothing.model
    assert (both.why, both.context, both.item.text) == ("a", "around it", "Trade and energy cooperation.")
    assert nothing.why == "b" and nothing.suggestions == () and not nothing.settles


def test_a_model_that_knows_none_of_the_areas_does_not_even_say_that_there_is_none(tagger: Tagger) -> None:
    for areas in (["sport"], []):
        [task] = suggest.tasks(asked("Trade and energy."), ["a"], tagger, areas)
        assert task.suggestions == () and task.model == "" and task.context == "around it"
