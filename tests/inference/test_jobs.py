"""Batch jobs: each row once, in the output or among the rejected, whatever stops the work on its way."""

import csv
import gzip
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from tests.conftest import write_tiny_model

from cooptag.jobs import formats

ROOT = Path(__file__).resolve().parents[2]
# Imported by every Python process that is started with its folder on the path. Kills the process and, in a worker, the job
# with it, or does what FAULT says, when the event STEP comes up: "open" or "os.rename", and the end of the file's name.
SABOTAGE = """
import errno, os, sys, time
event, _, ending = os.environ.get("STEP", "").partition(":")
fault, once = os.environ.get("FAULT", "kill"), os.environ.get("ONCE", "")
def hook(name, args):
    if name != event or not args or not isinstance(args[0], (str, os.PathLike)):
        return
    worker = "jobs.local" in " ".join(sys.orig_argv)
    place = os.fspath(args[1] if name == "os.rename" else args[0])
    if os.environ.get("WHERE") == "worker" and not worker:
        return
    if ending not in os.path.basename(place) or (once and os.path.exists(once)):
        return
    if once:
        os.close(os.open(once, os.O_CREAT))
    if fault == "kill":
        if worker:
            os.kill(os.getppid(), 9)
        os.kill(os.getpid(), 9)
    if fault == "segv":
        os.kill(os.getpid(), 11)
    if fault == "hang":
        time.sleep(600)
    if fault == "full":
        raise OSError(errno.ENOSPC, "No space left on device", place)
    if fault == "bug":
        raise ZeroDivisionError("planted")
sys.addaudithook(hook)
"""
WORDS = ("climate", "energy", "trade", "nothing")


def environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "inference"), "LANG": "C", **more}


