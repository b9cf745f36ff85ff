"""Where: administrative units and unit grids."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import FetchedValue, ForeignKey, Identity
from sqlalchemy.orm import Mapped, mapped_column

from twin.model.base import Base, Small, geographic, metric


class AdminUnit(Base):
    """A district, street or town, community or village."""

    __tablename__ = "admin_unit"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    admin_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    code: Mapped[str]
    level: Mapped[Small]
    name_zh: Mapped[str]
    name_en: Mapped[str | None]
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("twin.admin_unit.admin_id"))
    geom: Mapped[Any] = geographic("MULTIPOLYGON", nullable=True)
    geom_m: Mapped[Any] = metric("MULTIPOLYGON", nullable=True)
    valid_from: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    valid_to: Mapped[datetime | None]


class Grid(Base):
    """A unit grid (单元网格) with its 15-digit code."""

    __tablename__ = "grid"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    grid_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    code: Mapped[str]
    admin_id: Mapped[int] = mapped_column(ForeignKey("twin.admin_unit.admin_id"))
    name_zh: Mapped[str | None]
    geom: Mapped[Any] = geographic("POLYGON")
    geom_m: Mapped[Any] = metric("POLYGON")
    valid_from: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    valid_to: Mapped[datetime | None]
    land_use_code: Mapped[str | None]
    management_class: Mapped[str | None]


class GridSuccession(Base):
    """A grid that ended and one that took its place."""

    __tablename__ = "grid_succession"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    old_grid_id: Mapped[int] = mapped_column(ForeignKey("twin.grid.grid_id"), primary_key=True)
    new_grid_id: Mapped[int] = mapped_column(ForeignKey("twin.grid.grid_id"), primary_key=True)
    kind: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    decided_by: Mapped[str]


class ManagementGrid(Base):
    """A union of adjacent unit grids: what one worker walks, what is evaluated together, a park or market."""

    __tablename__ = "management_grid"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    management_grid_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    code: Mapped[str]
    name_zh: Mapped[str]
    kind: Mapped[str]
    valid_from: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    valid_to: Mapped[datetime | None]


class ManagementGridMember(Base):
    """A unit grid in a management grid."""

    __tablename__ = "management_grid_member"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    management_grid_id: Mapped[int] = mapped_column(
        ForeignKey("twin.management_grid.management_grid_id", ondelete="CASCADE"), primary_key=True
    )
    grid_id: Mapped[int] = mapped_column(ForeignKey("twin.grid.grid_id"), primary_key=True)
    valid_from: Mapped[datetime] = mapped_column(server_default=FetchedValue(), primary_key=True)
    valid_to: Mapped[datetime | None]
