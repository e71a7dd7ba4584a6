"""What people decided, brought home: how far they agree, what is decided, and the corpus changed accordingly.

`plan` reads and checks everything and changes nothing; `apply` writes. The ledger, `labels.jsonl` in the corpus folder, says of each label
that came this way who gave it, when, and what stood there before. It is written before the articles, so that an `apply` that was
interrupted can be completed: planned anew, what is missing is written, and the ledger's lines are known already.
"""

import hashlib
import io
import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from cooptag.artifact import write_durably
from cooptag.errors import InputError
from cooptag.text import clean_for_terminal, normalize
from cooptag_training import corpus, jsonl, metrics
from cooptag_training.annotation import Decision, Item, Suggestion, Task
from cooptag_training.corpus import Article
from cooptag_training.exports import ARTICLE_ID, last_of, moment
from cooptag_training.split import Row
from cooptag_training.suggest import RANDOM

LEDGER = "labels.jsonl"
LEDGER_KEYS = ("article", "text", "sentence", "by", "at", "areas", "none_reason", "before", "export", "settled")
# What can become of a decision. The corpus is written to for `WRITTEN`.
CASES = ("added", "changed", "overwritten", "same", "conflict", "disagreed", "skipped", "superseded")
WRITTEN = ("added", "changed", "overwritten")
_EXPECTED = f"lines of {', '.join(LEDGER_KEYS)}, as review writes them"

Key = tuple[str, str]  # an article's id and a sentence of it, normalised


# ----------------------------------------------------------------------------------------------------- agreement


def agreement(decisions: Sequence[Decision], areas: Sequence[str]) -> dict[str, Any]:
    """How far people agree on the items that two or more of them labelled; what settles a disagreement is left out.

    Micro-F1 is the mean over pairs of people, of the pairs that gave any area; alpha is `metrics.alpha_of_counts` over
    (item, area) cells; a person's figures are the means over the pairs with that person. Figures without a basis are None.

    :returns: for all `items` (their number), `micro_f1`, `alpha` and `none_agreed` (of the items and pairs of which one gave no area,
        the share in which both did); rows of the first three for `areas` (also the number of items that anyone gave it to),
        `annotators` (also how many they labelled), `pairs` and `languages`.
    """
    said = [_labelled(people) for people in _latest(d for d in _located(decisions, ()) if not d.settles).values()]
    said = [people for people in said if people]
    names = sorted({decision.by for people in said for decision in people})
    labels = np.zeros((len(said), len(names), len(areas)), dtype=bool)
    read = np.zeros((len(said), len(names)), dtype=bool)
    for i, people in enumerate(said):
        for decision in people:
            reader = names.index(decision.by)
            read[i, reader] = True
            labels[i, reader] = [area in decision.areas for area in areas]
    langs = np.array([people[0].item.lang for people in said])
    several = read.sum(1) >= 2
    pairs = [{"pair": [names[a], names[b]], **_figures(labels[:, [a, b]], read[:, [a, b]])} for a, b in combinations(range(len(names)), 2)]
    pairs = [row for row in pairs if row["items"]]
    return {
        **_figures(labels, read), "none_agreed": _none_agreed(labels, read),
        "areas": [{"id": area, "given": int(labels[several][:, :, i].any(1).sum()), **_figures(labels[:, :, [i]], read)}
                  for i, area in enumerate(areas)],
        "annotators": [_annotator(name, read[:, i], several, pairs) for i, name in enumerate(names)],
        "pairs": pairs,
        "languages": [{"lang": str(lang), **_figures(labels[langs == lang], read[langs == lang])} for lang in np.unique(langs[several])],
    }  # fmt: skip


def _figures(labels: metrics.Bools, read: metrics.Bools) -> dict[str, Any]:
    """`labels`: the areas each person gave each item, (n, people, A); `read`: whether that person labelled it, (n, people)."""
    scores = []
    for a, b in combinations(range(read.shape[1]), 2):
        both = read[:, a] & read[:, b]
        first, second = labels[both, a], labels[both, b]
        if first.any() or second.any():
            scores.append(metrics.precision_recall_f1(first, second)["f1"])
    items = int((read.sum(1) >= 2).sum())
    readers = np.broadcast_to(read.sum(1)[:, None], (len(read), labels.shape[2]))
    return {"items": items, "micro_f1": _mean(scores), "alpha": metrics.alpha_of_counts(labels.sum(1), readers) if items else None}


