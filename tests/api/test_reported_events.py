"""A grid worker reports what it sees in its grids, corrects it and is told what is wrong; who else may, and who not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.limits import ApiLimits
from tests.api.members import add_member, token_for
from tests.api.small_city import SmallCity, insert_small_city
from tests.databases import Database

ITEMS = "/collections/events/items"
SPOT = (-22.0, 1.0)
Tokens = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def facts(module_database: Database) -> SmallCity:
    with module_database.connect("ingest") as connection:
        facts = insert_small_city(connection, module_database.settings.data_dir)
    ((grid,),) = module_database.fetch(
        "SELECT g.code FROM twin.event JOIN twin.grid g USING (grid_id) WHERE event.code = '3706122026111100001'"
    )
    ((other,),) = module_database.fetch("SELECT code FROM twin.grid WHERE code <> %s ORDER BY code LIMIT 1", (grid,))
    add_member(module_database, "wang", "grid_worker", grids=(grid,))
    add_member(module_database, "sun", "grid_worker", grids=(other,))
    add_member(module_database, "zhu", "officer", department="urban")
    add_member(module_database, "guo", "steward")
    return facts


@pytest.fixture(scope="module")
def app(module_database: Database, facts: SmallCity) -> Iterator[TestClient]:
    limits = ApiLimits(pool_wait_s=20, pool_min=1, pool_max=3, access_kept_s=0)
    with TestClient(create_app(module_database.settings, limits=limits), raise_server_exceptions=False) as running:
        yield running


@pytest.fixture(scope="module")
def who(module_database: Database, facts: SmallCity) -> Tokens:
    names = ("wang", "sun", "zhu", "guo")
    return {name: {"Authorization": f"Bearer {token_for(module_database, name)}"} for name in names}


def case(facts: SmallCity, **properties: Any) -> dict[str, Any]:
    spot = facts.at(*SPOT)
    given = {"class_code": "06010", "title_zh": "路边暴露垃圾", **properties}
    return {"type": "Feature", "geometry": {"type": "Point", "coordinates": [spot.lon, spot.lat]}, "properties": given}


def reported(app: TestClient, facts: SmallCity, who: dict[str, str], **properties: Any) -> Any:
    answer = app.post(ITEMS, json=case(facts, **properties), headers=who)
    assert answer.status_code == 201, answer.text
    return answer


def test_what_a_grid_worker_reports_is_seen_at_once_where_it_is(
    app: TestClient, facts: SmallCity, who: Tokens, module_database: Database
) -> None:
    lamp = facts.assets["lamp_1"].code
    answer = reported(app, facts, who["wang"], title_zh="灯杆旁堆放垃圾", asset_code=lamp, severity="b")
    properties = answer.json()["properties"]
    assert properties["state"] == "reported"
    assert properties["asset_code"] == lamp
    assert properties["code"].startswith("SJ")
    assert properties["grid_code"]
    assert app.get(answer.headers["location"]).json()["properties"] == properties
    spot = facts.at(*SPOT)
    seen = app.get("/lookup", params={"lon": spot.lon, "lat": spot.lat, "radius_m": 20}).json()["events"]
    assert "灯杆旁堆放垃圾" in str(seen)
    key = answer.json()["id"]
    source, evidence = module_database.fetch("SELECT source, evidence_id FROM twin.event WHERE event_id = %s", (key,))[
        0
    ]
    assert (source, evidence is not None) == ("grid_worker", True)
    assert module_database.fetch(
        "SELECT actor, action FROM audit.log WHERE subject = %s", (f"event {key}",)
    ) == [("wang", "report event")]  # fmt: skip


def test_a_case_is_corrected_for_the_version_that_was_read_and_history_keeps_what_was(
    app: TestClient, facts: SmallCity, who: Tokens
) -> None:
    answer = reported(app, facts, who["wang"], due_at="2099-01-01T00:00:00+08:00")
    where, tag = answer.headers["location"], answer.headers["etag"]
    patch = {"properties": {"title_zh": "路边暴露垃圾两处", "due_at": None}}
    assert app.patch(where, json=patch, headers=who["wang"]).status_code == 428
    before = datetime.now(UTC)
    changed = app.patch(where, json=patch, headers=who["wang"] | {"If-Match": tag})
    assert changed.status_code == 200, changed.text
    now, then = changed.json()["properties"], answer.json()["properties"]
    assert (now["title_zh"], now["due_at"]) == ("路边暴露垃圾两处", None)
    assert {name: now[name] for name in ("code", "class_code", "reported_at", "grid_code")} == {
        name: then[name] for name in ("code", "class_code", "reported_at", "grid_code")
    }
    assert app.patch(where, json=patch, headers=who["wang"] | {"If-Match": tag}).status_code == 412
    old = app.get(where, params={"as_of": before.isoformat()}).json()
    assert old["properties"]["title_zh"] == "路边暴露垃圾"
    replaced = app.put(where, json=case(facts), headers=who["wang"] | {"If-Match": changed.headers["etag"]})
    assert replaced.status_code == 200, replaced.text
    assert replaced.json()["properties"]["code"] == then["code"]
    assert app.delete(where, headers=who["wang"] | {"If-Match": "*"}).status_code == 403, "only a steward"
    assert app.delete(where, headers=who["guo"] | {"If-Match": replaced.headers["etag"]}).status_code == 204
    assert app.get(where).status_code == 404
    assert app.get(where, params={"as_of": before.isoformat()}).status_code == 200


def test_a_case_is_not_moved_into_anothers_grid(
    app: TestClient, facts: SmallCity, who: Tokens, module_database: Database
) -> None:
    answer = reported(app, facts, who["wang"])
    ((lon, lat),) = module_database.fetch(
        "SELECT ST_X(p), ST_Y(p) FROM twin.grid, ST_PointOnSurface(geom) p WHERE code <> %s ORDER BY code LIMIT 1",
        (answer.json()["properties"]["grid_code"],),
    )
    patch = {"geometry": {"type": "Point", "coordinates": [lon, lat]}}
    where, any_version = answer.headers["location"], {"If-Match": "*"}
    assert app.patch(where, json=patch, headers=who["wang"] | any_version).status_code == 403
    assert app.get(where).json()["geometry"] == answer.json()["geometry"]
    assert app.patch(where, json=patch, headers=who["guo"] | any_version).status_code == 200


def test_a_case_with_words_of_another_system_can_be_corrected(
    app: TestClient, facts: SmallCity, who: Tokens, module_database: Database
) -> None:
    key = reported(app, facts, who["wang"]).json()["id"]
    module_database.fetch("UPDATE twin.event SET state = 'handled', severity = 'high' WHERE event_id = %s", (key,))
    patch = {"properties": {"title_zh": "路边暴露垃圾三处"}}
    changed = app.patch(f"{ITEMS}/{key}", json=patch, headers=who["wang"] | {"If-Match": "*"})
    assert changed.status_code == 200, changed.text
    properties = changed.json()["properties"]
    assert (properties["title_zh"], properties["state"], properties["severity"]) == (
        "路边暴露垃圾三处", "handled", "high",
    )  # fmt: skip


def test_who_may_report_where(app: TestClient, facts: SmallCity, who: Tokens) -> None:
    assert app.post(ITEMS, json=case(facts)).status_code == 401
    assert app.post(ITEMS, json=case(facts), headers=who["sun"]).status_code == 403, "another's grid"
    assert app.post(ITEMS, json=case(facts), headers=who["zhu"]).status_code == 403, "no asset of the department's"
    mine = next(
        item["properties"]["code"]
        for item in app.get("/collections/assets/items", params={"limit": 1000}).json()["features"]
        if "urban" in (item["properties"]["supervising"], item["properties"]["maintaining"])
    )
    assert reported(app, facts, who["zhu"], asset_code=mine).json()["properties"]["asset_code"] == mine
    answer = reported(app, facts, who["wang"])
    where, tag = answer.headers["location"], {"If-Match": answer.headers["etag"]}
    patch = {"properties": {"severity": "a"}}
    assert app.patch(where, json=patch, headers=who["sun"] | tag).status_code == 403
    closing = {"properties": {"state": "closed"}}
    assert app.patch(where, json=closing, headers=who["wang"] | tag).status_code == 403, "its handling decides that"
    closed = app.patch(where, json=closing, headers=who["guo"] | tag)
    assert closed.status_code == 200, closed.text
    assert closed.json()["properties"]["closed_at"]


@pytest.mark.parametrize(
    "wrong",
    [{"title_zh": None}, {"title_zh": "x" * 201}, {"title_zh": "请联系13800138000"},
     {"title_zh": "证号37061219900101123X"},
     {"class_code": "0118"}, {"class_code": None}, {"asset_code": "nothing"}, {"state": "done"}, {"severity": "z"},
     {"reported_at": "yesterday"}, {"reported_at": "2026-01-01T00:00:00"}, {"due_at": "1999-01-01T00:00:00+08:00"},
     {"reported_at": "2999-01-01T00:00:00+08:00"}, {"reporter": "x"}],
    ids=str,
)  # fmt: skip
def test_what_is_wrong_is_said_and_nothing_is_written(
    app: TestClient, facts: SmallCity, who: Tokens, module_database: Database, wrong: dict[str, Any]
) -> None:
    count = module_database.fetch("SELECT count(*) FROM twin.event")
    answer = app.post(ITEMS, json=case(facts, **wrong), headers=who["guo"])
    assert answer.status_code == 400, answer.text
    assert answer.json()["detail"]
    assert "13800138000" not in answer.text
    assert module_database.fetch("SELECT count(*) FROM twin.event") == count


def test_a_line_and_a_place_elsewhere_are_refused(app: TestClient, facts: SmallCity, who: Tokens) -> None:
    line = {"type": "LineString", "coordinates": [[121.6, 37.38], [121.61, 37.38]]}
    for geometry in (None, line, {"type": "Point", "coordinates": [0, 0]}):
        assert app.post(ITEMS, json=case(facts) | {"geometry": geometry}, headers=who["guo"]).status_code == 400
    taken = reported(app, facts, who["guo"], code="SJ-1").json()["properties"]["code"]
    assert app.post(ITEMS, json=case(facts, code=taken), headers=who["guo"]).status_code == 409
