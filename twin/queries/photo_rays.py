"""Cameras of a survey as arrays: where a point of the city falls in each photo.

The frame is the survey's local east-north-up frame (twin.survey.frame); heights of a national datum are treated as
ellipsoidal in it, as the survey itself does. Camera model: OPENCV (fx, fy, cx, cy, k1, k2, p1, p2); the centre of the
first pixel is (0.5, 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.crs import LonLat, transformer

Floats = NDArray[np.float64]
GEOGRAPHIC_3D = "EPSG:4979"
GEOCENTRIC = "EPSG:4978"
PARAMETERS = {"SIMPLE_PINHOLE": 3, "PINHOLE": 4, "SIMPLE_RADIAL": 4, "RADIAL": 5, "OPENCV": 8}


@dataclass(frozen=True)
class PhotoSet:
    """The registered photos of one survey.

    size: (N, 2) width, height in pixels. intrinsics: (N, 8) OPENCV. rotation: (N, 3, 3) ENU to camera.
    centre: (N, 3) metres in the survey's frame. centre_lonlath: (N, 3) degrees and metres.
    skipped: photos whose camera or pose could not be used.
    """

    files: tuple[str, ...]
    taken_at: tuple[str | None, ...]
    size: Floats
    intrinsics: Floats
    rotation: Floats
    centre: Floats
    centre_lonlath: Floats
    origin: tuple[float, float, float]
    skipped: int


def photo_set(frame: dict[str, Any], rows: list[dict[str, Any]]) -> PhotoSet:
    """Gather a survey's photos into arrays.

    frame: twin.survey.frame. rows: file, taken_at, width, height, camera, pose of registered photos.
    """
    origin = frame["origin"]
    place = (float(origin["lon"]), float(origin["lat"]), float(origin["h_m"]))
    usable = []
    for row in rows:
        intrinsics = _opencv(row["camera"])
        if intrinsics is not None and row["pose"]:
            usable.append((row, intrinsics, row["pose"]))
    centre = np.array([pose["centre"] for _, _, pose in usable], dtype=np.float64).reshape(-1, 3)
    return PhotoSet(
        files=tuple(row["file"] for row, _, _ in usable),
        taken_at=tuple(row["taken_at"] for row, _, _ in usable),
        size=np.array([(row["width"], row["height"]) for row, _, _ in usable], dtype=np.float64).reshape(-1, 2),
        intrinsics=np.array([values for _, values, _ in usable], dtype=np.float64).reshape(-1, 8),
        rotation=np.array([pose["rotation"] for _, _, pose in usable], dtype=np.float64).reshape(-1, 3, 3),
        centre=centre,
        centre_lonlath=_enu_to_lonlath(centre, place),
        origin=place,
        skipped=len(rows) - len(usable),
    )


def _opencv(camera: dict[str, Any] | None) -> list[float] | None:
    if not camera or len(camera.get("params", ())) < PARAMETERS.get(camera.get("model", ""), 99):
        return None
    p = [float(value) for value in camera["params"]]
    if camera["model"] in ("SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL"):
        p = [p[0], *p]  # one focal length for both axes
    return (p + [0.0] * 8)[:8]


def pixels_of(photos: PhotoSet, position: LonLat, height_m: float) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Project one point of the city into every photo.

    position: degrees; height_m: metres in the survey's vertical datum.
    Returns pixels (N, 2) col, row; whether they lie inside the image (N,); vectors camera to point (N, 3) ENU metres.
    """
    point = _lonlath_to_enu(np.array([[*position, height_m]]), photos.origin)[0]
    away = point - photos.centre
    seen = np.einsum("nij,nj->ni", photos.rotation, away)
    ahead = seen[:, 2] > 0.1
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y = seen[:, 0] / seen[:, 2], seen[:, 1] / seen[:, 2]
    fx, fy, cx, cy, k1, k2, p1, p2 = photos.intrinsics.T
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2 * r2
    # Where the distortion no longer grows outwards it folds points from far outside back into the image.
    ahead &= 1 + 3 * k1 * r2 + 5 * k2 * r2 * r2 > 0
    columns = fx * (x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)) + cx
    rows = fy * (y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y) + cy
    width, height = photos.size.T
    with np.errstate(invalid="ignore"):
        inside = ahead & (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    return np.column_stack([columns, rows]), inside, away


@lru_cache(maxsize=64)
def _frame_axes(origin: tuple[float, float, float]) -> tuple[Floats, Floats]:
    """Give the axes (3, 3), columns east, north, up in geocentric metres, and the geocentric origin (3,)."""
    lon, lat = np.radians(origin[0]), np.radians(origin[1])
    east = [-np.sin(lon), np.cos(lon), 0.0]
    north = [-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)]
    up = [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]
    return np.column_stack([east, north, up]), np.array(transformer(GEOGRAPHIC_3D, GEOCENTRIC).transform(*origin))


def _lonlath_to_enu(points: Floats, origin: tuple[float, float, float]) -> Floats:
    axes, start = _frame_axes(origin)
    return (np.column_stack(transformer(GEOGRAPHIC_3D, GEOCENTRIC).transform(*points.T)) - start) @ axes


def _enu_to_lonlath(points: Floats, origin: tuple[float, float, float]) -> Floats:
    axes, start = _frame_axes(origin)
    geocentric = points @ axes.T + start
    return np.column_stack(transformer(GEOCENTRIC, GEOGRAPHIC_3D).transform(*geocentric.T))
