"""Labelled rows to a `datasets` folder: Parquet shards, a dataset card, a content hash.

Rows come from the corpus, from a folder built before, or from anybody's JSONL of `text, labels`.
"""

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cooptag.artifact import write_durably
from cooptag.errors import InputError
from cooptag.text import base_code, detect_language, unsupported_language
from cooptag_training import jsonl
from cooptag_training import split as splitting
from cooptag_training.corpus import Article
from cooptag_training.split import SPLITS, Row

if TYPE_CHECKING:
    import datasets

LICENSE = "cc-by-4.0"


def from_articles(articles: Sequence[Article]) -> list[Row]:
    """The corpus as rows; the article is the group."""
    return [
        Row(
            f"{article.id}:{s.line}",
            s.text,
            s.areas,
            article.lang,
            article.id,
            kind=article.kind,
            none_reason=s.none_reason,
        )
        for article in articles
        for s in article.sentences
    ]


def from_jsonl(file: Path) -> list[Row]:
    """Anybody's labels: one object a line with `text` and `labels` (or `areas`), and optionally `group`, `lang`, `split`.

    :raises InputError: naming the line, what it holds and what was expected.
    """
    expected = 'a dataset folder, or lines such as {"text": "…", "labels": ["…"]}'
    return [_row(f"{file}:{number}", number, data) for number, data in jsonl.read(file, expected)]


def _row(where: str, number: int, data: Mapping[str, Any]) -> Row:
    if not isinstance(data.get("text"), str) or not data["text"].strip():
        raise InputError(f"{where}: expected an object with a text that is not empty")
    labels = data.get("labels", data.get("areas"))
    if not isinstance(labels, list) or not all(isinstance(x, str) and x for x in labels):
        raise InputError(f"{where}: labels is {labels!r}; expected a list of names, [] for none")
    for key in ("group", "lang", "split"):
        if not isinstance(data.get(key, ""), str):
            raise InputError(f"{where}: {key} is {data[key]!r}; expected text")
    split = data.get("split", "")
    if split not in ("", *SPLITS):
        raise InputError(f"{where}: split is {split!r}; expected one of {', '.join(SPLITS)}")
    lang = base_code(data.get("lang") or unsupported_language(data["text"]) or detect_language(data["text"]))
    return Row(f"{number}", data["text"], tuple(sorted(set(labels))), lang, data.get("group") or f"row {number}", split)


def split_rows(rows: Sequence[Row], seed: int) -> list[Row]:
    """Rows with their split, in the order of the splits: as given if every row has one, else assigned; checked for leaks either way.

    :raises InputError: if only some rows name a split, or a check fails.
    """
    given = sum(bool(row.split) for row in rows)
    if given not in (0, len(rows)):
        raise InputError(f"{given} of {len(rows)} rows name a split; expected all or none")
    splits = [row.split for row in rows] if given else splitting.assign(rows, seed)
    if missing := [name for name in ("train", "validation") if name not in splits]:
        raise InputError(f"no row is of split {', '.join(missing)}; expected train and validation, and test for an honest score")
    splitting.check(rows, splits)
    placed = [replace(row, split=split) for row, split in zip(rows, splits, strict=True)]
    return sorted(placed, key=lambda row: SPLITS.index(row.split))  # the order in which a saved folder reads back


def label_names(rows: Sequence[Row]) -> list[str]:
    """The label set of rows without an area file: the labels of the training split, sorted.

    :raises InputError: if another split has a label that training never shows.
    """
    known = {label for row in rows if row.split == "train" for label in row.labels}
    unseen = sorted({label for row in rows for label in row.labels} - known)
    if unseen:
        raise InputError(f"labels {', '.join(unseen[:5])} are in no training row; a label needs training rows, or leave it out")
    if not known:
        raise InputError("no training row has a label; expected some rows with labels")
    return sorted(known)


def content_hash(rows: Sequence[Row], labels: Sequence[str]) -> str:
    """SHA-256 over the label set and every row with its split, in order: the identity of a dataset."""
    digest = hashlib.sha256(json.dumps(list(labels)).encode())
    for row in rows:
        digest.update(json.dumps(asdict(row), ensure_ascii=False, sort_keys=True).encode("utf8", "surrogatepass"))
    return digest.hexdigest()


