"""Private rows are seen by whom they concern, history included; public geometry keeps its index."""

from __future__ import annotations

import psycopg
import pytest

from tests.databases import Database
from twin.session import Actor, transaction

PLACE = "ST_SetSRID(ST_Point(121.6, 37.387), 4490)"
PREPARE = f"""
INSERT INTO twin.department (code, name_zh) VALUES ('A', '甲'), ('B', '乙');
INSERT INTO twin.grid (code, admin_id, geom, geom_m)
SELECT '370612001001001', min(admin_id), ST_Expand({PLACE}, 0.01), ST_Transform(ST_Expand({PLACE}, 0.01), 4550)
FROM twin.admin_unit;
INSERT INTO twin.entity (type_code, code, geom) SELECT 'E02', 'H' || n, {PLACE} FROM generate_series(1, 4) n;
INSERT INTO private.entity (entity_id, department_id, grid_id, sealed)
SELECT entity_id, CASE WHEN code IN ('H1', 'H2') THEN 1 ELSE 2 END,
       CASE WHEN code IN ('H1', 'H3') THEN (SELECT grid_id FROM twin.grid) END, convert_to('name ' || code, 'UTF8')
FROM twin.entity;
UPDATE private.entity SET phone_mac = '\\x00';
INSERT INTO twin.record (department_id, kind, source_key, title_zh) VALUES (1, 'k', '1', 't'), (2, 'k', '2', 't');
INSERT INTO private.record (record_id, department_id, sealed) SELECT record_id, department_id, '\\x00' FROM twin.record;
INSERT INTO twin.batch (target, file, file_sha256, state) VALUES ('entity', 'f', '0', 'done');
INSERT INTO private.quarantine (batch_id, department_id, row_no, reason_code, sealed)
SELECT batch_id, 1, 1, 'bad', '\\x00' FROM twin.batch;
"""
NOBODY = Actor("nobody", role="")
ENTITIES = "SELECT count(*) FROM private.entity"
RECORDS = "SELECT count(*) FROM private.record"
HISTORY = "SELECT count(*) FROM history.private_version WHERE old_row IS NOT NULL"
QUARANTINE = "SELECT count(*) FROM private.quarantine"


@pytest.fixture(scope="module")
def city(module_database: Database) -> Database:
    with module_database.connect("owner") as connection, transaction(connection, Actor("t", "system")) as cursor:
        cursor.execute(PREPARE)
    return module_database


@pytest.mark.parametrize(
    ("actor", "entities", "records", "quarantined", "versions"),
    [
        (NOBODY, 0, 0, 0, 0),
        (Actor("p", "public"), 0, 0, 0, 0),
        (Actor("p", "planner", department_id=1), 0, 0, 0, 0),
        (Actor("o", "officer"), 0, 0, 0, 0),
        (Actor("o", "officer", department_id=1), 2, 1, 1, 2),
        (Actor("o", "officer", department_id=2), 2, 1, 0, 2),
        (Actor("g", "grid_worker", department_id=1), 0, 0, 0, 0),
        (Actor("g", "grid_worker", grid_ids=(1,)), 2, 0, 0, 2),
        (Actor("g", "grid_worker", grid_ids=(2, 3)), 0, 0, 0, 0),
        (Actor("g", "officer", grid_ids=(1,)), 0, 0, 0, 0),
        (Actor("a", "system_admin", department_id=1, grid_ids=(1,)), 0, 0, 0, 0),
        (Actor("a", "security_admin", department_id=1, grid_ids=(1,)), 0, 0, 0, 0),
        (Actor("a", "audit_admin", department_id=1, grid_ids=(1,)), 0, 0, 0, 0),
        (Actor("s", "steward"), 4, 2, 1, 4),
        (Actor("s", "system"), 4, 2, 1, 4),
    ],
)
@pytest.mark.parametrize("role", ["app", "owner"])
def test_who_sees_which_private_rows(
    city: Database, role: str, actor: Actor, entities: int, records: int, quarantined: int, versions: int
) -> None:
    counts = [city.fetch(query, role=role, actor=actor)[0][0] for query in (ENTITIES, RECORDS, QUARANTINE, HISTORY)]
    assert counts == [entities, records, quarantined, versions]


def test_without_any_setting_no_row_is_seen(city: Database) -> None:
    with city.connect("app") as connection:
        for query in (ENTITIES, RECORDS, QUARANTINE, HISTORY):
            assert connection.execute(query.encode()).fetchone() == (0,)


