"""Raw articles, ready to be labelled: files of any kind in, sentences out, each article and each sentence once.

What is left out is listed with its reason, so that nothing is lost unseen. Near repeats are found by MinHash signatures
in bands (Broder 1997; Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, ch. 3) and then measured: the Jaccard
similarity of the sets of character 8-grams decides.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date as Date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cooptag.errors import InputError, UsageError
from cooptag.jobs import readers
from cooptag.jobs.readers import Fields
from cooptag.jobs.streams import Source
from cooptag.text import LANGUAGES, analyze, base_code, normalize, segment
from cooptag_training import jsonl
from cooptag_training.corpus import KINDS, Article, sentence_line

if TYPE_CHECKING:
    from cooptag.jobs.parties import Gazetteer

# Articles so alike are one: a reprint under another lead, or with a paragraph less.
NEAR_ARTICLE = 0.7
# Shorter ones are left to the comparison of sentences: single paragraphs of two statements are alike by their form.
SHORTEST_ARTICLE = 4  # sentences
# Sentences must be nearly the same to be one: official formulas that differ in what they are about are all wanted.
NEAR_SENTENCE = 0.9
# A sentence is boilerplate if it stands, whatever its figures, in so many articles that do not repeat one another, ...
MANY = 4
# ... and in more than one in so many of them: large imports hold formulas of diplomacy many times.
ONE_IN = 500
MOST_PARTIES = 6
EXCERPT = 200  # characters of a dropped text that are written down
ARTICLE_REASONS = ("unsupported_language", "duplicate_article", "near_duplicate_article", "empty_article")
EXPECTED = "lines of `cooptag-train import`"
Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
_ID = re.compile(r"([a-z]{2,3})/[\w-]+", re.ASCII)


@dataclass(frozen=True)
class RawArticle:
    """An article without labels. `id`: "<language>/<year or undated>-<12 hex digits of a hash of its text>", as in a corpus.

    `date`: YYYY, YYYY-MM, YYYY-MM-DD or "". `source`: its file, and its line where the file holds several. `parties`: English names.
    """

    id: str
    lang: str
    date: str
    source: str
    kind: str
    parties: tuple[str, ...]
    sentences: tuple[str, ...]


KEYS = tuple(RawArticle.__dataclass_fields__)


@dataclass(frozen=True)
class Drop:
    """What was left out: an article or a sentence, the beginning of its `text`, or what a reader says of it if it has none.

    `of`: the id of the article that it repeats, of this import or of the corpus, or "".
    """

    source: str
    reason: str
    text: str
    of: str = ""

    @property
    def whole(self) -> bool:
        """Whether it is an article, and not a sentence."""
        return self.reason in ARTICLE_REASONS or self.reason.startswith("rejected:")


@dataclass(frozen=True)
class Imported:
    """Articles in the order of their files, and what was left out.

    `sentences`: how many the articles had that were read to the end; they are kept or among the drops. Those of an article
    that was dropped as a repeat or for its language are not counted. `passed_over`: files of unknown kinds in the folders.
    """

    articles: list[RawArticle]
    drops: list[Drop]
    sentences: int
    passed_over: int


def import_articles(
    inputs: Sequence[str], out: Path, *, fields: Fields = Fields(), lang: str | None = None, kind: str = "news_report",  # noqa: B008
    min_characters: int = 20, corpus: Iterable[Article] = (),
) -> Imported:  # fmt: skip
    """Reads files and folders into articles; writes nothing. Holds all articles in memory.

    :param out: where the articles will be written; it and its list of drops are no input.
    :param lang: the language of all, else it is detected. :param min_characters: of a line that ends without a stop.
    :param corpus: what is labelled already; its sentences are left out.
    :raises UsageError: if an option or an input is wrong.
    :raises InputError: if there is no file to read, or a table has no column of texts.
    """
    from cooptag.jobs.part import gazetteer

    lang = _checked_options(out, lang, kind, min_characters)
    sources, passed_over = readers.find(inputs, out)
    earlier = drops_file(out).resolve()
    sources = [source for source in sources if source.path.resolve() != earlier]
    if not sources:
        raise InputError(f"{', '.join(inputs)}: holds no file to read; expected {', '.join(readers.SUFFIXES)}, plain, .gz or .zst")
    drops: list[Drop] = []
    articles = list(_distinct(_read(sources, _top(inputs), fields, lang, kind), drops))
    is_boilerplate = _boilerplate(articles, min_characters)
    articles = _without_near(articles, is_boilerplate, drops)
    total = sum(len(article.sentences) for article in articles)
    names = gazetteer()
    articles = [_with_parties(_without_boilerplate(article, is_boilerplate, drops), names) for article in articles]
    articles = _without_near_sentences(_without_repeats(articles, corpus, drops), drops)
    return Imported(list(_not_empty(articles, drops)), drops, total, passed_over)


def drops_file(out: Path) -> Path:
    """Where the list of what was left out of `out` is written."""
    return out.with_name(f"{out.name}.drops.jsonl")


def _checked_options(out: Path, lang: str | None, kind: str, min_characters: int) -> str | None:
    code = base_code(lang) if lang else None
    if out.is_dir():
        raise UsageError(f"--out is {str(out)!r}, a folder; expected a file to write, such as articles.jsonl")
    if code and code not in LANGUAGES:
        raise UsageError(f"--lang is {lang!r}; expected one of {', '.join(LANGUAGES)}")
    if kind not in KINDS:
        raise UsageError(f"--kind is {kind!r}; expected one of {', '.join(KINDS)}")
    if min_characters < 0:
        raise UsageError(f"--min-characters is {min_characters}; expected 0 or more")
    return code


# ------------------------------------------------------------------------------------------------------- reading


def _top(inputs: Sequence[str]) -> str:
    """What the names of the files are written without: the folder, if there is one input and it is a folder."""
    return f"{Path(inputs[0]).as_posix()}/" if len(inputs) == 1 else ""


def _read(sources: Iterable[Source], top: str, fields: Fields, lang: str | None, kind: str) -> Iterator[RawArticle | Drop]:
    """Each row as an article with all its sentences, or as a drop."""
    for source in sources:
        one = source.kind in ("html", "txt") and fields.split
        for row in readers.read(source, fields):
            where = source.name.removeprefix(top) + ("" if one else f":{row.mark.number}")
            if row.error:
                yield Drop(where, f"rejected:{row.error}", row.detail[:EXCERPT])
            else:
                # A file's own name goes with the article, its folder and a file of many do not.
                own = _plausible(row.date) or (_date_in(source.path.name) if one else "")
                yield _article(row.text, lang, kind, where, own, own or _date_in(source.name))


def _article(text: str, lang: str | None, kind: str, source: str, own_date: str, date: str) -> RawArticle | Drop:
    if not any(map(str.isalpha, text)):
        return Drop(source, "empty_article", _excerpt(text))
    found = analyze(text, lang)
    if found.unsupported or found.lang not in LANGUAGES:
        return Drop(source, "unsupported_language", _excerpt(text))
    digest = hashlib.sha256(found.normalized.encode("utf8")).hexdigest()[:12]
    # No language: composed and without controls, but every word in the spelling that the article has.
    sentences = tuple(normalize(text[span.start : span.end], "und") for span in segment(text, found.lang))
    return RawArticle(f"{found.lang}/{own_date[:4] or 'undated'}-{digest}", found.lang, date, source, kind, (), sentences)


def _excerpt(text: str) -> str:
    return normalize(text[: 2 * EXCERPT], "und")[:EXCERPT]


_DATE = re.compile(r"(?<!\d)(20[0-3]\d)([-_./]?)(\d\d)\2(\d\d)(?!\d)", re.ASCII)


def _plausible(date: str) -> str:
    """The date if its year is one that a corpus file can have."""
    return date if re.match(r"20[0-3]\d", date) else ""


def _date_in(name: str) -> str:
    """The last day that a path names, as 2024-05-01, 20240501 or 2024/05/01; "" for none."""
    for year, _, month, day in reversed(_DATE.findall(name)):
        try:
            return Date(int(year), int(month), int(day)).isoformat()
        except ValueError:
            continue  # a number that is no date
    return ""


# ------------------------------------------------------------------------------------------------------ articles


def _distinct(read: Iterable[RawArticle | Drop], drops: list[Drop]) -> Iterator[RawArticle]:
    """The articles, each text once."""
    known: dict[str, str] = {}
    for found in read:
        if isinstance(found, Drop):
            drops.append(found)
        elif (digest := found.id.rpartition("-")[2]) in known:
            drops.append(Drop(found.source, "duplicate_article", _start(found), known[digest]))
        else:
            known[digest] = found.id
            yield found


def _start(article: RawArticle) -> str:
    return " ".join(article.sentences)[:EXCERPT]


def _without_near(articles: Sequence[RawArticle], is_boilerplate: Callable[[str], bool], drops: list[Drop]) -> list[RawArticle]:
    """The articles whose text, boilerplate apart, is not nearly that of one before."""

    own = [[text for text in article.sentences if not is_boilerplate(text)] for article in articles]
    kept = []
    for article, first in zip(articles, _near_articles(own), strict=True):
        if first < 0:
            kept.append(article)
        else:
            drops.append(Drop(article.source, "near_duplicate_article", _start(article), articles[first].id))
    return kept


def _near_articles(articles: Iterable[Sequence[str]]) -> Ints:
    """The first article that each nearly repeats (see `near_repeats`); an article is its sentences."""
    texts = [" ".join(sentences) if len(sentences) >= SHORTEST_ARTICLE else "" for sentences in articles]
    return near_repeats(texts, NEAR_ARTICLE, rows=4)


def _not_empty(articles: Iterable[RawArticle], drops: list[Drop]) -> Iterator[RawArticle]:
    for article in articles:
        if article.sentences:
            yield article
        else:
            drops.append(Drop(article.source, "empty_article", ""))


def _with_parties(article: RawArticle, names: "Gazetteer | None") -> RawArticle:
    """The article with the parties that most of its sentences name; none without their names."""
    if names is None:
        return article
    found = Counter(party for text in article.sentences for party in names.find(text, article.lang))
    return replace(article, parties=tuple(names.name(party, "en") for party, _ in found.most_common(MOST_PARTIES)))


# --------------------------------------------------------------------------------------------------- boilerplate

_STOP = re.compile(r"[.!?…。！？｡؟।॥။៕។]\W*$")
_LINK = re.compile(r"(?:https?://|www\.)\S+|\S+@\S+\.\S+", re.I)
# A line on the text's own rights; «copyright» alone is a matter of cooperation.
_RIGHTS = re.compile(r"©|\ball rights reserved\b|^(?:bản quyền thuộc|copyright (?:\(c\)|\d{4}))", re.I)
# «- energy;», «(b) tourism,»: short, and worth a label.
_LIST_ITEM = re.compile(r"(?:[-–•*+·]|\(?(?:\d{1,3}|[^\W\d_]|[ivxIVX]{1,5})[.)])\s.*|.*[;,；،၊]")
# Chinese, Japanese, Korean and Thai say three times as much in a character.
_DENSE = re.compile("[\u0e00-\u0eff\u3040-\ud7ff]")


def _boilerplate(articles: Sequence[RawArticle], min_characters: int) -> Callable[[str], bool]:
    """Tells boilerplate: what stands in many articles, and by itself what has no letter, a bare address, a line on rights, or a crumb.

    Articles that nearly repeat one another count once, else the sentences of a text that was printed four times would be boilerplate.
    """
    firsts = _near_articles(article.sentences for article in articles)
    different = [article for article, first in zip(articles, firsts, strict=True) if first < 0]
    counts = Counter(key for article in different for key in {_without_figures(text) for text in article.sentences})
    many = max(MANY, len(different) // ONE_IN + 1)
    common = {key for key, count in counts.items() if count >= many}
    return lambda text: _without_figures(text) in common or _is_scrap(text, min_characters)


def _without_figures(text: str) -> bytes:
    """A key of the text with its numbers struck out: «Views: 1,204» is «Views: 87»."""
    return _key(re.sub(r"\d+(?:[.,:]\d+)*", "0", text).casefold())


def _key(text: str) -> bytes:
    """Takes a fifth of a sentence's memory."""
    return hashlib.blake2b(text.encode("utf8"), digest_size=12).digest()


