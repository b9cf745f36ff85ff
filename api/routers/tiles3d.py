"""A survey's 3D Tiles: mesh and buildings, served from the survey's own folder and from nowhere else."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import FileResponse

from api.caching import ALWAYS_ASK, entity_tag, still_good, unchanged
from api.dependencies import Asker, ServicesOf
from api.documented import answers
from api.needs import needs
from twin.actions.access import absent
from twin.queries.surveys import file_inside, product_of

router = APIRouter(tags=["3D Tiles 三维"])

MEDIA_TYPES = {
    ".json": "application/json",
    ".glb": "model/gltf-binary",
    ".gltf": "model/gltf+json",
    ".b3dm": "application/octet-stream",
    ".subtree": "application/octet-stream",
    ".bin": "application/octet-stream",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".ktx2": "image/ktx2",
}


@router.get(
    "/3dtiles/{name}/{path:path}",
    dependencies=[needs("read", "surveys")],
    summary="A tileset and its tiles (3D Tiles 1.1) 三维瓦片",
    responses=answers({"asset": {"version": "1.1"}, "geometricError": 500, "root": {}}),
)
async def tileset(
    request: Request,
    services: ServicesOf,
    asker: Asker,
    name: Annotated[str, Path(max_length=100, description="The survey's name", examples=["spring-2026"])],
    path: Annotated[str, Path(max_length=300, description="tileset.json or what it names", examples=["tileset.json"])],
) -> Response:
    """Start at tileset.json. Compressed for those who accept it; ranges and entity tags are answered."""
    async with services.reading(asker) as asking:
        product = await product_of(asking.cursor, name, "tileset")
    data_dir = services.settings.data_dir
    first = file_inside(data_dir, product.path) if product else None
    found = file_inside(first.parent, path) if first else None
    if found is None or found.suffix not in MEDIA_TYPES:
        raise absent("3D tile", f"{name}/{path}")
    stat = found.stat()
    tag = entity_tag(path, stat.st_mtime_ns, stat.st_size)
    if still_good(request, tag):
        return unchanged(tag)
    headers = {"ETag": tag, "Cache-Control": ALWAYS_ASK}
    return FileResponse(found, headers=headers, media_type=MEDIA_TYPES[found.suffix])
