"""Dense depth of every photo: several neighbours each measure it, what they agree on stays.

Writes NNNNN.npz per registered photo (`depth` (H, W) float32 metres along the axis, 0 where unknown; `support`
(H, W) uint8, how many neighbours agree), cameras.json of the reduced photos and neighbours.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from photogrammetry.cameras import Array, Shot, write_shots
from photogrammetry.drone.neighbours import choose_neighbours
from photogrammetry.drone.sparse_model import SparseModel
from photogrammetry.drone.stereo_pair import (
    Depth,
    Grey,
    StereoSettings,
    pair_depth,
    rectify,
    scaled_camera,
)
from photogrammetry.drone.undistort import read_undistorted
from photogrammetry.durable_files import write_json
from photogrammetry.workers import Tools
from twin.errors import NoUsablePhotos

VERSION = 1


@dataclass(frozen=True)
class DepthSettings:
    """long_side_px: photos are reduced to this. neighbours: pairs per photo. agree_px: how near depths must be."""

    long_side_px: int = 1600
    neighbours: int = 4
    agree_px: float = 1.0
    stereo: StereoSettings = field(default_factory=StereoSettings)


@dataclass(frozen=True)
class DepthTask:
    """One photo with its neighbours (reduced cameras), the tie points around, and where the pictures are."""

    shot: Shot
    others: tuple[Shot, ...]
    points: Array
    images: Path
    output: Path
    settings: DepthSettings


@dataclass(frozen=True)
class DepthMap:
    """Depth (H, W) float32 metres, 0 unknown, and how many neighbours agree on it (H, W) uint8."""

    depth: Depth
    support: NDArray[np.uint8]


def run(inputs: Mapping[str, Path], output_dir: Path, settings: DepthSettings, tools: Tools) -> None:
    """Compute the depth of every registered photo. Raises NoUsablePhotos when no pair gives any."""
    model = SparseModel.load(inputs["georeference"])
    shots = reduced_shots(inputs["undistort"], settings.long_side_px)
    neighbours = choose_neighbours(model, settings.neighbours)
    position = {shot.file: index for index, shot in enumerate(model.shots)}
    tasks = []
    for number, shot in enumerate(shots):
        chosen = [int(j) for j in neighbours[position[shot.file]]]
        others = tuple(other for j in chosen for other in shots if other.file == model.shots[j].file)
        around = _points_of(model, [position[shot.file], *chosen])
        output = depth_path(output_dir, number)
        tasks.append(DepthTask(shot, others, around, inputs["undistort"] / "images", output, settings))
    covered = tools.map(measure_depth, tasks, "photos", task_mb=900)
    if not any(share > 0 for share in covered):
        raise NoUsablePhotos(
            "no surface could be measured from these photos", do="Give photos that overlap by 60 % or more"
        )
    write_shots(output_dir / "cameras.json", shots)
    listed = [
        {"file": task.shot.file, "neighbours": [other.file for other in task.others], "covered": round(share, 4)}
        for task, share in zip(tasks, covered, strict=True)
    ]
    write_json(output_dir / "neighbours.json", listed)


def reduced_shots(undistort_dir: Path, long_side_px: int) -> list[Shot]:
    """Give the undistorted photos' cameras reduced to a long side."""
    shots = read_undistorted(undistort_dir)
    return [replace(shot, camera=scaled_camera(shot.camera, long_side_px)) for shot in shots]


def depth_path(folder: Path, number: int) -> Path:
    """Name the depth file of the photo with this number in cameras.json."""
    return folder / f"{number:05d}.npz"


def read_depth(folder: Path, number: int) -> DepthMap:
    """Read one depth map."""
    with np.load(depth_path(folder, number)) as content:
        return DepthMap(content["depth"], content["support"])


def read_reduced(images: Path, shot: Shot, flags: int) -> NDArray[np.uint8]:
    """Read an undistorted photo at the size of its reduced camera; flags: as cv2.imread takes."""
    pixels = cv2.imread(str(images / shot.file), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise OSError(f"{shot.file} cannot be read any more")
    size = (shot.camera.width, shot.camera.height)
    if (pixels.shape[1], pixels.shape[0]) != size:
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return np.asarray(pixels, dtype=np.uint8)


def _points_of(model: SparseModel, photos: Sequence[int]) -> Array:
    return model.points[np.unique(model.point_of[np.isin(model.shot_of, photos)])]


def measure_depth(task: DepthTask) -> float:
    """Measure one photo's depth from its neighbours and save it; returns the share of pixels that have one."""
    grey: Grey = read_reduced(task.images, task.shot, cv2.IMREAD_GRAYSCALE)
    depths, spreads = [], []
    for other in task.others:
        pair = rectify(task.shot, other, task.points, task.settings.stereo)
        if pair is None:
            continue
        other_grey = read_reduced(task.images, other, cv2.IMREAD_GRAYSCALE)
        depths.append(pair_depth(grey, other_grey, task.shot.camera, pair, task.settings.stereo))
        spreads.append(task.settings.agree_px / pair.base_focal)
    merged = agreed_depth(depths, spreads, grey.shape)
    np.savez(task.output, depth=merged.depth, support=merged.support)
    return float((merged.depth > 0).mean())


def agreed_depth(depths: Sequence[Depth], spreads: Sequence[float], shape: tuple[int, ...]) -> DepthMap:
    """Merge depths of one photo: per pixel the largest group that agrees, averaged by accuracy.

    depths: (H, W) metres, NaN unknown. spreads: of each, its error is spread * depth**2. shape: of the photo.
    Two depths agree when they differ by less than the root of the sum of their errors squared.
    """
    best = np.zeros(shape, dtype=np.float32)
    support = np.zeros(shape, dtype=np.uint8)
    best_weight = np.zeros(shape, dtype=np.float32)
    for depth, spread in zip(depths, spreads, strict=True):
        total, weights = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
        count = np.zeros(shape, dtype=np.uint8)
        for other, other_spread in zip(depths, spreads, strict=True):
            with np.errstate(invalid="ignore"):
                limit = np.float32(np.hypot(spread, other_spread)) * depth * depth
                agrees = np.abs(other - depth) <= limit
            weight = np.float32(1 / other_spread**2 / 1e6)
            total += np.where(agrees, other * weight, np.float32(0))
            weights += agrees * weight
            count += agrees
        better = (count > support) | ((count == support) & (weights > best_weight))
        with np.errstate(invalid="ignore", divide="ignore"):
            best = np.where(better, total / weights, best)
        support, best_weight = np.where(better, count, support), np.where(better, weights, best_weight)
    return DepthMap(np.nan_to_num(best).astype(np.float32), support)
