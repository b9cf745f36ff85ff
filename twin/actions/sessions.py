"""Who is logged in with an account, from where and with what; ending such sessions.

Every cursor here is in a transaction (twin.session.transaction) in the role system or security_admin.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from twin.actions.accounts import one_account
from twin.actions.log_in import IDLE_S
from twin.actions.passwords import hash_of
from twin.errors import NotFound

LIST = """
SELECT s.session_id, s.made_at, s.seen_at, s.expires_at, s.second_factor, s.address, s.device,
       s.token_hash = %(here)s
FROM access.session s JOIN access.account a USING (account_id)
WHERE a.name = %(name)s AND s.expires_at > now() AND s.seen_at > now() - make_interval(secs => %(idle_s)s)
ORDER BY s.token_hash = %(here)s DESC, s.seen_at DESC, s.session_id
"""
END = """
DELETE FROM access.session s USING access.account a
WHERE a.account_id = s.account_id AND a.name = %(name)s AND s.token_hash <> %(here)s
  AND (%(session_id)s::uuid IS NULL OR s.session_id = %(session_id)s)
RETURNING s.session_id
"""
NOWHERE = b""


@dataclass(frozen=True)
class SeenSession:
    """A session as its owner recognises it. here: the one that asks. address, device: where from, with what."""

    session_id: UUID
    made_at: datetime
    seen_at: datetime
    expires_at: datetime
    second_factor: bool
    address: str
    device: str
    here: bool


def list_sessions(cursor: psycopg.Cursor[Any], name: str, here: str | None = None) -> list[SeenSession]:
    """List an account's sessions that are not over. here: the secret of the one that asks. Raises NotFound."""
    one_account(cursor, name)
    values = {"name": name, "here": hash_of(here) if here else NOWHERE, "idle_s": IDLE_S}
    return [SeenSession(*row) for row in cursor.execute(LIST, values).fetchall()]


def end_sessions(
    cursor: psycopg.Cursor[Any], name: str, *, session_id: UUID | None = None, keep: str | None = None
) -> int:
    """End one session of an account, or all; its tokens stay. keep: the secret of a session that goes on.

    Returns how many have ended. Raises NotFound for an account, or a session of it, that is not there.
    """
    one_account(cursor, name)
    values = {"name": name, "session_id": session_id, "here": hash_of(keep) if keep else NOWHERE}
    ended = len(cursor.execute(END, values).fetchall())
    if session_id is not None and not ended:
        raise NotFound("没有这个会话 (there is no such session)", where=str(session_id))
    cursor.execute(
        "SELECT audit.write('session.end', %s, jsonb_build_object('ended', %s::int))", (f"account {name}", ended)
    )
    return ended
