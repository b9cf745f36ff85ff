"""docs/api.md has a curl line for every operation of the API."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
SENDS = re.compile(r"\s(-d|--data\S*|--json|-F)\s")


def asked_by(line: str) -> tuple[str, str]:
    """Give the method and the path (without its query) that a curl line asks for."""
    address = re.search(r"http://127\.0\.0\.1:8000([^?'\"\s]*)", line)
    method = re.search(r"\s-X (\w+)", line)
    assert address, line
    if method:
        return method[1], address[1]
    return ("POST" if SENDS.search(line) and " -G " not in line else "GET"), address[1]


@pytest.fixture(scope="module")
def lines() -> list[tuple[str, str]]:
    text = PAGE.read_text(encoding="utf-8").replace("\\\n", " ")
    return [asked_by(line) for line in text.splitlines() if line.startswith("curl ") and "127.0.0.1:8000" in line]


def fits(route: str, path: str) -> bool:
    """Tell whether a route's template takes a path."""
    pattern = re.sub(
        r"\\\{(\w+)\\\}", lambda found: ".+" if found[1] in ("path", "file") else "[^/]+", re.escape(route)
    )
    return re.fullmatch(pattern, path) is not None


def test_every_operation_has_a_curl_line_and_every_line_an_operation(
    client: TestClient, lines: list[tuple[str, str]]
) -> None:
    operations = {
        (method.upper(), path)
        for path, methods in client.get("/openapi.json").json()["paths"].items()
        for method in methods
    }
    missing = [
        f"{method} {route}"
        for method, route in sorted(operations)
        if not any(asked == method and fits(route, path) for asked, path in lines)
    ]
    assert not missing, "docs/api.md says nothing of them"
    lost = [
        line for line in lines if not any(line[0] == method and fits(route, line[1]) for method, route in operations)
    ]
    assert not lost, "there is no such operation"
