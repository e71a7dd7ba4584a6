"""The page in a browser, with a server that tags: what a reader does on it, from the first paste to the exported correction."""

import base64
import csv
import http.client
import io
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest

from cooptag_training import corpus, exports, review

pytest.importorskip("playwright", reason="playwright is not installed: pip install 'cooptag[dev]'")
pytest.importorskip("axe_playwright_python", reason="axe is not installed: pip install 'cooptag[dev]'")
pytest.importorskip("fastapi", reason="the server is not installed: pip install 'cooptag[serve]'")
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Dialog, Download, Locator, Page, Route, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium on the PATH to open the page in")

ROOT = Path(__file__).resolve().parents[2]
MAIN = "from cooptag.cli import main; main()"
KEY = "0123456789abcdef"
SECONDS = 30
Visit = Callable[..., Page]

VI = """Việt Nam và Brunei họp ủy ban hỗn hợp tại Bandar Seri Begawan

Sáng 3/4, hai Bộ trưởng Ngoại giao đã gặp nhau. Hai bên nhất trí giảm thuế cho gạo và thủy sản, và mở thêm đường bay thẳng giữa hai thủ đô.
Brunei trao thêm học bổng đại học cho sinh viên Việt Nam. Hai bên sẽ cùng bảo vệ rừng ngập mặn trước biến đổi khí hậu.
12,5 %
"""
EN = """Peru and Laos agree on a work plan

Peru and Laos will train nurses together and share vaccines. They will cut tariffs on cocoa.
The two presidents thanked the hosts for dinner.
"""
NURSES = "Peru and Laos will train nurses together and share vaccines."
COCOA = "They will cut tariffs on cocoa."
DINNER = "The two presidents thanked the hosts for dinner."


# ------------------------------------------------------------------------------------------- a server, a browser, a visit


class Server:
    """A `cooptag serve` on a free port."""

    def __init__(self, *options: str, key: str = "") -> None:
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "inference"), "HOME": os.environ.get("HOME", "/")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", MAIN, "serve", "--port", "0", *options], stderr=subprocess.PIPE, env=environment, text=True
        )
        assert self.process.stderr
        first = self.process.stderr.readline()
        assert '"listening"' in first, first + self.process.stderr.read()
        self.url = json.loads(first)["url"]
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=SECONDS)

    def ask(self, path: str, **body: Any) -> Any:
        """What a POST of a body, or a GET without one, is answered."""
        with closing(self.connect()) as connection:
            headers = {**self._headers, "Content-Type": "application/json"}
            connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, headers)
            return json.load(connection.getresponse())


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """The default server, with the model that is shipped as the default."""
    yield from running(Server())


