"""Turns the quarter into one triangle scene with a ray caster, and packs its planar faces into texture pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import mapbox_earcut
import numpy as np
import open3d as o3d
from numpy.typing import NDArray

from photogrammetry.sample import shapes
from photogrammetry.sample.building_plans import Building, Face, building_faces
from photogrammetry.sample.quarter import Quarter
from photogrammetry.sample.randomness import stream

TARGET_TEXEL_M, TARGET_SIZE_M = 0.0125, 0.8
PAGE_TEXELS = 4096
GAP_TEXELS = 8
SUN = np.array([0.22, -0.60, 0.77]) / np.linalg.norm([0.22, -0.60, 0.77])  # towards the sun: late morning, May


class Kind(IntEnum):
    """How a triangle gets its colour."""

    GROUND = 0
    PATCH = 1
    OBJECT = 2
    WATER = 3


class Label(IntEnum):
    """Surface classes of the truth raster."""

    NONE = 0
    TERRAIN = 1
    ROAD = 2
    ROOF = 3
    TREE = 4
    CAR = 5
    WATER = 6
    OBJECT = 7
    ROOF_EQUIPMENT = 8
    WALL = 9


@dataclass
class Patches:
    """Planar faces as windows of texture pages: one row per patch; axes in local metres, places in texels."""

    origin: NDArray[np.float64]
    along: NDArray[np.float64]
    up: NDArray[np.float64]
    texel_m: NDArray[np.float64]
    size: NDArray[np.int64]
    page: NDArray[np.int64]
    place: NDArray[np.int64]
    faces: list[Face]
    pages: int


@dataclass
class Scene:
    """All triangles with what they are; one ray caster over them.

    surface: patch index for PATCH triangles, a running object number for OBJECT. colours: (T, 3) reflectance of
    OBJECT triangles. building: index into quarter.buildings or -1.
    """

    quarter: Quarter
    vertices: NDArray[np.float32]
    triangles: NDArray[np.uint32]
    kind: NDArray[np.uint8]
    label: NDArray[np.uint8]
    surface: NDArray[np.int32]
    building: NDArray[np.int32]
    colours: NDArray[np.float32]
    patches: Patches
    caster: o3d.t.geometry.RaycastingScene = field(repr=False)

    def hits(
        self, origins: NDArray[np.float32], directions: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
        """Cast rays ((N, 3) each): distance in lengths of the direction (inf: nothing) and the triangle hit."""
        rays = np.empty((len(directions), 6), np.float32)
        rays[:, :3], rays[:, 3:] = origins, directions
        answer = self.caster.cast_rays(o3d.core.Tensor.from_numpy(rays), nthreads=1)
        return answer["t_hit"].numpy(), answer["primitive_ids"].numpy()

    def hidden(
        self, origins: NDArray[np.float32], directions: NDArray[np.float32], reach: float = np.inf
    ) -> NDArray[np.bool_]:
        """Say for each ray ((N, 3) each) whether something stands in its way within reach."""
        rays = np.empty((len(origins), 6), np.float32)
        rays[:, :3], rays[:, 3:] = origins, directions
        answer = self.caster.test_occlusions(o3d.core.Tensor.from_numpy(rays), 0.0, float(reach), nthreads=1)
        met: NDArray[np.bool_] = answer.numpy()
        return met


def caster_of(vertices: NDArray[np.float32], triangles: NDArray[np.uint32]) -> o3d.t.geometry.RaycastingScene:
    """Build a one-thread ray caster (threads would fight with the worker processes)."""
    caster = o3d.t.geometry.RaycastingScene(nthreads=1)
    caster.add_triangles(o3d.core.Tensor.from_numpy(vertices), o3d.core.Tensor.from_numpy(triangles))
    return caster


@dataclass
class _Heap:
    """Triangles collected so far."""

    vertices: list[NDArray[np.float64]] = field(default_factory=list)
    triangles: list[NDArray[np.int64]] = field(default_factory=list)
    rows: list[tuple[int, int, int, int, int]] = field(default_factory=list)  # count, kind, label, surface, building
    colours: list[NDArray[np.float64]] = field(default_factory=list)
    count: int = 0
    objects: int = 0

    def add(
        self, vertices: NDArray[np.float64], triangles: NDArray[np.int64], kind: Kind, label: Label, surface: int = 0,
        building: int = -1, colours: NDArray[np.float64] | None = None,
    ) -> None:  # fmt: skip
        self.vertices.append(vertices)
        self.triangles.append(triangles + self.count)
        self.count += len(vertices)
        self.rows.append((len(triangles), kind, label, surface, building))
        self.colours.append(np.zeros((len(triangles), 3)) if colours is None else colours)

    def add_solid(self, solid: shapes.Solid | None, label: Label, building: int = -1) -> None:
        if solid is not None:
            self.objects += 1
            self.add(solid.vertices, solid.triangles, Kind.OBJECT, label, self.objects, building, solid.colours)

    def column(self, at: int) -> NDArray[np.int64]:
        return np.repeat([row[at] for row in self.rows], [row[0] for row in self.rows])


def make_scene(quarter: Quarter) -> Scene:
    """Build terrain, buildings, targets and objects of a quarter into one scene (same seed, same triangles)."""
    heap = _Heap()
    _add_terrain(heap, quarter)
    faces: list[tuple[Face, Label, int]] = []
    for index, building in enumerate(quarter.buildings):
        for face in building_faces(building):
            faces.append((face, Label.ROOF if face.role != "wall" else Label.WALL, index))
        _add_equipment(heap, quarter, building, index)
    for target, face in zip(quarter.targets, target_faces(quarter), strict=True):
        faces.append((face, Label.ROOF if target.on_roof else Label.TERRAIN, -1))
    for patch, (face, label, index) in enumerate(faces):
        heap.add(face.corners, triangulate(face), Kind.PATCH, label, patch, index)
    _add_objects(heap, quarter)
    vertices = np.vstack(heap.vertices).astype(np.float32)
    triangles = np.vstack(heap.triangles).astype(np.uint32)
    return Scene(
        quarter, vertices, triangles, heap.column(1).astype(np.uint8), heap.column(2).astype(np.uint8),
        heap.column(3).astype(np.int32), heap.column(4).astype(np.int32), np.vstack(heap.colours).astype(np.float32),
        pack_patches([face for face, _, _ in faces], quarter.scale.texel_m), caster_of(vertices, triangles),
    )  # fmt: skip


def terrain_axis(half_m: float) -> NDArray[np.float64]:
    """Give grid positions: every metre in the quarter and its surroundings, every eight metres beyond."""
    core = np.arange(-np.ceil(half_m), np.ceil(half_m) + 1.0)
    outer = np.arange(core[-1] + 8, core[-1] + 440, 8.0)
    return np.concatenate([-outer[::-1], core, outer])


def _add_terrain(heap: _Heap, quarter: Quarter) -> None:
    corners = np.abs(quarter.outline(20.0)).max(axis=0)
    east, north = np.meshgrid(terrain_axis(corners[0]), terrain_axis(corners[1]))
    up = quarter.terrain.height(east, north)
    cols = east.shape[1]
    first = (np.arange(east.shape[0] - 1)[:, None] * cols + np.arange(cols - 1)).ravel()
    lower = np.column_stack([first, first + 1, first + cols + 1])
    upper = np.column_stack([first, first + cols + 1, first + cols])
    heap.add(np.column_stack([east.ravel(), north.ravel(), up.ravel()]), np.vstack([lower, upper]), Kind.GROUND,
             Label.TERRAIN)  # fmt: skip
    pond = quarter.terrain.pond
    if pond:
        angle = np.linspace(0, 2 * np.pi, 49)[:-1]
        rim = [pond.east, pond.north] + 1.12 * np.column_stack(
            [pond.half_e * np.cos(angle), pond.half_n * np.sin(angle)]
        )
        fan = np.array([[0, i, i + 1] for i in range(1, len(rim) - 1)])
        heap.add(np.column_stack([rim, np.full(len(rim), pond.level)]), fan, Kind.WATER, Label.WATER)


def target_faces(quarter: Quarter) -> list[Face]:
    """Give the survey targets' boards as faces, 1.5 cm above what they lie on."""
    faces = []
    for target in quarter.targets:
        turn, half = target.heading, TARGET_SIZE_M / 2
        along = np.array([np.cos(turn), np.sin(turn), 0.0])
        if not target.on_roof:
            step = 0.3 * along[:2]
            at = np.array([target.position[:2] + step, target.position[:2] - step])
            rise = quarter.terrain.height(at[:, 0], at[:, 1])
            along = np.array([along[0], along[1], (rise[0] - rise[1]) / 0.6])
            along /= np.linalg.norm(along)
        aside = np.cross(target.normal, along)
        corners = [target.position + half * (x * along + y * aside) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        faces.append(Face(np.array(corners), "roof", "target"))
    return faces


def _add_equipment(heap: _Heap, quarter: Quarter, building: Building, index: int) -> None:
    """Stand stair heads, cooling units and water heaters on flat roofs."""
    random = stream(quarter.seed, "equipment", index)
    for part in building.parts:
        if part.roof != "flat" or part.parapet < 0.5:
            continue
        p, roof_h = part.outline, building.floor_h + part.eave_h
        along, up = p[1] - p[0], p[-1] - p[0]
        heading = float(np.arctan2(along[1], along[0]))
        width, depth = np.hypot(*along), np.hypot(*up)
        along, up = along / width, up / depth
        for _ in range(int(min(width * depth / 45, 14))):
            at = p[0] + along * random.uniform(1.5, width - 1.5) + up * random.uniform(1.5, min(depth, 12) - 1.5)
            sizes = ((1.0, 0.8, 0.9), (1.6, 1.0, 1.2), (2.0, 1.2, 0.7), (0.5, 0.5, 0.6), (3.2, 2.6, 2.3))
            size = sizes[int(random.choice(5, p=[0.35, 0.2, 0.25, 0.15, 0.05]))]
            tone = float(random.uniform(0.2, 0.65))
            if _roofed(building, at, quarter):
                colour = (tone, tone, tone * 1.03)
                heap.add_solid(shapes.box((*at, roof_h), size, heading, colour), Label.ROOF_EQUIPMENT, index)


def _roofed(building: Building, at: NDArray[np.float64], quarter: Quarter) -> bool:
    from shapely.geometry import Point, Polygon

    inside = any(Polygon(part.outline).buffer(-1.2).contains(Point(at)) for part in building.parts)
    upper = any(part.from_h > 0 and Polygon(part.outline).contains(Point(at)) for part in building.parts)
    clear = all(np.hypot(*(target.position[:2] - at)) > 3.5 for target in quarter.targets if target.on_roof)
    return inside and clear and not (upper and len(building.parts) > 1)


def _add_objects(heap: _Heap, quarter: Quarter) -> None:
    ground = quarter.terrain.height

    def foot(east: float, north: float) -> tuple[float, float, float]:
        return east, north, float(ground(np.array([east]), np.array([north]))[0]) - 0.03

    for index, (east, north, radius, height) in enumerate(quarter.trees):
        solid = shapes.tree(foot(east, north), radius, height, stream(quarter.seed, "tree", index))
        heap.add_solid(solid, Label.TREE)
    for index, (east, north, heading) in enumerate(quarter.cars):
        heap.add_solid(shapes.car(foot(east, north), heading, stream(quarter.seed, "car", index)), Label.CAR)
    for thing in quarter.things:
        heap.add_solid(shapes.furniture(thing, foot(thing.east, thing.north)), Label.OBJECT)


def triangulate(face: Face) -> NDArray[np.int64]:
    """Cut a planar polygon into triangles (T, 3) of its own corners."""
    if len(face.corners) <= 4:
        return np.array([[0, i, i + 1] for i in range(1, len(face.corners) - 1)])
    origin, along, up = face_axes(face)
    flat = np.column_stack([(face.corners - origin) @ along, (face.corners - origin) @ up])
    corners: NDArray[np.uint32] = mapbox_earcut.triangulate_float64(flat, np.array([len(flat)], np.uint32))
    return corners.reshape(-1, 3).astype(np.int64)


def face_axes(face: Face) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Give a face's origin and unit axes: along its first side, and up across it; origin so that both are >= 0."""
    corners = face.corners
    along = corners[1] - corners[0]
    along = along / np.linalg.norm(along)
    normal = face_normal(face)
    up = np.cross(normal, along)
    relative = corners - corners[0]
    return corners[0] + along * (relative @ along).min() + up * (relative @ up).min(), along, up


def face_normal(face: Face) -> NDArray[np.float64]:
    """Give the outward unit normal (Newell's method)."""
    following = np.roll(face.corners, -1, axis=0)
    normal = np.cross(face.corners, following).sum(axis=0)
    unit: NDArray[np.float64] = normal / np.linalg.norm(normal)
    return unit


def pack_patches(faces: list[Face], texel_m: float) -> Patches:
    """Lay every face's window on shelves of square pages, tallest first, with gaps against bleeding."""
    count = len(faces)
    origin, along, up = np.zeros((count, 3)), np.zeros((count, 3)), np.zeros((count, 3))
    texel, size = np.full(count, texel_m), np.zeros((count, 2), np.int64)
    for i, face in enumerate(faces):
        origin[i], along[i], up[i] = face_axes(face)
        texel[i] = TARGET_TEXEL_M if face.material == "target" else texel_m
        relative = face.corners - origin[i]
        extent = np.array([(relative @ along[i]).max(), (relative @ up[i]).max()])
        size[i] = np.minimum(np.ceil(extent / texel[i] - 1e-6).astype(int), PAGE_TEXELS - 2 * GAP_TEXELS)
    page, place = np.zeros(count, np.int64), np.zeros((count, 2), np.int64)
    col, row, shelf, at = GAP_TEXELS, GAP_TEXELS, 0, 0
    for i in sorted(range(count), key=lambda i: (-size[i, 1], i)):
        width, height = size[i]
        if col + width + GAP_TEXELS > PAGE_TEXELS:
            col, row, shelf = GAP_TEXELS, row + shelf, 0
        if row + height + GAP_TEXELS > PAGE_TEXELS:
            col, row, shelf, at = GAP_TEXELS, GAP_TEXELS, 0, at + 1
        page[i], place[i] = at, (col, row)
        step = -(-(int(width) + GAP_TEXELS) // 8) * 8
        col, shelf = col + step, max(shelf, -(-(int(height) + GAP_TEXELS) // 8) * 8)
    return Patches(origin, along, up, texel, size, page, place, faces, at + 1 if count else 0)
