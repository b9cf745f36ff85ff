"""What people type, send and are called never stands in the service's log, whatever route it goes through."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from tests.api.conftest import City

MARK = "张planted三13912345678"


def test_nothing_that_is_sent_is_logged(client: TestClient, city: City, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    headers = {"authorization": "Bearer planted", "user-agent": "planted", "referer": "https://x/planted"}
    for path, operations in client.get("/openapi.json").json()["paths"].items():
        filled = re.sub(r"\{\w+\}", MARK, path)
        for method, operation in operations.items():
            query = {p["name"]: MARK for p in operation.get("parameters", ()) if p["in"] == "query"}
            client.request(method.upper(), filled, params=query, json={"name": MARK, "reason": MARK}, headers=headers)
    client.get(f"/nothing/{MARK}", params={"q": MARK}, headers=headers)
    said = [record.getMessage() + str(record.exc_text or "") for record in caplog.records]
    lines = [line for line in said if not line.startswith("HTTP Request: ")]  # the client's own, not the service's
    assert len(lines) >= 40
    private = ("planted", "13912345678", "%E5%BC%A0", *city.facts.private_texts)
    assert [line for line in lines if any(text in line for text in private)] == []
