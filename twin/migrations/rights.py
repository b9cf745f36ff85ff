"""Bring the shipped rights into the database; what a security administrator has set stays."""

from __future__ import annotations

import csv
from typing import Any

import psycopg

from twin.settings import SHIPPED_DATA

RIGHTS_FILE = "access/rights.csv"
GONE = """
DELETE FROM access.right r WHERE NOT r.is_local AND NOT EXISTS (
  SELECT FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) s(role, action, collection, area)
  WHERE (s.role, s.action, s.collection, s.area) = (r.role, r.action, r.collection, r.area))
"""
BROUGHT = """
INSERT INTO access.right AS old (role, action, collection, area, fields)
SELECT s.role, s.action, s.collection, s.area, string_to_array(s.fields, ' ')
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[]) s(role, action, collection, area, fields)
ON CONFLICT (role, action, collection, area) DO UPDATE SET fields = excluded.fields
  WHERE NOT old.is_local AND old.fields <> excluded.fields
"""


def load_rights(connection: psycopg.Connection[Any]) -> None:
    """Load data/access/rights.csv; loading again changes nothing. The actor of the transaction is set before."""
    with (SHIPPED_DATA / RIGHTS_FILE).open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    columns = [[row[name] for row in rows] for name in ("role", "action", "collection", "area", "fields")]
    connection.execute(GONE, columns[:4])
    connection.execute(BROUGHT, columns)
