"""The most memory that a command's processes take together, the database server not counted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil


@dataclass
class Peak:
    """Bytes resident: the most at one moment, all processes together."""

    total: int = 0


@contextmanager
def peak_memory(every_s: float = 0.2) -> Iterator[Peak]:
    """Watch this process and everything it starts. Shared pages count once for each: an upper bound."""
    peak, ended, me = Peak(), threading.Event(), psutil.Process()

    def watch() -> None:
        while not ended.wait(every_s):
            total = 0
            for process in (me, *me.children(recursive=True)):
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            peak.total = max(peak.total, total)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()
