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
from ingest_gis.four_corners import POINTS, are_plainly_sound, read_four_corners, stand_inside
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
    middles: (M, 2) middles of their bounds in metres. shapes_m: (M,) outlines in metres; None for convex ones of four
    corners, whose points say all.
    """

    rows: NDArray[np.int64]
    multi: NDArray[np.bool_]
    rings: NDArray[np.int64]
    ring_points: NDArray[np.int64]
    degrees: Metres
    metres: Metres
    middles: Metres
    shapes_m: Shapes

    def some(self, which: NDArray[np.bool_]) -> FastShapes:
        """Give those of (M,) outlines."""
        if which.all():
            return self
        of_rings = np.repeat(which, self.rings)
        of_points = np.repeat(of_rings, self.ring_points)
        return FastShapes(
            self.rows[which], self.multi[which], self.rings[which], self.ring_points[of_rings],
            self.degrees[of_points], self.metres[of_points], self.middles[which], self.shapes_m[which],
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
        plain = np.asarray(shapely.is_missing(self.shapes_m), dtype=bool)
        points = np.empty((len(plain), 2))
        of_points = np.repeat(np.repeat(plain, self.rings), self.ring_points)
        points[plain] = stand_inside(self.metres[of_points].reshape(-1, POINTS, 2))
        points[~plain] = shapely.get_coordinates(shapely.point_on_surface(self.shapes_m[~plain]))
        return np.asarray(shapely.points(points), dtype=object)

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
    given = _as_given(wkb)
    points = given.points[:, ::-1] if crs.swapped else given.points
    degrees, metres = _project(points, crs, datum, anchors.working_srid)
    shapes_m, middles = given.shapes.copy(), np.empty((len(given.rows), 2))
    # Convex outlines of four corners need no geometry; one that is not plainly so is made into one after all.
    of_points = np.repeat(np.repeat(given.four, given.rings), given.ring_points)
    corners = metres[of_points].reshape(-1, POINTS, 2)
    plain = are_plainly_sound(corners)
    middles[given.four] = (corners.min(axis=1) + corners.max(axis=1)) / 2.0
    four = np.flatnonzero(given.four)
    shapes_m[four[~plain]] = shapely.polygons(corners[~plain])
    if metres is not given.points:
        others = ~given.four
        shapes_m[others] = shapely.set_coordinates(shapes_m[others], metres[~of_points])
    made = np.ones(len(given.rows), dtype=bool)
    made[four[plain]] = False
    bounds = shapely.bounds(shapes_m[made]).reshape(-1, 4)
    middles[made] = (bounds[:, :2] + bounds[:, 2:]) / 2.0
    whole = np.asarray(np.isfinite(middles).all(axis=1))
    sound = whole & anchors.in_district(np.where(whole.reshape(-1, 1), middles, 1e9))
    sound[made] &= np.asarray(shapely.is_valid(shapes_m[made]), dtype=bool)
    with np.errstate(invalid="ignore", divide="ignore"):  # as checks.find_slivers
        sound[made] &= 2 * np.abs(shapely.area(shapes_m[made])) / shapely.length(shapes_m[made]) >= THINNEST_M
    return FastShapes(given.rows, given.multi, given.rings, given.ring_points, degrees, metres, middles, shapes_m).some(
        sound
    )


@dataclass(frozen=True)
class _Given:
    """Outlines as delivered. four: (M,) those with four corners, which have no geometry in `shapes`."""

    rows: NDArray[np.int64]
    four: NDArray[np.bool_]
    multi: NDArray[np.bool_]
    rings: NDArray[np.int64]
    ring_points: NDArray[np.int64]
    points: Metres
    shapes: Shapes


def _as_given(wkb: pa.Array) -> _Given:
    """Read all outlines of one part and without heights; those of four corners without making geometries of them."""
    four_rows, corners = read_four_corners(wkb)
    left = np.ones(len(wkb), dtype=bool)
    left[four_rows] = False
    other_rows = np.flatnonzero(left)
    others = shapely.from_wkb(wkb.take(pa.array(other_rows)).to_numpy(zero_copy_only=False), on_invalid="ignore")
    kinds = np.asarray(shapely.get_type_id(others))
    fit = np.asarray(np.isin(kinds, (POLYGON, MULTIPOLYGON)) & (shapely.get_num_geometries(others) == 1))
    fit &= ~(np.asarray(shapely.is_empty(others)) | np.asarray(shapely.has_z(others)))
    others, other_rows, other_multi = others[fit], other_rows[fit], kinds[fit] == MULTIPOLYGON
    other_rings, other_points = _count_rings(others, other_multi)
    rows = np.concatenate((four_rows, other_rows))
    order = np.argsort(rows, kind="stable")
    four = np.repeat((True, False), (len(four_rows), len(other_rows)))[order]
    multi, rings, shapes = np.zeros(len(rows), bool), np.ones(len(rows), np.int64), np.full(len(rows), None)
    multi[~four], rings[~four], shapes[~four] = other_multi, other_rings, others
    of_rings = np.repeat(four, rings)
    ring_points = np.full(len(of_rings), POINTS, dtype=np.int64)
    ring_points[~of_rings] = other_points
    of_points = np.repeat(of_rings, ring_points)
    points = np.empty((len(of_points), 2))
    points[of_points], points[~of_points] = corners.reshape(-1, 2), shapely.get_coordinates(others)
    return _Given(rows[order], four, multi, rings, ring_points, points, shapes)


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
