"""Who works on the parts of a delivery: this process, a few of our own, or a Dask cluster."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from socket import AF_UNIX, socketpair
from typing import Any, Protocol

import numpy as np
import psycopg
from numpy.typing import NDArray

from ingest_gis.part_loader import PartResult, PartRows
from ingest_gis.part_work import PartKeys, PartWork, WorkPlan
from ingest_gis.prepared import Rejected
from twin.errors import TwinError

# Columns of a part come and go by the hundred megabytes: what is let go is kept for the next one. Asking the system for
# it anew each time is a quarter of all work.
KEEP_MEMORY = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "GLIBC_TUNABLES": "glibc.malloc.mxfast=0",  # a large block does not make it go through all small ones let go
}


@dataclass(frozen=True)
class PartDone:
    """A part that has been loaded."""

    first: int
    result: PartResult


Event = PartKeys | PartDone
Verdicts = NDArray[np.uint8]
New = NDArray[np.bool_]


class Crew(Protocol):
    """Works on parts. room: how many parts may be under way at once."""

    room: int

    def prepare(self, part: PartRows) -> None:
        """Have a part prepared; its PartKeys come with `next`."""

    def load(self, first: int, verdicts: Verdicts, new: New, repeated: Sequence[Rejected]) -> None:
        """Have a prepared part loaded; its PartDone comes with `next`."""

    def drop(self, first: int) -> None:
        """Let go of a prepared part."""

    def next(self) -> Event:
        """Wait for the next part prepared or loaded."""


class Alone:
    """One process, the one at hand: for what is small."""

    room = 1

    def __init__(self, connection: psycopg.Connection[Any], plan: WorkPlan) -> None:
        """Work through the connection given."""
        self._work = PartWork(connection, plan)
        self._events: deque[Event] = deque()

    def prepare(self, part: PartRows) -> None:
        """Prepare at once."""
        self._events.append(self._work.prepare(part))

    def load(self, first: int, verdicts: Verdicts, new: New, repeated: Sequence[Rejected]) -> None:
        """Load at once."""
        self._events.append(PartDone(first, self._work.load(first, verdicts, new, repeated)))

    def drop(self, first: int) -> None:
        """Let go of a prepared part."""
        self._work.drop(first)

    def next(self) -> Event:
        """Give what is done."""
        return self._events.popleft()


class Processes:
    """Processes of our own on this machine, each with a connection of its own."""

    def __init__(self, count: int) -> None:
        """Start them; they load what they need and wait for `begin`."""
        self.room = 2 * count
        self._pipes: list[Connection] = []
        self._children: list[subprocess.Popen[bytes]] = []
        self._busy: dict[Connection, int] = {}
        self._at: dict[int, Connection] = {}
        for _ in range(count):
            self._start()

    def begin(self, plan: WorkPlan) -> None:
        """Tell them what to work on."""
        for pipe in self._pipes:
            pipe.send_bytes(pickle.dumps(plan))

    def _start(self) -> None:
        ours, theirs = socketpair(AF_UNIX)
        with theirs:
            command = [sys.executable, "-m", "ingest_gis.part_process", str(theirs.fileno())]
            threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
            environment = {**os.environ, **threads, **KEEP_MEMORY}
            self._children.append(subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment))
        pipe = Connection(ours.detach())
        self._pipes.append(pipe)
        self._busy[pipe] = 0

    def prepare(self, part: PartRows) -> None:
        """Give a part to the process with the least to do."""
        pipe = min(self._pipes, key=lambda item: self._busy[item])
        self._at[part.first] = pipe
        self._busy[pipe] += 1
        self._tell(pipe, "prepare", part)

    def load(self, first: int, verdicts: Verdicts, new: New, repeated: Sequence[Rejected]) -> None:
        """Tell the process that has a part to load it."""
        self._tell(self._at[first], "load", first, verdicts, new, list(repeated))

    def drop(self, first: int) -> None:
        """Tell the process that has a part to let go of it."""
        pipe = self._at.pop(first)
        self._busy[pipe] -= 1
        self._tell(pipe, "drop", first)

    def next(self) -> Event:
        """Wait for the next message. Raises what a process raised, TwinError when one is gone."""
        ready = wait(self._pipes)
        return self._hear(next(item for item in self._pipes if item in ready))

    def _hear(self, pipe: Connection) -> Event:
        try:
            event = pipe.recv()
        except (EOFError, ConnectionError) as error:
            raise TwinError(
                "一个导入进程意外终止 (a process that was loading has stopped)",
                do="再运行一次同一命令, 会从中断处继续 (give the same command again; it goes on where it stopped)",
            ) from error
        if isinstance(event, BaseException):
            raise event
        if isinstance(event, PartDone):
            self._busy[self._at.pop(event.first)] -= 1
        return event  # type: ignore[no-any-return]

    def _tell(self, pipe: Connection, *message: object) -> None:
        try:
            pipe.send(message)
        except ConnectionError:
            while True:  # it has ended: its last word says why
                self._hear(pipe)

    def close(self) -> None:
        """Stop the processes; what they have not settled is left undone."""
        for pipe in self._pipes:
            pipe.close()
        children, self._children = self._children, []
        for child in children:
            try:
                child.wait(timeout=5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


class Ahead:
    """Processes started before it is known what they work on: loading what they need takes them a second."""

    def __init__(self) -> None:
        """Have none yet."""
        self._ready: Processes | None = None

    def start(self, count: int) -> None:
        """Start them, unless they wait already."""
        if self._ready is None:
            self._ready = Processes(count)

    def take(self, count: int) -> Processes:
        """Give those that wait, or new ones."""
        ready, self._ready = self._ready or Processes(count), None
        return ready

    def close(self) -> None:
        """Stop those that nobody took."""
        if self._ready is not None:
            self._ready.close()


@contextmanager
def crew_for(
    connection: psycopg.Connection[Any],
    plan: WorkPlan,
    *,
    workers: int,
    scheduler: str | None,
    ahead: Ahead | None = None,
) -> Iterator[Crew]:
    """Choose who works: a Dask cluster (scheduler), several processes (workers > 1), or this one."""
    with ExitStack() as stack:
        if scheduler is not None:
            from ingest_gis.dask_crew import DaskCrew

            dask = DaskCrew(plan, scheduler)
            stack.callback(dask.close)
            yield dask
        elif workers > 1:
            processes = (ahead or Ahead()).take(workers)
            stack.callback(processes.close)
            processes.begin(plan)
            yield processes
        else:
            yield Alone(connection, plan)
