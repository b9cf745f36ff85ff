"""The keys of personal data: one file outside the database, read by the processes that load and answer.

The file holds data keys (AES-256, each with an id, one of them in use) and the index key, from which the keyed hashes
(HMAC-SHA-256) for exact search, linking and erasure are derived, with those before it. It never goes into a backup of
the database.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from twin.errors import BadInput, Conflict, KeysMissing

VERSION = b"\x01"
KEY_ID_BYTES, NONCE_BYTES, KEY_BYTES, MAC_BYTES = 4, 12, 32, 16
CHAINED = "key"
HOLD_INDEX_KEY = "SELECT pg_advisory_lock_shared(hashtext('twin.index_key'))"
HEAD = 1 + KEY_ID_BYTES + NONCE_BYTES


@dataclass(frozen=True)
class DataKey:
    """One AES-256 key. key_id: 4 bytes, stands before everything sealed with it."""

    key_id: bytes
    made_at: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class Keyring:
    """The keys of one file. `active` seals; all of them open. index: derives the keyed hashes."""

    path: Path
    keys: tuple[DataKey, ...]
    active: bytes
    index: bytes = field(repr=False)
    older: tuple[bytes, ...] = field(default=(), repr=False)  # index keys of before, the last first

    @property
    def index_id(self) -> str:
        """Name the index key in use, without saying anything of it."""
        return self.derived("name")[:4].hex()

    def rings(self) -> list[Keyring]:
        """Give a ring for each index key there has been, that in use first: what was hashed under any is found."""
        return [self, *(replace(self, index=one, older=self.older[at + 1 :]) for at, one in enumerate(self.older))]

    def seal(self, text: bytes, bound_to: bytes) -> bytes:
        """Encrypt with AES-256-GCM. bound_to: associated data, table and row: moved elsewhere it no longer opens.

        Returns version (1 byte), key id (4), nonce (12), ciphertext and tag. Source: NIST SP 800-38D.
        """
        return self.seal_many([text], [bound_to])[0]

    def seal_many(self, texts: Sequence[bytes], bound_to: Sequence[bytes]) -> list[bytes]:
        """Encrypt many; the nonces are drawn at once."""
        encrypt = self._cipher(self.active).encrypt
        head, nonces = VERSION + self.active, os.urandom(NONCE_BYTES * len(texts))
        sealed = []
        for at, (text, place) in enumerate(zip(texts, bound_to, strict=True)):
            nonce = nonces[NONCE_BYTES * at : NONCE_BYTES * at + NONCE_BYTES]
            sealed.append(head + nonce + encrypt(nonce, text, place))
        return sealed

    def open(self, sealed: bytes, bound_to: bytes) -> bytes:
        """Decrypt. Raises KeysMissing for a key that is not in the file, BadInput where it was changed or moved."""
        nonce = sealed[1 + KEY_ID_BYTES : HEAD]
        try:
            return self._cipher(key_id_of(sealed)).decrypt(nonce, sealed[HEAD:], bound_to)
        except InvalidTag as error:
            raise BadInput("what is sealed here was changed, or belongs to another row") from error

    def mac(self, field_name: str, value: str) -> bytes:
        """Give the keyed hash of a value, 16 bytes: equal values of a field have equal ones, nobody else can tell.

        A deliverer's key stands nowhere but in its hash: another index key hashes the hash of before (see `next_mac`).
        """
        if field_name == CHAINED and self.older:
            return self.next_mac(self.rings()[1].mac(field_name, value))
        return hmac.digest(self.derived(field_name), value.encode(), "sha256")[:MAC_BYTES]

    def next_mac(self, mac: bytes) -> bytes:
        """Give the keyed hash of a deliverer's key from the one under the index key before."""
        return hmac.digest(self.derived(CHAINED), mac, "sha256")[:MAC_BYTES]

    def macs(self, field_name: str, values: Sequence[bytes]) -> list[bytes]:
        """Give the keyed hashes of many values."""
        begun = hmac.new(self.derived(field_name), digestmod="sha256")  # the key is prepared once
        found = []
        for value in values:
            one = begun.copy()
            one.update(value)
            found.append(one.digest()[:MAC_BYTES])
        return found

    def derived(self, name: str) -> bytes:
        """Derive the key of one purpose from the index key."""
        return _derive(self.index, name)

    def _cipher(self, key_id: bytes) -> AESGCM:
        for key in self.keys:
            if key.key_id == key_id:
                return _aes(key.secret)
        raise KeysMissing(
            f"personal data here is sealed with key {key_id.hex()}, which is not among the keys",
            where=str(self.path),
            do="Put the key file back (a copy made with: twin key backup), or name it in TWIN_KEY_FILE",
        )


