"""The command line: argument parsing and printing, nothing else."""

import json
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cooptag.errors import CooptagError, InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console
    from rich.text import Text

    from cooptag.jobs.job import Outcome
    from cooptag.jobs.progress import Progress
    from cooptag.tagger import Tagger
    from cooptag.types import AreaScore, TaggedSentence

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
# One colour for each pillar of the label set; any other label set gets the last.
PILLAR_STYLES = {
    "political-security": "white on red3",
    "economic": "white on dodger_blue3",
    "sustainability": "white on green4",
    "socio-cultural": "white on medium_purple3",
}
OTHER_STYLE = "white on grey37"
MAX_INPUT_BYTES = 64_000_000

ModelOption = Annotated[
    str | None,
    typer.Option("--model", envvar="COOPTAG_MODEL", help="nano, small, auto, a folder, or models:/NAME@ALIAS of MLflow [default: small]"),
]
DeviceOption = Annotated[str, typer.Option("--device", envvar="COOPTAG_DEVICE", help="auto, cpu or cuda")]


@app.callback()
def root() -> None:
    """Tags each sentence of diplomatic news with the cooperation areas that it names."""


@app.command()
def tag(
    files: Annotated[list[str] | None, typer.Argument(metavar="[FILE | -]...", help="Text files in UTF-8, or - for standard input")] = None,
    model: ModelOption = None,
    lang: Annotated[str | None, typer.Option(help="The text's language, such as vi [default: detected]")] = None,
    device: DeviceOption = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line for each sentence")] = False,
    no_split: Annotated[bool, typer.Option("--no-split", help="Each line of the input is one sentence")] = False,
    names: Annotated[str | None, typer.Option(help="Area names in this language, such as en [default: the text's]")] = None,
    all_scores: Annotated[bool, typer.Option("--all-scores", help="Also the score of every area, and of none")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Each area's words in the sentence, and the nearest labelled ones")] = False,
    goal: Annotated[str | None, typer.Option(help="Thresholds for f1, precision=0.9 or recall=0.9 [default: f1]")] = None,
    threshold: Annotated[list[str] | None, typer.Option(help="A threshold for all areas, as 0.6, or for one, as climate=0.8")] = None,
) -> None:
    """Splits a text into sentences and tags them; of several files each on its own.

    Example: [bold]cooptag tag article.txt --names en[/bold], or [bold]cat article.txt | cooptag tag - --json[/bold]
    """
    from cooptag.tagger import Tagger, at_options

    _check_language(lang)
    files = files or ["-"]
    articles = [_read(file) for file in files]
    tagger = at_options(Tagger.load(model, device), goal, threshold or [])
    labels = tagger.names(names) if names else None
    tag_text = partial(_tag_lines, tagger) if no_split else tagger.stream_article
    for file, article in zip(files, articles, strict=True):
        sentences = tag_text(article, lang, all_scores, explain)
        title = file if len(articles) > 1 else None
        if as_json:
            _print_json_lines(sentences, labels, title)
        else:
            _print_sentences(tagger, sentences, labels, title)


def _print_json_lines(sentences: "Iterable[TaggedSentence]", labels: dict[str, str] | None, file: str | None) -> None:
    """One object a line; of several files each object says which."""
    for sentence in sentences:
        row = sentence.to_dict(labels)
        print(json.dumps(row if file is None else {"file": file, **row}, ensure_ascii=False))


def _read(file: str) -> str:
    """The text of a file or of standard input, byte-order mark removed; line ends are kept, offsets count them.

    :raises InputError: if it cannot be read, is too large or is not UTF-8.
    """
    name = "standard input" if file == "-" else file
    try:
        with sys.stdin.buffer if file == "-" else Path(file).open("rb") as stream:
            raw = stream.read(MAX_INPUT_BYTES + 1)
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror}); name a text file, or - for standard input") from error
    if len(raw) > MAX_INPUT_BYTES:
        raise InputError(f"{name}: is over {MAX_INPUT_BYTES // 1_000_000} MB; tag it in parts")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError(f"{name}: line {line} is not UTF-8 (byte {error.start}); convert it, as with `iconv -t UTF-8`") from error


