"""The server as a process, over real sockets: the contract, every limit, clients and models that misbehave, signals, the log."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cooptag.guard import SECURITY_HEADERS
from cooptag.limits import Limits
from cooptag.tagger import Tagger

ROOT = Path(__file__).resolve().parents[2]
MAIN = "from cooptag.cli import main; main()"
# No way out: whatever opens a connection fails, and leaves a mark. No home, the C locale, an odd time zone.
OFFLINE = """
import os, sys
def hook(event, args):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        os.write(2, b"A CONNECTION WAS OPENED\\n")
        raise OSError("no connections")
sys.addaudithook(hook)
"""
ODD = {"LANG": "C", "LC_ALL": "C", "TZ": "Antarctica/Troll", "HOME": "/proc/self/nothing"}
# The tiny model made slow and breakable: a text may ask for the seconds that it takes, and to fail once it is written out.
SLOW = """
import time
from cooptag import server, tagger, types
server.WARMING = ()
stream_spans, to_dict = tagger.Tagger.stream_spans, types.TaggedSentence.to_dict
def slowly(self, items, *how):
    for item in items:
        time.sleep(sum(float(word[6:]) for word in item[0].split() if word.startswith("sleep=")))
        yield from stream_spans(self, [item], *how)
def breaking(sentence, names=None):
    if "unwritable" in sentence.text:
        raise ValueError(sentence.text)
    return to_dict(sentence, names)
tagger.Tagger.stream_spans, types.TaggedSentence.to_dict = slowly, breaking
"""
ARTICLE = (
    "😀 They agreed on climate cooperation. Hợp tác năng lượng và thương mại.\r\n\r\n👩‍👩‍👧 Trade, energy and the climate! "
    "Nothing was agreed.\n" + "the " * 60 + "climate.\n12.5 %\n"
)
CANARY = "kanarie-5e07"
KEY = "0123456789abcdef"
END = b"\r\n\r\n"
JSON = {"Content-Type": "application/json"}
NDJSON = {**JSON, "Accept": "application/x-ndjson"}


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server:
    """A `cooptag serve` on a free port. `lines`: what it wrote to standard error."""

    def __init__(self, *options: str, code: str = "", env: Mapping[str, str] | None = None) -> None:
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "inference"), **(env or {})}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code + MAIN, "serve", "--port", "0", *options], stderr=subprocess.PIPE, env=environment
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = 0

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.lines.append(line.decode("utf8", "replace").rstrip("\n"))

    def wait_until_it_listens(self) -> "Server":
        until(lambda: self._url() or self.process.poll() is not None, lambda: f"it does not listen: {self.lines}", 60)
        assert self._url(), self.lines
        self.port = urlsplit(self._url()).port or 0
        return self

    def _url(self) -> str:
        found = [json.loads(line) for line in self.lines if '"listening"' in line]
        return str(found[0]["url"]) if found else ""

    def wait_until_ready(self) -> "Server":
        self.wait_until_it_listens()
        until(lambda: self.ask("GET", "/readyz").status == 200, lambda: f"it is not ready: {self.lines}", 60)
        return self

    def connect(self, receive_buffer: int = 0) -> socket.socket:
        made = socket.socket()
        made.settimeout(20)
        if receive_buffer:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        made.connect(("127.0.0.1", self.port))
        return made

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())

    def tag(self, headers: Mapping[str, str] = JSON, **request: Any) -> Answer:
        return self.ask("POST", "/tag", json.dumps(request), headers)

    def send(self, raw: bytes) -> bytes:
        """What comes back for raw bytes until the server closes the connection."""
        with closing(self.connect()) as connection:
            connection.sendall(raw)
            return read_all(connection)

    def metrics(self, headers: Mapping[str, str] | None = None) -> dict[str, float]:
        families = text_string_to_metric_families(self.ask("GET", "/metrics", None, headers).body.decode())
        return {s.name + "".join(f" {k}={v}" for k, v in sorted(s.labels.items())): s.value for f in families for s in f.samples}

    def proc(self, name: str) -> int:
        """A number of /proc/PID/status, memory in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"^{name}:\s+(\d+)( kB)?", status, re.MULTILINE)
        assert found
        return int(found[1]) * (1024 if found[2] else 1)

    def idle(self) -> bool:
        now = self.metrics()
        return now["cooptag_queue_bytes"] == 0 and now["cooptag_requests_under_way"] == 0

    def end(self, signal_number: int = signal.SIGTERM, within: float = 15) -> int:
        """The exit code after a signal."""
        self.process.send_signal(signal_number)
        return self.wait(within)

    def wait(self, within: float) -> int:
        code = self.process.wait(within)
        self._reader.join(5)
        return code

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(5)


