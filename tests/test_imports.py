"""The arrows between rooms: training imports inference, never the reverse; one file each for runtime and tracker."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Each room of inference may import only rooms above it.
ROOMS = [
    "errors", "types", "text_data", "text", "decode", "artifact", "gpu", "encoder", "evidence", "tagger",
    "jobs.streams", "jobs.html", "jobs.readers", "jobs.parties_data", "jobs.parties", "jobs.stats", "jobs.drift", "jobs.plan",
    "jobs.formats", "jobs.part", "jobs.local", "jobs.ray_engine", "jobs.job", "jobs.progress", "report_charts", "report",
    "documents", "limits", "metrics", "batching", "guard", "server", "listen", "cli",
]  # fmt: skip
HEAVY = (
    "torch", "transformers", "mlflow", "datasets", "onnxruntime", "tokenizers", "underthesea", "py3langid",
    "pyarrow", "babel", "jinja2", "ray", "trafilatura", "fastapi", "uvicorn", "prometheus_client", "pypdf",
)  # fmt: skip


def _imported(file: Path) -> set[str]:
    """Every module that a file imports anywhere, functions included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _files(folder: str) -> list[Path]:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files, f"no source in {folder}"
    return files


@pytest.mark.parametrize("file", _files("inference/cooptag"), ids=lambda f: f.name)
def test_inference_never_imports_training(file: Path) -> None:
    heavy = {"cooptag_training", "torch", "transformers", "mlflow", "datasets", "sklearn"}
    assert not {name.split(".")[0] for name in _imported(file)} & heavy


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_rooms_above(room: str) -> None:
    below = {f"cooptag.{other}" for other in ROOMS[ROOMS.index(room) :]}
    assert not _imported(ROOT / "inference/cooptag" / f"{room.replace('.', '/')}.py") & below


def test_every_room_is_listed() -> None:
    package = ROOT / "inference/cooptag"
    files = {".".join(file.relative_to(package).with_suffix("").parts) for file in package.rglob("*.py") if file.stem != "__init__"}
    assert files == set(ROOMS)


@pytest.mark.parametrize(
    ("module", "owner"),
    [
        ("onnxruntime", "encoder.py"), ("tokenizers", "encoder.py"),
        ("fastapi", "server.py"), ("starlette", "server.py"), ("uvicorn", "listen.py"),
    ],
)
def test_one_file_of_inference_imports(module: str, owner: str) -> None:
    users = [f.name for f in _files("inference/cooptag") if any(n.split(".")[0] == module for n in _imported(f))]
    assert users == [owner]


def test_only_tracking_and_the_registry_import_mlflow() -> None:
    users = {f.name for f in _files("training/cooptag_training") if any(n.split(".")[0] == "mlflow" for n in _imported(f))}
    assert users == {"tracking.py", "registry.py", "pyfunc_model.py"}  # the last is the code that MLflow itself loads


def test_import_cooptag_is_light() -> None:
    code = f"import cooptag, sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_env())
    assert done.stdout.strip() == "[]"


def _env() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": f"{ROOT / 'inference'}:{ROOT / 'training'}"}
