"""A run is killed, or its disk is full, at every single change it makes to the disk, one after the other."""

from __future__ import annotations

import errno
import os
import shutil
import sys

import pytest

from photogrammetry.stages import Stage, is_finished
from tests.photogrammetry.toy_stages import CHANGES, WRITES, Factor, Toy, plan
from twin.errors import NoSpace

pytestmark = pytest.mark.usefixtures("no_power_cut")


def _in_child(toy, stages, on_change):
    """Run in a forked process, calling on_change(number) at every change on the workspace; give its exit status."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 99
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        count = [0]
        armed = [True]

        def watch(event, args):
            if not armed[0] or not _changes(event, args, str(toy.workspace)):
                return
            count[0] += 1
            on_change(count[0], event)

        sys.addaudithook(watch)
        status = 0
        try:
            toy.run(stages)
        except NoSpace as error:
            armed[0] = False
            status = 10 if "disk is full" in str(error) and "Free some space" in str(error) else 11
        except BaseException:
            status = 12
    finally:
        os._exit(status)


def _changes(event, args, workspace):
    if event == "open":
        path, _, flags = args
        return bool(isinstance(path, str) and path.startswith(workspace) and flags & (os.O_WRONLY | os.O_RDWR))
    return event in CHANGES


def _older_state(toy, fresh):
    if not fresh:
        toy.run(plan(first=5, third=4))


@pytest.mark.kill
@pytest.mark.parametrize("fresh", [True, False], ids=["new", "rebuilding"])
def test_killed_at_any_change_of_the_disk_a_run_resumes_to_the_same_bytes(tmp_path, fresh):
    (tmp_path / "whole").mkdir()
    whole = Toy(tmp_path / "whole")
    whole.run()
    number, status = 0, -9
    while status == -9:
        number += 1
        root = tmp_path / str(number)
        root.mkdir()
        toy = Toy(root)
        _older_state(toy, fresh)
        status = _in_child(toy, None, lambda n, event, stop=number: os.kill(os.getpid(), 9) if n == stop else None)
        toy.run()
        assert toy.products() == whole.products(), number
        assert toy.hidden() == [], number
        assert toy.run() == ([], {})
        shutil.rmtree(root)
    assert status == 0
    assert number > 25, "the run was not watched"


@pytest.mark.parametrize("fresh", [True, False], ids=["new", "rebuilding"])
def test_a_disk_full_at_any_moment_is_said_and_costs_nothing_that_was_done(tmp_path, fresh):
    (tmp_path / "whole").mkdir()
    whole = Toy(tmp_path / "whole")
    whole.run()
    number, status, seen = 0, 10, 0
    while status == 10:
        number += 1
        root = tmp_path / str(number)
        root.mkdir()
        toy = Toy(root)
        _older_state(toy, fresh)

        def full(n, event, begin=number):
            if n >= begin and (event == "open" or event in WRITES):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        status = _in_child(toy, None, full)
        kept = [name for name in ("double", "total", "other") if is_finished(toy.workspace / "stages" / name)]
        toy.run()
        assert toy.products() == whole.products(), number
        assert toy.hidden() == [], number
        seen = max(seen, len(kept))
        shutil.rmtree(root)
    assert status == 0, f"change {number}: {status}"
    assert number > 15, "the run was not watched"
    assert seen == 3


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
