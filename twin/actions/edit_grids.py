"""Split and merge unit grids: old codes end, new ones begin, and everything that stood in the old stands in the new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import psycopg

from twin.errors import BadInput, NotFound
from twin.queries.grid_order import reading_order

LAST_SERIAL = 999
CURRENT = """
SELECT grid_id, code, admin_id, ST_AsEWKB(geom_m) FROM twin.grid
WHERE code = ANY (%(codes)s) AND valid_to IS NULL ORDER BY code FOR UPDATE
"""
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('grids of ' || %(community)s, 0))"
LAST_CODE = "SELECT max(right(code, 3))::integer FROM twin.grid WHERE starts_with(code, %(community)s)"
CUT = """
SELECT ST_AsEWKB(part.geom), ST_X(ST_Centroid(part.geom)), ST_Y(ST_Centroid(part.geom)),
       ST_YMax(part.geom) - ST_YMin(part.geom), ST_Area(part.geom)
FROM ST_Dump(ST_CollectionExtract(ST_Split(%(geom_m)s::geometry,
       ST_Transform(ST_SetSRID(ST_GeomFromText(%(line)s), 4490), ST_SRID(%(geom_m)s::geometry))), 3)) part
"""
JOIN = """
WITH joined AS (SELECT ST_UnaryUnion(ST_Collect(geom_m)) AS geom_m FROM twin.grid WHERE grid_id = ANY (%(ids)s))
SELECT ST_AsEWKB(geom_m), ST_NumGeometries(geom_m) FROM joined
"""
BEGIN = """
INSERT INTO twin.grid (code, admin_id, name_zh, land_use_code, management_class, geom, geom_m)
SELECT %(code)s, g.admin_id, CASE WHEN %(keep_name)s THEN g.name_zh END, g.land_use_code, g.management_class,
       ST_Transform(%(geom_m)s::geometry, 4490), %(geom_m)s::geometry
FROM twin.grid g WHERE g.grid_id = %(like)s RETURNING grid_id
"""
END = "UPDATE twin.grid SET valid_to = now() WHERE grid_id = ANY (%(old)s)"
SUCCEED = """
INSERT INTO twin.grid_succession (old_grid_id, new_grid_id, kind, decided_by)
SELECT o, n, %(kind)s, %(person)s FROM unnest(%(old)s::integer[]) o, unnest(%(new)s::integer[]) n
"""
# A point on the cut itself goes to the lower code, one that rounding put outside to the nearest.
MOVE = """
UPDATE twin.{table} t SET grid_id = nearest.grid_id
FROM twin.{table} x CROSS JOIN LATERAL (
  SELECT g.grid_id FROM twin.grid g WHERE g.grid_id = ANY (%(new)s)
  ORDER BY ST_Distance(g.geom_m, ST_PointOnSurface(x.geom_m)), g.code LIMIT 1) nearest
WHERE x.grid_id = ANY (%(old)s) AND x.geom_m IS NOT NULL AND t.{key} = x.{key}
"""
MOVE_PRIVATE = """
UPDATE private.entity p SET grid_id = e.grid_id FROM twin.entity e
WHERE e.entity_id = p.entity_id AND p.grid_id = ANY (%(old)s) AND e.grid_id IS DISTINCT FROM p.grid_id
"""
MEMBERS = """
WITH ended AS (
  UPDATE twin.management_grid_member SET valid_to = now() WHERE grid_id = ANY (%(old)s) AND valid_to IS NULL
  RETURNING management_grid_id)
INSERT INTO twin.management_grid_member (management_grid_id, grid_id)
SELECT DISTINCT management_grid_id, n FROM ended, unnest(%(new)s::integer[]) n
"""
RESPONSIBILITIES = """
WITH ended AS (
  UPDATE twin.responsibility SET valid_to = now() WHERE grid_id = ANY (%(old)s) AND valid_to IS NULL RETURNING *)
INSERT INTO twin.responsibility (role, class_id, category_zh, grid_id, department_id, decided_by)
SELECT DISTINCT ON (e.role, e.class_id, e.category_zh, n)
       e.role, e.class_id, e.category_zh, n, e.department_id, e.decided_by
