"""How routes describe their answers in the OpenAPI document: an example for each, problems for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.errors import PROBLEM
from api.examples import PROBLEM as PROBLEM_EXAMPLE

PROBLEM_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "title_zh": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
}


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {PROBLEM: {"schema": PROBLEM_SCHEMA, "example": PROBLEM_EXAMPLE}},
    }


def answers(
    example: dict[str, Any] | None = None,
    *,
    media: str = "application/json",
    also: Sequence[str] = (),
    description: str = "The answer",
    writes: bool = False,
) -> Any:
    """Describe a route's answers for FastAPI's `responses`.

    example: what the answer looks like, for JSON. media: its media type. also: other media types that may be asked for.
    Problems are added to every route.
    writes: the route is part of the desk, where not everybody may write and two people may want the same.
    """
    if example is None:
        schema = {"type": "string"} if media.startswith("text/") else {"type": "string", "format": "binary"}
        content: dict[str, Any] = {media: {"schema": schema}}
    else:
        content = {media: {"schema": {"type": "object"}, "example": example}}
    content |= {other: {"schema": {"type": "string"}, "example": "the same as text"} for other in also}
    desk = {
        408: _problem("The body came too slowly"),
        409: _problem("Somebody else was first, or the same request is still being answered; nothing was written"),
        412: _problem("It is no longer as you have read it (If-Match)"),
        413: _problem("The body is too large"),
        428: _problem("Say which version you have read (If-Match)"),
    }
    return {
        200: {"description": description, "content": content},
        400: _problem("The question cannot be read at all"),
        401: _problem("Log in first, or the token is not good"),
        403: _problem("Not allowed in this role or from this computer"),
        404: _problem("Not there, or not yours to see"),
        **(desk if writes else {}),
        422: _problem("The question cannot be answered as it is put"),
        429: _problem("This client asks too often; Retry-After says when to ask again"),
        503: _problem("The database is away or the service is busy; Retry-After says when to ask again"),
    }
