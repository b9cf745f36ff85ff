"""Points of a register against points detected, one to one: assignment, not nearest, so no two take the same one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree


@dataclass(frozen=True)
class PointPair:
    """A registered and a detected point taken for one: row indices, and the way between them in metres."""

    given: int
    seen: int
    distance_m: float


def assign_points(given: NDArray[np.float64], seen: NDArray[np.float64], gate_m: float) -> list[PointPair]:
    """Pair points so that as many as possible within the gate are paired, and of those the total way is least.

    given, seen: (N, 2), (M, 2) metres. Points beyond each other's gate never compete, so each cluster of competing
    points is solved on its own (Jonker-Volgenant). Returns pairs in the order of the given points.
    """
    if not len(given) or not len(seen):
        return []
    near: Any = cKDTree(seen).query_ball_point(given, gate_m)
    distances = [
        {int(at): float(np.hypot(*(seen[at] - point))) for at in found}
        for point, found in zip(given, near, strict=True)
    ]
    pairs = [PointPair(row, thing, way) for row, thing, way in assign(distances, gate_m)]
    return sorted(pairs, key=lambda pair: pair.given)


def assign(near: Sequence[dict[int, float]], gate_m: float) -> list[tuple[int, int, float]]:
    """Assign rows to things, each thing once. near: for each row the things within its gate and how far they are.

    Returns (row, thing, distance); rows that others beat to all their things are left out.
    """
    found = []
    for rows, things in clusters(near):
        far = gate_m * 10 * (1 + len(rows))  # dearer than any way round: no pair is given up for shorter ones
        cost = np.array([[near[row].get(thing, far) for thing in things] for row in rows])
        for at, column in zip(*linear_sum_assignment(cost), strict=True):
            distance = float(cost[at, column])
            if distance <= gate_m:
                found.append((rows[at], things[column], distance))
    return found


def clusters(near: Sequence[dict[int, float]]) -> list[tuple[list[int], list[int]]]:
    """Group rows that compete for the same things: (row indices, ids of the things)."""
    ids = sorted({thing for items in near for thing in items})
    column = {thing: at for at, thing in enumerate(ids)}
    pairs = [(row, len(near) + column[thing]) for row, items in enumerate(near) for thing in items]
    size = len(near) + len(ids)
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    graph = sparse.coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(size, size))
    _, labels = connected_components(graph, directed=False)
    found: dict[int, tuple[list[int], list[int]]] = {}
    for node, label in enumerate(labels):
        rows, things = found.setdefault(int(label), ([], []))
        if node < len(near):
            rows.append(node)
        else:
            things.append(ids[node - len(near)])
    return [cluster for cluster in found.values() if cluster[0] and cluster[1]]
