"""Rows that a complete delivery no longer has: found, counted, and ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
from numpy.typing import NDArray

from ingest_gis.key_map import SeenKeys
from ingest_gis.load import Delivery
from ingest_gis.part_loader import LoadPlan
from ingest_gis.row_hashes import hash_keys
from ingest_gis.sql_text import statements
from twin.errors import BadInput, Conflict
from twin.session import Actor, transaction

AT_ONCE = 50_000
CAN_BE_COMPLETE = frozenset({"building", "address", "asset", "record", "entity"})


@dataclass(frozen=True)
class Vanished:
    """Rows that are in the twin but not in the delivery. ids: their numbers. of: how many rows there are in all."""

    ids: NDArray[np.int64]
    of: int

    @property
    def share(self) -> float:
        """Give their share of all, 0 when there is none."""
        return len(self.ids) / self.of if self.of else 0.0


def check_can_be_complete(delivery: Delivery) -> None:
    """Raise BadInput where a delivery cannot be said to be complete."""
    if delivery.is_complete and delivery.mapping.target not in CAN_BE_COMPLETE:
        raise BadInput(
            f"{delivery.mapping.target} 不能按完整交付处理 (a delivery of this kind cannot be complete)",
            where=delivery.file,
            do="去掉 --complete (leave --complete out); 网格请用 twin grid 修改 (edit grids with twin grid)",
        )


def find_vanished(connection: psycopg.Connection[Any], actor: Actor, delivery: Delivery, seen: SeenKeys) -> Vanished:
    """Find the rows of this department, delivered in this way, that the delivery has not had.

    seen: the codes of all rows of the delivery. connection: role ingest, idle, in autocommit.
    """
    mapping, gone, total = delivery.mapping, [], 0
    values = {"department_id": delivery.department_id, "mapping": mapping.name, "kind": mapping.kind}
    with transaction(connection, actor), connection.cursor(name="present") as cursor:
        cursor.itersize = AT_ONCE
        cursor.execute(statements("vanished")[mapping.target], values)
        while rows := cursor.fetchmany(AT_ONCE):
            total += len(rows)
            ids = np.array([row[0] for row in rows], dtype=np.int64)
            missing = seen.missing(hash_keys(pa.array([row[1] or "" for row in rows], pa.string())))
            gone.append(ids[missing])
    return Vanished(np.concatenate(gone) if gone else np.zeros(0, dtype=np.int64), total)


def refuse_too_many(vanished: Vanished, allowed: float, where: str, *, dry_run: bool) -> None:
    """Raise Conflict when a larger share of the rows has vanished than is allowed."""
    if vanished.share > allowed:
        share = min(1.0, vanished.share + 0.01)
        zh, en = ("什么也没有写入", "nothing was written") if dry_run else (
            "都没有终止; 交来的行已经入库", "none was ended; those delivered were taken")  # fmt: skip
        raise Conflict(
            f"库中 {vanished.of} 行有 {len(vanished.ids)} 行不在这次交付里, 太多了, {zh} "
            f"({len(vanished.ids)} of {vanished.of} rows of the twin are not in this delivery, too many: {en})",
            where=where,
            do="请核对文件是不是全部存量; 确实如此的, 由管理员放行 (make sure that the file is the whole stock; "
            f"whoever looks after the twin may then let it pass): --allow-vanishing {share:.2f}",
        )


def end_vanished(connection: psycopg.Connection[Any], plan: LoadPlan, vanished: Vanished) -> int:
    """End the rows in one transaction with their number in the batch. Returns how many were ended."""
    ended = 0
    end = statements("vanished")["end"].replace(b"{table}", plan.target.encode())
    with transaction(connection, plan.actor) as cursor:
        cursor.execute("SET LOCAL twin.search_later = 'on'")
        for start in range(0, len(vanished.ids), AT_ONCE):
            ended += cursor.execute(end, {"ids": vanished.ids[start : start + AT_ONCE].tolist()}).rowcount
        settled = {"ended": ended, "batch_id": plan.batch_id, "run": plan.run}
        if cursor.execute(statements("vanished")["ended"], settled).rowcount != 1:
            raise Conflict("批次已由另一次运行接着做 (another run has taken this batch over)")
    return ended
