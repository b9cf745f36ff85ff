"""Find the place of each record and entity: by code, address, class and point, building at the point, name and grid.

The first way that is sure decides; what is likely but not sure waits for a person. Numbers are never overlooked:
an address with another gate number or building is another place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ingest_gis.address.match import AddressMatch
from ingest_gis.address.register import RegisterEntry
from ingest_gis.classes import CityClass
from ingest_gis.known_places import KnownPlaces, NearPlace
from ingest_gis.link_ledgers import clearness, match_ledger
from ingest_gis.link_subject import Subject
from twin.actions.link_records import LinkProposal, State
from twin.crs import EastNorth

APART_M = 100.0  # address and point farther apart than this: a person looks
ASSET_REACH_M = 8.0
AT_BUILDING_M, NEXT_BUILDING_M = 5.0, 10.0
INSIDE_SCORE, NEAR_SCORE, NAME_SCORE, FIRM_SCORE = 0.9, 0.8, 0.75, 0.95
CLEARLY_NEARER = 2.0
CANDIDATES_KEPT = 5
NearBuildings = dict[int, list[NearPlace]]


def propose_links(subjects: Sequence[Subject], places: KnownPlaces) -> list[LinkProposal]:
    """Find the places of a number of subjects. Subjects no place is found for give no proposal."""
    matches = iter(places.matcher.match([subject.address for subject in subjects if subject.address]))
    matched = [next(matches) if subject.address else None for subject in subjects]
    near = _near_buildings(subjects, places)
    proposals: list[LinkProposal] = []
    for subject, match in zip(subjects, matched, strict=True):
        proposals += _cascade(subject, match, near.get(subject.number, []), places)
    return proposals


def propose_for_ledger(subjects: Sequence[Subject], class_code: str, places: KnownPlaces) -> list[LinkProposal]:
    """Find the things a department's whole ledger of one class speaks of; rows left over go down the cascade."""
    city_class = places.classes.classes.get(class_code)
    proposals = match_ledger(subjects, city_class, places.assets) if city_class else []
    settled = {item.record_id for item in proposals}
    return proposals + propose_links([item for item in subjects if item.record_id not in settled], places)


def _near_buildings(subjects: Iterable[Subject], places: KnownPlaces) -> NearBuildings:
    """Look up the buildings around all points at once."""
    placed = [(subject.number, subject.point) for subject in subjects if subject.point is not None]
    found = places.buildings.near_each([at for _, at in placed], NEXT_BUILDING_M)
    return {number: near for (number, _), near in zip(placed, found, strict=True)}


def _cascade(
    subject: Subject, match: AddressMatch | None, near: list[NearPlace], places: KnownPlaces
) -> list[LinkProposal]:
    """Go down the ways of finding a place until one is sure."""
    found = _asset_by_code(subject)
    if coded := _building_by_code(subject):
        return [*found, coded]
    if match is not None and match.entry is not None:
        by_address = _by_address(subject, match, match.entry, near, places)
        if any(link.state == "accepted" for link in by_address) or subject.firm_building_id is None:
            return [*found, *by_address]
    if firm := _firm_by_code(subject):
        return [*found, _unless_elsewhere(firm, match, places)]
    if found:
        return found
    if subject.point is not None and (by_class := _asset_by_class(subject, subject.point, places)):
        return [by_class]
    if by_point := _building_at_point(subject, near):
        return [_unless_contradicted(by_point, match, places)]
    by_name = _building_by_name(subject, places)
    return [_unless_contradicted(by_name, match, places)] if by_name else []


# ---- by code
def _asset_by_code(subject: Subject) -> list[LinkProposal]:
    if subject.asset_id is None:
        return []
    apart = subject.asset_apart_m
    if apart is not None and apart > APART_M:
        zh, en = f"部件编号一致, 但坐标相距 {apart:.0f} 米", f"the code agrees but the point is {apart:.0f} m away"
        return [subject.link("code", 0.7, "review", (zh, en), asset_id=subject.asset_id, distance_m=apart)]
    reason = ("部件编号一致", "the component code agrees")
    link = subject.link("code", 1.0, "accepted", reason, asset_id=subject.asset_id, margin=1.0, distance_m=apart)
    return [link]


def _building_by_code(subject: Subject) -> LinkProposal | None:
    if subject.building_id is None:
        return None
    reason = ("建筑编码一致", "the building code agrees")
    return subject.link("code", 1.0, "accepted", reason, building_id=subject.building_id, margin=1.0)


def _firm_by_code(subject: Subject) -> LinkProposal | None:
    """The building of the enterprise whose credit code a record names."""
    if subject.firm_building_id is None:
        return None
    reason = ("统一社会信用代码一致, 该单位在此楼", "the credit code agrees; the enterprise is in this building")
    return subject.link(
        "code", FIRM_SCORE, "accepted", reason, building_id=subject.firm_building_id,
        address_id=subject.firm_address_id, margin=1.0,
    )  # fmt: skip


