"""Answers that a browser may keep: entity tags, 304, and how long."""

from __future__ import annotations

import hashlib

from fastapi import Request, Response

ALWAYS_ASK = "no-cache"  # keep it, but ask each time whether it is still so
FOR_EVER = "public, max-age=31536000, immutable"
KEEP_NOTHING = "no-store"


def entity_tag(*parts: object) -> str:
    """Make a weak entity tag from what an answer depends on."""
    digest = hashlib.sha256("\0".join(str(part) for part in parts).encode()).hexdigest()
    return f'W/"{digest[:32]}"'


def still_good(request: Request, etag: str) -> bool:
    """Say whether the client already has the answer with this tag."""
    given = request.headers.get("if-none-match", "")
    return given.strip() == "*" or etag.removeprefix("W/") in (
        tag.strip().removeprefix("W/") for tag in given.split(",")
    )


def unchanged(etag: str, cache_control: str = ALWAYS_ASK) -> Response:
    """Answer 304."""
    return Response(status_code=304, headers={"ETag": etag, "Cache-Control": cache_control})


def tagged(
    request: Request, body: bytes | str, media_type: str, *, etag: str | None = None, cache_control: str = ALWAYS_ASK
) -> Response:
    """Answer with a body and its entity tag, or 304 when the client has it.

    etag: by default made from the body.
    """
    content = body.encode() if isinstance(body, str) else body
    tag = etag or entity_tag(hashlib.sha256(content).hexdigest())
    if still_good(request, tag):
        return unchanged(tag, cache_control)
    return Response(content, headers={"ETag": tag, "Cache-Control": cache_control}, media_type=media_type)
