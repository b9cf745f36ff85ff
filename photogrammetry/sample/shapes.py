"""Small solids of the scene as triangles: boxes, poles, tree crowns, cars, lamps and street furniture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from photogrammetry.sample.quarter import Thing

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Solid:
    """Triangles with a colour each: vertices (V, 3), triangles (T, 3), colours (T, 3) linear reflectance."""

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int64]
    colours: NDArray[np.float64]


def join(solids: list[Solid]) -> Solid:
    """Put solids together into one."""
    offsets = np.cumsum([0, *[len(solid.vertices) for solid in solids]])
    return Solid(
        np.vstack([solid.vertices for solid in solids]),
        np.vstack([solid.triangles + offset for solid, offset in zip(solids, offsets, strict=False)]),
        np.vstack([solid.colours for solid in solids]),
    )


_BOX = np.array(
    [[0, 1, 5], [0, 5, 4], [1, 2, 6], [1, 6, 5], [2, 3, 7], [2, 7, 6], [3, 0, 4], [3, 4, 7], [4, 5, 6], [4, 6, 7]]
)


def box(
    at: tuple[float, float, float], size: tuple[float, float, float], heading: float, colour: Colour, taper: float = 1.0
) -> Solid:
    """Stand a box (no bottom) on `at`: size along, across, up; the top may taper; heading counter-clockwise."""
    along, across, up = size
    base = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [along / 2, across / 2]
    turn = np.array([[np.cos(heading), -np.sin(heading)], [np.sin(heading), np.cos(heading)]])
    low, high = base @ turn.T, (base * taper) @ turn.T
    vertices = np.vstack([np.column_stack([low, np.zeros(4)]), np.column_stack([high, np.full(4, up)])]) + at
    return Solid(vertices, _BOX, np.tile(np.asarray(colour, float), (len(_BOX), 1)))


@lru_cache(maxsize=2)
def _sphere(level: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    golden = (1 + 5**0.5) / 2
    points = [[-1, golden, 0], [1, golden, 0], [-1, -golden, 0], [1, -golden, 0], [0, -1, golden], [0, 1, golden]]
    points += [[0, -1, -golden], [0, 1, -golden], [golden, 0, -1], [golden, 0, 1], [-golden, 0, -1], [-golden, 0, 1]]
    faces = [[0, 11, 5], [0, 5, 1], [0, 1, 7], [0, 7, 10], [0, 10, 11], [1, 5, 9], [5, 11, 4], [11, 10, 2], [10, 7, 6]]
    faces += [[7, 1, 8], [3, 9, 4], [3, 4, 2], [3, 2, 6], [3, 6, 8], [3, 8, 9], [4, 9, 5], [2, 4, 11], [6, 2, 10]]
    faces += [[8, 6, 7], [9, 8, 1]]
    vertices = [np.array(p) / np.linalg.norm(p) for p in points]
    for _ in range(level):
        middle: dict[tuple[int, int], int] = {}
        finer = []
        for a, b, c in faces:
            mids = []
            for edge in ((a, b), (b, c), (c, a)):
                key = (min(edge), max(edge))
                if key not in middle:
                    middle[key] = len(vertices)
                    point = vertices[edge[0]] + vertices[edge[1]]
                    vertices.append(point / np.linalg.norm(point))
                mids.append(middle[key])
            finer += [[a, mids[0], mids[2]], [b, mids[1], mids[0]], [c, mids[2], mids[1]], mids]
        faces = finer
    return np.array(vertices), np.array(faces)


def tree(at: tuple[float, float, float], radius: float, height: float, random: np.random.Generator) -> Solid:
    """Grow a tree: a trunk and a crown of lumps (bumpy, several tones of green)."""
    directions, faces = _sphere(3)
    lumps = random.normal(size=(14, 3))
    lumps /= np.linalg.norm(lumps, axis=1, keepdims=True)
    bumps = np.maximum(directions @ lumps.T, 0) ** 6 @ random.uniform(-0.1, 0.32, 14)
    reach = (0.86 + bumps + random.normal(0, 0.035, len(directions)))[:, None]
    crown_h = min(height * 0.72, radius * 2.4)
    crown = directions * reach * [radius, radius, crown_h / 2] + [0, 0, height - crown_h / 2]
    green = np.array([0.07, 0.125, 0.04]) * random.uniform(0.75, 1.35, 3)
    colours = green * random.uniform(0.6, 1.45, (len(faces), 1)) * random.uniform(0.92, 1.08, (len(faces), 3))
    trunk = box((0, 0, -0.3), (0.24, 0.24, height * 0.5), 0.0, (0.13, 0.10, 0.07))
    leaves = Solid(crown, faces, colours)
    both = join([leaves, trunk])
    return Solid(both.vertices + at, both.triangles, both.colours)


CAR_COLOURS: tuple[Colour, ...] = (
    (0.75, 0.75, 0.74), (0.70, 0.70, 0.70), (0.04, 0.04, 0.05), (0.30, 0.31, 0.33), (0.35, 0.04, 0.04),
    (0.06, 0.12, 0.32), (0.45, 0.42, 0.36), (0.10, 0.10, 0.11),
)  # fmt: skip


def car(at: tuple[float, float, float], heading: float, random: np.random.Generator) -> Solid:
    """Park a car: a body and a dark-windowed cabin with a painted roof."""
    paint = CAR_COLOURS[int(random.integers(len(CAR_COLOURS)))]
    length, width = float(random.uniform(4.1, 4.9)), float(random.uniform(1.72, 1.86))
    body = box(at, (length, width, 0.85), heading, paint)
    lift = (at[0] - 0.25 * np.cos(heading), at[1] - 0.25 * np.sin(heading), at[2] + 0.85)
    cabin = box(lift, (length * 0.56, width * 0.92, 0.62), heading, (0.03, 0.035, 0.04), taper=0.78)
    cabin.colours[8:] = paint
    return join([body, cabin])


def lamp(at: tuple[float, float, float], heading: float) -> Solid:
    """Set a street lamp of eight metres with an arm over the carriageway (towards heading)."""
    grey = (0.42, 0.43, 0.44)
    out = np.array([np.cos(heading), np.sin(heading)])
    arm = (at[0] + float(out[0]) * 0.9, at[1] + float(out[1]) * 0.9, at[2] + 7.9)
    head = (at[0] + float(out[0]) * 1.8, at[1] + float(out[1]) * 1.8, at[2] + 7.85)
    return join(
        [box(at, (0.2, 0.2, 8.0), heading, grey, taper=0.6), box(arm, (1.9, 0.1, 0.1), heading, grey),
         box(head, (0.7, 0.3, 0.14), heading, (0.6, 0.6, 0.58))]
    )  # fmt: skip


# What stands at a thing's place: along, across, up (metres) and colour. Classes not named are flat or painted.
FURNITURE: dict[str, tuple[tuple[float, float, float], Colour]] = {
    "0113": ((0.3, 0.3, 0.8), (0.45, 0.03, 0.03)), "0115": ((1.0, 0.5, 1.4), (0.35, 0.42, 0.36)),
    "0116": ((1.2, 0.7, 1.6), (0.45, 0.46, 0.45)), "0117": ((0.2, 0.2, 7.0), (0.45, 0.45, 0.45)),
    "0121": ((2.2, 1.5, 2.5), (0.20, 0.33, 0.22)), "0123": ((0.45, 0.45, 1.3), (0.05, 0.28, 0.12)),
    "0124": ((1.4, 0.8, 2.2), (0.30, 0.32, 0.40)), "0125": ((1.0, 0.8, 1.9), (0.55, 0.15, 0.12)),
    "0126": ((1.8, 0.8, 1.5), (0.55, 0.42, 0.08)), "0134": ((2.2, 1.6, 2.0), (0.28, 0.36, 0.30)),
    "0135": ((1.4, 0.8, 1.5), (0.60, 0.52, 0.12)), "0136": ((0.16, 0.16, 5.5), (0.55, 0.55, 0.55)),
    "0137": ((2.4, 1.6, 2.6), (0.55, 0.30, 0.12)), "0138": ((1.6, 1.6, 2.6), (0.20, 0.28, 0.50)),
    "0203": ((6.0, 1.5, 2.6), (0.40, 0.44, 0.46)), "0209": ((0.1, 0.7, 2.8), (0.10, 0.20, 0.50)),
    "0211": ((6.0, 0.1, 0.9), (0.70, 0.70, 0.68)), "0212": ((3.0, 0.6, 0.8), (0.40, 0.42, 0.44)),
    "0213": ((0.1, 1.0, 2.6), (0.10, 0.25, 0.50)), "0303": ((0.1, 0.6, 2.4), (0.15, 0.35, 0.20)),
    "0305": ((0.9, 0.5, 1.1), (0.18, 0.30, 0.20)), "0306": ((0.4, 1.2, 2.0), (0.60, 0.25, 0.20)),
    "0307": ((0.3, 4.0, 4.5), (0.58, 0.50, 0.42)), "0309": ((0.8, 0.8, 4.0), (0.70, 0.70, 0.70)),
    "0404": ((1.2, 1.2, 0.6), (0.42, 0.22, 0.20)), "0406": ((1.5, 1.5, 3.2), (0.50, 0.48, 0.44)),
    "0407": ((1.6, 0.5, 0.45), (0.34, 0.22, 0.12)), "0408": ((4.0, 0.1, 0.6), (0.20, 0.36, 0.22)),
    "0403": ((1.2, 1.2, 0.2), (0.30, 0.26, 0.22)), "0501": ((0.2, 3.0, 2.2), (0.45, 0.12, 0.10)),
    "2101": ((0.4, 0.3, 1.6), (0.30, 0.50, 0.34)), "2102": ((0.3, 0.3, 9.0), (0.40, 0.41, 0.42)),
    "2103": ((0.6, 0.4, 1.3), (0.45, 0.46, 0.45)), "2105": ((0.4, 0.4, 11.0), (0.60, 0.60, 0.60)),
    "2106": ((3.0, 0.7, 2.1), (0.55, 0.45, 0.10)), "0604": ((8.0, 0.1, 0.9), (0.52, 0.50, 0.46)),
    "0309 ": ((0.8, 0.8, 4.0), (0.70, 0.70, 0.70)),
}  # fmt: skip


def furniture(thing: Thing, at: tuple[float, float, float]) -> Solid | None:
    """Give the solid of a piece of furniture, or nothing where it is flat, painted or part of something else."""
    if thing.class_code == "0118":
        return lamp(at, thing.heading)
    if thing.class_code not in FURNITURE:
        return None
    size, colour = FURNITURE[thing.class_code]
    return box(at, size, thing.heading, colour)
