"""The pages as a sub-application: the map at `/`, its deck JSON, its files; strict headers on each answer.

Mount it last, under "/": `app.mount("/", create_pages(settings))`. It asks nothing of the API: the browser does.
"""

from __future__ import annotations

import html
import json
from string import Template
from threading import Thread
from typing import Any

from pyproj import CRS
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twin.crs import read_crs
from twin.errors import BadInput, NotFound
from twin.settings import CitySettings, Settings
from viewer.assets import PageFile, PageFiles
from viewer.deck_spec import build_deck, read_scene
from viewer.layers import CATEGORIES

LANGUAGES = ("zh-CN", "en")
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "worker-src 'self' blob:",
        "connect-src 'self' blob: data:",
        "img-src 'self' blob: data:",
        "style-src 'self'",
        "font-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
    )
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
}
# Each page's script; what it imports is fetched along with it.
PAGES = {
    "index.html": "js/main.js",
    "link.html": "js/link/link_page.js",
    "deliver.html": "js/deliver/deliver_page.js",
    "login.html": "js/login/login_page.js",
}
MASTHEAD = "desk_masthead.html"
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"


def projection_of(srid: int) -> dict[str, float] | None:
    """Give the parameters of a transverse Mercator CRS (Gauss-Krueger), for the coordinates under the pointer.

    srid: EPSG code. Returns semi-major axis and false origin in metres, angles in degrees; None for another projection.
    """
    crs: CRS = read_crs(srid)
    geodetic = crs.geodetic_crs
    operation = crs.coordinate_operation
    if geodetic is None or operation is None or operation.method_name != "Transverse Mercator":
        return None
    values = {parameter.name: float(parameter.value) for parameter in operation.params}
    ellipsoid = geodetic.ellipsoid
    if ellipsoid is None:
        return None
    return {
        "semi_major_m": ellipsoid.semi_major_metre,
        "inverse_flattening": ellipsoid.inverse_flattening,
        "central_meridian_deg": values["Longitude of natural origin"],
        "origin_lat_deg": values["Latitude of natural origin"],
        "scale": values["Scale factor at natural origin"],
        "false_east_m": values["False easting"],
        "false_north_m": values["False northing"],
    }


def page_settings(city: CitySettings, files: PageFiles) -> dict[str, Any]:
    """Collect what the page must know before it asks anything: the city, its coordinates, the legend, the addresses."""
    return {
        "city": {
            "code": city.code,
            "name_zh": city.name_zh,
            "name_en": city.name_en,
            "centre": [city.centre_lon, city.centre_lat],
            "vertical_datum": city.vertical_datum,
            "utc_offset_h": city.utc_offset_h,
            "working_crs": f"EPSG:{city.working_srid}",
            "projection": projection_of(city.working_srid),
        },
        "languages": LANGUAGES,
        "categories": [
            {"code": item.code, "name_zh": item.name_zh, "name_en": item.name_en, "colour": item.colour}
            for item in CATEGORIES
        ],
        "static": f"/static/{files.version}",
        "bundle": f"/vendor/{files.bundle_version}/deck.js",
    }


def _send(request: Request, file: PageFile, cache: str) -> Response:
    headers = {"Cache-Control": cache, "ETag": file.etag, "Vary": "Accept-Encoding"}
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", "") and len(file.body) > 800:
        return Response(file.gzipped, media_type=file.media_type, headers=headers | {"Content-Encoding": "gzip"})
    return Response(file.body, media_type=file.media_type, headers=headers)


def _problem(status: int, title: str, detail: str) -> Response:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(body, status_code=status, media_type="application/problem+json")


class Pages:
    """The answers of the page application for one city."""

    def __init__(self, settings: Settings) -> None:
        """Read the files and make the index. Raises MissingSoftware when the bundle is not there."""
        self._city = settings.city
        self._files = PageFiles()
        self._pages = {name: self._make_page(name, script) for name, script in PAGES.items()}
        # Compressing the bundle takes a third of a second; nobody should wait for it.
        Thread(target=lambda: self._files.bundle.gzipped, daemon=True).start()

    def _make_page(self, name: str, script: str) -> PageFile:
        settings = page_settings(self._city, self._files)
        values = {
            "settings": html.escape(json.dumps(settings, ensure_ascii=False), quote=True),
            "static": settings["static"],
            "bundle": settings["bundle"],
            "modules": "\n    ".join(
                f'<link rel="modulepreload" href="{settings["static"]}/{module}">'
                for module in self._files.modules_of(script)
            ),
            "city_zh": html.escape(self._city.name_zh),
            "city_en": html.escape(self._city.name_en),
        }
        masthead = Template(self._files.static(MASTHEAD).body.decode()).substitute(values)
        filled = Template(self._files.static(name).body.decode()).substitute(values, masthead=masthead)
        return PageFile(filled.encode(), "text/html; charset=utf-8")

    async def index(self, request: Request) -> Response:
        """Send the map page."""
        return _send(request, self._pages["index.html"], ASK_AGAIN)

    async def link(self, request: Request) -> Response:
        """Send the page on which links are reviewed."""
        return _send(request, self._pages["link.html"], ASK_AGAIN)

    async def deliver(self, request: Request) -> Response:
        """Send the page on which files are handed in."""
        return _send(request, self._pages["deliver.html"], ASK_AGAIN)

    async def login(self, request: Request) -> Response:
        """Send the page on which people log in."""
        return _send(request, self._pages["login.html"], ASK_AGAIN)

    async def deck(self, request: Request) -> Response:
        """Send the deck JSON of the scene in the query."""
        try:
            scene = read_scene(request.query_params)
        except BadInput as error:
            return _problem(422, "Bad scene", str(error))
        return JSONResponse(build_deck(scene, self._city), headers={"Cache-Control": ASK_AGAIN})

    async def static(self, request: Request) -> Response:
        """Send one of our static files; an address of another version is answered, but not kept."""
        cache = FOR_EVER if request.path_params["version"] == self._files.version else ASK_AGAIN
        try:
            return _send(request, self._files.static(request.path_params["path"]), cache)
        except NotFound:
            raise HTTPException(404) from None

    async def bundle(self, request: Request) -> Response:
        """Send the deck.gl bundle of pydeck's wheel."""
        return _send(request, self._files.bundle, FOR_EVER)

    async def icon(self, request: Request) -> Response:
        """Send the page's icon."""
        return _send(request, self._files.static("icon.svg"), ASK_AGAIN)


class SecureHeaders:
    """ASGI middleware: puts SECURITY_HEADERS on every answer of the pages."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the wrapped application does, headers added."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)


async def _http_error(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    titles = {404: "Not found", 405: "Method not allowed"}
    return _problem(status, titles.get(status, "Error"), "There is nothing at this address")


def create_pages(settings: Settings) -> Starlette:
    """Make the application that serves the pages; mount it last, under "/".

    Raises MissingSoftware when the map's JavaScript is not installed.
    """
    pages = Pages(settings)
    return Starlette(
        routes=[
            Route("/", pages.index),
            Route("/link", pages.link),
            Route("/deliver", pages.deliver),
            Route("/login", pages.login),
            Route("/deck.json", pages.deck),
            Route("/static/{version}/{path:path}", pages.static),
            Route("/vendor/{version}/deck.js", pages.bundle),
            Route("/favicon.ico", pages.icon),
        ],
        exception_handlers={HTTPException: _http_error},
        middleware=[Middleware(SecureHeaders)],
    )
