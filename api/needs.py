"""What every route needs: one entry of the matrix of rights, checked before anything else happens.

A route says `dependencies=[needs("read", "assets")]`. Who asks is found out here, once (api.identity), and judged by
the rights as they stand in the database. A route without `needs` answers nobody: `who_asks` finds no judged actor.
"""

from __future__ import annotations

import re
from typing import Any

from fastapi import Depends, Request

from api.dependencies import services_of
from api.idempotency import claim
from api.identity import has_credentials, identify, identify_desk
from twin.actions.access import COLLECTIONS, absent
from twin.errors import NotAllowed, NotLoggedIn
from twin.session import Actor


class Needs:
    """Checks that whoever asks may do an action with a collection."""

    def __init__(self, action: str, collection: str) -> None:
        """action, collection: as in the matrix; the collection "{name}" is the path parameter of that name."""
        self.action = action
        self.collection = collection

    async def __call__(self, request: Request) -> None:
        """Find out who asks and judge it.

        Raises NotLoggedIn where a login would help, NotAllowed where the role may not, NotFound for a collection that
        is not there (or whose reading is not the asker's right).
        """
        services = services_of(request)
        named = self.collection.startswith("{")
        collection = _collection_of(request, self.collection.strip("{}")) if named else self.collection
        if not named and collection == "service" and not has_credentials(request):
            rights = services.rights  # the service's own pages do not wait for the database
        else:
            rights = await services.fresh_rights()
        actor = await identify(request)
        if actor.account is None and not rights.may(actor.role, self.action, collection):
            actor = await identify_desk(request)
        if not rights.may(actor.role, self.action, collection):
            await self._note(request, actor, collection)
            if named and self.action == "read":
                raise absent("collection", str(request.path_params.get(self.collection.strip("{}"), "")))
            raise _refusal(actor, f"{self.action} {collection}")
        request.state.asker = actor
        request.state.reach = rights.reach(actor, self.action, collection)
        await claim(request, services, actor)

    async def _note(self, request: Request, actor: Actor, collection: str) -> None:
        """Have the audit say that a member was refused."""
        if actor.account is not None:
            asked = f"{request.method} {getattr(request.scope.get('route'), 'path', '')}"
            await services_of(request).members.note_refusal(actor, asked, f"{self.action} {collection}")


def _refusal(actor: Actor, needed: str) -> NotLoggedIn | NotAllowed:
    if actor.role != "public":
        return NotAllowed(
            f"角色 {actor.role} 无此权限 (the role {actor.role} may not {needed})",
            do="请联系安全管理员 (ask the security administrator)",
        )
    if actor.account is not None:
        text = "请先修改密码或设置第二因子 (first change the password or set up the second factor)"
        return NotAllowed(text, do="/login")
    return NotLoggedIn("请先登录 (log in first)", do="打开 /login 或发送令牌 (open /login or send a token)")


def _collection_of(request: Request, parameter: str) -> str:
    """Give the matrix's collection for a path's: assets-0118 and class-0118 are assets."""
    asked = str(request.path_params.get(parameter, ""))
    first = re.split(r"[-.:_]", asked, maxsplit=1)[0]
    collection = "assets" if first == "class" else first
    if collection not in COLLECTIONS:
        raise absent("collection", asked)
    return collection


def needs(action: str, collection: str) -> Any:
    """Make the dependency that stands in a route's decorator."""
    return Depends(Needs(action, collection))