def _tag_lines(tagger: "Tagger", article: str, lang: str | None, all_scores: bool, explain: bool) -> "Iterator[TaggedSentence]":
    """Each line that is not blank as one sentence, offsets into the whole input."""
    from dataclasses import replace

    lines, start = [], 0
    for line in article.splitlines(keepends=True):
        if body := line.strip():
            lines.append((start + line.index(body), body))
        start += len(line)
    tagged = tagger.stream((body for _, body in lines), lang, all_scores, explain)
    return (replace(t, start=at, end=at + t.end) for (at, _), t in zip(lines, tagged, strict=True))


def _print_sentences(tagger: "Tagger", sentences: "Iterable[TaggedSentence]", labels: dict[str, str] | None, file: str | None) -> None:
    from rich.console import Console
    from rich.text import Text

    from cooptag.text import clean_for_terminal

    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    pillars = {area.id: area.pillar for area in tagger.areas}
    known = {code for area in tagger.areas for code in area.names}
    if file is not None:
        console.print(Text(f"── {clean_for_terminal(file)}", style="bold"))
    count = tagged = doubtful = 0
    found: set[str] = set()
    for sentence in sentences:
        count, tagged, doubtful = count + 1, tagged + bool(sentence.areas), doubtful + sentence.uncertain
        found |= {area.id for area in sentence.areas}
        console.print(_marked(sentence))
        shown = labels or tagger.names(sentence.lang if sentence.lang in known else "en")
        chips = Text("  ")
        for area in sentence.areas:
            style = PILLAR_STYLES.get(pillars[area.id], OTHER_STYLE)
            label = f"{clean_for_terminal(shown[area.id])} {area.score:.2f}"
            chips.append(f" {label} " if console.is_terminal else f"[{label}]", style)
            chips.append(" ")
        if sentence.truncated:
            chips.append("(end not read: longer than the model's window) ", "yellow")
        if sentence.unsupported:
            chips.append(f"(language {sentence.unsupported}: not one of the model's, a guess) ", "yellow")
        if sentence.uncertain:
            chips.append("(uncertain: read it) ", "yellow")
        if sentence.error:
            chips.append(f"(not tagged: {sentence.error})", "bold red")
        if chips.plain.strip():
            console.print(chips)
        for area in sentence.areas:
            _print_evidence(console, area, clean_for_terminal(shown[area.id]))
    print(f"{count} sentences, {tagged} tagged, {len(found)} areas, {doubtful} uncertain", file=sys.stderr)


def _marked(sentence: "TaggedSentence") -> "Text":
    """The sentence for a terminal: dim without areas, the words that carried one bold where it is explained."""
    from rich.text import Text

    from cooptag.text import clean_for_terminal

    marked, at = Text(style="" if sentence.areas else "dim"), 0
    for start, end in sorted({(e.start, e.end) for area in sentence.areas for e in area.evidence or ()}):
        if start >= at:
            marked.append(clean_for_terminal(sentence.text[at:start]))
            marked.append(clean_for_terminal(sentence.text[start:end]), "bold underline")
            at = end
    marked.append(clean_for_terminal(sentence.text[at:]))
    return marked


def _print_evidence(console: "Console", area: "AreaScore", name: str) -> None:
    """The words that carried an area, its score without them, and the nearest labelled sentences."""
    from rich.text import Text

    from cooptag.text import clean_for_terminal

    if area.evidence is None:
        return
    words = " … ".join(clean_for_terminal(e.text) for e in area.evidence)
    console.print(Text(f"    {name}: “{words}”; without it {area.without:.2f}"))
    for example in area.nearest or ():
        console.print(Text(f"      like [{example.lang}] {clean_for_terminal(example.text)}", style="dim"))


