"""How long the page itself takes from an answer received to the panel drawn, in Chromium.

    TWIN_DATA_DIR=var .venv/bin/python -m benchmarks.panel [--url http://127.0.0.1:8000] [--places 30]

Needs a running `twin up` and Chromium. Places are drawn (seeded) from the city's buildings; the time is what the page
measures of itself (User Timing, entry "panel"). Target: 200 ms of our own time from click to panel.
"""

from __future__ import annotations

import argparse
import time

from playwright.sync_api import Page, sync_playwright

from twin.cluster.server import connect
from twin.settings import read_settings

PLACES = """
SELECT ST_X(p), ST_Y(p) FROM (SELECT ST_PointOnSurface(geom) AS p FROM twin.building WHERE valid_to IS NULL
                              ORDER BY md5(code) LIMIT %s) drawn
"""
TARGET_MS = 200.0
PATIENCE_S = 60.0
NO_SCREEN = ["--no-sandbox", "--disable-gpu", "--disable-webgl", "--disable-3d-apis"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--places", type=int, default=30)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    with connect(read_settings(), "app") as connection:
        places = [(float(lon), float(lat)) for lon, lat in connection.execute(PLACES, (given.places,)).fetchall()]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=given.chromium, args=NO_SCREEN)
        times = sorted(measure(browser.new_page(), given.url, places))
        browser.close()
    at = {share: times[min(len(times) - 1, int(len(times) * share))] for share in (0.5, 0.9, 0.99)}
    print(f"{len(times)} places, answer to panel, milliseconds: "
          f"p50 {at[0.5]:.1f}  p90 {at[0.9]:.1f}  p99 {at[0.99]:.1f}  max {times[-1]:.1f}")  # fmt: skip
    print(f"target p99 <= {TARGET_MS:g} ms: {'kept' if at[0.99] <= TARGET_MS else 'MISSED'}")


def measure(page: Page, url: str, places: list[tuple[float, float]]) -> list[float]:
    """Open the panel at one place after the other and give what the page took for each, milliseconds."""
    for number, (lon, lat) in enumerate(places, 1):
        if number == 1:
            page.goto(f"{url}/#at={lon:.7f},{lat:.7f},30.0&lang=zh-CN")
        else:
            page.evaluate(f"location.hash = 'at={lon:.7f},{lat:.7f},30.0'")
        end = time.monotonic() + PATIENCE_S
        while page.evaluate("performance.getEntriesByName('panel').length") < number:
            if time.monotonic() > end:
                raise TimeoutError(f"no panel at {lon}, {lat} within {PATIENCE_S:g} s")
            page.wait_for_timeout(10)
    durations: list[float] = page.evaluate("performance.getEntriesByName('panel').map(entry => entry.duration)")
    return durations


if __name__ == "__main__":
    main()
