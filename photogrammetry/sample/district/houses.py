"""Houses in the cores of villages and communities, along their streets, and the standard address of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from photogrammetry.sample.district.land import QUARTER_COMMUNITY, Land
from photogrammetry.sample.district.words import (
    COMPOUND_SECOND,
    INSTITUTIONS,
    ROAD_FIRST,
    ROAD_SECOND,
    SHOP_WORDS,
    Text,
    choose,
    draw,
    join,
    padded,
    pick,
    text,
)  # fmt: skip
from photogrammetry.sample.quarter import COMMUNITIES, STREET_CODE
from photogrammetry.sample.randomness import stream

FRONTS = 4  # house numbers on one side of a street along one cell
VILLAGE, COMPOUND, SHOPS, CIVIC = 0, 1, 2, 3
KIND_SHARES = (0.0, 0.42, 0.38, 0.20)  # of urban cells
# Houses of one cell: east, north, width, depth in metres, then front (0..3) and side (1: the street in the south,
# 0: in the north), storeys from, to. Village houses stand in three rows of five with a lane south of each row.
Slot = tuple[float, float, float, float, int, int, int, int]
SLOTS: dict[int, list[Slot]] = {
    VILLAGE: [(11.0 + 19 * i, 25.0 + 30 * j, 12.0, 8.5, i, 1, 1, 2) for j in (2, 1, 0) for i in range(5)],
    COMPOUND: [(20.0 + 30 * i, 30.0 + 40 * j, 24.0, 12.0, 0, 1, 5, 26) for j in (0, 1) for i in range(3)],
    SHOPS: [
        (14.0 + 24 * i, north, 20.0, 13.0, i, side, 1, 6) for north, side in ((18.0, 1), (82.0, 0)) for i in range(4)
    ],
    CIVIC: [(40.0, 32.0, 52.0, 24.0, 0, 1, 3, 8), (72.0, 74.0, 22.0, 14.0, 2, 0, 1, 4)],
}
USES = {
    VILLAGE: ("住宅",),
    COMPOUND: ("住宅",),
    SHOPS: ("商铺", "商业", "办公", "商铺"),
    CIVIC: ("教育", "医疗", "办公", "文化"),
}
# Further serials in the communities that the photographed quarter also has, so that no two houses share a code.
QUARTER_SERIALS = 5000


@dataclass(frozen=True)
class Houses:
    """All houses and their addresses, row by row.

    code: 16 digits. village, grid: indices into the land. lattice: (N, 2) middles in cells; corners: (N, 4, 2) in
    cells. front: (N, 2) door in cells. road, number, compound, block: parts of the address ("" where it has none);
    group: the village group, 0 for none. name: what it is called, often nothing.
    """

    code: Text
    village: NDArray[np.int64]
    grid: NDArray[np.int64]
    kind: NDArray[np.int64]
    lattice: NDArray[np.float64]
    corners: NDArray[np.float64]
    front: NDArray[np.float64]
    storeys: NDArray[np.int64]
    use: Text
    name: Text
    road: Text
    number: NDArray[np.int64]
    compound: Text
    block: NDArray[np.int64]
    group: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.village)


def build_houses(land: Land, wanted: int) -> Houses:
    """Fill the cores with houses, village by village in the order of their codes, up to about `wanted`."""
    random = stream(land.seed, "district", "houses")
    cells, owners = _core_cells(land)
    kinds = np.where(
        land.is_urban[owners], random.choice(4, len(cells), p=np.array(KIND_SHARES)), VILLAGE
    )  # fmt: skip
    places, kind, owner, cell = _stand(cells, kinds, owners)
    keep = np.sort(random.permutation(len(places))[: min(len(places), wanted)])
    places, kind, owner, cell = places[keep], kind[keep], owner[keep], cell[keep]
    middle = cell + places[:, 0:2] / 100
    half = places[:, 2:4] / 200
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    corners = middle[:, None, :] + signs[None] * half[:, None, :]
    south = places[:, 5] == 1
    front = np.column_stack([middle[:, 0], middle[:, 1] + np.where(south, -1, 1) * (half[:, 1] + 0.01)])
    storeys = random.integers(places[:, 6].astype(int), places[:, 7].astype(int) + 1)
    serial = _count_within(owner) + 1
    in_quarter = np.array([_is_in_quarter(code) for code in land.codes])
    serial = serial + np.where(in_quarter[owner], QUARTER_SERIALS, 0)
    parts = _addresses(land, owner, kind, cell, places)
    return Houses(
        join(pick(land.codes, owner), padded(serial, 4)), owner, land.grid_of(middle), kind, middle, corners, front,
        storeys, _uses(random, kind), _names(random, kind, parts), *parts,
    )  # fmt: skip


def _is_in_quarter(code: str) -> bool:
    return code == QUARTER_COMMUNITY or (code.startswith(STREET_CODE) and code[9:] in {item[0] for item in COMMUNITIES})


def _core_cells(land: Land) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """List the cells (N, 2) of all cores, north-west first, and their villages."""
    cells, owners = [], []
    for village, (left, low, right, high) in enumerate(land.cores.tolist()):
        every = [(col, row) for row in range(high - 1, low - 1, -1) for col in range(left, right)]
        cells += every
        owners += [village] * len(every)
    return np.array(cells, np.int64).reshape(-1, 2), np.array(owners, np.int64)


def _stand(
    cells: NDArray[np.int64], kinds: NDArray[np.int64], owners: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Repeat each cell once for each of its slots, cell after cell."""
    sizes = np.array([len(SLOTS[kind]) for kind in sorted(SLOTS)])[kinds]
    row = np.repeat(np.arange(len(cells)), sizes)
    slot = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    table = np.zeros((4, max(len(items) for items in SLOTS.values()), 8))
    for kind, items in SLOTS.items():
        table[kind, : len(items)] = items
    return table[kinds[row], slot], kinds[row], owners[row], cells[row]


