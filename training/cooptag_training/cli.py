"""The command line of the training side: argument parsing and printing, nothing else."""

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
import yaml

from cooptag.cli import run
from cooptag.errors import UsageError
from cooptag_training import cli_labels
from cooptag_training.cli_labels import AreasOption, CorpusOption, area_entries
from cooptag_training.tracking import DEFAULT_STORE

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")

corpus_app = typer.Typer(no_args_is_help=True, help="Measures the labelled corpus and holds it against its rules.")
app.add_typer(corpus_app, name="corpus")
app.add_typer(cli_labels.app)

TrackOption = Annotated[str, typer.Option("--tracking", envvar="MLFLOW_TRACKING_URI", help="MLflow store, or off to track nothing")]
DataOption = Annotated[Path, typer.Option("--data", help="Dataset folder of `build`, or JSONL of text and labels")]
ConfigOption = Annotated[Path, typer.Option("--config", help="Recipe")]
GoalOption = Annotated[
    str | None, typer.Option("--goal", help="What thresholds serve: f1, precision=0.9, recall=0.9 \\[default: the recipe's]")
]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="Override one key of the recipe, as in epochs=2 or augment.join=0.5")]
DEFAULT_RECIPE = Path("configs/train.yaml")


@app.callback()
def root() -> None:
    """Builds the dataset, trains, evaluates and exports cooptag models."""


@app.command()
def build(
    out: Annotated[Path, typer.Option(help="Dataset folder to write")] = Path("data/cooptag"),
    corpus: Annotated[Path | None, typer.Option(help="Corpus folder \\[default: training/corpus]")] = None,
    areas: AreasOption = None,
    seed: Annotated[int, typer.Option(help="Decides the split")] = 13,
    forbid: Annotated[list[Path] | None, typer.Option(help="JSONL whose texts must not occur in the corpus")] = None,
) -> None:
    """Builds a `datasets` folder from the labelled corpus: schema check, split, leak check, card, hash.

    Example: [bold]cooptag-train build --out data/cooptag[/bold]
    """
    from cooptag_training import areas as area_file
    from cooptag_training import corpus as corpus_files
    from cooptag_training import pipeline

    data = pipeline.build(corpus or corpus_files.DEFAULT_FOLDER, areas or area_file.DEFAULT_FILE, out, seed, forbid or [])
    for split in ("train", "validation", "test"):
        print(f"{split:<11}{len(data.part(split)):>6} sentences")
    print(f"{out}: hash {data.digest}")


@app.command()
def fit(
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Model folder to write")],
    config: ConfigOption = DEFAULT_RECIPE,
    areas: AreasOption = None,
    goal: GoalOption = None,
    set_: SetOption = None,
    tracking: TrackOption = DEFAULT_STORE,
    teacher: Annotated[str | None, typer.Option(help="Model folder or name whose scores are learned: the new model is its student")] = None,
    unlabelled: Annotated[list[Path] | None, typer.Option(help="JSONL of text that the teacher reads out for its student")] = None,
    forbid: Annotated[list[Path] | None, typer.Option(help="JSONL whose texts must not be learned from")] = None,
    start: Annotated[Path | None, typer.Option(help="Work folder, OUT.work, that a student starts from")] = None,
    warm_start: Annotated[Path | None, typer.Option(help="Work folder, OUT.work, to start from, also of other areas")] = None,
    migration: Annotated[Path | None, typer.Option(help="How its areas became the new ones: migration.json of `migrate`")] = None,
) -> None:
    """Trains a model and writes its folder, ready for `cooptag tag --model`. Run again, it goes on where it was stopped.

    Example: [bold]cooptag-train fit --data data/cooptag --out runs/mine[/bold]
    A student: [bold]cooptag-train fit --data data/cooptag --config configs/train-nano.yaml --teacher small --out runs/nano[/bold]
    Anybody's labels: [bold]cooptag-train fit --data mine.jsonl --config configs/train-tiny.yaml --out runs/mine[/bold]
    New areas: [bold]cooptag-train fit --data data/new --areas new.yaml --warm-start runs/old.work --set epochs=1 --out runs/new[/bold]
    """
    from cooptag_training import pipeline, warm_starts
    from cooptag_training import tracking as track

    if (warm_start is None and migration) or (warm_start and teacher):
        raise UsageError("--migration goes with --warm-start, and --warm-start without --teacher (a student starts from its --start)")
    recipe, loaded = _loaded(config, _with_goal(set_, goal), data, areas)
    teaching = _teaching(teacher, unlabelled or [], forbid or [], start)
    warm = warm_starts.WarmStart(warm_start, migration) if warm_start else None
    report = pipeline.fit(recipe, loaded, out, track.make(tracking), teaching, warm)
    if not report:
        return  # a process of several that is not the main one
    _show(report)
    print(f"\n{out}: try it with  cooptag tag --model {out} FILE", file=sys.stderr)


