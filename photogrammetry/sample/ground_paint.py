"""What is painted on the ground: surfaces, kerbs, lane markings, crossings, covers; tile by tile."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon
from shapely.geometry import box as rectangle_of

from photogrammetry.sample.building_plans import Outline
from photogrammetry.sample.quarter import Quarter, Road, Thing
from photogrammetry.sample.randomness import fractal, stream, surface_seed
from photogrammetry.sample.textures import MATERIALS, Rgb

ROAD_MATERIALS = ("asphalt", "parking")
PAINT_WHITE, PAINT_YELLOW = (0.72, 0.72, 0.69), (0.66, 0.46, 0.08)


@dataclass
class GroundPlan:
    """Paint in order: surfaces (outline, material) and marks (outline, colour, share of full cover)."""

    surfaces: list[tuple[Outline, str]] = field(default_factory=list)
    marks: list[tuple[Outline, tuple[float, float, float], float]] = field(default_factory=list)
    roads: list[Outline] = field(default_factory=list)


def plan_ground(quarter: Quarter) -> GroundPlan:
    """Collect what lies on the ground of a quarter (local east, north)."""
    plan = GroundPlan()
    for road in quarter.roads:
        plan.surfaces.append((_strip(road, road.street_m / 2, -road.street_m / 2), "paving"))
    plan.surfaces += quarter.areas
    for outline, material in quarter.areas:
        if material in ROAD_MATERIALS:
            plan.roads.append(outline)
    for road in quarter.roads:
        surface = _strip(road, road.carriageway_m / 2, -road.carriageway_m / 2)
        plan.surfaces.append((surface, "asphalt"))
        plan.roads.append(surface)
    for at, road in enumerate(quarter.roads):
        _mark_road(plan, quarter, road, at <= quarter.scale.columns)
    _mark_parking(plan, quarter)
    for thing in quarter.things:
        if thing.class_code in COVERS:
            _mark_cover(plan, quarter, thing)
    return plan


def _strip(road: Road, left: float, right: float, start: float = 0.0, end: float | None = None) -> Outline:
    """Give the ribbon between two offsets from the centre line and two stations along it."""
    a, b = road.line
    length = float(np.hypot(*(b - a)))
    direction = (b - a) / length
    aside = np.array([-direction[1], direction[0]])
    first, last = a + direction * start, a + direction * (length if end is None else end)
    return np.array([first + aside * right, last + aside * right, last + aside * left, first + aside * left])


def _mark_road(plan: GroundPlan, quarter: Quarter, road: Road, along_n: bool) -> None:
    """Paint kerbs, the dashed centre line and the zebra crossings of one street."""
    scale, random = quarter.scale, stream(quarter.seed, "marks", road.name)
    kerb = road.carriageway_m / 2
    half, pitch = (scale.half_n_m, scale.pitch_n_m) if along_n else (scale.half_e_m, scale.pitch_e_m)
    length = float(np.hypot(*(road.line[1] - road.line[0])))
    gap = kerb + 1.0
    crossings = [length / 2 - half + index * pitch for index in range(round(2 * half / pitch) + 1)]
    edges = [0.0, *[edge for at in crossings for edge in (at - gap, at + gap)], length]
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        for side in (kerb, -kerb):
            plan.marks.append((_strip(road, side + 0.1, side - 0.1, start, end), (0.45, 0.44, 0.42), 0.9))
        for dash in np.arange(max(start + 6, length / 2 - half - 60), min(end - 6, length / 2 + half + 60), 6.0):
            worn = float(random.uniform(0.45, 0.95))
            plan.marks.append((_strip(road, 0.075, -0.075, dash, dash + 3.5), PAINT_YELLOW, worn))
    for at in crossings:
        for sign in (-1.0, 1.0):
            first = at + sign * (gap + 0.5)
            for offset in np.arange(-kerb + 0.4, kerb - 0.6, 0.9):
                worn = float(random.uniform(0.35, 0.95))
                stripe = _strip(road, offset + 0.45, offset, *sorted((first, first + sign * 3.0)))
                plan.marks.append((stripe, PAINT_WHITE, worn))


def _mark_parking(plan: GroundPlan, quarter: Quarter) -> None:
    for outline, material in quarter.areas:
        if material != "parking":
            continue
        along, up = outline[1] - outline[0], outline[3] - outline[0]
        length = float(np.hypot(*along))
        along, up = along / length, up / np.hypot(*up)
        for station in np.arange(1.6, length - 1, 2.8):
            for base, sign in ((outline[0], 1.0), (outline[3], -1.0)):
                first = base + along * station
                stripe = np.array([first, first + along * 0.12, first + along * 0.12 + up * 5.2 * sign])
                plan.marks.append((np.vstack([stripe, first + up * 5.2 * sign]), PAINT_WHITE, 0.7))


COVERS = {
    "0101", "0102", "0103", "0104", "0105", "0106", "0107", "0108", "0109", "0110", "0111", "0112", "0114", "0127",
    "2111",
}  # fmt: skip


def _mark_cover(plan: GroundPlan, quarter: Quarter, thing: Thing) -> None:
    """Paint a manhole cover (disc with a ring and ribs) or a grate (slotted rectangle)."""
    random = stream(quarter.seed, "cover", round(thing.east * 100), round(thing.north * 100))
    centre = np.array([thing.east, thing.north])
    along = np.array([np.cos(thing.heading), np.sin(thing.heading)])
    aside = np.array([-along[1], along[0]])
    dark = float(random.uniform(0.05, 0.16))
    if thing.class_code == "0104":
        for offset in np.arange(-0.35, 0.36, 0.1):
            middle = centre + along * offset
            slot = np.array([middle - aside * 0.2, middle + along * 0.06 - aside * 0.2, middle + along * 0.06])
            plan.marks.append((np.vstack([slot + aside * 0.2, middle + aside * 0.2]), (0.03, 0.03, 0.03), 0.95))
        return
    angle = np.linspace(0, 2 * np.pi, 25)[:-1]
    for radius, tone in ((0.42, 0.32), (0.36, dark), (0.22, dark * 1.8), (0.12, dark)):
        disc = centre + radius * np.column_stack([np.cos(angle), np.sin(angle)])
        plan.marks.append((disc, (tone, tone, tone * 0.95), 0.9))


def _bounds(outline: Outline) -> tuple[float, float, float, float]:
    low, high = outline.min(axis=0), outline.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


@dataclass
class GroundPainter:
    """Paints any window of the ground; keeps the plan and the bounds of its items."""

    plan: GroundPlan
    seed: int

    def __post_init__(self) -> None:
        """Keep bounds so that a tile only draws what touches it."""
        self._surfaces = np.array([_bounds(outline) for outline, _ in self.plan.surfaces])
        self._marks = np.array([_bounds(outline) for outline, _, _ in self.plan.marks]).reshape(-1, 4)

    def paint(self, west: float, south: float, size: int, texel_m: float) -> Rgb:
        """Paint a square tile; row 0 is its south edge: (size, size, 3) float32 linear reflectance.

        west, south: corner in local metres, a whole number of texels from 0.
        """
        window = (round(west / texel_m), round(south / texel_m), size, size)
        drawn: dict[str, Rgb] = {}

        def material(name: str) -> Rgb:
            if name not in drawn:
                drawn[name] = MATERIALS[name](surface_seed(self.seed, "ground", name), window)
            return drawn[name]

        box = (west, south, west + size * texel_m, south + size * texel_m)
        items = [self.plan.surfaces[i] for i in _touching(self._surfaces, box)]
        masks = [(self._mask(outline, west, south, size, texel_m), name) for outline, name in items]
        covered = any(mask.min() == 255 for mask, _ in masks)
        colour = np.zeros((size, size, 3), np.float32) if covered else material("field").copy()
        for mask, name in masks:
            _lay(colour, mask, material(name))
        worn = fractal(surface_seed(self.seed, "wear"), window, (16, 8, 4, 2))
        wear = np.clip(np.float32(0.85) + np.float32(0.25) * worn, 0.25, 1.0)[..., None]
        for index in _touching(self._marks, box):
            outline, tone, share = self.plan.marks[index]
            mask = self._mask(outline, west, south, size, texel_m)
            _lay(colour, mask, np.asarray(tone, np.float32), share, wear)
        return np.clip(colour, 0.01, 0.95)

    @staticmethod
    def _mask(outline: Outline, west: float, south: float, size: int, texel_m: float) -> NDArray[np.uint8]:
        mask = np.zeros((size, size), np.uint8)
        points = (outline - [west, south]) / texel_m - 0.5
        reach = 4.0 * size
        corners = np.round(np.clip(points, -reach, size + reach) * 256).astype(np.int32)
        if np.abs(points).max() > reach:  # far ends would overflow: cut the outline to the tile first
            corners = _clipped(points, size)
        if len(corners) >= 3:
            cv2.fillPoly(mask, [corners], 255, cv2.LINE_AA, 8)
        return mask


def _clipped(points: Outline, size: int) -> NDArray[np.int32]:
    cut = Polygon(points).intersection(rectangle_of(-8, -8, size + 8, size + 8))
    if cut.is_empty or not isinstance(cut, Polygon):
        return np.zeros((0, 2), np.int32)
    return np.round(np.asarray(cut.exterior.coords)[:-1] * 256).astype(np.int32)


def _touching(bounds: NDArray[np.float64], box: tuple[float, float, float, float]) -> NDArray[np.int64]:
    if not len(bounds):
        return np.zeros(0, np.int64)
    hit = (bounds[:, 0] < box[2]) & (bounds[:, 2] > box[0]) & (bounds[:, 1] < box[3]) & (bounds[:, 3] > box[1])
    return np.flatnonzero(hit)


def _lay(
    colour: Rgb, mask: NDArray[np.uint8], paint: Rgb, share: float = 1.0, wear: NDArray[np.float32] | None = None
) -> None:
    """Blend paint over colour where the mask covers, only inside the mask's bounding box."""
    left, top, width, height = cv2.boundingRect(mask)
    if not width:
        return
    view = np.s_[top : top + height, left : left + width]
    cover = mask[view].astype(np.float32)[..., None] * np.float32(share / 255)
    if wear is not None:
        cover = cover * wear[view]
    colour[view] = colour[view] * (1 - cover) + (paint[view] if paint.ndim == 3 else paint) * cover
