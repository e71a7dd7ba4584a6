"""`cooptag.jobs.readers`: every way in which a file can be well or badly made. All texts are made up here."""

import codecs
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet as pq

from cooptag.errors import InputError, UsageError
from cooptag.jobs import html, readers, streams
from cooptag.jobs.readers import Fields, Mark, Row, Source, date_of, detect, find, parse_json, read

FIELDS = Fields()
LINES = Fields(split=False)
PACK: dict[str, Callable[[bytes], bytes]] = {"": lambda raw: raw, ".gz": gzip.compress, ".zst": zstd.compress}
VIETNAMESE = "Bộ trưởng hai nước nhất trí tăng cường hợp tác năng lượng."


def source_of(folder: Path, name: str, raw: bytes) -> Source:
    file = folder / name
    file.write_bytes(raw)
    return find([str(file)], folder / "out")[0][0]


def rows_of(folder: Path, name: str, raw: bytes, fields: Fields = FIELDS) -> list[Row]:
    """The rows of a file, each of which can be read from its own mark on."""
    source = source_of(folder, name, raw)
    rows = list(read(source, fields))
    for i, row in enumerate(rows[:20]):
        assert list(read(source, fields, row.mark)) == rows[i:], f"reading from row {i} gives other rows"
    return rows


def errors(rows: list[Row]) -> list[str]:
    assert all(bool(row.text) <= (not row.error) for row in rows)
    return [row.error for row in rows]


# ------------------------------------------------------------------------------------------------- finding files


def test_find_walks_in_order_and_takes_each_real_file_once(tmp_path: Path) -> None:
    for name in ("b/2.txt", "a.jsonl.gz", "b/1.HTML", "b/.hidden.txt", "b/_SUCCESS.txt", ".git/x.txt", "out/x.txt", "b/notes.pdf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x", encoding="utf8")
    (tmp_path / "c.txt").symlink_to(tmp_path / "b/2.txt")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "o.txt").symlink_to(tmp_path / "out/x.txt")
    sources, others = find([str(tmp_path), str(tmp_path / "b")], tmp_path / "out")
    assert [s.name.removeprefix(f"{tmp_path.as_posix()}/") for s in sources] == ["a.jsonl.gz", "b/1.HTML", "b/2.txt"]
    assert [(s.kind, s.packing) for s in sources] == [("jsonl", "gz"), ("html", ""), ("txt", "")]
    assert others == 2  # notes.pdf, by each of the two ways


def test_find_names_a_file_after_the_first_of_its_names_and_sorts_by_them(tmp_path: Path) -> None:
    for name in ("m.txt", "z.txt"):
        (tmp_path / name).touch()
    (tmp_path / "a.txt").symlink_to(tmp_path / "z.txt")
    assert [source.path.name for source in find([str(tmp_path)], tmp_path / "out")[0]] == ["a.txt", "m.txt"]


