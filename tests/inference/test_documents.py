"""`cooptag.documents`: what text comes out of a file, and what becomes of one that is bad or means harm. All texts are made up here."""

import asyncio
import io
import os
import random
import signal
import struct
import subprocess
import sys
import time
import tracemalloc
import unicodedata
import zipfile
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pypdf
import pytest

from cooptag import documents
from cooptag.documents import read, read_apart
from cooptag.errors import CooptagError, InputError, UsageError

FIRST = "Bộ trưởng hai nước đã gặp nhau."
SECOND = "Hai bên sẽ mở rộng thương mại và nới lỏng thị thực."
QUOTED = "Mật khẩu của văn bản"

# ----------------------------------------------------------------------------------------------------- files to read


def zipped(parts: dict[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, part in parts.items():
            file.writestr(name, part)
    return out.getvalue()


WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml"


def content_types(parts: dict[str, str]) -> str:
    overrides = "".join(f'<Override PartName="/word/{name}.xml" ContentType="{WORD}.{kind}+xml"/>' for kind, name in parts.items())
    return f'<?xml version="1.0"?><Types xmlns="t">{overrides}</Types>'


def docx(body: str, prolog: str = "", **others: str) -> bytes:
    """A Word file of this body and other parts by kind."""
    parts = {"document.main": "document", **{kind: kind for kind in others}}
    document = f'<?xml version="1.0" encoding="UTF-8"?>{prolog}<w:document xmlns:w="w" xmlns:mc="mc"><w:body>{body}</w:body></w:document>'
    files: dict[str, str | bytes] = {"[Content_Types].xml": content_types(parts), "word/document.xml": document}
    return zipped(files | {f"word/{kind}.xml": xml for kind, xml in others.items()})


def run(text: str) -> str:
    return f'<w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r>'


def para(inside: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr>{inside}</w:p>"


def pdf(pages: list[list[str]]) -> bytes:
    """A PDF whose pages have these lines, in a font that has every character and a map of what each of its glyphs means."""
    glyphs = {char: i for i, char in enumerate(sorted({c for page in pages for line in page for c in line}), 1)}
    mapped = [f"<{i:04x}> <{char.encode('utf-16-be').hex()}>" for char, i in glyphs.items()]
    blocks = "".join(f"{len(block)} beginbfchar\n{chr(10).join(block)}\nendbfchar\n" for block in batched(mapped, 100))
    cmap = f"/CMapName /X def\n1 begincodespacerange\n<0000> <ffff>\nendcodespacerange\n{blocks}endcmap"
    drawn = ["".join(f"<{''.join(f'{glyphs[c]:04x}' for c in line)}> Tj T*\n" for line in page) for page in pages]
    return pdf_of([f"BT /F 10 Tf 14 TL 50 800 Td {lines} ET" for lines in drawn], cmap)


def batched(items: list[str], size: int) -> list[list[str]]:
    return [items[i : i + size] for i in range(0, len(items), size)]


def pdf_of(contents: list[str], cmap: str = "") -> bytes:
    kids = " ".join(f"{6 + 2 * i} 0 R" for i in range(len(contents)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(contents)} /Kids [{kids}] >>".encode(),
        b"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /DescendantFonts [4 0 R] /ToUnicode 5 0 R >>",
        b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /X /CIDSystemInfo << /Registry (A) /Ordering (I) /Supplement 0 >> /DW 500 >>",
        stream(cmap.encode()),
    ]
    for i, content in enumerate(contents):
        page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {7 + 2 * i} 0 R /Resources << /Font << /F 3 0 R >> >> >>"
        objects += [page.encode(), stream(content.encode())]
    return pdf_file(objects)


def stream(raw: bytes) -> bytes:
    packed = zlib.compress(raw)
    return b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(packed), packed)


def pdf_file(objects: list[bytes]) -> bytes:
    """The file of these objects, numbered from 1; the first is the catalog."""
    out, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    trailer = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (size, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % size + table + trailer


def encrypted(password: str) -> bytes:
    writer = pypdf.PdfWriter(io.BytesIO(pdf([[FIRST]])))
    writer.encrypt(password, "owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


PAGE = f"<!doctype html><meta charset=utf-8><script>var x = 1</script><article><p>{FIRST}</p><p>{SECOND}</p></article>"
FILES = {
    "txt": f"{FIRST}\r\n{SECOND}\n".encode(),
    "html": PAGE.encode(),
    "docx": docx(para(run(FIRST)) + para(run(SECOND))),
    "pdf": pdf([[FIRST, SECOND]]),
}

# ---------------------------------------------------------------------------------------------------------- the text


@pytest.mark.parametrize("kind", FILES)
def test_each_kind_gives_a_paragraph_a_line_in_this_process_and_apart(kind: str) -> None:
    assert read(FILES[kind], kind) == f"{FIRST}\n{SECOND}"
    assert asyncio.run(read_apart(FILES[kind], kind)) == f"{FIRST}\n{SECOND}"


def tone_apart(letter: str) -> str:
    """The letter with its tone as a mark behind it, as cp1258 has it."""
    marks = unicodedata.normalize("NFD", letter)
    tone = "".join(mark for mark in marks if mark in "\u0300\u0301\u0303\u0309\u0323")
    return unicodedata.normalize("NFC", "".join(mark for mark in marks if mark not in tone)) + tone


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1258"])
def test_encodings_of_plain_text_are_told_apart(encoding: str) -> None:
    text = "Hai nước ký thoả thuận về năng lượng. "
    if encoding == "cp1258":
        text = "".join(map(tone_apart, text))
    assert read((text * 20).encode(encoding), "txt") == (text * 20).strip()


def test_controls_line_ends_and_surrogates_are_cleaned() -> None:
    assert read("một\0hai\x1b[31m\rba\x0cbốn\tnăm".encode() + b"x" * 300, "txt") == "một hai [31m\nba\nbốn\tnăm" + "x" * 300
    assert documents._clean("\ud83d\ude00 \ud83d") == "\U0001f600 \ufffd"


def test_word_reads_tables_lists_and_headings_in_order_and_notes_last() -> None:
    cells = "".join(f"<w:tc>{para(run(text))}</w:tc>" for text in ("Lĩnh vực", "Kết quả"))
    body = (
        para(run("Tuyên bố chung"), '<w:pStyle w:val="Heading1"/><w:tabs><w:tab w:pos="9"/></w:tabs>')
        + para(run("Năng lượng") + "<w:r><w:tab/></w:r>" + run("sạch") + '<w:r><w:footnoteReference w:id="2"/></w:r>', "<w:numPr/>")
        + f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>"
        + para(run("Hàng") + "<w:r><w:br/></w:r>" + run(" hai") + "<w:r><w:noBreakHyphen/></w:r>" + run("ba"))
        + para("")
    )
    footnotes = f'<w:footnotes xmlns:w="w"><w:footnote>{para(run("Chú thích."))}</w:footnote></w:footnotes>'
    header = f'<w:hdr xmlns:w="w">{para(run("Đầu trang"))}</w:hdr>'
    text = read(docx(body, footnotes=footnotes, header=header), "docx")
    assert text.split("\n") == ["Tuyên bố chung", "Năng lượng\tsạch", "Lĩnh vực", "Kết quả", "Hàng", "hai-ba", "Chú thích."]


def test_word_reads_what_is_left_when_tracked_changes_are_accepted() -> None:
    body = (
        para(
            run("Hai bên ") + f"<w:del>{run('không ')}<w:r><w:delText>hề </w:delText></w:r></w:del><w:ins>{run('đã ')}</w:ins>" + run("ký.")
            + f"<w:moveFrom>{run('Chuyển.')}</w:moveFrom>"
        )
        + para(run("Một câu "), "<w:rPr><w:del/></w:rPr>") + para(run("liền nhau."))
        + para(f"<w:moveTo>{run('Chuyển.')}</w:moveTo>")
        + para(run("Cuối."), "<w:rPr><w:del/></w:rPr>")
    )  # fmt: skip
    assert read(docx(body), "docx").split("\n") == ["Hai bên đã ký.", "Một câu liền nhau.", "Chuyển.", "Cuối."]


def test_word_reads_a_text_box_once_and_a_word_without_its_reading() -> None:
    box = f"<w:txbxContent>{para(run('Trong khung.'))}</w:txbxContent>"
    shown = f'<mc:AlternateContent><mc:Choice Requires="wps">{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent>'
    ruby = f"<w:ruby><w:rt>{run('きょうりょく')}</w:rt><w:rubyBase>{run('協力')}</w:rubyBase></w:ruby>"
    body = para(run("Trước ") + f"<w:r>{shown}</w:r>" + run("sau.")) + para(f"<w:r>{ruby}</w:r>")
    assert read(docx(body), "docx").split("\n") == ["Trong khung.", "Trước sau.", "協力"]


def wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def test_pdf_joins_what_the_page_broke_and_nothing_else() -> None:
    long = " ".join(f"{FIRST[:-1]} lần thứ {n} và {SECOND[:-1].lower()}," for n in range(9)) + " theo kế hoạch."
    lines = ["1. Hợp tác kinh tế", *wrapped(long, 80), "• Giáo dục", "• Y tế", *wrapped(long, 75)]
    assert read(pdf([lines[:11], lines[11:]]), "pdf").split("\n") == ["1. Hợp tác kinh tế", long, "• Giáo dục", "• Y tế", long]


def test_pdf_keeps_a_short_heading_from_the_short_text_below_it() -> None:
    assert read(pdf([["Thông cáo báo chí", "Hai bên đã ký kết."]]), "pdf") == "Thông cáo báo chí\nHai bên đã ký kết."


@pytest.mark.parametrize(
    ("first", "second", "mended"),
    [
        ("expand their coopera-", "tion in all fields of", "their cooperation in all"),
        ("a people-to-", "people exchange of", "a people-to-people exchange"),  # "people" stands in the document
        ("protect the negara-", "negara in the region of", "the negara-negara in"),
        ("the years from 2024-", "2030 for all of the", "from 2024-2030 for"),
        ("of the ASEAN-", "Japan partnership in all", "ASEAN-Japan partnership"),
        ("quốc phòng -", "an ninh và kinh tế của", "quốc phòng - an ninh"),
        ("the envi\xad", "ronment of both of them", "the environment of"),
    ],
)
def test_pdf_mends_words_that_a_line_end_cut(first: str, second: str, mended: str) -> None:
    filler = "the people and the negara agreed on a long list of things to be done by"
    lines = [filler, f"{'so ' * 20}{first}", f"{second} {'so ' * 14}", filler]
    assert mended in read(pdf([lines]), "pdf")


def test_pdf_joins_scripts_without_spaces_without_spaces() -> None:
    lines = ["两国外长同意加强在可再生能源数字经济和人文交流等领域的务实合作并", "就地区和国际问题交换了意见。"]
    assert read(pdf([lines]), "pdf") == "".join(lines)


def test_pdf_turns_forms_of_letters_into_letters() -> None:
    assert read(pdf([["The ﬁrst  ﬂoor ⼈⾏"]]), "pdf") == "The first floor 人行"


def test_pdf_drops_running_lines_and_page_numbers_only() -> None:
    def page(number: int) -> list[str]:
        inside = [f"Câu {'abcdefg'[number]}{'hijklmnop'[line]} ngắn." for line in range(9)]
        return [f"Bản tin số {2000 + number}", "Xin chào.", *inside, "Xin chào.", "Xin chào.", f"Trang {number}/7", f"- {number} -"]

    text = read(pdf([page(n) for n in range(7)]), "pdf").split("\n")
    assert not [line for line in text if "Bản tin" in line or "Trang" in line or line.startswith("-")]
    assert len(text) == 7 * 12, "a line that also stands inside pages is no header"
    assert read(pdf([["Trang một", "1"], ["Trang hai", "2"]]), "pdf") == "Trang một\nTrang hai"


def test_pdf_of_pages_that_are_all_alike_keeps_what_they_say() -> None:
    assert read(pdf([["Giấy mời", "Kính gửi đại sứ.", "Trân trọng."]] * 5), "pdf").split("\n") == ["Kính gửi đại sứ."] * 5


# ------------------------------------------------------------------------------------------------------ bad and hostile


def refused(raw: bytes, kind: str) -> str:
    """The one line with which a file is refused, which does not quote it."""
    with pytest.raises(InputError) as caught:
        read(raw, kind)
    message = str(caught.value)
    assert "\n" not in message
    assert QUOTED not in message
    assert "; " in message, "it must say what to do"
    return message


@contextmanager
def memory_under(limit: int) -> Iterator[None]:
    """Fails where Python's objects come to take so many bytes more."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


def lying(raw: bytes, size: int) -> bytes:
    """The zip with another declared size of its last part."""
    place = raw.rindex(b"PK\1\2")
    return raw[: place + 24] + struct.pack("<L", size) + raw[place + 28 :]


def zip_with(**declared: str) -> bytes:
    return zipped({"[Content_Types].xml": content_types(declared), "word/document.xml": QUOTED})


ENTITIES = "".join(f"<!ENTITY e{i + 1} '{f'&e{i};' * 10}'>" for i in range(9))
BAD: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "txt", "is empty"),
    "blank": (b" \r\n\0\n", "txt", "no"),
    "byte-order mark only": (b"\xef\xbb\xbf", "txt", "holds no text"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "txt", "not"),
    "broken UTF-8": (f"{QUOTED}\n{QUOTED}".encode() + b"\xff", "txt", "line 2 of the file is not utf-8"),
    "a page without an article": (b"<html><script>var x</script></html>", "html", "no article"),
    "too many elements": (b"<html><body>" + b"<br>" * 40_000, "html", "over 30000 elements"),
    "a long page": (b"<p>" * 2_000_000, "html", "over 5000000 bytes"),
    "a PDF as text": (FILES["pdf"], "txt", "is a PDF file, not plain text"),
    "a Word file as PDF": (FILES["docx"], "pdf", "is a .docx file, not a PDF"),
    "text as a PDF": (QUOTED.encode(), "pdf", "not a PDF"),
    "text as a Word file": (QUOTED.encode(), "docx", "not a .docx"),
    "an old Word file": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "docx", "old .doc or has a password"),
    "some other zip": (zipped({"a.txt": QUOTED}), "docx", "a part of the .docx file is missing"),
    "a workbook": (zip_with(**{"sheet.main": "document"}), "docx", "not a Word file"),
    "a part is missing": (zip_with(**{"document.main": "absent"}), "docx", "a part of the .docx file is missing"),
    "a part outside": (zip_with(**{"document.main": "../../../etc/passwd"}), "docx", "a part of the .docx file is missing"),
    "no XML": (zip_with(**{"document.main": "document"}), "docx", "line 1 of a part is not XML"),
    "cut off": (FILES["docx"][:-40], "docx", "cut off or damaged"),
    "bytes flipped": (FILES["docx"].replace(b"PK\1\2", b"PK\1\3"), "docx", "cut off or damaged"),
    "no words": (docx(para("")), "docx", "holds no text"),
    "zip bomb": (docx(para(" " * 20_000_000)), "docx", "unpacks to too much"),
    "lying zip bomb": (lying(docx(para(" " * 20_000_000)), 1000), "docx", "cut off or damaged"),
    "entity bomb": (docx(para(run("x")), f"<!DOCTYPE d [<!ENTITY e0 'x'>{ENTITIES}]>"), "docx", "document type"),
    "external entity": (docx("<w:p>&x;</w:p>", "<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"), "docx", "document type"),
    "nested": (docx("<w:p>" * 10_000 + "</w:p>" * 10_000), "docx", "over 256 elements within each other"),
    "too long": (docx(para(run("một hai " * 130_000))), "docx", "over 1000000 characters"),
    "encrypted": (encrypted("khóa"), "pdf", "encrypted"),
    "a PDF cut off": (FILES["pdf"][:300], "pdf", "cut off or damaged"),
    "scanned": (pdf_of(["0 0 m 100 100 l S"] * 3), "pdf", "no text layer"),
    "a loop of pages": (
        pdf_file([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
                  b"<< /Type /Pages /Count 1 /Kids [2 0 R] >>"]), "pdf", "damaged",
    ),
    "one page 3000 times": (pdf_of([""]).replace(b"[6 0 R]", b"[" + b"6 0 R " * 3000 + b"]"), "pdf", "over 2000 pages"),
    "PDF bomb": (pdf_of([" " * 90_000_000]), "pdf", "unpacks to too much"),
    "nested PDF arrays": (pdf_of(["BT <0001> Tj " + "[" * 100_000]), "pdf", "damaged"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_file_is_refused_in_one_line_and_in_little_memory(fault: str) -> None:
    raw, kind, words = BAD[fault]
    with memory_under(15_000_000 if kind == "docx" else 200_000_000):
        assert words in refused(raw, kind)


def test_a_file_over_the_limit_is_refused_unread() -> None:
    assert "over 10000000 bytes" in refused(b"x" * (documents.MAX_DOCUMENT + 1), "txt")


def test_a_pdf_that_anyone_may_open_is_read_though_encrypted() -> None:
    assert read(encrypted(""), "pdf") == FIRST


def test_a_zip_bomb_beside_the_text_is_not_unpacked() -> None:
    with zipfile.ZipFile(out := io.BytesIO(FILES["docx"]), "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("word/media/../../../image1.png", b" " * 30_000_000)
    with memory_under(5_000_000):
        assert read(out.getvalue(), "docx") == f"{FIRST}\n{SECOND}"


@pytest.mark.parametrize("kind", ["docx", "pdf"])
def test_damage_anywhere_costs_no_more_than_an_error(kind: str) -> None:
    chance = random.Random(7)  # noqa: S311
    damaged = 0
    for _ in range(150):
        raw = bytearray(FILES[kind])
        for _ in range(chance.randint(1, 6)):
            raw[chance.randrange(4, len(raw))] = chance.randrange(256)
        try:
            read(bytes(raw), kind)
        except InputError as error:
            damaged += 1
            assert "\n" not in str(error)
    assert damaged


def test_an_unknown_kind_is_a_usage_error() -> None:
    for reading in (lambda: read(b"x", "exe"), lambda: asyncio.run(read_apart(b"x", "exe"))):
        with pytest.raises(UsageError, match="expected one of txt, html, docx, pdf"):
            reading()


def test_every_content_type_and_suffix_is_of_a_kind_that_can_be_read() -> None:
    assert set(documents.KINDS.values()) == set(documents.SUFFIXES.values()) == set(FILES)


# ------------------------------------------------------------------------------------------------ in a process of its own

# Takes many seconds to read.
SLOW = pdf_of(["BT /F 10 Tf " + "1 0 0 1 0 0 cm " * 200_000 + "<0001> Tj ET"] * 4)
Reading = Callable[["asyncio.Task[str]", int], Awaitable[None]]


def apart(monkeypatch: pytest.MonkeyPatch, then: Reading, seconds: float = 60) -> tuple[BaseException | None, int]:
    """What reading `SLOW` raised after something was done to it, given the task and the process's id; and that id."""
    begun: list[int] = []
    create = asyncio.create_subprocess_exec

    async def spy(*command: str, **options: Any) -> asyncio.subprocess.Process:
        process = await create(*command, **options)
        begun.append(process.pid)
        return process

    async def reading() -> BaseException | None:
        task = asyncio.create_task(read_apart(SLOW, "pdf", seconds))
        while not begun:
            await asyncio.sleep(0.01)
        await then(task, begun[0])
        await asyncio.wait([task])
        return asyncio.CancelledError() if task.cancelled() else task.exception()

    monkeypatch.setattr(asyncio, "create_subprocess_exec", spy)
    return asyncio.run(reading()), begun[0]


def gone(pid: int) -> bool:
    """Whether no process has this id, not even one that was not waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_time_out_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait(*_: object) -> None:
        pass

    begun = time.monotonic()
    error, pid = apart(monkeypatch, wait, seconds=1)
    assert isinstance(error, TimeoutError)
    assert "over 1 s" in str(error)
    assert gone(pid)
    assert time.monotonic() - begun < 10


def test_cancelling_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    async def cancel(task: "asyncio.Task[str]", pid: int) -> None:
        await asyncio.sleep(0.7)
        assert not gone(pid)
        task.cancel()

    error, pid = apart(monkeypatch, cancel)
    assert isinstance(error, asyncio.CancelledError)
    assert gone(pid)


def test_a_process_that_writes_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    create, begun = asyncio.create_subprocess_exec, []

    async def endless(*_: str, **options: Any) -> asyncio.subprocess.Process:
        begun.append(await create(sys.executable, "-c", "import os\nwhile True: os.write(1, b'x' * 65536)", **options))
        return begun[0]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", endless)
    with pytest.raises(InputError, match="its reader ran out of memory or failed"):
        asyncio.run(read_apart(b"text" * 100_000, "txt", 5))
    assert gone(begun[0].pid)


def test_a_process_that_is_killed_is_one_input_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def kill(_: "asyncio.Task[str]", pid: int) -> None:
        await asyncio.sleep(0.3)
        os.kill(pid, signal.SIGKILL)

    error, pid = apart(monkeypatch, kill)
    assert isinstance(error, InputError)
    assert "its reader ran out of memory or failed" in str(error)
    assert gone(pid)


@pytest.mark.parametrize("fault", ["empty", "a PDF as text", "lying zip bomb", "entity bomb", "encrypted", "scanned", "broken UTF-8"])
def test_a_bad_file_is_refused_alike_apart(fault: str) -> None:
    raw, kind, _ = BAD[fault]
    with pytest.raises(CooptagError) as caught:
        asyncio.run(read_apart(raw, kind))
    assert str(caught.value) == refused(raw, kind)


def test_many_are_read_at_a_time() -> None:
    async def all_kinds() -> list[str]:
        return await asyncio.gather(*(read_apart(raw, kind) for kind, raw in FILES.items()))

    assert set(asyncio.run(all_kinds())) == {f"{FIRST}\n{SECOND}"}


def python(code: str, cwd: Path) -> str:
    """What a Python with the environment of the reader's process prints."""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, env=documents._environment(), cwd=cwd, text=True)
    return done.stdout.strip()


def test_the_process_has_little_memory_and_cannot_write_files(tmp_path: Path) -> None:
    code = "from cooptag import documents; documents._limit(9)\n"
    code += "try: bytearray(2_000_000_000)\nexcept MemoryError: print('memory')\n"
    code += "try: open('x', 'w', buffering=1).write('x\\n')\nexcept OSError: print('file')"
    assert python(code, tmp_path).split() == ["memory", "file"]


def test_the_process_sees_no_secrets_and_no_modules_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", QUOTED)
    (tmp_path / "json.py").write_text("print('wrong')", encoding="utf8")
    assert python("import os, json; print('SOME_KEY' in os.environ)", tmp_path) == "False"
