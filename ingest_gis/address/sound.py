"""How Chinese texts sound. Its dictionary takes a third of a second to load, and most deliveries need none of it."""

from __future__ import annotations


def syllables(text: str) -> list[str]:
    """Give the syllables of a text in pinyin without tones; what is no Chinese character stays as it is."""
    from pypinyin import lazy_pinyin

    return lazy_pinyin(text)
