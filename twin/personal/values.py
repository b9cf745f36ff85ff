"""What personal values look like: which fields hold them, how they are written alike, how they are hashed."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from twin.personal.keyring import Keyring

# Under these names departments' records say who, how to reach them and by which number they are known.
NAME_KEYS = ("name", "单位名称", "企业名称", "名称", "姓名", "户主")
CONTACT_KEYS = ("联系人", "负责人", "法定代表人", "经营者", "户主姓名")
PHONE_KEYS = ("phone", "联系电话", "电话", "手机", "手机号")
ID_KEYS = ("id_number", "身份证号", "身份证", "身份证号码", "公民身份号码")
CREDIT_KEYS = ("credit_code", "统一社会信用代码")
ROOM_KEYS = ("room", "房号", "室号")
ADDRESS_KEYS = ("address", "地址", "住址")
HOUSEHOLD_KEYS = ("source_key", "户编号")


def alike(field_name: str, value: str) -> str:
    """Write a value as all ways of writing it are compared: half width, no spaces, capital letters, bare digits."""
    text = "".join(unicodedata.normalize("NFKC", value).split()).upper()
    if field_name == "phone":
        digits = "".join(letter for letter in text if letter.isdigit())
        return digits.removeprefix("0086").removeprefix("86") if len(digits) > 11 else digits
    return text


def mac_of(keys: Keyring, field_name: str, value: object) -> bytes | None:
    """Give the keyed hash of a personal value (id_number, phone, name, key); None for nothing."""
    text = alike(field_name, str(value)) if value is not None else ""
    return keys.mac(field_name, text) if text else None


def macs_of(keys: Keyring, field_name: str, value: object) -> frozenset[bytes]:
    """Give the keyed hashes of a personal value under every index key there has been; none for nothing."""
    return frozenset(mac for ring in keys.rings() if (mac := mac_of(ring, field_name, value)) is not None)


def first_of(document: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """Give the first value that stands under one of these names."""
    return next((str(document[name]) for name in names if document.get(name) not in (None, "")), None)


def cells_of(document: object) -> Iterator[str]:
    """List every text and number in a document, however deep."""
    if isinstance(document, Mapping):
        for value in document.values():
            yield from cells_of(value)
    elif isinstance(document, list | tuple):
        for value in document:
            yield from cells_of(value)
    elif document is not None and not isinstance(document, bool):
        yield str(document)
