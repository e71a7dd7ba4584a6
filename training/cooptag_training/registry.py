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

from filelock import FileLock, Timeout

from cooptag import artifact
from cooptag.errors import CooptagError, ModelError, UsageError
from cooptag_training import tracking
from cooptag_training.tracking import DEFAULT_STORE, OFF, MlflowTracker

# The alias that is served. It moves to another version through an evaluation only, or by force.
CHAMPION = "champion"
# How long another process that registers in the same SQLite store is waited for; it needs some seconds.
REGISTER_SECONDS = 60.0
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


class NotPromoted(CooptagError):
    """The challenger is worse than the champion, or it cannot be told; the alias stays."""

    error_type = "not_promoted"


@dataclass(frozen=True)
class Registered:
    """A version of a registered model; `made` says that it is new, `before` which version its alias stood at ("" for none)."""

    version: str
    made: bool
    before: str


@dataclass(frozen=True)
class Promotion:
    """Why an alias moves: `over` is the digest of the model that it must still stand at, `run_id` the evaluation's ("" for none)."""

    over: str
    run_id: str
    summary: str


def register(
    uri: str, folder: Path, name: str = "cooptag", alias: str = CHAMPION, force: bool = False, promotion: Promotion | None = None
) -> Registered:
    """Puts a model folder into the registry of the store at `uri` and sets the alias to its version; a digest has one version.

    In a SQLite store processes do so one after another. A server cannot be held: there the alias is looked at once more right
    before it is set.

    :param force: also take the alias "champion" away from another version. :param promotion: take it away from that model only.
    :raises ModelError: if the folder is no sound model folder. :raises NotPromoted: if the alias stands at another by now.
    :raises UsageError: if a name is not allowed, the store cannot be used, or "champion" stands at another version.
    """
    for option, value in (("--name", name), ("--alias", alias)):
        if not re.fullmatch(_NAME, value):
            raise UsageError(f"{option} is {value!r}; expected up to 64 of a-z, 0-9, _ and -, not latest or v1, as in cooptag")
    if uri == OFF:
        raise UsageError(f"--tracking is {uri!r}; a registry needs a store, such as {DEFAULT_STORE}")
    manifest = artifact.load(folder).manifest

    def holder() -> str:
        """The version that the alias may be taken away from, "" for none."""
        version = _holder(tracker.client, name, alias)
        if promotion:
            _check_still(f"models:/{name}@{alias}", uri, promotion.over)
        elif alias == CHAMPION and not force and version not in ("", _version_of(tracker.client, name, manifest.digest)):
            raise UsageError(
                f"models:/{name}@{alias} is version {version}, another model; move it with `cooptag-train evaluate {folder} DATA "
                f"--champion models:/{name}@{alias} --promote`, choose another --alias, or --force it"
            )
        return version

    with _alone(uri):
        tracker = tracking.required(uri)
        with _store_errors(f"cannot register {manifest.name}", uri):
            holder()
            found = _version_of(tracker.client, name, manifest.digest)
            version = found or _new_version(tracker, folder, name, manifest)
            before = holder()  # again: to copy a model takes seconds
            tracker.client.set_registered_model_alias(name, alias, version)
            if promotion:
                _note_promotion(tracker.client, name, version, before, promotion)
    return Registered(version, not found, before)


def _check_still(model: str, uri: str, digest: str) -> None:
    """:raises NotPromoted: if the alias stands at a model of another digest, or at none."""
    try:
        still = artifact.load(fetch(model, uri)).manifest.digest == digest
    except ModelError:
        still = False
    if not still:
        raise NotPromoted(f"{model} was moved to another model meanwhile; evaluate again")


def _note_promotion(client: Any, name: str, version: str, before: str, promotion: Promotion) -> None:
    """Tags, and a line of the version's description that links to the run which decided it."""
    run_id = promotion.run_id
    link = f"[its evaluation](#/experiments/{client.get_run(run_id).info.experiment_id}/runs/{run_id})" if run_id else "its evaluation"
    client.set_model_version_tag(name, version, "promoted_over", promotion.over[:12])
    client.set_model_version_tag(name, version, "promoted_by_run", run_id)
    described = client.get_model_version(name, version).description
    client.update_model_version(name, version, f"{described}\n\nPromoted over version {before} by {link}: {promotion.summary}")


