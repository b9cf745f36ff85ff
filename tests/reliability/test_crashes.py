"""The server is killed while people write and read: nothing promised is lost, and the service comes back by itself.

Fewer rounds than `python -m benchmarks.crashes`, a shorter outage than `python -m benchmarks.outage`, in one cluster.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.crashes import FORGETFUL, KEPT, crash, own_cluster
from benchmarks.outage import Load, faults, outage
from twin.settings import Settings

pytestmark = [pytest.mark.kill, pytest.mark.xdist_group("crashes")]


QUICK = {"fsync": "off"}  # of a disk that is never unplugged


@pytest.fixture(scope="module")
def cluster() -> Iterator[Settings]:
    with own_cluster(KEPT | QUICK) as settings:
        yield settings


def test_no_acknowledged_write_is_lost_when_every_process_is_killed(cluster: Settings) -> None:
    found = crash(cluster, KEPT | QUICK, rounds=6)
    assert found.rounds == 6
    assert found.acknowledged >= 6 * 60
    assert (found.lost, found.torn, found.broken) == (0, 0, 0)


def test_the_same_check_finds_losses_where_commits_do_not_wait(cluster: Settings) -> None:
    found = crash(cluster, FORGETFUL | QUICK, rounds=3)
    assert found.lost > 0, "a check that cannot fail says nothing"
    assert (found.torn, found.broken) == (0, 0), "what is there is whole all the same"


def test_a_database_that_is_gone_under_load_is_said_so_and_comes_back_without_a_restart(cluster: Settings) -> None:
    def until_many_were_refused(load: Load) -> None:
        load.wait_for(lambda answers: answers.statuses[503] >= 40)

    during, after, _ = outage(cluster, until_many_were_refused)
    assert faults(during, after) == []
