"""The report of a survey: the same bytes each time, honest about what is not known, one page that asks for nothing."""

from __future__ import annotations

import json
import math
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from api.routers.surveys import REPORT_FILES, REPORT_POLICY
from photogrammetry import survey_report
from photogrammetry.drone.views import read_views
from photogrammetry.durable_files import digest_files, read_json, write_json
from photogrammetry.products import report
from photogrammetry.products.acceptance import building_lines, checkpoint_lines, truth_lines
from photogrammetry.products.overlap import measure_overlap
from photogrammetry.products.report_canvas import FONT_FILES, plain_style
from photogrammetry.products.report_figures import focal_cautions
from photogrammetry.products.report_page import by_reason, number, percent, signed, span
from photogrammetry.survey import place_products
from photogrammetry.survey_report import stage_measures, truth_beside, without_nan, write_report
from tests.photogrammetry.box_scene import EAST0, NORTH0, make_frame
from tests.photogrammetry.report_stages import GROUND_H, INTERFACE, make_workspace, tools
from twin.cli.survey import app
from twin.errors import BadInput


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


def test_a_run_that_changed_nothing_leaves_the_report_as_published(workspace: Path) -> None:
    write_report(workspace, None)
    files = [workspace / "report" / name for name in ("report.json", "report.html")]
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in files]
    manifest = workspace / "stages" / "surface" / "manifest.json"
    content = read_json(manifest)
    write_json(manifest, {**content, "measures": {**content["measures"], "resumed": True}})
    write_report(workspace, None)
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in files] == before
    write_json(manifest, {**content, "measures": {**content["measures"], "seconds": 77.0}})
    assert write_report(workspace, None)["stages"] != json.loads(before[0][0])["stages"]
    assert files[0].read_bytes() != before[0][0]


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
