"""What the models share: PostgreSQL types behind Python types, and the two geometry columns of every place.

The migrations are the truth; a test compares every model with the migrated database, so they cannot drift.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from geoalchemy2 import Geometry, WKBElement
from sqlalchemy import REAL, BigInteger, DateTime, Integer, LargeBinary, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Big = Annotated[int, "bigint"]
Small = Annotated[int, "smallint"]
Real = Annotated[float, "real"]
Json = Annotated[dict[str, Any], "jsonb"]


class Base(DeclarativeBase):
    """The root of all models."""

    type_annotation_map = {  # noqa: RUF012 -- SQLAlchemy's own way
        int: Integer,
        Big: BigInteger,
        Small: SmallInteger,
        Real: REAL,
        Json: JSONB,
        str: Text,
        bytes: LargeBinary,
        datetime: DateTime(timezone=True),
    }


def geographic(kind: str, *, nullable: bool = False, dimension: int = 2) -> Mapped[Any]:
    """Make a geographic column: EPSG:4490, longitude first. kind: as in PostGIS, e.g. POINT, MULTIPOLYGON."""
    column_type = Geometry(kind, srid=4490, dimension=dimension, spatial_index=False)
    return mapped_column(column_type, nullable=nullable)


def metric(kind: str, *, nullable: bool = False, dimension: int = 2) -> Mapped[Any]:
    """Make a column in the city's working CRS, metres. The SRID is the city's (twin.city.working_srid), not ours."""
    column_type = Geometry(kind, srid=-1, dimension=dimension, spatial_index=False)
    return mapped_column(column_type, nullable=nullable)


__all__ = ["Base", "Big", "Json", "Real", "Small", "WKBElement", "geographic", "metric"]
