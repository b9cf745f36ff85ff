"""A small city full of planted secrets: persons, records, rows set aside and files, per department and grid; members.

Every secret is a text found nowhere else, so an answer that holds it has let it out. Every person has a family name of
its own: a masked name (赵***) tells whose it is.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.api.members import add_member, session_for, token_for
from tests.api.small_city import SmallCity, insert_small_city
from tests.api.small_city_facts import DEPARTMENTS
from tests.databases import SYSTEM, Database
from twin.personal import private_rows
from twin.personal.keyring import bound_to, keys_to_seal
from twin.session import transaction

FAMILIES = "赵钱孙李周吴郑冯陈褚卫蒋沈韩杨"
LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
GRIDS = ("370612001001001", "370612001001002", None)
ENTITY = """
INSERT INTO twin.entity (type_code, code, geom, geom_m, admin_id, grid_id, batch_id)
SELECT 'E02', %(code)s, ST_SetSRID(ST_Centroid(b.geom), 4490), ST_Centroid(b.geom_m), b.admin_id, b.grid_id, %(batch)s
FROM twin.building b WHERE b.building_id = %(building)s RETURNING entity_id
"""
LINK = """
INSERT INTO twin.link (entity_id, building_id, method, score, margin, state, reason_zh, reason_en, register_version)
SELECT %(entity)s, building_id, 'address', 0.9, 0.2, %(state)s, '按地址匹配', 'matched by address', 1
FROM twin.building WHERE building_id = %(building)s
"""
RECORD = """
INSERT INTO twin.record (department_id, kind, source_key, title_zh, batch_id)
VALUES (%(department)s, 'visit', %(key)s, '走访记录', %(batch)s) RETURNING record_id
"""
BATCH = """
INSERT INTO twin.batch (department_id, target, file, file_sha256, state, read, rejected)
VALUES (%(department)s, 'record', %(file)s, %(sha)s, 'done', 3, 1) RETURNING batch_id
"""
SET_ASIDE = """
INSERT INTO private.quarantine (batch_id, department_id, row_no, reason_code, sealed)
VALUES (%(batch)s, %(department)s, 7, 'name_missing', %(sealed)s)
"""


@dataclass(frozen=True)
class Secret:
    """A text that may be in an answer to some only. kind: masked, person, record, set_aside or file."""

    text: str
    kind: str
    department: str
    grid: str | None = None


@dataclass(frozen=True)
class Viewer:
    """Somebody who asks; headers say who. role: as it counts (public for who may do nothing yet)."""

    name: str
    role: str
    headers: Mapping[str, str]
    department: str | None = None
    grids: tuple[str, ...] = ()


@dataclass
class GuardedCity:
    """The database, its secrets, and who may ask."""

    database: Database
    facts: SmallCity
    secrets: list[Secret] = field(default_factory=list)
    viewers: list[Viewer] = field(default_factory=list)
    batches: dict[str, int] = field(default_factory=dict)
    records: list[int] = field(default_factory=list)
    entities: list[str] = field(default_factory=list)


def make_guarded_city(database: Database, seed: int = 1) -> GuardedCity:
    """Fill a fresh migrated database. seed: of the secrets."""
    rng = random.Random(seed)  # noqa: S311 -- the same secrets in every run
    with database.connect("ingest") as connection:
        facts = insert_small_city(connection, database.settings.data_dir)
    city = GuardedCity(database, facts)
    # What the small city itself keeps private belongs to departments too; nobody sees it in clear here.
    city.secrets += [Secret(text, "hidden", "") for text in facts.private_texts]
    families = iter(FAMILIES)
    with database.connect("ingest") as connection, transaction(connection, SYSTEM) as cursor:
        grids = dict(cursor.execute("SELECT code, grid_id FROM twin.grid").fetchall())
        for code, number in cursor.execute("SELECT code, department_id FROM twin.department").fetchall():
            if code in DEPARTMENTS:
                _plant(city, cursor, rng, code, number, grids, families)
    _members(city)
    return city


def _token(rng: random.Random) -> str:
    return "".join(rng.choice(LETTERS) for _ in range(9))


def _plant(
    city: GuardedCity, cursor: Any, rng: random.Random, code: str, number: int, grids: dict[str, int], families: Any
) -> None:
    """Plant a department's secrets: a batch, a row set aside, a record, and a person in each grid."""

    def keep(kind: str, text: str, grid: str | None = None) -> str:
        city.secrets.append(Secret(text, kind, code, grid))
        return text

    keys = keys_to_seal(cursor.connection)
    file = keep("file", f"{_token(rng)}.csv")
    values = {"department": number, "file": file, "sha": f"{rng.getrandbits(256):064x}"}
    batch = cursor.execute(BATCH, values).fetchone()[0]
    city.batches[code] = batch
    raw = orjson.dumps({"姓名": keep("set_aside", _token(rng)), "电话": keep("set_aside", _phone(rng))})
    sealed = keys.seal(raw, bound_to("private.quarantine", f"{batch}/7"))
    cursor.execute(SET_ASIDE, {"batch": batch, "department": number, "sealed": sealed})
    values = {"department": number, "key": f"V-{code}", "batch": batch}
    record = cursor.execute(RECORD, values).fetchone()[0]
    city.records.append(record)
    payload = {"联系人": keep("record", _token(rng)), "联系电话": keep("record", _phone(rng)),
               "说明": keep("record", _token(rng))}  # fmt: skip
    private_rows.put_record(cursor, record, number, payload)
    buildings = [row[0] for row in cursor.execute("SELECT building_id FROM twin.building ORDER BY 1").fetchall()]
    for turn, grid in enumerate(GRIDS):
        building, entity_code = rng.choice(buildings), f"P-{code}-{turn}"
        values = {"code": entity_code, "batch": batch, "building": building}
        entity = cursor.execute(ENTITY, values).fetchone()[0]
        city.entities.append(entity_code)
        family = next(families)
        keep("masked", f"{family}*", grid)
        document = {
            "name": family + keep("person", _token(rng), grid), "phone": keep("person", _phone(rng), grid),
            "id_number": keep("person", f"{rng.randrange(10**17, 10**18)}", grid),
            "room": keep("person", _token(rng), grid), "attributes": {"备注": keep("person", _token(rng), grid)},
        }  # fmt: skip
        private_rows.put_entity(cursor, entity, number, document, grid_id=grids.get(grid or ""))
        state = "review" if turn == 2 else "accepted"
        cursor.execute(LINK, {"entity": entity, "building": building, "state": state})


