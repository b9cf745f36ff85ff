"""One house with a gabled roof and a flat annex, as CityJSON of several versions and as CityGML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

EAST, NORTH = 376_000.0, 4_140_000.0
# Corners of a house of 10 x 8 m, eaves at 16 m, ridge at 19 m, on ground at 12 m.
CORNERS = [
    (0, 0, 12), (10, 0, 12), (10, 8, 12), (0, 8, 12), (0, 0, 16), (10, 0, 16), (10, 8, 16), (0, 8, 16), (0, 4, 19),
    (10, 4, 19),
]  # fmt: skip
FACES = [
    ("GroundSurface", [0, 3, 2, 1]), ("WallSurface", [0, 1, 5, 4]), ("WallSurface", [2, 3, 7, 6]),
    ("WallSurface", [1, 2, 6, 9, 5]), ("WallSurface", [3, 0, 4, 8, 7]), ("RoofSurface", [4, 5, 9, 8]),
    ("RoofSurface", [6, 7, 8, 9]),
]  # fmt: skip
ANNEX = [(12, 0, 12), (15, 0, 12), (15, 3, 12), (12, 3, 12), (12, 0, 14.5), (15, 0, 14.5), (15, 3, 14.5), (12, 3, 14.5)]
BOX = [[0, 3, 2, 1], [0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7], [4, 5, 6, 7]]


def places() -> np.ndarray[Any, np.dtype[np.float64]]:
    """Give all corners in EPSG:4550 and metres of height, (18, 3)."""
    return np.add(np.array([*CORNERS, *ANNEX], dtype=float), (EAST, NORTH, 0.0))


def city_json(version: str = "2.0", **changes: Any) -> dict[str, Any]:
    """Give the house (a building with a part, in two levels of detail) and a lamp post made of a template."""
    kinds = list(dict.fromkeys(kind for kind, _ in FACES))
    first = len(CORNERS)
    lod: Any = (lambda text: text) if version != "1.0" else float
    house = {
        "type": "Building",
        "attributes": {"name": "𠮷祥楼", "storeysAboveGround": 2, "function": "住宅"},
        "children": ["annex"],
        "geometry": [
            {"type": "MultiSurface", "lod": lod("0"), "boundaries": [[[0, 1, 2, 3]]]},
            {
                "type": "Solid", "lod": lod("2"), "boundaries": [[[face] for _, face in FACES]],
                "semantics": {
                    "surfaces": [{"type": kind} for kind in kinds],
                    "values": [[kinds.index(kind) for kind, _ in FACES]],
                },
            },
        ],
    }  # fmt: skip
    annex = {
        "type": "BuildingPart",
        "parents": ["house"],
        "attributes": {"roofType": "flat"},
        "geometry": [
            {"type": "Solid", "lod": lod("2"), "boundaries": [[[[at + first for at in face]] for face in BOX]]}
        ],
    }
    whole = {
        "type": "CityJSON", "version": version,
        "metadata": {
            "referenceSystem": "https://www.opengis.net/def/crs-compound?1=https://www.opengis.net/def/crs/EPSG/0/4550"
            "&2=https://www.opengis.net/def/crs/EPSG/0/5737"
        },
        "transform": {"scale": [0.001] * 3, "translate": [EAST, NORTH, 0.0]},
        "CityObjects": {"house": house, "annex": annex},
        "vertices": np.rint((places() - [EAST, NORTH, 0.0]) * 1000).astype(int).tolist(),
    }  # fmt: skip
    if version == "1.0":  # there the transform may be missing and the corners are what they are
        del whole["transform"]
        whole["vertices"] = places().tolist()
        whole["metadata"] = {"referenceSystem": "urn:ogc:def:crs:EPSG::4550"}
    return whole | changes


def write_city_json(path: Path, version: str = "2.0", **changes: Any) -> Path:
    """Write the house."""
    path.write_text(json.dumps(city_json(version, **changes), ensure_ascii=False), encoding="utf-8")
    return path


def write_sequence(path: Path) -> Path:
    """Write the house as CityJSONSeq: a first line without objects, then one feature a line."""
    whole = city_json()
    head = whole | {"CityObjects": {}, "vertices": []}
    feature = {
        "type": "CityJSONFeature",
        "id": "house",
        "CityObjects": whole["CityObjects"],
        "vertices": whole["vertices"],
    }
    path.write_text("\n".join(json.dumps(item, ensure_ascii=False) for item in (head, feature)), encoding="utf-8")
    return path


def write_city_gml(path: Path) -> Path:
    """Write the house as CityGML 2.0: named surfaces hold the polygons, the solid points at them."""
    points = places()

    def polygon(name: str, face: list[int]) -> str:
        corners = " ".join(f"{value:.3f}" for at in [*face, face[0]] for value in points[at])
        return (
            f'<gml:Polygon gml:id="{name}"><gml:exterior><gml:LinearRing><gml:posList srsDimension="3">{corners}'
            "</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon>"
        )

    surfaces = "".join(
        f'<bldg:boundedBy><bldg:{kind} gml:id="s{at}"><bldg:lod2MultiSurface><gml:MultiSurface><gml:surfaceMember>'
        f"{polygon(f'p{at}', face)}</gml:surfaceMember></gml:MultiSurface></bldg:lod2MultiSurface></bldg:{kind}>"
        "</bldg:boundedBy>"
        for at, (kind, face) in enumerate(FACES)
    )
    members = "".join(f'<gml:surfaceMember xlink:href="#p{at}"/>' for at in range(len(FACES)))
    box = "".join(
        f"<gml:surfaceMember>{polygon(f'q{at}', [corner + len(CORNERS) for corner in face])}</gml:surfaceMember>"
        for at, face in enumerate(BOX)
    )

    def solid(inside: str) -> str:
        shell = f"<gml:exterior><gml:CompositeSurface>{inside}</gml:CompositeSurface></gml:exterior>"
        return f"<bldg:lod2Solid><gml:Solid>{shell}</gml:Solid></bldg:lod2Solid>"

    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><core:CityModel xmlns:core="http://www.opengis.net/citygml/2.0" '
        'xmlns:bldg="http://www.opengis.net/citygml/building/2.0" xmlns:gml="http://www.opengis.net/gml" '
        'xmlns:gen="http://www.opengis.net/citygml/generics/2.0" xmlns:xlink="http://www.w3.org/1999/xlink">'
        '<gml:boundedBy><gml:Envelope srsName="urn:ogc:def:crs,crs:EPSG::4550,crs:EPSG::5737" srsDimension="3"/>'
        '</gml:boundedBy><core:cityObjectMember><bldg:Building gml:id="house"><gml:name>𠮷祥楼</gml:name>'
        '<gen:stringAttribute name="产权"><gen:value>公房</gen:value></gen:stringAttribute>'
        "<bldg:function>住宅</bldg:function><bldg:storeysAboveGround>2</bldg:storeysAboveGround>"
        f"{solid(members)}{surfaces}"
        '<bldg:consistsOfBuildingPart><bldg:BuildingPart gml:id="annex">'
        f"<bldg:roofType>flat</bldg:roofType>{solid(box)}"
        "</bldg:BuildingPart></bldg:consistsOfBuildingPart>"
        "</bldg:Building></core:cityObjectMember></core:CityModel>",
        encoding="utf-8",
    )
    return path
