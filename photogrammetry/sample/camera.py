"""The sample's camera: a pinhole with OPENCV distortion (k1, k2, p1, p2), and how it is pointed.

Pixels follow COLMAP: the centre of the first pixel is (0.5, 0.5). Camera axes: x right, y down, z forward.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photogrammetry.sample.randomness import stream
from photogrammetry.sample.scales import Scale

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """Inner orientation: size in pixels and OPENCV parameters fx, fy, cx, cy, k1, k2, p1, p2."""

    width: int
    height: int
    params: tuple[float, float, float, float, float, float, float, float]

    def distort(self, u: Array, v: Array) -> tuple[Array, Array]:
        """Bend normalised image coordinates (any shape) as the lens does. Source: OpenCV camera model."""
        k1, k2, p1, p2 = self.params[4:]
        r2 = u * u + v * v
        radial = 1 + k1 * r2 + k2 * r2 * r2
        return (
            u * radial + 2 * p1 * u * v + p2 * (r2 + 2 * u * u),
            v * radial + p1 * (r2 + 2 * v * v) + 2 * p2 * u * v,
        )

    def project(self, points: Array, pose: Pose) -> tuple[Array, Array]:
        """Project local points (N, 3): pixels (N, 2) column, row and depths (N,) metres (negative: behind)."""
        seen = (points - pose.centre) @ pose.rotation.T
        depth = seen[:, 2]
        safe = np.where(depth > 1e-6, depth, np.nan)
        u, v = self.distort(seen[:, 0] / safe, seen[:, 1] / safe)
        fx, fy, cx, cy = self.params[:4]
        return np.column_stack([fx * u + cx, fy * v + cy]), depth

    def directions(self) -> Array:
        """Give the viewing direction (u, v; z = 1) of every pixel centre: (height, width, 2) float64."""
        fx, fy, cx, cy = self.params[:4]
        col, row = np.meshgrid(np.arange(self.width) + 0.5, np.arange(self.height) + 0.5)
        bent_u, bent_v = (col - cx) / fx, (row - cy) / fy
        u, v = bent_u.copy(), bent_v.copy()
        for _ in range(12):
            again_u, again_v = self.distort(u, v)
            u += bent_u - again_u
            v += bent_v - again_v
        return np.stack([u, v], axis=-1)


@dataclass(frozen=True)
class Pose:
    """Outer orientation: rotation (3, 3) local east-north-up -> camera, and centre (3,) local metres."""

    rotation: Array
    centre: Array


def make_camera(seed: int, scale: Scale) -> Camera:
    """Draw the camera of a flight: focal length within a percent of its nominal value, a mild lens distortion."""
    random = stream(seed, "camera")
    focal = scale.focal_px * random.uniform(1.004, 1.012)
    off = random.uniform(-1, 1, 2) * 0.004 * scale.photo_width
    k1, k2 = random.uniform(-0.085, -0.06), random.uniform(0.03, 0.055)
    p1, p2 = random.uniform(-6e-4, 6e-4, 2)
    values = (
        focal, focal * random.uniform(0.9996, 1.0004), scale.photo_width / 2 + off[0], scale.photo_height / 2 + off[1],
        k1, k2, p1, p2,
    )  # fmt: skip
    return Camera(scale.photo_width, scale.photo_height, tuple(map(float, values)))  # type: ignore[arg-type]


def look(heading: float, tilt: float, roll: float) -> Array:
    """Give the rotation (3, 3) of a camera whose image top points to `heading`.

    heading: radians clockwise from north. tilt: radians from straight down towards the heading. roll: radians.
    """
    sin, cos = np.sin(heading), np.cos(heading)
    down = np.array([[cos, -sin, 0.0], [-sin, -cos, 0.0], [0.0, 0.0, -1.0]])
    st, ct = np.sin(tilt), np.cos(tilt)
    tilted = np.array([[1.0, 0, 0], [0, ct, st], [0, -st, ct]]) @ down
    sr, cr = np.sin(roll), np.cos(roll)
    rotation: Array = np.array([[cr, -sr, 0.0], [sr, cr, 0.0], [0.0, 0.0, 1.0]]) @ tilted
    return rotation
