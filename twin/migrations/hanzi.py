"""How Chinese characters are read, by their usual reading, as a table the search functions use."""

from __future__ import annotations

import re
import unicodedata

from pypinyin.constants import PINYIN_DICT

from twin.migrations.sql_files import driver_connection

# Read otherwise in names of places and families than by itself (Muping).
IN_NAMES = {"牟": "mu"}
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


def hanzi_syllables() -> dict[str, str]:
    """Give character -> usual reading without tone, v for u with dots (lv). Source: as hanzi_initials."""
    syllables = {}
    for character in hanzi_initials():
        reading = PINYIN_DICT[ord(character)].split(",")[0].replace("\u00fc", "v")
        marked = re.sub("[\u01d6\u01d8\u01da\u01dc]", "v", reading)  # the same with the tone on it
        plain = unicodedata.normalize("NFD", marked).lower()
        syllables[character] = "".join(letter for letter in plain if "a" <= letter <= "z")
    return syllables | IN_NAMES


def fill_hanzi_syllables() -> None:
    """Fill twin.hanzi_initial.syllable in the running migration."""
    connection = driver_connection()
    connection.execute("CREATE TEMP TABLE read_as (hanzi text, syllable text) ON COMMIT DROP")
    with connection.cursor().copy("COPY read_as (hanzi, syllable) FROM STDIN") as copy:
        for row in hanzi_syllables().items():
            copy.write_row(row)
    connection.execute("UPDATE twin.hanzi_initial h SET syllable = r.syllable FROM read_as r WHERE r.hanzi = h.hanzi")
    connection.execute("DROP TABLE read_as")
