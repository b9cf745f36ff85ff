"""The count of requests to other hosts, which every other browser test ends with, would not miss one."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, BrowserContext, Error

from tests.browser.conftest import Outside, ServedCity
from tests.browser.map_page import MapPage

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]  # one Chromium at a time


def test_a_request_to_another_host_is_refused_and_counted(browser: Browser, outside: Outside) -> None:
    context = browser.new_context()
    with pytest.raises(Error, match="net::ERR"):
        context.new_page().goto("https://tiles.example/city.js")
    context.close()
    assert set(outside.asked) == {"tiles.example"}  # a browser may try more than once


def test_the_page_itself_forbids_other_hosts(context: BrowserContext, city: ServedCity, outside: Outside) -> None:
    page = MapPage.open(context, city.root, draws=False)
    page.page.evaluate("fetch('http://tiles.example/data.json').catch(() => 0)")
    page.until("window.refused.length > 0")
    assert page.outside() == ["http://tiles.example/data.json"]
    assert outside.asked == []  # stopped before it left the browser
    page.page.close()
