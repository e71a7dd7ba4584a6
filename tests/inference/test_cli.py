"""The command line as a shell sees it: output, exit codes, one-line errors."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = "The ministers met.\nThey agreed on climate cooperation.\n"


def run(*args: str, text: str | bytes = "", env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """One `cooptag` process, with the C locale and no colour terminal."""
    raw = text.encode("utf8") if isinstance(text, str) else text
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "inference"), "LANG": "C", **(env or {})}
    code = "from cooptag.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *args], input=raw, capture_output=True, env=environment, timeout=120)
    return subprocess.CompletedProcess(args, done.returncode, done.stdout.decode("utf8"), done.stderr.decode("utf8"))


@pytest.mark.parametrize("source", ["file", "stdin"])
@pytest.mark.parametrize("as_json", [True, False])
def test_tag_from_file_and_stdin(tiny_model: Path, tmp_path: Path, source: str, as_json: bool) -> None:
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf8")
    argument = str(tmp_path / "a.txt") if source == "file" else "-"
    done = run("tag", argument, "--model", str(tiny_model), *(["--json"] if as_json else []), text=TEXT if source == "stdin" else "")
    assert done.returncode == 0, done.stderr
    if as_json:
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert list(rows[0]) == ["start", "end", "text", "lang", "areas", "truncated"]
        assert [[a["id"] for a in row["areas"]] for row in rows] == [[], ["climate"]]
        assert all(TEXT[row["start"] : row["end"]] == row["text"] for row in rows)
    else:
        assert "They agreed on climate cooperation." in done.stdout
        assert "[Climate 0.95]" in done.stdout
        assert "\x1b" not in done.stdout


def test_several_files_are_tagged_each_on_its_own(tiny_model: Path, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(TEXT, encoding="utf8")
    files = [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]
    rows = [json.loads(line) for line in run("tag", *files, "--json", "--model", str(tiny_model)).stdout.splitlines()]
    assert [row["file"] for row in rows] == [files[0]] * 2 + [files[1]] * 2
    assert all(TEXT[row["start"] : row["end"]] == row["text"] for row in rows)
    assert f"── {files[1]}" in run("tag", *files, "--model", str(tiny_model)).stdout


def test_options_names_all_scores_and_no_split(tiny_model: Path) -> None:
    done = run(
        "tag", "-", "--json", "--no-split", "--names", "vi", "--all-scores", "--model", str(tiny_model),
        text="\ufefftrade. energy!\r\n\r\n climate\n",
    )  # fmt: skip
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["start"], row["text"]) for row in rows] == [(0, "trade. energy!"), (19, "climate")]
    assert rows[1]["areas"][0]["name"] == "climate (vi)"
    assert list(rows[0]["all_scores"]) == ["climate", "energy", "trade"]


@pytest.mark.parametrize(
    ("args", "text", "code", "message"),
    [
        (["tag", "/no/such/file"], "", 2, "cannot be read"),
        (["tag", "-"], b"fine\n\xff\xfe broken", 2, "line 2 is not UTF-8"),
        (["tag", "-", "--lang", "xx"], "a", 2, "--lang is 'xx'"),
        (["tag", "-", "--names", "xx"], "a", 2, "no area names in 'xx'"),
        (["tag", "-", "--device", "tpu"], "a", 2, "device is 'tpu'"),
        (["tag", "-", "--model", "nope"], "a", 3, "no model 'nope'"),
        (["tag", "-", "--model", "n" * 3000], "a", 3, "no model"),
        (["tag", "/"], "", 2, "cannot be read"),
        (["tag", "-", "--nonsense"], "a", 2, "No such option"),
    ],
)
def test_a_users_mistake_is_one_clear_message_and_an_exit_code(
    tiny_model: Path, args: list[str], text: str | bytes, code: int, message: str
) -> None:
    done = run(*args, text=text, env={"COOPTAG_MODEL": str(tiny_model)})
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    if message != "No such option":
        assert len(done.stderr.strip().splitlines()) == 1


def test_a_changed_model_exits_with_3_and_names_the_file(tiny_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    raw = bytearray((folder / "tokenizer.json").read_bytes())
    raw[10] ^= 1
    (folder / "tokenizer.json").write_bytes(raw)
    for command in (["verify", str(folder)], ["info", "--model", str(folder)], ["tag", "-", "--model", str(folder)]):
        done = run(*command, text="a")
        assert done.returncode == 3
        assert "tokenizer.json" in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_verify_and_info(tiny_model: Path) -> None:
    assert "sound; 3 areas" in run("verify", str(tiny_model)).stdout
    about = json.loads(run("info", "--model", str(tiny_model)).stdout)
    assert about["areas"] == ["climate", "energy", "trade"] and about["device"] in ("cpu", "cuda")


def test_escape_sequences_in_a_text_never_reach_the_terminal(tiny_model: Path) -> None:
    done = run("tag", "-", "--model", str(tiny_model), text="trade \x1b[31m and \x00 \u202e energy\n")
    assert done.returncode == 0
    assert not {"\x1b", "\x00", "\u202e"} & set(done.stdout)


def test_a_reader_that_goes_away_ends_it_quietly(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("They agreed on climate.\n" * 20_000)
    arguments = ["tag", str(tmp_path / "long.txt"), "--json", "--lang", "en", "--no-split"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "inference"), "COOPTAG_MODEL": str(tiny_model)}
    command = [sys.executable, "-c", "from cooptag.cli import main; main()", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


def test_a_thread_count_that_is_no_number_is_refused(tiny_model: Path) -> None:
    done = run("info", "--model", str(tiny_model), env={"COOPTAG_THREADS": "many"})
    assert done.returncode == 2 and "COOPTAG_THREADS is 'many'" in done.stderr


@pytest.mark.parametrize("text", ["", "   \n\n ", "🌏\n"])
def test_an_empty_input_gives_an_empty_result(tiny_model: Path, text: str) -> None:
    done = run("tag", "-", "--json", "--model", str(tiny_model), text=text)
    assert done.returncode == 0
    assert all(json.loads(line)["areas"] == [] for line in done.stdout.splitlines())


def test_read_only_home_and_odd_time_zone(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o500)
    done = run("tag", "-", "--model", str(tiny_model), text=TEXT, env={"HOME": str(tmp_path / "home"), "TZ": "Nowhere/Odd"})
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", [["tag"], ["info"], ["verify"]])
def test_help_shows_an_example(command: list[str]) -> None:
    assert "Example" in run(*command, "--help").stdout


def test_explain_prints_words_and_neighbours_and_json_has_offsets(tiny_model: Path) -> None:
    shown = run("tag", "-", "--explain", "--model", str(tiny_model), text=TEXT)
    assert "Climate: “climate”; without it 0.05" in shown.stdout and "like [en] They agreed on climate." in shown.stdout
    rows = [json.loads(line) for line in run("tag", "-", "--explain", "--json", "--model", str(tiny_model), text=TEXT).stdout.splitlines()]
    area = rows[1]["areas"][0]
    assert [rows[1]["text"][e["start"] : e["end"]] for e in area["evidence"]] == ["climate"]
    assert area["without"] < 0.1 and area["nearest"][0]["areas"] == ["climate"]


def test_goal_and_thresholds_decide(tiny_model: Path) -> None:
    def areas(*options: str) -> list[str]:
        done = run("tag", "-", "--json", "--no-split", "--model", str(tiny_model), *options, text="climate and trade")
        assert done.returncode == 0, done.stderr
        return [area["id"] for area in json.loads(done.stdout)["areas"]]

    assert areas() == ["climate", "trade"]
    assert areas("--goal", "precision=0.9") == []
    assert areas("--goal", "precision=0.9", "--threshold", "trade=0.5") == ["trade"]
    assert areas("--threshold", "0.99", "--threshold", "climate=0.1") == ["climate"]


@pytest.mark.parametrize(
    "options", [("--goal", "best"), ("--threshold", "high"), ("--threshold", "climat=0.5"), ("--threshold", "climate=7")]
)
def test_a_wrong_goal_or_threshold_is_one_line_and_exit_code_2(tiny_model: Path, options: tuple[str, str]) -> None:
    done = run("tag", "-", "--model", str(tiny_model), *options, text=TEXT)
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1
