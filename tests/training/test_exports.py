"""Exports of labelling tools, read into decisions or refused whole."""

import csv
import io
import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cooptag.errors import InputError
from cooptag_training import areas as area_file
from cooptag_training import exports, labelstudio
from cooptag_training.annotation import Decision, Item, Suggestion, Task
from cooptag_training.exports import ARTICLE_ID

AREAS = ("climate", "energy", "tourism")
VI = "Hai bên nhất trí đẩy mạnh hợp tác năng lượng sạch và du lịch."
EN = "The two sides will work together on clean energy and on climate."
DATA = {
    "text": VI, "article": "vi/2024-mau", "sentence": 3, "lang": "vi", "date": "2024-05", "kind": "press_line", "source": "a.txt:7",
    "parties": "Vietnam, Canada", "before": "none general", "why": "uncertain", "context": "Trước.\nSau.",
    "suggested": "energy 0.91\ntourism 0.55", "model": "small", "settles": "", "schema": "cooptag-1",
}  # fmt: skip
ITEM = Item("vi/2024-mau", VI, "vi", 3, "2024-05", "press_line", "a.txt:7", ("Vietnam", "Canada"), "none general")


def choices(name: str, *ids: Any) -> dict[str, Any]:
    return {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": list(ids)}}


def annotation(*result: Any, by: Any = 1, at: str = "2026-01-02T10:00:00.5Z", **more: Any) -> dict[str, Any]:
    return {"id": 5, "completed_by": by, "result": list(result), "was_cancelled": False, "created_at": "2026-01-02T09:00:00Z",
            "updated_at": at, "lead_time": 3.2, "prediction": {"result": [choices("areas", "tourism")]}, **more}  # fmt: skip


def task(*annotations: Any, **data: Any) -> dict[str, Any]:
    return {"id": 9, "data": {**DATA, **data}, "annotations": list(annotations), "drafts": [], "predictions": [1]}


def minimal(**more: Any) -> dict[str, Any]:
    """A row of Label Studio's JSON-MIN."""
    return {**DATA, "id": 9, "annotator": 1, "annotation_id": 5, "updated_at": "2026-01-02T10:00:00Z", "lead_time": 1.5, **more}


def saved(folder: Path, content: Any, name: str = "export") -> Path:
    file = folder / name
    raw = content if isinstance(content, bytes) else (content if isinstance(content, str) else json.dumps(content)).encode()
    file.write_bytes(raw)
    return file


def read(folder: Path, content: Any, by: str = "") -> list[Decision]:
    return exports.read(saved(folder, content), AREAS, by)


def said(decisions: list[Decision]) -> list[tuple[str, tuple[str, ...], str, bool]]:
    return [(d.by, d.areas, d.none_reason, d.skipped) for d in decisions]


# --------------------------------------------------------------------------------------------------- Label Studio


def test_label_studio_json(tmp_path: Path) -> None:
    other = {"id": 2, "email": "b@example.org"}
    tasks = [
        task(annotation(choices("areas", "tourism", "energy")), annotation(choices("areas", "energy"), by=other)),
        task(annotation(choices("none_reason", "general")), text=EN, article="en/2024-sample", lang="en", settles="yes"),
        task(annotation(choices("areas")), text=EN + " (2)", article="", lang=""),
        task(annotation(), text=EN + " (3)", article="", lang="en"),
        task(annotation(choices("areas", "energy"), was_cancelled=True), sentence=4),
        task(sentence=5),
    ]
    decisions = read(tmp_path, tasks)
    assert said(decisions) == [
        ("user 1", ("energy", "tourism"), "", False),
        ("b@example.org", ("energy",), "", False),
        ("user 1", (), "general", False),
        ("user 1", (), "", False),
        ("user 1", (), "", False),
        ("user 1", (), "", True),
    ], "an answer is lost, a draft or a suggestion became one, or a skipped item has areas"
    assert decisions[0].item == ITEM and decisions[0].at == "2026-01-02T10:00:00.5Z"
    assert [d.settles for d in decisions] == [False, False, True, False, False, False]
    assert [(d.item.article, d.item.lang) for d in decisions[2:4]] == [("en/2024-sample", "en"), ("", "en")]
    assert decisions[1].where == f"{tmp_path / 'export'}: item 1 (id 9), annotation 2"


def test_label_studios_flat_exports_say_the_same(tmp_path: Path) -> None:
    rows = [
        minimal(areas={"choices": ["tourism", "energy"]}),
        minimal(areas="energy", annotator=2),
        minimal(sentence=4, none_reason="general"),
        minimal(sentence=5),
        minimal(sentence=6, annotation_id=None, annotator=None),
    ]
    expected = [
        ("user 1", ("energy", "tourism"), "", False),
        ("user 2", ("energy",), "", False),
        ("user 1", (), "general", False),
        ("user 1", (), "", False),
    ]
    assert said(read(tmp_path, rows)) == expected, "a task that nobody labelled must not be read as one without areas"
    columns = sorted({key for row in rows for key in row})
    table = io.StringIO()
    out = csv.DictWriter(table, columns, quoting=csv.QUOTE_NONNUMERIC)
    out.writeheader()
    out.writerows({key: json.dumps(value) if isinstance(value, dict) else value for key, value in row.items()} for row in rows)
    decisions = read(tmp_path, table.getvalue())
    assert said(decisions) == expected
    assert decisions[0].item == ITEM


def test_the_later_answer_of_a_person_counts(tmp_path: Path) -> None:
    first, second = annotation(choices("areas", "energy"), at="2026-01-02T10:00:00+07:00"), annotation(at="2026-01-02T04:00:00Z")
    for annotations in ([first, second], [second, first]):
        decision, = read(tmp_path, [task(*annotations)])
        assert decision.areas == () and decision.where.endswith("(the latest of 2)"), "02:00 UTC+7 comes before 04:00 UTC"
    with pytest.raises(InputError, match=r"'user 1' says none .* energy at .*annotation 1; expected one answer, or times"):
        read(tmp_path, [task(annotation(choices("areas", "energy")), annotation())])
    assert len(read(tmp_path, [task(annotation(), annotation())])) == 1, "the same said twice is one decision"
    assert len(read(tmp_path, [task(annotation()), task(annotation(choices("areas", "energy")), settles="yes")])) == 2


# -------------------------------------------------------------------------------------------- spreadsheets, doccano


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_spreadsheet(tmp_path: Path, encoding: str, delimiter: str) -> None:
    rows = [
        ["Text", "areas", "lang", "none_reason", "by", "skipped"],
        [VI, "energy; tourism, climate", "vi", "", "Lan", ""],
        [EN, "", "en", "general", "", "no"],
        ["'- " + VI, "none", "vi", "", "", ""],
        ["'90s policies on climate", "climate|energy", "en", "", "", ""],
        ["G-20: " + EN, "energy", "en", "", "", "TRUE"],
        ["", "", "", "", "", ""],
    ]
    table = io.StringIO(newline="")
    csv.writer(table, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    decisions = read(tmp_path, table.getvalue().encode(encoding), by="Minh")
    assert said(decisions) == [
        ("Lan", ("climate", "energy", "tourism"), "", False),
        ("Minh", (), "general", False),
        ("Minh", (), "", False),
        ("Minh", ("climate", "energy"), "", False),
        ("Minh", (), "", True),
    ]
    texts = ["- " + VI, "'90s policies on climate", "G-20: " + EN]
    assert [d.item.text for d in decisions[2:]] == texts, "only a guard's apostrophe is taken off"
    assert decisions[1].item == Item("", EN, "en") and decisions[1].where.endswith(": row 3")


def test_doccano(tmp_path: Path) -> None:
    lines = [
        {"id": 1, "text": VI, "label": ["energy"], "Comments": ["?"], "username": "lan", "lang": "vi"},
        {"id": 2, "text": EN, "labels": [], "metadata": {"article": "en/2024-sample", "sentence": "2", "annotator": 4}},
    ]
    for content in (lines, "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)):
        decisions = read(tmp_path, content)
        assert said(decisions) == [("lan", ("energy",), "", False), ("user 4", (), "", False)]
        assert decisions[1].item == Item("en/2024-sample", EN, "en", 2)


def test_a_foreign_sentence_gets_its_language(tmp_path: Path) -> None:
    table = f"text,labels\n{VI},energy\nรัฐมนตรีทั้งสองหารือเรื่องพลังงาน,energy\n"
    assert [d.item.lang for d in read(tmp_path, table, "Lan")] == ["vi", "th"]
    with pytest.raises(InputError, match=r"row 2: the language of '12%' is found to be und; give it a lang; expected one of vi, en"):
        read(tmp_path, "text,labels\n12%,energy\n")


def test_what_nobody_put_a_name_to_is_refused(tmp_path: Path) -> None:
    tasks = [Task(Item("en/2024-sample", EN, "en"), suggestions=(Suggestion("energy", 0.9),))]
    labelstudio.write(tasks, area_file.load(), tmp_path)
    for content in ((tmp_path / "tasks-doccano.jsonl").read_bytes(), f"text,areas,by\n{EN},energy,\n"):
        with pytest.raises(InputError, match="does not say who labelled it; expected a person's name: give it with --by"):
            read(tmp_path, content)  # else a model's suggestions, as they were handed out, would be labels


def test_what_labelstudio_writes_comes_back(tmp_path: Path) -> None:
    entries = area_file.load()
    texts = ["=HYPERLINK(1)", "- " + VI, '"Năng lượng", ông nói; #1', "@ASEAN: $text <b>"]
    tasks = [
        Task(Item("vi/2024-mau", text, "vi", n, "2024-05-31", "speech", "a", ("Laos", "UN"), "energy"), "why", "Một.\nHai.", model="m",
             suggestions=(Suggestion("energy", 0.9), Suggestion("climate", 0.6)), settles=n == 1)
        for n, text in enumerate(texts)
    ]  # fmt: skip
    ids = [entry.area.id for entry in entries]
    labelstudio.write(tasks, entries, tmp_path / "out")
    with pytest.raises(InputError, match="holds no labelled item"):  # a row counts when somebody has put a name to it
        exports.read(tmp_path / "out" / "tasks.csv", ids, "Lan")
    fill_in(tmp_path / "out" / "tasks.csv", "by", "Lan")
    for name in ("tasks.csv", "tasks-doccano.jsonl"):
        decisions = exports.read(tmp_path / "out" / name, ids, "Lan")
        assert [d.item for d in decisions] == [t.item for t in tasks] and decisions[1].settles
        assert {(d.areas, d.by, d.why) for d in decisions} == {(("climate", "energy"), "Lan", "why")}
    with pytest.raises(InputError, match=r"annotations is None; expected a list: an export, not the tasks that were handed out"):
        exports.read(tmp_path / "out" / "tasks.json", AREAS)


def fill_in(file: Path, column: str, value: str) -> None:
    """Writes the same value into a column of every row, as a person does in a spreadsheet."""
    with file.open(encoding="utf-8-sig", newline="") as opened:
        names, *rows = csv.reader(opened)
    with file.open("w", encoding="utf-8-sig", newline="") as opened:
        csv.writer(opened).writerows([names, *([value if name == column else cell for name, cell in zip(names, row, strict=True)]
                                               for row in rows)])  # fmt: skip


# ------------------------------------------------------------------------------------------------------- refusals

BAD_DATA = {
    "article": ["../x", "/etc/passwd", "vi/..", "vi/.", "vi\\a", "vi/a\0", "vi/a/b", "xx/a", "vi/A", "vi/-a", "vi/" + "a" * 101,
                "v" * 10**6, 5, ["vi/a"]],
    "lang": ["xx", "en", 5, "vi\nkind: speech"],
    "date": ["31/05/2024", "2024-13", "2024-02-31", "2024-05-31x", "soon", 2024, "0024"],
    "kind": ["poem", 1],
    "sentence": ["x", -2, 1.5, True, 10**400, [0], "1e3"],
    "text": ["", "  ", None, 5, ["a"], "a\nb", "a\rb", "a\u2028b", "a\0b", "a\x1b[2Jb", "x" * 10**6, "a\ud800b"],
    "source": ["a\nb", "x" * 5000, {}],
    "parties": ["A, B\nlang: en", ["A"]],
    "before": ["x\ny", 0],
    "settles": ["perhaps", [], 2],
    "schema": ["cooptag-2", 1],
}  # fmt: skip
BAD_RESULTS: list[Any] = [
    None, {}, [None], [{}], [choices("areas", "oceans")], [choices("areas", 5)], [choices("areas", ["energy"])],
    [choices("areas", "energy", "energy")], [choices("areas", *["energy"] * 10**6)], [choices("topics", "energy")],
    [choices("areas", "energy"), choices("areas", "climate")], [choices("areas", "energy"), choices("none_reason", "general")],
    [choices("none_reason", "bored")], [choices("none_reason", "general", "praise")], [{**choices("areas", "energy"), "type": "labels"}],
    [{**choices("areas"), "value": {"text": "energy"}}],
]  # fmt: skip
BAD_ANSWERS: list[Any] = [
    None, 5, "x", {}, annotation(by=None), annotation(by=True), annotation(by={}), annotation(by=[1]), annotation(by={"email": [1]}),
    annotation(by="a\nb"), annotation(by="x" * 300), annotation(at="yesterday"), annotation(at="2026-02-30T00:00:00"),
    {**annotation(), "updated_at": 7}, annotation(was_cancelled="perhaps"), *[{**annotation(), "result": result} for result in BAD_RESULTS],
]  # fmt: skip
BAD_ROWS: list[Any] = [
    {"text": EN}, {"label": ["energy"]},
    *[{"text": EN, "label": label} for label in ([[0, 7, "energy"]], [{"start_offset": 0, "label": "energy"}], [1], "oceans", 5)],
    *[{"text": EN, "areas": areas} for areas in ('{"choices": ["energy"', '["energy", "energy"]', ["energy"] * 10**6)],
    *[{"text": EN, "areas": "energy", **more} for more in ({"label": ["climate"]}, {"none_reason": "general"}, {"skipped": "maybe"},
                                                           {"at": "5/31/2024"}, {"by": True})],
]  # fmt: skip
BAD_RECORDS = [
    *[task(annotation(), **{key: value}) for key, values in BAD_DATA.items() for value in values],
    *[task(answer) for answer in BAD_ANSWERS],
    *BAD_ROWS,
    {**task(), "annotations": None}, {**task(), "annotations": {}}, {**task(annotation()), "data": None}, {"data": DATA},
    None, 5, "x", [], {},
]  # fmt: skip


@pytest.mark.parametrize("record", BAD_RECORDS, ids=lambda record: repr(record)[:60])
def test_a_bad_item_is_named_and_refuses_the_file(tmp_path: Path, record: Any) -> None:
    with pytest.raises(InputError, match="export: item 2") as caught:
        read(tmp_path, [task(annotation(), text=EN, article="", lang="en"), record])
    message = str(caught.value)
    assert "expected" in message and len(message) < 1000 and message.isprintable(), "one short line, safe on a terminal"


BAD_FILES: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n\xef\xbb\xbf",
    "an empty list": b"[]",
    "nothing labelled": json.dumps([task()]).encode(),
    "truncated": json.dumps([task(annotation())]).encode()[:-40],
    "truncated line": b'{"text": "a"',
    "NaN": json.dumps([{"text": EN, "label": [], "score": float("nan")}]).encode(),
    "a key twice": f'[{{"text": "{EN}", "label": [], "label": ["energy"]}}]'.encode(),
    "deep": b"[" * 200_000,
    "deep line": b'{"text":' * 200_000,
    "5000 digits": json.dumps([{"text": EN, "label": [], "id": 0}]).replace("0", "9" * 5000).encode(),
    "not UTF-8": b'[{"text": "\xff\xfe\xfd\xfc"}]',
    "half of a character": '[{"text": "ế'.encode()[:-1],
    "legacy encoding": ("text,areas\n" + f"{VI},energy\n" * 3).encode("cp1258", "replace"),
    "NUL": f"text,areas\n{EN}\0,energy\n".encode(),
    "a web page": b"<!DOCTYPE html><html><body><p>text,areas</p></body></html>",
    "pickle": pickle.dumps([{"text": EN, "areas": "energy"}]),
    "old pickle": pickle.dumps([{"text": EN, "areas": "energy"}], protocol=0),
    "other columns": f"sentence,labels\n{EN},energy\n".encode(),
    "a column twice": f"text,areas,areas\n{EN},energy,energy\n".encode(),
    "too few cells": f"text,areas\n{EN}\n".encode(),
    "too many cells": f"text,areas\n{EN},energy,climate\n".encode(),
    "an open quote": f'text,areas\n{EN},"energy\n'.encode(),
    "a bare CR": f"text,areas\r{EN},energy\r".encode(),
    "a line break in a text": f'text,areas\n"{EN}\n{EN}",energy\n'.encode(),
    "a huge cell": b"text,areas\n" + b"x" * 2_000_000 + b",energy\n",
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"export:.*expected") as caught:
        read(tmp_path, BAD_FILES[name])
    assert len(str(caught.value)) < 1000 and str(caught.value).isprintable()


def test_files_that_are_none(tmp_path: Path) -> None:
    packed = tmp_path / "export.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("export.json", "[]")
    with pytest.raises(InputError, match=r"is a \.zip or \.xlsx file; .* save the sheet as CSV"):
        exports.read(packed, AREAS)
    for file in (tmp_path, tmp_path / "none.json", Path("/dev/zero"), tmp_path / ("x" * 300), Path("a\0b")):
        with pytest.raises(InputError, match="expected an export of Label Studio"):
            exports.read(file, AREAS)


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MAX_FILE", 1000)
    with pytest.raises(InputError, match="has over 1000 bytes"):
        read(tmp_path, [task(annotation())] * 5)


def test_problems_are_gathered(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, [task(annotation(), kind="poem"), task(annotation()), *[task(annotation(), lang="xx")] * 30])
    message = str(caught.value)
    assert message.count("export: item") == exports.MAX_PROBLEMS and "item 2 " not in message


def test_article_ids_fit_the_corpus() -> None:
    folder = Path(__file__).resolve().parents[2] / "training" / "corpus"
    ids = [f"{file.parent.name}/{file.stem}" for file in folder.glob("*/*.txt")]
    assert ids and [id for id in ids if not ARTICLE_ID.fullmatch(id)] == []


# ------------------------------------------------------------------------------------------------- whatever comes

KEYS = [
    *DATA, "id", "annotations", "data", "areas", "label", "labels", "by", "annotator", "annotation_id", "result", "from_name", "type",
    "value", "choices", "completed_by", "updated_at", "was_cancelled", "none_reason", "skipped", "meta", "metadata", "at",
]  # fmt: skip
WORDS = st.text(max_size=20) | st.sampled_from([*map(str, DATA.values()), *AREAS])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS
KEYED = st.sampled_from(KEYS)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYED, inner, max_size=6), max_leaves=20)
CHANGES = st.dictionaries(st.sampled_from(list(annotation())), VALUES, max_size=2)
RESULTS = st.lists(st.sampled_from(AREAS), max_size=2).map(lambda ids: choices("areas", *ids)) | VALUES
ANSWERS = VALUES | st.builds(lambda changes, result: {**annotation(result), **changes}, CHANGES, RESULTS)
ROWS = st.builds(lambda labels, more: {"text": EN, "label": labels, **more}, VALUES | st.lists(st.sampled_from(AREAS), max_size=3),
                 st.dictionaries(KEYED, VALUES, max_size=2))  # fmt: skip
