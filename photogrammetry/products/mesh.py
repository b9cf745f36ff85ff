"""Stage mesh: the survey as a textured model in tiles of growing detail, with upright walls.

Ground and roofs carry the orthophoto; walls carry the photo that sees them best. Each tile is a GLB; mesh.json tells
the tree. Memory: one tile's window of surface and orthophoto, one photo and the wall pictures of a tile at a time.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.windows import from_bounds
from shapely.geometry import LineString, box, shape
from shapely.geometry.base import BaseGeometry
from shapely.strtree import STRtree

from photogrammetry.drone.grid import Grid
from photogrammetry.drone.surface_cells import pull_push
from photogrammetry.frame import LocalFrame
from photogrammetry.products.gltf import Material, Part, write_glb
from photogrammetry.products.outline_walls import OPEN_GROUND, WallLine, wall_lines
from photogrammetry.products.snapped_surface import Sheet, ground_sheet, roof_sheet
from photogrammetry.products.tile_mesh import Surface, TileShape, WallQuad, triangulate
from photogrammetry.products.wall_choice import WallPhotos, choose_wall_photos
from photogrammetry.products.wall_pictures import Atlas, pack, read_picture
from photogrammetry.workers import Tools

VERSION = 1
PLAIN_WALL = (0.42, 0.40, 0.37, 1.0)


@dataclass(frozen=True)
class MeshSettings:
    """Lengths in metres, for the finest tiles; each coarser level doubles them.

    texture_px: edge of a tile's picture. tolerance_m: how far the mesh may lie off the surface. edge_step_m: spacing
    of vertices along walls. border_step_m: along tile borders. wall_texel_m: pixel of wall pictures. most_points:
    vertices of a tile's ground. jpeg_quality: of all pictures. walls_to_level: levels above this have no walls.
    error_px: screen pixels one texel may cover before the next level is asked for.
    """

    survey: str = ""
    texture_px: int = 1024
    tolerance_m: float = 0.10
    edge_step_m: float = 0.8
    border_step_m: float = 2.0
    wall_texel_m: float = 0.10
    most_points: int = 12_000
    jpeg_quality: int = 85
    walls_to_level: int = 2
    error_px: float = 16.0


@dataclass(frozen=True)
class _Scene:
    """What all tiles share."""

    surface: Path
    orthophoto: Path
    frame: LocalFrame
    grid: Grid
    settings: MeshSettings


@dataclass(frozen=True)
class _Wall:
    """One line with its picture: the heights it spans, the photos it is cut from (maybe none) and its key there."""

    line: WallLine
    low: float
    high: float
    photos: tuple[str, ...]
    key: int


@dataclass(frozen=True)
class _Job:
    scene: _Scene
    level: int
    bounds: tuple[float, float, float, float]
    blocks: tuple[BaseGeometry, ...]
    roof_heights: tuple[float, ...]
    walls: tuple[_Wall, ...]
    pictures: Path
    target: Path


def run(inputs: Mapping[str, Path], output_dir: Path, settings: MeshSettings, tools: Tools) -> None:
    """Make mesh.json and <level>/<column>_<row>.glb (ENU metres of the survey's frame, y-up as glTF has it).

    inputs: surface, orthophoto, buildings, undistort, georeference.
    """
    frame = LocalFrame.load(inputs["georeference"] / "frame.json")
    grid = Grid.of(inputs["surface"] / "dsm.tif")
    blocks, roof_heights = _blocks(inputs["buildings"] / "buildings.json")
    lines = wall_lines(blocks)
    scratch = output_dir / ".scratch"
    photos = choose_wall_photos(inputs, scratch, frame, lines, blocks, roof_heights, settings.wall_texel_m, tools)
    picture_cell = Grid.of(inputs["orthophoto"] / "orthophoto.tif").cell_m
    scene = _Scene(inputs["surface"], inputs["orthophoto"], frame, grid, settings)
    jobs = _plan(scene, blocks, roof_heights, lines, photos, picture_cell * settings.texture_px, output_dir)
    made = tools.map(make_tile, jobs, "mesh tiles")
    shutil.rmtree(scratch, ignore_errors=True)
    tiles = [
        {**about, "level": job.level, "file": job.target.relative_to(output_dir).as_posix(),
         "error_m": 0.0 if job.level == 0 else round(settings.error_px * picture_cell * 2**job.level, 4)}
        for job, about in zip(jobs, made, strict=True) if about is not None
    ]  # fmt: skip
    content = {"crs": frame.crs, "vertical_datum": frame.vertical_datum, "levels": jobs[0].level + 1, "tiles": tiles}
    (output_dir / "mesh.json").write_text(json.dumps(content, indent=1), encoding="utf-8")


def _blocks(path: Path) -> tuple[list[BaseGeometry], list[float]]:
    polygons, heights = [], []
    for building in json.loads(path.read_text(encoding="utf-8"))["buildings"]:
        for block in building["blocks"]:
            whole = shape(block["polygon"])
            for part in getattr(whole, "geoms", [whole]):
                polygons.append(part)
                heights.append(float(block["roof_h_m"]))
    return polygons, heights


def _plan(
    scene: _Scene,
    blocks: Sequence[BaseGeometry],
    heights: Sequence[float],
    lines: Sequence[WallLine],
    photos: WallPhotos,
    leaf_m: float,
    folder: Path,
) -> list[_Job]:
    """Lay out the quadtree: level 0 is the finest, the last level one tile over everything."""
    grid, settings = scene.grid, scene.settings
    extent = max(grid.east - grid.west, grid.north - grid.south)
    top = max(0, int(np.ceil(np.log2(extent / leaf_m) - 1e-9)))
    block_tree, line_tree = STRtree(list(blocks)), STRtree([LineString([line.start, line.end]) for line in lines])
    jobs = []
    for level in range(top, -1, -1):
        size = leaf_m * 2**level
        for row, col in np.ndindex(_count(grid.north - grid.south, size), _count(grid.east - grid.west, size)):
            west, north = grid.west + col * size, grid.north - row * size
            bounds = (west, max(north - size, grid.south), min(west + size, grid.east), north)
            mine: list[int] = []
            walls: list[_Wall] = []
            if level <= settings.walls_to_level:
                area = box(*bounds)
                mine = sorted(int(i) for i in block_tree.query(area.buffer(0.1), predicate="intersects"))
                local = {number: index for index, number in enumerate(mine)} | {OPEN_GROUND: OPEN_GROUND}
                for i in sorted(int(i) for i in line_tree.query(area, predicate="intersects")):
                    line = replace(
                        lines[i],
                        left=local.get(lines[i].left, OPEN_GROUND),
                        right=local.get(lines[i].right, OPEN_GROUND),
                    )
                    walls.append(_Wall(line, photos.low[i], photos.high[i], photos.photos[i], i))
            target = folder / str(level) / f"{col}_{row}.glb"
            jobs.append(
                _Job(scene, level, bounds, tuple(blocks[i] for i in mine), tuple(heights[i] for i in mine),
                     tuple(walls), photos.folder, target)
            )  # fmt: skip
    return jobs


def _count(length: float, size: float) -> int:
    return max(1, int(np.ceil(length / size - 1e-9)))


def make_tile(job: _Job) -> dict[str, Any] | None:
    """Make one GLB (a task); gives its bounds, ENU box and triangles, None where there is nothing to show."""
    scene, settings = job.scene, job.scene.settings
    ground = _ground(job)
    if ground is None:
        return None
    scale = 2.0**job.level
    tile = TileShape(
        job.bounds, settings.tolerance_m * scale, settings.edge_step_m * scale, settings.border_step_m * scale,
        settings.most_points, skirt_m=2 * settings.tolerance_m * scale + 0.3,
    )  # fmt: skip
    roofs = {
        number: roof_sheet(scene.surface, scene.grid, block, height)
        for number, (block, height) in enumerate(zip(job.blocks, job.roof_heights, strict=True))
    }
    surface, quads = triangulate(tile, ground, job.blocks, roofs, [wall.line for wall in job.walls])
    if len(surface.triangles) == 0:
        return None
    parts, materials = _ground_part(job, surface)
    for part, material in _wall_parts(job, quads):
        parts.append(replace(part, material=len(materials)))
        materials.append(material)
    job.target.parent.mkdir(parents=True, exist_ok=True)
    job.target.write_bytes(write_glb(parts, materials))
    low = np.min([part.enu.min(axis=0) for part in parts], axis=0)
    high = np.max([part.enu.max(axis=0) for part in parts], axis=0)
    return {
        "bounds": [round(v, 3) for v in job.bounds],
        "enu_low": [round(float(v), 3) for v in np.floor(low * 1000) / 1000],
        "enu_high": [round(float(v), 3) for v in np.ceil(high * 1000) / 1000],
        "triangles": int(sum(len(part.triangles) for part in parts)),
    }


def _ground(job: _Job) -> Sheet | None:
    grid, step = job.scene.grid, 2**job.level
    west, south, east, north = job.bounds
    reach = 3.0 * step * grid.cell_m
    row, col, rows, cols = grid.window_of(west - reach, south - reach, east + reach, north + reach)
    # Whole coarse cells, counted from the grid's corner, so that neighbouring tiles average the same cells.
    row0, col0 = row // step * step, col // step * step
    rows, cols = -(-(row + rows - row0) // step) * step, -(-(col + cols - col0) // step) * step
    return ground_sheet(job.scene.surface, grid, (row0, col0, rows, cols), job.blocks, step)


def _ground_part(job: _Job, surface: Surface) -> tuple[list[Part], list[Material]]:
    west, south, east, north = job.bounds
    u = (surface.points[:, 0] - west) / (east - west)
    v = (north - surface.points[:, 1]) / (north - south)
    enu = job.scene.frame.crs_to_enu(surface.points)
    part = Part(enu, surface.triangles, 0, uv=np.column_stack([u, v]))
    return [part], [Material(jpeg=_encoded(_map_picture(job), job.scene.settings.jpeg_quality))]


def _map_picture(job: _Job) -> NDArray[np.uint8]:
    """Read the orthophoto of a tile at its level, holes closed from around: (rows, cols, 3) uint8."""
    west, south, east, north = job.bounds
    with rasterio.open(job.scene.orthophoto / "orthophoto.tif") as raster:
        cell = raster.res[0]
        texel = cell * 2**job.level
        rows, cols = max(8, round((north - south) / texel)), max(8, round((east - west) / texel))
        window = from_bounds(west, south, east, north, raster.transform)
        rgba = raster.read(
            window=window, out_shape=(4, rows, cols), boundless=True, fill_value=0, resampling=Resampling.average
        )
    unseen = rgba[3] < 128
    if not unseen.any():
        return np.ascontiguousarray(rgba[:3].transpose(1, 2, 0))
    bands = [pull_push(np.where(unseen, np.nan, band).astype(np.float32)) for band in rgba[:3]]
    return np.nan_to_num(np.stack(bands, axis=-1), nan=128.0).astype(np.uint8)


def _encoded(picture: NDArray[np.uint8], quality: int) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    return bytes(cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]), options)[1].tobytes())


def _wall_parts(job: _Job, quads: Sequence[WallQuad]) -> list[tuple[Part, Material]]:
    """Give the walls with pictures and the plain ones as up to two parts."""
    shown = sorted({quad.line for quad in quads if job.walls[quad.line].photos})
    plain = [quad for quad in quads if not job.walls[quad.line].photos]
    found: list[tuple[Part, Material]] = []
    if shown:
        atlas = pack(_pictures(job, shown))
        jpeg = _encoded(atlas.picture, job.scene.settings.jpeg_quality)
        pictured = [quad for quad in quads if job.walls[quad.line].photos]
        found.append((_wall_part(job, pictured, atlas), Material(jpeg=jpeg)))
    if plain:
        found.append((_wall_part(job, plain, None), Material(colour=PLAIN_WALL)))
    return found


def _pictures(job: _Job, shown: Sequence[int]) -> dict[int, NDArray[np.uint8]]:
    """Read the pictures of walls, made smaller for coarser levels."""
    pictures = {}
    for number in shown:
        wall = job.walls[number]
        picture = read_picture(job.pictures, wall.photos, wall.key)
        for _ in range(job.level):
            size = (max(2, picture.shape[1] // 2), max(2, picture.shape[0] // 2))
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        pictures[number] = picture
    return pictures


def _wall_part(job: _Job, quads: Sequence[WallQuad], atlas: Atlas | None) -> Part:
    points, uvs = [], []
    for quad in quads:
        wall = job.walls[quad.line]
        order = (1, 0) if quad.open_left else (0, 1)
        a, b = (quad.plan[i] for i in order)
        corners = [
            (*a, quad.low[order[0]]), (*b, quad.low[order[1]]), (*b, quad.high[order[1]]), (*a, quad.high[order[0]])
        ]  # fmt: skip
        points.append(corners)
        if atlas is not None:
            share = [quad.share[i] if quad.open_left else 1 - quad.share[i] for i in order]
            uvs.append(_corner_uv(atlas, quad.line, wall, share, [corner[2] for corner in corners]))
    enu = job.scene.frame.crs_to_enu(np.array(points, dtype=np.float64).reshape(-1, 3))
    first = 4 * np.arange(len(quads))[:, None]
    triangles = (first + np.array([0, 1, 2, 0, 2, 3])).reshape(-1, 3)
    uv = np.array(uvs, dtype=np.float64).reshape(-1, 2) if atlas is not None else None
    return Part(enu, triangles, uv=uv)


def _corner_uv(
    atlas: Atlas, line: int, wall: _Wall, share: Sequence[float], heights: Sequence[float]
) -> list[tuple[float, float]]:
    col, row, cols, rows = atlas.boxes[line]
    tall, wide = atlas.picture.shape[:2]
    down = [float(np.clip((wall.high - h) / (wall.high - wall.low), 0, 1)) for h in heights]
    across = (share[0], share[1], share[1], share[0])
    return [((col + a * cols) / wide, (row + d * rows) / tall) for a, d in zip(across, down, strict=True)]