FROM ended e, unnest(%(new)s::integer[]) n ORDER BY e.role, e.class_id, e.category_zh, n, e.responsibility_id DESC
"""
STANDING = {
    "building": "building_id", "address": "address_id", "asset": "asset_id", "entity": "entity_id",
    "record": "record_id", "event": "event_id",
}  # fmt: skip


def split_grid(cursor: psycopg.Cursor[Any], code: str, line_wkt_4490: str, person: str) -> list[str]:
    """Cut a grid along a line; its code ends, each part gets the next code of the community, in the usual order.

    cursor: database role ingest, inside a transaction with an actor. line_wkt_4490: LINESTRING(lon lat, ...).
    Returns the new codes. Raises NotFound when there is no such grid, BadInput when the line does not cut it.
    """
    ((grid_id, _, _, geom_m),) = _current(cursor, [code])
    try:
        with cursor.connection.transaction():
            parts = cursor.execute(CUT, {"geom_m": geom_m, "line": line_wkt_4490}).fetchall()
    except (psycopg.errors.InternalError_, psycopg.errors.InvalidParameterValue, psycopg.errors.DataError) as error:
        raise BadInput(
            "这不是一条线 (this is not a line)",
            where=code,
            do="例如 (for example) LINESTRING(121.6 37.38, 121.61 37.38)",
        ) from error
    if len(parts) < 2:
        raise BadInput(
            "这条线没有把网格切开 (the line does not cut the grid in two)", where=code,
            do="线的两端要伸出网格 (let both ends of the line reach outside the grid)",
        )  # fmt: skip
    order = reading_order(np.array([part[1:3] for part in parts]), np.array([part[3] for part in parts]))
    return _replace(cursor, [grid_id], code[:12], [parts[i][0] for i in order], "split", person)


def merge_grids(cursor: psycopg.Cursor[Any], codes: Sequence[str], person: str) -> str:
    """Join adjacent grids of one community into one with the community's next code; the old codes end.

    cursor: as for split_grid. Returns the new code. Raises NotFound for a code that is not a current grid, BadInput for
    fewer than two, for grids of different communities and for ones that do not touch along a line.
    """
    wanted = sorted(set(codes))
    if len(wanted) < 2:
        raise BadInput("合并需要至少两个网格 (merging takes at least two grids)")
    grids = _current(cursor, wanted)
    communities = {grid[1][:12] for grid in grids}
    if len(communities) > 1:
        raise BadInput(
            "网格不在同一个社区 (the grids are not in one community)", where=", ".join(sorted(communities)),
            do="单元网格不能跨社区 (a unit grid never crosses the boundary of a community)",
        )  # fmt: skip
    ids = [grid[0] for grid in grids]
    joined = cursor.execute(JOIN, {"ids": ids}).fetchone()
    if joined is None or joined[1] != 1:
        raise BadInput("网格不相邻 (the grids are not adjacent)", where=", ".join(wanted))
    return _replace(cursor, ids, wanted[0][:12], [joined[0]], "merge", person)[0]


def _current(cursor: psycopg.Cursor[Any], codes: Sequence[str]) -> list[tuple[Any, ...]]:
    cursor.execute(LOCK, {"community": codes[0][:12]})
    grids = cursor.execute(CURRENT, {"codes": list(codes)}).fetchall()
    missing = sorted(set(codes) - {grid[1] for grid in grids})
    if missing:
        raise NotFound(
            "没有这个现行网格 (there is no such current grid)", where=", ".join(missing)[:100], do="看 twin grid list"
        )
    return grids


def _replace(
    cursor: psycopg.Cursor[Any],
    old: list[int],
    community: str,
    parts: Sequence[bytes],
    kind: Literal["split", "merge"],
    person: str,
) -> list[str]:
    last = cursor.execute(LAST_CODE, {"community": community}).fetchone()
    first = (last[0] or 0) + 1 if last else 1
    if first + len(parts) - 1 > LAST_SERIAL:
        raise BadInput(
            f"社区的网格编号已用到 {first - 1:03d} (the community's grid numbers are used up)", where=community,
            do="编码不重复使用；社区划分后按新社区编号 (codes are never used again; number anew under a new community)",
        )  # fmt: skip
    codes, new = [], []
    for serial, geom_m in enumerate(parts, first):
        codes.append(f"{community}{serial:03d}")
        values = {"code": codes[-1], "geom_m": geom_m, "like": old[0], "keep_name": kind == "split"}
        begun = cursor.execute(BEGIN, values).fetchone()
        new += [begun[0]] if begun else []
    values = {"old": old, "new": new, "kind": kind, "person": person}
    cursor.execute(END, values)
    cursor.execute(SUCCEED, values)
    for table, key in STANDING.items():
        cursor.execute(MOVE.format(table=table, key=key).encode(), values)
    for statement in (MOVE_PRIVATE, MEMBERS, RESPONSIBILITIES):
        cursor.execute(statement, values)
    return codes
