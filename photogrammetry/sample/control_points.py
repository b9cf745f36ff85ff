"""The GCP file: surveyed coordinates of the targets and where each is seen in the photos."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photogrammetry.sample.camera import Camera
from photogrammetry.sample.flight import Shot
from photogrammetry.sample.quarter import CRS, VERTICAL_DATUM
from photogrammetry.sample.randomness import stream
from photogrammetry.sample.scene import TARGET_SIZE_M, Scene
from photogrammetry.sample.targets import Target

COORDINATE_SIGMA_M = 0.01
MARK_SIGMA_PX = 0.3
STEEPEST_VIEW = np.cos(np.radians(65.0))


@dataclass(frozen=True)
class Mark:
    """A target marked in a photo; pixel (column, row), centre of the first pixel = 0.5."""

    target: str
    file: str
    col: float
    row: float


def marks_in_photo(scene: Scene, camera: Camera, shot: Shot) -> list[Mark]:
    """Mark the targets that the photo really sees: inside the frame and with no obstacle before any quarter."""
    targets = scene.quarter.targets
    places = np.array([target.position for target in targets])
    pixels, depth = camera.project(places, shot.pose)
    random = stream(scene.quarter.seed, "marks", shot.name)
    noise = random.normal(0, MARK_SIGMA_PX, pixels.shape)
    margin = 12
    marks = []
    for target, pixel, far, error in zip(targets, pixels, depth, noise, strict=True):
        inside = far > 0 and margin < pixel[0] < camera.width - margin and margin < pixel[1] < camera.height - margin
        if inside and _seen(scene, shot, target):
            col, row = pixel + error
            marks.append(Mark(target.name, shot.name, round(float(col), 3), round(float(row), 3)))
    return marks


def _seen(scene: Scene, shot: Shot, target: Target) -> bool:
    view = shot.pose.centre - target.position
    if view @ target.normal < STEEPEST_VIEW * np.linalg.norm(view):
        return False
    along = np.cross(target.normal, [0.0, 1.0, 0.0])
    along /= np.linalg.norm(along)
    aside = np.cross(target.normal, along)
    reach = TARGET_SIZE_M * 0.35
    spots = [target.position + reach * (x * along + y * aside) for x, y in ((0, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))]
    starts = np.array(spots) + 0.01 * target.normal
    directions = shot.pose.centre - starts
    return not scene.hidden(starts.astype(np.float32), directions.astype(np.float32)).any()


def surveyed(scene: Scene) -> dict[str, NDArray[np.float64]]:
    """Give each target's coordinates as a surveyor hands them in: easting, northing, height with 1 cm noise."""
    quarter = scene.quarter
    places = quarter.frame.enu_to_crs(np.array([target.position for target in quarter.targets]))
    noise = stream(quarter.seed, "survey of targets").normal(0, COORDINATE_SIGMA_M, places.shape)
    return {target.name: place for target, place in zip(quarter.targets, places + noise, strict=True)}


def write_gcp(path: Path, scene: Scene, marks: list[Mark]) -> None:
    """Write gcp.csv: one row per mark, with the target's surveyed coordinates."""
    places, roles = surveyed(scene), {target.name: target.role for target in scene.quarter.targets}
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"# crs={CRS} vertical_datum={VERTICAL_DATUM}\n")
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["name", "role", "east", "north", "height_m", "file", "col", "row"])
        for mark in sorted(marks, key=lambda mark: (mark.target, mark.file)):
            east, north, height = places[mark.target]
            place = [f"{east:.3f}", f"{north:.3f}", f"{height:.3f}"]
            rows.writerow([mark.target, roles[mark.target], *place, mark.file, f"{mark.col:.3f}", f"{mark.row:.3f}"])
