"""Training-time augmentation, drawn once from the seed so that a resumed run sees the same rows. Not part of the corpus."""

import random
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace

from cooptag_training.areas import AreaEntry
from cooptag_training.config import Augment
from cooptag_training.split import Row

# Joined by what stands between sentences in running text of scripts with and without spaces.
UNSPACED = ("zh", "ja", "th", "lo", "km", "my")


def augment(rows: Sequence[Row], config: Augment, entries: Sequence[AreaEntry], seed: int) -> list[Row]:
    """The training rows and their additions; `entries` may be empty, then `config.cues` adds nothing."""
    draw = random.Random(seed)  # noqa: S311
    changed = [
        *_changed(rows, config.strip_accents, strip_accents, draw, only="vi"),
        *_changed(rows, config.lower, str.lower, draw),
        *_changed(rows, config.upper, str.upper, draw),
    ]
    return [*rows, *_joined(rows, config.join, draw), *changed, *_cues(entries, config.cues, draw)]


def strip_accents(text: str) -> str:
    """Vietnamese as typed without diacritics: «hợp tác» → «hop tac», «Đông» → «Dong»."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return bare.replace("đ", "d").replace("Đ", "D")


def _changed(rows: Sequence[Row], share: float, change: Callable[[str], str], draw: random.Random, only: str = "") -> list[Row]:
    chosen = [row for row in rows if (not only or row.lang == only) and draw.random() < share]
    return [replace(row, id=f"{row.id} {change.__name__}", text=change(row.text)) for row in chosen]


def _joined(rows: Sequence[Row], share: float, draw: random.Random) -> list[Row]:
    by_lang: dict[str, list[Row]] = {}
    for row in rows:
        by_lang.setdefault(row.lang, []).append(row)
    joined = []
    for row in draw.choices(rows, k=round(share * len(rows))) if rows else []:
        parts = [row, *draw.choices(by_lang[row.lang], k=draw.choice((1, 1, 2)))]
        text = ("" if row.lang in UNSPACED else " ").join(part.text for part in parts)
        labels = tuple(sorted({label for part in parts for label in part.labels}))
        joined.append(replace(row, id=" + ".join(part.id for part in parts), text=text, labels=labels))
    return joined


def _cues(entries: Sequence[AreaEntry], count: int, draw: random.Random) -> list[Row]:
    rows = []
    for entry in entries:
        for lang, cues in entry.cues.items():
            pool = [entry.area.name(lang), *cues]
            rows += [_cue_row(entry, lang, cue) for cue in draw.sample(pool, min(count, len(pool)))]
        rows += [_cue_row(entry, "en", body) for body in draw.sample(entry.bodies, min(count, len(entry.bodies)))]
    return rows


def _cue_row(entry: AreaEntry, lang: str, text: str) -> Row:
    return Row(f"cue {entry.area.id} {lang} {text}", text, (entry.area.id,), lang, f"cue {entry.area.id}", "train")
