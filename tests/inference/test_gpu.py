"""The network as a GPU runs it, as far as a CPU can tell."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from cooptag import Tagger, artifact, encoder, gpu
from cooptag.errors import UsageError

onnx = pytest.importorskip("onnx")
TEXTS = ("Hai bên nhất trí hợp tác về an ninh mạng và biến đổi khí hậu.", "They met on Monday.", "Trade, energy and vocational training")


@pytest.mark.parametrize("size", ["small", "nano"])
def test_the_same_weights_in_floats_answer_alike(size: str) -> None:
    import onnxruntime as ort

    tagger = Tagger.load(size, device="cpu")
    floats = ort.InferenceSession(gpu.in_floats(artifact.load(artifact.find(size)).model, "float32"), providers=["CPUExecutionProvider"])
    for text in TEXTS:
        ids = np.array([tagger.encoder._tokenizer.encode(tagger.encoder.prefix + text).ids])
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        for ours, theirs in zip(tagger.encoder._session.run(None, feed), floats.run(None, feed), strict=True):
            assert ours.shape == theirs.shape and np.abs(ours - theirs).mean() < 0.1
        assert np.abs(floats.run(["logits"], feed)[0] - tagger.encoder.logits([text])[0]).max() < 0.6


@pytest.mark.parametrize("size", ["small", "nano"])
def test_in_fp16_no_float32_is_left_but_the_outputs(size: str) -> None:
    graph = onnx.load_from_string(gpu.in_floats(artifact.load(artifact.find(size)).model)).graph
    kinds = {node.op_type for node in graph.node}
    assert not kinds & {"QAttention", "MatMulIntegerToFloat", "QuantizeLinear", "MatMulInteger"}
    assert not any(tensor.data_type == onnx.TensorProto.FLOAT for tensor in graph.initializer)
    to_float = [node for node in graph.node if node.op_type == "Cast" and any(a.i == onnx.TensorProto.FLOAT for a in node.attribute)]
    assert {node.output[0] for node in to_float} == {output.name for output in graph.output}


def test_without_onnx_the_reason_is_said(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(UsageError, match=r"pip install 'cooptag\[gpu\]'"):
        gpu.in_floats(artifact.load(tiny_model).model)


def test_a_gpu_that_does_not_start_is_a_word_and_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "_providers", lambda device: [encoder.CUDA, encoder.CPU])
    with pytest.warns(UserWarning, match=r"CUDA did not start .*; running on the CPU"):
        tagger = Tagger.load("nano")
    assert tagger.encoder.device == "cpu" and tagger.tag(TEXTS) == Tagger.load("nano", device="cpu").tag(TEXTS)
    with pytest.raises(UsageError, match="CUDA did not start"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # onnxruntime's own
        Tagger.load("nano", device="cuda")
