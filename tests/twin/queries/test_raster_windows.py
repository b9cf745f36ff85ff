"""Tiles cut out of rasters: every pixel holds what stands at its place, from whichever overview it was read."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.transform import Affine
from rasterio.windows import Window
from rio_tiler.io import Reader

from twin.queries.raster_windows import cut_tile

WEST, NORTH, CELL_M, ROWS, COLS = 375_800.0, 4_140_600.0, 0.5, 900, 1100
NODATA = -9999.0
TO_PLACE = Transformer.from_crs(3857, 4550, always_xy=True)
TO_DEGREES = Transformer.from_crs(4550, 4326, always_xy=True)
HALF_WORLD_M = math.pi * 6_378_137


@pytest.fixture(scope="module")
def slope(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plane that rises by 1 m on 10 m to the east and 1 m on 20 m to the north, with a hole and three overviews."""
    path = tmp_path_factory.mktemp("rasters") / "slope.tif"
    east, north = np.meshgrid(np.arange(COLS) * CELL_M + CELL_M / 2, -np.arange(ROWS) * CELL_M - CELL_M / 2)
    heights = (east / 10 + north / 20).astype(np.float32)
    heights[300:420, 500:640] = NODATA
    profile = {"driver": "GTiff", "width": COLS, "height": ROWS, "count": 1, "dtype": "float32", "crs": "EPSG:4550"}
    tiled = {"tiled": True, "blockxsize": 256, "blockysize": 256}
    transform = Affine(CELL_M, 0, WEST, 0, -CELL_M, NORTH)
    with rasterio.open(path, "w", **profile, **tiled, transform=transform, nodata=NODATA) as raster:
        raster.write(heights, 1, window=Window(0, 0, COLS, ROWS))
    with rasterio.open(path, "r+") as raster:
        raster.build_overviews([2, 4, 8], Resampling.average)
    return path


def tile_at(east: float, north: float, z: int) -> tuple[int, int]:
    lon, lat = TO_DEGREES.transform(east, north)
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
    return int((lon + 180) / 360 * 2**z), int(y * 2**z)


def places(z: int, x: int, y: int) -> tuple[np.ndarray, np.ndarray]:
    """East and north of the middles of a tile's pixels."""
    side = 2 * HALF_WORLD_M / 2**z
    at = (np.arange(256) + 0.5) / 256
    return TO_PLACE.transform(*np.meshgrid((x + at) * side - HALF_WORLD_M, HALF_WORLD_M - (y + at) * side))


@settings(deadline=None, max_examples=40)
@given(z=st.integers(13, 22), right=st.floats(0, COLS * CELL_M), down=st.floats(0, ROWS * CELL_M))
def test_every_pixel_holds_the_height_of_its_place(slope: Path, z: int, right: float, down: float) -> None:
    x, y = tile_at(WEST + right, NORTH - down, z)
    tile = cut_tile(slope, z, x, y, (1,))
    assert tile is not None
    east, north = places(z, x, y)
    expected = (east - WEST) / 10 + (north - NORTH) / 20
    row, col = (NORTH - north) / CELL_M, (east - WEST) / CELL_M
    pixel = 2 * HALF_WORLD_M / 2**z / 256 * math.cos(math.radians(37.4)) / CELL_M  # in cells
    near = 8 + 2 * pixel  # cells within which an edge may have its say
    in_hole = (row > 300) & (row < 420) & (col > 500) & (col < 640)
    by_hole = (row > 300 - near) & (row < 420 + near) & (col > 500 - near) & (col < 640 + near)
    well_inside = (row > near) & (row < ROWS - near) & (col > near) & (col < COLS - near) & ~by_hole
    assert tile.known[well_inside].all()
    # Positions are looked up in steps of a thirty-second of a cell of the overview, at most two pixels wide.
    step = max(pixel, 1.0) * CELL_M * (1 / 10 + 1 / 20)
    np.testing.assert_allclose(tile.values[0][well_inside], expected[well_inside], atol=0.03 * step + 0.002)
    deep = in_hole & (row > 300 + near) & (row < 420 - near) & (col > 500 + near) & (col < 640 - near)
    outside = (row < -near) | (row > ROWS + near) | (col < -near) | (col > COLS + near)
    assert not tile.known[deep | outside].any()


@pytest.mark.parametrize("z", [15, 17, 19, 21])
def test_it_shows_what_gdals_warping_shows(slope: Path, z: int) -> None:
    x, y = tile_at(WEST + 120, NORTH - 90, z)
    tile = cut_tile(slope, z, x, y, (1,))
    assert tile is not None
    with Reader(str(slope)) as reader:
        warped = reader.tile(x, y, z, tilesize=256, indexes=1, resampling_method="bilinear")
    shown = ~np.ma.getmaskarray(warped.array)[0]
    assert (shown != tile.known).mean() < 0.01
    both = shown & tile.known
    assert np.abs(warped.data[0][both] - tile.values[0][both]).max() < 0.3


def test_a_tile_beside_the_raster_or_round_the_world_is_none(slope: Path) -> None:
    x, y = tile_at(WEST, NORTH, 16)
    assert cut_tile(slope, 16, x + 5, y, (1,)) is None
    for z, column, line in ((0, 0, 0), (2, 0, 0), (3, 1, 7), (9, 0, 511), (24, 5, 5)):
        assert cut_tile(slope, z, column, line, (1,)) is None
