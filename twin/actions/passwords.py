"""Secrets people and programs log in with: argon2id passwords, random tokens kept as hashes, six-digit codes."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import string
from functools import cache

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from twin.errors import BadInput, KeysMissing
from twin.personal.keyring import Keyring

SHORTEST, LONGEST = 12, 200
TOKEN_PREFIX = "twin_"  # noqa: S105 -- how tokens begin, so that leaked ones can be found
CODE_STEP_S = 30
NONCE_BYTES = 12
RECOVERY_CODES = 10
_hasher = PasswordHasher()  # argon2id, 64 MiB, RFC 9106's second recommended choice


def check_password(password: str, name: str) -> None:
    """Raise BadInput unless a text can be a password: long, not the name, not one letter again and again."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadInput(
            f"密码须为 {SHORTEST} 到 {LONGEST} 个字符 (a password has {SHORTEST} to {LONGEST} characters)",
            where="password",
        )
    if name.lower() in password.lower() or len(set(password)) < 5:
        raise BadInput("密码太容易猜到 (this password is easily guessed)", where="password")


def hash_password(password: str) -> str:
    """Hash a password with argon2id."""
    return _hasher.hash(password)


@cache
def _nobodys_hash() -> str:
    return _hasher.hash(secrets.token_hex())


def is_password(password: str, hashed: str | None) -> bool:
    """Tell whether a password is the one hashed; takes as long where there is none to compare with."""
    try:
        right = _hasher.verify(hashed or _nobodys_hash(), password)
    except (VerificationError, InvalidHashError):
        return False
    return right and hashed is not None


def new_password() -> str:
    """Make up a password to be handed over once: 20 letters and digits that are not mistaken for each other."""
    letters = [letter for letter in string.ascii_letters + string.digits if letter not in "0O1lI"]
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


def new_token() -> str:
    """Make up a program's token: 256 random bits."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def hash_of(secret: str) -> bytes:
    """Hash a random text of 128 bits or more; such a text needs no salt and no slow hash."""
    return hashlib.sha256(secret.encode()).digest()


def new_code_secret() -> str:
    """Make up the secret of an authenticator (base32)."""
    return pyotp.random_base32()


def seal_code_secret(keys: Keyring, account_id: int, secret: str) -> str:
    """Encrypt an authenticator's secret, bound to its account; the derived key outlives a rotation of keys."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(keys.derived("totp")).encrypt(nonce, secret.encode(), f"access.account/{account_id}".encode())
    return base64.b64encode(nonce + sealed).decode()


def open_code_secret(keys: Keyring, account_id: int, sealed: str) -> str:
    """Decrypt an authenticator's secret. Raises KeysMissing when it was sealed with other keys, moved or changed."""
    raw, place = base64.b64decode(sealed), f"access.account/{account_id}".encode()
    for ring in keys.rings():
        try:
            return AESGCM(ring.derived("totp")).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place).decode()
        except InvalidTag:
            continue
    raise KeysMissing(
        "第二因子是用别的密钥封存的 (the second factor was sealed with other keys)",
        do="twin key, 或重置: twin user totp NAME (put the keys back, or reset it)",
    )


def code_uri(secret: str, name: str, city: str) -> str:
    """Give the text of the QR code that an authenticator reads."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=f"Twin {city}")


def step_of(code: str, secret: str, now_s: float) -> int | None:
    """Give the time step for which a code is right, one before and one after allowed; None for a wrong code."""
    totp = pyotp.TOTP(secret)
    now = int(now_s) // CODE_STEP_S
    for step in (now, now - 1, now + 1):
        if secrets.compare_digest(totp.generate_otp(step), code.strip().replace(" ", "")):
            return step
    return None


def new_recovery_codes() -> list[str]:
    """Make up the codes for a person who has lost the authenticator; each is good once."""
    return [f"{secrets.token_hex(4)}-{secrets.token_hex(4)}" for _ in range(RECOVERY_CODES)]


def recovery_hash(code: str) -> str:
    """Hash a recovery code as typed."""
    return hash_of(code.strip().lower()).hex()
