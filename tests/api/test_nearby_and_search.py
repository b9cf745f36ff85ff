"""Nearest assets and the search box, through HTTP."""

from __future__ import annotations

import math

import pytest
from starlette.testclient import TestClient

from api import examples
from tests.api.conftest import City, ask


def test_nearest_of_any_class(client: TestClient, city: City) -> None:
    place = city.facts.at(0, 4.2)
    items = ask(client, "/nearby", lon=place.lon, lat=place.lat, n=3)["items"]
    assert items[0]["code"] == city.facts.assets["lamp_3"].code
    assert items[0]["distance_m"] == pytest.approx(0.2, abs=0.01)
    assert [item["distance_m"] for item in items] == sorted(item["distance_m"] for item in items)
    assert set(items[0]) == set(examples.ASSET)


def test_nearest_of_some_classes_within_a_radius(client: TestClient, city: City) -> None:
    place = city.facts.at(0, 0)
    answer = ask(client, "/nearby", lon=place.lon, lat=place.lat, **{"class": "0118, 0102"}, radius_m=25)
    assert {item["class_code"] for item in answer["items"]} == {"0118", "0102"}
    assert max(item["distance_m"] for item in answer["items"]) <= 25
    assert answer["query"]["class"] == ["0118", "0102"]
    rare = ask(client, "/nearby", lon=place.lon, lat=place.lat, **{"class": "0136"})
    assert [item["name_zh"] for item in rare["items"]] == ["路口监控"]
    assert ask(client, "/nearby", lon=place.lon, lat=place.lat, **{"class": "0136"}, radius_m=5)["items"] == []


def test_an_unknown_class_is_named(client: TestClient, city: City) -> None:
    place = city.facts.at(0, 0)
    answer = client.get("/nearby", params={"lon": place.lon, "lat": place.lat, "class": "0118,9999"})
    assert answer.status_code == 422
    assert "9999" in answer.json()["detail"]
    assert "0118" not in answer.json()["detail"].split(".")[0]


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("政府大街101号", "address", "DZ0001"),
        ("政府大街 １０１ 号", "address", "DZ0001"),
        ("政府大街一百零一号", "address", "DZ0001"),
        ("政府街小区4幢", "building", "3706120010010004"),
        ("政府街小区4号楼", "building", "3706120010010004"),
        ("政府街小区四栋", "building", "3706120010010004"),
        ("实验小学", "building", "3706120010010002"),
        ("syxx", "building", "3706120010010002"),
        ("zfdj101h", "address", "DZ0001"),
        ("路口监控", "asset", "3706120136000001"),
        ("3706120136000001", "asset", "3706120136000001"),
        ("dz0003", "address", "DZ0003"),
        ("宁海测试商贸", "entity", "ENT-0001"),
        ("宁海街道", "admin_unit", "370612001"),
        ("370612001001002", "grid", "370612001001002"),
        ("实验中小学", "building", "3706120010010002"),
        ("实验小雪", "building", "3706120010010002"),
        ("实念小学", "building", "3706120010010002"),
        ("验实小学", "building", "3706120010010002"),
        ("实验学", "building", "3706120010010002"),
        ("syxxx", "building", "3706120010010002"),
        ("shiyanxiaoxue", "building", "3706120010010002"),
        ("shiyanxiaoxeu", "building", "3706120010010002"),
        ("ninghaishangwulo", "building", "3706120010010006"),
        ("烟台市牟平区宁海测式商贸", "entity", "ENT-0001"),
        ("mupingqu", "admin_unit", "370612"),
        ("宁海街到政府大街101号", "address", "DZ0001"),
        ("政府大街1011号", "address", "DZ0001"),
        ("正负大街101号", "address", "DZ0001"),
        ("才正大厦", "building", "3706120010010003"),
        ("37061202110000011", "asset", "3706120211000001"),
        ("dz0o03", "address", "DZ0003"),
        ("行道树", "asset", "3706120402000001"),
    ],
)
def test_the_right_answer_comes_first(client: TestClient, text: str, kind: str, code: str) -> None:
    items = ask(client, "/search", q=text)["items"]
    assert (items[0]["kind"], items[0]["code"]) == (kind, code)
    assert set(items[0]) == set(examples.SEARCH["items"][0])
    assert [item["score"] for item in items] == sorted((item["score"] for item in items), reverse=True)


def test_search_narrows_by_kind_and_box(client: TestClient, city: City) -> None:
    assert {item["kind"] for item in ask(client, "/search", q="政府大街")["items"]} == {"address", "asset"}
    only = ask(client, "/search", q="政府大街", kind="address")["items"]
    assert len(only) == 6
    assert {item["kind"] for item in only} == {"address"}
    (west, south), (east, north) = city.facts.at(-60, -60), city.facts.at(-20, 60)
    boxed = ask(client, "/search", q="政府大街", kind="address", bbox=f"{west},{south},{east},{north}")["items"]
    assert {item["code"] for item in boxed} == {"DZ0001", "DZ0004"}


def test_of_what_is_as_near_what_the_asker_looks_at_comes_first(client: TestClient) -> None:
    alike = ask(client, "/search", q="政府大街10号", kind="address")["items"]
    one, other = alike[:2]
    assert one["score"] == other["score"]  # 101 and 102: one digit left out
    for wanted, unseen in ((one, other), (other, one)):
        # What is looked at begins at the wanted place and lies away from the other one.
        lon, lat = (wanted[axis] + 1.001 * math.copysign(0.002, wanted[axis] - unseen[axis]) for axis in ("lon", "lat"))
        view = ",".join(map(str, (lon - 0.002003, lat - 0.002003, lon + 0.002003, lat + 0.002003)))
        seen = ask(client, "/search", q="政府大街10号", kind="address", view=view)["items"]
        assert seen[0]["code"] == wanted["code"]
        assert {item["code"] for item in seen} == {item["code"] for item in alike}  # nothing is left out
    assert client.get("/search", params={"q": "x1", "view": "1,2,3"}).status_code == 422


@pytest.mark.parametrize("text", ["  ", "%", "%%%", "';--", "\\", "()&|!", "龘龘龘", "_"])
def test_odd_texts_find_nothing_and_break_nothing(client: TestClient, text: str) -> None:
    assert ask(client, "/search", q=text)["items"] == []


def test_ended_things_are_not_found(client: TestClient) -> None:
    assert "已拆路灯" not in {item["label_zh"] for item in ask(client, "/search", q="已拆路灯")["items"]}
