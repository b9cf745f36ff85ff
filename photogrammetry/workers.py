"""Who does the work of a stage: processes of this machine, or a Dask cluster.

A task is a module-level function of one picklable item. It reads and writes files that every worker can reach,
uses one thread, and its result may not depend on which worker took it, so that a run on a cluster and a run on
one machine give the same bytes. This module imports nothing heavy: worker processes load it first.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from multiprocessing.connection import wait as wait_for_connection
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from twin.errors import SchedulerUnavailable, WorkerLost

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")
# Inherited by worker processes: libraries read these when they load, before any code of ours runs there. One thread
# each; arrays of up to 32 MB are made of memory that is kept (128 MB of it), not had from the system page by page.
WORKER_ENVIRONMENT = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"),
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(128 << 20),
}
DEFAULT_WORKERS = 2
DEFAULT_TASK_MB = 700
ANSWER_S = 15


class Progress(Protocol):
    """Where a run tells how far it is."""

    def stage_started(self, stage: str, number: int, count: int) -> None:
        """Say that stage number (from 1) of count begins."""

    def step(self, stage: str, done: int, total: int, what: str) -> None:
        """Say that done of total steps of a stage are behind us; what: the step in a few words."""

    def stage_finished(self, stage: str, seconds: float, resumed: bool) -> None:
        """Say that a stage is complete; resumed: its files of an earlier run were still good."""


class Silence:
    """A Progress that tells nobody."""

    def stage_started(self, stage: str, number: int, count: int) -> None:
        """Say nothing."""

    def step(self, stage: str, done: int, total: int, what: str) -> None:
        """Say nothing."""

    def stage_finished(self, stage: str, seconds: float, resumed: bool) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Measured:
    """What a task gave, and the CPU seconds of its process meanwhile."""

    value: Any
    cpu_seconds: float


class Backend(Protocol):
    """Something that runs tasks, a bounded number at a time."""

    workers: int

    def run(self, function: Callable[[Any], Any], items: Sequence[Any], at_once: int) -> Iterator[tuple[int, Measured]]:
        """Run function on each item, at most at_once in flight; yield (index, result) as they end."""

    def close(self) -> None:
        """Let go of processes or connections."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep the numeric libraries to one thread: sums in one order, so the same bytes whoever computes them."""
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(1)
    with _numeric_libraries(len(sys.modules)).limit(limits=1):
        yield


