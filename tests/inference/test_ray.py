"""The Ray engine: the same rows as the local one, and an actor that dies costs a retry."""

from pathlib import Path

import pytest
from tests.inference import test_jobs as jobs
from tests.inference.test_jobs import archive, sabotage, unbroken  # noqa: F401  (fixtures)

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


def test_no_cluster_at_the_address_is_one_line(archive: Path, tiny_model: Path, tmp_path: Path) -> None:  # noqa: F811
    done = jobs.batch(archive, *jobs.options(tiny_model, tmp_path), "--engine", "ray", "--ray-address", "127.0.0.1:1")
    assert done.returncode == 2 and "--ray-address is '127.0.0.1:1'" in done.stderr and "Traceback" not in done.stderr
