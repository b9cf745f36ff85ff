"""A request that is sent twice is done once, and nobody can read what was answered from the database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.dependencies import Asker, ServicesOf
from api.desk import on_behalf
from api.limits import ApiLimits
from api.needs import needs
from tests.api.test_problems import problem
from tests.databases import Database
from twin.errors import NotFound

KEY = {"idempotency-key": "a-random-text-of-a-client"}
CITY = {"name": "张三"}


@pytest.fixture(scope="module")
def client(module_database: Database) -> Iterator[TestClient]:
    settings = replace(module_database.settings, desk="steward")
    app = create_app(settings, limits=ApiLimits(pool_wait_s=20, pool_min=1))
    held, done = threading.Event(), threading.Event()

    async def add(body: dict[str, Any], services: ServicesOf, actor: Asker) -> dict[str, Any]:
        if body.get("fails"):
            raise NotFound("nothing there")
        if body.get("waits"):
            await on_behalf(services, actor, "test", lambda cursor: (held.set(), done.wait(60)))
        code = body.get("code", "x")

        def write(cursor: Any) -> None:
            cursor.execute("INSERT INTO twin.department (code, name_zh) VALUES (%s, 'x')", (code,))

        await on_behalf(services, actor, "test", write)
        return {"added": code, "said": body.get("name")}

    app.add_api_route("/add", add, methods=["POST"], dependencies=[needs("decide", "links")])
    app.state.held, app.state.done = held, done
    with TestClient(app, raise_server_exceptions=False) as running:
        yield running


def test_the_same_request_is_done_once_and_answered_alike(client: TestClient, module_database: Database) -> None:
    first = client.post("/add", json={"code": "once", **CITY}, headers=KEY)
    again = client.post("/add", json={"code": "once", **CITY}, headers=KEY)
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json() == {"added": "once", "said": "张三"}
    assert again.headers["idempotency-replayed"] == "true"
    assert module_database.fetch("SELECT count(*) FROM twin.department WHERE code = 'once'") == [(1,)]
    stored = module_database.fetch("SELECT request_hash, body_hash, answer FROM access.repeated_request")
    for part in stored[0]:
        assert "张三".encode() not in bytes(part)
        assert b"once" not in bytes(part)
        assert KEY["idempotency-key"].encode() not in bytes(part)


def test_another_body_under_the_same_key_is_refused(client: TestClient) -> None:
    key = {"idempotency-key": "another-key-of-a-client"}
    assert client.post("/add", json={"code": "a"}, headers=key).status_code == 200
    problem(client.post("/add", json={"code": "b"}, headers=key), 422)


def test_what_failed_may_be_sent_again(client: TestClient) -> None:
    key = {"idempotency-key": "a-key-of-what-has-failed"}
    problem(client.post("/add", json={"fails": True}, headers=key), 404)
    answer = client.post("/add", json={"code": "after"}, headers=key)
    assert answer.json()["added"] == "after"
    assert "idempotency-replayed" not in answer.headers


def test_the_same_request_at_the_same_time_is_a_conflict(client: TestClient) -> None:
    key = {"idempotency-key": "a-key-of-what-takes-long"}
    body, state = {"code": "slow", "waits": True}, client.app.state  # type: ignore[attr-defined]
    answers: list[int] = []
    other = threading.Thread(target=lambda: answers.append(client.post("/add", json=body, headers=key).status_code))
    other.start()
    assert state.held.wait(60)
    problem(client.post("/add", json=body, headers=key), 409)
    state.done.set()
    other.join(60)
    assert answers == [200]
    assert client.post("/add", json=body, headers=key).headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("key", ["short", "x" * 300, "with spaces in the middle"])
def test_keys_that_cannot_be_random_are_refused(client: TestClient, key: str) -> None:
    problem(client.post("/add", json={"code": "bad"}, headers={"idempotency-key": key}), 422)


def test_kept_answers_are_forgotten_after_a_day(client: TestClient, module_database: Database) -> None:
    key = {"idempotency-key": "a-key-of-the-day-before"}
    client.post("/add", json={"code": "old"}, headers=key)
    module_database.fetch("UPDATE access.repeated_request SET begun_at = begun_at - interval '25 hours'", role="admin")
    client.post("/add", json={"code": "new"}, headers={"idempotency-key": "a-key-of-the-day-after"})
    assert module_database.fetch("SELECT count(*) FROM access.repeated_request", role="admin") == [(1,)]
