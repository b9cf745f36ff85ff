"""Tests of one xdist_group run in one process: with pytest 9.2, pytest-xdist 3.8 by itself does not."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parent.parent
MARK = re.compile(r'^pytestmark = .*xdist_group\("([^"]+)"\)', re.MULTILINE)


@cache
def group_of(file: str) -> str | None:
    """Read from a test module's text which group its `pytestmark` puts it in (who schedules imports no tests)."""
    found = MARK.search((ROOT / file).read_text(encoding="utf-8"))
    return found.group(1) if found else None


class GroupScheduling(LoadScopeScheduling):
    """Hands out single tests, and the tests of one group together."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.split("::")[0]) or nodeid
