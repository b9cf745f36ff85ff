"""Tell from known places whether longitudes and latitudes are CGCS2000, GCJ-02 or BD-09; ask when it is not sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ingest_gis.anchors import Anchors, Metres
from ingest_gis.datum import DATUMS, Datum, Degrees, in_china, to_cgcs2000
from twin.crs import transformer
from twin.errors import DatumUnsure

DatumChoice = Literal["auto", "cgcs2000", "gcj02", "bd09"]
FEWEST_POINTS = 8
SURE_LOG_ODDS = 7.0  # a thousand to one
# How often a rightly placed point lies in the district; on a building, if it belongs to one (an enterprise) or
# stands in the street (a lamp); near the same asset delivered before.
IN_DISTRICT, INDOORS_ON_BUILDING, OUTDOORS_ON_BUILDING = 0.985, 0.85, 0.04
LEAST_IN_DISTRICT, LEAST_INDOORS, MOST_OUTDOORS = 0.7, 0.5, 0.2
IN_OWN_GRID, LEAST_IN_OWN_GRID = 0.97, 0.7
SAME_ASSET_M, SAME_ASSET_SHARE = 1.5, 0.3
NAMES = {"cgcs2000": "CGCS2000", "gcj02": "GCJ-02", "bd09": "BD-09"}


@dataclass(frozen=True)
class DatumFit:
    """How well the known places speak for one datum: shares of the points, mean shift undone (metres east, north).

    in_own_grid: of the rows that name their unit grid; None when too few do.
    """

    datum: Datum
    in_district: float
    on_building: float
    near_same_asset: float
    shift_m: tuple[float, float]
    log_likelihood: float
    in_own_grid: float | None = None

    def in_words(self) -> str:
        """Say it in one line."""
        east, north = self.shift_m
        return (
            f"{NAMES[self.datum]}: 辖区内 (in district) {self.in_district:.0%}, "
            f"建筑上 (on buildings) {self.on_building:.0%}, "
            f"与已有部件重合 (on known assets) {self.near_same_asset:.0%}, "
            + ("" if self.in_own_grid is None else f"所填网格内 (in the grids named) {self.in_own_grid:.0%}, ")
            + f"偏移 (shift) {east:+.0f}/{north:+.0f} m"
        )


@dataclass(frozen=True)
class DatumVerdict:
    """The datum taken and why. sure: the known places decided. fits: every datum's figures, best first."""

    datum: Datum
    sure: bool
    how_zh: str
    how_en: str
    fits: tuple[DatumFit, ...] = ()


def decide_datum(
    lon: Degrees,
    lat: Degrees,
    anchors: Anchors,
    *,
    asked: DatumChoice,
    declared: Datum | None,
    indoors: bool | None,
    class_id: int | None,
    where: str,
    stated: Sequence[str | None] = (),
) -> DatumVerdict:
    """Decide the datum of a delivery's degrees.

    lon, lat: (N,) float64, a sample. asked: from the command line. declared: by the mapping, or cgcs2000 when the
    file itself says EPSG:4490. indoors: the rows belong
    to buildings (True), stand in the street (False), or may do either (None). class_id: of assets, None for others.
    stated: (N,) unit grids that the rows name, or nothing.
    Raises DatumUnsure when asked is auto, the known places do not decide and nothing is declared.
    """
    if asked != "auto":
        return DatumVerdict(asked, True, "由交付人指定", "given by whoever delivers")
    keep = np.isfinite(lon) & np.isfinite(lat)
    if keep.any() and not in_china(lon[keep], lat[keep]).any():
        return DatumVerdict("cgcs2000", True, "在中国之外, 没有偏移", "outside China, where no map is shifted")
    grids = [code for code, kept in zip(stated, keep, strict=False) if kept]
    fits = measure(lon[keep], lat[keep], anchors, indoors=indoors, class_id=class_id, stated=grids)
    best = fits[0]
    if _is_sure(fits, int(keep.sum()), indoors):
        return DatumVerdict(best.datum, True, "与已知地物比对确定", "decided by known places", fits)
    if declared is not None:
        return DatumVerdict(declared, False, "按声明, 未能比对", "as declared, unchecked", fits)
    unsure = DatumUnsure(
        "不能确定经纬度是 CGCS2000、GCJ-02 还是 BD-09 (it cannot be told which datum the degrees are in): "
        + "; ".join(fit.in_words() for fit in fits),
        where=where,
        do="请问清来源后用 --datum cgcs2000|gcj02|bd09 指定 (ask the source and name it with --datum)",
    )
    unsure.fits = fits
    raise unsure


