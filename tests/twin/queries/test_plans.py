"""The hot questions are answered from indexes, as reader of the API, on a city large enough to matter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import shapely

from tests.databases import Database
from twin.actions.access import SET_READER
from twin.crs import LonLat
from twin.queries.lookup import LookupAsked, lookup_statement
from twin.queries.map_tiles import TileAsked, tile_statement
from twin.queries.nearby import NearbyAsked, nearby_statement
from twin.queries.place_asked import place_asked
from twin.queries.search import SearchAsked, search_values
from twin.queries.search_sql import INDEXES_ONLY, SEARCH, SEARCH_NEAR
from twin.queries.sight import PUBLIC_SIGHT
from twin.queries.summaries import Area, summary_values
from twin.queries.summary_sql import SUMMARY
from twin.session import PUBLIC, actor_settings

pytestmark = pytest.mark.xdist_group("plans")  # one large city
FILL = """
SET session_replication_role = replica;
CREATE TEMP TABLE spot AS
SELECT n, m, ST_Transform(m, 4490) AS g FROM generate_series(1, 8000) n CROSS JOIN LATERAL (SELECT ST_SetSRID(
  ST_MakePoint(376000 + (n::bigint * 7919) % 40000, 4139600 + (n::bigint * 104729) % 40000), 4550) AS m) s;
