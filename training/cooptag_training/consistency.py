"""Do parallel sentences get the same tags, whatever their language? And do the words that are shown really carry the tags?"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cooptag import Tagger
from cooptag.errors import InputError
from cooptag.types import Evidence
from cooptag_training import jsonl
from cooptag_training.evaluate import Served, check_labels
from cooptag_training.fit import label_matrix
from cooptag_training.metrics import Bools, precision_recall_f1
from cooptag_training.split import Row

DEFAULT_FILE = Path(__file__).resolve().parents[1] / "parallel.jsonl"


@dataclass(frozen=True)
class Parallel:
    """One content with its areas, worded in several languages."""

    id: str
    areas: tuple[str, ...]
    texts: dict[str, str]


def load(file: Path = DEFAULT_FILE) -> list[Parallel]:
    """Reads parallel sentences: one object a line with `id`, `areas` and `texts` by language.

    :raises InputError: naming the line at fault, or languages that are not the same throughout.
    """
    found: list[Parallel] = []
    expected = "lines of id, areas and texts by language"
    for number, data in jsonl.read(file, expected, ("id", "areas", "texts")):
        if not isinstance(data["areas"], list) or not isinstance(data["texts"], dict):
            raise InputError(f"{file}:{number}: areas is no list, or texts no object; expected {expected}")
        found.append(Parallel(str(data["id"]), tuple(data["areas"]), {lang: str(text) for lang, text in data["texts"].items()}))
        if set(found[-1].texts) != set(found[0].texts) or len(found[-1].texts) < 2:
            raise InputError(f"{file}:{number}: has the languages {', '.join(found[-1].texts)}; expected the same two or more in each line")
    return found


def measure(tagger: Tagger, items: Sequence[Parallel]) -> dict[str, Any]:
    """How far the tags of parallel sentences agree.

    :returns: `languages`: for each its micro-F1 against the areas, and `agreement`, the mean micro-F1 between its tags and those of each
        other language; `agreement` over all pairs; `same`: share of (sentence, pair of languages) with the very same tags;
        `sentences`: those on which languages differ most, with the areas each misses or adds.
    :raises InputError: if the set has areas that the model does not know.
    """
    areas = list(tagger.decoder.areas)
    langs = list(items[0].texts)
    rows = {lang: [Row(item.id, item.texts[lang], item.areas, lang, item.id) for item in items] for lang in langs}
    check_labels(rows[langs[0]], areas)
    gold = label_matrix(rows[langs[0]], areas)
    tags = {lang: Served(tagger, rows[lang]).areas for lang in langs}
    pairs = {(a, b): precision_recall_f1(tags[a], tags[b])["f1"] for i, a in enumerate(langs) for b in langs[i + 1 :]}
    same = np.mean([(tags[a] == tags[b]).all(1).mean() for a, b in pairs])
    languages = [
        {
            "lang": lang,
            **precision_recall_f1(gold, tags[lang]),
            "agreement": float(np.mean([f1 for pair, f1 in pairs.items() if lang in pair])),
        }
        for lang in langs
    ]
    differing = sorted(range(len(items)), key=lambda i: -sum(int((tags[lang][i] != gold[i]).sum()) for lang in langs))
    sentences = [_differences(items[i], gold[i], {lang: tags[lang][i] for lang in langs}, areas) for i in differing]
    return {
        "n": len(items), "agreement": float(np.mean(list(pairs.values()))), "same": float(same),
        "languages": sorted(languages, key=lambda row: -row["f1"]), "sentences": [row for row in sentences if row["wrong"]],
    }  # fmt: skip


def _differences(item: Parallel, gold: Bools, tags: dict[str, Bools], areas: Sequence[str]) -> dict[str, Any]:
    wrong = {}
    for i, area in enumerate(areas):
        if langs := [lang for lang, found in tags.items() if found[i] != gold[i]]:
            wrong[f"{area} {'missed' if gold[i] else 'added'}"] = langs
    return {"id": item.id, "text": item.texts.get("en") or next(iter(item.texts.values())), "wrong": wrong}


def describe(result: dict[str, Any], shown: int = 12) -> str:
    """The measurement as lines for a person."""
    lines = [
        f"{result['n']} sentences in {len(result['languages'])} languages",
        f"tags of two languages agree at micro-F1 {result['agreement']:.3f}; {result['same']:.0%} of the pairs are the very same",
        "",
        f"{'language':<10}{'F1':>7}{'precision':>11}{'recall':>8}{'agreement':>11}",
    ]
    for row in result["languages"]:
        lines.append(f"{row['lang']:<10}{row['f1']:>7.3f}{row['precision']:>11.2f}{row['recall']:>8.2f}{row['agreement']:>11.3f}")
    lines += ["", "where it fails most:"]
    for row in result["sentences"][:shown]:
        wrong = "; ".join(f"{what} in {', '.join(langs)}" for what, langs in row["wrong"].items())
        lines.append(f"{row['id']}: {row['text'][:100]}\n    {wrong}")
    return "\n".join(lines)


def faithfulness(tagger: Tagger, rows: Sequence[Row], seed: int = 0) -> dict[str, float]:
    """Deletes the evidence of every tag, and as many words drawn at random (comprehensiveness, DeYoung et al. 2020).

    :returns: `tags`; the mean score of them, `without` their evidence, without `random` words; and the share of tags that fall
        below their threshold in each case; `evidence_share`: the mean share of a sentence's letters that is evidence.
    """
    draw = random.Random(seed)  # noqa: S311
    tagged = [s for s in tagger.tag([row.text for row in rows], explain=True) if s.areas]
    cases = [(s, area) for s in tagged for area in s.areas]
    texts = [_without_random(s.text, area.evidence or (), draw) for s, area in cases]
    number = {area: i for i, area in enumerate(tagger.decoder.areas)}
    left = tagger.decoder.scores(tagger.logits(texts)) if texts else np.zeros((0, len(number)))
    chance = np.array([left[k, number[area.id]] for k, (_, area) in enumerate(cases)])
    score, without = (np.array([getattr(area, key) for _, area in cases]) for key in ("score", "without"))
    # Of one label each, a tag is lost where another may be likelier.
    threshold = np.array([0.5 if tagger.decoder.single else tagger.decoder.thresholds[number[area.id]] for _, area in cases])
    share = [sum(e.end - e.start for e in area.evidence or ()) / len(s.text) for s, area in cases]
    return {
        "tags": len(cases), "score": float(score.mean()), "without": float(without.mean()), "random": float(chance.mean()),
        "lost_without": float((without < threshold).mean()), "lost_random": float((chance < threshold).mean()),
        "evidence_share": float(np.mean(share)),
    }  # fmt: skip


def _without_random(text: str, evidence: Sequence[Evidence], draw: random.Random) -> str:
    """The text without spans as long as the evidence's, each moved to a place drawn at random."""
    for length in sorted((e.end - e.start for e in evidence), reverse=True):
        start = draw.randrange(max(1, len(text) - length + 1))
        text = text[:start] + text[start + length :]
    return text
