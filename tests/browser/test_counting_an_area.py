"""What there is in an area: drawn on the map or named, by mouse and by keyboard; and the way to the other pages."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.conftest import ServedCity
from tests.browser.map_page import MapPage
from tests.browser.test_accessibility import FAINT_TEXTS, NAMELESS

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]  # one Chromium at a time

ASSETS_IN = """
SELECT count(*) FROM twin.asset
WHERE valid_to IS NULL AND ST_Intersects(ST_PointOnSurface(geom), ST_SetSRID(ST_GeomFromGeoJSON(%s), 4490))
"""
COUNTED = "document.querySelector('#area .area-table') !== null"


def test_a_village_is_counted_by_keyboard_on_a_telephone(context: BrowserContext, city: ServedCity) -> None:
    page = MapPage.open(context, city.root, "lang=en", draws=False)
    page.page.set_viewport_size({"width": 390, "height": 780})
    assert page.page.is_hidden("#pages")
    assert page.page.evaluate("document.querySelector('.masthead').scrollHeight <= 108")  # it still has two lines
    page.page.focus("#pages-button")
    page.page.keyboard.press("Enter")
    shown = page.page.locator("#pages a:visible").evaluate_all("links => links.map((a) => a.getAttribute('href'))")
    assert shown == ["/", "/deliver", "/link", "/login"]
    page.page.keyboard.press("Escape")
    assert page.page.is_hidden("#pages")
    assert page.page.evaluate("document.activeElement.id") == "pages-button"

    page.page.focus("#area-button")
    page.page.keyboard.press("Enter")
    page.page.keyboard.type(city.facts.community)
    page.page.keyboard.press("Enter")
    page.until(COUNTED)
    [(name, outline)] = city.database.fetch(
        "SELECT name_zh, ST_AsGeoJSON(geom) FROM twin.admin_unit WHERE code = %s", (city.facts.community,)
    )
    assert page.text("#area h3") == name
    [(assets,)] = city.database.fetch(ASSETS_IN, (outline,))
    assert f"Assets by class\n{assets}" in page.text("#area")
    # The two households of the small city are too few to tell.
    assert page.page.locator("#area td.suppressed").all_inner_texts() == ["not told", "not told"]
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.page.evaluate(FAINT_TEXTS) == []
    assert page.page.evaluate(NAMELESS) == []
    page.page.click("#area .row-actions button")
    page.page.fill("#area input", "没有这个村")
    page.page.keyboard.press("Enter")
    page.until("document.querySelector('#area .callout') !== null")
    page.page.keyboard.press("Escape")
    assert page.page.is_hidden("#area")
    page.close()


def test_an_area_is_drawn_and_counted(context: BrowserContext, city: ServedCity) -> None:
    lon, lat = city.facts.at(0, 0)
    link = f"view={lon:.7f},{lat:.7f},18,0,0&layers=orthophoto&lang=zh-CN"
    page = MapPage.open(context, city.root, link)
    page.page.focus("#map")
    page.page.keyboard.press("a")
    page.page.keyboard.press("Enter")  # a corner at the crosshair
    page.until("document.querySelector('#area').textContent.includes('已有 1 个角')")
    page.click_map(right=-100)
    page.until("document.querySelector('#area').textContent.includes('已有 2 个角')")
    page.click_map(right=-100, down=-60)
    page.until("document.querySelector('.area-count') !== null")
    with page.page.expect_request("**/summary") as waiting:
        page.page.click(".area-count")
    page.until(COUNTED)
    polygon = json.loads(waiting.value.post_data or "")["polygon"]
    [(assets,)] = city.database.fetch(ASSETS_IN, (json.dumps(polygon),))
    assert assets > 0
    assert f"部件（按小类）\n{assets}" in page.text("#area")
    assert "路灯" in page.text("#area")
    assert page.lookups() == []  # a corner is no question
    page.page.keyboard.press("Escape")
    page.close()
