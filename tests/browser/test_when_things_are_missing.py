"""What people see when there is nothing yet, or when something fails: what is wrong and what to do."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.conftest import ServedCity
from tests.browser.map_page import VIEWPORT, MapPage

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]  # one Chromium at a time


def test_an_empty_twin_says_what_to_do(context: BrowserContext, empty_city: str) -> None:
    page = MapPage.open(context, empty_city, "lang=zh-CN")
    assert "还没有发布实景测绘" in page.text("[data-notice=no-survey]")
    assert "twin demo" in page.text("[data-notice=no-survey]")
    page.page.click("[data-language=en]")
    page.until("document.querySelector('[data-notice=no-survey]').textContent.includes('No survey')")
    page.click_map(right=60, down=60)
    page.panel_answers()
    assert "No survey covers this place" in page.text("#section-terrain")
    page.close()


def test_a_failed_lookup_is_explained_and_can_be_repeated(context: BrowserContext, city: ServedCity) -> None:
    lon, lat = city.facts.centre_of("tower")
    page = MapPage.open(context, city.root, "lang=zh-CN", draws=False)
    page.page.route("**/lookup?*", lambda route: route.abort())
    page.page.evaluate(f"location.hash = 'at={lon:.7f},{lat:.7f},44'")
    page.until("document.querySelector('#panel').dataset.state === 'failed'")
    assert page.text("#panel-title") == "连接不上服务器"
    page.page.unroute("**/lookup?*")
    page.page.click(".failure .solid-button")
    page.panel_answers()
    assert page.text("#panel-title") == "区政府办公楼"
    page.close(provoked="/lookup?")


def test_a_place_outside_the_city_is_named_as_such(context: BrowserContext, city: ServedCity) -> None:
    page = MapPage.open(context, city.root, "at=120,30&lang=zh-CN", draws=False)
    page.until("document.querySelector('#panel').dataset.state === 'failed'")
    assert page.text("#panel-title") == "位置不在本区范围内"
    page.page.click("[data-language=en]")
    page.until("document.querySelector('.failure').textContent.includes('outside')")
    page.close(provoked="/lookup?")


def test_an_api_that_is_down_is_said_and_the_page_stays(context: BrowserContext, city: ServedCity) -> None:
    context.route("**/surveys", lambda route: route.fulfill(status=503, json={"detail": "no database"}))
    page = MapPage.open(context, city.root, "lang=en", draws=False)
    assert "The system is busy" in page.text("[data-notice=api]")
    assert page.page.locator("#search-input").is_enabled()
    page.close(provoked="/surveys")


def test_without_webgl_no_control_is_left_that_does_nothing(context: BrowserContext, city: ServedCity) -> None:
    page = MapPage.open(context, city.root, "lang=zh-CN", draws=False)
    assert "WebGL 2" in page.text("[data-notice=no-webgl]")
    for selector in ("#layer-card", "#layers-button", "#measure-button", ".map-controls", "#status-bar"):
        assert not page.page.locator(selector).is_visible(), selector
    assert page.page.locator("#search-input").is_enabled()
    page.close()


def test_on_a_telephone_the_panel_is_a_sheet_from_below(context: BrowserContext, city: ServedCity) -> None:
    lon, lat = city.facts.centre_of("tower")
    page = MapPage.open(context, city.root, "lang=zh-CN", draws=False)
    page.page.set_viewport_size({"width": 360, "height": 720})
    page.page.evaluate(f"location.hash = 'at={lon:.7f},{lat:.7f},44'")
    page.panel_answers()
    panel = page.page.locator("#panel").bounding_box()
    assert panel
    assert (panel["x"], panel["width"]) == (0, 360)
    assert panel["y"] > 300
    wide = page.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 360
    page.page.set_viewport_size(VIEWPORT)
    page.close()
