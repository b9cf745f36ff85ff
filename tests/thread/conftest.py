"""docs/demo.md walked once a run, as a newcomer does: the small sample is made, processed, linked, asked and saved."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.thread.walk import Step, read_steps, run_steps

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "demo.md"
PATIENCE_S = 2400


@dataclass(frozen=True)
class Walk:
    """What the page shows, what its commands printed, and the folder they worked in."""

    steps: list[Step]
    printed: list[str]
    folder: Path

    @property
    def workspace(self) -> Path:
        """The workspace of the survey that the page processes."""
        return self.folder / "var" / "surveys" / "quarter"


def clean_environment() -> dict[str, str]:
    """The environment of a newcomer's shell: our commands first, no settings of this test run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TWIN_")}
    return {**kept, "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}", "COLUMNS": "120", "LC_ALL": "C.UTF-8"}


@pytest.fixture(scope="session")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """Walk the page."""
    # A unix socket's path is short: the folder must not lie too deep.
    folder = tmp_path_factory.mktemp("walk")
    steps = read_steps(PAGE)
    return Walk(steps, run_steps(steps, folder, clean_environment(), PATIENCE_S), folder)
