"""The point cloud for others: LAZ with colours, classes, the compound CRS and a plain word on its heights."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import laspy
import numpy as np
from laspy.vlrs.vlr import VLR
from numpy.typing import NDArray
from pyproj import CRS

from photogrammetry.drone.point_bins import POINT, Bins
from twin.crs import read_crs
from twin.errors import UnknownCrs

Classes = NDArray[np.uint8]
UNCLASSIFIED, GROUND, BUILDING = 1, 2, 6


def write_cloud(
    path: Path,
    bins: Bins,
    crs: str,
    vertical_datum: str,
    classify: Callable[[NDArray[np.void]], Classes],
    *,
    made_on: date | None = None,
) -> int:
    """Write the points of all bins as LAZ 1.4 (point format 7), bin by bin, and give their number.

    classify: gives the ASPRS class (uint8) of each point of a bin. made_on: day of the survey for the header; left
    at the format's zero otherwise, so that the same points give the same bytes.
    """
    header = laspy.LasHeader(point_format=7, version="1.4")
    header.scales = np.array([0.001, 0.001, 0.001])
    header.offsets = np.floor(np.array([bins.bounds[0], bins.bounds[1], bins.heights[0]]))
    header.add_crs(compound_crs(crs, vertical_datum))
    note = f"Heights in metres, vertical datum {vertical_datum}; horizontal {crs}".encode()
    header.vlrs.append(VLR("city_twin", 1, "vertical datum note", note))
    header.generating_software, header.system_identifier = "city-digital-twin", "drone photogrammetry"
    header.creation_date = made_on
    total = 0
    with laspy.open(path, mode="w", header=header, laz_backend=laspy.LazBackend.Lazrs) as out:
        for row, col in bins.each():
            points = np.fromfile(bins.path(row, col), dtype=POINT)
            record = laspy.ScaleAwarePointRecord.zeros(len(points), header=header)
            record.x, record.y, record.z = points["east"], points["north"], points["h"]
            for index, name in enumerate(("red", "green", "blue")):
                record[name] = points["rgb"][:, index].astype(np.uint16) * 257
            record["classification"] = classify(points)
            record["return_number"][:] = 1
            record["number_of_returns"][:] = 1
            out.write_points(record)
            total += len(points)
    return total


def compound_crs(crs: str, vertical_datum: str) -> CRS:
    """Join horizontal CRS and vertical datum into one CRS; the horizontal one alone where they cannot be joined."""
    if vertical_datum.upper().startswith("EPSG:") and crs.upper().startswith("EPSG:"):
        try:
            return read_crs(f"{crs}+{vertical_datum.split(':')[1]}")
        except UnknownCrs:
            return read_crs(crs)
    return read_crs(crs)
