"""What a processed survey sees of buildings by itself, whatever outlines it was given: from its surface and colours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from rasterio.features import shapes
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from photogrammetry.buildings.extract import overview
from photogrammetry.buildings.footprints import Outline
from photogrammetry.buildings.found_outlines import FindSettings, find_outlines
from photogrammetry.drone.grid import Grid


@dataclass(frozen=True)
class Seen:
    """Outlines (metres in crs), and the ground whose height above ground is known."""

    crs: str
    outlines: list[Outline]
    known: BaseGeometry


def see_outlines(products: Path, settings: FindSettings | None = None) -> Seen:
    """Find buildings on a survey's published nDSM and orthophoto.

    products: the survey's folder of that name. Raises BadInput when its rasters are not there or not north up.
    """
    inputs = {"surface": products, "orthophoto": products}
    coarse, above, green = overview(inputs, Grid.of(products / "ndsm.tif"))
    outlines = find_outlines(above, green, coarse, settings or FindSettings())
    there = np.isfinite(above)
    parts = [shape(form) for form, _ in shapes(there.astype(np.uint8), mask=there, transform=coarse.transform)]
    return Seen(coarse.crs, outlines, shapely.union_all(parts))
