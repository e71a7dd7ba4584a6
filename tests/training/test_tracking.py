"""Runs are logged to a real SQLite store and read back through MLflow's own client; a store that fails costs a warning."""

import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from cooptag.errors import CooptagError, UsageError
from cooptag_training import tracking


@pytest.fixture(autouse=True)
def quick_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    """No git and no torch for the tags, which have tests of their own."""
    monkeypatch.setattr(tracking, "git_commit", lambda: "0123abc-dirty")
    monkeypatch.setattr(tracking, "_gpu", lambda: "")


def artifact(client: Any, run_id: str, name: str) -> Path:
    root = client.get_run(run_id).info.artifact_uri.removeprefix("file://")
    return Path(root) / name


# ---------------------------------------------------------------------------------------------------- what is logged


def test_a_run_is_read_back(store: str, client: Any, tmp_path: Path) -> None:
    tracker = tracking.make(store)
    with tracker.run("first", {"seed": 13, "augment": {"join": 0.5, "langs": ["vi", "en"]}, "name": "x"}) as run_id:
        tracker.metrics({"loss": 1.5, "nan": float("nan"), "inf": float("inf"), "f1@0.5": 0.25}, step=10)
        tracker.metrics({"loss": 0.5, "none": None}, step=20)  # type: ignore[dict-item]
        assert client.get_run(run_id).info.status == "RUNNING"
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "first"
    assert run.data.params == {"seed": "13", "augment.join": "0.5", "augment.langs": '["vi", "en"]', "name": "x"}
    assert run.data.metrics == {"loss": 0.5, "f1_0.5": 0.25}
    assert [(m.step, m.value) for m in client.get_metric_history(run_id, "loss")] == [(10, 1.5), (20, 0.5)]
    assert (tmp_path / "mlruns") in artifact(client, run_id, "x").parents


def test_tags_say_where_a_run_comes_from(store: str, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "_gpu", lambda: "A GPU")
    tracker = tracking.make(store)
    tags = client.get_run(tracker.start("tags", {})).data.tags
    tracker.finish()
    assert (tags["git_commit"], tags["git_dirty"], tags["gpu"]) == ("0123abc", "true", "A GPU")
    assert {"python", "torch", "transformers", "platform", "cpu_count", "cooptag"} <= set(tags)


def test_more_parameters_than_one_call_takes(store: str, client: Any) -> None:
    params = {f"p{i}": i for i in range(250)} | {"long": "x" * 7000, "odd key?": 1}
    with tracking.make(store).run("many", params) as run_id:
        pass
    found = client.get_run(run_id).data.params
    assert len(found) == 252
    assert found["p249"] == "249"
    assert found["odd key_"] == "1"


def test_tables_figures_and_texts(store: str, client: Any) -> None:
    import json

    tracker = tracking.make(store)
    figure = Figure()
    figure.subplots().plot([1, 2])
    with tracker.run("artifacts", {}) as run_id:
        tracker.table("areas", [{"id": "climate", "f1": 0.5}, {"id": "energy", "note": "hợp tác"}])
        tracker.table("nothing", [])
        tracker.figure("loss_curve", figure)
        tracker.text("README.md", "# Hợp tác\n")
        tracker.text("note", "x")
        tracker.note("**worse**")
    assert client.get_run(run_id).data.tags["mlflow.note.content"] == "**worse**"
    table = json.loads(artifact(client, run_id, "areas.json").read_text(encoding="utf8"))
    assert table == {"columns": ["id", "f1", "note"], "data": [["climate", 0.5, None], ["energy", None, "hợp tác"]]}
    assert json.loads(client.get_run(run_id).data.tags["mlflow.loggedArtifacts"]) == [{"path": "areas.json", "type": "table"}]
    assert artifact(client, run_id, "plots/loss_curve.png").read_bytes().startswith(b"\x89PNG")
    assert artifact(client, run_id, "README.md").read_text(encoding="utf8") == "# Hợp tác\n"
    assert artifact(client, run_id, "note.txt").read_text() == "x"
    assert not artifact(client, run_id, "nothing.json").exists()


