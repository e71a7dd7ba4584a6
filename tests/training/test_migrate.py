"""A changed area file: what is rewritten, what a person is asked, and what no file may lose."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cooptag.errors import InputError, UsageError
from cooptag.types import Area
from cooptag_training import agreement, areas, corpus, migrate, review
from cooptag_training.annotation import Decision, Suggestion
from cooptag_training.areas import AreaEntry

HEADER = "---\nlang: {lang}\nkind: news_report\nyear: {year}\nparties: Viet Nam, Canada\n---\n"
VI = [
    "[climate, energy] Hai bên nhất trí cắt giảm phát thải từ nhiệt điện than.",
    "[sea] Hai nước mở rộng nghề cá và tuần tra chung trên biển.",
    "[none procedure] Bộ trưởng tiếp đoàn tại Hà Nội.",
    "[trade,  sea ] Hai bên bàn hạn ngạch thủy sản.",
]
EN = ["[trade] Both sides will cut tariffs.", "[climate] They pledged money for adaptation.", "[energy] A grid will link both coasts."]


def entry(id_: str, cues: dict[str, tuple[str, ...]] | None = None, bodies: tuple[str, ...] = ()) -> AreaEntry:
    return AreaEntry(Area(id_, "economic", {"en": id_.replace("_", " ")}, "."), cues or {}, bodies)


OLD = [entry(id_) for id_ in ("climate", "energy", "sea", "trade")]
SEA = [
    entry("fisheries", {"vi": ("nghề cá", "thủy sản"), "en": ("fisheries",)}),
    entry("patrols", {"vi": ("tuần tra chung",)}, ("Coast Guard",)),
]


def new_file(*changed: AreaEntry, without: str) -> list[AreaEntry]:
    return [e for e in OLD if e.area.id not in without.split()] + list(changed)


def write_corpus(folder: Path, vi: Sequence[str] = VI, en: Sequence[str] = EN) -> Path:
    for lang, year, lines in (("vi", "2019", vi), ("en", "unknown", en)):
        (folder / lang).mkdir(parents=True)
        text = HEADER.format(lang=lang, year=year) + "\n".join(lines) + "\n"
        (folder / lang / f"{year}-talks.txt").write_text(text, encoding="utf8")
    return folder


def vi_lines(made: migrate.Plan) -> list[str]:
    return made.files["vi/2019-talks.txt"].decode().splitlines()[6:]


def counts(made: migrate.Plan) -> dict[str, tuple[int, int]]:
    return {str(step): (made.rewritten[step], made.asked[step]) for step in made.migration.steps}


# ---------------------------------------------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("options", "changed", "without", "message"),
    [
        ({}, ["clima"], "climate", r"area 'climate' is gone .* nearest is 'clima'; say what .*--rename climate=NEW, .*--drop climate"),
        ({"renames": ["climat=clima"]}, ["clima"], "climate", r"'climat' is no area of the old file; the nearest is 'climate'"),
        ({"renames": ["climate=klima"]}, ["clima"], "climate", r"'klima' is no area of the new file; the nearest is 'clima'"),
        ({"renames": ["climate=clima"]}, ["clima"], "", r"--rename climate=clima: 'climate' is still in the new file"),
        ({"drops": ["sea"]}, [], "", r"--drop sea: 'sea' is still in the new file"),
        ({"renames": ["climate=energy"]}, [], "climate", r"'energy' is an area of the old file too.*; give --merge climate,energy=energy"),
        ({"merges": ["climate,sea=energy"]}, [], "climate sea", r"give --merge climate,sea,energy=energy"),
        ({"renames": ["climate=clima"], "drops": ["climate"]}, ["clima"], "climate", r"both name 'climate'; name it in one of them"),
        ({"renames": ["climate=x", "energy=x"]}, ["x"], "climate energy", r"--rename climate=x and --rename energy=x both name 'x'"),
        ({"renames": ["climate=x"], "merges": ["x,energy=y"]}, ["y"], "climate energy", r"make a chain over 'x', .*migrate twice"),
        ({"renames": ["climate=energy", "energy=x"]}, ["x"], "climate", r"make a chain over 'energy'"),
    ],
)
def test_options_that_do_not_explain_the_files_are_refused(
    options: dict[str, list[str]], changed: list[str], without: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        migrate.steps(OLD, new_file(*map(entry, changed), without=without), **options)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("renames", "climate"), ("renames", "climate=a=b"), ("renames", "climate=a,b"), ("renames", "climate=climate"), ("renames", "=x"),
        ("merges", "climate=x"), ("merges", "climate,climate=x"), ("merges", "climate,sea=x,y"), ("merges", "climate,=x"),
        ("splits", "sea=x"), ("splits", "sea,climate=x,y"), ("splits", "sea=x,x"), ("drops", "sea=x"), ("drops", "sea,climate"),
        ("drops", ""),
    ],
)  # fmt: skip
def test_a_malformed_option_is_shown_with_its_form(kind: str, value: str) -> None:
    with pytest.raises(UsageError, match=r"is not of the form OLD"):
        migrate.steps(OLD, OLD, **{kind: [value]})


@pytest.mark.parametrize("hostile", ["../../etc/passwd", "/tmp/x", "sea\n--drop", "\x1b[31msea"])  # noqa: S108
def test_a_hostile_id_is_named_and_no_path(hostile: str) -> None:
    with pytest.raises(UsageError, match="is no area of the new file"):
        migrate.steps(OLD, OLD, renames=[f"sea={hostile}"])


# -------------------------------------------------------------------------------------------------------------- each step


def test_rename_changes_the_label_alone_and_counts_it(tmp_path: Path) -> None:
    migration = migrate.steps(OLD, new_file(entry("commerce"), without="trade"), renames=["trade=commerce"])
    made = migrate.plan(migration, write_corpus(tmp_path / "old"), tmp_path / "new")
    assert vi_lines(made) == [*VI[:3], "[commerce,  sea ] Hai bên bàn hạn ngạch thủy sản."]
    assert counts(made) == {"rename trade=commerce": (2, 0)} and not made.waiting
    assert {(item.article, item.sentence): item.before for item, _ in made.kept}["vi/2019-talks", 2] == "none procedure"


def test_merge_carries_the_new_area_once(tmp_path: Path) -> None:
    migration = migrate.steps(OLD, new_file(entry("green"), without="climate energy"), merges=["climate,energy=green"])
    made = migrate.plan(migration, write_corpus(tmp_path / "old"), tmp_path / "new")
    assert vi_lines(made)[0] == VI[0].replace("climate, energy", "green")
    assert counts(made) == {"merge climate,energy=green": (3, 0)}


def test_merge_into_one_of_the_merged_leaves_its_sentences_alone(tmp_path: Path) -> None:
    migration = migrate.steps(OLD, new_file(without="energy"), merges=["climate,energy=climate"])
    made = migrate.plan(migration, write_corpus(tmp_path / "old"), tmp_path / "new")
    assert vi_lines(made)[0] == VI[0].replace(", energy", "")
    assert counts(made) == {"merge climate,energy=climate": (2, 0)}  # not the sentence that carries climate alone


def test_split_asks_with_the_words_that_speak_for_each_new_area(tmp_path: Path) -> None:
    migration = migrate.steps(OLD, new_file(*SEA, without="sea"), splits=["sea=fisheries,patrols"])
    made = migrate.plan(migration, write_corpus(tmp_path / "old"), tmp_path / "new")
    both, one = made.waiting
    assert vi_lines(made) == [VI[0], VI[2]]
    assert both.why == "split of sea: fisheries or patrols?"
    assert both.suggestions == (Suggestion("fisheries", 0.5, "nghề cá"), Suggestion("patrols", 0.5, "tuần tra chung"))
    assert one.suggestions == (Suggestion("trade", 1.0), Suggestion("fisheries", 0.5, "thủy sản"))
    item = both.item
    assert (item.article, item.sentence, item.lang, item.date, item.before) == ("vi/2019-talks", 1, "vi", "2019", "")
    assert item.parties == ("Viet Nam", "Canada") and both.context == f"{VI[0].split('] ')[1]} … {VI[2].split('] ')[1]}"
    assert counts(made) == {"split sea=fisheries,patrols": (0, 2)}


def test_split_may_keep_the_old_id_and_hand_over_to_an_area_that_was_there(tmp_path: Path) -> None:
    migration = migrate.steps(OLD, OLD, splits=["sea=sea,trade"])
    made = migrate.plan(migration, write_corpus(tmp_path / "old"), tmp_path / "new")
    assert [task.item.sentence for task in made.waiting] == [1, 3]
    assert [s.area for s in made.waiting[1].suggestions] == ["trade"]
    assert migrate.label_map(migration)["sea"] == ("sea",) and migrate.label_map(migration)["trade"] == ("trade",)


def test_drop_takes_the_label_away_and_asks_where_nothing_is_left(tmp_path: Path) -> None:
    migration = migrate.steps(OLD, new_file(without="energy"), drops=["energy"])
    made = migrate.plan(migration, write_corpus(tmp_path / "old"), tmp_path / "new")
    assert vi_lines(made)[0] == VI[0].replace(", energy", "")
    assert [(task.why, task.suggestions, task.item.date) for task in made.waiting] == [
        ("drop of energy: which other areas, or none?", (), ""),
    ]
    assert counts(made) == {"drop energy": (1, 1)}


def test_dropping_the_first_label_leaves_no_odd_space(tmp_path: Path) -> None:
    migration = migrate.steps(OLD, new_file(without="climate"), drops=["climate"])
    assert vi_lines(migrate.plan(migration, write_corpus(tmp_path / "old"), tmp_path / "new"))[0].startswith("[energy] ")


def test_rename_merge_split_and_add_at_once(tmp_path: Path) -> None:
    new = [entry("commerce"), entry("green"), *SEA, entry("grids", {"en": ("grid",), "vi": ("hạn ngạch",)})]
    migration = migrate.steps(OLD, new, ["trade=commerce"], ["climate,energy=green"], ["sea=fisheries,patrols"])
    made = migrate.plan(migration, write_corpus(tmp_path / "old"), tmp_path / "new")
    migrate.write(made)
    loaded = corpus.load(tmp_path / "new", {e.area.id for e in new})
    assert [s.areas for article in loaded for s in article.sentences] == [("commerce",), ("green",), ("green",), ("green",), ()]
    assert [s.area for s in made.waiting[1].suggestions] == ["commerce", "fisheries", "grids"]  # what is asked anyway, is asked whole
    assert counts(made)["rename trade=commerce"] == (1, 0)  # the other waits for the split
    assert json.loads((tmp_path / "new" / "migration.json").read_text()) == {
        "version": 1, "added": ["grids"], "split": ["fisheries", "patrols"],
        "map": {"commerce": ["trade"], "green": ["climate", "energy"], "fisheries": ["sea"], "patrols": ["sea"], "grids": []},
    }  # fmt: skip


def test_the_same_areas_make_the_same_corpus(tmp_path: Path) -> None:
    made = migrate.plan(migrate.steps(OLD, OLD), write_corpus(tmp_path / "old"), tmp_path / "new")
    migrate.write(made)
    for file in (tmp_path / "old").rglob("*.txt"):
        assert (tmp_path / "new" / file.relative_to(tmp_path / "old")).read_bytes() == file.read_bytes()


# ----------------------------------------------------------------------------------------------------------- added areas


def grids(tmp_path: Path) -> tuple[migrate.Plan, list[AreaEntry]]:
    added = [entry("grids", {"en": ("grid",)}), entry("aid", {"en": ("money",)})]
    made = migrate.plan(migrate.steps(OLD, [*OLD, *added]), write_corpus(tmp_path / "old"), tmp_path / "new")
    return made, added


def test_candidates_by_words_keep_the_present_labels(tmp_path: Path) -> None:
    made, added = grids(tmp_path)
    tasks = migrate.candidates(made.kept, added)
    assert [(t.item.before, t.why, t.suggestions[-1]) for t in tasks] == [
        ("climate", "may carry the new area aid", Suggestion("aid", 0.5, "money")),
        ("energy", "may carry the new area grids", Suggestion("grids", 0.5, "grid")),
    ]
    assert all(t.suggestions[0] == Suggestion(t.item.before, 1.0) for t in tasks)


def test_candidates_by_scores_are_the_highest_and_tick_only_what_is_likely(tmp_path: Path) -> None:
    made, added = grids(tmp_path)
    by_text = {VI[0].split("] ")[1]: (0.9, 0.1), VI[2].split("] ")[1]: (0.2, 0.0), EN[2].split("] ")[1]: (0.99, 0.8)}

    def score(texts: Sequence[str]) -> np.ndarray:
        return np.array([by_text.get(text, (0.01, 0.02)) for text in texts])

    tasks = migrate.candidates(made.kept, added, score, most=2, model="small abc")
    assert [(t.item.article[:2], t.item.sentence, t.why.removeprefix("may carry the new area ")) for t in tasks] == [
        ("vi", 0, "grids, aid"), ("en", 2, "grids, aid"), ("en", 1, "aid"), ("vi", 2, "grids"),
    ]  # fmt: skip
    assert [s.area for s in tasks[0].suggestions] == ["climate", "energy", "grids"]  # aid, at 0.1, is asked, not ticked
    assert tasks[3].suggestions == () and tasks[3].item.before == "none procedure" and tasks[3].model == "small abc"
    described = migrate.describe(made, tasks)
    assert described.splitlines()[1].split() == ["add", "grids", "0", "0", "3"] and "4 may carry an added area" in described


def test_review_puts_the_answers_back_in_their_places(tmp_path: Path) -> None:
    new = [*new_file(*SEA, without="sea"), entry("grids", {"en": ("grid",)})]
    made = migrate.plan(migrate.steps(OLD, new, splits=["sea=fisheries,patrols"]), write_corpus(tmp_path / "old"), tmp_path / "new")
    migrate.write(made)
    tasks = [*made.waiting, *migrate.candidates(made.kept, new[-1:])]
    decisions = [Decision(t.item, "a@example.org", "", tuple(s.area for s in t.suggestions), where="x") for t in tasks]
    planned = review.plan(decisions, tmp_path / "new", {e.area.id for e in new})
    review.apply(planned)
    assert [change.case for change in planned.changes] == ["added", "added", "changed"]
    written = (tmp_path / "new" / "vi" / "2019-talks.txt").read_text(encoding="utf8")
    vi = [VI[0], VI[1].replace("sea", "fisheries, patrols"), VI[2], VI[3].replace("trade,  sea ", "fisheries, trade")]
    assert written == HEADER.format(lang="vi", year="2019") + "\n".join(vi) + "\n"
    assert "[energy, grids] A grid" in (tmp_path / "new" / "en" / "unknown-talks.txt").read_text(encoding="utf8")


# --------------------------------------------------------------------------------------------------------- bytes and files


def test_line_ends_blank_lines_and_odd_spaces_stay(tmp_path: Path) -> None:
    folder = write_corpus(tmp_path / "old")
    file = folder / "vi" / "2019-talks.txt"
    raw = file.read_text(encoding="utf8").replace("\n", "\r\n").rstrip() + "  \r\n\r\n[trade] Câu cuối,  [sic] không xuống dòng."
    file.write_bytes(raw.encode())
    new = new_file(*SEA, entry("commerce"), without="sea trade")
    made = migrate.plan(migrate.steps(OLD, new, ["trade=commerce"], (), ["sea=fisheries,patrols"]), folder, tmp_path / "new")
    lines = [line for line in raw.encode().split(b"\r\n") if b"sea" not in line]
    assert made.files["vi/2019-talks.txt"] == b"\r\n".join(lines).replace(b"[trade]", b"[commerce]")


def test_an_article_whose_sentences_all_wait_is_not_written(tmp_path: Path) -> None:
    migration = migrate.steps(OLD, new_file(without="trade"), drops=["trade"])
    made = migrate.plan(migration, write_corpus(tmp_path / "old", en=EN[:1]), tmp_path / "new")
    migrate.write(made)
    assert not (tmp_path / "new" / "en").exists() and [task.item.article for task in made.waiting] == ["en/unknown-talks"]


def test_files_beside_the_articles_are_copied_and_label_files_rewritten(tmp_path: Path) -> None:
    folder = write_corpus(tmp_path / "old")
    (folder / "README.md").write_bytes(b"On sea and trade\r\n")
    (folder / ".secret").write_bytes(b"x")
    (folder / "notes").mkdir()
    (folder / "notes" / "labels.jsonl").write_bytes(b"not ours")
    untouched = '{"article":"vi/a", "text":"Ủa",  "first":[],"second":["climate"],"settled":[]}'
    lines = [
        {"article": "vi/a", "text": "t", "first": ["trade", "climate"], "second": [], "settled": ["trade"]},
        {"article": "vi/a", "text": "u", "first": ["sea"], "second": [], "settled": []},
    ]
    (folder / "second-labels.jsonl").write_text("\n".join([untouched, *map(json.dumps, lines)]) + "\n", encoding="utf8")
    ledger = {"article": "../../x", "areas": ["sea"], "settled": True}
    (folder / "labels.jsonl").write_text(json.dumps(ledger) + "\n")
    new = new_file(*SEA, entry("commerce"), without="sea trade")
    made = migrate.plan(migrate.steps(OLD, new, ["trade=commerce"], (), ["sea=fisheries,patrols"]), folder, tmp_path / "new")
    migrate.write(made)
    written = {p.relative_to(tmp_path / "new").as_posix() for p in (tmp_path / "new").rglob("*") if p.is_file()}
    beside = {"README.md", "notes/labels.jsonl", "second-labels.jsonl", "migration.json"}
    assert written == {*beside, "vi/2019-talks.txt", "en/unknown-talks.txt"}
    assert (tmp_path / "new" / "README.md").read_bytes() == b"On sea and trade\r\n"
    first, second = (tmp_path / "new" / "second-labels.jsonl").read_text(encoding="utf8").splitlines()
    assert first == untouched and json.loads(second)["first"] == ["commerce", "climate"] and json.loads(second)["settled"] == ["commerce"]
    assert made.dropped == {"second-labels.jsonl": 1, "labels.jsonl": 1}
    assert "labels.jsonl: 1 lines taken out" in migrate.describe(made)


@pytest.mark.parametrize("value", ['"sea"', '["lake"]', "[1]", "[[]]", "null"])
def test_a_broken_label_file_is_named_with_its_line(tmp_path: Path, value: str) -> None:
    folder = write_corpus(tmp_path / "old")
    (folder / "labels.jsonl").write_text(f'{{"areas": []}}\n{{"areas": {value}}}\n')
    with pytest.raises(InputError, match=r"labels\.jsonl:2: areas is .*; expected a list of areas of the old area file"):
        migrate.plan(migrate.steps(OLD, OLD), folder, tmp_path / "new")


def test_a_corpus_of_other_areas_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    folder = write_corpus(tmp_path / "old", vi=["[lake] Hồ."])
    with pytest.raises(InputError, match="area 'lake' is unknown"):
        migrate.plan(migrate.steps(OLD, OLD), folder, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_out_must_be_free_and_outside_the_corpus(tmp_path: Path) -> None:
    folder = write_corpus(tmp_path / "old")
    migration = migrate.steps(OLD, OLD)
    for out, message in ((folder, "no empty folder"), (folder / "new", "lies in the corpus folder"), (folder / "vi", "no empty folder"),
                         (folder / "vi" / "2019-talks.txt", "no empty folder")):  # fmt: skip
        with pytest.raises(UsageError, match=message):
            migrate.plan(migration, folder, out)
    (tmp_path / "empty").mkdir()
    migrate.write(migrate.plan(migration, folder, tmp_path / "empty"))
    assert len(corpus.load(tmp_path / "empty", {e.area.id for e in OLD})) == 2


def test_a_crash_while_writing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = migrate.plan(migrate.steps(OLD, OLD), write_corpus(tmp_path / "old"), tmp_path / "new")
    whole = Path.write_bytes

    def fail(file: Path, raw: bytes) -> int:
        if file.name == migrate.FILE_NAME:  # the last one
            raise OSError(28, "No space left on device")
        return whole(file, raw)

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="No space left"):
        migrate.write(made)
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_the_shipped_corpus_migrates_in_seconds_and_loses_no_sentence(tmp_path: Path) -> None:
    old = areas.load()

    def renamed(id_: str, to: str) -> AreaEntry:
        source = next(e for e in old if e.area.id == id_)
        return replace(source, area=replace(source.area, id=to))

    gone = {"labour", "climate", "environment", "health"}
    new = [e for e in old if e.area.id not in gone]
    new += [renamed("labour", "work"), renamed("climate", "nature"), renamed("health", "clinics"), renamed("defence", "epidemics")]
    started = time.process_time()
    migration = migrate.steps(old, new, ["labour=work"], ["climate,environment=nature"], ["health=clinics,epidemics"])
    made = migrate.plan(migration, corpus.DEFAULT_FOLDER, tmp_path / "new")
    migrate.write(made)
    assert time.process_time() - started < 15  # of processor time; about 2
    ids = {e.area.id for e in new}
    articles = corpus.load(tmp_path / "new", ids)
    before = [s for article in corpus.load(corpus.DEFAULT_FOLDER, {e.area.id for e in old}) for s in article.sentences]
    assert sum(len(article.sentences) for article in articles) == len(made.kept) == len(before) - len(made.waiting)
    assert sorted(s.text for s in before) == sorted([*(item.text for item, _ in made.kept), *(task.item.text for task in made.waiting)])
    assert len(made.waiting) == sum("health" in s.areas for s in before)
    assert not agreement.unsettled(agreement.load(tmp_path / "new" / agreement.FILE_NAME, sorted(ids)), articles)
