"""One tile of the mesh: ground and roofs triangulated to their bends, upright walls between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import Delaunay, cKDTree
from shapely.geometry.base import BaseGeometry

from photogrammetry.drone.grid import Grid
from photogrammetry.products.mesh_points import bend_points
from photogrammetry.products.outline_walls import OPEN_GROUND, WallLine, block_at, clipped, steps_along
from photogrammetry.products.snapped_surface import Sheet

Points = NDArray[np.float64]
Bounds = tuple[float, float, float, float]
LOWEST_WALL_M = 0.05


@dataclass(frozen=True)
class TileShape:
    """What a tile is made for: bounds (survey CRS), tolerances and spacings (m), most points of the ground."""

    bounds: Bounds
    tolerance_m: float
    edge_step_m: float
    border_step_m: float
    most_points: int
    skirt_m: float


@dataclass(frozen=True)
class Surface:
    """Ground and roof triangles: (N, 3) easting, northing, height and (M, 3) indices."""

    points: Points
    triangles: NDArray[np.int64]


@dataclass(frozen=True)
class WallQuad:
    """A piece of wall: its line's number, share along the line and heights at both ends."""

    line: int
    share: tuple[float, float]
    plan: Points
    low: tuple[float, float]
    high: tuple[float, float]
    open_left: bool


def triangulate(
    shape: TileShape,
    ground: Sheet,
    blocks: Sequence[BaseGeometry],
    roofs: Mapping[int, Sheet],
    lines: Sequence[WallLine],
) -> tuple[Surface, list[WallQuad]]:
    """Triangulate a tile.

    ground: the sheet outside the blocks, covering the tile. blocks: those that touch the tile. roofs: sheet of each.
    lines: wall lines that touch the tile. Returns the surface with skirts along the tile's border, and the walls.
    """
    parts = [(number, part) for number, line in enumerate(lines) if (part := clipped(line, shape.bounds)) is not None]
    along = [steps_along(part, shape.edge_step_m) for _, part in parts]
    border = _border_places(shape, along)
    plan = _places(shape, ground, blocks, roofs, along, border)
    triangles = Delaunay(plan).simplices.astype(np.int64)
    triangles = _counter_clockwise(plan, triangles)
    middle = plan[triangles].mean(axis=1)
    owner = block_at(middle, blocks)
    keep = (owner != OPEN_GROUND) | ground.is_known(middle[:, 0], middle[:, 1])
    surface = _lifted(plan, triangles[keep], owner[keep], ground, roofs)
    skirts = _skirts(surface, shape)
    walls = _wall_quads(parts, along, ground, roofs, lines)
    return skirts, walls


def _height(owner: int, ground: Sheet, roofs: Mapping[int, Sheet]) -> Callable[[Points, Points], Points]:
    return ground.at if owner == OPEN_GROUND else roofs[owner].at


def _border_places(shape: TileShape, along: Sequence[Points]) -> Points:
    """Give places on the tile's border, at fixed spacing and where walls cross it: (N, 2)."""
    west, south, east, north = shape.bounds
    columns = np.linspace(west, east, max(2, round((east - west) / shape.border_step_m) + 1))
    rows = np.linspace(south, north, max(2, round((north - south) / shape.border_step_m) + 1))
    sides = [
        np.column_stack([columns, np.full(len(columns), south)]),
        np.column_stack([columns, np.full(len(columns), north)]),
        np.column_stack([np.full(len(rows), west), rows]),
        np.column_stack([np.full(len(rows), east), rows]),
    ]
    ends = [line[[0, -1]] for line in along]
    places = np.concatenate([*sides, *ends]) if ends else np.concatenate(sides)
    on = np.zeros(len(places), dtype=bool)
    for axis, value in ((0, west), (0, east), (1, south), (1, north)):
        on |= np.abs(places[:, axis] - value) < 1e-6
    return places[on]


