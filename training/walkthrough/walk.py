"""The labelling loop done for real: raw articles → Label Studio → two readers and a third → corpus → model, round after round.

A Label Studio server is started on loopback (its program from an environment of its own, see --label-studio) with three users.
Every round imports the tasks that `cooptag-train suggest` chose, with their predictions, through its API; the readers' own answers
(answers.jsonl, given without seeing a model) are submitted through it, each under the reader's login; the export is reviewed, what
the two disagree on goes back as tasks for the third, and a model is trained on the corpus as it then is.

    python training/walkthrough/walk.py --label-studio ~/ls/bin/label-studio --out runs/walk --scored dev.jsonl
"""

import argparse
import contextlib
import http.cookiejar
import json
import os
import shlex
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
READERS = {"first": "lan@example.org", "second": "minh@example.org", "settled": "thu@example.org"}
PASSWORD = "Only-on-loopback-1"  # noqa: S105 - of a server that ends with this script
START_SECONDS = 240


def main() -> None:
    """Runs the rounds and prints every command and figure."""
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)
    corpus, articles = options.out / "corpus", options.out / "articles.jsonl"
    corpus.mkdir(exist_ok=True)
    cooptag("import", str(HERE / "raw"), "--out", articles)
    with server(options.label_studio, options.out / "label-studio", options.port) as address:
        people = {reader: Client(address, email, new=reader != "first") for reader, email in READERS.items()}
        model, folders = None, []
        for number in range(1, options.rounds + 1):
            tasks = options.out / f"round-{number}"
            chosen_by = ["--model", model] if model else ["--diversity-only"]
            earlier = [part for folder in folders for part in ("--handed-out", folder)]
            drawn = ["--random-share", options.random_share, "--seed", number]
            cooptag("suggest", articles, "-n", options.count, *chosen_by, *drawn, *earlier, "--corpus", corpus, "--out", tasks)
            folders.append(tasks)
            label(people, tasks, corpus, f"round {number}", options)
            model = train(corpus, options, number)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--label-studio", required=True, type=Path, help="its program, in an environment of its own")
    parser.add_argument("--out", required=True, type=Path, help="folder for everything that is made")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=50, help="sentences a round")
    parser.add_argument("--random-share", type=float, default=0.1, help="1 to draw every sentence at random, for comparison")
    parser.add_argument("--scored", type=Path, help="JSONL of text and labels to score each round's model on")
    parser.add_argument("--config", type=Path, default=HERE.parents[1] / "configs" / "train.yaml")
    parser.add_argument("--set", action="append", default=[], help="passed on to `fit`")
    parser.add_argument("--port", type=int, default=8093)
    parser.add_argument("--chromium", help="take screenshots with this browser (needs the package playwright)")
    return parser.parse_args()


def cooptag(*arguments: object) -> None:
    """A command as a person would type it; it ends the walk if it fails."""
    words = list(map(str, arguments))
    print(f"\n$ cooptag-train {shlex.join(words)}", flush=True)
    done = subprocess.run([sys.executable, "-c", "from cooptag_training.cli import main; main()", *words], check=False)  # noqa: S603
    if done.returncode:
        sys.exit(f"cooptag-train {words[0]} ended with exit code {done.returncode}")


def label(people: "dict[str, Client]", tasks: Path, corpus: Path, title: str, options: argparse.Namespace) -> None:
    """Two readers label a project of the tasks, the third what they disagree on, and the corpus gets what is decided."""
    answers = read_answers()
    exports, out = [], options.out / f"review-{tasks.name}"
    names = [part for client in people.values() for part in ("--person", f"{client.id}={client.email}")]
    for stage, readers, folder in (("", ("first", "second"), tasks), (", to settle", ("settled",), out / "to-settle")):
        if not json.loads((folder / "tasks.json").read_text(encoding="utf8")):
            break
        project = people["first"].project(f"cooptag {title}{stage}", folder)
        if options.chromium and not stage:
            screenshots(options.chromium, people["first"], project, options.out, tasks.name)
        for reader in readers:
            people[reader].answer(project, answers, reader)
        exports.append(options.out / f"export-{tasks.name}{'-settled' if stage else ''}.json")
        exports[-1].write_bytes(people["first"].export(project))
        cooptag("review", *exports, "--corpus", corpus, "--out", out, *names)


def read_answers() -> dict[str, dict[str, Any]]:
    """What the three readers say of each raw sentence, by its text."""
    with (HERE / "answers.jsonl").open(encoding="utf8") as lines:
        return {row["text"]: row for row in map(json.loads, lines)}


