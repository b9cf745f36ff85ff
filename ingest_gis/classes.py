"""Which of the city's 108 classes a department means: by code of any scheme, by local word, by name or OSM tag."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

SQL = Path(__file__).parent / "sql" / "classes.sql"
PLAIN = re.compile(r"[\s()（）/、,，·]+")


@dataclass(frozen=True)
class CityClass:
    """One class: its key, own code, name, geometry kind, accuracy class and attribute schema."""

    class_id: int
    code: str
    name_zh: str
    geometry_kind: str
    accuracy_class: str
    attribute_schema: Mapping[str, Any]


@dataclass(frozen=True)
class ClassGuess:
    """A class found, by what (code, local, name, tag), and how sure, 0..1."""

    city_class: CityClass
    by: str
    confidence: float


@dataclass
class ClassCatalogue:
    """All classes, found by code in any scheme, by name and by OSM tag."""

    classes: Mapping[str, CityClass]
    by_code: dict[str, CityClass] = field(default_factory=dict)
    by_name: dict[str, CityClass] = field(default_factory=dict)
    by_tag: dict[str, CityClass] = field(default_factory=dict)

    def find(self, value: str, local: Mapping[str, str]) -> ClassGuess | None:
        """Find the class of a department's code or word; None is the unmapped bucket.

        local: the department's own codes and words -> our class code; it goes first.
        """
        word = value.strip()
        if (code := local.get(word.lower())) and code in self.classes:
            return ClassGuess(self.classes[code], "local", 0.95)
        if found := self.by_code.get(word.upper()):
            return ClassGuess(found, "code", 1.0)
        if found := self.by_name.get(_plain(word)):
            return ClassGuess(found, "name", 0.9)
        if found := self.by_tag.get(word.lower()):
            return ClassGuess(found, "tag", 0.7)
        return None

    def named_in(self, text: str) -> CityClass | None:
        """Find the class whose name stands in a text (路灯不亮 -> 路灯); the longest name wins."""
        plain = _plain(text)
        names = [name for name in self.by_name if len(name) > 1 and name in plain]
        return self.by_name[max(names, key=len)] if names else None


def read_classes(connection: psycopg.Connection[Any]) -> ClassCatalogue:
    """Read the classes and their codes in all schemes from the twin."""
    classes: dict[str, CityClass] = {}
    catalogue = ClassCatalogue(classes)
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(SQL.read_bytes())
        rows = cursor.fetchall()
    for class_id, code, name, kind, accuracy, schema, tags, _, _ in rows:
        classes.setdefault(code, CityClass(class_id, code, name, kind, accuracy, schema))
        catalogue.by_code[code] = classes[code]
        catalogue.by_name.setdefault(_plain(name), classes[code])
        for tag in (tags or "").split(";"):
            catalogue.by_tag.setdefault(tag.strip().lower(), classes[code])
    for _, code, *_, other_code, other_name in rows:
        if other_code:
            catalogue.by_code.setdefault(other_code, classes[code])
        if other_name:
            catalogue.by_name.setdefault(_plain(other_name), classes[code])
    catalogue.by_tag.pop("", None)
    return catalogue


def _plain(name: str) -> str:
    return PLAIN.sub("", name)
