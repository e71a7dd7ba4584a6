"""Where runs are recorded and models registered: the only file of the pipeline that imports mlflow, and only once it is needed.

`make` gives a tracker on an MLflow store, or a null tracker of the same shape, so that nobody asks which one it is.
Unless tracking is required, a store that is down or goes away costs a warning, never the training.
`register` makes a model folder a version in the store's registry, `fetch` gives the folder of one back.
"""

import getpass
import json
import logging
import math
import os
import platform
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

import cooptag
from cooptag import artifact
from cooptag.errors import CooptagError, ModelError, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OFF = "off"
DEFAULT_STORE = "sqlite:///mlflow.db"
# The alias that is served. It moves to another version through an evaluation only, or by force.
CHAMPION = "champion"
# Where the model folders of remote stores are kept, each under its digest.
CACHE = Path.home() / ".cache" / "cooptag"
# How long a store that another process holds is waited for at the start. MLflow itself would try for 100 s.
LOCK_SECONDS = 5.0
# A failed call that took longer than SLOW_SECONDS ran into a timeout. Nothing is sent for QUIET_SECONDS after it, so that
# a dead server does not slow the training step by step.
SLOW_SECONDS = 5.0
QUIET_SECONDS = 60.0
# MLflow's defaults are telemetry on, 120 s and 7 retries for each request, and progress bars and links among our lines.
ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
PARAMS_PER_CALL = 100
DIGEST_LENGTH = 36
PYFUNC_CODE = Path(__file__).with_name("pyfunc_model.py")
EXAMPLE = "Hai bên nhất trí tăng cường hợp tác thương mại, năng lượng và ứng phó biến đổi khí hậu."
_NOT_IN_A_KEY = re.compile(r"[^\w\-. :/]")
_CREDENTIALS = re.compile(r"//[^/@\s]*@")
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
T = TypeVar("T")


class Tracker:
    """The shape of every tracker; this one records nothing."""

    def start(self, name: str, params: Mapping[str, object]) -> str:
        """Opens a run with its parameters (nested ones flattened with dots) and the machine's tags; returns its id."""
        return ""

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Records numbers; None, NaN and infinity are left out."""

    def table(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Records rows as a table that the UI shows; rows of a name that is there already are appended."""

    def figure(self, name: str, figure: "Figure") -> None:
        """Records a figure as plots/`name`.png."""

    def text(self, name: str, content: str) -> None:
        """Records a text file; a name without a suffix gets .txt."""

    def note(self, content: str) -> None:
        """Sets the description that the run's page shows first, in Markdown."""

    def dataset(self, name: str, digest: str, source: str, counts: Mapping[str, int]) -> None:
        """Records what the run was trained on. Digests over 36 characters are shown cut, and kept whole in the profile."""

    def model(self, folder: Path, name: str) -> str:
        """Records a cooptag model folder as `models:/<id>`, which holds no pickle, and returns the id ("" if it cannot)."""
        return ""

    def finish(self, status: str = "FINISHED") -> None:
        """Closes the run as "FINISHED", "FAILED" or "KILLED"; without an open run it does nothing."""

    @contextmanager
    def run(self, name: str, params: Mapping[str, object]) -> Iterator[str]:
        """A run for the length of a `with` block, closed with the status that the block's end deserves."""
        run_id = self.start(name, params)
        try:
            yield run_id
        except BaseException as error:
            with suppress(CooptagError):  # the block's own error is the one to show
                self.finish(_status(error))
            raise
        self.finish()


class NullTracker(Tracker):
    """Records nothing."""


def _status(error: BaseException) -> str:
    if isinstance(error, SystemExit) and error.code in (None, 0):
        return "FINISHED"
    # An exit code of 128 + n says that signal n ended it (fit.Interrupted).
    by_signal = isinstance(error, CooptagError) and error.exit_code > 128
    return "KILLED" if by_signal or isinstance(error, KeyboardInterrupt | SystemExit) else "FAILED"


def make(uri: str, experiment: str = "cooptag", required: bool = False) -> Tracker:
    """A tracker on the store at `uri`, such as sqlite:///mlflow.db; a null tracker for "off" or a store that is down.

    The artifacts of a new experiment in a SQLite store go to mlruns/ beside its file; one that exists keeps its place.

    :param required: fail rather than go on without tracking, now and at every later call.
    :raises UsageError: one line, if the store is down and `required`.
    """
    if uri == OFF:
        return NullTracker()
    try:
        return MlflowTracker(uri, experiment, required)
    except Exception as error:  # each kind of store has errors of its own
        problem = _problem(f"cannot use the MLflow store {uri}", error)
        if required:
            raise UsageError(f"{problem}; mend it, name another store, or turn tracking {OFF}") from error
        _warn(f"{problem}; going on without tracking")
        return NullTracker()


