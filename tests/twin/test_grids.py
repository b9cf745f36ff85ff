"""Unit grids: order of numbers, topology, split and merge with everything that stands in them, management grids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.affinity import rotate
from typer.testing import CliRunner

from tests.databases import Database
from twin.cli.grid import app
from twin.crs import transformer
from twin.errors import BadInput, Conflict, NotFound
from twin.queries.grid_order import reading_order

EAST, NORTH = 376_000.0, 4_140_000.0
COMMUNITY = "370612001001"
runner = CliRunner()
INSERT_UNIT = """
INSERT INTO twin.admin_unit AS u (code, level, name_zh, geom, geom_m)
VALUES (%(code)s, 5, '东关社区', ST_Multi(ST_Transform(ST_GeomFromText(%(wkt)s, 4550), 4490)),
        ST_Multi(ST_GeomFromText(%(wkt)s, 4550)))
ON CONFLICT (code) DO UPDATE SET geom = excluded.geom, geom_m = excluded.geom_m
"""
INSERT_GRID = """
INSERT INTO twin.grid (code, admin_id, name_zh, land_use_code, geom, geom_m)
SELECT %(code)s, u.admin_id, '格', '0701', ST_Transform(g, 4490), g
FROM twin.admin_unit u, ST_GeomFromText(%(wkt)s, 4550) g WHERE u.code = left(%(code)s, 12)
"""
INSERT_LAMP = """
INSERT INTO twin.asset (class_id, code, grid_id, geom, geom_m)
SELECT 18, %(code)s, (SELECT grid_id FROM twin.grid WHERE code = %(grid)s),
       ST_Transform(ST_GeomFromText(%(wkt)s, 4550), 4490), ST_GeomFromText(%(wkt)s, 4550)
"""


def box(east_m: float, north_m: float, size_m: float = 100.0) -> str:
    return shapely.box(EAST + east_m, NORTH + north_m, EAST + east_m + size_m, NORTH + north_m + size_m).wkt


def line(*points_m: tuple[float, float]) -> str:
    east, north = (np.array(axis) for axis in zip(*points_m, strict=True))
    lon, lat = transformer("EPSG:4550", "EPSG:4490").transform(EAST + east, NORTH + north)
    return shapely.LineString(np.column_stack([lon, lat])).wkt


@pytest.fixture
def grids(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A community of 200 x 200 m with four unit grids numbered as they are read, a lamp in the first."""
    monkeypatch.setenv("TWIN_DATA_DIR", str(database.settings.data_dir))
    monkeypatch.setenv("TWIN_DATABASE_URL", str(database.settings.database_url))
    monkeypatch.setenv("COLUMNS", "200")
    database.fetch(INSERT_UNIT, {"code": COMMUNITY, "wkt": box(0, 0, 200)})
    for serial, (east, north) in enumerate([(0, 100), (100, 100), (0, 0), (100, 0)], 1):
        database.fetch(INSERT_GRID, {"code": f"{COMMUNITY}{serial:03d}", "wkt": box(east, north)})
    spot = f"POINT({EAST + 80} {NORTH + 150})"
    database.fetch(INSERT_LAMP, {"code": "3706120118000001", "grid": f"{COMMUNITY}001", "wkt": spot})
    return database


def run(*arguments: str, status: int = 0) -> str:
    result = runner.invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result.output


