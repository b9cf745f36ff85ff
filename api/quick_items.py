"""One public feature by its id: answered before the routes, when no more is asked than what the public may read.

Only requests without credentials and without parameters come by this way; it checks the same right as the route's
`needs`. Whatever else is asked, and whatever goes wrong, is the route's to answer. A question by key ends in about a
millisecond: there is nothing to cancel when the client goes, and little to compress.
"""

from __future__ import annotations

import re

import psycopg
from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.feature_answers import PREFIX
from api.feature_questions import form_of, item_asked
from api.feature_service import area_of, features_of
from api.quick_tiles import ASKED_BY_SOMEBODY, RouteAnswered
from api.routers.features import ITEM_PATH, feature_answer
from twin.errors import TwinError
from twin.queries.features import feature_of
from twin.session import PUBLIC

ITEMS = "/items/"
_ADDRESS = re.compile(rf"({PREFIX})?/collections/([a-z]+(?:-[0-9A-Za-z]{{1,20}})?){ITEMS}(\d{{1,18}})", re.ASCII)


class AnswerItems:
    """Answer for one feature at once."""

    def __init__(self, app: ASGIApp) -> None:
        """app: answers everything else."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if (
            scope["type"] != "http"
            or ITEMS not in scope["path"]
            or scope["query_string"]
            or scope["method"] != "GET"
            or any(name in ASKED_BY_SOMEBODY for name, _ in scope["headers"])
            or (match := _ADDRESS.fullmatch(scope["path"])) is None
        ):
            await self._app(scope, receive, send)
            return
        answer = await self._answer(scope, match)
        if answer is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = RouteAnswered((match[1] or "") + ITEM_PATH)
        await answer(scope, receive, send)

    @staticmethod
    async def _answer(scope: Scope, match: re.Match[str]) -> ASGIApp | None:
        request = Request(scope)
        service = features_of(request)
        try:
            if form_of(request, {}) != "json":
                return None
            rights = await service.services.fresh_rights()
            collection = await service.collection(match[2])
            if not rights.may(PUBLIC.role, "read", collection.rights):
                return None
            area = area_of(rights.reach(PUBLIC, "read", collection.rights))
            asked = item_asked({}, collection, service.working_srid, area)
            if not asked.keeps_plan:
                return None
            key = int(match[3])
            found = await service.services.quick.ask(lambda cursor: feature_of(cursor, asked, key))
        except (TwinError, psycopg.Error):
            return None  # the route says so in due form
        return None if found is None else feature_answer(request, asked, found)
