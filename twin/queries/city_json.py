"""Buildings as CityJSON 2.0. Source: CityJSON 2.0.1 (cityjson.org/specs/2.0.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from pyproj import CRS

from twin.crs import read_crs
from twin.queries.building_models import GivenBuilding
from twin.solids import Points, Polyhedron

SCALE_M = 0.001
SCALE_DEGREES = 1e-9
IS_PART = ("BuildingPart", "BuildingInstallation", "BuildingUnit", "BuildingStorey", "BuildingRoom", "Storey")
KINDS = ("Building", *IS_PART)
SURFACES = ("GroundSurface", "WallSurface", "RoofSurface")
LEVEL = 0.2  # cosine of the steepest roof, some 78 degrees
SOLID_GROUPS = ("MultiSolid", "CompositeSolid")
Move = Callable[[Points], Points]


class CityJsonFile:
    """A file being put together: objects with their faces, corners shared and written as whole numbers."""

    def __init__(self, crs: str, vertical_datum: str | None) -> None:
        """Begin an empty file. crs: of the corners, horizontally. vertical_datum: an EPSG code or "ellipsoidal"."""
        self._crs, self._vertical = crs, vertical_datum
        self._objects: dict[str, Any] = {}
        self._rings: list[Points] = []
        self._scale = SCALE_DEGREES if read_crs(crs).is_geographic else SCALE_M

    def add(self, building: GivenBuilding, move: Move) -> None:
        """Add a building with a solid. move: takes corners from the working CRS to the file's."""
        if building.solid is None:
            raise ValueError("a building without a solid")
        solid = building.solid.moved(move)
        parts = (building.model or {}).get("parts") or []
        if sum(sum(part["shells"]) for part in parts) != len(solid.faces):  # no model, or one of other faces
            parts = [_plain_part(building, solid)]
        start = 0
        ids = [self._free(str(part["id"])) for part in parts]
        for at, (name, part) in enumerate(zip(ids, parts, strict=True)):
            count = sum(part["shells"])
            faces = solid.faces[start : start + count]
            start += count
            extra = {"attributes": dict(part["attributes"] or {})} if part["attributes"] else {}
            if at == 0:
                extra["attributes"] = {**extra.get("attributes", {}), "twin_code": building.code}
            self._objects[name] = {"type": _kind(part, at), **extra}
            if count:
                self._objects[name]["geometry"] = [self._geometry(part, faces)]
            if at:
                self._objects[name]["parents"] = [ids[0]]
        if len(ids) > 1:
            self._objects[ids[0]]["children"] = ids[1:]

    def _free(self, name: str) -> str:
        number, free = 1, name
        while free in self._objects:
            number += 1
            free = f"{name}-{number}"
        return free

    def _geometry(self, part: dict[str, Any], faces: Sequence[Sequence[Points]]) -> dict[str, Any]:
        """Write a part's faces in the nesting of its type; rings are numbered, their corners come at the end."""
        boundaries: list[Any] = [[self._ring(ring) for ring in face] for face in faces]
        values: list[Any] = part["values"] or []
        shells, ends = part["shells"], np.cumsum(part["shells"]).tolist()
        if part["geometry"] not in ("MultiSurface", "CompositeSurface"):
            cuts = list(zip([0, *ends[:-1]], ends, strict=True))
            boundaries = [boundaries[a:b] for a, b in cuts]
            values = [values[a:b] for a, b in cuts] if values else []
        if part["geometry"] in SOLID_GROUPS:
            boundaries, values = [[shell] for shell in boundaries], [[shell] for shell in values]
        geometry = {"type": part["geometry"], "lod": part["lod"] or "2", "boundaries": boundaries}
        if values and len(shells):
            geometry["semantics"] = {"surfaces": part["surfaces"], "values": values}
        return geometry

    def _ring(self, ring: Points) -> _Ring:
        self._rings.append(ring)
        return _Ring(len(self._rings) - 1)

    def document(self) -> dict[str, Any]:
        """Give the whole file: corners within half a millimetre (half a billionth of a degree) of what they are."""
        points = np.vstack([np.zeros((0, 3)), *self._rings])
        offset = np.floor(points.min(axis=0)) if len(points) else np.zeros(3)
        objects, vertices = self._written(points, offset)
        head = self.head(offset)
        if len(points):
            extent = [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]
            head["metadata"] = {"geographicalExtent": extent, **head["metadata"]}
        return {**head, "CityObjects": objects, "vertices": vertices}

    def head(self, offset: Points) -> dict[str, Any]:
        """Give the first line of a CityJSONSeq: the system and how corners are written, no objects.

        offset: (3,), what all corners are written relative to. Source: CityJSON 2.0.1, section 9.
        """
        metadata: dict[str, Any] = {}
        if system := reference_system(self._crs, self._vertical):
            metadata["referenceSystem"] = system
        if self._vertical:
            metadata["title"] = f"buildings; heights in {self._vertical}"
        scale = [self._scale, self._scale, SCALE_M]
        return {
            "type": "CityJSON", "version": "2.0", "metadata": metadata,
            "transform": {"scale": scale, "translate": offset.tolist()}, "CityObjects": {}, "vertices": [],
        }  # fmt: skip

    def feature(self, offset: Points) -> dict[str, Any]:
        """Give what was added as one further line of a CityJSONSeq. offset: as in its head."""
        objects, vertices = self._written(np.vstack([np.zeros((0, 3)), *self._rings]), offset)
        return {"type": "CityJSONFeature", "id": next(iter(objects)), "CityObjects": objects, "vertices": vertices}

    def _written(self, points: Points, offset: Points) -> tuple[Any, list[list[int]]]:
        whole = np.rint((points - offset) / np.array([self._scale, self._scale, SCALE_M])).astype(np.int64)
        unique, index = np.unique(whole, axis=0, return_inverse=True)
        ends = np.cumsum([len(ring) for ring in self._rings], dtype=np.int64)[:-1]
        rings = [part.tolist() for part in np.split(index.reshape(-1), ends)]
        return _numbered(self._objects, rings), unique.tolist()


