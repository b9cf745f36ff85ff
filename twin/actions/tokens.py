"""Bearer tokens: a program's key to the rights of an account, named, with an end, revocable; kept as hashes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from twin.actions import passwords
from twin.actions.accounts import needs_second_factor, one_account
from twin.errors import BadInput, NotFound

LONGEST_DAYS = 366
MAKE = """
INSERT INTO access.token (account_id, name, token_hash, made_by, expires_at)
VALUES (%(account_id)s, %(name)s, %(hash)s, %(by)s, now() + make_interval(days => %(days)s))
RETURNING token_id, expires_at
"""
LIST = """
SELECT t.token_id, a.name, t.name, t.made_at, t.expires_at, t.revoked_at
FROM access.token t JOIN access.account a USING (account_id)
WHERE %(of)s::text IS NULL OR a.name = %(of)s ORDER BY t.token_id
"""
REVOKE = """
UPDATE access.token t SET revoked_at = now() FROM access.account a
WHERE a.account_id = t.account_id AND t.token_id = %(token_id)s AND (%(of)s::text IS NULL OR a.name = %(of)s)
  AND t.revoked_at IS NULL RETURNING t.token_id
"""


@dataclass(frozen=True)
class Token:
    """A token as it is listed: without its secret."""

    token_id: int
    account: str
    name: str
    made_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


def make_token(cursor: psycopg.Cursor[Any], account: str, name: str, days: int, by: str) -> tuple[int, str, datetime]:
    """Make a token for an account. Returns its number, the token (shown this once) and when it ends.

    Raises BadInput for an administrator's account (a token has no second factor), NotFound.
    """
    owner = one_account(cursor, account)
    if needs_second_factor(owner.role):
        raise BadInput("管理员账号不能有令牌 (an administrator's account has no tokens)", where=account)
    if owner.disabled:
        raise BadInput("账号已停用 (the account is disabled)", where=account)
    if not 1 <= days <= LONGEST_DAYS or not 1 <= len(name) <= 60:
        raise BadInput(
            f"令牌须有名称, 期限 1 到 {LONGEST_DAYS} 天 (a name, and 1 to {LONGEST_DAYS} days)", where="token"
        )
    token = passwords.new_token()
    values = {"account_id": owner.account_id, "name": name, "hash": passwords.hash_of(token), "by": by, "days": days}
    row = cursor.execute(MAKE, values).fetchone()
    assert row is not None  # noqa: S101 -- RETURNING
    return row[0], token, row[1]


def list_tokens(cursor: psycopg.Cursor[Any], account: str | None = None) -> list[Token]:
    """List tokens, of one account or of all."""
    return [Token(*row) for row in cursor.execute(LIST, {"of": account}).fetchall()]


def revoke_token(cursor: psycopg.Cursor[Any], token_id: int, account: str | None = None) -> None:
    """End a token; account: only when it is this one's. Raises NotFound."""
    if cursor.execute(REVOKE, {"token_id": token_id, "of": account}).fetchone() is None:
        raise NotFound("没有这个令牌 (there is no such token)", where=str(token_id))
