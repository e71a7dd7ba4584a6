"""The labelling loop as a shell sees it: import → suggest → (people label) → review → build; migrate and mappings beside it."""

import io
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import datasets
import pytest
from tests.conftest import write_tiny_model

from cooptag_training import cli, corpus, dataset, jsonl, review
from cooptag_training.areas import REQUIRED_NAMES
from cooptag_training.suggest import DIVERSITY, RANDOM

AREAS = ("climate", "energy", "trade")
ARTICLES = {
    "2024-05-01-canberra": "Australia and Laos signed a climate pact for the lower Mekong. The signing took place before noon in Canberra.",
    "2024-05-02-rabat": "Morocco offered Senegal training in solar energy. A second cable will carry energy under the strait by 2030.",
    "2024-05-03-lima": "Peru and Chile will open the border to trade in cut flowers. Customs officers of both now share one building.",
    "2024-05-04-oslo": "Norway pays for climate stations on forty islands. Its envoy arrived by ferry and was met by schoolchildren.",
    "2024-05-05-tbilisi": "Georgia asked Japan to buy more wine under the trade accord. The dinner ended with songs.",
    "2024-05-06-nairobi": "Kenya and India agreed to link energy markets and ease trade in machinery. Heavy rain delayed the flight home.",
    "2024-05-07-quito": "Ecuador joined the climate fund that Portugal leads. Reporters waited for an hour outside the palace gates.",
    "2024-05-08-hanoi": "Hai nước cùng đối phó với biến đổi khí hậu ở vùng đồng bằng. Đoàn đại biểu thăm một ngôi chùa cổ vào buổi chiều.",
    "2024-05-09-muscat": "Oman sells surplus energy from wind farms to its neighbours. The minister praised the old harbour.",
    "2024-05-10-zagreb": "Croatia and Ghana want more trade in cocoa and less paper. Nobody would say when the talks resume.",
}
SENTENCES = 2 * len(ARTICLES)


@dataclass(frozen=True)
class Done:
    code: Any
    out: str
    err: str


def run(*args: object) -> Done:
    """`cooptag-train` in this process; what is no user's error passes through as the exception that it is."""
    out, err = io.StringIO(), io.StringIO()
    shell = mock.patch.object(sys, "argv", ["cooptag-train", *map(str, args)])
    with shell, redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        cli.main()
    return Done(ended.value.code, out.getvalue(), err.getvalue())


def succeed(*args: object) -> str:
    done = run(*args)
    assert (done.code, done.err) == (0, ""), done
    return done.out


def fail(code: int, *args: object) -> str:
    """The one line that says what is wrong."""
    done = run(*args)
    assert done.code == code, done
    [line] = done.err.splitlines()
    return line


def area_file(file: Path, areas: Sequence[str], cues: dict[str, str] | None = None) -> Path:
    """An area file; `cues`: an English cue by area."""
    names = ", ".join(f"{lang}: {{0}} ({lang})" for lang in REQUIRED_NAMES)
    entries = [
        f"  - id: {area}\n    pillar: economic\n    names: {{{names.format(area)}}}\n    definition: Work on {area}.\n"
        f"    cues: {{{f'en: [{cues[area]}]' if cues and area in cues else ''}}}\n    bodies: []\n"
        for area in areas
    ]
    file.write_text("version: 1\nareas:\n" + "".join(entries), encoding="utf8")
    return file


# ---------------------------------------------------------------------------------- what Label Studio makes of the tasks

Answer = tuple[int, list[str] | str | None]  # who; the areas, the reason why there is none, or None for skipped
HOUR = "2026-05-01T{:02}:15:09.351586Z"


def label_studio(tasks: Path, file: Path, answers: Callable[[dict[str, Any]], Sequence[Answer]], hour: int = 9) -> Path:
    """Writes the export (JSON) of a project into which tasks.json was imported; `answers`: of a task's data."""
    rows = json.loads((tasks / "tasks.json").read_text(encoding="utf8"))
    exported = [_exported(number, row, answers(row["data"]), hour) for number, row in enumerate(rows, start=1)]
    whole = json.dumps([row for row in exported if row["annotations"]], ensure_ascii=False).replace("/", "\\/")
    file.write_text(whole, encoding="utf8")
    return file


