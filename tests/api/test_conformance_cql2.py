"""One test for each published class of CQL2 and of Features Part 3, named after it; literals never reach the SQL."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.api.conftest import City, ask
from twin.errors import BadInput
from twin.queries.cql2_filter import compile_filter
from twin.queries.cql2_text import read_filter
from twin.queries.feature_collections import ASSETS
from twin.queries.feature_crs import find_crs

Properties = dict[str, Any]
CRS = find_crs(None, 4550, "")
EPSG4326 = "http://www.opengis.net/def/crs/EPSG/0/4326"


def codes(client: TestClient, text: str, collection: str = "assets", **more: str) -> set[str]:
    page = ask(client, f"/collections/{collection}/items", filter=text, limit=1000, **more)
    return {feature["properties"]["code"] for feature in page["features"]}


def every(client: TestClient, collection: str = "assets") -> list[Properties]:
    found = ask(client, f"/collections/{collection}/items", limit=1000)["features"]
    return [{**f["properties"], "id": f["id"], "geometry": f["geometry"]} for f in found]


def same(client: TestClient, text: str, keep: Callable[[Properties], Any], collection: str = "assets") -> None:
    wanted = {p["code"] for p in every(client, collection) if keep(p)}
    assert wanted
    assert wanted < {p["code"] for p in every(client, collection)} or "everything" in text
    assert codes(client, text, collection) == wanted


def test_ogcapi_features_3_queryables(client: TestClient) -> None:
    body = client.get("/collections/assets/queryables").json()
    assert body["$schema"].startswith("https://json-schema.org/draft/2020-12")
    assert body["type"] == "object"
    assert {"id", "geometry", "code", "class_code", "state"} <= set(body["properties"])
    assert body["properties"]["valid_from"]["format"] == "date-time"
    assert any(
        name.startswith("attributes.")
        for name in client.get("/collections/assets-0118/queryables").json()["properties"]
    )


def test_ogcapi_features_3_queryables_query_parameters(client: TestClient) -> None:
    wanted = {p["code"] for p in every(client) if p["class_code"] == "0118"}
    assert {
        f["properties"]["code"] for f in ask(client, "/collections/assets/items", class_code="0118")["features"]
    } == wanted


def test_ogcapi_features_3_filter(client: TestClient) -> None:
    assert client.get("/collections/assets/items?filter=code=").status_code == 400
    assert client.get("/collections/assets/items?filter=owner='x'").status_code == 400, "an unknown property"
    assert client.get("/collections/assets/items?filter=code='x'&filter-lang=sql").status_code == 400
    assert client.get("/collections/assets/items?filter=code='x'&filter-crs=x").status_code == 400


def test_ogcapi_features_3_features_filter(client: TestClient) -> None:
    same(client, "class_code = '0118'", lambda p: p["class_code"] == "0118")


def test_cql2_cql2_text(client: TestClient) -> None:
    same(
        client, "class_code = '0118' OR (state <> '完好')", lambda p: p["class_code"] == "0118" or p["state"] != "完好"
    )


def test_cql2_cql2_json(client: TestClient) -> None:
    tree = {"op": "=", "args": [{"property": "class_code"}, "0118"]}
    assert codes(client, json.dumps(tree), **{"filter-lang": "cql2-json"}) == codes(client, "class_code = '0118'")
    answer = client.get("/collections/assets/items", params={"filter": "{", "filter-lang": "cql2-json"})
    assert answer.status_code == 400


def test_cql2_basic_cql2(client: TestClient) -> None:
    middle = sorted(p["code"] for p in every(client))[3]
    for sign, keep in (("<", str.__lt__), ("<=", str.__le__), (">", str.__gt__), (">=", str.__ge__), ("=", str.__eq__)):
        same(client, f"code {sign} '{middle}'", lambda p, keep=keep: keep(p["code"], middle))
    same(client, f"NOT (code = '{middle}')", lambda p: p["code"] != middle)
    same(client, "name_zh IS NOT NULL AND id > 2", lambda p: p["name_zh"] is not None and p["id"] > 2)
    same(client, "level = 3", lambda p: p["level"] == 3, "places")
    assert codes(client, "true") == {p["code"] for p in every(client)}
    assert codes(client, "valid_from >= TIMESTAMP('2020-01-01T00:00:00Z')") == {p["code"] for p in every(client)}
    assert codes(client, "valid_from < DATE('2020-01-01')") == set()


def test_cql2_advanced_comparison_operators(client: TestClient) -> None:
    same(client, "code LIKE '%1'", lambda p: p["code"].endswith("1"))
    same(client, "class_code IN ('0118','0101')", lambda p: p["class_code"] in ("0118", "0101"))
    same(client, "id BETWEEN 2 AND 4", lambda p: 2 <= p["id"] <= 4)
    same(client, "id NOT BETWEEN 2 AND 4", lambda p: not 2 <= p["id"] <= 4)


def test_cql2_case_insensitive_comparison(client: TestClient) -> None:
    wanted = {p["class_en"] for p in every(client)}
    name = min(wanted)
    same(client, f"CASEI(class_en) = CASEI('{name.upper()}')", lambda p: p["class_en"] == name)


def test_cql2_accent_insensitive_comparison(client: TestClient) -> None:
    name = min(p["class_en"] for p in every(client))
    accented = re.sub("[ae]", lambda m: {"a": "á", "e": "é"}[m.group()], name)
    same(client, f"ACCENTI(class_en) = ACCENTI('{accented}')", lambda p: p["class_en"] == name)


def box_around(spot: Any, half: float) -> str:
    return f"{spot.lon - half},{spot.lat - half},{spot.lon + half},{spot.lat + half}"


def test_cql2_basic_spatial_functions(client: TestClient, city: City) -> None:
    lamp, spot = city.facts.assets["lamp_1"].code, city.facts.asset_at("lamp_1")
    assert codes(client, f"S_INTERSECTS(geometry, BBOX({box_around(spot, 1e-5)}))") == {lamp}
    turned = f"{spot.lat - 1e-5},{spot.lon - 1e-5},{spot.lat + 1e-5},{spot.lon + 1e-5}"
    assert codes(client, f"S_INTERSECTS(geometry, BBOX({turned}))", **{"filter-crs": EPSG4326}) == {lamp}


def test_cql2_basic_spatial_functions_plus(client: TestClient, city: City) -> None:
    spot = city.facts.centre_of("school")
    code = city.facts.buildings["school"].code
    assert codes(client, f"S_INTERSECTS(geometry, POINT({spot.lon} {spot.lat}))", "buildings") == {code}
    line = f"LINESTRING({spot.lon} {spot.lat},{spot.lon + 1e-6} {spot.lat})"
    assert codes(client, f"S_INTERSECTS(geometry, {line})", "buildings") == {code}


def test_cql2_spatial_functions(client: TestClient, city: City) -> None:
    spot = city.facts.centre_of("school")
    code = city.facts.buildings["school"].code
    corners = [(spot.lon + a * 1e-3, spot.lat + b * 1e-3) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))]
    ring = "POLYGON((" + ",".join(f"{x} {y}" for x, y in corners) + "))"
    point = f"POINT({spot.lon} {spot.lat})"
    whole = {p["code"] for p in every(client, "buildings")}
    assert code in codes(client, f"S_WITHIN(geometry, {ring})", "buildings")
    assert codes(client, f"S_CONTAINS(geometry, {point})", "buildings") == {code}
    assert codes(client, f"S_DISJOINT(geometry, {point})", "buildings") == whole - {code}
    assert code in codes(client, f"S_OVERLAPS(geometry, {ring}) OR S_WITHIN(geometry, {ring})", "buildings")
    for name in ("S_EQUALS", "S_TOUCHES", "S_CROSSES"):
        assert codes(client, f"{name}(geometry, {point})", "buildings") == set()


def test_cql2_temporal_functions(client: TestClient) -> None:
    whole = {p["code"] for p in every(client)}
    born = "TIMESTAMP('2020-01-01T00:00:00Z')"
    long = "INTERVAL('2019-01-01T00:00:00Z','2021-01-01T00:00:00Z')"
    true = {
        "T_AFTER": f"valid_from, {born.replace('2020', '2019')}",
        "T_BEFORE": f"valid_from, {born.replace('2020', '2021')}",
        "T_EQUALS": f"valid_from, {born}", "T_INTERSECTS": f"valid_from, {long}", "T_DURING": f"valid_from, {long}",
        "T_CONTAINS": f"{long}, valid_from", "T_DISJOINT": f"valid_from, {born.replace('2020', '2021')}",
        "T_STARTS": "INTERVAL(valid_from,'2020-06-01'), INTERVAL(valid_from,'2021-01-01')",
        "T_STARTEDBY": "INTERVAL(valid_from,'2021-06-01'), INTERVAL(valid_from,'2021-01-01')",
        "T_FINISHES": "INTERVAL(valid_from,'2021-01-01'), INTERVAL('2019-01-01','2021-01-01')",
        "T_FINISHEDBY": "INTERVAL('2019-01-01','2021-01-01'), INTERVAL(valid_from,'2021-01-01')",
        "T_MEETS": "INTERVAL('2019-01-01',valid_from), INTERVAL(valid_from,'2021-01-01')",
        "T_METBY": "INTERVAL(valid_from,'2021-01-01'), INTERVAL('2019-01-01',valid_from)",
        "T_OVERLAPS": "INTERVAL('2019-01-01','2020-06-01'), INTERVAL(valid_from,'2021-01-01')",
        "T_OVERLAPPEDBY": "INTERVAL(valid_from,'2021-01-01'), INTERVAL('2019-01-01','2020-06-01')",
    }  # fmt: skip
    for name, args in true.items():
        assert codes(client, f"{name}({args})") == whole, name
        assert codes(client, f"NOT {name}({args})") == set(), name


def test_cql2_property_property(client: TestClient) -> None:
    assert codes(client, "supervising <> owning") == {
        p["code"] for p in every(client) if p["supervising"] and p["owning"] and p["supervising"] != p["owning"]
    }
    assert codes(client, "code = code") == {p["code"] for p in every(client)}


def test_cql2_arithmetic(client: TestClient) -> None:
    same(client, "id * 2 - 1 > 5 AND id / 2 < 10 AND id % 2 = 0", lambda p: p["id"] * 2 - 1 > 5 and p["id"] % 2 == 0)
    same(client, "id div 2 = 2", lambda p: p["id"] // 2 == 2)
    same(client, "id ^ 2 = 9", lambda p: p["id"] == 3)
    assert codes(client, "id / 0 = 1") == set()
    assert client.get("/collections/assets/items?filter=10 ^ (id * 400) > 1").status_code == 400


@pytest.mark.parametrize(
    "text",
    ["pg_sleep(10) = 1", "code = 1", "NOT code", "code LIKE 1", "S_INTERSECTS(code, POINT(1 2))", "x.y = 'a'",
     "id = ", "", "(" * 3000 + "id = 1" + ")" * 3000, "not " * 1500 + "id = 1", "id = " + "-" * 3000 + "1",
     "id = 1" + " OR id = 1" * 900,
     "T_AFTER(valid_from, TIMESTAMP('never'))", "geometry = 1", "id IN (1,'x')", "true = 1"],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(client: TestClient, text: str) -> None:
    answer = client.get("/collections/assets/items", params={"filter": text})
    assert answer.status_code in (400, 414), answer.text
    assert "pg_sleep" not in answer.text


@pytest.mark.parametrize("relation", ["S_CROSSES", "S_WITHIN", "S_TOUCHES", "S_EQUALS", "S_OVERLAPS", "S_CONTAINS"])
def test_a_collection_of_geometries_can_be_intersected_only(client: TestClient, relation: str) -> None:
    mixed = "(geometry, GEOMETRYCOLLECTION(POINT(121 37), POLYGON((121 37, 122 37, 122 38, 121 38, 121 37))))"
    for intersects in ("S_INTERSECTS", "S_DISJOINT"):
        assert client.get("/collections/buildings/items", params={"filter": intersects + mixed}).status_code == 200
    assert client.get("/collections/buildings/items", params={"filter": relation + mixed}).status_code == 400


def test_deep_json_is_refused(client: TestClient) -> None:
    tree = '{"op":"not","args":[' * 60 + "true" + "]}" * 60
    answer = client.get("/collections/assets/items", params={"filter": tree, "filter-lang": "cql2-json"})
    assert answer.status_code == 400


# ---------------------------------------------------------------- random expressions against Python
WORDS = st.sampled_from(["0118", "0101", "完好", "3706120118000001", "it's", "%s", "%(f0)s", '"', ";--", "路灯", ""])
NUMBERS = st.integers(-3, 30) | st.floats(-5, 30, allow_nan=False).map(lambda x: round(x, 2))
TEXTS = ("code", "class_code", "state", "class_zh", "name_zh")


def prop(name: str) -> dict[str, str]:
    return {"property": name}


def op(name: str, *args: Any) -> dict[str, Any]:
    return {"op": name, "args": list(args)}


signs = st.sampled_from(["=", "<>", "<", ">", "<=", ">="])
leaves = st.one_of(
    st.builds(lambda s, p, w: op(s, prop(p), w), st.sampled_from(["=", "<>"]), st.sampled_from(TEXTS), WORDS),
    st.builds(lambda s, n: op(s, prop("id"), n), signs, NUMBERS),
    st.builds(lambda s, n: op(s, op("+", prop("id"), 2), op("*", n, 1.5)), signs, NUMBERS),
    st.builds(lambda p: op("isNull", prop(p)), st.sampled_from(TEXTS)),
    st.builds(lambda p, w: op("in", prop(p), w), st.sampled_from(TEXTS), st.lists(WORDS, min_size=1, max_size=3)),
    st.builds(lambda a, b: op("between", prop("id"), a, b), NUMBERS, NUMBERS),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda t: op("not", t), inner),
        st.builds(lambda n, ts: op(n, *ts), st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=8,
)


def evaluate(node: Any, p: Properties) -> Any:
    """Work an expression out in Python, with SQL's three-valued logic (None: unknown)."""
    if not isinstance(node, dict):
        return node
    if "property" in node:
        return p[node["property"]]
    name = node["op"]
    if name == "in":
        value = evaluate(node["args"][0], p)
        return None if value is None else value in node["args"][1]
    args = [evaluate(arg, p) for arg in node["args"]]
    if name == "isNull":
        return args[0] is None
    if name == "not":
        return None if args[0] is None else not args[0]
    if name == "and":
        return False if False in args else None if None in args else True
    if name == "or":
        return True if True in args else None if None in args else False
    if None in args:
        return None
    a, b = args[0], args[1]
    return {
        "=": lambda: a == b, "<>": lambda: a != b, "<": lambda: a < b, ">": lambda: a > b, "<=": lambda: a <= b,
        ">=": lambda: a >= b, "+": lambda: a + b, "*": lambda: a * b, "between": lambda: b <= a <= args[2],
    }[name]()  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=trees)
