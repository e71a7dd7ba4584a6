"""The HTTP interface: the only file that imports FastAPI. `guard.py` stands before it, `listen.py` runs it."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager
from dataclasses import asdict
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import FileResponse, Response
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError
from starlette.exceptions import HTTPException

import cooptag
from cooptag import documents, text
from cooptag.batching import LEAST_BYTES, Batcher, OverloadedError, cost
from cooptag.errors import InputError, UsageError
from cooptag.guard import INTERNAL, LOG, Access, App, Exchange, Guard, Problem, too_busy
from cooptag.jobs.readers import parse_json
from cooptag.limits import Limits
from cooptag.metrics import Metrics
from cooptag.tagger import Tagger
from cooptag.types import TaggedSentence

LANGUAGES = text.LANGUAGES
PAGE = Path(__file__).with_name("page")
NDJSON = "application/x-ndjson"
# An explained sentence takes about so many times a plain one's time: the network runs on it once more, and once for each area.
EXPLAINED_COST = 5
# Requests may bring their own thresholds: so many taggers that share the one network are kept.
TAGGERS = 64
# More thresholds than a model has areas.
MAX_THRESHOLDS = 1_000
# Splitters and language identifier load on first use: not at the first caller's cost.
WARMING = ("Hai bên hợp tác về y tế. Hai bên ký kết.", "They agreed on trade. They met.", "Les deux parties coopèrent. Elles signent.")
FAILED = "failed: the model could not be run on this text"


# ------------------------------------------------------------------------------------------- what comes and goes


class TagRequest(BaseModel):
    """Either a `text`, which is split into sentences, or `sentences`, each tagged as it is."""

    model_config = ConfigDict(extra="forbid", strict=True)
    text: str | None = Field(None, description="An article; offsets of its sentences count its code points")
    sentences: list[str] | None = Field(None, fail_fast=True)
    lang: str | None = Field(None, description="The text's language [default: detected]", json_schema_extra={"enum": [*LANGUAGES, None]})
    all_scores: bool = Field(False, description="Also the score of every area, and of none")
    explain: bool = Field(False, description="Each area's words in the sentence, its score without them, the nearest labelled sentences")
    names: str | None = Field(None, description="Adds each area's name in this language, such as vi")
    goal: str | None = Field(None, description="What the thresholds serve: one of the goals of /info")
    thresholds: float | dict[str, float] | None = Field(None, description="One threshold in [0, 1] for all areas, or some areas' by id")

    @model_validator(mode="before")
    @classmethod
    def _has_few_members(cls, given: Any) -> Any:
        """Each mistake is kept until the last is found: a million of them would hold everybody up."""
        if isinstance(given, dict) and len(given) > len(cls.model_fields):
            raise PydanticCustomError("extra_forbidden", "one is not known")
        return given

    @field_validator("thresholds", mode="before")
    @classmethod
    def _are_few(cls, given: Any) -> Any:
        if isinstance(given, dict) and len(given) > MAX_THRESHOLDS:
            raise ValueError(f"expected at most {MAX_THRESHOLDS}")
        return given

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.text is None) == (self.sentences is None):
            raise ValueError("expected exactly one of text and sentences")
        return self

    @field_validator("text", "sentences")
    @classmethod
    def _is_unicode(cls, value: str | list[str] | None) -> str | list[str] | None:
        try:
            for given in [value] if isinstance(value, str) else value or []:
                given.encode()
        except UnicodeEncodeError as error:
            raise ValueError("half of a surrogate pair stands alone; expected Unicode text") from error
        return value

    @field_validator("lang")
    @classmethod
    def _is_known(cls, value: str | None) -> str | None:
        if value is not None and value not in LANGUAGES:
            raise ValueError(f"expected one of {', '.join(LANGUAGES)}")
        return value


class EvidenceOut(BaseModel):
    """Words that carried an area: `sentence[start:end]`."""

    start: int
    end: int
    text: str
    weight: float


class ExampleOut(BaseModel):
    """A labelled sentence of the training data."""

    text: str
    lang: str
    areas: list[str]
    similarity: float


class AreaOut(BaseModel):
    """An area of a sentence; `evidence`, `without` and `nearest` come with `explain`, `name` with `names`."""

    id: str
    score: float
    name: str | None = None
    evidence: list[EvidenceOut] | None = None
    without: float | None = None
    nearest: list[ExampleOut] | None = None


class SentenceOut(BaseModel):
    """A sentence and its areas, highest score first. What may be null is left out where it does not apply."""

    start: int
    end: int
    text: str
    lang: str
    areas: list[AreaOut]
    truncated: bool
    uncertain: bool | None = None
    unsupported: str | None = None
    forced: bool | None = None
    error: str | None = None
    none: float | None = None
    all_scores: dict[str, float] | None = None


class TextOut(BaseModel):
    """The text of a file."""

    text: str
    kind: Literal["txt", "html", "docx", "pdf"]


class AreaInfo(BaseModel):
    """An area of the model; `thresholds`: of each goal."""

    id: str
    pillar: str
    names: dict[str, str]
    definition: str
    threshold: float
    thresholds: dict[str, float]


class InfoOut(BaseModel):
    """The model, where it runs, and what is taken at most; times in seconds."""

    model_config = ConfigDict(extra="allow")
    cooptag: str
    name: str
    digest: str
    device: str
    precision: str
    languages: list[str]
    goals: list[str]
    areas: list[str]
    limits: dict[str, float]


class StateOut(BaseModel):
    """Whether all is well."""

    status: Literal["ok"]


class ProblemOut(BaseModel):
    """What went wrong, in a line for people and a word for programs."""

    error: str
    error_type: str


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    said = {
        401: "API key missing or wrong", 413: "Too large", 415: "Another content type is expected", 422: "Not as expected",
        421: "Another Host header is expected", 429: "The queue is full; `Retry-After` says in how many seconds there is room again",
        500: "A mistake of the server", 503: "Loading, draining or broken", 504: "The deadline has passed",
    }  # fmt: skip
    retry = {"headers": {"Retry-After": {"schema": {"type": "integer"}}}}
    return {
        status: {"model": ProblemOut, "description": said[status], **(retry if status == 429 else {})} for status in (*statuses, 421, 500)
    }


class _StrictRequest(Request):
    """Reads JSON as the rest of cooptag does: no key twice, no NaN."""

    async def json(self) -> Any:
        try:
            body = await self.body()
            # A long one in a thread: 2 MB of numbers take 0.1 s.
            return parse_json(body) if len(body) < 65_536 else await asyncio.to_thread(parse_json, body)
        except ValueError as error:  # FastAPI lets this kind alone through
            raise HTTPException(422, f"the body {error}") from error


class _StrictRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Any]:
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            response: Response = await handler(_StrictRequest(request.scope, request.receive))
            return response

        return strict


# ------------------------------------------------------------------------------------------------- what tags


class How(NamedTuple):
    """How texts are to be tagged: those that share it are tagged together."""

    lang: str | None
    all_scores: bool
    explain: bool
    names: str | None
    goal: str | None
    thresholds: float | tuple[tuple[str, float], ...] | None


class Service:
    """The model behind the endpoints. `load` brings it up, `drain` says that nothing new is taken."""

    def __init__(self, load: Callable[[], Tagger], limits: Limits) -> None:
        self._load = load
        self.limits = limits
        self.metrics = Metrics()
        self.draining = False
        self.error: Exception | None = None
        self._tagger: Tagger | None = None
        self._batcher: Batcher | None = None
        self._extracting = 0
        self.at = lru_cache(TAGGERS)(self._at)
        self.metrics.queue_bytes.set_function(lambda: self._batcher.admitted_bytes if self._batcher else 0)
        self.metrics.ready.set_function(lambda: self.trouble() is None)

    async def start(self) -> None:
        """Loads and tries the model in a thread; `error` is set if it cannot be used."""
        try:
            self._tagger = await asyncio.to_thread(lambda: _warm(self._load()))
        except Exception as error:  # told by /readyz and by the process's end, whatever it is
            self.error = error
            return
        gc.freeze()  # a full collection would walk through all of the splitters' tables, and hold everybody up for 0.15 s
        self._batcher = Batcher(self._run, self.limits, self.metrics.batch)

    async def close(self) -> None:
        """Ends the workers."""
        if self._batcher:
            await self._batcher.close()

    def computing(self) -> bool:
        """Whether a thread loads the model or runs a batch, be it of a request whose client has gone."""
        return not self.error if self._batcher is None else self._batcher.longest_seconds() > 0

    def trouble(self) -> Problem | None:
        """Why nothing can be tagged now; None if it can."""
        if self.draining:
            return Problem(503, "draining", "the server is being stopped; ask another one")
        if self.error:
            return Problem(503, "model_corrupt", "the model did not load; see the log")
        if self._batcher is None:
            return Problem(503, "loading", "the model is being loaded; try again in a second", {"Retry-After": "1"})
        if self._batcher.longest_seconds() > 2 * self.limits.deadline_seconds:
            return Problem(503, "stuck", "the model does not answer; restart the server")
        return None

    def refuse(self, route: str, length: int) -> Problem | None:
        """What stands against reading a body of so many bytes: no model, or no room for the text that is likely in it."""
        if route == "/text" and not self.draining:
            return too_busy(1, "too many files are being read") if self._extracting >= self.limits.documents else None
        if (trouble := self.trouble()) or self._batcher is None:
            return trouble
        try:
            self._batcher.check_room(max(3 * length // 4, LEAST_BYTES))
        except OverloadedError as error:
            return too_busy(error.retry_seconds, "the queue is full")
        return None

    @property
    def tagger(self) -> Tagger:
        """:raises Problem: 503 while there is none."""
        if self._tagger is None or self._batcher is None:
            raise self.trouble() or Problem(503, "loading", "the model is being loaded")
        return self._tagger

    def _at(self, goal: str | None, thresholds: float | tuple[tuple[str, float], ...] | None) -> Tagger:
        return self.tagger.at(goal, dict(thresholds) if isinstance(thresholds, tuple) else thresholds)

    @asynccontextmanager
    async def tagging(self, request: TagRequest) -> AsyncIterator[AsyncIterator[list[bytes]]]:
        """The lines of JSON of a request's sentences, part by part as they are computed, for the length of a `with` block.

        :raises Problem: before anything is computed, if the request is too large, asks for what there is not, or finds no room.
        """
        how = self._how(request)
        texts = [request.text] if request.text is not None else request.sentences or []
        self._check_size(texts, request.text is None)
        weight = EXPLAINED_COST if how.explain else 1
        assert self._batcher is not None  # noqa: S101  (_how has asked for the tagger)
        try:
            with self._batcher.admitted(weight * sum(map(cost, texts))):
                items = [(t, text.Span(0, len(t))) for t in texts]
                if request.text is not None:
                    items = await asyncio.to_thread(_split, request.text, how.lang)
                    self._check_number(len(items))
                async with aclosing(self._batcher.results(how, items, [weight * cost(t) for t, _ in items])) as parts:
                    yield parts
        except OverloadedError as error:
            raise too_busy(error.retry_seconds, "the queue is full") from error

    def _how(self, request: TagRequest) -> How:
        """:raises Problem: 422 for a goal, threshold or name that the model does not know."""
        wanted = request.thresholds
        thresholds = tuple(sorted(wanted.items())) if isinstance(wanted, dict) else wanted
        with _as_problem("goal: expected one of the goals of /info"):
            self.at(request.goal, None)
        with _as_problem("thresholds: expected a number from 0 to 1, or such a number for areas of /areas"):
            if isinstance(wanted, dict) and not wanted.keys() <= set(self.tagger.decoder.areas):  # at() looks for the nearest name
                raise UsageError("no such area")
            self.at(request.goal, thresholds)
        with _as_problem("names: expected a language that the names of /areas are in"):
            if request.names is not None:
                self.tagger.names(request.names)
        return How(request.lang, request.all_scores, request.explain, request.names, request.goal, thresholds)

    def _check_size(self, texts: Sequence[str], sentences: bool) -> None:
        if sentences:
            self._check_number(len(texts))
        characters = sum(map(len, texts))
        if characters > self.limits.characters:
            raise Problem(413, "too_many_characters", f"{characters} characters; at most {self.limits.characters} are taken at once")

    def _check_number(self, sentences: int) -> None:
        if sentences > self.limits.sentences:
            raise Problem(413, "too_many_sentences", f"{sentences} sentences; at most {self.limits.sentences} are taken at once")

    def _run(self, how: How, items: list[tuple[str, text.Span]]) -> list[bytes]:
        """In a thread: each sentence as a line of JSON. Where the batch fails, each text is tried alone."""
        tagger = self.at(how.goal, how.thresholds)
        names = tagger.names(how.names) if how.names else None
        try:
            tagged = list(tagger.stream_spans(items, how.lang, how.all_scores, how.explain))
        except Exception:  # one text must not cost the others their answer
            tagged = [_alone(tagger, item, how) for item in items]
        return [json.dumps(sentence.to_dict(names), ensure_ascii=False).encode() for sentence in tagged]

    async def extract(self, kind: str, raw: bytes) -> str:
        """The text of a file, read in a process of its own.

        :raises Problem: if it holds none, cannot be read, or takes too long; or if too many arrived while its body did.
        """
        if self._extracting >= self.limits.documents:
            raise too_busy(1, "too many files are being read")
        self._extracting += 1
        try:
            return await documents.read_apart(raw, kind, self.limits.document_seconds)
        except InputError as error:
            raise Problem(422, "bad_document", str(error)) from error
        except TimeoutError as error:
            said = f"the file was not read within {self.limits.document_seconds:g} s; send its text"
            raise Problem(504, "deadline", said) from error
        except (UsageError, OSError) as error:  # a library or a process that this machine has not got
            raise Problem(503, "cannot_read_files", "this server cannot read such a file now; send its text") from error
        finally:
            self._extracting -= 1


def _warm(tagger: Tagger) -> Tagger:
    """The tagger, once its golden texts came out as they should and a splitter of each kind has been loaded.

    :raises ModelError: if they do not.
    """
    tagger.verify()
    for article in WARMING:
        tagger.tag_article(article, explain=True)
    return tagger


@contextmanager
def _as_problem(said: str) -> Iterator[None]:
    """The tagger's own message quotes what the request said, ours does not."""
    try:
        yield
    except UsageError as error:
        raise Problem(422, "bad_option", said) from error


