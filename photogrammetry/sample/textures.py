"""Surface colours that never repeat: every surface is grown from its own seed, octave by octave.

Colours are linear reflectances, (rows, cols, 3) float32 in [0, 1], red green blue. Windows are texels of an endless
texture (col0, row0, cols, rows), so that neighbouring tiles meet without a seam.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from photogrammetry.sample.randomness import Grey, fractal, lattice, octave

Rgb = NDArray[np.float32]
Window = tuple[int, int, int, int]
BROAD = (128, 64, 32, 16, 8)
FINE = (8, 4, 2, 1)


def _tint(field: Grey, low: tuple[float, float, float], high: tuple[float, float, float]) -> Rgb:
    """Blend two colours by a field of about unit deviation around 0."""
    share = np.clip(field * 0.28 + 0.5, 0.0, 1.0)[..., None]
    base = np.asarray(low, np.float32)
    mixed: Rgb = share * (np.asarray(high, np.float32) - base)
    mixed += base
    return mixed


def _varied(colour: Rgb, amount: float, field: Grey) -> Rgb:
    """Make a colour lighter or darker by a field."""
    varied: Rgb = colour * (1 + np.float32(amount) * field)[..., None]
    return varied


def _cells(seed: int, window: Window, across: int, along: int, stagger: int = 0) -> tuple[Grey, Grey]:
    """Lay tiles of (across, along) texels: the tone of each tile in [-1, 1) and 1 on joints, else 0."""
    col0, row0, cols, rows = window
    row = np.arange(row0, row0 + rows)
    tile_row = row // along
    col = np.arange(col0, col0 + cols)[None, :] + (tile_row[:, None] % 2) * stagger
    tile_col = col // across
    first_c, first_r = int(tile_col.min()), int(tile_row.min())
    tones = lattice(seed, first_c, first_r, int(tile_col.max()) - first_c + 1, int(tile_row.max()) - first_r + 1)
    tone = tones[(tile_row - first_r)[:, None], tile_col - first_c]
    joint = ((col % across == 0) | ((row % along) == 0)[:, None]).astype(np.float32)
    return tone, joint


def _spots(seed: int, window: Window, cell: int, above: float) -> Grey:
    """Scatter soft blotches: 0 outside, rising to 1 inside."""
    field = octave(seed, cell, *window) + np.float32(0.4) * octave(seed + 9, max(cell // 4, 1), *window)
    return np.clip((field - np.float32(above)) * 4, 0, 1)


def asphalt(seed: int, window: Window) -> Rgb:
    """Worn asphalt with aggregate, patches and oil stains."""
    colour = _tint(fractal(seed, window, BROAD, (1.2, 1, 0.8, 0.6, 0.5)), (0.075, 0.075, 0.08), (0.17, 0.165, 0.16))
    grain = fractal(seed + 1, window, FINE, (0.8, 1, 0.9, 0.7))
    colour *= (1 + 0.16 * grain)[..., None]
    colour *= (1 - 0.45 * _spots(seed + 2, window, 32, 0.75))[..., None]
    crack = np.abs(fractal(seed + 3, window, (64, 32, 16, 8), (1, 0.8, 0.5, 0.3)))
    return _varied(colour, -0.55, (crack < 0.025).astype(np.float32))


def concrete(seed: int, window: Window) -> Rgb:
    """Cast concrete in slabs of four metres with stains."""
    tone, joint = _cells(seed, window, 80, 80)
    field = fractal(seed + 1, window, BROAD) + 0.7 * tone
    colour = _tint(field, (0.24, 0.23, 0.21), (0.46, 0.44, 0.40)) * (1 - 0.5 * joint)[..., None]
    colour *= (1 + 0.12 * fractal(seed + 2, window, FINE))[..., None]
    return _varied(colour, -0.35, _spots(seed + 3, window, 16, 0.7))


def paving(seed: int, window: Window) -> Rgb:
    """Pavement slabs of 30 by 60 cm whose tones differ."""
    tone, joint = _cells(seed, window, 12, 6, 6)
    field = 0.9 * tone + 0.7 * fractal(seed + 1, window, BROAD)
    colour = _tint(field, (0.22, 0.19, 0.17), (0.44, 0.39, 0.35)) * (1 - 0.4 * joint)[..., None]
    return _varied(colour, 0.10, fractal(seed + 2, window, FINE))


def yard_tiles(seed: int, window: Window) -> Rgb:
    """Brick-red yard tiles of 40 cm."""
    tone, joint = _cells(seed, window, 8, 8)
    colour = _tint(tone * 1.2 + 0.5 * fractal(seed + 1, window, BROAD), (0.25, 0.12, 0.09), (0.42, 0.24, 0.18))
    return _varied(_varied(colour, -0.4, joint), 0.1, fractal(seed + 2, window, FINE))


def grass(seed: int, window: Window) -> Rgb:
    """Uneven lawn with bare and dry patches."""
    colour = _tint(fractal(seed, window, BROAD, (1, 1, 1, 1, 0.9)), (0.055, 0.10, 0.035), (0.17, 0.23, 0.085))
    bare = _spots(seed + 1, window, 64, 0.55)[..., None]
    colour = colour * (1 - bare) + bare * np.array([0.26, 0.21, 0.14], np.float32)
    return _varied(colour, 0.28, fractal(seed + 2, window, (8, 4, 2, 1), (0.9, 1, 1, 0.7)))


def soil(seed: int, window: Window) -> Rgb:
    """Trodden earth with gravel and weeds."""
    colour = _tint(fractal(seed, window, BROAD), (0.20, 0.15, 0.10), (0.38, 0.31, 0.23))
    weeds = _spots(seed + 1, window, 16, 0.6)[..., None]
    colour = colour * (1 - weeds) + weeds * np.array([0.12, 0.17, 0.06], np.float32)
    return _varied(colour, 0.22, fractal(seed + 2, window, FINE))


def field(seed: int, window: Window) -> Rgb:
    """Farmland in strips of different crops."""
    tone, _ = _cells(seed, window, 700, 260, 300)
    colour = _tint(1.6 * tone + 0.5 * fractal(seed + 1, window, BROAD), (0.09, 0.14, 0.05), (0.33, 0.27, 0.17))
    rows = np.sin(np.arange(window[1], window[1] + window[3]) * (2 * np.pi / 9.0)).astype(np.float32)[:, None]
    return _varied(colour, 1.0, 0.1 * rows + 0.25 * fractal(seed + 2, window, FINE))


def court(seed: int, window: Window) -> Rgb:
    """A sports court's worn coating."""
    wear = _spots(seed, window, 32, 0.5)[..., None]
    colour = _tint(fractal(seed + 1, window, BROAD), (0.30, 0.10, 0.07), (0.42, 0.17, 0.12))
    colour = colour * (1 - 0.6 * wear) + 0.6 * wear * np.array([0.33, 0.28, 0.24], np.float32)
    return _varied(colour, 0.12, fractal(seed + 2, window, FINE))


