"""Mapbox vector tiles (version 2.1) written with numpy: all features of a layer at once.

A feature is nothing but varints, so a layer's features are one flat array of numbers; where each feature's numbers
begin follows from how many it has. Four to five times less work than ST_AsMVT for the same features.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import shapely

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
EXTENT = 4096
MOVE_TO, LINE_TO, CLOSE = 1, 2, 7
POINT, LINE, POLYGON = 1, 2, 3


@dataclass(frozen=True)
class Frame:
    """Where a tile lies, in degrees, and how much around it is drawn (in steps of its EXTENT)."""

    west: float
    south: float
    east: float
    north: float
    buffer: int = 64

    def steps(self, lon_lat: npt.NDArray[np.float64]) -> Numbers:
        """Give places, (N, 2) longitude and latitude in degrees, as (N, 2) steps right and down in the tile."""
        right = (lon_lat[:, 0] - self.west) * (EXTENT / (self.east - self.west))
        down = (self.north - lon_lat[:, 1]) * (EXTENT / (self.north - self.south))
        return np.rint(np.stack([right, down], axis=1)).astype(np.int64)

    def with_buffer(self) -> tuple[float, float, float, float]:
        """Give west, south, east, north of all that is drawn, in degrees."""
        wide, high = (self.east - self.west) * self.buffer / EXTENT, (self.north - self.south) * self.buffer / EXTENT
        return self.west - wide, self.south - high, self.east + wide, self.north + high


@dataclass(frozen=True)
class Property:
    """One property of a layer's features: its name, its values as messages, and which of them each feature has.

    values: encoded messages one after the other. count: how many. chosen: (N,) number of the value, -1 for none.
    """

    name: str
    values: bytes
    count: int
    chosen: Numbers


@dataclass(frozen=True)
class Shapes:
    """Drawing commands of N features: kinds (N,), how many numbers each has (N,), all numbers one after the other."""

    kinds: Numbers
    lengths: Numbers
    numbers: Numbers


def single_texts(name: str, texts: Sequence[bytes]) -> Property:
    """Give a property that hardly two features have alike. texts: UTF-8."""
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    chosen, values, count = np.empty(len(texts), np.int64), [], 0
    for size in np.unique(sizes).tolist():  # texts of one length differ in their text alone
        members, head = np.flatnonzero(sizes == size), _text_head(size)
        some = texts if len(members) == len(texts) else [texts[n] for n in members.tolist()]
        values += [head, head.join(some)]
        chosen[members] = np.arange(count, count + len(members))
        count += len(members)
    return Property(name, b"".join(values), count, chosen)


def repeated_texts(name: str, texts: Sequence[bytes]) -> Property:
    """Give a property whose texts repeat. texts: UTF-8; an empty one is none."""
    different = [text for text in dict.fromkeys(texts) if text]
    numbers = {b"": -1} | {text: number for number, text in enumerate(different)}
    chosen = np.fromiter(map(numbers.__getitem__, texts), np.int64, len(texts))
    return Property(name, text_values(different), len(different), chosen)


def text_values(texts: Iterable[bytes]) -> bytes:
    """Encode texts (UTF-8) as values of a layer."""
    return b"".join([_text_head(len(text)) + text for text in texts])


@cache
def _text_head(size: int) -> bytes:
    inner = b"\x0a" + _varint(size)
    return b"\x22" + _varint(len(inner) + size) + inner


def points(steps: Numbers) -> Shapes:
    """Draw points, (N, 2)."""
    count = len(steps)
    numbers = np.empty((count, 3), np.int64)
    numbers[:, 0] = 1 << 3 | MOVE_TO
    numbers[:, 1:] = _zigzag(steps)
    return Shapes(np.full(count, POINT), np.full(count, 3), numbers.ravel())


def paths(geometries: npt.NDArray[np.object_], frame: Frame) -> Shapes:
    """Draw lines and polygons (single or multi), cut off beyond the tile's buffer; what has no extent left is empty.

    geometries: (N,) shapely geometries in degrees.
    """
    is_area = shapely.get_dimensions(geometries) == 2
    parts, owner = shapely.get_parts(_cut(geometries, frame), return_index=True)
    fits = shapely.get_dimensions(parts) == np.where(is_area[owner], 2, 1)
    parts, owner = parts[fits], owner[fits]
    has_rings = is_area[owner]
    rings, of_part = shapely.get_rings(parts[has_rings], return_index=True)
    part = np.concatenate([np.flatnonzero(~has_rings), np.flatnonzero(has_rings)[of_part]])
    order = np.argsort(part, kind="stable")
    part, lines = part[order], np.concatenate([parts[~has_rings], rings])[order]
    outer = np.concatenate([[True], part[1:] != part[:-1]]) if len(part) else np.zeros(0, bool)
    lon_lat, line = shapely.get_coordinates(lines, return_index=True)
    return _commands(frame.steps(lon_lat), line, part, outer, owner, is_area)


def rings_and_lines(lon_lat: npt.NDArray[np.float64], count: Numbers, is_area: Flags, frame: Frame) -> Shapes:
    """Draw N lines and polygons of one ring, uncut. lon_lat: their vertices in degrees. count: (N,) of each."""
    number = np.arange(len(count))
    whole = np.ones(len(count), bool)
    return _commands(frame.steps(lon_lat), np.repeat(number, count), number, whole, number, is_area)


def joined(shapes: Sequence[Shapes]) -> Shapes:
    """Put shapes one after the other."""
    return Shapes(
        np.concatenate([one.kinds for one in shapes]),
        np.concatenate([one.lengths for one in shapes]),
        np.concatenate([one.numbers for one in shapes]),
    )


def _cut(geometries: npt.NDArray[np.object_], frame: Frame) -> npt.NDArray[np.object_]:
    west, south, east, north = frame.with_buffer()
    bounds = shapely.bounds(geometries)
    inside = (bounds[:, 0] >= west) & (bounds[:, 1] >= south) & (bounds[:, 2] <= east) & (bounds[:, 3] <= north)
    found = geometries.copy()
    for number in np.flatnonzero(~inside):
        try:
            found[number] = shapely.clip_by_rect(geometries[number], west, south, east, north)
        except shapely.errors.GEOSException:
            continue  # crossed outlines are drawn as they are
    return found


def _commands(
    steps: Numbers, line: Numbers, part: Numbers, outer: Flags, owner: Numbers, is_area: Flags
) -> Shapes:  # fmt: skip
    """Write the commands of lines and rings.

    steps: (V, 2) vertices. line: (V,) which line each belongs to. part, outer: of each line, the part it draws and
    whether it is its first ring. owner: of each part, the feature. is_area: of each feature.
    """
    ring = is_area[owner[part]]
    # Vertices that fall together are one; a ring's last is its first.
    keep = np.ones(len(steps), bool)
    keep[1:] = (line[1:] != line[:-1]) | (steps[1:] != steps[:-1]).any(axis=1)
    steps, line = steps[keep], line[keep]
    first = np.searchsorted(line, np.arange(len(part)))
    last = np.searchsorted(line, np.arange(len(part)), side="right") - 1
    closing = ring & (last > first) & (steps[last] == steps[first]).all(axis=1)
    keep = np.ones(len(steps), bool)
    keep[last[closing]] = False
    steps, line = steps[keep], line[keep]
    count = np.bincount(line, minlength=len(part))
    area = _areas(steps, line, len(part), count)
    good = np.where(ring, (count >= 3) & (area != 0), count >= 2)
    lost = np.zeros(len(owner), bool)
    lost[part[outer & ~good]] = True
    good &= ~lost[part]
    backwards = good & ring & ((area > 0) != outer)
    return _written(steps, line, count, good, backwards, owner[part], ring, is_area)


def _areas(steps: Numbers, line: Numbers, lines: int, count: Numbers) -> Numbers:
    """Give twice the area of each line as a ring; positive when it goes round clockwise as seen."""
    if not len(steps):
        return np.zeros(lines, np.int64)
    start = np.cumsum(count) - count
    after = np.arange(len(steps)) + 1
    ends = after == (start + count)[line]
    after[ends] = start[line[ends]]
    crossed = steps[:, 0] * steps[after, 1] - steps[after, 0] * steps[:, 1]
    return np.bincount(line, crossed, minlength=lines).astype(np.int64)


def _written(
    steps: Numbers, line: Numbers, count: Numbers, good: Flags, backwards: Flags,
    feature: Numbers, ring: Flags, is_area: Flags,
) -> Shapes:  # fmt: skip
    start = np.cumsum(count) - count
    chosen = np.flatnonzero(good[line])
    at, within = line[chosen], chosen - start[line[chosen]]
    turned = np.where(backwards[at], start[at] + count[at] - 1 - within, chosen)
    drawn, of = steps[turned], feature[at]
    moved = drawn.copy()
    same = of[1:] == of[:-1]
    moved[1:][same] -= drawn[:-1][same]  # the pen stays where the last line ended
    moved = _zigzag(moved)
    size = np.where(good, 2 + 2 * count + ring, 0)
    begin = np.cumsum(size) - size
    numbers = np.empty(int(size.sum()), np.int64)
    numbers[begin[good]] = 1 << 3 | MOVE_TO
    numbers[begin[good] + 3] = (count[good] - 1) << 3 | LINE_TO
    numbers[(begin + size - 1)[good & ring]] = 1 << 3 | CLOSE
    place = begin[at] + np.where(within == 0, 1, 2 + 2 * within)
    numbers[place], numbers[place + 1] = moved[:, 0], moved[:, 1]
    lengths = np.bincount(feature, size, minlength=len(is_area)).astype(np.int64)
    return Shapes(np.where(is_area, POLYGON, LINE), lengths, numbers)


def encode_layer(name: str, ids: Numbers, properties: Sequence[Property], shapes: Shapes) -> bytes:
    """Write a tile of one layer. ids: (N,), none negative. Features that draw nothing are left out."""
    features = _features(ids, properties, shapes)
    head = [b"\x78\x02", _field(1, name.encode())]
    keys = [_field(3, one.name.encode()) for one in properties]
    layer = b"".join([*head, features, *keys, *(one.values for one in properties), b"\x28", _varint(EXTENT)])
    return _field(3, layer)


def _features(ids: Numbers, properties: Sequence[Property], shapes: Shapes) -> bytes:
    there = shapes.lengths > 0
    count = int(there.sum())
    if not count:
        return b""
    drawn = np.add.reduceat(_sizes(shapes.numbers), (np.cumsum(shapes.lengths) - shapes.lengths)[there])
    ids, kinds, lengths = ids[there], shapes.kinds[there], shapes.lengths[there]
    tags, tag_bytes, tag_count, before = [], np.zeros(count, np.int64), np.zeros(count, np.int64), 0
    for one in properties:
        value = one.chosen[there]
        has = value >= 0
        value = value + before
        tags.append((has, value))
        tag_bytes += np.where(has, 1 + _sizes(np.maximum(value, 0)), 0)
        tag_count += has * 2
        before += one.count
    body = 4 + _sizes(ids) + _sizes(tag_bytes) + tag_bytes + _sizes(drawn) + drawn + 1
    size = 10 + tag_count + lengths
    at = np.cumsum(size) - size
    flat = np.empty(int(size.sum()), np.int64)
    for number in (2 << 3 | 2, body, 1 << 3, ids, 2 << 3 | 2, tag_bytes):
        flat[at] = number
        at += 1
    for key, (has, value) in enumerate(tags):
        flat[at[has]] = key
        flat[at[has] + 1] = value[has]
        at += has * 2
    for number in (3 << 3, kinds, 4 << 3 | 2, drawn):
        flat[at] = number
        at += 1
    flat[np.repeat(at - (np.cumsum(lengths) - lengths), lengths) + np.arange(len(shapes.numbers))] = shapes.numbers
    return _varints(flat)


def _zigzag(numbers: Numbers) -> Numbers:
    return (numbers << 1) ^ (numbers >> 63)


def _sizes(numbers: Numbers) -> Numbers:
    """Say how many bytes each number takes as a varint."""
    sizes = np.ones(len(numbers), np.uint8)
    limit, most = 1 << 7, int(numbers.max(initial=0))
    while most >= limit:
        sizes += numbers >= limit
        limit <<= 7
    return sizes.astype(np.int64)


def _varints(numbers: Numbers) -> bytes:
    if not len(numbers):
        return b""
    sizes = _sizes(numbers)
    ends = np.cumsum(sizes)
    out = np.empty(int(ends[-1]), np.uint8)
    at, left = ends - sizes, numbers
    while True:
        more = left > 0x7F
        low = left.astype(np.uint8)
        out[at] = np.where(more, low | 0x80, low)
        longer = np.flatnonzero(more)
        if not len(longer):
            return out.tobytes()
        at, left = at[longer] + 1, left[longer] >> 7


def _varint(number: int) -> bytes:
    return _varints(np.array([number], np.int64))


def _field(number: int, content: bytes) -> bytes:
    size = len(content)
    return bytes((number << 3 | 2,)) + (bytes((size,)) if size < 128 else _varint(size)) + content
