"""The Ray engine: the same rows as the local one, and an actor that dies costs a retry."""

import gzip
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.inference import test_jobs as jobs
from tests.inference.test_jobs import archive, sabotage, unbroken  # noqa: F401  (fixtures)

from cooptag import artifact
from cooptag.jobs import plan, ray_engine, readers
from cooptag.jobs.plan import Job, Options

pytest.importorskip("ray")


def test_the_same_bytes_although_an_actor_is_killed(
    archive: Path, unbroken: Path, tiny_model: Path, tmp_path: Path, sabotage: dict[str, str]  # noqa: F811
) -> None:  # fmt: skip
    once = tmp_path / "once"
    more = {**sabotage, "STEP": "open:.part-00002", "FAULT": "segv", "ONCE": str(once)}
    done = jobs.batch(archive, *jobs.options(tiny_model, tmp_path / "out"), "--engine", "ray", **more)
    assert done.returncode == 0, done.stderr
    assert once.exists() and jobs.contents(tmp_path / "out") == jobs.contents(unbroken)


@pytest.mark.parametrize("fault", ["segv", "bug"])
def test_a_part_that_always_fails_is_given_up_and_the_others_go_on(
    archive: Path, unbroken: Path, tiny_model: Path, tmp_path: Path, sabotage: dict[str, str], fault: str  # noqa: F811
) -> None:  # fmt: skip
    out = tmp_path / "out"
    more = {**sabotage, "STEP": "open:.part-00002", "FAULT": fault}
    done = jobs.batch(archive, *jobs.options(tiny_model, out), "--engine", "ray", "--retries", "1", **more)
    assert done.returncode == 1 and "part 2: " in done.stderr and "1 of" in done.stderr
    assert len(list(out.glob("part-*"))) == len(list(unbroken.glob("part-*"))) - 1
    assert jobs.batch(archive, *jobs.options(tiny_model, out)).returncode == 0  # by the other engine
    assert jobs.contents(out) == jobs.contents(unbroken)


def test_a_fault_while_a_packed_file_is_read_costs_no_row_of_the_next_part(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in.jsonl.gz"
    with gzip.open(source, "wt") as packed:
        packed.writelines(json.dumps({"id": n, "text": jobs.article(n)}) + "\n" for n in range(30))
    options = Options(part_mb=0.002)
    sources, _ = readers.find([str(source)], tmp_path / "out")
    (tmp_path / "out" / "_parts").mkdir(parents=True)
    model = artifact.load(tiny_model).manifest.digest
    job = Job(tmp_path / "out", tuple(sources), plan.hashed(sources), str(tiny_model), model, "", options)
    first, second, *_ = plan.cut(sources, options)
    writer = ray_engine.Writer(job.to_json(), 1, 600)
    with monkeypatch.context() as patch:
        patch.setattr(readers, "parse_json", lambda line: 1 // 0)
        assert "error" in writer._answer(first)
    assert writer._answer(second)["record"]["rows"] == 8 * second.rows > 0


def test_sigterm_is_143(archive: Path, tiny_model: Path, tmp_path: Path, sabotage: dict[str, str]) -> None:  # noqa: F811
    out = tmp_path / "out"
    command = ["batch", archive, *jobs.options(tiny_model, out), "--engine", "ray"]
    environment = jobs.environment(**sabotage, STEP="open:.part-00004", FAULT="hang")
    with subprocess.Popen([sys.executable, "-c", "from cooptag.cli import main; main()", *map(str, command)], env=environment) as process:
        deadline = time.monotonic() + 60
        while not (out / "_parts" / "00000.json").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.terminate()
        assert process.wait(60) == 143


def test_no_cluster_at_the_address_is_one_line(archive: Path, tiny_model: Path, tmp_path: Path) -> None:  # noqa: F811
    done = jobs.batch(archive, *jobs.options(tiny_model, tmp_path), "--engine", "ray", "--ray-address", "127.0.0.1:1")
    assert done.returncode == 2 and "--ray-address is '127.0.0.1:1'" in done.stderr and "Traceback" not in done.stderr
