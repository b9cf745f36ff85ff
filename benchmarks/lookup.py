"""How fast the city answers /lookup, /nearby, /search and /summary, in the database and over HTTP.

    TWIN_DATA_DIR=var .venv/bin/python -m benchmarks.lookup [--requests 500] [--clients 1 16] [--tipg http://...]

Questions are drawn (seeded) around the city's buildings and assets; /search gets texts with one character wrong.
`database` is the time of the statements alone, one at a time, `computing only` the part of it the database's process
was computing (what is left when other programs keep the cores busy), `server` what the service reports (Server-Timing),
`client` what the caller waits. With --tipg http://... the same is asked of a running tipg. The targets are those of a
district (benchmarks.fill_city): 1 M assets, 350,000 entities, 10 M records on two cores.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.lookup_database import database_times
from benchmarks.lookup_questions import Question, draw_questions, peer_questions
from twin.cluster.server import connect, start
from twin.settings import Settings, read_settings

COUNTS = ("asset", "building", "address", "entity", "record", "link", "event", "sensor", "photo", "survey")
WARM_UP = 40
# Question -> p99 in the database; and over HTTP at 16 clients, milliseconds.
DATABASE_P99_MS = {"/lookup": 40.0, "/nearby any": 10.0, "/nearby common": 10.0, "/nearby rare": 10.0, "/search": 100.0}
HTTP_P99_MS = {("/lookup", 16): 250.0}
SHARES = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))


def at_share(times: list[float], share: float) -> float:
    """Give the time that so large a share of the sorted times keeps."""
    return round(times[min(len(times) - 1, int(len(times) * share))], 1)


@dataclass(frozen=True)
class Measured:
    """Times of one question, milliseconds, sorted; and how large the answers were."""

    server_ms: list[float]
    client_ms: list[float]
    bytes: int
    seconds: float

    def summary(self) -> dict[str, float]:
        """Give the figures that are printed."""
        figures = {
            f"{side}_{name}_ms": at_share(times, share)
            for side, times in (("server", self.server_ms), ("client", self.client_ms))
            for name, share in SHARES
        }
        count = len(self.client_ms)
        return {
            **figures,
            "requests_per_s": round(count / self.seconds, 1),
            "mean_kb": round(self.bytes / count / 1e3, 1),
        }


def measure(url: str, questions: list[Question], clients: int) -> Measured:
    """Ask all questions over kept connections. Exits when an answer is not 200."""
    host = urlsplit(url).netloc

    def ask(share: list[Question]) -> list[tuple[float, float, int]]:
        connection = http.client.HTTPConnection(host, timeout=30)
        found = []
        for question in share:
            body = json.dumps(question.body) if question.body else None
            headers = {"Accept-Encoding": "gzip"} | ({"Content-Type": "application/json"} if body else {})
            asked = time.perf_counter()
            connection.request("POST" if body else "GET", question.path, body, headers)
            answer = connection.getresponse()
            answered = answer.read()
            waited = (time.perf_counter() - asked) * 1000
            if answer.status != 200:
                sys.exit(f"{question.path}: {answer.status} {answered[:300]!r}")
            reported = float((answer.headers["Server-Timing"] or "dur=nan").split("dur=")[1].split(",")[0])
            found.append((reported, waited, len(answered)))
        connection.close()
        return found

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        results = [one for part in pool.map(ask, [questions[n::clients] for n in range(clients)]) for one in part]
    seconds = time.perf_counter() - started
    server, client, sizes = zip(*results, strict=True)
    return Measured(sorted(server), sorted(client), sum(sizes), seconds)


@contextmanager
def service(url: str | None) -> Iterator[str]:
    """Give the address of a running service: the given one, or one started for the purpose."""
    if url:
        yield url
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = f"from api.app import run; from twin.settings import read_settings; run(read_settings(), port={port})"
    with subprocess.Popen([sys.executable, "-c", code], env=os.environ.copy()) as process:
        try:
            wait_until_well(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def wait_until_well(port: int, process: subprocess.Popen[bytes], limit_s: float = 60.0) -> None:
    """Wait for /health; exits when the service ends or takes too long."""
    until = time.monotonic() + limit_s
    while time.monotonic() < until and process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.2)
    sys.exit("The service did not start.")


def machine(settings: Settings) -> dict[str, object]:
    """Say on what was measured: processor, memory, load, versions, rows."""
    with connect(settings, "app") as connection:
        version = connection.execute("SHOW server_version").fetchone()
        rows = {name: connection.execute(f"SELECT count(*) FROM twin.{name}").fetchone() for name in COUNTS}
    models = [line.split(":", 1)[1].strip() for line in cpu_lines() if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "postgresql": version[0] if version else None,
        "rows": {name: row[0] for name, row in rows.items() if row},
    }


def cpu_lines() -> list[str]:
    """Read what Linux says about the processor; nothing elsewhere."""
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def kept(value: float, target: float | None) -> str:
    """Say whether a target is kept."""
    return "" if target is None else f"p99 <= {target:g} {'kept' if value <= target else 'MISSED'}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--clients", type=int, nargs="+", default=[1])
    parser.add_argument("--url", help="a running service; by default one is started")
    parser.add_argument("--tipg", help="a running tipg on the same database")
    parser.add_argument("--only", nargs="+", help="only these questions, e.g. /lookup /nearby")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    settings = read_settings()
    start(settings)
    facts = machine(settings)
    questions = draw_questions(settings, given.requests + WARM_UP, given.seed)
    if given.only:
        questions = {name: asked for name, asked in questions.items() if name.split()[0] in given.only}
    rows = []
    for name, times in database_times(settings, questions, WARM_UP).items():
        for where, some in (("database", times.waited), ("computing only", times.computed)):
            figures = {share: at_share(some, part) for share, part in SHARES}
            target = DATABASE_P99_MS.get(name) if where == "database" else None
            rows.append({"question": name, "where": where, **figures, "": kept(figures["p99"], target)})
    with service(given.url) as url:
        rows += over_http(url, "HTTP", questions, given.clients)
    if given.tipg:
        ours, theirs = peer_questions(settings, given.requests + WARM_UP, given.seed)
        with service(given.url) as url:
            rows += over_http(url, "HTTP", ours, given.clients)
        rows += over_http(given.tipg, "tipg", theirs, given.clients)
    if given.json:
        print(json.dumps({"machine": facts, "rows": rows}, ensure_ascii=False))
        return
    print("; ".join(f"{key} {value}" for key, value in facts.items()), f"load after {os.getloadavg()[0]:.2f}", sep="; ")
    print(f"{given.requests} requests each, milliseconds")
    for row in rows:
        print(f"{row['question']:<16}{row['where']:<17}", *(f"{k} {v}" for k, v in list(row.items())[2:]), sep="  ")


def over_http(
    url: str, where: str, questions: dict[str, list[Question]], clients: list[int]
) -> list[dict[str, object]]:
    """Ask over HTTP with so many clients at once."""
    rows: list[dict[str, object]] = []
    for at_once in clients:
        for name, asked in questions.items():
            warm_up = min(WARM_UP, len(asked) // 4)
            measure(url, asked[:warm_up], at_once)
            figures = measure(url, asked[warm_up:], at_once).summary()
            shown = {share: figures[f"client_{share}_ms"] for share, _ in SHARES}
            shown |= {
                "server p99": figures["server_p99_ms"],
                "req/s": figures["requests_per_s"],
                "kB": figures["mean_kb"],
            }
            verdict = kept(figures["client_p99_ms"], HTTP_P99_MS.get((name, at_once)))
            rows.append({"question": name, "where": f"{where} {at_once}", **shown, "": verdict})
    return rows


if __name__ == "__main__":
    main()
