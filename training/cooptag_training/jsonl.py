"""JSON lines, read and written the same way by all that keep rows in them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cooptag.artifact import write_durably
from cooptag.errors import InputError
from cooptag.jobs.readers import parse_json


def read(file: Path, expected: str, keys: Iterable[str] = ()) -> Iterator[tuple[int, dict[str, Any]]]:
    """The number of each line that is not empty, from 1, and its object.

    :param expected: what the lines should hold, for the errors. :param keys: what each must have.
    :raises InputError: naming the line, what it holds and what was expected; also where there is no line.
    """
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); expected {expected}") from error
    if not any(map(bytes.strip, lines)):
        raise InputError(f"{file}: holds no line; expected {expected}")
    for number, raw in enumerate(lines, start=1):
        if raw.strip():
            data = _object(f"{file}:{number}", raw.removeprefix(b"\xef\xbb\xbf"), expected)
            if missing := [key for key in keys if key not in data]:
                raise InputError(f"{file}:{number}: has no {', '.join(missing)}; expected {expected}")
            yield number, data


def _object(where: str, raw: bytes, expected: str) -> dict[str, Any]:
    try:
        data = parse_json(raw)
    except ValueError as error:
        raise InputError(f"{where}: is not a JSON object in UTF-8 ({error}); expected {expected}") from error
    if not isinstance(data, dict):
        raise InputError(f"{where}: is {type(data).__name__}, not a JSON object; expected {expected}")
    return data


def write(file: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object a line, written whole or not at all; a lone surrogate is written as its escape, and so read back."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_durably(file, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf8", "backslashreplace"))