def findings(*arguments: str, status: int = 0) -> list[dict[str, Any]]:
    result = runner.invoke(app, ["check", *arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == status, result.output
    return list(json.loads(result.stdout))


@settings(max_examples=60)
@given(columns=st.integers(1, 6), rows=st.integers(1, 6), shake=st.floats(0, 0.2), seed=st.integers(0, 99))
def test_numbers_run_from_west_to_east_in_rows_from_north_to_south(
    columns: int, rows: int, shake: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    east, north = np.meshgrid(np.arange(columns) * 100.0, -np.arange(rows) * 100.0)
    centres = np.column_stack([east.ravel(), north.ravel()]) + rng.uniform(-shake, shake, (columns * rows, 2)) * 100
    shuffled = rng.permutation(len(centres))
    order = reading_order(centres[shuffled], np.full(len(centres), 100.0))
    assert shuffled[order].tolist() == list(range(len(centres)))


def test_grids_without_fault_give_no_finding(grids: Database) -> None:
    assert findings() == []
    assert "faults 0" in run("check", COMMUNITY)


@pytest.mark.parametrize(
    ("change", "kind", "area_m2"),
    [
        (("DELETE FROM twin.grid WHERE code = '370612001001004'", None), "grid_gap", 10_000),
        (("002", box(90, 100, 110)), "grid_overlap", 1_000),
        (("002", box(100, 100, 120)), "grid_outside", 120 * 120 - 100 * 100),
        (("002", f"POLYGON(({EAST + 100} {NORTH + 100}, {EAST + 200} {NORTH + 200}, {EAST + 200} {NORTH + 100}, "
                 f"{EAST + 100} {NORTH + 200}, {EAST + 100} {NORTH + 100}))"), "grid_invalid", None),
    ],
)  # fmt: skip
def test_a_fault_in_the_cover_is_found_where_it_is(
    grids: Database, change: tuple[str, str | None], kind: str, area_m2: float | None
) -> None:
    if change[1] is None:
        grids.fetch(change[0])
    else:
        set_shape = "UPDATE twin.grid SET geom_m = ST_GeomFromText(%s, 4550) WHERE code = %s"
        grids.fetch(set_shape, (change[1], COMMUNITY + change[0]))
    found = [finding for finding in findings(status=1) if finding["kind"] == kind]
    assert found, kind
    if area_m2 is not None:
        assert sum(finding["area_m2"] for finding in found) == pytest.approx(area_m2, abs=1)
    east, north = transformer("EPSG:4490", "EPSG:4550").transform(found[0]["lon"], found[0]["lat"])
    assert -1 < east - EAST < 221
    assert -1 < north - NORTH < 221


def test_grids_of_different_communities_may_not_overlap(grids: Database) -> None:
    grids.fetch(INSERT_UNIT, {"code": "370612001002", "wkt": box(200, 0, 200)})
    grids.fetch(INSERT_GRID, {"code": "370612001002001", "wkt": box(190, 0, 210)})
    kinds = {finding["kind"] for finding in findings("370612001002", status=1)}
    assert kinds == {"grid_overlap", "grid_outside"}


def test_a_building_on_a_boundary_is_a_remark(grids: Database) -> None:
    grids.fetch(
        "INSERT INTO twin.building (code, geom, geom_m) SELECT 'b1', ST_Multi(ST_Transform(g, 4490)), ST_Multi(g) "
        "FROM ST_GeomFromText(%s, 4550) g",
        (box(95, 40, 10),),
    )
    (finding,) = findings()
    assert (finding["kind"], finding["is_wrong"]) == ("building_cut", False)
    assert finding["codes"] == [f"{COMMUNITY}003", f"{COMMUNITY}004", "b1"]


def test_a_split_ends_the_old_code_and_moves_what_stands_there(grids: Database) -> None:
    said = run("split", f"{COMMUNITY}001", line((50, 90), (50, 210)), "--by", "张工")
    assert f"{COMMUNITY}005, {COMMUNITY}006" in said
    assert findings() == []
    lamp = "SELECT g.code FROM twin.asset a JOIN twin.grid g USING (grid_id)"
    assert grids.fetch(lamp) == [(f"{COMMUNITY}006",)], "80 m east of the corner: the eastern part"
    rows = {row["code"]: row for row in json.loads(run("list", COMMUNITY, "--ended", "--json"))}
    assert rows[f"{COMMUNITY}001"]["valid_to"] is not None
    assert rows[f"{COMMUNITY}001"]["became"] == [f"{COMMUNITY}005", f"{COMMUNITY}006"]
    assert rows[f"{COMMUNITY}005"]["land_use_code"] == "0701"
    assert grids.fetch("SELECT DISTINCT decided_by FROM twin.grid_succession") == [("张工",)]
    assert grids.fetch("SELECT count(*) FROM history.version WHERE table_name = 'asset' AND operation = 'U'") == [(1,)]


def test_a_merge_joins_neighbours_and_a_code_is_never_used_again(grids: Database) -> None:
    run("merge", f"{COMMUNITY}001", f"{COMMUNITY}002")
    run("split", f"{COMMUNITY}005", line((100, 90), (100, 210)))
    current = [row["code"] for row in json.loads(run("list", COMMUNITY, "--json"))]
    assert current == [f"{COMMUNITY}{serial}" for serial in ("003", "004", "006", "007")]
    assert findings() == []


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("split", "001", "LINESTRING(121.0 37.0, 121.1 37.0)"), BadInput, "没有把网格切开"),
        (("split", "001", "POINT(121.0 37.0)"), BadInput, "不是一条线|没有把网格切开"),
        (("split", "001", "nonsense"), BadInput, "不是一条线"),
        (("split", "009", "LINESTRING(121.0 37.0, 121.1 37.0)"), NotFound, "现行网格"),
        (("merge", "001", "004"), BadInput, "不相邻"),
        (("merge", "001", "001"), BadInput, "至少两个"),
        (("merge", "001", "009"), NotFound, "009"),
    ],
)
def test_what_cannot_be_done_changes_nothing(
    grids: Database, arguments: tuple[str, ...], error: type[Exception], message: str
) -> None:
    given = [COMMUNITY + text if text.isdigit() else text for text in arguments]
    with pytest.raises(error, match=message):
        run(*given)
    assert grids.fetch("SELECT count(*) FROM twin.grid WHERE valid_to IS NULL") == [(4,)]


