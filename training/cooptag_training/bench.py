"""How fast each size is: in turns with its peer in one process, cold, in memory, by length, and as the input grows.

The peer is what one would run instead: `transformers.pipeline` with an XLM-RoBERTa-base classifier in fp32 on the CPU. Its
weights are random, since speed does not depend on them and no hub is needed.
"""

import gc
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from cooptag.cli import run
from cooptag.encoder import cores
from cooptag.errors import UsageError
from cooptag_training.split import evenly

SIZES = ("small", "auto", "nano")
PEER = "transformers.pipeline, XLM-RoBERTa-base"
# Dollars for an hour of one core, as clouds rent them out.
CORE_HOUR = 0.04
LENGTHS = (8, 16, 32, 64, 128, 256)
GROWTH = (1_000, 2_000, 10_000, 20_000, 100_000, 200_000, 500_000, 1_000_000)
# A 25 MB text is tagged for the peak of memory.
LARGE_TEXT = 25_000_000

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")


@app.command()
def bench(
    texts: Annotated[Path | None, typer.Option(help="JSONL of text, real sentences [default: every tenth of the corpus's]")] = None,
    size: Annotated[list[str] | None, typer.Option(help="Models to time [default: small, auto, nano]")] = None,
    rounds: Annotated[int, typer.Option(help="Rounds; each system runs once in each", min=1)] = 5,
    most: Annotated[int, typer.Option(help="Largest number of sentences that growth is timed at")] = 1_000_000,
    large: Annotated[Path | None, typer.Option(help="JSONL of documents whose first 25 MB are tagged for the peak of memory")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "cpu",
    out: Annotated[Path | None, typer.Option(help="Write the figures to this JSON")] = None,
) -> None:
    """Times each size beside its peer and prints the tables of the README.

    Example: [bold]cooptag-bench --texts real.jsonl --out runs/bench.json[/bold]
    """
    from cooptag import Tagger

    sizes = size or list(SIZES)
    sentences = _sentences(texts)
    figures: dict[str, Any] = {"machine": machine(), "sentences": len(sentences), "rounds": rounds, "device": device}
    systems = {PEER: peer(), **{name: Tagger.load(name, device).tag for name in sizes}}
    gc.collect()
    gc.freeze()  # torch and transformers are half a million objects, which a collection in our turn would walk through
    figures["speed"] = turns(systems, sentences, rounds)
    _say(figures["speed"])
    figures["lengths"] = {name: by_length(systems[name], sentences) for name in sizes}
    figures["cold"] = {name: cold(name, sentences[0], rounds) for name in sizes}
    figures["growth"] = {name: growth(systems[name], sentences, most) for name in sizes[-1:]}
    if large is not None:
        figures["memory"] = {name: memory(name, large) for name in sizes}
    print(describe(figures))
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(figures, indent=1) + "\n")


def _say(speed: dict[str, Any]) -> None:
    print(", ".join(f"{name} {row['sentences_per_second']:,.0f}/s" for name, row in speed.items()), file=sys.stderr, flush=True)


