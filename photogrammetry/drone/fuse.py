"""From depth maps to one point cloud.

First each photo: the depths other photos confirm become points, cut up by ground tile. Then each tile: points of
all photos that fall into the same small cube become one, lonely ones go. Both run as tasks; memory is bounded by
one photo with its neighbours and by one tile. Writes fused.ply in local ENU metres: position, normal, colour and
the number of photos that saw it.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from photogrammetry.cameras import Shot, read_shots
from photogrammetry.drone.accuracy import ground_sample_distance_m
from photogrammetry.drone.consistency import Neighbour, confirm
from photogrammetry.drone.depth import read_depth, read_reduced
from photogrammetry.drone.neighbours import choose_neighbours
from photogrammetry.drone.sparse_model import SparseModel
from photogrammetry.durable_files import write_json
from photogrammetry.point_file import write_points
from photogrammetry.workers import Tools
from twin.errors import NoUsablePhotos

VERSION = 1
POINT = np.dtype(
    [
        ("xyz", "<f4", 3),
        ("normal", "i1", 3),
        ("colour", "u1", 3),
        ("views", "u1"),
        ("weight", "<f4"),
        ("tile", "<i4", 2),
    ]
)
Parts = NDArray[Any]


@dataclass(frozen=True)
class FuseSettings:
    """How depth maps become a cloud.

    neighbours: photos each is compared with. min_views: photos that must see a point. tolerance_px: depths may
    differ by so many pixels. cube_px: side of the cubes in which points become one. copies: photos a place is
    taken from. tile_cubes: side of a tile. lonely: a point with fewer others within 3 cubes is dropped.
    """

    neighbours: int = 9
    min_views: int = 3
    tolerance_px: float = 3.0
    cube_px: float = 1.5
    copies: int = 2
    tile_cubes: int = 500
    lonely: int = 6


@dataclass(frozen=True)
class PhotoTask:
    """One photo to confirm: numbers of its neighbours in the depth stage, folders, sides of cube and tile (m)."""

    number: int
    others: tuple[int, ...]
    shots: tuple[Shot, ...]
    depth: Path
    images: Path
    output: Path
    tile_m: float
    settings: FuseSettings


@dataclass(frozen=True)
class TileTask:
    """One tile to merge: the files that hold some of it."""

    tile: tuple[int, int]
    parts: tuple[Path, ...]
    output: Path
    cube_m: float
    settings: FuseSettings


def run(inputs: Mapping[str, Path], output_dir: Path, settings: FuseSettings, tools: Tools) -> None:
    """Fuse all depth maps. Raises NoUsablePhotos when no point is confirmed."""
    shots = tuple(read_shots(inputs["depth"] / "cameras.json"))
    model = SparseModel.load(inputs["georeference"])
    cube_m = cube_side_m(model, shots, settings)
    scratch = output_dir / "scratch"
    scratch.mkdir()
    tasks = _photo_tasks(inputs, shots, model, scratch, cube_m, settings)
    tiles: dict[tuple[int, int], list[Path]] = {}
    for task, touched in zip(tasks, tools.map(confirm_photo, tasks, "photos", task_mb=1500), strict=True):
        for tile in touched:
            tiles.setdefault(tile, []).append(task.output)
    merges = [
        TileTask(tile, tuple(tiles[tile]), scratch / f"tile_{tile[0]}_{tile[1]}.npy", cube_m, settings)
        for tile in sorted(tiles)
    ]
    counts = tools.map(merge_tile, merges, "tiles", task_mb=1000)
    if not sum(counts):
        raise NoUsablePhotos(
            "no point of the surface is confirmed by three photos", do="Give photos that overlap by 60 % or more"
        )
    points = np.concatenate([np.load(task.output) for task, count in zip(merges, counts, strict=True) if count])
    write_points(
        output_dir / "fused.ply",
        points["xyz"],
        normals=points["normal"].astype(np.float32) / 127,
        colours=points["colour"],
        views=points["views"],
    )
    write_json(output_dir / "fusion.json", {"points": len(points), "cube_m": cube_m, "tiles": len(merges)})
    shutil.rmtree(scratch)


def cube_side_m(model: SparseModel, shots: tuple[Shot, ...], settings: FuseSettings) -> float:
    """Give the side of a cube: the size of a reduced photo's pixel on the ground, metres, to the millimetre."""
    reduction = float(np.median([shot.camera.focal_px for shot in shots])) / float(
        np.median([model.shots[index].camera.focal_px for index in model.registered])
    )
    return max(0.001, round(settings.cube_px * ground_sample_distance_m(model) / reduction, 3))


def _photo_tasks(
    inputs: Mapping[str, Path],
    shots: tuple[Shot, ...],
    model: SparseModel,
    scratch: Path,
    cube_m: float,
    settings: FuseSettings,
) -> list[PhotoTask]:
    number_of = {shot.file: number for number, shot in enumerate(shots)}
    chosen = choose_neighbours(model, settings.neighbours)
    tasks = []
    for index in model.registered:
        number = number_of[model.shots[index].file]
        others = tuple(number_of[model.shots[int(j)].file] for j in chosen[index])
        output = scratch / f"photo_{number:05d}.npy"
        tile_m = cube_m * settings.tile_cubes
        tasks.append(
            PhotoTask(number, others, shots, inputs["depth"], inputs["undistort"] / "images", output, tile_m, settings)
        )
    return tasks


