"""Mappings: which column of a delivery is what in the twin. YAML files, chosen by name or by the columns found."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from twin.errors import UnknownMapping
from twin.settings import SHIPPED_DATA
from twin.yaml_text import read_yaml

Target = Literal["admin_unit", "grid", "building", "address", "asset", "entity", "record"]
FieldType = Literal["text", "code", "integer", "number", "date", "time", "json"]
PositionKind = Literal["geometry", "lonlat", "projected", "none"]
TARGETS: tuple[Target, ...] = get_args(Target)  # places first: what comes later refers to them
SHIPPED = SHIPPED_DATA / "mappings"


@dataclass(frozen=True)
class Field:
    """One field of the twin and the column it comes from.

    columns: names the column may have. rule: an identifier's rule. values: their word -> ours.
    """

    name: str
    columns: tuple[str, ...]
    type: FieldType = "text"
    required: bool = False
    rule: str | None = None
    values: AnyMapping[str, str] | None = None
    minimum: float | None = None
    maximum: float | None = None
    default: str | None = None
    private: bool = False

    def column_in(self, columns: Iterable[str]) -> str | None:
        """Find the delivery's column of this field, whatever its capitals; None when there is none."""
        by_name = {_plain(name): name for name in columns}
        return next((by_name[_plain(name)] for name in self.columns if _plain(name) in by_name), None)


@dataclass(frozen=True)
class Position:
    """How a delivery gives positions: geometry, or two columns in degrees (lonlat) or metres (projected)."""

    kind: PositionKind
    x: tuple[str, ...] = ()
    y: tuple[str, ...] = ()
    crs: str | None = None
    datum: str | None = None
    required: bool = False
    vertical_datum: str | None = None


@dataclass(frozen=True)
class ClassColumn:
    """How a delivery names an asset's class: columns, or one class for all; local words or codes -> class code.

    tags: a column of OpenStreetMap tags (JSON), of which the most telling names the class.
    """

    columns: tuple[str, ...] = ()
    fixed: str | None = None
    tags: str | None = None
    local: AnyMapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DeliveryMapping:
    """Everything a mapping file says."""

    name: str
    title_zh: str
    title_en: str
    target: Target
    department: AnyMapping[str, str] | None
    match: tuple[tuple[str, ...], ...]
    layers: tuple[str, ...]
    fields: AnyMapping[str, Field]
    public: tuple[Field, ...]
    private: tuple[Field, ...]
    position: Position
    class_column: ClassColumn | None
    kind: str | None
    entity_type_by_prefix: AnyMapping[str, str]
    entity_type: str | None
    private_key: bool
    accuracy_class: str | None
    ignored: tuple[str, ...]
    fingerprint: str

    def fits(self, columns: Sequence[str], layer: str | None) -> bool:
        """Tell whether a delivery has the columns (and the layer name, if one is asked for) of this mapping."""
        if self.layers and (layer or "").lower() not in {name.lower() for name in self.layers}:
            return False
        present = {_plain(name) for name in columns}
        return bool(self.match) and all(present & {_plain(name) for name in names} for names in self.match)

    def known_columns(self) -> set[str]:
        """Give the plain names of all columns this mapping has a place for."""
        fields = (*self.fields.values(), *self.public, *self.private)
        names = {name for item in fields for name in item.columns} | {*self.position.x, *self.position.y, *self.ignored}
        return {_plain(name) for name in names | self._class_columns()}

    def _class_columns(self) -> set[str]:
        column = self.class_column
        return set() if column is None else {*column.columns, *([column.tags] if column.tags else [])}

    def unplaced(self, columns: Iterable[str]) -> list[str]:
        """List the columns of a delivery that this mapping has no place for."""
        known = self.known_columns()
        return [name for name in columns if _plain(name) not in known and not name.startswith("_")]


