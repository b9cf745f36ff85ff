"""A city of one made-up address book: every place a building, records with addresses as people write them."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.address_book import AddressBook, make_address_book
from benchmarks.linking import fill
from benchmarks.written_addresses import Written, write_addresses
from tests.databases import Database
from tests.private_rows import put_record

SEED = 2
# Every link: link_id, record, building, method, state, score, reason
LINKS = """
SELECT link_id, record_id, building_id, method, state, score, reason_zh FROM twin.link ORDER BY record_id, link_id
"""


def make_city(database: Database, *, size: int = 400, records: int = 120) -> tuple[AddressBook, list[Written]]:
    """Fill a database; record n has the text of written[n - 1]."""
    book = make_address_book("tune", SEED, size)
    written = write_addresses(book, SEED, records)
    fill(database.settings, book, written, 1)
    return book, written


def add_record(database: Database, title: str, payload: dict[str, str], point: Sequence[float] | None = None) -> int:
    """Add a record; point: east, north in metres. Returns its number."""
    where = (
        "NULL, NULL"
        if point is None
        else (
            f"ST_Transform(ST_SetSRID(ST_Point({point[0]}, {point[1]}), 4550), 4490), "
            f"ST_SetSRID(ST_Point({point[0]}, {point[1]}), 4550)"
        )
    )
    [(number,)] = database.fetch(
        "INSERT INTO twin.record (department_id, kind, source_key, title_zh, geom, geom_m) "
        f"VALUES (1, 'more', %s, '登记', {where}) RETURNING record_id", (title,),
    )  # fmt: skip
    put_record(database, int(number), 1, payload)
    return int(number)


def links(database: Database) -> list[tuple[object, ...]]:
    """List every link without its number: what a run has found."""
    return [row[1:] for row in database.fetch(LINKS)]
