"""What it costs to show persons masked, and to write down who saw them.

    TWIN_DATA_DIR=var .venv/bin/python -m benchmarks.masked_lookup [--requests 400]

Places where persons or households are registered are asked as the public (nobody shown) and as a steward (opened and
masked in this process), interleaved, one at a time, inside this process with a connection of the role twin_app; then
audit entries are written one at a time and 16 at once. Processor time is this process's own.
Target: the p99 of a masked lookup at most 1.5 times that of an unmasked one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from twin.actions.access import reading
from twin.actions.audit_writer import AuditWriter
from twin.cluster.server import connect, dsn
from twin.crs import LonLat
from twin.personal.keyring import remember_keys
from twin.queries.imagery import OpenSurveys
from twin.queries.lookup import LookupAsked, look_up
from twin.queries.place_asked import place_asked
from twin.session import Actor
from twin.settings import Settings, read_settings

PLACES = """
SELECT ST_X(p), ST_Y(p) FROM (
  SELECT DISTINCT ON (b.building_id) ST_PointOnSurface(b.geom) AS p
  FROM twin.entity e JOIN twin.building b USING (building_id) WHERE e.public_name_zh IS NULL LIMIT 500) s
"""


def at_share(times: list[float], share: float) -> float:
    """Give the time, milliseconds, that so large a share of the times keeps."""
    return round(sorted(times)[min(len(times) - 1, int(len(times) * share))] * 1000, 2)


async def measure(settings: Settings, requests: int) -> dict[str, Any]:
    """Ask and write; give the figures."""
    with connect(settings, "owner") as owner:
        places = [LonLat(*row) for row in owner.execute(PLACES).fetchall()]
    if not places:
        raise SystemExit("no persons or households are registered in this database")
    shelf, kinds = OpenSurveys(settings.data_dir), ("public", "steward")
    clock: dict[str, list[float]] = {kind: [] for kind in kinds}
    spent: dict[str, list[float]] = {kind: [] for kind in kinds}
    shown = 0
    async with await psycopg.AsyncConnection.connect(dsn(settings, "app"), prepare_threshold=1) as connection:
        remember_keys(connection, settings.keys_path)
        for number in range(-20, requests):
            asked = LookupAsked(place_asked(places[number % len(places)], settings.city.working_srid))
            for kind in kinds:
                people: list[str] = []
                began, used = time.perf_counter(), time.process_time()
                async with reading(connection, Actor("benchmark", kind, purpose="benchmark")) as asking:
                    await look_up(asking.cursor, asked, asking.sight, shelf, kind, people)
                if number >= 0:
                    clock[kind].append(time.perf_counter() - began)
                    spent[kind].append(time.process_time() - used)
                    shown += len(people)

        @asynccontextmanager
        async def lend() -> AsyncIterator[psycopg.AsyncConnection[Any]]:
            yield connection

        writer, actor = AuditWriter(lend, settings.data_dir), Actor("benchmark", "steward")
        alone: list[float] = []
        for _ in range(100):
            began = time.perf_counter()
            await writer.write(actor, "benchmark", None, {"persons": ["E03-0"]})
            alone.append(time.perf_counter() - began)
        began = time.perf_counter()
        for _ in range(20):
            await asyncio.gather(*(writer.write(actor, "benchmark", None, {"persons": ["E03-0"]}) for _ in range(16)))
        together = (time.perf_counter() - began) / 320
    figures = {
        kind: {"p50_ms": at_share(clock[kind], 0.5), "p99_ms": at_share(clock[kind], 0.99),
               "processor_p50_ms": at_share(spent[kind], 0.5)}
        for kind in kinds
    }  # fmt: skip
    return {
        "places": len(places), "persons_shown": shown, **figures,
        "p99_ratio": round(figures["steward"]["p99_ms"] / figures["public"]["p99_ms"], 2),
        "p50_ratio": round(figures["steward"]["p50_ms"] / figures["public"]["p50_ms"], 2),
        "audit_alone_p50_ms": at_share(alone, 0.5), "audit_16_at_once_ms": round(together * 1000, 2),
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=400)
    print(json.dumps(asyncio.run(measure(read_settings(), parser.parse_args().requests)), indent=1))


if __name__ == "__main__":
    main()
