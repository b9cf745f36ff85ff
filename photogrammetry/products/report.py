"""Stage report: the figures and pictures of a survey's quality report.

Writes figures.json and the pictures it names. No times and no durations: those are added by survey_report, so that
this stage gives the same bytes for the same data.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from photogrammetry.drone.views import read_views
from photogrammetry.durable_files import write_json
from photogrammetry.frame import LocalFrame
from photogrammetry.products.overlap import measure_overlap
from photogrammetry.products.report_figures import gather_figures
from photogrammetry.workers import Tools

VERSION = 3
INPUTS = ("check", "georeference", "undistort", "depth", "surface", "orthophoto", "buildings", "tiles3d")
CAPTIONS = {
    "orthophoto": ("正射影像（真正射）", "Orthophoto (true ortho)"),
    "surface": ("数字表面模型，按高程着色并加光照", "Digital surface model, coloured by height and shaded"),
    "heights": ("建筑高度；红框为低可信", "Building heights; red outline: low confidence"),
    "overlap": (
        "重叠度：每处地面被多少张照片看到（已考虑遮挡）及拍摄位置",
        "Overlap: photos that see each place (hidden places left out), and where they were taken",
    ),
    "reprojection": ("重投影误差；横线为中位数", "Reprojection residuals; the line is the median"),
    "gps": ("平差位置与记录位置（GPS）之差", "Adjusted minus recorded (GPS) position of each photo"),
    "control": (
        "控制点与检查点残差；虚线为检查点限差",
        "Residuals of control and check points; dashed: limits for the RMSE of check points",
    ),
}
BARE_HEIGHTS = ("高出地面的高度（没有建筑）", "Height above the ground (no buildings)")
STEPS = 4


@dataclass(frozen=True)
class ReportSettings:
    """survey: its name."""

    survey: str = ""


def run(inputs: Mapping[str, Path], output_dir: Path, settings: ReportSettings, tools: Tools) -> None:
    """Make figures.json (report.json without times and truth) and the report's pictures (PNG).

    inputs: folders of the stages named in INPUTS.
    """
    frame = LocalFrame.load(inputs["georeference"] / "frame.json")
    views = read_views(inputs["undistort"])
    scratch = output_dir / ".scratch"
    scratch.mkdir()
    overlap = measure_overlap(inputs["surface"], views, frame, scratch, tools)
    shutil.rmtree(scratch)
    tools.step(1, STEPS, "figures")
    figures = gather_figures(inputs, settings.survey, overlap.figures())
    from photogrammetry.products.report_pictures import draw_pictures  # matplotlib is loaded by who draws

    draw_pictures(inputs, output_dir, overlap, figures, lambda done, what: tools.step(done, STEPS, what))
    captions = CAPTIONS if figures["buildings"]["found"] else {**CAPTIONS, "heights": BARE_HEIGHTS}
    figures["pictures"] = list_pictures(output_dir, captions)
    write_json(output_dir / "figures.json", figures)
    tools.step(STEPS, STEPS, "plots")


def list_pictures(folder: Path, captions: Mapping[str, tuple[str, str]]) -> list[dict[str, Any]]:
    """List the pictures that were drawn, in the order of the page: file, size in pixels, caption in both languages."""
    found = []
    for name, (zh, en) in captions.items():
        path = folder / f"{name}.png"
        if path.exists():
            with Image.open(path) as picture:
                width, height = picture.size
            found.append({"name": name, "file": path.name, "width": width, "height": height, "zh": zh, "en": en})
    return found
