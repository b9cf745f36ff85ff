"""A client that goes away takes its question along: the handler is cancelled, and with it the query in the database."""

from __future__ import annotations

import asyncio
import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class CancelWhenGone:
    """Watch the connection while a GET is answered; psycopg cancels the running statement of a cancelled task."""

    def __init__(self, app: ASGIApp) -> None:
        """app: what answers the requests."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or stop when its client has gone."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        messages: asyncio.Queue[Message] = asyncio.Queue()
        answering = asyncio.ensure_future(self._app(scope, messages.get, send))
        watching = asyncio.ensure_future(self._watch(receive, messages, answering))
        try:
            await answering
        except asyncio.CancelledError:
            # Cancelled from outside (shutdown) this task passes it on; cancelled by the watcher it ends quietly.
            if not watching.done():
                answering.cancel()
                raise
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching

    @staticmethod
    async def _watch(receive: Receive, messages: asyncio.Queue[Message], answering: asyncio.Future[None]) -> None:
        while True:
            message = await receive()
            messages.put_nowait(message)
            if message["type"] == "http.disconnect":
                answering.cancel()
                return
