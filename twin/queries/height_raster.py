"""A survey's rasters kept open between questions: heights by position, without reading the file again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from twin.errors import BadInput, NotFound

BLOCK = 256
CACHE_BYTES = 256 * 1024 * 1024
LARGEST_SCANNED_PIXELS = 64_000_000  # the exact highest value is sought in rasters up to this size


@dataclass(frozen=True)
class RasterShape:
    """Where a raster lies: upper left corner and pixel size (metres in crs), rows and columns."""

    west: float
    north: float
    pixel_m: float
    rows: int
    columns: int
    crs: str


class HeightRaster:
    """One float raster of heights, north up, square pixels; blocks are read once and kept within a byte limit."""

    def __init__(self, path: Path, cache: BlockCache) -> None:
        """Open a raster. Raises NotFound when it is absent, BadInput when it is not a north-up raster of metres."""
        self._path = path
        self._cache = cache
        self._lock = threading.Lock()
        self._highest: float | None = None
        try:
            self._dataset = rasterio.open(path)
        except rasterio.errors.RasterioIOError as error:
            raise NotFound("the raster is not there or cannot be read", where=path.name) from error
        transform = self._dataset.transform
        if transform.b or transform.d or abs(transform.a + transform.e) > 1e-9 * transform.a:
            raise BadInput(
                "the raster is not north up with square pixels", where=path.name, do="Publish the survey again"
            )
        self.shape = RasterShape(
            west=transform.c,
            north=transform.f,
            pixel_m=transform.a,
            rows=self._dataset.height,
            columns=self._dataset.width,
            crs=self._dataset.crs.to_string(),
        )
        self._nodata = self._dataset.nodata

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._dataset.close()

    def sample(self, east: NDArray[np.float64], north: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the heights of the pixels that hold positions.

        east, north: (N,) float64 metres in the raster's CRS. Returns (N,) float64 metres; NaN outside and at nodata.
        """
        shape = self.shape
        columns = np.floor((east - shape.west) / shape.pixel_m).astype(np.int64)
        rows = np.floor((shape.north - north) / shape.pixel_m).astype(np.int64)
        inside = (columns >= 0) & (rows >= 0) & (columns < shape.columns) & (rows < shape.rows)
        values = np.full(len(columns), np.nan)
        where = np.flatnonzero(inside)
        block_of = (rows[where] // BLOCK) * (shape.columns // BLOCK + 1) + columns[where] // BLOCK
        for number in np.unique(block_of):
            hits = where[block_of == number]
            block = self._block(int(rows[hits[0]]) // BLOCK, int(columns[hits[0]]) // BLOCK)
            values[hits] = block[rows[hits] % BLOCK, columns[hits] % BLOCK]
        return values

    def highest(self) -> float:
        """Give the highest height (m); infinity where the raster is too large to look through at once."""
        if self._highest is None:
            self._highest = self._find_highest()
        return self._highest

    def _find_highest(self) -> float:
        if self.shape.rows * self.shape.columns > LARGEST_SCANNED_PIXELS:
            return float("inf")
        top = -np.inf
        for row in range(0, self.shape.rows, BLOCK):
            with self._lock:
                strip = self._read(Window(0, row, self.shape.columns, min(BLOCK, self.shape.rows - row)))
            if np.isfinite(strip).any():
                top = max(top, float(np.nanmax(strip)))
        return top

    def _block(self, block_row: int, block_column: int) -> NDArray[np.float32]:
        key = (str(self._path), id(self), block_row, block_column)
        block = self._cache.get(key)
        if block is None:
            row, column = block_row * BLOCK, block_column * BLOCK
            window = Window(column, row, min(BLOCK, self.shape.columns - column), min(BLOCK, self.shape.rows - row))
            with self._lock:
                block = self._read(window)
            self._cache.put(key, block)
        return block

    def _read(self, window: Window) -> NDArray[np.float32]:
        values: NDArray[np.float32] = self._dataset.read(1, window=window).astype(np.float32)
        if self._nodata is not None:
            values[values == np.float32(self._nodata)] = np.nan
        return values


class BlockCache:
    """Blocks of rasters in memory, least recently used thrown out first; safe between threads."""

    def __init__(self, limit_bytes: int = CACHE_BYTES) -> None:
        """limit_bytes: how much the blocks may take together."""
        self._limit = limit_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._blocks: OrderedDict[tuple[str, int, int, int], NDArray[np.float32]] = OrderedDict()

    def get(self, key: tuple[str, int, int, int]) -> NDArray[np.float32] | None:
        """Give a block, or None when it is not kept."""
        with self._lock:
            block = self._blocks.get(key)
            if block is not None:
                self._blocks.move_to_end(key)
            return block

    def put(self, key: tuple[str, int, int, int], block: NDArray[np.float32]) -> None:
        """Keep a block, and let the oldest go while the limit is passed."""
        with self._lock:
            if key not in self._blocks:
                self._blocks[key] = block
                self._bytes += block.nbytes
            while self._bytes > self._limit and len(self._blocks) > 1:
                _, oldest = self._blocks.popitem(last=False)
                self._bytes -= oldest.nbytes
