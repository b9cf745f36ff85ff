"""Standard addresses down to the building."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import FetchedValue, ForeignKey, Identity
from sqlalchemy.orm import Mapped, mapped_column

from twin.model.base import Base, Big, Json, geographic, metric


class Address(Base):
    """A standard address; rooms are private and stand elsewhere."""

    __tablename__ = "address"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    address_id: Mapped[Big] = mapped_column(Identity(always=True), primary_key=True)
    code: Mapped[str]
    text_zh: Mapped[str]
    normalised: Mapped[str]
    components: Mapped[Json]
    register_version: Mapped[int] = mapped_column(server_default=FetchedValue())
    admin_id: Mapped[int | None] = mapped_column(ForeignKey("twin.admin_unit.admin_id"))
    grid_id: Mapped[int | None] = mapped_column(ForeignKey("twin.grid.grid_id"))
    building_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.building.building_id", ondelete="SET NULL"))
    geom: Mapped[Any] = geographic("POINT", nullable=True)
    geom_m: Mapped[Any] = metric("POINT", nullable=True)
    source_key: Mapped[str | None]
    row_hash: Mapped[bytes | None]
    raw_hash: Mapped[bytes | None]
    row_no: Mapped[Big | None]
    known_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    batch_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.batch.batch_id"))
    evidence_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.evidence.evidence_id"))
    valid_from: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    valid_to: Mapped[datetime | None]


class AddressAlias(Base):
    """Another text of a standard address: an old name, how people say it."""

    __tablename__ = "address_alias"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    address_alias_id: Mapped[Big] = mapped_column(Identity(always=True), primary_key=True)
    address_id: Mapped[Big] = mapped_column(ForeignKey("twin.address.address_id", ondelete="CASCADE"))
    alias: Mapped[str]
    normalised: Mapped[str]
    kind: Mapped[str]
    valid_from: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    valid_to: Mapped[datetime | None]