def test_a_dataset_is_an_input_of_the_run(store: str, client: Any) -> None:
    tracker = tracking.make(store)
    with tracker.run("data", {}) as run_id:
        tracker.dataset("corpus", "ab" * 32, "training/corpus", {"train": 900, "test": 100})
    (found,) = client.get_run(run_id).inputs.dataset_inputs
    assert (found.dataset.name, found.dataset.digest) == ("corpus", ("ab" * 32)[:36])
    assert '"train": 900' in found.dataset.profile and "ab" * 32 in found.dataset.profile
    assert [(tag.key, tag.value) for tag in found.tags] == [("mlflow.data.context", "training")]


def test_an_experiment_that_exists_keeps_its_place(store: str, client: Any, tmp_path: Path) -> None:
    client.create_experiment("elsewhere", artifact_location=(tmp_path / "far").as_uri())
    with tracking.make(store, "elsewhere").run("r", {}) as run_id:
        pass
    assert (tmp_path / "far") in artifact(client, run_id, "x").parents


# --------------------------------------------------------------------------------------------------------- the model


def test_a_model_loads_and_tags_with_pickle_forbidden(store: str, client: Any, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow
    import pandas as pd

    tracker = tracking.make(store)
    with tracker.run("model", {}) as run_id:
        model_id = tracker.model(tiny_model, "tagger")
    assert client.get_logged_model(model_id).status == "READY"
    assert [output.model_id for output in client.get_run(run_id).outputs.model_outputs] == [model_id]
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    mlflow.set_tracking_uri(store)
    try:
        loaded = mlflow.pyfunc.load_model(f"models:/{model_id}")
    finally:
        mlflow.set_tracking_uri(None)
    found = loaded.predict(pd.DataFrame({"text": ["Climate and energy.", "Nothing."]}))
    assert found["areas"].tolist() == [["climate", "energy"], []]
    assert found["scores"].tolist() == [[0.9526, 0.9526], []]
    assert loaded.predict(pd.DataFrame({"text": ["Climate."]}), params={"lang": "vi"})["lang"].tolist() == ["vi"]
    assert loaded.unwrap_python_model().predict(None, ["Trade."])["areas"].tolist() == [["trade"]]
    assert loaded.metadata.signature.inputs.input_names() == ["text"]
    assert loaded.input_example["text"].tolist() == [tracking.EXAMPLE]


def test_a_logged_model_holds_no_pickle_and_the_folder_as_it_is(store: str, client: Any, tiny_model: Path) -> None:
    import mlflow

    tracker = tracking.make(store)
    with tracker.run("model", {}):
        model_id = tracker.model(tiny_model, "tagger")
    root = Path(client.get_logged_model(model_id).artifact_location.removeprefix("file://"))
    names = {file.name for file in root.rglob("*") if file.is_file()}
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".pyc"))]
    assert (root / "requirements.txt").read_text().split() == [f"mlflow=={mlflow.__version__}", "cooptag"]
    (copied,) = (file.parent for file in root.rglob("manifest.json"))
    assert {file.name: file.read_bytes() for file in copied.iterdir()} == {f.name: f.read_bytes() for f in tiny_model.iterdir()}