def until(true: Callable[[], Any], said: str | Callable[[], str], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, said if isinstance(said, str) else said()
        time.sleep(0.02)


def read_all(connection: socket.socket) -> bytes:
    """All until the other side closes; a reset is an end, too."""
    parts = []
    with suppress(ConnectionError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def head(path: str = "/tag", length: int | None = None, **headers: str) -> bytes:
    fields = {"Host": "localhost", "Content-Type": "application/json", **({} if length is None else {"Content-Length": str(length)})}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = (f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", "")
    return "\r\n".join(lines).encode("latin1")


@contextmanager
def running(*options: str, code: str = SLOW, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    server = Server(*options, code=code, env=env)
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def pair(tiny_model: Path) -> Iterator[tuple[Server, Server]]:
    """Both servers that most tests share, started side by side."""
    limits = ["deadline_seconds=2", "head_seconds=1", "stall_seconds=1", "connections=50", "queue_bytes=20000"]
    limits += ["characters=20000000", "body_bytes=20000000"]
    options = ["--model", str(tiny_model), *(part for limit in limits for part in ("--limit", limit))]
    with running("--model", str(tiny_model), code=OFFLINE, env=ODD) as plain, running(*options) as slow:
        yield plain.wait_until_ready(), slow.wait_until_ready()


@pytest.fixture(scope="module")
def plain(pair: tuple[Server, Server]) -> Server:
    """The command as users start it, in an odd environment and without a way out."""
    return pair[0]


@pytest.fixture(scope="module")
def slow(pair: tuple[Server, Server]) -> Server:
    """A server with small limits, whose model takes the time that a text asks for."""
    return pair[1]


@pytest.fixture(scope="module")
def tagger(tiny_model: Path) -> Tagger:
    return Tagger.load(tiny_model, "cpu")


# ------------------------------------------------------------------------------------------------------ the contract


OPTIONS: list[dict[str, Any]] = [
    {}, {"all_scores": True}, {"explain": True}, {"names": "vi"}, {"lang": "vi"}, {"goal": "precision=0.9"},
    {"goal": "f1", "thresholds": 0.01}, {"thresholds": {"climate": 1.0}}, {"thresholds": 0}, {"thresholds": 1},
    {"lang": "th", "names": "en", "all_scores": True, "explain": True},
]  # fmt: skip


def expected(tagger: Tagger, request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What `Tagger` itself says to a request, as JSON."""
    chosen = tagger.at(request.get("goal"), request.get("thresholds"))
    how = (request.get("lang"), request.get("all_scores", False), request.get("explain", False))
    tagged = chosen.tag(request["sentences"], *how) if "sentences" in request else chosen.tag_article(request["text"], *how)
    names = tagger.names(request["names"]) if "names" in request else None
    found: list[dict[str, Any]] = json.loads(json.dumps([sentence.to_dict(names) for sentence in tagged]))
    return found


@pytest.mark.parametrize("options", OPTIONS)
def test_answers_are_exactly_the_taggers(plain: Server, tagger: Tagger, options: dict[str, Any]) -> None:
    for request in ({"text": ARTICLE, **options}, {"sentences": ARTICLE.split("."), **options}, {"sentences": [], **options}):
        wanted = expected(tagger, request)
        at_once, lines = plain.tag(**request), plain.tag(NDJSON, **request)
        assert at_once.status == lines.status == 200
        assert at_once.json == wanted
        assert [json.loads(line) for line in lines.body.splitlines()] == wanted
        assert at_once.headers["content-type"] == "application/json"
        assert lines.headers["content-type"].startswith("application/x-ndjson")


def test_offsets_count_code_points(plain: Server) -> None:
    rows = plain.tag(text=ARTICLE).json
    assert len(rows) >= 5
    assert all(ARTICLE[row["start"] : row["end"]] == row["text"] for row in rows)
    assert [row["start"] for row in rows] == sorted(row["start"] for row in rows)


def test_vietnamese_is_tagged_without_home_and_locale(plain: Server) -> None:
    [row] = plain.tag(text="Hợp tác năng lượng và thương mại.").json
    assert (row["lang"], [area["id"] for area in row["areas"]]) == ("vi", ["energy", "trade"])


def test_what_is_longer_than_the_window_is_said_to_be_truncated(plain: Server) -> None:
    long, short = plain.tag(sentences=["climate " + "and " * 500, "climate"]).json
    assert (long["truncated"], short["truncated"]) == (True, False)


@pytest.mark.parametrize("text", ["", " \n\t", "😀", "....", "\0\0"])
def test_texts_that_say_nothing(plain: Server, text: str) -> None:
    assert plain.tag(text=text).status == 200
    [row] = plain.tag(sentences=[text], all_scores=True, thresholds=0).json
    assert (row["areas"], row["none"]) == ([], 1.0)


def test_texts_that_would_hold_up_a_careless_splitter(plain: Server) -> None:
    for text in ("TP." * 60_000, "(" * 200_000, "a" * 200_000, "." * 200_000, '"“' * 100_000):
        began = time.monotonic()
        assert plain.tag(text=text).status in (200, 413), text[:3]
        assert time.monotonic() - began < 10, text[:3]


def test_requests_at_the_same_time_get_their_own_answers(plain: Server, tagger: Tagger) -> None:
    texts = [[f"They agreed on {area} cooperation {i}." for area in ("climate", "energy", "trade")] * (i + 1) for i in range(4)]
    requests = [{"sentences": sentences, **options} for sentences in texts for options in OPTIONS]

    def ask(request: dict[str, Any]) -> Answer:
        while (answer := plain.tag(**request)).status == 429:
            time.sleep(0.05)
        return answer

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(ask, requests))
    for request, answer in zip(requests, answers, strict=True):
        assert answer.json == expected(tagger, request), request


def test_areas_and_info_say_what_the_model_is(plain: Server, tagger: Tagger) -> None:
    areas, info = plain.ask("GET", "/areas").json, plain.ask("GET", "/info").json
    assert [area["id"] for area in areas] == info["areas"] == [area.id for area in tagger.areas]
    assert areas[0] == {
        "id": "climate", "pillar": "economic", "names": {"en": "Climate", "vi": "climate (vi)"}, "definition": "", "threshold": 0.5,
        "thresholds": {"f1": 0.5, "precision=0.9": 0.9999},
    }  # fmt: skip
    assert info["limits"] == asdict(Limits())
    assert (info["digest"], info["goals"], info["device"]) == (tagger.folder.manifest.digest, ["f1", "precision=0.9"], "cpu")
    assert "path" not in info


def test_the_text_of_files(plain: Server) -> None:
    def text(body: bytes, kind: str) -> Answer:
        return plain.ask("POST", "/text", body, {"Content-Type": kind})

    assert text("Hợp tác.".encode(), "text/plain; charset=utf-8").json == {"text": "Hợp tác.", "kind": "txt"}
    article = "<html><body><article><h1>News</h1>" + "<p>The ministers of both countries met and agreed on climate cooperation.</p>" * 9
    page = text(article.encode(), "text/html")
    assert (page.status, page.json["kind"]) == (200, "html")
    assert "agreed on climate cooperation" in page.json["text"]
    for body, kind in ((b"%PDF-1.7 broken", "application/pdf"), (b"\xd0\xcf\x11\xe0", "text/plain"), (b"", "text/plain")):
        assert (answer := text(body, kind)).status == 422, kind
        assert answer.json["error_type"] == "bad_document"
    assert text(b"{}", "application/json").status == 415


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/areas", "/info", "/metrics", "/openapi.json", "/page/app.js"])
def test_every_path_answers_get_and_head_on_one_connection(plain: Server, path: str) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", plain.port, timeout=10)) as connection:
        for method in ("GET", "HEAD", "GET"):
            connection.request(method, path)
            response = connection.getresponse()
            assert response.status == 200, method
            assert bool(response.read()) == (method == "GET")
            assert "server" not in map(str.lower, response.headers)
            for name, value in SECURITY_HEADERS:
                assert response.headers[name.decode()] == value.decode()


def test_methods_and_paths_that_are_not_there(plain: Server) -> None:
    for method, path, status in [
        ("GET", "/tag", 405), ("PUT", "/tag", 405), ("OPTIONS", "/tag", 405), ("POST", "/info", 405), ("TRACE", "/", 405),
        ("BREW", "/tag", 405), ("GET", "/nothing", 404), ("POST", "/tag/", 404), ("POST", "/tag%0a", 404), ("POST", "/page/app.js", 405),
    ]:  # fmt: skip
        answer = plain.ask(method, path, b"{}", JSON)
        assert (answer.status, set(answer.json)) == (status, {"error", "error_type"}), (method, path)


@pytest.mark.parametrize(
    "path",
    [
        "/page/..%2fserver.py", "/page/../server.py", "/page/%2e%2e/server.py", "/page//etc/passwd", "/page/..\\server.py", "/page/%00",
        "/page/....//server.py", "/page/%252e%252e/server.py", "/page/..;/server.py", "/server.py", "/page/" + "a" * 5000,
    ],
)  # fmt: skip
def test_nothing_but_the_pages_files_is_given_out(plain: Server, path: str) -> None:
    answer = plain.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert re.match(rb"HTTP/1.1 40[04] ", answer), answer[:100]
    assert b"FastAPI" not in answer


def test_a_name_that_is_not_ours_is_refused_on_loopback(plain: Server) -> None:
    assert plain.ask("GET", "/info", None, {"Host": "evil.example"}).status == 421
    assert plain.ask("GET", "/info", None, {"Host": "localhost:1234"}).status == 200


# -------------------------------------------------------------------------------------------------------- the limits


def test_too_much_is_refused_with_413(plain: Server) -> None:
    limits = Limits()
    assert plain.tag(sentences=["a"] * limits.sentences).status == 200
    for request, error_type in [
        ({"sentences": ["a"] * (limits.sentences + 1)}, "too_many_sentences"),
        ({"text": "A trade.\n" * (limits.sentences + 1)}, "too_many_sentences"),
        ({"text": "a" * (limits.characters + 1)}, "too_many_characters"),
        ({"sentences": ["a" * 201] * 999}, "too_many_characters"),
        ({"text": "a" * limits.body_bytes}, "too_large"),
    ]:
        answer = plain.tag(**request)
        assert (answer.status, answer.json["error_type"]) == (413, error_type)
        assert plain.tag(NDJSON, **request).status == 413
    chunked = plain.ask("POST", "/tag", iter([b"x" * 100_000] * 21), JSON)
    assert (chunked.status, chunked.json["error_type"]) == (413, "too_large")


def test_a_body_longer_than_declared_is_not_read_into_the_request(plain: Server) -> None:
    body = b'{"sentences": ["trade"]}'
    answer = plain.send(head(length=len(body)) + body + b"more than was declared\r\n\r\n")
    first, second = answer.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200 ")
    assert second.startswith(b"400 ")


def test_the_connection_of_a_refused_body_can_be_used_again(plain: Server) -> None:
    """What was still under way of the body is no part of the next request."""
    size = plain.ask("GET", "/info").json["limits"]["body_bytes"] + 1
    body = b"POST /tag HTTP/1.1\r\nHost: localhost\r\n\r\n" * (size // 39 + 1)
    with closing(plain.connect()) as connection:
        connection.sendall(head(length=len(body)) + body + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answers = read_all(connection)
    assert re.findall(rb"HTTP/1\.1 (\d+) ", answers) == [b"413", b"200"], answers[:2000]


def test_a_refused_body_without_end_is_not_read_for_ever(slow: Server) -> None:
    with closing(slow.connect()) as connection:
        connection.sendall(head(length=10**9))
        began = time.monotonic()
        with pytest.raises(OSError):
            while time.monotonic() - began < 15:
                connection.sendall(b"x" * 100_000)
                time.sleep(0.01)
    assert time.monotonic() - began < 10, "it is read on after the time for a head"


def test_a_client_that_closes_after_each_answer_reads_why_its_file_was_refused(plain: Server) -> None:
    """As Python's own client does: it sends the whole file first, and must not be reset meanwhile."""
    for _ in range(5):
        request = urllib.request.Request(f"http://127.0.0.1:{plain.port}/text", b"x" * 9_000_000, {"Content-Type": "a/b"})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=20)  # noqa: S310
        assert refused.value.code == 415
        refused.value.close()


def test_who_asks_before_sending_a_body_is_told_and_let_go(plain: Server) -> None:
    with closing(plain.connect()) as connection:
        connection.sendall(head(length=10**9, Expect="100-continue"))
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 413 ") and b"connection: close" in answer, answer[:500]


def test_a_body_shorter_than_declared_meets_the_deadline(slow: Server) -> None:
    answer = slow.send(head(length=1000) + b'{"sentences": ["trade"]}')
    assert answer.startswith(b"HTTP/1.1 504 ")
    assert b'"deadline"' in answer
    until(slow.idle, "its room was kept")


@pytest.mark.parametrize(
    "raw",
    {
        "zeros": b"\0\0\0\0\r\n\r\n", "no host": b"GET / HTTP/1.1\r\n\r\n", "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "HTTP/0.9": b"GET /\r\n\r\n", "TLS": b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n",
        "two lengths": head(length=5)[:-2] + b"Content-Length: 6\r\n\r\n{}", "packed": head(Transfer_Encoding="gzip") + b"x",
        "no chunk": head(Transfer_Encoding="chunked") + b"zz\r\n",
        "long header": b"GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: " + b"x" * 1_000_000,
        "many headers": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 50_000, "long path": b"GET /" + b"a" * 100_000,
    }.items(),
    ids=lambda given: None if isinstance(given, bytes) else str(given[0]),
)  # fmt: skip
def test_what_is_no_http_is_refused_as_everything_is(plain: Server, raw: tuple[str, bytes]) -> None:
    _, raw = raw
    with closing(plain.connect()) as connection:
        with suppress(ConnectionError):
            connection.sendall(raw)
        answer = read_all(connection)
    if answer or len(raw) < 60_000:  # the answer to a client that goes on sending may be lost with the connection
        top, _, body = answer.partition(b"\r\n\r\n")
        assert re.match(rb"HTTP/1.1 (400|501) ", top), answer[:200]
        assert set(json.loads(body)) == {"error", "error_type"}
        assert b"content-security-policy: default-src 'none'" in top.lower()
    assert plain.ask("GET", "/healthz").status == 200


def test_a_client_that_asks_before_it_sends_is_told_at_once(plain: Server) -> None:
    with closing(plain.connect()) as connection:
        connection.sendall(head(length=10_000_000, Expect="100-continue"))
        assert connection.recv(30).startswith(b"HTTP/1.1 413 ")
    body = b'{"sentences": ["trade"]}'
    with closing(plain.connect()) as connection:
        connection.sendall(head(length=len(body), Expect="100-continue", Connection="close"))
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert b"HTTP/1.1 200 " in read_all(connection)


def test_requests_sent_one_after_the_other_without_waiting_are_answered_in_order(plain: Server) -> None:
    bodies = [json.dumps({"sentences": [f"trade {i}"]}).encode() for i in range(5)]
    asked = b"".join(head(length=len(body)) + body for body in bodies)
    answers = plain.send(asked + b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close" + END)
    assert re.findall(rb'"text": "(trade .)"|"(ok)"', answers) == [*((b"trade %d" % i, b"") for i in range(5)), (b"", b"ok")]


@pytest.mark.parametrize("drop_by_drop", [False, True])
def test_half_a_head_is_not_waited_for(slow: Server, drop_by_drop: bool) -> None:
    with closing(slow.connect()) as connection:
        began = time.monotonic()
        connection.settimeout(0.1)
        for byte in b"GET /healthz HTTP/1.1\r\nX-Long: " + b"x" * 200:
            try:
                connection.send(bytes([byte]) if drop_by_drop or byte == ord("G") else b"")
                if connection.recv(10) == b"":
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        assert 0.5 < time.monotonic() - began < 6, "head_seconds is 1"


def test_a_reader_that_stalls_is_cut_off(slow: Server) -> None:
    until(slow.idle, "it is busy")
    files = slow.metrics()["process_open_fds"]
    request = json.dumps({"sentences": ["x" * 18_000] * 400}).encode()  # more than the sockets' buffers hold
    with closing(slow.connect(receive_buffer=4096)) as connection:
        connection.sendall(head(length=len(request)) + request)
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        until(lambda: slow.metrics()["process_open_fds"] <= files, "its connection was kept")
        assert slow.idle()
        assert len(read_all(connection)) < len(request)


def test_a_reader_that_leaves_little_is_cut_off(slow: Server) -> None:
    """More than the sockets hold, and too little for the server to wait with what comes next."""
    until(slow.idle, "it is busy")
    with closing(slow.connect(receive_buffer=4096)) as connection:
        whole = asked = 0
        with suppress(ConnectionError):  # where little went on to the sockets meanwhile, it may be cut off here already
            for asked in range(1, 2000):
                connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
                end = time.monotonic() + 0.3
                while (held := _in_sockets(slow, connection)) < asked * whole or not held:
                    if time.monotonic() > end:
                        break
                    time.sleep(0.001)
                whole = whole or held  # all answers are of one length
                if held < asked * whole:
                    break
        assert asked > 10
        until(lambda: not _in_sockets(slow, connection), "its connection was kept")


def _in_sockets(server: Server, connection: socket.socket) -> int:
    """Bytes of an answer that the system holds for both ends of a connection; 0 once the server's end is gone."""
    ports = f":{server.port:04X}", f":{connection.getsockname()[1]:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sent = [int(row[4].partition(":")[0], 16) for row in rows if (row[1][-5:], row[2][-5:]) == ports and row[3] == "01"]
    come = [int(row[4].partition(":")[2], 16) for row in rows if (row[2][-5:], row[1][-5:]) == ports]
    return sum(sent) + sum(come) if sent else 0


def test_a_body_in_chunks_of_a_byte_does_not_hold_the_others_up(plain: Server) -> None:
    def longest() -> float:
        waits = [0.0]
        with closing(plain.connect()) as connection, ThreadPoolExecutor(1) as pool:
            pool.submit(connection.sendall, head(Transfer_Encoding="chunked") + b"1\r\nx\r\n" * 300_000 + b"0" + END)
            answer = pool.submit(connection.recv, 100)
            while not answer.done():
                began = time.monotonic()
                assert plain.ask("GET", "/healthz").status == 200
                waits.append(time.monotonic() - began)
        return max(waits)

    assert min(longest() for _ in range(3)) < 0.25


def test_a_reader_that_is_only_slow_gets_its_answer(slow: Server) -> None:
    request = json.dumps({"sentences": ["x" * 18_000] * 400}).encode()
    with closing(slow.connect(receive_buffer=65_536)) as connection:
        connection.sendall(head(length=len(request), Connection="close") + request)
        got, began = b"", time.monotonic()
        while part := connection.recv(2**20):
            got += part
            time.sleep(max(0.0, began + len(got) / 2_200_000 - time.monotonic()))  # 2.2 MB/s: thrice stall_seconds and head_seconds
    assert len(json.loads(got.partition(END)[2])) == 400, "it was cut off"


def test_a_deadline_gives_504_and_its_room_back(slow: Server) -> None:
    began = time.monotonic()
    answer = slow.tag(sentences=["This takes sleep=4 too long."])
    assert (answer.status, answer.json["error_type"]) == (504, "deadline")
    assert time.monotonic() - began < 4
    until(slow.idle, "its room was kept")


def test_a_deadline_within_the_lines_is_the_last_line(slow: Server) -> None:
    answer = slow.tag(NDJSON, sentences=["trade" + " and" * 2000, "sleep=4", "trade"])
    *_, last = answer.body.splitlines()
    assert json.loads(last)["error_type"] == "deadline"


def test_connections_are_bounded(slow: Server) -> None:
    idle = [slow.connect() for _ in range(70)]
    try:
        time.sleep(0.3)  # less than head_seconds, which would end them as well
        ended = sum(map(_is_ended, idle))
        assert ended >= 15, "more connections than the limit were kept"
    finally:
        for connection in idle:
            connection.close()
    until(lambda: _answers(slow), "it does not recover")


def _is_ended(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def _answers(server: Server) -> bool:
    with suppress(ConnectionError, http.client.HTTPException):
        return server.ask("GET", "/healthz").status == 200
    return False


def test_lines_come_before_the_last_is_computed(slow: Server) -> None:
    request = json.dumps({"sentences": ["climate" + " and" * 1500] * 3 + ["sleep=1 trade"]}).encode()
    with closing(slow.connect()) as connection:
        connection.sendall(head(length=len(request), Accept="application/x-ndjson", Connection="close") + request)
        began, first = time.monotonic(), b""
        while b'"climate"' not in first:
            first += connection.recv(65536)
        assert time.monotonic() - began < 0.9, "the first line waits for the last"
        assert b"sleep=1 trade" not in first
        assert read_all(connection).endswith(b"0\r\n\r\n")


def test_overload_is_refused_at_once_and_the_server_stays_alive(slow: Server) -> None:
    done = threading.Event()
    waits: list[float] = []

    def watch() -> None:
        while not done.is_set():
            began = time.monotonic()
            assert slow.ask("GET", "/healthz").status == 200
            waits.append(time.monotonic() - began)

    def ask(i: int) -> tuple[float, Answer]:
        began = time.monotonic()
        answer = slow.tag(sentences=[f"They agreed on trade {i} sleep=0.3 " + "and " * 2000])
        return time.monotonic() - began, answer

    with ThreadPoolExecutor(31) as pool:
        watching = pool.submit(watch)
        answers = list(pool.map(ask, range(30)))
        done.set()
        watching.result()
    statuses = [answer.status for _, answer in answers]
    assert set(statuses) == {200, 429}, statuses
    assert all(seconds < 1 and int(answer.headers["retry-after"]) >= 1 for seconds, answer in answers if answer.status == 429)
    for i, (_, answer) in enumerate(answers):
        if answer.status == 200:
            assert answer.json[0]["text"].startswith(f"They agreed on trade {i} ")
    assert max(waits) < 1, "/healthz waited"
    until(slow.idle, "room was kept")


def test_clients_that_go_away_many_times_leave_nothing(slow: Server) -> None:
    request = json.dumps({"sentences": ["climate sleep=0.02" + " and" * 500] * 30}).encode()
    until(slow.idle, "it is busy")

    def leave(cut: int, lines: bool = False) -> None:
        with suppress(ConnectionError), closing(slow.connect()) as connection:
            connection.sendall((head(length=len(request), Accept="application/x-ndjson" if lines else "*/*") + request)[:cut])
            if cut > len(request) and lines:
                connection.recv(100)
            if cut % 2:  # a reset instead of an orderly end
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    leave(50)
    until(slow.idle, "room was kept")
    threads, files = slow.proc("Threads"), slow.metrics()["process_open_fds"]
    with ThreadPoolExecutor(8) as pool:
        cuts = [60, 1501, 10_000, 100_000, 100_001] * 24
        list(pool.map(leave, cuts, [i % 2 == 0 for i in range(len(cuts))]))
    until(slow.idle, lambda: f"room was kept: {slow.metrics()}", 20)
    until(lambda: slow.metrics()["process_open_fds"] <= files + 1, "connections were left open")
    assert slow.proc("Threads") <= threads + 4, "threads were left"
    until(lambda: slow.tag(sentences=["trade"]).status == 200, lambda: f"it does not serve: {slow.tag(sentences=['trade']).body!r}")


def test_memory_stays_flat_under_bodies_that_are_too_large(plain: Server) -> None:
    def flood(_: int) -> None:
        with suppress(ConnectionError), closing(plain.connect()) as connection:
            connection.sendall(head(Transfer_Encoding="chunked"))
            for _ in range(100):
                connection.sendall(b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
            connection.sendall(b"0\r\n\r\n")
            connection.recv(100)

    with ThreadPoolExecutor(8) as pool:
        flood(0)
        before = plain.proc("VmRSS")
        Path(f"/proc/{plain.process.pid}/clear_refs").write_text("5")  # sets VmHWM to VmRSS
        list(pool.map(flood, range(200)))
    until(plain.idle, "room was kept")
    assert plain.proc("VmRSS") - before < 30_000_000, f"it grew by {plain.proc('VmRSS') - before} bytes"
    assert plain.proc("VmHWM") - before < 50_000_000, "at some time it held the bodies"


# ------------------------------------------------------------------------------------------------- log and metrics


def test_metrics_count_what_was_done(plain: Server) -> None:
    before = plain.metrics()
    plain.tag(sentences=["trade", "energy"])
    plain.tag(sentences=5)
    plain.ask("GET", f"/{CANARY}")
    after = plain.metrics()
    grown = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
    assert grown["cooptag_sentences_total"] == 2
    assert grown["cooptag_requests_total route=/tag status=200"] == 1
    assert grown["cooptag_requests_total route=/tag status=422"] == 1
    assert grown["cooptag_requests_total route=other status=404"] == 1
    assert grown["cooptag_errors_total error_type=bad_request"] == 1
    assert grown["cooptag_request_seconds_count route=/tag"] == 2
    assert (after["cooptag_ready"], after["cooptag_queue_bytes"], after["cooptag_requests_under_way"]) == (1, 0, 0)
    assert not [name for name in after if CANARY in name]


def test_request_ids_are_ours_or_plain_words(plain: Server) -> None:
    assert plain.ask("GET", "/healthz", None, {"X-Request-ID": "desk-7.a_B"}).headers["x-request-id"] == "desk-7.a_B"
    for bad in ("a b", "%s%n", "\x1b[31m", "a\tb", "<script>", "a" * 65, "ệ".encode().decode("latin1"), ""):
        fields = f"Host: localhost\r\nConnection: close\r\nX-Request-ID: {bad}\r\n\r\n"
        found = re.search(rb"x-request-id: (.*)\r\n", plain.send(b"GET /healthz HTTP/1.1\r\n" + fields.encode("latin1")))
        assert found is None or re.fullmatch(rb"[0-9a-f]{16}", found[1]), bad


def test_nothing_of_a_request_is_in_log_or_errors(slow: Server) -> None:
    here = CANARY
    answers = [slow.send(raw) for raw in (
        f"GET /{here} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode(),
        f"{here} / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode(),
        f"GET /page/{here}?{here} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {here}\r\nReferer: {here}\r\nConnection: close".encode() + END,
        f"GET / HTTP/1.1\r\nHost: {here}\r\nConnection: close\r\n\r\n".encode(),
        f"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: {here}\r\nConnection: upgrade\r\n{here}\r\n\r\n".encode(),
        f"{here}\r\n\r\n".encode(),
    )]  # fmt: skip
    for body in (
        {"text": 1, here: here}, {"text": here, here: 1}, {"text": here, "lang": here}, {"text": here, "goal": here},
        {"text": here, "names": here}, {"text": here, "thresholds": {here: 1}}, {"text": here, "thresholds": {"trade": here}},
        {"text": here, "explain": here}, {"sentences": [here, 1]}, here, [here],
        {"sentences": [f"unwritable {here}"]}, {"sentences": [f"sleep=4 {here}"]},
    ):  # fmt: skip
        answers.append(slow.ask("POST", "/tag", json.dumps(body), {**JSON, "X-Request-ID": f"{here} {here}", "Cookie": here}).body)
    texts = ["climate" + " and" * 2000] * 3 + [f"unwritable {here}"]
    lines = slow.tag(NDJSON, sentences=texts).body.splitlines()
    assert json.loads(lines[-1])["error_type"] == "internal"
    answers.append(lines[-1])
    for raw in ('{"text": "%s', '{"text": "%s"} x', '{"%s": 1, "%s": 2}', '{"text": \\%s}', '"\\ud800%s"', "%s"):
        raw = raw.replace("%s", here)
        answers.append(slow.ask("POST", "/tag", raw, JSON).body)
    for kind, encoding in ((f"text/{here}x y", ""), (here, ""), ("application/json", here)):
        headers = {"Content-Type": kind, "Content-Encoding": encoding, "Authorization": here}
        answers.append(slow.ask("POST", "/tag", here, headers).body)
    word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    for kind, start in (("text/plain", "\0\1\2"), ("text/html", "<!--"), ("application/pdf", "%PDF-1.7 "), (word, "PK\3\4")):
        answers.append(slow.ask("POST", "/text", f"{start} {here}".encode(), {"Content-Type": kind}).body)
    assert slow.tag(sentences=[f"{here} is tagged"]).status == 200
    assert [answer for answer in answers if here.encode() in answer] == []
    assert all(answers)
    assert [line for line in slow.lines if here in line] == []


def test_every_line_of_the_log_is_json_and_tells_of_a_request(plain: Server, slow: Server) -> None:
    plain.ask("GET", "/areas", None, {"X-Request-ID": "the-last-one"})
    until(lambda: any("the-last-one" in line for line in plain.lines), "the request is not in the log")
    [line] = [json.loads(line) for line in plain.lines if "the-last-one" in line]
    assert {"time", "level", "event", "id", "method", "route", "status", "ms", "bytes"} == set(line)
    assert (line["event"], line["route"], line["status"]) == ("request", "/areas", 200)
    for server in (plain, slow):
        for text in server.lines:
            assert isinstance(json.loads(text), dict), text
            assert len(text) < 1000
            assert "\x1b" not in text


def test_no_connection_was_opened(plain: Server) -> None:
    assert plain.tag(text=ARTICLE, explain=True).status == 200
    assert "A CONNECTION WAS OPENED" not in plain.lines


# ------------------------------------------------------------------------------------------------------ starting it


def run(*args: str, code: str = "") -> subprocess.CompletedProcess[str]:
    """`cooptag serve` where it should end by itself."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "inference"), "LANG": "C", "COLUMNS": "200"}
    return subprocess.run([sys.executable, "-c", code + MAIN, "serve", *args], capture_output=True, text=True, env=environment, timeout=60)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--limit", "nothing=1"], "--limit is 'nothing=1'; expected name=value"),
        (["--limit", "sentences=0"], "sentences is 0; expected a number above 0"),
        (["--api-key-file", "/no/such/file"], "/no/such/file: the API key cannot be read"),
        (["--api-key-file", "SHORT"], "expected one key of at least 16"),
        (["--api-key-file", "FOREIGN"], "the API key cannot be read"),
        (["--api-key-file", "/"], "the API key cannot be read"),
        (["--port", "TAKEN"], "cannot listen on 127.0.0.1 port"),
        (["--host", "nobody.invalid"], "cannot listen on nobody.invalid"),
        (["--host", "a" * 300], "cannot listen on aaa"),
    ],
)
def test_a_mistake_in_the_options_is_one_line_and_exit_code_2(tiny_model: Path, tmp_path: Path, args: list[str], said: str) -> None:
    (tmp_path / "SHORT").write_text("short\n")
    (tmp_path / "FOREIGN").write_text("khóa-của-chúng-tôi-0123456789", encoding="utf8")
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        places = {name: str(tmp_path / name) for name in ("SHORT", "FOREIGN")} | {"TAKEN": str(taken.getsockname()[1])}
        done = run("--model", str(tiny_model), *(["--port", "0"] if "--port" not in args else []), *(places.get(arg, arg) for arg in args))
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("cooptag: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn", "prometheus_client"])
def test_without_the_extra_it_says_what_to_install(missing: str) -> None:
    done = run(code=f"import sys; sys.modules[{missing!r}] = None\n")
    assert (done.returncode, done.stderr) == (2, f"cooptag: `cooptag serve` needs {missing}; run `pip install 'cooptag[serve]'`\n")


def test_a_device_that_there_is_not_ends_it_with_one_line(tiny_model: Path) -> None:
    done = run("--model", str(tiny_model), "--port", "0", "--device", "tpu")
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1].startswith("cooptag: device is 'tpu'; expected")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("fault", ["flipped", "missing"])
def test_a_damaged_model_ends_it_with_exit_code_3(tiny_model: Path, tmp_path: Path, fault: str) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    network = folder / "model.onnx"
    if fault == "missing":
        network.unlink()
    else:
        raw = bytearray(network.read_bytes())
        raw[len(raw) // 2] ^= 1
        network.write_bytes(raw)
    done = run("--model", str(folder), "--port", "0")
    assert done.returncode == 3, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("cooptag: ")
    assert "model.onnx" in last
    assert "Traceback" not in done.stderr


# ------------------------------------------------------------------------------------------------------- stopping it


def asking(pool: ThreadPoolExecutor, server: Server, texts: Sequence[str], headers: Mapping[str, str] = JSON) -> list[Any]:
    """Requests under way, once the server has them all."""
    futures = [pool.submit(server.tag, headers, sentences=[text]) for text in texts]
    until(lambda: server.metrics(headers)["cooptag_requests_under_way"] == len(texts), "they do not arrive")
    return futures


def test_sigterm_under_load_answers_what_is_under_way(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    with running("--model", str(tiny_model), "--api-key-file", str(tmp_path / "key")) as server, ThreadPoolExecutor(4) as pool:
        server.wait_until_ready()
        mine = {**JSON, "Authorization": f"Bearer {KEY}"}
        assert server.tag(sentences=["trade"]).status == 401
        under_way = asking(pool, server, [f"trade {i} sleep=1" for i in range(4)], mine)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.ask("GET", "/readyz").status == 503, "it still calls itself ready", 0.5)
        assert server.ask("GET", "/readyz").json["error_type"] == "draining"
        assert server.ask("GET", "/healthz").status == 200
        refused = server.tag(mine, sentences=["trade"])
        assert (refused.status, refused.json["error_type"]) == (503, "draining")
        for i, future in enumerate(under_way):
            answer = future.result(15)
            assert (answer.status, answer.json[0]["text"]) == (200, f"trade {i} sleep=1")
        assert server.wait(10) == 0
        assert [line for line in server.lines if KEY in line] == []
        assert json.loads(server.lines[-1])["event"] == "stopped"


def test_what_cannot_end_in_time_is_cut_off(tiny_model: Path) -> None:
    with running("--model", str(tiny_model), "--limit", "grace_seconds=1") as server, ThreadPoolExecutor(1) as pool:
        [future] = asking(pool, server.wait_until_ready(), ["trade sleep=15"])
        began = time.monotonic()
        assert server.end() == 1
        assert 0.9 < time.monotonic() - began < 8
        assert not _whole(future)


def test_a_hanging_model_does_not_hold_the_process_whose_clients_are_gone(tiny_model: Path) -> None:
    with running("--model", str(tiny_model)) as server:
        request = json.dumps({"sentences": ["trade sleep=30"]}).encode()
        with closing(server.wait_until_ready().connect()) as connection:
            connection.sendall(head(length=len(request)) + request)
            until(lambda: server.metrics()["cooptag_requests_under_way"] == 1, "it does not arrive")
        until(server.idle, "its room was kept")
        assert server.end() == 0


def _whole(future: Any) -> bool:
    """Whether a request came to an answer that could be taken for a good one."""
    with suppress(ConnectionError, http.client.HTTPException):
        return bool(future.result(15).status == 200)
    return False


def test_a_second_signal_ends_it_at_once(tiny_model: Path) -> None:
    with running("--model", str(tiny_model)) as server, ThreadPoolExecutor(1) as pool:
        [future] = asking(pool, server.wait_until_ready(), ["trade sleep=15"])
        server.process.send_signal(signal.SIGTERM)
        until(lambda: server.ask("GET", "/readyz").status == 503, "it still calls itself ready", 0.5)
        began = time.monotonic()
        assert server.end() == 1
        assert time.monotonic() - began < 2
        assert not _whole(future)


@pytest.mark.parametrize("while_loading", [True, False])
def test_sigint_ends_it_gently(tiny_model: Path, while_loading: bool) -> None:
    with running("--model", str(tiny_model)) as server:
        server.wait_until_it_listens() if while_loading else server.wait_until_ready()
        assert server.end(signal.SIGINT) == 0
        assert "Traceback" not in "".join(server.lines)


def test_kill_9_under_load_never_gives_half_an_answer_for_a_whole_one(tiny_model: Path) -> None:
    with running("--model", str(tiny_model)) as server, ThreadPoolExecutor(8) as pool:
        server.wait_until_ready()
        texts = ["climate sleep=0.02" + " and" * 500] * 40

        def ask(headers: Mapping[str, str]) -> Answer:
            return server.tag(headers, sentences=texts)

        futures = [pool.submit(ask, headers) for headers in (JSON, NDJSON) * 3]
        until(lambda: server.metrics()["cooptag_requests_under_way"] >= 4, "they do not arrive")
        time.sleep(0.3)
        server.kill()
        for future in futures:
            if _whole(future):
                answer = future.result()
                rows = answer.json if answer.body.startswith(b"[") else answer.body.splitlines()
                assert len(rows) == len(texts), "half an answer was taken for a whole one"
        with running("--model", str(tiny_model), "--port", str(server.port)) as next_one:
            assert next_one.wait_until_ready().port == server.port
            assert next_one.tag(sentences=["trade"]).status == 200
