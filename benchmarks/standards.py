"""How many standard requests the service answers, beside tipg and pygeoapi on the same assets, one worker each.

    TWIN_DATA_DIR=var .venv/bin/python -m benchmarks.standards --tipg http://127.0.0.1:8391 [--pygeoapi http://127.0.0.1:8392]

Three repetitions, ours and theirs in turn, the same boxes, keys and tiles (drawn, seeded) at one and at four clients.
Our service is started anew for each repetition, with all its handlers and access checks (only the budgets per client
are lifted), so live tiles are live; a cached tile is one tile asked for again and again. Printed are requests a
second, p50 and p99, and the processor time a request takes of the server and of the database, which other
programs on the machine change less. docs/performance.md says how tipg and pygeoapi are set up.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.lookup import wait_until_well
from benchmarks.standards_client import Backends, Run, run
from twin.cluster.server import connect
from twin.settings import Settings, read_settings

SERVE = """
import uvicorn
from dataclasses import fields
from api.app import create_app
from api.limits import ApiLimits
from api.rates import Budget, Budgets
from twin.settings import read_settings
limits = ApiLimits(budgets=Budgets(**{f.name: Budget(1e9, 1e9) for f in fields(Budgets)}))
uvicorn.run(create_app(read_settings(), limits=limits), port=%d, log_level="warning", access_log=False,
            server_header=False, proxy_headers=False)