@lru_cache(maxsize=1)
def _numeric_libraries(modules: int) -> ThreadpoolController:
    """Find the numeric libraries of this process: looked for again when modules have come, as that takes a while."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def measured_task(function: Callable[[Any], Any], item: Any) -> Measured:
    """Run one task in a worker: one thread, CPU seconds of the process taken along."""
    begin = time.process_time()
    with one_thread():
        value = function(item)
    return Measured(value, time.process_time() - begin)


def _start_worker() -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A pool's workers wait forever when the parent is killed: they hold both ends of the queue.
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_connection([parent.sentinel])
        os._exit(1)


class LocalProcesses:
    """Worker processes of this machine, started on first use (spawned: no lock or thread is inherited)."""

    def __init__(self, workers: int = DEFAULT_WORKERS) -> None:
        """Plan for so many processes."""
        self.workers = max(1, workers)
        self._pool: ProcessPoolExecutor | None = None

    def run(self, function: Callable[[Any], Any], items: Sequence[Any], at_once: int) -> Iterator[tuple[int, Measured]]:
        """Run function on each item; yield (index, result) as they end. Raises WorkerLost when a process dies."""
        if self._pool is None:
            os.environ.update(WORKER_ENVIRONMENT)
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.workers, mp_context=context, initializer=_start_worker)
        waiting: dict[Future[Measured], int] = {}
        todo = iter(enumerate(items))
        try:
            while True:
                while len(waiting) < at_once and (entry := next(todo, None)) is not None:
                    waiting[self._pool.submit(measured_task, function, entry[1])] = entry[0]
                if not waiting:
                    return
                for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                    yield waiting.pop(future), future.result()
        except BrokenProcessPool as error:
            self._pool = None
            raise WorkerLost(
                "a worker process ended in the middle of its work, most often because memory ran out",
                do="Free memory or give fewer workers or a lower quality, and run again: finished stages are kept",
            ) from error
        finally:
            for future in waiting:
                future.cancel()

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


class DaskCluster:
    """The workers of a Dask cluster that see the same files as this machine."""

    def __init__(self, address: str) -> None:
        """Connect to a scheduler (tcp://host:port). Raises SchedulerUnavailable when it or its workers are missing."""
        from distributed import Client

        start = "Start one with `dask scheduler` and workers with `dask worker ADDRESS`, or leave --scheduler out"
        self._address = address
        try:
            self._client: Any = Client(address, timeout=f"{ANSWER_S}s", set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise SchedulerUnavailable("no Dask scheduler answers there", where=address, do=start) from error
        try:
            # Without workers every task would wait for ever.
            self._client.wait_for_workers(1, timeout=ANSWER_S)
        except (OSError, TimeoutError) as error:
            self._client.close()
            raise SchedulerUnavailable("this Dask scheduler has no workers", where=address, do=start) from error
        self.workers = max(1, sum(self._client.nthreads().values()))

    def run(self, function: Callable[[Any], Any], items: Sequence[Any], at_once: int) -> Iterator[tuple[int, Measured]]:
        """Run function on each item; yield (index, result) as they end.

        Raises WorkerLost when workers die, SchedulerUnavailable when the scheduler does.
        """
        from distributed import KilledWorker
        from distributed import wait as wait_for_futures

        waiting: dict[Any, int] = {}
        todo = iter(enumerate(items))
        try:
            while True:
                while len(waiting) < at_once and (entry := next(todo, None)) is not None:
                    waiting[self._client.submit(measured_task, function, entry[1], pure=False)] = entry[0]
                if not waiting:
                    return
                with self._client.as_current():
                    done = wait_for_futures(list(waiting), return_when=FIRST_COMPLETED).done
                for future in done:
                    index = waiting.pop(future)
                    yield index, future.result()
        except KilledWorker as error:
            raise WorkerLost(
                "the cluster's workers died again and again on one task",
                do="Look at the workers' memory limit, and run again: finished stages are kept",
            ) from error
        except CancelledError as error:
            raise SchedulerUnavailable(
                "the Dask scheduler went away in the middle of the work",
                where=self._address,
                do="Start it again and run again: finished stages are kept",
            ) from error
        finally:
            self._client.cancel(list(waiting))

    def close(self) -> None:
        """Disconnect."""
        self._client.close()


@dataclass
class Tools:
    """What a stage may use: tasks on workers, and a way to tell its progress."""

    stage: str
    backend: Backend
    progress: Progress = field(default_factory=Silence)
    task_cpu_seconds: float = 0.0

    @property
    def workers(self) -> int:
        """Tell how many tasks can run at once."""
        return self.backend.workers

    def map(
        self,
        function: Callable[[Item], Result],
        items: Sequence[Item],
        describe: str,
        *,
        task_mb: int = DEFAULT_TASK_MB,
    ) -> list[Result]:
        """Run a module-level function on every item and give the results in the items' order.

        describe: what is done, for people. task_mb: memory one task may take; on this machine no more tasks run at
        once than fit into the memory that is free. Raises what a task raises, and WorkerLost.
        """
        results: dict[int, Result] = {}
        self.step(0, len(items), describe)
        for index, measured in self.backend.run(function, items, self._at_once(task_mb)):
            results[index] = measured.value
            self.task_cpu_seconds += measured.cpu_seconds
            self.step(len(results), len(items), describe)
        return [results[index] for index in range(len(items))]

    def step(self, done: int, total: int, what: str) -> None:
        """Tell how far the stage is."""
        self.progress.step(self.stage, done, total, what)

    def _at_once(self, task_mb: int) -> int:
        if not isinstance(self.backend, LocalProcesses):
            return 2 * self.backend.workers
        import psutil

        free_mb = psutil.virtual_memory().available / 1e6
        return max(1, min(self.backend.workers, int(free_mb / task_mb)))


def open_backend(scheduler: str | None, workers: int = DEFAULT_WORKERS) -> Backend:
    """Choose who does the work: a Dask scheduler's address, or processes of this machine.

    Raises SchedulerUnavailable when the scheduler does not answer.
    """
    return DaskCluster(scheduler) if scheduler else LocalProcesses(workers)
