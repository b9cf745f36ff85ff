"""Totals of the city by square, and the squares whose totals a write has made stale."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import FetchedValue, Identity
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION
from sqlalchemy.orm import Mapped, mapped_column

from twin.model.base import Base, Big, Small


class AreaTotal(Base):
    """How many of what stand in a square, how long and how large together. level: 0 for 256 m, 1 for 2048 m."""

    __tablename__ = "area_total"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    level: Mapped[Small] = mapped_column(primary_key=True, autoincrement=False)
    col: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    row: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    what: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    n: Mapped[Big]
    length_m: Mapped[float] = mapped_column(DOUBLE_PRECISION)
    area_m2: Mapped[float] = mapped_column(DOUBLE_PRECISION)


class AreaStale(Base):
    """A square in which something has been written since its totals were counted."""

    __tablename__ = "area_stale"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    area_stale_id: Mapped[Big] = mapped_column(Identity(always=True), primary_key=True)
    of_table: Mapped[str]
    col: Mapped[int]
    row: Mapped[int]


class TileChange(Base):
    """Something that vector tiles show was changed in a square of 2048 m; without a square: everywhere."""

    __tablename__ = "tile_change"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    change_id: Mapped[Big] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str]
    col: Mapped[int | None]
    row: Mapped[int | None]
    n: Mapped[Big] = mapped_column(server_default=FetchedValue())
    at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