def _annotator(name: str, read: metrics.Bools, several: metrics.Bools, pairs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    own = [row for row in pairs if name in row["pair"]]
    means = {key: _mean([row[key] for row in own if row[key] is not None]) for key in ("micro_f1", "alpha")}
    return {"by": name, "labelled": int(read.sum()), "items": int((read & several).sum()), **means}


def _none_agreed(labels: metrics.Bools, read: metrics.Bools) -> float | None:
    none, some = (read & ~labels.any(2)).sum(1), (read & labels.any(2)).sum(1)
    both = int((none * (none - 1) // 2).sum())
    either = both + int((none * some).sum())
    return both / either if either else None


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def describe(result: Mapping[str, Any]) -> str:
    """The result of `agreement` as lines for a person; "-" where a figure has no basis."""
    lines = [f"{result['items']} sentences labelled by two or more people: micro-F1 {_shown(result['micro_f1'])}, "
             f"alpha {_shown(result['alpha'])}, agreed that there is no area {_shown(result['none_agreed'])}"]  # fmt: skip
    areas = [(row["id"], {**row, "items": row["given"]}) for row in _least_agreed(result["areas"])]
    named = [("annotator", [(row["by"], row) for row in result["annotators"]]),
             ("pair", [(" and ".join(row["pair"]), row) for row in result["pairs"]]),
             ("language", [(row["lang"], row) for row in result["languages"]]), ("areas least agreed on", areas[:10])]  # fmt: skip
    for head, rows in named:
        lines += ["", f"{head:<40}{'F1':>6}{'alpha':>7}{'sentences':>11}"]
        for name, row in rows:
            lines.append(f"{clean_for_terminal(name):<40}{_shown(row['micro_f1']):>6}{_shown(row['alpha']):>7}{row['items']:>11}")
    return "\n".join(lines)


def _least_agreed(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted((row for row in rows if row["given"]), key=lambda row: row["alpha"])


def _shown(figure: float | None) -> str:
    return "-" if figure is None else f"{figure:.3f}"


# ----------------------------------------------------------------------------------------------- what is decided


@dataclass(frozen=True)
class Accepted:
    """What is decided of an item: by whom (sorted), the latest time, and `where` in the exports it is said.

    `settled`: people had differed, and a final answer or the majority settled it. `item` is as it was last handed out.
    """

    item: Item
    by: tuple[str, ...]
    at: str
    areas: tuple[str, ...]
    none_reason: str
    settled: bool
    where: tuple[str, ...]

    @property
    def labels(self) -> str:
        """The labels as in a corpus file, such as "climate, energy" or "none general"."""
        return corpus.labels(self.areas, self.none_reason)


@dataclass(frozen=True)
class Outcome:
    """Each item of the decisions, once: decided, to be settled by the answer to a task, or skipped by everyone."""

    accepted: list[Accepted]
    disagreements: list[Task]
    skipped: list[Item]


def decide(decisions: Sequence[Decision], majority: bool = False) -> Outcome:
    """What the decisions amount to. A person's later decision on an item replaces the earlier one.

    An item is decided if all who did not skip it gave the same areas, or the same final ones where a decision `settles`.

    :param majority: more than half of them suffice.
    :raises InputError: if a decision's time is no ISO 8601 time, or nothing tells which of two a person said last.
    """
    outcome = Outcome([], [], [])
    for people in _latest(decisions).values():
        given = _labelled(people)
        final = [decision for decision in given if decision.settles] or given
        agreed = _agreed(final, majority)
        if not given:
            outcome.skipped.append(people[0].item)
        elif agreed:
            outcome.accepted.append(_accepted(agreed, settled=agreed[0].settles or len(agreed) < len(final)))
        else:
            outcome.disagreements.append(_task(final))
    return outcome


def _latest(decisions: Iterable[Decision]) -> dict[Key, list[Decision]]:
    """What each person said last of each sentence; what a person says to settle it stands beside what the same person said before."""
    said: dict[Key, dict[tuple[str, bool], list[Decision]]] = {}
    for decision in decisions:
        people = said.setdefault(_key(decision.item.article, decision.item.text), {})
        people.setdefault((decision.by, decision.settles), []).append(decision)
    return {key: [last_of(own) for own in people.values()] for key, people in said.items()}


def _key(article: str, text: str) -> Key:
    return article, normalize(text, article.split("/")[0])


def _moment(decision: Decision) -> datetime:
    return moment(decision.at, decision.where)


def _labelled(people: Sequence[Decision]) -> list[Decision]:
    return [decision for decision in people if not decision.skipped]


def _agreed(final: Sequence[Decision], majority: bool) -> list[Decision]:
    """The decisions that carry the day: all, or with `majority` more than half, and the same areas; else none."""
    counts = Counter(frozenset(decision.areas) for decision in final)
    for areas, n in counts.most_common(1):
        if n == len(final) or (majority and 2 * n > len(final)):
            return [decision for decision in final if frozenset(decision.areas) == areas]
    return []


def _accepted(agreed: Sequence[Decision], settled: bool) -> Accepted:
    """People who find no area may differ in why: what most say is taken, else what the first by name says."""
    agreed = sorted(agreed, key=lambda decision: decision.by)
    reasons = Counter(decision.none_reason for decision in agreed if decision.none_reason).most_common(1)
    last = max(agreed, key=_moment)
    return Accepted(last.item, tuple(decision.by for decision in agreed), last.at, tuple(sorted(last.areas)),
                    reasons[0][0] if reasons else "", settled, tuple(decision.where for decision in agreed))  # fmt: skip


def _task(final: Sequence[Decision]) -> Task:
    """To be settled: who said what, with the areas that all gave as suggestions."""
    final = sorted(final, key=lambda decision: decision.by)
    common = set(final[0].areas).intersection(*(decision.areas for decision in final))
    why = " | ".join(f"{decision.by}: {corpus.labels(decision.areas, decision.none_reason)}" for decision in final)
    last = max(final, key=_moment)
    return Task(last.item, why, last.context, tuple(Suggestion(area, 1.0) for area in sorted(common)), settles=True)


def _located(decisions: Sequence[Decision], articles: Iterable[Article]) -> list[Decision]:
    """The decisions with an article each. An item that names none belongs to the first decision's article, else the first of
    `articles`, that holds its sentence in its language; else to one of its own, `<lang>/unknown-<12 hex of its text's SHA-256>`.
    """
    homes: dict[Key, str] = {}
    if not all(decision.item.article for decision in decisions):
        for decision in decisions:
            if decision.item.article:
                homes.setdefault(_key(decision.item.lang, decision.item.text), decision.item.article)
        for article in articles:
            for sentence in article.sentences:
                homes.setdefault(_key(article.lang, sentence.text), article.id)
    return [decision if decision.item.article else _at_home(decision, homes) for decision in decisions]


def _at_home(decision: Decision, homes: Mapping[Key, str]) -> Decision:
    key = lang, text = _key(decision.item.lang, decision.item.text)
    article = homes.get(key) or f"{lang}/unknown-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    return replace(decision, item=replace(decision.item, article=article))


# ----------------------------------------------------------------------------------------------------- the merge


@dataclass(frozen=True)
class Change:
    """What becomes of something decided. `case`: one of `CASES`; `now`: the labels that the corpus has, "" where it lacks the sentence."""

    case: str
    decided: Accepted
    now: str


@dataclass(frozen=True)
class Edit:
    """A file's bytes as they were read, None where there was none, and as they shall be."""

    file: Path
    old: bytes | None
    new: bytes


@dataclass(frozen=True)
class Plan:
    """What a review will do: each thing decided with its case, what is not decided, and the files to write, the ledger first."""

    changes: list[Change]
    disagreements: list[Task]
    skipped: list[Item]
    superseded: list[Item]
    edits: list[Edit]

    @property
    def counts(self) -> dict[str, int]:
        """How many sentences there are of each of `CASES`."""
        found = Counter(change.case for change in self.changes)
        found.update(disagreed=len(self.disagreements), skipped=len(self.skipped), superseded=len(self.superseded))
        return {case: found[case] for case in CASES}

    def rows(self) -> list[dict[str, Any]]:
        """Every sentence with its case, as JSON: also `now`, what the corpus had, and `decided`."""
        rows = [{"case": change.case, **_place(change.decided.item), "by": list(change.decided.by), "now": change.now,
                 "before": change.decided.item.before, "decided": change.decided.labels} for change in self.changes]  # fmt: skip
        rows += [{"case": "disagreed", **_place(task.item), "why": task.why} for task in self.disagreements]
        left = [("skipped", item) for item in self.skipped] + [("superseded", item) for item in self.superseded]
        return rows + [{"case": case, **_place(item)} for case, item in left]

    def describe(self) -> str:
        """The counts as lines for a person, and each sentence whose labels somebody else changed or that is overwritten."""
        lines = [f"{case:<13}{n:>6}" for case, n in self.counts.items()]
        for change in self.changes:
            if change.case in ("conflict", "overwritten"):
                item = change.decided.item
                before = clean_for_terminal(item.before)
                lines.append(f"{change.case}: {item.article}: {item.text[:40]!r}… has [{change.now}], was handed out with [{before}], "
                             f"decided is [{change.decided.labels}]")  # fmt: skip
        return "\n".join(lines)


def _place(item: Item) -> dict[str, Any]:
    return {"article": item.article, "text": item.text, "sentence": item.sentence}


def plan(
    decisions: Sequence[Decision],
    folder: Path,
    areas: Collection[str],
    *,
    overwrite: bool = False,
    majority: bool = False,
    exports: Sequence[Path] = (),
) -> Plan:
    """What merging the decisions into a corpus folder will do; nothing is written.

    :param areas: the known area ids. :param overwrite: merge conflicts too. :param majority: see `decide`.
    :param exports: the files that the decisions come from, for the ledger: a decision's `where` begins with its file's path.
    :raises InputError: if a decision, the corpus, the ledger or a path is at fault, or the corpus would not load afterwards.
    """
    root = Path(os.path.realpath(folder))
    articles = {article.id: article for article in _load(root, set(areas))}
    decisions = _located(decisions, articles.values())
    _check(decisions, areas)
    old, lines = _ledger(root)
    decisions, superseded = _current(decisions, lines)
    outcome = decide(decisions, majority)
    standing = _standing(articles[id] for id in sorted({decided.item.article for decided in outcome.accepted} & articles.keys()))
    changes = [
        _change(decided, standing.get(_key(decided.item.article, decided.item.text), set()), overwrite) for decided in outcome.accepted
    ]
    ledger = _ledger_edit(root, old, lines, changes, {str(file): _sha256(file) for file in exports})
    numbers = _numbers(lines, outcome.accepted)
    written: dict[str, list[Accepted]] = {}
    for change in changes:
        if change.case in WRITTEN:
            written.setdefault(change.decided.item.article, []).append(change.decided)
    edits = [_edit(root, id, articles.get(id), group, numbers.get(id, {}), set(areas)) for id, group in sorted(written.items())]
    return Plan(changes, outcome.disagreements, outcome.skipped, superseded, [ledger, *edits] if edits else [])


def random_rows(decisions: Iterable[Decision], planned: Plan) -> list[Row]:
    """What is decided of the sentences that were drawn at random: the sample on which a model may be scored without bias."""
    drawn = {normalize(decision.item.text, decision.item.lang) for decision in decisions if decision.why == RANDOM}
    decided = [change.decided for change in planned.changes]
    return [Row(f"random {i}", d.item.text, d.areas, d.item.lang, d.item.article) for i, d in enumerate(decided)
            if normalize(d.item.text, d.item.lang) in drawn]  # fmt: skip


def apply(plan: Plan) -> None:
    """Writes what was planned, each file whole or not at all. After an interruption, `plan` and `apply` again complete it.

    :raises InputError: before anything is written, if a file is not as it was when it was read; or if one cannot be written.
    """
    for edit in plan.edits:
        if _bytes(edit.file) not in (edit.old, edit.new):
            raise InputError(f"{edit.file}: was changed while the review was planned; nothing was written, run it again")
    for edit in plan.edits:
        edit.file.parent.mkdir(exist_ok=True)
    for edit in plan.edits:
        try:
            write_durably(edit.file, edit.new)
        except OSError as error:
            said = "make room or give leave to write, and run the same review again: it completes what it began"
            raise InputError(f"{edit.file}: cannot be written ({error.strerror}); {said}") from error


def _load(root: Path, areas: set[str]) -> list[Article]:
    """The articles of a corpus folder, which may hold none yet."""
    if not root.is_dir():
        raise InputError(f"{root}: is no folder; name the corpus folder, or make an empty one to begin with")
    try:
        return corpus.load(root, areas) if any(root.glob("*/*.txt")) else []
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror}); expected the text file of an article") from error


def _check(decisions: Sequence[Decision], areas: Collection[str]) -> None:
    problems = [f"{decision.where}: {problem}" for decision in decisions if (problem := _problem(decision, areas))]
    if problems:
        raise InputError("; ".join(problems[:20]))


def _problem(decision: Decision, areas: Collection[str]) -> str:
    """What forbids the decision in a corpus file; kind and date are checked with the article."""
    item = decision.item
    if not ARTICLE_ID.fullmatch(item.article):
        return f"{item.article[:80]!r} is no article id; expected one such as vi/2019-asean-canada"
    if item.lang != item.article.split("/")[0]:
        return f"lang is {item.lang!r}, the article is {item.article}; expected the same language"
    if unknown := [area for area in decision.areas if area not in areas]:
        return f"area {unknown[0]!r} is unknown; expected one of configs/areas.yaml"
    try:
        corpus.sentence_line(item.text, decision.areas, decision.none_reason).encode()
    except (InputError, UnicodeEncodeError) as error:
        return str(error)
    return "" if _key(item.article, item.text)[1] else f"{item.text!r} holds nothing visible; expected a sentence"


def _standing(articles: Iterable[Article]) -> dict[Key, set[str]]:
    """The labels of each sentence; several where an article repeats it with others."""
    standing: dict[Key, set[str]] = {}
    for article in articles:
        for sentence in article.sentences:
            standing.setdefault(_key(article.id, sentence.text), set()).add(corpus.labels(sentence.areas, sentence.none_reason))
    return standing


def _change(decided: Accepted, now: set[str], overwrite: bool) -> Change:
    before = decided.item.before
    if now and all(_says(labels, decided.labels) for labels in now):
        case = "same"
    elif now == {_sorted_labels(before)}:
        case = "changed"
    elif not now and not before:
        case = "added"
    else:
        case = "overwritten" if overwrite else "conflict"
    return Change(case, decided, " | ".join(sorted(now)))


def _says(now: str, decided: str) -> bool:
    """Whether the corpus says what is decided: it may know more of why there is no area."""
    return now == decided or (decided == "none" and now.startswith("none "))


def _sorted_labels(labels: str) -> str:
    return ", ".join(sorted(label.strip() for label in labels.split(",")))


def _inside(root: Path, name: str) -> Path:
    file = root / name
    if Path(os.path.realpath(file)) != file:
        raise InputError(f"{file}: is a link or lies behind one; only plain files inside the corpus folder are written, put one there")
    return file


def _bytes(file: Path) -> bytes | None:
    return file.read_bytes() if file.exists() else None


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


# ---------------------------------------------------------------------------------------------------- the ledger


def _ledger(root: Path) -> tuple[bytes | None, list[dict[str, Any]]]:
    """The ledger's bytes and lines, before this review."""
    file = _inside(root, LEDGER)
    old = _bytes(file)
    return old, list(_ledger_lines(file)) if old and old.strip() else []


def _current(decisions: Sequence[Decision], lines: Iterable[Mapping[str, Any]]) -> tuple[list[Decision], list[Item]]:
    """The decisions without those on a sentence of which the ledger holds a later word than all of them, and those sentences.

    So an export of a whole project, which repeats what was settled or corrected since, changes nothing back. What was said at no
    known time, as in a spreadsheet, may be the later word.
    """
    last = {_key(line["article"], line["text"]): moment(line["at"], f"{LEDGER}: {line['text'][:40]!r}…") for line in lines}
    said: dict[Key, list[Decision]] = {}
    for decision in decisions:
        said.setdefault(_key(decision.item.article, decision.item.text), []).append(decision)
    old = {key for key, people in said.items() if key in last and all(d.at and _moment(d) < last[key] for d in people)}
    current = [decision for key, people in said.items() if key not in old for decision in people]
    return current, [said[key][-1].item for key in said if key in old]


def _ledger_edit(
    root: Path, old: bytes | None, lines: Sequence[Mapping[str, Any]], changes: Sequence[Change], digests: Mapping[str, str]
) -> Edit:  # fmt: skip
    """The ledger with a line for each change that is written.

    A line that is already the last on its sentence is not written again: an interrupted review is being completed.
    """
    last = {_key(line["article"], line["text"]): line for line in lines}
    new = [_ledger_line(change, digests) for change in changes if change.case in WRITTEN]
    new = [line for line in new if last.get(_key(line["article"], line["text"])) != line]
    kept = old + b"\n" if old and not old.endswith(b"\n") else old or b""
    return Edit(_inside(root, LEDGER), old, kept + "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in new).encode())


def _ledger_lines(file: Path) -> Iterator[dict[str, Any]]:
    for number, line in jsonl.read(file, _EXPECTED, LEDGER_KEYS):
        if not all(isinstance(line[key], str) for key in ("article", "text", "at")) or type(line["sentence"]) is not int:
            raise InputError(f"{file}:{number}: article, text or at is no text, or sentence no whole number; expected {_EXPECTED}")
        yield line


def _ledger_line(change: Change, digests: Mapping[str, str]) -> dict[str, Any]:
    decided = change.decided
    exports = sorted({max(found, key=len) for where in decided.where if (found := [file for file in digests if where.startswith(file)])})
    return {**_place(decided.item), "by": list(decided.by), "at": decided.at, "areas": list(decided.areas),
            "none_reason": decided.none_reason, "before": change.now,
            "export": [{"file": Path(file).name, "sha256": digests[file]} for file in exports], "settled": decided.settled}  # fmt: skip


def _numbers(lines: Iterable[Mapping[str, Any]], accepted: Iterable[Accepted]) -> dict[str, dict[Key, int]]:
    """By article the number of each sentence of which it is known, from the ledger and, before it, from the items at hand."""
    known = [(line["article"], line["text"], line["sentence"]) for line in lines]
    known += [(decided.item.article, decided.item.text, decided.item.sentence) for decided in accepted]
    numbers: dict[str, dict[Key, int]] = {}
    for id, text, number in known:
        if number >= 0:
            numbers.setdefault(id, {})[_key(id, text)] = number
    return numbers


# -------------------------------------------------------------------------------------------------- article files


def _edit(root: Path, id: str, article: Article | None, written: Sequence[Accepted], numbers: Mapping[Key, int], areas: set[str]) -> Edit:
    """An article's file with what is decided: new labels in the lines concerned, new sentences in their places."""
    file = _inside(root, f"{id}.txt")
    old = _bytes(file)
    if article is None:
        article = _new_article(id, written[0].item)
        lines = [f"{line}\n" for line in corpus.header_lines(article)]
    else:
        lines = list(io.StringIO((old or b"").decode(), newline=""))  # line ends stay as they are
    new = {_key(id, decided.item.text): decided for decided in written}
    for sentence in article.sentences:
        if decided := new.get(_key(id, sentence.text)):
            line = lines[sentence.line - 1]
            lines[sentence.line - 1] = f"[{decided.labels}{line[line.index(']') :]}"
    for sentence in article.sentences:
        new.pop(_key(id, sentence.text), None)
    raw = _inserted(lines, article, new, numbers).encode()
    _check_loads(file, id, raw, areas)
    return Edit(file, old, raw)


def _new_article(id: str, item: Item) -> Article:
    year = re.match(r"20[0-3]\d", item.date)
    return Article(id, item.lang, item.kind, int(year[0]) if year else 0, item.parties, ())


def _inserted(lines: Sequence[str], article: Article, new: Mapping[Key, Accepted], numbers: Mapping[Key, int]) -> str:
    """The lines with the new sentences: each before the first sentence of a higher number, or at the end without one or a number."""
    whole, newline = list(lines), lines[0].removeprefix("---")
    end = article.sentences[-1].line if article.sentences else len(lines)
    if not whole[-1].endswith(("\n", "\r")) and end == len(lines) and new:
        whole[-1] += newline
    present = list(_numbered(article, numbers))
    places: dict[int, list[str]] = {}
    for key, decided in sorted(new.items(), key=lambda pair: numbers.get(pair[0], np.inf)):
        place = next((line for number, line in present if number > numbers.get(key, np.inf)), end)
        places.setdefault(place, []).append(corpus.sentence_line(decided.item.text, decided.areas, decided.none_reason) + newline)
    for place, texts in sorted(places.items(), reverse=True):
        whole[place:place] = texts
    return "".join(whole)


def _numbered(article: Article, numbers: Mapping[Key, int]) -> Iterator[tuple[int, int]]:
    """The number of each sentence in the article as it was, and the index of its line.

    One whose number nobody knows follows the one before it, on the next number that is not another's.
    """
    taken = {*numbers.values()}
    number = -1
    for sentence in article.sentences:
        known = numbers.get(_key(article.id, sentence.text))
        number = number + 1 if known is None else known
        while known is None and number in taken:
            number += 1
        yield number, sentence.line - 1


def _check_loads(file: Path, id: str, raw: bytes, areas: set[str]) -> None:
    """:raises InputError: if the article would not load."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch, f"{id}.txt")
        copy.parent.mkdir()
        copy.write_bytes(raw)
        try:
            corpus.read_article(copy, areas)
        except InputError as error:
            fault = str(error).replace(str(copy), str(file))
            raise InputError(f"{fault} (so it would be after this review; nothing was written)") from error
