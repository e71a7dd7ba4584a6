"""Models are registered in a real SQLite store and fetched back; what was changed there since is refused."""

import shutil
import socket
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cooptag import Tagger
from cooptag import artifact as model_folders
from cooptag.errors import ModelError, UsageError
from cooptag_training import registry, tracking


@pytest.fixture
def other_model(tiny_model: Path, tmp_path: Path) -> Path:
    """The tiny model with other thresholds, hence another digest."""
    return changed(tiny_model, tmp_path / "other", thresholds=[0.9999] * 3)


def changed(model: Path, out: Path, **values: Any) -> Path:
    """A copy of a model folder with other values in its manifest."""
    contents = {name: (model / name).read_bytes() for name in model_folders.FILES}
    model_folders.save(out, model_folders.load(model).manifest.model_copy(update=values), contents)
    return out


def alias_of(client: Any, name: str = "cooptag", alias: str = "champion") -> str:
    return str(client.get_model_version_by_alias(name, alias).version)


def test_a_model_is_registered_once(
    store: str, client: Any, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert registry.register(store, tiny_model) == registry.Registered("1", made=True, before="")
    assert registry.register(store, tiny_model) == registry.Registered("1", made=False, before="1")
    (version,) = client.search_model_versions("name='cooptag'")
    manifest = model_folders.load(tiny_model).manifest
    assert version.tags == {"digest": manifest.digest, "data_hash": manifest.data_hash, "git_commit": "unknown"}
    assert version.description.startswith("tiny: 3 areas, 2 languages, fp32, made 2026-01-01")
    run = client.get_run(version.run_id)
    assert (run.info.status, run.info.run_name, run.data.params["precision"]) == ("FINISHED", "register tiny", "fp32")
    card = Path(run.info.artifact_uri.removeprefix("file://")) / "README.md"
    assert card.read_text() == (tiny_model / "README.md").read_text()
    assert not Path("mlflow.db").exists(), "MLflow made a store of its own beside the one it was given"


def test_the_champion_is_not_moved_by_registering(store: str, client: Any, tiny_model: Path, other_model: Path) -> None:
    registry.register(store, tiny_model)
    with pytest.raises(UsageError, match=r"^models:/cooptag@champion is version 1, another model; [^\n]*--promote[^\n]*--force it$"):
        registry.register(store, other_model)
    assert len(client.search_model_versions("name='cooptag'")) == 1
    assert registry.register(store, other_model, alias="challenger") == registry.Registered("2", made=True, before="")
    assert registry.register(store, tiny_model, alias="challenger").before == "2"
    assert alias_of(client) == "1"
    assert registry.register(store, other_model, force=True) == registry.Registered("2", made=False, before="1")
    assert alias_of(client) == "2"


def test_card_scores() -> None:
    card = Path(registry.__file__).parents[2] / "models/cooptag-small/README.md"
    found = registry.card_scores(card.read_text(encoding="utf8"))
    assert set(found) == {"micro_f1", "macro_f1", "micro_f1_vi"} and all(0.5 < float(value) < 1 for value in found.values())
    assert registry.card_scores("# none\n") == {}


@pytest.mark.parametrize("name", ["", "../x", "Cooptag", "a b", "x/1", "x@y", "latest", "v1", "a" * 65, "x\n", "-x"])
def test_names_and_aliases_are_checked(name: str, store: str, client: Any, tiny_model: Path) -> None:
    for option, kind in (({"name": name}, "--name"), ({"alias": name}, "--alias")):
        with pytest.raises(UsageError, match=f"^{kind} is [^\n]*; expected"):
            registry.register(store, tiny_model, **option)
    assert not client.search_registered_models()


def test_what_cannot_be_registered(store: str, client: Any, tiny_model: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(tiny_model, damaged)
    (damaged / "model.onnx").write_bytes(b"x")
    with pytest.raises(ModelError, match="its SHA-256"):
        registry.register(store, damaged)
    with pytest.raises(UsageError, match="a registry needs a store"):
        registry.register("off", tiny_model)
    assert not client.search_registered_models()


def test_a_model_is_fetched_by_alias_version_and_id(
    store: str, client: Any, tiny_model: Path, other_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.register(store, tiny_model)
    registry.register(store, other_model, alias="challenger")
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)

    def refuse(*_: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    (logged,) = (m.model_id for m in client.search_logged_models([client.get_experiment_by_name("cooptag").experiment_id])
                 if m.tags["digest"] == model_folders.load(other_model).manifest.digest)  # fmt: skip
    found = {uri: registry.fetch(uri) for uri in ("models:/cooptag@champion", "models:/cooptag/2", f"models:/{logged}")}
    digests = [model_folders.load(path).manifest.digest for path in found.values()]
    assert digests == [model_folders.load(path).manifest.digest for path in (tiny_model, other_model, other_model)]
    assert all(tmp_path / "mlruns" in path.parents for path in found.values())
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_the_default_store_lies_in_the_working_folder(
    store: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    registry.register(store, tiny_model)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    assert registry.fetch("models:/cooptag/1").name == "tiny"


@pytest.mark.parametrize(
    "uri",
    ["models:/", "models:/cooptag", "models:/cooptag/latest", "models:/cooptag/0", "models:/cooptag/1/x", "models:/../../etc/1",
     "models:/cooptag@", "models:/cooptag@a@b", "models:/Cooptag@champion", "models://host/cooptag/1", "models:/cooptag@champion\n",
     "models:/m-0123", "runs:/1/x", "models:/cooptag/1'", "models:/" + "a" * 5000 + "@x", "models:/cooptag/١"],
)  # fmt: skip
def test_uris_are_checked(uri: str) -> None:
    with pytest.raises(UsageError, match=r"^model is [^\n]{1,120}; expected models:/NAME@ALIAS"):
        registry.fetch(uri, "sqlite:///nowhere.db")


@pytest.mark.parametrize("uri", ["models:/cooptag/9", "models:/cooptag@other", "models:/other@champion", f"models:/m-{'0' * 32}"])
def test_what_the_registry_lacks_is_named(uri: str, store: str, tiny_model: Path) -> None:
    registry.register(store, tiny_model)
    with pytest.raises(ModelError, match=rf"^cannot fetch {uri} [^\n]*not found[^\n]*; name another, or register one"):
        registry.fetch(uri, store)


def test_a_version_that_holds_something_else(store: str, client: Any, tmp_path: Path) -> None:
    (tmp_path / "else/artifacts").mkdir(parents=True)
    client.create_registered_model("cooptag")
    client.create_model_version("cooptag", (tmp_path / "else").as_uri(), "0" * 32)
    with pytest.raises(ModelError, match="holds no cooptag model"):
        registry.fetch("models:/cooptag/1", store)


@pytest.mark.parametrize("kind", ["missing", "empty", "damaged", "locked", "refused", "off"])
def test_stores_that_cannot_be_fetched_from(kind: str, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "LOCK_SECONDS", 0.2)
    (tmp_path / "empty.db").touch()
    (tmp_path / "damaged.db").write_bytes(b"x" * 5000)
    holder = sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    uri = {"locked": store, "refused": "http://user:secret@127.0.0.1:1", "off": "off"}.get(kind, f"sqlite:///{tmp_path}/{kind}.db")
    began = time.monotonic()
    with pytest.raises(UsageError, match=r"^[^\n]*(store|tracking is off)[^\n]*; (mend|name)[^\n]*$") as caught:
        registry.fetch("models:/cooptag@champion", uri)
    assert time.monotonic() - began < 10 and "secret" not in str(caught.value)
    assert not (tmp_path / "missing.db").exists() and (tmp_path / "empty.db").stat().st_size == 0
    holder.close()


def test_a_locked_store_is_not_registered_in(store: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "LOCK_SECONDS", 0.2)
    holder = sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(UsageError, match=r"^cannot use the MLflow store [^\n]*database is locked[^\n]*$"):
        registry.register(store, tiny_model)
    holder.close()


def test_without_mlflow_a_registered_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(UsageError, match=r"^models:/cooptag@champion: [^\n]*pip install mlflow"):
        registry.fetch("models:/cooptag@champion")


def test_a_store_that_others_write_to_runs_no_code(store: str, tiny_model: Path, tmp_path: Path) -> None:
    registry.register(store, tiny_model)
    folder = registry.fetch("models:/cooptag@champion", store)
    (folder.parents[1] / "pyfunc_model.py").write_text(f"open({str(tmp_path / 'marker')!r}, 'w')")
    Tagger.load(registry.fetch("models:/cooptag@champion", store))
    assert not (tmp_path / "marker").exists()
    (folder / "model.onnx").write_bytes(b"x")
    with pytest.raises(ModelError, match="its SHA-256"):
        Tagger.load(registry.fetch("models:/cooptag@champion", store))


def test_a_remote_model_is_kept_under_its_digest(store: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    remote = tmp_path / "remote"
    shutil.copytree(tiny_model, remote)
    digest = model_folders.load(remote).manifest.digest
    assert registry._downloaded(remote.as_uri(), store) == tmp_path / "cooptag" / digest
    (remote / "model.onnx").unlink()
    kept = registry._downloaded(remote.as_uri(), store)  # not downloaded again
    assert model_folders.load(kept).manifest.digest == digest
    assert {entry.name for entry in (tmp_path / "cooptag").iterdir()} == {digest, "fetch.lock"}


def test_a_damaged_remote_model_is_not_kept(store: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    remote = tmp_path / "remote"
    shutil.copytree(tiny_model, remote)
    (remote / "model.onnx").write_bytes(b"x")
    with pytest.raises(ModelError, match="its SHA-256"):
        registry._downloaded(remote.as_uri(), store)
    assert {entry.name for entry in (tmp_path / "cooptag").iterdir()} == {"fetch.lock"}


@pytest.mark.parametrize("how", ["copied", "linked"])
def test_a_sound_folder_of_another_model_is_refused(
    how: str, store: str, tiny_model: Path, other_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    registry.register(store, tiny_model)
    folder = registry.fetch("models:/cooptag@champion", store)
    shutil.rmtree(folder)
    shutil.copytree(other_model, folder) if how == "copied" else folder.symlink_to(other_model)
    assert Tagger.load(folder), "without the registered digest nobody could tell"
    for uri in ("models:/cooptag@champion", "models:/cooptag/1", f"models:/{folder.parents[2].name}"):
        with pytest.raises(ModelError, match=rf"^{uri}: [^\n]* registered was [0-9a-f]{{12}}; the folder was replaced"):
            registry.fetch(uri, store)


def test_the_champion_is_not_taken_from_who_registers_meanwhile(
    store: str, client: Any, tiny_model: Path, other_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.register(store, other_model, alias="other")
    copy = registry._new_version

    def slowly(*arguments: Any) -> str:
        client.set_registered_model_alias("cooptag", "champion", "1")
        return copy(*arguments)

    monkeypatch.setattr(registry, "_new_version", slowly)
    with pytest.raises(UsageError, match=r"^models:/cooptag@champion is version 1, another model"):
        registry.register(store, tiny_model)
    assert alias_of(client) == "1"


def test_one_process_registers_after_another(store: str, client: Any, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "REGISTER_SECONDS", 0.2)
    with registry._alone(store), pytest.raises(UsageError, match=r"^another process registers in [^\n]*; try again"):
        registry.register(store, tiny_model)
    assert not client.search_registered_models()
    assert registry.register(store, tiny_model).made


def test_a_damaged_copy_of_a_remote_model_is_replaced(
    store: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept = registry._downloaded(tiny_model.as_uri(), store)
    (kept / "model.onnx").write_bytes(b"x")
    assert model_folders.load(registry._downloaded(tiny_model.as_uri(), store)).path == kept


@pytest.mark.parametrize("kind", ["no home", "a file"])
def test_a_cache_that_cannot_be_written(kind: str, store: str, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    (tmp_path / "file").touch()
    monkeypatch.setattr(Path, "home", nowhere)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file") if kind == "a file" else "")
    with pytest.raises(UsageError, match=r"^models are kept in a cache that cannot be written [^\n]*; name a folder in XDG_CACHE_HOME$"):
        registry._downloaded(tiny_model.as_uri(), store)
