"""Photos judged against each other, and where they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyproj import Geod

from photogrammetry.photo import CheckSettings, Photo
from photogrammetry.photo_place import check_crs_place, middle_of, usual_crs
from photogrammetry.photo_set import judge_set, plane_metres
from twin.crs import LonLat, read_crs, transformer
from twin.errors import UnknownCrs


def photo(number, **other):
    """One of many good photos, 40 m apart."""
    rng = np.random.default_rng(number)
    given = {
        "file": f"{number:04d}.jpg", "sha256": f"{number:064d}", "width": 4000, "height": 3000, "camera": "A",
        "focal_px": 3000.0, "taken_at_utc": f"2026-05-18T02:{number // 60:02d}:{number % 60:02d}+00:00",
        "lon": 121.6 + 4e-4 * (number % 10), "lat": 37.387 + 4e-4 * (number // 10), "altitude_m": 120.0,
        "sharpness": 0.7, "fingerprint": rng.integers(0, 255, 256, dtype=np.uint8).tobytes().hex(),
    }  # fmt: skip
    return Photo(**{**given, **other})


def judged(photos):
    return [each.reason_code for each in judge_set(photos, CheckSettings())]


@settings(deadline=None, max_examples=40)
@given(order=st.permutations(range(30)))
def test_the_judgement_does_not_depend_on_the_order_of_the_others(order):
    photos = [photo(number) for number in range(26)]
    photos += [
        photo(26, sharpness=0.2),
        photo(27, taken_at_utc="2026-06-18T02:00:00+00:00"),
        photo(28, lat=38.0),
        photo(29, camera="B"),
    ]
    expected = [None] * 26 + ["blurred", "wrong_time", "wrong_place", "other_camera"]
    found = judged([photos[index] for index in order])
    assert [found[order.index(number)] for number in range(30)] == expected


def test_of_equal_photos_the_largest_stays_and_of_equal_sizes_the_first():
    first = photo(0)
    small = photo(0, file="!preview.jpg", sha256="f" * 64, width=1000, height=750)
    again = photo(0, file="z.jpg")
    others = [photo(number) for number in range(1, 6)]
    assert judged([small, first, again, *others])[:3] == ["duplicate", None, "duplicate"]


def test_a_rejected_photo_displaces_no_good_one():
    tiny = photo(0, file="!thumb.jpg", sha256="f" * 64, width=400, height=300).rejected("too_small", limit=480)
    assert judged([tiny, *(photo(number) for number in range(6))]) == ["too_small", *[None] * 6]


def test_photos_of_the_same_moment_that_look_different_both_stay():
    one, other = photo(0), photo(1, taken_at_utc=photo(0).taken_at_utc, lon=photo(0).lon, lat=photo(0).lat)
    assert judged([one, other, *(photo(number) for number in range(2, 8))]) == [None] * 8


def test_a_survey_in_two_groups_near_each_other_is_one():
    photos = [photo(number) for number in range(10)] + [photo(number, lat=37.39) for number in range(20, 30)]
    assert set(judged(photos)) == {None}


def test_a_few_photos_are_not_judged_by_each_other():
    assert judged([photo(0), photo(28, lat=38.0, sharpness=0.1)]) == [None, None]
    assert judged([]) == []


@settings(deadline=None, max_examples=60)
@given(lon=st.floats(-170, 170), lat=st.floats(-70, 70), east=st.floats(-400, 400), north=st.floats(-400, 400))
def test_distances_between_photos_are_right_to_half_a_percent(lon, lat, east, north):
    there = Geod(ellps="WGS84").fwd(lon, lat, np.degrees(np.arctan2(east, north)), np.hypot(east, north))
    photos = [photo(0, lon=lon, lat=lat), photo(1, lon=there[0], lat=there[1])]
    metres = plane_metres(photos)
    assert np.hypot(*(metres[1] - metres[0])) == pytest.approx(np.hypot(east, north), rel=0.006, abs=0.01)


@settings(deadline=None, max_examples=60)
@given(lon=st.floats(-180, 180), lat=st.floats(-80, 84))
@example(lon=135.0, lat=18.0)
@example(lon=127.0, lat=37.5)
@example(lon=180.0, lat=0.0)
def test_the_usual_crs_of_a_place_is_meant_for_it(lon, lat):
    place = LonLat(lon, lat)
    suggested = usual_crs(place)
    check_crs_place(suggested, place)
    east, north = transformer("EPSG:4326", suggested).transform(lon, lat)
    assert np.isfinite([east, north]).all()
    assert all(axis.unit_name == "metre" for axis in read_crs(suggested).axis_info)


@pytest.mark.parametrize(("lon", "lat"), [(110.0, 37.4), (8.6, 47.4), (121.6, 60.0), (121.6, -37.4)])
def test_a_crs_of_another_place_is_refused_with_one_that_fits(lon, lat):
    with pytest.raises(UnknownCrs, match=r"EPSG:4550: the photos lie at .*Declare the survey with --crs EPSG:\d+"):
        check_crs_place("EPSG:4550", LonLat(lon, lat))


def test_neighbouring_zones_and_crs_without_an_area_pass():
    check_crs_place("EPSG:4550", LonLat(120.9, 37.4))
    check_crs_place("+proj=tmerc +lon_0=121.5 +ellps=GRS80 +units=m", LonLat(8.6, 47.4))


def test_the_middle_is_a_median():
    assert middle_of([photo(0), photo(1), photo(2, lon=150.0)]) == LonLat(121.6004, 37.387)