def _split(article: str, lang: str | None) -> list[tuple[str, text.Span]]:
    return [(article[span.start : span.end], span) for span in text.iterate(article, lang)]


def _alone(tagger: Tagger, item: tuple[str, text.Span], how: How) -> TaggedSentence:
    try:
        return next(tagger.stream_spans([item], how.lang, how.all_scores, how.explain))
    except Exception:  # whatever it is, it is this text's
        sentence, span = item
        return TaggedSentence(span.start, span.end, sentence, how.lang or "und", (), forced=span.forced, error=FAILED)


# ------------------------------------------------------------------------------------------------- the endpoints


def create_app(service: Service, access: Access | None = None, origins: Sequence[str] = ()) -> Guard:
    """The application, behind its guard.

    :param origins: web pages of these origins may call it from a browser (CORS).
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loading = asyncio.create_task(service.start())
        yield
        loading.cancel()
        await service.close()

    app = FastAPI(
        title="cooptag", version=cooptag.__version__, docs_url=None, redoc_url=None, lifespan=lifespan, redirect_slashes=False,
        description="Tags each sentence of diplomatic news with the cooperation areas that it names.",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )  # fmt: skip
    app.router.route_class = _StrictRoute
    _add_tagging(app, service)
    _add_looks(app, service)
    _add_page(app)
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_mistake)
    cors: Callable[[App], App] = partial(
        CORSMiddleware, allow_origins=list(origins), allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type", "X-Request-ID"], expose_headers=["Retry-After", "X-Request-ID"],
    )  # fmt: skip
    _describe_key(app)
    guard = Guard(app, service.limits, access or Access(), service.metrics, service.refuse, *([cors] if origins else []))
    service.metrics.under_way.set_function(lambda: guard.under_way)
    return guard


def _describe_key(app: FastAPI) -> None:
    """Adds the API key, which the guard asks for where one is set, to /openapi.json: so that generated clients can send it."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{}, {"key": []}]
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _add_tagging(app: FastAPI, service: Service) -> None:
    lines = {NDJSON: {"schema": {"type": "string", "description": "One sentence a line, as soon as it is tagged"}}}
    answers = {200: {"content": lines, "description": "The sentences, in order"}, **_problems(401, 413, 415, 422, 429, 503, 504)}

    @app.post("/tag", operation_id="tag", response_model=list[SentenceOut], responses=answers, summary="Tag an article or sentences")
    async def tag(body: TagRequest, request: Request) -> Response:
        if NDJSON in request.headers.get("accept", ""):
            return _Lines(service.tagging(body), _exchange(request))
        async with service.tagging(body) as parts:
            lines = [line async for part in parts for line in part]
        return Response(b"[" + b",\n".join(lines) + b"]", media_type="application/json")

    binary = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in documents.KINDS}

    @app.post(
        "/text", operation_id="text", response_model=TextOut, responses=_problems(401, 413, 415, 422, 429, 503, 504),
        openapi_extra={"requestBody": {"required": True, "content": binary}}, summary="The text of a file",
    )  # fmt: skip
    async def text_of(request: Request) -> Response:
        kind = documents.KINDS[request.headers["content-type"].partition(";")[0].strip().lower()]
        found = await service.extract(kind, await request.body())
        return _json({"text": found, "kind": kind})


