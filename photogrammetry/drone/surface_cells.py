"""Heights of surface cells from points: the top layer of each cell, spikes removed, small holes closed.

A cell's height is the median of its top layer, not its highest point: on a flat roof the highest of n noisy points
is biased upwards, the median of the layer is not. On a wall the layer is thin, so the cell belongs to the roof.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from photogrammetry.drone.grid import Grid

Heights = NDArray[np.float32]
MISSING, MEASURED, FILLED = 0, 1, 2


@dataclass(frozen=True)
class Cells:
    """Heights (m, NaN where no point), spread of the layer (m, 1 sigma) and number of its points, all (rows, cols)."""

    height: Heights
    spread: Heights
    count: NDArray[np.int32]


def top_layer(
    east: NDArray[np.float64],
    north: NDArray[np.float64],
    height_m: NDArray[np.float32],
    grid: Grid,
    *,
    layer_m: float,
    support: float = 0.15,
) -> Cells:
    """Give each cell of grid the median height of the highest layer of points that has support.

    east, north: (N,) metres in the grid's CRS; height_m: (N,). layer_m: thickness of the layer. support: share of
    the cell's points the layer must hold (at least 2 points where the cell has 4 or more): a lone high point in a
    full cell is an outlier. Returns Cells; points outside the grid are ignored.
    """
    row, col = grid.row_col(east, north)
    inside = (row >= 0) & (row < grid.rows) & (col >= 0) & (col < grid.cols) & np.isfinite(height_m)
    cell = row[inside].astype(np.int64) * grid.cols + col[inside].astype(np.int64)
    h = height_m[inside].astype(np.float64)
    order = np.lexsort((h, cell))
    cell, h = cell[order], h[order]
    shape = (grid.rows, grid.cols)
    out = Cells(np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32), np.zeros(shape, np.int32))
    if len(h) == 0:
        return out
    first = np.flatnonzero(np.r_[True, cell[1:] != cell[:-1]])
    number = np.diff(np.r_[first, len(cell)])
    rank = np.repeat(np.arange(len(first)), number)
    # One ascending key over all cells turns "points of my cell less than layer_m below me" into a search.
    key = rank * (h.max() - h.min() + 2 * layer_m) + (h - h.min())
    bottom = np.searchsorted(key, key - layer_m, side="left")
    index = np.arange(len(h))
    need = np.maximum(np.ceil(support * number), np.where(number >= 4, 2, 1))
    held = (index - bottom + 1) >= need[rank]
    top = np.maximum.reduceat(np.where(held, index, -1), first)
    low = bottom[top]
    middle = (low + top) / 2
    height = (h[np.floor(middle).astype(int)] + h[np.ceil(middle).astype(int)]) / 2
    size = top - low + 1
    quarter = (size - 1) / 4
    spread = (h[np.round(top - quarter).astype(int)] - h[np.round(low + quarter).astype(int)]) / 1.349
    where = cell[first]
    out.height.flat[where], out.count.flat[where] = height, size
    out.spread.flat[where] = np.where(size >= 3, spread, np.nan)
    return out


def without_spikes(height: Heights, *, jump_m: float, cells: int = 6) -> Heights:
    """Blank out small groups of cells that stand clear of everything around them.

    height: (rows, cols), NaN allowed. Cells that differ by less than jump_m from a neighbour hang together; groups
    of fewer than `cells` cells whose whole surroundings lie more than jump_m away are blanked. Walls and roofs hang
    together over many cells and stay.
    """
    label, sizes = connected_levels(height, jump_m)
    small = (sizes[label] < cells) & (label > 0)
    if not small.any():
        return height
    return np.where(small, np.nan, height).astype(np.float32)


def connected_levels(height: Heights, jump_m: float) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Label cells that are joined by steps smaller than jump_m (4-neighbours).

    Returns labels (rows, cols) int32, 0 where height is NaN, and the number of cells per label.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    rows, cols = height.shape
    index = np.arange(rows * cols).reshape(rows, cols)
    with np.errstate(invalid="ignore"):
        right = np.abs(np.diff(height, axis=1)) < jump_m
        down = np.abs(np.diff(height, axis=0)) < jump_m
    a = np.concatenate([index[:, :-1][right], index[:-1][down]])
    b = np.concatenate([index[:, 1:][right], index[1:][down]])
    graph = coo_matrix((np.ones(len(a), dtype=np.int8), (a, b)), shape=(rows * cols, rows * cols))
    label = connected_components(graph, directed=False)[1].astype(np.int32).reshape(rows, cols) + 1
    label[np.isnan(height)] = 0
    sizes = np.bincount(label.ravel())
    sizes[0] = 0
    return label, sizes


def smoothed(height: Heights, count: NDArray[np.int32], *, step_m: float) -> Heights:
    """Average each cell with those of its 8 neighbours that lie within step_m of it, weighted by their points.

    Noise goes down where the surface goes on; edges stay, because cells across a jump do not count.
    """
    weight = np.where(np.isnan(height), 0.0, np.maximum(count, 1)).astype(np.float32)
    value = np.nan_to_num(height)
    padded, padded_weight = np.pad(value, 1), np.pad(weight, 1)
    rows, cols = height.shape
    shift, total = np.zeros_like(value), np.zeros_like(value)
    for row in range(3):
        for col in range(3):
            part = (slice(row, row + rows), slice(col, col + cols))
            difference = padded[part] - value
            near = padded_weight[part] * (np.abs(difference) < step_m)
            shift += near * difference
            total += near
    out = value + shift / np.maximum(total, 1e-6)
    return np.where(np.isnan(height), np.nan, out).astype(np.float32)


def close_holes(
    height: Heights, *, hole_m: float, cell_m: float, jump_m: float, roof_of: NDArray[np.int32] | None = None
) -> tuple[Heights, NDArray[np.uint8]]:
    """Fill gaps narrower than hole_m; tell which cells were filled.

    roof_of: number of the building whose outline holds a cell, 0 outside; gaps in a roof are filled from that roof
    alone (up to hole_m from its known cells), gaps outside from outside alone.

    Single empty cells take the level most of their neighbours have. A wider hole between two levels (a gap beside a
    wall) is filled from the lower one: what cameras did not see is the ground behind, not a ramp.
    Returns heights and a mask (rows, cols) uint8: 0 missing, 1 measured, 2 filled.
    """
    missing = np.isnan(height)
    mask = np.where(missing, MISSING, MEASURED).astype(np.uint8)
    if not missing.any() or missing.all():
        return height, mask
    height = _fill_pinholes(height)
    mask[missing & ~np.isnan(height)] = FILLED
    missing = np.isnan(height)
    if not missing.any():
        return height, mask
    target = missing & _closed(~missing, hole_m / 2 / cell_m)
    outside = height
    if roof_of is not None:
        height = _fill_roofs(height, roof_of, int(np.ceil(hole_m / cell_m)), jump_m)
        outside = np.where(roof_of > 0, np.nan, height).astype(np.float32)
        target &= roof_of == 0
    if target.any():
        filled = _fill_from_low_side(outside, target, jump_m, reach=int(np.ceil(hole_m / cell_m)))
        height = np.where(target, filled, height).astype(np.float32)
    mask[missing & ~np.isnan(height)] = FILLED
    return height, mask


def _fill_roofs(height: Heights, roof_of: NDArray[np.int32], reach: int, jump_m: float) -> Heights:
    """Fill missing cells of each roof from its own known cells.

    A roof of one level is continued up to `reach` cells; where levels meet only narrow gaps and the rim are filled,
    from the lower side: what lies hidden behind a tower is not known to be as high. Cells at the outline may show
    the ground beside it and are no source.
    """
    out = height.copy()
    for number, box in enumerate(ndimage.find_objects(roof_of), 1):
        if box is None:
            continue
        mine = roof_of[box] == number
        missing = mine & np.isnan(height[box])
        known = ndimage.binary_erosion(mine, iterations=2) & ~missing
        if not missing.any() or known.sum() < 10:
            continue
        low, middle, high = np.percentile(height[box][known], [10, 50, 90])
        if high - low < jump_m:
            known &= np.abs(height[box] - middle) < 2 * jump_m
            target = missing & (ndimage.distance_transform_edt(~known) <= reach)
        else:
            rim = ndimage.distance_transform_edt(~known) <= max(3.0, reach / 4)
            target = missing & (rim | _closed(known, reach / 2))
        own = np.where(known, height[box], np.nan).astype(np.float32)
        filled = _fill_from_low_side(own, target, jump_m, reach)
        out[box] = np.where(target, filled, out[box])
    return out


def _closed(known: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Close gaps narrower than twice the radius (cells): dilation, then erosion, by a disk."""
    near = ndimage.distance_transform_edt(~known) <= radius
    return np.asarray(ndimage.distance_transform_edt(near) > radius)


