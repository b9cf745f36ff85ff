"""The deck JSON: everything in it is known to the page, nothing in it leaves this host."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.errors import BadInput
from twin.settings import SHIPPED_DATA, CitySettings, read_city
from viewer.assets import BUNDLE_FILE, STATIC_DIR
from viewer.deck_spec import DRAWABLE, Scene, build_deck, fitting_zoom, ground_max_zoom, read_scene
from viewer.layers import CATEGORIES, OWN_CLASSES

CITY: CitySettings = read_city(SHIPPED_DATA / "cities" / "muping.yaml")
BOUNDS = (121.598, 37.385, 121.602, 37.389)
WHOLE = Scene("spring 2026", dict.fromkeys(DRAWABLE - {"tileset"}, "0f3a"), BOUNDS, 0.034, 22.5)


def walk(value: Any) -> Iterator[tuple[str, Any]]:
    """Give every key and value of nested JSON."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def layer(deck: dict[str, Any], layer_id: str) -> dict[str, Any]:
    return next(item for item in deck["layers"] if item["id"] == layer_id)


@pytest.fixture(scope="module")
def bundle_classes() -> set[str]:
    """The names the bundle exports (`TileLayer:()=>`)."""
    return set(re.findall(r"\b([A-Z]\w+):\(\)=>", BUNDLE_FILE.read_text(encoding="utf-8")))


@pytest.mark.parametrize("scene", [WHOLE, Scene(), Scene(review=True)], ids=["survey", "no survey", "review"])
def test_every_class_is_known_to_the_page(scene: Scene, bundle_classes: set[str]) -> None:
    used = {value for key, value in walk(build_deck(scene, CITY)) if key == "@@type"}
    assert {"MapView", "CityTileLayer", "PlaceLabelLayer", "LightingEffect"} <= used
    assert used - bundle_classes <= OWN_CLASSES


def test_own_classes_are_the_ones_written_in_javascript() -> None:
    written = set()
    for path in (STATIC_DIR / "js" / "layers").glob("*.js"):
        written |= set(re.findall(r'^  \w+\.layerName = "(\w+)";', path.read_text(encoding="utf-8"), re.MULTILINE))
    assert written >= OWN_CLASSES
    assert all(name in written for name in OWN_CLASSES)


def test_every_address_is_a_path_of_this_host() -> None:
    texts = [value for _, value in walk(build_deck(WHOLE, CITY)) if isinstance(value, str)]
    addresses = [text for text in texts if "/" in text]
    assert len(addresses) >= 6
    assert all(text.startswith("/") and not text.startswith("//") for text in addresses)
    assert "://" not in json.dumps(build_deck(WHOLE, CITY))


def test_the_survey_s_name_is_escaped_and_versions_are_kept() -> None:
    ground = layer(build_deck(WHOLE, CITY), "ground")
    assert ground["heights"] == "/rasters/spring%202026/dtm/terrain/{z}/{x}/{y}.png?v=0f3a"
    assert ground["texture"] == "/rasters/spring%202026/orthophoto/tiles/{z}/{x}/{y}.webp?v=0f3a"
    assert ground["extent"] == list(BOUNDS)


def test_no_text_is_taken_for_an_expression() -> None:
    assert not [v for _, v in walk(build_deck(WHOLE, CITY)) if isinstance(v, str) and v.startswith("@@")]


def test_layers_follow_what_the_survey_has() -> None:
    def ids(*products: str) -> list[str]:
        scene = Scene("s", dict.fromkeys(products), BOUNDS)
        return [item["id"] for item in build_deck(scene, CITY)["layers"]]

    always = ["assets", "selection", "measure", "labels"]
    assert ids() == always
    assert ids("dsm") == ["ground", *always]
    assert ids("orthophoto") == always  # a picture needs heights to lie on
    assert ids("dtm", "dsm", "mesh", "buildings") == ["ground", "mesh", "buildings", *always]
    assert layer(build_deck(Scene("s", {"tileset": None}, BOUNDS), CITY), "mesh")["data"] == "/3dtiles/s/tileset.json"


