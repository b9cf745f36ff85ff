"""Social entities: a public row, and a private row under row policies."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import FetchedValue, ForeignKey, Identity
from sqlalchemy.orm import Mapped, mapped_column

from twin.model.base import Base, Big, Json, geographic, metric


class Entity(Base):
    """What everyone may know of an entity; names of institutions only."""

    __tablename__ = "entity"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    entity_id: Mapped[Big] = mapped_column(Identity(always=True), primary_key=True)
    type_code: Mapped[str] = mapped_column(ForeignKey("twin.entity_type.type_code"))
    code: Mapped[str]
    public_name_zh: Mapped[str | None]
    building_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.building.building_id", ondelete="SET NULL"))
    address_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.address.address_id"))
    admin_id: Mapped[int | None] = mapped_column(ForeignKey("twin.admin_unit.admin_id"))
    grid_id: Mapped[int | None] = mapped_column(ForeignKey("twin.grid.grid_id"))
    geom: Mapped[Any] = geographic("POINT", nullable=True)
    geom_m: Mapped[Any] = metric("POINT", nullable=True)
    department_id: Mapped[int | None] = mapped_column(ForeignKey("twin.department.department_id"))
    batch_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.batch.batch_id"))
    source_key: Mapped[str | None]
    row_hash: Mapped[bytes | None]
    raw_hash: Mapped[bytes | None]
    row_no: Mapped[Big | None]
    known_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    evidence_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.evidence.evidence_id"))
    valid_from: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    valid_to: Mapped[datetime | None]


class IndexKey(Base):
    """Under which index key the keyed hashes stand, and how far a change to another has come (one row or none)."""

    __tablename__ = "index_key"
    __table_args__ = {"schema": "private"}  # noqa: RUF012

    only_row: Mapped[bool] = mapped_column(primary_key=True, server_default=FetchedValue())
    key_id: Mapped[str]
    past: Mapped[Json] = mapped_column(server_default=FetchedValue())


class PrivateEntity(Base):
    """Names, numbers, phones, sealed; seen by whom they concern. *_mac: keyed hashes for exact search."""

    __tablename__ = "entity"
    __table_args__ = {"schema": "private"}  # noqa: RUF012

    entity_id: Mapped[Big] = mapped_column(
        ForeignKey("twin.entity.entity_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    department_id: Mapped[int] = mapped_column(ForeignKey("twin.department.department_id"))
    grid_id: Mapped[int | None] = mapped_column(ForeignKey("twin.grid.grid_id"))
    credit_code: Mapped[str | None]
    building_code: Mapped[str | None]
    sealed: Mapped[bytes | None]
    content_mac: Mapped[bytes | None]
    key_mac: Mapped[bytes | None]
    id_mac: Mapped[bytes | None]
    phone_mac: Mapped[bytes | None]
    name_mac: Mapped[bytes | None]
    unsealed: Mapped[Json | None]
