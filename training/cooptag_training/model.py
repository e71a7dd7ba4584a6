"""The network: an encoder and one score for each area from label-wise attention over its tokens, or from their mean.

The encoder is BERT, or for speed a static one: word embeddings and a few convolutions over three tokens.

Label-wise attention (after Mullenbach et al. 2018, "Explainable Prediction of Medical Codes"): each area has its own
query, so that in a sentence that lists eight areas each finds its own words, where one mean would blur them.
"""

from typing import Any

import torch
from torch import nn
from transformers import BertConfig, BertModel, BertPreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, SequenceClassifierOutput

from cooptag_training.config import TrainConfig

START_SPREAD = 1.5
# Standard deviation that static word embeddings start with.
START_WIDTH = 0.5
# What several labels are smoothed towards: about the share of areas that a sentence with areas carries, not one half.
SMOOTHED_TO = 0.1


class AreaClassifier(BertPreTrainedModel):
    """BERT with one logit for each of `config.num_labels` areas; `config.pooling` is "label_attention" or "mean"."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        config.encoder = getattr(config, "encoder", "bert")
        self.bert: Any = StaticEncoder(config) if config.encoder == "static" else BertModel(config, add_pooling_layer=False)
        self.dropout = nn.Dropout(config.head_dropout)
        n_areas = int(config.num_labels or 0)
        self.query = nn.Linear(config.hidden_size, n_areas, bias=False)
        self.value = nn.Linear(config.hidden_size, n_areas)
        self.post_init()
        # Uniform attention is the mean: training starts from what e5 was pretrained to pool by.
        nn.init.zeros_(self.query.weight)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor | None = None, **_: Any
    ) -> SequenceClassifierOutput:
        """Logits (n, A) for token ids and mask (n, t); with labels (n, A) of 0 and 1 also the loss.

        Several labels a text: cross-entropy summed over labels. One label a text: softmax cross-entropy. In training the
        labels are smoothed (Szegedy et al. 2016). Labels between 0 and 1, as a teacher gives them, are taken as they are; of
        several labels, one that is NaN was judged by nobody and counts for nothing.
        """
        logits = self.read(input_ids, attention_mask)[0]
        return SequenceClassifierOutput(loss=None if labels is None else self._loss(logits, labels.float()), logits=logits)

    @property
    def single(self) -> bool:
        """Whether each text has exactly one label."""
        return bool(self.config.problem_type == "single_label_classification")

    def _loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        smoothing = self.config.label_smoothing if self.training else 0.0
        if self.single:
            return nn.functional.cross_entropy(logits, labels * (1 - smoothing) + smoothing / labels.shape[1])
        labels = labels * (1 - smoothing) + smoothing * SMOOTHED_TO
        losses = nn.functional.binary_cross_entropy_with_logits(logits, labels.nan_to_num(), reduction="none")
        return losses.masked_fill(labels.isnan(), 0.0).sum(-1).mean()

    def read(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits (n, A); what each token adds to them (n, t, A), so that logits = contributions.sum(1) + bias; mean vectors (n, H)."""
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        hidden = self.dropout(hidden).float()
        keep = attention_mask.unsqueeze(-1)  # (n, t, 1)
        values = nn.functional.linear(hidden, self.value.weight)
        attention = torch.zeros_like(values) if self.config.pooling == "mean" else self.query(hidden)
        contributions = attention.masked_fill(keep == 0, -1e4).softmax(dim=1) * values  # (n, t, A)
        return contributions.sum(dim=1) + self.value.bias, contributions, (hidden * keep).sum(1) / keep.sum(1)


