"""One public feature by its id, or those of a small box: answered before the routes, when the public may read them.

Only requests without credentials come by this way, and only those with no more parameters than a box, a limit and how
to count; it checks the same right as the route's `needs`. Whatever else is asked, and whatever goes wrong, is the
route's to answer. Such questions end in a millisecond or two: there is nothing to cancel when the client goes.
"""

from __future__ import annotations

import re

import psycopg
from fastapi import Request
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from api.feature_answers import PREFIX
from api.feature_questions import form_of, given, item_asked, items_asked
from api.feature_service import FeatureService, area_of, features_of
from api.quick_tiles import ASKED_BY_SOMEBODY, RouteAnswered
from api.routers.features import ITEM_PATH, ITEMS_PATH, feature_answer, page_answer
from twin.errors import TwinError
from twin.queries.feature_collections import Collection
from twin.queries.features import Area, PageAsked, feature_of, page_of
from twin.session import PUBLIC

ITEMS = "/items"
PARAMETERS = frozenset({"bbox", "limit", "count", "f"})
MOST = 100  # features
SMALL_BOX_DEG2 = 1e-4  # about a square kilometre
PACKED_FROM, LEVEL = 1000, 5  # as for the routes
_ADDRESS = re.compile(rf"({PREFIX})?/collections/([a-z]+(?:-[0-9A-Za-z]{{1,20}})?){ITEMS}(?:/(\d{{1,18}}))?", re.ASCII)


class AnswerItems:
    """Answer for one feature, or a small box of them, at once."""

    def __init__(self, app: ASGIApp) -> None:
        """app: answers everything else."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if (
            scope["type"] != "http"
            or ITEMS not in scope["path"]
            or scope["method"] != "GET"
            or any(name in ASKED_BY_SOMEBODY for name, _ in scope["headers"])
            or (match := _ADDRESS.fullmatch(scope["path"])) is None
            or (match[3] is None) != bool(scope["query_string"])
        ):
            await self._app(scope, receive, send)
            return
        answer = await self._answer(scope, match)
        if answer is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = RouteAnswered((match[1] or "") + (ITEM_PATH if match[3] else ITEMS_PATH))
        await answer(scope, receive, send)

    @staticmethod
    async def _answer(scope: Scope, match: re.Match[str]) -> ASGIApp | None:
        request = Request(scope)
        service = features_of(request)
        try:
            parameters = given(request, PARAMETERS)
            if form_of(request, parameters) != "json":
                return None
            rights = await service.services.fresh_rights()
            collection = await service.collection(match[2])
            if not rights.may(PUBLIC.role, "read", collection.rights):
                return None
            area = area_of(rights.reach(PUBLIC, "read", collection.rights))
            if match[3] is None:
                return await _page(service, request, parameters, collection, area)
            asked = item_asked({}, collection, service.working_srid, area)
            if not asked.keeps_plan:
                return None
            key = int(match[3])
            found = await service.services.quick.ask(lambda cursor: feature_of(cursor, asked, key))
        except (TwinError, psycopg.Error):
            return None  # the route says so in due form
        return None if found is None else feature_answer(request, asked, found)


async def _page(
    service: FeatureService, request: Request, parameters: dict[str, str], collection: Collection, area: Area
) -> ASGIApp | None:
    asked, _ = items_asked(parameters, collection, service.working_srid, area)
    if not _is_small(asked):
        return None
    page = await service.services.quick.ask(lambda cursor: page_of(cursor, asked))
    answer = page_answer(request, asked, page, page.matched, page.exact)
    if "gzip" not in request.headers.get("accept-encoding", ""):
        answer.headers.add_vary_header("Accept-Encoding")
        return answer
    return GZipMiddleware(answer, minimum_size=PACKED_FROM, compresslevel=LEVEL)


def _is_small(asked: PageAsked) -> bool:
    box = asked.box
    if box is None or not asked.by_box or not asked.keeps_plan or asked.limit > MOST:
        return False
    return (box.east - box.west) * (box.north - box.south) <= SMALL_BOX_DEG2
