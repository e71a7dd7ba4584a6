"""The corpus under a changed area file: areas renamed, merged, split, dropped and added.

What is certain is rewritten into a new folder, line by line. What only a person can say becomes a task: which of the new areas a
sentence carries whose area was split, what is left of one whose only area was dropped, and where an added area stands.
"""

import difflib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cooptag.errors import InputError, UsageError
from cooptag.types import Area
from cooptag_training import agreement, corpus, jsonl, review
from cooptag_training.annotation import Item, Suggestion, Task
from cooptag_training.areas import AreaEntry
from cooptag_training.corpus import Article
from cooptag_training.variety import CueList

FILE_NAME = "migration.json"
VERSION = 1
# From this score on a new area is ticked beforehand; a single cue gives as much.
LIKELY = 0.5
_MAY_CARRY = "may carry the new area "
# What each option looks like, and how many old and new areas it takes: just so many, but for 2, which is the least.
_FORMS = {"rename": ("OLD=NEW", 1, 1), "merge": ("OLD,OLD=NEW", 2, 1), "split": ("OLD=NEW,NEW", 1, 2), "drop": ("OLD", 1, 0)}
# Files of the corpus folder that hold area ids beside the articles, and the keys of their lists.
_LABEL_FILES = {agreement.FILE_NAME: ("first", "second", "settled"), review.LEDGER: ("areas",)}


@dataclass(frozen=True)
class Step:
    """One change: `kind` is rename, merge, split, drop or add; `old` is empty for add, `new` for drop."""

    kind: str
    old: tuple[str, ...]
    new: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind} {'='.join(','.join(ids) for ids in (self.old, self.new) if ids)}"


@dataclass(frozen=True)
class Migration:
    """How an area file became another; `steps` explain their difference completely and apply all at once."""

    old: tuple[AreaEntry, ...]
    new: tuple[AreaEntry, ...]
    steps: tuple[Step, ...]

    def made(self, *kinds: str) -> list[str]:
        """The new ids that steps of these kinds make, in the order of the new file."""
        ids = {id_ for step in self.steps if step.kind in kinds for id_ in step.new}
        return [entry.area.id for entry in self.new if entry.area.id in ids]


@dataclass
class Plan:
    """What `write` will put into `out`.

    - `files`: new content by path below the folder; `copied`: paths of files of `folder` that stay as they are.
    - `kept`: the sentences of the new corpus, each with its context, `before` being its new labels; `waiting`: those that a person
      must decide. Both are numbered as in the old corpus.
    - `rewritten`, `asked`: how many sentences each step changed, and left to a person; `dropped`: lines taken out, by file.
    """

    migration: Migration
    folder: Path
    out: Path
    files: dict[str, bytes] = field(default_factory=dict)
    copied: list[str] = field(default_factory=list)
    kept: list[tuple[Item, str]] = field(default_factory=list)
    waiting: list[Task] = field(default_factory=list)
    rewritten: Counter[Step] = field(default_factory=Counter)
    asked: Counter[Step] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)


# ------------------------------------------------------------------------------------------------ what the options say


def steps(
    old_entries: Sequence[AreaEntry], new_entries: Sequence[AreaEntry], renames: Sequence[str] = (), merges: Sequence[str] = (),
    splits: Sequence[str] = (), drops: Sequence[str] = (),
) -> Migration:  # fmt: skip
    """The steps from one area file to another. Areas of the new one that no option names are added.

    :param renames: such as "old=new". :param merges: "a,b=c", where c may be one of a and b. :param splits: "a=b,c", where b and c
        may be a itself or areas that were there before. :param drops: "a".
    :raises UsageError: if an option is malformed, names an unknown area, contradicts another or the files, or if none says what
        became of an area that is gone.
    """
    old, new = ([entry.area.id for entry in entries] for entries in (old_entries, new_entries))
    options = {"rename": renames, "merge": merges, "split": splits, "drop": drops}
    given = [_parse(kind, value) for kind, values in options.items() for value in values]
    _check_together(given)
    for step in given:
        _check(step, old, new)
    _check_gone(given, old, new)
    named = {id_ for step in given for id_ in step.new}
    added = [Step("add", (), (id_,)) for id_ in new if id_ not in old and id_ not in named]
    return Migration(tuple(old_entries), tuple(new_entries), (*given, *added))


def _parse(kind: str, value: str) -> Step:
    form, *numbers = _FORMS[kind]
    sides = [tuple(id_.strip() for id_ in side.split(",")) for side in value.split("=")] + [()] * (kind == "drop")
    right = [len(side) >= n if n == 2 else len(side) == n for side, n in zip(sides, numbers, strict=False)]
    distinct = all("" not in side and len(set(side)) == len(side) for side in sides)
    if len(sides) != 2 or not all(right) or not distinct or (kind == "rename" and sides[0] == sides[1]):
        raise UsageError(f"--{kind} {value!r} is not of the form {form} with different ids; see configs/areas.yaml for ids")
    return Step(kind, sides[0], sides[1])


