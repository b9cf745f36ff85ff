"""The page that explains the API, from our own files: a city's intranet has no other."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request, Response

from api.caching import tagged
from api.needs import needs
from twin.errors import NotFound

router = APIRouter(include_in_schema=False)

FOLDER = Path(__file__).resolve().parent.parent / "static"
FILES = {
    "docs.css": "text/css; charset=utf-8",
    "docs.js": "text/javascript; charset=utf-8",
    "standards.css": "text/css; charset=utf-8",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


@router.get("/docs", dependencies=[needs("read", "service")])
async def page(request: Request) -> Response:
    """Give the page."""
    answer = tagged(request, (FOLDER / "docs.html").read_bytes(), "text/html; charset=utf-8")
    answer.headers["Content-Security-Policy"] = POLICY
    return answer


@router.get("/docs/{file}", dependencies=[needs("read", "service")])
async def part(request: Request, file: str) -> Response:
    """Give the page's script or style."""
    if file not in FILES:
        raise NotFound("the page has no such file", where=file[:40])
    return tagged(request, (FOLDER / file).read_bytes(), FILES[file])
