"""How fast the city answers a click: /lookup and /nearby over HTTP on whatever database is configured.

    TWIN_DATA_DIR=var .venv/bin/python -m benchmarks.lookup [--requests 500] [--clients 1] [--url http://...] [--json]

Places are drawn (seeded) around the city's buildings and assets. `server` is the time the service itself reports
(Server-Timing), `client` what the caller waits. Target on the small sample, one client: p99 <= 30 ms on the server.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from twin.cluster.server import connect, start
from twin.settings import Settings, read_settings

PLACES = """
SELECT ST_X(p), ST_Y(p) FROM (
  (SELECT ST_PointOnSurface(geom) AS p FROM twin.building WHERE valid_to IS NULL ORDER BY md5(code) LIMIT 500)
  UNION ALL (SELECT ST_Centroid(geom) FROM twin.asset WHERE valid_to IS NULL ORDER BY md5(code) LIMIT 500)) drawn
"""
COUNTS = ("asset", "building", "address", "entity", "record", "link", "event", "sensor", "photo", "survey")
WARM_UP = 40
TARGET_P99_MS = 30.0


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
            f"{side}_{name}_ms": round(times[min(len(times) - 1, int(len(times) * share))], 1)
            for side, times in (("server", self.server_ms), ("client", self.client_ms))
            for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
        }
        count = len(self.client_ms)
        return {
            **figures,
            "requests_per_s": round(count / self.seconds, 1),
            "mean_kb": round(self.bytes / count / 1e3, 1),
        }


def draw_addresses(settings: Settings, count: int, seed: int) -> dict[str, list[str]]:
    """Draw the questions: a few metres beside something that stands in the city."""
    with connect(settings, "app") as connection:
        places = connection.execute(PLACES).fetchall()
        codes = [row[0] for row in connection.execute("SELECT code FROM twin.class ORDER BY class_id").fetchall()]
    if not places:
        sys.exit("The database holds no building and no asset: make a sample first (twin demo).")
    draw = random.Random(seed)  # noqa: S311 - a repeatable draw
    lookups, nearbys = [], []
    for _ in range(count):
        lon, lat = draw.choice(places)
        place = {"lon": lon + draw.gauss(0, 5e-5), "lat": lat + draw.gauss(0, 4e-5)}
        lookups.append("/lookup?" + urlencode(place))
        some = {"class": draw.choice(codes)} if draw.random() < 0.5 else {}
        nearbys.append("/nearby?" + urlencode(place | some))
    return {"/lookup": lookups, "/nearby": nearbys}


def measure(url: str, paths: list[str], clients: int) -> Measured:
    """Ask all paths over kept connections. Exits when an answer is not 200."""
    host = urlsplit(url).netloc

    def ask(share: list[str]) -> list[tuple[float, float, int]]:
        connection = http.client.HTTPConnection(host, timeout=30)
        found = []
        for path in share:
            asked = time.perf_counter()
            connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
            answer = connection.getresponse()
            body = answer.read()
            waited = (time.perf_counter() - asked) * 1000
            if answer.status != 200:
                sys.exit(f"{path}: {answer.status} {body[:300]!r}")
            found.append((float((answer.headers["Server-Timing"] or "dur=nan").split("dur=")[1]), waited, len(body)))
        connection.close()
        return found

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        results = [one for part in pool.map(ask, [paths[n::clients] for n in range(clients)]) for one in part]
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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Times of /lookup and /nearby on the configured database.")
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--url", help="a running service; by default one is started")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    settings = read_settings()
    start(settings)
    facts = machine(settings)
    questions = draw_addresses(settings, given.requests + WARM_UP, given.seed)
    results = {}
    with service(given.url) as url:
        for name, paths in questions.items():
            measure(url, paths[:WARM_UP], given.clients)
            results[name] = measure(url, paths[WARM_UP:], given.clients).summary()
    if given.json:
        print(json.dumps({"machine": facts, "clients": given.clients, "results": results}, ensure_ascii=False))
        return
    print("; ".join(f"{key} {value}" for key, value in facts.items()))
    print(f"{given.requests} requests each, {given.clients} client(s), milliseconds")
    for name, summary in results.items():
        print(f"{name:10}", "  ".join(f"{key.removesuffix('_ms')} {value}" for key, value in summary.items()))
        if given.clients == 1:
            kept = summary["server_p99_ms"] <= TARGET_P99_MS
            print(f"{'':10} target p99 <= {TARGET_P99_MS:g} ms on the server: {'kept' if kept else 'MISSED'}")


if __name__ == "__main__":
    main()