def test_private_values_do_not_reach_the_public_history(city: Database) -> None:
    query = "SELECT count(*) FROM history.version WHERE old_row::text LIKE '%%name H%%' OR table_name = 'private'"
    assert city.fetch(query) == [(0,)]


def test_ingest_writes_its_own_departments_rows_only(city: Database) -> None:
    own = Actor("i", "ingest", department_id=1)
    statement = "UPDATE private.entity SET phone_mac = '\\x01' RETURNING department_id"
    assert {row[0] for row in city.fetch(statement, role="ingest", actor=own)} == {1}
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        city.fetch("UPDATE private.entity SET department_id = 2", role="ingest", actor=own)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO twin.asset (class_id, code, geom, geom_m) SELECT 1, '1', geom, geom_m FROM twin.grid",
        "UPDATE private.entity SET sealed = NULL",
        "DELETE FROM twin.record",
        "INSERT INTO history.version (table_name,row_id,operation,known_from,known_to) VALUES ('a',1,'I',now(),now())",
        "DELETE FROM history.version",
        "SELECT * FROM history.private_version_default",
        "SELECT * FROM audit.log",
        "UPDATE twin.class SET name_zh = 'x'",
        "SELECT history.make_partitions('history.version', 2040, 2041)",
        "CREATE TABLE twin.mine (a int)",
        "CREATE TABLE public.mine (a int)",
    ],
)
@pytest.mark.parametrize("actor", [Actor("s", "system")])
def test_the_app_role_may_do_no_more_than_it_needs(city: Database, statement: str, actor: Actor) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        city.fetch(statement, role="app", actor=actor)


def test_nobody_forges_history_by_naming_the_recording_setting(city: Database) -> None:
    with city.connect("app") as connection:
        connection.execute("SELECT set_config('twin.recording', 'on', false)")
        assert connection.execute(HISTORY.encode()).fetchone() == (0,)


def test_spatial_plans_of_public_tables_keep_their_index(city: Database) -> None:
    """A row policy on these tables would put the policy before the index (300 times slower at a million rows)."""
    with city.connect("owner") as connection, transaction(connection, Actor("t", "system")) as cursor:
        cursor.execute(
            f"INSERT INTO twin.asset (class_id, code, geom, geom_m) SELECT (n %% 108 + 1)::smallint, "
            f"lpad(n::text, 17, '0'), g, ST_Transform(g, 4550) FROM generate_series(1, %s) n, "
            f"LATERAL (SELECT ST_Translate({PLACE}, n %% 100 * 1e-3, n / 100 * 1e-3) AS g) place",
            (5000,),
        )
        cursor.execute("SET LOCAL client_min_messages = error")
    with city.connect("admin", autocommit=True) as connection:
        connection.execute("ANALYZE twin.asset")
    point = "ST_Transform(ST_SetSRID(ST_Point(121.65, 37.4), 4490), 4550)"
    questions = {
        f"SELECT asset_id FROM twin.asset WHERE ST_DWithin(geom_m, {point}, 200)": "geom_m && ",
        f"SELECT asset_id FROM twin.asset ORDER BY geom_m <-> {point} LIMIT 10": "Order By: (geom_m <-> ",
        f"SELECT asset_id FROM twin.asset WHERE class_id = 18::smallint ORDER BY geom_m <-> {point} LIMIT 10": (
            "Index Cond: (class_id = "
        ),
    }
    for question, condition in questions.items():
        plan = "\n".join(row[0] for row in city.fetch(f"EXPLAIN {question}", role="app", actor=Actor("p", "public")))
        assert "Index Scan" in plan, plan
        assert condition in plan, plan
        assert "acting_role" not in plan, plan


def test_row_policies_stand_on_private_tables_only(city: Database) -> None:
    rows = city.fetch(
        "SELECT relnamespace::regnamespace::text, relname, relforcerowsecurity FROM pg_class WHERE relrowsecurity"
    )
    assert sorted(rows) == [
        ("access", "account", True),
        ("access", "login_failure", True),
        ("access", "right", True),
        ("access", "session", True),
        ("access", "token", True),
        ("history", "private_version", True),
        ("private", "entity", True),
        ("private", "quarantine", True),
        ("private", "record", True),
    ]
