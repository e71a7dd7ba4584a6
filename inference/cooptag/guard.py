"""What stands before the application: limits, deadlines, keys, headers, the log and the metrics of every request (ASGI).

Refusals come before a body is read; a body is read whole, within its limit, before the application sees it; a client that
goes away and a deadline that passes end the work. Neither log nor answer holds anything of the input.
"""

import asyncio
import hmac
import json
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from cooptag.documents import KINDS
from cooptag.limits import Limits
from cooptag.metrics import Metrics

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

LOG = logging.getLogger("cooptag.server")
# What a request's body may be, for the paths that take one.
BODIES: Mapping[str, Sequence[str]] = {"/tag": ("application/json",), "/text": tuple(KINDS)}
# Whoever watches the process asks these often, and has no key.
PROBES = ("/healthz", "/readyz")
ROUTES = ("/", "/tag", "/text", "/areas", "/info", "/metrics", "/openapi.json", *PROBES)
# Seconds between two log lines about refusals for want of room: a rush must not fill the log. Each says how many there were.
REFUSALS_EVERY = 1.0
CLOSE = (b"connection", b"close")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_TOKEN = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")
SECURITY_HEADERS = (
    (b"content-security-policy", b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
     b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)  # fmt: skip


@dataclass(frozen=True)
class Access:
    """Who may call: `api_key` ("" for everybody), and the names of this host that a request may give (empty for any), as `host_name`
    gives them."""

    api_key: str = ""
    hosts: tuple[str, ...] = ()


class Problem(Exception):
    """An answer that is no success: `{"error", "error_type"}` with an HTTP status."""

    def __init__(self, status: int, error_type: str, error: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.status, self.error_type, self.error, self.headers = status, error_type, error, dict(headers or {})

    def body(self) -> bytes:
        """The JSON object, UTF-8."""
        return json.dumps({"error": self.error, "error_type": self.error_type}).encode("ascii")

    def head(self, *more: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
        """The response's headers."""
        own = [(name.lower().encode("latin1"), value.encode("latin1")) for name, value in self.headers.items()]
        return [(b"content-type", b"application/json"), (b"content-length", str(len(self.body())).encode()), *own, *more]


def host_name(host: str) -> str:
    """The name in a Host header: without the port, in lower case."""
    host = host.rpartition("@")[2].lower()
    return host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]


INTERNAL = Problem(500, "internal", "the server failed; its log says where")


def too_busy(seconds: int, what: str) -> Problem:
    """429: refused before it was queued."""
    return Problem(429, "overloaded", f"{what}; try again in {seconds} s", {"Retry-After": str(seconds)})


@dataclass
class Exchange:
    """One request and how far its answer is; the application finds it in the scope's state.

    `status`: 0 until the answer's head was sent. `endless`: the head did not say how long the answer is.
    """

    id: str
    route: str
    method: str
    began: float
    status: int = 0
    sent_bytes: int = 0
    error_type: str = ""
    endless: bool = False
    finished: bool = False
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def with_body(self) -> bool:
        """Whether a body is expected."""
        return self.method == "POST" and self.route in BODIES


class Guard:
    """Wraps an ASGI application.

    :param refuse: called before a body is read, with the path and the declared length (0 if none); what stands against it, if anything.
    :param around: wraps all that answers, refusals too: what lets pages of other origins read them.
    """

    def __init__(
        self, app: App, limits: Limits, access: Access, metrics: Metrics, refuse: Callable[[str, int], Problem | None] = lambda *_: None,
        around: Callable[[App], App] = lambda inside: inside,
    ) -> None:  # fmt: skip
        self._app, self._limits, self._access, self._metrics, self._refuse = app, limits, access, metrics, refuse
        self._inside = around(self._bounded)
        self._reading = self._refused = 0
        self._told = -REFUSALS_EVERY
        self.under_way = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        exchange = _exchange(scope)
        scope["state"]["exchange"] = exchange
        self.under_way += exchange.with_body
        try:
            await self._inside(scope, receive, self._sender(exchange, send))
        finally:
            self.under_way -= exchange.with_body
            self._record(exchange)

    async def _bounded(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answers before the deadline, or says that it has passed; no exception comes out."""
        exchange: Exchange = scope["state"]["exchange"]
        try:
            async with asyncio.timeout(self._limits.deadline_seconds):
                await self._answer(scope, receive, send, exchange)
        except TimeoutError:
            await self._late(exchange, send)
        except Exception as error:  # a mistake of ours: told in the log, by its place alone
            exchange.error_type = "internal"
            LOG.error("failed", exc_info=error, extra={"fields": {"id": exchange.id}})
            if not exchange.status:
                await _refuse(INTERNAL, send, close=True)

    async def _answer(self, scope: MutableMapping[str, Any], receive: Receive, send: Send, exchange: Exchange) -> None:
        headers = {name: value.decode("latin1") for name, value in reversed(scope["headers"])}  # of two the first, as the application
        if scope["method"] == "HEAD":  # as GET; whoever writes to the socket leaves the body out
            scope = {**scope, "method": "GET"}
        try:
            if b"transfer-encoding" in headers and b"content-length" in headers:  # a proxy may have read it the other way
                raise Problem(400, "bad_http", "both Content-Length and Transfer-Encoding are given; expected one of them")
            self._check_caller(headers, exchange)
            if exchange.route == "other":  # the application may know a path by another spelling, we would not have limited it
                raise Problem(404, "not_found", "there is nothing here; see /openapi.json")
            if not exchange.with_body:
                return await self._app(scope, receive, send)
            length = self._check_body(headers, exchange.route)
            body = await self._read(receive, exchange.route, length)
            await self._while_there(scope, body, receive, send, exchange)
        except Problem as problem:
            exchange.error_type = problem.error_type
            # Who waits for a word before he sends the body, may send it or not: nobody can tell where his next request begins.
            close = b"expect" in headers or problem.status == 400
            last = scope["http_version"] == "1.0" or "close" in headers.get(b"connection", "").lower()
            await _refuse(problem, send, close, partial(self._rest, receive) if last and not close else None)

    def _check_caller(self, headers: Mapping[bytes, str], exchange: Exchange) -> None:
        """:raises Problem: if the host or the key is not ours."""
        if self._access.hosts and host_name(headers.get(b"host", "")) not in self._access.hosts and exchange.route not in PROBES:
            raise Problem(421, "wrong_host", "this server does not go by the name in the Host header; see --allow-host")
        if not self._access.api_key or exchange.route in (*PROBES, "/", "/page"):
            return
        scheme, _, key = headers.get(b"authorization", "").partition(" ")
        right = hmac.compare_digest(key.strip().encode("latin1"), self._access.api_key.encode("utf8"))
        if scheme.lower() != "bearer" or not right:
            said = "the API key is missing or wrong; expected the header Authorization: Bearer KEY"
            raise Problem(401, "unauthorized", said, {"WWW-Authenticate": "Bearer"})

    def _check_body(self, headers: Mapping[bytes, str], route: str) -> int | None:
        """The length that the head declares, None for a body in chunks.

        :raises Problem: if the body should not be read.
        """
        kind = headers.get(b"content-type", "").partition(";")[0].strip().lower()
        if kind not in BODIES[route]:
            given = kind if _TOKEN.fullmatch(kind) and len(kind) < 100 else "another or none"
            raise Problem(415, "wrong_content_type", f"the Content-Type is {given}; expected {' or '.join(BODIES[route])}")
        if headers.get(b"content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise Problem(415, "wrong_content_encoding", "the body is packed; send it as it is, without Content-Encoding")
        declared = headers.get(b"content-length")
        length = int(declared) if declared and declared.isdecimal() else None
        if length is not None and length > self._most(route):
            raise self._too_large(route)
        if problem := self._refuse(route, length or 0):
            raise problem
        return length

    def _most(self, route: str) -> int:
        return self._limits.body_bytes if route == "/tag" else self._limits.document_bytes

    def _too_large(self, route: str) -> Problem:
        return Problem(413, "too_large", f"the body is over {self._most(route)} bytes; send it in parts")

    async def _read(self, receive: Receive, route: str, length: int | None) -> bytes:
        """The whole body. What has come of all bodies under way is bounded as well; who only declares much, takes no room.

        :raises Problem: if it is larger than allowed, or the client goes away.
        """
        most = self._most(route)
        parts, size = [], 0
        try:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Problem(499, "client_gone", "the client closed the connection")
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                self._reading += len(parts[-1])
                if size > most:
                    raise self._too_large(route)
                if self._reading > self._limits.reading_bytes:
                    raise too_busy(1, "too many bodies are being received")
                if not message.get("more_body", False):
                    return b"".join(parts)
        finally:
            self._reading -= size

    async def _rest(self, receive: Receive) -> None:
        """Takes what still comes of a body that was refused."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.head_seconds):
                while (await receive()).get("more_body", False):
                    pass

    async def _while_there(
        self, scope: MutableMapping[str, Any], body: bytes, receive: Receive, send: Send, exchange: Exchange
    ) -> None:  # fmt: skip
        """Runs the application on a body; it is cancelled once the client has gone away."""
        given = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def again() -> Message:
            if message := next(given, None):
                return message
            await exchange.gone.wait()
            return {"type": "http.disconnect"}

        async def until_gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            if not exchange.finished:
                exchange.gone.set()
                work.cancel()

        work = asyncio.ensure_future(self._app(scope, again, send))
        watch = asyncio.create_task(until_gone())
        try:
            await work
        except asyncio.CancelledError:
            if not exchange.gone.is_set():
                raise
            exchange.error_type = "client_gone"
        finally:
            watch.cancel()
            work.cancel()
            with suppress(asyncio.CancelledError):
                await watch

    def _sender(self, exchange: Exchange, send: Send) -> Send:
        """Adds the headers of every answer, and keeps what the log says of it."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.endless = all(name != b"content-length" for name, _ in message["headers"])
                cached = () if any(name == b"cache-control" for name, _ in message["headers"]) else ((b"cache-control", b"no-store"),)
                message["headers"] = [*message["headers"], *SECURITY_HEADERS, *cached, (b"x-request-id", exchange.id.encode())]
            elif message["type"] == "http.response.body":
                exchange.sent_bytes += len(message.get("body", b""))
                exchange.finished = not message.get("more_body", False)
            await send(message)
            if message["type"] == "http.response.start":  # not before: it may wait for a reader of the answer before
                exchange.status = message["status"]

        return sending

    async def _late(self, exchange: Exchange, send: Send) -> None:
        """Answers a request whose deadline has passed, if anything can still be said."""
        exchange.error_type = "deadline"
        problem = Problem(504, "deadline", f"not done within {self._limits.deadline_seconds:g} s; send less at once, or again later")
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                if not exchange.status:
                    await _refuse(problem, send, close=True)
                elif exchange.endless and not exchange.finished:
                    await send({"type": "http.response.body", "body": problem.body() + b"\n", "more_body": False})

    def _record(self, exchange: Exchange) -> None:
        seconds = time.monotonic() - exchange.began
        self._metrics.requests.labels(exchange.route, str(exchange.status or 499)).inc()
        self._metrics.seconds.labels(exchange.route).observe(seconds)
        if exchange.error_type:
            self._metrics.errors.labels(exchange.error_type).inc()
        quiet = exchange.route in (*PROBES, "/metrics", "/page") and exchange.status < 400
        fields = {
            "id": exchange.id, "method": exchange.method, "route": exchange.route, "status": exchange.status or 499,
            "ms": round(1000 * seconds, 1), "bytes": exchange.sent_bytes,
        }  # fmt: skip
        if exchange.error_type:
            fields["error_type"] = exchange.error_type
        if exchange.status == 429:
            self._refused += 1
            if time.monotonic() - self._told < REFUSALS_EVERY:
                return
            fields["refused"], self._refused, self._told = self._refused, 0, time.monotonic()
        LOG.log(logging.DEBUG if quiet else logging.INFO, "request", extra={"fields": fields})


def _exchange(scope: Mapping[str, Any]) -> Exchange:
    """Paths, methods and ids go into log and metrics: only those that we know, so that nobody can fill either."""
    path = scope["path"]
    route = path if path in ROUTES else "/page" if path.startswith("/page/") else "other"
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    id = given.decode("ascii") if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
    method = scope["method"] if scope["method"] in ("GET", "HEAD", "POST", "OPTIONS") else "other"
    return Exchange(id, route, method, time.monotonic())


async def _refuse(problem: Problem, send: Send, close: bool = False, rest: Callable[[], Awaitable[None]] | None = None) -> None:
    """Sends a problem. What is left of a body that was not read is thrown away by whoever reads the socket (`listen.py`).

    :param rest: takes it here, before the end of an answer that also ends the connection: closed while the client still sends,
        it would be reset, and the answer lost with it.
    """
    await send({"type": "http.response.start", "status": problem.status, "headers": problem.head(*([CLOSE] if close else []))})
    await send({"type": "http.response.body", "body": problem.body(), "more_body": bool(rest)})
    if rest:
        await rest()
        await send({"type": "http.response.body", "body": b"", "more_body": False})