def batch(*args: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """One `cooptag batch` process."""
    command = [sys.executable, "-c", "from cooptag.cli import main; main()", "batch", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf8", env=environment(**env), timeout=120)


@pytest.fixture
def sabotage(tmp_path: Path) -> dict[str, str]:
    """The environment in which STEP and FAULT work."""
    (tmp_path / "sabotage").mkdir()
    (tmp_path / "sabotage" / "sitecustomize.py").write_text(SABOTAGE)
    return {"PYTHONPATH": f"{tmp_path / 'sabotage'}{os.pathsep}{ROOT / 'inference'}"}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents of every plain kind, good and bad."""
    folder = tmp_path_factory.mktemp("jobs") / "archive"
    folder.mkdir()
    lines = [json.dumps({"id": f"a{n}", "date": f"20{10 + n}-03", "text": article(n)}) for n in range(12)]
    more = ["{broken", "", {"id": "null", "text": None}, {"id": "a3", "text": "They agreed on trade."}, {"id": "empty", "text": " "}]
    lines[5:5] = [line if isinstance(line, str) else json.dumps(line) for line in more]
    (folder / "a.jsonl").write_text("\n".join(lines) + "\n", encoding="utf8")
    (folder / "b.txt").write_text("They agreed on energy. Hợp tác khí hậu.\n", encoding="utf8")
    with (folder / "c.csv").open("w", newline="") as out:
        csv.writer(out).writerows([["id", "text"], *([f"c{n}", article(n)] for n in range(12))])
    with gzip.open(folder / "d.jsonl.gz", "wt") as packed:
        packed.writelines(json.dumps({"id": n, "text": article(n)}) + "\n" for n in range(16))
    return folder


def article(n: int) -> str:
    return " ".join(f"Number {n} of {k}: the parties agreed on {WORDS[(n + k) % 4]}." for k in range(8))


# What comes in from `archive`: rows of a, b, c and d.
IDS = Counter([*(f"a{n}" for n in range(12)), "a3", "null", "empty", *(f"c{n}" for n in range(12)), *map(str, range(16))])


def options(model: Path, out: Path) -> list[str | Path]:
    return ["--out", out, "--model", model, "--part-size", "0.002", "--workers", "2"]


def contents(out: Path) -> dict[str, bytes]:
    """Every file of a job but its lock."""
    return {str(f.relative_to(out)): f.read_bytes() for f in sorted(out.rglob("*")) if f.is_file() and f.name != "_lock"}


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for part in sorted(out.glob("part-*.jsonl")) for line in part.read_text(encoding="utf8").splitlines()]


def rejected(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "_rejected.jsonl").read_text(encoding="utf8").splitlines()]


@pytest.fixture(scope="module")
def unbroken(archive: Path, tiny_model: Path) -> Path:
    """The folder of a job that nothing stopped."""
    out = archive.parent / "unbroken"
    done = batch(archive, *options(tiny_model, out))
    assert done.returncode == 0, done.stderr
    return out


def test_each_row_comes_out_once(archive: Path, unbroken: Path) -> None:
    found = rows(unbroken)
    assert (unbroken / "_SUCCESS").exists() and len(list(unbroken.glob("part-*.jsonl"))) > 5
    ids = Counter({row["id"] for row in found}) + Counter(r["id"] for r in rejected(unbroken))
    assert ids - IDS == Counter({f"{archive}/b.txt": 1, f"{archive}/a.jsonl:6": 1}) and not IDS - ids
    assert Counter((row["id"], row["sentence"]) for row in found).most_common(1)[0][1] == 1
    assert {(r["id"], r["error"]) for r in rejected(unbroken)} == {
        (f"{archive}/a.jsonl:6", "bad_json"), ("null", "bad_type"), ("a3", "duplicate_id"), ("empty", "no_sentence"),
    }  # fmt: skip
    texts = {f"a{n}": article(n) for n in range(12)}
    assert all(texts[row["id"]][row["start"] : row["end"]] == row["text"] for row in found if row["id"] in texts)


def test_the_summary_counts_what_is_in_the_parts(unbroken: Path) -> None:
    found, summary = rows(unbroken), json.loads((unbroken / "summary.json").read_text(encoding="utf8"))
    counts = summary["counts"]
    assert (counts["sentences"], counts["documents"], counts["rejected"], counts["blank"]) == (len(found), 41, 4, 1)
    assert counts["tagged"] == sum(bool(row["areas"]) for row in found)
    tags = Counter(area["id"] for row in found for area in row["areas"])
    assert {area: of["sentences"] for area, of in summary["areas"].items()} == tags
    assert counts["dated"] == 12 and summary["periods"]["2012-03"]["sentences"] == 8
    for area, examples in summary["examples"].items():
        assert [e["text"][a:b] for e in examples for a, b in e["evidence"]] == [area] * len(examples)
    assert summary["drift"]["verdict"] in ("as trained", "somewhat different", "different")


def test_a_finished_job_has_a_report(unbroken: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(unbroken, tmp_path / "out"))
    command = [sys.executable, "-c", "from cooptag.cli import main; main()", "report", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=60)
    assert done.returncode == 0 and done.stdout.strip() == str(out / "report.html"), done.stderr
    page = (out / "report.html").read_text(encoding="utf8")
    assert "Climate" in page and "duplicate_id" in page and "2012" in page
    (out / "summary.json").unlink()
    again = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=60)
    assert again.returncode == 2 and "run `cooptag batch` to its end" in again.stderr and len(again.stderr.splitlines()) == 1


STEPS = [
    "open:.part-00002", "open:c.csv", "os.rename:part-00000", "os.rename:part-00003", "os.rename:00003.json",
    "open:._rejected", "os.rename:_rejected", "os.rename:summary.json", "os.rename:_SUCCESS", "os.rename:_job.json",
]  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_it_ends_with_the_same_bytes(
    archive: Path, unbroken: Path, tiny_model: Path, tmp_path: Path, sabotage: dict[str, str], step: str
) -> None:
    out = tmp_path / "out"
    killed = batch(archive, *options(tiny_model, out), **sabotage, STEP=step, ONCE=str(tmp_path / "once"))
    assert killed.returncode == -signal.SIGKILL and not (out / "_SUCCESS").exists()
    resumed = batch(archive, *options(tiny_model, out))
    assert resumed.returncode == 0, resumed.stderr
    assert contents(out) == contents(unbroken)


def test_killed_in_the_middle_of_a_part_it_leaves_nothing_under_its_name(
    archive: Path, tiny_model: Path, tmp_path: Path, sabotage: dict[str, str]
) -> None:
    """All in one part: the last file is opened when rows of the first are written already."""
    many = tmp_path / "many"
    many.mkdir()
    for n in range(600):
        (many / f"{n:03}.txt").write_text(article(n))
    out = tmp_path / "out"
    killed = batch(many, "--out", out, "--model", tiny_model, **sabotage, STEP="open:599.txt", WHERE="worker")
    assert killed.returncode == -signal.SIGKILL
    assert not list(out.glob("part-*")) and sum(f.stat().st_size for f in out.glob(".part-*.tmp")) > 0
    assert batch(many, "--out", out, "--model", tiny_model).returncode == 0
    assert len(rows(out)) == 4800 and not list(out.glob(".*.tmp"))


def test_a_part_that_was_changed_is_written_again(archive: Path, unbroken: Path, tiny_model: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(unbroken, tmp_path / "out"))
    (out / "_SUCCESS").unlink()
    (out / "part-00001.jsonl").write_text("cut off")
    (out / "_parts" / "00002.json").write_text("{")
    (out / "part-00003.jsonl").unlink()
    done = batch(archive, *options(tiny_model, out))
    assert "3 of" in done.stderr and contents(out) == contents(unbroken)


def test_a_finished_job_is_left_alone(archive: Path, unbroken: Path, tiny_model: Path) -> None:
    before = {f: f.stat().st_mtime_ns for f in unbroken.rglob("*") if f.name != "_lock"}
    done = batch(archive, *options(tiny_model, unbroken))
    assert done.returncode == 0 and "was done before" in done.stderr
    assert before == {f: f.stat().st_mtime_ns for f in unbroken.rglob("*") if f.name != "_lock"}


def test_two_jobs_in_one_folder_are_refused(archive: Path, tiny_model: Path, tmp_path: Path) -> None:
    from filelock import FileLock

    with FileLock(tmp_path / "_lock"):
        done = batch(archive, *options(tiny_model, tmp_path))
    assert done.returncode == 2 and "another job is at work" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [("input", "the input ("), ("model", "the model"), ("--goal=precision=0.9", "the option goal"), ("--no-split", "the option split")],
)
def test_a_job_of_other_input_model_or_options_is_refused(
    archive: Path, unbroken: Path, tiny_model: Path, tmp_path: Path, change: str, reason: str
) -> None:
    out, model, more = Path(shutil.copytree(unbroken, tmp_path / "out")), tiny_model, []
    if change == "input":
        (tmp_path / "more.txt").write_text("They agreed on trade.")
        more = [tmp_path / "more.txt"]
    elif change == "model":
        model = write_tiny_model(tmp_path / "model", ("climate", "trade"))
    else:
        more = [change]
    done = batch(archive, *more, *options(model, out))
    assert done.returncode == 2 and reason in done.stderr and "--restart" in done.stderr
    assert contents(out) == contents(unbroken)
    again = batch(archive, *more, *options(model, out), "--restart")
    assert again.returncode == 0, again.stderr
    assert contents(out) != contents(unbroken)


def test_a_mistake_in_a_restart_costs_nothing(archive: Path, unbroken: Path, tiny_model: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(unbroken, tmp_path / "out"))
    for mistake in (["--goal", "precison=0.9"], ["--threshold", "climat=0.5"], ["--text-field", "body"]):
        assert batch(archive, *options(tiny_model, out), "--restart", *mistake).returncode == 2
        assert contents(out) == contents(unbroken)


def test_a_finished_job_without_its_records_is_not_overwritten(archive: Path, unbroken: Path, tiny_model: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(unbroken, tmp_path / "out"))
    shutil.rmtree(out / "_parts")
    before = contents(out)
    assert batch(archive / "b.txt", *options(tiny_model, out)).returncode == 2
    assert contents(out) == before


def test_a_job_without_rows_is_done_once(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    first, second = (batch(tmp_path / "empty.jsonl", *options(tiny_model, tmp_path / "out")) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0)
    assert "0 of 0 parts" in first.stderr and "was done before" in second.stderr


# Runs a job in this process, and does something to the input once it is planned.
MEDDLED = """
import sys
from pathlib import Path
from cooptag.jobs import job
from cooptag.jobs.plan import Options
source, out, model, deed = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
def meddle(kind, value):
    if kind == "plan" and deed == "gone":
        source.rename(source.with_name("gone"))
    if kind == "plan" and deed == "grown":
        source.write_text(source.read_text() + '{"id": "new", "text": "They agreed on trade."}\\n')
try:
    job.run([str(source)], out, Options(part_mb=0.002), model, on_event=meddle)
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(("deed", "said"), [("gone", "cannot be read any more"), ("grown", "changed while the job ran")])
def test_an_input_that_goes_or_grows_while_the_job_runs_stops_it(tiny_model: Path, tmp_path: Path, deed: str, said: str) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out"
    text = "".join(json.dumps({"id": n, "text": article(n)}) + "\n" for n in range(20))
    source.write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", MEDDLED, source, out, tiny_model, deed], capture_output=True, text=True, env=environment(), timeout=60
    )
    assert said in done.stdout, done.stdout + done.stderr
    assert not (out / "_SUCCESS").exists()
    source.write_text(text)  # as it was
    assert batch(source, *options(tiny_model, out)).returncode == 0
    assert Counter(row["id"] for row in rows(out)) == Counter({str(n): 8 for n in range(20)})


def test_rows_of_a_few_bytes_do_not_make_a_part_without_end(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("{\n" * 1000)
    assert batch(tmp_path / "in.jsonl", *options(tiny_model, tmp_path / "out")).returncode == 0
    assert len(rejected(tmp_path / "out")) == 1000 and len(list(tmp_path.glob("out/part-*"))) == 50


def test_a_folder_of_something_else_is_refused(archive: Path, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("mine")
    done = batch(archive, *options(tiny_model, tmp_path))
    assert done.returncode == 2 and "thesis.doc" in done.stderr
    assert batch(archive, *options(tiny_model, tmp_path), "--restart").returncode == 2
    assert (tmp_path / "thesis.doc").read_text() == "mine"


def test_a_worker_that_crashes_once_costs_a_retry(
    archive: Path, unbroken: Path, tiny_model: Path, tmp_path: Path, sabotage: dict[str, str]
) -> None:
    once = str(tmp_path / "once")
    done = batch(archive, *options(tiny_model, tmp_path / "out"), **sabotage, STEP="os.rename:part-00002", FAULT="segv", ONCE=once)
    assert done.returncode == 0 and "part 2: its worker died (signal 11); trying again" in done.stderr
    assert contents(tmp_path / "out") == contents(unbroken)


def test_a_worker_that_hangs_before_it_has_read_its_job_is_killed(
    unbroken: Path, tiny_model: Path, tmp_path: Path, sabotage: dict[str, str]
) -> None:
    """The job of a thousand files is longer than a pipe holds."""
    many = tmp_path / "many"
    many.mkdir()
    for n in range(1000):
        (many / f"{n:03}.txt").write_text("They agreed on trade.")
    more = {**sabotage, "STEP": "open:tokenizer.json", "FAULT": "hang", "WHERE": "worker", "ONCE": str(tmp_path / "once")}
    done = batch(many, "--out", tmp_path / "out", "--model", tiny_model, "--patience", "8", **more)
    assert done.returncode == 0 and "gave no sign of life for 8 s" in done.stderr
    assert len(rows(tmp_path / "out")) == 1000


def test_a_worker_that_hangs_is_killed_and_the_part_tried_again(
    archive: Path, unbroken: Path, tiny_model: Path, tmp_path: Path, sabotage: dict[str, str]
) -> None:
    more = {**sabotage, "STEP": "open:.part-00001", "FAULT": "hang", "ONCE": str(tmp_path / "once")}
    done = batch(archive, *options(tiny_model, tmp_path / "out"), "--patience", "8", **more)
    assert done.returncode == 0 and "gave no sign of life for 8 s" in done.stderr
    assert contents(tmp_path / "out") == contents(unbroken)


@pytest.mark.parametrize("fault", ["segv", "bug"])
def test_a_part_that_always_fails_is_given_up_and_the_others_go_on(
    archive: Path, unbroken: Path, tiny_model: Path, tmp_path: Path, sabotage: dict[str, str], fault: str
) -> None:
    out = tmp_path / "out"
    done = batch(archive, *options(tiny_model, out), "--retries", "1", **sabotage, STEP="open:.part-00002", FAULT=fault)
    assert done.returncode == 1 and "1 of" in done.stderr and "part 2" in done.stderr
    assert not (out / "_SUCCESS").exists() and not (out / "part-00002.jsonl").exists()
    assert len(list(out.glob("part-*"))) == len(list(unbroken.glob("part-*"))) - 1
    assert batch(archive, *options(tiny_model, out)).returncode == 0
    assert contents(out) == contents(unbroken)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_at_once_and_the_same_command_goes_on(
    archive: Path, unbroken: Path, tiny_model: Path, tmp_path: Path, sabotage: dict[str, str], sent: int, code: int
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-c", "from cooptag.cli import main; main()", "batch", archive, *options(tiny_model, out)]
    with subprocess.Popen(
        list(map(str, command)), stderr=subprocess.PIPE, text=True, env=environment(**sabotage, STEP="open:.part-00004", FAULT="hang"),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it, and so would theirs
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 60
        while not (out / "_parts" / "00003.json").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        workers = children(process.pid)
        process.send_signal(sent)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == code and "the same command goes on" in errors
    assert "Traceback" not in errors
    assert workers and not any(Path(f"/proc/{worker}").exists() for worker in workers)
    assert batch(archive, *options(tiny_model, out)).returncode == 0
    assert contents(out) == contents(unbroken)


def children(process: int) -> list[str]:
    """The processes that a process has started."""
    return [pid for task in Path(f"/proc/{process}/task").iterdir() for pid in (task / "children").read_text().split()]


@pytest.mark.parametrize("how", ["limit", "full"])
def test_a_full_disk_leaves_no_half_file_and_the_job_goes_on_later(
    archive: Path, unbroken: Path, tiny_model: Path, tmp_path: Path, sabotage: dict[str, str], how: str
) -> None:
    out = tmp_path / "out"
    if how == "limit":  # of the size of a file: every part is larger
        command = [sys.executable, "-c", "from cooptag.cli import main; main()", "batch", archive, *options(tiny_model, out)]
        limit = "import resource, os, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500)); os.execv(sys.argv[1], sys.argv[1:])"
        done = subprocess.run(
            [sys.executable, "-c", limit, *map(str, command)], capture_output=True, text=True, env=environment(), timeout=120
        )
    else:
        done = batch(archive, *options(tiny_model, out), **sabotage, STEP="os.rename:part-00002", FAULT="full")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert not (out / "_SUCCESS").exists() and not list(out.glob(".*.tmp"))
    whole = contents(unbroken)
    assert all(whole[name] == raw for name, raw in contents(out).items())
    assert batch(archive, *options(tiny_model, out)).returncode == 0
    assert contents(out) == whole


def test_more_rejected_rows_than_are_accepted_are_exit_code_1(archive: Path, unbroken: Path, tiny_model: Path) -> None:
    assert batch(archive, *options(tiny_model, unbroken), "--max-errors", "3").returncode == 1
    assert batch(archive, *options(tiny_model, unbroken), "--max-errors", "4").returncode == 0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["/no/such/folder"], "/no/such/folder"),
        (["--format", "xml"], "--format is 'xml'"),
        (["--engine", "spark"], "--engine is 'spark'"),
        (["--part-size", "0"], "--part-size is 0 MB"),
        (["--part-size", "nan"], "--part-size is nan MB"),
        (["--lang", "xx"], "--lang is 'xx'"),
        (["--goal", "best"], "goal is 'best'"),
        (["--threshold", "climat=0.5"], "climat"),
        (["--text-field", "body"], "body"),
        (["--out", "/proc/nothing"], "/proc/nothing"),
        (["bundle.zip"], "bundle.zip"),
        (["bundle.tar.gz"], "bundle.tar.gz"),
    ],
)
def test_a_users_mistake_is_one_line_and_nothing_is_tagged(
    archive: Path, tiny_model: Path, tmp_path: Path, args: list[str], message: str
) -> None:
    for bundle in ("bundle.zip", "bundle.tar.gz"):  # never unpacked, whatever names are in it
        (tmp_path / bundle).write_bytes(b"PK")
    args = [str(tmp_path / arg) if arg.startswith("bundle") else arg for arg in args]
    done = batch(archive, *options(tiny_model, tmp_path / "out"), *args)
    assert done.returncode == 2 and message in done.stderr, done.stderr
    assert len([line for line in done.stderr.strip().splitlines() if not line.startswith("{")]) == 1
    assert not list(tmp_path.glob("out/part-*"))
    # A mistake leaves nothing that stands in the way of the next try.
    assert batch(archive, *options(tiny_model, tmp_path / "out")).returncode == 0


def test_a_bad_model_is_exit_code_3(archive: Path, tmp_path: Path) -> None:
    done = batch(archive, "--out", tmp_path / "out", "--model", "nope")
    assert done.returncode == 3 and "no model 'nope'" in done.stderr


def test_csv_is_safe_for_spreadsheets_and_parquet_is_untouched(tiny_model: Path, tmp_path: Path) -> None:
    formulas = ["=cmd|' /C calc'!A0 on climate", "+1 trade", "-1 energy", "@SUM(A1) trade", "\ttrade", "\0energy"]
    formulas += ["plain climate", "plain\r=trade"]
    lines = [json.dumps({"id": f"={n}", "text": text}) for n, text in enumerate(formulas)]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    for format, more in (("csv", []), ("csv", ["--raw-csv"]), ("parquet", []), ("jsonl", [])):
        out = tmp_path / f"{format}{len(more)}"
        done = batch(tmp_path / "in.jsonl", "--out", out, "--model", tiny_model, "--no-split", "--format", format, *more)
        assert done.returncode == 0, done.stderr
    found = {f.name: next(f.glob("part-*")) for f in tmp_path.iterdir() if f.is_dir()}
    texts = [row["text"] for row in rows(tmp_path / "jsonl0")]
    assert texts == formulas
    cells = list(csv.DictReader(found["csv0"].open(encoding="utf-8-sig", newline="")))
    assert tuple(cells[0]) == formats.CSV_COLUMNS
    assert [row["text"] for row in cells] == [text if text.startswith("plain") else f"'{text}" for text in formulas]
    assert [row["id"] for row in cells] == [f"'={n}" for n in range(len(formulas))]
    assert (cells[0]["areas"], cells[0]["scores"], cells[0]["truncated"]) == ("climate", "0.9526", "false")
    raw = list(csv.DictReader(found["csv1"].open(encoding="utf-8-sig", newline="")))
    assert [row["text"] for row in raw] == formulas
    parquet = pyarrow.parquet.read_table(found["parquet0"]).to_pylist()
    assert [(row["id"], row["text"], row["areas"]) for row in parquet] == [
        (row["id"], row["text"], row["areas"]) for row in rows(tmp_path / "jsonl0")
    ]


def test_without_splitting_each_line_is_one_sentence(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("They agreed. On trade.\n\nEnergy\n")
    assert batch(tmp_path / "in.txt", "--out", tmp_path / "out", "--model", tiny_model, "--no-split").returncode == 0
    found = [(row["id"].rsplit("/", 1)[1], row["sentence"], row["text"]) for row in rows(tmp_path / "out")]
    assert found == [("in.txt:1", 0, "They agreed. On trade."), ("in.txt:3", 0, "Energy")]


def test_hostile_ids_reach_log_and_rejected_list_harmless_and_short(tiny_model: Path, tmp_path: Path) -> None:
    ids = ["\x1b[31m%s\n" + "x" * 1_000_000, "<script>"]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps({"id": id, "text": " "}) + "\n" for id in ids))
    done = batch(tmp_path / "in.jsonl", "--out", tmp_path / "out", "--model", tiny_model, "--log-every", "0")
    assert done.returncode == 0 and "\x1b" not in done.stderr and len(done.stderr) < 5000
    assert all(isinstance(json.loads(line), dict) for line in done.stderr.splitlines()[:-1])
    assert [len(r["id"]) for r in rejected(tmp_path / "out")] == [200, 8]


def test_on_a_terminal_it_shows_a_bar_with_rate_and_time_left(archive: Path, tiny_model: Path, tmp_path: Path) -> None:
    outer, inner = pty.openpty()
    command = [sys.executable, "-c", "from cooptag.cli import main; main()", "batch", archive, *options(tiny_model, tmp_path / "out")]
    process = subprocess.Popen(list(map(str, command)), stderr=inner, env=environment(TERM="xterm", COLUMNS="160"))
    os.close(inner)
    shown = b""
    with suppress(OSError):  # how a terminal says that its other end is closed
        while piece := os.read(outer, 65536):
            shown += piece
    assert process.wait(60) == 0
    said = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode("utf8"))
    assert re.search(r"part \d of \d+, \d+ sentences, [\d,]+/s +\d:\d\d:\d\d", said), said
    assert '{"event"' not in said


def test_elsewhere_it_writes_a_line_of_json_now_and_then(archive: Path, tiny_model: Path, tmp_path: Path) -> None:
    done = batch(archive, *options(tiny_model, tmp_path / "out"), "--log-every", "0")
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert {"plan", "tagging"} <= {line["event"] for line in lines}
    last = [line for line in lines if line["event"] == "tagging"][-1]
    assert last["parts_done"] == last["parts"] and last["sentences_per_second"] > 0 and last["seconds_left"] is not None


def test_an_odd_environment_and_no_network(archive: Path, unbroken: Path, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\ndef hook(name, args):\n    if name in ('socket.connect', 'socket.getaddrinfo'):\n"
        "        raise RuntimeError('the network was asked')\nsys.addaudithook(hook)\n"
    )
    home = tmp_path / "home"
    home.mkdir(mode=0o500)
    odd = {"HOME": str(home), "TZ": "Nowhere/Odd", "LC_ALL": "C", "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT / 'inference'}"}
    done = batch(archive, *options(tiny_model, tmp_path / "out"), **odd)
    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "out") == contents(unbroken)
