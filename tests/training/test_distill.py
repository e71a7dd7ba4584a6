"""A student learns a teacher's scores, on labelled text and on text without labels."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cooptag import Tagger, artifact
from cooptag.errors import InputError, UsageError
from cooptag_training import augment, distill, export, pipeline, release, tracking
from cooptag_training.config import TrainConfig
from cooptag_training.distill import Teaching
from cooptag_training.release import Data

SENTENCE = "The ministers agreed on emissions and on solar today, and met in Hanoi."


@pytest.fixture(scope="module")
def data(labelled_jsonl: Callable[[int], Path], tiny_config: TrainConfig) -> Data:
    return pipeline.load_data(labelled_jsonl(200), None, tiny_config.seed)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory, data: Data, tiny_config: TrainConfig) -> Path:
    out = tmp_path_factory.mktemp("teacher") / "model"
    pipeline.fit(tiny_config, data, out, tracking.NullTracker())
    return out


@pytest.fixture
def unlabelled(tmp_path: Path) -> Path:
    file = tmp_path / "unlabelled.jsonl"
    said = "Nothing else was said in the long meeting number {} of the year, as the hosts told the press."
    documents = [f"{SENTENCE} {said.format(n)}" for n in range(30)]
    file.write_text("".join(json.dumps({"text": document}) + "\n" for document in documents))
    return file


@pytest.mark.parametrize(("encoder", "from_work"), [("static", False), ("bert", True)])
def test_a_student_learns_its_teacher_and_backs_it_up(
    encoder: str, from_work: bool, data: Data, teacher: Path, unlabelled: Path, tiny_config: TrainConfig, tmp_path: Path
) -> None:
    shape = {"encoder": encoder, "width": 32, "layers": 1, "start_from_descriptions": False}
    own = {**shape, "epochs": 6, "export_precision": "int8"}
    config = tiny_config.model_copy(update={**own, "augment": tiny_config.augment.model_copy(update={"cut": 1.0, "mixed": 1.0})})
    start = teacher.with_name("model.work") if from_work else None
    teaching = Teaching(str(teacher), (unlabelled,), start=start)
    pipeline.fit(config, data, tmp_path / "student", tracking.NullTracker(), teaching)
    student, better = Tagger.load(tmp_path / "student"), Tagger.load(teacher)
    manifest = artifact.load(tmp_path / "student").manifest
    assert manifest.teacher.startswith(artifact.load(teacher).manifest.name) and manifest.pass_on_from < 3
    texts = [row.text for row in data.part("validation")]
    both = [{a.id for a in t.areas} == {a.id for a in s.areas} for t, s in zip(better.tag(texts), student.tag(texts), strict=True)]
    assert np.mean(both) > 0.8
    assert len(student.backed_by(better).tag(texts)) == len(texts)


def test_a_student_that_agrees_too_little_is_not_written(
    data: Data, teacher: Path, tiny_config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "LEAST_AGREEMENT", 1.01)
    own = {"encoder": "static", "width": 32, "layers": 1, "epochs": 0.1, "start_from_descriptions": False}
    config = tiny_config.model_copy(update=own)
    with pytest.raises(export.ParityError, match="agrees with its teacher at"):
        pipeline.fit(config, data, tmp_path / "student", tracking.NullTracker(), Teaching(str(teacher)))
    assert not (tmp_path / "student").exists()


def test_labels_count_as_much_as_asked_and_answers_are_kept(data: Data, teacher: Path, tiny_config: TrainConfig, tmp_path: Path) -> None:
    rows = data.part("train")
    config = tiny_config.model_copy(update={"label_weight": 1.0})
    _, gold = distill.lessons(rows, rows, data.labels, config, Teaching(str(teacher)), tmp_path)
    np.testing.assert_array_equal(gold, [[label in row.labels for label in data.labels] for row in rows])
    with np.load(tmp_path / "teacher.npz") as kept:
        logits = kept["logits"]
    _, told = distill.lessons(rows, rows, data.labels, config.model_copy(update={"label_weight": 0.0}), Teaching(str(teacher)), tmp_path)
    np.testing.assert_allclose(told, 1 / (1 + np.exp(-logits.astype(np.float64))))


def test_documents_that_share_forbidden_text_are_left_out(unlabelled: Path, tmp_path: Path) -> None:
    forbidden = tmp_path / "evaluation.jsonl"
    forbidden.write_text(json.dumps({"text": "in the long meeting NUMBER 7 of the year, as the hosts told the press"}) + "\n")
    found = distill.unlabelled(Teaching("t", (unlabelled,), (forbidden,)), 1000)
    assert len(found) == 58 and not any("number 7 " in row.text for row in found)
    assert len(distill.unlabelled(Teaching("t", (unlabelled,)), 10)) == 10


def test_text_without_a_sentence_to_learn_from_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "short.jsonl"
    file.write_text('{"text": "Short."}\n')
    with pytest.raises(InputError, match=r"short\.jsonl: holds no sentence of 40 to 500 characters"):
        distill.unlabelled(Teaching("t", (file,)), 10)


def test_a_teacher_of_other_labels_is_refused(data: Data, teacher: Path, tiny_config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has other labels than the data"):
        distill.lessons(data.part("train"), [], ["a", "b"], tiny_config, Teaching(str(teacher)), tmp_path)


def test_clauses_are_cut_and_mixed_within_a_language(data: Data, tiny_config: TrainConfig) -> None:
    rows = data.part("train")[:20]
    made = augment.recombined(rows, tiny_config.augment.model_copy(update={"cut": 1.0, "mixed": 2.0}), 1)
    assert len(made) == 60 and all(row.text.strip() and not row.labels for row in made)
    assert made == augment.recombined(rows, tiny_config.augment.model_copy(update={"cut": 1.0, "mixed": 2.0}), 1)
