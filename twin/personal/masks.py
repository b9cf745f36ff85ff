"""How personal values are shown to those who may know that there is something, but not what.

Source: the ways of writing usual in public offices: 张*, 王**, 138****5678, 370***********1234.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twin.personal.values import (
    ADDRESS_KEYS,
    CONTACT_KEYS,
    HOUSEHOLD_KEYS,
    ID_KEYS,
    NAME_KEYS,
    PHONE_KEYS,
    ROOM_KEYS,
)

HIDDEN = "***"
_COMPOUND = "欧阳司马上官诸葛东方皇甫尉迟公孙慕容令狐宇文长孙司徒夏侯轩辕端木百里呼延东郭南宫独孤"
COMPOUND_FAMILY_NAMES = frozenset(_COMPOUND[at : at + 2] for at in range(0, len(_COMPOUND), 2))
ORGANISATIONS = ("公司", "店", "厂", "中心", "学校", "医院", "银行", "社", "局", "部", "所", "站", "院", "馆")


def mask_name(name: str) -> str:
    """Keep the family name: 张*, 王**, 欧阳**. A name in letters keeps its first letter."""
    text = "".join(name.split())
    if not text:
        return HIDDEN
    kept = 2 if len(text) > 2 and text[:2] in COMPOUND_FAMILY_NAMES else 1
    return text[:kept] + "*" * max(1, min(len(text) - kept, 3))


def mask_phone(phone: str) -> str:
    """Keep the first three and the last four digits: 138****5678; of a short number the last two."""
    digits = "".join(letter for letter in phone if letter.isdigit())
    if len(digits) >= 11:
        return f"{digits[-11:-8]}****{digits[-4:]}"
    return "*" * max(3, len(digits) - 2) + digits[-2:] if len(digits) > 4 else HIDDEN


def mask_id_number(number: str) -> str:
    """Keep the first three and the last four characters: province and district say little, the birth date is hidden."""
    text = "".join(number.split())
    return f"{text[:3]}{'*' * (len(text) - 7)}{text[-4:]}" if len(text) >= 15 else HIDDEN


def mask_room(room: str) -> str:
    """Say only that there is one."""
    del room
    return HIDDEN


FIELDS: dict[str, Callable[[str], str]] = {
    "name": mask_name,
    "phone": mask_phone,
    "id_number": mask_id_number,
    "room": mask_room,
    "address": mask_room,
    "household_number": mask_room,
}
# In which field a value stands that a document calls so.
MEANT = {
    **dict.fromkeys((*NAME_KEYS, *CONTACT_KEYS), "name"),
    **dict.fromkeys(PHONE_KEYS, "phone"),
    **dict.fromkeys(ID_KEYS, "id_number"),
    **dict.fromkeys(ROOM_KEYS, "room"),
    **dict.fromkeys(ADDRESS_KEYS, "address"),
    **dict.fromkeys(HOUSEHOLD_KEYS, "household_number"),
}


def mask(field: str, value: str) -> str:
    """Mask a value of one of FIELDS."""
    return FIELDS[field](value)


def masked_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """Mask every value of a private document: those of a known kind in their way, all others whole."""
    return {name: _masked(name, value) for name, value in document.items() if value is not None}


def _masked(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return masked_document(value)
    if name in NAME_KEYS and any(str(value).endswith(ending) for ending in ORGANISATIONS) and len(str(value)) > 4:
        return value  # an organisation's name is public
    field = MEANT.get(name)
    return mask(field, str(value)) if field else HIDDEN
