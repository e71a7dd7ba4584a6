"""A job from its start to `_SUCCESS`: lock, plan, engine, summary. Stopped anywhere and started again, it goes on.

In the folder of a job: `_job.json` (what it is of), `part-*` and `_parts/*` (rows, and the record that vouches for them),
`_rejected.jsonl`, `summary.json`, and at the very end `_SUCCESS`.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cooptag import artifact
from cooptag.errors import InputError, UsageError
from cooptag.jobs import drift, local, plan, ray_engine, readers
from cooptag.jobs.part import RECORDS, Worker, committed, digest, gazetteer, record_file
from cooptag.jobs.plan import Engine, Job, Options, Part
from cooptag.jobs.stats import SCORE_UNIT, Stats
from cooptag.tagger import AUTO, AUTO_MODELS, choices, decoder_at

JOB, SUMMARY, REJECTED, SUCCESS, LOCK = "_job.json", "summary.json", "_rejected.jsonl", "_SUCCESS", "_lock"
ENGINES = ("local", "ray")
# Names of `artifact.scratch_name`.
_LEFT_BEHIND = ".*.????????.tmp"


@dataclass(frozen=True)
class Outcome:
    """How a run ended: the summary, or None with the parts that `failed` and why; `written` of the `parts` in this run.

    `before`: the job was done, and nothing had to be.
    """

    summary: dict[str, Any] | None
    failed: list[str]
    parts: int
    written: int
    before: bool = False


def run(
    inputs: Sequence[str], out: Path, options: Options, model: str | None = None, device: str = "auto", engine: Engine = Engine(),  # noqa: B008
    restart: bool = False, on_event: Callable[[str, Any], None] = lambda kind, value: None,
) -> Outcome:  # fmt: skip
    """Tags files and folders into `out`, going on where an earlier run of the same job stopped.

    :param on_event: called with ("read", (files, bytes)), ("plan", (parts, their bytes, parts to do, their bytes)), then with the
        engine's events (`local.run`), at last with ("finish", None).
    :raises UsageError: if an option is wrong, another job is at work in `out`, or `out` holds a job of other input, model or options.
    :raises InputError: if an input cannot be what it should be, before anything is written.
    :raises ModelError: if the model folder is bad. :raises OSError: if `out` cannot be written.
    """
    plan.check(options)
    if engine.name not in ENGINES:
        raise UsageError(f"--engine is {engine.name!r}; expected one of {', '.join(ENGINES)}")
    sources, passed_over = readers.find(inputs, out)
    if not sources:
        raise InputError(f"{', '.join(inputs)}: holds no file to tag; expected {', '.join(readers.SUFFIXES)}, plain, .gz or .zst")
    folders = _folders(model)
    for folder in folders:
        _check_thresholds(folder.manifest, options)
    with _locked(out):
        on_event("read", (len(sources), sum(source.size for source in sources)))
        names = gazetteer()
        job = Job(out, tuple(sources), plan.hashed(sources), model, digest(*folders), names.version if names else "", options, device)
        if not restart and _is_done(job):
            return Outcome(json.loads((out / SUMMARY).read_bytes()), [], 0, 0, before=True)
        parts = plan.cut(job.sources, options)
        _begin(job, restart)
        todo = [part for part in parts if committed(job, part.number) is None]
        on_event("plan", (len(parts), sum(p.size for p in parts), len(todo), sum(p.size for p in todo)))
        failed = _write(job, todo, engine, on_event)
        if failed:
            return Outcome(None, failed, len(parts), len(todo) - len(failed))
        on_event("finish", None)
        summary = _finish(job, parts, folders[0], passed_over)
    return Outcome(summary, [], len(parts), len(todo))


def _folders(model: str | None) -> list[artifact.ModelFolder]:
    """The model's folder, or the two of "auto", checked as when they are loaded to tag; without the networks."""
    return [replace(artifact.load(artifact.find(name)), model=b"") for name in (AUTO_MODELS if model == AUTO else (model,))]


