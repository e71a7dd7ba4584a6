"""What an operator starts and reads: the load test, the unit, the container's recipe and SERVE.md agree with the program."""

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.request import urlopen

import pytest
from typer.main import get_command

from cooptag import cli
from cooptag.documents import MAX_MEMORY
from cooptag.errors import ModelError, UsageError
from cooptag.guard import PROBES, ROUTES
from cooptag.limits import Limits, with_options
from cooptag.listen import LINGER_SECONDS
from cooptag.metrics import Metrics

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "inference" / "deploy"
UNIT = (DEPLOY / "cooptag.service").read_text(encoding="utf8")
RECIPE = (DEPLOY / "Containerfile").read_text(encoding="utf8").replace("\\\n", "")
GUIDE = (ROOT / "inference" / "SERVE.md").read_text(encoding="utf8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))


def unit(name: str) -> list[str]:
    """The values of a setting of the unit."""
    return re.findall(rf"^{name}=(.*)$", UNIT, re.M)


def recipe(instruction: str) -> list[str]:
    """What follows an instruction of the container's recipe."""
    return re.findall(rf"^{instruction} +(.*)$", RECIPE, re.M)


def options(command: list[str]) -> dict[str, Any]:
    """What the real command line makes of `serve …`."""
    assert command[0] == "serve"
    with get_command(cli.app).commands["serve"].make_context("serve", list(command[1:])) as context:  # type: ignore[attr-defined]
        return dict(context.params)


# ------------------------------------------------------------------------------------------------- unit and container


def test_the_units_command_is_one() -> None:
    (start,) = unit("ExecStart")
    program, *command = shlex.split(start)
    given = options(command)
    assert Path(program).name in PROJECT["project"]["scripts"]
    assert given["host"] == "127.0.0.1"
    (credential,) = unit("LoadCredential")
    assert str(given["api_key_file"]) == f"${{CREDENTIALS_DIRECTORY}}/{credential.split(':')[0]}"


def test_the_unit_gives_the_server_its_time_and_memory() -> None:
    limits = Limits()
    assert int(unit("TimeoutStopSec")[0]) > limits.grace_seconds + LINGER_SECONDS + 5
    assert unit("RestartPreventExitStatus") == [f"{UsageError.exit_code} {ModelError.exit_code}"]
    assert int(unit("MemoryMax")[0].removesuffix("G")) * 2**30 > limits.documents * MAX_MEMORY + 700e6
    assert int(unit("LimitNOFILE")[0]) > 2 * limits.connections


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path) -> None:
    there = UNIT.replace("ExecStart=/opt/cooptag/bin/cooptag", f"ExecStart={sys.executable}")
    assert there != UNIT
    (tmp_path / "cooptag.service").write_text(there, encoding="utf8")
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "cooptag.service")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_container_is_built_of_what_is_there() -> None:
    copied = [source for line in recipe("COPY") if not line.startswith("--from") for source in line.split()[:-1]]
    assert copied and all((ROOT / source).exists() for source in copied)
    build = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = [*build["packages"], *build["force-include"], PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]]
    missing = [path for path in needed if not any(Path(path).is_relative_to(source) for source in copied)]
    assert not missing
    (extras,) = set(re.findall(r"cooptag\[(\w+)\]", RECIPE))
    assert extras in PROJECT["project"]["optional-dependencies"]


def test_the_container_starts_the_server_at_the_port_that_it_names() -> None:
    program, *command = json.loads(recipe("ENTRYPOINT")[0])
    given = options(command)
    assert program in PROJECT["project"]["scripts"]
    assert given["host"] == "0.0.0.0"  # noqa: S104
    assert recipe("EXPOSE") == [str(given["port"])]
    assert (recipe("STOPSIGNAL"), recipe("USER")) == (["SIGTERM"], ["65534:65534"])
    assert recipe("FROM")[-1] == "docker.io/library/python:3.11-slim"
    for path in re.findall(r"http://127.0.0.1:(\S+?)'", RECIPE):
        port, _, route = path.partition("/")
        assert (port, f"/{route}" in PROBES) == (str(given["port"]), True)