@pytest.mark.parametrize("name", ["absent.txt", "x" * 5000, "notes.pdf", "table.parquet.gz", "pipe.txt", "out/x.txt"])
def test_find_refuses_what_it_is_told_to_read_and_cannot(tmp_path: Path, name: str) -> None:
    (tmp_path / "out").mkdir()
    for known in ("notes.pdf", "table.parquet.gz", "out/x.txt"):
        (tmp_path / known).touch()
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(UsageError, match=r"expected|choose") as caught:
        find([str(tmp_path / name)], tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_a_file_name_that_is_not_unicode_gives_ids_that_are(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.txt")).write_text("x", encoding="utf8")
    source = find([str(tmp_path)], tmp_path / "out")[0][0]
    assert next(read(source, FIELDS)).id.encode("utf8").endswith("\ufffd.txt".encode())


# ------------------------------------------------------------------------------------------------------- JSON lines


def line_of(**record: Any) -> bytes:
    return json.dumps(record).encode() + b"\n"


@pytest.mark.parametrize("packing", PACK)
def test_jsonl_rows_have_their_ids_dates_and_places(tmp_path: Path, packing: str) -> None:
    raw = b'\xef\xbb\xbf{"text": "one", "id": 7, "date": 2015}\r\n\r\n'
    raw += b'{"text": "two", "id": "b", "date": "2015-03-09T10:00"}\n{"text": "three"}'
    rows = rows_of(tmp_path, f"x.jsonl{packing}", PACK[packing](raw))
    assert [(r.text, r.date, r.error) for r in rows] == [
        ("one", "2015", ""),
        ("", "", "blank"),
        ("two", "2015-03-09", ""),
        ("three", "", ""),
    ]
    assert [r.id for r in rows] == ["7", f"{tmp_path}/x.jsonl{packing}:2", "b", f"{tmp_path}/x.jsonl{packing}:4"]
    assert sum(r.size for r in rows) == len(raw) - 3


BAD_LINES = {
    "not closed": (b'{"text": "a"', "bad_json"),
    "not UTF-8": ('{"text": "hợp tác '.encode() + b'\xff"}', "bad_encoding"),
    "NaN": (b'{"text": "a", "x": NaN}', "bad_json"),
    "Infinity": (b'{"text": "a", "x": -Infinity}', "bad_json"),
    "a key twice": (b'{"text": "a", "text": "b"}', "bad_json"),
    "a key twice inside": (b'{"text": "a", "x": [{"y": 1, "y": 1}]}', "bad_json"),
    "5000 digits": (b'{"text": "a", "x": %s}' % (b"1" * 5000), "bad_json"),
    "deep": (b'{"text": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "bad_json"),
    "deep objects": (b'{"a":' * 200_000, "bad_json"),
    "no object": (b'["text"]', "bad_type"),
    "no text": (b'{"body": "a"}', "bad_type"),
    "null": (b'{"text": null}', "bad_type"),
    "number": (b'{"text": 5}', "bad_type"),
    "list": (b'{"text": ["a"]}', "bad_type"),
    "bad id": (b'{"text": "a", "id": null}', "bad_id"),
    "boolean id": (b'{"text": "a", "id": true}', "bad_id"),
    "empty id": (b'{"text": "a", "id": ""}', "bad_id"),
}


@pytest.mark.parametrize("case", BAD_LINES)
def test_a_bad_line_is_a_row_with_its_error_and_the_next_is_read(tmp_path: Path, case: str) -> None:
    bad, code = BAD_LINES[case]
    rows = rows_of(tmp_path, "x.jsonl", line_of(text=VIETNAMESE) + bad + b"\n" + '{"text": "tiếp tục"}\n'.encode())
    assert errors(rows) == ["", code, ""]
    assert rows[2].text == "tiếp tục"
    assert rows[1].id.endswith("x.jsonl:2")
    assert rows[1].detail
    assert "body" not in rows[1].detail


def test_the_detail_of_a_bad_encoding_has_the_line_and_no_text(tmp_path: Path) -> None:
    row = rows_of(tmp_path, "x.jsonl", line_of(text="a") + b'{"text": "secret \xff"}\n')[1]
    assert (row.error, row.detail) == ("bad_encoding", "line 2 is not utf-8")


def test_a_row_of_bad_type_keeps_its_id(tmp_path: Path) -> None:
    assert rows_of(tmp_path, "x.jsonl", line_of(text=None, id="a1"))[0].id == "a1"


def test_lone_surrogates_are_mended_one_for_one_and_controls_stay(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "x.jsonl", b'{"text": "a\\ud800b\\udfffc"}\n{"text": "\\ud83d\\ude00\\u0000\\u001b"}\n')
    assert [(r.text, r.mended) for r in rows] == [("a\ufffdb\ufffdc", True), ("\U0001f600\0\x1b", False)]


@pytest.mark.parametrize("raw", [b"{", b"NaN", b'{"secret": 1, "secret": 2}', b'"\xff"', b"[" * 100_000, b"1" * 4301])
def test_parse_json_says_what_is_wrong_without_the_text(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_json(raw)
    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 100


def test_a_text_over_the_limit_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "MAX_CHARS", 10)
    assert errors(rows_of(tmp_path, "x.jsonl", line_of(text="x" * 10) + line_of(text="x" * 11))) == ["", "too_large"]
    assert errors(rows_of(tmp_path, "x.txt", b"x" * 11)) == ["too_large"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2015, "2015"), ("2015-03", "2015-03"), ("2015-03-09 10:00", "2015-03-09"), ("2015-13-01", "2015"), ("2015-02-31", "2015-02"),
        (999, ""), (3000, ""), ("20150309", ""), ("09/03/2015", ""), (True, ""), (None, ""), (2015.0, ""), (10**4000, ""),
        ("2015/3", "2015"), ("2٠٢٠", ""), ("2020-٠1", "2020"),
    ],
)  # fmt: skip
def test_dates(value: Any, expected: str) -> None:
    assert date_of(value) == expected


# ----------------------------------------------------------------------------------------------------- text files


def test_a_text_file_is_one_document_or_one_for_each_line(tmp_path: Path) -> None:
    raw = b"\xef\xbb\xbf" + f"{VIETNAMESE}\r\n\r\nHai.".encode()
    whole = rows_of(tmp_path, "x.txt", raw)
    assert [(r.id, r.text) for r in whole] == [(f"{tmp_path}/x.txt", f"{VIETNAMESE}\r\n\r\nHai.")]
    lines = rows_of(tmp_path, "x.txt", raw, LINES)
    assert [(r.text, r.error) for r in lines] == [(VIETNAMESE, ""), ("", "blank"), ("Hai.", "")]


def test_a_damaged_text_file_says_in_which_line(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "x.txt", f"{VIETNAMESE}\n".encode() + b"x\xffx\n")
    assert (rows[0].error, rows[0].detail) == ("bad_encoding", "line 2 is not utf-8")


def test_a_file_that_is_gone_is_unreadable(tmp_path: Path) -> None:
    for name in ("x.txt", "x.jsonl", "x.csv.gz", "x.html", "x.parquet"):
        source = source_of(tmp_path, name, b"x")
        source.path.unlink()
        assert errors(list(read(source, FIELDS))) == ["unreadable"], name


# ------------------------------------------------------------------------------------------------------ encodings


def windows_1258(text: str) -> bytes:
    """The code page's own form: letters with their hats, tones behind them."""
    decomposed = unicodedata.normalize("NFD", text)
    for hat in "\u0302\u0306\u031b":
        for tone in "\u0300\u0301\u0303\u0309\u0323":
            decomposed = decomposed.replace(tone + hat, hat + tone)
    parts: list[bytes] = []
    for character in decomposed:
        joined = unicodedata.normalize("NFC", parts[-1].decode("cp1258") + character) if parts and character in "\u0302\u0306\u031b" else ""
        if len(joined) == 1:
            parts[-1] = joined.encode("cp1258")
        else:
            parts.append(character.encode("cp1258"))
    return b"".join(parts)


LEGACY = {
    "cp1258": "Hai bên nhất trí tăng cường hợp tác thương mại và năng lượng.",
    "gb18030": "两国外长在河内会谈，同意加强贸易和能源合作。",
    "big5": "兩國外長在河內會談，同意加強貿易和能源合作。",
    "cp932": "両国の外相はハノイで会談し、貿易とエネルギーの協力で一致した。",
    "euc_jp": "両国の外相はハノイで会談し、貿易とエネルギーの協力で一致した。",
    "cp949": "양국 장관은 하노이에서 회담을 갖고 무역과 에너지 협력을 강화하기로 했다.",
    "cp1252": "Les ministres se sont réunis à Hanoï et ont décidé de développer la coopération énergétique.",
    "cp1251": "Министры встретились в Ханое и договорились укреплять сотрудничество в торговле.",
    "cp874": "รัฐมนตรีทั้งสองประเทศหารือที่ฮานอยและเห็นพ้องเพิ่มความร่วมมือด้านการค้า",
}


@pytest.mark.parametrize("encoding", LEGACY)
@pytest.mark.parametrize("kind", ["txt", "jsonl", "csv"])
def test_older_encodings_are_found(tmp_path: Path, encoding: str, kind: str) -> None:
    text = LEGACY[encoding]
    content = {"txt": text, "jsonl": f'{{"id": 1, "text": "{text}"}}\n', "csv": f'id,text\n1,"{text}"\n'}[kind]
    raw = windows_1258(content) if encoding == "cp1258" else content.encode(encoding)
    rows = rows_of(tmp_path, f"x.{kind}", raw)
    assert [(r.encoding, unicodedata.normalize("NFC", r.text)) for r in rows] == [(encoding, text)]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("gb18030", "外交部长访问北京"), ("big5", "外交部長訪問台北"), ("cp932", "両国は協定に署名した。"),
        ("euc_jp", "外務大臣がハノイを訪問した"),
        ("cp949", "외교부 장관이 하노이를 방문했다"), ("cp1251", "Президент прибыл в Ханой."), ("cp1256", "زار الرئيس هانوي"),
        ("cp874", "ทั้งสองฝ่ายลงนามข้อตกลง"), ("cp1252", "El presidente visitó España y habló de educación."),
        ("cp1258", "Hội nghị diễn ra tại Đà Nẵng."),
    ],
)  # fmt: skip
def test_older_encodings_of_a_short_sentence_are_found(encoding: str, text: str) -> None:
    assert detect(windows_1258(text) if encoding == "cp1258" else text.encode(encoding)) == encoding


