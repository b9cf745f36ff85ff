"""Persons in clear only for a purpose and a reason, written down first; the audit read by its administrator alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import api.needs
from api.app import create_app
from tests.api.conftest import LIMITS
from tests.api.small_city import SmallCity, insert_small_city
from tests.api.small_city_facts import HOUSEHOLDS, RECORDS
from tests.databases import Database, fresh_database
from twin.actions.audit_heads import HeadFile
from twin.actions.keep_audit import put_away, verify
from twin.cluster.server import connect
from twin.errors import BadInput
from twin.session import Actor
from twin.settings import Settings

WHY = {"purpose": "emergency", "reason": "五号楼火情, 联系住户张某", "fields": ["name", "phone", "room"]}
LOG = "SELECT actor, role, action, subject, purpose, detail FROM audit.log ORDER BY audit_id"


@dataclass
class Office:
    """The small city's service, asked by whoever `actor` says."""

    client: TestClient
    database: Database
    facts: SmallCity
    actor: Actor

    def be(self, role: str, department: str | None = None) -> None:
        number = None
        if department:
            query = "SELECT department_id FROM twin.department WHERE code = %s"
            [(number,)] = self.database.fetch(query, (department,))
        self.actor = Actor(f"a {role}", role, number)

    def log(self) -> list[tuple[Any, ...]]:
        return self.database.fetch(LOG)