def _check_together(given: Sequence[Step]) -> None:
    for i, first in enumerate(given):
        for j, second in enumerate(given):
            if i < j and (twice := {*first.old} & {*second.old} or {*first.new} & {*second.new}):
                raise UsageError(f"--{first} and --{second} both name {min(twice)!r}; name it in one of them, or migrate twice")
            if i != j and (between := {*first.new} & {*second.old}):
                raise UsageError(f"--{first} and --{second} make a chain over {min(between)!r}, but all options apply to the old labels; "
                                 "give what each old area is in the end, or migrate twice")  # fmt: skip


def _check(step: Step, old: Sequence[str], new: Sequence[str]) -> None:
    for ids, known, which in ((step.old, old, "old"), (step.new, new, "new")):
        for id_ in ids:
            if id_ not in known:
                raise UsageError(f"--{step}: {id_!r} is no area of the {which} file; the nearest is {_nearest(id_, known)!r}")
    for id_ in step.old:
        if id_ in new and id_ not in step.new:
            raise UsageError(f"--{step}: {id_!r} is still in the new file; take it out there, or leave it out here")
    for id_ in step.new:
        if step.kind != "split" and id_ in old and id_ not in step.old:
            both = ",".join((*step.old, id_))
            raise UsageError(f"--{step}: {id_!r} is an area of the old file too, expected a new one; give --merge {both}={id_}")


def _check_gone(given: Sequence[Step], old: Sequence[str], new: Sequence[str]) -> None:
    explained = {id_ for step in given for id_ in step.old}
    for gone in old:
        if gone not in new and gone not in explained:
            raise UsageError(f"area {gone!r} is gone from the new file, whose nearest is {_nearest(gone, new)!r}; say what became of it: "
                             f"--rename {gone}=NEW, --merge {gone},OLD=NEW, --split {gone}=NEW,NEW or --drop {gone}")  # fmt: skip


def _nearest(id_: str, known: Sequence[str]) -> str:
    return difflib.get_close_matches(id_, known, n=1, cutoff=0.0)[0]


def label_map(migration: Migration) -> dict[str, tuple[str, ...]]:
    """For each new area the old ones that a model of it starts from: itself, those merged, the one split; () where it is added."""
    old = {entry.area.id for entry in migration.old}
    # What a split hands to an area that was there before does not move that area's start.
    made = {id_: (id_,) if id_ in old and id_ not in step.old else step.old for step in migration.steps for id_ in step.new}
    return {entry.area.id: made.get(entry.area.id, (entry.area.id,)) for entry in migration.new}


# ----------------------------------------------------------------------------------------------- what becomes of the corpus


def plan(migration: Migration, folder: Path, out: Path) -> Plan:
    """Reads a corpus folder and decides every sentence; writes nothing.

    :param out: the folder to write, new or empty. What starts with a dot is not copied into it.
    :raises InputError: if the corpus, or a file of labels beside it, is broken. :raises UsageError: if `out` is in use or in `folder`.
    """
    made = Plan(migration, folder.resolve(), _free(out, folder))
    articles = corpus.load(folder, {entry.area.id for entry in migration.old})
    finder = _Finder([entry for entry in migration.new if entry.area.id in migration.made("split", "add")])
    for article in articles:
        _plan_article(made, article, finder)
    _plan_others(made, {f"{article.id}.txt" for article in articles} | {FILE_NAME})
    start = {"version": VERSION, "map": label_map(migration), "added": migration.made("add"), "split": migration.made("split")}
    made.files[FILE_NAME] = json.dumps(start, indent=1).encode() + b"\n"
    return made


def _free(out: Path, folder: Path) -> Path:
    out = out.resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: exists and is no empty folder; choose another --out")
    if out.is_relative_to(folder.resolve()):
        raise UsageError(f"{out}: lies in the corpus folder {folder}; choose an --out outside it")
    return out


@dataclass(frozen=True)
class _Relabelled:
    """The certain new labels, in the order of the old ones; for the steps `undecided` a person must look, `done` are the others."""

    labels: tuple[str, ...]
    done: frozenset[Step]
    undecided: tuple[Step, ...]


def _relabel(labels: Sequence[str], migration: Migration) -> _Relabelled:
    changes = {id_: step for step in migration.steps for id_ in step.old if step.new != (id_,)}
    targets = [changes[label].new if label in changes else (label,) for label in labels]
    certain = tuple(dict.fromkeys(new[0] for new in targets if len(new) == 1))
    touched = dict.fromkeys(changes[label] for label in labels if label in changes)
    undecided = tuple(step for step in touched if step.kind == "split" or (step.kind == "drop" and not certain))
    return _Relabelled(certain, frozenset(touched) - {*undecided}, undecided)


