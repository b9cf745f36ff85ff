"""Errors are problems (RFC 9457) in the asker's terms, and never show the inside."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.errors import STATUS
from api.limits import ApiLimits
from tests.api.conftest import City
from twin import errors
from twin.errors import TwinError

PLACE = {"lon": "121.6", "lat": "37.38"}


def problem(answer: Any, status: int) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert {"type", "title", "title_zh", "status", "instance", "request_id"} <= set(body)
    assert body["status"] == status
    assert body["request_id"] == answer.headers["x-request-id"]
    assert "?" not in body["instance"], "the query may hold what somebody typed"
    if status == 503:
        assert int(answer.headers["retry-after"]) > 0
    return body


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"lon": "37.38", "lat": "121.6"}, "swapped. Ask with lon=121.6 and lat=37.38"),
        ({"lon": "116.4", "lat": "39.9"}, "km outside 牟平区"),
        ({"lon": "376000", "lat": "4139600"}, "projected metres"),
        ({"lon": "181", "lat": "37"}, "lon is -180 to 180"),
        ({"lon": "nan", "lat": "37"}, "finite"),
        ({"lon": "inf", "lat": "37"}, "finite"),
        ({"lon": "abc", "lat": "37"}, "lon: must be a number"),
        ({"lat": "37"}, "lon: is needed"),
        ({**PLACE, "radius_m": "5000"}, "radius_m: must be at most 500"),
        ({**PLACE, "as_of": "yesterday"}, "as_of: must be a time such as"),
        ({**PLACE, "height_m": "nan"}, "height_m"),
    ],
)
def test_a_bad_place_is_explained(client: TestClient, query: dict[str, str], said: str) -> None:
    assert said in problem(client.get("/lookup", params=query), 422)["detail"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing-here", 404),
        ("/surveys/none", 404),
        ("/surveys/none/photos", 404),
        ("/surveys/none/report", 404),
        ("/surveys/none/report/report.html", 404),
        ("/surveys/small-city/report/../survey.json", 404),
        ("/surveys/small-city/photos/none.JPG/crop?col=1&row=1", 404),
        ("/surveys/small-city/photos/SC_0001.JPG/crop?col=9999&row=1", 422),
        ("/surveys/small-city/photos/SC_0001.JPG/crop?col=1&row=1&size=9999", 422),
        ("/rasters/small-city/none", 404),
        ("/rasters/small-city/tileset", 404),
        ("/rasters/small-city/dsm/tiles/3/9/1.png", 422),
        ("/rasters/small-city/dsm/tiles/17/1/1.bmp", 422),
        ("/rasters/small-city/dsm/terrain/17/1/1.png", 404),
        ("/rasters/small-city/orthophoto/terrain/17/109809/50843.png", 422),
        ("/rasters/small-city/dsm/point?lon=10&lat=10", 404),
        ("/rasters/small-city/dsm/point?lon=37&lat=121", 422),
        ("/collections/none/tiles/WebMercatorQuad/17/1/1", 404),
        ("/collections/assets/tiles/WebMercatorQuad/3/9/1", 422),
        ("/3dtiles/none/tileset.json", 404),
        ("/records/999999", 404),
        ("/records/999999/links", 404),
        ("/records/99999999999999999999", 422),
        ("/records/abc", 422),
        ("/jobs/abc", 422),
        ("/jobs/00000000-0000-0000-0000-000000000000", 404),
        ("/jobs/00000000-0000-0000-0000-000000000000/events", 404),
        ("/jobs?state=lost", 422),
        ("/search", 422),
        ("/search?q=", 422),
        ("/search?q=a&kind=person", 422),
        ("/search?q=a&bbox=1,2,3", 422),
        ("/search?q=a&bbox=5,0,1,1", 422),
        ("/nearby?lon=121.6&lat=37.38&n=0", 422),
    ],
)
def test_every_refusal_is_a_problem(client: TestClient, path: str, status: int) -> None:
    problem(client.get(path), status)


def test_other_methods_are_refused(client: TestClient) -> None:
    body = problem(client.post("/lookup"), 405)
    assert body["title_zh"]


def test_a_validation_error_does_not_repeat_what_was_typed(client: TestClient) -> None:
    answer = client.get("/search", params={"q": "张三的秘密" * 50})
    assert "张三" not in answer.text
    problem(answer, 422)


def test_too_long_and_too_large_requests(client: TestClient) -> None:
    problem(client.get("/search", params={"q": "a" * 9000}), 414)
    problem(client.post("/lookup", content=b"x" * 2_000_000), 413)


def test_a_fault_of_ours_gives_an_id_and_no_secret(city: City) -> None:
    app = create_app(city.database.settings, limits=ApiLimits(pool_wait_s=20, pool_min=1))

    async def broken() -> None:
        raise ValueError("secret: 张三 13900000000")

    app.add_api_route("/broken", broken)
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/broken")
        assert "secret" not in answer.text
        assert "张三" not in answer.text
        assert problem(answer, 500)["type"] == "urn:twin:problem:internal"


def every_error(kind: type[TwinError] = TwinError) -> list[type[TwinError]]:
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in every_error(child))]


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_every_error_of_the_twin_has_a_status(city: City, kind: type[TwinError]) -> None:
    from api.errors import twin_problem

    answer = twin_problem("id", "/x", kind("what is wrong", where="here", do="Do this"))
    assert 400 <= answer.status_code < 600
    assert next(parent for parent in kind.__mro__ if parent in STATUS) is not None
    assert b"Do this" in bytes(answer.body)


def test_the_status_table_names_what_callers_can_act_on() -> None:
    assert STATUS[errors.NotFound][0] == 404
    assert STATUS[errors.DatabaseUnavailable][0] == 503
    assert STATUS[errors.BadInput][0] == 422


def test_a_text_that_cannot_be_stored_is_the_askers_fault(client: TestClient) -> None:
    problem(client.get("/search", params={"q": "a\x00b"}), 422)
    problem(client.get("/records", params={"kind": "a\x00b"}), 422)
