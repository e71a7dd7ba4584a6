"""The published document against the server that publishes it: what it says is asked for, and what comes back is as it says."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

ROOT = Path(__file__).resolve().parents[2]
# COOPTAG_EXAMPLES=2000 makes a long run of it.
EXAMPLES = int(os.environ.get("COOPTAG_EXAMPLES", "25"))
CHECKS = [
    not_a_server_error, checks.status_code_conformance, checks.content_type_conformance, checks.response_schema_conformance,
    checks.response_headers_conformance, checks.negative_data_rejection, checks.positive_data_acceptance,
]  # fmt: skip
OPERATIONS = {
    "tag": "POST /tag", "text": "POST /text", "areas": "GET /areas", "info": "GET /info", "healthz": "GET /healthz",
    "readyz": "GET /readyz", "metrics": "GET /metrics",
}  # fmt: skip


@pytest.fixture(scope="module")
def url(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server on the tiny model, ready."""
    log = tmp_path_factory.mktemp("openapi") / "log"
    code = "from cooptag.cli import main; main()"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "inference")}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-c", code, "serve", "--port", "0", "--model", str(tiny_model)], stderr=stream, env=environment
        )
    try:
        yield _ready(process, log)
    finally:
        process.kill()
        process.wait()


def _ready(process: "subprocess.Popen[bytes]", log: Path) -> str:
    for _ in range(600):
        lines = [json.loads(line) for line in log.read_text().splitlines() if '"listening"' in line]
        try:
            if lines and urllib.request.urlopen(lines[0]["url"] + "readyz", timeout=5).status == 200:  # noqa: S310
                return str(lines[0]["url"])
        except OSError:
            pass
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def document(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url + "openapi.json", timeout=10) as answer:  # noqa: S310
        found: dict[str, Any] = json.load(answer)
        return found


@pytest.fixture(scope="module")
def api(url: str) -> Any:
    return schemathesis.openapi.from_url(url + "openapi.json")


@pytest.mark.parametrize(("id", "mode"), [*((id, GenerationMode.POSITIVE) for id in OPERATIONS), ("tag", GenerationMode.NEGATIVE)])
def test_the_server_does_as_its_document_says(api: Any, id: str, mode: GenerationMode) -> None:
    operation = api.find_operation_by_id(id)
    # What a model knows (goals, names, areas) and what a file holds no schema can say.
    refusable = [checks.positive_data_acceptance] if id in ("tag", "text") else []

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES < 100, suppress_health_check=list(HealthCheck), database=None)
    def check(case: Case) -> None:
        case.call_and_validate(checks=CHECKS, excluded_checks=refusable)

    check()


def test_the_document_is_openapi_and_every_operation_is_described(document: dict[str, Any], api: Any) -> None:
    assert document["openapi"].startswith("3.1")
    api.validate()
    found = {o["operationId"]: (f"{method.upper()} {path}", o) for path, at in document["paths"].items() for method, o in at.items()}
    assert {id: where for id, (where, _) in found.items()} == OPERATIONS
    for id, (_, operation) in found.items():
        assert operation["summary"], id
        for status, answer in operation["responses"].items():
            assert answer["description"], (id, status)
            assert all(content["schema"] for content in answer["content"].values()), (id, status)


def test_every_refusal_has_the_one_shape(document: dict[str, Any]) -> None:
    for path, at in document["paths"].items():
        for operation in at.values():
            for status, answer in operation["responses"].items():
                if status != "200":
                    assert answer["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ProblemOut"}, (path, status)
    retry = document["paths"]["/tag"]["post"]["responses"]["429"]["headers"]
    assert retry["Retry-After"]["schema"]["type"] == "integer"


def test_a_request_is_described_field_by_field(document: dict[str, Any]) -> None:
    request = document["components"]["schemas"]["TagRequest"]
    assert request["additionalProperties"] is False
    assert set(request["properties"]) == {"text", "sentences", "lang", "all_scores", "explain", "names", "goal", "thresholds"}
    assert "vi" in json.dumps(request["properties"]["lang"])
