"""Only one run of a survey at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twin.errors import Conflict


@contextmanager
def only_one_run(workspace: Path) -> Iterator[None]:
    """Hold the workspace's lock; the kernel lets it go when the process ends, however it ends.

    Raises Conflict when another process holds it.
    """
    workspace.mkdir(parents=True, exist_ok=True)
    with (workspace / ".lock").open("a+", encoding="ascii") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.seek(0)
            raise Conflict(
                f"this survey is being processed already (process {stream.read().strip() or 'unknown'})",
                where=workspace.name,
                do="Wait for that run to end, or stop it",
            ) from error
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        yield
