"""Commands of `twin ingest` about deliveries taken earlier: look, take rows out, mend them, take a batch back."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from twin.settings import read_settings

AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Batch = Annotated[int, typer.Argument(help="Number of the batch; see twin ingest batches.")]
COLUMNS = ("batch_id", "state", "department", "target", "file", "read", "inserted", "changed", "unchanged", "rejected",
           "ended", "started_at")  # fmt: skip


def batches(
    count: Annotated[int, typer.Option("-n", help="How many, the newest first.")] = 20, as_json: AsJson = False
) -> None:
    """List the deliveries taken, the newest first: 批次.

    Example: twin ingest batches -n 5
    """
    from ingest_gis.batches import list_batches
    from twin.cluster import server

    with server.connect(read_settings(), "ingest", autocommit=True) as connection:
        found = list_batches(connection, count=count)
    if as_json:
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in COLUMNS:
        table.add_column(name, no_wrap=True)
    for batch in found:
        table.add_row(*(_short(batch[name]) for name in COLUMNS))
    Console().print(table)


def show(batch: Batch, as_json: AsJson = False) -> None:
    """Show one delivery: counts, how it was read, what was set aside and how much of that is mended.

    Example: twin ingest show 12
    """
    from ingest_gis.batches import show_batch
    from ingest_gis.rules import rules
    from twin.cluster import server

    with server.connect(read_settings(), "ingest", autocommit=True) as connection:
        found = show_batch(connection, batch)
    if as_json:
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    for name, value in found.items():
        if name != "reasons" and value is not None:
            typer.echo(f"{name}: {_short(value)}")
    for reason in found["reasons"]:
        rule = rules()[reason["code"]]
        typer.echo(f"拒收 {reason['rows']} 行, 已改 {reason['mended']}: {rule.zh} ({rule.en}) [{rule.code}]")


def refused(
    count: Annotated[int, typer.Option("-n", help="How many, the latest first.")] = 20, as_json: AsJson = False
) -> None:
    """List files that could not be taken at all, with the reason: 退回的文件.

    Example: twin ingest refused
    """
    from ingest_gis.batches import list_refused
    from twin.cluster import server

    with server.connect(read_settings(), "ingest", autocommit=True) as connection:
        found = list_refused(connection, count=count)
    if as_json:
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    for item in found:
        later = ", 后来已入库 (taken later)" if item["taken_later"] else ""
        typer.echo(f"{_short(item['last_at'])} {item['file']} × {item['times']}{later}\n  {item['message']}")


def rejected(
    batch: Batch,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the rows to this file, to be mended.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the rows that a delivery's rules set aside, or write them to a file: 拒收的行.

    The rows hold what was delivered, private cells included: treat the file like the delivery.

    Example: twin ingest rejected 12 --csv to_mend.csv
    """
    from ingest_gis.batches import rejected_rows, write_rejected
    from ingest_gis.rules import rules
    from twin.cluster import server
    from twin.session import Actor

    actor = Actor(getpass.getuser(), role="system", purpose="mend rejected rows")
    with server.connect(read_settings(), "ingest", autocommit=True) as connection:
        rows = rejected_rows(connection, batch, actor)
    if csv is not None:
        write_rejected(csv, rows)
        typer.echo(f"已写出 {csv} (written); twin ingest mend {batch} {csv}")
    elif as_json:
        typer.echo(orjson.dumps([vars(row) for row in rows], option=orjson.OPT_INDENT_2))
    else:
        for row in rows:
            rule = rules()[row.code]
            state = "" if row.mended_in is None else f" -> {row.mended_in}"
            typer.echo(f"第 {row.row_no} 行 (row): {rule.zh} ({rule.en}) {row.detail or ''}{state}")


def mend(
    batch: Batch,
    file: Annotated[Path, typer.Argument(help="The file of rejected rows, mended.")],
    mapping: Annotated[str | None, typer.Option(help="The mapping's file, where it is not a shipped one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Give rejected rows again that have been mended: 改正后再交.

    They are read as the delivery was, and keep their number in its file. Rows that are still wrong are set aside again.

    Example: twin ingest mend 12 to_mend.csv
    """
    from ingest_gis.mend import mend_rows
    from twin.cli.ingest import as_document, show_reports

    report = mend_rows(read_settings(), batch, file, getpass.getuser(), mapping)
    if as_json:
        typer.echo(orjson.dumps(as_document([report]), option=orjson.OPT_INDENT_2))
    else:
        show_reports([report], Console())


def rollback(
    batch: Batch,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take a whole delivery back: 整批撤回.

    What it brought is removed, what it changed or ended is again what it was. Refused when later deliveries or people
    have built on it; take those back first. It is recorded in history and audit.

    Example: twin ingest rollback 12 --yes
    """
    from ingest_gis.rollback import roll_back

    if not yes:
        typer.confirm(f"撤回批次 {batch}? (take batch {batch} back?)", abort=True)
    done = roll_back(read_settings(), batch, getpass.getuser())
    if as_json:
        typer.echo(orjson.dumps(vars(done)))
    else:
        typer.echo(f"批次 {batch} 已撤回 (taken back): 移除 removed {done.removed}, 恢复 restored {done.restored}")


def _short(value: Any) -> str:
    if value is None:
        return "-"
    return value.isoformat(sep=" ", timespec="minutes") if hasattr(value, "isoformat") else str(value)
