"""The command line: argument parsing and printing, nothing else."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cooptag.errors import CooptagError, InputError, UsageError

if TYPE_CHECKING:
    from cooptag.tagger import Tagger
    from cooptag.types import TaggedSentence

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

ModelOption = Annotated[str | None, typer.Option("--model", envvar="COOPTAG_MODEL", help="Model folder or name [default: cooptag-small]")]
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
    all_scores: Annotated[bool, typer.Option("--all-scores", help="Also the score of every area")] = False,
) -> None:
    """Splits a text into sentences and tags them; of several files each on its own.

    Example: [bold]cooptag tag article.txt --names en[/bold], or [bold]cat article.txt | cooptag tag - --json[/bold]
    """
    from cooptag.tagger import Tagger
    from cooptag.text import LANGUAGES

    if lang is not None and lang not in LANGUAGES:
        raise UsageError(f"--lang is {lang!r}; expected one of {', '.join(LANGUAGES)}")
    files = files or ["-"]
    articles = [_read(file) for file in files]
    tagger = Tagger.load(model, device)
    labels = tagger.names(names) if names else None
    for file, article in zip(files, articles, strict=True):
        sentences = _tag_lines(tagger, article, lang, all_scores) if no_split else tagger.tag_article(article, lang, all_scores)
        title = file if len(articles) > 1 else None
        if as_json:
            _print_json_lines(sentences, labels, title)
        else:
            _print_sentences(tagger, sentences, labels, title)


def _print_json_lines(sentences: "list[TaggedSentence]", labels: dict[str, str] | None, file: str | None) -> None:
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


def _tag_lines(tagger: "Tagger", article: str, lang: str | None, all_scores: bool) -> "list[TaggedSentence]":
    """Each line that is not blank as one sentence, offsets into the whole input."""
    from dataclasses import replace

    lines, start = [], 0
    for line in article.splitlines(keepends=True):
        if body := line.strip():
            lines.append((start + line.index(body), body))
        start += len(line)
    tagged = tagger.tag([body for _, body in lines], lang, all_scores)
    return [replace(t, start=at, end=at + t.end) for (at, _), t in zip(lines, tagged, strict=True)]


def _print_sentences(tagger: "Tagger", sentences: "list[TaggedSentence]", labels: dict[str, str] | None, file: str | None) -> None:
    from rich.console import Console
    from rich.text import Text

    from cooptag.text import clean_for_terminal

    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    pillars = {area.id: area.pillar for area in tagger.areas}
    known = {code for area in tagger.areas for code in area.names}
    if file is not None:
        console.print(Text(f"── {clean_for_terminal(file)}", style="bold"))
    for sentence in sentences:
        console.print(Text(clean_for_terminal(sentence.text), style="" if sentence.areas else "dim"))
        shown = labels or tagger.names(sentence.lang if sentence.lang in known else "en")
        chips = Text("  ")
        for area in sentence.areas:
            style = PILLAR_STYLES.get(pillars[area.id], OTHER_STYLE)
            label = f"{clean_for_terminal(shown[area.id])} {area.score:.2f}"
            chips.append(f" {label} " if console.is_terminal else f"[{label}]", style)
            chips.append(" ")
        if sentence.truncated:
            chips.append("(end not read: longer than the model's window) ", "yellow")
        if sentence.error:
            chips.append(f"(not tagged: {sentence.error})", "bold red")
        if chips.plain.strip():
            console.print(chips)
    tagged = sum(bool(s.areas) for s in sentences)
    found = {area.id for s in sentences for area in s.areas}
    print(f"{len(sentences)} sentences, {tagged} tagged, {len(found)} areas", file=sys.stderr)


@app.command()
def info(model: ModelOption = None, device: DeviceOption = "auto") -> None:
    """Shows which model is loaded, where it runs, and how it was made. Example: [bold]cooptag info[/bold]"""
    from cooptag import __version__
    from cooptag.tagger import Tagger

    _print_json({"cooptag": __version__, **Tagger.load(model, device).info()})


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
