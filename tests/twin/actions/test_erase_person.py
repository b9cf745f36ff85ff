"""A person planted everywhere is gone after erasing, and does not come back: not with a backup, not with a delivery."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from ingest_gis.plan_delivery import IngestOptions
from ingest_gis.run_ingest import ingest_files
from tests.databases import Database
from tests.private_rows import opened, put_entity, put_record
from twin.actions.erase_person import WhoAsked, erase_person
from twin.actions.keep_audit import verify
from twin.cli.person import app
from twin.cluster.backup import back_up, client_call, client_programs
from twin.cluster.restore import restore
from twin.errors import BadInput, NotFound
from twin.migrations.upgrade import known_revisions, upgrade
from twin.personal.keyring import keys_of
from twin.personal.ledger import ledger_path, read_ledger
from twin.personal.subject_keys import seal_words_at_once
from twin.session import Actor, transaction

NAME, NUMBER, PHONE, HOUSEHOLD = "测尽消", "370612198807071239", "13911112222", "户九九八八"
OTHER = {"name": "测留存", "id_number": "370612198807071255", "phone": PHONE, "room": "102室"}
MARKERS = (NAME, NUMBER, PHONE, HOUSEHOLD, "101暗室")
STEWARD = Actor("steward", "system", purpose="data_subject", reason="本人申请删除")


@dataclass
class Planted:
    """The database with the person in it, a backup of it, and what stays."""

    database: Database
    backup: Path
    entity: int
    other: int
    record: int


def everything(database: Database) -> str:
    """Give all the database says and all that lies in the data directory, opened as far as the keys open it."""
    conninfo, environment = client_call(database.settings)
    command = [client_programs(15).path("pg_dump"), "--no-password", f"--dbname={conninfo}"]
    text = subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout
    text += str(opened(database, "entity")) + str(opened(database, "record"))
    for path in database.settings.data_dir.rglob("*"):
        if path.is_file():
            text += path.read_bytes().decode("utf-8", errors="replace")
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as packed:
                    text += "".join(packed.read(name).decode("utf-8", errors="replace") for name in packed.namelist())
    return text


def households(path: Path) -> Path:
    """Write a delivery in which the person is, once well and once with a fault."""
    lines = ["户编号,地址,户主姓名,身份证号,联系电话,房号,人口数"]
    lines.append(f"{HOUSEHOLD},牟平区政府大街1号101暗室,{NAME},{NUMBER},{PHONE},101暗室,3")
    lines.append(f"HH2,牟平区政府大街3号,{NAME},{NUMBER},{PHONE},101暗室,许多")
    lines.append("HH3,牟平区政府大街5号,测旁人,,13800001111,1室,2")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def planted(database: Database, tmp_path: Path) -> Planted:
    data = database.settings.data_dir
    file = households(data / "uploads" / "u1" / "files" / "h.csv")
    report = ingest_files(database.settings, [file], IngestOptions())[0]
    assert (report.counts.inserted, report.counts.rejected) == (2, 1), report
    with zipfile.ZipFile(data / "uploads" / "u1" / "more.zip", "w") as packed:
        packed.writestr("h.txt", f"电话 {PHONE}".encode("gb18030"))
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as book:  # as an xlsx in a zip is
        book.writestr("xl/sharedStrings.xml", f"<t>住户 {NUMBER} 登记</t>" * 3)
    with zipfile.ZipFile(data / "uploads" / "u1" / "twice.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("book.xlsx", inner.getvalue())
    table = pa.table({"电话": [PHONE, "1"], "n": [1, 2]})
    pq.write_table(table, data / "uploads" / "u1" / "packed.parquet", compression="zstd")
    (data / "uploads" / "u1" / "other.csv").write_text("nobody", encoding="utf-8")
    [(entity, code)] = database.fetch(
        "SELECT e.entity_id, e.code FROM twin.entity e JOIN private.entity p USING (entity_id) "
        "WHERE p.id_mac IS NOT NULL"
    )
    department = database.fetch("SELECT department_id FROM twin.department WHERE code = 'police'")[0][0]
    [(other,)] = database.fetch(
        "INSERT INTO twin.entity (type_code, code, department_id) VALUES ('E03', 'E03-other', 1) RETURNING entity_id"
    )
    put_entity(database, other, department, OTHER)
    document = {**opened(database, "entity")[entity], "phone": PHONE, "room": "103室"}
    put_entity(database, entity, department, document)
    [(record,)] = database.fetch(
        "INSERT INTO twin.record (department_id, kind, source_key, title_zh) VALUES (%s, 'repair', 'R1', %s) "
        "RETURNING record_id", (department, f"{NAME}报修水管"),
    )  # fmt: skip
    put_record(database, record, department, {"联系人": NAME, "联系电话": "139-1111-2222", "报修内容": "101暗室漏水"})
    database.fetch("UPDATE twin.record SET state = '办结' WHERE record_id = %s", (record,))
    database.fetch(
        "INSERT INTO twin.job (kind, subject, state, message_zh, message_en, result) "
        f"VALUES ('ingest', 'h.csv', 'failed', '第2行 {NAME} 有误', 'row 2, {PHONE}', "
        f"'{json.dumps({'who': NUMBER})}')"
    )
    with database.connect("app") as connection, transaction(connection, Actor("li", "officer")) as cursor:
        words = seal_words_at_once(cursor, keys_of(connection), code, f"找{NAME}, {PHONE}")
        cursor.execute("SELECT audit.write('people.revealed', %s, %s)", (code, json.dumps({"reason": words})))
    with database.connect("app") as connection, transaction(connection, Actor("wang", "officer")) as cursor:
        words = seal_words_at_once(cursor, keys_of(connection), "E03-other", f"问{NAME}的邻居")
        cursor.execute("SELECT audit.write('people.revealed', 'E03-other', %s)", (json.dumps({"reason": words}),))
    backup = tmp_path / "before.twin"
    back_up(database.settings, backup)
    return Planted(database, backup, entity, other, record)


def test_a_person_planted_everywhere_is_gone_and_stays_gone(planted: Planted) -> None:
    database = planted.database
    assert [marker for marker in MARKERS if marker not in everything(database)] == []
    tried = erase_person(database.settings, WhoAsked(id_number=NUMBER), STEWARD, dry_run=True)
    assert [marker for marker in MARKERS if marker not in everything(database)] == []
    assert not read_ledger(ledger_path(database.settings.data_dir))
    done = erase_person(database.settings, WhoAsked(id_number=NUMBER), STEWARD)
    assert done.counts == tried.counts
    assert {"twin.entity", "private.entity", "private.record", "private.quarantine", "twin.job"} <= set(done.counts)
    assert {path.name for path in done.files} == {"h.csv", "more.zip", "twice.zip", "packed.parquet"}
    # The telephone is another's too: it goes from where it stands for the one, and stays with the other.
    left = [marker for marker in MARKERS if marker in everything(database)]
    assert left == [PHONE]
    assert opened(database, "entity")[planted.other] == OTHER
    assert everything(database).count(PHONE) == 1
    assert database.fetch("SELECT title_zh FROM twin.record") == [("***报修水管",)]
    assert (database.settings.data_dir / "uploads" / "u1" / "other.csv").exists()
    assert database.fetch("SELECT count(*) FROM audit.subject_key WHERE subject = 'E03-other'") == [(0,)]
    assert verify(database.settings).is_whole
    with pytest.raises(NotFound):
        erase_person(database.settings, WhoAsked(id_number=NUMBER), STEWARD)

    restore(database.settings, planted.backup, known_revisions(), upgrade)
    assert [marker for marker in MARKERS if marker in everything(database)] == [PHONE]
    assert opened(database, "entity")[planted.other] == OTHER
    assert database.fetch("SELECT audit.first_broken()") == [(None,)]

    again = households(database.settings.data_dir.parent / "again" / "h.csv")
    report = ingest_files(database.settings, [again], IngestOptions())[0]
    assert dict(report.reasons) == {"person_erased": 2}
    assert [marker for marker in MARKERS if marker in everything(database)] == [PHONE]
    with database.connect("admin", database="postgres", autocommit=True) as connection:
        for (name,) in connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE %s", (f"{database.name}_before%",)
        ).fetchall():
            connection.execute(f'DROP DATABASE "{name}"')


def test_a_number_is_read_from_a_pipe_and_a_reason_that_names_the_person_is_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWIN_DATABASE_URL", str(database.settings.database_url))
    monkeypatch.setenv("TWIN_DATA_DIR", str(database.settings.data_dir))
    database.fetch("INSERT INTO twin.department (code, name_zh) VALUES ('A', '甲')")
    [(entity,)] = database.fetch("INSERT INTO twin.entity (type_code, code) VALUES ('E03', 'H1') RETURNING entity_id")
    put_entity(database, entity, 1, {"name": NAME, "id_number": NUMBER})
    actor = Actor("x", "system", purpose="data_subject", reason=f"{NAME}申请")
    with pytest.raises(BadInput, match="reason"):
        erase_person(database.settings, WhoAsked(entity="H1"), actor)
    asked = ["erase", "--id-number", "--reason", "本人申请删除", "--json"]
    dry = CliRunner().invoke(app, [*asked, "--dry-run"], input=f"{NUMBER}\n")
    assert json.loads(dry.output)["rows"]["private.entity"] == 1, dry.output
    done = CliRunner().invoke(app, [*asked, "--yes"], input=f"{NUMBER}\n")
    assert json.loads(done.output)["erased"] is True
    assert opened(database, "entity") == {}
    text = ledger_path(database.settings.data_dir).read_text()
    assert NUMBER not in text
    assert "H1" not in text
    assert ledger_path(database.settings.data_dir).stat().st_mode & 0o077 == 0
