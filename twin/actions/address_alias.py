"""Other texts of a standard address: old road names, what people say; matching reads them beside the register."""

from __future__ import annotations

from typing import Any, Literal, get_args

import psycopg
from psycopg.rows import dict_row

from twin.errors import BadInput, Conflict, NotFound

AliasKind = Literal["old_name", "spoken", "abbreviation", "poi", "other"]
ADD = """
INSERT INTO twin.address_alias (address_id, alias, normalised, kind)
SELECT address_id, %(alias)s, %(normalised)s, %(kind)s FROM twin.address WHERE code = %(code)s AND valid_to IS NULL
RETURNING address_alias_id
"""
END = """
UPDATE twin.address_alias SET valid_to = now() WHERE address_alias_id = %s AND valid_to IS NULL
RETURNING address_alias_id
"""
LIST = """
SELECT x.address_alias_id, a.code, a.text_zh, x.alias, x.kind, x.valid_from, x.valid_to
FROM twin.address_alias x JOIN twin.address a USING (address_id)
WHERE (%(code)s::text IS NULL OR a.code = %(code)s) AND (%(all)s OR x.valid_to IS NULL)
ORDER BY a.code, x.address_alias_id LIMIT %(limit)s
"""


def add_alias(cursor: psycopg.Cursor[Any], code: str, alias: str, normalised: str, kind: str) -> int:
    """Give an address another text. Returns the alias's number.

    cursor: role ingest, in a transaction with an actor. code: of the address. normalised: alias in the one way of
    writing (ingest_gis.address). Raises NotFound without such an address, BadInput when the text or kind means nothing,
    Conflict when the address has this text already.
    """
    if not normalised:
        raise BadInput("这个别名没有可用的文字 (the alias has no letter that could be matched)", where=alias)
    if kind not in get_args(AliasKind):
        raise BadInput(
            f"未知的别名类别 (unknown kind of alias): {kind}", do=f"One of: {', '.join(get_args(AliasKind))}"
        )
    try:
        with cursor.connection.transaction():
            made = cursor.execute(
                ADD, {"code": code, "alias": alias, "normalised": normalised, "kind": kind}
            ).fetchone()
    except psycopg.errors.UniqueViolation as error:
        raise Conflict("该地址已有此别名 (the address has this alias already)", where=code) from error
    if made is None:
        raise NotFound(f"没有编码为 {code} 的地址 (there is no address {code})")
    return int(made[0])


def end_alias(cursor: psycopg.Cursor[Any], alias_id: int) -> None:
    """End an alias; it stays in the past. Raises NotFound when there is none in force."""
    if cursor.execute(END, (alias_id,)).fetchone() is None:
        raise NotFound(f"没有编号为 {alias_id} 的有效别名 (there is no alias {alias_id} in force)")


def list_aliases(
    connection: psycopg.Connection[Any], code: str | None = None, *, ended: bool = False, limit: int = 200
) -> list[dict[str, Any]]:
    """List aliases, those of one address or all; ended: those that are over too."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(LIST, {"code": code, "all": ended, "limit": limit}).fetchall()
