"""The models say exactly what the migrated database is, so neither can drift from the other."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from geoalchemy2 import Geometry
from sqlalchemy import Column, Engine, Table, create_engine, inspect, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from tests.databases import SYSTEM, Database
from twin.model import AssetClass, Base, Department
from twin.session import SET_ACTOR, actor_settings

SCHEMAS = ("twin", "private", "history", "audit", "access")
NOT_MODELLED = {"twin.schema_version"}
TABLES = sorted(Base.metadata.tables.values(), key=lambda table: table.fullname)
PARTITIONS = "SELECT relnamespace::regnamespace || '.' || relname FROM pg_class WHERE relispartition"


@pytest.fixture(scope="module")
def engine(module_database: Database) -> Engine:
    dsn = module_database.dsn("owner")
    return create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=NullPool)


def type_text(kind: Any) -> str:
    if isinstance(kind, Geometry):
        srid = "4490" if kind.srid == 4490 else "city"
        return f"{kind.geometry_type} {kind.dimension} {srid}"
    return str(kind.compile(dialect=postgresql.dialect()))


def modelled(column: Column[Any]) -> tuple[str, bool, bool]:
    given = column.server_default is not None or column.identity is not None
    return type_text(column.type), bool(column.nullable), given


def test_every_table_has_a_model(engine: Engine, module_database: Database) -> None:
    inspector = inspect(engine)
    there = {f"{schema}.{name}" for schema in SCHEMAS for name in inspector.get_table_names(schema)}
    there -= {row[0] for row in module_database.fetch(PARTITIONS)} | NOT_MODELLED
    assert there == set(Base.metadata.tables)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.fullname)
def test_a_model_has_the_columns_types_and_nullability_of_its_table(engine: Engine, table: Table) -> None:
    columns = inspect(engine).get_columns(table.name, schema=table.schema)
    there = {
        column["name"]: (
            type_text(column["type"]),
            column["nullable"],
            column.get("identity") is not None or column["default"] is not None,
        )
        for column in columns
    }
    assert there == {column.name: modelled(column) for column in table.columns}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.fullname)
def test_a_model_has_the_keys_of_its_table(engine: Engine, table: Table) -> None:
    inspector = inspect(engine)
    primary = inspector.get_pk_constraint(table.name, schema=table.schema)["constrained_columns"]
    if primary:  # history.version has none: its partition key would have to be part of it
        assert set(primary) == {column.name for column in table.primary_key}
    there = {
        (
            key["constrained_columns"][0],
            f"{key['referred_schema']}.{key['referred_table']}.{key['referred_columns'][0]}",
            key["options"].get("ondelete"),
        )
        for key in inspector.get_foreign_keys(table.name, schema=table.schema)
    }
    assert there == {(key.parent.name, key.target_fullname, key.ondelete) for key in table.foreign_keys}


def test_working_columns_are_in_the_citys_crs(module_database: Database) -> None:
    rows = module_database.fetch(
        "SELECT DISTINCT srid FROM geometry_columns WHERE f_table_schema = 'twin' AND f_geometry_column IN "
        "('geom_m', 'solid')"
    )
    assert rows == [(module_database.settings.city.working_srid,)]


def test_models_read_and_write(engine: Engine, module_database: Database) -> None:
    with Session(engine) as session, session.begin():
        session.connection().exec_driver_sql(SET_ACTOR, actor_settings(SYSTEM))
        session.add(Department(code="CG", name_zh="综合行政执法局"))
        lamp = session.scalars(select(AssetClass).where(AssetClass.name_zh == "路灯")).one()
        assert lamp.attribute_schema["properties"]["功率W"]["unit"] == "W"
    assert module_database.fetch("SELECT actor FROM history.version WHERE table_name = 'department'") == [("test",)]
