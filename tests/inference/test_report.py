"""The report of a job: what the page shows, that data stays data, and that it loads nothing."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from cooptag import report
from cooptag.errors import InputError, UsageError
from cooptag.report_charts import Group, columns, timeline

PILLARS = {
    "political-security": [("defence", "Defence", "Quốc phòng"), ("cybersecurity", "Cybersecurity", "An ninh mạng")],
    "economic": [("trade", "Trade and economic integration", "Thương mại và hội nhập kinh tế"), ("energy", "Energy", "Năng lượng"),
                 ("transport", "Transport", "Giao thông vận tải"), ("tourism", "Tourism", "Du lịch")],
    "sustainability": [("climate", "Climate change", "Biến đổi khí hậu"), ("ocean", "Ocean and blue economy", "Kinh tế biển")],
    "socio-cultural": [("health", "Health", "Y tế"), ("education", "Education and training", "Giáo dục và đào tạo")],
    "cross-pillar": [("gap", "Development gap and assistance", "Thu hẹp khoảng cách phát triển")],
}  # fmt: skip
AREAS = [
    {"id": id, "pillar": pillar, "names": {"en": en, "vi": vi}, "definition": ""}
    for pillar, areas in PILLARS.items()
    for id, en, vi in areas
]
IDS = [str(area["id"]) for area in AREAS]
PARTIES = {"VN": ("Vietnam", "Việt Nam"), "JP": ("Japan", "Nhật Bản"), "ASEAN": ("ASEAN", "ASEAN"), "AE": ("United Arab Emirates", "UAE")}
# Text, language, and the words that carry "energy".
SENTENCES = [
    ("Hai bên nhất trí xây thêm ba trạm điện gió ngoài khơi trước năm 2031.", "vi", "điện gió"),
    ("The two ministers opened a joint office for solar power in the delta.", "en", "solar power"),
    ("اتفق الوزيران على ربط شبكات الكهرباء بين البلدين.", "ar", "شبكات الكهرباء"),
    ("รัฐมนตรีทั้งสองตกลงซื้อขายไฟฟ้าข้ามพรมแดนในปีหน้า", "th", "ซื้อขายไฟฟ้า"),
    ("両国は水素の共同研究を来春から始める。", "ja", "水素"),
    ("រដ្ឋមន្ត្រី\u200bទាំងពីរ\u200bព្រមព្រៀង\u200bទិញ\u200bអគ្គិសនី។", "km", "អគ្គិសនី"),
    ("दोनों देश सौर ऊर्जा का नया केंद्र बनाएंगे।", "hi", "सौर ऊर्जा"),
    ("Стороны построят подстанцию на границе.", "ru", "подстанцию"),
]
HOSTILE = (
    "<script>alert(1)</script>\"><img src=x onerror=alert(2)>' onclick='x {{7*7}} {% raw %} "
    "\x1b[31m\u202eabc\n\r\x00</style></title>&amp;"
)


def summary() -> dict[str, Any]:
    """The summary of a made-up job of ten years: counts by plain arithmetic, sentences in eight scripts."""
    totals = {area: 9000 // (number + 1) for number, area in enumerate(IDS[2:] + IDS[:1])}  # one area was never found
    examples = [_example(number, *sentence) for number, sentence in enumerate(SENTENCES)]
    return {
        "cooptag": "0.1.0", "model": {"name": "cooptag-small", "digest": "ab12cd34" * 8}, "areas_known": AREAS,
        "options": {"text": "text", "id": "id", "date": "date", "split": True, "lang": None, "goal": None, "part_mb": 1.0},
        "input": {"files": 1, "bytes": 25000000, "digest": "cd" * 32, "passed_over": 2}, "parts": 25,
        "counts": {"documents": 1938, "sentences": 178740, "tagged": 41000, "tags": 56000, "rejected": 5, "blank": 1, "dated": 1900,
                   "truncated": 12, "forced": 4, "uncertain": 30000, "unsupported": 15, "errors": 0, "mended": 0},
        "rejected": {"bad_json": 2, "no_sentence": 1, "duplicate_id": 1, "moon_phase": 1}, "encodings": {"utf-8": 1930, "windows-1258": 8},
        "languages": {"en": 170000, "vi": 8000, "ar": 700, "und": 40}, "unsupported": {"sw": 15},
        "areas": {area: {"sentences": total, "documents": total // 5, "score": 0.91} for area, total in totals.items()},
        "pairs": [["climate", "energy", 500], ["trade", "transport", 410], ["health", "education", 90]],
        "periods": {str(year): _period(year, totals) for year in range(2015, 2025)},
        "parties": {id: _party(number, *names) for number, (id, names) in enumerate(PARTIES.items())},
        "examples": {"energy": examples, "climate": examples[:1]},
        "uncertain": [{"id": f"doc-{n}", "sentence": n, "text": SENTENCES[n % 8][0], "lang": SENTENCES[n % 8][1],
                       "areas": [{"id": "trade", "score": 0.55}][: n % 3]} for n in range(14)],
        "drift": {
            "verdict": "different", "sentences": 178740, "reference_sentences": 2600, "advice": ["Read the examples of the areas."],
            "measures": [
                {"name": "areas", "value": 0.31, "limits": [0.1, 0.25], "verdict": "different", "says": "62 % name no area"},
                {"name": "uncertain", "value": 0.16, "limits": [0.2, 0.3], "verdict": "as trained", "says": "16 % are uncertain"},
            ],
            "areas": {"climate": [0.05, 0.08], "energy": [0.06, 0.03]},
            "scores": {"reference": [0.1] * 10, "job": [0.5, 0.1, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05]},
            "languages": {"en": [0.4, 0.99]}, "unknown": [0.0005, 0.0004],
        },
    }  # fmt: skip


def _example(number: int, text: str, lang: str, words: str) -> dict[str, Any]:
    start = text.index(words)
    evidence = [[start, start + len(words)]]
    return {"id": f"doc-{number}", "sentence": number, "text": text, "lang": lang, "score": 0.97, "evidence": evidence}


def _period(year: int, totals: dict[str, int]) -> dict[str, Any]:
    if year == 2015:
        return {"documents": 3, "sentences": 60, "areas": dict.fromkeys(totals, 5)}
    areas = {area: total * (3 + (year * (number + 3)) % 7) // 70 for number, (area, total) in enumerate(totals.items())}
    return {"documents": 190, "sentences": 17000, "areas": areas}


def _party(number: int, en: str, vi: str) -> dict[str, Any]:
    areas = {area: 3 + (i * 7 + number * 5) % 40 for i, area in enumerate(IDS)}
    return {"name": {"en": en, "vi": vi}, "kind": "country", "sentences": 400 - 90 * number, "areas": areas}


class Page(HTMLParser):
    """A parsed page: every element with its attributes, the text that is shown, and what is marked."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.shown = ""
        self.marked: list[str] = []
        self.opened: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "br", "rect", "path"):
            self.opened.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if "style" not in self.opened:
            self.shown += data
        if self.opened[-1:] == ["mark"]:
            self.marked.append(data)

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}


