"""A run is killed, or its disk is full, at every single change it makes to the disk, one after the other."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys

import pytest

from photogrammetry.stages import Stage
from tests.photogrammetry.survey_runs import REPOSITORY
from tests.photogrammetry.toy_stages import Factor, plan
from twin.errors import NoSpace

pytestmark = pytest.mark.usefixtures("no_power_cut")


def interrupt(how, state, folder):
    command = [sys.executable, "-m", "tests.photogrammetry.interrupted_runs", how, state, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr


@pytest.mark.kill
@pytest.mark.parametrize("state", ["new", "rebuilding"])
def test_killed_at_any_change_of_the_disk_a_run_resumes_to_the_same_bytes(tmp_path, state):
    interrupt("killed", state, tmp_path)


@pytest.mark.parametrize("state", ["new", "rebuilding"])
def test_a_disk_full_at_any_moment_is_said_and_costs_nothing_that_was_done(tmp_path, state):
    interrupt("full", state, tmp_path)


def test_a_full_disk_is_said_in_the_users_words_and_names_the_stage(toy):
    def full(inputs, output_dir, settings, tools):
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            raise RuntimeError("write failed") from error

    with pytest.raises(NoSpace) as caught:
        toy.run([*plan()[:3], Stage("last", 1, full, ("total", "other"), Factor())])
    text = str(caught.value)
    assert "the disk is full: stage last could not be written; all earlier stages are kept" in text
    assert "Free some space (or move the data directory with TWIN_DATA_DIR) and run the same command again." in text
    assert str(toy.workspace) in text
    assert toy.run()[0] == ["last"]


def test_a_library_that_fails_in_its_own_words_on_a_full_disk_is_understood(toy, monkeypatch):
    def wordless(inputs, output_dir, settings, tools):
        raise RuntimeError("TIFFAppendToStrip: write error at scanline 512")

    stages = [Stage("double", 1, wordless, ("numbers",), Factor())]
    with pytest.raises(RuntimeError):
        toy.run(stages)
    usage = shutil.disk_usage(toy.numbers)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage._replace(free=4096))
    with pytest.raises(NoSpace):
        toy.run(stages)
