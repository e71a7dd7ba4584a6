"""Load test of a running `cooptag serve`: is what it promises true on this machine?

First the idle server is asked, then a few clients ask as fast as they are answered, then ten times as much is asked by the clock,
whether or not earlier requests were answered; a request's time counts from when it was due. Needs nothing but Python.

Example: cooptag serve --port 8000 & sleep 5; python inference/deploy/load_test.py http://127.0.0.1:8000 --bare small
"""

import argparse
import asyncio
import http.client
import itertools
import json
import math
import multiprocessing
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

SENTENCES = 64
PROBE_SECONDS = 0.05
IDLE_SECONDS = 2.0  # the server closes a connection after 5; one that is about to be closed must not be written to
PLACES = ("Lâm An", "Port Vella", "Sankt Anker", "Tierra Clara", "Kota Bayu", "Montreval", "Nova Aldeia", "Osterby", "Qasr Nour")
TEMPLATES = (
    "Hai bên nhất trí mở rộng hợp tác về năng lượng tái tạo tại {place} theo bản ghi nhớ số {number}.",
    "Phái đoàn {place} gồm {number} người đã đến thăm bảo tàng và dự tiệc chiêu đãi vào buổi tối.",
    "The ministers met in {place} and agreed to share data on floods and early warning under protocol {number}.",
    "Les deux gouvernements soutiendront {number} projets agricoles autour de {place} d'ici cinq ans.",
    "Kedua menteri sepakat membangun {number} kilometer jalan kereta api di {place} bersama para mitra.",
    "双方在{place}签署了第{number}号文件，同意在旅游和文化交流方面加强合作。",
    "Стороны договорились в {place} о совместных учениях по спасению на море, документ № {number}.",
    "اتفق الجانبان في {place} على تمويل {number} مشروعا صغيرا للنساء والشباب في المناطق الريفية.",
)
_numbers = itertools.count(1000)


def take(count: int) -> list[str]:
    """So many made-up sentences, no two ever the same."""
    return [TEMPLATES[n % len(TEMPLATES)].format(place=PLACES[n % len(PLACES)], number=n) for n in itertools.islice(_numbers, count)]


class Answer(NamedTuple):
    """What came of one request, and after how many seconds; `lost`: why it is no whole answer to it, "" if it is."""

    status: int
    seconds: float
    lost: str


class Client:
    """Requests over connections that are kept. Each one bears an id, which its answer must bring back."""

    def __init__(self, url: SplitResult, key: str) -> None:
        self._url = url
        self._key = f"Authorization: Bearer {key}\r\n" if key else ""
        self._idle: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._ids = itertools.count()

    async def get(self, path: str) -> str:
        """:raises OSError: unless the answer is 200."""
        status, _, content = await self._ask("GET", path)
        if status != 200:
            raise OSError(f"{path} answers {status}: {content[:200].decode('utf8', 'replace')}")
        return content.decode()

    async def tag(self, sentences: Sequence[str], due: float | None = None) -> Answer:
        """Sends sentences, and looks whether what comes back is theirs. `due`: when they should have been sent (perf_counter)."""
        due = time.perf_counter() if due is None else due
        body, id = json.dumps({"sentences": sentences}, ensure_ascii=False).encode(), f"load-{next(self._ids)}"
        try:
            status, head, content = await self._ask("POST", "/tag", body, id)
            seconds = time.perf_counter() - due
            return Answer(status, seconds, _wrong(status, head, content, sentences) if head.get("x-request-id") == id else "another's")
        except (OSError, EOFError, ValueError, LookupError, asyncio.LimitOverrunError) as error:
            return Answer(0, time.perf_counter() - due, f"no whole answer ({type(error).__name__})")

    async def _ask(self, method: str, path: str, body: bytes = b"", id: str = "get") -> tuple[int, dict[str, str], bytes]:
        reader, writer = await self._connection()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._url.netloc}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nX-Request-Id: {id}\r\n{self._key}\r\n"
        )
        try:
            async with asyncio.timeout(60):
                writer.write(head.encode() + body)
                first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                content = await reader.readexactly(int(headers["content-length"]))
        except BaseException:
            writer.close()
            raise
        if headers.get("connection") == "close":
            writer.close()
        else:
            self._idle.append((time.monotonic(), reader, writer))
        return int(first.split(" ")[1]), headers, content

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            since, reader, writer = self._idle.pop()
            if time.monotonic() - since < IDLE_SECONDS:
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._url.hostname, self._url.port or 80)


