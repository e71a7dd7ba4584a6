"""How the input of each matrix product is rounded to 8 bits, found on training sentences after training.

The scale is fixed, so that a text's logits depend on nothing else in its batch. One channel of some inputs is ten to fifty
times the others (Dettmers et al. 2022 found these outliers in larger networks): it is divided down and its weights
multiplied up (SmoothQuant, Xiao et al. 2023), no further than lowers the error of that very product.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cooptag.encoder import runtime
from cooptag_training import graph
from cooptag_training.graph import Floats, Product, Rounding

if TYPE_CHECKING:
    from cooptag_training.model import AreaClassifier

# Rows of each product's input that candidates are tried on.
SAMPLED_ROWS = 2000
# A channel stands out from the k-th largest; the others are left alone.
OUTLIERS = (1, 2, 4, 8, 16, 32)
# Shares of the range seen that are kept: what lies beyond is clipped.
RANGES = (1.0, 0.9, 0.8, 0.7)


def plan(model: "AreaClassifier", ids: Sequence[Sequence[int]]) -> dict[str, Rounding]:
    """The rounding of every matrix product, by name, of least squared error on the token ids of some hundred texts."""
    seen = _Seen(*graph.watched(model))
    every = max(1, sum(map(len, ids)) // SAMPLED_ROWS)
    for i, sequence in enumerate(ids):
        seen.run(sequence, every, offset=i)
    return {name: _best(*seen.of(product)) for name, product in seen.products.items()}


class _Seen:
    """Range of each channel and sampled rows of every product's input."""

    def __init__(self, watched: bytes, products: dict[str, Product]) -> None:
        options = runtime().SessionOptions()
        options.log_severity_level = 4
        self.session = runtime().InferenceSession(watched, options, providers=["CPUExecutionProvider"])
        self.products = products
        self.tensors = list(dict.fromkeys(product.tensor for product in products.values()))
        self.highest: dict[str, Floats] = {}
        self.lowest: dict[str, Floats] = {}
        self.rows: dict[str, list[Floats]] = {tensor: [] for tensor in self.tensors}

    def run(self, sequence: Sequence[int], every: int, offset: int) -> None:
        for tensor, value in zip(self.tensors, self.session.run(self.tensors, graph.feed(sequence)), strict=True):
            rows = value.reshape(-1, value.shape[-1])
            self.highest[tensor] = np.maximum(self.highest.get(tensor, rows[0]), rows.max(axis=0))
            self.lowest[tensor] = np.minimum(self.lowest.get(tensor, rows[0]), rows.min(axis=0))
            # The first token is always among them: the largest outliers stand there.
            self.rows[tensor].append(np.concatenate([rows[:1], rows[1 + offset % every :: every]]))

    def of(self, product: Product) -> tuple[Floats, Floats, Floats, Floats]:
        tensor = product.tensor
        return np.concatenate(self.rows[tensor]), self.lowest[tensor], self.highest[tensor], product.weight


def _best(rows: Floats, lowest: Floats, highest: Floats, weight: Floats) -> Rounding:
    """The candidate whose rounded product is nearest to rows (m, K) @ weight (K, N)."""
    exact = rows @ weight
    errors = {}
    for i, shrink in enumerate(_shrinks(np.maximum(highest, -lowest))):
        divisor = np.ones(len(weight), dtype=np.float32) if shrink is None else shrink
        values, steps = graph.round_columns(weight * divisor[:, None])
        rounded_weight, inputs = values * steps, rows / divisor
        for share in RANGES:
            low, high = min(float((lowest / divisor).min()) * share, 0.0), max(float((highest / divisor).max()) * share, 1e-3)
            scale = (high - low) / 255
            zero = round(-low / scale)
            rounded = (np.clip(np.rint(inputs / scale) + zero, 0, 255) - zero) * scale
            errors[i, share] = (float(((rounded.astype(np.float32) @ rounded_weight - exact) ** 2).mean()), Rounding(scale, zero, shrink))
    return min(errors.values(), key=lambda candidate: candidate[0])[1]


def _shrinks(largest: Floats) -> Iterator[Floats | None]:
    """Divisors (K,) that bring the channels beyond the k-th largest down to it; None first."""
    yield None
    ordered = np.sort(largest)[::-1]
    for k in OUTLIERS:
        if k < len(ordered) and 0 < ordered[k] < 0.8 * ordered[0]:
            yield np.maximum(1, largest / ordered[k]).astype(np.float32)
