"""Trims the vocabulary of a multilingual encoder to the pieces that the supported languages use.

Four fifths of multilingual-e5-small's parameters are its 250 k embeddings. Kept are: the special pieces; every
one-character piece of the scripts below (so that no character of theirs becomes <unk>); every piece of the scripts
that are small; the pieces that the corpus uses at least twice; and those that the most frequent words of the other languages use
(word lists: wordfreq, Speer 2022). A text made of kept pieces is encoded exactly as by the untrimmed tokenizer.
"""

import itertools
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import BertModel, PreTrainedTokenizerFast

# Scripts of the corpus languages by the first word(s) of their characters' Unicode names.
SCRIPTS = (
    "LATIN", "CJK UNIFIED", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "THAI", "LAO", "KHMER", "MYANMAR",
    "CYRILLIC", "ARABIC", "DEVANAGARI", "TAMIL", "DIGIT", "COMBINING", "FULLWIDTH",
)  # fmt: skip
# Kept whole: no word list has them, or they are small enough not to choose (4,334 pieces at most, Thai).
WHOLE_SCRIPTS = ("THAI", "LAO", "KHMER", "MYANMAR", "TAMIL", "HIRAGANA", "KATAKANA")
# wordfreq's languages among ours, with the weight of their word frequencies: Vietnamese and English come first.
WORD_LISTS = {
    "vi": 4.0, "en": 4.0, "id": 2.0, "ms": 1.0, "fil": 1.0, "fr": 1.0, "es": 1.0, "de": 0.5, "pt": 0.5, "ru": 0.5,
    "ar": 0.5, "hi": 0.5, "zh": 1.0, "ja": 1.0, "ko": 1.0,
}  # fmt: skip
WORDS = 25_000
N_SPECIAL = 4
# Bump it when the choice of pieces changes: trimmed encoders are kept by it.
VERSION = 2
# A piece that the corpus uses once is mostly part of a rare name: it competes with the pieces of frequent words.
FEWEST_USES = 2


@dataclass(frozen=True)
class TrimReport:
    """What trimming kept and lost. `changed` counts texts whose encoding differs from the untrimmed tokenizer's."""

    pieces_before: int
    pieces_after: int
    parameters_before: int
    parameters_after: int
    texts: int
    changed: int
    tokens_before: int
    tokens_after: int
    unknown_before: int
    unknown_after: int

    def to_dict(self) -> dict[str, int]:
        """The report as JSON values."""
        return asdict(self)


def choose_pieces(tokenizer: "PreTrainedTokenizerFast", texts: Iterable[str], size: int) -> list[int]:
    """The ids to keep, ascending: what the scripts and the texts need, then the most frequent pieces up to `size`."""
    pieces = _pieces(tokenizer)
    keep = set(range(N_SPECIAL)) | {i for i, piece in enumerate(pieces) if piece == "<mask>" or _kept_by_script(piece)}
    uses = Counter(itertools.chain.from_iterable(tokenizer(list(texts), add_special_tokens=False)["input_ids"]))
    keep |= {piece for piece, n in uses.items() if n >= FEWEST_USES}
    frequency = _piece_frequency(tokenizer)
    ranked = sorted((i for i in frequency if i not in keep), key=lambda i: (-frequency[i], i))
    return sorted(keep | set(ranked[: max(0, size - len(keep))]))


def _piece_frequency(tokenizer: "PreTrainedTokenizerFast") -> dict[int, float]:
    """How often running text of any one language uses each piece: the highest weighted frequency over languages."""
    best: dict[int, float] = {}
    for lang, weight in WORD_LISTS.items():
        words, frequencies = _frequent_words(lang)
        total: dict[int, float] = {}
        for ids, frequency in zip(tokenizer(words, add_special_tokens=False)["input_ids"], frequencies, strict=True):
            for i in ids:
                total[i] = total.get(i, 0.0) + weight * frequency
        for i, value in total.items():
            best[i] = max(best.get(i, 0.0), value)
    return best


def _pieces(tokenizer: "PreTrainedTokenizerFast") -> list[str]:
    vocabulary = tokenizer.get_vocab()
    return sorted(vocabulary, key=vocabulary.__getitem__)


@lru_cache(maxsize=200_000)
def _script(character: str) -> str:
    """The character's script, a member of `SCRIPTS`, or "" for another script, or "common" for signs and marks."""
    name = unicodedata.name(character, "")
    for script in SCRIPTS:
        if name.startswith(script):
            return script
    return "" if unicodedata.category(character)[0] in "LM" else "common"


def _kept_by_script(piece: str) -> bool:
    body = piece.lstrip("▁")
    if len(body) <= 1:
        return not body or _script(body) != ""
    scripts = {_script(c) for c in body}
    return len(scripts) == 1 and scripts <= set(WHOLE_SCRIPTS)


def _frequent_words(lang: str) -> tuple[list[str], list[float]]:
    """Frequent words with their frequency, also capitalised (at a tenth) and, where words are not spaced, after a comma."""
    from wordfreq import get_frequency_dict

    ranked = sorted(get_frequency_dict(lang, wordlist="best").items(), key=lambda item: (-item[1], item[0]))[:WORDS]
    unspaced = lang in ("zh", "ja")
    shapes = [(f",{w}", f) for w, f in ranked] if unspaced else [(w.capitalize(), f / 10) for w, f in ranked]
    words, frequencies = zip(*ranked, *shapes, strict=True)
    return list(words), list(frequencies)


def trim(model: "BertModel", tokenizer: "PreTrainedTokenizerFast", keep: Sequence[int]) -> "tuple[BertModel, PreTrainedTokenizerFast]":
    """A new model and tokenizer of the kept pieces alone; embeddings are the kept rows, unchanged.

    :raises ValueError: if `keep` is not ascending or lacks the special pieces.
    """
    import torch

    from cooptag_training.pretrained import build_tokenizer

    keep = list(keep)
    if keep[:N_SPECIAL] != list(range(N_SPECIAL)) or any(a >= b for a, b in itertools.pairwise(keep)):
        raise ValueError("kept ids must ascend and start with the special pieces 0 to 3")
    pieces = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["vocab"]
    small = build_tokenizer([(piece, score) for piece, score in (pieces[i] for i in keep)], tokenizer.model_max_length)
    rows = model.embeddings.word_embeddings.weight.detach()[keep].clone()
    model.embeddings.word_embeddings = torch.nn.Embedding.from_pretrained(rows, freeze=False, padding_idx=small.pad_token_id)
    model.config.vocab_size = len(keep)
    return model, small


def compare(
    before: "PreTrainedTokenizerFast",
    after: "PreTrainedTokenizerFast",
    texts: Sequence[str],
    parameters: tuple[int, int],
) -> TrimReport:
    """Encodes real texts with both tokenizers and counts what trimming changed; `parameters` are (before, after)."""
    old, new = before(list(texts))["input_ids"], after(list(texts))["input_ids"]
    old_pieces, new_pieces = _pieces(before), _pieces(after)
    changed = sum([old_pieces[i] for i in a] != [new_pieces[i] for i in b] for a, b in zip(old, new, strict=True))
    return TrimReport(
        pieces_before=len(old_pieces), pieces_after=len(new_pieces),
        parameters_before=parameters[0], parameters_after=parameters[1],
        texts=len(texts), changed=changed,
        tokens_before=sum(map(len, old)), tokens_after=sum(map(len, new)),
        unknown_before=sum(ids.count(before.unk_token_id) for ids in old),
        unknown_after=sum(ids.count(after.unk_token_id) for ids in new),
    )  # fmt: skip
