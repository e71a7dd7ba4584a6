"""Training-time augmentation, drawn once from the seed so that a resumed run sees the same rows. Not part of the corpus."""

import random
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace

from cooptag_training.areas import AreaEntry
from cooptag_training.config import Augment
from cooptag_training.split import Row, by_language

# Joined by what stands between sentences in running text of scripts with and without spaces.
LONGEST_LIST = 9
AND = {
    "vi": " và ", "en": " and ", "id": " dan ", "ms": " dan ", "fil": " at ", "fr": " et ", "es": " y ", "de": " und ", "pt": " e ",
    "th": " และ", "lo": " ແລະ ", "km": " និង", "my": " နှင့် ", "zh": "和", "ja": "及び", "ko": " 및 ", "ru": " и ", "ar": " و", "hi": " और ",
    "ta": " மற்றும் ",
}  # fmt: skip
# Where a clause begins: after a comma and its like, before an "and" and its like.
_JOINS = "|".join(sorted({*(word.strip() for word in AND.values()), "cũng như", "nhằm", "trong đó", "as well as", "including", "serta"}))
_CLAUSE = re.compile(rf"(?<=[,;:，、；،])\s*|\s+(?=(?:{_JOINS})\s)")
UNSPACED = ("zh", "ja", "th", "lo", "km", "my")


def augment(rows: Sequence[Row], config: Augment, entries: Sequence[AreaEntry], seed: int, single: bool = False) -> list[Row]:
    """The training rows and their additions; `entries` may be empty, then `config.cues` adds nothing.

    :param single: each text has exactly one label, and is changed in case and accents alone: joined, it would carry two.
    """
    draw = random.Random(seed)  # noqa: S311
    changed = [
        *_changed(rows, config.strip_accents, strip_accents, draw, only="vi"),
        *_changed(rows, config.lower, str.lower, draw),
        *_changed(rows, config.upper, str.upper, draw),
    ]
    if single:
        return [*rows, *changed]
    lists = _lists(rows, config.lists, entries, draw)
    return [*rows, *_joined(rows, config.join, draw), *lists, *changed, *_cues(entries, config.cues, draw)]


def recombined(rows: Sequence[Row], config: Augment, seed: int) -> list[Row]:
    """Clauses of the rows cut out and mixed, without labels: a teacher says what they carry."""
    draw = random.Random(seed)  # noqa: S311
    clauses = [[clause for clause in _CLAUSE.split(row.text) if clause.strip()] for row in rows]
    pool: dict[str, list[str]] = {}
    for row, parts in zip(rows, clauses, strict=True):
        pool.setdefault(row.lang, []).extend(part.strip() for part in parts)
    made = []
    for i in draw.choices([i for i, parts in enumerate(clauses) if len(parts) > 2] or [0], k=round(config.cut * len(rows))):
        first, last = sorted(draw.sample(range(len(clauses[i]) + 1), 2)) if len(clauses[i]) > 1 else (0, 1)
        made.append(replace(rows[i], id=f"{rows[i].id} cut", text=_spaced(clauses[i][first:last], rows[i].lang), labels=()))
    for row in draw.choices(rows, k=round(config.mixed * len(rows))):
        parts = draw.choices(pool[row.lang], k=draw.choice((2, 3, 4)))
        made.append(replace(row, id=f"{row.id} mixed", text=_spaced(parts, row.lang), labels=()))
    return made


def _spaced(parts: Sequence[str], lang: str) -> str:
    return ("" if lang in UNSPACED else " ").join(part.strip() for part in parts)


def strip_accents(text: str) -> str:
    """Vietnamese as typed without diacritics: «hợp tác» → «hop tac», «Đông» → «Dong»."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return bare.replace("đ", "d").replace("Đ", "D")


def _changed(rows: Sequence[Row], share: float, change: Callable[[str], str], draw: random.Random, only: str = "") -> list[Row]:
    chosen = [row for row in rows if (not only or row.lang == only) and draw.random() < share]
    return [replace(row, id=f"{row.id} {change.__name__}", text=change(row.text)) for row in chosen]


def _joined(rows: Sequence[Row], share: float, draw: random.Random) -> list[Row]:
    by_lang = by_language(rows)
    joined = []
    for row in draw.choices(rows, k=round(share * len(rows))) if rows else []:
        parts = [row, *draw.choices(by_lang[row.lang], k=draw.choice((1, 1, 2)))]
        text = _spaced([part.text for part in parts], row.lang)
        labels = tuple(sorted({label for part in parts for label in part.labels}))
        joined.append(replace(row, id=" + ".join(part.id for part in parts), text=text, labels=labels))
    return joined


def _lists(rows: Sequence[Row], share: float, entries: Sequence[AreaEntry], draw: random.Random) -> list[Row]:
    listable = [row for row in rows if sum(row.lang in entry.cues for entry in entries) >= LONGEST_LIST]
    return [_with_list(row, entries, draw) for row in draw.choices(listable, k=round(share * len(rows)))] if listable else []


def _with_list(row: Row, entries: Sequence[AreaEntry], draw: random.Random) -> Row:
    """The sentence, its final stop taken off, followed by cues of areas drawn at random."""
    chosen = draw.sample([e for e in entries if row.lang in e.cues], draw.randint(3, LONGEST_LIST))
    items = [draw.choice([entry.area.name(row.lang).lower(), *entry.cues[row.lang]]) for entry in chosen]
    comma = "、" if row.lang in ("zh", "ja") else draw.choice((", ", ", ", "; "))
    last = draw.choice((comma, AND.get(row.lang, comma)))
    text = row.text.rstrip(" .。।။;:") + comma + comma.join(items[:-1]) + last + items[-1] + draw.choice((".", ""))
    labels = tuple(sorted({*row.labels, *(entry.area.id for entry in chosen)}))
    return replace(row, id=f"{row.id} + list", text=text, labels=labels)


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
