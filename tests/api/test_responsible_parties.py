"""One click names the responsible parties of an asset that came without, and the management grids of the place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.conftest import City, ask

END_ALL = "DELETE FROM twin.responsibility; DELETE FROM twin.management_grid"


@pytest.fixture
def duties(city: City) -> Iterator[City]:
    """The first lamp has no maintaining party; the table names one for lamps and another for everything."""
    lamp = city.facts.assets["lamp_1"].code
    before = city.database.fetch("SELECT maintaining_department_id FROM twin.asset WHERE code = %s", (lamp,))[0][0]
    city.database.fetch("UPDATE twin.asset SET maintaining_department_id = NULL WHERE code = %s", (lamp,))
    for class_code, name in ((None, "区综合行政执法局"), ("0118", "区住房和城乡建设局")):
        for role in ("maintaining", "owning"):
            city.database.fetch(
                "INSERT INTO twin.responsibility (role, class_id, department_id, decided_by) "
                "SELECT %s, (SELECT class_id FROM twin.class WHERE code = %s), department_id, 'test' "
                "FROM twin.department WHERE name_zh = %s LIMIT 1",
                (role, class_code, name),
            )
    city.database.fetch("INSERT INTO twin.management_grid (code, name_zh, kind) VALUES ('M1', '一格', 'evaluation')")
    city.database.fetch(
        "INSERT INTO twin.management_grid_member (management_grid_id, grid_id) "
        "SELECT management_grid_id, grid_id FROM twin.management_grid, twin.grid"
    )
    yield city
    city.database.fetch(END_ALL)
    city.database.fetch("UPDATE twin.asset SET maintaining_department_id = %s WHERE code = %s", (before, lamp))


def lamp_of(answer: list[dict[str, Any]], city: City) -> dict[str, Any]:
    return next(asset for asset in answer if asset["code"] == city.facts.assets["lamp_1"].code)


def test_the_table_names_only_the_parties_an_asset_came_without(client: TestClient, duties: City) -> None:
    lon, lat = duties.facts.at(-40, 0)
    answer = ask(client, "/lookup", lon=lon, lat=lat, radius_m=21)
    parties = lamp_of(answer["assets"], duties)["parties"]
    assert parties["maintaining"] == "区住房和城乡建设局", "what is said of lamps goes before what is said of all"
    assert parties["owning"] == "区住房和城乡建设局", "as delivered"
    assert parties["assigned"] == ["maintaining"]
    near = ask(client, "/nearby", lon=lon, lat=lat, n=30)["items"]
    assert lamp_of(near, duties)["parties"] == parties
    assert answer["place"]["grid"]["management_grids"] == [{"code": "M1", "name_zh": "一格", "kind": "evaluation"}]


def test_before_the_table_said_so_nobody_was_named(client: TestClient, duties: City) -> None:
    lon, lat = duties.facts.at(-40, 0)
    duties.database.fetch("UPDATE twin.responsibility SET valid_from = now() - interval '1 hour'")
    duties.database.fetch("UPDATE twin.responsibility SET valid_to = now() - interval '1 minute'")
    answer = ask(client, "/lookup", lon=lon, lat=lat, radius_m=21)
    assert lamp_of(answer["assets"], duties)["parties"]["maintaining"] is None
