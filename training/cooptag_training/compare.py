"""Peers side by side: trained on the same rows, thresholds fitted alike, scored on the same sentences, each wrong sentence kept.

A run's predictions are kept in a file, so that any two runs can be asked which sentences flipped between them.
"""

import hashlib
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cooptag import Tagger
from cooptag.artifact import SIZES, write_durably
from cooptag.errors import InputError
from cooptag.tagger import AUTO
from cooptag_training import baselines, calibrate, evaluate, jsonl, metrics, pipeline, plots
from cooptag_training.baselines import Setting
from cooptag_training.dataset import content_hash
from cooptag_training.fit import label_matrix
from cooptag_training.split import Row
from cooptag_training.tracking import Tracker

# Rows of flips that a tracked table shows.
FLIPS_SHOWN = 200


def run(
    setting: Setting, peers: Sequence[str], seeds: Sequence[int], models: Sequence[str], scored: Sequence[Row], out: Path, tracker: Tracker
) -> list[dict[str, Any]]:
    """Trains and scores each peer with each seed, and scores the model folders; kept results of the same making are not made again.

    :param models: folders or names, each a system; several joined by commas are one system's runs with different seeds.
    :returns: one row a system, best first: mean and spread of micro-F1 over its runs, the interval of its first run, macro-F1,
        false positives on sentences without area, sentences a second.
    :raises InputError: if `scored` has labels that the data have not.
    """
    evaluate.check_labels(scored, setting.data.labels)
    out.mkdir(parents=True, exist_ok=True)
    runs = [_model(model, group.split(",")[0], scored, out) for group in models for model in group.split(",")]
    for peer in peers:
        for seed in seeds[:1] if peer in baselines.DETERMINISTIC else seeds:
            own = replace(setting, seed=seed)
            runs.append(_kept(out, f"{peer} {seed}", _making(own, peer, scored), partial(_peer, own, peer, scored)))
            print(_line(runs[-1]), file=sys.stderr, flush=True)
    table = _table(runs)
    write_durably(out / "compare.json", (json.dumps(table, ensure_ascii=False, indent=1) + "\n").encode())
    best, *others = table
    with tracker.run(f"{setting.config.name} compare", {"data_hash": setting.data.digest, "sentences_scored": len(scored)}):
        tracker.table("compare", table)
        tracker.figure("compare", plots.compare(table))
        for row in table:
            tracker.metrics({f"micro_f1 {row['system']}": row["micro_f1"]})
        for row in others[:1]:
            tracker.table("flips", flips(out / f"{best['run']}.jsonl", out / f"{row['run']}.jsonl")[:FLIPS_SHOWN])
    return table


def _making(setting: Setting, peer: str, scored: Sequence[Row]) -> str:
    """What a peer's result depends on, as a digest."""
    parts = [peer, setting.seed, setting.budget, pipeline.data_identity(setting.data), content_hash(scored, []), setting.config.base_model]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _kept(out: Path, name: str, making: str, make: Callable[[], tuple[dict[str, Any], list[dict[str, Any]]]]) -> dict[str, Any]:
    """A run's result from its file if it was made of the same, else made and kept beside its predictions."""
    file = out / f"{_slug(name)}.json"
    if file.is_file():
        kept: dict[str, Any] = json.loads(file.read_text())
        if kept.get("making") == making:
            return kept
    result, predictions = make()
    jsonl.write(out / f"{_slug(name)}.jsonl", predictions)
    result |= {"run": _slug(name), "making": making}
    write_durably(file, json.dumps(result, ensure_ascii=False).encode())
    return result


def _slug(name: str) -> str:
    return "-".join(re.findall(r"\w+", name.lower()))


