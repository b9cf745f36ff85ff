"""What tilesets there are and how they are cut: OGC Two Dimensional Tile Matrix Set 2.0 and TileJSON 3.0."""

from __future__ import annotations

from typing import Any

from twin.queries.map_tiles import COUNTS_BELOW_ZOOM, LAYERS, MOST_FEATURES
from twin.queries.tile_grid import DEEPEST_ZOOM, WORLD_M

MATRIX_SET = "WebMercatorQuad"
MATRIX_SET_URI = "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"
MERCATOR = "http://www.opengis.net/def/crs/EPSG/0/3857"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
TILING_SCHEME = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"
TILESETS_VECTOR = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"
SCHEMES = "http://www.opengis.net/def/rel/ogc/1.0/tiling-schemes"
MVT = "application/vnd.mapbox-vector-tile"
PIXEL_M = 0.00028
TILE_PIXELS = 256
MOST_TILED_ZOOM = 20
TITLES = {
    "assets": ("城市部件", "Assets"),
    "buildings": ("建筑", "Buildings"),
    "grids": ("单元网格", "Unit grids"),
    "places": ("行政区划", "Administrative places"),
}
_TEXT: dict[str, str] = {"type": "string"}
_NUMBER: dict[str, str] = {"type": "number"}
_WHOLE: dict[str, str] = {"type": "integer"}
PROPERTIES: dict[str, dict[str, dict[str, str]]] = {
    "assets": dict.fromkeys(("code", "class_code", "class_zh", "class_en", "name_zh", "state"), _TEXT),
    "buildings": {
        **dict.fromkeys(("code", "name_zh", "use_zh", "height_confidence"), _TEXT),
        **dict.fromkeys(("ground_h_m", "roof_h_m", "height_m"), _NUMBER),
        "storeys": _WHOLE,
    },
    "grids": dict.fromkeys(("code", "name_zh"), _TEXT),
    "places": {**dict.fromkeys(("code", "name_zh", "name_en"), _TEXT), "level": _WHOLE},
}
DIMENSION = {"assets": 0, "buildings": 2, "grids": 2, "places": 2}
Box = tuple[float, float, float, float]


def link(href: str, rel: str, media: str = "application/json", title: str = "", **more: Any) -> dict[str, Any]:
    """Write a link."""
    return {"href": href, "rel": rel, "type": media, **({"title": title} if title else {}), **more}


def matrix_sets(root: str) -> dict[str, Any]:
    """List the tile matrix sets. root: the service's address, without a slash at its end."""
    own = link(f"{root}/tileMatrixSets/{MATRIX_SET}", "self", title="The tile matrix set")
    return {
        "tileMatrixSets": [{"id": MATRIX_SET, "title": MATRIX_SET, "uri": MATRIX_SET_URI, "links": [own]}],
        "links": [link(f"{root}/tileMatrixSets", "self")],
    }


def matrix_set() -> dict[str, Any]:
    """Define WebMercatorQuad. Source: OGC 17-083r4, annex D.1."""
    matrices = []
    for z in range(DEEPEST_ZOOM + 1):
        cell_m = 2 * WORLD_M / TILE_PIXELS / 2**z
        matrices.append(
            {
                "id": str(z),
                "scaleDenominator": cell_m / PIXEL_M,
                "cellSize": cell_m,
                "cornerOfOrigin": "topLeft",
                "pointOfOrigin": [-WORLD_M, WORLD_M],
                "tileWidth": TILE_PIXELS,
                "tileHeight": TILE_PIXELS,
                "matrixWidth": 2**z,
                "matrixHeight": 2**z,
            }
        )
    return {
        "id": MATRIX_SET,
        "title": "Google Maps Compatible for the World",
        "uri": MATRIX_SET_URI,
        "crs": MERCATOR,
        "orderedAxes": ["X", "Y"],
        "wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
        "tileMatrices": matrices,
    }


def title_of(collection: str) -> str:
    """Give a collection's name in both languages, assets-0118 as assets of this class."""
    name, _, only = collection.partition("-")
    zh, en = TITLES[name]
    return f"{zh} {en}{f' {only}' if only else ''}"


def tilesets(root: str, collection: str) -> dict[str, Any]:
    """List the tilesets of a collection: one."""
    here = f"{root}/collections/{collection}"
    return {
        "tilesets": [_summary(root, collection)],
        "links": [
            link(f"{here}/tiles", "self"),
            link(f"{root}/tileMatrixSets", SCHEMES),
            link(here, "collection", title=title_of(collection)),
        ],
    }


def _summary(root: str, collection: str) -> dict[str, Any]:
    here = f"{root}/collections/{collection}/tiles/{MATRIX_SET}"
    return {
        "title": title_of(collection),
        "dataType": "vector",
        "crs": MERCATOR,
        "tileMatrixSetURI": MATRIX_SET_URI,
        "links": [
            link(here, "self", title="The tileset"),
            link(f"{root}/tileMatrixSets/{MATRIX_SET}", TILING_SCHEME),
            link(f"{here}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}", "item", MVT, templated=True),
            link(f"{here}?f=tilejson", "describedby", title="TileJSON 3.0"),
        ],
    }


def tileset(root: str, collection: str, box: Box) -> dict[str, Any]:
    """Describe a tileset. box: west, south, east, north of what it shows, degrees."""
    name = collection.partition("-")[0]
    west, south, east, north = box
    layer = {
        "id": name,
        "title": title_of(collection),
        "dataType": "vector",
        "geometryDimension": DIMENSION[name],
        "propertiesSchema": {"type": "object", "properties": PROPERTIES[name]},
    }
    return {
        **_summary(root, collection),
        "description": rules(name),
        "boundingBox": {"lowerLeft": [west, south], "upperRight": [east, north], "crs": CRS84},
        "centerPoint": {"coordinates": [(west + east) / 2, (south + north) / 2], "crs": CRS84, "tileMatrix": "14"},
        "layers": [layer],
    }


def rules(collection: str) -> str:
    """Say what a tile of a collection holds and leaves out."""
    thinned = (
        f"At most {MOST_FEATURES} features and 300 kB (gzip) a tile; fuller ones are thinned evenly, see the headers"
    )
    if collection not in ("assets", "buildings"):
        return f"{thinned}."
    return f"{thinned}. Below zoom {COUNTS_BELOW_ZOOM}: counts by squares (count, square_m)."


def tilejson(root: str, collection: str, box: Box) -> dict[str, Any]:
    """Describe a tileset as TileJSON 3.0 for map libraries."""
    name = collection.partition("-")[0]
    names = {"string": "String", "number": "Number", "integer": "Number"}
    fields = {key: names[kind["type"]] for key, kind in PROPERTIES[name].items()}
    if name in ("assets", "buildings"):
        fields |= {"count": "Number", "square_m": "Number"}
    return {
        "tilejson": "3.0.0",
        "name": title_of(collection),
        "description": rules(name),
        "scheme": "xyz",
        "tiles": [f"{root}/collections/{collection}/tiles/{MATRIX_SET}/{{z}}/{{y}}/{{x}}"],
        "minzoom": 0,
        "maxzoom": MOST_TILED_ZOOM,
        "bounds": list(box),
        "center": [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, 14],
        "vector_layers": [{"id": name, "fields": fields, "minzoom": 0, "maxzoom": MOST_TILED_ZOOM}],
    }


def has_tiles(collection: str) -> bool:
    """Say whether a collection has tiles: assets of a class count as assets."""
    name, _, only = collection.partition("-")
    return name in LAYERS and (not only or name == "assets")
