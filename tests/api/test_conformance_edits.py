"""Features Part 4: one test for each published class, named after it; rights, versions, what is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.limits import ApiLimits
from tests.api.members import add_member, token_for
from tests.api.small_city import SmallCity, insert_small_city
from tests.databases import Database

EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
GEOJSON = {"Content-Type": "application/geo+json"}
ITEMS = "/collections/assets/items"


@pytest.fixture(scope="module")
def facts(module_database: Database) -> SmallCity:
    with module_database.connect("ingest") as connection:
        facts = insert_small_city(connection, module_database.settings.data_dir)
    for name, role, department in (("guo", "steward", None), ("zhu", "officer", "urban"), ("li", "officer", "police")):
        add_member(module_database, name, role, department=department)
    return facts


@pytest.fixture(scope="module")
def app(module_database: Database, facts: SmallCity) -> Iterator[TestClient]:
    limits = ApiLimits(pool_wait_s=20, pool_min=1, pool_max=3, access_kept_s=0)
    with TestClient(create_app(module_database.settings, limits=limits), raise_server_exceptions=False) as running:
        yield running


@pytest.fixture(scope="module")
def tokens(module_database: Database, facts: SmallCity) -> dict[str, dict[str, str]]:
    return {n: {"Authorization": f"Bearer {token_for(module_database, n)}"} for n in ("guo", "zhu", "li")}


def lamp(facts: SmallCity, number: int, **properties: Any) -> dict[str, Any]:
    spot = facts.at(number, 2.0)
    given = {"class_code": "0118", "code": f"370612011899{number:04d}", "name_zh": f"新灯{number}", **properties}
    return {"type": "Feature", "geometry": {"type": "Point", "coordinates": [spot.lon, spot.lat]}, "properties": given}


def created(app: TestClient, facts: SmallCity, who: dict[str, str], number: int, **properties: Any) -> Any:
    answer = app.post(ITEMS, json=lamp(facts, number, **properties), headers=who)
    assert answer.status_code == 201, answer.text
    return answer


def test_ogcapi_features_4_features(app: TestClient, facts: SmallCity, tokens: dict[str, dict[str, str]]) -> None:
    """GeoJSON features in the CRS that Content-Crs names."""
    who = tokens["guo"]
    north, east = app.get(f"{ITEMS}/1", params={"crs": f"{EPSG}4550"}).json()["geometry"]["coordinates"]
    body = lamp(facts, 1) | {"geometry": {"type": "Point", "coordinates": [north, east]}}
    answer = app.post(ITEMS, json=body, headers=who | {"Content-Crs": f"<{EPSG}4550>"})
    assert answer.status_code == 201, answer.text
    first = app.get(f"{ITEMS}/1").json()["geometry"]["coordinates"]
    assert answer.json()["geometry"]["coordinates"] == pytest.approx(first, abs=2e-8)


def test_ogcapi_features_4_create_replace_delete(
    app: TestClient, facts: SmallCity, tokens: dict[str, dict[str, str]], module_database: Database
) -> None:
    who = tokens["guo"]
    answer = created(app, facts, who, 2, attributes={"杆高m": 8}, supervising="urban")
    where = answer.headers["location"]
    assert answer.json()["properties"]["supervising"] == "urban"
    key = answer.json()["id"]
    assert app.get(where).headers["etag"] == answer.headers["etag"]
    assert app.get("/search", params={"q": "新灯2"}).json()["items"], "the search knows it at once"
    row = module_database.fetch("SELECT grid_id, admin_id, evidence_id FROM twin.asset WHERE asset_id = %s", (key,))[0]
    assert all(row), "it stands in its grid and unit, with evidence"
    replaced = app.put(where, json=lamp(facts, 3, state="破损"), headers=who | {"If-Match": answer.headers["etag"]})
    assert replaced.status_code == 200, replaced.text
    properties = replaced.json()["properties"]
    assert (properties["state"], properties["attributes"], properties["supervising"]) == ("破损", {}, None)
    assert replaced.json()["geometry"] != answer.json()["geometry"]
    moment = module_database.fetch("SELECT known_to FROM history.version WHERE row_id = %s AND operation = 'U'", (key,))
    then = app.get(where, params={"as_of": (moment[0][0]).isoformat()})
    assert then.status_code == 200
    assert app.delete(where, headers=who | {"If-Match": replaced.headers["etag"]}).status_code == 204
    assert app.get(where).status_code == 404
    assert app.get(where, params={"datetime": "2020-01-01/.."}).status_code == 200, "it is kept"
    assert "新灯3" not in {i["label_zh"] for i in app.get("/search", params={"q": "新灯3"}).json()["items"]}
    written = module_database.fetch(
        "SELECT actor, role, action FROM audit.log WHERE subject = %s ORDER BY audit_id", (f"asset {key}",)
    )
    assert [entry[2] for entry in written] == ["create asset", "replace asset", "end asset"]
    assert {entry[:2] for entry in written} == {("guo", "steward")}
    actors = module_database.fetch(
        "SELECT DISTINCT actor FROM history.version WHERE row_id = %s AND table_name = 'asset'", (key,)
    )
    assert actors == [("guo",)]


def test_ogcapi_features_4_update(app: TestClient, facts: SmallCity, tokens: dict[str, dict[str, str]]) -> None:
    who = tokens["guo"]
    answer = created(app, facts, who, 4, attributes={"杆高m": 8, "材质": "钢"}, owning="housing")
    patch = {"properties": {"state": "破损", "attributes": {"材质": None, "功率W": 60}}}
    changed = app.patch(answer.headers["location"], json=patch, headers=who | {"If-Match": answer.headers["etag"]})
    assert changed.status_code == 200, changed.text
    before, after = answer.json(), changed.json()
    assert after["geometry"] == before["geometry"]
    assert after["properties"]["attributes"] == {"杆高m": 8, "功率W": 60}
    same = ("code", "name_zh", "owning", "class_code")
    assert [after["properties"][n] for n in same] == [before["properties"][n] for n in same]


def test_ogcapi_features_4_optimistic_locking_etags(
    app: TestClient, facts: SmallCity, tokens: dict[str, dict[str, str]]
) -> None:
    who = tokens["guo"]
    answer = created(app, facts, who, 5)
    where, tag = answer.headers["location"], answer.headers["etag"]
    assert tag.startswith('"'), "strong"
    assert app.get(where, headers={"If-None-Match": tag}).status_code == 304
    patch = {"properties": {"state": "破损"}}
    for send in (lambda **h: app.patch(where, json=patch, **h), lambda **h: app.delete(where, **h),
                 lambda **h: app.put(where, json=lamp(facts, 5), **h)):  # fmt: skip
        assert send(headers=who).status_code == 428
        assert send(headers=who | {"If-Match": '"asset-1-2-3"'}).status_code == 412
        assert send(headers=who | {"If-Match": f"W/{tag}"}).status_code == 412, "a weak tag matches nothing"
    changed = app.patch(where, json=patch, headers=who | {"If-Match": tag})
    assert changed.headers["etag"] != tag
    stale = app.patch(where, json=patch, headers=who | {"If-Match": tag})
    assert stale.status_code == 412
    assert app.get(where).headers["etag"] == changed.headers["etag"], "nothing was written"


def test_who_may_edit_what(app: TestClient, facts: SmallCity, tokens: dict[str, dict[str, str]]) -> None:
    assert app.post(ITEMS, json=lamp(facts, 6)).status_code == 401
    assert app.post(ITEMS, json=lamp(facts, 6), headers=tokens["zhu"]).status_code == 403, "not a party to it"
    mine = created(app, facts, tokens["zhu"], 6, maintaining="urban")
    tag = {"If-Match": mine.headers["etag"]}
    patch = {"properties": {"state": "破损"}}
    assert app.patch(mine.headers["location"], json=patch, headers=tokens["li"] | tag).status_code == 403
    away = {"properties": {"maintaining": "police"}}
    assert app.patch(mine.headers["location"], json=away, headers=tokens["zhu"] | tag).status_code == 403
    assert app.patch(mine.headers["location"], json=patch, headers=tokens["zhu"] | tag).status_code == 200
    assert app.post("/collections/places/items", json=lamp(facts, 7), headers=tokens["guo"]).status_code in (403, 405)


@pytest.mark.parametrize(
    "wrong",
    [{"code": None}, {"code": "x" * 41}, {"class_code": "9999"}, {"state": "好"}, {"height_m": 3}, {"height_m": "3"},
     {"owner": "x"}, {"supervising": "nobody"}, {"attributes": {"杆高m": "high"}}, {"attributes": {"x": {}}},
     {"attributes": []}, {"name_zh": "a\u0000b"}],
)  # fmt: skip
def test_wrong_properties_are_refused(
    app: TestClient, facts: SmallCity, tokens: dict[str, dict[str, str]], wrong: dict[str, Any]
) -> None:
    answer = app.post(ITEMS, json=lamp(facts, 8, **wrong), headers=tokens["guo"])
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize(
    "geometry",
    [None, {}, {"type": "Point", "coordinates": []}, {"type": "Point", "coordinates": [37.38, 121.6]},
     {"type": "Point", "coordinates": [0, 0]}, {"type": "Circle", "coordinates": [1, 2]},
     {"type": "Polygon",
      "coordinates": [[[121.6, 37.38], [121.61, 37.39], [121.61, 37.38], [121.6, 37.39], [121.6, 37.38]]]},
     {"type": "Polygon", "coordinates": [[[121.6, 37.38]]]}, {"type": "Point", "coordinates": ["a", 2]}],
)  # fmt: skip
def test_wrong_geometries_are_refused(
    app: TestClient, facts: SmallCity, tokens: dict[str, dict[str, str]], geometry: Any
) -> None:
    answer = app.post(ITEMS, json=lamp(facts, 9) | {"geometry": geometry}, headers=tokens["guo"])
    assert answer.status_code == 400, answer.text


def test_what_is_no_feature_is_refused(app: TestClient, facts: SmallCity, tokens: dict[str, dict[str, str]]) -> None:
    who = tokens["guo"]
    for body in ("", "{", "[]", '"x"', '{"type":"FeatureCollection"}', '{"type":"Feature"}'):
        assert app.post(ITEMS, content=body, headers=who | GEOJSON).status_code == 400, body
    assert app.post(ITEMS, content="x", headers=who | {"Content-Type": "text/plain"}).status_code == 415
    assert app.post(ITEMS, json=lamp(facts, 2), headers=who | {"Content-Crs": "x"}).status_code == 400
    created(app, facts, who, 10)
    assert app.post(ITEMS, json=lamp(facts, 10), headers=who).status_code == 409, "the code is taken"
    cover = json.loads(json.dumps(lamp(facts, 11)))
    assert app.post("/collections/assets-0101/items", json=cover, headers=who).status_code == 400, "of another class"
    assert app.patch(f"{ITEMS}/99999999", json={}, headers=who | {"If-Match": "*"}).status_code == 404
