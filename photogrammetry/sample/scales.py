"""The sizes a sample can have: how many blocks, how many photos, how fine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from twin.errors import BadInput

BlockKind = Literal["village", "compound", "commerce", "civic", "corner"]


@dataclass(frozen=True)
class Scale:
    """One size of the sample; lengths in metres, photo sizes in pixels.

    block_kinds: the blocks row by row from the north-west, or empty to draw them from the seed.
    gsd_m: ground sample distance of the nadir photos. households: how many the register holds.
    """

    name: str
    columns: int
    rows: int
    community_columns: int
    community_rows: int
    pitch_e_m: float
    pitch_n_m: float
    street_m: float
    block_kinds: tuple[BlockKind, ...]
    photo_width: int
    photo_height: int
    gsd_m: float
    lines: int
    photos_a_line: int
    obliques: int
    control_points: int
    check_points: int
    covers: int
    repairs: int
    enterprises: int
    households: int

    @property
    def half_e_m(self) -> float:
        """Half the quarter's width."""
        return self.columns * self.pitch_e_m / 2

    @property
    def half_n_m(self) -> float:
        """Half the quarter's depth."""
        return self.rows * self.pitch_n_m / 2

    @property
    def texel_m(self) -> float:
        """Size of a texture's texel: two thirds of the ground sample distance, in steps of 2.5 cm."""
        return max(0.05, int(self.gsd_m * 0.75 / 0.025) * 0.025)

    @property
    def focal_px(self) -> float:
        """Focal length of a 24 mm (35 mm equivalent) lens on this sensor, pixels."""
        return 24.0 / 43.267 * math.hypot(self.photo_width, self.photo_height)

    @property
    def flying_height_m(self) -> float:
        """Height above the middle of the quarter."""
        return self.gsd_m * self.focal_px


SCALES = {
    "tiny": Scale("tiny", 1, 1, 1, 1, 72, 50, 10, ("corner",), 640, 480, 0.125, 3, 3, 2, 4, 3, 12, 24, 12, 24),
    "small": Scale(
        "small", 2, 2, 2, 1, 100, 96, 14, ("village", "commerce", "compound", "civic"),
        2000, 1500, 0.075, 4, 6, 11, 6, 6, 110, 150, 80, 300,
    ),
    "town": Scale("town", 9, 9, 3, 3, 100, 96, 14, (), 2000, 1500, 0.075, 15, 26, 40, 16, 12, 1800, 3000, 1500, 6000),
    "district": Scale(
        "district", 16, 16, 4, 4, 100, 96, 14, (), 2000, 1500, 0.075, 27, 46, 120, 30, 24, 6000, 12000, 5000, 24000
    ),
}  # fmt: skip


def read_scale(name: str) -> Scale:
    """Find a scale by its name.

    Raises BadInput when there is no such scale.
    """
    if name not in SCALES:
        raise BadInput(
            f"there is no sample scale {name!r} / 没有名为“{name}”的示例规模", do=f"Choose one of {', '.join(SCALES)}"
        )
    return SCALES[name]
