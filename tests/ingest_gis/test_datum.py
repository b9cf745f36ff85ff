"""GCJ-02 and BD-09: exact there and back; told from known places only when that is sure."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from ingest_gis.anchors import Anchors
from ingest_gis.datum import SHIFTS, Datum, bd09_from_cgcs2000, gcj02_from_cgcs2000, to_cgcs2000
from ingest_gis.find_datum import decide_datum
from twin.crs import transformer
from twin.errors import DatumUnsure

METRES_A_DEGREE = 111_320.0
CHINA = st.tuples(st.floats(75.0, 134.0), st.floats(19.0, 52.0))


@given(st.lists(CHINA, min_size=1, max_size=20), st.sampled_from(["gcj02", "bd09"]))
def test_inverse_is_exact_to_a_millimetre_anywhere_in_china(places: list[tuple[float, float]], datum: Datum) -> None:
    lon, lat = np.array(places).T
    back_lon, back_lat = to_cgcs2000(*SHIFTS[datum](lon, lat), datum)
    error_m = np.hypot(back_lon - lon, back_lat - lat) * METRES_A_DEGREE
    assert error_m.max() < 1e-3


def test_shift_in_muping_is_the_one_measured() -> None:
    lon, lat = np.array([121.6]), np.array([37.387])
    to_metres = transformer("EPSG:4490", "EPSG:4550")
    here = np.array(to_metres.transform(lon, lat)).ravel()
    gcj = np.array(to_metres.transform(*gcj02_from_cgcs2000(lon, lat))).ravel() - here
    bd = np.array(to_metres.transform(*bd09_from_cgcs2000(lon, lat))).ravel() - here
    assert np.hypot(*gcj) == pytest.approx(428, abs=5)
    assert np.hypot(*bd) == pytest.approx(1230, abs=30)


def test_outside_china_nothing_is_shifted() -> None:
    lon, lat = np.array([24.94]), np.array([60.17])
    assert gcj02_from_cgcs2000(lon, lat) == (lon, lat)


@pytest.fixture(scope="module")
def town() -> Anchors:
    """Sixty houses of 10 x 10 m, 30 m apart, in a district of 6 km."""
    east, north = 376_000.0, 4_140_000.0
    houses = [
        shapely.box(east + 30 * i, north + 30 * j, east + 30 * i + 10, north + 30 * j + 10)
        for i in range(10)
        for j in range(6)
    ]
    return Anchors(4550, np.array([east, north]), shapely.Point(east, north).buffer(3000), houses)


def degrees_of(metres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    lon, lat = transformer("EPSG:4550", "EPSG:4490").transform(metres[:, 0], metres[:, 1])
    return np.asarray(lon), np.asarray(lat)


@pytest.mark.parametrize("datum", ["cgcs2000", "gcj02", "bd09"])
def test_places_in_houses_give_the_datum_away(town: Anchors, datum: Datum) -> None:
    inside = np.array([[house.centroid.x, house.centroid.y] for house in town.buildings])
    verdict = decide_datum(
        *SHIFTS[datum](*degrees_of(inside)),
        town,
        asked="auto",
        declared=None,
        indoors=True,
        class_id=None,
        where="x.csv",
    )
    assert verdict.sure
    assert verdict.datum == datum
    assert verdict.fits[0].on_building == 1.0


def test_lamps_surveyed_before_give_the_datum_away(town: Anchors) -> None:
    lamps = np.column_stack([376_015.0 + 30 * np.arange(9), np.full(9, 4_140_020.0)])
    town = Anchors(4550, town.centre, town.outline, town.buildings, {18: lamps})
    shifted = gcj02_from_cgcs2000(*degrees_of(lamps + 0.3))
    verdict = decide_datum(*shifted, town, asked="auto", declared=None, indoors=False, class_id=18, where="x.csv")
    assert (verdict.datum, verdict.sure) == ("gcj02", True)


def test_unsure_asks_and_shows_its_figures(town: Anchors) -> None:
    nowhere = degrees_of(np.array([[375_000.0, 4_139_000.0 + step] for step in range(0, 400, 20)]))
    with pytest.raises(DatumUnsure, match=r"--datum") as error:
        decide_datum(*nowhere, town, asked="auto", declared=None, indoors=None, class_id=None, where="x.csv")
    assert "GCJ-02" in str(error.value)
    assert "shift" in str(error.value)


def test_few_points_decide_nothing(town: Anchors) -> None:
    inside = np.array([[house.centroid.x, house.centroid.y] for house in town.buildings[:3]])
    verdict = decide_datum(
        *degrees_of(inside), town, asked="auto", declared="gcj02", indoors=True, class_id=None, where="x.csv"
    )
    assert (verdict.datum, verdict.sure) == ("gcj02", False)
