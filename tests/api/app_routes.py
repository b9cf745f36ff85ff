"""The routes of the application, each with its entry of the matrix of rights."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import Mount

from api.needs import Needs


@dataclass(frozen=True)
class AppRoute:
    """A route: its address, one method, and what it needs (None: it says nothing)."""

    path: str
    method: str
    needs: tuple[Needs, ...]
    parameters: frozenset[str]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def routes_of(app: FastAPI) -> tuple[list[AppRoute], list[str]]:
    """Give the API's routes, and the addresses of all others that are not mounted applications."""
    ours, others = [], []
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, APIRoute):
            needs = tuple(item.call for item in route.dependant.dependencies if isinstance(item.call, Needs))
            for method in sorted(route.methods or ()):
                ours.append(AppRoute(str(route.path), method, needs, frozenset(route.param_convertors)))
        elif not isinstance(route.original_route, Mount):
            others.append(str(route.path))
    return ours, others
