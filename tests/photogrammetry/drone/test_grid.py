"""Rasters: cells, windows and files, against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine

from photogrammetry.drone.grid import HELD_RASTERS, NODATA, CogWriter, Grid, read_cells, read_heights, write_cog
from twin.errors import BadInput

cell = st.sampled_from([0.05, 0.1, 0.15, 0.25, 0.5, 1.0])


@st.composite
def grids(draw):
    size = draw(cell)
    west, south = draw(st.integers(-20_000, 600_000)) * size, draw(st.integers(0, 4_000_000)) * size
    rows, cols = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    return Grid("EPSG:4550", west, south + rows * size, size, rows, cols)


@settings(deadline=None)
@given(grid=grids())
def test_centres_are_half_cells(grid):
    east, north = grid.centres()
    assert (len(north), len(east)) == grid.shape
    row, col = grid.row_col(np.broadcast_to(east, grid.shape), np.broadcast_to(north[:, None], grid.shape))
    assert np.allclose(row, np.arange(grid.rows)[:, None] + 0.5, atol=1e-4)
    assert np.allclose(col, np.arange(grid.cols) + 0.5, atol=1e-4)
    assert grid.transform @ (0, 0) == (grid.west, grid.north)
    corner = grid.transform @ (grid.cols, grid.rows)
    assert corner == pytest.approx((grid.east, grid.south))


@settings(deadline=None)
@given(grid=grids(), row=st.floats(-5, 45), col=st.floats(-5, 45))
def test_row_and_column_there_and_back(grid, row, col):
    east, north = grid.transform @ (col, row)
    back = grid.row_col(np.array(east), np.array(north))
    assert np.allclose(back, (row, col), atol=1e-4)


@settings(deadline=None)
@given(
    size=cell, west=st.floats(0, 1e6), south=st.floats(0, 4e6), width=st.floats(0.01, 50), height=st.floats(0.01, 50)
)
def test_the_smallest_grid_that_covers(size, west, south, width, height):
    grid = Grid.covering("EPSG:4550", west, south, west + width, south + height, size)
    slack = size * 2e-6 + 1e-6
    assert grid.west <= west + slack
    assert grid.south <= south + slack
    assert grid.east >= west + width - slack
    assert grid.north >= south + height - slack
    assert grid.cols <= width / size + 2
    assert grid.rows <= height / size + 2
    assert abs(grid.west / size - round(grid.west / size)) < 1e-6


@settings(deadline=None, max_examples=200)
@given(grid=grids(), box=st.tuples(*[st.floats(-5, 45)] * 4))
def test_a_window_holds_just_the_cells_that_touch_a_box(grid, box):
    col0, col1 = sorted(box[:2])
    row0, row1 = sorted(box[2:])
    if min(abs(v - round(v)) for v in box) < 1e-3:
        return  # on an edge either answer is right
    west, north = grid.transform @ (col0, row0)
    east, south = grid.transform @ (col1, row1)
    row, col, rows, cols = grid.window_of(west, south, east, north)
    found = {(r, c) for r in range(row, row + rows) for c in range(col, col + cols)}
    expected = {
        (r, c)
        for r in range(grid.rows)
        for c in range(grid.cols)
        if r < row1 and r + 1 > row0 and c < col1 and c + 1 > col0
    }
    assert found == expected


@settings(deadline=None)
@given(grid=grids(), size=st.integers(1, 50))
def test_tiles_cover_every_cell_once(grid, size):
    count = np.zeros(grid.shape, dtype=int)
    for row, col, rows, cols in grid.tiles(size):
        count[row : row + rows, col : col + cols] += 1
        part = grid.part(row, col, rows, cols)
        assert part.centres()[0][0] == pytest.approx(grid.centres()[0][col], abs=1e-6)
        assert part.centres()[1][-1] == pytest.approx(grid.centres()[1][row + rows - 1], abs=1e-6)
    assert (count == 1).all()


def test_a_cog_gives_back_its_cells_its_grid_and_its_tags(tmp_path):
    grid = Grid("EPSG:4550", 376_000.0, 4_140_600.0, 0.25, 700, 600)
    values = np.random.default_rng(1).normal(30, 5, grid.shape).astype(np.float32)
    values[3, 4] = np.nan
    write_cog(tmp_path / "a.tif", grid, values, nodata=NODATA, tags={"VERTICAL_DATUM": "EPSG:5737"})
    assert Grid.of(tmp_path / "a.tif") == grid
    assert np.array_equal(read_heights(tmp_path / "a.tif", 0, 0, *grid.shape), values, equal_nan=True)
    with rasterio.open(tmp_path / "a.tif") as raster:
        assert raster.tags()["VERTICAL_DATUM"] == "EPSG:5737"
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert raster.overviews(1)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"], "scratch files stay behind"


def test_the_same_cells_give_the_same_bytes_however_they_were_written(tmp_path):
    grid = Grid("EPSG:4550", 376_000.0, 4_140_600.0, 0.25, 700, 600)
    values = np.random.default_rng(1).normal(30, 5, grid.shape).astype(np.float32)
    write_cog(tmp_path / "whole.tif", grid, values)
    with CogWriter(tmp_path / "parts.tif", grid, dtype="float32") as out:
        for row, col, rows, cols in reversed(list(grid.tiles(123))):
            out.write(values[row : row + rows, col : col + cols], row, col)
    assert (tmp_path / "parts.tif").read_bytes() == (tmp_path / "whole.tif").read_bytes()


@settings(deadline=None, max_examples=40)
@given(row=st.integers(-12, 12), col=st.integers(-12, 12), rows=st.integers(1, 20), cols=st.integers(1, 20))
def test_a_window_may_reach_past_the_edges(tmp_path_factory, row, col, rows, cols):
    values = np.arange(80, dtype=np.float32).reshape(8, 10)
    path = tmp_path_factory.getbasetemp() / "window.tif"
    if not path.exists():
        write_cog(path, Grid("EPSG:4550", 0.0, 8.0, 1.0, 8, 10), values, nodata=NODATA)
    wide = np.full((60, 60), np.nan, dtype=np.float32)
    wide[20:28, 20:30] = values
    expected = wide[20 + row : 20 + row + rows, 20 + col : 20 + col + cols]
    assert np.array_equal(read_heights(path, row, col, rows, cols), expected, equal_nan=True)
    filled = read_cells(path, row, col, rows, cols, fill=-1)
    assert np.array_equal(filled, np.nan_to_num(expected, nan=-1))


def test_a_raster_that_is_turned_or_not_square_is_refused(tmp_path):
    for name, transform in (("turned", Affine(1, 0.1, 0, 0, -1, 0)), ("oblong", Affine(1, 0, 0, 0, -2, 0))):
        path = tmp_path / f"{name}.tif"
        shape = {"width": 2, "height": 2, "count": 1, "dtype": "uint8"}
        with rasterio.open(path, "w", driver="GTiff", crs="EPSG:4550", transform=transform, **shape) as raster:
            raster.write(np.zeros((1, 2, 2), dtype=np.uint8))
        with pytest.raises(BadInput, match=f"{name}.tif: the raster is not north-up with square cells"):
            Grid.of(path)


def test_a_raster_written_anew_is_read_anew(tmp_path):
    grid, path = Grid("EPSG:4550", 0.0, 8.0, 1.0, 8, 10), tmp_path / "heights.tif"
    for value in (1.0, 2.0):
        path.unlink(missing_ok=True)
        write_cog(path, grid, np.full((8, 10), value, dtype=np.float32), nodata=NODATA)
        assert (read_heights(path, 0, 0, 8, 10) == value).all()


def test_more_rasters_than_are_held_open_are_read_all_the_same(tmp_path):
    grid = Grid("EPSG:4550", 0.0, 8.0, 1.0, 8, 10)
    paths = [tmp_path / f"{number}.tif" for number in range(2 * HELD_RASTERS)]
    for number, path in enumerate(paths):
        write_cog(path, grid, np.full((8, 10), number, dtype=np.float32), nodata=NODATA)
    for number, path in [*enumerate(paths), *enumerate(paths)]:
        assert (read_heights(path, 0, 0, 8, 10) == number).all()
