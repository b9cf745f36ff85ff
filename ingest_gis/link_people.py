"""Records that say a name and nothing else of use: the person or enterprise of that name is where they belong.

Names, phones and numbers are read, compared in memory and forgotten; the links say only that they agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
import pyarrow as pa

from ingest_gis.match_people import Field, LinkageModel, Pair, match_tables
from ingest_gis.sql_text import statements
from twin.actions.link_records import LinkProposal
from twin.personal.documents import open_document
from twin.personal.keyring import Keyring, keys_of
from twin.personal.values import CREDIT_KEYS, ID_KEYS, NAME_KEYS, PHONE_KEYS, first_of

COLUMNS = ("unique_id", "name", "phone", "code", "grid")
PEOPLE = LinkageModel(
    fields=(Field("name", "name"), Field("phone", "code"), Field("code", "code"), Field("grid", "exact")),
    blocking=(("name",), ("phone",), ("code",)),
    training=(("phone",), ("name",)),
    certain=(("name", "phone"), ("code",)),
    certain_recall=0.6,
    threshold=0.9,
)
SURE = 0.98


def propose_by_name(cursor: psycopg.Cursor[Any], bound: Mapping[str, Any]) -> tuple[list[int], list[LinkProposal]]:
    """Find the places of records that no other way has found one for.

    cursor: role ingest, in a transaction of role system. bound: from_id, to_id and batches, of the records.
    Returns the records looked at and the proposals.
    """
    sql = statements("link")
    keys = keys_of(cursor.connection)
    records = _table([_record(keys, *row) for row in cursor.execute(sql["people_records"], bound).fetchall()])
    numbers = [int(number) for number in records["unique_id"].to_pylist()]
    if not numbers:
        return [], []
    entities = _table([_entity(keys, *row) for row in cursor.execute(sql["people_entities"]).fetchall()])
    pairs = match_tables(records, entities, PEOPLE)
    ids = [int(pair.right) for pair in pairs]
    rows = cursor.execute(sql["entity_places"], {"ids": ids}).fetchall()
    places = {row[0]: (row[1], row[2]) for row in rows}
    return numbers, [_proposal(pair, *places[int(pair.right)]) for pair in pairs]


def _record(keys: Keyring, number: int, sealed: bytes, grid: str | None) -> tuple[Any, ...]:
    said = open_document(keys, "private.record", number, sealed)
    code = first_of(said, CREDIT_KEYS) or first_of(said, ID_KEYS[:2])
    return str(number), first_of(said, NAME_KEYS), first_of(said, PHONE_KEYS[:3]), code, grid


def _entity(
    keys: Keyring, number: int, sealed: bytes | None, public_name: str | None, credit_code: str | None, grid: str | None
) -> tuple[Any, ...]:
    said = open_document(keys, "private.entity", number, sealed)
    return str(number), public_name or said.get("name"), said.get("phone"), credit_code or said.get("id_number"), grid


def _table(rows: list[tuple[Any, ...]]) -> pa.Table:
    return pa.table({name: pa.array([row[at] or None for row in rows], pa.string()) for at, name in enumerate(COLUMNS)})


def _proposal(pair: Pair, building_id: int, address_id: int | None) -> LinkProposal:
    sure = pair.sure and pair.probability >= SURE
    zh, en = "名称(姓名)与电话、编号或网格和一个实体相符", "name and phone, number or grid agree with one entity"
    if not sure:
        zh, en = f"{zh}; 另有相近的实体或把握不足", f"{en}; another is as near, or not certain"
    return LinkProposal(
        method="name", score=pair.probability, state="accepted" if sure else "review", reason_zh=zh, reason_en=en,
        record_id=int(pair.left), building_id=building_id, address_id=address_id, margin=pair.margin,
    )  # fmt: skip
