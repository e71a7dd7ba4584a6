"""A quick tagger that asks a better one about what it is not sure of."""

from pathlib import Path

import numpy as np
import pytest
from tests.conftest import write_tiny_model

from cooptag import Tagger, artifact
from cooptag.errors import ModelError

TEXTS = ["They agreed on climate cooperation.", "Nothing was agreed.", "Trade and energy", "12.5 %", "the and"]


@pytest.fixture
def two(tiny_model: Path) -> tuple[Tagger, Tagger]:
    return Tagger.load(tiny_model), Tagger.load(tiny_model)


def spied(tagger: Tagger, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that a tagger's network is asked about."""
    asked: list[str] = []
    stream = tagger.encoder.stream

    def spy(chunks):  # type: ignore[no-untyped-def]
        return stream(asked.extend(chunk) or chunk for chunk in chunks)

    monkeypatch.setattr(tagger.encoder, "stream", spy)
    return asked


def test_only_what_is_unsure_is_passed_on(two: tuple[Tagger, Tagger], monkeypatch: pytest.MonkeyPatch) -> None:
    quick, better = two
    doubts = {t.text: sum(min(a.score, 1 - a.score) for a in t.all_scores or ()) for t in quick.tag(TEXTS, all_scores=True)}
    limit = float(np.median([doubts[t] for t in TEXTS if t != "12.5 %"]))
    asked = spied(better, monkeypatch)
    tagged = quick.backed_by(better, limit).tag(TEXTS)
    assert asked and set(asked) == {t for t in TEXTS if doubts[t] >= limit - 1e-4 and t != "12.5 %"}
    assert tagged == quick.tag(TEXTS)  # the two are the same model here


def test_what_was_passed_on_is_answered_by_the_second_with_its_own_thresholds(two: tuple[Tagger, Tagger]) -> None:
    quick, better = two
    strict = better.at(thresholds=1.0)
    assert [t.areas for t in quick.backed_by(strict, 0.0).tag(TEXTS)] == [()] * len(TEXTS)
    assert quick.backed_by(strict, 1e9).tag(TEXTS) == quick.tag(TEXTS)
    assert all(not t.areas for t in quick.backed_by(better, 0.0).at("precision=0.9").tag(TEXTS))


def test_order_and_rows_hold_over_many_chunks(two: tuple[Tagger, Tagger], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cooptag.tagger.CHUNK", 7)
    quick, better = two
    texts = [f"{'climate' if n % 3 else 'energy and trade'} number n{'a' * (n % 11)}" for n in range(100)]
    limit = float(np.median([sum(min(a.score, 1 - a.score) for a in t.all_scores or ()) for t in quick.tag(texts, all_scores=True)]))
    assert quick.backed_by(better, limit).tag(texts) == quick.tag(texts)


def test_explained_tags_are_the_seconds(two: tuple[Tagger, Tagger], monkeypatch: pytest.MonkeyPatch) -> None:
    quick, better = two
    asked = spied(quick, monkeypatch)
    (tagged,) = quick.backed_by(better, 1e9).tag(TEXTS[:1], explain=True)
    assert asked == [] and tagged.areas[0].evidence


def test_two_label_sets_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    other = Tagger.load(write_tiny_model(tmp_path / "other", ("climate", "energy")))
    with pytest.raises(ModelError, match="other areas"):
        Tagger.load(tiny_model).backed_by(other)


def test_sizes_are_names_of_shipped_models() -> None:
    assert artifact.find("small").name == "cooptag-small" == artifact.find(None).name
    with pytest.raises(ModelError, match="cooptag-large"):
        artifact.find("large")
