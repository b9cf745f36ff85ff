"""POST /summary: right at the edges and at any moment, and silent about few people, also by subtraction."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pyproj import Transformer
from starlette.testclient import TestClient
from typer.testing import CliRunner

from api import examples_of_areas as examples
from api.app import create_app
from tests.api.conftest import LIMITS, City
from tests.databases import Database
from twin.cli.area import app as commands
from twin.errors import BadInput

pytestmark = pytest.mark.xdist_group("summary")  # one city of squares

WEST, SOUTH, SIDE = 376_400.0, 4_139_300.0, 3_000.0
TO_LONLAT = Transformer.from_crs("EPSG:4550", "EPSG:4490", always_xy=True)
GRIDS, GRID_M = 5, 600.0
FILL = f"""
INSERT INTO twin.department (code, name_zh) SELECT 'D' || n, '部门' || n FROM generate_series(1, 3) n;
INSERT INTO twin.asset (class_id, code, state, geom, geom_m, supervising_department_id, valid_from)
SELECT 1 + n % 4, 'A' || n, (ARRAY['完好', '破损'])[1 + n % 2], ST_Transform(g, 4490), g, nullif(n % 4, 0),
       make_timestamptz(2000 + n % 9, 6, 1, 0, 0, 0, 'UTC')
FROM generate_series(1, 700) n CROSS JOIN LATERAL (SELECT ST_SetSRID(ST_MakePoint(
  {WEST} + (n * 7919) % 3000, {SOUTH} + (n * 104729) % 3000), 4550) AS p) s
  CROSS JOIN LATERAL (SELECT CASE n % 4 WHEN 0 THEN ST_MakeLine(p, ST_Translate(p, 90, 40)) WHEN 1 THEN ST_Expand(p, 20)
                             ELSE p END AS g) shape;
INSERT INTO twin.record (department_id, kind, source_key, title_zh, geom, geom_m)
SELECT supervising_department_id, 'permit', code, code, geom, geom_m FROM twin.asset
WHERE supervising_department_id IS NOT NULL AND GeometryType(geom) = 'POINT';
INSERT INTO twin.admin_unit (code, level, name_zh, geom, geom_m)
SELECT '370612999999', 5, '方格村', ST_Multi(ST_Transform(m, 4490)), ST_Multi(m)
FROM (SELECT ST_MakeEnvelope({WEST}, {SOUTH}, {WEST + SIDE}, {SOUTH + SIDE}, 4550) AS m) s;
INSERT INTO twin.grid (code, admin_id, geom, geom_m)
SELECT '370612999999' || lpad((c * 10 + r)::text, 3, '0'), u.admin_id, ST_Transform(m, 4490), m
FROM twin.admin_unit u, generate_series(0, {GRIDS - 1}) c, generate_series(0, {GRIDS - 1}) r,
  LATERAL (SELECT {WEST} + c * {GRID_M} AS w, {SOUTH} + r * {GRID_M} AS s) corner,
  LATERAL (SELECT ST_MakeEnvelope(w, s, w + {GRID_M}, s + {GRID_M}, 4550) AS m) box
WHERE u.code = '370612999999';
INSERT INTO twin.entity (type_code, code, grid_id)
SELECT CASE WHEN n % 3 = 0 THEN 'E03' ELSE 'E02' END, 'P' || grid_id || '-' || n, grid_id
FROM twin.grid, generate_series(1, (grid_id * 7 % 9) * 6) n;
"""
TOTALS = """
SELECT level, col, "row", what, key, n, round(length_m::numeric, 6), round(area_m2::numeric, 6) FROM twin.area_total
ORDER BY 1, 2, 3, 4, 5
"""
SPOTS = """
SELECT asset_id, class_id, state, ST_AsBinary(CASE WHEN GeometryType(geom_m) = 'POINT' THEN geom_m
                                              ELSE ST_PointOnSurface(geom_m) END)
FROM twin.asset WHERE valid_to IS NULL ORDER BY asset_id
"""
metres = st.integers(-200, 3200)
boxes = st.tuples(metres, metres, metres, metres).filter(lambda b: abs(b[0] - b[2]) > 5 and abs(b[1] - b[3]) > 5)


@pytest.fixture(scope="module")
def squares(module_database: Database) -> Database:
    with module_database.connect("admin", autocommit=True) as connection:
        connection.execute(FILL.encode())
    return module_database


@pytest.fixture(scope="module")
def asking(squares: Database) -> Iterator[TestClient]:
    with TestClient(create_app(squares.settings, limits=LIMITS), raise_server_exceptions=False) as running:
        yield running


def outline(*offsets: tuple[float, float]) -> shapely.Polygon:
    """Give a convex polygon by offsets (metres) from the city of squares' corner."""
    points = np.array(offsets, dtype=np.float64) + np.array([WEST, SOUTH])
    return shapely.MultiPoint(points).convex_hull


