"""Buildings of the register against what one survey sees, and the ground heights of the assets it covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from ingest_gis.match_outlines import OutlineGroup, Shift, estimate_shift, match_outlines
from twin.actions.seen_places import AssetHeight, SeenMatch, keep_seen_matches, set_asset_heights
from twin.crs import transformer
from twin.errors import NotFound
from twin.queries.height_raster import BlockCache, HeightRaster
from twin.session import Actor, transaction

GEOGRAPHIC = "EPSG:4490"
SURE_IOU = 0.6
COVERED = 0.9
RING_M = 0.75  # ground heights: median within the metre around an asset
WITHOUT_SIGMA_GSD = 1.5

SURVEY = "SELECT survey_id, vertical_datum, gsd_m FROM twin.survey WHERE name = %s"
PRODUCTS = "SELECT kind, path, sigma_m, crs FROM twin.product WHERE survey_id = %s AND kind IN ('dtm', 'dsm_sigma')"
BUILDINGS = """
SELECT building_id, ST_AsBinary(geom_m) FROM twin.building b
WHERE valid_to IS NULL AND geom_m && ST_GeomFromWKB(%(area)s, %(srid)s)
  AND (batch_id IS NOT NULL OR survey_id IS DISTINCT FROM %(survey)s) ORDER BY building_id
"""
ASSETS = """
SELECT asset_id, ST_X(p), ST_Y(p)
FROM (SELECT asset_id, ST_PointOnSurface(geom_m) AS p FROM twin.asset
      WHERE valid_to IS NULL AND geom_m && ST_GeomFromWKB(%(area)s, %(srid)s)) a ORDER BY asset_id
"""
REASONS = {
    "1:0": ("登记有此楼, 影像上没有: 拆除或被遮挡?", "in the register, not seen: demolished or hidden?"),
    "0:1": ("影像上有此楼, 登记没有: 新建或临时?", "seen, not in the register: new or temporary?"),
}


@dataclass(frozen=True)
class SeenOutline:
    """One outline a survey sees, metres in the survey's CRS."""

    code: str
    polygon: BaseGeometry


@dataclass
class SurveyReport:
    """What matching found. relations: groups by relation; changes: rows of twin.seen_match."""

    survey: str
    buildings: int = 0
    seen: int = 0
    shift: Shift = field(default_factory=lambda: Shift(0.0, 0.0, 0))
    relations: dict[str, int] = field(default_factory=dict)
    mean_iou: float = 0.0
    changes: dict[str, int] = field(default_factory=dict)
    asset_heights: int = 0


def match_survey(
    connection: psycopg.Connection[Any],
    actor: Actor,
    survey: str,
    seen: Sequence[SeenOutline],
    known: BaseGeometry,
    crs: str,
    working_srid: int,
    data_dir: Path,
) -> SurveyReport:
    """Match the buildings a survey covers with what it sees, and give its assets their ground heights.

    seen, known: outlines and the ground whose height is known, metres in crs. data_dir: where products lie.
    connection: role ingest, in autocommit; all is written in one transaction. Raises NotFound without such a survey.
    """
    report = SurveyReport(survey, seen=len(seen))
    to_working, to_degrees = transformer(crs, f"EPSG:{working_srid}"), transformer(crs, GEOGRAPHIC)
    area = _moved(known, to_working)
    with transaction(connection, actor) as cursor:
        about = cursor.execute(SURVEY, (survey,)).fetchone()
        if about is None:
            raise NotFound(f"没有名为 {survey} 的测区 (there is no survey {survey})", do="See: twin survey list")
        bound = {"area": shapely.to_wkb(area.envelope), "srid": working_srid, "survey": about[0]}
        ids, outlines = _covered(cursor.execute(BUILDINGS, bound).fetchall(), area)
        report.buildings = len(ids)
        shapes = np.array([_moved(item.polygon, to_working) for item in seen], dtype=object)
        report.shift = estimate_shift(outlines, shapes)
        groups = match_outlines(outlines, shapes, report.shift)
        matches = [_match(group, ids, seen, to_degrees) for group in groups]
        shift = (report.shift.east_m, report.shift.north_m)
        report.changes = keep_seen_matches(cursor, about[0], "building", matches, shift)
        report.relations = {name: sum(g.relation == name for g in groups) for name in {g.relation for g in groups}}
        pairs = [group.iou for group in groups if group.given and group.seen]
        report.mean_iou = float(np.mean(pairs)) if pairs else 0.0
        assets = cursor.execute(ASSETS, bound).fetchall()
        products = {row[0]: row[1:] for row in cursor.execute(PRODUCTS, (about[0],)).fetchall()}
        if assets and "dtm" in products:
            from_working = transformer(f"EPSG:{working_srid}", products["dtm"][2])
            heights = ground_heights(assets, products, data_dir, from_working, about[2])
            report.asset_heights = set_asset_heights(cursor, heights, about[1])
    return report


