"""Which sentences to label next: those that teach most, no two alike, and a random share.

Three measures say what a sentence is worth; each is taken as its rank among the candidates, so that none needs a scale:

- uncertainty: how many of its areas the model expects to get wrong;
- rare areas: the scores of its areas, each divided by the root of how often that area has been labelled;
- disagreement: how far two models' scores lie apart (query by committee, Seung et al. 1992).

What is chosen has the highest product of their mean and its distance from all that is labelled or chosen already, one after the
other (diversity: k-center greedy, Sener & Savarese 2018). What each brings: EXPERIMENTS.md, "The labelling loop".
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cooptag import Tagger
from cooptag.errors import UsageError
from cooptag.text import normalize
from cooptag.types import AreaScore
from cooptag_training.annotation import Item, Suggestion, Task
from cooptag_training.articles import RawArticle
from cooptag_training.split import Row

Floats = npt.NDArray[np.floating]
RANDOM, DIVERSITY = "random sample", "diversity"
# Labelled sentences that distances are measured to; more change nothing that shows.
MOST_KNOWN = 5000


@dataclass(frozen=True)
class Pool:
    """What is known of N candidates.

    :param scores: calibrated scores (N, A) of the model to improve; A is 0 where it knows none of the areas to label.
    :param expected_errors: how many areas of each it expects to get wrong, (N,). :param vectors: sentence vectors (N, H).
    :param labelled: how many labelled sentences carry each area, (A,). :param known: vectors (M, H) of labelled sentences.
    :param others: another model's scores (N, A), or None.
    """

    scores: Floats
    expected_errors: Floats
    vectors: Floats
    labelled: Floats
    known: Floats
    others: Floats | None = None

    def measures(self) -> dict[str, Floats]:
        """What each candidate is worth by each measure, as its rank in (0, 1], (N,); none where the model knows no area."""
        if not self.scores.shape[1]:
            return {}
        found = {"uncertainty": self.expected_errors, "rare areas": (self.scores / np.sqrt(1 + self.labelled)).sum(axis=1)}
        if self.others is not None:
            found["disagreement"] = np.abs(self.scores - self.others).sum(axis=1)
        return {name: _ranks(values) for name, values in found.items()}


def choose(pool: Pool, count: int, random_share: float = 0.1, seed: int = 0) -> list[tuple[int, str]]:
    """The number of each chosen candidate and why it was chosen; the random ones first, drawn from all candidates alike.

    What is drawn at random is an unbiased sample of the candidates: measure on it, not on the rest.
    """
    rng = np.random.default_rng(seed)
    count = min(count, len(pool.vectors))
    measures = pool.measures()
    worth = np.mean(list(measures.values()), axis=0) if measures else np.ones(len(pool.vectors))
    vectors, known = _unit(pool.vectors, pool.vectors), _unit(pool.known, pool.vectors)
    nearest = _nearest(vectors, known)
    free = np.ones(len(vectors), dtype=bool)
    chosen: list[tuple[int, str]] = []
    at_random = iter(rng.permutation(len(vectors))[: round(count * random_share)])
    while len(chosen) < count:
        drawn = next(at_random, None)
        i = int(np.argmax(np.where(free, worth * (1 - nearest), -1)) if drawn is None else drawn)
        reason = max(measures, key=lambda name: measures[name][i], default=DIVERSITY)
        chosen.append((i, reason if drawn is None else RANDOM))
        free[i], nearest = False, np.maximum(nearest, vectors @ vectors[i])
    return chosen


def _nearest(vectors: Floats, known: Floats, at_once: int = 1000) -> Floats:
    """The highest cosine of each vector (N,) with any known one, -1 where there is none; some at a time, for the sake of memory."""
    highest = np.full(len(vectors), -1.0)
    for start in range(0, len(vectors) if len(known) else 0, at_once):
        highest[start : start + at_once] = (vectors[start : start + at_once] @ known.T).max(axis=1)
    return highest


def _ranks(values: Floats) -> Floats:
    """Equal values share the mean of their ranks, and all are above 0: what is worth nothing still goes before a copy of another."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[group] / len(values))


