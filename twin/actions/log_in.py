"""Logging in and out: password, second factor, waiting after failures; sessions as hashed random texts.

Every cursor here is in a transaction (twin.session.transaction) in the role system. A failure is counted in the
database and must be committed, so it is returned, not raised: `Refused`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import psycopg

from twin.actions import passwords
from twin.actions.accounts import needs_second_factor
from twin.errors import BadInput
from twin.personal.keyring import keys_of, keys_to_seal
from twin.session import Actor

SESSION_S = 8 * 3600
IDLE_S = 3600
SEEN_EVERY_S = 300
FREE_FAILURES = 5
FIRST_WAIT_S, LONGEST_WAIT_S = 30, 3600
Why = Literal["wrong", "locked", "code_needed"]

ACCOUNT = """
SELECT a.account_id, a.password_hash, a.disabled, a.totp_secret, a.totp_confirmed, a.totp_last_step, a.recovery_hashes,
       a.totp_next
FROM access.account a WHERE a.name = %(name)s FOR UPDATE
"""
WAIT = """
SELECT ceil(extract(epoch FROM locked_until - now()))::int FROM access.login_failure
WHERE name_hash = %s AND locked_until > now()
"""
FAILED = """
INSERT INTO access.login_failure AS f (name_hash, failures, last_at) VALUES (%(name)s, 1, now())
ON CONFLICT (name_hash) DO UPDATE SET last_at = now(),
  failures = CASE WHEN f.last_at < now() - interval '1 day' THEN 1 ELSE f.failures + 1 END
RETURNING failures
"""
LOCK = "UPDATE access.login_failure SET locked_until = now() + make_interval(secs => %s) WHERE name_hash = %s"
BEGIN = """
INSERT INTO access.session (token_hash, account_id, expires_at, second_factor, address, device)
VALUES (%(hash)s, %(account_id)s, now() + make_interval(secs => %(lasts_s)s), %(second_factor)s, %(address)s,
        %(device)s)
"""
KEEP_FIRST = "UPDATE access.account SET totp_secret = %s WHERE account_id = %s"
KEEP_NEXT = "UPDATE access.account SET totp_next = %s WHERE account_id = %s"
OLD = "DELETE FROM access.session WHERE account_id = %s AND (expires_at < now() OR seen_at < now() - interval '1 hour')"
WHO = """
SELECT a.account_id, a.name, a.person, a.role, a.department_id, d.code, a.grid_codes,
       ARRAY(SELECT g.grid_id FROM twin.grid g WHERE g.code = ANY (a.grid_codes)),
       {second_factor}, a.totp_confirmed, a.must_change, {expires_at}, {key}
