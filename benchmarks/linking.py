"""How fast and how rightly records are linked to places by their addresses, end to end.

    TWIN_DATA_DIR=var .venv/bin/python -m benchmarks.linking [--register 300000] [--records 300000] [--processes 2]
        [--times 1] [--half judge] [--seed 11] [--json]

Makes a register and addresses as people write them (benchmarks.address_book, benchmarks.written_addresses: the half
`judge` shares no name and not all ways of writing with the half that was tuned on), puts both into a database of its
own beside the city's and drops it afterwards. Timed is `twin link run` whole: reading records, normalising, matching,
writing links with their history; the index of the register is built once per run and given apart.
--times N writes each text in N records, as repeated deliveries do. Then the run is repeated: nothing may change.
Targets: 2,000 addresses a second on two processes; precision >= 0.99, recall >= 0.97; no link across differing numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psutil
import psycopg
from psycopg import sql

from benchmarks.address_book import AddressBook, Half, Place, make_address_book
from benchmarks.written_addresses import Written, write_addresses
from ingest_gis.address.region import read_normaliser
from ingest_gis.known_places import read_known_places
from ingest_gis.link_parts import LinkOptions
from ingest_gis.run_links import LinkReport, run_links
from twin.cluster import server
from twin.migrations.upgrade import upgrade
from twin.personal.keyring import Keyring, bound_to, keys_to_seal
from twin.personal.private_rows import write_document
from twin.settings import Settings, read_settings

NAME = f"twin_benchmark_linking_{os.getpid()}"
HOUSE = """
INSERT INTO twin.building (code, geom, geom_m)
SELECT 'B' || n, ST_Multi(ST_Transform(box, 4490)), ST_Multi(box)
FROM generate_series(1, %(count)s) n CROSS JOIN LATERAL (
  SELECT ST_Expand(ST_SetSRID(ST_MakePoint(376000 + (n %% 1000) * 40, 4139600 + (n / 1000) * 40), 4550), 8) AS box) b
ORDER BY n
"""
ACCEPTED = """
SELECT r.source_key::integer, l.building_id, a.components
FROM twin.link l JOIN twin.record r USING (record_id) LEFT JOIN twin.address a USING (address_id)
WHERE l.state = 'accepted'
"""


@dataclass(frozen=True)
class Quality:
    """How right the accepted links are. across: accepted although a number differs."""

    precision: float
    recall: float
    across: int
    accepted: int
    identifiable: int


def judge(written: Sequence[Written], accepted: dict[int, tuple[int, dict[str, str]]]) -> Quality:
    """Compare accepted links with what was meant. accepted: number of the text -> building and its components."""
    right = across = 0
    for number, (building, parts) in accepted.items():
        item = written[number]
        right += item.identifiable and building == item.place
        across += any(
            (known := parts.get(part)) and (meant := getattr(item.meant, part)) and known != meant
            for part in ("number", "building", "group", "room")
        )
    findable = sum(item.identifiable and item.place is not None for item in written)
    return Quality(right / max(1, len(accepted)), right / max(1, findable), across, len(accepted), findable)


@contextmanager
def own_database(settings: Settings) -> Iterator[Settings]:
    """Make a migrated database beside the city's; dropped at the end."""
    server.start(settings)
    own = server.for_database(settings, NAME)
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(NAME))
    make = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'")
    with server.connect(settings, "admin", database="postgres", autocommit=True) as connection:
        connection.execute(drop)
        connection.execute(make.format(sql.Identifier(NAME)))
    try:
        upgrade(own)
        yield own
    finally:
        with server.connect(settings, "admin", database="postgres", autocommit=True) as connection:
            connection.execute(drop)


def fill(settings: Settings, book: AddressBook, written: Sequence[Written], times: int) -> None:
    """Put the register, a building for each place, and the records there."""
    normalise = read_normaliser(settings.city)
    with server.connect(settings, "admin") as connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # what is measured is linking, not loading
        cursor.execute("INSERT INTO twin.department (code, name_zh) VALUES ('bench', '测试局')")
        cursor.execute(HOUSE, {"count": max(place.place for place in book.places)})
        columns = "code, text_zh, normalised, components, building_id"
        _copy(
            cursor, f"COPY twin.address ({columns}) FROM STDIN", (_address(place, normalise) for place in book.places)
        )
        rows = [(number, item.text) for _ in range(times) for number, item in enumerate(written)]
        _copy(
            cursor, "COPY twin.record (department_id, kind, source_key, title_zh) FROM STDIN",
            ((1, f"k{at // len(written)}", str(number), "登记") for at, (number, _) in enumerate(rows)),
        )  # fmt: skip
        keys = keys_to_seal(connection)
        _copy(
            cursor, "COPY private.record (record_id, department_id, sealed, has_name) FROM STDIN",
            ((at, 1, sealed, False) for at, sealed in enumerate(_sealed(keys, [text for _, text in rows]), 1)),
        )  # fmt: skip
    with server.connect(settings, "admin", autocommit=True) as connection:
        connection.execute("ANALYZE")


