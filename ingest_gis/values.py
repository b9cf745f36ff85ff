"""Read the cells of a delivery as what they should be: numbers, dates, codes, listed values; say what is wrong."""

from __future__ import annotations

import datetime as dt
import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from ingest_gis import identifiers
from ingest_gis.mappings import Field

LONGEST_TEXT = 2000
MOST_KEPT = 10_000  # cells of one field, in one part
EMPTY = frozenset({"", "-", "--", "/", "\\", "无", "空", "null", "none", "nan", "n/a", "#n/a", "不详", "未知", "nat"})
LONGEST_EMPTY = max(map(len, EMPTY))
DATE = re.compile(
    r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?"
    r"(?:[T\s]+(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.\d+)?)?)?(Z|[+-]\d{2}:?\d{2})?"
)
PHONE_OR_ID = re.compile(r"(?<!\d)(?:1\d{10}|\d{17}[\dXx]|\d{15}|0\d{2,3}-?\d{7,8})(?![\dXx])")


class ValueProblem(Exception):
    """A cell is not what it should be; code names the rule."""

    def __init__(self, code: str) -> None:
        """Keep the rule's code."""
        self.code = code
        super().__init__(code)


def is_empty(cell: str | None) -> bool:
    """Tell whether a cell says nothing."""
    if cell is None:
        return True
    text = cell.strip()
    return len(text) <= LONGEST_EMPTY and text.lower() in EMPTY


def read_value(field: Field, cell: str | None, utc_offset_h: int) -> Any:
    """Read one cell as its field asks. Returns None for an empty one.

    Raises ValueProblem with the code of the rule broken.
    """
    if cell is None or (is_empty(cell) and field.type != "text") or not cell.strip():
        if field.required and field.default is None:
            raise ValueProblem("required_missing")
        return field.default
    value = READERS[field.type](field, cell, utc_offset_h)
    if field.values is not None:
        if value not in field.values:
            raise ValueProblem("value_not_listed")
        value = field.values[value]
    if field.rule is not None and (problem := RULES[field.rule](value)):
        raise ValueProblem(problem)
    return value


class ValueReader:
    """Reads the cells of one field. What is written again and again (states, days, grids) is read once."""

    def __init__(self, field: Field, utc_offset_h: int) -> None:
        """Remember nothing yet."""
        self._field = field
        self._utc_offset_h = utc_offset_h
        self._kept: dict[str, Any] | None = None if field.type == "json" else {}  # a document may be changed later

    def read(self, cell: str | None) -> Any:
        """Read one cell as read_value does. Raises ValueProblem."""
        if cell is None or self._kept is None:
            return read_value(self._field, cell, self._utc_offset_h)
        if cell in self._kept:
            return self._kept[cell]
        value = read_value(self._field, cell, self._utc_offset_h)
        if len(self._kept) < MOST_KEPT:
            self._kept[cell] = value
        return value


def _text(field: Field, cell: str, utc_offset_h: int) -> str:
    text = " ".join(cell.split())
    if len(text) > LONGEST_TEXT:
        raise ValueProblem("text_too_long")
    return text


def _code(field: Field, cell: str, utc_offset_h: int) -> str:
    if identifiers.is_ruined_number(cell):
        raise ValueProblem("number_ruined")
    code = identifiers.plain_code(cell)
    if len(code) > 64:
        raise ValueProblem("text_too_long")
    return code


def read_number(cell: str) -> float | None:
    """Read a number in full-width or half-width digits, with or without thousands marks; None if it is none."""
    try:
        number = float(unicodedata.normalize("NFKC", cell).strip().replace(",", ""))
    except ValueError:
        return None
    return number if abs(number) < 1e300 else None


def _number(field: Field, cell: str, utc_offset_h: int) -> float | int:
    number = read_number(cell)
    if number is None or number != number:
        raise ValueProblem("number_wrong")
    if (field.minimum is not None and number < field.minimum) or (field.maximum is not None and number > field.maximum):
        raise ValueProblem("number_out_of_range")
    return int(number) if number.is_integer() else number


def _integer(field: Field, cell: str, utc_offset_h: int) -> int:
    number = _number(field, cell, utc_offset_h)
    if isinstance(number, float):
        raise ValueProblem("number_wrong")
    return number


def read_time(cell: str, utc_offset_h: int) -> dt.datetime | None:
    """Read a date or time as Chinese offices write it (20260131, 2026-01-31 8:05, 2026年1月31日); None if it is none.

    Without a zone of its own it is local time of the city.
    """
    match = DATE.fullmatch(unicodedata.normalize("NFKC", cell).strip())
    if not match:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    zone = dt.timezone(dt.timedelta(hours=utc_offset_h))
    if match[7] and match[7] != "Z":
        sign = -1 if match[7][0] == "-" else 1
        zone = dt.timezone(sign * dt.timedelta(hours=int(match[7][1:3]), minutes=int(match[7][-2:])))
    elif match[7]:
        zone = dt.UTC
    try:
        return dt.datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return None


def _time(field: Field, cell: str, utc_offset_h: int) -> str:
    moment = read_time(cell, utc_offset_h)
    if moment is None or moment.year < 1800:
        raise ValueProblem("date_wrong")
    return moment.isoformat()


def _json(field: Field, cell: str, utc_offset_h: int) -> Any:
    try:
        value = json.loads(cell)
    except ValueError:
        raise ValueProblem("json_wrong") from None
    if not isinstance(value, dict):
        raise ValueProblem("json_wrong")
    return value


def mask_personal(text: str) -> str:
    """Hide phone and id numbers inside free text: the first digit stays."""
    return PHONE_OR_ID.sub(lambda match: match[0][0] + "*" * (len(match[0]) - 1), text)


READERS: dict[str, Callable[[Field, str, int], Any]] = {
    "text": _text, "code": _code, "number": _number, "integer": _integer, "date": _time, "time": _time, "json": _json,
}  # fmt: skip


def _component(code: str) -> str | None:
    return None if identifiers.component_class_part(code) else "component_code_wrong"


def _breaks(test: Callable[[str], bool], problem: str) -> Callable[[str], str | None]:
    return lambda code: None if test(code) else problem


RULES: dict[str, Callable[[str], str | None]] = {
    "credit_code": _breaks(identifiers.is_credit_code, "credit_code_wrong"),
    "id_number": _breaks(identifiers.is_id_number, "id_number_wrong"),
    "component_code": _component,
    "grid_code": _breaks(identifiers.is_grid_code, "grid_code_wrong"),
    "admin_code": _breaks(lambda code: identifiers.admin_level(code) is not None, "admin_code_wrong"),
    "building_code": _breaks(lambda code: bool(re.fullmatch(r"\d{16}", code)), "building_code_wrong"),
}
