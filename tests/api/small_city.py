"""A small, consistent city for tests: places, buildings, assets, records, links, entities and one survey with files.

`insert_small_city(connection, data_dir)` writes it and says what is where, so that a test (through HTTP or in a
browser) can ask and compare. All persons are invented; their names, numbers and phones are listed in
`SmallCity.private_texts` and must never appear in an answer to the public.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from psycopg import sql
from pyproj import Transformer
from shapely.geometry import box as shapely_box
from shapely.geometry import mapping

from photogrammetry.publish import solid_ewkt
from tests.api import small_city_survey as survey
from tests.api.small_city_facts import (
    ASSETS,
    BUILDINGS,
    DEPARTMENTS,
    ENTERPRISES,
    HOUSEHOLDS,
    PRIVATE_TEXTS,
    RECORDS,
    AssetFact,
    BuildingFact,
)
from twin.crs import LonLat
from twin.personal.private_rows import put_entity, put_record
from twin.session import Actor, transaction

SRID = 4550
OBSERVED_AT = datetime(2026, 10, 12, 2, 30, tzinfo=UTC)
VALID_FROM = datetime(2020, 1, 1, tzinfo=UTC)
SAME_PLANE = Transformer.from_crs(f"EPSG:{SRID}", f"EPSG:{SRID}", always_xy=True)
TO_LONLAT = Transformer.from_crs(f"EPSG:{SRID}", "EPSG:4490", always_xy=True)

ADMIN_UNIT = """
INSERT INTO twin.admin_unit (code, level, name_zh, name_en, parent_id, geom, geom_m, valid_from)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (code) DO UPDATE SET name_en = excluded.name_en, geom = excluded.geom, geom_m = excluded.geom_m,
  valid_from = excluded.valid_from
RETURNING admin_id
"""


@dataclass(frozen=True)
class SmallCity:
    """What was inserted. Offsets are metres east and north of the city's origin (the middle of 政府大街)."""

    data_dir: Path
    survey: str = survey.NAME
    buildings: dict[str, BuildingFact] = field(default_factory=lambda: {b.key: b for b in BUILDINGS})
    assets: dict[str, AssetFact] = field(default_factory=lambda: {a.key: a for a in ASSETS})
    private_texts: tuple[str, ...] = PRIVATE_TEXTS
    district: str = "370612"
    street: str = "370612001"
    community: str = "370612001001"
    grid_west: str = "370612001001001"
    grid_east: str = "370612001001002"

    def at(self, east_m: float, north_m: float) -> LonLat:
        """Give the position at an offset from the origin."""
        return LonLat(*TO_LONLAT.transform(survey.EAST + east_m, survey.NORTH + north_m))

    def centre_of(self, building: str) -> LonLat:
        """Give the middle of a building's outline, by its key (tower, school, offices, row, shed, business)."""
        box = survey.SCENE.boxes[self.buildings[building].box]
        return self.at((box.west + box.east) / 2, (box.south + box.north) / 2)

    def asset_at(self, asset: str) -> LonLat:
        """Give the position of an asset (a line's or area's first point), by its key (lamp_1 ... cover_1, tree_1)."""
        return self.at(*self.assets[asset].points[0])


def insert_small_city(connection: psycopg.Connection[Any], data_dir: Path) -> SmallCity:
    """Write the city through SQL and the survey's files under data_dir.

    connection: role ingest or owner, on a freshly migrated database (the catalogue is there already).
    """
    products = survey.write_survey(data_dir)
    with transaction(connection, Actor("small-city", role="system", purpose="tests")) as cursor:
        _City(cursor).insert(products)
    with transaction(connection, Actor("small-city-renaming", role="system", purpose="tests")) as cursor:
        cursor.execute("UPDATE twin.building SET name_zh = '区政府办公楼' WHERE code = %s", (BUILDINGS[0].code,))
    return SmallCity(data_dir=data_dir)


