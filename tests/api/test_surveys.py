"""Surveys, photos and reports through HTTP."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from api import examples
from tests.api.conftest import City, ask
from tests.api.small_city_survey import shots


def test_surveys_with_products_bounds_and_photos(client: TestClient, city: City) -> None:
    survey = ask(client, "/surveys")["items"][0]
    assert set(survey) == set(examples.SURVEY)
    assert survey["photos"] == {"given": 6, "registered": 5}
    assert {"orthophoto", "dsm", "tileset"} <= {product["kind"] for product in survey["products"]}
    west, south, east, north = survey["bounds"]
    assert west < city.facts.at(0, 0).lon < east
    assert south < city.facts.at(0, 0).lat < north
    whole = ask(client, "/surveys/small-city")
    assert set(whole) == set(examples.SURVEY_WHOLE)
    assert whole["report"]["reprojection_px"] == 0.4


def test_photos_as_geojson_with_the_reason_of_those_left_out(client: TestClient) -> None:
    answer = client.get("/surveys/small-city/photos")
    assert answer.headers["content-type"] == "application/geo+json"
    features = answer.json()["features"]
    assert features[0]["properties"]["file"] == "SC_0001.JPG"
    assert features[0]["geometry"]["coordinates"][2] == pytest.approx(85.0, abs=0.01)
    bad = features[-1]
    assert (bad["geometry"], bad["properties"]["rejected_reason"]) == (None, "unreadable")
    assert set(bad["properties"]) == set(examples.PHOTOS["features"][0]["properties"])


def test_the_crop_shows_what_lookup_points_at(client: TestClient, city: City) -> None:
    """The photo's own pixels around the place's pixel, and the roof's colour in its middle."""
    place = city.facts.at(5, 21)  # on the school's roof, (196, 188, 172) in the scene
    photos = ask(client, "/lookup", lon=place.lon, lat=place.lat)["imagery"]["photos"]
    assert photos
    for photo in photos:
        answer = client.get(photo["crop_url"].replace("size=320", "size=64") + "&marker=false")
        assert answer.headers["content-type"] == "image/jpeg"
        crop = np.asarray(Image.open(io.BytesIO(answer.content)))
        assert crop.shape == (64, 64, 3)
        left = int(np.clip(photo["pixel"]["col"] - 32, 0, 600 - 64))
        top = int(np.clip(photo["pixel"]["row"] - 32, 0, 450 - 64))
        original = next(shot for shot in shots() if shot.file == photo["file"]).pixels[top : top + 64, left : left + 64]
        assert np.abs(crop.astype(int) - original).mean() < 6, "the crop is that part of the photo"
        middle = crop[int(photo["pixel"]["row"]) - top, int(photo["pixel"]["col"]) - left].astype(int)
        assert np.abs(middle - [196, 188, 172]).max() < 40
        marked = client.get(photo["crop_url"])
        assert marked.content != answer.content
        assert Image.open(io.BytesIO(marked.content)).getexif() == {}


def test_the_report_as_json_and_as_a_page_without_scripts(client: TestClient) -> None:
    assert client.get("/surveys/small-city/report").json()["gsd_m"] == 0.14
    page = client.get("/surveys/small-city/report", headers={"accept": "text/html"})
    assert page.url.path.endswith("/report/report.html")
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src" not in page.headers["content-security-policy"]
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


def test_links_out_of_the_survey_folder_are_not_followed(client: TestClient, city: City) -> None:
    report = city.database.settings.data_dir / "surveys" / "small-city" / "report"
    secret = city.database.settings.data_dir / "secret.json"
    secret.write_text(json.dumps({"secret": True}))
    (report / "linked.json").symlink_to(secret)
    try:
        for name in ("linked.json", "..%2f..%2f..%2fsecret.json", "%2e%2e%2fsurvey.json", "report.html%00.png"):
            assert client.get(f"/surveys/small-city/report/{name}").status_code == 404
    finally:
        (report / "linked.json").unlink()
        secret.unlink()


def test_a_client_that_has_it_gets_304(client: TestClient) -> None:
    for path in (
        "/surveys",
        "/classes",
        "/surveys/small-city/report",
        "/surveys/small-city/photos/SC_0001.JPG/crop?col=9&row=9",
    ):
        first = client.get(path)
        again = client.get(path, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_a_photo_that_is_gone_is_said_to_be_gone(client: TestClient, city: City) -> None:
    photo = city.database.settings.data_dir / "surveys" / "small-city" / "photos" / "SC_0003.JPG"
    moved = photo.rename(photo.with_suffix(".away"))
    try:
        assert client.get("/surveys/small-city/photos/SC_0003.JPG/crop?col=9&row=9").status_code == 404
    finally:
        moved.rename(photo)
