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

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")

TrackOption = Annotated[str, typer.Option("--tracking", envvar="MLFLOW_TRACKING_URI", help="MLflow store, or off to track nothing")]
AreasOption = Annotated[Path | None, typer.Option("--areas", help="Area file [default: configs/areas.yaml]")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="Override one key of the recipe, as in epochs=2 or augment.join=0.5")]
DEFAULT_STORE = "sqlite:///mlflow.db"


@app.callback()
def root() -> None:
    """Builds the dataset, trains, evaluates and exports cooptag models."""


@app.command()
def build(
    out: Annotated[Path, typer.Option(help="Dataset folder to write")] = Path("data/cooptag"),
    corpus: Annotated[Path | None, typer.Option(help="Corpus folder [default: training/corpus]")] = None,
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
    data: Annotated[Path, typer.Option(help="Dataset folder of `build`, or JSONL of text and labels")],
    out: Annotated[Path, typer.Option(help="Model folder to write")],
    config: Annotated[Path, typer.Option(help="Recipe")] = Path("configs/train.yaml"),
    areas: AreasOption = None,
    set_: SetOption = None,
    tracking: TrackOption = DEFAULT_STORE,
) -> None:
    """Trains a model and writes its folder, ready for `cooptag tag --model`. Run again, it goes on where it was stopped.

    Example: [bold]cooptag-train fit --data data/cooptag --out runs/mine[/bold]
    Anybody's labels: [bold]cooptag-train fit --data mine.jsonl --config configs/train-tiny.yaml --out runs/mine[/bold]
    """
    from cooptag_training import pipeline
    from cooptag_training import tracking as track

    recipe = _recipe(config, set_)
    loaded = pipeline.load_data(data, areas, recipe.seed)
    report = pipeline.fit(recipe, loaded, out, track.make(tracking))
    if not report:
        return  # a process of several that is not the main one
    _show(report)
    print(f"\n{out}: try it with  cooptag tag --model {out} FILE", file=sys.stderr)


@app.command()
def export(
    work: Annotated[Path, typer.Argument(help="Work folder that `fit` left, OUT.work")],
    data: Annotated[Path, typer.Option(help="The data it was trained on")],
    out: Annotated[Path, typer.Option(help="Model folder to write")],
    config: Annotated[Path, typer.Option(help="Recipe")] = Path("configs/train.yaml"),
    areas: AreasOption = None,
    set_: SetOption = None,
    tracking: TrackOption = DEFAULT_STORE,
) -> None:
    """Exports a trained model again, as with another precision.

    Example: [bold]cooptag-train export runs/mine.work --data data/cooptag --out runs/fp32 --set export_precision=fp32[/bold]
    """
    from cooptag_training import pipeline
    from cooptag_training import tracking as track

    recipe = _recipe(config, set_)
    loaded = pipeline.load_data(data, areas, recipe.seed)
    _show(pipeline.export_work(work, recipe, loaded, out, track.make(tracking)))


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="Model folder or name")],
    data: Annotated[Path, typer.Argument(help="Dataset folder, or JSONL of text and labels (or areas)")],
    split: Annotated[str, typer.Option(help="Which split of a dataset folder")] = "test",
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole report as JSON")] = False,
    errors: Annotated[Path | None, typer.Option(help="Write every wrong sentence to this JSONL, worst first")] = None,
    tracking: TrackOption = "off",
) -> None:
    """Scores a saved model folder the way it serves: micro, macro, by area and language, calibration, intervals.

    Example: [bold]cooptag-train evaluate cooptag-small data/cooptag --split test[/bold]
    """
    from cooptag import Tagger
    from cooptag_training import evaluate as scoring
    from cooptag_training import tracking as track

    report, wrong = scoring.evaluate(Tagger.load(model), scoring.read_rows(data, split))
    if errors is not None:
        errors.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in wrong), encoding="utf8")
    _track_evaluation(track.make(tracking), model, data, report)
    print(json.dumps(report, indent=1)) if as_json else _show(report)


def _track_evaluation(tracker: Any, model: str, data: Path, report: dict[str, Any]) -> None:
    with tracker.run(f"evaluate {data.name}", {"model": model, "data": str(data)}):
        tracker.metrics({f"micro_{key}": value for key, value in report["micro"].items()})
        tracker.metrics({"macro_f1": report["macro_f1"], "ece": report["ece"]})
        tracker.table("areas", report["areas"])
        tracker.table("languages", report["languages"])


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
