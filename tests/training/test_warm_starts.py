"""A new model that starts from a trained one: what areas keep, merge, split or begin with, and areas that nobody has labelled."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel
from typer.testing import CliRunner

from cooptag import Tagger, artifact
from cooptag.errors import InputError, UsageError
from cooptag.types import Area
from cooptag_training import fit, pipeline, tracking, warm_starts
from cooptag_training import model as network
from cooptag_training.areas import AreaEntry
from cooptag_training.cli import app
from cooptag_training.config import TrainConfig
from cooptag_training.release import Data
from cooptag_training.split import Row

OLD = ["climate", "energy", "trade"]
CONFIG = TrainConfig(dropout=0.0)
RECIPE = Path(__file__).resolve().parents[2] / "configs/train-tiny.yaml"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "CACHE", tmp_path / "cache")


def small_model() -> network.AreaClassifier:
    torch.manual_seed(0)
    encoder = BertModel(BertConfig(vocab_size=50, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64), False)
    model = network.build(encoder, OLD, CONFIG, torch.tensor([0.3, 0.2, 0.1])).eval()
    torch.nn.init.normal_(model.query.weight)
    return model


IDS, MASK = torch.tensor([[0, 7, 8, 9, 2], [0, 11, 12, 13, 2]]), torch.ones(2, 5, dtype=torch.long)


def test_areas_that_stay_score_as_before_wherever_they_stand() -> None:
    old = small_model()
    new = network.warm_start(old, ["trade", "tourism", "climate_renamed"], [[2], [], [0]], CONFIG).eval()
    torch.testing.assert_close(new(IDS, MASK).logits[:, [0, 2]], old(IDS, MASK).logits[:, [2, 0]])


def test_merged_areas_have_the_mean_of_all_their_rows_and_split_ones_the_old_row() -> None:
    old = small_model()
    new = network.warm_start(old, ["green", "goods", "services"], [[0, 1], [2], [2]], CONFIG)
    for now, before in ((new.query.weight, old.query.weight), (new.value.weight, old.value.weight), (new.value.bias, old.value.bias)):
        torch.testing.assert_close(now[0], before[:2].mean(0))
        torch.testing.assert_close(now[1:], before[[2, 2]])


def test_a_new_area_starts_towards_its_own_descriptions_and_leaves_the_others_alone() -> None:
    new = network.warm_start(small_model(), [*OLD, "tourism"], [[0], [1], [2], []], CONFIG)
    before = new.value.weight.detach().clone()
    centres = torch.randn(4, 32, generator=torch.Generator().manual_seed(1))
    area_of = torch.arange(4).repeat_interleave(3)
    network.start_new_areas(new, centres[area_of], area_of, [3])
    torch.testing.assert_close(new.value.weight[:3], before[:3])
    assert (centres @ new.value.weight[3].detach()).argmax() == 3
    distances = (new.value.weight - before[:3].mean(0)).norm(dim=1)
    assert distances[3].item() == pytest.approx(distances[:3].mean().item(), rel=1e-4), "not on the scale of the trained rows"


def test_what_nobody_judged_teaches_nothing() -> None:
    model = small_model()
    labels = torch.tensor([[1.0, 0.0, float("nan")], [0.0, 1.0, float("nan")]])
    loss = model(IDS, MASK, labels).loss
    known = network.nn.functional.binary_cross_entropy_with_logits(model(IDS, MASK).logits[:, :2], labels[:, :2], reduction="sum") / 2
    torch.testing.assert_close(loss, known)
    loss.backward()
    assert model.value.bias.grad is not None and model.value.bias.grad.isfinite().all()
    assert model.value.bias.grad[2] == 0 and (model.value.bias.grad[:2] != 0).all()


def test_shifted_logits_have_the_stated_mean_score() -> None:
    logits = np.random.default_rng(0).normal(size=(400, 2)) * 3 - [9, -4]
    moved = logits + warm_starts._shift(logits, np.array([0.04, 0.3]))
    np.testing.assert_allclose((1 / (1 + np.exp(-moved))).mean(0), [0.04, 0.3], atol=1e-6)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[", "cannot be read as JSON"),
        ('{"version": 2, "map": {}}', "is no migration of version 1"),
        ('{"version": 1, "map": {"climate": "climate"}}', "hold something else than ids"),
        ('{"version": 1, "map": {"climate": ["weather"], "green": ["climate"]}}', "'climate' comes from 'weather'"),
        ('{"version": 1, "map": {"climate": ["climate"]}, "added": []}', "'green' is neither in map nor in added"),
    ],
)
def test_a_migration_that_does_not_fit_is_told_in_one_line(content: str, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "migration.json"
    file.write_text(content)
    with pytest.raises(InputError, match=problem) as told:
        warm_starts.WarmStart(tmp_path, file).came_from(OLD, ["climate", "green"])
    assert str(file) in str(told.value) and "\n" not in str(told.value)


def test_areas_come_from_where_the_migration_says_or_from_themselves(tmp_path: Path) -> None:
    file = tmp_path / "migration.json"
    content = {"version": 1, "map": {"green": ["climate", "energy"], "goods": ["trade"]}, "added": ["tourism"], "split": []}
    file.write_text(json.dumps(content))
    assert warm_starts.WarmStart(tmp_path, file).came_from(OLD, ["tourism", "green", "goods"]) == [[], [0, 1], [2]]
    assert warm_starts.WarmStart(tmp_path).came_from(OLD, ["trade", "tourism"]) == [[2], []]
    with pytest.raises(UsageError, match="has none of the data's labels"):
        warm_starts.WarmStart(tmp_path).came_from(OLD, ["tourism"])


def described(area: str, words: list[str]) -> AreaEntry:
    return AreaEntry(Area(area, names={"en": area}), {"en": tuple(words)}, ())


CUES = {"climate": ["climate", "emissions"], "energy": ["energy", "solar"], "trade": ["trade", "tariff"]}
ENTRIES = [described(area, words) for area, words in CUES.items()]


def without_trade(data: Data) -> Data:
    """The same sentences, in which nobody has looked for trade."""
    rows = [replace(row, labels=tuple(label for label in row.labels if label != "trade")) for row in data.rows]
    return Data(rows, OLD, ENTRIES, "f" * 64, "rows")


def test_rows_judge_a_zero_shot_area_only_where_the_area_file_made_them() -> None:
    rows = [
        Row("1", "on climate", ("climate",), "en", "a", "train"),
        Row("2", "on solar", ("energy",), "en", "b", "train"),
        Row("3", "they met", (), "en", "c", "train"),
    ]
    data = Data(rows, OLD, ENTRIES, "", "")
    assert warm_starts.zero_shot(data) == ["trade"]
    config = CONFIG.model_copy(update={"augment": CONFIG.augment.model_copy(update={"cues": 3, "join": 1.0, "lower": 1.0})})
    made = pipeline.training_rows(config, data)
    trade = warm_starts.judged(made, data)[:, 2]
    cues = np.array([row.id.startswith("cue") for row in made])
    assert cues.sum() == 9 and len(made) > 9 + 3
    assert np.isnan(trade[~cues]).all() and (trade[cues] == 0).sum() == 6
    assert {row.text for row, value in zip(made, trade, strict=True) if value == 1} == {"trade", "tariff"}
    assert not np.isnan(warm_starts.judged(made, data)[:, :2]).any()


@pytest.fixture
def old_work(tiny_config: TrainConfig, labelled_jsonl: Callable[[int], Path], tmp_path: Path) -> Path:
    """The work folder of a training that knows climate and energy alone."""
    data = pipeline.load_data(labelled_jsonl(200), None, tiny_config.seed)
    data = replace(without_trade(data), labels=OLD[:2], entries=ENTRIES[:2])
    pipeline.fit(tiny_config.model_copy(update={"epochs": 4.0}), data, tmp_path / "old", tracking.NullTracker())
    return tmp_path / "old.work"


def test_an_added_area_is_served_zero_shot_and_the_others_as_before(
    old_work: Path, tiny_config: TrainConfig, labelled_jsonl: Callable[[int], Path], tmp_path: Path
) -> None:
    labelled = pipeline.load_data(labelled_jsonl(200), None, tiny_config.seed)
    augment = tiny_config.augment.model_copy(update={"cues": 5})
    config = tiny_config.model_copy(update={"epochs": 2.0, "augment": augment})
    pipeline.fit(config, without_trade(labelled), tmp_path / "new", tracking.NullTracker(), warm=warm_starts.WarmStart(old_work))
    tagger = Tagger.load(tmp_path / "new")
    manifest = artifact.load(tmp_path / "new").manifest
    assert tagger.verify() < 1e-4
    assert "zero-shot, by the median area: trade" in manifest.calibration.method
    assert "No training sentence carries trade" in (tmp_path / "new/README.md").read_text()
    assert all(thresholds[2] == pytest.approx(np.median(thresholds[:2]), abs=1e-4) for thresholds in manifest.goals.values())

    validation = labelled.part("validation")
    scores = tagger.decoder.scores(tagger.logits([row.text for row in validation]))
    gold = fit.label_matrix(validation, OLD)
    shares = fit.label_matrix(without_trade(labelled).part("train"), OLD)[:, :2].mean(0)
    assert scores[:, 2].mean() == pytest.approx(np.median(shares), abs=0.01)
    assert scores[gold[:, 2], 2].mean() > scores[~gold[:, 2], 2].mean() + 0.1, "trade is told from nothing"
    assert ((scores[:, :2] >= 0.5) == gold[:, :2]).mean() > 0.95

    again = tmp_path / "again"
    pipeline.export_work(tmp_path / "new.work", config, without_trade(labelled), again, tracking.NullTracker())
    assert artifact.load(again).manifest.thresholds == manifest.thresholds
    with pytest.raises(UsageError, match="holds a run of other data or configuration"):
        pipeline.fit(config, without_trade(labelled), tmp_path / "new", tracking.NullTracker())


def test_biases_of_merged_areas_are_set_to_how_common_they_are_now(
    old_work: Path, tiny_config: TrainConfig, labelled_jsonl: Callable[[int], Path], tmp_path: Path
) -> None:
    data = pipeline.load_data(labelled_jsonl(200), None, tiny_config.seed)
    either = [replace(row, labels=("green",) if {"climate", "energy"} & set(row.labels) else ()) for row in data.rows]
    merged = Data(either, ["green", "tourism"], [], "", "rows")
    file = tmp_path / "migration.json"
    file.write_text('{"version": 1, "map": {"green": ["climate", "energy"]}, "added": ["tourism"]}')
    model, tokenizer = warm_starts.start(warm_starts.WarmStart(old_work, file), tiny_config, merged)
    train = merged.part("train")
    scores = 1 / (1 + np.exp(-fit.predict(model, tokenizer, train, merged.labels, tiny_config)))
    assert scores[:, 0].mean() == pytest.approx(np.mean([bool(row.labels) for row in train]), abs=0.01)


def test_a_start_that_is_none_is_refused(tmp_path: Path, tiny_config: TrainConfig, labelled_jsonl: Callable[[int], Path]) -> None:
    rows = labelled_jsonl(60)
    data = pipeline.load_data(rows, None, 1)
    command = ["fit", "--data", str(rows), "--out", str(tmp_path / "new"), "--tracking", "off", "--config", str(RECIPE)]
    result = CliRunner().invoke(app, [*command, "--warm-start", str(tmp_path / "nowhere")])
    assert isinstance(result.exception, UsageError) and "nowhere: holds no finished training" in str(result.exception)
    bare = replace(data, rows=[replace(row, labels=()) for row in data.rows])
    with pytest.raises(UsageError, match="no training row has a label"):
        warm_starts.start(warm_starts.WarmStart(tmp_path), tiny_config, bare)
    for options in (["--migration", "m.json"], ["--warm-start", "w", "--teacher", "small"]):
        result = CliRunner().invoke(app, [*command, *options])
        assert isinstance(result.exception, UsageError) and "--migration goes with --warm-start" in str(result.exception)