def test_random_expressions_find_what_python_finds(client: TestClient, tree: Any) -> None:
    wanted = {p["code"] for p in every(client) if evaluate(tree, p) is True}
    assert codes(client, json.dumps(tree), **{"filter-lang": "cql2-json"}) == wanted


@settings(max_examples=200, deadline=None)
@given(text=st.text(min_size=1, max_size=20), number=st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_literals_never_stand_in_the_sql(text: str, number: float) -> None:
    tree = op(
        "and", op("=", prop("code"), f"<{text}>"), op("<", prop("id"), number), op("like", prop("state"), f"<{text}>")
    )
    try:
        condition = compile_filter(tree, ASSETS, CRS)
    except BadInput:
        assert "\0" in text
        return
    assert re.fullmatch(r"[A-Za-z0-9_.,:%()<>=' ]+", condition.sql)
    plain = compile_filter(
        op("and", op("=", prop("code"), "a"), op("<", prop("id"), number), op("like", prop("state"), "b")), ASSETS, CRS
    )
    assert condition.sql == plain.sql
    assert f"<{text}>" in condition.values.values()


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=60) | st.text(alphabet="()'\"ab=<>,. ANDORNOT0123%-", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadInput):
        compile_filter(read_filter(text, "cql2-text"), ASSETS, CRS)
