"""The whole map as deck JSON: which survey is shown, from where it is seen, in which light.

The page asks the API which surveys there are and hands the chosen one over as a query (Scene); nothing here reads the
database or the API.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pydeck as pdk

from twin.errors import BadInput
from twin.settings import CitySettings
from viewer import layers
from viewer.layers import BoundsLonLat, RasterSource

# What of a survey the map can draw. mesh and buildings are the two tilesets below a survey's tileset.json.
DRAWABLE = frozenset({"orthophoto", "dsm", "dtm", "mesh", "buildings", "tileset"})
WEB_MERCATOR_M_PER_PIXEL = 156543.034  # at the equator, level 0, 256-pixel tiles
_NAME = re.compile(r"[\w.\-]{1,100}", re.UNICODE)
_VERSION = re.compile(r"[0-9A-Za-z_\-]{1,64}")


@dataclass(frozen=True)
class Scene:
    """What the map shows: a survey's name and what of it can be drawn (with the versions of its rasters, where known),
    its bounds (degrees), GSD and ground height (metres); whether it is for reviewing links.
    """  # noqa: D205

    survey: str | None = None
    products: Mapping[str, str | None] = field(default_factory=dict)
    bounds: BoundsLonLat | None = None
    gsd_m: float = 0.1
    ground_h_m: float = 0.0
    review: bool = False


def _number(query: Mapping[str, str], key: str, fallback: float, low: float, high: float) -> float:
    text = query.get(key)
    if text is None:
        return fallback
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise BadInput(f"{key} must be a number from {low:g} to {high:g}", where="deck.json")
    return value


def _bounds(text: str | None) -> BoundsLonLat | None:
    if text is None:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        west = south = east = north = math.nan
    if not (-180 <= west < east <= 180 and -85 <= south < north <= 85):
        raise BadInput("bbox must be west,south,east,north in degrees", where="deck.json")
    return west, south, east, north


def _products(text: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for part in filter(None, text.split(",")):
        kind, _, version = part.partition(":")
        if kind not in DRAWABLE or (version and not _VERSION.fullmatch(version)):
            raise BadInput(
                f"products are {', '.join(sorted(DRAWABLE))}, each as kind or kind:version", where="deck.json"
            )
        found[kind] = version or None
    return found


def read_scene(query: Mapping[str, str]) -> Scene:
    """Read a scene from the query of /deck.json.

    It may have survey, products (kind or kind:version, ...), bbox, gsd_m, ground_h_m, purpose (review).

    Raises BadInput for a name, product or number that cannot be.
    """
    survey = query.get("survey") or None
    if survey is not None and (not _NAME.fullmatch(survey) or survey in {".", ".."}):
        raise BadInput("the survey's name may have letters, digits, dots, dashes and underscores", where="deck.json")
    bounds = _bounds(query.get("bbox"))
    if survey is not None and bounds is None:
        raise BadInput("a survey needs its bbox", where="deck.json", do="Give bbox=west,south,east,north")
    return Scene(
        survey=survey,
        products=_products(query.get("products") or ""),
        bounds=bounds,
        gsd_m=_number(query, "gsd_m", 0.1, 0.001, 100.0),
        ground_h_m=_number(query, "ground_h_m", 0.0, -500.0, 9000.0),
        review=query.get("purpose") == "review",
    )


def ground_max_zoom(gsd_m: float, lat: float) -> int:
    """Give the level (256-pixel tiles) at which a pixel is as fine as the survey's own (m at latitude lat)."""
    level = math.log2(WEB_MERCATOR_M_PER_PIXEL * math.cos(math.radians(lat)) / gsd_m)
    return max(14, min(22, math.ceil(level - 0.25)))


def fitting_zoom(bounds: BoundsLonLat, *, width_px: float = 1050.0, height_px: float = 860.0) -> float:
    """Give the deck zoom (512-pixel world) at which bounds (degrees) fill a view of that size, seen obliquely."""
    west, south, east, north = bounds
    cos_lat = math.cos(math.radians((south + north) / 2))
    across = math.log2(width_px * 360 / (512 * (east - west)))
    along = math.log2(height_px * 360 * cos_lat / (512 * (north - south)))
    return round(max(8.0, min(21.0, across, along)), 2)


