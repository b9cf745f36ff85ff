"""Faces in space: polyhedral surfaces as well-known binary, read, moved and written."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Face = list[Points]  # the outline, then holes; each (N, 3), the first corner not repeated
POLYHEDRAL_SURFACE, POLYGON = 15, 3
ISO_Z = 1000
EWKB_Z, EWKB_SRID = 0x80000000, 0x20000000
FEWEST_CORNERS = 3


class UnreadableSolid(ValueError):
    """The bytes are no polyhedral surface, or one with a face that encloses nothing."""


@dataclass(frozen=True)
class Polyhedron:
    """Faces, each an outline and its holes, corners with heights."""

    faces: tuple[tuple[Points, ...], ...]

    def corners(self) -> Points:
        """Give all corners of all rings one below the other, (N, 3)."""
        return np.vstack([ring for face in self.faces for ring in face])

    def moved(self, change: Callable[[Points], Points]) -> Polyhedron:
        """Give the same faces with every corner moved. change: takes and gives (N, 3)."""
        sizes = [len(ring) for face in self.faces for ring in face]
        rings = iter(np.split(change(self.corners()), np.cumsum(sizes)[:-1]))
        return Polyhedron(tuple(tuple(next(rings) for _ in face) for face in self.faces))

    def as_wkb(self) -> bytes:
        """Write ISO WKB, little-endian, rings closed."""
        return self._write(POLYHEDRAL_SURFACE + ISO_Z, POLYGON + ISO_Z, b"")

    def as_ewkb(self, srid: int) -> bytes:
        """Write EWKB as PostGIS takes it."""
        head = struct.pack("<I", srid)
        return self._write(POLYHEDRAL_SURFACE | EWKB_Z | EWKB_SRID, POLYGON | EWKB_Z, head)

    def _write(self, kind: int, face_kind: int, srid: bytes) -> bytes:
        parts = [struct.pack("<BI", 1, kind), srid, struct.pack("<I", len(self.faces))]
        for face in self.faces:
            parts.append(struct.pack("<BII", 1, face_kind, len(face)))
            for ring in face:
                closed = np.vstack([ring, ring[:1]])
                parts += [struct.pack("<I", len(closed)), closed.astype("<f8").tobytes()]
        return b"".join(parts)


def polyhedron(faces: Sequence[Sequence[Points]]) -> Polyhedron:
    """Put faces together.

    faces: each an outline and its holes, (N, 3) corners without the first repeated.
    Raises UnreadableSolid for no faces, rings of fewer than three corners, or corners that are no numbers.
    """
    rings = [ring for face in faces for ring in face]
    if not rings or any(len(ring) < FEWEST_CORNERS for ring in rings) or any(not face for face in faces):
        raise UnreadableSolid("a face that encloses nothing")
    if not all(np.isfinite(ring).all() for ring in rings):
        raise UnreadableSolid("a corner that is no number")
    return Polyhedron(tuple(tuple(face) for face in faces))


def read_wkb(wkb: bytes) -> Polyhedron:
    """Read ISO WKB or EWKB of a PolyhedralSurface Z, little-endian.

    Raises UnreadableSolid when it is something else, cut short, or not closed.
    """
    try:
        order, kind = struct.unpack_from("<BI", wkb)
        at = 5 + (4 if kind & EWKB_SRID else 0)
        if order != 1 or kind & ~EWKB_SRID not in (POLYHEDRAL_SURFACE + ISO_Z, POLYHEDRAL_SURFACE | EWKB_Z):
            raise UnreadableSolid("not a polyhedral surface with heights")
        (count,) = struct.unpack_from("<I", wkb, at)
        at += 4
        faces = []
        for _ in range(count):
            face, at = _face(wkb, at)
            faces.append(face)
    except (struct.error, ValueError) as error:
        raise UnreadableSolid("cut short") from error
    if at != len(wkb):
        raise UnreadableSolid("bytes left over")
    return polyhedron(faces)


def _face(wkb: bytes, at: int) -> tuple[Face, int]:
    order, kind, rings = struct.unpack_from("<BII", wkb, at)
    if order != 1 or kind not in (POLYGON + ISO_Z, POLYGON | EWKB_Z):
        raise UnreadableSolid("a face that is no polygon")
    at += 9
    face: Face = []
    for _ in range(rings):
        (count,) = struct.unpack_from("<I", wkb, at)
        ring = np.frombuffer(wkb, dtype="<f8", count=3 * count, offset=at + 4).reshape(-1, 3)
        if len(ring) < FEWEST_CORNERS + 1 or (ring[0] != ring[-1]).any():
            raise UnreadableSolid("a ring that is not closed")
        face.append(ring[:-1].astype(np.float64))
        at += 4 + 24 * count
    return face, at
