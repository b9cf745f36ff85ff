"""Idempotency-Key on POST: the same request sent again gets the answer it got before and does nothing a second time."""

from __future__ import annotations

import json
import logging
import re
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

import psycopg
from fastapi import FastAPI, Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.limits import UPLOAD_PATH
from twin.actions.repeated_requests import RepeatableRequest
from twin.errors import BadInput
from twin.session import Actor

if TYPE_CHECKING:
    from api.dependencies import Services

log = logging.getLogger("twin.api")
HEADER = "idempotency-key"
SHORTEST, LONGEST = 16, 200
MOST_BYTES = 256 * 1024
# Secrets or people in the answer, which are not kept; a body too large to be compared.
NOT_HERE = re.compile(rf"/auth/.*|/accounts.*|.*/reveal|{UPLOAD_PATH}")
PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A new random text (16 to 200 characters) for each thing to be done; sent again with the same body "
    "within 24 hours, the answer is the one before 防止重复提交",
    "schema": {"type": "string", "minLength": SHORTEST, "maxLength": LONGEST, "pattern": "^[!-~]+$"},
}


class AnsweredBefore(Exception):
    """The request was answered before."""

    def __init__(self, answer: bytes) -> None:
        """answer: as it was kept."""
        super().__init__("answered before")
        self.answer = answer


async def claim(request: Request, services: Services, actor: Actor) -> None:
    """Begin a POST that carries a key; without one nothing happens. Rights have been judged before.

    Raises AnsweredBefore, BadInput for a bad key or another body under it, Conflict while it is being answered.
    """
    key = request.headers.get(HEADER)
    if key is None or request.method != "POST":
        return
    path = request.url.path
    if NOT_HERE.fullmatch(path):
        raise BadInput("这里不接受 Idempotency-Key (no key is taken here)", where="Idempotency-Key")
    if not SHORTEST <= len(key) <= LONGEST or not all("!" <= letter <= "~" for letter in key):
        raise BadInput(
            f"须为 {SHORTEST} 到 {LONGEST} 个字符 (it has {SHORTEST} to {LONGEST} characters)",
            where="Idempotency-Key",
            do="例如 uuidgen 的结果 (what uuidgen prints, for instance)",
        )
    repeatable = RepeatableRequest(f"{actor.role} {actor.name}", f"POST {path}?{request.url.query}", key)
    body = await request.body()
    async with services.writing(actor) as cursor:
        before = await repeatable.claim(cursor, body)
    if before is not None:
        raise AnsweredBefore(before)
    request.state.repeatable = repeatable


async def say_again(request: Request, error: Exception) -> Response:
    """Give the answer that was kept."""
    if not isinstance(error, AnsweredBefore):
        raise error
    kept = json.loads(error.answer)
    headers = {"Idempotency-Replayed": "true", "Cache-Control": "no-store"}
    return Response(b64decode(kept["body"]), kept["status"], headers, kept["media"])


class KeepAnswers:
    """Keep what is answered to a request that `claim` has begun; forget it where nothing was done."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        """services: whose database keeps the answers."""
        self._app, self._services = app, services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or all(name != HEADER.encode() for name, _ in scope["headers"]):
            await self._app(scope, receive, send)
            return
        answer: dict[str, Any] = {"status": 0, "media": "", "body": b""}
        held: list[Message] = []

        async def keeping(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer["status"] = message["status"]
                answer["media"] = dict(message["headers"]).get(b"content-type", b"").decode("latin-1")
                held.append(message)
                return
            answer["body"] += message.get("body", b"")
            held.append(message)
            if len(answer["body"]) <= MOST_BYTES and message.get("more_body", False):
                return
            await self._settle(scope, answer)
            while held:
                await send(held.pop(0))

        try:
            await self._app(scope, receive, keeping)
        except BaseException:
            await self._settle(scope, answer | {"status": 0})
            raise

    async def _settle(self, scope: Scope, answer: dict[str, Any]) -> None:
        repeatable: RepeatableRequest | None = scope.get("state", {}).pop("repeatable", None)
        if repeatable is None:
            return
        actor: Actor = scope["state"]["asker"]
        good = 200 <= answer["status"] < 300 and len(answer["body"]) <= MOST_BYTES
        kept = answer | {"body": b64encode(answer["body"]).decode()}
        try:
            async with self._services.writing(actor) as cursor:
                await (repeatable.keep(cursor, json.dumps(kept).encode()) if good else repeatable.let_go(cursor))
        except psycopg.Error as error:
            log.warning("an answer could not be kept (%s)", type(error).__name__)


def install_idempotency(app: FastAPI, services: Services) -> None:
    """Have keys taken by every POST, and said so in the OpenAPI document."""
    app.add_exception_handler(AnsweredBefore, say_again)
    app.add_middleware(KeepAnswers, services=services)
    plain = app.openapi

    def described() -> dict[str, Any]:
        document = plain()
        for path, operations in document["paths"].items():
            if "post" in operations and not NOT_HERE.fullmatch(path):
                parameters = operations["post"].setdefault("parameters", [])
                if PARAMETER not in parameters:
                    parameters.append(PARAMETER)
        return document

    app.openapi = described  # type: ignore[method-assign]