def confirm_photo(task: PhotoTask) -> list[tuple[int, int]]:
    """Write the confirmed points of one photo, ordered by tile; returns the tiles they touch."""
    shot, settings = task.shots[task.number], task.settings
    neighbours = (
        Neighbour(task.shots[other], read_depth(task.depth, other).depth, other < task.number) for other in task.others
    )
    found = confirm(
        shot,
        read_depth(task.depth, task.number).depth,
        neighbours,
        min_views=settings.min_views,
        tolerance_px=settings.tolerance_px,
        copies=settings.copies,
    )
    picture = read_reduced(task.images, shot, cv2.IMREAD_COLOR)
    points = np.zeros(len(found.xyz), dtype=POINT)
    points["xyz"] = found.xyz
    points["normal"] = np.round(found.normals * 127)
    points["colour"] = picture[found.pixels[:, 0], found.pixels[:, 1], ::-1]
    points["views"] = found.views
    points["weight"] = (found.views - 1) / found.gsd_m**2
    points["tile"] = np.floor(found.xyz[:, :2] / task.tile_m)
    order, touched = _by_tile(points["tile"])
    np.save(task.output, points[order])
    return touched


def _by_tile(tiles: NDArray[np.int32]) -> tuple[NDArray[np.int64], list[tuple[int, int]]]:
    """Give the order of points (N, 2 tile numbers) by tile, column first, and the tiles there are."""
    if not len(tiles):
        return np.zeros(0, dtype=np.int64), []
    least = tiles.min(axis=0).astype(np.int64)
    rows = int(tiles[:, 1].max()) - int(least[1]) + 1
    key = (tiles[:, 0] - least[0]) * rows + (tiles[:, 1] - least[1])
    if key.max() < 2**16:  # small numbers are sorted in one pass
        key = key.astype(np.uint16)
    touched = [(int(one) // rows + int(least[0]), int(one) % rows + int(least[1])) for one in np.unique(key)]
    return np.argsort(key, kind="stable"), touched


def merge_tile(task: TileTask) -> int:
    """Merge the points of one tile and write them; returns how many are left."""
    parts = []
    for path in task.parts:
        stored = np.load(path, mmap_mode="r")
        tiles = stored["tile"]
        first, last = _range_of(tiles, task.tile)
        parts.append(np.array(stored[first:last]))
    points = merge_in_cubes(np.concatenate(parts), task.cube_m)
    points = without_lonely(points, 3 * task.cube_m, task.settings.lonely)
    np.save(task.output, points)
    return len(points)


def _range_of(tiles: NDArray[np.int32], tile: tuple[int, int]) -> tuple[int, int]:
    """Find where a tile begins and ends in a list ordered by tile."""
    first, last = (int(np.searchsorted(tiles[:, 0], tile[0], side=side)) for side in ("left", "right"))
    rows = tiles[first:last, 1]
    return first + int(np.searchsorted(rows, tile[1], side="left")), first + int(
        np.searchsorted(rows, tile[1], side="right")
    )


def merge_in_cubes(points: Parts, cube_m: float) -> Parts:
    """Make one point of all that lie in the same cube: the mean by weight, the most views."""
    if not len(points):
        return points
    cells = np.floor(points["xyz"].astype(np.float64) / cube_m).astype(np.int64)
    cube = _numbers_of(cells)
    order = np.argsort(cube, kind="stable")
    points, cube = points[order], cube[order]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(cube) != 0]))
    weight = points["weight"].astype(np.float64)[:, None]
    total = np.add.reduceat(weight, starts)
    merged = np.zeros(len(starts), dtype=POINT)
    merged["xyz"] = np.add.reduceat(points["xyz"] * weight, starts) / total
    merged["colour"] = np.round(np.add.reduceat(points["colour"] * weight, starts) / total)
    normal = np.add.reduceat(points["normal"] * weight, starts)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    merged["normal"] = np.round(normal / np.maximum(length, 1e-9) * 127)
    merged["views"] = np.maximum.reduceat(points["views"], starts)
    merged["weight"] = total[:, 0]
    merged["tile"] = points["tile"][starts]
    return merged


def without_lonely(points: Parts, radius_m: float, least: int) -> Parts:
    """Drop points with fewer than `least` others within radius_m."""
    if not len(points):
        return points
    xyz = points["xyz"].astype(np.float64)
    # The distance of the last one needed, not a count of all: a point is its own first neighbour.
    last, _ = cKDTree(xyz).query(xyz, k=[least + 1], distance_upper_bound=np.nextafter(radius_m, np.inf))
    kept: Parts = points[np.isfinite(np.ravel(last))]
    return kept


def _numbers_of(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number cells (N, 3): one int64 each, in the order of the third, the second, the first coordinate."""
    least = cells.min(axis=0)
    size = cells.max(axis=0) - least + 1
    at = cells - least
    return np.asarray((at[:, 2] * size[1] + at[:, 1]) * size[0] + at[:, 0], dtype=np.int64)
