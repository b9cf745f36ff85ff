"""Read CityJSON (1.0 to 2.0) and CityJSONSeq; runs in the guarded child only.

Each kind of object that stands for itself is a layer (Building, Road, ...). Source: CityJSON 2.0.1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest_gis.city_objects import CityObject, Part, send_objects
from twin.errors import UnreadableDelivery
from twin.solids import Face

if TYPE_CHECKING:
    from ingest_gis.gdal_guard import EmitBatch, EmitInfo, ReadOptions

VERSIONS = ("1.0", "1.1", "2.0")
# How deep the faces stand in the boundaries of each type, and how many levels of shells are above them.
SURFACES = ("MultiSurface", "CompositeSurface")
SOLIDS = ("Solid",)
SOLID_GROUPS = ("MultiSolid", "CompositeSolid")
MOST_NESTED = 8
EPSG = re.compile(r"EPSG[:/]+[\d.]*[:/]*(\d{4,6})")
DAMAGED = (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError)


def prepare(driver: str | None) -> None:
    """Load what reading needs before the process gives up its freedoms."""


def stream(path: Path, options: ReadOptions, emit_info: EmitInfo, emit_batch: EmitBatch) -> None:
    """Read one kind of object and send its rows.

    emit_info gets layer, layers, fields, crs (None if the file names none), geometry, rows, encoding. emit_batch gets
    what city_objects.batches_of makes. Raises UnreadableDelivery when it is no CityJSON of a version taken.
    """
    try:
        files = list(_parts_of_file(path))
        crs = next((crs for whole in files if (crs := _crs(whole))), None)
        objects = [item for whole in files for item in _objects(whole)]
    except DAMAGED as error:
        raise UnreadableDelivery(
            "CityJSON 已损坏或不合规范 (the CityJSON is damaged or not to the standard)",
            do="请用 cjio 或 val3dity 检查后重新导出 (check it with cjio or val3dity and export it again)",
        ) from error
    send_objects(objects, crs, "CityJSON", options, emit_info, emit_batch)


def _parts_of_file(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the whole file, or each line of a sequence with the first line's transform and metadata."""
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix.lower() != ".jsonl":
        yield _checked(json.loads(text))
        return
    lines = (json.loads(line) for line in text.splitlines() if line.strip())
    first = _checked(next(lines))
    if first["CityObjects"]:
        yield first
    for line in lines:
        if line["type"] != "CityJSONFeature":
            raise ValueError("not a CityJSONFeature")
        yield {**first, "CityObjects": line["CityObjects"], "vertices": line["vertices"]}


def _checked(whole: dict[str, Any]) -> dict[str, Any]:
    version = str(whole["version"])
    if whole["type"] != "CityJSON" or not version.startswith(VERSIONS):
        raise UnreadableDelivery(
            f"CityJSON {version[:20]} 不接收 (this version is not taken)",
            do="请升级为 CityJSON 2.0: cjio upgrade (upgrade it to CityJSON 2.0)",
        )
    return whole


def _crs(whole: dict[str, Any]) -> str | None:
    """Give the reference system as "EPSG:7415", or "EPSG:4550+5737" where the file names a compound of two.

    The file writes urn:ogc:def:crs:EPSG::7415, .../def/crs/EPSG/0/7415 or .../def/crs-compound?1=...&2=...
    """
    said = str((whole.get("metadata") or {}).get("referenceSystem") or "")
    codes = EPSG.findall(said)
    return f"EPSG:{'+'.join(codes[:2])}" if codes else None


def _objects(whole: dict[str, Any]) -> Iterator[CityObject]:
    """Yield the objects that stand for themselves, each with all that hangs below it."""
    found: dict[str, Any] = whole["CityObjects"]
    vertices = np.asarray(whole["vertices"], dtype=np.float64).reshape(-1, 3)
    if transform := whole.get("transform"):
        vertices = vertices * np.asarray(transform["scale"]) + np.asarray(transform["translate"])
    templates = whole.get("geometry-templates") or {}
    for object_id, raw in found.items():
        if raw.get("parents"):
            continue
        family = list(_family(object_id, found, 0))
        lods = sorted({_lod(shape, templates) for _, one in family for shape in _shapes(one)})
        best = lods[-1] if lods else ""
        parts = [_part(name, one, best, vertices, templates) for name, one in family]
        yield CityObject(object_id, str(raw["type"]), dict(raw.get("attributes") or {}), parts, tuple(lods[:-1]))


def _family(object_id: str, found: dict[str, Any], depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
    if depth > MOST_NESTED:
        raise ValueError("objects nested too deep")
    yield object_id, found[object_id]
    for child in found[object_id].get("children") or ():
        if child in found:
            yield from _family(child, found, depth + 1)


def _shapes(raw: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        shape
        for shape in raw.get("geometry") or ()
        if shape["type"] in (*SURFACES, *SOLIDS, *SOLID_GROUPS, "GeometryInstance")
    ]


def _lod(shape: dict[str, Any], templates: dict[str, Any]) -> str:
    if shape["type"] == "GeometryInstance":
        shape = templates["templates"][shape["template"]]
    return str(shape.get("lod", ""))


def _part(object_id: str, raw: dict[str, Any], lod: str, vertices: Any, templates: dict[str, Any]) -> Part:
    """Take an object's geometry of the best level of detail; without one it is a part without faces."""
    part = Part(object_id, str(raw["type"]), dict(raw.get("attributes") or {}))
    for shape in _shapes(raw):
        points = vertices
        if shape["type"] == "GeometryInstance":
            shape, points = _instance(shape, vertices, templates)
        if str(shape.get("lod", "")) == lod and not part.faces:
            _take(part, shape, points)
    return part


def _instance(shape: dict[str, Any], vertices: Any, templates: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Put a template in its place: its own matrix, then the point it stands at."""
    template = templates["templates"][shape["template"]]
    points = np.asarray(templates["vertices-templates"], dtype=np.float64).reshape(-1, 3)
    matrix = np.asarray(shape["transformationMatrix"], dtype=np.float64).reshape(4, 4)
    moved = points @ matrix[:3, :3].T + matrix[:3, 3] + vertices[shape["boundaries"][0]]
    return template, moved


def _take(part: Part, shape: dict[str, Any], vertices: Any) -> None:
    part.geometry, part.lod = shape["type"], str(shape.get("lod", ""))
    boundaries, semantics = shape["boundaries"], shape.get("semantics") or {}
    values = semantics.get("values")
    if part.geometry in SURFACES:
        boundaries, values = [boundaries], None if values is None else [values]
    elif part.geometry in SOLID_GROUPS:
        boundaries = [shell for solid in boundaries for shell in solid]
        values = None if values is None else [shell for solid in values for shell in (solid or [None])]
    for shell in boundaries:
        part.shells.append(len(shell))
        part.faces += [_face(face, vertices) for face in shell]
    part.surfaces = [dict(surface) for surface in semantics.get("surfaces") or ()]
    if values is not None:
        part.values = [
            value for size, shell in zip(part.shells, values, strict=True) for value in (shell or [None] * size)
        ]
    known = [value for value in part.values if value is not None]
    if part.values and (len(part.values) != len(part.faces) or max(known, default=-1) >= len(part.surfaces)):
        raise ValueError("semantics do not fit the faces")


def _face(face: list[list[int]], vertices: Any) -> Face:
    if any(index < 0 for ring in face for index in ring):
        raise IndexError("a vertex that is not there")
    return [vertices[ring] for ring in face]
