"""Join what came in any order: grids to communities, addresses to buildings, rows to the grid they stand in."""

from __future__ import annotations

from typing import Any

import psycopg

SETTLE = {
    "grid units": """
        UPDATE twin.grid g SET admin_id = u.admin_id FROM twin.admin_unit u
        WHERE u.code = left(g.code, 12) AND u.valid_to IS NULL AND g.admin_id <> u.admin_id
    """,
    "units above": """
        UPDATE twin.admin_unit u SET parent_id = above.admin_id FROM twin.admin_unit above
        WHERE above.code = CASE length(u.code) WHEN 12 THEN left(u.code, 9) WHEN 9 THEN left(u.code, 6) END
          AND u.parent_id IS DISTINCT FROM above.admin_id
    """,
    "addresses of buildings": """
        UPDATE twin.address a SET building_id = b.building_id FROM twin.building b
        WHERE a.building_id IS NULL AND a.valid_to IS NULL AND b.code = a.components ->> 'building_code'
          AND b.valid_to IS NULL
    """,
    "addresses inside buildings": """
        UPDATE twin.address a SET building_id = b.building_id FROM twin.building b
        WHERE a.building_id IS NULL AND a.valid_to IS NULL AND NOT a.components ? 'building_code'
          AND ST_Covers(b.geom_m, a.geom_m) AND b.valid_to IS NULL
    """,
}
# Two statements, not one with OR: each can be looked up, and rows that stand right are not looked at one by one.
INTO_GRID = """
    UPDATE twin.{table} t SET grid_id = g.grid_id, admin_id = g.admin_id FROM twin.grid g
    WHERE t.valid_to IS NULL AND g.valid_to IS NULL AND t.geom_m IS NOT NULL AND t.grid_id IS NULL
      AND ST_Covers(g.geom_m, ST_PointOnSurface(t.geom_m))
"""
UNIT_OF_GRID = """
    UPDATE twin.{table} t SET admin_id = g.admin_id FROM twin.grid g
    WHERE t.valid_to IS NULL AND g.valid_to IS NULL AND t.geom_m IS NOT NULL AND t.grid_id = g.grid_id
      AND t.admin_id IS DISTINCT FROM g.admin_id AND ST_Covers(g.geom_m, ST_PointOnSurface(t.geom_m))
"""
IN_UNIT = """
    UPDATE twin.{table} t SET admin_id = u.admin_id
    FROM (SELECT x.{key} AS row_id, (SELECT a.admin_id FROM twin.admin_unit a
                                     WHERE ST_Covers(a.geom_m, ST_PointOnSurface(x.geom_m)) AND a.valid_to IS NULL
                                     ORDER BY a.level DESC, a.code LIMIT 1) AS admin_id
          FROM twin.{table} x WHERE x.admin_id IS NULL AND x.valid_to IS NULL AND x.geom_m IS NOT NULL) u
    WHERE t.{key} = u.row_id AND u.admin_id IS NOT NULL
"""
PLACED_TABLES = {
    "building": "building_id",
    "address": "address_id",
    "asset": "asset_id",
    "entity": "entity_id",
    "record": "record_id",
}


def settle_places(cursor: psycopg.Cursor[Any]) -> dict[str, int]:
    """Bring the references between places up to date; rows that are right already are left alone.

    cursor: database role ingest, inside a transaction with an actor. Returns how many rows each step changed.
    """
    changed = {}
    for step, text in SETTLE.items():
        changed[step] = cursor.execute(text.encode()).rowcount
    for table, key in PLACED_TABLES.items():
        changed[f"{table} in grid"] = cursor.execute(INTO_GRID.format(table=table).encode()).rowcount
        changed[f"{table} in unit of grid"] = cursor.execute(UNIT_OF_GRID.format(table=table).encode()).rowcount
        changed[f"{table} in unit"] = cursor.execute(IN_UNIT.format(table=table, key=key).encode()).rowcount
    return changed
