"""A queue of a few records and one household between three buildings, and words to decide about them."""

from __future__ import annotations

import orjson

from tests.databases import Database
from twin.actions.link_records import LinkProposal, replace_machine_links
from twin.queries.link_review import Subject
from twin.session import Actor, transaction

PLACE = "ST_SetSRID(ST_Point(121.6, 37.387), 4490)"
FILL = f"""
INSERT INTO twin.department (code, name_zh) VALUES ('A', '甲局'), ('B', '乙局');
INSERT INTO twin.grid (code, admin_id, geom, geom_m)
SELECT '370612001001001', min(admin_id), ST_Expand({PLACE}, 0.01), ST_Transform(ST_Expand({PLACE}, 0.01), 4550)
FROM twin.admin_unit;
INSERT INTO twin.building (code, name_zh, grid_id, geom, geom_m)
SELECT 'B' || n, n || '号楼', (SELECT grid_id FROM twin.grid), ST_Multi(ST_Expand({PLACE}, 0.0001)),
       ST_Multi(ST_Transform(ST_Expand({PLACE}, 0.0001), 4550)) FROM generate_series(1, 3) n;
INSERT INTO twin.address (code, text_zh, normalised, components, building_id, geom, geom_m)
SELECT 'D' || n, '正阳路' || n || '号', '正阳路' || n || '号', jsonb_build_object('road', '正阳路', 'number', n::text),
       building_id, {PLACE}, ST_Transform({PLACE}, 4550)
FROM generate_series(1, 3) n JOIN twin.building b ON b.code = 'B' || n;
INSERT INTO twin.record (department_id, kind, source_key, title_zh, address_given, geom, geom_m)
SELECT 1 + n % 2, 'licence', n::text, '营业执照' || n, '正阳路' || n || '号', {PLACE}, ST_Transform({PLACE}, 4550)
FROM generate_series(1, 6) n;
INSERT INTO twin.entity (type_code, code, department_id) VALUES ('E02', 'H1', 1);
INSERT INTO private.entity (entity_id, department_id) SELECT entity_id, 1 FROM twin.entity;
"""
SYSTEM = Actor("matching", "system", purpose="test")
WANG, LI = (Actor(name, "steward", purpose="review links") for name in ("wang", "li"))


def fill(database: Database) -> None:
    """Put the places, records and the household there; nothing is linked yet."""
    with database.connect("owner") as connection, transaction(connection, SYSTEM) as cursor:
        cursor.execute(FILL.encode())


def proposal(subject: Subject, building: int, score: float = 0.8, **more: object) -> LinkProposal:
    """Propose a building for a subject, with another weighed beside it."""
    weighed = {
        "given": {"road": "正洋路", "number": str(building)},
        "candidates": [
            {"building_id": building, "address_id": building, "score": score,
             "parts": {"road": "near", "number": "same"}},
            {"building_id": 3, "address_id": 3, "score": 0.6, "parts": {"road": "near", "number": "differs"}},
        ],
    }  # fmt: skip
    values = {"state": "review", "weighed": weighed, "margin": 0.2, **subject.values(), **more}
    return LinkProposal(
        "address", score, reason_zh="相近", reason_en="similar", building_id=building, address_id=building,
        **values,  # type: ignore[arg-type]
    )  # fmt: skip


def run_matching(database: Database, subjects: list[Subject], proposals: list[LinkProposal]) -> dict[str, int]:
    """Bring the machine's links of these subjects, all of one kind, to the proposals."""
    with database.connect("ingest") as connection, transaction(connection, SYSTEM) as cursor:
        return replace_machine_links(cursor, subjects[0].kind, [s.number for s in subjects], proposals, 1)


def links(database: Database, subject: Subject) -> list[tuple[int, str, str | None]]:
    """List a subject's links: building, state, who decided."""
    return [
        (row[0], row[1], row[2])
        for row in database.fetch(
            "SELECT building_id, state, decided_by FROM twin.link "
            "WHERE record_id = %(record_id)s OR entity_id = %(entity_id)s ORDER BY building_id, link_id",
            subject.values(),
        )
    ]


def everything(database: Database) -> bytes:
    """Write all links but their times, to compare before and after."""
    rows = database.fetch(
        "SELECT link_id, record_id, entity_id, building_id, state, decided_by, version FROM twin.link ORDER BY 1"
    )
    return orjson.dumps(rows)
