"""The API's description: every route with an example that is true, and a page that needs nothing from outside."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.errors import PROBLEM
from tests.api.conftest import City


@pytest.fixture(scope="module")
def description(client: TestClient) -> Any:
    return client.get("/openapi.json").json()


def test_every_route_is_explained_in_both_languages_with_an_example(description: Any) -> None:
    assert len(description["paths"]) >= 20
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert method in {"get", "post", "put", "patch", "delete"}, where
            assert re.search(r"[\u4e00-\u9fff]", operation["summary"]), where
            assert operation["description"], where
            assert operation["tags"], where
            for media, content in operation["responses"]["200"]["content"].items():
                assert "json" not in media or content.get("example"), where
            for status in ("404", "422", "503"):
                assert operation["responses"][status]["content"][PROBLEM]["example"], where
            for content in operation.get("requestBody", {}).get("content", {}).values():
                model = content["schema"].get("$ref", "").rpartition("/")[2]
                assert content.get("example") or description["components"]["schemas"][model]["example"], where
            for parameter in operation.get("parameters", ()):
                assert parameter.get("description"), f"{where} {parameter['name']}"
                needed = parameter["required"]
                assert not needed or parameter["schema"].get("examples") or parameter.get("examples"), where


def test_the_paths_of_the_interface_are_there(description: Any) -> None:
    wanted = """/lookup /nearby /search /classes /surveys /surveys/{name} /surveys/{name}/report /records
      /records/{record_id} /records/{record_id}/links /jobs /jobs/{job_id} /jobs/{job_id}/events /health
      /rasters/{name}/{kind}/tiles/{z}/{x}/{y}.{ext} /rasters/{name}/{kind}/terrain/{z}/{x}/{y}.png
      /rasters/{name}/{kind}/point /3dtiles/{name}/{path} /surveys/{name}/photos/{file}/crop
      /collections/{collection}/tiles/WebMercatorQuad/{z}/{y}/{x}
      /links/review /links/review/{kind}/{number} /links/review/claim /links/review/release /links/review/none
      /links/choose /links/{link_id}/decision /links/{link_id}/undo"""
    assert set(wanted.split()) <= set(description["paths"])


def test_the_examples_of_required_values_can_be_asked(client: TestClient, description: Any, city: City) -> None:
    """Routes without a place of their own answer their own examples."""
    for path in ("/search", "/classes", "/surveys", "/records", "/jobs", "/health"):
        parameters = description["paths"][path]["get"].get("parameters", ())
        query = {p["name"]: p["schema"]["examples"][0] for p in parameters if p["required"]}
        assert client.get(path, params=query).status_code == 200


def test_the_page_uses_only_our_own_files(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    for text in (page.text, client.get("/docs/docs.js").text, client.get("/docs/docs.css").text):
        assert not re.search(r"https?://|//cdn", text)
    assert client.get("/docs/docs.js").headers["content-type"].startswith("text/javascript")
    assert client.get("/docs/other.js").status_code == 404
