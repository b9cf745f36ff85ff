"""Bare ground from the surface: SMRF on a coarse grid, outlines of buildings masked out, checked and refilled.

The ground filter is the weakest link of the way from cloud to heights, so it is asked as little as possible: cells
inside given outlines never count as ground, whatever the filter says, and what remains is checked against the
ground around it before the gaps are closed smoothly.
Source: Pingel, Clarke, McBride 2013 (SMRF), as in the pysmrf package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pysmrf
from numpy.typing import NDArray
from rasterio.features import rasterize
from scipy import ndimage
from shapely.geometry.base import BaseGeometry

from photogrammetry.drone.grid import Grid
from photogrammetry.drone.surface_cells import Heights, pull_push, spread_inwards


@dataclass(frozen=True)
class GroundSettings:
    """How ground is told from objects; lengths in metres.

    widest_object_m: widest thing the filter must remove when no outlines are given (a hall); object_m: the same
    where outlines are given (trees, cars). slope: steepest ground, rise over run. step_m: smallest height above the
    filter's surface that is an object. mask_m: how far outlines are widened before masking.
    """

    widest_object_m: float = 40.0
    object_m: float = 14.0
    slope: float = 0.20
    step_m: float = 0.35
    mask_m: float = 0.6


def ground_heights(surface: Heights, grid: Grid, outlines: Sequence[BaseGeometry], settings: GroundSettings) -> Heights:
    """Give the bare ground at every cell of a coarse surface grid.

    surface: (rows, cols) float32, m, the low heights of each coarse cell, NaN where unknown. outlines: building
    polygons in the grid's CRS, may be empty. Returns (rows, cols) float32 without NaN (all NaN only if surface is).
    """
    if np.isnan(surface).all():
        return surface
    masked = _mask(outlines, grid, settings.mask_m)
    open_ground = np.where(masked, np.nan, surface).astype(np.float32)
    if np.isnan(open_ground).all():
        open_ground = surface
    widest = settings.object_m if len(outlines) else settings.widest_object_m
    objects = _object_cells(open_ground, grid.cell_m, widest, settings)
    candidate = np.where(objects, np.nan, open_ground).astype(np.float32)
    candidate = _against_neighbourhood(candidate, grid.cell_m, settings)
    ground = spread_inwards(candidate, np.isnan(candidate))
    known = ~np.isnan(candidate)
    gentle = ndimage.gaussian_filter(ground, 0.5 / grid.cell_m, mode="nearest")
    return np.where(known, gentle, ground).astype(np.float32)


def _mask(outlines: Sequence[BaseGeometry], grid: Grid, wider_m: float) -> NDArray[np.bool_]:
    shapes = [outline.buffer(wider_m) for outline in outlines if not outline.is_empty]
    if not shapes:
        return np.zeros(grid.shape, dtype=bool)
    burnt = rasterize(shapes, out_shape=grid.shape, transform=grid.transform, all_touched=True, dtype="uint8")
    return np.asarray(burnt, dtype=bool)


def _object_cells(surface: Heights, cell_m: float, widest_m: float, settings: GroundSettings) -> NDArray[np.bool_]:
    """Mark cells that SMRF calls objects. Radii grow geometrically: the loss against every radius is nil here."""
    filled = pull_push(surface)
    largest = max(2, int(np.ceil(widest_m / 2 / cell_m)))
    radii = np.unique(np.round(np.geomspace(1, largest, min(largest, 8))).astype(int))
    rows, cols = np.indices(filled.shape)
    east, north = (cols.ravel() + 0.5) * cell_m, (filled.shape[0] - rows.ravel() - 0.5) * cell_m
    _, _, _, is_object = pysmrf.smrf(
        east, north, filled.ravel().astype(np.float64), cellsize=cell_m, windows=radii,
        slope_threshold=settings.slope, elevation_threshold=settings.step_m, elevation_scaler=0.5,
        low_filter_slope=5.0, low_outlier_fill=True, inpaint_method="nearest", interp_method="linear",
    )  # fmt: skip
    marked: NDArray[np.bool_] = np.asarray(is_object, dtype=bool).reshape(filled.shape)
    return marked


def _against_neighbourhood(candidate: Heights, cell_m: float, settings: GroundSettings) -> Heights:
    """Drop ground cells that stand out from the low ground around them: what the filter let through."""
    filled = pull_push(candidate)
    size = 2 * int(np.ceil(2.5 / cell_m)) + 1
    around = ndimage.percentile_filter(filled, 30, size=size, mode="nearest")
    slope = np.hypot(*np.gradient(ndimage.gaussian_filter(around, 2.0 / cell_m), cell_m))
    allowed = settings.step_m + slope * size * cell_m / 2
    return np.where(np.abs(candidate - around) > allowed, np.nan, candidate).astype(np.float32)
