"""The fused cloud, read in pieces, taken to the declared CRS and sorted into square bins on disk.

Each bin is then small enough to work on in memory, whatever the size of the survey.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photogrammetry.drone.frame_fit import FrameFit, fit_to_crs
from photogrammetry.frame import LocalFrame
from twin.errors import BadInput

POINT = np.dtype([("east", "<f8"), ("north", "<f8"), ("h", "<f4"), ("rgb", "u1", (3,))])
PLY_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "<i2", "int16": "<i2", "ushort": "<u2",
    "uint16": "<u2", "int": "<i4", "int32": "<i4", "uint": "<u4", "uint32": "<u4", "float": "<f4",
    "float32": "<f4", "double": "<f8", "float64": "<f8",
}  # fmt: skip
CHUNK = 500_000
BLOB_M = 1.0
BLOB_POINTS = 3
ISLAND_SHARE = 0.01


class EmptyCloud(BadInput):
    """A point cloud without any usable point."""


@dataclass(frozen=True)
class Bins:
    """Bins of points on disk: folder, edge length (m), lowest corner (east, north) and what was counted."""

    folder: Path
    size_m: float
    west: float
    south: float
    columns: int
    rows: int
    points: int
    strays: int
    bounds: tuple[float, float, float, float]
    heights: tuple[float, float]

    def path(self, row: int, col: int) -> Path:
        """Name the file of one bin, rows from the south."""
        return self.folder / f"{row:04d}_{col:04d}.points"

    def each(self) -> Iterator[tuple[int, int]]:
        """Give row and column of each bin that holds points."""
        for row in range(self.rows):
            for col in range(self.columns):
                if self.path(row, col).exists():
                    yield row, col

    def inside(self, west: float, south: float, east: float, north: float) -> NDArray[np.void]:
        """Read the points inside a box (crs metres) as a structured array of POINT, in a fixed order."""
        row0, row1 = (int(np.floor((v - self.south) / self.size_m)) for v in (south, north))
        col0, col1 = (int(np.floor((v - self.west) / self.size_m)) for v in (west, east))
        parts = []
        for row in range(max(0, row0), min(self.rows - 1, row1) + 1):
            for col in range(max(0, col0), min(self.columns - 1, col1) + 1):
                if self.path(row, col).exists():
                    part = np.fromfile(self.path(row, col), dtype=POINT)
                    keep = (part["east"] >= west) & (part["east"] < east)
                    keep &= (part["north"] >= south) & (part["north"] < north)
                    parts.append(part[keep])
        return np.concatenate(parts) if parts else np.empty(0, dtype=POINT)


def read_ply(path: Path) -> NDArray[np.void]:
    """Map the vertices of a binary little-endian PLY as a structured array, without reading them yet.

    Raises BadInput when the file is not such a PLY or is cut off.
    """
    with path.open("rb") as stream:
        head = stream.read(8192)
    end = head.find(b"end_header\n")
    if not head.startswith(b"ply") or end < 0 or b"format binary_little_endian" not in head:
        raise BadInput("this is not a binary little-endian PLY", where=path.name, do="Run the fuse stage again")
    fields, count, inside = [], 0, False
    for line in head[:end].decode("ascii", "replace").splitlines():
        words = line.split()
        if words[:1] == ["element"]:
            inside = words[1] == "vertex"
            count = int(words[2]) if inside else count
        elif words[:1] == ["property"] and inside:
            fields.append((words[2], PLY_TYPES[words[1]]))
    layout, offset = np.dtype(fields), end + len(b"end_header\n")
    if path.stat().st_size < offset + count * layout.itemsize:
        raise BadInput(f"the file ends before its {count} points", where=path.name, do="Run the fuse stage again")
    if count == 0:
        raise EmptyCloud("the fused cloud has no points", where=path.name, do="Check overlap and sharpness")
    return np.memmap(path, dtype=layout, mode="r", offset=offset, shape=(count,))


def sort_into_bins(cloud: NDArray[np.void], frame: LocalFrame, folder: Path, *, size_m: float = 50.0) -> Bins:
    """Take the cloud (x, y, z ENU metres, red, green, blue) to the CRS of frame and write it into bins.

    Points more than a few metres away from all the others (fewer than 3 in their square metre and around it) are
    counted as strays and left out. Raises EmptyCloud when nothing remains.
    """
    west, south, kept, low, high = _extent(cloud, frame)
    fit = fit_to_crs(frame, low - 1.0, high + 1.0)
    rows, columns = (int(np.ceil(n * BLOB_M / size_m)) for n in kept.shape)
    folder.mkdir(parents=True, exist_ok=True)
    bins = Bins(folder, size_m, west, south, columns, rows, 0, 0, (0, 0, 0, 0), (0, 0))
    total, edges = 0, np.array([np.inf, np.inf, -np.inf, -np.inf, np.inf, -np.inf])
    for start in range(0, len(cloud), CHUNK):
        part = cloud[start : start + CHUNK]
        xyz = _xyz(part)
        points = _points(part[((xyz >= low) & (xyz <= high)).all(axis=1)], fit)
        row = np.floor((points["north"] - south) / BLOB_M).astype(np.int64)
        col = np.floor((points["east"] - west) / BLOB_M).astype(np.int64)
        inside = (row >= 0) & (row < kept.shape[0]) & (col >= 0) & (col < kept.shape[1])
        inside[inside] = kept[row[inside], col[inside]]
        points = points[inside]
        if len(points) == 0:
            continue
        total += len(points)
        lows = [points[name].min() for name in ("east", "north")]
        highs = [points[name].max() for name in ("east", "north")]
        edges[:2], edges[2:4] = np.minimum(edges[:2], lows), np.maximum(edges[2:4], highs)
        edges[4], edges[5] = min(edges[4], points["h"].min()), max(edges[5], points["h"].max())
        _append(points, bins)
    if total == 0:
        raise EmptyCloud("every point of the cloud is a stray", do="Check overlap and sharpness of the photos")
    bounds = (float(edges[0]), float(edges[1]), float(edges[2]), float(edges[3]))
    heights = (float(edges[4]), float(edges[5]))
    return Bins(folder, size_m, west, south, columns, rows, total, len(cloud) - total, bounds, heights)


def _xyz(part: NDArray[np.void]) -> NDArray[np.float64]:
    return np.column_stack([part["x"], part["y"], part["z"]]).astype(np.float64)


def _points(part: NDArray[np.void], fit: FrameFit) -> NDArray[np.void]:
    enh = fit(_xyz(part))
    points = np.empty(len(part), dtype=POINT)
    points["east"], points["north"], points["h"] = enh.T
    points["rgb"] = np.column_stack([part["red"], part["green"], part["blue"]])
    return points


def _append(points: NDArray[np.void], bins: Bins) -> None:
    row = ((points["north"] - bins.south) / bins.size_m).astype(np.int64)
    col = ((points["east"] - bins.west) / bins.size_m).astype(np.int64)
    key = row * bins.columns + col
    order = np.argsort(key, kind="stable")
    for index in np.split(order, np.flatnonzero(np.diff(key[order])) + 1):
        with bins.path(int(row[index[0]]), int(col[index[0]])).open("ab") as stream:
            points[index].tofile(stream)


def _extent(
    cloud: NDArray[np.void], frame: LocalFrame
) -> tuple[float, float, NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
    """Find where the cloud is dense: corner, mask of square metres (rows from the south), ENU box."""
    sample = _xyz(cloud[:: max(1, len(cloud) // 200_000)])
    sample = sample[np.isfinite(sample).all(axis=1)]
    if len(sample) == 0:
        raise EmptyCloud("the fused cloud has no finite point", do="Run the fuse stage again")
    near, far = np.percentile(sample, [1, 99], axis=0)
    reach = np.maximum(far - near, 20.0)
    low, high = np.maximum(near - reach, sample.min(0)), np.minimum(far + reach, sample.max(0))
    low[2], high[2] = near[2] - max(60.0, reach[2]), far[2] + max(120.0, reach[2])
    fit = fit_to_crs(frame, low - 1.0, high + 1.0)
    corners = fit(np.array([[low[0], low[1], 0], [high[0], low[1], 0], [low[0], high[1], 0], [high[0], high[1], 0]]))
    west, south = np.floor(corners[:, :2].min(axis=0)) - 1
    cols, rows = (np.ceil(corners[:, :2].max(axis=0) - [west, south]) + 1).astype(int)
    count = np.zeros((rows, cols), dtype=np.int32)
    for start in range(0, len(cloud), CHUNK):
        part = _xyz(cloud[start : start + CHUNK])
        part = part[((part >= low) & (part <= high)).all(axis=1)]
        enh = fit(part)
        row, col = (enh[:, 1] - south).astype(int), (enh[:, 0] - west).astype(int)
        inside = (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
        np.add.at(count, (row[inside], col[inside]), 1)
    kept = (count > 0) & (_sum_around(count) >= BLOB_POINTS)
    return float(west), float(south), _without_islands(kept), low, high


def _sum_around(count: NDArray[np.int32]) -> NDArray[np.int32]:
    padded = np.pad(count, 1)
    rows, cols = count.shape
    total = np.zeros_like(count)
    for row in range(3):
        for col in range(3):
            total += padded[row : row + rows, col : col + cols]
    return total


def _without_islands(kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop specks: groups of square metres, more than 2 m from others, with less than 1 % of the largest group."""
    from scipy import ndimage

    label, number = ndimage.label(ndimage.binary_dilation(kept, iterations=1), structure=np.ones((3, 3), dtype=int))
    if number < 2:
        return kept
    sizes = np.bincount(label[kept], minlength=number + 1)
    return np.asarray(kept & (sizes >= ISLAND_SHARE * sizes[1:].max())[label])