class _Ring(int):
    """The number of a ring whose corners are not numbered yet."""


def _numbered(value: Any, rings: list[list[int]]) -> Any:
    if isinstance(value, _Ring):
        return rings[value]
    if isinstance(value, dict):
        return {key: _numbered(item, rings) for key, item in value.items()}
    return [_numbered(item, rings) for item in value] if isinstance(value, list) else value


def _kind(part: dict[str, Any], at: int) -> str:
    """Give the CityJSON type of a part: CityGML 3 calls a storey otherwise."""
    kind = "BuildingStorey" if part["type"] == "Storey" else str(part["type"])
    return kind if kind in KINDS else ("BuildingPart" if at else "Building")


def _plain_part(building: GivenBuilding, solid: Polyhedron) -> dict[str, Any]:
    return {
        "id": building.code, "type": "Building", "attributes": building.attributes(), "geometry": "Solid",
        "lod": building.lod, "shells": [len(solid.faces)],
        "surfaces": [{"type": kind} for kind in SURFACES], "values": [_surface(face[0]) for face in solid.faces],
    }  # fmt: skip


def _surface(ring: Points) -> int:
    """Say which of SURFACES a face is, by the way it looks: its outline turns left seen from outside."""
    x, y, z = np.sum(np.cross(ring - ring[0], np.roll(ring, -1, axis=0) - ring[0]), axis=0)
    steep = abs(z) < LEVEL * np.sqrt(x * x + y * y + z * z)
    return SURFACES.index("WallSurface" if steep else "RoofSurface" if z > 0 else "GroundSurface")


def reference_system(crs: str, vertical_datum: str | None) -> str | None:
    """Write a system as CityJSON names it: an OGC address of one code, or of a horizontal and a vertical one.

    None for a system without a code: there is no way to name it in the file.
    """
    across = read_crs(crs).to_authority()
    if across is None:
        return None
    up = read_crs(vertical_datum).to_authority() if vertical_datum and ":" in vertical_datum else None
    if up is None:
        return _address(*across)
    both = CRS.from_user_input(f"{':'.join(across)}+{up[1]}").to_authority() if across[0] == up[0] else None
    if both is not None:
        return _address(*both)
    return f"https://www.opengis.net/def/crs-compound?1={_address(*across)}&2={_address(*up)}"


def _address(authority: str, code: str) -> str:
    return f"https://www.opengis.net/def/crs/{authority}/0/{code}"
