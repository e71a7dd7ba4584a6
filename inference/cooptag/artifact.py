"""The model folder: its declared layout, manifest, digests. Loading runs no code and reaches no network.

Every byte is read once, checked against the manifest, and handed on in memory, so that nothing can change between
check and use. The manifest itself must be in its canonical form and carry its own digest.
"""

import hashlib
import json
import os
import re
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from cooptag.decode import Decoder
from cooptag.errors import ModelError, UsageError
from cooptag.types import Area

FORMAT_VERSION = 4
MANIFEST = "manifest.json"
FILES = ("model.onnx", "tokenizer.json", "areas.json", "golden.json", "examples.npz", "README.md")
# A folder larger than this is refused before it is read: released models stay under 40 MB, bring-your-own ones
# under the 118 M parameters of the untrimmed encoder in fp32.
MAX_FILE_BYTES = 1_000_000_000
MAX_LENGTH = 8192  # tokens
DEFAULT_MODEL = "cooptag-small"
# Short names of models. "auto" is two of them, see `Tagger.load`; a large one is built, not shipped (README).
SIZES = {"nano": "cooptag-nano", "small": DEFAULT_MODEL, "large": "cooptag-large"}
_AREAS = TypeAdapter(list[Area])
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_URI = re.compile(r"([a-z][a-z0-9]+):/")


class Calibration(BaseModel):
    """scale and bias of each area's score; `method` says how they were fitted."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    method: str
    scale: list[float]
    bias: list[float]


class Reference(BaseModel):
    """What the model says of sentences held out of its training, to hold later text against. Shares lie in [0, 1].

    `none`: share of sentences without area; `rates`: share that carries each area, in manifest order; `scores`: share whose
    probability to name an area lies in each tenth; `unknown`: share of vocabulary pieces that are unknown.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    sentences: int
    none: float
    rates: list[float]
    scores: list[float]
    uncertain: float
    unknown: float
    languages: dict[str, float]


