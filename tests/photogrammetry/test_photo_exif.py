"""What a photo says about itself, and what it cannot say."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from fractions import Fraction

import numpy as np
import piexif
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from photogrammetry.images import look_at
from photogrammetry.photo import CheckSettings
from photogrammetry.photo_exif import read_exif

WIDTH, HEIGHT = 800, 600


def jpeg(exif=None, zeroth=None, gps=None):
    stream = io.BytesIO()
    block = piexif.dump({"0th": zeroth or {}, "Exif": exif or {}, "GPS": gps or {}})
    Image.fromarray(np.zeros((6, 8, 3), dtype=np.uint8)).save(stream, "JPEG", exif=block)
    return stream.getvalue()


def rational(value, denominator=10**7):
    return round(value * denominator), denominator


def place(lon, lat):
    def angle(value):
        degrees = int(abs(value))
        minutes = int((abs(value) - degrees) * 60)
        return (degrees, 1), (minutes, 1), rational(((abs(value) - degrees) * 60 - minutes) * 60)

    return {
        piexif.GPSIFD.GPSLongitude: angle(lon),
        piexif.GPSIFD.GPSLongitudeRef: b"W" if lon < 0 else b"E",
        piexif.GPSIFD.GPSLatitude: angle(lat),
        piexif.GPSIFD.GPSLatitudeRef: b"S" if lat < 0 else b"N",
    }


def facts(**parts):
    return read_exif(jpeg(**parts), WIDTH, HEIGHT, 8.0)


@settings(deadline=None)
@given(lon=st.floats(-180, 180), lat=st.floats(-90, 90), up=st.floats(-400, 9000))
def test_a_position_is_read_to_a_centimetre(lon, lat, up):
    gps = place(lon, lat)
    gps[piexif.GPSIFD.GPSAltitude] = rational(abs(up), 1000)
    gps[piexif.GPSIFD.GPSAltitudeRef] = int(up < 0)
    found = facts(gps=gps)
    if abs(lon) > 1e-6 or abs(lat) > 1e-6:
        assert found.lon == pytest.approx(lon, abs=1e-9)
        assert found.lat == pytest.approx(lat, abs=1e-9)
    assert found.altitude_m == pytest.approx(up, abs=1e-3)


@pytest.mark.parametrize(
    "gps",
    [
        {},
        place(0.0, 0.0),
        {**place(121.6, 37.4), piexif.GPSIFD.GPSLatitude: ((91, 1), (0, 1), (0, 1))},
        {**place(121.6, 37.4), piexif.GPSIFD.GPSLongitude: ((181, 1), (0, 1), (0, 1))},
        {**place(121.6, 37.4), piexif.GPSIFD.GPSLongitude: ((121, 0), (0, 1), (0, 1))},
        {k: v for k, v in place(121.6, 37.4).items() if k != piexif.GPSIFD.GPSLatitude},
    ],
    ids=["nothing", "null island", "latitude", "longitude", "division", "half"],
)
def test_a_position_that_cannot_be_is_none(gps):
    found = facts(gps=gps)
    assert found.lon is None
    assert found.lat is None


SHOT = {piexif.ExifIFD.DateTimeOriginal: b"2026:05:18 10:12:43"}
SATELLITES = {
    piexif.GPSIFD.GPSDateStamp: b"2026:05:18",
    piexif.GPSIFD.GPSTimeStamp: ((3, 1), (4, 1), (5500, 1000)),
}


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"exif": SHOT}, datetime(2026, 5, 18, 2, 12, 43, tzinfo=UTC)),
        (
            {"exif": {**SHOT, piexif.ExifIFD.OffsetTimeOriginal: b"-03:30"}},
            datetime(2026, 5, 18, 13, 42, 43, tzinfo=UTC),
        ),
        ({"exif": SHOT, "gps": SATELLITES}, datetime(2026, 5, 18, 3, 4, 5, 500_000, tzinfo=UTC)),
        ({"exif": {piexif.ExifIFD.DateTimeOriginal: b"0000:00:00 00:00:00"}}, None),
        ({"exif": {piexif.ExifIFD.DateTimeOriginal: b"yesterday"}}, None),
        ({"gps": {**SATELLITES, piexif.GPSIFD.GPSDateStamp: b"2026:02:30"}}, None),
        ({}, None),
    ],
    ids=["city's clock", "camera's zone", "satellites", "zeros", "words", "no such day", "nothing"],
)
def test_the_time_is_told_in_utc_by_the_best_clock(parts, expected):
    assert facts(**parts).taken_at_utc == expected


@settings(deadline=None)
@given(focal_mm=st.floats(4, 50), pitch_um=st.floats(1, 8))
def test_the_focal_length_from_the_sensors_density_or_the_35_mm_figure(focal_mm, pitch_um):
    focal_px = focal_mm / pitch_um * 1000
    diagonal = float(np.hypot(WIDTH, HEIGHT))
    sane = 0.2 * diagonal < focal_px < 20 * diagonal
    density = Fraction(10_000 / pitch_um).limit_denominator(1000)
    exif = {
        piexif.ExifIFD.FocalLength: rational(focal_mm, 10**6),
        piexif.ExifIFD.FocalPlaneXResolution: (density.numerator, density.denominator),
        piexif.ExifIFD.FocalPlaneResolutionUnit: 3,
        piexif.ExifIFD.PixelXDimension: WIDTH,
    }
    found = facts(exif=exif).focal_px
    assert found == (pytest.approx(focal_px, rel=1e-4) if sane else None)
    half = facts(exif={**exif, piexif.ExifIFD.PixelXDimension: 2 * WIDTH}).focal_px
    if half is not None and sane:
        assert half == pytest.approx(focal_px / 2, rel=1e-4), "the photo is a reduced copy of what EXIF describes"
    equivalent = facts(exif={piexif.ExifIFD.FocalLengthIn35mmFilm: 24}).focal_px
    assert equivalent == pytest.approx(24 / 43.267 * diagonal)
    assert facts().focal_px is None


def test_the_camera_is_named():
    assert facts(zeroth={piexif.ImageIFD.Make: b"DJI\0", piexif.ImageIFD.Model: b" FC6310 "}).camera == "DJI FC6310"
    assert facts().camera == "unknown"


WHOLE = jpeg(exif={**SHOT, piexif.ExifIFD.FocalLength: (24, 1)}, gps={**place(121.6, 37.4), **SATELLITES})


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@settings(deadline=None, max_examples=300)
@given(changes=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=6),
       cut=st.integers(0, len(WHOLE)))  # fmt: skip
@example(changes=[(0, 0)], cut=0)
def test_a_damaged_photo_never_breaks_the_check(tmp_path_factory, changes, cut):
    content = bytearray(WHOLE)
    for at, value in changes:
        content[at] = value
    found = read_exif(bytes(content), WIDTH, HEIGHT, 8.0)
    assert found.lat is None or -90 <= found.lat <= 90
    assert found.lon is None or -180 <= found.lon <= 180
    path = tmp_path_factory.getbasetemp() / "damaged.jpg"
    path.write_bytes(content[: cut or len(content)])
    photo = look_at((path, path.name, CheckSettings()))
    assert not photo.accepted
    assert photo.reason_zh


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", ["png", "tif", "bmp-in-jpg"])
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_damaged_picture_of_another_format_never_breaks_the_check(tmp_path_factory, kind, data):
    stream = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 255, (20, 30), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, {"png": "PNG", "tif": "TIFF"}.get(kind, "BMP"))
    content = bytearray(stream.getvalue())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / f"damaged.{kind[-3:]}"
    path.write_bytes(content)
    assert not look_at((path, path.name, CheckSettings())).accepted
