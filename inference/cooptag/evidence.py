"""Why a sentence got an area: the words that carried it, and the labelled sentences nearest to it.

A logit is the sum of what each token adds to it (label-wise attention times value, see the training side's model.py),
so the words are read off the same pass that made the score; nothing is estimated. That they really carry it is
checked by deleting them (comprehensiveness, DeYoung et al. 2020): the score without them stands beside the score.
"""

import io
import json
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cooptag.errors import ModelError
from cooptag.text import normalize
from cooptag.types import Evidence, Example

if TYPE_CHECKING:
    from cooptag.encoder import Reading

# Words are added, strongest first, until they hold this share of everything that speaks for the area.
SHARE = 0.7
MAX_WORDS = 8
NEAREST = 3
# These scripts put no spaces between words: there a piece of the tokenizer stands for a word.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


class Word(NamedTuple):
    """A word of a text, `text[start:end]`, and what it adds to each logit, (A,)."""

    start: int
    end: int
    weights: npt.NDArray[np.float32]


def words(text: str, reading: "Reading") -> list[Word]:
    """The words of a normalised text with what they add: the tokens between two spaces together, signs at the edges cut off."""
    found: list[Word] = []
    for (start, end), weights in zip(reading.offsets, reading.contributions, strict=True):
        while start < end and text[start].isspace():
            start += 1
        if start >= end:
            continue
        joined = found and found[-1].end == start and not _UNSPACED.search(text, start - 1, end)
        if joined:
            found[-1] = Word(found[-1].start, end, found[-1].weights + weights)
        else:
            found.append(Word(start, end, weights))
    return [word for word in (_trimmed(text, word) for word in found) if word.start < word.end]


def _trimmed(text: str, word: Word) -> Word:
    start, end = word.start, word.end
    while start < end and not text[start].isalnum() and not _mark(text[start]):
        start += 1
    while end > start and not text[end - 1].isalnum() and not _mark(text[end - 1]):
        end -= 1
    return Word(start, end, word.weights)


def _mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def carriers(found: Sequence[Word], area: int) -> list[Word]:
    """The words that carry an area, in the order of the text: the strongest, until they hold `SHARE` of what speaks for it."""
    for_it = sorted((word for word in found if word.weights[area] > 0), key=lambda word: -word.weights[area])
    total = sum(float(word.weights[area]) for word in for_it)
    chosen: list[Word] = []
    held = 0.0
    for word in for_it[:MAX_WORDS]:
        if chosen and held >= SHARE * total:
            break
        chosen.append(word)
        held += float(word.weights[area])
    return sorted(chosen, key=lambda word: (word.start, word.end))


def locate(sentence: str, normalised: str, lang: str) -> list[tuple[int, int]]:
    """The span of the sentence that each code point of the normalised text came from, (len(normalised),). Linear.

    Words are normalised one by one; within a word whose length changed, code points are matched letter by letter, marks following.
    """
    if sentence == normalised:
        return [(i, i + 1) for i in range(len(sentence))]
    spans: list[tuple[int, int]] = []
    for match in re.finditer(r"\S+", sentence):
        word = normalize(match[0], lang)
        if not word:
            continue
        if spans:
            spans.append((spans[-1][1], match.start()))  # the space between
        spans.extend(_within(match[0], word, match.start()))
    if len(spans) != len(normalised):  # what only the whole text shows, such as Zawgyi: the places are estimated
        ratio = len(sentence) / max(1, len(normalised))
        return [(int(i * ratio), max(int(i * ratio) + 1, int((i + 1) * ratio))) for i in range(len(normalised))]
    return spans


def _within(given: str, word: str, start: int) -> list[tuple[int, int]]:
    """Where each code point of a normalised word came from in the word as given, which stands at `start`."""
    if len(given) == len(word):
        return [(start + i, start + i + 1) for i in range(len(word))]
    places = [i for i, c in enumerate(given) if _stays(c)]
    if len(places) != sum(map(_stays, word)) or not places:
        return [(start, start + len(given))] * len(word)
    ends = [*places[1:], len(given)]
    spans, at = [], -1
    for c in word:
        at += _stays(c)
        spans.append((start + places[max(at, 0)], start + ends[max(at, 0)]))
    return spans


def _stays(character: str) -> bool:
    """Whether normalising keeps a character for itself; invisible ones and marks it may drop or join to others."""
    return unicodedata.category(character) not in ("Mn", "Cf", "Cc")


