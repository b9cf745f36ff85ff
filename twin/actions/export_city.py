"""Give the city's buildings and assets away as files: CityJSON, GeoPackage, GeoJSON."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import orjson
import psycopg
import shapely

from twin.crs import read_crs, transformer
from twin.errors import BadInput, NoSpace
from twin.queries.building_models import GivenBuilding, given_buildings
from twin.queries.city_json import CityJsonFile, Move, reference_system
from twin.settings import CitySettings

Format = Literal["cityjson", "gpkg", "geojson"]
FORMATS: tuple[Format, ...] = get_args(Format)
SUFFIXES: dict[str, Format] = {".json": "cityjson", ".gpkg": "gpkg", ".geojson": "geojson"}
SOURCE = "source"  # in the system the file came in
GEOGRAPHIC = "EPSG:4490"
ROWS_AT_ONCE = 20_000
WRITE_AUDIT = "SELECT audit.write('export', %(subject)s, %(detail)s::jsonb)"
ASSETS = """
SELECT a.code, c.code AS class_code, c.name_zh AS class_zh, a.name_zh, a.state, a.height_m, a.vertical_datum,
       a.accuracy_class, a.attributes::text AS attributes, ST_AsBinary(a.geom_m, 'NDR') AS shape
FROM twin.asset a JOIN twin.class c USING (class_id)
WHERE a.valid_to IS NULL AND (%(classes)s::text[] IS NULL OR c.code = ANY(%(classes)s))
ORDER BY a.asset_id
"""
Row = dict[str, Any]


@dataclass(frozen=True)
class Exported:
    """What was written: things, those left out (no solid, for CityJSON), and the system they are in."""

    count: int
    left_out: int
    crs: str


def find_format(path: Path, named: str | None) -> Format:
    """Tell the format of a file to be written: named, or by its suffix.

    Raises BadInput when it is none that can be written.
    """
    found = named or SUFFIXES.get(path.suffix.lower())
    for known in FORMATS:
        if found == known:
            return known
    raise BadInput(
        f"不会写 {named or path.suffix or '无扩展名'} (this format is not written)",
        do=f"请用 --format {'|'.join(FORMATS)} (name one with --format)",
    )


def export_buildings(
    connection: psycopg.Connection[Any],
    city: CitySettings,
    path: Path,
    form: Format,
    crs: str | None,
    batch: int | None,
) -> Exported:
    """Write the buildings that stand now, or those a batch brought last.

    crs: a code, PROJ string or "source"; by default the system the models came in if they share one (CityJSON),
    EPSG:4490 (GeoJSON), the working CRS (GeoPackage). Heights stay in their own datum.
    Raises BadInput when there is nothing to write, UnknownCrs for an unknown system.
    """
    buildings = given_buildings(connection, batch)
    if form == "cityjson":
        return _write_city_json(list(buildings), city, path, crs)
    rows = (
        {"code": item.code, **{name: getattr(item, name) for name in BUILDING_COLUMNS}, "shape": item.outline}
        for item in buildings
    )
    return _write_map(rows, city, path, form, crs, "buildings")


BUILDING_COLUMNS = (
    "name_zh", "use_zh", "storeys", "lod", "ground_h_m", "roof_h_m", "height_m", "height_sigma_m", "vertical_datum",
)  # fmt: skip


def export_assets(
    connection: psycopg.Connection[Any],
    city: CitySettings,
    path: Path,
    form: Format,
    crs: str | None,
    classes: Sequence[str] | None,
) -> Exported:
    """Write the assets that stand now, of some classes (four digits) or all.

    Raises BadInput when there is nothing to write or the format is a city model's, UnknownCrs for an unknown system.
    """
    if form == "cityjson":
        raise BadInput("部件请写成 gpkg 或 geojson (assets are written as gpkg or geojson)")
    with connection.cursor("given_assets", binary=True) as cursor:
        cursor.itersize = ROWS_AT_ONCE
        cursor.execute(ASSETS, {"classes": list(classes) if classes else None})
        names = [column.name for column in cursor.description or ()]
        return _write_map((dict(zip(names, row, strict=True)) for row in cursor), city, path, form, crs, "assets")


def _write_city_json(buildings: list[GivenBuilding], city: CitySettings, path: Path, crs: str | None) -> Exported:
    solid = [item for item in buildings if item.solid is not None]
    if not solid:
        raise _nothing()
    target, vertical = _system_of(solid, city, crs)
    file = CityJsonFile(target, vertical)
    for item in solid:
        file.add(item, mover(city.working_srid, target))
    with _in_place(path) as temporary:
        temporary.write_bytes(orjson.dumps(file.document()))
    return Exported(len(solid), len(buildings) - len(solid), target)


def _system_of(buildings: list[GivenBuilding], city: CitySettings, crs: str | None) -> tuple[str, str | None]:
    """Choose the one system of a file, and the one datum of its heights.

    Raises BadInput when the buildings' heights are in several datums: one file can name only one.
    """
    datums = {item.vertical_datum for item in buildings}
    if len(datums) > 1:
        raise BadInput(
            f"高程基准不一 (heights are in several datums): {', '.join(sorted(map(str, datums)))}",
            do="请用 --batch 分批导出 (export one batch at a time with --batch)",
        )
    sources = {item.source_crs for item in buildings}
    source = next(iter(sources)) if len(sources) == 1 else None
    if crs == SOURCE and source is None:
        raise BadInput(
            "模型来自不同的坐标系 (the models came in different systems)",
            do="请用 --crs 指定一个, 或用 --batch 分批导出 (name one with --crs, or export one batch with --batch)",
        )
    wanted = crs if crs not in (None, SOURCE) else source
    if wanted is None or (crs is None and reference_system(wanted, None) is None):
        wanted = f"EPSG:{city.working_srid}"
    read_crs(wanted)
    return wanted, datums.pop()


def mover(working_srid: int, target: str) -> Move:
    """Give what moves corners (N, 3) from the working CRS to another; heights stay."""
    source = f"EPSG:{working_srid}"
    if target == source:
        return lambda points: points
    across = transformer(target, source)  # the way they came, backwards

    def move(points: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        x, y = across.transform(points[:, 0], points[:, 1], direction="INVERSE")
        return np.column_stack([x, y, points[:, 2]])

    return move


def _write_map(
    rows: Iterable[Row], city: CitySettings, path: Path, form: Format, crs: str | None, layer: str
) -> Exported:
    """Write rows with a shape (WKB, working CRS) as a map file, a part at a time."""
    target = crs if crs not in (None, SOURCE) else GEOGRAPHIC if form == "geojson" else f"EPSG:{city.working_srid}"
    move = mover(city.working_srid, str(target))
    count = 0
    with _in_place(path) as temporary:
        for piece in _pieces(rows):
            _append(temporary, piece, move, form, str(target), layer, count > 0)
            count += len(piece)
        if not count:
            raise _nothing()
    return Exported(count, 0, str(target))


def _append(path: Path, rows: list[Row], move: Move, form: Format, crs: str, layer: str, more: bool) -> None:
    import geopandas
    import pyogrio

    shapes = shapely.from_wkb([bytes(row.pop("shape")) for row in rows])
    moved = shapely.transform(shapes, lambda xy: move(np.column_stack([xy, np.zeros(len(xy))]))[:, :2])
    table = geopandas.GeoDataFrame(rows, geometry=moved, crs=crs)
    driver, options = ("GPKG", {}) if form == "gpkg" else ("GeoJSON", {"RFC7946": "NO"})
    pyogrio.write_dataframe(
        table, path, driver=driver, layer=layer, append=more, layer_options=None if more else options
    )


def _pieces(rows: Iterable[Row]) -> Iterator[list[Row]]:
    source = iter(rows)
    while piece := list(islice(source, ROWS_AT_ONCE)):
        yield piece


@contextmanager
def _in_place(path: Path) -> Iterator[Path]:
    """Give a name to write to that becomes `path` only when all is written.

    Raises BadInput when the folder cannot be written to, NoSpace when the disk is full.
    """
    try:
        with tempfile.TemporaryDirectory(dir=path.parent or Path(), prefix=".export-") as folder:
            temporary = Path(folder) / path.name
            yield temporary
            temporary.replace(path)
    except OSError as error:
        if error.errno == 28:
            raise NoSpace("磁盘已满 (the disk is full)", where=path.name) from error
        raise BadInput(
            f"写不了 (cannot be written): {error.strerror}",
            where=path.name,
            do="请换个文件夹 (choose another folder)",
        ) from error


def _nothing() -> BadInput:
    return BadInput(
        "没有可导出的内容 (there is nothing to export)", do="请先入库, 或换一个 --batch (take deliveries in first)"
    )
