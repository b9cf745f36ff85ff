"""Join adjacent unit grids into management grids: what one worker walks, what is evaluated together, a market."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import psycopg

from twin.errors import BadInput, Conflict, NotFound

ManagementKind = Literal["responsibility", "evaluation", "exclusive"]

UNITS = """
SELECT g.grid_id, g.code FROM twin.grid g WHERE g.code = ANY (%(codes)s) AND g.valid_to IS NULL ORDER BY g.code
"""
TAKEN = """
SELECT m.code, g.code FROM twin.management_grid m
  JOIN twin.management_grid_member x USING (management_grid_id) JOIN twin.grid g USING (grid_id)
WHERE m.kind = %(kind)s AND m.valid_to IS NULL AND x.valid_to IS NULL AND x.grid_id = ANY (%(ids)s)
  AND m.code <> %(code)s
ORDER BY 2 LIMIT 1
"""
PARTS = "SELECT ST_NumGeometries(ST_UnaryUnion(ST_Collect(geom_m))) FROM twin.grid WHERE grid_id = ANY (%(ids)s)"
DEFINE = """
INSERT INTO twin.management_grid AS m (code, name_zh, kind) VALUES (%(code)s, %(name)s, %(kind)s)
ON CONFLICT (code) DO UPDATE SET name_zh = excluded.name_zh, kind = excluded.kind, valid_to = NULL
RETURNING management_grid_id
"""
LEAVE = """
UPDATE twin.management_grid_member SET valid_to = now()
WHERE management_grid_id = %(number)s AND valid_to IS NULL AND grid_id <> ALL (%(ids)s)
"""
ENTER = """
INSERT INTO twin.management_grid_member (management_grid_id, grid_id)
SELECT %(number)s, i FROM unnest(%(ids)s::integer[]) i WHERE NOT EXISTS (
  SELECT FROM twin.management_grid_member m
  WHERE m.management_grid_id = %(number)s AND m.grid_id = i AND m.valid_to IS NULL)
"""
END = "UPDATE twin.management_grid SET valid_to = now() WHERE code = %(code)s AND valid_to IS NULL"
END_MEMBERS = """
UPDATE twin.management_grid_member x SET valid_to = now()
FROM twin.management_grid m
WHERE m.code = %(code)s AND m.management_grid_id = x.management_grid_id AND x.valid_to IS NULL
"""


def define_management_grid(
    cursor: psycopg.Cursor[Any], code: str, name_zh: str, kind: ManagementKind, unit_codes: Sequence[str]
) -> None:
    """Make a management grid of unit grids, or give an existing one these units.

    cursor: database role ingest, inside a transaction with an actor.
    Raises BadInput for units that are not adjacent or lie in several towns (several communities for `responsibility`),
    NotFound for a code that is no current unit grid, Conflict for a unit that is in another one of the kind.
    """
    if kind not in get_args(ManagementKind):
        raise BadInput(
            f"没有这种管理网格 {kind[:20]} (no such kind)",
            do=f"请用 (use one of) {', '.join(get_args(ManagementKind))}",
        )
    if not code.strip() or not name_zh.strip():
        raise BadInput("管理网格要有编码和名称 (a management grid has a code and a name)")
    wanted = sorted(set(unit_codes))
    units = cursor.execute(UNITS, {"codes": wanted}).fetchall()
    if missing := sorted(set(wanted) - {unit_code for _, unit_code in units}):
        raise NotFound("没有这个现行网格 (there is no such current grid)", where=", ".join(missing)[:100])
    ids = [number for number, _ in units]
    _check_extent(cursor, code, kind, wanted, ids)
    values: dict[str, Any] = {"code": code, "name": name_zh, "kind": kind, "ids": ids}
    made = cursor.execute(DEFINE, values).fetchone()
    values["number"] = made[0] if made else None
    cursor.execute(LEAVE, values)
    cursor.execute(ENTER, values)


def end_management_grid(cursor: psycopg.Cursor[Any], code: str) -> None:
    """End a management grid; its unit grids stay. Raises NotFound when there is no such current one."""
    if cursor.execute(END, {"code": code}).rowcount == 0:
        raise NotFound("没有这个现行管理网格 (there is no such current management grid)", where=code[:60])
    cursor.execute(END_MEMBERS, {"code": code})


def _check_extent(
    cursor: psycopg.Cursor[Any], code: str, kind: ManagementKind, unit_codes: Sequence[str], ids: list[int]
) -> None:
    if not ids:
        raise BadInput("没有给出单元网格 (no unit grids were given)", where=code)
    digits, zh, en = (12, "社区", "community") if kind == "responsibility" else (9, "街镇", "town")
    if len({unit_code[:digits] for unit_code in unit_codes}) > 1:
        raise BadInput(f"网格不在同一个{zh} (the grids are not in one {en})", where=code)
    parts = cursor.execute(PARTS, {"ids": ids}).fetchone()
    if parts is None or parts[0] != 1:
        raise BadInput(
            "网格不相邻 (the grids are not adjacent)", where=code, do="分成几个管理网格 (make several management grids)"
        )
    taken = cursor.execute(TAKEN, {"kind": kind, "ids": ids, "code": code}).fetchone()
    if taken is not None:
        raise Conflict(
            f"{taken[1]} 已属于 {taken[0]} (is in that management grid already)", where=code,
            do="先调整那个管理网格 (change that one first)",
        )  # fmt: skip
