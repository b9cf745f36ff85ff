"""Read a point cloud (LAS, LAZ) as one row: its outline, points, classes and heights; runs in the guarded child only.

The points themselves stay in the file: a cloud is a survey's raw material, not a row of a department.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from ingest_gis.text_columns import text_batch
from twin.errors import UnreadableDelivery

if TYPE_CHECKING:
    from ingest_gis.gdal_guard import EmitBatch, EmitInfo, ReadOptions

COLUMNS = (
    "name",
    "points",
    "points_per_m2",
    "lowest_z",
    "highest_z",
    "classes",
    "las_version",
    "point_format",
    "made_on",
)
CHUNK_POINTS = 1_000_000


def prepare(driver: str | None) -> None:
    """Load what reading needs before the process gives up its freedoms."""
    import laspy
    import lazrs  # noqa: F401
    import pyproj

    laspy.LaspyException  # noqa: B018
    pyproj.CRS.from_epsg(4490)  # its database is opened now


def stream(path: Path, options: ReadOptions, emit_info: EmitInfo, emit_batch: EmitBatch) -> None:
    """Read every point once and send one row.

    emit_info gets layer (None), layers, fields (COLUMNS), crs (WKT, None if the file names none), rows (1).
    Raises UnreadableDelivery when it is damaged or holds no or not all of its points.
    """
    import laspy
    import lazrs

    try:
        with laspy.open(path, laz_backend=laspy.LazBackend.Lazrs) as file:
            crs = _crs(file.header)
            row, outline = _summary(path, file)
    except (laspy.LaspyException, lazrs.LazrsError, OSError, ValueError, OverflowError, TypeError) as error:
        raise UnreadableDelivery(
            "点云打不开、不完整或已损坏 (the cloud cannot be opened, is incomplete or damaged)",
            do="请重新导出 LAS 1.2-1.4 或 LAZ (export it again as LAS 1.2 to 1.4, or LAZ)",
        ) from error
    info: dict[str, object] = {
        "layer": None, "layers": [], "fields": list(COLUMNS), "crs": crs, "geometry": "Polygon", "rows": 1,
        "encoding": "utf-8", "driver": "LAS",
    }  # fmt: skip
    emit_info(info)
    emit_batch(text_batch(list(COLUMNS), [[cell] for cell in row], 1, [outline]))


def _crs(header: Any) -> str | None:
    from pyproj.exceptions import CRSError

    try:
        crs = header.parse_crs()
    except (CRSError, ValueError, KeyError, TypeError):
        return None
    return None if crs is None else str(crs.to_wkt())


def _summary(path: Path, file: Any) -> tuple[list[str | None], bytes]:
    """Count points by class and find their bounds from the points themselves: a header may be wrong."""
    counted, classes = 0, np.zeros(256, dtype=np.int64)
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for chunk in file.chunk_iterator(CHUNK_POINTS):
        at = np.column_stack([chunk.x, chunk.y, chunk.z])
        counted += len(at)
        classes += np.bincount(np.asarray(chunk.classification, dtype=np.uint8), minlength=256)
        low, high = np.minimum(low, at.min(axis=0)), np.maximum(high, at.max(axis=0))
    if counted != file.header.point_count or not counted:
        raise ValueError("not all points are there")
    area = float(np.prod(high[:2] - low[:2]))
    by_class = {str(index): int(classes[index]) for index in np.flatnonzero(classes)}
    made = file.header.creation_date
    row = [
        path.stem, str(counted), f"{counted / area:.2f}" if area > 0 else None, f"{low[2]:.3f}", f"{high[2]:.3f}",
        json.dumps(by_class), str(file.header.version), str(file.header.point_format.id),
        made.isoformat() if made else None,
    ]  # fmt: skip
    return row, bytes(shapely.to_wkb(shapely.box(*low[:2], *high[:2])))
