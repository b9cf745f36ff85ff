"""Bring the shipped catalogue into the database: classes, codes, events, limits, entity types, administrative units."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from twin.errors import BadInput
from twin.migrations.attribute_schema import attribute_schema
from twin.migrations.rights import load_rights
from twin.session import SET_ACTOR, Actor, actor_settings
from twin.settings import SHIPPED_DATA, CitySettings
from twin.yaml_text import read_yaml

CJT = "CJT214-2007"
GBT_2013 = "GBT30428.2-2013"
GBT_2026 = "GBT47678.5-2026"
LOCAL = "local"
# Accuracy: A small well-defined points, B objects with clear edges, C diffuse ones (green space, sites, parking).
DIFFUSE = {"0405", "0601", "0602", "2118"}
Row = dict[str, str]


def read_csv(name: str, folder: Path = SHIPPED_DATA) -> list[Row]:
    """Read a shipped table as text, leading zeros kept. name: path under data/."""
    with (folder / name).open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


def load_catalogue(connection: psycopg.Connection[Any], city: CitySettings) -> None:
    """Bring the shipped catalogue, rights and the city's own row into the database; loading again changes nothing.

    Raises BadInput when the database was made for another city or another working CRS.
    """
    connection.execute(SET_ACTOR, actor_settings(Actor(name="catalogue", role="system", purpose="upgrade")))
    _load_city(connection, city)
    classes = read_csv("catalogue/classes.csv")
    events = read_csv("catalogue/events.csv")
    _upsert(connection, "class", ["class_id"], [_class_row(number, row) for number, row in enumerate(classes, 1)])
    _upsert(
        connection, "event_class", ["event_class_id"], [_event_row(number, row) for number, row in enumerate(events, 1)]
    )
    codes = [*component_codes(classes), *event_codes(events)]
    _upsert(connection, "class_code", ["scheme", "kind", "code", "variant"], codes)
    _upsert(connection, "handling_limit", ["limit_id"], _limit_rows())
    _upsert(connection, "entity_type", ["type_code"], _entity_type_rows())
    _load_admin_units(connection, city)
    _load_class_words(connection)
    _load_affixes(connection, city)
    load_rights(connection)


def _load_city(connection: psycopg.Connection[Any], city: CitySettings) -> None:
    row = connection.execute("SELECT code, working_srid FROM twin.city").fetchone()
    if row is not None and tuple(row) != (city.code, city.working_srid):
        raise BadInput(
            f"this database was made for city {row[0]} in EPSG:{row[1]}, "
            f"the settings say {city.code} in EPSG:{city.working_srid}",
            do="Set TWIN_CITY to that city's file, or use another TWIN_DATA_DIR",
        )
    values = {
        "only_row": True,
        "code": city.code,
        "name_zh": city.name_zh,
        "name_en": city.name_en,
        "working_srid": city.working_srid,
        "vertical_datum": city.vertical_datum,
        "code_scheme": city.code_scheme,
        "utc_offset_h": city.utc_offset_h,
        "model_version": version("city-digital-twin"),
    }
    _upsert(connection, "city", ["only_row"], [values])


def _upsert(
    connection: psycopg.Connection[Any], table: str, keys: Sequence[str], rows: Iterable[dict[str, Any]]
) -> None:
    """Insert rows or bring them to the given values; rows that are so already are left alone."""
    rows = list(rows)
    names = list(rows[0])
    others = [name for name in names if name not in keys]
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    target = sql.Identifier("twin", table)
    mine = sql.SQL(", ").join(sql.SQL("old.{}").format(sql.Identifier(name)) for name in others)
    theirs = sql.SQL(", ").join(sql.SQL("excluded.{}").format(sql.Identifier(name)) for name in others)
    statement = sql.SQL(
        "INSERT INTO {target} AS old ({columns}) VALUES ({values}) ON CONFLICT ({keys}) DO UPDATE "
        "SET ({others}) = ROW({theirs}) WHERE ({mine}) IS DISTINCT FROM ({theirs})"
    ).format(
        target=target,
        columns=columns,
        values=sql.SQL(", ").join(sql.Placeholder(name) for name in names),
        keys=sql.SQL(", ").join(map(sql.Identifier, keys)),
        others=sql.SQL(", ").join(map(sql.Identifier, others)),
        mine=mine,
        theirs=theirs,
    )
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def _class_row(number: int, row: Row) -> dict[str, Any]:
    return {
        "class_id": number,
        "code": row["code"],
        "category_zh": row["category_zh"],
        "category_en": row["category_en"],
        "name_zh": row["name_zh"],
        "name_en": row["name_en"],
        "geometry_kind": row["geometry"],
        "responsible_department_zh": row["responsible_department_zh"] or None,
        "is_extension": row["source"] == "extension",
        "accuracy_class": "C" if row["code"] in DIFFUSE else "A" if row["geometry"] == "point" else "B",
        "attribute_schema": Jsonb(attribute_schema(row["name_zh"], row["key_attributes"])),
        "osm_tags": row["osm_tags"] or None,
        "citygml_type": row["citygml_or_smartdatamodel"] or None,
        "evidence": row["evidence"] or None,
    }


def _event_row(number: int, row: Row) -> dict[str, Any]:
    names = ("major_zh", "major_en", "minor_zh", "minor_en")
    optional = ("filing_condition_zh", "time_limit", "time_limit_source", "closure_condition_zh")
    return (
        {"event_class_id": number, "code": event_class_code(row)}
        | {name: row[name] for name in names}
        | {name: row[name] or None for name in (*optional, "responsible_department_zh", "source")}
    )


def event_class_code(row: Row) -> str:
    """Give our own code of an event class: the 2026 code, or for dropped classes 13- and the 2013 one."""
    return row["code"] or f"13-{row['code_2013_style']}"


def _code_row(scheme: str, kind: str, code: str, number: int, name_zh: str, inferred: bool) -> dict[str, Any]:
    return {
        "scheme": scheme,
        "kind": kind,
        "code": code,
        "variant": 1,
        "class_id": number if kind == "component" else None,
        "event_class_id": number if kind == "event" else None,
        "name_zh": name_zh,
        "inferred": inferred,
    }


def component_codes(classes: list[Row]) -> list[dict[str, Any]]:
    """Give the classes' codes in all schemes; where two classes share a code, the one of that name is variant 1.

    The 2013 code is inferred: 2 + 2 digits with the minor number of 2026 (domain notes, section 1).
    """
    rows = []
    for number, row in enumerate(classes, 1):
        scheme = LOCAL if row["source"] == "extension" else CJT
        rows.append(_code_row(scheme, "component", row["code"], number, row["name_zh"], False))
        newest = row["code_gbt47678_5_2026"]
        if newest:
            rows.append(_code_row(GBT_2026, "component", newest, number, row["name_gbt47678_5_2026"], False))
        if newest and int(newest[2:]) < 100:
            older = newest[:2] + newest[3:]
            rows.append(_code_row(GBT_2013, "component", older, number, row["name_gbt47678_5_2026"], True))
    own_name = {number: row["name_zh"] for number, row in enumerate(classes, 1)}
    by_key: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for code_row in rows:
        by_key.setdefault((code_row["scheme"], code_row["code"]), []).append(code_row)
    for shared in by_key.values():
        shared.sort(key=lambda code_row: own_name[code_row["class_id"]] != code_row["name_zh"])
        for variant, code_row in enumerate(shared, 1):
            code_row["variant"] = variant
    return rows


def event_codes(events: list[Row]) -> list[dict[str, Any]]:
    """Give the event classes' codes in all schemes; X codes are local."""
    rows = []
    for number, row in enumerate(events, 1):
        if row["code"]:
            scheme = LOCAL if row["code"].startswith("X") else GBT_2026
            rows.append(_code_row(scheme, "event", row["code"], number, row["minor_zh"], False))
        if row["code_2013_style"]:
            rows.append(_code_row(GBT_2013, "event", row["code_2013_style"], number, row["minor_zh"], True))
        for code in filter(None, row["code_cjt214_2007"].split("/")):
            rows.append(_code_row(CJT, "event", code, number, row["minor_zh"], False))
    return rows


