"""GLB files: triangles with pictures or colours, feature ids and a table of properties.

Source: glTF 2.0 (ISO/IEC 12113), KHR_materials_unlit, EXT_mesh_features, EXT_structural_metadata. Positions here are
ENU (z up); glTF is y-up, so (e, n, u) is written as (e, u, -n), which 3D Tiles turns back.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

FLOAT, UBYTE, UINT, USHORT = 5126, 5121, 5125, 5123
ARRAY_BUFFER, ELEMENT_BUFFER = 34962, 34963
WIDTH = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
SUFFIX_ALIGNMENT = 8


@dataclass(frozen=True)
class Material:
    """A surface: JPEG bytes or a colour (linear RGBA 0-1); unlit shows the picture as it is."""

    jpeg: bytes | None = None
    colour: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    unlit: bool = True
    two_sided: bool = False


@dataclass(frozen=True)
class Part:
    """Triangles of one material: enu (N, 3) float, triangles (M, 3) int, uv (N, 2) from the picture's upper left,
    normals (N, 3) ENU, colours (N, 4) uint8, features (N,) int: row of each vertex in the property table.
    """  # noqa: D205

    enu: NDArray[np.floating[Any]]
    triangles: NDArray[np.integer[Any]]
    material: int = 0
    uv: NDArray[np.floating[Any]] | None = None
    normals: NDArray[np.floating[Any]] | None = None
    colours: NDArray[np.uint8] | None = None
    features: NDArray[np.integer[Any]] | None = None


@dataclass(frozen=True)
class PropertyTable:
    """Rows of features: name of their class, number, and columns of texts or float32 numbers."""

    name: str
    count: int
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    numbers: Mapping[str, Sequence[float]] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)


class _Buffer:
    """Collects buffer views, each starting on a multiple of 8 bytes."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []

    def add(self, content: bytes, *, target: int | None = None, stride: int | None = None) -> int:
        self.data += b"\0" * (-len(self.data) % SUFFIX_ALIGNMENT)
        view: dict[str, Any] = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(content)}
        if target:
            view["target"] = target
        if stride:
            view["byteStride"] = stride
        self.data += content
        self.views.append(view)
        return len(self.views) - 1


def y_up(enu: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Turn ENU (N, 3) into glTF's axes: x east, y up, z south."""
    return np.ascontiguousarray(np.column_stack([enu[:, 0], enu[:, 2], -enu[:, 1]]).astype("<f4"))


def write_glb(parts: Sequence[Part], materials: Sequence[Material], table: PropertyTable | None = None) -> bytes:
    """Pack parts, materials and the property table of their features into one GLB. Same input, same bytes."""
    buffer = _Buffer()
    accessors: list[dict[str, Any]] = []
    primitives = [_primitive(part, buffer, accessors, table) for part in parts]
    content: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "city-digital-twin"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": primitives}],
        "accessors": accessors,
    }
    _add_materials(content, materials, buffer)
    used = ["KHR_materials_unlit"] if any(material.unlit for material in materials) else []
    if table is not None:
        used += ["EXT_mesh_features", "EXT_structural_metadata"]
        content["extensions"] = {"EXT_structural_metadata": _metadata(table, buffer)}
    if used:
        content["extensionsUsed"] = used
    content["bufferViews"] = buffer.views
    content["buffers"] = [{"byteLength": len(buffer.data)}]
    return _pack(content, bytes(buffer.data))


def _pack(content: dict[str, Any], binary: bytes) -> bytes:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    # Both chunks end on multiples of 8, as 3D Tiles asks of what lies behind them.
    text += b" " * (-(len(text) + 20) % SUFFIX_ALIGNMENT)
    binary += b"\0" * (-len(binary) % SUFFIX_ALIGNMENT)
    total = 12 + 8 + len(text) + 8 + len(binary)
    head = struct.pack("<4sII", b"glTF", 2, total) + struct.pack("<I4s", len(text), b"JSON")
    return head + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary


def _accessor(
    accessors: list[dict[str, Any]], buffer: _Buffer, values: NDArray[Any], kind: str, component: int, **more: Any
) -> int:
    target = more.pop("target", ARRAY_BUFFER)
    raw, stride = _padded(values, target)
    entry = {
        "bufferView": buffer.add(raw, target=target, stride=stride),
        "byteOffset": 0,
        "componentType": component,
        "count": len(values),
        "type": kind,
        **more,
    }
    accessors.append(entry)
    return len(accessors) - 1


