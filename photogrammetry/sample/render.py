"""Renders photos of the scene: rays, textures, the lens, exposure, blur and sensor noise."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from photogrammetry.sample.camera import Camera, Pose
from photogrammetry.sample.lightmaps import light_on_objects
from photogrammetry.sample.randomness import fractal, stream, surface_seed
from photogrammetry.sample.scene import Kind, Scene
from photogrammetry.sample.texture_pages import BORDER, LEVELS, TILE_TEXELS, Pages, TileGrid, ground_grids

F32 = NDArray[np.float32]
CHUNK_ROWS = 150
SUBSAMPLES = ((-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25))
GRAIN = 1024
BRIGHTNESS = 1.15
SHOT_NOISE, READ_NOISE = np.float32(2.5e-4), np.float32(5e-6)  # variances, for light of 1 and of nothing
SENSOR_WHITE = 52_000.0


class Renderer:
    """Renders one scene with one camera; holds the camera's ray directions and the open texture pages."""

    def __init__(self, scene: Scene, camera: Camera, pages_folder: Path) -> None:
        """Take a scene, a camera and the folder of baked pages."""
        self.scene, self.camera, self.pages = scene, camera, Pages(pages_folder)
        self.fine, self.far = ground_grids(scene.quarter)
        self.own_light = light_on_objects(scene)
        self._pixel = 1.0 / camera.params[0]
        directions = camera.directions()
        self._rays = directions.astype(np.float32)
        self._step_row, self._step_col = (
            np.gradient(directions, axis=axis).astype(np.float32) for axis in (0, 1)
        )  # directions between pixels follow linearly
        seed = surface_seed(scene.quarter.seed, "grain")
        window = (0, 0, GRAIN, GRAIN)
        self._grain = fractal(seed, window, (1, 2, 4, 8), (0.25, 0.35, 0.4, 0.35)) * np.float32(0.4)

    def render(self, pose: Pose, photo_seed: int) -> F32:
        """Give the radiance of a photo: (height, width, 3) float32, red green blue, before the sensor.

        Where surfaces meet inside or beside a pixel, and on trees and targets, four more rays share the pixel.
        """
        image = np.empty((self.camera.height, self.camera.width, 3), np.float32)
        surface = np.empty(image.shape[:2], np.int32)
        for top in range(0, self.camera.height, CHUNK_ROWS):
            view = np.s_[top : top + CHUNK_ROWS]
            rays = self._rays[view].reshape(-1, 2)
            colour, key, _ = self.shade(*_into_scene(rays, pose), self._pixel, photo_seed)
            image[view] = colour.reshape(image[view].shape)
            surface[view] = key.reshape(surface[view].shape)
        rows, cols = np.nonzero(_edges(surface))
        for start in range(0, len(rows), 300_000):
            row, col = rows[start : start + 300_000], cols[start : start + 300_000]
            total = image[row, col]
            for across, down in SUBSAMPLES:
                rays = self._rays[row, col] + self._step_col[row, col] * np.float32(across)
                rays += self._step_row[row, col] * np.float32(down)
                total += self.shade(*_into_scene(rays, pose), self._pixel, photo_seed)[0]
            image[row, col] = total / np.float32(1 + len(SUBSAMPLES))
        return image

    def shade(
        self, origins: F32, directions: F32, spread: float, photo_seed: int
    ) -> tuple[F32, NDArray[np.int32], tuple[F32, NDArray[np.int64]]]:
        """Look along rays: radiance (N, 3), a number for the surface (N,; -1 nothing) and where they end.

        origins: (3,) or (N, 3), directions: (N, 3), local metres. spread: width of a pixel for each length of the
        direction; negative: width in metres, the same at any distance. Returns also distances (inf: nothing) and
        triangles.
        """
        scene = self.scene
        distance, triangle = scene.hits(origins, directions)
        missed = ~np.isfinite(distance)
        hit = np.where(missed, 0, triangle).astype(np.int64)
        length = np.where(missed, np.float32(1.0), distance)
        at = origins + directions * length[:, None]
        width = length * np.float32(spread) if spread > 0 else np.full(len(at), -spread, np.float32)
        kind = scene.kind[hit]
        colour = np.full((len(directions), 3), 0.75, np.float32)
        for which, surface in ((Kind.GROUND, self._ground), (Kind.PATCH, self._patch), (Kind.OBJECT, self._object)):
            some = np.flatnonzero((kind == which) & ~missed)
            if len(some):
                colour[some] = surface(at[some], hit[some], directions[some], width[some])
        some = np.flatnonzero(kind == Kind.WATER)
        if len(some):
            colour[some] = self._water(at[some], photo_seed)
        key = np.where(missed, -1, scene.surface[hit] + kind.astype(np.int32) * np.int32(1 << 24))
        return colour, key.astype(np.int32), (distance, hit)

    def _ground(self, at: F32, triangle: NDArray[np.int64], directions: F32, spread: F32) -> F32:
        slant = np.linalg.norm(directions, axis=1) / np.maximum(-directions[:, 2], 0.05)
        footprint = spread * np.sqrt(slant)
        first = self.scene.patches.pages
        col, row, tile, inside = _tile(at, self.fine)
        far_col, far_row, far_tile, _ = _tile(at, self.far)
        page = first + np.where(inside, tile, self.fine.cols * self.fine.rows + far_tile)
        texel = np.where(inside, self.fine.texel_m, self.far.texel_m)
        return self.pages.sample(
            page, _level(footprint / texel), np.where(inside, col, far_col), np.where(inside, row, far_row)
        )

    def _patch(self, at: F32, triangle: NDArray[np.int64], directions: F32, spread: F32) -> F32:
        patches, index = self.scene.patches, self.scene.surface[triangle]
        relative = at - patches.origin[index].astype(np.float32)
        texel = patches.texel_m[index].astype(np.float32)
        along, up = patches.along[index].astype(np.float32), patches.up[index].astype(np.float32)
        col = np.einsum("ij,ij->i", relative, along) / texel + patches.place[index, 0].astype(np.float32)
        row = np.einsum("ij,ij->i", relative, up) / texel + patches.place[index, 1].astype(np.float32)
        return self.pages.sample(patches.page[index], _level(spread / texel), col, row)

    def _object(self, at: F32, triangle: NDArray[np.int64], directions: F32, spread: F32) -> F32:
        number = self.scene.surface[triangle]
        col = ((at[:, 0] + at[:, 2] * np.float32(0.7)) * 25).astype(np.int64) + number * 37
        row = ((at[:, 1] + at[:, 2] * np.float32(0.4)) * 25).astype(np.int64) + number * 91
        amount = np.where(self.scene.label[triangle] == 4, 0.55, 0.08).astype(np.float32)
        grain = self._grain[row % GRAIN, col % GRAIN] * amount
        light: F32 = self.own_light[triangle] * np.maximum(1 + grain, 0.1)[:, None]
        return light

    def _water(self, at: F32, photo_seed: int) -> F32:
        shift = photo_seed % 977
        col = (at[:, 0] * 12).astype(np.int64) + shift
        row = (at[:, 1] * 12).astype(np.int64) + 3 * shift
        ripple = self._grain[row % GRAIN, col % GRAIN]
        return np.array([0.06, 0.09, 0.09], np.float32) * (1 + 0.35 * ripple)[:, None]


