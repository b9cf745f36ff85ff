"""Heights that a delivery gives for its rows: of a solid, of a point, or written in columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest_gis.checks import Problems

if TYPE_CHECKING:
    from ingest_gis.positions import Placed

COLUMNS = ("ground_h_m", "roof_h_m", "height_m")


def add_heights(values: Sequence[dict[str, Any]], placed: Placed, problems: Problems) -> None:
    """Give each row that has heights a document of them, with the datum they are in.

    values: the rows' fields, changed here. A row without heights gets none. Heights in columns without a declared
    datum are left out and noted.
    """
    for row, fields in enumerate(values):
        if placed.solids is not None and (solid := placed.solids[row]) is not None:
            fields["heights"] = solid.document()
        elif said := {name: fields[name] for name in COLUMNS if fields.get(name) is not None}:
            if placed.vertical is None:
                problems.note("height_without_datum")
            else:
                fields["heights"] = _whole(said) | {"vertical_datum": placed.vertical}
        elif placed.heights is not None and np.isfinite(placed.heights[row]):
            fields["heights"] = {"height_m": round(float(placed.heights[row]), 3), "vertical_datum": placed.vertical}


def _whole(said: dict[str, Any]) -> dict[str, Any]:
    """Add the height where ground and roof are given."""
    if "height_m" not in said and "ground_h_m" in said and "roof_h_m" in said:
        return said | {"height_m": round(said["roof_h_m"] - said["ground_h_m"], 3)}
    return said