def machine() -> str:
    """Processor and cores, in words."""
    try:
        model = next(line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor()
    return f"{model}, {cores()} cores"


def _sentences(file: Path | None) -> list[str]:
    from cooptag_training import areas, corpus, jsonl

    if file is not None:
        return [str(record["text"]) for _, record in jsonl.read(file, "a text on each line", ["text"])]
    labels = {entry.area.id for entry in areas.load(areas.DEFAULT_FILE)}
    articles = corpus.load(corpus.DEFAULT_FOLDER, labels)
    return [s.text for article in articles if article.lang in ("vi", "en") for s in article.sentences][::10]


def peer() -> Callable[[Sequence[str]], Any]:
    """XLM-RoBERTa-base with 37 labels in a `transformers.pipeline`, as its page says to run it."""
    import torch
    from transformers import XLMRobertaConfig, XLMRobertaForSequenceClassification, pipeline

    from cooptag_training import pretrained

    torch.manual_seed(0)
    config = XLMRobertaConfig(vocab_size=250_002, max_position_embeddings=514)
    config.num_labels, config.problem_type = 37, "multi_label_classification"
    tokenizer = pretrained.load("auto")[1]  # the pieces of XLM-RoBERTa
    network = XLMRobertaForSequenceClassification(config).eval()
    classify = pipeline("text-classification", model=network, tokenizer=tokenizer, top_k=None, function_to_apply="sigmoid", device="cpu")
    return lambda texts: classify(list(texts), truncation=True, max_length=256)


# The peer takes a tenth of a second for each: evenly drawn, so many are enough. Ours read at least `TIMED`.
PEER_SENTENCES = 60
TIMED = 4000


def turns(systems: dict[str, Callable[[Sequence[str]], Any]], sentences: Sequence[str], rounds: int) -> dict[str, dict[str, float]]:
    """Sentences a second of each system, the median of rounds in which all take turns, and its ratio to the first's.

    The peer reads an even sample of the sentences; the ratio is taken within each round, and its median given.
    """
    sample = evenly(sentences, PEER_SENTENCES)
    # Different texts, or equal ones would be computed once; so many that the quickest runs for half a second.
    many = [f"{text} {n}." for n in range(-(-TIMED // len(sentences))) for text in sentences]
    first = next(iter(systems))
    speeds: dict[str, list[float]] = {name: [] for name in systems}
    for number in range(rounds + 1):
        for name, tag in systems.items():
            texts = sample if name == first else many
            start = time.perf_counter()
            tag(texts)
            if number:  # the first round warms up
                speeds[name].append(len(texts) / (time.perf_counter() - start))
    ratios = {name: np.median(np.array(own) / np.array(speeds[first])) for name, own in speeds.items()}
    return {
        name: {
            "sentences_per_second": float(np.median(own)), "ratio": float(ratios[name]),
            "dollars_per_million": 1e6 / float(np.median(own)) / 3600 * cores() * CORE_HOUR,
        }
        for name, own in speeds.items()
    }  # fmt: skip


def by_length(tag: Callable[[Sequence[str]], Any], sentences: Sequence[str]) -> dict[int, float]:
    """Sentences a second of texts of so many words."""
    words = " ".join(sentences).split()
    result = {}
    for length in LENGTHS:
        texts = [" ".join(words[(i * 7) % len(words) :][:length]) + f" {i}" for i in range(max(32, 8192 // length))]
        tag(texts[:32])
        start = time.perf_counter()
        tag(texts)
        result[length] = len(texts) / (time.perf_counter() - start)
    return result


def growth(tag: Callable[[Sequence[str]], Any], sentences: Sequence[str], most: int) -> dict[int, float]:
    """Seconds for so many different sentences, the best of two."""
    def distinct(count: int) -> Iterator[str]:
        return (f"{sentences[i % len(sentences)]} {i // len(sentences)}" for i in range(count))

    result = {}
    for count in (n for n in GROWTH if n <= most):
        seconds = []
        for _ in range(2 if count <= 100_000 else 1):
            texts = list(distinct(count))
            start = time.perf_counter()
            tag(texts)
            seconds.append(time.perf_counter() - start)
        result[count] = min(seconds)
    return result


_COLD = """
import sys, time
start = time.perf_counter()
from cooptag import Tagger
Tagger.load(sys.argv[1], device="cpu").tag([sys.argv[2]])
print(time.perf_counter() - start)
"""
# Linux begins a process's ru_maxrss at its parent's; VmHWM is its own.
_MEMORY = """
import re, resource, sys, time
from pathlib import Path
from cooptag import Tagger
text = open(sys.argv[2], encoding="utf8").read()
start = time.perf_counter()
count = sum(1 for _ in Tagger.load(sys.argv[1], device="cpu").stream_article(text))
status = Path("/proc/self/status")
peak = (
    1024 * int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1])
    if status.exists()
    else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
)
print(peak, count, time.perf_counter() - start)
"""


def _fresh(program: str, *arguments: str) -> list[float]:
    """The numbers that a program prints in a fresh Python, which imports this very cooptag."""
    import cooptag

    env = {**os.environ, "PYTHONPATH": str(Path(cooptag.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False, env=env)  # noqa: S603
    if done.returncode:
        raise UsageError(f"a measurement in a fresh Python failed: {done.stderr.strip().splitlines()[-1]}")
    return [float(number) for number in done.stdout.split()]


def cold(model: str, text: str, rounds: int) -> float:
    """Seconds from `import cooptag` to the first tags in a fresh Python, the median."""
    return float(np.median([_fresh(_COLD, model, text)[0] for _ in range(rounds)]))


def memory(model: str, documents: Path) -> dict[str, float]:
    """Peak megabytes, sentences and seconds of tagging a 25 MB text in a fresh Python."""
    from cooptag_training import jsonl

    text = "\n".join(str(record["text"]) for _, record in jsonl.read(documents, "a text on each line", ["text"]))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "text"
        file.write_bytes(text.encode()[:LARGE_TEXT].decode("utf8", "ignore").encode())
        peak, sentences, seconds = _fresh(_MEMORY, model, str(file))
    return {"peak_mb": peak / 1e6, "sentences": sentences, "seconds": seconds}


def describe(figures: dict[str, Any]) -> str:
    """The figures as tables in Markdown."""
    from cooptag_training import metrics

    cold_, memory_ = figures["cold"], figures.get("memory", {})
    rows = [["", "sentences/s", "× peer", "$ a million", "load + first tag", "peak memory, 25 MB text"]]
    for name, row in figures["speed"].items():
        rows.append([
            name, f"{row['sentences_per_second']:,.0f}", f"{row['ratio']:,.0f}", f"{row['dollars_per_million']:.3f}",
            f"{cold_[name]:.2f} s" if name in cold_ else "", f"{memory_[name]['peak_mb']:,.0f} MB" if name in memory_ else "",
        ])  # fmt: skip
    lengths = [["words", *map(str, LENGTHS)]]
    lengths += [[name, *(f"{speed:,.0f}" for speed in curve.values())] for name, curve in figures["lengths"].items()]
    grown = [["sentences", "seconds", "sentences/s"]]
    for curve in figures["growth"].values():
        grown += [[f"{count:,}", f"{seconds:.2f}", f"{count / seconds:,.0f}"] for count, seconds in curve.items()]
    tables = (rows, lengths, grown)
    return f"{figures['machine']}, {figures['device']}\n\n" + "\n\n".join(metrics.markdown(table) for table in tables)


def main() -> None:
    """Entry point of `cooptag-bench`."""
    run(app, "cooptag-bench")
