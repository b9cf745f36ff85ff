"""A record or an entity as linking sees it: what it says about its place, and a proposal for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twin.actions.link_records import LinkProposal, Method, State
from twin.crs import EastNorth
from twin.personal.documents import open_document
from twin.personal.keyring import Keyring


@dataclass(frozen=True, slots=True)
class Subject:
    """What a record or entity says about its place; exact keys are resolved to the rows they name.

    asset_apart_m: from the asset its code names to its own point. firm_*: where the enterprise of its credit code is.
    """

    record_id: int | None
    entity_id: int | None
    department_id: int | None
    kind: str
    name: str | None
    class_code: str | None
    address: str | None
    point: EastNorth | None
    grid_id: int | None
    asset_id: int | None = None
    asset_apart_m: float | None = None
    building_id: int | None = None
    firm_building_id: int | None = None
    firm_address_id: int | None = None
    has_name: bool = False

    @property
    def number(self) -> int:
        """The record's or entity's own number."""
        return self.record_id or self.entity_id or 0

    def link(
        self,
        method: Method,
        score: float,
        state: State,
        reason: tuple[str, str],
        *,
        building_id: int | None = None,
        asset_id: int | None = None,
        address_id: int | None = None,
        margin: float | None = None,
        distance_m: float | None = None,
        weighed: Mapping[str, Any] | None = None,
    ) -> LinkProposal:
        """Make a proposal for this subject. reason: in Chinese and English. weighed: kept where a person decides."""
        return LinkProposal(
            method=method, score=score, state=state, reason_zh=reason[0], reason_en=reason[1],
            record_id=self.record_id, entity_id=self.entity_id, building_id=building_id, asset_id=asset_id,
            address_id=address_id, margin=margin, distance_m=distance_m,
            weighed=weighed or {} if state == "review" else {},
        )  # fmt: skip


def read_subject(row: tuple[Any, ...], keys: Keyring | None) -> Subject:
    """Make a subject of a row of the statements record, ledger and entity.

    keys: open the sealed document in the last column, for the whole address; None where nothing is sealed.
    """
    record_id, entity_id, department_id, kind, name, class_code, address, east, north, grid_id, *places, sealed = row
    if sealed is not None and keys is not None:
        address = _whole_address(keys, record_id, entity_id, sealed) or address
    point = None if east is None else EastNorth(east, north)
    return Subject(
        record_id, entity_id, department_id, kind, name, class_code, address or None, point, grid_id, *places
    )


def _whole_address(keys: Keyring, record_id: int | None, entity_id: int | None, sealed: bytes) -> str | None:
    if record_id is not None:
        said = open_document(keys, "private.record", record_id, sealed)
    else:
        said = open_document(keys, "private.entity", entity_id or 0, sealed).get("attributes") or {}
    return said.get("address")