class _City:
    """Inserts the city row by row, remembering the keys the database gives."""

    def __init__(self, cursor: psycopg.Cursor[Any]) -> None:
        self.cursor = cursor
        self.ids: dict[tuple[str, str], int] = {}

    def insert(self, products: list[dict[str, Any]]) -> None:
        self.places()
        for code, (name_zh, name_en) in DEPARTMENTS.items():
            self.keep("department", code, self.add("twin.department", code=code, name_zh=name_zh, name_en=name_en))
        self.survey(products)
        for number, building in enumerate(BUILDINGS, 1):
            self.building(building, number)
        for number, asset in enumerate(ASSETS, 1):
            self.asset(asset, number)
        self.records()
        self.entities()
        self.live()

    def add(self, table: str, **values: Any) -> int:
        """Insert one row; columns *_m and geom come as EWKT. Returns its first column."""
        space, name = table.split(".")
        values = {k: json.dumps(v, ensure_ascii=False) if isinstance(v, dict) else v for k, v in values.items()}
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING *").format(
            sql.Identifier(space, name),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(map(sql.Placeholder, values)),
        )
        row = self.cursor.execute(statement, values).fetchone()
        assert row is not None
        return row[0]

    def keep(self, kind: str, key: str, row_id: int) -> int:
        self.ids[kind, key] = row_id
        return row_id

    def batch(self, department: str, target: str, file: str) -> int:
        key = ("batch", file)
        if key not in self.ids:
            self.ids[key] = self.add(
                "twin.batch", department_id=self.ids["department", department], target=target, file=file,
                file_sha256="0" * 64, state="done", source_crs="EPSG:4550", source_datum="CGCS2000",
            )  # fmt: skip
        return self.ids[key]

    def delivered(self, department: str, target: str, file: str, row_no: int) -> tuple[int, int]:
        """Give the batch and a new evidence row for one row of a delivery."""
        batch = self.batch(department, target, file)
        evidence = self.add(
            "twin.evidence", kind="delivery", batch_id=batch, file=file, row_no=row_no, observed_at=OBSERVED_AT
        )
        return batch, evidence

    def places(self) -> None:
        parent = None
        units = (
            ("370612", 3, "牟平区", "Muping District", 1000),
            ("370612001", 4, "宁海街道", "Ninghai Sub-district", 600),
            ("370612001001", 5, "政府街社区", "Zhengfujie Community", 300),
        )
        for code, level, name_zh, name_en, half in units:
            geom, geom_m = _polygon([(-half, -half), (half, -half), (half, half), (-half, half)], many=True)
            # The shipped catalogue knows district and streets already, without outlines.
            row = self.cursor.execute(ADMIN_UNIT, (code, level, name_zh, name_en, parent, geom, geom_m, VALID_FROM))
            parent = self.keep("admin", code, row.fetchone()[0])  # type: ignore[index]
        for code, west, east in (("370612001001001", -300, 0), ("370612001001002", 0, 300)):
            geom, geom_m = _polygon([(west, -300), (east, -300), (east, 300), (west, 300)])
            self.keep("grid", code, self.add(
                "twin.grid", code=code, admin_id=parent, name_zh=f"网格{code[-3:]}", geom=geom, geom_m=geom_m,
                valid_from=VALID_FROM,
            ))  # fmt: skip

    def where(self, east_m: float) -> dict[str, int]:
        grid = "370612001001001" if east_m < 0 else "370612001001002"
        return {"admin_id": self.ids["admin", "370612001001"], "grid_id": self.ids["grid", grid]}

    def survey(self, products: list[dict[str, Any]]) -> None:
        frame = survey.frame()
        origin = {"lon": frame.origin_lon, "lat": frame.origin_lat, "h_m": frame.origin_h_m}
        w, h = survey.HALF_WIDTH_M, survey.HALF_HEIGHT_M
        footprint, _ = _polygon([(-w, -h), (w, -h), (w, h), (-w, h)], many=True)
        survey_id = self.add(
            "twin.survey", name=survey.NAME, kind="drone", taken_from=OBSERVED_AT, taken_to=OBSERVED_AT,
            crs=survey.CRS, vertical_datum=survey.VERTICAL_DATUM,
            frame={"type": "enu", "origin": origin, "heights_from": "exif"}, gsd_m=0.14,
            report=survey.report_facts(), fingerprint="f" * 64, footprint=footprint,
        )  # fmt: skip
        self.keep("survey", survey.NAME, survey_id)
        for shot in survey.shots():
            lon, lat, height = frame.enu_to_lonlath(shot.centre[None])[0]
            camera = {"model": "OPENCV", "params": list(survey.CAMERA), "width": survey.WIDTH, "height": survey.HEIGHT}
            self.add(
                "twin.photo", survey_id=survey_id, file=shot.file, sha256="a" * 64, taken_at=OBSERVED_AT,
                width=survey.WIDTH, height=survey.HEIGHT, registered=True, camera=camera,
                pose={"rotation": shot.rotation.tolist(), "centre": shot.centre.tolist()},
                position=f"SRID=4490;POINT Z ({lon} {lat} {height})", coverage=None,
            )  # fmt: skip
        self.add("twin.photo", survey_id=survey_id, file="SC_0099.JPG", sha256="b" * 64, width=0, height=0,
                 registered=False, rejected_reason="unreadable")  # fmt: skip
        for product in products:
            self.add("twin.product", survey_id=survey_id, **product)

    def building(self, fact: BuildingFact, number: int) -> None:
        box = survey.SCENE.boxes[fact.box]
        geom, geom_m = _polygon(
            [(box.west, box.south), (box.east, box.south), (box.east, box.north), (box.west, box.north)], many=True
        )
        batch, footprint = self.delivered("housing", "building", "01_cadastre.shp", number)
        height = self.add(
            "twin.evidence", kind="survey", survey_id=self.ids["survey", survey.NAME], sigma_m=0.08,
            method="LoD1.3 blocks from the surface model", observed_at=OBSERVED_AT,
        )  # fmt: skip
        west, east, south, north = (round(v, 3) for v in (
            survey.EAST + box.west, survey.EAST + box.east,
            survey.NORTH + box.south, survey.NORTH + box.north))  # fmt: skip
        outline = mapping(shapely_box(west, south, east, north))
        blocks = {"ground_h_m": fact.ground_h_m, "blocks": [{"polygon": outline, "roof_h_m": box.roof_h_m}]}
        building_id = self.add(
            "twin.building", solid=solid_ewkt(blocks, SAME_PLANE, SRID),
            code=fact.code, name_zh=fact.name_zh, use_zh=fact.use_zh, storeys=fact.storeys,
            geom=geom, geom_m=geom_m, lod="1.3", ground_h_m=fact.ground_h_m, roof_h_m=box.roof_h_m,
            height_m=round(box.roof_h_m - fact.ground_h_m, 3), height_sigma_m=0.08, vertical_datum="EPSG:5737",
            height_confidence=fact.confidence, height_note="点少,高度待核" if fact.confidence == "low" else None,
            survey_id=self.ids["survey", survey.NAME], footprint_evidence_id=footprint, height_evidence_id=height,
            source_key=fact.code, batch_id=batch, valid_from=VALID_FROM, **self.where(box.west),
        )  # fmt: skip
        self.keep("building", fact.key, building_id)
        batch, evidence = self.delivered("civil", "address", "02_addresses.gpkg", number)
        geom, geom_m = _point((box.west + box.east) / 2, box.south - 1)
        self.keep("address", fact.key, self.add(
            "twin.address", code=fact.address_code, text_zh=fact.address_zh, normalised=fact.address_zh,
            components={"district": "牟平区", "town": "宁海街道", "road": "政府大街", "number": fact.address_zh[11:-1]},
            building_id=building_id, geom=geom, geom_m=geom_m, source_key=fact.address_code, batch_id=batch,
            evidence_id=evidence, valid_from=VALID_FROM, **self.where(box.west),
        ))  # fmt: skip

    def asset(self, fact: AssetFact, number: int) -> None:
        batch, evidence = self.delivered("urban", "asset", "03_assets.csv", number)
        if fact.shape == "point":
            geom, geom_m = _point(*fact.points[0])
        elif fact.shape == "line":
            geom, geom_m = _line(fact.points)
        else:
            geom, geom_m = _polygon(list(fact.points))
        class_id = self.cursor.execute(
            "SELECT class_id FROM twin.class WHERE code = %s", (fact.class_code,)
        ).fetchone()[0]  # type: ignore[index]
        departments = self.ids["department", "urban"], self.ids["department", "housing"]
        self.keep("asset", fact.key, self.add(
            "twin.asset", class_id=class_id, code=fact.code, name_zh=fact.name_zh, state=fact.state, geom=geom,
            geom_m=geom_m, attributes=dict(fact.attributes), accuracy_class="A",
            supervising_department_id=departments[0], owning_department_id=departments[1],
            maintaining_department_id=departments[0], source_key=fact.code, batch_id=batch, evidence_id=evidence,
            valid_from=VALID_FROM, valid_to=fact.valid_to, **self.where(fact.points[0][0]),
        ))  # fmt: skip

    def records(self) -> None:
        for number, fact in enumerate(RECORDS, 1):
            batch, evidence = self.delivered(fact.department, "record", fact.file, number)
            department_id = self.ids["department", fact.department]
            record_id = self.add(
                "twin.record", department_id=department_id, kind=fact.kind, source_key=fact.source_key,
                title_zh=fact.title_zh, recorded_at=OBSERVED_AT, state=fact.state, attributes=dict(fact.attributes),
                address_given=fact.address_given, batch_id=batch, evidence_id=evidence, valid_from=VALID_FROM,
            )  # fmt: skip
            self.keep("record", fact.source_key, record_id)
            payload = {"联系人": fact.contact, "联系电话": fact.phone}
            put_record(self.cursor, record_id, department_id, payload)
            target = {f"{fact.place_kind}_id": self.ids[fact.place_kind, fact.place]}
            self.link({"record_id": record_id}, target, fact.method, fact.score, fact.link_state)

    def entities(self) -> None:
        for number, enterprise in enumerate(ENTERPRISES, 1):
            entity_id = self.entity("E05", enterprise.code, enterprise.name, enterprise.building, "market", number)
            put_entity(
                self.cursor, entity_id, self.ids["department", "market"], grid_id=self.grid_of(enterprise.building),
                document={
                    "name": enterprise.legal_person, "credit_code": enterprise.credit_code, "phone": enterprise.phone
                },
            )  # fmt: skip
            target = {"building_id": self.ids["building", enterprise.building]}
            self.link({"entity_id": entity_id}, target, "address", 0.96, "accepted")
        for number, household in enumerate(HOUSEHOLDS, 1):
            entity_id = self.entity("E03", household.code, None, household.building, "police", number)
            put_entity(
                self.cursor, entity_id, self.ids["department", "police"], grid_id=self.grid_of(household.building),
                document={
                    "name": household.head, "id_number": household.id_number, "phone": household.phone,
                    "room": household.room, "attributes": {"人口数": 3},
                },
            )  # fmt: skip

    def box(self, building: str) -> int:
        return next(fact.box for fact in BUILDINGS if fact.key == building)

    def grid_of(self, building: str) -> int:
        return self.where(survey.SCENE.boxes[self.box(building)].west)["grid_id"]

    def entity(self, type_code: str, code: str, name: str | None, building: str, department: str, number: int) -> int:
        file = "06_enterprises.csv" if type_code == "E05" else "07_households.csv"
        batch, evidence = self.delivered(department, "entity", file, number)
        box = survey.SCENE.boxes[self.box(building)]
        geom, geom_m = _point((box.west + box.east) / 2, (box.south + box.north) / 2)
        return self.keep("entity", code, self.add(
            "twin.entity", type_code=type_code, code=code, public_name_zh=name,
            building_id=self.ids["building", building], address_id=self.ids["address", building], geom=geom,
            geom_m=geom_m, department_id=self.ids["department", department], batch_id=batch, source_key=code,
            evidence_id=evidence, valid_from=VALID_FROM, **self.where(box.west),
        ))  # fmt: skip

    def link(self, what: dict[str, int], where: dict[str, int], method: str, score: float, state: str) -> None:
        self.add(
            "twin.link", **what, **where, method=method, score=score, margin=0.3 if state == "accepted" else 0.02,
            state=state, reason_zh=f"按{method}匹配", reason_en=f"matched by {method}", register_version=1,
        )  # fmt: skip

    def live(self) -> None:
        geom, geom_m = _point(-22, 1)
        event_class = self.cursor.execute("SELECT event_class_id FROM twin.event_class WHERE code = '06010'").fetchone()
        self.add(
            "twin.event", code="3706122026111100001", event_class_id=event_class[0], source="collector", state="filed",  # type: ignore[index]
            title_zh="路边暴露垃圾", geom=geom, geom_m=geom_m, reported_at=OBSERVED_AT, **self.where(-22),
        )  # fmt: skip
        geom, geom_m = _point(-40, 4)
        sensor_id = self.add(
            "twin.sensor", code="SN-LAMP-1", kind="current", name_zh="路灯1电流", unit="A",
            asset_id=self.ids["asset", "lamp_1"], geom=geom, geom_m=geom_m, latest_value=0.52, latest_at=OBSERVED_AT,
            valid_from=VALID_FROM,
        )  # fmt: skip
        self.add("twin.observation", sensor_id=sensor_id, observed_at=OBSERVED_AT, value=0.52)


def _both(kind: str, offsets: list[tuple[float, float]], open_: str, close: str) -> tuple[str, str]:
    metres = np.array(offsets, dtype=np.float64) + np.array([survey.EAST, survey.NORTH])
    degrees = np.column_stack(TO_LONLAT.transform(metres[:, 0], metres[:, 1]))
    texts = [", ".join(f"{a!r} {b!r}" for a, b in points.tolist()) for points in (degrees, metres)]
    return f"SRID=4490;{kind}{open_}{texts[0]}{close}", f"SRID={SRID};{kind}{open_}{texts[1]}{close}"


def _point(east_m: float, north_m: float) -> tuple[str, str]:
    return _both("POINT", [(east_m, north_m)], "(", ")")


def _line(points: tuple[tuple[float, float], ...]) -> tuple[str, str]:
    return _both("LINESTRING", list(points), "(", ")")


def _polygon(ring: list[tuple[float, float]], *, many: bool = False) -> tuple[str, str]:
    kind = "MULTIPOLYGON" if many else "POLYGON"
    return _both(kind, [*ring, ring[0]], "(((" if many else "((", ")))" if many else "))")
