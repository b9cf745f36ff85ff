"""Buildings as prisms with feature ids: one GLB per map square, one row of properties per building."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import mapbox_earcut
import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon, shape
from shapely.geometry.base import BaseGeometry
from shapely.geometry.polygon import orient

from photogrammetry.frame import LocalFrame
from photogrammetry.products.gltf import Material, Part, PropertyTable, write_glb

WALL, ROOF, UNSURE_WALL, UNSURE_ROOF = (226, 222, 214), (198, 186, 172), (226, 214, 190), (206, 180, 142)
FOOT_M = 0.5
DESCRIPTIONS = {
    "code": "building code 建筑编码",
    "name": "name 名称",
    "height_m": "height above ground (m) 建筑高度",
    "ground_h_m": "ground height (m, vertical datum) 地面高程",
    "roof_h_m": "median roof height (m, vertical datum) 屋顶高程",
    "sigma_m": "standard deviation of the height (m) 高度中误差",
    "confidence": "high or low 可信度",
    "source": "outline: given or found 轮廓来源",
    "lod": "level of detail 细节层次",
}


@dataclass(frozen=True)
class Square:
    """The buildings of one map square as GLB, with their ENU box (low, high) and number."""

    glb: bytes
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    count: int


def building_square(buildings: Sequence[dict[str, Any]], frame: LocalFrame, crs_vertical: str) -> Square:
    """Turn entries of buildings.json into one GLB (ENU metres of frame, feature id = position in the list).

    crs_vertical: vertical datum the property descriptions name. Raises ValueError for an empty list.
    """
    if not buildings:
        raise ValueError("a square needs at least one building")
    points, normals, colours, features, triangles = [], [], [], [], []
    total = 0
    for number, building in enumerate(buildings):
        unsure = building["confidence"] == "low"
        for mesh in _prisms(building):
            wall, roof = (UNSURE_WALL, UNSURE_ROOF) if unsure else (WALL, ROOF)
            points.append(mesh.points)
            normals.append(mesh.normals)
            colours.append(np.where(mesh.is_roof[:, None], roof, wall))
            features.append(np.full(len(mesh.points), number))
            triangles.append(mesh.triangles + total)
            total += len(mesh.points)
    enu = frame.crs_to_enu(np.concatenate(points))
    colour = np.concatenate(colours).astype(np.uint8)
    part = Part(
        enu, np.concatenate(triangles), normals=np.concatenate(normals), features=np.concatenate(features),
        colours=np.ascontiguousarray(np.column_stack([colour, np.full(len(colour), 255, dtype=np.uint8)])),
    )  # fmt: skip
    low, high = (tuple(float(v) for v in f(enu)) for f in (_floor_mm, _ceil_mm))
    glb = write_glb([part], [Material(unlit=False)], _table(buildings, crs_vertical))
    return Square(glb, (low[0], low[1], low[2]), (high[0], high[1], high[2]), len(buildings))


def _floor_mm(enu: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.floor(enu.min(axis=0) * 1000) / 1000 - 0.001)


def _ceil_mm(enu: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.ceil(enu.max(axis=0) * 1000) / 1000 + 0.001)


def _table(buildings: Sequence[dict[str, Any]], vertical_datum: str) -> PropertyTable:
    texts = {
        name: [str(b.get(name) or "") for b in buildings] for name in ("code", "name", "confidence", "source", "lod")
    }
    numbers = {
        name: [float(b[name]) if b.get(name) is not None else float("nan") for b in buildings]
        for name in ("height_m", "ground_h_m", "roof_h_m", "sigma_m")
    }
    described = {k: v.replace("vertical datum", vertical_datum) for k, v in DESCRIPTIONS.items()}
    return PropertyTable("building", len(buildings), texts, numbers, described)


@dataclass(frozen=True)
class _Prism:
    points: NDArray[np.float64]
    normals: NDArray[np.float64]
    is_roof: NDArray[np.bool_]
    triangles: NDArray[np.int64]


def _prisms(building: dict[str, Any]) -> list[_Prism]:
    """Give a building's blocks as prisms from a little below the ground to their roofs (survey CRS)."""
    found = []
    for block in building["blocks"]:
        for part in _polygons(shape(block["polygon"])):
            found.append(_prism(part, building["ground_h_m"] - FOOT_M, block["roof_h_m"]))
    return found


def _polygons(geometry: BaseGeometry) -> list[Polygon]:
    return [orient(p, 1.0) for p in getattr(geometry, "geoms", [geometry]) if isinstance(p, Polygon) and p.area > 0]


def _prism(polygon: Polygon, low: float, high: float) -> _Prism:
    rings = [np.asarray(ring.coords)[:-1, :2] for ring in (polygon.exterior, *polygon.interiors)]
    flat = np.concatenate(rings)
    ends = np.cumsum([len(ring) for ring in rings]).astype(np.uint32)
    # Earcut works in single precision in places: give it metres from a corner, not millions.
    roof_triangles = mapbox_earcut.triangulate_float64(flat - flat[0], ends).reshape(-1, 3).astype(np.int64)
    roof = np.column_stack([flat, np.full(len(flat), high)])
    points, normals = [roof], [np.tile([0.0, 0.0, 1.0], (len(roof), 1))]
    triangles = [_upwards(flat, roof_triangles)]
    total = len(roof)
    for ring in rings:
        closed = np.vstack([ring, ring[:1]])
        for a, b in pairwise(closed):
            d = b - a
            length = float(np.hypot(*d))
            if length < 1e-6:
                continue
            points.append(np.array([[*a, low], [*b, low], [*b, high], [*a, high]]))
            normals.append(np.tile([d[1] / length, -d[0] / length, 0.0], (4, 1)))
            triangles.append(np.array([[0, 1, 2], [0, 2, 3]]) + total)
            total += 4
    is_roof = np.arange(total) < len(roof)
    return _Prism(np.concatenate(points), np.concatenate(normals), is_roof, np.concatenate(triangles))


def _upwards(plan: NDArray[np.float64], triangles: NDArray[np.int64]) -> NDArray[np.int64]:
    a, b, c = (plan[triangles[:, k]] for k in range(3))
    turn = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    return np.asarray(np.where((turn < 0)[:, None], triangles[:, [0, 2, 1]], triangles))
