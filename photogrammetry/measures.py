"""What a stage costs: wall time, CPU time and memory, its worker processes included."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from types import TracebackType

import psutil

from photogrammetry.workers import Tools

SAMPLE_SECONDS = 0.2


@dataclass(frozen=True)
class Measures:
    """Costs of a stage; resumed: an earlier run's files were still good and were used."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    resumed: bool = False


class ResourceMeter:
    """Measures a stage while it runs: CPU of this process and of its tasks, memory of the whole process tree."""

    def __init__(self, tools: Tools) -> None:
        """Get ready; measuring begins with `with`."""
        self._tools = tools
        self._done = threading.Event()
        self._peak_bytes = 0
        self._sampler = threading.Thread(target=self._sample, daemon=True)
        self._seconds = self._cpu_seconds = 0.0

    def __enter__(self) -> ResourceMeter:
        """Begin."""
        self._begin, self._begin_cpu = time.monotonic(), time.process_time()
        self._begin_task_cpu = self._tools.task_cpu_seconds
        self._sampler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self._done.set()
        self._sampler.join()
        self._seconds = time.monotonic() - self._begin
        own = time.process_time() - self._begin_cpu
        self._cpu_seconds = own + self._tools.task_cpu_seconds - self._begin_task_cpu

    def measures(self) -> Measures:
        """Give what was measured."""
        return Measures(round(self._seconds, 3), round(self._cpu_seconds, 3), round(self._peak_bytes / 1e6, 1))

    def _sample(self) -> None:
        this = psutil.Process()
        while True:
            self._peak_bytes = max(self._peak_bytes, tree_bytes(this))
            if self._done.wait(SAMPLE_SECONDS):
                return


def tree_bytes(process: psutil.Process) -> int:
    """Give the resident memory of a process and all it started, bytes (pages they share count for each)."""
    total = 0
    for member in [process, *process.children(recursive=True)]:
        try:
            total += member.memory_info().rss
        except psutil.Error:
            continue
    return total
