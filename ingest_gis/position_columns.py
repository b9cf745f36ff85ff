"""Which columns of a delivery say where its rows are."""

from __future__ import annotations

from collections.abc import Sequence

from ingest_gis.mappings import DeliveryMapping, PositionKind

# Names that two coordinate columns go by where the mapping's own are not there: degrees, then metres. In Chinese
# survey files X is north and Y is east: those two letters alone are left to the mapping.
COMMON: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "lonlat": (
        ("经度", "lon", "lng", "long", "longitude", "东经", "gps经度", "经度坐标"),
        ("纬度", "lat", "latitude", "北纬", "gps纬度", "纬度坐标"),
    ),
    "projected": (
        ("东坐标", "横坐标", "easting", "east", "东向坐标"),
        ("北坐标", "纵坐标", "northing", "north", "北向坐标"),
    ),
}


def coordinate_columns(mapping: DeliveryMapping, columns: Sequence[str]) -> tuple[str | None, str | None]:
    """Find the two coordinate columns of a delivery, east first; None for one it does not have."""
    position = mapping.position
    own = _first(position.x, columns), _first(position.y, columns)
    if own != (None, None) or position.kind not in COMMON:
        return own
    east, north = COMMON[position.kind]
    return _first(east, columns), _first(north, columns)


def position_kind(mapping: DeliveryMapping, columns: Sequence[str]) -> PositionKind:
    """Say how a delivery gives positions: as its mapping says, or the other way where only that is there.

    A ledger meant as a table may come as a Shapefile, and points meant as geometry as a table with two columns.
    """
    kind = mapping.position.kind
    if kind in ("lonlat", "projected") and "_wkb" in columns and coordinate_columns(mapping, columns) == (None, None):
        return "geometry"
    if kind == "geometry" and "_wkb" not in columns and None not in common_columns(columns):
        return "lonlat"
    return kind


def common_columns(columns: Sequence[str]) -> tuple[str | None, str | None]:
    """Find columns of longitude and latitude by their common names."""
    east, north = COMMON["lonlat"]
    return _first(east, columns), _first(north, columns)


def _first(names: Sequence[str], columns: Sequence[str]) -> str | None:
    plain = {_plain(name): name for name in columns}
    return next((plain[_plain(name)] for name in names if _plain(name) in plain), None)


def _plain(name: str) -> str:
    return "".join(name.split()).lower()
