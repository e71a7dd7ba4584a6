"""Challengers that are better, no worse and worse, down to one area; the alias moves only where it may."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from cooptag import Tagger, artifact
from cooptag.errors import InputError, ModelError, UsageError
from cooptag_training import metrics, plots, promote, registry, tracking
from cooptag_training.split import Row

AREAS = [f"area_{i}" for i in range(12)]
SENTENCES = {"climate": "They agreed on climate.", "energy": "Hợp tác năng lượng.", "": "Nothing was agreed."}


@pytest.fixture(scope="session")
def rows() -> list[Row]:
    """180 sentences, a third each on climate, on energy and on nothing."""
    names = list(SENTENCES)
    picked = [names[i % 3] for i in range(180)]
    langs = {"energy": "vi"}
    return [Row(f"r{i}", SENTENCES[name], (name,) if name else (), langs.get(name, "en"), "g") for i, name in enumerate(picked)]


@pytest.fixture(scope="session")
def variant(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes the tiny model with other values in its manifest."""

    def make(areas: list[str] | None = None, **values: Any) -> Path:
        contents = {name: (tiny_model / name).read_bytes() for name in artifact.FILES}
        if areas is not None:
            contents["areas.json"] = json.dumps([{"id": area} for area in areas]).encode()
            values["areas"] = areas
        out = tmp_path_factory.mktemp("variant") / "tiny"
        artifact.save(out, artifact.load(tiny_model).manifest.model_copy(update=values), contents)
        return out

    return make


@pytest.fixture(scope="session")
def silent(variant: Callable[..., Path]) -> Path:
    """A model that says climate, but never energy: with its threshold no score is high enough."""
    return variant(thresholds=[0.5, 0.9999, 0.5])


def sides(champion: Path | str, challenger: Path | str, rows: list[Row], store: str | None = None) -> promote.Comparison:
    named = [(str(model), promote.load(str(model), store)) for model in (champion, challenger)]
    return promote.compare(named[0], named[1], rows)


def drawn(seed: int, n: int = 600, rate: float = 0.1, wrong: float = 0.02) -> tuple[Any, Any, Any]:
    """Gold (n, A) and two predictions, each with errors of its own at the same rate."""
    draw = np.random.default_rng(seed)
    gold = draw.random((n, len(AREAS))) < rate
    first, second = (gold ^ (draw.random(gold.shape) < wrong) for _ in range(2))
    return gold, first, second


def by_id(found: list[promote.Difference]) -> dict[str, promote.Difference]:
    return {d.id: d for d in found}


# ---------------------------------------------------------------------------------------------------------- figures


def test_both_scores_are_those_of_the_reports() -> None:
    gold, first, second = drawn(1)
    gold[:, 5] = first[:, 5] = False  # in neither gold nor the first prediction
    langs = [("vi", "en", "th")[i % 3] for i in range(len(gold))]
    found = by_id(promote.differences(gold, first, second, AREAS, langs))
    for side, predicted in (("champion", first), ("challenger", second)):
        report = metrics.report(gold, predicted.astype(float), predicted, AREAS, langs)
        assert getattr(found["micro-F1"], side) == pytest.approx(report["micro"]["f1"])
        assert getattr(found["macro-F1"], side) == pytest.approx(report["macro_f1"])
        for row in [*report["areas"], *report["languages"]]:
            assert getattr(found[row.get("id") or row["lang"]], side) == pytest.approx(row["f1"])
    assert found["area_3"].support == gold[:, 3].sum() and found["vi"].support == gold[::3].any(1).sum()


def test_the_same_seed_gives_the_same_intervals_and_equal_models_no_difference() -> None:
    gold, first, second = drawn(2)
    langs = ["vi"] * len(gold)
    assert promote.differences(gold, first, second, AREAS, langs) == promote.differences(gold, first, second, AREAS, langs)
    assert promote.differences(gold, first, second, AREAS, langs) != promote.differences(gold, first, second, AREAS, langs, seed=1)
    for d in promote.differences(gold, first, first, AREAS, langs):
        assert (d.difference, d.interval, d.verdict) == (0, (0, 0), "")


def test_models_are_paired() -> None:
    """Two models with the same errors but a few are told apart, though their own intervals overlap widely."""
    gold, first, _ = drawn(3, wrong=0.05)
    second = first.copy()
    mended = np.argwhere(first != gold)[:40]
    second[tuple(mended.T)] = gold[tuple(mended.T)]
    micro = promote.differences(gold, first, second, AREAS, ["vi"] * len(gold))[0]
    assert micro.verdict == promote.BETTER
    assert metrics.bootstrap_f1(gold, first)[1] > metrics.bootstrap_f1(gold, second)[0]