def _sealed(keys: Keyring, addresses: Sequence[str]) -> list[bytes]:
    texts = [write_document({"address": text}) for text in addresses]
    return keys.seal_many(texts, [bound_to("private.record", at) for at in range(1, len(texts) + 1)])


def _address(place: Place, normalise: Any) -> tuple[Any, ...]:
    text = place.standard()
    return (f"D{place.address_id}", text, normalise(text), json.dumps(_components(place)), place.place)


def _components(place: Place) -> dict[str, str]:
    more = {name: value for name in ("town", "community", "group", "room") if (value := getattr(place, name))}
    return {**place.components(), **more}


def _copy(cursor: psycopg.Cursor[Any], statement: str, rows: Iterator[tuple[Any, ...]]) -> None:
    with cursor.copy(statement.encode()) as copy:
        for row in rows:
            copy.write_row(row)


def measure(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    """Make, link, judge and link again."""
    half: Half = arguments.half
    book = make_address_book(half, arguments.seed, arguments.register)
    written = write_addresses(book, arguments.seed + 1, arguments.records)
    fill(settings, book, written, arguments.times)
    before = _cpu_s(settings)
    with server.connect(settings, "ingest", autocommit=True) as connection:
        read_known_places(connection, settings.city)
    index_cpu_s = _cpu_s(settings) - before
    report = run_links(settings, LinkOptions(processes=arguments.processes))
    cpu_s = _cpu_s(settings) - before - 2 * index_cpu_s  # run_links made the index again
    with server.connect(settings, "owner") as connection:
        accepted = {number: (building, parts or {}) for number, building, parts in connection.execute(ACCEPTED)}
    quality = judge(written, accepted)
    began = time.monotonic()
    again = run_links(settings, LinkOptions(processes=arguments.processes))
    changed = sum(again.changes[name] for name in ("inserted", "changed", "removed"))
    return {
        "register": len(book.places), "records": report.subjects,
        "distinct_texts": len({item.text for item in written}),
        "processes": arguments.processes, "index_s": round(report.index_seconds, 1),
        "linking_s": round(report.seconds - report.index_seconds, 1),
        "addresses_per_s": round(_rate(report)), "with_index_per_s": round(report.subjects / report.seconds),
        "index_cpu_s": round(index_cpu_s, 1), "linking_cpu_s": round(cpu_s, 1),
        "per_cpu_second": round(report.subjects / cpu_s), "load_1_min": round(os.getloadavg()[0], 1),
        "precision": round(quality.precision, 4), "recall": round(quality.recall, 4), "across_numbers": quality.across,
        "accepted": quality.accepted, "findable": quality.identifiable,
        "again_s": round(time.monotonic() - began, 1), "again_changes": changed,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "peak_worker_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
    }  # fmt: skip


def _cpu_s(settings: Settings) -> float:
    """Add up the processor time of this process, its workers and the database server, whatever else runs here."""
    own = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    used = sum(item.ru_utime + item.ru_stime for item in own)
    with server.connect(settings, "admin") as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        backend = psutil.Process(int(row[0]) if row else 0)
        postmaster = backend.parent() or backend
        for process in (postmaster, *postmaster.children()):
            with suppress(psutil.NoSuchProcess):  # a backend that has just ended counts with the postmaster's children
                used += sum(process.cpu_times()[:4])
    return used


def _rate(report: LinkReport) -> float:
    return report.subjects / max(1e-9, report.seconds - report.index_seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name, default in (("register", 300_000), ("records", 300_000), ("processes", 2), ("times", 1), ("seed", 11)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--half", choices=("tune", "judge"), default="judge")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with own_database(read_settings()) as settings:
        found = measure(settings, arguments)
    if arguments.json:
        json.dump(found, sys.stdout)
        return
    for name, value in found.items():
        print(f"{name:18} {value}")


if __name__ == "__main__":
    main()
