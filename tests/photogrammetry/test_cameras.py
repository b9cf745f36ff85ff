"""Pixels to rays and back, against OpenCV and against themselves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photogrammetry.cameras import Camera, Shot, read_shots, write_shots

focal = st.floats(500, 5000)


@st.composite
def cameras(draw):
    """Lenses as aerial cameras have them: mild distortion, monotonous out to the corners.

    With k1 = -0.12, k2 = -0.03 the distortion turns back at 0.926 of the plane z = 1; the widest corner is at 0.85.
    """
    width, height = draw(st.integers(400, 6000)), draw(st.integers(300, 4500))
    f = draw(st.floats(0.9, 2.0)) * max(width, height)
    centre = [size * draw(st.floats(0.48, 0.52)) for size in (width, height)]
    bend = [draw(st.floats(-0.12, 0.12)), draw(st.floats(-0.03, 0.03)), *(draw(st.floats(-2e-3, 2e-3)) for _ in "pp")]
    if draw(st.booleans()):
        return Camera("PINHOLE", width, height, (f, f * draw(st.floats(0.98, 1.02)), *centre))
    return Camera("OPENCV", width, height, (f, f * draw(st.floats(0.98, 1.02)), *centre, *bend))


def pixels_of(camera, draw):
    share = draw(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8))
    return np.array(share) * [camera.width, camera.height]


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_pixels_to_the_plane_and_back_are_the_same_pixels(data):
    camera = data.draw(cameras())
    pixels = pixels_of(camera, data.draw)
    depth = data.draw(st.floats(0.5, 500))
    plane = camera.unproject(pixels)
    points = np.column_stack([plane, np.ones(len(plane))]) * depth
    assert np.abs(camera.project(points) - pixels).max() < 1e-6


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_projection_is_that_of_opencv(data):
    camera = data.draw(cameras())
    points = np.array(
        data.draw(
            st.lists(st.tuples(st.floats(-40, 40), st.floats(-40, 40), st.floats(60, 200)), min_size=1, max_size=8)
        )
    )
    bend = np.array(camera.params[4:] or (0.0,) * 4)
    expected, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), camera.matrix, bend)
    assert np.allclose(camera.project(points), expected.reshape(-1, 2), atol=1e-6)


@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_the_slope_of_the_distortion_is_that_of_small_steps(data):
    camera = data.draw(cameras())
    plane = camera.unproject(pixels_of(camera, data.draw))
    step = 1e-6
    slope = camera.distortion_slope(plane)
    for axis in range(2):
        move = np.eye(2)[axis] * step
        numeric = (camera.distort(plane + move) - camera.distort(plane - move)) / (2 * step)
        assert np.allclose(slope[:, :, axis], numeric, atol=1e-6)


def test_what_is_behind_a_camera_has_no_pixel():
    camera = Camera("OPENCV", 800, 600, (600, 600, 400, 300, 0.1, 0, 0, 0))
    pixels = camera.project(np.array([[0, 0, -5.0], [0, 0, 0.0], [0, 0, 5.0]]))
    assert np.isnan(pixels[:2]).all()
    assert pixels[2].tolist() == [400, 300]


@pytest.mark.parametrize(("model", "number"), [("PINHOLE", 8), ("OPENCV", 4), ("FISHEYE", 8)])
def test_a_model_that_is_not_known_is_refused(model, number):
    with pytest.raises(ValueError, match=model):
        Camera(model, 800, 600, (1.0,) * number)


def rotation_from(values):
    matrix, _ = np.linalg.qr(np.array(values).reshape(3, 3) + 3 * np.eye(3))
    return matrix * np.sign(np.linalg.det(matrix))


@settings(deadline=None, max_examples=100)
@given(data=st.data(), turn=st.lists(st.floats(-1, 1), min_size=9, max_size=9))
def test_a_ray_of_a_pixel_passes_through_what_projects_there(data, turn):
    camera = data.draw(cameras())
    pixels = pixels_of(camera, data.draw)
    centre = np.array(data.draw(st.tuples(*[st.floats(-200, 200)] * 3)))
    shot = Shot("a.jpg", camera).moved(rotation_from(turn), centre)
    rays = shot.rays(pixels)
    assert np.allclose(np.linalg.norm(rays, axis=1), 1)
    back, depth = shot.project(centre + 70 * rays)
    assert np.abs(back - pixels).max() < 1e-6
    assert (depth > 0).all()
    assert (depth <= 70 + 1e-9).all()


def test_cameras_json_keeps_every_bit(tmp_path):
    camera = Camera("OPENCV", 800, 600, (600.1, 600.2, 400.3, 300.4, 1 / 3, -1e-7, 1e-9, 0.0))
    rng = np.random.default_rng(1)
    placed = Shot("deep/ein Foto 照片.jpg", camera, True, rng.random((3, 3)), rng.random(3), 0.1 + 0.2, rng.random(3))
    lost = Shot("b.jpg", camera)
    write_shots(tmp_path / "cameras.json", [placed, lost])
    first, second = read_shots(tmp_path / "cameras.json")
    assert first.file == placed.file
    assert first.camera == camera
    assert first.reprojection_px == placed.reprojection_px
    for name in ("rotation", "centre", "gps_residual_m"):
        assert np.array_equal(getattr(first, name), getattr(placed, name))
    assert second == lost
    with pytest.raises(ValueError, match=r"b\.jpg is not registered"):
        _ = second.pose
