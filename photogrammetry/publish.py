"""A processed survey goes into the twin: the one module of this package that knows it.

Reads what the stages wrote (products/, report/, poses), turns it into the twin's facts and writes them in one
transaction. A survey without a declared CRS or vertical datum is refused.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import shapely
from pyproj import Transformer
from shapely.geometry import MultiPolygon, Point, Polygon, mapping, shape
from shapely.ops import unary_union

from photogrammetry.frame import LocalFrame
from twin.actions.publish_survey import (
    BuildingFacts,
    PhotoFacts,
    ProductFacts,
    Published,
    SurveyFacts,
    publish_survey,
)
from twin.crs import transformer
from twin.errors import BadInput
from twin.session import Actor, transaction
from twin.settings import Settings

GEOGRAPHIC = "EPSG:4490"
MEDIA_TYPES = {
    "orthophoto": ("orthophoto.tif", "image/tiff; application=geotiff; profile=cloud-optimized"),
    "dsm": ("dsm.tif", "image/tiff; application=geotiff; profile=cloud-optimized"),
    "dtm": ("dtm.tif", "image/tiff; application=geotiff; profile=cloud-optimized"),
    "ndsm": ("ndsm.tif", "image/tiff; application=geotiff; profile=cloud-optimized"),
    "dsm_sigma": ("dsm_sigma.tif", "image/tiff; application=geotiff; profile=cloud-optimized"),
    "cloud": ("cloud.laz", "application/vnd.laszip"),
    "buildings": ("buildings.json", "application/json"),
    "tileset": ("3dtiles/tileset.json", "application/json+3dtiles"),
}


def publish(workspace: Path, settings: Settings, connection: psycopg.Connection[Any], actor: Actor) -> Published:
    """Write the survey in workspace into the twin, in one transaction, replacing what it said before.

    workspace: <data_dir>/surveys/<name> after a full run. connection: role ingest or owner.
    Raises BadInput when the run is not complete or the CRS or vertical datum is not declared.
    """
    about = _read_json(workspace / "survey.json")
    if not about.get("crs") or not about.get("vertical_datum"):
        raise BadInput(
            "the survey declares no CRS or no vertical datum, so its heights mean nothing to others",
            where=str(about.get("name")),
            do="Give --crs and --vertical-datum to `twin survey add`",
        )
    frame = LocalFrame.load(workspace / "stages" / "georeference" / "frame.json")
    photos = _read_photos(workspace, frame)
    products = _read_products(workspace, settings.data_dir, about)
    survey = _read_survey(workspace, about, frame, photos, products)
    buildings = _read_buildings(workspace, settings.city.working_srid)
    with transaction(connection, actor) as cursor:
        return publish_survey(cursor, survey, photos, products, buildings)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(
            f"{path.name} is not there: the survey has not been processed to the end",
            where=path.parent.name,
            do="Run `twin survey run NAME` and publish again",
        ) from error


def _read_survey(
    workspace: Path, about: dict[str, Any], frame: LocalFrame, photos: list[PhotoFacts], products: list[ProductFacts]
) -> SurveyFacts:
    report = _read_json(workspace / "report" / "report.json")
    times = sorted(photo.taken_at for photo in photos if photo.taken_at and photo.registered)
    covers = [shape_of(photo.coverage_ewkt) for photo in photos if photo.coverage_ewkt]
    covered = unary_union(covers) if covers else None
    facts = {"products": {p.kind: p.sha256 for p in products}, "photos": [vars(p) for p in photos], "about": about}
    fingerprint = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
    return SurveyFacts(
        name=about["name"],
        kind=about["kind"],
        taken_from=times[0] if times else None,
        taken_to=times[-1] if times else None,
        crs=about["crs"],
        vertical_datum=about["vertical_datum"],
        frame={
            "type": "enu",
            "origin": {"lon": frame.origin_lon, "lat": frame.origin_lat, "h_m": frame.origin_h_m},
            "heights_from": report.get("height_from"),
        },
        gsd_m=report.get("gsd_m"),
        report=report,
        fingerprint=fingerprint,
        footprint_ewkt=ewkt(covered, 4490) if covered is not None and not covered.is_empty else None,
    )


def _read_photos(workspace: Path, frame: LocalFrame) -> list[PhotoFacts]:
    cameras = {camera["file"]: camera for camera in _read_json(workspace / "stages/georeference/cameras.json")}
    photos = []
    for photo in _read_json(workspace / "stages/check/photos.json"):
        camera = cameras.get(photo["file"])
        registered = bool(camera and camera["registered"])
        position = coverage = None
        if camera and registered:
            centre = np.array([camera["centre"]], dtype=np.float64)
            position = ewkt(Point(*frame.enu_to_lonlath(centre)[0]), 4490)
            coverage = _ground_outline(camera, frame)
        taken = photo.get("taken_at_utc")
        reason = photo.get("reason_code") or (None if registered else "not_registered")
        photos.append(
            PhotoFacts(
                file=photo["file"],
                sha256=photo["sha256"],
                taken_at=datetime.fromisoformat(taken) if taken else None,
                width=photo["width"] or 0,
                height=photo["height"] or 0,
                registered=registered,
                rejected_reason=reason,
                camera={**camera["camera"], "width": camera["width"], "height": camera["height"]} if camera else None,
                pose={"rotation": camera["rotation"], "centre": camera["centre"]} if camera and registered else None,
                position_ewkt=position,
                coverage_ewkt=coverage,
            )
        )
    return photos


def _ground_outline(camera: dict[str, Any], frame: LocalFrame, ground_up_m: float = 0.0) -> str | None:
    """Give the quadrilateral a camera sees on the plane up = ground_up_m (ENU), EWKT in EPSG:4490; None at the sky."""
    fx, fy, cx, cy = camera["camera"]["params"][:4]
    width, height = camera["width"], camera["height"]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)
    rays = np.column_stack([(corners[:, 0] - cx) / fx, (corners[:, 1] - cy) / fy, np.ones(4)])
    directions = rays @ np.array(camera["rotation"], dtype=np.float64)
    centre = np.array(camera["centre"], dtype=np.float64)
    if (directions[:, 2] > -0.1 * np.linalg.norm(directions, axis=1)).any():
        return None
    reach = (ground_up_m - centre[2]) / directions[:, 2]
    ground = centre + directions * reach[:, None]
    return ewkt(Polygon(frame.enu_to_lonlath(ground)[:, :2]), 4490)


def _read_products(workspace: Path, data_dir: Path, about: dict[str, Any]) -> list[ProductFacts]:
    found = []
    for kind, (name, media_type) in MEDIA_TYPES.items():
        path = workspace / "products" / name
        if not path.exists():
            continue
        found.append(_product(path, kind, media_type, data_dir, about))
    for name, media_type in (("report.html", "text/html"), ("report.json", "application/json")):
        path = workspace / "report" / name
        if path.exists():
            found.append(_product(path, name.replace(".", "_"), media_type, data_dir, about))
    return found


def _product(path: Path, kind: str, media_type: str, data_dir: Path, about: dict[str, Any]) -> ProductFacts:
    files = [path] if kind != "tileset" else sorted(p for p in path.parent.rglob("*") if p.is_file())
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(path.parent).as_posix().encode())
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return ProductFacts(
        kind=kind,
        path=path.relative_to(data_dir).as_posix(),
        media_type=media_type,
        crs=about["crs"],
        vertical_datum=None if kind == "orthophoto" else about["vertical_datum"],
        resolution_m=_resolution_m(path),
        sigma_m=None,
        bytes=sum(file.stat().st_size for file in files),
        sha256=digest.hexdigest(),
    )


def _resolution_m(path: Path) -> float | None:
    if path.suffix != ".tif":
        return None
    import rasterio

    with rasterio.open(path) as raster:
        return float(raster.res[0])


def _read_buildings(workspace: Path, working_srid: int) -> list[BuildingFacts]:
    content = _read_json(workspace / "products" / "buildings.json")
    to_geographic = transformer(content["crs"], GEOGRAPHIC)
    to_working = transformer(content["crs"], f"EPSG:{working_srid}")
    facts = []
    for building in content["buildings"]:
        outline = shape(building["footprint"])
        facts.append(
            BuildingFacts(
                code=building["code"],
                name_zh=building.get("name"),
                footprint_given=building["source"] == "given",
                geom_ewkt=ewkt(_many(_moved(outline, to_geographic)), 4490),
                geom_m_ewkt=ewkt(_many(_moved(outline, to_working)), working_srid),
                solid_ewkt=solid_ewkt(building, to_working, working_srid),
                lod=str(building["lod"]),
                ground_h_m=building["ground_h_m"],
                roof_h_m=building["roof_h_m"],
                height_m=building["height_m"],
                sigma_m=building.get("sigma_m"),
                vertical_datum=content["vertical_datum"],
                confidence=building["confidence"],
                note=building.get("note_zh"),
            )
        )
    return facts


def _moved(geometry: Any, move: Transformer) -> Any:
    def plane(points: Any) -> Any:
        return np.column_stack(move.transform(points[:, 0], points[:, 1]))

    return shapely.transform(geometry, plane)


def _many(geometry: Any) -> MultiPolygon:
    return geometry if geometry.geom_type == "MultiPolygon" else MultiPolygon([geometry])


def ewkt(geometry: Any, srid: int) -> str:
    """Write a shapely geometry as EWKT."""
    return f"SRID={srid};{geometry.wkt}"


def shape_of(text: str | None) -> Any:
    """Read EWKT back into a shapely geometry; None stays None."""
    return None if text is None else shapely.from_wkt(text.split(";", 1)[1])


def solid_ewkt(building: dict[str, Any], to_working: Transformer, srid: int) -> str | None:
    """Close each block of a building into a prism: ground, roof and walls, outward normals, as POLYHEDRALSURFACE Z.

    building: an entry of buildings.json. Returns EWKT in the working CRS, heights in its vertical datum; None
    when it has no block.
    """
    faces: list[str] = []
    ground = building["ground_h_m"]
    for block in building.get("blocks", []):
        for polygon in _many(_moved(shape(block["polygon"]), to_working)).geoms:
            faces += _prism_faces(polygon, ground, block["roof_h_m"])
    return f"SRID={srid};POLYHEDRALSURFACE Z ({','.join(faces)})" if faces else None


def _prism_faces(polygon: Polygon, ground_h_m: float, roof_h_m: float) -> list[str]:
    oriented = mapping(polygon.normalize())["coordinates"]
    rings = [np.array(ring)[:, :2] for ring in oriented]
    # Outer ring counter-clockwise, holes clockwise, so that every wall's normal points out.
    rings = [ring if (_signed_area(ring) > 0) == (index == 0) else ring[::-1] for index, ring in enumerate(rings)]
    roof = ",".join(_ring(ring, roof_h_m) for ring in rings)
    floor = ",".join(_ring(ring[::-1], ground_h_m) for ring in rings)
    walls = []
    for ring in rings:
        for a, b in pairwise(ring):
            corners = [(*a, ground_h_m), (*b, ground_h_m), (*b, roof_h_m), (*a, roof_h_m), (*a, ground_h_m)]
            walls.append("((" + ",".join(f"{x:.3f} {y:.3f} {z:.3f}" for x, y, z in corners) + "))")
    return [f"({roof})", f"({floor})", *walls]


def _signed_area(ring: Any) -> float:
    x, y = ring[:, 0] - ring[0, 0], ring[:, 1] - ring[0, 1]
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) / 2)


def _ring(ring: Any, height_m: float) -> str:
    return "(" + ",".join(f"{x:.3f} {y:.3f} {height_m:.3f}" for x, y in ring) + ")"
