"""Texts to logits: what runs, how often, and in what company."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cooptag import Tagger, encoder
from cooptag.encoder import Encoder
from cooptag.errors import ModelError


@pytest.fixture
def tiny(tiny_model: Path) -> Encoder:
    return Tagger.load(tiny_model).encoder


class Recorded:
    """Stands for the runtime: what it was given, and how many rows it can hold."""

    def __init__(self, session: Any, most_rows: int = 10_000, reason: str = "") -> None:
        self.session, self.most_rows, self.reason = session, most_rows, reason
        self.shapes: list[tuple[int, int]] = []

    def run(self, outputs: list[str], feed: dict[str, np.ndarray]) -> Any:
        self.shapes.append(feed["input_ids"].shape)
        if len(feed["input_ids"]) > self.most_rows:
            raise RuntimeError(self.reason)
        return self.session.run(outputs, feed)


def recorded(tiny: Encoder, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Recorded:
    session = Recorded(tiny._session, **options)
    monkeypatch.setattr(tiny, "_session", session)
    return session


def test_equal_texts_are_computed_once(tiny: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    session = recorded(tiny, monkeypatch)
    texts = ["climate", "the energy", "climate"] * 50
    logits = np.concatenate([found for found, _ in tiny.stream([texts, texts])])
    assert sum(rows for rows, _ in session.shapes) == 2
    np.testing.assert_array_equal(logits, np.tile(tiny.logits(["climate", "the energy", "climate"])[0], (100, 1)))


def test_what_is_remembered_is_bounded(tiny: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "REMEMBERED", 1)
    session = recorded(tiny, monkeypatch)
    list(tiny.stream([["climate", "energy"]] * 3))
    assert sum(rows for rows, _ in session.shapes) == 6


def test_a_stream_gives_each_chunk_in_order_and_reads_little_ahead(tiny: Encoder) -> None:
    chunks = [["climate"], [], ["energy", "the"], ["trade"] * 3, ["x"], ["climate trade"], ["y"]]
    asked = []

    def source() -> Iterator[Sequence[str]]:
        for chunk in chunks:
            asked.append(chunk)
            yield chunk

    for i, (logits, truncated) in enumerate(tiny.stream(source())):
        np.testing.assert_array_equal(logits, tiny.logits(chunks[i])[0])
        assert len(truncated) == len(chunks[i])
        assert len(asked) <= i + 1 + encoder.AHEAD
    assert len(asked) == len(chunks)


def test_a_text_is_padded_alike_alone_and_among_others(tiny: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    session = recorded(tiny, monkeypatch)
    texts = ["the " * n for n in range(1, 20)]
    together = tiny.logits(texts)[0]
    widths = {width for _, width in session.shapes}
    assert all(width % encoder.WIDTH_STEP == 0 for width in widths)
    session.shapes.clear()
    np.testing.assert_array_equal(together, np.concatenate([tiny.logits([text])[0] for text in texts]))
    assert {width for _, width in session.shapes} == widths


def test_no_batch_is_larger_than_asked(tiny: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    session = recorded(tiny, monkeypatch)
    tiny.batch_tokens = 64
    tiny.logits([f"the {'on ' * (n % 9)}{n}" for n in range(200)])
    assert len(session.shapes) > 10 and all(rows == 1 or rows * width <= 64 for rows, width in session.shapes)


@pytest.mark.parametrize("reason", ["CUDA failure 2: out of memory", "Failed to allocate memory for requested buffer"])
def test_out_of_memory_halves_the_batch_and_loses_nothing(tiny: Encoder, monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    texts = [f"the climate {n}" for n in range(40)]
    expected = tiny.logits(texts)[0]
    session = recorded(tiny, monkeypatch, most_rows=6, reason=reason)
    before = tiny.batch_tokens
    np.testing.assert_array_equal(tiny.logits(texts)[0], expected)
    assert tiny.batch_tokens < before and max(rows for rows, _ in session.shapes) == 40


def test_out_of_memory_for_one_text_is_said(tiny: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(tiny, monkeypatch, most_rows=0, reason="out of memory")
    with pytest.raises(ModelError, match="does not run"):
        tiny.logits(["one", "two"])


def test_a_failure_in_the_pool_reaches_the_caller(tiny: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(tiny, monkeypatch, most_rows=0, reason="broken node")
    with pytest.raises(ModelError, match="broken node"):
        list(tiny.stream([["one"], ["two"]]))


def test_who_stops_reading_does_not_wait_for_what_was_read_ahead(tiny: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    session = recorded(tiny, monkeypatch)
    run = session.run

    def slowly(*arguments: Any) -> Any:
        time.sleep(0.005)
        return run(*arguments)

    monkeypatch.setattr(session, "run", slowly)
    tiny.batch_tokens = 8  # a batch a text
    stream = tiny.stream([[f"the {i} {n}" for n in range(100)] for i in range(4)])
    next(stream)
    stream.close()
    tiny.logits(["after"])  # queued behind whatever is left
    assert len(session.shapes) < 300
