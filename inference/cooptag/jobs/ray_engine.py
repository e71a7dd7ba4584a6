"""The Ray engine: the same parts, written by actors of Ray Data, from a laptop to a cluster that shares the job's folders.

Ray schedules, restarts actors that die, and hands their parts to others; what is committed, and when, stays `part.py`'s.
"""

import json
import logging
import os
import signal
import socket
import warnings
from collections.abc import Generator, Sequence
from typing import Any

from cooptag.errors import UsageError
from cooptag.jobs.local import Event, Failed, Watch, raised, told
from cooptag.jobs.part import Worker
from cooptag.jobs.plan import Engine, Job, Part


class Writer:
    """An actor: loads the model once, writes the parts that it is given."""

    def __init__(self, job: str, threads: int, patience: float) -> None:
        self.job, self.threads, self.patience = job, threads, patience
        self.worker: Worker | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """The records of a batch of parts, as JSON. What no retry will mend comes back as an error, for the job to stop by."""
        return {"answer": [json.dumps(self._answer(Part.from_json(line))) for line in batch["part"]]}

    def _answer(self, part: Part) -> dict[str, Any]:
        watch = Watch(self.patience, lambda: os._exit(1))  # Ray starts another process
        try:
            self.worker = self.worker or Worker.load(Job.from_json(self.job), self.threads)
            return {"record": self.worker.run(part, lambda _: watch.seen())}
        except Exception as error:
            self.worker = None  # its open files stand anywhere
            return {**told(error), "part": part.number}
        finally:
            watch.cancel()


def run(job: Job, parts: Sequence[Part], engine: Engine) -> Generator[Event, None, None]:
    """`local.run` on Ray Data actors: on the cluster at `engine.address`, else on this machine's cores.

    :raises UsageError: if Ray is not installed, or there is no cluster at the address.
    """
    if not parts:
        return
    ray, began = _connect(engine)
    lost = {part.number for part in parts}
    try:
        for row in _written(ray, job, parts, engine).iter_rows():
            answer = json.loads(row["answer"])
            if "error" in answer:
                error = raised(answer)
                if not isinstance(error, Failed):
                    raise error
                lost.discard(answer["part"])
                yield "failed", f"part {answer['part']}: {error}"
            else:
                lost.discard(answer["record"]["part"])
                yield "sign", answer["record"]["rows"]
                yield "done", answer["record"]
        yield from (("failed", f"part {number}: its actor died every time") for number in sorted(lost))
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[-1][:200] or type(error).__name__
        raise UsageError(f"--engine ray: {reason}; every node needs this cooptag, and the input and --out under the same path") from error
    finally:
        if began:
            ray.shutdown()


def _written(ray: Any, job: Job, parts: Sequence[Part], engine: Engine) -> Any:
    """The dataset of answers, each from an actor that wrote a part."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.max_errored_blocks = -1  # a part that kills every actor costs itself, not the job
    workers, threads = _share(ray, job, parts, engine)
    actors = ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=1)
    planned = ray.data.from_items([{"part": json.dumps(part)} for part in parts], override_num_blocks=len(parts))
    with warnings.catch_warnings():
        # Without a number Ray tries for ever; the parameter that is to take its place is not there yet (2.60).
        warnings.simplefilter("ignore", DeprecationWarning)
        return planned.map_batches(
            Writer, batch_size=1, compute=actors, num_cpus=threads, num_gpus=int(job.device == "cuda"),
            fn_constructor_args=(job.to_json(), threads, engine.patience), max_task_retries=engine.retries,
        )  # fmt: skip


def _share(ray: Any, job: Job, parts: Sequence[Part], engine: Engine) -> tuple[int, int]:
    """`local.share` of all the cluster's cores: two to an actor, so that it fits on any node."""
    threads = engine.threads or 2
    whole = ray.cluster_resources()
    most = int(whole.get("GPU", 1) if job.device == "cuda" else whole.get("CPU", 1) // threads)
    return max(1, min(engine.workers or most, len(parts))), min(threads, int(whole.get("CPU", 1)))


def _connect(engine: Engine) -> tuple[Any, bool]:
    """Ray, and whether it was started here."""
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what goes wrong comes back as an exception
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise UsageError("--engine ray needs Ray; run `pip install 'cooptag[ray]'`, or leave --engine away") from error
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    if ray.is_initialized():
        return ray, False
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if engine.address is None:
        options["include_dashboard"] = False
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        _ring(engine.address)
        ray.init(address=engine.address, **options)
        signal.signal(signal.SIGTERM, on_sigterm)  # Ray puts its own in place, with another exit code
    except (OSError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UsageError(f"--ray-address is {engine.address!r}: no Ray cluster answers there ({reason})") from error
    return ray, True


def _ring(address: str | None) -> None:
    """:raises OSError: if nothing answers at a host and port, which Ray itself takes minutes to say."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