def test_an_area_that_falls_makes_the_whole_worse_if_it_has_enough_sentences() -> None:
    gold, first, _ = drawn(4, n=3000)
    langs = ["vi"] * len(gold)
    for many, verdict in ((60, promote.WORSE), (promote.LEAST - 1, "")):
        gold[:, 0] = False
        gold[:many, 0] = True
        first[:, 0] = gold[:, 0]
        second = first.copy()
        second[:many, 0] = False
        found = by_id(promote.differences(gold, first, second, AREAS, langs))
        assert (found["area_0"].support, found["area_0"].verdict) == (many, verdict)
        assert [d.verdict for d in found.values() if d.kind == "area" and d.id != "area_0"] == [""] * 11
        assert (found["area_0"].band is None) == (verdict == "")


def test_of_equal_models_few_are_called_worse_in_any_of_many_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """At 95 % one in twenty at most; of 60 pairs more than 8 would come less than once in a hundred tests."""
    monkeypatch.setattr(promote, "DRAWS", 400)
    langs = [("vi", "en")[i % 2] for i in range(300)]
    found = [promote.differences(*drawn(seed, n=300), AREAS, langs) for seed in range(60)]
    assert sum(any(d.verdict for d in pair if d.kind != "all") for pair in found) <= 8
    plain = sum(any(d.interval[0] > 0 or d.interval[1] < 0 for d in pair if d.kind == "area") for pair in found)
    assert plain > 15, "without the correction for many looks it would be more: else this test sees nothing"


def test_a_table_shows_what_decides() -> None:
    """An area outside its own interval only, and one with too few sentences, have no verdict: the line must not read as if."""
    judged = promote.Difference("area", "a", 44, 0.8, 0.7, (-0.2, -0.01), (-0.3, 0.1))
    few = promote.Difference("area", "b", 12, 0.8, 0.4, (-0.5, -0.2), None)
    assert promote._table_line(judged).endswith("-0.300 to +0.100")
    assert promote._table_line(few).endswith("-0.500 to -0.200  not judged")
    assert (judged.row()["low"], judged.row()["high"], few.row()["verdict"]) == (-0.3, 0.1, "not judged")


# ---------------------------------------------------------------------------------------------------------- models


def test_verdicts(tiny_model: Path, silent: Path, rows: list[Row]) -> None:
    worse = sides(tiny_model, silent, rows)
    assert worse.verdict == promote.WORSE
    assert {d.id for d in worse.worse} == {"micro-F1", "macro-F1", "energy", "vi"}
    assert promote.summary(worse).startswith("worse: micro-F1 1.000 → 0.667, -0.333 (")
    better = sides(silent, tiny_model, rows)
    assert (better.verdict, promote.summary(better).split(",")[0]) == ("better", "better: micro-F1 0.667 → 1.000")
    assert sides(tiny_model, tiny_model, rows).verdict == promote.NO_WORSE
    printed = promote.describe(worse)
    assert printed.splitlines()[-1] == promote.summary(worse)
    assert next(line for line in printed.splitlines() if line.startswith("energy")).endswith("worse")
    assert promote.to_dict(worse)["verdict"] == "worse" and json.dumps(promote.to_dict(worse))


def test_flips(tiny_model: Path, silent: Path, rows: list[Row]) -> None:
    found = promote.flips(sides(tiny_model, silent, rows))
    assert len(found) == 60
    assert found[0] == {"sentence": SENTENCES["energy"], "lang": "vi", "gold": "energy", "mended": "", "broken": "energy",
                        "champion": "energy", "challenger": ""}  # fmt: skip
    assert promote.flips(sides(silent, tiny_model, rows))[0]["mended"] == "energy"


def test_columns_are_matched_by_area_not_by_place(tiny_model: Path, variant: Callable[..., Path], rows: list[Row]) -> None:
    turned = variant(areas=["trade", "energy", "climate"])  # calls climate trade, and trade climate
    found = sides(tiny_model, turned, rows)
    assert found.of_kind("area")[0].id == "climate"
    assert [Tagger.load(turned).tag([SENTENCES["climate"]])[0].areas[0].id] == ["trade"]
    assert {row["challenger"] for row in promote.flips(found)} == {"trade"}


def test_models_of_other_areas_are_refused(tiny_model: Path, variant: Callable[..., Path], rows: list[Row]) -> None:
    with pytest.raises(InputError, match="has other areas than"):
        sides(tiny_model, variant(areas=["climate", "energy", "sea"]), rows)
    with pytest.raises(InputError, match="labels sea are not among"):
        sides(tiny_model, tiny_model, [Row("x", "The sea.", ("sea",), "en", "g")])


# ---------------------------------------------------------------------------------------------------------- the alias


CHAMPION = "models:/cooptag@champion"