class Manifest(BaseModel):
    """manifest.json. Lists have one entry for each area, in the order of `areas`.

    `thresholds` serve `goal`; `goals` holds the thresholds of every goal that they were fitted for. `none` and
    `uncertain_from` are the decoder's. `pass_on_from`: the expected number of wrong areas from which "auto" asks the
    default model as well. `reference` is None where nothing was held out of training. `teacher` is the model whose
    scores this one learned, "" for none.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    format_version: int
    name: str
    areas: list[str]
    problem_type: Literal["multi_label", "single_label"]
    goal: str
    thresholds: list[float]
    goals: dict[str, list[float]]
    calibration: Calibration
    none: tuple[float, float]
    uncertain_from: float
    pass_on_from: float
    reference: Reference | None
    max_length: int
    languages: list[str]
    text_version: str
    prefix: str
    precision: str
    base_model: str
    teacher: str
    data_hash: str
    run_id: str
    git_commit: str
    created: str
    files: dict[str, str]
    digest: str = ""

    def decoder(self) -> Decoder:
        """The decoder that this manifest describes."""
        calibration = self.calibration
        arrays = (np.array(calibration.scale), np.array(calibration.bias), np.array(self.thresholds))
        return Decoder(tuple(self.areas), *arrays, self.problem_type == "single_label", self.none, self.uncertain_from)


@dataclass(frozen=True)
class ModelFolder:
    """A model folder that passed every check, as bytes in memory."""

    path: Path
    manifest: Manifest
    areas: tuple[Area, ...]
    model: bytes
    tokenizer: str
    golden: dict[str, Any]
    examples: bytes = b""


def find(model: str | os.PathLike[str] | None = None) -> Path:
    """The folder of a shipped model's name or size, of a path (anything with a separator, or a folder that exists), or of
    a URI such as models:/cooptag@champion, for which the training side brings a function (entry points, `cooptag.models`).

    :raises ModelError: if there is no such folder. :raises UsageError: if a URI cannot be looked up.
    """
    name = DEFAULT_MODEL if model is None else os.fspath(model)
    name = SIZES.get(name, name)
    if uri := _URI.match(name):
        return _fetched(uri[1], name)
    if _NAME.fullmatch(name):
        for folder in _shipped_models():
            if (folder / name).is_dir():
                return folder / name
    if name and _is_dir(Path(name)):
        return Path(name)
    shipped = sorted({p.name for folder in _shipped_models() if folder.is_dir() for p in folder.iterdir() if p.is_dir()})
    if name == SIZES["large"]:
        recipe = "cooptag-train fit --data data/cooptag --config configs/train-large.yaml"
        raise ModelError(f"{name} is built, not shipped: run `{recipe} --out models/{name}` (README, \"Sizes\")")
    raise ModelError(f"no model {name!r}: expected a model folder or one of {shipped}; name one with --model")


def _fetched(scheme: str, uri: str) -> Path:
    """:raises UsageError: if nobody looks up such URIs, or a library for it is missing."""
    finders = list(entry_points(group="cooptag.models", name=scheme))
    if not finders:
        raise UsageError(f"no model {uri[:100]!r}: nothing looks up {scheme}:/; name a model folder, or models:/NAME@ALIAS of MLflow")
    try:
        fetch: Callable[[str], Path] = finders[0].load()
    except ImportError as error:
        raise UsageError(f"{scheme}:/ needs {error.name}, which is not installed; run `pip install 'cooptag[train]'`") from error
    return fetch(uri)


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name too long, or with a NUL
        return False


def _shipped_models() -> tuple[Path, ...]:
    """Where models lie: inside the installed package, or in the repository for an editable install."""
    package = Path(__file__).resolve().parent
    return package / "models", package.parent.parent / "models"


def load(path: Path) -> ModelFolder:
    """Reads and checks a model folder: layout, digests, and that its parts fit together.

    :raises ModelError: naming the file at fault; nothing is ever partly loaded.
    """
    contents = _read_layout(path)
    manifest = _parse_manifest(path, contents[MANIFEST])
    for name in FILES:
        if hashlib.sha256(contents[name]).hexdigest() != manifest.files.get(name):
            raise ModelError(f"{path / name}: its SHA-256 is not the manifest's; the file was changed or damaged, get the folder again")
    areas = _parse_areas(path, contents["areas.json"], manifest)
    golden = _parse_json(path / "golden.json", contents["golden.json"])
    tokenizer = contents["tokenizer.json"].decode("utf8", "replace")
    return ModelFolder(path, manifest, areas, contents["model.onnx"], tokenizer, golden, contents["examples.npz"])


def _read_layout(path: Path) -> dict[str, bytes]:
    """The bytes of each declared file. Anything absent, additional, linked or oversized is refused by name."""
    if not _is_dir(path):
        raise ModelError(f"{path}: no such model folder; name one with --model")
    expected = {MANIFEST, *FILES}
    for entry in sorted(path.iterdir()):
        if entry.name not in expected:
            raise ModelError(f"{entry}: a model folder holds only {', '.join(sorted(expected))}; remove this")
    contents = {}
    for name in sorted(expected):
        file = path / name
        if file.is_symlink() or not file.is_file():
            raise ModelError(f"{file}: is missing or not a plain file; get the folder again")
        if file.stat().st_size > MAX_FILE_BYTES:
            raise ModelError(f"{file}: is over {MAX_FILE_BYTES} bytes; not a cooptag model")
        contents[name] = file.read_bytes()
    return contents


def _parse_json(file: Path, raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{file}: is not JSON ({type(error).__name__}); get the folder again") from error


def _parse_manifest(path: Path, raw: bytes) -> Manifest:
    file = path / MANIFEST
    version = data.get("format_version") if isinstance(data := _parse_json(file, raw), dict) else None
    if version != FORMAT_VERSION:
        raise ModelError(f"{file}: format_version is {version!r}, this cooptag reads {FORMAT_VERSION}; use a matching release")
    try:
        manifest = Manifest.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ModelError(f"{file}: {where}: {first['msg']}; get the folder again") from error
    if raw != manifest_bytes(manifest) or manifest.digest != _digest(manifest):
        raise ModelError(f"{file}: does not match its own digest; the file was changed or damaged, get the folder again")
    _check_manifest(file, manifest)
    return manifest


def _check_manifest(file: Path, manifest: Manifest) -> None:
    n = len(manifest.areas)
    calibration = manifest.calibration
    lists = {"thresholds": manifest.thresholds, "scale": calibration.scale, "bias": calibration.bias}
    lists |= {f"goals.{goal}": values for goal, values in manifest.goals.items()}
    lists |= {"reference.rates": manifest.reference.rates} if manifest.reference else {}
    for name, values in lists.items():
        if len(values) != n:
            raise ModelError(f"{file}: {name} has {len(values)} values for {n} areas; get the folder again")
    if n == 0 or len(set(manifest.areas)) != n:
        raise ModelError(f"{file}: areas must be a list of different ids; get the folder again")
    if set(manifest.files) != set(FILES):
        raise ModelError(f"{file}: files must name {', '.join(FILES)}; get the folder again")
    if not 8 <= manifest.max_length <= MAX_LENGTH:
        raise ModelError(f"{file}: max_length is {manifest.max_length}, expected 8 to {MAX_LENGTH}; get the folder again")


def _parse_areas(path: Path, raw: bytes, manifest: Manifest) -> tuple[Area, ...]:
    file = path / "areas.json"
    try:
        areas = tuple(_AREAS.validate_json(raw, strict=True))
    except ValidationError as error:
        raise ModelError(f"{file}: is not a list of areas ({error.errors()[0]['msg']}); get the folder again") from error
    if [area.id for area in areas] != manifest.areas:
        raise ModelError(f"{file}: its areas are not the manifest's; get the folder again")
    return areas


def manifest_bytes(manifest: Manifest) -> bytes:
    """The canonical form of a manifest, the only one that loads."""
    return (json.dumps(manifest.model_dump(), ensure_ascii=False, indent=1) + "\n").encode("utf8")


def _digest(manifest: Manifest) -> str:
    return hashlib.sha256(manifest_bytes(manifest.model_copy(update={"digest": ""}))).hexdigest()


def save(path: Path, manifest: Manifest, contents: dict[str, bytes]) -> Manifest:
    """Writes a model folder whole or not at all: into a temporary folder beside it, then renamed into place.

    :param contents: the bytes of each file of `FILES`; the manifest's `files` and `digest` are filled in here.
    :raises ValueError: if `contents` does not hold exactly the declared files.
    :raises ModelError: if `path` holds anything but a model folder, which is replaced.
    """
    if set(contents) != set(FILES):
        raise ValueError(f"a model folder is written from {FILES}, got {sorted(contents)}")
    if not replaceable(path):
        raise ModelError(f"{path}: exists and is no model folder; choose another place")
    digests = {name: hashlib.sha256(contents[name]).hexdigest() for name in FILES}
    manifest = manifest.model_copy(update={"files": digests})
    manifest = manifest.model_copy(update={"digest": _digest(manifest)})
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as scratch:
        new = Path(scratch) / "new"
        new.mkdir()
        for name, raw in {**contents, MANIFEST: manifest_bytes(manifest)}.items():
            write_durably(new / name, raw)
        if path.exists():
            path.rename(Path(scratch) / "old")
        new.rename(path)
    return manifest


def replaceable(path: Path) -> bool:
    """Whether a model folder may be written at `path`: nothing is there, or a model folder and nothing else."""
    if not path.is_dir():
        return not path.exists()
    names = {entry.name for entry in path.iterdir()}
    return not names or (MANIFEST in names and names <= {MANIFEST, *FILES})


def write_durably(file: Path, raw: bytes) -> None:
    """Writes a file so that after a crash it is absent or whole: temporary name, fsync, rename."""
    scratch = scratch_name(file)
    try:
        scratch.write_bytes(raw)
        commit(scratch, file)
    finally:
        scratch.unlink(missing_ok=True)


def scratch_name(file: Path) -> Path:
    """A name beside `file` that nobody else writes to: `.<name>.<random>.tmp`."""
    return file.with_name(f".{file.name}.{secrets.token_hex(4)}.tmp")


def commit(scratch: Path, file: Path) -> None:
    """Gives a written file its name, so that after a crash, of the machine too, `file` is as before or whole."""
    with scratch.open("rb+") as written:
        os.fsync(written.fileno())
    scratch.replace(file)
    if os.name == "posix":  # the name itself is kept by the folder; elsewhere folders cannot be opened
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
