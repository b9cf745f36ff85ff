"""A height that a person sets: in the solid, the answers and the 3D Tiles at once; other tiles stay to the byte."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shapely.geometry import box, mapping
from starlette.testclient import TestClient

from api.app import create_app
from photogrammetry.products.building_tiles import building_square
from photogrammetry.products.tiles3d import box_of
from tests.api.conftest import LIMITS, ask
from tests.api.members import add_member, token_for
from tests.api.small_city import SmallCity, insert_small_city
from tests.api.small_city_survey import VERTICAL_DATUM, frame
from tests.databases import Database, fresh_database
from twin.settings import Settings

TILES = "/3dtiles/small-city/"


def entry(facts: SmallCity, key: str, east: float) -> dict[str, Any]:
    """Give a building as the pipeline does; 20 x 10 m, at its place's height."""
    x, y = 376000.0 + east, 4139600.0
    return {
        "code": facts.buildings[key].code, "name": key, "height_m": 24.4, "ground_h_m": 19.6, "roof_h_m": 44.0,
        "sigma_m": 0.1, "confidence": "high", "source": "given", "lod": "1.3",
        "blocks": [{"polygon": mapping(box(x, y, x + 20, y + 10)), "roof_h_m": 44.0}],
    }  # fmt: skip


@pytest.fixture(scope="module")
def made(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, SmallCity]]:
    with fresh_database(settings, tmp_path_factory.mktemp("edits") / "var") as database:
        with database.connect("ingest") as connection:
            facts = insert_small_city(connection, database.settings.data_dir)
        folder = database.settings.data_dir / "surveys" / "small-city" / "products" / "3dtiles" / "buildings"
        write_squares(folder, facts)
        add_member(database, "shi", "steward")
        yield database, facts


def write_squares(folder: Path, facts: SmallCity) -> None:
    children = []
    for name, key, east in (("1_1.glb", "tower", 0.0), ("2_1.glb", "school", 60.0)):
        square = building_square([entry(facts, key, east)], frame(), VERTICAL_DATUM)
        (folder / name).write_bytes(square.glb)
        volume = {"box": box_of(square.low, square.high)}
        children.append({"boundingVolume": volume, "geometricError": 0.0, "content": {"uri": name}})
    content = json.loads((folder / "tileset.json").read_text(encoding="utf-8"))
    content["root"].pop("content", None)
    content["root"] |= {"children": children, "boundingVolume": {"box": box_of([-100, -100, -30], [200, 100, 50])}}
    (folder / "tileset.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture(scope="module")
def at(made: tuple[Database, SmallCity]) -> Iterator[TestClient]:
    with TestClient(create_app(made[0].settings, limits=LIMITS), raise_server_exceptions=False) as running:
        yield running


def positions(glb: bytes) -> Any:
    length = struct.unpack_from("<I", glb, 12)[0]
    about = json.loads(glb[20 : 20 + length])
    assert struct.unpack_from("<I", glb, 8)[0] == len(glb)
    accessor = about["accessors"][about["meshes"][0]["primitives"][0]["attributes"]["POSITION"]]
    view = about["bufferViews"][accessor["bufferView"]]
    start = 20 + length + 8 + view["byteOffset"]
    found = np.frombuffer(glb, "<f4", count=3 * accessor["count"], offset=start).reshape(-1, 3)
    assert accessor["max"] == pytest.approx(found.max(axis=0).tolist())
    return found


def test_an_edited_building_stands_in_its_tile_at_once(made: tuple[Database, SmallCity], at: TestClient) -> None:
    database, facts = made
    code = facts.buildings["tower"].code
    files = ("buildings/1_1.glb", "buildings/2_1.glb", "buildings/tileset.json", "tileset.json")
    before = {name: at.get(TILES + name) for name in files}
    said = {"height_m": 40.0, "sigma_m": 0.2}
    assert at.post(f"/buildings/{code}/height", json=said).status_code in (401, 403)
    who = {"authorization": f"Bearer {token_for(database, 'shi')}"}
    answer = at.post(f"/buildings/{code}/height", json=said, headers=who)
    assert answer.status_code == 200, answer.text
    after = {name: at.get(TILES + name) for name in files}
    old, new = positions(before["buildings/1_1.glb"].content), positions(after["buildings/1_1.glb"].content)
    assert new[:, 1].max() - old[:, 1].max() == pytest.approx(40.0 - 24.4, abs=0.01)
    assert new[:, 1].min() == old[:, 1].min()
    assert (new[:, [0, 2]] == old[:, [0, 2]]).all()
    child = after["buildings/tileset.json"].json()["root"]["children"][0]["boundingVolume"]["box"]
    assert child[2] + child[11] >= new[:, 1].max()
    root = after["buildings/tileset.json"].json()["root"]["boundingVolume"]["box"]
    assert root[2] + root[11] >= new[:, 1].max() or root[2] + root[11] == 50
    # The neighbour is as it was, to the byte.
    assert after["buildings/2_1.glb"].content == before["buildings/2_1.glb"].content
    assert after["buildings/2_1.glb"].headers["etag"] == before["buildings/2_1.glb"].headers["etag"]
    assert after["buildings/1_1.glb"].headers["etag"] != before["buildings/1_1.glb"].headers["etag"]
    again = {"if-none-match": after["buildings/1_1.glb"].headers["etag"]}
    assert at.get(TILES + "buildings/1_1.glb", headers=again).status_code == 304


def test_the_solid_and_the_evidence_follow(made: tuple[Database, SmallCity], at: TestClient) -> None:
    database, facts = made
    code = facts.buildings["school"].code
    who = {"authorization": f"Bearer {token_for(database, 'shi')}"}
    model = ask(at, "/cityjson")
    top = {name: heights(model, name) for name in model["CityObjects"]}
    height = model["CityObjects"][code]["attributes"]["height_m"]
    at.post(f"/buildings/{code}/height", json={"height_m": height + 5}, headers=who).raise_for_status()
    model = ask(at, "/cityjson")
    now = {name: heights(model, name) for name in model["CityObjects"]}
    assert now[code] - top[code] == pytest.approx(5.0, abs=0.01)
    assert all(now[name] == pytest.approx(top[name], abs=0.002) for name in now if name != code)
    said = database.fetch(
        "SELECT e.confirmed_by, b.roof_h_m - b.ground_h_m FROM twin.building b JOIN twin.evidence e"
        " ON e.evidence_id = b.height_evidence_id WHERE b.code = %s", [code],
    )  # fmt: skip
    assert said == [("shi", pytest.approx(height + 5, abs=0.01))]
    for bad, status in (({"height_m": 0.2}, 422), ({"height_m": "high"}, 422), ({}, 422)):
        assert at.post(f"/buildings/{code}/height", json=bad, headers=who).status_code == status
    assert at.post("/buildings/none/height", json={"height_m": 9}, headers=who).status_code == 404


def heights(model: Any, name: str) -> float:
    scale, offset = model["transform"]["scale"][2], model["transform"]["translate"][2]
    corners = {
        i for shell in model["CityObjects"][name]["geometry"][0]["boundaries"] for f in shell for r in f for i in r
    }
    return max(float(model["vertices"][i][2] * scale + offset) for i in corners)
