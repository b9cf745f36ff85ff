"""What departments' words mean among the 108 classes, and the words nobody has explained yet."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import FetchedValue, ForeignKey, Identity
from sqlalchemy.orm import Mapped, mapped_column

from twin.model.base import Base, Big, Real, Small


class ClassWord(Base):
    """One meaning of a department's code, word, keyword or OSM tag; class_id None: none of the 108."""

    __tablename__ = "class_word"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    class_word_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    department_id: Mapped[int | None] = mapped_column(ForeignKey("twin.department.department_id"))
    kind: Mapped[str]
    written: Mapped[str]
    class_id: Mapped[Small | None] = mapped_column(ForeignKey("twin.class.class_id"))
    confidence: Mapped[Real]
    decided_by: Mapped[str]
    note: Mapped[str | None]
    valid_from: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    valid_to: Mapped[datetime | None]


class UnmappedClass(Base):
    """A word that no class was found for, with the delivery it came in."""

    __tablename__ = "unmapped_class"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    unmapped_class_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    department_id: Mapped[int | None] = mapped_column(ForeignKey("twin.department.department_id"))
    word: Mapped[str]
    rows: Mapped[Big]
    file: Mapped[str]
    batch_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.batch.batch_id", ondelete="SET NULL"))
    first_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    last_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    settled_at: Mapped[datetime | None]
