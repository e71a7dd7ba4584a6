"""Requests in, batches out: what waits, what is admitted, what the model is given at once. Knows nothing of HTTP or tagging.

Texts of requests that arrive together are computed together; a batch begins as soon as a worker is free, so that a
lone request never waits for company. Lives in one event loop; only `run` is called in threads.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cooptag.errors import CooptagError
from cooptag.limits import Limits

# Batches under way: while one is decoded and written out, the cores compute the other.
WORKERS = 2
# Parts of one request that wait or run at a time: while one is sent, the next is computed.
PARTS_AHEAD = 2
# What a text costs beside its bytes: a word alone takes the time of about so many.
LEAST_BYTES = 32
# Bytes a second at the start, before any batch was timed: a slow machine with the model small.
FIRST_RATE = 20_000.0
MAX_RETRY_SECONDS = 60


class OverloadedError(CooptagError):
    """The queue is full; there is room again in about `retry_seconds` (a whole number, at least 1)."""

    error_type = "overloaded"

    def __init__(self, retry_seconds: int) -> None:
        super().__init__(f"the queue is full; try again in {retry_seconds} s")
        self.retry_seconds = retry_seconds


@dataclass(eq=False)
class _Part:
    """Texts of one request that are computed together: `key` says how, `done` takes their results."""

    key: Hashable
    items: Sequence[Any]
    cost: int
    done: "asyncio.Future[list[Any]]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Batcher:
    """Computes items of many requests in batches.

    :param run: called in a thread with a key and items, of one request or several with the same key; gives a result for each item.
    :param watch: called with the items, bytes and seconds of each batch.
    """

    def __init__(
        self, run: Callable[[Any, list[Any]], list[Any]], limits: Limits, watch: Callable[[int, int, float], None] = lambda *_: None
    ) -> None:  # fmt: skip
        self._run = run
        self._watch = watch
        self._limits = limits
        self._waiting: deque[_Part] = deque()
        self._arrived = asyncio.Event()
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="cooptag-batch")
        self._workers = [asyncio.create_task(self._work()) for _ in range(WORKERS)]
        self._rate = FIRST_RATE
        self._began: dict[int, float] = {}
        self.admitted_bytes = 0

    def check_room(self, cost: int) -> None:
        """:raises OverloadedError: if there is no room for a request of so many bytes."""
        if self.admitted_bytes + min(cost, self._limits.request_bytes) > self._limits.queue_bytes:
            raise OverloadedError(min(max(1, math.ceil(self.admitted_bytes / self._rate)), MAX_RETRY_SECONDS))

    @contextmanager
    def admitted(self, cost: int) -> Iterator[None]:
        """Holds the room that a request of `cost` bytes takes in the queue, for the length of a `with` block.

        :raises OverloadedError: at once, if there is no room.
        """
        self.check_room(cost)
        held = min(cost, self._limits.request_bytes)
        self.admitted_bytes += held
        try:
            yield
        finally:
            self.admitted_bytes -= held

    async def results(self, key: Hashable, items: Sequence[Any], costs: Sequence[int]) -> AsyncGenerator[list[Any]]:
        """The results of an admitted request's items, in order, part by part as they are computed.

        What has not begun is dropped when the caller stops reading or is cancelled.
        """
        under_way: deque[_Part] = deque()
        try:
            # Parts that may be under way together are queued together: else one could miss the batch that takes the other.
            for part in self._parts(key, items, costs):
                if len(under_way) == PARTS_AHEAD:
                    yield await under_way.popleft().done
                under_way.append(part)
                self._waiting.append(part)
                self._arrived.set()
            while under_way:
                yield await under_way.popleft().done
        finally:
            for part in under_way:
                part.done.cancel()

    def _parts(self, key: Hashable, items: Sequence[Any], costs: Sequence[int]) -> Iterator[_Part]:
        """The items in parts, each of about as many bytes as a request may have in the queue for each part under way, and no larger
        than a batch."""
        most, first, size = min(self._limits.request_bytes // PARTS_AHEAD, self._limits.batch_bytes), 0, 0
        for i, cost in enumerate(costs):
            if size and (size + cost > most or i - first == self._limits.batch_sentences):
                yield _Part(key, items[first:i], size)
                first, size = i, 0
            size += cost
        if size:
            yield _Part(key, items[first:], size)

    async def _work(self) -> None:
        loop, number = asyncio.get_running_loop(), id(asyncio.current_task())
        while True:
            await self._arrived.wait()
            batch = self._next()
            if not self._waiting:
                self._arrived.clear()
            if not batch:
                continue
            items, began = [item for part in batch for item in part.items], time.monotonic()
            self._began[number] = began
            try:
                results = await loop.run_in_executor(self._threads, self._run, batch[0].key, items)
            except Exception as error:  # whatever it is, it is those requests' answer; the next batch goes on
                _fail(batch, error)
            else:
                _deliver(batch, results)
                self._timed(len(items), sum(part.cost for part in batch), time.monotonic() - began)
            finally:
                del self._began[number]

    def _next(self) -> list[_Part]:
        """The longest waiting part, and all that fit into its batch: those with the same key, in order."""
        batch: list[_Part] = []
        others: deque[_Part] = deque()
        sentences = size = 0
        while self._waiting:
            part = self._waiting.popleft()
            if part.done.cancelled():
                continue
            fits = sentences + len(part.items) <= self._limits.batch_sentences and size + part.cost <= self._limits.batch_bytes
            if batch and not (part.key == batch[0].key and fits):
                others.append(part)
                continue
            batch.append(part)
            sentences, size = sentences + len(part.items), size + part.cost
        self._waiting = others
        return batch

    def _timed(self, items: int, size: int, seconds: float) -> None:
        """Keeps the rate of all workers together, for `Retry-After`: recent batches weigh most."""
        self._rate += 0.1 * (len(self._began) * size / max(seconds, 1e-3) - self._rate)
        self._watch(items, size, seconds)

    def longest_seconds(self) -> float:
        """How long the oldest batch that runs has been running; 0 if none does."""
        return time.monotonic() - min(self._began.values()) if self._began else 0.0

    async def close(self) -> None:
        """Ends the workers; a batch that runs is left to its thread."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)


def cost(text: str) -> int:
    """What a text costs to compute, in bytes."""
    return max(len(text.encode("utf8", "replace")), LEAST_BYTES)


def _deliver(batch: Sequence[_Part], results: Sequence[Any]) -> None:
    at = 0
    for part in batch:
        if not part.done.done():
            part.done.set_result(list(results[at : at + len(part.items)]))
        at += len(part.items)


def _fail(batch: Sequence[_Part], error: Exception) -> None:
    for part in batch:
        if not part.done.done():
            part.done.set_exception(error)
