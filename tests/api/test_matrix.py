"""Every route has exactly one entry of the matrix of rights, and answers as the matrix says."""

from __future__ import annotations

from starlette.routing import Route

from api.app import create_app
from tests.api.app_routes import routes_of
from tests.api.conftest import City
from twin.actions.access import ACTIONS, COLLECTIONS, ROLES, SHIPPED_RIGHTS, shipped_rights
from twin.queries.sight import PUBLIC_SIGHT
from viewer.pages import create_pages

# Pages hold no data of the city: what they show they ask of the API, under the rights of whoever looks at them.
EMPTY_PAGES = {"/", "/link", "/deliver", "/deck.json", "/static/{version}/{path:path}", "/vendor/{version}/deck.js",
               "/favicon.ico", "/login"}  # fmt: skip


def test_every_route_needs_one_entry_of_the_matrix(city: City) -> None:
    routes, others = routes_of(create_app(city.database.settings))
    assert len(routes) >= 45
    assert others == ["/openapi.json"], "an address beside the API's own routes"
    for route in routes:
        assert len(route.needs) == 1, f"{route} must have one needs()"
        (need,) = route.needs
        assert need.action in ACTIONS, route
        assert need.collection in COLLECTIONS or need.collection.strip("{}") in route.parameters, route


def test_the_mounted_pages_are_the_empty_ones(city: City) -> None:
    assert {
        route.path for route in create_pages(city.database.settings).routes if isinstance(route, Route)
    } <= EMPTY_PAGES


def test_the_shipped_rights_speak_of_what_there_is() -> None:
    lines = SHIPPED_RIGHTS.read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split(",") for line in lines]
    assert len({tuple(row[:4]) for row in rows}) == len(rows)
    assert {row[0] for row in rows} == set(ROLES)
    assert {row[1] for row in rows} <= set(ACTIONS)
    assert {row[2] for row in rows} <= set(COLLECTIONS)
    assert {row[3] for row in rows} == {"all", "own_grids", "own_department"}
    assert {field for row in rows for field in row[4].split()} == {"public", "persons", "actors", "rooms", "contacts"}


def test_the_three_administrators_share_no_power_and_see_nobody() -> None:
    rights = shipped_rights()
    powers = {
        role: {
            (a, c) for a in ACTIONS for c in COLLECTIONS if rights.may(role, a, c) and not rights.may("public", a, c)
        }
        - {("change", "session")}
        for role in ("system_admin", "security_admin", "audit_admin")
    }
    system, security, audit = powers.values()
    assert system
    assert security
    assert audit == {("read", "audit")}
    assert not system & security
    assert not audit & (system | security)
    for role in powers:
        assert rights.sight(role) == PUBLIC_SIGHT
    assert not any(collection in ("accounts", "rights", "entities", "records") for _, collection in system)
