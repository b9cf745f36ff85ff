"""What the twin already knows and new positions can be held against: the district, its buildings, its assets."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import shapely
from numpy.typing import NDArray

from ingest_gis.stated_grids import StatedGrids, read_stated_grids
from twin.crs import transformer
from twin.settings import CitySettings

SQL = Path(__file__).parent / "sql" / "anchors.sql"
DISTRICT_MARGIN_M = 50.0
NEIGHBOURHOOD_M = 3000.0
# Without an outline of the district, a place within this distance of the city's centre passes.
FALLBACK_RADIUS_M = 60_000.0
ON_BUILDING_M = 2.0
Metres = NDArray[np.float64]


@dataclass
class Anchors:
    """Known places in metres of the working CRS.

    outline: the district (None while it is not in the twin). centre: (2,). buildings: outlines. assets: class_id ->
    (N, 2) points. grids: by the codes that rows name.
    """

    working_srid: int
    centre: Metres
    outline: shapely.Geometry | None = None
    buildings: list[shapely.Geometry] = field(default_factory=list)
    assets: dict[int, Metres] = field(default_factory=dict)
    grids: StatedGrids = field(default_factory=StatedGrids)

    def __post_init__(self) -> None:
        """Prepare the outlines for many questions."""
        self._tree = shapely.STRtree(self.buildings)
        self._district = None if self.outline is None else shapely.buffer(self.outline, DISTRICT_MARGIN_M)
        self._around = None if self.outline is None else shapely.buffer(self.outline, NEIGHBOURHOOD_M)
        for prepared in (self._district, self._around):
            if prepared is not None:
                shapely.prepare(prepared)

    def in_district(self, metres: Metres) -> NDArray[np.bool_]:
        """Tell which of (N, 2) metres lie in the district, 50 m of margin allowed."""
        return self._within(self._district, metres)

    def near_district(self, metres: Metres) -> NDArray[np.bool_]:
        """Tell which of (N, 2) metres lie in the district or within 3 km of it."""
        return self._within(self._around, metres)

    def on_building(self, metres: Metres) -> NDArray[np.bool_]:
        """Tell which of (N, 2) metres lie on a known building or within 2 m of one."""
        found = np.zeros(len(metres), dtype=bool)
        if self.buildings and len(metres):
            hits = self._tree.query(shapely.points(metres), predicate="dwithin", distance=ON_BUILDING_M)
            found[np.unique(hits[0])] = True
        return found

    def near_asset(self, metres: Metres, class_id: int, within_m: float) -> NDArray[np.bool_]:
        """Tell which of (N, 2) metres lie near a known asset of a class."""
        known = self.assets.get(class_id)
        if known is None or not len(known) or not len(metres):
            return np.zeros(len(metres), dtype=bool)
        hits = shapely.STRtree(np.asarray(shapely.points(known), dtype=object)).query(
            shapely.points(metres), predicate="dwithin", distance=within_m
        )
        return np.isin(np.arange(len(metres)), hits[0])

    def _within(self, area: shapely.Geometry | None, metres: Metres) -> NDArray[np.bool_]:
        if area is None:
            with np.errstate(over="ignore"):  # a position without end is far away
                return np.asarray(np.hypot(*(metres - self.centre).T) <= FALLBACK_RADIUS_M)
        return np.asarray(shapely.contains_xy(area, metres[:, 0], metres[:, 1]))


def read_anchors(connection: psycopg.Connection[Any], city: CitySettings, *, places: bool = True) -> Anchors:
    """Read what is known from the twin (at most 200,000 buildings and 200,000 assets, for the datum only).

    connection: role ingest, in autocommit or idle. places: False reads the district's outline only.
    """
    to_metres = transformer("EPSG:4490", f"EPSG:{city.working_srid}")
    centre = np.array(to_metres.transform(city.centre_lon, city.centre_lat))
    outline: shapely.Geometry | None = None
    buildings: list[shapely.Geometry] = []
    points: dict[int, list[tuple[float, float]]] = {}
    with connection.transaction(), connection.cursor(binary=True) as cursor:
        cursor.execute(SQL.read_bytes(), {"district": city.code, "places": places})
        for kind, class_id, wkb in cursor:
            shape = shapely.from_wkb(bytes(wkb))
            if kind == "district":
                outline = shape
            elif kind == "building":
                buildings.append(shape)
            else:
                points.setdefault(class_id, []).append((float(shapely.get_x(shape)), float(shapely.get_y(shape))))
        grids = read_stated_grids(cursor) if places else StatedGrids()
    known = {class_id: np.array(places) for class_id, places in points.items()}
    return Anchors(city.working_srid, centre, outline, buildings, known, grids)
