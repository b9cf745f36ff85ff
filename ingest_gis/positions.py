"""Read where the rows of a delivery are: geometry or coordinate columns, datum and system, into the twin's own two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from ingest_gis.anchors import Anchors
from ingest_gis.angles import read_coordinate
from ingest_gis.checks import Problems, find_slivers, mend_areas
from ingest_gis.datum import Datum, to_cgcs2000
from ingest_gis.heights import Heights, point_heights
from ingest_gis.mappings import DeliveryMapping
from ingest_gis.other_zones import inside_in_other_zone
from ingest_gis.position_columns import common_columns, coordinate_columns, position_kind
from ingest_gis.solids import SOLID, Solid, place_solids
from ingest_gis.source_crs import SourceCrs
from ingest_gis.values import is_empty
from ingest_gis.zones import into_one_zone
from twin.crs import transformer

GEOGRAPHIC_SRID = 4490
SNAP_M = 0.01
SAMPLE_ROWS = 2000
Shapes = NDArray[np.object_]


@dataclass(frozen=True)
class Placed:
    """Positions of one batch: EWKB in EPSG:4490 and in the working CRS (None: no position), and their kinds.

    kinds: (N,) int, shapely's geometry type, -1 without a position. shapes_m: (N,) geometries in metres.
    heights: (N,) of points in `vertical`, NaN without one. solids: of buildings delivered with their faces.
    """

    geom: list[bytes | None]
    geom_m: list[bytes | None]
    kinds: NDArray[np.int64]
    shapes_m: Shapes
    heights: Heights | None = None
    vertical: str | None = None
    solids: list[Solid | None] | None = None

    def snapped(self, row: int) -> bytes:
        """Give a row's geometry snapped to 1 cm, which stands for rows without a code of their own."""
        shape = self.shapes_m[row]
        if shape is None:
            return b""
        snapped: bytes = shapely.to_wkb(shapely.normalize(shapely.set_precision(shape, SNAP_M, mode="pointwise")))
        return snapped


