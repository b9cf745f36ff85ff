"""The report as a page: one HTML file, both languages, no script, nothing from outside, fit for printing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).with_name("templates")
MOST_ROWS = 200
STAGES = {
    "check": ("照片检查", "photo check"),
    "features": ("特征提取", "features"),
    "matching": ("影像匹配", "matching"),
    "reconstruct": ("空三定向", "orientation"),
    "georeference": ("地理定位与平差", "georeferencing"),
    "undistort": ("畸变改正", "undistortion"),
    "depth": ("深度图", "depth maps"),
    "fuse": ("点云融合", "fusion"),
    "surface": ("表面模型", "surface"),
    "orthophoto": ("正射影像", "orthophoto"),
    "buildings": ("建筑", "buildings"),
    "mesh": ("三维网格", "mesh"),
    "tiles3d": ("3D Tiles", "3D Tiles"),
    "report": ("质量报告", "report"),
}
TRUTH_ROWS = (
    ("dsm_nmad_m", "DSM NMAD（屋顶、道路，离边缘半米以上）", "DSM NMAD, roofs and roads half a metre off edges", "m"),
    ("dsm_rmse_m", "DSM 中误差（同上）", "DSM RMSE, the same cells", "m"),
    ("dsm_bias_m", "DSM 系统差（中位数）", "DSM bias, median", "m"),
    ("dsm_nmad_with_edges_m", "DSM NMAD（含边缘）", "DSM NMAD, edges included", "m"),
    ("dsm_rmse_with_edges_m", "DSM 中误差（含边缘）", "DSM RMSE, edges included", "m"),
    ("dsm_filled_nmad_m", "DSM NMAD（补洞处）", "DSM NMAD where holes were filled", "m"),
    ("dsm_known_share", "DSM 有值比例（屋顶、道路）", "share of roofs and roads with a height", "%"),
    ("dtm_nmad_m", "DTM NMAD", "DTM NMAD", "m"),
    ("dtm_rmse_m", "DTM 中误差", "DTM RMSE", "m"),
    ("ortho_rmse_m", "正射影像平面中误差", "orthophoto RMSE, plan", "m"),
    ("ortho_median_m", "正射影像平面偏差中位数", "orthophoto offset, median", "m"),
    ("ortho_p95_m", "正射影像平面偏差 95 %", "orthophoto offset, 95 %", "m"),
    ("buildings_found_share", "建成的建筑", "buildings found", "%"),
    ("building_height_median_abs_m", "建筑高度误差中位数", "building heights, median error", "m"),
    ("building_height_rmse_m", "建筑高度中误差", "building heights, RMSE", "m"),
    ("building_height_bias_m", "建筑高度系统差", "building heights, bias", "m"),
    ("building_height_worst_m", "建筑高度最大误差", "building heights, worst error", "m"),
    ("building_height_worst_sure_m", "高可信建筑最大高度误差", "worst error of those not marked low", "m"),
    ("building_height_within_2_sigma", "误差小于 2 倍自估精度的比例", "share within 2 of its own sigmas", "%"),
)


def render_page(report: Mapping[str, Any]) -> str:
    """Give the page (HTML) of what report.json holds."""
    page = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.filters.update(number=number, percent=percent, whole=whole, signed=signed, span=span)
    truth = report.get("truth")
    return page.get_template("report.html.j2").render(
        r=report,
        pictures={picture["name"]: picture for picture in report["pictures"]},
        cards=cards(report),
        verdict=verdict(report["acceptance"]),
        stage_names=STAGES,
        slowest=max([stage["seconds"] for stage in report["stages"]] + [0.001]),
        failed_reasons=by_reason(report["buildings"]["failed"]),
        rejected_reasons=by_reason(report["photos"]["rejected"]),
        truth_rows=[row for row in TRUTH_ROWS if truth and truth.get(row[0]) is not None],
        most_rows=MOST_ROWS,
    )


def cards(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """Give the figures that matter, for the top of the page: value, unit, both labels, and a second line."""
    photos, buildings, check = report["photos"], report["buildings"], report["checkpoints"]
    check_m = (check["rmse_h_m"], check["rmse_v_m"]) if check else (None, None)
    check_gsd = (check["rmse_h_gsd"], check["rmse_v_gsd"]) if check else (None, None)
    plan_cm, height_cm = (number(None if m is None else 100 * m, 1) for m in check_m)
    unsure = f"低可信 low confidence: {whole(len(buildings['low_confidence']))}"
    return [
        _card(
            "照片 已定向 / 给定",
            "photos placed / given",
            f"{whole(photos['registered'])} / {whole(photos['given'])}",
            below=f"拒绝 rejected: {whole(len(photos['rejected']))}",
        ),
        _card("地面分辨率 GSD", "ground sample distance", number(100 * report["gsd_m"], 2), "cm"),
        _card(
            "重投影误差",
            "reprojection error",
            number(report["reprojection_px"], 2),
            "px",
            f"{whole(report['tie_points'])} 连接点 tie points",
        ),
        _card(
            "检查点中误差 平面 / 高程",
            "checkpoint RMSE, plan / height",
            f"{plan_cm} / {height_cm}",
            "cm" if check else "",
            " / ".join(number(g, 2) for g in check_gsd) + " GSD" if check else "没有检查点 no checkpoints",
        ),
        _card(
            "点云密度",
            "point density",
            number(report["density_per_m2"], 0),
            "/ m²",
            f"{whole(report['points'])} 点 points",
        ),
        _card("覆盖率", "coverage of the flown area", percent(report["coverage"])),
        _card(
            "建筑 建成 / 应有",
            "buildings found / expected",
            f"{whole(buildings['found'])} / {whole(buildings['expected'])}",
            below=unsure,
        ),
        _card(
            "处理用时",
            "processing time",
            span(report["seconds"]),
            below=f"内存峰值 peak memory {whole(report['peak_mb'])} MB",
        ),
    ]


def _card(zh: str, en: str, value: str, unit: str = "", below: str = "") -> dict[str, str]:
    return {"zh": zh, "en": en, "value": value, "unit": unit, "below": below}


def verdict(lines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sum up the acceptance: how many lines there are and how many passed."""
    passed = sum(bool(line["passed"]) for line in lines)
    return {"count": len(lines), "passed": passed, "all": bool(lines) and passed == len(lines)}


