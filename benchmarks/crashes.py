"""Kill every PostgreSQL process in the middle of writing, again and again, and count what was promised and is gone.

    python -m benchmarks.crashes --rounds 50          # 0 acknowledged writes lost
    python -m benchmarks.crashes --rounds 50 --teeth  # synchronous_commit off: some must be lost

Everything happens in a private cluster of its own under a temporary folder. A killed process takes along what it held
in memory (WAL buffers), not what it has given to the operating system: this checks that a commit is acknowledged only
when it is out of the process; the machine's power is another matter (fsync, on by default). With --teeth commits wait
in the WAL buffers, so the same check must find losses.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psutil
import psycopg

from twin.cluster import server
from twin.cluster.postmaster import read_pid
from twin.errors import TwinError
from twin.jobs.queue import enqueue
from twin.migrations.upgrade import upgrade
from twin.session import Actor, transaction
from twin.settings import Settings, read_settings

WRITERS = 4
WRITES_PER_ROUND = 60
PATIENCE_S = 120.0
KEPT = {"shared_buffers": "64MB"}
FORGETFUL = KEPT | {
    "synchronous_commit": "off",
    "wal_writer_delay": "10000ms",
    "wal_writer_flush_after": "1GB",
    "wal_buffers": "16MB",
}
ADD = "INSERT INTO twin.department (code, name_zh) VALUES (%s, 'crash test')"
DEPARTMENTS = "SELECT code FROM twin.department"
# Of each department all that its transaction wrote: the job people see, the queue's entry, the line of the audit.
WHOLE = """
SELECT d.code FROM twin.department d
JOIN twin.job j ON j.subject = d.code
JOIN queue.procrastinate_jobs q ON q.args ->> 'job_id' = j.job_id::text
JOIN audit.log a ON a.subject = d.code
"""
numbers = count(1)  # of all rounds of this process


@dataclass
class Outcome:
    """What the rounds found. torn: transactions of which only a part is there. broken: audit rows out of the chain."""

    rounds: int = 0
    acknowledged: int = 0
    lost: int = 0
    torn: int = 0
    broken: int = 0
    rounds_with_loss: int = 0


@dataclass
class _Ledger:
    """What the server has acknowledged in one round."""

    enough: int
    written: list[str] = field(default_factory=list)
    reached: threading.Event = field(default_factory=threading.Event)

    def add(self, code: str) -> None:
        self.written.append(code)
        if len(self.written) >= self.enough:
            self.reached.set()


@contextmanager
def own_cluster(options: dict[str, str]) -> Iterator[Settings]:
    """Give a running, migrated cluster of one's own; it and its folder are gone afterwards."""
    root = Path(tempfile.mkdtemp(prefix="twin-crash-"))
    root.chmod(0o755)
    settings = read_settings({"TWIN_DATA_DIR": str(root / "var")})
    try:
        server.start(settings, server_options=options)
        upgrade(settings)
        yield settings
    finally:
        with suppress(TwinError):
            server.stop(settings)
        shutil.rmtree(root, ignore_errors=True)


def kill_all(settings: Settings) -> int:
    """Kill every process of the cluster, none of which may tidy up. Returns how many."""
    pid = read_pid(server.data_folder(settings))
    if pid is None:
        raise RuntimeError("the cluster does not run")
    postmaster = psutil.Process(pid)
    postmaster.suspend()  # so that it starts nobody anew meanwhile
    processes = [*postmaster.children(recursive=True), postmaster]
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=30)
    return len(processes)


def crash(settings: Settings, options: dict[str, str], rounds: int, per_round: int = WRITES_PER_ROUND) -> Outcome:
    """Write with several clients, kill the server once so many writes are acknowledged, start it, count what is there.

    settings: of a cluster of one's own. options: PostgreSQL's, for each start. per_round: writes before the kill.
    """
    outcome = Outcome()
    server.stop(settings)
    server.start(settings, server_options=options)
    for number in range(rounds):
        ledger = _Ledger(per_round + number % 7 * 5)
        writers = [
            threading.Thread(target=_write, args=(settings, f"{number}.{at}", ledger), daemon=True)
            for at in range(WRITERS)
        ]
        for writer in writers:
            writer.start()
        if not ledger.reached.wait(PATIENCE_S):
            raise RuntimeError("the writers got nowhere")
        kill_all(settings)
        for writer in writers:
            writer.join(PATIENCE_S)
        server.start(settings, server_options=options)
        _judge(settings, ledger, outcome)
    return outcome


def _write(settings: Settings, name: str, ledger: _Ledger) -> None:
    """Write what the API writes when it accepts a job, one transaction after another, until the server is gone."""
    with suppress(psycopg.OperationalError, TwinError), server.connect(settings, "ingest") as connection:
        while True:
            code = f"{name}.{next(numbers)}"
            with transaction(connection, Actor("crash", role="system", purpose="test")) as cursor:
                cursor.execute(ADD, (code,))
                enqueue(connection, "crash.test", code, {}, Actor("crash", role="system"))
                cursor.execute("SELECT audit.write('crash.test', %s)", (code,))
            ledger.add(code)


def _judge(settings: Settings, ledger: _Ledger, outcome: Outcome) -> None:
    with server.connect(settings, "admin") as connection:
        there = {row[0] for row in connection.execute(DEPARTMENTS)}
        whole = {row[0] for row in connection.execute(WHOLE)}
        broken = connection.execute("SELECT audit.first_broken()").fetchone()
    lost = set(ledger.written) - there
    outcome.rounds += 1
    outcome.acknowledged += len(ledger.written)
    outcome.lost += len(lost)
    outcome.rounds_with_loss += bool(lost)
    outcome.torn += len({code for code in there if "." in code} - whole)
    outcome.broken += broken is not None and broken[0] is not None


def main() -> int:
    """Run the command. Returns 0 when nothing was lost, or, with --teeth, when something was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50, help="how often the server is killed")
    parser.add_argument("--teeth", action="store_true", help="with synchronous_commit off, where writes must be lost")
    asked = parser.parse_args()
    options = FORGETFUL if asked.teeth else KEPT
    with own_cluster(KEPT) as settings:
        found = crash(settings, options, asked.rounds)
    print(
        f"{found.rounds} rounds, {found.acknowledged} writes acknowledged, {found.lost} lost "
        f"(in {found.rounds_with_loss} rounds), {found.torn} torn, {found.broken} breaks of the audit chain"
    )
    sound = found.torn == 0 and found.broken == 0
    return 0 if sound and (found.lost > 0) == asked.teeth else 1


if __name__ == "__main__":
    sys.exit(main())
