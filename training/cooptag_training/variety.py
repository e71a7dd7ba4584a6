"""Is the corpus as varied as what it will meet? Counts, shapes, repetition, cues, growth, and what tells it from real text.

Nothing here judges: `rules.py` holds the measures against configs/corpus.yaml.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import regex

from cooptag.errors import InputError
from cooptag.text import normalize
from cooptag_training.areas import AreaEntry
from cooptag_training.augment import UNSPACED
from cooptag_training.corpus import Article
from cooptag_training.split import Row, near_duplicates

# Scripts without spaces between words are read in overlapping runs of three characters, which say about as much as a word.
RUN = 3
FEWEST_TO_TELL = 50
WORDS_REPEATED, RUNS_REPEATED = 8, 22
# \w lacks the vowel signs of Thai, Lao, Khmer, Burmese, Hindi and Tamil.
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]+")


@dataclass(frozen=True)
class Table:
    """Counts of one kind of thing by language, most frequent first; `total` is over all languages."""

    by_lang: dict[str, Counter[str]]

    @property
    def total(self) -> Counter[str]:
        return sum(self.by_lang.values(), Counter())

    def rows(self) -> list[dict[str, Any]]:
        """A row for each thing: its name, its count in all and in each language."""
        return [
            {"name": name, "all": n, **{lang: counts[name] for lang, counts in self.by_lang.items() if counts[name]}}
            for name, n in self.total.most_common()
        ]


def _table(pairs: Iterable[tuple[str, str]]) -> Table:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for lang, name in pairs:
        counts[lang][name] += 1
    return Table(dict(counts))


def areas(rows: Sequence[Row]) -> Table:
    """Sentences that carry each area."""
    return _table((row.lang, label) for row in rows for label in row.labels)


def none_reasons(rows: Sequence[Row]) -> Table:
    """Sentences without area, by the reason."""
    return _table((row.lang, row.none_reason) for row in rows if not row.labels)


def kinds(articles: Sequence[Article]) -> Table:
    """Articles of each kind."""
    return _table((article.lang, article.kind) for article in articles)


def years(articles: Sequence[Article]) -> Table:
    """Articles of each year."""
    return _table((article.lang, str(article.year)) for article in articles)


def parties(articles: Sequence[Article]) -> Table:
    """Articles that name each party."""
    return _table((article.lang, party) for article in articles for party in article.parties)


def label_counts(rows: Sequence[Row]) -> dict[str, float]:
    """Share of the sentences that carry 0, 1, 2, 3 and four or more areas."""
    counts = Counter(min(len(row.labels), 4) for row in rows)
    return {f"{n}+" if n == 4 else str(n): counts[n] / max(len(rows), 1) for n in range(5)}


def lengths(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    """Characters a sentence in each language: 10th percentile, median, 90th percentile."""
    by_lang: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        by_lang[row.lang].append(len(row.text))
    return {
        lang: dict(zip(("p10", "median", "p90"), (int(q) for q in np.percentile(values, [10, 50, 90])), strict=True))
        for lang, values in sorted(by_lang.items(), key=lambda item: -len(item[1]))
    }


def party_area_shares(articles: Sequence[Article], fewest: int) -> list[tuple[str, str, float, int]]:
    """For each party with at least `fewest` labelled sentences, its most frequent area and that area's share of them.

    :returns: (party, area, share, labelled sentences), the most one-sided first. A party whose sentences nearly all
        carry one area would teach the model the party's name.
    """
    found: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for article in articles:
        labelled = [s.areas for s in article.sentences if s.areas]
        for party in article.parties:
            found[party] += labelled
    shares = []
    for party, sentences in found.items():
        if len(sentences) >= fewest:
            area, n = Counter(area for labels in sentences for area in labels).most_common(1)[0]
            shares.append((party, area, n / len(sentences), len(sentences)))
    return sorted(shares, key=lambda row: -row[2])


def repeated_sentences(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Ids of sentences of different articles that nearly repeat one another (see `split.near_duplicates`)."""
    pairs = near_duplicates([row.text for row in rows])
    return [(rows[a].id, rows[b].id) for a, b in pairs if rows[a].group != rows[b].group]


