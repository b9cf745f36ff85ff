"""Loads in processes of their own, quick to start and easy to kill: forked from one that has imported everything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.databases import Database

# A line of JSON on standard input starts one load; its process number comes back, and its exit status when it ends.
FORKER = """
import json, os, sys
from dataclasses import replace
from pathlib import Path
import pyarrow, shapely, pyproj, psycopg
import ingest_gis.load_delivery, ingest_gis.vanished
from ingest_gis.plan_delivery import IngestOptions
from ingest_gis.run_ingest import ingest_files
from twin.settings import read_settings
print("ready", flush=True)
for line in sys.stdin:
    dsn, path, options = json.loads(line)
    child = os.fork()
    if child == 0:
        settings = replace(read_settings({}), database_url=dsn)
        reports = ingest_files(settings, [Path(path)], IngestOptions(**options))
        os._exit(any(report.error is not None for report in reports))
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Nursery:
    """Starts one load at a time."""

    def __init__(self) -> None:
        """Start the process that forks."""
        pipe = subprocess.PIPE
        self._forker = subprocess.Popen([sys.executable, "-c", FORKER], stdin=pipe, stdout=pipe, text=True)
        assert self._line() == "ready"

    def start(self, database: Database, path: Path, **options: Any) -> int:
        """Start a load. Returns its process number."""
        assert self._forker.stdin is not None
        self._forker.stdin.write(json.dumps([database.settings.database_url, str(path), options]) + "\n")
        self._forker.stdin.flush()
        return int(self._line())

    def finish(self) -> int:
        """Wait until the load has ended. Returns its exit status, -9 when it was killed."""
        return int(self._line())

    def kill_after(self, process: int, seconds: float) -> int:
        """Kill a load after a time, if it has not ended by then. Returns its exit status."""
        stat = os.pidfd_open(process)
        try:
            import select

            ended, _, _ = select.select([stat], [], [], seconds)
            if not ended:
                signal.pidfd_send_signal(stat, signal.SIGKILL)
        finally:
            os.close(stat)
        return self.finish()

    def close(self) -> None:
        """End the process that forks."""
        assert self._forker.stdin is not None
        self._forker.stdin.close()
        self._forker.wait()
        assert self._forker.stdout is not None
        self._forker.stdout.close()

    def _line(self) -> str:
        assert self._forker.stdout is not None
        return self._forker.stdout.readline().strip()


@contextmanager
def nursery() -> Iterator[Nursery]:
    """Give a nursery for the length of a test."""
    made = Nursery()
    try:
        yield made
    finally:
        made.close()