def _teaching(teacher: str | None, unlabelled: list[Path], forbid: list[Path], start: Path | None) -> Any:
    from cooptag_training.distill import Teaching

    if teacher is not None:
        return Teaching(teacher, tuple(unlabelled), tuple(forbid), start)
    if unlabelled or forbid or start:
        raise UsageError("--unlabelled, --forbid and --start are a student's; name its --teacher")
    return None


@app.command()
def export(
    work: Annotated[Path, typer.Argument(help="Work folder that `fit` left, OUT.work")],
    data: Annotated[Path, typer.Option(help="The data it was trained on")],
    out: Annotated[Path, typer.Option(help="Model folder to write")],
    config: ConfigOption = DEFAULT_RECIPE,
    areas: AreasOption = None,
    goal: GoalOption = None,
    set_: SetOption = None,
    tracking: TrackOption = DEFAULT_STORE,
    teacher: Annotated[str | None, typer.Option(help="A student's teacher, named again")] = None,
) -> None:
    """Exports a trained model again, as with another precision.

    Example: [bold]cooptag-train export runs/mine.work --data data/cooptag --out runs/fp32 --set export_precision=fp32[/bold]
    """
    from cooptag_training import pipeline
    from cooptag_training import tracking as track

    recipe, loaded = _loaded(config, _with_goal(set_, goal), data, areas)
    _show(pipeline.export_work(work, recipe, loaded, out, track.make(tracking), teacher))


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="Model folder or name, or models:/NAME/VERSION of MLflow's registry")],
    data: Annotated[Path, typer.Argument(help="Dataset folder, or JSONL of text and labels (or areas)")],
    split: Annotated[str, typer.Option(help="Which split of a dataset folder")] = "test",
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole report as JSON")] = False,
    errors: Annotated[
        Path | None, typer.Option(help="Write every wrong sentence to this JSONL, worst first; with --champion those that flipped")
    ] = None,
    champion: Annotated[
        str | None, typer.Option(help="Hold MODEL against this one, as models:/cooptag@champion: better, no worse or worse")
    ] = None,
    promote: Annotated[bool, typer.Option("--promote", help="Move the champion's alias to MODEL unless it is worse (exit code 2)")] = False,
    tracking: Annotated[
        str | None,
        typer.Option(envvar="MLFLOW_TRACKING_URI", help="MLflow store \\[default: off; with --champion sqlite:///mlflow.db]"),
    ] = None,
) -> None:
    """Scores a saved model folder the way it serves: micro, macro, by area and language, calibration, intervals.

    Example: [bold]cooptag-train evaluate cooptag-small data/cooptag --split test[/bold]
    Promotion: [bold]cooptag-train evaluate runs/mine data/cooptag --champion models:/cooptag@champion --promote[/bold]
    """
    from cooptag_training import evaluate as scoring
    from cooptag_training import jsonl
    from cooptag_training import promote as promoting
    from cooptag_training import tracking as track

    if champion is not None:
        _challenge(model, champion, data, split, tracking or DEFAULT_STORE, promote, as_json, errors)
        return
    if promote:
        raise UsageError("--promote goes with --champion, as in --champion models:/cooptag@champion")
    tracker = track.make(tracking or track.OFF, required=True)
    tagger, rows = promoting.load(model, tracking), scoring.read_rows(data, split)
    report, wrong = scoring.evaluate(tagger, rows)
    _warn_if_seen(model, tagger, data, split)
    if errors is not None:
        jsonl.write(errors, wrong)
    print(json.dumps(report, indent=1)) if as_json else _show(report)
    promoting.record_evaluation(tracker, model, tagger, data, rows, (report, wrong))


