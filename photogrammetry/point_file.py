"""Point clouds as binary PLY: positions, and when known normals, colours and the number of views."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FIELDS = {
    "xyz": (("x", "y", "z"), "<f4", "float"),
    "normals": (("nx", "ny", "nz"), "<f4", "float"),
    "colours": (("red", "green", "blue"), "u1", "uchar"),
    "views": (("views",), "u1", "uchar"),
}


def write_points(
    path: Path,
    xyz: NDArray[np.floating],
    *,
    normals: NDArray[np.floating] | None = None,
    colours: NDArray[np.uint8] | None = None,
    views: NDArray[np.integer] | None = None,
) -> None:
    """Write points (N, 3) of a local frame, with what is known of each: normals (N, 3), colours (N, 3), views (N,)."""
    given = {"xyz": xyz, "normals": normals, "colours": colours, "views": views}
    parts = {
        name: np.asarray(value).reshape(len(xyz), len(FIELDS[name][0]))
        for name, value in given.items()
        if value is not None
    }
    columns = [(field, FIELDS[name][1]) for name in parts for field in FIELDS[name][0]]
    table = np.zeros(len(xyz), dtype=columns)
    for name, values in parts.items():
        for index, field in enumerate(FIELDS[name][0]):
            table[field] = np.minimum(values[:, index], 255) if name == "views" else values[:, index]
    lines = [f"property {FIELDS[name][2]} {field}" for name in parts for field in FIELDS[name][0]]
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(xyz)}", *lines, "end_header", ""]
    with path.open("wb") as stream:
        stream.write("\n".join(header).encode("ascii"))
        table.tofile(stream)


def read_points(path: Path) -> dict[str, NDArray[np.generic]]:
    """Read a file of write_points: {"xyz": (N, 3), ...} with what it holds."""
    kinds = {"float": "<f4", "uchar": "u1"}
    with path.open("rb") as stream:
        columns, count = [], 0
        for line in iter(lambda: stream.readline().decode("ascii").split(), ["end_header"]):
            if line[:2] == ["element", "vertex"]:
                count = int(line[2])
            if line[:1] == ["property"]:
                columns.append((line[2], kinds[line[1]]))
        table = np.fromfile(stream, dtype=columns, count=count)
    names = set(table.dtype.names or ())
    return {
        name: np.stack([table[field] for field in fields], axis=-1)[:, 0 if name == "views" else slice(None)]
        for name, (fields, _, _) in FIELDS.items()
        if set(fields) <= names
    }
