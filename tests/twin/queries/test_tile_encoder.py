"""Tiles written with numpy show what ST_AsMVT shows, as GDAL reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from tests.databases import Database
from twin.queries.asset_tiles import COLUMNS, assets_of, draw
from twin.queries.tile_encoder import Frame, encode_layer, paths, points, repeated_texts, single_texts
from twin.queries.tile_grid import tile_box

X, Y, Z = 54925, 25436, 16
BOX = tile_box(Z, X, Y, 0.0)
WIDTH, HEIGHT = BOX[2] - BOX[0], BOX[3] - BOX[1]
HALF_M = 20037508.342789244
STEP_M = 2 * HALF_M / 2**Z / 4096
DRAWN = """
SELECT ST_AsMVT(t, 'assets', 4096, 'geom', 'id') FROM (
  SELECT asset_id AS id, ST_AsMVTGeom(geom, ST_MakeEnvelope(%s, %s, %s, %s, 4490), 4096, 64, true) AS geom
  FROM twin.asset WHERE code LIKE 'D%%') t
"""
ADD = """
INSERT INTO twin.asset (class_id, code, name_zh, geom, geom_m)
SELECT 1, 'D' || n, name, g, ST_Transform(g, 4550)
FROM unnest(%s::bytea[], %s::text[]) WITH ORDINALITY AS u (wkb, name, n),
  LATERAL (SELECT ST_SetSRID(ST_GeomFromWKB(wkb), 4490) AS g) s
