"""What linking has done so far, what waits for a person, and everything a person needs to decide one item.

Public columns only: no name of a person, phone, room or id number is read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import psycopg
from psycopg.rows import dict_row

SubjectKind = Literal["record", "entity"]
CANDIDATES_SHOWN = 5
# The parts of an address as they are named to people: Chinese, English.
PART_WORDS: dict[str, tuple[str, str]] = {
    "town": ("街道(镇)", "town"),
    "community": ("社区(村)", "community"),
    "group": ("村民组", "village group"),
    "road": ("路名", "road"),
    "number": ("门牌号", "gate number"),
    "compound": ("小区(院落)", "compound"),
    "building": ("楼栋", "building"),
    "unit": ("单元", "unit"),
    "room": ("室", "room"),
}


@dataclass(frozen=True)
class Subject:
    """A record or an entity that is linked to places, by its number."""

    kind: SubjectKind
    number: int

    def values(self) -> dict[str, int | None]:
        """Give record_id and entity_id as bound values, one of them None."""
        return {
            "record_id": self.number if self.kind == "record" else None,
            "entity_id": self.number if self.kind == "entity" else None,
        }


@dataclass(frozen=True)
class QueueAsked:
    """Which part of the queue: of a department (code), of a kind of record or entity type, found by a method.

    why: what keeps it open: address and point are apart, rivals are as good, else the method alone was not sure.
    """

    department: str | None = None
    kind: str | None = None
    method: str | None = None
    why: str | None = None

    def values(self) -> dict[str, str | None]:
        """Give the bound values of queue_conditions."""
        return dict(vars(self))


APART_M = 100.0
CLOSE_MARGIN = 0.04
WHY = f"""CASE WHEN l.distance_m > {APART_M} THEN 'apart' WHEN l.margin < {CLOSE_MARGIN} THEN 'rivals'
               ELSE l.method END"""
WHYS = ("apart", "rivals", "code", "address", "point", "name_grid")
CONDITIONS = {
    "department": "coalesce(r.department_id, e.department_id) = "
    "(SELECT department_id FROM twin.department WHERE code = %(department)s)",
    "kind": "coalesce(r.kind, e.type_code) = %(kind)s",
    "method": "l.method = %(method)s",
    "why": f"{WHY} = %(why)s",
}


def queue_conditions(asked: QueueAsked) -> str:
    """Write the conditions on l (link), r (record) and e (entity) that are asked for; TRUE when none is."""
    return " AND ".join(text for name, text in CONDITIONS.items() if getattr(asked, name) is not None) or "TRUE"


# A subject's state in one word: changes with every change of any of its links.
SEEN = """coalesce((SELECT md5(string_agg(s.link_id || ':' || s.version || ':' || s.state, ',' ORDER BY s.link_id))
                    FROM twin.link s WHERE s.record_id = {record_id} OR s.entity_id = {entity_id}), 'none')"""
STATE = f"SELECT {SEEN.format(record_id='%(record_id)s', entity_id='%(entity_id)s')}"
TO = """CASE WHEN l.asset_id IS NOT NULL THEN 'asset' WHEN l.building_id IS NOT NULL THEN 'building'
             ELSE 'address' END AS to_kind,
        coalesce(a.code, b.code, ad.code) AS to_code, coalesce(ad.text_zh, b.name_zh, a.name_zh) AS to_label,
        ST_X(at.point) AS to_lon, ST_Y(at.point) AS to_lat, ad.components AS known"""
TO_JOINS = """
  LEFT JOIN twin.asset a ON a.asset_id = l.asset_id
  LEFT JOIN twin.building b ON b.building_id = l.building_id
  LEFT JOIN twin.address ad ON ad.address_id = l.address_id
  CROSS JOIN LATERAL (SELECT ST_PointOnSurface(coalesce(a.geom, b.geom, ad.geom)) AS point) at"""
QUEUE = f"""
SELECT l.link_id, l.record_id, l.entity_id, d.code AS department_code, d.name_zh AS department,
       coalesce(r.kind, t.name_zh) AS kind, coalesce(r.title_zh, e.public_name_zh, e.code) AS title, r.address_given,
       {TO}, l.method, l.score, l.margin, l.distance_m, l.reason_zh, l.reason_en,
       c.claimed_by, c.claimed_until
