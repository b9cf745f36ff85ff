"""OGC API Tiles part 1 and Tile Matrix Set 2.0: one test for each conformance class that is published.

Modelled on the abstract tests of OGC 20-057 and 17-083r4; the names are the classes'.
"""

from __future__ import annotations

import math
from typing import Any

from starlette.testclient import TestClient

from api.tilesets import MATRIX_SET_URI, TILESETS_VECTOR
from tests.api.conftest import City, ask
from tests.api.test_layers import tile_of

MVT = "application/vnd.mapbox-vector-tile"


def by_rel(document: Any, rel: str) -> str:
    return str(next(link["href"] for link in document["links"] if link["rel"] == rel))


def path_of(client: TestClient, address: str) -> str:
    return address.removeprefix(str(client.base_url))


def test_ogcapi_tiles_1_core(client: TestClient, city: City) -> None:
    x, y, _, _ = tile_of(city.facts.at(0, 0), 16)
    answer = client.get(f"/collections/assets/tiles/WebMercatorQuad/16/{y}/{x}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == MVT
    assert client.get(f"/collections/assets/tiles/WebMercatorQuad/2/{y}/{x}").status_code in (404, 422)
    assert client.get(f"/collections/assets/tiles/NoSuchMatrixSet/16/{y}/{x}").status_code == 404


def test_ogcapi_tiles_1_tileset(client: TestClient) -> None:
    tileset = ask(client, "/collections/assets/tiles/WebMercatorQuad")
    assert tileset["dataType"] == "vector"
    assert tileset["tileMatrixSetURI"] == MATRIX_SET_URI
    item = by_rel(tileset, "item")
    for part in ("{tileMatrix}", "{tileRow}", "{tileCol}"):
        assert part in item
    first = item.format(tileMatrix=0, tileRow=0, tileCol=0)
    assert client.get(path_of(client, first)).headers["content-type"] == MVT
    assert ask(client, path_of(client, by_rel(tileset, "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme")))


def test_ogcapi_tiles_1_tilesets_list(client: TestClient) -> None:
    listed = ask(client, "/collections/buildings/tiles")
    assert [tileset["dataType"] for tileset in listed["tilesets"]] == ["vector"]
    for tileset in listed["tilesets"]:
        assert {"dataType", "crs", "links"} <= set(tileset)
        assert ask(client, path_of(client, by_rel(tileset, "self")))["layers"]


def test_ogcapi_tiles_1_geodata_tilesets(client: TestClient) -> None:
    for collection in ("assets", "assets-0118", "buildings", "grids", "places"):
        assert ask(client, f"/collections/{collection}/tiles")["tilesets"]
        described = ask(client, f"/ogc/collections/{collection}")
        listed = path_of(client, by_rel(described, TILESETS_VECTOR))
        assert listed == f"/ogc/collections/{collection}/tiles"
        assert by_rel(ask(client, listed)["tilesets"][0], "self").endswith(listed + "/WebMercatorQuad")
    assert client.get("/collections/addresses/tiles").status_code == 404
    assert client.get("/collections/buildings-0118/tiles").status_code == 404


def test_ogcapi_tiles_1_mvt(client: TestClient, city: City) -> None:
    x, y, _, _ = tile_of(city.facts.at(0, 0), 16)
    for collection in ("assets", "buildings", "grids", "places"):
        body = client.get(f"/collections/{collection}/tiles/WebMercatorQuad/16/{y}/{x}").content
        assert body[0] == 0x1A  # field 3, length-delimited: a layer of a vector tile
        assert collection.encode() in body[:40]


def test_ogcapi_tiles_1_oas30(client: TestClient) -> None:
    paths = ask(client, "/openapi.json")["paths"]
    for path in ("", "/WebMercatorQuad", "/WebMercatorQuad/{z}/{y}/{x}"):
        assert "get" in paths["/collections/{collection}/tiles" + path]


def test_tms_tilematrixset(client: TestClient) -> None:
    listed = ask(client, "/tileMatrixSets")["tileMatrixSets"]
    assert [entry["id"] for entry in listed] == ["WebMercatorQuad"]
    assert ask(client, path_of(client, by_rel(listed[0], "self")))["uri"] == MATRIX_SET_URI
    assert client.get("/tileMatrixSets/Other").status_code == 404


def test_tms_json_tilematrixset(client: TestClient) -> None:
    matrices = ask(client, "/tileMatrixSets/WebMercatorQuad")["tileMatrices"]
    assert [matrix["id"] for matrix in matrices] == [str(z) for z in range(25)]
    assert math.isclose(matrices[0]["scaleDenominator"], 559082264.0287178)
    assert math.isclose(matrices[24]["cellSize"], matrices[0]["cellSize"] / 2**24)
    assert all(matrix["matrixWidth"] == matrix["matrixHeight"] == 2 ** int(matrix["id"]) for matrix in matrices)


def test_tms_json_tilesetmetadata(client: TestClient, city: City) -> None:
    tileset = ask(client, "/collections/buildings/tiles/WebMercatorQuad")
    here = city.facts.at(0, 0)
    low, high = tileset["boundingBox"]["lowerLeft"], tileset["boundingBox"]["upperRight"]
    assert low[0] < here.lon < high[0]
    assert low[1] < here.lat < high[1]
    assert tileset["layers"][0]["propertiesSchema"]["properties"]["height_m"] == {"type": "number"}


def test_tilejson_names_what_the_tiles_hold(client: TestClient, city: City) -> None:
    described = ask(client, "/collections/assets/tiles/WebMercatorQuad", f="tilejson")
    x, y, _, _ = tile_of(city.facts.at(0, 0), 16)
    body = client.get(path_of(client, described["tiles"][0].format(z=16, x=x, y=y))).content
    for field in ("code", "class_zh", "state"):
        assert field in described["vector_layers"][0]["fields"]
        assert field.encode() in body
