"""Lays out the quarter: streets, blocks, buildings, trees, cars, lamps and covers, all from the seed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from photogrammetry.frame import LocalFrame
from photogrammetry.sample.block_plans import PLANS, moved
from photogrammetry.sample.building_plans import Building, Outline, rectangle
from photogrammetry.sample.randomness import stream
from photogrammetry.sample.scales import BlockKind, Scale
from photogrammetry.sample.targets import Target, place_targets
from photogrammetry.sample.terrain import Terrain, make_terrain

CRS, VERTICAL_DATUM = "EPSG:4550", "EPSG:5737"
ORIGIN = (121.6, 37.387, 24.0)
DIVISION, STREET_CODE = "370612", "370612001"
FIRST_WORDS = (
    "金桂",
    "福安",
    "东泰",
    "仁和",
    "永安",
    "顺兴",
    "和平",
    "祥和",
    "德润",
    "广济",
    "长宁",
    "文昌",
    "锦绣",
    "安居",
)
STREETS_EW = ("北关大街", "宁海大街", "政府大街", "新城大街", "工商大街", "滨河大街", "东关大街", "文化大街")
STREETS_NS = ("通海路", "牟山路", "正阳路", "师范路", "沁水路", "金埠路", "昆嵛路", "西关路")
COMMUNITIES = (  # names and codes of the register of 2023; the sample's places are not those of the real ones
    ("031", "通海路社区居民委员会"), ("037", "政府街社区居民委员会"), ("032", "新城街社区居民委员会"),
    ("036", "师范路社区居民委员会"), ("033", "政府北社区居民委员会"), ("030", "政府西社区居民委员会"),
    ("034", "金埠街社区居民委员会"), ("035", "金埠东社区居民委员会"), ("038", "新城东社区居民委员会"),
    ("039", "新城西社区居民委员会"), ("009", "芷坊居委会"), ("010", "曲家埠居委会"), ("011", "金岭居委会"),
    ("014", "姜家庄居委会"), ("016", "马家泊居委会"), ("018", "苏家疃居委会"),
)  # fmt: skip


@dataclass(frozen=True)
class Block:
    """A block between streets: one unit grid. outline: (4, 2) local east, north, to the streets' centre lines."""

    index: int
    kind: BlockKind
    column: int
    row: int
    outline: Outline
    community: int
    grid_serial: int
    name: str


@dataclass(frozen=True)
class Road:
    """A street: its centre line (2, 2) local east, north, and its widths in metres."""

    name: str
    line: Outline
    carriageway_m: float
    street_m: float


@dataclass(frozen=True)
class Thing:
    """A piece of street furniture: class code, place (local east, north) and heading (rad, counter-clockwise)."""

    class_code: str
    east: float
    north: float
    heading: float = 0.0


@dataclass
class Quarter:
    """Everything that stands in the sample's quarter, in the local frame."""

    seed: int
    scale: Scale
    frame: LocalFrame
    terrain: Terrain
    turn: NDArray[np.float64]
    blocks: list[Block] = field(default_factory=list)
    roads: list[Road] = field(default_factory=list)
    buildings: list[Building] = field(default_factory=list)
    trees: list[tuple[float, float, float, float]] = field(default_factory=list)
    cars: list[tuple[float, float, float]] = field(default_factory=list)
    areas: list[tuple[Outline, str]] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    counted: dict[int, int] = field(default_factory=dict)  # buildings so far, by community

    def place(self, points: NDArray[np.floating]) -> Outline:
        """Turn quarter metres (N, 2) into local east, north."""
        return np.asarray(points, np.float64).reshape(-1, 2) @ self.turn.T

    def outline(self, margin_m: float = 0.0) -> Outline:
        """Give the quarter's rectangle (4, 2), grown by a margin."""
        e, n = self.scale.half_e_m + margin_m, self.scale.half_n_m + margin_m
        return self.place(rectangle(-e, -n, e, n))


def community_code(community: int) -> str:
    """Give the 12-digit code of a community (counted from 0)."""
    return STREET_CODE + COMMUNITIES[community][0]


def lay_out_quarter(seed: int, scale: Scale) -> Quarter:
    """Lay out the whole quarter of one seed and scale."""
    angle = float(np.radians(stream(seed, "turn").uniform(3.0, 7.0)))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    frame = LocalFrame(*ORIGIN, CRS, VERTICAL_DATUM)
    quarter = Quarter(seed, scale, frame, make_terrain(seed, max(60.0, min(scale.half_e_m * 1.5, 160.0))), turn)
    _lay_streets(quarter)
    _lay_blocks(quarter)
    _stand_along_streets(quarter)
    _lay_covers(quarter)
    _settle(quarter)
    quarter.targets = place_targets(quarter)
    return quarter