def summed(client: TestClient, area: shapely.Geometry) -> Any:
    degrees = shapely.transform(area, lambda xy: np.column_stack(TO_LONLAT.transform(xy[:, 0], xy[:, 1])))
    answer = client.post("/summary", json={"polygon": shapely.geometry.mapping(degrees)})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_command_gives_the_apis_answer(
    client: TestClient, city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWIN_DATA_DIR", str(city.database.settings.data_dir))
    monkeypatch.setenv("TWIN_DATABASE_URL", str(city.database.settings.database_url))
    monkeypatch.setenv("COLUMNS", "200")
    asked = examples.SUMMARY_ASKED["polygon"]["value"]
    file = tmp_path / "area.geojson"
    feature = {"type": "Feature", "properties": {}, "geometry": asked["polygon"]}
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    run = CliRunner().invoke(commands, ["--polygon", str(file), "--json"], catch_exceptions=False)
    assert json.loads(run.output) == client.post("/summary", json=asked).json()
    shown = CliRunner().invoke(commands, [city.facts.street], catch_exceptions=False).output
    assert "宁海街道, 1.440 km2" in shown
    assert re.search(r"0118 路灯 +│ 6", shown)
    assert "households 户: not told 不足 10 不显示 (0/2 grids 网格)" in shown
    file.write_text("no json")
    with pytest.raises(BadInput, match="no GeoJSON file"):
        CliRunner().invoke(commands, ["--polygon", str(file)], catch_exceptions=False)


def expected(database: Database, area: shapely.Geometry) -> tuple[Counter[int], Counter[str]]:
    rows = database.fetch(SPOTS)
    inside = shapely.covers(area, shapely.from_wkb([bytes(row[3]) for row in rows]))
    kept = [row for row, is_in in zip(rows, inside, strict=True) if is_in]
    return Counter(row[1] for row in kept), Counter(row[2] for row in kept)


def test_the_small_city_by_polygon_and_by_code(client: TestClient, city: City) -> None:
    corners = [city.facts.at(*offset) for offset in ((-300, -300), (300, -300), (300, 300), (-300, 300), (-300, -300))]
    feature = {
        "type": "Feature",
        "properties": {},
        "geometry": polygon([list(corner) for corner in corners])["polygon"],
    }
    answer = client.post("/summary", json={"polygon": feature}).json()
    standing = sum(fact.valid_to is None for fact in city.facts.assets.values())
    assert answer["assets"]["count"] == standing
    assert {k["class_zh"]: k["count"] for k in answer["assets"]["by_class"]}["路灯"] == 6
    assert next(k for k in answer["assets"]["by_class"] if k["class_code"] == "0211")["length_m"] == 140.0
    assert answer["events"] == {"count": 1, "by_state": [{"state": "filed", "count": 1}]}
    assert set(answer) == set(examples.SUMMARY)
    named = client.post("/summary", json={"code": city.facts.street}).json()
    assert named["area"] == {"name_zh": "宁海街道", "area_km2": 1.44}
    assert named["assets"] == answer["assets"]
    halves = [
        client.post("/summary", json={"code": code}).json() for code in (city.facts.grid_west, city.facts.grid_east)
    ]
    on_the_line_between = 2  # lamp 3 and the rail's middle belong to both
    assert sum(half["assets"]["count"] for half in halves) == standing + on_the_line_between
    assert named["people"]["households"] == {"count": None, "grids": 0}  # four households live there


@given(corners=st.lists(st.tuples(metres, metres), min_size=3, max_size=8))
@hypothesis_settings(max_examples=25, deadline=None)
def test_every_thing_is_counted_once_where_it_lies(
    squares: Database, asking: TestClient, corners: list[tuple[int, int]]
) -> None:
    area = outline(*corners)
    if area.geom_type != "Polygon":
        return
    by_class, by_state = expected(squares, area)
    answer = summed(asking, area)["assets"]
    # The corners travel as degrees and come back within a nanometre: no asset lies so near an edge by chance.
    assert {k["state"]: k["count"] for k in answer["by_state"]} == by_state
    assert sum(k["count"] for k in answer["by_class"]) == sum(by_class.values()) == answer["count"]
    assert sum(k["count"] for k in answer["by_department"]) == answer["count"]
    assert sum(k["count"] for k in answer["by_year"]) == answer["count"]


def test_what_has_just_changed_is_counted_whether_the_totals_have_followed_or_not(
    squares: Database, asking: TestClient
) -> None:
    whole = outline((-100, -100), (3100, -100), (3100, 3100), (-100, 3100))

    def agree() -> None:
        by_class, by_state = expected(squares, whole)
        answer = summed(asking, whole)["assets"]
        assert {k["state"]: k["count"] for k in answer["by_state"]} == by_state
        assert answer["count"] == sum(by_class.values())

    while squares.fetch("SELECT twin.area_catch_up(100)")[0][0]:
        agree()
    assert squares.fetch("SELECT count(*) FROM twin.area_stale") == [(0,)]
    agree()
    for change in (
        "UPDATE twin.asset SET state = '丢失' WHERE asset_id % 50 = 0",
        "UPDATE twin.asset SET valid_to = now() WHERE asset_id % 60 = 1",
        "DELETE FROM twin.asset WHERE asset_id % 70 = 2",
        "UPDATE twin.asset SET geom_m = ST_Translate(geom_m, 400, 0) WHERE asset_id % 80 = 3",
    ):
        squares.fetch(change)
        agree()
    squares.fetch("UPDATE twin.asset SET name_zh = 'x'")  # nothing is counted by name
    assert squares.fetch("SELECT twin.area_catch_up(1000) > 0") == [(True,)]
    assert squares.fetch("SELECT count(*) FROM twin.area_stale") == [(0,)]
    agree()
    before = squares.fetch(TOTALS)
    squares.fetch("SELECT twin.area_rebuild('asset')")
    assert squares.fetch(TOTALS) == before


def people(client: TestClient, area: shapely.Geometry) -> tuple[int, int]:
    told = summed(client, area)["people"]
    return told["persons"]["count"] or 0, told["households"]["count"] or 0


def box(corner: tuple[int, int, int, int]) -> shapely.Polygon:
    return outline((corner[0], corner[1]), (corner[2], corner[1]), (corner[2], corner[3]), (corner[0], corner[3]))


@given(first=boxes, second=boxes)
@hypothesis_settings(max_examples=25, deadline=None)
def test_no_two_areas_tell_by_subtraction_of_fewer_than_ten_people(
    squares: Database, asking: TestClient, first: tuple[int, int, int, int], second: tuple[int, int, int, int]
) -> None:
    a, b = box(first), box(second)
    both, either = a.intersection(b), a.union(b)
    answers = [people(asking, area) for area in (a, b, either)]
    inner = people(asking, both) if both.geom_type == "Polygon" and both.area > 1 else (0, 0)
    for kind in (0, 1):
        in_a, in_b, in_either = (answer[kind] for answer in answers)
        for more, less in ((in_a, inner[kind]), (in_b, inner[kind]), (in_either, in_a), (in_either, in_b)):
            assert more - less == 0 or more - less >= 10
        beyond = in_either - in_a - in_b + inner[kind]  # grids whole in the union and in neither part
        assert beyond == 0 or beyond >= 10


def test_each_grid_tells_of_ten_or_nothing_and_never_exactly(squares: Database, asking: TestClient) -> None:
    counts = squares.fetch(
        "SELECT g.code, count(*) FILTER (WHERE type_code = 'E02') "
        "FROM twin.grid g LEFT JOIN twin.entity e USING (grid_id) GROUP BY g.code"
    )
    told = {}
    for code, persons in counts:
        answer = asking.post("/summary", json={"code": code}).json()["people"]
        assert answer["whole_grids"] == 1
        told[code] = answer["persons"]["count"]
        assert told[code] == (None if persons < 10 else 5 * round(persons / 5))
    whole = asking.post("/summary", json={"code": "370612999999"}).json()["people"]["persons"]
    assert whole["count"] == sum(count or 0 for count in told.values())
    assert 0 < whole["grids"] < len(told)


TRIANGLE = [[121.6, 37.386], [121.61, 37.386], [121.61, 37.39], [121.6, 37.386]]
BOW_TIE = [[121.6, 37.38], [121.61, 37.39], [121.61, 37.38], [121.6, 37.39], [121.6, 37.38]]
SWAPPED = [[lat, lon] for lon, lat in TRIANGLE]
ELSEWHERE = [[116.3, 39.9], [116.4, 39.9], [116.4, 40.0], [116.3, 39.9]]
CRUMBS = [[121.6 + n * 1e-7, 37.386] for n in range(6000)]


def polygon(*rings: Any) -> dict[str, Any]:
    """Give a question about a polygon."""
    return {"polygon": {"type": "Polygon", "coordinates": list(rings)}}


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({}, 422, "either a polygon or a code"),
        (polygon(TRIANGLE) | {"code": "370612"}, 422, "either a polygon or a code"),
        ({"polygon": {"type": "Point", "coordinates": [121.6, 37.387]}}, 422, "no polygon"),
        ({"polygon": {"type": "Feature", "geometry": None}}, 422, "no polygon"),
        (polygon(), 422, "empty"),
        (polygon(["x"]), 422, "cannot be read"),
        (polygon(BOW_TIE), 422, "not valid (Self-intersection"),
        (polygon(SWAPPED), 422, "swapped"),
        (polygon(ELSEWHERE), 422, "outside"),
        (polygon(CRUMBS), 422, "corners"),
        ({"code": "999999"}, 404, "no division or grid"),
        ({"code": "37061200199"}, 404, "no division or grid"),
        ({"code": "' OR 1=1"}, 422, None),
        ({"area": "x"}, 422, None),
    ],
)
def test_a_bad_area_is_refused_in_words(client: TestClient, asked: Any, status: int, said: str | None) -> None:
    answer = client.post("/summary", json=asked)
    assert answer.status_code == status, answer.text
    assert said is None or said in answer.json()["detail"]
