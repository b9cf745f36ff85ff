"""What may stand in the city: classes with their code schemes, events, handling limits, entity types."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import CHAR, FetchedValue, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from twin.model.base import Base, Json, Small


class AssetClass(Base):
    """A class of infrastructure (部件), one of the 108."""

    __tablename__ = "class"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    class_id: Mapped[Small] = mapped_column(primary_key=True, autoincrement=False)
    code: Mapped[str]
    category_zh: Mapped[str]
    category_en: Mapped[str]
    name_zh: Mapped[str]
    name_en: Mapped[str]
    geometry_kind: Mapped[str]
    responsible_department_zh: Mapped[str | None]
    is_extension: Mapped[bool]
    accuracy_class: Mapped[str] = mapped_column(CHAR(1), server_default=FetchedValue())
    attribute_schema: Mapped[Json]
    osm_tags: Mapped[str | None]
    citygml_type: Mapped[str | None]
    evidence: Mapped[str | None]


class ClassCode(Base):
    """A class's code in one of the standards' schemes; codes are text."""

    __tablename__ = "class_code"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    scheme: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    variant: Mapped[Small] = mapped_column(primary_key=True, server_default=FetchedValue())
    class_id: Mapped[Small | None] = mapped_column(ForeignKey("twin.class.class_id"))
    event_class_id: Mapped[Small | None] = mapped_column(ForeignKey("twin.event_class.event_class_id"))
    name_zh: Mapped[str]
    inferred: Mapped[bool] = mapped_column(server_default=FetchedValue())


class EventClass(Base):
    """A class of events (事件)."""

    __tablename__ = "event_class"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    event_class_id: Mapped[Small] = mapped_column(primary_key=True, autoincrement=False)
    code: Mapped[str]
    major_zh: Mapped[str]
    major_en: Mapped[str]
    minor_zh: Mapped[str]
    minor_en: Mapped[str]
    filing_condition_zh: Mapped[str | None]
    time_limit: Mapped[str | None]
    time_limit_source: Mapped[str | None]
    closure_condition_zh: Mapped[str | None]
    responsible_department_zh: Mapped[str | None]
    source: Mapped[str | None]


class HandlingLimit(Base):
    """How long a department has to put a condition right."""

    __tablename__ = "handling_limit"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    limit_id: Mapped[Small] = mapped_column(primary_key=True, autoincrement=False)
    class_code: Mapped[str | None] = mapped_column(ForeignKey("twin.class.code"))
    condition: Mapped[str]
    limit_value: Mapped[Decimal]
    limit_unit: Mapped[str]
    source_code: Mapped[str]
    source_name_zh: Mapped[str | None]


class EntityType(Base):
    """A kind of social entity: household, enterprise, school ..."""

    __tablename__ = "entity_type"
    __table_args__ = {"schema": "twin"}  # noqa: RUF012

    type_code: Mapped[str] = mapped_column(primary_key=True)
    name_zh: Mapped[str]
    name_en: Mapped[str]
    kind: Mapped[str]
    parent_type: Mapped[str | None]
    geometry_kind: Mapped[str | None]
    primary_identifier: Mapped[str | None]
    identifier_rule: Mapped[str | None]
    key_attributes: Mapped[str | None]
    personal_data: Mapped[str]
    source: Mapped[str | None]
    confidence: Mapped[str | None]
