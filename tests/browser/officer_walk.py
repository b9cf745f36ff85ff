"""The way of a department officer through the pages: a bad workbook in, mended, linked, reviewed.

The tests walk it in a small city. As a program it walks it at a running service and takes the documents' pictures:

    python -m tests.browser.officer_walk http://127.0.0.1:8765 repairs.xlsx docs/images
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext, sync_playwright

from tests.browser.desk_page import DeskPage

SIZE = {"width": 1280, "height": 820}
PHONE = {"width": 390, "height": 844}
Picture = Callable[[DeskPage, str], None]


def no_picture(_page: DeskPage, _name: str) -> None:
    """Take none."""


def hand_in(page: DeskPage, *files: Path) -> None:
    """Choose files and wait until they have been checked."""
    page.page.set_input_files("#file-input", list(files))
    page.until("!document.querySelector('#result').hidden && !document.body.classList.contains('working')")


def hand_back(page: DeskPage, mended: Path) -> None:
    """Hand the mended rows of the open batch in, from the batch itself, and wait until they have been checked."""
    page.page.set_input_files(".batch[open] .mend input", mended)
    page.until("!document.querySelector('#result').hidden && !document.body.classList.contains('working')")


def take_in(page: DeskPage) -> None:
    """Take in what was checked and wait until it is linked."""
    page.page.click("#take-in")
    page.until("document.querySelector('#result-title').offsetParent && document.querySelector('#take-in').hidden")
    page.idle()


def open_newest_batch(page: DeskPage) -> None:
    """Open the newest batch of the history and wait for its rows."""
    page.page.locator(".batch summary").first.click()
    page.until("document.querySelector('.batch[open] .batch-body').children.length > 0")


def rejected_rows(page: DeskPage) -> tuple[list[str], list[list[str]]]:
    """Download the rows set aside of the batch that is open: header and rows."""
    with page.page.expect_download() as waiting:
        page.page.locator(".batch[open] a[download]").click()
    text = Path(waiting.value.path()).read_text(encoding="utf-8-sig")
    header, *rows = csv.reader(io.StringIO(text))
    return header, rows


def mend(header: list[str], rows: list[list[str]], folder: Path) -> Path:
    """Put a number on the orders that have none, leave out a ruined code or date, drop what is there twice: as CSV."""
    number, code = header.index("工单编号"), header.index("部件编号")
    mended = []
    for at, row in enumerate(rows):
        if "重复" in row[1] or "前面的一行" in row[1]:
            continue
        row[number] = row[number].strip() or f"BX20269999{at:02d}"
        row[code] = "" if "E+" in row[code] else row[code]
        if "日期" in row[1]:
            row[header.index("报修时间")] = ""
        mended.append(row)
    path = folder / "mended.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([header, *mended])
    return path


def walk(context: BrowserContext, root: str, workbook: Path, folder: Path, picture: Picture = no_picture) -> None:
    """Go the whole way and leave the review page with one decision made."""
    page = DeskPage.enter(context, root, "/deliver")
    picture(page, "deliver-empty")
    hand_in(page, workbook)
    picture(page, "deliver-checked")
    take_in(page)
    picture(page, "deliver-taken")
    open_newest_batch(page)
    page.page.locator(".batch[open]").scroll_into_view_if_needed()
    picture(page, "deliver-rejected")
    header, rows = rejected_rows(page)
    hand_back(page, mend(header, rows, folder))
    take_in(page)
    picture(page, "deliver-mended")
    page.close()


def take_pictures(root: str, workbook: Path, images: Path) -> None:
    """Walk at a running service and write the pictures, the English and the phone ones last."""
    images.mkdir(parents=True, exist_ok=True)

    def picture(page: DeskPage, name: str) -> None:
        page.page.wait_for_timeout(400)
        page.page.screenshot(path=images / f"{name}.png")

    with sync_playwright() as playwright:
        from tests.browser.conftest import CHROMIUM, FLAGS

        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(viewport=SIZE, reduced_motion="reduce", locale="zh-CN")
        walk(context, root, workbook, images, picture)
        (images / "mended.csv").unlink()
        for name, language, size in (("link", "zh-CN", SIZE), ("link-en", "en", SIZE), ("link-phone", "zh-CN", PHONE)):
            own = browser.new_context(viewport=size, reduced_motion="reduce", locale="zh-CN")  # type: ignore[arg-type]
            page = DeskPage.enter(own, root, "/link", language=language, draws=True)
            page.page.wait_for_timeout(6000)
            picture(page, name)
            own.close()
        page = DeskPage.enter(context, root, "/deliver", language="en")
        open_newest_batch(page)
        picture(page, "deliver-en")
        browser.close()


if __name__ == "__main__":
    take_pictures(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
