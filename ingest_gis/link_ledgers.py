"""Match a department's own book of things of one class with the assets surveyed: all at once, each thing once.

Assignment, not nearest: two rows never take the same lamp. Source: notes on conflation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ingest_gis.classes import CityClass
from ingest_gis.known_places import Assets, NearPlace
from ingest_gis.link_subject import Subject
from ingest_gis.match_points import assign
from twin.actions.link_records import LinkProposal

LEDGER_REACH_M = 5.0


def match_ledger(group: Sequence[Subject], city_class: CityClass, assets: Assets) -> list[LinkProposal]:
    """Match rows with things, inside each cluster of rows and things within reach of each other.

    group: rows that have a point. Rows nothing is within reach of, or that others fit better, give no proposal.
    """
    points = np.array([(at.east, at.north) for subject in group if (at := subject.point)], float).reshape(-1, 2)
    near = assets.near_each(city_class.class_id, points, LEDGER_REACH_M)
    distances = [{place.row_id: place.distance_m for place in places} for places in near]
    return [
        _ledger_link(group[row], distances[row], asset_id, distance, city_class)
        for row, asset_id, distance in assign(distances, LEDGER_REACH_M)
    ]


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