def _check_thresholds(manifest: artifact.Manifest, options: Options) -> None:
    """:raises UsageError: if the goal or a threshold is none of the model's: said here, before a worker would say it."""
    decoder = manifest.decoder()
    for choice in choices(options.goal, options.thresholds):
        decoder = decoder_at(manifest, decoder, *choice)


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Nobody else writes in the folder meanwhile. The lock is the system's: it goes with the process, however that ends."""
    from filelock import FileLock, Timeout

    out.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(out / LOCK, timeout=0):
            yield
    except Timeout as error:
        raise UsageError(f"{out}: another job is at work there; wait for it, or name another --out") from error


def _is_done(job: Job) -> bool:
    """Whether the folder holds this very job, finished.

    :raises UsageError: if it holds another.
    """
    if (job.out / SUCCESS).exists():
        _check_same(job)
        return True
    return False


def _begin(job: Job, restart: bool) -> None:
    """Readies the folder.

    :raises UsageError: if it holds something else.
    """
    out, file = job.out, job.out / JOB
    begun = (out / SUCCESS).exists() or any((out / RECORDS).glob("*.json"))
    if begun and not restart:
        _check_same(job)
    elif not (begun or file.exists()) and (foreign := _foreign(out)):
        raise UsageError(f"{out}: holds {foreign[0]} and no job; name a new or empty folder with --out")
    else:  # nothing that is there would be missed
        _clear(out)
        artifact.write_durably(file, (json.dumps(job.identity(), ensure_ascii=False, indent=1) + "\n").encode("utf8"))
    (out / RECORDS).mkdir(exist_ok=True)
    _sweep(out)


def _foreign(out: Path) -> list[str]:
    """What lies in a folder that no job was begun in, but its lock and what a run that was killed left at once."""
    return sorted(path.name for path in out.iterdir() if path.name != LOCK and not path.match(_LEFT_BEHIND))


def _sweep(out: Path) -> None:
    """Removes what was half written by a process that was killed."""
    for left in (*out.glob(_LEFT_BEHIND), *(out / RECORDS).glob(_LEFT_BEHIND)):
        left.unlink()


def _check_same(job: Job) -> None:
    file = job.out / JOB
    try:
        reasons = plan.differences(json.loads(file.read_bytes()), job.identity())
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{file}: is not the record of a job; name another --out, or add --restart to drop what is there") from error
    if reasons:
        raise UsageError(f"{job.out}: holds another job, different in {reasons}; name another --out, or add --restart to drop that job")


def _clear(out: Path) -> None:
    """Removes what jobs write, and nothing else."""
    for name in (SUCCESS, SUMMARY, REJECTED, "report.html"):
        (out / name).unlink(missing_ok=True)
    for file in out.glob("part-*.*"):
        if file.suffix[1:] in plan.FORMATS:
            file.unlink()
    shutil.rmtree(out / RECORDS, ignore_errors=True)
    (out / JOB).unlink(missing_ok=True)


def _write(job: Job, todo: list[Part], engine: Engine, on_event: Callable[[str, Any], None]) -> list[str]:
    """Has the parts written; returns why some were not."""
    failed = []
    write = ray_engine.run if engine.name == "ray" else local.run
    events = write(job, todo, engine)
    try:
        for kind, value in events:
            on_event(kind, value)
            if kind == "failed":
                failed.append(value)
    finally:
        events.close()
        _sweep(job.out)
    return failed


def _finish(job: Job, parts: Sequence[Part], folder: artifact.ModelFolder, passed_over: int) -> dict[str, Any]:
    """Adds up the parts and commits the job."""
    stats = Stats()
    scratch = artifact.scratch_name(job.out / REJECTED)
    try:
        with scratch.open("w", encoding="utf8", newline="\n") as rejected:
            for part in parts:
                record = json.loads(record_file(job, part.number).read_bytes())
                stats.add(Stats.from_dict(record["stats"]))
                rejected.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in record["rejected"])
        artifact.commit(scratch, job.out / REJECTED)
    finally:
        scratch.unlink(missing_ok=True)
    summary = _summary(job, stats, len(parts), folder, passed_over)
    raw = (json.dumps(summary, ensure_ascii=False, indent=1) + "\n").encode("utf8", "replace")
    artifact.write_durably(job.out / SUMMARY, raw)
    artifact.write_durably(job.out / SUCCESS, f"{job.digest}\n".encode())
    return summary


