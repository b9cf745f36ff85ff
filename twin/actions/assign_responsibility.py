"""Say who supervises, owns and maintains things of a class in an area."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import psycopg

from twin.errors import BadInput, NotFound

Role = Literal["supervising", "owning", "maintaining"]

CLASS = "SELECT class_id, NULL FROM twin.class WHERE code = %(text)s"
CATEGORY = "SELECT NULL, category_zh FROM twin.class WHERE category_zh = %(text)s LIMIT 1"
AREA = """
SELECT admin_id, NULL::integer, NULL::integer FROM twin.admin_unit WHERE code = %(text)s AND valid_to IS NULL
UNION ALL SELECT NULL, grid_id, NULL FROM twin.grid WHERE code = %(text)s AND valid_to IS NULL
UNION ALL SELECT NULL, NULL, management_grid_id FROM twin.management_grid WHERE code = %(text)s AND valid_to IS NULL
"""
DEPARTMENT = "SELECT department_id FROM twin.department WHERE code = %(text)s OR name_zh = %(text)s"
CURRENT = """
SELECT responsibility_id, department_id FROM twin.responsibility
WHERE role = %(role)s AND class_id IS NOT DISTINCT FROM %(class_id)s::smallint
  AND category_zh IS NOT DISTINCT FROM %(category_zh)s::text AND admin_id IS NOT DISTINCT FROM %(admin_id)s::integer
  AND grid_id IS NOT DISTINCT FROM %(grid_id)s::integer
  AND management_grid_id IS NOT DISTINCT FROM %(management_grid_id)s::integer AND valid_to IS NULL
"""
END = "UPDATE twin.responsibility SET valid_to = now() WHERE responsibility_id = %(responsibility_id)s"
BEGIN = """
INSERT INTO twin.responsibility
  (role, class_id, category_zh, admin_id, grid_id, management_grid_id, department_id, decided_by)
VALUES (%(role)s, %(class_id)s, %(category_zh)s, %(admin_id)s, %(grid_id)s, %(management_grid_id)s, %(department_id)s,
        %(person)s)
"""


@dataclass(frozen=True)
class Assignment:
    """Who is responsible for what, where.

    things: a class code, a category's name, or "" for all. area: code of an administrative unit, unit grid or
    management grid, "" for everywhere. department: its code or name; None ends what was said.
    """

    role: Role
    things: str
    area: str
    department: str | None


def assign(cursor: psycopg.Cursor[Any], said: Assignment, person: str) -> bool:
    """Enter one assignment; an earlier one for the same things and area ends. Returns whether anything changed.

    cursor: database role ingest, inside a transaction with an actor.
    Raises BadInput for another role, NotFound for an unknown class, category, area or department.
    """
    if said.role not in get_args(Role):
        raise BadInput(f"没有这种责任 {said.role[:20]} (no such role)", do=f"请用 (use) {', '.join(get_args(Role))}")
    things = (CLASS if said.things.isascii() else CATEGORY) if said.things else None
    class_id, category = _find(cursor, things, said.things, 2, "小类或大类", "class or category")
    admin_id, grid_id, managed_id = _find(cursor, AREA if said.area else None, said.area, 3, "区域", "area")
    values = {
        "role": said.role, "class_id": class_id, "category_zh": category, "admin_id": admin_id, "grid_id": grid_id,
        "management_grid_id": managed_id, "person": person,
    }  # fmt: skip
    before = cursor.execute(CURRENT, values).fetchone()
    wanted = _find(cursor, DEPARTMENT, said.department, 1, "部门", "department")[0] if said.department else None
    if (before[1] if before else None) == wanted:
        return False
    if before:
        cursor.execute(END, {"responsibility_id": before[0]})
    if wanted is not None:
        cursor.execute(BEGIN, {**values, "department_id": wanted})
    return True


def _find(cursor: psycopg.Cursor[Any], query: str | None, text: str, columns: int, zh: str, en: str) -> tuple[Any, ...]:
    if query is None:
        return (None,) * columns
    row = cursor.execute(query.encode(), {"text": text}).fetchone()
    if row is None:
        raise NotFound(f"没有{zh} {text[:40]} (there is no such {en})")
    return tuple(row)