def train(corpus: Path, options: argparse.Namespace, number: int) -> Path:
    """The corpus so far as a data set, and a model of it, scored."""
    data, model = options.out / f"data-{number}", options.out / f"model-{number}"
    cooptag("build", "--corpus", corpus, "--out", data)
    changes = [part for change in options.set for part in ("--set", change)]
    cooptag("fit", "--data", data, "--config", options.config, "--tracking", "off", "--out", model, *changes)
    if options.scored:
        cooptag("evaluate", model, options.scored)
    return model


@contextlib.contextmanager
def server(program: Path, folder: Path, port: int) -> Iterator[str]:
    """A Label Studio server on loopback, ended with the block; its address."""
    folder.mkdir(parents=True, exist_ok=True)
    address = f"http://127.0.0.1:{port}"
    quiet = {"COLLECT_ANALYTICS": "False", "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": "", "LATEST_VERSION_CHECK": "False"}
    user = ["--username", READERS["first"], "--password", PASSWORD]
    command = [program, "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port), *user]
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env={**os.environ, **quiet, "LABEL_STUDIO_BASE_DATA_DIR": str(folder)},
        )  # fmt: skip
    try:
        _wait(address, process, folder / "log.txt")
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/health") as answer:  # noqa: S310
            if answer.status == 200:
                return
        time.sleep(1)
    sys.exit(f"{address}: no Label Studio answers after {START_SECONDS} s; see {log}")


class Client:
    """One person at the server, logged in; `new` signs up first."""

    def __init__(self, address: str, email: str, new: bool) -> None:
        self.address, self.email = address, email
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        page = f"{address}/user/{'signup' if new else 'login'}/"
        self.opener.open(page).read()
        form = {"email": email, "password": PASSWORD, "csrfmiddlewaretoken": self._token()}
        self.opener.open(urllib.request.Request(page, urllib.parse.urlencode(form).encode(), {"Referer": page})).read()  # noqa: S310
        self.id: int = self.call("GET", "/api/current-user/whoami")["id"]

    def _token(self) -> str:
        return next(str(cookie.value) for cookie in self.cookies if cookie.name == "csrftoken")

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer to an API call as JSON."""
        return json.loads(self.raw(method, path, None if body is None else json.dumps(body).encode()) or b"null")

    def raw(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """The answer to an API call; one that fails ends the walk with what the server said."""
        headers = {"Content-Type": "application/json", "X-CSRFToken": self._token(), "Referer": self.address}
        request = urllib.request.Request(f"{self.address}{path}", body, headers, method=method)  # noqa: S310
        try:
            with self.opener.open(request) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path}: {error.code} {error.read()[:500]!r}")

    def project(self, title: str, tasks: Path) -> int:
        """A new project with the tasks of a folder and their predictions."""
        config = (tasks / "config.xml").read_text(encoding="utf8")
        project = self.call("POST", "/api/projects/", {"title": title, "label_config": config, "maximum_annotations": 2})
        made = json.loads(self.raw("POST", f"/api/projects/{project['id']}/import", (tasks / "tasks.json").read_bytes()))
        print(f"{self.address}/projects/{project['id']}: {made['task_count']} tasks, {made['prediction_count']} predictions")
        return int(project["id"])

    def answer(self, project: int, answers: dict[str, dict[str, Any]], reader: str) -> None:
        """Submits what a reader says of each task of a project."""
        tasks = self.call("GET", f"/api/tasks?project={project}&page_size=1000&fields=all")["tasks"]
        for task in tasks:
            said = answers[task["data"]["text"]][reader]
            given = {"areas": said["areas"], "none_reason": [said["none_reason"]] if said["none_reason"] else []}
            result = [
                {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": choices}}
                for name, choices in given.items()
                if choices
            ]
            self.raw("POST", f"/api/tasks/{task['id']}/annotations/", json.dumps({"result": result}).encode())
        print(f"{self.email} labelled {len(tasks)} sentences")

    def export(self, project: int) -> bytes:
        """The project's export, in Label Studio's JSON."""
        return self.raw("GET", f"/api/projects/{project}/export?exportType=JSON")


def screenshots(chromium: str, client: Client, project: int, out: Path, name: str) -> None:
    """The labelling page of the project's first task, and the same with the guide open."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.goto(f"{client.address}/user/login/")
        page.fill("input[name=email]", client.email)
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.wait_for_load_state("networkidle")
        page.goto(f"{client.address}/projects/{project}/data?labeling=1")
        page.get_by_text("How to label").wait_for()
        page.wait_for_timeout(2000)
        page.screenshot(path=out / f"{name}.png")
        page.get_by_text("How to label").click()
        page.wait_for_timeout(1000)
        page.screenshot(path=out / f"{name}-guide.png")
        browser.close()


if __name__ == "__main__":
    main()
