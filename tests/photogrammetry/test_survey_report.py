"""The report of a survey: the same bytes each time, honest about what is not known, one page that asks for nothing."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shapely.geometry import box, mapping
from typer.testing import CliRunner

from api.routers.surveys import REPORT_FILES, REPORT_POLICY
from photogrammetry import survey_report
from photogrammetry.cameras import Camera, Shot, write_shots
from photogrammetry.drone.grid import NODATA, Grid, write_cog
from photogrammetry.drone.sparse_model import SparseModel
from photogrammetry.drone.views import read_views
from photogrammetry.durable_files import digest_files, read_json, write_json
from photogrammetry.photo import Photo
from photogrammetry.products import report
from photogrammetry.products.acceptance import building_lines, checkpoint_lines, truth_lines
from photogrammetry.products.overlap import measure_overlap
from photogrammetry.products.report_canvas import FONT_FILES, plain_style
from photogrammetry.products.report_figures import focal_cautions
from photogrammetry.products.report_page import by_reason, number, percent, signed, span
from photogrammetry.survey import Survey, place_products
from photogrammetry.survey_report import stage_measures, truth_beside, without_nan, write_report
from photogrammetry.workers import Measured, Tools
from tests.photogrammetry.box_scene import CRS, DATUM, EAST0, NORTH0, make_frame
from twin.cli.survey import app
from twin.errors import BadInput

HALF, CELL, UP = 30.0, 0.25, 60.0
TOWER = (5.0, -5.0, 13.0, 5.0, 50.0)
DOWN = np.diag([1.0, -1.0, -1.0])
GROUND_H = 20.0
INTERFACE = {
    "survey", "photos", "reprojection_px", "gsd_m", "gps_rms_m", "checkpoints", "points", "density_per_m2", "coverage",
    "buildings", "crs", "vertical_datum", "stages",
}  # fmt: skip


class Here:
    """A backend that works in this process."""

    workers = 1

    def run(self, function, items, at_once):
        for index, item in enumerate(items):
            yield index, Measured(function(item), 0.0)

    def close(self) -> None:
        pass


def tools() -> Tools:
    return Tools("report", Here())


def make_shots() -> tuple[Shot, ...]:
    camera = Camera("OPENCV", 400, 300, (300.0, 300.5, 201.0, 149.0, -0.05, 0.02, 0.0002, -0.0001))
    places = [(e, n) for n in (-10.0, 0.0, 10.0) for e in (-15.0, 0.0, 15.0)]
    shots = [
        Shot(f"P{i}.JPG", camera, True, DOWN, np.array([e, n, UP]), 0.4, np.array([0.5, -0.2, 1.0]))
        for i, (e, n) in enumerate(places)
    ]
    return (*shots, Shot("lost.JPG", camera))


def accuracy(*, control: bool) -> dict[str, Any]:
    table = {
        "count": 1, "rmse_h_m": 0.02, "rmse_v_m": 0.03, "rmse_h_gsd": 0.1, "rmse_v_gsd": 0.15,
        "points": [{"name": "J<1>", "residual_m": [0.01, -0.017, 0.03], "marks": 4, "rms_px": 0.4}],
    }  # fmt: skip
    return {
        "registered": 9, "reprojection_px": 0.35, "reprojection_rms_px": 0.41, "tie_points": 50,
        "tie_points_dropped": 1, "observations": 300, "mean_track": 6.0, "gsd_m": 0.2,
        "gps_rms_m": {"e": 0.5, "n": 0.2, "u": 1.0}, "gps_sigma_m": {"h": 0.5, "v": 1.0},
        "gps_offset_m": {"e": 0.1, "n": 0.0, "u": -0.4} if control else None,
        "height_from": "control" if control else "exif",
        "control": {**table, "points": [{**table["points"][0], "name": "K1"}]} if control else None,
        "checkpoints": table if control else None, "lens": [], "crs": CRS, "vertical_datum": DATUM,
        "warnings": [] if control else [{"code": "height_from_exif", "zh": "高程取自 EXIF", "en": "heights from EXIF"}],
    }  # fmt: skip


def make_stages(root: Path, *, control: bool = True, outlines: bool = True) -> Path:
    """Write small folders of all stages the report reads: a plane with a tower, nine photos from above."""
    shots, frame = make_shots(), make_frame(GROUND_H)
    for name in (*report.INPUTS, "mesh"):
        (root / name).mkdir(parents=True)
    good = [
        Photo(s.file, "00", 400, 300, "CAM <X>", 298.0, "2026-05-18T02:12:42+00:00", 121.6, 37.3, 80.0) for s in shots
    ]
    bad = replace(good[0], file="<b>bad</b>.JPG").rejected("blurred", share="30%")
    write_json(root / "check" / "photos.json", [asdict(photo) for photo in (*good, bad)])
    rng = np.random.default_rng(1)
    points = np.column_stack([rng.uniform(-20, 20, (50, 2)), np.zeros(50)])
    shot_of, point_of = np.repeat(np.arange(9), 50), np.tile(np.arange(50), 9)
    seen = np.concatenate([shot.project(points)[0] for shot in shots[:9]]) + rng.normal(0, 0.3, (450, 2))
    model = SparseModel(shots, np.zeros(10, dtype=np.int64), points, shot_of, point_of, seen)
    frame.save(root / "georeference" / "frame.json")
    model.save(root / "georeference")
    write_json(root / "georeference" / "accuracy.json", accuracy(control=control))
    pinhole = Camera("PINHOLE", 400, 300, (300.0, 300.0, 200.0, 150.0))
    write_shots(root / "undistort" / "cameras.json", [replace(shot, camera=pinhole) for shot in shots])
    reduced = Camera("PINHOLE", 200, 150, (150.0, 150.0, 100.0, 75.0))
    write_shots(root / "depth" / "cameras.json", [replace(shot, camera=reduced) for shot in shots[:9]])
    write_surface(root)
    write_buildings(root / "buildings", outlines=outlines)
    for name in ("mesh/0/0_0.glb", "buildings/1_1.glb"):
        (root / "tiles3d" / name).parent.mkdir(parents=True)
        (root / "tiles3d" / name).write_bytes(b"glTF")
    return root


def write_surface(root: Path) -> None:
    grid = Grid.covering(CRS, EAST0 - HALF, NORTH0 - HALF, EAST0 + HALF, NORTH0 + HALF, CELL)
    east, north = (axis - middle for axis, middle in zip(grid.centres(), (EAST0, NORTH0), strict=True))
    west, south, far, top, roof = TOWER
    tall = ((east > west) & (east < far))[None, :] & ((north > south) & (north < top))[:, None]
    height = np.where(tall, roof, GROUND_H).astype(np.float32)
    height[:20, :20] = NODATA
    valid = np.where(height == NODATA, 0, 1).astype(np.uint8)
    valid[100:120, 100:120] = 2
    above = np.where(height == NODATA, NODATA, height - GROUND_H).astype(np.float32)
    write_cog(root / "surface" / "dsm.tif", grid, height, nodata=NODATA)
    write_cog(root / "surface" / "ndsm.tif", grid, above, nodata=NODATA)
    write_cog(root / "surface" / "valid.tif", grid, valid)
    about = {
        "points": 1000, "strays": 1, "density_per_m2": 12.5, "cell_m": CELL, "measured_m2": 3000.0,
        "measured_cells": 48000, "filled_cells": 400, "gsd_m": 0.2, "outlines_masked": 1,
    }  # fmt: skip
    write_json(root / "surface" / "surface.json", about)
    rgba = np.full((4, *grid.shape), 120, dtype=np.uint8)
    write_cog(root / "orthophoto" / "orthophoto.tif", grid, rgba)
    write_json(root / "orthophoto" / "orthophoto.json", {"cell_m": CELL, "gsd_m": 0.2, "photos_used": ["P0.JPG"]})


def write_buildings(folder: Path, *, outlines: bool) -> None:
    west, south, east, north, roof = TOWER
    outline = mapping(box(EAST0 + west, NORTH0 + south, EAST0 + east, NORTH0 + north))
    entry = {
        "code": "A1", "name": "塔楼", "source": "given", "footprint": outline, "ground_h_m": GROUND_H, "roof_h_m": roof,
        "height_m": 30.0, "sigma_m": 0.1, "confidence": "low", "note_zh": "屋顶点数少", "note_en": "few points",
        "lod": "1.3", "blocks": [{"polygon": outline, "roof_h_m": roof}], "points": 40,
    }  # fmt: skip
    refused = {"code": "B2", "reason_code": "no_surface", "reason_zh": "没有表面", "reason_en": "no surface there"}
    content = {
        "crs": CRS, "vertical_datum": DATUM, "survey": "s", "expected": 2 if outlines else 0, "block_shift": None,
        "buildings": [entry] if outlines else [], "failed": [refused] if outlines else [],
    }  # fmt: skip
    write_json(folder / "buildings.json", content)


def make_workspace(folder: Path, **options: bool) -> Path:
    """Make a survey whose stages are finished, the report stage among them, with manifests."""
    stages = make_stages(folder / "stages", **options)
    survey = Survey("s", "drone", str(folder / "photos"), None, None, CRS, DATUM, "2026-05-18T00:00:00+00:00")
    write_json(folder / "survey.json", asdict(survey))
    (stages / "report").mkdir()
    report.run({name: stages / name for name in report.INPUTS}, stages / "report", report.ReportSettings("s"), tools())
    needs = {"check": [], "georeference": ["check"], "undistort": ["georeference"], "depth": ["undistort"],
             "surface": ["depth"], "orthophoto": ["surface"], "buildings": ["orthophoto"], "mesh": ["buildings"],
             "tiles3d": ["mesh"], "report": list(report.INPUTS)}  # fmt: skip
    for number_of, (name, before) in enumerate(needs.items(), 1):
        measures = {"seconds": float(number_of), "cpu_seconds": 1.0, "peak_mb": 100.0 * number_of}
        manifest = {
            "inputs": dict.fromkeys(["photos", *before], "00"),
            "outputs": digest_files(stages / name),
            "measures": {**measures, "resumed": name == "check"},
        }
        write_json(stages / name / "manifest.json", manifest)
    place_products(folder, {name: stages / name for name in needs})
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished survey with checkpoints and outlines: copy it before writing into it."""
    return make_workspace(tmp_path_factory.mktemp("finished") / "s")


