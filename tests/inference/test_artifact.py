"""The model folder: whatever is changed, added or missing is refused by name, and nothing is partly loaded."""

import json
import shutil
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest

from cooptag import Tagger, artifact
from cooptag.errors import ModelError, UsageError


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def test_a_whole_folder_loads(folder: Path) -> None:
    loaded = artifact.load(folder)
    assert loaded.manifest.areas == [area.id for area in loaded.areas]


@pytest.mark.parametrize("name", [artifact.MANIFEST, *artifact.FILES])
@pytest.mark.parametrize("where", [0, 0.5, 1])
def test_one_byte_changed_is_refused_and_named(folder: Path, name: str, where: float) -> None:
    file = folder / name
    raw = bytearray(file.read_bytes())
    raw[int(where * (len(raw) - 1))] ^= 1
    file.write_bytes(raw)
    with pytest.raises(ModelError, match=name):
        artifact.load(folder)


@pytest.mark.parametrize("name", [artifact.MANIFEST, *artifact.FILES])
@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "link"])
def test_a_damaged_file_is_refused_and_named(folder: Path, name: str, damage: str, tmp_path: Path) -> None:
    file = folder / name
    raw = file.read_bytes()
    file.unlink()
    if damage == "link":
        (tmp_path / "elsewhere").write_bytes(raw)
        file.symlink_to(tmp_path / "elsewhere")
    elif damage != "missing":
        file.write_bytes(b"" if damage == "empty" else raw[: len(raw) // 2])
    with pytest.raises(ModelError, match=name):
        artifact.load(folder)


@pytest.mark.parametrize("extra", ["model.pkl", "code.py", "model.onnx.data", "sub"])
def test_what_is_not_declared_is_refused(folder: Path, extra: str) -> None:
    (folder / extra).mkdir() if extra == "sub" else (folder / extra).write_bytes(b"x")
    with pytest.raises(ModelError, match=extra):
        artifact.load(folder)


def _rewrite(folder: Path, **changes: object) -> None:
    """Saves the folder again, digests included, with other manifest values: a forger's work, not an accident's."""
    manifest = artifact.load(folder).manifest.model_copy(update=changes)
    artifact.save(folder, manifest, {name: (folder / name).read_bytes() for name in artifact.FILES})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"thresholds": [0.5]}, "thresholds has 1 values for 3 areas"),
        ({"areas": ["climate", "energy", "energy"]}, "different ids"),
        ({"areas": ["climate", "energy", "tourism"]}, "areas.json"),
        ({"max_length": 0}, "max_length"),
        ({"format_version": 99}, "format_version is 99"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(folder: Path, changes: dict[str, object], message: str) -> None:
    _rewrite(folder, **changes)
    with pytest.raises(ModelError, match=message):
        artifact.load(folder)


def test_a_manifest_with_an_unknown_key_is_refused(folder: Path) -> None:
    file = folder / artifact.MANIFEST
    file.write_text(json.dumps({**json.loads(file.read_text()), "auto_map": "evil.Model"}))
    with pytest.raises(ModelError, match="auto_map"):
        artifact.load(folder)


def test_a_network_of_other_width_is_refused(folder: Path) -> None:
    """Two areas in manifest and areas.json, three columns in the network."""
    manifest = artifact.load(folder).manifest
    two = manifest.calibration.model_copy(update={"scale": [1.0] * 2, "bias": [0.0] * 2})
    contents = {name: (folder / name).read_bytes() for name in artifact.FILES}
    contents["areas.json"] = json.dumps(json.loads(contents["areas.json"])[:2]).encode()
    changes = {"areas": manifest.areas[:2], "thresholds": [0.5] * 2, "goals": {}, "calibration": two, "reference": None}
    artifact.save(folder, manifest.model_copy(update=changes), contents)
    with pytest.raises(ModelError, match=r"model\.onnx.*for 2 areas"):
        Tagger.load(folder)


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "secret.bin"])
def test_external_tensor_data_is_refused(folder: Path, location: str) -> None:
    """A graph may point to other files; loaded from memory it must not be able to read them."""
    import numpy as np
    import onnx
    from onnx import numpy_helper

    graph = onnx.load_from_string((folder / "model.onnx").read_bytes())
    tensor = next(t for t in graph.graph.initializer if t.name == "weights")
    raw = numpy_helper.to_array(tensor).astype(np.float32).tobytes()
    for place in (folder.parent / "secret.bin", folder / "secret.bin"):
        place.write_bytes(raw)
    (folder / "secret.bin").unlink()
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", str(len(raw)))):
        tensor.external_data.add(key=key, value=value)
    contents = {name: (folder / name).read_bytes() for name in artifact.FILES}
    artifact.save(folder, artifact.load(folder).manifest, {**contents, "model.onnx": graph.SerializeToString()})
    with pytest.raises(ModelError, match=r"model\.onnx"):
        Tagger.load(folder)


