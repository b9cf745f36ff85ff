"""Commands of `twin grid`: unit grids checked, numbered, split and merged; management grids made of them."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import orjson
import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from twin.settings import read_settings

if TYPE_CHECKING:
    from twin.actions.manage_grids import ManagementKind
    from twin.session import Actor

app = typer.Typer(no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Within = Annotated[str, typer.Argument(help="Beginning of the code: a district, town, community or one grid.")]
By = Annotated[str | None, typer.Option("--by", help="Who decides; by default the user of this computer.")]


@app.command("list", epilog="Example: twin grid list 370612001001 --ended")
def list_unit_grids(
    within: Within = "",
    ended: Annotated[bool, typer.Option(help="Grids that have ended as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """List unit grids with what they came from and became: 单元网格."""
    from twin.cluster import server
    from twin.queries.grids import list_grids

    with server.connect(read_settings(), "app") as connection:
        rows = list_grids(connection, within, ended=ended)
    if as_json:
        _print_json(rows)
        return
    table = Table("编码 code", "社区 community", "面积 m2", "由 from", "变为 became", "管理网格 in", "止 until")
    for row in rows:
        until = f"{row['valid_to']:%Y-%m-%d}" if row["valid_to"] else ""
        codes = (", ".join(row[name]) for name in ("came_from", "became", "management_grids"))
        table.add_row(row["code"], row["community"], f"{row['area_m2']:,.0f}", *codes, until)
    Console().print(table)


@app.command(epilog="Example: twin grid check 370612001")
def check(
    within: Within = "",
    tolerance: Annotated[float, typer.Option(help="Parts smaller than this (m2) are rounding.", min=0)] = 0.5,
    as_json: AsJson = False,
) -> None:
    """Check that unit grids cover their communities without gap or overlap: 网格拓扑检查.

    Exit status 1 when something is wrong; remarks (a building cut, an unusual size) alone are no fault.
    """
    from twin.cluster import server
    from twin.queries.grid_topology import WORDS, check_grids

    console = Console(stderr=True)
    with server.connect(read_settings(), "app") as connection, Progress(console=console, transient=True) as shown:
        task = shown.add_task("检查 checking", total=None)
        findings = check_grids(
            connection,
            within,
            tolerance_m2=tolerance,
            progress=lambda done, total: shown.update(task, completed=done, total=total),
        )
    wrong = sum(finding.is_wrong for finding in findings)
    if as_json:
        _print_json([vars(finding) | {"is_wrong": finding.is_wrong} for finding in findings])
    else:
        table = Table("", "问题 finding", "编码 codes", "面积 m2", "位置 lon, lat")
        for finding in findings:
            words = " ".join(WORDS[finding.kind])
            area = "" if finding.area_m2 is None else f"{finding.area_m2:,.1f}"
            place = "" if finding.lon is None else f"{finding.lon:.6f}, {finding.lat:.6f}"
            table.add_row("✗" if finding.is_wrong else "·", words, ", ".join(finding.codes), area, place)
        if findings:
            Console().print(table)
        typer.echo(f"错误 faults {wrong}, 注意 remarks {len(findings) - wrong}")
    raise typer.Exit(1 if wrong else 0)


@app.command(epilog="Example: twin grid number drawn.gpkg --community 370612001001 --out grids.gpkg")
def number(
    file: Annotated[Path, typer.Argument(help="Polygons drawn without codes, in a projected CRS.")],
    community: Annotated[str, typer.Option(help="The community's 12 digits.")],
    out: Annotated[Path, typer.Option(help="GeoPackage to write; deliver it with twin ingest.")],
    first: Annotated[int, typer.Option(help="First serial; more than 1 when the community has grids.", min=1)] = 1,
    crs: Annotated[str | None, typer.Option(help="CRS of the file, when it does not say.")] = None,
) -> None:
    """Number the unit grids of a community from west to east and from north to south: 网格编码."""
    from ingest_gis.number_grids import number_grids

    count = number_grids(file, community, out, first=first, crs=crs)
    typer.echo(f"{count} 个网格 (grids) -> {out}")


@app.command(epilog='Example: twin grid split 370612001001001 "LINESTRING(121.60 37.38, 121.61 37.39)"')
def split(
    code: Annotated[str, typer.Argument(help="Code of the grid.")],
    line: Annotated[str, typer.Argument(help="The cut, LINESTRING(lon lat, ...), reaching outside at both ends.")],
    by: By = None,
) -> None:
    """Split a unit grid along a line; its code ends, the parts get new ones: 拆分网格."""
    from twin.actions.edit_grids import split_grid
    from twin.cluster import server
    from twin.session import transaction

    person = _person(by)
    with server.connect(read_settings(), "ingest") as connection, transaction(connection, person) as cursor:
        codes = split_grid(cursor, code, line, person.name)
    typer.echo(f"{code} -> {', '.join(codes)}")


@app.command(epilog="Example: twin grid merge 370612001001001 370612001001002")
def merge(
    codes: Annotated[list[str], typer.Argument(help="Codes of adjacent grids of one community.")],
    by: By = None,
) -> None:
    """Merge adjacent unit grids; their codes end, the new one is the community's next: 合并网格."""
    from twin.actions.edit_grids import merge_grids
    from twin.cluster import server
    from twin.session import transaction

    person = _person(by)
    with server.connect(read_settings(), "ingest") as connection, transaction(connection, person) as cursor:
        code = merge_grids(cursor, codes, person.name)
    typer.echo(f"{', '.join(codes)} -> {code}")