def _challenge(
    model: str, champion: str, data: Path, split: str, store: str, promote: bool, as_json: bool, flips: Path | None
) -> None:  # fmt: skip
    from cooptag_training import evaluate as scoring
    from cooptag_training import jsonl
    from cooptag_training import promote as promoting
    from cooptag_training import tracking as track

    if promote:
        promoting.check_movable(champion, model)
        if data.is_dir() and split != "test":
            raise UsageError(f"--split is {split!r}, which models are made from; --promote goes by test, or by a JSONL of other text")
    first, second = ((name, promoting.load(name, store)) for name in (champion, model))
    tracker = track.make(store, required=True)
    for name, tagger in (first, second):
        _warn_if_seen(name, tagger, data, split)
    comparison = promoting.compare(first, second, scoring.read_rows(data, split))
    print(json.dumps(promoting.to_dict(comparison), ensure_ascii=False, indent=1) if as_json else promoting.describe(comparison))
    if flips is not None:
        jsonl.write(flips, promoting.flips(comparison))
    run_id = promoting.record(tracker, comparison, data)
    if promote:
        print(promoting.promote(comparison, store, run_id), file=sys.stderr)


def _warn_if_seen(model: str, tagger: Any, data: Path, split: str) -> None:
    from cooptag_training import evaluate as scoring

    if scoring.may_have_seen(tagger, data):
        print(
            f"warning: {data} is not what {model} was trained on (hash {tagger.folder.manifest.data_hash[:12]}…): its {split} split may "
            "hold articles that the model has seen; scores may be too high",
            file=sys.stderr,
        )
    elif data.is_dir() and split != "test":
        print(f"warning: {model} was made from the {split} split of {data}; scores may be too high", file=sys.stderr)


@app.command()
def register(
    model: Annotated[str, typer.Argument(help="Model folder, name or size")],
    name: Annotated[str, typer.Option(help="Registered model")] = "cooptag",
    alias: Annotated[str, typer.Option(help="Alias to set to its version, as challenger")] = "champion",
    force: Annotated[bool, typer.Option("--force", help="Take the alias champion away from another version, unevaluated")] = False,
    tracking: TrackOption = DEFAULT_STORE,
) -> None:
    """Puts a model folder into MLflow's registry and sets an alias to its version; the same folder twice is one version.

    Example: [bold]cooptag-train register runs/mine --alias challenger[/bold]
    Then: [bold]cooptag tag --model models:/cooptag@challenger article.txt[/bold]
    """
    from cooptag.artifact import find
    from cooptag_training import registry

    done = registry.register(tracking, find(model), name, alias, force)
    what = "registered" if done.made else "is there already"
    print(f"models:/{name}/{done.version} {what}, models:/{name}@{alias} is version {done.version}")


@app.command()
def audit(
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Folder for errors.jsonl, duplicates.jsonl, guide.jsonl, the tasks of all, and the folds")],
    only: Annotated[list[str] | None, typer.Option(help="Only errors (trains models), duplicates or guide \\[default: all]")] = None,
    config: ConfigOption = DEFAULT_RECIPE,
    folds: Annotated[int, typer.Option(help="Models to train for the errors, each without one fold", min=2)] = 3,
    areas: AreasOption = None,
    set_: SetOption = None,
) -> None:
    """Lists labels that are likely wrong, for a person to settle by `review`: against models that never saw them, each other, the guide.

    Example: [bold]cooptag-train audit --data data/cooptag --out runs/audit --set epochs=2[/bold]
    In seconds: [bold]cooptag-train audit --data data/cooptag --out runs/audit --only guide[/bold]
    """
    from cooptag_training import audit as auditing
    from cooptag_training import jsonl, labelstudio

    if unknown := sorted(set(only or ()) - set(auditing.LISTS)):
        raise UsageError(f"--only is {unknown[0]!r}; expected one of {', '.join(auditing.LISTS)}")
    recipe, loaded = _loaded(config, set_, data, areas)
    entries = area_entries(areas)
    found = {}
    for name in only or auditing.LISTS:
        if name == "errors":
            scores = auditing.out_of_fold(recipe, loaded, folds, out)
            print(f"out-of-fold micro-F1 {auditing.micro_f1(loaded, scores):.3f} at 0.5")
            found[name] = auditing.suspects(loaded.rows, loaded.labels, scores)
        else:
            found[name] = auditing.duplicates(loaded.rows) if name == "duplicates" else auditing.against_guide(loaded.rows, entries)
        jsonl.write(out / f"{name}.jsonl", (suspect.record() for suspect in found[name]))
        print(f"{name:<11}{len(found[name]):>6} of {len(loaded.rows)} sentences to read: {out / name}.jsonl")
    tasks = auditing.tasks([suspect for suspects in found.values() for suspect in suspects])
    if tasks and set(loaded.labels) <= {entry.area.id for entry in entries}:
        labelstudio.write(tasks, entries, out / "tasks")
        print(f"{out / 'tasks'}: {len(tasks)} tasks; send the answers back by `cooptag-train review EXPORT`")


