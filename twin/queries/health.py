"""What the service's health is judged by: the database's version and the products it lists."""

from __future__ import annotations

from typing import Any

import psycopg

THERE = "SELECT to_regclass('twin.schema_version') IS NOT NULL"
REVISION = "SELECT version_num FROM twin.schema_version"
PRODUCTS = "SELECT s.name, p.kind, p.path FROM twin.product p JOIN twin.survey s USING (survey_id) ORDER BY 1, 2"
JOBS = "SELECT state, count(*) FROM twin.job GROUP BY state"


async def revision(cursor: psycopg.AsyncCursor[Any]) -> str | None:
    """Read the database's version; None when it has none."""
    await cursor.execute(THERE)
    row = await cursor.fetchone()
    if row is None or not row[0]:
        return None
    await cursor.execute(REVISION)
    row = await cursor.fetchone()
    return str(row[0]) if row else None


async def products_listed(cursor: psycopg.AsyncCursor[Any]) -> list[tuple[str, str, str]]:
    """List every product: survey, kind, path relative to the data directory."""
    await cursor.execute(PRODUCTS)
    return [(str(name), str(kind), str(path)) for name, kind, path in await cursor.fetchall()]


async def jobs_by_state(cursor: psycopg.AsyncCursor[Any]) -> dict[str, int]:
    """Count jobs by state."""
    await cursor.execute(JOBS)
    return {str(state): int(count) for state, count in await cursor.fetchall()}
