"""The benchmark measures what it says, in turns, and its tables hold what it measured."""

from pathlib import Path

import pytest

from cooptag_training import bench


def test_systems_take_turns_and_ratios_are_to_the_first() -> None:
    calls: list[str] = []

    def system(name: str):  # type: ignore[no-untyped-def]
        return lambda texts: calls.extend([name] * len(texts))

    result = bench.turns({"peer": system("peer"), "ours": system("ours")}, [f"sentence {n}" for n in range(500)], rounds=2)
    assert calls[: bench.PEER_SENTENCES + 1] == ["peer"] * bench.PEER_SENTENCES + ["ours"]
    assert calls.count("peer") == 3 * bench.PEER_SENTENCES and calls.count("ours") == 3 * bench.TIMED
    assert result["peer"]["ratio"] == 1 and result["ours"]["sentences_per_second"] > 0


def test_growth_reads_different_sentences_up_to_the_most_asked() -> None:
    seen: list[int] = []
    result = bench.growth(lambda texts: seen.append(len(set(texts))), ["a", "b", "c"], 2000)
    assert list(result) == [1000, 2000] and seen == [1000, 1000, 2000, 2000]


def test_a_fresh_python_is_timed_and_its_failure_said(tiny_model: Path) -> None:
    assert 0 < bench.cold(str(tiny_model), "climate", 1) < 60
    with pytest.raises(bench.UsageError, match=r"failed: .*no model 'nowhere'"):
        bench.cold("nowhere", "climate", 1)


def test_memory_is_of_the_whole_text(tiny_model: Path, tmp_path: Path) -> None:
    documents = tmp_path / "documents.jsonl"
    documents.write_text('{"text": "The climate. The trade."}\n' * 50)
    measured = bench.memory(str(tiny_model), documents)
    assert measured["sentences"] == 100 and 20 < measured["peak_mb"] < 2000


def test_the_tables_hold_what_was_measured() -> None:
    figures = {
        "machine": "a machine, 2 cores", "device": "cpu",
        "speed": {"peer": {"sentences_per_second": 10.0, "ratio": 1.0, "dollars_per_million": 2.2},
                  "nano": {"sentences_per_second": 6543.0, "ratio": 654.3, "dollars_per_million": 0.003}},
        "lengths": {"nano": dict.fromkeys(bench.LENGTHS, 5.0)}, "cold": {"nano": 0.42}, "growth": {"nano": {1000: 0.5}},
        "memory": {"nano": {"peak_mb": 321.0}},
    }  # fmt: skip
    text = bench.describe(figures)
    assert all(part in text for part in ("a machine, 2 cores", "6,543", "654", "0.42 s", "321 MB", "2,000"))
