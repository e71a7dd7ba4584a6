"""The areas in the terms of other schemes: UN Sustainable Development Goals, OECD-DAC sectors, Comparative Agendas topics.

A mapping file links each area to codes, and says what the code is to the area in the terms of SKOS (Miles and Bechhofer 2009, "SKOS
Reference", section 10): exact, broader (the code covers the area and more), narrower (a part of it) or related. How well the
mapped codes predict those that a person would give is measured on sentences labelled with the schemes' own codes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from cooptag import Tagger
from cooptag.errors import InputError, UsageError
from cooptag_training import areas as area_file
from cooptag_training import jsonl, metrics

DEFAULT_FOLDER = area_file.DEFAULT_FILE.parent / "mappings"
DEFAULT_LABELS = Path(__file__).resolve().parents[1] / "mapping-labels.jsonl"
FILES = ("sdg.yaml", "oecd-dac.yaml", "cap.yaml")
STRENGTHS = ("exact", "broader", "narrower", "related")
# What `Mapping.codes` gives unless told otherwise. Where a sentence carries an area, an exact or broader code of it stood in 73 to
# 89 % of the pairs (168 sentences labelled with the schemes' codes), a narrower one in 26 to 40 %, a related one in 19 to 37 %.
PREDICTING = ("exact", "broader")
# What `score` tries, each with one strength more.
CHOICES = tuple(STRENGTHS[: i + 1] for i in range(len(STRENGTHS)))


@dataclass(frozen=True)
class Scheme:
    """What is mapped to. `id` is its key in a file of labels; `code` says in words what a code is."""

    id: str
    name: str
    edition: str
    url: str
    code: str


@dataclass(frozen=True)
class Link:
    """A code that an area is mapped to; `strength` is one of `STRENGTHS`."""

    code: str
    strength: str


@dataclass(frozen=True)
class Mapping:
    """A mapping file. `titles` of all codes in its order, `main` the main code of each (its own or the one above), `links` by area."""

    scheme: Scheme
    titles: dict[str, str]
    main: dict[str, str]
    links: dict[str, tuple[Link, ...]]

    def codes(self, area_ids: Iterable[str], strengths: Sequence[str] = PREDICTING) -> tuple[str, ...]:
        """The codes of some areas, each once, in the scheme's order.

        :raises UsageError: where an area is not in the mapping.
        """
        found = {link.code for area in area_ids for link in self._links_of(area) if link.strength in strengths}
        return tuple(code for code in self.titles if code in found)

    def main_codes(self, codes: Iterable[str]) -> set[str]:
        """The main codes of some codes: SDG 14 of SDG 14.4."""
        return {self.main[code] for code in codes}

    def _links_of(self, area: str) -> tuple[Link, ...]:
        if area not in self.links:
            raise UsageError(f"area {area!r} is not mapped to {self.scheme.name}; expected one of {', '.join(self.links)}")
        return self.links[area]


@dataclass(frozen=True)
class Labelled:
    """A sentence with its gold areas and the codes that a person gave it, by scheme id."""

    text: str
    lang: str
    areas: tuple[str, ...]
    codes: dict[str, frozenset[str]]


def load(path: Path, areas: Sequence[str]) -> Mapping:
    """Reads and checks a mapping file.

    :param areas: the area ids; each must be in the file, and no other.
    :raises InputError: one line naming the file, the line, the value and what was expected.
    """
    return _MappingFile(path).read(areas)


def load_all(areas: Sequence[str], folder: Path = DEFAULT_FOLDER) -> list[Mapping]:
    """The shipped mappings, in the order of `FILES`.

    :raises InputError: as `load`.
    """
    return [load(folder / name, areas) for name in FILES]


class _MappingFile(area_file.YamlFile):
    """Walks the YAML nodes of a mapping file as those of an area file are walked."""

    def read(self, areas: Sequence[str]) -> Mapping:
        root = self.root()
        top = self.mapping(root, "the file")
        self.keys(root, top, {"version", "scheme", "codes", "subcodes", "areas"})
        titles, main = self.codes(top["codes"], top["subcodes"])
        fields = self.mapping(top["areas"], "areas")
        self.keys(top["areas"], fields, set(areas))
        links = {area: self.links(fields[area], titles) for area in areas}
        return Mapping(self.scheme(top["scheme"]), titles, main, links)

    def scheme(self, node: yaml.Node) -> Scheme:
        fields = self.mapping(node, "scheme")
        self.keys(node, fields, {"id", "name", "edition", "url", "code"})
        return Scheme(**{key: self.scalar(value) for key, value in fields.items()})

    def codes(self, codes: yaml.Node, subcodes: yaml.Node) -> tuple[dict[str, str], dict[str, str]]:
        """The title of each code, and its main code."""
        titles = {code: self.scalar(node) for code, node in self.mapping(codes, "codes").items()}
        main = {code: code for code in titles}
        for above, group in self.mapping(subcodes, "subcodes").items():
            if main.get(above) != above:
                raise self.fail(group, f"subcodes of {above!r}, which is not among codes")
            for code, node in self.mapping(group, f"subcodes of {above!r}").items():
                if code in titles:
                    raise self.fail(node, f"code {code!r} stands twice")
                titles[code], main[code] = self.scalar(node), above
        return titles, main

    def links(self, node: yaml.Node, titles: dict[str, str]) -> tuple[Link, ...]:
        seen: set[str] = set()
        links = []
        for item in self.sequence(node, "the codes of an area"):
            link = self.link(item, titles)
            if link.code in seen:
                raise self.fail(item, f"code {link.code!r} stands twice in one area")
            seen.add(link.code)
            links.append(link)
        return tuple(links)

    def link(self, node: yaml.Node, titles: dict[str, str]) -> Link:
        fields = self.mapping(node, "a link")
        self.keys(node, fields, {"code", "strength"})
        code, strength = self.scalar(fields["code"]), self.scalar(fields["strength"])
        if code not in titles:
            raise self.fail(fields["code"], f"code {code!r} is not among codes and subcodes")
        if strength not in STRENGTHS:
            raise self.fail(fields["strength"], f"strength is {strength!r}; expected one of {', '.join(STRENGTHS)}")
        return Link(code, strength)


def read_labels(file: Path, areas: Sequence[str], mappings: Sequence[Mapping]) -> list[Labelled]:
    """Reads sentences labelled with areas and with the codes of each scheme, JSON lines of `text`, `lang`, `areas` and the schemes' ids.

    A code may be given without the scheme's name and as a number: 14 is "SDG 14".
    :raises InputError: naming the line and what was expected; also where the file holds no line.
    """
    keys = ("text", "lang", "areas", *(mapping.scheme.id for mapping in mappings))
    expected = f"lines of {', '.join(keys)}"
    known = {mapping.scheme.id: {_bare(code): code for code in mapping.titles} for mapping in mappings}
    rows = []
    for number, data in jsonl.read(file, expected, keys):
        try:
            codes = {scheme: frozenset(_values(data[scheme], scheme, names)) for scheme, names in known.items()}
            rows.append(Labelled(str(data["text"]), str(data["lang"]), _values(data["areas"], "areas", {a: a for a in areas}), codes))
        except ValueError as error:
            raise InputError(f"{file}:{number}: {error}; expected {expected}") from error
    return rows


def _bare(code: object) -> str:
    return str(code).strip().rpartition(" ")[2]


def _values(given: object, what: str, names: dict[str, str]) -> tuple[str, ...]:
    """The full names of the given areas or codes."""
    if not isinstance(given, list):
        raise ValueError(f"{what} is {given!r}, not a list")
    for value in given:
        # A JSON number such as 17.10 would be read as 17.1.
        if not isinstance(value, str | int) or _bare(value) not in names:
            raise ValueError(f"{value!r} is none of the known {what}, such as {next(iter(names.values()))!r}")
    return tuple(dict.fromkeys(names[_bare(value)] for value in given))


def score(
    mapping: Mapping, labelled: Sequence[Labelled], predicted_areas: Sequence[Iterable[str]], strengths: Sequence[str] = PREDICTING
) -> dict[str, Any]:  # fmt: skip
    """How well the codes mapped from areas predict those that a person gave. Both are raised to their main codes first.

    :param predicted_areas: the areas of each labelled sentence: its gold ones, or a model's.
    :returns: `n`; `micro` precision, recall and F1 with its 95 % bootstrap interval; `choices`, the same with more and more
        strengths; `strengths`, how often a code stands of those linked so and not more strongly, over `n` (sentence, code) pairs;
        rows for `codes`; and rows for `areas`: of how many sentences, how often at least one of its codes stands, and each link alone.
    :raises UsageError: where an area is not in the mapping.
    """
    areas = [tuple(found) for found in predicted_areas]
    given = [mapping.main_codes(row.codes[mapping.scheme.id]) for row in labelled]
    gold, predicted = _matrix(mapping, given), _predicted(mapping, areas, strengths)
    low, high = metrics.bootstrap_f1(gold, predicted)
    rows = [_area_row(mapping, area, [codes for codes, found in zip(given, areas, strict=True) if area in found], strengths)
            for area in mapping.links]  # fmt: skip
    return {
        "scheme": mapping.scheme.name, "n": len(labelled),
        "micro": {**metrics.precision_recall_f1(gold, predicted), "low": low, "high": high},
        "choices": [{"strengths": list(choice), **metrics.precision_recall_f1(gold, _predicted(mapping, areas, choice))}
                    for choice in CHOICES],
        "strengths": [_strength_row(mapping, strength, rows) for strength in STRENGTHS],
        "codes": [{"code": code, "title": mapping.titles[code], "given": int(gold[:, i].sum()), "predicted": int(predicted[:, i].sum()),
                   **metrics.precision_recall_f1(gold[:, i], predicted[:, i])}
                  for i, code in enumerate(_mains(mapping)) if gold[:, i].any() or predicted[:, i].any()],
        "areas": [row for row in rows if row["n"]],
    }  # fmt: skip


def _mains(mapping: Mapping) -> list[str]:
    return [code for code, main in mapping.main.items() if code == main]


def _matrix(mapping: Mapping, given: Sequence[set[str]]) -> metrics.Bools:
    """(sentences, main codes)."""
    mains = _mains(mapping)
    return np.array([[code in codes for code in mains] for codes in given], dtype=bool).reshape(len(given), len(mains))


def _predicted(mapping: Mapping, areas: Sequence[Sequence[str]], strengths: Sequence[str]) -> metrics.Bools:
    return _matrix(mapping, [mapping.main_codes(mapping.codes(found, strengths)) for found in areas])


def _area_row(mapping: Mapping, area: str, given: Sequence[set[str]], strengths: Sequence[str]) -> dict[str, Any]:
    """`given`: the main codes that a person gave each sentence of the area."""
    wanted = mapping.main_codes(mapping.codes([area], strengths))
    return {
        "id": area, "n": len(given), "stands": _share([bool(wanted & codes) for codes in given]),
        "links": [{"code": link.code, "strength": link.strength, "stands": _share([mapping.main[link.code] in codes for codes in given])}
                  for link in mapping.links[area]],
    }  # fmt: skip


def _strength_row(mapping: Mapping, strength: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    links = [(row["n"], link["stands"]) for row in rows for link in _strongest(mapping, row["links"]) if link["strength"] == strength]
    pairs = sum(n for n, _ in links)
    return {"strength": strength, "n": pairs, "stands": sum(n * stands for n, stands in links) / max(pairs, 1)}


def _strongest(mapping: Mapping, links: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of the links to one main code the strongest: 12250 beside 120 predicts nothing new."""
    found: dict[str, dict[str, Any]] = {}
    for link in sorted(links, key=lambda link: STRENGTHS.index(link["strength"])):
        found.setdefault(mapping.main[link["code"]], link)
    return list(found.values())


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / max(len(hits), 1)