FROM (SELECT l.* FROM twin.link l LEFT JOIN twin.record r USING (record_id) LEFT JOIN twin.entity e USING (entity_id)
      WHERE l.state = 'review' AND {{conditions}}
        AND (l.score, -l.link_id) < (%(after_score)s::real, -%(after_link)s::bigint)
      ORDER BY l.score DESC, l.link_id LIMIT %(limit)s) l
  LEFT JOIN twin.record r ON r.record_id = l.record_id
  LEFT JOIN twin.entity e ON e.entity_id = l.entity_id
  LEFT JOIN twin.entity_type t ON t.type_code = e.type_code
  LEFT JOIN twin.department d ON d.department_id = coalesce(r.department_id, e.department_id)
  LEFT JOIN twin.review_claim c
    ON (c.record_id = l.record_id OR c.entity_id = l.entity_id) AND c.claimed_until > now()
  {TO_JOINS}
ORDER BY l.score DESC, l.link_id
"""
ITEM = f"""
SELECT d.code AS department_code, d.name_zh AS department, coalesce(r.kind, t.name_zh) AS type,
       coalesce(r.title_zh, e.public_name_zh, e.code) AS title, r.address_given, r.recorded_at,
       ST_X(coalesce(r.geom, e.geom)) AS lon, ST_Y(coalesce(r.geom, e.geom)) AS lat, g.code AS grid,
       {SEEN.format(record_id="%(record_id)s", entity_id="%(entity_id)s")} AS seen,
       c.claimed_by, c.claimed_until
FROM (SELECT %(record_id)s::bigint AS record_id, %(entity_id)s::bigint AS entity_id) q
  LEFT JOIN twin.record r ON r.record_id = q.record_id
  LEFT JOIN twin.entity e ON e.entity_id = q.entity_id
  LEFT JOIN twin.entity_type t ON t.type_code = e.type_code
  LEFT JOIN twin.department d ON d.department_id = coalesce(r.department_id, e.department_id)
  LEFT JOIN twin.grid g ON g.grid_id = coalesce(r.grid_id, e.grid_id)
  LEFT JOIN twin.review_claim c
    ON (c.record_id = q.record_id OR c.entity_id = q.entity_id) AND c.claimed_until > now()
WHERE coalesce(r.record_id, e.entity_id) IS NOT NULL
"""
LINKS = f"""
SELECT l.link_id, l.version, l.state, l.method, l.score, l.margin, l.distance_m, l.reason_zh, l.reason_en,
       l.register_version, l.decided_by, l.decided_at, l.building_id, l.asset_id, l.address_id, l.weighed, {TO}
FROM twin.link l {TO_JOINS}
WHERE l.record_id = %(record_id)s OR l.entity_id = %(entity_id)s
ORDER BY array_position('{{accepted,review,set_aside,rejected,undone}}', l.state), l.score DESC, l.link_id
"""
PLACES = f"""
SELECT l.n, {TO}
FROM unnest(%(n)s::integer[], %(building)s::bigint[], %(asset)s::bigint[], %(address)s::bigint[])
       AS l (n, building_id, asset_id, address_id) {TO_JOINS}
"""


def state_of(cursor: psycopg.Cursor[Any], subject: Subject) -> str:
    """Give the present state of a subject's links in one word; a decision names the one it was made on."""
    row = cursor.execute(STATE.encode(), subject.values()).fetchone()
    return str(row[0]) if row else "none"


