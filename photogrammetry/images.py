"""First stage: look at every photo, say what is wrong with each bad one, go on with the rest.

A photo is judged by itself (can it be read, does it know its place) and against the others (blurred, another
time, another place, the same again, another camera). A rejected photo is listed with a reason, never dropped
in silence. Writes photos.json.
"""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from photogrammetry.buildings.footprints import check_outlines_place
from photogrammetry.drone.control_file import read_control_file
from photogrammetry.drone.control_place import check_control_place
from photogrammetry.durable_files import write_json
from photogrammetry.photo import CheckSettings, Photo
from photogrammetry.photo_exif import read_exif
from photogrammetry.photo_place import check_crs_place, middle_of
from photogrammetry.photo_set import judge_set
from photogrammetry.workers import Tools
from twin.errors import NoUsablePhotos

VERSION = 2
SUFFIXES = {".jpg", ".jpeg", ".tif", ".tiff", ".png"}


def list_photos(folder: Path) -> list[Path]:
    """List the image files of a folder by name, folders below it included."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in SUFFIXES)


def run(inputs: Mapping[str, Path], output_dir: Path, settings: CheckSettings, tools: Tools) -> None:
    """Check all photos of inputs["photos"] and write photos.json; then that all else that is given fits their place.

    inputs: photos, and where given gcp and footprints. Raises NoUsablePhotos when too few are left to work with,
    UnknownCrs, BadControlPoints and BadInput when CRS, control points or outlines are unusable or lie elsewhere:
    early, before hours of work.
    """
    root = inputs["photos"]
    tasks = [(path, path.relative_to(root).as_posix(), settings) for path in list_photos(root)]
    if not tasks:
        raise NoUsablePhotos(
            f"there is no photo here (looked for {', '.join(sorted(SUFFIXES))})",
            where=str(root),
            do="Give the folder that holds the photos",
        )
    photos = judge_set(tools.map(look_at, tasks, "photos", task_mb=300), settings)
    write_json(output_dir / "photos.json", [asdict(photo) for photo in photos])
    _require_enough(photos, settings, root)
    middle = middle_of([photo for photo in photos if photo.accepted])
    if settings.crs:
        check_crs_place(settings.crs, middle)
    if "gcp" in inputs:
        gcp = inputs["gcp"]
        check_control_place(read_control_file(gcp, settings.crs), middle, settings.vertical_datum, gcp.name)
    if "footprints" in inputs and settings.crs:
        check_outlines_place(inputs["footprints"], settings.crs, middle)


def _require_enough(photos: list[Photo], settings: CheckSettings, root: Path) -> None:
    accepted = sum(photo.accepted for photo in photos)
    if accepted < settings.min_photos:
        raise NoUsablePhotos(
            f"only {accepted} of {len(photos)} photos can be used, at least {settings.min_photos} are needed"
            + "".join(f"; {line}" for line in _reasons(photos)),
            where=str(root),
            do="Give overlapping photos of one flight with positions in their EXIF",
        )


def _reasons(photos: list[Photo]) -> list[str]:
    """Say for each reason how many photos were rejected for it, and name one of them."""
    rejected = [photo for photo in photos if not photo.accepted]
    counts = Counter(photo.reason_code for photo in rejected)
    first = {code: next(photo for photo in rejected if photo.reason_code == code) for code in counts}
    return [f"{count}: {first[code].reason_en} ({first[code].file})" for code, count in counts.most_common()]


def look_at(task: tuple[Path, str, CheckSettings]) -> Photo:
    """Judge one photo by itself: (path, name, settings) -> Photo."""
    path, name, settings = task
    readable = name.encode(errors="surrogateescape").decode(errors="replace")
    if readable != name:
        return Photo(readable, "", 0, 0).rejected("bad_name")
    try:
        content = path.read_bytes()
    except OSError:
        return Photo(name, "", 0, 0).rejected("unreadable")
    photo = Photo(name, hashlib.sha256(content).hexdigest(), 0, 0)
    try:
        with Image.open(io.BytesIO(content)) as picture:
            photo = replace(photo, width=picture.width, height=picture.height)
            grey = np.asarray(picture.convert("L"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return photo.rejected("truncated" if "truncated" in str(error) else "unreadable")
    exif = read_exif(content, photo.width, photo.height, settings.utc_offset_h)
    photo = replace(
        photo,
        camera=exif.camera,
        focal_px=exif.focal_px,
        taken_at_utc=exif.taken_at_utc.isoformat() if exif.taken_at_utc else None,
        lon=exif.lon,
        lat=exif.lat,
        altitude_m=exif.altitude_m,
        sharpness=sharpness(grey),
        fingerprint=cv2.resize(grey, (16, 16), interpolation=cv2.INTER_AREA).tobytes().hex(),
    )
    if min(photo.width, photo.height) < settings.min_short_side_px:
        return photo.rejected("too_small", limit=settings.min_short_side_px)
    if photo.lon is None or photo.lat is None:
        return photo.rejected("no_gps")
    return photo


def sharpness(grey: np.ndarray[Any, np.dtype[np.uint8]]) -> float:
    """Measure how much finest detail a picture holds against its coarser detail.

    grey: (H, W) uint8. Returns the ratio of the standard deviations of the bands under 2 px and of 4 to 8 px, the
    median of 25 windows: it depends on focus and motion far more than on what is seen.
    """
    side = int(min(256, *grey.shape))
    rows = np.linspace(0, grey.shape[0] - side, 5).astype(int)
    cols = np.linspace(0, grey.shape[1] - side, 5).astype(int)
    ratios = []
    for row in rows:
        for col in cols:
            window = grey[row : row + side, col : col + side].astype(np.float32)
            fine = window - cv2.GaussianBlur(window, (0, 0), 1.0)
            coarse = cv2.GaussianBlur(window, (0, 0), 2.0) - cv2.GaussianBlur(window, (0, 0), 4.0)
            ratios.append(float(fine.std()) / (float(coarse.std()) + 0.5))
    return round(float(np.median(ratios)), 4)