def test_external_data_in_the_working_directory_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    test_external_tensor_data_is_refused(folder, "secret.bin")


def test_external_data_under_an_overlong_key_length_is_refused(folder: Path) -> None:
    """Protobuf may write the length 8 in two bytes; the word itself it cannot write otherwise."""
    contents = {name: (folder / name).read_bytes() for name in artifact.FILES}
    contents["model.onnx"] += b"\x72\x0d\x0a\x88\x00location\x12\x00"  # metadata_props, ignored by the runtime
    artifact.save(folder, artifact.load(folder).manifest, contents)
    with pytest.raises(ModelError, match="keeps tensors in another file"):
        Tagger.load(folder)


def test_a_network_with_another_input_is_refused(folder: Path) -> None:
    import onnx

    graph = onnx.load_from_string((folder / "model.onnx").read_bytes())
    graph.graph.input.append(onnx.helper.make_tensor_value_info("position_ids", onnx.TensorProto.INT64, ["n", "t"]))
    contents = {name: (folder / name).read_bytes() for name in artifact.FILES}
    artifact.save(folder, artifact.load(folder).manifest, {**contents, "model.onnx": graph.SerializeToString()})
    with pytest.raises(ModelError, match="expected input_ids, attention_mask and logits"):
        Tagger.load(folder)


def test_token_ids_beyond_the_embeddings_are_a_model_error(folder: Path) -> None:
    contents = {name: (folder / name).read_bytes() for name in artifact.FILES}
    tokenizer = json.loads(contents["tokenizer.json"])
    tokenizer["model"]["vocab"]["climate"] = 9999
    artifact.save(folder, artifact.load(folder).manifest, {**contents, "tokenizer.json": json.dumps(tokenizer).encode()})
    with pytest.raises(ModelError, match=r"model\.onnx: does not run"):
        Tagger.load(folder).tag(["climate"])


@pytest.mark.parametrize("areas", [b"{}", b'[{"id": "climate", "names": ["x"]}]', b'[{"name": "climate"}]', b"[1]", b"nonsense"])
def test_an_area_list_of_another_shape_is_refused(folder: Path, areas: bytes) -> None:
    contents = {name: (folder / name).read_bytes() for name in artifact.FILES}
    artifact.save(folder, artifact.load(folder).manifest, {**contents, "areas.json": areas})
    with pytest.raises(ModelError, match=r"areas\.json"):
        artifact.load(folder)


def test_saving_never_replaces_what_is_no_model_folder(folder: Path, tmp_path: Path) -> None:
    manifest = artifact.load(folder).manifest
    contents = {name: (folder / name).read_bytes() for name in artifact.FILES}
    for place in (tmp_path / "thesis", tmp_path / "mixed"):
        place.mkdir()
        (place / "thesis.txt").write_text("years of work")
        if place.name == "mixed":
            (place / artifact.MANIFEST).write_text("{}")
        with pytest.raises(ModelError, match="exists and is no model folder"):
            artifact.save(place, manifest, contents)
        assert (place / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("name", ["nope", "../tiny", "/no/such/folder", "a/../../b", "x" * 5000, "a\0b", "", "\x1b[31m"])
def test_an_unknown_model_names_what_there_is(name: str) -> None:
    with pytest.raises(ModelError, match="no model"):
        artifact.find(name)


def test_saving_replaces_a_folder_whole(folder: Path) -> None:
    _rewrite(folder, name="second")
    assert artifact.load(folder).manifest.name == "second"
    assert [p.name for p in folder.parent.iterdir()] == ["model"]


def test_saving_takes_exactly_the_declared_files(folder: Path) -> None:
    with pytest.raises(ValueError, match="model folder is written from"):
        artifact.save(folder, artifact.load(folder).manifest, {"model.onnx": b""})


def _entry(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Makes `value` the function that looks up models:/."""
    entry = EntryPoint("models", value, "cooptag.models")
    monkeypatch.setattr(artifact, "entry_points", lambda group, name: [entry] if (group, name) == ("cooptag.models", "models") else [])


def test_a_uri_is_looked_up_by_whoever_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "a_registry", SimpleNamespace(fetch=lambda uri: folder if uri == "models:/mine@best" else None))
    _entry(monkeypatch, "a_registry:fetch")
    assert artifact.find("models:/mine@best") == folder


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "https://example.org/model", "s3://bucket/model", "runs:/1/model"])
def test_a_uri_that_nobody_looks_up_is_refused(uri: str) -> None:
    with pytest.raises(UsageError, match="nothing looks up"):
        artifact.find(uri)


def test_a_registry_whose_library_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "a_registry", None)
    _entry(monkeypatch, "a_registry:fetch")
    with pytest.raises(UsageError, match=r"needs a_registry.*pip install 'cooptag\[train\]'"):
        artifact.find("models:/mine@best")