@pytest.fixture(scope="module")
def strict_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that asks for a key and has room for one request at a time."""
    key = tmp_path_factory.mktemp("key") / "key"
    key.write_text(KEY)
    options = ("--model", "nano", "--api-key-file", str(key), "--limit", "queue_bytes=8192", "--limit", "request_bytes=8192")
    yield from running(Server(*options, key=KEY))


def running(server: Server) -> Iterator[Server]:
    yield server
    server.process.kill()
    server.process.wait(SECONDS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=1000 * SECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def faults() -> list[str]:
    """What no page may do: ask another host, break its own policy, make a mistake in its script. Any of it fails the test."""
    return []


@pytest.fixture
def visit(browser: Browser, server: Server, faults: list[str]) -> Iterator[Visit]:
    """Opens the page of a server in a browser that knows nothing of earlier visits."""
    contexts = []

    def open_page(url: str = server.url, ready: str = "#about:not(:empty)", **options: Any) -> Page:
        context = browser.new_context(**{"locale": "en-GB", "viewport": {"width": 1280, "height": 860}, **options})
        contexts.append(context)
        context.add_init_script("addEventListener('securitypolicyviolation', (e) => console.error(`policy: ${e.violatedDirective}`))")
        page = context.new_page()
        page.set_default_timeout(1000 * SECONDS)
        watch(page, url, faults)
        page.goto(url)
        page.locator(ready).wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults, faults


def watch(page: Page, url: str, faults: list[str]) -> None:
    page.on("request", lambda request: request.url.startswith((url, f"blob:{url}")) or faults.append(f"a request to {request.url}"))
    page.on("pageerror", lambda error: faults.append(f"a mistake: {error}"))
    expected = ("Failed to load resource: the server responded with a status of", "Failed to load resource: net::ERR_FAILED")
    page.on(
        "console",
        lambda line: line.type in ("error", "warning") and not line.text.startswith(expected) and faults.append(f"console: {line.text}"),
    )


# --------------------------------------------------------------------------------------------------- what a reader does


def tag(page: Page, text: str, article: str = "a") -> Locator:
    """The article, once all its sentences are tagged."""
    node = page.locator(f"#article-{article}")
    if not node.locator("textarea").is_visible():
        node.locator("[data-do=edit-text]").click()
    node.locator("textarea").fill(text)
    node.locator("button[type=submit]").click()
    done(node)
    return node


def done(article: Locator) -> None:
    expect(article.locator(".status")).to_have_text(re.compile("with areas|có lĩnh vực"))
    expect(article.locator(".running")).to_be_hidden()


def chips(page: Page, standing: bool = True) -> list[list[str]]:
    """The ids of the areas of each sentence on the page, in order: those that stand, or those that are new or no longer there."""
    chosen = ":not([data-change=lost])" if standing else "[data-change]"
    found: list[list[str]] = page.locator(".sentence").evaluate_all(
        "(nodes, chosen) => nodes.map((node) => [...node.querySelectorAll('.chip' + chosen)].map((chip) => chip.dataset.area))", chosen
    )
    return found


def ids(areas: list[dict[str, Any]]) -> list[str]:
    return [area["id"] for area in areas]


def sentence_of(page: Page, text: str) -> Locator:
    return page.locator(".sentence", has=page.locator(".words", has_text=text))


def details(page: Page) -> Locator:
    """The panel, once it has its answer."""
    panel = page.locator("#details[aria-busy=false]")
    panel.wait_for()
    return panel


def edit(page: Page, text: str, area_ids: list[str]) -> None:
    """Says which areas the sentence names."""
    sentence_of(page, text).hover()
    sentence_of(page, text).locator("[data-do=edit]").click()
    boxes = page.locator("#edit-areas input")
    for box in boxes.all():
        box.set_checked(box.get_attribute("value") in area_ids)
    page.locator("#edit [type=submit]").click()


def downloaded(page: Page, click: Callable[[], None]) -> tuple[str, bytes]:
    """The name and the bytes of the file that a click brings."""
    with page.expect_download() as download:
        click()
    return name_and_bytes(download.value)


def name_and_bytes(download: Download) -> tuple[str, bytes]:
    return download.suggested_filename, download.path().read_bytes()


def drop(page: Page, name: str, content: bytes, onto: str = "#article-a") -> None:
    """Drops a file, as the browser tells of one that comes from outside."""
    transfer = page.evaluate_handle(
        """([name, packed]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([Uint8Array.from(atob(packed), (c) => c.charCodeAt(0))], name));
            return transfer;
        }""",
        [name, base64.b64encode(content).decode()],
    )
    for event in ("dragenter", "dragover"):
        page.dispatch_event(onto, event, {"dataTransfer": transfer})
    expect(page.locator(f"{onto} .drop")).to_be_visible()
    page.dispatch_event(onto, "drop", {"dataTransfer": transfer})
    expect(page.locator(f"{onto} .drop")).to_be_hidden()


def docx(*paragraphs: str) -> bytes:
    space = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    body = "".join(f"<w:p><w:r><w:t>{paragraph}</w:t></w:r></w:p>" for paragraph in paragraphs)
    main = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    types = f'<Types xmlns="t"><Override PartName="/word/document.xml" ContentType="{main}"/></Types>'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("[Content_Types].xml", types)
        file.writestr("word/document.xml", f'<w:document xmlns:w="{space}"><w:body>{body}</w:body></w:document>')
    return out.getvalue()


def pdf(*lines: str) -> bytes:
    """A page of lines of ASCII."""
    from pypdf import PdfWriter
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    def named(**entries: Any) -> DictionaryObject:
        return DictionaryObject({NameObject(f"/{key}"): value for key, value in entries.items()})

    writer = PdfWriter()
    page = writer.add_blank_page(595, 842)
    font = named(Type=NameObject("/Font"), Subtype=NameObject("/Type1"), BaseFont=NameObject("/Helvetica"))
    page[NameObject("/Resources")] = named(Font=named(F=font))
    content = DecodedStreamObject()
    content.set_data(b"BT /F 12 Tf 16 TL 50 780 Td " + b"".join(f"({line}) Tj T* ".encode() for line in lines) + b"ET")
    page[NameObject("/Contents")] = writer._add_object(content)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


# --------------------------------------------------------------------------------------------------------- the article


def test_a_pasted_article_stands_as_written_with_its_areas_and_why(visit: Visit, server: Server) -> None:
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    page.locator("#article-a textarea").focus()
    page.evaluate(
        """(text) => navigator.clipboard.write([new ClipboardItem({
            "text/plain": new Blob([text], { type: "text/plain" }),
            "text/html": new Blob([`<b>${text}</b>`], { type: "text/html" }),
        })])""",
        VI,
    )
    page.keyboard.press("Control+v")
    assert page.locator("#article-a textarea").input_value() == VI, "the plain text of what was copied is taken, as it is"
    page.keyboard.press("Control+Enter")
    done(page.locator("#article-a"))
    expected = server.ask("/tag", text=VI, explain=True)
    assert chips(page) == [ids(row["areas"]) for row in expected]
    assert page.locator(".sentence .words").all_text_contents() == [row["text"] for row in expected]
    lines = page.locator("#article-a .text p").evaluate_all(
        "(lines) => lines.map((line) => { const copy = line.cloneNode(true); copy.querySelectorAll('.tools').forEach((t) => t.remove()); "
        "return copy.textContent; })"
    )
    assert "\n".join(lines) == VI
    carrying = next(row for row in expected if len(row["areas"]) > 1)
    area = carrying["areas"][1]
    chip = sentence_of(page, carrying["text"]).locator(f".chip[data-area={area['id']}]")
    chip.click()
    panel = details(page)
    words = [found["text"] for found in sorted(area["evidence"], key=lambda found: found["start"])]
    assert words and panel.locator("> blockquote mark").all_text_contents() == words
    assert page.locator("#article-a mark").all_text_contents() == words, "the words are lit in the article, too"
    known = next(found for found in server.ask("/areas") if found["id"] == area["id"])
    expect(panel).to_contain_text(known["names"]["en"])
    expect(panel).to_contain_text(known["definition"].split(":")[0])
    expect(panel).to_contain_text(area["nearest"][0]["text"])
    figures = [f"{x:.2f}" for x in (area["score"], area["without"], known["threshold"])]
    assert panel.locator("dd").all_text_contents() == figures
    assert chip.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Escape")
    expect(page.locator("#details")).to_be_hidden()
    expect(chip).to_be_focused()
    assert chip.get_attribute("aria-expanded") == "false" and not page.locator("#article-a mark").count()


def test_tags_appear_while_the_rest_is_computed_and_stop_keeps_them(visit: Visit) -> None:
    page = visit()
    line = "Câu {}: hai bên nhất trí hợp tác về y tế, giáo dục và năng lượng tái tạo trong năm tới."
    text = "\n".join(line.format(i) for i in range(900))
    page.locator("#article-a textarea").fill(text)
    page.locator("#article-a button[type=submit]").click()
    page.locator(".sentence .chip").first.wait_for()
    early = page.evaluate("() => [!document.querySelector('.running').hidden, document.querySelectorAll('.sentence').length]")
    assert early[0] and 0 < early[1] < 900, early
    expect(page.locator("#article-a .status")).to_have_text(re.compile("^Tagging: [0-9]+%"))
    assert page.locator("#article-a .text p").count() == 900, "the whole text stands there at once"
    page.locator("#article-a .sentence .chip").first.click()
    assert details(page).locator("mark").count(), "what is tagged can be asked about before the rest is"
    text_box, panel_box = page.locator("#article-a").bounding_box(), page.locator("#details").bounding_box()
    assert text_box and panel_box and text_box["x"] + text_box["width"] <= panel_box["x"], "the article makes room for the details"
    top = page.locator("#article-a .text").bounding_box()
    page.locator("[data-do=stop]").click()
    expect(page.locator("#article-a .status")).to_have_text(re.compile("^Stopped after [0-9]+ sentences"))
    assert page.locator("#article-a .text").bounding_box() == top, "the text stays where it is when the progress goes"
    kept = page.locator(".sentence").count()
    assert early[1] <= kept < 900 and not page.locator("#article-a .error").is_visible()
    page.locator("[data-do=edit-text]").click()
    assert page.locator("#article-a textarea").input_value() == text


def test_marks_stand_on_the_right_words_beside_emoji_and_combining_marks(visit: Visit, server: Server) -> None:
    page = visit()
    check_marks(page, server, "NFC")
    check_marks(page, server, "NFD")


def check_marks(page: Page, server: Server, form: Literal["NFC", "NFD"]) -> None:
    sentence = unicodedata.normalize(form, "Hai bên 🌏👩🏽‍🚒 nhất trí hợp tác về y tế 🩺, 𝒢 và giáo dục 🎓.")
    text = f"🏳️‍🌈 Á! 👍🏿\n\n𐐷 {sentence} 🫱🏻‍🫲🏿"
    tag(page, text)
    row = next(row for row in server.ask("/tag", text=text, explain=True) if row["areas"])
    assert text[row["start"] : row["end"]] == row["text"]
    for area in row["areas"]:
        page.locator(f".chip[data-area={area['id']}]").click()
        details(page)
        expected = [row["text"][found["start"] : found["end"]] for found in sorted(area["evidence"], key=lambda found: found["start"])]
        assert expected and page.locator("#article-a mark").all_text_contents() == expected
        assert page.locator(".sentence", has=page.locator("mark")).locator(".words").text_content() == row["text"]
        page.locator("#details-close").click()


HOSTILE = """<script>window.hit = 1</script><img src=x onerror="window.hit = 1"> They will cut tariffs on cocoa.
</textarea></div><svg onload="window.hit = 1"><style>* { display: none }</style> They will cut tariffs on cocoa.
{{constructor.constructor("window.hit = 1")()}} ${window.hit = 1} javascript:window.hit=1 &lt;b&gt; They will cut tariffs.
"""


def test_an_article_of_markup_is_only_text(visit: Visit) -> None:
    page = visit()
    tag(page, HOSTILE)
    page.locator(".chip").first.click()
    details(page)
    edit(page, "onerror", ["health"])
    assert page.evaluate("() => window.hit") is None
    assert page.locator("#article-a .text :is(script, img, svg, style, b), #details :is(script, img, svg)").count() == 0
    shown = page.locator("#article-a .text p").evaluate_all("(lines) => lines.map((line) => line.textContent).join(' ')")
    assert '<img src=x onerror="window.hit = 1">' in shown and "&lt;b&gt;" in shown


def test_the_page_has_nothing_inline_and_a_breach_would_be_seen(visit: Visit, server: Server, faults: list[str]) -> None:
    page = visit()
    tag(page, EN)
    with closing(server.connect()) as connection:
        connection.request("GET", "/")
        source = connection.getresponse().read().decode()
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|data:|<script(?![^>]*\ssrc=)", source)
    assert not re.search(r"//(?!www\.w3\.org)[a-z]", source), "no address of another host"
    assert not faults
    page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.hit = 1";
            document.body.append(script);
            new Image().src = "http://127.0.0.1:9/elsewhere.png";
            document.body.setAttribute("style", "color: red");
        }"""
    )
    expect(page.locator("body")).to_have_css("color", "rgb(27, 35, 45)")
    assert page.evaluate("() => window.hit") is None
    breaches = {word for fault in faults for word in ("script-src", "img-src", "style-src") if f"policy: {word}" in fault}
    assert breaches == {"script-src", "img-src", "style-src"}, faults
    faults.clear()


