"""Peers trained on the same data: each takes training rows and gives logits (n, A) for texts, on which thresholds are fitted alike.

All use the encoder that the released model starts from, where they use one. SetFit, model2vec and tlmtc are the packages of those names,
run by their own defaults but for what CPU time allows; nothing else needs them: `pip install 'cooptag[compare]'`.
"""

import csv
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cooptag.errors import UsageError
from cooptag.text import normalize
from cooptag_training import variety
from cooptag_training.config import TrainConfig
from cooptag_training.fit import label_matrix, sentence_vectors
from cooptag_training.release import Data
from cooptag_training.split import Row

Logits = npt.NDArray[np.float64]
Predict = Callable[[Sequence[Row]], Logits]
# A logit beyond every threshold's reach: what never says yes, or always.
FAR = 10.0


@dataclass(frozen=True)
class Setting:
    """What a peer is made from.

    `budget`: rows that a fine-tuned peer may read, repeats counted, so that CPU time stays bounded. `python`: that of tlmtc's environment.
    """

    config: TrainConfig
    data: Data
    seed: int
    budget: int
    python: str = sys.executable


def tfidf(setting: Setting) -> Predict:
    """Character 1- to 5-grams within words, TF-IDF, a logistic regression for each area."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    rows = setting.data.part("train")
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 5), min_df=3, sublinear_tf=True, dtype=np.float32)
    features = vectorizer.fit_transform(_texts(rows))
    gold = label_matrix(rows, setting.data.labels)
    models = [_one(LogisticRegression(C=30, solver="liblinear", random_state=setting.seed), features, column) for column in gold.T]

    def predict(asked: Sequence[Row]) -> Logits:
        found = vectorizer.transform(_texts(asked))
        return np.stack([model(found) for model in models], axis=1)

    return predict


def frozen(setting: Setting) -> Predict:
    """The pretrained encoder as it is, mean-pooled, and a logistic regression for each area."""
    rows = setting.data.part("train")
    classify = regression(_vectors(setting, rows), label_matrix(rows, setting.data.labels))
    return lambda asked: classify(_vectors(setting, asked))


def regression(vectors: Any, gold: Any) -> Callable[[Any], Logits]:
    """Logits (m, A) for vectors (m, H) by a logistic regression an area on vectors (n, H); one without a training row is never given."""
    from sklearn.linear_model import LogisticRegression

    centre, spread = vectors.mean(0), vectors.std(0) + 1e-6
    standard = (vectors - centre) / spread
    models = [_one(LogisticRegression(C=0.01, max_iter=300), standard, column) for column in gold.T]

    def classify(asked: Any) -> Logits:
        found = (asked - centre) / spread
        return np.stack([model(found) for model in models], axis=1)

    return classify


def _one(model: Any, features: Any, carried: Any) -> Callable[[Any], Any]:
    """The decision function of one area; constant where all or no training rows carry it."""
    if carried.all() or not carried.any():
        return lambda found: np.full(found.shape[0], FAR if carried.all() else -FAR)
    decide: Callable[[Any], Any] = model.fit(features, carried).decision_function
    return decide


def cues(setting: Setting) -> Predict:
    """The cue list of the area file: an area is named where its name, a cue or a body of it stands in the sentence."""
    known = variety.CueList(setting.data.entries)

    def predict(asked: Sequence[Row]) -> Logits:
        number = {label: i for i, label in enumerate(setting.data.labels)}
        logits = np.full((len(asked), len(number)), -FAR)
        for i, row in enumerate(asked):
            logits[i, [number[area] for area in known.areas(row.text, row.lang)]] = FAR
        return logits

    return predict


def zero_shot(setting: Setting) -> Predict:
    """The pretrained encoder without any training sentence: cosine to each area's name, definition and cues, less the mean area's."""
    described = [(i, text) for i, label in enumerate(setting.data.labels) for text in _descriptions(setting.data, label)]
    area_of = np.array([i for i, _ in described])
    vectors = _unit(_encode(setting, [text for _, text in described]))
    centre = vectors.mean(0)
    areas = _unit(np.stack([(vectors[area_of == i] - centre).mean(0) for i in range(len(setting.data.labels))]))
    # Log-odds that grow as cosines do over the range they have; thresholds and calibration do the rest.
    return lambda asked: FAR * (_unit(_unit(_vectors(setting, asked)) - centre) @ areas.T)


def setfit(setting: Setting) -> Predict:
    """SetFit (Tunstall et al. 2022): contrastive pairs, then one logistic regression an area (its one-vs-rest strategy)."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    body = _sentence_transformer(setting)
    rows = setting.data.part("train")
    texts = _texts(rows)
    model = SetFitModel.from_pretrained(body, multi_target_strategy="one-vs-rest", labels=setting.data.labels)
    gold = label_matrix(rows, setting.data.labels).astype(int)
    chosen = np.random.default_rng(setting.seed).permutation(len(rows))
    sample = chosen[: min(2000, max(64, setting.budget // 8))]  # its pairs are listed
    part = Dataset.from_dict({"text": [texts[i] for i in sample], "label": gold[sample].tolist()})
    arguments = TrainingArguments(
        batch_size=(16, 32), max_steps=max(1, setting.budget // 32), num_epochs=1, seed=setting.seed, report_to="none",
        use_amp=False, show_progress_bar=False, save_strategy="no", output_dir=tempfile.mkdtemp(),
    )  # fmt: skip
    trainer = Trainer(model=model, args=arguments, train_dataset=part)
    trainer.train_embeddings(list(part["text"]), part["label"], args=arguments)
    encode = model.model_body.encode
    # The head is trained on all rows; only the contrastive pairs are of the sample.
    classify = regression(encode(texts), gold.astype(bool))
    return lambda asked: classify(encode(_texts(asked)))


def model2vec(setting: Setting) -> Predict:
    """model2vec: static vectors distilled from the encoder, and its trainable classifier (all training rows, early stopping)."""
    from model2vec.distill import distill_from_model
    from model2vec.train import StaticModelForClassification

    from cooptag_training import pipeline

    # Over the pieces that the released model has: over all 250,000 it takes five minutes and knows no more of this text.
    encoder, tokenizer, _ = pipeline.trimmed_encoder(setting.config, setting.data)
    static = distill_from_model(encoder, tokenizer)
    model = StaticModelForClassification.from_static_model(model=static)
    rows, validation = setting.data.part("train"), setting.data.part("validation")
    model.fit(
        _texts(rows), [list(row.labels) for row in rows], X_val=_texts(validation), y_val=[list(row.labels) for row in validation],
        device="cpu", random_seed=setting.seed,
    )  # fmt: skip
    order = [list(model.classes_).index(label) for label in setting.data.labels]

    def predict(asked: Sequence[Row]) -> Logits:
        return _log_odds(np.asarray(model.predict_proba(_texts(asked)), dtype=np.float64)[:, order])

    return predict


def tlmtc(setting: Setting) -> Predict:
    """tlmtc (LoRA on the same encoder, its own defaults without the search), in the environment of `setting.python`."""
    rows, labels = setting.data.part("train"), setting.data.labels
    folder = Path(tempfile.mkdtemp(prefix="tlmtc-"))
    chosen = np.random.default_rng(setting.seed).permutation(len(rows))[: setting.budget]
    for name, part in (("train", [rows[i] for i in chosen]), ("test", setting.data.part("validation"))):
        _write_csv(folder / f"{name}.csv", part, labels)
    _sentence_transformer(setting, folder / "encoder")
    script = Path(__file__).with_name("tlmtc_peer.py")

    def call(*arguments: str) -> None:
        done = subprocess.run([setting.python, str(script), *arguments], capture_output=True, text=True, cwd=folder)  # noqa: S603
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise UsageError(f"tlmtc: {last}; it needs an environment of its own (Python 3.12, `tlmtc[train,predict]`), see --tlmtc-python")

    call("fit", str(folder), str(setting.seed))

    def predict(asked: Sequence[Row]) -> Logits:
        (folder / "asked.json").write_text(json.dumps(_texts(asked)))
        call("predict", str(folder), str(setting.seed))
        return _log_odds(np.array(json.loads((folder / "scores.json").read_text())))

    return predict


PEERS: dict[str, Callable[[Setting], Predict]] = {
    "cue list": cues,
    "zero-shot": zero_shot,
    "TF-IDF": tfidf,
    "model2vec": model2vec,
    "frozen encoder": frozen,
    "SetFit": setfit,
    "tlmtc": tlmtc,
}


def missing(peer: str, setting: Setting) -> str | None:
    """What a peer lacks to run here, and how to get it; None if nothing."""
    package = {"SetFit": "setfit", "model2vec": "model2vec"}.get(peer)
    if package and importlib.util.find_spec(package) is None:
        return f"{package} is not installed; run `pip install 'cooptag[compare]'`"
    if peer == "cue list" and not setting.data.entries:
        return "the data has no area file"
    if peer == "tlmtc" and subprocess.run([setting.python, "-c", "import tlmtc.api.train"], capture_output=True).returncode:  # noqa: S603
        return f"{setting.python} has no tlmtc[train,predict]; name a Python 3.12 or newer that has it with --tlmtc-python"
    return None


# These draw no random number: one seed says what three would.
DETERMINISTIC = ("cue list", "zero-shot", "TF-IDF", "frozen encoder")


def _texts(rows: Sequence[Row]) -> list[str]:
    return [normalize(row.text, row.lang) for row in rows]


def _vectors(setting: Setting, rows: Sequence[Row]) -> Any:
    return _encode(setting, _texts(rows))


def _encode(setting: Setting, texts: Sequence[str]) -> Any:
    return sentence_vectors(texts, setting.config.base_model, setting.config.prefix, _loaded(setting.config.base_model))


@cache
def _loaded(source: str) -> Any:
    """The encoder, loaded once, so that a peer's speed is not that of reading a file."""
    from cooptag_training import pretrained

    return pretrained.load(source)


def _log_odds(probabilities: Logits) -> Logits:
    p = np.clip(probabilities, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(p / (1 - p)))


def _unit(vectors: Any) -> Any:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def _descriptions(data: Data, label: str) -> list[str]:
    for entry in data.entries:
        if entry.area.id == label:
            return [*entry.area.names.values(), entry.area.definition, *(cue for group in entry.cues.values() for cue in group)]
    return [label.replace("_", " ")]


def _sentence_transformer(setting: Setting, folder: Path | None = None) -> str:
    """The encoder as a folder that sentence-transformers and transformers load: mean pooling over its last states."""
    folder = folder or Path(tempfile.mkdtemp(prefix="encoder-"))
    model, tokenizer = _loaded(setting.config.base_model)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def _write_csv(file: Path, rows: Sequence[Row], labels: Sequence[str]) -> None:
    gold = label_matrix(rows, labels).astype(int)
    with file.open("w", newline="", encoding="utf8") as out:
        writer = csv.writer(out)
        writer.writerow(["text", *(f"label_{label}" for label in labels)])
        writer.writerows([text, *map(int, carried)] for text, carried in zip(_texts(rows), gold, strict=True))
