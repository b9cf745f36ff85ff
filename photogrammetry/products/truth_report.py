"""How far the products lie from a known truth. Only for samples with a truth folder; no stage reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyogrio
import rasterio
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry import shape

from photogrammetry.drone.grid import Grid, read_cells, read_heights
from twin.errors import BadInput

ROOF, ROAD = "roof", "road"
EDGE_M = 0.5
PATCH_M, SEARCH_M = 8.0, 1.2
LEAST_CORRELATION = 0.6


def compare_with_truth(products: Path, truth_dir: Path) -> dict[str, Any]:
    """Compare a survey's products with the truth of its sample.

    products: folder with dsm.tif, valid.tif (may lack), orthophoto.tif, buildings.json. truth_dir: truth/ of the
    sample (dsm.tif, classes.tif, ortho.tif, buildings.gpkg, truth.json).
    Returns dsm_nmad_m, dsm_rmse_m (roofs and roads where measured, half a metre away from edges; filled
    cells apart), dsm_bias_m, dsm_rmse_with_edges_m,
    ortho_rmse_m, ortho_p95_m, ortho_patches, building_height_median_abs_m, building_height_worst_m,
    building_height_worst_sure_m (without low confidence), buildings_found_share and more counts.
    Raises BadInput when truth_dir holds no truth.
    """
    if not (truth_dir / "truth.json").exists():
        raise BadInput("there is no truth.json", where=str(truth_dir), do="Give the truth folder of a sample")
    return {
        **_surface(products, truth_dir),
        **_orthophoto(products / "orthophoto.tif", truth_dir / "ortho.tif"),
        **_buildings(products / "buildings.json", truth_dir / "buildings.gpkg"),
    }


def _surface(products: Path, truth: Path) -> dict[str, Any]:
    classes = json.loads((truth / "truth.json").read_text(encoding="utf-8"))["definitions"]["classes"]
    grid = Grid.of(truth / "dsm.tif")
    label = read_cells(truth / "classes.tif", 0, 0, *grid.shape)
    hard = np.isin(label, [classes[ROOF], classes[ROAD]])
    difference = resampled(products / "dsm.tif", grid) - read_heights(truth / "dsm.tif", 0, 0, *grid.shape)
    known = np.isfinite(difference)
    inner = _away_from_edges(read_heights(truth / "dsm.tif", 0, 0, *grid.shape), grid.cell_m)
    measured = _measured(products / "valid.tif", grid)
    use = hard & known & inner & measured
    if not use.any():
        return {"dsm_nmad_m": None, "dsm_rmse_m": None, "dsm_cells": 0}
    error = difference[use].astype(np.float64)
    filled = difference[hard & known & inner & ~measured].astype(np.float64)
    every = difference[hard & known].astype(np.float64)
    bare = resampled(products / "dtm.tif", grid) - read_heights(truth / "dtm.tif", 0, 0, *grid.shape)
    return {
        "dsm_nmad_m": round(_nmad(error), 4),
        "dsm_rmse_m": round(_rms(error), 4),
        "dsm_bias_m": round(float(np.median(error)), 4),
        "dsm_nmad_with_edges_m": round(_nmad(every), 4),
        "dsm_rmse_with_edges_m": round(_rms(every), 4),
        "dsm_cells": int(use.sum()),
        "dsm_filled_cells": len(filled),
        "dsm_filled_nmad_m": round(_nmad(filled), 4) if len(filled) else None,
        "dsm_filled_rmse_m": round(_rms(filled), 4) if len(filled) else None,
        "dsm_known_share": round(float((hard & known).sum() / max(1, hard.sum())), 4),
        "dtm_nmad_m": round(_nmad(bare[np.isfinite(bare)].astype(np.float64)), 4),
        "dtm_rmse_m": round(_rms(bare[np.isfinite(bare)].astype(np.float64)), 4),
    }


def _measured(path: Path, grid: Grid) -> NDArray[np.bool_]:
    """Tell which cells of grid fall into measured cells of the mask; all of them where there is no mask."""
    if not path.exists():
        return np.ones(grid.shape, dtype=bool)
    own = Grid.of(path)
    east, north = grid.centres()
    row, col = own.row_col(east, north)
    mask = np.pad(read_cells(path, 0, 0, *own.shape), 1)
    r = np.clip(np.floor(row).astype(int), -1, own.rows) + 1
    c = np.clip(np.floor(col).astype(int), -1, own.cols) + 1
    return np.asarray(mask[np.ix_(r, c)] == 1)


def resampled(path: Path, grid: Grid) -> NDArray[np.float32]:
    """Read a height raster at the cell centres of another grid of the same CRS (bilinear; NaN where any is missing)."""
    own = Grid.of(path)
    at = own.window_of(grid.west - own.cell_m, grid.south - own.cell_m, grid.east + own.cell_m, grid.north + own.cell_m)
    heights = read_heights(path, *at)
    part = own.part(*at)
    east, north = grid.centres()
    row, col = part.row_col(east, north)
    map_col, map_row = np.meshgrid((col - 0.5).astype(np.float32), (row - 0.5).astype(np.float32))
    looked_up = cv2.remap(
        heights, map_col, map_row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=np.nan
    )
    return np.asarray(looked_up, dtype=np.float32)


def _away_from_edges(height: NDArray[np.float32], cell_m: float) -> NDArray[np.bool_]:
    """Tell which cells have no step (steeper than 60 degrees over the window) within half a metre."""
    size = 2 * int(np.ceil(EDGE_M / cell_m)) + 1
    high = ndimage.maximum_filter(height, size)
    return np.asarray(high - ndimage.minimum_filter(height, size) < 1.73 * size * cell_m)


def _nmad(error: NDArray[np.float64]) -> float:
    return float(1.4826 * np.median(np.abs(error - np.median(error)))) if len(error) else float("nan")


def _rms(error: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(error**2))) if len(error) else float("nan")


def _orthophoto(path: Path, truth: Path) -> dict[str, Any]:
    """Register small patches of the orthophoto on the true one, both on the truth's grid."""
    grid = Grid.of(truth)
    with rasterio.open(truth) as raster:
        wanted = cv2.cvtColor(np.ascontiguousarray(raster.read([1, 2, 3]).transpose(1, 2, 0)), cv2.COLOR_RGB2GRAY)
    given, alpha = _grey_on(path, grid)
    size, reach = int(PATCH_M / grid.cell_m), int(SEARCH_M / grid.cell_m)
    shifts = []
    for row in range(reach, grid.rows - size - reach, size):
        for col in range(reach, grid.cols - size - reach, size):
            if alpha[row : row + size, col : col + size].min() > 0:
                found = _shift(wanted, given, row, col, size, reach)
                if found is not None:
                    shifts.append(found)
    if not shifts:
        return {"ortho_rmse_m": None, "ortho_patches": 0}
    metres = np.array(shifts) * grid.cell_m
    length = np.hypot(metres[:, 0], metres[:, 1])
    return {
        "ortho_rmse_m": round(float(np.sqrt(np.mean(length**2))), 4),
        "ortho_median_m": round(float(np.median(length)), 4),
        "ortho_p95_m": round(float(np.percentile(length, 95)), 4),
        "ortho_shift_m": [round(float(v), 4) for v in (np.median(metres[:, 0]), -np.median(metres[:, 1]))],
        "ortho_patches": len(shifts),
    }


