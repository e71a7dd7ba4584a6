"""The released model folder: sound, small, and as good as the README says. Real text lies in ../shared where it is at hand."""

import json
from pathlib import Path

import pytest

from cooptag import Tagger, artifact

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
# Areas that the sentences of the two seed articles name, by sentence number; the others name none.
SEEDS = {
    "000_4c9e5e020bb7875e.txt": {
        4: {"connectivity", "development_gap"},
        5: {"culture_people"},
        6: {"trade_integration", "transport"},
        8: {"women_peace_security", "transnational_crime", "counter_terrorism", "cybersecurity", "msme_business", "youth",
            "education_training", "climate", "disaster_management", "sustainable_development", "health", "biodiversity", "connectivity"},
    },
    "003_5b6a2cc64a8ef5f3.txt": {
        1: {"peace_reconciliation", "energy", "climate"},
        9: {"development_gap", "smart_cities", "sustainable_development"},
        10: {"peace_reconciliation", "energy", "climate", "environment", "biodiversity", "ocean_blue_economy", "culture_people"},
        11: {"trade_integration", "sustainable_development", "climate", "digital", "msme_business", "culture_people"},
        12: {"smart_cities", "circular_green_economy", "digital", "cybersecurity", "health", "trade_integration", "women_gender",
             "human_rights", "education_training"},
        13: {"maritime_security", "connectivity", "sustainable_development"},
    },
}  # fmt: skip


SIZES = ("small", "nano")


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return Tagger.load(device="cpu")


@pytest.fixture(scope="module", params=SIZES)
def each(request: pytest.FixtureRequest) -> Tagger:
    return Tagger.load(request.param, device="cpu")


def shared(name: str) -> Path:
    if not (SHARED / name).exists():
        pytest.skip(f"../shared/{name} is not here: it holds real text that is not part of the project")
    return SHARED / name


def test_the_folders_are_sound_and_small() -> None:
    sizes = []
    for size in SIZES:
        folder = artifact.find(size)
        Tagger.load(size, device="cpu").verify()
        sizes.append(sum(file.stat().st_size for file in folder.iterdir()))
    assert max(sizes) <= 40_000_000 and sum(sizes) <= 60_000_000


def test_their_areas_are_those_of_the_area_file(each: Tagger) -> None:
    areas = pytest.importorskip("cooptag_training.areas", reason="the training libraries are not installed")
    assert [entry.area.id for entry in areas.load()] == [area.id for area in each.areas]


def test_the_readmes_article_is_tagged(tagger: Tagger) -> None:
    article = (ROOT / "tests/data/article-vi.txt").read_text(encoding="utf8")
    tagged = tagger.tag_article(article)
    found = {area.id for t in tagged for area in t.areas}
    asked = {"transport", "education_training", "energy", "agriculture_food", "cybersecurity", "health", "migration_consular",
             "peace_reconciliation", "maritime_security", "women_peace_security"}  # fmt: skip
    assert len(asked & found) >= 9, asked - found
    assert not any(t.areas for t in tagged if t.text.startswith(("Lisbon, 09:30", "Ảnh:", "(Nguồn", "Ông cho biết", "(Theo")))


def test_logits_do_not_depend_on_the_batch(each: Tagger) -> None:
    """Quantised arithmetic too must not mix the texts of a batch: texts of all languages, whole and cut short."""
    import numpy as np

    whole = [item["text"] for item in each.folder.golden["items"]]
    texts = [t[:n] for t in whole for n in (10, 25, 60, len(t))] + [" ".join(whole[:6])]
    together, _ = each.encoder.logits(texts)
    alone = np.concatenate([each.encoder.logits([t])[0] for t in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_auto_asks_small_only_about_what_nano_is_not_sure_of() -> None:
    auto, texts = Tagger.load("auto", device="cpu"), [item["text"] for item in Tagger.load(device="cpu").folder.golden["items"]]
    served, nano, small = auto.tag(texts), Tagger.load("nano", device="cpu").tag(texts), Tagger.load("small", device="cpu").tag(texts)
    assert all(a in (n, s) for a, n, s in zip(served, nano, small, strict=True))
    assert served != nano and served != small


def test_seed_articles(tagger: Tagger) -> None:
    """At least 9 in 10 of the areas that the two articles name are found, and their other sentences stay untagged."""
    asked, missed, extra = 0, [], []
    for name, gold in SEEDS.items():
        for i, sentence in enumerate(tagger.tag_article(shared(f"seeds/{name}").read_bytes().decode("utf-8-sig"))):
            found = {area.id for area in sentence.areas}
            asked += len(gold.get(i, ()))
            missed += [(name, i, area) for area in gold.get(i, set()) - found]
            extra += [(name, i, area) for area in found if i not in gold]
    assert len(missed) <= 0.1 * asked, missed
    assert not extra


@pytest.mark.parametrize(("size", "least"), [("small", 0.87), ("auto", 0.85), ("nano", 0.80)])
def test_real_labelled_sentences(size: str, least: float) -> None:
    rows = [json.loads(line) for line in shared("eval/dev.jsonl").read_text(encoding="utf8").splitlines()]
    tagged = Tagger.load(size, device="cpu").tag([row["text"] for row in rows])
    for lang in ("", "vi", "en"):
        pairs = [({a.id for a in t.areas}, set(row["areas"])) for t, row in zip(tagged, rows, strict=True) if lang in ("", row["lang"])]
        hits, total = sum(len(a & b) for a, b in pairs), sum(len(a) + len(b) for a, b in pairs)
        assert 2 * hits / total >= least - (0.02 if lang else 0), f"micro-F1 on {lang or 'all'}"


def test_the_card_says_how_it_was_made(each: Tagger) -> None:
    manifest = artifact.load(each.folder.path).manifest
    card = (each.folder.path / "README.md").read_text(encoding="utf8")
    for value in (manifest.data_hash, manifest.git_commit, manifest.base_model, "micro-F1"):
        assert value and value in card
    assert not manifest.git_commit.endswith("-dirty")
