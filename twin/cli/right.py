"""Commands of `twin right`: the matrix of rights, as the security administrator keeps it."""

from __future__ import annotations

import sys
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from twin.cli.user import AsJson, keeping
from twin.settings import read_settings

app = typer.Typer(no_args_is_help=True)
Role = Annotated[str, typer.Argument(help="The role 角色.")]
Action = Annotated[str, typer.Argument(help="The action 操作: read, create, change, remove, export ...")]
Collection = Annotated[str, typer.Argument(help="The collection 数据: assets, records, entities ...")]


@app.command("list", epilog="Example: twin right list --role officer")
def list_all(
    role: Annotated[str | None, typer.Option(help="Only this role's.")] = None, as_json: AsJson = False
) -> None:
    """List who may do what, where, and which fields they see: 权限表."""
    from twin.actions.rights import list_rights

    rows = keeping(read_settings(), lambda cursor: list_rights(cursor, role))
    if as_json:
        sys.stdout.write(orjson.dumps([vars(row) for row in rows]).decode() + "\n")
        return
    table = Table("角色 role", "操作 action", "数据 collection", "范围 area", "字段 fields", "")
    for row in rows:
        note = "已取消 taken away" if not row.allowed else "本地 local" if row.is_local else ""
        table.add_row(row.role, row.action, row.collection, row.area, " ".join(row.fields), note)
    Console().print(table)


@app.command(epilog="Example: twin right give planner export buildings --area all --field public")
def give(
    role: Role,
    action: Action,
    collection: Collection,
    area: Annotated[str, typer.Option(help="all, own_department or own_grids.")] = "all",
    field: Annotated[
        list[str] | None, typer.Option(help="public, persons, actors, rooms, contacts; again for more.")
    ] = None,
) -> None:
    """Give a role a right; it stays over upgrades: 授权."""
    from twin.actions.rights import give_right

    fields = field or ["public"]
    keeping(read_settings(), lambda cursor: give_right(cursor, role, action, collection, area, fields))
    typer.echo(f"已授权 given: {role} {action} {collection} {area} {' '.join(fields)}")


@app.command(epilog="Example: twin right take officer export records")
def take(
    role: Role,
    action: Action,
    collection: Collection,
    area: Annotated[str | None, typer.Option(help="Only in this area.")] = None,
) -> None:
    """Take a right away; it stays away over upgrades: 取消权限."""
    from twin.actions.rights import take_right

    keeping(read_settings(), lambda cursor: take_right(cursor, role, action, collection, area))
    typer.echo(f"已取消 taken away: {role} {action} {collection}")
