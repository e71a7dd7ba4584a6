"""What people decided, read from exports: of Label Studio (JSON, JSON-MIN, CSV), doccano (JSON or JSON lines) or a spreadsheet (CSV).

A file is told by its content: a list or lines of JSON objects, or a table. Each of its records is a Label Studio task with
annotations, or flat: an item's fields with one person's areas beside them. A file is read whole or refused whole.
"""

import csv
import io
import re
import reprlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cooptag.errors import InputError, UsageError
from cooptag.jobs import formats, streams
from cooptag.jobs.readers import date_of, parse_json
from cooptag.text import LANGUAGES, MAX_SENTENCE, base_code, detect_language, unsupported_language
from cooptag_training import jsonl
from cooptag_training.annotation import Decision, Item
from cooptag_training.corpus import KINDS, NONE_REASONS
from cooptag_training.labelstudio import SCHEMA

# To be matched whole. No two ids are one file where letter case is ignored, and none leads out of the corpus folder.
ARTICLE_ID: Final = re.compile(rf"({'|'.join(LANGUAGES)})/([a-z0-9][a-z0-9-]{{0,99}})")
MAX_FILE: Final = 100_000_000  # bytes
MAX_TEXT: Final = 3 * MAX_SENTENCE  # code points: a decomposed Vietnamese vowel has up to three
MAX_FIELD: Final = 4_000  # code points of any other field
MAX_NAME: Final = 200  # code points of a person's name
MAX_PROBLEMS: Final = 20
EXPECTED: Final = (
    "an export of Label Studio (JSON, JSON-MIN, CSV) or doccano (JSONL), or a CSV file in UTF-8 or UTF-16 with columns text and areas"
)
_OF_TASK = ("settles", "why", "context")  # what an answer takes from its task
_LABELS = ("areas", "label", "labels")
_FLAGS = {"": False, "no": False, "false": False, "0": False, "yes": True, "true": True, "1": True, "x": True}
# What no line of a corpus file may hold: controls and line breaks but for the tab, and halves of surrogate pairs.
_NOT_IN_A_LINE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_show = reprlib.Repr()
_show.maxstring = _show.maxother = 60


def read(file: Path, areas: Collection[str], by: str = "") -> list[Decision]:
    """The decisions in an export, in its order, one for each person and item: what each person said last of it.

    Drafts, predictions and items that nobody labelled give none. An item without `article` (a foreign export) has the article "",
    and without `lang` the language that its text is found to be in.

    :param areas: the known area ids. :param by: who labelled, where the file does not say.
    :raises InputError: if anything is wrong: with at most 20 problems, each naming the file, the item, the value and what was expected.
    """
    known = frozenset(areas)
    decisions: list[Decision] = []
    problems: list[str] = []
    for where, record in _records(file):
        try:
            decisions += _decisions(where, record, known, by)
        except ValueError as error:
            problems.append(f"{where}: {error}")
            if len(problems) == MAX_PROBLEMS:
                break
    if problems:
        raise InputError("; ".join(problems))
    if not decisions:
        raise InputError(f"{file}: holds no labelled item; expected {EXPECTED}, with at least one answer")
    return _latest(decisions)


def named(decisions: Iterable[Decision], people: Iterable[str]) -> list[Decision]:
    """The decisions with the names of people of whom Label Studio exports the number alone.

    :param people: each as "7=lan@example.org". :raises UsageError: if one is not written so.
    """
    names = {}
    for person in people:
        number, equals, name = person.partition("=")
        if not (re.fullmatch("[0-9]{1,18}", number) and equals and name.strip()):
            raise UsageError(f"--person is {person!r}; expected a user's number and name, such as 7=lan@example.org")
        try:
            names[f"user {int(number)}"] = _line("name", name, MAX_NAME)
        except ValueError as error:
            raise UsageError(f"--person: {error}") from error
    return [replace(decision, by=names.get(decision.by, decision.by)) for decision in decisions]