class StaticEncoder(nn.Module):
    """Word embeddings (V, H) and `num_hidden_layers` convolutions over each token and its two neighbours; no attention.

    After the first one every token is told the mean of all: whether a sentence promises anything is said far from the
    words that name the area. In training whole tokens are dropped, each with `hidden_dropout_prob`.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Convolution(config.hidden_size, config.layer_norm_eps) for _ in range(config.num_hidden_layers))
        self.context = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> BaseModelOutput:
        """Hidden states (n, t, H) of token ids and mask (n, t)."""
        mask = attention_mask.unsqueeze(-1).float()
        hidden = self.word_embeddings(input_ids)
        if self.training and self.config.hidden_dropout_prob:
            hidden = hidden * (torch.rand_like(mask) >= self.config.hidden_dropout_prob)
        for i, layer in enumerate(self.layers):
            hidden = layer(hidden, mask)
            if i == 0:
                mean = (hidden * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True)
                hidden = hidden + self.context(mean).tanh()
        return BaseModelOutput(last_hidden_state=self.norm(hidden))


class Convolution(nn.Module):
    """hidden (n, t, H) and what each token and its two neighbours add to it; beyond the text stand zeros."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size, eps=eps)
        self.inner = nn.Linear(3 * size, 2 * size)
        self.outer = nn.Linear(2 * size, size)

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        normed = nn.functional.pad(self.norm(hidden) * mask, (0, 0, 1, 1))
        three = torch.cat([normed[:, :-2], normed[:, 1:-1], normed[:, 2:]], dim=-1)  # (n, t, 3H)
        return hidden + self.outer(self.inner(three).relu())


def static(encoder: BertModel, width: int, layers: int, dropout: float) -> StaticEncoder:
    """A static encoder whose word embeddings (V, width) are the principal components of a pretrained encoder's."""
    words = encoder.embeddings.word_embeddings.weight.detach()
    centred = words - words.mean(0)
    components = centred @ torch.svd_lowrank(centred, q=width, niter=4)[2]
    config = BertConfig.from_dict({
        "vocab_size": len(words), "hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": 1,
        "hidden_dropout_prob": dropout, "pad_token_id": encoder.config.pad_token_id, "encoder": "static",
    })  # fmt: skip
    made = StaticEncoder(config)
    made.word_embeddings.weight.data.copy_(components / components.std() * START_WIDTH)
    return made


def shallower(model: "AreaClassifier", layers: int) -> "AreaClassifier":
    """A copy with `layers` of the trained model's layers, evenly spread, first and last among them (Sanh et al. 2019); 0 keeps all."""
    every = list(model.bert.encoder.layer)
    kept = [every[int(i)] for i in torch.linspace(0, len(every) - 1, layers or len(every)).round()]
    copied = AreaClassifier(BertConfig.from_dict({**model.config.to_dict(), "num_hidden_layers": len(kept)}))
    model.bert.encoder.layer = nn.ModuleList(kept)
    copied.load_state_dict(model.state_dict())
    return copied


def build(
    encoder: BertModel | StaticEncoder, labels: list[str], train: TrainConfig, prior: torch.Tensor, single: bool = False
) -> AreaClassifier:  # fmt: skip
    """A classifier over a pretrained encoder; `single`: each text has exactly one label.

    :param prior: share of sentences that carry each area, (A,); biases start at its log-odds, so that the first steps
        are not spent on learning that most areas are absent.
    """
    config = BertConfig.from_dict({
        **encoder.config.to_dict(), "id2label": dict(enumerate(labels)), "label2id": {label: i for i, label in enumerate(labels)},
        "pooling": train.pooling, "head_dropout": train.dropout, "label_smoothing": train.label_smoothing,
        "problem_type": "single_label_classification" if single else "multi_label_classification",
    })  # fmt: skip
    model = AreaClassifier(config)
    model.bert.load_state_dict(encoder.state_dict())
    prior = prior.clamp(1e-3, 1 - 1e-3)
    with torch.no_grad():
        model.value.bias.copy_((prior / (1 - prior)).log())
    return model


