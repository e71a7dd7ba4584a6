"""Fine-tunes the classifier with `transformers.Trainer`: CPU, one GPU, or several under `accelerate launch`.

A run can be killed at any moment and started again with the same command: it goes on from the newest checkpoint that
is whole, with the same batches, dropout and loss curve as an unbroken run.
"""

import hashlib
import json
import signal
import sys
import zipfile
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cooptag.artifact import write_durably
from cooptag.errors import CooptagError, UsageError
from cooptag.text import normalize
from cooptag_training.config import TrainConfig
from cooptag_training.metrics import precision_recall_f1
from cooptag_training.split import Row

if TYPE_CHECKING:
    import datasets
    import torch
    from transformers import PreTrainedTokenizerFast, Trainer, TrainingArguments

    from cooptag_training.model import AreaClassifier

# Checkpoints fall on multiples of this, so that a resumed run logs the same averages as an unbroken one.
LOG_STEPS = 10
CHECKPOINT_FILES = ("trainer_state.json", "model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth")
# Under several processes each saves its own random state; the first stands for all.
FIRST_OF_SEVERAL = {"rng_state.pth": "rng_state_0.pth"}


class Interrupted(CooptagError):
    """SIGINT or SIGTERM; the checkpoint is saved."""

    error_type = "interrupted"

    def __init__(self, number: int) -> None:
        super().__init__("interrupted; a checkpoint is saved, run the same command again to go on")
        self.exit_code = 128 + number


def tokenize(
    rows: Sequence[Row], labels: Sequence[str], tokenizer: "PreTrainedTokenizerFast", config: TrainConfig, targets: Any = None
) -> "datasets.Dataset":  # fmt: skip
    """Rows as token ids (with the configured prefix, cut at `max_length`) and label vectors: `targets` (n, A), or 0.0 and 1.0."""
    import datasets

    texts = [config.prefix + normalize(row.text, row.lang) for row in rows]
    ids = tokenizer(texts, truncation=True, max_length=config.max_length)["input_ids"]
    targets = label_matrix(rows, labels) if targets is None else targets
    return datasets.Dataset.from_dict({"input_ids": ids, "labels": targets.astype(np.float32), "length": list(map(len, ids))})


def label_matrix(rows: Sequence[Row], labels: Sequence[str]) -> Any:
    """Which labels each row carries, (n, A), boolean."""
    number = {label: i for i, label in enumerate(labels)}
    matrix = np.zeros((len(rows), len(labels)), dtype=bool)
    for i, row in enumerate(rows):
        matrix[i, [number[label] for label in row.labels]] = True
    return matrix


def train(
    model: "AreaClassifier", tokenizer: "PreTrainedTokenizerFast", train_data: "datasets.Dataset", validation: "datasets.Dataset",
    config: TrainConfig, work: Path, identity: dict[str, str], on_log: Any = None,
) -> list[dict[str, float]]:  # fmt: skip
    """Trains in place, from the newest whole checkpoint below `work` if there is one; returns the log history.

    :param identity: what the run depends on besides `config`, such as the data's hash; a run of another identity is refused.
    :param on_log: called with (values, step) at each log.
    :raises UsageError: if `work` holds a run of other data or configuration.
    :raises Interrupted: after SIGINT or SIGTERM, when the checkpoint is saved.
    """
    checkpoints = work / "checkpoints"
    _check_same_run(work / "run.json", config, identity)
    trainer = _trainer(model, tokenizer, train_data, validation, config, checkpoints)
    stopper = _callbacks(trainer, on_log)
    resume = newest_checkpoint(checkpoints)
    if resume is not None:
        print(f"going on from {resume}", file=sys.stderr)
    try:
        trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    finally:
        stopper.restore()
    if stopper.received:
        raise Interrupted(stopper.received)
    history: list[dict[str, float]] = trainer.state.log_history
    return history


