"""The graphs that are served: they compute what torch computes, and in 8 bits nearly so."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from cooptag_training import export, graph, quantize
from cooptag_training.config import TrainConfig
from cooptag_training.model import AreaClassifier, build, shallower, static

LABELS = ["climate", "energy", "trade"]
IDS = [[0, *range(4, 4 + n), 2] for n in (1, 2, 3, 7, 20, 60)]


def network(kind: str, config: TrainConfig, outlier: float = 1.0) -> AreaClassifier:
    """A random network of 64 pieces, not at its start, where attention is uniform; one inner channel of each layer is scaled up."""
    torch.manual_seed(3)
    sizes = {"vocab_size": 80, "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 96, "max_position_embeddings": 80}
    bert = BertModel(BertConfig(**sizes, num_hidden_layers=3), add_pooling_layer=False)
    encoder = static(bert, 32, 2, 0.1) if kind == "static" else bert
    pooling = "mean" if kind == "mean" else "label_attention"
    model = build(encoder, LABELS, config.model_copy(update={"pooling": pooling}), torch.full((3,), 0.2))
    torch.nn.init.normal_(model.query.weight)
    torch.nn.init.normal_(model.value.weight)
    for name, parameter in model.named_parameters():
        if name.endswith("intermediate.dense.bias"):
            parameter.data[0] = outlier
    return model.eval()


@pytest.mark.parametrize("kind", ["bert", "mean", "static"])
def test_fp32_is_torchs_and_8_bits_are_near(kind: str, tiny_config: TrainConfig) -> None:
    model = network(kind, tiny_config)
    exact = export.torch_logits(model, IDS)
    np.testing.assert_allclose(export.onnx_logits(graph.build(model), IDS), exact, atol=export.PARITY)
    rounded = export.onnx_logits(graph.build(model, quantize.plan(model, IDS)), IDS)
    # Random word embeddings in 4 bits are a twelfth off; trained ones are found again.
    assert 0 < np.abs(rounded - exact).mean() < 0.15 * np.abs(exact).mean()


def test_an_outlying_channel_is_shrunk_and_costs_little(tiny_config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    model = network("bert", tiny_config, outlier=80.0)
    exact = export.torch_logits(model, IDS)
    plan = quantize.plan(model, IDS)
    assert plan["bert.encoder.layer.0.output.dense"].shrink is not None
    with_shrink = np.abs(export.onnx_logits(graph.build(model, plan), IDS) - exact).mean()
    monkeypatch.setattr(quantize, "OUTLIERS", ())
    without = np.abs(export.onnx_logits(graph.build(model, quantize.plan(model, IDS)), IDS) - exact).mean()
    assert with_shrink < without / 2


def test_weights_stay_within_7_bits(tiny_config: TrainConfig) -> None:
    values, scale = graph.round_columns(np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32))
    assert values.dtype == np.int8 and np.abs(values).max() == 63 and scale.shape == (8,)


def test_a_student_keeps_layers_evenly_first_and_last_among_them(tiny_config: TrainConfig) -> None:
    model = network("bert", tiny_config)
    first, last = (model.bert.encoder.layer[i].output.dense.weight.clone() for i in (0, 2))
    student = shallower(model, 2)
    assert student.config.num_hidden_layers == 2 == len(student.bert.encoder.layer)
    torch.testing.assert_close(student.bert.encoder.layer[0].output.dense.weight, first)
    torch.testing.assert_close(student.bert.encoder.layer[1].output.dense.weight, last)
    torch.testing.assert_close(student.value.weight, model.value.weight)


def test_a_static_encoder_is_kept_and_loaded_as_one(tiny_config: TrainConfig, tmp_path: Path) -> None:
    model = network("static", tiny_config)
    model.save_pretrained(tmp_path)
    again = AreaClassifier.from_pretrained(tmp_path)
    np.testing.assert_array_equal(export.torch_logits(again, IDS), export.torch_logits(model, IDS))


def test_eight_bit_rows_are_near() -> None:
    weight = np.random.default_rng(0).normal(size=(50, 64)).astype(np.float32)
    values, scale = graph.eight_bit(weight)
    restored = (values.astype(np.float32) - 128).reshape(50, 2, 32) * scale[..., None]
    np.testing.assert_allclose(restored.reshape(50, 64), weight, atol=float(scale.max()) / 2)


def test_four_bit_weights_are_found_again_exactly() -> None:
    generator = np.random.default_rng(0)
    nibbles = generator.integers(0, 16, (50, 2, 32)).astype(np.float32)
    nibbles[..., 0] = 0  # the largest of a block falls on -8, as in the weights' file
    scale = generator.uniform(0.01, 0.1, (50, 2, 1)).astype(np.float16).astype(np.float32)
    weight = ((nibbles - 8) * scale).reshape(50, 64)
    packed, found = graph.four_bit(weight)
    restored = ((packed.reshape(50, 2, 32).astype(np.float32) - 8) * found[..., None]).reshape(50, 64)
    np.testing.assert_array_equal(restored, weight)
