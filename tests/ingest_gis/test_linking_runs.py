"""Linking as a whole: parts that can be broken off, several processes, a changed register, aliases, names, people."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from ingest_gis.explain_link import explain_link, in_sentences
from ingest_gis.link_parts import LinkOptions
from ingest_gis.run_links import LinkProgress, run_links
from ingest_gis.sql_text import statements
from tests.databases import SYSTEM, Database
from tests.ingest_gis.small_register import LINKS, add_record, links, make_city
from tests.private_rows import put_entity
from twin.actions.address_alias import add_alias, end_alias, list_aliases
from twin.actions.decide_links import choose_place
from twin.errors import BadInput, Conflict, NotFound
from twin.session import transaction

ONE = LinkOptions(processes=1)
SMALL_PARTS = LinkOptions(processes=1, part_size=20)
WHERE = "SELECT ST_X(ST_Centroid(geom_m)), ST_Y(ST_Centroid(geom_m)) FROM twin.building WHERE building_id = %s"
RUN = """
import os
import re
from ingest_gis.link_parts import LinkOptions
from ingest_gis.run_links import run_links
from twin.settings import read_settings
run_links(read_settings(), LinkOptions(processes=2, part_size=5))
"""


def test_a_changed_address_changes_its_own_links_only_and_people_keep_the_last_word(database: Database) -> None:
    _, written = make_city(database)
    first = run_links(database.settings, ONE)
    assert first.changes["inserted"] > 80
    before = database.fetch(LINKS)
    assert not any(run_links(database.settings, ONE).changes[name] for name in ("inserted", "changed", "removed"))
    assert database.fetch(LINKS) == before
    # One address moves to another building: version 2 of the register.
    accepted = [row for row in before if row[4] == "accepted"]
    building = accepted[0][2]
    mine = {row[1] for row in accepted if row[2] == building}
    person = accepted[-1][1]
    with database.connect("ingest") as connection, transaction(connection, SYSTEM) as cursor:
        cursor.execute(
            "UPDATE twin.address SET building_id = (SELECT max(building_id) FROM twin.building), register_version = 2 "
            "WHERE building_id = %s", (building,),
        )  # fmt: skip
        choose_place(cursor, record_id=person, entity_id=None, kind="building", code="B3", person="wang")
    run_links(database.settings, ONE)
    after = database.fetch(LINKS)
    same = [row for row in before if row[1] not in {*mine, person}]
    assert [row for row in after if row[1] not in {*mine, person}] == same
    assert all(row[2] != building for row in after if row[1] in mine - {person} and row[4] == "accepted")
    assert [row[2] for row in after if row[1] == person and row[4] == "accepted"] == [3]
    assert len(written) == 120


def test_a_run_broken_off_goes_on_and_ends_as_an_unbroken_one(database: Database) -> None:
    make_city(database)
    run_links(database.settings, LinkOptions(processes=2, part_size=20))
    whole = links(database)
    assert len(whole) > 80
    database.fetch("DELETE FROM twin.link")
    done = []

    def stop_after_two(at: LinkProgress) -> None:
        done.append(at.done)
        if len(done) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_links(database.settings, SMALL_PARTS, progress=stop_after_two)
    assert 0 < len(links(database)) < len(whole)
    report = run_links(database.settings, SMALL_PARTS)
    assert report.resumed_at == 40
    assert links(database) == whole
    # What came meanwhile makes it another run, from the start.
    done.clear()
    with pytest.raises(KeyboardInterrupt):
        run_links(database.settings, SMALL_PARTS, progress=stop_after_two)
    add_record(database, "later", {"address": "nowhere"})
    assert run_links(database.settings, SMALL_PARTS).resumed_at == 0


@pytest.mark.kill
def test_killed_at_any_moment_nothing_is_lost_or_doubled(database: Database) -> None:
    make_city(database)
    run_links(database.settings, ONE)
    whole = links(database)
    database.fetch("DELETE FROM twin.link")
    environment = {**os.environ, "TWIN_DATABASE_URL": str(database.settings.database_url)}
    parts = (
        "SELECT count(*) FROM twin.link_part WHERE done_at IS NOT NULL "
        "AND link_run_id = (SELECT max(link_run_id) FROM twin.link_run)"
    )
    for more in (3, 6):
        process = subprocess.Popen([sys.executable, "-c", RUN], env=environment, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while database.fetch(parts)[0][0] < more and process.poll() is None and time.monotonic() < until:
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    run_links(database.settings, LinkOptions(processes=1, part_size=5))
    assert links(database) == whole


def test_other_texts_of_an_address_find_it_until_they_end(database: Database) -> None:
    make_city(database, records=1)
    add_record(database, "old", {"address": "老政府大街8号"})
    with database.connect("ingest") as connection:
        with transaction(connection, SYSTEM) as cursor:
            number = add_alias(cursor, "D7", "老政府大街8号", "老政府大街8号", "old_name")
            with pytest.raises(Conflict):
                add_alias(cursor, "D7", "老政府大街八号", "老政府大街8号", "old_name")
            with pytest.raises(NotFound):
                add_alias(cursor, "none", "x", "x", "poi")
            with pytest.raises(BadInput):
                add_alias(cursor, "D7", "…", "", "poi")
        assert [row["alias"] for row in list_aliases(connection, "D7")] == ["老政府大街8号"]
    run_links(database.settings, ONE)
    found = "SELECT address_id, state, reason_zh FROM twin.link WHERE record_id = 2"
    [(address, state, reason)] = database.fetch(found)
    assert (address, state) == (7, "accepted")
    assert "别名" in reason
    with database.connect("ingest") as connection, transaction(connection, SYSTEM) as cursor:
        end_alias(cursor, number)
        with pytest.raises(NotFound):
            end_alias(cursor, number)
    run_links(database.settings, LinkOptions(kinds=("record",), processes=1))
    assert database.fetch(found) == []


def test_only_new_looks_at_what_has_no_link(database: Database) -> None:
    book, _ = make_city(database, records=30)
    run_links(database.settings, ONE)
    before = database.fetch(LINKS)
    new = add_record(database, "new", {"address": book.places[0].standard()})
    report = run_links(database.settings, LinkOptions(only_new=True, processes=1))
    assert report.subjects < 31
    assert [row for row in database.fetch(LINKS) if row[1] != new] == before
    assert [row[2] for row in database.fetch(LINKS) if row[1] == new] == [book.places[0].place]


def test_what_a_delivery_brought_is_linked_by_itself(database: Database) -> None:
    make_city(database, records=30)
    [(batch,)] = database.fetch(
        "INSERT INTO twin.batch (department_id, target, file, file_sha256, mapping, state) "
        "VALUES (1, 'record', 'a.csv', 'a', '{}', 'done') RETURNING batch_id"
    )
    database.fetch("UPDATE twin.record SET batch_id = %s WHERE record_id IN (3, 17, 28)", (batch,))
    report = run_links(database.settings, LinkOptions(processes=1, part_size=2, batches=(batch,)))
    assert report.subjects == 3
    mine = links(database)
    assert {row[0] for row in mine} <= {3, 17, 28}
    assert len(mine) >= 2
    assert run_links(database.settings, LinkOptions(batches=())).subjects == 0
    run_links(database.settings, ONE)  # the whole city's run finds the same for them
    assert [row for row in links(database) if row[0] in (3, 17, 28)] == mine


def test_code_point_and_name_beside_the_address(database: Database) -> None:
    book, _ = make_city(database, records=1)
    place = next(p for p in book.places if p.road and not p.building and not p.room and not p.compound)
    [here] = database.fetch(WHERE, (place.place,))
    unknown = place.standard().replace(f"{place.number}号", "9999号")
    wrong = add_record(database, "number not in the register", {"address": unknown}, here)
    unread = add_record(database, "a number that no part takes", {"address": "泥村委会439号"}, here)
    near = add_record(database, "a distance is no number", {"address": f"{place.road}路口向北140米"}, here)
    none = add_record(database, "no address", {}, here)
    far = add_record(database, "500 m away", {"address": place.standard()}, (here[0] + 500, here[1] + 20_000))
    database.fetch(
        "INSERT INTO twin.entity (type_code, code, public_name_zh, building_id) "
        "VALUES ('E05', 'F1', '烟台金海商贸有限公司', 2)"
    )
    document = {"name": "某人", "phone": "13800000001", "credit_code": "91370612MA3C000012"}
    [(entity,)] = database.fetch("SELECT entity_id FROM twin.entity")
    put_entity(database, entity, 1, {**document, "attributes": {"building_code": "B2"}})
    firm = add_record(database, "credit code", {"统一社会信用代码": "91370612MA3C000012"})
    credit = {"credit_code": "91370612MA3C000012"}
    branch = add_record(database, "credit code, another number", {**credit, "address": unknown})
    beside = add_record(database, "credit code, near something", {**credit, "address": f"{place.road}路口向北190米"})
    name = add_record(database, "name", {"单位名称": "烟台金海商贸有限公司", "联系电话": "13800000001"})
    run_links(database.settings, ONE)
    asked = (wrong, unread, near, none, far, firm, name, branch, beside)
    found = {row[1]: row[2:5] for row in database.fetch(LINKS) if row[1] in asked}
    assert found[wrong] == (place.place, "point", "review")  # the point says this house, the address another number
    assert found[unread] == (place.place, "point", "review")
    assert found[near] == (place.place, "point", "accepted")
    assert found[none] == (place.place, "point", "accepted")
    assert found[far][2] == "review"
    assert found[firm] == (2, "code", "accepted")
    assert found[branch] == (2, "code", "review")  # the firm is there, the address states a number nobody has
    assert found[beside] == (2, "code", "review")
    assert found[name] == (2, "name", "accepted")
    before = database.fetch(LINKS)
    run_links(database.settings, ONE)
    assert database.fetch(LINKS) == before
    assert not [row for row in before if "13800000001" in str(row) or "金海" in str(row)]


def test_an_explanation_says_what_differs_and_what_is_near(database: Database) -> None:
    book, _ = make_city(database, records=1)
    place = next(p for p in book.places if p.road and not p.building and not p.room)
    add_record(database, "unknown number", {"address": place.standard().replace(f"{place.number}号", "9999号")})
    run_links(database.settings, ONE)
    with database.connect("ingest", autocommit=True) as connection:
        found = explain_link(connection, database.settings.city, SYSTEM, "record", "unknown number")
        lines = in_sentences(found)
        with pytest.raises(NotFound):
            explain_link(connection, database.settings.city, SYSTEM, "entity", "none")
    assert found["links"] == []
    assert any("没有这个门牌号" in line for line in lines)
    assert any(place.road in line and "number differs" in line for line in lines)


def test_the_ledgers_of_many_batches_are_found_once_and_not_for_every_record(database: Database) -> None:
    bound = {"batches": [1, 2], "only_new": False}
    with database.connect("ingest") as connection, transaction(connection, SYSTEM) as cursor:
        cursor.execute(b"EXPLAIN " + statements("link")["ledger_parts"], bound)
        plan = "\n".join(row[0] for row in cursor.fetchall())
    subplans = [line for line in plan.splitlines() if "batch_id" in line]
    assert subplans  # the batches are asked for once, before the records are joined, never in a filter on each
    assert plan.index("CTE asked") < plan.index("batch_id") < plan.index("CTE Scan on asked"), plan


def test_the_enterprise_of_a_credit_code_is_looked_up_not_searched_for(database: Database) -> None:
    sql = statements("link")["record"]
    bound = {"from_id": 1, "to_id": 10_000, "batches": None, "only_new": False}
    with database.connect("ingest") as connection, transaction(connection, SYSTEM) as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(row[0] for row in cursor.execute(b"EXPLAIN " + sql, bound).fetchall())
    # Under row policies a condition with functions that could leak is no index condition: 87,000 firms read per record.
    assert re.search(r"Index Cond: \(credit_code = ", plan), plan
