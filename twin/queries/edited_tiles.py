"""Heights that a person has confirmed, shown in a survey's 3D Tiles at once, without writing its files anew.

A survey's files stay what its manifest says they are. When a tile is asked for that holds an edited building, the
corners of its roof are moved in the bytes that are sent; all other tiles are sent as they lie. Only what our own writer
makes is understood (photogrammetry.products.gltf: y up, plain float32, a property table with `code` and `height_m`).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

EDITED = """
SELECT b.code, b.height_m::float8 FROM twin.building b JOIN twin.survey s USING (survey_id)
  JOIN twin.evidence e ON e.evidence_id = b.height_evidence_id
WHERE s.name = %(name)s AND e.confirmed_by IS NOT NULL AND b.valid_to IS NULL AND b.height_m IS NOT NULL ORDER BY b.code
"""
FOOT_M = 0.25  # corners lower than this above the lowest stand on the ground
LEAST_M = 0.5
SAME_M = 0.005
SPARE_M = 0.001
ALIGNMENT = 8
Heights = Mapping[str, float]


async def edited_heights(cursor: psycopg.AsyncCursor[Any], survey: str) -> dict[str, float]:
    """Give the heights (m) that people have confirmed of a survey's buildings, by code."""
    await cursor.execute(EDITED, {"name": survey})
    return {str(code): float(height) for code, height in await cursor.fetchall()}


class _Glb:
    """A GLB taken apart: its JSON and its binary part."""

    def __init__(self, content: bytes) -> None:
        length = struct.unpack_from("<I", content, 12)[0]
        self.json: dict[str, Any] = json.loads(content[20 : 20 + length])
        self.binary = bytearray(content[20 + length + 8 :])

    def bytes(self) -> bytes:
        text = json.dumps(self.json, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
        text += b" " * (-(len(text) + 20) % ALIGNMENT)
        total = 28 + len(text) + len(self.binary)
        head = struct.pack("<4sII", b"glTF", 2, total) + struct.pack("<I4s", len(text), b"JSON")
        return head + text + struct.pack("<I4s", len(self.binary), b"BIN\0") + bytes(self.binary)

    def view(self, number: int, dtype: str) -> np.ndarray[Any, Any]:
        """Give a buffer view's values; writing to them writes to the binary part."""
        view = self.json["bufferViews"][number]
        count = view["byteLength"] // np.dtype(dtype).itemsize
        return np.frombuffer(self.binary, dtype=dtype, count=count, offset=view.get("byteOffset", 0))

    def columns(self) -> dict[str, Any] | None:
        try:
            table = self.json["extensions"]["EXT_structural_metadata"]["propertyTables"][0]
            return dict(table["properties"])
        except (KeyError, IndexError):
            return None

    def codes(self) -> list[str]:
        columns = self.columns()
        if not columns or "code" not in columns or "height_m" not in columns:
            return []
        offsets = self.view(columns["code"]["stringOffsets"], "<u4")
        text = self.view(columns["code"]["values"], "u1").tobytes()
        return [text[a:b].decode() for a, b in pairwise(offsets)]


@lru_cache(maxsize=4096)
def codes_of(path: Path, mtime_ns: int) -> tuple[str, ...]:
    """List the codes of the buildings a tile's file holds. mtime_ns: its time, so that a new file is read anew."""
    try:
        return tuple(_Glb(path.read_bytes()).codes())
    except (OSError, ValueError, KeyError, struct.error):
        return ()


def edits_in(path: Path, heights: Heights) -> dict[str, float]:
    """Give those of the heights that concern buildings in a tile's file."""
    if not heights or path.suffix != ".glb":
        return {}
    return {code: heights[code] for code in codes_of(path, path.stat().st_mtime_ns) if code in heights}


def edited_glb(path: Path, heights: Heights) -> tuple[bytes, float]:
    """Give a tile with the roofs of some buildings moved. heights: code -> height above ground (m).

    Returns its bytes and how high it reaches (m, up in the tile's frame).
    """
    glb = _Glb(path.read_bytes())
    columns = glb.columns() or {}
    told = glb.view(columns["height_m"]["values"], "<f4")
    roofs = glb.view(columns["roof_h_m"]["values"], "<f4") if "roof_h_m" in columns else None
    rises = np.zeros(len(told), dtype=np.float32)
    for number, code in enumerate(glb.codes()):
        if code in heights and abs(heights[code] - float(told[number])) > SAME_M:
            rises[number] = heights[code] - told[number]
            told[number] += rises[number]
            if roofs is not None:
                roofs[number] += rises[number]
    highest = -np.inf
    for primitive in (p for mesh in glb.json["meshes"] for p in mesh["primitives"]):
        highest = max(highest, _raise(glb, primitive, rises))
    return glb.bytes(), highest


def _raise(glb: _Glb, primitive: dict[str, Any], rises: np.ndarray[Any, Any]) -> float:
    accessor = glb.json["accessors"][primitive["attributes"]["POSITION"]]
    points = glb.view(accessor["bufferView"], "<f4")[: 3 * accessor["count"]].reshape(-1, 3)
    if "_FEATURE_ID_0" in primitive["attributes"]:
        ids = glb.json["accessors"][primitive["attributes"]["_FEATURE_ID_0"]]
        feature = glb.view(ids["bufferView"], "<f4")[: ids["count"]].astype(int)
        for number in np.flatnonzero(rises):
            own = np.flatnonzero(feature == number)
            if not len(own):
                continue
            foot = points[own, 1].min()
            roof = own[points[own, 1] > foot + FOOT_M]
            points[roof, 1] = np.maximum(points[roof, 1] + rises[number], foot + LEAST_M)
    accessor["min"], accessor["max"] = ([float(v) for v in f(axis=0)] for f in (points.min, points.max))
    return float(points[:, 1].max())


def edited_tileset(path: Path, heights: Heights) -> bytes | None:
    """Give a tileset's JSON with boxes high enough for edited buildings; None when nothing in it changes."""
    content = json.loads(path.read_bytes())
    if not _lift(content["root"], path.parent, heights):
        return None
    return json.dumps(content, ensure_ascii=False, indent=1).encode()


def _lift(node: dict[str, Any], folder: Path, heights: Heights) -> float:
    """Raise the box of a node over what stands in it now. Returns by how much (m), 0 when it was high enough."""
    lifts = [_lift(child, folder, heights) for child in node.get("children", ())]
    uri = str((node.get("content") or {}).get("uri", ""))
    found = folder / uri
    if uri.endswith(".json") and found.is_file():
        inner = json.loads(found.read_bytes())
        lifts.append(_lift(inner["root"], found.parent, heights))
    own = edits_in(found, heights) if uri.endswith(".glb") and found.is_file() else {}
    box = node["boundingVolume"].get("box")
    if own and box:
        lifts.append(edited_glb(found, own)[1] + SPARE_M - (box[2] + box[11]))
    lift = max([0.0, *lifts])
    if lift and box:
        box[2], box[11] = round(box[2] + lift / 2, 6), round(box[11] + lift / 2, 6)
    elif lift and "region" in node["boundingVolume"]:
        node["boundingVolume"]["region"][5] += lift
    return lift
