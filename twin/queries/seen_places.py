"""What surveys see of buildings beside what the registers say: counts, and what waits for a person."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

COUNTS = """
SELECT s.name AS survey, m.kind, m.relation, m.state, count(*) AS groups, sum(cardinality(m.place_ids)) AS places,
       round(avg(m.iou)::numeric, 3) AS mean_iou,
       max(m.shift_east_m) AS shift_east_m, max(m.shift_north_m) AS shift_north_m
FROM twin.seen_match m JOIN twin.survey s USING (survey_id)
WHERE %(survey)s::text IS NULL OR s.name = %(survey)s
GROUP BY s.name, m.kind, m.relation, m.state ORDER BY 1, 2, 3, 4
"""
WAITING = """
SELECT m.seen_match_id, s.name AS survey, m.relation, m.iou, m.score, m.reason_zh, m.reason_en,
       (SELECT array_agg(b.code ORDER BY b.code) FROM twin.building b WHERE b.building_id = ANY (m.place_ids)) AS codes,
       m.seen_keys, ST_X(p) AS lon, ST_Y(p) AS lat
FROM twin.seen_match m JOIN twin.survey s USING (survey_id)
  CROSS JOIN LATERAL (SELECT ST_PointOnSurface(coalesce(m.seen_geom,
    (SELECT ST_Collect(b.geom) FROM twin.building b WHERE b.building_id = ANY (m.place_ids)))) AS p) at
WHERE m.state = 'review' AND (%(survey)s::text IS NULL OR s.name = %(survey)s)
ORDER BY m.score DESC, m.seen_match_id LIMIT %(limit)s
"""


def seen_counts(connection: psycopg.Connection[Any], survey: str | None = None) -> list[dict[str, Any]]:
    """Count the groups of registered and seen outlines by survey, relation and state."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(COUNTS, {"survey": survey}).fetchall()
    return [{**row, "mean_iou": None if row["mean_iou"] is None else float(row["mean_iou"])} for row in rows]


def seen_waiting(
    connection: psycopg.Connection[Any], survey: str | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """List the groups that wait for a person, likeliest first, with the codes of the buildings and where they are."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(WAITING, {"survey": survey, "limit": limit}).fetchall()