def _plan_article(made: Plan, article: Article, finder: "_Finder") -> None:
    path = f"{article.id}.txt"
    with (made.folder / path).open(encoding="utf8", newline="") as file:  # line ends stay as they are
        lines = list(file)
    kept = len(made.kept)
    for (item, context), sentence in zip(_items(article), article.sentences, strict=True):
        line = lines[sentence.line - 1]
        new = _relabel(_labels(line) if sentence.areas else (), made.migration)
        if new.undecided:
            made.waiting.append(_question(item, context, new, made.migration, finder))
            made.asked.update(new.undecided)
            lines[sentence.line - 1] = ""
            continue
        made.rewritten.update(new.done)
        before = corpus.labels(new.labels, sentence.none_reason)
        made.kept.append((replace(item, before=before), context))
        lines[sentence.line - 1] = _with_labels(line, new.labels) if new.done else line
    if len(made.kept) > kept:
        made.files[path] = "".join(lines).encode()


def _items(article: Article) -> list[tuple[Item, str]]:
    """Each sentence as an item, with the sentences before and after it."""
    texts, year = [sentence.text for sentence in article.sentences], str(article.year or "")
    return [
        (Item(article.id, text, article.lang, i, year, article.kind, parties=article.parties),
         " … ".join([*texts[max(0, i - 1) : i], *texts[i + 1 : i + 2]]))
        for i, text in enumerate(texts)
    ]  # fmt: skip


def _labels(line: str) -> list[str]:
    return [label.strip() for label in line[1 : line.index("]")].split(",")]


def _with_labels(line: str, labels: Sequence[str]) -> str:
    """The line with other labels, at most as many, each spaced as the one that stood in its place."""
    old, _, rest = line[1:].partition("]")
    return f"[{','.join(place.replace(place.strip(), label) for place, label in zip(old.split(','), labels, strict=False))}]{rest}"


def _question(item: Item, context: str, new: _Relabelled, migration: Migration, finder: "_Finder") -> Task:
    why = [f"split of {step.old[0]}: {_either(step.new)}?" if step.new else f"drop of {step.old[0]}: which other areas, or none?"
           for step in new.undecided]  # fmt: skip
    wanted = {id_ for step in new.undecided for id_ in step.new} | {*migration.made("add")}
    found = [s for s in finder.suggestions(item.text, item.lang) if s.area in wanted and s.area not in new.labels]
    return Task(item, "; ".join(why), context, (*(Suggestion(label, 1.0) for label in new.labels), *found))


def _either(ids: Sequence[str]) -> str:
    return f"{', '.join(ids[:-1])} or {ids[-1]}"


class _Finder:
    """Finds areas in a sentence, and the words of the area file that say so."""

    def __init__(self, entries: Sequence[AreaEntry]) -> None:
        self.entries = {entry.area.id: entry for entry in entries}
        self.areas = CueList(entries)
        self.phrases: dict[tuple[str, str], CueList] = {}

    def suggestions(self, text: str, lang: str) -> list[Suggestion]:
        """The areas of which a name, cue or body stands in the text. One phrase scores 1/2, two score 2/3, three 3/4, ..."""
        found = []
        for area in sorted(self.areas.areas(text, lang)):
            phrases = sorted(self._phrases(area, lang).areas(text, lang), key=lambda phrase: (-len(phrase), phrase))
            n = max(1, len(phrases))
            found.append(Suggestion(area, round(n / (n + 1), 3), phrases[0] if phrases else ""))
        return found

    def _phrases(self, area: str, lang: str) -> CueList:
        """A list in which each phrase is an area of its own, so that it says which of them were found."""
        if (area, lang) not in self.phrases:
            entry = self.entries[area]
            phrases = dict.fromkeys([entry.area.name(lang), *entry.cues.get(lang, ()), *entry.bodies])
            self.phrases[area, lang] = CueList([AreaEntry(Area(phrase), {}, ()) for phrase in phrases])
        return self.phrases[area, lang]


def _plan_others(made: Plan, known: set[str]) -> None:
    """The files that are no articles: those of labels are rewritten, the rest is copied, links as links."""
    for file in sorted(made.folder.rglob("*")):
        path = file.relative_to(made.folder)
        if not file.is_file() or path.as_posix() in known or any(part.startswith(".") for part in path.parts):
            continue
        if path.as_posix() in _LABEL_FILES:
            _plan_labels(made, file, _LABEL_FILES[file.name])
        else:
            made.copied.append(path.as_posix())


