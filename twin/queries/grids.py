"""Unit grids and management grids as lists: what is current, what came before."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.rows import dict_row

GRIDS = """
SELECT g.code, g.name_zh, u.name_zh AS community, round(ST_Area(g.geom_m)::numeric, 1)::float8 AS area_m2,
       g.land_use_code, g.management_class, g.valid_from, g.valid_to,
       ARRAY(SELECT o.code FROM twin.grid_succession s JOIN twin.grid o ON o.grid_id = s.old_grid_id
             WHERE s.new_grid_id = g.grid_id ORDER BY o.code) AS came_from,
       ARRAY(SELECT n.code FROM twin.grid_succession s JOIN twin.grid n ON n.grid_id = s.new_grid_id
             WHERE s.old_grid_id = g.grid_id ORDER BY n.code) AS became,
       ARRAY(SELECT m.code FROM twin.management_grid_member x JOIN twin.management_grid m USING (management_grid_id)
             WHERE x.grid_id = g.grid_id AND x.valid_to IS NULL ORDER BY m.code) AS management_grids
FROM twin.grid g JOIN twin.admin_unit u USING (admin_id)
WHERE starts_with(g.code, %(within)s) AND (%(ended)s OR g.valid_to IS NULL)
ORDER BY g.code
"""
MANAGED = """
SELECT m.code, m.name_zh, m.kind, m.valid_from, m.valid_to, array_agg(g.code ORDER BY g.code) AS units,
       round(sum(ST_Area(g.geom_m))::numeric, 1)::float8 AS area_m2
FROM twin.management_grid m
  JOIN twin.management_grid_member x ON x.management_grid_id = m.management_grid_id AND x.valid_to IS NULL
  JOIN twin.grid g ON g.grid_id = x.grid_id
WHERE m.valid_to IS NULL
GROUP BY m.management_grid_id ORDER BY m.kind, m.code
"""


def list_grids(connection: psycopg.Connection[Any], within: str = "", *, ended: bool = False) -> list[dict[str, Any]]:
    """List unit grids whose code begins with `within`, with their predecessors and successors. ended: old ones too."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(GRIDS, {"within": within, "ended": ended}).fetchall()


def list_management_grids(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """List the current management grids with their unit grids."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(MANAGED).fetchall()
