"""What the standards' routes share: the collections there are, who may see them, and how their rows are read."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import psycopg
from fastapi import Request

from api.dependencies import Services, services_of
from twin.actions.access import Reach, absent
from twin.queries.collection_facts import asset_classes, extent_of
from twin.queries.feature_collections import ASSETS, CLASS_PREFIX, COLLECTIONS, Collection, collection_of_class
from twin.queries.features import EVERYWHERE, Area

Result = TypeVar("Result")
Extent = tuple[tuple[float, float, float, float] | None, str | None]
CLASSES_KEPT_S = 30.0


class FeatureService:
    """The collections as they stand; the classes are looked up again every half minute."""

    def __init__(self, services: Services) -> None:
        """services: of the running application."""
        self.services = services
        self.working_srid = services.settings.city.working_srid
        self._of_classes: dict[str, Collection] = {}
        self._filled: list[Collection] = []
        self._read_at = 0.0
        self._extents: dict[tuple[str, str], tuple[float, Extent]] = {}

    async def collection(self, name: str) -> Collection:
        """Find a collection by its id. Raises NotFound."""
        known = COLLECTIONS.get(name) or self._of_classes.get(name)
        if known is None and name.startswith(CLASS_PREFIX):
            await self._read_classes()
            known = self._of_classes.get(name)
        if known is None:
            raise absent("collection", name)
        return known

    async def listed(self, role: str) -> list[Collection]:
        """List the collections that a role may read; of the classes, those that there are assets of."""
        await self._read_classes()
        rights = await self.services.fresh_rights()
        every = [*COLLECTIONS.values(), *self._filled]
        return [one for one in every if rights.may(role, "read", one.rights)]

    async def extent(self, collection: Collection) -> Extent:
        """Say where a collection's features lie (degrees) and since when; of a class, where all assets lie."""
        key = (collection.table, collection.geometry)
        kept = self._extents.get(key)
        if kept is None or time.monotonic() - kept[0] > CLASSES_KEPT_S:
            whole = COLLECTIONS.get(collection.id) or ASSETS
            found = await self.services.quick.ask(lambda cursor: extent_of(cursor, whole))
            kept = self._extents[key] = (time.monotonic(), found)
        return kept[1]

    async def _read_classes(self) -> None:
        if time.monotonic() - self._read_at < CLASSES_KEPT_S and self._of_classes:
            return
        found = await self.services.quick.ask(asset_classes)
        made = [(collection_of_class(one), filled) for one, filled in found]
        self._of_classes = {one.id: one for one, _ in made}
        self._filled = [one for one, filled in made if filled]
        self._read_at = time.monotonic()

    async def read(
        self,
        request: Request,
        read: Callable[[psycopg.AsyncCursor[Any]], Awaitable[Result]],
        *,
        keeps_plan: bool,
    ) -> Result:
        """Read rows of public tables: by a kept plan, or in a transaction that plans anew."""
        if keeps_plan:
            return await self.services.quick.ask(read)
        async with self.services.reading(request.state.asker) as asking:
            return await read(asking.cursor)


def features_of(request: Request) -> FeatureService:
    """Give the running application's."""
    state = request.app.state
    try:
        found: FeatureService = state.features
    except AttributeError:
        found = state.features = FeatureService(services_of(request))
    return found


def area_of(reach: Reach) -> Area:
    """Say where somebody may look, in the queries' terms."""
    return EVERYWHERE if reach.everything else Area(False, reach.department_id, reach.grid_ids)