@pytest.fixture
def workspace(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "surveys" / "s"))


class Page(HTMLParser):
    """What a browser would ask for, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.asked: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.asked += [value for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data):
        self.text += data


def test_the_stage_gives_the_same_bytes_each_time(finished: Path, tmp_path: Path) -> None:
    stages = finished / "stages"
    report.run({name: stages / name for name in report.INPUTS}, tmp_path, report.ReportSettings("s"), tools())
    assert digest_files(tmp_path) == digest_files(stages / "report", leave_out="manifest.json")


def test_report_json_holds_what_others_read(workspace: Path) -> None:
    content = write_report(workspace, None)
    kept = json.loads((workspace / "report" / "report.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert kept == json.loads(json.dumps(content))
    assert set(content) >= INTERFACE
    assert "truth" not in content
    photos = content["photos"]
    assert (photos["given"], photos["accepted"], photos["registered"]) == (11, 10, 9)
    assert photos["not_registered"] == ["lost.JPG"]
    assert photos["rejected"][0]["reason"] == "blurred"
    assert photos["rejected"][0]["reason_en"].startswith("far more blurred")
    assert content["depth_pixel_m"] == pytest.approx(0.4, rel=0.01)
    assert content["buildings"]["lod"] == {"1.3": 1}
    assert content["buildings"]["failed"][0]["id"] == "B2"
    camera = content["cameras"][0]
    assert (camera["photos"], camera["fx"], camera["k1"], camera["exif_focal_px"]) == (9, 300.0, -0.05, 298.0)
    assert camera["corner_bend_px"] > 1
    assert len(content["residuals"]) == 10
    assert content["tiles3d"] == {"mesh_tiles": 1, "building_tiles": 1, "bytes": 8}


def test_stages_come_in_their_order_with_what_they_took(workspace: Path) -> None:
    content = write_report(workspace, None)
    names = [stage["name"] for stage in content["stages"]]
    assert names[0] == "check"
    assert names[-1] == "report"
    assert names.index("surface") < names.index("orthophoto") < names.index("buildings") < names.index("mesh")
    assert [stage["name"] for stage in content["stages"] if stage["resumed"]] == ["check"]
    assert content["seconds"] == sum(range(1, 11))
    assert content["cpu_seconds"] == 10
    assert content["peak_mb"] == 1000
    assert stage_measures(workspace / "stages")[0] == {
        "name": "check", "seconds": 1.0, "cpu_seconds": 1.0, "peak_mb": 100.0, "resumed": True,
    }  # fmt: skip


def test_the_page_runs_nothing_and_asks_for_its_pictures_only(workspace: Path) -> None:
    write_report(workspace, None)
    text = (workspace / "report" / "report.html").read_text("utf-8")
    page = Page(text)
    assert not page.tags & {"script", "iframe", "object", "embed", "link", "form", "b"}
    assert page.handlers == []
    assert "url(" not in text
    assert "@import" not in text
    assert {"orthophoto.png", "surface.png", "heights.png", "overlap.png", "control.png"} <= set(page.asked)
    for name in page.asked:
        assert (workspace / "report" / name).is_file()
        assert Path(name).suffix in REPORT_FILES
    assert "img-src 'self'" in REPORT_POLICY
    assert "style-src 'self' 'unsafe-inline'" in REPORT_POLICY


def test_names_from_outside_stay_text(workspace: Path) -> None:
    write_report(workspace, None)
    text = Page((workspace / "report" / "report.html").read_text("utf-8")).text
    for name in ("<b>bad</b>.JPG", "CAM <X>", "J<1>"):
        assert name in text


def test_the_page_says_everything_in_both_languages(workspace: Path) -> None:
    write_report(workspace, None)
    text = Page((workspace / "report" / "report.html").read_text("utf-8")).text
    for words in (
        "验收", "Acceptance", "未采用的照片", "Photos rejected", "检查点", "Check points", "重叠度", "Overlap",
        "时间与内存", "Time and memory", "没有表面", "no surface there", "屋顶点数少", "few points", "lost.JPG", "塔楼",
        "覆盖率", "coverage", "每平方米点数", "points per m²",
    ):  # fmt: skip
        assert words in text


def test_without_control_points_and_outlines_it_says_what_is_not_proven(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "s", control=False, outlines=False)
    content = write_report(workspace, None)
    assert content["checkpoints"] is None
    assert content["acceptance"] == []
    assert not (workspace / "report" / "control.png").exists()
    text = Page((workspace / "report" / "report.html").read_text("utf-8")).text
    assert "absolute accuracy is not proven" in text
    assert "heights from EXIF" in text
    assert "no checkpoints" in text


def test_a_lens_far_from_its_exif_is_a_caution() -> None:
    lens = {"name": "CAM", "fx": 2980.0, "fy": 2980.0, "exif_focal_px": 2120.0}
    (caution,) = focal_cautions([lens, {**lens, "exif_focal_px": None}, {**lens, "exif_focal_px": 2800.0}])
    assert caution["code"] == "focal_differs"
    assert "+41%" in caution["zh"]
    assert "+41%" in caution["en"]


def test_a_tower_hides_the_ground_behind_it(finished: Path, tmp_path: Path) -> None:
    stages, frame = finished / "stages", make_frame(GROUND_H)
    middle = [view for view in read_views(stages / "undistort") if not view.centre[:2].any()]
    overlap = measure_overlap(stages / "surface", middle, frame, tmp_path, tools())
    east, north = (axis - zero for axis, zero in zip(overlap.grid.centres(), (EAST0, NORTH0), strict=True))
    row = int(np.abs(north).argmin())

    def seen_at(e: float) -> int:
        return int(overlap.seen_by[row, int(np.abs(east - e).argmin())])

    # 30 m high, its far wall 13 m beside a camera 60 m up: hidden up to 13 m / (60 - 30) * 60 = 26 m.
    assert [seen_at(e) for e in (-15, 2, 9, 28)] == [1, 1, 1, 1]
    assert [seen_at(e) for e in (14.5, 20, 24)] == [0, 0, 0]


def test_overlap_counts_photos_and_coverage_the_flown_area(finished: Path) -> None:
    figures = read_json(finished / "stages" / "report" / "figures.json")
    shares = list(figures["overlap"]["at_least"].values())
    assert shares == sorted(shares, reverse=True)
    assert figures["overlap"]["mean"] > 3
    # Of 30 m by 20 m between the camera positions, 5 m by 5 m were only filled.
    assert figures["coverage"] == pytest.approx(1 - 25 / 600, abs=0.02)


def test_a_comparison_stays_until_the_products_change(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Path, Path]] = []

    def compare(products: Path, truth: Path) -> dict[str, Any]:
        calls.append((products, truth))
        return {"dsm_nmad_m": 0.05, "dtm_nmad_m": math.nan, "buildings_found_share": 1.0}

    monkeypatch.setattr(survey_report, "compare_with_truth", compare)
    truth = workspace / "elsewhere"
    first = write_report(workspace, truth)
    assert calls == [(workspace / "products", truth)]
    assert first["truth"] == {"dsm_nmad_m": 0.05, "dtm_nmad_m": None, "buildings_found_share": 1.0}
    again = write_report(workspace, None)
    assert len(calls) == 1
    assert again == first
    assert "Against the truth" in (workspace / "report" / "report.html").read_text("utf-8")
    manifest = workspace / "stages" / "surface" / "manifest.json"
    write_json(manifest, {**read_json(manifest), "outputs": {"dsm.tif": "another"}})
    assert "truth" not in write_report(workspace, None)


def test_acceptance_follows_its_limits() -> None:
    figures = {
        "gsd_m": 0.1, "depth_pixel_m": 0.2, "checkpoints": {"rmse_h_m": 0.15, "rmse_v_m": 0.301},
        "buildings": {"expected": 20, "found": 19, "given_outlines": 19},
    }  # fmt: skip
    assert [line["passed"] for line in checkpoint_lines(figures)] == [True, False]
    assert [line["passed"] for line in building_lines(figures)] == [True]
    truth = {
        "dsm_nmad_m": 0.39, "ortho_rmse_m": 0.21, "buildings_found_share": 0.94,
        "building_height_median_abs_m": 0.25, "building_height_worst_sure_m": None,
    }  # fmt: skip
    lines = {line["id"]: line for line in truth_lines(figures, truth)}
    assert {name: line["passed"] for name, line in lines.items()} == {
        "dsm_nmad": True, "ortho_rmse": False, "buildings_found": False, "height_median": True, "height_worst": False,
    }  # fmt: skip
    assert lines["dsm_nmad"]["limit"] == 0.4
    assert checkpoint_lines({**figures, "checkpoints": None}) == []
    assert building_lines({**figures, "buildings": {"expected": 3, "found": 3, "given_outlines": 0}}) == []


def test_placing_products_anew_keeps_a_page_and_drops_old_pictures(workspace: Path) -> None:
    write_report(workspace, None)
    (workspace / "report" / "old.png").write_bytes(b"")
    page = (workspace / "report" / "report.html").read_bytes()
    folders = {path.name: path for path in (workspace / "stages").iterdir()}
    place_products(workspace, folders)
    assert (workspace / "report" / "report.html").read_bytes() == page
    assert (workspace / "report" / "figures.json").exists()
    assert not (workspace / "report" / "old.png").exists()


def test_a_survey_not_run_to_its_end_is_refused(workspace: Path) -> None:
    (workspace / "stages" / "report" / "manifest.json").unlink()
    with pytest.raises(BadInput, match="not been finished"):
        write_report(workspace, None)


def test_only_a_made_sample_has_a_truth_beside_its_photos(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (tmp_path / "truth").mkdir()
    write_json(tmp_path / "truth" / "truth.json", {})
    assert truth_beside(photos) is None
    write_json(tmp_path / "sample.json", {})
    assert truth_beside(photos) == tmp_path / "truth"


def test_no_stage_knows_the_truth() -> None:
    package = Path(report.__file__).parents[1]
    knowing = {path.name for path in package.rglob("*.py") if "truth_report" in path.read_text("utf-8")}
    assert knowing == {"survey_report.py"}


def test_the_command_compares_a_sample_by_itself(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWIN_DATA_DIR", str(workspace.parents[1]))
    monkeypatch.setattr(survey_report, "compare_with_truth", lambda products, truth: {"dsm_nmad_m": 0.05})
    monkeypatch.setattr("twin.cli.survey.publish_survey", lambda settings, name: "")
    about = read_json(workspace / "survey.json")
    write_json(workspace / "survey.json", {**about, "photos_dir": str(workspace.parents[1] / "photos")})
    plain = CliRunner().invoke(app, ["report", "s", "--json"], catch_exceptions=False)
    assert "truth" not in json.loads(plain.stdout)
    (workspace.parents[1] / "truth").mkdir()
    write_json(workspace.parents[1] / "truth" / "truth.json", {})
    write_json(workspace.parents[1] / "sample.json", {})
    compared = CliRunner().invoke(app, ["report", "s", "--json"], catch_exceptions=False)
    assert json.loads(compared.stdout)["truth"] == {"dsm_nmad_m": 0.05}


def test_pictures_speak_english_where_no_chinese_font_is() -> None:
    with plain_style(("/nowhere/font.ttc",)) as words:
        assert words("高程", "height") == "height"
    if any(Path(name).exists() for name in FONT_FILES):
        with plain_style() as words:
            assert words("高程", "height") == "高程 height"


def test_numbers_are_written_for_people() -> None:
    assert [span(s) for s in (0.42, 38, 725, 11_040)] == ["0.4 s", "38 s", "12 min 05 s", "3 h 04 min"]
    assert (number(None), number(1234.5, 1), percent(0.951), signed(-0.0123)) == ("–", "1,234.5", "95.1 %", "−0.012")
    assert without_nan({"a": [math.nan, 1.0, (math.inf, "x")]}) == {"a": [None, 1.0, [None, "x"]]}
    reasons = [{"reason": "b", "reason_zh": "乙", "reason_en": "b"}] * 2 + [
        {"reason": "a", "reason_zh": "甲", "reason_en": "a"}
    ]
    assert by_reason(reasons)[0] == {"count": 2, "zh": "乙", "en": "b"}
