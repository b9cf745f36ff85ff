"""The application: routes, limits, errors; pages are mounted by whoever runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from api.client_address import KnowClient
from api.dependencies import Services
from api.disconnects import CancelWhenGone
from api.errors import install_error_handlers
from api.feature_answers import PREFIX
from api.idempotency import install_idempotency
from api.limits import ApiLimits, LimitRequests
from api.openid import OpenId, OpenIdSettings, read_openid_settings
from api.process_memory import keep_freed_memory
from api.quick_items import AnswerItems
from api.quick_tiles import AnswerKeptTiles
from api.rates import LimitRates
from api.request_log import RequestLog
from api.routers import (
    accounts,
    audit,
    auth,
    buildings,
    cityjson,
    classes,
    collections,
    deliveries,
    docs,
    exports,
    feature_edits,
    features,
    health,
    jobs,
    lookup,
    metrics,
    nearby,
    openid,
    people,
    rasters,
    records,
    review,
    search,
    sessions,
    stac,
    summary,
    surveys,
    tiles,
    tiles3d,
    tilesets,
)
from api.service_settings import ServiceSettings, read_service_settings
from twin.settings import Settings

ROUTERS = (
    features,
    feature_edits,
    collections,
    auth,
    sessions,
    openid,
    accounts,
    lookup,
    nearby,
    search,
    summary,
    classes,
    surveys,
    records,
    people,
    review,
    audit,
    deliveries,
    jobs,
    rasters,
    tiles,
    tiles3d,
    tilesets,
    cityjson,
    stac,
    exports,
    buildings,
    health,
    metrics,
    docs,
)
STANDARDS = (features, feature_edits, collections, tiles, tilesets)


def create_app(
    settings: Settings,
    *,
    mounts: Mapping[str, ASGIApp] | None = None,
    limits: ApiLimits | None = None,
    service: ServiceSettings | None = None,
    openid: OpenIdSettings | None = None,
) -> FastAPI:
    """Make the application.

    settings: database, data directory and city. mounts: other ASGI applications by path, such as the map's pages at
    "/"; the API's own addresses come first. limits: of the service. service: how it stands in its network; by default
    it trusts no proxy and no other site. openid: the provider through which people may log in. The database need not
    be there yet.
    """
    chosen, edge = limits or ApiLimits(), service or ServiceSettings()
    services = Services(settings, chosen)
    services.metrics_token = edge.metrics_token
    services.openid = OpenId(openid) if openid else None
    services.https = edge.https

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        keep_freed_memory()
        async with services.running():
            yield

    app = FastAPI(
        title=f"{settings.city.name_zh} 城市数字孪生 City digital twin",
        summary="One click: everything known at a place, with evidence.",
        version=version("city-digital-twin"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
        # Nothing is told to a collector, whatever the environment says; what is counted stands in api.metrics.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.services = services
    install_error_handlers(app)
    for module in ROUTERS:
        app.include_router(module.router)
    for standard in STANDARDS:  # a client of the standards gets one address, under which all of them lie
        app.include_router(standard.router, prefix=PREFIX, include_in_schema=False)
    app.include_router(collections.root)
    for path, mounted in (mounts or {}).items():
        app.mount(path.rstrip("/"), mounted)
    # Added last runs first: the log sees everything, compression is next to the routes.
    install_idempotency(app, services)
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=5)
    app.add_middleware(CancelWhenGone)
    app.add_middleware(LimitRequests, limits=chosen)
    app.add_middleware(AnswerItems)
    app.add_middleware(AnswerKeptTiles, services=services)
    if edge.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=edge.allowed_origins,
            allow_methods=["*"],
            allow_headers=["Authorization", "Content-Type", "If-Match", "If-None-Match", "Idempotency-Key"],
            expose_headers=["ETag", "Location", "Link", "Retry-After", "X-Request-Id"],
        )
    app.add_middleware(LimitRates, budgets=chosen.budgets)
    app.add_middleware(KnowClient, trusted=edge.trusted_proxies)
    app.add_middleware(RequestLog, metrics=services.metrics, https=edge.https)
    return app


def run(settings: Settings, *, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve the API alone until stopped (`twin up` serves it with the pages)."""
    import uvicorn

    uvicorn.run(
        create_app(settings, service=read_service_settings(), openid=read_openid_settings()),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # api.client_address believes the configured proxies only
    )
