"""Cameras and where they stood: pixels to rays and back, for PINHOLE and OPENCV (Brown) lenses.

Pixel positions are (col, row) with the centre of the first pixel at (0.5, 0.5). A camera's axes are x right,
y down, z forward.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photogrammetry.durable_files import read_json, write_json

Array = NDArray[np.float64]
PARAMETERS = {"PINHOLE": 4, "OPENCV": 8}
UNDISTORT_STEPS = 30


@dataclass(frozen=True)
class Camera:
    """A lens and sensor: model PINHOLE [fx, fy, cx, cy] or OPENCV [fx, fy, cx, cy, k1, k2, p1, p2], pixels."""

    model: str
    width: int
    height: int
    params: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse a model that is not known here."""
        if PARAMETERS.get(self.model) != len(self.params):
            raise ValueError(f"camera model {self.model} with {len(self.params)} parameters")

    @property
    def focal_px(self) -> float:
        """Mean focal length, pixels."""
        return (self.params[0] + self.params[1]) / 2

    @property
    def matrix(self) -> Array:
        """The (3, 3) matrix of focal lengths and principal point."""
        fx, fy, cx, cy = self.params[:4]
        return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])

    def project(self, points: Array) -> Array:
        """Project camera-frame points (N, 3) to pixels (N, 2); NaN behind the camera."""
        points = np.atleast_2d(points)
        with np.errstate(divide="ignore", invalid="ignore"):
            plane = points[:, :2] / np.where(points[:, 2:] > 0, points[:, 2:], np.nan)
        return np.asarray(self.distort(plane) * self.params[:2] + self.params[2:4])

    def unproject(self, pixels: Array) -> Array:
        """Turn pixels (N, 2) into points (N, 2) of the plane z = 1 of the camera frame."""
        pixels = np.atleast_2d(np.asarray(pixels, dtype=np.float64))
        return self._undistort((pixels - self.params[2:4]) / self.params[:2])

    def distort(self, plane: Array) -> Array:
        """Move ideal points (N, 2) of the plane z = 1 to where the lens puts them. Source: Brown 1966, OpenCV."""
        if self.model == "PINHOLE":
            return plane
        k1, k2, p1, p2 = self.params[4:]
        u, v = plane[:, 0], plane[:, 1]
        r2 = u * u + v * v
        radial = 1 + r2 * (k1 + k2 * r2)
        return np.column_stack(
            [
                u * radial + 2 * p1 * u * v + p2 * (r2 + 2 * u * u),
                v * radial + p1 * (r2 + 2 * v * v) + 2 * p2 * u * v,
            ]
        )

    def distortion_slope(self, plane: Array) -> Array:
        """Give the derivative of distort at (N, 2) points, (N, 2, 2)."""
        slope = np.broadcast_to(np.eye(2), (len(plane), 2, 2)).copy()
        if self.model == "PINHOLE":
            return slope
        k1, k2, p1, p2 = self.params[4:]
        u, v = plane[:, 0], plane[:, 1]
        r2 = u * u + v * v
        radial, steep = 1 + r2 * (k1 + k2 * r2), 2 * k1 + 4 * k2 * r2
        slope[:, 0, 0] = radial + u * u * steep + 2 * p1 * v + 6 * p2 * u
        slope[:, 0, 1] = slope[:, 1, 0] = u * v * steep + 2 * p1 * u + 2 * p2 * v
        slope[:, 1, 1] = radial + v * v * steep + 6 * p1 * v + 2 * p2 * u
        return slope

    def _undistort(self, distorted: Array) -> Array:
        if self.model == "PINHOLE":
            return distorted
        plane = distorted.copy()
        for _ in range(UNDISTORT_STEPS):
            wrong = self.distort(plane) - distorted
            if not np.isfinite(wrong).all() or np.abs(wrong).max(initial=0.0) < 1e-13:
                break
            plane -= np.linalg.solve(self.distortion_slope(plane), wrong[..., None])[..., 0]
        return plane


@dataclass(frozen=True)
class Shot:
    """One photo with its camera and, when registered, its pose in the local frame (ENU metres).

    rotation: (3, 3) world -> camera. centre: (3,) metres. reprojection_px: RMS over its tie points.
    gps_residual_m: (3,) adjusted minus recorded position, east, north, up.
    """

    file: str
    camera: Camera
    registered: bool = False
    rotation: Array | None = None
    centre: Array | None = None
    reprojection_px: float | None = None
    gps_residual_m: Array | None = None

    @property
    def pose(self) -> tuple[Array, Array]:
        """Rotation and centre of a registered photo."""
        if self.rotation is None or self.centre is None:
            raise ValueError(f"{self.file} is not registered")
        return self.rotation, self.centre

    def project(self, world: Array) -> tuple[Array, Array]:
        """Project ENU points (N, 3): pixels (N, 2), NaN behind the camera, and depth (N,) in metres."""
        rotation, centre = self.pose
        local = (np.atleast_2d(world) - centre) @ rotation.T
        return self.camera.project(local), local[:, 2]

    def rays(self, pixels: Array) -> Array:
        """Give unit viewing directions (N, 3) in ENU of pixels (N, 2)."""
        rotation, _ = self.pose
        plane = self.camera.unproject(pixels)
        rays = np.column_stack([plane, np.ones(len(plane))]) @ rotation
        return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True))

    def moved(self, rotation: Array, centre: Array) -> Shot:
        """Give the same photo with another pose."""
        return replace(self, registered=True, rotation=rotation, centre=centre)


def write_shots(path: Path, shots: Iterable[Shot]) -> None:
    """Write cameras.json: a list in the given order, poses in the local frame (see interfaces of the stages)."""
    write_json(path, [_entry(shot) for shot in shots])


def read_shots(path: Path) -> list[Shot]:
    """Read cameras.json as written by write_shots."""
    return [_shot(entry) for entry in read_json(path)]


def _listed(values: Array | None) -> list[Any] | None:
    return None if values is None else np.asarray(values, dtype=np.float64).tolist()


def _entry(shot: Shot) -> dict[str, Any]:
    return {
        "file": shot.file,
        "width": shot.camera.width,
        "height": shot.camera.height,
        "registered": shot.registered,
        "camera": {"model": shot.camera.model, "params": list(shot.camera.params)},
        "rotation": _listed(shot.rotation),
        "centre": _listed(shot.centre),
        "reprojection_px": shot.reprojection_px,
        "gps_residual_m": _listed(shot.gps_residual_m),
    }


def _shot(entry: dict[str, Any]) -> Shot:
    camera = Camera(entry["camera"]["model"], entry["width"], entry["height"], tuple(entry["camera"]["params"]))
    vectors = {
        name: None if entry[name] is None else np.array(entry[name], dtype=np.float64)
        for name in ("rotation", "centre", "gps_residual_m")
    }
    return Shot(entry["file"], camera, entry["registered"], reprojection_px=entry["reprojection_px"], **vectors)
