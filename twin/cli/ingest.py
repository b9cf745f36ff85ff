"""Command `twin ingest`: a department's files into the twin."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from typer.core import TyperGroup

from twin.cli import ingest_batches
from twin.settings import read_settings

if TYPE_CHECKING:
    from ingest_gis.plan_delivery import DeliveryReport


class FilesFirst(TyperGroup):
    """The group `twin ingest`: what is not the name of a command is a file to take."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `take` before the files where no command is named."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["take", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    no_args_is_help=True,
    cls=FilesFirst,
    help="""A department's files into the twin: 数据入库.

`twin ingest FILE...` takes files; the commands below look after what was taken.

Example: twin ingest deliveries/*.shp deliveries/*.gpkg deliveries/*.csv --dry-run
""",
)
COUNTS = ("read", "inserted", "changed", "unchanged", "rejected")
HEADINGS = ("读取\nread", "新增\nnew", "更改\nchanged", "未变\nsame", "拒收\nrejected")
ROWS_SHOWN = 6


class DatumOption(StrEnum):
    """Datums a delivery's degrees may be in."""

    auto = "auto"
    cgcs2000 = "cgcs2000"
    gcj02 = "gcj02"
    bd09 = "bd09"


@app.command()
def take(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Shapefile, FileGDB, GeoPackage, CityJSON, DXF, CSV, XLSX, ZIP ..."),
    ],
    mapping: Annotated[
        str | None, typer.Option(help="Mapping: a name (repairs), a file, a folder of files; else found.")
    ] = None,
    department: Annotated[str | None, typer.Option(help="Code of the department that delivers.")] = None,
    crs: Annotated[str | None, typer.Option(help="Coordinate system, e.g. EPSG:4550 or a PROJ string.")] = None,
    datum: Annotated[DatumOption, typer.Option(help="Datum of degrees; auto holds them against known places.")] = (
        DatumOption.auto
    ),
    vertical_datum: Annotated[
        str | None, typer.Option(help="What heights mean: EPSG:5737 (1985), ellipsoidal ...; else not taken.")
    ] = None,
    complete: Annotated[
        bool, typer.Option("--complete", help="The file is the whole stock: what is not in it has ended.")
    ] = False,
    allow_vanishing: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="With --complete: the share of the stock that may end.")
    ] = 0.3,
    workers: Annotated[int, typer.Option(min=1, help="Processes for a large file.")] = 2,
    scheduler: Annotated[str | None, typer.Option(help="Dask scheduler for a large file, tcp://host:8786.")] = None,
    memory: Annotated[int, typer.Option(min=256, help="Megabytes that all processes together may take.")] = 1500,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen; write nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Take a department's files into the twin: 数据入库.

    Each row is accepted or set aside with its reason; giving the same file again changes nothing; a load that was
    killed goes on where it stopped.

    Example: twin ingest deliveries/*.shp deliveries/*.gpkg deliveries/*.csv deliveries/*.xlsx

    Example: twin ingest lamps.csv --mapping lamps --datum gcj02 --dry-run

    Example: twin ingest lamps_2027.csv --complete --dry-run
    """
    from ingest_gis.plan_delivery import IngestOptions
    from ingest_gis.run_ingest import ingest_files

    options = IngestOptions(
        mapping, department, crs, datum.value, vertical_datum, dry_run, complete=complete,
        allow_vanishing=allow_vanishing, workers=workers, scheduler=scheduler, memory_mb=memory,
    )  # fmt: skip
    console = Console(stderr=True)
    with _progress_bar(console) as bar:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total, rate="")
            speed = bar.tasks[tasks[what]].speed
            rate = f"{speed:,.0f} 行/s" if speed else ""
            bar.update(tasks[what], completed=done, total=max(total or done, done), rate=rate)

        reports = ingest_files(read_settings(), files, options, show)
    if as_json:
        typer.echo(orjson.dumps(as_document(reports), option=orjson.OPT_INDENT_2))
    else:
        show_reports(reports, Console())
    for report in reports:
        if report.error is not None:
            typer.secho(str(report.error), fg=typer.colors.RED, err=True)
    if any(report.error is not None for report in reports):
        raise typer.Exit(1)


for _command in (
    ingest_batches.batches, ingest_batches.show, ingest_batches.refused, ingest_batches.rejected, ingest_batches.mend,
    ingest_batches.rollback,
):  # fmt: skip
    app.command()(_command)


def _progress_bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[rate]}"))
    return Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal)


def as_document(reports: list[DeliveryReport]) -> dict[str, Any]:
    """Give the result as `--json` prints it: sums over all files, then each file or layer by itself."""
    entries = [_entry(report) for report in reports]
    batches = [entry["batch"] for entry in entries if entry["batch"] is not None]
    seconds = sum(report.seconds for report in reports)
    rows = sum(report.rows_now for report in reports)
    reasons: Counter[str] = sum((report.reasons for report in reports), Counter())
    return {
        "batch": batches[0] if len(batches) == 1 else None,
        **{name: sum(getattr(report.counts, name) for report in reports) for name in COUNTS},
        "reasons": dict(reasons),
        "seconds": round(seconds, 3),
        "rows_per_second": round(rows / seconds, 1) if seconds else 0.0,
        "batches": batches,
        "files": entries,
    }


def _entry(report: DeliveryReport) -> dict[str, Any]:
    verdict = report.datum
    return {
        "file": report.file,
        "layer": report.layer,
        "mapping": report.mapping,
        "target": report.target,
        "batch": report.batch,
        **vars(report.counts),
        "reasons": dict(report.reasons),
        "rejected_rows": report.rejected_rows,
        "notes": dict(report.notes),
        "unknown_classes": dict(report.unknown_classes),
        "unplaced_columns": report.unplaced_columns,
        "crs": report.crs,
        "crs_how": None if report.crs_how is None else {"zh": report.crs_how[0], "en": report.crs_how[1]},
        "vertical_datum": report.vertical_datum,
        "datum": None if verdict is None else {
            "taken": verdict.datum, "sure": verdict.sure, "zh": verdict.how_zh, "en": verdict.how_en,
            "fits": [vars(fit) for fit in verdict.fits],
        },
        "encoding": report.encoding,
        "ended": report.ended,
        "resumed": report.resumed,
        "dry_run": report.dry_run,
        "seconds": round(report.seconds, 3),
        "rows_per_second": round(report.rows_per_second, 1),
        "error": None if report.error is None else str(report.error),
    }  # fmt: skip


def show_reports(reports: list[DeliveryReport], console: Console) -> None:
    """Print what became of each file that gave rows, and why rows were set aside, in both languages."""
    title = "试运行, 未写入 (dry run, nothing written)" if any(report.dry_run for report in reports) else None
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("文件\nfile", "类型\ntarget"):
        table.add_column(heading, no_wrap=True)
    for heading in (*HEADINGS, "行/秒\nrows/s"):
        table.add_column(heading, justify="right", no_wrap=True)
    opened = [report for report in reports if report.error is None or report.counts.read]
    for report in opened:
        counts = [str(getattr(report.counts, column)) for column in COUNTS]
        table.add_row(_name(report), report.target or "-", *counts, f"{report.rows_per_second:,.0f}")
    if opened:
        console.print(table)
    for report in reports:
        lines = [*_how_read(report), *_why_rejected(report)]
        if lines:
            console.print(f"[bold]{_name(report)}[/bold]", *lines, sep="\n  ", highlight=False, soft_wrap=True)


def _name(report: DeliveryReport) -> str:
    several = report.layer is not None and report.layer != Path(report.file).stem
    return f"{report.file}:{report.layer}" if several else report.file


def _how_read(report: DeliveryReport) -> list[str]:
    lines = []
    if report.resumed:
        lines.append("从上次中断处继续 (resumed where the last run stopped)")
    if report.ended:
        lines.append(f"不在完整交付里, 终止 {report.ended} 行 (not in the complete delivery: ended)")
    if report.crs_how is not None and report.crs is not None:
        lines.append(f"坐标系 {report.crs}: {report.crs_how[0]} ({report.crs_how[1]})")
    if report.vertical_datum is not None:
        lines.append(f"高程基准 (heights) {report.vertical_datum}")
    if report.datum is not None:
        lines.append(f"基准 {report.datum.datum}: {report.datum.how_zh} ({report.datum.how_en})")
        lines += [f"  {fit.in_words()}" for fit in report.datum.fits]
    if report.unplaced_columns:
        lines.append(f"未收录的列 (columns left out): {', '.join(report.unplaced_columns)}")
    return lines


def _why_rejected(report: DeliveryReport) -> list[str]:
    from ingest_gis.rules import rules

    lines = []
    for code, count in report.reasons.most_common():
        rule, rows = rules()[code], report.rejected_rows.get(code, [])
        where = ", ".join(map(str, rows[:ROWS_SHOWN])) + (" ..." if count > ROWS_SHOWN else "")
        lines.append(f"拒收 {count} 行: {rule.zh} ({rule.en}) \\[{code}]; 第 {where} 行 (row {where})")
        lines.append(f"  → {rule.fix_zh} ({rule.fix_en})")
    for word, count in report.unknown_classes.most_common(10):
        lines.append(f"  不认得的类别 (unknown class): {word} × {count}")
    lines += [f"注意 {count} 行: {rules()[code].zh} ({rules()[code].en})" for code, count in report.notes.items()]
    return lines
