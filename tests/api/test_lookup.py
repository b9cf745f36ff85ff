"""One click: everything known at a place, with evidence, through HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyproj import Geod
from starlette.testclient import TestClient

from api import examples
from tests.api.conftest import City, ask
from tests.api.small_city import OBSERVED_AT, insert_small_city
from tests.api.small_city_survey import SCENE
from tests.databases import Database

MOVE = """
UPDATE twin.asset SET state = '破损', geom_m = ST_Translate(geom_m, 30, 0),
  geom = ST_Transform(ST_Translate(geom_m, 30, 0), 4490)
WHERE code = %s
"""


def look(client: TestClient, place: Any, **more: Any) -> Any:
    return ask(client, "/lookup", lon=place.lon, lat=place.lat, **more)


def test_a_roof_tells_place_heights_building_records_and_photos(client: TestClient, city: City) -> None:
    answer = look(client, city.facts.centre_of("tower"))
    tower = city.facts.buildings["tower"]
    assert [unit["code"] for unit in answer["place"]["admin"]] == ["370612", "370612001", "370612001001"]
    assert answer["place"]["grid"]["code"] == city.facts.grid_west
    assert answer["place"]["address"]["text_zh"] == tower.address_zh
    assert answer["place"]["address"]["evidence"]["file"] == "02_addresses.gpkg"
    assert answer["place"]["projected"] == {"crs": "EPSG:4550", "east": 375960.0, "north": 4139620.0}
    assert answer["terrain"]["surface_h_m"] == pytest.approx(44.0, abs=0.01)
    assert answer["terrain"]["ground_h_m"] == pytest.approx(19.6, abs=0.01)
    assert answer["terrain"]["vertical_datum"] == "EPSG:5737"
    assert answer["terrain"]["sigma_m"] == pytest.approx(0.06)
    assert answer["terrain"]["heights_from"] == "exif"
    building = answer["building"]
    assert (building["code"], building["name_zh"]) == (tower.code, "区政府办公楼")
    assert building["height_m"] == pytest.approx(24.4)
    assert building["addresses"] == [{"code": tower.address_code, "text_zh": tower.address_zh}]
    assert building["evidence"]["footprint"]["department"] == "区住房和城乡建设局"
    assert building["evidence"]["height"]["survey"] == city.facts.survey
    assert building["evidence"]["height"]["sigma_m"] == pytest.approx(0.08)
    records = {part["department"]["code"]: part for part in answer["records"]}
    housing = {item["title_zh"]: item["link"] for item in records["housing"]["items"]}
    assert housing["屋顶渗漏"]["to"] == {"kind": "building", "code": tower.code}
    assert housing["路灯不亮"]["to"] == {"kind": "asset", "code": city.facts.assets["lamp_1"].code}
    assert [item["title_zh"] for item in records["urban"]["items"]] == ["消防检查合格"]
    assert [survey["name"] for survey in answer["imagery"]["surveys"]] == [city.facts.survey]
    assert {photo["file"] for photo in answer["imagery"]["photos"]} >= {"SC_0001.JPG"}


def test_assets_come_nearest_first_with_distance_bearing_parties_and_evidence(client: TestClient, city: City) -> None:
    place = city.facts.at(-40, 0)
    assets = look(client, place, radius_m=21)["assets"]
    distances = [asset["distance_m"] for asset in assets]
    assert distances == sorted(distances)
    assert max(distances) <= 21
    lamp = next(asset for asset in assets if asset["code"] == city.facts.assets["lamp_1"].code)
    azimuth, _, distance = Geod(ellps="GRS80").inv(*place, lamp["lon"], lamp["lat"])
    assert lamp["distance_m"] == pytest.approx(4.0, abs=0.01) == pytest.approx(distance, abs=0.02)
    assert (lamp["bearing_deg"] - azimuth + 180) % 360 - 180 == pytest.approx(0, abs=0.3)
    assert lamp["class_zh"] == "路灯"
    assert lamp["parties"]["owning"] == "区住房和城乡建设局"
    assert lamp["evidence"]["file"] == "03_assets.csv"
    assert lamp["evidence"]["row_no"] == 1
    # A line is met at its nearest point: the guard rail runs half a metre north of here.
    rail = next(asset for asset in assets if asset["class_code"] == "0211")
    assert rail["distance_m"] == pytest.approx(0.5, abs=0.01)
    # What was taken down in 2025 is not there any more.
    assert city.facts.assets["old_lamp"].code not in {asset["code"] for asset in assets}


def test_a_record_waiting_for_review_says_so_and_a_rejected_link_is_not_shown(client: TestClient, city: City) -> None:
    answer = look(client, city.facts.centre_of("row"))
    links = {item["title_zh"]: item["link"] for part in answer["records"] for item in part["items"]}
    assert links["下水道堵塞"]["state"] == "review"
    assert links["下水道堵塞"]["reason_zh"]
    tower = look(client, city.facts.centre_of("tower"))
    assert "已撤销的检查" not in {item["title_zh"] for part in tower["records"] for item in part["items"]}


def test_enterprises_are_named_and_households_only_counted(client: TestClient, city: City) -> None:
    business = look(client, city.facts.centre_of("business"))["entities"]
    assert business["count"] == 2
    assert {item["name"] for item in business["items"]} == {"宁海测试商贸有限公司", "宁海测试餐饮店"}
    assert not any(item["masked"] for item in business["items"])
    households = look(client, city.facts.centre_of("row"))["entities"]
    assert households == {"count": 2, "items": []}


def test_events_and_sensors_around(client: TestClient, city: City) -> None:
    answer = look(client, city.facts.at(-30, 2))
    assert [(event["title_zh"], event["class_code"]) for event in answer["events"]] == [("路边暴露垃圾", "06010")]
    sensor = answer["sensors"][0]
    assert (sensor["code"], sensor["latest_value"], sensor["unit"]) == ("SN-LAMP-1", 0.52, "A")
    assert sensor["asset_code"] == city.facts.assets["lamp_1"].code


def test_open_ground_has_no_building_but_the_nearest_address(client: TestClient, city: City) -> None:
    answer = look(client, city.facts.at(-10, 5))
    assert answer["building"] is None
    assert answer["place"]["address"]["code"] == "DZ0002"
    assert 0 < answer["place"]["address"]["distance_m"] < 60


def test_a_step_beside_the_wall_still_means_the_building(client: TestClient, city: City) -> None:
    box = SCENE.boxes[0]
    middle = (box.south + box.north) / 2
    assert look(client, city.facts.at(box.west - 1.5, middle))["building"]["distance_m"] == pytest.approx(1.5, abs=0.01)
    assert look(client, city.facts.at(box.west - 2.5, middle))["building"] is None


def test_history_tells_what_a_name_was_and_as_of_answers_for_then(database: Database) -> None:
    with database.connect("ingest") as connection:
        facts = insert_small_city(connection, database.settings.data_dir)
    lamp = facts.assets["lamp_1"].code
    database.fetch(MOVE, (lamp,))
    known = "SELECT known_to FROM history.version WHERE table_name = 'building' AND operation = 'U'"
    renamed_at: datetime = database.fetch(known)[0][0]
    from api.app import create_app

    with TestClient(create_app(database.settings)) as client:
        place = facts.centre_of("tower")
        now = look(client, place)
        change = next(item for item in now["history"] if item["table"] == "building")
        assert change["old"] == {"name_zh": "旧政府楼"}
        assert change["actor"] is None, "the public does not learn who"
        just_before = look(client, place, as_of=(renamed_at - timedelta(microseconds=1)).isoformat())
        assert just_before["building"]["name_zh"] == "旧政府楼"
        assert just_before["history"] == []
        afterwards = look(client, place, as_of=datetime.now(UTC).isoformat())
        assert afterwards["building"]["name_zh"] == "区政府办公楼"
        # The lamp is known at its old place until it was moved.
        assert lamp in {asset["code"] for asset in just_before["assets"]}
        assert next(a for a in just_before["assets"] if a["code"] == lamp)["state"] == "完好"
        assert lamp not in {asset["code"] for asset in look(client, place, radius_m=20)["assets"]}
        # Before anything was delivered nothing was known, whatever was true in the city.
        assert look(client, place, as_of="2021-01-01T00:00:00")["building"] is None
        near = ask(client, "/nearby", lon=facts.asset_at("lamp_1").lon, lat=facts.asset_at("lamp_1").lat, n=1,
                   as_of=(renamed_at - timedelta(microseconds=1)).isoformat())  # fmt: skip
        assert (near["items"][0]["code"], near["items"][0]["distance_m"]) == (lamp, 0.0)


def test_the_answer_has_the_documented_shape(client: TestClient, city: City) -> None:
    answer = look(client, city.facts.centre_of("tower"))
    assert shape(answer) >= shape({**examples.LOOKUP, "entities": {"count": 0, "items": []}})
    business = look(client, city.facts.centre_of("business"))["entities"]
    assert shape(business) == shape(examples.LOOKUP["entities"])
    assert datetime.fromisoformat(answer["building"]["evidence"]["height"]["observed_at"]) == OBSERVED_AT


FREE = {"evidence", "attributes", "geometry", "management_grids", "old", "parties", "query"}


def shape(value: Any, path: str = "") -> set[str]:
    """Name every key that can be reached; what is free-form is not looked into."""
    if isinstance(value, list):
        return set().union(*(shape(item, path) for item in value)) if value else set()
    if not isinstance(value, dict):
        return set()
    keys = {f"{path}/{key}" for key in value}
    return keys.union(*(shape(item, f"{path}/{key}") for key, item in value.items() if key not in FREE))
