"""Checks that look at a whole batch: broken text, kinds and soundness of geometry. Each row keeps its first problem."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

from ingest_gis.text_encoding import is_broken_text

if TYPE_CHECKING:
    from ingest_gis.positions import Placed

# Characters that never stand in sound Chinese text, or hardly ever outside of it: only texts with one of them are
# looked at closely. The long run is what the first bytes of UTF-8 Chinese become when read as GBK.
_AS_GBK = "".join(
    {bytes((lead, trail)).decode("gbk", "ignore") for lead in range(0xE4, 0xEA) for trail in range(0x80, 0xC0)} - {""}
)
SUSPICIOUS = re.compile(f"[?\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xff\u0152-\u017e\u02c6-\u02dc\ue000-\uf8ff\ufffd{_AS_GBK}]")
MOST_AREA_CHANGE = 0.01
THINNEST_M = 0.1
POINTS, LINES, AREAS = (0, 4), (1, 2, 5), (3, 6)
KINDS: dict[str, tuple[int, ...]] = {
    "admin_unit": AREAS,
    "grid": AREAS,
    "building": AREAS,
    "address": POINTS,
    "entity": (*POINTS, *AREAS),
    "record": (*POINTS, *AREAS, *LINES),
    "asset": (*POINTS, *LINES, *AREAS),
}


class Problems:
    """What is wrong with the rows of one batch. first: row -> (rule, detail), the first found stays."""

    def __init__(self, count: int) -> None:
        """Start with nothing wrong with `count` rows."""
        self.count = count
        self.first: dict[int, tuple[str, str | None]] = {}
        self.notes: Counter[str] = Counter()
        self.unknown_classes: Counter[str] = Counter()

    def add(self, row: int, code: str, detail: str | None = None) -> None:
        """Set a row aside for a broken rule. detail: column or kind, never a private value."""
        self.first.setdefault(row, (code, detail))

    def add_all(self, rows: NDArray[np.bool_], code: str, detail: str | None = None) -> None:
        """Set aside every row marked in (N,) bool."""
        for row in np.flatnonzero(rows):
            self.add(int(row), code, detail)

    def note(self, code: str, count: int = 1) -> None:
        """Count a remark that does not stop a row."""
        self.notes[code] += count


def find_broken_text(raw: Mapping[str, list[str | None]], problems: Problems) -> None:
    """Set aside rows with text that was decoded wrongly."""
    for name, cells in raw.items():
        text = "\n".join(filter(None, cells))
        if not SUSPICIOUS.search(text):
            continue
        for row, cell in enumerate(cells):
            if cell and SUSPICIOUS.search(cell) and is_broken_text(cell):
                problems.add(row, "text_broken", name)


def find_slivers(shapes: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Tell which areas are no areas: thinner than 10 cm on average. shapes: (N,) geometries in metres or None."""
    areas = np.isin(shapely.get_type_id(shapes), AREAS) & shapely.is_valid(shapes)
    width = np.full(len(shapes), np.inf)
    around = shapely.length(shapes[areas])
    width[areas] = 2 * np.abs(shapely.area(shapes[areas])) / np.where(around > 0, around, np.nan)
    return areas & ~(width >= THINNEST_M)


def mend_areas(shapes: NDArray[np.object_], problems: Problems) -> NDArray[np.object_]:
    """Mend outlines that cross themselves, if that keeps their area; set the others aside.

    shapes: (N,) geometries in metres or None. Returns (N,) geometries.
    """
    whole = np.isfinite(shapely.bounds(shapes).reshape(-1, 4)).all(axis=1)  # others have no place and cannot be mended
    bad = ~shapely.is_valid(shapes) & whole
    if not bad.any():
        return shapes
    mended = shapes.copy()
    mended[bad] = shapely.make_valid(shapes[bad], method="structure", keep_collapsed=False)
    before, after = np.abs(shapely.area(shapes[bad])), shapely.area(mended[bad])
    # The area of a crossed outline is not its own: the hull bounds what could have been meant.
    changed = np.abs(after - before) > MOST_AREA_CHANGE * np.maximum(before, after)
    lost = changed | shapely.is_empty(mended[bad])
    rows = np.flatnonzero(bad)
    for row in rows[lost]:
        problems.add(int(row), "geometry_beyond_repair")
    problems.note("geometry_repaired", int((~lost).sum()))
    return mended


def check_geometry_kind(target: str, placed: Placed, problems: Problems) -> None:
    """Set aside rows whose kind of geometry the target does not take."""
    kinds = placed.kinds
    wrong = (kinds >= 0) & ~np.isin(kinds, KINDS[target])
    problems.add_all(wrong, "geometry_kind")
