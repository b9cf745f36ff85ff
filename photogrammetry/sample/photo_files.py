"""Writes photos as a drone does: JPEG with EXIF (GPS, altitude, lens, time); and the ones that went wrong."""

from __future__ import annotations

import io
from datetime import UTC
from fractions import Fraction

import cv2
import numpy as np
import piexif
from numpy.typing import NDArray

from photogrammetry.frame import LocalFrame
from photogrammetry.sample.flight import Shot
from photogrammetry.sample.scales import Scale

Pixels = NDArray[np.uint8]
JPEG_QUALITY = 92
SENSOR_WIDTH_MM = 13.2
MAKE, MODEL = "CityTwin", "SIM-3M synthetic"


def encode_photo(pixels: Pixels, shot: Shot, scale: Scale, frame: LocalFrame, *, with_gps: bool = True) -> bytes:
    """Give a JPEG file's bytes with EXIF.

    pixels: (height, width, 3) uint8 red green blue. The GPS altitude is a height above sea level (EPSG:5737).
    """
    done, packed = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise RuntimeError("the JPEG encoder failed")
    target = io.BytesIO()
    piexif.insert(piexif.dump(_exif(shot, scale, frame, with_gps)), packed.tobytes(), target)
    return target.getvalue()


def _exif(shot: Shot, scale: Scale, frame: LocalFrame, with_gps: bool) -> dict[str, object]:
    taken = shot.taken_at
    local = taken.strftime("%Y:%m:%d %H:%M:%S")
    focal_mm = scale.focal_px / scale.photo_width * SENSOR_WIDTH_MM
    gain = float(shot.exposure.mean())
    exif = {
        piexif.ExifIFD.DateTimeOriginal: local,
        piexif.ExifIFD.DateTimeDigitized: local,
        piexif.ExifIFD.SubSecTimeOriginal: f"{taken.microsecond // 1000:03d}",
        piexif.ExifIFD.OffsetTimeOriginal: "+08:00",
        piexif.ExifIFD.ExposureTime: _rational(gain / 800, 1_000_000),
        piexif.ExifIFD.FNumber: (28, 10),
        piexif.ExifIFD.ISOSpeedRatings: 100,
        piexif.ExifIFD.FocalLength: _rational(focal_mm, 100),
        piexif.ExifIFD.FocalLengthIn35mmFilm: 24,
        piexif.ExifIFD.PixelXDimension: scale.photo_width,
        piexif.ExifIFD.PixelYDimension: scale.photo_height,
        piexif.ExifIFD.LensModel: "24 mm f/2.8 (simulated)",
    }
    zeroth = {
        piexif.ImageIFD.Make: MAKE,
        piexif.ImageIFD.Model: MODEL,
        piexif.ImageIFD.Orientation: 1,
        piexif.ImageIFD.DateTime: local,
        piexif.ImageIFD.Software: "city-digital-twin sample (synthetic image)",
    }
    return {"0th": zeroth, "Exif": exif, "GPS": _gps(shot, frame) if with_gps else {}}


def _gps(shot: Shot, frame: LocalFrame) -> dict[int, object]:
    lon, lat, height = frame.enu_to_lonlath(shot.gps_enu[None])[0]
    utc = shot.taken_at.astimezone(UTC)
    return {
        piexif.GPSIFD.GPSVersionID: (2, 3, 0, 0),
        piexif.GPSIFD.GPSLatitudeRef: "N",
        piexif.GPSIFD.GPSLatitude: _degrees(lat),
        piexif.GPSIFD.GPSLongitudeRef: "E",
        piexif.GPSIFD.GPSLongitude: _degrees(lon),
        piexif.GPSIFD.GPSAltitudeRef: 0 if height >= 0 else 1,
        piexif.GPSIFD.GPSAltitude: _rational(abs(height), 1000),
        piexif.GPSIFD.GPSTimeStamp: (
            (utc.hour, 1),
            (utc.minute, 1),
            (utc.second * 1000 + utc.microsecond // 1000, 1000),
        ),
        piexif.GPSIFD.GPSDateStamp: utc.strftime("%Y:%m:%d"),
        piexif.GPSIFD.GPSMapDatum: "WGS-84",
    }


def _rational(value: float, denominator: int) -> tuple[int, int]:
    fraction = Fraction(round(value * denominator), denominator)
    return fraction.numerator, fraction.denominator


def _degrees(value: float) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    total = round(value * 3600 * 100_000)
    minutes, seconds = divmod(total, 60 * 100_000)
    degrees, minutes = divmod(minutes, 60)
    return (degrees, 1), (minutes, 1), (seconds, 100_000)


def blurred(pixels: Pixels) -> Pixels:
    """Shake and defocus a photo so that nothing sharp is left."""
    size = max(pixels.shape[1] // 60, 9) | 1
    shake = np.zeros((size, size), np.float32)
    cv2.line(shake, (0, size // 3), (size - 1, size - 1 - size // 3), 1.0, 1)
    soft: Pixels = cv2.GaussianBlur(cv2.filter2D(pixels, -1, shake / shake.sum()), (0, 0), size / 6)
    return soft
