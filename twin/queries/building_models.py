"""Buildings as they are given away: outline, heights, and the faces of their solids with what each face is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from twin.solids import Polyhedron, read_wkb

# ST_AsBinary writes ISO WKB; 'NDR' is little-endian.
_GIVEN = """
SELECT b.code, b.name_zh, b.use_zh, b.storeys, b.lod, b.ground_h_m, b.roof_h_m, b.height_m, b.height_sigma_m,
       b.vertical_datum, ST_AsBinary(b.geom_m, 'NDR'), ST_AsBinary(b.solid, 'NDR'),
       m.crs, m.model
FROM twin.building b LEFT JOIN twin.building_model m USING (building_id)
"""
SELECT = f"""{_GIVEN}WHERE b.valid_to IS NULL AND (%(batch_id)s::bigint IS NULL OR b.batch_id = %(batch_id)s)
ORDER BY b.building_id
"""
# A page of those with a solid in a box (degrees), by key; the key comes last.
IN_BOX = f"""{_GIVEN.replace("m.crs, m.model", "m.crs, m.model, b.building_id")}
WHERE b.valid_to IS NULL AND b.solid IS NOT NULL AND b.building_id > %(after)s
  AND b.vertical_datum IS NOT DISTINCT FROM %(datum)s
  AND (%(west)s::float8 IS NULL OR b.geom && ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4490))
ORDER BY b.building_id LIMIT %(limit)s
"""
COUNT = """
SELECT count(*) FROM twin.building
WHERE valid_to IS NULL AND (%(batch_id)s::bigint IS NULL OR batch_id = %(batch_id)s)
"""
ROWS_AT_ONCE = 1000
Box = tuple[float, float, float, float]
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
            yield _given(row)


def _given(row: Sequence[Any]) -> GivenBuilding:
    facts = dict(zip(COLUMNS, row, strict=True))
    facts["outline"] = bytes(facts["outline"])
    facts["solid"] = read_wkb(bytes(facts["solid"])) if facts["solid"] is not None else None
    return GivenBuilding(**facts)


async def solids_in_box(
    cursor: psycopg.AsyncCursor[Any], box_4490: Box | None, vertical_datum: str, after: int, limit: int
) -> tuple[list[GivenBuilding], int | None]:
    """Read a page of the buildings that stand now and have a solid with heights in this datum.

    box_4490: west, south, east, north in degrees; None: everywhere. after: the key before the page's first.
    Returns the buildings and the key after which the next page begins, None at the end.
    """
    west, south, east, north = box_4490 or (None, None, None, None)
    values: dict[str, Any] = {
        "west": west,
        "south": south,
        "east": east,
        "north": north,
        "after": after,
        "limit": limit + 1,
    }
    values["datum"] = vertical_datum
    await cursor.execute(IN_BOX, values)
    rows = await cursor.fetchall()
    page = rows[:limit]
    return [_given(row[:-1]) for row in page], int(page[-1][-1]) if len(rows) > limit else None
