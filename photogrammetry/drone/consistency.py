"""Which depths of a photo do the other photos confirm: each pixel is looked up in their depth maps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photogrammetry.cameras import Array, Shot

Float = NDArray[np.float32]
NORMAL_STEP_PX = 2


@dataclass(frozen=True)
class Confirmed:
    """Pixels of one photo that others confirm.

    xyz: (N, 3) float64 ENU metres, averaged over the photos that see the same. normals: (N, 3), towards the
    photo. pixels: (N, 2) row, column. views: (N,) photos that see it, this one included. gsd_m: (N,) pixel size.
    """

    xyz: Array
    normals: Float
    pixels: NDArray[np.int64]
    views: NDArray[np.uint8]
    gsd_m: Float


@dataclass(frozen=True)
class Neighbour:
    """Another photo with its depth (H, W) float32, 0 unknown; before: it stands earlier in the survey's order."""

    shot: Shot
    depth: Float
    before: bool


def confirm(
    shot: Shot, depth: Float, neighbours: Iterable[Neighbour], *, min_views: int, tolerance_px: float, copies: int
) -> Confirmed:
    """Keep the pixels that at least min_views photos see at the same place.

    shot, depth: the photo (pinhole) and its depth map (H, W), 0 unknown. tolerance_px: depths may differ by so
    many pixel sizes. copies: a place seen by many photos is kept from at most so many of them, the nearest first.
    """
    rows, cols = np.nonzero(depth > 0)
    z = depth[rows, cols].astype(np.float32)
    plane = _plane_of(shot, depth.shape, rows, cols)
    gsd = z / np.float32(shot.camera.focal_px)
    tolerance = gsd * np.float32(tolerance_px)
    views, better = np.ones(len(z), dtype=np.uint8), np.zeros(len(z), dtype=np.uint8)
    total = np.zeros(len(z), dtype=np.float32)
    for other in neighbours:
        agrees, offset, other_gsd = _look_up(shot, other, plane, z, tolerance)
        views[agrees] += 1
        total[agrees] += offset
        own = gsd[agrees]
        finer = (other_gsd < 0.95 * own) | ((other_gsd <= 1.05 * own) & other.before)
        better[agrees] += finer
    known = views >= min_views
    refined = (z + total / views)[known].astype(np.float64)
    rotation, centre = shot.pose
    rays = np.column_stack([plane[0][known], plane[1][known], np.ones(len(refined))]) @ rotation
    xyz = centre + rays * refined[:, None]
    surface = np.full((*depth.shape, 3), np.float32(np.nan))
    surface[rows[known], cols[known]] = xyz
    kept = known & (better < copies)
    xyz = xyz[kept[known]]
    rows, cols = rows[kept], cols[kept]
    normals = _normals(surface, centre.astype(np.float32), rows, cols)
    return Confirmed(xyz, normals, np.column_stack([rows, cols]), views[kept], gsd[kept])


def _plane_of(
    shot: Shot, shape: tuple[int, ...], rows: NDArray[np.int64], cols: NDArray[np.int64]
) -> tuple[Float, Float]:
    """Give where pixels of a pinhole photo lie in the plane at depth 1: x and y, each (N,)."""
    fx, fy, cx, cy = shot.camera.params
    x_of_col = ((np.arange(shape[1]) + 0.5 - cx) / fx).astype(np.float32)
    y_of_row = ((np.arange(shape[0]) + 0.5 - cy) / fy).astype(np.float32)
    return x_of_col[cols], y_of_row[rows]


def _look_up(
    shot: Shot, other: Neighbour, plane: tuple[Float, Float], z: Float, tolerance: Float
) -> tuple[NDArray[np.int64], Float, Float]:
    """Compare pixels with another photo's depth map.

    plane: x and y, each (N,), of the pixels at depth 1, z: (N,) their depths. Returns the indices that agree, how
    much farther along our ray the other sees them, and the size of its pixels there.
    """
    rotation, centre = shot.pose
    other_rotation, other_centre = other.shot.pose
    turn = (other_rotation @ rotation.T).astype(np.float32)
    shift = (other_rotation @ (centre - other_centre)).astype(np.float32)
    fx, fy, cx, cy = (np.float32(p) for p in other.shot.camera.params)
    height, width = other.depth.shape
    x, y = plane
    slope = turn[2, 0] * x + turn[2, 1] * y + turn[2, 2]
    depth = z * slope + shift[2]
    with np.errstate(divide="ignore", invalid="ignore"):
        col, row = (
            focal * (z * (turn[i, 0] * x + turn[i, 1] * y + turn[i, 2]) + shift[i]) / depth + middle
            for i, focal, middle in ((0, fx, cx), (1, fy, cy))
        )
        inside = (slope > 0.2) & (depth > 0) & (col >= 0) & (col < width) & (row >= 0) & (row < height)
    chosen = np.flatnonzero(inside)
    seen = other.depth[row[chosen].astype(np.int64), col[chosen].astype(np.int64)]
    apart = seen - depth[chosen]
    agrees = (seen > 0) & (np.abs(apart) <= tolerance[chosen])
    chosen = chosen[agrees]
    return chosen, apart[agrees] / slope[chosen], depth[chosen] / np.float32(other.shot.camera.focal_px)


def _normals(surface: Float, centre: Float, rows: NDArray[np.int64], cols: NDArray[np.int64]) -> Float:
    """Normals (N, 3) of a surface (H, W, 3) at some pixels by differences; straight at the photo where unknown."""
    step = NORMAL_STEP_PX
    padded = np.pad(surface, ((step, step), (step, step), (0, 0)), constant_values=np.nan)
    down = padded[rows + 2 * step, cols + step] - padded[rows, cols + step]
    right = padded[rows + step, cols + 2 * step] - padded[rows + step, cols]
    to_photo = centre - surface[rows, cols]
    normals = np.cross(down, right)
    with np.errstate(invalid="ignore", divide="ignore"):
        unknown = ~np.isfinite(normals).all(axis=1)
        normals[unknown] = to_photo[unknown]
        normals *= np.sign((normals * to_photo).sum(axis=1))[:, None]
        return np.asarray(normals / np.linalg.norm(normals, axis=1, keepdims=True), dtype=np.float32)