def _summary(job: Job, stats: Stats, parts: int, folder: artifact.ModelFolder, passed_over: int) -> dict[str, Any]:
    """What the report is made of (`cooptag.report`), as JSON values in an order that does not depend on the parts'."""
    identity = job.identity()
    areas = folder.manifest.areas
    own_thresholds = job.options.goal in (None, folder.manifest.goal) and not job.options.thresholds
    known = folder.manifest.reference
    return {
        "cooptag": identity["versions"]["cooptag"],
        "model": {"name": job.model or artifact.DEFAULT_MODEL, "digest": job.model_digest},
        "areas_known": [{"id": area.id, "pillar": area.pillar, "names": area.names} for area in folder.areas],
        "options": identity["options"],
        "input": {"files": len(job.sources), "bytes": sum(s.size for s in job.sources), "digest": job.digest, "passed_over": passed_over},
        "parts": parts,
        "counts": dict(sorted(stats.counts.items())),
        "rejected": dict(sorted(stats.rejected.items())),
        "encodings": _by_count(stats.encodings),
        "languages": _by_count(stats.languages),
        "unsupported": _by_count(stats.unsupported),
        "areas": {area: _area(stats.areas[area]) for area in areas if area in stats.areas},
        "pairs": [[*pair, count] for pair, count in sorted(stats.pairs.items(), key=lambda item: (-item[1], item[0]))],
        "periods": {key: _group(group, areas) for key, group in sorted(stats.periods.items())},
        "parties": _parties(stats, areas),
        "examples": _explained(job, stats, areas),
        "uncertain": [row for _, row in stats.uncertain],
        "drift": drift.compare(stats, known, areas, own_thresholds) if known else None,
    }


def _by_count(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _area(counted: list[int]) -> dict[str, Any]:
    sentences, documents, scores = counted
    return {"sentences": sentences, "documents": documents, "score": round(scores / SCORE_UNIT / max(sentences, 1), 4)}


def _group(group: Any, areas: Sequence[str]) -> dict[str, Any]:
    named = {area: group.areas[area] for area in areas if group.areas[area]}
    return {"documents": group.documents, "sentences": group.sentences, "areas": named}


def _parties(stats: Stats, areas: Sequence[str]) -> dict[str, Any] | None:
    names = gazetteer()
    if names is None:
        return None
    most = sorted(stats.parties.items(), key=lambda item: (-item[1].sentences, item[0]))
    return {
        id: {
            "name": {lang: names.name(id, lang) for lang in ("en", "vi")}, "kind": names.kind(id),
            "sentences": group.sentences, "areas": _group(group, areas)["areas"],
        }
        for id, group in most
    }  # fmt: skip


def _explained(job: Job, stats: Stats, areas: Sequence[str]) -> dict[str, Any]:
    """The sample of each area, with the score and the words that carried it."""
    tagger = Worker.load(job).tagger if stats.examples else None
    examples = {}
    for area in areas:
        rows = [row for _, row in stats.examples.get(area, [])]
        tagged = tagger.tag([row["text"] for row in rows], job.options.lang, explain=True) if tagger else []
        words = [{a.id: [[e.start, e.end] for e in a.evidence or ()] for a in sentence.areas}.get(area, []) for sentence in tagged]
        examples[area] = [
            {**{key: row[key] for key in ("id", "sentence", "text", "lang")}, "score": _score(row, area), "evidence": evidence}
            for row, evidence in zip(rows, words, strict=True)
        ]
    return {area: rows for area, rows in examples.items() if rows}


def _score(row: dict[str, Any], area: str) -> float:
    return float(next(a["score"] for a in row["areas"] if a["id"] == area))