def measure(labels: Path = DEFAULT_LABELS, model: str | None = None, folder: Path = DEFAULT_FOLDER) -> list[dict[str, Any]]:
    """`score` of each shipped mapping from the gold areas and, with `model`, from those that it gives; `areas_from` says which.

    :raises InputError: where a mapping or the labels cannot be read. :raises ModelError: as `Tagger.load`.
    :raises UsageError: where the model has areas that are not mapped.
    """
    ids = [entry.area.id for entry in area_file.load()]
    mappings = load_all(ids, folder)
    labelled = read_labels(labels, ids, mappings)
    sources: dict[str, list[tuple[str, ...]]] = {"gold": [row.areas for row in labelled]}
    if model is not None:
        tagged = Tagger.load(model).tag([row.text for row in labelled])
        sources[model] = [tuple(area.id for area in sentence.areas) for sentence in tagged]
    return [{"areas_from": name, **score(mapping, labelled, found)} for mapping in mappings for name, found in sources.items()]


def describe(reports: Sequence[dict[str, Any]], shown: int = 8) -> str:
    """The reports as lines for a person: the table of the schemes, then of each from the gold areas what helps and what fails."""
    width = max(len(report["areas_from"]) for report in reports)
    lines = [f"{reports[0]['n']} sentences labelled with the schemes' own codes; codes mapped from areas by {', '.join(PREDICTING)}", "",
             f"{'scheme':<40}{'areas':<{width}}{'F1':>7}{'95 %':>16}{'precision':>11}{'recall':>8}"]  # fmt: skip
    for report in reports:
        micro = report["micro"]
        lines.append(f"{report['scheme']:<40}{report['areas_from']:<{width}}{micro['f1']:>7.3f}{micro['low']:>8.3f} to {micro['high']:.3f}"
                     f"{micro['precision']:>11.3f}{micro['recall']:>8.3f}")  # fmt: skip
    for report in reports:
        if report["areas_from"] == "gold":
            lines += ["", *_details(report, shown)]
    return "\n".join(lines)


def _details(report: dict[str, Any], shown: int) -> list[str]:
    choices = "  ".join(f"+{row['strengths'][-1]} {row['f1']:.3f}" for row in report["choices"])
    strengths = "  ".join(f"{row['strength']} {row['stands']:.2f} of {row['n']}" for row in report["strengths"])
    lines = [report["scheme"], f"  F1 with more strengths: {choices}", f"  the linked code stands: {strengths}",
             f"  areas whose codes stand least ({shown}):"]  # fmt: skip
    for row in sorted(report["areas"], key=lambda row: row["stands"])[:shown]:
        links = ", ".join(f"{link['code']} {link['strength']} {link['stands']:.2f}" for link in row["links"])
        lines.append(f"    {row['id']:<26}{row['stands']:.2f} of {row['n']:<5}{links or 'no code'}")
    lines.append(f"  codes predicted worst ({shown}):")
    for row in sorted(report["codes"], key=lambda row: (row["f1"], -row["given"]))[:shown]:
        lines.append(f"    {row['code']:<8}{row['title'][:40]:<42}F1 {row['f1']:.2f}  given {row['given']}  predicted {row['predicted']}")
    return lines
