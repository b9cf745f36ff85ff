"""The infrastructure of the district: assets of all 108 classes along the streets, as often as in a real town."""

from __future__ import annotations

import csv
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from photogrammetry.sample.delivered_assets import CATALOGUE
from photogrammetry.sample.district.land import Land
from photogrammetry.sample.district.words import Text, join, padded, pick
from photogrammetry.sample.quarter import DIVISION
from photogrammetry.sample.randomness import stream

FIRST_SERIAL, LAST_SERIAL = 30_001, 999_999  # below are the codes of the photographed quarter
URBAN_WEIGHT = 9.0  # street furniture in a cell of the town for one in a village
# How many of a thousand assets are of a class; the others share what is left.
OFTEN = {
    "0402": 190, "0118": 85, "0104": 80, "0103": 75, "0102": 62, "0101": 48, "2121": 60, "0209": 32, "0117": 38,
    "0305": 30, "0105": 24, "0107": 30, "0211": 14, "0408": 12, "0111": 13, "0110": 12, "0106": 11, "0116": 15,
    "0307": 14, "0407": 12, "0136": 14, "0213": 10, "0210": 6, "0404": 6, "0403": 6, "0405": 7, "2112": 9, "2113": 10,
    "2114": 6, "2115": 3, "2116": 8, "0113": 7, "0112": 4, "0114": 3, "0134": 5, "0115": 4, "0201": 2, "2104": 3,
}  # fmt: skip
RARE_SHARE = 0.12  # of 1000: what each class not named above has at least
COVERS = {f"01{number:02d}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 27, 28, 29, 30)} | {"2111"}
KERB = {"0118", "0402", "0117", "0403", "0209", "0210", "0213", "0136", "2102", "0120"}
PIPES = {"2112", "2113", "2114", "2115", "2116"}
SURVEY_SIGMA = {"A": 0.08, "B": 0.25, "C": 2.0}  # metres


@dataclass(frozen=True)
class ThingClass:
    """A class of the catalogue. kind: point, line or polygon. attributes: names as in the catalogue."""

    code: str
    name: str
    kind: str
    attributes: tuple[str, ...]


@dataclass(frozen=True)
class Things:
    """All assets, ordered by code. of_class: index into classes. serial: last six digits. lattice: (N, 2) cells.

    eastward: along an east-west street. grid: index into the land's. size_m: (N, 2) length and width.
    """

    classes: tuple[ThingClass, ...]
    of_class: NDArray[np.int64]
    serial: NDArray[np.int64]
    lattice: NDArray[np.float64]
    eastward: NDArray[np.bool_]
    size_m: NDArray[np.float64]
    grid: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.of_class)

    def codes(self, rows: NDArray[np.int64]) -> Text:
        """Give the 16-digit component codes of some rows."""
        classes = pick([item.code for item in self.classes], self.of_class[rows])
        return join(DIVISION, classes, padded(self.serial[rows], 6))

    def of(self, codes: set[str]) -> NDArray[np.int64]:
        """List the rows of some classes."""
        wanted = np.array([item.code in codes for item in self.classes])
        rows: NDArray[np.int64] = np.flatnonzero(wanted[self.of_class])
        return rows


def read_thing_classes() -> tuple[ThingClass, ...]:
    """Read the 108 classes from the shipped catalogue; one of several possible kinds of geometry is taken."""
    with CATALOGUE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    kinds = {
        row["code"]: row["geometry"] if row["geometry"] in ("point", "line", "polygon") else "point" for row in rows
    }
    return tuple(
        ThingClass(
            row["code"], row["name_zh"], kinds[row["code"]], tuple(filter(None, row["key_attributes"].split(";")))
        )
        for row in rows
    )