def at(client: Any) -> str:
    return str(client.get_model_version_by_alias("cooptag", "champion").version)


def test_a_better_challenger_is_registered_and_promoted(store: str, client: Any, tiny_model: Path, silent: Path, rows: list[Row]) -> None:
    registry.register(store, silent)
    run = client.create_run("0").info
    assert promote.promote(sides(CHAMPION, tiny_model, rows, store), store, run.run_id) == f"{CHAMPION} is version 2 now, it was 1"
    assert at(client) == "2"
    version = client.get_model_version("cooptag", "2")
    assert version.tags["promoted_by_run"] == run.run_id
    link = f"[its evaluation](#/experiments/0/runs/{run.run_id}): better: micro-F1 0.667 → 1.000"
    assert version.description.startswith("tiny: ") and f"Promoted over version 1 by {link}" in version.description
    comparison = sides(CHAMPION, "models:/cooptag/2", rows, store)
    assert promote.promote(comparison, store) == f"{CHAMPION} stays: models:/cooptag/2 is the same model"


def test_a_worse_challenger_is_refused(store: str, client: Any, tiny_model: Path, silent: Path, rows: list[Row]) -> None:
    registry.register(store, tiny_model)
    with pytest.raises(registry.NotPromoted, match=rf"^{CHAMPION} stays: [^\n]* is worse: micro-F1 1.000 → 0.667[^\n]*$") as refused:
        promote.promote(sides(CHAMPION, silent, rows, store), store)
    assert refused.value.exit_code == 2
    assert at(client) == "1" and len(client.search_model_versions("name='cooptag'")) == 1


def test_too_few_sentences_promote_nothing(store: str, client: Any, tiny_model: Path, silent: Path, rows: list[Row]) -> None:
    registry.register(store, silent)
    comparison = sides(CHAMPION, tiny_model, rows[:147], store)
    assert comparison.verdict == promote.BETTER
    with pytest.raises(registry.NotPromoted, match=f"^{CHAMPION} stays: 98 sentences with an area are too few"):
        promote.promote(comparison, store)
    assert at(client) == "1"


def test_a_champion_that_was_replaced_meanwhile_is_not(
    store: str, client: Any, tiny_model: Path, silent: Path, variant: Callable[..., Path], rows: list[Row]
) -> None:
    registry.register(store, silent)
    comparison = sides(CHAMPION, tiny_model, rows, store)
    registry.register(store, variant(thresholds=[0.6] * 3), force=True)
    with pytest.raises(registry.NotPromoted, match="was moved to another model meanwhile; evaluate again"):
        promote.promote(comparison, store)
    assert at(client) == "2"