def _into_scene(rays: F32, pose: Pose) -> tuple[F32, F32]:
    """Turn rays in camera coordinates (N, 2; z = 1) into origins and directions in the scene."""
    rotation = pose.rotation.astype(np.float32)
    return pose.centre.astype(np.float32), rays @ rotation[:2] + rotation[2]


def _tile(at: F32, grid: TileGrid) -> tuple[F32, F32, NDArray[np.int64], NDArray[np.bool_]]:
    """Find the tile of each place and the texel position in it."""
    tile_m = np.float32(grid.tile_m)
    col = at[:, 0] / tile_m - grid.first_col
    row = at[:, 1] / tile_m - grid.first_row
    cols, rows = grid.cols, grid.rows
    inside = (col >= 0) & (col < cols) & (row >= 0) & (row < rows)
    whole_col = np.clip(np.floor(col), 0, cols - 1)
    whole_row = np.clip(np.floor(row), 0, rows - 1)
    index = (whole_row * cols + whole_col).astype(np.int64)
    place = np.float32(TILE_TEXELS)
    return (col - whole_col) * place + BORDER, (row - whole_row) * place + BORDER, index, inside


def _level(texels_a_pixel: F32) -> NDArray[np.int64]:
    """Choose the page level whose texels are nearest below the pixel's size."""
    level = np.floor(np.log2(np.maximum(texels_a_pixel, 0.1)) + 0.15)
    return np.clip(level, 0, LEVELS - 1).astype(np.int64)


def _edges(surface: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Mark pixels beside another surface, and all of trees, cars and other solids."""
    edge = (surface >= (int(Kind.OBJECT) << 24)) & (surface < (int(Kind.WATER) << 24))
    across, down = surface[:, 1:] != surface[:, :-1], surface[1:] != surface[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    return edge


def expose(radiance: F32, exposure: NDArray[np.float64], seed: int, name: str) -> NDArray[np.uint8]:
    """Turn radiance into the camera's picture: vignetting, slight blur, a noisy Bayer sensor, tone curve.

    Returns (height, width, 3) uint8, red green blue. Noise depends on the seed and the photo's name only.
    """
    height, width = radiance.shape[:2]
    row = (np.arange(height, dtype=np.float32)[:, None] - height / 2) / (width / 2)
    col = (np.arange(width, dtype=np.float32)[None, :] - width / 2) / (width / 2)
    vignette = 1 - 0.16 * (row**2 + col**2)
    random = stream(seed, "sensor", name)
    light = cv2.GaussianBlur(radiance, (0, 0), random.uniform(0.3, 0.5)) * vignette[..., None]
    light *= (BRIGHTNESS * exposure).astype(np.float32)
    sites = np.empty((height, width), np.float32)
    for down, across, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        sites[down::2, across::2] = light[down::2, across::2, channel]
    noise = random.standard_normal(sites.shape, dtype=np.float32)
    sites += noise * np.sqrt(np.maximum(sites, 0) * SHOT_NOISE + READ_NOISE)
    raw = np.clip(np.round(sites * np.float32(SENSOR_WHITE)), 0, 65535).astype(np.uint16)
    developed: NDArray[np.uint8] = _development()[cv2.cvtColor(raw, cv2.COLOR_BayerRGGB2RGB)]
    return developed


@cache
def _development() -> NDArray[np.uint8]:
    """Give the 8-bit value of each of the sensor's 65,536."""
    return tone_curve(np.arange(65536, dtype=np.float32) / np.float32(SENSOR_WHITE))


def tone_curve(light: F32) -> NDArray[np.uint8]:
    """Turn linear light (0..1, any shape) into 8-bit sRGB values."""
    table = np.round(255 * _srgb(np.linspace(0, 1, 4096, dtype=np.float32))).astype(np.uint8)
    return table[(np.clip(light, 0, 1) * 4095).astype(np.int32)]


def _srgb(light: F32) -> F32:
    return np.where(light < 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-6) ** (1 / 2.4) - 0.055)
