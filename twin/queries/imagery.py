"""The photos that see a place, each with its pixel; photos from which the surface hides it are counted, not shown."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote

import numpy as np
import psycopg

from twin.crs import LonLat, transformer
from twin.queries.line_of_sight import blocked
from twin.queries.photo_rays import PhotoSet, photo_set, pixels_of
from twin.queries.place_asked import GEOGRAPHIC
from twin.queries.terrain import HeightsFound, OpenRasters, heights_at

PHOTOS = """
SELECT file, to_json(taken_at) #>> '{}' AS taken_at, width, height, camera, pose
FROM twin.photo
WHERE survey_id = %(survey_id)s AND registered AND pose IS NOT NULL
ORDER BY file
"""
MOST_PHOTOS = 24
MOST_SURVEYS = 16


@dataclass(frozen=True)
class SeenFrom:
    """Photos that see a place (best first), how many are in view of it but hidden, and its heights."""

    photos: list[dict[str, Any]]
    hidden: int
    heights: HeightsFound | None


class OpenSurveys:
    """Surveys' photo poses and rasters kept between questions; a survey published again is read anew."""

    def __init__(self, data_dir: Path, limit: int = MOST_SURVEYS) -> None:
        """data_dir: where products lie. limit: how many surveys' poses are kept."""
        self.rasters = OpenRasters(data_dir)
        self._limit = limit
        self._lock = Lock()
        self._photos: OrderedDict[tuple[Any, ...], PhotoSet] = OrderedDict()

    async def photos(self, cursor: psycopg.AsyncCursor[Any], survey: dict[str, Any]) -> PhotoSet:
        """Give a survey's photos with their poses. survey: survey_id, fingerprint, published_at, frame."""
        key = (survey["survey_id"], survey["fingerprint"], survey["published_at"])
        with self._lock:
            known = self._photos.get(key)
            if known is not None:
                self._photos.move_to_end(key)
                return known
        await cursor.execute(PHOTOS, {"survey_id": survey["survey_id"]})
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in await cursor.fetchall()]
        made = photo_set(survey["frame"], rows)
        with self._lock:
            self._photos[key] = made
            while len(self._photos) > self._limit:
                self._photos.popitem(last=False)
        return made


def seen_from(
    position: LonLat,
    height_m: float | None,
    surveys: list[dict[str, Any]],
    photo_sets: list[PhotoSet],
    rasters: OpenRasters,
) -> SeenFrom:
    """Find the photos that see a place.

    position: degrees. height_m: metres in the surveys' vertical datum; None: on the surface. surveys, photo_sets:
    the same surveys in the same order, newest first. Photos come nearest to straight down first.
    """
    heights = heights_at(position, surveys, rasters)
    found: list[dict[str, Any]] = []
    hidden = 0
    for survey, photos in zip(surveys, photo_sets, strict=True):
        own = heights if heights and heights.survey is survey else heights_at(position, [survey], rasters)
        aim = height_m if height_m is not None else _surface_of(own or heights)
        if aim is None or not photos.files:
            continue
        seen, refused = _seen_in(survey, photos, position, aim, rasters)
        found += seen
        hidden += refused
    found.sort(key=lambda photo: (photo["off_nadir_deg"], photo["distance_m"]))
    return SeenFrom(found[:MOST_PHOTOS], hidden, heights)


def _surface_of(heights: HeightsFound | None) -> float | None:
    if heights is None:
        return None
    return heights.surface_h_m if heights.surface_h_m is not None else heights.ground_h_m


def _seen_in(
    survey: dict[str, Any], photos: PhotoSet, position: LonLat, height_m: float, rasters: OpenRasters
) -> tuple[list[dict[str, Any]], int]:
    pixels, inside, away = pixels_of(photos, position, height_m)
    candidates = np.flatnonzero(inside)
    product = survey["products"].get("dsm")
    surface = rasters.get(product["path"]) if product else None
    if surface is not None and len(candidates):
        to_plane = transformer(GEOGRAPHIC, surface.shape.crs)
        point = np.array([*to_plane.transform(*position), height_m])
        eyes = photos.centre_lonlath[candidates]
        east, north = to_plane.transform(eyes[:, 0], eyes[:, 1])
        behind = blocked(point, np.column_stack([east, north, eyes[:, 2]]), surface)
        hidden, candidates = int(behind.sum()), candidates[~behind]
    else:
        hidden = 0
    shown = []
    for index in candidates:
        column, row = (round(float(value), 1) for value in pixels[index])
        distance = float(np.linalg.norm(away[index]))
        off_nadir = float(np.degrees(np.arccos(np.clip(-away[index][2] / distance, -1, 1))))
        name, file = survey["name"], photos.files[index]
        shown.append(
            {
                "survey": name,
                "file": file,
                "taken_at": photos.taken_at[index],
                "pixel": {"col": column, "row": row},
                "distance_m": round(distance, 2),
                "off_nadir_deg": round(off_nadir, 1),
                "crop_url": f"/surveys/{quote(name, safe='')}/photos/{quote(file, safe='')}/crop"
                f"?col={column}&row={row}&size=320",
            }
        )
    return shown, hidden
