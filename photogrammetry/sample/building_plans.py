"""What a building of the sample is: parts with flat, gable or hip roofs, and their planar faces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon
from shapely.geometry.polygon import orient
from shapely.ops import unary_union

Outline = NDArray[np.float64]
RoofKind = Literal["flat", "gable", "hip"]
FaceRole = Literal["wall", "roof", "parapet"]


@dataclass(frozen=True)
class Part:
    """A prism with a roof; heights in metres above the building's floor level.

    outline: (K, 2) local east, north, counter-clockwise; gable and hip need four corners and have their ridge
    along side 0-1. open_sides: sides where the roof hangs over (not at party walls).
    """

    outline: Outline
    eave_h: float
    roof: RoofKind = "flat"
    rise: float = 0.0
    parapet: float = 0.0
    from_h: float = -1.5
    open_sides: tuple[bool, bool, bool, bool] = (True, True, True, True)
    roof_material: str = "bitumen"
    wall_material: str = "plaster"
    storeys: int = 1


@dataclass(frozen=True)
class Face:
    """A planar polygon: (K, 3) float64 corners (local metres), seen from where they turn counter-clockwise."""

    corners: NDArray[np.float64]
    role: FaceRole
    material: str
    storeys: int = 0


@dataclass
class Building:
    """A building of the sample; floor_h is set when it is put on the terrain (local up, metres)."""

    kind: str
    use: str
    name: str
    storeys: int
    parts: list[Part]
    block: int = 0
    code: str = ""
    floor_h: float = 0.0
    outline: Outline = field(default_factory=lambda: np.zeros((0, 2)))

    def footprint(self) -> Polygon:
        """Give the outline of the walls as a polygon (local east, north)."""
        joined = unary_union([Polygon(part.outline).buffer(1e-6, join_style="mitre") for part in self.parts])
        whole = joined.buffer(-1e-6, join_style="mitre").simplify(1e-4)
        if not isinstance(whole, Polygon):
            raise ValueError(f"the parts of a {self.kind} building do not touch")
        return Polygon(np.round(np.asarray(orient(whole).exterior.coords), 4))


def rectangle(west: float, south: float, east: float, north: float) -> Outline:
    """Give the corners of an axis-parallel rectangle, counter-clockwise from the south-west."""
    return np.array([[west, south], [east, south], [east, north], [west, north]], np.float64)


def building_faces(building: Building) -> list[Face]:
    """Give every outer face of a building, heights in the local frame."""
    faces: list[Face] = []
    for part in building.parts:
        faces += _flat_part(part) if part.roof == "flat" else _pitched_part(part)
    lift = np.array([0.0, 0.0, building.floor_h])
    return [Face(face.corners + lift, face.role, face.material, face.storeys) for face in faces]


def _at(points: Outline, height: float) -> NDArray[np.float64]:
    return np.column_stack([points, np.full(len(points), height)])


def _walls(outline: Outline, bottom: float, tops: float, material: str, storeys: int, role: FaceRole) -> list[Face]:
    ends = np.roll(outline, -1, axis=0)
    return [
        Face(np.array([[*a, bottom], [*b, bottom], [*b, tops], [*a, tops]]), role, material, storeys)
        for a, b in zip(outline, ends, strict=True)
    ]


def _inset(outline: Outline, thickness: float) -> Outline:
    """Move every side of a polygon inwards, corner for corner."""
    before = outline - np.roll(outline, 1, axis=0)
    after = np.roll(outline, -1, axis=0) - outline
    before /= np.linalg.norm(before, axis=1, keepdims=True)
    after /= np.linalg.norm(after, axis=1, keepdims=True)
    cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    return outline + thickness * (after - before) / cross[:, None]


def _flat_part(part: Part) -> list[Face]:
    top = part.eave_h + part.parapet
    faces = _walls(part.outline, part.from_h, top, part.wall_material, part.storeys, "wall")
    if part.parapet <= 0:
        return [*faces, Face(_at(part.outline, part.eave_h), "roof", part.roof_material)]
    inner = _inset(part.outline, 0.24)
    ends, inner_ends = np.roll(part.outline, -1, axis=0), np.roll(inner, -1, axis=0)
    for a, b, c, d in zip(part.outline, ends, inner_ends, inner, strict=True):
        faces.append(Face(np.array([[*a, top], [*b, top], [*c, top], [*d, top]]), "parapet", "coping"))
        faces.append(
            Face(np.array([[*c, part.eave_h], [*d, part.eave_h], [*d, top], [*c, top]]), "parapet", part.wall_material)
        )
    return [*faces, Face(_at(inner, part.eave_h), "roof", part.roof_material)]


def _pitched_part(part: Part) -> list[Face]:
    p = part.outline
    half = np.linalg.norm(p[3] - p[0]) / 2
    slope = part.rise / half
    hang = 0.45
    along = (p[1] - p[0]) / np.linalg.norm(p[1] - p[0])
    across = (p[3] - p[0]) / np.linalg.norm(p[3] - p[0])
    south, east, north, west = (hang if is_open else 0.0 for is_open in part.open_sides)
    low_s, low_n = part.eave_h - slope * south, part.eave_h - slope * north
    ridge_h = part.eave_h + part.rise
    middle_w, middle_e = (p[0] + p[3]) / 2, (p[1] + p[2]) / 2
    sw, se = p[0] - across * south, p[1] - across * south
    nw, ne = p[3] + across * north, p[2] + across * north
    if part.roof == "gable":
        walls = _gable_walls(part, ridge_h)
        sw, nw, middle_w = sw - along * west, nw - along * west, middle_w - along * west
        se, ne, middle_e = se + along * east, ne + along * east, middle_e + along * east
        roofs = [
            np.array([[*sw, low_s], [*se, low_s], [*middle_e, ridge_h], [*middle_w, ridge_h]]),
            np.array([[*ne, low_n], [*nw, low_n], [*middle_w, ridge_h], [*middle_e, ridge_h]]),
        ]
    else:
        walls = _walls(p, part.from_h, part.eave_h, part.wall_material, part.storeys, "wall")
        ridge_w, ridge_e = middle_w + along * half, middle_e - along * half
        sw, nw, se, ne = sw - along * west, nw - along * west, se + along * east, ne + along * east
        low = part.eave_h - slope * hang
        roofs = [
            np.array([[*sw, low], [*se, low], [*ridge_e, ridge_h], [*ridge_w, ridge_h]]),
            np.array([[*se, low], [*ne, low], [*ridge_e, ridge_h]]),
            np.array([[*ne, low], [*nw, low], [*ridge_w, ridge_h], [*ridge_e, ridge_h]]),
            np.array([[*nw, low], [*sw, low], [*ridge_w, ridge_h]]),
        ]
    return walls + [Face(corners, "roof", part.roof_material) for corners in roofs]


def _gable_walls(part: Part, ridge_h: float) -> list[Face]:
    p, low, high = part.outline, part.from_h, part.eave_h
    walls = _walls(p, low, high, part.wall_material, part.storeys, "wall")
    for a, b, at in ((p[1], p[2], 1), (p[3], p[0], 3)):
        top = (a + b) / 2
        corners = np.array([[*a, low], [*b, low], [*b, high], [*top, ridge_h], [*a, high]])
        walls[at] = Face(corners, "wall", part.wall_material, part.storeys)
    return walls
