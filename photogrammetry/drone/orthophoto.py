"""Stage orthophoto: every cell of the map shows the photo that truly sees it, from as far above as possible.

For each tile the surface decides which photos see which cell (visibility.py); the cell takes its colour from the
view closest to the vertical, blended with the next ones over a narrow seam; photos are brought to equal brightness
first. Memory: one tile, its margin and one photo at a time per worker.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from photogrammetry.drone.exposure import balance, sample_view
from photogrammetry.drone.grid import CogWriter, Grid, read_heights
from photogrammetry.drone.surface_cells import Heights
from photogrammetry.drone.view_choice import Ground, SeamSettings, affine_to_enu, choose_views, surface_window
from photogrammetry.drone.views import View, ground_sample_distance, read_views
from photogrammetry.drone.visibility import reach_m
from photogrammetry.frame import LocalFrame
from photogrammetry.workers import Tools

VERSION = 1
STEP_M = 0.005
PAD = 8


@dataclass(frozen=True)
class OrthoSettings:
    """How the orthophoto is made.

    survey: its name, for the tags. cell_m: None: the photos' GSD, to half a centimetre. tile_cells: edge of a work
    tile. seam: width of a blend, as a difference of viewing slopes (0.05: 2.5 m on the ground from 50 m up).
    edge_cells: surface cells over which a photo fades out beside what it cannot see. enough_views: stop looking for
    photos of a cell when so many see it. steepest: largest viewing slope (run over rise) that is used.
    farthest_hiding_m: how far around things are looked for that hide a cell. sliver_m: unseen gaps up to this width are
    coloured from their rims, wider ones stay transparent. tolerance_m: roughness of the surface
    in the visibility test, None: from its cell. balance_places: places used for equal brightness.
    """

    survey: str = ""
    cell_m: float | None = None
    tile_cells: int = 1536
    seam: float = 0.05
    edge_cells: float = 3.0
    enough_views: int = 3
    steepest: float = 2.5
    farthest_hiding_m: float = 120.0
    sliver_m: float = 1.0
    tolerance_m: float | None = None
    balance_places: int = 12_000


@dataclass(frozen=True)
class _Tile:
    surface: Path
    frame: LocalFrame
    surface_grid: Grid
    grid: Grid
    row: int
    col: int
    views: tuple[View, ...]
    feet: NDArray[np.float64]
    gains: tuple[tuple[float, float, float], ...]
    settings: OrthoSettings
    target: Path


def run(inputs: Mapping[str, Path], output_dir: Path, settings: OrthoSettings, tools: Tools) -> None:
    """Make orthophoto.tif (COG, RGBA uint8, survey CRS) and orthophoto.json (cell, gains, photos used).

    inputs: surface (dsm.tif, dtm.tif), undistort (cameras.json, images/), georeference (frame.json).
    """
    frame = LocalFrame.load(inputs["georeference"] / "frame.json")
    surface_grid = Grid.of(inputs["surface"] / "dsm.tif")
    views = read_views(inputs["undistort"])
    places = _places(inputs["surface"], surface_grid, frame, settings.balance_places)
    gsd_m = ground_sample_distance(views, float(np.median(places[:, 2])))
    cell = settings.cell_m or max(STEP_M, round(gsd_m / STEP_M) * STEP_M)
    gains = _gains(views, places, tools)
    bounds = (surface_grid.west, surface_grid.south, surface_grid.east, surface_grid.north)
    grid = Grid.covering(surface_grid.crs, *bounds, round(cell, 4))
    feet = frame.enu_to_crs(np.array([view.centre for view in views]))
    scratch = output_dir / ".scratch"
    scratch.mkdir()
    tiles = [
        _Tile(inputs["surface"], frame, surface_grid, grid.part(*at), at[0], at[1], tuple(views), feet,
              tuple(gains[v.name] for v in views), settings, scratch / f"{at[0]}_{at[1]}.npy")
        for at in grid.tiles(settings.tile_cells)
    ]  # fmt: skip
    used = tools.map(make_tile, tiles, "orthophoto tiles")
    _write(output_dir / "orthophoto.tif", grid, tiles, settings)
    shutil.rmtree(scratch)
    about = {
        "cell_m": grid.cell_m,
        "gsd_m": round(gsd_m, 5),
        "gains": {name: [round(g, 4) for g in gain] for name, gain in sorted(gains.items())},
        "photos_used": sorted({name for names in used for name in names}),
    }
    (output_dir / "orthophoto.json").write_text(json.dumps(about, indent=1), encoding="utf-8")


def _places(surface: Path, grid: Grid, frame: LocalFrame, number: int) -> NDArray[np.float64]:
    """Spread places over the measured surface: (N, 3) ENU metres."""
    stride = max(1, int(np.sqrt(grid.rows * grid.cols / number)))
    out = []
    for row in range(stride // 2, grid.rows, stride):
        line = read_heights(surface / "dsm.tif", row, 0, 1, grid.cols)[0, stride // 2 :: stride]
        east, north = grid.centres()
        e = east[stride // 2 :: stride]
        known = ~np.isnan(line)
        out.append(np.column_stack([e[known], np.full(known.sum(), north[row]), line[known]]))
    return frame.crs_to_enu(np.concatenate(out))


def _gains(views: list[View], places: NDArray[np.float64], tools: Tools) -> dict[str, tuple[float, float, float]]:
    samples = tools.map(sample_task, [(view, places) for view in views], "brightness of the photos")
    return balance(views, samples)


def sample_task(item: tuple[View, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Sample one photo for the balance of brightness (a task)."""
    return sample_view(*item)


