"""The figures of a survey's report, gathered from what its stages wrote: no times, so the same for the same data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pyproj.exceptions import CRSError

from photogrammetry.cameras import Camera, Shot, read_shots
from photogrammetry.durable_files import read_json
from photogrammetry.photo import Photo, read_photos
from twin.crs import read_crs
from twin.errors import UnknownCrs

FOCAL_SHARE = 0.15
DISTORTION = ("k1", "k2", "p1", "p2")


def gather_figures(inputs: Mapping[str, Path], survey: str, overlap: Mapping[str, Any]) -> dict[str, Any]:
    """Give everything of report.json that the stages know.

    inputs: folders of check, georeference, depth, surface, orthophoto, buildings and tiles3d. overlap: as
    Overlap.figures gives. Checkpoints, control points and recorded offsets are None where there are none.
    """
    accuracy = read_json(inputs["georeference"] / "accuracy.json")
    surface = read_json(inputs["surface"] / "surface.json")
    photos = read_photos(inputs["check"], accepted_only=False)
    shots = read_shots(inputs["georeference"] / "cameras.json")
    cameras = camera_figures(photos, shots)
    same = (
        "reprojection_px", "reprojection_rms_px", "tie_points", "tie_points_dropped", "observations", "mean_track",
        "gsd_m", "gps_rms_m", "gps_sigma_m", "gps_offset_m", "height_from", "control", "checkpoints",
    )  # fmt: skip
    return {
        "survey": survey,
        "crs": accuracy["crs"],
        "crs_name": crs_name(accuracy["crs"]),
        "vertical_datum": accuracy["vertical_datum"],
        "vertical_datum_name": crs_name(accuracy["vertical_datum"]),
        "photos": photo_figures(photos, shots),
        **{key: accuracy[key] for key in same},
        "depth_pixel_m": depth_pixel_m(float(accuracy["gsd_m"]), shots, read_shots(inputs["depth"] / "cameras.json")),
        "points": surface["points"],
        "density_per_m2": surface["density_per_m2"],
        "coverage": overlap["coverage"],
        "overlap": {key: value for key, value in overlap.items() if key != "coverage"},
        "surface": {key: surface[key] for key in ("cell_m", "measured_m2", "measured_cells", "filled_cells", "strays")},
        "orthophoto": _orthophoto(read_json(inputs["orthophoto"] / "orthophoto.json")),
        "buildings": building_figures(read_json(inputs["buildings"] / "buildings.json")),
        "tiles3d": _tiles(inputs["tiles3d"]),
        "cameras": cameras,
        "residuals": [_residual(shot) for shot in shots],
        "cautions": [*accuracy["warnings"], *focal_cautions(cameras)],
    }


def focal_cautions(cameras: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Warn of each lens whose estimated focal length is far from what its photos' EXIF says."""
    found = []
    for camera in cameras:
        nominal = camera["exif_focal_px"]
        off = (camera["fx"] + camera["fy"]) / 2 / nominal - 1 if nominal else 0.0
        if abs(off) > FOCAL_SHARE:
            found.append(
                {
                    "code": "focal_differs",
                    "zh": f"{camera['name']} 的焦距估计值与 EXIF 相差 {off:+.0%}：平坦地区只有垂直照片时焦距难以确定，"
                    "高程尺度可能有误；加拍倾斜照片或使用控制点可以确定",
                    "en": f"the focal length estimated for {camera['name']} differs from its EXIF by {off:+.0%}: "
                    "photos that all look straight down on flat ground hardly determine it, and heights may be out of "
                    "scale; slanted photos or control points settle it",
                }
            )
    return found


def crs_name(code: str) -> str | None:
    """Give the name of a CRS or vertical datum, or None when the code is words of its own (`ellipsoidal`)."""
    try:
        return str(read_crs(code).name)
    except (UnknownCrs, CRSError):
        return None


def photo_figures(photos: Sequence[Photo], shots: Sequence[Shot]) -> dict[str, Any]:
    """Count the photos given, accepted and registered; name those rejected, with reasons, and those not placed."""
    taken = sorted(photo.taken_at_utc for photo in photos if photo.accepted and photo.taken_at_utc)
    return {
        "taken_from": taken[0] if taken else None,
        "taken_to": taken[-1] if taken else None,
        "given": len(photos),
        "accepted": sum(photo.accepted for photo in photos),
        "rejected": [
            {"file": p.file, "reason": p.reason_code, "reason_zh": p.reason_zh, "reason_en": p.reason_en}
            for p in photos
            if not p.accepted
        ],
        "registered": sum(shot.registered for shot in shots),
        "not_registered": [shot.file for shot in shots if not shot.registered],
    }