def spans(sentence: str, chosen: Sequence[Word], origin: Sequence[tuple[int, int]], area: int) -> tuple[Evidence, ...]:
    """The chosen words as spans of the sentence as given; neighbours with only white space between are one span."""
    merged: list[tuple[int, int, float]] = []
    for word in chosen:
        start, end, weight = origin[word.start][0], origin[word.end - 1][1], float(word.weights[area])
        if merged and not sentence[merged[-1][1] : start].strip():
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]), merged[-1][2] + weight)
        else:
            merged.append((start, end, weight))
    return tuple(Evidence(start, end, sentence[start:end], round(weight, 3)) for start, end, weight in merged if start < end)


def without(sentence: str, evidence: Sequence[Evidence]) -> str:
    """The sentence with its evidence deleted."""
    parts, at = [], 0
    for words_ in evidence:
        parts.append(sentence[at : words_.start])
        at = words_.end
    return "".join([*parts, sentence[at:]])


class Examples:
    """The labelled sentences that a model folder carries, for showing the nearest; none in some folders.

    `examples.npz` holds their vectors, centred, projected (H, k) and rounded to 8 bits (n, k), their areas as bits
    (n, ceil(A / 8)), and texts and languages as compressed JSON. It is read without pickle.

    :raises ModelError: if the file is not of that form.
    """

    def __init__(self, raw: bytes, file: object, areas: Sequence[str]) -> None:
        self._areas = tuple(areas)
        try:
            with np.load(io.BytesIO(raw), allow_pickle=False) as stored:
                self._centre, self._projection = stored["centre"].astype(np.float32), stored["projection"].astype(np.float32)
                self._vectors = _unit(stored["vectors"].astype(np.float32))
                bits = np.unpackbits(stored["areas"], axis=1, count=len(areas))
                rows = json.loads(zlib.decompress(stored["texts"].tobytes()))
            self._carries: npt.NDArray[np.bool_] = bits.astype(bool)
            self._rows: list[tuple[str, str]] = [(str(text), str(lang)) for text, lang in rows]
            if not len(self._vectors) == len(self._carries) == len(self._rows):
                raise ValueError("its parts have different lengths")
        except (OSError, KeyError, ValueError, TypeError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            raise ModelError(f"{file}: is not a set of examples ({error}); get the folder again") from error

    def nearest(self, vector: npt.NDArray[np.float32], area: int, count: int = NEAREST) -> tuple[Example, ...]:
        """The labelled sentences nearest to a text's mean vector (H,) among those that carry an area, nearest first."""
        members = np.flatnonzero(self._carries[:, area])
        if not len(members):
            return ()
        similarity = self._vectors[members] @ _unit((vector - self._centre) @ self._projection)
        order = np.argsort(-similarity, kind="stable")[:count]
        return tuple(self._example(int(members[i]), float(similarity[i])) for i in order)

    def _example(self, row: int, similarity: float) -> Example:
        text, lang = self._rows[row]
        areas = tuple(area for area, carried in zip(self._areas, self._carries[row], strict=True) if carried)
        return Example(text, lang, areas, round(similarity, 3))


def pack(texts: Sequence[tuple[str, str]], vectors: npt.NDArray[np.floating], carries: npt.NDArray[np.bool_], width: int = 64) -> bytes:
    """`examples.npz` for n (text, language) pairs with mean vectors (n, H) and areas (n, A); no rows make an empty set."""
    vectors = np.asarray(vectors, dtype=np.float32)
    centre = vectors.mean(axis=0) if len(vectors) else np.zeros(vectors.shape[1], dtype=np.float32)
    # The directions in which the sentences differ most (principal components).
    projection = np.linalg.svd(vectors - centre, full_matrices=False)[2][:width].T if len(vectors) else np.zeros((vectors.shape[1], 1))
    low = (vectors - centre) @ projection
    scale = np.abs(low).max(axis=1, keepdims=True) / 127 if len(vectors) else 1.0
    raw: Any = io.BytesIO()
    np.savez(
        raw, centre=centre.astype(np.float16), projection=projection.astype(np.float16),
        vectors=np.rint(low / np.where(scale == 0, 1, scale)).astype(np.int8), areas=np.packbits(carries, axis=1),
        texts=np.frombuffer(zlib.compress(json.dumps(texts, ensure_ascii=False).encode("utf8", "replace"), 9), dtype=np.uint8),
    )  # fmt: skip
    return bytes(raw.getvalue())


def _unit(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(length == 0, 1, length), dtype=np.float32)
