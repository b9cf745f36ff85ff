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
