"""The city's own row, departments, evidence, jobs, search."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import FetchedValue, ForeignKey, Identity, Integer
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from twin.model.base import Base, Big, Json, Real, Small, geographic


class City(Base):
    """The city this database was made for (one row)."""

    __tablename__ = "city"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    only_row: Mapped[bool] = mapped_column(primary_key=True, server_default=FetchedValue())
    code: Mapped[str]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    working_srid: Mapped[int]
    vertical_datum: Mapped[str]
    code_scheme: Mapped[str]
    utc_offset_h: Mapped[Small] = mapped_column(server_default=FetchedValue())
    model_version: Mapped[str]


class Department(Base):
    """A department that delivers, owns or maintains."""

    __tablename__ = "department"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    department_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    code: Mapped[str]
    name_zh: Mapped[str]
    name_en: Mapped[str | None]


class Evidence(Base):
    """Where a value came from, how sure, who confirmed it."""

    __tablename__ = "evidence"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    evidence_id: Mapped[Big] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str]
    batch_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.batch.batch_id", ondelete="SET NULL"))
    file: Mapped[str | None]
    row_no: Mapped[Big | None]
    survey_id: Mapped[int | None] = mapped_column(ForeignKey("twin.survey.survey_id", ondelete="SET NULL"))
    photo_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.photo.photo_id", ondelete="SET NULL"))
    pixel_col: Mapped[Real | None]
    pixel_row: Mapped[Real | None]
    method: Mapped[str | None]
    sigma_m: Mapped[Real | None]
    confidence: Mapped[Real | None]
    observed_at: Mapped[datetime | None]
    known_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    confirmed_by: Mapped[str | None]
    confirmed_at: Mapped[datetime | None]


class Job(Base):
    """A piece of long work as people see it."""

    __tablename__ = "job"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    job_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=FetchedValue())
    kind: Mapped[str]
    subject: Mapped[str]
    state: Mapped[str]
    stage: Mapped[str | None]
    progress: Mapped[Real] = mapped_column(server_default=FetchedValue())
    message_zh: Mapped[str | None]
    message_en: Mapped[str | None]
    requested_by: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    result: Mapped[Json | None]


class SearchEntry(Base):
    """What search finds: a label, how it is written and read, where it is."""

    __tablename__ = "search_entry"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    kind: Mapped[str] = mapped_column(primary_key=True)
    row_id: Mapped[Big] = mapped_column(primary_key=True, autoincrement=False)
    label_zh: Mapped[str]
    code: Mapped[str | None]
    pinyin_initials: Mapped[str | None]
    tokens: Mapped[Any] = mapped_column(TSVECTOR)
    geom: Mapped[Any] = geographic("POINT", nullable=True)
    weight: Mapped[Real] = mapped_column(server_default=FetchedValue())
    sought: Mapped[str]
    core: Mapped[str]
    core_initials: Mapped[str | None]
    pinyin: Mapped[str | None]
    near: Mapped[list[int]] = mapped_column(ARRAY(Integer))


class SearchAffix(Base):
    """A name that stands before other names without saying more about them: the district, its towns."""

    __tablename__ = "search_affix"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    name: Mapped[str] = mapped_column(primary_key=True)


class SearchPending(Base):
    """A row whose search entry a load has left to be brought up to date; with to_id, all rows up to that one."""

    __tablename__ = "search_pending"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    pending_id: Mapped[Big] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str]
    row_id: Mapped[Big]
    to_id: Mapped[Big | None]


class HanziInitial(Base):
    """A character's usual reading in pinyin, and its first letter."""

    __tablename__ = "hanzi_initial"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    hanzi: Mapped[str] = mapped_column(primary_key=True)
    initial: Mapped[str]
    syllable: Mapped[str | None]


class SetAside(Base):
    """An index or reference that a large load has set aside until its end."""

    __tablename__ = "set_aside"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    set_aside_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    table_name: Mapped[str]
    name: Mapped[str]
    is_index: Mapped[bool]
    definition: Mapped[str]
    set_aside_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