def _is_scrap(text: str, min_characters: int) -> bool:
    if not any(map(str.isalpha, text)) or _LINK.fullmatch(text) or _RIGHTS.search(text):
        return True
    short = len(text) + 2 * len(_DENSE.findall(text)) < min_characters
    return short and not _STOP.search(text) and not _LIST_ITEM.fullmatch(text)


def _without_boilerplate(article: RawArticle, is_boilerplate: Callable[[str], bool], drops: list[Drop]) -> RawArticle:
    return _filtered(article, [("boilerplate", "") if is_boilerplate(text) else None for text in article.sentences], drops)


def _filtered(article: RawArticle, verdicts: Sequence[tuple[str, str] | None], drops: list[Drop]) -> RawArticle:
    """The article without the sentences that a verdict, (reason, id of what they repeat), puts among the drops."""
    for text, verdict in zip(article.sentences, verdicts, strict=True):
        if verdict:
            drops.append(Drop(article.source, verdict[0], text[:EXCERPT], verdict[1]))
    kept = (text for text, verdict in zip(article.sentences, verdicts, strict=True) if not verdict)
    return replace(article, sentences=tuple(kept))


# ----------------------------------------------------------------------------------------------------- sentences


def _without_repeats(articles: Iterable[RawArticle], corpus: Iterable[Article], drops: list[Drop]) -> list[RawArticle]:
    """The articles without the sentences that the corpus, an article before or they themselves have already."""
    known = {
        _key(normalize(sentence.text, article.lang)): ("in_corpus", article.id) for article in corpus for sentence in article.sentences
    }
    kept = []
    for article in articles:
        verdicts = []
        for text in article.sentences:
            key = _key(normalize(text, article.lang))
            verdicts.append(known.get(key))
            known.setdefault(key, ("repeated_sentence", article.id))
        kept.append(_filtered(article, verdicts, drops))
    return kept