"""
# Question -> how often ours must answer for each answer of tipg's.
TARGETS = {"box, exact count": 3.0, "box, estimated count": 8.0, "by id": 4.0, "tile z14": 2.0, "tile z16": 1.0,
           "cached tile z14": 50.0, "cached tile z16": 50.0}  # fmt: skip
CACHED_P99_MS = 5.0
PYGEOAPI_TARGET = 10.0
HALF_LON, HALF_LAT = 0.002, 0.0015

Paths = dict[str, list[str]]


def questions(settings: Settings, count: int, seed: int) -> dict[str, Paths]:
    """Draw the same questions for each service: service -> question -> paths."""
    with connect(settings, "app") as connection:
        assets = connection.execute(
            "SELECT asset_id, ST_X(ST_Centroid(geom)), ST_Y(ST_Centroid(geom)) FROM twin.asset"
            " TABLESAMPLE SYSTEM (2) REPEATABLE (7) WHERE valid_to IS NULL"
        ).fetchall()
    draw = random.Random(seed)  # noqa: S311 - a repeatable draw
    found: dict[str, Paths] = {name: {question: [] for question in TARGETS} for name in ("ours", "tipg", "pygeoapi")}
    for _ in range(count):
        key, lon, lat = draw.choice(assets)
        corners = (lon - HALF_LON, lat - HALF_LAT, lon + HALF_LON, lat + HALF_LAT)
        box = "bbox=" + ",".join(f"{value:.6f}" for value in corners) + "&limit=100"
        for mode in ("exact", "estimated"):
            found["ours"][f"box, {mode} count"].append(f"/collections/assets/items?{box}&count={mode}")
            found["tipg"][f"box, {mode} count"].append(f"/collections/twin.asset/items?{box}&f=geojson")
            found["pygeoapi"][f"box, {mode} count"].append(f"/collections/assets/items?{box}&f=json")
        found["ours"]["by id"].append(f"/collections/assets/items/{key}")
        found["tipg"]["by id"].append(f"/collections/twin.asset/items/{key}?f=geojson")
        found["pygeoapi"]["by id"].append(f"/collections/assets/items/{key}?f=json")
    for zoom, share in ((14, 0.1), (16, 0.4)):
        tiles = list(dict.fromkeys(_tile(*draw.choice(assets)[1:], zoom) for _ in range(count)))[: int(count * share)]
        for x, y in tiles:
            found["ours"][f"tile z{zoom}"].append(f"/collections/assets/tiles/WebMercatorQuad/{zoom}/{y}/{x}")
            found["tipg"][f"tile z{zoom}"].append(f"/collections/twin.asset/tiles/WebMercatorQuad/{zoom}/{x}/{y}")
    for name in ("ours", "tipg"):
        for zoom in (14, 16):
            again = found[name][f"tile z{zoom}"][0]
            found[name][f"cached tile z{zoom}"] = [again] * count * (5 if name == "ours" else 1)
    return found


def _tile(lon: float, lat: float, zoom: int) -> tuple[int, int]:
    import math

    side = 2**zoom
    return int((lon + 180) / 360 * side), int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * side)


@contextmanager
def our_service() -> Iterator[str]:
    """Start our service with one worker; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen([sys.executable, "-c", SERVE % port], env=os.environ.copy()) as process:
        try:
            wait_until_well(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def measure(
    url: str, paths: Paths, clients: list[int], database: Backends, repeat_s: float
) -> dict[tuple[str, int], Run]:
    """Ask one service everything, each question warmed up by a tenth (tiles by none: they are to be live)."""
    found = {}
    for question, asked in paths.items():
        for many in clients:
            if not asked or (question.startswith("tile") and many != clients[-1]):
                continue  # a second round would find the tiles in the cache
            live = question.startswith("tile")
            if not live:
                run(url, asked[: max(1, len(asked) // 10)], many, database)
            found[question, many] = run(url, asked, many, database, repeat_s=0.0 if live else repeat_s)
    return found


def line(name: str, question: str, many: int, one: Run) -> str:
    """Write one measurement."""
    count = one.count
    return (
        f"  {name:<9}{question:<22}{many} clients {one.per_s:8.1f}/s  p50 {one.p50_ms:7.1f} p99 {one.p99_ms:7.1f} ms"
        f"  server {one.server_s / count * 1000:6.2f} ms  database {one.database_s / count * 1000:6.2f} ms"
        f"  {one.bytes / count / 1000:6.1f} kB"
    )


def main() -> None:
    """Measure and print; exit status 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--tipg", help="a running tipg on the same database")
    parser.add_argument("--pygeoapi", help="a running pygeoapi on the same database")
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="how long wrk repeats a question; 0: no wrk")
    parser.add_argument("--only", nargs="+", choices=list(TARGETS))
    parser.add_argument("--seed", type=int, default=4)
    given = parser.parse_args()
    settings = read_settings()
    with connect(settings, "admin", database="postgres") as connection:
        row = connection.execute("SELECT current_setting('data_directory')").fetchone()
    database = Backends(int((Path(row[0]) / "postmaster.pid").read_text().split()[0]))  # type: ignore[index]
    asked = questions(settings, given.requests, given.seed)
    rivals = {name: url for name in ("tipg", "pygeoapi") if (url := getattr(given, name))}
    runs: dict[str, list[dict[tuple[str, int], Run]]] = {"ours": [], **{name: [] for name in rivals}}
    for repetition in range(given.repetitions):
        print(f"repetition {repetition + 1}, load {os.getloadavg()[0]:.1f}", flush=True)
        with our_service() as url:
            for name, address in {"ours": url, **rivals}.items():
                chosen = {q: p for q, p in asked[name].items() if not given.only or q in given.only}
                if name == "pygeoapi":  # ten times slower: a tenth of the questions says as much
                    chosen = {q: p[: max(20, len(p) // 10)] for q, p in chosen.items()}
                runs[name].append(measure(address, chosen, given.clients, database, given.seconds))
                for (question, many), one in runs[name][-1].items():
                    print(line(name, question, many, one), flush=True)
    sys.exit(0 if judge(runs) else 1)


def judge(runs: dict[str, list[dict[tuple[str, int], Run]]]) -> bool:
    """Print how ours compares, by the median of the repetitions; returns whether every target is met."""
    good = True
    for name in [name for name in runs if name != "ours"]:
        for question, many in runs["ours"][0]:
            pairs = [
                (ours[question, many], theirs[question, many])
                for ours, theirs in zip(runs["ours"], runs[name], strict=True)
                if (question, many) in theirs
            ]
            if not pairs:
                continue
            times = statistics.median(ours.per_s / theirs.per_s for ours, theirs in pairs)
            worse = statistics.median(ours.p99_ms / theirs.p99_ms for ours, theirs in pairs)
            spent = statistics.median(
                (theirs.server_s + theirs.database_s) / theirs.count
                / ((ours.server_s + ours.database_s) / ours.count)
                for ours, theirs in pairs
            )  # fmt: skip
            wanted = TARGETS[question] if name == "tipg" else PYGEOAPI_TARGET
            met = times >= wanted and worse <= 1.0
            if question.startswith("cached tile") and many == 4:
                met = met and statistics.median(ours.p99_ms for ours, _ in pairs) <= CACHED_P99_MS
            good = good and met
            print(
                f"{'ok    ' if met else 'MISSED'} {question:<22} {many} clients: {times:5.1f} times {name} ({wanted:g})"
                f", p99 {worse:.2f} of theirs; by processor time {spent:.1f} times"
            )
    print(json.dumps({"load": os.getloadavg()}))
    return good


if __name__ == "__main__":
    main()
