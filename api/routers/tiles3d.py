"""A survey's 3D Tiles: mesh and buildings, served from the survey's own folder and from nowhere else."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Annotated

import anyio
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import FileResponse

from api.caching import ALWAYS_ASK, entity_tag, still_good, tagged, unchanged
from api.dependencies import Asker, ServicesOf
from api.documented import answers
from api.needs import needs
from twin.actions.access import absent
from twin.queries.edited_tiles import edited_glb, edited_heights, edited_tileset, edits_in
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
    """Start at tileset.json. Compressed for those who accept it; ranges and entity tags are answered.

    A building whose height a person has set stands that high in its tile at once; other tiles are as the survey left
    them, to the byte.
    """
    async with services.reading(asker) as asking:
        product = await product_of(asking.cursor, name, "tileset")
        heights = await edited_heights(asking.cursor, name) if product else {}
    data_dir = services.settings.data_dir
    first = file_inside(data_dir, product.path) if product else None
    found = file_inside(first.parent, path) if first else None
    if found is None or found.suffix not in MEDIA_TYPES:
        raise absent("3D tile", f"{name}/{path}")
    if heights:
        edited = await anyio.to_thread.run_sync(_edited, found, heights, limiter=services.drawing)
        if edited is not None:
            return tagged(request, edited, MEDIA_TYPES[found.suffix])
    stat = found.stat()
    tag = entity_tag(path, stat.st_mtime_ns, stat.st_size)
    if still_good(request, tag):
        return unchanged(tag)
    headers = {"ETag": tag, "Cache-Control": ALWAYS_ASK}
    return FileResponse(found, headers=headers, media_type=MEDIA_TYPES[found.suffix])


def _edited(found: FilePath, heights: dict[str, float]) -> bytes | None:
    """Give a file with the heights that people have confirmed; None when they do not concern it."""
    if found.suffix == ".json":
        return edited_tileset(found, heights) if found.name == "tileset.json" else None
    own = edits_in(found, heights)
    return edited_glb(found, own)[0] if own else None
