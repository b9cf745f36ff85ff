"""Keys: made once, readable by their owner only, rotated; what is sealed opens at its own row and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.errors import BadInput, Conflict, KeysMissing
from twin.personal.keyring import Keyring, bound_to, drop_keys, key_id_of, make_keys, read_keys, rotate_keys
from twin.personal.masks import mask_id_number, mask_name, mask_phone, masked_document
from twin.personal.values import alike, mac_of

PLACE = bound_to("private.entity", 7)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    return make_keys(tmp_path_factory.mktemp("keys") / "keys.json")


def test_keys_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "keys.json"
    with pytest.raises(KeysMissing):
        read_keys(path)
    made = make_keys(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert "secret" not in repr(made)
    with pytest.raises(Conflict):
        make_keys(path)
    path.chmod(0o644)
    with pytest.raises(BadInput, match="chmod"):
        read_keys(path)


@given(st.binary(max_size=300))
def test_what_is_sealed_opens_at_its_own_row_only(keys: Keyring, text: bytes) -> None:
    sealed = keys.seal(text, PLACE)
    assert keys.open(sealed, PLACE) == text
    assert sealed != keys.seal(text, PLACE)  # equal texts do not look equal
    with pytest.raises(BadInput):
        keys.open(sealed, bound_to("private.entity", 8))
    with pytest.raises(BadInput):
        keys.open(sealed[:-1] + bytes([sealed[-1] ^ 1]), PLACE)


def test_an_old_key_opens_until_it_is_taken_out(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    old = make_keys(path)
    sealed = old.seal(b"x", PLACE)
    new = rotate_keys(path)
    assert key_id_of(new.seal(b"x", PLACE)) != key_id_of(sealed)
    assert new.open(sealed, PLACE) == b"x"
    assert new.mac("phone", "1") == old.mac("phone", "1")
    with pytest.raises(BadInput):
        drop_keys(path, [new.active])
    with pytest.raises(KeysMissing, match=old.active.hex()):
        drop_keys(path, [old.active]).open(sealed, PLACE)


def test_ways_of_writing_a_value_are_alike_and_fields_are_not(keys: Keyring) -> None:
    assert mac_of(keys, "id_number", "37061219900101003x") == mac_of(keys, "id_number", "３７０６１２ 19900101 003X")
    assert mac_of(keys, "phone", "+86 138-0000-5678") == mac_of(keys, "phone", "13800005678")
    assert mac_of(keys, "phone", "13800005678") != mac_of(keys, "id_number", "13800005678")
    assert mac_of(keys, "name", " ") is None
    assert alike("name", "张 三") == "张三"


def test_masks_keep_what_is_usual() -> None:
    assert [mask_name(name) for name in ("张三", "王小明", "欧阳小明", "")] == ["张*", "王**", "欧阳**", "***"]
    assert mask_phone("13812345678") == "138****5678"
    assert mask_phone("0535-4212345") == "053****2345"
    assert mask_id_number("370612199001010034") == "370***********0034"
    assert mask_id_number("3706") == "***"
    document = {
        "姓名": "张三",
        "单位名称": "牟平商贸有限公司",
        "attributes": {"address": "1幢301室"},
        "备注": "张三住此",
    }
    assert masked_document(document) == {
        "姓名": "张*", "单位名称": "牟平商贸有限公司", "attributes": {"address": "***"}, "备注": "***"
    }  # fmt: skip


@given(st.text(min_size=1, max_size=20))
def test_no_mask_shows_a_whole_value(text: str) -> None:
    for mask in (mask_phone, mask_id_number):
        assert mask(text) != text or set(text) == {"*"}