def bitumen(seed: int, window: Window) -> Rgb:
    """Bitumen sheets a metre wide with overlaps, repairs and dried puddles."""
    tone, joint = _cells(seed, window, 200, 20)
    value = fractal(seed + 1, window, BROAD) + 0.8 * tone
    colour = _tint(value, (0.11, 0.11, 0.115), (0.27, 0.265, 0.25)) * (1 - 0.35 * joint)[..., None]
    mend = (octave(seed + 2, 64, *window) > 0.62).astype(np.float32)[..., None]
    colour = colour * (1 - 0.45 * mend)
    puddle = _spots(seed + 3, window, 48, 0.6)[..., None]
    colour = colour * (1 - 0.5 * puddle) + 0.5 * puddle * np.array([0.33, 0.31, 0.27], np.float32)
    return _varied(colour, 0.15, fractal(seed + 4, window, FINE))


def screed(seed: int, window: Window) -> Rgb:
    """Cement screed in bays of three metres with cracks and algae."""
    tone, joint = _cells(seed, window, 60, 60)
    colour = _tint(fractal(seed + 1, window, BROAD) + 0.6 * tone, (0.27, 0.26, 0.24), (0.50, 0.48, 0.44))
    colour *= (1 - 0.45 * joint)[..., None]
    crack = np.abs(fractal(seed + 2, window, (64, 32, 16, 8), (1, 0.8, 0.5, 0.3)))
    colour *= np.where(crack < 0.03, 0.5, 1.0).astype(np.float32)[..., None]
    algae = _spots(seed + 3, window, 32, 0.65)[..., None]
    colour = colour * (1 - 0.6 * algae) + 0.6 * algae * np.array([0.14, 0.15, 0.10], np.float32)
    return _varied(colour, 0.13, fractal(seed + 4, window, FINE))


