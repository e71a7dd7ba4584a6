"""What stands before the application and the service behind it, called as ASGI without a socket: limits, keys, headers,
clients that go away, models that fail. Nothing of a request may come back in an error or a log."""

import asyncio
import json
import logging
import math
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, MutableMapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from cooptag import server, types
from cooptag.guard import LOG, SECURITY_HEADERS, Access, Guard, Problem, host_name
from cooptag.limits import Limits, with_options
from cooptag.metrics import Metrics
from cooptag.server import Service, create_app
from cooptag.tagger import Tagger

JSON = ("Content-Type", "application/json")
NDJSON = ("Accept", "application/x-ndjson")
KEY = "0123456789abcdef"
CANARY = "kanarie-9d41"
Event = MutableMapping[str, Any]


@dataclass
class Answer:
    """What was sent back: the head and the pieces of the body as they came."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    pieces: list[bytes] = field(default_factory=list)
    whole: bool = False

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def error_type(self) -> str:
        return str(json.loads(self.body)["error_type"])


class Call:
    """One request. `gone` closes the client's side; `reads`: how many messages of the answer it takes before it takes no more."""

    def __init__(
        self, app: Any, method: str, path: str, body: bytes | Iterable[bytes] = b"", headers: Sequence[tuple[str, str]] = (),
        endless: bool = False, reads: float = math.inf,
    ) -> None:  # fmt: skip
        self.app, self.answer, self.gone, self._reads = app, Answer(), asyncio.Event(), reads
        self._chunks = iter([body] if isinstance(body, bytes) else body)
        self._endless, self._more, self.read_bytes = endless, True, 0
        raw = [(name.lower().encode(), value.encode("latin1")) for name, value in headers]
        self.scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"", "headers": raw, "state": {},
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        }  # fmt: skip

    async def _receive(self) -> Event:
        chunk = next(self._chunks, None)
        if chunk is not None:
            self.read_bytes += len(chunk)
            return {"type": "http.request", "body": chunk, "more_body": True}
        if self._more and not self._endless:
            self._more = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Event) -> None:
        if self._reads <= 0:
            await self.gone.wait()
        self._reads -= 1
        if self.gone.is_set():
            return
        if message["type"] == "http.response.start":
            assert not self.answer.status, "a second head was sent"
            self.answer.status = message["status"]
            self.answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            assert not self.answer.whole, "something was sent after the end"
            self.answer.pieces += [message["body"]] if message.get("body") else []
            self.answer.whole = not message.get("more_body", False)

    async def run(self) -> Answer:
        await self.app(self.scope, self._receive, self._send)
        return self.answer


async def call(app: Any, method: str, path: str, body: bytes | Iterable[bytes] = b"", *headers: tuple[str, str]) -> Answer:
    return await Call(app, method, path, body, headers).run()


async def tag(app: Any, *headers: tuple[str, str], **request: Any) -> Answer:
    return await call(app, "POST", "/tag", json.dumps(request).encode(), JSON, *headers)


def in_loop(work: Callable[[], Awaitable[Any]]) -> Any:
    async def bounded() -> Any:
        return await asyncio.wait_for(work(), 30)

    return asyncio.run(bounded())


async def until(true: Callable[[], bool], said: str) -> None:
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end, said
        await asyncio.sleep(0.005)


def guard_of(app: Any, limits: Limits | None = None, access: Access | None = None, refuse: Any = lambda *_: None) -> Guard:
    return Guard(app, limits or Limits(), access or Access(), Metrics(), refuse)


async def echo(scope: Event, receive: Any, send: Any) -> None:
    """Answers with the body that it was given."""
    body, more = b"", scope["method"] == "POST"
    while more:
        message = await receive()
        assert message["type"] == "http.request", "the client's end came before the body's"
        body, more = body + message["body"], message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def never(scope: Event, *_: Any) -> Any:
    raise AssertionError("the application was reached")


# --------------------------------------------------------------------------------------------- before the application


def test_a_body_arrives_whole_and_once() -> None:
    async def work() -> None:
        answer = await call(guard_of(echo), "POST", "/tag", [b"a", b"", b"bc", b"d"], JSON)
        assert (answer.status, answer.body, answer.whole) == (200, b"abcd", True)

    in_loop(work)


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_over_the_limit_is_refused_before_it_is_read(declared: bool) -> None:
    async def work() -> None:
        chunks = [b"x" * 1000] * 10_000
        length = (("Content-Length", str(10_000_000)),) if declared else ()
        asked = Call(guard_of(never, Limits(body_bytes=2000)), "POST", "/tag", chunks, [JSON, *length])
        answer = await asked.run()
        assert (answer.status, answer.error_type) == (413, "too_large")
        assert asked.read_bytes <= 3000, "more was read than shows that it is too large"

    in_loop(work)


