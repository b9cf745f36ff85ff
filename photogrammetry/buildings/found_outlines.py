"""Outlines of buildings found on the surface model where nobody gave any: tall, not green, made regular."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from rasterio.features import shapes
from scipy import ndimage
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from photogrammetry.buildings.footprints import Outline
from photogrammetry.buildings.roofs import main_direction
from photogrammetry.buildings.vegetation import vegetation_cells
from photogrammetry.drone.grid import Grid


@dataclass(frozen=True)
class FindSettings:
    """tall_m: least height above the ground. least_m2: smallest building. neck_m: narrower links are cut.

    snap_rad: edges that far from the main directions are turned into them.
    """

    tall_m: float = 2.2
    least_m2: float = 20.0
    neck_m: float = 1.5
    simplify_m: float = 0.7
    snap_rad: float = 0.45


def find_outlines(
    above: NDArray[np.float32], green: NDArray[np.float32], grid: Grid, settings: FindSettings
) -> list[Outline]:
    """Find buildings on a grid of heights above ground.

    above: (rows, cols) m, NaN unknown. green: excess green, NaN unknown. Returns outlines with codes F0001.. from
    north to south, west to east.
    """
    with np.errstate(invalid="ignore"):
        tall = (above > settings.tall_m) & ~vegetation_cells(above, green, grid.cell_m)
    radius = max(1, round(settings.neck_m / 2 / grid.cell_m))
    disk = np.hypot(*np.mgrid[-radius : radius + 1, -radius : radius + 1]) <= radius
    solid = ndimage.binary_opening(ndimage.binary_closing(tall, disk), disk)
    solid = ndimage.binary_fill_holes(solid)
    solid = _smooth_tops(solid, above, settings, grid)
    found: list[BaseGeometry] = []
    for geometry, value in shapes(solid.astype(np.uint8), mask=solid, transform=grid.transform):
        area = Polygon(geometry["coordinates"][0])
        if value == 1 and area.area >= settings.least_m2:
            found.append(regular(area, settings))
    found.sort(key=lambda p: (-round(p.centroid.y, 2), round(p.centroid.x, 2)))
    return [Outline(f"F{number:04d}", None, polygon, "found") for number, polygon in enumerate(found, 1)]


def _smooth_tops(
    solid: NDArray[np.bool_], above: NDArray[np.float32], settings: FindSettings, grid: Grid
) -> NDArray[np.bool_]:
    """Keep what has a calm top over most of its area: crowns of trees are rough."""
    label, number = ndimage.label(solid)
    if number == 0:
        return solid
    calm = np.nan_to_num(above)
    rough = np.abs(calm - ndimage.median_filter(calm, size=max(3, round(0.8 / grid.cell_m) | 1)))
    ids = np.arange(1, number + 1)
    keep = np.asarray(ndimage.median(rough, label, ids)) < 0.12
    keep &= np.bincount(label.ravel(), minlength=number + 1)[1:] * grid.cell_m**2 >= settings.least_m2
    return np.asarray(np.r_[False, keep][label])


def regular(polygon: Polygon, settings: FindSettings) -> BaseGeometry:
    """Make an outline regular: straight edges along and across its main direction where it agrees with them."""
    simple = cast(Polygon, polygon.simplify(settings.simplify_m))
    box = polygon.minimum_rotated_rectangle
    if polygon.area > 0.88 * box.area:
        return box
    snapped = _snapped(simple, main_direction(simple), settings.snap_rad)
    if snapped is not None and snapped.intersection(polygon).area > 0.85 * snapped.union(polygon).area:
        return snapped
    return simple


def _snapped(polygon: Polygon, angle: float, limit: float) -> Polygon | None:
    """Turn edges near the main directions into them and intersect neighbours; None where that fails."""
    xy = np.asarray(polygon.exterior.coords)[:-1]
    origin = xy.mean(axis=0)
    c, s = np.cos(angle), np.sin(angle)
    uv = (xy - origin) @ np.array([[c, -s], [s, c]])
    edges = np.roll(uv, -1, axis=0) - uv
    middle = (np.roll(uv, -1, axis=0) + uv) / 2
    kind = np.abs(edges[:, 0]) >= np.abs(edges[:, 1])
    off = np.arctan2(np.minimum(*np.abs(edges.T)), np.maximum(*np.abs(edges.T)))
    if (off > limit).any():
        return None
    lines = _runs(kind, middle, np.hypot(*edges.T))
    if len(lines) < 4 or len(lines) % 2:
        return None
    corners = []
    for (flat, place), (_, after) in zip(lines, lines[1:] + lines[:1], strict=True):
        corners.append((after, place) if flat else (place, after))
    back = np.array(corners) @ np.array([[c, s], [-s, c]]) + origin
    result = Polygon(back)
    return result if result.is_valid and result.area > 0 else None


def _runs(
    kind: NDArray[np.bool_], middle: NDArray[np.float64], length: NDArray[np.float64]
) -> list[tuple[bool, float]]:
    """Merge runs of parallel edges into lines: (runs along u, its place across), round the outline."""
    changes = np.flatnonzero(kind != np.roll(kind, 1))
    if len(changes) == 0:
        return []
    order = np.roll(np.arange(len(kind)), -int(changes[0]))
    lines: list[tuple[bool, float]] = []
    for run in np.split(order, np.flatnonzero(kind[order][1:] != kind[order][:-1]) + 1):
        flat = bool(kind[run[0]])
        across = middle[run, 1 if flat else 0]
        lines.append((flat, float(np.average(across, weights=length[run]))))
    return lines
