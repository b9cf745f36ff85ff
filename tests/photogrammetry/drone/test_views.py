"""The undistorted photos as the product stages see them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photogrammetry.cameras import Camera, Shot, write_shots
from photogrammetry.drone.views import read_views
from twin.errors import BadInput

CAMERA = Camera("PINHOLE", 800, 600, (700, 690, 405, 296))
DOWN = np.diag([1.0, -1.0, -1.0])


def test_photos_of_the_same_name_in_different_folders_are_different_photos(tmp_path):
    names = ["101MEDIA/DJI_0001.JPG", "100MEDIA/DJI_0001.JPG", "DJI_0001.JPG"]
    write_shots(tmp_path / "cameras.json", [Shot(name, CAMERA).moved(DOWN, np.zeros(3)) for name in names])
    views = read_views(tmp_path)
    assert [view.name for view in views] == sorted(names)
    assert [view.path for view in views] == [tmp_path / "images" / name for name in sorted(names)]


def test_only_registered_photos_are_views(tmp_path):
    write_shots(tmp_path / "cameras.json", [Shot("a.jpg", CAMERA), Shot("b.jpg", CAMERA).moved(DOWN, np.ones(3))])
    assert [view.name for view in read_views(tmp_path)] == ["b.jpg"]
    write_shots(tmp_path / "cameras.json", [Shot("a.jpg", CAMERA)])
    with pytest.raises(BadInput, match="no photo is registered"):
        read_views(tmp_path)


@settings(deadline=None, max_examples=60)
@given(point=st.tuples(st.floats(-90, 90), st.floats(-90, 90), st.floats(-5, 30)))
def test_a_view_projects_as_its_camera_does(tmp_path_factory, point):
    folder = tmp_path_factory.getbasetemp()
    shot = Shot("a.jpg", CAMERA).moved(DOWN, np.array([1.0, 2.0, 80.0]))
    write_shots(folder / "cameras.json", [shot])
    view = read_views(folder)[0]
    col, row, depth = view.project(np.array(point))
    expected, expected_depth = shot.project(np.array([point]))
    assert np.allclose([col, row], expected[0])
    assert depth == pytest.approx(expected_depth[0])
    inside = 2 < col < 798 and 2 < row < 598
    assert bool(view.sees(np.array(point))) == inside
    assert view.is_nadir


def test_the_outline_on_the_ground_is_where_the_corners_look(tmp_path):
    shot = Shot("a.jpg", CAMERA).moved(DOWN, np.array([1.0, 2.0, 80.0]))
    write_shots(tmp_path / "cameras.json", [shot])
    corners = read_views(tmp_path)[0].ground_outline(10.0)
    pixels, _ = shot.project(np.column_stack([corners, np.full(4, 10.0)]))
    assert np.allclose(pixels, [[0, 0], [800, 0], [800, 600], [0, 600]], atol=1e-6)
