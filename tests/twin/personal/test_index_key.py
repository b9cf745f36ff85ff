"""Another index key: persons are found all the while, deliveries wait, and what was broken off goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ingest_gis.plan_delivery import IngestOptions
from ingest_gis.run_ingest import ingest_files
from tests.databases import SYSTEM, Database
from tests.private_rows import opened, put_entity, put_record
from twin.actions import rotate_index
from twin.actions.apply_keys import apply_keys
from twin.actions.erase_person import WhoAsked, apply_ledger, erase_person
from twin.actions.log_in import begin_second_factor, confirm_second_factor
from twin.actions.passwords import open_code_secret
from twin.actions.watermark import Mark, whose_copy
from twin.cli.key import app
from twin.errors import BrokenOff, Conflict, NotFound
from twin.personal.keyring import Keyring, keys_of, keys_to_load
from twin.personal.values import mac_of
from twin.session import Actor, transaction

STEWARD = Actor("steward", "system", purpose="data_subject", reason="本人申请删除")
GONE, STAYS = "370612198807071239", "370612198807071255"
ROWS = (
    "HH1,牟平区政府大街1号101室,测甲,{gone},13911112222,101室,3",
    "HH2,牟平区政府大街3号,测乙,{stays},13911113333,1室,2",
)
HEAD = "户编号,地址,户主姓名,身份证号,联系电话,房号,人口数"


@pytest.fixture
def own(database: Database) -> Database:
    """A database with keys of its own."""
    return Database(database.name, replace(database.settings, key_file=database.settings.data_dir / "own.json"))


def households(path: Path) -> Path:
    lines = [
        "户编号,地址,户主姓名,身份证号,联系电话,房号,人口数",
        *(row.format(gone=GONE, stays=STAYS) for row in ROWS),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def hashes(database: Database) -> dict[str, set[bytes]]:
    """Give all keyed hashes there are, by table."""
    entity = database.fetch("SELECT content_mac, id_mac, phone_mac, name_mac, key_mac FROM private.entity")
    record = database.fetch("SELECT content_mac, id_mac FROM private.record")
    old = database.fetch("SELECT old_row ->> 'id_mac' FROM history.private_version WHERE old_row ->> 'id_mac' <> ''")
    found = {
        "entity": {mac for row in entity for mac in row if mac},
        "record": {mac for row in record for mac in row if mac},
    }
    return found | {"history": {bytes.fromhex(text[2:]) for (text,) in old}}


def ring(database: Database) -> Keyring:
    with database.connect("app") as connection:
        return keys_of(connection)


def test_another_index_key_is_resumed_and_nobody_is_lost_meanwhile(
    own: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = households(tmp_path / "h.csv")
    assert ingest_files(own.settings, [file], IngestOptions())[0].counts.inserted == 2
    department = own.fetch("SELECT department_id FROM twin.department WHERE code = 'police'")[0][0]
    first = min(opened(own, "entity"))
    put_entity(own, first, department, {**opened(own, "entity")[first], "phone": "13900000000"})
    numbers = [row[0] for row in own.fetch(
        "INSERT INTO twin.record (department_id, kind, source_key, title_zh) "
        "SELECT %s, 'repair', 'R' || n, 't' FROM generate_series(1, 5) n RETURNING record_id", (department,),
    )]  # fmt: skip
    for number in numbers:
        put_record(own, number, department, {"联系人": "测甲", "身份证号": STAYS, "n": number})
    before, versions = hashes(own), own.fetch("SELECT count(*) FROM history.private_version")
    old = ring(own)
    traced = Mark(old, "e1")
    leak = tmp_path / "leak.csv"
    leak.write_text("id,trace\n" + "".join(f"{n},{traced.code(n)}\n" for n in range(20)), encoding="utf-8")

    with own.connect("ingest") as loading:
        keys_to_load(loading)
        with pytest.raises(Conflict, match="taken in"):
            rotate_index.begin_rotation(own.settings)
    new = rotate_index.begin_rotation(own.settings)
    assert (new.index_id != old.index_id, new.older) == (True, (old.index,))
    with pytest.raises(Conflict, match="not finished"):
        rotate_index.begin_rotation(own.settings)
    late = ingest_files(own.settings, [households(tmp_path / "late" / "h.csv")], IngestOptions())[0]
    assert isinstance(late.error, Conflict)
    assert "index key" in str(late.error)

    # Broken off in the middle of the records: what is done is done, and everybody is found.
    monkeypatch.setattr(rotate_index, "AT_ONCE", 2)

    def stop(table: str, count: int) -> None:
        if (table, count) == ("record", 2):
            raise BrokenOff("stop")

    with pytest.raises(BrokenOff):
        apply_keys(own.settings, stop)
    now = hashes(own)
    assert now["entity"].isdisjoint(before["entity"])
    assert now["record"] & before["record"]
    assert rotate_index.is_unfinished(own.settings)
    tried = erase_person(own.settings, WhoAsked(id_number=GONE), STEWARD, dry_run=True)
    assert tried.counts["private.entity"] == 1
    tried = erase_person(own.settings, WhoAsked(id_number=STAYS), STEWARD, dry_run=True)
    assert (tried.counts["private.entity"], tried.counts["private.record"]) == (1, 5)

    done = apply_keys(own.settings)
    assert done["record hashed anew"] == 3, "the two of before are not done again"
    assert done["entity hashed anew"] == 0
    now = hashes(own)
    assert all(now[table].isdisjoint(before[table]) for table in before)
    assert mac_of(new, "id_number", GONE) in now["entity"]
    assert mac_of(new, "key", "HH1") in now["entity"]
    assert own.fetch("SELECT count(*) FROM history.private_version") == versions
    assert not rotate_index.is_unfinished(own.settings)
    assert apply_keys(own.settings) == {}

    counts = ingest_files(own.settings, [households(tmp_path / "again" / "h.csv")], IngestOptions())[0].counts
    assert (counts.inserted, counts.changed + counts.unchanged) == (0, 2), "a household is known by its number still"
    assert whose_copy(new, [("e1", "shi", "")], leak)[0][1] == "e1"


def test_the_ledger_of_before_holds_and_second_factors_open(own: Database, tmp_path: Path) -> None:
    ingest_files(own.settings, [households(tmp_path / "h.csv")], IngestOptions())
    with own.connect("owner") as connection, transaction(connection, SYSTEM) as cursor:
        cursor.execute(
            "INSERT INTO access.account (name, person, role, made_by) VALUES ('an', 'an', 'security_admin', 't')"
        )
        secret = begin_second_factor(cursor, "an")
        assert confirm_second_factor(cursor, "an", "000000", None) is None
    erase_person(own.settings, WhoAsked(id_number=GONE), STEWARD)
    result = CliRunner().invoke(app, ["rotate", "--index"], env=environment(own))
    assert result.exit_code == 0, result.output
    status = CliRunner().invoke(app, ["status", "--json"], env=environment(own))
    assert '"index_unfinished": true' in status.output
    assert CliRunner().invoke(app, ["apply"], env=environment(own)).exit_code == 0
    [(account, sealed)] = own.fetch("SELECT account_id, totp_secret FROM access.account")
    assert open_code_secret(replace(ring(own), older=()), account, sealed) == secret
    report = ingest_files(own.settings, [households(tmp_path / "again" / "h.csv")], IngestOptions())[0]
    assert dict(report.reasons) == {"person_erased": 1}
    # A backup of before brings the person back; the entry stands under the key of before, the rows under the new one.
    own.fetch("INSERT INTO twin.entity (type_code, code) VALUES ('E03', 'back')")
    [(number,)] = own.fetch("SELECT entity_id FROM twin.entity WHERE code = 'back'")
    put_entity(own, number, 1, {"name": "测甲", "id_number": GONE})
    own.fetch("DELETE FROM audit.erasure")
    assert apply_ledger(own.settings) == 1
    assert number not in opened(own, "entity")
    with pytest.raises(NotFound):
        erase_person(own.settings, WhoAsked(id_number=GONE), STEWARD)


def environment(database: Database) -> dict[str, str]:
    settings = database.settings
    return {
        "TWIN_DATABASE_URL": str(settings.database_url), "TWIN_DATA_DIR": str(settings.data_dir),
        "TWIN_KEY_FILE": str(settings.key_file),
    }  # fmt: skip
