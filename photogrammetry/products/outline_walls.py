"""The lines along which the model has walls: block outlines, cut where they meet, with what lies on either side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, box
from shapely.geometry.base import BaseGeometry

SIDE_M = 0.05
GRID_M = 0.02
OPEN_GROUND = -1


@dataclass(frozen=True)
class WallLine:
    """One straight piece: (2, 2) ends (survey CRS), block on its left and right (OPEN_GROUND: none)."""

    start: tuple[float, float]
    end: tuple[float, float]
    left: int
    right: int

    @property
    def length_m(self) -> float:
        """Length of the piece."""
        return float(np.hypot(self.end[0] - self.start[0], self.end[1] - self.start[1]))


def wall_lines(blocks: Sequence[BaseGeometry]) -> list[WallLine]:
    """Cut the outlines of all blocks where they meet and tell what lies beside each straight piece.

    blocks: polygons of one survey part (CRS metres); index = block number. Pieces with the same block on both sides
    are left out. The order is fixed by position.
    """
    if not blocks:
        return []
    # Rounding to a grid joins walls that two outlines draw millimetres apart; cut lines without it may miss each other.
    lines = shapely.union_all([block.boundary for block in blocks], grid_size=GRID_M)
    pieces: list[tuple[tuple[float, float], tuple[float, float]]] = []
    for line in shapely.get_parts(lines):
        xy = [(float(x), float(y)) for x, y in np.asarray(line.coords)[:, :2]]
        pieces += [(min(a, b), max(a, b)) for a, b in pairwise(xy) if a != b]
    pieces = sorted(set(pieces))
    if not pieces:
        return []
    ends = np.array(pieces)
    middle, along = ends.mean(axis=1), ends[:, 1] - ends[:, 0]
    normal = np.column_stack([-along[:, 1], along[:, 0]]) / np.hypot(along[:, 0], along[:, 1])[:, None]
    left, right = block_at(middle + SIDE_M * normal, blocks), block_at(middle - SIDE_M * normal, blocks)
    return [
        WallLine(a, b, int(one), int(other))
        for (a, b), one, other in zip(pieces, left, right, strict=True)
        if one != other
    ]


def block_at(places: NDArray[np.float64], blocks: Sequence[BaseGeometry]) -> NDArray[np.int64]:
    """Tell which block holds each of (N, 2) places; OPEN_GROUND where none does."""
    found = np.full(len(places), OPEN_GROUND, dtype=np.int64)
    for number, block in enumerate(blocks):
        west, south, east, north = block.bounds
        near = np.flatnonzero(
            (places[:, 0] >= west) & (places[:, 0] <= east) & (places[:, 1] >= south) & (places[:, 1] <= north)
        )
        if len(near):
            shapely.prepare(block)
            inside = shapely.contains_xy(block, places[near, 0], places[near, 1])
            found[near[inside]] = number
    return found


def clipped(line: WallLine, bounds: tuple[float, float, float, float]) -> WallLine | None:
    """Give the part of a line inside bounds (west, south, east, north), same direction; None when outside."""
    part = LineString([line.start, line.end]).intersection(box(*bounds))
    if not isinstance(part, LineString) or part.is_empty or part.length < 1e-3:
        return None
    a, b = ((float(x), float(y)) for x, y in (part.coords[0], part.coords[-1]))
    forward = (b[0] - a[0]) * (line.end[0] - line.start[0]) + (b[1] - a[1]) * (line.end[1] - line.start[1]) > 0
    return WallLine(a, b, line.left, line.right) if forward else WallLine(b, a, line.left, line.right)


def steps_along(line: WallLine, step_m: float) -> NDArray[np.float64]:
    """Give evenly spread places along a line, (N, 2), ends included, at most step_m apart."""
    number = max(1, int(np.ceil(line.length_m / step_m)))
    share = np.linspace(0.0, 1.0, number + 1)[:, None]
    return np.asarray(np.array(line.start) * (1 - share) + np.array(line.end) * share)
