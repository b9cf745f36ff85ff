"""GET /health: is the database there and of this version, are the products on disk."""

from __future__ import annotations

import time
from importlib.metadata import version

import orjson
from fastapi import APIRouter, Response

from api import examples
from api.caching import KEEP_NOTHING
from api.dependencies import Asker, ServicesOf
from api.documented import answers
from api.needs import needs
from twin.migrations.upgrade import newest_revision
from twin.queries.health import products_listed, revision

router = APIRouter(tags=["Service 服务"])


@router.get(
    "/health",
    dependencies=[needs("read", "service")],
    summary="Is everything well 健康检查",
    responses=answers(examples.HEALTH),
)
async def health(services: ServicesOf, asker: Asker) -> Response:
    """Status ok, or degraded with what is amiss. A database that is away is a problem of status 503."""
    started = time.perf_counter()
    async with services.reading(asker) as asking:
        found = await revision(asking.cursor)
        answered_ms = (time.perf_counter() - started) * 1000
        listed = await products_listed(asking.cursor) if found else []
    newest = newest_revision()
    state = "current" if found == newest else "empty" if found is None else "other"
    missing = [f"{name}/{kind}" for name, kind, path in listed if not (services.settings.data_dir / path).is_file()]
    answer = {
        "status": "ok" if state == "current" and not missing else "degraded",
        "version": version("city-digital-twin"),
        "database": {"state": state, "revision": found, "newest": newest, "answers_in_ms": round(answered_ms, 2)},
        "products": {"listed": len(listed), "missing": missing[:50]},
    }
    return Response(orjson.dumps(answer), headers={"Cache-Control": KEEP_NOTHING}, media_type="application/json")
