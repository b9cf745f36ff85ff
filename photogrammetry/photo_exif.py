"""What a photo says about itself: camera, focal length, time and place, from its EXIF."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import exifread

FULL_FRAME_DIAGONAL_MM = 43.267
# Used when a photo does not tell its focal length: a common wide lens; the adjustment refines it.
ASSUMED_FOCAL_OF_DIAGONAL = 0.75
MM_PER_UNIT = {2: 25.4, 3: 10.0}


@dataclass(frozen=True)
class ExifFacts:
    """EXIF of one photo: degrees (WGS84), altitude in metres as recorded, focal length in pixels; None: not told."""

    camera: str
    lon: float | None
    lat: float | None
    altitude_m: float | None
    taken_at_utc: datetime | None
    focal_px: float | None


def read_exif(content: bytes, width: int, height: int, utc_offset_h: float) -> ExifFacts:
    """Read a photo's EXIF.

    content: the file's bytes. width, height: pixels of the decoded photo. utc_offset_h: of clocks without a zone.
    Returns ExifFacts with None for what is missing or makes no sense; never raises.
    """
    try:
        tags = exifread.process_file(io.BytesIO(content), details=False, extract_thumbnail=False)
    except Exception:  # a damaged EXIF block breaks the reader in many ways; the photo then tells nothing
        tags = {}
    lat = _angle(tags, "GPS GPSLatitude", "S", 90.0)
    lon = _angle(tags, "GPS GPSLongitude", "W", 180.0)
    if lat is None or lon is None or (lat == 0.0 and lon == 0.0):
        lat = lon = None
    return ExifFacts(
        camera=" ".join(filter(None, (_text(tags, "Image Make"), _text(tags, "Image Model")))) or "unknown",
        lon=lon,
        lat=lat,
        altitude_m=_altitude_m(tags),
        taken_at_utc=_taken_at(tags, utc_offset_h),
        focal_px=_focal_px(tags, width, height),
    )


def _text(tags: dict[str, Any], name: str) -> str:
    return str(tags[name]).strip().strip("\0") if name in tags else ""


def _numbers(tags: dict[str, Any], name: str) -> list[float]:
    if name not in tags:
        return []
    values = tags[name].values
    try:
        return [float(value) for value in (values if isinstance(values, list) else [values])]
    except (TypeError, ValueError, ZeroDivisionError):
        return []


def _angle(tags: dict[str, Any], name: str, negative: str, limit: float) -> float | None:
    parts = _numbers(tags, name)
    if len(parts) != 3:
        return None
    degrees = parts[0] + parts[1] / 60 + parts[2] / 3600
    if min(parts) < 0 or not degrees <= limit:
        return None
    return -degrees if _text(tags, f"{name}Ref").upper() == negative else degrees


def _altitude_m(tags: dict[str, Any]) -> float | None:
    values = _numbers(tags, "GPS GPSAltitude")
    if not values:
        return None
    below = _numbers(tags, "GPS GPSAltitudeRef")[:1] in ([1.0], [3.0])
    return -values[0] if below else values[0]


def _taken_at(tags: dict[str, Any], utc_offset_h: float) -> datetime | None:
    """Prefer the satellites' clock (UTC), then the camera's clock with its own zone, then the city's zone."""
    clock = _numbers(tags, "GPS GPSTimeStamp")
    day = re.fullmatch(r"(\d{4})\D(\d{2})\D(\d{2})", _text(tags, "GPS GPSDate"))
    try:
        if day and len(clock) == 3:
            midnight = datetime(int(day[1]), int(day[2]), int(day[3]), tzinfo=UTC)
            return midnight + timedelta(hours=clock[0], minutes=clock[1], seconds=round(clock[2], 3))
        local = datetime.strptime(_text(tags, "EXIF DateTimeOriginal"), "%Y:%m:%d %H:%M:%S")
    except (ValueError, OverflowError):
        return None
    zone = re.fullmatch(r"([+-])(\d{2}):(\d{2})", _text(tags, "EXIF OffsetTimeOriginal"))
    offset_h = float(f"{zone[1]}1") * (int(zone[2]) + int(zone[3]) / 60) if zone else utc_offset_h
    return (local - timedelta(hours=offset_h)).replace(tzinfo=UTC)


def _focal_px(tags: dict[str, Any], width: int, height: int) -> float | None:
    diagonal_px = float((width**2 + height**2) ** 0.5)
    focal_mm = _numbers(tags, "EXIF FocalLength")
    density = _numbers(tags, "EXIF FocalPlaneXResolution")
    unit_mm = MM_PER_UNIT.get(int((_numbers(tags, "EXIF FocalPlaneResolutionUnit") or [2])[0]))
    full_width = (_numbers(tags, "EXIF ExifImageWidth") or [width])[0]
    equivalent_mm = _numbers(tags, "EXIF FocalLengthIn35mmFilm")
    candidates = []
    if focal_mm and density and unit_mm and full_width > 0:
        candidates.append(focal_mm[0] * density[0] / unit_mm * width / full_width)
    if equivalent_mm:
        candidates.append(equivalent_mm[0] * diagonal_px / FULL_FRAME_DIAGONAL_MM)
    sane = [focal for focal in candidates if 0.2 * diagonal_px < focal < 20 * diagonal_px]
    return sane[0] if sane else None
