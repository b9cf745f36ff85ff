"""Raster tiles, terrain tiles, vector tiles and 3D Tiles: right place, right values, kept by browsers."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
from PIL import Image
from starlette.testclient import TestClient

from api import examples
from tests.api.conftest import City, ask
from tests.api.small_city_survey import SCENE
from twin.crs import LonLat


def tile_of(place: LonLat, z: int) -> tuple[int, int, float, float]:
    """Give a place's tile column and row, and its pixel in a tile of 256."""
    x = (place.lon + 180) / 360 * 2**z
    y = (1 - math.asinh(math.tan(math.radians(place.lat))) / math.pi) / 2 * 2**z
    return int(x), int(y), (x % 1) * 256, (y % 1) * 256


def picture(client: TestClient, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content))).astype(float)


@pytest.mark.parametrize("key", ["tower", "school", "business"])
def test_a_roof_stands_in_its_place_in_every_layer(client: TestClient, city: City, key: str) -> None:
    box = SCENE.boxes[city.facts.buildings[key].box]
    x, y, column, row = tile_of(city.facts.centre_of(key), 19)
    pixel = (int(row), int(column))
    ortho = picture(client, f"/rasters/small-city/orthophoto/tiles/19/{x}/{y}.png")
    assert ortho.shape == (256, 256, 4)
    assert ortho[pixel][3] == 255
    assert np.abs(ortho[pixel][:3] - box.colour).max() < 32
    for encoding, step in (("mapbox", 0.1), ("terrarium", 1 / 256)):
        r, g, b = picture(client, f"/rasters/small-city/dsm/terrain/19/{x}/{y}.png?encoding={encoding}")[pixel]
        height = -10000 + (r * 65536 + g * 256 + b) * 0.1 if encoding == "mapbox" else r * 256 + g + b / 256 - 32768
        assert height == pytest.approx(box.roof_h_m, abs=step)
    painted = picture(client, f"/rasters/small-city/ndsm/tiles/19/{x}/{y}.webp")
    assert painted[pixel][3] == 255


def test_nothing_measured_is_transparent(client: TestClient, city: City) -> None:
    x, y, _, _ = tile_of(city.facts.at(400, 400), 19)
    for kind in ("orthophoto", "dsm"):
        assert picture(client, f"/rasters/small-city/{kind}/tiles/19/{x}/{y}.png")[..., 3].max() == 0
    x, y, column, row = tile_of(city.facts.at(-79.5, 59.5), 21)  # the corner nobody photographed
    assert picture(client, f"/rasters/small-city/orthophoto/tiles/21/{x}/{y}.png")[int(row), int(column), 3] == 0


def test_terrain_has_no_pits_where_nothing_was_measured(client: TestClient, city: City) -> None:
    x, y, _, _ = tile_of(city.facts.at(75, 55), 18)
    r, g, b = np.moveaxis(picture(client, f"/rasters/small-city/dsm/terrain/18/{x}/{y}.png"), -1, 0)
    heights = -10000 + (r * 65536 + g * 256 + b) * 0.1
    assert heights.min() > 18
    assert heights.max() <= 44.1


def test_a_layer_says_where_it_is_and_what_its_colours_mean(client: TestClient, city: City) -> None:
    layer = ask(client, "/rasters/small-city/dsm")
    assert set(layer) == set(examples.LAYER)
    assert layer["vertical_datum"] == "EPSG:5737"
    assert layer["range_m"][0] <= 20 <= 44 <= layer["range_m"][1]
    assert layer["legend"][-1]["value_m"] == layer["range_m"][1]
    x, y, _, _ = tile_of(city.facts.centre_of("tower"), 18)
    address = layer["tiles"].format(z=18, x=x, y=y)
    assert "immutable" in client.get(address).headers["cache-control"]
    plain = client.get(address.split("?")[0])
    assert plain.headers["cache-control"] == "no-cache"
    assert client.get(address, headers={"if-none-match": plain.headers["etag"]}).status_code == 304


def test_point_values(client: TestClient, city: City) -> None:
    place = city.facts.centre_of("business")
    answer = ask(client, "/rasters/small-city/dsm/point", lon=place.lon, lat=place.lat)
    assert answer["values"] == [pytest.approx(35.5, abs=0.01)]
    assert set(answer) == set(examples.POINT)
    assert len(ask(client, "/rasters/small-city/orthophoto/point", lon=place.lon, lat=place.lat)["values"]) == 3


