"""How well a real flight comes out, against the cloud another program made of the same photos.

    .venv/bin/python -m benchmarks.real_flight PHOTOS REFERENCE.laz [--work DIR] [--crs EPSG:32615] [--json]

PHOTOS: a folder of drone photos; REFERENCE: a cloud in a projected CRS in metres (OpenDroneMap's, say). Prints a
table: photos registered, reprojection, CPU seconds a photo to the fused cloud, points, and the difference of the
clouds after a rigid alignment (ICP, scale kept): along the reference's normals, and as heights in cells of 10 cm.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import laspy
import numpy as np
import open3d as o3d
from numpy.typing import NDArray

from photogrammetry.frame import LocalFrame
from photogrammetry.point_file import read_points
from photogrammetry.stages import read_measures
from photogrammetry.survey import Survey, create_survey, now, read_survey, run_survey

TO_FUSED = ("check", "features", "matching", "reconstruct", "georeference", "undistort", "depth", "fuse")
LIMITS = {"reprojection_px": 0.9, "cpu_seconds_per_photo": 15.0, "points": 440_000, "nmad_m": 0.10}
REACHES_M = (8.0, 3.0, 1.0, 0.5)
FARTHEST_M = 1.0
CELL_M = 0.10

Points = NDArray[np.float64]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--work", type=Path, help="Where the survey is kept (default: a temporary folder).")
    parser.add_argument("--crs", default="EPSG:32615", help="CRS of the products.")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        workspace = process(given.photos, given.work or Path(temporary), given.crs)
        figures = measure(workspace, given.reference)
    print(json.dumps(figures, indent=1) if given.json else table(figures))


def process(photos: Path, work: Path, crs: str) -> Path:
    """Bring the survey "real-flight" in work up to date and give its workspace."""
    workspace = work / "real-flight"
    if not (workspace / "survey.json").exists():
        survey = Survey("real-flight", "drone", str(photos.resolve()), None, None, crs, "ellipsoidal", now(), 0.0)
        create_survey(work, survey)
    run_survey(workspace)
    return workspace


def measure(workspace: Path, reference: Path) -> dict[str, Any]:
    """Give the figures of a processed survey against a reference cloud."""
    report = json.loads((workspace / "report" / "report.json").read_text(encoding="utf-8"))
    cpu_seconds = sum(read_measures(workspace / "stages" / name).cpu_seconds for name in TO_FUSED)
    frame = LocalFrame.load(workspace / "stages" / "georeference" / "frame.json")
    cloud = np.asarray(read_points(workspace / "stages" / "fuse" / "fused.ply")["xyz"], dtype=np.float64)
    return {
        "photos": report["photos"]["given"],
        "registered": report["photos"]["registered"],
        "reprojection_px": report["reprojection_px"],
        "gsd_m": report["gsd_m"],
        "cpu_seconds_per_photo": round(cpu_seconds / report["photos"]["given"], 2),
        "points": len(cloud),
        **compare(cloud, reference_points(reference, frame)),
        "survey": read_survey(workspace).name,
    }


def reference_points(path: Path, frame: LocalFrame) -> Points:
    """Read a cloud in the CRS of the survey into its local frame, (N, 3) ENU metres."""
    las = laspy.read(path)
    return frame.crs_to_enu(np.column_stack([las.x, las.y, las.z]).astype(np.float64))


def compare(cloud: Points, reference: Points) -> dict[str, Any]:
    """Align a cloud rigidly on a reference, (N, 3) metres both, and tell how they differ."""
    target = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(reference))
    target.estimate_normals(o3d.geometry.KDTreeSearchParamHybrid(radius=0.6, max_nn=30))
    source = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(cloud))
    move = np.eye(4)
    move[2, 3] = float(np.median(reference[:, 2]) - np.median(cloud[:, 2]))
    plane = o3d.pipelines.registration.TransformationEstimationPointToPlane()
    steps = o3d.pipelines.registration.ICPConvergenceCriteria(max_iteration=60)
    thin = source.voxel_down_sample(0.15)
    for reach in REACHES_M:
        move = o3d.pipelines.registration.registration_icp(thin, target, reach, move, plane, steps).transformation
    source.transform(move)
    moved = np.asarray(source.points)
    return {**_along_normals(moved, target), **_in_cells(moved, reference), "turned_deg": _angle_deg(move)}


def _along_normals(cloud: Points, target: o3d.geometry.PointCloud) -> dict[str, Any]:
    from scipy.spatial import cKDTree

    reference, normals = np.asarray(target.points), np.asarray(target.normals)
    far, near = cKDTree(reference).query(cloud, workers=-1)
    close = far < FARTHEST_M
    off = ((cloud[close] - reference[near[close]]) * normals[near[close]]).sum(axis=1)
    return {
        "nmad_m": round(_nmad(off), 4),
        "p95_m": round(float(np.percentile(np.abs(off), 95)), 4),
        "within_1_m": round(float(close.mean()), 4),
    }


def _in_cells(cloud: Points, reference: Points) -> dict[str, Any]:
    origin = reference[:, :2].min(axis=0)
    mine, theirs = _cell_heights(cloud, origin), _cell_heights(reference, origin)
    both = mine.keys() & theirs.keys()
    off = np.array([mine[cell] - theirs[cell] for cell in sorted(both)])
    return {"cell_nmad_m": round(_nmad(off), 4), "cells_shared": round(len(both) / len(theirs), 4)}


def _cell_heights(cloud: Points, origin: Points) -> dict[tuple[int, int], float]:
    """Give the median height of each cell that holds points."""
    cells = np.floor((cloud[:, :2] - origin) / CELL_M).astype(np.int64)
    order = np.lexsort((cells[:, 1], cells[:, 0]))
    cells, heights = cells[order], cloud[order, 2]
    starts = np.flatnonzero(np.r_[True, (np.diff(cells, axis=0) != 0).any(axis=1)])
    return {
        (int(cells[start, 0]), int(cells[start, 1])): float(np.median(part))
        for start, part in zip(starts, np.split(heights, starts[1:]), strict=True)
    }


def _nmad(error: Points) -> float:
    return float(1.4826 * np.median(np.abs(error - np.median(error)))) if len(error) else float("nan")


def _angle_deg(move: Points) -> float:
    return round(float(np.degrees(np.arccos(np.clip((np.trace(move[:3, :3]) - 1) / 2, -1, 1)))), 4)


def table(figures: dict[str, Any]) -> str:
    """Lay the figures out as a table of Markdown with the limits beside them."""
    rows = [
        ("photos registered", f"{figures['registered']} of {figures['photos']}", "all"),
        ("reprojection, px", figures["reprojection_px"], "<= 0.9"),
        ("CPU seconds a photo to the fused cloud", figures["cpu_seconds_per_photo"], "<= 15"),
        ("points of the fused cloud", f"{figures['points']:,}", ">= 440,000"),
        ("NMAD along the reference's normals, m", figures["nmad_m"], "<= 0.10"),
        ("95 % within, m", figures["p95_m"], ""),
        ("points within 1 m of the reference", figures["within_1_m"], ""),
        ("NMAD of heights in shared 10 cm cells, m", figures["cell_nmad_m"], ""),
        ("reference's 10 cm cells that we fill", figures["cells_shared"], ""),
        ("GSD, m", figures["gsd_m"], ""),
        ("turned by the alignment, degrees", figures["turned_deg"], ""),
    ]
    lines = ["| figure | measured | limit |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
