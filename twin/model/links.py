"""Records and entities at places."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, BigInteger, FetchedValue, ForeignKey, Identity, Text
from sqlalchemy.orm import Mapped, mapped_column

from twin.model.base import Base, Big, Json, Real, Small, geographic


class Link(Base):
    """A record or entity at a place; a person's decision is never overturned by a re-run."""

    __tablename__ = "link"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    link_id: Mapped[Big] = mapped_column(Identity(always=True), primary_key=True)
    record_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.record.record_id", ondelete="CASCADE"))
    entity_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.entity.entity_id", ondelete="CASCADE"))
    building_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.building.building_id", ondelete="CASCADE"))
    asset_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.asset.asset_id", ondelete="CASCADE"))
    address_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.address.address_id", ondelete="CASCADE"))
    method: Mapped[str]
    score: Mapped[Real]
    margin: Mapped[Real | None]
    distance_m: Mapped[Real | None]
    state: Mapped[str]
    reason_zh: Mapped[str]
    reason_en: Mapped[str]
    register_version: Mapped[int]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    version: Mapped[int] = mapped_column(server_default=FetchedValue())
    weighed: Mapped[Json] = mapped_column(server_default=FetchedValue())


class ReviewClaim(Base):
    """One reviewer's hold on one record or entity; it ends by itself."""

    __tablename__ = "review_claim"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    review_claim_id: Mapped[Big] = mapped_column(Identity(always=True), primary_key=True)
    record_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.record.record_id", ondelete="CASCADE"))
    entity_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.entity.entity_id", ondelete="CASCADE"))
    claimed_by: Mapped[str]
    claimed_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    claimed_until: Mapped[datetime]


class LinkRun(Base):
    """One run of linking, in parts."""

    __tablename__ = "link_run"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    link_run_id: Mapped[Big] = mapped_column(Identity(always=True), primary_key=True)
    fingerprint: Mapped[str]
    register_version: Mapped[int]
    only_new: Mapped[bool]
    state: Mapped[str]
    subjects: Mapped[Big] = mapped_column(server_default=FetchedValue())
    started_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    finished_at: Mapped[datetime | None]


class LinkPart(Base):
    """Some subjects of a run: done in the same transaction as their links."""

    __tablename__ = "link_part"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    link_part_id: Mapped[Big] = mapped_column(Identity(always=True), primary_key=True)
    link_run_id: Mapped[Big] = mapped_column(ForeignKey("twin.link_run.link_run_id", ondelete="CASCADE"))
    phase: Mapped[Small]
    kind: Mapped[str]
    from_id: Mapped[Big | None]
    to_id: Mapped[Big | None]
    ledger_department_id: Mapped[int | None] = mapped_column(ForeignKey("twin.department.department_id"))
    ledger_kind: Mapped[str | None]
    ledger_class: Mapped[str | None]
    subjects: Mapped[Big]
    counts: Mapped[Json | None]
    done_at: Mapped[datetime | None]


class SeenMatch(Base):
    """Buildings or assets and what a survey sees of them."""

    __tablename__ = "seen_match"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    seen_match_id: Mapped[Big] = mapped_column(Identity(always=True), primary_key=True)
    survey_id: Mapped[int] = mapped_column(ForeignKey("twin.survey.survey_id", ondelete="CASCADE"))
    kind: Mapped[str]
    relation: Mapped[str]
    place_ids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    seen_keys: Mapped[list[str]] = mapped_column(ARRAY(Text))
    seen_geom: Mapped[Any] = geographic("GEOMETRY", nullable=True)
    shift_east_m: Mapped[Real]
    shift_north_m: Mapped[Real]
    iou: Mapped[Real | None]
    distance_m: Mapped[Real | None]
    score: Mapped[Real]
    state: Mapped[str]
    reason_zh: Mapped[str]
    reason_en: Mapped[str]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
