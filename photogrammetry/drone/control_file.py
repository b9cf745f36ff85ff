"""Read ground control points: our gcp.csv, or OpenDroneMap's gcp_list.txt.

gcp.csv: first line `# crs=EPSG:4550 vertical_datum=EPSG:5737`, then columns name, role (control or check), east,
north, height_m, file, col, row: one row per mark. gcp_list.txt: first line a CRS, then `x y z col row file [name]`.
"""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path

from twin.crs import read_crs
from twin.errors import BadControlPoints, UnknownCrs

COLUMNS = ("name", "role", "east", "north", "height_m", "file", "col", "row")
ROLES = ("control", "check")


@dataclass(frozen=True)
class Mark:
    """Where a point was seen: photo file and pixel (centre of the first pixel 0.5, 0.5)."""

    file: str
    col: float
    row: float


@dataclass(frozen=True)
class GroundPoint:
    """A surveyed point: easting, northing (m) in the file's CRS, height (m), and its marks in photos."""

    name: str
    role: str
    east: float
    north: float
    height_m: float
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class ControlFile:
    """All points of a file; crs and vertical_datum as it says; rejected: (row number, reason)."""

    crs: str
    vertical_datum: str | None
    points: tuple[GroundPoint, ...]
    rejected: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class _Row:
    number: int
    name: str
    role: str
    at: tuple[float, float, float]
    mark: Mark


def read_control_file(path: Path, survey_crs: str) -> ControlFile:
    """Read a control point file in either format; survey_crs stands in when gcp.csv names none.

    A row that cannot be read is left out with its reason. Raises BadControlPoints when the file as a whole cannot
    be used.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadControlPoints("cannot be read as text (UTF-8)", where=path.name, do="Save it as CSV UTF-8") from error
    lines = text.splitlines()
    head = lines[0] if lines else ""
    first_row = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    if "," in first_row and "name" in first_row.lower():
        rows, rejected = _read_csv(path, lines)
        about = dict(re.findall(r"(\w+)=(\S+)", head)) if head.startswith("#") else {}
        crs, datum = about.get("crs", survey_crs), about.get("vertical_datum")
    else:
        rows, rejected = _read_odm(lines[1:])
        crs, datum = _odm_crs(head), None
    try:
        read_crs(crs)
    except UnknownCrs as error:
        raise BadControlPoints(
            f"its first line names no coordinate system we know ({crs[:60]!r})",
            where=path.name,
            do="Begin the file with a line like `# crs=EPSG:4550 vertical_datum=EPSG:5737`",
        ) from error
    if not rows:
        raise BadControlPoints(
            f"holds no point that can be read ({len(rejected)} rows refused)",
            where=path.name,
            do=f"Give the columns {', '.join(COLUMNS)}",
        )
    return ControlFile(crs, datum, _gather(path, rows), tuple(rejected))


def _read_csv(path: Path, lines: list[str]) -> tuple[list[_Row], list[tuple[int, str]]]:
    kept = [(number, line) for number, line in enumerate(lines, 1) if line.strip() and not line.startswith("#")]
    # Line by line: a lost quotation mark costs its own row, not all that follow.
    table = [next(csv.reader([line]), []) for _, line in kept]
    header = [name.strip().lower() for name in table[0]]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise BadControlPoints(
            f"lacks the columns {', '.join(missing)}", where=path.name, do=f"Give the columns {', '.join(COLUMNS)}"
        )
    rows: list[_Row] = []
    rejected: list[tuple[int, str]] = []
    for (number, _), cells in zip(kept[1:], table[1:], strict=True):
        entry = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        _read_row(number, entry, rows, rejected)
    return rows, rejected


def _read_odm(lines: list[str]) -> tuple[list[_Row], list[tuple[int, str]]]:
    rows: list[_Row] = []
    rejected: list[tuple[int, str]] = []
    for number, line in enumerate(lines, 2):
        cells = line.split()
        if not cells or line.startswith("#"):
            continue
        name = cells[6] if len(cells) > 6 else " ".join(cells[:3])
        entry = dict(zip(("east", "north", "height_m", "col", "row", "file"), cells, strict=False))
        _read_row(number, {**entry, "name": name, "role": "control"}, rows, rejected)
    return rows, rejected


def _read_row(number: int, entry: dict[str, str], rows: list[_Row], rejected: list[tuple[int, str]]) -> None:
    if entry.get("role", "").lower() not in ROLES:
        rejected.append((number, f"role is neither {' nor '.join(ROLES)}"))
        return
    try:
        at = (float(entry["east"]), float(entry["north"]), float(entry["height_m"]))
        mark = Mark(entry["file"], float(entry["col"]), float(entry["row"]))
        if not all(map(math.isfinite, (*at, mark.col, mark.row))):
            raise ValueError
    except (KeyError, ValueError):
        rejected.append((number, "a coordinate or pixel is missing or not a number"))
        return
    rows.append(_Row(number, entry["name"], entry["role"].lower(), at, mark))


def _odm_crs(head: str) -> str:
    utm = re.fullmatch(r"\s*WGS\s*84\s+UTM\s+(\d{1,2})\s*([NS])\s*", head, re.IGNORECASE)
    if utm:
        return f"EPSG:{326 if utm[2].upper() == 'N' else 327}{int(utm[1]):02d}"
    return head.strip()


def _gather(path: Path, rows: list[_Row]) -> tuple[GroundPoint, ...]:
    names = list(dict.fromkeys(row.name for row in rows))
    points = []
    for name in names:
        mine = [row for row in rows if row.name == name]
        if len({(row.at, row.role) for row in mine}) > 1:
            raise BadControlPoints(
                f"point {name} has two positions or two roles (rows {mine[0].number} and later)",
                where=path.name,
                do="Give every point one name, one position and one role",
            )
        marks = tuple({row.mark.file: row.mark for row in mine}.values())
        points.append(GroundPoint(name, mine[0].role, *mine[0].at, marks))
    return tuple(points)
