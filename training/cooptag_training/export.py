"""torch → ONNX in fp32 and in 8 bits, each behind a gate: nothing is written that does not compute what was trained."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cooptag.encoder import Encoder, runtime
from cooptag.errors import CooptagError
from cooptag_training import graph, quantize
from cooptag_training.graph import Rounding

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from cooptag_training.model import AreaClassifier

# Largest |Δlogit| of the fp32 graph from torch, and of a text alone from the same text among others.
PARITY = 1e-4
BATCH_PARITY = 1e-5


class ParityError(CooptagError):
    """An exported graph does not compute what the trained model computes."""

    error_type = "parity"
    exit_code = 1


def to_onnx(model: "AreaClassifier", plan: dict[str, Rounding] | None = None) -> bytes:
    """The model as an ONNX graph, in fp32, or with its matrix products in 8 bits as planned; see `graph.build`."""
    return graph.build(model.eval(), plan)


def plan(model: "AreaClassifier", tokenizer: "PreTrainedTokenizerFast", texts: Sequence[str], max_length: int) -> dict[str, Rounding]:
    """How each matrix product is rounded, found on some hundred texts of all lengths and languages."""
    return quantize.plan(model, tokenizer(list(texts), truncation=True, max_length=max_length)["input_ids"])


def torch_logits(model: "AreaClassifier", ids: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
    """Logits (n, A) of token id lists, one text at a time: the reference that exports are held to."""
    import torch

    model = model.float().cpu().eval()
    with torch.no_grad():
        rows = [model(torch.tensor([list(i)]), torch.ones(1, len(i), dtype=torch.long)).logits[0].numpy() for i in ids]
    return np.stack(rows)


def onnx_logits(network: bytes, ids: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
    """Logits (n, A) of token id lists through onnxruntime, one text at a time."""
    session = runtime().InferenceSession(network, providers=["CPUExecutionProvider"])
    return np.stack([session.run(["logits"], graph.feed(i))[0][0] for i in ids])


def check_parity(
    model: "AreaClassifier", network: bytes, tokenizer: "PreTrainedTokenizerFast", texts: Sequence[str], max_length: int
) -> float:
    """The largest |Δlogit| between torch and the fp32 graph over `texts`.

    :raises ParityError: if it exceeds `PARITY`.
    """
    ids = tokenizer(list(texts), truncation=True, max_length=max_length)["input_ids"]
    difference = float(np.abs(torch_logits(model, ids) - onnx_logits(network, ids)).max())
    if not difference <= PARITY:
        raise ParityError(
            f"export: the ONNX graph's logits differ from torch's by {difference:.2g}; at most {PARITY} expected, nothing was written"
        )
    return difference


def check_batches(encoder: Encoder, texts: Sequence[str]) -> float:
    """The largest |Δlogit| between texts alone and together, on normalised texts of all lengths.

    :raises ParityError: if it exceeds `BATCH_PARITY`.
    """
    together = encoder.logits(texts)[0]
    alone = np.concatenate([encoder.logits([text])[0] for text in texts])
    difference = float(np.abs(together - alone).max(initial=0.0))
    if not difference <= BATCH_PARITY:
        raise ParityError(
            f"export: a text's logits differ by {difference:.2g} with what else is in its batch; at most {BATCH_PARITY} expected, "
            "nothing was written"
        )
    return difference
