"""Surveys: what was photographed, what became of it, and the photos themselves in small parts."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Annotated

import anyio
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse, RedirectResponse

from api import examples
from api.caching import ALWAYS_ASK, entity_tag, still_good, tagged, unchanged
from api.dependencies import Asker, ServicesOf
from api.documented import answers
from api.needs import needs
from twin.actions.access import absent
from twin.crs import RowCol
from twin.queries.photo_crop import photo_crop
from twin.queries.surveys import all_surveys, file_inside, one_survey, photo_file, photo_of, photos_of

router = APIRouter(tags=["Surveys 航测"])

Name = Annotated[str, Path(max_length=100, description="The survey's name 航测名称", examples=["spring-2026"])]
REPORT_FILES = {".html": "text/html; charset=utf-8", ".json": "application/json", ".png": "image/png"}
REPORT_POLICY = "default-src 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'self'"


@router.get(
    "/surveys",
    dependencies=[needs("read", "surveys")],
    summary="All surveys 航测列表",
    responses=answers(examples.SURVEYS),
)
async def surveys(request: Request, services: ServicesOf, asker: Asker) -> Response:
    """Newest first, with products, bounds (degrees) and how many photos were registered."""
    async with services.reading(asker) as asking:
        items = await all_surveys(asking.cursor)
    return tagged(request, f'{{"items":{items}}}', "application/json")


@router.get(
    "/surveys/{name}",
    dependencies=[needs("read", "surveys")],
    summary="One survey 航测详情",
    responses=answers(examples.SURVEY_WHOLE),
)
async def survey(request: Request, services: ServicesOf, asker: Asker, name: Name) -> Response:
    """The survey with its accuracy report and footprint."""
    async with services.reading(asker) as asking:
        found = await one_survey(asking.cursor, name)
    if found is None:
        raise absent("survey", name)
    return tagged(request, found, "application/json")


@router.get(
    "/surveys/{name}/photos",
    dependencies=[needs("read", "surveys")],
    summary="A survey's photos 航片",
    response_class=Response,
    responses=answers(examples.PHOTOS, media="application/geo+json"),
)
async def photos(request: Request, services: ServicesOf, asker: Asker, name: Name) -> Response:
    """Camera positions as GeoJSON, with the reason for each photo that was not used."""
    async with services.reading(asker) as asking:
        found = await photos_of(asking.cursor, name)
    if found is None:
        raise absent("survey", name)
    return tagged(request, found, "application/geo+json")


@router.get(
    "/surveys/{name}/report",
    dependencies=[needs("read", "surveys")],
    summary="The accuracy report 精度报告",
    responses=answers(examples.REPORT),
)
async def report(request: Request, services: ServicesOf, asker: Asker, name: Name) -> Response:
    """JSON for programs; a browser is sent on to the page with pictures."""
    async with services.reading(asker) as asking:
        known = await one_survey(asking.cursor, name)
    if known is None:
        raise absent("survey", name)
    wants_page = "text/html" in request.headers.get("accept", "")
    if wants_page and file_inside(_folder(services.settings.surveys_dir, name), "report.html"):
        return RedirectResponse(f"{request.url.path}/report.html")
    return _report_file(request, services.settings.surveys_dir, name, "report.json")


@router.get(
    "/surveys/{name}/report/{file}",
    dependencies=[needs("read", "surveys")],
    summary="The report's page and pictures 报告文件",
    response_class=Response,
    responses=answers(media="text/html"),
)
async def report_page(
    request: Request,
    services: ServicesOf,
    asker: Asker,
    name: Name,
    file: Annotated[
        str, Path(max_length=100, description="report.html or one of its pictures", examples=["report.html"])
    ],
) -> Response:
    """Files of the report folder; pages run no scripts."""
    async with services.reading(asker) as asking:
        known = await one_survey(asking.cursor, name)
    if known is None:
        raise absent("survey", name)
    return _report_file(request, services.settings.surveys_dir, name, file)


def _folder(surveys_dir: FilePath, name: str) -> FilePath:
    return surveys_dir / name / "report"


def _report_file(request: Request, surveys_dir: FilePath, name: str, file: str) -> Response:
    found = file_inside(_folder(surveys_dir, name), file)
    if found is None or found.suffix not in REPORT_FILES or not found.is_relative_to(surveys_dir.resolve()):
        raise absent("report", f"{name}/{file}")
    stat = found.stat()
    tag = entity_tag(found.name, stat.st_mtime_ns, stat.st_size)
    if still_good(request, tag):
        return unchanged(tag)
    headers = {"ETag": tag, "Cache-Control": ALWAYS_ASK, "Content-Security-Policy": REPORT_POLICY}
    return FileResponse(found, headers=headers, media_type=REPORT_FILES[found.suffix])


@router.get(
    "/surveys/{name}/photos/{file}/crop",
    dependencies=[needs("read", "surveys")],
    summary="Part of a photo around a pixel 航片局部",
    response_class=Response,
    responses=answers(media="image/jpeg"),
)
async def crop(
    request: Request,
    services: ServicesOf,
    asker: Asker,
    name: Name,
    file: Annotated[str, Path(max_length=200, description="The photo's file name", examples=["DJI_0042.JPG"])],
    col: Annotated[float, Query(ge=0, le=100_000, description="Pixel, from the left", examples=[1012.4])],
    row: Annotated[float, Query(ge=0, le=100_000, description="Pixel, from the top", examples=[733.9])],
    size: Annotated[int, Query(ge=16, le=2048, description="Side of the square in pixels", examples=[320])] = 320,
    marker: Annotated[bool, Query(description="Mark the pixel with a ring", examples=[True])] = True,
) -> Response:
    """A JPEG without the photo's own metadata. /lookup gives the addresses of crops ready made."""
    async with services.reading(asker) as asking:
        photo = await photo_of(asking.cursor, name, file)
    if photo is None:
        raise absent("photo", f"{name}/{file}")
    tag = entity_tag(photo.sha256, col, row, size, marker)
    if still_good(request, tag):
        return unchanged(tag)
    path = photo_file(services.settings.surveys_dir / name, photo)
    if path is None:
        raise absent("photo", f"{name}/{file}")
    picture = await anyio.to_thread.run_sync(
        lambda: photo_crop(path, RowCol(row, col), size, marker=marker), limiter=services.drawing
    )
    return Response(picture, headers={"ETag": tag, "Cache-Control": ALWAYS_ASK}, media_type="image/jpeg")
