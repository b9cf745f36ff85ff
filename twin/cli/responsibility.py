"""Commands of `twin responsibility`: who supervises, owns and maintains what, where."""

from __future__ import annotations

import csv
import getpass
from pathlib import Path
from typing import Annotated, Any, cast

import orjson
import typer
from rich.console import Console
from rich.table import Table

from twin.errors import BadInput, TwinError
from twin.settings import read_settings

app = typer.Typer(no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
By = Annotated[str | None, typer.Option("--by", help="Who says so; by default the user of this computer.")]
ROLES_ZH = {"supervising": "主管", "owning": "权属", "maintaining": "养护"}


@app.command("list", epilog="Example: twin responsibility list --class 0118")
def list_table(
    class_code: Annotated[str | None, typer.Option("--class", help="Only this class.")] = None,
    ended: Annotated[bool, typer.Option(help="What was said before as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """List who is responsible for what where: 责任分工表."""
    from twin.cluster import server
    from twin.queries.responsibility import list_assignments

    with server.connect(read_settings(), "app") as connection:
        rows = list_assignments(connection, class_code, ended=ended)
    if as_json:
        _print_json(rows)
        return
    table = Table("部件 things", "区域 area", "责任 role", "部门 department", "何人 by", "起 from")
    for row in rows:
        things = f"{row['class_code'] or ''} {row['things_zh'] or '全部 all'}".strip()
        area = f"{row['area'] or ''} {row['area_zh'] or ''}".strip() or "全区 everywhere"
        since = f"{row['valid_from']:%Y-%m-%d}" + (f" - {row['valid_to']:%Y-%m-%d}" if row["valid_to"] else "")
        table.add_row(things, area, ROLES_ZH[row["role"]], row["department_zh"], row["decided_by"], since)
    Console().print(table)


@app.command(epilog="Example: twin responsibility who 0118 121.6 37.387")
def who(
    class_code: Annotated[str, typer.Argument(help="Code of the class.")],
    lon: Annotated[float, typer.Argument(help="Longitude, degrees 经度")],
    lat: Annotated[float, typer.Argument(help="Latitude, degrees 纬度")],
    as_json: AsJson = False,
) -> None:
    """Say who is responsible for a thing of a class at a place: 谁负责."""
    from twin.cluster import server
    from twin.crs import LonLat
    from twin.queries.responsibility import responsible_at

    settings = read_settings()
    with server.connect(settings, "app") as connection:
        rows = responsible_at(connection, class_code, LonLat(lon, lat), settings.city.working_srid)
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        said_for = f"{row['for_things'] or '全部部件 anything'}, {row['for_area'] or '全区 everywhere'}"
        typer.echo(f"{ROLES_ZH[row['role']]} {row['role']}: {row['department_zh']} ({said_for})")
    if not rows:
        typer.echo("没有登记责任部门 (nobody is registered)")


@app.command("import", epilog="Example: twin responsibility import duties.csv --by 编办")
def import_table(
    file: Annotated[Path, typer.Argument(help="CSV, UTF-8, with a header.")],
    by: By = None,
) -> None:
    """Enter a responsibility table: 导入责任分工表. All rows or none are taken.

    Columns: class (code, category or empty), area (code of a unit or grid, or empty), supervising, owning, maintaining
    (department code or name; empty: nothing is said; "-": ends what was said). An earlier assignment ends.
    """
    from twin.actions.assign_responsibility import Assignment, Role, assign
    from twin.cluster import server
    from twin.session import Actor, transaction

    try:
        rows = list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput("文件读不出来 (the file cannot be read as UTF-8)", where=file.name) from error
    person = Actor(by or getpass.getuser(), role="system", purpose="responsibility")
    changed = said = 0
    with server.connect(read_settings(), "ingest") as connection, transaction(connection, person) as cursor:
        for number, row in enumerate(rows, 2):
            for role in ROLES_ZH:
                party = (row.get(role) or "").strip()
                if not party:
                    continue
                things, area = (row.get("class") or "").strip(), (row.get("area") or "").strip()
                one = Assignment(cast("Role", role), things, area, None if party == "-" else party)
                try:
                    changed += assign(cursor, one, person.name)
                except TwinError as error:
                    where = f"{file.name} 第 {number} 行 (line {number})"
                    raise type(error)(error.what, where=where, do=error.do) from error
                said += 1
        if said == 0:
            raise BadInput(
                "表里没有责任部门 (the table names no party)",
                where=file.name,
                do="列名 (columns): class, area, supervising, owning, maintaining",
            )
    typer.echo(f"{said} 项 (assignments), 变动 changed {changed}")


def _print_json(document: Any) -> None:
    typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str))
