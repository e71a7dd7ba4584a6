"""`cooptag-train` as a shell sees it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cooptag import artifact

ROOT = Path(__file__).resolve().parents[2]


def run(*args: str, cwd: Path, program: str = "cooptag_training") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'inference'}:{ROOT / 'training'}", "HOME": str(cwd), "LANG": "C"}
    code = f"from {program}.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, env=environment, cwd=cwd, timeout=300)


@pytest.mark.parametrize(
    "command", ["build", "fit", "export", "evaluate", "audit", "curve", "register", "corpus stats", "corpus check", "corpus agreement"]
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


def test_a_registered_model_is_tagged_with_and_held_against(store: str, tiny_model: Path, tmp_path: Path) -> None:
    """`store` lies at the default place, mlflow.db in the working folder."""
    rows = [{"text": text, "labels": [area]} for area in ("climate", "energy") for text in [f"They agreed on {area}."] * 60]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    contents = {name: (tiny_model / name).read_bytes() for name in artifact.FILES}
    deaf = artifact.load(tiny_model).manifest.model_copy(update={"thresholds": [0.5, 0.9999, 0.5]})
    artifact.save(tmp_path / "deaf", deaf, contents)
    done = run("register", str(tiny_model), cwd=tmp_path)
    assert done.stdout == "models:/cooptag/1 registered, models:/cooptag@champion is version 1\n", done.stderr
    tagged = run("tag", "rows.jsonl", "--model", "models:/cooptag@champion", "--json", program="cooptag", cwd=tmp_path)
    assert json.loads(tagged.stdout.splitlines()[0])["areas"][0]["id"] == "climate", tagged.stderr
    refused = run("evaluate", "deaf", "rows.jsonl", "--champion", "models:/cooptag@champion", "--promote", cwd=tmp_path)
    assert refused.returncode == 2 and "deaf is worse" in refused.stderr and "Traceback" not in refused.stderr, refused.stderr
    assert "energy" in refused.stdout and run("register", "deaf", cwd=tmp_path).returncode == 2


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
        (["evaluate", "nano", "rows.jsonl", "--promote"], 2, "--promote goes with --champion"),
        (["evaluate", "nano", ".", "--split", "train", "--champion", "models:/cooptag@champion", "--promote"], 2, "--split is 'train'"),
        (["register", "nano", "--alias", "../x"], 2, "--alias is '../x'"),
        (["register", "none"], 3, "no model 'none'"),
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
