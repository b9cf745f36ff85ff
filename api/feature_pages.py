"""The standards' answers as pages for people: made on the server, in Chinese or English, nothing from outside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, select_autoescape

from api.feature_answers import PREFIX, base_of, here
from twin.errors import BadQuestion
from twin.queries.feature_collections import Collection
from twin.queries.features import Page

POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
COLUMNS = 8
WORDS = {
    "zh": {
        "path": "位置", "home": "开放标准接口", "about": "用 QGIS、GDAL 等通用软件读取本市数据的标准接口。",
        "give": "在软件中填写这个地址：", "collections": "图层", "conformance": "符合性声明", "docs": "接口说明",
        "id": "标识", "title": "名称", "features": "要素", "queryables": "可查询字段", "extent": "范围（经纬度）",
        "crs": "坐标系", "property": "字段", "type": "类型", "matched": "符合条件：", "about_so_many": "约 ",
        "next": "下一页", "none": "没有符合条件的要素", "position": "位置",
    },
    "en": {
        "path": "Path", "home": "Open standards",
        "about": "The city's data for QGIS, GDAL and other software, by open standards.",
        "give": "Give your software this address:", "collections": "Collections", "conformance": "Conformance",
        "docs": "Documentation", "id": "Id", "title": "Title", "features": "Features", "queryables": "Queryables",
        "extent": "Extent (degrees)", "crs": "Coordinate reference systems", "property": "Property", "type": "Type",
        "matched": "Matching:", "about_so_many": "about ", "next": "Next page", "none": "No feature matches",
        "position": "Position",
    },
}  # fmt: skip


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)


def _shape(geometry: Any) -> str:
    text = json.dumps(geometry) if geometry else "–"
    return text if len(text) <= 300 else f"{text[:300]} …"


_pages = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=select_autoescape())
_pages.filters |= {"shown": _shown, "shape": _shape}


def _language(request: Request, parameters: dict[str, str]) -> str:
    chosen = parameters.get("lang")
    if chosen is not None and chosen not in WORDS:
        raise BadQuestion("there is no such language", where="lang", do="Use zh or en")
    return chosen or ("en" if request.headers.get("accept-language", "zh").lower().startswith("en") else "zh")


def _answer(
    request: Request,
    parameters: dict[str, str],
    template: str,
    title: str,
    crumbs: list[tuple[str, str]],
    **values: Any,
) -> Response:
    lang = _language(request, parameters)
    base = base_of(request.scope)
    keep = f"&lang={lang}" if "lang" in parameters else ""
    page = _pages.get_template(template).render(
        lang=lang,
        words=WORDS[lang],
        title=title,
        base=base,
        root=base.removesuffix(PREFIX),
        keep=keep,
        crumbs=[
            {"href": f"{base.removesuffix(PREFIX)}{PREFIX}{href}?f=html{keep}", "title": name} for href, name in crumbs
        ],
        as_json=here(request, f="json", lang=None),
        other_language=here(request, f="html", lang="en" if lang == "zh" else "zh"),
        **values,
    )
    headers = {
        "Content-Security-Policy": POLICY,
        "Cache-Control": "private, no-cache",
        "Vary": "Accept, Accept-Language",
    }
    return Response(page, headers=headers, media_type="text/html; charset=utf-8")


def _words(request: Request, parameters: dict[str, str]) -> dict[str, str]:
    return WORDS[_language(request, parameters)]


def _title(request: Request, parameters: dict[str, str], collection: Collection) -> str:
    return collection.title_zh if _language(request, parameters) == "zh" else collection.title_en


def landing_page(request: Request, parameters: dict[str, str], body: dict[str, Any]) -> Response:
    """Show where a client begins."""
    return _answer(request, parameters, "landing.html", body["title"], [])


def conformance_page(request: Request, parameters: dict[str, str], body: dict[str, Any]) -> Response:
    """Show which parts of the standards hold."""
    words = _words(request, parameters)
    return _answer(request, parameters, "conformance.html", words["conformance"], [("", words["home"])], body=body)


def collections_page(request: Request, parameters: dict[str, str], body: dict[str, Any]) -> Response:
    """Show all collections."""
    words = _words(request, parameters)
    return _answer(request, parameters, "collections.html", words["collections"], [("", words["home"])], body=body)


def _crumbs(words: dict[str, str], collection: str = "", title: str = "") -> list[tuple[str, str]]:
    found = [("", words["home"]), ("/collections", words["collections"])]
    return [*found, (f"/collections/{collection}", title)] if collection else found


def collection_page(request: Request, parameters: dict[str, str], body: dict[str, Any]) -> Response:
    """Show one collection."""
    crumbs = _crumbs(_words(request, parameters))
    return _answer(request, parameters, "collection.html", body["title"], crumbs, body=body)


def queryables_page(
    request: Request, parameters: dict[str, str], collection: Collection, body: dict[str, Any]
) -> Response:
    """Show what a filter may name."""
    words, title = _words(request, parameters), _title(request, parameters, collection)
    crumbs = _crumbs(words, collection.id, title)
    return _answer(request, parameters, "queryables.html", words["queryables"], crumbs, body=body)


def items_page(
    request: Request, parameters: dict[str, str], collection: Collection, page: Page, token: str | None,
    matched: int | None, exact: bool,
) -> Response:  # fmt: skip
    """Show a page of features as a table."""
    words, title = _words(request, parameters), _title(request, parameters, collection)
    features = orjson.loads(b"[" + page.features + b"]")
    asked = parameters.get("properties")
    names = [name.strip() for name in asked.split(",")] if asked else None
    columns = [one for one in collection.properties if names is None or one.name in names][:COLUMNS]
    return _answer(
        request, parameters, "items.html", title, _crumbs(words, collection.id, title), features=features,
        columns=columns, collection=collection, matched=matched, exact=exact,
        next=here(request, token=token) if token else None,
    )  # fmt: skip


def item_page(request: Request, parameters: dict[str, str], collection: Collection, body: bytes) -> Response:
    """Show one feature with everything it says."""
    words, title = _words(request, parameters), _title(request, parameters, collection)
    feature = orjson.loads(body)
    crumbs = _crumbs(words, collection.id, title)
    name = feature["properties"].get("name_zh") or feature["properties"].get("code") or feature["id"]
    return _answer(request, parameters, "item.html", str(name), crumbs, feature=feature, columns=collection.properties)
