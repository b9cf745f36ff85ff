"""Show what is personal of one entity or record in clear: to a role with the right, for a stated purpose and reason.

Who looked at whom, which fields, what for and why is in the audit, on the disk, before the values are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import orjson
import psycopg

from twin.actions.access import Reach, Rights, absent
from twin.errors import NotAllowed
from twin.personal.documents import open_document
from twin.personal.keyring import keys_of
from twin.personal.masks import MEANT
from twin.personal.purposes import check_purpose
from twin.personal.subject_keys import seal_words
from twin.session import SET_ACTOR, Actor, actor_settings

Kind = Literal["entity", "record"]
Field = Literal["name", "id_number", "phone", "room", "address", "household_number", "other"]
# What a right's field covers of what can be asked for.
COVERS: dict[str, frozenset[str]] = {
    "persons": frozenset({"name", "id_number", "other"}),
    "rooms": frozenset({"room", "address", "household_number"}),
    "contacts": frozenset({"phone"}),
}
FOR_RECORDS = {**COVERS, "contacts": frozenset({"phone", "room", "address"})}
# Row policies say whose rows are found.
FIND = {
    "entity": "SELECT p.entity_id, p.department_id, p.grid_id, p.sealed FROM private.entity p "
    "JOIN twin.entity e USING (entity_id) WHERE e.code = %s",
    "record": "SELECT p.record_id, p.department_id, r.grid_id, p.sealed FROM private.record p "
    "JOIN twin.record r USING (record_id) WHERE r.record_id = %s",
}
COLLECTION = {"entity": "entities", "record": "records"}


def revealable(rights: Rights, role: str, kind: Kind) -> list[str]:
    """List the fields a role may be shown in clear."""
    covers = COVERS if kind == "entity" else FOR_RECORDS
    grants = rights.grants(role, "reveal", COLLECTION[kind])
    return sorted({name for grant in grants for field in grant.fields for name in covers.get(field, ())})


async def reveal(
    connection: psycopg.AsyncConnection[Any],
    actor: Actor,
    rights: Rights,
    reach: Reach,
    kind: Kind,
    key: str | int,
    *,
    purpose: str,
    reason: str,
    fields: Sequence[str],
) -> dict[str, Any]:
    """Give fields of one entity (by code) or record (by number) in clear, having written down who asked and why.

    connection: of the role twin_app, idle. reach: of the right `reveal`. Returns {field: value, or a list of them}.
    Raises BadInput (purpose, reason), NotAllowed (a field), NotFound (not there, or not the asker's), KeysMissing.
    """
    words = check_purpose(purpose, reason)
    asked = sorted(set(fields))
    refused = sorted(set(asked) - set(revealable(rights, actor.role, kind)))
    if refused or not asked:
        raise NotAllowed(
            f"角色 {actor.role} 不能查看这些字段的原文 (the role {actor.role} may not see these in clear): "
            f"{', '.join(refused)}",
            where="fields",
        )
    stated = replace(actor, purpose=purpose, reason="")
    async with connection.transaction(), connection.cursor() as cursor:
        await cursor.execute(SET_ACTOR, actor_settings(stated))
        await cursor.execute(FIND[kind].encode(), (key,))
        row = await cursor.fetchone()
        if row is None or not reach.holds(department_id=row[1], grid_id=row[2]):
            raise absent(kind, str(key))
        keys = keys_of(connection)
        subject = str(key) if kind == "entity" else f"record {key}"
        detail = {"fields": asked, "reason": await seal_words(cursor, keys, subject, words), "persons": [subject]}
        await cursor.execute("SELECT audit.write('people.revealed', %s, %s)", (subject, orjson.dumps(detail).decode()))
        said = open_document(keys, f"private.{kind}", row[0], row[3])
    return _chosen(said, asked)


def _chosen(document: dict[str, Any], asked: Sequence[str]) -> dict[str, Any]:
    """Pick the fields asked for out of a document, whatever the deliverer has called them."""
    found: dict[str, Any] = dict.fromkeys(asked)
    flat = {**{k: v for k, v in document.items() if k != "attributes"}, **(document.get("attributes") or {})}
    for name, value in flat.items():
        field = MEANT.get(name, "other")
        if field not in found or value in (None, ""):
            continue
        if field == "other":
            found["other"] = {**(found["other"] or {}), name: value}
        else:
            found[field] = value if found[field] is None else f"{found[field]}; {value}"
    return found
