"""The oracle: who may see which planted secret, said again from the rules and not from the program's own tables.

It knows nothing of SQL, policies or data/access/rights.csv; where it and an answer disagree, one of them is wrong.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.api.test_layers import tile_of
from tests.security.guarded_city import GRIDS, GuardedCity, Secret, Viewer

INSIDE = ("Traceback", "psycopg", "site-packages", "SELECT ", "argon2", "/var/uploads")
COLLECTIONS = ("assets", "buildings", "places", "grids", "addresses", "events", "surveys", "records", "sensors",
               "entities", "assets-0118", "accounts", "audit")  # fmt: skip
KEPT_OUT = ("/auth/", "/metrics")


@dataclass(frozen=True)
class Question:
    """One request."""

    method: str
    path: str
    query: dict[str, Any] = field(default_factory=dict)
    body: Any = None

    @property
    def said(self) -> str:
        """Everything that was asked, which an answer may say back."""
        return f"{self.path} {unquote(self.path)} {self.query} {self.body}"


def may_see(viewer: Viewer, secret: Secret, question: Question) -> bool:
    """Say whether an answer to this viewer may hold this secret."""
    everything = viewer.role == "steward"
    own_department = viewer.role == "officer" and viewer.department == secret.department
    own_grid = viewer.role == "grid_worker" and secret.grid is not None and secret.grid in viewer.grids
    if secret.kind == "masked":
        return everything or own_department or own_grid
    if secret.kind == "file" and viewer.role == "audit_admin" and question.path == "/audit":
        return True  # who handed in which file is what the audit is for
    if secret.kind in ("set_aside", "file"):
        return everything or own_department
    if secret.kind in ("person", "record") and question.path.endswith("/reveal"):
        return everything or own_department  # with purpose and reason, and written down
    return False


def leaks(
    viewer: Viewer, question: Question, content: bytes, secrets: list[Secret], said_before: str = ""
) -> list[str]:
    """Name what an answer holds that this viewer may not see: the secrets' kinds, or something of the inside.

    said_before: what the same viewer asked the audit earlier, which the audit keeps and tells it again.
    """
    text = content.decode("utf-8", "replace")
    found = []
    for secret in secrets:
        there = secret.text in text or (secret.kind == "masked" and f"\\u{ord(secret.text[0]):04x}*" in text)
        said = secret.text in question.said or secret.text in said_before
        if there and not said and not may_see(viewer, secret, question):
            found.append(f"{secret.kind} of {secret.department or 'the small city'} ({secret.grid})")
    return found + [f"the inside: {word}" for word in INSIDE if word in text and word not in question.said]


def holds_count_of_few(question: Question, answer: Any) -> bool:
    """Tell whether a summary says a number of people that is not rounded, or fewer than ten."""
    if not question.path.endswith("/summary") or not isinstance(answer, dict):
        return False
    people = answer.get("people") or {}
    numbers = [people.get(key) for key in ("persons", "households")]
    return any(isinstance(number, int) and (number < 10 or number % 5) for number in numbers)


class Questions:
    """Makes random questions: through every route of the application as described, and at the places of the secrets."""

    def __init__(self, app: FastAPI, city: GuardedCity, rng: random.Random) -> None:
        """app: its own description says which routes and parameters there are."""
        self.city, self.rng = city, rng
        described = app.openapi()
        self.schemas = described.get("components", {}).get("schemas", {})
        self.operations = [
            (method.upper(), path, operation)
            for path, operations in described["paths"].items()
            for method, operation in operations.items()
            if not path.startswith(KEPT_OUT) and not path.startswith("/ogc/")
        ]

    def one(self) -> Question:
        """Make a question."""
        return self.rng.choice(
            (self.anywhere, self.anywhere, self.at_a_place, self.by_secret, self.listed, self.item)
        )()

    def secret(self) -> str:
        """Give a secret text, or a part of one."""
        text = self.rng.choice([one for one in self.city.secrets if one.kind != "masked"]).text
        return text if self.rng.random() < 0.7 else text[: self.rng.randint(2, len(text))]

    def at_a_place(self) -> Question:
        """Click, look nearby, fetch a tile or count where people live."""
        rng, facts = self.rng, self.city.facts
        place = facts.centre_of(rng.choice(list(facts.buildings)))
        here = {"lon": place.lon, "lat": place.lat}
        z = rng.choice((13, 15, 17))
        x, y, _, _ = tile_of(place, z)
        kind = rng.choice(COLLECTIONS)
        return rng.choice((
            Question("GET", "/lookup", {**here, "radius_m": rng.choice((10, 100, 500))}),
            Question("GET", "/lookup", {**here, "as_of": "2026-11-01T00:00:00Z"}),
            Question("GET", "/nearby", {**here, "n": 50}),
            Question("GET", f"/collections/{kind}/tiles/WebMercatorQuad/{z}/{y}/{x}"),
            Question("POST", "/summary", body={"code": rng.choice((facts.district, facts.community, *GRIDS[:2]))}),
            Question("POST", "/summary", body={"polygon": _square(place, rng.uniform(1e-4, 1e-2))}),
        ))  # fmt: skip

    def by_secret(self) -> Question:
        """Use a secret as what is sought, filtered by or asked for: an answer must not confirm it."""
        text, rng = self.secret(), self.rng
        kind = rng.choice(COLLECTIONS)
        return rng.choice((
            Question("GET", "/search", {"q": text}), Question("GET", "/records", {"kind": text}),
            Question("GET", "/records", {"department": text}), Question("GET", f"/surveys/{quote(text)}"),
            Question("GET", f"/collections/{kind}/items", {"filter": f"name = '{text}'"}),
            Question("GET", f"/collections/{kind}/items", {"filter": f"title_zh LIKE '%{text}%'"}),
            Question("GET", f"/collections/{kind}/items", {"phone": text}),
            Question("GET", f"/collections/{quote(text)}/items"), Question("GET", f"/{quote(text)}"),
            Question("GET", "/lookup", {"lon": text, "lat": 1}), Question("POST", "/summary", body={"code": text}),
            Question("POST", "/deliveries", body={"upload": text, "step": "check"}),
        ))  # fmt: skip

    def listed(self) -> Question:
        """List and count."""
        rng = self.rng
        kind = rng.choice(COLLECTIONS)
        return rng.choice((
            Question("GET", f"/collections/{kind}/items", {"limit": rng.choice((1, 10, 1000))}),
            Question("GET", f"/collections/{kind}/items", {"f": rng.choice(("html", "json", "csv")), "limit": 50}),
            Question("GET", f"/collections/{kind}/items", {"bbox": "121.5,37.3,121.7,37.5", "limit": 100}),
            Question("GET", "/records", {"n": 500}), Question("GET", "/jobs"), Question("GET", "/deliveries"),
            Question("GET", "/deliveries/refused"), Question("GET", "/deliveries/choices"),
            Question("GET", "/links/review", {"n": 200}), Question("GET", "/collections"), Question("GET", "/classes"),
            Question("GET", "/audit"), Question("GET", "/accounts"), Question("GET", "/rights"),
        ))  # fmt: skip

    def item(self) -> Question:
        """Ask for one thing by its number or code."""
        rng, city = self.rng, self.city
        batch, record = rng.choice(list(city.batches.values())), rng.choice(city.records)
        number = rng.randint(1, 60)
        told = {"purpose": rng.choice(("", "inspection", "x")), "reason": "核查", "fields": ["name", "phone"]}
        return rng.choice((
            Question("GET", f"/deliveries/{batch}"), Question("GET", f"/deliveries/{batch}/rejected"),
            Question("GET", f"/deliveries/{batch}/rejected.csv"), Question("GET", f"/records/{record}"),
            Question("GET", f"/records/{record}/links"), Question("GET", f"/records/{number}"),
            Question("GET", f"/links/review/{rng.choice(('record', 'entity'))}/{number}"),
            Question("GET", f"/collections/{rng.choice(COLLECTIONS)}/items/{number}"),
            Question("POST", f"/entities/{rng.choice(city.entities)}/reveal", body=told),
            Question("POST", f"/records/{record}/reveal", body=told),
        ))  # fmt: skip

    def anywhere(self) -> Question:
        """Fill in any route's parameters and body: as its examples say, or with something else."""
        method, path, operation = self.rng.choice(self.operations)
        query = {}
        for parameter in operation.get("parameters", ()):
            value = self._value(parameter)
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", quote(str(value), safe=""))
            elif parameter["in"] == "query" and (parameter.get("required") or self.rng.random() < 0.4):
                query[parameter["name"]] = value
        return Question(method, path, query, self._body(operation))

    def _value(self, parameter: dict[str, Any]) -> Any:
        rng, name = self.rng, parameter["name"]
        if name == "collection":
            return rng.choice(COLLECTIONS)
        examples = parameter.get("schema", {}).get("examples") or [parameter.get("example", "1")]
        known = {
            "batch": list(self.city.batches.values()), "record_id": self.city.records, "name": ["small-city"],
            "code": self.city.entities, "kind": ["record", "entity", "dsm"], "number": list(range(1, 40)),
            "fid": list(range(1, 40)), "link_id": list(range(1, 30)),
        }  # fmt: skip
        return rng.choice(
            [rng.choice(examples), rng.choice(known.get(name, examples)), rng.randint(0, 60), self.secret()]
        )

    def _body(self, operation: dict[str, Any]) -> Any:
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            if "json" not in media:
                return self.secret()
            schema = self.schemas.get(content["schema"].get("$ref", "").rpartition("/")[2], {})
            example = content.get("example") or schema.get("example") or {}
            return {**example, self.rng.choice([*example, "x"]): self.secret()} if self.rng.random() < 0.3 else example
        return None