"""


def read(body: bytes, folder: Path) -> Any:
    """Read a tile as GDAL does, by the ids of its features."""
    if not body:
        return None
    path = folder / "tile.pbf"
    path.write_bytes(body)
    return pyogrio.read_dataframe(path, layer=pyogrio.list_layers(path)[0][0], X=X, Y=Y, Z=Z).set_index("mvt_id")


def text_of(value: Any) -> str:
    """Give a text as it was written; nothing comes as None or not a number."""
    return value if isinstance(value, str) else ""


def in_degrees(shape: shapely.Geometry) -> shapely.Geometry:
    """Place a shape drawn in sides of the tile, with the origin at its south-western corner."""
    return shapely.transform(shape, lambda xy: xy * (WIDTH, HEIGHT) + (BOX[0], BOX[1]))


def turned(x: float, y: float, size: float, by: float, hole: bool) -> shapely.Polygon:
    """Give a quadrangle about a place, turned, with a hole or not, in either direction."""
    corners = [(x + size * np.cos(by + i * np.pi / 2), y + size * np.sin(by + i * np.pi / 2)) for i in range(4)]
    inner = [(x + (cx - x) / 2, y + (cy - y) / 2) for cx, cy in corners]
    return shapely.Polygon(corners[:: 1 if by < 1 else -1], [inner] if hole else [])


def in_mercator(x: float, y: float) -> tuple[float, float]:
    """Give a place in steps of the tile as it is read by GDAL."""
    return (X * 4096 + x) * STEP_M - HALF_M, HALF_M - (Y * 4096 + y) * STEP_M


EDGED = shapely.box(*in_mercator(-62, 4096 + 62), *in_mercator(4096 + 62, -62))
SPOT = st.tuples(st.floats(-0.2, 1.2), st.floats(-0.2, 1.2))
SHAPE = st.one_of(
    SPOT.map(shapely.Point),
    st.lists(SPOT, min_size=2, max_size=5, unique=True).map(shapely.LineString),
    st.builds(lambda s, z, b, h: turned(*s, z, b, h), SPOT, st.floats(0.01, 0.5), st.floats(0, 2), st.booleans()),
    SPOT.map(lambda s: shapely.MultiPolygon([turned(*s, 0.02, 0, True), turned(s[0] + 0.1, s[1], 0.03, 1.5, False)])),
    st.builds(lambda s, t: shapely.MultiLineString([[s, t], [(0.1, 0.1), (0.2, 0.3)]]), SPOT, SPOT),
)  # fmt: skip


@examples(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(SHAPE, st.sampled_from(["灯", "", None, "字" * 60])), min_size=1, max_size=12))
def test_it_shows_what_the_database_would_draw(module_database: Database, tmp_path: Path, drawn: list[Any]) -> None:
    shapes = [shapely.to_wkb(in_degrees(shape)) for shape, _ in drawn]
    with module_database.connect("admin") as connection, connection.cursor(binary=True) as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(ADD, (shapes, [name for _, name in drawn]))
        theirs = read(cursor.execute(DRAWN, BOX).fetchone()[0], tmp_path)  # type: ignore[index]
        text = "WITH room AS (SELECT true AS roomy)" + COLUMNS.format(inside="f.code LIKE 'D%%'")
        assets = assets_of(cursor.execute(text, {"most_rows": 100}).fetchone())  # type: ignore[arg-type]
        connection.rollback()
    assert assets is not None
    body, shown = draw(assets, Frame(*BOX), 100)
    assert shown == len(drawn)
    ours = read(body, tmp_path)
    seen = [set() if tile is None else set(tile.index) for tile in (ours, theirs)]
    for key in seen[0] ^ seen[1]:  # what touches the edge of all that is drawn, or is a dot
        shape = (ours if key in seen[0] else theirs).geometry[key]
        assert shape.intersection(EDGED).length < 3 * STEP_M
    for key in seen[0] & seen[1]:
        one, other = (shapely.make_valid(tile.geometry[key]).intersection(EDGED) for tile in (ours, theirs))
        assert one.is_empty or other.is_empty or one.hausdorff_distance(other) < 2 * STEP_M
        name = drawn[int(assets.codes[assets.ids.tolist().index(key)][1:]) - 1][1]
        if "name_zh" in ours:
            assert text_of(ours["name_zh"][key]) == (name or "")


@given(
    st.lists(
        st.tuples(st.integers(0, 2**53 - 1), st.text("a灯é", max_size=200), st.sampled_from(["", "一", "b" * 130])),
        min_size=1,
        max_size=20,
        unique_by=lambda row: row[0],
    )
)
@examples(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ids_and_texts_of_any_length_come_back(tmp_path: Path, rows: list[tuple[int, str, str]]) -> None:
    ids, single, repeated = zip(*rows, strict=True)
    properties = [
        single_texts("one", [text.encode() for text in single]),
        repeated_texts("many", [text.encode() for text in repeated]),
    ]
    steps = np.stack([np.arange(len(rows)) * 200, np.arange(len(rows)) * 200], axis=1)
    body = encode_layer("things", np.array(ids, np.int64), properties, points(steps))
    seen = read(body, tmp_path)
    for key, one, many in rows:
        assert text_of(seen["one"][key]) == one
        assert ("many" not in seen and not many) or text_of(seen["many"][key]) == many


def test_what_has_no_extent_is_left_out() -> None:
    frame = Frame(*BOX)
    dot = turned(0.5, 0.5, 1e-7, 0, False)
    far = turned(5, 5, 0.1, 0, False)
    drawn = paths(np.array([in_degrees(shape) for shape in (dot, far, turned(0.5, 0.5, 0.1, 0, False))], object), frame)
    assert (drawn.lengths > 0).tolist() == [False, False, True]
    assert encode_layer("none", np.array([1]), [], paths(np.array([in_degrees(dot)], object), frame))


def test_geometries_that_are_not_drawn_here_and_texts_with_separators_are_left_to_the_database() -> None:
    row: list[Any] = [1, (1).to_bytes(8), (1).to_bytes(2), b"A", b"", b"", b"", b"", True, b"1\x1fa\x1fb\x1fc"]
    for shape, drawn in (
        (shapely.Point(1, 2), True),
        (shapely.MultiPoint([(1, 2)]), False),
        (shapely.Point(1, 2, 3), False),
    ):
        ewkb = shapely.to_wkb(shapely.set_srid(shape, 4490), include_srid=True, byte_order=1)
        row[6:8] = [ewkb, len(ewkb).to_bytes(4)]
        assert (assets_of(row) is not None) is drawn
    ewkb = shapely.to_wkb(shapely.set_srid(shapely.Point(1, 2), 4490), include_srid=True, byte_order=1)
    row[6:8] = [ewkb, len(ewkb).to_bytes(4)]
    assert assets_of([*row[:3], b"A\x1fB", *row[4:]]) is None
    assert assets_of([*row[:8], False, row[9]]) is None
