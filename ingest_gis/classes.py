"""Which of the city's 108 classes a department means: by code of any scheme, by local word, by name or OSM tag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

from ingest_gis.sql_text import statements
from twin.queries.class_words import SURE_ENOUGH, plain_word


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
    """What a word means, by what it was found (local, code, word, name, tag, keyword), and how sure, 0..1.

    city_class: None for what is known to be none of the 108.
    """

    city_class: CityClass | None
    by: str
    confidence: float


@dataclass
class ClassCatalogue:
    """All classes, found by code in any scheme, by name, by OSM tag and by what departments' words mean.

    exact, keywords: the table of meanings, the delivering department's own before everybody's. version: of that table.
    """

    classes: Mapping[str, CityClass]
    by_code: dict[str, CityClass] = field(default_factory=dict)
    by_name: dict[str, CityClass] = field(default_factory=dict)
    by_tag: dict[str, CityClass] = field(default_factory=dict)
    exact: dict[str, ClassGuess] = field(default_factory=dict)
    own: dict[str, ClassGuess] = field(default_factory=dict)
    keywords: list[tuple[str, ClassGuess]] = field(default_factory=list)
    version: int = 0
    _found: dict[str, ClassGuess | None] = field(default_factory=dict)

    def find(self, value: str, local: Mapping[str, str]) -> ClassGuess | None:
        """Find the class of a department's code or word; None is the unmapped bucket.

        local: the mapping's own codes and words -> our class code; it goes first, then what the department's words were
        said to mean, then codes, names, everybody's words and tags; a keyword inside the text comes last.
        """
        word = value.strip()
        if (code := local.get(word.lower())) and code in self.classes:
            return ClassGuess(self.classes[code], "local", 0.95)
        if word not in self._found:
            self._found[word] = self._look_up(word)
        return self._found[word]

    def _look_up(self, word: str) -> ClassGuess | None:
        plain, lower = plain_word(word), word.lower()
        if guess := self.own.get(lower) or self.own.get(plain):
            return guess
        if found := self.by_code.get(word.upper()):
            return ClassGuess(found, "code", 1.0)
        if found := self.by_name.get(plain):
            return ClassGuess(found, "name", 0.9)
        if guess := self.exact.get(lower) or self.exact.get(plain):
            return guess
        if found := self.by_tag.get(lower):
            return ClassGuess(found, "tag", 0.7)
        return next((guess for keyword, guess in self.keywords if keyword in plain), None)

    def named_in(self, text: str) -> CityClass | None:
        """Find the class whose name stands in a text (路灯不亮 -> 路灯); the longest name wins."""
        plain = plain_word(text)
        names = [name for name in self.by_name if len(name) > 1 and name in plain]
        return self.by_name[max(names, key=len)] if names else None


def read_classes(connection: psycopg.Connection[Any], department_id: int | None = None) -> ClassCatalogue:
    """Read the classes, their codes and what words mean. department_id: whose own words count as well."""
    classes: dict[str, CityClass] = {}
    catalogue = ClassCatalogue(classes)
    sql = statements("classes")
    with connection.transaction(), connection.cursor() as cursor:
        rows = cursor.execute(sql["classes"]).fetchall()
        words = cursor.execute(sql["words"], {"department_id": department_id, "sure": SURE_ENOUGH}).fetchall()
        version = cursor.execute(sql["version"]).fetchone()
    catalogue.version = int(version[0]) if version else 0
    for class_id, code, name, kind, accuracy, schema, tags, _, _ in rows:
        classes.setdefault(code, CityClass(class_id, code, name, kind, accuracy, schema))
        catalogue.by_code[code] = classes[code]
        catalogue.by_name.setdefault(plain_word(name), classes[code])
        for tag in (tags or "").split(";"):
            catalogue.by_tag.setdefault(tag.strip().lower(), classes[code])
    for _, code, *_, other_code, other_name in rows:
        if other_code:
            catalogue.by_code.setdefault(other_code, classes[code])
        if other_name:
            catalogue.by_name.setdefault(plain_word(other_name), classes[code])
    catalogue.by_tag.pop("", None)
    for kind, written, code, confidence, is_own in words:
        guess = ClassGuess(classes[code] if code else None, "keyword" if kind == "keyword" else "word", confidence)
        if kind == "keyword":
            catalogue.keywords.append((written, guess))
        else:
            (catalogue.own if is_own else catalogue.exact).setdefault(written, guess)
    return catalogue
