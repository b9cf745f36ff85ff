"""What follows the rows of a load: search entries and the totals of areas, a piece at a time, each told as it goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg

# What progress calls the work after the rows.
FOLLOWING_SEARCH, FOLLOWING_TOTALS = "检索 (search)", "统计 (totals)"
SQUARES_AT_ONCE = 100
Progress = Callable[[str, int, int | None], None]  # what, done, in all

SEARCH_WAITING = "SELECT coalesce(sum(coalesce(to_id, row_id) - row_id + 1), 0) FROM twin.search_pending"
SQUARES_STALE = 'SELECT count(*) FROM (SELECT DISTINCT of_table, col, "row" FROM twin.area_stale) s'


def follow_up(connection: psycopg.Connection[Any], progress: Progress, *, totals_s: float) -> None:
    """Bring up to date what loads, this one and any that was killed, have left behind.

    connection: role ingest, idle, in autocommit. totals_s: no more squares of the totals are begun after so many
    seconds; answers count what is left row by row until `twin db tidy` has done it.
    """
    _follow(connection, "SELECT twin.search_catch_up()", SEARCH_WAITING, lambda *far: progress(FOLLOWING_SEARCH, *far))
    piece = f"SELECT twin.area_catch_up({SQUARES_AT_ONCE})"
    _follow(connection, piece, SQUARES_STALE, lambda *far: progress(FOLLOWING_TOTALS, *far), most_s=totals_s)


def _follow(
    connection: psycopg.Connection[Any],
    piece: str,
    waiting: str,
    tell: Callable[[int, int], None],
    most_s: float | None = None,
) -> None:
    """Do one piece after the other, each in a transaction of its own, until none is left or the time is over."""
    until = None if most_s is None else time.monotonic() + most_s
    row = connection.execute(waiting.encode()).fetchone()
    total, done = (int(row[0]) if row else 0), 0
    while total and (until is None or time.monotonic() < until):
        row = connection.execute(piece.encode()).fetchone()
        if row is None or not row[0]:
            return
        done += int(row[0])
        tell(done, max(total, done))
