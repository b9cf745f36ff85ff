"""Commands `twin person ...`: erase a person; let go of what is no longer needed."""

from __future__ import annotations

import getpass
import json
import sys
from typing import Annotated, Any

import typer

from twin.settings import read_settings

app = typer.Typer(no_args_is_help=True)


@app.command(epilog="Example: twin person erase --id-number --reason '本人申请删除' --dry-run")
def erase(
    reason: Annotated[str, typer.Option(help="Why, in words; names nobody.")],
    id_number: Annotated[
        bool, typer.Option("--id-number", help="Ask for the id number (or read it from standard input).")
    ] = False,
    key: Annotated[bool, typer.Option("--key", help="Ask for the household number (or read it).")] = False,
    entity: Annotated[
        str | None, typer.Option(help="The entity's code in the twin, e.g. E03-0a1b2c3d4e5f6071.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be erased, by table; write nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Erase a person from tables, history, rows set aside, texts, jobs and files, and keep it so after a restore.

    A personal number is never given on the command line: it would stand in the shell's history and among the processes.
    删除一个人的全部数据。
    """
    from twin.actions.erase_person import WhoAsked, erase_person
    from twin.personal.purposes import check_purpose
    from twin.session import Actor

    who = WhoAsked(
        entity, _ask("身份证号 id number") if id_number else None, _ask("户编号 household number") if key else None
    )
    actor = Actor(
        getpass.getuser(), role="system", purpose="data_subject", reason=check_purpose("data_subject", reason)
    )
    found = erase_person(read_settings(), who, actor, dry_run=True)
    if not as_json:
        _show(found, "将删除 would erase")
    if not dry_run:
        if not yes:
            typer.confirm("不可恢复, 继续? This cannot be undone. Go on?", abort=True)
        found = erase_person(read_settings(), who, actor)
        if not as_json:
            _show(found, "已删除 erased")
    if as_json:
        facts = {"erased": not dry_run, "rows": dict(found.counts), "files": len(found.files)}
        typer.echo(json.dumps(facts, ensure_ascii=False))


@app.command(epilog="Example: twin person retention --dry-run")
def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what is older.")] = False,
    job: Annotated[bool, typer.Option("--job", help="Leave it to a worker: queue it and print the job's id.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Let go of what is older than data/access/retention.csv says: uploads, exports, rows set aside, history, people.

    Meant to run every night, from cron or a systemd timer (docs/privacy.md). Ctrl-C ends it between two batches; the
    next run goes on.
    按保存期限清理。
    """
    if job:
        _queue_retention(as_json)
        return
    from twin.actions.retention import apply_retention
    from twin.session import Actor

    kept = apply_retention(read_settings(), Actor(getpass.getuser(), "system"), dry_run=dry_run)
    if as_json:
        typer.echo(json.dumps({"dry_run": dry_run, "gone": {item.kind: item.gone for item in kept}}))
        return
    typer.echo("将清理 would go:" if dry_run else "已清理 gone:")
    for item in kept:
        typer.echo(f"{item.gone:>8} {item.kind} ({item.days} 天 days): {item.what_zh} {item.what_en}")


def _queue_retention(as_json: bool) -> None:
    from twin.cluster import server
    from twin.jobs.queue import enqueue
    from twin.session import Actor, transaction

    actor = Actor(getpass.getuser(), "system", purpose="retention")
    with server.connect(read_settings(), "ingest") as connection, transaction(connection, actor):
        job_id = enqueue(connection, "retention.apply", "retention", {}, actor)
    typer.echo(json.dumps({"job_id": str(job_id)}) if as_json else f"任务 job: {job_id}")


def _ask(what: str) -> str:
    """Read a personal value: typed unseen, or from a pipe."""
    value = typer.prompt(what, hide_input=True) if sys.stdin.isatty() else sys.stdin.readline()
    return str(value).strip()


def _show(found: Any, what: str) -> None:
    typer.echo(f"{what}:")
    for table, count in sorted(found.counts.items()):
        typer.echo(f"{count:>8} {table}")
    typer.echo(f"{len(found.files):>8} 文件 files")
