"""Judge photos against each other: the same again, another camera, blurred, another time, another place."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from photogrammetry.photo import CheckSettings, Photo, camera_key

EARTH_RADIUS_M = 6_371_000.0
SECONDS_PER_DAY = 86_400.0
SAME_PICTURE_GREY_LEVELS = 2.0


def judge_set(photos: list[Photo], settings: CheckSettings) -> list[Photo]:
    """Reject what does not fit the others; photos: each judged by itself already. Keeps the order."""
    judged = list(photos)
    for judge in (_reject_duplicates, _reject_far_away, _reject_other_time, _reject_other_cameras, _reject_blurred):
        judge(judged, settings)
    return judged


def _accepted(photos: list[Photo]) -> list[int]:
    return [index for index, photo in enumerate(photos) if photo.accepted]


def _reject_duplicates(photos: list[Photo], settings: CheckSettings) -> None:
    """Of the same bytes, or the same moment and nearly the same picture, the largest stays, the first by name."""
    by_sha: dict[str, int] = {}
    by_moment: dict[tuple[str | None, float | None, float | None], list[int]] = {}
    for index in sorted(_accepted(photos), key=lambda i: (-photos[i].width * photos[i].height, i)):
        photo = photos[index]
        moment = (photo.taken_at_utc, photo.lon, photo.lat)
        same = by_sha.get(photo.sha256)
        if same is None:
            same = next((k for k in by_moment.get(moment, []) if _same_picture(photos[k], photo)), None)
        if same is not None:
            photos[index] = photo.rejected("duplicate", other=photos[same].file)
            continue
        by_sha[photo.sha256] = index
        by_moment.setdefault(moment, []).append(index)


def _same_picture(one: Photo, other: Photo) -> bool:
    a = np.frombuffer(bytes.fromhex(one.fingerprint), dtype=np.uint8).astype(float)
    b = np.frombuffer(bytes.fromhex(other.fingerprint), dtype=np.uint8).astype(float)
    return len(a) > 0 and len(a) == len(b) and float(np.abs(a - b).mean()) < SAME_PICTURE_GREY_LEVELS


def plane_metres(photos: list[Photo]) -> NDArray[np.float64]:
    """Give (N, 2) east, north metres around the median position of photos that have one (spherical Earth)."""
    lonlat = np.radians(np.array([[photo.lon, photo.lat] for photo in photos], dtype=np.float64))
    middle = np.median(lonlat, axis=0)
    return np.asarray((lonlat - middle) * EARTH_RADIUS_M * [np.cos(middle[1]), 1.0])


def _reject_far_away(photos: list[Photo], settings: CheckSettings) -> None:
    """Keep the largest group of photos in which no gap exceeds max_gap_m (or 10 usual gaps)."""
    from scipy.sparse.csgraph import connected_components  # half a second to load: not by every worker

    chosen = _accepted(photos)
    if len(chosen) < 3:
        return
    metres = plane_metres([photos[index] for index in chosen])
    tree = cKDTree(metres)
    usual_gap = float(np.median(np.asarray(tree.query(metres, k=2)[0])[:, 1]))
    pairs = tree.sparse_distance_matrix(tree, max(settings.max_gap_m, 10 * usual_gap), output_type="coo_matrix")
    _, group = connected_components(pairs, directed=False)
    largest = int(np.argmax(np.bincount(group)))
    middle = np.median(metres[group == largest], axis=0)
    for index, own_group, position in zip(chosen, group, metres, strict=True):
        if own_group != largest:
            away = float(np.hypot(*(position - middle)))
            photos[index] = photos[index].rejected("wrong_place", metres=f"{away:.0f}")


def _reject_other_time(photos: list[Photo], settings: CheckSettings) -> None:
    chosen = [index for index in _accepted(photos) if photos[index].taken_at_utc]
    if len(chosen) < 3:
        return
    days = np.array([datetime.fromisoformat(str(photos[i].taken_at_utc)).timestamp() / SECONDS_PER_DAY for i in chosen])
    apart = np.abs(days - np.median(days))
    usual = 1.4826 * float(np.median(apart))
    for index, gap in zip(chosen, apart, strict=True):
        if gap > max(settings.max_days_apart, 5 * usual):
            photos[index] = photos[index].rejected("wrong_time", days=f"{gap:.0f}")


def _reject_other_cameras(photos: list[Photo], settings: CheckSettings) -> None:
    """One or two photos of another camera among many cannot calibrate it; larger groups are a camera of their own."""
    chosen = _accepted(photos)
    kinds = Counter(camera_key(photos[index]) for index in chosen)
    for index in chosen:
        if kinds[camera_key(photos[index])] < 3 and max(kinds.values()) >= 10:
            photos[index] = photos[index].rejected("other_camera")


def _reject_blurred(photos: list[Photo], settings: CheckSettings) -> None:
    chosen = _accepted(photos)
    if len(chosen) < 3:
        return
    for kind in sorted({camera_key(photos[index]) for index in chosen}):
        members = [index for index in chosen if camera_key(photos[index]) == kind]
        median = float(np.median([photos[index].sharpness for index in members]))
        for index in members:
            share = photos[index].sharpness / max(median, 1e-6)
            if share < settings.min_sharpness_share:
                photos[index] = photos[index].rejected("blurred", share=f"{share:.0%}")
