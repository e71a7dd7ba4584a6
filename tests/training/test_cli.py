"""`cooptag-train` as a shell sees it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'inference'}:{ROOT / 'training'}", "HOME": str(cwd), "LANG": "C"}
    code = "from cooptag_training.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, env=environment, cwd=cwd, timeout=300)


@pytest.mark.parametrize(
    "command", ["build", "fit", "export", "evaluate", "audit", "curve", "corpus stats", "corpus check", "corpus agreement"]
)
def test_help_shows_an_example(command: str, tmp_path: Path) -> None:
    assert "Example" in run(*command.split(), "--help", cwd=tmp_path).stdout


def test_fit_on_anybodys_labels_then_evaluate(base_model: Path, labelled_jsonl: Callable[[int], Path], tmp_path: Path) -> None:
    rows = labelled_jsonl(120)
    fitted = run(
        "fit", "--data", str(rows), "--config", str(ROOT / "configs/train-tiny.yaml"), "--out", "mine", "--tracking", "off",
        "--set", f"base_model={base_model}", "--set", "epochs=2", "--set", "precision=bf16", cwd=tmp_path,
    )  # fmt: skip
    assert fitted.returncode == 0, fitted.stderr
    assert "micro-F1" in fitted.stdout and "cooptag tag --model mine" in fitted.stderr
    scored = run("evaluate", "mine", str(rows), "--json", "--errors", "wrong.jsonl", cwd=tmp_path)
    assert scored.returncode == 0, scored.stderr
    report = json.loads(scored.stdout)
    wrong = (tmp_path / "wrong.jsonl").read_text().splitlines()
    assert report["n"] == 120 and len(wrong) == round(120 * (1 - report["exact_match"]))


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["fit", "--data", "none.jsonl", "--out", "x", "--config", str(ROOT / "configs/train-tiny.yaml")], 2, "none.jsonl"),
        (["fit", "--data", "rows.jsonl", "--out", "x", "--config", "none.yaml"], 2, "none.yaml"),
        (
            ["fit", "--data", "rows.jsonl", "--out", "x", "--config", str(ROOT / "configs/train-tiny.yaml"), "--set", "epoch=1"],
            2,
            "'epochs'",
        ),
        (
            ["fit", "--data", "rows.jsonl", "--out", "x", "--config", str(ROOT / "configs/train-tiny.yaml"), "--set", "epochs"],
            2,
            "expected key=value",
        ),
        (["evaluate", "none", "rows.jsonl"], 3, "no model 'none'"),
        (["build", "--corpus", "none"], 2, "holds no article"),
        (["corpus", "stats", "--corpus", "none"], 2, "holds no article"),
        (["corpus", "check", "--rules", "none.yaml"], 2, "none.yaml"),
        (["corpus", "agreement", "--corpus", "none"], 2, "second-labels.jsonl"),
        (
            [
                "curve",
                "--config",
                str(ROOT / "configs/train-tiny.yaml"),
                "--data",
                "rows.jsonl",
                "--scored",
                "rows.jsonl",
                "--out",
                "x",
                "--only",
                "30%",
            ],
            2,
            "--only is '30%'; expected one of '12%'",
        ),
        (["audit", "--data", "none.jsonl", "--out", "x", "--config", str(ROOT / "configs/train-tiny.yaml")], 2, "none.jsonl"),
        (
            ["export", "none", "--data", "rows.jsonl", "--out", "x", "--config", str(ROOT / "configs/train-tiny.yaml")],
            2,
            "no finished training",
        ),
    ],
)
def test_a_users_mistake_is_one_line(
    tmp_path: Path, labelled_jsonl: Callable[[int], Path], args: list[str], code: int, message: str
) -> None:
    shutil.copy(labelled_jsonl(60), tmp_path)
    done = run(*args, *(["--tracking", "off"] if args[0] in ("fit", "export") else []), cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert message in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
