"""Find points in each photo that can be found again in others (SIFT).

Writes one NNNNN.npz per accepted photo, in the order of photos.json: `xy` (N, 2) float32 pixels of the full
photo (centre of the first pixel 0.5, 0.5), `descriptors` (N, 128) uint8, largest scale first; and features.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photogrammetry.drone.colmap import load_colmap
from photogrammetry.durable_files import write_json
from photogrammetry.photo import read_photos
from photogrammetry.workers import Tools

VERSION = 1


@dataclass(frozen=True)
class FeatureSettings:
    """long_side_px: photos are reduced to this before the search; max_features: kept per photo, largest first."""

    long_side_px: int = 2000
    max_features: int = 8192
    peak_threshold: float = 0.0067


@dataclass(frozen=True)
class Features:
    """Points of one photo: xy (N, 2) float32 pixels, descriptors (N, 128) uint8."""

    xy: NDArray[np.float32]
    descriptors: NDArray[np.uint8]


def run(inputs: Mapping[str, Path], output_dir: Path, settings: FeatureSettings, tools: Tools) -> None:
    """Find the features of every accepted photo."""
    photos = read_photos(inputs["check"])
    tasks = [
        (inputs["photos"] / photo.file, features_path(output_dir, index), settings)
        for index, photo in enumerate(photos)
    ]
    counts = tools.map(find_features, tasks, "features", task_mb=600)
    listed = [{"file": photo.file, "features": count} for photo, count in zip(photos, counts, strict=True)]
    write_json(output_dir / "features.json", listed)


def features_path(folder: Path, index: int) -> Path:
    """Name the file that holds the features of the photo with this index."""
    return folder / f"{index:05d}.npz"


def read_features(folder: Path, index: int) -> Features:
    """Read the features of one photo."""
    with np.load(features_path(folder, index)) as content:
        return Features(content["xy"], content["descriptors"])


def read_grey(path: Path) -> NDArray[np.uint8]:
    """Read a photo as (H, W) uint8, as its pixels lie: the EXIF orientation is left alone, as the cameras are."""
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
    if grey is None:
        raise OSError(f"{path.name} cannot be read any more")
    return np.asarray(grey, dtype=np.uint8)


def find_features(task: tuple[Path, Path, FeatureSettings]) -> int:
    """Find and save the features of one photo: (photo, output file, settings) -> how many."""
    photo, output, settings = task
    grey = read_grey(photo)
    height, width = grey.shape
    scale = min(1.0, settings.long_side_px / max(height, width))
    if scale < 1.0:
        size = (round(width * scale), round(height * scale))
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    found = _sift(grey, settings)
    stretch = np.array([width / grey.shape[1], height / grey.shape[0]], dtype=np.float32)
    np.savez(output, xy=found.xy * stretch, descriptors=found.descriptors)
    return len(found.xy)


def _sift(grey: NDArray[np.uint8], settings: FeatureSettings) -> Features:
    pycolmap = load_colmap()

    options: Any = pycolmap.FeatureExtractionOptions()
    options.num_threads, options.use_gpu = 1, False
    options.max_image_size = max(grey.shape)
    options.sift.first_octave = 0
    options.sift.max_num_features = settings.max_features
    options.sift.peak_threshold = settings.peak_threshold
    extractor = pycolmap.FeatureExtractor.create(options, pycolmap.Device.cpu)
    keypoints, descriptors = extractor.extract_from_uint8_array(np.ascontiguousarray(grey))
    table = pycolmap.keypoints_to_matrix(keypoints)
    order = np.lexsort((table[:, 1], table[:, 0], -table[:, 2]))[: settings.max_features]
    return Features(table[order, :2], np.asarray(descriptors.data, dtype=np.uint8)[order])
