"""Buildings as CityJSON 2.0 and CityJSONSeq, as cjio reads them."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from starlette.testclient import TestClient

from tests.api.ask_cjio import cjio_reads
from tests.api.conftest import City, ask

EVERY = {"Building", "BuildingPart"}


def test_cjio_reads_the_document_and_finds_nothing_to_clean(client: TestClient, city: City) -> None:
    answer = client.get("/cityjson")
    assert answer.headers["content-type"] == "application/city+json"
    found = cjio_reads(answer.text)
    assert found["version"] == "2.0"
    assert (found["duplicate_vertices"], found["orphan_vertices"]) == (0, 0)
    assert len(found["objects"]) == len(city.facts.buildings)
    assert "EPSG/0/4550" in found["metadata"]["referenceSystem"]
    assert "EPSG/0/5737" in found["metadata"]["referenceSystem"]
    assert {thing["type"] for thing in found["objects"].values()} <= EVERY


def test_solids_are_closed_and_every_face_says_what_it_is(client: TestClient, city: City) -> None:
    model = ask(client, "/cityjson")
    tower = model["CityObjects"][city.facts.buildings["tower"].code]
    (geometry,) = tower["geometry"]
    assert geometry["type"] == "Solid"
    (shell,) = geometry["boundaries"]
    edges: Counter[tuple[int, int]] = Counter()
    for face in shell:
        for ring in face:
            edges.update(zip(ring, [*ring[1:], ring[0]], strict=True))
    assert edges == Counter((b, a) for a, b in edges.elements())  # each edge once each way
    kinds = [geometry["semantics"]["surfaces"][value]["type"] for value in geometry["semantics"]["values"][0]]
    assert {"GroundSurface", "WallSurface", "RoofSurface"} == set(kinds)
    heights = [
        vertex[2] * model["transform"]["scale"][2] + model["transform"]["translate"][2] for vertex in model["vertices"]
    ]
    roof = [heights[i] for face, kind in zip(shell, kinds, strict=True) if kind == "RoofSurface" for i in face[0]]
    assert max(roof) == pytest.approx(44.0, abs=1.0)
    assert tower["attributes"]["height_m"] == pytest.approx(24.4, abs=0.01)


def test_a_box_and_pages_give_each_building_once(client: TestClient, city: City) -> None:
    place = city.facts.centre_of("tower")
    box = f"{place.lon - 1e-5},{place.lat - 1e-5},{place.lon + 1e-5},{place.lat + 1e-5}"
    assert set(ask(client, "/cityjson", bbox=box)["CityObjects"]) == {city.facts.buildings["tower"].code}
    seen: list[str] = []
    address: str | None = "/cityjson?limit=2"
    while address:
        answer = client.get(address)
        seen += answer.json()["CityObjects"]
        address = answer.links["next"]["url"] if "next" in answer.links else None
    assert sorted(seen) == sorted(ask(client, "/cityjson")["CityObjects"])
    assert len(seen) == len(set(seen)) == len(city.facts.buildings)


def test_a_sequence_holds_the_same_buildings_line_by_line(client: TestClient, city: City) -> None:
    answer = client.get("/cityjson", params={"f": "cityjsonseq"})
    assert answer.headers["content-type"] == "application/city+json-seq"
    head, *features = [json.loads(line) for line in answer.text.splitlines()]
    assert (head["type"], head["CityObjects"], head["vertices"]) == ("CityJSON", {}, [])
    assert {feature["type"] for feature in features} == {"CityJSONFeature"}
    assert all(feature["id"] in feature["CityObjects"] for feature in features)
    assert len(cjio_reads(answer.text, lines=True)["objects"]) == len(city.facts.buildings)
    assert sorted(feature["id"] for feature in features) == sorted(ask(client, "/cityjson")["CityObjects"])


def test_another_system_and_what_is_refused(client: TestClient, city: City) -> None:
    model = ask(client, "/cityjson", crs="EPSG:4490")
    place = city.facts.centre_of("tower")
    west, south, _, east, north, _ = model["metadata"]["geographicalExtent"]
    assert west < place.lon < east
    assert south < place.lat < north
    assert ask(client, "/cityjson", vertical_datum="EPSG:3855")["CityObjects"] == {}
    for query in ({"bbox": "1,2,3"}, {"crs": "EPSG:999999"}, {"limit": "0"}):
        assert client.get("/cityjson", params=query).status_code == 422