# ------------------------------------------------------------------------------------------------- SERVE.md


def test_the_guide_names_every_limit_with_its_default() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| ([\d,.]+) \|", GUIDE, re.M))
    assert {name: float(value.replace(",", "")) for name, value in told.items()} == asdict(Limits())


def test_limits_that_are_set_by_way_of_example_exist() -> None:
    examples = re.findall(r"--limit (\w+=[\w.]+)", GUIDE + UNIT + RECIPE)
    assert examples
    assert with_options(examples) != Limits()


def test_the_guide_names_every_metric_and_no_other() -> None:
    ours = {family.name for family in Metrics().registry.collect() if family.name.startswith("cooptag")}
    named = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in re.findall(r"\bcooptag_\w+", GUIDE)}
    assert named == ours


def test_the_guide_names_every_option_and_every_path() -> None:
    serve = get_command(cli.app).commands["serve"]  # type: ignore[attr-defined]
    taken = {option for parameter in serve.params for option in parameter.opts}
    named = {option for command in re.findall(r"cooptag serve[^`\n]*", GUIDE) for option in re.findall(r"--[a-z-]+", command)}
    assert taken - {"--help"} <= set(re.findall(r"--[a-z-]+", GUIDE))
    assert named <= taken
    assert set(ROUTES) <= set(re.findall(r"\| `(?:GET|POST) (\S+)` \|", GUIDE))


def test_the_guide_names_every_error() -> None:
    sources = [(ROOT / "inference" / "cooptag" / f"{name}.py").read_text(encoding="utf8") for name in ("guard", "server", "listen")]
    ours = {kind for source in sources for kind in re.findall(r'Problem\(\d+, "(\w+)"', source)}
    told = dict(re.findall(r"^\| (\d+) \| (.+?) \|", GUIDE, re.M))
    assert ours - {"client_gone"} <= {kind for kinds in told.values() for kind in re.findall(r"`(\w+)`", kinds)}
    assert {"401", "404", "405", "413", "415", "422", "429", "503", "504"} <= set(told)


def test_files_that_the_guide_names_are_there() -> None:
    named = set(re.findall(r"(?:inference|tests)/[\w/.]+\.(?:py|service)|inference/deploy/Containerfile|\btest_\w+\.py", GUIDE))
    assert named
    missing = [name for name in named if not ((ROOT / name).exists() or (ROOT / "tests" / "inference" / name).exists())]
    assert not missing


# ------------------------------------------------------------------------------------------------- the load test


@pytest.fixture(scope="module")
def url(tiny_model: Path) -> Iterator[str]:
    """A live server of the tiny model, at any free port."""
    # The tiny model is so fast that ten times its rate is more than 1,000 connections on a busy machine.
    options = ("--port", "0", "--model", str(tiny_model), "--limit", "connections=10000")
    command = [sys.executable, "-c", "from cooptag.cli import main; main()", "serve", *options]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "inference")}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stderr
        lines = iter(server.stderr.readline, "")
        address = next(json.loads(line)["url"].rstrip("/") for line in lines if '"listening"' in line)
        # Its log must be read, or the server would wait for its reader.
        with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=server.stderr):
            _wait_until_ready(address)
            yield address
            server.terminate()
            assert server.wait(30) == 0


def _wait_until_ready(address: str) -> None:
    for _ in range(300):
        try:
            return urlopen(f"{address}/readyz", timeout=5).close()  # noqa: S310
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server did not become ready")


