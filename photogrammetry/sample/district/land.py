"""The ground of the district: towns, villages and unit grids that share every corner, and streets between them.

Everything lies on a lattice of 100 m cells. Towns and villages are rectangles of cells, unit grids one cell (where
houses stand) or a field of up to 5 x 5. A smooth bend of the ground turns straight lines into the lines of a
landscape; since all outlines are made of the same lattice corners, none can leave a gap or overlap another.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from photogrammetry.sample.district.size import ALL_VILLAGES
from photogrammetry.sample.quarter import CRS, DIVISION, ORIGIN
from photogrammetry.sample.randomness import stream
from twin.crs import transformer

ADMIN = Path(__file__).resolve().parents[3] / "data" / "admin" / "370612.csv"
STEP_M = 100.0
FIELD_CELLS = 5
# The community in which the photographed quarter stands; the district leaves its ground empty.
QUARTER_COMMUNITY, QUARTER_CELLS = "370612001030", 900
VILLAGE_CELLS, COMMUNITY_CELLS = 270.0, 45.0
BENDS = ((55.0, 5200.0), (40.0, 3700.0), (70.0, 9100.0))  # amplitude and wavelength, metres
Rects = NDArray[np.int64]  # (N, 4): west column, south row, east column, north row
Metres = NDArray[np.float64]  # (N, 2) east, north in EPSG:4550
ENDINGS = ("社区居民委员会", "居民委员会", "居委会", "村民委员会", "村委会")


@dataclass(frozen=True)
class Land:
    """The laid-out ground.

    codes, names, short: of each village or community; town: index into towns (code, name). rects, cores: (V, 4)
    cells, the core being where houses stand. is_urban: streets with names instead of village lanes.
    grids: (G, 4) cells in the order of their codes; grid_village: (G,); grid_codes: 15 digits.
    grid_at: (rows, columns) index of the grid in each cell. offset: metres of the lattice's corner; phases of the bend.
    """

    seed: int
    codes: tuple[str, ...]
    names: tuple[str, ...]
    short: tuple[str, ...]
    town: NDArray[np.int64]
    towns: tuple[tuple[str, str], ...]
    town_rects: Rects
    rects: Rects
    cores: Rects
    is_urban: NDArray[np.bool_]
    grids: Rects
    grid_village: NDArray[np.int64]
    grid_codes: tuple[str, ...]
    grid_at: NDArray[np.int64]
    offset: NDArray[np.float64]
    phases: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int]:
        """Columns and rows of the whole district."""
        rows, columns = self.grid_at.shape
        return columns, rows

    def metres(self, lattice: NDArray[np.floating]) -> Metres:
        """Bend lattice positions (..., 2), in cells, to metres (..., 2) in EPSG:4550."""
        flat = np.asarray(lattice, np.float64) * STEP_M
        return self.offset + flat + bend(flat, self.phases)

    def grid_of(self, lattice: NDArray[np.floating]) -> NDArray[np.int64]:
        """Give the unit grid of lattice positions (N, 2)."""
        columns, rows = self.shape
        col = np.clip(np.floor(lattice[:, 0]).astype(np.int64), 0, columns - 1)
        row = np.clip(np.floor(lattice[:, 1]).astype(np.int64), 0, rows - 1)
        found: NDArray[np.int64] = self.grid_at[row, col]
        return found

    def outlines(self, rects: Rects) -> NDArray[np.object_]:
        """Draw rectangles of cells as polygons, (N,), metres in EPSG:4550, with a corner at every cell."""
        return np.array([shapely.Polygon(np.round(self.metres(_border(rect)), 4)) for rect in rects], dtype=object)


def bend(flat: Metres, phases: NDArray[np.float64]) -> Metres:
    """Give the shift (..., 2), metres, that bends the plain lattice: a few long waves, slopes below 0.1."""
    east, north = flat[..., 0], flat[..., 1]
    shift = np.zeros_like(flat)
    for (amplitude, length), phase in zip(BENDS, phases, strict=True):
        turn = 2 * np.pi / length
        shift[..., 0] += amplitude * np.sin(turn * (north + 0.3 * east) + phase[0])
        shift[..., 1] += amplitude * np.sin(turn * (east - 0.3 * north) + phase[1])
    return shift


def lay_out_land(seed: int, houses: int, villages: int = ALL_VILLAGES) -> Land:
    """Lay out towns, villages, unit grids and the cores where `houses` stand.

    villages: how many of the 584, taken from all towns in turn; the quarter's community is always among them.
    """
    units = _choose_units(villages)
    towns = sorted({(code[:9], town) for code, _, town in units})
    town = np.array([[item[0] for item in towns].index(code[:9]) for code, _, _ in units])
    codes, names = [item[0] for item in units], [item[1] for item in units]
    is_urban = np.array([int(code[9:]) < 200 for code in codes])
    for index in range(len(towns)):  # a town without a community has its seat in its first village
        if not is_urban[town == index].any():
            is_urban[np.flatnonzero(town == index)[0]] = True
    random = stream(seed, "district", "ground")
    wanted = np.where(is_urban, COMMUNITY_CELLS, VILLAGE_CELLS) * random.lognormal(0.0, 0.35, len(codes))
    wanted[codes.index(QUARTER_COMMUNITY)] = QUARTER_CELLS
    share = random.lognormal(0.0, 0.4, len(codes))
    share[codes.index(QUARTER_COMMUNITY)] = 0.0
    cells = np.ceil(houses * share / share.sum() / np.where(is_urban, 6.5, 14.5)).astype(np.int64)
    wanted = np.maximum(wanted, cells * 1.8 + 12)
    town_rects, rects = _divide(town, wanted)
    cores = np.array([_core(rect, count) for rect, count in zip(rects, cells, strict=True)])
    grids, owners = _grids(rects, cores)
    serial = np.zeros(len(grids), np.int64)
    for village in range(len(codes)):
        mine = owners == village
        serial[mine] = np.arange(1, mine.sum() + 1)
    grid_codes = tuple(f"{codes[owner]}{number:03d}" for owner, number in zip(owners, serial, strict=True))
    at = np.zeros((rects[:, 3].max(), rects[:, 2].max()), np.int64)
    for index, (west, south, east, north) in enumerate(grids):
        at[south:north, west:east] = index
    phases = stream(seed, "district", "bend").uniform(0, 2 * np.pi, (len(BENDS), 2))
    return Land(
        seed, tuple(codes), tuple(names),
        tuple(_short(name, urban) for name, urban in zip(names, is_urban, strict=True)),
        town, tuple(towns), town_rects, rects, cores, is_urban, grids, owners, grid_codes, at,
        _offset(rects[codes.index(QUARTER_COMMUNITY)], phases), phases,
    )  # fmt: skip


def _choose_units(villages: int) -> list[tuple[str, str, str]]:
    """List (code, name, town's name) of the first villages of each town, in the order of their codes."""
    with ADMIN.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    towns = {row["code"]: row["name_zh"] for row in rows if row["level"] == "4"}
    by_town: dict[str, list[tuple[str, str, str]]] = {code: [] for code in towns}
    for row in sorted(rows, key=lambda row: (row["code"] != QUARTER_COMMUNITY, row["code"])):
        if row["level"] == "5":
            by_town[row["parent_code"]].append((row["code"], row["name_zh"], towns[row["parent_code"]]))
    ranked = sorted((place, code) for code, items in by_town.items() for place in range(len(items)))
    return sorted(by_town[code][place] for place, code in ranked[:villages])


def _short(name: str, urban: bool) -> str:
    """Give the name as it stands in addresses: 东李家疃村委会 -> 东李家疃村."""
    bare = next((name.removesuffix(ending) for ending in ENDINGS if name.endswith(ending)), name)
    return bare if urban or bare.endswith("村") else bare + "村"


def _divide(town: NDArray[np.int64], wanted: NDArray[np.float64]) -> tuple[Rects, Rects]:
    """Cut the district into towns and these into villages, each with about the cells wanted."""
    columns = max(8, round(np.sqrt(wanted.sum() * 1.2)))
    whole = (0, 0, columns, int(np.ceil(wanted.sum() / columns)))
    totals: NDArray[np.float64] = np.bincount(town, wanted).astype(np.float64)
    town_rects = np.zeros((len(totals), 4), np.int64)
    rects = np.zeros((len(wanted), 4), np.int64)
    others = list(range(1, len(totals)))
    middle = (
        len(others) // 2
    )  # the first town, with the quarter, in the middle, so that the zones' edge cuts the district
    _cut([*others[:middle], 0, *others[middle:]], totals, whole, town_rects)
    for index in range(len(totals)):
        west, south, east, north = (int(value) for value in town_rects[index])
        _cut(np.flatnonzero(town == index).tolist(), wanted, (west, south, east, north), rects)
    return town_rects, rects


def _cut(items: list[int], wanted: NDArray[np.float64], rect: tuple[int, int, int, int], out: Rects) -> None:
    """Cut a rectangle across its longer side, the parts in proportion, until each item has its own."""
    if len(items) == 1:
        out[items[0]] = rect
        return
    west, south, east, north = rect
    half = wanted[items].sum() / 2
    at = int(np.clip(np.searchsorted(np.cumsum(wanted[items]), half), 1, len(items) - 1))
    share = wanted[items[:at]].sum() / wanted[items].sum()
    if east - west >= north - south:
        cut = int(np.clip(round(west + share * (east - west)), west + 1, east - 1))
        parts = ((west, south, cut, north), (cut, south, east, north))
    else:
        cut = int(np.clip(round(north - share * (north - south)), south + 1, north - 1))
        parts = ((west, cut, east, north), (west, south, east, cut))
    _cut(items[:at], wanted, parts[0], out)
    _cut(items[at:], wanted, parts[1], out)


def _core(rect: NDArray[np.int64], cells: int) -> tuple[int, int, int, int]:
    """Put a nearly square block of about so many cells into the middle of a rectangle."""
    west, south, east, north = (int(value) for value in rect)
    width, height = east - west, north - south
    if cells <= 0:
        return west, south, west, south
    across = min(width, max(1, round(np.sqrt(cells * width / height))))
    up = min(height, -(-cells // across))
    across = min(width, max(across, -(-cells // up)))
    left, low = west + (width - across) // 2, south + (height - up) // 2
    return left, low, left + across, low + up


def _grids(rects: Rects, cores: Rects) -> tuple[Rects, NDArray[np.int64]]:
    """Divide each village into unit grids, ordered west to east inside bands from north to south."""
    every, owners = [], []
    for village, (rect, core) in enumerate(zip(rects.tolist(), cores.tolist(), strict=True)):
        west, south, east, north = rect
        left, low, right, high = core
        parts = []
        if left == right:
            parts += _fields(west, south, east, north)
        else:
            parts += _fields(west, high, east, north) + _fields(west, south, east, low)
            parts += _fields(west, low, left, high) + _fields(right, low, east, high)
            parts += [(col, row, col + 1, row + 1) for row in range(low, high) for col in range(left, right)]
        every += sorted(parts, key=lambda part: (-part[3], part[0]))
        owners += [village] * len(parts)
    return np.array(every, np.int64), np.array(owners, np.int64)


def _fields(west: int, south: int, east: int, north: int) -> list[tuple[int, int, int, int]]:
    return [
        (col, max(south, top - FIELD_CELLS), min(east, col + FIELD_CELLS), top)
        for top in range(north, south, -FIELD_CELLS)
        for col in range(west, east, FIELD_CELLS)
    ]


def _border(rect: NDArray[np.int64]) -> NDArray[np.float64]:
    """List the lattice corners along a rectangle, counter-clockwise from the south-west."""
    west, south, east, north = (int(value) for value in rect)
    ring = [(col, south) for col in range(west, east)] + [(east, row) for row in range(south, north)]
    ring += [(col, north) for col in range(east, west, -1)] + [(west, row) for row in range(north, south, -1)]
    return np.array(ring, np.float64)


def _offset(rect: NDArray[np.int64], phases: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find the lattice's corner so that the middle of the quarter's community is where the quarter is."""
    place = np.array(transformer("EPSG:4490", CRS).transform(*ORIGIN[:2]))
    middle = np.array([(rect[0] + rect[2]) / 2, (rect[1] + rect[3]) / 2]) * STEP_M
    shift: NDArray[np.float64] = place - middle - bend(middle, phases)
    return shift


def district_code() -> str:
    """Give the district's six digits."""
    return DIVISION