def test_a_damaged_model_folder_costs_a_warning(
    store: str, client: Any, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(tiny_model, damaged)
    (damaged / "model.onnx").write_bytes(b"x")
    tracker = tracking.make(store)
    with tracker.run("model", {}) as run_id:
        assert tracker.model(damaged, "tagger") == ""
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert not client.search_logged_models([run.info.experiment_id])
    assert "model.onnx: its SHA-256" in one_warning(capsys)


def test_a_model_that_is_not_copied_whole_is_marked(
    store: str, client: Any, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_space(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    tracker = tracking.make(store)
    monkeypatch.setattr(tracker.client, "log_model_artifacts", no_space)  # type: ignore[attr-defined]
    with tracker.run("model", {}) as run_id:
        assert tracker.model(tiny_model, "tagger") == ""
    (model,) = client.search_logged_models([client.get_run(run_id).info.experiment_id])
    assert model.status == "FAILED"
    assert "No space left on device" in one_warning(capsys)


# ----------------------------------------------------------------------------------------------------- how runs end


class Stopped(CooptagError):
    """As training raises after SIGTERM."""

    exit_code = 143


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("x"), "FAILED"), (UsageError("x"), "FAILED"), (KeyboardInterrupt(), "KILLED"), (Stopped("x"), "KILLED"),
        (SystemExit(143), "KILLED"), (SystemExit(0), "FINISHED"),
    ],
)  # fmt: skip
def test_a_run_ends_as_its_block_does(store: str, client: Any, error: BaseException, status: str) -> None:
    tracker = tracking.make(store)
    ids: list[str] = []

    def block() -> None:
        with tracker.run("r", {}) as run_id:
            ids.append(run_id)
            raise error

    with pytest.raises(type(error)):
        block()
    assert client.get_run(ids[0]).info.status == status


