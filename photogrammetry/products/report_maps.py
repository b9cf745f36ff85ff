"""The maps of a report: orthophoto, surface, heights of buildings, overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import BoundaryNorm, LightSource, ListedColormap, Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray
from rasterio.enums import Resampling
from shapely.geometry import shape

from photogrammetry.drone.grid import Grid
from photogrammetry.drone.views import View
from photogrammetry.products.overlap import Overlap, shrunken
from photogrammetry.products.report_canvas import BAD, INK, Words, lay, new_map, save

MOST_CELLS = 1200
OVERLAP_STEPS = (0, 1, 2, 3, 4, 5, 7, 10, 15, 10_000)
OVERLAP_COLOURS = ("#f3f5f6", "#b9372b", "#e07b39", "#f2b84b", "#e3dc7a", "#a9d08e", "#63b07f", "#2f8f83", "#1c5f77")
SLANTED = "#3b1f6b"
NO_DATA = (0.953, 0.961, 0.965, 1.0)


def draw_orthophoto(path: Path, target: Path) -> None:
    """Draw the orthophoto, white where nothing was seen."""
    grid = preview_grid(path)
    with rasterio.open(path) as raster:
        bands = raster.read(out_shape=(4, *grid.shape), resampling=Resampling.average)
    rgba = np.moveaxis(bands, 0, -1)
    figure, axes = new_map(grid)
    lay(axes, rgba, grid)
    save(figure, target)


def draw_surface(path: Path, target: Path, words: Words) -> None:
    """Draw the surface as shaded relief, coloured by height."""
    grid = preview_grid(path)
    height = shrunken(path, grid)
    figure, axes = new_map(grid)
    colours = Normalize(*_limits(height, 1, 99.5))
    lay(axes, shaded(height, grid.cell_m, colours, "gist_earth", fade=(0.18, 0.97)), grid)
    bar = ScalarMappable(colours, _faded("gist_earth", (0.18, 0.97)))
    label = words("高程", "height (m)")
    figure.colorbar(bar, ax=axes, shrink=0.7, pad=0.015, label=label).outline.set_visible(False)
    save(figure, target)


def draw_heights(ndsm: Path, buildings: Mapping[str, Any], target: Path, words: Words) -> None:
    """Draw each building in the colour of its height over the shaded surface; those of low confidence ringed."""
    grid = preview_grid(ndsm)
    above = shrunken(ndsm, grid)
    entries: Sequence[Mapping[str, Any]] = buildings["buildings"]
    figure, axes = new_map(grid)
    known = np.array([b["height_m"] for b in entries] or above[np.isfinite(above)], dtype=np.float64)
    colours = Normalize(0.0, max(3.0, float(np.percentile(known, 99)) if len(known) else 3.0))
    if entries:
        lay(axes, shaded(above, grid.cell_m, Normalize(-60, 40), "Greys", fade=(0.0, 0.55)), grid)
        _outlines(axes, entries, grid, colours)
        marks = [
            Patch(facecolor="none", edgecolor=INK, label=words("高可信", "sure")),
            Patch(facecolor="none", edgecolor=BAD, linewidth=1.8, label=words("低可信", "low confidence")),
        ]
        axes.legend(handles=marks, loc="upper right", bbox_to_anchor=(0.95, -0.002), ncols=2, fontsize=8.5)
    else:
        lay(axes, shaded(above, grid.cell_m, colours, "YlGnBu", fade=(0.05, 0.95)), grid)
    bar = ScalarMappable(colours, _faded("YlGnBu", (0.05, 0.95)))
    label = words("建筑高度", "building height (m)") if entries else words("离地高度", "height above ground (m)")
    figure.colorbar(bar, ax=axes, shrink=0.7, pad=0.015, label=label).outline.set_visible(False)
    save(figure, target)


def _outlines(axes: Axes, entries: Sequence[Mapping[str, Any]], grid: Grid, colours: Normalize) -> None:
    corner = np.array([grid.west, grid.south])
    ramp = _faded("YlGnBu", (0.05, 0.95))
    for sure in (True, False):
        rings, faces = [], []
        for entry in entries:
            if (entry["confidence"] == "high") == sure:
                outline = shape(entry["footprint"])
                for part in getattr(outline, "geoms", [outline]):
                    rings.append(np.asarray(part.exterior.coords)[:, :2] - corner)
                    faces.append(ramp(colours(entry["height_m"])))
        edge, width = (INK, 0.4) if sure else (BAD, 1.6)
        axes.add_collection(PolyCollection(rings, facecolors=faces, edgecolors=edge, linewidths=width))


def draw_overlap(overlap: Overlap, views: Sequence[View], target: Path, words: Words) -> None:
    """Draw how many photos see each cell, and where the photos were taken; slanted ones with the way they look."""
    grid = overlap.grid
    figure, axes = new_map(grid)
    norm = BoundaryNorm(OVERLAP_STEPS, len(OVERLAP_COLOURS))
    count = np.where(np.isfinite(overlap.height) | (overlap.seen_by > 0), overlap.seen_by, 0)
    lay(axes, count, grid, cmap=ListedColormap(OVERLAP_COLOURS), norm=norm)
    east, north = overlap.feet[:, 0] - grid.west, overlap.feet[:, 1] - grid.south
    down = np.array([view.is_nadir for view in views], dtype=bool)
    axes.scatter(east[down], north[down], s=30, color=INK, edgecolors="white", linewidths=0.5, zorder=3, clip_on=False)
    if not down.all():
        look = np.array([view.looks[:2] for view in views])[~down]
        arrows = axes.quiver(
            east[~down], north[~down], look[:, 0], look[:, 1], color=SLANTED, pivot="tail", scale=20, width=0.0042,
            edgecolor="white", linewidth=0.4, zorder=3, clip_on=False,
        )  # fmt: skip
        arrows.set_in_layout(False)
    _widen(axes, east, north)
    names = [_range(a, b) for a, b in pairwise(OVERLAP_STEPS)]
    marks: list[Any] = [Patch(color=c, label=n) for c, n in zip(OVERLAP_COLOURS, names, strict=True)]
    for marker, colour, label in (("o", INK, words("垂直", "looking down")), (">", SLANTED, words("倾斜", "slanted"))):
        marks.append(Line2D([], [], marker=marker, linestyle="none", color=colour, markersize=5, label=label))
    title = words("照片数", "photos")
    figure.legend(handles=marks, title=title, loc="outside right center", alignment="left")
    save(figure, target)


def _widen(axes: Axes, east: NDArray[np.float64], north: NDArray[np.float64]) -> None:
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    axes.set_xlim(min(left, float(east.min())), max(right, float(east.max())))
    axes.set_ylim(min(low, float(north.min())), max(high, float(north.max())))


def _range(first: int, end: int) -> str:
    if end >= OVERLAP_STEPS[-1]:
        return f"≥ {first}"
    return f"{first}" if end == first + 1 else f"{first}-{end - 1}"


def preview_grid(path: Path, most: int = MOST_CELLS) -> Grid:
    """Give the grid of a raster, made coarser so that its longer side has at most so many cells."""
    fine = Grid.of(path)
    factor = max(1.0, max(fine.shape) / most)
    rows, cols = (max(1, round(n / factor)) for n in fine.shape)
    return Grid(fine.crs, fine.west, fine.north, fine.cell_m * factor, rows, cols)


def shaded(
    height: NDArray[np.float32], cell_m: float, colours: Normalize, ramp: str, *, fade: tuple[float, float]
) -> NDArray[np.float64]:
    """Colour heights (rows, cols; NaN unknown) and shade them from the north-west; RGBA 0 to 1."""
    known = np.isfinite(height)
    level = float(np.nanmedian(height)) if known.any() else 0.0
    filled = np.where(known, height, level)
    tint = _faded(ramp, fade)(colours(filled))[..., :3]
    light = LightSource(azdeg=315, altdeg=45).hillshade(filled, vert_exag=1.0, dx=cell_m, dy=cell_m)
    lit = tint * (0.42 + 0.62 * light[..., None])
    rgba = np.dstack([np.clip(lit, 0, 1), np.ones(height.shape)])
    rgba[~known] = NO_DATA
    return np.asarray(rgba, dtype=np.float64)


def _faded(ramp: str, part: tuple[float, float]) -> ListedColormap:
    return ListedColormap(colormaps[ramp](np.linspace(*part, 256)))


def _limits(height: NDArray[np.float32], low: float, high: float) -> tuple[float, float]:
    known = height[np.isfinite(height)]
    if not len(known):
        return 0.0, 1.0
    a, b = np.percentile(known, [low, high])
    return float(a), float(max(b, a + 1.0))
