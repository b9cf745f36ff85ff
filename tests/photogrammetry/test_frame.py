"""The local frame, against PROJ's own topocentric conversion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod, Transformer

from photogrammetry.frame import LocalFrame

CITIES = {"EPSG:4550": (121.6, 37.387), "EPSG:32632": (8.6, 47.4), "EPSG:32723": (-46.6, -23.5)}
metres = st.floats(-3000, 3000)


@st.composite
def frames(draw):
    crs, (lon, lat) = draw(st.sampled_from(sorted(CITIES.items())))
    shift = draw(st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)))
    return LocalFrame(lon + shift[0], lat + shift[1], draw(st.floats(-50, 3000)), crs, "EPSG:5737")


def points(draw):
    return np.array(draw(st.lists(st.tuples(metres, metres, st.floats(-100, 500)), min_size=1, max_size=6)))


def topocentric(frame):
    place = f"+lon_0={frame.origin_lon!r} +lat_0={frame.origin_lat!r} +h_0={frame.origin_h_m!r}"
    steps = "+step +proj=cart +ellps=WGS84 +step +proj=topocentric +ellps=WGS84"
    return Transformer.from_pipeline(f"+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad {steps} {place}")


@settings(deadline=None, max_examples=80)
@given(data=st.data())
def test_enu_is_projs_topocentric_frame(data):
    frame = data.draw(frames())
    enu = points(data.draw)
    lonlath = frame.enu_to_lonlath(enu)
    assert np.allclose(np.column_stack(topocentric(frame).transform(*lonlath.T)), enu, atol=1e-6)
    assert np.allclose(frame.lonlath_to_enu(lonlath), enu, atol=1e-6)


@settings(deadline=None, max_examples=80)
@given(data=st.data())
def test_there_and_back_through_the_declared_crs(data):
    frame = data.draw(frames())
    enu = points(data.draw)
    enh = frame.enu_to_crs(enu)
    assert np.allclose(frame.crs_to_enu(enh), enu, atol=1e-5)
    to_crs = Transformer.from_crs("EPSG:4326", frame.crs, always_xy=True)
    lonlath = frame.enu_to_lonlath(enu)
    east, north = to_crs.transform(lonlath[:, 0], lonlath[:, 1])
    # CGCS2000 and WGS84 differ by a tenth of a millimetre of ellipsoid.
    assert np.allclose(enh, np.column_stack([east, north, lonlath[:, 2]]), atol=1e-3)


def test_the_origin_is_zero_and_axes_point_east_north_and_up():
    frame = LocalFrame(121.6, 37.387, 24.0, "EPSG:4550", "EPSG:5737")
    assert np.allclose(frame.lonlath_to_enu(np.array([[121.6, 37.387, 24.0]])), 0, atol=1e-8)
    assert np.allclose(frame.lonlath_to_enu(np.array([[121.6, 37.387, 124.0]])), [[0, 0, 100]], atol=1e-8)
    lon, lat, _ = Geod(ellps="WGS84").fwd(121.6, 37.387, 90, 100)
    assert np.allclose(frame.lonlath_to_enu(np.array([[lon, lat, 24.0]])), [[100, 0, 0]], atol=2e-3)
    matrix = frame.ecef_from_enu
    assert np.allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1)


def test_metres_on_the_map_are_metres_on_the_ground_times_the_grids_scale():
    frame = LocalFrame(121.6, 37.387, 0.0, "EPSG:4550", "EPSG:5737")
    enh = frame.enu_to_crs(np.array([[0.0, 0, 0], [100, 0, 0]]))
    from pyproj import Proj

    scale = Proj("EPSG:4550").get_factors(121.6, 37.387).meridional_scale
    assert np.hypot(*(enh[1] - enh[0])[:2]) == pytest.approx(100 * scale, abs=1e-4)


def test_a_frame_is_read_as_it_was_saved(tmp_path):
    frame = LocalFrame(121.6 + 1e-13, 37.387, 24.0, "EPSG:4550", "EPSG:5737")
    frame.save(tmp_path / "frame.json")
    assert LocalFrame.load(tmp_path / "frame.json") == frame
