"""Raw articles: what is read, what is left out and why. All texts are made up here."""

import gzip
import json
import sys
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cooptag.errors import InputError, UsageError
from cooptag.jobs.readers import Fields
from cooptag_training import articles, corpus
from cooptag_training.articles import Imported, import_articles, near_repeats

ENGLISH = [
    "Ministers of Peru and Viet Nam met in Lima to review ten years of their trade agreement.",
    "Both sides will open a joint office for the inspection of fruit and coffee before the harvest.",
    "A credit line of forty million dollars will pay for the repair of irrigation canals in the north.",
    "Coast guards of the two countries will train together off Cam Ranh every second spring.",
    "The universities of Cusco and Hue agreed to exchange teachers of archaeology and restoration.",
    "Peru asked for advice on raising catfish in ponds that do not waste water.",
    "Vietnamese engineers are to help extend the mobile network to villages in the Andes.",
    "An agreement on the transfer of sentenced persons is ready for signature, the envoy said.",
]
VIETNAMESE = [
    "Bộ trưởng Công Thương hai nước ký thỏa thuận mua bán gạo dài hạn tại Manila sáng nay.",
    "Phía Philippines đề nghị Việt Nam chia sẻ kinh nghiệm dự báo bão và sơ tán dân ven biển.",
    "Hai bên lập đường dây nóng giữa lực lượng cảnh sát biển để cứu ngư dân gặp nạn.",
    "Một dự án trồng rừng ngập mặn chung sẽ bắt đầu ở Cà Mau và đảo Palawan trong năm tới.",
    "Các trường cao đẳng nghề sẽ trao đổi giáo viên dạy sửa chữa tàu thuyền và chế biến hải sản.",
    "Ngân hàng trung ương hai nước thử nghiệm thanh toán bằng mã QR cho khách du lịch.",
    "Bảo tàng Dân tộc học mở triển lãm về nghề dệt của người Ifugao đến hết mùa thu.",
    "Ủy ban hỗn hợp sẽ họp lại tại Hà Nội để rà soát tiến độ của từng việc đã giao.",
]