def _moved(geometry: BaseGeometry, move: Transformer) -> BaseGeometry:
    return shapely.transform(geometry, lambda xy: np.column_stack(move.transform(xy[:, 0], xy[:, 1])))


def _covered(rows: list[tuple[Any, ...]], area: BaseGeometry) -> tuple[list[int], NDArray[np.object_]]:
    """Keep the buildings the survey knows nearly all of: of others it cannot say that they are gone."""
    outlines = np.array(shapely.from_wkb([bytes(row[1]) for row in rows]), dtype=object)
    if not len(outlines):
        return [], outlines
    share = shapely.area(shapely.intersection(outlines, area)) / np.maximum(shapely.area(outlines), 1e-9)
    return [row[0] for row, covered in zip(rows, share, strict=True) if covered >= COVERED], outlines[share >= COVERED]


def _match(group: OutlineGroup, ids: Sequence[int], seen: Sequence[SeenOutline], to_degrees: Transformer) -> SeenMatch:
    shown = shapely.union_all([seen[at].polygon for at in group.seen]) if group.seen else None
    zh, en = REASONS.get(
        group.relation,
        (
            f"登记 {len(group.given)} 处与影像 {len(group.seen)} 处, 平移后重合度 {group.iou:.2f}",
            f"{len(group.given)} registered and {len(group.seen)} seen, IoU {group.iou:.2f} after the shift",
        ),
    )
    both = bool(group.given and group.seen)
    return SeenMatch(
        relation=group.relation,
        place_ids=tuple(ids[at] for at in group.given),
        seen_keys=tuple(seen[at].code for at in group.seen),
        seen_ewkt=None if shown is None else f"SRID=4490;{_moved(shown, to_degrees).wkt}",
        iou=group.iou if both else None,
        score=group.iou,
        state="accepted" if both and group.iou >= SURE_IOU else "review",
        reason_zh=zh,
        reason_en=en,
    )


def ground_heights(
    assets: Sequence[tuple[Any, ...]],
    products: dict[str, tuple[Any, ...]],
    data_dir: Path,
    from_working: Transformer,
    gsd_m: float | None,
) -> list[AssetHeight]:
    """Give the ground height at each asset: the DTM's median within 0.75 m, with its spread and the surface's sigma.

    assets: (asset_id, east, north), metres in the working CRS. products: kind -> (path, sigma_m, crs) of dtm and, where
    there is one, dsm_sigma. Assets on ground the DTM does not know are left out.
    """
    cache = BlockCache()
    dtm = HeightRaster(data_dir / products["dtm"][0], cache)
    ring = [(0.0, 0.0)] + [(RING_M * np.cos(a), RING_M * np.sin(a)) for a in np.arange(8) * np.pi / 4]
    xy = np.array([row[1:3] for row in assets], float)
    east, north = from_working.transform(xy[:, 0], xy[:, 1])
    samples = np.stack([dtm.sample(east + dx, north + dy) for dx, dy in ring])
    known = np.isfinite(samples).sum(axis=0) >= 5
    height = np.full(len(xy), np.nan)
    spread = np.full(len(xy), np.nan)
    height[known] = np.nanmedian(samples[:, known], axis=0)
    spread[known] = 1.4826 * np.nanmedian(np.abs(samples[:, known] - height[known]), axis=0)
    own = products["dtm"][1] or WITHOUT_SIGMA_GSD * (gsd_m or dtm.shape.pixel_m)
    surface = np.full(len(xy), float(own))
    if "dsm_sigma" in products:
        raster = HeightRaster(data_dir / products["dsm_sigma"][0], cache)
        measured = raster.sample(east, north)
        surface = np.where(np.isfinite(measured), np.maximum(measured, 0.01), surface)
        raster.close()
    dtm.close()
    sigma = np.hypot(spread, surface)
    return [AssetHeight(int(row[0]), float(height[at]), float(sigma[at])) for at, row in enumerate(assets) if known[at]]
