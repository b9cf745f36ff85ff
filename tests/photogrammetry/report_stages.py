"""Stage folders of a small survey, written straight: nine photos, a tower, with or without control and outlines."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from shapely.geometry import box, mapping

from photogrammetry.cameras import Camera, Shot, write_shots
from photogrammetry.drone.grid import NODATA, Grid, write_cog
from photogrammetry.drone.sparse_model import SparseModel
from photogrammetry.durable_files import digest_files, write_json
from photogrammetry.photo import Photo
from photogrammetry.products import report
from photogrammetry.survey import Survey, place_products
from photogrammetry.workers import Tools
from tests.photogrammetry.box_scene import CRS, DATUM, EAST0, NORTH0, make_frame
from tests.photogrammetry.survey_commands import Here

HALF, CELL, UP = 30.0, 0.25, 60.0
TOWER = (5.0, -5.0, 13.0, 5.0, 50.0)
DOWN = np.diag([1.0, -1.0, -1.0])
GROUND_H = 20.0
INTERFACE = {
    "survey", "photos", "reprojection_px", "gsd_m", "gps_rms_m", "checkpoints", "points", "density_per_m2", "coverage",
    "buildings", "crs", "vertical_datum", "stages",
}  # fmt: skip


def tools() -> Tools:
    return Tools("report", Here())


def make_shots() -> tuple[Shot, ...]:
    camera = Camera("OPENCV", 400, 300, (300.0, 300.5, 201.0, 149.0, -0.05, 0.02, 0.0002, -0.0001))
    places = [(e, n) for n in (-10.0, 0.0, 10.0) for e in (-15.0, 0.0, 15.0)]
    shots = [
        Shot(f"P{i}.JPG", camera, True, DOWN, np.array([e, n, UP]), 0.4, np.array([0.5, -0.2, 1.0]))
        for i, (e, n) in enumerate(places)
    ]
    return (*shots, Shot("lost.JPG", camera))


def accuracy(*, control: bool) -> dict[str, Any]:
    table = {
        "count": 1, "rmse_h_m": 0.02, "rmse_v_m": 0.03, "rmse_h_gsd": 0.1, "rmse_v_gsd": 0.15,
        "points": [{"name": "J<1>", "residual_m": [0.01, -0.017, 0.03], "marks": 4, "rms_px": 0.4}],
    }  # fmt: skip
    return {
        "registered": 9, "reprojection_px": 0.35, "reprojection_rms_px": 0.41, "tie_points": 50,
        "tie_points_dropped": 1, "observations": 300, "mean_track": 6.0, "gsd_m": 0.2,
        "gps_rms_m": {"e": 0.5, "n": 0.2, "u": 1.0}, "gps_sigma_m": {"h": 0.5, "v": 1.0},
        "gps_offset_m": {"e": 0.1, "n": 0.0, "u": -0.4} if control else None,
        "height_from": "control" if control else "exif",
        "control": {**table, "points": [{**table["points"][0], "name": "K1"}]} if control else None,
        "checkpoints": table if control else None, "lens": [], "crs": CRS, "vertical_datum": DATUM,
        "warnings": [] if control else [{"code": "height_from_exif", "zh": "高程取自 EXIF", "en": "heights from EXIF"}],
    }  # fmt: skip


def make_stages(root: Path, *, control: bool = True, outlines: bool = True) -> Path:
    """Write small folders of all stages the report reads: a plane with a tower, nine photos from above."""
    shots, frame = make_shots(), make_frame(GROUND_H)
    for name in (*report.INPUTS, "mesh"):
        (root / name).mkdir(parents=True)
    good = [
        Photo(s.file, "00", 400, 300, "CAM <X>", 298.0, "2026-05-18T02:12:42+00:00", 121.6, 37.3, 80.0) for s in shots
    ]
    bad = replace(good[0], file="<b>bad</b>.JPG").rejected("blurred", share="30%")
    write_json(root / "check" / "photos.json", [asdict(photo) for photo in (*good, bad)])
    rng = np.random.default_rng(1)
    points = np.column_stack([rng.uniform(-20, 20, (50, 2)), np.zeros(50)])
    shot_of, point_of = np.repeat(np.arange(9), 50), np.tile(np.arange(50), 9)
    seen = np.concatenate([shot.project(points)[0] for shot in shots[:9]]) + rng.normal(0, 0.3, (450, 2))
    model = SparseModel(shots, np.zeros(10, dtype=np.int64), points, shot_of, point_of, seen)
    frame.save(root / "georeference" / "frame.json")
    model.save(root / "georeference")
    write_json(root / "georeference" / "accuracy.json", accuracy(control=control))
    pinhole = Camera("PINHOLE", 400, 300, (300.0, 300.0, 200.0, 150.0))
    write_shots(root / "undistort" / "cameras.json", [replace(shot, camera=pinhole) for shot in shots])
    reduced = Camera("PINHOLE", 200, 150, (150.0, 150.0, 100.0, 75.0))
    write_shots(root / "depth" / "cameras.json", [replace(shot, camera=reduced) for shot in shots[:9]])
    write_surface(root)
    write_buildings(root / "buildings", outlines=outlines)
    for name in ("mesh/0/0_0.glb", "buildings/1_1.glb"):
        (root / "tiles3d" / name).parent.mkdir(parents=True)
        (root / "tiles3d" / name).write_bytes(b"glTF")
    return root


def write_surface(root: Path) -> None:
    grid = Grid.covering(CRS, EAST0 - HALF, NORTH0 - HALF, EAST0 + HALF, NORTH0 + HALF, CELL)
    east, north = (axis - middle for axis, middle in zip(grid.centres(), (EAST0, NORTH0), strict=True))
    west, south, far, top, roof = TOWER
    tall = ((east > west) & (east < far))[None, :] & ((north > south) & (north < top))[:, None]
    height = np.where(tall, roof, GROUND_H).astype(np.float32)
    height[:20, :20] = NODATA
    valid = np.where(height == NODATA, 0, 1).astype(np.uint8)
    valid[100:120, 100:120] = 2
    above = np.where(height == NODATA, NODATA, height - GROUND_H).astype(np.float32)
    write_cog(root / "surface" / "dsm.tif", grid, height, nodata=NODATA)
    write_cog(root / "surface" / "ndsm.tif", grid, above, nodata=NODATA)
    write_cog(root / "surface" / "valid.tif", grid, valid)
    about = {
        "points": 1000, "strays": 1, "density_per_m2": 12.5, "cell_m": CELL, "measured_m2": 3000.0,
        "measured_cells": 48000, "filled_cells": 400, "gsd_m": 0.2, "outlines_masked": 1,
    }  # fmt: skip
    write_json(root / "surface" / "surface.json", about)
    rgba = np.full((4, *grid.shape), 120, dtype=np.uint8)
    write_cog(root / "orthophoto" / "orthophoto.tif", grid, rgba)
    write_json(root / "orthophoto" / "orthophoto.json", {"cell_m": CELL, "gsd_m": 0.2, "photos_used": ["P0.JPG"]})


def write_buildings(folder: Path, *, outlines: bool) -> None:
    west, south, east, north, roof = TOWER
    outline = mapping(box(EAST0 + west, NORTH0 + south, EAST0 + east, NORTH0 + north))
    entry = {
        "code": "A1", "name": "塔楼", "source": "given", "footprint": outline, "ground_h_m": GROUND_H, "roof_h_m": roof,
        "height_m": 30.0, "sigma_m": 0.1, "confidence": "low", "note_zh": "屋顶点数少", "note_en": "few points",
        "lod": "1.3", "blocks": [{"polygon": outline, "roof_h_m": roof}], "points": 40,
    }  # fmt: skip
    refused = {"code": "B2", "reason_code": "no_surface", "reason_zh": "没有表面", "reason_en": "no surface there"}
    content = {
        "crs": CRS, "vertical_datum": DATUM, "survey": "s", "expected": 2 if outlines else 0, "block_shift": None,
        "buildings": [entry] if outlines else [], "failed": [refused] if outlines else [],
    }  # fmt: skip
    write_json(folder / "buildings.json", content)


def make_workspace(folder: Path, **options: bool) -> Path:
    """Make a survey whose stages are finished, the report stage among them, with manifests."""
    stages = make_stages(folder / "stages", **options)
    survey = Survey("s", "drone", str(folder / "photos"), None, None, CRS, DATUM, "2026-05-18T00:00:00+00:00")
    write_json(folder / "survey.json", asdict(survey))
    (stages / "report").mkdir()
    report.run({name: stages / name for name in report.INPUTS}, stages / "report", report.ReportSettings("s"), tools())
    needs = {"check": [], "georeference": ["check"], "undistort": ["georeference"], "depth": ["undistort"],
             "surface": ["depth"], "orthophoto": ["surface"], "buildings": ["orthophoto"], "mesh": ["buildings"],
             "tiles3d": ["mesh"], "report": list(report.INPUTS)}  # fmt: skip
    for number_of, (name, before) in enumerate(needs.items(), 1):
        measures = {"seconds": float(number_of), "cpu_seconds": 1.0, "peak_mb": 100.0 * number_of}
        manifest = {
            "inputs": dict.fromkeys(["photos", *before], "00"),
            "outputs": digest_files(stages / name),
            "measures": {**measures, "resumed": name == "check"},
        }
        write_json(stages / name / "manifest.json", manifest)
    place_products(folder, {name: stages / name for name in needs})
    return folder
