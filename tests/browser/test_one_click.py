"""One click in a real browser: a roof, and what the city knows there."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import BrowserContext
from pyproj import Transformer

from tests.api import small_city_survey as survey
from tests.browser.conftest import HOSTILE, ServedCity
from tests.browser.map_page import MapPage

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]  # one Chromium at a time

LAYERS = "layers=buildings,orthophoto,assets,labels"
TO_METRES = Transformer.from_crs("EPSG:4490", survey.CRS, always_xy=True)


def above(city: ServedCity, building: str, *, zoom: float = 18.6, language: str = "zh-CN") -> str:
    """Give the link that looks straight down at the middle of a building."""
    lon, lat = city.facts.centre_of(building)
    return f"view={lon:.7f},{lat:.7f},{zoom},0,0&{LAYERS}&lang={language}"


def test_from_a_click_to_records_in_both_languages_and_on_by_search(context: BrowserContext, city: ServedCity) -> None:
    page = MapPage.open(context, city.root, above(city, "tower"))
    page.click_map()
    page.panel_answers()
    tower = city.facts.buildings["tower"]
    assert page.text("#panel-title") == "区政府办公楼"
    assert tower.address_zh in page.text(".subtitle")
    assert "24.40 ± 0.08 m" in page.text("[data-fact=height]")
    assert "可信" in page.text("[data-fact=height]")
    assert "1985 国家高程基准" in page.text("#section-building")
    assert "牟平区 › 宁海街道 › 政府街社区" in page.text("[data-fact=admin]")
    assert "没有控制点" in page.text("#section-terrain")
    records = page.text("#section-records")
    assert "区住房和城乡建设局" in records
    assert "屋顶渗漏" in records
    assert "已撤销的检查" not in records  # a rejected link is no link

    # The height's evidence stands behind a button.
    button = page.page.locator("[data-fact=height] .evidence-button")
    assert button.get_attribute("aria-expanded") == "false"
    button.click()
    evidence = page.text("[data-fact=height] .evidence")
    assert "航测" in evidence
    assert city.facts.survey in evidence

    # The photos that see it are real crops.
    assert page.page.locator(".photo").count() > 0
    page.page.locator(".photo").first.scroll_into_view_if_needed()
    page.until("document.querySelector('.photo img').naturalWidth > 100")

    # Switching the language keeps the view and the panel.
    before = re.sub(r"&lang=.*", "", page.page.url)
    asked = len(page.lookups())
    page.page.click("[data-language=en]")
    page.until("document.querySelector('#section-records h3').textContent.startsWith('Records')")
    assert "Height" in page.text("[data-fact=height]")
    assert "Reliable" in page.text("[data-fact=height]")
    assert page.page.evaluate("document.documentElement.lang") == "en"
    page.until(lambda: page.page.url.endswith("lang=en"), "the link to name the language")
    assert page.page.url.startswith(before)
    assert len(page.lookups()) == asked

    # On by search: an address is its building, an asset's code the asset.
    keyboard = page.page.keyboard
    keyboard.press("/")
    assert page.page.evaluate("document.activeElement.id") == "search-input"
    keyboard.type("政府大街103号")
    page.until("document.querySelector('.search-option')?.textContent.includes('政府大街103号')")
    keyboard.press("Enter")
    page.until("document.querySelector('#panel-title').textContent === '实验小学'")
    assert "Building" in page.text(".overline")
    page.until("document.activeElement.id === 'panel-title'")  # ears follow

    lamp = city.facts.assets["lamp_3"]
    keyboard.press("/")
    page.page.fill("#search-input", lamp.code)
    page.until("document.querySelector('.search-option .row-title')?.textContent.includes('3号路灯')")
    keyboard.press("Enter")
    page.until("document.querySelector('.overline').textContent === 'City asset'")
    assert page.text("#panel-title") == "Street lamp"
    assert lamp.code in page.text(".subtitle")
    page.page.evaluate("document.querySelector('.figure-value').textContent = 'Abandoned'")  # the longest state
    assert page.page.evaluate("[...document.querySelectorAll('.figure')].every(f => f.scrollWidth <= f.clientWidth)")
    assert page.page.locator(f"details[data-code='{lamp.code}']").get_attribute("open") is not None
    page.close()


def test_a_click_on_a_wall_meets_the_wall(context: BrowserContext, city: ServedCity) -> None:
    lon, lat = city.facts.centre_of("tower")
    page = MapPage.open(context, city.root, f"view={lon:.7f},{lat:.7f},18.6,60,0&{LAYERS}&lang=zh-CN")
    page.click_map(down=-40)  # seen from the south: the south wall, some way up
    page.panel_answers()
    asked = page.lookups()[0]
    east, north = TO_METRES.transform(asked["lon"], asked["lat"])
    tower = survey.SCENE.boxes[city.facts.buildings["tower"].box]
    assert 21 < asked["height_m"] < 43
    assert north - survey.NORTH == pytest.approx(tower.south, abs=0.12)
    assert tower.west < east - survey.EAST < tower.east
    assert page.text("#panel-title") == "区政府办公楼"
    page.close()


def test_a_link_opens_the_same_thing_again(context: BrowserContext, city: ServedCity) -> None:
    lon, lat = city.facts.centre_of("school")
    link = f"view={lon:.6f},{lat:.6f},18.2,0,0&at={lon:.7f},{lat:.7f},29&layers=buildings&lang=en"
    page = MapPage.open(context, city.root, link)
    page.panel_answers()
    assert page.text("#panel-title") == "实验小学"
    on = page.page.eval_on_selector_all(
        "#layer-list input[role=switch]", "all => all.filter(e => e.checked).map(e => e.id)"
    )
    assert on == ["layer-buildings"]
    page.page.keyboard.press("Escape")
    page.until("document.querySelector('#panel').hidden")
    page.page.go_back()
    page.panel_answers()
    assert page.text("#panel-title") == "实验小学"
    page.close()


def test_names_from_data_are_shown_and_never_run(context: BrowserContext, city: ServedCity) -> None:
    page = MapPage.open(context, city.root, above(city, "shed"))  # its label is drawn on the map, too
    page.click_map()
    page.panel_answers()
    assert page.text("#panel-title") == HOSTILE
    assert "待核对" in page.text("[data-fact=height]")  # a low confidence is said
    row = city.facts.centre_of("row")
    page.page.evaluate(f"location.hash = 'at={row.lon:.7f},{row.lat:.7f},25.5'")
    page.until("document.querySelector('#panel-title')?.textContent === '政府街小区4幢'")
    assert HOSTILE in page.text("#section-records")
    assert "待复核" in page.text("#section-records")
    assert page.page.locator("#panel img[src=x]").count() == 0
    assert page.page.title() != "broken"
    page.close()


def test_without_webgl_the_panel_still_answers_and_shows_nothing_private(
    context: BrowserContext, city: ServedCity
) -> None:
    lon, lat = city.facts.centre_of("row")
    page = MapPage.open(context, city.root, f"at={lon:.7f},{lat:.7f},25.5&lang=zh-CN", draws=False)
    page.panel_answers()
    assert "WebGL 2" in page.text("[data-notice=no-webgl]")
    assert page.text("#panel-title") == "政府街小区4幢"
    assert "另有 2 个" in page.text("#section-entities")
    shown = page.page.content()
    assert not [text for text in city.facts.private_texts if text in shown]
    # What benchmarks/panel.py reads: one entry for each panel drawn.
    page.page.evaluate(f"location.hash = 'at={lon:.7f},{lat:.7f},25.2'")
    page.until("performance.getEntriesByName('panel').length === 2")
    page.close()


def test_photos_that_cannot_see_the_point_are_counted_and_one_that_does_is_opened(
    context: BrowserContext, city: ServedCity
) -> None:
    east, north = 2.0, 31.0  # close behind the school
    point = np.array([[east, north, survey.SCENE.ground(np.array(east), np.array(north))]])
    sees = {file: bool(survey.SCENE.sees(np.array(eye), point)[0]) for file, eye, *_ in survey.SHOTS}
    seeing = [file for file, clear in sees.items() if clear]
    lon, lat = city.facts.at(east, north)
    page = MapPage.open(context, city.root, f"at={lon:.7f},{lat:.7f}&lang=zh-CN", draws=False)
    page.panel_answers()
    imagery = page.text("#section-imagery")
    assert page.page.locator(".photo-name").all_inner_texts() == seeing == ["SC_0005.JPG"]
    assert f"另有 {len(sees) - len(seeing)} 张照片拍到这一带，但此点被遮挡" in imagery

    # The photo opens large, around the pixel; Escape leads back to where it was opened.
    page.page.locator(".photo").first.focus()
    page.page.keyboard.press("Enter")
    page.until("document.querySelector('.photo-stage img')?.naturalWidth > 100")
    assert page.text("#photo-title") == "SC_0005.JPG"
    assert "像素" in page.text(".photo-facts")
    page.page.click(".photo-sizes .segment >> nth=0")
    page.until("document.querySelector('.photo-stage img').src.includes('size=320')")
    page.page.keyboard.press("Escape")
    page.until("!document.querySelector('#photo-viewer').open")
    assert page.page.evaluate("document.activeElement.className") == "photo"
    page.close()
