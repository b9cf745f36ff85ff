"""The truth of a sample, for the accuracy report and tests only: no stage of the pipeline may read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from photogrammetry.sample.building_plans import Building, Part
from photogrammetry.sample.delivery_files import fixed_dates
from photogrammetry.sample.flight import spoiled_shots
from photogrammetry.sample.footprint_files import footprint_in_crs
from photogrammetry.sample.making import Maker
from photogrammetry.sample.quarter import CRS, VERTICAL_DATUM, Quarter
from photogrammetry.sample.scene import Label, caster_of
from photogrammetry.sample.truth_rasters import plan_rasters

GRID_M = 0.2
RING_M = (0.5, 2.0)
DEFINITIONS = {
    "roof_h": "median height of the building's own top surface on a 0.2 m grid inside its outline; equipment on the "
    "roof, trees and neighbours do not count",
    "ground_h": "median terrain height 0.5 to 2.0 m outside the outline, other buildings left out",
    "eave_h, ridge_h": "of the highest part: top of its walls (roof slab of a flat roof), highest line of its roof",
    "parts": "one row for each prism of the building, with the median of its own roof",
    "dsm": "height of what a vertical ray through the centre of the cell meets first",
    "classes": {label.name.lower(): int(label) for label in Label},
}
REASONS = {
    "corrupt": "the file breaks off",
    "blurred": "shaken and out of focus",
    "no_gps": "no GPS in the EXIF",
    "duplicate": "the same bytes under another name",
    "far": "a photo of another place, with that place's GPS",
}


def write_truth(folder: Path, maker: Maker) -> None:
    """Write cameras, buildings and the list of bad photos (the rasters have a function of their own)."""
    maker.quarter.frame.save(folder / "frame.json")
    _write_cameras(folder / "cameras.json", maker)
    with fixed_dates():
        _write_buildings(folder / "buildings.gpkg", maker)
    plan = plan_rasters(maker)
    spoiled = spoiled_shots(maker.quarter, maker.shots)
    content = {
        "seed": maker.seed, "scale": maker.scale.name, "crs": CRS, "vertical_datum": VERTICAL_DATUM,
        "definitions": DEFINITIONS, "raster_cell_m": plan.cell_m,
        "good_photos": [shot.name for shot in maker.shots],
        "bad_photos": [
            {"file": shot.name, "fault": kind, "what": REASONS[kind],
             "of": maker.shots[1].name if kind == "duplicate" else None}
            for kind, shot in spoiled.items()
        ],
        "targets": _targets(maker.quarter),
    }  # fmt: skip
    _write_json(folder / "truth.json", content)


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _targets(quarter: Quarter) -> list[dict[str, Any]]:
    """List the targets' exact places (gcp.csv has them with the surveyor's noise)."""
    places = quarter.frame.enu_to_crs(np.array([target.position for target in quarter.targets]))
    return [
        {"name": target.name, "role": target.role, "on_roof": target.on_roof,
         "east": round(float(e), 4), "north": round(float(n), 4), "height_m": round(float(h), 4)}
        for target, (e, n, h) in zip(quarter.targets, places, strict=True)
    ]  # fmt: skip


def _write_cameras(path: Path, maker: Maker) -> None:
    """Write true cameras in the frame of frame.json; same shape as the pipeline's cameras.json."""
    camera = {"model": "OPENCV", "params": list(maker.camera.params)}
    rows = [
        {
            "file": shot.name, "width": maker.camera.width, "height": maker.camera.height, "camera": camera,
            "rotation": shot.pose.rotation.tolist(), "centre": shot.pose.centre.tolist(), "oblique": shot.oblique,
            "gps_error_m": (shot.gps_enu - shot.pose.centre).tolist(),
        }
        for shot in maker.shots
    ]  # fmt: skip
    _write_json(path, rows)