def page(data: dict[str, Any], tmp_path: Path, lang: str = "en") -> Page:
    """The page that a folder with this summary gets, parsed."""
    (tmp_path / report.SUMMARY).write_text(json.dumps(data), encoding="utf8")
    written = report.write(tmp_path, lang)
    assert written == tmp_path / "report.html"
    return Page(written.read_text(encoding="utf8"))


def test_every_section_shows_its_figures(tmp_path: Path) -> None:
    shown = page(summary(), tmp_path)
    assert [a["id"] for tag, a in shown.elements if tag == "section"] == [
        "areas", "time", "parties", "pairs", "examples", "uncertain", "quality", "drift",
    ]  # fmt: skip
    assert not shown.opened, "elements left open"
    for text in ("178,740", "1,938", "Climate change", "Political-security", "United Arab Emirates", "bad_json", "windows-1258", "sw 15",
                 "The sentences are different", "Documents without a date, not shown here: 38", "moon_phase"):  # fmt: skip
        assert text in shown.shown, text
    assert len([1 for tag, a in shown.elements if tag == "svg" and a.get("role") == "img"]) == 1 + 10 + 1  # volume, areas found, scores


def test_lift_is_how_many_times_as_often_as_by_chance(tmp_path: Path) -> None:
    data = summary()
    data["counts"]["sentences"] = 10000
    data["areas"] |= {area: {"sentences": 1000, "documents": 9, "score": 0.9} for area in ("climate", "energy")}
    assert "5.0×" in page(data, tmp_path).shown  # 500 together; 1000 x 1000 / 10000 = 100 by chance