def _padded(values: NDArray[Any], target: int) -> tuple[bytes, int | None]:
    """Give the bytes of vertex values, each vertex on a multiple of 4 bytes."""
    width = values.itemsize * (values.shape[1] if values.ndim == 2 else 1)
    if target != ARRAY_BUFFER or width % 4 == 0:
        return values.tobytes(), None
    wide = np.zeros((len(values), -(-width // 4) * 4), dtype=np.uint8)
    wide[:, :width] = np.frombuffer(values.tobytes(), dtype=np.uint8).reshape(len(values), width)
    return wide.tobytes(), wide.shape[1]


def _primitive(
    part: Part, buffer: _Buffer, accessors: list[dict[str, Any]], table: PropertyTable | None
) -> dict[str, Any]:
    position = y_up(part.enu)
    limits = {"min": [float(v) for v in position.min(axis=0)], "max": [float(v) for v in position.max(axis=0)]}
    attributes = {"POSITION": _accessor(accessors, buffer, position, "VEC3", FLOAT, **limits)}
    if part.normals is not None:
        attributes["NORMAL"] = _accessor(accessors, buffer, y_up(part.normals), "VEC3", FLOAT)
    if part.uv is not None:
        attributes["TEXCOORD_0"] = _accessor(accessors, buffer, part.uv.astype("<f4"), "VEC2", FLOAT)
    if part.colours is not None:
        attributes["COLOR_0"] = _accessor(accessors, buffer, part.colours, "VEC4", UBYTE, normalized=True)
    primitive: dict[str, Any] = {"attributes": attributes, "material": part.material, "mode": 4}
    if part.features is not None and table is not None:
        # float32 is what every reader understands for feature ids; exact up to 16 million.
        attributes["_FEATURE_ID_0"] = _accessor(accessors, buffer, part.features.astype("<f4"), "SCALAR", FLOAT)
        ids = {"featureCount": table.count, "attribute": 0, "propertyTable": 0, "label": table.name}
        primitive["extensions"] = {"EXT_mesh_features": {"featureIds": [ids]}}
    small = len(part.enu) < 65535
    index = part.triangles.reshape(-1).astype("<u2" if small else "<u4")
    primitive["indices"] = _accessor(
        accessors, buffer, index, "SCALAR", USHORT if small else UINT, target=ELEMENT_BUFFER
    )
    return primitive


def _add_materials(content: dict[str, Any], materials: Sequence[Material], buffer: _Buffer) -> None:
    listed, images, textures = [], [], []
    for material in materials:
        pbr: dict[str, Any] = {"baseColorFactor": list(material.colour), "metallicFactor": 0.0, "roughnessFactor": 1.0}
        if material.jpeg is not None:
            images.append({"bufferView": buffer.add(material.jpeg), "mimeType": "image/jpeg"})
            textures.append({"source": len(images) - 1, "sampler": 0})
            pbr["baseColorTexture"] = {"index": len(textures) - 1}
        entry: dict[str, Any] = {"pbrMetallicRoughness": pbr, "doubleSided": material.two_sided}
        if material.unlit:
            entry["extensions"] = {"KHR_materials_unlit": {}}
        listed.append(entry)
    content["materials"] = listed
    if images:
        content["images"], content["textures"] = images, textures
        content["samplers"] = [{"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}]


def _metadata(table: PropertyTable, buffer: _Buffer) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for name, texts in table.texts.items():
        encoded = [text.encode() for text in texts]
        offsets = np.concatenate([[0], np.cumsum([len(text) for text in encoded])]).astype("<u4")
        properties[name] = {"type": "STRING", "description": table.descriptions.get(name, name)}
        # A buffer view may not be empty.
        values[name] = {
            "values": buffer.add(b"".join(encoded) or b"\0"),
            "stringOffsets": buffer.add(offsets.tobytes()),
            "stringOffsetType": "UINT32",
        }
    for name, numbers in table.numbers.items():
        properties[name] = {
            "type": "SCALAR",
            "componentType": "FLOAT32",
            "description": table.descriptions.get(name, name),
        }
        values[name] = {"values": buffer.add(np.asarray(numbers, dtype="<f4").tobytes())}
    return {
        "schema": {"id": "city_twin", "classes": {table.name: {"properties": properties}}},
        "propertyTables": [{"class": table.name, "count": table.count, "properties": values}],
    }
