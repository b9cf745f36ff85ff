"""A request that is sent twice is done once: its answer is kept for a day under the client's own key."""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Any

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from twin.errors import BadInput, Conflict

FORGET = "DELETE FROM access.repeated_request WHERE begun_at < now() - interval '24 hours'"
# Whoever began it two minutes ago and has not answered is no longer there.
CLAIM = """
INSERT INTO access.repeated_request AS r (request_hash, body_hash) VALUES (%s, %s)
ON CONFLICT (request_hash) DO UPDATE SET begun_at = now(), body_hash = excluded.body_hash
WHERE r.answer IS NULL AND r.begun_at < now() - interval '2 minutes'
RETURNING true
"""
READ = "SELECT body_hash, answer FROM access.repeated_request WHERE request_hash = %s"
KEEP = "UPDATE access.repeated_request SET answer = %s WHERE request_hash = %s"
LET_GO = "DELETE FROM access.repeated_request WHERE request_hash = %s AND answer IS NULL"
NONCE_BYTES = 12


class RepeatableRequest:
    """One request as it is known by: who sends it, where to, and the client's key, of which only hashes are stored."""

    def __init__(self, actor: str, address: str, key: str) -> None:
        """actor: the account. address: method, path and query. key: at least 16 characters, the client's own."""
        named = "\0".join((actor, address, key)).encode()
        self.request_hash = hashlib.sha256(b"request\0" + named).digest()
        self._secret = hashlib.sha256(b"answer\0" + named).digest()

    def body_hash(self, body: bytes) -> bytes:
        """Give the keyed hash of a body."""
        return hmac.digest(self._secret, body, "sha256")

    async def claim(self, cursor: psycopg.AsyncCursor[Any], body: bytes) -> bytes | None:
        """Begin it, or give what was answered before. Commit the cursor's transaction before doing the work.

        Returns None when it is to be done now. Raises BadInput when another body was sent under the key, Conflict
        while it is being answered.
        """
        await cursor.execute(FORGET)
        hashed = self.body_hash(body)
        if await (await cursor.execute(CLAIM, (self.request_hash, hashed))).fetchone() is not None:
            return None
        row = await (await cursor.execute(READ, (self.request_hash,))).fetchone()
        if row is not None and not hmac.compare_digest(bytes(row[0]), hashed):
            raise BadInput(
                "同一个 Idempotency-Key 已用于别的内容 (this key has been used for another body)",
                where="Idempotency-Key",
                do="换一个新的 (use a new key for each thing to be done)",
            )
        if row is None or row[1] is None:
            raise Conflict(
                "同一请求正在处理 (the same request is being answered)", do="稍后再问 (ask again in a moment)"
            )
        return self._open(bytes(row[1]))

    async def keep(self, cursor: psycopg.AsyncCursor[Any], answer: bytes) -> None:
        """Keep the answer, sealed."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + AESGCM(self._secret).encrypt(nonce, answer, self.request_hash)
        await cursor.execute(KEEP, (sealed, self.request_hash))

    async def let_go(self, cursor: psycopg.AsyncCursor[Any]) -> None:
        """Forget that it was begun: nothing was done, it may be sent again."""
        await cursor.execute(LET_GO, (self.request_hash,))

    def _open(self, sealed: bytes) -> bytes:
        try:
            return AESGCM(self._secret).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self.request_hash)
        except InvalidTag as error:
            raise Conflict("保存的答复已损坏 (the answer that was kept is damaged)", do="换一个新的 key") from error
