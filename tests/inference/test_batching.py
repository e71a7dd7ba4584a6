"""Requests to batches: order, what shares a batch, what is admitted, and that nothing is left behind when a request ends early."""

import asyncio
import gc
import logging
import random
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from cooptag.batching import LEAST_BYTES, MAX_RETRY_SECONDS, PARTS_AHEAD, WORKERS, Batcher, OverloadedError, cost
from cooptag.limits import Limits

Run = Callable[[Any, list[Any]], list[Any]]


def in_loop(work: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns; it has 20 s."""
    return asyncio.run(asyncio.wait_for(work, 20))


@asynccontextmanager
async def batcher(run: Run, **limits: float) -> AsyncGenerator[Batcher]:
    made = Batcher(run, Limits(**limits))  # type: ignore[arg-type]
    try:
        yield made
    finally:
        await made.close()


async def collect(made: Batcher, key: Any, items: Sequence[Any], costs: Sequence[int] | None = None) -> list[Any]:
    costs = [100] * len(items) if costs is None else costs
    return [result async for part in made.results(key, items, costs) for result in part]


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.002)


class Gate:
    """A `run` that waits until it is opened, and remembers what it was given."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.batches: list[tuple[Any, list[Any]]] = []

    def __call__(self, key: Any, items: list[Any]) -> list[Any]:
        self.batches.append((key, items))
        if not self.open.wait(15):
            raise TimeoutError
        return items

    @contextmanager
    def opened_at_the_end(self) -> Iterator[None]:
        try:
            yield
        finally:
            self.open.set()

    async def all_workers_busy(self, made: Batcher) -> list["asyncio.Task[list[Any]]"]:
        """Gives every worker a batch of its own that waits for the gate."""
        tasks = [asyncio.create_task(collect(made, f"busy {i}", [i])) for i in range(WORKERS)]
        await until(lambda: len(self.batches) == WORKERS)
        return tasks


@pytest.mark.parametrize("costs", [[100] * 500, [1] * 3, [5000] * 7, [100, 9000, 100, 40_000, 1], [LEAST_BYTES]])
def test_results_come_in_the_order_of_the_items(costs: list[int]) -> None:
    async def work() -> None:
        async with batcher(lambda _, items: [2 * item for item in items]) as made:
            assert await collect(made, "k", list(range(len(costs))), costs) == [2 * i for i in range(len(costs))]

    in_loop(work())


def test_no_items_give_no_results() -> None:
    async def work() -> None:
        async with batcher(lambda _, items: items) as made:
            assert await collect(made, "k", []) == []

    in_loop(work())


def test_many_requests_each_get_their_own_results() -> None:
    chance = random.Random(7)  # noqa: S311

    def run(key: int, items: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
        assert {k for k, _ in items} == {key}, "items with another key are in the batch"
        return [(key, *item) for item in items]

    async def work() -> None:
        async with batcher(run) as made:
            wanted = [(i % 3, [(i % 3, 1000 * i + j) for j in range(chance.randint(1, 60))]) for i in range(120)]
            found = await asyncio.gather(*(collect(made, key, items) for key, items in wanted))
            assert found == [[(key, *item) for item in items] for key, items in wanted]

    in_loop(work())


def test_what_waits_with_the_same_key_shares_a_batch_and_nothing_else_does() -> None:
    async def work() -> None:
        gate = Gate()
        with gate.opened_at_the_end():
            async with batcher(gate) as made:
                busy = await gate.all_workers_busy(made)
                waiting = [asyncio.create_task(collect(made, key, [f"{key}{i}"])) for i in range(3) for key in "ab"]
                await until(lambda: len(made._waiting) == 6)
                gate.open.set()
                await asyncio.gather(*busy, *waiting)
        assert sorted(gate.batches[WORKERS:]) == [("a", ["a0", "a1", "a2"]), ("b", ["b0", "b1", "b2"])]

    in_loop(work())


@pytest.mark.parametrize(("limits", "size"), [({"batch_sentences": 4}, 4), ({"batch_bytes": 350}, 3)])
def test_no_batch_is_larger_than_its_limits(limits: dict[str, float], size: int) -> None:
    async def work() -> None:
        gate = Gate()
        with gate.opened_at_the_end():
            async with batcher(gate, **limits) as made:
                busy = await gate.all_workers_busy(made)
                waiting = [asyncio.create_task(collect(made, "k", [i])) for i in range(20)]
                await until(lambda: len(made._waiting) == 20)
                gate.open.set()
                await asyncio.gather(*busy, *waiting)
        sizes = [len(items) for _, items in gate.batches[WORKERS:]]
        assert max(sizes) == size, f"batches of {sizes}"
        assert sum(sizes) == 20

    in_loop(work())


@pytest.mark.parametrize(("limits", "size"), [({"batch_sentences": 3}, 3), ({"batch_bytes": 250}, 2), ({"batch_sentences": 1}, 1)])
def test_no_part_of_a_long_request_is_larger_than_a_batch(limits: dict[str, float], size: int) -> None:
    async def work() -> None:
        sizes: list[int] = []

        def run(_: Any, items: list[Any]) -> list[Any]:
            sizes.append(len(items))
            return items

        async with batcher(run, **limits) as made:
            assert await collect(made, "k", list(range(20))) == list(range(20))
        assert max(sizes) == size, f"batches of {sizes}"

    in_loop(work())


def test_an_item_larger_than_a_batch_is_computed_alone() -> None:
    async def work() -> None:
        seen: list[int] = []

        def run(_: Any, items: list[Any]) -> list[Any]:
            seen.append(len(items))
            return items

        async with batcher(run, batch_bytes=1000) as made:
            assert await collect(made, "k", ["a", "b", "c"], [10, 800_000, 10]) == ["a", "b", "c"]
        assert seen == [1, 1, 1]

    in_loop(work())


def test_beyond_the_queue_a_request_is_refused_at_once_and_its_room_comes_back() -> None:
    async def work() -> None:
        async with batcher(lambda _, items: items, queue_bytes=1000, request_bytes=500) as made:
            with made.admitted(400), made.admitted(9_000_000):
                assert made.admitted_bytes == 900, "a request holds its cost, request_bytes at most"
                with pytest.raises(OverloadedError) as refused, made.admitted(101):
                    pass
                assert 1 <= refused.value.retry_seconds <= MAX_RETRY_SECONDS
                with made.admitted(100):
                    assert made.admitted_bytes == 1000
            assert made.admitted_bytes == 0
            with pytest.raises(ValueError, match="inside"), made.admitted(100):
                raise ValueError("inside")
            assert made.admitted_bytes == 0

    in_loop(work())


def test_what_fails_is_the_answer_of_its_own_requests_and_is_told_to_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    def run(key: str, items: list[Any]) -> list[Any]:
        if key == "bad":
            raise ValueError("canary-7351")
        return items

    async def work() -> None:
        async with batcher(run) as made:
            bad, good = await asyncio.gather(
                collect(made, "bad", list(range(200))), collect(made, "good", [1, 2]), return_exceptions=True
            )
            assert isinstance(bad, ValueError)
            assert good == [1, 2]
            assert await collect(made, "good", [3]) == [3], "the workers go on"
            del bad
            gc.collect()  # an exception that nobody took is told when it is thrown away

    with caplog.at_level(logging.DEBUG):
        in_loop(work())
    assert "canary-7351" not in caplog.text, "the other part's failure was logged, with its message"


def test_a_request_that_is_cancelled_leaves_nothing_to_compute() -> None:
    async def work() -> None:
        gate = Gate()
        with gate.opened_at_the_end():
            async with batcher(gate) as made:
                busy = await gate.all_workers_busy(made)
                gone = asyncio.create_task(collect(made, "gone", ["x", "y"], [5000, 5000]))
                await until(lambda: len(made._waiting) == 2)
                gone.cancel()
                await asyncio.gather(gone, return_exceptions=True)
                gate.open.set()
                await asyncio.gather(*busy)
                assert await collect(made, "next", ["y"]) == ["y"]
        assert "gone" not in [key for key, _ in gate.batches], "its client was gone before it began"

    in_loop(work())


def test_a_reader_that_stops_holds_back_what_is_computed_for_it() -> None:
    async def work() -> None:
        seen: list[int] = []

        def run(_: Any, items: list[int]) -> list[int]:
            seen.extend(items)
            return items

        async with batcher(run) as made:
            parts = made.results("k", list(range(100)), [5000] * 100)
            assert await anext(parts) == [0]
            await asyncio.sleep(0.1)
            assert len(seen) <= PARTS_AHEAD + 1, "the whole request was computed though nobody reads it"
            await parts.aclose()

    in_loop(work())


def test_a_short_request_does_not_wait_for_a_long_one() -> None:
    async def work() -> None:
        order: list[str] = []

        def run(key: str, items: list[Any]) -> list[Any]:
            order.append(key)
            return items

        async with batcher(run) as made:
            long = asyncio.create_task(collect(made, "long", list(range(200)), [5000] * 200))
            await until(lambda: len(order) >= 2)
            at = len(order)
            await collect(made, "short", [1])
            assert "short" in order[at : at + 2 * PARTS_AHEAD + WORKERS], "it waited behind the whole long request"
            await long

    in_loop(work())


def test_a_batch_that_hangs_is_seen_and_the_other_worker_goes_on() -> None:
    async def work() -> None:
        gate = Gate()

        def run(key: str, items: list[Any]) -> list[Any]:
            return gate(key, items) if key == "hangs" else items

        with gate.opened_at_the_end():
            async with batcher(run) as made:
                assert made.longest_seconds() == 0
                hung = asyncio.create_task(collect(made, "hangs", [1]))
                await until(lambda: made.longest_seconds() > 0.05)
                assert await collect(made, "well", [2]) == [2]
                gate.open.set()
                await hung
                assert made.longest_seconds() == 0

    in_loop(work())


def test_every_batch_is_watched() -> None:
    async def work() -> None:
        watched: list[tuple[int, int, float]] = []
        made = Batcher(lambda _, items: items, Limits(), lambda *seen: watched.append(seen))
        await collect(made, "k", list(range(300)))
        await made.close()
        assert sum(items for items, _, _ in watched) == 300
        assert sum(size for _, size, _ in watched) == 300 * 100
        assert all(seconds >= 0 for _, _, seconds in watched)

    in_loop(work())


@pytest.mark.parametrize(("text", "size"), [("", LEAST_BYTES), ("a" * 100, 100), ("ệ" * 100, 300), ("\ud800" * 100, 100)])
def test_cost_is_bytes_and_never_nothing(text: str, size: int) -> None:
    assert cost(text) == size
