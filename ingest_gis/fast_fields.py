"""Read a whole column of cells at once. What is not plainly sound is left to the careful way, row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ingest_gis.checks import SUSPICIOUS
from ingest_gis.mappings import Field
from ingest_gis.row_hashes import joined
from ingest_gis.values import EMPTY, LONGEST_TEXT, ValueProblem, read_value

Mask = NDArray[np.bool_]
# Everything Python counts as blank: a text with no other blank than single spaces inside stays as it is.
BLANK = r"\s\x{0b}\x{1c}-\x{1f}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
TIDY = f"^[^{BLANK}]+( [^{BLANK}]+)*$"
NEEDS_ESCAPE = r'["\\\x{00}-\x{1f}]'
SAMPLE = 256
CODE = "^[0-9A-Z]{1,64}$"
RUINED = "^[0-9]E[0-9]{2}$"
CODES_OF_RULE = {None: CODE, "building_code": "^[0-9]{16}$", "component_code": "^[0-9]{16,17}$"}


@dataclass(frozen=True)
class FastColumn:
    """A column read. sound: (N,) which cells may be taken as read here. json: (N,) each value as JSON.

    values: the different values; which: (N,) the number of each row's value among them (None: text as it is, in text).
    """

    sound: Mask
    json: pa.Array
    text: pa.Array | None = None
    values: tuple[Any, ...] = ()
    which: NDArray[np.int64] | None = None

    def copied(self, write: Callable[[Any], bytes]) -> pa.Array:
        """Give the values as bytes for COPY. write: makes bytes of one value that is not None."""
        if self.text is not None:
            return pc.cast(self.text, pa.large_binary())
        made = [None if value is None else write(value) for value in self.values]
        return pa.array(made, pa.large_binary()).take(pa.array(self.which))


def find_sound_text(columns: Mapping[str, pa.Array]) -> Mask:
    """Tell which of (N,) rows have no cell that could be broken text."""
    pattern = _as_re2(SUSPICIOUS.pattern)
    sound = None
    for cells in columns.values():
        clean = ~_matches(cells, pattern)
        sound = clean if sound is None else sound & clean
    return np.zeros(0, dtype=bool) if sound is None else sound


def read_keys(field: Field, cells: pa.Array) -> tuple[pa.Array, Mask]:
    """Read the codes of a delivery's rows. Returns them, and which are written as they are kept."""
    sound = _matches(cells, CODES_OF_RULE[field.rule]) & ~_matches(cells, RUINED)
    sound &= ~_mask(pc.is_in(cells, pa.array([word.upper() for word in EMPTY])))
    return cells, sound


def can_read_keys(field: Field) -> bool:
    """Tell whether read_keys knows all that a key field asks."""
    plain = field.values is None and field.default is None and field.minimum is None and field.maximum is None
    return field.type == "code" and field.rule in CODES_OF_RULE and plain


def read_column(field: Field, cells: pa.Array, utc_offset_h: int) -> FastColumn:
    """Read the cells of a field: plain text as it stands, everything else once for each different cell."""
    if field.type == "text" and field.values is None and field.rule is None and field.default is None:
        return _read_text(field, cells)
    encoded = pc.dictionary_encode(cells, null_encoding="encode")
    values, sound, texts = [], [], []
    for cell in encoded.dictionary.to_pylist():
        try:
            values.append(read_value(field, cell, utc_offset_h))
            sound.append(True)
        except ValueProblem:
            values.append(None)
            sound.append(False)
        texts.append(orjson.dumps(values[-1], option=orjson.OPT_SORT_KEYS))
    which = np.asarray(encoded.indices.to_numpy(), dtype=np.int64)
    json = pa.array(texts, pa.large_binary()).take(encoded.indices)
    return FastColumn(np.array(sound, dtype=bool)[which], json, None, tuple(values), which)


def nothing(count: int) -> FastColumn:
    """Give the column of a field that the delivery does not have."""
    json = pa.repeat(pa.scalar(b"null", pa.large_binary()), count)
    return FastColumn(np.ones(count, dtype=bool), json, None, (None,), np.zeros(count, dtype=np.int64))


def _read_text(field: Field, cells: pa.Array) -> FastColumn:
    blank = pc.fill_null(pc.equal(cells, ""), True)
    tidy = _matches(cells, TIDY) & ~_matches(cells, NEEDS_ESCAPE)
    tidy &= _mask(pc.fill_null(pc.less_equal(pc.utf8_length(cells), LONGEST_TEXT), True))
    text = pc.if_else(blank, pa.scalar(None, pa.string()), cells)
    json = pc.if_else(blank, pa.scalar(b"null", pa.large_binary()), joined(b'"', cells, b'"'))
    return FastColumn(tidy if field.required else tidy | _mask(blank), json, text)


def _matches(cells: pa.Array, pattern: str) -> Mask:
    if len(pc.unique(cells[:SAMPLE])) < SAMPLE // 2:  # a column of few different texts: each is looked at once
        encoded = pc.dictionary_encode(cells, null_encoding="encode")
        return np.asarray(_match(encoded.dictionary, pattern)[encoded.indices.to_numpy()], dtype=bool)
    return _match(cells, pattern)


def _match(cells: pa.Array, pattern: str) -> Mask:
    return _mask(pc.fill_null(pc.match_substring_regex(cells, pattern), False))


def _mask(flags: pa.Array) -> Mask:
    return np.asarray(flags.to_numpy(zero_copy_only=False), dtype=bool)


def _as_re2(pattern: str) -> str:
    """Write a class of characters the way RE2 reads it: everything outside letters and the frame as a number."""
    inner = pattern[1:-1]
    return "[" + "".join(char if char == "-" else f"\\x{{{ord(char):x}}}" for char in inner) + "]"
