"""What a person types into the search box, in the forms the city may have written it.

Full-width letters and digits, blanks, 幢/栋/号楼/座 and Chinese numerals before 号, 幢 ... are many ways to write
one place; each way is asked for. Codes and pinyin initials are recognised by their letters.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

LONGEST = 100
MOST_FORMS = 24
_BUILDING_WORDS = ("号楼", "幢", "栋", "座")
_BUILDING = re.compile(r"(?<=[0-9a-z])(号楼|#楼|#|幢|栋|座|楼)(?![0-9])")
_HOUSE = re.compile(r"([一二三四五六七八九十百千零〇两]+)(?=号|幢|栋|座|楼|单元|巷|弄)")
_CODE = re.compile(r"[0-9a-z][0-9a-z_-]{2,40}")
_INITIALS = re.compile(r"[a-z]{2,}[a-z0-9]{0,38}")
_DIGITS = dict(zip("零〇一二三四五六七八九两", (0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 2), strict=True))
_UNITS = {"十": 10, "百": 100, "千": 1000}


@dataclass(frozen=True)
class SearchForms:
    """A search text as forms of the same wish, normalised: lower case, half width, without blanks.

    forms: the text as given first, then other ways to write it. code: when it may be a code. initials: when it may
    be pinyin initials.
    """

    forms: tuple[str, ...]
    code: str | None
    initials: str | None


def search_forms(text: str) -> SearchForms:
    """Read a search text. An empty or blank text has no forms."""
    plain = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).lower()[:LONGEST]
    if not plain:
        return SearchForms((), None, None)
    forms = [plain]
    digits = _HOUSE.sub(lambda match: _as_number(match.group(1)), plain)
    for base in dict.fromkeys((plain, digits)):
        forms += _building_words(base)
    return SearchForms(
        forms=tuple(dict.fromkeys(forms))[:MOST_FORMS],
        code=plain if _CODE.fullmatch(plain) else None,
        initials=plain if _INITIALS.fullmatch(plain) else None,
    )


def _building_words(text: str) -> list[str]:
    if not _BUILDING.search(text):
        return [text]
    return [text, *(_BUILDING.sub(word, text) for word in _BUILDING_WORDS)]


def _as_number(numeral: str) -> str:
    """Turn a Chinese numeral into digits: 一百零一 -> 101, 十二 -> 12, 二三 -> 23."""
    if not any(sign in _UNITS for sign in numeral):
        return "".join(str(_DIGITS[sign]) for sign in numeral)
    total, digit = 0, 0
    for sign in numeral:
        if sign in _UNITS:
            total += (digit or 1) * _UNITS[sign]
            digit = 0
        else:
            digit = _DIGITS[sign]
    return str(total + digit)


def near_codes(code: str) -> list[str]:
    """Write out the codes that differ from one by a character: wrong, missing, extra, or two neighbours swapped.

    code: as SearchForms.code. A code of digits stays one of digits; letters are given in capitals, as codes are.
    """
    code = code.upper()
    signs = "0123456789" if code.isdigit() else "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-"
    near = {code[:i] + code[i + 1 :] for i in range(len(code))}
    near |= {code[:i] + code[i + 1] + code[i] + code[i + 2 :] for i in range(len(code) - 1)}
    near |= {code[:i] + sign + code[i + 1 :] for i in range(len(code)) for sign in signs}
    near |= {code[:i] + sign + code[i:] for i in range(len(code) + 1) for sign in signs}
    return sorted(near - {code})
