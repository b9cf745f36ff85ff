"""The catalogue of imagery as pystac reads and validates it, without a network: the core schemas ship with pystac."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pystac
import pytest
from pystac.extensions.file import FileExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.validation import validate_dict
from starlette.testclient import TestClient

from api.stac import EXTENSIONS
from tests.api.conftest import City, ask
from tests.api.small_city_survey import CRS, VERTICAL_DATUM

ITEM = "/stac/collections/surveys/items/small-city"


def core(document: dict[str, Any]) -> dict[str, Any]:
    """Leave out the extensions' names: their schemas would be fetched."""
    assert document.pop("stac_extensions", EXTENSIONS) == EXTENSIONS
    return document


@pytest.mark.parametrize("path", ["/stac", "/stac/collections/surveys", ITEM])
def test_pystac_validates(client: TestClient, path: str) -> None:
    document = core(ask(client, path))
    assert document["stac_version"] == "1.1.0"
    assert validate_dict(document)
    assert len(pystac.read_dict(document).links) >= 2


def test_the_list_holds_valid_items(client: TestClient) -> None:
    listed = ask(client, "/stac/collections/surveys/items")
    assert listed["type"] == "FeatureCollection"
    for feature in listed["features"]:
        assert validate_dict(core(feature))


def test_products_say_their_system_datum_size_and_checksum(client: TestClient, city: City) -> None:
    item = pystac.Item.from_dict(ask(client, ITEM))
    assert ProjectionExtension.ext(item).code == CRS
    kinds = {"orthophoto", "dsm", "dtm", "ndsm", "tileset"}
    assert kinds <= set(item.assets)
    for kind in kinds - {"tileset"}:
        asset = item.assets[kind]
        assert ProjectionExtension.ext(asset).code == CRS
        path = city.facts.data_dir / "surveys" / "small-city" / "products" / f"{kind}.tif"
        assert FileExtension.ext(asset).size == path.stat().st_size
        assert asset.media_type == pystac.MediaType.COG
    assert item.assets["dsm"].extra_fields["twin:vertical_datum"] == VERTICAL_DATUM
    west, south, east, north = item.bbox or [0, 0, 0, 0]
    here = city.facts.at(0, 0)
    assert west < here.lon < east
    assert south < here.lat < north


def test_every_link_and_asset_leads_somewhere(client: TestClient) -> None:
    seen: set[str] = set()

    def follow(document: dict[str, Any]) -> None:
        for link in document["links"]:
            path = urlsplit(link["href"]).path
            if path in seen:
                continue
            seen.add(path)
            answer = client.get(path)
            assert answer.status_code == 200, path
            if path.startswith("/stac"):
                assert answer.headers["content-type"] == link["type"]
                follow(answer.json())

    follow(ask(client, "/stac"))
    assert ITEM in seen
    for asset in ask(client, ITEM)["assets"].values():
        # Whole products are for those who may export; a test of rights says who that is.
        path = urlsplit(asset["href"]).path
        assert client.get(path).status_code in ((401, 403) if "/products/" in path else (200,)), path
    assert client.get("/stac/collections/surveys/items/none").status_code == 404


def test_products_are_sent_in_parts_to_who_may_export(client: TestClient, city: City, planner: dict[str, str]) -> None:
    path = "/surveys/small-city/products/orthophoto"
    whole = client.get(path, headers=planner)
    assert whole.status_code == 200
    assert whole.headers["content-type"] == "image/tiff"
    part = client.get(path, headers={**planner, "range": "bytes=0-15"})
    assert (part.status_code, part.content) == (206, whole.content[:16])
    again = client.get(path, headers={**planner, "if-none-match": whole.headers["etag"]})
    assert again.status_code == 304
    for kind in ("tileset", "nothing", "..%2f..%2fsecret"):
        assert client.get(f"/surveys/small-city/products/{kind}", headers=planner).status_code == 404


@pytest.fixture
def planner(city: City) -> dict[str, str]:
    """The right to export: a planner's token, in the database that the tests share."""
    from tests.api.members import add_member, token_for

    if not city.database.fetch("SELECT FROM access.account WHERE name = 'stac-planner'"):
        add_member(city.database, "stac-planner", "planner")
    return {"authorization": f"Bearer {token_for(city.database, 'stac-planner')}"}
