"""kill -9 at fifty moments drawn by chance, indexes set aside, one process or two: nothing is lost or doubled."""

from __future__ import annotations

import random
from pathlib import Path
from time import monotonic

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely

from ingest_gis.plan_delivery import IngestOptions
from ingest_gis.run_ingest import ingest_files
from tests.databases import Database
from tests.ingest_gis.delivered_rows import EAST, NORTH, take
from tests.ingest_gis.nursery import nursery
from twin.errors import SchedulerUnavailable

HOUSES = 900
KILLS = 50
MOST_S = 3.0  # on a machine so busy that a load takes longer, later moments are reached by going on
INDEXES = "SELECT indexname FROM pg_indexes WHERE tablename = 'building' ORDER BY 1"
REFERENCES = "SELECT conname FROM pg_constraint WHERE conrelid = 'twin.building'::regclass ORDER BY 1"
CONTENT = """
SELECT md5(string_agg(concat_ws('|', code, name_zh, storeys, ST_AsEWKB(geom_m), row_no, row_hash, raw_hash), ','
                      ORDER BY code)), count(*), count(DISTINCT code) FROM twin.building
"""
SETTLED = (
    "SELECT read, inserted, changed, unchanged, rejected FROM twin.batch WHERE state = 'done' ORDER BY 1 DESC LIMIT 1"
)
# Of each delivery that came to its end: what is killed just after that leaves its refused rows beside the next one's.
SET_ASIDE = """SELECT DISTINCT count(*) FROM private.quarantine q JOIN twin.batch b USING (batch_id)
WHERE b.state = 'done' GROUP BY batch_id"""
# A kill may lose the run that works on the parts, never a part; what was drawn to be killed early has settled nothing.
OPTIONS = {"batch_rows": 60, "large_rows": 100, "follow": False}


def write_houses(path: Path, count: int) -> Path:
    """Write houses with faults: crossed outlines, repeated rows, a code twice."""
    number = np.arange(count)
    shapes = shapely.box(EAST + number % 30 * 20, NORTH + number // 30 * 20, EAST + number % 30 * 20 + 9,
                         NORTH + number // 30 * 20 + 9)  # fmt: skip
    table = geopandas.GeoDataFrame(
        {"JZBM": [f"37061200{n // 9000:04d}{n % 9000 + 1:04d}" for n in number],
         "JZMC": [f"民房{n}" for n in number], "YT": "住宅", "CS": number % 9 + 1, "DZ": ""},
        geometry=shapes, crs="EPSG:4550",
    )  # fmt: skip
    bow = shapely.Polygon([(EAST, NORTH), (EAST + 9, NORTH + 9), (EAST + 9, NORTH), (EAST, NORTH + 9)])
    table.loc[count // 3, "geometry"] = bow
    table.loc[count - 2] = table.loc[5]
    table.loc[count - 1, "JZBM"] = table.loc[6, "JZBM"]
    pyogrio.write_dataframe(table, path)
    return path


@pytest.fixture(scope="module")
def unbroken(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> tuple[object, object, float]:
    """The file taken in without a break: what stands then, the counts, and how long it took."""
    began = monotonic()
    take(module_database, write_houses(tmp_path_factory.mktemp("unbroken") / "h.gpkg", HOUSES), **OPTIONS, workers=1)
    return module_database.fetch(CONTENT), module_database.fetch(SETTLED), monotonic() - began


@pytest.mark.kill
def test_fifty_kills_end_as_an_unbroken_load(
    database: Database, tmp_path: Path, unbroken: tuple[object, object, float]
) -> None:
    content, settled, whole_s = unbroken
    path = write_houses(tmp_path / "h.gpkg", HOUSES)
    indexes, references = database.fetch(INDEXES), database.fetch(REFERENCES)
    draw = random.Random(20261128)  # noqa: S311 - the same draw every time
    killed = 0
    with nursery() as loads:
        while killed < KILLS:
            workers = 2 if killed % 5 == 4 else 1
            process = loads.start(database, path, **OPTIONS, workers=workers)
            status = loads.kill_after(process, draw.uniform(0.1, 1.1) * min(whole_s, MOST_S))
            assert status in (0, -9)
            killed += status == -9
            if status == 0:  # it has come to its end: once more from the beginning
                assert database.fetch(CONTENT) == content
                database.fetch("DELETE FROM twin.building", role="ingest")
                database.fetch("UPDATE twin.batch SET state = 'rolled_back'", role="ingest")
    take(database, path, **OPTIONS, workers=2)
    assert database.fetch(CONTENT) == content
    assert database.fetch(SETTLED) == settled
    assert database.fetch("SELECT count(*) FROM twin.set_aside") == [(0,)]
    assert (database.fetch(INDEXES), database.fetch(REFERENCES)) == (indexes, references)
    assert database.fetch(SET_ASIDE) == [(3,)]


def test_two_processes_load_the_same_as_one(database: Database, tmp_path: Path, unbroken: tuple[object, ...]) -> None:
    report = take(database, write_houses(tmp_path / "h.gpkg", HOUSES), **OPTIONS, workers=2)[0]
    assert database.fetch(CONTENT) == unbroken[0]
    assert report.reasons == {"geometry_beyond_repair": 1, "duplicate_row": 1, "duplicate_key": 1}
    again = take(database, write_houses(tmp_path / "h.gpkg", HOUSES), **OPTIONS, workers=2)[0]
    assert (again.counts.unchanged, again.counts.rejected) == (HOUSES - 3, 3)


def test_overlapping_files_at_once_give_what_one_after_the_other_gives(database: Database, tmp_path: Path) -> None:
    first = write_houses(tmp_path / "a.gpkg", HOUSES)
    table = geopandas.read_file(first).iloc[300:]
    table["JZMC"] = "改名"
    second = tmp_path / "b.gpkg"
    pyogrio.write_dataframe(table, second)
    with nursery() as one, nursery() as other:
        one.start(database, first, **OPTIONS, workers=1)
        other.start(database, second, **OPTIONS, workers=1)
        assert (one.finish(), other.finish()) == (0, 0)
    names = database.fetch("SELECT count(*) FILTER (WHERE name_zh = '改名'), count(*) FROM twin.building")
    # Whoever came last has the word on all rows of both, none is mixed.
    assert names in ([(599, 897)], [(0, 897)])
    done = database.fetch("SELECT count(*), sum(read) FROM twin.batch WHERE state = 'done'")
    assert done == [(2, HOUSES + HOUSES - 300)]


def test_a_dask_cluster_loads_the_same(database: Database, tmp_path: Path, unbroken: tuple[object, ...]) -> None:
    from distributed import LocalCluster

    path = write_houses(tmp_path / "h.gpkg", HOUSES)
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster:
        report = take(database, path, **OPTIONS, scheduler=cluster.scheduler_address)[0]
    assert report.counts.inserted == HOUSES - 3
    assert database.fetch(CONTENT) == unbroken[0]


def test_a_cluster_that_does_not_answer_is_said(database: Database, tmp_path: Path) -> None:
    path = write_houses(tmp_path / "h.gpkg", HOUSES)
    options = IngestOptions(**OPTIONS, scheduler="tcp://127.0.0.1:1")  # type: ignore[arg-type]
    assert isinstance(ingest_files(database.settings, [path], options)[0].error, SchedulerUnavailable)
    assert take(database, path, **OPTIONS)[0].counts.inserted == HOUSES - 3
