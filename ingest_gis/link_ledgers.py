"""Match a department's own book of things of one class with the assets surveyed: all at once, each thing once.

Assignment, not nearest: two rows never take the same lamp. Source: notes on conflation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import connected_components

from ingest_gis.classes import CityClass
from ingest_gis.known_places import Assets, NearPlace
from ingest_gis.link_subject import Subject
from twin.actions.link_records import LinkProposal

LEDGER_REACH_M = 5.0


def match_ledger(group: Sequence[Subject], city_class: CityClass, assets: Assets) -> list[LinkProposal]:
    """Match rows with things, inside each cluster of rows and things within reach of each other.

    group: rows that have a point. Rows nothing is within reach of, or that others fit better, give no proposal.
    """
    points = np.array([(at.east, at.north) for subject in group if (at := subject.point)], float).reshape(-1, 2)
    near = assets.near_each(city_class.class_id, points, LEDGER_REACH_M)
    distances = [{place.row_id: place.distance_m for place in places} for places in near]
    proposals = []
    for rows, ids in clusters(distances):
        cost = np.array([[distances[row].get(thing, LEDGER_REACH_M * 10) for thing in ids] for row in rows])
        for at_row, column in zip(*linear_sum_assignment(cost), strict=True):
            distance = float(cost[at_row, column])
            if distance <= LEDGER_REACH_M:
                row = rows[at_row]
                proposals.append(_ledger_link(group[row], distances[row], ids[column], distance, city_class))
    return proposals


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


def _ledger_link(
    subject: Subject, near: dict[int, float], asset_id: int, distance: float, city_class: CityClass
) -> LinkProposal:
    zh = f"{city_class.name_zh}台账与普查部件一一对应, 相距 {distance:.1f} 米"
    en = f"ledger and survey of the class matched one to one, {distance:.1f} m apart"
    others = sorted(value for other, value in near.items() if other != asset_id)
    margin = clearness([NearPlace(asset_id, distance), *(NearPlace(0, value) for value in others)], LEDGER_REACH_M)
    score = 1.0 - distance / (2 * LEDGER_REACH_M)
    return subject.link("point", score, "accepted", (zh, en), asset_id=asset_id, margin=margin, distance_m=distance)


def clearness(near: Sequence[NearPlace], reach_m: float) -> float:
    """Say how clearly the first is nearer than the second, 0..1 of the reach."""
    if len(near) < 2:
        return 1.0
    return min(1.0, max(0.0, (near[1].distance_m - near[0].distance_m) / reach_m))
