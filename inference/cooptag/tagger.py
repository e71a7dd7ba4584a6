"""`Tagger`: load a model folder, tag sentences, tag an article."""

import copy
import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from cooptag import artifact, evidence, text
from cooptag.decode import Bools, Floats
from cooptag.errors import ModelError, UsageError
from cooptag.types import Area, AreaScore, Evidence, TaggedSentence

NOT_FINITE = "not_finite: the model returned NaN or infinity for this text"
# What every token adds to every logit is kept for so many sentences at a time.
EXPLAINED_AT_ONCE = 64
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
        self.folder = folder
        self.decoder = folder.manifest.decoder()
        self.encoder = Encoder(folder, device, threads)

    @classmethod
    def load(cls, model: str | os.PathLike[str] | None = None, device: str = "auto", threads: int | None = None) -> "Tagger":
        """The shipped model, a shipped model's name, or a folder; every file's digest is checked first.

        :raises ModelError: if the folder is absent, damaged or not a cooptag model.
        :raises UsageError: if the device is unknown or cannot be had.
        """
        return cls(artifact.load(artifact.find(model)), device, threads)

    def at(self, goal: str | None = None, thresholds: float | Mapping[str, float] | None = None) -> "Tagger":
        """The same model deciding by other thresholds; it shares the loaded network.

        :param goal: one that the folder holds thresholds for, such as "precision=0.9"; None keeps the present ones.
        :param thresholds: one for all areas, or some areas' by id, in [0, 1]; they go over the goal's.
        :raises UsageError: if the goal or an area is unknown, or a threshold is no number in [0, 1].
        """
        chosen = self.decoder.thresholds
        if goal is not None:
            goals = self.folder.manifest.goals
            if goal not in goals:
                if not goals:
                    raise UsageError(f"goal is {goal!r}, but this model gives each text its one likeliest label; it has no goals")
                raise UsageError(f"goal is {goal!r}; this model has {', '.join(goals)}; `cooptag-train export --goal {goal}` makes another")
            chosen = np.array(goals[goal])
        if thresholds is not None:
            chosen = self._overridden(chosen, thresholds)
        other = copy.copy(self)
        other.decoder = self.decoder.with_thresholds(chosen)
        return other

    def _overridden(self, chosen: Floats, thresholds: float | Mapping[str, float]) -> Floats:
        values = thresholds if isinstance(thresholds, Mapping) else dict.fromkeys(self.decoder.areas, thresholds)
        number = {area: i for i, area in enumerate(self.decoder.areas)}
        result = np.array(chosen, dtype=np.float64)
        for area, value in values.items():
            if area not in number:
                near = difflib.get_close_matches(area, number, n=1, cutoff=0.0)
                raise UsageError(f"no area {area!r} to set a threshold for; the nearest known one is {near[0]!r}")
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
                raise UsageError(f"the threshold of {area} is {value!r}; expected a number from 0 to 1")
            result[number[area]] = value
        return result

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
        items = list(texts)
        for i, item in enumerate(items):
            if not isinstance(item, str):
                raise UsageError(f"texts[{i}] is {type(item).__name__}; expected str")
        return self._tag_spans([(t, text.Span(0, len(t))) for t in items], lang, all_scores, explain)

    def tag_article(
        self, article: str, lang: str | None = None, all_scores: bool = False, explain: bool = False
    ) -> list[TaggedSentence]:  # fmt: skip
        """Splits an article into sentences and tags each; `start` and `end` are code-point offsets into `article`.

        The offsets of an explained area's words count from the start of their sentence.
        :raises UsageError: if `article` is not a string.
        """
        if not isinstance(article, str):
            raise UsageError(f"article is {type(article).__name__}; expected str")
        spans = text.segment(article, lang)
        return self._tag_spans([(article[s.start : s.end], s) for s in spans], lang, all_scores, explain)

    def _tag_spans(self, items: Sequence[tuple[str, text.Span]], lang: str | None, all_scores: bool, explain: bool) -> list[TaggedSentence]:
        langs = [lang or text.detect_language(t) for t, _ in items]
        normalised = [text.normalize(t, code) for (t, _), code in zip(items, langs, strict=True)]
        logits, truncated = self.encoder.logits(normalised)
        scores = self.decoder.scores(logits)
        chosen = self.decoder.decide(scores)
        empty = ~_readable(normalised)
        chosen &= ~empty[:, None]
        bad: Bools = np.asarray(np.isnan(scores).any(axis=1))
        none = self.decoder.none_scores(scores)
        uncertain: Bools = np.asarray(self.decoder.uncertain(scores, chosen) & ~empty & ~bad)
        tagged = [
            TaggedSentence(
                *(span.start, span.end, sentence, langs[i]),
                areas=() if bad[i] else self._ranked(scores[i], chosen[i]),
                truncated=bool(truncated[i]),
                forced=span.forced,
                none=1.0 if empty[i] else round(float(none[i]), 4),
                uncertain=bool(uncertain[i]),
                unsupported=self._unsupported(sentence, lang),
                all_scores=self._ranked(scores[i], np.ones_like(chosen[i]), keep_order=True) if all_scores and not bad[i] else None,
                error=NOT_FINITE if bad[i] else None,
            )
            for i, (sentence, span) in enumerate(items)
        ]
        if not explain:
            return tagged
        chunks = (slice(start, start + EXPLAINED_AT_ONCE) for start in range(0, len(tagged), EXPLAINED_AT_ONCE))
        return [sentence for chunk in chunks for sentence in self._explained(tagged[chunk], normalised[chunk])]

    def _unsupported(self, sentence: str, lang: str | None) -> str | None:
        supported = self.folder.manifest.languages
        if lang is None:
            return text.unsupported_language(sentence, supported)
        return None if text.base_code(lang) in supported else lang

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

    def _ranked(self, scores: Any, mask: Any, keep_order: bool = False) -> tuple[AreaScore, ...]:
        """The areas under `mask` (A,), highest score first; equal scores keep manifest order."""
        index = np.flatnonzero(mask)
        if not keep_order:
            index = index[np.argsort(-scores[index], kind="stable")]
        return tuple(AreaScore(self.decoder.areas[i], round(float(scores[i]), 4)) for i in index)

    def logits(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Raw logits (n, A) of texts in their detected language, before calibration: what thresholds are fitted on."""
        return self.encoder.logits(_normalised(texts))[0]

    def vectors(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """The mean vector of each text, (n, H), in its detected language: what the nearest examples are found by."""
        return self.encoder.vectors(_normalised(texts))

    def info(self) -> dict[str, Any]:
        """What is loaded, where it runs, and its limits, as JSON values."""
        manifest = self.folder.manifest
        keep = (
            "name",
            "base_model",
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
        return difference

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


def _normalised(texts: Sequence[str]) -> list[str]:
    """Texts as the encoder reads them, each in its detected language."""
    return [text.normalize(t, text.detect_language(t)) for t in texts]


def _readable(texts: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which texts have letters, and no more digits than letters, (n,): the others are signs, datelines and figures, and name nothing."""
    counts = ((sum(map(str.isalpha, t)), sum(map(str.isdigit, t))) for t in texts)
    return np.array([letters > 0 and letters >= digits for letters, digits in counts], dtype=bool)
