"""Longitudes and latitudes as people write them: 121°36'05.2"E, 东经121度36分5.2秒, 121.6013°."""

from __future__ import annotations

import re
import unicodedata

from ingest_gis.values import read_number

_SAME = str.maketrans({"º": "°", "˚": "°", "度": "°", "’": "'", "‘": "'", "′": "'", "＇": "'", "´": "'", "分": "'",
                       "”": '"', "“": '"', "″": '"', "＂": '"', "秒": '"'})  # fmt: skip
_ANGLE = re.compile(
    r"(?P<before>[EWNS]|[东西]经|[南北]纬|[东西南北])?\s*(?P<sign>[+-]?)\s*"
    r"(?P<degrees>\d{1,3}(?:\.\d+)?)\s*(?:°|:|\s|$)\s*"
    r"(?:(?P<minutes>\d{1,2}(?:\.\d+)?)\s*(?:'|:|\s|$)\s*)?"
    r"(?:(?P<seconds>\d{1,2}(?:\.\d+)?)\s*(?:\"|''|$)?\s*)?"
    r"(?P<after>[EWNS]|[东西]经|[南北]纬|[东西南北])?",
    re.IGNORECASE,
)


def read_angle(cell: str) -> float | None:
    """Read an angle in degrees, minutes and seconds; west and south are negative. None if it is none."""
    text = unicodedata.normalize("NFKC", cell.translate(_SAME)).translate(_SAME).strip()
    match = _ANGLE.fullmatch(text)
    if not match:
        return None
    degrees, minutes, seconds = (float(match[name] or 0) for name in ("degrees", "minutes", "seconds"))
    in_parts = match["minutes"] or match["seconds"]
    if degrees > 180 or minutes >= 60 or seconds >= 60 or (in_parts and "." in match["degrees"]):
        return None
    if match["seconds"] and match["minutes"] and "." in match["minutes"]:
        return None
    side = ((match["before"] or match["after"] or "E")[0]).upper()
    size = degrees + minutes / 60 + seconds / 3600
    return -size if (side in "WS西南") != (match["sign"] == "-") else size


def read_coordinate(cell: str) -> float | None:
    """Read a coordinate: a plain number, or an angle in degrees, minutes and seconds; None if it is neither."""
    number = read_number(cell)
    return number if number is not None else read_angle(cell)
