"""Texts to logits: the only file that imports the runtime (onnxruntime, tokenizers)."""

import os
import re
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cooptag.artifact import ModelFolder
from cooptag.errors import ModelError, UsageError
from cooptag.gpu import in_floats

# The tokenizer reads the whole text before it truncates (1 M characters: 2 s, 235 MB), so characters are cut first.
# Pieces of the supported languages average 2 to 4 characters; 16 per piece never cuts text that the window would hold.
CHARS_PER_TOKEN = 16
# Padded tokens in one run. On a CPU each core runs batches of its own, small enough for its cache; a GPU wants large ones.
BATCH_TOKENS = {"cpu": 512, "cuda": 32_768}
# Texts are padded to a multiple of so many tokens.
WIDTH_STEP = 4
# Texts whose logits are kept while a stream of chunks is read: what an archive repeats is computed once.
REMEMBERED = 20_000
# Chunks that are under way while the caller makes the next one.
AHEAD = 2
DEVICES = ("auto", "cpu", "cuda")
CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
# Logits (n, A); what each token adds to them (n, t, A); the mean vector of each text (n, H).
OUTPUTS = ("logits", "contributions", "vectors")
_OUT_OF_MEMORY = re.compile(r"out of memory|failed to allocate|CUDA failure 2\b|bad_alloc", re.I)
# A tensor kept in another file names it under this key; no graph that `cooptag-train export` writes holds the word.
_EXTERNAL_DATA = b"location"


@dataclass(frozen=True)
class Reading:
    """How the network reads one text: what each of its t tokens adds to each logit (t, A), where the tokens stand in
    the text as (start, end) in code points (t,), and the text's mean vector (H,)."""

    contributions: npt.NDArray[np.float32]
    offsets: list[tuple[int, int]]
    vector: npt.NDArray[np.float32]