def _wrong(status: int, head: dict[str, str], content: bytes, sentences: Sequence[str]) -> str:
    """What is wrong with an answer; "" if nothing is."""
    answer = json.loads(content)
    if status == 200:
        return "" if [row["text"] for row in answer if "error" not in row] == sentences else "not the sentences that were sent, tagged"
    right = status == 429 and head.get("retry-after", "").isdecimal() and answer.get("error") and answer.get("error_type")
    return "" if right else f"status {status}, or without Retry-After or a reason"


async def unloaded(client: Client, limits: dict[str, float], rounds: int) -> dict[str, Any]:
    """The times of an idle server for one sentence, for 64, and for a full batch: what the model is given at once.

    That is sent as several requests of `request_bytes` at the same time, and took as long as the last of them.
    """
    sizes = itertools.accumulate(len(sentence.encode()) for sentence in take(int(limits["batch_sentences"])))
    count = sum(size <= limits["batch_bytes"] for size in sizes)
    share = math.ceil(count / math.ceil(limits["batch_bytes"] / limits["request_bytes"]))

    async def seconds(count: int, share: int) -> float:
        requests, began = [take(min(share, count - i)) for i in range(0, count, share)], time.perf_counter()
        answers = await asyncio.gather(*map(client.tag, requests))
        if bad := [a for a in answers if a.status != 200 or a.lost]:
            raise OSError(f"the idle server answers {bad[0].status} {bad[0].lost}; is somebody else asking it?")
        return time.perf_counter() - began

    for _ in range(3):  # memory that is taken once
        await seconds(count, share)
    return {
        "one": _times([await seconds(1, 1) for _ in range(10 * rounds)]),
        "sentences_64": _times([await seconds(SENTENCES, SENTENCES) for _ in range(rounds)]),
        "full_batch": _times([await seconds(count, share) for _ in range(rounds)]), "full_batch_sentences": count,
    }  # fmt: skip


async def throughput(client: Client, clients: int, seconds: float, model: str | None, apart: Executor) -> dict[str, Any]:
    """Sentences a second of clients that each wait for their answer, in turns with the bare tagger in a process of its own."""
    served, answers, bare = list[float](), list[Answer](), list[dict[str, float]]()

    async def ask(until: float) -> None:
        while time.perf_counter() < until:
            answers.append(await client.tag(take(SENTENCES)))
            if answers[-1].status != 200:
                await asyncio.sleep(0.1)

    for _ in range(2):
        before, began = len(answers), time.perf_counter()
        await asyncio.gather(*(ask(began + seconds) for _ in range(clients)))
        served.append(SENTENCES * sum(a.status == 200 for a in answers[before:]) / (time.perf_counter() - began))
        if model:
            bare.append(await asyncio.wrap_future(apart.submit(bare_rates, model, seconds)))
    lost = Counter(a.lost for a in answers if a.lost)
    means = {said: sum(turn[said] for turn in bare) / len(bare) for said in (bare[0] if bare else ())}
    return {"sentences_per_s": sum(served) / len(served), "turns": served, "lost": lost, "bare": means, "bare_turns": bare}


def bare_rates(model: str, seconds: float) -> dict[str, float]:
    """Sentences a second of `Tagger.tag` without HTTP, with 64 in a list and with very many, for so long each."""
    from cooptag import Tagger
    tagger, rates = Tagger.load(model), {}
    for at_once in (SENTENCES, 32 * SENTENCES):
        tagger.tag(take(SENTENCES))
        done, began = 0, time.perf_counter()
        while time.perf_counter() - began < seconds:
            tagger.tag(take(at_once))
            done += at_once
        rates[f"{at_once} at once"] = done / (time.perf_counter() - began)
    return rates