def _tiles(seed: int, window: Window, low: tuple[float, float, float], high: tuple[float, float, float]) -> Rgb:
    tone, joint = _cells(seed, window, 5, 7, 2)
    weather = fractal(seed + 1, window, BROAD)
    shade = (np.arange(window[1], window[1] + window[3]) % 7).astype(np.float32)[:, None] / 7
    colour = _tint(0.9 * tone + weather, low, high) * (1.12 - 0.35 * shade - 0.15 * joint)[..., None]
    lichen = _spots(seed + 2, window, 16, 0.75)[..., None]
    colour = colour * (1 - 0.5 * lichen) + 0.5 * lichen * np.array([0.22, 0.22, 0.16], np.float32)
    return _varied(colour, 0.12, fractal(seed + 3, window, FINE))


def tile_red(seed: int, window: Window) -> Rgb:
    """Weathered red roof tiles."""
    return _tiles(seed, window, (0.20, 0.07, 0.05), (0.46, 0.20, 0.13))


def tile_orange(seed: int, window: Window) -> Rgb:
    """New orange roof tiles."""
    return _tiles(seed, window, (0.34, 0.13, 0.06), (0.58, 0.27, 0.14))


def tile_grey(seed: int, window: Window) -> Rgb:
    """Grey roof tiles."""
    return _tiles(seed, window, (0.10, 0.10, 0.11), (0.28, 0.28, 0.29))


def metal_blue(seed: int, window: Window) -> Rgb:
    """Blue profiled sheet with rust streaks and replaced panels."""
    tone, joint = _cells(seed, window, 18, 110, 0)
    colour = _tint(0.9 * tone + 0.7 * fractal(seed + 1, window, BROAD), (0.08, 0.15, 0.28), (0.20, 0.31, 0.46))
    colour *= (1 - 0.35 * joint)[..., None]
    rust = _spots(seed + 2, window, 24, 0.6)[..., None]
    colour = colour * (1 - 0.55 * rust) + 0.55 * rust * np.array([0.30, 0.17, 0.10], np.float32)
    return _varied(colour, 0.1, fractal(seed + 3, window, FINE))


def _plaster(seed: int, window: Window, low: tuple[float, float, float], high: tuple[float, float, float]) -> Rgb:
    streak = cv2.blur(octave(seed, 2, *window), (1, 61))
    value = fractal(seed + 1, window, BROAD) + 2.0 * streak
    return _varied(_tint(value, low, high), 0.08, fractal(seed + 2, window, FINE))


def plaster(seed: int, window: Window) -> Rgb:
    """Off-white plaster with rain streaks."""
    return _plaster(seed, window, (0.38, 0.36, 0.32), (0.66, 0.63, 0.57))


def plaster_yellow(seed: int, window: Window) -> Rgb:
    """Yellowish plaster."""
    return _plaster(seed, window, (0.42, 0.33, 0.19), (0.66, 0.54, 0.34))


