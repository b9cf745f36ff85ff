"""Ground and surface heights at a place, from the newest survey that measured it."""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from twin.crs import EastNorth, LonLat, transformer
from twin.errors import TwinError
from twin.queries.height_raster import BlockCache, HeightRaster
from twin.queries.place_asked import GEOGRAPHIC

log = logging.getLogger(__name__)
MOST_OPEN_RASTERS = 64


class OpenRasters:
    """Rasters of published surveys kept open; one that was replaced on disk is opened anew."""

    def __init__(self, data_dir: Path, limit: int = MOST_OPEN_RASTERS) -> None:
        """data_dir: products' paths are relative to it. limit: how many files stay open."""
        self._data_dir = data_dir.resolve()
        self._limit = limit
        self._blocks = BlockCache()
        self._lock = Lock()
        self._open: OrderedDict[Path, tuple[tuple[int, int, int], HeightRaster]] = OrderedDict()

    def get(self, relative_path: str) -> HeightRaster | None:
        """Open a product's raster (or find it open). None when it is missing or unreadable, which is logged."""
        path = (self._data_dir / relative_path).resolve()
        try:
            if not path.is_relative_to(self._data_dir):
                raise PermissionError("outside the data directory")
            stat = path.stat()
            state = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            with self._lock:
                known = self._open.get(path)
                if known is None or known[0] != state:
                    known = self._open[path] = (state, HeightRaster(path, self._blocks))
                self._open.move_to_end(path)
                while len(self._open) > self._limit:
                    self._open.popitem(last=False)
            return known[1]
        except (OSError, TwinError) as error:
            log.warning("a product cannot be read: %s (%s)", relative_path, type(error).__name__)
            return None


@dataclass(frozen=True)
class HeightsFound:
    """Heights at a place (metres, vertical datum of the survey) and the survey they come from."""

    survey: dict[str, Any]
    ground_h_m: float | None
    surface_h_m: float | None
    sigma_m: float | None
    projected: EastNorth

    def as_json(self) -> dict[str, Any]:
        """Give the part `terrain` of an answer."""
        survey = self.survey
        evidence = {
            "kind": "survey",
            "survey": survey["name"],
            "method": "surface and terrain model, nearest pixel",
            "sigma_m": self.sigma_m,
            "observed_at": survey["taken_to"] or survey["taken_from"],
            "known_at": survey["published_at"],
        }
        return {
            "ground_h_m": self.ground_h_m,
            "surface_h_m": self.surface_h_m,
            "vertical_datum": survey["vertical_datum"],
            "survey": survey["name"],
            "sigma_m": self.sigma_m,
            # control: the sigma holds in the datum; exif: it holds within the survey, which may be off as a whole.
            "heights_from": (survey.get("frame") or {}).get("heights_from"),
            "evidence": {key: value for key, value in evidence.items() if value is not None},
        }


def heights_at(position: LonLat, surveys: list[dict[str, Any]], rasters: OpenRasters) -> HeightsFound | None:
    """Read ground and surface height where the newest survey measured them.

    surveys: newest first, each with name, crs, vertical_datum and products {kind: {path, sigma_m}}.
    Returns None where no survey has a height.
    """
    for survey in surveys:
        spot = EastNorth(*transformer(GEOGRAPHIC, survey["crs"]).transform(*position))
        surface = _height(survey, "dsm", spot, rasters)
        ground = _height(survey, "dtm", spot, rasters)
        if surface is None and ground is None:
            continue
        sigma = _height(survey, "dsm_sigma", spot, rasters)
        if sigma is None:
            sigma = survey["products"].get("dsm", {}).get("sigma_m")
        return HeightsFound(survey, ground, surface, sigma, spot)
    return None


def _height(survey: dict[str, Any], kind: str, spot: EastNorth, rasters: OpenRasters) -> float | None:
    product = survey["products"].get(kind)
    raster = rasters.get(product["path"]) if product else None
    if raster is None:
        return None
    value = raster.sample(np.array([spot.east]), np.array([spot.north]))[0]
    return round(float(value), 3) if np.isfinite(value) else None
