"""Who is responsible for what, where."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import FetchedValue, ForeignKey, Identity
from sqlalchemy.orm import Mapped, mapped_column

from twin.model.base import Base, Small


class Responsibility(Base):
    """Who supervises, owns or maintains things of a class (or category, or any) in an area (or everywhere)."""

    __tablename__ = "responsibility"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    responsibility_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    role: Mapped[str]
    class_id: Mapped[Small | None] = mapped_column(ForeignKey("twin.class.class_id"))
    category_zh: Mapped[str | None]
    admin_id: Mapped[int | None] = mapped_column(ForeignKey("twin.admin_unit.admin_id"))
    grid_id: Mapped[int | None] = mapped_column(ForeignKey("twin.grid.grid_id"))
    management_grid_id: Mapped[int | None] = mapped_column(ForeignKey("twin.management_grid.management_grid_id"))
    department_id: Mapped[int] = mapped_column(ForeignKey("twin.department.department_id"))
    decided_by: Mapped[str]
    valid_from: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    valid_to: Mapped[datetime | None]
