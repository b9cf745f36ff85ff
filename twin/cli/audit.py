"""Commands `twin audit ...`: read the audit, check it, keep it."""

from __future__ import annotations

import csv
import getpass
import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from twin.settings import read_settings

app = typer.Typer(no_args_is_help=True)
Who = Annotated[str | None, typer.Option(help="Only what this person or program did.")]
Subject = Annotated[str | None, typer.Option(help="Only about this subject, e.g. an entity's code.")]
Action = Annotated[str | None, typer.Option(help="Only this action, or the part before its dot: people.")]
Since = Annotated[datetime | None, typer.Option(help="Not before (UTC).")]
Until = Annotated[datetime | None, typer.Option(help="Before (UTC).")]


@app.command("list", epilog="Example: twin audit list --subject E03-0a1b2c3d4e5f6071")
def list_entries(
    actor: Who = None,
    subject: Subject = None,
    action: Action = None,
    since: Since = None,
    until: Until = None,
    n: Annotated[int, typer.Option("-n", help="How many.", min=1, max=10000)] = 50,
    before: Annotated[int | None, typer.Option(help="Only older than this number.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show entries, the newest first. That you have read them is written down too.

    查看审计日志(查看本身也记入审计)。
    """
    for row in _page(actor, subject, action, since, until, before, n):
        if as_json:
            typer.echo(orjson.dumps(row).decode())
        else:
            detail = json.dumps(row["detail"], ensure_ascii=False)
            typer.echo(
                f"{row['audit_id']:>9} {row['at']:%Y-%m-%d %H:%M:%S} {row['actor']} ({row['role']}) {row['action']} "
                f"{row['subject'] or ''} {row['purpose'] or ''} {detail}"
            )


@app.command(epilog="Example: twin audit export november.csv --since 2026-11-01 --until 2026-12-01")
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV file to write.")],
    actor: Who = None,
    subject: Subject = None,
    action: Action = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Write all entries asked for to a CSV file (UTF-8 with a mark).

    导出审计日志。
    """
    from twin.queries.audit_log import COLUMNS

    count, before = 0, None
    with file.open("x", encoding="utf-8-sig", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(COLUMNS)
        while rows := _page(actor, subject, action, since, until, before, 10_000):
            for row in rows:
                cells = {**row, "at": row["at"].isoformat(), "detail": orjson.dumps(row["detail"]).decode()}
                writer.writerow([_harmless(cells[name]) for name in COLUMNS])
            count, before = count + len(rows), rows[-1]["audit_id"]
    typer.echo(f"已写入 written: {count} 条 entries, {file}")


@app.command(epilog="Example: twin audit verify --id 1204 --hash 9f2c5b7a...")
def verify(
    audit_id: Annotated[int | None, typer.Option("--id", help="Number of an entry you have kept.")] = None,
    digest: Annotated[str | None, typer.Option("--hash", help="Its hash, as this command printed it then.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check that nothing was changed, taken out or cut off; print the last entry's hash. Exit status 1 if not.

    The heads noted in TWIN_DATA_DIR/audit/heads.jsonl are checked too. Keep what this prints outside the machine.
    校验审计链。
    """
    from twin.actions.keep_audit import verify as check

    if (audit_id is None) != (digest is None):
        raise typer.BadParameter("--id and --hash go together")
    expected = None if audit_id is None or digest is None else (audit_id, digest)
    found = check(read_settings(), expected)
    if as_json:
        facts = {**vars(found), "head": vars(found.head), "missing": [vars(head) for head in found.missing]}
        typer.echo(json.dumps({**facts, "whole": found.is_whole}, ensure_ascii=False))
    else:
        typer.echo(f"{found.entries} 条 entries, {found.checked} 个已记录的链头 heads noted")
        if found.broken is not None:
            typer.secho(f"从第 {found.broken} 条起断裂 broken at entry {found.broken}", fg=typer.colors.RED)
        for head in found.missing:
            typer.secho(
                f"缺少第 {head.audit_id} 条, {head.at} 曾有 entry {head.audit_id} is gone, it was there at {head.at}",
                fg=typer.colors.RED,
            )
        typer.echo(f"链头 head: {found.head.audit_id} {found.head.hash}")
    if not found.is_whole:
        raise typer.Exit(1)


@app.command("put-away", epilog="Example: twin audit put-away --days 400")
def put_away(days: Annotated[int, typer.Option(help="Older than so many days; at least 180.")] = 400) -> None:
    """Move old entries into an archive file. The chain goes on from its last entry; nothing is lost.

    归档旧的审计日志。
    """
    from twin.actions.keep_audit import put_away as move

    done = move(read_settings(), days, _person("put the audit away"))
    typer.echo("没有这么旧的条目 no entries so old" if done is None else f"已归档 put away: {done[1]} 条, {done[0]}")


def _page(
    actor: str | None,
    subject: str | None,
    action: str | None,
    since: datetime | None,
    until: datetime | None,
    before: int | None,
    most: int,
) -> list[dict[str, Any]]:
    from datetime import UTC

    from twin.cluster import server
    from twin.queries.audit_log import AuditAsked, audit_page_at_once
    from twin.session import transaction

    since, until = (moment.replace(tzinfo=UTC) if moment else None for moment in (since, until))
    asked = AuditAsked(actor, subject, action, since, until, before, most)
    with server.connect(read_settings(), "app") as connection, transaction(connection, _person("read")) as cursor:
        return audit_page_at_once(cursor, asked)


def _person(purpose: str) -> Any:
    from twin.session import Actor

    return Actor(getpass.getuser(), role="audit_admin", purpose=purpose)


def _harmless(cell: Any) -> str:
    text = "" if cell is None else str(cell)
    return f"\t{text}" if text[:1] in ("=", "+", "-", "@") else text
