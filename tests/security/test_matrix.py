"""Every route of the application, asked by everybody: it answers as the matrix says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from tests.api.app_routes import AppRoute, routes_of
from tests.databases import fresh_database
from tests.security.guarded_city import GuardedCity, Viewer, make_guarded_city
from tests.security.test_leaks import LIMITS
from twin.actions.access import COLLECTIONS, shipped_rights
from twin.migrations.upgrade import upgrade
from twin.settings import Settings

FILLED = {
    "collection": "assets", "name": "small-city", "kind": "dsm", "z": "17", "x": "1", "y": "1", "ext": "png",
    "upload": "5b1f6f4e-0000-4000-8000-000000000000", "job_id": "5b1f6f4e-0000-4000-8000-000000000000",
    "file": "SC_0001.JPG", "path": "tileset.json", "matrix_set": "WebMercatorQuad", "code": "P-police-0",
}  # fmt: skip
JSON = {"Accept": "application/json"}  # at "/" people get the map, programs the standards' landing page
OWN_BUSINESS = "session"  # logging in and out is everybody's; tests/api/test_accounts.py has it


@pytest.fixture(scope="module")
def city(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedCity]:
    with fresh_database(settings, tmp_path_factory.mktemp("matrix") / "var") as database:
        yield make_guarded_city(database)


def path_of(route: AppRoute) -> str:
    """Fill in a route's address; numbers that are nobody's, so that nothing is changed where one may."""
    path = route.path
    for name in route.parameters:
        for form in (f"{{{name}}}", f"{{{name}:path}}"):
            path = path.replace(form, FILLED.get(name, "999999"))
    return path


def wrong_answer(route: AppRoute, viewer: Viewer, status: int) -> str | None:
    """Say what is wrong with an answer's status, or nothing."""
    (need,) = route.needs
    collection = FILLED["collection"] if need.collection.startswith("{") else need.collection
    if viewer.role == "nobody":
        right = status == 401
    elif shipped_rights().may(viewer.role, need.action, collection):
        right = status not in (401, 403)
    elif viewer.role == "public":
        right = status == (403 if viewer.name == "fresh" else 401)
    else:
        right = status == 403
    return None if right else f"{route} by {viewer.name} ({need.action} {collection}): {status}"


def test_every_route_answers_everybody_as_the_matrix_says(city: GuardedCity) -> None:
    app = create_app(city.database.settings, limits=LIMITS)
    routes = [route for route in routes_of(app)[0] if route.needs[0].collection != OWN_BUSINESS]
    here = {"base_url": "http://127.0.0.1", "client": ("127.0.0.1", 50000)}
    wrong, asked = [], 0
    with TestClient(app, raise_server_exceptions=False, follow_redirects=False, **here) as client:
        for route in routes:
            if route.path.startswith("/ogc/"):
                continue  # the same routes once more
            for viewer in city.viewers:
                sent = {} if route.method in ("GET", "HEAD", "DELETE") else {"json": {}}
                answer = client.request(route.method, path_of(route), headers={**JSON, **viewer.headers}, **sent)
                asked += 1
                wrong.append(wrong_answer(route, viewer, answer.status_code))
    assert [one for one in wrong if one] == []
    assert asked >= 50 * len(city.viewers)


def test_a_right_that_is_taken_away_is_gone(city: GuardedCity) -> None:
    """The table decides, not the program: what the security administrator changes counts at once."""
    app = create_app(city.database.settings, limits=LIMITS)
    steward = next(viewer for viewer in city.viewers if viewer.name == "steward")
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/links/review", headers=steward.headers).status_code == 200
        taken = (
            "UPDATE access.right SET allowed = %s, is_local = %s WHERE role = %s AND action = %s AND collection = %s"
        )
        city.database.fetch(taken, (False, True, "steward", "decide", "links"))
        city.database.fetch(taken, (False, True, "public", "read", "sensors"))
        app.state.services.look_again()
        assert client.get("/links/review", headers=steward.headers).status_code == 403
        denied = client.get("/collections/sensors/items")
        absent = client.get("/collections/nothing/items")
        assert (denied.status_code, absent.status_code) == (404, 404), "not yours and not there sound alike"
        assert denied.json()["detail"].replace("sensors", "nothing") == absent.json()["detail"]
        city.database.fetch(taken, (True, False, "steward", "decide", "links"))
        city.database.fetch(taken, (True, False, "public", "read", "sensors"))
    audited = city.database.fetch("SELECT count(*) FROM audit.log WHERE action = 'rights.update'")
    assert audited == [(4,)]


def test_the_security_administrator_keeps_accounts_and_rights_but_not_its_own(city: GuardedCity) -> None:
    app = create_app(city.database.settings, limits=LIMITS)
    chief = next(viewer for viewer in city.viewers if viewer.name == "sec").headers
    with TestClient(app, raise_server_exceptions=False) as client:

        def ask(path: str, body: object = None, method: str = "POST") -> tuple[int, Any]:
            answer = client.request(method, path, json=body, headers=chief)
            return answer.status_code, answer.json()

        status, made = ask("/accounts", {"name": "newcomer", "person": "新人", "role": "planner"})
        assert status == 200
        assert client.post("/auth/login", json=made).status_code == 200
        client.cookies.clear()
        assert ask("/accounts/newcomer/disable") == (200, {"name": "newcomer", "done": "disable"})
        assert client.post("/auth/login", json=made).status_code == 401
        assert "newcomer" in str(ask("/accounts", method="GET"))
        assert "argon2" not in str(ask("/accounts", method="GET"))
        for change in ("disable", "password", "totp"):
            assert ask(f"/accounts/sec/{change}")[0] == 403, "not one's own account"
        assert ask("/accounts/nobody/unlock")[0] == 404
        give = {"role": "planner", "action": "run", "collection": "jobs"}
        assert ask("/rights", give)[0] == 200
        assert app.state.services.has_accounts
        assert {row["collection"] for row in ask("/rights?role=planner", method="GET")[1]["items"]} >= {
            "jobs",
            "assets",
        }
        for wrong in (
            {"role": "security_admin", "action": "read", "collection": "audit"},
            {"role": "audit_admin", "action": "administer", "collection": "accounts"},
            {"role": "system_admin", "action": "read", "collection": "entities", "fields": ["persons"]},
            {"role": "public", "action": "read", "collection": "entities", "fields": ["public", "persons"]},
            {"role": "system", "action": "run", "collection": "jobs"}, {**give, "fields": []},
            {**give, "area": "everywhere"}, {**give, "role": "king"},
            {"role": "security_admin", "action": "administer", "collection": "rights", "allowed": False},
        ):  # fmt: skip
            assert ask("/rights", wrong)[0] == 422, wrong
        assert ask("/rights", {**give, "allowed": False})[0] == 200
        assert ask("/rights", {**give, "allowed": False})[0] == 404
    upgrade(city.database.settings)
    kept = city.database.fetch("SELECT allowed, is_local FROM access.right WHERE role = 'planner' AND action = 'run'")
    assert kept == [(False, True)], "what was set here stays over an upgrade"
    actors = city.database.fetch(
        "SELECT DISTINCT actor, role FROM audit.log WHERE action LIKE 'rights.%%' AND actor = 'sec'"
    )
    assert actors == [("sec", "security_admin")]


def test_the_collections_of_the_matrix_are_those_of_the_program(city: GuardedCity) -> None:
    rows = city.database.fetch("SELECT DISTINCT collection FROM access.right")
    assert {row[0] for row in rows} <= set(COLLECTIONS)
    assert isinstance(create_app(city.database.settings), FastAPI)
