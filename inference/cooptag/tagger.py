"""`Tagger`: load a model folder, tag sentences, tag an article."""

import copy
import difflib
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from cooptag import artifact, evidence, text
from cooptag.decode import Bools, Decoder, Floats
from cooptag.errors import ModelError, UsageError
from cooptag.types import Area, AreaScore, Evidence, TaggedSentence

AUTO = "auto"
# The model that answers first, and the default one, which is asked about the rest.
AUTO_MODELS = ("nano", None)
NOT_FINITE = "not_finite: the model returned NaN or infinity for this text"
# What every token adds to every logit is kept for so many sentences at a time.
EXPLAINED_AT_ONCE = 64
# Texts that are read and decided on together: enough to sort by length, few enough that results come early.
CHUNK = 1024
FIRST_CHUNK = 128
# Largest |Δlogit| from the golden logits, which the exporting machine computed. In 8-bit arithmetic a rounding step
# that falls the other way on another processor moves a logit by less than this.
GOLDEN_TOLERANCE = {"fp32": 1e-3, "int8": 0.05}


class Tagger:
    """Tags sentences with the areas of its model folder. Make one with `Tagger.load`; it is safe to share by threads."""

    def __init__(self, folder: artifact.ModelFolder, device: str = "auto", threads: int | None = None) -> None:
        from cooptag.encoder import Encoder

        if folder.manifest.text_version != text.TEXT_VERSION:
            raise ModelError(
                f"{folder.path / artifact.MANIFEST}: made for text version {folder.manifest.text_version}, "
                f"this cooptag has {text.TEXT_VERSION}; use a matching release"
            )
        self.decoder = folder.manifest.decoder()
        self.encoder = Encoder(folder, device, threads)
        self.folder = replace(folder, model=b"")  # the runtime has its own copy of the network
        # "auto": texts of which so many areas are expected to be wrong go on to a better tagger.
        self.second: Tagger | None = None
        self.pass_on_from = folder.manifest.pass_on_from

    @classmethod
    def load(cls, model: str | os.PathLike[str] | None = None, device: str = "auto", threads: int | None = None) -> "Tagger":
        """The shipped model, a shipped model's name or size, or a folder; every file's digest is checked first.

        "auto" is the nano model, which answers what it is sure of and asks the default one about the rest.

        :raises ModelError: if the folder is absent, damaged or not a cooptag model.
        :raises UsageError: if the device is unknown or cannot be had.
        """
        if model != AUTO:
            return cls(artifact.load(artifact.find(model)), device, threads)
        first, second = AUTO_MODELS
        return cls.load(first, device, threads).backed_by(cls.load(second, device, threads))

    def backed_by(self, second: "Tagger", pass_on_from: float | None = None) -> "Tagger":
        """The same tagger, asking a better one about each text of which it expects so many areas to be wrong.

        :param pass_on_from: expected number of wrong areas; None for what this model's folder says.
        :raises ModelError: if the two tag with different areas.
        """
        if second.decoder.areas != self.decoder.areas:
            raise ModelError(f"{second.folder.path}: has other areas than {self.folder.path}; take two models of one label set")
        other = copy.copy(self)
        other.second = second
        other.pass_on_from = self.folder.manifest.pass_on_from if pass_on_from is None else pass_on_from
        return other

    def at(self, goal: str | None = None, thresholds: float | Mapping[str, float] | None = None) -> "Tagger":
        """The same model deciding by other thresholds; it shares the loaded network.

        :param goal: one that the folder holds thresholds for, such as "precision=0.9"; None keeps the present ones.
        :param thresholds: one for all areas, or some areas' by id, in [0, 1]; they go over the goal's.
        :raises UsageError: if the goal or an area is unknown, or a threshold is no number in [0, 1].
        """
        other = copy.copy(self)
        other.decoder = decoder_at(self.folder.manifest, self.decoder, goal, thresholds)
        other.second = self.second and self.second.at(goal, thresholds)
        return other

    @property
    def areas(self) -> tuple[Area, ...]:
        """The areas in manifest order."""
        return self.folder.areas

    def names(self, lang: str) -> dict[str, str]:
        """The display name of each area id in `lang`, in English where `lang` has none.

        :raises UsageError: if no area has a name in `lang`.
        """
        known = sorted({code for area in self.areas for code in area.names})
        if known and lang not in known:
            raise UsageError(f"no area names in {lang!r}; expected one of {', '.join(known)}")
        return {area.id: area.name(lang) for area in self.areas}

    def tag(
        self, texts: Iterable[str], lang: str | None = None, all_scores: bool = False, explain: bool = False
    ) -> list[TaggedSentence]:  # fmt: skip
        """One `TaggedSentence` for each text, without splitting; offsets count from the start of each text.

        :param lang: the texts' language, an ISO 639-1 code ("fil" for Filipino); None detects it for each.
        :param explain: each area with the words that carried it, its score without them, and the nearest labelled sentences.
        :raises UsageError: if `texts` is one string or holds something that is not a string.
        """
        if isinstance(texts, str):
            raise UsageError("tag() takes a list of texts, got one string; use tag([text]) or tag_article(text)")
        return list(self.stream(texts, lang, all_scores, explain))

    def tag_article(
        self, article: str, lang: str | None = None, all_scores: bool = False, explain: bool = False
    ) -> list[TaggedSentence]:  # fmt: skip
        """Splits an article into sentences and tags each; `start` and `end` are code-point offsets into `article`.

        The offsets of an explained area's words count from the start of their sentence.
        :raises UsageError: if `article` is not a string.
        """
        return list(self.stream_article(article, lang, all_scores, explain))

    def stream(
        self, texts: Iterable[str], lang: str | None = None, all_scores: bool = False, explain: bool = False
    ) -> Iterator[TaggedSentence]:  # fmt: skip
        """`tag` of any number of texts in flat memory: some thousands are read ahead, and results come in order.

        :raises UsageError: where `texts` holds something that is not a string.
        """
        return self.stream_spans(((_checked(t, i), text.Span(0, len(t))) for i, t in enumerate(texts)), lang, all_scores, explain)

    def stream_article(
        self, article: str, lang: str | None = None, all_scores: bool = False, explain: bool = False
    ) -> Iterator[TaggedSentence]:  # fmt: skip
        """`tag_article` of a text of any length in flat memory.

        :raises UsageError: if `article` is not a string.
        """
        if not isinstance(article, str):
            raise UsageError(f"article is {type(article).__name__}; expected str")
        spans = text.iterate(article, lang)
        return self.stream_spans(((article[s.start : s.end], s) for s in spans), lang, all_scores, explain)

    def stream_articles(
        self, articles: Iterable[str], lang: str | None = None, all_scores: bool = False, explain: bool = False
    ) -> Iterator[tuple[int, int, TaggedSentence]]:  # fmt: skip
        """The sentences of any number of articles in flat memory, each with the number of its article and its own in it, from 0.

        They come in order, short articles share batches, and one without sentences gives none.
        :raises UsageError: where `articles` holds something that is not a string.
        """
        places: deque[tuple[int, int]] = deque()

        def items() -> Iterator[tuple[str, text.Span]]:
            for i, article in enumerate(articles):
                for number, span in enumerate(text.iterate(_checked(article, i, "articles"), lang)):
                    places.append((i, number))
                    yield article[span.start : span.end], span

        for sentence in self.stream_spans(items(), lang, all_scores, explain):
            yield *places.popleft(), sentence

    def stream_spans(
        self, items: Iterable[tuple[str, text.Span]], lang: str | None = None, all_scores: bool = False, explain: bool = False
    ) -> Iterator[TaggedSentence]:  # fmt: skip
        """`stream` of sentences with the places where they stand in their articles."""
        if explain and self.second:
            yield from self.second.stream_spans(items, lang, all_scores, explain)  # whose words they are, must have tagged them
            return
        supported = self.folder.manifest.languages
        waiting: deque[tuple[list[tuple[str, text.Span]], list[text.Analysis]]] = deque()

        def normalized() -> Iterator[list[str]]:
            for chunk in _chunks(items, EXPLAINED_AT_ONCE if explain else CHUNK):
                waiting.append((chunk, [text.analyze(t, lang, supported) for t, _ in chunk]))
                yield [analysis.normalized for analysis in waiting[-1][1]]

        for judged in self._judge(normalized()):
            chunk, analyses = waiting.popleft()
            tagged = self._sentences(chunk, analyses, judged, all_scores)
            yield from self._explained(tagged, [analysis.normalized for analysis in analyses]) if explain else tagged

    def _judge(self, chunks: Iterable[list[str]]) -> Iterator["_Judged"]:
        """What is decided of each chunk of normalised texts; a text that is not sure enough goes on to `self.second`."""
        if self.second is None:
            yield from (judged for _, judged in self._judge_alone(chunks))
            return
        first: deque[tuple[_Judged, npt.NDArray[np.intp]]] = deque()

        def unsure() -> Iterator[list[str]]:
            for texts, judged in self._judge_alone(chunks):
                rows = np.flatnonzero(judged.doubt >= self.pass_on_from)
                first.append((judged, rows))
                yield [texts[i] for i in rows]

        for better in self.second._judge(unsure()):
            judged, rows = first.popleft()
            yield judged.with_rows(rows, better)

    def _judge_alone(self, chunks: Iterable[list[str]]) -> Iterator[tuple[list[str], "_Judged"]]:
        """Each chunk and what this model by itself decides of it."""
        read: deque[list[str]] = deque()

        def kept() -> Iterator[list[str]]:
            for chunk in chunks:
                read.append(chunk)
                yield chunk

        for logits, truncated in self.encoder.stream(kept()):
            texts = read.popleft()
            yield texts, self._decide(texts, logits, truncated)

    def _decide(self, texts: Sequence[str], logits: npt.NDArray[np.float32], truncated: Bools) -> "_Judged":
        decoder = self.decoder
        scores = decoder.scores(logits)
        readable = _readable(texts)
        chosen = decoder.decide(scores) & readable[:, None]
        bad: Bools = np.asarray(np.isnan(scores).any(axis=1))
        none = np.where(readable, decoder.none_scores(scores), 1.0)
        doubt = np.where(readable & ~bad, decoder.expected_errors(scores, chosen), 0.0)
        return _Judged(scores, chosen, none, doubt, doubt >= decoder.uncertain_from, truncated, bad)

    def _sentences(
        self, items: Sequence[tuple[str, text.Span]], analyses: Sequence[text.Analysis], judged: "_Judged", all_scores: bool
    ) -> list[TaggedSentence]:  # fmt: skip
        areas = self._ranked(judged.scores, judged.chosen & ~judged.bad[:, None])
        scores = self._ranked(judged.scores, np.ones_like(judged.chosen), keep_order=True) if all_scores else None
        columns = (np.round(judged.none, 4).tolist(), judged.uncertain.tolist(), judged.truncated.tolist(), judged.bad.tolist())
        return [
            TaggedSentence(
                *(span.start, span.end, sentence, analysis.lang),
                areas=areas[i], truncated=truncated, forced=span.forced, none=none, uncertain=uncertain, unsupported=analysis.unsupported,
                all_scores=None if scores is None or bad else scores[i], error=NOT_FINITE if bad else None,
            )
            for i, ((sentence, span), analysis, none, uncertain, truncated, bad) in enumerate(zip(items, analyses, *columns, strict=True))
        ]  # fmt: skip

    def _explained(self, tagged: Sequence[TaggedSentence], normalised: Sequence[str]) -> list[TaggedSentence]:
        """The sentences, each area with its evidence, its score without it, and the nearest labelled sentences."""
        number = {area: i for i, area in enumerate(self.decoder.areas)}
        rows = [i for i, sentence in enumerate(tagged) if sentence.areas]
        readings = dict(zip(rows, self.encoder.read([normalised[i] for i in rows]), strict=True))
        found: dict[tuple[int, str], tuple[Evidence, ...]] = {}
        for i in rows:
            words = evidence.words(normalised[i], readings[i])
            origin = evidence.locate(tagged[i].text, normalised[i], tagged[i].lang)
            for area in tagged[i].areas:
                carriers = evidence.carriers(words, number[area.id])
                found[i, area.id] = evidence.spans(tagged[i].text, carriers, origin, number[area.id])
        rest = [text.normalize(evidence.without(tagged[i].text, spans), tagged[i].lang) for (i, _), spans in found.items()]
        left = self.decoder.scores(self.encoder.logits(rest)[0]) if rest else np.empty((0, len(number)))
        lower = {key: round(float(left[k, number[key[1]]]), 4) for k, key in enumerate(found)}

        def explained(i: int, area: AreaScore) -> AreaScore:
            nearest = self._examples.nearest(readings[i].vector, number[area.id])
            return replace(area, evidence=found[i, area.id], without=lower[i, area.id], nearest=nearest)

        return [replace(sentence, areas=tuple(explained(i, area) for area in sentence.areas)) for i, sentence in enumerate(tagged)]

    @cached_property
    def _examples(self) -> evidence.Examples:
        return evidence.Examples(self.folder.examples, self.folder.path / "examples.npz", self.decoder.areas)

    def _ranked(self, scores: Floats, mask: Bools, keep_order: bool = False) -> list[tuple[AreaScore, ...]]:
        """The areas of each row under `mask` (n, A), highest score first; equal scores keep manifest order."""
        rows, columns = np.nonzero(mask)
        found = scores[rows, columns]
        if not keep_order:
            order = np.lexsort((columns, -found, rows))
            rows, columns, found = rows[order], columns[order], found[order]
        ranked: list[list[AreaScore]] = [[] for _ in mask]
        for row, column, score in zip(rows.tolist(), columns.tolist(), np.round(found, 4).tolist(), strict=True):
            ranked[row].append(AreaScore(self.decoder.areas[column], score))
        return [tuple(areas) for areas in ranked]

    def logits(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Raw logits (n, A) of texts in their detected language, before calibration: what thresholds are fitted on."""
        return self.encoder.logits(_normalised(texts))[0]

    def vectors(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """The mean vector of each text, (n, H), in its detected language: what the nearest examples are found by."""
        return self.encoder.vectors(_normalised(texts))

    def pieces(self, texts: Sequence[str]) -> tuple[int, int]:
        """Of how many vocabulary pieces the texts are made, and how many of them the model does not know."""
        return self.encoder.pieces(_normalised(texts))

    def info(self) -> dict[str, Any]:
        """What is loaded, where it runs, and its limits, as JSON values."""
        manifest = self.folder.manifest
        keep = (
            "name",
            "base_model",
            "teacher",
            "precision",
            "max_length",
            "languages",
            "data_hash",
            "run_id",
            "git_commit",
            "created",
        )
        about = {key: getattr(manifest, key) for key in keep}
        return {
            **about,
            "digest": manifest.digest,
            "path": str(self.folder.path),
            "device": self.encoder.device,
            "goals": list(manifest.goals),
            "areas": manifest.areas,
            **({"second": self.second.info()} if self.second else {}),
        }

    def verify(self) -> float:
        """Runs the golden texts shipped in the folder and returns the largest |Δlogit| from their recorded logits.

        :raises ModelError: if it exceeds `GOLDEN_TOLERANCE`, or a golden text that is not near a threshold has other areas.
        """
        file = self.folder.path / "golden.json"
        golden = self.folder.golden
        try:
            texts, expected = (
                [g["text"] for g in golden["items"]],
                np.array([g["logits"] for g in golden["items"]], dtype=np.float64),
            )
            areas = [g["areas"] for g in golden["items"]]
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{file}: is not a list of golden texts ({error!r}); get the folder again") from error
        logits = self.logits(texts)
        if logits.shape != expected.shape:
            raise ModelError(f"{file}: golden logits have shape {expected.shape}, the model gives {logits.shape}; get the folder again")
        difference = float(np.abs(logits - expected).max(initial=0.0))
        tolerance = GOLDEN_TOLERANCE.get(self.folder.manifest.precision, 0.0)
        wrong = self._tagged_otherwise(texts, logits, areas, tolerance)
        if not difference <= tolerance or wrong:
            raise ModelError(
                f"{file}: logits differ by {difference:.2g} (at most {tolerance} expected), "
                f"{wrong} texts are tagged otherwise; this runtime does not compute what the model was released with"
            )
        return max(difference, self.second.verify()) if self.second else difference

    def _tagged_otherwise(self, texts: Sequence[str], logits: Any, areas: list[list[str]], tolerance: float) -> int:
        """How many texts differ in an area that stays on one side of its threshold if its logit moves by `tolerance`."""
        decoder = self.folder.manifest.decoder()

        def decide(shift: Any) -> npt.NDArray[np.bool_]:
            return decoder.decide(decoder.scores(logits + shift)) & _readable(texts)[:, None]

        if decoder.single:  # the highest stays the highest if it is pushed down, and only it
            highest = np.arange(logits.shape[1]) == logits.argmax(axis=1)[:, None]
            sure = (decide(0.0) == decide(np.where(highest, -2 * tolerance, 0.0))).all(axis=1, keepdims=True)
        else:
            sure = decide(-tolerance) == decide(tolerance)
        gold = np.array([[area in chosen for area in decoder.areas] for chosen in areas]).reshape(logits.shape)
        return int((sure & (decide(0.0) != gold)).any(axis=1).sum())


Thresholds = float | Mapping[str, float]


def decoder_at(manifest: artifact.Manifest, decoder: Decoder, goal: str | None, thresholds: Thresholds | None) -> Decoder:
    """A model's decoder at a goal and with thresholds over it, see `Tagger.at`.

    :raises UsageError: if the goal or an area is unknown, or a threshold is no number in [0, 1].
    """
    chosen = np.array(decoder.thresholds, dtype=np.float64)
    if goal is not None:
        goals = manifest.goals
        if goal not in goals:
            if not goals:
                raise UsageError(f"goal is {goal!r}, but this model gives each text its one likeliest label; it has no goals")
            raise UsageError(f"goal is {goal!r}; this model has {', '.join(goals)}; `cooptag-train export --goal {goal}` makes another")
        chosen = np.array(goals[goal])
    number = {area: i for i, area in enumerate(decoder.areas)}
    values = thresholds if isinstance(thresholds, Mapping) else {} if thresholds is None else dict.fromkeys(decoder.areas, thresholds)
    for area, value in values.items():
        if area not in number:
            near = difflib.get_close_matches(area, number, n=1, cutoff=0.0)
            raise UsageError(f"no area {area!r} to set a threshold for; the nearest known one is {near[0]!r}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise UsageError(f"the threshold of {area} is {value!r}; expected a number from 0 to 1")
        chosen[number[area]] = value
    return decoder.with_thresholds(chosen)


def choices(goal: str | None, thresholds: Iterable[str]) -> Iterator[tuple[str | None, Thresholds | None]]:
    """What to call `Tagger.at` with, one after the other, for a goal and thresholds written as "0.6" or "climate=0.8".

    :raises UsageError: if a threshold is not written so.
    """
    yield goal, None
    for given in thresholds:
        area, equals, value = given.rpartition("=")
        try:
            number = float(value)
        except ValueError as error:
            raise UsageError(f"--threshold is {given!r}; expected a number from 0 to 1, or area=number") from error
        yield None, {area: number} if equals else number


def at_options(tagger: Tagger, goal: str | None, thresholds: Iterable[str]) -> Tagger:
    """The tagger at each of `choices`.

    :raises UsageError: if a threshold is not written so, or `Tagger.at` refuses it.
    """
    for choice in choices(goal, thresholds):
        tagger = tagger.at(*choice)
    return tagger


@dataclass(frozen=True)
class _Judged:
    """What was decided of n texts: scores and chosen areas (n, A); the others (n,). `doubt` is the expected number of wrong areas."""

    scores: Floats
    chosen: Bools
    none: Floats
    doubt: Floats
    uncertain: Bools
    truncated: Bools
    bad: Bools

    def with_rows(self, rows: npt.NDArray[np.intp], other: "_Judged") -> "_Judged":
        """The same with these rows, (k,), as another judged its k texts."""
        for column in fields(self):
            getattr(self, column.name)[rows] = getattr(other, column.name)
        return self


def _checked(item: Any, i: int, of: str = "texts") -> str:
    if not isinstance(item, str):
        raise UsageError(f"{of}[{i}] is {type(item).__name__}; expected str")
    return item


def _chunks(items: Iterable[Any], most: int) -> Iterator[list[Any]]:
    """The items in chunks, each twice the one before up to `most`: the network begins while the second chunk is read."""
    iterator, size = iter(items), min(FIRST_CHUNK, most)
    while chunk := list(islice(iterator, size)):
        yield chunk
        size = min(2 * size, most)


def _normalised(texts: Sequence[str]) -> list[str]:
    """Texts as the encoder reads them, each in its detected language."""
    return [text.analyze(t).normalized for t in texts]


_DIGIT = re.compile(r"\d")


def _readable(texts: Sequence[str]) -> Bools:
    """Which texts have letters, and no more digits than letters, (n,): the others are signs, datelines and figures, and name nothing."""
    return np.array([any(map(str.isalpha, t)) and (not _DIGIT.search(t) or _mostly_letters(t)) for t in texts], dtype=bool)


def _mostly_letters(text: str) -> bool:
    return sum(map(str.isalpha, text)) >= sum(map(str.isdigit, text))