def _exported(number: int, row: dict[str, Any], answers: Sequence[Answer], hour: int) -> dict[str, Any]:
    annotations = [_annotation(10 * number + i, number, row, answer, hour) for i, answer in enumerate(answers)]
    draft = {"id": number, "user": "c@example.org", "result": [_choices("areas", ["trade"])], "task": number, "annotation": None}
    return {
        "id": number, "annotations": annotations, "drafts": [draft], "predictions": [number] * len(row["predictions"]),
        "data": row["data"], "meta": {}, "created_at": HOUR.format(1), "updated_at": HOUR.format(hour), "allow_skip": True,
        "inner_id": number, "total_annotations": len(answers), "cancelled_annotations": sum(said is None for _, said in answers),
        "project": 1, "updated_by": 1, "comment_authors": [],
    }  # fmt: skip


def _annotation(id: int, number: int, row: dict[str, Any], answer: Answer, hour: int) -> dict[str, Any]:
    who, said = answer
    prefilled = [result | {"id": "l5guMb8S7", "origin": "prediction"} for p in row["predictions"] for result in p["result"]]
    result = {list: lambda: [_choices("areas", said)] if said else [], str: lambda: [_choices("none_reason", [said])]}
    return {
        "id": id, "completed_by": who, "result": prefilled if said is None else result[type(said)](), "was_cancelled": said is None,
        "ground_truth": False, "created_at": HOUR.format(2), "updated_at": HOUR.format(hour), "draft_created_at": None, "lead_time": 3.2,
        "prediction": row["predictions"][0] | {"id": number, "task": number} if row["predictions"] else {}, "result_count": 1,
        "unique_id": f"e580ba0d-{id}", "last_action": None, "task": number, "project": 1, "updated_by": who, "parent_prediction": None,
    }  # fmt: skip


