"""What the standards' answers are made of: addresses and links, and the frame around features that are JSON already."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import orjson
from fastapi import Request, Response
from starlette.types import Scope

from api.tilesets import TILESETS_VECTOR, has_tiles
from twin.queries.feature_collections import Collection
from twin.queries.feature_crs import CRS84, ServedCrs, served
from twin.queries.features import Page

PREFIX = "/ogc"
GEOJSON = "application/geo+json"
JSON = "application/json"
HTML = "text/html"
SCHEMA = "application/schema+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"

ADDRESS = "twin.address"  # key of a scope
_PLAIN_QUERY = re.compile(r"(?:[\w-]+=[\w.,:-]*(?:&|$))*", re.ASCII)

Link = dict[str, str]


def base_of(scope: Scope) -> str:
    """Give the address that a client knows the service by: with /ogc when it came that way."""
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "localhost")
    root: str = scope.get("root_path", "")
    path: str = scope["path"]
    below = path.removeprefix(root)
    via = PREFIX if below == PREFIX or below.startswith(PREFIX + "/") else ""
    return f"{scope['scheme']}://{host}{root}{via}"


def here(request: Request, **changed: str | None) -> str:
    """Give the address that was asked for, with some parameters set or (None) left out."""
    path, given = _asked_address(request.scope)
    pairs = [pair for name, pair in given if name not in changed]
    pairs += [urlencode({name: value}) for name, value in changed.items() if value is not None]
    return f"{path}?{'&'.join(pairs)}" if pairs else path


def _asked_address(scope: Scope) -> tuple[str, list[tuple[str, str]]]:
    """Give the address without parameters, and each parameter's name and text; worked out once for all its links."""
    known: tuple[str, list[tuple[str, str]]] | None = scope.get(ADDRESS)
    if known is None:
        given = _pairs(scope["query_string"].decode("utf-8", "replace"))
        path = quote(scope["path"].removeprefix(scope.get("root_path", "")))
        known = scope[ADDRESS] = base_of(scope).removesuffix(PREFIX) + path, given
    return known


def _pairs(query: str) -> list[tuple[str, str]]:
    if _PLAIN_QUERY.fullmatch(query):  # most are: as they came is as they would be written
        return [(pair.partition("=")[0], pair) for pair in query.split("&") if pair]
    return [(name, urlencode({name: value})) for name, value in parse_qsl(query, keep_blank_values=True)]


def link(rel: str, href: str, media: str, title: str) -> Link:
    """Make a link."""
    return {"rel": rel, "href": href, "type": media, "title": title}


def self_links(request: Request, form: str, media: str = JSON) -> list[Link]:
    """Link an answer to itself and to its other form."""
    html, json = here(request, f="html"), here(request, f="json")
    links = {"json": link("self", json, media, "JSON"), "html": link("self", html, HTML, "HTML 网页")}
    own, other = links.pop(form), next(iter(links.values()))
    return [own, {**other, "rel": "alternate"}]


def content_crs(crs: ServedCrs) -> dict[str, str]:
    """Say in a header which CRS the coordinates are in."""
    return {"Content-Crs": f"<{crs.uri}>"}


def json_answer(body: Any, media: str = JSON, **headers: str) -> Response:
    """Answer with a document."""
    return Response(orjson.dumps(body), headers=headers, media_type=media)


def described(base: str, collection: Collection, working_srid: int) -> dict[str, Any]:
    """Describe a collection as OGC API Features does (without its extent)."""
    where = f"{base}/collections/{collection.id}"
    links = [
        link("items", f"{where}/items?f=json", GEOJSON, f"{collection.title_zh} {collection.title_en}"),
        link("items", f"{where}/items?f=html", HTML, f"{collection.title_zh} {collection.title_en}"),
        link("http://www.opengis.net/def/rel/ogc/1.0/queryables", f"{where}/queryables?f=json", SCHEMA, "Queryables"),
        link("self", f"{where}?f=json", JSON, "This collection"),
        link("alternate", f"{where}?f=html", HTML, "This collection as a page"),
    ]
    if has_tiles(collection.id):
        links.append(link(TILESETS_VECTOR, f"{where}/tiles", JSON, "矢量瓦片 Vector tiles"))
    return {
        "id": collection.id,
        "title": f"{collection.title_zh} {collection.title_en}",
        "description": collection.about_en,
        "itemType": "feature",
        "crs": list(served(working_srid)),
        "storageCrs": CRS84,
        "links": links,
    }


@dataclass(frozen=True)
class Frame:
    """The end of a page of features: what is said of it after its features."""

    request: Request
    page: Page
    next_token: str | None
    matched: int | None
    exact: bool

    def tail(self, returned: int) -> bytes:
        """Write everything behind the features."""
        links = self_links(self.request, "json", GEOJSON)
        if self.next_token:
            links.append(link("next", here(self.request, token=self.next_token), GEOJSON, "Next page 下一页"))
        said: dict[str, Any] = {
            "links": links,
            "timeStamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "numberReturned": returned,
        }
        if self.matched is not None:
            said |= {"numberMatched": self.matched, "numberMatchedKind": "exact" if self.exact else "estimated"}
        return b"]," + orjson.dumps(said)[1:]


HEAD = b'{"type":"FeatureCollection","features":['


def queryables_of(base: str, collection: Collection) -> dict[str, Any]:
    """List the properties that a filter may name, as a JSON Schema."""
    forms: dict[str, dict[str, Any]] = {
        "string": {"type": "string"},
        "word": {"type": "string"},
        "number": {"type": "number"},
        "integer": {"type": "integer"},
        "boolean": {"type": "boolean"},
        "date-time": {"type": "string", "format": "date-time"},
        "object": {"type": "object"},
    }
    geometry = {"title": "位置 Geometry", "x-ogc-role": "primary-geometry", "format": "geometry-any"}
    properties: dict[str, Any] = {
        "id": {"title": "标识 Key", "type": "integer", "x-ogc-role": "id"},
        "geometry": geometry,
    }
    for one in collection.properties:
        properties[one.name] = {"title": f"{one.title_zh} {one.title_en}", **forms[one.kind]}
    for name in collection.attributes:
        properties[f"attributes.{name}"] = {"title": name, "type": "string"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{base}/collections/{collection.id}/queryables",
        "title": f"{collection.title_zh} {collection.title_en}",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