def _plan_labels(made: Plan, file: Path, keys: Sequence[str]) -> None:
    """Only the lists of `keys` are rewritten; what else a line tells is history."""
    raw = file.read_bytes()
    lines: list[bytes | None] = [*raw.split(b"\n")]
    for number, data in jsonl.read(file, f"lines with {', '.join(keys)}", keys) if raw.strip() else ():
        new = {key: _relabel(_known(f"{file}:{number}", key, data[key], made.migration), made.migration) for key in keys}
        if any(labels.undecided for labels in new.values()):
            lines[number - 1] = None
            made.dropped[file.name] += 1
        elif any(labels.done for labels in new.values()):
            changed = data | {key: list(labels.labels) for key, labels in new.items()}
            lines[number - 1] = json.dumps(changed, ensure_ascii=False).encode("utf8", "backslashreplace")
    content = b"\n".join(line for line in lines if line is not None)
    if content.strip():
        made.files[file.name] = content


def _known(where: str, key: str, value: Any, migration: Migration) -> list[str]:
    if not isinstance(value, list) or not all(any(area == entry.area.id for entry in migration.old) for area in value):
        raise InputError(f"{where}: {key} is {value!r}; expected a list of areas of the old area file")
    return value


def write(made: Plan) -> None:
    """Writes the new corpus folder; after a crash it is absent or whole."""
    made.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{made.out.name}.", dir=made.out.parent) as scratch:
        new = Path(scratch) / "new"
        for folder in {(new / path).parent for path in (*made.files, *made.copied)}:
            folder.mkdir(parents=True, exist_ok=True)
        for path, content in made.files.items():
            (new / path).write_bytes(content)
        for path in made.copied:
            shutil.copyfile(made.folder / path, new / path, follow_symlinks=False)
        if hasattr(os, "sync"):  # once, before the folder gets its name: 1,600 files synced one by one took 17 s
            os.sync()
        if made.out.exists():
            made.out.rmdir()
        new.rename(made.out)


# ------------------------------------------------------------------------------------------------------ where added areas stand


def candidates(
    sentences: Sequence[tuple[Item, str]], entries: Sequence[AreaEntry],
    score: Callable[[Sequence[str]], npt.NDArray[np.floating]] | None = None, most: int = 100, model: str = "",
) -> list[Task]:  # fmt: skip
    """The sentences that may carry added areas, likeliest first: those with a name, cue or body of one, and those that a model scores
    highest. A new area is suggested, and so ticked beforehand, from `LIKELY` on; below, `why` alone asks for it.

    :param sentences: those of the new corpus with their context, their labels as `before` (`Plan.kept`). :param entries: the added areas.
    :param score: from n texts to scores in [0, 1], (n, added areas). :param most: how many sentences without such words the model may
        name for each area. :param model: its name and digest.
    """
    finder = _Finder(entries)
    found = [finder.suggestions(item.text, item.lang) for item, _ in sentences]
    if score is not None and sentences:
        for entry, scores in zip(entries, np.nan_to_num(score([item.text for item, _ in sentences])).T, strict=True):
            ranked = [int(i) for i in np.argsort(-scores, kind="stable") if all(s.area != entry.area.id for s in found[i])]
            for i in ranked[:most]:
                found[i].append(Suggestion(entry.area.id, round(float(scores[i]), 3)))
    asked = [(max(s.score for s in new), _candidate(item, context, new, model))
             for (item, context), new in zip(sentences, found, strict=True) if new]  # fmt: skip
    return [task for _, task in sorted(asked, key=lambda pair: -pair[0])]


def _candidate(item: Item, context: str, new: Sequence[Suggestion], model: str) -> Task:
    labels = [] if item.before.split()[:1] in ([], ["none"]) else item.before.split(", ")
    suggestions = [*(Suggestion(label, 1.0) for label in labels), *(s for s in new if s.score >= LIKELY)]
    return Task(item, _MAY_CARRY + ", ".join(s.area for s in new), context, tuple(suggestions), model)


def describe(made: Plan, tasks: Sequence[Task] = ()) -> str:
    """The plan as a table for a person, one step a line. :param tasks: what `candidates` found."""
    asked = Counter(area for task in tasks for area in task.why.removeprefix(_MAY_CARRY).split(", "))
    width = max([len("step"), *(len(str(step)) for step in made.migration.steps)])
    rows = [(str(step), made.rewritten[step], made.asked[step], asked[step.new[0]] if step.kind == "add" else 0)
            for step in made.migration.steps]  # fmt: skip
    lines = [f"{'step':<{width}}{'rewritten':>11}{'waiting':>9}{'candidates':>12}"]
    lines += [f"{name:<{width}}{n:>11}{waiting:>9}{candidate:>12}" for name, n, waiting, candidate in rows]
    lines += ["", f"{len(made.kept)} sentences kept, {len(made.waiting)} wait for a person, {len(tasks)} may carry an added area"]
    lines += [f"{name}: {n} lines taken out, whose areas are not certain any more" for name, n in made.dropped.items()]
    return "\n".join(lines)