def _choices(name: str, ids: Any) -> dict[str, Any]:
    return {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": ids}}


def truth(text: str) -> list[str] | str:
    words = {"climate": ("climate", "hậu"), "energy": ("energy",), "trade": ("trade",)}
    return [area for area, found in words.items() if any(word in text for word in found)] or "procedure"


SKIPPED, EMPTY, DISPUTED = "The dinner ended", "Reporters waited", "Kenya and India"


def two_people(data: dict[str, Any]) -> list[Answer]:
    """What users 1 and 2 say: the same but for one sentence, that both skip, one where neither gives a reason, and one dispute."""
    text = data["text"]
    if text.startswith(SKIPPED):
        return [(1, None), (2, None)]
    if text.startswith(EMPTY):
        return [(1, []), (2, [])]
    if text.startswith(DISPUTED):
        return [(1, ["energy"]), (2, ["energy", "trade"])]
    return [(who, truth(text)) for who in (1, 2)]


# ------------------------------------------------------------------------------------------------------------ the stage


@pytest.fixture(scope="module", autouse=True)
def no_bars() -> Iterator[None]:
    """The command switches the bars of `datasets` off by an environment variable, which an earlier test's import did not see."""
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


@pytest.fixture(scope="module")
def stage(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with articles imported, every sentence handed out (`round`), and the export of two people; do not change it."""
    folder = tmp_path_factory.mktemp("stage")
    (folder / "news").mkdir()
    for name, text in ARTICLES.items():
        (folder / "news" / f"{name}.txt").write_text(text, encoding="utf8")
    (folder / "empty").mkdir()
    area_file(folder / "areas.yaml", AREAS)
    areas = ("--areas", folder / "areas.yaml")
    succeed("import", folder / "news", "--out", folder / "articles.jsonl", "--corpus", folder / "empty", *areas)
    suggested = succeed("suggest", folder / "articles.jsonl", "-n", 100, "--model", tiny_model, "--random-share", 0.3,
                        "--corpus", folder / "empty", "--out", folder / "round", *areas)  # fmt: skip
    assert suggested.startswith(f"{SENTENCES} of {SENTENCES} sentences: 6 {RANDOM}, ")
    label_studio(folder / "round", folder / "export.json", two_people)
    return folder


@pytest.fixture
def merge(stage: Path, tmp_path: Path) -> Callable[..., Done]:
    """Runs `review` of exports on the corpus of this test, which begins empty."""
    (tmp_path / "corpus").mkdir()

    def reviewed(*args: object) -> Done:
        return run("review", *args, "--corpus", tmp_path / "corpus", "--areas", stage / "areas.yaml", "--out", tmp_path / "review")

    return reviewed


def counts(done: Done) -> dict[str, int]:
    """How many sentences became what, without those that are 0."""
    lines = [line.split() for line in done.out.splitlines()]
    return {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[0] in review.CASES and line[1] != "0"}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def labels(folder: Path) -> dict[str, tuple[tuple[str, ...], str]]:
    return {s.text: (s.areas, s.none_reason) for article in corpus.load(folder, set(AREAS)) for s in article.sentences}


def handed_out(folder: Path) -> list[dict[str, Any]]:
    return [row["data"] for row in json.loads((folder / "tasks.json").read_text(encoding="utf8"))]


# ---------------------------------------------------------------------------------------------------------- the loop


def test_articles_become_tasks_with_the_models_tags(stage: Path) -> None:
    tasks = json.loads((stage / "round/tasks.json").read_text(encoding="utf8"))
    by_text = {task["data"]["text"]: task for task in tasks}
    assert len(by_text) == SENTENCES and {file.name for file in (stage / "round").iterdir()} == {
        "tasks.json", "config.xml", "tasks.csv", "tasks-doccano.jsonl"
    }  # fmt: skip
    kenya = next(task for text, task in by_text.items() if text.startswith("Kenya"))
    assert kenya["predictions"][0]["result"][0]["value"]["choices"] == ["energy", "trade"]
    assert "«energy»" in kenya["data"]["suggested"] and kenya["data"]["context"] == "Heavy rain delayed the flight home."
    assert (kenya["data"]["date"], kenya["data"]["lang"], kenya["data"]["sentence"]) == ("2024-05-06", "en", 0)
    hanoi = next(task for text, task in by_text.items() if text.startswith("Hai nước"))
    assert hanoi["data"]["lang"] == "vi" and hanoi["predictions"][0]["result"][0]["value"]["choices"] == ["climate"]


def test_from_an_export_to_a_dataset(stage: Path, tmp_path: Path, merge: Callable[..., Done]) -> None:
    folder, export = tmp_path / "corpus", stage / "export.json"
    first = merge(export)
    assert first.code == 0 and counts(first) == {"added": SENTENCES - 2, "disagreed": 1, "skipped": 1}
    assert f"{SENTENCES - 1} sentences labelled by two or more people: micro-F1 0.9" in first.out and "user 1 and user 2" in first.out
    written = labels(folder)
    assert all(truth(text) == (list(areas) or reason) for text, (areas, reason) in written.items() if not text.startswith(EMPTY))
    assert [written[text] for text in written if text.startswith(EMPTY)] == [((), "")]
    assert len(list(folder.glob("en/2024-*.txt"))) == 9 and len(list(folder.glob("vi/2024-*.txt"))) == 1
    ledger = [line for _, line in jsonl.read(folder / review.LEDGER, "lines")]
    assert len(ledger) == SENTENCES - 2 and all(line["by"] == ["user 1", "user 2"] for line in ledger)

    [disputed] = handed_out(tmp_path / "review/to-settle")
    assert disputed["context"] == "Heavy rain delayed the flight home."
    assert disputed["text"].startswith(DISPUTED) and disputed["why"] == "user 1: energy | user 2: energy, trade" and disputed["settles"]
    settled = label_studio(tmp_path / "review/to-settle", tmp_path / "settled.json", lambda _: [(3, ["energy", "trade"])], hour=11)
    assert counts(merge(export, settled)) == {"added": 1, "same": SENTENCES - 2, "skipped": 1}
    assert handed_out(tmp_path / "review/to-settle") == []
    [kenya] = [file for file in folder.glob("en/*.txt") if DISPUTED in file.read_text(encoding="utf8")]
    assert [line.split("]")[0] for line in kenya.read_text(encoding="utf8").splitlines()[6:]] == ["[energy, trade", "[none procedure"]

    once = contents(folder)
    again = merge(export)
    assert counts(again) == {"same": SENTENCES - 2, "skipped": 1, "superseded": 1} and "to-settle" not in again.out
    assert counts(merge(export, settled)) == {"same": SENTENCES - 1, "skipped": 1}
    assert contents(folder) == once

    succeed("build", "--corpus", folder, "--areas", stage / "areas.yaml", "--out", tmp_path / "data")
    rows, names = dataset.load(tmp_path / "data")
    assert names == list(AREAS) and {row.text: (row.labels, row.none_reason) for row in rows} == labels(folder)


def test_what_audit_doubts_comes_back_by_review(stage: Path, tmp_path: Path, merge: Callable[..., Done]) -> None:
    folder, areas = tmp_path / "corpus", ("--areas", stage / "areas.yaml")
    merge(stage / "export.json")
    twin = "Peru and Chile will open the border to trade in cut flowers."
    header = "---\nlang: en\nkind: lead\nyear: 2025\nparties: Peru\n---\n"
    (folder / "en/2025-twin.txt").write_text(f"{header}[climate] {twin}\n", encoding="utf8")
    succeed("build", "--corpus", folder, *areas, "--out", tmp_path / "data")
    lists = [part for name in ("duplicates", "guide") for part in ("--only", name)]
    recipe = Path(__file__).parents[2] / "configs/train-tiny.yaml"
    told = succeed("audit", "--data", tmp_path / "data", "--out", tmp_path / "audit", "--config", recipe, *lists, *areas)
    assert "duplicates      2 of" in told and "guide           0 of" in told
    tasks = handed_out(tmp_path / "audit/tasks")
    assert {(task["article"] == "en/2025-twin", task["before"]) for task in tasks} == {(True, "climate"), (False, "trade")}
    export = label_studio(tmp_path / "audit/tasks", tmp_path / "audited.json", lambda _: [(1, ["trade"])], hour=12)
    assert counts(merge(export)) == {"changed": 1, "same": 1}
    assert "[trade] Peru" in (folder / "en/2025-twin.txt").read_text(encoding="utf8")


def test_a_dry_run_tells_and_writes_nothing(stage: Path, tmp_path: Path, merge: Callable[..., Done]) -> None:
    done = merge(stage / "export.json", "--dry-run")
    assert done.code == 0 and counts(done)["added"] == SENTENCES - 2
    assert contents(tmp_path / "corpus") == {} and (tmp_path / "review/review.jsonl").is_file()


def test_what_somebody_else_changed_is_overwritten_only_when_told(stage: Path, tmp_path: Path, merge: Callable[..., Done]) -> None:
    folder = tmp_path / "corpus"
    merge(stage / "export.json")
    [lima] = [file for file in folder.glob("en/*.txt") if "cut flowers" in file.read_text(encoding="utf8")]
    reviewed = lima.read_text(encoding="utf8")
    lima.write_text(reviewed.replace("[trade]", "[climate]"), encoding="utf8")
    edited = contents(folder)
    refused = merge(stage / "export.json")
    assert (refused.code, refused.err) == (1, "") and counts(refused)["conflict"] == 1
    assert "has [climate], was handed out with [], decided is [trade]" in refused.out and contents(folder) == edited
    told = merge(stage / "export.json", "--overwrite")
    assert told.code == 0 and counts(told)["overwritten"] == 1 and lima.read_text(encoding="utf8") == reviewed


def test_people_get_their_names(stage: Path, tmp_path: Path, merge: Callable[..., Done]) -> None:
    done = merge(stage / "export.json", "--person", "1=lan@example.org", "--person", "2=Minh")
    assert done.code == 0 and "Minh and lan@example.org" in done.out and "user 1" not in done.out
    assert {tuple(line["by"]) for _, line in jsonl.read(tmp_path / "corpus" / review.LEDGER, "lines")} == {("Minh", "lan@example.org")}
    assert "Minh: energy, trade" in handed_out(tmp_path / "review/to-settle")[0]["why"]


def test_most_people_settle_where_asked(stage: Path, tmp_path: Path, merge: Callable[..., Done]) -> None:
    third = label_studio(stage / "round", tmp_path / "third.json", lambda d: [(3, ["energy"])] if d["text"].startswith(DISPUTED) else [])
    assert counts(merge(stage / "export.json", third, "--dry-run"))["disagreed"] == 1
    done = merge(stage / "export.json", third, "--settled-by", "majority")
    assert counts(done) == {"added": SENTENCES - 1, "skipped": 1}
    assert [areas for text, (areas, _) in labels(tmp_path / "corpus").items() if text.startswith(DISPUTED)] == [("energy",)]


def test_a_model_is_scored_on_what_was_drawn_at_random(
    stage: Path, tiny_model: Path, tmp_path: Path, merge: Callable[..., Done]
) -> None:  # fmt: skip
    drawn = [data["text"] for data in handed_out(stage / "round") if data["why"] == RANDOM]
    decided = [text for text in drawn if not text.startswith((SKIPPED, DISPUTED))]
    assert len(drawn) == 6
    done = merge(stage / "export.json", "--model", tiny_model)
    assert done.code == 0 and f"{tiny_model} on the {len(decided)} sentences drawn at random: micro-F1 1.000 (" in done.out
    chosen = label_studio(stage / "round", tmp_path / "chosen.json", lambda data: [] if data["why"] == RANDOM else two_people(data))
    assert "no decided sentence was drawn at random" in merge(chosen, "--model", tiny_model).out


def test_bad_input_is_one_line_and_changes_nothing(stage: Path, tiny_model: Path, tmp_path: Path, merge: Callable[..., Done]) -> None:
    export = stage / "export.json"
    merge(label_studio(stage / "round", tmp_path / "part.json", lambda data: two_people(data) if data["lang"] == "vi" else []))
    before = contents(tmp_path / "corpus")
    raw = export.read_bytes()
    (tmp_path / "truncated.json").write_bytes(raw[: len(raw) // 2])
    (tmp_path / "unknown.json").write_bytes(raw.replace(b'["trade"]', b'["traade"]'))
    for args, code, message in (
        ([tmp_path / "truncated.json"], 2, "truncated.json: is not JSON"),
        ([tmp_path / "unknown.json"], 2, "'traade', which is unknown"),
        ([stage / "round/tasks.json"], 2, "expected a list: an export, not the tasks that were handed out"),
        ([export, tmp_path / "absent.json"], 2, "absent.json: is no file"),
        ([export, "--settled-by", "few"], 2, "--settled-by is 'few'; expected one or majority"),
        ([export, "--person", "lan@example.org"], 2, "--person is 'lan@example.org'; expected a user's number and name"),
        ([export, "--model", "nothing"], 3, "no model 'nothing'"),
    ):
        done = merge(*args)
        assert done.code == code and message in done.err and len(done.err.splitlines()) == 1, done
        assert contents(tmp_path / "corpus") == before, args
    assert tiny_model.is_dir() and merge(export).code == 0


# ------------------------------------------------------------------------------------------------------------ suggest


def suggest(stage: Path, model: Path, out: Path, *args: object) -> list[dict[str, Any]]:
    corpus_options = () if "--corpus" in args else ("--corpus", stage / "empty")
    options = ("--model", model, "--out", out, "--areas", stage / "areas.yaml", *corpus_options)
    succeed("suggest", stage / "articles.jsonl", *options, *args)
    return handed_out(out)


def test_what_was_handed_out_is_not_handed_out_again_until_nothing_is_left(stage: Path, tiny_model: Path, tmp_path: Path) -> None:
    first = suggest(stage, tiny_model, tmp_path / "1", "-n", 8)
    second = suggest(stage, tiny_model, tmp_path / "2", "-n", 50, "--handed-out", tmp_path / "1")
    texts = [{data["text"] for data in part} for part in (first, second)]
    assert len(first) == 8 and len(second) == SENTENCES - 8 and not texts[0] & texts[1]
    common = ("--model", tiny_model, "--areas", stage / "areas.yaml", "--corpus", stage / "empty", "--out", tmp_path / "3")
    both = ("--handed-out", tmp_path / "1", "--handed-out", tmp_path / "2")
    message = fail(2, "suggest", stage / "articles.jsonl", *common, *both)
    assert message.endswith("every sentence is labelled or handed out already; import more articles")
    assert not (tmp_path / "3").exists()
    assert "tasks of `suggest`" in fail(2, "suggest", stage / "articles.jsonl", *common, "--handed-out", tmp_path / "4")


def test_what_is_labelled_is_not_asked_again(stage: Path, tiny_model: Path, tmp_path: Path, merge: Callable[..., Done]) -> None:
    merge(stage / "export.json")
    left = suggest(stage, tiny_model, tmp_path / "1", "--corpus", tmp_path / "corpus")
    assert sorted(data["text"][:9] for data in left) == [DISPUTED[:9], SKIPPED[:9]]
    succeed("import", stage / "news", "--out", tmp_path / "rest.jsonl", "--corpus", tmp_path / "corpus", "--areas", stage / "areas.yaml")
    rest = [text for _, article in jsonl.read(tmp_path / "rest.jsonl", "articles") for text in article["sentences"]]
    assert sorted(text[:9] for text in rest) == [DISPUTED[:9], SKIPPED[:9]]


def test_diversity_only_suggests_nothing(stage: Path, tiny_model: Path, tmp_path: Path) -> None:
    made = suggest(stage, tiny_model, tmp_path / "1", "-n", 10, "--diversity-only", "--random-share", 0.2)
    assert [data["why"] for data in made] == [RANDOM] * 2 + [DIVERSITY] * 8
    tasks = json.loads((tmp_path / "1/tasks.json").read_text(encoding="utf8"))
    assert all(task["predictions"] == [] and task["data"]["suggested"] == "" for task in tasks)


def test_a_second_model_must_have_the_same_areas(stage: Path, tiny_model: Path, tmp_path: Path) -> None:
    twin = shutil.copytree(tiny_model, tmp_path / "twin")
    assert len(suggest(stage, tiny_model, tmp_path / "1", "-n", 5, "--second", twin)) == 5
    other = write_tiny_model(tmp_path / "other", ("climate", "trade"))
    message = fail(2, "suggest", stage / "articles.jsonl", "--model", tiny_model, "--second", other, "--areas", stage / "areas.yaml",
                   "--corpus", stage / "empty", "--out", tmp_path / "2")  # fmt: skip
    assert "other: has other areas than" in message


# --------------------------------------------------------------------------------------------------- migrate, mappings


def test_a_changed_area_file_rewrites_what_is_certain_and_asks_for_the_rest(tmp_path: Path) -> None:
    old = area_file(tmp_path / "old.yaml", ("climate", "energy", "sea", "trade"))
    new = area_file(tmp_path / "new.yaml", ("green", "fisheries", "patrols", "commerce", "youth"), {"fisheries": "nets", "youth": "pupils"})
    header = "---\nlang: en\nkind: news_report\nyear: 2024\nparties: Fiji, Tonga\n---\n"
    lines = {
        "a": "[climate, energy] They will cut emissions of plants.\n[sea] They will share nets and boats.\n[none procedure] They sat.\n",
        "b": "[sea, trade] Tariffs on tuna fall by half.\n[trade] Both will send pupils to a fair.\n",
        "c": "[energy] A line will link the islands.\n",
    }
    (tmp_path / "corpus/en").mkdir(parents=True)
    for name, text in lines.items():
        (tmp_path / f"corpus/en/2024-{name}.txt").write_text(header + text, encoding="utf8")
    out = tmp_path / "next"
    before = contents(tmp_path / "corpus")
    shown = succeed("migrate", "--areas", new, "--from", old, "--corpus", tmp_path / "corpus", "--out", out, "--rename", "trade=commerce",
                    "--merge", "climate,energy=green", "--split", "sea=fisheries,patrols")  # fmt: skip
    assert "4 sentences kept, 2 wait for a person, 1 may carry an added area" in shown and "next.tasks: tasks for a person" in shown
    assert contents(tmp_path / "corpus") == before

    def body(name: str) -> str:
        return (out / f"en/2024-{name}.txt").read_text(encoding="utf8").removeprefix(header)

    assert body("a") == "[green] They will cut emissions of plants.\n[none procedure] They sat.\n"
    assert body("b") == "[commerce] Both will send pupils to a fair.\n" and body("c") == "[green] A line will link the islands.\n"
    asked = {data["text"]: data for data in handed_out(tmp_path / "next.tasks")}
    assert {text: data["before"] for text, data in asked.items()} == {
        "They will share nets and boats.": "", "Tariffs on tuna fall by half.": "", "Both will send pupils to a fair.": "commerce"
    }  # fmt: skip
    assert asked["They will share nets and boats."]["suggested"].startswith("fisheries 0.50")

    said = {"They": ["fisheries"], "Tariffs": ["commerce", "fisheries"], "Both": ["commerce", "youth"]}
    answered = label_studio(tmp_path / "next.tasks", tmp_path / "answers.json", lambda data: [(1, said[data["text"].split()[0]])])
    done = run("review", answered, "--corpus", out, "--areas", new, "--out", tmp_path / "review")
    assert done.code == 0 and counts(done) == {"added": 2, "changed": 1}
    assert body("a").splitlines()[1] == "[fisheries] They will share nets and boats."
    assert body("b") == "[commerce, fisheries] Tariffs on tuna fall by half.\n[commerce, youth] Both will send pupils to a fair.\n"


def test_migrate_says_in_one_line_what_is_not_explained(stage: Path, tmp_path: Path) -> None:
    new = area_file(tmp_path / "new.yaml", ("climate", "energy"))
    common = ("migrate", "--areas", new, "--from", stage / "areas.yaml", "--corpus", stage / "empty", "--out", tmp_path / "next")
    assert "area 'trade' is gone from the new file" in fail(2, *common)
    assert "holds no article" in fail(2, *common, "--drop", "trade") and not (tmp_path / "next").exists()


def test_mappings_show_how_far_each_scheme_is_predicted() -> None:
    shown = succeed("mappings")
    for scheme in ("UN Sustainable Development Goals", "OECD-DAC", "Comparative Agendas"):
        assert re.search(rf"^{scheme}.* gold  +0\.\d{{3}}  +0\.\d{{3}} to 0\.\d{{3}} ", shown, re.M), scheme
    assert shown.count("areas whose codes stand least") == 3


@pytest.mark.parametrize("command", ["import", "suggest", "review", "migrate", "mappings"])
def test_help_shows_an_example_and_the_defaults(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "180")
    shown = succeed(command, "--help")
    assert f"Example: cooptag-train {command} " in shown
    expected = "[default: those that a person gave alone]" if command == "mappings" else "[default: "
    assert expected in shown and ("Area file" not in shown or command == "migrate" or "[default: configs/areas.yaml]" in shown)
