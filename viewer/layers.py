"""The layers of the map, one function each: what is drawn, from which address, in which colours.

A layer is a pydeck Layer whose `@@type` is a class of the JavaScript bundle in pydeck's wheel or one of the page's own
classes (OWN_CLASSES, viewer/static/js/layers/). Data never stands in the layer: only addresses of our own API do,
because 100,000 inlined buildings are 121 MB of JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

import pydeck as pdk
from pydeck.types import String

# Classes that viewer/static/js/layers/ adds to those of the bundle.
OWN_CLASSES = frozenset(
    {"GroundLayer", "PhotoModelLayer", "CityTileLayer", "PlaceLabelLayer", "SelectionLayer", "CandidateLayer"}
)

Colour = tuple[int, int, int]
BoundsLonLat = tuple[float, float, float, float]


@dataclass(frozen=True)
class Category:
    """One category of assets: the first two digits of its class codes, its names and its colour (sRGB)."""

    code: str
    name_zh: str
    name_en: str
    colour: Colour


# Seven hues of like lightness, told apart on imagery and in the three common kinds of colour blindness by text beside.
CATEGORIES: tuple[Category, ...] = (
    Category("01", "公用设施类", "Public utilities", (37, 110, 190)),
    Category("02", "道路交通类", "Road and traffic", (224, 138, 30)),
    Category("03", "市容环境类", "City appearance and environment", (139, 92, 184)),
    Category("04", "园林绿化类", "Parks and greening", (58, 150, 74)),
    Category("05", "房屋土地类", "Housing and land", (178, 84, 62)),
    Category("06", "其他设施类", "Other facilities", (92, 112, 128)),
    Category("21", "扩展部件类", "Extension (local)", (14, 150, 152)),
)

# The heights of a Mapbox terrain-RGB tile: metres = -10000 + 0.1 * (65536 R + 256 G + B).
GROUND_TILE_PIXELS = 256


@dataclass(frozen=True)
class RasterSource:
    """A raster of a survey: its product kind and the version its tiles are kept under (None: not kept)."""

    kind: str
    version: str | None = None

    def address(self, survey: str, form: str) -> String:
        """Give the template of its tiles. form: `terrain/{z}/{x}/{y}.png` or `tiles/{z}/{x}/{y}.webp`."""
        version = f"?v={quote(self.version)}" if self.version else ""
        return String(f"/rasters/{quote(survey, safe='')}/{self.kind}/{form}{version}")


def ground(
    survey: str, *, height: RasterSource, texture: RasterSource | None, bounds: BoundsLonLat, max_zoom: int
) -> pdk.Layer:
    """Draw the ground of a survey, with its orthophoto on it where there is one.

    survey: name. height: dtm or dsm. bounds: degrees, west south east north. max_zoom: the tile level at which the
    orthophoto's own resolution is reached.
    """
    return pdk.Layer(
        "GroundLayer",
        None,
        id="ground",
        heights=height.address(survey, "terrain/{z}/{x}/{y}.png"),
        texture=texture.address(survey, "tiles/{z}/{x}/{y}.webp") if texture else None,
        extent=list(bounds),
        min_zoom=12,
        max_zoom=max_zoom,
        tile_size=GROUND_TILE_PIXELS,
        plain_colour=[226, 224, 214],
        pickable=String("3d"),
        visible=True,
        opacity=1.0,
    )


def model(survey: str, layer_id: str, tileset: str, *, visible: bool) -> pdk.Layer:
    """Draw 3D Tiles of a survey: the textured mesh or the building blocks; their materials say whether they are lit.

    tileset: the path of its tileset.json below /3dtiles/{survey}/.
    """
    return pdk.Layer(
        "PhotoModelLayer",
        String(f"/3dtiles/{quote(survey, safe='')}/{tileset}"),
        id=layer_id,
        pickable=String("3d"),
        visible=visible,
        opacity=1.0,
    )


def _vector_tiles(collection: str) -> String:
    return String(f"/collections/{collection}/tiles/WebMercatorQuad/{{z}}/{{y}}/{{x}}")


def assets() -> pdk.Layer:
    """Draw the city's assets, coloured by category; the page can hide single categories.

    Seen from far away the API counts them in cells, and the page draws the counts.
    """
    return pdk.Layer(
        "CityTileLayer",
        None,
        id="assets",
        tiles=_vector_tiles("assets"),
        colours={category.code: list(category.colour) for category in CATEGORIES},
        other_colour=[92, 112, 128],
        damaged_colour=[200, 40, 40],
        hidden_categories=[],
        min_zoom=9,
        max_zoom=18,
        lift_m=0.4,
        pickable=True,
        visible=True,
        opacity=1.0,
    )


def labels() -> pdk.Layer:
    """Write the names of buildings over their roofs (Chinese glyphs are drawn from the machine's own fonts)."""
    return pdk.Layer(
        "PlaceLabelLayer",
        None,
        id="labels",
        tiles=_vector_tiles("buildings"),
        tile_zoom=16,
        min_zoom=16.2,
        max_labels=90,
        size_px=13,
        pickable=False,
        visible=True,
        opacity=1.0,
    )


def selection() -> pdk.Layer:
    """Mark what is open in the panel: the building's outline and body, or the point. The page fills it in."""
    return pdk.Layer(
        "SelectionLayer",
        None,
        id="selection",
        colour=[255, 170, 20],
        outline_colour=[255, 255, 255],
        visible=True,
    )


def measurement() -> pdk.Layer:
    """Draw the line being measured. The page fills it in."""
    return pdk.Layer(
        "SelectionLayer", None, id="measure", colour=[214, 40, 90], outline_colour=[255, 255, 255], visible=True
    )


def outlines() -> pdk.Layer:
    """Draw the outlines of buildings, for maps on which a building has to be told from its neighbours."""
    return pdk.Layer(
        "CityTileLayer",
        None,
        id="outlines",
        tiles=_vector_tiles("buildings"),
        line_colour=[52, 74, 90],
        line_width_px=1.3,
        min_zoom=14,
        max_zoom=18,
        lift_m=0.5,
        pickable=False,
        visible=True,
        opacity=0.9,
    )


def candidates() -> pdk.Layer:
    """Number the places a record may belong to, and the point it came with. The page fills it in."""
    return pdk.Layer(
        "CandidateLayer",
        None,
        id="candidates",
        colour=[11, 94, 99],
        current_colour=[255, 170, 20],
        subject_colour=[214, 40, 90],
        visible=True,
    )