def bare_times(model: str, count: int) -> dict[str, float]:
    """Times of `Tagger.tag` without HTTP for one sentence."""
    from cooptag import Tagger
    tagger, times = Tagger.load(model), list[float]()
    tagger.tag(take(SENTENCES))
    for _ in range(count):
        sentence, began = take(1), time.perf_counter()
        tagger.tag(sentence)
        times.append(time.perf_counter() - began)
    return _times(times)


async def overload(client: Client, url: SplitResult, requests_per_s: float, seconds: float, apart: Executor) -> dict[str, Any]:
    """Offers so many requests a second by the clock; what happens to them, to /healthz and to the server's memory."""
    async def memory() -> float:
        found = re.search(r"^process_resident_memory_bytes (\S+)", await client.get("/metrics"), re.M)
        return float(found[1]) / 1e6 if found else math.nan

    await asyncio.wrap_future(apart.submit(probe, url, 0.2))  # that process is up
    probing = asyncio.wrap_future(apart.submit(probe, url, seconds))
    tasks, looks, late = list[asyncio.Task[Answer]](), list[asyncio.Task[float]](), list[float]()
    cpu, began = time.process_time(), time.perf_counter()
    for i in range(max(1, round(requests_per_s * seconds))):
        due = began + i / requests_per_s
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        late.append(time.perf_counter() - due)
        if i % math.ceil(requests_per_s) == 0:
            looks.append(asyncio.create_task(memory()))
        tasks.append(asyncio.create_task(client.tag(take(SENTENCES), due)))
    answers = await asyncio.gather(*tasks)
    cpu, took = time.process_time() - cpu, time.perf_counter() - began
    health, rss = await probing, await asyncio.gather(*looks)
    accepted, refused = ([a.seconds for a in answers if a.status == status] for status in (200, 429))
    return {
        "offered_per_s": requests_per_s, "statuses": Counter(a.status for a in answers), "lost": Counter(a.lost for a in answers if a.lost),
        "sentences_per_s": SENTENCES * len(accepted) / took, "accepted": _times(accepted), "refused": _times(refused),
        "healthz": _times(health), "sent_late": _times(late), "client_cores": cpu / took, "rss_mb": [*rss, await memory()],
    }  # fmt: skip


def probe(url: SplitResult, seconds: float) -> list[float]:
    """Seconds of each GET /healthz, one every 50 ms over one connection; infinite where it is not 200."""
    connection, began, times = http.client.HTTPConnection(url.netloc, timeout=10), time.perf_counter(), []
    for i in range(max(1, round(seconds / PROBE_SECONDS))):
        time.sleep(max(0.0, began + i * PROBE_SECONDS - time.perf_counter()))
        asked = time.perf_counter()
        try:
            connection.request("GET", "/healthz")
            with connection.getresponse() as response:
                response.read()
            times.append(time.perf_counter() - asked if response.status == 200 else math.inf)
        except (OSError, http.client.HTTPException):
            connection.close()
            times.append(math.inf)
    return times


def _times(seconds: Sequence[float]) -> dict[str, float]:
    """How many, and milliseconds: median, 99th percentile (nearest rank) and longest; nan for none."""
    ranked = sorted(seconds) or [math.nan]
    p50, p99 = (ranked[math.ceil(q * len(ranked)) - 1] for q in (0.5, 0.99))
    return {"count": len(seconds), "p50_ms": 1000 * p50, "p99_ms": 1000 * p99, "max_ms": 1000 * ranked[-1]}


def broken(result: dict[str, Any]) -> list[str]:
    """The promises that were not kept."""
    over, twice = result["overload"], 2 * result["unloaded"]["full_batch"]["p50_ms"]
    accepted, health, rss = over["accepted"]["p99_ms"], over["healthz"]["max_ms"], over["rss_mb"]
    kept = {
        f"99 of 100 accepted requests take at most twice the time of a full batch, {twice:.0f} ms: {accepted:.0f} ms": accepted <= twice,
        f"/healthz answers within 50 ms: {health:.0f} ms": health <= 50,
        f"memory does not grow by over 10 %: {rss[0]:.0f} to {max(rss):.0f} MB": not max(rss) > 1.1 * rss[0],
        f"nothing is lost: {(lost := result['throughput']['lost'] + over['lost'])}": not lost,
    }
    return [promise for promise, holds in kept.items() if not holds]