def _peer(setting: Setting, peer: str, scored: Sequence[Row]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One training of one peer: thresholds on validation, as the released model's, scores on `scored`."""
    labels = setting.data.labels
    start = time.perf_counter()
    predict = baselines.PEERS[peer](setting)
    trained = time.perf_counter() - start
    validation = setting.data.part("validation")
    decoder = calibrate.fit(predict(validation), label_matrix(validation, labels), tuple(labels), single=setting.data.single)
    start = time.perf_counter()
    logits = predict(scored)
    speed = len(scored) / (time.perf_counter() - start)
    scores = decoder.scores(logits)
    made = {"system": peer, "seed": setting.seed, "train_seconds": round(trained), "sentences_per_second": round(speed, 1)}
    return _result(made, labels, scored, scores, decoder.decide(scores))


def _model(model: str, system: str, scored: Sequence[Row], out: Path) -> dict[str, Any]:
    """A model folder as it serves."""
    tagger = Tagger.load(model)
    manifest = tagger.folder.manifest
    evaluate.check_labels(scored, manifest.areas)
    served = evaluate.Served(tagger, scored)
    system = {**SIZES, AUTO: "cooptag-auto"}.get(system, system)
    made = {"system": system, "seed": "", "sentences_per_second": round(_speed(tagger, scored), 1)}
    result, predictions = _result(made, manifest.areas, scored, served.scores, served.areas)
    name = _slug(model)
    jsonl.write(out / f"{name}.jsonl", predictions)
    print(_line(result), file=sys.stderr, flush=True)
    return {**result, "run": name}


def _speed(tagger: Tagger, rows: Sequence[Row]) -> float:
    """Sentences a second, the median of five rounds after all that loads at first use is loaded."""
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        tagger.tag([row.text for row in rows])
        seconds.append(time.perf_counter() - start)
    return len(rows) / float(np.median(seconds))


def _result(
    made: dict[str, Any], labels: Sequence[str], rows: Sequence[Row], scores: metrics.Floats, predicted: metrics.Bools
) -> tuple[dict[str, Any], list[dict[str, Any]]]:  # fmt: skip
    gold = label_matrix(rows, labels)
    report = metrics.report(gold, scores, predicted, labels, [row.lang for row in rows])
    result = {**made, **metrics.headline(report), "ece": report["ece"]}
    predictions = [
        {
            "text": row.text,
            "lang": row.lang,
            "gold": list(row.labels),
            "predicted": [label for label, set_ in zip(labels, predicted[n], strict=True) if set_],
        }
        for n, row in enumerate(rows)
    ]
    return result, predictions


def _table(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a system: the mean of its runs, their spread, the first run's interval and file."""
    by_system: dict[str, list[dict[str, Any]]] = {}
    for result in runs:
        by_system.setdefault(result["system"], []).append(result)
    rows = []
    for system, members in by_system.items():
        numbers = {k: float(np.mean([m[k] for m in members])) for k, v in members[0].items() if isinstance(v, float)}
        spread = float(np.std([m["micro_f1"] for m in members], ddof=1)) if len(members) > 1 else 0.0
        first = {key: members[0][key] for key in ("low", "high", "run")}
        rows.append({"system": system, "runs": len(members), **numbers, "spread": spread, **first})
    return sorted(rows, key=lambda row: -row["micro_f1"])


def flips(first: Path, second: Path) -> list[dict[str, Any]]:
    """The sentences that two runs tag otherwise, those with most changed areas first: what the second gained and lost against the first.

    :raises InputError: if a file is no run's predictions, or they are of different sentences.
    """
    rows = [_predictions(file) for file in (first, second)]
    if [row["text"] for row in rows[0]] != [row["text"] for row in rows[1]]:
        raise InputError(f"{first} and {second} are of different sentences; compare runs that were scored on the same file")
    found = []
    for a, b in zip(*rows, strict=True):
        gold, before, after = set(a["gold"]), set(a["predicted"]), set(b["predicted"])
        mended, broken = sorted((before ^ gold) - (after ^ gold)), sorted((after ^ gold) - (before ^ gold))
        if mended or broken:
            found.append(
                {
                    "lang": a["lang"],
                    "mended": ", ".join(mended),
                    "broken": ", ".join(broken),
                    "gold": ", ".join(sorted(gold)),
                    "text": a["text"],
                }
            )
    return sorted(found, key=lambda row: -(row["mended"].count(",") + row["broken"].count(",")))


def _predictions(file: Path) -> list[dict[str, Any]]:
    expected = "predictions of a run: a .jsonl that `cooptag-train compare` wrote"
    return [row for _, row in jsonl.read(file, expected, ("text", "gold", "predicted"))]


def _line(result: dict[str, Any]) -> str:
    return (
        f"{result['system']} {result['seed']}: micro-F1 {result['micro_f1']:.3f}, {result['sentences_per_second']:.0f} sentences a second"
    )


def describe(table: Sequence[dict[str, Any]]) -> str:
    """The comparison as a table in Markdown."""
    langs = sorted({key for row in table for key in row if key.startswith("f1_")})
    head = [
        "system",
        "runs",
        "micro-F1",
        "95 %",
        "± seeds",
        "macro-F1",
        *(lang.removeprefix("f1_") for lang in langs),
        "none tagged",
        "sentences/s",
    ]
    lines = [head]
    for r in table:
        lines.append([
            r["system"], str(r["runs"]), f"{r['micro_f1']:.3f}", f"{r['low']:.3f} to {r['high']:.3f}", f"{r['spread']:.3f}",
            f"{r['macro_f1']:.3f}", *(f"{r[lang]:.3f}" for lang in langs), f"{r['none_false_positive_rate']:.0%}",
            f"{r['sentences_per_second']:,.0f}",
        ])  # fmt: skip
    return metrics.markdown(lines)