class _Lines(Response):
    """Sentences as lines, each part sent as soon as it is computed; what goes wrong after the first is told in the last.

    The request takes its room in the queue here, so that it gives it back however the answer ends.
    """

    def __init__(self, tagging: AbstractAsyncContextManager[AsyncIterator[list[bytes]]], exchange: Exchange) -> None:
        super().__init__(media_type=NDJSON)
        self._tagging, self._exchange = tagging, exchange

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with self._tagging as parts:
            head = [(name, value) for name, value in self.raw_headers if name != b"content-length"]
            await send({"type": "http.response.start", "status": 200, "headers": head})
            try:
                async for part in parts:
                    await send({"type": "http.response.body", "body": b"".join(line + b"\n" for line in part), "more_body": True})
            except Exception as error:  # the head has been sent: this is the only place left to tell it
                self._exchange.error_type = INTERNAL.error_type
                LOG.error("failed", exc_info=error, extra={"fields": {"id": self._exchange.id}})
                await send({"type": "http.response.body", "body": INTERNAL.body() + b"\n", "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _add_looks(app: FastAPI, service: Service) -> None:
    """What the service says of itself."""

    @app.get("/areas", operation_id="areas", response_model=list[AreaInfo], responses=_problems(401, 503), summary="The areas, in order")
    async def areas() -> Response:
        tagger = service.tagger
        goals = tagger.folder.manifest.goals
        chosen = tagger.decoder.thresholds
        return _json([
            {**asdict(area), "threshold": float(chosen[i]), "thresholds": {goal: values[i] for goal, values in goals.items()}}
            for i, area in enumerate(tagger.areas)
        ])  # fmt: skip

    @app.get("/info", operation_id="info", response_model=InfoOut, responses=_problems(401, 503), summary="Model, device and limits")
    async def info() -> Response:
        return _json({"cooptag": cooptag.__version__, **_without_path(service.tagger.info()), "limits": asdict(service.limits)})

    probe: dict[str, Any] = {"response_model": StateOut, "openapi_extra": {"security": []}}  # asked without a key

    @app.get("/healthz", operation_id="healthz", responses=_problems(), summary="The process is alive", **probe)
    async def healthz() -> Response:
        return _json({"status": "ok"})

    @app.get("/readyz", operation_id="readyz", responses=_problems(503), summary="Texts can be tagged", **probe)
    async def readyz() -> Response:
        if trouble := service.trouble():
            raise trouble
        return _json({"status": "ok"})

    @app.get("/metrics", operation_id="metrics", response_class=Response, responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **_problems(401),
    }, summary="For Prometheus")  # fmt: skip
    async def metrics() -> Response:
        return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _add_page(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})

    app.mount("/page", StaticFiles(directory=PAGE), name="page")


