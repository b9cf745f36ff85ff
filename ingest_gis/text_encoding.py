"""Find the encoding of a delivery's text, and tell text that was decoded wrongly before it reached us."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

# Names of encodings as .cpg files and people write them. GBK and GB2312 are read as GB18030, which holds both and
# loses no rare character.
ALIASES = {
    "936": "gb18030", "cp936": "gb18030", "gbk": "gb18030", "gb2312": "gb18030", "gb18030": "gb18030",
    "ansi 936": "gb18030", "ms936": "gb18030", "euc-cn": "gb18030", "windows-936": "gb18030",
    "65001": "utf-8", "utf8": "utf-8", "utf-8": "utf-8", "utf_8": "utf-8",
}  # fmt: skip
# What Python calls an encoding but nothing is ever written in; some fail in ways of their own.
NO_ENCODINGS = frozenset({"undefined", "idna", "punycode", "unicode-escape", "raw-unicode-escape"})
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
LOST = re.compile(r"\s*\?{2,}\s*")
CHINESE = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_BROKEN = re.compile(r"[\ufffd\ue000-\uf8ff\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_LATIN_RUN = re.compile(
    r"[\u00a0-\u00ff\u0152\u0153\u0160\u0161\u017d\u017e\u0178\u2013-\u203a\u20ac\u2122\u02c6\u02dc]{2,}"
)
# UTF-8 read as GBK is mostly rare Chinese letters, with signs, kana, Greek and Cyrillic of GBK's first rows among them.
_CHINESE_RUN = re.compile(
    f"[{CHINESE}\u00a4-\u00b7\u00d7\u00f7\u0391-\u0451\u2010-\u266f\u3000-\u33ff\ufe30-\ufe6f\uff00-\uffef]{{3,}}"
)
# Signs of Latin-1 that stand beside no other in sound text; two bytes with one of them are a Chinese letter.
_ODD_SIGN = re.compile(r"[¡¢£¤¥¦§¨©ª¬\u00ad®¯´µ¶¸¹º¿]")
_ALL_CHINESE = re.compile(f"[{CHINESE}\u3000-\u303f\uff00-\uffef]+")


def plain_name(name: str) -> str | None:
    """Give Python's name of an encoding written in a .cpg file or by a person; None when there is no such encoding."""
    cleaned = name.strip().lower()
    if cleaned in ALIASES:
        return ALIASES[cleaned]
    for candidate in (cleaned, f"cp{cleaned}"):
        try:
            found = codecs.lookup(candidate)
            if found._is_text_encoding and found.name not in NO_ENCODINGS:  # not zlib, hex, rot13
                return found.name
        except (LookupError, ValueError):
            continue
    return None


def find_file_encoding(path: Path, given: str | None = None) -> str:
    """Find the encoding of a text file: given, else its byte order mark, else strict UTF-8, else GB18030.

    The whole file is tried, in pieces. When neither fits all of it, the better one is taken and the rows it does not
    fit show as broken text, which the checks set aside.
    """
    if given and (name := plain_name(given)):
        return name
    with path.open("rb") as file:
        start = file.read(4)
    for mark, name in BYTE_ORDER_MARKS:
        if start.startswith(mark):
            return name
    bad = {name: _undecodable(path, name) for name in ("utf-8", "gb18030")}
    return min(bad, key=lambda name: bad[name])


def _undecodable(path: Path, encoding: str) -> int:
    """Count the lines of a file that an encoding cannot read."""
    with path.open("rb") as file:
        return sum(_failing_lines(b"".join(lines), encoding) for lines in iter(lambda: file.readlines(1 << 20), []))


def choose_encoding(samples: Iterable[bytes], declared: Sequence[str | None]) -> str:
    """Choose the encoding that reads all of the given lines of bytes: declared ones first, then UTF-8, then GB18030.

    When none reads all, the one with the fewest failing lines is taken; their texts then show as broken.
    """
    names = [name for item in declared if item and (name := plain_name(item))]
    order = list(dict.fromkeys([*names, "utf-8", "gb18030"]))
    failures = dict.fromkeys(order, 0)
    for lines in samples:
        for name in order:
            failures[name] += _failing_lines(lines, name)
    return min(order, key=lambda name: failures[name])


def _failing_lines(lines: bytes, encoding: str) -> int:
    try:
        lines.decode(encoding)
    except UnicodeDecodeError:
        return sum(_fails(line, encoding) for line in lines.split(b"\n"))
    return 0


def _fails(text: bytes, encoding: str) -> bool:
    try:
        text.decode(encoding)
    except UnicodeDecodeError:
        return True
    return False


def is_broken_text(text: str) -> bool:
    """Tell whether a text was decoded wrongly somewhere on its way (mojibake).

    True for replacement and private-use characters, control characters, cells of nothing but ????, Latin letters that
    are the bytes of Chinese (ÄÁÆ½), and Chinese that is the bytes of UTF-8 read as GBK (鐗熷钩鍖).
    """
    if LOST.fullmatch(text):
        return True
    if text.isascii():
        return any(ord(letter) < 32 and letter not in "\t\n\r" for letter in text)
    if _BROKEN.search(text):
        return True
    return any(_hides_chinese(run) for run in _LATIN_RUN.findall(text)) or any(
        _is_utf8_read_as_gbk(run) for run in _CHINESE_RUN.findall(text)
    )


def _hides_chinese(run: str) -> bool:
    if all(letter > "\u017f" for letter in run):
        return False  # dashes and quotation marks only
    for bytes_of in ("latin-1", "cp1252"):
        try:
            raw = run.encode(bytes_of)
        except UnicodeEncodeError:
            continue
        # One Chinese character is three bytes of UTF-8; two bytes alone are also ää in a Finnish name.
        for encoding in ("utf-8", "gb18030")[: 2 if len(run) > 3 or _ODD_SIGN.search(run) else 1]:
            try:
                if _ALL_CHINESE.fullmatch(raw.decode(encoding)):
                    return True
            except UnicodeDecodeError:
                continue
    return False


def _is_utf8_read_as_gbk(run: str) -> bool:
    """Try the longest even part of a run: UTF-8 Chinese has three bytes a character, GBK two."""
    for text in (run, run[:-1]):
        try:
            if len(text) > 2 and _ALL_CHINESE.fullmatch(text.encode("gb18030").decode("utf-8")):
                return True
        except UnicodeError:
            continue
    return False
