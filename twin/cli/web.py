"""The web application people reach: the API with the map's pages mounted beside it."""

from __future__ import annotations

from typing import Any

from twin.settings import read_settings


def make_app() -> Any:
    """Join API and pages into one ASGI application, with settings from the environment (a uvicorn factory)."""
    from api.app import create_app
    from api.openid import read_openid_settings
    from api.service_settings import read_service_settings
    from viewer.pages import create_pages

    settings = read_settings()
    return create_app(
        settings,
        mounts={"/": create_pages(settings)},
        service=read_service_settings(),
        openid=read_openid_settings(),
    )
