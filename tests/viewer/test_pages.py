"""The page application: what it sends, how it is kept, what it never does."""

from __future__ import annotations

import gzip
import html
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from pyproj import Transformer
from starlette.testclient import TestClient

from twin.errors import MissingSoftware, NotFound
from twin.settings import CitySettings, Settings, read_settings
from viewer.assets import STATIC_DIR, PageFiles
from viewer.pages import CONTENT_SECURITY_POLICY, create_pages, projection_of

SETTINGS: Settings = read_settings({})
PATHS = ("/", "/link", "/deliver", "/login")
SHELL_LIMIT_BYTES = 1_500_000  # shell and JavaScript, gzipped (notes: targets)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(create_pages(SETTINGS), raise_server_exceptions=True) as made:
        yield made


@pytest.fixture(scope="module")
def page(client: TestClient) -> str:
    return client.get("/").text


def page_settings(page: str) -> dict[str, Any]:
    content = re.search(r'<meta name="twin-settings" content="([^"]*)">', page)
    assert content
    settings: dict[str, Any] = json.loads(html.unescape(content[1]))
    return settings


class Tags(HTMLParser):
    """Collects every tag with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def tags_of(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(page)
    return parser.found


def test_the_page_names_the_city_and_its_coordinates(page: str) -> None:
    city = page_settings(page)["city"]
    assert (city["name_zh"], city["name_en"], city["working_crs"]) == ("牟平区", "Muping", "EPSG:4550")
    assert city["projection"]["central_meridian_deg"] == 123
    assert "牟平区" in page.split("</title>")[0]


def test_a_city_s_name_cannot_break_out_of_the_page() -> None:
    bad = CitySettings(**{**vars(SETTINGS.city), "name_zh": '"><script>alert(1)</script>', "name_en": "$static ${x}"})
    settings = Settings(SETTINGS.data_dir, None, bad)
    page = TestClient(create_pages(settings)).get("/").text
    assert "<script>alert" not in page
    assert page_settings(page)["city"]["name_zh"] == bad.name_zh
    assert len([tag for tag, _ in tags_of(page) if tag == "script"]) == 1


@pytest.mark.parametrize("path", PATHS)
def test_no_inline_script_style_or_handler(client: TestClient, path: str) -> None:
    for tag, attributes in tags_of(client.get(path).text):
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        assert tag != "style"
        assert tag != "script" or attributes.get("src")


@pytest.mark.parametrize("path", PATHS)
def test_everything_the_page_asks_for_is_there_and_here(client: TestClient, path: str) -> None:
    tags = tags_of(client.get(path).text)
    addresses = {value for _, attrs in tags for name, value in attrs.items() if name in {"src", "href"}}
    addresses -= {"#map", "#item", "#work"}
    assert len(addresses) > 15
    for address in addresses:
        assert address
        assert address.startswith("/")
        assert client.get(address).status_code == 200


def test_static_files_name_no_other_host() -> None:
    allowed = "http://www.w3.org/2000/svg"
    for path in STATIC_DIR.rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8").replace(allowed, "")
            assert not re.search(r"https?://|//cdn|@import|\beval\(|innerHTML|outerHTML|insertAdjacentHTML", text), path


def test_strict_headers_on_every_answer(client: TestClient) -> None:
    for path in ("/", "/deck.json", "/favicon.ico", "/nothing", "/deck.json?bbox=x"):
        headers = client.get(path).headers
        assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert headers["x-content-type-options"] == "nosniff"
    directives = dict(part.split(" ", 1) for part in CONTENT_SECURITY_POLICY.split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert "unsafe-inline" not in CONTENT_SECURITY_POLICY
    assert not re.search(r"https?:|\*", CONTENT_SECURITY_POLICY)


def test_files_are_kept_for_ever_under_their_fingerprint_only(client: TestClient, page: str) -> None:
    static = page_settings(page)["static"]
    kept = client.get(f"{static}/js/main.js")
    assert "immutable" in kept.headers["cache-control"]
    assert client.get("/static/another/js/main.js").headers["cache-control"] == "no-cache"
    assert client.get("/").headers["cache-control"] == "no-cache"
    again = client.get(f"{static}/js/main.js", headers={"if-none-match": kept.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_what_travels_compressed_is_the_same(client: TestClient, page: str) -> None:
    address = page_settings(page)["static"] + "/js/main.js"
    plain = client.get(address, headers={"accept-encoding": "identity"})
    packed = client.get(address, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content == (STATIC_DIR / "js" / "main.js").read_bytes()


def test_the_shell_is_small_enough_for_a_slow_line() -> None:
    files = PageFiles()
    scripts = {*files.modules_of("js/main.js"), "js/tile_worker.js"}
    sent = [files.static(name) for name in files.names() if not name.endswith((".js", "en.json")) or name in scripts]
    total = len(files.bundle.gzipped) + sum(min(len(file.gzipped), len(file.body)) for file in sent)
    assert 1_000_000 < total <= SHELL_LIMIT_BYTES
    assert gzip.decompress(files.bundle.gzipped) == files.bundle.body


@pytest.mark.parametrize(
    "path", ["/nothing", "/static/x/js/none.js", "/static/x/../pages.py", "/static/x/%2e%2e/pages.py"]
)
def test_what_is_not_there_is_a_problem_in_json(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_bad_scene_is_a_problem_with_its_reason(client: TestClient) -> None:
    answer = client.get("/deck.json", params={"survey": "a"})
    assert answer.status_code == 422
    assert "bbox" in answer.json()["detail"]


def test_a_bundle_that_is_missing_or_changed_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingSoftware, match="make install"):
        PageFiles(bundle_file=tmp_path / "none.js")
    changed = tmp_path / "index.js"
    changed.write_text("alert(1)", encoding="utf-8")
    with pytest.raises(MissingSoftware, match="not the one"):
        PageFiles(bundle_file=changed)
    with pytest.raises(NotFound):
        PageFiles().static("js/none.js")


def test_a_projection_that_is_no_gauss_krueger_is_left_out() -> None:
    assert projection_of(3857) is None
    found = projection_of(4550)
    assert found
    east, north = Transformer.from_crs("EPSG:4490", "EPSG:4550", always_xy=True).transform(123.0, 0.0)
    assert (found["false_east_m"], found["false_north_m"]) == (pytest.approx(east), pytest.approx(north))
