"""Read CityGML 1.0 to 3.0: objects, their parts, solids and named surfaces; runs in the guarded child only.

Elements are known by their local names, which the versions share. Each kind of object is a layer, as in CityJSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, ParseError, iterparse

import numpy as np

from ingest_gis.city_objects import CityObject, Part, send_objects
from twin.errors import UnreadableDelivery
from twin.solids import Face

if TYPE_CHECKING:
    from ingest_gis.gdal_guard import EmitBatch, EmitInfo, ReadOptions

GML_ID = "id"
HREF = "href"
MEMBERS = ("cityObjectMember", "featureMember")
PARTS = ("BuildingPart", "BridgePart", "TunnelPart", "BuildingInstallation", "BuildingUnit", "Storey")
GEOMETRY = re.compile(r"lod(\d)(Solid|MultiSurface|Geometry|Surface|MultiCurve|TerrainIntersection|ImplicitRep\w*)")
SURFACES = (
    "WallSurface", "RoofSurface", "GroundSurface", "ClosureSurface", "OuterCeilingSurface", "OuterFloorSurface",
    "FloorSurface", "CeilingSurface", "InteriorWallSurface", "WaterSurface", "WaterGroundSurface",
)  # fmt: skip
NO_ATTRIBUTES = ("boundedBy", "boundary", "externalReference", "appearance")
AREAS = ("Solid", "MultiSurface", "Geometry", "Surface")
EPSG = re.compile(r"EPSG[:/]+[\d.]*[:/]*(\d{4,6})")
MOST_NESTED = 8


def prepare(driver: str | None) -> None:
    """Load what reading needs before the process gives up its freedoms."""


def stream(path: Path, options: ReadOptions, emit_info: EmitInfo, emit_batch: EmitBatch) -> None:
    """Read one kind of object and send its rows; the same info and batches as for CityJSON.

    Raises UnreadableDelivery when it is not well-formed XML or holds no city object.
    """
    try:
        crs, objects = _read(path)
    except (ParseError, ValueError, KeyError, IndexError, RecursionError) as error:
        raise UnreadableDelivery(
            "CityGML 已损坏或不合规范 (the CityGML is damaged or not to the standard)",
            do="请检查后重新导出 (check it and export it again)",
        ) from error
    send_objects(objects, crs, "CityGML", options, emit_info, emit_batch)


def _read(path: Path) -> tuple[str | None, list[CityObject]]:
    crs: str | None = None
    objects: list[CityObject] = []
    # Entities are bounded by expat itself, external ones are not fetched, and this process has no network.
    for _, element in iterparse(path, ("end",)):  # noqa: S314
        crs = crs or _crs(element.get("srsName"))
        if _local(element.tag) in MEMBERS and len(element):
            objects.append(_object(element[0], len(objects) + 1))
            element.clear()
    return crs, objects


def _crs(name: str | None) -> str | None:
    """Give one code, or a horizontal and a vertical one as "EPSG:25832+5783"."""
    codes = EPSG.findall(name or "")
    return f"EPSG:{'+'.join(codes[:2])}" if codes else None


def _object(element: Element, number: int) -> CityObject:
    family = list(_family(element, 0))
    by_part = [_Shapes.of(one) for one in family]
    lods = sorted({lod for shapes in by_part for lod in shapes.lods})
    best = lods[-1] if lods else ""
    parts = [
        shapes.as_part(one, best, f"{number}.{index}")
        for index, (one, shapes) in enumerate(zip(family, by_part, strict=True))
    ]
    return CityObject(parts[0].object_id, parts[0].kind, parts[0].attributes, parts, tuple(lods[:-1]))


def _family(element: Element, depth: int) -> Iterator[Element]:
    """Yield an object and the parts inside it, outermost first."""
    if depth > MOST_NESTED:
        raise ValueError("objects nested too deep")
    yield element
    for child in _children(element, PARTS):
        yield from _family(child, depth + 1)


def _children(element: Element, names: tuple[str, ...]) -> Iterator[Element]:
    """Yield the nearest descendants of these names."""
    for child in element:
        if _local(child.tag) in names:
            yield child
        else:
            yield from _children(child, names)


@dataclass
class _Shapes:
    """The geometry of one object without its parts: per level of detail, properties and the surface they belong to."""

    lods: dict[str, list[tuple[str, Element, int | None]]] = field(default_factory=dict)
    surfaces: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def of(cls, element: Element) -> _Shapes:
        shapes = cls()
        shapes._walk(element, None)
        return shapes

    def _walk(self, element: Element, surface: int | None) -> None:
        for child in element:
            name = _local(child.tag)
            if name in PARTS:
                continue
            found = GEOMETRY.fullmatch(name)
            if found:
                if found[2] in AREAS:
                    self.lods.setdefault(found[1], []).append((found[2], child, surface))
            elif name in SURFACES:
                self.surfaces.append({"type": name, "id": _attribute(child, GML_ID) or ""})
                self._walk(child, len(self.surfaces) - 1)
            else:
                self._walk(child, surface)

    def as_part(self, element: Element, lod: str, fallback_id: str) -> Part:
        part = Part(_attribute(element, GML_ID) or fallback_id, _local(element.tag), _attributes(element))
        found = self.lods.get(lod, [])
        polygons = {
            name: (polygon, surface)
            for _, holder, surface in sorted(found, key=lambda item: item[2] is None)
            for polygon in holder.iter()
            if _local(polygon.tag) in ("Polygon", "CompositeSurface") and (name := _attribute(polygon, GML_ID))
        }
        solids = [holder for kind, holder, _ in found if kind == "Solid"]
        part.lod = lod if found else ""
        if solids:
            part.geometry = "Solid"
            for shell in (shell for holder in solids for shell in _shells(holder)):
                self._take(part, _members(shell, polygons, None))
        elif found:
            self._take(part, [item for _, holder, surface in found for item in _members(holder, polygons, surface)])
        part.surfaces = [dict(surface) for surface in self.surfaces] if any(v is not None for v in part.values) else []
        part.values = part.values if part.surfaces else []
        return part

    @staticmethod
    def _take(part: Part, members: list[tuple[Element, int | None]]) -> None:
        faces = [(face, surface) for polygon, surface in members if (face := _face(polygon))]
        if faces:
            part.shells.append(len(faces))
            part.faces += [face for face, _ in faces]
            part.values += [surface for _, surface in faces]


def _shells(holder: Element) -> list[Element]:
    shells = [
        element for element in holder.iter() if _local(element.tag) in ("exterior", "interior") and _is_shell(element)
    ]
    return shells or [holder]


def _is_shell(element: Element) -> bool:
    return any(_local(child.tag) in ("CompositeSurface", "Shell", "OrientableSurface") for child in element)


def _members(
    holder: Element, known: dict[str, tuple[Element, int | None]], surface: int | None
) -> list[tuple[Element, int | None]]:
    """List the polygons of a geometry, those it only points at included, each with its surface."""
    members: list[tuple[Element, int | None]] = []
    for element in holder.iter():
        if _local(element.tag) == "Polygon":
            owner = known.get(_attribute(element, GML_ID) or "", (element, surface))[1]
            members.append((element, owner if owner is not None else surface))
        elif (target := _attribute(element, HREF)) and target.lstrip("#") in known:
            polygon, owner = known[target.lstrip("#")]
            members += [(item, owner) for item in polygon.iter() if _local(item.tag) == "Polygon"]
    return members


def _face(polygon: Element) -> Face:
    rings = []
    for element in polygon.iter():
        if _local(element.tag) != "LinearRing":
            continue
        text = " ".join(item.text or "" for item in element.iter() if _local(item.tag) in ("posList", "pos"))
        ring = np.array(text.split(), dtype=np.float64).reshape(-1, 3)
        if len(ring) > 3 and (ring[0] == ring[-1]).all():
            ring = ring[:-1]
        rings.append(ring)
    return rings


def _attributes(element: Element) -> dict[str, str]:
    """Gather what an object says in words: its own elements, generic attributes by their names, its address."""
    said: dict[str, list[str]] = {}
    _gather(element, said)
    return {name: "; ".join(dict.fromkeys(values)) for name, values in said.items()}


def _gather(element: Element, said: dict[str, list[str]]) -> None:
    for child in element:
        name = _local(child.tag)
        if (
            name in PARTS
            or GEOMETRY.fullmatch(name)
            or name in ("boundedBy", "boundary", "externalReference", "appearance")
        ):
            continue
        if generic := child.get("name"):
            name = generic
            values = [item.text for item in child.iter() if _local(item.tag) == "value"]
        elif len(child):
            _gather(child, said)
            continue
        else:
            values = [child.text]
        said.setdefault(name, []).extend(text.strip() for text in values if text and text.strip())


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _attribute(element: Element, local: str) -> str | None:
    return next((value for name, value in element.attrib.items() if _local(name) == local), None)
