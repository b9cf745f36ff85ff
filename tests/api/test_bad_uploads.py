"""Malformed and hostile files, handed in over HTTP and checked by a real worker: refused before they do harm.

`python -m benchmarks.bad_uploads --count 10000` is the long form.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import bad_binaries, bad_side_files, bad_texts
from benchmarks.bad_texts import Trap
from benchmarks.bad_uploads import bad_files, judge
from tests.databases import Database


@pytest.mark.xdist_group("bad_uploads")
def test_hostile_files_are_refused_and_nothing_else_happens(database: Database) -> None:
    found = judge(database.settings, count=150, seed=11, cheap_share=0.88)
    assert found.faults() == []
    assert found.files == 150
    assert found.refused_at_the_door >= 15
    assert found.refused_by_the_reader >= 80


def test_the_same_seed_makes_the_same_files_of_every_kind(tmp_path: Path) -> None:
    trap = Trap(9, tmp_path / "canary.csv")
    kinds = [kind for kind, _ in bad_files(trap, 120, seed=2, cheap_share=0.5)]
    assert kinds == [kind for kind, _ in bad_files(trap, 120, seed=2, cheap_share=0.5)]
    makers = (*bad_texts.CHEAP, *bad_texts.READ, *bad_binaries.READ, *bad_side_files.READ)
    assert set(kinds) == {maker.__name__ for maker in makers}
