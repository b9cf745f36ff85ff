"""One test for each published conformance class of OGC API Features, named after it; modelled on the abstract tests."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from api.conformance import CONFORMS_TO
from tests.api.conftest import City

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"


def every_feature(client: TestClient, path: str) -> list[dict[str, Any]]:
    """Follow `next` to the end."""
    found: list[dict[str, Any]] = []
    while path:
        page = client.get(path).json()
        assert page["numberReturned"] == len(page["features"])
        found += page["features"]
        path = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    return found


def ask(client: TestClient, path: str, **query: Any) -> Any:
    """Get JSON that must be there; the path may hold parameters of its own."""
    answer = client.get(path, params=query or None)
    assert answer.status_code == 200, answer.text
    return answer.json()


def link_of(body: Any, rel: str) -> str:
    return next(link["href"] for link in body["links"] if link["rel"] == rel)


def test_every_published_class_has_a_test_of_its_name() -> None:
    from tests.api import test_conformance_cql2, test_conformance_edits, test_conformance_tiles

    others = (test_conformance_cql2, test_conformance_edits, test_conformance_tiles)
    names = {n for m in others for n in vars(m)} | set(globals())
    for uri in CONFORMS_TO:
        standard, name = re.search(r"/spec/([a-z0-9-]+)/[0-9.]+/conf/(.+)$", uri).groups()  # type: ignore[union-attr]
        assert f"test_{standard}_{name}".replace("-", "_").replace("/", "_") in names, uri


def test_ogcapi_common_1_core(client: TestClient) -> None:
    assert client.get("/conformance").status_code == 200
    assert client.get("/collections/nothing").status_code == 404
    assert client.get("/collections/assets/items?unknown=1").status_code == 400
    assert client.post("/conformance").status_code == 405


@pytest.mark.parametrize("address", ["/ogc", "/?f=json"])
def test_ogcapi_common_1_landing_page(client: TestClient, address: str) -> None:
    body = ask(client, address)
    for rel in ("self", "service-desc", "service-doc", "conformance", "data"):
        assert client.get(link_of(body, rel)).status_code == 200, rel


def test_ogcapi_common_1_json(client: TestClient) -> None:
    for path in ("/ogc", "/conformance", "/collections", "/collections/assets"):
        assert client.get(path).headers["content-type"] == "application/json"


def test_ogcapi_common_1_html(client: TestClient) -> None:
    test_ogcapi_features_1_html(client)


def test_ogcapi_features_1_core(client: TestClient, city: City) -> None:
    assert set(CONFORMS_TO) == set(ask(client, "/conformance")["conformsTo"])
    listed = {one["id"]: one for one in ask(client, "/ogc/collections")["collections"]}
    assert {"assets", "buildings", "places", "grids", "addresses", "events", "surveys", "records", "sensors"} <= set(
        listed
    )
    for name, collection in listed.items():
        assert ask(client, f"/ogc/collections/{name}") == collection
        items = next(link for link in collection["links"] if link["rel"] == "items" and "geo+json" in link["type"])
        page = ask(client, items["href"])
        assert page["type"] == "FeatureCollection"
        assert page["numberReturned"] == len(page["features"]) <= page["numberMatched"]
        for feature in page["features"]:
            one = ask(client, f"/ogc/collections/{name}/items/{feature['id']}")
            assert {k: one[k] for k in feature} == feature
    assert client.get("/collections/assets/items/999999999").status_code == 404
    assert client.get("/collections/assets/items/x").status_code == 404
    for wrong in ("limit=0", "limit=x", "bbox=1,2,3", "bbox=a,b,c,d", "bbox=1,5,2,3", "datetime=yesterday", "f=xml",
                  "token=abc", "datetime=2021-01-01/2020-01-01", "count=some", "limit=1&limit=2", "crs=1"):  # fmt: skip
        assert client.get(f"/collections/assets/items?{wrong}").status_code == 400, wrong
    spot = city.facts.asset_at("lamp_1")
    box = f"{spot.lon - 1e-5},{spot.lat - 1e-5},{spot.lon + 1e-5},{spot.lat + 1e-5}"
    found = ask(client, f"/collections/assets/items?bbox={box}")
    assert [f["properties"]["code"] for f in found["features"]] == [city.facts.assets["lamp_1"].code]
    assert ask(client, f"/collections/assets/items?bbox={box}&limit=20000")["numberReturned"] == 1
    whole = ask(client, "/collections/assets/items?bbox=170,-80,-170,80")
    assert whole["numberMatched"] == 0, "a box over the 180th meridian is not the other way round the earth"
    assert ask(client, "/collections/assets/items?datetime=../2019-12-31T00:00:00Z")["numberMatched"] == 0
    assert ask(client, "/collections/assets/items?datetime=2021-05-05")["numberMatched"] == len(city.facts.assets)


def test_ogcapi_features_1_geojson(client: TestClient) -> None:
    answer = client.get("/collections/buildings/items?limit=2")
    assert answer.headers["content-type"] == "application/geo+json"
    for feature in answer.json()["features"]:
        assert feature["type"] == "Feature"
        assert feature["geometry"]["type"] == "MultiPolygon"
        assert isinstance(feature["properties"], dict)
        assert "crs" not in feature["geometry"]
    few = client.get("/collections/buildings/items?properties=code,name_zh").json()["features"][0]
    assert set(few["properties"]) == {"code", "name_zh"}


def test_ogcapi_features_1_html(client: TestClient) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for path in ("/ogc", "/conformance", "/collections", "/collections/assets", "/collections/assets/queryables",
                 "/collections/assets/items", "/collections/assets/items/1", "/collections/surveys/items"):  # fmt: skip
        for lang, declared in (("zh", "zh-CN"), ("en", "en")):
            answer = client.get(path, headers=browser | {"Accept-Language": lang})
            assert answer.status_code == 200, path
            assert answer.headers["content-type"].startswith("text/html")
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert f'<html lang="{declared}">' in answer.text
            outside = re.findall(r'(?:src|href)="(https?://(?!testserver)[^"]+)"', answer.text)
            assert not outside
    assert client.get("/docs/standards.css").status_code == 200


def test_ogcapi_features_1_oas30(client: TestClient) -> None:
    answer = client.get(link_of(ask(client, "/ogc"), "service-desc"))
    assert answer.json()["openapi"].startswith("3.")
    assert "/collections/{collection}/items" in answer.json()["paths"]


def test_ogcapi_features_2_crs(client: TestClient, city: City) -> None:
    collection = ask(client, "/collections/assets")
    assert collection["crs"][0] == collection["storageCrs"] == CRS84
    assert {f"{EPSG}{code}" for code in (4326, 4490, 4550)} <= set(collection["crs"])
    spot = city.facts.asset_at("lamp_1")
    box = f"{spot.lon - 1e-5},{spot.lat - 1e-5},{spot.lon + 1e-5},{spot.lat + 1e-5}"
    here = client.get("/collections/assets/items", params={"bbox": box})
    assert here.headers["content-crs"] == f"<{CRS84}>"
    lon, lat = here.json()["features"][0]["geometry"]["coordinates"]
    assert (lon, lat) == pytest.approx((spot.lon, spot.lat), abs=1e-8)
    fid = here.json()["features"][0]["id"]
    for code in (4326, 4490):
        turned = client.get(f"/collections/assets/items/{fid}", params={"crs": f"{EPSG}{code}"})
        assert turned.headers["content-crs"] == f"<{EPSG}{code}>"
        assert turned.json()["geometry"]["coordinates"] == [lat, lon], "its authority puts latitude first"
    metres = ask(client, f"/collections/assets/items/{fid}", crs=f"{EPSG}4550")["geometry"]["coordinates"]
    assert 4_000_000 < metres[0] < 4_300_000
    assert 300_000 < metres[1] < 500_000, "northing first"
    north, east = metres
    for crs, asked in (
        (f"{EPSG}4326", f"{lat - 1e-5},{lon - 1e-5},{lat + 1e-5},{lon + 1e-5}"),
        (f"{EPSG}4550", f"{north - 1},{east - 1},{north + 1},{east + 1}"),
        (f"{EPSG}4550", f"{north - 1},{east - 1},0,{north + 1},{east + 1},9"),
    ):
        found = ask(client, "/collections/assets/items", **{"bbox": asked, "bbox-crs": crs})
        assert [f["id"] for f in found["features"]] == [fid], crs
    assert client.get("/collections/assets/items", params={"crs": f"{EPSG}2154"}).status_code == 400
    assert client.get("/collections/assets/items", params={"bbox": box, "bbox-crs": "x"}).status_code == 400
    surveys = ask(client, "/collections/surveys/items", crs=f"{EPSG}4550")["features"]
    assert surveys[0]["geometry"]["coordinates"][0][0][0][0] > 4_000_000


@pytest.mark.parametrize(
    ("collection", "limit"),
    [("assets", 1), ("assets", 7), ("places", 50), ("addresses", 2), ("records", 3), ("assets-0118", 2)],
)
def test_paging_gives_every_row_exactly_once(client: TestClient, city: City, collection: str, limit: int) -> None:
    found = every_feature(client, f"/collections/{collection}/items?limit={limit}")
    table, key, more = {
        "assets": ("asset", "asset_id", ""), "places": ("admin_unit", "admin_id", ""),
        "addresses": ("address", "address_id", ""), "records": ("record", "record_id", ""),
        "assets-0118": ("asset", "asset_id", "AND class_id = 18"),
    }[collection]  # fmt: skip
    rows = city.database.fetch(f"SELECT {key} FROM twin.{table} WHERE valid_to IS NULL {more} ORDER BY 1")
    assert [feature["id"] for feature in found] == [row[0] for row in rows]


@pytest.mark.parametrize("collection", ["assets", "buildings", "records"])
def test_sorted_pages_give_every_row_once_in_order(client: TestClient, collection: str) -> None:
    whole = every_feature(client, f"/collections/{collection}/items?limit=1000")
    for name, sign in (("id", "-"), ("state", ""), ("code", "%2B"), ("height_m", "-"), ("known_at", ""), ("kind", "-")):
        if name != "id" and name not in whole[0]["properties"]:
            continue
        found = every_feature(client, f"/collections/{collection}/items?sortby={sign}{name}&limit=9")

        def value(one: dict[str, Any], name: str = name) -> Any:
            return one["id"] if name == "id" else one["properties"][name]

        there = sorted((one for one in whole if value(one) is not None), key=lambda one: one["id"])
        there.sort(key=value, reverse=sign == "-")
        missing = sorted(one["id"] for one in whole if value(one) is None)
        assert [one["id"] for one in found] == [*(one["id"] for one in there), *missing], name


def test_two_keys_a_filter_and_a_page_for_people(client: TestClient) -> None:
    path = "/collections/assets/items?sortby=state,-code&limit=2&filter=" + quote("id > 2")
    found = every_feature(client, path)
    pairs = [(one["properties"]["state"] is None, one["properties"]["state"] or "") for one in found]
    assert pairs == sorted(pairs)
    assert len({one["id"] for one in found}) == len(found) == ask(client, path + "&count=exact")["numberMatched"]
    assert client.get(path + "&f=html").headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("collection", "asked"),
    [("records", "phone"), ("records", "id_number"), ("records", "attributes"), ("records", "unsealed"),
     ("assets", "code,code"), ("assets", "code;DROP TABLE"), ("assets", ""), ("assets", "geometry"),
     ("assets", "attributes.x"), ("assets", "--code"), ("buildings", "a.code"), ("assets", "-")],
)  # fmt: skip
def test_what_is_not_public_is_not_sorted_by(client: TestClient, collection: str, asked: str) -> None:
    answer = client.get(f"/collections/{collection}/items", params={"sortby": asked})
    assert answer.status_code == 400
    assert "known_at" in answer.json()["detail"], "it says what can be sorted by"


def test_a_token_of_another_order_is_refused(client: TestClient) -> None:
    first = ask(client, "/collections/assets/items?limit=1")
    token = link_of(first, "next").split("token=")[1].split("&")[0]
    assert client.get(f"/collections/assets/items?sortby=code&token={token}").status_code == 400
    ordered = link_of(ask(client, "/collections/assets/items?sortby=code,known_at&limit=1"), "next")
    other = ordered.split("token=")[1].split("&")[0]
    assert client.get(f"/collections/assets/items?sortby=code&token={other}").status_code == 400
    made = base64.urlsafe_b64encode(b'[0,1,1,["x","y"]]').decode()
    assert client.get(f"/collections/assets/items?sortby=known_at&token={made}").status_code == 400


def test_a_count_says_what_it_is(client: TestClient) -> None:
    for mode in ("auto", "exact"):
        page = ask(client, "/collections/places/items", limit=1, count=mode)
        assert page["numberMatchedKind"] == "exact"
        assert page["numberMatched"] == len(every_feature(client, "/collections/places/items?limit=100"))
        following = client.get(link_of(page, "next")).json()
        assert following["numberMatched"] == page["numberMatched"], "counted once, carried along"
    guessed = ask(client, "/collections/places/items", limit=1, count="estimated")
    assert guessed["numberMatchedKind"] == "estimated"
    assert guessed["numberMatched"] >= 2
    assert "numberMatched" not in ask(client, "/collections/places/items", limit=1, count="none")


def test_a_small_box_is_answered_alike_before_the_routes_and_by_them(client: TestClient, city: City) -> None:
    lon, lat = city.facts.at(0, 0)
    box = f"{lon - 0.002},{lat - 0.002},{lon + 0.002},{lat + 0.002}"
    path = f"/collections/assets/items?bbox={box}&limit=3"
    for count in ("auto", "exact", "estimated", "none"):
        quick, by_route = ask(client, f"{path}&count={count}"), ask(client, f"{path}&count={count}&crs={quote(CRS84)}")
        for page in (quick, by_route):
            del page["timeStamp"], page["links"]
        assert quick == by_route
        assert len(quick["features"]) == 3
    packed = client.get(path, headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json()["features"] == ask(client, path)["features"]
    assert client.get(f"{path}&limit=2").status_code == 400
    assert client.get(f"{path}&count=nearly").status_code == 400
    assert len(every_feature(client, path)) == ask(client, path + "&count=exact")["numberMatched"]


def test_what_was_known_then(client: TestClient, city: City) -> None:
    code = city.facts.buildings["offices"].code
    renamed = city.database.fetch(
        "SELECT v.row_id, v.known_to FROM history.version v WHERE table_name = 'building' AND operation = 'U'"
    )
    fid, moment = renamed[0]
    before = moment.replace(microsecond=0).isoformat()
    now = ask(client, f"/collections/buildings/items/{fid}")["properties"]
    assert now["name_zh"] == "区政府办公楼"
    then = client.get(f"/collections/buildings/items/{fid}", params={"as_of": "2020-01-01T00:00:00Z"})
    assert then.status_code == 404
    assert code
    assert client.get("/collections/buildings/items", params={"as_of": before}).status_code == 200


def test_names_of_properties_are_parameters(client: TestClient, city: City) -> None:
    lamp = city.facts.assets["lamp_1"]
    found = ask(client, "/collections/assets/items", code=lamp.code)
    assert [f["properties"]["code"] for f in found["features"]] == [lamp.code]
    assert ask(client, "/collections/places/items", level=3)["numberMatched"] == 1
    assert client.get("/collections/places/items?level=x").status_code == 400
    assert json.loads(client.get("/collections/assets/items?code='||'").text)["numberMatched"] == 0


def test_the_catalogues_names_need_no_escaping(city: City) -> None:
    """They are written into JSON as they stand."""
    rows = city.database.fetch("SELECT code, name_zh, name_en FROM twin.class")
    assert all(json.dumps(text, ensure_ascii=False) == f'"{text}"' for row in rows for text in row)


@pytest.mark.parametrize("base", ["", "/ogc"])
@pytest.mark.parametrize("collection", ["assets", "buildings", "places", "records"])
def test_a_feature_answered_before_the_routes_is_the_routes_own(client: TestClient, base: str, collection: str) -> None:
    fid = ask(client, f"{base}/collections/{collection}/items", limit=1)["features"][0]["id"]
    address = f"{base}/collections/{collection}/items/{fid}"
    quick, routed = client.get(address), client.get(address, headers={"Cookie": "by=route"})
    assert (quick.status_code, quick.content) == (200, routed.content)
    for name in ("etag", "content-crs", "content-type", "cache-control", "content-security-policy"):
        assert quick.headers.get(name) == routed.headers.get(name)
    if "etag" in quick.headers:
        assert client.get(address, headers={"If-None-Match": quick.headers["etag"]}).status_code == 304
    assert client.get(address, headers={"Accept": "text/html"}).headers["content-type"].startswith("text/html")
    assert client.get(f"{base}/collections/{collection}/items/999999999999").status_code == 404
