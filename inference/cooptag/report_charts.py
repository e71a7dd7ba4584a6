"""The geometry of the report's charts: periods on one axis, columns, step lines, heat. Knows neither words nor colours."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0, le=10**15)]
# More months than this are shown as years; more years than this only where most sentences are.
MAX_MONTHS = 36
MAX_YEARS = 60


class Group(BaseModel):
    """Documents and sentences of a period or party, and how many of the sentences carry each area."""

    model_config = ConfigDict(strict=True)
    documents: Count = 0
    sentences: Count = 0
    areas: dict[str, Count] = {}


class Timeline(NamedTuple):
    """Groups by month ("2015-03") or year ("2015"), in order. `left_out`: years with documents that did not fit.

    `gaps`: whether years are missing between those that are there.
    """

    groups: dict[str, Group]
    months: bool
    left_out: int
    gaps: bool


class Column(NamedTuple):
    """A rectangle of a column chart, in units of its view box."""

    x: float
    y: float
    width: float
    height: float


def timeline(periods: Mapping[str, Group]) -> Timeline:
    """Periods of mixed precision ("2015", "2015-03", "2015-03-09") on one axis without gaps.

    Months if every period names one and they span at most `MAX_MONTHS`, else years. If years span more than `MAX_YEARS`,
    as stray dates make them do, only the `MAX_YEARS` with most sentences stay, with gaps.
    """
    months = all(len(period) >= 7 for period in periods) and _span([_month(period) for period in periods]) <= MAX_MONTHS
    merged = _merged(periods, 7 if months else 4)
    if months:
        first = min(map(_month, merged), default=0)
        steps = [f"{m // 12:04}-{m % 12 + 1:02}" for m in range(first, first + _span([_month(key) for key in merged]))]
    elif _span(list(map(int, merged))) <= MAX_YEARS:
        steps = [f"{year:04}" for year in range(int(min(merged)), int(max(merged)) + 1)]
    else:
        steps = sorted(sorted(merged, key=lambda key: (-merged[key].sentences, key))[:MAX_YEARS])
    gaps = not months and _span(list(map(int, steps))) > len(steps)
    return Timeline({step: merged.get(step, Group()) for step in steps}, months, len(merged.keys() - set(steps)), gaps)


def _month(period: str) -> int:
    return int(period[:4]) * 12 + int(period[5:7]) - 1


def _span(steps: Sequence[int]) -> int:
    return max(steps) - min(steps) + 1 if steps else 0


def _merged(periods: Mapping[str, Group], length: int) -> dict[str, Group]:
    merged: dict[str, Group] = {}
    for period, group in periods.items():
        old = merged.get(period[:length], Group())
        areas = dict(Counter(old.areas) + Counter(group.areas))
        merged[period[:length]] = Group(documents=old.documents + group.documents, sentences=old.sentences + group.sentences, areas=areas)
    return merged


def columns(values: Sequence[float], width: float, height: float) -> list[Column]:
    """One column for each value, the highest as high as the chart; a value above zero is never invisible."""
    top, step = max(values, default=0) or 1, width / max(len(values), 1)
    gap = min(step * 0.2, 2.0)
    heights = [max(value / top * height, 1.0) if value > 0 else 0.0 for value in values]
    return [Column(round(i * step + gap / 2, 2), round(height - h, 2), round(step - gap, 2), round(h, 2)) for i, h in enumerate(heights)]


def step_line(values: Sequence[float], top: float, width: float, height: float) -> str:
    """The `d` of an SVG path: a histogram's outline, `top` as high as the chart."""
    step = width / max(len(values), 1)
    points = [(x * step, height - value / (top or 1) * height) for i, value in enumerate(values) for x in (i, i + 1)]
    return "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def heat(share: float, top: float) -> int:
    """How strongly a cell is coloured, 0 to 50 % of its colour: more would cost the number its contrast."""
    return round(50 * min(share / top, 1) ** 0.6) if top > 0 else 0
