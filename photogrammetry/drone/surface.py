"""Stage surface: the fused cloud becomes cloud.laz, dsm, dsm_sigma, dtm, ndsm and a mask, in the declared CRS.

The surface is a grid of about 1 to 2 spacings of the cloud; each cell holds the median of its top layer of points.
Memory: one bin of points and one tile of cells at a time, plus the coarse ground grid (half a metre) of the survey.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.features import rasterize
from scipy import ndimage
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry
from shapely.strtree import STRtree

from photogrammetry.buildings.footprints import read_footprints
from photogrammetry.drone import surface_cells
from photogrammetry.drone.cloud import BUILDING, GROUND, UNCLASSIFIED, write_cloud
from photogrammetry.drone.grid import NODATA, CogWriter, Grid
from photogrammetry.drone.ground import GroundSettings, ground_heights
from photogrammetry.drone.point_bins import Bins, read_ply, sort_into_bins
from photogrammetry.drone.surface_cells import FILLED, MEASURED, Heights
from photogrammetry.drone.views import ground_sample_distance, read_views
from photogrammetry.frame import LocalFrame
from photogrammetry.workers import Tools

VERSION = 1
CELL_SERIES = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
TILE_CELLS = 768


@dataclass(frozen=True)
class SurfaceSettings:
    """How the surface is made; lengths in metres.

    survey: its name, for the tags. cell_m: cell of the DSM, None: from the cloud's spacing and the GSD.
    layer_m: thickness of a cell's top layer. jump_m: a step that is an edge. hole_m: widest hole that is closed.
    ground_cell_m: cell of the ground model before it is refined.
    """

    survey: str = ""
    cell_m: float | None = None
    layer_m: float = 0.4
    jump_m: float = 0.6
    hole_m: float = 4.0
    ground_cell_m: float = 0.5
    made_on: str | None = None
    ground: GroundSettings = field(default_factory=GroundSettings)


@dataclass(frozen=True)
class _Tile:
    bins: Bins
    grid: Grid
    row: int
    col: int
    rows: int
    cols: int
    margin: int
    ground_step: int
    settings: SurfaceSettings
    gsd_m: float
    outlines: tuple[BaseGeometry, ...]
    target: Path


def run(inputs: Mapping[str, Path], output_dir: Path, settings: SurfaceSettings, tools: Tools) -> None:
    """Make the surface products of a survey.

    inputs: fuse (fused.ply), georeference (frame.json), undistort (cameras.json), footprints (optional file).
    Writes dsm.tif, dsm_sigma.tif, dtm.tif, ndsm.tif, valid.tif (0 missing, 1 measured, 2 filled), cloud.laz and
    surface.json. Raises EmptyCloud when there is nothing to make a surface of.
    """
    frame = LocalFrame.load(inputs["georeference"] / "frame.json")
    cloud = read_ply(inputs["fuse"] / "fused.ply")
    gsd_m = ground_sample_distance(read_views(inputs["undistort"]), float(np.median(cloud["z"][::97])))
    scratch = output_dir / ".scratch"
    bins = sort_into_bins(cloud, frame, scratch / "bins")
    settings = replace(settings, cell_m=settings.cell_m or _cell_size(bins, gsd_m))
    grid, step = _grid(bins, frame.crs, settings)
    outlines = _outlines(inputs, frame.crs, grid)
    tiles = _make_tiles(bins, grid, step, settings, gsd_m, outlines, scratch, tools)
    coarse = replace(grid, cell_m=grid.cell_m * step, rows=grid.rows // step, cols=grid.cols // step)
    ground = ground_heights(_coarse_low(tiles, coarse, step), coarse, outlines, settings.ground)
    tags = {"VERTICAL_DATUM": frame.vertical_datum, "SURVEY": settings.survey, "UNITS": "m"}
    ground_near = np.where(_near_cover(tiles, coarse, step), ground, np.nan).astype(np.float32)
    counts = _write_rasters(output_dir, tiles, grid, ground_near, step, tags)
    _write_cloud(output_dir / "cloud.laz", bins, frame, grid, ground, coarse, outlines, settings)
    summary = _summary(bins, grid, gsd_m, counts, len(outlines))
    (output_dir / "surface.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
    shutil.rmtree(scratch)


def _cell_size(bins: Bins, gsd_m: float) -> float:
    """Choose a round cell that holds about one and a half points, not finer than the photos."""
    wanted = max(1.2 * _spacing_m(bins), gsd_m)
    tens = 10.0 ** np.floor(np.log10(wanted))
    return round(float(next(c for c in CELL_SERIES if c * tens >= wanted * 0.95) * tens), 6)


def _spacing_m(bins: Bins) -> float:
    occupied = 0
    for row, col in bins.each():
        points = bins.inside(*_bin_box(bins, row, col))
        key = np.floor(points["east"]) * 4_000_003 + np.floor(points["north"])
        occupied += len(np.unique(key))
    return float(np.sqrt(occupied / bins.points))


def _bin_box(bins: Bins, row: int, col: int) -> tuple[float, float, float, float]:
    west, south = bins.west + col * bins.size_m, bins.south + row * bins.size_m
    return west, south, west + bins.size_m, south + bins.size_m


def _grid(bins: Bins, crs: str, settings: SurfaceSettings) -> tuple[Grid, int]:
    """Make the grid, its rows and columns whole multiples of the coarse ground cells; and cells per ground cell."""
    cell = float(settings.cell_m or 0)
    grid = Grid.covering(crs, *bins.bounds, cell)
    step = max(1, round(settings.ground_cell_m / cell))
    rows, cols = (int(np.ceil(n / step)) * step for n in grid.shape)
    return replace(grid, rows=rows, cols=cols), step


def _outlines(inputs: Mapping[str, Path], crs: str, grid: Grid) -> list[BaseGeometry]:
    if "footprints" not in inputs:
        return []
    area = box(grid.west, grid.south, grid.east, grid.north)
    found, _ = read_footprints(inputs["footprints"], crs)
    return [outline.polygon for outline in found if outline.polygon.intersects(area)]


def _make_tiles(
    bins: Bins,
    grid: Grid,
    step: int,
    settings: SurfaceSettings,
    gsd_m: float,
    outlines: list[BaseGeometry],
    scratch: Path,
    tools: Tools,
) -> list[_Tile]:
    size = max(step, TILE_CELLS // step * step)
    m = int(np.ceil((settings.hole_m + 1.0) / grid.cell_m))
    tree = STRtree(outlines)
    tiles = []
    for row, col, rows, cols in grid.tiles(size):
        part = grid.part(row - m, col - m, rows + 2 * m, cols + 2 * m)
        near = sorted(tree.query(box(part.west, part.south, part.east, part.north), predicate="intersects").tolist())
        mine, target = tuple(outlines[i] for i in near), scratch / f"{row}_{col}.npz"
        tiles.append(_Tile(bins, grid, row, col, rows, cols, m, step, settings, gsd_m, mine, target))
    tools.map(make_tile, tiles, "surface tiles")
    return tiles


def make_tile(tile: _Tile) -> None:
    """Make the cells of one tile and leave them in its scratch file (a task)."""
    m, settings = tile.margin, tile.settings
    part = tile.grid.part(tile.row - m, tile.col - m, tile.rows + 2 * m, tile.cols + 2 * m)
    points = tile.bins.inside(part.west, part.south, part.east, part.north)
    east, north, h = points["east"], points["north"], points["h"]
    cells = surface_cells.top_layer(east, north, h, part, layer_m=settings.layer_m)
    height = surface_cells.without_spikes(cells.height, jump_m=settings.jump_m)
    height = surface_cells.smoothed(height, cells.count, step_m=settings.layer_m / 2)
    closed, mask = surface_cells.close_holes(
        height, hole_m=settings.hole_m, cell_m=part.cell_m, jump_m=settings.jump_m, roof_of=_roof_of(tile, part)
    )
    sigma = cell_sigma(cells, mask, part.cell_m, tile.gsd_m)
    core = (slice(m, m + tile.rows), slice(m, m + tile.cols))
    k = tile.ground_step
    low_grid = replace(tile.grid.part(tile.row, tile.col, tile.rows // k, tile.cols // k), cell_m=part.cell_m * k)
    low = -surface_cells.top_layer(east, north, -h, low_grid, layer_m=settings.layer_m).height
    np.savez(tile.target, height=closed[core], sigma=sigma[core], mask=mask[core], low=low)


def _roof_of(tile: _Tile, part: Grid) -> NDArray[np.int32] | None:
    if not tile.outlines:
        return None
    numbered = [(outline, number) for number, outline in enumerate(tile.outlines, 1)]
    return np.asarray(rasterize(numbered, out_shape=part.shape, transform=part.transform, dtype="int32"))


def cell_sigma(cells: surface_cells.Cells, mask: NDArray[np.uint8], cell_m: float, gsd_m: float) -> Heights:
    """Give each cell's standard error (m): the spread of its layer over its points, a floor, more where filled.

    The floor of half a GSD stands for what the points of a cell have in common (matching, orientation); a filled
    cell adds a tenth of its distance to the nearest measured cell.
    """
    typical = float(np.nanmedian(cells.spread)) if np.isfinite(cells.spread).any() else gsd_m
    spread = np.where(np.isnan(cells.spread), typical, np.maximum(cells.spread, typical / 2))
    noise = spread / np.sqrt(np.maximum(cells.count, 1))
    away = ndimage.distance_transform_edt(mask != MEASURED) * cell_m
    sigma = np.sqrt(noise**2 + (0.5 * gsd_m) ** 2 + np.where(mask == FILLED, 0.1 * away + typical, 0.0) ** 2)
    return np.where(mask == 0, np.nan, sigma).astype(np.float32)


def _coarse_low(tiles: list[_Tile], coarse: Grid, step: int) -> Heights:
    low = np.full(coarse.shape, np.nan, dtype=np.float32)
    for tile in tiles:
        with np.load(tile.target) as saved:
            row, col = tile.row // step, tile.col // step
            low[row : row + saved["low"].shape[0], col : col + saved["low"].shape[1]] = saved["low"]
    return low


def refined_ground(ground: Heights, row: int, col: int, rows: int, cols: int, step: int) -> Heights:
    """Bring a window of the coarse ground, given in fine cells, to the fine grid (bilinear).

    ground: (R, C) of cells step times as large; returns (rows, cols) float32.
    """
    fine_row = (np.arange(row, row + rows) + 0.5) / step - 0.5
    fine_col = (np.arange(col, col + cols) + 0.5) / step - 0.5
    r0 = np.clip(np.floor(fine_row).astype(int), 0, ground.shape[0] - 1)
    c0 = np.clip(np.floor(fine_col).astype(int), 0, ground.shape[1] - 1)
    r1, c1 = np.minimum(r0 + 1, ground.shape[0] - 1), np.minimum(c0 + 1, ground.shape[1] - 1)
    wr, wc = np.clip(fine_row - r0, 0, 1)[:, None], np.clip(fine_col - c0, 0, 1)[None, :]
    upper = ground[np.ix_(r0, c0)] * (1 - wc) + ground[np.ix_(r0, c1)] * wc
    lower = ground[np.ix_(r1, c0)] * (1 - wc) + ground[np.ix_(r1, c1)] * wc
    return np.asarray(upper * (1 - wr) + lower * wr, dtype=np.float32)


def _write_rasters(
    folder: Path, tiles: list[_Tile], grid: Grid, ground: Heights, step: int, tags: dict[str, str]
) -> dict[str, int]:
    counts = {"measured": 0, "filled": 0}
    with (
        CogWriter(folder / "dsm.tif", grid, dtype="float32", nodata=NODATA, tags=tags) as dsm,
        CogWriter(folder / "dsm_sigma.tif", grid, dtype="float32", nodata=NODATA, tags=tags) as sigma,
        CogWriter(folder / "dtm.tif", grid, dtype="float32", nodata=NODATA, tags=tags) as dtm,
        CogWriter(folder / "ndsm.tif", grid, dtype="float32", nodata=NODATA, tags=tags) as ndsm,
        CogWriter(folder / "valid.tif", grid, dtype="uint8", tags=tags, resampling="NEAREST") as valid,
    ):
        for tile in tiles:
            at = (tile.row, tile.col)
            with np.load(tile.target) as saved:
                height, mask = saved["height"], saved["mask"]
                bare = refined_ground(ground, *at, tile.rows, tile.cols, step)
                dsm.write(height, *at)
                sigma.write(saved["sigma"], *at)
                dtm.write(bare, *at)
                ndsm.write(height - bare, *at)
                valid.write(mask, *at)
            counts["measured"] += int((mask == MEASURED).sum())
            counts["filled"] += int((mask == FILLED).sum())
    return counts


def _near_cover(tiles: list[_Tile], coarse: Grid, step: int, reach_m: float = 5.0) -> NDArray[np.bool_]:
    """Tell in which coarse cells ground is claimed: no further than a few metres from a cell with data."""
    covered = np.zeros(coarse.shape, dtype=bool)
    for tile in tiles:
        with np.load(tile.target) as saved:
            rows, cols = tile.rows // step, tile.cols // step
            blocks = (saved["mask"] > 0).reshape(rows, step, cols, step).any(axis=(1, 3))
        row, col = tile.row // step, tile.col // step
        covered[row : row + rows, col : col + cols] = blocks
    if not covered.any():
        return covered
    near: NDArray[np.bool_] = ndimage.distance_transform_edt(~covered) * coarse.cell_m < reach_m
    return near


def _write_cloud(
    path: Path,
    bins: Bins,
    frame: LocalFrame,
    grid: Grid,
    ground: Heights,
    coarse: Grid,
    outlines: list[BaseGeometry],
    settings: SurfaceSettings,
) -> None:
    tree = STRtree(outlines)

    def classify(points: NDArray[np.void]) -> NDArray[np.uint8]:
        row, col = coarse.row_col(points["east"], points["north"])
        r, c = row.astype(int).clip(0, coarse.rows - 1), col.astype(int).clip(0, coarse.cols - 1)
        above = points["h"] - ground[r, c]
        classes = np.full(len(points), UNCLASSIFIED, dtype=np.uint8)
        classes[np.abs(above) < settings.ground.step_m] = GROUND
        classes[(above > 2.0) & _inside(tree, points, grid)] = BUILDING
        return classes

    made_on = date.fromisoformat(settings.made_on) if settings.made_on else None
    write_cloud(path, bins, frame.crs, frame.vertical_datum, classify, made_on=made_on)


def _inside(tree: STRtree, points: NDArray[np.void], grid: Grid) -> NDArray[np.bool_]:
    if len(points) == 0 or len(tree.geometries) == 0:
        return np.zeros(len(points), dtype=bool)
    window = grid.window_of(
        points["east"].min(), points["north"].min(), points["east"].max() + 1e-6, points["north"].max() + 1e-6
    )
    part = grid.part(*window)
    near = tree.query(box(part.west, part.south, part.east, part.north), predicate="intersects")
    if len(near) == 0 or 0 in part.shape:
        return np.zeros(len(points), dtype=bool)
    shapes = [tree.geometries[index] for index in sorted(near)]
    burnt = rasterize(shapes, out_shape=part.shape, transform=part.transform, dtype="uint8")
    row, col = part.row_col(points["east"], points["north"])
    r, c = row.astype(int).clip(0, part.rows - 1), col.astype(int).clip(0, part.cols - 1)
    return np.asarray(burnt[r, c] == 1)


def _summary(bins: Bins, grid: Grid, gsd_m: float, counts: dict[str, int], outlines: int) -> dict[str, float | int]:
    area = counts["measured"] * grid.cell_m**2
    return {
        "points": bins.points,
        "strays": bins.strays,
        "density_per_m2": round(bins.points / area, 2) if area else 0.0,
        "cell_m": grid.cell_m,
        "gsd_m": round(gsd_m, 5),
        "measured_cells": counts["measured"],
        "filled_cells": counts["filled"],
        "measured_m2": round(area, 1),
        "outlines_masked": outlines,
    }
