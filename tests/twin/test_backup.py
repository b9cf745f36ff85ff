"""A backup brings everything back, says what is wrong with a bad one, and never costs what is there."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.databases import SYSTEM, Database
from twin.cluster import archive, machine
from twin.cluster.backup import LAST_BACKUP, back_up, last_backup
from twin.cluster.restore import RESTORE_LOCK, Restored, drop_kept, restore
from twin.cluster.server import connect, for_database
from twin.cluster.table_hashes import TableHashes, hash_tables
from twin.errors import BadInput, Conflict, DatabaseTooNew, NoSpace, TwinError
from twin.migrations.upgrade import known_revisions, upgrade
from twin.session import transaction
from twin.settings import Settings

PLACE = "ST_SetSRID(ST_Point(121.6, 37.387), 4490)"
FILL = f"""
INSERT INTO twin.department (code, name_zh) VALUES ('CG', '综合行政执法局');
INSERT INTO twin.asset (class_id, code, geom, geom_m, attributes)
SELECT 18::smallint, lpad(n::text, 16, '0'), {PLACE}, ST_Transform({PLACE}, 4550), '{{"功率W": 60.5}}'
FROM generate_series(1, 40) n;
UPDATE twin.asset SET state = '破损' WHERE asset_id % 3 = 0;
DELETE FROM twin.asset WHERE asset_id = 7;
INSERT INTO twin.building (code, geom, geom_m, solid, vertical_datum, height_m)
SELECT '3706120010010001', ST_Multi(ST_Buffer({PLACE}, 0.001)), ST_Multi(ST_Buffer(ST_Transform({PLACE}, 4550), 9)),
  'SRID=4550;POLYHEDRALSURFACE Z (((0 0 0,0 1 0,1 1 0,1 0 0,0 0 0)),((0 0 5,1 0 5,1 1 5,0 1 5,0 0 5)))', 'EPSG:5737', 5;