def save(rows: Sequence[Row], labels: Sequence[str], folder: Path, source: str) -> str:
    """Writes the dataset folder that `datasets.load_dataset(folder)` reads; returns its content hash."""
    digest = content_hash(rows, labels)
    if folder.exists() and not (folder / "README.md").is_file() and any(folder.iterdir()):
        raise InputError(f"{folder}: exists and is no dataset folder; choose another --out")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as scratch:
        new = Path(scratch) / "new"
        (new / "data").mkdir(parents=True)
        for name, part in to_datasets(rows, labels).items():
            part.to_parquet(str(new / "data" / f"{name}-00000-of-00001.parquet"))
        write_durably(new / "README.md", _card(rows, labels, digest, source).encode("utf8"))
        if folder.exists():
            folder.rename(Path(scratch) / "old")
        new.rename(folder)
    return digest


def to_datasets(rows: Sequence[Row], labels: Sequence[str]) -> "dict[str, datasets.Dataset]":
    """One `datasets.Dataset` for each split that has rows; `labels` is a list of `ClassLabel`."""
    import datasets

    features = datasets.Features({
        "id": datasets.Value("string"),
        "text": datasets.Value("string"),
        "labels": datasets.Sequence(datasets.ClassLabel(names=list(labels))),
        "lang": datasets.Value("string"),
        "group": datasets.Value("string"),
        "kind": datasets.Value("string"),
        "none_reason": datasets.Value("string"),
    })  # fmt: skip
    number = {label: i for i, label in enumerate(labels)}
    parts = {}
    for name in SPLITS:
        members = [row for row in rows if row.split == name]
        if not members:  # a small corpus sets none aside to test on, and an empty shard cannot be read
            continue
        columns = {key: [getattr(row, key) for row in members] for key in features if key != "labels"}
        columns["labels"] = [[number[label] for label in row.labels] for row in members]
        parts[name] = datasets.Dataset.from_dict(columns, features=features)
    return parts


def load(folder: Path) -> tuple[list[Row], list[str]]:
    """The rows and label set of a folder that `save` wrote.

    :raises InputError: if a shard is missing, damaged, or its content is not what the card's hash says.
    """
    import datasets

    rows: list[Row] = []
    labels: list[str] = []
    for name in SPLITS:
        shard = folder / "data" / f"{name}-00000-of-00001.parquet"
        if name == "test" and not shard.exists():  # the hash below tells if it was there
            continue
        try:
            part = datasets.Dataset.from_parquet(str(shard), keep_in_memory=True)
            labels = part.features["labels"].feature.names
        except Exception as error:  # pyarrow's and datasets' errors share no base class
            raise InputError(f"{shard}: cannot be read ({type(error).__name__}); run `cooptag-train build` again") from error
        rows.extend(_from_record(record, labels, name) for record in part)
    found = content_hash(rows, labels)
    card = folder / "README.md"
    if not card.is_file() or f"content_hash: {found}" not in card.read_text(encoding="utf8"):
        raise InputError(f"{folder}: its rows have hash {found}, not the card's; run `cooptag-train build` again")
    return rows, labels


def _from_record(record: dict[str, Any], labels: Sequence[str], split: str) -> Row:
    fields = {key: record[key] for key in ("id", "text", "lang", "group", "kind", "none_reason")}
    return Row(**fields, labels=tuple(labels[i] for i in record["labels"]), split=split)


def _card(rows: Sequence[Row], labels: Sequence[str], digest: str, source: str) -> str:
    counts = Counter(row.split for row in rows)
    langs = Counter(row.lang for row in rows)
    files = "\n".join(f"  - split: {name}\n    path: data/{name}-*.parquet" for name in SPLITS if counts[name])
    return (
        f"---\nlicense: {LICENSE}\ntask_categories: [text-classification]\ntask_ids: [multi-label-classification]\n"
        f"language: [{', '.join(sorted(langs))}]\ncontent_hash: {digest}\n"
        f"configs:\n- config_name: default\n  data_files:\n{files}\n---\n\n"
        f"# Sentences labelled with cooperation areas\n\nBuilt by `cooptag-train build` from {source}. "
        "Split by article and near-duplicate; each area in every split.\n\n" + "".join(_table(rows, labels, counts, langs))
    )


def _table(rows: Sequence[Row], labels: Sequence[str], counts: Counter[str], langs: Counter[str]) -> Iterator[str]:
    yield "| split | sentences |\n| --- | --- |\n" + "".join(f"| {name} | {counts[name]} |\n" for name in SPLITS)
    yield "\n| language | sentences |\n| --- | --- |\n" + "".join(f"| {lang} | {n} |\n" for lang, n in langs.most_common())
    yield "\n| area | " + " | ".join(SPLITS) + " |\n| --- | --- | --- | --- |\n"
    by_area = Counter((label, row.split) for row in rows for label in row.labels)
    for label in labels:
        yield f"| {label} | " + " | ".join(str(by_area[label, name]) for name in SPLITS) + " |\n"
