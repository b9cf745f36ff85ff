"""Rights as the security administrator keeps them: given and taken away, kept over upgrades.

Every cursor here is in a transaction (twin.session.transaction) in the role system or security_admin; the triggers of
access.right write what changed into the audit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import psycopg

from twin.actions.access import ACTIONS, ADMINISTRATORS, COLLECTIONS, PROGRAMS, ROLES, Area
from twin.errors import BadInput, NotFound

FIELDS = ("public", "persons", "actors", "rooms", "contacts")
AREAS = get_args(Area)
# The three administrators' powers are separate whatever anybody sets; a check of the table says the same.
OWN_FIELD = {
    "system_admin": {"service", "jobs"},
    "security_admin": {"accounts", "rights", "keys"},
    "audit_admin": {"audit"},
}
LIST = """
SELECT role, action, collection, area, fields, allowed, is_local FROM access.right
WHERE %(role)s::text IS NULL OR role = %(role)s ORDER BY role, collection, action, area
"""
GIVE = """
INSERT INTO access.right AS old (role, action, collection, area, fields, is_local)
VALUES (%(role)s, %(action)s, %(collection)s, %(area)s, %(fields)s, true)
ON CONFLICT (role, action, collection, area) DO UPDATE SET fields = excluded.fields, allowed = true, is_local = true
"""
TAKE = """
UPDATE access.right SET allowed = false, is_local = true
WHERE role = %(role)s AND action = %(action)s AND collection = %(collection)s
  AND (%(area)s::text IS NULL OR area = %(area)s) AND allowed RETURNING area
"""


@dataclass(frozen=True)
class RightRow:
    """A right as it is listed. is_local: set here; allowed: false for one that was taken away."""

    role: str
    action: str
    collection: str
    area: str
    fields: list[str]
    allowed: bool
    is_local: bool


def list_rights(cursor: psycopg.Cursor[Any], role: str | None = None) -> list[RightRow]:
    """List the matrix, of one role or of all."""
    return [RightRow(*row) for row in cursor.execute(LIST, {"role": role}).fetchall()]


def give_right(
    cursor: psycopg.Cursor[Any], role: str, action: str, collection: str, area: str, fields: Sequence[str]
) -> None:
    """Give a role a right, or change its fields; upgrades leave it alone.

    Raises BadInput for what there is not, for programs' roles, and for what would join the administrators' powers.
    """
    for name, value, known in (
        ("role", role, ROLES), ("action", action, ACTIONS), ("collection", collection, COLLECTIONS),
        ("area", area, AREAS), *(("fields", one, FIELDS) for one in fields),
    ):  # fmt: skip
        if value not in known:
            raise BadInput(f"没有 {value[:40]!r} (there is no such {name})", where=name, do=", ".join(known))
    if not fields or role in PROGRAMS:
        raise BadInput("不能这样设置 (this cannot be set)", where="role" if fields else "fields")
    personal = set(fields) - {"public"}
    if role in ADMINISTRATORS and (collection not in OWN_FIELD[role] or personal):
        raise BadInput(
            "三员的权限须相互分离 (the three administrators' powers are separate)", where=role,
            do=f"{role}: {', '.join(sorted(OWN_FIELD[role]))}, public",
        )  # fmt: skip
    if role == "public" and (personal or action not in ("read", "create", "remove", "change")):
        raise BadInput("公众不能有此权限 (the public cannot have this)", where="fields")
    values = {"role": role, "action": action, "collection": collection, "area": area, "fields": list(fields)}
    cursor.execute(GIVE, values)


def take_right(cursor: psycopg.Cursor[Any], role: str, action: str, collection: str, area: str | None = None) -> None:
    """Take a right away, in one area or all; upgrades leave it so. Raises NotFound where there is none."""
    if (role, collection) == ("security_admin", "rights"):
        raise BadInput("否则无人能再设置权限 (nobody could set rights any more)", where="security_admin")
    values = {"role": role, "action": action, "collection": collection, "area": area}
    if not cursor.execute(TAKE, values).fetchall():
        raise NotFound("没有这项权限 (there is no such right)", where=f"{role} {action} {collection}"[:100])
