"""For every wall of a survey: how far it reaches up and down, the photo that shows it best, its picture cut out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from photogrammetry.drone.grid import Grid, read_heights
from photogrammetry.drone.views import View, read_views
from photogrammetry.frame import LocalFrame
from photogrammetry.products.outline_walls import OPEN_GROUND, WallLine, steps_along
from photogrammetry.products.snapped_surface import bilinear, roof_sheet
from photogrammetry.products.wall_pictures import Skyline, Walls, view_scores, wall_picture
from photogrammetry.workers import Tools

LEAST_WALL_M = 0.6
SKYLINE_CELLS = 16_000_000
SKYLINE_CELL_M = 0.5
SPARE_M = 0.15
VIEWS_A_WALL = 3


@dataclass(frozen=True)
class WallPhotos:
    """Per line: heights its picture spans (low, high), and the photos it is cut from, the best first, maybe none."""

    folder: Path
    low: tuple[float, ...]
    high: tuple[float, ...]
    photos: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class _ViewJob:
    view: View
    walls: Path
    skyline: Path
    chosen: tuple[int, ...]
    texel_m: float
    gain: tuple[float, float, float]
    target: Path


def choose_wall_photos(
    inputs: Mapping[str, Path],
    scratch: Path,
    frame: LocalFrame,
    lines: Sequence[WallLine],
    blocks: Sequence[BaseGeometry],
    roof_heights: Sequence[float],
    texel_m: float,
    tools: Tools,
) -> WallPhotos:
    """Choose and cut out the picture of every wall.

    inputs: surface, orthophoto (gains), undistort. scratch: folder for the pictures. lines, blocks, roof_heights: of
    the survey, CRS metres. texel_m: pixel of the pictures.
    """
    folder = scratch / "walls"
    folder.mkdir(parents=True)
    if not lines:
        return WallPhotos(folder, (), (), ())
    grid = Grid.of(inputs["surface"] / "dsm.tif")
    left, right = _side_heights(inputs["surface"], grid, lines, blocks, roof_heights)
    low, high = np.minimum(left.min(1), right.min(1)) - SPARE_M, np.maximum(left.max(1), right.max(1)) + SPARE_M
    walls = _walls(frame, lines, low, high, np.median(left - right, axis=1) < 0)
    np.savez(folder / "all.npz", start=walls.start, end=walls.end, low=walls.low, high=walls.high)
    _save_skyline(folder / "skyline.npz", inputs["surface"], grid, frame)
    views = read_views(inputs["undistort"])
    gains = json.loads((inputs["orthophoto"] / "orthophoto.json").read_text(encoding="utf-8"))["gains"]
    best = _best_views(views, folder, gains, texel_m, tools)
    best[(high - low) < LEAST_WALL_M + 2 * SPARE_M] = -1
    jobs = _jobs(views, folder, gains, texel_m, best)
    tools.map(cut_pictures, [job for job in jobs if job.chosen], "wall pictures")
    names = tuple(tuple(views[index].name for index in row if index >= 0) for row in best.tolist())
    return WallPhotos(folder, tuple(low.tolist()), tuple(high.tolist()), names)


def _side_heights(
    surface: Path, grid: Grid, lines: Sequence[WallLine], blocks: Sequence[BaseGeometry], heights: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the heights on the left and right of each line at five places, (N, 5)."""
    places = np.stack([_five(line) for line in lines])
    left, right = np.full(places.shape[:2], np.nan), np.full(places.shape[:2], np.nan)
    for number, (block, height) in enumerate(zip(blocks, heights, strict=True)):
        sheet = roof_sheet(surface, grid, block, height)
        for side, name in ((left, "left"), (right, "right")):
            mine = [i for i, line in enumerate(lines) if getattr(line, name) == number]
            if mine:
                flat = places[mine].reshape(-1, 2)
                side[mine] = sheet.at(flat[:, 0], flat[:, 1]).reshape(-1, places.shape[1])
    for side, name in ((left, "left"), (right, "right")):
        for i, line in enumerate(lines):
            if getattr(line, name) == OPEN_GROUND:
                side[i] = _ground_at(surface, grid, places[i])
    return left, right


def _five(line: WallLine) -> NDArray[np.float64]:
    return steps_along(line, line.length_m / 4 + 1e-9)


