"""How high a building is, how sure that is, and why it may not be.

Ground height: median of the bare ground 0.5 to 2 m outside the outline, other buildings left out. Roof height: median
of the roof's surface inside the outline, which for a pitched roof lies midway between eave and ridge; the 10th and
95th percentile are given beside it as eave and ridge. Height: their difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from photogrammetry.drone.surface_cells import MEASURED, Heights

STOREY_M = 1.5
SEEN_GROUND_M = 0.3
NOTES = {
    "few_points": ("屋顶点数少", "few points on the roof"),
    "thin_cover": ("屋顶覆盖不全", "much of the roof was not measured"),
    "rough": ("屋面高程离散大", "heights on the roof scatter widely"),
    "vegetation": ("植被遮挡屋顶", "vegetation over the roof"),
    "ground_guessed": ("周边缺少地面点，地面高为内插", "ground around it interpolated, not measured"),
    "ground_uneven": ("周边地面高差大", "ground around it differs in height"),
    "low": ("高度过低", "hardly higher than the ground"),
    "edge": ("位于测区边缘", "at the edge of the survey"),
}


@dataclass(frozen=True)
class HeightSettings:
    """Lengths in metres.

    edge_m: roof cells nearer than this to the outline are mixed and replaced by continuing those further in.
    gap_m, ring_m: inner and outer edge of the ground ring; wide_ring_m: where it is looked at when that is too small.
    least_cells, ground_cells: cells for a sure height. sure_sigma_m: largest sigma of a sure height.
    """

    edge_m: float = 0.5
    gap_m: float = 0.5
    ring_m: float = 2.0
    wide_ring_m: float = 10.0
    least_cells: int = 40
    ground_cells: int = 40
    sure_sigma_m: float = 0.35
    rough_m: float = 0.25


@dataclass(frozen=True)
class Surroundings:
    """The rasters around one building, all (rows, cols): surface, its sigma and mask, bare ground, plants,
    inside: signed distance to its outline in metres (positive inside), other: cells of
    other buildings or within a metre of them; cell size (m).
    """  # noqa: D205

    surface: Heights
    sigma: Heights
    valid: NDArray[np.uint8]
    bare: Heights
    plants: NDArray[np.bool_]
    inside: Heights
    other: NDArray[np.bool_]
    cell_m: float


@dataclass(frozen=True)
class Measured:
    """What was measured of a building; heights in the survey's vertical datum, metres."""

    ground_h_m: float
    roof_h_m: float
    eave_h_m: float
    ridge_h_m: float
    sigma_m: float
    cells: int
    notes: tuple[str, ...]

    @property
    def height_m(self) -> float:
        """Roof above ground."""
        return self.roof_h_m - self.ground_h_m

    @property
    def confidence(self) -> str:
        """High when nothing speaks against it."""
        return "low" if self.notes else "high"


def measure(around: Surroundings, settings: HeightSettings) -> Measured | str:
    """Measure a building, or name the reason (key of footprints.REASONS) why it cannot be."""
    notes: list[str] = []
    footprint = around.inside > 0
    if not (footprint & (around.valid > 0)).any():
        return "no_surface"
    ground = _ground(around, settings, notes)
    if ground is None:
        return "no_ground"
    ground_h, ground_sigma = ground
    roof = roof_cells(around, ground_h, settings)
    if not roof.any():
        return "not_standing"
    heights = roof_heights(around, roof)
    _judge_cover(around, roof, settings, notes)
    eave, middle, ridge = (float(v) for v in np.percentile(heights, [10, 50, 95]))
    rough = _roughness(around.surface, roof)
    roof_sigma = float(np.hypot(np.median(around.sigma[roof]), rough / np.sqrt(max(1.0, roof.sum() / 25))))
    sigma = float(np.hypot(roof_sigma, ground_sigma))
    if rough > settings.rough_m or sigma > settings.sure_sigma_m:
        notes.append("rough")
    if middle - ground_h < 2 * STOREY_M / 1.5:
        notes.append("low")
    return Measured(ground_h, middle, eave, ridge, sigma, int(roof.sum()), tuple(dict.fromkeys(notes)))


def roof_cells(around: Surroundings, ground_h_m: float, settings: HeightSettings) -> NDArray[np.bool_]:
    """Choose the cells that show the roof: measured, inside, away from the edge, above the ground, no plants."""
    stands = (around.valid == MEASURED) & (around.surface - ground_h_m > STOREY_M)
    for edge_m in (settings.edge_m, settings.edge_m / 2, 0.0):
        cells = stands & (around.inside > edge_m)
        if cells.sum() >= settings.least_cells:
            break
    bare_roof = cells & ~around.plants
    return np.asarray(bare_roof if bare_roof.sum() >= max(10, 0.3 * cells.sum()) else cells)


