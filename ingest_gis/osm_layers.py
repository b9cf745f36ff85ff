"""OpenStreetMap extracts as layers of a delivery, every tag kept; runs in the guarded child only.

The GDAL driver sorts elements into five layers and a few columns; here buildings stand in a layer of their own, and
all tags of a row come together again as one JSON object in the column `tags`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pyarrow as pa

OPEN_OPTIONS = {"TAGS_FORMAT": "JSON"}
NO_TAGS = ("osm_id", "osm_way_id", "other_tags", "z_order", "wkb_geometry")
# Columns that mappings ask for by name, besides the tags as a whole.
COLUMNS = ("osm_id", "name", "name:zh", "name:en", "ref", "height", "building:levels", "start_date", "tags")


@dataclass(frozen=True)
class OsmLayer:
    """One layer as a delivery has it: the driver's layer and which of its rows."""

    source: str
    where: str | None = None


LAYERS = {
    "osm_points": OsmLayer("points"),
    "osm_lines": OsmLayer("lines"),
    "osm_routes": OsmLayer("multilinestrings"),
    "osm_buildings": OsmLayer("multipolygons", "building IS NOT NULL"),
    "osm_areas": OsmLayer("multipolygons", "building IS NULL"),
    "osm_relations": OsmLayer("other_relations"),
}


def with_tags(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Gather the columns and other_tags of a driver's batch into COLUMNS.

    An element's id is its kind and number as OpenStreetMap writes them (n1, w1, r1): numbers alone are not unique.
    """
    names = [name for name in batch.schema.names if name not in NO_TAGS]
    columns = {name: batch[name].to_pylist() for name in batch.schema.names if name != "wkb_geometry"}
    rows = []
    for at in range(batch.num_rows):
        tags = {name: columns[name][at] for name in names if columns[name][at] is not None}
        tags |= json.loads(columns["other_tags"][at] or "{}")
        rows.append(tags)
    ids = _ids(columns, batch.num_rows)
    taken = [[tags.get(name) for tags in rows] for name in COLUMNS[1:-1]]
    texts = [json.dumps(tags, ensure_ascii=False, sort_keys=True) for tags in rows]
    arrays = [pa.array(column, pa.string()) for column in (ids, *taken, texts)]
    return pa.RecordBatch.from_arrays([*arrays, batch["wkb_geometry"]], names=[*COLUMNS, "wkb_geometry"])


def _ids(columns: dict[str, list[str | None]], count: int) -> list[str | None]:
    if "osm_way_id" in columns:
        pairs = zip(columns["osm_id"], columns["osm_way_id"], strict=True)
        return [f"r{relation}" if relation else f"w{way}" for relation, way in pairs]
    kind = "n" if "address" in columns else "w" if "waterway" in columns else "r"
    return [f"{kind}{number}" for number in columns["osm_id"][:count]]