def translated_sentences(rows: Sequence[Row], vectors: npt.NDArray[np.float32], near: float) -> list[tuple[str, str, float]]:
    """Pairs of ids in different languages whose sentence vectors nearly coincide: one translates the other.

    :param vectors: (n, H), of the pretrained multilingual encoder; they are centred by language first, since an
        encoder's vectors also tell the language. :param near: least cosine.
    """
    centred = vectors.astype(np.float32)
    langs = np.array([row.lang for row in rows])
    for lang in np.unique(langs):
        centred[langs == lang] -= centred[langs == lang].mean(0)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    found = []
    for start in range(0, len(rows), 1000):  # 1000 rows at a time bound the memory of the product
        cosine = centred[start : start + 1000] @ centred.T
        for i, j in zip(*np.nonzero(cosine >= near), strict=True):
            if start + i < j and langs[start + i] != langs[j]:
                found.append((rows[start + i].id, rows[j].id, float(cosine[i, j])))
    return sorted(found, key=lambda pair: -pair[2])


class CueList:
    """Finds areas by the names, cues and bodies of the area file alone, case ignored: what a keyword search would do."""

    def __init__(self, entries: Sequence[AreaEntry]) -> None:
        self.entries = entries
        self._patterns: dict[str, list[tuple[str, re.Pattern[str]]]] = {}

    def areas(self, text: str, lang: str) -> set[str]:
        """The areas of which `text` holds a cue of its language, or a body."""
        plain = normalize(text, lang).casefold()
        return {area for area, pattern in self._of(lang) if pattern.search(plain)}

    def _of(self, lang: str) -> list[tuple[str, re.Pattern[str]]]:
        if lang not in self._patterns:
            self._patterns[lang] = [(e.area.id, _any_of(e, lang)) for e in self.entries]
        return self._patterns[lang]


def _any_of(entry: AreaEntry, lang: str) -> re.Pattern[str]:
    own = [entry.area.name(lang), *entry.cues.get(lang, ())]
    words = [re.escape(normalize(cue, lang).casefold()) for cue in own]
    bodies = [re.escape(normalize(body, "en").casefold()) for body in entry.bodies]
    if lang in UNSPACED:  # only Latin letters set a body apart there: «与ASEAN合作»
        return re.compile("|".join([*words, *(f"(?<![a-z0-9]){body}(?![a-z0-9])" for body in bodies)]))
    return re.compile("|".join(rf"(?<!\w){phrase}(?!\w)" for phrase in (*words, *bodies)))


def cue_share(rows: Sequence[Row], cues: CueList) -> dict[str, float]:
    """How far a keyword search would come.

    :returns: `mentions`: share of the (sentence, area) pairs whose area has a cue in the sentence; `sentences`: share of the
        sentences with areas in which all are found so; `precision`: share of the areas found that the sentence carries.
    """
    found = [(set(row.labels), cues.areas(row.text, row.lang)) for row in rows]
    labelled = [(gold, hit) for gold, hit in found if gold]
    hits = sum(len(gold & hit) for gold, hit in found)
    return {
        "mentions": hits / max(sum(len(gold) for gold, _ in found), 1),
        "sentences": sum(gold <= hit for gold, hit in labelled) / max(len(labelled), 1),
        "precision": hits / max(sum(len(hit) for _, hit in found), 1),
    }


def tokens(text: str, lang: str) -> list[str]:
    """Words in lower case; overlapping runs of `RUN` characters, in a script without spaces."""
    words: list[str] = _WORD.findall(normalize(text, lang).casefold())
    joined = "".join(words)
    return [joined[i : i + RUN] for i in range(len(joined) - RUN + 1)] if lang in UNSPACED else words


