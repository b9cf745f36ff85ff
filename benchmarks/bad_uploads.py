"""Hand in thousands of malformed and hostile files over HTTP, have a worker check them, count what went wrong.

    python -m benchmarks.bad_uploads --count 10000

Good: no answer of status 500, no dead worker, nobody has connected to the listener the files point at, the secret of a
file outside is in no answer, nothing was written outside, and every file has a verdict: refused with a reason, or read.
Each file goes through POST /deliveries/files; each upload of up to 25 files is then checked by a job of a real worker
process, as `twin worker` is, which opens files in guarded children.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from starlette.testclient import TestClient

from api.app import create_app
from api.limits import ApiLimits
from benchmarks import bad_binaries, bad_side_files, bad_texts
from benchmarks.bad_texts import BadFile, Maker, Trap
from twin.settings import Settings

PER_UPLOAD = 25
CHEAP_SHARE = 0.9  # refused by name or first bytes, without a process of their own
JOB_PATIENCE_S = 1800.0
PERSON = {"Twin-Person": "tester"}
WORKER = (
    "from twin.settings import read_settings\n"
    "from twin.cli.job_kinds import registry\n"
    "from twin.jobs.queue import run_worker\n"
    "settings = read_settings()\n"
    "run_worker(settings, registry(settings))\n"
)


@dataclass
class Verdict:
    """What became of the files."""

    files: int = 0
    refused_at_the_door: int = 0
    refused_by_the_reader: int = 0
    read: int = 0
    without_verdict: Counter[str] = field(default_factory=Counter)
    server_errors: Counter[str] = field(default_factory=Counter)
    failed_jobs: Counter[str] = field(default_factory=Counter)
    worker_deaths: int = 0
    connections: int = 0
    leaks: Counter[str] = field(default_factory=Counter)
    touched_outside: list[str] = field(default_factory=list)

    def faults(self) -> list[str]:
        """Say what was not as it must be."""
        shown = {
            "server errors": self.server_errors, "failed jobs": self.failed_jobs, "worker deaths": self.worker_deaths,
            "connections": self.connections, "leaks": self.leaks, "touched outside": self.touched_outside,
            "without a verdict": self.without_verdict,
        }  # fmt: skip
        return [f"{name}: {found}" for name, found in shown.items() if found]


class Listener:
    """A port of this machine that counts who connects."""

    def __init__(self) -> None:
        """Listen at once."""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


def bad_files(trap: Trap, count: int, seed: int, cheap_share: float = CHEAP_SHARE) -> Iterator[tuple[str, BadFile]]:
    """Make files, every kind in turn within its group; the same for the same seed. Yields the kind and the file."""
    dice = random.Random(seed)  # noqa: S311
    read: Sequence[Maker] = (*bad_texts.READ, *bad_binaries.READ, *bad_side_files.READ)
    at = {True: 0, False: 0}
    for _ in range(count):
        cheap = dice.random() < cheap_share
        makers = bad_texts.CHEAP if cheap else read
        maker = makers[at[cheap] % len(makers)]
        at[cheap] += 1
        yield maker.__name__, maker(dice, trap)


def judge(settings: Settings, count: int, seed: int, cheap_share: float = CHEAP_SHARE, show: bool = False) -> Verdict:
    """Hand the files in and have them checked.

    settings: of a database that may be written to, with a private cluster or TWIN_DATABASE_URL. show: tell how far.
    """
    verdict = Verdict()
    listener = Listener()
    with tempfile.TemporaryDirectory(prefix="twin-bad-") as folder:
        secret = f"canary-{uuid4().hex}"
        canary = Path(folder) / "canary.csv"
        canary.write_text(f"{secret},b\n{secret},2\n")
        trap = Trap(listener.port, canary)
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        before = _surroundings(settings, canary)
        app = create_app(settings, limits=ApiLimits(pool_min=1))
        with (
            TestClient(
                app, client=("127.0.0.1", 1), base_url="http://localhost", raise_server_exceptions=False
            ) as client,
            _worker(settings) as worker,
        ):
            hand = _Hand(client, worker, secret, verdict)
            for number, (kind, file) in enumerate(bad_files(trap, count, seed, cheap_share)):
                if show and number % 250 == 0:
                    print(f"{number} of {count}", flush=True)
                hand.give(kind, *file)
            hand.finish()
            verdict.worker_deaths += worker.poll() is not None
        verdict.touched_outside = sorted(_surroundings(settings, canary) ^ before)
        if canary.read_text() != f"{secret},b\n{secret},2\n":
            verdict.touched_outside.append("the canary itself")
    verdict.connections = listener.connections
    listener.close()
    return verdict


def _surroundings(settings: Settings, canary: Path) -> set[str]:
    """Name what lies where a file that escapes would land."""
    places = (canary.parent, settings.data_dir, settings.data_dir.parent)
    names = {str(path) for place in places if place.is_dir() for path in place.iterdir()}
    return {name for name in names if Path(name).name not in ("uploads", "database.lock")}


@contextmanager
def _worker(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    environment = {"TWIN_DATA_DIR": str(settings.data_dir)}
    if settings.database_url is not None:
        environment["TWIN_DATABASE_URL"] = settings.database_url
    process = subprocess.Popen([sys.executable, "-c", WORKER], env=os.environ | environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


class _Hand:
    """Collects files into uploads and has each checked."""

    def __init__(self, client: TestClient, worker: subprocess.Popen[bytes], secret: str, verdict: Verdict) -> None:
        self._client, self._worker, self._secret, self._verdict = client, worker, secret, verdict
        self._upload: str | None = None
        self._kinds: dict[str, str] = {}

    def give(self, kind: str, name: str, body: bytes) -> None:
        """Hand one file in under a name of its own."""
        self._verdict.files += 1
        stem, dot, ending = name.rpartition(".")
        known = f"{len(self._kinds)}-{stem}{dot}{ending}" if kind != "bad_name" else name
        query = {"name": known} | ({"upload": self._upload} if self._upload else {})
        answer = self._ask(kind, "POST", "/deliveries/files", params=query, content=body)
        if answer is None:
            return
        if answer.status_code != 200:
            self._verdict.refused_at_the_door += 1
            return
        taken = answer.json()
        self._upload = taken["upload"]
        self._kinds[taken["name"]] = kind
        if len(self._kinds) >= PER_UPLOAD:
            self.finish()

    def finish(self) -> None:
        """Have the files of the upload checked, and read what was found."""
        if not self._kinds or self._upload is None:
            return
        upload, kinds = self._upload, self._kinds
        self._upload, self._kinds = None, {}
        started = self._ask("start", "POST", "/deliveries", json={"upload": upload, "step": "check"})
        if started is None or started.status_code != 200:
            self._verdict.failed_jobs[f"not started: {started.status_code if started is not None else 500}"] += 1
            return
        found = self._wait(upload)
        told = ((found or {}).get("check") or {}).get("files", ())
        for entry in told:
            refused = bool(entry.get("problem"))
            self._verdict.refused_by_the_reader += refused
            self._verdict.read += not refused
        seen = {str(entry["file"]).split("/")[0] for entry in told}
        for name in kinds.keys() - seen:
            if not _is_part(name, kinds):
                self._verdict.without_verdict[kinds[name]] += 1

    def _wait(self, upload: str) -> dict[str, Any] | None:
        until = time.monotonic() + JOB_PATIENCE_S
        while time.monotonic() < until:
            answer = self._ask("result", "GET", f"/deliveries/uploads/{upload}")
            if answer is None:
                return None
            found: dict[str, Any] = answer.json()
            state = found["job"]["state"] if found["job"] else "queued"
            if state == "done":
                return found
            if state in ("failed", "cancelled"):
                self._verdict.failed_jobs[f"{state}: {found['job'].get('message_en')}"] += 1
                return None
            if self._worker.poll() is not None:
                self._verdict.worker_deaths += 1
                return None
            time.sleep(0.1)
        self._verdict.failed_jobs["too slow"] += 1
        return None

    def _ask(self, kind: str, method: str, path: str, **options: Any) -> Any:
        answer = self._client.request(method, path, headers=PERSON, **options)
        if answer.status_code >= 500:
            self._verdict.server_errors[f"{kind}: {answer.status_code}"] += 1
            return None
        text = answer.text
        if self._secret in text or "root:x:0" in text:
            self._verdict.leaks[kind] += 1
        return answer


def _is_part(name: str, names: dict[str, str]) -> bool:
    """Tell whether a file belongs to another, which is the one that is spoken of."""
    return Path(name).suffix.lower() in (".dbf", ".shx", ".prj", ".cpg", ".mid", ".dat", ".map", ".id", ".ind")


def main() -> int:
    """Run the command in a cluster of its own. Returns 0 when nothing went wrong."""
    from benchmarks.crashes import KEPT, own_cluster

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="how many files")
    parser.add_argument("--seed", type=int, default=1, help="other files with another number")
    parser.add_argument(
        "--cheap", type=float, default=CHEAP_SHARE, help="share of files refused before a reader starts"
    )
    asked = parser.parse_args()
    with own_cluster(KEPT) as settings:
        found = judge(settings, asked.count, asked.seed, asked.cheap, show=True)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{found.files} files: {found.refused_at_the_door} refused at the door, {found.refused_by_the_reader} by the "
        f"reader, {found.read} files or layers read; {spent.ru_utime + spent.ru_stime:.0f} s of processor time"
    )
    print(
        "\n".join(found.faults()) or "0 server errors, 0 worker deaths, 0 connections, 0 leaks, nothing touched outside"
    )
    return 1 if found.faults() else 0


if __name__ == "__main__":
    sys.exit(main())