def _unit(vectors: Floats, of: Floats) -> Floats:
    """Vectors (n, H) from the mean of `of`, of length 1: encoders put all texts into one narrow cone."""
    if not len(vectors):
        return np.zeros((0, of.shape[1]))
    from_mean = np.asarray(vectors, dtype=np.float64) - of.mean(axis=0)
    return np.asarray(from_mean / np.maximum(np.linalg.norm(from_mean, axis=1, keepdims=True), 1e-9))


def pool_of(
    texts: Sequence[str], tagger: Tagger, second: Tagger | None, areas: Collection[str], labelled: Sequence[Row], seed: int = 0
) -> Pool:  # fmt: skip
    """What the models say of texts, beside what is labelled already.

    :param second: another model of the same areas, to disagree with; None leaves disagreement out.
    :param areas: those to label; what the models say of others does not count.
    :raises UsageError: if the two models tag with different areas.
    """
    if second is not None and second.decoder.areas != tagger.decoder.areas:
        raise UsageError(f"{second.folder.path}: has other areas than {tagger.folder.path}; name two models of one label set")
    asked = np.array([area in areas for area in tagger.decoder.areas])
    scores = np.nan_to_num(tagger.decoder.scores(tagger.logits(texts)))
    chosen = tagger.decoder.decide(scores)
    counts = {area: sum(area in row.labels for row in labelled) for area in tagger.decoder.areas}
    sample = [labelled[i].text for i in np.random.default_rng(seed).permutation(len(labelled))[:MOST_KNOWN]]
    return Pool(
        scores=scores[:, asked],
        expected_errors=np.abs(chosen - scores)[:, asked].sum(axis=1),
        vectors=_vectors(tagger, texts),
        labelled=np.array([counts[area] for area in tagger.decoder.areas], dtype=np.float64)[asked],
        known=_vectors(tagger, sample) if sample else np.zeros((0, 1)),
        others=None if second is None else np.nan_to_num(second.decoder.scores(second.logits(texts)))[:, asked],
    )


def _vectors(tagger: Tagger, texts: Sequence[str]) -> Floats:
    """A text that the model cannot read is 0, or its NaN would be in every distance."""
    return np.nan_to_num(tagger.vectors(texts).astype(np.float64))


def candidates(articles: Sequence[RawArticle], known: Collection[str]) -> list[tuple[Item, str]]:
    """The sentences of imported articles that are still to label, each once, with the sentences before and after it.

    :param known: normalised texts of what is labelled, or handed out.
    """
    seen = set(known)
    found = []
    for article in articles:
        for number, text in enumerate(article.sentences):
            if (key := normalize(text, article.lang)) not in seen:
                seen.add(key)
                found.append((_item(article, number), _context(article.sentences, number)))
    return found


def _item(article: RawArticle, number: int) -> Item:
    return Item(
        *(article.id, article.sentences[number], article.lang, number, article.date, article.kind, article.source),
        parties=article.parties,
    )


def _context(sentences: Sequence[str], number: int) -> str:
    return "\n[…]\n".join([*sentences[max(0, number - 1) : number], *sentences[number + 1 : number + 2]])


def tasks(asked: Sequence[tuple[Item, str]], why: Sequence[str], tagger: Tagger, areas: Collection[str]) -> list[Task]:
    """Items, each with its context, as tasks: with those of `areas` that the model gives it, their scores and the words that carried them.

    A model that knows none of the areas suggests nothing, not even that there is none.
    """
    bare = [Task(item, reason, context) for (item, context), reason in zip(asked, why, strict=True)]
    if not set(areas) & set(tagger.decoder.areas):
        return bare
    manifest = tagger.folder.manifest
    model = f"{manifest.name} {manifest.digest[:12]}"
    tagged = tagger.tag([item.text for item, _ in asked], explain=True)
    given = [tuple(_suggestion(area) for area in sentence.areas if area.id in areas) for sentence in tagged]
    return [replace(task, suggestions=suggestions, model=model) for task, suggestions in zip(bare, given, strict=True)]


def _suggestion(area: AreaScore) -> Suggestion:
    return Suggestion(area.id, area.score, " … ".join(words.text for words in area.evidence or ()))
