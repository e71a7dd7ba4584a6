"""How far a job is: a bar on a terminal, elsewhere a line of JSON now and then."""

import json
import sys
import time
from typing import Any, Self

from cooptag.text import clean_for_terminal


class Progress:
    """Takes a job's events (`job.run`) and shows them on standard error.

    :param every: seconds between two lines where that is no terminal. The time left is reckoned from the bytes of the
        input that are done, at the rate of this run.
    """

    def __init__(self, every: float = 30.0) -> None:
        self.every = every
        self.began = self.last = time.monotonic()
        self.parts = self.done = self.sentences = self.bytes = self.bytes_todo = 0
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            shown = [TextColumn(said) for said in ("[bold]{task.description}", "{task.percentage:>3.0f} %", "{task.fields[said]}")]
            self.bar = Bar(shown[0], BarColumn(), *shown[1:], TimeRemainingColumn(), console=Console(stderr=True))
            self.task = self.bar.add_task("reading", total=None, said="")
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar:
            self.bar.stop()

    def event(self, kind: str, value: Any) -> None:
        """Shows what happened."""
        if kind == "read":
            self._log("reading", {"files": value[0], "bytes": value[1]})
        elif kind == "plan":
            self.parts, total, todo, self.bytes_todo = value
            self.done = self.parts - todo
            self._log("plan", {"parts": self.parts, "bytes": total, "parts_done": self.done})
        elif kind == "sign":
            self.sentences += value
        elif kind == "done":
            self.done += 1
            self.bytes += value["size"]
        elif kind == "retry":  # what failed for good is said at the end
            self._say(value)
        self._show({"read": "reading", "finish": "adding up"}.get(kind, "tagging"))

    @property
    def seconds(self) -> float:
        """Since the job began, at least a millisecond."""
        return max(time.monotonic() - self.began, 1e-3)

    def _show(self, stage: str) -> None:
        rate = self.sentences / self.seconds
        if self.bar:
            said = f"part {self.done} of {self.parts}, {self.sentences:,} sentences, {rate:,.0f}/s"
            self.bar.update(self.task, description=stage, total=self.bytes_todo or None, completed=self.bytes, said=said)
        elif time.monotonic() - self.last >= self.every:
            left = (self.bytes_todo - self.bytes) * self.seconds / self.bytes if self.bytes else None
            self._log(stage, {
                "parts_done": self.done, "parts": self.parts, "sentences": self.sentences, "sentences_per_second": round(rate, 1),
                "seconds_left": left and round(left),
            })  # fmt: skip

    def _say(self, message: str) -> None:
        if self.bar:
            self.bar.console.print(clean_for_terminal(message), markup=False, style="yellow")
        else:
            self._log("warning", {"message": message})

    def _log(self, event: str, fields: dict[str, Any]) -> None:
        if not self.bar:
            self.last = time.monotonic()
            print(json.dumps({"event": event, "seconds": round(self.seconds, 1), **fields}), file=sys.stderr, flush=True)