FROM {source} x JOIN access.account a USING (account_id) LEFT JOIN twin.department d USING (department_id)
WHERE x.token_hash = %(hash)s AND x.expires_at > now() AND NOT a.disabled AND {still}
"""
BY_SESSION = WHO.format(
    second_factor="x.second_factor", expires_at="x.expires_at", source="access.session", key="x.seen_at",
    still=f"x.seen_at > now() - interval '{IDLE_S} s'",
)  # fmt: skip
BY_TOKEN = WHO.format(
    second_factor="false", expires_at="x.expires_at", source="access.token", key="NULL::timestamptz",
    still="x.revoked_at IS NULL",
)  # fmt: skip
SEEN = "UPDATE access.session SET seen_at = now() WHERE token_hash = %(hash)s"


@dataclass(frozen=True)
class _Secrets:
    """What an account is recognised by."""

    account_id: int
    password_hash: str | None
    disabled: bool
    totp_secret: str | None
    totp_confirmed: bool
    totp_last_step: int
    recovery_hashes: list[str]
    totp_next: str | None


def _secrets_of(cursor: psycopg.Cursor[Any], name: str) -> _Secrets | None:
    row = cursor.execute(ACCOUNT, {"name": name}).fetchone()
    return None if row is None else _Secrets(*row)


@dataclass(frozen=True)
class Whence:
    """Where somebody logs in from: address, and device in words (browser, system)."""

    address: str = ""
    device: str = ""


NOWHERE = Whence()


@dataclass(frozen=True)
class Refused:
    """Why a log-in was refused; wait_s: how long the next try has to wait."""

    why: Why
    wait_s: int = 0


@dataclass(frozen=True)
class Member:
    """Somebody who has logged in, or a program with a token. department, grids: codes."""

    account_id: int
    name: str
    person: str
    role: str
    department_id: int | None
    department: str | None
    grids: tuple[str, ...]
    grid_ids: tuple[int, ...]
    second_factor: bool
    totp_confirmed: bool
    must_change: bool
    expires_at: datetime
    seen_at: datetime | None

    @property
    def bound(self) -> bool:
        """Tell whether this member may do nothing yet but set up the second factor or a password of its own."""
        by_session = self.seen_at is not None
        return (needs_second_factor(self.role) and not self.second_factor) or (self.must_change and by_session)

    def acts(self, request_id: str, purpose: str = "", reason: str = "") -> Actor:
        """Give the actor of a request."""
        return Actor(
            self.name, "public" if self.bound else self.role, self.department_id, purpose, request_id,
            self.grid_ids, reason, self.account_id,
        )  # fmt: skip


def member_of(row: tuple[Any, ...]) -> Member:
    """Make a member of a row of BY_SESSION or BY_TOKEN."""
    values: list[Any] = [tuple(value) if isinstance(value, list) else value for value in row]
    return Member(*values)


def log_in(
    cursor: psycopg.Cursor[Any], name: str, password: str, code: str | None, whence: Whence = NOWHERE
) -> str | Refused:
    """Check name, password and, where the account has one, the code; give a new session's secret.

    A name that is nobody's, a wrong password, a disabled account and a wrong code are refused alike, and as slowly.
    """
    name = name.strip().lower()[:60]
    key = passwords.hash_of(name)
    waiting = cursor.execute(WAIT, (key,)).fetchone()
    if waiting is not None:
        return Refused("locked", waiting[0])
    account = _secrets_of(cursor, name)
    right = passwords.is_password(password, account.password_hash if account else None)
    if account is None or not right or account.disabled:
        return _failed(cursor, name, key, account is not None)
    if account.totp_confirmed:
        if not code:
            return Refused("code_needed")
        if not _use_code(cursor, account, code):
            return _failed(cursor, name, key, True)
    cursor.execute("DELETE FROM access.login_failure WHERE name_hash = %s", (key,))
    return begin_session(
        cursor, account.account_id, second_factor=account.totp_confirmed, way="password", whence=whence
    )


def begin_session(
    cursor: psycopg.Cursor[Any], account_id: int, *, second_factor: bool, way: str, whence: Whence = NOWHERE
) -> str:
    """Begin a session of an account whose owner has been recognised; give its secret, which stands nowhere."""
    secret = passwords.new_token()
    cursor.execute(OLD, (account_id,))
    values = {
        "hash": passwords.hash_of(secret), "account_id": account_id, "lasts_s": SESSION_S,
        "second_factor": second_factor, "address": whence.address, "device": whence.device,
    }  # fmt: skip
    cursor.execute(BEGIN, values)
    cursor.execute("UPDATE access.account SET last_login_at = now() WHERE account_id = %s", (account_id,))
    cursor.execute(
        "SELECT audit.write('login', 'account ' || name, jsonb_build_object('way', %s::text, 'second', %s::bool)) "
        "FROM access.account WHERE account_id = %s",
        (way, second_factor, account_id),
    )
    return secret


def log_out(cursor: psycopg.Cursor[Any], secret: str) -> None:
    """End a session."""
    gone = cursor.execute(
        "DELETE FROM access.session s USING access.account a WHERE s.token_hash = %s AND a.account_id = s.account_id "
        "RETURNING a.name",
        (passwords.hash_of(secret),),
    ).fetchone()
    if gone is not None:
        cursor.execute("SELECT audit.write('logout', %s)", (f"account {gone[0]}",))


def _failed(cursor: psycopg.Cursor[Any], name: str, key: bytes, known: bool) -> Refused:
    cursor.execute("DELETE FROM access.login_failure WHERE last_at < now() - interval '2 days'")
    row = cursor.execute(FAILED, {"name": key}).fetchone()
    failures = row[0] if row else 1
    wait_s = 0
    if failures >= FREE_FAILURES:
        wait_s = min(FIRST_WAIT_S * 2 ** min(failures - FREE_FAILURES, 20), LONGEST_WAIT_S)
        cursor.execute(LOCK, (wait_s, key))
    # What somebody typed as a name may be a password: only a name that is an account's is written down.
    subject = f"account {name}" if known else "no account"
    cursor.execute(
        "SELECT audit.write('login.refused', %s, jsonb_build_object('failures', %s::int, 'wait_s', %s::int))",
        (subject, failures, wait_s),
    )
    return Refused("wrong", wait_s)


def _code_secret(cursor: psycopg.Cursor[Any], account: _Secrets, sealed: str | None) -> str:
    """Open an authenticator's secret. Raises KeysMissing."""
    return passwords.open_code_secret(keys_of(cursor.connection), account.account_id, sealed or "")


