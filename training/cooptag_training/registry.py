"""MLflow's registry: `register` makes a model folder a version there, `fetch` gives the folder of one back."""

import json
import os
import re
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from cooptag import artifact
from cooptag.errors import CooptagError, ModelError, UsageError
from cooptag_training import tracking
from cooptag_training.tracking import DEFAULT_STORE, OFF, MlflowTracker

# The alias that is served. It moves to another version through an evaluation only, or by force.
CHAMPION = "champion"
# Where the model folders of remote stores are kept, each under its digest.
CACHE = Path.home() / ".cache" / "cooptag"
# Of names and aliases; MLflow keeps "latest" and "v1" for itself.
_NAME = r"(?!latest\b|v[0-9]+\b)[a-z0-9][a-z0-9_-]{0,63}"
_MODEL_URI = re.compile(
    rf"models:/(?:(?P<model_id>m-[0-9a-f]{{32}})|(?P<name>{_NAME})(?:@(?P<alias>{_NAME})|/(?P<version>[1-9][0-9]{{0,8}})))"
)
_FOLDER_NAME = re.compile(r"\w[\w .+-]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")
# Lines of a model card (evaluate.describe), and MLflow's codes for a model or version, and for an alias, that is not there.
_CARD_SCORES = {
    "micro_f1": re.compile(r"^micro-F1 ([01]\.\d+)", re.MULTILINE), "macro_f1": re.compile(r"^macro-F1 ([01]\.\d+)", re.MULTILINE),
    "micro_f1_vi": re.compile(r"^vi +([01]\.\d+) \(", re.MULTILINE),
}  # fmt: skip
_NOT_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


@dataclass(frozen=True)
class Registered:
    """A version of a registered model; `made` says that it is new, `before` which version its alias stood at ("" for none)."""

    version: str
    made: bool
    before: str


def register(
    uri: str, folder: Path, name: str = "cooptag", alias: str = CHAMPION, force: bool = False, tags: Mapping[str, str] | None = None
) -> Registered:
    """Puts a model folder into the registry of the store at `uri` and sets the alias to its version; a digest has one version.

    :param force: also take the alias "champion" away from another version. :param tags: additional tags of the version.
    :raises ModelError: if the folder is no sound model folder.
    :raises UsageError: if a name is not allowed, the store cannot be used, or "champion" stands at another version.
    """
    for option, value in (("--name", name), ("--alias", alias)):
        if not re.fullmatch(_NAME, value):
            raise UsageError(f"{option} is {value!r}; expected up to 64 of a-z, 0-9, _ and -, not latest or v1, as in cooptag")
    manifest = artifact.load(folder).manifest
    tracker = tracking.make(uri, required=True)
    if not isinstance(tracker, MlflowTracker):
        raise UsageError(f"--tracking is {uri!r}; a registry needs a store, such as {DEFAULT_STORE}")
    with _store_errors(f"cannot register {manifest.name}", uri):
        version, before = _version_of(tracker.client, name, manifest.digest), _holder(tracker.client, name, alias)
        if alias == CHAMPION and before not in ("", version) and not force:
            raise UsageError(
                f"models:/{name}@{alias} is version {before}, another model; move it with `cooptag-train evaluate {folder} DATA "
                f"--champion models:/{name}@{alias} --promote`, choose another --alias, or --force it"
            )
        made = not version
        version = version or _new_version(tracker, folder, name, manifest)
        for key, value in (tags or {}).items():
            tracker.client.set_model_version_tag(name, version, key, value)
        tracker.client.set_registered_model_alias(name, alias, version)
    return Registered(version, made, before)


def _version_of(client: Any, name: str, digest: str) -> str:
    """The newest version of a registered model that holds the folder of this digest, "" if none does."""
    found = client.search_model_versions(f"name='{name}' and tags.digest='{digest}'")
    return str(max((int(version.version) for version in found), default=""))


def _holder(client: Any, name: str, alias: str) -> str:
    """The version that the alias stands at, "" without one."""
    registered = client.search_registered_models(f"name='{name}'")
    return str(registered[0].aliases.get(alias, "")) if registered else ""


def _new_version(tracker: MlflowTracker, folder: Path, name: str, manifest: artifact.Manifest) -> str:
    client, card = tracker.client, (folder / "README.md").read_text(encoding="utf8", errors="replace")
    scores = card_scores(card)
    about = {key: getattr(manifest, key) for key in ("digest", "data_hash", "git_commit")}
    made_of = {key: getattr(manifest, key) for key in ("name", "precision", "base_model", "teacher", "run_id", "created")}
    with tracker.run(f"register {manifest.name}", {**made_of, **about}) as run_id:
        tracker.metrics({key: float(value) for key, value in scores.items()})
        tracker.text("README.md", card)
        model_id = tracker.model(folder, manifest.name)
        if not client.search_registered_models(f"name='{name}'"):
            client.create_registered_model(
                name, description="Tags each sentence of diplomatic news with the cooperation areas that it names."
            )
        # Not models:/ID: a SQLite registry would look that up in the store of MLFLOW_TRACKING_URI.
        source = client.get_logged_model(model_id).artifact_location
        described = _description(manifest, scores)
        made = client.create_model_version(name, source, run_id, {**scores, **about}, description=described, model_id=model_id)
    return str(made.version)


def _description(manifest: artifact.Manifest, scores: Mapping[str, str]) -> str:
    figures = "".join(f", {key.replace('_f1', '-F1').replace('_', ' ')} {value}" for key, value in scores.items())
    return (
        f"{manifest.name}: {len(manifest.areas)} areas, {len(manifest.languages)} languages, {manifest.precision}, "
        f"made {manifest.created}{figures}. The scores are those of its model card, README.md among the files of the source run."
    )


