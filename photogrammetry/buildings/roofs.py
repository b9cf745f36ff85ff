"""LoD1.3: a building as blocks, one per main roof level, split along straight cuts.

Levels are found where the roof jumps, not where it slopes: cells joined by small steps belong to one level, however
much a pitched roof rises over its width. The cuts run along and across the building's main direction.
Source: LoD1.3 as in Biljecki, Ledoux, Stoter 2016.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from shapely import affinity
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from photogrammetry.drone.surface_cells import Heights, connected_levels

MOST_CUTS = 6


@dataclass(frozen=True)
class RoofSettings:
    """step_m: height difference between two blocks. joined_m: largest step between neighbouring cells of one level.

    least_m2, least_share: smallest block, in m2 and as a share of the footprint. pure: share of cells of one level at
    which a piece is not cut further.
    """

    step_m: float = 1.2
    joined_m: float = 0.35
    least_m2: float = 12.0
    least_share: float = 0.06
    pure: float = 0.93


@dataclass(frozen=True)
class Block:
    """One block: its polygon (survey CRS) and the median height of its roof (m, vertical datum)."""

    polygon: BaseGeometry
    roof_h_m: float
    cells: int


def split_blocks(
    footprint: BaseGeometry,
    east: NDArray[np.float64],
    north: NDArray[np.float64],
    surface: Heights,
    roof: NDArray[np.bool_],
    settings: RoofSettings,
) -> list[Block]:
    """Split a building where its roof jumps.

    footprint: Polygon or MultiPolygon, CRS metres. east (cols,), north (rows,): cell centres. surface: (rows, cols)
    m. roof: cells that show the roof. Returns the blocks, west to east; one block when there is one level.
    """
    level = roof_levels(surface, roof, abs(float(east[1] - east[0])) if len(east) > 1 else 1.0, settings)
    whole = [Block(footprint, float(np.median(surface[roof])), int(roof.sum()))]
    if level.max() < 2:
        return whole
    row, col = np.nonzero(level)
    angle = main_direction(footprint)
    middle = footprint.centroid
    turned = affinity.rotate(footprint, -angle, origin=middle, use_radians=True)
    c, s = np.cos(angle), np.sin(angle)
    de, dn = east[col] - middle.x, north[row] - middle.y
    u, v = c * de + s * dn + middle.x, -s * de + c * dn + middle.y
    cells = _Cells(u, v, level[row, col], surface[row, col].astype(np.float64))
    least = max(settings.least_m2, settings.least_share * footprint.area)
    pieces = _cut(turned, cells, least, settings, MOST_CUTS)
    blocks = _joined(pieces, settings)
    back = [
        Block(affinity.rotate(b.polygon, angle, origin=middle, use_radians=True), b.roof_h_m, b.cells) for b in blocks
    ]
    return sorted(back, key=lambda b: (b.polygon.centroid.x, b.polygon.centroid.y)) if len(back) > 1 else whole


def roof_levels(surface: Heights, roof: NDArray[np.bool_], cell_m: float, settings: RoofSettings) -> NDArray[np.int32]:
    """Label the main levels of a roof: (rows, cols) int32, 0 none, 1.. the levels from the largest down."""
    calm = ndimage.median_filter(np.where(roof, surface, np.nanmedian(surface[roof])), size=3)
    calm = np.where(roof, calm, np.nan).astype(np.float32)
    label, sizes = connected_levels(calm, max(settings.joined_m, 1.2 * cell_m))
    least = max(settings.least_m2 * 0.5, settings.least_share * 0.5 * roof.sum() * cell_m**2) / cell_m**2
    order = [int(k) for k in np.argsort(-sizes, kind="stable") if sizes[k] >= least]
    out = np.zeros(surface.shape, dtype=np.int32)
    medians: list[float] = []
    for k in order:
        median = float(np.median(surface[label == k]))
        near = [i for i, other in enumerate(medians) if abs(other - median) < settings.step_m]
        if near:
            out[label == k] = near[0] + 1
        else:
            medians.append(median)
            out[label == k] = len(medians)
    return _nearest_level(out, surface, roof, medians)


def _nearest_level(
    level: NDArray[np.int32], surface: Heights, roof: NDArray[np.bool_], medians: list[float]
) -> NDArray[np.int32]:
    """Give loose cells (edges, small things on the roof) to the level that lies nearest in the plan."""
    if not medians:
        return level
    index = ndimage.distance_transform_edt(level == 0, return_distances=False, return_indices=True)
    near: NDArray[np.int32] = level[tuple(index)]
    return np.where(roof, near, 0).astype(np.int32)


def main_direction(footprint: BaseGeometry) -> float:
    """Give the direction (radians, 0 to pi/2) most of the outline's length runs along or across."""
    total = 0j
    for part in getattr(footprint, "geoms", [footprint]):
        xy = np.asarray(part.exterior.coords)[:, :2]
        d = np.diff(xy, axis=0)
        total += np.sum(np.hypot(d[:, 0], d[:, 1]) * np.exp(4j * np.arctan2(d[:, 1], d[:, 0])))
    return float(np.mod(np.angle(total) / 4, np.pi / 2))