def _ground(around: Surroundings, settings: HeightSettings, notes: list[str]) -> tuple[float, float] | None:
    """Give the ground height and its sigma; the model closes what cars, plants and walls hide of the ring."""
    outside = -around.inside
    free = np.isfinite(around.bare) & ~around.other & (outside > settings.gap_m)
    with np.errstate(invalid="ignore"):
        seen = (around.valid == MEASURED) & (np.abs(around.surface - around.bare) < SEEN_GROUND_M)
    ring = free & (outside <= settings.ring_m)
    wide = free & (outside <= settings.wide_ring_m)
    if ring.sum() < settings.ground_cells:
        ring = wide
    if not ring.any():
        ring = (around.inside > -settings.wide_ring_m) & np.isfinite(around.bare)
    if not ring.any():
        return None
    heights = around.bare[ring].astype(np.float64)
    if np.percentile(heights, 90) - np.percentile(heights, 10) > 1.5:
        notes.append("ground_uneven")
    witnesses = int((seen & wide).sum())
    if witnesses < settings.ground_cells:
        notes.append("ground_guessed")
        return float(np.median(heights)), 0.5
    residual = np.abs(around.surface[seen & wide] - around.bare[seen & wide])
    share = float((seen & ring).sum() / ring.sum())
    # What is closed by the model lies up to a few decimetres off where nothing near was seen.
    sigma = np.hypot(np.hypot(np.median(around.sigma[seen & wide]), np.median(residual)), 0.15 * (1 - share))
    return float(np.median(heights)), float(sigma)


def roof_heights(around: Surroundings, roof: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give the heights of all of the roof, (N,): its rim is continued from the sure cells at their own slope.

    Leaving the rim out would leave out the lowest part of every pitched roof.
    """
    inside = around.inside > 0
    if not inside.any():
        return around.surface[roof].astype(np.float64)
    index = ndimage.distance_transform_edt(~roof, return_distances=False, return_indices=True)
    rows, cols = np.indices(roof.shape)
    row, col = 2 * index[0] - rows, 2 * index[1] - cols
    within = (row >= 0) & (col >= 0) & (row < roof.shape[0]) & (col < roof.shape[1])
    row, col = np.where(within, row, index[0]), np.where(within, col, index[1])
    calm = ndimage.median_filter(np.where(roof, around.surface, np.median(around.surface[roof])), 3)
    edge, mirrored = calm[tuple(index)], calm[row, col]
    slope_on = within & roof[row, col] & (np.abs(edge - mirrored) < STOREY_M)
    continued = np.where(slope_on, 2 * edge - mirrored, edge)
    return np.where(roof, around.surface, continued)[inside].astype(np.float64)


def _judge_cover(around: Surroundings, roof: NDArray[np.bool_], settings: HeightSettings, notes: list[str]) -> None:
    inner = around.inside > settings.edge_m
    inner = inner if inner.any() else around.inside > 0
    if roof.sum() < settings.least_cells:
        notes.append("few_points")
    if ((around.valid == MEASURED) & inner).sum() < 0.5 * inner.sum():
        notes.append("thin_cover")
    if (around.plants & inner).sum() > 0.35 * inner.sum():
        notes.append("vegetation")
    rim = np.concatenate([around.valid[0], around.valid[-1], around.valid[:, 0], around.valid[:, -1]])
    if (rim == 0).mean() > 0.5:
        notes.append("edge")


def _roughness(surface: Heights, roof: NDArray[np.bool_]) -> float:
    """Give the scatter (m, 1 sigma, robust) of roof cells about the median of their neighbourhood."""
    filled = np.where(roof, surface, np.nan)
    around = np.stack([np.roll(filled, (i, j), axis=(0, 1)) for i in (-2, 0, 2) for j in (-2, 0, 2)])
    with np.errstate(invalid="ignore"):
        known = np.isfinite(around).sum(axis=0) >= 5
    use = known & roof
    if not use.any():
        return 0.5
    residual = surface[use] - np.nanmedian(around[:, use], axis=0)
    return float(1.4826 * np.median(np.abs(residual)))


def signed_distance(mask: NDArray[np.bool_], cell_m: float) -> Heights:
    """Give the distance to the mask's outline in metres, positive inside, (rows, cols) float32."""
    inner = ndimage.distance_transform_edt(mask)
    outer = ndimage.distance_transform_edt(~mask)
    return (np.where(mask, inner - 0.5, 0.5 - outer) * cell_m).astype(np.float32)
