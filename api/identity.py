"""Who asks: somebody who has logged in, whoever works at a desk that has no accounts yet, or the public."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

from fastapi import Request

from api.dependencies import services_of
from api.errors import request_id_of
from twin.actions.passwords import TOKEN_PREFIX
from twin.errors import BadInput, NotAllowed, NotLoggedIn
from twin.session import Actor

OWN_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
COOKIE, SECURE_COOKIE = "twin_session", "__Host-twin_session"
PERSON_HEADER = "twin-person"
LONGEST_NAME = 60


def has_credentials(request: Request) -> bool:
    """Tell whether a request brings a session or a token, good or bad."""
    return session_of(request) is not None or token_of(request) is not None


def session_of(request: Request) -> str | None:
    """Give the secret of the request's session cookie."""
    return request.cookies.get(SECURE_COOKIE) or request.cookies.get(COOKIE) or None


def token_of(request: Request) -> str | None:
    """Give the request's bearer token; a text that is none of ours is not looked at."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip().startswith(TOKEN_PREFIX) else None


async def identify(request: Request) -> Actor:
    """Say on whose behalf a request is answered: the public, unless it brings a session or a token.

    A session that is over makes its browser the public again; a token that is over is refused (NotLoggedIn), for a
    program must not take the public's answer for its own. Raises NotAllowed for another site's page that would write.
    """
    request_id = request_id_of(request)
    token, session = token_of(request), session_of(request)
    member = None
    if token is not None:
        member = await services_of(request).members.by_token(token)
        if member is None:
            raise NotLoggedIn("令牌无效或已过期 (the token is not good, or no longer)", do="twin token make")
    elif session is not None:
        refuse_other_sites(request)
        member = await services_of(request).members.by_session(session)
    if member is None:
        return Actor(name="anonymous", role="public", request_id=request_id)
    request.state.member = member
    return member.acts(request_id)


async def identify_desk(request: Request) -> Actor:
    """Say in which role the desk is used, and by whom, until there are accounts; then it is the public like anybody.

    The role comes from the server's settings, never from a request: by default the desk is open on the server's own
    computer only. The name a person gives is written down beside what the person does; it opens nothing.
    Raises NotAllowed where the desk is closed to this computer.
    """
    services = services_of(request)
    desk = services.settings.desk
    if services.has_accounts:
        return Actor(name="anonymous", role="public", request_id=request_id_of(request))
    if desk == "closed":
        raise NotAllowed("工作台已关闭 (the desk is closed)", do="由管理员设置 TWIN_DESK (ask for TWIN_DESK)")
    if desk == "here" and not is_this_computer(request):
        raise NotAllowed(
            "工作台只在服务器本机开放 (the desk is open on the server's own computer only)",
            do="请在服务器上打开, 或由管理员设置 TWIN_DESK (open it there, or have TWIN_DESK set)",
        )
    refuse_other_sites(request)
    return Actor(
        person_header(request) or "desk",
        role="steward" if desk == "here" else desk,
        purpose="desk",
        request_id=request_id_of(request),
    )


def person_header(request: Request) -> str:
    """Give the name a person has sent along, or nothing. Raises BadInput for one that cannot be a name."""
    text = unquote(request.headers.get(PERSON_HEADER, "")).strip()
    if len(text) > LONGEST_NAME or any(not letter.isprintable() for letter in text):
        raise BadInput("姓名太长或含有控制字符 (the name is too long or holds control characters)", where=PERSON_HEADER)
    return text


def is_this_computer(request: Request) -> bool:
    """Tell whether a request comes from this machine and was meant for it (not for a name that leads here)."""
    host = request.url.hostname or ""
    try:
        return bool(request.client and ip_address(request.client.host).is_loopback) and host in OWN_NAMES
    except ValueError:
        return False


def refuse_other_sites(request: Request) -> None:
    """Another site's page must not write here through somebody's browser. Raises NotAllowed."""
    origin = request.headers.get("origin")
    own = request.headers.get("host", "")
    foreign = origin is not None and urlsplit(origin).netloc != own
    # A browser says where a request comes from; a program says nothing.
    foreign = foreign or request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
    if request.method not in ("GET", "HEAD", "OPTIONS") and foreign:
        raise NotAllowed("请求来自别的网站 (the request comes from another site)", do="请在本页操作 (use this page)")
