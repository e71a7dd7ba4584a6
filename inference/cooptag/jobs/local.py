"""The local engine: a process for each worker, and a thread here that hands it parts and watches over it.

A worker is a process of its own, since a crash, a hang or the kernel's out-of-memory killer must cost a retry of one part
and nothing else. The two talk in lines of JSON.
"""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import cooptag
from cooptag import errors
from cooptag.encoder import cores
from cooptag.jobs.part import Worker
from cooptag.jobs.plan import Engine, Job, Part

# Seconds between two signs of life of a worker.
SIGN = 1.0
Event = tuple[str, Any]


def run(job: Job, parts: Sequence[Part], engine: Engine) -> Generator[Event, None, None]:
    """Writes parts, and yields what happens: ("sign", sentences since the last), ("done", record), ("retry" or "failed", message).

    A part that failed `retries` + 1 times is given up; the others go on. Leaving the iterator kills the workers at once: what
    they have not committed is dropped.

    :raises CooptagError: what a worker says that no retry will mend, such as a bad model. :raises OSError: as from a full disk.
    """
    todo: queue.SimpleQueue[Part] = queue.SimpleQueue()
    for part in parts:
        todo.put(part)
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    workers, threads = share(engine, len(parts), job.device)
    keepers = [_Keeper(job, threads, engine, todo, events) for _ in range(workers)]
    try:
        for keeper in keepers:
            keeper.start()
        at_work = len(keepers)
        while at_work:
            kind, value = events.get()
            if kind == "raise":
                raise value
            if kind == "over":
                at_work -= 1
            else:
                yield kind, value
    finally:
        for keeper in keepers:
            keeper.stop()
        for keeper in keepers:
            if keeper.ident:
                keeper.join(timeout=10)


