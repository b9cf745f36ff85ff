"""Outlines of four corners are judged without GEOS: never otherwise than GEOS would."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest_gis.checks import THINNEST_M
from ingest_gis.four_corners import are_plainly_sound, read_four_corners, stand_inside

EAST, NORTH = 361_000.0, 4_125_000.0
# Whole and tenths of metres: corners that coincide, lie in a line or cross are drawn often.
away = st.one_of(st.integers(-6, 6).map(float), st.integers(-60, 60).map(lambda tenths: tenths / 10))
outline = st.lists(st.tuples(away, away), min_size=4, max_size=4).map(
    lambda corners: [(EAST + x, NORTH + y) for x, y in (*corners, corners[0])]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(outline, min_size=1, max_size=30))
def test_what_is_plainly_sound_is_sound_and_stood_in(outlines: list[list[tuple[float, float]]]) -> None:
    points = np.array(outlines)
    plain = are_plainly_sound(points)
    shapes = shapely.polygons(points)[plain]
    assert shapely.is_valid(shapes).all()
    assert (2 * shapely.area(shapes) / shapely.length(shapes) >= THINNEST_M).all()
    spots = shapely.points(stand_inside(points[plain]))
    assert (shapely.distance(spots, shapely.point_on_surface(shapes)) < 1e-6).all()
    assert shapely.contains(shapes, spots).all()


def test_an_upright_house_is_plainly_sound_both_ways_round() -> None:
    house = shapely.get_coordinates(shapely.box(EAST, NORTH, EAST + 9, NORTH + 7))
    assert are_plainly_sound(np.array([house, house[::-1]])).all()


def test_only_closed_rings_of_four_corners_are_read() -> None:
    house, court = shapely.box(0, 0, 9, 7), shapely.box(0, 0, 9, 7).difference(shapely.box(2, 2, 3, 3))
    corner = shapely.from_wkt("POLYGON ((0 0, 2 0, 2 1, 1 1, 1 2, 0 2, 0 0))")
    high = shapely.from_wkt("POLYGON Z ((0 0 1, 9 0 1, 9 7 1, 0 7 1, 0 0 1))")
    plain = shapely.to_wkb(house)
    open_ring = plain[:-1] + b"\x40"
    others = [court, corner, high, shapely.MultiPolygon([house]), shapely.LineString(house.exterior.coords)]
    texts = [None, plain, *map(shapely.to_wkb, others), open_ring, plain, shapely.to_wkb(house, byte_order=0), b""]
    for kind in (pa.binary(), pa.large_binary()):
        rows, points = read_four_corners(pa.array(texts, kind)[1:])
        assert rows.tolist() == [0, 7]
        assert (points[1] == shapely.get_coordinates(house)).all()
    assert len(read_four_corners(pa.array([], pa.binary()))[0]) == 0
