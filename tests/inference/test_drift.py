"""What a job is counted by, and whether its sentences are like those of training."""

from dataclasses import replace

import numpy as np
import pytest

from cooptag.jobs import drift
from cooptag.jobs.stats import EXAMPLES, Stats
from cooptag.types import AreaScore, TaggedSentence

AREAS = ("climate", "energy", "trade")


def sentence(n: int, areas: tuple[str, ...] = (), lang: str = "en", **more: object) -> TaggedSentence:
    found = tuple(AreaScore(area, 0.9 - n % 7 / 100) for area in areas)
    return TaggedSentence(0, 9, f"Sentence {n}", lang, found, none=0.02 if areas else 0.97, **more)  # type: ignore[arg-type]


def job(n: int, seed: int = 0, rates: tuple[float, ...] = (0.2, 0.2, 0.2), lang: str = "en", uncertain: float = 0.1) -> Stats:
    """Stats of n sentences, ten to a document."""
    random = np.random.default_rng(seed)
    found = [tuple(a for a, rate in zip(AREAS, rates, strict=True) if random.random() < rate) for _ in range(n)]
    sentences = [sentence(i, areas, lang, uncertain=random.random() < uncertain) for i, areas in enumerate(found)]
    stats = Stats()
    for start in range(0, n, 10):
        stats.document(sentences[start : start + 10], f"doc {start}", "2024-05-06")
    stats.counts["pieces"] = 10 * n
    return stats


@pytest.fixture(scope="module")
def known() -> drift.Reference:
    found = drift.reference(job(2000, seed=1), AREAS)
    assert found is not None
    return found


def verdicts(stats: Stats, known: drift.Reference, own_thresholds: bool = True) -> dict[str, str]:
    return {m["name"]: m["verdict"] for m in drift.compare(stats, known, AREAS, own_thresholds)["measures"]}


@pytest.mark.parametrize("n", [40, 200, 5000])
def test_sentences_of_the_same_kind_are_as_trained(known: drift.Reference, n: int) -> None:
    found = drift.compare(job(n, seed=2), known, AREAS)
    assert found["verdict"] == "as trained" and "Nothing to do" in found["advice"][0]


@pytest.mark.parametrize(
    ("stats", "moved"),
    [
        (job(2000, rates=(0.9, 0.0, 0.0)), {"areas", "scores"}),
        (job(2000, lang="sw"), {"languages"}),
        (job(2000, uncertain=0.9), {"uncertain"}),
        (job(2000, rates=(0.0, 0.0, 0.0)), {"areas", "scores"}),
    ],
)
def test_what_moved_is_named_and_advised_on(known: drift.Reference, stats: Stats, moved: set[str]) -> None:
    found = drift.compare(stats, known, AREAS)
    assert {m["name"] for m in found["measures"] if m["verdict"] == "different"} == moved
    assert found["verdict"] == "different" and len(found["advice"]) == len(moved)


def test_unknown_pieces_are_noticed(known: drift.Reference) -> None:
    stats = job(1000)
    stats.counts["unknown_pieces"] = 500
    assert verdicts(stats, known)["unknown pieces"] == "different"


def test_rates_of_areas_are_not_held_against_other_thresholds(known: drift.Reference) -> None:
    found = verdicts(job(2000, rates=(0.9, 0.0, 0.0), uncertain=0.9), known, own_thresholds=False)
    assert found.keys() == {"scores", "languages", "unknown pieces"}


def test_too_few_sentences_say_nothing(known: drift.Reference) -> None:
    found = drift.compare(job(10), known, AREAS)
    assert found["measures"] == [] and found["verdict"] == "too few to say" and "too few" in found["advice"][0]
    assert drift.compare(Stats(), known, AREAS)["measures"] == []


def test_texts_too_short_to_have_a_language_are_not_foreign(known: drift.Reference) -> None:
    stats = job(1000, lang="und")
    stats.counts["unsupported"] = stats.unsupported["und"] = 900
    assert verdicts(stats, known)["languages"] == "as trained"


def test_a_rare_false_alarm(known: drift.Reference) -> None:
    """The limits of small samples are raised by what chance moves: of 60 jobs of 60 like sentences hardly any is different."""
    alarms = [drift.compare(job(60, seed=seed), known, AREAS)["verdict"] == "different" for seed in range(60)]
    assert sum(alarms) <= 2


@pytest.mark.parametrize("cuts", [(50,), (10, 20, 90), (30, 30)])
def test_parts_add_up_to_the_whole(cuts: tuple[int, ...]) -> None:
    """However a job is cut, and whether its counts were written down in between or not."""
    tagged = [sentence(i, AREAS[: i % 4], uncertain=i % 5 == 0) for i in range(300)]
    parties = [("VN", "ASEAN")[:k] for k in range(3)]
    documents = [(tagged[i : i + 3], f"doc {i}", f"20{i % 20:02}-01", parties) for i in range(0, 300, 3)]
    whole, added = Stats(), Stats()
    for found in documents:
        whole.document(*found)
    for start, stop in zip((0, *cuts), (*cuts, None), strict=True):
        part = Stats()
        for found in documents[start:stop]:
            part.document(*found)
        added.add(Stats.from_dict(part.to_dict()))
    assert added.to_dict() == whole.to_dict()
    assert all(len(rows) == EXAMPLES for rows in whole.examples.values())


def test_an_area_may_be_called_sentences(known: drift.Reference) -> None:
    stats = Stats()
    stats.document([replace(sentence(0), areas=(AreaScore("sentences", 0.8), AreaScore("a|b", 0.8)))], "x", "2020", [["VN"]])
    read = Stats.from_dict(stats.to_dict())
    assert (read.periods["2020"].sentences, read.periods["2020"].areas["sentences"]) == (1, 1)
    assert dict(read.pairs) == {("a|b", "sentences"): 1}