def _limit_rows() -> list[dict[str, Any]]:
    return [
        {
            "limit_id": number,
            "class_code": row["class_code"] or None,
            "condition": row["condition"],
            "limit_value": row["limit_value"],
            "limit_unit": row["limit_unit"],
            "source_code": row["source_code"],
            "source_name_zh": row["source_name_zh"] or None,
        }
        for number, row in enumerate(read_csv("catalogue/component_limits.csv"), 1)
    ]


def _entity_type_rows() -> list[dict[str, Any]]:
    required = ("type_code", "name_zh", "name_en", "kind", "personal_data")
    optional = ("parent_type", "primary_identifier", "identifier_rule", "key_attributes", "source", "confidence")
    return [
        {name: row[name] for name in required}
        | {name: row[name] or None for name in optional}
        | {"geometry_kind": row["geometry"] or None}
        for row in read_csv("catalogue/entity_types.csv")
    ]


def _load_admin_units(connection: psycopg.Connection[Any], city: CitySettings) -> None:
    """Bring in the district's divisions, parents first; outlines come with a delivery and are kept."""
    name = f"admin/{city.code}.csv"
    if not (SHIPPED_DATA / name).exists():
        return
    rows = sorted(read_csv(name), key=lambda row: int(row["level"]))
    # One statement a level: each statement wakes the triggers that tell search, history and tiles.
    for level, of_level in groupby(rows, key=lambda row: int(row["level"])):
        units = list(of_level)
        values = {column: [row[column] for row in units] for column in ("code", "name_zh", "parent_code")}
        connection.execute(
            """
            INSERT INTO twin.admin_unit (code, level, name_zh, parent_id)
            SELECT n.code, %(level)s::smallint, n.name_zh, parent.admin_id
            FROM unnest(%(code)s::text[], %(name_zh)s::text[], %(parent_code)s::text[])
              WITH ORDINALITY AS n (code, name_zh, parent_code, place)
              LEFT JOIN twin.admin_unit parent ON parent.code = nullif(n.parent_code, '')
            ORDER BY n.place
            ON CONFLICT (code) DO NOTHING
            """,
            {"level": level, **values},
        )