@lru_cache(maxsize=256)
def _derive(index: bytes, name: str) -> bytes:
    return hmac.digest(index, b"twin " + name.encode(), "sha256")


@lru_cache(maxsize=64)
def _aes(secret: bytes) -> AESGCM:
    return AESGCM(secret)


def key_id_of(sealed: bytes) -> bytes:
    """Say which key something was sealed with. Raises BadInput for what is not sealed in this way."""
    if sealed[:1] != VERSION or len(sealed) < HEAD:
        raise BadInput("this is not sealed in a way the twin knows")
    return sealed[1 : 1 + KEY_ID_BYTES]


def bound_to(table: str, row: int | str) -> bytes:
    """Give the associated data of a row's sealed column. table: with its schema, e.g. private.entity."""
    return f"{table}/{row}".encode()


# ---------------------------------------------------------------- the file
def make_keys(path: Path) -> Keyring:
    """Make a new key file, readable by its owner only. Raises Conflict when there is one."""
    content: dict[str, Any] = {"format": 1, "active": None, "index": _text(secrets.token_bytes(KEY_BYTES)), "keys": []}
    _add_key(content)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        _write(path, content, new=True)
    except FileExistsError as error:
        raise Conflict("there is a key file already", where=str(path), do="To change keys: twin key rotate") from error
    return read_keys(path)


def rotate_keys(path: Path) -> Keyring:
    """Add a data key and seal with it from now on; the old ones still open what they have sealed."""
    read_keys(path)
    content = json.loads(path.read_text(encoding="ascii"))
    _add_key(content)
    _write(path, content)
    return read_keys(path)


def rotate_index_key(path: Path) -> Keyring:
    """Hash with a new index key from now on (twin.actions.rotate_index calls this); the ones before are kept.

    The erasure ledger, which says who was erased, can only be read with the key it was written under.
    """
    read_keys(path)
    content = json.loads(path.read_text(encoding="ascii"))
    content["older_indexes"] = [content["index"], *content.get("older_indexes", ())]
    content["index"] = _text(secrets.token_bytes(KEY_BYTES))
    _write(path, content)
    return read_keys(path)


def drop_keys(path: Path, key_ids: Sequence[bytes]) -> Keyring:
    """Take data keys out that nothing is sealed with any more. Raises BadInput for the one in use."""
    keys = read_keys(path)
    if keys.active in key_ids:
        raise BadInput("the key in use cannot be taken out", where=keys.active.hex())
    content = json.loads(path.read_text(encoding="ascii"))
    content["keys"] = [key for key in content["keys"] if bytes.fromhex(key["id"]) not in key_ids]
    _write(path, content)
    return read_keys(path)


def read_keys(path: Path) -> Keyring:
    """Read a key file. Raises KeysMissing where there is none, BadInput for a broken one or one others can read."""
    try:
        state = path.stat()
    except FileNotFoundError as error:
        raise KeysMissing(
            "the key file of personal data is not there",
            where=str(path),
            do="Put it back (a copy made with: twin key backup), name it in TWIN_KEY_FILE, or make one: twin key make",
        ) from error
    if state.st_mode & 0o077:
        raise BadInput("others than its owner can read the key file", where=str(path), do=f"Run: chmod 600 {path}")
    return _parsed(path, state.st_mtime_ns, state.st_ino)


