"""The labelled corpus: what is shipped holds to its shape, and each fault in an article names its line."""

from collections import Counter
from pathlib import Path

import pytest

from cooptag.errors import InputError
from cooptag.text import LANGUAGES
from cooptag_training import areas, corpus

AREAS = {"climate", "energy"}
GOOD = "---\nlang: en\nkind: news_report\nyear: 2024\nparties: ASEAN, Canada\n---\n[climate, energy] One.\n\n[none procedure] Two.\n"


def write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "en").mkdir(exist_ok=True)
    file = tmp_path / "en/a.txt"
    file.write_text(text, encoding="utf8")
    return file


def test_an_article_is_read_whole(tmp_path: Path) -> None:
    article = corpus.read_article(write(tmp_path, GOOD), AREAS)
    assert (article.id, article.lang, article.year, article.parties) == ("en/a", "en", 2024, ("ASEAN", "Canada"))
    assert [(s.text, s.areas, s.none_reason, s.line) for s in article.sentences] == [
        ("One.", ("climate", "energy"), "", 7),
        ("Two.", (), "procedure", 9),
    ]


@pytest.mark.parametrize(
    ("old", "new", "where", "message"),
    [
        ("---\nlang", "lang", ":1:", "header between two lines"),
        ("lang: en", "lang: vi", ":2:", "expected the folder's name"),
        ("kind: news_report", "kind: gossip", ":2:", "kind is 'gossip'"),
        ("year: 2024", "year: 24", ":2:", "year is '24'"),
        ("year: 2024", "year 2024", ":4:", "no header line"),
        ("year: 2024\n", "", ":1:", "lacks year"),
        ("[climate, energy] One.", "[climate, enrgy] One.", ":7:", "area 'enrgy' is unknown"),
        ("[climate, energy] One.", "[climate, climate] One.", ":7:", "names an area twice"),
        ("[climate, energy] One.", "One.", ":7:", "is not '\\[areas\\] sentence'"),
        ("[climate, energy] One.", "[none because] One.", ":7:", "is no reason"),
        ("[climate, energy] One.", "[none procedure, climate] One.", ":7:", "is no reason"),
        ("[climate, energy] One.\n\n[none procedure] Two.\n", "", ":6:", "no sentence follows"),
    ],
)
def test_a_fault_names_file_and_line(tmp_path: Path, old: str, new: str, where: str, message: str) -> None:
    file = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as caught:
        corpus.read_article(file, AREAS)
    assert f"a.txt{where}" in str(caught.value)


def test_loading_reports_every_bad_article_and_an_empty_folder(tmp_path: Path) -> None:
    write(tmp_path, "x")
    (tmp_path / "en/b.txt").write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"a\.txt.*b\.txt"):
        corpus.load(tmp_path, AREAS)
    with pytest.raises(InputError, match="holds no article"):
        corpus.load(tmp_path / "none", AREAS)


def test_the_shipped_corpus_is_varied() -> None:
    articles = corpus.load(corpus.DEFAULT_FOLDER, {entry.area.id for entry in areas.load()})
    sentences = [(a.lang, s) for a in articles for s in a.sentences]
    by_lang = Counter(lang for lang, _ in sentences)
    assert by_lang["vi"] >= 400 and by_lang["en"] >= 250 and len(by_lang) >= 12
    assert set(by_lang) <= set(LANGUAGES)
    by_area = Counter(area for _, s in sentences for area in s.areas)
    assert len(by_area) == 37 and min(by_area.values()) >= 20
    assert {s.none_reason for _, s in sentences if not s.areas} == set(corpus.NONE_REASONS)
    texts = [s.text for _, s in sentences]
    assert len(set(texts)) == len(texts)
