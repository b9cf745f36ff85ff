"""Identifiers with rules of their own: credit codes, id numbers, component, unit-grid and building codes."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata

CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
CREDIT_WEIGHTS = tuple(pow(3, index, 31) for index in range(17))
BODY_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
ID_WEIGHTS = tuple(pow(2, 17 - index, 11) for index in range(17))
ID_CHECKS = "10X98765432"
# 3.70612E+17, 3.70612000000000E+17: what is left of a code that Excel took for a number.
RUINED_NUMBER = re.compile(r"[+-]?\d(?:\.\d+)?[Ee]\+?\d{2}")


def plain_code(text: str) -> str:
    """Write a code in half-width capitals without blanks or the apostrophe that makes Excel keep text."""
    if text.isascii():  # the same, without looking for letters of other widths
        return "".join(text.upper().split()).lstrip("'`")
    capitals = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).upper())
    together = re.sub(r"[\s\u200b\ufeff]", "", capitals)  # a blank gone, a letter may meet its accent
    return unicodedata.normalize("NFKC", together).lstrip("'`")


def is_ruined_number(text: str) -> bool:
    """Tell whether a code was turned into a number in powers of ten, its last digits lost."""
    return ("E" in text or "e" in text) and RUINED_NUMBER.fullmatch(text.strip()) is not None


def credit_check_character(body: str) -> str:
    """Compute the 18th character of a credit code from its first 17. Source: GB 32100-2015.

    Raises ValueError when a character is not of the alphabet (no I, O, S, V, Z).
    """
    total = sum(CREDIT_ALPHABET.index(letter) * weight for letter, weight in zip(body, CREDIT_WEIGHTS, strict=True))
    return CREDIT_ALPHABET[(31 - total % 31) % 31]


def is_credit_code(code: str) -> bool:
    """Tell whether a unified social credit code has 18 characters of the alphabet and the right check character."""
    if len(code) != 18 or any(letter not in CREDIT_ALPHABET for letter in code):
        return False
    return credit_check_character(code[:17]) == code[17]


def follows_body_rule(code: str | None) -> bool:
    """Tell whether the body code inside a credit code has the check character of GB 11714; True without a code.

    Some codes issued after 2015 have not: a remark, never a reason to refuse.
    """
    if code is None or len(code) != 18:
        return True
    values = (int(letter, 36) for letter in code[8:16])
    rest = 11 - sum(value * weight for value, weight in zip(values, BODY_WEIGHTS, strict=True)) % 11
    return code[16] == {10: "X", 11: "0"}.get(rest, str(rest))


def id_check_character(body: str) -> str:
    """Compute the 18th character of an id number from its first 17 digits. Source: GB 11643-1999."""
    return ID_CHECKS[sum(int(digit) * weight for digit, weight in zip(body, ID_WEIGHTS, strict=True)) % 11]


def is_id_number(code: str) -> bool:
    """Tell whether an id number has 17 digits, a birth date that exists and is past, and the right check character."""
    if not re.fullmatch(r"[1-9]\d{16}[\dX]", code, re.ASCII):
        return False
    try:
        born = dt.date(int(code[6:10]), int(code[10:12]), int(code[12:14]))
    except ValueError:
        return False
    return born.year >= 1850 and born <= dt.date.today() and id_check_character(code[:17]) == code[17]


def component_class_part(code: str) -> str | None:
    """Give the class inside a component identifier: 4 digits of 16 (2007, 2013) or 5 of 17 (2026).

    None when the code is neither, which is a rule broken.
    """
    if re.fullmatch(r"\d{16}", code, re.ASCII):
        return code[6:10]
    if re.fullmatch(r"\d{17}", code, re.ASCII):
        return code[6:11]
    return None


def looks_like_component_code(code: str) -> bool:
    """Tell whether a code was meant as a component identifier: all digits, long; other codes are local ones."""
    return re.fullmatch(r"\d{12,}", code, re.ASCII) is not None


def is_grid_code(code: str) -> bool:
    """Tell whether a unit grid code has its 15 digits: 6 district, 3 town, 3 community, 3 serial."""
    return re.fullmatch(r"\d{15}", code, re.ASCII) is not None and code[12:] != "000"


def admin_level(code: str) -> int | None:
    """Give the level of an administrative code by its length: 3 district, 4 town, 5 community; None if neither."""
    levels = {6: 3, 9: 4, 12: 5}
    return levels.get(len(code)) if re.fullmatch(r"\d+", code, re.ASCII) else None
