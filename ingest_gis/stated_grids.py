"""Holds a row's position against the unit grid it names: the standard asks for both, so one can check the other.

A row of a good file whose own position is in GCJ-02 or BD-09 stands 430 or 1,230 m from its grid; undoing the shift
brings it back, which tells it from one that is merely wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import shapely
from numpy.typing import NDArray

from ingest_gis.datum import Datum, to_cgcs2000
from ingest_gis.identifiers import is_grid_code, plain_code
from twin.crs import transformer

SQL = Path(__file__).parent / "sql" / "stated_grids.sql"
# A position is as good as its survey and an asset may stand on the edge of its grid: C of the standard is 10 m.
TOLERANCE_M = 15.0
SHIFTED: tuple[Datum, ...] = ("gcj02", "bd09")
Metres = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class GridVerdict:
    """What the grids named say of (N,) rows; a row is at most one of these."""

    shifted: Mask
    elsewhere: Mask
    unknown: Mask


@dataclass
class StatedGrids:
    """The unit grids by their codes. shapes: (G,) outlines in metres of the working CRS."""

    codes: dict[str, int] = field(default_factory=dict)
    shapes: NDArray[np.object_] = field(default_factory=lambda: np.zeros(0, dtype=object))

    def judge(self, stated: Sequence[str | None], metres: Metres, working_srid: int) -> GridVerdict:
        """Judge positions, (N, 2) metres, by the codes stated beside them; NaN and rows without a code pass."""
        count = len(stated)
        codes = [plain_code(code) if code else "" for code in stated]
        grid = np.array([self.codes.get(code, -1) for code in codes], dtype=np.int64)
        placed = np.isfinite(metres).all(axis=1)
        given = np.array([is_grid_code(code) for code in codes], dtype=bool)
        unknown = placed & given & (grid < 0) & bool(self.codes)
        rows = np.flatnonzero(placed & (grid >= 0))
        away = rows[~self._near(grid[rows], metres[rows])]
        shifted, elsewhere = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
        elsewhere[away] = True
        for datum in SHIFTED:
            back = away[self._near(grid[away], _undone(metres[away], datum, working_srid))]
            shifted[back] = True
        return GridVerdict(shifted, elsewhere & ~shifted, unknown)

    def holding(self, stated: Sequence[str | None], metres: Metres) -> Mask:
        """Tell of the rows that name a known grid whether it holds them: (M,), M <= N. metres: (N, 2)."""
        grid = np.array([self.codes.get(plain_code(code), -1) if code else -1 for code in stated], dtype=np.int64)
        rows = np.flatnonzero(grid >= 0)
        return self._near(grid[rows], metres[rows])

    def _near(self, grid: NDArray[np.int64], metres: Metres) -> Mask:
        if not len(grid):
            return np.zeros(0, dtype=bool)
        near: Mask = np.asarray(np.isfinite(metres).all(axis=1), dtype=bool)
        near[near] = shapely.dwithin(self.shapes[grid[near]], shapely.points(metres[near]), TOLERANCE_M)
        return near


def _undone(metres: Metres, datum: Datum, working_srid: int) -> Metres:
    """Take positions for degrees of a datum and undo its shift."""
    working = f"EPSG:{working_srid}"
    there = np.full_like(metres, np.inf)
    lon, lat = transformer(working, "EPSG:4490").transform(metres[:, 0], metres[:, 1])
    real = np.isfinite(lon) & np.isfinite(lat)  # metres far from the district may be no place on Earth
    lon, lat = to_cgcs2000(lon[real], lat[real], datum)
    there[real] = np.column_stack(transformer("EPSG:4490", working).transform(lon, lat))
    return there


def read_stated_grids(cursor: psycopg.Cursor[Any]) -> StatedGrids:
    """Read the unit grids in force."""
    cursor.execute(SQL.read_bytes())
    rows = cursor.fetchall()
    shapes = shapely.from_wkb(np.array([bytes(wkb) for _, wkb in rows] or np.zeros(0), dtype=object))
    return StatedGrids({code: at for at, (code, _) in enumerate(rows)}, np.asarray(shapes, dtype=object))