def _use_code(cursor: psycopg.Cursor[Any], account: _Secrets, code: str) -> bool:
    """Take a code of the authenticator or a recovery code; each is good once."""
    step = passwords.step_of(code, _code_secret(cursor, account, account.totp_secret), time.time())
    if step is not None:
        if step <= account.totp_last_step:
            return False
        cursor.execute(
            "UPDATE access.account SET totp_last_step = %s WHERE account_id = %s", (step, account.account_id)
        )
        return True
    hashed = passwords.recovery_hash(code)
    if hashed not in account.recovery_hashes:
        return False
    cursor.execute(
        "UPDATE access.account SET recovery_hashes = array_remove(recovery_hashes, %s) WHERE account_id = %s",
        (hashed, account.account_id),
    )
    return True


def change_password(cursor: psycopg.Cursor[Any], name: str, old: str, new: str, keep_session: str) -> bool:
    """Change one's own password; the other sessions end. Returns False when the old one is wrong (it is counted)."""
    key = passwords.hash_of(name)
    if cursor.execute(WAIT, (key,)).fetchone() is not None:
        return False
    account = _secrets_of(cursor, name)
    if account is None or not passwords.is_password(old, account.password_hash):
        _failed(cursor, name, key, account is not None)
        return False
    passwords.check_password(new, name)
    if old == new:
        raise BadInput("新密码须与旧密码不同 (the new password must differ)", where="new")
    cursor.execute(
        "UPDATE access.account SET password_hash = %s, must_change = false WHERE account_id = %s",
        (passwords.hash_password(new), account.account_id),
    )
    cursor.execute(
        "DELETE FROM access.session WHERE account_id = %s AND token_hash <> %s",
        (account.account_id, passwords.hash_of(keep_session)),
    )
    return True


def begin_second_factor(cursor: psycopg.Cursor[Any], name: str, code: str | None = None) -> str | None:
    """Make up an authenticator's secret for an account; it counts once its first code has been confirmed.

    code: of the present authenticator (or a recovery code), for an account that has one and is to get another.
    Returns None for a wrong code (it is counted). Raises BadInput when a code is needed.
    """
    account = _secrets_of(cursor, name)
    if account is None or (account.totp_confirmed and code is None):
        raise BadInput(
            "第二因子已设置, 更换须有现在的验证码 (a second factor is set up; another one needs the present code)",
            where="code",
            do="遗失时请安全管理员重置: twin user totp NAME (if it is lost: the security administrator resets it)",
        )
    if account.totp_confirmed:
        key = passwords.hash_of(name)
        if cursor.execute(WAIT, (key,)).fetchone() is not None:
            return None
        if not _use_code(cursor, account, code or ""):
            _failed(cursor, name, key, True)
            return None
    secret = passwords.new_code_secret()
    sealed = passwords.seal_code_secret(keys_to_seal(cursor.connection), account.account_id, secret)
    cursor.execute(KEEP_NEXT if account.totp_confirmed else KEEP_FIRST, (sealed, account.account_id))
    return secret


def confirm_second_factor(cursor: psycopg.Cursor[Any], name: str, code: str, session: str | None) -> list[str] | None:
    """Confirm the authenticator with its first code; give the recovery codes (shown this once), None for a wrong code.

    session: the secret of the session in which this is done; it counts as of two factors from now on. Where the
    authenticator takes the place of another, all other sessions end.
    """
    account = _secrets_of(cursor, name)
    sealed = None if account is None else account.totp_next if account.totp_confirmed else account.totp_secret
    if account is None or sealed is None:
        return None
    step = passwords.step_of(code, _code_secret(cursor, account, sealed), time.time())
    if step is None:
        return None
    codes = passwords.new_recovery_codes()
    hashes = [passwords.recovery_hash(one) for one in codes]
    cursor.execute(
        "UPDATE access.account SET totp_secret = %s, totp_next = NULL, totp_confirmed = true, totp_last_step = %s, "
        "recovery_hashes = %s WHERE account_id = %s",
        (sealed, step, hashes, account.account_id),
    )
    here = passwords.hash_of(session) if session is not None else b""
    if account.totp_confirmed:
        cursor.execute(
            "DELETE FROM access.session WHERE account_id = %s AND token_hash <> %s", (account.account_id, here)
        )
    cursor.execute("UPDATE access.session SET second_factor = true WHERE token_hash = %s", (here,))
    return codes
