"""Stage buildings: outlines, given or found, become blocks with heights, each with a measure of trust.

Every given building gives an entry or a reason. Memory: one building's surroundings at a time per worker, and the
height-above-ground grid of the survey at a quarter of a metre or coarser for the block shift.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.features import rasterize
from rasterio.windows import Window
from shapely import affinity
from shapely.geometry import box, mapping
from shapely.geometry.base import BaseGeometry
from shapely.strtree import STRtree

from photogrammetry.buildings.block_shift import BlockShift, estimate_shift
from photogrammetry.buildings.footprints import Outline, Rejection, read_footprints
from photogrammetry.buildings.found_outlines import FindSettings, find_outlines
from photogrammetry.buildings.heights import (
    NOTES,
    HeightSettings,
    Measured,
    Surroundings,
    measure,
    roof_cells,
    signed_distance,
)
from photogrammetry.buildings.roofs import Block, RoofSettings, split_blocks
from photogrammetry.buildings.vegetation import vegetation_cells
from photogrammetry.drone.grid import Grid, read_cells, read_heights
from photogrammetry.frame import LocalFrame
from photogrammetry.workers import Tools

VERSION = 1
OVERVIEW_CELLS = 30_000_000
BATCH = 24
DEFINITION = (
    "ground_h_m: median of the bare ground 0.5-2 m outside the outline; roof_h_m: median of the roof surface inside "
    "the outline; height_m: their difference; eave_h_m, ridge_h_m: 10th and 95th percentile"
)


@dataclass(frozen=True)
class BuildingSettings:
    """survey: its name. shift_limit_m: largest block shift looked for; the rest as their own settings say."""

    survey: str = ""
    shift_limit_m: float = 4.0
    heights: HeightSettings = field(default_factory=HeightSettings)
    roofs: RoofSettings = field(default_factory=RoofSettings)
    find: FindSettings = field(default_factory=FindSettings)


@dataclass(frozen=True)
class _Job:
    outlines: tuple[Outline, ...]
    neighbours: tuple[tuple[BaseGeometry, ...], ...]
    shift: tuple[float, float]
    surface: Path
    orthophoto: Path
    settings: BuildingSettings


def run(inputs: Mapping[str, Path], output_dir: Path, settings: BuildingSettings, tools: Tools) -> None:
    """Make buildings.json.

    inputs: surface, orthophoto, georeference (frame.json), footprints (optional vector file).
    Raises BadInput when the outlines cannot be read.
    """
    frame = LocalFrame.load(inputs["georeference"] / "frame.json")
    grid = Grid.of(inputs["surface"] / "dsm.tif")
    coarse, above, green = overview(inputs, grid)
    if "footprints" in inputs:
        outlines, failed = read_footprints(inputs["footprints"], frame.crs)
    else:
        outlines, failed = find_outlines(above, green, coarse, settings.find), []
    inside, outside = _by_area(outlines, grid)
    expected = len(outlines) + len(failed) - len(outside)
    shift = _block_shift(inside, above, coarse, settings)
    jobs = _jobs(inside, shift, inputs, settings)
    results = [r for part in tools.map(measure_batch, jobs, "buildings") for r in part]
    failed += outside + [r for r in results if isinstance(r, Rejection)]
    content = {
        "crs": frame.crs,
        "vertical_datum": frame.vertical_datum,
        "survey": settings.survey,
        "expected": expected,
        "block_shift": _shift_json(shift),
        "height_definition": DEFINITION,
        "buildings": [r for r in results if isinstance(r, dict)],
        "failed": [r.as_json() for r in failed],
    }
    text = json.dumps(content, ensure_ascii=False, indent=1)
    (output_dir / "buildings.json").write_text(text, encoding="utf-8")


def overview(inputs: Mapping[str, Path], grid: Grid) -> tuple[Grid, NDArray[np.float32], NDArray[np.float32]]:
    """Read heights above ground and greenness on one grid for the whole survey, coarse enough for memory."""
    step = max(1, round(0.25 / grid.cell_m), int(np.ceil(np.sqrt(grid.rows * grid.cols / OVERVIEW_CELLS))))
    rows, cols = int(np.ceil(grid.rows / step)), int(np.ceil(grid.cols / step))
    coarse = Grid(grid.crs, grid.west, grid.north, grid.cell_m * step, rows, cols)
    above = np.full((rows, cols), np.nan, dtype=np.float32)
    strip = max(1, 1024 // step)
    for row in range(0, rows, strip):
        count = min(strip, rows - row)
        fine = read_heights(inputs["surface"] / "ndsm.tif", row * step, 0, count * step, cols * step)
        # One cell of the middle of each coarse cell: an average would blur walls.
        above[row : row + count] = fine[step // 2 :: step, step // 2 :: step]
    return coarse, above, greenness(inputs["orthophoto"] / "orthophoto.tif", coarse)


def greenness(orthophoto: Path, grid: Grid) -> NDArray[np.float32]:
    """Give the excess green (2G - R - B) / (R + G + B) of each cell of grid, (rows, cols) float32, NaN unknown."""
    picture = Grid.of(orthophoto)
    box_ = (grid.west, grid.south, grid.east, grid.north)
    row, col, rows, cols = picture.window_of(*box_)
    if rows == 0 or cols == 0:
        return np.full(grid.shape, np.nan, dtype=np.float32)
    factor = max(1.0, grid.cell_m / picture.cell_m)
    shape = (max(1, round(rows / factor)), max(1, round(cols / factor)))
    with rasterio.open(orthophoto) as raster:
        rgba = raster.read(
            window=Window(col, row, cols, rows), out_shape=(4, *shape), resampling=Resampling.average
        ).astype(np.float32)
    total = rgba[0] + rgba[1] + rgba[2]
    index = np.where((rgba[3] > 127) & (total > 20), (2 * rgba[1] - rgba[0] - rgba[2]) / np.maximum(total, 1), np.nan)
    part = picture.part(row, col, rows, cols)
    east, north = grid.centres()
    r, c = part.row_col(east, north)
    map_c, map_r = np.meshgrid(c * shape[1] / cols - 0.5, r * shape[0] / rows - 0.5)
    looked_up = cv2.remap(
        index.astype(np.float32), map_c.astype(np.float32), map_r.astype(np.float32), cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT, borderValue=float("nan"),
    )  # fmt: skip
    return np.asarray(looked_up, dtype=np.float32)


def _by_area(outlines: Sequence[Outline], grid: Grid) -> tuple[list[Outline], list[Rejection]]:
    area = box(grid.west, grid.south, grid.east, grid.north)
    inside = [outline for outline in outlines if outline.polygon.intersects(area)]
    kept = {outline.code for outline in inside}
    return inside, [Rejection(outline.code, "outside") for outline in outlines if outline.code not in kept]


def _block_shift(
    outlines: Sequence[Outline], above: NDArray[np.float32], grid: Grid, settings: BuildingSettings
) -> BlockShift:
    given = [outline.polygon for outline in outlines if outline.source == "given"]
    with np.errstate(invalid="ignore"):
        tall = above > settings.find.tall_m
    return estimate_shift(given, tall, np.isfinite(above), grid, limit_m=settings.shift_limit_m)


def _shift_json(shift: BlockShift) -> dict[str, Any]:
    return {
        "east_m": round(shift.east_m, 3),
        "north_m": round(shift.north_m, 3),
        "agreement_before": round(shift.before, 3),
        "agreement_after": round(shift.after, 3),
        "used": shift.used,
    }


def _jobs(
    outlines: Sequence[Outline], shift: BlockShift, inputs: Mapping[str, Path], settings: BuildingSettings
) -> list[_Job]:
    move = (shift.east_m, shift.north_m) if shift.used else (0.0, 0.0)
    polygons = [outline.polygon for outline in outlines]
    tree = STRtree(polygons)
    reach = settings.heights.wide_ring_m + 2.0
    jobs = []
    for start in range(0, len(outlines), BATCH):
        batch = tuple(outlines[start : start + BATCH])
        near = []
        for index, outline in enumerate(batch, start):
            hits = sorted(int(k) for k in tree.query(outline.polygon, predicate="dwithin", distance=reach))
            near.append(tuple(polygons[k] for k in hits if k != index))
        jobs.append(_Job(batch, tuple(near), move, inputs["surface"], inputs["orthophoto"], settings))
    return jobs


def measure_batch(job: _Job) -> list[dict[str, Any] | Rejection]:
    """Measure some buildings (a task): an entry of buildings.json or a rejection for each."""
    grid = Grid.of(job.surface / "dsm.tif")
    return [_building(job, grid, o, near) for o, near in zip(job.outlines, job.neighbours, strict=True)]


def _building(job: _Job, grid: Grid, outline: Outline, near: tuple[BaseGeometry, ...]) -> dict[str, Any] | Rejection:
    settings = job.settings
    polygon = affinity.translate(outline.polygon, *job.shift)
    others = [affinity.translate(other, *job.shift) for other in near]
    reach = settings.heights.wide_ring_m + 1.0
    west, south, east, north = polygon.bounds
    at = grid.window_of(west - reach, south - reach, east + reach, north + reach)
    part = grid.part(*at)
    if 0 in part.shape:
        return Rejection(outline.code, "outside")
    around = _surroundings(job, part, at, polygon, others)
    if around is None:
        return Rejection(outline.code, "no_surface")
    measured = measure(around, settings.heights)
    if isinstance(measured, str):
        return Rejection(outline.code, measured)
    roof = roof_cells(around, measured.ground_h_m, settings.heights)
    east_m, north_m = part.centres()
    blocks = split_blocks(polygon, east_m, north_m, around.surface, roof, settings.roofs)
    return _entry(outline, measured, blocks, part.cell_m)


def _surroundings(
    job: _Job, part: Grid, at: tuple[int, int, int, int], polygon: BaseGeometry, others: Sequence[BaseGeometry]
) -> Surroundings | None:
    inside = _burn([polygon], part)
    if not inside.any():
        return None
    surface = read_heights(job.surface / "dsm.tif", *at)
    green = greenness(job.orthophoto / "orthophoto.tif", part)
    return Surroundings(
        surface=surface,
        sigma=read_heights(job.surface / "dsm_sigma.tif", *at),
        valid=read_cells(job.surface / "valid.tif", *at),
        bare=read_heights(job.surface / "dtm.tif", *at),
        plants=vegetation_cells(surface, green, part.cell_m),
        inside=signed_distance(inside, part.cell_m),
        other=_burn([other.buffer(job.settings.heights.gap_m) for other in others], part),
        cell_m=part.cell_m,
    )


def _burn(shapes: Sequence[BaseGeometry], grid: Grid) -> NDArray[np.bool_]:
    if not shapes:
        return np.zeros(grid.shape, dtype=bool)
    return np.asarray(rasterize(shapes, out_shape=grid.shape, transform=grid.transform, dtype="uint8"), dtype=bool)


def _entry(outline: Outline, measured: Measured, blocks: Sequence[Block], cell_m: float) -> dict[str, Any]:
    zh = "；".join(NOTES[note][0] for note in measured.notes)
    en = "; ".join(NOTES[note][1] for note in measured.notes)
    return {
        "code": outline.code,
        "name": outline.name,
        "source": outline.source,
        "footprint": rounded(outline.polygon),
        "ground_h_m": round(measured.ground_h_m, 3),
        "roof_h_m": round(measured.roof_h_m, 3),
        "eave_h_m": round(measured.eave_h_m, 3),
        "ridge_h_m": round(measured.ridge_h_m, 3),
        "height_m": round(measured.height_m, 3),
        "sigma_m": round(measured.sigma_m, 3),
        "confidence": measured.confidence,
        "note_zh": zh or None,
        "note_en": en or None,
        "lod": "1.3",
        "blocks": [{"polygon": rounded(b.polygon), "roof_h_m": round(b.roof_h_m, 3)} for b in blocks],
        "points": measured.cells,
    }


def rounded(geometry: BaseGeometry) -> dict[str, Any]:
    """Give a geometry as GeoJSON with millimetres."""

    def each(value: Any) -> Any:
        return round(float(value), 3) if isinstance(value, int | float) else [each(v) for v in value]

    content = mapping(geometry)
    return {"type": content["type"], "coordinates": each(content["coordinates"])}