def _without_near_sentences(articles: Sequence[RawArticle], drops: list[Drop]) -> list[RawArticle]:
    """The articles without the sentences that nearly repeat one of an article before."""
    texts = [text for article in articles for text in article.sentences]
    owners = np.repeat(np.arange(len(articles)), [len(article.sentences) for article in articles])
    found = near_repeats(texts, NEAR_SENTENCE, rows=8, owners=owners)
    verdicts = iter([("near_repeated_sentence", articles[owners[first]].id) if first >= 0 else None for first in found])
    return [_filtered(article, [next(verdicts) for _ in article.sentences], drops) for article in articles]


# -------------------------------------------------------------------------------------------------- near repeats

GRAM = 8  # characters; of 5, unrelated articles share so many that they would all have to be measured
COMPARED = 20_000  # characters of a text that are compared; bounds the memory of a signature
SIGNATURE = 64
# So many texts before it with the same band are held against a text, and the first of all: time stays linear.
LOOK_BACK = 4
_RANDOM = np.random.PCG64(1).random_raw(2 * SIGNATURE + GRAM) | np.uint64(1)  # the raw stream is the same in every numpy
_GRAM_FACTORS, _SLOPES, _BAND_FACTORS = np.split(_RANDOM, [GRAM, GRAM + SIGNATURE])


