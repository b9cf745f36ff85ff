"""Survey targets laid out before the flight: control and check points on the ground and on flat roofs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Point, Polygon
from shapely.geometry.base import BaseGeometry

from photogrammetry.sample.randomness import stream

if TYPE_CHECKING:
    from photogrammetry.sample.quarter import Quarter

BOARD_LIFT_M = 0.015


@dataclass(frozen=True)
class Target:
    """A chequer board: name, role (control or check), position and normal (local metres), heading (rad)."""

    name: str
    role: str
    position: NDArray[np.float64]
    normal: NDArray[np.float64]
    heading: float
    on_roof: bool


def place_targets(quarter: Quarter) -> list[Target]:
    """Spread targets over the quarter, far from walls, trees and cars; every fourth lies on a flat roof."""
    random = stream(quarter.seed, "targets")
    ground, roofs = _ground_places(quarter, random), _roof_places(quarter, random)
    scale = quarter.scale
    chosen: list[tuple[NDArray[np.float64], bool]] = []
    for index in range(scale.control_points + scale.check_points):
        on_roof = index % 4 == 3 and len(roofs) > 0
        places = roofs if on_roof else ground
        taken = np.array([place[:2] for place, _ in chosen]).reshape(-1, 2)
        corner = quarter.outline()[0]
        spread = taken if len(taken) else corner[None]
        distance = np.hypot(*(places[:, None, :2] - spread[None]).transpose(2, 0, 1)).min(axis=1)
        best = int(distance.argmax()) if len(taken) else int(distance.argmin())
        chosen.append((places[best], on_roof))
    targets = []
    for index, (place, on_roof) in enumerate(chosen):
        control = index < scale.control_points
        number = index + 1 if control else index + 1 - scale.control_points
        normal = np.array([0.0, 0.0, 1.0]) if on_roof else _ground_normal(quarter, place)
        name, role = (f"K{number:02d}", "control") if control else (f"J{number:02d}", "check")
        targets.append(Target(name, role, place, normal, float(random.uniform(0, np.pi / 2)), on_roof))
    return targets


def _ground_normal(quarter: Quarter, place: NDArray[np.float64]) -> NDArray[np.float64]:
    east, north = place[0] + np.array([-0.3, 0.3, 0, 0]), place[1] + np.array([0, 0, -0.3, 0.3])
    height = quarter.terrain.height(east, north)
    normal = np.array([(height[0] - height[1]) / 0.6, (height[2] - height[3]) / 0.6, 1.0])
    unit: NDArray[np.float64] = normal / np.linalg.norm(normal)
    return unit


def _ground_places(quarter: Quarter, random: np.random.Generator) -> NDArray[np.float64]:
    """Find open ground: clear of buildings by 45 percent of their height, of trees, cars, furniture and the pond."""
    scale = quarter.scale
    count = 500 * max(1, scale.columns * scale.rows // 4)
    half = np.array([scale.half_e_m, scale.half_n_m]) * 0.9  # well inside, so that several photos see each
    places = quarter.place(random.uniform(-half, half, (count, 2)))
    points = shapely.STRtree([Point(place) for place in places])
    free = np.ones(count, bool)
    for building in quarter.buildings:
        top = max(part.eave_h + part.rise for part in building.parts)
        near = points.query(Polygon(building.outline), predicate="dwithin", distance=max(2.5, 0.45 * top))
        free[near] = False
    for east, north, reach in _obstacles(quarter):
        free[points.query(Point(east, north), predicate="dwithin", distance=reach)] = False
    places = places[free]
    height = quarter.terrain.height(places[:, 0], places[:, 1]) + BOARD_LIFT_M
    return np.column_stack([places, height])


def _obstacles(quarter: Quarter) -> list[tuple[float, float, float]]:
    around = [(east, north, radius + 2.0) for east, north, radius, _ in quarter.trees]
    around += [(east, north, 3.4) for east, north, _ in quarter.cars]
    around += [(thing.east, thing.north, 2.0) for thing in quarter.things]
    pond = quarter.terrain.pond
    return [*around, (pond.east, pond.north, 1.5 * pond.half_e)] if pond else around


def _roof_places(quarter: Quarter, random: np.random.Generator) -> NDArray[np.float64]:
    """Find places on flat roofs with parapets, away from their edges and from upper parts."""
    places = []
    for building in quarter.buildings:
        part = building.parts[0]
        if part.roof != "flat" or part.parapet < 0.5 or building.kind == "row":
            continue
        inner: BaseGeometry = Polygon(part.outline).buffer(-2.2)
        for other in building.parts[1:]:
            inner = inner.difference(Polygon(other.outline).buffer(4.0))
        west, south, east, north = inner.bounds if not inner.is_empty else (0, 0, 0, 0)
        for _ in range(12):
            at = Point(random.uniform(west, east), random.uniform(south, north))
            if inner.contains(at):
                places.append([at.x, at.y, building.floor_h + part.eave_h + BOARD_LIFT_M])
    return np.array(places, np.float64).reshape(-1, 3)
