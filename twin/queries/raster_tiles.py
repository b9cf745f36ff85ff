"""Map tiles of a survey's rasters: orthophoto as it is, heights in colours, heights as terrain-RGB for a 3D map."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.enums import Resampling
from rio_tiler.errors import PointOutsideBounds, RioTilerError
from rio_tiler.io import Reader
from scipy import ndimage

from twin.crs import LonLat
from twin.errors import BadInput, NotFound
from twin.queries.colour_ramps import RAMP_OF_PRODUCT, HeightRange, colour_heights, legend
from twin.queries.raster_windows import TILE_PIXELS, cut_tile

PICTURES = ("orthophoto",)
HEIGHTS = tuple(RAMP_OF_PRODUCT)
FORMATS = {"png": "image/png", "webp": "image/webp"}
DEEPEST_ZOOM = 24


@dataclass(frozen=True)
class RasterFile:
    """A product's file in the state it has on disk; the state makes caches forget what was replaced."""

    path: Path
    kind: str
    modified_ns: int
    size: int

    @classmethod
    def at(cls, path: Path, kind: str) -> RasterFile:
        """Look at a file. Raises NotFound when the product is no map layer or its file is gone."""
        if kind not in (*PICTURES, *HEIGHTS):
            raise NotFound("this product is not a map layer", where=kind[:40])
        try:
            stat = path.stat()
        except OSError as error:
            raise NotFound("the product's file is not there", where=kind, do="Publish the survey again") from error
        return cls(path, kind, stat.st_mtime_ns, stat.st_size)


def check_tile(z: int, x: int, y: int) -> None:
    """Raise BadInput for a tile that cannot be."""
    if not (0 <= z <= DEEPEST_ZOOM and 0 <= x < 2**z and 0 <= y < 2**z):
        raise BadInput("there is no such tile", where=f"{z}/{x}/{y}", do=f"Zoom goes from 0 to {DEEPEST_ZOOM}")


def picture_tile(raster: RasterFile, z: int, x: int, y: int, image_format: str) -> bytes:
    """Draw one WebMercator tile, 256 x 256, transparent where nothing was measured.

    image_format: png or webp. Raises BadInput for an impossible tile.
    """
    check_tile(z, x, y)
    return _encode(_rgba_tile(raster, z, x, y), image_format)


def _rgba_tile(raster: RasterFile, z: int, x: int, y: int) -> NDArray[np.uint8]:
    rgba = np.zeros((TILE_PIXELS, TILE_PIXELS, 4), dtype=np.uint8)
    is_picture = raster.kind in PICTURES
    with _said_when_unreadable(raster):
        tile = cut_tile(raster.path, z, x, y, (1, 2, 3) if is_picture else (1,))
    if tile is None:
        return rgba
    if is_picture:
        rgba[..., :3] = np.round(tile.values.transpose(1, 2, 0)).astype(np.uint8)
    else:
        cell_m = _cell_m(z, y) if raster.kind in ("dsm", "dtm") else None
        rgba[..., :3] = colour_heights(tile.values[0], raster.kind, height_range(raster), cell_m)
    rgba[..., 3] = np.where(tile.known, 255, 0)
    rgba[~tile.known] = 0
    return rgba


def terrain_tile(raster: RasterFile, z: int, x: int, y: int, encoding: str) -> bytes:
    """Write one tile of heights as a PNG's colours.

    encoding: mapbox (height = -10000 + (R * 65536 + G * 256 + B) * 0.1) or terrarium (R * 256 + G + B / 256 - 32768,
    steps of 4 mm). Heights in metres of the product's vertical datum; holes take the nearest height of the tile.
    Raises NotFound outside the raster, BadInput for an impossible tile or a product without heights.
    """
    check_tile(z, x, y)
    if raster.kind not in HEIGHTS:
        raise BadInput("this product has no heights", where=raster.kind, do=f"Ask for one of: {', '.join(HEIGHTS)}")
    with _said_when_unreadable(raster):
        tile = cut_tile(raster.path, z, x, y, (1,))
    if tile is None:
        raise NotFound("the survey has no heights there", where=f"{z}/{x}/{y}")
    heights = tile.values[0].astype(np.float64)
    missing = ~tile.known
    if missing.all():
        heights[:] = height_range(raster).low_m
    elif missing.any():
        rows, columns = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
        heights = heights[rows, columns]
    return _encode(_height_colours(heights, encoding), "png")


