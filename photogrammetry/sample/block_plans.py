"""What stands in a block: a village of gabled houses, a compound of slabs, a commercial or a civic block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from photogrammetry.sample.building_plans import Building, Outline, Part, RoofKind, rectangle
from photogrammetry.sample.scales import BlockKind

Random = np.random.Generator
WALLS = ("plaster", "brick", "tile_white", "plaster_yellow", "plaster_grey")


@dataclass
class BlockPlan:
    """A block in its own frame: metres from its south-west corner.

    trees: east, north, crown radius, height. cars: east, north, heading (rad).
    areas: ground polygons with their material. furniture: class code, east, north.
    """

    buildings: list[Building] = field(default_factory=list)
    trees: list[tuple[float, float, float, float]] = field(default_factory=list)
    cars: list[tuple[float, float, float]] = field(default_factory=list)
    areas: list[tuple[Outline, str]] = field(default_factory=list)
    furniture: list[tuple[str, float, float]] = field(default_factory=list)
    pond: tuple[float, float, float, float] | None = None
    name: str = ""


def flat(
    outline: Outline, height: float, storeys: int, random: Random, *, parapet: float = 0.9, base: float = -1.5,
    wall: str = "", roof: str = "bitumen",
) -> Part:  # fmt: skip
    """Make a flat-roofed part."""
    return Part(
        outline, height, parapet=parapet, from_h=base, storeys=storeys, roof_material=roof,
        wall_material=wall or str(random.choice(WALLS)),
    )  # fmt: skip


def pitched(
    outline: Outline, eave: float, roof: RoofKind, random: Random, *, storeys: int = 1, slope: float = 0.5,
    open_sides: tuple[bool, bool, bool, bool] = (True, True, True, True), material: str = "",
) -> Part:  # fmt: skip
    """Make a part with a gable or hip roof; outline starts with the side the ridge runs along."""
    half = float(np.linalg.norm(outline[3] - outline[0])) / 2
    return Part(
        outline, eave, roof, rise=slope * half, open_sides=open_sides, storeys=storeys,
        roof_material=material or str(random.choice(["tile_red", "tile_red", "tile_grey", "tile_orange"])),
        wall_material=str(random.choice(WALLS)),
    )  # fmt: skip


def village_block(random: Random, width: float, depth: float) -> BlockPlan:
    """Plan rows of gabled houses with yards; runs of two to four share their walls, some have a flat wing."""
    plan = BlockPlan(name="宁和里")
    plan.areas.append((rectangle(0, 0, width, depth), "soil"))
    rows = int(depth // 20)
    pitch = depth / rows
    for row in range(rows):
        south = row * pitch
        plan.areas.append((rectangle(0, south, width, south + 3.6), "concrete"))
        west = float(random.uniform(0.3, 1.2))
        while west + 10.5 < width:
            spans = [float(random.uniform(9.6, 11.8)) for _ in range(int(random.integers(1, 5)))]
            while spans and west + sum(spans) > width - 0.3:
                spans.pop()
            if not spans:
                break
            for unit, span in enumerate(spans):
                _village_house(plan, random, west, south + pitch - 9.2, span, (unit == 0, unit == len(spans) - 1))
                west += span
            west += float(random.uniform(1.4, 2.2))
    return plan


def _village_house(
    plan: BlockPlan, random: Random, west: float, south: float, width: float, ends: tuple[bool, bool]
) -> None:
    first, last = ends
    north = south + float(random.uniform(7.6, 8.2))
    alone = first and last
    eave = float(random.uniform(2.9, 3.5)) if random.random() < 0.75 else float(random.uniform(5.9, 6.5))
    storeys = 1 if eave < 4 else 2
    outline = rectangle(west, south, west + width, north)
    roof: RoofKind = "hip" if alone and random.random() < 0.5 else "gable"
    body = pitched(outline, eave, roof, random, storeys=storeys, open_sides=(True, last, True, first))
    parts = [body]
    if random.random() < 0.35:
        side = rectangle(west + width - 3.2, south - 4.4, west + width, south)
        parts.append(flat(side, 2.7, 1, random, parapet=0.25, roof="concrete_roof"))
    kind = ("hip" if roof == "hip" else "gable") if alone else "row"
    plan.buildings.append(Building(kind, "住宅", "民房", storeys, parts))
    yard = rectangle(west + 0.2, south - 6.2, west + width - 0.2, south)
    plan.areas.append((yard, str(random.choice(["yard_tiles", "concrete", "soil", "paving"]))))
    if random.random() < 0.5:
        plan.trees.append((west + 2.2, south - 3.5, float(random.uniform(1.1, 1.8)), float(random.uniform(3, 5))))
    if random.random() < 0.35:
        plan.cars.append((west + width / 2, south - 9.0, float(random.normal(np.pi / 2, 0.04))))


def compound_block(random: Random, width: float, depth: float) -> BlockPlan:
    """Plan six residential slabs in two columns with a row of garages and a gatehouse between them."""
    plan = BlockPlan(name="福源小区")
    plan.areas.append((rectangle(0, 0, width, depth), "grass"))
    rows = 3
    pitch = depth / rows
    slab = (width - 15) / 2
    for row in range(rows):
        south = row * pitch + 1.5
        plan.areas.append((rectangle(0, south + 13.5, width, south + 18.5), "asphalt"))
        for column in range(2):
            west = 0.8 if column == 0 else width - slab - 0.8
            storeys = int(random.choice([5, 6, 6]))
            body = rectangle(west, south, west + slab, south + float(random.uniform(12.0, 13.0)))
            part = flat(body, storeys * 2.95 + 0.4, storeys, random, roof=str(random.choice(["bitumen", "screed"])))
            plan.buildings.append(Building("flat", "住宅", f"{len(plan.buildings) + 1}号楼", storeys, [part]))
            plan.areas.append((rectangle(west, south - 1.2, west + slab, south + 14.5), "paving"))
            for tree in np.arange(west + 3, west + slab - 2, 6.5):
                plan.trees.append((float(tree), south + 20.6, float(random.uniform(1.5, 2.5)), 6.0))
            for car in np.arange(west + 4, west + slab - 3, 2.9):
                if random.random() < 0.45:
                    plan.cars.append((float(car), south + 16.2, float(random.normal(0, 0.05))))
    middle = width / 2
    plan.areas.append((rectangle(middle - 6.5, 0, middle + 6.5, depth), "paving"))
    count = int((depth - 16) // 4.2)
    for unit in range(count):
        south = 12 + unit * 4.2
        outline = rectangle(middle - 3.2, south, middle + 2.8, south + 4.2)
        height = 2.6 + 0.35 * float(random.integers(0, 4))
        part = flat(outline, height, 1, random, parapet=0.0, roof="concrete_roof", wall="plaster_grey")
        plan.buildings.append(Building("row", "车库", f"车库{unit + 1}", 1, [part]))
    gate = pitched(rectangle(middle - 2.5, 1.5, middle + 2.5, 5.5), 2.9, "hip", random)
    plan.buildings.append(Building("hip", "门卫", "门卫室", 1, [gate]))
    plan.furniture += [("0126", middle, 9.0), ("2106", middle + 4.8, 8.0), ("2101", middle - 4.6, 10.0)]
    return plan


def commerce_block(random: Random, width: float, depth: float) -> BlockPlan:
    """Plan a tower, a podium with a tower, a hipped market and a row of attached shops of unequal height."""
    plan = BlockPlan(name="宁海商业广场")
    plan.areas.append((rectangle(0, 0, width, depth), "paving"))
    tower = rectangle(6, depth - 26, 30, depth - 8)
    part = flat(tower, 11 * 3.1 + 1.2, 11, random, parapet=1.2, wall="tile_white")
    plan.buildings.append(Building("tower", "办公", "宁海商务大厦", 11, [part]))
    podium = rectangle(width - 51, depth - 36, width - 8, depth - 8)
    upper = rectangle(width - 47, depth - 31, width - 27, depth - 14)
    parts = [
        flat(podium, 8.6, 2, random, parapet=0.9, wall="tile_white", roof="screed"),
        flat(upper, 29.6, 7, random, parapet=1.1, base=8.6, wall="plaster_yellow"),
    ]
    plan.buildings.append(Building("podium", "商业", "宁海购物中心", 9, parts))
    market = pitched(rectangle(3, 24, 25, 38), 5.6, "hip", random, slope=0.45, material="tile_grey")
    plan.buildings.append(Building("hip", "市场", "通海农贸市场", 1, [market]))
    hall = pitched(rectangle(34, 24, 52, 35), 4.8, "gable", random, slope=0.3, material="metal_blue")
    plan.buildings.append(Building("gable", "仓储", "䶮鑫物流仓库", 1, [hall]))
    west, shop = 1.0, 0
    while west + 7 < width:
        span = min(float(random.uniform(7.4, 9.6)), width - 1.0 - west)
        storeys = int(random.choice([2, 2, 3]))
        outline = rectangle(west, 1.0, west + span, 12.6)
        height = storeys * 3.3 + 0.3 * float(random.integers(0, 3))
        part = flat(outline, height, storeys, random, parapet=0.6, roof=str(random.choice(["bitumen", "screed"])))
        shop += 1
        plan.buildings.append(Building("row", "商铺", f"沿街商铺{shop}", storeys, [part]))
        west += span
    plan.areas.append((rectangle(57, 16, width - 2, 44), "parking"))
    for east in np.arange(60, width - 4, 2.8):
        for north in (19.5, 40.0):
            if random.random() < 0.7:
                plan.cars.append((float(east), north, float(random.normal(0, 0.04))))
    plan.furniture += [("0201", 70.0, 30.0), ("2101", 59.0, 44.6), ("2101", 63.0, 44.6), ("0125", 31.5, 22.0)]
    plan.furniture += [("0406", 32.5, 44.0), ("0137", 28.5, 16.0), ("0124", 40.0, 16.0), ("0121", 36.0, 16.0)]
    return plan


def civic_block(random: Random, width: float, depth: float) -> BlockPlan:
    """Plan a school (L-shaped), a gymnasium, a hall, a kindergarten and a park with a pond."""
    plan = BlockPlan(name="牟山公园")
    plan.areas.append((rectangle(0, 0, width, depth), "grass"))
    school = np.array([[4, 52], [44, 52], [44, 64], [16, 64], [16, depth - 3], [4, depth - 3]], np.float64)
    part = flat(school, 14.2, 4, random, wall="brick", roof="screed")
    plan.buildings.append(Building("lshape", "教育", "宁海实验小学", 4, [part]))
    plan.areas += [(rectangle(2, 44, 48, depth), "paving"), (rectangle(20, 66, 46, depth - 2), "court")]
    gym = pitched(rectangle(52, 58, 82, 75), 8.2, "gable", random, slope=0.28, material="metal_blue")
    plan.buildings.append(Building("gable", "体育", "区体育馆", 1, [gym]))
    hall = pitched(rectangle(4, 26, 24, 40), 7.4, "hip", random, storeys=2, slope=0.5, material="tile_grey")
    plan.buildings.append(Building("hip", "文化", "文化活动中心", 2, [hall]))
    nursery = np.array([[30, 27], [48, 27], [48, 43], [40, 43], [40, 36], [30, 36]], np.float64)
    plan.buildings.append(
        Building("lshape", "教育", "宁海幼儿园", 2, [flat(nursery, 7.0, 2, random, wall="plaster_yellow")])
    )
    toilet = pitched(rectangle(52, 46, 60, 51), 3.1, "hip", random)
    plan.buildings.append(Building("hip", "公共设施", "公共厕所", 1, [toilet]))
    station = flat(rectangle(72, 46, 79, 52), 4.2, 1, random, parapet=0.3, roof="concrete_roof")
    plan.buildings.append(Building("flat", "公共设施", "配电室", 1, [station]))
    for unit in range(5):
        outline = rectangle(2 + unit * 8.4, 1.2, 10.4 + unit * 8.4, 11.5)
        ends = (True, unit == 4, True, unit == 0)
        body = pitched(outline, 6.1 + 0.4 * (unit % 3), "gable", random, storeys=2, open_sides=ends)
        plan.buildings.append(Building("row", "商铺", f"牟山路商铺{unit + 1}", 2, [body]))
    plan.pond = (68.0, 26.0, 9.5, 6.5)
    plan.areas.append((rectangle(49, 12, 51.4, 56), "paving"))
    for _ in range(26):
        east, north = random.uniform(52, width - 3), random.uniform(4, 43)
        if np.hypot((east - 68) / 13.5, (north - 26) / 10.5) > 1:
            plan.trees.append((east, north, float(random.uniform(1.6, 2.9)), float(random.uniform(5, 9))))
    plan.furniture += [("0301", 62.0, 48.5), ("0407", 56.0, 22.0), ("0407", 56.0, 30.0), ("0410", 68.0, 26.0)]
    plan.furniture += [("0126", 54.0, 15.0), ("0501", 50.2, 45.0), ("0309", 75.0, 43.5), ("0401", 80.0, 12.0)]
    plan.furniture += [("0303", 50.8, 47.0), ("0134", 75.5, 53.5), ("0604", 68.0, 34.0), ("0404", 46.0, 24.0)]
    return plan


def corner_block(random: Random, width: float, depth: float) -> BlockPlan:
    """Plan the tiny quarter: one building of each kind on a street corner."""
    plan = BlockPlan(name="街角")
    plan.areas.append((rectangle(0, 0, width, depth), "paving"))
    plan.areas.append((rectangle(0, 15, width, 24), "grass"))
    for unit in range(3):
        outline = rectangle(1 + unit * 8.5, depth - 9, 9.5 + unit * 8.5, depth - 1)
        ends = (True, unit == 2, True, unit == 0)
        body = pitched(outline, 3.2 + 0.6 * unit, "gable", random, open_sides=ends)
        plan.buildings.append(Building("row", "住宅", f"民房{unit + 1}", 1, [body]))
    hip = pitched(rectangle(32, depth - 12, 44, depth - 2), 5.4, "hip", random, storeys=2)
    plan.buildings.append(Building("hip", "文化", "社区活动站", 2, [hip]))
    shape = np.array([[2, 2], [16, 2], [16, 8], [9, 8], [9, 14], [2, 14]], np.float64)
    plan.buildings.append(Building("lshape", "教育", "托幼所", 2, [flat(shape, 6.6, 2, random)]))
    slab = rectangle(20, 3, 34, 12)
    plan.buildings.append(Building("flat", "住宅", "1号楼", 3, [flat(slab, 9.4, 3, random)]))
    podium = rectangle(39, 2, 58, 15)
    upper = rectangle(42, 4, 51, 13)
    parts = [flat(podium, 4.6, 1, random, parapet=0.6, roof="screed"), flat(upper, 13.6, 4, random, base=4.6)]
    plan.buildings.append(Building("podium", "商业", "街角商场", 4, parts))
    gable = pitched(rectangle(49, depth - 11, 59, depth - 3), 3.4, "gable", random)
    plan.buildings.append(Building("gable", "住宅", "民房4", 1, [gable]))
    for east in (6.0, 16.0, 29.0, 45.0):
        plan.trees.append((east, 20.0, float(random.uniform(1.3, 2.0)), float(random.uniform(4, 6))))
    plan.cars += [(37.0, 22.0, 0.1), (20.0, 16.5, 1.55)]
    plan.furniture += [("0407", 33.0, 19.0), ("0305", 26.0, 17.0), ("0113", 47.0, 18.0), ("2101", 37.0, 26.0)]
    return plan


PLANS: dict[BlockKind, Callable[[Random, float, float], BlockPlan]] = {
    "village": village_block,
    "compound": compound_block,
    "commerce": commerce_block,
    "civic": civic_block,
    "corner": corner_block,
}


def moved(plan: BlockPlan, east: float, north: float, turn: NDArray[np.float64]) -> BlockPlan:
    """Put a block's contents at its place: shift by (east, north) in quarter metres, then turn (2, 2) about 0, 0."""
    shift = np.array([east, north])

    def place(points: Outline) -> Outline:
        placed: Outline = (np.asarray(points, np.float64) + shift) @ turn.T
        return placed

    def spot(at_east: float, at_north: float) -> tuple[float, float]:
        placed = place(np.array([[at_east, at_north]]))[0]
        return float(placed[0]), float(placed[1])

    heading = float(np.arctan2(turn[1, 0], turn[0, 0]))
    return BlockPlan(
        [replace(b, parts=[replace(part, outline=place(part.outline)) for part in b.parts]) for b in plan.buildings],
        [(*spot(e, n), radius, height) for e, n, radius, height in plan.trees],
        [(*spot(e, n), turned + heading) for e, n, turned in plan.cars],
        [(place(outline), material) for outline, material in plan.areas],
        [(code, *spot(e, n)) for code, e, n in plan.furniture],
        plan.pond and (*spot(*plan.pond[:2]), *plan.pond[2:]),
        plan.name,
    )
