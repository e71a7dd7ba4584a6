"""Fixtures for both sides: a model folder small enough to read, and real enough to tag with."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cooptag import artifact, evidence, text
from cooptag.encoder import Encoder

AREAS = ("climate", "energy", "trade")
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
# The one word, in each of two languages, that names each area; the other words name nothing.
VIETNAMESE = {"climate": "hậu", "energy": "lượng", "trade": "thương"}
OTHER_WORDS = ("query", "the", "and", "agreed", "on", "cooperation", "khí", "năng", "mại", "hợp", "tác")
GOLDEN_TEXTS = (
    "They agreed on climate cooperation.",
    "Hợp tác năng lượng và thương mại.",
    "Trade, energy and the climate.",
    "Nothing was agreed.",
)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A valid model folder for the areas climate, energy and trade; copy it before changing it."""
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


def write_tiny_model(folder: Path, areas: tuple[str, ...] = AREAS) -> Path:
    """Writes a model that gives an area a logit of 3 for its word and -3 without it; its golden texts verify."""
    words = [*SPECIAL, *dict.fromkeys([*areas, *(VIETNAMESE[area] for area in areas if area in VIETNAMESE), *OTHER_WORDS])]
    contents = {
        "model.onnx": _network(_word_weights(words, areas)),
        "tokenizer.json": _tokenizer(words).encode("utf8"),
        "areas.json": _json([{"id": a, "pillar": "economic", "names": {"en": a.title(), "vi": f"{a} (vi)"}} for a in areas]),
        "README.md": b"# tiny\n\nA model for tests.\n",
    }
    manifest = _manifest(folder.name, areas)
    bare = artifact.ModelFolder(folder, manifest, (), contents["model.onnx"], contents["tokenizer.json"].decode("utf8"), {})
    examples = _examples(Encoder(bare, "cpu"), areas)
    artifact.save(folder, manifest, {**contents, "golden.json": _json(_golden(bare)), "examples.npz": examples})
    return folder


def _word_weights(words: Sequence[str], areas: Sequence[str]) -> np.ndarray:
    """What each word adds to each area's logit, (words, A)."""
    weights = np.zeros((len(words), len(areas)), dtype=np.float32)
    for column, area in enumerate(areas):
        for word in (area, VIETNAMESE.get(area)):
            if word is not None:
                weights[words.index(word), column] = 6.0
    return weights


def _network(weights: np.ndarray) -> bytes:
    """logits (n, A) = the sum of the weights of the words under the mask (n, t), less 3; the sum is the text's vector, too."""
    from onnx import TensorProto, checker, helper, numpy_helper

    n_areas = weights.shape[1]
    nodes = [
        helper.make_node("Gather", ["weights", "input_ids"], ["looked_up"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["mask_column"]),
        helper.make_node("Mul", ["looked_up", "mask_column"], ["contributions"]),
        helper.make_node("ReduceSum", ["contributions", "tokens"], ["vectors"], keepdims=0),
        helper.make_node("Add", ["vectors", "bias"], ["logits"]),
    ]
    constants = {
        "weights": weights, "bias": np.full(n_areas, -3, dtype=np.float32), "last": np.array([2]), "tokens": np.array([1]),
    }  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "t"]) for name in ("input_ids", "attention_mask")],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", n_areas]),
            helper.make_tensor_value_info("contributions", TensorProto.FLOAT, ["n", "t", n_areas]),
            helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", n_areas]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model)
    return model.SerializeToString()


def _tokenizer(words: Sequence[str]) -> str:
    """Lower-cased words and signs, as one-word pieces between <s> and </s>."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))  # noqa: S106
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    tokenizer.add_special_tokens(list(SPECIAL))
    return tokenizer.to_str()


def _manifest(name: str, areas: tuple[str, ...]) -> artifact.Manifest:
    ones = [1.0] * len(areas)
    return artifact.Manifest(
        format_version=artifact.FORMAT_VERSION, name=name, areas=list(areas), problem_type="multi_label",
        goal="f1", thresholds=[0.5] * len(areas), goals={"f1": [0.5] * len(areas), "precision=0.9": [0.9999] * len(areas)},
        none=(-1.0, 0.0), uncertain_from=0.3, pass_on_from=0.02,
        reference=artifact.Reference(
            sentences=1000, none=0.4, rates=[0.6 / len(areas)] * len(areas), scores=[0.4, *[0.0] * 8, 0.6], uncertain=0.05, unknown=0.3,
            languages={"en": 0.5, "vi": 0.5},
        ),
        calibration=artifact.Calibration(method="none", scale=ones, bias=[0.0] * len(areas)), max_length=32,
        languages=["vi", "en"], text_version=text.TEXT_VERSION, prefix="query: ", precision="fp32", base_model="none", teacher="",
        data_hash="0" * 64, run_id="", git_commit="unknown", created="2026-01-01T00:00:00Z", files={},
    )  # fmt: skip


def _examples(encoder: Encoder, areas: tuple[str, ...]) -> bytes:
    """A labelled sentence for each area, and one with the first two."""
    rows = [*((f"They agreed on {area}.", {area}) for area in areas), (f"{areas[0]} and {areas[-1]}", {areas[0], areas[-1]})]
    vectors = encoder.vectors([t for t, _ in rows])
    carries = np.array([[area in carried for area in areas] for _, carried in rows])
    return evidence.pack([(t, "en") for t, _ in rows], vectors, carries)


def _golden(folder: artifact.ModelFolder) -> dict[str, Any]:
    """The golden texts with what the runtime computes for them."""
    decoder = folder.manifest.decoder()
    logits, _ = Encoder(folder, "cpu").logits([text.normalize(t, text.detect_language(t)) for t in GOLDEN_TEXTS])
    chosen = decoder.decide(decoder.scores(logits))
    items = [
        {"text": t, "logits": row.tolist(), "areas": [decoder.areas[i] for i in np.flatnonzero(mask)]}
        for t, row, mask in zip(GOLDEN_TEXTS, logits, chosen, strict=True)
    ]
    return {"items": items}


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode("utf8")
