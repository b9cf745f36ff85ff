"""What personal data may be shown in clear for: a short list of purposes, and a reason in words."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache

from twin.errors import BadInput
from twin.settings import SHIPPED_DATA

PURPOSES = SHIPPED_DATA / "access" / "purposes.csv"
SHORTEST_REASON, LONGEST_REASON = 4, 200


@dataclass(frozen=True)
class Purpose:
    """One purpose. name: two or three words; use: what it covers."""

    code: str
    name_zh: str
    name_en: str
    for_zh: str
    for_en: str


@cache
def purposes() -> dict[str, Purpose]:
    """Read the list, by code."""
    with PURPOSES.open(encoding="utf-8", newline="") as handle:
        return {row["code"]: Purpose(**row) for row in csv.DictReader(handle)}


def check_purpose(code: str, reason: str) -> str:
    """Give the reason as it is kept. Raises BadInput for a purpose that is not in the list or a reason that is none."""
    if code not in purposes():
        raise BadInput(
            "没有这个用途 (there is no such purpose)",
            where="purpose",
            do=f"请用 (use one of): {', '.join(purposes())}",
        )
    text = " ".join(reason.split())
    if not SHORTEST_REASON <= len(text) <= LONGEST_REASON or not text.isprintable():
        raise BadInput(
            f"请写明理由, {SHORTEST_REASON} 至 {LONGEST_REASON} 字 "
            f"(say why, in {SHORTEST_REASON} to {LONGEST_REASON} characters)",
            where="reason",
        )
    return text
