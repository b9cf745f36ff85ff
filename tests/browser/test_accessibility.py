"""For eyes, ears and fingers of every kind: names, contrast, a visible focus (WCAG 2.2: 1.4.3, 2.4.7, 4.1.2)."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.conftest import ServedCity
from tests.browser.map_page import MapPage

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]  # one Chromium at a time

# Each visible text with the contrast to what lies behind it, where that is less than WCAG's level AA asks for.
FAINT_TEXTS = """() => {
  const channel = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const over = ([r, g, b, a = 1], below) => [r, g, b].map((v, i) => v * a + below[i] * (1 - a));
  const light = (rgb) => { const [r, g, b] = rgb.map(channel); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length && (colour[3] ?? 1) > 0) layers.push(colour);
      if ((colour[3] ?? 1) === 1 && colour.length) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || !node.checkVisibility({ checkVisibilityCSS: true }) || node.closest(".unseen, :disabled")) continue;
    const style = getComputedStyle(node);
    const [size, weight] = [parseFloat(style.fontSize), Number(style.fontWeight)];
    const ground = behind(node);
    const [a, b] = [light(over(parse(style.color), ground)), light(ground)].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    const least = size >= 24 || (size >= 18.66 && weight >= 700) ? 3 : 4.5;
    if (contrast < least || size < 12) faint.push(`${text.slice(0, 40)}: ${contrast.toFixed(2)}, ${size} px`);
  }
  return faint;
}"""

NAMELESS = """() => [...document.querySelectorAll('button, a[href], input, [role=listbox], dialog, [role=application]')]
  .filter((node) => node.checkVisibility()).filter((node) => {
    const by = node.getAttribute('aria-labelledby');
    const name = node.getAttribute('aria-label') || (by && document.getElementById(by)?.textContent)
      || node.labels?.[0]?.textContent || node.textContent;
    return !name?.trim();
  })
  .map((node) => node.outerHTML.slice(0, 120))"""

# What Tab reaches from here on: whether it is in view and shows that it has the focus.
FOCUSED = """() => {
  const node = document.activeElement;
  const own = getComputedStyle(node);
  const around = node.id === 'search-input' ? getComputedStyle(node.closest('form')) : own;
  const ring = (own.outlineStyle !== 'none' && parseFloat(own.outlineWidth) >= 2) || around.boxShadow !== 'none'
    || getComputedStyle(node, '::after').borderTopStyle === 'solid';
  const what = node === document.body ? 'BODY' : node.id || node.className || node.tagName;
  return { what, ring, seen: node.checkVisibility() };
}"""


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_every_text_stands_out_and_every_control_has_a_name(
    context: BrowserContext, city: ServedCity, language: str
) -> None:
    lon, lat = city.facts.centre_of("shed")
    page = MapPage.open(context, city.root, f"at={lon:.7f},{lat:.7f},23.5&lang={language}", draws=False)
    page.panel_answers()
    assert page.page.evaluate("document.documentElement.lang") == language
    page.page.evaluate("document.querySelectorAll('#panel details').forEach((row) => (row.open = true))")
    page.page.evaluate("document.querySelectorAll('#panel .evidence-button').forEach((button) => button.click())")
    page.page.fill("#search-input", "政府")
    page.until("document.querySelectorAll('.search-option').length > 1")
    assert page.page.evaluate(FAINT_TEXTS) == []
    assert page.page.evaluate(NAMELESS) == []
    page.page.keyboard.press("Escape")
    page.page.click("#help-button")
    assert page.page.evaluate(FAINT_TEXTS) == []
    page.close()


def test_tab_goes_through_everything_and_shows_where_it_is(context: BrowserContext, city: ServedCity) -> None:
    lon, lat = city.facts.centre_of("tower")
    page = MapPage.open(context, city.root, f"at={lon:.7f},{lat:.7f},44&lang=zh-CN", draws=False)
    page.panel_answers()
    reached = []
    for _ in range(60):
        page.page.keyboard.press("Tab")
        at = page.page.evaluate(FOCUSED)
        if at["what"] in {"BODY", "skip-link"} and reached[1:]:
            break
        assert at["seen"], at
        assert at["ring"], at
        reached.append(at["what"])
    order = [
        "skip-link",
        "search-input",
        "share",
        "help-button",
        "segment",
        "map",
        "panel-close",
        "jump",
        "evidence-button",
    ]
    places = [reached.index(what) for what in order]
    assert places == sorted(places)

    # A jump takes the focus along, so that Tab goes on inside the section.
    page.page.locator(".jump", has_text="部门记录").press("Enter")
    assert page.page.evaluate("document.activeElement.id") == "heading-records"
    page.page.keyboard.press("Tab")
    assert page.page.evaluate("document.activeElement.closest('section[id]').id") == "section-records"
    page.close()


def test_the_list_of_results_is_walked_by_arrow_keys(context: BrowserContext, city: ServedCity) -> None:
    page = MapPage.open(context, city.root, "lang=zh-CN", draws=False)
    box = page.page.locator("#search-input")
    box.fill("路灯")
    page.until("document.querySelectorAll('.search-option').length > 2")
    assert box.get_attribute("aria-expanded") == "true"
    first = box.get_attribute("aria-activedescendant")
    box.press("ArrowDown")
    second = box.get_attribute("aria-activedescendant")
    assert first != second
    assert page.page.locator(f"#{second}").get_attribute("aria-selected") == "true"
    name = page.text(f"#{second} .row-title")
    box.press("Enter")
    page.panel_answers()
    assert name in page.text("#section-assets")
    assert box.get_attribute("aria-expanded") == "false"
    page.close()
