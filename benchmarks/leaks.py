"""Random pairs of role and request against an independent oracle: how many answers hold what is not the asker's to see.

    python -m benchmarks.leaks --pairs 20000 [--seed 7]

Makes a database of its own with planted secrets and members of every role (tests/security), asks the whole application
inside this process, and prints every leak, the statuses of the answers and how often a secret was rightly shown.
Exit status 1 when anything leaked.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path

from starlette.testclient import TestClient

from api.app import create_app
from tests.databases import fresh_database, running_cluster
from tests.security.guarded_city import make_guarded_city
from tests.security.oracle import run_pairs
from tests.security.test_leaks import LIMITS


def main() -> int:
    """Run, print, and say by the exit status whether anything leaked."""
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--pairs", type=int, default=20_000)
    reader.add_argument("--seed", type=int, default=7)
    asked = reader.parse_args()
    logging.disable(logging.WARNING)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_cluster() as cluster,
        fresh_database(cluster, Path(folder) / "var") as database,
    ):
        city = make_guarded_city(database, asked.seed)
        app = create_app(database.settings, limits=LIMITS)
        with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as client:
            started = time.process_time()
            found = run_pairs(client, app, city, asked.pairs, asked.seed)
            cpu_s = time.process_time() - started
    for leak in found.leaks:
        print(leak)
    statuses = ", ".join(f"{status}: {count}" for status, count in sorted(found.statuses.items()))
    print(f"pairs {found.pairs}; secrets {len(city.secrets)}; viewers {len(city.viewers)}; statuses {statuses}")
    print(f"rightly shown in {found.shown} answers; leaks {len(found.leaks)}; {cpu_s:.0f} CPU-seconds")
    return 1 if found.leaks else 0


if __name__ == "__main__":
    sys.exit(main())
