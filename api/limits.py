"""How much one question may ask for, and how many may be answered at once."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import HTTP_TITLES, problem, twin_problem
from twin.errors import TooBusy

UPLOAD_PATH = "/deliveries/files"  # the one address that takes whole files


@dataclass(frozen=True)
class ApiLimits:
    """Limits of the service; distances in metres, times in seconds, sizes in bytes."""

    pool_min: int = 2
    pool_max: int = 8
    pool_wait_s: float = 2.0
    pool_waiting: int = 200
    statement_s: float = 10.0
    body_bytes: int = 1024 * 1024
    upload_bytes: int = 4 * 1024**3
    upload_files: int = 60
    address_bytes: int = 8 * 1024
    at_once: int = 256
    drawing_at_once: int = 2
    desk_at_once: int = 4
    job_poll_s: float = 0.5
    job_stream_s: float = 3600.0


class LimitRequests:
    """Refuse what is too large before it is read, and shed load before the queue grows without end."""

    def __init__(self, app: ASGIApp, limits: ApiLimits) -> None:
        """app: what answers the requests that pass."""
        self._app = app
        self._limits = limits
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, path = str(scope.get("state", {}).get("request_id", "")), scope["path"]
        most = self._limits.upload_bytes if scope["path"] == UPLOAD_PATH else self._limits.body_bytes
        refused = self._refusal(scope, most)
        if refused is not None:
            title, title_zh = HTTP_TITLES[refused]
            answer = problem(request_id, path[:200], refused, kind=f"http-{refused}", title=title, title_zh=title_zh)
            await answer(scope, receive, send)
            return
        if self._running >= self._limits.at_once:
            error = TooBusy("too many questions at once", do="Ask again in a moment")
            await twin_problem(request_id, path, error)(scope, receive, send)
            return
        self._running += 1
        try:
            await self._app(scope, self._counted(receive, most), send)
        finally:
            self._running -= 1

    def _refusal(self, scope: Scope, most: int) -> int | None:
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > self._limits.address_bytes:
            return 414
        for name, value in scope["headers"]:
            if name == b"content-length" and (not value.isdigit() or int(value) > most):
                return 413
        return None

    def _counted(self, receive: Receive, most: int) -> Receive:
        """Stop a body that never said how long it is."""
        taken = 0

        async def counting() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                return {"type": "http.disconnect"}
            return message

        return counting