def features(client: TestClient, tmp_path: Path, collection: str, z: int, place: LonLat, **query: str) -> Any:
    x, y, _, _ = tile_of(place, z)
    answer = client.get(f"/collections/{collection}/tiles/WebMercatorQuad/{z}/{y}/{x}", params=query)
    assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    if not answer.content:
        return None
    path = tmp_path / f"{z}-{x}-{y}.pbf"
    path.write_bytes(answer.content)
    name = pyogrio.list_layers(path)[0][0]
    return pyogrio.read_dataframe(path, layer=name, fid_as_index=True, X=x, Y=y, Z=z)


def test_assets_as_vector_tiles_in_their_place_with_stable_ids(client: TestClient, city: City, tmp_path: Path) -> None:
    seen = features(client, tmp_path, "assets", 16, city.facts.at(0, 0))
    lamp = city.facts.assets["lamp_3"]
    row = seen[seen["code"] == lamp.code].iloc[0]
    assert (row["class_code"], row["class_zh"], row["state"]) == ("0118", "路灯", "完好")
    # Two tiles, one thing: the id is the same.
    deeper = features(client, tmp_path, "assets", 18, city.facts.asset_at("lamp_3"))
    assert seen[seen["code"] == lamp.code]["mvt_id"].tolist() == deeper[deeper["code"] == lamp.code]["mvt_id"].tolist()
    spot = deeper.to_crs(4326)[deeper["code"] == lamp.code].geometry.iloc[0]
    assert (spot.x, spot.y) == pytest.approx(city.facts.asset_at("lamp_3"), abs=1e-6)
    assert city.facts.assets["old_lamp"].code not in set(seen["code"])
    lamps = features(client, tmp_path, "assets", 16, city.facts.at(0, 0), **{"class": "0118"})
    assert set(lamps["class_code"]) == {"0118"}


def test_far_out_assets_are_counted(client: TestClient, city: City, tmp_path: Path) -> None:
    counted = features(client, tmp_path, "assets", 12, city.facts.at(0, 0))
    assert counted["count"].sum() == sum(1 for asset in city.facts.assets.values() if asset.valid_to is None)


def test_building_outlines_with_heights(client: TestClient, city: City, tmp_path: Path) -> None:
    tower = city.facts.buildings["tower"]
    seen = features(client, tmp_path, "buildings", 18, city.facts.centre_of("tower"))
    row = seen[seen["code"] == tower.code].iloc[0]
    assert row["height_m"] == pytest.approx(24.4, abs=0.01)
    assert row["height_confidence"] == "high"


def test_3d_tiles_with_types_ranges_and_tags(client: TestClient) -> None:
    tileset = client.get("/3dtiles/small-city/tileset.json")
    assert tileset.headers["content-type"] == "application/json"
    assert tileset.json()["asset"]["version"] == "1.1"
    for child in tileset.json()["root"]["children"]:
        part = client.get(f"/3dtiles/small-city/{child['content']['uri']}")
        folder = child["content"]["uri"].removesuffix("tileset.json")
        tile = client.get(f"/3dtiles/small-city/{folder}{part.json()['root']['content']['uri']}")
        assert tile.headers["content-type"] == "model/gltf-binary"
        assert tile.content[:4] == b"glTF"
        again = client.get(str(tile.url), headers={"if-none-match": tile.headers["etag"]})
        assert again.status_code == 304
    part = client.get("/3dtiles/small-city/mesh/ground.glb", headers={"range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"glTF")


@pytest.mark.parametrize(
    "path",
    [
        "../../survey.json",
        "..%2f..%2fsurvey.json",
        "%2e%2e/%2e%2e/survey.json",
        "..%252f..%252fsurvey.json",
        "buildings/../../dsm.tif",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "buildings",
        "",
        "tileset.json%00",
        "..\\..\\survey.json",
    ],
)
def test_no_way_out_of_the_tileset(client: TestClient, path: str) -> None:
    answer = client.get(f"/3dtiles/small-city/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_large_answers_are_compressed_for_those_who_accept_it(client: TestClient) -> None:
    assert client.get("/classes", headers={"accept-encoding": "gzip"}).headers["content-encoding"] == "gzip"
    assert "content-encoding" not in client.get("/classes", headers={"accept-encoding": "identity"}).headers