def _fill_pinholes(height: Heights, *, least: int = 4, rounds: int = 8) -> Heights:
    """Give empty cells with at least `least` known neighbours (of 8) their median, again and again.

    A straight front gives its neighbours only 3 known cells: pits close, no front moves.
    """
    padded = np.pad(height, 1, constant_values=np.nan)
    row, col = np.nonzero(np.isnan(height))
    offsets = [(i, j) for i in range(3) for j in range(3) if (i, j) != (1, 1)]
    for _ in range(rounds):
        around = np.stack([padded[row + i, col + j] for i, j in offsets])
        enough = np.isfinite(around).sum(axis=0) >= least
        if not enough.any():
            break
        padded[row[enough] + 1, col[enough] + 1] = np.nanmedian(around[:, enough], axis=0)
        row, col = row[~enough], col[~enough]
    return np.asarray(padded[1:-1, 1:-1], dtype=np.float32)


def _fill_from_low_side(height: Heights, target: NDArray[np.bool_], jump_m: float, reach: int) -> Heights:
    known = ~np.isnan(height)
    rim = known & ndimage.binary_dilation(target, np.ones((3, 3), dtype=bool), iterations=3)
    lowest = ndimage.minimum_filter(np.where(rim, height, np.inf), size=2 * (reach // 2) + 7)
    usable = rim & (height < lowest + jump_m)
    return spread_inwards(np.where(usable, height, np.nan).astype(np.float32), target)


def spread_inwards(height: Heights, target: NDArray[np.bool_]) -> Heights:
    """Give every target cell a smooth height from the known cells around it (pull-push pyramid, then relaxation).

    height: (rows, cols), NaN unknown. Returns heights with the target cells filled, others as they were.
    """
    filled = pull_push(height)
    inner = np.where(target, filled, height)
    kernel = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=np.float32) / 4
    rows, cols = np.nonzero(target)
    if len(rows) == 0:
        return height
    box = (slice(max(rows.min() - 1, 0), rows.max() + 2), slice(max(cols.min() - 1, 0), cols.max() + 2))
    work = np.where(np.isnan(inner), filled, inner)[box]
    free = target[box]
    for _ in range(20):
        work = np.where(free, ndimage.convolve(work, kernel, mode="nearest"), work)
    inner[box] = np.where(free, work, inner[box])
    return inner.astype(np.float32)


def pull_push(height: Heights) -> Heights:
    """Fill all NaN cells from ever coarser averages of the known ones. All NaN stays all NaN."""
    known = ~np.isnan(height)
    if known.all() or not known.any():
        return height
    if min(height.shape) < 2:
        return np.where(known, height, np.float32(np.nanmean(height)))
    rows, cols = height.shape
    padded = np.pad(np.where(known, height, 0), ((0, rows % 2), (0, cols % 2)))
    weight = np.pad(known.astype(np.float32), ((0, rows % 2), (0, cols % 2)))
    half = (padded.shape[0] // 2, 2, padded.shape[1] // 2, 2)
    total = padded.reshape(half).sum(axis=(1, 3))
    number = weight.reshape(half).sum(axis=(1, 3))
    with np.errstate(invalid="ignore", divide="ignore"):
        coarse = np.where(number > 0, total / number, np.nan).astype(np.float32)
    coarse = pull_push(coarse)
    if np.isnan(coarse).any():
        coarse = np.where(np.isnan(coarse), np.float32(np.nanmean(height)), coarse)
    fine = ndimage.zoom(coarse, 2, order=1, grid_mode=True, mode="nearest")[:rows, :cols]
    return np.where(known, height, fine).astype(np.float32)
