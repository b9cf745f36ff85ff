"""The fast way and the careful way make the same rows of the same delivery."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest_gis import fast_rows
from ingest_gis.anchors import read_anchors
from ingest_gis.fast_rows import PartMaker
from ingest_gis.key_map import SAME_KEY, SAME_ROW, TAKEN, KeyMap, SeenKeys
from ingest_gis.load import Delivery
from ingest_gis.load_delivery import work_plan
from ingest_gis.mappings import SHIPPED, read_mapping
from ingest_gis.part_work import part_maker
from ingest_gis.prepared import PreparedRows
from ingest_gis.source_crs import SourceCrs
from tests.databases import SYSTEM, Database
from tests.ingest_gis.delivered_rows import EAST, NORTH

NAMES = [
    "民房1",
    "",
    " 两 边 ",
    "多  空",
    '引"号',
    "反\\斜",
    "\u3000全角",
    "长" * 2001,
    "ÄÁÆ½",
    "民房\u0007",
    "A 座",
    None,
    "无",
]
CODES = [
    "3706120010010001",
    "370612001001000",
    "3.70612E+15",
    "",
    None,
    "３７０６１２００１００１０００２",
    "1E12",
    "NULL",
]
STOREYS = ["2", "", "二", "-1", "3.0", "201", "1,0", None, "2.5"]
SQUARE = shapely.box(EAST, NORTH, EAST + 10, NORTH + 10)
SHAPES = [
    SQUARE,
    shapely.MultiPolygon([SQUARE]),
    shapely.MultiPolygon([shapely.difference(SQUARE, shapely.box(EAST + 1, NORTH + 1, EAST + 2, NORTH + 2))]),
    shapely.difference(
        SQUARE, shapely.union(*(shapely.box(EAST + x, NORTH + 1, EAST + x + 1, NORTH + 2) for x in (1, 5)))
    ),
    shapely.Polygon(SQUARE.exterior.coords, [shapely.box(EAST + 2, NORTH + 2, EAST + 4, NORTH + 4).exterior.coords]),
    shapely.MultiPolygon([SQUARE, shapely.box(EAST + 20, NORTH, EAST + 30, NORTH + 10)]),
    shapely.Polygon([(EAST, NORTH), (EAST + 9, NORTH + 9), (EAST + 9, NORTH), (EAST, NORTH + 9)]),
    shapely.Polygon([(EAST, NORTH), (EAST + 9, NORTH), (EAST + 9, NORTH + 0.01)]),
    shapely.force_3d(SQUARE, 5.0),
    shapely.Point(EAST, NORTH),
    shapely.box(EAST + 2e6, NORTH, EAST + 2e6 + 5, NORTH + 5),
    shapely.Polygon(),
    None,
]
GEOMETRIES = ("geom", "geom_m")
ROWS = st.lists(
    st.tuples(
        st.sampled_from(CODES), st.sampled_from(NAMES), st.sampled_from(["住宅", "", "住 宅", None]),
        st.sampled_from(STOREYS), st.integers(0, len(SHAPES) - 1),
    ),
    min_size=1, max_size=40,
)  # fmt: skip


@pytest.fixture(scope="module")
def maker(module_database: Database) -> PartMaker:
    mapping = read_mapping(SHIPPED / "cadastre_buildings.yaml")
    columns = ("JZBM", "JZMC", "YT", "CS")
    delivery = Delivery("h", "h", None, mapping, None, "EPSG:4550", None, None)
    with module_database.connect("ingest", autocommit=True) as connection:
        anchors = read_anchors(connection, module_database.settings.city, places=False)
        crs = SourceCrs("EPSG:4550", False, "", "")
        plan = work_plan(module_database.settings, delivery, SYSTEM, columns, anchors, crs, "cgcs2000")
        return part_maker(connection, plan)


def multi(ewkb: bytes) -> str:
    """Write an outline as a multipolygon, as the twin keeps it."""
    shape = shapely.from_wkb(ewkb)
    return f"{shapely.get_srid(shape)} {shapely.to_wkt(shapely.multipolygons(shapely.get_parts(shape)), -1)}"


def told(prepared: PreparedRows) -> tuple[Any, ...]:
    rows = {row["row_no"]: row | {name: multi(row[name]) for name in GEOMETRIES} for row in prepared.rows.to_pylist()}
    rejected = {row.row_no: (row.code, row.detail, row.key) for row in prepared.rejected}
    return prepared.read, rows, rejected, prepared.notes


@given(ROWS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_ways_take_and_refuse_the_same(maker: PartMaker, rows: list[tuple[Any, ...]]) -> None:
    assert maker.is_fast
    wkb = [None if SHAPES[row[4]] is None else shapely.to_wkb(SHAPES[row[4]]) for row in rows]
    texts = {name: [row[at] for row in rows] for at, name in enumerate(("JZBM", "JZMC", "YT", "CS"))}
    batch = pa.record_batch(
        {
            **{name: pa.array(cells, pa.string()) for name, cells in texts.items()},
            "_row_no": pa.array(range(1, len(rows) + 1), pa.int64()), "_wkb": pa.array(wkb, pa.binary()),
        }
    )  # fmt: skip
    hashes = bytes(16 * len(rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast_rows, "SMALLEST", 0)
        fast = maker.prepare(batch, hashes)
        patch.setattr(fast_rows, "SMALLEST", len(rows) + 1)
        careful = maker.prepare(batch, hashes)
    assert told(fast) == told(careful)
    assert careful.direct == 0
    # What is copied straight says the same as what is staged.
    for name in GEOMETRIES if fast.direct else ():
        assert fast.copied[name].to_pylist() == fast.rows[name].slice(0, fast.direct).to_pylist()


@given(st.lists(st.tuples(st.integers(2, 30), st.integers(0, 2)), max_size=200), st.integers(1, 50))
def test_repeats_are_found_as_one_by_one(rows: list[tuple[int, int]], part: int) -> None:
    seen, first, expected = SeenKeys(), {}, []
    for key, content in rows:
        earlier = first.setdefault(key, content)
        again = any(key == other for other, _ in rows[: len(expected)])
        expected.append((SAME_ROW if earlier == content else SAME_KEY) if again else TAKEN)
    found: list[int] = []
    for start in range(0, len(rows), part):
        keys, contents = np.array(rows[start : start + part], dtype=np.uint64).reshape(-1, 2).T
        found += seen.judge(keys.copy(), contents.copy()).tolist()
    assert found == expected


def test_a_map_of_numbers_grows_and_keeps_everything() -> None:
    draw = np.random.default_rng(1)
    keys = np.unique(draw.integers(0, 1 << 63, 50_000, dtype=np.uint64))
    known = KeyMap()
    for part in np.array_split(keys, 37):
        known.add(part, part >> np.uint64(1))
    found, values = known.find(keys)
    assert found.all()
    assert (values == keys >> np.uint64(1)).all()
    assert not known.find(keys + np.uint64(1))[0][~np.isin(keys + np.uint64(1), keys)].any()
