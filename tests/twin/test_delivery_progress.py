"""What a delivery's job says of its progress: rows of files only, and never more files than there are."""

from __future__ import annotations

from typing import Any, cast

from twin.cli.delivery_jobs import Told
from twin.jobs.job_run import JobRun


class Heard:
    """Stands in for a job and keeps what it was told."""

    def __init__(self) -> None:
        self.said: list[tuple[float, str]] = []

    def report(self, stage: str, progress: float, zh: str, en: str) -> None:
        self.said.append((progress, en))


def test_waiting_and_what_follows_are_no_files() -> None:
    heard = Heard()
    told = Told(cast("JobRun", cast("Any", heard)), "load", (0.0, 0.8), 2, {"totals": ("统计", "totals follow")})
    told("a.csv: waiting", 0, None)
    told("a.csv", 50, 100)
    told("a.csv", 100, 100)
    told("b.csv", 100, 100)
    told("totals", 200, 300)
    assert [round(progress, 2) for progress, _ in heard.said] == [0.0, 0.2, 0.4, 0.8, 0.8]
    assert heard.said[0][1] == "waiting for another delivery of the kind"
    assert heard.said[3][1].startswith("2/2: 100 of 100 rows")
    assert heard.said[4][1] == "totals follow, 200 / 300"
