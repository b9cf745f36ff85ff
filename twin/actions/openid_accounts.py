"""Accounts of people whom an OpenID Connect provider has recognised.

Every cursor here is in a transaction (twin.session.transaction) in the role system.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import psycopg

from twin.actions.accounts import NAME, NewAccount, add_account, one_account
from twin.actions.log_in import NOWHERE, Whence, begin_session
from twin.errors import Conflict, NotAllowed

MADE_BY = "openid"
FOUND = """
SELECT account_id, name, disabled, made_by FROM access.account
WHERE oidc_issuer = %(issuer)s AND oidc_subject = %(subject)s FOR UPDATE
"""
BIND = "UPDATE access.account SET oidc_issuer = %s, oidc_subject = %s WHERE name = %s"
AS_CLAIMED = """
UPDATE access.account SET role = %(role)s, grid_codes = %(grids)s,
  department_id = (SELECT department_id FROM twin.department WHERE code = %(department)s)
WHERE account_id = %(account_id)s
  AND (role, grid_codes, department_id) IS DISTINCT FROM
      (%(role)s, %(grids)s::text[], (SELECT department_id FROM twin.department WHERE code = %(department)s))
"""


@dataclass(frozen=True)
class Recognised:
    """Whom the provider has recognised, and what its claims mean. role: None where they mean none. grids: codes."""

    issuer: str
    subject: str
    name: str
    person: str
    role: str | None
    department: str | None
    grids: tuple[str, ...]
    second_factor: bool


def enter(cursor: psycopg.Cursor[Any], who: Recognised, whence: Whence = NOWHERE) -> str:
    """Begin a session of the person's account; where a claim means a role, the account is made or brought up to it.

    An account made here by hand is never found by its name: the security administrator binds it (`bind`).
    Raises NotAllowed where there is no account and no claim means a role, or it is disabled; BadInput, Conflict.
    """
    row = cursor.execute(FOUND, {"issuer": who.issuer, "subject": who.subject}).fetchone()
    if row is None:
        account_id = _make(cursor, who)
    else:
        account_id, _, disabled, made_by = row
        if disabled or (made_by == MADE_BY and who.role is None):
            raise NotAllowed("没有对应的账号 (there is no account for it here)")
        if made_by == MADE_BY:
            values = {**vars(who), "grids": list(who.grids), "account_id": account_id}
            cursor.execute(AS_CLAIMED, values)
    return begin_session(cursor, account_id, second_factor=who.second_factor, way="openid", whence=whence)


def _make(cursor: psycopg.Cursor[Any], who: Recognised) -> int:
    if who.role is None:
        raise NotAllowed("没有对应的账号 (there is no account for it here)")
    name = re.sub(r"[^a-z0-9._-]", "-", who.name.split("@")[0].lower())[:40]
    if not NAME.fullmatch(name):
        name = "u-" + re.sub(r"[^a-z0-9]", "", who.subject.lower())[:36]
    new = NewAccount(name, who.person[:60], who.role, who.department, who.grids)
    add_account(cursor, new, None, MADE_BY)
    cursor.execute("UPDATE access.account SET must_change = false WHERE name = %s", (name,))
    bind(cursor, name, who.issuer, who.subject)
    return one_account(cursor, name).account_id


def bind(cursor: psycopg.Cursor[Any], name: str, issuer: str, subject: str) -> None:
    """Let an account's owner come through the provider as this subject. Raises NotFound, Conflict."""
    one_account(cursor, name)
    try:
        with cursor.connection.transaction():
            cursor.execute(BIND, (issuer.rstrip("/"), subject, name))
    except psycopg.errors.UniqueViolation:
        raise Conflict("这个身份已绑定别的账号 (this subject is another account's)", where=name) from None
