"""Every change is recorded by the database itself: who, which request, what it was, from when to when."""

from __future__ import annotations

import psycopg
import pytest

from tests.databases import SYSTEM, Database
from twin.session import Actor, transaction

PLACE = "ST_SetSRID(ST_Point(121.6, 37.387), 4490)"
PLACE_M = f"ST_Transform({PLACE}, 4550)"
ADD_ASSET = f"""
INSERT INTO twin.asset (class_id, code, geom, geom_m)
SELECT 18::smallint, lpad(n::text, 16, '0'), {PLACE}, {PLACE_M} FROM generate_series(%s::int, %s::int) n
"""


def test_an_inserted_changed_and_deleted_asset_leaves_three_versions(database: Database) -> None:
    clerk = Actor(name="clerk", role="steward", request_id="request-1")
    database.fetch(ADD_ASSET, (1, 1), actor=clerk)
    database.fetch("UPDATE twin.asset SET state = '破损'", actor=clerk)
    database.fetch("DELETE FROM twin.asset", actor=Actor(name="boss", role="steward", request_id="request-2"))
    rows = database.fetch(
        "SELECT operation, actor, request_id, old_row->>'state', known_from <= known_to, valid_from IS NOT NULL "
        "FROM history.version WHERE table_name = 'asset' ORDER BY version_id"
    )
    assert rows == [
        ("I", "clerk", "request-1", None, True, False),
        ("U", "clerk", "request-1", "完好", True, True),
        ("D", "boss", "request-2", "破损", True, True),
    ]


def test_copy_and_bulk_updates_are_recorded(database: Database) -> None:
    with database.connect("ingest") as connection, transaction(connection, Actor("loader", "ingest")) as cursor:
        place = cursor.execute(f"SELECT {PLACE}::text, {PLACE_M}::text").fetchone()
        with cursor.copy("COPY twin.asset (class_id, code, geom, geom_m) FROM STDIN") as copy:
            for number in range(500):
                copy.write_row((18, f"{number:016d}", *place))
        cursor.execute("UPDATE twin.asset SET name_zh = '路灯' WHERE asset_id % 2 = 0")
    counts = database.fetch(
        "SELECT operation, count(*), min(actor) FROM history.version WHERE table_name = 'asset' GROUP BY 1 ORDER BY 1"
    )
    assert counts == [("I", 500, "loader"), ("U", 250, "loader")]


# Not recorded: what is loaded with the program, what the machine keeps for itself, and what is only ever added to.
WITHOUT_HISTORY = {
    *("twin.city", "twin.schema_version", "twin.class", "twin.class_code", "twin.entity_type", "twin.event_class"),
    *("twin.handling_limit", "twin.hanzi_initial", "twin.job", "twin.search_entry", "twin.review_claim"),
    *("twin.link_run", "twin.link_part", "twin.batch_part", "twin.set_aside"),
    *(
        "twin.search_affix",
        "twin.search_pending",
        "twin.batch_part",
        "twin.set_aside",
        "twin.area_total",
        "twin.area_stale",
        "twin.tile_change",
        "twin.export",
    ),
    *("twin.batch", "twin.refused_delivery", "private.quarantine", "twin.observation", "private.index_key"),
    *("twin.unmapped_class", "twin.grid_succession", "twin.management_grid_member"),
}
RECORDED = """
SELECT c.oid::regclass::text, coalesce(string_agg(substring(g.tgname FROM 9), ' ' ORDER BY g.tgname), '')
FROM pg_class c LEFT JOIN pg_trigger g ON g.tgrelid = c.oid AND g.tgname LIKE 'history\\_%%' AND g.tgenabled = 'O'
WHERE c.relnamespace IN ('twin'::regnamespace, 'private'::regnamespace) AND c.relkind IN ('r', 'p')
  AND NOT c.relispartition GROUP BY c.oid
"""


def test_every_table_of_the_citys_own_facts_is_recorded(module_database: Database) -> None:
    recorded = dict(module_database.fetch(RECORDED))
    assert {table for table, events in recorded.items() if not events} == WITHOUT_HISTORY
    assert {events for table, events in recorded.items() if events and table != "twin.evidence"} == {
        "delete insert update"
    }
    assert recorded["twin.evidence"] == "delete update"  # it says itself since when it is known


@pytest.mark.parametrize("role", ["app", "ingest"])
@pytest.mark.parametrize("table", ["twin.asset", "twin.link", "private.entity", "history.version"])
def test_nobody_empties_a_table_past_its_history(module_database: Database, role: str, table: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        module_database.fetch(f"TRUNCATE {table} CASCADE", role=role)


def test_an_update_that_changes_nothing_is_not_a_version(database: Database) -> None:
    database.fetch(ADD_ASSET, (1, 3))
    database.fetch("UPDATE twin.asset SET state = state")
    assert database.fetch("SELECT count(*) FROM history.version WHERE operation = 'U'") == [(0,)]


def test_a_bulk_update_after_a_single_one_in_the_same_session_stays_fast(database: Database) -> None:
    with database.connect("owner") as connection, transaction(connection, SYSTEM) as cursor:
        cursor.execute(ADD_ASSET, (1, 20000))
        cursor.execute("SET LOCAL statement_timeout = '20s'")
        for number in range(1, 9):
            cursor.execute("UPDATE twin.asset SET state = '破损' WHERE code = lpad(%s::text, 16, '0')", (number,))
        cursor.execute("UPDATE twin.asset SET state = '移除'")
        cursor.execute("SELECT count(*) FROM history.version WHERE table_name = 'asset' AND operation = 'U'")
        assert cursor.fetchone() == (20008,)
