"""Take the database away from a service under load, give it back, and count how every question was answered.

    python -m benchmarks.outage --seconds 30

Good: while it is away every question gets 503 with Retry-After (or an answer that needs no database), nothing hangs, no
connection breaks; afterwards the same process answers again, without a restart.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import uvicorn

from api.app import create_app
from api.limits import ApiLimits
from benchmarks.crashes import KEPT, kill_all, own_cluster
from twin.cluster import server
from twin.settings import Settings

CLIENTS = 8
PATIENCE_S = 120.0
QUESTIONS = ("/classes", "/search?q=a", "/jobs", "/records", "/health", "/lookup?lon=121.6&lat=37.387")


@dataclass
class Answers:
    """How questions were answered: by status; without Retry-After where it is due; not at all."""

    statuses: Counter[int] = field(default_factory=Counter)
    no_retry_after: int = 0
    unanswered: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0


class Load:
    """Clients that ask without rest; what they get is counted under the phase they are told."""

    def __init__(self, address: str, clients: int = CLIENTS) -> None:
        """address: of the service."""
        self._address, self._over = address, threading.Event()
        self._lock = threading.Condition()
        self.answers = Answers()
        self._threads = [threading.Thread(target=self._ask, args=(n,), daemon=True) for n in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def begin(self) -> None:
        """Begin a new count."""
        with self._lock:
            self.answers = Answers()

    def wait_for(self, wanted: Callable[[Answers], bool]) -> Answers:
        """Wait until the answers of this count are as wanted. Raises TimeoutError."""
        with self._lock:
            if not self._lock.wait_for(lambda: wanted(self.answers), PATIENCE_S):
                raise TimeoutError(f"not within {PATIENCE_S:.0f} s: {self.answers}")
            return self.answers

    def _ask(self, number: int) -> None:
        with httpx.Client(base_url=self._address, timeout=60) as client:
            at = number
            while not self._over.is_set():
                at += 1
                began = time.monotonic()
                try:
                    answer: httpx.Response | None = client.get(QUESTIONS[at % len(QUESTIONS)])
                    fault = ""
                except httpx.HTTPError as error:
                    answer, fault = None, type(error).__name__
                with self._lock:
                    self._count(answer, fault, time.monotonic() - began)
                    self._lock.notify_all()

    def _count(self, answer: httpx.Response | None, fault: str, seconds: float) -> None:
        found = self.answers
        found.slowest_s = max(found.slowest_s, seconds)
        if answer is None:
            found.unanswered[fault] += 1
            return
        found.statuses[answer.status_code] += 1
        found.no_retry_after += answer.status_code == 503 and not answer.headers.get("retry-after", "").isdigit()


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """Serve the API on a free port of this machine; gives its address."""
    limits = ApiLimits(pool_wait_s=0.5)
    config = uvicorn.Config(create_app(settings, limits=limits), port=0, log_level="critical", access_log=False)
    service = uvicorn.Server(config)
    thread = threading.Thread(target=service.run, daemon=True)
    thread.start()
    until = time.monotonic() + PATIENCE_S
    while not service.started:
        if time.monotonic() > until:
            raise TimeoutError("the service did not start")
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{service.servers[0].sockets[0].getsockname()[1]}"
    finally:
        service.should_exit = True
        thread.join(PATIENCE_S)


def outage(settings: Settings, away: Callable[[Load], None]) -> tuple[Answers, Answers, float]:
    """Kill the database under load, wait as `away` does, start it again.

    settings: of a cluster of one's own. Returns the answers while it was away, those once it was back and the service
    had answered well again (the first ten a client without a refusal, looked for within PATIENCE_S), and how many
    seconds that took.
    """
    with served(settings) as address, Load(address) as load:
        load.wait_for(lambda answers: answers.statuses[200] >= 20)
        kill_all(settings)
        load.wait_for(lambda answers: answers.statuses[503] >= 1)
        load.begin()
        away(load)
        during = load.answers
        server.start(settings, server_options=KEPT)
        began = time.monotonic()
        load.begin()
        load.wait_for(lambda answers: answers.statuses[200] >= CLIENTS)
        back_s = time.monotonic() - began
        # What was asked before it was back may still be refused; after that nothing may.
        load.wait_for(lambda answers: sum(answers.statuses.values()) >= 20 * CLIENTS)
        until = time.monotonic() + PATIENCE_S
        while True:  # a busy machine sheds load for reasons of its own: what is refused for good stays refused
            load.begin()
            after = load.wait_for(lambda answers: sum(answers.statuses.values()) >= 10 * CLIENTS)
            if not after.statuses[503] or time.monotonic() > until:
                break
    return during, after, back_s


def faults(during: Answers, after: Answers) -> list[str]:
    """Say what was not as promised."""
    found = [
        f"{where}: {dict(a.unanswered)} unanswered" for where, a in (("away", during), ("back", after)) if a.unanswered
    ]
    if set(during.statuses) - {200, 404, 503} or during.statuses[503] == 0:
        found.append(f"away: statuses {dict(during.statuses)}")
    if during.no_retry_after:
        found.append(f"away: {during.no_retry_after} times 503 without Retry-After")
    if set(after.statuses) - {200, 404}:
        found.append(f"back: statuses {dict(after.statuses)}")
    return found


def main() -> int:
    """Run the command. Returns 0 when everything was as promised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30, help="how long the database is away")
    asked = parser.parse_args()
    with own_cluster(KEPT) as settings:
        during, after, back_s = outage(settings, lambda load: time.sleep(asked.seconds))
    print(f"away {asked.seconds:.0f} s: {dict(during.statuses)}, slowest answer {during.slowest_s:.1f} s")
    print(f"answers again {back_s:.1f} s after the database was started; then {dict(after.statuses)}")
    found = faults(during, after)
    print("\n".join(found) or "as promised")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
