"""Random pairs of role and request against an independent oracle: nothing leaves that is not the asker's to see.

The long run: python -m benchmarks.leaks --pairs 20000
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from api.limits import ApiLimits
from api.rates import Budget, Budgets
from tests.databases import fresh_database
from tests.security.guarded_city import GuardedCity, make_guarded_city
from tests.security.oracle import run_pairs
from twin.settings import Settings

FREE = Budget(10**9, 10**9)
LIMITS = ApiLimits(
    pool_min=1, pool_max=4, job_stream_s=0.01, budgets=Budgets(FREE, FREE, FREE, FREE, FREE, FREE), access_kept_s=60
)
PAIRS = 1500


@pytest.fixture(scope="module")
def city(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedCity]:
    with fresh_database(settings, tmp_path_factory.mktemp("guarded") / "var") as database:
        yield make_guarded_city(database)


@pytest.fixture(scope="module")
def app(city: GuardedCity) -> FastAPI:
    return create_app(city.database.settings, limits=LIMITS)


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as running:
        yield running


def test_random_pairs_of_role_and_request_leak_nothing(client: TestClient, app: FastAPI, city: GuardedCity) -> None:
    found = run_pairs(client, app, city, PAIRS, seed=1)
    assert found.leaks == []
    assert found.statuses[200] > PAIRS / 5, found.statuses
    assert found.shown > 10, "the oracle must also see what may be seen, or it would see no leak either"