def test_management_grids_are_unions_of_neighbours(grids: Database) -> None:
    units = [f"{COMMUNITY}{serial:03d}" for serial in (1, 2, 3, 4)]
    run("manage", "M1", "一格", *units[:2])
    with pytest.raises(BadInput, match="不相邻"):
        run("manage", "M2", "二格", units[0], units[3])
    with pytest.raises(Conflict, match=f"{units[1]} 已属于 M1"):
        run("manage", "M2", "二格", units[1], units[3])
    run("manage", "E1", "考评", *units, "--kind", "evaluation")
    run("split", units[0], line((50, 90), (50, 210)))
    told = {row["code"]: row["units"] for row in json.loads(run("managed", "--json"))}
    assert told["M1"] == [units[1], f"{COMMUNITY}005", f"{COMMUNITY}006"], "its parts take the place of a split grid"
    run("unmanage", "M1")
    assert [row["code"] for row in json.loads(run("managed", "--json"))] == ["E1"]


def test_drawn_grids_are_numbered_and_can_be_delivered(grids: Database, tmp_path: Path) -> None:
    shapes = [rotate(shapely.from_wkt(box(e, n)), 3, origin=(EAST, NORTH)) for n in (0, 100) for e in (100, 0)]
    drawn = tmp_path / "drawn.gpkg"
    pyogrio.write_dataframe(geopandas.GeoDataFrame(geometry=shapes, crs="EPSG:4550"), drawn)
    out = tmp_path / "grids.gpkg"
    run("number", str(drawn), "--community", "370612001003", "--out", str(out))
    numbered = geopandas.read_file(out).set_index("code").geometry
    assert list(numbered.index) == [f"370612001003{serial:03d}" for serial in (1, 2, 3, 4)]
    centres = [numbered.iloc[i].centroid for i in range(4)]
    assert centres[0].x < centres[1].x
    assert centres[0].y > centres[2].y
    with pytest.raises(BadInput, match="12位"):
        run("number", str(drawn), "--community", "37061", "--out", str(out))
