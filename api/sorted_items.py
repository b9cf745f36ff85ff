"""Items in an order that somebody asks for (`sortby`), a page at a time."""

from __future__ import annotations

from fastapi import Request, Response

from api.feature_answers import GEOJSON, HEAD, Frame, content_crs
from api.feature_pages import items_page
from api.feature_questions import Form, Token
from api.feature_service import FeatureService
from twin.errors import BadQuestion
from twin.queries.features import PageAsked
from twin.queries.sorted_features import sort_keys, sorted_page_of


async def sorted_items(
    service: FeatureService, request: Request, parameters: dict[str, str], asked: PageAsked, token: Token | None,
    form: Form,
) -> Response:  # fmt: skip
    """Answer with a page of features in the order of `sortby`. Raises BadInput, BadQuestion."""
    keys = sort_keys(parameters["sortby"], asked.collection)
    if token is not None and token.values is None:
        raise BadQuestion("this is no token of this order", where="token", do="Follow the link named next")
    after = token.values if token is not None else None
    found = await service.read(request, lambda cursor: sorted_page_of(cursor, asked, keys, after), keeps_plan=False)
    page = found.page
    matched, exact = (token.matched, token.exact) if token else (page.matched, page.exact)
    following = None if found.values is None else Token(0, matched, exact, found.values).text()
    if form == "html":
        return items_page(request, parameters, asked.collection, page, following, matched, exact)
    headers = content_crs(asked.crs) | {"Cache-Control": "private, no-cache"}
    frame = Frame(request, page, following, matched, exact)
    return Response(HEAD + page.features + frame.tail(page.returned), headers=headers, media_type=GEOJSON)