def run_load_test(*args: str) -> subprocess.CompletedProcess[str]:
    """The script as an operator runs it."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "inference")}
    command = [sys.executable, str(DEPLOY / "load_test.py"), *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


def test_the_load_test_measures_a_live_server_and_loses_nothing(url: str, tiny_model: Path) -> None:
    done = run_load_test(url, "--seconds", "2", "--bare", str(tiny_model), "--json")
    assert done.returncode in (0, 1), done.stderr
    result = json.loads(done.stdout)
    flow, over = result["throughput"], result["overload"]
    assert result["unloaded"]["one"]["count"] == 10
    assert (flow["lost"], over["lost"]) == ({}, {})
    assert over["accepted"]["count"] > 0
    assert set(over["statuses"]) <= {"200", "429"}
    assert sum(over["statuses"].values()) == max(1, round(2 * over["offered_per_s"]))
    assert over["offered_per_s"] == pytest.approx(10 * flow["sentences_per_s"] / 64)
    assert over["healthz"]["count"] == 40 and over["healthz"]["p50_ms"] < 2000
    assert min(over["rss_mb"]) > 10
    assert all(rate > 0 for turn in flow["bare_turns"] for rate in turn.values())
    assert done.returncode == bool(result["broken"])
    assert done.stderr.count("BROKEN") == len(result["broken"])


def test_the_containers_health_check_passes_while_the_server_lives(url: str) -> None:
    code = json.loads(re.findall(r"HEALTHCHECK.*CMD (\[.*\])", RECIPE)[0])[2]
    alive = code.replace("http://127.0.0.1:8000", url)
    assert subprocess.run([sys.executable, "-c", alive], timeout=30).returncode == 0
    gone = code.replace(":8000", ":1")
    assert subprocess.run([sys.executable, "-c", gone], timeout=30, capture_output=True).returncode == 1


def test_a_server_that_is_not_there_is_one_line_and_exit_code_2() -> None:
    done = run_load_test("http://127.0.0.1:1", "--seconds", "1")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


@pytest.fixture(scope="module")
def load_test() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("load_test", DEPLOY / "load_test.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_two_sentences_are_equal(load_test: ModuleType) -> None:
    sentences = load_test.take(5000)
    assert len(set(sentences)) == 5000
    assert not any("{" in sentence for sentence in sentences)


@pytest.mark.parametrize(
    ("status", "head", "answer"),
    [
        (200, {}, [{"text": "a"}]),
        (200, {}, [{"text": "b"}, {"text": "a"}]),
        (200, {}, [{"text": "a"}, {"text": "b", "error": "failed"}]),
        (429, {}, {"error": "full", "error_type": "overloaded"}),
        (429, {"retry-after": "1"}, {"error": "full"}),
        (503, {}, {"error": "loading", "error_type": "loading"}),
    ],
)
def test_what_is_no_answer_to_what_was_sent_counts_as_lost(load_test: ModuleType, status: int, head: dict[str, str], answer: Any) -> None:
    assert load_test._wrong(status, head, json.dumps(answer).encode(), ["a", "b"])
    assert not load_test._wrong(200, {}, b'[{"text": "a"}, {"text": "b"}]', ["a", "b"])
    assert not load_test._wrong(429, {"retry-after": "2"}, b'{"error": "full", "error_type": "overloaded"}', ["a", "b"])


def _result(accepted: float = 1.0, health: float = 1.0, rss: float = 100.0, lost: str = "") -> dict[str, Any]:
    over = {"accepted": {"p99_ms": accepted}, "healthz": {"max_ms": health}, "rss_mb": [100.0, rss], "lost": Counter([lost][: bool(lost)])}
    return {"overload": over, "unloaded": {"full_batch": {"p50_ms": 10.0}}, "throughput": {"lost": Counter()}}


@pytest.mark.parametrize(("bad", "said"), [
    ({"accepted": 21.0}, "twice"), ({"accepted": float("nan")}, "twice"), ({"health": float("inf")}, "healthz"),
    ({"rss": 111.0}, "memory"), ({"lost": "another's"}, "lost"),
])  # fmt: skip
def test_a_broken_promise_is_told(load_test: ModuleType, bad: dict[str, Any], said: str) -> None:
    (told,) = load_test.broken(_result(**bad))
    assert said in told
    assert load_test.broken(_result()) == []
