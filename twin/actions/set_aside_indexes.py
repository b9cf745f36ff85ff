"""Indexes and references that a large load sets aside, and how they come back: side by side, and after a kill too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg

from twin.cluster import server
from twin.settings import Settings

SIDE_BY_SIDE = 2
# Whoever loads a kind of thing holds this lock of its session.
LOAD_LOCK = "twin.load.{target}"
CAN_BE_SET_ASIDE: frozenset[str] = frozenset({"building", "address", "asset", "entity", "record"})


@contextmanager
def indexes_aside(settings: Settings, target: str) -> Iterator[bool]:
    """Set a table's indexes aside and bring them back at the end. Yields whether that was possible.

    Raises nothing when somebody holds on to the table: then the indexes stay. Looking at the table anew for the planner
    (`look_at`) is left to the caller.
    """
    with server.connect(settings, "ingest", autocommit=True) as connection:
        try:
            connection.execute("SELECT twin.set_indexes_aside(%s)", (target,))
            aside = True
        except psycopg.errors.LockNotAvailable:
            aside = False
    try:
        yield aside
    finally:
        bring_back(settings, target)


def bring_back(settings: Settings, target: str) -> list[str]:
    """Make every index of a table again that was set aside. Returns their names."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        made = [name for names in pool.map(_bring_back_some, [settings] * SIDE_BY_SIDE, [target] * SIDE_BY_SIDE)
                for name in names]  # fmt: skip
    return made + _bring_back_some(settings, target, references_too=True)


def look_at(settings: Settings, targets: Iterable[str]) -> None:
    """Look at tables anew for the planner, after large loads."""
    with server.connect(settings, "ingest", autocommit=True) as connection:
        for target in targets:
            connection.execute("SELECT twin.look_at(%s)", (target,))


def _bring_back_some(settings: Settings, target: str, *, references_too: bool = False) -> list[str]:
    made, values = [], (target, references_too)
    with server.connect(settings, "ingest", autocommit=True) as connection:
        connection.execute("SET statement_timeout = 0")
        while (row := connection.execute("SELECT twin.bring_index_back(%s, %s)", values).fetchone()) and row[0]:
            made.append(str(row[0]))
    return made


def bring_back_abandoned(settings: Settings) -> list[str]:
    """Make again what a load that was killed has left set aside; a load that is still going on is left alone.

    Returns the names of the indexes and references made.
    """
    made: list[str] = []
    with server.connect(settings, "ingest", autocommit=True) as connection:
        rows = connection.execute("SELECT DISTINCT table_name FROM twin.set_aside ORDER BY 1").fetchall()
        for (target,) in rows:
            lock = (LOAD_LOCK.format(target=target),)
            taken = connection.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", lock).fetchone()
            if taken and taken[0]:
                made += bring_back(settings, target)
                look_at(settings, [target])
                connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", lock)
    return made
