"""A Dask cluster that works on the parts of a delivery; each of its threads has a connection of its own.

The workers need this package, the database of TWIN_DATABASE_URL within reach, and nothing of the file: rows are sent.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from ingest_gis.crew import Event, PartDone
from ingest_gis.fast_rows import PartMaker
from ingest_gis.part_loader import PartLoader, PartResult, PartRows
from ingest_gis.part_work import PartKeys, WorkPlan, keys_of, part_maker
from ingest_gis.prepared import PreparedRows, Rejected
from twin.cluster import server
from twin.errors import SchedulerUnavailable

Made = tuple[PartRows, PreparedRows]
_own = threading.local()
_connections: list[psycopg.Connection[Any]] = []


class DaskCrew:
    """Parts as Dask tasks: prepare, tell the codes, load where the part was prepared."""

    def __init__(self, plan: WorkPlan, address: str) -> None:
        """Connect to a scheduler (tcp://host:port). Raises SchedulerUnavailable without it or its workers."""
        from distributed import Client

        start = "Start one with `dask scheduler` and workers with `dask worker ADDRESS`, or leave --scheduler out"
        try:
            self._client = Client(address, timeout=10, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise SchedulerUnavailable("no Dask scheduler answers there", where=address, do=start) from error
        threads = sum(self._client.nthreads().values())
        if not threads:
            self._client.close()
            raise SchedulerUnavailable("this Dask scheduler has no workers", where=address, do=start)
        self.room = 2 * threads
        self._plan = self._client.scatter(plan, broadcast=True)
        self._made: dict[int, Any] = {}
        self._waiting: set[Any] = set()
        self._events: deque[Event] = deque()

    def prepare(self, part: PartRows) -> None:
        """Submit the preparation of a part."""
        made = self._client.submit(_prepare, self._plan, part, pure=False)
        self._made[part.first] = made
        self._waiting.add(self._client.submit(_keys, made, pure=False))

    def load(
        self, first: int, verdicts: NDArray[np.uint8], new: NDArray[np.bool_], repeated: Sequence[Rejected]
    ) -> None:
        """Submit the load of a prepared part; it is not tried a second time."""
        made = self._made.pop(first)
        load = self._client.submit(_load, self._plan, made, verdicts, new, list(repeated), pure=False, retries=0)
        self._waiting.add(load)

    def drop(self, first: int) -> None:
        """Let go of a prepared part."""
        self._made.pop(first)

    def next(self) -> Event:
        """Wait for the next part prepared or loaded. Raises what the task raised."""
        from distributed import wait

        while not self._events:
            with self._client.as_current():
                done = wait(list(self._waiting), return_when="FIRST_COMPLETED").done
            self._waiting -= set(done)
            self._events.extend(future.result() for future in done)
        return self._events.popleft()

    def close(self) -> None:
        """Let go of the cluster; what is under way there is cancelled."""
        self._client.cancel(list(self._waiting))
        self._client.run(_let_go)
        self._client.close()


def _let_go() -> None:
    """Close the connections of this worker's threads; a thread that is still at work loses its part."""
    while _connections:
        _connections.pop().close()


def _prepare(plan: WorkPlan, part: PartRows) -> Made:
    if not part.batch.num_rows:
        return part, PreparedRows(0)
    return part, _tools(plan)[0].prepare(part.batch, part.raw_hashes)


def _keys(made: Made) -> PartKeys:
    return keys_of(*made)


def _load(
    plan: WorkPlan, made: Made, verdicts: NDArray[np.uint8], new: NDArray[np.bool_], repeated: list[Rejected]
) -> PartDone:
    result: PartResult = _tools(plan)[1].load(*made, verdicts, new, repeated)
    return PartDone(made[0].first, result)


def _tools(plan: WorkPlan) -> tuple[PartMaker, PartLoader]:
    """Give this thread's own connection and what it has read for this delivery."""
    if getattr(_own, "run", None) != plan.load.run or plan.load.run is None:
        connection = server.connect(plan.settings, "ingest", autocommit=True)
        _connections.append(connection)
        _own.tools = part_maker(connection, plan), PartLoader(connection, plan.load)
        _own.run = plan.load.run
    tools: tuple[PartMaker, PartLoader] = _own.tools
    return tools