def _ground_at(surface: Path, grid: Grid, places: NDArray[np.float64]) -> NDArray[np.float64]:
    box = (places[:, 0].min() - 1, places[:, 1].min() - 1, places[:, 0].max() + 1, places[:, 1].max() + 1)
    at = grid.window_of(*box)
    bare = read_heights(surface / "dtm.tif", *at)
    if bare.size == 0 or np.isnan(bare).all():
        return np.zeros(len(places))
    part = grid.part(*at)
    row, col = part.row_col(places[:, 0], places[:, 1])
    return bilinear(np.where(np.isnan(bare), np.nanmedian(bare), bare).astype(np.float32), row - 0.5, col - 0.5)


def _walls(
    frame: LocalFrame,
    lines: Sequence[WallLine],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    open_left: NDArray[np.bool_],
) -> Walls:
    start = np.array([line.start if left else line.end for line, left in zip(lines, open_left, strict=True)])
    end = np.array([line.end if left else line.start for line, left in zip(lines, open_left, strict=True)])
    bottom = frame.crs_to_enu(np.column_stack([start, low]))
    other = frame.crs_to_enu(np.column_stack([end, low]))
    top = bottom[:, 2] + (high - low)
    return Walls(bottom[:, :2], other[:, :2], bottom[:, 2], top)


def _save_skyline(path: Path, surface: Path, grid: Grid, frame: LocalFrame) -> None:
    step = max(1, round(SKYLINE_CELL_M / grid.cell_m), int(np.ceil(np.sqrt(grid.rows * grid.cols / SKYLINE_CELLS))))
    rows = [read_heights(surface / "dsm.tif", row, 0, 1, grid.cols)[0, ::step] for row in range(0, grid.rows, step)]
    heights = np.stack(rows)
    corners = np.array([[grid.west, grid.south], [grid.east, grid.south], [grid.west, grid.north]])
    level = float(np.nanmedian(heights))
    enu = frame.crs_to_enu(np.column_stack([corners, np.full(3, level)]))
    row, col = grid.row_col(corners[:, 0], corners[:, 1])
    cells = np.column_stack([(col - 0.5) / step, (row - 0.5) / step])
    to_cell = np.linalg.solve(np.column_stack([enu[:, :2], np.ones(3)]), cells).T
    up = heights - level + float(enu[:, 2].mean())
    np.savez(path, heights=np.where(np.isnan(up), -1e6, up).astype(np.float32), to_cell=to_cell)


def _best_views(
    views: Sequence[View], folder: Path, gains: Mapping[str, Sequence[float]], texel_m: float, tools: Tools
) -> NDArray[np.int64]:
    """Give the best views of each wall, (walls, VIEWS_A_WALL) int64, the best first, -1 for none."""
    jobs = _jobs(views, folder, gains, texel_m, None)
    scores = np.stack(tools.map(score_view, jobs, "photos of walls"))
    order = np.argsort(-scores, axis=0, kind="stable")[:VIEWS_A_WALL]
    shown = np.take_along_axis(scores, order, axis=0) > 0
    return np.asarray(np.where(shown, order, -1).T, dtype=np.int64)


def _jobs(
    views: Sequence[View],
    folder: Path,
    gains: Mapping[str, Sequence[float]],
    texel_m: float,
    best: NDArray[np.int64] | None,
) -> list[_ViewJob]:
    jobs = []
    for index, view in enumerate(views):
        chosen = () if best is None else tuple(int(i) for i in np.flatnonzero((best == index).any(axis=1)))
        red, green, blue = (float(g) for g in gains.get(view.name, (1.0, 1.0, 1.0)))
        target = folder / f"{view.name}.npz"
        jobs.append(
            _ViewJob(view, folder / "all.npz", folder / "skyline.npz", chosen, texel_m, (red, green, blue), target)
        )
    return jobs


def _read_walls(path: Path) -> Walls:
    with np.load(path) as saved:
        return Walls(saved["start"], saved["end"], saved["low"], saved["high"])


def _read_skyline(path: Path) -> Skyline:
    with np.load(path) as saved:
        heights = saved["heights"]
        return Skyline(heights, saved["to_cell"], float(heights.max()) + 1.0)


def score_view(job: _ViewJob) -> NDArray[np.float32]:
    """Score all walls in one photo (a task)."""
    return view_scores(job.view, _read_walls(job.walls), _read_skyline(job.skyline))


def cut_pictures(job: _ViewJob) -> None:
    """Cut the chosen walls out of one photo into its npz (a task)."""
    walls, pixels, gain = _read_walls(job.walls), job.view.picture(), np.array(job.gain)
    skyline = _read_skyline(job.skyline)
    pictures = {str(i): wall_picture(job.view, pixels, walls, i, job.texel_m, gain, skyline) for i in job.chosen}
    job.target.parent.mkdir(parents=True, exist_ok=True)
    np.savez(job.target, **pictures)  # type: ignore[arg-type]
