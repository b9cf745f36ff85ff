"""What the standards' answers look like, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

LINKS = [
    {"rel": "self", "href": "http://127.0.0.1:8000/ogc/collections/assets/items?f=json", "type": "application/geo+json",
     "title": "JSON"},
]  # fmt: skip
ITEM: dict[str, Any] = {
    "type": "Feature",
    "id": 1,
    "geometry": {"type": "Point", "coordinates": [121.60012345, 37.38765432]},
    "properties": {
        "code": "3706120118000001",
        "class_code": "0118",
        "class_zh": "路灯",
        "class_en": "Street lamp",
        "name_zh": "正阳路1号灯",
        "state": "完好",
        "height_m": 21.4,
        "vertical_datum": "EPSG:5737",
        "accuracy_class": "A",
        "supervising": "urban",
        "owning": "housing",
        "maintaining": None,
        "attributes": {"杆高m": 10},
        "valid_from": "2020-01-01T00:00:00+00:00",
        "known_at": "2026-10-12T02:30:00+00:00",
    },
    "links": LINKS,
}
ITEMS: dict[str, Any] = {
    "type": "FeatureCollection",
    "features": [{key: value for key, value in ITEM.items() if key != "links"}],
    "links": LINKS,
    "timeStamp": "2026-10-12T02:30:00Z",
    "numberReturned": 1,
    "numberMatched": 1,
    "numberMatchedKind": "exact",
}
LANDING: dict[str, Any] = {"title": "牟平区 Muping", "description": "城市数字孪生 City digital twin", "links": LINKS}
CONFORMANCE: dict[str, Any] = {"conformsTo": ["http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core"]}
COLLECTION: dict[str, Any] = {
    "id": "assets",
    "title": "城市部件 Infrastructure assets",
    "description": "Lamps, covers, trees and everything else of the 108 classes.",
    "itemType": "feature",
    "extent": {
        "spatial": {"bbox": [[121.2, 36.9, 122.1, 37.5]]},
        "temporal": {"interval": [["2020-01-01T00:00:00Z", None]]},
    },
    "crs": ["http://www.opengis.net/def/crs/OGC/1.3/CRS84"],
    "storageCrs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
    "links": LINKS,
}
COLLECTIONS: dict[str, Any] = {"links": LINKS, "collections": [COLLECTION]}
QUERYABLES: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"code": {"title": "编码 Code", "type": "string"}},
    "additionalProperties": False,
}
WRITTEN: dict[str, Any] = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [121.6001, 37.3876]},
    "properties": {
        "class_code": "0118",
        "code": "3706120118009999",
        "name_zh": "新装路灯",
        "state": "完好",
        "attributes": {"杆高m": 8},
    },
}
