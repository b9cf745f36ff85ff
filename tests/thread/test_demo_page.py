"""docs/demo.md says what happens: each of its commands succeeds and prints what the page shows."""

from __future__ import annotations

import pytest

from tests.thread.conftest import PAGE, Walk
from tests.thread.walk import missing_lines, read_steps

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("thread")]


@pytest.mark.parametrize("number", range(len(read_steps(PAGE))))
def test_each_block_prints_what_the_page_shows(walk: Walk, number: int) -> None:
    shown, printed = walk.steps[number].shown, walk.printed[number]
    if shown is not None:
        assert not missing_lines(shown, printed), printed


def test_most_of_the_page_shows_its_output() -> None:
    steps = read_steps(PAGE)
    assert sum(step.shown is not None for step in steps) >= len(steps) - 1
