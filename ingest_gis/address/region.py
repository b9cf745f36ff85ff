"""The names above the street in one city, from its settings and data/addresses/<code>.yaml."""

from __future__ import annotations

from pathlib import Path

from ingest_gis.address.normalise import Normaliser, Region
from twin.settings import SHIPPED_DATA, CitySettings
from twin.yaml_text import read_yaml


def read_region(city: CitySettings, folder: Path = SHIPPED_DATA / "addresses") -> Region:
    """Read the region of a city; without a file of its own, only the district's name is known."""
    path = folder / f"{city.code}.yaml"
    if not path.exists():
        return Region(city.name_zh)
    raw = read_yaml(path.read_text(encoding="utf-8"))
    return Region(raw["district"], tuple(raw.get("district_aliases", ())), tuple(raw.get("ancestors", ())))


def read_normaliser(city: CitySettings) -> Normaliser:
    """Make the address normaliser of a city."""
    return Normaliser(read_region(city))
