"""A reviewer's view of the queue: how much waits for what, the first items, one item with its differences marked.

A reviewer sees what the role allows: addresses are cut at the building unless the role may see rooms; names of persons
are not shown at all.
"""

from __future__ import annotations

from typing import Any

import orjson
import psycopg

from twin.queries.address_differences import compare_texts, cut_at_building
from twin.queries.link_review import WHY, QueueAsked, Subject, queue_conditions, review_item
from twin.queries.sight import Sight
from twin.queries.whole_address import whole_address

BEHIND_THE_BUILDING = frozenset({"unit", "room"})

_WAITING = """
  FROM twin.link l
    LEFT JOIN twin.record r ON r.record_id = l.record_id
    LEFT JOIN twin.entity e ON e.entity_id = l.entity_id
    LEFT JOIN twin.entity_type t ON t.type_code = e.type_code
    LEFT JOIN twin.department d ON d.department_id = coalesce(r.department_id, e.department_id)
"""
# The first of each subject's links in the order of the queue stands for the subject.
QUEUE = f"""
SELECT x.subject, x.number, x.department, x.department_zh, x.type, x.type_zh, x.title, x.why, x.score,
       CASE WHEN c.claimed_by <> %(person)s THEN c.claimed_by END,
       CASE WHEN c.claimed_by <> %(person)s THEN c.claimed_until END
FROM (
  SELECT DISTINCT ON (l.record_id, l.entity_id)
         CASE WHEN l.record_id IS NULL THEN 'entity' ELSE 'record' END AS subject,
         coalesce(l.record_id, l.entity_id) AS number, l.record_id, l.entity_id, d.code AS department,
         d.name_zh AS department_zh, coalesce(r.kind, e.type_code) AS type, t.name_zh AS type_zh,
         coalesce(r.title_zh, e.public_name_zh, e.code) AS title, {WHY} AS why, l.score, l.link_id
  {_WAITING}
  WHERE l.state = 'review' AND {{conditions}}
  ORDER BY l.record_id, l.entity_id, l.score DESC, l.link_id
) x
  LEFT JOIN twin.review_claim c
    ON (c.record_id = x.record_id OR c.entity_id = x.entity_id) AND c.claimed_until > now()
ORDER BY x.score DESC, x.link_id LIMIT %(n)s
"""
QUEUE_COLUMNS = (
    "kind", "number", "department", "department_zh", "type", "type_zh", "title", "why", "score", "claimed_by",
    "claimed_until",
)  # fmt: skip
COUNTS = f"""
SELECT d.code, min(d.name_zh), coalesce(r.kind, e.type_code), min(t.name_zh), {WHY},
       count(DISTINCT (l.record_id, l.entity_id)), GROUPING(d.code), GROUPING(coalesce(r.kind, e.type_code)),
       GROUPING({WHY})
{_WAITING}
WHERE l.state = 'review'
GROUP BY GROUPING SETS ((), (d.code), (coalesce(r.kind, e.type_code)), ({WHY}))
ORDER BY 6 DESC, 1, 3, 5
"""
PROGRESS = """
SELECT (SELECT count(*) FROM twin.link WHERE decided_by IS NOT NULL AND decided_at >= date_trunc('day', now())),
       (SELECT count(*) FROM twin.link WHERE decided_by = %(person)s AND decided_at >= date_trunc('day', now())),
       (SELECT count(*) FROM twin.review_claim WHERE claimed_until > now() AND claimed_by <> %(person)s)
"""
SHAPES = """
SELECT q.n, ST_AsGeoJSON(coalesce(b.geom, a.geom), 7, 0), coalesce(b.name_zh, a.name_zh), home.text_zh
FROM unnest(%(kinds)s::text[], %(codes)s::text[]) WITH ORDINALITY AS q (kind, code, n)
  LEFT JOIN twin.building b ON q.kind = 'building' AND b.code = q.code
  LEFT JOIN twin.asset a ON q.kind = 'asset' AND a.code = q.code
  LEFT JOIN LATERAL (SELECT text_zh FROM twin.address
                     WHERE building_id = b.building_id AND valid_to IS NULL ORDER BY address_id LIMIT 1) home ON true
"""


def read_queue(
    connection: psycopg.Connection[Any], asked: QueueAsked, n: int, person: str, sight: Sight
) -> dict[str, Any]:
    """List the first n items that wait, with counts by department, kind and cause, and how far the day's work is."""
    values = {**asked.values(), "n": n, "person": person}
    statement = QUEUE.format(conditions=queue_conditions(asked))
    items = [dict(zip(QUEUE_COLUMNS, row, strict=True)) for row in connection.execute(statement.encode(), values)]
    if not sight.actors:
        items = [{**item, "claimed_by": None} for item in items]
    counts = _counted(connection.execute(COUNTS.encode()).fetchall())
    done, mine, held = connection.execute(PROGRESS, {"person": person}).fetchone() or (0, 0, 0)
    return {"items": items, **counts, "progress": {"decided_today": done, "by_me_today": mine, "held_by_others": held}}


def _counted(rows: list[Any]) -> dict[str, Any]:
    """Sort the counts by what they count: all, by department, by kind, by cause."""
    found: dict[str, Any] = {"waiting": 0, "departments": [], "kinds": [], "whys": []}
    for code, name_zh, kind, kind_zh, why, count, no_department, no_kind, no_why in rows:
        if not no_department:
            found["departments"].append({"code": code, "name_zh": name_zh, "count": count})
        elif not no_kind:
            found["kinds"].append({"code": kind, "name_zh": kind_zh, "count": count})
        elif not no_why:
            found["whys"].append({"code": why, "count": count})
        else:
            found["waiting"] = count
    return found


def read_item(connection: psycopg.Connection[Any], subject: Subject, sight: Sight) -> dict[str, Any] | None:
    """Read one item: the subject, up to five places with their shapes and differences marked, what was decided.

    connection: in a transaction on the reader's behalf. Returns None when there is no such record or entity.
    """
    item = review_item(connection, subject)
    if item is None:
        return None
    about = item["subject"]
    whole = whole_address(connection, subject)
    about["address_given"] = (whole if sight.rooms else None) or about["address_given"] or cut_at_building(whole)
    item["given"] = _shown(item["given"], sight)
    places = [candidate["to"] for candidate in item["candidates"]]
    asked = {"kinds": [place["kind"] for place in places], "codes": [place["code"] for place in places]}
    shapes = {row[0]: row[1:] for row in connection.execute(SHAPES, asked).fetchall()}
    for n, candidate in enumerate(item["candidates"], 1):
        geometry, name, address = shapes[n]
        place = candidate["to"]
        place["geometry"] = None if geometry is None else orjson.loads(geometry)
        place["name"] = name
        if place["kind"] == "building" and place["label"] == name:
            place["label"] = address or name
        candidate["parts"] = [part for part in candidate["parts"] if part["part"] in _shown({part["part"]: ""}, sight)]
        compared = place["kind"] != "asset" and about["address_given"] and place["label"]
        candidate["texts"] = compare_texts(about["address_given"], place["label"]) if compared else None
    if not sight.actors:
        item["links"] = [{**link, "decided_by": None} for link in item["links"]]
    return item


def _shown(parts: dict[str, str], sight: Sight) -> dict[str, str]:
    return {part: text for part, text in parts.items() if sight.rooms or part not in BEHIND_THE_BUILDING}