def first_view(scene: Scene, city: CitySettings) -> pdk.ViewState:
    """Choose where the camera starts: over the survey, obliquely; without one over the city's centre, from above.

    `position` lifts the point looked at to the ground's height, so that zooming in does not dive under it.
    """
    lift = {"position": [0, 0, scene.ground_h_m], "min_zoom": 8, "max_zoom": 23, "max_pitch": 78}
    if scene.bounds is None:
        return pdk.ViewState(city.centre_lon, city.centre_lat, zoom=14.2, pitch=0, bearing=0, **lift)
    west, south, east, north = scene.bounds
    zoom = fitting_zoom(scene.bounds)
    if scene.review:
        return pdk.ViewState((west + east) / 2, (south + north) / 2, zoom=zoom, pitch=0, bearing=0, **lift)
    return pdk.ViewState((west + east) / 2, (south + north) / 2, zoom=zoom, pitch=52, bearing=-24, **lift)


def _survey_layers(survey: str, bounds: BoundsLonLat, scene: Scene) -> list[pdk.Layer]:
    drawn: list[pdk.Layer] = []
    sources = {kind: RasterSource(kind, version) for kind, version in scene.products.items()}
    height = sources.get("dtm") or sources.get("dsm")
    if height:
        zoom = ground_max_zoom(scene.gsd_m, (bounds[1] + bounds[3]) / 2)
        texture = sources.get("orthophoto")
        drawn.append(layers.ground(survey, height=height, texture=texture, bounds=bounds, max_zoom=zoom))
    if "mesh" in sources:
        drawn.append(layers.model(survey, "mesh", "mesh/tileset.json", visible=True))
    elif "tileset" in sources and "buildings" not in sources:
        drawn.append(layers.model(survey, "mesh", "tileset.json", visible=not height))
    if "buildings" in sources:
        drawn.append(layers.model(survey, "buildings", "buildings/tileset.json", visible="mesh" not in sources))
    return drawn


def scene_layers(scene: Scene) -> list[pdk.Layer]:
    """List the map's layers in drawing order; a survey without a product simply lacks that layer."""
    of_survey = _survey_layers(scene.survey, scene.bounds, scene) if scene.survey and scene.bounds else []
    if scene.review:
        return [*of_survey, layers.outlines(), layers.assets(), layers.labels(), layers.candidates()]
    return [*of_survey, layers.assets(), layers.selection(), layers.measurement(), layers.labels()]


def _daylight() -> list[dict[str, Any]]:
    return [
        {
            "@@type": "LightingEffect",
            "ambientLight": {"@@type": "AmbientLight", "color": [255, 255, 255], "intensity": 2.4},
            "sun": {
                "@@type": "DirectionalLight",
                "color": [255, 250, 240],
                "intensity": 6.0,
                "direction": [0.5, 0.62, -1.6],
            },
        }
    ]


def build_deck(scene: Scene, city: CitySettings) -> dict[str, Any]:
    """Make the deck JSON of a scene, for createDeck of the bundle in pydeck's wheel.

    Returns JSON-ready objects; every address in it is a path on this host.
    """
    deck = pdk.Deck(
        layers=scene_layers(scene),
        views=[
            pdk.View(
                "MapView",
                id="map",
                controller={"scrollZoom": {"speed": 0.008, "smooth": True}, "keyboard": False, "touchRotate": True},
                near_z_multiplier=0.02,
            )
        ],
        initial_view_state=first_view(scene, city),
        map_provider=None,
        map_style=None,
    )
    spec: dict[str, Any] = json.loads(deck.to_json())
    spec["effects"] = _daylight()
    spec["pickingRadius"] = 6
    # A press that does not move is a click, however long a slow graphics card takes over it (the default is 250 ms).
    spec["eventRecognizerOptions"] = {"click": {"time": 30_000}}
    return spec
