"""A town of boxes on a sloping plane: every height and every line of sight has a closed-form answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Box:
    """A flat-roofed building: sides in metres from the scene's origin, roof height in metres (vertical datum)."""

    west: float
    south: float
    east: float
    north: float
    roof_h_m: float
    colour: tuple[int, int, int]


@dataclass(frozen=True)
class BoxScene:
    """Boxes on the plane ground_h_m + slope_east * x; x, y are metres from the origin in the projected CRS."""

    ground_h_m: float
    slope_east: float
    boxes: tuple[Box, ...]

    def ground(self, x: Floats, y: Floats) -> Floats:
        """Give the bare ground's height (m)."""
        return self.ground_h_m + self.slope_east * np.asarray(x, dtype=np.float64) + 0.0 * np.asarray(y)

    def surface(self, x: Floats, y: Floats) -> Floats:
        """Give the height of roofs and ground seen from above (m)."""
        height = self.ground(x, y)
        for box in self.boxes:
            inside = (x >= box.west) & (x < box.east) & (y >= box.south) & (y < box.north)
            height = np.where(inside, np.maximum(height, box.roof_h_m), height)
        return height

    def first_hit(self, origins: Floats, directions: Floats) -> tuple[Floats, NDArray[np.int64]]:
        """Follow rays (N, 3) to what they meet first.

        Returns the way along each direction (N,), inf for the sky, and what was met: -1 ground, else the box's index.
        """
        along = self._ground_hit(origins, directions)
        what = np.full(len(along), -1, dtype=np.int64)
        for index, box in enumerate(self.boxes):
            reached = _box_hit(origins, directions, box)
            nearer = reached < along
            along = np.where(nearer, reached, along)
            what[nearer] = index
        return along, what

    def sees(self, eye: Floats, points: Floats, *, slack_m: float = 0.01) -> NDArray[np.bool_]:
        """Say which points (N, 3) are in view from eye (3,): nothing stands between them."""
        directions = points - eye
        along, _ = self.first_hit(np.broadcast_to(eye, points.shape), directions)
        return along >= 1.0 - slack_m / np.linalg.norm(directions, axis=1)

    def _ground_hit(self, origins: Floats, directions: Floats) -> Floats:
        above = origins[:, 2] - self.ground(origins[:, 0], origins[:, 1])
        sinking = self.slope_east * directions[:, 0] - directions[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            along = above / sinking
        return np.where(sinking > 1e-12, along, np.inf)

    def colour(self, x: Floats, y: Floats, what: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Paint what was met: roofs and walls in their box's colour, the ground as lawn, paving and a road."""
        grain = np.sin(x * 12.9898 + y * 78.233) * 43758.5453
        grain = (grain - np.floor(grain)) * 24 - 12
        checks = ((np.floor(x / 4) + np.floor(y / 4)) % 2) * 14
        road = (np.abs(y) < 4)[:, None]
        base = np.where(road, np.array([104, 106, 110]), np.array([118, 138, 96]))
        palette = np.array([box.colour for box in self.boxes] or [(0, 0, 0)])
        base = np.where((what >= 0)[:, None], palette[np.maximum(what, 0)], base)
        return np.clip(base + (grain + checks)[:, None], 0, 255).astype(np.uint8)


def _box_hit(origins: Floats, directions: Floats, box: Box) -> Floats:
    low = np.array([box.west, box.south, -1e6])
    high = np.array([box.east, box.north, box.roof_h_m])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        a = (low - origins) / directions
        b = (high - origins) / directions
    enter = np.nanmax(np.minimum(a, b), axis=1)
    leave = np.nanmin(np.maximum(a, b), axis=1)
    return np.where((enter <= leave) & (leave > 0) & (enter > 0), enter, np.inf)