# ------------------------------------------------------------------------------------------------ filters and thresholds


def test_filters_leave_what_they_say(visit: Visit, server: Server) -> None:
    page = visit()
    tag(page, f"{VI}\n{EN}")
    rows = server.ask("/tag", text=f"{VI}\n{EN}")
    shown = page.locator(".sentence:visible .words")
    counts = Counter(id for row in rows for id in ids(row["areas"]))
    buttons = {button.get_attribute("data-area"): button for button in page.locator("#areas button:visible").all()}
    assert {id: button.locator(".count").text_content() for id, button in buttons.items()} == {id: str(n) for id, n in counts.items()}
    (first, _), (second, _) = counts.most_common(2)

    buttons[first].click()
    expect(buttons[first]).to_have_attribute("aria-pressed", "true")
    expect(shown).to_have_text([row["text"] for row in rows if first in ids(row["areas"])])
    buttons[second].click()
    expect(shown).to_have_text([row["text"] for row in rows if {first, second} & set(ids(row["areas"]))])
    names = [next(area for area in server.ask("/areas") if area["id"] == id)["names"]["en"] for id in (first, second)]
    expect(page.locator("#filter-status")).to_have_text(f"{shown.count()} of {len(rows)} sentences: {' · '.join(names)}")
    picked = {chip.get_attribute("data-area") for chip in page.locator(".chip.picked").all()}
    assert picked == {first, second}, "the chips that are looked for stand out"
    page.mouse.wheel(0, 4000)
    expect(page.locator("#clear-filter")).to_be_in_viewport()
    page.locator("#clear-filter").click()
    expect(page.locator(".chip.picked")).to_have_count(0)
    expect(shown).to_have_count(len(rows))
    page.locator("#only-tagged").click()
    expect(shown).to_have_text([row["text"] for row in rows if row["areas"]])
    page.locator("#only-tagged").click()
    uncertain = [row["text"] for row in rows if row.get("uncertain")]
    assert uncertain, "the sample lost its uncertain sentence"
    page.locator("#only-uncertain").click()
    expect(shown).to_have_text(uncertain)
    assert page.locator(".flag.uncertain:visible").count() == len(uncertain)