class PositionReader:
    """Reads positions of one delivery."""

    def __init__(
        self, mapping: DeliveryMapping, columns: Sequence[str], anchors: Anchors, crs: SourceCrs | None, datum: Datum
    ) -> None:
        """Prepare for a delivery whose system and datum are known. crs: None when it gives no positions."""
        self._mapping = mapping
        self._anchors = anchors
        self._crs = crs
        self._datum: Datum = datum
        self._x, self._y = coordinate_columns(mapping, columns)
        if mapping.position.kind == "geometry":
            self._x, self._y = common_columns(columns)
        stated = mapping.fields.get("grid_code")
        self._grid = stated.column_in(columns) if stated is not None else None

    def read(self, batch: pa.RecordBatch, raw: Mapping[str, list[str | None]], problems: Problems) -> Placed:
        """Read one batch; rows without a usable position are set aside with the reason."""
        count = batch.num_rows
        if self._crs is None:
            return Placed([None] * count, [None] * count, np.full(count, -1), np.full(count, None, dtype=object))
        heights: Heights | None = None
        if position_kind(self._mapping, batch.schema.names) == "geometry":
            shapes = self._geometries(batch, problems)
            heights = self._heights(shapes, problems)
            shapes = shapely.force_2d(shapes)
        else:
            shapes = self._points(raw, problems)
        placed = replace(self._transform(shapes, raw, problems), heights=heights, vertical=self._crs.vertical)
        if SOLID not in raw or self._mapping.target != "building":
            return placed
        solids = place_solids(raw, self._crs, self._datum, self._anchors.working_srid, problems)
        return replace(placed, solids=solids)

    def _heights(self, shapes: Shapes, problems: Problems) -> Heights | None:
        """Give the heights of points where it is said what they mean; otherwise note that they are left out."""
        heights = point_heights(shapes)
        known = int(np.isfinite(heights).sum())
        if not known or (self._crs is not None and self._crs.vertical is not None):
            return heights if known else None
        problems.note("height_without_datum", known)
        return None

    def _geometries(self, batch: pa.RecordBatch, problems: Problems) -> Shapes:
        wkb = np.array(batch["_wkb"].to_pylist() if "_wkb" in batch.schema.names else [None] * batch.num_rows, object)
        missing = np.array([item is None for item in wkb])
        shapes: Shapes = shapely.from_wkb(wkb, on_invalid="ignore")
        unreadable = shapely.is_missing(shapes) & ~missing
        empty = shapely.is_empty(shapes)
        problems.add_all(unreadable, "geometry_unreadable")
        if self._mapping.position.required:
            problems.add_all(missing | empty, "geometry_missing")
        shapes[empty] = None
        if self._crs is not None and self._crs.swapped:
            shapes = _swap(shapes)
        return shapes

    def _points(self, raw: Mapping[str, list[str | None]], problems: Problems) -> Shapes:
        xs, ys = (raw[name] if name is not None else [None] * problems.count for name in (self._x, self._y))
        numbers = np.full((problems.count, 2), np.nan)
        for row, cells in enumerate(zip(xs, ys, strict=True)):
            empty = [is_empty(cell) and (cell or "").strip() not in ("不详", "未知") for cell in cells]
            if all(empty):
                if self._mapping.position.required:
                    problems.add(row, "coordinates_missing")
                continue
            for at, cell in enumerate(cells):
                number = read_coordinate(cell or "")
                if number is None:
                    problems.add(row, "coordinates_missing" if empty[at] else "coordinates_wrong")
                else:
                    numbers[row, at] = number
        problems.add_all((numbers == 0).all(axis=1), "coordinates_impossible")
        if self._crs is not None and self._crs.swapped:
            numbers = numbers[:, ::-1]
        whole = np.isfinite(numbers).all(axis=1) & ~(numbers == 0).all(axis=1)
        shapes: Shapes = np.full(problems.count, None, dtype=object)
        shapes[whole] = shapely.points(numbers[whole])
        return shapes

    def _transform(self, shapes: Shapes, raw: Mapping[str, list[str | None]], problems: Problems) -> Placed:
        if self._crs is None:
            raise ValueError("positions without a coordinate system")
        working = f"EPSG:{self._anchors.working_srid}"
        if self._crs.is_geographic:
            degrees = self._undo_datum(_project(shapes, self._crs.crs, "EPSG:4490"))
            metres = _project(degrees, "EPSG:4490", working)
        else:
            degrees = _project(shapes, self._crs.crs, "EPSG:4490")
            metres = _project(shapes, self._crs.crs, working)
        self._check_grids(metres, raw, problems)
        self._check_places(metres, shapes, problems)
        kinds = np.asarray(shapely.get_type_id(metres), dtype=np.int64)
        problems.add_all(find_slivers(metres), "geometry_sliver")
        if np.isin(kinds, (3, 6)).any():
            mended = mend_areas(metres, problems)
            if mended is not metres:
                degrees = np.where(mended == metres, degrees, _project(mended, working, "EPSG:4490"))
                metres = mended
        return Placed(_ewkb(degrees, GEOGRAPHIC_SRID), _ewkb(metres, self._anchors.working_srid), kinds, metres)

    def _undo_datum(self, shapes: Shapes) -> Shapes:
        if self._datum == "cgcs2000":
            return shapes
        return _move(shapes, lambda xy: np.column_stack(to_cgcs2000(xy[:, 0], xy[:, 1], self._datum)))

    def _check_places(self, metres: Shapes, given: Shapes, problems: Problems) -> None:
        """Set aside rows outside the district, those that only stand there because of swapped columns by that name."""
        xy = _middles(metres)
        present = ~shapely.is_missing(given)
        impossible = present & ~np.isfinite(xy).all(axis=1)
        inside = self._anchors.in_district(np.where(np.isfinite(xy), xy, 1e9))
        outside = present & (impossible | ~inside)
        if self._mapping.target == "admin_unit" or not outside.any():
            problems.add_all(impossible, "coordinates_impossible")
            return
        turned = self._inside_when_swapped(given, outside)
        problems.add_all(turned, "coordinates_swapped")
        problems.add_all(self._of_other_zone(given, outside & ~turned), "coordinates_zone")
        problems.add_all(outside, "outside_district")

    def _check_grids(self, metres: Shapes, raw: Mapping[str, list[str | None]], problems: Problems) -> None:
        """Set aside rows that do not stand in the unit grid they name."""
        if self._grid is None:
            return
        verdict = self._anchors.grids.judge(raw[self._grid], _middles(metres), self._anchors.working_srid)
        problems.add_all(verdict.shifted, "coordinates_shifted")
        in_sight = self._anchors.in_district(np.nan_to_num(_middles(metres), nan=1e9))
        problems.add_all(verdict.elsewhere & in_sight, "grid_elsewhere")
        problems.note("grid_unknown", int(verdict.unknown.sum()))

    def _of_other_zone(self, given: Shapes, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
        answer = np.zeros(len(given), dtype=bool)
        if self._crs is not None and rows.any():
            answer[rows] = inside_in_other_zone(_middles(given[rows]), self._crs.crs, self._anchors)
        return answer

    def _inside_when_swapped(self, given: Shapes, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
        answer = np.zeros(len(given), dtype=bool)
        if self._crs is None:
            return answer
        turned = _project(_swap(given[rows]), self._crs.crs, f"EPSG:{self._anchors.working_srid}")
        xy = _middles(turned)
        near = self._anchors.near_district(np.where(np.isfinite(xy), xy, 1e9))
        answer[rows] = near & np.isfinite(xy).all(axis=1)
        return answer


def sample_points(mapping: DeliveryMapping, batch: pa.RecordBatch, limit: int = SAMPLE_ROWS) -> NDArray[np.float64]:
    """Give up to `limit` positions of a batch as delivered, (N, 2) float64; outlines by their middle."""
    xy = _positions(mapping, batch, limit)
    return xy[_is_sound(xy)]


def sample_grids(mapping: DeliveryMapping, batch: pa.RecordBatch, limit: int = SAMPLE_ROWS) -> list[str | None]:
    """Give the unit grids that the rows of sample_points name, [] where the delivery has no column for them."""
    stated = mapping.fields.get("grid_code")
    column = stated.column_in(batch.schema.names) if stated is not None else None
    if column is None:
        return []
    sound = _is_sound(_positions(mapping, batch, limit))
    return (
        [code for code, kept in zip(batch[column][:limit].to_pylist(), sound, strict=True) if kept]
        if len(sound)
        else []
    )


def _is_sound(xy: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(xy).all(axis=1) & ~(xy == 0).all(axis=1), dtype=bool)


def _positions(mapping: DeliveryMapping, batch: pa.RecordBatch, limit: int) -> NDArray[np.float64]:
    if position_kind(mapping, batch.schema.names) == "geometry":
        if "_wkb" not in batch.schema.names:
            return np.zeros((0, 2))
        shapes = shapely.from_wkb(np.array(batch["_wkb"][:limit].to_pylist(), object), on_invalid="ignore")
        xy = _middles(shapes)
    else:
        own = coordinate_columns(mapping, batch.schema.names)
        names = own if mapping.position.kind != "geometry" else common_columns(batch.schema.names)
        if None in names:
            return np.zeros((0, 2))
        cells = [[read_coordinate(cell or "") for cell in batch[name][:limit].to_pylist()] for name in names]
        xy = np.array([[np.nan if cell is None else cell for cell in column] for column in cells], dtype=float).T
    given: NDArray[np.float64] = xy.reshape(-1, 2)
    return given


def _middles(shapes: Shapes) -> NDArray[np.float64]:
    """Give the middles of the shapes' bounds, (N, 2): unlike a centroid, sound for outlines that cross themselves."""
    bounds = shapely.bounds(shapes).reshape(-1, 4)
    return np.asarray((bounds[:, :2] + bounds[:, 2:]) / 2.0)


def _project(shapes: Shapes, source: str, target: str) -> Shapes:
    if source == target:
        return shapes
    project = transformer(source, target)

    def move(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        one = into_one_zone(xy, source)
        return np.column_stack(project.transform(one[:, 0], one[:, 1]))

    return _move(shapes, move)


def _move(shapes: Shapes, change: object) -> Shapes:
    moved: Shapes = shapely.transform(shapes, change)  # type: ignore[call-overload]
    return moved


def _swap(shapes: Shapes) -> Shapes:
    return _move(shapes, lambda xy: xy[:, ::-1])


def _ewkb(shapes: Shapes, srid: int) -> list[bytes | None]:
    encoded: list[bytes | None] = shapely.to_wkb(
        shapely.set_srid(shapes, srid), include_srid=True, flavor="extended"
    ).tolist()
    return encoded
