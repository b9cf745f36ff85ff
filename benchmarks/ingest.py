"""How fast a delivery goes in, beside ogr2ogr and geopandas on the same server and the same file.

    python -m benchmarks.ingest [--rows 1M] [--workers 2] [--memory 1500] [--repeat 1] [--without-peers] [--search]
                                [--json]

Makes a GeoPackage of building footprints (5 attributes, the city's CRS), takes it in (checked, repaired, with lineage
and history), takes it in again, and loads it with ogr2ogr (PG_USE_COPY=YES, which checks nothing) and geopandas'
to_postgis; with --repeat N all this N times, one after the other in turn, each into emptied tables: the figures are
medians then. The database is a private cluster made for this and removed again, or the server in TWIN_DATABASE_URL,
where a database of its own is made. ogr2ogr is left out where it is missing. Targets: at least half of ogr2ogr's rows a
second, three times to_postgis, the second time three times as fast as the first, 1.5 GB at 10M rows.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from benchmarks.made_buildings import EAST, NORTH, WIDE_M
from benchmarks.peak_memory import peak_memory
from ingest_gis import run_ingest
from ingest_gis.plan_delivery import DeliveryReport, IngestOptions
from twin.cluster import server
from twin.migrations.upgrade import upgrade
from twin.settings import Settings, read_settings

TARGETS = {"of_ogr2ogr": 0.5, "of_to_postgis": 3.0, "again": 3.0, "peak_gb": 1.5}
# 13 towns' worth of unit grids: every house is put into one, as in a real twin.
PLACES = """
WITH town AS (
  INSERT INTO twin.admin_unit (code, level, name_zh, parent_id, geom, geom_m)
  SELECT '370612' || lpad((900 + n)::text, 3, '0'), 4, '镇' || n,
         (SELECT admin_id FROM twin.admin_unit WHERE code = '370612'), ST_Multi(ST_Transform(box, 4490)), ST_Multi(box)
  FROM (SELECT n, ST_MakeEnvelope(%(e)s + n * %(w)s / 13, %(n)s, %(e)s + (n + 1) * %(w)s / 13, %(n)s + %(w)s,
                                  %(srid)s) AS box FROM generate_series(0, 12) n) towns
  RETURNING admin_id, code
)
INSERT INTO twin.grid (code, admin_id, geom, geom_m)
SELECT u.code || lpad((r / 1000 + 1)::text, 3, '0') || lpad((r %% 1000)::text, 3, '0'), u.admin_id,
       ST_Transform(box, 4490), box
FROM town u CROSS JOIN generate_series(0, 2399) r
  CROSS JOIN LATERAL (SELECT %(e)s + (right(u.code, 2)::int + (r %% 20) / 20.0) * %(w)s / 13 AS x,
                             %(n)s + (r / 20) * %(w)s / 120 AS y) corner
  CROSS JOIN LATERAL (SELECT ST_MakeEnvelope(x, y, x + %(w)s / 260, y + %(w)s / 120, %(srid)s) AS box) b