def test_thresholds_move_the_tags_at_once_and_ask_nobody(visit: Visit, server: Server) -> None:
    page = visit()
    tag(page, VI)
    rows = server.ask("/tag", text=VI, all_scores=True)
    default = [ids(row["areas"]) for row in rows]
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for goal in [option for option in page.locator("#goal option").evaluate_all("(all) => all.map((o) => o.value)") if "=" in option]:
        page.locator("#goal").select_option(goal)
        check_threshold(page, default, [ids(row["areas"]) for row in server.ask("/tag", text=VI, goal=goal)])
    for threshold in (0.05, 0.95, 0.5):
        page.locator("#threshold").fill(str(threshold))
        expect(page.locator("#goal")).to_have_value("own")
        expect(page.locator("#threshold-value")).to_have_text(f"{threshold:.2f}")
        check_threshold(page, default, [ids(row["areas"]) for row in server.ask("/tag", text=VI, thresholds=threshold)])
    assert rows[-1]["none"] == 1 and not chips(page)[-1], "a line without letters has no areas at any threshold"
    expect(page.locator("#threshold")).to_have_attribute("aria-valuetext", "0.50")
    page.locator("#threshold").fill("0.95")
    page.locator("#only-changed").click()
    changed = [row["text"] for row, now in zip(rows, chips(page), strict=True) if set(ids(row["areas"])) != set(now)]
    expect(page.locator(".sentence:visible .words")).to_have_text(changed)
    assert 0 < len(changed) < len(rows), "the sample lost its changes"
    page.locator("#goal").select_option("default")
    expect(page.locator(".sentence:visible")).to_have_count(len(rows))
    expect(page.locator("#threshold")).to_have_attribute("aria-valuetext", "0.95, not in use")
    expect(page.locator("#only-changed")).to_be_hidden()
    expect(page.locator("#changes")).to_be_hidden()
    assert chips(page) == default and not any(chips(page, standing=False)) and not asked


def check_threshold(page: Page, default: list[list[str]], now: list[list[str]]) -> None:
    more = sum(len(set(new) - set(old)) for old, new in zip(default, now, strict=True))
    fewer = sum(len(set(old) - set(new)) for old, new in zip(default, now, strict=True))
    tags = "tag" if more == 1 else "tags"
    said = f"{more} {tags} more, {fewer} fewer than by default." if more + fewer else "The same tags as by default."
    expect(page.locator("#changes")).to_have_text(said)
    assert [set(found) for found in chips(page)] == [set(expected) for expected in now]
    assert page.locator(".chip[data-change=added]").count() == more and page.locator(".chip[data-change=lost]").count() == fewer


# ----------------------------------------------------------------------------------------------------- files that it hands out


def test_json_and_csv_hold_what_is_shown(visit: Visit, server: Server) -> None:
    page = visit(locale="vi-VN")
    text = f'=SUM(A1:A9) {COCOA}\n@here {NURSES}\n+1, "quoted": {DINNER}\n-2 {DINNER}\nHai bên hợp tác về y tế.\n'
    tag(page, text)
    page.locator("#threshold").fill("0.90")
    page.locator("#only-tagged").click()
    expect(page.locator("#changes")).not_to_be_empty()
    expected = server.ask("/tag", text=text, all_scores=True)
    areas = [ids(row["areas"]) for row in server.ask("/tag", text=text, thresholds=0.9)]

    name, raw = downloaded(page, page.locator("#download-json").click)
    found = json.loads(raw)
    assert name == "cooptag.json" and [ids(row["areas"]) for row in found] == areas
    for row, original in zip(found, expected, strict=True):
        assert row["areas"] == [{"id": area["id"], "score": original["all_scores"][area["id"]]} for area in row["areas"]]
        assert {key: row[key] for key in original if key != "areas"} == {key: value for key, value in original.items() if key != "areas"}

    name, raw = downloaded(page, page.locator("#download-csv").click)
    assert name == "cooptag.csv" and raw.startswith(b"\xef\xbb\xbf") and raw.count(b"\n") == raw.count(b"\r\n") == len(expected) + 1
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True))
    assert [row["areas"] for row in rows] == ["|".join(one) for one in areas]
    names = {area["id"]: area["names"]["vi"] for area in server.ask("/areas")}
    assert [row["names"] for row in rows] == ["|".join(names[id] for id in one) for one in areas]
    assert [text[int(row["start"]) : int(row["end"])] for row in rows] == [row["text"] for row in expected]
    assert [row["text"].removeprefix("'") for row in rows] == [row["text"] for row in expected]
    assert sum(row["text"][0] in "=+-@" for row in expected) == 4, "the sample lost its formulas"
    assert not [cell for row in rows for cell in row.values() if cell and cell[0] in "=+-@\t\r"]