def test_evidence_is_marked_in_every_script_and_text_stays_whole(tmp_path: Path) -> None:
    shown = page(summary(), tmp_path)
    assert set(shown.marked) >= {words for _, _, words in SENTENCES}
    assert all(text in shown.shown for text, _, _ in SENTENCES)
    assert {(a["dir"], a["lang"]) for tag, a in shown.elements if tag == "blockquote"} == {("auto", lang) for _, lang, _ in SENTENCES}


@pytest.mark.parametrize(
    ("evidence", "pieces"),
    [
        ([], [("solar and wind", False)]),
        ([(10, 14), (0, 5)], [("solar", True), (" and ", False), ("wind", True)]),
        ([(0, 9), (6, 99)], [("solar and", True), (" wind", True)]),
        ([(50, 60), (5, 5)], [("solar and wind", False)]),
    ],
)
def test_marks_of_any_order_and_overlap(evidence: list[tuple[int, int]], pieces: list[tuple[str, bool]]) -> None:
    assert report._marked("solar and wind", evidence) == pieces


def hostile() -> dict[str, Any]:
    """The summary with hostile text wherever data comes in: as id, name, text, language, code, advice."""
    data = summary()
    data["areas_known"] = [{**AREAS[0], "id": HOSTILE, "pillar": HOSTILE, "names": {"en": HOSTILE}}, *AREAS[1:]]
    row = {"id": HOSTILE + "x" * 1_000_000, "sentence": 1, "text": HOSTILE, "lang": HOSTILE}
    data |= {
        "cooptag": HOSTILE, "model": {"name": HOSTILE, "digest": HOSTILE}, "options": {HOSTILE: HOSTILE}, "rejected": {HOSTILE: 1},
        "encodings": {HOSTILE: 1}, "languages": {HOSTILE: 1}, "unsupported": {HOSTILE: 15},
        "areas": {HOSTILE: {"sentences": 9000, "documents": 2, "score": 0.5}, "energy": {"sentences": 9, "documents": 2, "score": 0.5}},
        "pairs": [[HOSTILE, "energy", 3]],
        "periods": {year: {"documents": 1, "sentences": 500, "areas": {HOSTILE: 4}} for year in ("2015", "2016")},
        "parties": {HOSTILE: {"name": {"en": HOSTILE}, "kind": "country", "sentences": 9, "areas": {HOSTILE: 4}}},
        "examples": {HOSTILE: [{**row, "score": 0.5, "evidence": [[0, 20]]}]},
        "uncertain": [{**row, "areas": [{"id": HOSTILE, "score": 0.5}]}],
    }  # fmt: skip
    data["drift"] |= {"advice": [HOSTILE], "areas": {HOSTILE: [0.1, 0.2]}}
    data["drift"]["measures"][0] |= {"name": HOSTILE, "says": HOSTILE}
    return data


def test_hostile_data_is_inert_and_cut(tmp_path: Path) -> None:
    plain, shown = page(summary(), tmp_path), page(hostile(), tmp_path)
    raw = (tmp_path / report.PAGE).read_text(encoding="utf8")
    assert shown.tags() <= plain.tags(), "an element came from the data"
    assert not {name for _, attributes in shown.elements for name in attributes if name.startswith("on") or name == "src"}
    assert not shown.opened, "data closed or opened an element"
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", raw), "a control character got through"
    assert "{{7*7}}" in shown.shown
    assert "x" * 300 not in raw, "an id of a megabyte was not cut"
    assert len(raw) < 200_000


