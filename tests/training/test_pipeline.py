"""The whole way on a tiny scale: JSONL → trained, exported, calibrated folder → tags; and each gate shut on a fault."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cooptag import Tagger, artifact
from cooptag.errors import InputError, UsageError
from cooptag_training import evaluate, export, pipeline, release, tracking
from cooptag_training.config import TrainConfig


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "CACHE", tmp_path / "cache")


@pytest.fixture
def out(tiny_config: TrainConfig, labelled_jsonl: Callable[[int], Path], tmp_path: Path) -> Path:
    """A tiny trained model folder; its torch model lies beside it."""
    data = pipeline.load_data(labelled_jsonl(200), None, tiny_config.seed)
    pipeline.fit(tiny_config, data, tmp_path / "model", tracking.NullTracker())
    return tmp_path / "model"


def test_from_jsonl_to_tags_export_and_evaluation(
    out: Path, tiny_config: TrainConfig, labelled_jsonl: Callable[[int], Path], tmp_path: Path
) -> None:
    tagger = Tagger.load(out)
    assert tagger.verify() < 1e-4
    manifest = artifact.load(out).manifest
    assert manifest.areas == ["climate", "energy", "trade"] and manifest.precision == "fp32"
    assert all(0.05 <= t <= 0.95 for t in manifest.thresholds)
    tagged = tagger.tag(["the ministers agreed on trade and emissions.", "hai bên met today in Hanoi."])
    assert [{a.id for a in t.areas} for t in tagged] == [{"trade", "climate"}, set()]

    report, wrong = evaluate.evaluate(tagger, evaluate.read_rows(labelled_jsonl(60)))
    assert report["micro"]["f1"] > 0.9 and report["n"] == 60
    assert len(wrong) == round(60 * (1 - report["exact_match"]))

    data = pipeline.load_data(labelled_jsonl(200), None, tiny_config.seed)
    again = tiny_config.model_copy(update={"export_precision": "int8"})
    pipeline.export_work(out.with_name("model.work"), again, data, tmp_path / "int8", tracking.NullTracker())
    small = Tagger.load(tmp_path / "int8")
    texts = [row.text for row in data.part("validation")]
    difference = np.abs(small.encoder.logits(texts)[0] - tagger.encoder.logits(texts)[0]).max()
    assert 1e-6 < difference < 0.5, "8-bit weights should be near the fp32 ones, and not the same"
    together = small.encoder.logits(texts)[0]
    alone = np.concatenate([small.encoder.logits([t])[0] for t in texts])
    np.testing.assert_allclose(together, alone, atol=1e-4, err_msg="8-bit logits depend on the batch")


def test_one_label_each_is_noticed_trained_and_served_as_one_label(
    tiny_config: TrainConfig, labelled_jsonl: Callable[[int], Path], tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in labelled_jsonl(400).read_text().splitlines()]
    file = tmp_path / "one.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows if len(row["labels"]) == 1))
    data = pipeline.load_data(file, None, 1)
    assert data.single
    joining = tiny_config.model_copy(update={"augment": tiny_config.augment.model_copy(update={"join": 1.0, "lower": 0.5})})
    assert all(len(row.labels) == 1 for row in pipeline.training_rows(joining, data))
    pipeline.fit(tiny_config, data, tmp_path / "model", tracking.NullTracker())
    tagger = Tagger.load(tmp_path / "model")
    assert artifact.load(tmp_path / "model").manifest.problem_type == "single_label"
    tagged = tagger.tag(["the ministers met on solar", "tariff today", "Hanoi met the"], all_scores=True)
    assert [len(t.areas) for t in tagged] == [1, 1, 1] and [t.areas[0].id for t in tagged[:2]] == ["energy", "trade"]
    assert all(abs(sum(a.score for a in t.all_scores or ()) - 1) < 0.01 for t in tagged)


def test_the_folder_holds_goals_and_examples_and_explains(
    out: Path, tiny_config: TrainConfig, labelled_jsonl: Callable[[int], Path]
) -> None:
    tagger = Tagger.load(out)
    assert list(artifact.load(out).manifest.goals) == ["f1", "precision=0.9", "recall=0.9"]
    (tagged,) = tagger.tag(["the ministers agreed on trade today"], explain=True)
    (area,) = tagged.areas
    assert "trade" in [e.text for e in area.evidence or ()] and area.without is not None and area.without < area.score
    assert area.nearest and all("trade" in example.areas for example in area.nearest)
    data = pipeline.load_data(labelled_jsonl(200), None, tiny_config.seed)
    assert {e.text for e in area.nearest} <= {row.text for row in data.part("train")}


def test_what_each_token_adds_sums_to_the_logit(out: Path) -> None:
    encoder = Tagger.load(out).encoder
    texts = ["the ministers agreed on trade", "emissions"]
    contributions, logits = encoder._run([encoder._tokenizer.encode(t).ids for t in texts], ("contributions", "logits"))
    constant = logits - contributions.sum(1)
    np.testing.assert_allclose(constant[0], constant[1], atol=1e-5)  # the bias, whatever the text


def test_a_stated_goal_becomes_the_folders_own(
    out: Path, tiny_config: TrainConfig, labelled_jsonl: Callable[[int], Path], tmp_path: Path
) -> None:
    data = pipeline.load_data(labelled_jsonl(200), None, tiny_config.seed)
    config = tiny_config.model_copy(update={"goal": "recall=0.95", "examples": 0})
    pipeline.export_work(out.with_name("model.work"), config, data, tmp_path / "recall", tracking.NullTracker())
    manifest = artifact.load(tmp_path / "recall").manifest
    assert manifest.goal == "recall=0.95" and manifest.thresholds == manifest.goals["recall=0.95"]
    (tagged,) = Tagger.load(tmp_path / "recall").tag(["trade"], explain=True)
    assert tagged.areas and all(area.nearest == () for area in tagged.areas)  # no examples leave the house


def test_a_graph_that_strays_from_torch_is_not_exported(out: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    from cooptag_training.model import AreaClassifier

    work = out.with_name("model.work") / "final"
    model, tokenizer = AreaClassifier.from_pretrained(work), PreTrainedTokenizerFast.from_pretrained(work)
    graph = export.to_onnx(model)
    texts = ["the ministers met", "trade " * 50, "x"]
    assert export.check_parity(model, graph, tokenizer, texts, 64) <= export.PARITY
    model.value.bias.data += 0.001
    with pytest.raises(export.ParityError, match=r"differ from torch's by 0\.001"):
        export.check_parity(model, graph, tokenizer, texts, 64)


def test_int8_that_costs_too_much_is_written_as_fp32(
    out: Path, tiny_config: TrainConfig, labelled_jsonl: Callable[[int], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(release, "QUANTISATION_COST", -1.0)
    data = pipeline.load_data(labelled_jsonl(200), None, tiny_config.seed)
    config = tiny_config.model_copy(update={"export_precision": "int8"})
    pipeline.export_work(out.with_name("model.work"), config, data, tmp_path / "again", tracking.NullTracker())
    assert artifact.load(tmp_path / "again").manifest.precision == "fp32"
    assert "the model is written in fp32" in capsys.readouterr().err


def test_out_that_is_something_else_is_refused(tiny_config: TrainConfig, labelled_jsonl: Callable[[int], Path], tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/thesis.txt").write_text("years of work")
    data = pipeline.load_data(labelled_jsonl(60), None, 1)
    with pytest.raises(UsageError, match="exists and is no model folder"):
        pipeline.fit(tiny_config, data, tmp_path / "taken", tracking.NullTracker())


def test_build_refuses_forbidden_text_and_writes_nothing(tmp_path: Path) -> None:
    from cooptag_training import areas, corpus

    articles = corpus.load(corpus.DEFAULT_FOLDER, {e.area.id for e in areas.load()})
    secret = max(articles[0].sentences, key=lambda s: len(s.text)).text
    (tmp_path / "eval.jsonl").write_text(json.dumps({"text": secret}), encoding="utf8")
    with pytest.raises(InputError, match=f"leak: {articles[0].id}"):
        pipeline.build(corpus.DEFAULT_FOLDER, areas.DEFAULT_FILE, tmp_path / "out", 13, [tmp_path / "eval.jsonl"])
    assert not (tmp_path / "out").exists()


def test_the_shipped_corpus_builds_with_every_area_in_every_split(tmp_path: Path) -> None:
    from cooptag_training import areas, corpus
    from cooptag_training.split import SPLITS

    data = pipeline.build(corpus.DEFAULT_FOLDER, areas.DEFAULT_FILE, tmp_path / "out", 13)
    for split in SPLITS:
        assert {label for row in data.part(split) for label in row.labels} == set(data.labels)
    again = pipeline.load_data(tmp_path / "out", None, 13)
    assert again.digest == data.digest and len(again.entries) == 37


def test_an_area_file_of_other_labels_is_refused_only_if_asked_for(labelled_jsonl: Callable[[int], Path]) -> None:
    from cooptag_training import areas

    assert pipeline.load_data(labelled_jsonl(60), None, 1).entries == []
    with pytest.raises(UsageError, match="its ids are not the data's labels"):
        pipeline.load_data(labelled_jsonl(60), areas.DEFAULT_FILE, 1)


def test_evaluation_refuses_labels_that_the_model_does_not_know(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": "a", "labels": ["tourism"]}\n')
    with pytest.raises(InputError, match="labels tourism are not among the model's areas"):
        evaluate.evaluate(Tagger.load(tiny_model), evaluate.read_rows(tmp_path / "rows.jsonl"))


def test_a_dataset_that_the_model_was_not_made_from_is_noticed(tiny_model: Path, tmp_path: Path) -> None:
    tagger = Tagger.load(tiny_model)
    for folder, digest in (("own", tagger.folder.manifest.data_hash), ("other", "1" * 64)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "README.md").write_text(f"content_hash: {digest}\n")
    assert evaluate.may_have_seen(tagger, tmp_path / "other")
    assert not evaluate.may_have_seen(tagger, tmp_path / "own")
    assert not evaluate.may_have_seen(tagger, tmp_path / "rows.jsonl"), "a file of sentences names no splits of its own"