def test_corrections_are_merged_into_a_corpus(visit: Visit, server: Server, tmp_path: Path) -> None:
    page = visit()
    tag(page, EN)
    assert ids(server.ask("/tag", sentences=[NURSES])[0]["areas"]) == ["health"]
    edit(page, NURSES, ["health", "education_training"])
    expect(sentence_of(page, NURSES).locator(".flag.read")).to_have_text("corrected")
    assert set(chips(page)[1]) == {"health", "education_training"}
    assert chips(page, standing=False)[1] == ["education_training"], "what the person added is marked"
    edit(page, DINNER, [])
    expect(sentence_of(page, DINNER).locator(".flag.read")).to_have_text("confirmed: names none")
    edit(page, COCOA, ["tourism"])
    marks = sentence_of(page, COCOA).locator(".chip").evaluate_all("(all) => all.map((c) => [c.dataset.area, c.dataset.change])")
    lost = ids(server.ask("/tag", text=EN)[2]["areas"])
    assert lost and sorted(marks) == sorted([["tourism", "added"], *([id, "lost"] for id in lost)]), "what was taken away is still seen"
    page.locator("#goal").select_option("recall=0.9")
    expect(page.locator("#changes")).to_have_text(re.compile(", 0 fewer|same tags"), use_inner_text=True)
    page.locator("#goal").select_option("default")
    sentence_of(page, COCOA).locator("[data-do=undo]").click()
    assert not sentence_of(page, COCOA).locator(".flag.read").count() and chips(page)[2] == ids(server.ask("/tag", text=EN)[2]["areas"])

    page.locator("#export-open").click()
    expect(page.locator("#export-counts")).to_have_text("1 sentence corrected, 1 confirmed.")
    expect(page.locator(".export-article")).to_contain_text("Article: short title")
    page.locator("#export-by").fill("=Lan Nguyễn")
    page.locator("[data-field=slug]").fill("peru-laos")
    page.locator("[data-field=year]").fill("2025")
    name, raw = downloaded(page, page.locator("#export [type=submit]").click)
    (tmp_path / name).write_bytes(raw)

    known = ids(server.ask("/areas"))
    decisions = exports.read(tmp_path / name, known)
    assert {(d.item.article, d.item.text, d.by, d.areas) for d in decisions} == {
        ("en/2025-peru-laos", NURSES, "=Lan Nguyễn", ("education_training", "health")),
        ("en/2025-peru-laos", DINNER, "=Lan Nguyễn", ()),
    }
    old = tmp_path / "corpus/en/2025-peru-laos.txt"
    old.parent.mkdir(parents=True)
    old.write_text(f"---\nlang: en\nkind: speech\nyear: 2025\nparties: Peru, Laos\n---\n[tourism] {NURSES}\n[trade_integration] {COCOA}\n")
    planned = review.plan(decisions, tmp_path / "corpus", known, overwrite=True)
    assert {case: n for case, n in planned.counts.items() if n} == {"added": 1, "overwritten": 1}
    review.apply(planned)
    [article] = corpus.load(tmp_path / "corpus", set(known))
    assert {s.text: set(s.areas) for s in article.sentences} == {
        NURSES: {"health", "education_training"}, COCOA: {"trade_integration"}, DINNER: set(),
    }  # fmt: skip


def test_corrections_that_were_not_exported_are_not_left_by_mistake(visit: Visit) -> None:
    page = visit()
    tag(page, EN)
    edit(page, DINNER, ["tourism"])
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    with suppress(Exception):  # the navigation is given up
        page.goto("about:blank", timeout=2000)
    assert asked == ["beforeunload"] and page.locator(".flag.read").count() == 1


# --------------------------------------------------------------------------------------------------- files that it takes

FILES = {
    "txt": ("note.TXT", f"This was a txt.\n{NURSES}\n{COCOA}\n".encode()),
    "html": ("page.html", f"<html><body><article><p>This was a html.</p><p>{NURSES}</p><p>{COCOA}</p></article></body></html>".encode()),
    "docx": ("note.docx", docx("This was a docx.", NURSES, COCOA)),
    "pdf": ("note.pdf", pdf("This was a pdf.", NURSES, COCOA)),
}


def test_a_dropped_file_is_read_and_tagged(visit: Visit) -> None:
    page = visit()
    for kind, (name, content) in FILES.items():
        drop(page, name, content)
        expect(sentence_of(page, f"This was a {kind}.")).to_be_visible()
        expect(sentence_of(page, NURSES).locator(".chip[data-area=health]"), kind).to_be_visible()
        done(page.locator("#article-a"))
        assert COCOA in page.locator("#article-a textarea").input_value(), kind