# ---- by address
def _by_address(
    subject: Subject, match: AddressMatch, entry: RegisterEntry, near: list[NearPlace], places: KnownPlaces
) -> list[LinkProposal]:
    """Weigh an address against the point, if there is one."""
    reason = (f"地址: {match.reason_zh}", f"address: {match.reason_en}")
    apart = None if subject.point is None else _distance_to_entry(entry, subject.point, places)
    accepted = match.decision == "accept"

    def link(state: State, why: tuple[str, str]) -> LinkProposal:
        return subject.link(
            "address", match.score, state, why, building_id=entry.building_id, address_id=entry.address_id,
            margin=match.margin, distance_m=apart,
            weighed=_weighed(subject, match, places) if state == "review" else None,
        )  # fmt: skip

    if accepted and (apart is None or apart <= APART_M):
        return [link("accepted", reason)]
    if subject.point is None:
        return [link("review", reason)]
    if not accepted:
        confirmed = _confirmed_by_point(subject, match, entry, near)
        return [confirmed or link("review", reason)]
    far = (f"{reason[0]}; 但坐标在 {apart:.0f} 米外", f"{reason[1]}; but the point is {apart:.0f} m away")
    at_point = _building_at_point(subject, near)
    if at_point is None:
        return [link("review", far)]
    zh, en = f"坐标在此楼; 但地址指向 {apart:.0f} 米外", f"the point is here; but the address is {apart:.0f} m away"
    here = subject.link("point", at_point.score, "review", (zh, en), building_id=at_point.building_id, distance_m=0.0)
    return [link("review", far), here]


def _weighed(subject: Subject, match: AddressMatch, places: KnownPlaces) -> dict[str, Any]:
    """Keep what a reviewer needs. Of an entity only what the register says too: its own words may name a person."""
    weighed = match.weighed()
    entries = {entry.address_id: entry for entry, _ in ((match.entry, 0.0), *match.rivals) if entry is not None}
    for item in weighed["candidates"]:
        entry = entries[item["address_id"]]
        if subject.point is not None:
            distance = _distance_to_entry(entry, subject.point, places)
            item["distance_m"] = None if distance is None else round(distance, 1)
    if subject.entity_id is not None:
        known = {value for entry in entries.values() for value in entry.parsed.components().values()}
        weighed["given"] = {
            part: text for part, text in weighed["given"].items() if text in known or part in ("number", "building")
        }
    return weighed


def _confirmed_by_point(
    subject: Subject, match: AddressMatch, entry: RegisterEntry, near: list[NearPlace]
) -> LinkProposal | None:
    """Where the address alone leaves several places open, the one the point stands in is taken."""
    if match.given.unread_number:
        return None
    inside = {place.row_id for place in near if place.distance_m == 0.0}
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
    near = places.assets.near_each(city_class.class_id, np.array([(at.east, at.north)]), ASSET_REACH_M)[0]
    if not near:
        return None
    best, margin = near[0], clearness(near, ASSET_REACH_M)
    sure = len(near) == 1 or near[1].distance_m >= CLEARLY_NEARER * max(best.distance_m, 0.5)
    zh, en = f"{city_class.name_zh}, 相距 {best.distance_m:.1f} 米", f"of the class named, {best.distance_m:.1f} m away"
    if not sure:
        zh, en = f"{zh}; 附近另有同类部件", f"{en}; another of the class is as near"
    others = [
        {
            "asset_id": place.row_id,
            "score": round(1.0 - place.distance_m / (2 * ASSET_REACH_M), 4),
            "distance_m": round(place.distance_m, 1),
        }
        for place in near[:CANDIDATES_KEPT]
    ]
    return subject.link(
        "point", 1.0 - best.distance_m / (2 * ASSET_REACH_M), "accepted" if sure else "review", (zh, en),
        asset_id=best.row_id, margin=margin, distance_m=best.distance_m, weighed={"candidates": others},
    )  # fmt: skip


def _class_meant(subject: Subject, places: KnownPlaces) -> CityClass | None:
    if subject.class_code:
        return places.classes.classes.get(subject.class_code)
    return places.classes.named_in(subject.name) if subject.record_id is not None and subject.name else None


def _building_at_point(subject: Subject, near: list[NearPlace]) -> LinkProposal | None:
    if not near:
        return None
    best, margin = near[0], clearness(near, NEXT_BUILDING_M)
    if best.distance_m == 0.0:
        reason = ("坐标在楼内", "the point is in the building")
        return subject.link(
            "point", INSIDE_SCORE, "accepted", reason, building_id=best.row_id, margin=margin, distance_m=0.0
        )
    reason = (f"坐标距此楼 {best.distance_m:.1f} 米", f"the point is {best.distance_m:.1f} m from the building")
    alone = best.distance_m <= AT_BUILDING_M and len(near) == 1
    others = [
        {"building_id": place.row_id, "score": NEAR_SCORE, "distance_m": round(place.distance_m, 1)}
        for place in near[:CANDIDATES_KEPT]
    ]
    return subject.link(
        "point", NEAR_SCORE, "accepted" if alone else "review", reason, building_id=best.row_id, margin=margin,
        distance_m=best.distance_m, weighed={"candidates": others},
    )  # fmt: skip


def _unless_contradicted(link: LinkProposal, match: AddressMatch | None, places: KnownPlaces) -> LinkProposal:
    """A building known by other numbers than the address states, or may state, is left to a person."""
    if match is None or link.building_id is None:
        return link
    if places.contradicts(match.given, link.building_id):
        zh, en = "但地址的门牌、楼栋号与此楼的登记地址不同", "but the address states other numbers than this building's"
    elif match.given.unread_number and not match.given.relative:  # 路口向北140米 is no house
        zh, en = "但地址中有一个读不懂的数字", "but the address has a number that could not be read"
    else:
        return link
    return replace(link, state="review", reason_zh=f"{link.reason_zh}; {zh}", reason_en=f"{link.reason_en}; {en}")


def _unless_elsewhere(link: LinkProposal, match: AddressMatch | None, places: KnownPlaces) -> LinkProposal:
    """Where a firm is says nothing of a record whose own address states other numbers, or a place near something."""
    if match is not None and match.given.relative:
        zh, en = "但记录自己的地址是相对位置", "but the record's own address is a place near something"
        return replace(link, state="review", reason_zh=f"{link.reason_zh}; {zh}", reason_en=f"{link.reason_en}; {en}")
    return _unless_contradicted(link, match, places)


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
