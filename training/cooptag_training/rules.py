"""What the corpus must be: the limits of configs/corpus.yaml, held against the measures of `variety` and `agreement`."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from cooptag.errors import InputError, UsageError
from cooptag_training import agreement, dataset, variety
from cooptag_training.agreement import Reading
from cooptag_training.areas import AreaEntry
from cooptag_training.corpus import KINDS, NONE_REASONS, Article
from cooptag_training.split import Row

DEFAULT_FILE = Path(__file__).resolve().parents[2] / "configs" / "corpus.yaml"
Range = tuple[float, float]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _ascending(years: tuple[int, int]) -> tuple[int, int]:
    if years[0] > years[1]:
        raise ValueError(f"{list(years)} is no range; expected the first year first")
    return years


class Rules(_Strict):
    """The limits. Shares are in [0, 1]; a range is [least, most].

    - `articles`, `sentences`: at least so many; `sentences_by_language`: in each language.
    - `area_sentences`: each area in at least so many sentences, in "all" and in single languages.
    - `none_sentences`: each reason of «none», at least so many in each language named; `off_topic`: in all.
    - `label_counts`: share of sentences with 0, 1, 2, 3 and "4+" areas. `median_characters`: of a sentence, by language.
    - `kind_articles`, `year_articles`: each kind, and each year of `years`, at least so many articles; `parties`: different ones;
      `party_area_share`: of the labelled sentences of no party with at least `party_sentences` does one area have more, but for
      `sectoral_bodies`, which are made for one area.
    - `repeated_sentences`: at most so many pairs of sentences of different articles nearly repeat. `translated_sentences`: so many pairs
      with a cosine of at least `translated_cosine` make one of two articles the other's translation; single pairs are standing formulas.
    - `cue_mentions`, `cue_sentences`: most that a keyword search may find, see `variety.cue_share`.
    - `repetition`: most of the running n-grams that two articles may share; `growth`: least exponent of vocabulary growth, by language.
    - `separability`: most AUC at which the English sentences are told from each of `Corpus.others`, see `variety.separability`.
    - `second_readings`: sentences labelled twice at least, all settled, with `agreement` (micro-F1) at least.
    """

    articles: int
    sentences: int
    sentences_by_language: dict[str, int]
    area_sentences: dict[str, int]
    none_sentences: dict[str, int]
    off_topic: int
    label_counts: dict[Literal["0", "1", "2", "3", "4+"], Range]
    median_characters: dict[str, Range]
    kind_articles: int
    years: Annotated[tuple[int, int], AfterValidator(_ascending)]
    year_articles: int
    parties: int
    party_sentences: int
    party_area_share: float
    sectoral_bodies: frozenset[str]
    repeated_sentences: int
    translated_sentences: int
    translated_cosine: float
    cue_mentions: float
    cue_sentences: float
    repetition: float
    growth: dict[str, float]
    separability: float
    second_readings: int
    agreement: float


def load(path: Path = DEFAULT_FILE) -> Rules:
    """Reads a rules file.

    :raises UsageError: one line naming the file, the key and what was expected.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf8"))
        if not isinstance(data, dict):
            raise UsageError(f"{path}: is a {type(data).__name__}, expected keys and values; see configs/corpus.yaml")
        return Rules.model_validate(data)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path}: cannot be read as YAML ({' '.join(str(error).split())}); see configs/corpus.yaml") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}; see configs/corpus.yaml") from error


@dataclass(frozen=True)
class Finding:
    """One rule held against the corpus; `problems` is empty where it passes."""

    rule: str
    measured: str
    problems: tuple[str, ...]
    skipped: bool = False


@dataclass(frozen=True)
class Corpus:
    """What the rules look at.

    :param vectors: sentence vectors (n, H) of a multilingual encoder, in the order of `rows`, or None to leave translations unchecked.
    :param others: English sentences by others, under the name of their file; without them separability is unchecked.
    """

    articles: Sequence[Article]
    entries: Sequence[AreaEntry]
    readings: Sequence[Reading]
    vectors: npt.NDArray[np.float32] | None = None
    others: Mapping[str, Sequence[Row]] = field(default_factory=dict)

    @cached_property
    def rows(self) -> list[Row]:
        """Every sentence."""
        return dataset.from_articles(self.articles)

    @cached_property
    def by_lang(self) -> dict[str, list[Row]]:
        """The sentences of each language."""
        langs = dict.fromkeys(row.lang for row in self.rows)
        return {lang: [row for row in self.rows if row.lang == lang] for lang in langs}


def check(corpus: Corpus, rules: Rules) -> list[Finding]:
    """Every rule's finding, in the order of the rules file; a rule whose input `corpus` lacks is skipped, and says so."""
    lacks = {
        "translations": "" if corpus.vectors is not None else "needs sentence vectors",
        "separability": "" if corpus.others else "needs other text (--against)",
    }
    return [
        Finding(rule, lacks[rule], (), skipped=True) if lacks.get(rule) else Finding(rule, *holds(corpus, rules))
        for rule, holds in RULES.items()
    ]


