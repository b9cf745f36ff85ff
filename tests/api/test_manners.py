"""Slow and oversized questions, other sites, https, figures, and errors that say nothing of the inside."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from fastapi import Request
from starlette.testclient import TestClient

from api.app import create_app
from api.limits import ApiLimits
from api.service_settings import ServiceSettings
from tests.api.conftest import City
from tests.api.live_server import serving
from tests.api.test_problems import problem

SECRET = "张三 13900000000"
TOKEN = "a-token-of-the-monitor"


@contextmanager
def application(city: City, *, service: ServiceSettings | None = None, **limits: Any) -> Iterator[Any]:
    """An application with routes that misbehave."""
    app = create_app(city.database.settings, limits=ApiLimits(pool_wait_s=20, pool_min=1, **limits), service=service)

    async def idle() -> None:
        await asyncio.sleep(600)

    async def echo(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    async def wrong_statement() -> None:
        raise psycopg.errors.UniqueViolation(f"Key (name)=({SECRET}) already exists")

    async def in_a_group() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(_fails())

    async def chained() -> None:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise RuntimeError(f"cannot find {SECRET}") from error

    async def _fails() -> None:
        raise ValueError(SECRET)

    for path, route, methods in (
        ("/idle", idle, ["GET"]),
        ("/echo", echo, ["POST"]),
        ("/wrong-statement", wrong_statement, ["GET"]),
        ("/in-a-group", in_a_group, ["GET"]),
        ("/chained", chained, ["GET"]),
    ):
        app.add_api_route(path, route, methods=methods)
    yield app


def test_an_answer_that_does_not_come_is_ended(city: City) -> None:
    with application(city, answer_s=0.05) as app, TestClient(app) as client:
        assert problem(client.get("/idle"), 503)["type"] == "urn:twin:problem:too-slow"


def test_a_body_larger_than_said_or_allowed_is_refused_while_it_comes(city: City) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(50):
            yield b"x" * 1000

    with application(city, body_bytes=20_000) as app, TestClient(app) as client:
        problem(client.post("/echo", content=pieces()), 413)
        assert client.post("/echo", content=b"x" * 20_000).json() == {"bytes": 20_000}


@pytest.mark.parametrize("limits", [{"body_pause_s": 0.05}, {"body_s": 0.05}])
def test_a_body_that_comes_too_slowly_is_given_up(city: City, limits: dict[str, float]) -> None:
    with (
        application(city, **limits) as app,
        serving(app) as address,
        socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1])), timeout=30) as client,
    ):
        client.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nsome")
        assert b" 408 " in client.recv(4096).partition(b"\r\n")[0]


def test_other_sites_may_not_ask_unless_named(city: City, client: TestClient) -> None:
    asked = {"origin": "https://gis.example.org", "access-control-request-method": "GET"}
    assert "access-control-allow-origin" not in client.get("/classes", headers=asked).headers
    named = ServiceSettings(allowed_origins=("https://gis.example.org",))
    with application(city, service=named) as app, TestClient(app) as other:
        allowed = other.get("/classes", headers=asked).headers
        assert allowed["access-control-allow-origin"] == "https://gis.example.org"
        assert "access-control-allow-credentials" not in allowed, "cookies stay at home"
        assert other.options("/classes", headers=asked).status_code == 200
        foreign = other.get("/classes", headers={"origin": "https://evil.example"}).headers
        assert "access-control-allow-origin" not in foreign


def test_https_is_kept_where_it_is_used(city: City, client: TestClient) -> None:
    assert "strict-transport-security" not in client.get("/health").headers
    with application(city) as app, TestClient(app, base_url="https://twin.example") as secure:
        assert "max-age=31536000" in secure.get("/health").headers["strict-transport-security"]
    with application(city, service=ServiceSettings(https=True)) as app, TestClient(app) as behind:
        assert "max-age=31536000" in behind.get("/health").headers["strict-transport-security"]


@pytest.mark.parametrize("path", ["/wrong-statement", "/in-a-group", "/chained"])
def test_faults_of_ours_show_nothing_of_the_inside_and_are_traced_without_what_they_say(
    city: City, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    with application(city) as app, TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get(path)
    body = problem(answer, 500)
    said = "\n".join(record.getMessage() + str(record.exc_text or "") for record in caplog.records)
    for text in (answer.text, said):
        assert "张三" not in text
        assert "13900000000" not in text
    assert not re.search(r"psycopg|Traceback|\.py|Key \(", answer.text)
    assert body["request_id"] in said
    assert "test_manners.py" in said, "whoever runs the service finds the line"


def test_figures_are_for_the_monitor_and_about_nobody(city: City) -> None:
    monitored = ServiceSettings(metrics_token=TOKEN)
    with application(city, service=monitored) as app, TestClient(app, client=("192.0.2.7", 1)) as client:
        problem(client.get("/metrics"), 403)
        problem(client.get("/metrics", headers={"authorization": "Bearer wrong"}), 403)
        client.get("/search", params={"q": SECRET})
        client.get("/records/999999")
        client.get(f"/nothing/{SECRET}")
        client.request("BREW", "/classes")
        answer = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    text = answer.text
    assert 'twin_http_requests_total{method="GET",route="/search",status="200"} 1.0' in text
    assert 'route="/records/{record_id}",status="404"' in text
    assert 'method="other"' in text
    assert re.search(r"^twin_database_pool_size \d", text, re.M)
    assert "twin_http_request_seconds_bucket" in text
    assert "twin_jobs" in text
    assert "张三" not in text
    assert "999999" not in text
    assert TOKEN not in text


def test_figures_on_the_servers_own_computer_need_no_token_a_forwarded_request_does(city: City) -> None:
    with application(city) as app, TestClient(app, client=("127.0.0.1", 1), base_url="http://localhost") as client:
        assert client.get("/metrics").status_code == 200
        problem(client.get("/metrics", headers={"x-forwarded-for": "127.0.0.1"}), 403)