def _check_same_run(file: Path, config: TrainConfig, identity: dict[str, str]) -> None:
    """A work folder belongs to one recipe, data set and area file; the commit is noted, and may change between resumes."""
    depends = {key: value for key, value in identity.items() if key != "commit"}
    digest = hashlib.sha256(f"{json.dumps(depends, sort_keys=True)}\n{config.model_dump_json()}".encode()).hexdigest()
    if file.is_file():
        if json.loads(file.read_text()).get("digest") != digest:
            raise UsageError(f"{file.parent}: holds a run of other data or configuration; remove it or choose another --out")
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    write_durably(file, json.dumps({"digest": digest, **identity}).encode())


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that is whole, or None; a damaged newer one is named on standard error and passed over."""
    steps = {int(p.name.rsplit("-", 1)[1]): p for p in folder.glob("checkpoint-*") if p.name.rsplit("-", 1)[1].isdigit()}
    for step in sorted(steps, reverse=True):
        problem = _checkpoint_problem(steps[step])
        if problem is None:
            return steps[step]
        print(f"warning: {steps[step]}: {problem}; trying the checkpoint before", file=sys.stderr)
    return None


def _checkpoint_problem(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint's files, judged without loading pickled content; None if nothing is."""
    from safetensors import SafetensorError, safe_open

    for name in CHECKPOINT_FILES:
        file = checkpoint / name
        if not file.is_file():
            file = checkpoint / FIRST_OF_SEVERAL.get(name, name)
        if not file.is_file():
            return f"{name} is missing"
        try:
            if name.endswith(".json"):
                json.loads(file.read_bytes())
            elif name.endswith(".safetensors"):
                with safe_open(str(file), framework="numpy"):
                    pass  # the header's sizes are checked against the file's
            else:
                with zipfile.ZipFile(file) as archive:
                    if archive.testzip() is not None:
                        return f"{name} is damaged"
        except (ValueError, EOFError, NotImplementedError, zlib.error, SafetensorError, zipfile.BadZipFile) as error:
            return f"{name} is damaged ({type(error).__name__})"
    return None


def _trainer(
    model: "AreaClassifier", tokenizer: "PreTrainedTokenizerFast", train_data: "datasets.Dataset", validation: "datasets.Dataset",
    config: TrainConfig, checkpoints: Path,
) -> "Trainer":  # fmt: skip
    import torch
    from transformers import Trainer

    if not torch.cuda.is_available():
        # Torch's fused attention has no fast backward on CPU: written out, a step takes 0.9 of the time (EXPERIMENTS.md).
        model.set_attn_implementation("eager")
    if config.freeze_embeddings and config.encoder == "bert":
        model.bert.embeddings.word_embeddings.weight.requires_grad_(False)

    class TwoRateTrainer(Trainer):
        """The new head learns faster than the pretrained encoder; biases and layer norms do not decay."""

        def create_optimizer(self, *_: Any, **__: Any) -> "torch.optim.Optimizer":
            if self.optimizer is None:
                self.optimizer = torch.optim.AdamW(_parameter_groups(model, config), fused=True)
            return self.optimizer

    pad = tokenizer.pad_token_id
    return TwoRateTrainer(
        model=model, args=_arguments(config, checkpoints, len(train_data)), train_dataset=train_data, eval_dataset=validation,
        data_collator=lambda rows: collate(rows, pad), compute_metrics=partial(_validation_metrics, single=model.single),
    )  # fmt: skip


