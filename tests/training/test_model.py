"""The network's head."""

from typing import Literal

import pytest
import torch
from transformers import BertConfig, BertModel

from cooptag_training import model as network
from cooptag_training.config import TrainConfig

LABELS = ["climate", "energy", "trade"]


def build(pooling: Literal["mean", "label_attention"]) -> network.AreaClassifier:
    torch.manual_seed(0)
    encoder = BertModel(BertConfig(vocab_size=50, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64), False)
    return network.build(encoder, LABELS, TrainConfig(pooling=pooling, dropout=0.0), torch.tensor([0.5, 0.1, 0.0])).eval()


IDS = torch.tensor([[0, 7, 8, 9, 2], [0, 7, 2, 1, 1]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


def test_label_attention_starts_as_the_mean() -> None:
    mean, attention = build("mean"), build("label_attention")
    attention.load_state_dict(mean.state_dict())
    attention.query.weight.data.zero_()
    torch.testing.assert_close(attention(IDS, MASK).logits, mean(IDS, MASK).logits)


@pytest.mark.parametrize("pooling", ["mean", "label_attention"])
def test_padding_changes_nothing(pooling: Literal["mean", "label_attention"]) -> None:
    model = build(pooling)
    torch.nn.init.normal_(model.query.weight)
    together = model(IDS, MASK).logits
    torch.testing.assert_close(together[1], model(IDS[1:, :3], MASK[1:, :3]).logits[0])


def test_each_area_attends_to_its_own_words() -> None:
    model = build("label_attention")
    torch.nn.init.normal_(model.query.weight)
    other = build("mean")
    other.load_state_dict(model.state_dict())
    assert not torch.allclose(model(IDS, MASK).logits, other(IDS, MASK).logits, atol=1e-3)


def test_biases_start_at_the_prior_and_loss_is_summed_over_areas() -> None:
    model = build("mean")
    torch.testing.assert_close(model.value.bias.detach().sigmoid(), torch.tensor([0.5, 0.1, 1e-3]))
    labels = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    output = model(IDS, MASK, labels)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(output.logits, labels, reduction="sum") / 2
    torch.testing.assert_close(output.loss, expected)


def test_one_area_alone_starts_at_random_not_at_nan() -> None:
    encoder = BertModel(BertConfig(vocab_size=50, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64), False)
    model = network.build(encoder, ["only"], TrainConfig(pooling="mean", dropout=0.0), torch.tensor([0.5]))
    network.start_from_descriptions(model, torch.randn(4, 32), torch.zeros(4, dtype=torch.long))
    assert model.value.weight.isfinite().all() and model.value.weight.abs().sum() > 0


def test_descriptions_start_the_head_towards_their_own_area() -> None:
    model = build("mean")
    generator = torch.Generator().manual_seed(1)
    centres = torch.randn(3, 32, generator=generator)
    area_of = torch.arange(3).repeat_interleave(4)
    vectors = centres[area_of] + 0.1 * torch.randn(12, 32, generator=generator)
    network.start_from_descriptions(model, vectors, area_of)
    logits = torch.nn.functional.linear(vectors, model.value.weight, model.value.bias)
    unbiased = logits - torch.logit(torch.tensor([0.5, 0.1, 1e-3]))
    assert (unbiased.argmax(1) == area_of).all()
    assert unbiased.std().item() == pytest.approx(network.START_SPREAD, rel=0.05)
