"""Which attributes a class of assets should have and which values are listed, from data/rules/class_attributes.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from twin.settings import SHIPPED_DATA
from twin.yaml_text import read_yaml

Listed = dict[str, frozenset[str]]


@lru_cache(maxsize=1)
def attribute_rules() -> tuple[dict[str, tuple[str, ...]], Listed]:
    """Give the required attributes by class code, and the listed values by attribute."""
    raw = read_yaml((SHIPPED_DATA / "rules" / "class_attributes.yaml").read_text(encoding="utf-8"))
    required = {str(code): tuple(names) for code, names in raw["required"].items()}
    return required, {name: frozenset(map(str, values)) for name, values in raw["values"].items()}


def missing_attributes(class_code: str, attributes: Mapping[str, Any]) -> list[str]:
    """List the attributes a class should have and these lack."""
    required, _ = attribute_rules()
    return [name for name in required.get(class_code, ()) if attributes.get(name) is None]


def unlisted_attribute(schema: Mapping[str, Any], attributes: Mapping[str, Any]) -> str | None:
    """Name the first attribute of a class whose value is not one of those listed; None if all are."""
    _, values = attribute_rules()
    own = schema.get("properties", {})
    return next(
        (
            name
            for name, value in attributes.items()
            if name in values and name in own and str(value) not in values[name]
        ),
        None,
    )