class Encoder:
    """A model folder's network and tokenizer, ready to run on `device` ("auto", "cpu" or "cuda").

    :raises UsageError: if `device` is unknown, or "cuda" is asked for where it cannot be had.
    :raises ModelError: if the network or the tokenizer does not load, or does not fit the manifest.
    """

    def __init__(self, folder: ModelFolder, device: str = "auto", threads: int | None = None) -> None:
        self.max_length = folder.manifest.max_length
        self.prefix = folder.manifest.prefix
        self.n_areas = len(folder.manifest.areas)
        self._tokenizer = _load_tokenizer(folder)
        threads = threads or _threads_asked()
        self._session = _start(folder, device)
        self.device = "cuda" if CUDA in self._session.get_providers() else "cpu"
        self._check_signature(folder)
        self._path = folder.path
        self.batch_tokens = BATCH_TOKENS[self.device]
        # Each core runs batches of its own: less waits for less than with all cores on one batch (EXPERIMENTS.md).
        self._pool = ThreadPoolExecutor(threads if self.device == "cpu" else 2, thread_name_prefix="cooptag")

    def _check_signature(self, folder: ModelFolder) -> None:
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        fits = sorted(i.name for i in inputs) == ["attention_mask", "input_ids"] and tuple(o.name for o in outputs) == OUTPUTS
        if not fits or outputs[0].shape[1:] != [self.n_areas]:
            shape = [(x.name, x.shape) for x in (*inputs, *outputs)]
            raise ModelError(
                f"{folder.path / 'model.onnx'}: has {shape}, expected input_ids, attention_mask and {', '.join(OUTPUTS)} "
                f"for {self.n_areas} areas; "
                "the network and the manifest are of different models, get the folder again"
            )

    def logits(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Logits of shape (n, A) and a mask (n,) of the texts that did not fit the window of `max_length` tokens.

        Texts must be normalised (`cooptag.text.normalize`). Equal ones are computed once, the others sorted by length in
        batches of `BATCH_TOKENS` padded tokens; a text's logits do not depend on its neighbours beyond rounding (1e-5).
        """
        return next(self.stream([texts]))

    def stream(self, chunks: Iterable[Sequence[str]]) -> Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]]:
        """`logits` of each chunk of texts, in order. `AHEAD` chunks are cut into tokens and run while the caller makes the next."""
        under_way: deque[list[tuple[_Job, int]]] = deque()
        known: dict[str, tuple[_Job, int]] = {}
        try:
            for texts in chunks:
                if len(known) > REMEMBERED:
                    known = {}
                new = list(dict.fromkeys(text for text in texts if text not in known))
                job = _Job(len(new), self.n_areas)
                job.batches = self._pool.submit(self._start, job, new)
                known |= {text: (job, row) for row, text in enumerate(new)}
                under_way.append([known[text] for text in texts])
                if len(under_way) > AHEAD:
                    yield _finished(under_way.popleft(), self.n_areas)
            while under_way:
                yield _finished(under_way.popleft(), self.n_areas)
        finally:  # who stops reading, as by Ctrl-C, does not wait for what was read ahead
            for job in {job for rows in under_way for job, _ in rows}:
                job.cancel()

    def _start(self, job: "_Job", texts: Sequence[str]) -> "list[Future[None]]":
        """Cuts texts into tokens and hands the batches to the pool, longest first: the last to end is a short one."""
        encodings, job.truncated[:] = self._encode(texts, offsets=False)
        ids = [encoding.ids for encoding in encodings]

        def run(batch: list[int]) -> None:
            job.logits[batch] = self._run([ids[i] for i in batch], OUTPUTS[:1])[0]

        return [self._pool.submit(run, batch) for batch in reversed(list(_batches(list(map(len, ids)), self.batch_tokens)))]

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """How each text (normalised) comes to its logits; tokens that are not of the text itself are left out."""
        encodings, _ = self._encode(texts, offsets=True)
        readings: dict[int, Reading] = {}
        skip = len(self.prefix)
        for batch, (contributions, vectors) in self._runs(encodings, OUTPUTS[1:]):
            for row, i in enumerate(batch):
                tokens = [k for k, (_, end) in enumerate(encodings[i].offsets) if end > skip]
                offsets = [(max(encodings[i].offsets[k][0] - skip, 0), encodings[i].offsets[k][1] - skip) for k in tokens]
                readings[i] = Reading(contributions[row, tokens], offsets, vectors[row])
        return [readings[i] for i in range(len(texts))]

    def vectors(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """The mean vector of each text (normalised), (n, H); (0, 1) without texts."""
        encodings, _ = self._encode(texts, offsets=False)
        rows = {i: vector for batch, (found,) in self._runs(encodings, OUTPUTS[2:]) for i, vector in zip(batch, found, strict=True)}
        return np.stack([rows[i] for i in range(len(texts))]) if texts else np.empty((0, 1), dtype=np.float32)

    def pieces(self, texts: Sequence[str]) -> tuple[int, int]:
        """Of how many vocabulary pieces texts (normalised) are made, and how many of them are unknown."""
        unknown = self._tokenizer.token_to_id("<unk>")
        ids = [encoding.ids for encoding in self._encode(texts, offsets=False)[0]]
        return sum(map(len, ids)), sum(sequence.count(unknown) for sequence in ids)

    def _runs(self, encodings: Sequence[Any], outputs: Sequence[str]) -> Iterator[tuple[list[int], list[npt.NDArray[np.float32]]]]:
        """Batch after batch: the numbers of its texts, and the outputs asked for."""
        ids = [encoding.ids for encoding in encodings]
        batches = list(_batches(list(map(len, ids)), self.batch_tokens))
        yield from zip(batches, self._pool.map(lambda batch: self._run([ids[i] for i in batch], outputs), batches), strict=True)

    def _encode(self, texts: Sequence[str], offsets: bool) -> tuple[list[Any], npt.NDArray[np.bool_]]:
        """The tokens of each text, and a mask (n,) of those that did not fit."""
        limit = self.max_length * CHARS_PER_TOKEN
        encode = self._tokenizer.encode_batch if offsets else self._tokenizer.encode_batch_fast
        encodings = encode([self.prefix + text[:limit] for text in texts])
        truncated = np.array([len(t) > limit or bool(e.overflowing) for t, e in zip(texts, encodings, strict=True)], dtype=bool)
        return encodings, truncated

    def _run(self, ids: list[list[int]], outputs: Sequence[str]) -> list[npt.NDArray[np.float32]]:
        width = _width(max(map(len, ids)))
        input_ids = np.full((len(ids), width), self._pad, dtype=np.int64)
        mask = np.zeros((len(ids), width), dtype=np.int64)
        for row, sequence in enumerate(ids):
            input_ids[row, : len(sequence)] = sequence
            mask[row, : len(sequence)] = 1
        try:
            found: list[npt.NDArray[np.float32]] = self._session.run(list(outputs), {"input_ids": input_ids, "attention_mask": mask})
        except Exception as error:  # onnxruntime's errors share no base class
            reason = " ".join(str(error).split())[:200]
            if len(ids) > 1 and _OUT_OF_MEMORY.search(reason):
                return self._run_in_halves(ids, outputs)
            raise ModelError(
                f"{self._path / 'model.onnx'}: does not run ({reason}); network and tokenizer may not belong together"
            ) from error
        return found

    def _run_in_halves(self, ids: list[list[int]], outputs: Sequence[str]) -> list[npt.NDArray[np.float32]]:
        """What did not fit the memory, in two runs; later batches are made half as large."""
        middle = len(ids) // 2
        self.batch_tokens = max(middle * _width(max(map(len, ids))), self.max_length)
        halves = [self._run(part, outputs) for part in (ids[:middle], ids[middle:])]
        return [np.concatenate(parts) for parts in zip(*halves, strict=True)]

    @property
    def _pad(self) -> int:
        return self._tokenizer.token_to_id("<pad>") or 0


def runtime() -> Any:
    """onnxruntime, made to keep to itself: from 1.31 on it sends events to its maker and keeps a database in the home folder."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when it is imported
    import onnxruntime

    return onnxruntime


def _load_tokenizer(folder: ModelFolder) -> Any:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_str(folder.tokenizer)
    except Exception as error:  # tokenizers raises bare Exception
        raise ModelError(f"{folder.path / 'tokenizer.json'}: is not a tokenizer ({error}); get the folder again") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(folder.manifest.max_length)
    return tokenizer


def _start(folder: ModelFolder, device: str) -> Any:
    """A session on the GPU if one is asked for and starts; with "auto" on the CPU where none does, and a word of why."""
    providers = _providers(device)
    if providers[0] != CUDA:
        return _load_session(folder, providers)
    try:
        session = _load_session(folder, providers)
        if CUDA in session.get_providers():
            return session
        reason = "driver, cuDNN or GPU missing"
    except ModelError as error:  # the network in fp16 does not load without CUDA
        reason = str(error)
    if device == "cuda":
        raise UsageError(f"device is 'cuda', but CUDA did not start ({reason}); mend it or use --device cpu")
    warnings.warn(f"CUDA did not start ({reason}); running on the CPU", stacklevel=4)
    return _load_session(folder, [CPU])


def _load_session(folder: ModelFolder, providers: list[str]) -> Any:
    """The session is made from bytes that were checked, and that point to no other file.

    onnxruntime would read a file that a graph from memory names, relative to the working directory.
    """
    ort = runtime()
    if _EXTERNAL_DATA in folder.model:
        raise ModelError(f"{folder.path / 'model.onnx'}: keeps tensors in another file; a cooptag model is one file, export it again")

    options = ort.SessionOptions()
    options.log_severity_level = 4  # errors come as exceptions, and are worded there
    options.intra_op_num_threads = 1
    # The extended fusions put in a SkipLayerNormalization that takes six times the time of the two nodes that it replaces.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    model = folder.model
    if CUDA in providers and folder.manifest.precision == "int8":
        model = in_floats(model)
    try:
        return ort.InferenceSession(model, options, providers=providers)
    except Exception as error:  # onnxruntime's errors share no base class
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise ModelError(f"{folder.path / 'model.onnx'}: does not load ({reason}); get the folder again") from error


def _threads_asked() -> int:
    """COOPTAG_THREADS, or a thread for each core that this process may use."""
    asked = os.environ.get("COOPTAG_THREADS", "0")
    if not asked.isdecimal():
        raise UsageError(f"COOPTAG_THREADS is {asked!r}; expected a number of threads, 0 for one a core")
    return int(asked) or cores()


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _providers(device: str) -> list[str]:
    ort = runtime()
    if device not in DEVICES:
        raise UsageError(f"device is {device!r}; expected one of {', '.join(DEVICES)}")
    has_cuda = CUDA in ort.get_available_providers()
    if device == "cuda" and not has_cuda:
        raise UsageError(
            "device is 'cuda', but this onnxruntime has no CUDA; "
            "run `pip uninstall -y onnxruntime && pip install 'cooptag[gpu]'`, or use --device cpu"
        )
    return ([CUDA] if has_cuda and device != "cpu" else []) + [CPU]


class _Job:
    """Logits and mask of a chunk's new texts, filled in by the pool."""

    def __init__(self, texts: int, areas: int) -> None:
        self.logits = np.empty((texts, areas), dtype=np.float32)
        self.truncated = np.zeros(texts, dtype=bool)
        self.batches: Future[list[Future[None]]]

    def cancel(self) -> None:
        """Drops what has not begun."""
        if not self.batches.cancel() and self.batches.done() and self.batches.exception() is None:
            for batch in self.batches.result():
                batch.cancel()

    def wait(self) -> None:
        """Until all is filled in; what failed in the pool is raised here."""
        for batch in self.batches.result():
            batch.result()


def _finished(rows: Sequence[tuple[_Job, int]], areas: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """The logits and mask of a chunk, each row taken from the job that computed its text."""
    logits, truncated = np.empty((len(rows), areas), dtype=np.float32), np.zeros(len(rows), dtype=bool)
    places: dict[_Job, tuple[list[int], list[int]]] = {}
    for i, (job, row) in enumerate(rows):
        at, of = places.setdefault(job, ([], []))
        at.append(i)
        of.append(row)
    for job, (at, of) in places.items():
        job.wait()
        logits[at], truncated[at] = job.logits[of], job.truncated[of]
    return logits, truncated


def _batches(lengths: list[int], tokens: int) -> Iterator[list[int]]:
    """Indices in batches of one width, each at most `tokens` padded tokens (or one text)."""
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        width = _width(lengths[i])
        if batch and ((len(batch) + 1) * width > tokens or width != _width(lengths[batch[0]])):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _width(length: int) -> int:
    """How many tokens a text is padded to, whatever else is in its batch.

    Sums over another width are rounded otherwise; where 8 bits follow, that can become a step of a hundredth of a logit.
    """
    return -(-length // WIDTH_STEP) * WIDTH_STEP
