"""Find the place of each record and entity: by code, address, class and point, building at the point, name and grid.

The first way that is sure decides; what is likely but not sure waits for a person. Numbers are never overlooked:
an address with another gate number or building is another place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import connected_components

from ingest_gis.address.match import AddressMatch, RegisterEntry
from ingest_gis.classes import CityClass
from ingest_gis.known_places import KnownPlaces, NearPlace
from twin.actions.link_records import LinkProposal, Method, State
from twin.crs import EastNorth

APART_M = 100.0  # address and point farther apart than this: a person looks
ASSET_REACH_M = 8.0
LEDGER_REACH_M = 5.0
AT_BUILDING_M, NEXT_BUILDING_M = 5.0, 10.0
INSIDE_SCORE, NEAR_SCORE, NAME_SCORE = 0.9, 0.8, 0.75
CLEARLY_NEARER = 2.0


@dataclass(frozen=True)
class Subject:
    """A record or an entity and what it says about its place."""

    record_id: int | None
    entity_id: int | None
    department_id: int | None
    kind: str
    name: str | None
    asset_code: str | None
    building_code: str | None
    class_code: str | None
    address: str | None
    point: EastNorth | None
    grid_id: int | None

    @property
    def number(self) -> int:
        """The record's or entity's own number."""
        return self.record_id or self.entity_id or 0

    def link(
        self,
        method: Method,
        score: float,
        state: State,
        reason: tuple[str, str],
        *,
        building_id: int | None = None,
        asset_id: int | None = None,
        address_id: int | None = None,
        margin: float | None = None,
        distance_m: float | None = None,
    ) -> LinkProposal:
        """Make a proposal for this subject. reason: in Chinese and English."""
        return LinkProposal(
            method=method, score=score, state=state, reason_zh=reason[0], reason_en=reason[1],
            record_id=self.record_id, entity_id=self.entity_id, building_id=building_id, asset_id=asset_id,
            address_id=address_id, margin=margin, distance_m=distance_m,
        )  # fmt: skip


def propose_links(subjects: Sequence[Subject], places: KnownPlaces) -> list[LinkProposal]:
    """Find the places of a number of subjects. Subjects no place is found for give no proposal."""
    proposals = _match_ledgers(subjects, places)
    settled = {(item.record_id, item.entity_id) for item in proposals}
    rest = [subject for subject in subjects if (subject.record_id, subject.entity_id) not in settled]
    with_address = [subject for subject in rest if subject.address]
    matches = places.matcher.match([subject.address or "" for subject in with_address])
    by_subject = {id(subject): match for subject, match in zip(with_address, matches, strict=True)}
    for subject in rest:
        proposals += _cascade(subject, by_subject.get(id(subject)), places)
    return proposals


def _cascade(subject: Subject, match: AddressMatch | None, places: KnownPlaces) -> list[LinkProposal]:
    """Go down the ways of finding a place until one is sure."""
    found = _asset_by_code(subject, places)
    if coded := _building_by_code(subject, places):
        return [*found, coded]
    if match is not None and match.entry is not None:
        return [*found, *_by_address(subject, match, match.entry, places)]
    if found:
        return found
    if subject.point is not None and (by_class := _asset_by_class(subject, subject.point, places)):
        return [by_class]
    if subject.point is not None and (at_point := _building_at_point(subject, subject.point, places)):
        return [at_point]
    by_name = _building_by_name(subject, places)
    return [by_name] if by_name else []


# ---- by code
def _asset_by_code(subject: Subject, places: KnownPlaces) -> list[LinkProposal]:
    asset_id = places.assets.codes.get(subject.asset_code or "")
    if asset_id is None:
        return []
    apart = _distance(places.assets.places[asset_id], subject.point)
    if apart is not None and apart > APART_M:
        zh, en = f"部件编号一致, 但坐标相距 {apart:.0f} 米", f"the code agrees but the point is {apart:.0f} m away"
        return [subject.link("code", 0.7, "review", (zh, en), asset_id=asset_id, distance_m=apart)]
    reason = ("部件编号一致", "the component code agrees")
    return [subject.link("code", 1.0, "accepted", reason, asset_id=asset_id, margin=1.0, distance_m=apart)]


def _building_by_code(subject: Subject, places: KnownPlaces) -> LinkProposal | None:
    building_id = places.buildings.codes.get(subject.building_code or "")
    if building_id is None:
        return None
    reason = ("建筑编码一致", "the building code agrees")
    return subject.link("code", 1.0, "accepted", reason, building_id=building_id, margin=1.0)


# ---- by address
def _by_address(subject: Subject, match: AddressMatch, entry: RegisterEntry, places: KnownPlaces) -> list[LinkProposal]:
    """Weigh an address against the point, if there is one."""
    reason = (f"地址: {match.reason_zh}", f"address: {match.reason_en}")
    apart = None if subject.point is None else _distance_to_entry(entry, subject.point, places)
    accepted = match.decision == "accept"

    def link(state: State, why: tuple[str, str]) -> LinkProposal:
        return subject.link(
            "address", match.score, state, why, building_id=entry.building_id, address_id=entry.address_id,
            margin=match.margin, distance_m=apart,
        )  # fmt: skip

    if accepted and (apart is None or apart <= APART_M):
        return [link("accepted", reason)]
    if subject.point is None:
        return [link("review", reason)]
    if not accepted:
        confirmed = _confirmed_by_point(subject, match, entry, subject.point, places)
        return [confirmed or link("review", reason)]
    far = (f"{reason[0]}; 但坐标在 {apart:.0f} 米外", f"{reason[1]}; but the point is {apart:.0f} m away")
    at_point = _building_at_point(subject, subject.point, places)
    if at_point is None:
        return [link("review", far)]
    zh, en = f"坐标在此楼; 但地址指向 {apart:.0f} 米外", f"the point is here; but the address is {apart:.0f} m away"
    here = subject.link("point", at_point.score, "review", (zh, en), building_id=at_point.building_id, distance_m=0.0)
    return [link("review", far), here]


def _confirmed_by_point(
    subject: Subject, match: AddressMatch, entry: RegisterEntry, at: EastNorth, places: KnownPlaces
) -> LinkProposal | None:
    """Where the address alone leaves several places open, the one the point stands in is taken."""
    inside = [place.row_id for place in places.buildings.near(at, 0.0)]
    for candidate, score in ((entry, match.score), *match.rivals):
        if candidate.building_id is not None and candidate.building_id in inside:
            reason = (
                f"地址: {match.reason_zh}; 坐标在此楼内",
                f"address: {match.reason_en}; the point is in this building",
            )
            return subject.link(
                "address", max(score, INSIDE_SCORE), "accepted", reason, building_id=candidate.building_id,
                address_id=candidate.address_id, margin=match.margin, distance_m=0.0,
            )  # fmt: skip
    return None


def _distance_to_entry(entry: RegisterEntry, at: EastNorth, places: KnownPlaces) -> float | None:
    if entry.building_id is not None:
        return places.buildings.distance_m(entry.building_id, at)
    return _distance(places.address_points.get(entry.address_id), at)


# ---- by point
def _asset_by_class(subject: Subject, at: EastNorth, places: KnownPlaces) -> LinkProposal | None:
    """The nearest asset of the class a record is about (路灯不亮 at a point: the lamp there)."""
    city_class = _class_meant(subject, places)
    if city_class is None:
        return None
    near = places.assets.near(city_class.class_id, at, ASSET_REACH_M)
    if not near:
        return None
    best, margin = near[0], _margin(near, ASSET_REACH_M)
    sure = len(near) == 1 or near[1].distance_m >= CLEARLY_NEARER * max(best.distance_m, 0.5)
    zh, en = f"{city_class.name_zh}, 相距 {best.distance_m:.1f} 米", f"of the class named, {best.distance_m:.1f} m away"
    if not sure:
        zh, en = f"{zh}; 附近另有同类部件", f"{en}; another of the class is as near"
    state: State = "accepted" if sure else "review"
    score = 1.0 - best.distance_m / (2 * ASSET_REACH_M)
    return subject.link(
        "point", score, state, (zh, en), asset_id=best.row_id, margin=margin, distance_m=best.distance_m
    )


def _class_meant(subject: Subject, places: KnownPlaces) -> CityClass | None:
    if subject.class_code:
        return places.classes.classes.get(subject.class_code)
    return places.classes.named_in(subject.name) if subject.record_id is not None and subject.name else None


def _building_at_point(subject: Subject, at: EastNorth, places: KnownPlaces) -> LinkProposal | None:
    near = places.buildings.near(at, NEXT_BUILDING_M)
    if not near:
        return None
    best, margin = near[0], _margin(near, NEXT_BUILDING_M)
    if best.distance_m == 0.0:
        reason = ("坐标在楼内", "the point is in the building")
        return subject.link(
            "point", INSIDE_SCORE, "accepted", reason, building_id=best.row_id, margin=margin, distance_m=0.0
        )
    reason = (f"坐标距此楼 {best.distance_m:.1f} 米", f"the point is {best.distance_m:.1f} m from the building")
    alone = best.distance_m <= AT_BUILDING_M and len(near) == 1
    state: State = "accepted" if alone else "review"
    return subject.link(
        "point", NEAR_SCORE, state, reason, building_id=best.row_id, margin=margin, distance_m=best.distance_m
    )


def _match_ledgers(subjects: Sequence[Subject], places: KnownPlaces) -> list[LinkProposal]:
    """Match a department's own book of things of one class with the assets surveyed: all at once, each thing once.

    Assignment, not nearest: two rows never take the same lamp. Source: notes on conflation.
    """
    groups: dict[tuple[int | None, str, str], list[Subject]] = {}
    for subject in subjects:
        if subject.class_code and subject.point and not subject.asset_code and not subject.address:
            groups.setdefault((subject.department_id, subject.kind, subject.class_code), []).append(subject)
    proposals = []
    for (_, _, class_code), group in groups.items():
        city_class = places.classes.classes.get(class_code)
        if city_class is not None and city_class.class_id in places.assets.points:
            proposals += _assign(group, city_class, places)
    return proposals


def _assign(group: Sequence[Subject], city_class: CityClass, places: KnownPlaces) -> list[LinkProposal]:
    """Match row by row and thing by thing, inside each cluster of things within reach of each other."""
    near = [
        {
            item.row_id: item.distance_m
            for item in places.assets.near(city_class.class_id, subject.point, LEDGER_REACH_M)
        }
        for subject in group
        if subject.point is not None
    ]
    proposals = []
    for rows, ids in _clusters(near):
        cost = np.array([[near[row].get(asset_id, LEDGER_REACH_M * 10) for asset_id in ids] for row in rows])
        for at, column in zip(*linear_sum_assignment(cost), strict=True):
            distance = float(cost[at, column])
            if distance <= LEDGER_REACH_M:
                proposals.append(_ledger_link(group[rows[at]], near[rows[at]], ids[column], distance, city_class))
    return proposals


def _clusters(near: Sequence[dict[int, float]]) -> list[tuple[list[int], list[int]]]:
    """Group rows that compete for the same things: (row indices, ids of the things)."""
    ids = sorted({asset_id for items in near for asset_id in items})
    column = {asset_id: at for at, asset_id in enumerate(ids)}
    pairs = [(row, len(near) + column[asset_id]) for row, items in enumerate(near) for asset_id in items]
    size = len(near) + len(ids)
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    graph = sparse.coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(size, size))
    _, labels = connected_components(graph, directed=False)
    clusters: dict[int, tuple[list[int], list[int]]] = {}
    for node, label in enumerate(labels):
        rows, things = clusters.setdefault(int(label), ([], []))
        if node < len(near):
            rows.append(node)
        else:
            things.append(ids[node - len(near)])
    return [cluster for cluster in clusters.values() if cluster[0] and cluster[1]]


def _ledger_link(
    subject: Subject, near: dict[int, float], asset_id: int, distance: float, city_class: CityClass
) -> LinkProposal:
    zh = f"{city_class.name_zh}台账与普查部件一一对应, 相距 {distance:.1f} 米"
    en = f"ledger and survey of the class matched one to one, {distance:.1f} m apart"
    others = sorted(value for other, value in near.items() if other != asset_id)
    margin = _margin([NearPlace(asset_id, distance), *(NearPlace(0, value) for value in others)], LEDGER_REACH_M)
    score = 1.0 - distance / (2 * LEDGER_REACH_M)
    return subject.link("point", score, "accepted", (zh, en), asset_id=asset_id, margin=margin, distance_m=distance)


# ---- by name and grid
def _building_by_name(subject: Subject, places: KnownPlaces) -> LinkProposal | None:
    """A building of exactly this name: sure only when it is the one of that name in the subject's own grid."""
    found = places.buildings.named.get(subject.name or "", [])
    here = [building_id for building_id, grid_id in found if grid_id is not None and grid_id == subject.grid_id]
    if len(here) == 1:
        reason = ("名称与本网格内的建筑相同", "the name is that of the one building in its grid")
        return subject.link("name_grid", NAME_SCORE, "accepted", reason, building_id=here[0], margin=1.0)
    if len(found) == 1:
        reason = ("名称与一栋建筑相同, 网格未知", "the name is that of a building, the grid is not known")
        return subject.link("name_grid", NAME_SCORE, "review", reason, building_id=found[0][0], margin=1.0)
    return None


def _distance(a: EastNorth | None, b: EastNorth | None) -> float | None:
    return None if a is None or b is None else float(np.hypot(a.east - b.east, a.north - b.north))


def _margin(near: Sequence[NearPlace], reach_m: float) -> float:
    """Say how clearly the first is nearer than the second, 0..1 of the reach."""
    if len(near) < 2:
        return 1.0
    return min(1.0, max(0.0, (near[1].distance_m - near[0].distance_m) / reach_m))
