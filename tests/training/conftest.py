"""A tiny encoder, a tiny corpus, a tiny recipe: everything real, nothing downloaded."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cooptag_training import config as recipes
from cooptag_training import tracking
from cooptag_training.config import TrainConfig

ROOT = Path(__file__).resolve().parents[2]
WORDS = {"climate": ["climate", "emissions", "khí", "hậu"], "energy": ["energy", "solar", "lượng"], "trade": ["trade", "tariff", "thương"]}
FILLER = ["the", "ministers", "agreed", "on", "and", "met", "today", "hai", "bên", "joint", "work", "in", "Hanoi", "hợp", "tác"]


@pytest.fixture(scope="session")
def base_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random BERT of width 32 and a Unigram tokenizer over the words above."""
    import torch
    from transformers import BertConfig, BertModel

    from cooptag_training.pretrained import build_tokenizer

    folder = tmp_path_factory.mktemp("base")
    words = [*FILLER, *(word for group in WORDS.values() for word in group)]
    characters = sorted({c for word in words for c in word} | set("abcdefghijklmnopqrstuvwxyzABCDEFGH.,0123456789▁"))
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces += [(f"▁{word}", -3.0) for word in words] + [(c, -8.0) for c in characters]
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(pieces), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
                        max_position_embeddings=128, pad_token_id=1)  # fmt: skip
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    build_tokenizer(pieces, 128).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_config(base_model: Path) -> TrainConfig:
    """configs/train-tiny.yaml on the tiny encoder: the shipped recipe is what tests run."""
    values = recipes.load(ROOT / "configs/train-tiny.yaml").model_dump()
    return recipes.parse({**values, "base_model": str(base_model)}, "test")


@pytest.fixture(scope="session")
def labelled_jsonl(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Writes `n` distinct labelled sentences over three labels and none, in groups of three."""
    import json
    import random

    def write(n: int) -> Path:
        draw = random.Random(7)  # noqa: S311
        rows = []
        for i in range(n):
            labels = [label for label in WORDS if draw.random() < 0.4]
            words = [draw.choice(WORDS[label]) for label in labels] + draw.sample(FILLER, 6)
            draw.shuffle(words)
            rows.append({"text": f"{' '.join(words)} {i}.", "labels": labels, "group": f"g{i // 3}", "lang": "en"})
        file = tmp_path_factory.mktemp("rows") / "rows.jsonl"
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf8")
        return file

    return write

@pytest.fixture(scope="session")
def migrated_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite store with MLflow's tables and no experiment of ours: making it takes seconds, copying it does not."""
    from mlflow import MlflowClient

    file = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def store(migrated_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URI of a store of the test's own; the tags of its runs ask neither git nor torch."""
    monkeypatch.setattr(tracking, "git_commit", lambda: "0123abc-dirty")
    monkeypatch.setattr(tracking, "_gpu", lambda: "")
    shutil.copy(migrated_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture
def client(store: str) -> Any:
    """MLflow's own view of that store."""
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=store, registry_uri=store)