def _table(result: dict[str, Any]) -> str:
    idle, flow, over = result["unloaded"], result["throughput"], result["overload"]
    rows = {
        **({"one sentence without HTTP": idle["one_bare"]} if "one_bare" in idle else {}),
        "idle: one sentence": idle["one"], "idle: 64 sentences": idle["sentences_64"],
        f"idle: full batch, {idle['full_batch_sentences']} sentences": idle["full_batch"],
        f"overload, {over['offered_per_s']:.1f} requests/s: accepted": over["accepted"], "overload: refused, 429": over["refused"],
        "overload: /healthz": over["healthz"], "overload: sent later than due": over["sent_late"],
    }  # fmt: skip
    served, rss = flow["sentences_per_s"], over["rss_mb"]
    return "\n".join([
        f"{result['model']} on {result['device']:36}{'count':>8}{'p50 ms':>10}{'p99 ms':>10}{'max ms':>10}",
        *(f"{name:46}{t['count']:8}{t['p50_ms']:10.1f}{t['p99_ms']:10.1f}{t['max_ms']:10.1f}" for name, t in rows.items()),
        f"sentences/s: {served:.0f}, in overload {over['sentences_per_s']:.0f}, where this client took {over['client_cores']:.2f} cores",
        *(f"sentences/s without HTTP, {said}: {rate:.0f}; served {served / rate:.2f} of it" for said, rate in flow["bare"].items()),
        f"overload: {dict(over['statuses'])}; lost: {over['lost'].total()}; memory {rss[0]:.0f} MB, at most {max(rss):.0f}",
    ])  # fmt: skip


async def run(url: SplitResult, key: str, seconds: float, clients: int, model: str | None) -> dict[str, Any]:
    """All phases, one after the other."""
    client = Client(url, key)
    info = json.loads(await client.get("/info"))
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as apart:
        idle = await unloaded(client, info["limits"], max(1, min(30, round(seconds / 2))))
        if model:
            idle["one_bare"] = await asyncio.wrap_future(apart.submit(bare_times, model, int(idle["one"]["count"])))
        flow = await throughput(client, clients, seconds / 6, model, apart)
        over = await overload(client, url, 10 * flow["sentences_per_s"] / SENTENCES, seconds, apart)
    return {"model": info["name"], "device": info["device"], "unloaded": idle, "throughput": flow, "overload": over}


def main() -> int:
    """:returns: 0, or 1 where a promise was broken, 2 where the server could not be asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:8000", help="where it listens [%(default)s]")
    parser.add_argument("--seconds", type=float, default=60, help="of overload; a turn of the throughput takes a sixth [%(default)s]")
    parser.add_argument("--clients", type=int, default=4, help="that ask for the throughput [%(default)s]")
    parser.add_argument("--bare", metavar="MODEL", help="also the tagger without HTTP (cooptag must be installed here)")
    parser.add_argument("--key-file", type=Path, help="the server's API key")
    parser.add_argument("--json", action="store_true", help="an object in place of the table")
    given = parser.parse_args()
    try:
        key = given.key_file.read_text().strip() if given.key_file else ""
        result = asyncio.run(run(urlsplit(given.url), key, given.seconds, given.clients, given.bare))
    except (OSError, EOFError, ValueError) as error:
        print(f"load_test: {error}; expected the URL of a `cooptag serve` that is ready", file=sys.stderr)
        return 2
    result["broken"] = broken(result)
    print(json.dumps(result, indent=2) if given.json else _table(result), flush=True)
    for promise in result["broken"]:
        print(f"BROKEN: {promise}", file=sys.stderr)
    return 1 if result["broken"] else 0


if __name__ == "__main__":
    sys.exit(main())
