"""Map tiles, terrain tiles and point values of a survey's rasters."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import quote

import anyio
from fastapi import APIRouter, Path, Query, Request, Response

from api import examples
from api.caching import ALWAYS_ASK, FOR_EVER, entity_tag, still_good, unchanged
from api.dependencies import Asker, Services, ServicesOf
from api.documented import answers
from api.needs import needs
from api.routers.lookup import Lat, Lon
from twin.actions.access import absent
from twin.crs import LonLat
from twin.errors import BadInput
from twin.queries.raster_tiles import FORMATS, HEIGHTS, RasterFile, picture_tile, raster_facts, terrain_tile, value_at
from twin.queries.surveys import Product, file_inside, product_of
from twin.session import Actor

router = APIRouter(tags=["Rasters 栅格"])

Name = Annotated[str, Path(max_length=100, description="The survey's name", examples=["spring-2026"])]
Kind = Annotated[str, Path(max_length=40, description="orthophoto, dsm, dtm, ndsm or dsm_sigma", examples=["dsm"])]
Z = Annotated[int, Path(ge=0, le=24, description="Zoom level", examples=[19])]
X = Annotated[int, Path(ge=0, description="Column", examples=[439235])]
Y = Annotated[int, Path(ge=0, description="Row, from the north", examples=[202560])]
Version = Annotated[
    str | None,
    Query(alias="v", max_length=64, description="The layer's version: with it a browser may keep the tile for ever"),
]


async def _raster(services: Services, asker: Actor, name: str, kind: str) -> tuple[Product, RasterFile]:
    async with services.reading(asker) as asking:
        product = await product_of(asking.cursor, name, kind)
    path = file_inside(services.settings.data_dir, product.path) if product else None
    if product is None or path is None:
        raise absent("raster", f"{name}/{kind}")
    return product, RasterFile.at(path, kind)


def _version(raster: RasterFile) -> str:
    return entity_tag(raster.path.name, raster.modified_ns, raster.size)[3:19]


def _keep(raster: RasterFile, version: str | None) -> str:
    return FOR_EVER if version == _version(raster) else ALWAYS_ASK


@router.get(
    "/rasters/{name}/{kind}",
    dependencies=[needs("read", "surveys")],
    summary="About a raster layer 栅格图层",
    responses=answers(examples.LAYER),
)
async def layer(services: ServicesOf, asker: Asker, name: Name, kind: Kind) -> dict[str, Any]:
    """Where it lies (degrees), which zoom levels make sense, its legend and the addresses of its tiles."""
    product, raster = await _raster(services, asker, name, kind)
    facts = await anyio.to_thread.run_sync(raster_facts, raster, limiter=services.drawing)
    root, version = f"/rasters/{quote(name, safe='')}/{kind}", _version(raster)
    answer = {"survey": name, "product": kind, "tiles": f"{root}/tiles/{{z}}/{{x}}/{{y}}.png?v={version}"}
    if kind in HEIGHTS:
        answer["terrain"] = f"{root}/terrain/{{z}}/{{x}}/{{y}}.png?v={version}"
    return {**answer, **facts, "version": version, "vertical_datum": product.vertical_datum}


@router.get(
    "/rasters/{name}/{kind}/tiles/{z}/{x}/{y}.{ext}",
    dependencies=[needs("read", "surveys")],
    summary="A map tile (WebMercator) 地图瓦片",
    response_class=Response,
    responses=answers(media="image/png"),
)
async def tile(
    request: Request,
    services: ServicesOf,
    asker: Asker,
    name: Name,
    kind: Kind,
    z: Z,
    x: X,
    y: Y,
    ext: Annotated[str, Path(max_length=8, description="png or webp", examples=["png"])],
    v: Version = None,
) -> Response:
    """256 x 256 pixels, transparent where nothing was measured. Heights are drawn in the colours of the legend."""
    if ext not in FORMATS:
        raise BadInput("this picture format is not offered", where="format", do="Use png or webp")
    _, raster = await _raster(services, asker, name, kind)
    tag = entity_tag(_version(raster), kind, z, x, y, ext)
    if still_good(request, tag):
        return unchanged(tag, _keep(raster, v))
    picture = await anyio.to_thread.run_sync(picture_tile, raster, z, x, y, ext, limiter=services.drawing)
    return Response(picture, headers={"ETag": tag, "Cache-Control": _keep(raster, v)}, media_type=FORMATS[ext])


@router.get(
    "/rasters/{name}/{kind}/terrain/{z}/{x}/{y}.png",
    dependencies=[needs("read", "surveys")],
    summary="Heights as a picture (terrain-RGB) 高程瓦片",
    response_class=Response,
    responses=answers(media="image/png"),
)
async def terrain(
    request: Request,
    services: ServicesOf,
    asker: Asker,
    name: Name,
    kind: Kind,
    z: Z,
    x: X,
    y: Y,
    encoding: Annotated[
        Literal["mapbox", "terrarium"], Query(description="mapbox: steps of 0.1 m; terrarium: steps of 4 mm")
    ] = "mapbox",
    v: Version = None,
) -> Response:
    """Metres of the survey's vertical datum, for deck.gl's TerrainLayer; 404 outside the survey."""
    _, raster = await _raster(services, asker, name, kind)
    tag = entity_tag(_version(raster), kind, z, x, y, encoding)
    if still_good(request, tag):
        return unchanged(tag, _keep(raster, v))
    picture = await anyio.to_thread.run_sync(terrain_tile, raster, z, x, y, encoding, limiter=services.drawing)
    return Response(picture, headers={"ETag": tag, "Cache-Control": _keep(raster, v)}, media_type="image/png")


@router.get(
    "/rasters/{name}/{kind}/point",
    dependencies=[needs("read", "surveys")],
    summary="A raster's value at a place 栅格取值",
    responses=answers(examples.POINT),
)
async def point(services: ServicesOf, asker: Asker, name: Name, kind: Kind, lon: Lon, lat: Lat) -> dict[str, Any]:
    """The bands' values; null in a band without one. 404 outside the raster."""
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise BadInput("lon is -180 to 180, lat is -90 to 90", where="lon, lat", do="Are they swapped?")
    product, raster = await _raster(services, asker, name, kind)
    values = await anyio.to_thread.run_sync(value_at, raster, LonLat(lon, lat), limiter=services.drawing)
    if values is None:
        raise absent("value at this place", f"{name}/{kind}")
    answer = {"survey": name, "product": kind, "lon": lon, "lat": lat, "values": values}
    return {**answer, "vertical_datum": product.vertical_datum}