def review_queue(
    connection: psycopg.Connection[Any],
    limit: int = 50,
    asked: QueueAsked | None = None,
    after: tuple[float, int] | None = None,
) -> list[dict[str, Any]]:
    """List links that wait for a person, likeliest first, with who has claimed them.

    after: (score, link_id) of the last one of the page before.
    """
    asked = asked or QueueAsked()
    score, link_id = after or (2.0, 0)
    values = {**asked.values(), "limit": limit, "after_score": score, "after_link": link_id}
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(QUEUE.format(conditions=queue_conditions(asked)).encode(), values).fetchall()


def review_item(connection: psycopg.Connection[Any], subject: Subject) -> dict[str, Any] | None:
    """Give all a reviewer needs to decide one subject; None when there is no such record or entity.

    Returns the subject (kind, number, department, type, title, address_given, lon, lat, grid), `seen` to name in a
    decision, the claim, every link with its state, and `candidates`: the open proposals and the places weighed
    beside them, best first, each with its place and the parts of the address, differences marked.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        about = cursor.execute(ITEM.encode(), subject.values()).fetchone()
        if about is None:
            return None
        links = cursor.execute(LINKS.encode(), subject.values()).fetchall()
        weighed = _weighed(links)
        numbered = list(enumerate(weighed))
        values = {
            "n": [n for n, _ in numbered],
            **{part: [item.get(f"{part}_id") for item in weighed] for part in ("building", "asset", "address")},
        }
        places = {row["n"]: row for row in cursor.execute(PLACES.encode(), values).fetchall()}
    given: dict[str, str] = next((link["weighed"]["given"] for link in links if link["weighed"].get("given")), {})
    candidates = [
        {**_candidate(item, places[n], given), "rank": rank}
        for rank, (n, item) in enumerate(numbered[:CANDIDATES_SHOWN], 1)
    ]
    seen, claimed_by, claimed_until = (about.pop(name) for name in ("seen", "claimed_by", "claimed_until"))
    return {
        "subject": {"kind": subject.kind, "number": subject.number, **about},
        "seen": seen,
        "claimed_by": claimed_by,
        "claimed_until": claimed_until,
        "given": given,
        "links": [{name: value for name, value in link.items() if name not in ("weighed", "known")} for link in links],
        "candidates": candidates,
    }


def _weighed(links: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Join a subject's open links and what was weighed beside them: each place once, best first."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    open_links = [link for link in links if link["state"] in ("review", "accepted", "set_aside")]
    for link in open_links:
        place = (link["asset_id"], link["building_id"] or ("address", link["address_id"]))
        about = {"link_id": link["link_id"], "state": link["state"], "method": link["method"]}
        reasons = {name: link[name] for name in ("score", "margin", "distance_m", "reason_zh", "reason_en")}
        ids = {name: link[name] for name in ("building_id", "asset_id", "address_id")}
        found.setdefault(place, {**about, **reasons, **ids, "parts": {}})
    for link in open_links:
        for item in link["weighed"].get("candidates", ()):
            place = (item.get("asset_id"), item.get("building_id") or ("address", item.get("address_id")))
            known = found.setdefault(
                place, {"link_id": None, "state": None, "method": link["method"], "parts": {}, **item}
            )
            known["parts"] = known["parts"] or item.get("parts", {})
    return sorted(found.values(), key=lambda item: (item["link_id"] is None, -item["score"]))


def _candidate(item: Mapping[str, Any], place: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    known = place["known"] or {}
    names = [part for part in PART_WORDS if part in given or known.get(part) or part in item["parts"]]
    parts = [
        {
            "part": part,
            "name_zh": PART_WORDS[part][0],
            "name_en": PART_WORDS[part][1],
            "given": given.get(part),
            "known": known.get(part),
            "verdict": item["parts"].get(part) or ("unsaid" if part not in given else "silent"),
        }
        for part in names
    ]
    kept = ("link_id", "state", "method", "score", "margin", "distance_m", "reason_zh", "reason_en")
    to = {name: place[f"to_{name}"] for name in ("kind", "code", "label", "lon", "lat")}
    return {**{name: item.get(name) for name in kept}, "to": to, "parts": parts}