def _square(place: Any, half_deg: float) -> dict[str, Any]:
    west, east, south, north = place.lon - half_deg, place.lon + half_deg, place.lat - half_deg, place.lat + half_deg
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


@dataclass
class Found:
    """What a run has found: how many answers of which status, and every leak."""

    pairs: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    shown: int = 0
    leaks: list[str] = field(default_factory=list)


def run_pairs(client: TestClient, app: FastAPI, city: GuardedCity, pairs: int, seed: int) -> Found:
    """Ask random questions as random viewers and judge every answer."""
    rng = random.Random(seed)  # noqa: S311 -- the same questions in every run
    questions, found = Questions(app, city, rng), Found()
    of_audit: dict[str, str] = {}
    for _ in range(pairs):
        viewer, question = rng.choice(city.viewers), questions.one()
        content = {"content": question.body.encode()} if isinstance(question.body, str) else {"json": question.body}
        sent = {} if question.body is None else content
        answer = client.request(
            question.method, question.path, params=question.query, headers=viewer.headers, **sent
        )  # fmt: skip
        found.pairs += 1
        found.statuses[answer.status_code] = found.statuses.get(answer.status_code, 0) + 1
        before = ""
        if question.path == "/audit":
            before = of_audit.get(viewer.name, "")
            of_audit[viewer.name] = before + question.said
        what = leaks(viewer, question, answer.content, city.secrets, before)
        is_json = "json" in answer.headers.get("content-type", "")
        if is_json and holds_count_of_few(question, answer.json()):
            what.append("a number of few people")
        where = (
            f"{viewer.name}: {question.method} {question.path} {question.query} {question.body} {answer.status_code}"
        )
        found.leaks += [f"{one} <- {where}" for one in what]
        if answer.status_code >= 500 and answer.status_code != 503:
            found.leaks.append(f"a fault of our own <- {where}")
        text = answer.text if answer.headers.get("content-type", "").startswith(("application/json", "text/")) else ""
        found.shown += any(one.text in text and may_see(viewer, one, question) for one in city.secrets)
    return found
