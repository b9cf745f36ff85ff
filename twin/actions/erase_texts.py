"""Take a person's values out of texts that are not sealed: titles, reasons of links, jobs' messages, remarks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from twin.personal.ledger import Known

GONE = "***"
SCHEMAS = ("twin", "queue", "access")
# Where a name alone is enough: these tables speak of few things, and hardly ever of somebody of the same name.
BY_NAME = frozenset(
    {
        "twin.job", "twin.link", "twin.refused_delivery", "twin.batch", "twin.event", "twin.export",
        "queue.procrastinate_jobs",
    }
)  # fmt: skip
COLUMNS = """
SELECT n.nspname, c.relname, array_agg(a.attname::text ORDER BY a.attnum), array_agg(t.typname::text ORDER BY a.attnum)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
  JOIN pg_type t ON t.oid = a.atttypid
WHERE n.nspname = ANY (%s) AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
  AND t.typname IN ('text', 'varchar', 'jsonb', 'json') AND has_table_privilege(c.oid, 'UPDATE')
GROUP BY 1, 2 ORDER BY 1, 2
"""
SHORTEST = 5  # shorter values stand in other numbers by chance
# Titles of this person's records, and what history keeps of them.
TITLES = """
UPDATE twin.record SET title_zh = replace(title_zh, %(value)s, %(gone)s), raw_hash = NULL
WHERE record_id = ANY (%(records)s) AND strpos(title_zh, %(value)s) > 0
"""
OLD_TITLES = """
DELETE FROM history.version
WHERE table_name = 'record' AND row_id = ANY (%(records)s) AND strpos(old_row::text, %(value)s) > 0
"""
OLD_ROWS = """
DELETE FROM history.version
WHERE old_row IS NOT NULL AND old_row::text LIKE ANY (%(patterns)s) AND old_row::text ~ %(regex)s
"""
OLD_LINKS = """
DELETE FROM history.version WHERE table_name IN ('link', 'event') AND old_row::text LIKE ANY (%(patterns)s)
"""


def erase_texts(cursor: psycopg.Cursor[Any], known: Known, records: set[int]) -> Counter[str]:
    """Replace a person's values by *** wherever they stand in clear. Returns how many rows, by table."""
    done: Counter[str] = Counter()
    numbers = [text for text in known.texts() if len(text) >= SHORTEST]
    names = sorted((name for name in known.names if len(name) > 1), key=len, reverse=True)
    for value in [*numbers, *names]:
        bound = {"value": value, "gone": GONE, "records": list(records)}
        done["twin.record"] += cursor.execute(TITLES, bound).rowcount
        done["history.version"] += cursor.execute(OLD_TITLES, bound).rowcount
    for space, table, columns, kinds in cursor.execute(COLUMNS, (list(SCHEMAS),)).fetchall():
        name = f"{space}.{table}"
        values = [*numbers, *names] if name in BY_NAME else numbers
        if values:
            done[name] += _replace(cursor, space, table, list(zip(columns, kinds, strict=True)), values)
    # Last: the changes above have put the old texts into history.
    if numbers:
        bound = {"patterns": _patterns(numbers), "regex": _regex(numbers)}
        done["history.version"] += cursor.execute(OLD_ROWS, bound).rowcount
    if names:
        done["history.version"] += cursor.execute(OLD_LINKS, {"patterns": _patterns(names)}).rowcount
    return done


def _replace(
    cursor: psycopg.Cursor[Any], space: str, table: str, columns: Sequence[tuple[str, str]], values: Sequence[str]
) -> int:
    """Replace values in the text columns of one table; digits that are part of a longer number are another number."""
    sets, where = [], []
    for column, kind in columns:
        text: sql.Composable = sql.SQL("{}::text").format(sql.Identifier(column))
        where.append(sql.SQL("({0} LIKE ANY (%(patterns)s) AND {0} ~ %(regex)s)").format(text))
        text = sql.SQL("regexp_replace({}, %(regex)s, %(gone)s, 'g')").format(text)
        cast = sql.SQL("::" + kind) if kind in ("json", "jsonb") else sql.SQL("")
        sets.append(sql.SQL("{} = ({}){}").format(sql.Identifier(column), text, cast))
    statement = sql.SQL("UPDATE {} SET {} WHERE {}").format(
        sql.Identifier(space, table), sql.SQL(", ").join(sets), sql.SQL(" OR ").join(where)
    )
    bound = {"patterns": _patterns(values), "regex": _regex(values), "gone": GONE}
    return cursor.execute(statement, bound).rowcount


def _regex(values: Sequence[str]) -> str:
    return "(?<![0-9])(?:" + "|".join(re.escape(value) for value in values) + ")(?![0-9])"


def _patterns(values: Sequence[str]) -> list[str]:
    escaped = (value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") for value in values)
    return [f"%{value}%" for value in escaped]
