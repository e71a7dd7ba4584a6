"""Training: it learns, it can be killed at any moment, and it takes up exactly where it was."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cooptag.errors import UsageError
from cooptag_training import fit, pipeline, tracking
from cooptag_training.config import TrainConfig
from cooptag_training.metrics import precision_recall_f1

ROOT = Path(__file__).resolve().parents[2]
# Trains in a process of its own, so that it can be killed; prints the log history at the end.
SCRIPT = """
import json, sys, time
from pathlib import Path
from cooptag_training import fit, pipeline, tracking
from cooptag_training.config import TrainConfig
config, data, work, pause = TrainConfig(**json.loads(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])
pipeline.CACHE = work.parent / "cache"
loaded = pipeline.load_data(data, None, config.seed)
model, tokenizer = pipeline.prepare(config, loaded, tracking.NullTracker())
sets = [fit.tokenize(loaded.part(s), loaded.labels, tokenizer, config) for s in ("train", "validation")]
def log(values, step):
    print("step", step, flush=True)
    time.sleep(pause)
print(json.dumps(fit.train(model, tokenizer, *sets, config, work, {"data": loaded.digest}, log)))
"""


def start(config: TrainConfig, data: Path, work: Path, pause: float = 0.0) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'inference'}:{ROOT / 'training'}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT, config.model_dump_json(), str(data), str(work), str(pause)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def losses(output: str) -> list[tuple[int, float]]:
    history = json.loads(output.strip().splitlines()[-1])
    return [(row["step"], row["loss"]) for row in history if "loss" in row]


@pytest.fixture
def job(tiny_config: TrainConfig, labelled_jsonl: Callable[[int], Path]) -> tuple[TrainConfig, Path]:
    """160 training sentences, 20 steps an epoch, dropout on, so that the random state matters."""
    return tiny_config.model_copy(update={"dropout": 0.2, "epochs": 3.0}), labelled_jsonl(200)


def test_a_killed_run_resumes_to_the_same_loss_curve(job: tuple[TrainConfig, Path], tmp_path: Path) -> None:
    config, data = job
    unbroken = start(config, data, tmp_path / "unbroken")
    broken = start(config, data, tmp_path / "broken", pause=1.0)
    assert broken.stdout is not None
    for line in broken.stdout:
        if line.strip() == "step 30":  # mid-epoch, a checkpoint at 20 behind it and one at 30 being written
            broken.send_signal(signal.SIGKILL)
            break
    broken.wait(60)
    expected, _ = unbroken.communicate(timeout=240)
    resumed = start(config, data, tmp_path / "broken")
    found, errors = resumed.communicate(timeout=240)
    assert "going on from" in errors, errors
    assert losses(found) == losses(expected) != []


def test_sigterm_saves_a_checkpoint_and_reports_143(job: tuple[TrainConfig, Path], tmp_path: Path) -> None:
    config, data = job
    process = start(config, data, tmp_path / "work", pause=1.0)
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "step 20":
            process.terminate()
            break
    _, errors = process.communicate(timeout=120)
    assert "Interrupted" in errors and "a checkpoint is saved" in errors
    assert fit.newest_checkpoint(tmp_path / "work/checkpoints") is not None
    assert fit.Interrupted(signal.SIGTERM).exit_code == 143


def trained(config: TrainConfig, data: Path, work: Path) -> tuple[pipeline.Data, object, object]:
    loaded = pipeline.load_data(data, None, config.seed)
    model, tokenizer = pipeline.prepare(config, loaded, tracking.NullTracker())
    sets = [fit.tokenize(loaded.part(s), loaded.labels, tokenizer, config) for s in ("train", "validation")]
    fit.train(model, tokenizer, *sets, config, work, {"data": loaded.digest})
    return loaded, model, tokenizer


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "CACHE", tmp_path / "cache")


def test_training_learns_what_the_words_say(tiny_config: TrainConfig, labelled_jsonl: Callable[[int], Path], tmp_path: Path) -> None:
    from cooptag_training.export import torch_logits

    data, model, tokenizer = trained(tiny_config.model_copy(update={"epochs": 6.0}), labelled_jsonl(240), tmp_path / "work")
    test = data.part("validation")
    logits = torch_logits(model, fit.tokenize(test, data.labels, tokenizer, tiny_config)["input_ids"])
    assert precision_recall_f1(fit.label_matrix(test, data.labels), logits > 0)["f1"] > 0.9


@pytest.fixture(scope="module")
def finished(tiny_config: TrainConfig, labelled_jsonl: Callable[[int], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work folder of a finished run with two checkpoints."""
    work = tmp_path_factory.mktemp("finished") / "work"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "CACHE", work.parent / "cache")
        trained(tiny_config.model_copy(update={"epochs": 1.0}), labelled_jsonl(200), work)
    return work


