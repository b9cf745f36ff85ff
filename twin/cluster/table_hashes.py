"""Count and hash every table, whatever the order of its rows, to prove that a restored database is the same."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

SCHEMAS = ["twin", "private", "history", "audit", "access", "queue"]
# Everything that changes how a value is written as text.
PLAIN_TEXT = """
SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL intervalstyle = 'iso_8601';
SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; SET LOCAL xmloption = 'content';
SET LOCAL search_path = pg_catalog, public
"""
LIST = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = ANY (%s) ORDER BY 1, 2
"""
# The sum does not depend on the order of rows, and unlike XOR notices a row that is there twice.
HASH = """
SELECT count(*), coalesce(sum(('x' || encode(substring(h FROM 1 FOR 8), 'hex'))::bit(64)::bigint::numeric), 0)::text
  || ':' || coalesce(sum(('x' || encode(substring(h FROM 9 FOR 8), 'hex'))::bit(64)::bigint::numeric), 0)::text
FROM (SELECT sha256(convert_to(t::text, 'UTF8')) AS h FROM {} t) hashed
"""
TableHashes = dict[str, dict[str, Any]]


def hash_tables(connection: psycopg.Connection[Any]) -> TableHashes:
    """Count and hash the rows of every table of the twin as the connection's transaction sees them.

    connection: of a role the row policies do not bind. Partitions are tables of their own.
    Returns "schema.table" -> {"rows": count, "hash": text}; equal tables have equal hashes.
    """
    connection.execute(PLAIN_TEXT)
    hashes: TableHashes = {}
    for schema, name in connection.execute(LIST, (SCHEMAS,)).fetchall():
        row = connection.execute(sql.SQL(HASH).format(sql.Identifier(schema, name))).fetchone()
        assert row is not None  # noqa: S101 -- an aggregate always has a row
        hashes[f"{schema}.{name}"] = {"rows": row[0], "hash": row[1]}
    return hashes


def differences(expected: TableHashes, found: TableHashes) -> list[str]:
    """Name the tables that are missing, new or different, with their counts."""
    return [
        f"{name} ({expected.get(name, {}).get('rows', 'none')} -> {found.get(name, {}).get('rows', 'none')} rows)"
        for name in sorted(expected.keys() | found.keys())
        if expected.get(name) != found.get(name)
    ]
