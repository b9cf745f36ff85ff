"""What a survey must reach to be accepted, and whether it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CHECK_H_GSD, CHECK_V_GSD = 1.5, 3.0
DSM_DEPTH_PIXELS, ORTHO_GSD = 2.0, 2.0
FOUND_SHARE, HEIGHT_MEDIAN_M, HEIGHT_WORST_M = 0.95, 0.25, 1.0


def checkpoint_lines(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Judge the checkpoints: one line for plan, one for height; none without checkpoints."""
    check = figures["checkpoints"]
    if not check:
        return []
    gsd = float(figures["gsd_m"])
    return [
        _line("checkpoint_h", "检查点平面中误差", "checkpoint RMSE, plan", check["rmse_h_m"], CHECK_H_GSD * gsd,
              f"≤ {CHECK_H_GSD:g} GSD"),
        _line("checkpoint_v", "检查点高程中误差", "checkpoint RMSE, height", check["rmse_v_m"], CHECK_V_GSD * gsd,
              f"≤ {CHECK_V_GSD:g} GSD"),
    ]  # fmt: skip


def building_lines(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Judge the share of the given outlines that became buildings; no line where outlines were found, not given."""
    buildings = figures["buildings"]
    if not buildings["expected"] or buildings["given_outlines"] == 0:
        return []
    return [_found_line(buildings["found"] / buildings["expected"])]


def truth_lines(figures: Mapping[str, Any], truth: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Judge the products against the truth, as compare_with_truth gives it."""
    gsd, depth_pixel = float(figures["gsd_m"]), float(figures["depth_pixel_m"])
    return [
        _line("dsm_nmad", "DSM 在屋顶和道路上的 NMAD", "DSM NMAD on roofs and roads", truth.get("dsm_nmad_m"),
              DSM_DEPTH_PIXELS * depth_pixel, f"≤ {DSM_DEPTH_PIXELS:g} 深度像素 depth pixels"),
        _line("ortho_rmse", "正射影像中误差", "orthophoto RMSE", truth.get("ortho_rmse_m"), ORTHO_GSD * gsd,
              f"≤ {ORTHO_GSD:g} GSD"),
        _found_line(truth.get("buildings_found_share")),
        _line("height_median", "建筑高度误差中位数", "median error of building heights",
              truth.get("building_height_median_abs_m"), HEIGHT_MEDIAN_M, f"≤ {HEIGHT_MEDIAN_M:g} m"),
        _line("height_worst", "未标低可信的最大高度误差", "worst height error without a low-confidence mark",
              truth.get("building_height_worst_sure_m"), HEIGHT_WORST_M, f"≤ {HEIGHT_WORST_M:g} m"),
    ]  # fmt: skip


def _found_line(share: float | None) -> dict[str, Any]:
    return {
        "id": "buildings_found",
        "zh": "建成的建筑",
        "en": "buildings found",
        "value": None if share is None else round(share, 4),
        "limit": FOUND_SHARE,
        "unit": "share",
        "rule": f"≥ {FOUND_SHARE:.0%}",
        "passed": share is not None and share >= FOUND_SHARE,
    }


def _line(name: str, zh: str, en: str, value: float | None, limit: float, rule: str) -> dict[str, Any]:
    """Judge a length (m) that may not exceed its limit; a length that could not be measured does not pass."""
    return {
        "id": name,
        "zh": zh,
        "en": en,
        "value": value,
        "limit": round(limit, 4),
        "unit": "m",
        "rule": rule,
        "passed": value is not None and value <= limit,
    }
