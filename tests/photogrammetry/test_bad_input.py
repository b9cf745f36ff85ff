"""Bad input, given through the command: a clear word in the user's terms, what to do, status 1, and nothing lost."""

from __future__ import annotations

import shutil
import subprocess
import sys

import cv2
import piexif
import pyogrio
import pytest
from shapely import affinity

from photogrammetry.durable_files import digest_files, read_json
from tests.photogrammetry.survey_commands import GOOD, changed_gcp, checked, edit_exif, moved
from tests.photogrammetry.survey_runs import REPOSITORY

# Photos


def test_bad_photos_are_counted_with_reasons_and_the_others_go_on(twin, photos, surveys):
    (photos / "a_note.txt").write_text("not a photo")
    (photos / "bad_empty.jpg").touch()
    (photos / "bad_text.jpg").write_text("not a photo")
    whole = (photos / GOOD[0]).read_bytes()
    (photos / "bad_cut.jpg").write_bytes(whole[: len(whole) // 2])
    blurred = cv2.GaussianBlur(cv2.imread(str(photos / GOOD[1])), (0, 0), 4)
    cv2.imwrite(str(photos / "bad_blurred.jpg"), blurred)
    piexif.transplant(str(photos / GOOD[1]), str(photos / "bad_blurred.jpg"))
    edit_exif(photos / "bad_blurred.jpg", day="2026:05:19")
    shutil.copy(photos / GOOD[2], photos / "z_again.jpg")
    for name, source, change in (
        ("bad_no_gps.jpg", GOOD[3], {"drop_gps": True}),
        ("bad_day.jpg", GOOD[4], {"day": "2025:01:31"}),
        ("bad_place.jpg", GOOD[5], {"lat_deg": 1}),
    ):
        shutil.copy(photos / source, photos / name)
        edit_exif(photos / name, **change)
    small = cv2.resize(cv2.imread(str(photos / GOOD[6])), (400, 300), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(photos / "bad_small.jpg"), small)
    piexif.transplant(str(photos / GOOD[6]), str(photos / "bad_small.jpg"))

    said = twin("survey", "add", photos, "--name", "spring")
    assert said.status == 0, said.err
    assert "照片 photos: 20，可用 accepted 11，拒绝 rejected 9" in said.out
    reasons = checked(surveys)
    assert [name for name, (code, _) in reasons.items() if code is None] == GOOD
    assert {name: code for name, (code, _) in reasons.items() if code} == {
        "bad_empty.jpg": "unreadable",
        "bad_text.jpg": "unreadable",
        "bad_cut.jpg": "truncated",
        "bad_blurred.jpg": "blurred",
        "z_again.jpg": "duplicate",
        "bad_no_gps.jpg": "no_gps",
        "bad_day.jpg": "wrong_time",
        "bad_place.jpg": "wrong_place",
        "bad_small.jpg": "too_small",
    }
    for name, (code, words) in reasons.items():
        if code:
            assert f"{name}: " in said.out
            assert words in said.out
    assert "z_again.jpg: 与 DJI_0003.JPG 内容相同 / the same picture as DJI_0003.JPG" in said.out
    assert "m away from the others" in reasons["bad_place.jpg"][1]


def test_a_small_copy_never_displaces_its_original(twin, few, surveys):
    shutil.copy(few / GOOD[0], few / "A_preview.jpg")  # as small as a photo may be; the originals are larger here
    for name in GOOD[:4]:
        exif, small = piexif.load(str(few / name)), cv2.imread(str(few / name))
        cv2.imwrite(str(few / name), cv2.resize(small, (800, 600), interpolation=cv2.INTER_CUBIC))
        piexif.insert(piexif.dump(exif), str(few / name))
    assert twin("survey", "add", few, "--name", "spring").status == 0
    assert checked(surveys)["A_preview.jpg"][0] == "duplicate"
    assert checked(surveys)[GOOD[0]][0] is None


def test_no_photos(twin, tmp_path, surveys):
    twin("survey", "add", tmp_path / "nowhere", "--name", "spring").fails_with(
        "nowhere: the folder of photos is not there.", "Check the path"
    )
    (tmp_path / "file.txt").touch()
    twin("survey", "add", tmp_path / "file.txt", "--name", "spring").fails_with("this is no folder")
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "readme.txt").touch()
    twin("survey", "add", empty, "--name", "spring").fails_with(
        "there is no photo here (looked for .jpeg, .jpg, .png, .tif, .tiff).", "Give the folder that holds the photos."
    )


def test_too_few_photos_are_explained_by_reason_and_name(twin, few):
    for name in GOOD[:4]:
        edit_exif(few / name, drop_gps=True)
    twin("survey", "add", few, "--name", "spring").fails_with(
        "only 0 of 4 photos can be used, at least 3 are needed; 4: its EXIF holds no position (DJI_0001.JPG).",
        "Give overlapping photos of one flight with positions in their EXIF.",
    )


def test_photos_of_another_place_than_the_crs_and_the_survey_declared_again(twin, few, surveys):
    for name in GOOD[:4]:
        edit_exif(few / name, lon_deg=-113)
    twin("survey", "add", few, "--name", "spring").fails_with(
        "EPSG:4550: the photos lie at 8.600, 37.387, where CGCS2000 / 3-degree Gauss-Kruger CM 123E is not used.",
        "Declare the survey with --crs EPSG:32632 (WGS 84 / UTM zone 32N), or give photos of this city.",
    )
    said = twin("survey", "add", few, "--name", "spring", "--crs", "EPSG:32632", "--vertical-datum", "ellipsoidal")
    assert said.status == 0, said.err
    assert read_json(surveys / "spring" / "survey.json")["crs"] == "EPSG:32632"
    twin("survey", "add", few, "--name", "spring").fails_with(
        "spring: a survey of this name is there already, with other photos or settings.",
        "Choose another name, or take it away first: twin survey remove spring.",
    )
    assert twin(
        "survey", "add", few, "--name", "spring", "--crs", "EPSG:32632", "--vertical-datum", "ellipsoidal"
    ).status == 0, "the same again is no error"  # fmt: skip


def test_photos_taken_away_after_they_were_registered(twin, few):
    assert twin("survey", "add", few, "--name", "spring").status == 0
    few.rename(few.with_name("elsewhere"))
    twin("survey", "run", "spring").fails_with(
        "the folder of photos is not there", "put it back where it was", str(few)
    )


def test_a_photo_name_of_an_old_chinese_archive_is_read(twin, few, surveys):
    (few / "照片 一.JPG").write_bytes((few / GOOD[3]).read_bytes())
    (few / GOOD[3]).unlink()
    old = str(few).encode() + b"/" + "照片".encode("gbk") + b".JPG"
    with open(old, "wb") as stream:  # noqa: PTH123 - a name that is no text
        stream.write((few / GOOD[2]).read_bytes())
    said = twin("survey", "add", few, "--name", "spring")
    assert said.status == 0, said.err
    assert checked(surveys)["照片 一.JPG"][0] is None
    assert [code for code, _ in checked(surveys).values() if code] == ["bad_name"]


# Declarations


@pytest.mark.parametrize(
    ("crs", "words"),
    [
        ("EPSG:999999", "no coordinate reference system is known as 'EPSG:999999'"),
        ("gibberish", "no coordinate reference system is known as 'gibberish'"),
        ("EPSG:4490", "China Geodetic Coordinate System 2000 is not a projected system in metres"),
        ("EPSG:2263", "NAD83 / New York Long Island (ftUS) is not a projected system in metres"),
    ],
)
def test_a_crs_that_cannot_be(twin, few, surveys, crs, words):
    twin("survey", "add", few, "--name", "spring", "--crs", crs).fails_with(words, "EPSG:4550")
    assert not (surveys / "spring").exists()


@pytest.mark.parametrize(
    ("datum", "words"),
    [
        ("", "the vertical datum is not declared"),
        ("  ", "the vertical datum is not declared"),
        ("EPSG:4550", "CGCS2000 / 3-degree Gauss-Kruger CM 123E says nothing about heights"),
        ("EPSG:8228", "NAVD88 height (ft) is not in metres"),
        ("EPSG:999999", "no coordinate reference system is known as"),
    ],
)
def test_a_vertical_datum_that_cannot_be(twin, few, surveys, datum, words):
    twin("survey", "add", few, "--name", "spring", "--vertical-datum", datum).fails_with(words, "EPSG")
    assert not (surveys / "spring").exists()


def test_names_kinds_qualities_and_stages_that_are_not_known(twin, few, surveys):
    twin("survey", "add", few, "--name", "../spring").fails_with("a survey's name is 1 to 64", "spring-2026")
    twin("survey", "add", few, "--name", "spring", "--kind", "kite").fails_with("'kite'", "--kind drone")
    assert twin("survey", "add", few, "--name", "spring").status == 0
    before = digest_files(surveys)
    twin("survey", "run", "spring", "--quality", "best").fails_with("'best'", "Choose one of fast, standard, high.")
    twin("survey", "run", "spring", "--until", "mash").fails_with("mash: there is no such stage", "mesh, tiles3d")
    twin("survey", "run", "summer").fails_with("summer: there is no survey of this name", "twin survey list")
    twin("survey", "show", "summer").fails_with("there is no survey of this name")
    assert digest_files(surveys) == before


def test_wrong_usage_is_status_2_and_an_error_status_1_in_a_real_shell(tmp_path):
    def shell(*arguments):
        command = [sys.executable, "-m", "twin.cli.main", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)

    usage = shell("survey", "add", str(tmp_path))
    assert usage.returncode == 2
    assert "--name" in usage.stderr
    error = shell("survey", "add", str(tmp_path / "no"), "--name", "spring")
    assert error.returncode == 1
    assert error.stderr.strip() == f"{tmp_path / 'no'}: the folder of photos is not there. Check the path, or put it " \
        "back where it was."  # fmt: skip
    assert error.stdout == ""


# Control points and outlines


@pytest.mark.parametrize(
    ("change", "words", "do"),
    [
        (lambda c: [*c[:2], c[3], c[2], *c[4:]], "easting and northing are exchanged", "Exchange the two columns"),
        (moved(east_m=-240_000), "in EPSG:4550 its points lie 239 km from the photos", "Check the coordinate system"),
        (moved(east_m=41_000_000), "in EPSG:4550 its points lie", "The numbers fit EPSG:4529"),
        (lambda c: [*c[:4], "0", *c[5:]], "all heights are 0", "height_m"),
        (lambda c: [*c[:2], "", *c[3:]], "holds no point that can be read", "name, role, east, north, height_m"),
    ],
    ids=["exchanged", "another place", "another zone", "no heights", "no numbers"],
)
def test_control_points_that_cannot_be_right_are_refused_at_once(twin, few, tiny_sample, tmp_path, change, words, do):
    path = changed_gcp(tiny_sample, tmp_path, change)
    twin("survey", "add", few, "--name", "spring", "--gcp", path).fails_with("points.csv: ", words, do)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "names no coordinate system we know"),
        ("点,角色".encode("gbk"), "cannot be read as text (UTF-8)"),
        (b"name,role,east\nA,check,1", "lacks the columns north, height_m, file, col, row"),
        (b"# crs=EPSG:999999\nname,role,east,north,height_m,file,col,row\n", "names no coordinate system we know"),
        (
            b"# crs=EPSG:4550 vertical_datum=EPSG:3855\nname,role,east,north,height_m,file,col,row\n"
            b"A,check,376000,4140400,24,DJI_0001.JPG,1,1\n",
            "its heights are in EPSG:3855, the survey declares EPSG:5737",
        ),
    ],
    ids=["empty", "gbk", "columns", "crs", "datum"],
)
def test_control_files_that_cannot_be_used(twin, few, tmp_path, content, words):
    path = tmp_path / "points.csv"
    path.write_bytes(content)
    twin("survey", "add", few, "--name", "spring", "--gcp", path).fails_with("points.csv: ", words)