@pytest.mark.parametrize("make", [summary, hostile])
def test_the_page_can_load_nothing(tmp_path: Path, make: Callable[[], dict[str, Any]]) -> None:
    shown = page(make(), tmp_path)
    raw = (tmp_path / report.PAGE).read_text(encoding="utf8")
    assert "url(" not in raw
    assert "@import" not in raw
    assert not re.search("https?:", raw)
    assert not shown.tags() & {"script", "img", "iframe", "object", "embed", "audio", "video", "source", "base", "form", "use", "image"}
    links = [a.get("href") for _, a in shown.elements if "href" in a]
    assert all(link == "data:," or (link and link.startswith("#")) for link in links), links
    policy = [a["content"] for tag, a in shown.elements if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def test_every_link_leads_to_a_section(tmp_path: Path) -> None:
    shown = page(summary(), tmp_path)
    anchors = {f"#{a['id']}" for _, a in shown.elements if "id" in a}
    assert {a["href"] for tag, a in shown.elements if tag == "a"} <= anchors


def test_the_same_summary_gives_the_same_bytes(tmp_path: Path) -> None:
    page(summary(), tmp_path)
    first = (tmp_path / report.PAGE).read_bytes()
    backwards = {key: dict(reversed(value.items())) if isinstance(value, dict) else value for key, value in summary().items()}
    page({**backwards, "options": summary()["options"]}, tmp_path)
    assert (tmp_path / report.PAGE).read_bytes() == first


def test_vietnamese_names_words_and_figures(tmp_path: Path) -> None:
    shown = page(summary(), tmp_path, "vi")
    assert shown.elements[0] == ("html", {"lang": "vi"})
    for text in ("Biến đổi khí hậu", "Lĩnh vực hợp tác trong 1.938 văn bản", "Việt Nam", "Dòng không phải một đối tượng JSON"):
        assert text in shown.shown, text
    assert "Climate change" not in shown.shown


def test_an_unknown_language_of_names_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no area names in 'xx'; expected one of en, vi$"):
        page(summary(), tmp_path, "xx")


def empty() -> dict[str, Any]:
    """The summary of a job that found no row: counts that nothing came for may be absent."""
    keys = ("counts", "rejected", "encodings", "languages", "unsupported", "areas", "periods", "examples")
    tables: dict[str, Any] = {key: {} for key in keys}
    return summary() | tables | {"pairs": [], "parties": None, "uncertain": [], "drift": None}


@pytest.mark.parametrize("lang", ["en", "vi"])
def test_an_empty_job_says_so_in_every_section(tmp_path: Path, lang: str) -> None:
    shown = page(empty(), tmp_path, lang)
    assert len([1 for tag, a in shown.elements if tag == "p" and a.get("class") == "empty"]) == 9
    assert ("No sentence was tagged" if lang == "en" else "Không có câu nào được gán nhãn") in shown.shown


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"parties": None}, "pip install 'cooptag[batch]'"),
        ({"parties": {}}, "No sentence with an area names a country"),
        ({"periods": {}}, "No document has a date"),
        ({"drift": None}, "keeps no figures of its training"),
        ({"pairs": []}, "No sentence names two areas"),
        ({"rejected": {}}, "Every row could be used"),
    ],
)
def test_a_missing_part_says_why(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    assert says not in page(summary(), tmp_path).shown
    assert says in page(summary() | change, tmp_path).shown


def test_one_area_without_pillar_or_name(tmp_path: Path) -> None:
    data = empty() | {"areas_known": [{"id": "sport"}], "areas": {"sport": {"sentences": 3, "documents": 2, "score": 0.8}}}
    data["counts"] = {"documents": 4, "sentences": 9, "tagged": 3}
    data["periods"] = {"2020": {"documents": 4, "sentences": 9, "areas": {"sport": 3}}}
    shown = page(data, tmp_path, "vi")
    assert "sport" in shown.shown
    assert "Mọi văn bản có ngày đều thuộc 2020" in shown.shown
    assert "33 %" in shown.shown.replace("\u00a0", " ")


def test_options_that_are_off_are_shown_and_absent_ones_are_not(tmp_path: Path) -> None:
    data = summary() | {"options": {"split": False, "guard": False, "part_mb": 1.0, "goal": None, "thresholds": []}}
    shown = page(data, tmp_path).shown
    assert "split false, guard false, part_mb 1.0" in shown
    assert "goal" not in shown
    assert "thresholds" not in shown


def test_pillars_of_the_same_name_keep_their_rows_apart(tmp_path: Path) -> None:
    """Our "economic" is shown as "Economic", which may also be another label set's own word."""
    areas = [{**AREAS[2], "id": "one", "names": {"en": "One"}}, {**AREAS[2], "id": "two", "names": {"en": "Two"}, "pillar": "Economic"}]
    data = empty() | {"areas_known": areas, "areas": {id: {"sentences": 3, "documents": 2, "score": 0.8} for id in ("one", "two")}}
    data["periods"] = {year: {"documents": 4, "sentences": 9, "areas": {"one": 3, "two": 3}} for year in ("2020", "2021")}
    rows = page(data, tmp_path)
    raw = (tmp_path / report.PAGE).read_text(encoding="utf8")
    assert rows.shown.count("Economic") >= 2
    assert [raw.count(f'<tr><th scope="row"><bdi>{name}</bdi></th>') for name in ("One", "Two")] == [1, 1], "a row is doubled"


def test_one_of_each_is_singular(tmp_path: Path) -> None:
    data = summary()
    data["counts"] |= {"documents": 1, "sentences": 1, "dated": 1, "rejected": 1, "uncertain": 1}
    data["periods"] = {"2020": {"documents": 1, "sentences": 1, "areas": {"energy": 1}}}
    data["parties"] = {"VN": _party(0, "Vietnam", "Việt Nam")}
    data["languages"] = {f"x{n}": 1 for n in range(21)}
    data["drift"]["sentences"] = 1
    shown = page(data, tmp_path).shown
    for text in (
        "Cooperation areas in 1 document", "2020: 1 sentence, 1 document", "1 other", "1 sentence against 2,600", "Input1 file",
        "document1", "sentence1", "row rejected1", "uncertain sentence, to be read1", "Those that most sentences name: 1 of 1 found",
    ):  # fmt: skip
        assert re.search(rf"\b{text}(?![a-z])", shown), text


def test_vietnamese_scores_have_a_comma(tmp_path: Path) -> None:
    vi, en = page(summary(), tmp_path, "vi").shown, page(summary(), tmp_path).shown
    for english, vietnamese in (("0.97", "0,97"), ("0.55", "0,55")):
        assert english in en
        assert english not in vi
        assert vietnamese in vi


@pytest.mark.parametrize("lang", ["en", "vi"])
def test_years_that_do_not_follow_one_another_are_owned_up_to(tmp_path: Path, lang: str) -> None:
    says = {"en": "The years shown do not all follow one another", "vi": "Các năm hiện ở đây không liên tục"}[lang]
    group = {"documents": 1, "sentences": 500, "areas": {"energy": 4}}
    assert says not in page(summary() | {"periods": dict.fromkeys(("2010", "2016"), group)}, tmp_path, lang).shown
    assert says in page(summary() | {"periods": dict.fromkeys(("1900", "2015", "2016"), group)}, tmp_path, lang).shown


@pytest.mark.parametrize("lang", ["en", "vi"])
def test_too_few_sentences_to_compare_are_no_warning(tmp_path: Path, lang: str) -> None:
    data = summary()
    data["drift"] |= {"verdict": "too few to say", "sentences": 3, "measures": [], "advice": ["3 sentences are too few to compare."]}
    data["counts"] |= {"rejected": 0}
    shown = page(data, tmp_path, lang)
    assert {"en": "There are too few sentences to compare", "vi": "Số câu quá ít để so sánh"}[lang] in shown.shown
    assert "3 sentences are too few to compare." in shown.shown
    assert {"en": "moved most", "vi": "thay đổi nhiều nhất"}[lang] not in shown.shown, "areas of too few sentences are compared"
    assert "warning" not in {a.get("class") for tag, a in shown.elements if tag == "p"}


def test_the_mix_of_areas_shows_no_ids(tmp_path: Path) -> None:
    data = summary()
    data["drift"]["measures"][0]["says"] = "moved most: gap 1.3 % of the sentences, 8.4 % in training"
    shown = page(data, tmp_path).shown
    assert "gap 1.3 %" not in shown
    assert "16 % are uncertain" in shown, "another measure lost its line"


@pytest.mark.parametrize(
    ("periods", "steps", "months"),
    [
        (["2015-03", "2015-06-09"], ["2015-03", "2015-04", "2015-05", "2015-06"], True),
        (["2014-12", "2015-01"], ["2014-12", "2015-01"], True),
        (["2015-03", "2017"], ["2015", "2016", "2017"], False),
        (["2015-03", "2018-03"], ["2015", "2016", "2017", "2018"], False),
        (["2015-03-01", "2015-03-31"], ["2015-03"], True),
    ],
)
def test_periods_of_mixed_precision_share_one_axis(periods: list[str], steps: list[str], months: bool) -> None:
    line = timeline({period: Group(documents=1, sentences=10, areas={"energy": 4}) for period in periods})
    assert (list(line.groups), line.months, line.left_out, line.gaps) == (steps, months, 0, False)
    assert sum(group.areas.get("energy", 0) for group in line.groups.values()) == 4 * len(periods)


def test_stray_years_do_not_stretch_the_axis() -> None:
    line = timeline({f"{year}": Group(documents=1, sentences=year) for year in range(1000, 2999, 3)})
    assert len(line.groups) == 60
    assert line.left_out == 667 - 60
    assert line.gaps
    assert list(line.groups)[-1] == "2998"


def test_columns_fit_their_chart() -> None:
    boxes = columns([0, 1e-9, 5, 10], 240, 100)
    assert [box.height for box in boxes] == [0, 1, 50, 100]
    assert all(box.y + box.height == 100 and box.x >= 0 and box.x + box.width <= 240 for box in boxes)


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in summary().items() if name != key}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read"),
        ("", "Invalid JSON"),
        ("[1]", "is not a job's summary"),
        ("\x1b\n{", "Invalid JSON"),
        (json.dumps(without("pairs")), "pairs: Field required"),
        (json.dumps(summary() | {"counts": {"documents": "12"}}), "counts.documents"),
        (json.dumps(summary() | {"counts": {"documents": -1}}), "counts.documents"),
        (json.dumps(summary() | {"pairs": [["energy", "moon", 1]]}), "area 'moon' is not one of areas_known"),
        (json.dumps(summary() | {"periods": {"2015-13": {"documents": 1, "sentences": 1, "areas": {}}}}), "periods.2015-13"),
        (json.dumps(summary() | {"areas_known": []}), "areas_known"),
        (json.dumps(summary() | {"areas": {"energy": {"sentences": 1, "documents": 1, "score": float("nan")}}}), "areas.energy.score"),
    ],
)
def test_a_wrong_summary_is_refused_in_one_line(tmp_path: Path, content: str | None, says: str) -> None:
    if content is not None:
        (tmp_path / report.SUMMARY).write_text(content, encoding="utf8")
    with pytest.raises(InputError) as caught:
        report.write(tmp_path)
    message = str(caught.value)
    assert says in message
    assert "run `cooptag batch` to its end" in message
    assert message.isprintable(), "more than one line, or a control character"
    assert not (tmp_path / report.PAGE).exists()
