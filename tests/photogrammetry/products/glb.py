"""GLB files read back with a reader that is not ours (pygltflib), for the tests."""

from __future__ import annotations

import json
import struct
from itertools import pairwise

import numpy as np
import pygltflib

COMPONENTS = {5121: "u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTH = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}


class Glb:
    """A GLB as its readers see it."""

    def __init__(self, content):
        self.bytes = bytes(content)
        self.gltf = pygltflib.GLTF2.load_from_bytes(self.bytes)
        self.binary = self.gltf.binary_blob()
        length = struct.unpack_from("<I", self.bytes, 12)[0]
        self.json = json.loads(self.bytes[20 : 20 + length])

    def view(self, index):
        view = self.gltf.bufferViews[index]
        return self.binary[view.byteOffset : view.byteOffset + view.byteLength]

    def values(self, index):
        """Give an accessor's values, strides respected."""
        accessor = self.gltf.accessors[index]
        kind, width = np.dtype(COMPONENTS[accessor.componentType]), WIDTH[accessor.type]
        stride = self.gltf.bufferViews[accessor.bufferView].byteStride or kind.itemsize * width
        raw = self.view(accessor.bufferView)[accessor.byteOffset or 0 :]
        rows = [np.frombuffer(raw, kind, width, at * stride) for at in range(accessor.count)]
        return np.stack(rows) if width > 1 else np.concatenate(rows)

    def primitives(self):
        """Give each primitive as (attributes by name, indices, raw JSON)."""
        for entry in self.json["meshes"][0]["primitives"]:
            attributes = {name: self.values(index) for name, index in entry["attributes"].items()}
            yield attributes, self.values(entry["indices"]), entry

    def enu(self):
        """Give all positions as ENU (N, 3): 3D Tiles turns y-up into z-up."""
        every = np.concatenate([attributes["POSITION"] for attributes, _, _ in self.primitives()])
        return np.column_stack([every[:, 0], -every[:, 2], every[:, 1]]).astype(float)

    def texts(self, name):
        """Give a column of texts of the property table."""
        table = self.json["extensions"]["EXT_structural_metadata"]["propertyTables"][0]
        entry = table["properties"][name]
        offsets = np.frombuffer(self.view(entry["stringOffsets"]), "<u4", table["count"] + 1)
        data = self.view(entry["values"])
        return [data[a:b].decode() for a, b in pairwise(offsets)]

    def numbers(self, name):
        table = self.json["extensions"]["EXT_structural_metadata"]["propertyTables"][0]
        return np.frombuffer(self.view(table["properties"][name]["values"]), "<f4", table["count"])
