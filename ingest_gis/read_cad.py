"""Read a DXF drawing: one row for each thing drawn in model space; runs in the guarded child only.

Block inserts are points that carry their attributes (ATTRIB) as columns; closed polylines, circles and hatches are
areas; bulges and curves become chords that keep within a centimetre of the arc.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import shapely

from ingest_gis.text_columns import text_batch
from ingest_gis.text_encoding import choose_encoding
from twin.errors import UnreadableDelivery

if TYPE_CHECKING:
    from ingest_gis.gdal_guard import EmitBatch, EmitInfo, ReadOptions

COLUMNS = ("layer", "entity", "block", "text", "handle", "color", "linetype", "rotation", "elevation")
CHORD_M = 0.01
WHERE_DRAWN = "model"
MOST_COLUMNS = 500
Attributes = dict[str, str]


def prepare(driver: str | None) -> None:
    """Load what reading needs before the process gives up its freedoms."""
    import ezdxf
    import ezdxf.path  # noqa: F401


def stream(path: Path, options: ReadOptions, emit_info: EmitInfo, emit_batch: EmitBatch) -> None:
    """Read the drawing and send its rows.

    emit_info gets layer, layers, fields (COLUMNS and the tags of block attributes), crs (None: a drawing has none),
    rows, encoding. emit_batch gets text columns, `_row_no` and `_wkb` (None for what has no place on a map).
    Raises UnreadableDelivery when it is no sound DXF or nothing is drawn in it.
    """
    try:
        drawn, tags, encoding = _open(path, options.encoding)
        names = list(COLUMNS) + [tag if tag.lower() not in COLUMNS else f"{tag}_attrib" for tag in tags]
        starts = range(0, len(drawn), options.batch_rows)
        batches = (_as_batch(names, tags, drawn[at : at + options.batch_rows], at + 1) for at in starts)
        first = next(batches, None)
    except MemoryError:
        raise
    except Exception as error:  # a drawing can be damaged in more ways than ezdxf has errors for
        raise UnreadableDelivery(
            "图纸打不开或已损坏 (the drawing cannot be opened or is damaged)",
            do="请用 AutoCAD 或 CASS 另存为 DXF 2007 以上版本 (save it as DXF 2007 or later)",
        ) from error
    if first is None:
        raise UnreadableDelivery(
            "模型空间里没有图形 (nothing is drawn in model space)", do="请检查图纸 (check the drawing)"
        )
    info: dict[str, object] = {
        "layer": WHERE_DRAWN, "layers": [WHERE_DRAWN], "fields": names, "crs": None, "geometry": "",
        "rows": len(drawn), "encoding": encoding, "driver": "DXF",
    }  # fmt: skip
    emit_info(info)
    for batch in chain([first], batches):
        emit_batch(batch)


def _open(path: Path, given: str | None) -> tuple[list[Any], list[str], str]:
    """Read the drawing: what is drawn in model space, the tags of its block attributes, the encoding of its texts."""
    from ezdxf.filemanagement import dxf_file_info, readfile

    encoding = None if _is_binary(path) else _encoding(path, given or dxf_file_info(str(path)).encoding)
    document = readfile(str(path), encoding=encoding, errors="surrogateescape")
    drawn = list(document.modelspace())
    tags = list(dict.fromkeys(tag for entity in drawn for tag in _attributes(entity)))[:MOST_COLUMNS]
    return drawn, tags, encoding or document.encoding


def _is_binary(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(22).startswith(b"AutoCAD Binary DXF")


def _encoding(path: Path, declared: str | None) -> str:
    """Find the encoding of the drawing's text: the code page it names, else strict UTF-8, else GB18030."""
    western = (declared or "").lower() in ("cp1252", "latin-1", "iso8859-1")
    with path.open("rb") as file:
        pieces = iter(lambda: b"".join(file.readlines(1 << 20)), b"")
        return choose_encoding(pieces, [None if western else declared])


