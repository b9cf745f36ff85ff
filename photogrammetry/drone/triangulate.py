"""Where the rays of several photos meet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from photogrammetry.cameras import Array, Shot

STEPS = 10


def triangulate(shots: Sequence[Shot], pixels: Array) -> tuple[Array, Array]:
    """Find the point whose projections are nearest to the marks.

    shots: N >= 2 registered photos. pixels: (N, 2), one mark in each. Returns the point (3,) in the shots' frame
    and the residuals seen minus projected (N, 2), pixels; NaN when the rays do not meet in front of the photos.
    Source: Hartley & Zisserman 12.2, refined by Gauss-Newton on the pixels.
    """
    centres = np.stack([shot.pose[1] for shot in shots])
    rays = np.concatenate([shot.rays(pixels[i : i + 1]) for i, shot in enumerate(shots)])
    across = np.eye(3) - rays[:, :, None] * rays[:, None, :]
    normal = across.sum(axis=0)
    if np.linalg.cond(normal) > 1e10:
        return np.full(3, np.nan), np.full_like(pixels, np.nan)
    point = np.linalg.solve(normal, np.einsum("nij,nj->i", across, centres))
    for _ in range(STEPS):
        residuals = pixels - _project(shots, point)
        slope = np.concatenate([_slope(shot, point) for shot in shots])
        if not np.isfinite(residuals).all():
            return np.full(3, np.nan), np.full_like(pixels, np.nan)
        step = np.linalg.lstsq(slope, residuals.ravel(), rcond=None)[0]
        point = point + step
        if np.linalg.norm(step) < 1e-8:
            break
    return point, pixels - _project(shots, point)


def _project(shots: Sequence[Shot], point: Array) -> Array:
    return np.concatenate([shot.project(point[None])[0] for shot in shots])


def _slope(shot: Shot, point: Array) -> Array:
    rotation, centre = shot.pose
    local = rotation @ (point - centre)
    plane = local[:2] / local[2]
    ideal = np.array([[1.0, 0.0, -plane[0]], [0.0, 1.0, -plane[1]]]) / local[2]
    bent = shot.camera.distortion_slope(plane[None])[0] * np.array(shot.camera.params[:2])[:, None]
    return np.asarray(bent @ ideal @ rotation)
