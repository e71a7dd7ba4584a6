"""Tagging through the whole of inference, with a model small enough to know what is right."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cooptag import Tagger, encoder
from cooptag.artifact import FILES, load, save
from cooptag.errors import ModelError, UsageError
from cooptag.text import normalize

ARTICLE = "The ministers met.\nThey agreed on climate cooperation. Trade and energy came next!\n\n   Khí hậu là ưu tiên. 🌏"


@pytest.fixture(scope="module")
def tagger(tiny_model: Path) -> Tagger:
    return Tagger.load(tiny_model)


def test_article_offsets_point_into_the_article(tagger: Tagger) -> None:
    tagged = tagger.tag_article(ARTICLE)
    assert [t.text for t in tagged] == [ARTICLE[t.start : t.end] for t in tagged]
    assert [[a.id for a in t.areas] for t in tagged if t.areas] == [["climate"], ["energy", "trade"], ["climate"]]


def test_tag_gives_one_result_for_each_text_in_order(tagger: Tagger) -> None:
    texts = ["trade", "", "  ", "climate and energy", "🌏", "nothing", "a"]
    tagged = tagger.tag(texts)
    assert [t.text for t in tagged] == texts
    assert [{a.id for a in t.areas} for t in tagged] == [{"trade"}, set(), set(), {"climate", "energy"}, set(), set(), set()]


def test_areas_come_highest_score_first_and_all_scores_in_manifest_order(tagger: Tagger) -> None:
    (tagged,) = tagger.tag(["energy energy and climate"], all_scores=True)
    assert [a.id for a in tagged.areas] == ["energy", "climate"]
    assert tagged.all_scores is not None
    assert [a.id for a in tagged.all_scores] == ["climate", "energy", "trade"]


def test_datelines_and_figures_name_nothing(tagger: Tagger) -> None:
    tagged = tagger.tag(["trade, 09:30 17/10/2025", "trade 12,5", "1.250.000", "2025: trade and energy"])
    assert [len(t.areas) for t in tagged] == [0, 1, 0, 2] and tagged[0].none == 1.0


def test_no_texts_give_no_results(tagger: Tagger) -> None:
    assert tagger.tag([]) == [] == tagger.tag_article("")


def test_logits_do_not_depend_on_the_batch(tagger: Tagger) -> None:
    texts = ["climate", "the " * 30, "energy and trade", "x"] * 9
    together, _ = tagger.encoder.logits(texts)
    alone = np.concatenate([tagger.encoder.logits([t])[0] for t in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_text_beyond_the_window_is_flagged(tagger: Tagger) -> None:
    short, long, huge = tagger.tag(["climate", "the " * 100 + "climate", "a" * 1_000_000])
    assert (short.truncated, long.truncated, huge.truncated) == (False, True, True)
    assert long.areas == ()


@pytest.mark.parametrize("text", ["cli\ud800mate trade", "trade\x00", "\u202etrade", "tra\u200bde", "trade" + "\u0301" * 50_000])
def test_hostile_characters_are_tagged_or_left_untagged_without_a_crash(tagger: Tagger, text: str) -> None:
    (tagged,) = tagger.tag([text])
    assert tagged.text == text
    assert tagged.error is None


def test_composed_and_decomposed_text_get_the_same_areas(tagger: Tagger) -> None:
    text = "Hợp tác năng lượng và thương mại"
    (composed,), (decomposed,) = tagger.tag([text]), tagger.tag([unicodedata.normalize("NFD", text)])
    assert composed.areas == decomposed.areas != ()


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_tagged_with_offsets_that_hold(tiny_model: Path, text: str) -> None:
    for tagged in Tagger.load(tiny_model).tag_article(text):
        assert text[tagged.start : tagged.end] == tagged.text


@pytest.mark.parametrize("texts", ["one string", [1], [None], [b"bytes"]])
def test_what_is_not_a_list_of_texts_is_refused(tagger: Tagger, texts: object) -> None:
    with pytest.raises(UsageError):
        tagger.tag(texts)  # type: ignore[arg-type]


def test_nan_logits_are_an_error_of_the_item_and_never_a_label(tagger: Tagger, monkeypatch: pytest.MonkeyPatch) -> None:
    def poisoned(chunks: Iterable[list[str]]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for texts in chunks:
            logits = np.full((len(texts), 3), 9.0, dtype=np.float32)
            logits[0, 1] = np.nan
            yield logits, np.zeros(len(texts), dtype=bool)

    monkeypatch.setattr(tagger.encoder, "stream", poisoned)
    bad, good = tagger.tag(["first", "second"], all_scores=True)
    assert bad.areas == () and bad.all_scores is None and bad.error is not None and bad.error.startswith("not_finite")
    assert len(good.areas) == 3 and good.error is None


def test_loading_and_tagging_open_no_socket(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    assert Tagger.load(tiny_model).tag(["climate"])[0].areas


def test_verify_passes_and_notices_other_logits(tiny_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    assert Tagger.load(folder).verify() <= 1e-4
    loaded = load(folder)
    contents = {name: (folder / name).read_bytes() for name in FILES}
    contents["golden.json"] = contents["golden.json"].replace(b"3.0", b"2.0")
    save(folder, loaded.manifest, contents)
    with pytest.raises(ModelError, match=r"golden\.json"):
        Tagger.load(folder).verify()
    contents["golden.json"] = contents["golden.json"].replace(b"2.0", b"NaN")
    save(folder, loaded.manifest, contents)
    with pytest.raises(ModelError, match=r"golden\.json"):
        Tagger.load(folder).verify()


def test_the_runtime_reports_to_nobody(tiny_model: Path, tmp_path: Path) -> None:
    """onnxruntime's own sockets are none of Python's; the database that it keeps for them in the home folder can be seen."""
    code = f"import os; from cooptag import Tagger; Tagger.load({str(tiny_model)!r}); print(os.environ['ORT_DISABLE_TELEMETRY'])"
    env = {key: value for key, value in os.environ.items() if not key.startswith(("ORT_", "XDG_"))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**env, "HOME": str(tmp_path)})
    assert done.stdout == "1\n", done.stderr
    assert not list(tmp_path.rglob("*onnxruntime*")), "onnxruntime keeps events to send"


def test_unknown_device_and_absent_cuda_are_refused_with_what_to_do(tiny_model: Path) -> None:
    with pytest.raises(UsageError, match="expected one of auto, cpu, cuda"):
        Tagger.load(tiny_model, device="tpu")
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(UsageError, match="has no CUDA"):
            Tagger.load(tiny_model, device="cuda")


def test_names_fall_back_to_english_and_refuse_unknown_languages(tagger: Tagger) -> None:
    assert tagger.names("vi")["climate"] == "climate (vi)"
    with pytest.raises(UsageError, match="no area names in 'xx'"):
        tagger.names("xx")


def test_batches_hold_every_text_once_within_the_token_budget() -> None:
    lengths = [5, 1, 2000, 64, 64, 3, 700, 9] * 20
    batches = list(encoder._batches(lengths, 1024))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(len(b) == 1 or len(b) * max(lengths[i] for i in b) <= 1024 for b in batches)


def test_explained_areas_name_the_words_that_carried_them(tagger: Tagger) -> None:
    text = "They agreed on energy, and on the  climate."
    (tagged,) = tagger.tag([text], explain=True)
    assert {a.id: [e.text for e in a.evidence or ()] for a in tagged.areas} == {"climate": ["climate"], "energy": ["energy"]}
    for area in tagged.areas:
        assert area.without is not None and area.without < 0.1 < area.score
        assert all(text[e.start : e.end] == e.text and e.weight == 6 for e in area.evidence or ())
        assert area.nearest and all(area.id in example.areas for example in area.nearest)
    (nearest, *_) = tagger.tag(["They agreed on climate."], explain=True)[0].areas[0].nearest or ()
    assert nearest.text == "They agreed on climate." and nearest.similarity > 0.99


@pytest.mark.parametrize(
    "text", ["ce\u0301 khi\u0301 ha\u0323\u0302u nhe\u0301", "\u200bthe\u00a0\u00a0climate\u200b is", "“climate”, (climate)! climate"]
)
def test_evidence_points_into_the_sentence_as_given(tagger: Tagger, text: str) -> None:
    """Normalising moves offsets; evidence must be found again in what the caller has."""
    (tagged,) = tagger.tag([text], explain=True)
    spans = [e for area in tagged.areas for e in area.evidence or ()]
    assert spans and all(text[e.start : e.end] == e.text for e in spans)
    assert {unicodedata.normalize("NFC", e.text).strip("\u200b") for e in spans} <= {"hậu", "climate"}


def test_explaining_changes_no_tag_and_nothing_without_areas(tagger: Tagger) -> None:
    texts = ["climate and trade", "", "nothing", "🌏"]
    plain, explained = tagger.tag(texts), tagger.tag(texts, explain=True)
    assert [[(a.id, a.score) for a in t.areas] for t in plain] == [[(a.id, a.score) for a in t.areas] for t in explained]
    assert tagger.tag([], explain=True) == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["the", "climate", "ENERGY", "hậu", "ha\u0323\u0302u", "tra\u200bde", "khí", "🌏", "½", "…"]), max_size=9),
       st.sampled_from([" ", "  ", "\xa0", " \u200b", ", ", " “", "\t"]))  # fmt: skip
def test_evidence_is_the_words_of_the_area_in_any_spacing(tagger: Tagger, words: list[str], space: str) -> None:
    (tagged,) = tagger.tag([space.join(words)], lang="vi", explain=True)
    plain = {"climate": {"climate", "hậu"}, "energy": {"energy"}, "trade": {"trade"}}
    assert {a.id for a in tagged.areas} == {area for area, own in plain.items() if own & {normalize(w, "vi").lower() for w in words}}
    for area in tagged.areas:
        assert area.evidence
        for e in area.evidence:
            assert tagged.text[e.start : e.end] == e.text
            assert {w.strip(",“ ").lower() for w in normalize(e.text, "vi").split()} <= plain[area.id]


def test_a_long_hostile_text_is_explained_in_linear_time(tagger: Tagger) -> None:
    start = time.perf_counter()
    tagger.tag(["climate " + "a\u200b" * 50_000, "climate  " * 20_000, "climate" + "\u0301\u200b" * 20_000], explain=True)
    assert time.perf_counter() - start < 20


def test_thresholds_are_overridden_for_one_area_or_all(tagger: Tagger) -> None:
    text = ["climate and trade"]
    assert [a.id for a in tagger.at(thresholds={"climate": 0.99}).tag(text)[0].areas] == ["trade"]
    assert len(tagger.at(thresholds=0.0).tag(text)[0].areas) == 3
    assert tagger.at("precision=0.9").tag(text)[0].areas == ()
    assert [a.id for a in tagger.at("precision=0.9", {"trade": 0.5}).tag(text)[0].areas] == ["trade"]
    assert len(tagger.tag(text)[0].areas) == 2  # the one it was made from decides as before


@pytest.mark.parametrize("thresholds", [{"climat": 0.5}, {"climate": 2}, -0.1, {"trade": float("nan")}, {"trade": True}, {"trade": "high"}])
def test_a_threshold_that_is_none_is_refused_by_name(tagger: Tagger, thresholds: object) -> None:
    with pytest.raises(UsageError, match=r"climate|trade"):
        tagger.at(thresholds=thresholds)  # type: ignore[arg-type]


def test_a_goal_without_thresholds_is_refused_with_those_there_are(tagger: Tagger) -> None:
    with pytest.raises(UsageError, match=r"f1, precision=0\.9"):
        tagger.at("recall=0.9")


def test_no_area_uncertain_and_foreign_languages_are_said(tagger: Tagger) -> None:
    named, nothing, foreign, empty = tagger.tag(["climate", "the the", "Ministrowie obu krajów uzgodnili współpracę.", "…"])
    assert named.none < 0.1 < 0.9 < nothing.none and empty.none == 1.0
    assert [t.unsupported for t in (named, nothing, foreign, empty)] == [None, None, "pl", None]
    assert foreign.to_dict()["unsupported"] == "pl" and "unsupported" not in named.to_dict()
    assert not nothing.uncertain and "uncertain" not in nothing.to_dict()
    (doubtful,) = tagger.at(thresholds=0.99).tag(["climate"])  # the score says 0.95, the threshold no
    assert doubtful.uncertain and doubtful.to_dict()["uncertain"]


def test_damaged_examples_are_a_bad_model_folder(tiny_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    contents = {name: (folder / name).read_bytes() for name in FILES}
    for damage in (b"", contents["examples.npz"][:200], b"PK\x05\x06" + bytes(18)):
        save(folder, load(folder).manifest, {**contents, "examples.npz": damage})
        with pytest.raises(ModelError, match=r"examples\.npz"):
            Tagger.load(folder).tag(["climate"], explain=True)


def test_golden_texts_without_a_letter_and_other_thresholds_still_verify(tiny_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    loaded = load(folder)
    contents = {name: (folder / name).read_bytes() for name in FILES}
    low = loaded.manifest.model_copy(update={"thresholds": [0.01] * 3})
    items = [{"text": "🎉", "logits": [-3.0] * 3, "areas": []}]
    save(folder, low, {**contents, "golden.json": json.dumps({"items": items}).encode()})
    assert Tagger.load(folder).verify() <= 1e-4
    assert Tagger.load(tiny_model).at(thresholds=0.99).verify() <= 1e-4


def test_articles_are_streamed_with_their_places(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cooptag.tagger.CHUNK", 4)
    tagger = Tagger.load(tiny_model)
    articles = ["", "They agreed on climate. Nothing more.", " ", "Trade.", *(f"Number {n}. Energy." for n in range(9)), ""]
    found = list(tagger.stream_articles(iter(articles)))
    alone = [(a, n, s.text) for a, t in enumerate(articles) for n, s in enumerate(tagger.tag_article(t))]
    assert [(a, n, s.text) for a, n, s in found] == alone
    assert all(articles[a][s.start : s.end] == s.text for a, _, s in found)
    with pytest.raises(UsageError, match=r"articles\[1\] is int"):
        list(tagger.stream_articles(["a", 3]))  # type: ignore[list-item]
