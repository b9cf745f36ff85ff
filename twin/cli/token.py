"""Commands of `twin token`: keys of programs to the rights of an account."""

from __future__ import annotations

import getpass
import sys
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from twin.cli.user import AsJson, keeping
from twin.settings import read_settings

app = typer.Typer(no_args_is_help=True)


@app.command(epilog="Example: twin token make li.na --name 'GIS desk' --days 90")
def make(
    account: Annotated[str, typer.Argument(help="Whose rights the token has 账号.")],
    name: Annotated[str, typer.Option(help="What it is for 用途.")],
    days: Annotated[int, typer.Option(help="How long it is good.", min=1, max=366)] = 90,
) -> None:
    """Make a token and print it, this once: 新建令牌. Send it as: Authorization: Bearer TOKEN."""
    from twin.actions.tokens import make_token

    number, token, expires_at = keeping(
        read_settings(), lambda cursor: make_token(cursor, account, name, days, getpass.getuser())
    )
    typer.echo(f"令牌 token {number}: {token}\n有效至 good until: {expires_at:%Y-%m-%d %H:%M}")


@app.command("list", epilog="Example: twin token list --account li.na")
def list_all(
    account: Annotated[str | None, typer.Option(help="Only this account's.")] = None, as_json: AsJson = False
) -> None:
    """List tokens: whose, what for, until when; never the tokens themselves: 令牌列表."""
    from twin.actions.tokens import list_tokens

    found = keeping(read_settings(), lambda cursor: list_tokens(cursor, account))
    if as_json:
        sys.stdout.write(orjson.dumps([vars(token) for token in found]).decode() + "\n")
        return
    table = Table("编号 number", "账号 account", "用途 name", "至 until", "撤销 revoked")
    for token in found:
        revoked = f"{token.revoked_at:%Y-%m-%d %H:%M}" if token.revoked_at else ""
        table.add_row(str(token.token_id), token.account, token.name, f"{token.expires_at:%Y-%m-%d}", revoked)
    Console().print(table)


@app.command(epilog="Example: twin token revoke 3")
def revoke(number: Annotated[int, typer.Argument(help="The token's number, as listed.", min=1)]) -> None:
    """End a token: 撤销令牌. Services refuse it within a second."""
    from twin.actions.tokens import revoke_token

    keeping(read_settings(), lambda cursor: revoke_token(cursor, number))
    typer.echo(f"已撤销 revoked: {number}")
