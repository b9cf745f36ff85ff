"""gcp.csv agrees with the cameras, with the pictures themselves, and leaves out what a photo cannot see."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import rasterio

from photogrammetry.frame import LocalFrame
from photogrammetry.sample.photo_files import JPEG_QUALITY
from tests.photogrammetry.sample.test_photos import cameras_of, truth_of


def read_gcp(sample: Path) -> list[dict[str, str]]:
    with (sample / "gcp.csv").open(encoding="utf-8", newline="") as file:
        assert file.readline() == "# crs=EPSG:4550 vertical_datum=EPSG:5737\n"
        return list(csv.DictReader(file))


def test_marks_lie_where_the_cameras_see_the_coordinates(tiny_sample: Path):
    frame, cameras = LocalFrame.load(tiny_sample / "truth" / "frame.json"), cameras_of(tiny_sample)
    rows = read_gcp(tiny_sample)
    assert {row["role"] for row in rows} == {"control", "check"}
    off = []
    for row in rows:
        camera, pose = cameras[row["file"]]
        place = frame.crs_to_enu(np.array([[float(row[key]) for key in ("east", "north", "height_m")]]))
        off.append(camera.project(place, pose)[0][0] - [float(row["col"]), float(row["row"])])
    assert np.sqrt(np.mean(np.square(off))) < 0.6
    assert np.abs(off).max() < 1.8


def test_every_target_is_marked_in_three_photos_or_more(tiny_sample: Path):
    rows = read_gcp(tiny_sample)
    for target in truth_of(tiny_sample)["targets"]:
        assert sum(row["name"] == target["name"] for row in rows) >= 3, target


def test_surveyed_coordinates_are_a_centimetre_off_the_truth(tiny_sample: Path):
    true = {target["name"]: target for target in truth_of(tiny_sample)["targets"]}
    off = np.array(
        [[float(row[key]) - true[row["name"]][key] for key in ("east", "north", "height_m")]
         for row in read_gcp(tiny_sample)]
    )  # fmt: skip
    assert 0.002 < off.std() < 0.03
    assert np.abs(off).max() < 0.05


def test_the_pictures_show_a_chequer_corner_at_the_marks(tiny_sample: Path):
    assert JPEG_QUALITY == 92
    off = []
    for row in read_gcp(tiny_sample):
        grey = cv2.imread(str(tiny_sample / "photos" / row["file"]), cv2.IMREAD_GRAYSCALE)
        corner = np.array([[[float(row["col"]) - 0.5, float(row["row"]) - 0.5]]], np.float32)
        found = cv2.cornerSubPix(grey, corner.copy(), (2, 2), (-1, -1), (3, 40, 0.001))
        off.append((found - corner).reshape(2))
    assert np.median(np.hypot(*np.array(off).T)) < 0.7


def test_a_target_behind_a_wall_is_not_marked(tiny_sample: Path):
    """Walk from each target towards each camera over the true surface: marked ones are free, hidden ones are not."""
    frame, cameras = LocalFrame.load(tiny_sample / "truth" / "frame.json"), cameras_of(tiny_sample)
    with rasterio.open(tiny_sample / "truth" / "dsm.tif") as file:
        surface, transform = file.read(1), file.transform
    marked = {(row["name"], row["file"]) for row in read_gcp(tiny_sample)}
    verdicts = {True: [], False: []}
    for target in truth_of(tiny_sample)["targets"]:
        place = frame.crs_to_enu(np.array([[target["east"], target["north"], target["height_m"]]]))[0]
        for name, (camera, pose) in cameras.items():
            (pixel,), (depth,) = camera.project(place[None], pose)
            if depth < 0 or not (15 < pixel[0] < camera.width - 15 and 15 < pixel[1] < camera.height - 15):
                continue
            steps = place + np.linspace(0.02, 0.5, 150)[:, None] * (pose.centre - place)
            path = frame.enu_to_crs(steps)
            row, col = rasterio.transform.rowcol(transform, path[:, 0], path[:, 1])
            inside = (np.array(row) >= 0) & (np.array(row) < surface.shape[0])
            inside &= (np.array(col) >= 0) & (np.array(col) < surface.shape[1])
            above = path[inside, 2] - surface[np.array(row)[inside], np.array(col)[inside]]
            verdicts[(target["name"], name) in marked].append(float(above.min()))
    assert min(verdicts[True]) > -0.35  # a cell of the raster may touch an edge
    assert not [value for value in verdicts[False] if value > 0.25]
    assert verdicts[True]