def test_a_file_can_be_chosen_and_one_that_cannot_be_read_costs_nothing(visit: Visit) -> None:
    page = visit()
    page.locator("#article-a textarea").fill(VI)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    chosen = page.locator("#article-a input[type=file]")
    chosen.set_input_files({"name": "a.exe", "mimeType": "application/octet-stream", "buffer": b"MZ"})
    error = page.locator("#article-a .error")
    expect(error).to_have_text("a.exe cannot be read here; take a .txt, .html, .docx or .pdf file.")
    assert not asked
    chosen.set_input_files({"name": "a.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 and no more"})
    expect(error).to_contain_text("The server cannot read this file")
    assert page.locator("#article-a textarea").input_value() == VI and not page.locator(".running").is_visible()
    chosen.set_input_files({"name": "a.txt", "mimeType": "text/plain", "buffer": EN.encode()})
    done(page.locator("#article-a"))
    expect(error).to_be_hidden()
    assert page.locator("#article-a textarea").input_value().strip() == EN.strip()


# ----------------------------------------------------------------------------------------------- two articles, two languages


def test_two_articles_are_compared(visit: Visit, server: Server) -> None:
    page = visit()
    tag(page, VI)
    page.locator("[data-do=compare]:visible").click()
    expect(page.locator("#article-b textarea")).to_be_focused()
    drop(page, "b.txt", EN.encode(), onto="#article-b")
    done(page.locator("#article-b"))
    names = {area["id"]: area["names"]["en"] for area in server.ask("/areas")}
    a, b = ({id for row in server.ask("/tag", text=text) for id in ids(row["areas"])} for text in (VI, EN))
    assert a & b and a - b and b - a, "the sample lost what it compares"
    groups = page.locator("#comparison dd")
    for shown, expected in zip(groups.all(), (a & b, a - b, b - a), strict=True):
        assert shown.locator(".area").all_text_contents() == [names[id] for id in names if id in expected]
    expect(page.locator("#areas [data-area=health] .only")).to_have_text("only B")
    expect(page.locator("#areas [data-area=trade_integration] .count")).to_have_text("1 · 1")
    first, second = (page.locator(f"#article-{name}").bounding_box() for name in "ab")
    assert first and second and first["y"] == second["y"] and first["x"] + first["width"] <= second["x"], "side by side"
    rows = json.loads(downloaded(page, page.locator("#download-json").click)[1])
    assert Counter(row["article"] for row in rows) == {"A": len(server.ask("/tag", text=VI)), "B": len(server.ask("/tag", text=EN))}
    page.locator("#article-b [data-do=close]").click()
    expect(page.locator("#comparison")).to_be_hidden()
    expect(page.locator("[data-do=compare]:visible")).to_be_focused()
    assert not page.locator("#article-b").count() and not page.locator("#areas [data-area=health]").is_visible()


def test_the_page_speaks_vietnamese_or_english_and_remembers_which(visit: Visit) -> None:
    page = visit(locale="vi-VN")
    expect(page.locator("html")).to_have_attribute("lang", "vi")
    page.locator("#article-a [data-example=vi]").click()
    done(page.locator("#article-a"))
    chip = page.locator(".chip[data-area=trade_integration]").first
    expect(chip.locator(".name")).to_have_text("Thương mại và hội nhập kinh tế")
    assert set(page.locator(".words").evaluate_all("(all) => all.map((words) => words.lang)")) == {"vi"}
    chip.click()
    expect(details(page)).to_contain_text("Định nghĩa (tiếng Anh)")
    page.locator("[data-lang=en]").click()
    expect(chip.locator(".name")).to_have_text("Trade and economic integration")
    expect(page.locator("#details-title")).to_have_text("Trade and economic integration")
    expect(page.locator("#details")).not_to_contain_text("(tiếng Anh)")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert page.title() == page.locator("h1").text_content() == "Cooperation areas in diplomatic news"
    page.reload()
    expect(page.locator("#article-a button[type=submit]")).to_have_text("Tag")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_definitions_name_other_areas_in_the_language_of_the_page(visit: Visit, server: Server) -> None:
    page = visit(locale="vi-VN")
    known = {area["id"]: area for area in server.ask("/areas")}
    tag(page, "Hai bên hỗ trợ doanh nghiệp nhỏ và khởi nghiệp.\nHai bên ứng phó với biến đổi khí hậu.\nHai bên chia sẻ dữ liệu số.")
    shown = {}
    for area in ("msme_business", "climate", "digital"):
        page.locator(f".chip[data-area={area}]").first.click()
        shown[area] = details(page).locator("p[lang=en]").text_content() or ""
        assert "_" not in shown[area]
        assert page.locator(".named:not([lang=vi])").count() == 0
    of = {id: area["definition"] for id, area in known.items()}
    trade, cyber = (known[id]["names"]["vi"] for id in ("trade_integration", "cybersecurity"))
    assert shown["msme_business"] == of["msme_business"].replace("trade_integration", trade) != of["msme_business"]
    assert shown["climate"] == of["climate"], "a word that is no area's id stays: changing climate"
    assert shown["digital"] == of["digital"].replace("are cybersecurity", f"are {cyber}") != of["digital"]


# ------------------------------------------------------------------------------------------------------------ when it fails


def test_an_article_over_the_limit_is_refused_before_it_is_sent(visit: Visit, server: Server) -> None:
    page = visit()
    most = server.ask("/info")["limits"]["characters"]
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    text = "𝒢" * (most + 1)
    page.locator("#article-a textarea").fill(text)
    page.locator("#article-a button[type=submit]").click()
    expect(page.locator("#article-a .error")).to_have_text(
        f"The text has {most + 1:,} characters; the server takes at most {most:,}. Shorten or split it."
    )
    assert not asked and page.locator("#article-a textarea").input_value() == text
    page.locator("#article-a textarea").fill(EN)
    expect(page.locator("#article-a .error")).to_be_hidden()


