"""The ONNX graph of a trained network, node by node, so that it is made of what the runtime computes fast.

As exported by torch and fused by onnxruntime, the twelve-layer network took 2.4 times as long: `SkipLayerNormalization`
is six times slower than the two nodes that it stands for, and `MatMulNBits` no faster than fp32 (EXPERIMENTS.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper

from cooptag.encoder import OUTPUTS

if TYPE_CHECKING:
    from cooptag_training.model import AreaClassifier

Floats = npt.NDArray[np.float32]
OPSET, IR_VERSION = 20, 10
_MICROSOFT = "com.microsoft"
# Inputs that share a scale in the word embeddings: as in the wheel, whose values are so found again exactly.
_BLOCK = 32
# Bits of the static encoder's word embeddings, which are trained, not found again.
STATIC_BITS = 8
# 7 bits: on processors without VNNI two products of 8 by 8 bits overflow the 16 bits that they are added in.
WEIGHT_BITS = 7


@dataclass(frozen=True)
class Rounding:
    """How the input of one matrix product is rounded to 8 bits: value / (`scale` * `shrink`) + `zero`.

    `shrink` (K,) divides the input's outlying channels, and multiplies their weights, so that one scale serves all
    (SmoothQuant, Xiao et al. 2023); None where no channel stands out.
    """

    scale: float
    zero: int
    shrink: Floats | None = None


@dataclass(frozen=True)
class Product:
    """A matrix product of the fp32 graph: the tensor that goes in, (..., K), and its weight (K, N)."""

    tensor: str
    weight: Floats


class _Graph:
    """Nodes and constants; `products` names what can be rounded, `plan` says how; without a plan all stays fp32."""

    def __init__(self, plan: Mapping[str, Rounding] | None) -> None:
        self.plan = plan
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.products: dict[str, Product] = {}

    def constant(self, value: Any) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def node(self, kind: str, *inputs: str, out: str | None = None, domain: str = "", **attributes: Any) -> str:
        out = out or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], domain=domain, **attributes))
        return out

    def split(self, tensor: str, parts: int) -> list[str]:
        names = [f"{tensor}_{i}" for i in range(parts)]
        self.nodes.append(helper.make_node("Split", [tensor], names, axis=-1, num_outputs=parts))
        return names

    def layer_norm(self, tensor: str, weight: Floats, bias: Floats, eps: float) -> str:
        return self.node("LayerNormalization", tensor, self.constant(weight), self.constant(bias), axis=-1, epsilon=eps)

    def linear(self, name: str, tensor: str, weight: Floats, bias: Floats) -> str:
        """tensor (..., K) @ weight (K, N) + bias (N,)."""
        self.products[name] = Product(tensor, weight)
        if self.plan is None:
            return self.node("Add", self.node("MatMul", tensor, self.constant(weight)), self.constant(bias))
        rounded, scale, zero, values, steps = self._rounded(self.plan[name], tensor, weight)
        return self.node("MatMulIntegerToFloat", rounded, values, scale, steps, zero, "", self.constant(bias), domain=_MICROSOFT)

    def attention(self, name: str, tensor: str, mask: str, weight: Floats, bias: Floats, heads: int) -> str:
        """Self-attention of `heads` heads over tensor (n, t, H); weight (H, 3H) makes queries, keys and values."""
        self.products[name] = Product(tensor, weight)
        if self.plan is None:
            inputs = (tensor, self.constant(weight), self.constant(bias), mask)
            return self.node("Attention", *inputs, domain=_MICROSOFT, num_heads=heads)
        rounded, scale, zero, values, steps = self._rounded(self.plan[name], tensor, weight)
        rest = (self.constant(bias), scale, steps, mask, zero)
        return self.node("QAttention", rounded, values, *rest, domain=_MICROSOFT, num_heads=heads)

    def _rounded(self, how: Rounding, tensor: str, weight: Floats) -> tuple[str, str, str, str, str]:
        """The tensor in 8 bits, its scale and zero, the weight's values (K, N) and a scale for each of its columns (N,)."""
        if how.shrink is not None:
            tensor = self.node("Mul", tensor, self.constant((1 / how.shrink).astype(np.float32)))
            weight = weight * how.shrink[:, None]
        scale, zero = self.constant(np.float32(how.scale)), self.constant(np.uint8(how.zero))
        values, steps = round_columns(weight)
        return self.node("QuantizeLinear", tensor, scale, zero), scale, zero, self.constant(values), self.constant(steps)

    def word_embeddings(self, weight: Floats, bits: int) -> str:
        """Rows (V, H) of `input_ids`; with a plan from blocks of 4 or 8 bits."""
        if self.plan is None:
            return self.node("Gather", self.constant(weight), "input_ids", axis=0)
        values, scales = four_bit(weight) if bits == 4 else eight_bit(weight)
        if bits == 4:
            # Signed, since the operator takes 0 for the zero of unsigned values; two values a byte, the first in its low half.
            signed = values ^ 8
            raw = (signed[:, 0::2] | signed[:, 1::2] << 4).astype(np.uint8).tobytes()
            self.constants.append(helper.make_tensor("word_embeddings", TensorProto.INT4, values.shape, raw, raw=True))
        else:
            self.constants.append(numpy_helper.from_array(values, "word_embeddings"))
        looked_up = self.node(
            "GatherBlockQuantized", "word_embeddings", "input_ids", self.constant(scales.astype(np.float16)),
            domain=_MICROSOFT, gather_axis=0, quantize_axis=1, block_size=_BLOCK, bits=bits,
        )  # fmt: skip
        return self.node("Cast", looked_up, to=TensorProto.FLOAT)

    def head(self, hidden: str, query: Floats | None, value: Floats, bias: Floats) -> None:
        """The three outputs from hidden (n, t, H): `AreaClassifier.read`, its query (A, H) None for the mean."""
        mask = self.node("Unsqueeze", self.node("Cast", "attention_mask", to=TensorProto.FLOAT), self.constant(np.array([2])))
        far = self.node("Mul", self.node("Sub", mask, self.constant(np.float32(1))), self.constant(np.float32(1e4)))
        if query is None:
            values = self.node("MatMul", hidden, self.constant(value.T))
            attention = self.node("Add", self.node("Mul", values, self.constant(np.float32(0))), far)
        else:
            both = self.node("MatMul", hidden, self.constant(np.concatenate([query, value]).T))
            asked, values = self.split(both, 2)
            attention = self.node("Add", asked, far)
        # Softmax over the last axis is vectorised, over another it is not.
        share = self.node("Softmax", self.node("Transpose", attention, perm=[0, 2, 1]), axis=-1)
        contributions = self.node("Mul", self.node("Transpose", share, perm=[0, 2, 1]), values, out=OUTPUTS[1])
        tokens = self.constant(np.array([1]))
        self.node("Add", self.node("ReduceSum", contributions, tokens, keepdims=0), self.constant(bias), out=OUTPUTS[0])
        total = self.node("ReduceSum", self.node("Mul", hidden, mask), tokens, keepdims=0)
        self.node("Div", total, self.node("ReduceSum", mask, tokens, keepdims=0), out=OUTPUTS[2])

    def to_bytes(self, areas: int, hidden_size: int, watched: Sequence[str] = ()) -> bytes:
        def value(name: str, shape: list[Any], kind: int = TensorProto.FLOAT) -> Any:
            return helper.make_tensor_value_info(name, kind, shape)

        inputs = [value(name, ["n", "t"], TensorProto.INT64) for name in ("input_ids", "attention_mask")]
        shapes = (["n", areas], ["n", "t", areas], ["n", hidden_size])
        outputs = [value(name, shape) for name, shape in zip(OUTPUTS, shapes, strict=True)]
        outputs += [helper.make_empty_tensor_value_info(name) for name in watched]
        graph = helper.make_graph(self.nodes, "cooptag", inputs, outputs, self.constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(_MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="cooptag")
        return bytes(model.SerializeToString())


def build(model: "AreaClassifier", plan: Mapping[str, Rounding] | None = None) -> bytes:
    """The network as an ONNX graph: input_ids, attention_mask (n, t) → `encoder.OUTPUTS`, n and t free.

    :param plan: how the input of each matrix product is rounded; None for fp32 throughout.
    """
    return _drawn(model, plan).to_bytes(_areas(model), model.config.hidden_size)


def watched(model: "AreaClassifier") -> tuple[bytes, dict[str, Product]]:
    """The fp32 graph that also gives the input of every matrix product, and these products by name."""
    graph = _drawn(model, None)
    names = list(dict.fromkeys(product.tensor for product in graph.products.values()))
    return graph.to_bytes(_areas(model), model.config.hidden_size, names), graph.products


def feed(ids: Sequence[int]) -> dict[str, npt.NDArray[np.int64]]:
    """The inputs of a graph for the token ids of one text."""
    return {"input_ids": np.array([ids], dtype=np.int64), "attention_mask": np.ones((1, len(ids)), dtype=np.int64)}


def _areas(model: "AreaClassifier") -> int:
    return int(model.config.num_labels or 0)


def _drawn(model: "AreaClassifier", plan: Mapping[str, Rounding] | None) -> _Graph:
    weights = {name: value.detach().float().cpu().numpy() for name, value in model.state_dict().items()}
    graph = _Graph(plan)
    hidden = (_static if model.config.encoder == "static" else _bert)(graph, weights, model.config)
    query = None if model.config.pooling == "mean" else weights["query.weight"]
    graph.head(hidden, query, weights["value.weight"], weights["value.bias"])
    return graph


def _bert(graph: _Graph, weights: Mapping[str, Floats], config: Any) -> str:
    """BERT (Devlin et al. 2019) as `transformers.BertModel` computes it; hidden states (n, t, H)."""
    embeddings, eps = "bert.embeddings", config.layer_norm_eps
    words = graph.word_embeddings(weights[f"{embeddings}.word_embeddings.weight"], 4)
    tokens = graph.node("Slice", graph.node("Shape", "input_ids"), *(graph.constant(np.array([at])) for at in (1, 2)))
    # All tokens are of type 0.
    places = weights[f"{embeddings}.position_embeddings.weight"] + weights[f"{embeddings}.token_type_embeddings.weight"][0]
    first = graph.constant(np.array([0]))
    hidden = graph.node("Add", words, graph.node("Slice", graph.constant(places), first, tokens, first))
    mask = graph.node("Cast", "attention_mask", to=TensorProto.INT32)

    def normed(tensor: str, name: str) -> str:
        return graph.layer_norm(tensor, weights[f"{name}.LayerNorm.weight"], weights[f"{name}.LayerNorm.bias"], eps)

    def linear(tensor: str, name: str) -> str:
        return graph.linear(name, tensor, weights[f"{name}.weight"].T, weights[f"{name}.bias"])

    hidden = normed(hidden, embeddings)
    for i in range(config.num_hidden_layers):
        layer = f"bert.encoder.layer.{i}"
        three = [f"{layer}.attention.self.{part}" for part in ("query", "key", "value")]
        weight = np.concatenate([weights[f"{name}.weight"].T for name in three], axis=1)
        bias = np.concatenate([weights[f"{name}.bias"] for name in three])
        context = graph.attention(f"{layer}.attention.self", hidden, mask, weight, bias, config.num_attention_heads)
        added = graph.node("Add", linear(context, f"{layer}.attention.output.dense"), hidden)
        hidden = normed(added, f"{layer}.attention.output")
        wide = graph.node("Gelu", linear(hidden, f"{layer}.intermediate.dense"), domain=_MICROSOFT)
        hidden = normed(graph.node("Add", linear(wide, f"{layer}.output.dense"), hidden), f"{layer}.output")
    return hidden


def _static(graph: _Graph, weights: Mapping[str, Floats], config: Any) -> str:
    """`model.StaticEncoder`; hidden states (n, t, H)."""
    eps, last = config.layer_norm_eps, graph.constant(np.array([1]))
    hidden = graph.word_embeddings(weights["bert.word_embeddings.weight"], STATIC_BITS)
    mask = graph.node("Unsqueeze", graph.node("Cast", "attention_mask", to=TensorProto.FLOAT), graph.constant(np.array([2])))
    around = graph.constant(np.array([0, 1, 0, 0, 1, 0]))
    spans = [tuple(graph.constant(np.array([at])) for at in span) for span in ((0, -2), (1, -1), (2, 2**31))]
    for i in range(config.num_hidden_layers):
        layer = f"bert.layers.{i}"
        normed = graph.layer_norm(hidden, weights[f"{layer}.norm.weight"], weights[f"{layer}.norm.bias"], eps)
        padded = graph.node("Pad", graph.node("Mul", normed, mask), around)
        three = graph.node("Concat", *(graph.node("Slice", padded, *span, last) for span in spans), axis=-1)
        inner = graph.linear(f"{layer}.inner", three, weights[f"{layer}.inner.weight"].T, weights[f"{layer}.inner.bias"])
        name = f"{layer}.outer"
        outer = graph.linear(name, graph.node("Relu", inner), weights[f"{name}.weight"].T, weights[f"{name}.bias"])
        hidden = graph.node("Add", hidden, outer)
        if i == 0:
            tokens = graph.node("ReduceSum", mask, last, keepdims=1)
            mean = graph.node("Div", graph.node("ReduceSum", graph.node("Mul", hidden, mask), last, keepdims=1), tokens)
            weight, bias = (graph.constant(weights[f"bert.context.{part}"].T) for part in ("weight", "bias"))
            told = graph.node("Tanh", graph.node("Add", graph.node("MatMul", mean, weight), bias))
            hidden = graph.node("Add", hidden, told)
    return graph.layer_norm(hidden, weights["bert.norm.weight"], weights["bert.norm.bias"], eps)


def round_columns(weight: Floats) -> tuple[npt.NDArray[np.int8], Floats]:
    """A weight (K, N) in `WEIGHT_BITS` bits, and the scale of each column (N,)."""
    top = 2 ** (WEIGHT_BITS - 1) - 1
    scale = np.abs(weight).max(axis=0) / top
    scale[scale == 0] = 1
    return np.clip(np.rint(weight / scale), -top, top).astype(np.int8), scale.astype(np.float32)


def four_bit(weight: Floats) -> tuple[npt.NDArray[np.uint8], Floats]:
    """Nibbles (V, H) and scales (V, H/32) with value = (nibble - 8) * scale; the largest of a block falls on nibble 0.

    Weights that came from such blocks are found again exactly.
    """
    blocks = weight.reshape(len(weight), -1, _BLOCK)
    peak = np.take_along_axis(blocks, np.abs(blocks).argmax(-1, keepdims=True), axis=-1)
    scale = peak / -8
    safe = np.where(scale == 0, 1, scale)
    nibbles = np.clip(np.rint(blocks / safe) + 8, 0, 15).astype(np.uint8)
    return nibbles.reshape(weight.shape), scale[..., 0].astype(np.float32)


def eight_bit(weight: Floats) -> tuple[npt.NDArray[np.uint8], Floats]:
    """Bytes (V, H) and scales (V, H/32) with value = (byte - 128) * scale."""
    blocks = weight.reshape(len(weight), -1, _BLOCK)
    scale = np.abs(blocks).max(-1, keepdims=True) / 127
    safe = np.where(scale == 0, 1, scale)
    values = (np.clip(np.rint(blocks / safe), -127, 127) + 128).astype(np.uint8)
    return values.reshape(weight.shape), scale[..., 0].astype(np.float32)