def share(engine: Engine, parts: int, device: str) -> tuple[int, int]:
    """How many workers, and how many threads each: by default all cores, two to a worker; on a GPU one worker.

    What runs in Python (splitting, writing) takes turns within a process, the network does not: one process of two threads
    needs half the memory of two processes, and is as quick with the default model.
    """
    workers = min(engine.workers or (1 if device == "cuda" else max(1, cores() // 2)), max(parts, 1))
    return workers, engine.threads or max(1, cores() // workers)


class _Keeper(threading.Thread):
    """Keeps one worker process at work until no part is left."""

    def __init__(
        self, job: Job, threads: int, engine: Engine, todo: "queue.SimpleQueue[Part]", events: "queue.SimpleQueue[Event]"
    ) -> None:
        super().__init__(daemon=True)
        self.job, self.threads, self.engine, self.todo, self.events = job, threads, engine, todo, events
        self.process: subprocess.Popen[str] | None = None
        self.stopped = False

    def run(self) -> None:
        """Part after part; what cannot be mended is handed to the main thread."""
        try:
            with suppress(queue.Empty):
                while not self.stopped:
                    self._part(self.todo.get_nowait())
        except Exception as error:
            self.events.put(("raise", error))
        finally:
            self._kill()
            self.events.put(("over", None))

    def stop(self) -> None:
        """Kills the worker; the thread ends by itself."""
        self.stopped = True
        self._kill()

    def _part(self, part: Part) -> None:
        for attempt in range(self.engine.retries + 1):
            reason = self._attempt(part)
            if reason is None or self.stopped:
                return
            self._kill()
            more = attempt < self.engine.retries
            self.events.put(("retry" if more else "failed", f"part {part.number}: {reason}" + ("; trying again" if more else "")))

    def _attempt(self, part: Part) -> str | None:
        """Why the worker did not do it; None if it did."""
        fresh = self.process is None
        process = self.process = self.process or self._start()
        if self.stopped:
            return "stopped"
        assert process.stdin and process.stdout  # noqa: S101
        watch = Watch(self.engine.patience, process.kill)
        signed = 0
        try:
            process.stdin.write((self.job.to_json() + "\n" if fresh else "") + json.dumps(part) + "\n")
            process.stdin.flush()
            for line in process.stdout:
                watch.seen()
                message = json.loads(line)
                if "error" in message:
                    raise raised(message)
                signed += message["sentences"]
                self.events.put(("sign", message["sentences"]))
                if "record" in message:
                    self.events.put(("done", message["record"]))
                    return None
        except Failed as error:
            return str(error)
        except (BrokenPipeError, ValueError):  # it died while it was spoken to, or in the middle of a line
            pass
        finally:
            watch.cancel()
        self.events.put(("sign", -signed))  # they will be done again
        code = process.wait()
        how = f"gave no sign of life for {self.engine.patience:g} s" if watch.fired else f"died ({_death(code)})"
        return f"its worker {how}"

    def _start(self) -> "subprocess.Popen[str]":
        package = str(Path(cooptag.__file__).parents[1])
        paths = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "cooptag.jobs.local", str(self.threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            encoding="utf8", env={**os.environ, "PYTHONPATH": paths, "RAYON_NUM_THREADS": str(self.threads)},
            start_new_session=True,  # Ctrl-C is for the process that waits for us
        )  # fmt: skip

    def _kill(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):  # what it has not read is lost with it
                    pipe.close()  # type: ignore[union-attr]


class Failed(Exception):
    """A worker met an error that another attempt may not meet."""


class Watch:
    """Does something, once, where so many seconds pass in which nobody calls `seen`."""

    def __init__(self, patience: float, act: Callable[[], object]) -> None:
        self.patience, self.act, self.fired = patience, act, False
        self.timer: threading.Timer | None = None
        self.seen()

    def seen(self) -> None:
        """Starts the count anew."""
        self.cancel()
        self.timer = threading.Timer(self.patience, self._fire)
        self.timer.daemon = True
        self.timer.start()

    def cancel(self) -> None:
        """Stops watching."""
        if self.timer:
            self.timer.cancel()

    def _fire(self) -> None:
        self.fired = True
        self.act()


def _death(code: int) -> str:
    if code == -9:
        return "signal 9: killed, perhaps for want of memory"
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def told(error: Exception) -> dict[str, Any]:
    """An error as a worker tells of it: `raised` makes it one again."""
    if isinstance(error, (errors.CooptagError, OSError)):
        return {"error": "OSError" if isinstance(error, OSError) else type(error).__name__, "message": str(error)}
    return {"error": "", "message": f"{type(error).__name__}: {error}"}  # a bug, perhaps one that a text sets off


def raised(message: dict[str, Any]) -> Exception:
    """The error that a worker told of: one that every attempt would meet, or `Failed`."""
    if message["error"] == "OSError":
        return OSError(message["message"])
    kind = getattr(errors, message["error"], Failed)
    error: Exception = kind(message["message"])
    return error


# ------------------------------------------------------------------------------------------- in the worker process


def work(threads: int) -> None:
    """Reads the job, then parts, a line each; answers with signs of life, records and errors."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf8")
    os.dup2(2, 1)  # what a library prints must not stand between the answers

    def answer(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    try:
        worker = Worker.load(Job.from_json(lines.get()), threads)
        while True:
            part = Part.from_json(lines.get())
            signs = _Signs(answer)
            record = worker.run(part, signs.count)
            answer({"record": record, "sentences": record["rows"] - signs.told})
    except Exception as error:
        answer(told(error))


def _listen(lines: "queue.SimpleQueue[str]") -> None:
    """What the job says; when it is gone, so is the worker: nobody else may write in its folder while it is at work."""
    for line in sys.stdin:
        lines.put(line)
    os._exit(1)


class _Signs:
    """Tells how many sentences are done, every `SIGN` seconds."""

    def __init__(self, answer: Callable[[dict[str, Any]], None]) -> None:
        self.answer, self.told, self.last = answer, 0, time.monotonic()

    def count(self, sentences: int) -> None:
        """So many of the part's sentences are done."""
        if time.monotonic() - self.last >= SIGN:
            self.answer({"sentences": sentences - self.told})
            self.told, self.last = sentences, time.monotonic()


if __name__ == "__main__":
    work(int(sys.argv[1]))