@pytest.mark.parametrize(("size", "status"), [(2000, 200), (2001, 413)])
def test_the_limit_of_a_body_is_exact(size: int, status: int) -> None:
    async def work() -> None:
        guard = guard_of(echo, Limits(body_bytes=2000))
        assert (await call(guard, "POST", "/tag", b"x" * size, JSON)).status == status
        assert (await call(guard, "POST", "/tag", b"x" * size, JSON, ("Content-Length", str(size)))).status == status

    in_loop(work)


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "multipart/form-data; boundary=x", "application/jsonx", "\xff/\xfe", "a" * 9000], ids=lambda kind: kind[:9]
)
def test_another_content_type_is_refused_before_the_body(kind: str) -> None:
    async def work() -> None:
        asked = Call(guard_of(never), "POST", "/tag", [b"x"] * 10, [("Content-Type", kind)] if kind else [])
        answer = await asked.run()
        assert (answer.status, answer.error_type) == (415, "wrong_content_type")
        assert len(answer.body) < 400

    in_loop(work)


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip"])
def test_packed_bodies_are_refused(encoding: str) -> None:
    async def work() -> None:
        answer = await call(guard_of(never), "POST", "/tag", b"x", JSON, ("Content-Encoding", encoding))
        assert (answer.status, answer.error_type) == (415, "wrong_content_encoding")

    in_loop(work)


def test_bodies_under_way_are_bounded_together_and_their_room_comes_back() -> None:
    async def work() -> None:
        guard = guard_of(echo, Limits(body_bytes=1000, document_bytes=1000, reading_bytes=2500))
        slow = [Call(guard, "POST", "/tag", [b"x" * 999], [JSON], endless=True) for _ in range(2)]
        tasks = [asyncio.create_task(asked.run()) for asked in slow]
        await until(lambda: guard._reading == 1998, "two bodies are being received")
        refused = await call(guard, "POST", "/tag", b"x" * 600, JSON)
        assert (refused.status, refused.headers["retry-after"]) == (429, "1")
        assert (await call(guard, "POST", "/tag", b"x" * 500, JSON, ("Content-Length", "500"))).status == 200
        for asked in slow:
            asked.gone.set()
        await asyncio.gather(*tasks)
        assert (guard._reading, guard.under_way) == (0, 0)

    in_loop(work)


def test_who_only_declares_a_large_body_keeps_nobody_out() -> None:
    async def work() -> None:
        guard = guard_of(echo, Limits(body_bytes=1000, document_bytes=1000, reading_bytes=2500))
        lengths = [("Content-Length", "1000"), ("Transfer-Encoding", "chunked")] * 5
        idle = [Call(guard, "POST", "/tag", [b"x"], [JSON, length], endless=True) for length in lengths]
        tasks = [asyncio.create_task(asked.run()) for asked in idle]
        await until(lambda: guard._reading == len(idle), "they are being received")
        assert (await call(guard, "POST", "/tag", b"x" * 500, JSON)).status == 200
        for asked in idle:
            asked.gone.set()
        await asyncio.gather(*tasks)
        assert guard._reading == 0

    in_loop(work)


def test_two_ways_to_tell_a_bodys_end_are_refused_and_end_the_connection() -> None:
    async def work() -> None:
        for method, path in (("POST", "/tag"), ("GET", "/info"), ("GET", "/nothing")):
            answer = await call(guard_of(never), method, path, b"x", JSON, ("Transfer-Encoding", "chunked"), ("Content-Length", "1"))
            assert (answer.status, answer.error_type, answer.headers["connection"]) == (400, "bad_http", "close"), path

    in_loop(work)


def test_the_rest_of_a_refused_body_is_taken_before_the_connection_is_closed() -> None:
    async def work() -> None:
        for close in (("Connection", "close"), ("Connection", "Close, x")):
            asked = Call(guard_of(never), "POST", "/tag", [b"x" * 1000] * 20, [("Content-Type", "a/b"), close])
            answer = await asked.run()
            assert (answer.status, answer.error_type, answer.whole) == (415, "wrong_content_type", True)
            assert asked.read_bytes == 20_000
        kept = Call(guard_of(never), "POST", "/tag", [b"x" * 1000] * 20, [("Content-Type", "a/b")])
        assert (await kept.run()).whole
        assert kept.read_bytes == 0, "the connection is kept, its reader takes the rest"
        endless = Call(guard_of(never, Limits(head_seconds=0.1)), "POST", "/tag", [b"x"], [("Connection", "close")], endless=True)
        assert (await endless.run()).whole

    in_loop(work)


def test_what_stands_against_a_request_is_said_before_its_body_is_read() -> None:
    async def work() -> None:
        busy = Problem(429, "overloaded", "full", {"Retry-After": "3"})
        asked = Call(guard_of(never, refuse=lambda *_: busy), "POST", "/tag", [b"x"], [JSON, ("Content-Length", "1000")], endless=True)
        running = asyncio.create_task(asked.run())
        await until(lambda: bool(asked.answer.pieces), "the refusal waits for the body")
        assert (asked.answer.status, asked.answer.headers["retry-after"]) == (429, "3")
        asked.gone.set()
        await running

    in_loop(work)


