"""Whatever is asked of any route: no server error, and every answer is as the OpenAPI document says.

A few examples of each operation, the same in every run. The long form: SCHEMATHESIS_EXAMPLES=300 pytest -q
tests/api/test_schemathesis.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as settings_of_hypothesis
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from api.app import create_app
from api.limits import ApiLimits
from tests.api.small_city import insert_small_city
from tests.databases import fresh_database
from twin.settings import Settings

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "3"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
ENDLESS = "/jobs/{job_id}/events"  # a stream


@pytest.fixture(scope="module")
def application(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """An application whose city may be changed, where everybody is a steward."""
    with fresh_database(settings, tmp_path_factory.mktemp("schema") / "var") as database:
        with database.connect("ingest") as connection:
            insert_small_city(connection, database.settings.data_dir)
        app = create_app(
            replace(database.settings, desk="steward"), limits=ApiLimits(pool_wait_s=20, pool_min=1, job_stream_s=0.1)
        )
        with TestClient(app, raise_server_exceptions=False):
            yield app


def attempt(operation: Any) -> None:
    """Ask one operation with generated values. Raises what is wrong with an answer."""

    @given(operation.as_strategy())
    @settings_of_hypothesis(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        answer = case.call(headers={"Twin-Person": "tester"})
        case.validate_response(answer, checks=CHECKS)

    ask()


def test_every_answer_is_as_documented(application: Any) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", application)
    asked, wrong = 0, []
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path == ENDLESS:
            continue
        asked += 1
        try:
            attempt(operation)
        except FailureGroup as group:
            wrong.append(f"{operation.label}: {'; '.join(str(failure) for failure in group.exceptions)[:900]}")
        except Exception as error:
            wrong.append(f"{operation.label}: {type(error).__name__} {str(error)[:900]}")
    assert asked >= 30
    assert not wrong, "\n\n".join(wrong)
