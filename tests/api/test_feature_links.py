"""Links of an answer ask what was asked, but for what they change, however the parameters were written."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st

from api.feature_answers import here


def linked(query: str, **changed: str | None) -> list[tuple[str, str]]:
    scope = {
        "type": "http", "scheme": "http", "path": "/collections/assets/items", "query_string": query.encode(),
        "headers": [(b"host", b"city.example")],
    }  # fmt: skip
    link = urlsplit(here(Request(scope), **changed))
    assert (link.netloc, link.path) == ("city.example", "/collections/assets/items")
    return parse_qsl(link.query, keep_blank_values=True)


@pytest.mark.parametrize("box", ["bbox=121.5,37.3,121.6,37.4", "bbox=121.5%2C37.3%2C121.6%2C37.4"])
def test_what_is_changed_replaces_what_was_asked_and_the_rest_stays(box: str) -> None:
    asked = f"{box}&f=json&token=old&name_zh=%E7%81%AF%22%3E"
    assert linked(asked, f="html", token=None) == [
        ("bbox", "121.5,37.3,121.6,37.4"), ("name_zh", '灯">'), ("f", "html"),
    ]  # fmt: skip
    assert linked("limit=10&f=html&f=json", f="json") == [("limit", "10"), ("f", "json")]
    assert linked("") == []


@given(st.text(st.characters(codec="ascii"), max_size=40))
def test_any_query_is_linked_as_it_is_read(query: str) -> None:
    assert linked(query) == parse_qsl(query, keep_blank_values=True)
