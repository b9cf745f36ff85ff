"""Fixtures for every test: settings of a running private cluster, databases of one's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests.databases import Database, fresh_database, running_cluster
from twin.settings import Settings

# The same cases in every run, so that a change is judged by what it changed. To look for new ones:
# HYPOTHESIS_PROFILE=search pytest ... How long a case takes says more of the machine than of the case.
SLOW = [HealthCheck.too_slow]
hypothesis_settings.register_profile("same", derandomize=True, deadline=None, suppress_health_check=SLOW)
hypothesis_settings.register_profile("search", print_blob=True, deadline=None, suppress_health_check=SLOW)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep the tests of one xdist_group in one process (`--dist loadgroup`)."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from tests.scheduling import GroupScheduling

    return GroupScheduling(config, log)


@pytest.fixture(scope="session")
def settings() -> Iterator[Settings]:
    """Settings of a private cluster in a temporary folder, started and migrated once per run."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def database(settings: Settings, tmp_path: Path) -> Iterator[Database]:
    """A fresh migrated database for one test."""
    with fresh_database(settings, tmp_path / "var") as copy:
        yield copy


@pytest.fixture(scope="module")
def module_database(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A fresh migrated database for the tests of one module, which must not disturb each other."""
    with fresh_database(settings, tmp_path_factory.mktemp("module") / "var") as copy:
        yield copy
