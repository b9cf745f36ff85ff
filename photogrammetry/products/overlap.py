"""How many photos see each place: the overlap of a survey, with what stands in between taken into account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.features import rasterize
from scipy import ndimage
from shapely.geometry import MultiPoint

from photogrammetry.drone.grid import NODATA, Grid
from photogrammetry.drone.views import View
from photogrammetry.drone.visibility import Foot, reach_m, visible_cells
from photogrammetry.frame import LocalFrame
from photogrammetry.workers import Tools

FINEST_M, MOST_CELLS = 0.5, 600
BATCH = 16
ENOUGH, THIN = 3, 0.01
MEASURED = 1


@dataclass(frozen=True)
class Overlap:
    """Photos that see each cell of a coarse grid; measured: where the surface was measured, not filled.

    feet: (N, 3) where the photos were taken, easting, northing, height (m). height: (rows, cols) float32 m in the
    survey's vertical datum, NaN outside the surface. seen_by: (rows, cols) number of photos.
    """

    grid: Grid
    feet: NDArray[np.float64]
    height: NDArray[np.float32]
    seen_by: NDArray[np.int32]
    measured: NDArray[np.bool_]

    def figures(self) -> dict[str, Any]:
        """Give the overlap in numbers.

        cell_m; mean and median photos per cell of the surface; share of its cells that at least 1, 2, 3, 5, 9 photos
        see; coverage as below.
        """
        on = np.isfinite(self.height)
        counts = self.seen_by[on]
        return {
            "cell_m": self.grid.cell_m,
            "mean": round(float(counts.mean()), 2) if on.any() else None,
            "median": float(np.median(counts)) if on.any() else None,
            "at_least": {str(n): round(float((counts >= n).mean()), 4) if on.any() else None for n in (1, 2, 3, 5, 9)},
            "coverage": None if self.coverage is None else round(self.coverage, 4),
        }

    @property
    def coverage(self) -> float | None:
        """Give the measured share of the flown area: the hull of the places where the photos were taken.

        Photos along one line span no area: there the share of all that three photos see. None where nothing is seen.
        """
        hull = MultiPoint(self.feet[:, :2]).convex_hull
        if hull.area < THIN * hull.length**2:
            enough = self.seen_by >= ENOUGH
            return float(self.measured[enough].mean()) if enough.any() else None
        inside = rasterize([hull], out_shape=self.grid.shape, transform=self.grid.transform, dtype="uint8") == 1
        return min(1.0, float((self.measured & inside).sum()) * self.grid.cell_m**2 / float(hull.area))


@dataclass(frozen=True)
class _Task:
    grid: Grid
    frame: LocalFrame
    views: tuple[View, ...]
    feet: NDArray[np.float64]
    height: Path


def measure_overlap(surface: Path, views: Sequence[View], frame: LocalFrame, scratch: Path, tools: Tools) -> Overlap:
    """Count for every coarse cell of the surface the photos that see it.

    surface: folder with dsm.tif and valid.tif. views: registered photos, ENU of frame. scratch: a folder for the
    heights handed to the workers. The cell is half a metre or what makes 600 cells along the longer side; places the
    surface does not reach count at the height of the nearest that it does.
    """
    fine = Grid.of(surface / "dsm.tif")
    step = max(1, round(FINEST_M / fine.cell_m), int(np.ceil(max(fine.shape) / MOST_CELLS)))
    rows, cols = (max(1, round(n / step)) for n in fine.shape)
    grid = Grid(fine.crs, fine.west, fine.north, round(fine.cell_m * step, 6), rows, cols)
    height = shrunken(surface / "dsm.tif", grid)
    filled = _nearest(height)
    np.save(scratch / "height.npy", filled)
    feet = frame.enu_to_crs(np.array([view.centre for view in views]))
    tasks = [
        _Task(grid, frame, tuple(views[i : i + BATCH]), feet[i : i + BATCH], scratch / "height.npy")
        for i in range(0, len(views), BATCH)
    ]
    seen_by = np.zeros(grid.shape, dtype=np.int32)
    for part in tools.map(count_views, tasks, "overlap"):
        seen_by += part
    measured = shrunken(surface / "valid.tif", grid, nearest=True) == MEASURED
    return Overlap(grid, feet, height, seen_by, measured)


def shrunken(path: Path, grid: Grid, *, nearest: bool = False) -> NDArray[np.float32]:
    """Read a whole one-band raster at the size of a coarser grid, (rows, cols) float32, NaN for nodata."""
    with rasterio.open(path) as raster:
        how = Resampling.nearest if nearest else Resampling.average
        values = raster.read(1, out_shape=grid.shape, resampling=how)
    return np.where(values == NODATA, np.nan, values).astype(np.float32)


def _nearest(height: NDArray[np.float32]) -> NDArray[np.float32]:
    known = np.isfinite(height)
    if not known.any():
        return np.zeros_like(height)
    at = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.asarray(height[tuple(at)], dtype=np.float32)


def count_views(task: _Task) -> NDArray[np.int32]:
    """Count how many of some photos see each cell (a task)."""
    grid, height = task.grid, np.load(task.height)
    east, north = grid.centres()
    places = np.column_stack([np.tile(east, grid.rows), np.repeat(north, grid.cols), height.ravel()])
    enu = task.frame.crs_to_enu(places)
    count = np.zeros(grid.shape, dtype=np.int32)
    span_m = float(height.max() - height.min())
    for view, foot in zip(task.views, task.feet, strict=True):
        inside = view.sees(enu).reshape(grid.shape)
        if not inside.any():
            continue
        rows, cols = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        spare = int(np.ceil(reach_m(span_m, _off_nadir(view)) / grid.cell_m)) + 2
        row0, row1, col0, col1 = int(rows[0]), int(rows[-1]) + 1, int(cols[0]), int(cols[-1]) + 1
        top, left = max(0, row0 - spare), max(0, col0 - spare)
        window = height[top : row1 + spare, left : col1 + spare]
        core = (slice(row0 - top, row1 - top), slice(col0 - left, col1 - left))
        row, col = grid.row_col(foot[:1], foot[1:2])
        place = Foot(float(row[0]) - top, float(col[0]) - left, float(foot[2]))
        seen = visible_cells(window, core, place, tolerance_m=grid.cell_m, reach_cells=float(spare))
        count[row0:row1, col0:col1] += seen & inside[row0:row1, col0:col1]
    return count


def _off_nadir(view: View) -> float:
    """Give the angle (rad) between straight down and the flattest corner ray of a photo."""
    col, row = np.array([0.0, view.width, view.width, 0.0]), np.array([0.0, 0.0, view.height, view.height])
    rays = np.column_stack([(col - view.cx) / view.fx, (row - view.cy) / view.fy, np.ones(4)]) @ view.rotation
    down = -rays[:, 2] / np.linalg.norm(rays, axis=1)
    return float(np.arccos(np.clip(down.min(), -1.0, 1.0)))