def test_a_rush_of_refusals_does_not_fill_the_log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        busy = Problem(429, "overloaded", "full", {"Retry-After": "3"})
        guard = guard_of(never, refuse=lambda *_: busy)
        for _ in range(50):
            await call(guard, "POST", "/tag", b"{}", JSON)
        monkeypatch.setattr(guard, "_told", -1e9)  # a second has passed
        await call(guard, "POST", "/tag", b"{}", JSON)

    with caplog.at_level(logging.INFO, LOG.name):
        in_loop(work)
    told = [record.fields["refused"] for record in caplog.records if record.msg == "request"]  # type: ignore[attr-defined]
    assert told == [1, 50], "each line says how many there were since the one before"


def test_a_deadline_ends_the_work_and_is_told() -> None:
    async def work() -> None:
        ended: list[str] = []

        async def slow(*_: Any) -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise

        guard = guard_of(slow, Limits(deadline_seconds=0.1))
        answer = await call(guard, "POST", "/tag", b"{}", JSON)
        assert (answer.status, answer.error_type, ended) == (504, "deadline", ["cancelled"])
        assert guard.under_way == 0

    in_loop(work)


def test_a_body_that_never_ends_meets_the_deadline() -> None:
    async def work() -> None:
        guard = guard_of(never, Limits(deadline_seconds=0.1))
        answer = await Call(guard, "POST", "/tag", [b"x"], [JSON, ("Content-Length", "100")], endless=True).run()
        assert (answer.status, answer.error_type, answer.headers["connection"]) == (504, "deadline", "close")
        assert (guard._reading, guard.under_way) == (0, 0)

    in_loop(work)


def test_a_deadline_within_an_answer_is_its_last_line() -> None:
    async def work() -> None:
        async def stops(_: Event, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b'{"start": 0}\n', "more_body": True})
            await asyncio.sleep(60)

        answer = await call(guard_of(stops, Limits(deadline_seconds=0.1)), "POST", "/tag", b"{}", JSON)
        assert json.loads(answer.body.splitlines()[-1])["error_type"] == "deadline"
        assert answer.whole

    in_loop(work)


def test_a_deadline_adds_nothing_to_an_answer_whose_length_was_told() -> None:
    async def work() -> None:
        async def stops(_: Event, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
            await send({"type": "http.response.body", "body": b"half ", "more_body": True})
            await asyncio.sleep(60)

        answer = await call(guard_of(stops, Limits(deadline_seconds=0.1)), "POST", "/tag", b"{}", JSON)
        assert (answer.body, answer.whole) == (b"half ", False)

    in_loop(work)


def test_a_deadline_before_the_head_could_be_sent_gives_a_whole_answer() -> None:
    """As where the answer before it, on the same connection, is still being read."""

    async def work() -> None:
        asked = Call(guard_of(echo, Limits(deadline_seconds=0.1)), "POST", "/tag", b"{}", [JSON])
        sending, late = asked._send, asyncio.get_running_loop().time() + 0.3

        async def waits(message: Event) -> None:
            await asyncio.sleep(late - asyncio.get_running_loop().time())
            await sending(message)

        await asked.app(asked.scope, asked._receive, waits)
        assert (asked.answer.status, asked.answer.error_type, asked.answer.whole) == (504, "deadline", True)

    in_loop(work)


@pytest.mark.parametrize("sent", [False, True])
def test_a_client_that_goes_away_ends_the_work(sent: bool) -> None:
    async def work() -> None:
        began, ended = asyncio.Event(), asyncio.Event()

        async def slow(_: Event, receive: Any, send: Any) -> None:
            if sent:
                await send({"type": "http.response.start", "status": 200, "headers": []})
            began.set()
            try:
                await asyncio.sleep(60)
            finally:
                ended.set()

        guard = guard_of(slow)
        asked = Call(guard, "POST", "/tag", b"{}", [JSON])
        running = asyncio.create_task(asked.run())
        await began.wait()
        asked.gone.set()
        await running
        assert ended.is_set()
        assert guard.under_way == 0

    in_loop(work)


def test_a_mistake_of_ours_is_told_by_its_place_alone(caplog: pytest.LogCaptureFixture) -> None:
    async def fails(*_: Any) -> None:
        raise KeyError(CANARY)

    answer = in_loop(lambda: call(guard_of(fails), "POST", "/tag", b"{}", JSON))
    assert (answer.status, answer.error_type) == (500, "internal")
    assert CANARY.encode() not in answer.body


def test_a_key_is_asked_for_everywhere_but_at_the_probes_and_the_page() -> None:
    async def work() -> None:
        guard = guard_of(echo, access=Access(api_key=KEY))
        right = ("Authorization", f"Bearer {KEY}")
        wrong = [f"Bearer {KEY}x", f"Basic {KEY}", KEY, "Bearer", "", "Bearer ệ".encode().decode("latin1"), "Bearer " + "x" * 9000]
        for path in ("/tag", "/text", "/areas", "/info", "/metrics", "/openapi.json"):
            method = "POST" if path in ("/tag", "/text") else "GET"
            kind = ("Content-Type", "text/plain") if path == "/text" else JSON
            for given in wrong:
                answer = await call(guard, method, path, b"x", kind, ("Authorization", given))
                assert (answer.status, answer.error_type) == (401, "unauthorized"), (path, given)
                assert answer.headers["www-authenticate"] == "Bearer"
            assert (await call(guard, method, path, b"x", kind)).status == 401, path
            assert (await call(guard, method, path, b"x", kind, right)).status == 200, path
        for path in ("/healthz", "/readyz", "/", "/page/app.js"):
            assert (await call(guard, "GET", path)).status == 200, path

    in_loop(work)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("localhost:8000", 200), ("LOCALHOST:1", 200), ("127.0.0.1:8000", 200), ("[::1]:8000", 200), ("[::1]", 200),
        ("evil.example", 421), ("evil.example:8000", 421), ("localhost.evil.example", 421), ("127.0.0.1.evil.example", 421),
        ("", 421), ("[::2]", 421), ("[::1", 421), ("localhost@evil.example", 421), ("\xff", 421),
    ],
)  # fmt: skip
def test_only_our_own_names_are_answered_to(host: str, status: int) -> None:
    async def work() -> None:
        guard = guard_of(echo, access=Access(hosts=("localhost", "127.0.0.1", "[::1]")))
        assert (await call(guard, "GET", "/info", b"", ("Host", host))).status == status
        assert (await call(guard, "GET", "/healthz", b"", ("Host", host))).status == 200, "whoever watches the process knows no name"

    in_loop(work)


