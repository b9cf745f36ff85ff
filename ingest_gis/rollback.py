"""Take a whole batch back: what it inserted goes, what it changed or ended is again what it was."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from ingest_gis.sql_text import statements
from twin.actions.set_aside_indexes import LOAD_LOCK
from twin.cluster import server
from twin.errors import BadInput, Conflict, NotFound
from twin.session import Actor, transaction
from twin.settings import Settings

# What follows from where a row stands and what it is linked to: not a change anybody made to it.
DERIVED = ["admin_id", "grid_id", "building_id", "address_id"]
CAN_BE_TAKEN_BACK = ("building", "address", "asset", "entity", "record")
WITH_PRIVATE = ("entity", "record")


@dataclass(frozen=True)
class RolledBack:
    """What became of a batch's rows."""

    batch: int
    removed: int
    restored: int


def roll_back(settings: Settings, batch_id: int, actor_name: str) -> RolledBack:
    """Take a batch back in one transaction; it is recorded in history and audit.

    Raises NotFound for a batch that is not there, Conflict when later batches or people have built on it (the later
    batches can be taken back first) or a load of the kind is going on, BadInput for kinds that are edited otherwise.
    """
    request = f"rollback-{batch_id}"
    actor = Actor(actor_name, role="system", purpose="roll back a delivery", request_id=request)
    with server.connect(settings, "ingest", autocommit=True) as connection:
        connection.execute("SET statement_timeout = 0")
        with transaction(connection, actor) as cursor:
            target = _claim(cursor, batch_id)
            cursor.execute("SET LOCAL twin.search_later = 'on'")
            done = _undo(cursor, batch_id, target, actor_name)
        while (row := connection.execute("SELECT twin.search_catch_up()").fetchone()) and row[0]:
            pass
    return done


def _claim(cursor: psycopg.Cursor[Any], batch_id: int) -> str:
    row = cursor.execute(statements("rollback")["batch"], {"batch_id": batch_id}).fetchone()
    if row is None:
        raise NotFound(f"没有批次 {batch_id} (no such batch)", do="twin ingest batches")
    target, state = str(row[0]), row[1]
    if target not in CAN_BE_TAKEN_BACK:
        raise BadInput(
            f"批次 {batch_id} 是{target}, 不能整批撤回 (a batch of {target} is not taken back whole)",
            do="请用 twin grid 修改 (edit grids and units with twin grid)",
        )
    if state == "rolled_back":
        raise Conflict(f"批次 {batch_id} 已经撤回 (this batch has been taken back already)")
    lock = (LOAD_LOCK.format(target=target),)
    taken = cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", lock).fetchone()
    if not taken or not taken[0]:
        raise Conflict(
            "同类数据正在导入 (a delivery of this kind is being loaded)", do="请等它结束 (wait until it has ended)"
        )
    return target


def _undo(cursor: psycopg.Cursor[Any], batch_id: int, target: str, actor_name: str) -> RolledBack:
    sql = _statements(cursor, target)
    values = {
        "batch_id": batch_id, "batch_text": str(batch_id), "table": target, "request": f"batch-{batch_id}",
        "derived": DERIVED, "actor": actor_name, "subject": f"batch {batch_id}",
    }  # fmt: skip

    def run(section: str) -> int:
        return cursor.execute(sql[section], values).rowcount

    for section in ("undo", "undo_inserted"):
        run(section)
    _refuse_if_built_on(cursor, sql, values, batch_id)
    restored = run("restore")
    if target in WITH_PRIVATE:
        for section in ("private_undo", "private_remove", "private_restore", "private_again"):
            run(section)
    if target == "building":
        for section in ("model_remove", "model_again"):
            run(section)
    if target == "address":
        run("let_go")
    done = RolledBack(batch_id, run("remove"), restored)
    run("unmend")
    run("finish")
    cursor.execute(sql["audit"], values | {"detail": Jsonb(asdict(done))})
    return done


def _refuse_if_built_on(
    cursor: psycopg.Cursor[Any], sql: dict[str, bytes], values: dict[str, Any], batch_id: int
) -> None:
    others = cursor.execute(sql["built_on"], values).fetchall()
    if others:
        whose = ", ".join(f"{name} × {count}" for name, count in others)
        raise Conflict(
            f"批次 {batch_id} 的行后来又被改动 (rows of this batch have been changed since): {whose}",
            do="先撤回后来的批次 (take back the later batches first: twin ingest rollback N)",
        )
    decided = cursor.execute(sql["decided"], values).fetchone()
    if decided and decided[0]:
        raise Conflict(
            f"有 {decided[0]} 条关联是人工决定的 (people have decided on {decided[0]} links of its rows)",
            do="先撤销这些决定 (undo those decisions first: twin link undo)",
        )


def _statements(cursor: psycopg.Cursor[Any], target: str) -> dict[str, bytes]:
    """Fill the target's table, key and columns into the statements; all of them names from the catalogue."""
    raw, key = statements("rollback"), f"{target}_id"
    public = cursor.execute(raw["columns"], {"schema": "twin", "table": target}).fetchall()
    private = cursor.execute(raw["columns"], {"schema": "private", "table": target}).fetchall()
    image = ", ".join(f"x.{name}::text AS {name}" if kind == "geometry" else f"x.{name}" for name, kind in public)
    names = {
        "table": target, "key": key, "image": image, "columns": ", ".join(name for name, _ in public if name != key),
        "private_columns": ", ".join(name for name, _ in private if name != key),
    }  # fmt: skip
    filled = {}
    for section, text in raw.items():
        for name, value in names.items():
            text = text.replace(f"{{{name}}}".encode(), value.encode())
        filled[section] = text
    return filled
