"""Persons and households in an answer: opened, masked and forgotten here. Only a reader with `persons` gets so far."""

from __future__ import annotations

from typing import Any

import orjson

from twin.errors import BadInput, KeysMissing
from twin.personal.documents import open_document
from twin.personal.keyring import Keyring
from twin.personal.masks import HIDDEN, mask, mask_name

SHOWN = ("phone", "id_number", "room")


def mask_entities(text: str, keys: Keyring | None) -> tuple[str, list[str]]:
    """Put masked values in place of the sealed ones in the entities of a lookup.

    text: JSON {count, items: [{..., sealed: [entity_id, hexadecimal] or null}]}. keys: None where they are missing:
    then there is nothing to be shown but that somebody is there.
    Returns the JSON without anything sealed, and the codes of those of whom something personal is shown.
    """
    if '"sealed" : [' not in text:
        return text.replace('"sealed" : null, ', ""), []
    found = orjson.loads(text)
    seen = []
    for item in found["items"]:
        sealed = item.pop("sealed", None)
        if sealed is None:
            continue
        said = _open(keys, *sealed)
        if item["masked"]:
            item["name"] = mask_name(str(said["name"])) if said.get("name") else HIDDEN
        item["person"] = {name: mask(name, str(said[name])) for name in SHOWN if said.get(name)}
        seen.append(str(item["code"]))
    return orjson.dumps(found).decode(), seen


def _open(keys: Keyring | None, entity_id: int, sealed: str) -> dict[str, Any]:
    if keys is None:
        return {}
    try:
        return open_document(keys, "private.entity", entity_id, bytes.fromhex(sealed))
    except (KeysMissing, BadInput):  # an answer about a place is worth having without them; twin doctor names them
        return {}