def by_reason(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Count rejections by reason, most frequent first, with the words of the first of each."""
    count = Counter(entry["reason"] for entry in entries)
    words = {entry["reason"]: entry for entry in reversed(entries)}
    return [
        {"count": n, "zh": words[reason]["reason_zh"], "en": words[reason]["reason_en"]}
        for reason, n in count.most_common()
    ]


def number(value: float | None, digits: int = 3) -> str:
    """Write a number with so many decimals; a dash for None."""
    return "–" if value is None else f"{value:,.{digits}f}"


def signed(value: float | None, digits: int = 3) -> str:
    """Write a number with its sign and so many decimals; a dash for None."""
    return "–" if value is None else f"{value:+,.{digits}f}".replace("-", "−")


def whole(value: float | None) -> str:
    """Write a whole number with its thousands apart."""
    return "–" if value is None else f"{value:,.0f}"


def percent(value: float | None, digits: int = 1) -> str:
    """Write a share as a percentage."""
    return "–" if value is None else f"{value * 100:.{digits}f} %"


def span(seconds: float) -> str:
    """Write a duration: 0.4 s, 38 s, 12 min 05 s, 3 h 04 min."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    whole_s = round(seconds)
    if whole_s < 3600:
        return f"{whole_s // 60} min {whole_s % 60:02d} s"
    return f"{whole_s // 3600} h {whole_s % 3600 // 60:02d} min"