class MlflowTracker(Tracker):
    """Records to an MLflow store through its client, so that no global MLflow state is set. One run at a time.

    :raises Exception: whatever MLflow or the store raises when the store cannot be used.
    """

    def __init__(self, uri: str, experiment: str, required: bool) -> None:
        _prepare_environment()
        _probe_sqlite(uri)
        from mlflow import MlflowClient

        _hush()
        self._client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        self._experiment = _experiment_id(self._client, uri, experiment)
        self._uri = uri
        self._required = required
        self._run_id = ""
        self._warned = False
        self._quiet_until = 0.0

    def start(self, name: str, params: Mapping[str, object]) -> str:
        tags = _tags()
        self._run_id = self._guard(
            "start a run", lambda: str(self._client.create_run(self._experiment, tags=tags, run_name=name).info.run_id), ""
        )
        if self._run_id:
            self._guard("log the parameters", lambda: self._params(flatten(params)), None)
        return self._run_id

    def _params(self, params: dict[str, str]) -> None:
        from mlflow.entities import Param

        entities = [Param(_key(key), value) for key, value in params.items()]
        for first in range(0, len(entities), PARAMS_PER_CALL):
            self._client.log_batch(self._run_id, params=entities[first : first + PARAMS_PER_CALL])

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        self._log("metrics", lambda: self._metrics(values, step or 0))

    def _metrics(self, values: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        numbers = {_key(key): float(value) for key, value in values.items() if value is not None}
        now = int(time.time() * 1000)
        entities = [Metric(key, value, now, step) for key, value in numbers.items() if math.isfinite(value)]
        if entities:
            self._client.log_batch(self._run_id, metrics=entities)

    def table(self, name: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._log(f"table {name}", lambda: self._table(name, rows))

    def _table(self, name: str, rows: list[dict[str, Any]]) -> None:
        import pandas as pd

        self._client.log_table(self._run_id, pd.DataFrame(rows), f"{name.removesuffix('.json')}.json")

    def figure(self, name: str, figure: "Figure") -> None:
        file = f"plots/{name.removesuffix('.png')}.png"
        self._log(f"figure {name}", lambda: self._client.log_figure(self._run_id, figure, file, save_kwargs={"dpi": 150}))

    def text(self, name: str, content: str) -> None:
        file = name if Path(name).suffix else f"{name}.txt"
        self._log(f"text {name}", lambda: self._client.log_text(self._run_id, content, file))

    def note(self, content: str) -> None:
        def set_note() -> None:
            self._client.set_tag(self._run_id, "mlflow.note.content", content)

        self._log("note", set_note)

    def dataset(self, name: str, digest: str, source: str, counts: Mapping[str, int]) -> None:
        self._log(f"dataset {name}", lambda: self._dataset(name, digest, source, counts))

    def _dataset(self, name: str, digest: str, source: str, counts: Mapping[str, int]) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        profile = json.dumps({"digest": digest, **counts})
        entity = Dataset(name, digest[:DIGEST_LENGTH], "local", json.dumps({"uri": source}), profile=profile)
        context = InputTag("mlflow.data.context", "training")
        self._client.log_inputs(self._run_id, datasets=[DatasetInput(entity, [context])])

    def model(self, folder: Path, name: str) -> str:
        return self._guard(f"log the model {name}", lambda: self._model(folder, name), "") if self._run_id else ""

    def _model(self, folder: Path, name: str) -> str:
        from mlflow.entities import LoggedModelOutput, LoggedModelStatus

        tags = {"digest": artifact.load(folder).manifest.digest}  # MLflow would record a damaged folder as well
        logged = self._client.create_logged_model(self._experiment, name, self._run_id, tags, model_type="tagger")
        model_id = str(logged.model_id)
        try:
            with tempfile.TemporaryDirectory() as scratch:
                saved = Path(scratch) / "model"
                _save_pyfunc(saved, folder, self._run_id, model_id)
                self._client.log_model_artifacts(model_id, str(saved))
            self._client.finalize_logged_model(model_id, LoggedModelStatus.READY)
        except Exception:
            with suppress(Exception):  # the first error is the one to show
                self._client.finalize_logged_model(model_id, LoggedModelStatus.FAILED)
            raise
        self._client.log_outputs(self._run_id, [LoggedModelOutput(model_id, step=0)])
        return model_id

    def finish(self, status: str = "FINISHED") -> None:
        run_id, self._run_id = self._run_id, ""
        if run_id:
            self._quiet_until = 0.0  # worth a last try
            self._guard("close the run", lambda: self._client.set_terminated(run_id, status), None)

    def _log(self, what: str, call: Callable[[], None]) -> None:
        if self._run_id:
            self._guard(f"log the {what}", call, None)

    def _guard(self, what: str, call: Callable[[], T], otherwise: T) -> T:
        """What `call` returns; `otherwise` when it fails or the store is left alone for now.

        :raises UsageError: one line, if it fails and tracking is required.
        """
        began = time.monotonic()
        if began < self._quiet_until:
            return otherwise
        try:
            return call()
        except Exception as error:  # each kind of store has errors of its own
            self._failed(what, error, time.monotonic() - began)
            return otherwise

    def _failed(self, what: str, error: Exception, seconds: float) -> None:
        problem = _problem(f"cannot {what} in the MLflow store {self._uri}", error)
        if self._required:
            raise UsageError(f"{problem}; tracking was required, mend the store and resume") from error
        if seconds > SLOW_SECONDS:
            self._quiet_until = time.monotonic() + QUIET_SECONDS
        if not self._warned:
            _warn(f"{problem}; training goes on, what cannot be recorded is lost without another warning")
        self._warned = True


# --------------------------------------------------------------------------------------------------------- store


def _prepare_environment() -> None:
    """MLflow reads these when it is imported or called; what the user has set stays, telemetry is always off."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    for key, value in ENVIRONMENT.items():
        os.environ.setdefault(key, value)


def _hush() -> None:
    """Our one line says what went wrong; MLflow would add tracebacks and a line for each migration of a new store."""
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _sqlite_file(uri: str) -> Path | None:
    """The file of a SQLite store, None for another kind of store and for one in memory."""
    name = uri.removeprefix("sqlite:///").partition("?")[0]
    return Path(name) if uri.startswith("sqlite:///") and name not in ("", ":memory:") else None


def _probe_sqlite(uri: str) -> None:
    """Fails within `LOCK_SECONDS` where a SQLite store is locked, damaged or cannot be written.

    :raises sqlite3.Error: saying which. :raises OSError: if its folder cannot be made.
    """
    file = _sqlite_file(uri)
    if file is None:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(file, timeout=LOCK_SECONDS, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    finally:
        connection.close()


def _experiment_id(client: Any, uri: str, name: str) -> str:
    """The id of the experiment `name`, which is made if need be.

    :raises UsageError: if it was deleted.
    """
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        try:
            return str(client.create_experiment(name, artifact_location=_artifact_location(uri, name)))
        except Exception:  # another process may have made it since
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                raise
    if experiment.lifecycle_stage != "active":
        raise UsageError(f"experiment {name!r} was deleted; restore it with `mlflow experiments restore`")
    return str(experiment.experiment_id)


def _artifact_location(uri: str, experiment: str) -> str | None:
    """Beside the file of a SQLite store; None leaves it to the store."""
    file = _sqlite_file(uri)
    return (file.resolve().parent / "mlruns" / quote(experiment, safe=" ")).as_uri() if file else None


def _save_pyfunc(path: Path, folder: Path, run_id: str, model_id: str) -> None:
    """Writes an MLflow model made of the code in pyfunc_model.py and the model folder as it is; no pickle."""
    import pandas as pd
    from mlflow import pyfunc
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import Array, ColSpec, DataType

    signature = ModelSignature(
        Schema([ColSpec(DataType.string, "text")]),
        Schema([
            ColSpec(Array(DataType.string), "areas"), ColSpec(Array(DataType.double), "scores"),
            ColSpec(DataType.string, "lang"), ColSpec(DataType.boolean, "truncated"),
        ]),
        ParamSchema([ParamSpec("lang", DataType.string, "")]),
    )  # fmt: skip
    pyfunc.save_model(
        path,
        python_model=str(PYFUNC_CODE),
        artifacts={"model": str(folder)},
        mlflow_model=Model(model_uuid=model_id, model_id=model_id, run_id=run_id),
        signature=signature,
        input_example=pd.DataFrame({"text": [EXAMPLE]}),
        pip_requirements=["cooptag"],
    )


# ------------------------------------------------------------------------------------------------------ registry


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
    tracker = make(uri, required=True)
    if not isinstance(tracker, MlflowTracker):
        raise UsageError(f"--tracking is {uri!r}; a registry needs a store, such as {DEFAULT_STORE}")
    with _store_errors(f"cannot register {manifest.name}", uri):
        version, before = _version_of(tracker._client, name, manifest.digest), _holder(tracker._client, name, alias)
        if alias == CHAMPION and before not in ("", version) and not force:
            raise UsageError(
                f"models:/{name}@{alias} is version {before}, another model; move it with `cooptag-train evaluate {folder} DATA "
                f"--champion models:/{name}@{alias} --promote`, choose another --alias, or --force it"
            )
        made = not version
        version = version or _new_version(tracker, folder, name, manifest)
        for key, value in (tags or {}).items():
            tracker._client.set_model_version_tag(name, version, key, value)
        tracker._client.set_registered_model_alias(name, alias, version)
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
    client, card = tracker._client, (folder / "README.md").read_text(encoding="utf8", errors="replace")
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
    _prepare_environment()
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise UsageError(f"{uri}: reading MLflow's registry needs mlflow; run `pip install mlflow`, or name a model folder") from error
    _hush()
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
    file = _sqlite_file(uri)
    if file is None:
        return
    if not file.is_file():
        raise UsageError(f"there is no MLflow store {uri}; name one in MLFLOW_TRACKING_URI, or make one with `cooptag-train register`")
    connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", timeout=LOCK_SECONDS, uri=True)
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
            f"{uri}: {_CREDENTIALS.sub('//***@', location)} holds no cooptag model; register one with `cooptag-train register`"
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
        problem = _problem(f"{what} in the MLflow store {uri}", error)
        if getattr(error, "error_code", "") in _NOT_THERE and "not found" in str(error):
            raise ModelError(f"{problem}; name another, or register one with `cooptag-train register`") from error
        raise UsageError(f"{problem}; mend it, or name another store in MLFLOW_TRACKING_URI") from error


# -------------------------------------------------------------------------------------------- parameters and tags


def flatten(params: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """Nested mappings with dotted keys and text values; lists and None as JSON. `{"a": {"b": 1}}` → `{"a.b": "1"}`."""
    flat: dict[str, str] = {}
    for key, value in params.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return flat


def _key(name: str) -> str:
    """A name with only the characters that MLflow takes in one."""
    return _NOT_IN_A_KEY.sub("_", name)


def _tags() -> dict[str, str]:
    commit = git_commit()
    tags = {
        "git_commit": commit.removesuffix("-dirty"),
        "git_dirty": str(commit.endswith("-dirty")).lower(),
        "cooptag": cooptag.__version__,
        "python": platform.python_version(),
        "torch": _version("torch"),
        "transformers": _version("transformers"),
        "platform": platform.platform(),
        "cpu_count": str(os.cpu_count()),
        "gpu": _gpu(),
        # The columns "Source" and "User" of the UI
        "mlflow.source.name": "cooptag-train",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": commit.removesuffix("-dirty"),
        "mlflow.user": _user(),
    }
    return {key: value for key, value in tags.items() if value}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _gpu() -> str:
    """The GPU's name, "" without one."""
    try:
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    except (ImportError, RuntimeError, AssertionError):  # no torch, a broken driver, a build without CUDA
        return ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user need not have a name
        return ""


def git_commit() -> str:
    """The commit of the repository that holds this file, with "-dirty" if its tree has changes; else "unknown"."""
    folder = Path(__file__).resolve().parents[2]
    try:
        top, commit = _git(folder, "rev-parse", "--show-toplevel", "HEAD").splitlines()
        # An installed copy may lie in a virtual environment inside someone else's repository: not our commit.
        if Path(top).resolve() != folder:
            return "unknown"
        return f"{commit}-dirty" if _git(folder, "status", "--porcelain") else commit
    except (OSError, ValueError, subprocess.SubprocessError):
        return "unknown"


def _git(folder: Path, *arguments: str) -> str:
    """What git prints. It takes no lock, so that a commit made meanwhile does not fail.

    :raises OSError: without git. :raises subprocess.SubprocessError: if it fails or takes over 20 s.
    """
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True, env=environment)  # noqa: S603
    return done.stdout.strip()


# ------------------------------------------------------------------------------------------------------ messages


def _problem(what: str, error: Exception) -> str:
    """One line without credentials: what could not be done, and the beginning of why (SQLAlchemy appends its statement)."""
    reason = " ".join(str(error).partition("[SQL:")[0].split()) or type(error).__name__
    return _CREDENTIALS.sub("//***@", f"{what} ({reason[:200]})")


def _warn(message: str) -> None:
    print(f"cooptag-train: warning: {message}", file=sys.stderr)