@app.command(epilog="Example: twin grid manage 3706120010010101 东关一格 370612001001001 370612001001002")
def manage(
    code: Annotated[str, typer.Argument(help="Code of the management grid.")],
    name: Annotated[str, typer.Argument(help="Its name.")],
    units: Annotated[list[str], typer.Argument(help="Codes of its unit grids.")],
    kind: Annotated[str, typer.Option(help="responsibility, evaluation or exclusive.")] = "responsibility",
    by: By = None,
) -> None:
    """Make a management grid of adjacent unit grids, or change which it has: 管理网格."""
    from twin.actions.manage_grids import define_management_grid
    from twin.cluster import server
    from twin.session import transaction

    with server.connect(read_settings(), "ingest") as connection, transaction(connection, _person(by)) as cursor:
        define_management_grid(cursor, code, name, cast("ManagementKind", kind), units)
    typer.echo(f"{code} {name}: {len(set(units))} 个单元网格 (unit grids)")


@app.command(epilog="Example: twin grid unmanage 3706120010010101")
def unmanage(code: Annotated[str, typer.Argument(help="Code of the management grid.")], by: By = None) -> None:
    """End a management grid; its unit grids stay: 撤销管理网格."""
    from twin.actions.manage_grids import end_management_grid
    from twin.cluster import server
    from twin.session import transaction

    with server.connect(read_settings(), "ingest") as connection, transaction(connection, _person(by)) as cursor:
        end_management_grid(cursor, code)
    typer.echo(f"{code}: 已撤销 (ended)")


@app.command(epilog="Example: twin grid managed --json")
def managed(as_json: AsJson = False) -> None:
    """List the management grids: 管理网格列表."""
    from twin.cluster import server
    from twin.queries.grids import list_management_grids

    with server.connect(read_settings(), "app") as connection:
        rows = list_management_grids(connection)
    if as_json:
        _print_json(rows)
        return
    table = Table("编码 code", "名称 name", "类型 kind", "面积 m2", "单元网格 unit grids")
    for row in rows:
        table.add_row(row["code"], row["name_zh"], row["kind"], f"{row['area_m2']:,.0f}", ", ".join(row["units"]))
    Console().print(table)


def _person(by: str | None) -> Actor:
    from twin.session import Actor

    return Actor(by or getpass.getuser(), role="system", purpose="edit grids")


def _print_json(document: Any) -> None:
    typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str))