def _parameter_groups(model: "AreaClassifier", config: TrainConfig) -> list[dict[str, Any]]:
    groups: dict[tuple[bool, bool], list[Any]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = (name.startswith("bert."), parameter.ndim > 1)
            groups.setdefault(key, []).append(parameter)
    return [
        {"params": parameters, "lr": config.learning_rate if encoder else config.head_learning_rate,
         "weight_decay": config.weight_decay if decays else 0.0}
        for (encoder, decays), parameters in sorted(groups.items(), key=lambda item: item[0])
    ]  # fmt: skip


def _arguments(config: TrainConfig, checkpoints: Path, rows: int) -> "TrainingArguments":
    import torch
    from accelerate import PartialState
    from transformers import TrainingArguments

    return TrainingArguments(
        output_dir=str(checkpoints), seed=config.seed, data_seed=config.seed, report_to=[],
        max_steps=config.steps(rows, PartialState().num_processes),
        per_device_train_batch_size=config.batch_size, per_device_eval_batch_size=32,
        learning_rate=config.learning_rate, lr_scheduler_type="linear", warmup_steps=config.warmup_share,
        max_grad_norm=config.max_grad_norm, train_sampling_strategy="group_by_length", length_column_name="length",
        bf16=use_bf16(config.precision), use_cpu=not torch.cuda.is_available(), dataloader_pin_memory=torch.cuda.is_available(),
        eval_strategy="epoch", save_strategy="steps", save_steps=max(LOG_STEPS, config.save_steps // LOG_STEPS * LOG_STEPS),
        save_total_limit=config.keep_checkpoints, logging_steps=LOG_STEPS, disable_tqdm=not sys.stderr.isatty(),
    )  # fmt: skip


def predict(
    model: "AreaClassifier", tokenizer: "PreTrainedTokenizerFast", rows: Sequence[Row], labels: Sequence[str], config: TrainConfig
) -> Any:  # fmt: skip
    """Logits of the torch model, (n, A), without the model folder that serving needs."""
    import torch

    model.eval()
    pad = int(tokenizer.pad_token_id)
    data = tokenize(rows, labels, tokenizer, config)
    logits = np.zeros((len(rows), len(labels)), dtype=np.float32)
    order = np.argsort(data["length"])
    for start in range(0, len(order), 32):
        members = order[start : start + 32]
        batch = collate([data[int(i)] for i in members], pad)
        with torch.no_grad():
            batch = {key: value.to(model.device) for key, value in batch.items()}
            logits[members] = model(batch["input_ids"], batch["attention_mask"]).logits.float().cpu().numpy()
    return logits


def sentence_vectors(texts: Sequence[str], source: str = "auto", prefix: str = "query: ", loaded: Any = None) -> Any:
    """Mean-pooled vectors of the encoder as pretrained, (n, H) float32, on CPU; texts are cut at 128 tokens.

    :param loaded: the encoder and tokenizer if they are loaded already.
    :raises UsageError: if the encoder cannot be had, see `pretrained.load`.
    """
    import torch

    from cooptag_training import pretrained
    from cooptag_training.model import pooled

    model, tokenizer = loaded or pretrained.load(source)
    model = model.eval()
    vectors = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for start in range(0, len(order), 32):
        members = order[start : start + 32]
        batch = tokenizer([prefix + texts[i] for i in members], padding=True, truncation=True, max_length=128, return_tensors="pt")
        with torch.autocast("cpu", torch.bfloat16, enabled=cpu_has_bf16()):
            vectors[members] = pooled(model, batch["input_ids"], batch["attention_mask"]).float().numpy()
    return vectors


def use_bf16(precision: str) -> bool:
    """Whether to compute in bfloat16: as asked, or where the hardware multiplies it natively.

    On two cores with AVX-512 BF16 a training step takes 0.4 of fp32's time (training/EXPERIMENTS.md).
    """
    import torch

    if precision != "auto":
        return precision == "bf16"
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return cpu_has_bf16()


def cpu_has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 natively."""
    import torch

    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def collate(rows: Sequence[dict[str, Any]], pad: int) -> "dict[str, torch.Tensor]":
    """A batch padded to its longest row: input_ids and attention_mask (n, t), labels (n, A)."""
    import torch

    width = max(len(row["input_ids"]) for row in rows)
    ids = torch.full((len(rows), width), pad, dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row["input_ids"])] = torch.tensor(row["input_ids"])
        mask[i, : len(row["input_ids"])] = 1
    labels = torch.tensor(np.array([row["labels"] for row in rows]), dtype=torch.float32)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def _validation_metrics(prediction: Any, single: bool) -> dict[str, float]:
    """Precision, recall and micro-F1 at a score of 0.5 (`single`: of the highest), to follow the training by."""
    logits, gold = np.asarray(prediction.predictions), np.asarray(prediction.label_ids).astype(bool)
    return precision_recall_f1(gold, logits >= (logits.max(axis=1, keepdims=True) if single else 0.0))


def _callbacks(trainer: "Trainer", on_log: Any) -> Any:
    from transformers import TrainerCallback

    class Stopper(TrainerCallback):
        """Turns the first SIGINT or SIGTERM into a saved checkpoint and an end; the second kills as usual."""

        def __init__(self) -> None:
            self.received = 0
            self.before = {number: signal.signal(number, self.receive) for number in (signal.SIGINT, signal.SIGTERM)}

        def receive(self, number: int, _frame: Any) -> None:
            self.received = number
            self.restore()

        def restore(self) -> None:
            for number, handler in self.before.items():
                signal.signal(number, handler)

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
            control.should_save = control.should_save or bool(self.received)
            control.should_training_stop = control.should_training_stop or bool(self.received)
            return control

        def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            logs = kwargs.get("logs")
            if on_log is not None and logs and state.is_world_process_zero:
                on_log({key: value for key, value in logs.items() if isinstance(value, (int, float))}, state.global_step)

    stopper = Stopper()
    trainer.add_callback(stopper)
    return stopper
