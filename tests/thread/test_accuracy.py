"""The small sample against its truth: the limits the product promises. Fails when accuracy gets worse."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.thread.conftest import Walk

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("thread")]


@pytest.fixture(scope="module")
def report(walk: Walk) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((walk.workspace / "report" / "report.json").read_text(encoding="utf-8"))
    return content


def test_every_good_photo_is_registered_and_every_bad_one_has_a_reason(walk: Walk, report: dict[str, Any]) -> None:
    photos = report["photos"]
    made = json.loads((walk.folder / "quarter" / "sample.json").read_text(encoding="utf-8"))["counts"]
    assert photos["registered"] == photos["accepted"] == made["photos_good"]
    assert len(photos["rejected"]) == made["photos_bad"]
    assert all(item["reason"] for item in photos["rejected"])


def test_check_points(report: dict[str, Any]) -> None:
    points = report["checkpoints"]
    assert points["count"] >= 5
    assert points["rmse_h_gsd"] <= 1.5
    assert points["rmse_v_gsd"] <= 3.0


def test_surface_on_roofs_and_roads(report: dict[str, Any]) -> None:
    assert report["depth_pixel_m"] == pytest.approx(report["gsd_m"] * 2000 / 1600, rel=0.05)
    assert report["truth"]["dsm_nmad_m"] <= 2 * report["depth_pixel_m"]
    assert report["truth"]["dsm_known_share"] >= 0.9


def test_orthophoto(report: dict[str, Any]) -> None:
    assert report["truth"]["ortho_patches"] > 100
    assert report["truth"]["ortho_rmse_m"] <= 2 * report["gsd_m"]


def test_buildings(report: dict[str, Any]) -> None:
    truth = report["truth"]
    assert truth["buildings_found_share"] >= 0.95
    assert truth["building_height_median_abs_m"] <= 0.25
    assert truth["building_height_worst_sure_m"] <= 1.0


def test_figures_stay_near_what_the_documents_state(report: dict[str, Any]) -> None:
    """Half the promise is kept in reserve: a change that doubles the error is seen long before a limit is broken."""
    truth, points = report["truth"], report["checkpoints"]
    assert points["rmse_h_gsd"] <= 0.5
    assert points["rmse_v_gsd"] <= 0.8
    assert truth["dsm_nmad_m"] <= 0.06
    assert truth["ortho_rmse_m"] <= 0.06
    assert truth["building_height_median_abs_m"] <= 0.06
    assert truth["building_height_worst_m"] <= 0.6


def test_the_report_itself_says_whether_it_keeps_the_limits(report: dict[str, Any]) -> None:
    lines = report["acceptance"]
    assert len(lines) >= 7
    assert all(line["passed"] for line in lines)
