"""Hidden points are refused: ray marching over the surface model against scenes whose lines of sight are exact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rasterio.transform import from_origin

from tests.api.box_scene import Box, BoxScene
from twin.errors import NotFound
from twin.queries.height_raster import BlockCache, HeightRaster
from twin.queries.line_of_sight import blocked
from twin.queries.terrain import OpenRasters

PIXEL_M = 0.2
HALF_M = 40.0


def write_surface(path: Path, scene: BoxScene, *, hole: bool = False) -> HeightRaster:
    """Write the scene's surface model, 80 x 80 m around (0, 0); hole: its western half was not measured."""
    centres = np.arange(-HALF_M, HALF_M, PIXEL_M) + PIXEL_M / 2
    x, y = np.meshgrid(centres, -centres)
    heights = scene.surface(x, y).astype(np.float32)
    if hole:
        heights[:, : len(centres) // 2] = -9999
    with rasterio.open(
        path, "w", driver="GTiff", width=len(centres), height=len(centres), count=1, dtype="float32", crs="EPSG:4550",
        transform=from_origin(-HALF_M, HALF_M, PIXEL_M, PIXEL_M), nodata=-9999,
    ) as raster:  # fmt: skip
        raster.write(heights, 1)
    return HeightRaster(path, BlockCache())


def changed(scene: BoxScene, by_m: float) -> BoxScene:
    """Give the scene with every box that much larger on all sides (smaller for negative values)."""
    boxes = tuple(
        replace(b, west=b.west - by_m, south=b.south - by_m, east=b.east + by_m, north=b.north + by_m,
                roof_h_m=b.roof_h_m + by_m)
        for b in scene.boxes
    )  # fmt: skip
    return replace(scene, boxes=boxes)


@st.composite
def scenes(draw: st.DrawFn) -> BoxScene:
    def box() -> Box:
        west, south = (draw(st.floats(-30, 20)) for _ in range(2))
        width, depth = (draw(st.floats(4, 15)) for _ in range(2))
        return Box(west, south, west + width, south + depth, draw(st.floats(13, 40)), (0, 0, 0))

    boxes = tuple(box() for _ in range(draw(st.integers(1, 4))))
    return BoxScene(10.0, draw(st.floats(-0.05, 0.05)), boxes)


@given(scene=scenes(), seed=st.integers(0, 2**32 - 1))
@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_seen_and_what_is_hidden_agrees_with_the_exact_scene(
    tmp_path: Path, scene: BoxScene, seed: int
) -> None:
    """Seen past larger boxes: must be seen. Hidden by smaller boxes: must be hidden. In between a pixel may decide."""
    surface = write_surface(tmp_path / "dsm.tif", scene)
    random = np.random.default_rng(seed)
    eyes = np.column_stack([random.uniform(-38, 38, (40, 2)), random.uniform(45, 90, 40)])
    larger, smaller = changed(scene, 0.9), changed(scene, -0.9)
    for x, y in random.uniform(-35, 35, (6, 2)):
        point = np.array([x, y, float(scene.surface(np.array(x), np.array(y)))])
        points = np.broadcast_to(point, eyes.shape)
        hidden = blocked(point, eyes, surface)
        seen_past_larger = np.array([larger.sees(eye, point[None])[0] for eye in eyes])
        seen_past_smaller = np.array([smaller.sees(eye, point[None])[0] for eye in eyes])
        assert points.shape == eyes.shape
        assert not hidden[seen_past_larger].any()
        assert hidden[~seen_past_smaller].all()
    surface.close()


WALL = BoxScene(10.0, 0.0, (Box(0, -10, 4, 10, 30.0, (0, 0, 0)),))


def test_behind_a_wall_under_a_roof_and_on_the_wall_itself(tmp_path: Path) -> None:
    surface = write_surface(tmp_path / "dsm.tif", WALL)
    west, east, above = np.array([-35.0, 0, 40]), np.array([35.0, 0, 40]), np.array([-10.0, 0, 90])
    eyes = np.stack([west, east, above])
    assert blocked(np.array([-3.0, 0, 10]), eyes, surface).tolist() == [False, True, False]
    assert blocked(np.array([7.0, 0, 10]), eyes, surface).tolist() == [True, False, True]
    assert blocked(np.array([2.0, 0, 10]), eyes, surface).tolist() == [True, True, True], "inside the building"
    assert blocked(np.array([2.0, 0, 30]), eyes, surface).tolist() == [False, False, False], "on its roof"
    # Half way up the western face: its pixel may be the roof's, yet the camera on that side sees it.
    assert blocked(np.array([0.05, 0, 20]), eyes, surface).tolist() == [False, True, False]
    assert blocked(np.array([2.0, 0, 60]), eyes, surface).tolist() == [False, False, False], "in the air"
    # Straight down through the roof.
    assert blocked(np.array([2.0, 0, 10]), np.array([[2.0, 0.05, 90]]), surface).tolist() == [True]


def test_what_was_not_measured_hides_nothing(tmp_path: Path) -> None:
    mirrored = BoxScene(10.0, 0.0, (Box(-14, -10, -10, 10, 30.0, (0, 0, 0)),))
    surface = write_surface(tmp_path / "dsm.tif", mirrored, hole=True)
    assert blocked(np.array([-5.0, 0, 10]), np.array([[-35.0, 0, 40]]), surface).tolist() == [False]
    far_away = blocked(np.array([500.0, 0, 10]), np.array([[600.0, 0, 40]]), surface)
    assert far_away.tolist() == [False]
    assert blocked(np.zeros(3), np.zeros((0, 3)), surface).shape == (0,)


def test_samples_agree_with_the_raster_pixel_by_pixel(tmp_path: Path) -> None:
    surface = write_surface(tmp_path / "dsm.tif", WALL)
    random = np.random.default_rng(1)
    east, north = random.uniform(-45, 45, (2, 2000))
    heights = surface.sample(east, north)
    inside = (np.abs(east) < HALF_M) & (np.abs(north) < HALF_M)
    assert np.isnan(heights[~inside]).all()
    column, row = np.floor((east + HALF_M) / PIXEL_M), np.floor((HALF_M - north) / PIXEL_M)
    x, y = -HALF_M + (column + 0.5) * PIXEL_M, HALF_M - (row + 0.5) * PIXEL_M
    np.testing.assert_allclose(heights[inside], WALL.surface(x, y)[inside], atol=1e-4)
    assert surface.highest() == pytest.approx(30.0)


def test_a_small_cache_gives_the_same_heights(tmp_path: Path) -> None:
    write_surface(tmp_path / "dsm.tif", WALL).close()
    tiny = HeightRaster(tmp_path / "dsm.tif", BlockCache(limit_bytes=1))
    random = np.random.default_rng(2)
    east, north = random.uniform(-39, 39, (2, 500))
    np.testing.assert_array_equal(
        tiny.sample(east, north), HeightRaster(tmp_path / "dsm.tif", BlockCache()).sample(east, north)
    )


def test_a_replaced_raster_is_read_anew_and_a_bad_one_is_left_out(tmp_path: Path) -> None:
    write_surface(tmp_path / "dsm.tif", WALL).close()
    rasters = OpenRasters(tmp_path)
    first = rasters.get("dsm.tif")
    assert first is not None
    assert rasters.get("dsm.tif") is first
    write_surface(tmp_path / "new.tif", replace(WALL, ground_h_m=15.0)).close()
    (tmp_path / "new.tif").replace(tmp_path / "dsm.tif")
    second = rasters.get("dsm.tif")
    assert second is not None
    assert second.sample(np.array([-20.0]), np.array([0.0])).tolist() == [15.0]
    (tmp_path / "broken.tif").write_bytes(b"not a raster")
    assert rasters.get("broken.tif") is None
    assert rasters.get("none.tif") is None
    assert rasters.get("../../etc/hostname") is None
    with pytest.raises(NotFound):
        HeightRaster(tmp_path / "none.tif", BlockCache())
