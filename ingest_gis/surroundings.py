"""Read what delivered rows are checked against."""

from __future__ import annotations

from typing import Any

import psycopg

from ingest_gis.address.parse import AddressParser, Gazetteer
from ingest_gis.address.region import read_normaliser
from ingest_gis.classes import read_classes
from ingest_gis.sql_text import statements
from ingest_gis.targets import Surroundings
from twin.settings import Settings


def read_surroundings(
    connection: psycopg.Connection[Any], settings: Settings, department_id: int | None = None
) -> Surroundings:
    """Read what rows are checked against: classes as this department writes them, units, known roads and compounds."""
    sql = statements("surroundings")
    with connection.transaction(), connection.cursor() as cursor:
        units = cursor.execute(sql["admin_units"]).fetchall()
        names = cursor.execute(sql["address_names"]).fetchall()
    gazetteer = Gazetteer.of(
        (name for _, level, name in units if level == 4),
        (name for _, level, name in units if level == 5),
        (road or "" for road, _ in names),
        (compound or "" for _, compound in names),
    )
    return Surroundings(
        settings.city,
        read_classes(connection, department_id),
        frozenset(code for code, _, _ in units),
        read_normaliser(settings.city),
        AddressParser(gazetteer),
    )
