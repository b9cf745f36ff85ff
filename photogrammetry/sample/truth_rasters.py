"""True rasters of a sample: surface, terrain, orthophoto and surface classes, by rays from straight above."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import Affine, from_origin
from rasterio.windows import Window
from shapely.geometry import Polygon

from photogrammetry.sample.ground_paint import plan_ground
from photogrammetry.sample.making import Maker
from photogrammetry.sample.quarter import CRS, VERTICAL_DATUM
from photogrammetry.sample.render import BRIGHTNESS, tone_curve
from photogrammetry.sample.scene import Label

NODATA = -9999.0
TILE = 512
TOP_M = 400.0
PARTS = ((-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25))
Heights = NDArray[np.float64]


@dataclass(frozen=True)
class RasterPlan:
    """Where the true rasters lie: cell size, size in cells and the way from cells to the CRS."""

    cell_m: float
    width: int
    height: int
    transform: Affine


def plan_rasters(maker: Maker) -> RasterPlan:
    """Cover the quarter and five metres around it; 10 cm cells for tiny and small, else 20 cm."""
    outline = maker.quarter.outline(5.0)
    corners = maker.quarter.frame.enu_to_crs(np.column_stack([outline, np.zeros(4)]))[:, :2]
    cell = 0.1 if maker.scale.columns <= 2 else 0.2
    low, high = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
    size = np.round((high - low) / cell).astype(int)
    return RasterPlan(cell, int(size[0]), int(size[1]), from_origin(float(low[0]), float(high[1]), cell, cell))


def write_rasters(folder: Path, maker: Maker) -> None:
    """Write dsm.tif, dtm.tif, ortho.tif and classes.tif (EPSG:4550, heights EPSG:5737).

    A cell of dsm and classes is what a vertical ray through its centre meets first; ortho averages four rays.
    """
    plan = plan_rasters(maker)
    names = {"dsm": ("float32", 1), "dtm": ("float32", 1), "ortho": ("uint8", 3), "classes": ("uint8", 1)}
    roads = _roads(maker)
    with ExitStack() as stack:
        files = {
            name: stack.enter_context(_create(folder / f"{name}.tif", plan, dtype, count))
            for name, (dtype, count) in names.items()
        }
        for row in range(0, plan.height, TILE):
            for col in range(0, plan.width, TILE):
                window = Window(col, row, min(TILE, plan.width - col), min(TILE, plan.height - row))
                for name, values in _tile(maker, plan, window, roads).items():
                    files[name].write(values, window=window)


def _create(path: Path, plan: RasterPlan, dtype: str, bands: int) -> Any:
    target = rasterio.open(
        path, "w", driver="GTiff", width=plan.width, height=plan.height, count=bands, dtype=dtype, crs=CRS,
        transform=plan.transform, tiled=True, blockxsize=256, blockysize=256, compress="deflate",
        predictor=3 if dtype == "float32" else 2, nodata=NODATA if dtype == "float32" else None,
    )  # fmt: skip
    target.update_tags(VERTICAL_DATUM=VERTICAL_DATUM)
    return target


def _roads(maker: Maker) -> list[Polygon]:
    """Give the carriageways and car parks in the raster's CRS."""
    frame = maker.quarter.frame
    return [
        Polygon(frame.enu_to_crs(np.column_stack([outline, np.zeros(len(outline))]))[:, :2])
        for outline in plan_ground(maker.quarter).roads
    ]


def _tile(maker: Maker, plan: RasterPlan, window: Window, roads: list[Polygon]) -> dict[str, NDArray[Any]]:
    rows, cols = int(window.height), int(window.width)
    lift = _lift(maker, plan, window)
    at = _local(maker, plan, window, 0.0, 0.0)
    colour, surface, label = _look_down(maker, plan, at)
    total = np.zeros_like(colour)
    for across, down in PARTS:
        total += _look_down(maker, plan, _local(maker, plan, window, across, down))[0]
    place = rasterio.windows.transform(window, plan.transform)
    road = rasterize(roads, (rows, cols), transform=place, dtype="uint8").ravel().astype(bool)
    classes = np.where((label == Label.TERRAIN) & road, np.uint8(Label.ROAD), label)
    ground = maker.quarter.terrain.height(at[:, 0], at[:, 1])
    ortho = tone_curve(total * np.float32(BRIGHTNESS / len(PARTS)))
    return {
        "dsm": (surface + lift).reshape(1, rows, cols).astype(np.float32),
        "dtm": (ground + lift).reshape(1, rows, cols).astype(np.float32),
        "ortho": ortho.reshape(rows, cols, 3).transpose(2, 0, 1),
        "classes": classes.reshape(1, rows, cols).astype(np.uint8),
    }


def _corners(maker: Maker, plan: RasterPlan, window: Window) -> Heights:
    """Give the window's corners (nw, ne, sw, se) in the local frame, for a point at local height about 0."""
    west, south, east, north = rasterio.windows.bounds(window, plan.transform)
    places = np.array([[west, north], [east, north], [west, south], [east, south]])
    return maker.quarter.frame.crs_to_enu(np.column_stack([places, np.full(4, maker.quarter.frame.origin_h_m)]))


def _blend(corners: Heights, window: Window, across: float, down: float) -> Heights:
    """Interpolate corner values (4, K) to every cell of the window: (cells, K); curvature is below a millimetre."""
    s = ((np.arange(window.width) + 0.5 + across) / window.width)[None, :, None]
    t = ((np.arange(window.height) + 0.5 + down) / window.height)[:, None, None]
    upper, lower = corners[0] * (1 - s) + corners[1] * s, corners[2] * (1 - s) + corners[3] * s
    blended: Heights = upper * (1 - t) + lower * t
    return blended.reshape(-1, corners.shape[1])


def _local(maker: Maker, plan: RasterPlan, window: Window, across: float, down: float) -> Heights:
    return _blend(_corners(maker, plan, window)[:, :2], window, across, down)


def _lift(maker: Maker, plan: RasterPlan, window: Window) -> Heights:
    """Give what is to be added to the local up coordinate to get a height."""
    corners = _corners(maker, plan, window)
    return _blend(maker.quarter.frame.origin_h_m - corners[:, 2:], window, 0.0, 0.0)[:, 0]


def _look_down(maker: Maker, plan: RasterPlan, at: Heights) -> tuple[NDArray[np.float32], Heights, NDArray[np.uint8]]:
    """Look straight down at local places (N, 2): radiance, local up of what is met, surface class."""
    origins = np.column_stack([at, np.full(len(at), TOP_M)]).astype(np.float32)
    directions = np.broadcast_to(np.array([0, 0, -1], np.float32), origins.shape)
    colour, _, (distance, triangle) = maker.renderer.shade(origins, directions, -plan.cell_m, 0)
    return colour, TOP_M - distance.astype(np.float64), maker.scene.label[triangle]
