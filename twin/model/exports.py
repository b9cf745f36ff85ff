"""Files that were asked for."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import FetchedValue, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from twin.model.base import Base, Big, Json


class Export(Base):
    """A collection, or part of it, asked for as a file: by whom, in which state, where it lies and until when."""

    __tablename__ = "export"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    export_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=FetchedValue())
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("twin.job.job_id", ondelete="SET NULL"))
    collection: Mapped[str]
    format: Mapped[str]
    question: Mapped[Json]
    state: Mapped[str]
    asked_by: Mapped[str]
    asked_role: Mapped[str]
    department_id: Mapped[int | None] = mapped_column(ForeignKey("twin.department.department_id"))
    asked_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    path: Mapped[str | None]
    bytes: Mapped[Big | None]
    features: Mapped[Big | None]
    sha256: Mapped[str | None]
    ready_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