@pytest.mark.parametrize(
    ("codec", "mark", "name"),
    [
        ("utf-16-le", codecs.BOM_UTF16_LE, "utf-16"), ("utf-16-be", codecs.BOM_UTF16_BE, "utf-16"),
        ("utf-32-le", codecs.BOM_UTF32_LE, "utf-32"), ("utf-32-be", codecs.BOM_UTF32_BE, "utf-32"),
    ],
)  # fmt: skip
def test_byte_order_marks_are_obeyed(tmp_path: Path, codec: str, mark: bytes, name: str) -> None:
    contents = {"x.txt": VIETNAMESE, "x.csv": f'text\r\n"{VIETNAMESE}"\r\n', "x.jsonl": f'{{"text": "{VIETNAMESE}"}}\r\n'}
    for file, content in contents.items():
        rows = rows_of(tmp_path, file, mark + content.encode(codec))
        assert [(r.text, r.encoding) for r in rows] == [(VIETNAMESE, name)], file


def test_damaged_utf16_spoils_only_its_own_line(tmp_path: Path) -> None:
    raw = '{"text": "a"}\n{"text": "'.encode("utf-16") + b"\x00\xd8" + '"}\n{"text": "c"}\n'.encode("utf-16-le") + b"\x0a"
    assert errors(rows_of(tmp_path, "x.jsonl", raw)) == ["", "bad_encoding", "", "bad_encoding"]


