"""Scores of multi-label decisions. Everything takes gold and predicted areas as booleans of shape (n, A)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]


def precision_recall_f1(gold: Bools, predicted: Bools) -> dict[str, float]:
    """Micro-averaged over every cell; 0 where a ratio has no denominator."""
    hits, asked, given = int((gold & predicted).sum()), int(gold.sum()), int(predicted.sum())
    return {"precision": hits / max(given, 1), "recall": hits / max(asked, 1), "f1": 2 * hits / max(given + asked, 1)}


def krippendorff_alpha(first: Bools, second: Bools) -> float:
    """`alpha_of_counts` of two readers over yes-or-no cells of any shape, each of which both read."""
    return alpha_of_counts(first.astype(int) + second, np.full(first.shape, 2))


def alpha_of_counts(yes: npt.NDArray[np.integer], readers: npt.NDArray[np.integer]) -> float:
    """Krippendorff's alpha of any number of readers over yes-or-no cells, of which some may lack some readers (Krippendorff 2004,
    "Content Analysis", ch. 11; Hayes & Krippendorff 2007): 1 is full agreement, 0 what chance would give.

    :param yes: how many of the `readers` of each cell said yes; both of one shape. Cells with fewer than two readers do not count.
    :returns: 1 where nothing varies: nobody ever says yes, or everybody always does, or no cell has two readers.
    """
    several = readers >= 2
    yes, readers = yes[several], readers[several]
    values, given = int(readers.sum()), int(yes.sum())
    expected = 2 * given * (values - given) / max(values * (values - 1), 1)
    return 1.0 if expected == 0 else 1 - float((2 * yes * (readers - yes) / (readers - 1)).sum()) / values / expected


def f1_by_area(gold: Bools, predicted: Bools) -> Floats:
    """F1 of each area, (A,); NaN for an area that is neither in gold nor predicted."""
    hits, total = (gold & predicted).sum(0), gold.sum(0) + predicted.sum(0)
    return np.where(total > 0, 2 * hits / np.maximum(total, 1), np.nan)


def bootstrap_f1(gold: Bools, predicted: Bools, seed: int = 0, draws: int = 1000) -> tuple[float, float]:
    """95 % percentile interval of micro-F1 over resampled sentences (Efron 1979)."""
    if len(gold) == 0:
        return 0.0, 0.0
    generator = np.random.default_rng(seed)
    counts = np.stack([(gold & predicted).sum(1), gold.sum(1) + predicted.sum(1)], axis=1)
    share = np.full(len(gold), 1 / len(gold))
    hits, total = np.stack([generator.multinomial(len(gold), share) @ counts for _ in range(draws)]).T
    low, high = np.percentile(2 * hits / np.maximum(total, 1), [2.5, 97.5])
    return float(low), float(high)


def calibration_bins(gold: Bools, scores: Floats, bins: int = 10) -> list[dict[str, float]]:
    """Mean score and share of positives in equal-width bins over every (sentence, area) cell; empty bins are left out."""
    number = np.minimum((scores * bins).astype(int), bins - 1)
    rows = []
    for i in range(bins):
        inside = number == i
        if inside.any():
            rows.append({"low": i / bins, "high": (i + 1) / bins, "n": int(inside.sum()),
                         "mean_score": float(scores[inside].mean()), "positive_rate": float(gold[inside].mean())})  # fmt: skip
    return rows


def expected_calibration_error(gold: Bools, scores: Floats, bins: int = 10) -> float:
    """ECE (Naeini et al. 2015) over every (sentence, area) cell."""
    return sum(row["n"] * abs(row["mean_score"] - row["positive_rate"]) for row in calibration_bins(gold, scores, bins)) / max(gold.size, 1)


def binary_calibration(happened: Bools, scores: Floats) -> dict[str, float]:
    """ECE and area under the ROC curve of one event's probabilities (n,); AUC is 0.5 where it always or never happened."""
    from sklearn.metrics import roc_auc_score

    mixed = happened.any() and not happened.all()
    auc = float(roc_auc_score(happened, scores)) if mixed else 0.5
    return {"ece": expected_calibration_error(happened[:, None], scores[:, None]), "auc": auc}


def marked_errors(gold: Bools, predicted: Bools, marked: Bools) -> dict[str, float]:
    """How well the marked sentences (n,) hold the wrong ones: their share, that of the wrong ones caught, that of right ones outside."""
    wrong = (gold != predicted).any(1)
    return {
        "share": float(marked.mean()) if len(marked) else 0.0,
        "wrong_caught": float(marked[wrong].mean()) if wrong.any() else 1.0,
        "right_rest": float(1 - wrong[~marked].mean()) if (~marked).any() else 1.0,
    }


def none_false_positives(gold: Bools, predicted: Bools) -> float:
    """Share of the sentences without area that are given one; 0 without such sentences."""
    none = ~gold.any(1)
    return float(predicted[none].any(1).mean()) if none.any() else 0.0


def headline(report: dict[str, Any]) -> dict[str, float]:
    """The figures of a report that tables of several models show."""
    return {
        "micro_f1": report["micro"]["f1"], "low": report["micro"]["low"], "high": report["micro"]["high"], "macro_f1": report["macro_f1"],
        "none_false_positive_rate": report["none"]["false_positive_rate"],
        **{f"f1_{row['lang']}": row["f1"] for row in report["languages"]},
    }  # fmt: skip


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; the first line is its head."""
    head, *rest = lines
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rest))


def report(gold: Bools, scores: Floats, predicted: Bools, areas: Sequence[str], langs: Sequence[str]) -> dict[str, Any]:
    """Every figure that `cooptag-train evaluate` prints: see the keys.

    :param scores: calibrated scores, (n, A). :param langs: the language of each sentence, (n,).
    """
    low, high = bootstrap_f1(gold, predicted)
    none = ~gold.any(1)
    by_area = f1_by_area(gold, predicted)
    present = gold.any(0)
    return {
        "n": len(gold),
        "micro": {**precision_recall_f1(gold, predicted), "low": low, "high": high},
        "macro_f1": float(np.nan_to_num(by_area[present]).mean()) if present.any() else 0.0,
        "exact_match": float((gold == predicted).all(1).mean()) if len(gold) else 0.0,
        "none": {
            "n": int(none.sum()),
            "false_positive_rate": none_false_positives(gold, predicted),
        },
        "ece": expected_calibration_error(gold, scores),
        "areas": [_area_row(areas[i], gold[:, i], predicted[:, i]) for i in range(len(areas))],
        "languages": [_language_row(lang, gold, predicted, np.array(langs) == lang) for lang in sorted(set(langs))],
        "calibration_bins": calibration_bins(gold, scores),
    }


def _area_row(area: str, gold: Bools, predicted: Bools) -> dict[str, Any]:
    return {
        "id": area,
        "support": int(gold.sum()),
        "predicted": int(predicted.sum()),
        **precision_recall_f1(gold, predicted),
    }


def _language_row(lang: str, gold: Bools, predicted: Bools, mask: Bools) -> dict[str, Any]:
    low, high = bootstrap_f1(gold[mask], predicted[mask])
    return {
        "lang": lang,
        "n": int(mask.sum()),
        **precision_recall_f1(gold[mask], predicted[mask]),
        "low": low,
        "high": high,
    }