def write(folder: Path, files: dict[str, Any]) -> Path:
    """Texts as they are, lists as lines, bytes raw."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, list):
            content = "\n".join(content)
        file.write_bytes(content if isinstance(content, bytes) else content.encode("utf8"))
    return folder


def read(folder: Path, files: dict[str, Any], **options: Any) -> Imported:
    return import_articles([str(write(folder / "in", files))], folder / "out.jsonl", **options)


def reasons(imported: Imported) -> list[str]:
    return [drop.reason for drop in imported.drops]


def page(title: str, paragraphs: list[str]) -> str:
    menu = "".join(f"<li><a href='/{word}'>{word}</a></li>" for word in ("Home", "Politics", "World", "Sport", "Contact us"))
    body = "".join(f"<p>{text}</p>" for text in paragraphs)
    return (
        f"<html><head><title>{title}</title><meta property='article:published_time' content='2023-02-03T08:00:00Z'>"
        f"<script>var tracker = 'not a sentence at all';</script></head><body><nav><ul>{menu}</ul></nav>"
        f"<article><h1>{title}</h1>{body}</article><footer>© 2023 Lantern Post</footer></body></html>"
    )


# ------------------------------------------------------------------------------------------------ ids and dates


def test_the_id_of_an_article_is_its_own(tmp_path: Path) -> None:
    alone = read(tmp_path / "a", {"2011/12/24/2024-05-01-lima.txt": ENGLISH}).articles[0]
    beside = read(tmp_path / "b", {"2024-05-01-lima.txt": ENGLISH, "0.txt": VIETNAMESE}).articles
    assert alone.id in {article.id for article in beside}, "moved, and imported with another, it has another id"
    assert alone.id.startswith("en/2024-") and articles._ID.fullmatch(alone.id)
    in_folder = read(tmp_path / "d", {"2011/12/24/lima.txt": ENGLISH}).articles[0]
    assert in_folder.date == "2011-12-24" and in_folder.id.startswith("en/undated-"), "the folder decides the id"
    row = json.dumps({"text": "\n".join(ENGLISH), "date": "2024-11-30"})
    assert read(tmp_path / "c", {"wire.jsonl": row}).articles[0].id == alone.id, "in another kind of file it has another id"


def test_the_order_of_the_inputs_changes_nothing(tmp_path: Path) -> None:
    files = [str(write(tmp_path, {name: text}) / name) for name, text in (("b.txt", ENGLISH), ("a.txt", VIETNAMESE))]
    assert import_articles(files, tmp_path / "out") == import_articles(files[::-1], tmp_path / "out")


def test_two_runs_write_the_same_bytes_beside_their_input(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": ENGLISH, "b.txt": [*VIETNAMESE, "Xem thêm"], "c.txt": ENGLISH})
    out, written = tmp_path / "articles.jsonl", []
    for _ in range(2):
        imported = import_articles([str(tmp_path)], out)
        articles.save(imported.articles, out)
        articles.save_drops(imported.drops, articles.drops_file(out))
        written.append((out.read_bytes(), articles.drops_file(out).read_bytes()))
    assert written[0] == written[1], "the second run read what the first one wrote, or is not repeatable"
    assert articles.load(out) == imported.articles


def test_one_text_in_two_spellings_is_one_article(tmp_path: Path) -> None:
    text = " ".join(VIETNAMESE) + " Hai nước muốn hoà giải và giữ hoà khí."
    new = text.replace("hoà", "hòa")
    files = {"1.txt": text, "2.txt": new, "3.txt": unicodedata.normalize("NFD", text)}
    imported = read(tmp_path, files)
    assert reasons(imported) == ["duplicate_article"] * 2
    assert {drop.of for drop in imported.drops} == {imported.articles[0].id}
    assert unicodedata.is_normalized("NFC", "".join(imported.articles[0].sentences))


@pytest.mark.parametrize(("name", "date"), [
    ("2024-05-01-lima.txt", "2024-05-01"), ("tin_20240501.txt", "2024-05-01"), ("2024/05/01/lima.txt", "2024-05-01"),
    ("2023-01-01/2024-05-01.txt", "2024-05-01"), ("2024-13-01.txt", ""), ("2024-02-30.txt", ""), ("1890-05-01.txt", ""),
    ("120240501.txt", ""), ("2024050112.txt", ""), ("lima.txt", ""),
])  # fmt: skip
def test_the_date_in_a_path(tmp_path: Path, name: str, date: str) -> None:
    assert read(tmp_path, {name: ENGLISH}).articles[0].date == date


def test_the_articles_own_date_goes_before_the_paths(tmp_path: Path) -> None:
    row = json.dumps({"text": " ".join(VIETNAMESE), "date": "2019-07-08T10:00:00"})
    old = json.dumps({"text": " ".join(ENGLISH[:4]), "date": "1950"})
    found = read(tmp_path, {"2024-05-01.jsonl": [row, old], "2024-05-01.html": page("Lima talks end", ENGLISH[4:])}).articles
    assert [(article.date, article.id.split("-")[0]) for article in found] == [
        ("2023-02-03", "en/2023"), ("2019-07-08", "vi/2019"), ("2024-05-01", "en/undated"),
    ]  # fmt: skip


def test_sources_are_below_the_folder_and_name_the_line(tmp_path: Path) -> None:
    rows = ["id,body", f'1,"{ENGLISH[0]} {ENGLISH[1]}"', f'2,"{VIETNAMESE[0]}\n{VIETNAMESE[1]}"']
    imported = read(tmp_path, {"x/a.csv": rows}, fields=Fields(text="body"))
    assert [article.source for article in imported.articles] == ["x/a.csv:2", "x/a.csv:3"]
    assert imported.articles[1].sentences == tuple(VIETNAMESE[:2])
    with pytest.raises(InputError, match="expected a column 'text'"):
        read(tmp_path, {})


# --------------------------------------------------------------------------------------------------- bad inputs

ROW = json.dumps({"text": ENGLISH[0]}).encode()
BAD = {
    "a.jsonl": (b'{"text": "caf\xe9 talks"}\n' + ROW, ["bad_encoding"]),
    "b.jsonl": (b'\xef\xbb\xbf{"text": \r\n\r\n' + ROW + b"\r\n", ["bad_json", "blank"]),
    "c.jsonl": (b'{"text": "' + b"x" * 16_000_001 + b'"}\n' + ROW, ["line_too_long"]),
    "d.jsonl": (b"[" * 200_000 + b"\n" + ROW, ["bad_json"]),
    "e.jsonl": (b'{"text": null}\n{"text": ["a"]}\n{"text": NaN}\n' + ROW, ["bad_type", "bad_json"]),
    "f.jsonl": (b'{"text": "a", "text": "b"}\n' + ROW, ["bad_json"]),
    "g.txt": ("\n".join(ENGLISH).encode() + b" caf\xe9", ["bad_encoding"]),
    "h.csv": (b'id,text\n1,a,b\n2,"' + ENGLISH[0].encode() + b'"\n', ["bad_csv"]),
    "i.jsonl.gz": (gzip.compress(ROW + b"\n" * 99_999)[:-9], ["blank", "corrupt_input"]),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_is_a_drop_and_the_good_one_beside_it_an_article(tmp_path: Path, name: str) -> None:
    raw, codes = BAD[name]
    imported = read(tmp_path, {name: raw})
    assert [article.sentences for article in imported.articles] == ([] if name == "g.txt" else [(ENGLISH[0],)])
    assert list(dict.fromkeys(reasons(imported))) == [f"rejected:{code}" for code in codes]
    assert all(drop.whole and len(drop.text) <= 200 and drop.source.startswith(name) for drop in imported.drops)


@pytest.mark.parametrize("text", ["", " \n ", "\u200b\u202e\x00", "🌏!", "12 – 34"])
def test_a_text_without_a_word_is_an_empty_article(tmp_path: Path, text: str) -> None:
    assert reasons(read(tmp_path, {"a.jsonl": json.dumps({"text": text})})) == ["empty_article"]


@pytest.mark.parametrize(("markup", "reason"), [
    ("<html><script>var a = 'Hello there, world.';</script><style>p {}</style></html>", "rejected:empty_article"),
    ("<div>" * 50_000, "rejected:empty_article"),
    ("<br>" * 50_000, "rejected:too_large"),
    ("<p>" + "x" * 5_000_001, "rejected:too_large"),
])  # fmt: skip
def test_a_page_without_an_article_is_a_drop(tmp_path: Path, markup: str, reason: str) -> None:
    assert reasons(read(tmp_path, {"a.html": markup})) == [reason]


def test_sentences_fit_on_a_line_of_the_corpus(tmp_path: Path) -> None:
    text = "The \x00two\tsides\x1b[31m agreed\x0b on\u202e ports \ud800and rail\u200bways.\u2028They will meet in spring"
    text += "\x85again in Lima next year."
    imported = read(tmp_path, {"a.jsonl": json.dumps({"text": text})}, lang="en")
    [article] = imported.articles
    assert article.sentences == (
        "The two sides [31m agreed",
        "on ports \ufffdand railways.",
        "They will meet in spring",
        "again in Lima next year.",
    )
    for sentence in article.sentences:
        corpus.sentence_line(sentence, ())
    out = tmp_path / "a.jsonl"
    articles.save(imported.articles, out)
    assert articles.load(out) == imported.articles


def test_a_language_of_no_model_is_left_out_unless_it_is_said_to_be_another(tmp_path: Path) -> None:
    swedish = "Regeringarna i Sverige och Peru enades på måndagen om att utvidga sitt samarbete kring skogsbruk och ren energi."
    assert reasons(read(tmp_path / "1", {"a.txt": swedish})) == ["unsupported_language"]
    assert read(tmp_path / "2", {"a.txt": swedish}, lang="DE").articles[0].lang == "de"


@pytest.mark.parametrize(("options", "message"), [
    ({"lang": "sv"}, "--lang is 'sv'"), ({"kind": "novel"}, "--kind is 'novel'"), ({"min_characters": -1}, "--min-characters is -1"),
])  # fmt: skip
def test_a_wrong_option_is_named(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read(tmp_path, {"a.txt": ENGLISH}, **options)


def test_a_folder_in_place_of_the_file_to_write_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    for out in (tmp_path, Path()):  # "." has no name to write beside
        with pytest.raises(UsageError, match="a folder; expected a file to write"):
            import_articles([str(tmp_path / "absent.txt")], out)


def test_a_folder_without_a_file_to_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no file to read"):
        read(tmp_path, {"notes.pdf": "x"})


# -------------------------------------------------------------------------------- near repeats and boilerplate


@pytest.mark.parametrize("text", [ENGLISH, VIETNAMESE], ids=["en", "vi"])
def test_a_reprint_under_another_lead_is_left_out(tmp_path: Path, text: list[str]) -> None:
    reprint = ["(Update 2)" if text is ENGLISH else "(Tổng hợp)", *text[:-1]]
    imported = read(tmp_path, {"a.txt": text, "b.txt": reprint, "c.txt": VIETNAMESE if text is ENGLISH else ENGLISH})
    assert [(drop.source, drop.reason) for drop in imported.drops] == [("b.txt", "near_duplicate_article")]
    assert imported.drops[0].of == imported.articles[0].id
    assert imported.articles[0].sentences == tuple(text)


def test_paragraphs_of_one_form_are_no_near_duplicates(tmp_path: Path) -> None:
    rows = [json.dumps({"text": f"{country} commits to protect its forests and to share what it learns with its partners in the region."})
            for country in ("Indonesia", "Thailand", "Paraguay")]  # fmt: skip
    assert len(read(tmp_path, {"a.jsonl": rows}).articles) == 3


def different(n: int) -> list[list[str]]:
    """Articles of six sentences that share none, though all are made of the same words."""
    draw = np.random.default_rng(5)
    words = " ".join(ENGLISH).replace(".", "").replace(",", "").lower().split()
    return [[f"The {' '.join(draw.permutation(words)[:18])} {i}." for _ in range(6)] for i in range(n)]


BOILERPLATE = [
    "Home | Politics | World | Sport | Podcasts",
    "Subscribe to our morning letter for more news from the Andes.",
    "Read 17 times",
]


def test_a_line_of_many_articles_is_boilerplate(tmp_path: Path) -> None:
    texts = [[BOILERPLATE[0], *text, BOILERPLATE[1], f"Viewed by {7 * i} readers today"] for i, text in enumerate(different(articles.MANY))]
    imported = read(tmp_path, {f"{i}.txt": text for i, text in enumerate(texts)})
    assert Counter(reasons(imported)) == {"boilerplate": 3 * articles.MANY}
    assert [article.sentences for article in imported.articles] == [tuple(text[1:7]) for text in texts]


def test_below_that_a_sentence_is_kept_once(tmp_path: Path) -> None:
    texts = [[*text, BOILERPLATE[1]] for text in different(articles.MANY - 1)]
    imported = read(tmp_path, {f"{i}.txt": text for i, text in enumerate(texts)})
    assert reasons(imported) == ["repeated_sentence"] * (articles.MANY - 2)
    assert {drop.of for drop in imported.drops} == {imported.articles[0].id}


def test_a_text_that_many_print_is_kept_once_and_is_no_boilerplate(tmp_path: Path) -> None:
    files = {f"{i}.txt": [f"Our desk in bureau {'abcdefgh'[i] * 9} reports from Lima", *ENGLISH] for i in range(2 * articles.MANY)}
    imported = read(tmp_path, files)
    assert Counter(reasons(imported)) == {"near_duplicate_article": 2 * articles.MANY - 1}
    assert imported.articles[0].sentences[1:] == tuple(ENGLISH)


def test_short_pages_under_one_long_menu_are_no_near_duplicates(tmp_path: Path) -> None:
    bodies = different(2 * articles.MANY + 6)
    menu = [line.rstrip(".") for body in bodies[-6:] for line in body]
    files = {f"long{i}.txt": [*menu, *bodies[2 * i], *bodies[2 * i + 1]] for i in range(articles.MANY)}
    imported = read(tmp_path, {**files, "short1.txt": [*menu, *ENGLISH[:4]], "short2.txt": [*menu, *ENGLISH[4:]]})
    assert set(reasons(imported)) == {"boilerplate"}
    assert [article.sentences for article in imported.articles[-2:]] == [tuple(ENGLISH[:4]), tuple(ENGLISH[4:])]


@pytest.mark.parametrize("line", [
    "***", "2/7/2018 14:05", "https://example.org/news?id=5", "www.example.org/tin", "desk@example.org", "Read more", "Xem thêm",
    "© 2024 Lantern Post", "Bản quyền thuộc Báo Ngọn Đèn.", "12:30 | All rights reserved by the Lantern Post", "更多新闻",
])  # fmt: skip
def test_a_scrap_is_boilerplate(tmp_path: Path, line: str) -> None:
    imported = read(tmp_path, {"a.txt": [*ENGLISH, line]})
    assert [(drop.reason, drop.text) for drop in imported.drops] == [("boilerplate", line)]


@pytest.mark.parametrize("line", [
    "- energy", "(b) tourism;", "iv. health;", "Talks went well.", "They left (Friday).", "Copyright protection of their films is agreed.",
    "中越签署能源合作协议", "Họ ra về.", "Energy, ports and rail",
])  # fmt: skip
def test_a_short_sentence_or_list_item_is_kept(tmp_path: Path, line: str) -> None:
    assert read(tmp_path, {"a.txt": [*ENGLISH, line]}).articles[0].sentences[-1] == line


def test_the_menu_of_a_page_is_left_out(tmp_path: Path) -> None:
    [article] = read(tmp_path, {"a.html": page("Peru and Viet Nam review their trade", ENGLISH)}).articles
    assert article.sentences == ("Peru and Viet Nam review their trade", *ENGLISH)


# ----------------------------------------------------------------------------------------------------- sentences


def test_a_sentence_is_kept_once(tmp_path: Path) -> None:
    imported = read(tmp_path, {"a.txt": [*ENGLISH[:5], ENGLISH[1]], "b.txt": [*VIETNAMESE[:4], ENGLISH[2]]})
    assert [(drop.source, drop.reason, drop.text) for drop in imported.drops] == [
        ("a.txt", "repeated_sentence", ENGLISH[1]), ("b.txt", "repeated_sentence", ENGLISH[2]),
    ]  # fmt: skip
    assert {drop.of for drop in imported.drops} == {imported.articles[0].id}


def test_a_sentence_nearly_said_by_another_article_is_left_out(tmp_path: Path) -> None:
    long = ENGLISH[2].removesuffix(".") + ", and a second one of the same size for wells and small dams in the dry south of the country."
    nearly = long.replace("forty", "fourty")
    imported = read(
        tmp_path, {"a.txt": [long, nearly], "b.txt": [VIETNAMESE[0], nearly + " "], "c.txt": [VIETNAMESE[1], nearly[:-1] + " !"]}
    )
    assert imported.articles[0].sentences == (long, nearly), "an article does not repeat itself nearly"
    assert [(drop.source, drop.reason) for drop in imported.drops] == [("b.txt", "repeated_sentence"), ("c.txt", "near_repeated_sentence")]
    assert imported.drops[1].of == imported.articles[0].id


def test_a_formula_about_another_matter_is_kept(tmp_path: Path) -> None:
    said = "The Ministers reaffirmed their resolve to deepen cooperation on {} through the existing mechanisms between both sides."
    files = {f"{i}.txt": [ENGLISH[i], said.format(matter)] for i, matter in enumerate(("public health", "clean energy", "fisheries"))}
    assert reasons(read(tmp_path, files)) == []


def test_what_the_corpus_has_is_left_out(tmp_path: Path) -> None:
    old = unicodedata.normalize("NFD", VIETNAMESE[1])
    labelled = corpus.Article("vi/2020-x", "vi", "lead", 2020, (), (corpus.Sentence(old, (), "", 1),))
    imported = read(tmp_path, {"a.txt": VIETNAMESE}, corpus=[labelled])
    assert [(drop.reason, drop.of) for drop in imported.drops] == [("in_corpus", "vi/2020-x")]
    assert imported.articles[0].sentences == (VIETNAMESE[0], *VIETNAMESE[2:])


def test_nothing_is_lost(tmp_path: Path) -> None:
    texts = [[BOILERPLATE[0], *text] for text in different(5)]
    files: dict[str, Any] = {f"{i}.txt": text for i, text in enumerate(texts)}
    row = json.dumps({"text": " ".join(ENGLISH)})
    files |= {
        "6.jsonl": [row, "{", json.dumps({"text": ENGLISH[0]}), row],
        "7.txt": [*VIETNAMESE, "***", VIETNAMESE[0]], "8.txt": ["Tin mới", *VIETNAMESE[:-1]], "9.txt": "!", "photo.jpg": "x",
    }  # fmt: skip
    imported = read(tmp_path, files)
    assert Counter(reasons(imported)) == {
        "boilerplate": 6, "rejected:bad_json": 1, "repeated_sentence": 2, "duplicate_article": 1, "near_duplicate_article": 1,
        "empty_article": 2,
    }  # fmt: skip
    whole = sum(drop.whole for drop in imported.drops)
    assert len(imported.articles) + whole == 5 + 4 + 3, "rows are not articles and drops"
    kept = sum(len(article.sentences) for article in imported.articles)
    assert imported.sentences == kept + len(imported.drops) - whole == 5 * 7 + 8 + 1 + 10
    said = articles.describe(imported)
    assert f"{'kept':<30}{7:>9}{kept:>11}" in said and "1 files of other kinds" in said


# ------------------------------------------------------------------------------------------------------- parties


def test_parties_are_the_most_frequent_in_english(tmp_path: Path) -> None:
    names = ("Lào", "Pháp", "Nhật Bản", "Ấn Độ", "Hàn Quốc", "Nga", "Lào")
    text = [f"Việt Nam và {name} sẽ tăng cường hợp tác về cảng biển." for name in names]
    [article] = read(tmp_path, {"a.txt": [*text, "Đại diện của Lào cảm ơn Lào và Hàn Quốc."]}).articles
    assert article.parties[:3] == ("Vietnam", "Laos", "South Korea") and len(article.parties) == 6


def test_without_their_names_there_are_no_parties(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "babel", None)
    assert read(tmp_path, {"a.txt": ENGLISH}).articles[0].parties == ()


# -------------------------------------------------------------------------------------------------- near_repeats


def test_near_repeats_finds_what_measuring_all_pairs_would() -> None:
    texts = [" ".join(text) for text in different(40)]
    texts += [text.replace("the", "those", 1) for text in texts[:20]] + ["short", "short"]
    found = near_repeats(texts, 0.8, rows=4)
    assert found.tolist() == [-1] * 40 + list(range(20)) + [-1, -1]
    owners = np.concatenate([np.arange(40), np.arange(20), [40, 41]])
    assert (near_repeats(texts, 0.8, rows=4, owners=owners) == -1).all(), "texts of one owner repeat one another"


def test_a_chain_of_near_repeats_has_one_beginning() -> None:
    words = [f"{word}{i}" for i, word in enumerate(" ".join(ENGLISH).split()[:90])]
    first = [*(word.upper() + "x" for word in words[:8]), *words[8:]]
    both = [*first[:-8], *(word.upper() + "x" for word in words[-8:])]
    texts = [" ".join(part) for part in (VIETNAMESE, words, first, both)]
    assert near_repeats([texts[1], texts[3]], 0.8, rows=4).tolist() == [-1, -1], "the ends of the chain are near: the test shows nothing"
    assert near_repeats(texts, 0.8, rows=4).tolist() == [-1, -1, 1, 1]


def test_a_thousand_alike_are_not_compared_each_with_each() -> None:
    pairs = articles._candidates(np.zeros((1000, 16), dtype=np.uint64))
    assert len(pairs) < 1000 * (articles.LOOK_BACK + 1)
    assert {(0, 999), (998, 999)} <= {tuple(pair) for pair in pairs.tolist()}


# ------------------------------------------------------------------------------------------------------- loading

GOOD = {
    "id": "vi/2024-0123456789ab",
    "lang": "vi",
    "date": "2024-05",
    "source": "a.txt",
    "kind": "lead",
    "parties": ["Peru"],
    "sentences": ["Có."],
}


@pytest.mark.parametrize(("change", "message"), [
    ({"id": "vi/../x"}, "id is 'vi/../x'"), ({"id": "en/2024-x"}, "lang 'vi'"), ({"lang": "sv", "id": "sv/2024-x"}, "lang 'sv'"),
    ({"date": "2024-02-31"}, "date is '2024-02-31'"), ({"date": "1950"}, "date is '1950'"), ({"date": 2024}, "date is 2024; expected text"),
    ({"kind": "novel"}, "kind is 'novel'"), ({"parties": "Peru"}, "parties is 'Peru'"), ({"parties": ["Peru, Chile"]}, "has a comma"),
    ({"sentences": []}, "sentences is empty"),
    ({"sentences": ["a\nb"]}, "no sentence for an article file"), ({"sentences": [1]}, "list of texts"),
])  # fmt: skip
def test_a_broken_article_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    file = write(tmp_path, {"a.jsonl": [json.dumps(GOOD), json.dumps({**GOOD, "id": "vi/2024-other", **change})]}) / "a.jsonl"
    with pytest.raises(InputError, match=f"a.jsonl:2: .*{message}"):
        articles.load(file)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    write(tmp_path, {"twice.jsonl": [json.dumps(GOOD)] * 2, "empty.jsonl": "", "short.jsonl": '{"id": "vi/2024-x"}'})
    said = (("twice", "stands twice"), ("empty", "holds no line"), ("short", "has no lang, date"), ("absent", "cannot be read"))
    for name, message in said:
        with pytest.raises(InputError, match=message):
            articles.load(tmp_path / f"{name}.jsonl")


def test_more_keys_are_no_error(tmp_path: Path) -> None:
    file = write(tmp_path, {"a.jsonl": json.dumps({**GOOD, "note": "x"})}) / "a.jsonl"
    assert articles.load(file)[0].sentences == ("Có.",)