def _latest(decisions: Collection[Decision]) -> list[Decision]:
    """What each person said last of each item, in the order of the items' first decisions; `where` tells if there were others."""
    groups: dict[tuple[Any, ...], list[Decision]] = {}
    for decision in decisions:
        item = decision.item
        groups.setdefault((item.article, item.sentence, item.text, decision.settles, decision.by), []).append(decision)
    return [last_of(group) for group in groups.values()]


def last_of(group: Sequence[Decision]) -> Decision:
    """What a person said last of an item, of all that the person said of it.

    :raises InputError: if the person said two things of it and nothing tells which came last.
    """
    if len(group) == 1:
        return group[0]
    times = [moment(decision.at, decision.where) for decision in group]
    *others, last = (decision for decision, time in zip(group, times, strict=True) if time == max(times))
    for other in others:
        if (other.areas, other.none_reason, other.skipped) != (last.areas, last.none_reason, last.skipped):
            raise InputError(
                f"{last.where}: {last.by!r} says {_said(last)} of {last.item.text[:40]!r}…, and {_said(other)} at {other.where}; "
                "expected one answer, or times (at) that tell which came last"
            )
    return replace(last, where=f"{last.where} (the latest of {len(group)})")


def _said(decision: Decision) -> str:
    return "nothing" if decision.skipped else ", ".join(decision.areas) or f"none {decision.none_reason}".strip()


def moment(at: str, where: str) -> datetime:
    """A time that can be compared with every other: without a zone it is UTC, and none is before all others.

    :raises InputError: if it is no time, naming `where` it stands.
    """
    try:
        return _time(at)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def _time(at: str) -> datetime:
    try:
        time = datetime.fromisoformat(at) if at else datetime.min
    except ValueError as error:
        raise ValueError(f"{_show.repr(at)} is no ISO 8601 time; expected one such as 2024-05-31T09:30:00Z") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


# ------------------------------------------------------------------------------------------------ files to records


def _records(file: Path) -> Iterator[tuple[str, Any]]:
    """Each record of a file, and where it stands."""
    text = _text(file)
    start = text.lstrip()[:1]
    if start == "[":
        return _listed(file, text)
    if start == "{":
        return ((f"{file}:{number}", record) for number, record in jsonl.read(file, EXPECTED))
    return _table(file, text)


def _text(file: Path) -> str:
    raw = _bytes(file)
    if raw.startswith(b"PK\3\4"):
        raise InputError(f"{file}: is a .zip or .xlsx file; expected {EXPECTED}: unpack it, or save the sheet as CSV")
    encoding = streams.detect(raw[: streams.SAMPLE])
    if encoding not in ("utf-8", "utf-16", "utf-32"):  # a guess may be wrong, and the text would get into the corpus
        raise InputError(f"{file}: seems to be {encoding}; expected {EXPECTED}: save it as UTF-8")
    try:
        text = raw.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: is not {encoding} at byte {error.start + 1}; expected {EXPECTED}") from error
    if not text.strip():
        raise InputError(f"{file}: is empty; expected {EXPECTED}")
    return text


def _bytes(file: Path) -> bytes:
    try:
        if not file.is_file():  # a pipe or a device might have no end
            raise InputError(f"{file}: is no file; expected {EXPECTED}")
        with file.open("rb") as opened:
            raw = opened.read(MAX_FILE + 1)
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); expected {EXPECTED}") from error
    if len(raw) > MAX_FILE:
        raise InputError(f"{file}: has over {MAX_FILE} bytes; expected at most that, export fewer items at a time")
    return raw


def _listed(file: Path, text: str) -> Iterator[tuple[str, Any]]:
    try:
        records = parse_json(text)
    except ValueError as error:
        raise InputError(f"{file}: is not JSON ({error}); expected {EXPECTED}") from error
    for number, record in enumerate(records, start=1):
        named = isinstance(record, dict) and isinstance(record.get("id"), str | int)
        yield f"{file}: item {number}" + (f" (id {_show.repr(record['id'])})" if named else ""), record


