"""Who is responsible: the table as it stands, and the parties for a thing of a class at a place."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

from twin.crs import LonLat
from twin.errors import NotFound

ASSIGNMENTS = """
SELECT r.role, c.code AS class_code, coalesce(c.name_zh, r.category_zh) AS things_zh,
       coalesce(u.code, g.code, m.code) AS area, coalesce(u.name_zh, g.name_zh, m.name_zh) AS area_zh,
       d.code AS department, d.name_zh AS department_zh, r.decided_by, r.valid_from, r.valid_to
FROM twin.responsibility r JOIN twin.department d USING (department_id)
  LEFT JOIN twin.class c USING (class_id) LEFT JOIN twin.admin_unit u USING (admin_id)
  LEFT JOIN twin.grid g ON g.grid_id = r.grid_id
  LEFT JOIN twin.management_grid m ON m.management_grid_id = r.management_grid_id
WHERE (%(ended)s OR r.valid_to IS NULL) AND (%(class_code)s::text IS NULL OR c.code = %(class_code)s)
ORDER BY c.class_id NULLS LAST, r.category_zh NULLS LAST, coalesce(u.code, g.code, m.code) NULLS FIRST, r.role,
         r.valid_from
"""
PLACE = """
SELECT u.admin_id, g.grid_id
FROM (SELECT ST_Transform(ST_SetSRID(ST_MakePoint(%(lon)s, %(lat)s), 4490), %(srid)s::integer) AS m) q
  LEFT JOIN LATERAL (SELECT grid_id, admin_id FROM twin.grid
                     WHERE ST_Covers(geom_m, q.m) AND valid_to IS NULL ORDER BY code LIMIT 1) g ON true
  LEFT JOIN LATERAL (SELECT admin_id FROM twin.admin_unit WHERE ST_Covers(geom_m, q.m) AND valid_to IS NULL
                     ORDER BY level DESC, code LIMIT 1) here ON true
  LEFT JOIN twin.admin_unit u ON u.admin_id = coalesce(g.admin_id, here.admin_id)
"""
PARTIES = """
SELECT x.role, d.code AS department, d.name_zh AS department_zh, coalesce(k.name_zh, r.category_zh) AS for_things,
       coalesce(u.code, g.code, m.code) AS for_area, r.decided_by, r.valid_from
FROM twin.class c CROSS JOIN LATERAL twin.responsible(c.class_id, %(admin_id)s, %(grid_id)s) x
  JOIN twin.department d USING (department_id) JOIN twin.responsibility r USING (responsibility_id)
  LEFT JOIN twin.class k ON k.class_id = r.class_id LEFT JOIN twin.admin_unit u ON u.admin_id = r.admin_id
  LEFT JOIN twin.grid g ON g.grid_id = r.grid_id
  LEFT JOIN twin.management_grid m ON m.management_grid_id = r.management_grid_id
WHERE c.code = %(class_code)s
ORDER BY array_position(ARRAY['supervising', 'owning', 'maintaining'], x.role)
"""


def list_assignments(
    connection: psycopg.Connection[Any], class_code: str | None = None, *, ended: bool = False
) -> list[dict[str, Any]]:
    """List who is responsible for what where. ended: what was said before as well."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(ASSIGNMENTS, {"class_code": class_code, "ended": ended}).fetchall()


def responsible_at(
    connection: psycopg.Connection[Any], class_code: str, place: LonLat, working_srid: int
) -> list[dict[str, Any]]:
    """Name the parties for a thing of a class at a place, each with the assignment that says so.

    Raises NotFound when there is no such class. A role nobody was assigned to is not in the list.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        if cursor.execute("SELECT FROM twin.class WHERE code = %s", (class_code,)).fetchone() is None:
            raise NotFound("没有这个小类 (there is no such class)", where=class_code[:20], do="看 twin classes list")
        here = cursor.execute(PLACE, {"lon": place.lon, "lat": place.lat, "srid": working_srid}).fetchone() or {}
        return cursor.execute(PARTIES, {**here, "class_code": class_code}).fetchall()
