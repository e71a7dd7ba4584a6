"""The recipe's schema. Unknown keys are refused with the nearest name; no value is read from anywhere else."""

import difflib
import math
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cooptag.errors import UsageError

# Reading a set more often than this only learns it by heart.
MAX_EPOCHS = 20


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Augment(_Strict):
    """Training-time augmentation, drawn once from the seed. Each share is of the training sentences that it applies to.

    - `join`: two or three sentences of one language become one, with the union of their areas.
    - `lists`: a sentence goes on into a list of three to nine cues of other areas, whose union it carries: real
      communiqués enumerate areas by their plain names.
    - `strip_accents`: Vietnamese without diacritics. `lower`, `upper`: changed case.
    - `cut`, `mixed`: under a teacher alone, who says what they carry: a stretch of a sentence's clauses; clauses of several
      sentences of one language.
    - `cues`: names, cues and bodies of the area file as bare list items, that many for each area and language.
    """

    join: float = Field(0.0, ge=0, le=2)
    lists: float = Field(0.0, ge=0, le=2)
    strip_accents: float = Field(0.0, ge=0, le=1)
    lower: float = Field(0.0, ge=0, le=1)
    upper: float = Field(0.0, ge=0, le=1)
    cut: float = Field(0.0, ge=0, le=10)
    mixed: float = Field(0.0, ge=0, le=10)
    cues: int = Field(0, ge=0, le=50)


class TrainConfig(_Strict):
    """Everything that decides the trained model. Lengths are in tokens, rates per optimiser step, shares in [0, 1].

    - `name` of the model folder; `seed` of initialisation, order, dropout, augmentation and split.
    - `base_model`: "auto", "wheel", a folder, or a name on the hub; `vocabulary_size` pieces are kept of it, 0 for all.
    - `encoder`: "bert", the pretrained one, or "static", its word embeddings at `width` and convolutions over three tokens.
    - `layers`: how many layers of a model that a student starts from are kept, 0 for all; of "static" how many convolutions.
    - `max_length`: the window; `prefix`: put before every text, in training and serving.
    - `pooling`: an attention for each area over the tokens, or one mean for all.
    - `start_from_descriptions`: the head starts from encoded area names and cues instead of at random.
    - `freeze_embeddings`: word embeddings stay as pretrained, so that 4 bits hold them exactly.
    - `dropout`: before the head; `encoder_dropout`: on the encoder's hidden states.
    - `learning_rate` of the encoder, `head_learning_rate` of the head; linear warm-up over `warmup_share`, linear decay.
    - `label_weight`: what the labels count beside a teacher's scores, where there are labels.
    - `unlabelled`: at most so many sentences of each file without labels, evenly drawn, are read out by a teacher.
    - `label_smoothing`: how far the labels are moved towards what is common, in training.
    - `precision`: bf16, fp32, or "auto", bf16 where the hardware multiplies it natively.
    - `save_steps` between checkpoints, of which the newest `keep_checkpoints` are kept.
    - `min_steps`: a small set is read more often than `epochs`, until it has had so many steps, at most `MAX_EPOCHS` times;
      `max_steps`: a large one is read less often.
    - `goal` of the thresholds: f1, precision=0.9, recall=0.9 (any share); the folder also holds those of calibrate.GOALS.
    - `examples`: training sentences that the folder carries, to show the nearest ones; 0 where they must not leave the house.
    - `export_precision`: int8 (if it costs little, see release.py) or fp32.
    """

    name: str = Field("cooptag-small", pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    seed: int = 13
    base_model: str = "auto"
    vocabulary_size: int = Field(56_000, ge=0)
    encoder: Literal["bert", "static"] = "bert"
    layers: int = Field(0, ge=0, le=24)
    width: int = Field(128, ge=32, le=1024, multiple_of=32)
    max_length: int = Field(256, ge=16, le=512)
    prefix: str = "query: "
    pooling: Literal["mean", "label_attention"] = "label_attention"
    start_from_descriptions: bool = True
    freeze_embeddings: bool = True
    dropout: float = Field(0.1, ge=0, lt=1)
    encoder_dropout: float = Field(0.1, ge=0, lt=1)
    epochs: float = Field(8, gt=0)
    min_steps: int = Field(0, ge=0)
    max_steps: int = Field(1_000_000, ge=1)
    batch_size: int = Field(16, ge=1)
    learning_rate: float = Field(5e-5, gt=0)
    head_learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    label_weight: float = Field(0.5, ge=0, le=1)
    unlabelled: int = Field(40_000, ge=1)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    warmup_share: float = Field(0.1, ge=0, lt=1)
    max_grad_norm: float = Field(1.0, gt=0)
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    save_steps: int = Field(100, ge=1)
    keep_checkpoints: int = Field(2, ge=2)
    augment: Augment = Field(default_factory=Augment)
    goal: str = Field("f1", pattern=r"^(f1|(precision|recall)=0?\.\d*[1-9]\d*)$")
    examples: int = Field(10_000, ge=0)
    export_precision: Literal["fp32", "int8"] = "int8"

    def steps(self, rows: int, processes: int = 1) -> int:
        """Optimiser steps over so many training rows; each of the processes reads a batch in each."""
        an_epoch = math.ceil(rows / (self.batch_size * processes))
        wanted = max(self.epochs * an_epoch, min(self.min_steps, MAX_EPOCHS * an_epoch))
        return max(1, min(math.ceil(wanted), self.max_steps))


def load(path: Path) -> TrainConfig:
    """Reads a YAML recipe.

    :raises UsageError: one line naming the file, the key, what was expected and, for an unknown key, the nearest name.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path}: cannot be read as YAML ({' '.join(str(error).split())}); see configs/train.yaml") from error
    if not isinstance(data, dict):
        raise UsageError(f"{path}: is a {type(data).__name__}, expected keys and values; see configs/train.yaml")
    return parse(data, str(path))


def parse(data: dict[str, Any], source: str) -> TrainConfig:
    """Checks a recipe already read; `source` names it in errors.

    :raises UsageError: as `load`.
    """
    try:
        return TrainConfig.model_validate(data)
    except ValidationError as error:
        raise UsageError(f"{source}: {_explain(error)}") from error


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(map(str, first["loc"]))
    if first["type"] != "extra_forbidden":
        return f"{key} is {first['input']!r}: {first['msg']}"
    fields = Augment.model_fields if key.startswith("augment.") else TrainConfig.model_fields
    near = difflib.get_close_matches(key.rsplit(".", 1)[-1], fields, n=1, cutoff=0.0)
    return f"unknown key {key!r}; the nearest known key is {near[0]!r}"