def depth_pixel_m(gsd_m: float, shots: Sequence[Shot], reduced: Sequence[Shot]) -> float:
    """Give the size on the ground of a pixel of the photos as reduced for depth, metres."""
    full = np.median([shot.camera.focal_px for shot in shots if shot.registered])
    small = np.median([shot.camera.focal_px for shot in reduced])
    return round(gsd_m * float(full / small), 5)


def building_figures(content: Mapping[str, Any]) -> dict[str, Any]:
    """Count the buildings expected and found, by level of detail and source; name those that failed or are unsure."""
    found = content["buildings"]
    unsure = [b for b in found if b["confidence"] != "high"]
    sigmas = [b["sigma_m"] for b in found if b.get("sigma_m") is not None]
    return {
        "expected": content["expected"],
        "found": len(found),
        "given_outlines": sum(b["source"] == "given" for b in found),
        "lod": dict(sorted(Counter(str(b["lod"]) for b in found).items())),
        "blocks": sum(len(b["blocks"]) for b in found),
        "median_height_m": round(float(np.median([b["height_m"] for b in found])), 2) if found else None,
        "median_sigma_m": round(float(np.median(sigmas)), 3) if sigmas else None,
        "block_shift": content.get("block_shift"),
        "failed": [
            {"id": f["code"], "reason": f["reason_code"], "reason_zh": f["reason_zh"], "reason_en": f["reason_en"]}
            for f in content["failed"]
        ],
        "low_confidence": [
            {key: b.get(key) for key in ("code", "name", "height_m", "sigma_m", "note_zh", "note_en")} for b in unsure
        ],
    }


def camera_figures(photos: Sequence[Photo], shots: Sequence[Shot]) -> list[dict[str, Any]]:
    """Describe each lens: what the EXIF says, what was estimated, and how far it bends at the corner, pixels."""
    about = {photo.file: photo for photo in photos}
    users: dict[Camera, list[Shot]] = {}
    for shot in shots:
        if shot.registered:
            users.setdefault(shot.camera, []).append(shot)
    return [_camera(camera, [about[shot.file] for shot in mine]) for camera, mine in users.items()]


def _camera(camera: Camera, photos: Sequence[Photo]) -> dict[str, Any]:
    fx, fy, cx, cy = camera.params[:4]
    corner = camera.unproject(np.array([[0.0, 0.0]]))
    bend = np.linalg.norm((camera.distort(corner) - corner) * np.array([fx, fy]))
    nominal = [photo.focal_px for photo in photos if photo.focal_px]
    distortion = camera.params[4:] or (0.0,) * len(DISTORTION)
    return {
        "name": photos[0].camera,
        "photos": len(photos),
        "width": camera.width,
        "height": camera.height,
        "exif_focal_px": round(float(np.median(nominal)), 2) if nominal else None,
        "fx": round(fx, 3),
        "fy": round(fy, 3),
        "cx": round(cx, 3),
        "cy": round(cy, 3),
        **{name: round(value, 7) for name, value in zip(DISTORTION, distortion, strict=True)},
        "corner_bend_px": round(float(bend), 2),
    }


def _residual(shot: Shot) -> dict[str, Any]:
    gps = None if shot.gps_residual_m is None else [round(float(v), 3) for v in shot.gps_residual_m]
    return {
        "file": shot.file,
        "registered": shot.registered,
        "reprojection_px": shot.reprojection_px,
        "gps_m": gps,
    }


def _orthophoto(about: Mapping[str, Any]) -> dict[str, Any]:
    return {"cell_m": about["cell_m"], "photos_used": len(about["photos_used"])}


def _tiles(folder: Path) -> dict[str, Any]:
    files = [path for path in folder.rglob("*.glb") if path.is_file()]
    inside = Counter(path.relative_to(folder).parts[0] for path in files)
    return {
        "mesh_tiles": inside.get("mesh", 0),
        "building_tiles": inside.get("buildings", 0),
        "bytes": sum(path.stat().st_size for path in files),
    }
