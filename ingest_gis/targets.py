"""What a checked row becomes in each kind of place or record: the public document and the private one."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ingest_gis import identifiers
from ingest_gis.address.normalise import Normaliser
from ingest_gis.address.parse import AddressParser
from ingest_gis.checks import AREAS, LINES, POINTS, Problems
from ingest_gis.class_attributes import missing_attributes, unlisted_attribute
from ingest_gis.classes import CityClass, ClassCatalogue
from ingest_gis.delivered_heights import add_heights
from ingest_gis.mappings import ClassColumn, DeliveryMapping
from ingest_gis.positions import Placed
from ingest_gis.tag_classes import TagClasses
from ingest_gis.values import MOST_KEPT, is_empty, mask_personal, read_number
from twin.settings import CitySettings

Values = dict[str, Any]
Documents = tuple[Values, Values | None]
GEOMETRY_KINDS = {"point": POINTS, "line": LINES, "polygon": AREAS}
PRIVATE_COLUMNS = ("name", "credit_code", "id_number", "phone", "room")


@dataclass(frozen=True)
class Surroundings:
    """What rows are checked against: the city, its classes, its administrative codes and its ways of writing places."""

    city: CitySettings
    classes: ClassCatalogue
    admin_codes: frozenset[str]
    normalise: Normaliser
    parse: AddressParser


class RowBuilder:
    """Checks and builds the rows of one delivery for its target."""

    def __init__(self, mapping: DeliveryMapping, columns: Sequence[str], around: Surroundings) -> None:
        """Prepare for a delivery with these columns."""
        self.utc_offset_h = around.city.utc_offset_h
        self._mapping = mapping
        self._around = around
        self._cut: dict[str, str | None] = {}  # a place has many records
        named = mapping.class_column.columns if mapping.class_column else ()
        plain = {"".join(name.split()).lower(): name for name in columns}
        self._class_columns = [plain[key] for name in named if (key := "".join(name.split()).lower()) in plain]
        self._tags = TagClasses(around.classes, mapping.class_column.local) if mapping.class_column else None
        self._build: Callable[[Values], Documents] = getattr(self, f"_build_{mapping.target}")

    def check(
        self, values: list[Values], raw: Mapping[str, list[str | None]], placed: Placed, problems: Problems
    ) -> None:
        """Check what needs more than one field: classes, codes against classes, parents, attributes; add heights."""
        if self._mapping.target in ("building", "asset"):
            add_heights(values, placed, problems)
        if self._mapping.class_column is not None:
            for row, fields in enumerate(values):
                self._check_class(row, fields, raw, placed, problems)
        if self._mapping.target in ("admin_unit", "grid"):
            self._check_parents(values, problems)
        for fields in values:
            if not identifiers.follows_body_rule(fields.get("credit_code")):
                problems.note("credit_code_body")

    def build(self, values: Values) -> Documents:
        """Build the public and the private document of one row that passed."""
        return self._build(values)

    # ---- checks
    def _check_class(
        self, row: int, fields: Values, raw: Mapping[str, list[str | None]], placed: Placed, problems: Problems
    ) -> None:
        column = self._mapping.class_column
        if column is None:
            return
        word = column.fixed or self._class_word(row, raw, column)
        if word is None:
            problems.add(row, "class_missing", self._class_columns[0] if self._class_columns else None)
            return
        guess = self._around.classes.find(word, column.local)
        if guess is None:
            problems.add(row, "class_unknown", word[:40])
            if row in problems.first and problems.first[row][0] == "class_unknown":
                problems.unknown_classes[word[:40]] += 1
            return
        if guess.city_class is None:
            problems.add(row, "class_not_managed", word[:40])
            return
        if guess.by == "keyword":
            problems.note("class_guessed")
        fields["class"] = guess.city_class
        if self._mapping.target == "asset":
            self._check_asset(row, fields, word, guess.city_class, placed, problems)

    def _class_word(self, row: int, raw: Mapping[str, list[str | None]], column: ClassColumn) -> str | None:
        """Give the word that a row names its class with; None when it names none."""
        if column.tags is not None and self._tags is not None:
            cell = raw[column.tags][row] if column.tags in raw else None
            return self._tags.word(cell) if cell else None
        return next((cell for name in self._class_columns if (cell := raw[name][row]) and not is_empty(cell)), None)

    def _check_asset(
        self, row: int, fields: Values, word: str, city_class: CityClass, placed: Placed, problems: Problems
    ) -> None:
        code = fields.get("key", "")
        part = identifiers.component_class_part(code)
        if self._mapping.fields["key"].rule == "component_code" and part is not None:
            meant = self._around.classes.by_code.get(part)
            if part not in (word, city_class.code) and meant is not city_class:
                problems.add(row, "component_code_class", f"{part} / {city_class.code}")
            elif code[:6] != self._around.city.code:
                problems.add(row, "component_code_division", code[:6])
        allowed = GEOMETRY_KINDS.get(city_class.geometry_kind)
        if allowed is not None and placed.kinds[row] >= 0 and placed.kinds[row] not in allowed:
            problems.note("class_geometry")
        given = fields.get("attributes") or {}
        attributes = {**given, **fields["public"]}
        fields["attributes"], wrong = fit_attributes(attributes, city_class.attribute_schema)
        if wrong is not None:
            problems.add(row, "attribute_wrong", wrong)
        elif (unlisted := unlisted_attribute(city_class.attribute_schema, fields["attributes"])) is not None:
            problems.add(row, "attribute_not_listed", unlisted)
        if given and missing_attributes(city_class.code, fields["attributes"]):
            problems.note("attribute_missing")
        if str(fields.get("accuracy_class") or "A") > city_class.accuracy_class:
            problems.note("accuracy_below_class")

    def _check_parents(self, values: list[Values], problems: Problems) -> None:
        here = {fields.get("key", "") for fields in values}
        known = self._around.admin_codes | here if self._mapping.target == "admin_unit" else self._around.admin_codes
        for row, fields in enumerate(values):
            code = fields.get("key", "")
            if self._mapping.target == "grid":
                parents = [code[:12], code[:9], code[:6]]
            else:
                parents = {9: [code[:6]], 12: [code[:9], code[:6]]}.get(len(code), [code])
            if code and not known.intersection(parents):
                problems.add(row, "parent_unknown", parents[0])

    # ---- documents
    def _build_admin_unit(self, values: Values) -> Documents:
        level = identifiers.admin_level(values["key"])
        return {"name_zh": values["name_zh"], "name_en": values.get("name_en"), "level": level}, None

    def _build_grid(self, values: Values) -> Documents:
        return {"name_zh": values.get("name_zh")}, None

    def _build_building(self, values: Values) -> Documents:
        return {name: values.get(name) for name in ("name_zh", "use_zh", "storeys")} | values.get("heights", {}), None

    def _build_address(self, values: Values) -> Documents:
        """Keep the address down to its building: what stands behind that is private and left out."""
        text = values["text_zh"]
        normalised = self._around.normalise(text)
        parsed = self._around.parse(normalised)
        stated = {part: self._stated(values.get(part)) for part in ("road", "number", "compound", "building")}
        components = {"district": self._around.city.name_zh, **parsed.components()}
        components |= {part: value for part, value in stated.items() if value}
        if values.get("building_code"):
            components["building_code"] = values["building_code"]
        if parsed.room or parsed.floor:
            text = normalised = parsed.to_building()
        return {"text_zh": text, "normalised": normalised, "components": components}, None

    def _stated(self, value: str | None) -> str:
        """Write a component given in a column of its own as the parser would: 12号 -> 12, 3号楼 -> 3."""
        text = self._around.normalise(value) if value else ""
        return text.removesuffix("号").removesuffix("栋")

    def _build_asset(self, values: Values) -> Documents:
        city_class: CityClass = values["class"]
        names = ("name_zh", "state", "supervising_code", "supervising_name", "owning_name", "maintaining_name")
        public = {name: values.get(name) for name in (*names, "valid_from")}
        public |= values.get("heights", {})
        public["class_id"] = city_class.class_id
        public["attributes"] = values["attributes"]
        stated = values.get("accuracy_class")
        public["accuracy_class"] = stated or self._mapping.accuracy_class or city_class.accuracy_class
        return public, None

    def _build_entity(self, values: Values) -> Documents:
        prefixes = self._mapping.entity_type_by_prefix
        code = str(values.get("key", ""))
        found = next((code[:size] for size in (2, 1) if code[:size] in prefixes), None)
        public = {
            "type_code": prefixes[found] if found else self._mapping.entity_type,
            "public_name_zh": values.get("public_name_zh"),
            "valid_from": values.get("valid_from"),
        }
        attributes = {name: value for name, value in values["private"].items() if value is not None}
        if values.get("address"):
            attributes["address"] = values["address"]
        private: Values = {name: values.get(name) for name in PRIVATE_COLUMNS}
        private["attributes"] = attributes
        return public, private

    def _build_record(self, values: Values) -> Documents:
        attributes = {name: value for name, value in values["public"].items() if value is not None}
        attributes |= {name: values[name] for name in ("asset_code", "building_code") if values.get(name)}
        if "class" in values:
            attributes["class_code"] = values["class"].code
        address = values.get("address")
        public = {
            "title_zh": mask_personal(str(values["title_zh"])),
            "recorded_at": values.get("recorded_at"),
            "state": values.get("state"),
            "attributes": attributes,
            "address_given": self._cut_at_building(address) if address else None,
        }
        private = {**values["private"], **({"address": address} if address else {})}
        return public, private or None

    def _cut_at_building(self, address: str) -> str | None:
        if address not in self._cut:
            if len(self._cut) >= MOST_KEPT:
                self._cut.clear()
            self._cut[address] = self._cut_anew(address)
        return self._cut[address]

    def _cut_anew(self, address: str) -> str | None:
        parsed = self._around.parse(self._around.normalise(address))
        return (parsed.to_building() + ("附近" if parsed.relative else "")) or None


def fit_attributes(attributes: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[Values, str | None]:
    """Fit attributes to a class's schema: numbers given as text become numbers, dates keep their form.

    Returns the attributes without empty ones, and the name of the first that does not fit (None if all do).
    """
    properties: Mapping[str, Mapping[str, Any]] = schema.get("properties", {})
    fitted: Values = {}
    for name, value in attributes.items():
        if value is None or (isinstance(value, str) and is_empty(value) and name not in properties):
            continue
        rule = properties.get(name, {})
        fitted[name] = _fit(value, rule)
        if not _conforms(fitted[name], rule):
            return fitted, name
    return fitted, None


def _fit(value: Any, rule: Mapping[str, Any]) -> Any:
    kinds = rule.get("type", ())
    if isinstance(value, str) and "string" not in kinds and {"number", "integer"} & set(kinds):
        text = value.strip().removesuffix(str(rule.get("unit", "\0"))).strip()
        number = read_number(text)
        if number is not None:
            return int(number) if number.is_integer() else number
    if isinstance(value, float) and value.is_integer() and "integer" in kinds:
        return int(value)
    return value


def _conforms(value: Any, rule: Mapping[str, Any]) -> bool:
    kinds = rule.get("type")
    if kinds is None or value is None:
        return True
    names = {bool: {"boolean"}, int: {"integer", "number"}, float: {"number"}, str: {"string"}}.get(type(value), set())
    if not names & set(kinds):
        return False
    if isinstance(value, str) and "pattern" in rule and not re.search(rule["pattern"], value):
        return False
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return bool(rule.get("minimum", value) <= value <= rule.get("maximum", value))
    return True
