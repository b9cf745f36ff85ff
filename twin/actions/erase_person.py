"""Erase a person from everything the twin holds, and keep it so: tables, history, rows set aside, words, jobs, files.

What was erased is noted as keyed hashes in a ledger outside the database (twin.personal.ledger): a database restored
from an older backup is brought to it before it is served, and deliveries cannot bring the person back. The audit's
entries stay, so that its chain can be checked; what they say in words opens with the person's own key, which goes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import psycopg
from cryptography.exceptions import InvalidTag

from twin.actions.erase_texts import erase_texts
from twin.cluster import server
from twin.errors import BadInput, NotFound
from twin.personal.documents import open_document, open_raw
from twin.personal.erased_files import files_about
from twin.personal.keyring import Keyring, bound_to, keys_of
from twin.personal.ledger import Erased, Erasure, Known, append, ledger_path, read_ledger
from twin.personal.subject_keys import open_words, seal_words_at_once
from twin.personal.values import macs_of
from twin.session import Actor, transaction
from twin.settings import Settings

AT_ONCE = 5000
FIND_ENTITY = """
SELECT e.entity_id, e.code, e.public_name_zh IS NOT NULL, p.sealed, p.key_mac, p.id_mac
FROM twin.entity e JOIN private.entity p USING (entity_id)
WHERE e.code = ANY (%(codes)s) OR p.id_mac = ANY (%(ids)s) OR p.key_mac = ANY (%(keys)s)
   OR p.phone_mac = ANY (%(phones)s)
"""
ALL_ENTITIES = """
SELECT e.entity_id, e.code, e.public_name_zh IS NOT NULL, p.sealed, p.key_mac, p.id_mac
FROM twin.entity e JOIN private.entity p USING (entity_id)
"""
ALL_OLD_ENTITIES = "SELECT DISTINCT row_id FROM history.private_version WHERE table_name = 'entity'"
ALL_CODES = "SELECT code FROM twin.entity"
OLD_ENTITIES = """
SELECT DISTINCT row_id FROM history.private_version WHERE table_name = 'entity' AND old_row IS NOT NULL
  AND (old_row ->> 'id_mac' = ANY (%(ids)s) OR old_row ->> 'key_mac' = ANY (%(keys)s)
       OR old_row ->> 'phone_mac' = ANY (%(phones)s))