def _as_batch(names: list[str], tags: list[str], entities: Iterable[Any], first: int) -> Any:
    cells: list[list[str | None]] = [[] for _ in names]
    wkb: list[bytes | None] = []
    for entity in entities:
        attributes = _attributes(entity)
        shape = _shape(entity)
        wkb.append(None if shape is None or shapely.is_empty(shape) else shapely.to_wkb(shape))
        values = [*_common(entity, shape), *(attributes.get(tag) for tag in tags)]
        for column, value in zip(cells, values, strict=True):
            column.append(None if value is None else _readable(value))
    return text_batch(names, cells, first, wkb)


def _readable(text: str) -> str:
    """Show bytes that the encoding did not know as U+FFFD, which the checks recognise."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _common(entity: Any, shape: shapely.Geometry | None) -> Iterator[str | None]:
    """Give what every entity says of itself, in the order of COLUMNS."""
    dxf, kind = entity.dxf, entity.dxftype()
    elevation = [] if shape is None else shapely.get_coordinates(shape, include_z=True)[:1, 2].tolist()
    yield str(dxf.layer)
    yield kind
    yield str(dxf.name) if kind == "INSERT" else None
    yield _text(entity)
    yield str(dxf.handle)
    yield str(dxf.color) if dxf.hasattr("color") else None
    yield str(dxf.linetype) if dxf.hasattr("linetype") else None
    yield f"{dxf.rotation:g}" if dxf.hasattr("rotation") else None
    yield f"{elevation[0]:g}" if len(elevation) and elevation[0] == elevation[0] else None


def _text(entity: Any) -> str | None:
    kind = entity.dxftype()
    if kind == "MTEXT":
        return str(entity.plain_text())
    if kind in ("TEXT", "ATTDEF"):
        from ezdxf.lldxf.encoding import decode_dxf_unicode

        return str(decode_dxf_unicode(entity.dxf.text))
    return None


def _attributes(entity: Any) -> Attributes:
    if entity.dxftype() != "INSERT":
        return {}
    return {_readable(str(attrib.dxf.tag)): str(attrib.dxf.text) for attrib in entity.attribs}


def _shape(entity: Any) -> shapely.Geometry | None:
    """Give an entity's geometry in drawing units, with heights where they are not zero; None when it has none."""
    try:
        kind = entity.dxftype()
        if kind in ("INSERT", "TEXT", "MTEXT", "ATTDEF", "POINT", "SHAPE"):
            return _point(entity, kind)
        if kind == "HATCH":
            return _hatch(entity)
        if kind in ("SOLID", "TRACE", "3DFACE"):
            return _area([tuple(corner) for corner in entity.wcs_vertices()])
        return _line(entity, kind)
    except (TypeError, ValueError, AttributeError, ZeroDivisionError, ArithmeticError):
        return None


def _point(entity: Any, kind: str) -> shapely.Geometry:
    at = entity.dxf.location if kind == "POINT" else entity.dxf.insert
    return shapely.Point(_lifted([tuple(entity.ocs().to_wcs(at) if kind not in ("POINT", "MTEXT") else at)])[0])


def _hatch(entity: Any) -> shapely.Geometry:
    from ezdxf.path import from_hatch

    rings = [_lifted([tuple(at) for at in way.flattening(CHORD_M)]) for way in from_hatch(entity)]
    # Holes are rings inside others: the symmetric difference of all rings leaves them out.
    shapes = [shapely.Polygon(ring) for ring in rings if len(ring) > 2]
    return shapely.symmetric_difference_all(shapely.make_valid(shapes)) if shapes else shapely.Polygon()


def _line(entity: Any, kind: str) -> shapely.Geometry | None:
    from ezdxf.path import make_path

    way = make_path(entity)
    corners = [tuple(at) for at in way.flattening(CHORD_M)]
    if len(corners) < 2:
        return None
    if kind != "LINE" and way.is_closed and len(corners) > 3:
        return _area(corners)
    return shapely.LineString(_lifted(corners))


def _area(corners: list[tuple[float, ...]]) -> shapely.Geometry:
    return shapely.Polygon(_lifted(corners))


def _lifted(corners: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Drop heights that are all zero: a flat drawing has none."""
    return corners if any(corner[2] for corner in corners) else [corner[:2] for corner in corners]
