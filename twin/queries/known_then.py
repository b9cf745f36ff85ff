"""Tables as the twin knew them at a moment: present rows that have not changed since, and versions kept by history.

`known_at` (bound as as_of) is a moment of known time; whether a row was also valid then is for the query to say.
"""

from __future__ import annotations

KEYS = {
    "admin_unit": "admin_id",
    "grid": "grid_id",
    "building": "building_id",
    "address": "address_id",
    "asset": "asset_id",
    "entity": "entity_id",
    "record": "record_id",
    "link": "link_id",
    "event": "event_id",
    "sensor": "sensor_id",
}

# Tables whose rows say themselves since when they are known as they are; a delivered row has no I row beside it.
SAY_SINCE_WHEN = frozenset({"building", "address", "asset", "entity", "record"})

# history.version keeps the version that ended at known_to; an I row says when a row began to be known.
_AS_OF = """(
      SELECT t.* FROM twin.{table} t
      WHERE {known} NOT EXISTS (SELECT FROM history.version v
                        WHERE v.table_name = '{table}' AND v.row_id = t.{key} AND v.known_to > %(as_of)s)
      UNION ALL
      SELECT r.* FROM history.version v
        CROSS JOIN LATERAL jsonb_populate_record(NULL::twin.{table}, v.old_row) r
      WHERE v.table_name = '{table}' AND v.operation <> 'I' AND v.known_from <= %(as_of)s AND v.known_to > %(as_of)s)"""


def sources_now() -> dict[str, str]:
    """Name the tables a query reads to answer for now."""
    return {table: f"twin.{table}" for table in KEYS}


def sources_as_of() -> dict[str, str]:
    """Give the subqueries a query reads to answer for %(as_of)s."""
    known = dict.fromkeys(SAY_SINCE_WHEN, "t.known_at <= %(as_of)s AND")
    return {
        table: _AS_OF.replace("{table}", table).replace("{key}", key).replace("{known}", known.get(table, ""))
        for table, key in KEYS.items()
    }


def valid(alias: str) -> str:
    """Say that a row was so in the city at %(as_of)s (bound to the present when nobody asks for the past)."""
    return f"{alias}.valid_from <= %(as_of)s AND ({alias}.valid_to IS NULL OR {alias}.valid_to > %(as_of)s)"
