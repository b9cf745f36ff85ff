"""Commands of the group db: the private PostGIS cluster, or the server in TWIN_DATABASE_URL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from twin.settings import Settings, read_settings

app = typer.Typer(no_args_is_help=True)

STEPS = {
    "hash": "校验表 tables",
    "dump": "导出数据库 database",
    "products": "成果文件 products",
    "verify": "核对备份 verify",
    "database": "恢复数据库 database",
    "compare": "逐表比对 compare",
}
TIDYING = {"search": "搜索条目 search entries", "totals": "统计方格 totals", "order": "存储顺序 order on the disk"}
BackupFile = Annotated[Path, typer.Argument(metavar="FILE", help="The backup, one file.")]


@app.command(epilog="Example: twin db start")
def start() -> None:
    """Start the database, making it first where there is none; nothing happens when it runs.

    启动数据库(没有则新建)。
    """
    from twin.cluster.server import start as start_server
    from twin.migrations.upgrade import upgrade as bring_up_to_date

    settings = read_settings()
    started = start_server(settings)
    if _revision_state(settings) in ("absent", "empty"):
        bring_up_to_date(settings)
    typer.echo("数据库已启动 the database has been started" if started else "数据库在运行 the database is running")
    if _revision_state(settings) == "older":
        typer.echo("数据库版本较旧,请运行: twin db upgrade / the database is of an older version, run: twin db upgrade")


@app.command(epilog="Example: twin db stop")
def stop() -> None:
    """Stop the private database. A server in TWIN_DATABASE_URL is left alone.

    停止数据库。
    """
    from twin.cluster.server import stop as stop_server

    settings = read_settings()
    if settings.database_url is not None:
        typer.echo("外部数据库,不由本程序停止 the server in TWIN_DATABASE_URL is not ours to stop")
        return
    stopped = stop_server(settings)
    typer.echo(
        "数据库已停止 the database has been stopped" if stopped else "数据库未在运行 the database was not running"
    )


@app.command(epilog="Example: twin db status --json")
def status(as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """Say whether the database runs, where, in which version and how large. Exit status 1 when it does not answer.

    查看数据库状态。
    """
    from twin.cluster.state import server_state

    settings = read_settings()
    state = server_state(settings)
    facts = asdict(state) | {"schema": _revision_state(settings) if state.running and not state.problem else None}
    if as_json:
        typer.echo(json.dumps(facts, ensure_ascii=False))
    else:
        for name, value in facts.items():
            if value is not None:
                typer.echo(f"{name:<11} {value}")
    if not state.running or state.problem:
        raise typer.Exit(1)


@app.command(epilog="Example: twin db upgrade")
def upgrade() -> None:
    """Bring the database to this program's version, in one transaction.

    升级数据库结构。
    """
    from twin.actions.set_aside_indexes import bring_back_abandoned
    from twin.migrations.upgrade import upgrade as bring_up_to_date

    before = bring_up_to_date(read_settings())
    bring_back_abandoned(read_settings())
    typer.echo(f"数据库版本 database version: {before.revision or '-'} -> {before.newest}")


@app.command(epilog="Example: twin db tidy --minutes 30")
def tidy(
    minutes: Annotated[
        float | None, typer.Option(help="Stop after so long; the rest is left for next time.", min=0)
    ] = None,
) -> None:
    """Bring search, totals and the order of assets on the disk up to date after loads. Readers are not held up.

    整理数据库:更新搜索、统计和部件的存储顺序。
    """
    from twin.actions.set_aside_indexes import bring_back_abandoned
    from twin.cluster.tidy import tidy as bring_in_order

    bring_back_abandoned(read_settings())
    with _progress() as show:
        done = bring_in_order(
            read_settings(),
            most_s=None if minutes is None else minutes * 60,
            show=lambda what, behind, total: show(f"{TIDYING[what]} {behind:,} / {total:,}", behind / max(total, 1)),
        )
    typer.echo(
        f"整理完成 tidied: {done.entries} search entries 搜索条目, {done.squares} squares counted 统计方格, "
        f"{done.gathered} squares gathered 归并方格, {done.scattered_left} left 剩余"
    )


@app.command(epilog="Example: twin db backup /mnt/backup/muping-2026-11-23.twin")
def backup(file: BackupFile) -> None:
    """Write database and surveys' products to one file, with a count and hash of every table and file.

    备份数据库和成果。
    """
    from twin.cluster.backup import back_up

    with _progress() as show:
        contents = back_up(read_settings(), file.absolute(), show)
    rows = sum(table["rows"] for table in contents.tables.values())
    typer.echo(
        f"备份完成 backup written: {file} ({len(contents.tables)} tables, {rows} rows, "
        f"{len(contents.files) - 1} files, {contents.total_bytes / 1e6:.1f} MB)"
    )


@app.command(epilog="Example: twin db restore /mnt/backup/muping-2026-11-23.twin")
def restore(
    file: BackupFile,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Remove what was there before, once the backup is in place.")
    ] = False,
) -> None:
    """Restore a backup. It is verified and restored beside what is there, compared, and only then exchanged.

    恢复备份。
    """
    from twin.cluster.bootstrap import ensure_database
    from twin.cluster.restore import drop_kept
    from twin.cluster.restore import restore as put_back
    from twin.cluster.server import start as start_server
    from twin.migrations.upgrade import known_revisions
    from twin.migrations.upgrade import upgrade as bring_up_to_date

    settings = read_settings()
    start_server(settings)
    ensure_database(settings)
    with _progress() as show:
        restored = put_back(settings, file.absolute(), known_revisions(), bring_up_to_date, show)
    rows = sum(table["rows"] for table in restored.contents.tables.values())
    typer.echo(
        f"恢复完成 restored: {len(restored.contents.tables)} tables, {rows} rows, "
        f"{len(restored.contents.files) - 1} files, made 备份时间 {restored.contents.created_at}"
    )
    _say_missing_keys(settings)
    if drop_old:
        drop_kept(settings, restored)
        return
    typer.echo(f"原数据库保留为 the former database is kept as: {restored.kept_database}")
    if restored.kept_surveys is not None:
        typer.echo(f"原成果保留在 the former surveys are kept in: {restored.kept_surveys}")


def _say_missing_keys(settings: Settings) -> None:
    """Warn where personal data was restored that the keys at hand do not open."""
    from twin.actions.apply_keys import keys_in_use
    from twin.errors import BadInput, KeysMissing
    from twin.personal.keyring import read_keys

    used = keys_in_use(settings)
    try:
        there = {key.key_id.hex() for key in read_keys(settings.keys_path).keys}
    except (KeysMissing, BadInput):
        there = set()
    rows = sum(count for key, count in used.items() if key not in there)
    if rows:
        typer.secho(
            f"缺少密钥: {rows} 行个人信息打不开, 请放回密钥文件 keys are missing: {rows} rows cannot be "
            f"opened; put the key file back (twin key backup made copies): {settings.keys_path}",
            fg=typer.colors.RED,
            err=True,
        )


def _revision_state(settings: Settings) -> str:
    """Say absent, empty, older, current or newer."""
    from twin.cluster.server import connect
    from twin.errors import DatabaseUnavailable
    from twin.migrations.upgrade import read_version

    try:
        with connect(settings, "owner") as connection:
            return read_version(connection).state
    except DatabaseUnavailable:
        return "absent"


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def show(what: str, share: float) -> None:
            bar.update(task, completed=share, description=STEPS.get(what, what))

        yield show
