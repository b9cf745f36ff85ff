"""Accounts as the security administrator keeps them: made, listed, disabled, given another password.

Every cursor here is in a transaction (twin.session.transaction) in the role system or security_admin; the triggers of
access.account write what changed into the audit, without a secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from twin.actions import passwords
from twin.actions.access import ADMINISTRATORS, PEOPLE
from twin.errors import BadInput, Conflict, NotFound

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,39}")
_ACCOUNT = """
  a.account_id, a.name, a.person, a.role, d.code, a.grid_codes, a.disabled, a.password_hash IS NOT NULL,
  a.totp_confirmed, a.last_login_at, f.locked_until
FROM access.account a LEFT JOIN twin.department d USING (department_id)
  LEFT JOIN access.login_failure f ON f.name_hash = sha256(convert_to(a.name, 'UTF8')) AND f.locked_until > now()
"""
LIST = f"SELECT {_ACCOUNT} ORDER BY a.disabled, a.name"
ONE = f"SELECT {_ACCOUNT} WHERE a.name = %(name)s"
ADD = """
INSERT INTO access.account (name, person, role, department_id, grid_codes, password_hash, must_change, made_by)
VALUES (%(name)s, %(person)s, %(role)s, (SELECT department_id FROM twin.department WHERE code = %(department)s),
        %(grids)s, %(hash)s, true, %(by)s)
"""
UNKNOWN_GRIDS = "SELECT c FROM unnest(%s::text[]) c WHERE NOT EXISTS (SELECT FROM twin.grid g WHERE g.code = c)"
OUT = """
WITH gone AS (DELETE FROM access.session s USING access.account a
              WHERE s.account_id = a.account_id AND a.name = %(name)s)
UPDATE access.token t SET revoked_at = now() FROM access.account a
WHERE t.account_id = a.account_id AND a.name = %(name)s AND t.revoked_at IS NULL AND %(tokens)s
"""


@dataclass(frozen=True)
class Account:
    """An account as it is listed; no secret. department, grids: codes."""

    account_id: int
    name: str
    person: str
    role: str
    department: str | None
    grids: list[str]
    disabled: bool
    has_password: bool
    second_factor: bool
    last_login_at: datetime | None
    locked_until: datetime | None


@dataclass(frozen=True)
class NewAccount:
    """An account to be made. person: the real name. department, grids: codes."""

    name: str
    person: str
    role: str
    department: str | None = None
    grids: tuple[str, ...] = ()


def list_accounts(cursor: psycopg.Cursor[Any]) -> list[Account]:
    """List all accounts, the enabled ones first."""
    return [Account(*row) for row in cursor.execute(LIST).fetchall()]


def one_account(cursor: psycopg.Cursor[Any], name: str) -> Account:
    """Give an account by its name. Raises NotFound."""
    row = cursor.execute(ONE, {"name": name}).fetchone()
    if row is None:
        raise NotFound("没有这个账号 (there is no such account)", where=name[:40])
    return Account(*row)


def add_account(cursor: psycopg.Cursor[Any], new: NewAccount, password: str | None, by: str) -> None:
    """Make an account. password: the first one, which its owner must change; None for OpenID Connect only.

    Raises BadInput for what cannot be, Conflict for a name that is taken and for a person who would be two of the three
    administrators.
    """
    if not NAME.fullmatch(new.name):
        raise BadInput("账号名用小写字母和数字 (small letters, digits, . _ -; 2 to 40)", where="name")
    if new.role not in PEOPLE:
        raise BadInput(f"没有这个角色 (there is no role {new.role[:40]!r})", where="role", do=", ".join(PEOPLE))
    if password is not None:
        passwords.check_password(password, new.name)
    _check_area(cursor, new)
    values = {
        **vars(new), "grids": list(new.grids), "by": by,
        "hash": None if password is None else passwords.hash_password(password),
    }  # fmt: skip
    try:
        with cursor.connection.transaction():
            cursor.execute(ADD, values)
    except psycopg.errors.UniqueViolation as error:
        if error.diag.constraint_name == "account_one_administration":
            raise Conflict("三员须由不同的人担任 (nobody is two of the three administrators)", where=new.name) from None
        raise Conflict("账号名已有人用 (the name is taken)", where=new.name) from None


def _check_area(cursor: psycopg.Cursor[Any], new: NewAccount) -> None:
    if new.role == "officer" and new.department is None:
        raise BadInput("部门人员须有部门 (an officer belongs to a department)", where="department")
    if new.role == "grid_worker" and not new.grids:
        raise BadInput("网格员须有网格 (a grid worker has grids)", where="grids")
    department = cursor.execute("SELECT FROM twin.department WHERE code = %s", (new.department,)).fetchone()
    if new.department is not None and department is None:
        raise BadInput("没有这个部门 (there is no such department)", where=new.department[:60])
    unknown = [row[0] for row in cursor.execute(UNKNOWN_GRIDS, (list(new.grids),)).fetchall()]
    if unknown:
        raise BadInput("没有这个网格 (there is no such grid)", where=", ".join(unknown)[:100])


def set_disabled(cursor: psycopg.Cursor[Any], name: str, disabled: bool) -> None:
    """Disable an account, which ends its sessions and tokens at once, or enable it again. Raises NotFound, Conflict."""
    one_account(cursor, name)
    try:
        with cursor.connection.transaction():
            cursor.execute("UPDATE access.account SET disabled = %s WHERE name = %s", (disabled, name))
    except psycopg.errors.UniqueViolation:
        raise Conflict("三员须由不同的人担任 (nobody is two of the three administrators)", where=name) from None
    if disabled:
        cursor.execute(OUT, {"name": name, "tokens": True})


def set_password(cursor: psycopg.Cursor[Any], name: str, password: str, *, must_change: bool) -> None:
    """Give an account another password; its sessions end. Raises NotFound, BadInput."""
    one_account(cursor, name)
    passwords.check_password(password, name)
    hashed = passwords.hash_password(password)
    cursor.execute(
        "UPDATE access.account SET password_hash = %s, must_change = %s WHERE name = %s", (hashed, must_change, name)
    )
    cursor.execute(OUT, {"name": name, "tokens": False})


def forget_second_factor(cursor: psycopg.Cursor[Any], name: str) -> None:
    """Let a person who has lost the authenticator set up another one; sessions end. Raises NotFound."""
    one_account(cursor, name)
    cursor.execute(
        "UPDATE access.account SET totp_secret = NULL, totp_next = NULL, totp_confirmed = false, "
        "recovery_hashes = '{}' WHERE name = %s",
        (name,),
    )
    cursor.execute(OUT, {"name": name, "tokens": False})


def unlock(cursor: psycopg.Cursor[Any], name: str) -> None:
    """Forget failed log-ins under a name."""
    cursor.execute("DELETE FROM access.login_failure WHERE name_hash = %s", (passwords.hash_of(name),))
    cursor.execute("SELECT audit.write('account.unlock', %s)", (f"account {name[:40]}",))


def needs_second_factor(role: str) -> bool:
    """Tell whether a role may do nothing without a second factor."""
    return role in ADMINISTRATORS
