"""Registered outlines against what a survey sees: the block shift first, then groups n to m by containment.

Outlines of a cadastre and of a surface model differ by one shift for the whole block, and cut terraces differently; to
compare them one by one finds neither. Source: notes on conflation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

SHIFT_LIMIT_M = 6.0
ALIKE_AREA = 2.0
CONTAINED = 0.5
PEAK_CELL_M, PEAK_REACH_M = 0.5, 1.0
FEW = 3


@dataclass(frozen=True)
class Shift:
    """What to add to the registered outlines (metres), and how many pairs of outlines it rests on."""

    east_m: float
    north_m: float
    pairs: int


@dataclass(frozen=True)
class OutlineGroup:
    """Registered and seen outlines that are the same buildings: row indices, and the IoU of their unions.

    One side is empty where the other has no counterpart; iou is 0 then.
    """

    given: tuple[int, ...]
    seen: tuple[int, ...]
    iou: float

    @property
    def relation(self) -> str:
        """One of 1:1, 1:n, n:1, n:m, 1:0, 0:1 (registered : seen)."""
        given, seen = ("n" if len(side) > 1 else str(len(side)) for side in (self.given, self.seen))
        return "n:m" if given == seen == "n" else f"{given}:{seen}"


def estimate_shift(given: NDArray[np.object_], seen: NDArray[np.object_], limit_m: float = SHIFT_LIMIT_M) -> Shift:
    """Find the one shift that most pairs of outlines of like size agree on, to about 10 cm.

    given, seen: (N,), (M,) polygons in metres. Every pair within the limit votes with the way between its centroids;
    the median of the votes around the densest place counts. No shift where fewer than three pairs agree.
    """
    if not len(given) or not len(seen):
        return Shift(0.0, 0.0, 0)
    at_given, at_seen = shapely.centroid(given), shapely.centroid(seen)
    tree = shapely.STRtree(at_seen)
    which, other = tree.query(at_given, predicate="dwithin", distance=limit_m)
    ratio = shapely.area(given)[which] / np.maximum(shapely.area(seen)[other], 1e-9)
    alike = (ratio < ALIKE_AREA) & (ratio > 1 / ALIKE_AREA)
    which, other = which[alike], other[alike]
    if len(which) < FEW:
        return Shift(0.0, 0.0, 0)
    from_xy = np.column_stack([shapely.get_x(at_given), shapely.get_y(at_given)])[which]
    to_xy = np.column_stack([shapely.get_x(at_seen), shapely.get_y(at_seen)])[other]
    votes = to_xy - from_xy
    cells, counts = np.unique(np.round(votes / PEAK_CELL_M), axis=0, return_counts=True)
    middle = cells[counts.argmax()] * PEAK_CELL_M
    for _ in range(5):
        near = np.hypot(*(votes - middle).T) <= PEAK_REACH_M
        if near.sum() < FEW:
            return Shift(0.0, 0.0, 0)
        middle = np.median(votes[near], axis=0)
    return Shift(float(middle[0]), float(middle[1]), int(near.sum()))


def match_outlines(
    given: NDArray[np.object_], seen: NDArray[np.object_], shift: Shift | None = None
) -> list[OutlineGroup]:
    """Group outlines that hold one another by at least half of the smaller one's area.

    given, seen: (N,), (M,) polygons in metres. shift: added to the given ones first.
    Every outline is in just one group; groups come in the order of their first registered, then first seen outline.
    """
    moved = shapely.transform(given, lambda xy: xy + np.array([shift.east_m, shift.north_m])) if shift else given
    count = len(given) + len(seen)
    ends: NDArray[np.int64] = np.zeros((0, 2), np.int64)
    if len(given) and len(seen):
        a, b = shapely.STRtree(seen).query(moved, predicate="intersects")
        shared = shapely.area(shapely.intersection(moved[a], seen[b]))
        smaller = np.minimum(shapely.area(moved)[a], shapely.area(seen)[b])
        held = shared >= CONTAINED * np.maximum(smaller, 1e-9)
        ends = np.column_stack([a[held], b[held] + len(given)])
    graph = sparse.coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    members: dict[int, tuple[list[int], list[int]]] = {}
    for node, label in enumerate(labels):
        sides = members.setdefault(int(label), ([], []))
        sides[node >= len(given)].append(node if node < len(given) else node - len(given))
    return [OutlineGroup(tuple(a), tuple(b), _iou(moved[a], seen[b])) for a, b in members.values()]


def _iou(given: NDArray[np.object_], seen: NDArray[np.object_]) -> float:
    if not len(given) or not len(seen):
        return 0.0
    a, b = shapely.union_all(given), shapely.union_all(seen)
    return float(shapely.area(shapely.intersection(a, b)) / max(shapely.area(shapely.union(a, b)), 1e-9))


def matched_share(groups: Sequence[OutlineGroup], count: int) -> float:
    """Give the share of registered outlines that have a counterpart."""
    return sum(len(group.given) for group in groups if group.seen) / max(1, count)
