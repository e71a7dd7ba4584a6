"""The commands of the labelling loop: import → suggest → (people label) → review; migrate and mappings beside it."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cooptag.errors import UsageError

app = typer.Typer(rich_markup_mode="rich")

AreasOption = Annotated[Path | None, typer.Option("--areas", help="Area file \\[default: configs/areas.yaml]")]
CorpusOption = Annotated[Path | None, typer.Option("--corpus", help="Corpus folder \\[default: training/corpus]")]
NamesOption = Annotated[str, typer.Option("--names", help="Language of the areas' names on the labelling page")]


@app.command("import")
def import_(
    inputs: Annotated[list[str], typer.Argument(help="Files and folders of .txt, .html, .jsonl, .csv", metavar="INPUT...")],
    out: Annotated[Path, typer.Option(help="Articles to write, a JSON object a line; what was left out goes to OUT.drops.jsonl")],
    corpus: Annotated[Path | None, typer.Option(help="Corpus folder whose sentences are left out")] = None,
    areas: AreasOption = None,
    lang: Annotated[str | None, typer.Option(help="Language of all \\[default: detected for each article]")] = None,
    kind: Annotated[str, typer.Option(help="Kind of text, as in the corpus")] = "news_report",
    text_field: Annotated[str, typer.Option(help="Field or column of the text")] = "text",
    date_field: Annotated[str, typer.Option(help="Field or column of the date")] = "date",
    min_characters: Annotated[int, typer.Option(help="Shortest line without a full stop that is kept")] = 20,
) -> None:
    """Turns an archive into articles with stable ids, language, date and source; boilerplate and repeats go, each with its reason.

    Example: [bold]cooptag-train import news/ wire.jsonl --out articles.jsonl[/bold]
    """
    from cooptag.jobs.readers import Fields
    from cooptag_training import articles

    known = _articles(corpus, area_entries(areas)) if corpus else []
    made = articles.import_articles(
        inputs, out, fields=Fields(text=text_field, date=date_field), lang=lang, kind=kind, min_characters=min_characters, corpus=known
    )
    articles.save(made.articles, out)
    articles.save_drops(made.drops, articles.drops_file(out))
    print(articles.describe(made))


@app.command()
def suggest(
    articles: Annotated[Path, typer.Argument(help="Articles of `import`")],
    out: Annotated[Path, typer.Option(help="Folder for tasks.json and config.xml (Label Studio), tasks.csv, tasks-doccano.jsonl")],
    count: Annotated[int, typer.Option("-n", "--count", help="Sentences to label", min=1)] = 100,
    model: Annotated[str, typer.Option(help="Model to improve, a folder or name")] = "small",
    second: Annotated[str | None, typer.Option(help="Model whose disagreement counts, such as nano")] = None,
    corpus: CorpusOption = None,
    areas: AreasOption = None,
    handed_out: Annotated[list[Path] | None, typer.Option(help="Folder of an earlier `suggest` whose sentences are left out")] = None,
    diversity_only: Annotated[bool, typer.Option("--diversity-only", help="Choose without the model's tags, and suggest none")] = False,
    random_share: Annotated[float, typer.Option(help="Share drawn at random, to measure on", min=0, max=1)] = 0.1,
    seed: Annotated[int, typer.Option(help="Of what is drawn at random")] = 0,
    names: NamesOption = "en",
) -> None:
    """Chooses the sentences that teach most, and writes them as labelling tasks with the model's tags, scores and evidence.

    By uncertainty, rare areas, disagreement of two models, and diversity; a share at random.

    Example: [bold]cooptag-train suggest articles.jsonl -n 100 --second nano --out round-1[/bold]
    """
    from cooptag import Tagger
    from cooptag.text import normalize
    from cooptag_training import articles as imported
    from cooptag_training import dataset, labelstudio
    from cooptag_training import suggest as choosing

    entries = area_entries(areas)
    ids = [] if diversity_only else [entry.area.id for entry in entries]
    labelled = dataset.from_articles(_articles(corpus, entries))
    known = {normalize(row.text, row.lang) for row in labelled} | _handed_out(handed_out or [])
    asked = choosing.candidates(imported.load(articles), known)
    if not asked:
        raise UsageError(f"{articles}: every sentence is labelled or handed out already; import more articles")
    tagger, other = Tagger.load(model), Tagger.load(second) if second else None
    pool = choosing.pool_of([item.text for item, _ in asked], tagger, other, ids, labelled, seed)
    chosen = choosing.choose(pool, count, random_share, seed)
    made = choosing.tasks([asked[i] for i, _ in chosen], [why for _, why in chosen], tagger, ids)
    labelstudio.write(made, entries, out, names)
    reasons = [task.why for task in made]
    print(f"{len(made)} of {len(asked)} sentences: " + ", ".join(f"{reasons.count(why)} {why}" for why in dict.fromkeys(reasons)))
    print(f"{out}: tasks.json and config.xml for Label Studio, tasks.csv for a spreadsheet, tasks-doccano.jsonl for doccano")


def _handed_out(folders: list[Path]) -> set[str]:
    """The normalised texts of the tasks in folders that `suggest` wrote."""
    from cooptag.text import normalize
    from cooptag_training import jsonl

    rows = [row for folder in folders for _, row in jsonl.read(folder / "tasks-doccano.jsonl", "the tasks of `suggest`", ["text", "lang"])]
    return {normalize(str(row["text"]), str(row["lang"])) for row in rows}


@app.command()
def review(
    exports: Annotated[list[Path], typer.Argument(help="Exports of Label Studio (JSON, JSON-MIN, CSV), doccano or a spreadsheet")],
    out: Annotated[Path, typer.Option(help="Folder for review.jsonl, agreement.json, and tasks that settle disagreements")],
    corpus: CorpusOption = None,
    areas: AreasOption = None,
    by: Annotated[str, typer.Option(help="Who labelled, where an export does not say")] = "",
    person: Annotated[list[str] | None, typer.Option(help="Name of a Label Studio user, as in 7=lan@example.org")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; the corpus stays")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Merge also where somebody else changed the corpus since")] = False,
    settled_by: Annotated[str, typer.Option(help="one: a final answer settles a disagreement; majority: most people do too")] = "one",
    model: Annotated[str | None, typer.Option(help="Score this model on the sentences that were drawn at random")] = None,
    names: NamesOption = "en",
) -> None:
    """Reads what people labelled: agreement, what is left to settle, and the corpus with what is decided; labels.jsonl says who and when.

    Nothing is merged if anything is wrong. Exit code 1 where the corpus was changed by somebody else since (see --overwrite).

    Example: [bold]cooptag-train review export.json --corpus corpus --out review-1[/bold]
    """
    from cooptag_training import corpus as corpus_files
    from cooptag_training import exports as exported
    from cooptag_training import jsonl, labelstudio
    from cooptag_training import review as reviewing

    if settled_by not in ("one", "majority"):
        raise UsageError(f"--settled-by is {settled_by!r}; expected one or majority")
    entries = area_entries(areas)
    ids = [entry.area.id for entry in entries]
    decisions = exported.named([decision for file in exports for decision in exported.read(file, ids, by)], person or [])
    folder = corpus or corpus_files.DEFAULT_FOLDER
    planned = reviewing.plan(decisions, folder, ids, overwrite=overwrite, majority=settled_by == "majority", exports=exports)
    agreement = reviewing.agreement(decisions, ids)
    scored = _on_random(model, reviewing.random_rows(decisions, planned)) if model else ""
    jsonl.write(out / "review.jsonl", planned.rows())
    (out / "agreement.json").write_text(json.dumps(agreement, indent=1), encoding="utf8")
    labelstudio.write(planned.disagreements, entries, out / "to-settle", names)  # also where none is left: those of before are gone
    if not dry_run:
        reviewing.apply(planned)
    print(f"{reviewing.describe(agreement)}\n\n{planned.describe()}")
    if planned.disagreements:
        print(f"{out / 'to-settle'}: tasks that settle the disagreements; review their export together with these")
    if scored:
        print(scored)
    if planned.counts["conflict"]:
        raise typer.Exit(1)


def _on_random(model: str, rows: list[Any]) -> str:
    from cooptag import Tagger
    from cooptag_training import evaluate

    if not rows:
        return "no decided sentence was drawn at random: nothing to score the model on without bias"
    micro = evaluate.evaluate(Tagger.load(model), rows)[0]["micro"]
    return f"{model} on the {len(rows)} sentences drawn at random: micro-F1 {micro['f1']:.3f} ({micro['low']:.3f} to {micro['high']:.3f})"


def area_entries(areas: Path | None) -> Any:
    """The entries of an area file, by default the project's."""
    from cooptag_training import areas as area_file

    return area_file.load(areas or area_file.DEFAULT_FILE)


