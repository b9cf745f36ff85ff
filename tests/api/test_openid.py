"""OpenID Connect: in through a provider of one's own on loopback, with claims as roles; forged answers are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from joserfc import jwk
from starlette.testclient import TestClient
from typer.testing import CliRunner

from api.app import create_app
from api.limits import ApiLimits
from api.openid import read_openid_settings
from tests.api.members import add_member
from tests.api.openid_provider import CLIENT, SECRET, Provider, provider
from tests.databases import Database
from twin.cli.groups import commands
from twin.errors import BadInput

LIMITS = ApiLimits(pool_wait_s=20, pool_min=1, pool_max=3, access_kept_s=0)
ENV = {
    "TWIN_OIDC_CLIENT_ID": CLIENT,
    "TWIN_OIDC_CLIENT_SECRET": SECRET,
    "TWIN_OIDC_LABEL": "市统一身份",
    "TWIN_OIDC_ROLES": '{"groups": {"stewards": "steward", "officers": "officer"}}',
}
WANG = {"sub": "42", "preferred_username": "Wang@city", "name": "王五", "groups": ["officers"], "department": "housing"}


@pytest.fixture(scope="module")
def there() -> Iterator[Provider]:
    with provider() as running:
        yield running


@pytest.fixture
def client(module_database: Database, there: Provider) -> Iterator[TestClient]:
    there.spoil, there.signing_key, there.algorithm = {}, None, "RS256"
    if not module_database.fetch("SELECT 1 FROM twin.department WHERE code = 'housing'"):
        module_database.fetch("INSERT INTO twin.department (code, name_zh) VALUES ('housing', '住建局')")
    openid = read_openid_settings({**ENV, "TWIN_OIDC_ISSUER": there.issuer})
    app = create_app(module_database.settings, limits=LIMITS, openid=openid)
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as running:
        yield running


def enter(client: TestClient, there: Provider, claims: dict[str, Any], next_path: str = "/deliver") -> str:
    """Log in at the provider as somebody; give where the browser ends."""
    there.claims = claims
    begun = client.get("/auth/openid", params={"next": next_path})
    assert begun.status_code == 303
    assert "code_challenge=" in begun.headers["location"]
    back = httpx.get(begun.headers["location"]).headers["location"]
    answer = client.get(back.removeprefix("http://127.0.0.1"))
    assert answer.status_code == 303
    return str(answer.headers["location"])


def test_a_claim_means_a_role_and_the_account_is_made(
    client: TestClient, there: Provider, module_database: Database
) -> None:
    assert client.get("/auth/me").json()["openid"] == "市统一身份"
    assert enter(client, there, WANG) == "/deliver"
    me = client.get("/auth/me").json()
    assert (me["name"], me["person"], me["role"], me["department"], me["must"]) == (
        "wang",
        "王五",
        "officer",
        "housing",
        [],
    )
    assert client.get("/deliveries").status_code == 200
    client.cookies.clear()
    assert enter(client, there, {**WANG, "groups": ["stewards"]}) == "/deliver"
    assert client.get("/auth/me").json()["role"] == "steward", "roles follow the claims at each log-in"
    assert module_database.fetch("SELECT count(*) FROM access.account") == [(1,)]
    client.cookies.clear()
    assert enter(client, there, {**WANG, "groups": []}) == "/login?refused=1", "no longer in any group"
    assert client.get("/auth/me").json()["name"] is None


def test_a_local_account_is_found_by_its_binding_only(
    client: TestClient, there: Provider, module_database: Database
) -> None:
    add_member(module_database, "li.na", "steward")
    add_member(module_database, "chief", "security_admin")
    taken = {"sub": "43", "preferred_username": "li.na", "groups": ["officers"], "department": "housing"}
    assert enter(client, there, taken) == "/login?refused=1", "the name is somebody else's"
    env = {"TWIN_DATABASE_URL": str(module_database.settings.database_url)}
    for name, subject in (("li.na", "44"), ("chief", "45")):
        asked = ["user", "openid", name, "--issuer", there.issuer, "--subject", subject]
        assert CliRunner().invoke(commands(), asked, env=env).exit_code == 0
    assert enter(client, there, {"sub": "44"}, "//elsewhere.example") == "/", "only pages of this site"
    assert client.get("/auth/me").json()["role"] == "steward"
    client.cookies.clear()
    enter(client, there, {"sub": "45", "amr": ["pwd"]})
    assert client.get("/auth/me").json()["must"] == ["second_factor"]
    client.cookies.clear()
    enter(client, there, {"sub": "45", "amr": ["pwd", "otp"]})
    assert client.get("/auth/me").json()["must"] == []


@pytest.mark.parametrize(
    "spoil",
    [{"aud": "other"}, {"iss": "http://127.0.0.1:1"}, {"exp": 1}, {"nonce": "another"}, {"sub": None},
     {"aud": [CLIENT, "other"], "azp": "other"}],
)  # fmt: skip
def test_a_token_for_somebody_else_is_refused(client: TestClient, there: Provider, spoil: dict[str, Any]) -> None:
    there.spoil = spoil
    assert enter(client, there, WANG) == "/login?refused=1"
    assert client.get("/auth/me").json()["name"] is None


def test_a_token_signed_by_somebody_else_is_refused(client: TestClient, there: Provider) -> None:
    there.signing_key = jwk.RSAKey.generate_key(2048, {"kid": "k1"})
    assert enter(client, there, WANG) == "/login?refused=1"
    there.signing_key, there.algorithm = jwk.OctKey.import_key("a shared secret of thirty-two letters"), "HS256"
    assert enter(client, there, WANG) == "/login?refused=1", "a shared secret is no key of the provider's"


def test_an_answer_that_was_not_asked_for_is_refused(client: TestClient, there: Provider) -> None:
    there.claims = WANG
    begun = client.get("/auth/openid")
    back = httpx.get(begun.headers["location"]).headers["location"].removeprefix("http://127.0.0.1")
    kept = dict(client.cookies)
    client.cookies.clear()
    assert client.get(back).headers["location"] == "/login?refused=1", "another browser's answer"
    client.cookies.update(kept)
    assert client.get("/auth/openid/callback?state=x&code=y").headers["location"] == "/login?refused=1"
    assert client.get("/auth/openid/callback").headers["location"] == "/login?refused=1"


def test_a_code_is_good_once(client: TestClient, there: Provider) -> None:
    there.claims = WANG
    begun = client.get("/auth/openid")
    back = httpx.get(begun.headers["location"]).headers["location"].removeprefix("http://127.0.0.1")
    kept = client.cookies["twin_openid"]
    assert client.get(back).headers["location"] == "/"
    client.cookies.clear()
    client.cookies.set("twin_openid", kept, domain="127.0.0.1", path="/auth/openid")
    assert client.get(back).headers["location"] == "/login?refused=1"


@pytest.mark.parametrize(
    "wrong",
    [{"TWIN_OIDC_ISSUER": "http://login.example"}, {"TWIN_OIDC_CLIENT_ID": ""}, {"TWIN_OIDC_ROLES": "x"},
     {"TWIN_OIDC_ROLES": '{"groups": {"a": "king"}}'}, {"TWIN_OIDC_ROLES": '{"groups": {"a": "security_admin"}}'}],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        read_openid_settings({**ENV, "TWIN_OIDC_ISSUER": "https://login.example", **wrong})
    assert read_openid_settings({}) is None


def test_without_a_provider_there_is_no_such_way(module_database: Database) -> None:
    with TestClient(create_app(module_database.settings, limits=LIMITS)) as client:
        assert client.get("/auth/openid").status_code == 404
        assert client.get("/auth/openid/callback?state=x&code=y").status_code == 404