def _places(
    shape: TileShape,
    ground: Sheet,
    blocks: Sequence[BaseGeometry],
    roofs: Mapping[int, Sheet],
    along: Sequence[Points],
    border: Points,
) -> Points:
    """Collect all places of vertices: (N, 2), the fixed ones (walls, border) first, without near duplicates."""
    fixed = _distinct(np.concatenate([*along, border]))
    open_places = np.concatenate([_bends(ground, shape, shape.most_points), _rim_places(ground, shape)])
    inner = [open_places[block_at(open_places, blocks) == OPEN_GROUND]]
    for number, block in enumerate(blocks):
        places = _bends(roofs[number], shape, shape.most_points // 4)
        inner.append(places[block_at(places, [block]) == 0])
    free = np.concatenate(inner)
    tree = cKDTree(fixed)
    near_walls = 0.75 * shape.edge_step_m
    distance, _ = tree.query(free)
    west, south, east, north = shape.bounds
    rim = 0.25 * shape.border_step_m
    inside = (free[:, 0] > west + rim) & (free[:, 0] < east - rim)
    inside &= (free[:, 1] > south + rim) & (free[:, 1] < north - rim)
    return np.concatenate([fixed, free[inside & (distance > near_walls)]])


def _rim_places(sheet: Sheet, shape: TileShape) -> Points:
    """Give places along the rim of what is known inside the tile, so that the model ends where the survey does."""
    row, col, rows, cols = at = sheet.grid.window_of(*shape.bounds)
    known = sheet.known[row : row + rows, col : col + cols]
    rim = known & ~ndimage.binary_erosion(known, border_value=1)
    step = max(1, round(shape.edge_step_m / sheet.grid.cell_m))
    r, c = np.nonzero(rim)
    some = (r % step == 0) | (c % step == 0)
    east, north = sheet.grid.part(*at).centres()
    return np.column_stack([east[c[some]], north[r[some]]])


def _bends(sheet: Sheet, shape: TileShape, most: int) -> Points:
    """Give the grid points a sheet needs inside the tile, the tolerance raised until there are at most so many."""
    west, south, east, north = shape.bounds
    at = sheet.grid.window_of(west, south, east, north)
    row, col, rows, cols = at
    if rows < 2 or cols < 2:
        return np.empty((0, 2))
    heights = sheet.heights[row : row + rows, col : col + cols]
    tolerance = shape.tolerance_m
    kept = bend_points(heights, tolerance)
    while kept.sum() > most:
        tolerance *= 1.3
        kept = bend_points(heights, tolerance)
        if tolerance > 100 * shape.tolerance_m:
            break
    part: Grid = sheet.grid.part(*at)
    e, n = part.centres()
    r, c = np.nonzero(kept)
    return np.column_stack([e[c], n[r]])


def _distinct(places: Points) -> Points:
    """Drop places closer than a millimetre to an earlier one."""
    key = np.round(places, 3)
    _, first = np.unique(key, axis=0, return_index=True)
    return places[np.sort(first)]


def _counter_clockwise(plan: Points, triangles: NDArray[np.int64]) -> NDArray[np.int64]:
    a, b, c = (plan[triangles[:, k]] for k in range(3))
    turn = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    flat = np.abs(turn) < 1e-9
    fixed = np.where((turn < 0)[:, None], triangles[:, [0, 2, 1]], triangles)
    return np.asarray(fixed[~flat])


def _lifted(
    plan: Points,
    triangles: NDArray[np.int64],
    owner: NDArray[np.int64],
    ground: Sheet,
    roofs: Mapping[int, Sheet],
) -> Surface:
    """Give every place the height of each sheet that uses it: a place on a wall becomes two vertices."""
    points: list[Points] = []
    faces: list[NDArray[np.int64]] = []
    total = 0
    for number in sorted(set(owner.tolist())):
        mine = triangles[owner == number]
        used, index = np.unique(mine, return_inverse=True)
        east, north = plan[used, 0], plan[used, 1]
        points.append(np.column_stack([east, north, _height(int(number), ground, roofs)(east, north)]))
        faces.append(index.reshape(-1, 3) + total)
        total += len(used)
    if not points:
        return Surface(np.empty((0, 3)), np.empty((0, 3), dtype=np.int64))
    return Surface(np.concatenate(points), np.concatenate(faces).astype(np.int64))


def _skirts(surface: Surface, shape: TileShape) -> Surface:
    """Hang a strip from the tile's border, so that neighbours of another detail leave no crack."""
    west, south, east, north = shape.bounds
    points, triangles = surface.points, surface.triangles
    if len(points) == 0:
        return surface
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    hung: list[NDArray[np.int64]] = []
    for axis, value in ((0, west), (0, east), (1, south), (1, north)):
        on = np.abs(points[:, axis] - value) < 1e-6
        hung.append(edges[on[edges].all(axis=1)])
    rim = np.concatenate(hung)
    if len(rim) == 0:
        return surface
    used, index = np.unique(rim, return_inverse=True)
    low = index.reshape(-1, 2) + len(points)
    below = points[used] - np.array([0.0, 0.0, shape.skirt_m])
    a, b = rim[:, 0], rim[:, 1]
    # Walking an edge the way its triangle does, the outside is on the right: the strip faces outwards.
    strips = np.concatenate([np.column_stack([b, a, low[:, 0]]), np.column_stack([b, low[:, 0], low[:, 1]])])
    return Surface(np.concatenate([points, below]), np.concatenate([triangles, strips]))


def _wall_quads(
    parts: Sequence[tuple[int, WallLine]],
    along: Sequence[Points],
    ground: Sheet,
    roofs: Mapping[int, Sheet],
    lines: Sequence[WallLine],
) -> list[WallQuad]:
    quads = []
    for (number, _), places in zip(parts, along, strict=True):
        line = lines[number]
        left = _height(line.left, ground, roofs)(places[:, 0], places[:, 1])
        right = _height(line.right, ground, roofs)(places[:, 0], places[:, 1])
        origin, length = np.array(line.start), line.length_m
        share = np.hypot(*(places - origin).T) / length
        open_left = bool(np.median(left - right) < 0)
        low, high = np.minimum(left, right), np.maximum(left, right)
        for i in range(len(places) - 1):
            if max(high[i] - low[i], high[i + 1] - low[i + 1]) < LOWEST_WALL_M:
                continue
            quads.append(
                WallQuad(
                    number,
                    (float(share[i]), float(share[i + 1])),
                    places[i : i + 2],
                    (float(low[i]), float(low[i + 1])),
                    (float(high[i]), float(high[i + 1])),
                    open_left,
                )
            )
    return quads
