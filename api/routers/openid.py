"""GET /auth/openid: to the configured provider and back, with an account here."""

from __future__ import annotations

import base64
import re
import secrets
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.account_work import as_keeper, cookie_of
from api.caching import KEEP_NOTHING
from api.dependencies import Services, ServicesOf, services_of
from api.devices import whence
from api.documented import answers
from api.needs import needs
from api.openid import Start
from twin.actions.openid_accounts import Recognised, enter
from twin.errors import NotFound, TwinError

router = APIRouter(prefix="/auth/openid", tags=["Accounts 账号"])
COOKIE = "twin_openid"
BEGUN_S = 600
OWN_PATH = re.compile(r"/(?![/\\])[\w\-./~%]*")
NO_PROVIDER = "没有设置统一身份 (no OpenID Connect provider is set up)"


def _redirect_uri(request: Request, services: Services) -> str:
    base = services.openid.settings.public_url if services.openid else ""
    return (base or str(request.base_url).rstrip("/")) + "/auth/openid/callback"


@router.get("", dependencies=[needs("create", "session")], summary="Log in at the provider 统一身份登录",
            response_class=Response, responses=answers(media="text/html"), status_code=200)  # fmt: skip
async def begin(
    request: Request,
    services: ServicesOf,
    next: Annotated[str, Query(max_length=300, description="Where to go on 之后去哪")] = "/",
) -> Response:
    """Sends the browser to the provider (303); 404 when none is set up."""
    if services.openid is None:
        raise NotFound(NO_PROVIDER)
    path = next if OWN_PATH.fullmatch(next) else "/"
    address, start = await services.openid.begin(_redirect_uri(request, services), path)
    kept = base64.urlsafe_b64encode(orjson.dumps(vars(start))).decode()
    return RedirectResponse(address, 303, _headers(request, kept, BEGUN_S))


def _headers(request: Request, value: str, age_s: int) -> dict[str, str]:
    secure = "; Secure" if request.url.scheme == "https" or services_of(request).https else ""
    cookie = f"{COOKIE}={value}; Path=/auth/openid; Max-Age={age_s}; HttpOnly; SameSite=Lax{secure}"
    return {"Set-Cookie": cookie, "Cache-Control": KEEP_NOTHING}


def _start_of(request: Request, state: str) -> Start | None:
    try:
        start = Start(**orjson.loads(base64.urlsafe_b64decode(request.cookies.get(COOKIE, ""))))
        return start if secrets.compare_digest(start.state, state) and OWN_PATH.fullmatch(start.next) else None
    except (ValueError, TypeError):
        return None


@router.get("/callback", dependencies=[needs("create", "session")], summary="Back from the provider 统一身份回调",
            response_class=Response, responses=answers(media="text/html"), status_code=200)  # fmt: skip
async def come_back(
    request: Request,
    services: ServicesOf,
    state: Annotated[str, Query(max_length=200, description="As sent to the provider 状态")] = "",
    code: Annotated[str, Query(max_length=4000, description="The provider's code 授权码")] = "",
) -> Response:
    """Begins a session and goes on to the page one came from; to /login?refused=1 when it did not work."""
    if services.openid is None:
        raise NotFound(NO_PROVIDER)
    start = _start_of(request, state)
    try:
        if start is None or not code:
            raise NotFound(NO_PROVIDER)
        claimed = await services.openid.finish(_redirect_uri(request, services), start, code)
        who = Recognised(**vars(claimed))
        secret = await as_keeper(services, request, "login", lambda cursor: enter(cursor, who, whence(request)))
    except TwinError as error:
        await _note(services, request, type(error).__name__)
        return RedirectResponse("/login?refused=1", 303, _headers(request, "", 0))
    answer = RedirectResponse(start.next, 303, _headers(request, "", 0))
    answer.headers.append("Set-Cookie", cookie_of(request, secret)["Set-Cookie"])
    return answer


async def _note(services: Services, request: Request, why: str) -> None:
    await as_keeper(
        services, request, "login",
        lambda cursor: cursor.execute(
            "SELECT audit.write('login.refused', 'openid', jsonb_build_object('why', %s::text))", (why,)
        ),
    )  # fmt: skip
