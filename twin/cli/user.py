"""Commands of `twin user`: the accounts of people, as the security administrator keeps them."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import orjson
import typer
from rich.console import Console
from rich.table import Table

from twin.errors import BadInput
from twin.settings import Settings, read_settings

app = typer.Typer(no_args_is_help=True)
Result = TypeVar("Result")
Name = Annotated[str, typer.Argument(help="The account's name 账号名.")]
ROLES_HELP = "grid_worker, officer, planner, steward, or one of system_admin, security_admin, audit_admin."
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def keeping(settings: Settings, work: Callable[[Any], Result]) -> Result:
    """Do something with accounts as whoever runs the server, in one transaction."""
    from twin.cluster import server
    from twin.session import Actor, transaction

    actor = Actor(getpass.getuser(), role="system", purpose="command line")
    with server.connect(settings, "owner") as connection, transaction(connection, actor) as cursor:
        return work(cursor)


@app.command(epilog="Example: twin user add li.na --person 李娜 --role officer --department housing")
def add(
    name: Name,
    person: Annotated[str, typer.Option(help="The real name 姓名.")],
    role: Annotated[str, typer.Option(help=ROLES_HELP)],
    department: Annotated[str | None, typer.Option(help="Department's code 部门 (an officer needs one).")] = None,
    grid: Annotated[list[str] | None, typer.Option(help="Unit grid's code 网格; give it again for more.")] = None,
    openid_only: Annotated[bool, typer.Option(help="No password: logs in through OpenID Connect only.")] = False,
) -> None:
    """Make an account and print its first password: 新建账号.

    The password is shown this once; its owner must change it at the first log-in.
    """
    from twin.actions import passwords
    from twin.actions.accounts import NewAccount, add_account

    first = None if openid_only else passwords.new_password()
    new = NewAccount(name, person, role, department, tuple(grid or ()))
    keeping(read_settings(), lambda cursor: add_account(cursor, new, first, getpass.getuser()))
    typer.echo(f"已建立 made: {name} ({role})")
    if first is not None:
        typer.echo(f"首次密码 first password: {first}")


@app.command("list", epilog="Example: twin user list")
def list_all(as_json: AsJson = False) -> None:
    """List accounts with role, department, grids and when they last logged in: 账号列表."""
    from twin.actions.accounts import list_accounts

    accounts = keeping(read_settings(), list_accounts)
    if as_json:
        sys.stdout.write(orjson.dumps([vars(account) for account in accounts]).decode() + "\n")
        return
    table = Table("账号 name", "姓名 person", "角色 role", "部门 department", "网格 grids", "状态 state", "登录 last")
    for account in accounts:
        state = "停用 disabled" if account.disabled else "锁定 locked" if account.locked_until else "启用 enabled"
        state += " + 第二因子 2nd factor" if account.second_factor else ""
        last = f"{account.last_login_at:%Y-%m-%d %H:%M}" if account.last_login_at else "-"
        grids = ", ".join(account.grids)
        table.add_row(account.name, account.person, account.role, account.department or "", grids, state, last)
    Console().print(table)


@app.command(epilog="Example: twin user disable li.na")
def disable(name: Name) -> None:
    """Disable an account: its sessions and tokens end at once: 停用账号."""
    from twin.actions.accounts import set_disabled

    keeping(read_settings(), lambda cursor: set_disabled(cursor, name, True))
    typer.echo(f"已停用 disabled: {name}")


@app.command(epilog="Example: twin user enable li.na")
def enable(name: Name) -> None:
    """Enable an account again; its tokens stay revoked: 启用账号."""
    from twin.actions.accounts import set_disabled

    keeping(read_settings(), lambda cursor: set_disabled(cursor, name, False))
    typer.echo(f"已启用 enabled: {name}")


@app.command(epilog="Example: twin user password li.na")
def password(name: Name) -> None:
    """Give an account a new first password, shown this once; its sessions end: 重置密码."""
    from twin.actions import passwords
    from twin.actions.accounts import set_password

    fresh = passwords.new_password()
    keeping(read_settings(), lambda cursor: set_password(cursor, name, fresh, must_change=True))
    typer.echo(f"首次密码 first password: {fresh}")


@app.command(epilog="Example: twin user totp li.na --enrol")
def totp(
    name: Name,
    enrol: Annotated[bool, typer.Option("--enrol", help="Set up another authenticator here, with a QR code.")] = False,
) -> None:
    """Forget the second factor of a person who has lost the authenticator: 重置第二因子.

    The person sets up another one at the next log-in, or here with --enrol.
    """
    from twin.actions.accounts import forget_second_factor

    settings = read_settings()
    keeping(settings, lambda cursor: forget_second_factor(cursor, name))
    typer.echo(f"已重置 forgotten: {name}")
    if enrol:
        _enrol(settings, name)


def _enrol(settings: Settings, name: str) -> None:
    import segno

    from twin.actions import log_in, passwords

    secret = keeping(settings, lambda cursor: log_in.begin_second_factor(cursor, name))
    assert secret is not None  # noqa: S101 - None is for a wrong code, and none was given
    uri = passwords.code_uri(secret, name, settings.city.code)
    segno.make(uri, error="m").terminal(compact=True)
    typer.echo(f"密钥 secret: {secret}")
    code = typer.prompt("验证码 code")
    codes = keeping(settings, lambda cursor: log_in.confirm_second_factor(cursor, name, code, None))
    if codes is None:
        raise BadInput("验证码不对 (the code is wrong)", do="twin user totp NAME --enrol")
    typer.echo("恢复码, 每个只能用一次 recovery codes, each good once:\n" + "\n".join(codes))


@app.command(epilog="Example: twin user sessions li.na --end")
def sessions(
    name: Name,
    end: Annotated[bool, typer.Option("--end", help="End them all; tokens stay.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say where an account is logged in (since when, from which address, with what), or end its sessions: 会话.

    A service notices within a second.
    """
    from twin.actions.sessions import end_sessions, list_sessions

    settings = read_settings()
    if end:
        ended = keeping(settings, lambda cursor: end_sessions(cursor, name))
        typer.echo(orjson.dumps({"ended": ended}).decode() if as_json else f"已结束 ended: {ended}")
        return
    found = keeping(settings, lambda cursor: list_sessions(cursor, name))
    if as_json:
        sys.stdout.write(orjson.dumps([vars(one) for one in found]).decode() + "\n")
        return
    table = Table("开始 since", "最近 last used", "地址 address", "设备 device", "第二因子 2nd factor")
    for one in found:
        second = "有 yes" if one.second_factor else "-"
        table.add_row(f"{one.made_at:%Y-%m-%d %H:%M}", f"{one.seen_at:%H:%M}", one.address, one.device, second)
    Console().print(table)


@app.command(epilog="Example: twin user unlock li.na")
def unlock(name: Name) -> None:
    """Let somebody who has mistyped too often try again at once: 解锁."""
    from twin.actions.accounts import one_account
    from twin.actions.accounts import unlock as forget_failures

    def work(cursor: Any) -> None:
        one_account(cursor, name)
        forget_failures(cursor, name)

    keeping(read_settings(), work)
    typer.echo(f"已解锁 unlocked: {name}")


@app.command(epilog="Example: twin user openid li.na --issuer https://login.example.org --subject 5f1c2a")
def openid(
    name: Name,
    issuer: Annotated[str, typer.Option(help="The provider, as in TWIN_OIDC_ISSUER.")],
    subject: Annotated[str, typer.Option(help="The person's `sub` at the provider.")],
) -> None:
    """Let an account's owner log in through the OpenID Connect provider too: 绑定统一身份."""
    from twin.actions.openid_accounts import bind

    keeping(read_settings(), lambda cursor: bind(cursor, name, issuer, subject))
    typer.echo(f"已绑定 bound: {name}")
