"""Peers on rows whose labels are plain to see, thresholds and all; and what flipped between two runs."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cooptag.errors import InputError
from cooptag.types import Area
from cooptag_training import baselines, compare, pipeline
from cooptag_training.areas import AreaEntry
from cooptag_training.baselines import Setting
from cooptag_training.config import TrainConfig
from cooptag_training.release import Data
from cooptag_training.tracking import NullTracker

CUES = {"climate": ["climate", "emissions", "khí", "hậu"], "energy": ["energy", "solar", "lượng"], "trade": ["trade", "tariff", "thương"]}


@pytest.fixture
def setting(tiny_config: TrainConfig, labelled_jsonl: Callable[[int], Path]) -> Setting:
    data = pipeline.load_data(labelled_jsonl(200), None, 1)
    entries = [AreaEntry(Area(area, names={"en": area}), cues={"en": tuple(words)}, bodies=()) for area, words in CUES.items()]
    described = Data(data.rows, data.labels, entries, data.digest, data.source)
    return Setting(tiny_config, described, seed=1, budget=64)


@pytest.mark.parametrize(("peer", "least"), [("cue list", 1.0), ("TF-IDF", 0.9), ("frozen encoder", 0.6), ("zero-shot", 0.6)])
def test_a_peer_is_trained_calibrated_and_scored(setting: Setting, tiny_model: Path, tmp_path: Path, peer: str, least: float) -> None:
    scored = setting.data.part("validation")
    table = compare.run(setting, [peer], [1, 2, 3], [str(tiny_model)], scored, tmp_path, NullTracker())
    assert {row["system"] for row in table} == {peer, str(tiny_model)} and all(row["runs"] == 1 for row in table)
    assert next(row for row in table if row["system"] == peer)["micro_f1"] >= least
    assert f"| {peer} |" in compare.describe(table)


def test_results_are_kept_for_the_same_making_alone(setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counting(own: Setting) -> baselines.Predict:
        made.append(own.seed)
        return lambda rows: np.full((len(rows), 3), float(own.seed))

    monkeypatch.setitem(baselines.PEERS, "SetFit", counting)
    scored = setting.data.part("validation")
    for _ in range(2):
        (row,) = compare.run(setting, ["SetFit"], [1, 2], [], scored, tmp_path, NullTracker())
    assert made == [1, 2] and row["runs"] == 2
    other = Setting(setting.config, setting.data, setting.seed, setting.budget + 1)
    compare.run(other, ["SetFit"], [1], [], scored, tmp_path, NullTracker())
    assert made == [1, 2, 1]


def test_what_a_peer_lacks_is_said(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "setfit is not installed; run `pip install 'cooptag[compare]'`" in (baselines.missing("SetFit", setting) or "")
    assert "--tlmtc-python" in (baselines.missing("tlmtc", setting) or "")
    bare = Setting(setting.config, replace(setting.data, entries=[]), 1, 64)
    assert baselines.missing("cue list", bare) == "the data has no area file" and baselines.missing("cue list", setting) is None


def test_labels_on_every_row_or_on_none_are_no_crash(setting: Setting) -> None:
    vectors = np.random.default_rng(0).normal(size=(20, 4))
    gold = np.zeros((20, 3), dtype=bool)
    gold[:, 0], gold[:10, 2] = True, True
    logits = baselines.regression(vectors, gold)(vectors)
    assert (logits[:, 0] == baselines.FAR).all() and (logits[:, 1] == -baselines.FAR).all() and np.isfinite(logits).all()


def predictions(file: Path, *rows: tuple[str, list[str], list[str]]) -> Path:
    lines = [json.dumps({"text": text, "lang": "en", "gold": gold, "predicted": predicted}) for text, gold, predicted in rows]
    file.write_text("\n".join(lines) + "\n", encoding="utf8")
    return file


def test_flips_name_what_was_mended_and_what_was_broken(tmp_path: Path) -> None:
    first = predictions(tmp_path / "a.jsonl", ("one", ["climate"], []), ("two", [], []), ("three", ["trade"], ["trade"]))
    second = predictions(tmp_path / "b.jsonl", ("one", ["climate"], ["climate"]), ("two", [], ["energy"]), ("three", ["trade"], ["trade"]))
    found = compare.flips(first, second)
    assert [(row["text"], row["mended"], row["broken"]) for row in found] == [("one", "climate", ""), ("two", "", "energy")]


def test_runs_of_different_sentences_or_other_files_are_refused(tmp_path: Path) -> None:
    first, second = predictions(tmp_path / "a.jsonl", ("one", [], [])), predictions(tmp_path / "b.jsonl", ("two", [], []))
    with pytest.raises(InputError, match="different sentences"):
        compare.flips(first, second)
    (tmp_path / "c.jsonl").write_text("not json")
    with pytest.raises(InputError, match="expected predictions of a run"):
        compare.flips(first, tmp_path / "c.jsonl")