Held = tuple[str, tuple[str, ...]]
RULES: dict[str, Callable[[Corpus, Rules], Held]] = {}


def _rule(name: str) -> Callable[[Callable[[Corpus, Rules], Held]], Callable[[Corpus, Rules], Held]]:
    def register(function: Callable[[Corpus, Rules], Held]) -> Callable[[Corpus, Rules], Held]:
        RULES[name] = function
        return function

    return register


def _too_few(found: dict[str, int], least: dict[str, int]) -> tuple[str, ...]:
    return tuple(f"{name}: {found.get(name, 0)}, expected at least {n}" for name, n in least.items() if found.get(name, 0) < n)


def _outside(found: Mapping[str, Any], ranges: Mapping[Any, Range], shape: str) -> tuple[str, ...]:
    return tuple(
        f"{name}: {format(found.get(name, 0), shape)}, expected {format(low, shape)} to {format(high, shape)}"
        for name, (low, high) in ranges.items()
        if not low <= found.get(name, 0) <= high
    )


@_rule("size")
def _size(corpus: Corpus, rules: Rules) -> Held:
    found = {"articles": len(corpus.articles), "sentences": len(corpus.rows)}
    return (
        f"{found['sentences']} sentences, {found['articles']} articles",
        _too_few(found, {"articles": rules.articles, "sentences": rules.sentences}),
    )


@_rule("languages")
def _languages(corpus: Corpus, rules: Rules) -> Held:
    found = {lang: len(rows) for lang, rows in corpus.by_lang.items()}
    return f"{len(found)} languages", _too_few(found, rules.sentences_by_language)


@_rule("areas")
def _areas(corpus: Corpus, rules: Rules) -> Held:
    table = variety.areas(corpus.rows)
    counts = {"all": table.total, **table.by_lang}
    least = min((counts["all"][e.area.id], e.area.id) for e in corpus.entries)
    problems = [
        f"{entry.area.id} in {lang}: {found}, expected at least {n}"
        for lang, n in rules.area_sentences.items()
        for entry in corpus.entries
        if (found := counts[lang][entry.area.id] if lang in counts else 0) < n
    ]
    return f"rarest {least[1]} in {least[0]} sentences", tuple(problems)


@_rule("none reasons")
def _none_reasons(corpus: Corpus, rules: Rules) -> Held:
    table = variety.none_reasons(corpus.rows)
    found = {
        (reason, lang): table.by_lang[lang][reason] if lang in table.by_lang else 0
        for reason in NONE_REASONS
        for lang in rules.none_sentences
    }
    problems = [
        f"{reason} in {lang}: {n}, expected at least {rules.none_sentences[lang]}"
        for (reason, lang), n in found.items()
        if n < rules.none_sentences[lang]
    ]
    off_topic = table.total["off_topic"]
    if off_topic < rules.off_topic:
        problems.append(f"off_topic: {off_topic}, expected at least {rules.off_topic}")
    return f"fewest of one kind {min(found.values(), default=0)}; {off_topic} off-topic", tuple(problems)


@_rule("label counts")
def _label_counts(corpus: Corpus, rules: Rules) -> Held:
    shares = variety.label_counts(corpus.rows)
    return ", ".join(f"{n}: {share:.0%}" for n, share in shares.items()), _outside(shares, rules.label_counts, ".1%")


@_rule("lengths")
def _lengths(corpus: Corpus, rules: Rules) -> Held:
    medians = {lang: row["median"] for lang, row in variety.lengths(corpus.rows).items()}
    shown = ", ".join(f"{lang} {medians.get(lang, 0)}" for lang in rules.median_characters)
    return f"median characters {shown}", _outside(medians, rules.median_characters, ".0f")


@_rule("kinds and years")
def _kinds_and_years(corpus: Corpus, rules: Rules) -> Held:
    kinds, years = variety.kinds(corpus.articles).total, variety.years(corpus.articles).total
    wanted_years = [str(year) for year in range(rules.years[0], rules.years[1] + 1)]
    problems = _too_few(kinds, dict.fromkeys(KINDS, rules.kind_articles)) + _too_few(
        years, dict.fromkeys(wanted_years, rules.year_articles)
    )
    return f"rarest kind in {min(kinds[k] for k in KINDS)} articles, rarest year in {min(years[y] for y in wanted_years)}", problems


@_rule("parties")
def _parties(corpus: Corpus, rules: Rules) -> Held:
    names = variety.parties(corpus.articles).total
    shares = [row for row in variety.party_area_shares(corpus.articles, rules.party_sentences) if row[0] not in rules.sectoral_bodies]
    problems = [f"{party}: {share:.0%} of its {n} labelled sentences carry {area}" for party, area, share, n in shares
                if share > rules.party_area_share]  # fmt: skip
    if len(names) < rules.parties:
        problems.append(f"{len(names)} parties, expected at least {rules.parties}")
    most = f"; most one-sided {shares[0][0]}, {shares[0][2]:.0%} {shares[0][1]}" if shares else ""
    return f"{len(names)} parties{most}", tuple(problems)


