"""The pictures of a survey's quality report: maps and plots, PNG."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from photogrammetry.drone.sparse_model import SparseModel
from photogrammetry.drone.views import read_views
from photogrammetry.durable_files import read_json
from photogrammetry.frame import LocalFrame
from photogrammetry.products.acceptance import CHECK_H_GSD, CHECK_V_GSD
from photogrammetry.products.overlap import Overlap
from photogrammetry.products.report_canvas import plain_style
from photogrammetry.products.report_maps import draw_heights, draw_orthophoto, draw_overlap, draw_surface
from photogrammetry.products.residual_plots import draw_control, draw_gps, draw_reprojection


def draw_pictures(
    inputs: Mapping[str, Path],
    output_dir: Path,
    overlap: Overlap,
    figures: Mapping[str, Any],
    step: Callable[[int, str], None],
) -> None:
    """Draw what there is to draw. inputs: of stage report. step: told how many steps are behind us, and the next."""
    frame = LocalFrame.load(inputs["georeference"] / "frame.json")
    with plain_style() as words:
        step(2, "maps")
        draw_orthophoto(inputs["orthophoto"] / "orthophoto.tif", output_dir / "orthophoto.png")
        draw_surface(inputs["surface"] / "dsm.tif", output_dir / "surface.png", words)
        buildings = read_json(inputs["buildings"] / "buildings.json")
        draw_heights(inputs["surface"] / "ndsm.tif", buildings, output_dir / "heights.png", words)
        draw_overlap(overlap, read_views(inputs["undistort"]), output_dir / "overlap.png", words)
        step(3, "plots")
        model = SparseModel.load(inputs["georeference"])
        draw_reprojection(model, output_dir / "reprojection.png", words)
        placed = [shot for shot in model.shots if shot.registered and shot.gps_residual_m is not None]
        if placed:
            stood = frame.enu_to_crs(np.array([shot.pose[1] for shot in placed]))
            draw_gps(placed, stood, output_dir / "gps.png", words)
        if figures["control"] or figures["checkpoints"]:
            gsd_m = float(figures["gsd_m"])
            limits_m = (CHECK_H_GSD * gsd_m, CHECK_V_GSD * gsd_m)
            draw_control(figures["control"], figures["checkpoints"], limits_m, output_dir / "control.png", words)