def _articles(corpus: Path | None, entries: Any) -> Any:
    """The articles of a corpus folder, labelled with the areas of `entries`; it may hold none yet."""
    from cooptag_training import corpus as corpus_files

    folder = corpus or corpus_files.DEFAULT_FOLDER
    if folder.is_dir() and not any(folder.glob("*/*.txt")):
        return []
    return corpus_files.load(folder, {entry.area.id for entry in entries})


@app.command()
def migrate(
    areas: Annotated[Path, typer.Option(help="Area file as it is now")],
    old: Annotated[Path, typer.Option("--from", help="Area file that the corpus was labelled with")],
    out: Annotated[Path, typer.Option(help="Corpus folder to write, new or empty; what a person must decide goes to OUT.tasks")],
    corpus: CorpusOption = None,
    rename: Annotated[list[str] | None, typer.Option(help="OLD=NEW: an area that has another id now")] = None,
    merge: Annotated[list[str] | None, typer.Option(help="A,B=C: areas that became one; C may be one of them")] = None,
    split: Annotated[list[str] | None, typer.Option(help="A=B,C: an area that became several; a person says which")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="A: an area that is gone; its label is taken away")] = None,
    model: Annotated[str | None, typer.Option(help="Model of the new areas, as of `fit --warm-start`, that looks for added ones")] = None,
    candidates: Annotated[int, typer.Option(help="Sentences that the model may name for each added area", min=0)] = 100,
    names: NamesOption = "en",
) -> None:
    """Rewrites a corpus for a changed area file where that is certain, and writes tasks for `review` where a person must decide.

    Example: [bold]cooptag-train migrate --areas new.yaml --from old.yaml --split energy=power,oil_gas --out corpus-2[/bold]
    Then: [bold]cooptag-train fit --warm-start runs/old.work --migration corpus-2/migration.json …[/bold]
    """
    from cooptag_training import areas as area_file
    from cooptag_training import corpus as corpus_files
    from cooptag_training import labelstudio
    from cooptag_training import migrate as migrating

    lists = (rename or [], merge or [], split or [], drop or [])
    migration = migrating.steps(area_file.load(old), area_file.load(areas), *lists)
    planned = migrating.plan(migration, corpus or corpus_files.DEFAULT_FOLDER, out)
    added = [entry for entry in migration.new if entry.area.id in migration.made("add")]
    score = _scores_of(model, [entry.area.id for entry in added]) if model and added else None
    found = migrating.candidates(planned.kept, added, score, candidates, model or "") if added else []
    tasks = out.with_name(f"{out.name}.tasks")
    if tasks.exists():
        raise UsageError(f"{tasks}: exists already; it may hold work, remove it or choose another --out")
    if planned.waiting or found:
        labelstudio.write([*planned.waiting, *found], migration.new, tasks, names)
    migrating.write(planned)
    print(migrating.describe(planned, found))
    if planned.waiting or found:
        print(f"{tasks}: tasks for a person; send the answers back by `cooptag-train review EXPORT --corpus {out} --areas {areas}`")


def _scores_of(model: str, ids: list[str]) -> Any:
    from cooptag import Tagger

    tagger = Tagger.load(model)
    if unknown := [id_ for id_ in ids if id_ not in tagger.decoder.areas]:
        raise UsageError(f"--model {model}: does not know {unknown[0]!r}; name one that `fit --warm-start` made of the new areas")
    columns = [tagger.decoder.areas.index(id_) for id_ in ids]
    return lambda texts: tagger.decoder.scores(tagger.logits(texts))[:, columns]


@app.command()
def mappings(
    model: Annotated[str | None, typer.Option(help="Model whose areas are mapped too \\[default: those that a person gave alone]")] = None,
    labels: Annotated[Path | None, typer.Option(help="JSONL of text, lang, areas, and the codes of each scheme")] = None,
) -> None:
    """Measures how well the areas predict SDGs, OECD-DAC sectors and Comparative Agendas topics, by the files in configs/mappings.

    Example: [bold]cooptag-train mappings --model small[/bold]
    """
    from cooptag_training import mappings as measuring

    print(measuring.describe(measuring.measure(labels or measuring.DEFAULT_LABELS, model)))
