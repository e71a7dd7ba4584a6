"""Tasks for the people who label: for Label Studio with its labelling configuration, for a spreadsheet and for doccano."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from cooptag.artifact import write_durably
from cooptag.errors import InputError
from cooptag.jobs import formats
from cooptag_training import jsonl
from cooptag_training.annotation import Suggestion, Task
from cooptag_training.areas import AreaEntry
from cooptag_training.corpus import NONE_REASONS

SCHEMA = "cooptag-1"
DATA_KEYS = (
    "text", "article", "sentence", "lang", "date", "kind", "source", "parties", "before", "why", "context", "suggested", "model",
    "settles", "schema",
)  # fmt: skip
CSV_COLUMNS = (
    "article", "sentence", "lang", "why", "context", "text", "suggested", "areas", "none_reason", "by",
    "date", "kind", "source", "parties", "before", "model", "settles", "schema",
)  # fmt: skip
# Keys that Label Studio 1.23 uses for nothing itself where a text is labelled: u leaves a region, and Ctrl and Alt are its own
# and the browser's. Shift and a digit are kept for the reasons, / for the search.
AREA_KEYS = (*"1234567890qwertyiopasdfghjklzxcvbnm", *(f"shift+{letter}" for letter in "qwertyuiopasdfghjklzxcvbnm"))
REASON_KEYS = tuple(f"shift+{digit}" for digit in range(1, 10))
REASONS = {
    "procedure": "who chaired, attended or was received; datelines, captions, greetings; “relations are growing”",
    "general": "“security”, “economy”, “development”, “international law” alone",
    "purpose": "a closing formula: “for peace, stability and prosperity”",
    "domestic": "a country's own affairs and figures",
    "praise": "general praise; remains of the war dead",
    "deplored": "a bare condemnation or deplored event; an area worded only as a reason",
    "named_only": "a body or minister with an area's word in the name, who is only host, speaker or place",
    "unilateral": "an act of one country, no partner worded",
    "off_topic": "sport, weather, crime, celebrities, markets",
}
RULES = (
    "Tick every area that the sentence words as a matter of cooperation between parties: agreed, planned, asked for, discussed, "
    "carried out, thanked for, or the work of a regional body. One mention in a list is enough.",
    "Label what the sentence says, not what the article is about. The sentences around it only tell what “it” or “the agreement” is.",
    "A named agreement or body stands for its area, unless it is only host, speaker or place.",
    "Where two areas are worded, tick both: women entrepreneurs are women and small firms, climate finance is climate and finance.",
    "Training in a field, loans for a sector and infrastructure of a sector carry that field or sector. Training, finance and "
    "connectivity are ticked where they are the matter themselves.",
    "A group counts (women, youth, older persons, migrant workers) where it is the one helped or addressed.",
    "No area: a country's own affairs, praise, courtesies, closing formulas, and “security”, “economy” or “development” alone. "
    "Then give the reason if you know it.",
    "The suggestion is a model's guess: take out what the sentence does not word, and look for what it overlooked.",
    "Skip a sentence that you cannot read or that is broken.",
)
# Label Studio's own rules are more specific than a style attribute may be, so that these need !important. Nothing is coloured: its page
# has a light and a dark theme.
STYLE = """
.cooptag-text * {font-size: 22px !important; line-height: 1.5 !important}
.cooptag-small * {font-size: 14px !important; line-height: 1.4 !important; font-weight: normal !important; white-space: pre-line}
.cooptag-small h3 {margin: 4px 0 !important}
.cooptag-context {opacity: 0.75}
.cooptag-choices h3 {margin: 6px 0 0 !important; font-size: 14px !important}
.cooptag-choices div, .cooptag-choices label {margin: 0 !important; line-height: 1.6 !important; break-inside: avoid}
.cooptag-columns {columns: 13rem auto}
"""


def configuration(entries: Sequence[AreaEntry], lang: str = "en", reasons: bool = True) -> str:
    """The labelling configuration of a Label Studio project, in XML.

    An export then holds area ids under `areas` and a reason under `none_reason`: Label Studio shows a choice's value and
    exports its alias.

    :param lang: the language of the areas' names; English where an area has none in it.
    :param reasons: ask why a sentence names no area, as long as no area is ticked.
    """
    root = ET.Element("View")
    ET.SubElement(root, "Style").text = STYLE
    _add_guide(root, entries, lang)
    _add_item(root)
    _add_areas(root, entries, lang)
    if reasons:
        _add_reasons(root)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _add_guide(root: ET.Element, entries: Sequence[AreaEntry], lang: str) -> None:
    guide = ET.SubElement(root, "Collapse")
    _add_panel(guide, "How to label", RULES)
    _add_panel(guide, "What each area covers", [f"{e.area.name(lang)} ({e.area.id}): {e.area.definition}" for e in entries])


def _add_panel(guide: ET.Element, title: str, lines: Sequence[str]) -> None:
    panel = ET.SubElement(guide, "Panel", value=title)
    _add_small(panel, [_literal(line) for line in lines])


def _add_small(parent: ET.Element, values: Sequence[str], css: str = "") -> None:
    view = ET.SubElement(parent, "View", className=f"cooptag-small {css}".strip())
    for value in values:
        ET.SubElement(view, "Header", value=value)


def _add_item(root: ET.Element) -> None:
    _add_small(root, ["$why"])
    text = ET.SubElement(root, "View", className="cooptag-text")
    ET.SubElement(text, "Text", name="text", value="$text", valueType="text")
    _add_small(root, ["$context"], "cooptag-context")
    _add_small(root, ["$suggested"])


def _add_areas(root: ET.Element, entries: Sequence[AreaEntry], lang: str) -> None:
    prompt = "Find an area: /, some letters of its name, Enter"
    ET.SubElement(root, "Filter", name="search", toName="areas", hotkey="/", minlength="1", placeholder=prompt)
    view = ET.SubElement(root, "View", className="cooptag-choices")
    areas = ET.SubElement(view, "Choices", name="areas", toName="text", choice="multiple")
    keys = iter(AREA_KEYS)
    for pillar in dict.fromkeys(entry.area.pillar for entry in entries):
        ET.SubElement(areas, "Header", value=_literal(pillar.capitalize()))
        group = ET.SubElement(areas, "View", className="cooptag-columns")
        for area in (entry.area for entry in entries if entry.area.pillar == pillar):
            choice = ET.SubElement(group, "Choice", value=_literal(area.name(lang)), alias=area.id, hint=area.definition)
            if key := next(keys, None):
                choice.set("hotkey", key)


def _add_reasons(root: ET.Element) -> None:
    # The view hides the header. The choices need the same words themselves: then Label Studio leaves a reason out of the annotation
    # when an area was ticked after it.
    hidden = {"visibleWhen": "choice-unselected", "whenTagName": "areas"}
    view = ET.SubElement(root, "View", {"className": "cooptag-choices", **hidden})
    ET.SubElement(view, "Header", value="No area: why?")
    choices = ET.SubElement(view, "Choices", {"name": "none_reason", "toName": "text", "choice": "single", **hidden})
    for reason, key in zip(NONE_REASONS, REASON_KEYS, strict=True):
        ET.SubElement(choices, "Choice", value=f"{reason}: {REASONS[reason]}", alias=reason, hotkey=key)


def _literal(text: str) -> str:
    # Label Studio puts data of the task in place of a dollar sign and a word; the word joiner (no width) keeps them apart.
    return text.replace("$", "$\u2060")


def write(tasks: Sequence[Task], entries: Sequence[AreaEntry], folder: Path, lang: str = "en") -> None:
    """Writes `tasks.json` and `config.xml` for Label Studio, `tasks.csv` for a spreadsheet and `tasks-doccano.jsonl` for doccano.

    :param lang: the language of the areas' names in the labelling configuration.
    :raises InputError: if a task suggests an area that `entries` do not hold; nothing is written then.
    """
    _check_suggestions(tasks, {entry.area.id for entry in entries})
    folder.mkdir(parents=True, exist_ok=True)
    rows = [_data(task) for task in tasks]
    whole = [{"data": row, "predictions": _predictions(task)} for row, task in zip(rows, tasks, strict=True)]
    write_durably(folder / "tasks.json", _encode(json.dumps(whole, ensure_ascii=False, indent=1)))
    write_durably(folder / "config.xml", _encode(configuration(entries, lang)))
    write_durably(folder / "tasks.csv", _csv(rows, tasks))
    jsonl.write(folder / "tasks-doccano.jsonl", [
        {"id": number, "label": _areas(task), **row} for number, (row, task) in enumerate(zip(rows, tasks, strict=True), start=1)
    ])  # fmt: skip


def _encode(text: str) -> bytes:
    # A lone surrogate is written as its escape, as in jsonl.write.
    return text.encode("utf8", "backslashreplace")


def _check_suggestions(tasks: Sequence[Task], known: set[str]) -> None:
    for task in tasks:
        if unknown := sorted(set(_areas(task)) - known):
            raise InputError(
                f"{task.item.text[:40]!r}… has the suggestion {unknown[0]!r}; expected an area of the area file: "
                "suggest with a model that was trained on that file"
            )


def _areas(task: Task) -> list[str]:
    return [suggestion.area for suggestion in task.suggestions]


def _data(task: Task) -> dict[str, str | int]:
    item = task.item
    return {
        "text": item.text, "article": item.article, "sentence": item.sentence, "lang": item.lang, "date": item.date, "kind": item.kind,
        "source": item.source, "parties": ", ".join(item.parties), "before": item.before, "why": task.why, "context": task.context,
        "suggested": "\n".join(map(_described, task.suggestions)), "model": task.model, "settles": "yes" if task.settles else "",
        "schema": SCHEMA,
    }  # fmt: skip


def _described(suggestion: Suggestion) -> str:
    return f"{suggestion.area} {suggestion.score:.2f}" + (f" «{suggestion.evidence}»" if suggestion.evidence else "")


def _predictions(task: Task) -> list[dict[str, Any]]:
    """What Label Studio ticks beforehand: nothing where no model was asked; scored by the least certain area."""
    if not task.suggestions:
        return [{"model_version": task.model, "result": []}] if task.model else []
    choice = {"from_name": "areas", "to_name": "text", "type": "choices", "value": {"choices": _areas(task)}}
    return [{"model_version": task.model, "score": min(suggestion.score for suggestion in task.suggestions), "result": [choice]}]


def _csv(rows: Sequence[Mapping[str, str | int]], tasks: Sequence[Task]) -> bytes:
    text = io.StringIO(newline="")
    # Quoted throughout, with a byte-order mark, as the tagger's own CSV: spreadsheets need both.
    out = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    out.writerow(CSV_COLUMNS)
    for row, task in zip(rows, tasks, strict=True):
        cells = {**row, "areas": ", ".join(_areas(task)), "none_reason": "", "by": ""}
        out.writerow([formats.cell(cells[column], True) for column in CSV_COLUMNS])
    return b"\xef\xbb\xbf" + _encode(text.getvalue())
