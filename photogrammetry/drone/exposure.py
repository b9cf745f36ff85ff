"""Equal brightness: one gain per photo and colour, from places that several photos see."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from photogrammetry.drone.views import View

Points = NDArray[np.float64]
REDUCE = 4
LEAST_COMMON = 25
GAIN_LIMIT = 2.0


def photo_gains(samples: NDArray[np.float64], *, hold: float = 0.02) -> NDArray[np.float64]:
    """Find the gains that make photos agree on the places they share.

    samples: (photos, places, 3) brightness 0-255, NaN where a photo does not see a place or is too dark or bright
    there. hold: pull of every gain towards 1, as a share of a photo's ties. Returns (photos, 3) gains, mean
    log gain 0 per colour, between 1/2 and 2. Medians over places keep hidden or moving things from counting.
    """
    photos = len(samples)
    gains = np.zeros((photos, 3))
    if photos == 0:
        return np.ones((0, 3))
    logs = np.log(np.where(samples > 0, samples, np.nan))
    for channel in range(3):
        gains[:, channel] = _solve(logs[:, :, channel], hold)
    return np.asarray(np.clip(np.exp(gains), 1 / GAIN_LIMIT, GAIN_LIMIT))


def _solve(logs: NDArray[np.float64], hold: float) -> NDArray[np.float64]:
    photos = len(logs)
    normal, right = np.zeros((photos, photos)), np.zeros(photos)
    known = ~np.isnan(logs)
    for a in range(photos):
        for b in range(a + 1, photos):
            both = known[a] & known[b]
            number = int(both.sum())
            if number < LEAST_COMMON:
                continue
            tie, weight = float(np.median(logs[b, both] - logs[a, both])), float(np.sqrt(number))
            normal[a, a] += weight
            normal[b, b] += weight
            normal[a, b] -= weight
            normal[b, a] -= weight
            right[a] += weight * tie
            right[b] -= weight * tie
    diagonal = np.diag(normal).copy()
    normal += np.diag(hold * diagonal + 1e-6)
    solved = np.asarray(np.linalg.solve(normal, right), dtype=np.float64)
    return np.asarray(solved - solved.mean(), dtype=np.float64)


def sample_view(view: View, enu: Points) -> NDArray[np.float64]:
    """Read the blurred colours of places in one photo: enu (N, 3) -> (N, 3), NaN where it sees nothing useful."""
    pixels = cv2.imread(str(view.path), cv2.IMREAD_REDUCED_COLOR_4 | cv2.IMREAD_IGNORE_ORIENTATION)
    out = np.full((len(enu), 3), np.nan)
    if pixels is None:
        return out
    blurred = cv2.blur(pixels, (5, 5))[:, :, ::-1]
    seen = np.flatnonzero(view.sees(enu, margin_px=3 * REDUCE))
    col, row, _ = view.project(enu[seen])
    r = (row * blurred.shape[0] / view.height).astype(int).clip(0, blurred.shape[0] - 1)
    c = (col * blurred.shape[1] / view.width).astype(int).clip(0, blurred.shape[1] - 1)
    values = blurred[r, c].astype(np.float64)
    values[(values < 12).any(axis=1) | (values > 245).any(axis=1)] = np.nan
    out[seen] = values
    return out


def balance(views: Sequence[View], samples: Sequence[NDArray[np.float64]]) -> dict[str, tuple[float, float, float]]:
    """Give the gains (red, green, blue) of each photo by name, from the samples of sample_view in the same order."""
    gains = photo_gains(np.stack(samples)) if samples else np.ones((0, 3))
    return {view.name: (float(g[0]), float(g[1]), float(g[2])) for view, g in zip(views, gains, strict=True)}
