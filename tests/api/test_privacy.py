"""Nobody sees a person through any door of the API, errors included."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.conftest import City
from tests.api.test_layers import tile_of
from twin.actions.access import ROLES
from twin.cli.ask import app as commands


def every_request(city: City, client: TestClient) -> list[str]:
    """Fill in every route of the API with what the city has, and ask for persons wherever a text is taken."""
    facts = city.facts
    places = [facts.centre_of(key) for key in facts.buildings] + [facts.asset_at(key) for key in facts.assets]
    requests = [
        f"{path}?lon={p.lon}&lat={p.lat}{more}"
        for p in places
        for path, more in (("/lookup", "&radius_m=100"), ("/nearby", "&n=50"), ("/rasters/small-city/dsm/point", ""))
    ]
    requests += [f"/search?q={text}" for text in facts.private_texts]
    requests += [f"/search?q={text[:4]}" for text in facts.private_texts] + [
        "/search?q=保密",
        "/search?q=bm",
        "/search?q=139",
    ]
    requests += [f"/records?{key}={text}" for text in facts.private_texts for key in ("kind", "state", "department")]
    records = [item["record_id"] for item in client.get("/records").json()["items"]]
    requests += [f"/records/{key}{tail}" for key in records for tail in ("", "/links")]
    x, y, _, _ = tile_of(facts.at(0, 0), 17)
    requests += [f"/collections/{kind}/tiles/WebMercatorQuad/17/{y}/{x}" for kind in ("assets", "buildings")]
    requests += [
        "/records",
        "/classes",
        "/surveys",
        "/surveys/small-city",
        "/surveys/small-city/photos",
        "/jobs",
        "/health",
    ]
    requests += [
        "/surveys/small-city/report",
        "/3dtiles/small-city/tileset.json",
        "/rasters/small-city/dsm",
        "/openapi.json",
    ]
    requests += [f"/{text}" for text in facts.private_texts[:3]]
    return requests


def test_no_private_text_leaves_through_any_route(client: TestClient, city: City) -> None:
    private = list(city.facts.private_texts)
    for request in every_request(city, client):
        answer = client.get(request)
        asked_for = request.split("=", 1)[-1] if "=" in request else request
        for text in private:
            leaked = text in answer.content.decode("utf-8", "replace")
            # What somebody typed may be said back to them; nothing else of it may.
            assert (
                not leaked or (text in asked_for and answer.json().get("items") == []) or answer.status_code == 404
            ), request
        if request.startswith("/search"):
            assert not any("保密" in (item["label_zh"] or "") for item in answer.json()["items"])


def test_the_household_and_the_legal_person_are_behind_no_number(client: TestClient, city: City) -> None:
    """Masked names are for entitled roles only; the public gets a count and no code of a household."""
    for key in city.facts.buildings:
        place = city.facts.centre_of(key)
        answer = client.get("/lookup", params={"lon": place.lon, "lat": place.lat})
        assert "HH-00" not in answer.text
        assert "**" not in answer.text
        assert not re.search(r"\b1[3-9]\d{9}\b", answer.text), "a phone number"


@pytest.mark.parametrize(
    ("role", "department", "names"),
    [
        ("public", None, []),
        ("planner", None, []),
        ("ingest", None, []),
        ("officer", "market", []),
        ("officer", "police", ["户***", "户***"]),
        ("grid_worker", "police", []),
        ("grid_worker", None, []),
        ("system_admin", "police", []),
        ("security_admin", "police", []),
        ("audit_admin", "police", []),
        ("steward", None, ["户***", "户***"]),
    ],
)
def test_masked_names_follow_role_and_department(
    city: City, role: str, department: str | None, names: list[str]
) -> None:
    import asyncio

    import orjson
    import psycopg

    from twin.actions.access import reading
    from twin.personal.keyring import remember_keys
    from twin.queries.imagery import OpenSurveys
    from twin.queries.lookup import LookupAsked, look_up
    from twin.queries.place_asked import place_asked
    from twin.session import Actor

    number = None
    if department:
        (number,) = city.database.fetch("SELECT department_id FROM twin.department WHERE code = %s", (department,))[0]
    actor = Actor("somebody", role, number, "test")

    async def look() -> Any:
        async with (
            await psycopg.AsyncConnection.connect(city.database.dsn("app")) as connection,
            reading(connection, actor) as asking,
        ):
            remember_keys(connection, city.database.settings.keys_path)
            place = place_asked(city.facts.centre_of("row"), 4550)
            shelf = OpenSurveys(city.facts.data_dir)
            return orjson.loads(await look_up(asking.cursor, LookupAsked(place), asking.sight, shelf, role))

    answer = asyncio.run(look())
    assert [item["name"] for item in answer["entities"]["items"]] == names
    assert all(item["masked"] for item in answer["entities"]["items"])
    assert answer["entities"]["count"] == 2
    assert not any(text in str(answer) for text in city.facts.private_texts)


def test_the_command_line_offers_the_same_roles() -> None:
    people = {"grid_worker", "officer", "planner", "steward", "system_admin", "security_admin", "audit_admin"}
    assert set(ROLES) == {"public", *people, "ingest", "system"}
    assert {command.callback.__name__ for command in commands.registered_commands if command.callback} == {
        "lookup",
        "nearby",
        "find",
    }