@dataclass(frozen=True)
class _Cells:
    u: NDArray[np.float64]
    v: NDArray[np.float64]
    level: NDArray[np.int32]
    height: NDArray[np.float64]

    def where(self, keep: NDArray[np.bool_]) -> _Cells:
        return _Cells(self.u[keep], self.v[keep], self.level[keep], self.height[keep])

    def purity(self) -> float:
        return float(np.bincount(self.level).max() / max(1, len(self.level)))


def _cut(
    area: BaseGeometry, cells: _Cells, least_m2: float, settings: RoofSettings, cuts: int
) -> list[tuple[BaseGeometry, _Cells]]:
    if cuts == 0 or len(cells.level) == 0 or cells.purity() >= settings.pure:
        return [(area, cells)]
    for along_u, place in _best_places(cells):
        west, south, east, north = area.bounds
        low = box(west - 1, south - 1, place, north + 1) if along_u else box(west - 1, south - 1, east + 1, place)
        first, second = area.intersection(low), area.difference(low)
        if min(first.area, second.area) >= least_m2:
            side = (cells.u if along_u else cells.v) < place
            return _cut(first, cells.where(side), least_m2, settings, cuts - 1) + _cut(
                second, cells.where(~side), least_m2, settings, cuts - 1
            )
    return [(area, cells)]


def _best_places(cells: _Cells) -> list[tuple[bool, float]]:
    """Give cut places (along u or v, position), those that leave the purest sides first."""
    found: list[tuple[float, bool, float]] = []
    kinds = np.unique(cells.level)
    for along_u, position in ((True, cells.u), (False, cells.v)):
        order = np.argsort(position, kind="stable")
        sorted_level, place = cells.level[order], position[order]
        counts = np.stack([np.cumsum(sorted_level == kind) for kind in kinds])
        after = counts[:, -1:] - counts
        wrong = (counts.sum(0) - counts.max(0)) + (after.sum(0) - after.max(0))
        for index in np.argsort(wrong, kind="stable")[:1]:
            nxt = min(index + 1, len(place) - 1)
            found.append((float(wrong[index]), along_u, float((place[index] + place[nxt]) / 2)))
    return [(along_u, place) for _, along_u, place in sorted(found)]


def _joined(pieces: list[tuple[BaseGeometry, _Cells]], settings: RoofSettings) -> list[Block]:
    """Join neighbouring pieces of one level; a piece without cells goes to the neighbour it shares most edge with."""
    known = [(area, int(np.bincount(c.level).argmax()), c) for area, c in pieces if len(c.level)]
    for area, cells in pieces:
        if len(cells.level) == 0:
            best = max(range(len(known)), key=lambda i: known[i][0].boundary.intersection(area.boundary).length)
            known[best] = (unary_union([known[best][0], area]), known[best][1], known[best][2])
    blocks = []
    for kind in sorted({level for _, level, _ in known}):
        areas = [area for area, level, _ in known if level == kind]
        heights = np.concatenate([c.height[c.level == kind] for _, level, c in known if level == kind])
        blocks.append(Block(_clean(unary_union(areas)), float(np.median(heights)), len(heights)))
    return blocks


def _clean(area: BaseGeometry) -> BaseGeometry:
    """Drop slivers the cuts leave."""
    parts = [p for p in getattr(area, "geoms", [area]) if isinstance(p, Polygon) and p.area > 0.05]
    return unary_union(parts)