def start_from_descriptions(model: AreaClassifier, vectors: torch.Tensor, area_of: torch.Tensor) -> None:
    """Starts the head from what the encoder already knows of the areas: their names and cues.

    Each area's weights become the mean of its descriptions' vectors less the mean of all areas', scaled so that the
    descriptions' own logits have a standard deviation of `START_SPREAD`; biases keep the mean logit at the prior.

    :param vectors: mean-pooled encodings of m descriptions, (m, H). :param area_of: the area number of each, (m,).
    """
    centre = _centres(model, vectors, area_of)
    logits = vectors @ centre.T
    if not logits.std() > 0:
        return  # one area, or descriptions that all read alike, tell nothing apart
    scale = START_SPREAD / logits.std()
    with torch.no_grad():
        model.value.weight.copy_(centre * scale)
        model.value.bias.sub_(logits.mean(0) * scale)


def _centres(model: AreaClassifier, vectors: torch.Tensor, area_of: torch.Tensor) -> torch.Tensor:
    """The mean of each area's descriptions less the mean of all areas', (A, H)."""
    centre = torch.stack([vectors[area_of == a].mean(0) for a in range(int(model.config.num_labels or 0))])
    return centre - centre.mean(0)


def warm_start(
    old: AreaClassifier, labels: list[str], came_from: list[list[int]], train: TrainConfig, single: bool = False
) -> AreaClassifier:  # fmt: skip
    """A classifier of `labels` with a trained model's encoder, each area with the mean of the head rows that it comes from.

    :param came_from: for each label the numbers of old areas; of an area that comes from none the mean of all rows is kept.
    """
    config = BertConfig.from_dict({
        **old.config.to_dict(), "id2label": dict(enumerate(labels)), "label2id": {label: i for i, label in enumerate(labels)},
        "head_dropout": train.dropout, "hidden_dropout_prob": train.encoder_dropout, "label_smoothing": train.label_smoothing,
        "problem_type": "single_label_classification" if single else "multi_label_classification",
    })  # fmt: skip
    model = AreaClassifier(config)
    model.bert.load_state_dict(old.bert.state_dict())
    mix = torch.zeros(len(labels), int(old.config.num_labels or 0))
    for i, numbers in enumerate(came_from):
        mix[i, numbers or slice(None)] = 1 / (len(numbers) or mix.shape[1])
    with torch.no_grad():
        for new, trained in _head_rows(model, old):
            new.copy_(mix @ trained)
    return model


def _head_rows(model: AreaClassifier, old: AreaClassifier) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Every parameter that has a row for each area, of two models."""
    return [(model.query.weight, old.query.weight), (model.value.weight, old.value.weight), (model.value.bias, old.value.bias)]


def start_new_areas(model: AreaClassifier, vectors: torch.Tensor, area_of: torch.Tensor, new: list[int]) -> None:
    """Starts the rows of new areas, in a model that is trained for the others, from encoded descriptions, as `start_from_descriptions`.

    Queries and weights become the mean of the trained rows and, as far from it as those are on average, the direction of the
    area's descriptions. (Rows predicted from descriptions by ridge regression over the trained areas, and the mean of the
    three nearest areas' rows, were worse: training/EXPERIMENTS.md.)

    :param vectors: mean-pooled encodings of m descriptions in the trained encoder's space, (m, H).
    :param area_of: the area number of each, (m,). :param new: the numbers of the new areas.
    """
    toward = nn.functional.normalize(_centres(model, vectors, area_of)[new], dim=1)
    trained = [i for i in range(int(model.config.num_labels or 0)) if i not in new]
    with torch.no_grad():
        for weight in (model.query.weight, model.value.weight):
            place = weight[trained].mean(0)
            weight[new] = place + toward * (weight[trained] - place).norm(dim=1).mean()


def shift_biases(model: AreaClassifier, areas: list[int], by: Any) -> None:
    """Adds to the biases of some areas, numbers (k,) to numbers (k,)."""
    with torch.no_grad():
        model.value.bias[areas] += torch.tensor(by, dtype=torch.float32)


def pooled(encoder: BertModel | StaticEncoder, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Mean of the last hidden states over real tokens, (n, H)."""
    with torch.no_grad():
        hidden = encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
    keep = attention_mask.unsqueeze(-1)
    return (hidden * keep).sum(1) / keep.sum(1)