def _load_class_words(connection: psycopg.Connection[Any]) -> None:
    """Bring in what common words mean; what a person has said of a word, or ended, is left as it is."""
    there = connection.execute("SELECT to_regclass('twin.class_word')").fetchone()
    if there is None or there[0] is None:
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO twin.class_word (kind, written, class_id, confidence, decided_by)
            SELECT %(kind)s, %(written)s, c.class_id, %(confidence)s::real, 'catalogue'
            FROM twin.class c WHERE c.code = %(class_code)s AND NOT EXISTS (
              SELECT FROM twin.class_word w
              WHERE w.department_id IS NULL AND w.kind = %(kind)s AND w.written = %(written)s)
            """,
            read_csv("catalogue/class_words.csv"),
        )


def _load_affixes(connection: psycopg.Connection[Any], city: CitySettings) -> None:
    """Bring in what people write before a name without saying more about it: province, city, district."""
    path = SHIPPED_DATA / f"addresses/{city.code}.yaml"
    if not path.exists():
        return
    written = read_yaml(path.read_text(encoding="utf-8"))
    names = [written["district"], written["district"][:-1], *written["district_aliases"], *written["ancestors"]]
    new = connection.execute(
        "INSERT INTO twin.search_affix (name) SELECT DISTINCT twin.search_plain(n) FROM unnest(%s::text[]) AS t (n) "
        "ON CONFLICT DO NOTHING",
        (names,),
    )
    if new.rowcount:
        for kind in ("address", "building", "asset", "entity", "admin_unit", "grid"):
            connection.execute("SELECT twin.search_rebuild(%s)", (kind,))