def _grey_on(path: Path, grid: Grid) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    own = Grid.of(path)
    with rasterio.open(path) as raster:
        rgba = raster.read()
    grey = cv2.cvtColor(np.ascontiguousarray(rgba[:3].transpose(1, 2, 0)), cv2.COLOR_RGB2GRAY)
    if grid.cell_m > own.cell_m:
        grey = cv2.GaussianBlur(grey, (0, 0), 0.4 * grid.cell_m / own.cell_m)
    east, north = grid.centres()
    row, col = own.row_col(east, north)
    maps = np.meshgrid((col - 0.5).astype(np.float32), (row - 0.5).astype(np.float32))
    picture = cv2.remap(grey, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    alpha = cv2.remap(rgba[3], maps[0], maps[1], cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(picture, dtype=np.uint8), np.asarray(alpha, dtype=np.uint8)


def _shift(
    wanted: NDArray[np.uint8], given: NDArray[np.uint8], row: int, col: int, size: int, reach: int
) -> tuple[float, float] | None:
    """Give how far (columns, rows) a patch of the orthophoto lies beside the truth; None where that is unsure."""
    patch = given[row : row + size, col : col + size]
    area = wanted[row - reach : row + size + reach, col - reach : col + size + reach]
    if patch.std() < 4:
        return None
    score = cv2.matchTemplate(area, patch, cv2.TM_CCOEFF_NORMED)
    r, c = np.unravel_index(int(score.argmax()), score.shape)
    if score[r, c] < LEAST_CORRELATION or not (0 < r < 2 * reach and 0 < c < 2 * reach):
        return None
    d_row = _vertex(score[r - 1, c], score[r, c], score[r + 1, c])
    d_col = _vertex(score[r, c - 1], score[r, c], score[r, c + 1])
    return float(reach - c - d_col), float(reach - r - d_row)


def _vertex(before: float, middle: float, after: float) -> float:
    curve = before - 2 * middle + after
    return 0.0 if curve >= 0 else float(0.5 * (before - after) / curve)


def _buildings(path: Path, truth: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    table = pyogrio.read_dataframe(truth, layer="buildings")
    errors, sigmas, sure = [], [], []
    worst: list[tuple[float, str]] = []
    for code, height, outline in zip(table["code"], table["height"], table.geometry, strict=True):
        entry = _match(content["buildings"], str(code), outline)
        if entry is None:
            continue
        error = float(entry["height_m"] - height)
        errors.append(error)
        sigmas.append(float(entry["sigma_m"]))
        sure.append(entry["confidence"] == "high")
        worst.append((round(error, 3), str(code)))
    if not errors:
        return {"building_height_median_abs_m": None, "building_height_worst_m": None, "buildings_found_share": 0.0}
    size, certain = np.abs(np.array(errors)), np.array(sure)
    return {
        "building_height_median_abs_m": round(float(np.median(size)), 4),
        "building_height_worst_m": round(float(size.max()), 4),
        "building_height_worst_sure_m": round(float(size[certain].max()), 4) if certain.any() else None,
        "building_height_rmse_m": round(_rms(np.array(errors)), 4),
        "building_height_bias_m": round(float(np.median(errors)), 4),
        "building_height_within_2_sigma": round(float((size < 2 * np.array(sigmas)).mean()), 4),
        "buildings_low_confidence": int((~certain).sum()),
        "buildings_expected": len(table),
        "buildings_found_share": round(len(errors) / len(table), 4),
        "buildings_worst": [
            {"code": code, "error_m": error} for error, code in sorted(worst, key=lambda w: -abs(w[0]))[:5]
        ],
    }


def _match(buildings: list[dict[str, Any]], code: str, outline: Any) -> dict[str, Any] | None:
    """Find the entry of a true building: by code, or by overlap where outlines were found."""
    for entry in buildings:
        if entry["code"] == code:
            return entry
    best, share = None, 0.5
    for entry in buildings:
        if entry["source"] == "found":
            polygon = shape(entry["footprint"])
            overlap = polygon.intersection(outline).area / polygon.union(outline).area
            if overlap > share:
                best, share = entry, overlap
    return best
