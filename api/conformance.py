"""The conformance classes that hold; each has a test named after it (tests/api/test_conformance*.py)."""

from __future__ import annotations

_PART1 = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/"
_PART2 = "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/"
_PART3 = "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/"
_PART4 = "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/"
_CQL2 = "http://www.opengis.net/spec/cql2/1.0/conf/"
_TILES = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/"
_TMS = "http://www.opengis.net/spec/tms/2.0/conf/"
_COMMON = "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/"

FEATURES = [
    *(_COMMON + name for name in ("core", "landing-page", "json", "html")),
    *(_PART1 + name for name in ("core", "geojson", "html", "oas30")),
    _PART2 + "crs",
    *(_PART3 + name for name in ("queryables", "queryables-query-parameters", "filter", "features-filter")),
    *(_CQL2 + name for name in (
        "cql2-text", "cql2-json", "basic-cql2", "advanced-comparison-operators", "case-insensitive-comparison",
        "accent-insensitive-comparison", "basic-spatial-functions", "basic-spatial-functions-plus", "spatial-functions",
        "temporal-functions", "property-property", "arithmetic",
    )),
]  # fmt: skip
EDITING = [_PART4 + name for name in ("create-replace-delete", "update", "optimistic-locking-etags", "features")]
TILES = [
    *(_TILES + name for name in ("core", "tileset", "tilesets-list", "geodata-tilesets", "mvt", "oas30")),
    *(_TMS + name for name in ("tilematrixset", "json-tilematrixset", "json-tilesetmetadata")),
]
CONFORMS_TO = [*FEATURES, *EDITING, *TILES]