"""


@contextmanager
def own_database() -> Iterator[Settings]:
    """Give an empty twin: in a private cluster of its own, or in a database of its own on the server given."""
    given = read_settings()
    if given.database_url is None:
        with tempfile.TemporaryDirectory(prefix="twin-benchmark-") as folder:
            Path(folder).chmod(0o755)
            settings = replace(given, data_dir=Path(folder) / "var")
            server.start(settings)
            try:
                upgrade(settings)
                yield settings
            finally:
                server.stop(settings)
        return
    with server.connect(given, "admin", autocommit=True) as connection:
        connection.execute("CREATE DATABASE twin_benchmark")
    settings = server.for_database(given, "twin_benchmark")
    try:
        upgrade(settings)
        yield settings
    finally:
        with server.connect(given, "admin", autocommit=True) as connection:
            connection.execute("DROP DATABASE twin_benchmark WITH (FORCE)")


def make_places(settings: Settings) -> None:
    """Put towns and unit grids under the houses."""
    values = {"e": EAST, "n": NORTH, "w": WIDE_M, "srid": settings.city.working_srid}
    with server.connect(settings, "owner") as connection, psycopg.ClientCursor(connection) as cursor:
        cursor.execute(PLACES, values)


def take(settings: Settings, path: Path, options: IngestOptions) -> tuple[DeliveryReport, float, int]:
    """Take the file in. Returns the report, the seconds of the whole command without the search, and peak bytes."""
    began = time.monotonic()
    with peak_memory() as peak:
        (report,) = run_ingest.ingest_files(settings, [path], options)
    if report.error is not None:
        raise report.error
    return report, time.monotonic() - began, peak.total


def ogr2ogr(settings: Settings, path: Path) -> float | None:
    """Load the file with ogr2ogr. Returns seconds, None where it is not installed."""
    if shutil.which("ogr2ogr") is None:
        return None
    began = time.monotonic()
    target = "PG:" + make_conninfo(server.dsn(settings, "admin"), options="")
    command = ["ogr2ogr", "-q", "-f", "PostgreSQL", target, str(path), "-nln", "benchmark.by_ogr2ogr", "buildings"]
    subprocess.run(command, check=True, env={**os.environ, "PG_USE_COPY": "YES"}, stderr=subprocess.DEVNULL)
    return time.monotonic() - began


def to_postgis(settings: Settings, path: Path) -> float:
    """Load the file with geopandas. Returns seconds."""
    import geopandas
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(server.dsn(settings, "admin")), poolclass=NullPool
    )
    began = time.monotonic()
    table = geopandas.read_file(path)
    table.to_postgis("by_geopandas", engine, schema="benchmark", chunksize=50_000)
    return time.monotonic() - began


def empty(settings: Settings) -> None:
    """Take away what the last round has loaded."""
    with server.connect(settings, "admin", autocommit=True) as connection:
        connection.execute("TRUNCATE twin.building, twin.search_pending CASCADE")
        connection.execute("DROP SCHEMA IF EXISTS benchmark CASCADE")
        connection.execute("CREATE SCHEMA benchmark")
        connection.execute("CHECKPOINT")


def measure(arguments: argparse.Namespace, folder: Path, settings: Settings) -> dict[str, Any]:
    """Run everything as often as asked for. Returns the figures: medians, and all seconds by name in `all_s`."""
    rows, path = arguments.rows, folder / "buildings.gpkg"
    # In a process of its own, so that its memory is not counted.
    subprocess.run([sys.executable, "-m", "benchmarks.made_buildings", str(path), str(rows)], check=True)
    make_places(settings)
    options = IngestOptions(workers=arguments.workers, memory_mb=arguments.memory, follow=arguments.search)
    figures: dict[str, Any] = {"rows": rows, "file_mb": round(path.stat().st_size / 1e6), "peak_gb": 0.0}
    seconds: dict[str, list[float]] = {}
    for _ in range(arguments.repeat):
        empty(settings)
        for name in ("first", "again"):
            report, taken_s, peak = take(settings, path, options)
            seconds.setdefault(name, []).append(taken_s)
            figures |= {name: vars(report.counts), "peak_gb": max(figures["peak_gb"], peak / 1e9)}
            if name == "first":
                figures |= {"reasons": dict(report.reasons), "notes": dict(report.notes)}
        if not arguments.without_peers:
            by_ogr2ogr = ogr2ogr(settings, path)
            seconds.setdefault("ogr2ogr", []).extend([] if by_ogr2ogr is None else [by_ogr2ogr])
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:  # its memory is not ours
                seconds.setdefault("to_postgis", []).append(pool.submit(to_postgis, settings, path).result())
    figures |= {f"{name}_s": median(taken) for name, taken in seconds.items() if taken} | {"all_s": seconds}
    figures["again_faster"] = figures["first_s"] / figures["again_s"]
    for name in ("ogr2ogr", "to_postgis"):
        if f"{name}_s" in figures:
            figures[f"of_{name}"] = figures[f"{name}_s"] / figures["first_s"]
    return figures


def show(figures: dict[str, Any]) -> None:
    """Print the table."""
    rows = figures["rows"]
    print(f"{rows:,} polygons, 5 attributes, {figures['file_mb']} MB; {platform.machine()}, {os.cpu_count()} cores")
    for name, key in (("twin ingest", "first_s"), ("the same file again", "again_s"), ("ogr2ogr, COPY", "ogr2ogr_s"),
                      ("geopandas to_postgis", "to_postgis_s")):  # fmt: skip
        seconds, each = figures.get(key), sorted(figures["all_s"].get(key.removesuffix("_s"), ()))
        spread = f"   {each[0]:.1f} to {each[-1]:.1f} s" if len(each) > 1 else ""
        said = "  not here" if seconds is None else f"{seconds:9.1f} s {rows / seconds:12,.0f} rows/s{spread}"
        print(f"  {name:24}{said}")
    print(f"  {figures['first']}\n  again {figures['again']}\n  {figures['reasons']} {figures['notes']}")
    for name, target in TARGETS.items():
        value = figures.get("again_faster" if name == "again" else name)
        if value is not None:
            kept = value <= target if name == "peak_gb" else value >= target
            print(f"  {name}: {value:.2f} (target {target}) {'ok' if kept else 'MISSED'}")


def _count(text: str) -> int:
    return int(float(text.upper().removesuffix("M")) * 1_000_000) if text.upper().endswith("M") else int(text)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=_count, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--memory", type=int, default=1500)
    parser.add_argument("--repeat", type=int, default=1, help="measure so many times in turn and give medians")
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--search", action="store_true", help="wait for the search to follow, too")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="twin-delivery-") as folder, own_database() as settings:
        figures = measure(arguments, Path(folder), settings)
    if arguments.json:
        json.dump(figures, sys.stdout, indent=1)
    else:
        show(figures)


if __name__ == "__main__":
    main()
