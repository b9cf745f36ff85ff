"""Logging in and out, who one is, one's own password, second factor and tokens."""

from __future__ import annotations

import io
from typing import Annotated, Any

import orjson
import segno
from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api import account_examples as examples
from api.account_work import as_keeper, cookie_of, member_here
from api.caching import KEEP_NOTHING
from api.dependencies import Services, ServicesOf
from api.devices import whence
from api.documented import answers
from api.identity import refuse_other_sites, session_of
from api.needs import needs
from twin.actions import log_in as logging_in
from twin.actions import passwords, tokens
from twin.actions.accounts import needs_second_factor
from twin.errors import BadInput, NotLoggedIn, SecondFactorNeeded, TooManyTries

router = APIRouter(prefix="/auth", tags=["Accounts 账号"])
Password = Annotated[str, Field(min_length=1, max_length=passwords.LONGEST)]
Code = Annotated[str, Field(min_length=6, max_length=20)]


class Body(BaseModel):
    """A request's JSON; keys it does not know are refused."""

    model_config = ConfigDict(extra="forbid")


class LogIn(Body):
    """Name and password; the authenticator's code for accounts that have one."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "li.na", "password": "..."}})
    name: Annotated[str, Field(min_length=1, max_length=60)]
    password: Password
    code: Code | None = None


class NewPassword(Body):
    """The present password and the new one."""

    model_config = ConfigDict(json_schema_extra={"example": {"old": "...", "new": "..."}})
    old: Password
    new: Password


class CodeGiven(Body):
    """A code of the authenticator."""

    model_config = ConfigDict(json_schema_extra={"example": {"code": "123456"}})
    code: Code


class Renewal(Body):
    """The present authenticator's code, where there is one and another is to take its place."""

    model_config = ConfigDict(json_schema_extra={"example": {"code": "123456"}})
    code: Code | None = None


NO_CODE = Renewal()


class TokenAsked(Body):
    """What the token is for, and for how many days it is good."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "GIS desk", "days": 90}})
    name: Annotated[str, Field(min_length=1, max_length=60)]
    days: Annotated[int, Field(ge=1, le=tokens.LONGEST_DAYS)] = 90


def _json(document: Any, headers: dict[str, str] | None = None) -> Response:
    kept = {"Cache-Control": KEEP_NOTHING, **(headers or {})}
    return Response(orjson.dumps(document, default=str), headers=kept, media_type="application/json")


def _me(services: Services, member: logging_in.Member | None) -> dict[str, Any]:
    """Say who somebody is and what that person must still do: password, second_factor."""
    rest = {
        "has_accounts": services.has_accounts,
        "openid": services.openid.settings.label if services.openid else None,
    }
    if member is None:
        return {"name": None, "role": "public", "must": [], **rest}
    must = ["password"] if member.must_change and member.seen_at is not None else []
    if needs_second_factor(member.role) and not member.second_factor:
        must.append("second_factor")
    return {
        "name": member.name, "person": member.person, "role": member.role, "department": member.department,
        "grids": member.grids, "second_factor": member.second_factor, "must": must,
        "expires_at": member.expires_at.isoformat(), **rest,
    }  # fmt: skip


@router.post(
    "/login",
    dependencies=[needs("create", "session")],
    summary="Log in 登录",
    responses=answers(examples.ME, writes=True),
)
async def login(request: Request, services: ServicesOf, asked: LogIn) -> Response:
    """Sets a session cookie. 401: name, password or code is wrong, or (second-factor-needed) the code is missing.

    After five failures in a row under a name each further try waits, longer each time: 429 with Retry-After.
    """
    refuse_other_sites(request)
    came = whence(request)
    begun = await as_keeper(
        services, request, "login",
        lambda cursor: logging_in.log_in(cursor, asked.name, asked.password, asked.code, came),
    )  # fmt: skip
    if isinstance(begun, logging_in.Refused):
        raise _refusal(begun)
    member = await services.members.by_session(begun)
    return _json(_me(services, member), cookie_of(request, begun))


def _refusal(refused: logging_in.Refused) -> Exception:
    if refused.why == "code_needed":
        return SecondFactorNeeded("请输入验证码 (the authenticator's code is needed)", do="code")
    if refused.why == "locked":
        error = TooManyTries(
            "失败次数过多 (too many failures)", do=f"请等 {refused.wait_s} 秒 (wait {refused.wait_s} s)"
        )
        error.wait_s = refused.wait_s
        return error
    return NotLoggedIn("账号、密码或验证码不对 (name, password or code is wrong)")


@router.post("/logout", dependencies=[needs("remove", "session")], summary="Log out 退出",
             responses=answers(examples.DONE, writes=True))  # fmt: skip
async def logout(request: Request, services: ServicesOf) -> Response:
    """Ends the session of the cookie; without one nothing happens."""
    secret = session_of(request)
    if secret is not None:
        member = getattr(request.state, "member", None)
        name = member.name if member else "logout"
        await as_keeper(services, request, name, lambda cursor: logging_in.log_out(cursor, secret))
    return _json(examples.DONE, cookie_of(request, None))


@router.get("/me", dependencies=[needs("read", "session")], summary="Who am I 我是谁", responses=answers(examples.ME))
async def me(request: Request, services: ServicesOf) -> Response:
    """Account, role, department and grids; `must`: what to do before anything else (password, second_factor)."""
    return _json(_me(services, getattr(request.state, "member", None)))


@router.post("/password", dependencies=[needs("change", "session")], summary="Change the password 修改密码",
             responses=answers(examples.DONE, writes=True))  # fmt: skip
async def password(request: Request, services: ServicesOf, asked: NewPassword) -> Response:
    """One's own; other sessions of the account end."""
    member, secret = member_here(request), _session(request)
    changed = await as_keeper(
        services, request, member.name,
        lambda cursor: logging_in.change_password(cursor, member.name, asked.old, asked.new, secret),
    )  # fmt: skip
    if not changed:
        raise NotLoggedIn("原密码不对 (the present password is wrong)")
    return _json(examples.DONE)


