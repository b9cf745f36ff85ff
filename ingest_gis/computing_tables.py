"""A GeoPackage is taken when it holds rows, not when it computes them; runs in the guarded child only.

A view may run for ever, or call what the library around it can do (open other files, load programs); so may a virtual
table and a generated column. Departments deliver tables.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import quote

from twin.errors import UnreadableDelivery

# Views that GeoPackage 1.0 itself defines; nothing reads them here.
STANDARD_VIEWS = frozenset({"st_spatial_ref_sys", "st_geometry_columns"})
SPATIAL_INDEX = "rtree_"
COMPUTED = (2, 3)  # PRAGMA table_xinfo: hidden is 2 or 3 for generated columns
MOST_OBJECTS = 2000
OBJECTS = "SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'view')"


def refuse_what_computes(path: Path) -> None:
    """Raise UnreadableDelivery for a database with views, virtual tables or generated columns, or a damaged one."""
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True)
        try:
            connection.execute("PRAGMA trusted_schema = OFF")
            objects = connection.execute(OBJECTS).fetchmany(MOST_OBJECTS + 1)
            if len(objects) > MOST_OBJECTS:
                raise _refused(f"超过 {MOST_OBJECTS} 个表 (it holds more than {MOST_OBJECTS} tables)")
            for kind, name, text in objects:
                _check(connection, str(kind), str(name), str(text or ""))
        finally:
            connection.close()
    except (sqlite3.Error, UnicodeError, OverflowError, ValueError) as error:
        raise UnreadableDelivery(
            "文件打不开或已损坏 (the file cannot be opened or is damaged)", do="请重新导出 (export it again)"
        ) from error


def _check(connection: sqlite3.Connection, kind: str, name: str, text: str) -> None:
    if kind == "view" and name.lower() not in STANDARD_VIEWS:
        raise _refused("文件里有视图 (it holds views)")
    if text.lstrip().upper().startswith("CREATE VIRTUAL") and not (
        name.startswith(SPATIAL_INDEX) and " USING RTREE" in " ".join(text.upper().split())
    ):
        raise _refused("文件里有虚拟表 (it holds virtual tables)")
    if kind == "table":
        columns = connection.execute("SELECT hidden FROM pragma_table_xinfo(?)", (name,)).fetchall()
        if any(hidden in COMPUTED for (hidden,) in columns) and not name.startswith(SPATIAL_INDEX):
            raise _refused("文件里有计算列 (it holds computed columns)")


def _refused(what: str) -> UnreadableDelivery:
    return UnreadableDelivery(what, do="请把数据导出为普通的表再交 (export the rows as plain tables and deliver those)")
