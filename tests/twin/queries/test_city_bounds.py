"""Places nobody can mean are refused in words that help."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from twin.crs import LonLat
from twin.errors import BadInput, OutsideCity
from twin.queries.city_bounds import CityBounds, check_place
from twin.queries.place_asked import place_asked

CITY = CityBounds(121.4, 37.0, 122.0, 37.6)


@given(lon=st.floats(121.4, 122.0), lat=st.floats(37.0, 37.6))
def test_inside_passes_and_swapped_is_named(lon: float, lat: float) -> None:
    check_place(LonLat(lon, lat), CITY, "牟平区")
    with pytest.raises(OutsideCity, match="swapped"):
        check_place(LonLat(lat, lon), CITY, "牟平区")


@given(lon=st.floats(allow_nan=True, allow_infinity=True), lat=st.floats(allow_nan=True, allow_infinity=True))
def test_everything_else_is_refused(lon: float, lat: float) -> None:
    place = LonLat(lon, lat)
    assume(not CITY.holds(place))
    with pytest.raises(BadInput) as refused:
        check_place(place, CITY, "牟平区")
    assert refused.value.do


def test_the_distance_is_about_right() -> None:
    with pytest.raises(OutsideCity, match=r"about 111 km outside 牟平区"):
        check_place(LonLat(121.7, 38.6), CITY, "牟平区")
    with pytest.raises(BadInput, match="metres"):
        check_place(LonLat(41376000, 4139600), CITY, "牟平区")


def test_an_empty_city_is_where_its_settings_say() -> None:
    around = CityBounds.around(LonLat(121.6, 37.387))
    assert around.holds(LonLat(122.5, 38.3))
    assert not around.holds(LonLat(116.4, 39.9))


def test_grid_north_leans_west_of_true_north_west_of_the_central_meridian() -> None:
    west, on = place_asked(LonLat(121.6, 37.387), 4550), place_asked(LonLat(123.0, 37.387), 4550)
    assert west.convergence_deg == pytest.approx(-1.4 * 0.6072, abs=0.005)
    assert on.convergence_deg == pytest.approx(0.0, abs=1e-9)
    assert on.projected.east == pytest.approx(500_000, abs=1e-6)