def measure(
    lon: Degrees,
    lat: Degrees,
    anchors: Anchors,
    *,
    indoors: bool | None,
    class_id: int | None,
    stated: Sequence[str | None] = (),
) -> tuple[DatumFit, ...]:
    """Hold the points, taken as each datum in turn, against the known places. Best first.

    lon, lat: (N,) float64 degrees. stated: (N,) unit grids that the rows name, or nothing. Each point in or out of the
    district, of the grid it names, on or off a building, is one observation;
    a datum's log-likelihood adds them up.
    """
    fits = [_fit(datum, lon, lat, anchors, indoors, class_id, stated) for datum in DATUMS]
    return tuple(sorted(fits, key=lambda fit: -fit.log_likelihood))


def _fit(
    datum: Datum,
    lon: Degrees,
    lat: Degrees,
    anchors: Anchors,
    indoors: bool | None,
    class_id: int | None,
    stated: Sequence[str | None],
) -> DatumFit:
    project = transformer("EPSG:4490", f"EPSG:{anchors.working_srid}")
    metres: Metres = np.column_stack(project.transform(*to_cgcs2000(lon, lat, datum)))
    given: Metres = np.column_stack(project.transform(lon, lat))
    real = np.isfinite(given).all(axis=1) & np.isfinite(metres).all(axis=1)
    shift = np.median(given[real] - metres[real], axis=0) if real.any() else np.zeros(2)
    inside, built = anchors.in_district(metres), anchors.on_building(metres)
    near = anchors.near_asset(metres, class_id, SAME_ASSET_M) if class_id is not None else np.zeros(len(metres), bool)
    expected = INDOORS_ON_BUILDING if indoors else OUTDOORS_ON_BUILDING
    likelihood = _log_likelihood(inside, IN_DISTRICT) if anchors.outline is not None else 0.0
    if anchors.buildings and indoors is not None:
        likelihood += _log_likelihood(built[inside], expected)
    likelihood += float(near.sum()) * np.log(1 / 0.05) if _mean(near) >= SAME_ASSET_SHARE else 0.0
    own = anchors.grids.holding(stated, metres)
    if len(own) >= FEWEST_POINTS:
        likelihood += _log_likelihood(own, IN_OWN_GRID)
    return DatumFit(
        datum, _mean(inside), _mean(built), _mean(near), (float(shift[0]), float(shift[1])), float(likelihood),
        _mean(own) if len(own) >= FEWEST_POINTS else None,
    )  # fmt: skip


def _log_likelihood(observed: np.ndarray[tuple[int], np.dtype[np.bool_]], expected: float) -> float:
    yes = int(observed.sum())
    return float(yes * np.log(expected) + (len(observed) - yes) * np.log(1 - expected))


def _mean(observed: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    return float(observed.mean()) if len(observed) else 0.0


def _is_sure(fits: tuple[DatumFit, ...], count: int, indoors: bool | None) -> bool:
    """Sure: enough points, far likelier than the next datum, and a good fit in itself."""
    best, second = fits[0], fits[1]
    if count < FEWEST_POINTS or best.log_likelihood - second.log_likelihood < SURE_LOG_ODDS:
        return False
    if best.in_district < LEAST_IN_DISTRICT:
        return False
    if best.in_own_grid is not None:
        return best.in_own_grid >= LEAST_IN_OWN_GRID
    return indoors is None or (best.on_building >= LEAST_INDOORS if indoors else best.on_building <= MOST_OUTDOORS)
