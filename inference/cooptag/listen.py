"""The server as a process: its socket, its signals, its log. The only file that imports uvicorn."""

import asyncio
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from cooptag.errors import UsageError
from cooptag.guard import LOG, SECURITY_HEADERS, Access, Guard, Problem, host_name
from cooptag.limits import Limits
from cooptag.server import Service, create_app
from cooptag.tagger import Tagger

# Once told to stop, /readyz says so at least for so long before the socket is closed, for whoever balances the load.
LINGER_SECONDS = 1.0
# A pass of the interpreter's lock takes so long at most: the event loop must get its turn beside the threads that tag.
SWITCH_SECONDS = 0.0002
# Bytes that a client must take of its answer in each `stall_seconds`.
LEAST_READ = 16_384
# Bytes that are read from a connection before the others get their turn: in chunks of a byte they take 40 ms.
READ_AT_ONCE = 16_384
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
STOPPED, CUT_OFF = 0, 1


def serve(
    load: Callable[[], Tagger], host: str, port: int, limits: Limits, api_key: str = "", hosts: tuple[str, ...] = (),
    origins: tuple[str, ...] = (),
) -> int:  # fmt: skip
    """Listens until it is told to stop by SIGTERM or SIGINT, and answers what is under way; a second signal ends it at once.

    On loopback only this machine's own names are answered to, so that a web page elsewhere cannot reach it by a name of its own.
    :returns: the exit code: 0, or 1 where requests were cut off after the time of grace.
    :raises UsageError: if it cannot listen there. :raises CooptagError: if the model does not load.
    """
    log_as_json()
    listener = _bind(host, port)
    if not hosts and listener.getsockname()[0] in ("127.0.0.1", "::1"):
        hosts = LOOPBACK
    service = Service(load, limits)
    app = create_app(service, Access(api_key, tuple(map(host_name, hosts))), origins)
    config = uvicorn.Config(
        app, http=_Protocol, loop="asyncio", ws="none", lifespan="on", log_config=None, access_log=False, server_header=False,
        proxy_headers=False, timeout_keep_alive=5, timeout_graceful_shutdown=1,
    )  # fmt: skip
    _Protocol.limits = limits
    sys.setswitchinterval(SWITCH_SECONDS)
    server = _Server(config, service, app, _url(listener))
    server.run(sockets=[listener])
    if service.error:
        raise service.error
    return server.code


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # asyncio turns Nagle's algorithm off only where the protocol is named: with it each answer takes 40 ms more.
        listener = socket.socket(family, kind, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot listen on {host} port {port} ({reason}); choose another with --host and --port") from error
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


class _Server(uvicorn.Server):
    """uvicorn's server that drains before it closes, and leaves with exit code 0."""

    def __init__(self, config: uvicorn.Config, service: Service, guard: Guard, url: str) -> None:
        super().__init__(config)
        self._service, self._guard, self._url = service, guard, url
        self._stop_at = 0.0
        self.code = STOPPED

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        LOG.info("listening", extra={"fields": {"url": self._url, "pid": os.getpid()}})

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """uvicorn's own closes the socket at once, and ends the process by the signal."""
        if self._service.draining:
            os._exit(CUT_OFF)
        self._service.draining = True
        self._stop_at = time.monotonic()

    async def on_tick(self, counter: int) -> bool:
        if self._service.error:
            self.should_exit = True
        elif self._service.draining and not self.should_exit:
            waited = time.monotonic() - self._stop_at
            late = waited > self._service.limits.grace_seconds
            self.should_exit = late or (waited > LINGER_SECONDS and not self._guard.under_way)
            if late and self._guard.under_way:
                self.code = CUT_OFF
                LOG.error("cut off", extra={"fields": {"requests": self._guard.under_way}})
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        computing = self._service.computing()
        await super().shutdown(sockets)
        LOG.info("stopped", extra={"fields": {"code": self.code}})
        if self.code == CUT_OFF or computing:  # a thread that still computes would hold the process
            os._exit(self.code)


class _Protocol(H11Protocol):
    """uvicorn's, with the limits that it lacks: it waits for the rest of a request's head, or for a reader, for ever."""

    limits = Limits()

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        transport.max_size = READ_AT_ONCE
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        if len(self.connections) > self.limits.connections:
            transport.abort()
            return
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for timer in (self._head_timer, self._stall_timer):
            if timer:
                timer.cancel()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._expect_head()

    def _expect_head(self) -> None:
        if self._head_timer:
            self._head_timer.cancel()
        self._head_timer = self.loop.call_later(self.limits.head_seconds, self._end_without_head)

    def _idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _end_without_head(self) -> None:
        """Closes a connection on which no request is under way; while its last answer is being read, that is the stall timer's."""
        if self._idle():
            if self.transport.get_write_buffer_size():
                self._expect_reader()
            else:
                self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reader()

    def _expect_reader(self) -> None:
        if self._stall_timer:
            self._stall_timer.cancel()
        left = self.transport.get_write_buffer_size()
        self._stall_timer = self.loop.call_later(self.limits.stall_seconds, self._end_without_reader, left)

    def _end_without_reader(self, left: int) -> None:
        """Closes a connection whose answer nobody reads; a slow line is none."""
        now = self.transport.get_write_buffer_size()
        if not now or not (self._idle() or self.flow.write_paused):  # an answer under way has its deadline
            self._expect_head()
        elif left - now < LEAST_READ:
            self.transport.abort()
        else:
            self._expect_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall_timer:
            self._stall_timer.cancel()
        self._expect_head()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP at all is answered as every other error is."""
        problem = Problem(400, "bad_http", "this is no HTTP request; expected HTTP/1.1")
        head = b"".join(name + b": " + value + b"\r\n" for name, value in problem.head((b"connection", b"close"), *SECURITY_HEADERS))
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + head + b"\r\n" + problem.body())
        self.transport.close()


# ------------------------------------------------------------------------------------------------------- the log


class _JsonFormatter(logging.Formatter):
    """A line of JSON. Of an exception only its kind and place: its message may hold what the request said."""

    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {"time": f"{when}.{int(record.msecs):03}Z", "level": record.levelname.lower(), "event": _first_line(record)}
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1]:
            line["exception"] = _place(record.exc_info[1])
        return json.dumps(line)


def _first_line(record: logging.LogRecord) -> str:
    """asyncio writes an exception that nobody took, message and all, on the second."""
    return record.getMessage().strip().partition("\n")[0]


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    at = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
    return type(error).__name__ + at


def log_as_json(level: int = logging.INFO) -> None:
    """The process's log as lines of JSON on standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter())
    for name in ("cooptag.server", "uvicorn", "uvicorn.error", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level if name == "cooptag.server" else logging.WARNING)
    logging.getLogger("uvicorn.error").handlers = []
    logging.getLogger("uvicorn.error").propagate = True