@app.command()
def batch(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Files or folders of .txt .html .jsonl .csv .parquet, plain, .gz or .zst")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results; a job that was stopped goes on there")],
    model: ModelOption = None,
    device: DeviceOption = "auto",
    lang: Annotated[str | None, typer.Option(help="The texts' language [default: detected]")] = None,
    goal: Annotated[str | None, typer.Option(help="Thresholds for f1, precision=0.9 or recall=0.9 [default: f1]")] = None,
    threshold: Annotated[list[str] | None, typer.Option(help="A threshold for all areas, as 0.6, or for one, as climate=0.8")] = None,
    text_field: Annotated[str, typer.Option(help="Field or column of the text")] = "text",
    id_field: Annotated[str, typer.Option(help="Field of the id; rows without one are named by file and line")] = "id",
    date_field: Annotated[str, typer.Option(help="Field of the date (a year, 2026-03, 2026-03-09…), for the report")] = "date",
    no_split: Annotated[bool, typer.Option("--no-split", help="Each text, or line of a .txt, is one sentence")] = False,
    format: Annotated[str, typer.Option(help="jsonl, csv or parquet")] = "jsonl",
    raw_csv: Annotated[bool, typer.Option("--raw-csv", help="Write CSV cells such as =A1 as they are, not as '=A1")] = False,
    part_size: Annotated[float, typer.Option(help="MB of input for each part: what a stop can cost")] = 1.0,
    workers: Annotated[int, typer.Option(min=0, help="Processes [default: one for two cores]")] = 0,
    engine: Annotated[str, typer.Option(help="local or ray")] = "local",
    ray_address: Annotated[str | None, typer.Option(help="A Ray cluster, as head:6379 or auto [default: this machine]")] = None,
    retries: Annotated[int, typer.Option(min=0, help="How often a part is tried again whose worker died")] = 2,
    patience: Annotated[float, typer.Option(min=1, help="Seconds without a sign of life after which a worker is killed")] = 600,
    max_errors: Annotated[int | None, typer.Option(min=0, help="More rejected rows make exit code 1 [default: any number will do]")] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Drop the job that is in the folder")] = False,
    log_every: Annotated[float, typer.Option(min=0, help="Seconds between log lines where there is no terminal")] = 30,
) -> None:
    """Tags an archive: every sentence of every document into DIR/part-*, a summary beside them, _SUCCESS last.

    Example: [bold]cooptag batch news/ speeches.jsonl.gz --out tagged[/bold], then [bold]cooptag report tagged[/bold]
    """
    from cooptag.jobs import job
    from cooptag.jobs.plan import Engine, Options
    from cooptag.jobs.progress import Progress

    _check_language(lang)
    options = Options(
        text_field, id_field, date_field, not no_split, lang, goal, tuple(threshold or ()), format, not raw_csv, part_size
    )
    force = Engine(engine, workers, 0, retries, patience, ray_address)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with Progress(log_every) as progress:
        try:
            outcome = job.run(inputs, out, options, model, device, force, restart, progress.event)
        except (KeyboardInterrupt, SystemExit):
            how_far = f"{progress.done} of {progress.parts} parts are done" if progress.parts else "the input was being read"
            print(f"cooptag: stopped; {how_far}, the same command goes on", file=sys.stderr)
            raise
    _conclude(outcome, progress, out, max_errors)


def _check_language(lang: str | None) -> None:
    from cooptag.text import LANGUAGES

    if lang is not None and lang not in LANGUAGES:
        raise UsageError(f"--lang is {lang!r}; expected one of {', '.join(LANGUAGES)}")


