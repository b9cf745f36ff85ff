"""JSON Schemas of the assets' attributes, made from the catalogue's lists of key attributes."""

from __future__ import annotations

import re
from typing import Any

UNIT = re.compile(r"(?<=[^\x00-\x7f])(mm|cm|km|m3/s|m3|m2|m|kVA|kW|kV|W|MPa|t/d|t|L)(?=$|\()")
COUNT = re.compile(r"(数量|件数|座位数|盖板数|格口数|台数|车道数|泊位数|回路数|出入口数|户数)$")
SIGNED = ("高程", "标高", "海拔", "水位")
FREE = ["string", "number", "boolean", "null"]


def attribute_schema(name_zh: str, key_attributes: str) -> dict[str, Any]:
    """Make the JSON Schema (2020-12) of a class's attributes.

    key_attributes: names separated by semicolons as in classes.csv, e.g. 杆高m;功率W;安装日期. A unit at the
    end makes a number, a count an integer, a date a date; other attributes stay open, and more may be given.
    """
    names = [name.strip() for name in key_attributes.split(";") if name.strip()]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": name_zh,
        "type": "object",
        "properties": {name: _property(name) for name in names},
        "additionalProperties": True,
    }


def _property(name: str) -> dict[str, Any]:
    if name.endswith("日期"):
        return {"type": ["string", "null"], "pattern": r"^[0-9]{4}-?[0-9]{2}-?[0-9]{2}$"}
    if name.endswith("年份"):
        return {"type": ["integer", "null"], "minimum": 1000, "maximum": 9999}
    if COUNT.search(name):
        return {"type": ["integer", "null"], "minimum": 0}
    unit = UNIT.search(name)
    if unit and not name.startswith("尺寸"):
        number: dict[str, Any] = {"type": ["number", "null"], "unit": unit.group(1)}
        return number if any(word in name for word in SIGNED) else number | {"minimum": 0}
    return {"type": FREE, "unit": unit.group(1)} if unit else {"type": FREE}
