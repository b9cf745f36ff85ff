"""The service under strain: clients that leave, queries too slow, a database that goes and comes back."""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import Request
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from starlette.testclient import TestClient

from api.app import create_app
from api.dependencies import Asker, ServicesOf
from api.limits import ApiLimits
from api.needs import needs
from tests.api.conftest import City
from tests.api.live_server import DatabaseDoor, serving
from tests.api.test_problems import problem
from twin.settings import Settings

SLOW = "SELECT pg_sleep(30) /* a slow question */"
RUNNING = """
SELECT count(*) FROM pg_stat_activity
WHERE state = 'active' AND query LIKE '%a slow question%' AND pid <> pg_backend_pid()
"""


def app_with_slow_route(settings: Settings, limits: ApiLimits) -> object:
    app = create_app(settings, limits=limits)

    async def slow(services: ServicesOf, asker: Asker) -> dict[str, bool]:
        async with services.reading(asker) as asking:
            await asking.cursor.execute(SLOW)
        return {"done": True}

    app.add_api_route("/slow", slow, dependencies=[needs("read", "service")])
    return app


def wait_for_running(city: City, wanted: int, limit_s: float = 20.0) -> int:
    until = time.monotonic() + limit_s
    while True:
        (running,) = city.database.fetch(RUNNING, role="admin")[0]
        if running == wanted or time.monotonic() > until:
            return int(running)


def test_a_client_that_goes_away_takes_its_query_along(city: City) -> None:
    app = app_with_slow_route(city.database.settings, ApiLimits(pool_wait_s=20, pool_min=1, pool_max=2, statement_s=60))
    with serving(app) as address:  # type: ignore[arg-type]
        with socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1]))) as client:
            client.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            assert wait_for_running(city, 1) == 1
        assert wait_for_running(city, 0) == 0, "the query was cancelled, long before its 30 seconds"
        assert httpx.get(f"{address}/health").json()["status"] == "ok", "the connection is used again"


def test_a_query_that_takes_too_long_is_stopped_and_said_so(city: City) -> None:
    app = app_with_slow_route(city.database.settings, ApiLimits(pool_wait_s=20, pool_min=1, statement_s=0.2))
    with TestClient(app) as client:  # type: ignore[arg-type]
        body = problem(client.get("/slow"), 503)
        assert body["type"] == "urn:twin:problem:too-slow"
        assert client.get("/health").status_code == 200


def test_a_database_that_goes_and_comes_back(city: City, short_folder: Path) -> None:
    """503 with Retry-After while it is away, also from the start; answers again without a restart."""
    given = conninfo_to_dict(str(city.database.settings.database_url))
    door = DatabaseDoor(Path(str(given["host"])) / f".s.PGSQL.{given['port']}", short_folder)
    through_door = make_conninfo(str(city.database.settings.database_url), host=str(door.path.parent))
    settings = replace(city.database.settings, database_url=through_door)
    place = city.facts.centre_of("tower")
    path = f"/lookup?lon={place.lon}&lat={place.lat}"
    with TestClient(create_app(settings, limits=ApiLimits(pool_min=2, pool_wait_s=0.5))) as client:
        body = problem(client.get(path), 503)
        assert body["type"] == "urn:twin:problem:database-unavailable"
        assert "socket" not in str(body), "nothing of the inside"
        door.open()
        try:
            assert until_answered(client, path) < 15
            door.shut()
            problem(client.get(path), 503)
            problem(client.get("/health"), 503)
            door.open()
            assert until_answered(client, path) < 15
        finally:
            door.shut()


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket (107 bytes)."""
    with tempfile.TemporaryDirectory(prefix="door") as folder:
        yield Path(folder)


def until_answered(client: TestClient, path: str, limit_s: float = 20.0) -> float:
    started = time.monotonic()
    while client.get(path).status_code != 200:
        assert time.monotonic() - started < limit_s, "still no answer"
    return time.monotonic() - started


def test_load_is_shed_before_it_piles_up(city: City) -> None:
    with TestClient(
        create_app(city.database.settings, limits=ApiLimits(pool_wait_s=20, pool_min=1, at_once=0))
    ) as client:
        assert problem(client.get("/classes"), 503)["type"] == "urn:twin:problem:too-busy"


@pytest.mark.parametrize("path", ["/lookup?lon=121.6&lat=37.38", "/nothing", "/docs", "/classes", "/openapi.json"])
def test_every_answer_carries_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert "access-control-allow-origin" not in headers
    assert len(headers["x-request-id"]) == 32


def test_a_mounted_page_keeps_its_own_policy_and_comes_after_the_api(city: City) -> None:
    async def page(scope: object, receive: object, send: object) -> None:
        headers = [(b"content-type", b"text/html"), (b"content-security-policy", b"script-src 'self'")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": b"<p>map"})  # type: ignore[operator]

    app = create_app(city.database.settings, mounts={"/": page}, limits=ApiLimits(pool_wait_s=20, pool_min=1))  # type: ignore[dict-item]
    with TestClient(app) as client:
        answer = client.get("/")
        assert (answer.text, answer.headers["content-security-policy"]) == ("<p>map", "script-src 'self'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert client.get("/health").json()["status"] == "ok"
        assert client.get("/m").text == "<p>map"


def test_the_log_has_routes_and_no_questions(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    client.get("/search", params={"q": "张三住在哪里"})
    client.get("/surveys/some-name")
    lines = [record.getMessage() for record in caplog.records if record.name == "twin.requests"]
    assert any('"route": "/search"' in line for line in lines)
    assert any('"route": "/surveys/{name}"' in line for line in lines)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("twin")]
    assert not any("张三" in line or "%E5" in line for line in ours)


def test_who_asks_is_the_public(city: City) -> None:
    app = create_app(city.database.settings, limits=ApiLimits(pool_wait_s=20, pool_min=1))

    async def who(request: Request, asker: Asker) -> dict[str, str]:
        return {"role": asker.role, "name": asker.name}

    app.add_api_route("/who", who, dependencies=[needs("read", "service")])
    app.add_api_route("/nobody", who)
    with TestClient(app) as client:
        headers = {"authorization": "Bearer x", "x-role": "steward", "cookie": "role=system"}
        assert client.get("/who", headers=headers, params={"role": "system"}).json() == {
            "role": "public",
            "name": "anonymous",
        }
        assert client.get("/nobody").status_code == 500, "a route without needs() answers nobody"


def test_those_who_waited_in_vain_do_not_keep_a_database_that_is_back_from_being_found(
    city: City, short_folder: Path
) -> None:
    """psycopg_pool counts them as waiting for ever: with as many as may wait, it would refuse everybody."""
    given = conninfo_to_dict(str(city.database.settings.database_url))
    door = DatabaseDoor(Path(str(given["host"])) / f".s.PGSQL.{given['port']}", short_folder)
    through_door = make_conninfo(str(city.database.settings.database_url), host=str(door.path.parent))
    settings = replace(city.database.settings, database_url=through_door)
    with TestClient(create_app(settings, limits=ApiLimits(pool_min=1, pool_wait_s=0.2, pool_waiting=3))) as client:
        for _ in range(12):
            assert client.get("/classes").status_code == 503
        door.open()
        try:
            until_answered(client, "/classes")
        finally:
            door.shut()
