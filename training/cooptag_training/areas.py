"""The label set's file, configs/areas.yaml, validated at load with errors that name the line."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cooptag.errors import InputError
from cooptag.types import Area

PILLARS = ("political-security", "economic", "sustainability", "socio-cultural", "cross-pillar")
REQUIRED_NAMES = ("vi", "en", "id", "th", "zh", "fr")
DEFAULT_FILE = Path(__file__).resolve().parents[2] / "configs" / "areas.yaml"
_ID = re.compile(r"(?!none$)[a-z][a-z0-9_]*")  # none is what a corpus file says of a sentence without area
_LANG = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True)
class AreaEntry:
    """An area with what its file tells annotators and augmentation: cues by language, and named bodies."""

    area: Area
    cues: dict[str, tuple[str, ...]]
    bodies: tuple[str, ...]


def load(path: Path = DEFAULT_FILE) -> list[AreaEntry]:
    """Reads and checks an area file.

    :raises InputError: one line naming the file, the line, the value and what was expected.
    """
    return _AreaFile(path).entries()


class YamlFile:
    """Walks YAML nodes, which know their lines, rather than plain values, which do not."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def root(self) -> yaml.Node | None:
        """:raises InputError: if the file cannot be read."""
        try:
            return yaml.compose(self.path.read_text(encoding="utf8"), Loader=yaml.SafeLoader)
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InputError(f"{self.path}: cannot be read as YAML ({' '.join(str(error).split())})") from error

    def fail(self, node: yaml.Node | None, problem: str) -> InputError:
        line = node.start_mark.line + 1 if node is not None else 1
        return InputError(f"{self.path}: line {line}: {problem}")

    def mapping(self, node: yaml.Node | None, what: str) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            raise self.fail(node, f"{what} must be keys and values")
        fields: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if key.value in fields:
                raise self.fail(key, f"key {key.value!r} stands twice")
            fields[key.value] = value
        return fields

    def by_language(self, node: yaml.Node, what: str) -> dict[str, yaml.Node]:
        fields = self.mapping(node, what)
        for lang, value in fields.items():
            if not _LANG.fullmatch(lang):
                raise self.fail(value, f"{what}: {lang!r} is no language code such as 'vi'")
        return fields

    def sequence(self, node: yaml.Node, what: str) -> list[Any]:
        if not isinstance(node, yaml.SequenceNode):
            raise self.fail(node, f"{what} must be a list")
        return list(node.value)

    def keys(self, node: yaml.Node | None, fields: dict[str, yaml.Node], expected: set[str]) -> None:
        if missing := sorted(expected - set(fields)):
            raise self.fail(node, f"lacks {', '.join(missing)}")
        if unknown := sorted(set(fields) - expected):
            raise self.fail(fields[unknown[0]], f"unknown key {unknown[0]!r}; expected {', '.join(sorted(expected))}")

    def match(self, node: yaml.Node, pattern: re.Pattern[str], what: str) -> str:
        value = self.scalar(node)
        if not pattern.fullmatch(value):
            raise self.fail(node, f"{value!r} is not {what}")
        return value

    def scalar(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag != "tag:yaml.org,2002:str" or not node.value.strip():
            shown = getattr(node, "value", None)
            raise self.fail(node, f"expected text, got {shown!r}; quote it if it looks like a number or yes/no")
        return str(node.value).strip()


class _AreaFile(YamlFile):
    def entries(self) -> list[AreaEntry]:
        root = self.root()
        top = self.mapping(root, "the file")
        self.keys(root, top, {"version", "areas"})
        nodes = self.sequence(top["areas"], "areas")
        entries: list[AreaEntry] = []
        seen: dict[str, int] = {}
        cue_owner: dict[tuple[str, str], str] = {}
        for node in nodes:
            entry = self.entry(node)
            if entry.area.id in seen:
                raise self.fail(node, f"id {entry.area.id!r} stands at line {seen[entry.area.id]} already; ids must differ")
            seen[entry.area.id] = node.start_mark.line + 1
            self.unique_cues(node, entry, cue_owner)
            entries.append(entry)
        if not entries:
            raise self.fail(root, "areas is empty; expected at least one")
        return entries

    def entry(self, node: yaml.Node) -> AreaEntry:
        fields = self.mapping(node, "an area")
        self.keys(node, fields, {"id", "pillar", "names", "definition", "cues", "bodies"})
        names = {lang: self.scalar(value) for lang, value in self.by_language(fields["names"], "names").items()}
        missing = [lang for lang in REQUIRED_NAMES if lang not in names]
        if missing:
            raise self.fail(fields["names"], f"names lack {', '.join(missing)}; expected at least {', '.join(REQUIRED_NAMES)}")
        cues = {
            lang: tuple(self.scalar(item) for item in self.sequence(value, f"cues.{lang}"))
            for lang, value in self.by_language(fields["cues"], "cues").items()
        }
        bodies = tuple(self.scalar(item) for item in self.sequence(fields["bodies"], "bodies"))
        id_ = self.match(fields["id"], _ID, "an id of lower-case letters, digits and _, other than none")
        area = Area(id_, self.pillar(fields["pillar"]), names, self.scalar(fields["definition"]))
        return AreaEntry(area, cues, bodies)

    def pillar(self, node: yaml.Node) -> str:
        value = self.scalar(node)
        if value not in PILLARS:
            raise self.fail(node, f"pillar is {value!r}; expected one of {', '.join(PILLARS)}")
        return value

    def unique_cues(self, node: yaml.Node, entry: AreaEntry, owner: dict[tuple[str, str], str]) -> None:
        for lang, cues in entry.cues.items():
            for cue in cues:
                other = owner.setdefault((lang, cue.casefold()), entry.area.id)
                if other != entry.area.id:
                    raise self.fail(node, f"cue {cue!r} ({lang}) is of {other!r} already; a cue names one area")
