"""Buildings as they are given away: outline, heights, and the faces of their solids with what each face is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from twin.solids import Polyhedron, read_wkb

# ST_AsBinary writes ISO WKB; 'NDR' is little-endian.
SELECT = """
SELECT b.code, b.name_zh, b.use_zh, b.storeys, b.lod, b.ground_h_m, b.roof_h_m, b.height_m, b.height_sigma_m,
       b.vertical_datum, ST_AsBinary(b.geom_m, 'NDR'), ST_AsBinary(b.solid, 'NDR'),
       m.crs, m.model
FROM twin.building b LEFT JOIN twin.building_model m USING (building_id)
WHERE b.valid_to IS NULL AND (%(batch_id)s::bigint IS NULL OR b.batch_id = %(batch_id)s)
ORDER BY b.building_id
"""
COUNT = """
SELECT count(*) FROM twin.building
WHERE valid_to IS NULL AND (%(batch_id)s::bigint IS NULL OR batch_id = %(batch_id)s)
"""
ROWS_AT_ONCE = 1000
COLUMNS = (
    "code", "name_zh", "use_zh", "storeys", "lod", "ground_h_m", "roof_h_m", "height_m", "height_sigma_m",
    "vertical_datum", "outline", "solid", "source_crs", "model",
)  # fmt: skip


@dataclass(frozen=True)
class GivenBuilding:
    """One building. outline: WKB in the working CRS. solid: faces in the working CRS, heights in vertical_datum.

    source_crs, model: the system its delivered solid came in and how that hung together (None: the survey's own).
    """

    code: str
    name_zh: str | None
    use_zh: str | None
    storeys: int | None
    lod: str | None
    ground_h_m: float | None
    roof_h_m: float | None
    height_m: float | None
    height_sigma_m: float | None
    vertical_datum: str | None
    outline: bytes
    solid: Polyhedron | None
    source_crs: str | None
    model: dict[str, Any] | None

    def attributes(self) -> dict[str, Any]:
        """Give what the twin says of it in words and numbers, empty ones left out."""
        names = (
            "name_zh", "use_zh", "storeys", "ground_h_m", "roof_h_m", "height_m", "height_sigma_m", "vertical_datum",
        )  # fmt: skip
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def given_buildings(connection: psycopg.Connection[Any], batch_id: int | None = None) -> Iterator[GivenBuilding]:
    """Read the buildings that stand now, or those that a batch brought last, a thousand at a time.

    connection: inside a transaction.
    """
    with connection.cursor("given_buildings", binary=True) as cursor:
        cursor.itersize = ROWS_AT_ONCE
        cursor.execute(SELECT, {"batch_id": batch_id})
        for row in cursor:
            facts = dict(zip(COLUMNS, row, strict=True))
            facts["outline"] = bytes(facts["outline"])
            facts["solid"] = read_wkb(bytes(facts["solid"])) if facts["solid"] is not None else None
            yield GivenBuilding(**facts)
