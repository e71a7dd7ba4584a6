"""Text in, sentences out: the only normalising, language detection and sentence splitting of the product.

Training and inference both import this module, so what the model learns from is what it is later fed. Offsets are
code points of the text as given; `normalize` keeps none, it makes the tokenizer's input. Nothing here raises on any
`str`. The splitters (underthesea, yasbd) and py3langid load on first use.
"""

import re
import unicodedata
from array import array
from collections.abc import Container, Iterator
from copy import copy
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from cooptag import text_data as data

if TYPE_CHECKING:
    import regex
    from py3langid.langid import LanguageIdentifier
    from yasbd import BoundaryDetector

# Stored in a model's manifest: bump it when the same text would be split or normalised differently.
TEXT_VERSION: str = "1"
LANGUAGES: Final = (
    "vi", "en", "id", "th", "ms", "fil", "zh", "ja", "ko", "fr",
    "es", "km", "lo", "my", "de", "pt", "ru", "ar", "hi", "ta",
)  # fmt: skip

# No sentence is longer. Also what keeps the splitters linear: raw underthesea takes 598 s on "TP." * 60000.
MAX_SENTENCE: Final = 2000
# These scripts have spaces between phrases but few or no stops: a longer run is cut at its last space. Code points.
PHRASE_LIMIT: Final = {"th": 200, "lo": 400, "km": 400, "my": 400}
DETECT_CHARS: Final = 3000
# A burst of more marks on one letter is an attack: Unicode's own stream-safe format stops at 30, real text below 8.
MAX_MARKS: Final = 10

# Invisible: removed by `normalize`, cut off the edges of a sentence. Soft hyphen, zero-width characters, bidi controls,
# byte-order mark, fillers, tags. ZWNJ and ZWJ are among them, spared only inside a word of an Arabic or Indic script.
_INVISIBLE: Final = "\xad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f"
_CONTROL: Final = r"\x00-\x1f\x7f-\x9f"
_LETTER: Final = r"[^\W\d_]"
_CLOSERS: Final = "\"'”’»›)\\]}」』】》）〉"


class Span(NamedTuple):
    """A sentence, `text[start:end]`, in code points. `forced`: its end is a cut by length, not the sentence's end."""

    start: int
    end: int
    forced: bool = False


# ---------------------------------------------------------------------------------------------------- sentences