def test_damaged_utf8_stays_utf8(tmp_path: Path) -> None:
    raw = f'{{"text": "{VIETNAMESE}"}}\n'.encode()
    rows = rows_of(tmp_path, "x.jsonl", raw * 3 + raw[:20] + b'\xe1"}\n' + raw)
    assert errors(rows) == ["", "", "", "bad_encoding", ""]
    assert rows[4].text == VIETNAMESE


# ------------------------------------------------------------------------------------------- long lines and packing


def test_a_line_over_the_limit_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_LINE", 100)
    monkeypatch.setattr(streams, "BLOCK", 64)
    rows = rows_of(tmp_path, "x.jsonl", line_of(text="a") + b"x" * 1000 + b"\n" + line_of(text="b") + b"y" * 200)
    assert errors(rows) == ["", "line_too_long", "", "line_too_long"]
    assert rows[1].size == 1001
    assert rows[2].id.endswith(":3")


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_damaged_packing_keeps_the_rows_before_it(tmp_path: Path, packing: str) -> None:
    raw = b"".join(line_of(text=os.urandom(40).hex(), n=i) for i in range(6000))
    packed = PACK[packing](raw)
    cut = rows_of(tmp_path, f"cut.jsonl{packing}", packed[: len(packed) * 2 // 3])
    assert set(errors(cut)[:-1]) == {""}, "a row before the damage was lost"
    assert cut[-1].error == "corrupt_input"
    assert cut[-1].id.endswith(f":{len(cut)}")
    assert len(cut) > 2000
    if packing == ".gz":
        wrong_sum = packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]
        assert errors(rows_of(tmp_path, "sum.jsonl.gz", wrong_sum)) == [""] * 6000 + ["corrupt_input"]
    assert errors(rows_of(tmp_path, f"no.jsonl{packing}", b"this is not packed")) == ["corrupt_input"]
    assert errors(rows_of(tmp_path, f"no.csv{packing}", b"this is not packed")) == ["corrupt_input"]
    assert errors(rows_of(tmp_path, f"cut.txt{packing}", packed[:-9])) == ["corrupt_input"]


PEAK = """
import json, sys
from pathlib import Path
from cooptag.jobs.readers import Fields, find, read
import pyarrow.parquet, charset_normalizer
from backports import zstd
def most():  # not getrusage: its peak counts the process that started this one
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
before = most()
rows = [(row.error, len(row.text) // 1000) for row in read(find([sys.argv[1]], Path("out"))[0][0], Fields())]
grown = (most() - before) // 1024
print(json.dumps([len(rows), rows[:2] + rows[2:][-1:], grown]))
"""


def peak(file: Path) -> tuple[int, list[tuple[str, int]], int]:
    """How many rows a file has, (error, thousands of characters) of the first two and the last, and the memory that it took, MB."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2] / "inference"), "LC_ALL": "C", "HOME": "/nonexistent"}
    done = subprocess.run([sys.executable, "-c", PEAK, str(file)], capture_output=True, text=True, check=True, env=env)
    count, rows, grown = json.loads(done.stdout)
    return count, [tuple(row) for row in rows], grown


def test_a_line_of_100_mb_is_never_held(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    with file.open("wb") as out:
        out.write(b'{"text": "')
        for _ in range(100):
            out.write(b"x" * 1_000_000)
        out.write(b'"}\n' + line_of(text="y" * 2000))
    count, rows, grown = peak(file)
    assert (count, rows) == (2, [("line_too_long", 0), ("", 2)])
    assert grown < 60, f"{grown} MB for a line of 100 MB"


@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_many_tiny_members_are_read_in_flat_memory_up_to_the_damage(tmp_path: Path, packing: str) -> None:
    file = tmp_path / f"x.jsonl{packing}"
    members = PACK[packing](line_of(text="a")) * 3 + PACK[packing](b"x") * 40_000
    file.write_bytes(members + b"this is not packed")
    count, rows, grown = peak(file)
    assert (count, rows) == (4, [("", 0), ("", 0), ("corrupt_input", 0)])
    assert grown < 60, f"{grown} MB for 40,000 members of one byte"


@pytest.mark.parametrize("name", ["x.txt", "x.jsonl", "x.csv"])
@pytest.mark.parametrize("packing", [".gz", ".zst"])
def test_a_packed_bomb_is_stopped(tmp_path: Path, name: str, packing: str) -> None:
    bomb = b'text\n"a"\n' + b"a" * 990_000 + b"\n"
    raw = bomb * 200
    file = tmp_path / (name + packing)
    file.write_bytes(gzip.compress(raw, 1) if packing == ".gz" else zstd.compress(raw))
    _, rows, grown = peak(file)
    assert rows[-1] == ("too_large", 0)
    # A text file is held whole up to MAX_TEXT_FILE.
    assert grown < (160 if name == "x.txt" else 60), f"{grown} MB for a bomb of {len(raw) >> 20}"


# --------------------------------------------------------------------------------------------------------- CSV


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_with_any_delimiter_and_quoted_line_breaks(tmp_path: Path, delimiter: str) -> None:
    table = [["id", "text", "date"], ["a", '"dòng một\r\ndòng ""hai"""', "2020"], ["", "x", ""], ["c", "y", "2021-05"]]
    raw = "\r\n".join(delimiter.join(cells) for cells in table).encode() + b"\r\n\r\n"
    rows = rows_of(tmp_path, "x.csv", b"\xef\xbb\xbf" + raw)
    assert [(r.text, r.date, r.error) for r in rows] == [
        ('dòng một\r\ndòng "hai"', "2020", ""),
        ("", "", "bad_id"),
        ("y", "2021-05", ""),
        ("", "", "blank"),
    ]
    assert [r.mark.number for r in rows] == [2, 4, 5, 6]


def test_a_quote_that_is_not_closed_costs_one_row(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "x.csv", b'id,text\n1,"not closed\n2,fine\n3,"also"\n4,end\n')
    assert errors(rows) == ["bad_csv", "", "", ""]
    assert [r.id for r in rows[1:]] == ["2", "3", "4"]


def test_a_quote_that_is_not_closed_before_much_text_costs_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "MAX_RECORD", 1000)
    raw = b'id,text\n1,"not closed\n' + b"2,some more words\n" * 100 + b'3,"a\nb"\n' + b"4," + b"z" * 2000 + b"\n5,x"
    rows = rows_of(tmp_path, "x.csv", raw)
    assert errors(rows) == ["bad_csv", *[""] * 101, "bad_csv", ""]
    assert rows[101].text == "a\nb"