def _height_colours(heights_m: NDArray[np.float64], encoding: str) -> NDArray[np.uint8]:
    if encoding == "mapbox":
        code = np.round((heights_m + 10000) * 10)
    elif encoding == "terrarium":
        code = np.round((heights_m + 32768) * 256)
    else:
        raise BadInput("this height encoding is not known", where=encoding[:20], do="Use mapbox or terrarium")
    number = np.clip(code, 0, 2**24 - 1).astype(np.uint32)
    return np.dstack([number >> 16, (number >> 8) & 255, number & 255]).astype(np.uint8)


def value_at(raster: RasterFile, place: LonLat) -> list[float | None] | None:
    """Read a raster's bands at a place (degrees). None outside the raster; None in a band without a value."""
    with _reader(raster) as reader:
        try:
            point = reader.point(*place)
        except PointOutsideBounds:
            return None
    shown = np.ma.getmaskarray(point.array).ravel()
    values = np.asarray(point.array.data).ravel()
    return [None if hidden else round(float(value), 4) for value, hidden in zip(values, shown, strict=True)]


@lru_cache(maxsize=128)
def raster_facts(raster: RasterFile) -> dict[str, Any]:
    """Give a layer's bounds (degrees), useful zoom levels and legend."""
    with _reader(raster) as reader:
        west, south, east, north = reader.get_geographic_bounds("EPSG:4326")
        facts: dict[str, Any] = {
            "bounds": [west, south, east, north],
            "minzoom": max(reader.minzoom - 3, 0),
            "maxzoom": min(reader.maxzoom, DEEPEST_ZOOM),
        }
    if raster.kind in HEIGHTS:
        span = height_range(raster)
        facts["range_m"] = [span.low_m, span.high_m]
        facts["legend"] = legend(raster.kind, span)
    return facts


@lru_cache(maxsize=128)
def height_range(raster: RasterFile) -> HeightRange:
    """Find which heights (m) a raster's colours span, from a reduced picture of it."""
    with rasterio.open(raster.path) as dataset:
        scale = max(1.0, math.sqrt(dataset.width * dataset.height / 250_000))
        shape = (max(1, int(dataset.height / scale)), max(1, int(dataset.width / scale)))
        reduced = dataset.read(1, out_shape=shape, masked=True, resampling=Resampling.nearest).compressed()
    if reduced.size == 0:
        return HeightRange(0.0, 1.0)
    low, high = (float(value) for value in np.percentile(reduced, (2, 99.5)))
    if raster.kind in ("ndsm", "dsm_sigma"):
        low = 0.0
    step = 0.05 if raster.kind == "dsm_sigma" else 1.0
    return HeightRange(math.floor(low / step) * step, max(math.ceil(high / step), math.floor(low / step) + 1) * step)


@contextmanager
def _reader(raster: RasterFile) -> Iterator[Any]:
    with _said_when_unreadable(raster), Reader(str(raster.path)) as reader:
        yield reader


@contextmanager
def _said_when_unreadable(raster: RasterFile) -> Iterator[None]:
    try:
        yield
    except PointOutsideBounds:
        raise
    except (RioTilerError, rasterio.errors.RasterioError) as error:
        raise NotFound("the product's file cannot be read", where=raster.kind, do="Publish the survey again") from error


def _cell_m(z: int, y: int) -> float:
    latitude = math.atan(math.sinh(math.pi * (1 - 2 * (y + 0.5) / 2**z)))
    return float(40_075_016.7 / 2**z / TILE_PIXELS * math.cos(latitude))


def _encode(pixels: NDArray[np.uint8], image_format: str) -> bytes:
    out = io.BytesIO()
    picture = Image.fromarray(pixels)
    if image_format == "webp":
        picture.save(out, "WEBP", quality=82, method=2)
    elif image_format == "png":
        picture.save(out, "PNG", compress_level=4)
    else:
        raise BadInput("this picture format is not offered", where=image_format[:10], do="Use png or webp")
    return out.getvalue()