_LINE: Final = re.compile(r"[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
# A letter and its Latin marks, or a Hangul syllable in jamo. Longer bursts of marks stay as they are (linear time).
_COMPOSABLE: Final = re.compile(rf"{_LETTER}[\u0300-\u036f]{{1,4}}(?![\u0300-\u036f])|[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?")
_JOINING: Final = re.compile("[\u0300-\u036f\u1161-\u1175]")
_SCRIPT_OF: Final = {code: code if code in data.SCRIPTS else "latin" for code in LANGUAGES}


def segment(text: str, lang: str | None = None) -> list[Span]:
    """The sentences of a text, in order and without overlap, white space trimmed off.

    Every character that is neither white space, nor a control, nor invisible lies in exactly one span. A line break
    (any of `str.splitlines`) always ends a sentence, and none is longer than `MAX_SENTENCE` code points once composed.
    Without `lang` the language is detected once for the text; a line in the script of another of `LANGUAGES` is split
    as that language either way. The same text in NFC and NFD gives the same sentences.

    :param text: any string, lone surrogates included.
    :param lang: ISO 639 code of the text, such as "vi"; a code that no splitter knows is split like English.
    :returns: spans in code points of `text` as given; empty for a text without a visible character.
    """
    return list(iterate(text, lang))


def iterate(text: str, lang: str | None = None) -> Iterator[Span]:
    """`segment` of a text of any length, a line at a time."""
    code = base_code(lang) if lang else detect_language(text)
    for line in _LINE.finditer(text):
        composed, origin = _compose_with_origin(line[0])
        for start, end, forced in _split_line(composed, _line_language(composed, code)):
            first, stop = (start, end) if origin is None else (origin[start], origin[end])
            yield Span(line.start() + first, line.start() + stop, forced)


def _compose_with_origin(text: str) -> "tuple[str, array[int] | None]":
    """NFC where it can change a splitter's mind, and where each code point (and the end) came from; None: unmoved."""
    if not _JOINING.search(text):
        return text, None
    parts: list[str] = []
    origin = array("I")
    last = 0
    for match in _COMPOSABLE.finditer(text):
        cluster = unicodedata.normalize("NFC", match[0])
        parts += (text[last : match.start()], cluster)
        origin.extend(range(last, match.start() + len(cluster)))
        last = match.end()
    parts.append(text[last:])
    origin.extend(range(last, len(text) + 1))
    return "".join(parts), origin


def base_code(lang: str) -> str:
    """The language of a tag, as `LANGUAGES` writes it: "zh-Hans" is zh, "EN" is en, "tl" is fil."""
    code = re.split(r"[-_]", lang.strip().lower(), maxsplit=1)[0]
    return {"tl": "fil", "in": "id"}.get(code, code)


def _line_language(line: str, code: str) -> str:
    """`code`, unless the line's first 200 characters are in a script that another of our languages has."""
    if code not in _SCRIPT_OF and code != "und":
        return code
    script = _main_script(line[:200])
    if script in (None, "und", _SCRIPT_OF.get(code)) or {script, code} == {"zh", "ja"}:
        return code
    return "en" if script == "latin" else str(script)


def _split_line(line: str, lang: str) -> Iterator[Span]:
    """Trimmed spans of one line, window by window of at most `MAX_SENTENCE` code points."""
    start = 0
    while start < len(line):
        window = line[start : start + MAX_SENTENCE]
        cuts = _window_cuts(window, lang, last=start + len(window) == len(line))
        begin = 0
        for end, forced in cuts:
            first, stop = _trim(window, begin, end)
            if first < stop:
                yield Span(start + first, start + stop, forced)
            begin = end
        start += begin


def _window_cuts(window: str, lang: str, last: bool) -> list[tuple[int, bool]]:
    """(end, forced) of each sentence that is complete in the window; of a single endless one, the best cut."""
    ends = _sentence_ends(window, lang)
    if not last:
        # The last sentence of a full window goes on behind it: it opens the next window.
        ends = ends[:-1]
    cuts = [(end, False) for end in ends] or [(_soft_cut(window), True)]
    return list(_phrase_cuts(window, cuts, PHRASE_LIMIT[lang])) if lang in PHRASE_LIMIT else cuts


def _phrase_cuts(window: str, cuts: list[tuple[int, bool]], limit: int) -> Iterator[tuple[int, bool]]:
    """The cuts, with more of them at spaces where a sentence is longer than `limit` code points."""
    begin = 0
    for end, forced in cuts:
        stop = begin + len(window[begin:end].rstrip())
        while stop - begin > limit:
            space = window.rfind(" ", begin + 1, begin + limit)
            if space < 0:
                space = window.find(" ", begin + limit, stop)
            if space < 0:
                break
            begin = space + 1
            yield begin, True
        yield end, forced
        begin = end


def _soft_cut(window: str) -> int:
    """Where to cut a window without a sentence end: behind the last space of its second half, else punctuation."""
    half = len(window) // 2
    for pattern in (r"\s", r"[,;:،؛、，；：၊)\]）」』]"):
        places = [match.end() for match in re.finditer(pattern, window[half:])]
        if places:
            return half + places[-1]
    cut = len(window) - 1
    while cut > half and unicodedata.category(window[cut]).startswith("M"):
        cut -= 1  # a mark stays with its letter
    return cut if cut > half else len(window)


_BLANKS: Final = re.compile(rf"[\s{_CONTROL}{_INVISIBLE}]*")


def _trim(line: str, start: int, end: int) -> tuple[int, int]:
    """The part of line[start:end] from its first to its last visible character; empty if there is none."""
    blanks = _BLANKS.match(line, start, end)
    start = blanks.end() if blanks else start
    while end > start and _BLANKS.fullmatch(line, end - 1, end):
        end -= 1
    return start, end


# ------------------------------------------------------------------------------------- one window of <= 2000

_STOPS: Final = "。！？｡؟۔।॥።៕។။…"
# Without one of these a window has no sentence end to find, whatever the language.
_CANDIDATE: Final = re.compile(rf"[{_STOPS}]|[.!?][{_CLOSERS}]*\s|[.!?][”’»」』\u0e00-\u1fff\u2e80-\uffdc]|\s\s")
# yasbd's patterns are quadratic in runs and in open brackets ("([" * 1000: 19 s per MB): the plain rules take those.
_RUN: Final = re.compile(r"(\S)\1{31}")
_OPENER: Final = re.compile(r'[(\[{（「『【《“«‘„‚"]')
MAX_OPENERS: Final = 50
_RULE_STOP: Final = re.compile(rf"(?:[{_STOPS}]|[.!?](?=[.!?\s{_CLOSERS}]|$))+[{_CLOSERS}]*")
_RULE_STOP_THAI: Final = re.compile(rf"[!?。][{_CLOSERS}]*(?=\s)|\s\s+")


def _sentence_ends(window: str, lang: str) -> list[int]:
    """Rising offsets of sentence ends in a window of one line; the last is len(window)."""
    if not _CANDIDATE.search(window):
        return [len(window)]
    plain = lang in PHRASE_LIMIT or bool(_RUN.search(window)) or len(_OPENER.findall(window)) > MAX_OPENERS
    masked = _mask(window, taught=lang != "vi" and not plain)
    found = _rule_ends(masked, lang) if plain else _engine_ends(masked, lang)
    inner = sorted({end for end in found if 0 < end < len(window)})
    return _repair(masked, [*inner, len(window)])


def _engine_ends(masked: str, lang: str) -> list[int]:
    """The splitter's answer, the plain rules if it fails."""
    try:
        return _vietnamese_ends(masked) if lang == "vi" else list(_yasbd(lang).detect(masked))
    except Exception:  # a splitter's bug must cost quality, never a text
        return _rule_ends(masked, lang)


def _rule_ends(masked: str, lang: str) -> list[int]:
    """Ends by punctuation alone: Khmer, Lao, Burmese; Thai, where two spaces end a sentence; and the fallback."""
    stop = _RULE_STOP_THAI if lang == "th" else _RULE_STOP
    return [match.end() for match in stop.finditer(masked)]


def _vietnamese_ends(masked: str) -> list[int]:
    """underthesea's sentences as offsets: it returns stripped strings, each found again behind the one before.

    :raises ValueError: if a returned string is not in the text.
    """
    from underthesea.pipeline.sent_tokenize import sent_tokenize

    ends, position = [], 0
    for sentence in sent_tokenize(masked):
        position = masked.index(sentence, position) + len(sentence)
        ends.append(position)
    return ends


@cache
def _yasbd(lang: str) -> "BoundaryDetector":
    """yasbd's rules for a language, or for the nearest one it has: Malay as Indonesian, others as English."""
    from yasbd import BoundaryDetector, get_supported_langs

    nearest = {"ms": "id"}.get(lang, lang)
    return BoundaryDetector(nearest if nearest in get_supported_langs() and nearest != "auto" else "en")


# A letter, so that the splitters see one word; as long as the stop it hides, so that offsets hold.
_MASK: Final = "\u02d1"
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_NUMERAL: Final = r"\(?(?:\d{1,3}(?:\.\d{1,2}){0,3}|[IVXLC]{1,6}|[A-Za-zĐđ])"  # 1 2.1 IV a
_NO_END: Final = (
    r"https?://\S*[^\s.,;:!?)\]”’\"']"  # a whole address; its last stop may end the sentence
    r"|(?<=\.)/\."  # ./. ends a Vietnamese dispatch
    rf"|(?<!\w)(?:{'|'.join(map(re.escape, data.TITLES))})\.(?!$)"
)
# yasbd knows its languages' abbreviations, and needs to see their stops; underthesea and the plain rules do not.
_NO_END_UNTAUGHT: Final = (
    r"(?<![\w.])(?:[A-ZĐ]\.){2,}(?=\s+[A-ZĐ])"  # U.S. Navy; joins "in the U.S. He" too, which is the lesser harm
    r"|(?<=\w)\.(?=[\w/])|(?<=\w)\?(?=\w*[=&])"  # www.mofa.gov.vn, 1.500.000, U.S, 14.3.2023
    rf"|(?<!\w)(?:{'|'.join(map(re.escape, data.BEFORE_NUMBER))})\.(?=\s*\d)|(?<!\w)Co\.(?=,?\sLtd)"
    rf"|(?:^|(?<=[.!?;:…]\s))\s*(?:[-–•*+]\s*)?{_NUMERAL}[.)](?=\s)"  # 1. a) IV. before their item
    r"|។ល។"  # Khmer "etc."
)
_MASKED: Final = {
    True: re.compile(_NO_END),
    False: re.compile(f"{_NO_END}|{_NO_END_UNTAUGHT}"),
}


def _mask(window: str, taught: bool) -> str:
    """The window, same length, its stops that end no sentence hidden. `taught`: the splitter knows abbreviations."""
    window = _SURROGATE.sub("\ufffd", window)
    return _MASKED[taught].sub(lambda match: re.sub(r"[.!?។]", _MASK, match[0]), window)


_LEADING_CLOSERS: Final = re.compile(r"\s*[”’›)\]」』】》）〉]+[.,;]?|»+[.,;]?|\"(?=\s|$)")
_ITEM: Final = re.compile(rf"(?:[-–•*+]\s*)?{_NUMERAL}[.){_MASK}](?=\s|$)")


def _repair(masked: str, ends: list[int]) -> list[int]:
    """Ends with closing quotes given back to their sentence, and pieces joined that are no sentence by themselves."""
    ends = _with_closers(masked, ends)
    pieces = [masked[start:end].strip() for start, end in zip([0, *ends], ends, strict=False)]
    # A text all in lower case says nothing by it: its pieces are left apart.
    cased = 2 * sum(piece[:1].islower() for piece in pieces) <= len(pieces)
    kept = []
    for piece, following, end in zip(pieces, pieces[1:], ends, strict=False):
        continued = cased and following[:1].islower() and not _ITEM.match(following)
        if not (continued or _ITEM.fullmatch(piece) or not any(map(str.isalnum, following))):
            kept.append(end)
    return [*kept, ends[-1]]


def _with_closers(masked: str, ends: list[int]) -> list[int]:
    """Each end moved behind the closing quotes and brackets that follow it."""
    moved = [0]
    for end in ends[:-1]:
        closers = _LEADING_CLOSERS.match(masked, end)
        if closers and ('"' not in closers[0] or masked.count('"', moved[-1], end) % 2):
            end = closers.end()
        if moved[-1] < end < ends[-1]:
            moved.append(end)
    return [*moved[1:], ends[-1]]


# ----------------------------------------------------------------------------------------------------- language

_SCRIPT_RUNS: Final = {code: re.compile(f"[{ranges}]+") for code, ranges in data.SCRIPTS.items()}
_NON_LATIN: Final = re.compile("[\u0370-\u1dff\u2e80-\ufdff\ufe70-\uffef\U00010000-\U0003ffff]")
_VIETNAMESE: Final = re.compile(f"[{data.VIETNAMESE_LETTERS}]")
_WORD: Final = re.compile(rf"{_LETTER}+")
_INDONESIAN: Final = frozenset(data.INDONESIAN_WORDS.split())
_MALAY: Final = frozenset(data.MALAY_WORDS.split())
_ENGLISH: Final = frozenset(data.ENGLISH_WORDS.split())


class Analysis(NamedTuple):
    """What is known of a text before it is tagged: its language, whether that is one of the model's, and how it is read."""

    lang: str
    unsupported: str | None
    normalized: str


def analyze(text: str, lang: str | None = None, supported: Container[str] = LANGUAGES) -> Analysis:
    """`detect_language`, `unsupported_language` and `normalize` of a text at once, cleaning and judging it once.

    :param lang: the language where it is known; else it is detected.
    :param supported: the languages of the model.
    """
    clean = _clean(text)
    sample = clean if len(text) <= DETECT_CHARS else _clean(text[:DETECT_CHARS])
    if lang:
        return Analysis(lang, None if base_code(lang) in supported else lang, _normal(clean, lang))
    found, plain = _language(sample)
    return Analysis(found, _unsupported(sample, found, plain, supported), _normal(clean, found))


def detect_language(text: str) -> str:
    """The language of a text: one of `LANGUAGES`, or "und" for nothing to go on (no letters, one short loan word).

    Reads the first `DETECT_CHARS` code points. A script with one language here settles it (so Ukrainian is "ru",
    Persian "ar", Nepali "hi"); py3langid chooses among the Latin ones. NFC, NFD and both Vietnamese tone styles agree.
    """
    return _language(_clean(text[:DETECT_CHARS]))[0]


def _language(clean: str) -> tuple[str, bool]:
    """The language of a clean sample, and whether it is so plain that no language outside `LANGUAGES` need be weighed."""
    sample = _canonical_vietnamese(clean)
    script = _main_script(sample)
    if script is None:
        return "und", False
    return _latin_language(sample) if script == "latin" else (script, False)


# py3langid tells the Chinese languages apart; in writing they are one here. Of fewer letters it can only guess.
_WRITTEN_AS: Final = {"tl": "fil", **dict.fromkeys(("wuu", "yue", "lzh", "hak", "nan", "cdo", "gan"), "zh")}
MIN_LETTERS: Final = 20
SURE: Final = 0.8
# Share of English function words, "the" or "and" among them, from which a text is English.
PLAINLY: Final = 0.25


def unsupported_language(text: str, supported: Container[str] = LANGUAGES) -> str | None:
    """The code of a text's language if it is surely none of `supported`, "und" for a script of none; else None.

    Unlike `detect_language`, which chooses among `LANGUAGES`, it weighs all languages that py3langid knows. Latin, Cyrillic,
    Arabic or Indic text of fewer than `MIN_LETTERS` letters is left alone.
    """
    sample = _clean(text[:DETECT_CHARS])
    return _unsupported(sample, *_language(sample), supported)


def _unsupported(sample: str, lang: str, plain: bool, supported: Container[str]) -> str | None:
    """Of a clean sample that `_language` found to be `lang`, plainly or not."""
    if plain and lang in supported:
        return None
    script = _main_script(sample)
    if script is None or (script in ("latin", "ru", "ar", "hi") and sum(map(len, _WORD.findall(sample))) < MIN_LETTERS):
        return None
    if script in ("th", "lo", "km", "my", "ja", "ko", "ta", "zh"):
        return None if script in supported or (script == "zh" and "ja" in supported) else script
    code, probability = _all_languages().classify(sample)
    code = _WRITTEN_AS.get(code, str(code))
    if script == "und":
        return None if code in supported else code if probability >= SURE else "und"
    return code if code not in supported and probability >= SURE else None


def _main_script(sample: str) -> str | None:
    """The key of `SCRIPTS` that most of the sample is written in; "ja" for Han with kana; None without letters."""
    if not _NON_LATIN.search(sample):
        return "latin" if _WORD.search(sample) else None
    count = {code: data.SCRIPT_WEIGHT.get(code, 1) * sum(map(len, runs.findall(sample))) for code, runs in _SCRIPT_RUNS.items()}
    kana = count.pop("ja")
    # Japanese prose is about half kana; a Chinese text may quote a の.
    han = "ja" if kana * 10 > count["zh"] else "zh"
    count["zh"] += kana
    best = max(count, key=lambda code: count[code])
    if not count[best]:
        return None
    return han if best == "zh" else best


def _latin_language(sample: str) -> tuple[str, bool]:
    """Vietnamese by its letters and English by its function words, plainly; else py3langid's choice.

    Indonesian and Malay are told apart by their own words.
    """
    words = _WORD.findall(sample)
    if _VIETNAMESE.search(sample) and 3 * sum(_VIETNAMESE.search(word) is not None for word in words) >= len(words):
        return "vi", True
    if _plainly_english(words):
        return "en", True
    # An English sentence on Hà Nội and Đà Nẵng is English: accented names say little of the words around them.
    plain = [word for word in words if word.isascii() or not word[0].isupper()]
    code, probability = _identifier().classify(" ".join(plain or words))
    # Nine languages: 0.11 is no evidence. Single loan words ("ASEAN", "Hello") stay under 0.3, any sentence is above.
    if probability < 0.3:
        return "und", False
    if code in ("id", "ms"):
        return _indonesian_or_malay(words, code), False
    return "fil" if code == "tl" else str(code), code == "vi"


def _plainly_english(words: list[str]) -> bool:
    """Whether so many of the words are English function words that no classifier need be asked: it takes twice the rest's time."""
    return len(words) >= 5 and ("the" in words or "and" in words) and PLAINLY * len(words) <= sum(word in _ENGLISH for word in words)


def _indonesian_or_malay(words: list[str], guess: str) -> str:
    """The one with more of its own words in the text; py3langid's guess if they tie."""
    lower = [word.lower() for word in words]
    lead = sum(word in _INDONESIAN for word in lower) - sum(word in _MALAY for word in lower)
    if lead == 0:
        return guess
    return "id" if lead > 0 else "ms"


@cache
def _identifier() -> "LanguageIdentifier":
    identifier = copy(_all_languages())  # its tables are read once; a copy keeps its own choice of languages
    identifier.set_languages(["vi", "en", "id", "ms", "tl", "fr", "es", "de", "pt"])
    return identifier


@cache
def _all_languages() -> "LanguageIdentifier":
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


# -------------------------------------------------------------------------------------------------- normalising

_SPACE: Final = re.compile(rf"[\s{_CONTROL}]+")
_PRINTED: Final = re.compile("[\u034f\u180e\u3164\uffa0]")
_JOINER: Final = re.compile("[\u200c\u200d]+")
_JOINED: Final = "\u0620-\u06ff\u0750-\u077f\u0900-\u0dff"
_HIDDEN: Final = re.compile(rf"(?<![{_JOINED}\u0300-\u036f])[\u200c\u200d]|[\u200c\u200d](?![{_JOINED}])|(?![\u200c\u200d])[{_INVISIBLE}]")


def normalize(text: str, lang: str | None = None) -> str:
    """What the tokenizer is fed: NFC, one space between words, nothing invisible. Idempotent, linear, keeps no offsets.

    - Lone surrogates become U+FFFD; controls and white space become one space, trimmed at the ends.
    - Zero-width and bidi characters go; ZWNJ and ZWJ stay inside a word of an Arabic or Indic script, which needs them.
    - Marks beyond `MAX_MARKS` on one letter go.
    - Vietnamese (`lang` "vi", or None and detected): old tone placement becomes new (hoà, thuỷ → hòa, thủy), Ð → Đ.
    - Burmese in the Zawgyi encoding becomes Unicode, whatever `lang` says.

    :param lang: ISO 639 code of the text; None detects it where that matters.
    """
    return _normal(_clean(text), lang)


def _normal(clean: str, lang: str | None) -> str:
    text = _burmese_unicode(clean)
    vietnamese = _canonical_vietnamese(text)
    if vietnamese != text and (base_code(lang) if lang else detect_language(text)) == "vi":
        return vietnamese
    return text


def _clean(text: str) -> str:
    """Visible and composed. Composing can part a joiner from the mark that justified it: repeated until nothing moves."""
    if _is_clean(text):
        return text.strip(" ")
    for _ in range(3):
        before, text = text, _compose(_visible(text))
        if text == before or not _JOINER.search(text):
            return text
    return _compose(_JOINER.sub("", text))


def _is_clean(text: str) -> bool:
    """Whether nothing but spaces at the ends can be cleaned away, which is quickly said of most text.

    What Python does not print is a control, invisible, a surrogate, or white space other than " "; `_PRINTED` are the exceptions.
    """
    if not text.isprintable() or "  " in text:
        return False
    return text.isascii() or not (_PRINTED.search(text) or not unicodedata.is_normalized("NFC", text) or _mark_burst().search(text))


def _visible(text: str) -> str:
    """Controls and white space as single spaces, no invisible characters, no surrogates."""
    return _SPACE.sub(" ", _HIDDEN.sub("", _SURROGATE.sub("\ufffd", text))).strip(" ")


def _compose(text: str) -> str:
    """NFC with bursts of marks cut before (canonical ordering is quadratic in a burst) and after (NFC can add one)."""
    if text.isascii():
        return text
    return _cap_marks(unicodedata.normalize("NFC", _cap_marks(text)))


def _cap_marks(text: str) -> str:
    return str(_mark_burst().sub(lambda burst: burst[0][:MAX_MARKS].rstrip("\u200c\u200d"), text))


@cache
def _mark_burst() -> "regex.Pattern[str]":
    import regex

    return regex.compile(rf"[\p{{M}}\u200c\u200d]{{{MAX_MARKS + 1},}}")


def _tone_table() -> dict[str, str]:
    """Old to new tone placement of the open rhymes oa, oe, uy: the tone moves from the second vowel to the first."""
    table: dict[str, str] = {}
    for first, second in ("oa", "oe", "uy"):
        for tone in "\u0300\u0301\u0303\u0309\u0323":
            old, new = (unicodedata.normalize("NFC", pair) for pair in (first + second + tone, first + tone + second))
            table |= {old: new, old.upper(): new.upper(), old.capitalize(): new.capitalize()}
    return table


_TONE: Final = _tone_table()
# A whole syllable: an onset that Vietnamese has (not qu: quý keeps its tone), the rhyme, no letter after (not toàn).
_OLD_TONE: Final = re.compile(
    rf"(?<!{_LETTER})((?:ngh?|nh|ch|gh?|kh|ph|th|tr|[bcdđhklmnprstvx])?)({'|'.join(_TONE)})"
    rf"(?!{_LETTER}|[\u0300-\u036f])",
    re.I,
)
_OLD_RHYME: Final = re.compile(rf"[oOuU][{''.join(sorted({rhyme[1] for rhyme in _TONE}))}](?!{_LETTER}|[\u0300-\u036f])")
_ETH_LETTER: Final = re.compile("[ÐðƉ]")
_ETH: Final = str.maketrans("ÐðƉ", "ĐđĐ")  # Icelandic and African look-alikes from old Vietnamese fonts


def _canonical_vietnamese(text: str) -> str:
    """Composed text as modern Vietnamese spelling would have it; wrong for other languages' words (Noé → Nóe)."""
    if text.isascii():
        return text
    if _ETH_LETTER.search(text):
        text = text.translate(_ETH)
    if not _OLD_RHYME.search(text):  # many times as fast as the whole pattern, and few texts have one
        return text
    return _OLD_TONE.sub(lambda match: match[1] + _TONE.get(match[2], match[2]), text)


# Zawgyi only: virama not between consonants or under nga, e or r with no consonant before it, U+105A, U+1060 to 1097.
_ZAWGYI_SIGN: Final = re.compile(
    "\u1039(?![\u1000-\u1021])|\u1004\u1039|[\u105a\u1060-\u1097]"
    "|(?<![\u1000-\u102a\u103b-\u103f])\u1031|(?<![\u1000-\u102a\u1039-\u103f])\u103b"
)
# Unicode only: h below, kinzi, asat that closes a syllable.
_UNICODE_SIGN: Final = re.compile("\u103e|\u1004\u103a\u1039|\u103a(?=[\u1000-\u1021]?[\u1037\u104a\u104b ]|$)")
_ZAWGYI_SYLLABLE: Final = re.compile(
    f"([\u1031{data.WRAP}]{{0,4}})([\u1000-\u1021\u1023-\u102a\u103f])"
    f"((?:\u1039[\u1000-\u1021]|[{data.KINZI}\u102b-\u1030\u1032-\u1038\u103a-\u103e])*)"
)
_BURMESE_SPELLING: Final = (  # typed for a look-alike: zero for wa, u for nya, ca-ya for jha, sa-ra for o
    (re.compile("(?<![\u1040-\u1049.,])\u1040(?=[\u1000-\u103f])"), "\u101d"),
    (re.compile("\u1025(?=\u1037?\u103a)"), "\u1009"),
    (re.compile("\u1005\u103b"), "\u1008"),
    (re.compile("\u101e\u103c"), "\u1029"),
)


def _is_zawgyi(text: str) -> bool:
    """Whether Burmese text is in the Zawgyi font encoding: more signs that only Zawgyi has than only Unicode has."""
    return len(_ZAWGYI_SIGN.findall(text)) > len(_UNICODE_SIGN.findall(text))


def _burmese_unicode(text: str) -> str:
    """Zawgyi text converted; kept as it was if the result still looked like Zawgyi (so that twice is once)."""
    if not _SCRIPT_RUNS["my"].search(text) or not _is_zawgyi(text):
        return text
    converted = _ZAWGYI_SYLLABLE.sub(_reorder_syllable, text.translate(data.ZAWGYI_TO_UNICODE))
    converted = converted.replace(data.KINZI, "\u1004\u103a\u1039").replace(data.WRAP, "\u103c")
    for wrong, right in _BURMESE_SPELLING:
        converted = wrong.sub(right, converted)
    converted = _compose(converted)
    return text if _is_zawgyi(converted) else converted


def _reorder_syllable(match: re.Match[str]) -> str:
    """Visual to storage order: kinzi, consonant, stacked letter, medials, e, other vowels, tone signs; none twice."""
    before, letter, after = match.groups()
    # Asat before ya stays there: ယောက်ျား, "man", has the only such syllable.
    signs = dict.fromkeys(re.findall("\u103a\u103b|\u1039.|.", before + after))
    ordered = sorted(signs, key=lambda sign: -1 if sign == "\u103a\u103b" else data.BURMESE_ORDER.get(sign[0], 99))
    kinzi = [data.KINZI] if data.KINZI in signs else []
    return "".join([*kinzi, letter, *(sign for sign in ordered if sign != data.KINZI)])


# ------------------------------------------------------------------------------------------------------ terminal

_UNSAFE: Final = re.compile(rf"(?![\u200c\u200d])[{_CONTROL}{_INVISIBLE}\u2028\u2029]")


def clean_for_terminal(text: str) -> str:
    """One safe line: controls (line breaks and ESC too), bidi and invisible characters shown as `\\x1b`, `\\u202e`.

    ZWNJ and ZWJ stay, several scripts need them and no terminal obeys them; lone surrogates become U+FFFD.
    """
    shown = _UNSAFE.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)
    return _SURROGATE.sub("\ufffd", shown)