def _conclude(outcome: "Outcome", progress: "Progress", out: Path, max_errors: int | None) -> None:
    """Says how a job ended; exit code 1 where parts failed, or more rows were rejected than are accepted."""
    if outcome.summary is None:
        for reason in outcome.failed:
            print(f"cooptag: {one_line(reason)}", file=sys.stderr)
        print(f"cooptag: {len(outcome.failed)} of {outcome.parts} parts failed; the same command tries them again", file=sys.stderr)
        sys.exit(1)
    from cooptag.jobs.job import REJECTED

    counts = outcome.summary["counts"]
    rejected = counts.get("rejected", 0)
    said = f"{counts.get('documents', 0):,} documents, {counts.get('sentences', 0):,} sentences, {counts.get('tagged', 0):,} with areas"
    listed = f" (reasons in {out / REJECTED})" if rejected else ""
    done = "was done before" if outcome.before else f"{outcome.written} of {outcome.parts} parts in {progress.seconds:.0f} s"
    print(f"{said}; rejected rows: {rejected:,}{listed}; {done}", file=sys.stderr)
    if max_errors is not None and rejected > max_errors:
        print(f"cooptag: {rejected} rows were rejected, --max-errors allows {max_errors}", file=sys.stderr)
        sys.exit(1)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a finished batch job")],
    names: Annotated[str, typer.Option(help="Area names in this language")] = "en",
) -> None:
    """Makes one page of a finished job, DIR/report.html: what is in it, over time, by country.

    Example: [bold]cooptag report tagged[/bold]
    """
    from cooptag.report import write

    print(write(folder, names))


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for every one of this machine")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free")] = 8000,
    model: ModelOption = None,
    device: DeviceOption = "auto",
    api_key_file: Annotated[
        Path | None, typer.Option(envvar="COOPTAG_API_KEY_FILE", help="File of a key that every request must bring [default: none]")
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="Name in the Host header that is answered to [default: on loopback its own, else any]")
    ] = None,
    allow_origin: Annotated[list[str] | None, typer.Option(help="Origin of a web page that may call, as https://desk.example")] = None,
    limit: Annotated[list[str] | None, typer.Option(help="Another limit of those in /info, as deadline_seconds=60")] = None,
) -> None:
    """Serves the tagger over HTTP, and a page to use it by; stops gently on Ctrl-C and SIGTERM.

    Example: [bold]cooptag serve[/bold], then open http://127.0.0.1:8000/
    """
    from cooptag.limits import with_options
    from cooptag.tagger import Tagger

    limits = with_options(limit or [])
    try:
        from cooptag.listen import serve as listen
    except ImportError as error:
        raise UsageError(f"`cooptag serve` needs {error.name}; run `pip install 'cooptag[serve]'`") from error
    key = _read_key(api_key_file) if api_key_file else ""
    code = listen(partial(Tagger.load, model, device), host, port, limits, key, tuple(allow_host or ()), tuple(allow_origin or ()))
    sys.exit(code)


def _read_key(file: Path) -> str:
    """:raises UsageError: unless the file holds one word of 16 characters or more that a header can carry."""
    try:
        key = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: the API key cannot be read ({type(error).__name__}); expected a file with one line of ASCII") from error
    if len(key) < 16 or not key.isprintable() or " " in key:
        raise UsageError(f"{file}: expected one key of at least 16 letters, digits and signs; make one with `openssl rand -hex 32`")
    return key


@app.command()
def info(model: ModelOption = None, device: DeviceOption = "auto") -> None:
    """Shows which model is loaded, where it runs, and how it was made. Example: [bold]cooptag info[/bold]"""
    from cooptag import __version__
    from cooptag.jobs.readers import LIMITS
    from cooptag.tagger import Tagger

    _print_json({"cooptag": __version__, **Tagger.load(model, device).info(), "batch_limits": LIMITS})


@app.command()
def verify(model: Annotated[str | None, typer.Argument(metavar="DIR", help="Model folder or name")] = None) -> None:
    """Checks every digest of a model folder and runs its golden texts. Example: [bold]cooptag verify[/bold]"""
    from cooptag.tagger import Tagger

    tagger = Tagger.load(model)
    difference = tagger.verify()
    print(f"{tagger.folder.path}: sound; {len(tagger.areas)} areas, golden logits within {difference:.2g}")


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def run(application: typer.Typer, name: str = "cooptag") -> NoReturn:
    """Runs a command line; a user's error becomes one line on standard error and its exit code.

    A closed pipe ends the program quietly; Ctrl-C gives 130.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # LANG=C must not break Vietnamese
            stream.reconfigure(encoding="utf8", errors="replace")
    try:
        application()
    except CooptagError as error:
        print(f"{name}: {one_line(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os._exit(0)  # the interpreter would complain once more while flushing
    except OSError as error:
        print(f"{name}: {one_line(str(error))}; check the path, its permissions and the disk", file=sys.stderr)
        sys.exit(2)
    sys.exit(0)


def one_line(message: str) -> str:
    """A message as one line that is safe to print on a terminal."""
    from cooptag.text import clean_for_terminal

    return clean_for_terminal(" ".join(message.split()))


def main() -> NoReturn:
    """Entry point of `cooptag`."""
    run(app)
