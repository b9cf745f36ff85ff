"""Link all records and entities to places, a few thousand at a time; running it again changes only what is new."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg

from ingest_gis.known_places import read_known_places
from ingest_gis.link_places import Subject, propose_links
from ingest_gis.sql_text import statements
from twin.actions.link_records import replace_machine_links
from twin.actions.settle_places import settle_places
from twin.cluster import server
from twin.crs import EastNorth
from twin.queries.link_review import SubjectKind
from twin.session import Actor, transaction
from twin.settings import Settings

SUBJECTS_AT_ONCE = 20_000
KINDS: tuple[SubjectKind, ...] = ("record", "entity")


@dataclass
class LinkReport:
    """What a run did. changes: links inserted, changed, removed, left to people. outcome: links by method and state."""

    subjects: int = 0
    register_version: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    outcome: Counter[str] = field(default_factory=Counter)
    unlinked: int = 0
    seconds: float = 0.0


def run_links(
    settings: Settings, actor_name: str = "twin link", progress: Callable[[int], None] | None = None
) -> LinkReport:
    """Link everything. progress gets the number of subjects done.

    Raises DatabaseUnavailable when there is no database.
    """
    began, report = time.monotonic(), LinkReport()
    actor = Actor(actor_name, role="system", purpose="link records to places")
    with server.connect(settings, "ingest", autocommit=True) as connection:
        with transaction(connection, actor) as cursor:
            settle_places(cursor)
        places = read_known_places(connection, settings.city)
        report.register_version = places.register_version
        for kind in KINDS:
            for subjects in _read_subjects(connection, actor, kind):
                proposals = propose_links(subjects, places)
                with transaction(connection, actor) as cursor:
                    numbers = [subject.number for subject in subjects]
                    report.changes.update(
                        replace_machine_links(cursor, kind, numbers, proposals, places.register_version)
                    )
                report.subjects += len(subjects)
                report.outcome.update(f"{item.method}:{item.state}" for item in proposals)
                report.unlinked += len(subjects) - len({(item.record_id, item.entity_id) for item in proposals})
                if progress is not None:
                    progress(report.subjects)
    report.seconds = time.monotonic() - began
    return report


def _read_subjects(connection: psycopg.Connection[Any], actor: Actor, kind: SubjectKind) -> Iterator[list[Subject]]:
    """Read records or entities in the order of their numbers, so many at a time."""
    after = 0
    while True:
        with transaction(connection, actor) as cursor:
            cursor.execute(statements("link")[kind], {"after": after, "count": SUBJECTS_AT_ONCE})
            rows = cursor.fetchall()
        if not rows:
            return
        after = rows[-1][0] if kind == "record" else rows[-1][1]
        yield [_subject(row) for row in rows]


def _subject(row: tuple[Any, ...]) -> Subject:
    record_id, entity_id, department_id, kind, name, asset_code, building_code, class_code, address, *where = row
    east, north, grid_id = where
    return Subject(
        record_id=record_id,
        entity_id=entity_id,
        department_id=department_id,
        kind=kind,
        name=name,
        asset_code=asset_code,
        building_code=building_code,
        class_code=class_code,
        address=address,
        point=None if east is None else EastNorth(east, north),
        grid_id=grid_id,
    )
