"""Made-up building footprints as a cadastre delivers them: villages of houses in rows, in the city's CRS."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyogrio.raw
import shapely
from numpy.typing import NDArray

EAST, NORTH, WIDE_M = 361_000.0, 4_125_000.0, 30_000.0  # a square around the middle of Muping, EPSG:4550
HOUSES_OF_VILLAGE = 9_999  # four digits of the code
AT_ONCE = 200_000
USES = ("住宅", "商业", "工业", "办公", "学校")
L_SHAPED, WITH_COURT, CROSSED, REPEATED = 0.27, 0.02, 0.001, 0.0005


def write_buildings(path: Path, rows: int, seed: int = 1) -> None:
    """Write so many buildings with code, name, use, storeys and address.

    Of them 27 % are L-shaped, 2 % have a court (a second ring), 0.1 % cross themselves, 0.05 % repeat a row.
    """
    path.unlink(missing_ok=True)
    draw = np.random.default_rng(seed)
    for first in range(0, rows, AT_ONCE):
        table = _houses(first, min(AT_ONCE, rows - first), rows, draw)
        new = {"SPATIAL_INDEX": "NO"} if first == 0 else {}
        pyogrio.raw.write_arrow(
            table, path, layer="buildings", driver="GPKG", geometry_name="geometry", geometry_type="Polygon",
            crs="EPSG:4550", append=first > 0, **new,
        )  # fmt: skip


def _houses(first: int, count: int, rows: int, draw: np.random.Generator) -> pa.Table:
    number = np.arange(first, first + count)
    again = draw.random(count) < REPEATED
    again[0] = False
    number = np.where(again, number - 1, number)
    village, house = number // HOUSES_OF_VILLAGE, number % HOUSES_OF_VILLAGE + 1
    side = math.ceil(math.sqrt(math.ceil(rows / HOUSES_OF_VILLAGE)))
    east = EAST + (village % side + (house % 100) / 100) * WIDE_M / side
    north = NORTH + (village // side + (house // 100) / 100) * WIDE_M / side
    size = np.random.default_rng(seed=first).uniform(6, 14, (count, 2))
    shapes = _outlines(east, north, size, draw.random(count), draw.uniform(-0.1, 0.1, count))
    use = np.array(USES)[number % len(USES)]
    codes = [f"37061200{v // 100 + 1:02d}{v % 100 + 1:02d}{h:04d}" for v, h in zip(village, house, strict=True)]
    shapes[again] = shapes[np.flatnonzero(again) - 1]
    return pa.table(
        {
            "JZBM": codes, "JZMC": [f"民房{n}" for n in number], "YT": use,
            "CS": (number % 30 + 1).astype(np.int32), "DZ": [f"正阳路{n % 500}号" for n in number],
            "geometry": shapely.to_wkb(shapes),
        }
    )  # fmt: skip


def _outlines(
    east: NDArray[np.float64],
    north: NDArray[np.float64],
    size: NDArray[np.float64],
    kind: NDArray[np.float64],
    turn: NDArray[np.float64],
) -> NDArray[np.object_]:
    """Make outlines (N,) around the places given; kind: (N,) 0..1 says which shape."""
    w, h = size[:, 0] / 2, size[:, 1] / 2
    zero = np.zeros_like(w)
    box = np.stack([np.stack([-w, w, w, -w, -w], 1), np.stack([-h, -h, h, h, -h], 1)], -1)
    corner = np.stack([np.stack([-w, w, w, zero, zero, -w, -w], 1), np.stack([-h, -h, zero, zero, h, h, -h], 1)], -1)
    bow = np.stack([np.stack([-w, w, w, -w, -w], 1), np.stack([-h, h, -h, h, -h], 1)], -1)

    def place(ring: NDArray[np.float64], rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        cos, sin = np.cos(turn[rows])[:, None], np.sin(turn[rows])[:, None]
        x, y = ring[rows][..., 0], ring[rows][..., 1]
        return np.stack([east[rows][:, None] + x * cos - y * sin, north[rows][:, None] + x * sin + y * cos], -1)

    made = np.empty(len(east), dtype=object)
    court, crossed = kind < WITH_COURT, kind > 1 - CROSSED
    l_shaped = (kind >= WITH_COURT) & (kind < WITH_COURT + L_SHAPED)
    plain = ~(court | crossed | l_shaped)
    made[plain] = shapely.polygons(place(box, plain))
    made[l_shaped] = shapely.polygons(place(corner, l_shaped))
    made[crossed] = shapely.polygons(place(bow, crossed))
    holes = shapely.linearrings(place(box * 0.4, court))
    made[court] = [shapely.Polygon(ring, [hole]) for ring, hole in zip(place(box, court), holes, strict=True)]
    return made


if __name__ == "__main__":
    write_buildings(Path(sys.argv[1]), int(sys.argv[2]))