def test_a_champion_that_is_replaced_while_the_challenger_is_copied_is_not(
    store: str, client: Any, tiny_model: Path, silent: Path, variant: Callable[..., Path], rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.register(store, silent)
    registry.register(store, variant(thresholds=[0.6] * 3), alias="other")
    comparison, copy = sides(CHAMPION, tiny_model, rows, store), registry._new_version

    def slowly(*arguments: Any) -> str:
        client.set_registered_model_alias("cooptag", "champion", "2")
        return copy(*arguments)

    monkeypatch.setattr(registry, "_new_version", slowly)
    with pytest.raises(registry.NotPromoted, match="was moved to another model meanwhile; evaluate again"):
        promote.promote(comparison, store)
    assert at(client) == "2"


def test_a_champion_that_was_taken_away_is_not_replaced(store: str, client: Any, tiny_model: Path, silent: Path, rows: list[Row]) -> None:
    registry.register(store, silent)
    comparison = sides(CHAMPION, tiny_model, rows, store)
    client.delete_registered_model_alias("cooptag", "champion")
    with pytest.raises(registry.NotPromoted, match="meanwhile"):
        promote.promote(comparison, store)


@pytest.mark.parametrize(
    ("champion", "challenger"), [("small", "nano"), ("models:/cooptag/1", "nano"), (CHAMPION, "auto"), ("models:/x", "nano")]
)
def test_what_cannot_be_moved_is_said_at_once(champion: str, challenger: str) -> None:
    with pytest.raises(UsageError):
        promote.check_movable(champion, challenger)


def test_without_a_champion_nothing_is_compared(store: str, tiny_model: Path) -> None:
    registry.register(store, tiny_model, alias="challenger")
    with pytest.raises(ModelError, match="alias champion not found"):
        promote.load(CHAMPION, store)


# --------------------------------------------------------------------------------------------------- what is tracked


def files_of(client: Any, run_id: str) -> set[str]:
    root = Path(client.get_run(run_id).info.artifact_uri.removeprefix("file://"))
    return {str(file.relative_to(root)) for file in root.rglob("*") if file.is_file()}


def test_a_comparison_is_tracked(store: str, client: Any, tiny_model: Path, silent: Path, rows: list[Row], tmp_path: Path) -> None:
    comparison = sides(tiny_model, silent, rows)
    run_id = promote.record(tracking.make(store, required=True), comparison, tmp_path / "data")
    run = client.get_run(run_id)
    assert run.data.params["verdict"] == "worse" and run.data.params["challenger.digest"] == comparison.challenger.digest
    assert run.data.metrics["micro_f1_difference"] == pytest.approx(-1 / 3, abs=1e-4)
    assert run.data.tags["mlflow.note.content"] == promote.summary(comparison)
    plotted = ("area_differences", "language_differences", "language_f1", "reliability", "precision_recall_champion",
               "precision_recall_challenger")  # fmt: skip
    assert files_of(client, run_id) == {
        "areas.json", "languages.json", "flips.json", "verdict.txt", *(f"plots/{name}.png" for name in plotted),
    }  # fmt: skip
    areas = json.loads((Path(run.info.artifact_uri.removeprefix("file://")) / "areas.json").read_text())
    assert areas["columns"] == ["area", "difference", "verdict", "low", "high", "champion_f1", "challenger_f1", "in_gold"]
    assert areas["data"][0][0] == "energy" and areas["data"][0][2] == "worse"
    assert promote.record(tracking.NullTracker(), comparison, tmp_path / "data") == ""


def test_an_evaluation_is_tracked(store: str, client: Any, silent: Path, rows: list[Row], tmp_path: Path) -> None:
    from cooptag_training import evaluate

    tagger = Tagger.load(silent)
    evaluation = evaluate.evaluate(tagger, rows)
    promote.record_evaluation(tracking.make(store, required=True), "models:/m/1", tagger, tmp_path / "data", rows, evaluation)
    (run,) = client.search_runs([client.get_experiment_by_name("cooptag").experiment_id])
    assert run.info.run_name == "evaluate m/1 on data" and run.data.metrics["micro_f1"] == pytest.approx(2 / 3)
    assert files_of(client, run.info.run_id) == {
        "areas.json", "languages.json", "errors.json", "plots/area_f1.png", "plots/language_f1.png", "plots/reliability.png",
        "plots/precision_recall.png", "plots/missed_pairs.png",
    }  # fmt: skip
    promote.record_evaluation(tracking.NullTracker(), "x", tagger, tmp_path / "data", rows, ({}, []))


# ----------------------------------------------------------------------------------------------------------- figures


def words(figure: Figure) -> str:
    """What the figure says; all that is drawn must lie inside the picture."""
    figure.canvas.draw()
    box = figure.get_tightbbox(figure.canvas.get_renderer())  # type: ignore[attr-defined]
    width, height = figure.get_size_inches()
    assert box.x0 >= -0.01 and box.y0 >= -0.01 and box.x1 <= width + 0.01 and box.y1 <= height + 0.01, box
    return "\n".join(text.get_text() for text in figure.findobj(Text) if isinstance(text, Text) and text.get_visible())


def test_the_plots_say_what_they_show() -> None:
    gold, first, second = drawn(5)
    langs = [("vi", "en", "th")[i % 3] for i in range(len(gold))]
    reports = {name: metrics.report(gold, predicted * 0.8, predicted, AREAS, langs)
               for name, predicted in (("champion", first), ("challenger", second))}  # fmt: skip
    parts = [
        promote.Difference("area", "a_rather_long_area_name", 44, 0.8, 0.6, (-0.3, -0.1), (-0.35, -0.05)),
        promote.Difference("area", "b", 12, 0.4, 0.5, (-0.1, 0.3), None),
    ]
    said = words(plots.differences([part.plotted() for part in parts]))
    assert "-0.200  (n = 44)  worse" in said and "a_rather_long_area_name" in said and "+0.100  (n = 12)  not judged" in said
    assert "decides" in words(plots.differences([promote.Difference("language", "vi", 44, 0.8, 0.6, (-0.3, -0.1), None).plotted()]))
    pairs = words(plots.language_pairs(reports))
    assert "vi (n = 200)" in pairs and f"challenger, all {reports['challenger']['micro']['f1']:.3f}" in pairs
    assert f"champion, ECE {reports['champion']['ece']:.4f}" in words(plots.reliabilities(reports))


def test_plots_of_nothing_say_so() -> None:
    empty = metrics.report(*(np.zeros((0, 2), dtype=kind) for kind in (bool, float, bool)), ["a", "b"], [])
    assert "Nothing to compare" in words(plots.differences([]))
    assert "No languages" in words(plots.language_pairs({"champion": empty}))
    assert "No scores" in words(plots.reliabilities({"champion": empty}))
