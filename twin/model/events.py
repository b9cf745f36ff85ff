"""Cases: events with their class, state and deadline."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Identity
from sqlalchemy.orm import Mapped, mapped_column

from twin.model.base import Base, Big, Small, geographic, metric


class Event(Base):
    """One event (case)."""

    __tablename__ = "event"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    event_id: Mapped[Big] = mapped_column(Identity(always=True), primary_key=True)
    code: Mapped[str]
    event_class_id: Mapped[Small] = mapped_column(ForeignKey("twin.event_class.event_class_id"))
    asset_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.asset.asset_id", ondelete="SET NULL"))
    source: Mapped[str]
    state: Mapped[str]
    title_zh: Mapped[str]
    severity: Mapped[str | None]
    geom: Mapped[Any] = geographic("POINT")
    geom_m: Mapped[Any] = metric("POINT")
    admin_id: Mapped[int | None] = mapped_column(ForeignKey("twin.admin_unit.admin_id"))
    grid_id: Mapped[int | None] = mapped_column(ForeignKey("twin.grid.grid_id"))
    reported_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    batch_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.batch.batch_id"))
    evidence_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.evidence.evidence_id"))
