"""The photos are what a drone would bring home: EXIF, honest GPS, matching features, and the planted bad ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import exifread
import numpy as np
import pytest
from PIL import Image

from photogrammetry.frame import LocalFrame
from photogrammetry.sample.camera import Camera, Pose
from photogrammetry.sample.scales import read_scale


def truth_of(sample: Path) -> dict[str, Any]:
    return json.loads((sample / "truth" / "truth.json").read_text(encoding="utf-8"))


def cameras_of(sample: Path) -> dict[str, tuple[Camera, Pose]]:
    rows = json.loads((sample / "truth" / "cameras.json").read_text(encoding="utf-8"))
    return {
        row["file"]: (
            Camera(row["width"], row["height"], tuple(row["camera"]["params"])),
            Pose(np.array(row["rotation"]), np.array(row["centre"])),
        )
        for row in rows
    }


def tags_of(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return exifread.process_file(file, details=False)


def position_of(path: Path) -> tuple[float, float, float]:
    tags = tags_of(path)
    lat, lon = (
        sum(float(part) / 60**i for i, part in enumerate(tags[f"GPS GPS{axis}"].values))
        for axis in ("Latitude", "Longitude")
    )
    return lon, lat, float(tags["GPS GPSAltitude"].values[0])


def bad(sample: Path, fault: str) -> Path:
    (name,) = (row["file"] for row in truth_of(sample)["bad_photos"] if row["fault"] == fault)
    return sample / "photos" / name


def test_exif_tells_lens_time_and_place(tiny_sample: Path):
    for name in truth_of(tiny_sample)["good_photos"]:
        tags = tags_of(tiny_sample / "photos" / name)
        assert str(tags["Image Make"]) == "CityTwin"
        assert float(tags["EXIF FocalLength"].values[0]) > 5
        assert tags["EXIF FocalLengthIn35mmFilm"].values[0] == 24
        assert str(tags["EXIF OffsetTimeOriginal"]) == "+08:00"
        assert len(str(tags["EXIF SubSecTimeOriginal"])) == 3
        assert str(tags["EXIF DateTimeOriginal"]).startswith("2026:05:18 10:")
        assert str(tags["GPS GPSDate"]) == "2026:05:18"
        assert tags["GPS GPSTimeStamp"].values[0] == 2  # UTC
        assert tags["GPS GPSAltitudeRef"].values[0] == 0
        assert tags["EXIF ExifImageWidth"].values[0] == read_scale("tiny").photo_width


def test_gps_is_off_by_its_stated_sigma_and_not_by_more(tiny_sample: Path):
    frame = LocalFrame.load(tiny_sample / "truth" / "frame.json")
    errors = []
    for name, (_, pose) in cameras_of(tiny_sample).items():
        believed = frame.lonlath_to_enu(np.array([position_of(tiny_sample / "photos" / name)]))[0]
        errors.append(believed - pose.centre)
    off = np.array(errors)
    assert (np.abs(off) < 4.5 * np.array([1.5, 1.5, 3.0])).all()
    assert (off.std(axis=0) > [0.3, 0.3, 0.6]).all()


def test_bad_photos_are_bad_in_the_way_they_are_listed(tiny_sample: Path):
    photos, names = tiny_sample / "photos", truth_of(tiny_sample)["good_photos"]
    with pytest.raises(OSError, match="truncated"), Image.open(bad(tiny_sample, "corrupt")) as image:
        image.load()
    assert not any(tag.startswith("GPS GPSL") for tag in tags_of(bad(tiny_sample, "no_gps")))
    duplicates = [name for name in names if (photos / name).read_bytes() == bad(tiny_sample, "duplicate").read_bytes()]
    assert duplicates == [row["of"] for row in truth_of(tiny_sample)["bad_photos"] if row["of"]]
    here, there = position_of(photos / names[0]), position_of(bad(tiny_sample, "far"))
    assert np.hypot((here[0] - there[0]) * 88_000, (here[1] - there[1]) * 111_000) > 2000

    def sharpness(path: Path) -> float:
        return float(cv2.Laplacian(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), cv2.CV_64F).var())

    assert sharpness(bad(tiny_sample, "blurred")) < 0.1 * min(sharpness(photos / name) for name in names)
    assert {path.name for path in photos.iterdir()} == {
        *names, *(row["file"] for row in truth_of(tiny_sample)["bad_photos"])
    }  # fmt: skip


@pytest.mark.parametrize(("first", "second"), [(0, 1), (2, 3)], ids=["along the line", "across, flown the other way"])
def test_neighbours_match_and_agree_with_the_true_cameras(tiny_sample: Path, first: int, second: int):
    names = truth_of(tiny_sample)["good_photos"]
    sift = cv2.SIFT_create(5000, enable_precise_upscale=True)  # the default is off by a quarter pixel
    views = []
    for name in (names[first], names[second]):
        grey = cv2.imread(str(tiny_sample / "photos" / name), cv2.IMREAD_GRAYSCALE)
        points, descriptors = sift.detectAndCompute(grey, None)
        assert len(points) > 1500
        views.append((*cameras_of(tiny_sample)[name], np.array([point.pt for point in points]) + 0.5, descriptors))
    pairs = cv2.BFMatcher().knnMatch(views[0][3], views[1][3], 2)
    good = [best for best, other in pairs if best.distance < 0.75 * other.distance]
    assert len(good) > 200
    pixels = (views[0][2][[match.queryIdx for match in good]], views[1][2][[match.trainIdx for match in good]])
    off = epipolar_distance(views, pixels)
    close = np.abs(off) < 1.5
    assert close.mean() > 0.8
    assert abs(np.median(off[close])) < 0.05  # no hidden shift between pixels and cameras
    assert np.median(np.abs(off[close])) < 0.35


def epipolar_distance(views: list[tuple[Any, ...]], pixels: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Signed distance (pixels) of points from the epipolar lines of their partners."""
    rays = []
    for (camera, _, _, _), at in zip(views, pixels, strict=True):
        fx, fy, cx, cy = camera.params[:4]
        matrix = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])
        flat = cv2.undistortPoints(at[:, None].astype(np.float64), matrix, np.array(camera.params[4:])).reshape(-1, 2)
        rays.append(np.column_stack([flat, np.ones(len(flat))]))
    pose_a, pose_b = views[0][1], views[1][1]
    rotation = pose_b.rotation @ pose_a.rotation.T
    x, y, z = pose_b.rotation @ (pose_a.centre - pose_b.centre)
    essential = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ rotation
    lines = rays[0] @ essential.T
    return (lines * rays[1]).sum(axis=1) / np.hypot(lines[:, 0], lines[:, 1]) * views[1][0].params[0]
