"""How long a map tile of a survey's raster takes, beside rio-tiler's own warping of the same file.

    .venv/bin/python -m benchmarks.raster_tiles var/surveys/NAME/products [--zooms 15 17 18 19 21] [--times 7]

The tile in the middle of each raster; ours to the encoded picture, rio-tiler's to the pixels. Both read the file from
memory (asked once before). Median, milliseconds.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rio_tiler.io import Reader

from twin.queries.raster_tiles import TILE_PIXELS, RasterFile, picture_tile, raster_facts

KINDS = {"orthophoto": (1, 2, 3), "dsm": (1,), "ndsm": (1,)}


def middle_tile(bounds: list[float], z: int) -> tuple[int, int]:
    """Give column and row of the tile in the middle of bounds (degrees)."""
    lon, lat = (bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
    return int((lon + 180) / 360 * 2**z), int(y * 2**z)


def median_ms(work: Callable[[], object], times: int) -> float:
    """Do it once, and then so many times."""
    taken = []
    for _ in range(times + 1):
        begin = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begin) * 1000)
    return statistics.median(taken[1:])


def warped(path: Path, z: int, x: int, y: int, bands: tuple[int, ...]) -> object:
    """Read the tile as rio-tiler does."""
    with Reader(str(path)) as reader:
        return reader.tile(x, y, z, tilesize=TILE_PIXELS, indexes=bands, resampling_method="bilinear")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("products", type=Path)
    parser.add_argument("--zooms", type=int, nargs="+", default=[15, 17, 18, 19, 21])
    parser.add_argument("--times", type=int, default=7)
    given = parser.parse_args()
    print(f"{'raster':<12}{'zoom':>5}{'ours ms':>10}{'rio-tiler ms':>14}{'times':>8}")
    for kind, bands in KINDS.items():
        raster = RasterFile.at(given.products / f"{kind}.tif", kind)
        for z in given.zooms:
            x, y = middle_tile(raster_facts(raster)["bounds"], z)
            ours = median_ms(partial(picture_tile, raster, z, x, y, "webp"), given.times)
            peer = median_ms(partial(warped, raster.path, z, x, y, bands), given.times)
            print(f"{kind:<12}{z:>5}{ours:>10.1f}{peer:>14.1f}{peer / ours:>8.1f}")


if __name__ == "__main__":
    main()
