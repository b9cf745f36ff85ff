"""How often one client may ask, who counts as one client, and that nobody can pass for another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api.app import create_app
from api.limits import ApiLimits
from api.rates import Buckets, Budget, Budgets, kind_of
from api.service_settings import ServiceSettings, read_service_settings
from tests.api.conftest import City
from tests.api.test_problems import problem
from twin.errors import BadInput

FEW = ApiLimits(
    pool_wait_s=20, pool_min=1, budgets=Budgets(login=Budget(2, 0.01), read=Budget(3, 0.01), tiles=Budget(5, 0.01))
)
PROXY = ServiceSettings(trusted_proxies=(ip_network("10.0.0.0/24"),))


@contextmanager
def asked_from(
    city: City, address: str, *, service: ServiceSettings | None = None, limits: ApiLimits = FEW, **options: Any
) -> Iterator[TestClient]:
    """Ask a new application from an address."""
    app = create_app(city.database.settings, limits=limits, service=service)

    async def who(request: Request) -> dict[str, Any]:
        given = request.headers.get("authorization", "")
        if given.startswith("Bearer good"):
            request.state.asker = SimpleNamespace(account=given.removeprefix("Bearer good "))
        return {"client": request.client.host if request.client else None, "scheme": request.url.scheme}

    app.add_api_route("/who", who)
    with TestClient(app, client=(address, 1234), **options) as client:
        yield client


def test_who_asks_too_often_is_told_when_to_ask_again(city: City) -> None:
    with asked_from(city, "192.0.2.7") as client:
        assert [client.get("/who").status_code for _ in range(3)] == [200, 200, 200]
        answer = client.get("/who")
        body = problem(answer, 429)
        assert body["type"] == "urn:twin:problem:too-often"
        assert 1 <= int(answer.headers["retry-after"]) <= 100
        assert answer.headers["x-content-type-options"] == "nosniff"
        tile = "/collections/assets/tiles/WebMercatorQuad/17/50815/109817"
        assert client.get(tile).status_code == 200, "other kinds of requests have a budget of their own"


def test_an_account_has_its_own_budget_and_invented_credentials_have_none(city: City) -> None:
    with asked_from(city, "192.0.2.7") as client:
        good = {"authorization": "Bearer good wang"}
        assert client.get("/who", headers=good).status_code == 200  # counted by address: nobody knew it yet
        for _ in range(2):
            assert client.get("/who").status_code == 200
        assert client.get("/who").status_code == 429
        assert [client.get("/who", headers=good).status_code for _ in range(4)] == [200, 200, 200, 429]
        invented = [client.get("/who", headers={"authorization": f"Bearer {n}"}).status_code for n in range(3)]
        assert invented == [429, 429, 429]
        logins = [client.post("/auth/login", headers=good, json={}).status_code for _ in range(3)]
        assert logins[2] == 429, "logging in is counted by address, whoever one says to be"


def test_the_servers_own_programs_are_not_counted_except_at_the_login(city: City) -> None:
    with asked_from(city, "127.0.0.1", base_url="http://localhost") as client:
        assert {client.get("/who").status_code for _ in range(20)} == {200}
        assert [client.post("/auth/login", json={}).status_code for _ in range(3)][2] == 429


@pytest.mark.parametrize(
    ("peer", "headers", "client", "scheme"),
    [
        ("192.0.2.7", {"x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "https"}, "192.0.2.7", "http"),
        ("10.0.0.5", {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https"}, "203.0.113.9", "https"),
        ("10.0.0.5", {"x-forwarded-for": "127.0.0.1, 203.0.113.9, 10.0.0.8"}, "203.0.113.9", "http"),
        ("10.0.0.5", {"x-forwarded-for": "203.0.113.9, rubbish"}, None, "http"),
        ("10.0.0.5", {"x-forwarded-for": "2001:db8::1"}, "2001:db8::1", "http"),
        ("127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, None, "http"),
        ("127.0.0.1", {}, "127.0.0.1", "http"),
    ],
)
def test_only_configured_proxies_are_believed(
    city: City, peer: str, headers: dict[str, str], client: str | None, scheme: str
) -> None:
    with asked_from(city, peer, service=PROXY, limits=ApiLimits(pool_wait_s=20, pool_min=1)) as asking:
        assert asking.get("/who", headers=headers).json() == {"client": client, "scheme": scheme}


def test_one_subscriber_of_ipv6_is_one_client_and_other_addresses_are_others(city: City) -> None:
    with asked_from(city, "10.0.0.5", service=PROXY) as client:
        near = [client.get("/who", headers={"x-forwarded-for": f"2001:db8::{n}"}).status_code for n in range(4)]
        far = [client.get("/who", headers={"x-forwarded-for": f"2001:db8:0:{n}::1"}).status_code for n in range(1, 5)]
    assert (near, far) == ([200, 200, 200, 429], [200] * 4)


@given(st.lists(st.floats(0, 3), max_size=60))
def test_a_bucket_never_gives_more_than_its_burst_and_its_rate(pauses: list[float]) -> None:
    now = 0.0
    buckets = Buckets(Budgets(read=Budget(5, 2)), lambda: now)
    given_out = 0
    for pause in pauses:
        now += pause
        wait = buckets.take("somebody", "read")
        given_out += not wait
        assert given_out <= 5 + 2 * now + 1e-6
        if wait:
            now += wait + 1e-9
            assert buckets.take("somebody", "read") == 0, "it holds what Retry-After promises"
            given_out += 1


def test_the_pages_own_needs_never_run_into_the_limits() -> None:
    """Ten minutes of a planner who drags the map without rest, types, clicks and reviews: nothing is refused."""
    now = 0.0
    buckets = Buckets(Budgets(), lambda: now)
    tile, style = "/collections/assets/tiles/WebMercatorQuad/17/1/1", "/static/abc/js/main.js"
    second = [("GET", tile)] * 250 + [("GET", "/rasters/a/orthophoto/tiles/1/1/1.webp")] * 150
    second += [("GET", "/search")] * 8 + [("GET", "/lookup")] * 3 + [("GET", "/jobs")] * 2
    second += [("POST", "/links/7/decision")] * 2 + [("POST", "/summary")]
    page = [("GET", "/")] + [("GET", style)] * 80 + [("GET", "/classes")] + [("GET", "/surveys")] * 20
    for _ in range(600):
        for method, path in page * (now % 60 == 0) + second:
            assert buckets.take("planner", kind_of(method, path)) == 0, path
        now += 1


def test_settings_that_cannot_be_meant_are_refused() -> None:
    good = {
        "TWIN_TRUSTED_PROXIES": "10.0.0.5, 192.168.0.0/16",
        "TWIN_ALLOWED_ORIGINS": "https://gis.example.org/",
        "TWIN_METRICS_TOKEN": "x" * 20,
        "TWIN_HTTPS": "1",
    }
    found = read_service_settings(good)
    assert (len(found.trusted_proxies), found.allowed_origins, found.https) == (2, ("https://gis.example.org",), True)
    assert "xxx" not in repr(found)
    for bad in (
        {"TWIN_TRUSTED_PROXIES": "everyone"},
        {"TWIN_ALLOWED_ORIGINS": "*"},
        {"TWIN_ALLOWED_ORIGINS": "https://a.example/path"},
        {"TWIN_METRICS_TOKEN": "short"},
    ):
        with pytest.raises(BadInput):
            read_service_settings(bad)
