"""The first letter of each Chinese character's usual reading, as a table the search triggers read."""

from __future__ import annotations

import unicodedata

from pypinyin.constants import PINYIN_DICT

from twin.migrations.sql_files import driver_connection

LAST_CODE_POINT = 0xFFFF  # the basic plane; rarer characters are found by themselves, not by their initial


def hanzi_initials() -> dict[str, str]:
    """Give character -> first letter (a-z) of its usual reading. Source: pypinyin's single-character dictionary."""
    initials = {}
    for code_point, readings in PINYIN_DICT.items():
        letter = unicodedata.normalize("NFD", readings.split(",")[0])[0].lower()
        if code_point <= LAST_CODE_POINT and "a" <= letter <= "z":
            initials[chr(code_point)] = letter
    return initials


def fill_hanzi_initials() -> None:
    """Fill twin.hanzi_initial in the running migration."""
    with driver_connection().cursor().copy("COPY twin.hanzi_initial (hanzi, initial) FROM STDIN") as copy:
        for row in hanzi_initials().items():
            copy.write_row(row)
