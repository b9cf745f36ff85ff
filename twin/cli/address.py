"""Commands of `twin address`: other texts of standard addresses."""

from __future__ import annotations

from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from twin.settings import read_settings

app = typer.Typer(no_args_is_help=True)
alias = typer.Typer(no_args_is_help=True, help="Other texts of a standard address: 地址别名.")
app.add_typer(alias, name="alias")
Code = Annotated[str, typer.Argument(help="Code of the address in the register.")]
By = Annotated[str | None, typer.Option("--by", help="Who decides; by default the user of this computer.")]


@alias.command()
def add(
    code: Code,
    text: Annotated[str, typer.Argument(help="The other text, as people write it.")],
    kind: Annotated[str, typer.Option(help="old_name, spoken, abbreviation, poi or other.")] = "old_name",
    by: By = None,
) -> None:
    """Give an address another text; the next `twin link run` finds it by that.

    Example: twin address alias add 370612001-0012 老政府街12号 --kind old_name
    """
    from ingest_gis.address.region import read_normaliser
    from twin.actions.address_alias import add_alias
    from twin.cli.link import acting_person
    from twin.cluster import server
    from twin.session import transaction

    settings = read_settings()
    normalised = read_normaliser(settings.city)(text)
    with server.connect(settings, "ingest") as connection, transaction(connection, acting_person(by)) as cursor:
        number = add_alias(cursor, code, text, normalised, kind)
    typer.echo(f"别名 alias {number}: {text} -> {code}")


@alias.command("list")
def list_(
    code: Annotated[str | None, typer.Option("--address", help="Only those of this address.")] = None,
    ended: Annotated[bool, typer.Option("--ended", help="Those that are over too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """List aliases.

    Example: twin address alias list --address 370612001-0012
    """
    from twin.actions.address_alias import list_aliases
    from twin.cluster import server

    with server.connect(read_settings(), "app") as connection:
        rows = list_aliases(connection, code, ended=ended)
    if as_json:
        typer.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2, default=str))
        return
    table = Table("编号 alias", "地址 address", "标准写法 standard", "别名 text", "类别 kind", "止 ended")
    for row in rows:
        end = str(row["valid_to"].date()) if row["valid_to"] else ""
        table.add_row(str(row["address_alias_id"]), row["code"], row["text_zh"], row["alias"], row["kind"], end)
    Console().print(table)


@alias.command()
def end(number: Annotated[int, typer.Argument(help="Number of the alias.")], by: By = None) -> None:
    """End an alias: links made by it go at the next `twin link run`.

    Example: twin address alias end 7
    """
    from twin.actions.address_alias import end_alias
    from twin.cli.link import acting_person
    from twin.cluster import server
    from twin.session import transaction

    with server.connect(read_settings(), "ingest") as connection, transaction(connection, acting_person(by)) as cursor:
        end_alias(cursor, number)
    typer.echo(f"别名 {number} 已结束 (alias {number} has ended)")