@contextmanager
def _alone(uri: str) -> Iterator[None]:
    """Keeps other processes from registering in a SQLite store meanwhile.

    :raises UsageError: if another one does and does not end, or the folder of its artifacts cannot be written.
    """
    file = tracking.sqlite_file(uri)
    if file is None:
        yield
        return
    lock = FileLock(file.resolve().parent / "mlruns" / "register.lock", timeout=REGISTER_SECONDS)
    try:
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise UsageError(f"another process registers in the MLflow store {uri}; try again when it is done") from error
    except OSError as error:
        raise UsageError(tracking.problem(f"cannot use the MLflow store {uri}", error) + "; mend it, or name another store") from error
    try:
        yield
    finally:
        lock.release()


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
    store = store or os.environ.get("MLFLOW_TRACKING_URI", "").strip() or DEFAULT_STORE
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
        location, digest = _location(MlflowClient(tracking_uri=store, registry_uri=store), parts)
        folder = _folder_uri(uri, location, store)
        local = urlsplit(folder).scheme in ("", "file")
        path = Path(url2pathname(urlsplit(folder).path)) if local else _downloaded(folder, store, digest)
        _check_digest(uri, path, digest)
        return path


def _check_digest(uri: str, path: Path, digest: str) -> None:
    """A sound folder of another model in its place would pass the loader's own checks.

    :raises ModelError: if the folder's digest is not the one that was registered; "" was not.
    """
    if digest and (found := artifact.load(path).manifest.digest) != digest:
        raise ModelError(
            f"{uri}: {path} has digest {found[:12]}, registered was {digest[:12]}; the folder was replaced, register the model again"
        )


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


def _location(client: Any, parts: Mapping[str, str]) -> tuple[str, str]:
    """Where a logged model, or a version's, lies, and the digest that it was recorded with ("" for none)."""
    if "model_id" in parts:
        logged = client.get_logged_model(parts["model_id"])
        return str(logged.artifact_location), str(logged.tags.get("digest", ""))
    name = parts["name"]
    number = parts.get("version") or client.get_model_version_by_alias(name, parts["alias"]).version
    tags = client.get_model_version(name, number).tags
    return str(client.get_model_version_download_uri(name, number)), str(tags.get("digest", ""))


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


def _downloaded(folder: str, store: str, digest: str = "") -> Path:
    """A remote model folder's copy in the cache, whole and under its own digest; one that is there and sound is not downloaded again.

    :raises UsageError: if the cache cannot be written.
    """
    from mlflow.artifacts import download_artifacts

    def download(name: str) -> Path:
        return Path(download_artifacts(artifact_uri=f"{folder}/{name}", dst_path=scratch, tracking_uri=store))

    cache = _cache()
    with FileLock(str(cache / "fetch.lock")), tempfile.TemporaryDirectory(prefix=".fetch.", dir=cache) as scratch:
        manifest = json.loads(download(artifact.MANIFEST).read_bytes())
        digest = digest or (str(manifest.get("digest")) if isinstance(manifest, dict) else "")
        if _DIGEST.fullmatch(digest) and _sound(cache / digest):
            return cache / digest
        for name in artifact.FILES:
            download(name)
        made = artifact.load(Path(scratch)).manifest
        artifact.save(cache / made.digest, made, {name: (Path(scratch) / name).read_bytes() for name in artifact.FILES})
        return cache / made.digest


def _sound(folder: Path) -> bool:
    try:
        return artifact.load(folder).manifest.digest == folder.name
    except ModelError:
        return False


def _cache() -> Path:
    """Where the model folders of remote stores are kept, each under its digest: below XDG_CACHE_HOME, without it ~/.cache.

    :raises UsageError: if it cannot be written.
    """
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cooptag"
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except (OSError, RuntimeError) as error:  # RuntimeError: a user without a home
        raise UsageError(f"models are kept in a cache that cannot be written ({error}); name a folder in XDG_CACHE_HOME") from error
    return folder


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
