"""Who may do what: rights, and the count that says when to read them again."""

from __future__ import annotations

from sqlalchemy import FetchedValue
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from twin.model.base import Base, Big


class Right(Base):
    """What a role may do with a collection, where, and which fields of it."""

    __tablename__ = "right"
    __table_args__ = {"schema": "access"}  # noqa: RUF012

    role: Mapped[str] = mapped_column(primary_key=True)
    action: Mapped[str] = mapped_column(primary_key=True)
    collection: Mapped[str] = mapped_column(primary_key=True)
    area: Mapped[str] = mapped_column(primary_key=True)
    fields: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    allowed: Mapped[bool] = mapped_column(server_default=FetchedValue())
    is_local: Mapped[bool] = mapped_column(server_default=FetchedValue())


class AccessState(Base):
    """How often rights or accounts have changed (one row)."""

    __tablename__ = "state"
    __table_args__ = {"schema": "access"}  # noqa: RUF012

    only_row: Mapped[bool] = mapped_column(primary_key=True, server_default=FetchedValue())
    version: Mapped[Big] = mapped_column(server_default=FetchedValue())
