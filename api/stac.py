"""Surveys and products as a SpatioTemporal Asset Catalog.

Source: STAC 1.1.0; extensions projection 2.0.0 and file 2.1.0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

STAC = "1.1.0"
EXTENSIONS = [
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
]
COLLECTION = "surveys"
JSON, GEOJSON = "application/json", "application/geo+json"
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
SHA256_MULTIHASH = "1220"
CODE = re.compile(r"[A-Z]+:[0-9A-Za-z]+")
# kind of product -> title, roles, and the unit of its one band
PRODUCTS: dict[str, tuple[str, list[str], str | None]] = {
    "orthophoto": ("正射影像 True orthophoto", ["data", "visual"], None),
    "dsm": ("数字表面模型 Surface model", ["data"], "m"),
    "dtm": ("数字地形模型 Terrain model", ["data"], "m"),
    "ndsm": ("地物高度 Heights above ground", ["data"], "m"),
    "dsm_sigma": ("表面高程中误差 Standard deviation of the surface", ["data"], "m"),
    "cloud": ("点云 Point cloud", ["data"], None),
    "tileset": ("三维瓦片 3D Tiles 1.1", ["data"], None),
    "mesh": ("三维网格 Textured mesh", ["data"], None),
    "buildings": ("建筑 Buildings", ["data"], None),
    "report_html": ("精度报告 Accuracy report", ["metadata"], None),
    "report_json": ("精度报告 Accuracy report", ["metadata"], None),
}
Survey = dict[str, Any]
Link = dict[str, Any]


def _link(rel: str, href: str, media: str = JSON, title: str = "") -> Link:
    return {"rel": rel, "href": href, "type": media, **({"title": title} if title else {})}


def catalog(root: str, name: str) -> dict[str, Any]:
    """Give the catalog where a client begins. root: the service's address. name: the city's."""
    return {
        "type": "Catalog",
        "stac_version": STAC,
        "id": "city-twin",
        "title": name,
        "description": f"Imagery of {name} and what was made of it.",
        "links": [
            _link("root", f"{root}/stac"),
            _link("self", f"{root}/stac"),
            _link("child", f"{root}/stac/collections/{COLLECTION}", title="航测 Surveys"),
            _link("service-doc", f"{root}/docs", "text/html"),
        ],
    }


def collection(root: str, surveys: Sequence[Survey], city_box: Sequence[float]) -> dict[str, Any]:
    """Describe all surveys together. city_box: west, south, east, north, where no survey has a footprint."""
    here = f"{root}/stac/collections/{COLLECTION}"
    boxes = [survey["bbox"] for survey in surveys if survey["bbox"]]
    whole = [*(min(b[i] for b in boxes) for i in (0, 1)), *(max(b[i] for b in boxes) for i in (2, 3))] if boxes else []
    times = sorted(time for survey in surveys for time in _times(survey))
    interval = [_rfc3339(times[0]), _rfc3339(times[-1])] if times else [None, None]
    return {
        "type": "Collection",
        "stac_version": STAC,
        "stac_extensions": EXTENSIONS,
        "id": COLLECTION,
        "title": "航测 Surveys",
        "description": "Drone and satellite surveys with their orthophotos, surface models, point clouds and 3D tiles.",
        "license": "other",
        "extent": {
            "spatial": {"bbox": [whole or list(city_box), *(boxes if len(boxes) > 1 else [])]},
            "temporal": {"interval": [interval]},
        },
        "links": [
            _link("root", f"{root}/stac"),
            _link("parent", f"{root}/stac"),
            _link("self", here),
            _link("items", f"{here}/items", GEOJSON),
            *(_link("item", f"{here}/items/{quote(survey['name'])}", GEOJSON) for survey in surveys),
        ],
    }


def items(root: str, surveys: Sequence[Survey]) -> dict[str, Any]:
    """List surveys as an item collection."""
    here = f"{root}/stac/collections/{COLLECTION}"
    return {
        "type": "FeatureCollection",
        "features": [item(root, survey) for survey in surveys],
        "numberMatched": len(surveys),
        "numberReturned": len(surveys),
        "links": [
            _link("self", f"{here}/items", GEOJSON),
            _link("root", f"{root}/stac"),
            _link("collection", here),
        ],
    }


def item(root: str, survey: Survey) -> dict[str, Any]:
    """Describe one survey with its products as assets."""
    here = f"{root}/stac/collections/{COLLECTION}"
    own = f"{here}/items/{quote(survey['name'])}"
    code = survey["crs"] if CODE.fullmatch(survey["crs"] or "") else None
    properties = {
        **_taken(survey),
        "title": survey["name"],
        "created": _rfc3339(survey["published_at"]),
        "proj:code": code,
        "twin:kind": survey["kind"],
        "twin:vertical_datum": survey["vertical_datum"],
        **({"gsd": survey["gsd_m"]} if survey["gsd_m"] else {}),
    }
    found = {product["kind"]: asset(root, survey["name"], product) for product in survey["products"]}
    return {
        "type": "Feature",
        "stac_version": STAC,
        "stac_extensions": EXTENSIONS,
        "id": survey["name"],
        "collection": COLLECTION,
        "geometry": survey["footprint"],
        **({"bbox": survey["bbox"]} if survey["bbox"] else {}),
        "properties": properties,
        "assets": found,
        "links": [
            _link("root", f"{root}/stac"),
            _link("parent", here),
            _link("collection", here),
            _link("self", own, GEOJSON),
            _link("alternate", f"{root}/surveys/{quote(survey['name'])}", title="The survey with its report"),
        ],
    }


def asset(root: str, survey: str, product: dict[str, Any]) -> dict[str, Any]:
    """Describe a product's file: where it is, what it is, its system, datum, size and checksum."""
    kind = product["kind"]
    title, roles, unit = PRODUCTS.get(kind, (kind, ["data"], None))
    described: dict[str, Any] = {
        "href": _href(root, quote(survey), kind),
        "title": title,
        "type": _media(product),
        "roles": roles,
    }
    if CODE.fullmatch(product["crs"] or "") and "metadata" not in roles:
        described["proj:code"] = product["crs"]
    if product["resolution_m"]:
        described["gsd"] = product["resolution_m"]
    if unit:
        described["bands"] = [{"name": kind, "unit": unit, "data_type": "float32"}]
        described["twin:vertical_datum"] = product["vertical_datum"]
    if kind != "tileset":  # many files
        described |= {"file:size": product["bytes"], "file:checksum": SHA256_MULTIHASH + product["sha256"]}
    return described


def _href(root: str, survey: str, kind: str) -> str:
    if kind == "tileset":
        return f"{root}/3dtiles/{survey}/tileset.json"
    if kind in ("report_html", "report_json"):
        return f"{root}/surveys/{survey}/report/{kind.replace('_', '.')}"
    return f"{root}/surveys/{survey}/products/{kind}"


def _media(product: dict[str, Any]) -> str:
    path = str(product["path"]).lower()
    if path.endswith(".copc.laz"):
        return "application/vnd.laszip+copc"
    if path.endswith((".laz", ".las")):
        return "application/vnd.laszip"
    return COG if product["media_type"] == "image/tiff" else str(product["media_type"])


def _times(survey: Survey) -> list[datetime]:
    return [time for time in (survey["taken_from"], survey["taken_to"]) if time is not None] or [survey["published_at"]]


def _taken(survey: Survey) -> dict[str, Any]:
    start, end = _times(survey)[0], _times(survey)[-1]
    if start == end:
        return {"datetime": _rfc3339(start)}
    return {"datetime": None, "start_datetime": _rfc3339(start), "end_datetime": _rfc3339(end)}


def _rfc3339(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
