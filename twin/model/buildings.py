"""Buildings: footprint, blocks, heights with datum and sigma."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import FetchedValue, ForeignKey, Identity
from sqlalchemy.orm import Mapped, mapped_column

from twin.model.base import Base, Big, Json, Real, Small, geographic, metric


class Building(Base):
    """A building; its heights are in vertical_datum."""

    __tablename__ = "building"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    building_id: Mapped[Big] = mapped_column(Identity(always=True), primary_key=True)
    code: Mapped[str]
    name_zh: Mapped[str | None]
    use_zh: Mapped[str | None]
    storeys: Mapped[Small | None]
    admin_id: Mapped[int | None] = mapped_column(ForeignKey("twin.admin_unit.admin_id"))
    grid_id: Mapped[int | None] = mapped_column(ForeignKey("twin.grid.grid_id"))
    geom: Mapped[Any] = geographic("MULTIPOLYGON")
    geom_m: Mapped[Any] = metric("MULTIPOLYGON")
    solid: Mapped[Any] = metric("POLYHEDRALSURFACEZ", nullable=True, dimension=3)
    lod: Mapped[str | None]
    ground_h_m: Mapped[Real | None]
    roof_h_m: Mapped[Real | None]
    height_m: Mapped[Real | None]
    height_sigma_m: Mapped[Real | None]
    vertical_datum: Mapped[str | None]
    height_confidence: Mapped[str | None]
    height_note: Mapped[str | None]
    survey_id: Mapped[int | None] = mapped_column(ForeignKey("twin.survey.survey_id", ondelete="SET NULL"))
    footprint_evidence_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.evidence.evidence_id"))
    height_evidence_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.evidence.evidence_id"))
    source_key: Mapped[str | None]
    row_hash: Mapped[bytes | None]
    raw_hash: Mapped[bytes | None]
    row_no: Mapped[Big | None]
    known_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    batch_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.batch.batch_id"))
    valid_from: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    valid_to: Mapped[datetime | None]


class BuildingModel(Base):
    """How the faces of a building's delivered solid belong together, and the system they came in."""

    __tablename__ = "building_model"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    building_id: Mapped[Big] = mapped_column(
        ForeignKey("twin.building.building_id", ondelete="CASCADE"), primary_key=True
    )
    crs: Mapped[str]
    vertical_datum: Mapped[str]
    model: Mapped[Json]
    batch_id: Mapped[Big | None] = mapped_column(ForeignKey("twin.batch.batch_id", ondelete="SET NULL"))