INSERT INTO twin.entity (type_code, code) VALUES ('E02', 'H1');
INSERT INTO private.entity (entity_id, department_id, sealed) SELECT entity_id, 1, '\\x01' FROM twin.entity;
UPDATE private.entity SET phone_mac = '\\x02';
SELECT audit.write('test', 'backup');
INSERT INTO twin.sensor (code, kind, geom, geom_m) VALUES ('S1', 'level', {PLACE}, ST_Transform({PLACE}, 4550));
INSERT INTO twin.observation SELECT 1, now() - n * interval '400 days', n FROM generate_series(0, 4) n;
INSERT INTO twin.job (kind, subject, state) VALUES ('survey.run', 'harbour', 'done');
"""


@pytest.fixture
def city(database: Database) -> Database:
    with database.connect("owner") as connection, transaction(connection, SYSTEM) as cursor:
        cursor.execute(FILL)
    survey = database.settings.surveys_dir / "港湾 harbour"
    for name, data in {
        "products/3dtiles/tileset.json": b"{}",
        "products/orthophoto.tif": bytes(range(256)) * 5000,
        "report/report.html": "报告".encode(),
        "stages/fuse/fused.ply": b"intermediate",
    }.items():
        (survey / name).parent.mkdir(parents=True, exist_ok=True)
        (survey / name).write_bytes(data)
    (survey / "survey.json").write_text("{}")
    return database


def hashes(database: Database) -> TableHashes:
    with database.connect("admin") as connection:
        found = hash_tables(connection)
    del found["twin.tile_change"]  # the upgrade that ends a restore makes kept tiles stale, as it should
    return found


def files(folder: Path) -> dict[str, bytes]:
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: data for name, data in found.items() if "/stages/" not in name}


def put_back(database: Database, path: Path) -> Restored:
    return restore(database.settings, path, known_revisions(), upgrade)


def databases(database: Database) -> set[str]:
    with connect(database.settings, "admin", database="postgres") as connection:
        found = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", (f"{database.name}%",))
        return {row[0] for row in found}


def test_everything_comes_back_and_the_database_goes_on_working(city: Database, tmp_path: Path) -> None:
    path = tmp_path / "city.twin"
    tables, products = hashes(city), files(city.settings.surveys_dir)
    contents = back_up(city.settings, path)
    assert {name: facts for name, facts in contents.tables.items() if name != "twin.tile_change"} == tables
    assert {name for name in contents.files if "stages" in name} == set()
    noted = last_backup(city.settings)
    assert noted is not None
    assert noted[1] == str(path)

    city.fetch("DELETE FROM twin.asset; DELETE FROM private.entity; UPDATE twin.department SET name_zh = 'x'")
    shutil.rmtree(city.settings.surveys_dir / "港湾 harbour" / "products")
    pool_like = city.connect("app")  # somebody is connected meanwhile
    restored = put_back(city, path)
    pool_like.close()

    assert hashes(city) == tables
    assert files(city.settings.surveys_dir) == products
    assert city.fetch("SELECT audit.first_broken()") == [(None,)]
    added = city.fetch(
        f"INSERT INTO twin.asset (class_id, code, geom, geom_m) SELECT 1, 'new', {PLACE}, ST_Transform({PLACE}, 4550) "
        "RETURNING asset_id"
    )
    assert added == [(41,)]
    assert city.fetch("SELECT count(*) FROM history.version WHERE row_id = 41 AND table_name = 'asset'") == [(1,)]
    assert city.fetch("SELECT count(*) FROM private.entity", role="app") == [(1,)]
    with city.connect("app") as nobody:
        assert nobody.execute("SELECT count(*) FROM private.entity").fetchone() == (0,)

    assert restored.kept_surveys is not None
    assert (restored.kept_surveys / "港湾 harbour" / "stages" / "fuse" / "fused.ply").exists()
    assert databases(city) == {city.name, restored.kept_database}
    drop_kept(city.settings, restored)
    assert databases(city) == {city.name}
    assert not restored.kept_surveys.exists()


@pytest.fixture
def backup(city: Database, tmp_path: Path) -> Path:
    path = tmp_path / "city.twin"
    back_up(city.settings, path)
    return path


def unchanged_after(city: Database, path: Path, error: type[TwinError], words: str) -> None:
    """Restoring fails with the error, and nothing of what was there has changed."""
    tables, products = hashes(city), files(city.settings.surveys_dir)
    with pytest.raises(error, match=words):
        put_back(city, path)
    assert hashes(city) == tables
    assert files(city.settings.surveys_dir) == products
    assert databases(city) == {city.name}
    assert {path.name for path in city.settings.data_dir.iterdir()} <= {"surveys", "database.lock", LAST_BACKUP}


def test_bad_backups_are_refused_and_nothing_is_lost(city: Database, backup: Path, tmp_path: Path) -> None:
    whole = backup.read_bytes()
    bad = tmp_path / "bad.twin"

    unchanged_after(city, tmp_path / "missing.twin", BadInput, "no such file")
    for length in (len(whole) - 1, len(whole) // 2, 10, 0):
        bad.write_bytes(whole[:length])
        unchanged_after(city, bad, BadInput, "not a whole backup")
    bad.write_text("<html>not a backup</html>")
    unchanged_after(city, bad, BadInput, "not a whole backup")
    with zipfile.ZipFile(bad, "w") as other:
        other.writestr("readme.txt", "another zip")
    unchanged_after(city, bad, BadInput, "not a backup of the twin")


def test_a_flipped_byte_anywhere_is_noticed(city: Database, backup: Path, tmp_path: Path) -> None:
    whole = backup.read_bytes()
    bad = tmp_path / "bad.twin"
    with zipfile.ZipFile(backup) as zipped:
        members = {info.filename: info.header_offset + 200 for info in zipped.infolist() if info.file_size > 400}
    assert archive.DUMP in members
    assert any(name.endswith("orthophoto.tif") for name in members)
    for offset in members.values():
        bad.write_bytes(whole[:offset] + bytes([whole[offset] ^ 1]) + whole[offset + 1 :])
        unchanged_after(city, bad, BadInput, "damaged|not a backup")


def edit_contents(path: Path, **changes: Any) -> None:
    """Rewrite the list of a backup, as another program version would have written it."""
    with zipfile.ZipFile(path) as zipped:
        members = {name: zipped.read(name) for name in zipped.namelist()}
    contents = json.loads(members[archive.CONTENTS]) | changes
    members[archive.CONTENTS] = json.dumps(contents).encode()
    with zipfile.ZipFile(path, "w") as zipped:
        for name, data in members.items():
            zipped.writestr(name, data)


def test_backups_of_newer_versions_and_other_cities_are_refused(city: Database, backup: Path) -> None:
    edit_contents(backup, revision="0999", program="9.1")
    unchanged_after(city, backup, DatabaseTooNew, r"newer version of the twin \(9.1\)")
    edit_contents(backup, revision="0001", format=2)
    unchanged_after(city, backup, DatabaseTooNew, "newer version")
    edit_contents(backup, format=1, city="370602")
    unchanged_after(city, backup, BadInput, "370602")


def test_a_table_that_differs_after_restoring_is_noticed(city: Database, backup: Path) -> None:
    with zipfile.ZipFile(backup) as zipped:
        tables = json.loads(zipped.read(archive.CONTENTS))["tables"]
    tables["twin.asset"]["hash"] = "1:2"
    edit_contents(backup, tables=tables)
    unchanged_after(city, backup, BadInput, "twin.asset")


def test_what_a_killed_restore_left_half_made_is_cleared_by_the_next_and_nothing_else(
    city: Database, backup: Path, settings: Settings
) -> None:
    half, other = f"{city.name}_new_20260102_030405", f"{city.name}_new_town"
    with connect(settings, "admin", database="postgres", autocommit=True) as server:
        for name in (half, other):
            server.execute(f"CREATE DATABASE {name}".encode())
    (city.settings.data_dir / "surveys_new_20260102_030405" / "a").mkdir(parents=True)
    restored = put_back(city, backup)
    assert databases(city) == {city.name, restored.kept_database, other}
    assert not list(city.settings.data_dir.glob("surveys_new*"))
    with connect(settings, "admin", database="postgres", autocommit=True) as server:
        server.execute(f"DROP DATABASE {other}".encode())


def test_one_restore_of_a_database_at_a_time_and_others_do_not_wait_for_it(
    city: Database, backup: Path, settings: Settings
) -> None:
    with connect(settings, "admin", database="postgres") as server:
        server.execute(RESTORE_LOCK, (city.name,))
        unchanged_after(city, backup, Conflict, "another restore of this database")
    with connect(settings, "admin", database="postgres") as server:
        server.execute(RESTORE_LOCK, ("another_city",))
        put_back(city, backup)


def test_a_full_disk_is_named_and_leaves_nothing_behind(
    city: Database, backup: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(small)]).returncode == 0:
        try:
            with pytest.raises(NoSpace, match="the disk is full"):
                back_up(city.settings, small / "city.twin")
            assert list(small.iterdir()) == []
        finally:
            subprocess.run(["umount", str(small)], check=True)
    with monkeypatch.context() as patch:
        patch.setattr(machine, "free_mb", lambda folder: 5)
        unchanged_after(city, backup, NoSpace, "only 5 MB are free")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("twin.cluster.restore.os.fsync", full)
    unchanged_after(city, backup, NoSpace, "the disk is full")


def test_an_existing_file_is_not_overwritten_and_an_empty_database_not_backed_up(
    city: Database, backup: Path, tmp_path: Path
) -> None:
    whole = backup.read_bytes()
    with pytest.raises(Conflict, match="exists already"):
        back_up(city.settings, backup)
    assert backup.read_bytes() == whole
    with pytest.raises(BadInput, match="folder for the backup does not exist"):
        back_up(city.settings, tmp_path / "no" / "such" / "city.twin")
    with pytest.raises(BadInput, match="empty"):
        back_up(for_database(city.settings, "postgres"), tmp_path / "empty.twin")