def repetition(rows: Sequence[Row]) -> tuple[float, list[tuple[str, int]]]:
    """Long word sequences that several articles share.

    :returns: the share of running n-grams (8 words, or 24 characters where words have no spaces) that occur in another
        article too, and the ten n-grams of the most articles with their number.
    """
    where: dict[str, set[str]] = defaultdict(set)
    running: Counter[str] = Counter()
    for row in rows:
        for gram in _ngrams(row):
            where[gram].add(row.group)
            running[gram] += 1
    shared = {gram: len(groups) for gram, groups in where.items() if len(groups) > 1}
    share = sum(running[gram] for gram in shared) / max(running.total(), 1)
    return share, sorted(shared.items(), key=lambda item: (-item[1], item[0]))[:10]


def _ngrams(row: Row) -> list[str]:
    words = tokens(row.text, row.lang)
    if row.lang in UNSPACED:  # each run after the first adds one character
        return ["".join([words[i], *(run[-1] for run in words[i + 1 : i + RUNS_REPEATED])]) for i in range(len(words) - RUNS_REPEATED + 1)]
    return [" ".join(words[i : i + WORDS_REPEATED]) for i in range(len(words) - WORDS_REPEATED + 1)]


def growth(rows: Sequence[Row], seed: int = 0) -> dict[str, float]:
    """How the vocabulary grows with the text, articles in random order.

    :returns: tokens, types, and the exponent of Heaps' law (types ~ tokens ** exponent; Heaps 1978) fitted from a tenth of the
        text on. Text rolled out from a few patterns stops growing: its exponent is low.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        groups[row.group] += tokens(row.text, row.lang)
    order = list(groups)
    random.Random(seed).shuffle(order)  # noqa: S311
    seen: set[str] = set()
    read, points = 0, []
    for group in order:
        seen.update(groups[group])
        read += len(groups[group])
        points.append((read, len(seen)))
    curve = np.log(np.array([point for point in points if point[0] >= max(read / 10, 1)], dtype=float).reshape(-1, 2))
    exponent = float(np.polyfit(curve[:, 0], curve[:, 1], 1)[0]) if len(curve) > 1 else 0.0
    return {"tokens": read, "types": len(seen), "exponent": exponent}


def separability(ours: Sequence[Row], others: Sequence[Row], folds: int = 5, seed: int = 0) -> dict[str, Any]:
    """How well character n-grams tell our sentences from others of the same language, and by what.

    A logistic regression on TF-IDF of character 1- to 4-grams within words, cross-validated by article; classes balanced by
    drawing as many of the larger side as the smaller has.

    :raises InputError: if a side has fewer than `FEWEST_TO_TELL` sentences, or fewer groups than `folds`.
    :returns: `auc` (0.5: cannot be told apart), and the n-grams that speak most for `ours` and for `others`.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline

    for name, side in (("ours", ours), ("the other text", others)):
        if len(side) < FEWEST_TO_TELL or len({row.group for row in side}) < folds:
            raise InputError(f"{name}: {len(side)} English sentences in {len({row.group for row in side})} articles; to tell texts apart "
                             f"takes at least {FEWEST_TO_TELL} in {folds}")  # fmt: skip
    draw = random.Random(seed)  # noqa: S311
    n = min(len(ours), len(others))
    rows = [*draw.sample(list(ours), n), *draw.sample(list(others), n)]
    target = np.repeat([1, 0], n)
    model = make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), min_df=5, sublinear_tf=True, lowercase=False),
        LogisticRegression(C=10, max_iter=1000),
    )
    texts, groups = [normalize(row.text, row.lang) for row in rows], [row.group for row in rows]
    scores = cross_val_predict(model, texts, target, groups=groups, cv=StratifiedGroupKFold(folds), method="decision_function")
    model.fit(texts, target)
    names = model[0].get_feature_names_out()
    order = np.argsort(model[1].coef_[0])
    return {
        "n": n, "auc": float(roc_auc_score(target, scores)),
        "ours": [str(names[i]) for i in order[::-1][:20]], "others": [str(names[i]) for i in order[:20]],
    }  # fmt: skip
