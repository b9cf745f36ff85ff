"""The rasters of a survey: north-up grids of square cells, read and written window by window, kept as COGs."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.transform import Affine, from_origin
from rasterio.windows import Window

from twin.errors import BadInput

NODATA = -9999.0
BLOCK = 512
HELD_RASTERS = 6
_held = threading.local()  # a raster that is open belongs to one thread
# GDAL would keep a twentieth of the machine's memory for blocks of open rasters, in every worker. Set in an Env, the
# limit would come and go with it, and the blocks with the limit.
os.environ.setdefault("GDAL_CACHEMAX", "96")


@dataclass(frozen=True)
class Grid:
    """A north-up raster: crs text, outer west and north edge (m), cell size (m), rows and columns."""

    crs: str
    west: float
    north: float
    cell_m: float
    rows: int
    cols: int

    @classmethod
    def covering(cls, crs: str, west: float, south: float, east: float, north: float, cell_m: float) -> Grid:
        """Make the smallest grid that covers the box (crs metres) with edges on whole multiples of cell_m."""
        first_col, last_col = np.floor(west / cell_m + 1e-6), np.ceil(east / cell_m - 1e-6)
        first_row, last_row = np.floor(south / cell_m + 1e-6), np.ceil(north / cell_m - 1e-6)
        rows, cols = max(1, int(last_row - first_row)), max(1, int(last_col - first_col))
        return cls(crs, float(first_col * cell_m), float(last_row * cell_m), cell_m, rows, cols)

    @classmethod
    def of(cls, path: Path) -> Grid:
        """Read the grid of a raster. Raises BadInput when it is not north-up with square cells."""
        with rasterio.open(path) as raster:
            t = raster.transform
            if t.b or t.d or abs(t.a + t.e) > 1e-9 * abs(t.a):
                raise BadInput("the raster is not north-up with square cells", where=path.name)
            crs = f"EPSG:{raster.crs.to_epsg()}" if raster.crs.to_epsg() else raster.crs.to_wkt()
            return cls(crs, float(t.c), float(t.f), float(t.a), raster.height, raster.width)

    @property
    def transform(self) -> Affine:
        """Affine transform from (col, row) to (east, north)."""
        return from_origin(self.west, self.north, self.cell_m, self.cell_m)

    @property
    def south(self) -> float:
        """Lower edge, metres."""
        return self.north - self.rows * self.cell_m

    @property
    def east(self) -> float:
        """Right edge, metres."""
        return self.west + self.cols * self.cell_m

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.cols

    def part(self, row: int, col: int, rows: int, cols: int) -> Grid:
        """Cut out the sub-grid that starts at (row, col); may reach past the edges."""
        return Grid(
            self.crs, self.west + col * self.cell_m, self.north - row * self.cell_m, self.cell_m, int(rows), int(cols)
        )

    def centres(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give the east (cols,) and north (rows,) of the cell centres, metres."""
        east = self.west + (np.arange(self.cols) + 0.5) * self.cell_m
        north = self.north - (np.arange(self.rows) + 0.5) * self.cell_m
        return np.asarray(east, dtype=np.float64), np.asarray(north, dtype=np.float64)

    def row_col(
        self, east: NDArray[np.float64], north: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Turn metres into fractional rows and columns; the centre of the first cell is (0.5, 0.5)."""
        row, col = (self.north - north) / self.cell_m, (east - self.west) / self.cell_m
        return row, col

    def tiles(self, size: int) -> Iterator[tuple[int, int, int, int]]:
        """Give (row, col, rows, cols) of tiles of size cells, row by row; edge tiles are smaller."""
        for row in range(0, self.rows, size):
            for col in range(0, self.cols, size):
                yield row, col, min(size, self.rows - row), min(size, self.cols - col)

    def window_of(self, west: float, south: float, east: float, north: float) -> tuple[int, int, int, int]:
        """Give (row, col, rows, cols) of the cells touching the box, clipped to the grid; rows or cols may be 0."""
        row0, row1 = np.floor((self.north - north) / self.cell_m), np.ceil((self.north - south) / self.cell_m)
        col0, col1 = np.floor((west - self.west) / self.cell_m), np.ceil((east - self.west) / self.cell_m)
        r0, r1 = (int(np.clip(v, 0, self.rows)) for v in (row0, row1))
        c0, c1 = (int(np.clip(v, 0, self.cols)) for v in (col0, col1))
        return r0, c0, r1 - r0, c1 - c0


class CogWriter:
    """Writes a raster window by window into a scratch GeoTIFF and turns it into a cloud-optimised one on leaving.

    The bytes depend on the pixels, the tags and the library versions only.
    """

    def __init__(
        self,
        path: Path,
        grid: Grid,
        *,
        dtype: str,
        bands: int = 1,
        nodata: float | None = None,
        tags: Mapping[str, str] | None = None,
        resampling: str = "AVERAGE",
    ) -> None:
        """Keep what the file will be; tags: dataset tags such as VERTICAL_DATUM; resampling: of the overviews."""
        self._path, self._scratch = path, path.with_name(f".{path.stem}.scratch.tif")
        self._resampling, self._dtype = resampling, dtype
        self._grid, self._bands, self._nodata, self._tags = grid, bands, nodata, dict(tags or {})
        self._raster: Any = None

    def __enter__(self) -> CogWriter:
        side = {"tiled": True, "blockxsize": BLOCK, "blockysize": BLOCK}
        self._raster = rasterio.open(
            self._scratch, "w", driver="GTiff", width=self._grid.cols, height=self._grid.rows, count=self._bands,
            dtype=self._dtype, crs=self._grid.crs, transform=self._grid.transform, nodata=self._nodata,
            BIGTIFF="IF_SAFER", **side, **({"photometric": "RGB", "alpha": "YES"} if self._bands == 4 else {}),
        )  # fmt: skip
        self._raster.update_tags(**self._tags)
        return self

    def write(self, values: NDArray[Any], row: int = 0, col: int = 0) -> None:
        """Write (rows, cols) or (bands, rows, cols) values at a cell position; NaN becomes nodata."""
        block = values if values.ndim == 3 else values[None]
        if self._nodata is not None and np.issubdtype(block.dtype, np.floating):
            block = np.where(np.isnan(block), self._nodata, block)
        self._raster.write(block.astype(self._dtype), window=Window(col, row, block.shape[2], block.shape[1]))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._raster.close()
        if error is None:
            rasterio.shutil.copy(
                self._scratch, self._path, driver="COG", COMPRESS="DEFLATE", LEVEL="6", PREDICTOR="YES",
                BLOCKSIZE=str(BLOCK), BIGTIFF="IF_SAFER", NUM_THREADS="2", OVERVIEW_RESAMPLING=self._resampling,
            )  # fmt: skip
        self._scratch.unlink(missing_ok=True)


def write_cog(path: Path, grid: Grid, values: NDArray[Any], *, nodata: float | None = None, **options: Any) -> None:
    """Write one (rows, cols) or (bands, rows, cols) array as a COG; options as of CogWriter."""
    bands = 1 if values.ndim == 2 else values.shape[0]
    with CogWriter(path, grid, dtype=str(values.dtype), bands=bands, nodata=nodata, **options) as out:
        out.write(values)


def read_heights(path: Path, row: int, col: int, rows: int, cols: int) -> NDArray[np.float32]:
    """Read a window of a one-band height raster as (rows, cols) float32, NaN for nodata and outside the raster."""
    values = read_cells(path, row, col, rows, cols, fill=NODATA)
    return np.where(values == NODATA, np.nan, values).astype(np.float32)


def read_cells(path: Path, row: int, col: int, rows: int, cols: int, fill: float = 0) -> NDArray[Any]:
    """Read a window of the first band as (rows, cols), fill outside the raster."""
    raster = _open_raster(path)
    out = np.full((rows, cols), fill, dtype=raster.dtypes[0])
    r0, r1 = max(0, row), min(raster.height, row + rows)
    c0, c1 = max(0, col), min(raster.width, col + cols)
    if r1 > r0 and c1 > c0:
        part = raster.read(1, window=Window(c0, r0, c1 - c0, r1 - r0))
        out[r0 - row : r1 - row, c0 - col : c1 - col] = part
    return out


def _open_raster(path: Path) -> DatasetReader:
    """Open a raster, or give the one this thread holds open: neighbouring windows share unpacked blocks.

    A file that was written anew is opened anew.
    """
    held: OrderedDict[tuple[str, int, int, int], DatasetReader]
    held = _held.__dict__.setdefault("rasters", OrderedDict())
    stat = path.stat()
    key = (str(path), stat.st_ino, stat.st_mtime_ns, stat.st_size)
    if key not in held:
        held[key] = rasterio.open(path)
        if len(held) > HELD_RASTERS:
            held.popitem(last=False)[1].close()
    held.move_to_end(key)
    return held[key]
