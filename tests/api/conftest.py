"""The small city behind a running application, built once for all tests that only read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.limits import ApiLimits
from tests.api.small_city import SmallCity, insert_small_city
from tests.databases import Database, fresh_database
from twin.settings import Settings

LIMITS = ApiLimits(pool_wait_s=20, pool_min=1, pool_max=4, quick_min=1, job_poll_s=0.05)


@dataclass(frozen=True)
class City:
    """A database with the small city in it."""

    database: Database
    facts: SmallCity


@pytest.fixture(scope="session")
def city(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """The small city in a database of its own; tests must not change it."""
    with fresh_database(settings, tmp_path_factory.mktemp("city") / "var") as database:
        with database.connect("ingest") as connection:
            facts = insert_small_city(connection, database.settings.data_dir)
        database.fetch("ANALYZE twin.asset, twin.building")
        yield City(database, facts)


@pytest.fixture(scope="session")
def client(city: City) -> Iterator[TestClient]:
    """The application over HTTP, inside this process."""
    with TestClient(create_app(city.database.settings, limits=LIMITS), raise_server_exceptions=False) as running:
        yield running


def ask(client: TestClient, path: str, **query: Any) -> Any:
    """Get JSON that must be there."""
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()