def test_rows_of_other_widths_and_encodings_are_bad(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "x.csv", "id,text\n1,hợp tác\n2\n3,a,b\n4,".encode() + b'"x\n\xff"\n5,y\n')
    assert errors(rows) == ["", "bad_csv", "bad_csv", "bad_encoding", ""]
    assert (rows[3].mark.number, rows[4].mark.number) == (5, 7)


@pytest.mark.parametrize(("columns", "lines"), [(2, 50_000), (50, 10_000), (500, 2000)])
def test_quotes_made_to_be_read_again_take_linear_time(tmp_path: Path, columns: int, lines: int) -> None:
    header = ",".join(["id", "text", *map(str, range(columns - 2))]).encode()
    source = source_of(tmp_path, "x.csv", header + b'\n1,"\n' + b'a","b\n' * lines)
    started = time.perf_counter()
    assert len(list(read(source, FIELDS))) > 1000
    assert time.perf_counter() - started < 5


def test_a_cr_alone_in_a_row_is_told_in_plain_words(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "x.csv", b"id,text\n1,a\r2,b\n3,c\n")
    assert errors(rows) == ["bad_csv", ""]
    assert "a CR stands alone" in rows[0].detail


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"id,body\n1,x\n", "'id', 'body'.*--text-field"), (b"", "no columns"), (b"text,text\nx,y\n", "2 times"),
        (b"te\xffxt\nx\n", "header"), (b"text," + b"x" * 1_100_000, "over 1000000 bytes"),
        (b"id,text\r1,x\r2,y\r", r"a CR stands alone in its header; .*`tr '\\r' '\\n'`$"),
        (b"text" + b",x" * 500 + b"\n", "has 501 columns; expected at most 500"),
    ],
)  # fmt: skip
def test_a_table_without_the_text_column_is_refused_before_any_row(tmp_path: Path, raw: bytes, said: str) -> None:
    source = source_of(tmp_path, "x.csv", raw)
    with pytest.raises(InputError, match=said) as caught:
        next(read(source, FIELDS))
    assert "x.csv" in str(caught.value)


