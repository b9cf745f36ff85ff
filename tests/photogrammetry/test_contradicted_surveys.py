"""What only shows when photos and points are put together: refused or left out by name, and nothing lost."""

from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import piexif
import pytest

from photogrammetry.durable_files import digest_files, read_json, write_json
from photogrammetry.stages import is_finished
from tests.photogrammetry.survey_commands import GOOD, changed_gcp, moved
from tests.photogrammetry.survey_runs import NAME


@pytest.fixture
def finished(unbroken, surveys):
    """A finished survey with its data directory."""
    shutil.copytree(unbroken.workspace, surveys / NAME)
    return surveys / NAME


def _declare(workspace, **changes):
    write_json(workspace / "survey.json", {**read_json(workspace / "survey.json"), **changes})


@pytest.mark.parametrize(
    ("change", "words", "do"),
    [
        (moved(east_m=100), ") from where the photos show them", "datum"),
        (
            lambda c: [*c[:6], str(float(c[6]) / 2), str(float(c[7]) / 2)],
            "marks disagree with what the photos show",
            "not in smaller or rotated copies",
        ),
        (lambda c: [*c[:5], f"IMG_{c[5]}", *c[6:]], "none of its marks is in a photo of this survey", "DJI_0001.JPG"),
    ],
    ids=["another datum", "smaller copies", "other photos"],
)
def test_control_points_the_photos_contradict(twin, finished, tiny_sample, tmp_path, change, words, do):
    products = digest_files(finished / "products")
    _declare(finished, gcp_file=str(changed_gcp(tiny_sample, tmp_path, change)))
    twin("survey", "run", NAME).fails_with("points.csv: ", words, do)
    assert digest_files(finished / "products") == products
    assert is_finished(finished / "stages" / "georeference"), "the former result is kept until there is another"
    assert not list((finished / "stages").glob(".*"))


def test_single_bad_points_marks_and_rows_are_left_out_and_named(twin, finished, tiny_sample, tmp_path):
    seen = set()

    def change(cells):
        if cells[1] == "control" and not seen:
            seen.add(cells[0])
        if cells[0] in seen:
            return [*cells[:4], str(float(cells[4]) + 7.0), *cells[5:]]
        return cells

    path = changed_gcp(tiny_sample, tmp_path, change)
    path.write_text(path.read_text() + 'J99,"check,1,2\nJ98,check,x,2,3,DJI_0001.JPG,4,5\n')
    _declare(finished, gcp_file=str(path))
    said = twin("survey", "run", NAME, "--until", "georeference")
    assert said.status == 0, said.err
    report = json.dumps(read_json(finished / "stages" / "georeference" / "accuracy.json"))
    for name in seen:
        assert name in report
    assert report.count("row_refused") == 2


def test_a_file_that_was_damaged_is_named_when_it_is_repaired(twin, finished):
    path = finished / "stages" / "check" / "photos.json"
    path.unlink()
    path.write_text("[]")
    said = twin("survey", "run", NAME, "--until", "check")
    assert said.status == 0
    assert "repaired: check (damaged: photos.json)" in said.out


def test_a_photo_of_noise_only_is_left_out_of_the_model_and_the_others_stay(twin, finished, tiny_sample):
    """Sharp, placed and dated, but nothing in it is anywhere else."""
    photos = finished.parent / "photos"
    shutil.copytree(tiny_sample / "photos", photos)
    noise = np.random.default_rng(1).integers(0, 255, cv2.imread(str(photos / GOOD[4])).shape, dtype=np.uint8)
    cv2.imwrite(str(photos / "noise.jpg"), cv2.GaussianBlur(noise, (0, 0), 1))
    piexif.transplant(str(photos / GOOD[4]), str(photos / "noise.jpg"))
    _declare(finished, photos_dir=str(photos))
    said = twin("survey", "run", NAME, "--until", "undistort")
    assert said.status == 0, said.err
    shots = {shot["file"]: shot["registered"] for shot in read_json(finished / "stages/georeference/cameras.json")}
    assert shots.pop("noise.jpg") is False
    assert shots == dict.fromkeys(GOOD, True)
