"""Photos without lens distortion, each with a pinhole camera: images/<file> and cameras.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from photogrammetry.cameras import Camera, Shot, read_shots, write_shots
from photogrammetry.drone.colmap import load_colmap
from photogrammetry.workers import Tools

VERSION = 1
STRIP_ROWS = 256
Map = NDArray[np.float32]


@dataclass(frozen=True)
class UndistortSettings:
    """jpeg_quality: of the written photos, 1 to 100."""

    jpeg_quality: int = 95


def run(inputs: Mapping[str, Path], output_dir: Path, settings: UndistortSettings, tools: Tools) -> None:
    """Undistort every registered photo."""
    shots = [shot for shot in read_shots(inputs["georeference"] / "cameras.json") if shot.registered]
    straight = {camera: pinhole_camera(camera) for camera in dict.fromkeys(shot.camera for shot in shots)}
    images = output_dir / "images"
    tasks = [
        (inputs["photos"] / shot.file, images / shot.file, shot.camera, straight[shot.camera], settings.jpeg_quality)
        for shot in shots
    ]
    for _, target, *_ in tasks:
        target.parent.mkdir(parents=True, exist_ok=True)
    tools.map(undistort_photo, tasks, "photos", task_mb=600)
    write_shots(output_dir / "cameras.json", [replace(shot, camera=straight[shot.camera]) for shot in shots])


def pinhole_camera(camera: Camera) -> Camera:
    """Choose the pinhole camera that shows what a distorted one sees without empty pixels."""
    pycolmap = load_colmap()
    known = pycolmap.Camera(model=camera.model, width=camera.width, height=camera.height, params=list(camera.params))
    options = pycolmap.UndistortCameraOptions()
    options.blank_pixels = 0.0
    chosen = pycolmap.undistort_camera(options, known)
    return Camera("PINHOLE", int(chosen.width), int(chosen.height), tuple(float(p) for p in chosen.params))


def undistort_photo(task: tuple[Path, Path, Camera, Camera, int]) -> None:
    """Undistort one photo: (photo, output file, its camera, the pinhole camera, JPEG quality)."""
    photo, output, camera, straight, quality = task
    pixels = cv2.imread(str(photo), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None:
        raise OSError(f"{photo.name} cannot be read any more")
    map_col, map_row = source_pixels(camera, straight)
    flat = cv2.remap(pixels, map_col, map_row, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    if not cv2.imwrite(str(output), flat, [cv2.IMWRITE_JPEG_QUALITY, quality]):
        raise OSError(28, f"{output.name} cannot be written")


@lru_cache(maxsize=1)
def source_pixels(camera: Camera, straight: Camera) -> tuple[Map, Map]:
    """Tell where each pixel of the pinhole photo lies in the original: two (H, W) float32 maps as cv2.remap takes."""
    maps = np.empty((2, straight.height, straight.width), dtype=np.float32)
    for top in range(0, straight.height, STRIP_ROWS):
        bottom = min(top + STRIP_ROWS, straight.height)
        cols, rows = np.meshgrid(np.arange(straight.width) + 0.5, np.arange(top, bottom) + 0.5)
        source = camera.distort(straight.unproject(np.column_stack([cols.ravel(), rows.ravel()])))
        source = source * camera.params[:2] + camera.params[2:4] - 0.5
        maps[:, top:bottom] = source.T.reshape(2, bottom - top, straight.width)
    return maps[0], maps[1]


def read_undistorted(undistort_dir: Path) -> list[Shot]:
    """Read the undistorted photos' cameras."""
    return read_shots(undistort_dir / "cameras.json")