def test_a_control_file_that_is_not_there(twin, few, tmp_path):
    twin("survey", "add", few, "--name", "spring", "--gcp", tmp_path / "no.csv").fails_with(
        "no.csv: the file of control points is not there"
    )


def _outlines(tiny_sample, path, *, crs="EPSG:4550", east_m=0.0, drop=()):
    table = pyogrio.read_dataframe(tiny_sample / "footprints.gpkg").drop(columns=list(drop))
    table["geometry"] = [affinity.translate(each, east_m) for each in table.geometry]
    pyogrio.write_dataframe(table.set_crs(crs, allow_override=True), path)
    return path


def test_outlines_that_cannot_be_used_are_refused_at_once(twin, few, tiny_sample, tmp_path):
    (tmp_path / "text.gpkg").write_text("no outlines")
    columns = set(pyogrio.read_info(tiny_sample / "footprints.gpkg")["fields"]) & {"code", "JZBM"}
    for path, words in (
        (tmp_path / "text.gpkg", "the outlines cannot be read"),
        (tmp_path / "no.gpkg", "the file of building outlines is not there"),
        (_outlines(tiny_sample, tmp_path / "codes.gpkg", drop=columns), "have no column with codes"),
        (_outlines(tiny_sample, tmp_path / "far.gpkg", east_m=90_000), "lies 90 km from the photos"),
        (_outlines(tiny_sample, tmp_path / "zone.gpkg", crs="EPSG:4549"), "km from the photos"),
    ):
        twin("survey", "add", few, "--name", "spring", "--footprints", path).fails_with(path.name, words)
