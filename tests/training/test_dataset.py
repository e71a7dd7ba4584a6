"""Rows in and out: JSONL of strangers, the Parquet folder, its card and hash."""

import json
from pathlib import Path

import pytest

from cooptag.errors import InputError
from cooptag_training import dataset
from cooptag_training import jsonl as json_lines
from cooptag_training.split import SPLITS, Row

ROWS = [
    Row("1", "Hai bên hợp tác về khí hậu.", ("climate",), "vi", "a", "train", "news_report", ""),
    Row("2", "They met.", (), "en", "b", "train", "news_report", "procedure"),
    Row("3", "Trade and energy.", ("energy", "trade"), "en", "c", "validation", "lead", ""),
    Row("4", "Energy.", ("energy",), "en", "d", "test", "lead", ""),
]
LABELS = ["climate", "energy", "trade"]


def test_a_saved_folder_reads_back_the_same(tmp_path: Path) -> None:
    digest = dataset.save(ROWS, LABELS, tmp_path / "out", "tests")
    rows, labels = dataset.load(tmp_path / "out")
    assert (rows, labels) == (ROWS, LABELS)
    assert dataset.content_hash(rows, labels) == digest


def test_the_folder_is_a_hugging_face_dataset_with_class_labels(tmp_path: Path) -> None:
    import datasets

    dataset.save(ROWS, LABELS, tmp_path / "out", "tests")
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert list(loaded) == list(SPLITS)
    assert loaded["train"].features["labels"].feature.names == LABELS
    assert loaded["validation"][0]["labels"] == [1, 2]
    assert "content_hash" in (tmp_path / "out/README.md").read_text()


def test_the_hash_sees_text_labels_split_and_order() -> None:
    base = dataset.content_hash(ROWS, LABELS)
    for change in ({"text": "x"}, {"labels": ()}, {"split": "test"}, {"lang": "fr"}):
        from dataclasses import replace

        assert dataset.content_hash([replace(ROWS[0], **change), *ROWS[1:]], LABELS) != base
    assert dataset.content_hash(ROWS[::-1], LABELS) != base


@pytest.mark.parametrize("damage", ["missing", "truncated", "card"])
def test_a_damaged_folder_is_refused(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "out"
    dataset.save(ROWS, LABELS, folder, "tests")
    shard = folder / "data/test-00000-of-00001.parquet"
    if damage == "missing":
        shard.unlink()
    elif damage == "truncated":
        shard.write_bytes(shard.read_bytes()[:200])
    else:
        dataset.save(ROWS[:3], LABELS, tmp_path / "other", "tests")
        (folder / "README.md").write_bytes((tmp_path / "other/README.md").read_bytes())
    with pytest.raises(InputError, match="run `cooptag-train build` again"):
        dataset.load(folder)


def jsonl(tmp_path: Path, *lines: str | bytes) -> Path:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode("utf8") for line in lines))
    return file


def test_jsonl_takes_bom_crlf_blank_lines_and_optional_fields(tmp_path: Path) -> None:
    file = jsonl(
        tmp_path,
        b'\xef\xbb\xbf{"text": "Hop tac", "labels": ["b", "a", "b"]}\r',
        "",
        '{"text": "x", "labels": [], "lang": "fr", "group": "g"}',
    )
    first, second = dataset.from_jsonl(file)
    assert first.labels == ("a", "b") and first.group == "row 1"
    assert (second.labels, second.lang, second.group) == ((), "fr", "g")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("not json", "is not a JSON object"),
        (b'{"text": "\xff", "labels": []}', "is not a JSON object in UTF-8"),
        ("[" * 200_000, "is not a JSON object"),
        ('{"text": "a", "text": "b", "labels": []}', "a key stands twice"),
        ('{"text": null, "labels": []}', "a text that is not empty"),
        ('{"text": "  ", "labels": []}', "a text that is not empty"),
        ('["text"]', "is list, not a JSON object"),
        ('{"text": "a"}', "labels is None"),
        ('{"text": "a", "labels": "climate"}', "labels is 'climate'"),
        ('{"text": "a", "labels": [1]}', r"labels is \[1\]"),
        ('{"text": "a", "labels": [], "split": "dev"}', "split is 'dev'"),
        ('{"text": "a", "labels": [], "lang": 5}', "lang is 5"),
    ],
)
def test_a_bad_line_is_named_with_what_was_expected(tmp_path: Path, line: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        dataset.from_jsonl(jsonl(tmp_path, '{"text": "ok", "labels": []}', line))
    assert "rows.jsonl:2:" in str(caught.value)


def test_an_empty_file_and_half_given_splits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no line"):
        dataset.from_jsonl(jsonl(tmp_path, ""))
    with pytest.raises(InputError, match="1 of 2 rows name a split"):
        dataset.split_rows([ROWS[0], Row("9", "x", (), "en", "z")], 1)


@pytest.mark.parametrize("lost", ["train", "validation"])
def test_data_without_training_or_validation_rows_is_refused(lost: str) -> None:
    from dataclasses import replace

    rows = [replace(row, split="test") if row.split == lost else row for row in ROWS]
    with pytest.raises(InputError, match=f"no row is of split {lost}"):
        dataset.split_rows(rows, 1)


def test_data_without_any_label_is_refused() -> None:
    from dataclasses import replace

    with pytest.raises(InputError, match="no training row has a label"):
        dataset.label_names([replace(row, labels=()) for row in ROWS])


def test_a_folder_of_other_things_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="exists and is no dataset folder"):
        dataset.save(ROWS, LABELS, tmp_path, "tests")
    assert (tmp_path / "thesis.txt").exists()


def test_a_label_that_training_never_shows_is_refused() -> None:
    with pytest.raises(InputError, match="labels energy, trade are in no training row"):
        dataset.label_names(ROWS)


def test_rows_are_written_a_line_each_into_a_new_folder_and_nothing_is_lost(tmp_path: Path) -> None:
    rows = [{"id": "1", "text": "Hợp tác"}, {"id": "2", "text": "broken \ud800 and\u2028parted"}]
    json_lines.write(tmp_path / "sub" / "suspects.jsonl", rows)
    assert [json.loads(line) for line in (tmp_path / "sub" / "suspects.jsonl").read_text(encoding="utf8").split("\n")[:-1]] == rows
