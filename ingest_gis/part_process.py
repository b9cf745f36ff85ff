"""A process that works on parts of a delivery for another one: `python -m ingest_gis.part_process SOCKET`.

It ends when the other one has gone. What it had not settled by then is left undone.
"""

from __future__ import annotations

import os
import pickle
import sys
from contextlib import suppress
from importlib.abc import MetaPathFinder
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Thread
from typing import Any

from ingest_gis.crew import PartDone
from ingest_gis.part_work import PartWork, WorkPlan
from twin.cluster import server


class _Unneeded(MetaPathFinder):
    """Leave out pandas, which Arrow loads when it is there: a second and 60 MB for every process, needed by nothing."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Say that there is no pandas."""
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname, name=fullname)


def work(pipe: Connection) -> None:
    """Do what is asked until the other end closes."""
    plan: WorkPlan = pickle.loads(pipe.recv_bytes())  # noqa: S301 - from the process that started this one
    # Read as it comes, whatever this process is at: two ends that both wait to be read would wait for ever.
    asked: SimpleQueue[Any] = SimpleQueue()
    Thread(target=_listen, args=(pipe, asked), daemon=True).start()
    with server.connect(plan.settings, "ingest", autocommit=True) as connection:
        tasks = PartWork(connection, plan)
        while True:
            message = asked.get()
            if message is None:
                return
            what, *given = message
            if what == "prepare":
                pipe.send(tasks.prepare(given[0]))
            elif what == "load":
                pipe.send(PartDone(given[0], tasks.load(*given)))
            else:
                tasks.drop(given[0])


def _listen(pipe: Connection, asked: SimpleQueue[Any]) -> None:
    with suppress(EOFError, OSError):
        while True:
            asked.put(pipe.recv())
    asked.put(None)


def main() -> None:
    """Work; an error goes to the other end."""
    sys.meta_path.insert(0, _Unneeded())
    pipe = Connection(int(sys.argv[1]))
    try:
        work(pipe)
    except (EOFError, ConnectionError):
        return
    except Exception as error:  # whatever it is, the one who asked must hear of it
        with suppress(OSError):
            pipe.send(_sendable(error))


def _sendable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


if __name__ == "__main__":
    main()
    os._exit(0)  # taking apart what it held would keep the other one waiting
