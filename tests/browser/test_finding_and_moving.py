"""Search, the keyboard, the layers: every way to a place that is not a click."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext

from tests.api import small_city_survey as survey
from tests.browser.conftest import ServedCity
from tests.browser.map_page import MapPage
from tests.browser.test_one_click import above

pytestmark = pytest.mark.browser


def test_search_by_address_and_by_asset_code(context: BrowserContext, city: ServedCity) -> None:
    page = MapPage.open(context, city.root, "lang=zh-CN", draws=False)
    keyboard = page.page.keyboard
    keyboard.press("/")
    assert page.page.evaluate("document.activeElement.id") == "search-input"
    keyboard.type("政府大街103号")
    page.until("document.querySelectorAll('.search-option').length > 0")
    assert "政府大街103号" in page.text(".search-option")
    keyboard.press("Enter")
    page.panel_answers()
    assert page.text("#panel-title") == "实验小学"
    page.until("document.activeElement.id === 'panel-title'")  # ears follow

    keyboard.press("/")
    page.page.fill("#search-input", city.facts.assets["lamp_3"].code)
    page.until("document.querySelector('.search-option .row-title')?.textContent.includes('3号路灯')")
    keyboard.press("Enter")
    page.until("document.querySelector('.overline')?.textContent === '城市部件'")
    page.panel_answers()
    assert page.text("#panel-title") == "路灯"
    assert city.facts.assets["lamp_3"].code in page.text(".subtitle")
    assert (
        page.page.locator(f"details[data-code='{city.facts.assets['lamp_3'].code}']").get_attribute("open") is not None
    )
    page.close()


def test_search_says_what_it_found_or_that_it_found_nothing(context: BrowserContext, city: ServedCity) -> None:
    page = MapPage.open(context, city.root, "lang=en", draws=False)
    page.page.fill("#search-input", "不存在的地方xyz")
    page.until("document.querySelector('#search').dataset.state === 'empty'")
    assert "Nothing found" in page.text(".search-status")
    lon, lat = city.facts.centre_of("offices")
    page.page.fill("#search-input", f"{lon:.6f}，{lat:.6f}")
    page.until("document.querySelectorAll('.search-option').length === 1")
    page.page.keyboard.press("Enter")
    page.panel_answers()
    assert page.text("#panel-title") == "财政大厦"
    page.page.route("**/search?*", lambda route: route.abort())
    page.page.fill("#search-input", "政府")
    page.until("document.querySelector('#search').dataset.state === 'failed'")
    assert page.text(".search-status") == "The server cannot be reached"
    page.close()


def test_the_whole_way_by_keyboard(context: BrowserContext, city: ServedCity) -> None:
    page = MapPage.open(context, city.root, above(city, "school", language="en"))
    keyboard = page.page.keyboard
    for _ in range(30):
        keyboard.press("Tab")
        if page.page.evaluate("document.activeElement.id") == "map":
            break
    assert page.page.evaluate("document.activeElement.id") == "map"
    assert page.page.locator(".crosshair").is_visible()
    keyboard.press("Enter")
    page.panel_answers()
    assert page.text("#panel-title") == "实验小学"
    asked = page.lookups()[-1]
    assert asked["height_m"] == pytest.approx(29.0, abs=0.2)  # its roof
    page.until("document.activeElement.id === 'panel-title'")
    keyboard.press("Escape")
    page.until("document.querySelector('#panel').hidden")
    assert page.page.evaluate("document.activeElement.id") == "map"

    # An arrow moves the crosshair: up is north.
    keyboard.press("ArrowUp")
    page.until(lambda: f"{asked['lat']:.4f}" not in page.page.url.split("&")[0], "the view to move")
    keyboard.press("Enter")
    page.until(lambda: len(page.lookups()) == 2, "a second question")
    moved = page.lookups()[-1]
    assert moved["lat"] > asked["lat"] + 1e-5
    assert moved["lon"] == pytest.approx(asked["lon"], abs=2e-6)

    keyboard.press("?")
    page.until("document.querySelector('#help').open")
    keyboard.press("Escape")
    page.until("!document.querySelector('#help').open")
    page.close()


def test_layers_and_categories_are_switched_and_kept_in_the_link(context: BrowserContext, city: ServedCity) -> None:
    page = MapPage.open(context, city.root, above(city, "tower"))
    page.page.click("#layers-button")
    assert page.page.locator("#layer-assets").is_checked()
    page.page.click("[data-key=category-04]")
    assert page.page.get_attribute("[data-key=category-04]", "aria-pressed") == "false"
    page.page.click("[data-key=style-mesh]")
    page.until(lambda: "layers=mesh,assets,labels" in page.page.url, "the link to name the layers")
    page.quiet()
    # Without its blocks the click meets the model made from the photos, here the bare ground.
    page.click_map()
    page.panel_answers()
    assert page.lookups()[-1]["height_m"] == pytest.approx(survey.SCENE.ground_h_m, abs=1)
    assert any("/mesh/ground.glb" in url for url in page.requests)
    page.close()


def test_measuring_a_known_length(context: BrowserContext, city: ServedCity) -> None:
    lon, lat = city.facts.at(0, -10)
    link = f"view={lon:.7f},{lat:.7f},19,0,0&layers=orthophoto&lang=en"
    page = MapPage.open(context, city.root, link)
    metres_per_pixel = page.page.evaluate(
        "parseFloat(document.querySelector('.scale-text').textContent)"
    ) / page.page.evaluate("document.querySelector('.scale-bar').getBoundingClientRect().width")
    page.page.click("#measure-button")
    page.click_map(right=-50)
    page.until("document.querySelector('#measure').textContent.includes('Click another')")
    page.click_map(right=50)
    page.until("document.querySelectorAll('.measure-row').length === 3")
    shown = page.text(".measure-row strong")
    assert float(shown.removesuffix(" m")) == pytest.approx(100 * metres_per_pixel, rel=0.03)
    page.page.keyboard.press("Escape")
    page.until("document.querySelector('#measure').hidden")
    assert page.lookups() == []  # a measured point is no question
    page.close()
