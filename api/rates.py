"""How often one client may ask: a bucket of tokens for each kind of request, refilled all the time."""

from __future__ import annotations

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from starlette.types import ASGIApp, Receive, Scope, Send

from api.client_address import LOCAL
from api.errors import problem

Kind = Literal["login", "tiles", "read", "costly", "write", "upload"]
MOST_CLIENTS = 20_000
CREDENTIAL_KEPT_S = 300.0
TILES, TERRAIN = "/tiles/", "/terrain/"
TILE_STARTS = ("/3dtiles/", "/static/", "/vendor/", "/docs/")
COSTLY = ("/summary", "/exports", "/deliveries")
WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True)
class Budget:
    """Requests that may come at once, and how many a second go on coming."""

    burst: float
    per_s: float


@dataclass(frozen=True)
class Budgets:
    """What one client (an account, else an address) may ask of one web process.

    The pages' own needs lie far below: a map that is dragged about asks for some 60 tiles a second, a person types or
    clicks a few times a second.
    """

    login: Budget = Budget(20, 0.2)
    tiles: Budget = Budget(3000, 500)
    read: Budget = Budget(600, 60)
    costly: Budget = Budget(40, 2)
    write: Budget = Budget(200, 20)
    upload: Budget = Budget(120, 5)

    def of(self, kind: Kind) -> Budget:
        """Give the budget of a kind."""
        budget: Budget = getattr(self, kind)
        return budget


def kind_of(method: str, path: str) -> Kind:
    """Say what a request is, by its method and address."""
    if method in WRITING and path.startswith("/auth/"):
        return "login"
    if path == "/deliveries/files":
        return "upload"
    if TILES in path or TERRAIN in path or path.startswith(TILE_STARTS):
        return "tiles"
    if method in WRITING:
        return "costly" if path.rstrip("/") in COSTLY else "write"
    return "read"


class Buckets:
    """Tokens of every client and kind; those not seen for longest are forgotten, and so have a full bucket."""

    def __init__(self, budgets: Budgets, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: seconds that never go back."""
        self._budgets, self._clock = budgets, clock
        self._held: OrderedDict[tuple[str, Kind], tuple[float, float]] = OrderedDict()

    def take(self, client: str, kind: Kind) -> float:
        """Take a token. Returns 0.0 when there was one, else in how many seconds there will be."""
        budget, now = self._budgets.of(kind), self._clock()
        tokens, before = self._held.pop((client, kind), (budget.burst, now))
        tokens = min(budget.burst, tokens + (now - before) * budget.per_s)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / budget.per_s
        self._held[client, kind] = (tokens if wait else tokens - 1, now)
        while len(self._held) > MOST_CLIENTS:
            self._held.popitem(last=False)
        return wait


class LimitRates:
    """Answer 429 with Retry-After to a client that asks too often.

    Counted by account once a request with the same credentials has been recognised (state["asker"]), by address
    before: invented credentials buy nothing. The server's own programs are not counted, except at the login.
    """

    def __init__(self, app: ASGIApp, budgets: Budgets, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: seconds that never go back."""
        self._app, self._clock = app, clock
        self._buckets = Buckets(budgets, clock)
        self._accounts: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state: dict[str, Any] = scope.setdefault("state", {})
        kind = kind_of(scope["method"], scope["path"])
        address = state.get("client", LOCAL)
        credential = _credential(scope["headers"])
        account = self._account(credential) if credential is not None else None
        wait = 0.0
        # Whoever tries to log in is counted by address: the account named is not yet theirs.
        if address != LOCAL or (kind == "login" and scope.get("client") and scope["client"][0] != "testclient"):
            wait = self._buckets.take(account if account and kind != "login" else address, kind)
        if wait:
            await _too_often(scope, wait)(scope, receive, send)
            return
        await self._app(scope, receive, send)
        if credential is not None and (named := getattr(state.get("asker"), "account", None)) is not None:
            self._accounts[credential] = (f"account {named}", self._clock() + CREDENTIAL_KEPT_S)
            while len(self._accounts) > MOST_CLIENTS:
                self._accounts.popitem(last=False)

    def _account(self, credential: bytes) -> str | None:
        account, until = self._accounts.get(credential, ("", 0.0))
        return account if until > self._clock() else None


def _credential(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    authorization = cookie = b""
    for name, value in headers:
        if name == b"authorization":
            authorization = authorization or value
        elif name == b"cookie":
            cookie = cookie or value
    return hashlib.sha256(authorization + b"\0" + cookie).digest() if authorization or cookie else None


def _too_often(scope: Scope, wait: float) -> ASGIApp:
    answer = problem(
        str(scope["state"].get("request_id", "")),
        scope["path"],
        429,
        kind="too-often",
        title="Too many requests from one client.",
        title_zh="请求过于频繁",
        detail="Ask again after the seconds in Retry-After",
    )
    answer.headers["Retry-After"] = str(max(1, math.ceil(wait)))
    return answer