def stand_things(land: Land, wanted: int) -> Things:
    """Put `wanted` assets along the streets of the cores."""
    classes = read_thing_classes()
    counts = counts_of_classes(classes, wanted)
    random = stream(land.seed, "district", "things")
    of_class = np.repeat(np.arange(len(classes)), counts)
    serial = np.concatenate([np.arange(count) for count in counts]) + FIRST_SERIAL
    cells, weights = _cells(land)
    cell = cells[random.choice(len(cells), len(of_class), p=weights / weights.sum())].astype(np.float64)
    eastward = random.random(len(of_class)) < 0.5
    group = np.array([_offset_group(item) for item in classes])[of_class]
    along = random.uniform(0.03, 0.97, len(of_class))
    aside = _aside(random, group) / 100
    lattice = cell + np.where(eastward[:, None], np.column_stack([along, aside]), np.column_stack([aside, along]))
    columns, rows = land.shape
    lattice = np.clip(lattice, 0.01, [columns - 0.01, rows - 0.01])
    size = np.column_stack([random.uniform(8, 40, len(of_class)), random.uniform(3, 9, len(of_class))])
    return Things(classes, of_class, serial, lattice, eastward, size, land.grid_of(lattice))


def counts_of_classes(classes: tuple[ThingClass, ...], wanted: int) -> NDArray[np.int64]:
    """Share `wanted` out among the classes; none gets more than its serials allow, each gets one at least."""
    share = np.array([OFTEN.get(item.code, RARE_SHARE * (1 + int(item.code) % 7)) for item in classes], float)
    room = LAST_SERIAL - FIRST_SERIAL - 1000  # the last thousand are for planted faults
    counts = np.ones(len(classes), np.int64)
    while (left := wanted - counts.sum()) > 0:
        open_ = counts < room
        more = np.floor(left * share * open_ / (share * open_).sum()).astype(np.int64)
        more[np.argmax(share * open_)] += left - more.sum()
        counts = np.minimum(counts + more, room)
    return counts


def _cells(land: Land) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    cells, weights = [], []
    for village, (left, low, right, high) in enumerate(land.cores.tolist()):
        every = [(col, row) for row in range(low, high) for col in range(left, right)]
        cells += every
        weights += [URBAN_WEIGHT if land.is_urban[village] else 1.0] * len(every)
    return np.array(cells, np.int64).reshape(-1, 2), np.array(weights)


def _offset_group(item: ThingClass) -> int:
    if item.code in COVERS or item.code in PIPES:
        return 0
    if item.code in KERB:
        return 1
    return 3 if item.kind == "polygon" else 2


def _aside(random: np.random.Generator, group: NDArray[np.int64]) -> NDArray[np.float64]:
    """Draw the distance from the middle of the street, metres: carriageway, kerb, pavement, behind it."""
    low = np.array([0.0, 4.4, 5.4, 7.5])[group]
    high = np.array([4.0, 5.0, 6.6, 8.0])[group]
    side = random.choice([-1.0, 1.0], len(group))
    distance: NDArray[np.float64] = side * random.uniform(low, high)
    return distance


def draw_things(land: Land, things: Things, rows: NDArray[np.int64]) -> NDArray[np.object_]:
    """Draw the geometry of some assets as surveyed: (N,), metres in EPSG:4550, millimetres kept."""
    noise = stream(land.seed, "district", "survey").normal(0, SURVEY_SIGMA["A"], (len(rows), 2))
    middle = things.lattice[rows] + noise / 100
    half = things.size_m[rows] / 200
    east = things.eastward[rows]
    along = np.column_stack([half[:, 0], np.zeros(len(rows))])
    ahead = np.where(east[:, None], along, along[:, ::-1])
    across = ahead[:, ::-1] * (half[:, 1] / half[:, 0])[:, None]
    drawn = np.array(shapely.points(np.round(land.metres(middle), 3)), dtype=object)
    kinds = np.array([item.kind for item in things.classes])[things.of_class[rows]]
    lines, areas = kinds == "line", kinds == "polygon"
    ends = np.stack([middle - ahead, middle + ahead], axis=1)[lines]
    drawn[lines] = shapely.linestrings(np.round(land.metres(ends), 3))
    corners = [-ahead - across, ahead - across, ahead + across, across - ahead, -ahead - across]
    ring = np.stack([middle + corner for corner in corners], axis=1)
    drawn[areas] = shapely.polygons(np.round(land.metres(ring[areas]), 3))
    return drawn
