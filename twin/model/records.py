"""What departments deliver: batches, records, what was refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import FetchedValue, ForeignKey, Identity
from sqlalchemy.orm import Mapped, mapped_column

from twin.model.base import Base, Big, Json, Real, geographic, metric


class Batch(Base):
    """One file's way into the twin, with its counts and checkpoint."""

    __tablename__ = "batch"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    batch_id: Mapped[Big] = mapped_column(Identity(always=True), primary_key=True)
    department_id: Mapped[int | None] = mapped_column(ForeignKey("twin.department.department_id"))
    target: Mapped[str]
    file: Mapped[str]
    file_sha256: Mapped[str]
    layer: Mapped[str | None]
    mapping: Mapped[Json] = mapped_column(server_default=FetchedValue())
    source_crs: Mapped[str | None]
    source_datum: Mapped[str | None]
    encoding: Mapped[str | None]
    state: Mapped[str]
    read: Mapped[Big] = mapped_column(server_default=FetchedValue())
    inserted: Mapped[Big] = mapped_column(server_default=FetchedValue())
    changed: Mapped[Big] = mapped_column(server_default=FetchedValue())
    unchanged: Mapped[Big] = mapped_column(server_default=FetchedValue())
    rejected: Mapped[Big] = mapped_column(server_default=FetchedValue())
    checkpoint: Mapped[Big] = mapped_column(server_default=FetchedValue())
    started_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    finished_at: Mapped[datetime | None]
    given_by: Mapped[str | None]
    method: Mapped[str | None]
    sigma_m: Mapped[Real | None]
    run: Mapped[UUID | None]
    is_complete: Mapped[bool] = mapped_column(server_default=FetchedValue())
    ended: Mapped[Big] = mapped_column(server_default=FetchedValue())
    mends_batch_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.batch.batch_id"))
    rolled_back_at: Mapped[datetime | None]
    rolled_back_by: Mapped[str | None]


class BatchPart(Base):
    """A stretch of a delivery's rows that is settled."""

    __tablename__ = "batch_part"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    batch_id: Mapped[Big] = mapped_column(
        ForeignKey("twin.batch.batch_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    first_row: Mapped[Big] = mapped_column(primary_key=True, autoincrement=False)
    row_count: Mapped[Big]


class RefusedDelivery(Base):
    """A file or layer set aside as a whole, with the reason its deliverer was told."""

    __tablename__ = "refused_delivery"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    refused_delivery_id: Mapped[Big] = mapped_column(Identity(always=True), primary_key=True)
    department_id: Mapped[int | None] = mapped_column(ForeignKey("twin.department.department_id"))
    file: Mapped[str]
    file_sha256: Mapped[str]
    layer: Mapped[str | None]
    reason_code: Mapped[str]
    message: Mapped[str]
    given_by: Mapped[str]
    times: Mapped[int] = mapped_column(server_default=FetchedValue())
    first_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    last_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())


class Record(Base):
    """The public part of a department's record."""

    __tablename__ = "record"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    record_id: Mapped[Big] = mapped_column(Identity(always=True), primary_key=True)
    department_id: Mapped[int] = mapped_column(ForeignKey("twin.department.department_id"))
    kind: Mapped[str]
    source_key: Mapped[str]
    title_zh: Mapped[str]
    recorded_at: Mapped[datetime | None]
    state: Mapped[str | None]
    attributes: Mapped[Json] = mapped_column(server_default=FetchedValue())
    address_given: Mapped[str | None]
    geom: Mapped[Any] = geographic("POINT", nullable=True)
    geom_m: Mapped[Any] = metric("POINT", nullable=True)
    admin_id: Mapped[int | None] = mapped_column(ForeignKey("twin.admin_unit.admin_id"))
    grid_id: Mapped[int | None] = mapped_column(ForeignKey("twin.grid.grid_id"))
    row_hash: Mapped[bytes | None]
    raw_hash: Mapped[bytes | None]
    row_no: Mapped[Big | None]
    known_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    batch_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.batch.batch_id"))
    evidence_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.evidence.evidence_id"))
    valid_from: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    valid_to: Mapped[datetime | None]


class PrivateRecord(Base):
    """The rest of a record, seen by its department."""

    __tablename__ = "record"
    __table_args__ = {"schema": "private"}  # noqa: RUF012

    record_id: Mapped[Big] = mapped_column(
        ForeignKey("twin.record.record_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    department_id: Mapped[int] = mapped_column(ForeignKey("twin.department.department_id"))
    unsealed: Mapped[Json | None]
    sealed: Mapped[bytes | None]
    content_mac: Mapped[bytes | None]
    id_mac: Mapped[bytes | None]
    credit_code: Mapped[str | None]
    has_name: Mapped[bool | None]


class QuarantinedRow(Base):
    """A refused row in its raw form, with the reason."""

    __tablename__ = "quarantine"
    __table_args__ = {"schema": "private"}  # noqa: RUF012

    quarantine_id: Mapped[Big] = mapped_column(Identity(always=True), primary_key=True)
    batch_id: Mapped[Big] = mapped_column(ForeignKey("twin.batch.batch_id", ondelete="CASCADE"))
    department_id: Mapped[int | None] = mapped_column(ForeignKey("twin.department.department_id"))
    row_no: Mapped[Big]
    reason_code: Mapped[str]
    detail: Mapped[str | None]
    unsealed: Mapped[Json | None]
    mended_batch_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.batch.batch_id"))
    mended_at: Mapped[datetime | None]
    sealed: Mapped[bytes | None]
