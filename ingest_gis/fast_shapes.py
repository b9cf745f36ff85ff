"""Place, check and write the outlines of a whole part at once; what is not plainly sound is left to the careful way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from ingest_gis.anchors import Anchors
from ingest_gis.checks import THINNEST_M
from ingest_gis.copy_binary import fixed
from ingest_gis.datum import Datum, to_cgcs2000
from ingest_gis.positions import GEOGRAPHIC_SRID
from ingest_gis.row_hashes import joined
from ingest_gis.source_crs import SourceCrs
from ingest_gis.zones import into_one_zone
from twin.crs import transformer

Shapes = NDArray[np.object_]
Metres = NDArray[np.float64]
POLYGON, MULTIPOLYGON = 3, 6
HAS_SRID = 0x20000000
POLYGON_HEAD = np.dtype([("order", "u1"), ("type", "<u4"), ("srid", "<u4"), ("rings", "<u4")])
MULTI_HEAD = np.dtype(
    [("order", "u1"), ("type", "<u4"), ("srid", "<u4"), ("parts", "<u4"),
     ("order_1", "u1"), ("type_1", "<u4"), ("rings", "<u4")]
)  # fmt: skip


@dataclass(frozen=True)
class FastShapes:
    """Outlines that are sound: of one part each, inside the district, valid in metres.

    rows: (M,) which rows of the part. multi: (M,) delivered as multipolygon. rings: (M,) rings of each, the outer one
    first. ring_points: (R,) points of each ring. degrees, metres: (P, 2) all points, ring after ring, row after row.
    shapes_m: (M,) outlines in metres.
    """

    rows: NDArray[np.int64]
    multi: NDArray[np.bool_]
    rings: NDArray[np.int64]
    ring_points: NDArray[np.int64]
    degrees: Metres
    metres: Metres
    shapes_m: Shapes

    def some(self, which: NDArray[np.bool_]) -> FastShapes:
        """Give those of (M,) outlines."""
        if which.all():
            return self
        of_rings = np.repeat(which, self.rings)
        of_points = np.repeat(of_rings, self.ring_points)
        return FastShapes(
            self.rows[which], self.multi[which], self.rings[which], self.ring_points[of_rings],
            self.degrees[of_points], self.metres[of_points], self.shapes_m[which],
        )  # fmt: skip

    def as_delivered(self, srid: int, before: pa.Array) -> pa.Array:
        """Write the outlines in metres as EWKB, each as the kind it was delivered as, after (M,) other bytes."""
        single = np.zeros(len(self.rows), dtype=POLYGON_HEAD)
        single["order"], single["type"], single["srid"], single["rings"] = 1, POLYGON | HAS_SRID, srid, self.rings
        head = fixed(single)
        if self.multi.any():
            head = pc.if_else(pa.array(self.multi), fixed(self._multi_head(srid)), head)
        return joined(before, head, self._body(self.metres))

    def as_multi(self, srid: int, points: Metres) -> pa.Array:
        """Write the outlines as EWKB multipolygons."""
        return joined(fixed(self._multi_head(srid)), self._body(points))

    def inside(self) -> Shapes:
        """Give a point inside each outline, (M,) points in metres."""
        return np.asarray(shapely.point_on_surface(self.shapes_m), dtype=object)

    def _multi_head(self, srid: int) -> NDArray[np.void]:
        head = np.zeros(len(self.rows), dtype=MULTI_HEAD)
        head["order"], head["type"], head["srid"], head["parts"] = 1, MULTIPOLYGON | HAS_SRID, srid, 1
        head["order_1"], head["type_1"], head["rings"] = 1, POLYGON, self.rings
        return head

    def _body(self, points: Metres) -> pa.Array:
        """Write the rings, each its number of points and then those."""
        ends = np.concatenate(([0], np.cumsum(self.ring_points)))
        numbers = np.ascontiguousarray(points, dtype="<f8").reshape(-1).view("<u4")
        data = np.insert(numbers, 4 * ends[:-1], self.ring_points.astype("<u4"))
        last_rings = np.concatenate(([0], np.cumsum(self.rings)))
        offsets = 16 * ends[last_rings] + 4 * last_rings
        buffers = [None, pa.py_buffer(offsets.astype(np.int64).tobytes()), pa.py_buffer(data)]
        return pa.Array.from_buffers(pa.large_binary(), len(self.rows), buffers)


def read_outlines(wkb: pa.Array, crs: SourceCrs, datum: Datum, anchors: Anchors) -> FastShapes:
    """Read the outlines of a part. wkb: (N,) binary."""
    shapes = shapely.from_wkb(wkb.to_numpy(zero_copy_only=False), on_invalid="ignore")
    kinds = np.asarray(shapely.get_type_id(shapes))
    fit = np.asarray(np.isin(kinds, (POLYGON, MULTIPOLYGON)) & (shapely.get_num_geometries(shapes) == 1))
    fit &= ~(np.asarray(shapely.is_empty(shapes)) | np.asarray(shapely.has_z(shapes)))
    rows = np.flatnonzero(fit)
    shapes = shapes[rows]
    multi = np.asarray(kinds[rows] == MULTIPOLYGON)
    rings, ring_points = _count_rings(shapes, multi)
    given = shapely.get_coordinates(shapes)
    degrees, metres = _project(given[:, ::-1] if crs.swapped else given, crs, datum, anchors.working_srid)
    shapes_m = shapes if metres is given else shapely.set_coordinates(shapes.copy(), metres)
    bounds = shapely.bounds(shapes_m).reshape(-1, 4)
    middles = (bounds[:, :2] + bounds[:, 2:]) / 2.0
    whole = np.asarray(np.isfinite(middles).all(axis=1))
    sound = whole & anchors.in_district(np.where(whole.reshape(-1, 1), middles, 1e9))
    sound &= np.asarray(shapely.is_valid(shapes_m), dtype=bool)
    with np.errstate(invalid="ignore", divide="ignore"):
        sound &= 2 * np.abs(shapely.area(shapes_m)) / shapely.length(shapes_m) >= THINNEST_M  # as checks.find_slivers
    return FastShapes(rows, multi, rings, ring_points, degrees, metres, shapes_m).some(sound)


def _count_rings(shapes: Shapes, multi: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the rings of outlines of one part each, and the points of each ring."""
    outlines = shapes
    if multi.any():
        outlines = shapes.copy()
        outlines[multi] = shapely.get_geometry(shapes[multi], 0)
    rings = 1 + np.asarray(shapely.get_num_interior_rings(outlines), dtype=np.int64)
    points = np.asarray(shapely.get_num_coordinates(outlines), dtype=np.int64)
    courts = rings > 1
    if not courts.any():
        return rings, points
    ring_points = np.repeat(points, rings)
    ring_points[np.repeat(courts, rings)] = shapely.get_num_coordinates(shapely.get_rings(outlines[courts]))
    return rings, ring_points


def _project(given: Metres, crs: SourceCrs, datum: Datum, working_srid: int) -> tuple[Metres, Metres]:
    """Bring (P, 2) points as delivered into EPSG:4490 and the working CRS."""
    working, geographic = f"EPSG:{working_srid}", f"EPSG:{GEOGRAPHIC_SRID}"
    degrees = _move(given, crs.crs, geographic)
    if not crs.is_geographic:
        return degrees, _move(given, crs.crs, working)
    if datum != "cgcs2000":
        degrees = np.column_stack(to_cgcs2000(degrees[:, 0].copy(), degrees[:, 1].copy(), datum))
    return degrees, _move(degrees, geographic, working)


def _move(points: Metres, source: str, target: str) -> Metres:
    if source == target:
        return points
    one = into_one_zone(points, source)
    return np.column_stack(transformer(source, target).transform(one[:, 0], one[:, 1]))