"""
ENTITY_VERSIONS = """
SELECT row_id, old_row ->> 'sealed' FROM history.private_version
WHERE table_name = 'entity' AND row_id = ANY (%s) AND old_row ->> 'sealed' IS NOT NULL
"""
RECORDS = "SELECT record_id, sealed FROM private.record WHERE record_id > %s AND sealed IS NOT NULL ORDER BY 1 LIMIT %s"
RECORD_VERSIONS = """
SELECT version_id, row_id, old_row ->> 'sealed' FROM history.private_version
WHERE table_name = 'record' AND version_id > %s AND old_row ->> 'sealed' IS NOT NULL ORDER BY 1 LIMIT %s
"""
REJECTED = """
SELECT quarantine_id, batch_id, row_no, sealed FROM private.quarantine
WHERE quarantine_id > %s AND sealed IS NOT NULL ORDER BY 1 LIMIT %s
"""
REASONS = """
SELECT l.subject, k.sealed, l.detail ->> 'reason' FROM audit.log l JOIN audit.subject_key k ON k.subject = l.subject
WHERE l.action LIKE 'people.%' AND l.detail ->> 'reason' IS NOT NULL
"""
# What goes, in this order; each statement's count is told.
ENTITY_GOES = (
    ("twin.link", "DELETE FROM twin.link WHERE entity_id = ANY (%(persons)s)"),
    ("private.entity", "DELETE FROM private.entity WHERE entity_id = ANY (%(entities)s)"),
    ("twin.entity", "DELETE FROM twin.entity WHERE entity_id = ANY (%(persons)s)"),
    (
        "history.private_version",
        "DELETE FROM history.private_version WHERE table_name = 'entity' AND row_id = ANY (%(entities)s)",
    ),
    ("history.version", "DELETE FROM history.version WHERE table_name = 'entity' AND row_id = ANY (%(persons)s)"),
    (
        "history.version",
        "DELETE FROM history.version WHERE table_name = 'link' AND old_row ->> 'entity_id' = ANY (%(person_texts)s)",
    ),
)
RECORD_GOES = (
    ("private.record", "DELETE FROM private.record WHERE record_id = ANY (%(records)s)"),
    (
        "history.private_version",
        "DELETE FROM history.private_version WHERE table_name = 'record' AND row_id = ANY (%(records)s)",
    ),
    (
        "private.quarantine",
        "UPDATE private.quarantine SET sealed = NULL, detail = NULL WHERE quarantine_id = ANY (%(rejected)s)",
    ),
    ("audit.subject_key", "DELETE FROM audit.subject_key WHERE subject = ANY (%(subjects)s)"),
)


@dataclass(frozen=True)
class WhoAsked:
    """The person to erase: by code of an entity, id number, or household number. Numbers come from no command line."""

    entity: str | None = None
    id_number: str | None = None
    household_number: str | None = None

    def known(self) -> Known:
        """Give what is known to begin with. Raises BadInput when nobody is named."""
        if not (self.entity or self.id_number or self.household_number):
            raise BadInput("请指明人员 (say whom)", do="--entity, --id-number 或 (or) --key")
        return Known(
            ids={self.id_number} if self.id_number else set(),
            household_numbers={self.household_number} if self.household_number else set(),
            codes={self.entity} if self.entity else set(),
        )


@dataclass
class Erasing:
    """What was found, and what became of it. counts: by table. files: removed (on a dry run: to be removed).

    persons: entities that go whole; of organisations only the private part goes.
    """

    counts: Counter[str] = field(default_factory=Counter)
    files: list[Path] = field(default_factory=list)
    entities: set[int] = field(default_factory=set)
    persons: set[int] = field(
        default_factory=set
    )  # those that are gone whole; of organisations only the private part is
    records: set[int] = field(default_factory=set)
    rejected: set[int] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)


def erase_person(settings: Settings, who: WhoAsked, actor: Actor, *, dry_run: bool = False) -> Erasing:
    """Erase a person. actor: who does it, what for and why; a reason that names the person is refused.

    dry_run: say what would go, by table, and write nothing.
    Raises BadInput, NotFound (nobody there, and nothing that speaks of them), KeysMissing.
    """
    known = who.known()
    with server.connect(settings, "owner") as connection:
        keys = keys_of(connection)
        done = _erase(connection, keys, known, actor, dry_run=True)
        done.files = files_about(settings.data_dir, known.texts())
        if not (sum(done.counts.values()) or done.files):
            raise NotFound("没有找到 (nobody of that kind is here)")
        if any(text in actor.reason for text in (*known.texts(), *known.names)):
            raise BadInput("理由里不要写被删除的人 (the reason must not name the person)", where="--reason")
        if dry_run:
            return done
        erasure = known.erasure(keys)
        append(ledger_path(settings.data_dir), erasure)  # first: whatever breaks off now is done by the next upgrade
        done = _erase(connection, keys, known, actor, dry_run=False, entry=_name_of(erasure))
    done.files = _remove_files(settings, known)
    _vacuum(settings, done)
    return done


def apply_ledger(settings: Settings) -> int:
    """Bring a database to the ledger: erase again whom a backup has brought back. Returns how many entries were new.

    Raises KeysMissing when there are entries and no keys to find anybody with.
    """
    erased = read_ledger(ledger_path(settings.data_dir))
    if not erased:
        return 0
    actor = Actor("erasure ledger", role="system", purpose="data_subject")
    with server.connect(settings, "owner") as connection:
        applied = {row[0] for row in connection.execute("SELECT entry FROM audit.erasure").fetchall()}
        new = [entry for entry in erased.entries if _name_of(entry) not in applied]
        connection.commit()
        for entry in new:
            known = Known()
            done = _erase(connection, keys_of(connection), known, actor, dry_run=False, entry=_name_of(entry), of=entry)
            _remove_files(settings, known)
            _vacuum(settings, done)
    return len(new)


def _name_of(erasure: Erasure) -> str:
    content = [erasure.at, *(sorted(getattr(erasure, name)) for name in ("ids", "keys", "codes", "people"))]
    return hashlib.sha256(repr(content).encode()).hexdigest()


def _erase(
    connection: psycopg.Connection[Any],
    keys: Keyring,
    known: Known,
    actor: Actor,
    *,
    dry_run: bool,
    entry: str | None = None,
    of: Erasure | None = None,
) -> Erasing:
    """Find and erase in one transaction. of: an entry of the ledger, instead of what is known."""
    done = Erasing()
    with transaction(connection, Actor(actor.name, "system", purpose=actor.purpose)) as cursor:
        cursor.execute("SET LOCAL twin.keeping = 'on'")
        cursor.execute("SET LOCAL statement_timeout = 0")
        _find_entities(cursor, keys, known, of, done)
        erased = Erased([of] if of is not None else [known.erasure(keys)])
        _find_documents(cursor, keys, known, erased, done)
        subjects = {*done.codes, *(f"record {number}" for number in done.records), *_said_of(cursor, keys, known)}
        values = {
            "entities": list(done.entities), "persons": list(done.persons), "records": list(done.records),
            "rejected": list(done.rejected), "subjects": sorted(subjects),
            "person_texts": [str(n) for n in done.persons],
        }  # fmt: skip
        for table, statement in (*ENTITY_GOES, *RECORD_GOES):
            done.counts[table] += max(0, cursor.execute(statement.encode(), values).rowcount)
        done.counts += erase_texts(cursor, known, done.records)
        done.counts += Counter()  # leaves out what is 0
        if dry_run:
            raise psycopg.Rollback
        if entry is not None:
            cursor.execute("INSERT INTO audit.erasure (entry) VALUES (%s) ON CONFLICT DO NOTHING", (entry,))
        subject = f"erasure {(entry or '')[:16]}"
        detail: dict[str, Any] = {"rows": dict(done.counts), "again": of is not None}
        if actor.reason:
            detail["reason"] = seal_words_at_once(cursor, keys, subject, actor.reason)
        cursor.execute("SELECT audit.write('people.erased', %s, %s)", (subject, orjson.dumps(detail).decode()))
    return done


def _find_entities(cursor: psycopg.Cursor[Any], keys: Keyring, known: Known, of: Erasure | None, done: Erasing) -> None:
    """Find the person's rows, present and past, and learn what they say."""
    codes = set(known.codes)
    if of is not None and of.codes:
        codes |= {code for (code,) in cursor.execute(ALL_CODES) if macs_of(keys, "code", code) & of.codes}
    erasure = of or known.erasure(keys)
    numbers = {"ids": list(erasure.ids), "keys": list(erasure.keys), "phones": [phone for phone, _ in erasure.people]}
    rows = cursor.execute(FIND_ENTITY, {"codes": list(codes), **numbers}).fetchall()
    looks_everywhere = of is not None and bool(keys.older)  # the entry may be older than the rows' hashes
    if looks_everywhere:
        rows = cursor.execute(ALL_ENTITIES).fetchall()
    for number, code, is_public, sealed, key_mac, id_mac in rows:
        document = open_document(keys, "private.entity", number, sealed)
        by_number = code in codes or id_mac in erasure.ids or key_mac in erasure.keys
        if not by_number and not Erased([erasure]).mentions(keys, document):
            continue  # somebody else with this phone
        known.learn(document)
        known.codes.add(code)
        if key_mac is not None:
            known.key_macs.add(key_mac)
        done.entities.add(number)
        done.codes.add(code)
        if not is_public:
            done.persons.add(number)
    texts = {name: ["\\x" + mac.hex() for mac in macs] for name, macs in numbers.items()}
    old = cursor.execute(ALL_OLD_ENTITIES) if looks_everywhere else cursor.execute(OLD_ENTITIES, texts)
    was = {row[0] for row in old.fetchall()}
    for number, sealed in cursor.execute(ENTITY_VERSIONS, ([*done.entities, *was],)).fetchall():
        document = open_document(keys, "private.entity", number, bytes.fromhex(sealed[2:]))
        if number in done.entities or Erased([erasure]).mentions(keys, document):
            known.learn(document)
            done.entities.add(number)


