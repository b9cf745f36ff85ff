"""Twins of other cities: real data of Helsinki, Delft, Rotterdam, The Hague and Zurich belong to none of Muping's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from psycopg import sql

from tests.databases import Database, numbers
from twin.cluster import server
from twin.migrations.upgrade import upgrade
from twin.settings import Settings


@contextmanager
def city_database(
    cluster: Settings, data_dir: Path, *, working_srid: int, vertical_datum: str, centre: tuple[float, float]
) -> Iterator[Database]:
    """Make an empty database of a city with its own working CRS; it is dropped at the end."""
    city = replace(
        cluster.city, code="000001", name_zh="他城", name_en="Elsewhere", working_srid=working_srid,
        vertical_datum=vertical_datum, centre_lon=centre[0], centre_lat=centre[1],
    )  # fmt: skip
    name = f"test_city_{working_srid}_{next(numbers)}"
    settings = replace(server.for_database(cluster, name), data_dir=data_dir, city=city)
    making = "CREATE DATABASE {} OWNER twin_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'"
    with server.connect(cluster, "admin", database="postgres", autocommit=True) as connection:
        connection.execute(sql.SQL(making).format(sql.Identifier(name)))
    upgrade(settings)
    yield Database(name, settings)
    with server.connect(cluster, "admin", database="postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