@lru_cache(maxsize=16)
def _parsed(path: Path, changed_ns: int, inode: int) -> Keyring:
    del changed_ns, inode  # a changed file is read again
    try:
        content = json.loads(path.read_text(encoding="ascii"))
        keys = tuple(
            DataKey(bytes.fromhex(key["id"]), str(key["made_at"]), _bytes(key["secret"])) for key in content["keys"]
        )
        older = tuple(_bytes(one) for one in content.get("older_indexes", ()))
        ring = Keyring(path, keys, bytes.fromhex(content["active"]), _bytes(content["index"]), older)
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput("the key file cannot be read", where=str(path)) from error
    if ring.active not in {key.key_id for key in keys}:
        raise BadInput("the key in use is not in the key file", where=str(path))
    return ring


def _add_key(content: dict[str, Any]) -> None:
    key_id = secrets.token_bytes(KEY_ID_BYTES).hex()
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    content["keys"].append({"id": key_id, "made_at": made_at, "secret": _text(secrets.token_bytes(KEY_BYTES))})
    content["active"] = key_id


def _write(path: Path, content: dict[str, Any], *, new: bool = False) -> None:
    """Write the file whole or not at all; a new one only where there is none."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with _own_file(part) as handle:
        handle.write(json.dumps(content, indent=1).encode("ascii") + b"\n")
    try:
        if new:
            os.link(part, path)
        else:
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _own_file(path: Path) -> Iterator[Any]:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as handle:
        yield handle
        handle.flush()
        os.fsync(handle.fileno())


def _text(secret: bytes) -> str:
    return base64.b64encode(secret).decode("ascii")


def _bytes(text: str) -> bytes:
    secret = base64.b64decode(text, validate=True)
    if len(secret) != KEY_BYTES:
        raise ValueError("a key of the wrong length")
    return secret


# ---------------------------------------------------------------- connections
_files: WeakKeyDictionary[Any, Path] = WeakKeyDictionary()


def remember_keys(connection: Any, path: Path) -> None:
    """Note which key file belongs to what a connection reads and writes; twin.cluster.server does it."""
    _files[connection] = path


def keys_of(connection: Any) -> Keyring:
    """Give the keys that belong to a connection's database. Raises KeysMissing."""
    return read_keys(_file_of(connection))


def keys_if_there(connection: Any) -> Keyring | None:
    """Give the keys that belong to a connection's database; None where they are missing."""
    try:
        return keys_of(connection)
    except (KeysMissing, BadInput):
        return None


def keys_to_seal(connection: psycopg.Connection[Any]) -> Keyring:
    """Give the keys to seal with; the first use in a database where nothing is sealed makes them.

    Raises KeysMissing when something is sealed already and the file is not there: new keys would not open it.
    """
    path = _file_of(connection)
    if not path.exists() and not is_anything_sealed(connection):
        try:
            return make_keys(path)
        except Conflict:  # another process was faster
            return read_keys(path)
    return read_keys(path)


def keys_to_load(connection: psycopg.Connection[Any]) -> Keyring:
    """Give the keys to seal and hash many rows with; as long as the connection is open, the index key stays what it is.

    Raises Conflict while hashes are being changed to another index key: rows would be taken for new ones. KeysMissing.
    """
    with connection.transaction():
        connection.execute(HOLD_INDEX_KEY)
        keys = keys_to_seal(connection)
        if not is_hashed(connection, keys):
            connection.execute("SELECT pg_advisory_unlock_shared(hashtext('twin.index_key'))")
            raise Conflict(
                "索引密钥正在更换, 暂不收个人数据 (the index key is being changed; no personal data is taken in yet)",
                do="twin key apply",
            )
    return keys


def is_hashed(connection: psycopg.Connection[Any], keys: Keyring) -> bool:
    """Tell whether all keyed hashes of a database stand under the index key in use."""
    if not keys.older:
        return True
    row = connection.execute("SELECT key_id, past FROM private.index_key").fetchone()
    return row is not None and row[0] == keys.index_id and not row[1]


def is_anything_sealed(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether the database holds anything that only its keys open."""
    row = connection.execute("SELECT private.is_anything_sealed()").fetchone()
    return bool(row and row[0])


def _file_of(connection: Any) -> Path:
    try:
        return _files[connection]
    except KeyError:
        raise KeysMissing("it is not known which keys belong to this database connection") from None
