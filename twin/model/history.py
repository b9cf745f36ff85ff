"""What was believed before, and who looked at or changed what. Written by the database itself."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CHAR, FetchedValue
from sqlalchemy.orm import Mapped, mapped_column

from twin.model.base import Base, Big, Json


class Version(Base):
    """A change of a public row, with the row as it was."""

    __tablename__ = "version"
    __table_args__ = {"schema": "history"}  # noqa: RUF012

    version_id: Mapped[Big] = mapped_column(primary_key=True, server_default=FetchedValue())
    table_name: Mapped[str]
    row_id: Mapped[Big]
    operation: Mapped[str] = mapped_column(CHAR(1))
    valid_from: Mapped[datetime | None]
    valid_to: Mapped[datetime | None]
    known_from: Mapped[datetime]
    known_to: Mapped[datetime]
    actor: Mapped[str | None]
    request_id: Mapped[str | None]
    old_row: Mapped[Json | None]


class PrivateVersion(Base):
    """A change of a private row, under the same policies as the row."""

    __tablename__ = "private_version"
    __table_args__ = {"schema": "history"}  # noqa: RUF012

    version_id: Mapped[Big] = mapped_column(primary_key=True, server_default=FetchedValue())
    table_name: Mapped[str]
    row_id: Mapped[Big]
    operation: Mapped[str] = mapped_column(CHAR(1))
    valid_from: Mapped[datetime | None]
    valid_to: Mapped[datetime | None]
    known_from: Mapped[datetime]
    known_to: Mapped[datetime]
    actor: Mapped[str | None]
    request_id: Mapped[str | None]
    old_row: Mapped[Json | None]
    department_id: Mapped[int | None]
    grid_id: Mapped[int | None]


class AuditEntry(Base):
    """One entry of the hash-chained audit log."""

    __tablename__ = "log"
    __table_args__ = {"schema": "audit"}  # noqa: RUF012

    audit_id: Mapped[Big] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    actor: Mapped[str]
    role: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str | None]
    purpose: Mapped[str | None]
    request_id: Mapped[str | None]
    detail: Mapped[Json] = mapped_column(server_default=FetchedValue())
    previous_hash: Mapped[bytes]
    hash: Mapped[bytes]


class SubjectKey(Base):
    """The key of what the audit says about somebody in words, sealed; erasing somebody destroys it."""

    __tablename__ = "subject_key"
    __table_args__ = {"schema": "audit"}  # noqa: RUF012

    subject: Mapped[str] = mapped_column(primary_key=True)
    sealed: Mapped[bytes]
    made_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())


class PutAway(Base):
    """Audit entries put into an archive: the chain goes on from the last of them."""

    __tablename__ = "put_away"
    __table_args__ = {"schema": "audit"}  # noqa: RUF012

    last_id: Mapped[Big] = mapped_column(primary_key=True, autoincrement=False)
    last_hash: Mapped[bytes]
    first_id: Mapped[Big]
    archive: Mapped[str]
    archive_sha256: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    put_away_by: Mapped[str]


class AppliedErasure(Base):
    """An entry of the erasure ledger that this database has been brought to."""

    __tablename__ = "erasure"
    __table_args__ = {"schema": "audit"}  # noqa: RUF012

    entry: Mapped[str] = mapped_column(primary_key=True)
    applied_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
