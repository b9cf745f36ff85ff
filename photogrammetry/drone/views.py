"""The undistorted photos as seen by the product stages: where each was taken and what it looks at."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from twin.errors import BadInput

Points = NDArray[np.float64]
NADIR_COSINE = 0.94


@dataclass(frozen=True)
class View:
    """One pinhole photo: path, size (px), focal lengths and centre (px, centre of the first pixel 0.5, 0.5).

    rotation: (3, 3) ENU -> camera (x right, y down, z forward). centre: (3,) ENU metres. file: its name in the survey,
    when that is more than the path's last part: cameras count from 0001 again in every folder.
    """

    path: Path
    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    rotation: Points
    centre: Points
    file: str = ""

    @property
    def name(self) -> str:
        """The photo's name in the survey: its file name, with the folders below that of the photos."""
        return self.file or self.path.name

    @property
    def looks(self) -> Points:
        """Viewing direction in ENU, (3,) unit vector."""
        direction: Points = self.rotation[2]
        return direction

    @property
    def is_nadir(self) -> bool:
        """Tell whether the photo looks down to within 20 degrees."""
        return bool(-self.looks[2] > NADIR_COSINE)

    def project(self, enu: Points) -> tuple[Points, Points, Points]:
        """Project (..., 3) ENU points: column, row (px, NaN behind the camera) and depth along the axis (m)."""
        local = (enu - self.centre) @ self.rotation.T
        depth = local[..., 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            ahead = np.where(depth > 0.1, depth, np.nan)
            col = self.fx * local[..., 0] / ahead + self.cx
            row = self.fy * local[..., 1] / ahead + self.cy
        return col, row, depth

    def sees(self, enu: Points, margin_px: float = 2.0) -> NDArray[np.bool_]:
        """Tell which (..., 3) ENU points fall inside the picture, ignoring what stands in between."""
        col, row, _ = self.project(enu)
        with np.errstate(invalid="ignore"):
            inside = (col > margin_px) & (col < self.width - margin_px)
            return np.asarray(inside & (row > margin_px) & (row < self.height - margin_px))

    def ground_outline(self, up_m: float, reach_m: float = 2000.0) -> Points:
        """Give the four corners (4, 2) of what the photo sees on the plane up = up_m, ENU metres.

        Corners at or above the horizon are put reach_m away.
        """
        col, row = np.array([0.0, self.width, self.width, 0.0]), np.array([0.0, 0.0, self.height, self.height])
        rays = np.column_stack([(col - self.cx) / self.fx, (row - self.cy) / self.fy, np.ones(4)]) @ self.rotation
        drop = np.minimum(rays[:, 2], -1e-9)
        length = np.minimum((up_m - self.centre[2]) / drop, reach_m / np.linalg.norm(rays, axis=1))
        corners: Points = self.centre[:2] + rays[:, :2] * np.maximum(length, 0)[:, None]
        return corners

    def picture(self) -> NDArray[np.uint8]:
        """Read the photo as (rows, cols, 3) uint8 RGB. Raises BadInput when it cannot be read."""
        pixels = cv2.imread(str(self.path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        if pixels is None:
            raise BadInput("the undistorted photo cannot be read", where=self.name, do="Run the undistort stage again")
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def read_views(undistorted: Path) -> list[View]:
    """Read the registered photos of the undistort stage, in the order of their names.

    undistorted: folder with cameras.json (model PINHOLE) and images/. Raises BadInput when none is registered.
    """
    entries = json.loads((undistorted / "cameras.json").read_text(encoding="utf-8"))
    views = [_view(entry, undistorted / "images") for entry in entries if entry["registered"]]
    if not views:
        raise BadInput("no photo is registered, so nothing can be mapped", do="Look at the reconstruct stage")
    return sorted(views, key=lambda view: view.name)


def _view(entry: dict[str, Any], folder: Path) -> View:
    fx, fy, cx, cy = (float(v) for v in entry["camera"]["params"][:4])
    rotation, centre = np.array(entry["rotation"], dtype=np.float64), np.array(entry["centre"], dtype=np.float64)
    size = int(entry["width"]), int(entry["height"])
    return View(folder / entry["file"], *size, fx, fy, cx, cy, rotation, centre, entry["file"])


def ground_sample_distance(views: Sequence[View], up_m: float) -> float:
    """Give the median size (m) of a pixel on the plane up = up_m, over the photos that look down (else over all)."""
    chosen = [view for view in views if view.is_nadir] or list(views)
    return float(np.median([(view.centre[2] - up_m) / view.fx for view in chosen]))
