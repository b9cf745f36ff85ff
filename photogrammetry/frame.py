"""The local metric frame a survey is computed in, and its way to the declared CRS.

Inside: east-north-up (ENU) metres on the plane tangent to the ellipsoid at the origin. Outside: the survey's
projected CRS and vertical datum. Heights of a national datum are treated as ellipsoidal in the tangent-plane
geometry: a geoid separation of 10 m changes lengths by 1.6 ppm.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from twin.crs import read_crs, transformer

Points = NDArray[np.float64]
GEOGRAPHIC_3D = "EPSG:4979"
GEOCENTRIC = "EPSG:4978"


@dataclass(frozen=True)
class LocalFrame:
    """An ENU frame: origin (degrees, metres in vertical_datum), the projected CRS and the vertical datum outside."""

    origin_lon: float
    origin_lat: float
    origin_h_m: float
    crs: str
    vertical_datum: str

    @cached_property
    def ecef_from_enu(self) -> NDArray[np.float64]:
        """Give the (4, 4) float64 matrix from ENU to geocentric metres (EPSG:4978), column vectors."""
        lon, lat = np.radians(self.origin_lon), np.radians(self.origin_lat)
        sl, cl, sp, cp = np.sin(lon), np.cos(lon), np.sin(lat), np.cos(lat)
        matrix = np.eye(4)
        matrix[:3, :3] = [[-sl, -sp * cl, cp * cl], [cl, -sp * sl, cp * sl], [0.0, cp, sp]]
        to_ecef = transformer(GEOGRAPHIC_3D, GEOCENTRIC)
        matrix[:3, 3] = to_ecef.transform(self.origin_lon, self.origin_lat, self.origin_h_m)
        return matrix

    @cached_property
    def _to_plane(self) -> Transformer:
        horizontal = read_crs(self.crs)
        geographic = horizontal.geodetic_crs
        return transformer(geographic.to_wkt() if geographic else "EPSG:4490", horizontal.to_wkt())

    def enu_to_lonlath(self, enu: Points) -> Points:
        """Turn ENU (N, 3) float64 metres into (N, 3) lon, lat (degrees), height (m, vertical_datum)."""
        enu = np.atleast_2d(np.asarray(enu, dtype=np.float64))
        ecef = enu @ self.ecef_from_enu[:3, :3].T + self.ecef_from_enu[:3, 3]
        return np.column_stack(transformer(GEOCENTRIC, GEOGRAPHIC_3D).transform(*ecef.T))

    def lonlath_to_enu(self, lonlath: Points) -> Points:
        """Turn (N, 3) lon, lat (degrees), height (m, vertical_datum) into ENU (N, 3) float64 metres."""
        lonlath = np.atleast_2d(np.asarray(lonlath, dtype=np.float64))
        ecef = np.column_stack(transformer(GEOGRAPHIC_3D, GEOCENTRIC).transform(*lonlath.T))
        return (ecef - self.ecef_from_enu[:3, 3]) @ self.ecef_from_enu[:3, :3]

    def enu_to_crs(self, enu: Points) -> Points:
        """Turn ENU (N, 3) float64 metres into (N, 3) easting, northing (crs), height (vertical_datum)."""
        lonlath = self.enu_to_lonlath(enu)
        east, north = self._to_plane.transform(lonlath[:, 0], lonlath[:, 1])
        return np.column_stack([east, north, lonlath[:, 2]])

    def crs_to_enu(self, enh: Points) -> Points:
        """Turn (N, 3) easting, northing (crs), height (vertical_datum) into ENU (N, 3) float64 metres."""
        enh = np.atleast_2d(np.asarray(enh, dtype=np.float64))
        lon, lat = self._to_plane.transform(enh[:, 0], enh[:, 1], direction="INVERSE")
        return self.lonlath_to_enu(np.column_stack([lon, lat, enh[:, 2]]))

    def save(self, path: Path) -> None:
        """Write the frame as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> LocalFrame:
        """Read a frame written by save."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))
