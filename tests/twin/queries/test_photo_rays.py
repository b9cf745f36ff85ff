"""Where a point falls in each photo: against the frame and camera of the tests' own renderer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.api import small_city_survey as survey
from tests.twin.queries.test_line_of_sight import changed
from twin.crs import LonLat, transformer
from twin.queries.imagery import seen_from
from twin.queries.photo_rays import PhotoSet, photo_set, pixels_of
from twin.queries.terrain import OpenRasters

FRAME = survey.frame()
ABOUT = {"type": "enu", "origin": {"lon": FRAME.origin_lon, "lat": FRAME.origin_lat, "h_m": FRAME.origin_h_m}}


def rows() -> list[dict[str, Any]]:
    camera = {"model": "OPENCV", "params": list(survey.CAMERA)}
    return [
        {
            "file": shot.file,
            "taken_at": None,
            "width": survey.WIDTH,
            "height": survey.HEIGHT,
            "camera": camera,
            "pose": {"rotation": shot.rotation.tolist(), "centre": shot.centre.tolist()},
        }
        for shot in survey.shots()
    ]


@pytest.fixture(scope="module")
def photos() -> PhotoSet:
    return photo_set(ABOUT, rows())


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rays")
    survey.write_survey(folder)
    return folder


def at(x: float, y: float) -> LonLat:
    return LonLat(*transformer("EPSG:4550", "EPSG:4490").transform(survey.EAST + x, survey.NORTH + y))


offsets = st.tuples(st.floats(-75, 75), st.floats(-55, 55), st.floats(15, 60))


@given(offset=offsets)
@hypothesis_settings(max_examples=100, deadline=None)
def test_pixels_agree_with_frame_rotation_and_distortion(photos: PhotoSet, offset: tuple[float, float, float]) -> None:
    x, y, height = offset
    pixels, inside, away = pixels_of(photos, at(x, y), height)
    enu = FRAME.crs_to_enu(np.array([[survey.EAST + x, survey.NORTH + y, height]]))[0]
    for index, shot in enumerate(survey.shots()):
        seen = shot.rotation @ (enu - shot.centre)
        assert np.linalg.norm(away[index]) == pytest.approx(np.linalg.norm(enu - shot.centre), abs=1e-3)
        if seen[2] <= 0.1:
            assert not inside[index]
            continue
        expected = survey.distort(np.array([[seen[0] / seen[2], seen[1] / seen[2]]]))[0]
        if inside[index]:
            np.testing.assert_allclose(pixels[index], expected, atol=0.01)
            assert 0 <= expected[0] < survey.WIDTH
            assert 0 <= expected[1] < survey.HEIGHT


@given(x=st.floats(-75, 75), y=st.floats(-55, 55))
@hypothesis_settings(max_examples=60, deadline=None)
def test_photos_that_see_a_place_and_those_it_is_hidden_from(
    photos: PhotoSet, workspace: Path, x: float, y: float
) -> None:
    """On the surface, against the exact scene: clearly seen is shown, clearly hidden is counted."""
    products = {
        kind: {"path": f"surveys/{survey.NAME}/products/{kind}.tif", "sigma_m": None} for kind in ("dsm", "dtm")
    }
    about = {"name": survey.NAME, "crs": survey.CRS, "vertical_datum": survey.VERTICAL_DATUM, "products": products,
             "taken_to": None, "taken_from": None, "published_at": None}  # fmt: skip
    surface = float(survey.SCENE.surface(np.array(x), np.array(y)))
    answer = seen_from(at(x, y), surface, [about], [photos], OpenRasters(workspace))
    shown = {photo["file"] for photo in answer.photos}
    _, inside, _ = pixels_of(photos, at(x, y), surface)
    point = np.array([[x, y, surface]])
    for index, (file, eye, _, _) in enumerate(survey.SHOTS):
        if not inside[index]:
            assert file not in shown
        elif changed(survey.SCENE, 1.0).sees(np.array(eye), point)[0]:
            assert file in shown
        elif not changed(survey.SCENE, -1.0).sees(np.array(eye), point)[0]:
            assert file not in shown
    assert len(shown) + answer.hidden == inside.sum()


def test_a_point_far_outside_is_not_folded_into_the_picture() -> None:
    """With strong barrel distortion the polynomial turns back; such points are not in the photo."""
    row = rows()[1]
    row["camera"] = {"model": "OPENCV", "params": [450, 450, 300, 225, -0.3, 0.0, 0, 0]}
    strong = photo_set(ABOUT, [row])
    place = at(110, 0)
    pixels, inside, _ = pixels_of(strong, place, 20.0)
    assert 0 <= pixels[0][0] < survey.WIDTH, "the polynomial alone would put it inside"
    assert not inside[0]


def test_cameras_of_other_models_and_photos_without_a_pose() -> None:
    pinhole, radial, unknown, poseless = (dict(rows()[1]) for _ in range(4))
    pinhole["camera"] = {"model": "SIMPLE_PINHOLE", "params": [450, 300, 225]}
    radial["camera"] = {"model": "SIMPLE_RADIAL", "params": [450, 300, 225, -0.05]}
    unknown["camera"] = {"model": "FISHEYE", "params": [1, 2, 3]}
    poseless["pose"] = None
    made = photo_set(ABOUT, [pinhole, radial, unknown, poseless])
    assert (len(made.files), made.skipped) == (2, 2)
    pixels, inside, _ = pixels_of(made, at(20, 10), 20.0)
    assert inside.all()
    assert np.linalg.norm(pixels[0] - [300, 225]) > np.linalg.norm(pixels[1] - [300, 225]), "barrel distortion pulls in"
    empty = photo_set(ABOUT, [])
    assert pixels_of(empty, at(0, 0), 20.0)[1].shape == (0,)
