"""Keep answers quick after loads: search entries, totals, the order of assets on the disk, the planner's figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from twin.cluster.server import connect
from twin.session import Actor, transaction
from twin.settings import Settings

WORKER = Actor(name="tidy", role="system", purpose="maintenance")
VACUUMED = ("twin.asset", "twin.search_entry", "twin.search_pending", "twin.area_total", "twin.area_stale",
            "twin.tile_change")  # fmt: skip
MOST_ENTRIES, MOST_SQUARES = 20_000, 500
# What is worked off a piece at a time: the function that does a piece, the piece's size, how much is noted.
SEARCH = (
    "SELECT twin.search_catch_up(%s)",
    MOST_ENTRIES,
    "SELECT coalesce(sum(coalesce(to_id, row_id) - row_id + 1), 0)::bigint FROM twin.search_pending",
)
TOTALS = ("SELECT twin.area_catch_up(%s)", MOST_SQUARES, "SELECT count(*) FROM twin.area_stale")


@dataclass(frozen=True)
class Tidied:
    """What was done, and what was left when the time was over."""

    entries: int
    squares: int
    gathered: int
    scattered_left: int


def tidy(
    settings: Settings, *, most_s: float | None = None, show: Callable[[str, int, int], None] | None = None
) -> Tidied:
    """Work off what loads have left, a piece at a time, each in a transaction of its own.

    most_s: stop after the piece at hand when so many seconds have passed; the rest is left for the next time, as it is
    when the program is killed. show: called with what is done (search, totals, order), how much of it is behind us and
    how much there was. Readers are not held up.
    """
    until = time.monotonic() + most_s if most_s is not None else None
    tell = show or (lambda what, done, total: None)

    def over() -> bool:
        return until is not None and time.monotonic() >= until

    with connect(settings, "ingest") as connection:
        connection.execute("SET statement_timeout = 0")
        connection.commit()
        entries = _work_off(connection, *SEARCH, over, lambda done, total: tell("search", done, total))
        squares = _work_off(connection, *TOTALS, over, lambda done, total: tell("totals", done, total))
        connection.execute("SELECT twin.tiles_fold()")
        connection.commit()
        gathered, left = _gather(settings, connection, over, lambda done, total: tell("order", done, total))
    with connect(settings, "owner", autocommit=True) as connection:
        for table in VACUUMED:
            connection.execute(f"VACUUM (ANALYZE) {table}".encode())
    return Tidied(entries, squares, gathered, left)


def _work_off(
    connection: psycopg.Connection[Any], query: str, most: int, noted: str, over: Callable[[], bool],
    tell: Callable[[int, int], None],
) -> int:  # fmt: skip
    done, total = 0, _count(connection, noted)
    while not over():
        with transaction(connection, WORKER) as cursor:
            row = cursor.execute(query.encode(), (most,)).fetchone()
        if row is None or not row[0]:
            break
        done += row[0]
        left = _count(connection, noted)
        total = max(total, left)  # loads go on meanwhile
        tell(total - left, total)
    return done


def _count(connection: psycopg.Connection[Any], query: str) -> int:
    with transaction(connection, WORKER) as cursor:
        row = cursor.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0


def _gather(
    settings: Settings, connection: psycopg.Connection[Any], over: Callable[[], bool], tell: Callable[[int, int], None]
) -> tuple[int, int]:
    with transaction(connection, WORKER) as cursor:
        scattered = cursor.execute("SELECT col, row FROM twin.scattered_squares()").fetchall()
    done = 0
    with _nothing_forgotten(settings):
        for col, row in scattered:
            if over():
                break
            with transaction(connection, WORKER) as cursor:
                cursor.execute("SELECT twin.gather_square(%s, %s)", (col, row))
            done += 1
            tell(done, len(scattered))
    return done, len(scattered) - done


@contextmanager
def _nothing_forgotten(settings: Settings) -> Iterator[None]:
    """Hold a snapshot: while somebody may still see a row's old place, PostgreSQL does not give it to the next row.

    Otherwise the second square's rows would find room on the pages the first has just left, and stay scattered.
    """
    with connect(settings, "ingest") as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        connection.execute("SELECT FROM twin.city")
        yield