@pytest.fixture(scope="module")
def served(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with fresh_database(settings, tmp_path_factory.mktemp("people") / "var") as database:
        with database.connect("ingest") as connection:
            facts = insert_small_city(connection, database.settings.data_dir)
        app = create_app(database.settings, limits=LIMITS)
        with TestClient(app, raise_server_exceptions=False) as client:
            yield Office(client, database, facts, Actor("nobody"))


@pytest.fixture
def office(served: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    async def identify(_: object) -> Actor:
        return served.actor

    monkeypatch.setattr(api.needs, "identify", identify)
    monkeypatch.setattr(api.needs, "identify_desk", identify)
    return served


def test_a_person_is_shown_in_clear_for_a_reason_and_the_audit_knows(office: Office) -> None:
    office.be("officer", "police")
    home = HOUSEHOLDS[0]
    answer = office.client.post(f"/entities/{home.code}/reveal", json=WHY)
    assert answer.status_code == 200, answer.text
    assert answer.json()["values"] == {"name": home.head, "phone": home.phone, "room": home.room}
    assert "no-store" in answer.headers["cache-control"]
    actor, role, action, subject, purpose, detail = office.log()[-1]
    assert (actor, role, action, subject, purpose) == (
        "a officer", "officer", "people.revealed", home.code, "emergency"
    )  # fmt: skip
    assert detail["fields"] == ["name", "phone", "room"]
    written = str(office.log())
    assert not [text for text in (*office.facts.private_texts, "张某") if text in written]
    office.be("audit_admin")
    read = office.client.get("/audit", params={"subject": home.code}).json()["items"]
    assert read[0]["detail"]["reason"] == WHY["reason"]
    assert office.log()[-1][2] == "audit.read"


@pytest.mark.parametrize(
    ("role", "department", "changed", "status"),
    [
        ("public", None, {}, 401),
        ("planner", None, {}, 403),
        ("audit_admin", None, {}, 403),
        ("officer", "market", {}, 404),  # another department's: not there
        ("officer", "police", {"purpose": "curiosity"}, 422),
        ("officer", "police", {"reason": "  x "}, 422),
        ("officer", "police", {"fields": []}, 422),
        ("officer", "police", {"fields": ["everything"]}, 422),
        ("steward", None, {}, 200),
    ],
)
def test_nobody_sees_without_right_purpose_and_reason(
    office: Office, role: str, department: str | None, changed: dict[str, Any], status: int
) -> None:
    office.be(role, department)
    before = len(office.log())
    answer = office.client.post(f"/entities/{HOUSEHOLDS[1].code}/reveal", json={**WHY, **changed})
    assert answer.status_code == status, answer.text
    assert len(office.log()) == before + (status == 200)
    if status != 200:
        assert not [text for text in office.facts.private_texts if text in answer.text]


def test_a_record_s_contact_in_clear(office: Office) -> None:
    [(number,)] = office.database.fetch(
        "SELECT record_id FROM twin.record WHERE source_key = %s", (RECORDS[0].source_key,)
    )
    office.be("steward")
    answer = office.client.post(f"/records/{number}/reveal", json={**WHY, "fields": ["name", "phone"]})
    assert answer.json()["values"] == {"name": RECORDS[0].contact, "phone": RECORDS[0].phone}
    assert office.client.post(f"/records/{number}/reveal", json={**WHY, "fields": ["id_number"]}).status_code == 200
    assert office.client.post("/records/999999/reveal", json=WHY | {"fields": ["name"]}).status_code == 404


def test_a_lookup_that_shows_persons_masked_is_written_down_and_one_that_does_not_is_not(office: Office) -> None:
    place = office.facts.centre_of("row")
    office.be("steward")
    before = len(office.log())
    shown = office.client.get("/lookup", params={"lon": place.lon, "lat": place.lat}).json()["entities"]["items"]
    assert {item["name"] for item in shown} == {"户***"}
    assert all(set(item["person"]) == {"phone", "id_number", "room"} for item in shown)
    [(_, _, action, _, _, detail)] = office.log()[before:]
    assert (action, sorted(detail["persons"])) == ("people.seen", sorted(item["code"] for item in shown))
    office.be("planner")
    office.client.get("/lookup", params={"lon": place.lon, "lat": place.lat})
    assert len(office.log()) == before + 1


def test_the_audit_is_read_page_by_page_by_its_administrator_only(office: Office) -> None:
    for role, status in (("public", 401), ("steward", 403), ("security_admin", 403), ("system_admin", 403)):
        office.be(role)
        assert office.client.get("/audit").status_code == status
    office.be("audit_admin")
    first = office.client.get("/audit", params={"n": 2, "action": "people"}).json()
    assert len(first["items"]) == 2
    second = office.client.get(first["next"]).json()
    assert second["items"][0]["audit_id"] < first["items"][-1]["audit_id"]
    assert {item["action"].split(".")[0] for item in first["items"] + second["items"]} == {"people"}
    text = office.client.get("/audit", params={"f": "csv", "actor": "a steward"}).text
    assert text.startswith("\ufeffaudit_id,at,actor")
    assert "a officer" not in text


def test_who_may_be_shown_what_is_told_to_the_page(office: Office) -> None:
    office.be("planner")
    assert office.client.get("/purposes").json()["fields"] == {"entity": [], "record": []}
    office.be("officer", "police")
    answer = office.client.get("/purposes").json()
    assert {"name", "phone", "room"} <= set(answer["fields"]["entity"])
    assert "emergency" in {purpose["code"] for purpose in answer["purposes"]}


def test_a_tail_cut_off_and_a_log_swapped_whole_are_noticed(database: Database) -> None:
    def write(count: int) -> None:
        for number in range(count):
            database.fetch("SELECT audit.write('look', %s)", (f"x{number}",), role="app")

    write(5)
    first = verify(database.settings)
    assert first.is_whole
    last = first.head.audit_id
    database.fetch(
        "ALTER TABLE audit.log DISABLE TRIGGER ALL; "
        "DELETE FROM audit.log WHERE audit_id > (SELECT max(audit_id) - 2 FROM audit.log)",
        role="admin",
    )
    assert database.fetch("SELECT audit.first_broken()") == [(None,)]  # a shorter chain is a chain
    assert [head.audit_id for head in verify(database.settings).missing] == [last]
    database.fetch("ALTER TABLE audit.log ENABLE ALWAYS TRIGGER chain", role="admin")
    write(2)
    assert [head.audit_id for head in verify(database.settings).missing] == [last]  # another entry of that number
    HeadFile(database.settings.data_dir).path.unlink()
    assert not verify(database.settings, (first.head.audit_id, first.head.hash)).is_whole


def test_old_entries_go_to_an_archive_and_the_chain_goes_on(database: Database) -> None:
    keeper = Actor("keeper", "audit_admin")
    for number in range(4):
        database.fetch("SELECT audit.write('look', %s)", (f"x{number}",), role="app")
    with pytest.raises(BadInput, match="180"):
        put_away(database.settings, 30, keeper)
    assert put_away(database.settings, 200, keeper) is None
    with connect(database.settings, "admin") as connection:  # as if 300 days had gone by
        connection.execute(
            "ALTER TABLE audit.log DISABLE TRIGGER ALL; UPDATE audit.log SET at = at - interval '300 days'"
        )
        connection.execute(
            "DO $$ DECLARE e audit.log; last bytea := sha256(''); BEGIN "
            "FOR e IN SELECT * FROM audit.log ORDER BY 1 LOOP "
            "UPDATE audit.log l SET previous_hash = last, hash = sha256(last || audit.content(e)) "
            "WHERE l.audit_id = e.audit_id RETURNING hash INTO last; END LOOP; END $$"
        )
        connection.execute("ALTER TABLE audit.log ENABLE ALWAYS TRIGGER chain")
    HeadFile(database.settings.data_dir).path.unlink()  # of the hashes before that
    done = put_away(database.settings, 200, keeper)
    assert done is not None
    assert done[0].exists()
    assert database.fetch("SELECT audit_id, action FROM audit.log") == [(done[1] + 1, "audit.put_away")]
    assert verify(database.settings).is_whole
    database.fetch("SELECT audit.write('look', 'later')", role="app")
    assert verify(database.settings).is_whole


def test_the_audit_holds_the_files_of_its_heads_for_its_owner(database: Database, tmp_path: Path) -> None:
    heads = HeadFile(tmp_path)
    heads.note(3, b"\x01" * 32)
    heads.note_now_and_then(4, b"\x02" * 32)
    assert [head.audit_id for head in heads.read()] == [3]
    heads.path.write_text(heads.path.read_text() + '{"at": "x", "au')  # torn by a crash
    assert [head.audit_id for head in heads.read()] == [3]