def _write(path: Path, grid: Grid, tiles: list[_Tile], settings: OrthoSettings) -> None:
    with CogWriter(path, grid, dtype="uint8", bands=4, tags={"SURVEY": settings.survey}) as out:
        for tile in tiles:
            out.write(np.load(tile.target), tile.row, tile.col)


def make_tile(tile: _Tile) -> list[str]:
    """Make the RGBA pixels of one tile, leave them in its scratch file, and name the photos used (a task)."""
    folder, surface = tile.surface, tile.surface_grid
    tile_box = (tile.grid.west, tile.grid.south, tile.grid.east, tile.grid.north)
    row, col, rows, cols = surface.window_of(*tile_box)
    row, col, rows, cols = row - PAD, col - PAD, rows + 2 * PAD, cols + 2 * PAD
    near = surface_window(folder, surface, row, col, rows, cols)
    if near is None:
        np.save(tile.target, np.zeros((4, *tile.grid.shape), dtype=np.uint8))
        return []
    low = np.array([tile_box[0], tile_box[1], float(near.heights.min())])
    high = np.array([tile_box[2], tile_box[3], float(near.heights.max()) + 1.0])
    to_enu = affine_to_enu(tile.frame, low, high)
    margin = _margin(tile, near)
    wide = surface_window(folder, surface, row - margin, col - margin, rows + 2 * margin, cols + 2 * margin)
    core = (slice(margin, margin + rows), slice(margin, margin + cols))
    shares = choose_views(tile.views, tile.feet, wide or near, core, to_enu, _seams(tile))
    rgba = _coloured(tile, near, to_enu, shares)
    np.save(tile.target, rgba)
    return [tile.views[index].name for index, _ in shares]


def _seams(tile: _Tile) -> SeamSettings:
    s = tile.settings
    roughness = s.tolerance_m if s.tolerance_m is not None else 1.5 * tile.surface_grid.cell_m
    return SeamSettings(s.seam, s.edge_cells, s.enough_views, s.steepest, roughness)


def _margin(tile: _Tile, near: Ground) -> int:
    """Give the cells around the tile in which something may stand that hides part of it."""
    cell, limit = tile.surface_grid.cell_m, tile.settings.farthest_hiding_m
    box = near.grid
    at = tile.surface_grid.window_of(box.west - limit, box.south - limit, box.east + limit, box.north + limit)
    around = surface_window(tile.surface, tile.surface_grid, *at)
    low = float(near.heights[near.known].min())
    high = low if around is None else float(around.heights[around.known].max())
    return int(np.ceil(min(limit, reach_m(high - low, np.arctan(tile.settings.steepest))) / cell))


