"""At rest nothing personal is readable: not in a dump, not in the server's own files, not in what was there before."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.databases import SYSTEM, Database
from tests.private_rows import opened, put_entity, put_record
from twin.actions.apply_keys import apply_keys, is_anything_clear, keys_in_use
from twin.cluster.backup import client_call, client_programs
from twin.cluster.server import connect, data_folder, for_database
from twin.errors import Conflict, KeysMissing
from twin.migrations.upgrade import upgrade
from twin.personal.documents import open_document
from twin.personal.keyring import drop_keys, keys_of, keys_to_seal, make_keys, rotate_keys
from twin.personal.subject_keys import open_words, seal_words_at_once
from twin.session import transaction
from twin.settings import Settings

PERSON = {
    "name": "测甲明文", "id_number": "370612199001015555", "phone": "13900008765", "room": "907暗室",
    "attributes": {"source_key": "户口七七七", "address": "暗巷9号907暗室"},
}  # fmt: skip
MARKERS = ("测甲明文", "370612199001015555", "13900008765", "907暗室", "户口七七七", "暗巷9号")


def dumped(settings: Settings) -> str:
    """Give everything a dump of the database says, all schemas."""
    conninfo, environment = client_call(settings)
    command = [client_programs(15).path("pg_dump"), "--no-password", f"--dbname={conninfo}"]
    return subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout


def test_neither_a_dump_nor_the_server_s_files_hold_anything_readable(database: Database, settings: Settings) -> None:
    database.fetch("INSERT INTO twin.department (code, name_zh) VALUES ('A', '甲')")
    [(entity,)] = database.fetch("INSERT INTO twin.entity (type_code, code) VALUES ('E03', 'H1') RETURNING entity_id")
    [(record,)] = database.fetch(
        "INSERT INTO twin.record (department_id, kind, source_key, title_zh) VALUES (1, 'k', '1', 't') "
        "RETURNING record_id"
    )
    put_entity(database, entity, 1, PERSON, key="户口七七七")
    put_entity(database, entity, 1, {**PERSON, "phone": "13900000000"}, key="户口七七七")
    put_record(
        database, record, 1, {"姓名": PERSON["name"], "身份证号": PERSON["id_number"], "address": "暗巷9号907暗室"}
    )
    assert opened(database, "entity")[entity]["id_number"] == PERSON["id_number"]
    assert database.fetch("SELECT count(*) FROM history.private_version WHERE old_row IS NOT NULL") == [(1,)]
    text = dumped(database.settings)
    assert "370612" in text  # it is a dump: the district's own codes are there
    assert [marker for marker in MARKERS if marker in text] == []
    with database.connect("admin", autocommit=True) as connection:
        connection.execute("CHECKPOINT")
    files = data_folder(settings)
    sought = [part for marker in MARKERS for part in ("-e", marker)]
    found = subprocess.run(["grep", "-rlaF", *sought, str(files)], capture_output=True, text=True, check=False)
    assert found.stdout == ""


def test_a_new_key_seals_everything_anew_and_changes_nothing(database: Database) -> None:
    path = database.settings.data_dir / "keys.json"
    own = Database(database.name, replace(database.settings, key_file=path))
    own.fetch("INSERT INTO twin.department (code, name_zh) VALUES ('A', '甲')")
    [(entity,)] = own.fetch("INSERT INTO twin.entity (type_code, code) VALUES ('E03', 'H1') RETURNING entity_id")
    put_entity(own, entity, 1, PERSON)
    put_entity(own, entity, 1, {**PERSON, "phone": "1"})
    with own.connect("app") as connection, transaction(connection, SYSTEM) as cursor:
        words = seal_words_at_once(cursor, keys_of(connection), "H1", "核实火情")
    versions = own.fetch("SELECT count(*) FROM history.private_version")
    old = keys_in_use(own.settings)
    new = rotate_keys(path)
    assert apply_keys(own.settings) == {
        "entity under an older key": 1, "history under an older key": 1, "reasons in the audit under an older key": 1,
    }  # fmt: skip
    assert sum(old.values()) == 3
    assert dict(keys_in_use(own.settings)) == {new.active.hex(): 3}
    [(sealed,)] = own.fetch("SELECT sealed FROM audit.subject_key")
    only_new = drop_keys(path, [bytes.fromhex(key) for key in old])
    assert open_words(only_new, "H1", sealed, words) == "核实火情"
    assert opened(own, "entity")[entity]["phone"] == "1"
    assert own.fetch("SELECT count(*) FROM history.private_version") == versions
    assert apply_keys(own.settings) == {}
    path.rename(path.with_suffix(".away"))
    with own.connect("ingest") as connection, pytest.raises(KeysMissing, match="twin key backup"):
        keys_to_seal(connection)  # new keys are not made where something is sealed


@pytest.fixture
def older(settings: Settings, database: Database) -> Settings:
    """A database of the version before sealing, with a person in clear; dropped with the other."""
    name = f"{database.name}_older"
    with connect(settings, "admin", database="postgres", autocommit=True) as connection:
        make = "CREATE DATABASE {} OWNER twin_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'"
        connection.execute(sql.SQL(make).format(sql.Identifier(name)))
    older = replace(for_database(settings, name), data_dir=database.settings.data_dir)
    upgrade(older, "0016")
    with connect(older, "owner") as connection, transaction(connection, SYSTEM) as cursor:
        cursor.execute("INSERT INTO twin.department (code, name_zh) VALUES ('A', '甲')")
        cursor.execute("INSERT INTO twin.entity (type_code, code) VALUES ('E03', 'H1')")
        cursor.execute(
            "INSERT INTO private.entity (entity_id, department_id, name, id_number, phone, room, attributes) "
            "SELECT entity_id, 1, %(name)s, %(id_number)s, %(phone)s, %(room)s, %(attributes)s FROM twin.entity",
            {**PERSON, "attributes": Jsonb(PERSON["attributes"])},
        )
        cursor.execute("UPDATE private.entity SET phone = '13900000000'")
        cursor.execute("INSERT INTO twin.record (department_id, kind, source_key, title_zh) VALUES (1, 'k', '1', 't')")
        cursor.execute(
            "INSERT INTO private.record SELECT record_id, 1, %s FROM twin.record", (Jsonb({"姓名": PERSON["name"]}),)
        )
    return older


def test_an_upgrade_seals_what_stood_in_clear(older: Settings) -> None:
    upgrade(older)
    assert not is_anything_clear(older)
    text = dumped(older)
    assert [marker for marker in MARKERS if marker in text] == []
    with connect(older, "owner") as connection, transaction(connection, SYSTEM) as cursor:
        [(number, sealed, key_mac)] = cursor.execute("SELECT entity_id, sealed, key_mac FROM private.entity").fetchall()
        keys = keys_of(connection)
        assert open_document(keys, "private.entity", number, sealed) == {**PERSON, "phone": "13900000000"}
        assert key_mac == keys.mac("key", "户口七七七")
        [(old,)] = cursor.execute(
            "SELECT old_row FROM history.private_version WHERE table_name = 'entity' AND old_row IS NOT NULL"
        ).fetchall()
        was = open_document(keys, "private.entity", number, bytes.fromhex(old["sealed"][2:]))
        assert was["phone"] == PERSON["phone"]
    with pytest.raises(Conflict):
        make_keys(older.keys_path)
