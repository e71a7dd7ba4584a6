"""Splits by article and by near-duplicate, with every area in every split, and the check that nothing leaks.

Sentences that nearly repeat one another join their articles into one group (cosine of character 5-gram counts at
least `NEAR`). Groups are then spread by iterative stratification over the union of their areas and their language
(Sechidis et al. 2011), since a random split of rare areas loses some of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from cooptag.errors import InputError
from cooptag.text import normalize

SPLITS = ("train", "validation", "test")
NEAR = 0.8
# Rows below which none are set aside to test on.
SMALL = 2000
# Articles from which a label must be in every split: iterative stratification then brings it there. Rarer ones may miss one.
ENOUGH = 20
# Shorter texts repeat by nature («Photo: VNA»), and say nothing about where they come from; Chinese, Japanese, Korean
# and Thai say three times as much in a character.
SHORTEST, SHORTEST_DENSE = 40, 14


@dataclass(frozen=True)
class Row:
    """One labelled sentence of a dataset; `split` is "" where it is for us to choose."""

    id: str
    text: str
    labels: tuple[str, ...]
    lang: str
    group: str
    split: str = ""
    kind: str = ""
    none_reason: str = ""


def assign(rows: Sequence[Row], seed: int) -> list[str]:
    """The split of each row: of ten folds one validates, one tests, the rest trains. Rows of one group stay together.

    Fewer than `SMALL` rows are too dear to test on: of seven folds one validates, the rest trains.

    :raises InputError: if there are fewer groups than folds.
    """
    names = ["validation"] + ["train"] * 6 if len(rows) < SMALL else ["test", "validation"] + ["train"] * 8
    return [names[fold] for fold in folds(rows, seed, len(names))]


def folds(rows: Sequence[Row], seed: int, n_folds: int) -> npt.NDArray[np.int64]:
    """The fold of each row, (n,): rows of one group, and groups that share a near-duplicate, have one fold.

    :raises InputError: if there are too few groups for `n_folds`.
    """
    groups = merge_near_duplicates(rows)
    n = int(groups.max()) + 1
    if n < n_folds:
        raise InputError(
            f"{n} articles (groups, near-duplicates joined) cannot be split in {n_folds}; "
            f"expected at least {n_folds}, add data or give a split"
        )
    return _stratified_folds(_group_targets(rows, groups, n), n_folds, seed)[groups]


def merge_near_duplicates(rows: Sequence[Row]) -> npt.NDArray[np.int64]:
    """The group number of each row, (n,): rows of one group, and groups that share a near-duplicate, have one number."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    names = {name: i for i, name in enumerate(dict.fromkeys(row.group for row in rows))}
    own = np.array([names[row.group] for row in rows])
    pairs = near_duplicates([row.text for row in rows])
    a, b = own[pairs[:, 0]], own[pairs[:, 1]]
    graph = coo_matrix((np.ones(len(a)), (a, b)), shape=(len(names), len(names)))
    _, component = connected_components(graph, directed=False)
    merged: npt.NDArray[np.int64] = component.astype(np.int64)[own]
    return merged


