"""Search, the keyboard, the layers: every way to a place that is not a click."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext

from tests.api import small_city_survey as survey
from tests.browser.conftest import ServedCity
from tests.browser.map_page import MapPage
from tests.browser.test_one_click import above

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]  # one Chromium at a time


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
    page.close(provoked="/search?")


def test_the_whole_way_by_keyboard(context: BrowserContext, city: ServedCity) -> None:
    page = MapPage.open(context, city.root, above(city, "school", language="en"))
    keyboard = page.page.keyboard
    keyboard.press("Tab")
    assert page.page.evaluate("document.activeElement.className") == "skip-link"
    keyboard.press("Enter")
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
    # Two pictures of one ground: the one switched on last is seen.
    page.page.click("label[for=layer-orthophoto]")
    assert not page.page.locator("#layer-mesh").is_checked()
    page.page.click("label[for=layer-mesh]")
    assert not page.page.locator("#layer-orthophoto").is_checked()
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


def test_the_whole_area_fits_windows_of_any_shape(context: BrowserContext, city: ServedCity) -> None:
    page = MapPage.open(context, city.root, draws=False)
    corners = page.page.evaluate(
        """async () => {
          const settings = JSON.parse(document.querySelector('meta[name="twin-settings"]').content);
          const { loadBundle } = await import(`${settings.static}/js/city_map.js`);
          const { fitView } = await import(`${settings.static}/js/view_fitting.js`);
          await loadBundle(settings.bundle);
          const { WebMercatorViewport } = deck;
          const [west, south, east, north] = [121.5990, 37.3794, 121.6010, 37.3806];
          const start = { longitude: 121.6, latitude: 37.38, zoom: 15, pitch: 52, bearing: -24, position: [0, 0, 20] };
          const free = { left: 90, right: 10, top: 20, bottom: 40 };
          const windows = [[1440, 840], [1280, 580], [1024, 700], [800, 320], [390, 700], [2560, 1300]];
          return windows.map(([width, height]) => {
            const view = fitView(WebMercatorViewport, start, [west, south, east, north], { width, height }, free);
            const viewport = new WebMercatorViewport({ ...view, width, height });
            const corners = [[west, south], [east, south], [east, north], [west, north]];
            const pixels = corners.map((corner) => viewport.project([...corner, 20]));
            return { width, height, pixels, turned: [view.pitch, view.bearing] };
          });
        }"""
    )
    for shown in corners:
        xs, ys = ([pixel[k] for pixel in shown["pixels"]] for k in (0, 1))
        room_x, room_y = shown["width"] - 100, shown["height"] - 60
        assert 90 <= min(xs) < max(xs) <= shown["width"] - 10
        assert 20 <= min(ys) < max(ys) <= shown["height"] - 40
        filled = max((max(xs) - min(xs)) / room_x, (max(ys) - min(ys)) / room_y)
        assert filled > 0.7  # and not lost in the distance
        assert shown["turned"] == [52, -24]
    page.close()
