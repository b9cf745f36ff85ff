"""The truth of a sample, for the accuracy report and tests only: no stage of the pipeline may read it."""

from __future__ import annotations

import json
from pathlib import Path

from photogrammetry.sample.making import Maker


def write_truth(folder: Path, maker: Maker) -> None:
    """Write cameras, surfaces, buildings and the list of bad photos."""
    maker.quarter.frame.save(folder / "frame.json")
    _write_cameras(folder / "cameras.json", maker)


def _write_cameras(path: Path, maker: Maker) -> None:
    camera = {"model": "OPENCV", "params": list(maker.camera.params)}
    rows = [
        {
            "file": shot.name,
            "width": maker.camera.width,
            "height": maker.camera.height,
            "camera": camera,
            "rotation": shot.pose.rotation.tolist(),
            "centre": shot.pose.centre.tolist(),
            "oblique": shot.oblique,
            "gps_error_m": (shot.gps_enu - shot.pose.centre).tolist(),
        }
        for shot in maker.shots
    ]
    path.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
