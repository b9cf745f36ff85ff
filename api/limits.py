"""How much one question may ask for, how long it may take, and how many may be answered at once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import HTTP_TITLES, problem, twin_problem
from api.rates import Budgets
from twin.errors import TooBusy, TooSlow

UPLOAD_PATH = "/deliveries/files"  # the one address that takes whole files


@dataclass(frozen=True)
class ApiLimits:
    """Limits of the service; distances in metres, times in seconds, sizes in bytes.

    quick_min: connections for short questions that are kept open, each warmed before it is used.
    answer_s: until an answer begins, counted from the end of the question. body_pause_s: between two pieces of a body.
    body_s: for a whole body other than a file. upload_per_s: the least a file must bring on average after body_s.
    """

    pool_min: int = 2
    pool_max: int = 8
    quick_min: int = 4
    pool_wait_s: float = 2.0
    pool_waiting: int = 200
    statement_s: float = 10.0
    answer_s: float = 60.0
    body_bytes: int = 1024 * 1024
    body_pause_s: float = 20.0
    body_s: float = 60.0
    upload_bytes: int = 4 * 1024**3
    upload_files: int = 60
    upload_per_s: float = 2048
    address_bytes: int = 8 * 1024
    at_once: int = 256
    drawing_at_once: int = 2
    desk_at_once: int = 4
    job_poll_s: float = 0.5
    access_kept_s: float = 1.0
    job_stream_s: float = 3600.0
    budgets: Budgets = field(default_factory=Budgets)


class LimitRequests:
    """Refuse what is too large before it is read, end what takes too long, shed load before the queue grows."""

    def __init__(self, app: ASGIApp, limits: ApiLimits) -> None:
        """app: what answers the requests that pass."""
        self._app = app
        self._limits = limits
        self.running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, path = str(scope.get("state", {}).get("request_id", "")), scope["path"]
        refused = self._refusal(scope)
        if refused is not None:
            title, title_zh = HTTP_TITLES[refused]
            answer = problem(request_id, path[:200], refused, kind=f"http-{refused}", title=title, title_zh=title_zh)
            await answer(scope, receive, send)
            return
        if self.running >= self._limits.at_once:
            error = TooBusy("too many questions at once", do="Ask again in a moment")
            await twin_problem(request_id, path, error)(scope, receive, send)
            return
        self.running += 1
        try:
            await self._in_time(scope, receive, send)
        finally:
            self.running -= 1

    def _refusal(self, scope: Scope) -> int | None:
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > self._limits.address_bytes:
            return 414
        for name, value in scope["headers"]:
            if name == b"content-length" and (not value.isdigit() or int(value) > self._most(scope)):
                return 413
        return None

    def _most(self, scope: Scope) -> int:
        return self._limits.upload_bytes if scope["path"] == UPLOAD_PATH else self._limits.body_bytes

    async def _in_time(self, scope: Scope, receive: Receive, send: Send) -> None:
        loop, limits = asyncio.get_running_loop(), self._limits
        has_body = any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
        is_upload = scope["path"] == UPLOAD_PATH
        first = None if is_upload else limits.answer_s + (limits.body_s if has_body else 0)
        begun = False
        try:
            async with asyncio.timeout(first) as deadline:

                async def sending(message: Message) -> None:
                    nonlocal begun
                    if deadline.expired():
                        return
                    begun = True
                    deadline.reschedule(None)  # a stream of events may go on for as long as it likes
                    await send(message)

                def whole() -> None:
                    if not begun and not deadline.expired():
                        deadline.reschedule(loop.time() + limits.answer_s)

                body = _Body(scope, receive, limits, self._most(scope), whole)
                await self._app(scope, body.next, sending)
        except TimeoutError:
            if begun or not deadline.expired():
                raise
            error = TooSlow("the answer took too long", do="Ask for a smaller area, or again in a moment")
            await twin_problem(str(scope["state"].get("request_id", "")), scope["path"], error)(scope, receive, send)


class _Body:
    """A request's body as it arrives: never larger than allowed, never slower."""

    def __init__(self, scope: Scope, receive: Receive, limits: ApiLimits, most: int, whole: Any) -> None:
        self._receive, self._limits, self._most, self._whole = receive, limits, most, whole
        self._is_upload = scope["path"] == UPLOAD_PATH
        self._is_question = scope["method"] in ("GET", "HEAD")
        self._taken, self._done = 0, False
        self._began = asyncio.get_running_loop().time()

    async def next(self) -> Message:
        """Give the next piece. Raises HTTPException 408 or 413 (a GET, which needs no body, is taken for gone)."""
        if self._done:
            return await self._receive()  # only the news that the client has gone is still to come
        try:
            async with asyncio.timeout(self._patience()):
                message = await self._receive()
        except TimeoutError:
            return self._refuse(408)
        self._taken += len(message.get("body", b""))
        if self._taken > self._most:
            return self._refuse(413)
        if not message.get("more_body", False):
            self._done = True
            self._whole()
        return message

    def _patience(self) -> float:
        limits, spent = self._limits, asyncio.get_running_loop().time() - self._began
        allowed = limits.body_s + (self._taken / limits.upload_per_s if self._is_upload else 0)
        return max(0.0, min(limits.body_pause_s, allowed - spent))

    def _refuse(self, status: int) -> Message:
        self._done = True
        if self._is_question:
            return {"type": "http.disconnect"}
        raise HTTPException(status)