def read_mapping(path: Path) -> DeliveryMapping:
    """Read a mapping file.

    Raises UnknownMapping when it is missing, is no YAML, or says something a mapping cannot say.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return _mapping(path.stem, read_yaml(text), hashlib.sha256(text.encode()).hexdigest())
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnknownMapping(
            f"映射文件读不懂 (the mapping file cannot be read): {type(error).__name__}: {error}",
            where=path.name,
            do="请对照 data/mappings/README.md 修改 (compare with data/mappings/README.md)",
        ) from error


def mappings_in(folder: Path) -> list[DeliveryMapping]:
    """Read all mappings of a folder, once for as long as its files stay as they are.

    Raises UnknownMapping when one of them cannot be read.
    """
    return [_read_once(path, path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(folder.glob("*.yaml"))]


@lru_cache(maxsize=500)
def _read_once(path: Path, changed_ns: int, size: int) -> DeliveryMapping:
    return read_mapping(path)


def shipped_mappings() -> list[DeliveryMapping]:
    """Read all mappings that come with the twin."""
    return mappings_in(SHIPPED)


def choose_mapping(named: str | None, columns: Sequence[str], layer: str | None, where: str) -> DeliveryMapping:
    """Choose the mapping of a delivery: the one named (a shipped name or a path), else the one its columns fit.

    A folder named adds its mappings to the shipped ones.

    where: the file, for the message. Raises UnknownMapping when none or more than one fits.
    """
    own = mappings_in(Path(named)) if named is not None and Path(named).is_dir() else []
    if named is not None and not own:
        return read_mapping(Path(named) if named.endswith((".yaml", ".yml")) else SHIPPED / f"{named}.yaml")
    fitting = [mapping for mapping in (*own, *shipped_mappings()) if mapping.fits(columns, layer)]
    most = max((len(mapping.match) for mapping in fitting), default=0)
    best = [mapping for mapping in fitting if len(mapping.match) == most]
    if len(best) == 1:
        return best[0]
    found = "、".join(name for name in columns if not name.startswith("_"))[:300]
    names = ", ".join(mapping.name for mapping in best or shipped_mappings())
    what = "有多个映射都适合" if best else "没有适合这些列的映射"
    english = "several mappings fit" if best else "no mapping fits these columns"
    unknown = UnknownMapping(
        f"{what} ({english}): {found}", where=where, do=f"请用 --mapping 指定 (name one with --mapping): {names}"
    )
    unknown.fitting = tuple(mapping.name for mapping in best)
    raise unknown


def _plain(name: str) -> str:
    return "".join(name.split()).lower()


def _mapping(name: str, raw: dict[str, Any], fingerprint: str) -> DeliveryMapping:
    allowed = {
        "title", "target", "department", "match", "layers", "fields", "public", "private", "position", "class", "kind",
        "entity_type", "private_key", "accuracy_class", "ignored",
    }  # fmt: skip
    if unknown := set(raw) - allowed:
        raise ValueError(f"unknown keys {sorted(unknown)}")
    if raw["target"] not in TARGETS:
        raise ValueError(f"unknown target {raw['target']!r}")
    if "key" not in raw["fields"]:
        raise KeyError("fields.key")
    entity = raw.get("entity_type") or {}
    return DeliveryMapping(
        name=name,
        title_zh=raw["title"]["zh"],
        title_en=raw["title"]["en"],
        target=raw["target"],
        department=raw.get("department"),
        match=tuple(tuple(names) for names in raw.get("match", ())),
        layers=tuple(raw.get("layers", ())),
        fields={key: _field(key, value) for key, value in raw["fields"].items()},
        public=tuple(_field(key, value) for key, value in (raw.get("public") or {}).items()),
        private=tuple(_field(key, {**value, "private": True}) for key, value in (raw.get("private") or {}).items()),
        position=_position(raw["position"]),
        class_column=_class_column(raw.get("class")),
        kind=raw.get("kind"),
        entity_type_by_prefix=dict(entity.get("by_prefix", {})),
        entity_type=entity.get("otherwise"),
        private_key=bool(raw.get("private_key", False)),
        accuracy_class=raw.get("accuracy_class"),
        ignored=tuple(raw.get("ignored", ())),
        fingerprint=fingerprint,
    )


def _field(name: str, raw: dict[str, Any]) -> Field:
    kind = raw.get("type", "text")
    if kind not in get_args(FieldType):
        raise ValueError(f"{name}: unknown type {kind!r}")
    return Field(
        name=name,
        columns=_names(raw["from"]),
        type=kind,
        required=bool(raw.get("required", False)),
        rule=raw.get("rule"),
        values=raw.get("values"),
        minimum=raw.get("min"),
        maximum=raw.get("max"),
        default=raw.get("default"),
        private=bool(raw.get("private", False)),
    )


def _position(raw: dict[str, Any]) -> Position:
    if raw["kind"] not in get_args(PositionKind):
        raise ValueError(f"unknown kind of position {raw['kind']!r}")
    return Position(
        kind=raw["kind"],
        x=_names(raw.get("x", ())),
        y=_names(raw.get("y", ())),
        crs=raw.get("crs"),
        datum=raw.get("datum"),
        required=bool(raw.get("required", False)),
        vertical_datum=raw.get("vertical_datum"),
    )


def _class_column(raw: dict[str, Any] | None) -> ClassColumn | None:
    if raw is None:
        return None
    local = {str(key).strip().lower(): str(value) for key, value in (raw.get("local") or {}).items()}
    return ClassColumn(_names(raw.get("from", ())), raw.get("fixed"), raw.get("tags"), local)


def _names(raw: Any) -> tuple[str, ...]:
    return (raw,) if isinstance(raw, str) else tuple(str(name) for name in raw)
