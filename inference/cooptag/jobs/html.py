"""Web pages: the character set that a page declares, and its main article as text. trafilatura and lxml load on first use."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import date as Date
from typing import Any, Final, NamedTuple

from cooptag.errors import UsageError

# trafilatura takes 30 to 110 µs an element (8 s for 5 MB of <br>, and 2 GB): real articles stay under 10,000.
MAX_ELEMENTS: Final = 30_000
_CHARSET: Final = re.compile(rb"<(?:meta|\?xml)[^>]{0,500}?(?:charset|encoding)\s*=\s*[\"']?\s*([\w-]{1,30})", re.IGNORECASE)
# What browsers read a declared character set as (https://encoding.spec.whatwg.org/#names-and-labels).
_READ_AS: Final = {
    "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "gb18030": "gb18030", "big5": "big5hkscs", "big5-hkscs": "big5hkscs",
    "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "x-sjis": "cp932", "windows-31j": "cp932", "euc-jp": "euc_jp",
    "euc-kr": "cp949", "ks_c_5601-1987": "cp949", "ksc5601": "cp949", "windows-949": "cp949",
    "tis-620": "cp874", "iso-8859-11": "cp874", "windows-874": "cp874", "us-ascii": "cp1252", "latin1": "cp1252", "iso-8859-1": "cp1252",
    "iso-8859-2": "iso8859-2", "iso-8859-5": "iso8859-5", "iso-8859-6": "iso8859-6", "iso-8859-15": "iso8859-15",
    "koi8-r": "koi8-r", "koi8-u": "koi8-u", **{f"windows-125{i}": f"cp125{i}" for i in range(9)},
}  # fmt: skip
# Only what the page says of itself, and whatever today is: a guess from the text or the clock would not be repeatable.
_DATES: Final[dict[str, Any]] = {"extensive_search": False, "original_date": True, "min_date": "1900-01-01", "max_date": "2999-12-31"}


class Article(NamedTuple):
    """The main text of a page, a paragraph a line, its title first; "" where there is none. `date`: YYYY-MM-DD or ""."""

    text: str
    date: str


class TooManyElements(ValueError):
    """The page has more than `MAX_ELEMENTS` elements."""


def declared(raw: bytes) -> str:
    """Python's name of the character set that the first 4096 bytes of a page declare; "" for none, UTF-8 or an unknown one."""
    found = _CHARSET.search(raw[:4096])
    return _READ_AS.get(found[1].decode("ascii", "replace").lower(), "") if found else ""


def extract(page: str) -> Article:
    """The main article of a page, without comments, menus, scripts and styles; tables that are part of it are kept.

    :raises TooManyElements: if the page would take too long.
    :raises UsageError: if trafilatura is not installed.
    """
    try:
        import trafilatura
        from lxml import etree
    except ImportError as error:
        raise UsageError("a web page needs trafilatura, which is not installed; run `pip install 'cooptag[batch]'`") from error
    try:
        tree = _tree(page)
        if sum(1 for _ in tree.iter()) > MAX_ELEMENTS:
            raise TooManyElements(f"over {MAX_ELEMENTS} elements")
        date = next(_published(tree), "")
        # Out before trafilatura looks: its patterns take quadratic time on a script's JSON that is none, and where it
        # finds no article it would take the one in there.
        etree.strip_elements(tree, "script", "style", "template", with_tail=False)
        found: Any = trafilatura.bare_extraction(tree, include_comments=False, with_metadata=True, date_extraction_params=dict(_DATES))
    except TooManyElements:
        raise
    except Exception:  # a parser's bug on a broken page must cost that page, not the job
        return Article("", "")
    return Article(_with_title(found.title or "", found.text or ""), date or found.date or "") if found else Article("", "")


def _tree(page: str) -> Any:
    """The parsed page. libxml2 itself gives up on elements nested over 256 deep."""
    import lxml.html

    # The encoding is given, so that a charset in the page is not believed twice.
    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, collect_ids=False)
    return lxml.html.document_fromstring(page.encode("utf8", "replace"), parser=parser)


def _published(tree: Any) -> Iterator[str]:
    """The dates of publication in the page's JSON-LD (https://schema.org/datePublished), those of the outermost objects first."""
    for script in tree.iter("script"):
        if "ld+json" in script.get("type", ""):
            with suppress(ValueError, RecursionError):  # no JSON, or nested too deep
                values = [json.loads(script.text or "", strict=False, parse_int=str)]  # int() takes quadratic time
                for value in values:
                    if isinstance(value, dict):
                        yield from _day(value.get("datePublished"))
                        values += value.values()
                    elif isinstance(value, list):
                        values += value


def _day(value: Any) -> Iterator[str]:
    """The day that a value begins with, if it is one that `_DATES` allows."""
    with suppress(ValueError):
        day = Date.fromisoformat(value[:10] if isinstance(value, str) else "").isoformat()
        if _DATES["min_date"] <= day <= _DATES["max_date"]:
            yield day


def _with_title(title: str, text: str) -> str:
    text = text.strip()
    if not any(map(str.isalnum, text)):
        return ""
    return text if title in text else f"{title}\n{text}"
