"""docs/ingest.md and docs/linking.md say what happens: a bad Excel file becomes linked records, step by step."""

from __future__ import annotations

import pytest

from tests.thread.conftest import ROOT, Walk, clean_environment
from tests.thread.walk import missing_lines, read_steps, run_steps

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("thread")]

STEPS = [step for name in ("ingest.md", "linking.md") for step in read_steps(ROOT / "docs" / name)]
PATIENCE_S = 900


@pytest.fixture(scope="module")
def printed(walk: Walk, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Walk both pages in one shell; the sample they share with docs/demo.md has been made already."""
    folder = tmp_path_factory.mktemp("office")
    (folder / "quarter").symlink_to(walk.folder / "quarter")
    return run_steps(STEPS, folder, clean_environment(), PATIENCE_S)


@pytest.mark.parametrize("number", range(len(STEPS)))
def test_each_block_prints_what_the_page_shows(printed: list[str], number: int) -> None:
    shown = STEPS[number].shown
    assert shown is None or not missing_lines(shown, printed[number]), printed[number]


def test_the_pages_show_what_matters() -> None:
    shown = "\n".join(step.shown or "" for step in STEPS)
    for word in ("rejected", "review", "409", "True"):
        assert word in shown