class _RoofProbe:
    """Measures the buildings' own surfaces from above, without what stands on or beside them."""

    def __init__(self, maker: Maker) -> None:
        scene = maker.scene
        own = (scene.label == Label.ROOF) | (scene.label == Label.WALL)
        self._caster = caster_of(scene.vertices, np.ascontiguousarray(scene.triangles[own]))

    def heights(self, outline: BaseGeometry) -> NDArray[np.float64]:
        """Give local heights on a grid inside an outline (local metres)."""
        import open3d as o3d

        west, south, east, north = outline.bounds
        axis = (np.arange(west + GRID_M / 2, east, GRID_M), np.arange(south + GRID_M / 2, north, GRID_M))
        places = np.stack(np.meshgrid(*axis), axis=-1).reshape(-1, 2)
        places = places[shapely.contains_xy(outline, places[:, 0], places[:, 1])]
        rays = np.zeros((len(places), 6), np.float32)
        rays[:, :2], rays[:, 2], rays[:, 5] = places, 400.0, -1.0
        distance = self._caster.cast_rays(o3d.core.Tensor.from_numpy(rays), nthreads=1)["t_hit"].numpy()
        heights: NDArray[np.float64] = 400.0 - distance[np.isfinite(distance)].astype(np.float64)
        return heights


def _write_buildings(path: Path, maker: Maker) -> None:
    quarter, probe = maker.quarter, _RoofProbe(maker)
    outlines = [Polygon(building.outline) for building in quarter.buildings]
    tree = shapely.STRtree(outlines)
    buildings, parts = [], []
    for index, building in enumerate(quarter.buildings):
        near = [outlines[i] for i in tree.query(outlines[index].buffer(3)) if i != index]
        datum = _height_offset(quarter, building)
        ground = _ground_height(quarter, outlines[index], near) + datum
        roof = float(np.median(probe.heights(outlines[index]))) + datum
        top = max(building.parts, key=lambda part: part.eave_h + part.rise)
        eave = building.floor_h + top.eave_h + datum
        buildings.append(
            {"code": building.code, "name": building.name, "type": building.kind, "use": building.use,
             "storeys": building.storeys, "ground_h": round(ground, 3), "roof_h": round(roof, 3),
             "height": round(roof - ground, 3), "eave_h": round(eave, 3), "ridge_h": round(eave + top.rise, 3),
             "parts": len(building.parts), "geometry": footprint_in_crs(quarter, building)}
        )  # fmt: skip
        parts += [
            _part_row(quarter, probe, building, number, part, datum) for number, part in enumerate(building.parts)
        ]
    for layer, rows in (("buildings", buildings), ("parts", parts)):
        geopandas.GeoDataFrame(rows, crs=CRS).to_file(path, layer=layer, driver="GPKG", engine="pyogrio")


def _part_row(
    quarter: Quarter, probe: _RoofProbe, building: Building, number: int, part: Part, datum: float
) -> dict[str, Any]:
    """Describe one part: what of it is not under a higher part."""
    higher = [Polygon(other.outline) for other in building.parts if other.eave_h > part.eave_h]
    own: BaseGeometry = Polygon(part.outline)
    own = own.difference(unary_union(higher)) if higher else own
    corners = np.column_stack([part.outline, np.full(len(part.outline), building.floor_h)])
    eave = building.floor_h + part.eave_h + datum
    return {
        "code": building.code, "part": number, "roof": part.roof,
        "roof_h": round(float(np.median(probe.heights(own))) + datum, 3), "eave_h": round(eave, 3),
        "ridge_h": round(eave + part.rise, 3), "geometry": Polygon(quarter.frame.enu_to_crs(corners)[:, :2]),
    }  # fmt: skip


def _height_offset(quarter: Quarter, building: Building) -> float:
    """Give what turns local up into a height at a building."""
    place = np.array([[*building.outline.mean(axis=0), building.floor_h]])
    return float(quarter.frame.enu_to_crs(place)[0, 2] - building.floor_h)


def _ground_height(quarter: Quarter, outline: Polygon, others: list[Polygon]) -> float:
    ring = outline.buffer(RING_M[1], join_style="mitre").difference(outline.buffer(RING_M[0], join_style="mitre"))
    free = ring.difference(unary_union(others)) if others else ring
    west, south, east, north = free.bounds
    places = np.stack(np.meshgrid(np.arange(west, east, 0.25), np.arange(south, north, 0.25)), axis=-1).reshape(-1, 2)
    places = places[shapely.contains_xy(free, places[:, 0], places[:, 1])]
    return float(np.median(quarter.terrain.height(places[:, 0], places[:, 1])))