@_rule("repeated sentences")
def _repeated(corpus: Corpus, rules: Rules) -> Held:
    pairs = variety.repeated_sentences(corpus.rows)
    problems = [f"{a} and {b} nearly repeat" for a, b in pairs] if len(pairs) > rules.repeated_sentences else []
    return f"{len(pairs)} pairs", tuple(problems)


@_rule("translations")
def _translations(corpus: Corpus, rules: Rules) -> Held:
    assert corpus.vectors is not None  # noqa: S101 - check() leaves the rule out without vectors
    pairs = variety.translated_sentences(corpus.rows, corpus.vectors, rules.translated_cosine)
    articles = Counter((a.rsplit(":", 1)[0], b.rsplit(":", 1)[0]) for a, b, _ in pairs)
    problems = [f"{a} and {b} say the same in {n} sentences" for (a, b), n in articles.most_common() if n >= rules.translated_sentences]
    return f"{len(pairs)} pairs of sentences, at most {max(articles.values(), default=0)} in two articles", tuple(problems)


@_rule("cues")
def _cues(corpus: Corpus, rules: Rules) -> Held:
    found = variety.cue_share(corpus.rows, variety.CueList(corpus.entries))
    limits = {"mentions": (0.0, rules.cue_mentions), "sentences": (0.0, rules.cue_sentences)}
    return f"a keyword search finds {found['mentions']:.1%} of the areas, all in {found['sentences']:.1%} of the sentences", _outside(
        found, limits, ".1%"
    )


@_rule("repetition")
def _repetition(corpus: Corpus, rules: Rules) -> Held:
    found = {lang: variety.repetition(rows) for lang, rows in corpus.by_lang.items()}
    problems = [f"{lang}: {share:.2%} of the long word sequences stand in several articles, at most {rules.repetition:.2%}; «{most[0][0]}»"
                for lang, (share, most) in found.items() if share > rules.repetition]  # fmt: skip
    share, lang = max(((share, lang) for lang, (share, _) in found.items()), default=(0.0, ""))
    return f"at most {share:.2%} ({lang}) of the long word sequences shared", tuple(problems)


@_rule("growth")
def _growth(corpus: Corpus, rules: Rules) -> Held:
    found = {lang: variety.growth(corpus.by_lang.get(lang, []))["exponent"] for lang in rules.growth}
    problems = [f"{lang}: vocabulary grows with exponent {found[lang]:.2f}, expected at least {least:.2f}"
                for lang, least in rules.growth.items() if found[lang] < least]  # fmt: skip
    return ", ".join(f"{lang} {exponent:.2f}" for lang, exponent in found.items()), tuple(problems)


@_rule("separability")
def _separability(corpus: Corpus, rules: Rules) -> Held:
    told = {name: variety.separability(corpus.by_lang.get("en", []), others) for name, others in corpus.others.items()}
    problems = [f"told from {name} at AUC {t['auc']:.3f}, at most {rules.separability}, by {t['ours'][:6]} against {t['others'][:6]}"
                for name, t in told.items() if t["auc"] > rules.separability]  # fmt: skip
    return ", ".join(f"told from {name} at AUC {t['auc']:.3f}" for name, t in told.items()), tuple(problems)


@_rule("second reading")
def _second_reading(corpus: Corpus, rules: Rules) -> Held:
    result = agreement.report(corpus.readings, [entry.area.id for entry in corpus.entries])
    problems = agreement.unsettled(corpus.readings, corpus.articles)
    if result["n"] < rules.second_readings:
        problems.append(f"{result['n']} sentences read twice, expected at least {rules.second_readings}")
    if result["micro_f1"] < rules.agreement:
        problems.append(f"the readers agree at micro-F1 {result['micro_f1']:.3f}, expected at least {rules.agreement}")
    return f"{result['n']} sentences, micro-F1 {result['micro_f1']:.3f}, alpha {result['alpha']:.3f}", tuple(problems)


def describe(findings: Sequence[Finding], most: int = 8) -> Iterator[str]:
    """A line for each rule, and below a failed one its first `most` problems."""
    for finding in findings:
        state = "FAILED" if finding.problems else "skipped" if finding.skipped else "passed"
        yield f"{state:<9}{finding.rule:<20}{finding.measured}"
        yield from (f"        {problem}" for problem in finding.problems[:most])
        if len(finding.problems) > most:
            yield f"        … and {len(finding.problems) - most} more"


def require(findings: Sequence[Finding]) -> None:
    """Raises if a rule fails.

    :raises InputError: naming the rules that fail.
    """
    if failed := [finding.rule for finding in findings if finding.problems]:
        raise InputError(f"the corpus breaks {len(failed)} of {len(findings)} rules: {', '.join(failed)}; see the lines above")
