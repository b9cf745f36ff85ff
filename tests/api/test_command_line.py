"""`twin lookup`, `twin nearby`, `twin search` give the same answers as the API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from tests.api.conftest import City, ask
from twin.cli.ask import app
from twin.errors import BadInput, DatabaseUnavailable, OutsideCity

runner = CliRunner()


@pytest.fixture(autouse=True)
def surroundings(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWIN_DATA_DIR", str(city.database.settings.data_dir))
    monkeypatch.setenv("TWIN_DATABASE_URL", str(city.database.settings.database_url))
    monkeypatch.setenv("COLUMNS", "200")


def said(*arguments: str) -> str:
    result = runner.invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def heard(*arguments: str) -> Any:
    return json.loads(said(*arguments, "--json"))


def test_json_is_the_apis_answer(client: TestClient, city: City) -> None:
    place = city.facts.centre_of("tower")
    lon, lat = repr(place.lon), repr(place.lat)
    assert heard("lookup", lon, lat) == ask(client, "/lookup", lon=lon, lat=lat)
    assert heard("nearby", lon, lat, "-n", "4", "--class", "0118,0102") == ask(
        client, "/nearby", lon=lon, lat=lat, n=4, **{"class": "0118,0102"}
    )
    assert heard("search", "政府大街", "--kind", "address") == ask(client, "/search", q="政府大街", kind="address")


def test_people_get_tables(city: City) -> None:
    place = city.facts.centre_of("tower")
    text = said("lookup", repr(place.lon), repr(place.lat))
    for word in ("区政府办公楼", "政府大街101号", "24.4 ±0.08 m", "路灯不亮", "SC_0001.JPG", "370612001001001"):
        assert word in text
    assert "政府大街1号路灯" in said("nearby", repr(place.lon), repr(place.lat), "-n", "1")
    assert "DZ0003" in said("search", "dz0003")


def test_the_operator_may_ask_in_a_role_and_sees_masked_names(city: City) -> None:
    place = city.facts.centre_of("row")
    lon, lat = repr(place.lon), repr(place.lat)
    assert heard("lookup", lon, lat)["entities"]["items"] == []
    text = said("lookup", lon, lat, "--role", "steward")
    assert "户**" in text
    assert not any(private in text for private in city.facts.private_texts)


def test_a_past_moment_is_read_on_the_citys_clock(city: City) -> None:
    place = city.facts.centre_of("tower")
    answer = heard("lookup", repr(place.lon), repr(place.lat), "--as-of", "2021-01-01")
    assert answer["query"]["as_of"] == "2021-01-01T00:00:00+08:00"
    assert answer["building"] is None


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("lookup", "37.38", "121.6"), OutsideCity),
        (("lookup", "121.6", "37.38", "--role", "king"), BadInput),
        (("search", "x", "--kind", "person"), BadInput),
        (("nearby", "121.6", "37.38", "--class", "9999"), BadInput),
    ],
)
def test_mistakes_are_errors_of_the_twin(arguments: tuple[str, ...], error: type[Exception]) -> None:
    assert isinstance(runner.invoke(app, arguments).exception, error)


def test_without_a_database_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWIN_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    result = runner.invoke(app, ("search", "x"))
    assert isinstance(result.exception, DatabaseUnavailable)
    assert "TWIN_DATABASE_URL" in str(result.exception)