TASKS = st.builds(lambda answers, data: task(*answers, **data), st.lists(ANSWERS, max_size=2),
                  st.dictionaries(st.sampled_from(list(DATA)), VALUES, max_size=2))  # fmt: skip
RECORDS = VALUES | ROWS | TASKS


def accepted(file: Path, raw: bytes) -> list[Decision]:
    file.write_bytes(raw)
    try:
        return exports.read(file, AREAS, "Lan")
    except InputError as error:
        assert str(error).isprintable(), str(error)
        return []


def check(decision: Decision) -> None:
    item = decision.item
    assert item.article == "" or ARTICLE_ID.fullmatch(item.article)
    assert item.text == item.text.strip() != "" and "\n" not in item.text and item.text.encode()
    assert set(decision.areas) <= set(AREAS) and not (decision.areas and (decision.none_reason or decision.skipped))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(RECORDS, min_size=1, max_size=3))
def test_any_json_is_read_or_refused(tmp_path: Path, records: list[Any]) -> None:
    for raw in (json.dumps(records).encode(), "\n".join(map(json.dumps, records)).encode()):
        for decision in accepted(tmp_path / "export", raw):
            check(decision)


TABLES = st.lists(st.lists(WORDS | st.just(EN), min_size=2, max_size=3).map(",".join), max_size=4)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | TABLES.map(lambda rows: "\n".join(["text,areas", *rows]).encode("utf8", "surrogatepass")))
def test_any_bytes_are_read_or_refused(tmp_path: Path, raw: bytes) -> None:
    for decision in accepted(tmp_path / "export", raw):
        check(decision)
