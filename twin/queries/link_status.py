"""How far linking has come: by kind of subject, by department, by method."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

# One pass over the links, one over the subjects: each subject counts once, by the best state it has reached.
SUBJECTS = """
WITH reached AS (
  SELECT record_id, entity_id, bool_or(state = 'accepted') AS accepted
  FROM twin.link WHERE state IN ('accepted', 'review') GROUP BY record_id, entity_id
)
SELECT 'records' AS subject, d.code AS department, d.name_zh, r.kind, count(*) AS total,
       count(*) FILTER (WHERE l.accepted) AS accepted, count(*) FILTER (WHERE NOT l.accepted) AS review,
       count(*) FILTER (WHERE l.accepted IS NULL) AS unlinked
FROM twin.record r LEFT JOIN reached l ON l.record_id = r.record_id JOIN twin.department d USING (department_id)
WHERE r.valid_to IS NULL GROUP BY d.code, d.name_zh, r.kind
UNION ALL
SELECT 'entities', d.code, d.name_zh, t.name_zh, count(*),
       count(*) FILTER (WHERE l.accepted), count(*) FILTER (WHERE NOT l.accepted),
       count(*) FILTER (WHERE l.accepted IS NULL)
FROM twin.entity e LEFT JOIN reached l ON l.entity_id = e.entity_id JOIN twin.entity_type t USING (type_code)
  LEFT JOIN twin.department d ON d.department_id = e.department_id
WHERE e.valid_to IS NULL GROUP BY d.code, d.name_zh, t.name_zh
ORDER BY 1 DESC, 2, 4
"""
BY_METHOD = """
SELECT method, state, count(*) AS links, count(decided_by) AS by_person, round(avg(score)::numeric, 3) AS mean_score
FROM twin.link GROUP BY method, state ORDER BY method, state
"""
COUNTS = ("total", "accepted", "review", "unlinked")


def link_status(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """Count records and entities by how far linking has come, by department and kind, and links by method and state."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(SUBJECTS).fetchall()
        methods = cursor.execute(BY_METHOD).fetchall()
    whole = {
        subject: {name: sum(row[name] for row in rows if row["subject"] == subject) for name in COUNTS}
        for subject in ("records", "entities")
    }
    return {**whole, "departments": rows, "links": [{**row, "mean_score": float(row["mean_score"])} for row in methods]}