def _count_within(owner: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count 0, 1, 2 ... within each run of equal owners."""
    starts = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    return np.arange(len(owner)) - np.repeat(starts, np.diff(np.r_[starts, len(owner)]))


def road_names(land: Land) -> Text:
    """Name the east-west streets: one for each lattice row of each town, (towns * (rows + 1),); unique in a town."""
    lines = land.shape[1] + 1
    words = [first + second for first in ROAD_FIRST for second in ROAD_SECOND if first != second]
    names = []
    for town in range(len(land.towns)):
        random = stream(land.seed, "district", "roads", town)
        order = random.permutation(len(words))[:lines]
        endings = random.choice(["路", "街", "大街"], lines, p=[0.5, 0.35, 0.15])
        names += [words[word] + ending for word, ending in zip(order, endings, strict=True)]
    return text(names)


def _addresses(
    land: Land, owner: NDArray[np.int64], kind: NDArray[np.int64], cell: NDArray[np.int64],
    places: NDArray[np.float64],
) -> tuple[Text, NDArray[np.int64], Text, NDArray[np.int64], NDArray[np.int64]]:  # fmt: skip
    """Give road, number, compound, block and group of each house."""
    town = land.town[owner]
    south = places[:, 5] == 1
    line = cell[:, 1] + np.where(south, 0, 1)
    road = pick(road_names(land), town * (land.shape[1] + 1) + line)
    first_col = land.town_rects[town, 0]
    number = 2 * ((cell[:, 0] - first_col) * FRONTS + places[:, 4].astype(np.int64)) + np.where(south, 1, 2)
    rural = kind == VILLAGE
    low, high = land.cores[owner, 1], land.cores[owner, 3]
    has_groups = (high - low > 2) & (owner % 5 > 1)
    band = np.where(has_groups, high - cell[:, 1], 0)  # a village group is one row of cells
    across = land.cores[owner, 2] - land.cores[owner, 0]
    within = (cell[:, 0] - land.cores[owner, 0]) * 15
    within = within + np.where(has_groups, 0, (high - 1 - cell[:, 1]) * across * 15)
    slot = (places[:, 4] + 5 * np.rint((85 - places[:, 1]) / 30)).astype(np.int64)
    number = np.where(rural, within + slot + 1, number)
    compound, block = _compounds(land, kind, cell, owner, places)
    blank = pa.array([""] * len(owner))
    return (
        choose(rural, blank, road), number, compound, block,
        np.where(rural, band, 0),
    )  # fmt: skip


def _compounds(
    land: Land, kind: NDArray[np.int64], cell: NDArray[np.int64], owner: NDArray[np.int64],
    places: NDArray[np.float64],
) -> tuple[Text, NDArray[np.int64]]:  # fmt: skip
    """Name the compounds, each once in its town, and number their blocks."""
    every_word = [a + b + end for end in COMPOUND_SECOND for a in SHOP_WORDS for b in SHOP_WORDS if a != b]
    order = stream(land.seed, "district", "compounds").permutation(len(every_word))
    words = [every_word[at] for at in order]
    is_compound = kind == COMPOUND
    key = (land.town[owner] * 10**6 + cell[:, 1] * 10**3 + cell[:, 0])[is_compound]
    every, index = np.unique(key, return_inverse=True)
    rank = _count_within(every // 10**6)
    names = np.full(len(kind), 0)
    names[is_compound] = rank[index] % len(words)
    blank = pa.array([""] * len(kind))
    column = np.rint((places[:, 0] - 20) / 30).astype(np.int64)
    block = np.where(is_compound, column + 1 + 3 * (places[:, 1] > 50), 0)
    return choose(is_compound, pick(words, names), blank), block


def _uses(random: np.random.Generator, kind: NDArray[np.int64]) -> Text:
    words = [USES[value][at % len(USES[value])] for value in sorted(USES) for at in range(4)]
    return pick(words, kind * 4 + random.integers(0, 4, len(kind)))


def _names(random: np.random.Generator, kind: NDArray[np.int64], parts: tuple[Text, ...]) -> Text:
    """Call civic houses and some shops by a name, blocks by compound and number."""
    count = len(kind)
    shop = join(draw(random, SHOP_WORDS, count), draw(random, SHOP_WORDS, count), "商厦")
    civic = join("牟平区", parts[0], draw(random, INSTITUTIONS, count))
    block = join(parts[2], text(parts[3]), "号楼")
    blank = pa.array([""] * count)
    named = choose(kind == CIVIC, civic, choose(kind == COMPOUND, block, blank))
    return choose((kind == SHOPS) & (random.random(count) < 0.3), shop, named)


def short_addresses(land: Land, houses: Houses) -> Text:
    """Write the addresses without province, city, district and town."""
    number = join(text(houses.number), "号")
    block = choose(houses.block > 0, join(houses.compound, text(houses.block), "号楼"), houses.compound)
    urban = join(houses.road, number, block)
    group = choose(houses.group > 0, join(text(houses.group), "组"), pa.array([""] * len(houses)))
    rural = join(pick(land.short, houses.village), group, number)
    return choose(houses.kind == VILLAGE, rural, urban)


def town_names(land: Land, houses: Houses) -> Text:
    """Give the town of each house."""
    return pick([name for _, name in land.towns], land.town[houses.village])


def footprints(land: Land, houses: Houses) -> NDArray[np.object_]:
    """Draw the houses as polygons, (N,), metres in EPSG:4550, millimetres kept."""
    rings = np.round(land.metres(houses.corners), 3)
    return np.asarray(shapely.polygons(np.concatenate([rings, rings[:, :1]], axis=1)), dtype=object)