def test_nothing_is_logged_before_or_after_a_run(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    tracker = tracking.make(store, required=True)
    use_all(tracker)
    with tracker.run("r", {}):
        pass
    use_all(tracker)
    assert capsys.readouterr().err == ""


# -------------------------------------------------------------------------------------------------- stores that fail


def use_all(tracker: tracking.Tracker) -> None:
    """Every call but start, on a run that is not open or a store that is gone."""
    tracker.metrics({"a": 1.0}, 1)
    tracker.table("t", [{"a": 1}])
    tracker.figure("f", Figure())
    tracker.text("x", "x")
    tracker.note("x")
    tracker.dataset("d", "1", "s", {"n": 1})
    assert tracker.model(Path("nowhere"), "m") == ""
    tracker.finish()


def one_warning(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("cooptag-train: warning: ")
    return lines[0]


def test_off_records_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    tracker = tracking.make("off")
    assert isinstance(tracker, tracking.NullTracker)
    with tracker.run("r", {"a": 1}) as run_id:
        assert run_id == ""
        use_all(tracker)
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().err == ""


def test_both_trackers_have_one_shape() -> None:
    methods = {name for name in vars(tracking.Tracker) if not name.startswith("_")}
    assert methods == {"start", "metrics", "table", "figure", "text", "note", "dataset", "model", "finish", "run"}
    assert {name for name in vars(tracking.MlflowTracker) if not name.startswith("_")} == methods - {"run"}


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("kind", ["refused", "damaged", "no folder", "file store", "nonsense"])
def test_a_store_that_cannot_be_used(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.db").write_bytes(b"x" * 5000)
    uri = {
        "refused": f"http://user:secret@127.0.0.1:{closed_port()}", "damaged": "sqlite:///bad.db",
        "no folder": f"sqlite:///{tmp_path}/bad.db/mlflow.db", "file store": "./mlruns", "nonsense": "gopher://x",
    }[kind]  # fmt: skip
    began = time.monotonic()
    assert isinstance(tracking.make(uri), tracking.NullTracker)
    warning = one_warning(capsys)
    assert "going on without tracking" in warning and "secret" not in warning
    with pytest.raises(UsageError, match=r"^cannot use the MLflow store [^\n]*$") as caught:
        tracking.make(uri, required=True)
    assert "secret" not in str(caught.value)
    assert time.monotonic() - began < 15


def test_a_server_that_never_answers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        assert isinstance(tracking.make(f"http://127.0.0.1:{silent.getsockname()[1]}"), tracking.NullTracker)
        assert time.monotonic() - began < 10
    one_warning(capsys)


def test_a_locked_store(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(tracking, "LOCK_SECONDS", 0.2)
    holder = sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    assert isinstance(tracking.make(store), tracking.NullTracker)
    assert "database is locked" in one_warning(capsys)
    with pytest.raises(UsageError, match="database is locked"):
        tracking.make(store, required=True)
    holder.close()


def test_a_deleted_experiment_is_named(store: str, client: Any) -> None:
    client.delete_experiment(client.create_experiment("gone"))
    with pytest.raises(UsageError, match="'gone' was deleted; restore it"):
        tracking.make(store, "gone", required=True)


def lose(store_folder: Path) -> None:
    """The store's tables go away under a run, as when its disk is lost."""
    connection = sqlite3.connect(store_folder / "mlflow.db")
    for table in ("metrics", "latest_metrics", "tags", "runs"):
        connection.execute(f"DROP TABLE {table}")
    connection.commit()
    connection.close()


def test_a_store_that_goes_away_costs_one_warning(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tracker = tracking.make(store)
    with tracker.run("r", {}):
        lose(tmp_path)
        use_all(tracker)
        use_all(tracker)
    warning = one_warning(capsys)
    assert "cannot log the metrics" in warning and "training goes on" in warning and "[SQL" not in warning
    assert tracker.start("again", {}) == ""


def test_a_required_store_that_goes_away_stops_the_run(store: str, tmp_path: Path) -> None:
    tracker = tracking.make(store, required=True)

    def block() -> None:
        with tracker.run("r", {}):
            lose(tmp_path)
            tracker.metrics({"a": 1.0})

    with pytest.raises(UsageError, match=r"^cannot log the metrics in the MLflow store [^\n]*mend the store and resume$"):
        block()


def test_a_slow_failure_is_not_repeated_at_every_step(
    store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tracking, "SLOW_SECONDS", 0.05)
    tracker = tracking.make(store)
    tracker.start("r", {})
    tried: list[int] = []

    def time_out(*_: Any, **__: Any) -> None:
        tried.append(1)
        time.sleep(0.1)
        raise TimeoutError("no answer")

    monkeypatch.setattr(tracker.client, "log_batch", time_out)  # type: ignore[attr-defined]
    for step in range(50):
        tracker.metrics({"a": 1.0}, step)
    assert len(tried) == 1
    assert "no answer" in one_warning(capsys)


# ------------------------------------------------------------------------------------------------------------ others


def test_importing_the_module_is_cheap() -> None:
    code = "import sys; from cooptag_training import tracking; assert not {'mlflow', 'torch', 'pandas', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})


def test_telemetry_is_off_and_the_users_settings_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    tracking.prepare_environment()
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"


FAKE_GIT = """#!/bin/sh
test "$GIT_OPTIONAL_LOCKS" = 0 || exit 9
case "$3" in
rev-parse) printf '%s\\n%s\\n' "{top}" 0123abc ;;
status) printf '{status}' ;;
esac
exit {code}
"""


@pytest.mark.parametrize(
    ("status", "code", "elsewhere", "expected"),
    [("", 0, False, "0123abc"), (" M x.py\\n", 0, False, "0123abc-dirty"), ("", 0, True, "unknown"), ("", 128, False, "unknown")],
)
def test_git_commit(status: str, code: int, elsewhere: bool, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the fixture's git_commit
    top = tmp_path if elsewhere else Path(tracking.__file__).parents[2]
    git = tmp_path / "git"
    git.write_text(FAKE_GIT.format(top=top, status=status, code=code))
    git.chmod(git.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert tracking.git_commit() == expected


def test_without_git_the_commit_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tracking.git_commit() == "unknown"


def test_flatten() -> None:
    nested = {"a": {"b": {"c": 1}, "empty": {}}, "none": None, "text": "vi", "path": Path("x"), "yes": True}
    assert tracking.flatten(nested) == {
        "a.b.c": "1", "a.empty": "{}", "none": "null", "text": "vi", "path": '"x"', "yes": "true",
    }  # fmt: skip
