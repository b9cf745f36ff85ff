"""Sensors and what they measured."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DOUBLE_PRECISION, FetchedValue, ForeignKey, Identity
from sqlalchemy.orm import Mapped, mapped_column

from twin.model.base import Base, Big, geographic, metric


class Sensor(Base):
    """A sensor and its latest value."""

    __tablename__ = "sensor"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    sensor_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    code: Mapped[str]
    kind: Mapped[str]
    name_zh: Mapped[str | None]
    unit: Mapped[str | None]
    asset_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.asset.asset_id", ondelete="SET NULL"))
    geom: Mapped[Any] = geographic("POINT")
    geom_m: Mapped[Any] = metric("POINT")
    latest_value: Mapped[float | None] = mapped_column(DOUBLE_PRECISION)
    latest_at: Mapped[datetime | None]
    valid_from: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    valid_to: Mapped[datetime | None]


class Observation(Base):
    """One measured value."""

    __tablename__ = "observation"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    sensor_id: Mapped[int] = mapped_column(ForeignKey("twin.sensor.sensor_id"), primary_key=True, autoincrement=False)
    observed_at: Mapped[datetime] = mapped_column(primary_key=True)
    value: Mapped[float] = mapped_column(DOUBLE_PRECISION)