def _json(value: Any) -> Response:
    return Response(json.dumps(value, ensure_ascii=False).encode(), media_type="application/json")


def _without_path(info: Mapping[str, Any]) -> dict[str, Any]:
    """Where the folder lies is the operator's business."""
    kept = {key: value for key, value in info.items() if key != "path"}
    return {**kept, "second": _without_path(kept["second"])} if "second" in kept else kept


def _exchange(request: Request) -> Exchange:
    exchange: Exchange = request.scope["state"]["exchange"]
    return exchange


async def _on_problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)  # noqa: S101  (what it is registered for)
    _exchange(request).error_type = problem.error_type
    return Response(problem.body(), problem.status, problem.headers, "application/json")


async def _on_invalid(request: Request, error: Exception) -> Response:
    """The first thing that is wrong, without the value that was given."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  (what it is registered for)
    first = error.errors()[0]
    if first["type"] == "extra_forbidden":
        said = f"there is a field that is not known; expected {', '.join(TagRequest.model_fields)}"
    else:
        where = ".".join(str(step) for step in first["loc"][1:2])
        said = f"{where or 'the body'}: {first['msg'].removeprefix('Value error, ')}"
    return await _on_problem(request, Problem(422, "bad_request", said[:300]))


async def _on_http_error(request: Request, error: Exception) -> Response:
    """Unknown paths and methods, and bodies that are no JSON."""
    assert isinstance(error, HTTPException)  # noqa: S101  (what it is registered for)
    known = {
        404: ("not_found", "there is nothing here; see /openapi.json"),
        405: ("method_not_allowed", "another method is expected here"),
        422: ("bad_json", str(error.detail)),
    }
    error_type, said = known.get(error.status_code, ("bad_request", "the request is not as expected"))
    return await _on_problem(request, Problem(error.status_code, error_type, said, error.headers))


async def _on_mistake(request: Request, _: Exception) -> Response:
    return await _on_problem(request, INTERNAL)