def test_a_busy_server_is_asked_again_with_the_key_that_it_wants(visit: Visit, strict_server: Server) -> None:
    page = visit(strict_server.url, ready="#key[open]")
    page.locator("#key-value").fill("fedcba9876543210")
    page.keyboard.press("Enter")
    expect(page.locator("#key-refused")).to_be_visible()
    expect(page.locator("#key-value")).to_be_empty()
    page.locator("#key-value").fill(KEY)
    page.keyboard.press("Enter")
    expect(page.locator("#about")).to_contain_text("nano")

    stop = threading.Event()
    other = threading.Thread(target=keep_busy, args=(strict_server, stop))
    other.start()
    try:
        page.locator("#article-a textarea").fill(EN * 20)
        page.locator("#article-a button[type=submit]").click()
        expect(page.locator("#article-a .status")).to_have_text(re.compile("The server is busy; trying again in [0-9]+ second"))
        assert not page.locator("#article-a .error").is_visible()
    finally:
        stop.set()
        other.join()
    done(page.locator("#article-a"))
    assert page.locator(".sentence").count() == 80 and page.locator("#article-a textarea").input_value() == EN * 20
    kept = page.evaluate("() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])")
    assert KEY not in kept, "the key is kept in memory only"


def keep_busy(server: Server, stop: threading.Event) -> None:
    """Another client, whose long articles fill the queue."""
    body = json.dumps({"text": EN * 200})
    while not stop.is_set():
        with closing(server.connect()) as connection, suppress(OSError, http.client.HTTPException):
            connection.request("POST", "/tag", body, {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"})
            connection.getresponse().read()


def test_a_key_can_be_declined(visit: Visit, strict_server: Server) -> None:
    page = visit(strict_server.url, ready="#key[open]")
    page.keyboard.press("Escape")
    expect(page.locator("#article-a .error")).to_have_text("The server asks for a key.")
    page.locator("#article-a textarea").fill(EN)
    page.locator("#article-a button[type=submit]").click()
    page.locator("#key-value").fill(KEY)
    page.keyboard.press("Enter")
    done(page.locator("#article-a"))
    assert page.locator("#article-a textarea").input_value() == EN


LINE = json.dumps({"start": 0, "end": 33, "text": EN[:33], "lang": "en", "areas": [], "truncated": False})
SAID = json.dumps({"error": "a line of the server", "error_type": "deadline"})
NDJSON = "application/x-ndjson"
FAULTS: dict[str, tuple[dict[str, Any] | None, str]] = {
    "no connection": (None, "The server cannot be reached. Your text is still here; try again."),
    "413": ({"status": 413, "body": SAID}, "The text is too large for this server. Shorten or split it."),
    "422": ({"status": 422, "body": SAID}, "The server did not take this text. (a line of the server)"),
    "500": ({"status": 500, "body": SAID}, "The server had a fault (500). Try again."),
    "a proxy's page": ({"status": 502, "body": "<html>\n<h1>Bad gateway</h1>"}, "The server had a fault (502). Try again."),
    "503": ({"status": 503, "body": SAID}, "The server is not ready. Wait a little and try again."),
    "504": ({"status": 504, "body": SAID}, "The server took too long. Try again, or a shorter text."),
    "an error after a line": (
        {"body": f"{LINE}\n{SAID}\n", "content_type": NDJSON}, "The server took too long. Try again, or a shorter text.",
    ),
    "a line cut short": (
        {"body": f"{LINE}\n{LINE[:40]}", "content_type": NDJSON}, "The connection broke off. What was tagged stays; try again.",
    ),
    "no JSON": ({"body": "<html>\n", "content_type": NDJSON}, "The connection broke off. What was tagged stays; try again."),
}  # fmt: skip


def test_each_fault_is_told_in_one_line_and_nothing_typed_is_lost(visit: Visit) -> None:
    page = visit()
    error, box = page.locator("#article-a .error"), page.locator("#article-a textarea")
    for name, (answer, said) in FAULTS.items():
        page.route("**/tag", answering(answer))
        if not box.is_visible():
            page.locator("[data-do=edit-text]").click()
        box.fill(EN)
        page.locator("#article-a button[type=submit]").click()
        expect(error, name).to_have_text(said)
        assert box.input_value() == EN and not page.locator(".running").is_visible(), name
        page.unroute("**/tag")
    tag(page, EN)
    expect(error).to_be_hidden()
    page.route("**/tag", answering({"status": 500, "body": SAID}))
    page.locator(".chip").first.click()
    expect(page.locator("#details .error")).to_have_text("The server had a fault (500). Try again.")
    page.unroute("**/tag")
    page.keyboard.press("Escape")
    page.locator(".chip").first.click()
    assert details(page).locator("mark").count()


def answering(answer: Mapping[str, Any] | None) -> Callable[[Route], None]:
    """What a broken server or a proxy before it would do; None for no answer."""
    return lambda route: route.abort() if answer is None else route.fulfill(**answer)


# ----------------------------------------------------------------------------------------- keyboard, phone, accessibility


def go_to(page: Page, target: str, key: str = "Tab") -> Locator:
    """Presses a key until the focus is there."""
    wanted = page.locator(target).first
    for _ in range(80):
        page.keyboard.press(key)
        if wanted.evaluate("(node) => node === document.activeElement"):
            return wanted
    raise AssertionError(f"{target} is not reached by {key}")


def test_the_keyboard_alone_is_enough(visit: Visit) -> None:
    page = visit()
    page.mouse.move(1, 1)
    go_to(page, "#article-a textarea")
    page.keyboard.insert_text(EN)
    go_to(page, "#article-a button[type=submit]")
    page.keyboard.press("Enter")
    done(page.locator("#article-a"))
    expect(page.locator("#article-a h2")).to_be_focused()
    chip_group = page.get_by_role("region", name="Article").get_by_role("group", name="Sentence 2")
    expect(chip_group.get_by_role("button", name=re.compile("Health 0"))).to_have_attribute("aria-expanded", "false")

    chip = go_to(page, ".chip[data-area=health]")
    page.keyboard.press("Enter")
    details(page)
    expect(page.locator("#details-title")).to_be_focused()
    go_to(page, "#details-close")
    page.keyboard.press("Space")
    expect(page.locator("#details")).to_be_hidden()
    expect(chip).to_be_focused()

    go_to(page, ".sentence[data-sentence='1'] [data-do=edit]")
    page.keyboard.press("Enter")
    expect(page.locator("#edit-search")).to_be_focused()
    page.keyboard.type("EDUCATION")
    expect(page.locator("#edit-areas label:visible")).to_have_text(re.compile("Education and training"))
    go_to(page, "#edit-areas input[value=education_training]")
    page.keyboard.press("Space")
    go_to(page, "#edit [type=submit]")
    page.keyboard.press("Enter")
    expect(page.locator(".sentence[data-sentence='1'] .flag.read")).to_have_text("corrected")
    expect(page.locator(".sentence[data-sentence='1'] [data-do=edit]")).to_be_focused()

    go_to(page, "#areas [data-area=education_training]", "Shift+Tab")
    page.keyboard.press("Space")
    expect(page.locator(".sentence:visible .words")).to_have_text([NURSES])
    go_to(page, "#clear-filter")
    page.keyboard.press("Enter")
    expect(page.locator(".sentence:visible")).to_have_count(4)
    expect(page.locator("#articles")).to_be_focused()
    go_to(page, "#threshold", "Shift+Tab")
    page.keyboard.press("End")
    expect(page.locator("#threshold-value")).to_have_text("0.95")
    go_to(page, "#goal", "Shift+Tab")
    page.keyboard.press("Home")
    expect(page.locator("#goal")).to_have_value("default")


def test_a_phone_shows_all_of_it(visit: Visit) -> None:
    page = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, device_scale_factor=2)
    fits(page)
    tag(page, VI + "\nhttps://example.test/" + "a" * 300)
    fits(page)
    toggle = page.locator("#sidebar-toggle")
    assert not page.locator("#goal").is_visible()
    toggle.tap()
    expect(toggle).to_have_attribute("aria-expanded", "true")
    page.locator("#areas [data-area=climate]").tap()
    fits(page)
    toggle.tap()
    expect(page.locator("#filter-status")).to_have_text(re.compile("^1 of [0-9]+ sentences: Climate change$"))
    page.locator("#clear-filter").tap()
    expect(page.locator("#goal")).to_be_hidden()

    chip = page.locator(".chip[data-area=climate]")
    chip.tap()
    sheet, held = details(page).bounding_box(), chip.bounding_box()
    assert sheet and sheet["width"] == 390 and abs(sheet["y"] + sheet["height"] - 844) < 1, "a sheet at the foot of the screen"
    assert held and held["y"] >= 0 and held["y"] + held["height"] <= sheet["y"], "the sheet leaves its chip in sight"
    fits(page)
    page.locator("#details-close").tap()
    button = sentence_of(page, "học bổng").locator("[data-do=edit]")
    assert button.bounding_box()["height"] >= 24  # type: ignore[index]  # WCAG 2.2, 2.5.8
    button.tap()
    page.locator("#edit-areas input[value=youth]").check()
    fits(page)
    page.locator("#edit [type=submit]").tap()
    expect(page.locator(".flag.read")).to_have_count(1)
    page.locator("[data-do=compare]:visible").tap()
    tag(page, EN, "b")
    fits(page)
    first, second = (page.locator(f"#article-{name}").bounding_box() for name in "ab")
    assert first and second and first["y"] + first["height"] <= second["y"], "one after the other"


def fits(page: Page) -> None:
    wide = page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    assert wide[0] <= wide[1] == page.viewport_size["width"], f"{wide[0]} pixels stand on a screen of {wide[1]}"  # type: ignore[index]


@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_serious(visit: Visit, width: int) -> None:
    page = visit(viewport={"width": width, "height": 860}, reduced_motion="reduce")
    found = {"landing": serious(page)}
    tag(page, VI)
    page.locator("#threshold").fill("0.97") if width > 390 else page.locator("#sidebar-toggle").click()
    found["tagged"] = serious(page)
    page.locator(".chip").first.click()
    details(page)
    found["details"] = serious(page)
    page.keyboard.press("Escape")
    page.locator("[data-do=edit]").first.focus()
    page.keyboard.press("Enter")
    found["edit"] = serious(page)
    page.locator("#edit [type=submit]").click()
    page.locator("[data-do=compare]:visible").click()
    tag(page, EN, "b")
    found["compare"] = serious(page)
    page.locator("#export-open").click()
    found["export"] = serious(page)
    assert not any(found.values()), found


def serious(page: Page) -> list[str]:
    """The rules of axe that the page breaks seriously, each with a place; in the dark only the colours can be others."""
    violations = Axe().run(page).response["violations"]
    page.emulate_media(color_scheme="dark")
    violations += Axe().run(page, options={"runOnly": ["color-contrast"]}).response["violations"]
    page.emulate_media(color_scheme="light")
    return [f"{one['id']} at {one['nodes'][0]['target']}" for one in violations if one["impact"] in ("serious", "critical")]
