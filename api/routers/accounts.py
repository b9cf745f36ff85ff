"""Accounts and rights over HTTP, for the security administrator, who cannot change the account that asks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api import account_examples as examples
from api.account_work import as_keeper
from api.caching import KEEP_NOTHING
from api.dependencies import Asker, ServicesOf
from api.documented import answers
from api.needs import needs
from twin.actions import accounts, passwords, rights, sessions
from twin.errors import NotAllowed
from twin.session import Actor

router = APIRouter(tags=["Accounts 账号"])
Name = Annotated[str, Path(max_length=60, description="The account's name 账号名", examples=["li.na"])]
Word = Annotated[str, Field(max_length=60)]
Change = Literal["disable", "enable", "password", "totp", "unlock", "log-out"]


class AccountAsked(BaseModel):
    """A new account. department, grids: codes."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.NEW_ACCOUNT})
    name: Word
    person: Word
    role: Word
    department: Word | None = None
    grids: Annotated[list[Word], Field(max_length=500)] = []


class RightAsked(BaseModel):
    """A right to give, or with allowed false to take away."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": examples.RIGHT_ASKED})
    role: Word
    action: Word
    collection: Word
    area: Word = "all"
    fields: Annotated[list[Word], Field(max_length=5)] = ["public"]
    allowed: bool = True


def _json(document: Any) -> Response:
    body = orjson.dumps(document, default=str)
    return Response(body, headers={"Cache-Control": KEEP_NOTHING}, media_type="application/json")


@router.get("/accounts", dependencies=[needs("administer", "accounts")], summary="All accounts 账号列表",
            responses=answers(examples.ACCOUNTS, writes=True))  # fmt: skip
async def list_all(request: Request, services: ServicesOf, asker: Asker) -> Response:
    """With role, department, grids, whether disabled or locked, and when they last logged in."""
    found = await as_keeper(services, request, asker.name, accounts.list_accounts, role=asker.role)
    return _json({"items": [vars(one) for one in found]})


@router.post("/accounts", dependencies=[needs("administer", "accounts")], summary="Make an account 新建账号",
             responses=answers(examples.ACCOUNT_MADE, writes=True))  # fmt: skip
async def make(request: Request, services: ServicesOf, asker: Asker, asked: AccountAsked) -> Response:
    """The answer holds the first password, this once; its owner must change it at the first log-in."""
    first = passwords.new_password()
    new = accounts.NewAccount(asked.name, asked.person, asked.role, asked.department, tuple(asked.grids))
    await as_keeper(
        services, request, asker.name, lambda cursor: accounts.add_account(cursor, new, first, asker.name),
        role=asker.role,
    )  # fmt: skip
    return _json({"name": asked.name, "password": first})


@router.post(
    "/accounts/{name}/{change}",
    dependencies=[needs("administer", "accounts")],
    summary="Change an account 变更账号",
    responses=answers(examples.ACCOUNT_CHANGED, writes=True),
)
async def change(
    request: Request,
    services: ServicesOf,
    asker: Asker,
    name: Name,
    change: Annotated[Change, Path(description="What to do 操作", examples=["disable"])],
) -> Response:
    """disable, enable, password (gives a new first password, this once), totp (forgets the second factor), unlock.

    log-out ends its sessions; tokens stay.
    """
    _not_oneself(asker, name)
    fresh = passwords.new_password() if change == "password" else None

    def work(cursor: Any) -> None:
        if change in ("disable", "enable"):
            accounts.set_disabled(cursor, name, change == "disable")
        elif fresh is not None:
            accounts.set_password(cursor, name, fresh, must_change=True)
        elif change == "totp":
            accounts.forget_second_factor(cursor, name)
        elif change == "log-out":
            sessions.end_sessions(cursor, name)
        else:
            accounts.one_account(cursor, name)
            accounts.unlock(cursor, name)

    await as_keeper(services, request, asker.name, work, role=asker.role)
    return _json({"name": name, "done": change, **({"password": fresh} if fresh else {})})


def _not_oneself(asker: Actor, name: str) -> None:
    if asker.name == name:
        raise NotAllowed("不能变更自己的账号 (not one's own account)", do="/login")


@router.get("/rights", dependencies=[needs("administer", "rights")], summary="The matrix of rights 权限表",
            responses=answers(examples.RIGHTS, writes=True))  # fmt: skip
async def list_rights(
    request: Request,
    services: ServicesOf,
    asker: Asker,
    role: Annotated[str | None, Query(max_length=60, description="Only this role's 角色", examples=["officer"])] = None,
) -> Response:
    """Role, action, collection, area, fields; what was set here and what was taken away."""
    found = await as_keeper(
        services, request, asker.name, lambda cursor: rights.list_rights(cursor, role), role=asker.role
    )
    return _json({"items": [vars(one) for one in found]})


@router.post("/rights", dependencies=[needs("administer", "rights")], summary="Give or take a right 授权或取消",
             responses=answers(examples.RIGHT_SET, writes=True))  # fmt: skip
async def set_right(request: Request, services: ServicesOf, asker: Asker, asked: RightAsked) -> Response:
    """Counts at once and stays over upgrades. The three administrators' powers cannot be joined."""

    def work(cursor: Any) -> None:
        where = (asked.role, asked.action, asked.collection)
        if asked.allowed:
            rights.give_right(cursor, *where, asked.area, asked.fields)
        else:
            rights.take_right(cursor, *where, asked.area)

    await as_keeper(services, request, asker.name, work, role=asker.role)
    return _json(asked.model_dump())
