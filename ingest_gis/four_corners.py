"""Outlines with four corners, most of all buildings: read, judged and stood in without making a geometry of each.

What is not plainly convex is left to GEOS, so both give the same verdicts.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ingest_gis.checks import THINNEST_M

# WKB of a polygon with one ring of five points, the last one the first again: little endian, no height, no SRID.
HEAD = np.frombuffer(b"\x01\x03\x00\x00\x00\x01\x00\x00\x00\x05\x00\x00\x00", dtype=np.uint8)
POINTS = 5
LENGTH = len(HEAD) + 16 * POINTS
PLAIN_TURN_M2 = 0.01  # a corner that turns by less may be straight, or none
PLAINLY_THICK = 1.01  # times the least thickness: what is nearer to it is measured by GEOS
Metres = NDArray[np.float64]


def read_four_corners(wkb: pa.Array) -> tuple[NDArray[np.int64], Metres]:
    """Find the outlines with four corners among (N,) WKB. Returns which they are, (Q,), and their points, (Q, 5, 2)."""
    size = np.int64 if wkb.type in (pa.large_binary(), pa.large_string()) else np.int32
    _, ends, held = wkb.buffers()
    offsets = np.frombuffer(ends, dtype=size)[wkb.offset : wkb.offset + len(wkb) + 1].astype(np.int64)
    rows = np.flatnonzero(np.diff(offsets) == LENGTH)
    if not len(rows):
        return rows, np.zeros((0, POINTS, 2))
    data = np.frombuffer(held, dtype=np.uint8)
    found = np.lib.stride_tricks.sliding_window_view(data, LENGTH)[offsets[rows]]
    points = np.ascontiguousarray(found[:, len(HEAD) :]).view("<f8").reshape(-1, POINTS, 2)
    fit = (found[:, : len(HEAD)] == HEAD).all(axis=1)
    fit &= np.isfinite(points).all(axis=(1, 2)) & (points[:, 0] == points[:, -1]).all(axis=1)
    if wkb.null_count:
        fit &= wkb.is_valid().to_numpy(zero_copy_only=False)[rows]
    return rows[fit], points[fit]


def are_plainly_sound(points: Metres) -> NDArray[np.bool_]:
    """Tell which of (Q, 5, 2) outlines in metres are convex, so valid, and thick enough beyond doubt."""
    with np.errstate(invalid="ignore", over="ignore"):
        sides = np.diff(points, axis=1)
        ahead = sides[:, (1, 2, 3, 0)]
        turns = sides[..., 0] * ahead[..., 1] - sides[..., 1] * ahead[..., 0]
        convex = (turns > PLAIN_TURN_M2).all(axis=1) | (turns < -PLAIN_TURN_M2).all(axis=1)
        # Two triangles: between the first two sides, and between the last two.
        twice_area = np.abs(turns[:, 0] + turns[:, 2])
        around = np.hypot(sides[..., 0], sides[..., 1]).sum(axis=1)
        return np.asarray(convex & (twice_area >= PLAINLY_THICK * THINNEST_M * around))


def stand_inside(points: Metres) -> Metres:
    """Give a point inside each of (Q, 5, 2) convex outlines, (Q, 2): the one that GEOS' PointOnSurface gives.

    Half way across, at a height half way between the corners next above and next below the middle.
    """
    y = points[..., 1]
    corners = y[:, :-1]
    middle = ((corners.min(axis=1) + corners.max(axis=1)) / 2.0)[:, None]
    below = np.where(corners <= middle, corners, -np.inf).max(axis=1)
    above = np.where(corners > middle, corners, np.inf).min(axis=1)
    height = ((below + above) / 2.0)[:, None]
    crosses = (y[:, :-1] > height) != (y[:, 1:] > height)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (height - y[:, :-1]) / (y[:, 1:] - y[:, :-1])
        at = points[:, :-1, 0] + share * (points[:, 1:, 0] - points[:, :-1, 0])
    return np.column_stack((np.where(crosses, at, 0.0).sum(axis=1) / 2.0, height[:, 0]))
