"""The 8-bit network of a model folder as a GPU wants it: the same weights in fp16.

onnxruntime has no CUDA kernels for the products in 8 bits; on a GPU fp16 is as fast, and loses nothing against them.
"""

from typing import Any

import numpy as np

from cooptag.errors import UsageError


def in_floats(model: bytes, dtype: str = "float16") -> bytes:
    """An ONNX graph in which each product of rounded values became one of floats; inputs and outputs stay as they are.

    :param dtype: "float16", or "float32", which runs on a CPU too.
    :raises UsageError: if the package onnx, which the extra `gpu` brings, is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise UsageError("a GPU needs the package onnx to rewrite the network; run `pip install 'cooptag[gpu]'`") from error
    rewriter = _Rewriter(onnx.load_from_string(model), np.dtype(dtype))
    return bytes(rewriter.rewritten().SerializeToString())


class _Rewriter:
    def __init__(self, model: Any, dtype: "np.dtype[Any]") -> None:
        from onnx import TensorProto, helper, numpy_helper

        self.helper, self.numpy_helper = helper, numpy_helper
        self.model, self.dtype = model, dtype
        self.kind = TensorProto.FLOAT16 if dtype == np.float16 else TensorProto.FLOAT
        self.float = TensorProto.FLOAT
        self.values = {tensor.name: tensor for tensor in model.graph.initializer}
        # What each rounded tensor was before it was rounded.
        self.source = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "QuantizeLinear"}

    def rewritten(self) -> Any:
        graph = self.model.graph
        outputs = {output.name for output in graph.output}
        nodes = [new for node in graph.node for new in self._node(node)]
        for node in nodes:  # the outputs come as float32 from names of their own
            node.output[:] = [f"{name}_as_computed" if name in outputs else name for name in node.output]
            node.input[:] = [f"{name}_as_computed" if name in outputs else name for name in node.input]
        nodes += [self.helper.make_node("Cast", [f"{name}_as_computed"], [name], to=self.float) for name in outputs]
        del graph.node[:]
        graph.node.extend(nodes)
        used = {name for node in nodes for name in node.input}
        kept = [self._constant(tensor) for name, tensor in self.values.items() if name in used]
        del graph.initializer[:]
        graph.initializer.extend(kept)
        return self.model

    def _node(self, node: Any) -> list[Any]:
        """What stands for a node: nothing, itself, or a product of floats."""
        if node.op_type == "QuantizeLinear":
            return []
        if node.op_type == "Cast" and any(a.name == "to" and a.i == self.float for a in node.attribute):
            return [self.helper.make_node("Cast", list(node.input), list(node.output), to=self.kind)]
        if node.op_type == "MatMulIntegerToFloat":
            rounded, values, _, steps, _, _, bias = node.input
            product = f"{node.output[0]}_product"
            return [
                self.helper.make_node("MatMul", [self.source[rounded], self._weight(values, steps)], [product]),
                self.helper.make_node("Add", [product, bias], list(node.output)),
            ]
        if node.op_type == "QAttention":
            rounded, values, bias, _, steps, mask, _ = node.input
            heads = next(a.i for a in node.attribute if a.name == "num_heads")
            inputs = [self.source[rounded], self._weight(values, steps), bias, mask]
            return [self.helper.make_node("Attention", inputs, list(node.output), domain=node.domain, num_heads=heads)]
        return [node]

    def _weight(self, values: str, steps: str) -> str:
        """The name of a weight (K, N) in floats."""
        name = f"{values}_floats"
        arrays = [self.numpy_helper.to_array(self.values[part]).astype(np.float32) for part in (values, steps)]
        self.values[name] = self.numpy_helper.from_array(arrays[0] * arrays[1], name)
        return name

    def _constant(self, tensor: Any) -> Any:
        if tensor.data_type != self.float:
            return tensor
        return self.numpy_helper.from_array(self.numpy_helper.to_array(tensor).astype(self.dtype), tensor.name)
