"""`cooptag-train corpus stats`: every measure of `variety` over a corpus, as data and as lines for a person."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cooptag.text import segment
from cooptag_training import dataset, jsonl, variety
from cooptag_training.areas import AreaEntry
from cooptag_training.corpus import Article
from cooptag_training.split import Row

# Documents and sentences of the foreign text that are looked at; more move the AUC in the third digit.
MOST_DOCUMENTS, MOST_FOREIGN = 2000, 4000
SHORTEST_FOREIGN = 40


def measure(articles: Sequence[Article], entries: Sequence[AreaEntry], beside: Path | None, against: Sequence[Path]) -> dict[str, Any]:
    """All measures as JSON can hold them.

    :param beside: labelled JSONL whose shapes are shown beside the corpus's. :param against: JSONL of English `text` that the
        English sentences are told from.
    :raises InputError: if a file cannot be read.
    """
    rows = dataset.from_articles(articles)
    cues = variety.CueList(entries)
    by_lang = {lang: [row for row in rows if row.lang == lang] for lang in variety.lengths(rows)}
    real = dataset.from_jsonl(beside) if beside else []
    return {
        "sentences": len(rows), "articles": len(articles),
        "languages": {lang: {"sentences": len(part), "articles": len({row.group for row in part})} for lang, part in by_lang.items()},
        "areas": variety.areas(rows).rows(), "none_reasons": variety.none_reasons(rows).rows(),
        "kinds": variety.kinds(articles).rows(), "years": variety.years(articles).rows(), "parties": variety.parties(articles).rows(),
        "party_area_shares": variety.party_area_shares(articles, 15)[:20],
        "shapes": {"corpus": _shapes(rows, cues), **({"beside": _shapes(real, cues)} if real else {})},
        "cue_share": {lang: variety.cue_share(part, cues) for lang, part in by_lang.items()},
        "repeated_sentences": variety.repeated_sentences(rows),
        "repetition": {lang: dict(zip(("share", "most"), variety.repetition(part), strict=True)) for lang, part in by_lang.items()},
        "growth": {lang: variety.growth(part) for lang, part in by_lang.items()},
        "separability": [_separability(by_lang.get("en", []), real, file) for file in against],
    }  # fmt: skip


def _shapes(rows: Sequence[Row], cues: variety.CueList) -> dict[str, Any]:
    return {
        "sentences": len(rows),
        "label_counts": variety.label_counts(rows),
        "lengths": variety.lengths(rows),
        "cue_share": variety.cue_share(rows, cues),
    }


def _separability(ours: Sequence[Row], real: Sequence[Row], file: Path) -> dict[str, Any]:
    """Also of the real sentences from the same text, where there are some: what an AUC of text of the right kind looks like."""
    foreign = foreign_sentences(file)
    length = min(sum(len(variety.tokens(row.text, row.lang)) for row in side) for side in (ours, foreign))
    result = {
        "file": file.name,
        **variety.separability(ours, foreign),
        "growth_tokens": length,
        "growth_ours": _growth_of(ours, length),
        "growth_theirs": _growth_of(foreign, length),
    }
    english = [row for row in real if row.lang == "en"]
    if len(english) >= variety.FEWEST_TO_TELL:
        result["auc_of_beside"] = variety.separability(english, foreign)["auc"]
        result["auc_of_corpus_from_beside"] = variety.separability(ours, english)["auc"]
    return result


def _growth_of(rows: Sequence[Row], most: int) -> float:
    """The growth exponent over the first `most` tokens: it falls with length, so that only equal lengths compare."""
    part, read = [], 0
    for row in rows:
        if read >= most:
            break
        part.append(row)
        read += len(variety.tokens(row.text, row.lang))
    return variety.growth(part)["exponent"]


def foreign_sentences(file: Path) -> list[Row]:
    """English sentences of a JSONL file of `text`, grouped by `doc` or line, evenly drawn from the whole file.

    :raises InputError: naming the file and what was expected.
    """
    records = jsonl.read(file, "a text on each line", ["text"])
    texts = [(str(record.get("doc", number)), str(record["text"])) for number, record in records]
    found = [
        Row(f"{group}:{start}", text[start:end], (), "en", group)
        for group, text in texts[:: -(-len(texts) // MOST_DOCUMENTS) or 1]
        for start, end, _ in segment(text[:4000], "en")
        if end - start >= SHORTEST_FOREIGN
    ]
    return found[:: -(-len(found) // MOST_FOREIGN) or 1]


def describe(measured: dict[str, Any]) -> str:
    """The measures as lines for a person."""
    return "\n".join(_lines(measured))


def _lines(m: dict[str, Any]) -> Iterator[str]:
    yield f"{m['sentences']} sentences in {m['articles']} articles"
    yield "\nlanguage  sentences  articles  keyword finds  repeated n-grams  growth"
    for lang, n in m["languages"].items():
        yield (f"{lang:<10}{n['sentences']:>9}{n['articles']:>10}{m['cue_share'][lang]['mentions']:>15.0%}"
               f"{m['repetition'][lang]['share']:>18.2%}{m['growth'][lang]['exponent']:>8.2f}")  # fmt: skip
    yield "\nshape           " + "".join(f"{name:>12}" for name in m["shapes"])
    yield from _shape_lines(m["shapes"])
    for name in ("areas", "none_reasons", "kinds", "years"):
        yield from _count_lines(name, m[name])
    yield from _count_lines("parties (most frequent)", m["parties"][:25])
    yield "\nmost one-sided parties"
    yield from (f"{party:<24}{share:>5.0%} {area} of {n}" for party, area, share, n in m["party_area_shares"][:8])
    yield f"\nsentences of different articles that nearly repeat: {len(m['repeated_sentences'])}"
    yield from (f"  {a}  {b}" for a, b in m["repeated_sentences"][:10])
    yield "\nmost shared word sequences"
    for lang, found in m["repetition"].items():
        yield from (f"{lang:<5}{n:>3} articles  {gram}" for gram, n in found["most"][:2])
    for s in m["separability"]:
        yield from _separability_lines(s)


def _shape_lines(shapes: dict[str, Any]) -> Iterator[str]:
    def line(name: str, values: list[str]) -> str:
        return f"{name:<16}" + "".join(f"{value:>12}" for value in values)

    for count in ("0", "1", "2", "3", "4+"):
        yield line(f"{count} areas", [f"{s['label_counts'][count]:.0%}" for s in shapes.values()])
    for lang in ("vi", "en"):
        for key in ("p10", "median", "p90"):
            yield line(f"{lang} {key} char.", [str(s["lengths"].get(lang, {}).get(key, "-")) for s in shapes.values()])
    yield line("keyword finds", [f"{s['cue_share']['mentions']:.0%}" for s in shapes.values()])


def _count_lines(title: str, rows: list[dict[str, Any]]) -> Iterator[str]:
    langs = ("vi", "en", "id", "th")
    yield f"\n{title:<28}{'all':>6}" + "".join(f"{lang:>6}" for lang in langs)
    for row in rows:
        yield f"{row['name']:<28}{row['all']:>6}" + "".join(f"{row.get(lang, 0):>6}" for lang in langs)


def _separability_lines(s: dict[str, Any]) -> Iterator[str]:
    yield f"\ntold from {s['file']} by character n-grams: AUC {s['auc']:.3f} ({s['n']} sentences of each)"
    if "auc_of_beside" in s:
        yield f"  real sentences told from it: AUC {s['auc_of_beside']:.3f}"
        yield f"  the corpus told from the real sentences: AUC {s['auc_of_corpus_from_beside']:.3f}"
    yield f"  growth over {s['growth_tokens']} words: ours {s['growth_ours']:.2f}, theirs {s['growth_theirs']:.2f}"
    yield f"  ours:   {' '.join(map(repr, s['ours']))}"
    yield f"  theirs: {' '.join(map(repr, s['others']))}"
