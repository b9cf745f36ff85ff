"""Migrations: whole or not at all, one at a time, never on a newer database; the catalogue comes with them."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg import sql

from tests.databases import Database
from twin.cluster.backup import client_call, client_programs
from twin.cluster.bootstrap import ensure_database
from twin.cluster.server import connect, for_database
from twin.errors import BadInput, DatabaseTooNew, DatabaseUnavailable
from twin.migrations import upgrade as upgrading
from twin.migrations.upgrade import newest_revision, require_current, upgrade
from twin.settings import Settings

SQL_FOLDER = Path(upgrading.__file__).parent / "sql"


@pytest.fixture
def empty(settings: Settings, database: Database) -> Settings:
    """An empty database of the test cluster; dropped with it."""
    name = f"{database.name}_empty"
    with connect(settings, "admin", database="postgres", autocommit=True) as connection:
        make = "CREATE DATABASE {} OWNER twin_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'"
        connection.execute(sql.SQL(make).format(sql.Identifier(name)))
    return replace(for_database(settings, name), data_dir=database.settings.data_dir)


def test_upgrades_at_once_end_in_one_migrated_database(empty: Settings) -> None:
    with pytest.raises(DatabaseUnavailable, match="twin db upgrade"):
        require_current(empty)
    with ThreadPoolExecutor(3) as pool:
        before = [version.revision for version in pool.map(upgrade, [empty] * 3)]
    assert sorted(before, key=str) == [newest_revision(), newest_revision(), None]
    require_current(empty)


def test_a_failing_migration_leaves_nothing_behind(empty: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise BadInput("the catalogue is broken")

    with monkeypatch.context() as patch:
        patch.setattr(upgrading, "load_catalogue", fail)
        with pytest.raises(BadInput):
            upgrade(empty)
    with connect(empty, "owner") as connection:
        assert connection.execute("SELECT to_regnamespace('twin'), to_regnamespace('queue')").fetchone() == (None, None)
    upgrade(empty)


def test_the_sql_files_can_be_pasted_into_psql(empty: Settings) -> None:
    ensure_database(empty)
    conninfo, environment = client_call(empty)
    psql = client_programs(15).path("psql")
    names = [f"0001_{part}.sql" for part in ("tables", "indexes", "history", "audit", "search", "policies")]
    # 0002 needs procrastinate's own tables.
    names += sorted(path.name for path in SQL_FOLDER.glob("*.sql") if path.name[:4] > "0002")
    assert {*names, "0002_queue_access.sql"} == {path.name for path in SQL_FOLDER.glob("*.sql")}
    text = "SET ROLE twin_owner;\n" + "\n".join((SQL_FOLDER / name).read_text() for name in names)
    done = subprocess.run(
        [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", "working_srid=4550", "-d", conninfo],
        input=text,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_a_database_of_a_newer_version_is_left_alone(database: Database) -> None:
    database.fetch("UPDATE twin.schema_version SET version_num = '0999'")
    for attempt in (upgrade, require_current):
        with pytest.raises(DatabaseTooNew, match="0999"):
            attempt(database.settings)
    assert database.fetch("SELECT version_num FROM twin.schema_version") == [("0999",)]


def test_a_database_of_another_city_is_refused(database: Database) -> None:
    other = replace(database.settings, city=replace(database.settings.city, working_srid=4549))
    with pytest.raises(BadInput, match="EPSG:4550"):
        upgrade(other)


def test_upgrading_again_changes_no_row(database: Database) -> None:
    before = database.fetch("SELECT count(*) FROM history.version")
    marks = database.fetch("SELECT max(xmin::text::bigint) FROM twin.class")
    upgrade(database.settings)
    assert database.fetch("SELECT count(*) FROM history.version") == before
    assert database.fetch("SELECT max(xmin::text::bigint) FROM twin.class") == marks


def test_a_changed_catalogue_is_brought_in(database: Database) -> None:
    database.fetch("UPDATE twin.class SET name_en = 'x' WHERE code = '0118'")
    upgrade(database.settings)
    assert database.fetch("SELECT name_en FROM twin.class WHERE code = '0118'") == [("Street lamp",)]


def test_the_catalogue_is_whole(module_database: Database) -> None:
    def count(table: str, where: str = "true") -> int:
        return int(module_database.fetch(f"SELECT count(*) FROM twin.{table} WHERE {where}")[0][0])

    assert count("class") == 108
    assert count("class", "is_extension") == 23
    assert count("class_code", "scheme = 'CJT214-2007' AND kind = 'component'") == 85
    assert count("class_code", "scheme = 'GBT47678.5-2026' AND kind = 'component'") == 101
    assert count("class_code", "scheme = 'GBT30428.2-2013' AND kind = 'component' AND NOT inferred") == 0
    assert count("event_class") == 129
    assert count("handling_limit") == 269
    assert count("entity_type") == 41
    assert count("admin_unit") == 598
    assert count("admin_unit", "level > 3 AND parent_id IS NULL") == 0
    assert count("hanzi_initial") > 20000


def test_codes_are_read_in_three_schemes(module_database: Database) -> None:
    query = (
        "SELECT scheme, c.code FROM twin.class_code c JOIN twin.class USING (class_id) "
        "WHERE class.name_zh = '上水井盖' AND variant = 1 ORDER BY 1"
    )
    assert module_database.fetch(query) == [
        ("CJT214-2007", "0101"),
        ("GBT30428.2-2013", "0101"),
        ("GBT47678.5-2026", "01001"),
    ]
    shared = "SELECT count(*) FROM twin.class_code WHERE code = '03006' AND kind = 'component' AND variant = 1"
    assert module_database.fetch(shared) == [(1,)]


def test_attribute_schemas_know_units_counts_and_dates(module_database: Database) -> None:
    query = "SELECT attribute_schema->'properties' FROM twin.class WHERE code = %s"
    lamp = module_database.fetch(query, ("0118",))[0][0]
    assert lamp["杆高m"] == {"type": ["number", "null"], "unit": "m", "minimum": 0}
    assert lamp["安装日期"]["pattern"].startswith("^[0-9]{4}")
    assert "number" in lamp["回路编号"]["type"]
    parking = module_database.fetch(query, ("0201",))[0][0]
    assert parking["泊位数"] == {"type": ["integer", "null"], "minimum": 0}
    wall = module_database.fetch(query, ("0606",))[0][0]
    assert wall["墙顶高程m(1985高程)"] == {"type": ["number", "null"], "unit": "m"}


def test_growing_tables_get_yearly_partitions_and_rows_already_there_move(database: Database) -> None:
    database.fetch(
        "INSERT INTO history.version (table_name, row_id, operation, known_from, known_to) "
        "VALUES ('asset', 1, 'I', '2031-02-01', '2031-02-01')"
    )
    database.fetch("SELECT history.make_partitions('history.version', 2030, 2032)")
    database.fetch("SELECT history.make_partitions('history.version', 2030, 2032)")
    assert database.fetch("SELECT count(*) FROM history.version_2031") == [(1,)]
    assert database.fetch("SELECT count(*) FROM history.version_default WHERE row_id = 1") == [(0,)]
    indexes = database.fetch("SELECT indexdef FROM pg_indexes WHERE tablename = 'version_2031'")
    assert "(table_name, row_id, known_to)" in str(indexes), "a new partition has the parent's index"