def _session(request: Request) -> str:
    secret = session_of(request)
    if secret is None or member_here(request).seen_at is None:
        raise NotLoggedIn("请用浏览器登录后操作 (log in with the password for this; a token is not enough)")
    return secret


@router.post("/totp", dependencies=[needs("change", "session")], summary="Set up a second factor 设置第二因子",
             responses=answers(examples.ENROL, writes=True))  # fmt: skip
async def totp(request: Request, services: ServicesOf, asked: Renewal = NO_CODE) -> Response:
    """A secret for an authenticator (also as a QR code, SVG); it counts once its first code has been confirmed.

    Where there is one already, its present code (or a recovery code) is needed, and it counts until then.
    """
    member = member_here(request)
    _session(request)
    secret = await as_keeper(
        services, request, member.name,
        lambda cursor: logging_in.begin_second_factor(cursor, member.name, asked.code),
    )  # fmt: skip
    if secret is None:
        raise BadInput("验证码不对 (the code is wrong)", where="code")
    uri = passwords.code_uri(secret, member.name, services.settings.city.code)
    drawn = io.BytesIO()
    segno.make(uri, error="m").save(drawn, kind="svg", scale=4, border=2, xmldecl=False)
    return _json({"uri": uri, "secret": secret, "svg": drawn.getvalue().decode()})


@router.post("/totp/confirm", dependencies=[needs("change", "session")], summary="Confirm it 确认第二因子",
             responses=answers(examples.CODES, writes=True))  # fmt: skip
async def confirm(request: Request, services: ServicesOf, asked: CodeGiven) -> Response:
    """The authenticator's first code. The answer holds recovery codes, each good once; they are shown this once."""
    member, secret = member_here(request), _session(request)
    codes = await as_keeper(
        services, request, member.name,
        lambda cursor: logging_in.confirm_second_factor(cursor, member.name, asked.code, secret),
    )  # fmt: skip
    if codes is None:
        raise BadInput("验证码不对 (the code is wrong)", where="code")
    return _json({"recovery_codes": codes})


@router.get("/tokens", dependencies=[needs("read", "session")], summary="My tokens 我的令牌",
            responses=answers(examples.TOKENS, writes=True))  # fmt: skip
async def list_tokens(request: Request, services: ServicesOf) -> Response:
    """Names and ends; never the tokens themselves."""
    name = member_here(request).name
    found = await as_keeper(services, request, name, lambda cursor: tokens.list_tokens(cursor, name))
    return _json({"items": [vars(item) for item in found]})


@router.post("/tokens", dependencies=[needs("change", "session")], summary="Make a token 新建令牌",
             responses=answers(examples.TOKEN, writes=True))  # fmt: skip
async def make_token(request: Request, services: ServicesOf, asked: TokenAsked) -> Response:
    """For a program that asks with one's own rights: Authorization: Bearer TOKEN. The token is shown this once."""
    member = member_here(request)
    _session(request)
    if member.bound:
        raise NotLoggedIn("请先修改密码 (change the password first)")
    token_id, token, expires_at = await as_keeper(
        services, request, member.name,
        lambda cursor: tokens.make_token(cursor, member.name, asked.name, asked.days, member.name),
    )  # fmt: skip
    return _json({"token_id": token_id, "name": asked.name, "token": token, "expires_at": expires_at.isoformat()})


@router.delete("/tokens/{token_id}", dependencies=[needs("change", "session")], summary="Revoke a token 撤销令牌",
               responses=answers(examples.DONE, writes=True))  # fmt: skip
async def revoke_token(
    request: Request,
    services: ServicesOf,
    token_id: Annotated[int, Path(ge=1, le=2**31 - 1, description="The token's number", examples=[3])],
) -> Response:
    """One's own; it is refused from then on."""
    name = member_here(request).name
    await as_keeper(services, request, name, lambda cursor: tokens.revoke_token(cursor, token_id, name))
    return _json(examples.DONE)
