"""Which countries and organisations a sentence names: a gazetteer of CLDR's country names and a table of our own.

Names are searched in the text's own language and in English, case-sensitively, the longest first. It knows names only,
not what they stand for: "Washington" is no party, and a person called Jordan is a country.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any, Final, Literal, NamedTuple

from cooptag.errors import UsageError
from cooptag.jobs import parties_data as data
from cooptag.text import LANGUAGES, base_code, normalize

Kind = Literal["country", "organisation"]
Tree = dict[str, Any]  # character -> the tree behind it; "" ends a name


class Party(NamedTuple):
    """A country by its ISO 3166 code ("VN"; Kosovo has CLDR's "XK"), an organisation by its common short form ("ASEAN")."""

    id: str
    kind: Kind


class Gazetteer:
    """Finds parties in texts. Make one a process: a language's names load on first use. It is safe to share by threads.

    :ivar version: changes whenever the same text may give other parties.
    :raises UsageError: where Babel is not installed.
    """

    def __init__(self) -> None:
        try:
            from babel import __version__
        except ImportError as error:
            raise UsageError("Babel is not installed; expected it for the names of countries, run pip install 'cooptag[batch]'") from error
        self.version = f"{data.VERSION}+babel-{__version__}"
        countries = sorted({*data.COUNTRIES.split(), *data.OWN_COUNTRIES})
        parties = [Party(code, "country") for code in countries] + [Party(name, "organisation") for name in data.ORGANISATIONS]
        self.parties: Final = {party.id: party for party in parties}
        self._finders: dict[str, _Finder] = {}
        self._displayed: dict[str, dict[str, str]] = {}

    def find(self, text: str, lang: str) -> tuple[str, ...]:
        """The ids of the parties that a text names, in order of first mention, each once.

        Linear in the text's length; raises on no `str`. Of one name, the longest reading counts.

        :param text: a sentence, as given or normalised.
        :param lang: ISO 639 code of the text; one outside `LANGUAGES` is read as English.
        """
        code = base_code(lang)
        code = code if code in LANGUAGES else "en"
        if code not in self._finders:
            self._finders[code] = _Finder(code)  # two threads at once would make the same one twice
        return tuple(dict.fromkeys(self._finders[code].ids(text)))

    def name(self, party: str, lang: str) -> str:
        """What to display for a party: its name in `lang`, else in English, else the id, which is also an unknown id's."""
        code = base_code(lang)
        for known in (code, "en"):
            if known in LANGUAGES and known not in self._displayed:
                self._displayed[known] = _display_names(known)
            if party in self._displayed.get(known, {}):
                return self._displayed[known][party]
        return party

    def kind(self, party: str) -> Kind:
        """Whether a party is a country or an organisation.

        :raises KeyError: if no party has this id.
        """
        return self.parties[party].kind


# -------------------------------------------------------------------------------------------------------- names


def _display_names(lang: str) -> dict[str, str]:
    own = {party: names[0] for party, names in reversed(list(_rows(lang)))}  # the first row of two
    cldr = _territories(lang)
    shown = {code: cldr[code].split(" (")[0] for code in (*data.COUNTRIES.split(), "EU", "UN") if code in cldr}
    return own | shown


def _rows(lang: str) -> Iterator[tuple[str, list[str]]]:
    """(id, names) of each row of our own table."""
    for line in data.NAMES[lang].strip().splitlines():
        party, _, names = line.partition(": ")
        yield party, names.split("|")


def _territories(locale: str) -> dict[str, str]:
    from babel import Locale

    return dict(Locale.parse(locale).territories)


def _names(lang: str) -> dict[str, tuple[str, ...]]:
    """Each name that is searched in texts of `lang` -> the parties it stands for, none for a name to pass over."""
    names: dict[str, tuple[str, ...]] = {}
    for code in dict.fromkeys((lang, "en")):
        unsafe = set(data.UNSAFE.get(lang, "").split("|"))
        for name, parties in _names_of(code).items():
            if name not in unsafe or (code == lang and not parties):
                for form in _forms(name, code):
                    names.setdefault(_fold(form, lang), parties)
    return names


def _names_of(lang: str) -> dict[str, tuple[str, ...]]:
    """The names of one language, as the tables write them; those of our own go over CLDR's."""
    names: dict[str, tuple[str, ...]] = {}
    for party, row in _rows(lang):
        for name in row:
            names[name] = (*names.get(name, ()), party)
    for pair in data.PAIRS.get(lang, "").split():
        names[pair] = tuple(data.INITIALS[lang][initial] for initial in pair)
    if lang == "vi":
        names |= {name: (party,) for name, party in data.VI_SHORT.items()}
    for name in re.split(r"[|\n]", data.NOT_PARTIES[lang].strip()) if lang in data.NOT_PARTIES else ():
        *first, last = name.rpartition(" ")
        names |= {name: (), name[0].swapcase() + name[1:]: (), "".join(first) + last.lower(): ()}  # "the Korean peninsula"
    for name, parties in _cldr_names(lang):
        names.setdefault(name, parties)
    return _behind_pairs(names, lang) | names if lang in data.PAIR_TAILS else names


def _behind_pairs(names: dict[str, tuple[str, ...]], lang: str) -> dict[str, tuple[str, ...]]:
    """A full name behind the end of a word, where both make a pair (其中美国): that name alone. Its look-alikes (中美国防): the pair."""
    pairs = data.PAIRS[lang].split()
    full = [name for name in names if name not in pairs]
    ends = {pair[0] + name: names[name] for pair in pairs if len(pair) == 2 for name in full if name[0] == pair[1]}
    return ends | {pair + tail: names[pair] for pair in pairs for tail in data.PAIR_TAILS[lang].split()}


def _cldr_names(lang: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """CLDR's countries with their parties, then its other territories and its regions, which are none."""
    tables = [_territories(locale) for locale in (lang, *data.MORE_LOCALES.get(lang, ()))]
    parties = {*data.COUNTRIES.split(), "EU", "UN"}
    for known in (True, False):
        for table in tables:
            for code, name in table.items():
                if (code in parties) == known and code not in data.OWN_COUNTRIES:
                    for spelling in _spellings(name):
                        yield spelling, (code,) if known else ()


def _spellings(name: str) -> set[str]:
    """CLDR's "Myanmar (Burma)" as two names, "St. Kitts & Nevis" in full as well."""
    short, _, other = name.rstrip(")").partition(" (")
    return {short, short.replace(" & ", " and ").replace("St. ", "Saint ")} | ({other} if other else set())


# -------------------------------------------------------------------------------------------------------- forms

_ALL_CAPITALS: Final = 4  # of shorter names, capitals are more often another word or an abbreviation


def _forms(name: str, lang: str) -> set[str]:
    """A name as texts of its language write it: its case endings, and in capitals where it is long enough to stay clear."""
    forms = {"en": _english, "ru": _russian, "de": _german, "ar": _arabic, "ta": _tamil}.get(lang, lambda name: {name})(name)
    if len(name) >= _ALL_CAPITALS and name not in data.VI_SYLLABLES.split() and name not in data.VI_SHORT:
        forms = forms | {form.upper() for form in forms}
    return forms


def _english(name: str) -> set[str]:
    """Peoples: Armenian, Armenians."""
    return {name, name + "s"} if name.endswith("an") else {name}


def _russian(name: str) -> set[str]:
    """All cases: the adjectives that a name begins with and the noun behind them are declined, abbreviations are not."""
    words = name.replace("ё", "е").split(" ")
    choices: list[list[str]] = []
    for word in words:
        adjective = len(words) > 1 and word.endswith(tuple(data.RU_ADJECTIVES))
        choices.append(_declined(word, data.RU_ADJECTIVES if adjective else data.RU_NOUNS))
        if not adjective:
            break
    choices += [[word] for word in words[len(choices) :]]
    return {" ".join(form) for form in product(*choices)}


def _declined(word: str, table: dict[str, str]) -> list[str]:
    if word.isupper():
        return [word]
    for ending, others in table.items():
        if word.endswith(ending):
            return [word, *(word.removesuffix(ending) + other for other in others.split())]
    after_consonant = word[-1] in "бвгджзклмнпрстфхцчшщ"
    return [word, *(word + ending for ending in data.RU_AFTER_CONSONANT.split())] if after_consonant else [word]


_GERMAN_ADJECTIVE: Final = re.compile(r"(?<=\w\w)e[nrs]?(?= [A-ZÄÖÜ])")


def _german(name: str) -> set[str]:
    """Adjective endings inside a name, genitive s behind it."""
    forms = {_GERMAN_ADJECTIVE.sub(ending, name) for ending in ("e", "en", "er", "es")} | {name}
    return forms if name.endswith("s") or name.isupper() else forms | {form + "s" for form in forms}


def _arabic(name: str) -> set[str]:
    """The article after li-: الصين, للصين. The prefixes that change no letter are `AROUND`'s."""
    return {name, "لل" + name[2:]} if name.startswith("ال") else {name}


def _tamil(name: str) -> set[str]:
    """Case endings take the place of a last pulli (ஜப்பான், ஜப்பானின்) or of a last ம் (நேபாளம், நேபாளத்தின்)."""
    stem = name.removesuffix("ம்").removesuffix("\u0bcd")
    return {name, stem} if len(stem) >= 5 else {name}


# -------------------------------------------------------------------------------------------------------- finding

_SIGNS: Final = re.compile(" ?[\u2010-\u2015\u2212] ?| - |’")
# Of Latin names in any text: ideographs and Thai letters may touch them, "US$5" is an amount.
_LATIN: Final = "0-9A-Za-z_\u00c0-\u024f\u1e00-\u1eff"


def _fold(text: str, lang: str) -> str:
    """Normalised, one kind of hyphen without spaces, one of apostrophe, no marks that the language's writers leave out."""
    clean = _SIGNS.sub(lambda sign: "'" if sign[0] == "’" else "-", normalize(text, lang))
    return clean.translate(data.FOLD[lang]) if lang in data.FOLD else clean


class _Finder:
    """One language's names as one pattern, its first or second group the name."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.parties = _names(lang)
        latin = {name for name in self.parties if re.match(f"[{_LATIN}]", name)}
        before, prefix, suffix, after = data.AROUND.get(lang, ("", "", "", ""))
        options = [f"{_starts(latin)}(?<![{_LATIN}]){_not_after(lang)}({_trie(latin)})(?![{_LATIN}$])"]
        if own := self.parties.keys() - latin:
            options.append(f"{'' if prefix else _starts(own)}{before}{prefix}({_trie(own)}){suffix}{after}")
        self.pattern = re.compile("|".join(options))

    def ids(self, text: str) -> Iterator[str]:
        """Each mention's party, in order."""
        clean = _fold(text, self.lang)
        for match in self.pattern.finditer(clean):
            name = match[match.lastindex or 0]
            if self.lang != "vi" or _is_country(name, clean, match.start(), match.end()):
                yield from self.parties[name]


def _starts(names: Iterable[str]) -> str:
    """A look at the next character, which most of the time saves trying the names one initial at a time."""
    return f"(?=[{''.join(sorted({re.escape(name[0]) for name in names}))}])"


def _not_after(lang: str) -> str:
    words = {word for code in ("en", lang) for word in data.NOT_AFTER.get(code, "").split("|") if word}
    return "".join(rf"(?<!\b{re.escape(word)} )" for word in sorted(words))


def _trie(names: Iterable[str]) -> str:
    """A pattern of all names, the longest that fits first; what names begin with in common is tried once."""
    tree: Tree = {}
    for name in sorted(names):
        node = tree
        for character in name:
            node = node.setdefault(character, {})
        node[""] = {}
    return _branches(tree)


def _branches(node: Tree) -> str:
    options = [re.escape(character) + _branches(child) for character, child in node.items() if character]
    if not options:
        return ""
    if len(options) == 1 and "" not in node:
        return options[0]
    return f"(?:{'|'.join(options)}){'?' if '' in node else ''}"


# ----------------------------------------------------------------------------------------------------- Vietnamese

_VI_SYLLABLES: Final = frozenset(data.VI_SYLLABLES.split())
_VI_BEFORE_COUNTRY: Final = frozenset(data.VI_BEFORE_COUNTRY.split())
_VI_BEFORE_NAME: Final = frozenset(data.VI_BEFORE_NAME.split())
_VI_BEFORE_PERSON: Final = frozenset(data.VI_BEFORE_PERSON.split())
_VI_MEMBER: Final = "|".join([data.VI_PAIRED, *_VI_SYLLABLES, *data.VI_SHORT])
_PAIRED_BEFORE: Final = re.compile(rf"(?<!\w)(?:{_VI_MEMBER})-$")
_PAIRED_AFTER: Final = re.compile(rf"-(?:{_VI_MEMBER})(?!\w)")
_WORD_BEFORE: Final = re.compile(r"(\w+) $")
_WORD_AFTER: Final = re.compile(r" (\w{2,})")


def _is_country(name: str, text: str, start: int, end: int) -> bool:
    """Whether `text[start:end]`, a name of one Vietnamese syllable, is a country there; any other name is."""
    if name not in _VI_SYLLABLES and name not in data.VI_SHORT:
        return True
    before = text[max(0, start - 20) : start]
    if _PAIRED_BEFORE.search(before) or _PAIRED_AFTER.match(text, end):
        return name in _VI_SYLLABLES or not (text.startswith(" ", end) and text[end + 1 : end + 2].isupper())  # Mỹ - Trung Đông
    word = _WORD_BEFORE.search(before)
    if word is None or word[1].lower() in _VI_BEFORE_NAME:
        after = _WORD_AFTER.match(text, end)
        return name in _VI_SYLLABLES and not (after and after[1].istitle())  # Mỹ Linh
    return name in _VI_SYLLABLES and _may_follow(word, start)


def _may_follow(word: re.Match[str], start: int) -> bool:
    """Whether a country can stand behind this word: Tổng thống Mỹ, and not Tuấn Anh. The text's first word has its capital anyway."""
    if word[1] in _VI_BEFORE_PERSON:
        return False
    if word.end() - word.start() == start:
        return word[1] not in _VI_SYLLABLES  # Đức Anh
    return word[1] in _VI_BEFORE_COUNTRY or word[1].isupper() or not word[1][0].isupper()