def test_reviewing_links_is_seen_from_above_with_outlines_and_numbered_places() -> None:
    scene = read_scene({"purpose": "review", "survey": "s", "products": "dtm", "bbox": "121,37,121.1,37.1"})
    deck = build_deck(scene, CITY)
    assert [item["id"] for item in deck["layers"]] == ["ground", "outlines", "assets", "labels", "candidates"]
    assert (deck["initialViewState"]["pitch"], deck["initialViewState"]["bearing"]) == (0, 0)


def test_blocks_are_shown_first_where_there_is_no_photo_model() -> None:
    def shown(*products: str) -> list[str]:
        layers = build_deck(Scene("s", dict.fromkeys(products), BOUNDS), CITY)["layers"]
        return [item["id"] for item in layers if item["id"] in {"mesh", "buildings"} and item["visible"]]

    assert shown("dtm", "buildings") == ["buildings"]
    assert shown("dtm", "buildings", "mesh") == ["mesh"]


def test_the_camera_looks_at_the_survey_at_its_ground() -> None:
    view = build_deck(WHOLE, CITY)["initialViewState"]
    assert (view["longitude"], view["latitude"]) == (pytest.approx(121.6), pytest.approx(37.387))
    assert view["position"] == [0, 0, 22.5]
    empty = build_deck(Scene(), CITY)["initialViewState"]
    assert (empty["longitude"], empty["latitude"]) == (CITY.centre_lon, CITY.centre_lat)


@given(st.floats(0.001, 10), st.floats(-60, 60))
def test_the_deepest_tiles_are_as_fine_as_the_photo_and_not_much_finer(gsd_m: float, lat: float) -> None:
    zoom = ground_max_zoom(gsd_m, lat)
    pixel_m = 156543.034 * math.cos(math.radians(lat)) / 2**zoom
    assert 14 <= zoom <= 22
    if 14 < zoom < 22:
        assert 0.5 * gsd_m <= pixel_m <= 1.2 * gsd_m


@given(st.floats(100, 179), st.floats(-60, 60), st.floats(0.0005, 1), st.floats(0.0005, 1))
def test_the_first_view_holds_the_whole_survey(west: float, south: float, width: float, height: float) -> None:
    zoom = fitting_zoom((west, south, west + width, south + height), width_px=1000, height_px=800)
    world_px = 512 * 2**zoom
    if 8 < zoom < 21:
        assert world_px * width / 360 <= 1000 * 1.01
        assert world_px * height / 360 / math.cos(math.radians(south + height / 2)) <= 800 * 1.01


@given(st.dictionaries(st.sampled_from(["survey", "products", "bbox", "gsd_m", "ground_h_m", "x"]), st.text()))
def test_any_query_gives_a_scene_or_a_reason(query: dict[str, str]) -> None:
    try:
        scene = read_scene(query)
    except BadInput:
        return
    assert scene.survey is None or scene.bounds is not None
    json.dumps(build_deck(scene, CITY), allow_nan=False)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"survey": "../etc", "bbox": "1,2,3,4"}, "name"),
        ({"survey": "..", "bbox": "1,2,3,4"}, "name"),
        ({"survey": "a"}, "bbox"),
        ({"bbox": "3,2,1,4"}, "bbox"),
        ({"bbox": "nan,2,3,4"}, "bbox"),
        ({"products": "mesh,passwords"}, "products"),
        ({"products": "dtm:../x"}, "products"),
        ({"gsd_m": "nan"}, "gsd_m"),
        ({"ground_h_m": "1e9"}, "ground_h_m"),
    ],
)
def test_a_scene_that_cannot_be_is_refused_by_name(query: dict[str, str], named: str) -> None:
    with pytest.raises(BadInput, match=named):
        read_scene(query)


def test_categories_are_those_of_the_catalogue() -> None:
    path = SHIPPED_DATA / "catalogue" / "classes.csv"
    rows = [line.split(",") for line in path.read_text(encoding="utf-8-sig").splitlines()[1:]]
    catalogue = {(row[0][:2], row[1], row[2]) for row in rows}
    assert {(item.code, item.name_zh, item.name_en) for item in CATEGORIES} == catalogue