def _find_documents(cursor: psycopg.Cursor[Any], keys: Keyring, known: Known, erased: Erased, done: Erasing) -> None:
    """Find records, their versions and rows set aside that speak of the person. Everything is opened once."""
    for number, sealed in _pages(cursor, RECORDS):
        document = open_document(keys, "private.record", number, sealed)
        if erased.mentions(keys, document):
            known.learn(document)
            done.records.add(number)
    for _, number, sealed in _pages(cursor, RECORD_VERSIONS):
        if number not in done.records:
            text = keys.open(bytes.fromhex(sealed[2:]), bound_to("private.record", number))
            if erased.mentions(keys, orjson.loads(text)):
                done.records.add(number)
    for number, batch, row_no, sealed in _pages(cursor, REJECTED):
        if erased.mentions(keys, open_raw(keys, batch, row_no, sealed)):
            done.rejected.add(number)


def _said_of(cursor: psycopg.Cursor[Any], keys: Keyring, known: Known) -> set[str]:
    """Find reasons that others gave (for an export, for looking at somebody else) and that name the person.

    Returns the subjects whose words go: they open with one key, so all that was written about such a subject goes.
    """
    wanted = [*known.texts(), *(name for name in known.names if len(name) > 1)]
    found = set[str]()
    for subject, sealed, words in cursor.execute(REASONS).fetchall() if wanted else ():
        try:
            text = open_words(keys, subject, sealed, words)
        except (ValueError, InvalidTag):
            continue  # the key of another life of the subject
        if any(value in text for value in wanted):
            found.add(subject)
    return found


def _pages(cursor: psycopg.Cursor[Any], statement: str) -> Iterator[tuple[Any, ...]]:
    after = 0
    while rows := cursor.execute(statement.encode(), (after, AT_ONCE)).fetchall():
        yield from rows
        after = rows[-1][0]


def _remove_files(settings: Settings, known: Known) -> list[Path]:
    files = files_about(settings.data_dir, known.texts())
    for path in files:
        path.unlink(missing_ok=True)
    return files


def _vacuum(settings: Settings, done: Erasing) -> None:
    """Have the server overwrite what rows that are gone have left in its pages."""
    with server.connect(settings, "owner", autocommit=True) as connection:
        for table in sorted(table for table in done.counts if table.count(".") == 1):
            connection.execute(f"VACUUM {table}".encode())