def near_duplicates(texts: Sequence[str], near: float = NEAR) -> npt.NDArray[np.int64]:
    """Pairs (m, 2) of row numbers, first < second, whose texts nearly repeat one another."""
    from sklearn.feature_extraction.text import HashingVectorizer

    plain = [normalize(text, "und") for text in texts]
    long = np.array([i for i, text in enumerate(plain) if len(text) >= _shortest(text)], dtype=np.int64)
    if len(long) < 2:
        return np.empty((0, 2), dtype=np.int64)
    vectors = HashingVectorizer(analyzer="char", ngram_range=(5, 5), n_features=2**20, alternate_sign=False).transform(
        plain[i] for i in long
    )
    found = []
    block = max(1, min(1000, 20_000_000 // len(long)))  # bounds the memory of the product
    for start in range(0, len(long), block):
        close = (vectors[start : start + block] @ vectors.T).tocoo()
        keep = (close.data >= near) & (close.row + start < close.col)
        found.append(np.stack([long[close.row[keep] + start], long[close.col[keep]]], axis=1))
    return np.concatenate(found)


def _shortest(text: str) -> int:
    dense = sum("\u0e00" <= c <= "\u0eff" or "\u3040" <= c <= "\ud7ff" for c in text)
    return SHORTEST_DENSE if 2 * dense > len(text) else SHORTEST


def _group_targets(rows: Sequence[Row], groups: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    """What each group holds, (n, areas + languages), as 0 and 1."""
    labels = sorted({label for row in rows for label in row.labels})
    langs = sorted({row.lang for row in rows})
    column = {name: i for i, name in enumerate([*labels, *(f"lang {lang}" for lang in langs)])}
    targets = np.zeros((n, len(column)), dtype=np.int64)
    for row, group in zip(rows, groups, strict=True):
        targets[group, [column[label] for label in row.labels]] = 1
        targets[group, column[f"lang {row.lang}"]] = 1
    return targets


def _stratified_folds(targets: npt.NDArray[np.int64], n_folds: int, seed: int) -> npt.NDArray[np.int64]:
    from iterstrat.ml_stratifiers import MultilabelStratifiedKFold

    fold = np.zeros(len(targets), dtype=np.int64)
    splitter = MultilabelStratifiedKFold(n_splits=n_folds, shuffle=True, random_state=seed)
    for number, (_, members) in enumerate(splitter.split(np.zeros(len(targets)), targets)):
        fold[members] = number
    return fold


def check(rows: Sequence[Row], splits: Sequence[str]) -> None:
    """Fails loudly where a group or a near-duplicate crosses splits, or a split lacks an area that it could have.

    :raises InputError: naming the first rows at fault.
    """
    home: dict[str, str] = {}
    for row, split in zip(rows, splits, strict=True):
        if home.setdefault(row.group, split) != split:
            raise InputError(f"leak: group {row.group!r} is in {home[row.group]} and in {split} (row {row.id}); a group stays in one split")
    for a, b in near_duplicates([row.text for row in rows]):
        if splits[a] != splits[b]:
            raise InputError(
                f"leak: {rows[a].id} ({splits[a]}) and {rows[b].id} ({splits[b]}) nearly repeat one another; put them in one split"
            )
    _check_areas(rows, splits)


def _check_areas(rows: Sequence[Row], splits: Sequence[str]) -> None:
    groups: dict[str, set[str]] = {}
    present: dict[str, set[str]] = {split: set() for split in SPLITS}
    for row, split in zip(rows, splits, strict=True):
        present[split] |= set(row.labels)
        for label in row.labels:
            groups.setdefault(label, set()).add(row.group)
    for split in SPLITS:
        lost = sorted(label for label, members in groups.items() if label not in present[split] and len(members) >= ENOUGH)
        if lost and any(s == split for s in splits):
            raise InputError(f"split {split} has no sentence of {', '.join(lost)}; change the seed or add articles with them")


Item = TypeVar("Item")


def evenly(items: Sequence[Item], most: int) -> list[Item]:
    """At most so many of the items, evenly drawn, first and last among them."""
    return [items[int(i)] for i in np.linspace(0, len(items) - 1, min(most, len(items)))]


def by_language(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows of each language, in their order."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.lang, []).append(row)
    return groups


def check_forbidden(rows: Sequence[Row], forbidden: Sequence[str], run: int = 48) -> None:
    """Fails where a row `shares` text with what must stay out.

    :raises InputError: naming the first such row.
    """
    for row, found in zip(rows, shares([row.text for row in rows], forbidden, run), strict=True):
        if found:
            raise InputError(f"leak: {row.id} holds text of the forbidden set ({row.text[:40]!r}…); remove it")


def shares(texts: Sequence[str], forbidden: Sequence[str], run: int = 48) -> list[bool]:
    """Which texts share `run` letters and digits in a row with one that must stay out, or are all of a short one."""
    squeezed = [_squeeze(text) for text in forbidden]
    known = {s[i : i + run] for s in squeezed for i in range(len(s) - run + 1)}
    whole = {s for s in squeezed if len(s) >= SHORTEST_DENSE}
    found = []
    for text in texts:
        s = _squeeze(text)
        found.append(s in whole or any(s[i : i + run] in known for i in range(len(s) - run + 1)))
    return found


def _squeeze(text: str) -> str:
    import unicodedata

    return "".join(c for c in unicodedata.normalize("NFC", text).casefold() if c.isalnum())