def _phone(rng: random.Random) -> str:
    return f"17{rng.randrange(10**8, 10**9)}"


def _members(city: GuardedCity) -> None:
    """Make accounts of every role, some bound or disabled, and a way in for each."""
    database = city.database
    west, east = GRIDS[0], GRIDS[1]
    people: list[tuple[str, str, str | None, tuple[Any, ...]]] = [
        ("planner", "planner", None, ()), ("steward", "steward", None, ()),
        ("west", "grid_worker", None, (west,)), ("both", "grid_worker", "police", (west, east)),
        *((f"of.{code}", "officer", code, ()) for code in city.batches),
        ("gone", "steward", None, ()), ("sys", "system_admin", None, ()), ("sec", "security_admin", None, ()),
        ("aud", "audit_admin", None, ()),
    ]  # fmt: skip
    city.viewers.append(Viewer("anonymous", "public", {}))
    city.viewers.append(
        Viewer("forged", "public", {"Cookie": "twin_session=x", "X-Role": "steward", "Twin-Person": "x"})
    )
    for name, role, department, grids in people:
        add_member(database, name, role, department=department, grids=grids)
        if role.endswith("_admin"):
            headers = {"Cookie": f"twin_session={session_for(database, name)}"}
        else:
            headers = {"Authorization": f"Bearer {token_for(database, name)}"}
        if name == "gone":
            database.fetch("UPDATE access.account SET disabled = true WHERE name = 'gone'")
            role = "nobody"
        city.viewers.append(Viewer(name, role, headers, department, grids))
    add_member(database, "fresh", "steward")
    database.fetch("UPDATE access.account SET must_change = true WHERE name = 'fresh'")
    headers = {"Cookie": f"twin_session={session_for(database, 'fresh')}"}
    city.viewers.append(Viewer("fresh", "public", headers))