@app.command()
def curve(
    data: Annotated[Path, typer.Option(help="Dataset folder of `build`")],
    scored: Annotated[Path, typer.Option(help="JSONL of text and labels to score each model on")],
    out: Annotated[Path, typer.Option(help="Folder for the models and results")],
    config: ConfigOption = DEFAULT_RECIPE,
    share: Annotated[list[float] | None, typer.Option(help="Share of the training data, several \\[default: 0.12 0.25 0.5 1]")] = None,
    frozen: Annotated[bool, typer.Option(help="A logistic regression on the pretrained encoder: minutes instead of hours")] = False,
    active: Annotated[bool, typer.Option("--active", help="Shares of sentences, at random and as `suggest` chooses them")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Only these variants, as in '50%' or 'without vi'")] = None,
    areas: AreasOption = None,
    set_: SetOption = None,
    tracking: TrackOption = DEFAULT_STORE,
) -> None:
    """Learning curve and ablations: the recipe on shares of the data, without hard «none», without each language group.

    Example: [bold]cooptag-train curve --data data/cooptag --scored real.jsonl --out runs/curve --set epochs=2[/bold]
    """
    from cooptag_training import active as selecting
    from cooptag_training import curve as study
    from cooptag_training import evaluate as scoring
    from cooptag_training import tracking as track

    recipe, loaded = _loaded(config, set_, data, areas)
    known = None
    if active:
        known = study.vectors(recipe, loaded.rows)
        todo = selecting.variants(recipe, loaded, known, share or (0.1, 0.2, 0.3, 0.4, 0.5, 1.0))
    else:
        todo = study.variants(loaded, share or (0.12, 0.25, 0.5, 1.0), recipe.seed)
    if unknown := sorted(set(only or ()) - {variant.name for variant in todo}):
        raise UsageError(f"--only is {unknown[0]!r}; expected one of {', '.join(repr(variant.name) for variant in todo)}")
    todo = [variant for variant in todo if not only or variant.name in only]
    rows, tracker = scoring.read_rows(scored), track.make(tracking)
    results = study.run_frozen(recipe, todo, rows, tracker, known) if frozen else study.run(recipe, todo, rows, out, tracker)
    print(study.describe(results))


@app.command()
def languages(
    model: Annotated[str, typer.Argument(help="Model folder or name")] = "cooptag-small",
    parallel: Annotated[Path | None, typer.Option(help="Parallel sentences \\[default: training/parallel.jsonl]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON")] = False,
    tracking: TrackOption = "off",
) -> None:
    """Tags the same sentences in each language: scores, agreement between languages, and where it fails.

    Example: [bold]cooptag-train languages cooptag-small[/bold]
    """
    from cooptag import Tagger
    from cooptag_training import consistency
    from cooptag_training import tracking as track

    result = consistency.measure(Tagger.load(model), consistency.load(parallel or consistency.DEFAULT_FILE))
    tracker = track.make(tracking)
    with tracker.run(f"languages {model}", {"model": model}):
        tracker.metrics({"language_agreement": result["agreement"], "language_same": result["same"]})
        tracker.table("languages", result["languages"])
    print(json.dumps(result, ensure_ascii=False, indent=1) if as_json else consistency.describe(result))


@app.command()
def faithfulness(
    model: Annotated[str, typer.Argument(help="Model folder or name")],
    data: Annotated[Path, typer.Argument(help="Dataset folder, or JSONL of text and labels")],
    split: Annotated[str, typer.Option(help="Which split of a dataset folder")] = "test",
) -> None:
    """Deletes the words that `--explain` shows for each tag: how far the score falls, beside as many words at random.

    Example: [bold]cooptag-train faithfulness cooptag-small data/cooptag[/bold]
    """
    from cooptag import Tagger
    from cooptag_training import consistency
    from cooptag_training import evaluate as scoring

    found = consistency.faithfulness(Tagger.load(model), scoring.read_rows(data, split))
    print(f"{found['tags']:.0f} tags; evidence is {found['evidence_share']:.0%} of the sentence")
    print(f"mean score {found['score']:.2f}; without the evidence {found['without']:.2f}, without as much at random {found['random']:.2f}")
    print(f"tags lost without the evidence {found['lost_without']:.0%}, without as much at random {found['lost_random']:.0%}")


@app.command()
def compare(
    data: DataOption,
    scored: Annotated[Path, typer.Option(help="JSONL of text and labels to score on")],
    out: Annotated[Path, typer.Option(help="Folder for results and predictions")],
    model: Annotated[
        list[str] | None,
        typer.Option(help="Model folder or name; several joined by commas are one system's seeds \\[default: cooptag-small]"),
    ] = None,
    peer: Annotated[list[str] | None, typer.Option(help="Only these peers \\[default: all that can run here]")] = None,
    seeds: Annotated[int, typer.Option(help="Trainings of each peer that draws random numbers", min=1)] = 3,
    budget: Annotated[int, typer.Option(help="Rows that a fine-tuned peer may read, repeats counted", min=64)] = 100_000,
    tlmtc_python: Annotated[str, typer.Option(help="Python (3.12 or newer) of an environment with tlmtc[train,predict]")] = sys.executable,
    config: ConfigOption = DEFAULT_RECIPE,
    areas: AreasOption = None,
    set_: SetOption = None,
    tracking: TrackOption = DEFAULT_STORE,
) -> None:
    """Trains the peers on the same data, tunes thresholds alike, and scores all on the same sentences; what is kept is not made again.

    Example: [bold]cooptag-train compare --data data/cooptag --scored real.jsonl --out runs/compare[/bold]
    """
    from cooptag_training import baselines
    from cooptag_training import compare as comparing
    from cooptag_training import evaluate as scoring
    from cooptag_training import tracking as track

    if unknown := sorted(set(peer or ()) - set(baselines.PEERS)):
        raise UsageError(f"--peer is {unknown[0]!r}; expected one of {', '.join(map(repr, baselines.PEERS))}")
    recipe, loaded = _loaded(config, set_, data, areas)
    setting = baselines.Setting(recipe, loaded, recipe.seed, budget, tlmtc_python)
    numbers = range(recipe.seed, recipe.seed + seeds)
    models = model or ["cooptag-small"]
    lacking = {name: lack for name in peer or baselines.PEERS if (lack := baselines.missing(name, setting))}
    for name, lack in lacking.items():
        if peer:
            raise UsageError(f"--peer {name!r}: {lack}")
        print(f"without {name}: {lack}", file=sys.stderr)
    chosen = [name for name in peer or baselines.PEERS if name not in lacking]
    table = comparing.run(setting, chosen, numbers, models, scoring.read_rows(scored), out, track.make(tracking))
    print(comparing.describe(table))


@app.command()
def flips(
    first: Annotated[Path, typer.Argument(help="Predictions of one run, a .jsonl that `compare` wrote")],
    second: Annotated[Path, typer.Argument(help="Predictions of another")],
) -> None:
    """Which sentences flipped between two runs: areas that the second mended and broke against the first, as JSON lines.

    Example: [bold]cooptag-train flips runs/compare/tf-idf-13.jsonl runs/compare/cooptag-small.jsonl[/bold]
    """
    from cooptag_training import compare as comparing

    for row in comparing.flips(first, second):
        print(json.dumps(row, ensure_ascii=False))


@corpus_app.command("stats")
def corpus_stats(
    corpus: CorpusOption = None,
    areas: AreasOption = None,
    beside: Annotated[Path | None, typer.Option(help="JSONL of labelled sentences to show shapes beside")] = None,
    against: Annotated[list[Path] | None, typer.Option(help="JSONL of English text to tell the English sentences from")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON")] = False,
) -> None:
    """Counts, shapes, repetition, vocabulary growth, keyword share, and what tells the corpus from other text.

    Example: [bold]cooptag-train corpus stats --beside real.jsonl --against speeches.jsonl[/bold]
    """
    from cooptag_training import stats

    articles, entries = _corpus(corpus, areas)
    measured = stats.measure(articles, entries, beside, against or [])
    print(json.dumps(measured, ensure_ascii=False, indent=1) if as_json else stats.describe(measured))


@corpus_app.command("check")
def corpus_check(
    corpus: CorpusOption = None,
    areas: AreasOption = None,
    rules: Annotated[Path | None, typer.Option(help="Rules \\[default: configs/corpus.yaml]")] = None,
    against: Annotated[list[Path] | None, typer.Option(help="JSONL of English text that the corpus must not be told from too well")] = None,
    translations: Annotated[bool, typer.Option(help="Search translated sentences too, with the pretrained encoder (minutes)")] = True,
) -> None:
    """Holds the corpus against the rules of configs/corpus.yaml; exit code 2 if one fails. Separability needs --against.

    Example: [bold]cooptag-train corpus check --against speeches.jsonl[/bold]
    """
    from cooptag_training import agreement, stats
    from cooptag_training import corpus as corpus_files
    from cooptag_training import fit as fitting
    from cooptag_training import rules as rule_file

    limits = rule_file.load(rules or rule_file.DEFAULT_FILE)
    articles, entries = _corpus(corpus, areas)
    readings = agreement.load((corpus or corpus_files.DEFAULT_FOLDER) / agreement.FILE_NAME, [entry.area.id for entry in entries])
    texts = [s.text for article in articles for s in article.sentences]
    vectors = fitting.sentence_vectors(texts) if translations else None
    others = {str(file): stats.foreign_sentences(file) for file in against or ()}
    findings = rule_file.check(rule_file.Corpus(articles, entries, readings, vectors, others), limits)
    print("\n".join(rule_file.describe(findings)))
    rule_file.require(findings)


@corpus_app.command("agreement")
def corpus_agreement(
    corpus: CorpusOption = None,
    areas: AreasOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON")] = False,
) -> None:
    """How far two readers of the same sentences agree: micro-F1 and Krippendorff's alpha, by language and area.

    Example: [bold]cooptag-train corpus agreement[/bold]
    """
    from cooptag_training import agreement
    from cooptag_training import corpus as corpus_files

    ids = [entry.area.id for entry in area_entries(areas)]
    result = agreement.report(agreement.load((corpus or corpus_files.DEFAULT_FOLDER) / agreement.FILE_NAME, ids), ids)
    print(json.dumps(result, indent=1) if as_json else agreement.describe(result))


def _corpus(folder: Path | None, areas: Path | None) -> Any:
    """The articles of a corpus folder and the entries of its area file."""
    from cooptag_training import corpus as corpus_files

    entries = area_entries(areas)
    return corpus_files.load(folder or corpus_files.DEFAULT_FOLDER, {entry.area.id for entry in entries}), entries


def _with_goal(overrides: list[str] | None, goal: str | None) -> list[str]:
    return [*(overrides or []), *([f"goal={goal}"] if goal else [])]


def _loaded(config: Path, overrides: list[str] | None, data: Path, areas: Path | None) -> tuple[Any, Any]:
    """The recipe with its overrides, and the data that it trains on."""
    from cooptag_training import pipeline

    recipe = _recipe(config, overrides)
    return recipe, pipeline.load_data(data, areas, recipe.seed)


def _recipe(config: Path, overrides: list[str] | None) -> Any:
    from cooptag_training import config as recipes

    values = recipes.load(config).model_dump()
    for override in overrides or []:
        key, equals, value = override.partition("=")
        if not equals:
            raise UsageError(f"--set is {override!r}; expected key=value, as in epochs=2")
        group, _, name = key.rpartition(".")
        target = values.get(group) if group else values
        if not isinstance(target, dict):
            raise UsageError(f"--set {override!r}: there is no group {group!r}; expected a key of {config}")
        try:
            target[name] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(f"--set {override!r}: {value!r} is no YAML value ({type(error).__name__})") from error
    return recipes.parse(values, f"{config} with --set")


def _show(report: dict[str, Any]) -> None:
    from cooptag_training import evaluate as scoring

    print(scoring.describe(report))


def main() -> NoReturn:
    """Entry point of `cooptag-train`."""
    if importlib.util.find_spec("torch") is None:
        print(
            "cooptag-train: the training libraries are not installed; run `pip install 'cooptag[train]'`",
            file=sys.stderr,
        )
        sys.exit(2)
    # The rows are a few thousand: building them shows no bar.
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    run(app, "cooptag-train")
