"""The rules of a delivery, as data: what each says in both languages and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from twin.settings import SHIPPED_DATA
from twin.yaml_text import read_yaml


@dataclass(frozen=True)
class Rule:
    """One rule: its code, severity, what a breach means and how to mend it, in Chinese and English."""

    code: str
    severity: Literal["reject", "note"]
    zh: str
    en: str
    fix_zh: str
    fix_en: str


@lru_cache(maxsize=1)
def rules() -> dict[str, Rule]:
    """Give all rules by code, from data/rules/deliveries.yaml."""
    raw = read_yaml((SHIPPED_DATA / "rules" / "deliveries.yaml").read_text(encoding="utf-8"))
    return {code: Rule(code, **entry) for code, entry in raw.items()}