def _table(file: Path, text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a table, numbered as a spreadsheet does; where the delimiter is not a comma, the header tells."""
    number = 0
    try:
        names, delimiter = _header(file, text)
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        for number, cells in enumerate(rows, start=1):
            if number == 1 or not "".join(cells).strip():
                continue
            if len(cells) != len(names):
                raise InputError(f"{file}: row {number} has {len(cells)} cells; expected {len(names)}, as many as columns")
            yield f"{file}: row {number}", dict(zip(names, map(_unguarded, cells), strict=True))
    except csv.Error as error:
        raise InputError(f"{file}: row {number + 1} cannot be read ({error}); expected cells whose quotes match") from error


def _header(file: Path, text: str) -> tuple[list[str], str]:
    line = text.split("\n", 1)[0]
    headers = {d: [name.strip().lower() for name in next(csv.reader([line], delimiter=d), [])] for d in ",;\t|"}
    delimiter = max(headers, key=lambda d: ("text" in headers[d], len(headers[d])))
    names = headers[delimiter]
    if "text" not in names:
        raise InputError(f"{file}: begins with {_show.repr(line.strip())}; expected {EXPECTED}")
    if twice := {name for name in names if name and names.count(name) > 1}:
        raise InputError(f"{file}: has column {min(twice)!r} twice; expected it once")
    return names, delimiter


def _unguarded(cell: str) -> str:
    """A cell without the apostrophe that keeps a spreadsheet from running it."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(formats.FORMULA) else cell


# -------------------------------------------------------------------------------------------- records to decisions


def _decisions(where: str, record: Any, areas: frozenset[str], by: str) -> list[Decision]:
    if not isinstance(record, dict):
        raise ValueError(f"is {_show.repr(record)}; expected an object")
    if "annotations" in record or isinstance(record.get("data"), dict):
        return list(_of_task(where, record, areas, by))
    return _of_row(where, record, areas, by)


def _of_task(where: str, task: Mapping[str, Any], areas: frozenset[str], by: str) -> Iterator[Decision]:
    """A Label Studio task: a decision for each annotation, none for its drafts and predictions."""
    data, annotations = task.get("data"), task.get("annotations")
    if not isinstance(data, dict):
        raise ValueError(f"data is {_show.repr(data)}; expected an object with a text")
    item = _item(data)
    if not isinstance(annotations, list):
        raise ValueError(f"annotations is {_show.repr(annotations)}; expected a list: an export, not the tasks that were handed out")
    for number, annotation in enumerate(annotations, start=1):
        try:
            answer = {key: data.get(key) for key in _OF_TASK} | _answer(annotation, by)
            yield _decision(f"{where}, annotation {number}", item, answer, areas)
        except ValueError as error:
            raise ValueError(f"annotation {number}: {error}") from error


def _answer(annotation: Any, by: str) -> dict[str, Any]:
    """What an annotation says, under the names that a flat record has."""
    if not isinstance(annotation, dict):
        raise ValueError(f"is {_show.repr(annotation)}; expected an object")
    name = _who(annotation.get("completed_by")) or by
    at = annotation.get("updated_at") or annotation.get("created_at")
    return {"by": name, "at": at, "skipped": annotation.get("was_cancelled"), **_results(annotation.get("result"))}


def _results(results: Any) -> dict[str, Any]:
    """The values of an annotation's controls, `areas` and `none_reason`."""
    if not isinstance(results, list):
        raise ValueError(f"result is {_show.repr(results)}; expected a list")
    found: dict[str, Any] = {}
    for result in results:
        name = result.get("from_name") if isinstance(result, dict) else None
        if name not in ("areas", "none_reason") or result.get("type") != "choices":
            raise ValueError(f"result holds {_show.repr(result)}; expected choices from_name areas or none_reason")
        if name in found:
            raise ValueError(f"result holds {name} twice; expected it once")
        found[name] = result.get("value")
    return found


def _of_row(where: str, row: Mapping[str, Any], areas: frozenset[str], by: str) -> list[Decision]:
    """A flat record: one decision, or none where Label Studio or our own table lists a task that nobody labelled."""
    meta = row.get("metadata") or row.get("meta")
    row = {**(meta if isinstance(meta, dict) else {}), **row}
    item = _item(row)
    annotated = "annotation_id" in row  # in Label Studio's flat exports; they leave areas out where none is chosen
    if annotated and row["annotation_id"] in (None, ""):
        return []
    if row.get("schema") == SCHEMA and row.get("by") == "":  # our own table: who labelled a row fills it in
        return []
    given = [key for key in _LABELS if key in row]
    if len(given) > 1 or not (given or annotated):
        raise ValueError(f"has {' and '.join(given) or 'no areas'}; expected one of {', '.join(_LABELS)}")
    answer = {
        "areas": row[given[0]] if given else None,
        "by": _who(_first(row, "by", "annotator", "user", "username")) or by,
        "at": _first(row, "at", "updated_at", "created_at"),
        **{key: row.get(key) for key in ("none_reason", "skipped", *_OF_TASK)},
    }
    return [_decision(where, item, answer, areas)]


def _first(row: Mapping[str, Any], *keys: str) -> Any:
    return next((row[key] for key in keys if row.get(key) not in (None, "")), None)


def _who(value: Any) -> str:
    """The email of a person, or "user 7" of one that has a number alone; "" for None."""
    if isinstance(value, dict):
        value = value.get("email") or value.get("id")
    if isinstance(value, str):
        value = int(value) if re.fullmatch(r"[0-9]{1,18}", value) else value
    if isinstance(value, bool) or not isinstance(value, str | int | None):
        raise ValueError(f"is by {_show.repr(value)}; expected an email, a name or a number")
    return _line("by", f"user {value}" if isinstance(value, int) else value, MAX_NAME)


# ------------------------------------------------------------------------------------------------------ the checks


def _item(data: Mapping[str, Any]) -> Item:
    """The item that an export speaks of; every check of its fields is here.

    :raises ValueError: naming the field, its value and what was expected.
    """
    field = {key: _line(key, data.get(key)) for key in ("article", "lang", "date", "kind", "source", "parties", "before", "schema")}
    text = _line("text", data.get("text"), MAX_TEXT)
    if not text:
        raise ValueError(f"text is {_show.repr(data.get('text'))}; expected a sentence")
    if field["schema"] not in ("", SCHEMA):
        raise ValueError(f"schema is {_show.repr(field['schema'])}; expected {SCHEMA}")
    if field["article"] and not ARTICLE_ID.fullmatch(field["article"]):
        raise ValueError(f"article is {_show.repr(field['article'])}; expected an id such as vi/2019-asean-canada")
    if field["kind"] not in ("", *KINDS):
        raise ValueError(f"kind is {_show.repr(field['kind'])}; expected one of {', '.join(KINDS)}")
    if field["date"] != date_of(field["date"]):
        said = "expected 2024-05-31, 2024-05 or 2024 (in a spreadsheet: format the column as text)"
        raise ValueError(f"date is {_show.repr(field['date'])}; {said}")
    return Item(
        article=field["article"],
        text=text,
        lang=_language(field["lang"], field["article"], text),
        sentence=_sentence(data.get("sentence")),
        date=field["date"],
        kind=field["kind"] or Item.kind,
        source=field["source"],
        parties=tuple(party for name in field["parties"].split(",") if (party := name.strip())),
        before=field["before"],
    )


def _line(name: str, value: Any, most: int = MAX_FIELD) -> str:
    """A value that is text on one line, without spaces around it; "" for None."""
    if not isinstance(value, str | None):
        raise ValueError(f"{name} is {_show.repr(value)}; expected text")
    value = (value or "").strip()
    if len(value) > most:
        raise ValueError(f"{name} is {_show.repr(value)}, of {len(value)} characters; expected at most {most}")
    if found := _NOT_IN_A_LINE.search(value):
        raise ValueError(f"{name} is {_show.repr(value)} and holds {found[0]!r}; expected text on one line without control characters")
    return value


def _lines(name: str, value: Any) -> str:
    """A value that is text on any number of lines."""
    return "\n".join(_line(name, line) for line in value.split("\n")) if isinstance(value, str) else _line(name, value)


def _language(lang: str, article: str, text: str) -> str:
    home = article.partition("/")[0]
    found = base_code(lang) if lang else home or unsupported_language(text) or detect_language(text)
    if found not in LANGUAGES or (home and found != home):
        said = f"lang is {_show.repr(lang)}" if lang else f"the language of {_show.repr(text)} is found to be {found}; give it a lang"
        raise ValueError(f"{said}; expected {home or 'one of ' + ', '.join(LANGUAGES)}")
    return found


def _sentence(value: Any) -> int:
    if value is None or value == "":
        return Item.sentence
    if isinstance(value, bool) or not isinstance(value, str | int) or not re.fullmatch(r"-1|[0-9]{1,6}", str(value).strip()):
        raise ValueError(f"sentence is {_show.repr(value)}; expected its number in the article, from 0, or -1")
    return int(value)


def _decision(where: str, item: Item, answer: Mapping[str, Any], areas: frozenset[str]) -> Decision:
    """An answer (`by`, `at`, `areas`, `none_reason`, `skipped`, `settles`) as a decision; every check of it is here."""
    if not answer["by"]:
        raise ValueError("does not say who labelled it; expected a person's name: give it with --by")
    skipped, settles = (_flag(key, answer.get(key)) for key in ("skipped", "settles"))
    at, why = (_line(key, answer.get(key)) for key in ("at", "why"))
    context = _lines("context", answer.get("context"))
    _time(at)  # or it is refused here
    if skipped:
        return Decision(item, answer["by"], at, (), "", True, settles, where, why, context)
    chosen, reasons = _chosen("areas", answer.get("areas"), areas), _chosen("none_reason", answer.get("none_reason"), NONE_REASONS)
    if len(reasons) > 1 or (reasons and chosen):
        said = f"areas is {', '.join(chosen) or 'none'} and none_reason is {', '.join(reasons)}"
        raise ValueError(f"{said}; expected areas, or one reason why there is none")
    return Decision(item, answer["by"], at, chosen, "".join(reasons), False, settles, where, why, context)


def _flag(name: str, value: Any) -> bool:
    found = _FLAGS.get(str(value or "").strip().lower()) if isinstance(value, str | int | None) else None
    if found is None:
        raise ValueError(f"{name} is {_show.repr(value)}; expected yes or nothing")
    return found


def _chosen(name: str, value: Any, known: Collection[str]) -> tuple[str, ...]:
    """The ids that a value names, sorted: a list, Label Studio's {"choices": list}, either as JSON text, or ids between , ; | or #.

    The word "none" alone names none.
    """
    if isinstance(value, str):
        value = _listed_ids(name, value)
    if isinstance(value, dict):
        value = value.get("choices", value)
    ids = [] if value is None or value == ["none"] else value
    if not isinstance(ids, list):
        raise ValueError(f"{name} is {_show.repr(ids)}; expected a list of ids")
    for id in ids:
        if not isinstance(id, str):
            raise ValueError(f"{name} holds {_show.repr(id)}; expected ids, of the sentence as a whole and not of a part of it")
        if id not in known:
            raise ValueError(f"{name} holds {_show.repr(id)}, which is unknown; expected ids such as {', '.join(sorted(known)[:3])}")
    if len(set(ids)) != len(ids):
        raise ValueError(f"{name} is {_show.repr(ids)}; expected each once")
    return tuple(sorted(ids))


def _listed_ids(name: str, value: str) -> Any:
    if not value.lstrip().startswith(("{", "[")):
        return [id for part in re.split("[,;|#]", value) if (id := part.strip())]
    try:
        return parse_json(value)
    except ValueError as error:
        raise ValueError(f"{name} is {_show.repr(value)}, which {error}; expected ids") from error
