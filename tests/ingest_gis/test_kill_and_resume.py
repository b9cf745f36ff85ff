"""kill -9 in the middle of a load, then the same command again: no row lost, none doubled."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from ingest_gis.load import BatchLoader, Delivery
from ingest_gis.mappings import SHIPPED, read_mapping
from ingest_gis.plan_delivery import IngestOptions
from ingest_gis.refusals import file_sha256
from ingest_gis.run_ingest import ingest_files
from tests.databases import Database
from tests.ingest_gis.delivered_rows import asset_rows, take, write_csv
from twin.errors import Conflict
from twin.session import Actor

ROWS = 1500
LOAD = """
import sys
from dataclasses import replace
from pathlib import Path
from ingest_gis.follow_up import FOLLOWING_SEARCH, FOLLOWING_TOTALS
from ingest_gis.plan_delivery import IngestOptions
from ingest_gis.run_ingest import ingest_files
from twin.settings import read_settings
settings = replace(read_settings({}), database_url=sys.argv[1])
def say(what, done, total):
    if what not in (FOLLOWING_SEARCH, FOLLOWING_TOTALS):
        print(done, flush=True)
ingest_files(settings, [Path(sys.argv[2])], IngestOptions(batch_rows=100), say)
"""
STATE = """
SELECT (SELECT count(*) FROM twin.asset), (SELECT count(*) FROM twin.set_aside),
       (SELECT count(*) FROM history.version WHERE table_name = 'asset'),
       (SELECT count(*) FROM private.quarantine), (SELECT count(DISTINCT row_no) FROM private.quarantine)
"""
CONTENT = """
SELECT md5(string_agg(
  concat_ws('|', a.code, a.name_zh, a.state, ST_AsEWKT(a.geom_m), a.attributes, a.row_no), ',' ORDER BY a.code))
FROM twin.asset a
"""


@pytest.fixture
def delivery(tmp_path: Path) -> Path:
    """Rows with faults all over, duplicates far apart among them."""
    rows = asset_rows(ROWS - 30)
    draw = random.Random(5)  # noqa: S311
    for at in range(10, len(rows), 150):
        rows[at]["标识码"] = ""
    for at in draw.sample([n for n in range(100) if n % 150 != 10], 30):
        rows.append(dict(rows[at]))
    return write_csv(tmp_path / "assets.csv", rows)


def progress_of(database: Database, path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start a load in a process of its own and yield it after every batch it has settled."""
    process = subprocess.Popen(
        [sys.executable, "-c", LOAD, str(database.settings.database_url), str(path)], stdout=subprocess.PIPE, text=True
    )
    with process:
        for line in process.stdout or ():
            yield process, int(line)
    assert process.returncode in (0, -9)


@pytest.mark.kill
def test_a_load_killed_again_and_again_ends_as_an_unbroken_one(
    database: Database, module_database: Database, delivery: Path
) -> None:
    draw = random.Random(20261124)  # noqa: S311
    kills, done = 0, 0
    while done < ROWS:
        patience = draw.randint(1, 5)
        for settled, (process, done) in enumerate(progress_of(database, delivery), 1):
            if settled == patience and done < ROWS:
                process.kill()
                kills += 1
                break
        assert kills < 60
    assert kills >= 3
    report = take(module_database, delivery)[0]
    assert database.fetch(STATE) == module_database.fetch(STATE)
    assert database.fetch(CONTENT) == module_database.fetch(CONTENT)
    counts = database.fetch("SELECT read, inserted, changed, unchanged, rejected, state, checkpoint FROM twin.batch")
    assert counts == [(ROWS, report.counts.inserted, 0, 0, report.counts.rejected, "done", ROWS)]
    again = take(database, delivery)[0]
    assert again.counts.unchanged == report.counts.inserted


def test_a_broken_load_is_carried_on_and_says_so(database: Database, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", asset_rows(60))
    first = progress_of(database, path)
    process, _ = next(first)
    process.kill()
    first.close()
    report = ingest_files(database.settings, [path], IngestOptions(batch_rows=100))[0]
    assert report.error is None
    assert report.counts.read == 60
    assert database.fetch("SELECT count(*), sum(read) FROM twin.batch WHERE state = 'done'")[0][1] >= 60
    assert database.fetch("SELECT count(*) FROM twin.asset") == [(60,)]


def test_the_same_file_is_not_loaded_twice_at_once(database: Database, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", asset_rows(5))
    take(database, path)
    mapping = read_mapping(SHIPPED / "assets.yaml")
    department = database.fetch("SELECT department_id FROM twin.batch")[0][0]
    held = Delivery(path.name, file_sha256(path), None, mapping, department, None, None, None)
    actor = Actor("test", role="ingest", department_id=department)
    with database.connect("ingest", autocommit=True) as connection, BatchLoader(connection, held, actor).open():
        report = ingest_files(database.settings, [path], IngestOptions())[0]
        assert isinstance(report.error, Conflict)
    assert take(database, path)[0].counts.unchanged == 5


def test_overlapping_files_at_once_give_the_same_as_one_after_the_other(database: Database, tmp_path: Path) -> None:
    paths = [write_csv(tmp_path / f"{first}.csv", asset_rows(800, first=first)) for first in (1, 401)]
    loads = [progress_of(database, path) for path in paths]
    for _ in range(8):
        for load in loads:
            next(load)
    for load in loads:
        assert list(load) == []
    assert database.fetch("SELECT count(*), count(DISTINCT code) FROM twin.asset") == [(1200, 1200)]
    assert database.fetch("SELECT sum(inserted), sum(unchanged), sum(read) FROM twin.batch") == [(1200, 400, 1600)]


def test_a_lost_connection_leaves_whole_batches_only(database: Database, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", asset_rows(300))
    load = progress_of(database, path)
    next(load)
    with psycopg.connect(database.dsn("admin"), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            (database.name,),
        )
    with pytest.raises(AssertionError):
        list(load)
    (rows,) = database.fetch("SELECT count(*) FROM twin.asset")[0]
    assert rows % 100 == 0
    take(database, path)
    assert database.fetch("SELECT count(*) FROM twin.asset") == [(300,)]
