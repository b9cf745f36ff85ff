"""Fill a database with a synthetic city of a district's size, for benchmarks.lookup. Not through the ingest.

    TWIN_DATA_DIR=/path .venv/bin/python -m benchmarks.fill_city [--assets 1M] [--records 10M] [--entities 350k]

Only a database without buildings is filled; run again with more --assets, it adds the missing ones. Triggers rest
meanwhile, secondary indexes are dropped and made anew; search entries and totals are made at the end (again, when
nothing else is missing).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from twin.cluster.server import connect, start
from twin.migrations.upgrade import upgrade
from twin.settings import read_settings

STEPS = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
# Step -> tables whose indexes rest meanwhile.
TABLES = {
    "places": [],
    "lanes": [],
    "buildings": ["twin.building", "twin.address"],
    "assets": ["twin.asset", "twin.evidence"],
    "entities": ["twin.entity"],
    "records": ["twin.record", "twin.link", "twin.evidence"],
    "live": ["twin.event"],
}
SIZES = {"assets": "1M", "buildings": "200k", "entities": "350k", "records": "10M", "events": "2M", "sensors": "20k"}
LANE_ASSETS = 250  # assets along one street of 900 m on average
INDEXES = """
SELECT format('DROP INDEX %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
FROM pg_index i WHERE i.indrelid = %(table)s::regclass
  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
UNION ALL
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
FROM pg_constraint WHERE conrelid = %(table)s::regclass AND contype = 'u'
"""


def number(text: str) -> int:
    """Read 1M, 350k or 20000."""
    unit = {"k": 1_000, "M": 1_000_000}.get(text[-1], 1)
    return int(float(text.rstrip("kM")) * unit)


def step_text(name: str, sizes: dict[str, int]) -> str:
    """Give the SQL of one step with the sizes filled in."""
    text = STEPS.split(f"-- step: {name}\n")[1].split("-- step: ")[0]
    for key, size in sizes.items():
        text = text.replace(f":{key}", str(size))
    return text


@contextmanager
def without_indexes(cursor: psycopg.Cursor[Any], tables: list[str]) -> Iterator[None]:
    """Drop the tables' secondary indexes and make them anew at the end, in the same transaction."""
    makes = []
    for table in tables:
        for drop, make in cursor.execute(INDEXES.replace("%s", "%%s").replace("%I", "%%I").encode(), {"table": table}):
            makes.append(make)
            connection_cursor = cursor.connection.cursor()
            connection_cursor.execute(drop.encode())
    yield
    for make in makes:
        cursor.execute(make.encode())


def fill(connection: psycopg.Connection[Any], names: list[str], sizes: dict[str, int]) -> None:
    """Run steps, each in one transaction, and say how long each took."""
    for name in names:
        started = time.monotonic()
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica; SET LOCAL synchronous_commit = off")
            cursor.execute("SET LOCAL maintenance_work_mem = '768MB'; SET LOCAL work_mem = '512MB'")
            with without_indexes(cursor, TABLES[name]):
                cursor.execute(step_text(name, sizes).encode())
        print(f"{name:<10} {time.monotonic() - started:7.0f} s", flush=True)


def finish(connection: psycopg.Connection[Any]) -> None:
    """Make the search entries and the totals, which otherwise follow by trigger, and let the planner look."""
    started = time.monotonic()
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL maintenance_work_mem = '768MB'; SET LOCAL work_mem = '256MB'")
        with without_indexes(cursor, ["twin.search_entry"]):
            for kind in ("admin_unit", "grid", "address", "building", "asset", "entity"):
                cursor.execute("SELECT twin.search_rebuild(%s)", (kind,))
    print(f"{'search':<10} {time.monotonic() - started:7.0f} s", flush=True)
    started = time.monotonic()
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '512MB'")
        for table in ("asset", "record", "event"):
            cursor.execute("SELECT twin.area_rebuild(%s)", (table,))
    print(f"{'totals':<10} {time.monotonic() - started:7.0f} s", flush=True)
    connection.execute("VACUUM (ANALYZE)")


def main() -> None:
    """Fill the configured database."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = {
        "assets": "1M",
        "buildings": "200k",
        "entities": "350k",
        "records": "10M",
        "events": "2M",
        "sensors": "20k",
    }
    for name, size in sizes.items():
        parser.add_argument(f"--{name}", type=number, default=number(size))
    given = vars(parser.parse_args())
    given["lanes"] = max(1500, given["assets"] // LANE_ASSETS)
    settings = read_settings()
    start(settings)
    upgrade(settings)
    with connect(settings, "admin", autocommit=True) as connection:
        connection.execute("SET statement_timeout = 0")
        there = {name: connection.execute(f"SELECT count(*) FROM twin.{name}").fetchall()[0][0]
                 for name in ("building", "asset")}  # fmt: skip
        if not there["building"]:
            fill(connection, list(TABLES), given)
        elif there["asset"] < given["assets"] * 0.99:  # a few fall outside the district
            TABLES["assets"].remove("twin.evidence")  # gets no more rows
            fill(connection, ["lanes", "assets"], given)
        finish(connection)


if __name__ == "__main__":
    main()
