"""A run of the toy stages that is killed, or finds its disk full, at every single change it makes to the disk.

python -m tests.photogrammetry.interrupted_runs killed|full new|rebuilding FOLDER: in a process of its own, for each run
is a fork of it, and a test process that has grown is slow to fork.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from pathlib import Path

from photogrammetry.stages import is_finished
from tests.photogrammetry.toy_stages import CHANGES, WRITES, Toy, plan
from twin.errors import NoSpace


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


def killed(tmp_path, fresh):
    """Kill a run at each change in turn: what is resumed ends with the same bytes."""
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


def full(tmp_path, fresh):
    """Let the disk be full from each change on in turn: it is said, and what was done stays."""
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

        def fill(n, event, begin=number):
            if n >= begin and (event == "open" or event in WRITES):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        status = _in_child(toy, None, fill)
        kept = [name for name in ("double", "total", "other") if is_finished(toy.workspace / "stages" / name)]
        toy.run()
        assert toy.products() == whole.products(), number
        assert toy.hidden() == [], number
        seen = max(seen, len(kept))
        shutil.rmtree(root)
    assert status == 0, f"change {number}: {status}"
    assert number > 15, "the run was not watched"
    assert seen == 3


if __name__ == "__main__":
    os.fsync = lambda handle: None  # what a power cut needs is tested by the order in which things are done
    {"killed": killed, "full": full}[sys.argv[1]](Path(sys.argv[3]), sys.argv[2] == "new")
