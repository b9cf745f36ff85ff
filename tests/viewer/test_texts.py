"""The page's texts: both languages say everything, and everything said is asked for."""

from __future__ import annotations

import json
import re
from functools import cache

import pytest

from viewer.assets import STATIC_DIR
from viewer.pages import LANGUAGES

# Texts looked up by a code from data (Language.word): their keys are <group>.<code>.
WORD_GROUPS = {
    "confidence", "datum", "evidence.kind", "event_state", "field", "grid_kind", "link_method", "method", "operation",
    "product", "record_kind", "record_state", "role", "search.kind", "sensor_kind", "state", "survey_kind", "table",
    "use", "why",
}  # fmt: skip
# Keys made of a fixed part and one of the page's own names.
MADE = (
    "report.severity.",
    "batch_state.",
    "deliver.count.",
    "deliver.job.",
    "deliver.linked.",
    "target.",
    "link_state.",
    "problem.",
    "reveal.field.",
    "review.all.",
    "review.empty.",
    "verdict.",
    "section.",
    "layer.",
    "style.",
    "imagery.size.",
    "evidence.",
)


@cache
def texts(language: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((STATIC_DIR / "i18n" / f"{language}.json").read_text(encoding="utf-8"))
    return found


@cache
def asked_keys() -> set[str]:
    """Find the keys the page asks for: in its markup, as `.text("key")`, or as a known key handed on in a variable."""
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in (STATIC_DIR / "js").rglob("*.js"))
    page = "\n".join(path.read_text(encoding="utf-8") for path in STATIC_DIR.glob("*.html"))
    direct = re.findall(r'\.text\(\s*"([^"]+)"', scripts)
    handed_on = [key for key in re.findall(r'"([a-z_]+\.[a-z_.0-9]+)"', scripts) if key in texts("en")]
    return {*re.findall(r'data-(?:text|label|placeholder)="([^"]+)"', page), *direct, *handed_on}


def test_both_languages_have_the_same_keys_and_fill_the_same_blanks() -> None:
    chinese, english = (texts(language) for language in LANGUAGES)
    assert chinese.keys() == english.keys()
    for key, text in chinese.items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", english[key])), key
        assert text.strip(), key


def test_chinese_is_chinese() -> None:
    technical = re.compile(r"^(LoD|GCJ|[\d.\s{}×°±]+$)")
    for key, text in texts("zh-CN").items():
        assert re.search(r"[一-鿿]|^、$", text) or technical.match(text), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_asked_for_exists(language: str) -> None:
    assert len(asked_keys()) > 100
    assert asked_keys() <= texts(language).keys()


def test_every_text_is_asked_for() -> None:
    groups = tuple(f"{group}." for group in WORD_GROUPS)
    unused = [key for key in texts("en") if key not in asked_keys() and not key.startswith((*groups, *MADE))]
    assert unused == []