# ----------------------------------------------------------------------------------------------------- Parquet


def parquet(table: dict[str, Any], **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(table), sink, **options)
    return sink.getvalue().to_pybytes()


def test_parquet_rows_over_row_groups(tmp_path: Path) -> None:
    import datetime

    days = pa.array([datetime.date(2020, 1, 2), None, datetime.date(2021, 3, 4)])
    raw = parquet({"text": [VIETNAMESE, None, "ba"], "id": [1, 2, 3], "date": days, "more": [[1], [2], [3]]}, row_group_size=2)
    rows = rows_of(tmp_path, "x.parquet", raw)
    assert [(r.id, r.text, r.date, r.error) for r in rows] == [
        ("1", VIETNAMESE, "2020-01-02", ""),
        ("2", "", "", "bad_type"),
        ("3", "ba", "2021-03-04", ""),
    ]
    assert rows[2].mark == Mark(2, 3)


@pytest.mark.parametrize("kind", [pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_parquet_of_other_string_types(tmp_path: Path, kind: pa.DataType) -> None:
    texts = [f"câu {i % 7}" for i in range(3000)]
    source = source_of(tmp_path, "x.parquet", parquet({"text": pa.array(texts).cast(kind)}, row_group_size=1500))
    rows = list(read(source, FIELDS))
    assert [r.text for r in rows] == texts
    assert list(read(source, FIELDS, rows[1499].mark)) == rows[1499:]
    assert list(read(source, FIELDS, rows[2600].mark)) == rows[2600:]


NOWHERE = pa.timestamp("us", tz="Foo/Bar")


@pytest.mark.parametrize(
    ("table", "option"),
    [
        ({"body": ["x"]}, "text"), ({"text": [5]}, "text"), ({"text": [["x"]]}, "text"), ({"text": [b"x"]}, "text"),
        ({"text": ["x"], "id": pa.array([2**62], pa.timestamp("us"))}, "id"), ({"text": ["x"], "id": pa.array([1], NOWHERE)}, "id"),
        ({"text": ["x"], "id": [["a\nb"]]}, "id"), ({"text": ["x"], "id": [{"a\nb": 1}]}, "id"), ({"text": ["x"], "id": [True]}, "id"),
    ],
)  # fmt: skip
def test_parquet_of_another_schema_is_refused(tmp_path: Path, table: dict[str, Any], option: str) -> None:
    with pytest.raises(InputError, match=rf"x\.parquet: [^\n]*--{option}-field$"):
        next(read(source_of(tmp_path, "x.parquet", parquet(table)), FIELDS))


@pytest.mark.parametrize(
    "dates",
    [
        pa.array([1], NOWHERE), pa.array([1], pa.timestamp("us", tz="America")), pa.array([2**62], pa.timestamp("us")),
        pa.array([["2020"]]), pa.array([{"date": "2020"}]), pa.array([2020.0]), pa.array([b"2020"]),
    ],
)  # fmt: skip
def test_a_parquet_date_that_is_none_is_unknown(tmp_path: Path, dates: pa.Array) -> None:
    row = rows_of(tmp_path, "x.parquet", parquet({"text": ["x"], "date": dates}))[0]
    assert (row.text, row.date, row.error) == ("x", "", "")


def test_a_bomb_of_nested_dates_is_never_unpacked(tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    days = pa.ListArray.from_arrays([0, 1], pa.array(["2020 " * 13_000_000]))  # 65 MB
    pq.write_table(pa.table({"text": ["x" * 1000], "date": days}), file, compression="zstd", use_dictionary=False, write_statistics=False)
    count, rows, grown = peak(file)
    assert (count, rows) == (1, [("", 1)])
    assert grown < 50, f"{grown} MB for a file of {file.stat().st_size} bytes"


def test_a_parquet_column_whose_name_is_not_utf8_is_corrupt(tmp_path: Path) -> None:
    raw = parquet({"text": ["x"], "mark": [1]}, store_schema=False)
    assert errors(rows_of(tmp_path, "x.parquet", raw.replace(b"mark", b"\xff\xfe\xfd\xfc"))) == ["corrupt_input"]


def test_parquet_that_is_cut_off_or_damaged_is_corrupt(tmp_path: Path) -> None:
    raw = parquet({"text": [os.urandom(500).hex() for _ in range(200)]}, row_group_size=100, compression="zstd")
    assert errors(rows_of(tmp_path, "cut.parquet", raw[:-20])) == ["corrupt_input"]
    assert errors(rows_of(tmp_path, "empty.parquet", b"")) == ["corrupt_input"]
    middle = len(raw) * 3 // 4
    damaged = rows_of(tmp_path, "bad.parquet", raw[:middle] + bytes(200) + raw[middle + 200 :])
    assert errors(damaged) == [""] * (len(damaged) - 1) + ["corrupt_input"]
    assert len(damaged) == 101


@pytest.mark.parametrize("dictionary", [True, False])
def test_a_parquet_bomb_is_read_in_flat_memory_or_stopped(tmp_path: Path, dictionary: bool) -> None:
    file = tmp_path / "x.parquet"
    table = pa.table({"text": pa.DictionaryArray.from_arrays(pa.array([0] * 300, pa.int32()), pa.array(["lời " * 500_000]))})
    if dictionary:
        pq.write_table(table, file, compression="zstd", store_schema=False)  # 800 MB of text
    else:
        pq.write_table(table.slice(0, 60), file, compression="zstd", store_schema=False, use_dictionary=False)
    assert file.stat().st_size < 1_000_000
    count, rows, grown = peak(file)
    assert (count, rows[-1]) == ((300, ("", 2000)) if dictionary else (1, ("too_large", 0)))
    assert grown < 150, f"{grown} MB for a file of {file.stat().st_size} bytes"


# --------------------------------------------------------------------------------------------------------- HTML

PARAGRAPHS = [f"Điểm {i}: hai bên nhất trí tăng cường hợp tác thương mại và năng lượng trong thời gian tới." for i in range(1, 6)]
BODY = "".join(f"<p>{p}</p>" for p in PARAGRAPHS)


def page_of(body: str, head: str = "") -> str:
    return f"<html><head>{head}</head><body><nav><a href='/'>Home</a></nav><article>{body}</article></body></html>"


def test_the_article_of_a_page(tmp_path: Path) -> None:
    head = "<title>Hội đàm</title><meta property='article:published_time' content='2023-04-05T10:00:00+07:00'>"
    row = rows_of(tmp_path, "x.html", page_of(BODY + "<p>R&amp;D &lt;và&gt; y t&#7871; trong khu vực</p>", head).encode())[0]
    assert row.text.split("\n") == ["Hội đàm", *PARAGRAPHS, "R&D <và> y tế trong khu vực"]
    assert (row.id, row.date, row.encoding) == (f"{tmp_path}/x.html", "2023-04-05", "utf-8")


def test_scripts_and_styles_never_appear() -> None:
    ld = '<script type="application/ld+json">{"@type": "NewsArticle", "datePublished": "2022-02-03", "articleBody": "%s"}</script>'
    hidden = "<script>var SECRET = 1</script><style>.SECRET {}</style><svg><style>SECRET</style></svg><!-- SECRET -->"
    for body in (BODY + hidden, hidden, hidden + "<p>ngắn</p>", BODY + "<script>SECRET <p>không đóng</p>"):
        assert "SECRET" not in html.extract(page_of(body, ld % ("SECRET words " * 50))).text
    assert html.extract(page_of(BODY, ld % "SECRET")).date == "2022-02-03"


@pytest.mark.parametrize(
    ("value", "date"),
    [
        ('[{"@type": "WebSite"}, {"@graph": [{"datePublished": "2022-02-03T10:00:00Z"}]}]', "2022-02-03"),
        ('{"video": {"datePublished": "2001-02-03"}, "datePublished": "2022-02-03"}', "2022-02-03"),
        ('{"datePublished": "0001-01-01", "n": {"datePublished": "2022-02-03"}}', "2022-02-03"),
        ('{"datePublished": ["2022"]}', ""),
        ('{"datePublished": "2022-02-31"}', ""),
        ('{"datePublished": "2022-02-03"', ""),
        ("[" * 100_000, ""),
    ],
)
def test_the_date_of_publication_in_json_ld(value: str, date: str) -> None:
    article = html.extract(page_of(BODY, f'<script type="application/ld+json">{value}</script>'))
    assert (article.date, article.text) == (date, "\n".join(PARAGRAPHS))


@pytest.mark.parametrize(
    "page", ["", "<html></html>", "<html><head><title>T</title></head></html>", "<script>var a = 'long words of a script';</script>", "\0"]
)
def test_a_page_without_an_article_says_so(tmp_path: Path, page: str) -> None:
    assert errors(rows_of(tmp_path, "x.htm", page.encode())) == ["empty_article"]


@pytest.mark.parametrize(
    ("encoding", "charset", "found"),
    [
        ("utf-8", "windows-1252", "utf-8"), ("gb18030", "gb2312", "gb18030"), ("cp1251", "windows-1251", "cp1251"),
        ("cp1251", "utf-8", "cp1251"), ("cp932", "shift_jis", "cp932"), ("utf-16", "utf-8", "utf-16"), ("cp1251", "punycode", "cp1251"),
    ],
)  # fmt: skip
def test_a_charset_is_believed_unless_it_lies(tmp_path: Path, encoding: str, charset: str, found: str) -> None:
    sentence = {"gb18030": LEGACY["gb18030"], "cp932": LEGACY["cp932"]}.get(encoding, LEGACY["cp1251"])
    body = "".join(f"<p>{i}. {sentence}</p>" for i in range(5))
    row = rows_of(tmp_path, "x.html", page_of(body, f'<meta charset="{charset}">').encode(encoding))[0]
    assert row.encoding == found
    assert f"3. {sentence}" in row.text


HOSTILE = {
    "nested": "<div>" * 50_000 + BODY,
    "nested and closed": "<article>" + "<b>" * 50_000 + BODY + "</b>" * 50_000,
    "many elements": "<p>" + "a<br>" * 900_000,
    "many brackets": "<p>" + "<" * 4_900_000,
    "comments": "<!--" * 1_000_000,
    "attributes": "<p " + "a=b " * 1_200_000 + ">x",
    "JSON-LD persons": '<script type="application/ld+json">' + '{"@type":"Person" ' * 200_000 + f"</script>{BODY}",
    "JSON-LD authors": '<script type="application/ld+json">' + '"author" ' * 400_000 + f"</script>{BODY}",
    "JSON-LD digits": f'<script type="application/ld+json">[{"1" * 4_000_000}]</script>{BODY}',
    "JSON-LD dates in dates": '<script type="application/ld+json">'
    + '{"datePublished":' * 900
    + f"[{'[],' * 1_200_000}0]"
    + "}" * 900
    + f"</script>{BODY}",
    "JSON-LD lists": f'<script type="application/ld+json">[{"[]," * 1_500_000}[]]</script>{BODY}',
    "one paragraph": f"<article>{BODY}<p>" + "dài " * 900_000,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_page_takes_bounded_time(tmp_path: Path, case: str) -> None:
    started = time.perf_counter()
    row = next(read(source_of(tmp_path, "x.html", f"<html><body>{HOSTILE[case]}".encode()), FIELDS))
    assert row.error in {"", "empty_article", "too_large"}
    assert time.perf_counter() - started < 6


def test_a_page_of_20_mb_is_too_large(tmp_path: Path) -> None:
    assert errors(rows_of(tmp_path, "x.html", b"<p>" + b"x" * 20_000_000)) == ["too_large"]


# --------------------------------------------------------------------------------------------------- start marks

CELL = st.text(alphabet='ab"\n\r,;é\ufeff\0 ', max_size=12)
LINE = st.sampled_from([b'{"text":"a"}', b'{"text":"\xc3\xa9","id":3}', b"{", b"\xff", b"", b" ", b'1,"', b'"a\nb",2', b"x" * 80])
RAW = st.one_of(
    st.lists(LINE, max_size=12).map(b"\n".join),
    st.lists(st.tuples(CELL, CELL), max_size=8).map(lambda rows: "\n".join(f'{a},"{b}"' for a, b in rows).encode()),
    st.binary(max_size=120),
)


@settings(max_examples=250, deadline=None)
@given(RAW, st.sampled_from(["jsonl", "csv", "txt"]), st.sampled_from(list(PACK)), st.sampled_from(["", "utf-8-sig", "utf-16"]))
def test_reading_from_a_mark_gives_the_rows_from_there(raw: bytes, kind: str, packing: str, bom: str) -> None:
    raw = b"id,text\n" + raw if kind == "csv" else raw
    raw = raw.decode("utf8", "replace").encode(bom) if bom else raw
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "MAX_LINE", 60)
        patch.setattr(readers, "MAX_RECORD", 60)
        patch.setattr(streams, "BLOCK", 16)
        source = source_of(Path(folder), f"x.{kind}{packing}", PACK[packing](raw))
        rows = list(read(source, LINES))
        assert len({row.mark.number for row in rows}) == len(rows), "two rows with one number"
        for i, row in enumerate(rows):
            assert list(read(source, LINES, row.mark)) == rows[i:]