INSERT INTO twin.asset (class_id, code, geom, geom_m)
SELECT CASE WHEN n % 1000 = 0 THEN 19 ELSE 1 + n % 5 END, 'A' || n, g, m FROM spot;
INSERT INTO twin.address (code, text_zh, normalised, components, building_id, geom, geom_m)
SELECT 'D' || n, '正阳路' || n || '号', '正阳路' || n || '号', '{}', n, g, m FROM spot;
INSERT INTO twin.building (code, geom, geom_m)
SELECT 'B' || n, ST_Multi(ST_Expand(g, 0.0001)), ST_Multi(ST_Expand(m, 10)) FROM spot;
INSERT INTO twin.entity (type_code, code, building_id) SELECT 'E05', 'E' || n, n FROM spot;
INSERT INTO twin.record (department_id, kind, source_key, title_zh) SELECT 1, 'x', n::text, 'x' FROM spot;
INSERT INTO twin.link (record_id, building_id, method, score, state, reason_zh, reason_en, register_version)
SELECT n, n, 'code', 1, 'accepted', 'x', 'x', 1 FROM spot;
INSERT INTO history.version (table_name, row_id, operation, known_from, known_to)
SELECT t, n, 'I', now(), now() FROM spot, unnest(ARRAY['asset', 'building', 'address']) t;
SELECT twin.search_rebuild('address');
SELECT twin.area_rebuild(t) FROM unnest(ARRAY['asset', 'record', 'event']) t;
SET session_replication_role = origin;
ANALYZE;
"""
PLACE = place_asked(LonLat(121.7, 37.45), 4550)


@pytest.fixture(scope="module")
def large(module_database: Database) -> Database:
    with module_database.connect("admin", autocommit=True) as connection:
        connection.execute(FILL.encode())
    return module_database


def plan(database: Database, statement: str, values: dict[str, Any], *, before: str = "SELECT 1") -> str:
    """Give the plan of a statement as the public asks it; before: what is said first in the transaction."""
    with database.connect("app") as connection, connection.transaction(), psycopg.ClientCursor(connection) as cursor:
        cursor.execute(SET_READER, actor_settings(PUBLIC))
        cursor.execute(before.encode())
        cursor.execute(f"EXPLAIN {statement}".encode(), values)
        return "\n".join(row[0] for row in cursor.fetchall())


def test_nearest_of_any_class_walks_the_metric_index(large: Database) -> None:
    text = plan(large, *nearby_statement(NearbyAsked(PLACE, 10), PUBLIC_SIGHT))
    assert re.search(r"Index Scan using asset_geom_m on asset a", text)
    assert "Order By: (geom_m <->" in text


def test_nearest_of_a_class_walks_the_index_with_the_class(large: Database) -> None:
    text = plan(large, *nearby_statement(NearbyAsked(PLACE, 10, ["0118"]), PUBLIC_SIGHT))
    assert re.search(r"Index Scan using asset_class_geom_m on asset a", text)
    assert re.search(r"Index Cond: \(class_id = k\.class_id\)", text)
    assert "Seq Scan on asset" not in text


def test_a_lookup_scans_no_large_table(large: Database) -> None:
    text = plan(large, *lookup_statement(LookupAsked(PLACE), PUBLIC_SIGHT))
    for table in ("asset", "address", "building", "link", "record", "entity", "version"):
        assert not re.search(rf"Seq Scan on {table}\b", text), f"{table} is read whole"
    # Both indexes know the place; at this size the planner finds them equally good.
    assert re.search(r"Index Scan using asset_(class_)?geom_m on asset", text)
    assert "address_geom_m" in text


@pytest.mark.parametrize("statement", [SEARCH, SEARCH_NEAR], ids=["as written", "one character away"])
@pytest.mark.parametrize("words", ["正阳路12号", "正阳", "D1234", "3706120118000001", "zyl12", "zhengyanglu12", "路灯"])
def test_search_scans_nothing_that_grows(large: Database, statement: str, words: str) -> None:
    values = search_values(SearchAsked(words), 4550)
    text = plan(large, statement, values, before=INDEXES_ONLY)
    for table in ("search_entry", "asset", "building", "address", "entity"):
        assert not re.search(rf"Seq Scan on {table}\b", text), f"{table} is read whole"
    used = ["tokens"] + (["core", "sought"] if statement == SEARCH else ["near", "pinyin"])
    if statement == SEARCH and values["letters"]:
        used += ["core_initials", "initials", "pinyin"]
    for column in used:
        assert f"search_entry_{column} " in text, column


@pytest.mark.parametrize("kind", ["asset", "address", "building", "entity"])
def test_search_entries_follow_edits_and_loads_without_reading_the_table(large: Database, kind: str) -> None:
    note = "INSERT INTO twin.search_pending (kind, row_id, to_id) VALUES (%(kind)s, 50, 80), (%(kind)s, 5000, 5080)"
    with large.connect("owner") as connection:
        for statement in ("SELECT twin.search_refresh(%(kind)s, '{77}')", note, "SELECT twin.search_catch_up(100)"):
            connection.execute(statement.encode(), {"kind": kind})
        read = connection.execute("SELECT relname, seq_tup_read FROM pg_stat_xact_user_tables WHERE seq_tup_read > 0")
        assert {kind, "search_entry"}.isdisjoint(dict(read.fetchall()))
        connection.rollback()


def test_a_summary_reads_squares_and_counts_rows_only_at_the_edges(large: Database) -> None:
    metres = shapely.box(380_000, 4_143_000, 400_000, 4_160_000)
    statement, values = SUMMARY, summary_values(Area(metres, 4550))
    text = plan(large, statement, values, before=INDEXES_ONLY)
    for table in ("asset", "record", "event", "entity", "area_total"):
        assert not re.search(rf"Seq Scan on {table}\b", text), f"{table} is read whole"
    with large.connect("app") as connection, psycopg.ClientCursor(connection) as cursor:
        cursor.execute(INDEXES_ONLY)
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}".encode(), values)
        visits = [node["Actual Loops"] for node in nodes(cursor.fetchall()[0][0][0]["Plan"])
                  if node.get("Relation Name") == "asset"]  # fmt: skip
    edge_m = 2 * (20_000 + 17_000)  # cuts about one square every 256 m; thousands lie whole inside
    assert visits
    assert max(visits) <= edge_m / 256 + 8
    inside = large.fetch("SELECT sum(n) FROM twin.area_total WHERE level = 0 AND what = 'asset_state'")[0][0]
    assert inside == 8000


def nodes(plan_node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Walk a plan."""
    yield plan_node
    for child in plan_node.get("Plans", ()):
        yield from nodes(child)


def test_a_vector_tile_reads_its_own_square(large: Database) -> None:
    text = plan(large, *tile_statement(TileAsked("assets", 17, 109809, 50843), 4550))
    assert "asset_geom" in text
    assert "Seq Scan on asset" not in text
