"""Sun, cast shadows and sky light on surfaces, from the scene's own ray caster."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from photogrammetry.sample.scene import SUN, Kind, Scene

SUN_LIGHT = np.array([1.02, 0.96, 0.86], np.float32)
SKY_LIGHT = np.array([0.20, 0.25, 0.33], np.float32)
SKY_RAYS = 8


def _sky_directions() -> NDArray[np.float32]:
    index = np.arange(SKY_RAYS)
    height = 0.25 + 0.7 * (index + 0.5) / SKY_RAYS
    angle = index * 2.399963
    flat = np.sqrt(1 - height**2)
    return np.column_stack([flat * np.cos(angle), flat * np.sin(angle), height]).astype(np.float32)


def light_on_grid(
    scene: Scene, points: NDArray[np.float32], normal: NDArray[np.float32], coarse: int
) -> NDArray[np.float32]:
    """Give the light that falls on a grid of points: (rows, cols, 3) float32, 1 = full sun at right angles.

    points: (rows, cols, 3) local metres, a little above the surface. normal: (3,) or (rows, cols, 3).
    coarse: sky light is sampled at every coarse-th point and interpolated.
    """
    rows, cols = points.shape[:2]
    facing = np.broadcast_to((normal * SUN).sum(axis=-1), (rows, cols)).astype(np.float32)
    sunny = np.zeros((rows, cols), np.float32)
    if (facing > 0).any():
        flat = points.reshape(-1, 3)
        free = ~scene.hidden(flat, np.broadcast_to(SUN.astype(np.float32), flat.shape)).reshape(rows, cols)
        sunny = cv2.GaussianBlur(free.astype(np.float32), (3, 3), 0.8)
    few = np.ascontiguousarray(points[::coarse, ::coarse])
    few_normal = np.broadcast_to(normal, points.shape)[::coarse, ::coarse]
    sky = np.zeros(few.shape[:2], np.float32)
    for direction in _sky_directions():
        towards = np.maximum((few_normal * direction).sum(axis=-1), 0)
        rays = np.broadcast_to(direction, (few[..., 0].size, 3))
        open_sky = ~scene.hidden(few.reshape(-1, 3), rays, 40.0).reshape(few.shape[:2])
        sky += np.where(open_sky, 1.0, 0.35) * (0.3 + towards)
    sky /= SKY_RAYS * 0.75
    sky = cv2.resize(sky, (cols, rows), interpolation=cv2.INTER_LINEAR)
    light: NDArray[np.float32] = (sunny * np.maximum(facing, 0))[..., None] * SUN_LIGHT + sky[..., None] * SKY_LIGHT
    return light


def light_on_objects(scene: Scene) -> NDArray[np.float32]:
    """Give each triangle's own radiance (T, 3) float32: OBJECT colours under sun, shadow and sky; else 0."""
    lit = np.zeros_like(scene.colours)
    at = np.flatnonzero(scene.kind == Kind.OBJECT)
    corners = scene.vertices[scene.triangles[at]].astype(np.float64)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    start = (corners.mean(axis=1) + 0.02 * normal).astype(np.float32)
    open_sun = ~scene.hidden(start, np.broadcast_to(SUN.astype(np.float32), start.shape))
    facing = np.maximum(normal @ SUN, 0.0) * open_sun
    sky = 0.55 + 0.45 * normal[:, 2]
    light = facing[:, None] * SUN_LIGHT + sky[:, None] * SKY_LIGHT
    lit[at] = scene.colours[at] * light
    return lit