def _coloured(
    tile: _Tile, near: Ground, to_enu: NDArray[np.float64], shares: list[tuple[int, Heights]]
) -> NDArray[np.uint8]:
    """Blend the chosen photos into (4, rows, cols) uint8."""
    east, north = tile.grid.centres()
    row, col = near.grid.row_col(east, north)
    map_col, map_row = (m.astype(np.float32) for m in np.meshgrid(col - 0.5, row - 0.5))
    heights = _look_up(near.heights, map_col, map_row)
    known = _look_up(near.known.astype(np.float32), map_col, map_row) > 0.5
    colour = np.zeros((*tile.grid.shape, 3), dtype=np.float32)
    total = np.zeros(tile.grid.shape, dtype=np.float32)
    for index, share in shares:
        weight = _look_up(share, map_col, map_row)
        _add_photo(tile, index, weight, heights, to_enu, colour, total)
    colour /= np.maximum(total, 1e-6)[..., None]
    rgb = np.clip(np.round(colour), 0, 255).astype(np.uint8)
    seen = (total > 0) & known
    closed = _close_slivers(rgb, seen, known, tile.settings.sliver_m / 2 / tile.grid.cell_m)
    rgb[~closed] = 0
    return np.concatenate([rgb.transpose(2, 0, 1), np.where(closed, 255, 0).astype(np.uint8)[None]])


def _close_slivers(
    rgb: NDArray[np.uint8], seen: NDArray[np.bool_], known: NDArray[np.bool_], radius: float
) -> NDArray[np.bool_]:
    """Colour unseen gaps narrower than twice the radius (cells) from their rims, in place; tell what has colour."""
    if seen.all() or not seen.any():
        return seen
    distance, index = ndimage.distance_transform_edt(~seen, return_indices=True)
    gap = ~seen & known & (distance <= radius) & (ndimage.distance_transform_edt(distance <= radius) > radius)
    rgb[gap] = rgb[index[0][gap], index[1][gap]]
    return np.asarray(seen | gap)


def _look_up(values: Heights, col: Heights, row: Heights) -> Heights:
    out = cv2.remap(values, col, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out, dtype=np.float32)


def _add_photo(
    tile: _Tile,
    index: int,
    weight: Heights,
    heights: Heights,
    to_enu: NDArray[np.float64],
    colour: NDArray[np.float32],
    total: Heights,
) -> None:
    """Add one photo's colours times its weight, inside the box where it has any."""
    used_rows, used_cols = np.flatnonzero(weight.any(axis=1)), np.flatnonzero(weight.any(axis=0))
    if len(used_rows) == 0:
        return
    part = (slice(used_rows[0], used_rows[-1] + 1), slice(used_cols[0], used_cols[-1] + 1))
    view = tile.views[index]
    east, north = tile.grid.centres()
    # ENU and then the camera's axes are linear in east, north and height: three planes, no point arrays.
    camera = np.column_stack([view.rotation @ to_enu[:, :3], view.rotation @ (to_enu[:, 3] - view.centre)])
    e, n, h = east[part[1]][None, :], north[part[0]][:, None], heights[part].astype(np.float64)
    across, down, ahead = (camera[k, 0] * e + camera[k, 1] * n + camera[k, 3] + camera[k, 2] * h for k in range(3))
    ahead = np.maximum(ahead, 0.1)
    col = (view.fx * across / ahead + (view.cx - 0.5)).astype(np.float32)
    row = (view.fy * down / ahead + (view.cy - 0.5)).astype(np.float32)
    pixels = cv2.remap(view.picture(), col, row, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    share = weight[part]
    colour[part] += pixels.astype(np.float32) * (np.array(tile.gains[index], dtype=np.float32) * share[..., None])
    total[part] += share
