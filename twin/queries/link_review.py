"""What linking has done so far, and what waits for a person."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

STATUS = """
SELECT 'records' AS subject, count(*) AS total,
       count(*) FILTER (WHERE accepted) AS accepted, count(*) FILTER (WHERE review AND NOT accepted) AS review,
       count(*) FILTER (WHERE NOT accepted AND NOT review) AS unlinked
FROM (SELECT EXISTS (SELECT FROM twin.link l WHERE l.record_id = r.record_id AND l.state = 'accepted') AS accepted,
             EXISTS (SELECT FROM twin.link l WHERE l.record_id = r.record_id AND l.state = 'review') AS review
      FROM twin.record r WHERE r.valid_to IS NULL) x
UNION ALL
SELECT 'entities', count(*), count(*) FILTER (WHERE accepted), count(*) FILTER (WHERE review AND NOT accepted),
       count(*) FILTER (WHERE NOT accepted AND NOT review)
FROM (SELECT EXISTS (SELECT FROM twin.link l WHERE l.entity_id = e.entity_id AND l.state = 'accepted') AS accepted,
             EXISTS (SELECT FROM twin.link l WHERE l.entity_id = e.entity_id AND l.state = 'review') AS review
      FROM twin.entity e WHERE e.valid_to IS NULL) x
"""
BY_METHOD = """
SELECT method, state, count(*) AS links FROM twin.link GROUP BY method, state ORDER BY method, state
"""
QUEUE = """
SELECT l.link_id, l.record_id, l.entity_id, d.name_zh AS department, coalesce(r.kind, t.name_zh) AS kind,
       coalesce(r.title_zh, e.public_name_zh, e.code) AS title, r.address_given,
       CASE WHEN l.asset_id IS NOT NULL THEN 'asset' WHEN l.building_id IS NOT NULL THEN 'building'
            ELSE 'address' END AS to_kind,
       coalesce(a.code, b.code, ad.code) AS to_code, coalesce(ad.text_zh, b.name_zh, a.name_zh) AS to_label,
       l.method, l.score, l.margin, l.distance_m, l.reason_zh, l.reason_en
FROM twin.link l
  LEFT JOIN twin.record r ON r.record_id = l.record_id
  LEFT JOIN twin.entity e ON e.entity_id = l.entity_id
  LEFT JOIN twin.entity_type t ON t.type_code = e.type_code
  LEFT JOIN twin.department d ON d.department_id = coalesce(r.department_id, e.department_id)
  LEFT JOIN twin.asset a ON a.asset_id = l.asset_id
  LEFT JOIN twin.building b ON b.building_id = l.building_id
  LEFT JOIN twin.address ad ON ad.address_id = l.address_id
WHERE l.state = 'review'
ORDER BY l.score DESC, l.link_id LIMIT %(limit)s
"""


def link_status(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """Count records and entities by how far linking has come, and links by method and state."""
    with connection.cursor(row_factory=dict_row) as cursor:
        subjects = {row.pop("subject"): row for row in cursor.execute(STATUS).fetchall()}
        return {**subjects, "links": cursor.execute(BY_METHOD).fetchall()}


def review_queue(connection: psycopg.Connection[Any], limit: int = 50) -> list[dict[str, Any]]:
    """List links that wait for a person, likeliest first. Public columns only: no name, phone, room or id number."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(QUEUE, {"limit": limit}).fetchall()