def card_scores(card: str) -> dict[str, str]:
    """Micro-F1, macro-F1 and micro-F1 of Vietnamese as a model card's text has them; what it lacks is left out."""
    found = {key: pattern.search(card) for key, pattern in _CARD_SCORES.items()}
    return {key: match[1] for key, match in found.items() if match}


def fetch(uri: str, store: str | None = None) -> Path:
    """The model folder behind models:/NAME@ALIAS, models:/NAME/VERSION or models:/ID. No code of it runs; who loads it checks its digests.

    A local store's folder is the one that lies there, and no socket is opened; a remote one's is downloaded below `CACHE` once.

    :param store: None for that of MLFLOW_TRACKING_URI, without it `DEFAULT_STORE`.
    :raises UsageError: if the URI is not written so, mlflow is not installed, or the store cannot be used.
    :raises ModelError: if the store has no such model, version or alias, or it is no cooptag model.
    """
    parts = model_uri(uri)
    store = store or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_STORE
    if store == OFF:
        raise UsageError(f"{uri} lies in an MLflow store, and tracking is {OFF}; name the store, such as {DEFAULT_STORE}")
    tracking.prepare_environment()
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise UsageError(f"{uri}: reading MLflow's registry needs mlflow; run `pip install mlflow`, or name a model folder") from error
    tracking.hush()
    with _store_errors(f"cannot fetch {uri}", store):
        _check_readable(store)
        location = _location(MlflowClient(tracking_uri=store, registry_uri=store), parts)
        folder = _folder_uri(uri, location, store)
        if urlsplit(folder).scheme in ("", "file"):
            return Path(url2pathname(urlsplit(folder).path))
        return _downloaded(folder, store)


def model_uri(uri: str) -> dict[str, str]:
    """The parts of a model URI that it has, of `model_id`, `name`, `alias` and `version`.

    :raises UsageError: if it is not written as one.
    """
    match = _MODEL_URI.fullmatch(uri)
    if match is None:
        raise UsageError(
            f"model is {uri[:100]!r}; expected models:/NAME@ALIAS, models:/NAME/VERSION or models:/ID, as in models:/cooptag@champion"
        )
    return {key: value for key, value in match.groupdict().items() if value}


def _check_readable(uri: str) -> None:
    """Fails within `LOCK_SECONDS` where a SQLite store is not there, locked, or no MLflow store; nothing is written.

    :raises UsageError: if there is none. :raises sqlite3.Error: saying what else it is.
    """
    file = tracking.sqlite_file(uri)
    if file is None:
        return
    if not file.is_file():
        raise UsageError(f"there is no MLflow store {uri}; name one in MLFLOW_TRACKING_URI, or make one with `cooptag-train register`")
    connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", timeout=tracking.LOCK_SECONDS, uri=True)
    try:
        connection.execute("SELECT 1 FROM model_versions LIMIT 1").fetchone()
    finally:
        connection.close()


def _location(client: Any, parts: Mapping[str, str]) -> str:
    """Where a logged model, or a version's, lies."""
    if "model_id" in parts:
        return str(client.get_logged_model(parts["model_id"]).artifact_location)
    name, version = parts["name"], parts.get("version")
    version = version or client.get_model_version_by_alias(name, parts["alias"]).version
    return str(client.get_model_version_download_uri(name, version))


def _folder_uri(uri: str, location: str, store: str) -> str:
    """The one folder below `artifacts` of a logged model: the model folder that `_save_pyfunc` put there."""
    from mlflow.artifacts import list_artifacts

    found = list_artifacts(artifact_uri=f"{location}/artifacts", tracking_uri=store)
    names = [Path(entry.path).name for entry in found if entry.is_dir]
    if len(names) != 1 or not _FOLDER_NAME.fullmatch(names[0]):
        raise ModelError(
            f"{uri}: {tracking.CREDENTIALS.sub('//***@', location)} holds no cooptag model; register one with `cooptag-train register`"
        )
    return f"{location}/artifacts/{names[0]}"


def _downloaded(folder: str, store: str) -> Path:
    """A remote model folder's copy below `CACHE`, whole and under its own digest; one that is there is not downloaded again."""
    from filelock import FileLock
    from mlflow.artifacts import download_artifacts

    def download(name: str) -> Path:
        return Path(download_artifacts(artifact_uri=f"{folder}/{name}", dst_path=scratch, tracking_uri=store))

    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(str(CACHE / "fetch.lock")), tempfile.TemporaryDirectory(prefix=".fetch.", dir=CACHE) as scratch:
        digest = str(json.loads(download(artifact.MANIFEST).read_bytes()).get("digest"))
        if _DIGEST.fullmatch(digest) and (CACHE / digest).is_dir():
            return CACHE / digest
        for name in artifact.FILES:
            download(name)
        manifest = artifact.load(Path(scratch)).manifest
        artifact.save(CACHE / manifest.digest, manifest, {name: (Path(scratch) / name).read_bytes() for name in artifact.FILES})
        return CACHE / manifest.digest


@contextmanager
def _store_errors(what: str, uri: str) -> Iterator[None]:
    """Turns what a store or MLflow raises into one line.

    :raises ModelError: if something is not there. :raises UsageError: if the store cannot be used.
    """
    try:
        yield
    except CooptagError:
        raise
    except Exception as error:  # each kind of store has errors of its own
        why = tracking.problem(f"{what} in the MLflow store {uri}", error)
        if getattr(error, "error_code", "") in _NOT_THERE and "not found" in str(error):
            raise ModelError(f"{why}; name another, or register one with `cooptag-train register`") from error
        raise UsageError(f"{why}; mend it, or name another store in MLFLOW_TRACKING_URI") from error
