"""City objects with faces in space, as CityJSON and CityGML deliver them, made rows; runs in the guarded child only.

A row is one object that stands for itself (a building, a road); its parts (building parts, installations) are kept
inside it. Geometry comes in three forms: `_wkb` is the outline on the ground, `_solid` all faces of the best level of
detail (hex WKB of a PolyhedralSurface with heights), `_model` how the faces belong together: parts, shells and what
each surface is (JSON). Coordinates are the file's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import shapely

from ingest_gis.text_columns import text_batch
from twin.errors import UnreadableDelivery
from twin.solids import Face, UnreadableSolid, polyhedron

if TYPE_CHECKING:
    from ingest_gis.gdal_guard import EmitBatch, EmitInfo, ReadOptions

Surface = dict[str, Any]
MODEL_COLUMNS = ("_solid", "_model", "_ground_z", "_roof_z", "_lod", "_lods_left_out")
FLAT_M2 = 1e-6
SNAP = 1e-3


@dataclass
class Part:
    """The faces of one object or one part of it.

    shells: faces in each shell (one for a surface that is no solid). surfaces: what faces are; values: which of them
    each face is, None where nothing is said.
    """

    object_id: str
    kind: str
    attributes: dict[str, Any]
    geometry: str = "MultiSurface"
    lod: str = ""
    faces: list[Face] = field(default_factory=list)
    shells: list[int] = field(default_factory=list)
    surfaces: list[Surface] = field(default_factory=list)
    values: list[int | None] = field(default_factory=list)


@dataclass
class CityObject:
    """One object with its parts (itself first, with or without faces). lods_left_out: levels not taken."""

    object_id: str
    kind: str
    attributes: dict[str, Any]
    parts: list[Part]
    lods_left_out: tuple[str, ...] = ()

    def faces(self) -> list[Face]:
        """Give all faces of all parts."""
        return [face for part in self.parts for face in part.faces]


def columns_of(objects: Iterable[CityObject]) -> list[str]:
    """List the attribute names of objects, in the order first met."""
    return list(dict.fromkeys(name for item in objects for name in item.attributes))


def send_objects(
    objects: Sequence[CityObject],
    crs: str | None,
    driver: str,
    options: ReadOptions,
    emit_info: EmitInfo,
    emit_batch: EmitBatch,
) -> None:
    """Send the rows of one kind of object, the one asked for or buildings before others.

    Raises UnreadableDelivery when there is no object, or none of the kind asked for.
    """
    layers = list(dict.fromkeys(item.kind for item in objects))
    if not layers:
        raise UnreadableDelivery("文件里没有对象 (the file holds no object)", do="请重新导出 (export it again)")
    layer = options.layer or ("Building" if "Building" in layers else layers[0])
    chosen = [item for item in objects if item.kind == layer]
    if not chosen:
        raise UnreadableDelivery(f"没有图层 {layer} (no such layer)", do=f"现有图层 (layers here): {', '.join(layers)}")
    attributes = columns_of(chosen)
    info: dict[str, object] = {
        "layer": layer, "layers": layers, "fields": ["object_id", "object_type", *attributes], "crs": crs,
        "geometry": "PolyhedralSurface Z", "rows": len(chosen), "encoding": "utf-8", "driver": driver,
    }  # fmt: skip
    emit_info(info)
    for batch in batches_of(chosen, attributes, options.batch_rows):
        emit_batch(batch)


def batches_of(objects: Sequence[CityObject], attributes: Sequence[str], batch_rows: int) -> Iterable[pa.RecordBatch]:
    """Make batches of rows: object_id, object_type, the attributes, MODEL_COLUMNS, `_row_no`, `_wkb`."""
    rows, first = iter(objects), 1
    names = ["object_id", "object_type", *attributes, *MODEL_COLUMNS]
    while piece := list(islice(rows, batch_rows)):
        cells = [_row(item, attributes) for item in piece]
        columns = [list(column) for column in zip(*cells, strict=True)]
        yield text_batch(names, columns, first, [_outline(item) for item in piece])
        first += len(piece)


def _row(item: CityObject, attributes: Sequence[str]) -> list[str | None]:
    said = [_text(item.attributes.get(name)) for name in attributes]
    faces = item.faces()
    heights = np.concatenate([ring[:, 2] for face in faces for ring in face]) if faces else np.array([])
    ground, roof = (heights.min(), heights.max()) if len(heights) else (None, None)
    lod = max((part.lod for part in item.parts if part.faces), default="")
    return [
        item.object_id, item.kind, *said,
        _solid(faces),
        json.dumps({"parts": [_described(part) for part in item.parts]}, ensure_ascii=False) if faces else None,
        None if ground is None else repr(float(ground)), None if roof is None else repr(float(roof)),
        lod or None, ",".join(item.lods_left_out) or None,
    ]  # fmt: skip


def _described(part: Part) -> dict[str, Any]:
    return {
        "id": part.object_id, "type": part.kind, "attributes": part.attributes, "geometry": part.geometry,
        "lod": part.lod, "shells": part.shells, "surfaces": part.surfaces, "values": part.values,
    }  # fmt: skip


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)


def _solid(faces: Sequence[Face]) -> str | None:
    """Write faces as hex WKB; None when there are none or one encloses nothing: the outline may still be sound."""
    try:
        return polyhedron(faces).as_wkb().hex()
    except UnreadableSolid:
        return None


def _outline(item: CityObject) -> bytes | None:
    """Give the outline on the ground: of each part's ground surfaces if it names them, else of it seen from above."""
    shapes = [shape for part in item.parts for shape in _ground(part)]
    if not shapes:
        return None
    merged = shapely.union_all(shapely.make_valid(shapely.set_precision(shapes, SNAP, mode="pointwise")))
    areas = [part for part in shapely.get_parts(merged) if part.geom_type == "Polygon" and part.area > FLAT_M2]
    if not areas:
        return None
    return bytes(shapely.to_wkb(areas[0] if len(areas) == 1 else shapely.MultiPolygon(areas)))


def _ground(part: Part) -> list[shapely.Geometry]:
    named = [face for face, kind in zip(part.faces, _kinds(part), strict=True) if kind == "GroundSurface"]
    for faces in (named, part.faces):
        if shapes := [shape for face in faces if (shape := _from_above(face)) is not None]:
            return shapes
    return []


def _kinds(part: Part) -> list[str | None]:
    values = part.values or [None] * len(part.faces)
    return [None if value is None else str(part.surfaces[value].get("type")) for value in values]


def _from_above(face: Face) -> shapely.Geometry | None:
    rings = [ring[:, :2] for ring in face if len(ring) > 2]
    if not rings or len(face[0]) < 3:
        return None
    shape = shapely.Polygon(rings[0], rings[1:])
    return shape if shape.area > FLAT_M2 else None
