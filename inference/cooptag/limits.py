"""What the server takes at most. One record, so that `/info` publishes what is enforced."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from cooptag.errors import UsageError


@dataclass(frozen=True)
class Limits:
    """Work is reckoned in bytes of UTF-8: a token of the model is four to five of them in every script, so that bytes
    tell the time that a text will take better than sentences or characters do.

    `body_bytes`: of a request to tag. `sentences`, `characters`: of one request. `batch_sentences`, `batch_bytes`: what
    the model is given at once. `queue_bytes`: work that is admitted and not done; beyond it a request is refused at once.
    Where that is one batch, an admitted request is answered within the time of a full batch, whatever is asked besides.
    `request_bytes`: how much of a long request is in the queue at a time, so that short ones are not kept waiting.
    `deadline_seconds`: from a request's head to the end of its answer. `head_seconds`: for the head itself.
    `stall_seconds`: how long a client may leave its answer unread. `reading_bytes`: bodies that are being received.
    `documents`, `document_bytes`, `document_seconds`: files whose text is being extracted, their size and time.
    `grace_seconds`: for requests under way once the server was told to stop.
    """

    body_bytes: int = 2_000_000
    sentences: int = 1_000
    characters: int = 200_000
    batch_sentences: int = 512
    batch_bytes: int = 49_152
    queue_bytes: int = 49_152
    request_bytes: int = 8_192
    deadline_seconds: float = 30.0
    head_seconds: float = 10.0
    stall_seconds: float = 10.0
    connections: int = 1_000
    reading_bytes: int = 32_000_000
    documents: int = 2
    document_bytes: int = 10_000_000
    document_seconds: float = 20.0
    grace_seconds: float = 25.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 < value < math.inf:
                raise UsageError(f"{name} is {value!r}; expected a number above 0")
        if self.queue_bytes < self.request_bytes:
            raise UsageError(f"queue_bytes is {self.queue_bytes}; expected at least request_bytes, {self.request_bytes}")
        if self.reading_bytes < (largest := max(self.body_bytes, self.document_bytes)):
            raise UsageError(f"reading_bytes is {self.reading_bytes}; expected at least body_bytes and document_bytes, {largest}")


def with_options(options: Iterable[str]) -> Limits:
    """The limits with some of them written as "name=value".

    :raises UsageError: for an unknown name, or a value that is no number above 0 (a whole one where the limit is).
    """
    defaults = asdict(Limits())
    chosen: dict[str, float] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if name not in defaults or not equals:
            raise UsageError(f"--limit is {option!r}; expected name=value, the name one of {', '.join(defaults)}")
        try:
            chosen[name] = type(defaults[name])(value)
        except ValueError as error:
            raise UsageError(f"--limit is {option!r}; expected {defaults[name]!r} or another such number") from error
    return Limits(**chosen)  # type: ignore[arg-type]  # each of its own type