@pytest.mark.parametrize(
    ("host", "name"), [("Desk.Example:8000", "desk.example"), ("desk.example", "desk.example"), ("[::1]:80", "[::1]"), ("", "")]
)  # fmt: skip
def test_a_name_is_the_same_in_any_case_and_with_a_port(host: str, name: str) -> None:
    assert host_name(host) == name


# ------------------------------------------------------------------------------------------------------- the service


@asynccontextmanager
async def serving(
    model: Path | Tagger, access: Access | None = None, origins: Sequence[str] = (), **limits: float
) -> AsyncGenerator[tuple[Guard, Service]]:
    """The whole application on a model that is loaded; at the end all that it held has been given back."""
    tagger = model if isinstance(model, Tagger) else Tagger.load(model, "cpu")
    service = Service(lambda: tagger, Limits(**limits))  # type: ignore[arg-type]
    app = create_app(service, access, origins)
    await service.start()
    assert service.error is None
    try:
        yield app, service
        await until(lambda: app.under_way == 0 and admitted(service) == 0, "room in the queue was not given back")
    finally:
        await service.close()


def admitted(service: Service) -> int:
    assert service._batcher is not None
    return service._batcher.admitted_bytes


@pytest.fixture(autouse=True)
def _quick_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Splitters load where a test needs them."""
    monkeypatch.setattr(server, "WARMING", ())


class Faulty(Tagger):
    """A tagger that does to a text what the text asks for."""

    waits: threading.Event

    def stream_spans(self, items: Any, *how: Any) -> Any:
        for sentence, span in items:
            if "raises" in sentence:
                raise ValueError(f"{CANARY} {sentence}")
            if "waits" in sentence and not self.waits.wait(20):
                raise TimeoutError
            yield from super().stream_spans([(sentence, span)], *how)

    def _decide(self, texts: Sequence[str], logits: Any, truncated: Any) -> Any:
        broken = np.array([["not a number" in t, "infinite" in t] for t in texts]).reshape(len(texts), 2)
        logits = np.where(broken[:, :1], np.nan, np.where(broken[:, 1:], np.inf - np.inf, logits))
        return super()._decide(texts, logits, truncated)


@pytest.fixture()
def faulty(tiny_model: Path) -> Faulty:
    tagger = Faulty.load(tiny_model, "cpu")
    assert isinstance(tagger, Faulty)
    tagger.waits = threading.Event()
    return tagger


def test_one_bad_text_of_a_batch_costs_only_itself(faulty: Faulty, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        good = [f"They agreed on {area} cooperation {i}." for i, area in enumerate(["climate", "energy", "trade", "nothing"] * 8)]
        texts = [*good[:16], f"This one raises {CANARY}.", *good[16:]]
        async with serving(faulty) as (app, _):
            answer = await tag(app, sentences=texts, all_scores=True)
            rows = json.loads(answer.body)
        assert answer.status == 200
        bad = rows.pop(16)
        assert bad["areas"] == []
        assert bad["error"].startswith("failed")
        alone = [sentence.to_dict() for text in good for sentence in faulty.tag([text], all_scores=True)]
        assert rows == alone, "the others' answers changed with it"

    with caplog.at_level(logging.DEBUG):
        in_loop(work)
    assert CANARY not in caplog.text


def test_logits_that_are_no_numbers_are_an_error_and_never_an_area(faulty: Faulty) -> None:
    async def work() -> None:
        texts = ["not a number: climate", "climate", "infinite trade"]
        async with serving(faulty) as (app, _):
            for options in ({}, {"all_scores": True}, {"thresholds": 0}, {"explain": True}):
                answer = await tag(app, sentences=texts, **options)
                first, second, third = json.loads(answer.body, parse_constant=pytest.fail)
                assert first["areas"] == third["areas"] == [], options
                assert first["error"].startswith("not_finite"), options
                assert "climate" in [area["id"] for area in second["areas"]]
                assert "error" not in second

    in_loop(work)


def test_a_model_that_hangs_is_told_by_readyz_and_takes_nothing_new(faulty: Faulty) -> None:
    async def work() -> None:
        async with serving(faulty, deadline_seconds=0.2) as (app, service):
            late = await tag(app, sentences=["This waits."])
            assert (late.status, late.error_type) == (504, "deadline")
            assert admitted(service) == 0, "the room of a request past its deadline comes back"
            assert (await tag(app, sentences=["trade"])).status == 200, "the other worker goes on"
            await until(lambda: service.trouble() is not None, "a batch that hangs was not noticed")
            ready = await call(app, "GET", "/readyz")
            assert (ready.status, ready.error_type) == (503, "stuck")
            assert (await tag(app, sentences=["trade"])).status == 503
            assert (await call(app, "GET", "/healthz")).status == 200
            faulty.waits.set()
            await until(lambda: service.trouble() is None, "it does not recover")
            assert (await tag(app, sentences=["trade"])).status == 200

    try:
        in_loop(work)
    finally:
        faulty.waits.set()


def test_lines_come_as_soon_as_they_are_computed(faulty: Faulty) -> None:
    async def work() -> None:
        texts = [*("a climate" + " and" * 1500 for _ in range(3)), "waits", "trade"]
        async with serving(faulty) as (app, _):
            asked = Call(app, "POST", "/tag", json.dumps({"sentences": texts}).encode(), [JSON, NDJSON])
            running = asyncio.create_task(asked.run())
            await until(lambda: asked.answer.body.count(b"\n") >= 1, "the first line waits for the last")
            assert asked.answer.body.count(b"\n") < len(texts)
            faulty.waits.set()
            answer = await running
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        assert [json.loads(line)["text"] for line in answer.body.splitlines()] == texts

    in_loop(work)


def test_a_failure_after_the_first_line_is_the_last_line(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = types.TaggedSentence.to_dict

    def to_dict(sentence: types.TaggedSentence, *names: Any) -> dict[str, Any]:
        if "unwritable" in sentence.text:
            raise ValueError(sentence.text)
        return real(sentence, *names)

    async def work() -> None:
        texts = [*("climate" + " and" * 1500 for _ in range(4)), f"unwritable {CANARY}"]
        async with serving(tiny_model) as (app, _):
            answer = await tag(app, NDJSON, sentences=texts)
            *lines, last = map(json.loads, answer.body.splitlines())
            assert [line["text"] for line in lines] == texts[: len(lines)]
            assert lines, "the lines before it were lost"
            assert set(last) == {"error", "error_type"}
            assert last["error_type"] == "internal"
            assert answer.whole
            at_once = await tag(app, sentences=texts)
            assert (at_once.status, at_once.error_type) == (500, "internal")
            assert CANARY.encode() not in answer.body + at_once.body

    monkeypatch.setattr(types.TaggedSentence, "to_dict", to_dict)
    with caplog.at_level(logging.DEBUG):
        in_loop(work)


@pytest.mark.parametrize("headers", [(JSON,), (JSON, NDJSON)])
def test_clients_that_go_away_leave_nothing(faulty: Faulty, headers: Sequence[tuple[str, str]]) -> None:
    async def work() -> None:
        texts = ["a climate" + " and" * 1500, "trade" + " and" * 1500, "waits", *["energy" + " and" * 1500] * 20]
        async with serving(faulty, queue_bytes=100_000) as (app, service):
            for _ in range(10):
                asked = Call(app, "POST", "/tag", json.dumps({"sentences": texts}).encode(), headers)
                running = asyncio.create_task(asked.run())
                await until(lambda: admitted(service) > 0, "it was not begun")
                asked.gone.set()
                await running
                await until(lambda: admitted(service) == 0, "its room was kept")
            faulty.waits.set()
            assert (await tag(app, sentences=["trade"])).status == 200

    in_loop(work)


@pytest.mark.parametrize("deadline", [False, True])
@pytest.mark.parametrize("reads", [0, 1, 2])
def test_a_client_that_does_not_read_gives_its_room_back(tiny_model: Path, deadline: bool, reads: int) -> None:
    """Sending waits, before the head, the first line or the second, until the client has gone or the deadline has come."""

    async def work() -> None:
        texts = ["climate" + " and" * 1500] * 30
        async with serving(tiny_model, deadline_seconds=0.5 if deadline else 20) as (app, service):
            asked = Call(app, "POST", "/tag", json.dumps({"sentences": texts}).encode(), [JSON, NDJSON], reads=reads)
            running = asyncio.create_task(asked.run())
            await until(lambda: admitted(service) > 0 and len(asked.answer.pieces) == max(0, reads - 1), "it was not begun")
            await asyncio.sleep(0.05)
            assert admitted(service) > 0
            if not deadline:
                asked.gone.set()
            await running
            await until(lambda: admitted(service) == 0, "its room was kept")

    in_loop(work)


def test_a_full_queue_refuses_at_once_and_without_reading_the_body(faulty: Faulty) -> None:
    async def work() -> None:
        async with serving(faulty, queue_bytes=1000, request_bytes=500) as (app, service):
            held = [asyncio.create_task(tag(app, sentences=["waits " + "x" * 600])) for _ in range(2)]
            await until(lambda: admitted(service) == 1000, "the queue is not full")
            asked = Call(app, "POST", "/tag", [b"{"], [JSON, ("Content-Length", "1000")], endless=True)
            running = asyncio.create_task(asked.run())
            await until(lambda: bool(asked.answer.pieces), "a full queue is told only after the body was read")
            assert (asked.answer.status, asked.answer.error_type) == (429, "overloaded")
            assert int(asked.answer.headers["retry-after"]) >= 1
            asked.gone.set()
            await running
            assert (await call(app, "GET", "/healthz")).status == 200
            faulty.waits.set()
            assert [answer.status for answer in await asyncio.gather(*held)] == [200, 200], "what was admitted is answered"

    in_loop(work)


def test_files_that_are_read_at_once_are_bounded(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        running, most, release = 0, 0, asyncio.Event()

        async def read_apart(*_: Any) -> str:
            nonlocal running, most
            running, most = running + 1, max(most, running + 1)
            await release.wait()
            running -= 1
            return "text"

        monkeypatch.setattr(server.documents, "read_apart", read_apart)
        async with serving(tiny_model, documents=2) as (app, _):
            plain = ("Content-Type", "text/plain")
            slow = [Call(app, "POST", "/text", [b"some", b" text"], [plain]) for _ in range(5)]
            tasks = [asyncio.create_task(asked.run()) for asked in slow]
            await until(lambda: running >= 2, "they were not begun")
            await asyncio.sleep(0.05)
            release.set()
            statuses = sorted([(await task).status for task in tasks])
            assert most <= 2, f"{most} processes at once"
            assert statuses == [200, 200, 429, 429, 429]

    in_loop(work)


def test_the_time_of_a_file_is_bounded(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        async def read_apart(*_: Any) -> str:
            raise TimeoutError

        monkeypatch.setattr(server.documents, "read_apart", read_apart)
        async with serving(tiny_model) as (app, _):
            answer = await call(app, "POST", "/text", b"some text", ("Content-Type", "text/plain"))
            assert (answer.status, answer.error_type) == (504, "deadline")

    in_loop(work)


@pytest.mark.parametrize(
    "path", ["/tag\n", "/tag/", "//tag", "/TAG", "/text\n", "/page/../tag", "/page", "/page/", "/page/\0", "/page/" + "a" * 5000, "/info\n"]
)
def test_no_other_spelling_of_a_path_goes_round_the_limits(tiny_model: Path, path: str) -> None:
    async def work() -> None:
        async with serving(tiny_model, body_bytes=100) as (app, _):
            asked = Call(app, "POST", path, [b'{"sentences": ["' + b"trade " * 50 + b'"]}'], [JSON])
            answer = await asked.run()
            assert answer.status in (404, 405), path
            assert (await call(app, "GET", path)).status in (404, 405), path

    in_loop(work)


def test_every_answer_has_the_security_headers(tiny_model: Path) -> None:
    async def work() -> None:
        async with serving(tiny_model) as (app, _):
            asked = [("GET", path) for path in ("/", "/page/nothing.js", "/areas", "/info", "/healthz", "/metrics", "/openapi.json", "/no")]
            asked += [("POST", "/tag"), ("POST", "/text"), ("DELETE", "/tag"), ("OPTIONS", "/tag"), ("HEAD", "/")]
            for method, path in asked:
                answer = await call(app, method, path, b"{", JSON)
                for name, value in SECURITY_HEADERS:
                    assert answer.headers[name.decode()] == value.decode(), (method, path)
                assert "server" not in answer.headers
                assert answer.headers["x-request-id"]

    in_loop(work)


def test_head_is_answered_as_get(tiny_model: Path) -> None:
    async def work() -> None:
        async with serving(tiny_model) as (app, _):
            for path in ("/", "/areas", "/healthz", "/readyz"):
                assert (await call(app, "HEAD", path)).status == 200, path

    in_loop(work)


def test_other_origins_may_call_only_if_they_were_named(tiny_model: Path) -> None:
    async def work() -> None:
        origin, allowed = ("Origin", "https://desk.example"), "access-control-allow-origin"
        asks = (origin, ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "authorization"))
        async with serving(tiny_model) as (app, _):
            for method, path in (("GET", "/areas"), ("OPTIONS", "/tag")):
                answer = await call(app, method, path, b"", *asks)
                assert not [name for name in answer.headers if name.startswith("access-control")]
        async with serving(tiny_model, Access(api_key=KEY), ["https://desk.example"]) as (app, _):
            before = await call(app, "OPTIONS", "/tag", b"", *asks)
            assert before.status == 200, "a browser asks first, and without the key"
            assert before.headers[allowed] == "https://desk.example"
            answer = await tag(app, origin, ("Authorization", f"Bearer {KEY}"), sentences=["trade"])
            assert (answer.status, answer.headers[allowed]) == (200, "https://desk.example")
            refused = await tag(app, origin, sentences=["trade"])
            assert refused.status == 401
            assert refused.headers.get(allowed) == "https://desk.example", "the page cannot read why"
            other = await call(app, "OPTIONS", "/tag", b"", ("Origin", "https://evil.example"), *asks[1:])
            assert allowed not in other.headers

    in_loop(work)


BAD = [
    b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe{", b"\xef\xbb\xbf{}", b'{"text": "a", "text": "b"}', b"{}", b'{"text": null}',
    b'{"text": 5}', b'{"text": ["a"]}', b'{"text": "a", "sentences": ["a"]}', b'{"sentences": "a"}', b'{"sentences": [1]}',
    b'{"sentences": [null]}', b'{"text": "a", "' + CANARY.encode() + b'": 1}', b'{"text": "a", "lang": "' + CANARY.encode() + b'"}',
    b'{"text": "a", "goal": "' + CANARY.encode() + b'"}', b'{"text": "a", "names": "' + CANARY.encode() + b'"}',
    b'{"text": "a", "thresholds": {"' + CANARY.encode() + b'": 0.5}}',
    b'{"text": "a", "thresholds": {"trade": "' + CANARY.encode() + b'"}}', b'{"text": "a", "thresholds": 1.5}',
    b'{"text": "a", "thresholds": -1}', b'{"text": "a", "thresholds": NaN}',
    b'{"text": "a", "thresholds": 1e999}', b'{"text": "a", "thresholds": 1' + b"0" * 400 + b"}", b'{"text": "a", "thresholds": "0.5"}',
    b'{"text": "a", "thresholds": true}', b'{"text": "a", "thresholds": 1' + b"0" * 5000 + b"}", b'{"text": "a", "all_scores": "yes"}',
    b'{"text": "a", "all_scores": 1}', b'{"text": "a", "explain": null}', b'{"text": "\\ud800 ' + CANARY.encode() + b'"}',
    b'{"sentences": ["a", "\\udc00"]}', b"[" * 100_000, b'{"text": ' + b"[" * 100_000, b'{"text": "' + CANARY.encode() + b"\n\"}",
    b'{"text": "' + CANARY.encode(), b'{"text": "a"} ' + CANARY.encode(), b'{"thresholds": {"' + b"x" * 1000 + b'": 1}, "text": "a"}',
]  # fmt: skip


def test_what_is_not_as_expected_is_one_line_of_ours(tiny_model: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with serving(tiny_model) as (app, _):
            for body in BAD:
                answer = await call(app, "POST", "/tag", body, JSON)
                said = json.loads(answer.body)
                assert answer.status == 422, (body[:80], answer.body)
                assert set(said) == {"error", "error_type"}
                assert "\n" not in said["error"]
                assert 0 < len(said["error"]) <= 400
                assert CANARY not in said["error"], body[:80]

    with caplog.at_level(logging.DEBUG):
        in_loop(work)
    assert CANARY not in caplog.text


@pytest.mark.parametrize(
    "given",
    [
        {"sentences": [1] * 1000}, {f"field {i}": 1 for i in range(1000)},
        {"text": "a", "thresholds": {f"area {i}": "1" for i in range(1001)}},
    ],
)  # fmt: skip
def test_of_a_thousand_mistakes_one_is_looked_for(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as found:
        server.TagRequest.model_validate(given)
    assert found.value.error_count() <= 2, "a million of them would take many seconds"


def test_no_area_is_looked_for_that_is_nearest_to_a_book(tiny_model: Path) -> None:
    async def work() -> None:
        async with serving(tiny_model) as (app, _):
            took = []
            for _ in range(3):
                began = time.monotonic()
                answer = await tag(app, text="trade", thresholds={"climate energy trade " * 90_000: 0.5})
                assert (answer.status, answer.error_type) == (422, "bad_option")
                took.append(time.monotonic() - began)
            assert min(took) < 0.15

    in_loop(work)


def test_the_loop_goes_on_while_a_long_body_is_parsed(tiny_model: Path) -> None:
    async def work() -> None:
        async with serving(tiny_model) as (app, _):
            asked = asyncio.create_task(call(app, "POST", "/tag", b'{"sentences": [' + b"1," * 900_000 + b"1]}", JSON))
            turns = 0
            while not asked.done():
                await asyncio.sleep(0.001)
                turns += 1
            assert (await asked).status == 422
            assert turns > 8, "it stood still"

    in_loop(work)


@pytest.mark.parametrize(("first", "second", "status"), [("text/plain", "a/b", 200), ("a/b", "text/plain", 415)])
def test_of_a_header_that_stands_twice_the_first_counts_everywhere(tiny_model: Path, first: str, second: str, status: int) -> None:
    async def work() -> None:
        async with serving(tiny_model) as (app, _):
            answer = await call(app, "POST", "/text", b"some text", ("Content-Type", first), ("Content-Type", second))
            assert answer.status == status

    in_loop(work)


def test_odd_characters_are_tagged_and_their_offsets_hold(tiny_model: Path) -> None:
    async def work() -> None:
        article = "a\0b climate. \u202etrade\u202c. \u200benergy\u200b and \x1b[31mred\x1b[0m. "
        article += "Ti" + "\u0301" * 100_000 + "ng. 😀😀 climate 👩‍👩‍👧."
        async with serving(tiny_model) as (app, _):
            began = time.monotonic()
            answer = await tag(app, text=article)
            assert time.monotonic() - began < 5
            rows = json.loads(answer.body)
        assert answer.status == 200
        assert all(article[row["start"] : row["end"]] == row["text"] for row in rows)
        assert b"\0" not in answer.body
        assert b"\x1b" not in answer.body
        assert {"climate", "trade", "energy"} <= {area["id"] for row in rows for area in row["areas"]}

    in_loop(work)


def test_a_model_with_names_in_one_language_serves_requests_that_ask_for_none(tiny_model: Path) -> None:
    async def work() -> None:
        tagger = Tagger.load(tiny_model, "cpu")
        areas = tuple(types.Area(area.id, area.pillar, {"vi": area.names["vi"]}) for area in tagger.areas)
        tagger.folder = type(tagger.folder)(*(areas if value is tagger.folder.areas else value for value in vars(tagger.folder).values()))
        async with serving(tagger) as (app, _):
            assert (await tag(app, sentences=["trade"])).status == 200
            assert (await tag(app, sentences=["trade"], names="vi")).status == 200
            assert (await tag(app, sentences=["trade"], names="en")).status == 422
            assert (await tag(app, sentences=["trade"], names="")).status == 422

    in_loop(work)


def test_while_the_model_loads_and_when_it_cannot_be_used(tiny_model: Path) -> None:
    async def work() -> None:
        opened = threading.Event()

        def load() -> Tagger:
            opened.wait(10)
            raise RuntimeError(CANARY)

        service = Service(load, Limits())
        app = create_app(service)
        starting = asyncio.create_task(service.start())
        await asyncio.sleep(0.01)
        loading = await call(app, "GET", "/readyz")
        assert (loading.status, loading.error_type, loading.headers["retry-after"]) == (503, "loading", "1")
        for path in ("/areas", "/info"):
            assert (await call(app, "GET", path)).status == 503
        assert (await tag(app, sentences=["trade"])).status == 503
        assert (await call(app, "GET", "/healthz")).status == 200
        opened.set()
        await starting
        broken = await call(app, "GET", "/readyz")
        assert (broken.status, broken.error_type) == (503, "model_corrupt")
        assert CANARY.encode() not in broken.body
        await service.close()

    in_loop(work)


# -------------------------------------------------------------------------------------------------------- the limits


@pytest.mark.parametrize(
    "option",
    [
        "nothing=1", "sentences", "sentences=", "sentences=many", "sentences=0", "sentences=-1", "sentences=1.5", "deadline_seconds=nan",
        "deadline_seconds=inf", "queue_bytes=100", "=1", "sentences=" + "9" * 5000, "body_bytes=64000000", "document_bytes=64000000",
    ],
)  # fmt: skip
def test_a_limit_that_makes_no_sense_is_refused_by_name(option: str) -> None:
    from cooptag.errors import UsageError

    with pytest.raises(UsageError) as refused:
        with_options([option])
    assert "\n" not in str(refused.value)
    assert option.partition("=")[0] in str(refused.value)


def test_limits_are_taken_each_in_its_own_type() -> None:
    limits = with_options(["sentences=5", "deadline_seconds=60"])
    assert (limits.sentences, limits.deadline_seconds, limits.characters) == (5, 60.0, Limits().characters)


# ----------------------------------------------------------------------------------------------------------- the log


def test_a_log_line_tells_of_an_exception_its_kind_and_place_alone() -> None:
    from cooptag.listen import _JsonFormatter

    try:
        raise ValueError(f"{CANARY}\n\x1b[31m")
    except ValueError as error:
        raised = (ValueError, error, error.__traceback__)
        record = logging.LogRecord("asyncio", logging.ERROR, __file__, 1, "never retrieved\nfuture: <%r>", (error,), raised)
    line = _JsonFormatter().format(record)
    assert CANARY not in line
    assert "\n" not in line
    assert json.loads(line)["exception"].startswith("ValueError at test_guard.py:")