def plaster_grey(seed: int, window: Window) -> Rgb:
    """Grey plaster."""
    return _plaster(seed, window, (0.24, 0.24, 0.24), (0.45, 0.45, 0.44))


def tile_white(seed: int, window: Window) -> Rgb:
    """White facade tiles with joints."""
    tone, joint = _cells(seed, window, 4, 4)
    colour = _tint(0.6 * tone + fractal(seed + 1, window, BROAD), (0.46, 0.46, 0.45), (0.74, 0.73, 0.70))
    return _varied(colour, -0.2, joint)


def brick(seed: int, window: Window) -> Rgb:
    """Brick masonry."""
    tone, joint = _cells(seed, window, 5, 2, 2)
    colour = _tint(tone + 0.8 * fractal(seed + 1, window, BROAD), (0.22, 0.09, 0.06), (0.44, 0.22, 0.16))
    return _varied(colour, -0.2, joint)


MATERIALS: dict[str, Callable[[int, Window], Rgb]] = {
    "asphalt": asphalt, "parking": asphalt, "concrete": concrete, "concrete_roof": concrete, "coping": concrete,
    "paving": paving, "yard_tiles": yard_tiles, "grass": grass, "soil": soil, "field": field, "court": court,
    "bitumen": bitumen, "screed": screed, "tile_red": tile_red, "tile_orange": tile_orange, "tile_grey": tile_grey,
    "metal_blue": metal_blue, "plaster": plaster, "plaster_yellow": plaster_yellow, "plaster_grey": plaster_grey,
    "tile_white": tile_white, "brick": brick,
}  # fmt: skip


def target_board(texels: int) -> Rgb:
    """Paint a survey target: a black and white chequer of four quarters on a grey board; its corner is the mark."""
    board = np.full((texels, texels, 3), 0.32, np.float32)
    edge, middle = texels // 8, texels // 2
    board[edge : texels - edge, edge : texels - edge] = 0.85
    board[edge:middle, edge:middle] = 0.03
    board[middle : texels - edge, middle : texels - edge] = 0.03
    return board


def with_windows(colour: Rgb, random: np.random.Generator, storeys: int, texel_m: float, wall_height_m: float) -> Rgb:
    """Set windows with curtains, frames and outdoor units into a wall; row 0 is the wall's top."""
    rows, cols = colour.shape[:2]
    storey = wall_height_m / max(storeys, 1)
    high, wide = max(int(1.45 / texel_m), 2), int(1.5 / texel_m)
    pitch = int(random.uniform(2.6, 3.5) / texel_m)
    start = (cols - (cols // pitch) * pitch + pitch - wide) // 2
    for floor in range(storeys):
        top = int((storey * floor + 0.75) / texel_m)
        if top + high > rows or cols < pitch:
            continue
        for left in range(start, cols - wide, pitch):
            if random.random() < 0.12:
                continue
            glass = random.uniform(0.02, 0.10) * np.array([0.8, 0.95, 1.1])
            if random.random() < 0.35:
                glass = random.uniform(0.15, 0.5) * random.uniform(0.7, 1.0, 3)
            shift, size = int(random.integers(-2, 3)), int(wide * random.uniform(0.75, 1.1))
            frame = colour[top - 1 : top + high + 1, max(left + shift - 1, 0) : left + shift + size + 1]
            frame[:] = random.uniform(0.35, 0.8)
            pane = colour[top : top + high, max(left + shift, 0) : left + shift + size]
            pane[:] = glass * random.uniform(0.75, 1.25, (*pane.shape[:2], 1))
            pane[:, pane.shape[1] // 2 : pane.shape[1] // 2 + 1] = 0.5
            if random.random() < 0.4:
                unit = colour[top + high + 2 : top + high + 14, left + wide - 10 : left + wide + 6]
                unit[:] = random.uniform(0.4, 0.75)
                unit[3:9, 3:9] = 0.15
    return colour
