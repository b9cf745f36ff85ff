"""The part of a photo around a pixel, as a small JPEG without the photo's own metadata."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageDraw

from twin.crs import RowCol
from twin.errors import BadInput, NotFound

LARGEST = 2048
MOST_PIXELS = 400_000_000
MARK = (232, 62, 50)
MARK_RIM = (255, 255, 255)


def photo_crop(path: Path, centre: RowCol, size: int, *, marker: bool) -> bytes:
    """Cut a square out of a photo around a pixel.

    centre: row, col in the photo as taken (the first pixel's centre is 0.5, 0.5). size: side in pixels, 16 to
    2048; at the photo's edge the square is moved inside. marker: draw a ring around the pixel.
    Raises BadInput when the pixel lies outside, NotFound when the photo cannot be read.
    """
    if not 16 <= size <= LARGEST:
        raise BadInput(f"a crop is 16 to {LARGEST} pixels wide", where="size")
    try:
        with Image.open(path) as photo:
            if photo.width * photo.height > MOST_PIXELS:
                raise BadInput("the photo is too large to be cut", where=path.name)
            left, top = _corner(photo.size, centre, size)
            box = (left, top, min(left + size, photo.width), min(top + size, photo.height))
            cut = photo.crop(box).convert("RGB")
    except (OSError, Image.DecompressionBombError, SyntaxError) as error:
        raise NotFound("the photo cannot be read", where=path.name) from error
    if marker:
        _mark(cut, centre.col - left, centre.row - top)
    out = io.BytesIO()
    cut.save(out, "JPEG", quality=88)
    return out.getvalue()


def _corner(photo_size: tuple[int, int], centre: RowCol, size: int) -> tuple[int, int]:
    width, height = photo_size
    if not (0 <= centre.col <= width and 0 <= centre.row <= height):
        raise BadInput("the pixel lies outside the photo", where=f"col, row of {width} x {height}")
    left = min(max(int(centre.col - size / 2), 0), max(width - size, 0))
    top = min(max(int(centre.row - size / 2), 0), max(height - size, 0))
    return left, top


def _mark(picture: Image.Image, column: float, row: float) -> None:
    draw = ImageDraw.Draw(picture)
    radius = max(8, min(picture.size) // 20)
    for colour, width in ((MARK_RIM, 4), (MARK, 2)):
        draw.ellipse((column - radius, row - radius, column + radius, row + radius), outline=colour, width=width)
        for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            start = (column + dx * radius * 0.5, row + dy * radius * 0.5)
            draw.line((*start, column + dx * radius * 1.5, row + dy * radius * 1.5), fill=colour, width=width)
