"""Who may do what: rights, and the count that says when to read them again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import FetchedValue, ForeignKey, Identity
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from twin.model.base import Base, Big


class Right(Base):
    """What a role may do with a collection, where, and which fields of it."""

    __tablename__ = "right"
    __table_args__ = {"schema": "access"}  # noqa: RUF012

    role: Mapped[str] = mapped_column(primary_key=True)
    action: Mapped[str] = mapped_column(primary_key=True)
    collection: Mapped[str] = mapped_column(primary_key=True)
    area: Mapped[str] = mapped_column(primary_key=True)
    fields: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    allowed: Mapped[bool] = mapped_column(server_default=FetchedValue())
    is_local: Mapped[bool] = mapped_column(server_default=FetchedValue())


class AccessState(Base):
    """How often rights or accounts have changed (one row)."""

    __tablename__ = "state"
    __table_args__ = {"schema": "access"}  # noqa: RUF012

    only_row: Mapped[bool] = mapped_column(primary_key=True, server_default=FetchedValue())
    version: Mapped[Big] = mapped_column(server_default=FetchedValue())
    has_accounts: Mapped[bool] = mapped_column(server_default=FetchedValue())


class Account(Base):
    """Who may log in, and as what. Passwords are argon2id hashes."""

    __tablename__ = "account"
    __table_args__ = {"schema": "access"}  # noqa: RUF012

    account_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str]
    person: Mapped[str]
    role: Mapped[str]
    department_id: Mapped[int | None] = mapped_column(ForeignKey("twin.department.department_id"))
    grid_codes: Mapped[list[str]] = mapped_column(ARRAY(TEXT), server_default=FetchedValue())
    password_hash: Mapped[str | None]
    must_change: Mapped[bool] = mapped_column(server_default=FetchedValue())
    totp_secret: Mapped[str | None]
    totp_confirmed: Mapped[bool] = mapped_column(server_default=FetchedValue())
    totp_next: Mapped[str | None]
    totp_last_step: Mapped[Big] = mapped_column(server_default=FetchedValue())
    recovery_hashes: Mapped[list[str]] = mapped_column(ARRAY(TEXT), server_default=FetchedValue())
    oidc_issuer: Mapped[str | None]
    oidc_subject: Mapped[str | None]
    disabled: Mapped[bool] = mapped_column(server_default=FetchedValue())
    made_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    made_by: Mapped[str]
    last_login_at: Mapped[datetime | None]


class LoginSession(Base):
    """A browser that has logged in, by the hash of its cookie."""

    __tablename__ = "session"
    __table_args__ = {"schema": "access"}  # noqa: RUF012

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("access.account.account_id", ondelete="CASCADE"))
    made_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    seen_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    expires_at: Mapped[datetime]
    second_factor: Mapped[bool]
    session_id: Mapped[UUID] = mapped_column(server_default=FetchedValue(), unique=True)
    address: Mapped[str] = mapped_column(server_default=FetchedValue())
    device: Mapped[str] = mapped_column(server_default=FetchedValue())


class Token(Base):
    """A program's key to an account's rights, by its hash."""

    __tablename__ = "token"
    __table_args__ = {"schema": "access"}  # noqa: RUF012

    token_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("access.account.account_id", ondelete="CASCADE"))
    name: Mapped[str]
    token_hash: Mapped[bytes]
    made_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    made_by: Mapped[str]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class LoginFailure(Base):
    """How often logging in under a name (its hash) has failed in a row."""

    __tablename__ = "login_failure"
    __table_args__ = {"schema": "access"}  # noqa: RUF012

    name_hash: Mapped[bytes] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime]
    locked_until: Mapped[datetime | None]


class RepeatedRequest(Base):
    """What was answered to a request with an Idempotency-Key, sealed; without an answer it is being answered."""

    __tablename__ = "repeated_request"
    __table_args__ = {"schema": "access"}  # noqa: RUF012

    request_hash: Mapped[bytes] = mapped_column(primary_key=True)
    body_hash: Mapped[bytes]
    begun_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    answer: Mapped[bytes | None]
