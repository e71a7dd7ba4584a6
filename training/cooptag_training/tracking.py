"""Where runs are recorded. With `registry.py` the only file of the pipeline that imports mlflow, and only once it is needed.

`make` gives a tracker on an MLflow store, or a null tracker of the same shape, so that nobody asks which one it is.
Unless tracking is required, a store that is down or goes away costs a warning, never the training.
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
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import cooptag
from cooptag import artifact
from cooptag.errors import CooptagError, UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OFF = "off"
DEFAULT_STORE = "sqlite:///mlflow.db"
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
CREDENTIALS = re.compile(r"//[^/@\s]*@")
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
        why = problem(f"cannot use the MLflow store {uri}", error)
        if required:
            raise UsageError(f"{why}; mend it, name another store, or turn tracking {OFF}") from error
        _warn(f"{why}; going on without tracking")
        return NullTracker()


def required(uri: str) -> "MlflowTracker":
    """The tracker of a store that something else than tracking needs as well.

    :raises UsageError: one line, if it cannot be used.
    """
    tracker = make(uri, required=True)
    if not isinstance(tracker, MlflowTracker):
        raise UsageError(f"tracking is {uri!r}; name a store, such as {DEFAULT_STORE}")
    return tracker


class MlflowTracker(Tracker):
    """Records to an MLflow store through its client, so that no global MLflow state is set. One run at a time.

    :raises Exception: whatever MLflow or the store raises when the store cannot be used.
    """

    def __init__(self, uri: str, experiment: str, required: bool) -> None:
        prepare_environment()
        _probe_sqlite(uri)
        from mlflow import MlflowClient

        hush()
        self.client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        self._experiment = _experiment_id(self.client, uri, experiment)
        self._uri = uri
        self._required = required
        self._run_id = ""
        self._warned = False
        self._quiet_until = 0.0

    def start(self, name: str, params: Mapping[str, object]) -> str:
        tags = _tags()
        self._run_id = self._guard(
            "start a run", lambda: str(self.client.create_run(self._experiment, tags=tags, run_name=name).info.run_id), ""
        )
        if self._run_id:
            self._guard("log the parameters", lambda: self._params(flatten(params)), None)
        return self._run_id

    def _params(self, params: dict[str, str]) -> None:
        from mlflow.entities import Param

        entities = [Param(_key(key), value) for key, value in params.items()]
        for first in range(0, len(entities), PARAMS_PER_CALL):
            self.client.log_batch(self._run_id, params=entities[first : first + PARAMS_PER_CALL])

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        self._log("metrics", lambda: self._metrics(values, step or 0))

    def _metrics(self, values: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        numbers = {_key(key): float(value) for key, value in values.items() if value is not None}
        now = int(time.time() * 1000)
        entities = [Metric(key, value, now, step) for key, value in numbers.items() if math.isfinite(value)]
        if entities:
            self.client.log_batch(self._run_id, metrics=entities)

    def table(self, name: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._log(f"table {name}", lambda: self._table(name, rows))

    def _table(self, name: str, rows: list[dict[str, Any]]) -> None:
        import pandas as pd

        self.client.log_table(self._run_id, pd.DataFrame(rows), f"{name.removesuffix('.json')}.json")

    def figure(self, name: str, figure: "Figure") -> None:
        file = f"plots/{name.removesuffix('.png')}.png"
        self._log(f"figure {name}", lambda: self.client.log_figure(self._run_id, figure, file, save_kwargs={"dpi": 150}))

    def text(self, name: str, content: str) -> None:
        file = name if Path(name).suffix else f"{name}.txt"
        self._log(f"text {name}", lambda: self.client.log_text(self._run_id, content, file))

    def note(self, content: str) -> None:
        def set_note() -> None:
            self.client.set_tag(self._run_id, "mlflow.note.content", content)

        self._log("note", set_note)

    def dataset(self, name: str, digest: str, source: str, counts: Mapping[str, int]) -> None:
        self._log(f"dataset {name}", lambda: self._dataset(name, digest, source, counts))

    def _dataset(self, name: str, digest: str, source: str, counts: Mapping[str, int]) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        profile = json.dumps({"digest": digest, **counts})
        entity = Dataset(name, digest[:DIGEST_LENGTH], "local", json.dumps({"uri": source}), profile=profile)
        context = InputTag("mlflow.data.context", "training")
        self.client.log_inputs(self._run_id, datasets=[DatasetInput(entity, [context])])

    def model(self, folder: Path, name: str) -> str:
        return self._guard(f"log the model {name}", lambda: self._model(folder, name), "") if self._run_id else ""

    def _model(self, folder: Path, name: str) -> str:
        from mlflow.entities import LoggedModelOutput, LoggedModelStatus

        tags = {"digest": artifact.load(folder).manifest.digest}  # MLflow would record a damaged folder as well
        logged = self.client.create_logged_model(self._experiment, name, self._run_id, tags, model_type="tagger")
        model_id = str(logged.model_id)
        try:
            with tempfile.TemporaryDirectory() as scratch:
                saved = Path(scratch) / "model"
                _save_pyfunc(saved, folder, self._run_id, model_id)
                self.client.log_model_artifacts(model_id, str(saved))
            self.client.finalize_logged_model(model_id, LoggedModelStatus.READY)
        except Exception:
            with suppress(Exception):  # the first error is the one to show
                self.client.finalize_logged_model(model_id, LoggedModelStatus.FAILED)
            raise
        self.client.log_outputs(self._run_id, [LoggedModelOutput(model_id, step=0)])
        return model_id

    def finish(self, status: str = "FINISHED") -> None:
        run_id, self._run_id = self._run_id, ""
        if run_id:
            self._quiet_until = 0.0  # worth a last try
            self._guard("close the run", lambda: self.client.set_terminated(run_id, status), None)

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
        why = problem(f"cannot {what} in the MLflow store {self._uri}", error)
        if self._required:
            raise UsageError(f"{why}; tracking was required, mend the store and resume") from error
        if seconds > SLOW_SECONDS:
            self._quiet_until = time.monotonic() + QUIET_SECONDS
        if not self._warned:
            _warn(f"{why}; training goes on, what cannot be recorded is lost without another warning")
        self._warned = True


# --------------------------------------------------------------------------------------------------------- store


def prepare_environment() -> None:
    """MLflow reads these when it is imported or called; what the user has set stays, telemetry is always off."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    for key, value in ENVIRONMENT.items():
        os.environ.setdefault(key, value)


def hush() -> None:
    """Our one line says what went wrong; MLflow would add tracebacks and a line for each migration of a new store."""
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    logging.getLogger("alembic").setLevel(logging.WARNING)


def sqlite_file(uri: str) -> Path | None:
    """The file of a SQLite store, None for another kind of store and for one in memory."""
    name = uri.removeprefix("sqlite:///").partition("?")[0]
    return Path(name) if uri.startswith("sqlite:///") and name not in ("", ":memory:") else None


def _probe_sqlite(uri: str) -> None:
    """Fails within `LOCK_SECONDS` where a SQLite store is locked, damaged or cannot be written.

    :raises sqlite3.Error: saying which. :raises OSError: if its folder cannot be made.
    """
    file = sqlite_file(uri)
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
    file = sqlite_file(uri)
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


def problem(what: str, error: Exception) -> str:
    """One line without credentials: what could not be done, and the beginning of why (SQLAlchemy appends its statement)."""
    reason = " ".join(str(error).partition("[SQL:")[0].split()) or type(error).__name__
    return CREDENTIALS.sub("//***@", f"{what} ({reason[:200]})")


def _warn(message: str) -> None:
    print(f"cooptag-train: warning: {message}", file=sys.stderr)
