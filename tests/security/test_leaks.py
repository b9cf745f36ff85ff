"""Random pairs of role and request against an independent oracle: nothing leaves that is not the asker's to see.

The long run: python -m benchmarks.leaks --pairs 20000
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

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
    pool_wait_s=20,
    pool_min=1,
    pool_max=4,
    job_stream_s=0.01,
    budgets=Budgets(FREE, FREE, FREE, FREE, FREE, FREE),
    access_kept_s=60,
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


def test_the_oracle_has_teeth(client: TestClient, app: FastAPI, city: GuardedCity) -> None:
    """With one right too many it finds the leak."""
    add = (
        "INSERT INTO access.right (role, action, collection, area, fields, is_local) "
        "VALUES ('planner', 'read', 'entities', 'all', '{public,persons}', true)"
    )
    city.database.fetch(add)
    app.state.services.look_again()
    planner = [viewer for viewer in city.viewers if viewer.role == "planner"]
    found = run_pairs(client, app, replace(city, viewers=planner), 150, seed=2)
    city.database.fetch("DELETE FROM access.right WHERE is_local")
    app.state.services.look_again()
    assert any(leak.startswith("masked of") for leak in found.leaks)


def test_what_is_not_yours_sounds_like_what_is_not_there(client: TestClient, city: GuardedCity) -> None:
    """An officer of one department asks for another's things by their numbers, and for numbers that are nobody's."""
    officer = next(viewer for viewer in city.viewers if viewer.name == "of.housing")
    theirs, nobodys = city.batches["police"], 999_999
    for path in ("/deliveries/{}", "/deliveries/{}/rejected", "/deliveries/{}/rejected.csv"):
        answers = [client.get(path.format(number), headers=officer.headers) for number in (theirs, nobodys)]
        assert [answer.status_code for answer in answers] == [404, 404]
        said = [
            _without_number(answer.json(), number) for answer, number in zip(answers, (theirs, nobodys), strict=True)
        ]
        assert said[0] == said[1], path
    for number in (theirs, nobodys):
        assert client.post(f"/deliveries/{number}/roll-back", headers=officer.headers).status_code == 404
    own = city.batches["housing"]
    assert client.get(f"/deliveries/{own}/rejected", headers=officer.headers).json()["items"]
    listed = client.get("/deliveries", headers=officer.headers).json()["items"]
    assert {item["department"]["code"] for item in listed} == {"housing"}


def _without_number(problem: Any, number: int) -> dict[str, str]:
    kept = {
        key: str(problem[key]).replace(str(number), "N") for key in ("type", "title", "status", "detail", "instance")
    }
    return kept


def test_a_constrained_role_changes_nothing_elsewhere(client: TestClient, city: GuardedCity) -> None:
    """Other departments' jobs, deliveries in another department's name, assets of other departments."""
    database = city.database
    officer = next(viewer for viewer in city.viewers if viewer.name == "of.market")
    job = database.fetch(
        "INSERT INTO twin.job (kind, subject, state, requested_by) VALUES ('delivery.check', 'x', 'queued', 'other') "
        "RETURNING job_id"
    )[0][0]
    assert client.post(f"/jobs/{job}/cancel", headers=officer.headers).status_code == 404
    assert database.fetch("SELECT state FROM twin.job WHERE job_id = %s", (job,)) == [("queued",)]
    upload = client.post("/deliveries/files", params={"name": "a.csv"}, content=b"a", headers=officer.headers)
    number = upload.json()["upload"]
    asked = {"upload": number, "step": "check", "department": "police"}
    assert client.post("/deliveries", json=asked, headers=officer.headers).status_code == 403
    other = next(viewer for viewer in city.viewers if viewer.name == "of.civil")
    assert client.post("/deliveries", json={**asked, "department": None}, headers=officer.headers).status_code == 200
    assert (
        client.get(f"/deliveries/uploads/{number}", headers=officer.headers).json()["asked"]["department"] == "market"
    )
    assert client.get(f"/deliveries/uploads/{number}", headers=other.headers).status_code == 404
    # Assets are the urban department's: another department's officer changes none of them.
    before = database.fetch("SELECT md5(string_agg(a::text, '' ORDER BY asset_id)) FROM twin.asset a")
    for asset in database.fetch("SELECT asset_id FROM twin.asset ORDER BY 1 LIMIT 3"):
        path = f"/collections/assets/items/{asset[0]}"
        seen = client.get(path)
        headers = {**officer.headers, "If-Match": seen.headers.get("etag", "*")}
        for method in ("PUT", "PATCH", "DELETE"):
            body = (
                None if method == "DELETE" else {"properties": {"state": "破损"}} if method == "PATCH" else seen.json()
            )
            answer = client.request(method, path, json=body, headers=headers)
            assert answer.status_code in (403, 404, 405), (method, answer.text)
    assert database.fetch("SELECT md5(string_agg(a::text, '' ORDER BY asset_id)) FROM twin.asset a") == before
