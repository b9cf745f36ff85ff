"""The parameters of the standards' routes as the OpenAPI document shows them; api.feature_questions reads them."""

from __future__ import annotations

from typing import Any

from api.feature_questions import COUNTS, DEFAULT_LIMIT, LANGUAGES
from twin.queries.feature_crs import CRS84
from twin.queries.features import MOST


def _query(name: str, description: str, example: Any, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": {"type": "string", **(schema or {}), "examples": [example]},
    }


FORM = _query(
    "f", "json or html; without it the Accept header decides 返回格式", "json", {"enum": ["json", "html", "geojson"]}
)
LANG = _query("lang", "Language of a page (html), zh or en 页面语言", "zh", {"enum": ["zh", "en"]})
CRS = _query("crs", "CRS of the coordinates, one of the collection's `crs` 坐标系", CRS84, {"format": "uri"})
WHEN = _query(
    "datetime", "What was so then: a time, a date or begin/end, `..` for open 有效时间", "2026-10-12T00:00:00Z/.."
)
AS_OF = _query("as_of", "What was known then (history) 当时所知", "2026-10-12T08:00:00Z")

PAGE_PARAMETERS = [FORM, LANG]
ITEM_PARAMETERS = [FORM, LANG, CRS, WHEN, AS_OF]
ITEMS_PARAMETERS = [
    FORM,
    LANG,
    _query("limit", f"Features on a page; more than {MOST} are not given at once 每页数量", 100,
           {"type": "integer", "minimum": 1, "default": DEFAULT_LIMIT}),
    _query("bbox", "Features that meet a box: lower left and upper right corner 范围", "121.59,37.38,121.61,37.39"),
    _query("bbox-crs", "CRS of bbox, with its own axis order 范围的坐标系", CRS84, {"format": "uri"}),
    CRS,
    WHEN,
    AS_OF,
    _query("filter", "Condition in CQL2 over the collection's queryables 过滤条件", "class_code = '0118'"),
    _query("filter-lang", "Language of filter 过滤语言", LANGUAGES[0], {"enum": list(LANGUAGES)}),
    _query("filter-crs", "CRS of the coordinates in filter 过滤坐标系", CRS84, {"format": "uri"}),
    _query("properties", "Only these properties, comma separated 返回字段", "code,name_zh"),
    _query("sortby", "Order: public properties, comma separated, - before one for downwards 排序", "-known_at,code"),
    _query("count", "How numberMatched is found: auto is exact up to 10,000, else estimated 计数方式", "auto",
           {"enum": list(COUNTS)}),
    _query("token", "Where the page begins; part of the link `next` 翻页标记", "WzEwMCwxMjM0LDFd"),
]  # fmt: skip