@pytest.fixture
def checkpoints(finished: Path, tmp_path: Path) -> Path:
    """A copy of the two checkpoints, to be damaged."""
    folder = Path(shutil.copytree(finished, tmp_path / "work")) / "checkpoints"
    assert len(list(folder.glob("checkpoint-*"))) == 2
    return folder


@pytest.mark.parametrize("name", fit.CHECKPOINT_FILES)
@pytest.mark.parametrize("damage", ["truncated", "missing", "empty"])
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before(
    checkpoints: Path, name: str, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    newest = fit.newest_checkpoint(checkpoints)
    assert newest is not None
    raw = (newest / name).read_bytes()
    (newest / name).unlink()
    if damage != "missing":
        (newest / name).write_bytes(raw[: len(raw) // 2] if damage == "truncated" else b"")
    older = fit.newest_checkpoint(checkpoints)
    assert older is not None and older != newest
    assert f"{newest.name}: {name}" in capsys.readouterr().err
    shutil.rmtree(older)
    assert fit.newest_checkpoint(checkpoints) is None


def test_a_pickle_planted_in_a_checkpoint_does_not_run(
    checkpoints: Path, tiny_config: TrainConfig, labelled_jsonl: Callable[[int], Path], tmp_path: Path
) -> None:
    import pickle

    import torch

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {tmp_path / 'marker'}",)

    newest = fit.newest_checkpoint(checkpoints)
    assert newest is not None
    torch.save({"state": Evil()}, newest / "optimizer.pt")
    with pytest.raises(pickle.UnpicklingError):
        trained(tiny_config.model_copy(update={"epochs": 1.0}), labelled_jsonl(200), tmp_path / "work")
    assert not (tmp_path / "marker").exists()


def test_a_work_folder_of_other_data_or_recipe_is_refused(
    checkpoints: Path, tiny_config: TrainConfig, labelled_jsonl: Callable[[int], Path]
) -> None:
    with pytest.raises(UsageError, match="holds a run of other data or configuration"):
        trained(tiny_config.model_copy(update={"epochs": 2.0}), labelled_jsonl(200), checkpoints.parent)


def test_batches_are_padded_to_their_longest_row() -> None:
    rows = [{"input_ids": [5, 6, 7], "labels": [1.0, 0.0]}, {"input_ids": [5], "labels": [0.0, 0.0]}]
    batch = fit.collate(rows, pad=1)
    assert batch["input_ids"].tolist() == [[5, 6, 7], [5, 1, 1]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [[1.0, 0.0], [0.0, 0.0]]


def test_training_feeds_what_inference_feeds(tiny_config: TrainConfig, base_model: Path) -> None:
    """One normaliser, one prefix, one window: token ids of `tokenize` are those of the serving tokenizer."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    from cooptag.text import normalize
    from cooptag_training.split import Row

    tokenizer = PreTrainedTokenizerFast.from_pretrained(base_model)
    config = tiny_config.model_copy(update={"prefix": "joint ", "max_length": 16})
    texts = ["Hai  bên họp tac\u200b về khi\u0301 hậu", "trade " * 40]
    ids = fit.tokenize([Row(t, t, (), "vi", t) for t in texts], [], tokenizer, config)["input_ids"]
    serving = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    serving.enable_truncation(16)
    assert ids == [serving.encode("joint " + normalize(t, "vi")).ids for t in texts]
    assert max(map(len, ids)) == 16


def test_sentence_vectors_keep_their_order_and_do_not_depend_on_neighbours(base_model: Path) -> None:
    texts = ["climate and solar energy met today in Hanoi on joint work", "trade", "khí hậu", "the ministers agreed"]
    together = fit.sentence_vectors(texts, str(base_model), "")
    alone = np.concatenate([fit.sentence_vectors([text], str(base_model), "") for text in texts])
    assert together.shape == (4, 32)
    np.testing.assert_allclose(together, alone, atol=0.03)  # bfloat16, where the processor has it
