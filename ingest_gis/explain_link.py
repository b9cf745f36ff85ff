"""Why a record or entity is linked as it is, in words: how its address is read, what was weighed, who decided."""

from __future__ import annotations

from typing import Any

import psycopg

from ingest_gis.known_places import read_matcher
from twin.errors import NotFound
from twin.queries.link_review import Subject, review_item
from twin.queries.whole_address import whole_address
from twin.session import Actor, transaction
from twin.settings import CitySettings

FIND = {
    "record": "SELECT record_id FROM twin.record WHERE (record_id::text = %(word)s OR source_key = %(word)s) "
    "AND valid_to IS NULL ORDER BY record_id::text = %(word)s DESC, record_id LIMIT 1",
    "entity": "SELECT entity_id FROM twin.entity WHERE (entity_id::text = %(word)s OR code = %(word)s) "
    "AND valid_to IS NULL ORDER BY entity_id::text = %(word)s DESC, entity_id LIMIT 1",
}


def explain_link(
    connection: psycopg.Connection[Any], city: CitySettings, actor: Actor, kind: str, word: str
) -> dict[str, Any]:
    """Explain one record or entity. word: its number, source key or code.

    connection: role ingest, in autocommit. Returns the review item (links, candidates) and `address`: how it is read
    down to the building, what the matcher decides now, and the numbers of the road that are nearest.
    Raises NotFound when there is no such record or entity.
    """
    with transaction(connection, actor) as cursor:
        row = cursor.execute(FIND[kind].encode(), {"word": word}).fetchone()
        if row is None:
            raise NotFound(f"没有 {word} 这个{'记录' if kind == 'record' else '实体'} (there is no {kind} {word})")
        subject = Subject("record" if kind == "record" else "entity", int(row[0]))
        address = whole_address(connection, subject) or _given(cursor, subject)
    item = review_item(connection, subject) or {}
    matcher, _ = read_matcher(connection, city)
    explained = matcher.explain(address) if address else None
    if explained is not None:
        explained.pop("normalised")  # may hold a room or a name; the parts down to the building say enough
    return {**item, "address": explained}


def _given(cursor: psycopg.Cursor[Any], subject: Subject) -> str | None:
    if subject.kind == "entity":
        return None
    row = cursor.execute("SELECT address_given FROM twin.record WHERE record_id = %s", (subject.number,)).fetchone()
    return row[0] if row else None


def in_sentences(found: dict[str, Any]) -> list[str]:
    """Write an explanation as sentences, Chinese first."""
    subject = found["subject"]
    lines = [f"{subject['type']} {subject['title']} ({subject['kind']} {subject['number']})"]
    for link in found["links"]:
        by = f", {link['decided_by']}" if link["decided_by"] else ""
        margin = "" if link["margin"] is None else f", 领先 margin {link['margin']:.2f}"
        lines.append(
            f"[{link['state']}{by}] {link['to_kind']} {link['to_code']} {link['to_label'] or ''}: "
            f"{link['reason_zh']} ({link['reason_en']}); {link['method']} {link['score']:.2f}{margin}, "
            f"register {link['register_version']}"
        )
    if not found["links"]:
        lines.append("没有关联 (no link)")
    if address := found["address"]:
        parts = ", ".join(f"{name} {text}" for name, text in address["parts"].items())
        lines.append(f"地址读作 address read as: {parts or '-'}")
        lines.append(f"{address['reason_zh']} ({address['reason_en']}): {address['decision']}")
    for candidate in found["candidates"]:
        differs = [
            f"{part['name_zh']} {part['given'] or '-'}/{part['known'] or '-'}"
            for part in candidate["parts"]
            if part["verdict"] in ("near", "differs")
        ]
        note = f"; 不同 differs: {', '.join(differs)}" if differs else ""
        lines.append(f"{candidate['rank']}. {candidate['to']['label']} {candidate['score']:.2f}{note}")
    for near in (found["address"] or {}).get("neighbours", ()) if not found["links"] else ():
        lines.append(f"附近 near: {near['text']} ({', '.join(near['differs'])} differs)")
    return lines