def near_repeats(texts: Sequence[str], near: float, rows: int, owners: Ints | None = None) -> Ints:
    """For each of n texts the number of the first text that it nearly repeats, (n,), or -1. Texts shorter than 8 repeat nothing.

    Of texts that repeat one another in a chain, all but the first repeat the first.

    :param near: least Jaccard similarity of the sets of 8-grams, of the first `COMPARED` characters.
    :param rows: signature entries in a band, of 64: with 4, two texts of similarity 0.7 are compared with probability 0.988;
        with 8, two of 0.9 with 0.989, and far fewer in vain.
    :param owners: (n,); texts of one owner do not repeat one another.
    """
    first = np.full(len(texts), -1, dtype=np.int64)
    long = np.array([i for i, text in enumerate(texts) if len(text) >= GRAM], dtype=np.int64)
    if len(long) < 2:
        return first
    for a, b in long[_candidates(np.stack([_bands(texts[i], rows) for i in long]))]:
        if (owners is None or owners[a] != owners[b]) and first[b] < 0 and _similarity(texts[a], texts[b]) >= near:
            first[b] = a if first[a] < 0 else first[a]
    return first


def _grams(text: str) -> Hashes:
    """The hashes of the 8-grams of a text of 8 characters or more, in order."""
    codes = np.frombuffer(text[:COMPARED].casefold().encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    mixed: Hashes = np.lib.stride_tricks.sliding_window_view(codes, GRAM) @ _GRAM_FACTORS
    return mixed ^ (mixed >> np.uint64(29))


def _bands(text: str, rows: int) -> Hashes:
    """The bands of a text's MinHash signature, (64 / rows,), each as one hash."""
    signature = (_grams(text)[:, None] * _SLOPES).min(axis=0)
    return (signature * _BAND_FACTORS).reshape(-1, rows).sum(axis=1)


def _candidates(bands: Hashes) -> Ints:
    """Pairs a < b, (m, 2), of texts that share a band, by b and then a."""
    n = len(bands)
    found = []
    for band in bands.T:
        order = np.argsort(band, kind="stable")
        same = np.append(False, band[order][1:] == band[order][:-1])
        begins = np.maximum.accumulate(np.where(same, 0, np.arange(n)))  # of the run of texts with this band
        for back in (*range(1, LOOK_BACK + 1), n):
            other = np.maximum(np.arange(n) - back, begins)
            found.append(np.unique(order[same] * n + order[other[same]]))
    pairs = np.unique(np.concatenate(found))
    return np.stack([pairs % n, pairs // n], axis=1)


def _similarity(a: str, b: str) -> float:
    """Jaccard similarity of the sets of 8-grams of two texts."""
    first, second = set(_grams(a).tolist()), set(_grams(b).tolist())
    return len(first & second) / len(first | second)


# ------------------------------------------------------------------------------------------------ files and words


def save(articles: Iterable[RawArticle], file: Path) -> None:
    """One object a line, which `load` reads."""
    jsonl.write(file, map(asdict, articles))


def save_drops(drops: Iterable[Drop], file: Path) -> None:
    """One object a line: source, reason, text, of."""
    jsonl.write(file, map(asdict, drops))


def load(file: Path) -> list[RawArticle]:
    """The articles of a file that `save` wrote, or of one made like it.

    :raises InputError: naming the line, the value and what was expected; also where there is no article.
    """
    articles: dict[str, RawArticle] = {}
    for number, data in jsonl.read(file, EXPECTED, KEYS):
        article = _loaded(f"{file}:{number}", data)
        if article.id in articles:
            raise InputError(f"{file}:{number}: id {article.id} stands twice; expected each article once")
        articles[article.id] = article
    return list(articles.values())


def _loaded(where: str, data: Mapping[str, Any]) -> RawArticle:
    for key in ("id", "lang", "date", "source", "kind"):
        if not isinstance(data[key], str):
            raise InputError(f"{where}: {key} is {data[key]!r}; expected text")
    found = _ID.fullmatch(data["id"])
    if data["lang"] not in LANGUAGES or found is None or found[1] != data["lang"]:
        raise InputError(f"{where}: id is {data['id']!r}, lang {data['lang']!r}; expected such as vi/2024-0123456789ab, vi")
    if data["date"] != readers.date_of(data["date"]) or data["date"] != _plausible(data["date"]):
        raise InputError(f"{where}: date is {data['date']!r}; expected one such as 2024-05-01, 2024-05 or 2024, of 2000 to 2039, or none")
    if data["kind"] not in KINDS:
        raise InputError(f"{where}: kind is {data['kind']!r}; expected one of {', '.join(KINDS)}")
    lists = {key: _texts(where, key, data[key]) for key in ("parties", "sentences")}
    return RawArticle(**{**{key: data[key] for key in KEYS}, **lists})


def _texts(where: str, key: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise InputError(f"{where}: {key} is {str(value)[:40]!r}; expected a list of texts")
    if key == "sentences" and not value:
        raise InputError(f"{where}: sentences is empty; expected one or more")
    for text in value:
        if key == "parties" and "," in text:
            raise InputError(f"{where}: party {text[:40]!r} has a comma; expected one name each")
        try:
            sentence_line(text, ())
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
    return tuple(value)


def describe(imported: Imported) -> str:
    """The counts as a table for a person."""
    articles = Counter(drop.reason for drop in imported.drops if drop.whole)
    sentences = Counter(drop.reason for drop in imported.drops if not drop.whole)
    kept = sum(len(article.sentences) for article in imported.articles)
    rows = [("read", len(imported.articles) + articles.total(), imported.sentences)]
    rows += [(reason, articles[reason], sentences[reason]) for reason in sorted(articles | sentences)]
    rows += [("kept", len(imported.articles), kept)]
    lines = [f"{'':<30}{'articles':>9}{'sentences':>11}"]
    lines += [f"{name:<30}{count or '':>9}{parts or '':>11}" for name, count, parts in rows]
    if imported.passed_over:
        lines.append(f"{imported.passed_over} files of other kinds were passed over")
    return "\n".join(lines)