def _lay_streets(quarter: Quarter) -> None:
    scale, reach = quarter.scale, 420.0
    for index in range(scale.columns + 1):
        east = index * scale.pitch_e_m - scale.half_e_m
        line = quarter.place(np.array([[east, -scale.half_n_m - reach], [east, scale.half_n_m + reach]]))
        name = STREETS_NS[index % len(STREETS_NS)] + _lane(index // len(STREETS_NS))
        quarter.roads.append(Road(name, line, scale.street_m - 5.0, scale.street_m))
    for index in range(scale.rows + 1):
        north = scale.half_n_m - index * scale.pitch_n_m
        line = quarter.place(np.array([[-scale.half_e_m - reach, north], [scale.half_e_m + reach, north]]))
        name = STREETS_EW[index % len(STREETS_EW)] + _lane(index // len(STREETS_EW))
        quarter.roads.append(Road(name, line, scale.street_m - 5.0, scale.street_m))


def _lane(count: int) -> str:
    return "" if count == 0 else "一二三四五"[count - 1] + "巷"


def _lay_blocks(quarter: Quarter) -> None:
    scale = quarter.scale
    draw = stream(quarter.seed, "block kinds")
    kinds: list[BlockKind] = ["village", "compound", "commerce", "civic"]
    serials: dict[int, int] = {}
    across = -(-scale.columns // scale.community_columns)
    for row in range(scale.rows):  # unit grids count west to east, then north to south
        for column in range(scale.columns):
            index = row * scale.columns + column
            kind = scale.block_kinds[index] if scale.block_kinds else kinds[draw.choice(4, p=[0.33, 0.22, 0.2, 0.25])]
            community = row // scale.community_rows * across + column // scale.community_columns
            serials[community] = serials.get(community, 0) + 1
            _lay_block(quarter, index, kind, column, row, community, serials[community])


def _lay_block(
    quarter: Quarter, index: int, kind: BlockKind, column: int, row: int, community: int, serial: int
) -> None:
    scale = quarter.scale
    west = column * scale.pitch_e_m - scale.half_e_m
    south = scale.half_n_m - (row + 1) * scale.pitch_n_m
    width, depth = scale.pitch_e_m - scale.street_m, scale.pitch_n_m - scale.street_m
    plan = PLANS[kind](stream(quarter.seed, "block", index), width, depth)
    plan = moved(plan, west + scale.street_m / 2, south + scale.street_m / 2, quarter.turn)
    outline = quarter.place(rectangle(west, south, west + scale.pitch_e_m, south + scale.pitch_n_m))
    name = _own_name(plan.name, sum(block.kind == kind for block in quarter.blocks))
    quarter.blocks.append(Block(index, kind, column, row, outline, community, serial, name))
    for building in plan.buildings:
        building.block = index
        quarter.counted[community] = quarter.counted.get(community, 0) + 1
        building.code = f"{community_code(community)}{quarter.counted[community]:04d}"
        quarter.buildings.append(building)
    quarter.trees += plan.trees
    quarter.cars += plan.cars
    quarter.areas += plan.areas
    quarter.things += [Thing(code, east, north) for code, east, north in plan.furniture]
    if plan.pond and quarter.terrain.pond is None:
        quarter.terrain = quarter.terrain.with_pond(*plan.pond)


def _own_name(name: str, earlier: int) -> str:
    """Give every village and compound a name of its own: first words in turn, then with a side before them."""
    if not earlier or not name.endswith(("里", "小区")):
        return name
    round_, word = divmod(earlier, len(FIRST_WORDS))
    return ("", "东", "西", "南", "北", "新", "上", "下", "大", "小")[round_ % 10] + FIRST_WORDS[word] + name[2:]


def _stand_along_streets(quarter: Quarter) -> None:
    """Lamps, street trees, parked cars and small furniture along every street inside the quarter."""
    scale, random = quarter.scale, stream(quarter.seed, "streets")
    for at, road in enumerate(quarter.roads):
        along_n = at <= scale.columns
        half = scale.half_n_m if along_n else scale.half_e_m
        pitch = scale.pitch_n_m if along_n else scale.pitch_e_m
        base = road.line.mean(axis=0)
        direction = (road.line[1] - road.line[0]) / np.linalg.norm(road.line[1] - road.line[0])
        aside = np.array([-direction[1], direction[0]])
        heading = float(np.arctan2(direction[1], direction[0]))
        for station in np.arange(-half + 5, half - 2, 4.0):
            to_crossing = abs((station + half + pitch / 2) % pitch - pitch / 2)
            if to_crossing < scale.street_m * 0.75:
                continue
            for side in (-1.0, 1.0):
                _stand_at(quarter, random, base + direction * station, aside * side, heading, round(station / 4), road)


def _stand_at(
    quarter: Quarter, random: np.random.Generator, at: NDArray[np.float64], aside: NDArray[np.float64],
    heading: float, station: int, road: Road,
) -> None:  # fmt: skip
    kerb, edge = road.carriageway_m / 2, road.street_m / 2
    inward = float(np.arctan2(-aside[1], -aside[0]))
    lamp = at + aside * (kerb + 0.5)
    if station % 6 == (0 if aside.sum() > 0 else 3):
        quarter.things.append(Thing("0118", float(lamp[0]), float(lamp[1]), inward))
    elif station % 2 == 0:
        tree = at + aside * (kerb + 0.9)
        size = float(random.uniform(1.2, 2.1))
        quarter.trees.append((float(tree[0]), float(tree[1]), size, float(random.uniform(4.5, 6.5))))
    else:
        small = at + aside * (edge - 0.5)
        code = str(random.choice(["", "", "", *STREET_THINGS]))
        if code:
            quarter.things.append(Thing(code, float(small[0]), float(small[1]), inward))
    if random.random() < 0.16:
        car = at + aside * (kerb - 1.15)
        quarter.cars.append((float(car[0]), float(car[1]), heading + float(random.normal(0, 0.02))))


STREET_THINGS = (
    "0305", "0305", "0113", "0115", "0116", "0117", "0123", "0136", "0203", "0209", "0213", "0211", "0212", "0307",
    "0407", "0404", "0408", "0403", "0135", "2102", "2103", "2105", "2118", "2120", "2121", "0306", "0138", "0114",
)  # fmt: skip
COVER_CLASSES = (
    "0101", "0102", "0102", "0103", "0103", "0104", "0104", "0104", "0105", "0106", "0107", "0108", "0109", "0110",
    "0111", "0112", "0127", "2111",
)  # fmt: skip


def _lay_covers(quarter: Quarter) -> None:
    """Manhole covers and grates in carriageways and pavements, none closer than two metres to another."""
    scale, random = quarter.scale, stream(quarter.seed, "covers")
    laid = np.zeros((0, 2))
    for _ in range(scale.covers * 4):
        if len(laid) == scale.covers:
            break
        road = quarter.roads[int(random.integers(len(quarter.roads)))]
        direction = (road.line[1] - road.line[0]) / np.linalg.norm(road.line[1] - road.line[0])
        aside = np.array([-direction[1], direction[0]])
        code = str(random.choice(COVER_CLASSES))
        offset = (road.carriageway_m / 2 - 0.3) * random.choice([-1, 1]) if code == "0104" else random.uniform(-4, 4)
        at = road.line.mean(axis=0) + direction * random.uniform(-scale.half_e_m, scale.half_e_m) + aside * offset
        inside = np.abs(at @ quarter.turn) < np.array([scale.half_e_m - 1, scale.half_n_m - 1])
        if inside.all() and (np.hypot(*(laid - at).T) > 2).all():
            laid = np.vstack([laid, at])
            heading = float(np.arctan2(direction[1], direction[0]))
            quarter.things.append(Thing(code, float(at[0]), float(at[1]), heading))


def _settle(quarter: Quarter) -> None:
    """Put each building on its ground: the floor a little above the highest ground along its walls."""
    for building in quarter.buildings:
        ring = building.footprint().exterior
        building.outline = np.asarray(ring.coords)[:-1]
        steps = [ring.interpolate(d) for d in np.arange(0, ring.length, 1.0)]
        heights = quarter.terrain.height(np.array([p.x for p in steps]), np.array([p.y for p in steps]))
        building.floor_h = float(heights.max()) + 0.15
        drop = float(heights.max() - heights.min())
        building.parts = [part if part.from_h > 0 else replace(part, from_h=-0.75 - drop) for part in building.parts]
