"""Infrastructure: what the 108 classes count."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CHAR, FetchedValue, ForeignKey, Identity
from sqlalchemy.orm import Mapped, mapped_column

from twin.model.base import Base, Big, Json, Real, Small, geographic, metric


class Asset(Base):
    """One lamp, cover, tree ...; code is its component identifier."""

    __tablename__ = "asset"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    asset_id: Mapped[Big] = mapped_column(Identity(always=True), primary_key=True)
    class_id: Mapped[Small] = mapped_column(ForeignKey("twin.class.class_id"))
    code: Mapped[str]
    name_zh: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default=FetchedValue())
    geom: Mapped[Any] = geographic("GEOMETRY")
    geom_m: Mapped[Any] = metric("GEOMETRY")
    height_m: Mapped[Real | None]
    height_sigma_m: Mapped[Real | None]
    vertical_datum: Mapped[str | None]
    attributes: Mapped[Json] = mapped_column(server_default=FetchedValue())
    accuracy_class: Mapped[str] = mapped_column(CHAR(1), server_default=FetchedValue())
    supervising_department_id: Mapped[int | None] = mapped_column(ForeignKey("twin.department.department_id"))
    owning_department_id: Mapped[int | None] = mapped_column(ForeignKey("twin.department.department_id"))
    maintaining_department_id: Mapped[int | None] = mapped_column(ForeignKey("twin.department.department_id"))
    admin_id: Mapped[int | None] = mapped_column(ForeignKey("twin.admin_unit.admin_id"))
    grid_id: Mapped[int | None] = mapped_column(ForeignKey("twin.grid.grid_id"))
    source_key: Mapped[str | None]
    row_hash: Mapped[bytes | None]
    raw_hash: Mapped[bytes | None]
    row_no: Mapped[Big | None]
    known_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    batch_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.batch.batch_id"))
    evidence_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.evidence.evidence_id"))
    valid_from: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    valid_to: Mapped[datetime | None]
