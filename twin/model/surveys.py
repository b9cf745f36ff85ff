"""Imagery: surveys, photos with poses, products."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import FetchedValue, ForeignKey, Identity
from sqlalchemy.orm import Mapped, mapped_column

from twin.model.base import Base, Big, Json, Real, geographic


class Survey(Base):
    """One flight or satellite acquisition, with its local frame and vertical datum."""

    __tablename__ = "survey"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    survey_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    taken_from: Mapped[datetime | None]
    taken_to: Mapped[datetime | None]
    crs: Mapped[str]
    vertical_datum: Mapped[str]
    frame: Mapped[Json]
    gsd_m: Mapped[Real | None]
    report: Mapped[Json] = mapped_column(server_default=FetchedValue())
    fingerprint: Mapped[str]
    footprint: Mapped[Any] = geographic("MULTIPOLYGON", nullable=True)
    published_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())


class Photo(Base):
    """A photo with its camera and pose in the survey's frame."""

    __tablename__ = "photo"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    photo_id: Mapped[Big] = mapped_column(Identity(always=True), primary_key=True)
    survey_id: Mapped[int] = mapped_column(ForeignKey("twin.survey.survey_id", ondelete="CASCADE"))
    file: Mapped[str]
    sha256: Mapped[str]
    taken_at: Mapped[datetime | None]
    width: Mapped[int]
    height: Mapped[int]
    registered: Mapped[bool]
    rejected_reason: Mapped[str | None]
    camera: Mapped[Json | None]
    pose: Mapped[Json | None]
    position: Mapped[Any] = geographic("POINTZ", nullable=True, dimension=3)
    coverage: Mapped[Any] = geographic("POLYGON", nullable=True)


class Product(Base):
    """A file a survey made: orthophoto, surface, tiles, report ..."""

    __tablename__ = "product"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    product_id: Mapped[Big] = mapped_column(Identity(always=True), primary_key=True)
    survey_id: Mapped[int] = mapped_column(ForeignKey("twin.survey.survey_id", ondelete="CASCADE"))
    kind: Mapped[str]
    path: Mapped[str]
    media_type: Mapped[str]
    crs: Mapped[str]
    vertical_datum: Mapped[str | None]
    resolution_m: Mapped[Real | None]
    sigma_m: Mapped[Real | None]
    bytes: Mapped[Big]
    sha256: Mapped[str]
    footprint: Mapped[Any] = geographic("POLYGON", nullable=True)
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
