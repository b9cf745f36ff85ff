"""One id and one line per request: route, status, time. Never the query, which may hold a name or an address."""

from __future__ import annotations

import logging
import os
import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import unknown_problem
from api.metrics import Metrics

_LOGGER = logging.getLogger("twin.requests")
log = structlog.wrap_logger(
    _LOGGER,
    processors=[structlog.stdlib.filter_by_level, structlog.processors.JSONRenderer(ensure_ascii=False)],
    wrapper_class=structlog.stdlib.BoundLogger,
).bind()  # bound once, not for every line

# What every answer carries unless its route says otherwise. Pages bring their own policy.
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), payment=(), usb=()",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'self'",
}
HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_SECURITY = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
_NAMES = frozenset(name for name, _ in _SECURITY)


class RequestLog:
    """Give each request an id, add the security headers, answer for our own faults, write one line at the end."""

    def __init__(self, app: ASGIApp, metrics: Metrics, https: bool = False) -> None:
        """app: what answers the requests. metrics: counts them. https: people come by https, whatever the scheme."""
        self._app, self._metrics, self._https = app, metrics, https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = os.urandom(16).hex()
        scope.setdefault("state", {})["request_id"] = request_id
        started, status = time.perf_counter(), 0
        self._metrics.running += 1

        async def with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                given = message.get("headers", ())
                names = {name.lower() for name, _ in given}
                missing = _SECURITY if names.isdisjoint(_NAMES) else [one for one in _SECURITY if one[0] not in names]
                timing = b"total;dur=%.1f" % ((time.perf_counter() - started) * 1000)
                own = ((b"x-request-id", request_id.encode()), (b"server-timing", timing))
                message["headers"] = [*given, *missing, *own]
                if self._https or scope.get("scheme") == "https":
                    message["headers"].append(HSTS)
            await send(message)

        try:
            await self._app(scope, receive, with_headers)
        except Exception as error:
            if status:
                raise
            await unknown_problem(request_id, scope["path"], error)(scope, receive, with_headers)
        finally:
            route = getattr(scope.get("route"), "path", None)
            self._metrics.running -= 1
            seconds = time.perf_counter() - started
            self._metrics.observe(scope["method"], route, status, seconds)
            if _LOGGER.isEnabledFor(logging.INFO):
                log.info(
                    "request",
                    request_id=request_id,
                    method=scope["method"],
                    route=route,
                    status=status or None,
                    ms=round(seconds * 1000, 1),
                )
