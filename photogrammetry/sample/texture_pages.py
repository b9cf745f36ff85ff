"""Bakes painted and lit surfaces into texture pages on disk, and reads them back while rendering.

A page holds the square root of radiance in 8 bits, with coarser levels (half, quarter) beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from photogrammetry.sample.ground_paint import GroundPainter, plan_ground
from photogrammetry.sample.lightmaps import light_on_grid
from photogrammetry.sample.quarter import Quarter
from photogrammetry.sample.randomness import stream, surface_seed
from photogrammetry.sample.scene import GAP_TEXELS, PAGE_TEXELS, Scene, face_normal
from photogrammetry.sample.textures import MATERIALS, Rgb, target_board, with_windows

TILE_TEXELS, BORDER = 512, 8
LEVELS = 3
FAR_FACTOR = 4


@dataclass(frozen=True)
class TileGrid:
    """Square ground tiles: texel size, first tile (column, row) and how many, in whole tiles from local 0, 0."""

    texel_m: float
    first_col: int
    first_row: int
    cols: int
    rows: int

    @property
    def tile_m(self) -> float:
        """Side of a tile."""
        return self.texel_m * TILE_TEXELS

    def corner(self, index: int) -> tuple[float, float]:
        """Give the south-west corner of a tile (local metres)."""
        return (self.first_col + index % self.cols) * self.tile_m, (self.first_row + index // self.cols) * self.tile_m


def _grid(texel_m: float, half: NDArray[np.float64]) -> TileGrid:
    tile_m = texel_m * TILE_TEXELS
    low, high = np.floor(-half / tile_m).astype(int), np.ceil(half / tile_m).astype(int)
    return TileGrid(texel_m, int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1]))


def ground_grids(quarter: Quarter) -> tuple[TileGrid, TileGrid]:
    """Give the fine grid over the quarter and its margin, and the coarse one as far as an oblique photo sees."""
    half = np.abs(quarter.outline()).max(axis=0)
    margin = 0.45 * quarter.scale.flying_height_m
    texel = quarter.scale.texel_m
    return _grid(texel, half + margin), _grid(texel * FAR_FACTOR, half + 1.75 * quarter.scale.flying_height_m)


def encode(radiance: Rgb) -> NDArray[np.uint8]:
    """Pack radiance into 8 bits by its square root."""
    return np.round(255.0 * np.sqrt(np.clip(radiance, 0.0, 1.0))).astype(np.uint8)


def _save_levels(folder: Path, page: int, level0: NDArray[np.uint8]) -> None:
    for level in range(LEVELS):
        np.save(folder / f"page_{page}_{level}.npy", level0)
        level0 = cv2.resize(level0, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


class Baker:
    """Bakes the pages of one scene into a folder; parts can be baked by several processes in any order."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        """Take the scene and the folder the pages go to."""
        self.scene, self.folder = scene, folder
        self.painter = GroundPainter(plan_ground(scene.quarter), scene.quarter.seed)
        self.fine, self.far = ground_grids(scene.quarter)

    def bake_tile(self, index: int) -> None:
        """Paint and light one ground tile: fine tiles first, then far ones."""
        fine = self.fine.cols * self.fine.rows
        grid, at = (self.fine, index) if index < fine else (self.far, index - fine)
        west, south = (value - BORDER * grid.texel_m for value in grid.corner(at))
        size = TILE_TEXELS + 2 * BORDER
        colour = self.painter.paint(west, south, size, grid.texel_m)
        axis = (np.arange(0, size, 2) + 1.0) * grid.texel_m
        east, north = np.meshgrid(west + axis, south + axis)
        lift = 0.05 if grid is self.fine else 0.2
        up = self.scene.quarter.terrain.height(east, north)
        points = np.stack([east, north, up + lift], axis=-1).astype(np.float32)
        slope_n, slope_e = np.gradient(up, 2 * grid.texel_m)
        normal = np.stack([-slope_e, -slope_n, np.ones_like(up)], axis=-1)
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        light = light_on_grid(self.scene, points, normal.astype(np.float32), 8)
        colour *= cv2.resize(light, (size, size), interpolation=cv2.INTER_LINEAR)
        _save_levels(self.folder, self.scene.patches.pages + index, encode(colour))

    def bake_patches(self, page: int) -> None:
        """Paint and light all faces of one page."""
        patches = self.scene.patches
        rows = int(max((patches.place[:, 1] + patches.size[:, 1])[patches.page == page]) + 2 * GAP_TEXELS)
        sheet = np.zeros((-(-rows // 8) * 8, PAGE_TEXELS, 3), np.uint8)
        for index in np.flatnonzero(patches.page == page):
            margin = 4
            col, row = patches.place[index] - margin
            radiance = self._patch(int(index), margin)
            sheet[row : row + radiance.shape[0], col : col + radiance.shape[1]] = encode(radiance)
        _save_levels(self.folder, page, sheet)

    def _patch(self, index: int, margin: int) -> Rgb:
        patches, face = self.scene.patches, self.scene.patches.faces[index]
        seed = surface_seed(self.scene.quarter.seed, "patch", index)
        cols, rows = (int(size) + 2 * margin for size in patches.size[index])
        texel = float(patches.texel_m[index])
        if face.material == "target":
            colour = np.pad(target_board(cols - 2 * margin), ((margin,) * 2, (margin,) * 2, (0, 0)), mode="edge")
        else:
            colour = MATERIALS[face.material](seed, (-margin, -margin, cols, rows))
            if face.storeys and face.role == "wall":
                inner = colour[margin : rows - margin, margin : cols - margin][::-1]
                with_windows(inner, stream(seed, "windows"), face.storeys, texel, (rows - 2 * margin) * texel - 1.2)
        grid_c, grid_r = np.meshgrid(np.arange(0, cols, 2) + 1.0 - margin, np.arange(0, rows, 2) + 1.0 - margin)
        normal = face_normal(face)
        points = (
            patches.origin[index]
            + (grid_c * texel)[..., None] * patches.along[index]
            + (grid_r * texel)[..., None] * patches.up[index]
            + 0.03 * normal
        ).astype(np.float32)
        light = light_on_grid(self.scene, points, normal.astype(np.float32), 8)
        radiance: Rgb = np.clip(colour, 0.01, 0.95) * cv2.resize(light, (cols, rows), interpolation=cv2.INTER_LINEAR)
        return radiance


class Pages:
    """Reads baked pages (memory mapped) and samples them."""

    def __init__(self, folder: Path) -> None:
        """Take the folder the pages were baked into."""
        self.folder = folder
        self._open: dict[tuple[int, int], NDArray[np.uint8]] = {}

    def sample(
        self, page: NDArray[np.int64], level: NDArray[np.int64], col: NDArray[np.float32], row: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Read radiance (N, 3) at texel positions of level 0 (first texel's centre = 0.5) from pages at levels."""
        out = np.empty((len(page), 3), np.float32)
        key = page * LEVELS + level
        for value in np.unique(key):
            at = np.flatnonzero(key == value)
            number, step = divmod(int(value), LEVELS)
            sheet = self._sheet(number, step)
            shrink = np.float32(0.5**step)
            out[at] = _remap(sheet, col[at] * shrink - np.float32(0.5), row[at] * shrink - np.float32(0.5))
        return out

    def _sheet(self, page: int, level: int) -> NDArray[np.uint8]:
        if (page, level) not in self._open:
            self._open[page, level] = np.load(self.folder / f"page_{page}_{level}.npy", mmap_mode="r")
        return self._open[page, level]


def _remap(sheet: NDArray[np.uint8], col: NDArray[np.float32], row: NDArray[np.float32]) -> NDArray[np.float32]:
    count, width = len(col), 2048
    height = -(-count // width)
    maps = np.zeros((2, height, width), np.float32)  # one row would be too long for remap
    maps[0].reshape(-1)[:count], maps[1].reshape(-1)[:count] = col, row
    read = cv2.remap(np.asarray(sheet), maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    value: NDArray[np.float32] = read.reshape(-1, 3)[:count].astype(np.float32) * np.float32(1 / 255)
    return np.square(value)
