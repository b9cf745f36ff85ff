"""Delivered solids brought into the working CRS, with how their faces belong together and where they came from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest_gis.checks import Problems
from ingest_gis.datum import Datum, to_cgcs2000
from ingest_gis.source_crs import SourceCrs
from twin.crs import transformer
from twin.solids import Polyhedron, UnreadableSolid, read_wkb

SOLID, MODEL, LOD, LEFT_OUT = "_solid", "_model", "_lod", "_lods_left_out"
KEPT = ("id", "type", "attributes", "geometry", "lod", "shells", "surfaces", "values")


@dataclass(frozen=True)
class Solid:
    """One building's faces: EWKB in the working CRS; what they are; lowest and highest height in vertical_datum."""

    ewkb: bytes
    model: dict[str, Any]
    lod: str | None
    ground_h_m: float
    roof_h_m: float
    vertical_datum: str

    def document(self) -> dict[str, Any]:
        """Write it as the public document of a building has it."""
        return {
            "solid": self.ewkb.hex(), "model": self.model, "lod": self.lod, "ground_h_m": self.ground_h_m,
            "roof_h_m": self.roof_h_m, "height_m": round(self.roof_h_m - self.ground_h_m, 3),
            "vertical_datum": self.vertical_datum,
        }  # fmt: skip


def place_solids(
    raw: Mapping[str, Sequence[str | None]], crs: SourceCrs, datum: Datum, working_srid: int, problems: Problems
) -> list[Solid | None]:
    """Bring the solids of a batch into the working CRS.

    raw: the batch's text columns; SOLID holds hex WKB in the file's coordinates. A solid whose heights mean nothing,
    or whose faces are unsound, is left out and noted; its row stays.
    """
    placed: list[Solid | None] = []
    for row, text in enumerate(raw[SOLID]):
        solid = None
        if text:
            if crs.vertical is None:
                problems.note("height_without_datum")
            else:
                solid = _place(text, raw[MODEL][row], raw[LOD][row], crs, datum, working_srid)
                problems.note("solid_left_out", int(solid is None))
            problems.note("lods_left_out", int(bool(raw[LEFT_OUT][row])))
        placed.append(solid)
    return placed


def _place(
    text: str, model_text: str | None, lod: str | None, crs: SourceCrs, datum: Datum, working_srid: int
) -> Solid | None:
    try:
        solid = read_wkb(bytes.fromhex(text))
        model = {"crs": crs.crs, "swapped": crs.swapped, "parts": _parts(json.loads(model_text or "{}"), solid)}
        moved = solid.moved(lambda points: _to_working(points, crs, datum, working_srid))
    except (UnreadableSolid, ValueError, KeyError, TypeError):
        return None
    heights = moved.corners()[:, 2]
    if not np.isfinite(moved.corners()).all():
        return None
    return Solid(
        moved.as_ewkb(working_srid), model, lod, round(float(heights.min()), 3), round(float(heights.max()), 3),
        str(crs.vertical),
    )  # fmt: skip


def _parts(model: dict[str, Any], solid: Polyhedron) -> list[dict[str, Any]]:
    """Check how the faces belong together against the faces there are."""
    parts = [{name: part[name] for name in KEPT} for part in model["parts"]]
    for part in parts:
        faces = sum(int(size) for size in part["shells"])
        if part["values"] and len(part["values"]) != faces:
            raise ValueError("semantics do not fit the faces")
    if sum(int(size) for part in parts for size in part["shells"]) != len(solid.faces):
        raise ValueError("parts do not fit the faces")
    return parts


def _to_working(points: NDArray[np.float64], crs: SourceCrs, datum: Datum, working_srid: int) -> NDArray[np.float64]:
    """Move corners east and north; heights stay what they are in their own datum."""
    given = points[:, 1::-1] if crs.swapped else points[:, :2]
    if crs.is_geographic and datum != "cgcs2000":
        lon, lat = transformer(crs.crs, "EPSG:4490").transform(given[:, 0], given[:, 1])
        moved = np.column_stack(
            transformer("EPSG:4490", f"EPSG:{working_srid}").transform(*to_cgcs2000(lon, lat, datum))
        )
    else:
        moved = _there_and_back(given, crs.crs, f"EPSG:{working_srid}")
    return np.column_stack([moved, points[:, 2]])


def _there_and_back(given: NDArray[np.float64], source: str, target: str) -> NDArray[np.float64]:
    """Project (N, 2) so exactly that the way back gives the same.

    Some projections find their inverse by iteration and stop half a millimetre short (the Swiss one): what is missing
    on the way back is added before going again.
    """
    if source == target:
        return given
    across = transformer(source, target)
    there = np.column_stack(across.transform(given[:, 0], given[:, 1]))
    back = np.column_stack(across.transform(there[:, 0], there[:, 1], direction="INVERSE"))
    nearer = given + (given - back)
    return np.column_stack(across.transform(nearer[:, 0], nearer[:, 1]))
