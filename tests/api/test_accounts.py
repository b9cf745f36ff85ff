"""Accounts: logging in, waiting after failures, sessions, tokens, the second factor, and what the audit keeps of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import pyotp
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from api.app import create_app
from api.limits import ApiLimits
from api.service_settings import ServiceSettings
from tests.api.members import PASSWORD, QUICK, add_member, log_in, session_for, token_for
from tests.databases import Database
from twin.actions import passwords
from twin.actions.passwords import hash_of
from twin.cli.groups import commands

LIMITS = ApiLimits(pool_wait_s=20, pool_min=1, pool_max=3, access_kept_s=0)
HERE = {"base_url": "http://127.0.0.1", "client": ("127.0.0.1", 50000)}
NEW = "another long pass phrase"


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_hasher", QUICK)


@pytest.fixture(scope="module")
def city(module_database: Database) -> Database:
    module_database.fetch(
        "INSERT INTO twin.department (code, name_zh) VALUES ('housing', '住建局'), ('police', '公安')"
    )
    for name, role, department in (
        ("zhu", "officer", "housing"), ("guo", "steward", None), ("xi", "system_admin", None),
        ("an", "security_admin", None), ("shen", "audit_admin", None), ("gui", "planner", None),
    ):  # fmt: skip
        add_member(module_database, name, role, department=department)
    return module_database


@pytest.fixture
def client(city: Database) -> Iterator[TestClient]:
    city.fetch("DELETE FROM access.login_failure")
    with TestClient(create_app(city.settings, limits=LIMITS), **HERE) as running:
        yield running


def audited(database: Database, action: str) -> list[tuple[str, str, str]]:
    return database.fetch(
        "SELECT actor, subject, detail::text FROM audit.log WHERE action = %s ORDER BY audit_id", (action,)
    )


def test_a_member_logs_in_is_known_and_logs_out(client: TestClient, city: Database) -> None:
    assert client.get("/auth/me").json()["role"] == "public"
    answer = client.post("/auth/login", json={"name": "ZHU ", "password": PASSWORD})
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie, "over http; over https it is"
    me = client.get("/auth/me").json()
    assert (me["name"], me["role"], me["department"], me["must"]) == ("zhu", "officer", "housing", [])
    assert client.post("/auth/logout").status_code == 200
    assert client.get("/auth/me").json()["role"] == "public"
    secret = cookie.split("=", 1)[1].split(";")[0]
    client.cookies.set("twin_session", secret)
    assert client.get("/auth/me").json()["role"] == "public", "the session is over, not only the cookie"
    assert audited(city, "login")[-1][1] == "account zhu"
    assert audited(city, "logout")[-1][1] == "account zhu"


def test_over_https_the_cookie_is_secure_and_bound_to_the_host(city: Database) -> None:
    app = create_app(city.settings, limits=LIMITS)
    with TestClient(app, base_url="https://twin.example") as client:
        cookie = client.post("/auth/login", json={"name": "zhu", "password": PASSWORD}).headers["set-cookie"]
        assert cookie.startswith("__Host-twin_session=")
        assert "; Secure" in cookie
        assert client.get("/auth/me").json()["name"] == "zhu"
    behind = create_app(city.settings, limits=LIMITS, service=ServiceSettings(https=True))
    with TestClient(behind, base_url="http://twin.example") as client:
        cookie = client.post("/auth/login", json={"name": "zhu", "password": PASSWORD}).headers["set-cookie"]
        assert "; Secure" in cookie, "a proxy takes the https off"


def test_the_desk_of_this_computer_closes_with_the_first_account(client: TestClient) -> None:
    who = {"Twin-Person": "li"}
    answer = client.get("/deliveries", headers=who)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert log_in(client, "zhu") == 200
    assert client.get("/deliveries").status_code == 200
    assert client.get("/links/review").status_code == 403, "officers deliver; they do not decide links"


def test_wrong_names_and_wrong_passwords_sound_alike_and_wait_alike(client: TestClient, city: Database) -> None:
    for name in ("gui", "nobody-of-that-name"):
        answers = [client.post("/auth/login", json={"name": name, "password": "wrong"}) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [401] * 5 + [429]
        assert (
            answers[0].json()["detail"]
            == client.post("/auth/login", json={"name": "somebody-else", "password": "wrong"}).json()["detail"]
        )
        assert int(answers[5].headers["retry-after"]) <= 30
        assert log_in(client, name) == 429, "the right password waits too"
    city.fetch("UPDATE access.login_failure SET locked_until = now() - interval '1 s'")
    assert client.post("/auth/login", json={"name": "gui", "password": "wrong"}).status_code == 401
    waits = city.fetch("SELECT extract(epoch FROM locked_until - last_at)::int FROM access.login_failure "
                       "WHERE failures = 6")  # fmt: skip
    assert waits == [(60,)], "each further failure waits twice as long"
    refused = audited(city, "login.refused")
    assert ("login", "account gui") in {row[:2] for row in refused}
    assert not any("nobody-of" in row[1] for row in refused), "what was typed as a name may be a password"
    result = CliRunner().invoke(commands(), ["user", "unlock", "gui"], env=env(city))
    assert result.exit_code == 0, result.output
    assert log_in(client, "gui") == 200


def env(database: Database) -> dict[str, str]:
    return {"TWIN_DATABASE_URL": str(database.settings.database_url), "TWIN_DATA_DIR": str(database.settings.data_dir)}


def test_another_site_writes_nothing_with_a_members_cookie(client: TestClient) -> None:
    assert log_in(client, "zhu") == 200
    for headers in (
        {"Origin": "http://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
        {"Origin": "null"},
    ):  # fmt: skip
        assert client.post("/auth/logout", headers=headers).status_code == 403
        assert client.get("/auth/me", headers=headers).status_code == 200
    assert client.post("/auth/login", json={"name": "x", "password": "y"}, headers=headers).status_code == 403
    assert client.get("/auth/me").json()["name"] == "zhu"


def test_a_disabled_account_is_out_at_once(client: TestClient, city: Database) -> None:
    add_member(city, "leaver", "planner")
    token = {"Authorization": f"Bearer {token_for(city, 'leaver')}"}
    assert log_in(client, "leaver") == 200
    assert client.get("/auth/me", headers=token).json()["name"] == "leaver"
    assert CliRunner().invoke(commands(), ["user", "disable", "leaver"], env=env(city)).exit_code == 0
    assert client.get("/auth/me", headers=token).status_code == 401
    assert client.get("/auth/me").json()["name"] is None
    assert log_in(client, "leaver") == 401
    assert CliRunner().invoke(commands(), ["user", "enable", "leaver"], env=env(city)).exit_code == 0
    assert client.get("/auth/me", headers=token).status_code == 401, "tokens stay revoked"


def test_a_first_password_must_be_changed_before_anything_else(client: TestClient, city: Database) -> None:
    made = CliRunner().invoke(
        commands(), ["user", "add", "new.one", "--person", "新人", "--role", "steward"], env=env(city)
    )
    assert made.exit_code == 0, made.output
    first = made.output.strip().rpartition(": ")[2]
    assert log_in(client, "new.one", first) == 200
    assert client.get("/auth/me").json()["must"] == ["password"]
    assert client.get("/links/review").status_code == 403
    wrong = {"old": "not this", "new": NEW}
    assert client.post("/auth/password", json=wrong).status_code == 401
    for weak in ("short", "new.one-new.one-new.one", "aaaaaaaaaaaaaaaa"):
        assert client.post("/auth/password", json={"old": first, "new": weak}).status_code == 422
    assert client.post("/auth/password", json={"old": first, "new": NEW}).status_code == 200
    assert client.get("/auth/me").json()["must"] == []
    assert client.get("/links/review").status_code == 200
    texts = city.fetch("SELECT string_agg(l::text, ' ') FROM audit.log l")[0][0]
    assert first not in texts
    assert NEW not in texts
    assert "argon2" not in texts


def test_tokens_are_named_end_and_can_be_revoked(client: TestClient, city: Database) -> None:
    assert log_in(client, "zhu") == 200
    made = client.post("/auth/tokens", json={"name": "GIS desk", "days": 30}).json()
    client.cookies.clear()
    token = {"Authorization": f"Bearer {made['token']}"}
    assert client.get("/auth/me", headers=token).json()["role"] == "officer"
    assert client.get("/deliveries", headers=token).status_code == 200
    assert client.post("/auth/tokens", json={"name": "x"}, headers=token).status_code == 401, "no token from a token"
    items = client.get("/auth/tokens", headers=token).json()["items"]
    assert "GIS desk" in [item["name"] for item in items]
    assert made["token"] not in client.get("/auth/tokens", headers=token).text
    city.fetch("UPDATE access.token SET expires_at = now() WHERE token_id = %s", (made["token_id"],))
    assert client.get("/auth/me", headers=token).status_code == 401
    other = token_for(city, "zhu")
    number = city.fetch("SELECT max(token_id) FROM access.token")[0][0]
    guo = {"Authorization": f"Bearer {token_for(city, 'guo')}"}
    assert client.delete(f"/auth/tokens/{number}", headers=guo).status_code == 404, "not theirs: not there"
    assert client.get("/auth/me", headers={"Authorization": f"Bearer {other}"}).status_code == 200
    assert CliRunner().invoke(commands(), ["token", "revoke", str(number)], env=env(city)).exit_code == 0
    assert client.get("/auth/me", headers={"Authorization": f"Bearer {other}"}).status_code == 401
    assert "zhu" in CliRunner().invoke(commands(), ["token", "list"], env=env(city)).output


def test_an_administrator_needs_a_second_factor_and_a_code_is_good_once(client: TestClient, city: Database) -> None:
    assert log_in(client, "an") == 200
    assert client.get("/auth/me").json()["must"] == ["second_factor"]
    assert client.get("/links/review").status_code == 403
    enrol = client.post("/auth/totp").json()
    assert "<svg" in enrol["svg"]
    totp = pyotp.TOTP(enrol["secret"])
    assert client.post("/auth/totp/confirm", json={"code": "000000"}).status_code == 422
    now = totp.generate_otp(int(time.time()) // 30 - 1)
    codes = client.post("/auth/totp/confirm", json={"code": now}).json()["recovery_codes"]
    assert len(codes) == 10
    me = client.get("/auth/me").json()
    assert (me["must"], me["second_factor"]) == ([], True)
    client.cookies.clear()
    missing = client.post("/auth/login", json={"name": "an", "password": PASSWORD})
    assert missing.status_code == 401
    assert missing.json()["type"] == "urn:twin:problem:second-factor-needed"
    assert log_in(client, "an", code=now) == 401, "the code that was used is no longer good"
    fresh = totp.now()
    assert log_in(client, "an", code=fresh) == 200
    assert log_in(client, "an", code=fresh) == 401, "replayed"
    assert log_in(client, "an", code=codes[0]) == 200
    assert log_in(client, "an", code=codes[0]) == 401
    texts = city.fetch("SELECT string_agg(l::text, ' ') FROM audit.log l")[0][0]
    assert enrol["secret"] not in texts
    assert enrol["secret"] not in city.fetch("SELECT totp_secret FROM access.account WHERE name = 'an'")[0][0]
    assert codes[1] not in texts
    assert CliRunner().invoke(commands(), ["token", "make", "an", "--name", "x"], env=env(city)).exit_code != 0
    assert CliRunner().invoke(commands(), ["user", "totp", "an"], env=env(city)).exit_code == 0
    city.fetch("DELETE FROM access.login_failure")
    assert log_in(client, "an") == 200
    assert client.get("/auth/me").json()["must"] == ["second_factor"]


def test_one_sees_where_one_is_logged_in_and_ends_what_is_not_oneself(client: TestClient, city: Database) -> None:
    add_member(city, "here", "planner")
    elsewhere = [session_for(city, "here") for _ in range(2)]
    agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
    answer = client.post("/auth/login", json={"name": "here", "password": PASSWORD}, headers={"User-Agent": agent})
    assert answer.status_code == 200
    items = client.get("/auth/sessions").json()["items"]
    assert [item["here"] for item in items] == [True, False, False]
    assert items[0]["device"] == "Firefox, Windows"
    assert client.delete(f"/auth/sessions/{items[0]['session_id']}").status_code == 404, "the own one: log out"
    other = session_for(city, "zhu")
    strange = city.fetch("SELECT session_id FROM access.session WHERE token_hash = %s", (hash_of(other),))[0][0]
    assert client.delete(f"/auth/sessions/{strange}").status_code == 404, "somebody else's"
    assert client.delete(f"/auth/sessions/{items[1]['session_id']}").json() == {"ended": 1}
    assert client.delete("/auth/sessions").json() == {"ended": 1}
    assert client.get("/auth/me").json()["name"] == "here"
    token = {"authorization": f"Bearer {token_for(city, 'here')}"}
    mine = client.cookies["twin_session"]
    client.cookies.clear()
    assert client.get("/auth/sessions", headers=token).status_code == 401, "a token ends nobody's session"
    for secret in elsewhere:
        assert client.get("/auth/me", headers={"Cookie": f"twin_session={secret}"}).json()["name"] is None
    client.cookies.set("twin_session", mine)
    assert [row[1] for row in audited(city, "session.end")] == ["account here"] * 2
    listed = CliRunner().invoke(commands(), ["user", "sessions", "here", "--json"], env=env(city))
    assert [one["device"] for one in json.loads(listed.output)] == ["Firefox, Windows"]
    assert CliRunner().invoke(commands(), ["user", "sessions", "here", "--end"], env=env(city)).exit_code == 0
    assert client.get("/auth/me").json()["name"] is None


def test_the_security_administrator_ends_another_s_sessions(client: TestClient, city: Database) -> None:
    add_member(city, "gone", "planner")
    secret = session_for(city, "gone")
    add_member(city, "mima", "security_admin")
    client.cookies.set("twin_session", session_for(city, "mima"))
    assert client.post("/accounts/gone/log-out").json() == {"name": "gone", "done": "log-out"}
    assert client.post("/accounts/nobody/log-out").status_code == 404
    client.cookies.set("twin_session", secret)
    assert client.get("/auth/me").json()["name"] is None


def test_a_second_factor_is_renewed_with_the_present_one_only(client: TestClient, city: Database) -> None:
    add_member(city, "huan", "planner")
    assert log_in(client, "huan") == 200
    old = pyotp.TOTP(client.post("/auth/totp", json={}).json()["secret"])
    step = int(time.time()) // 30
    first = client.post("/auth/totp/confirm", json={"code": old.generate_otp(step - 1)}).json()["recovery_codes"]
    other = session_for(city, "huan")
    assert client.post("/auth/totp", json={}).status_code == 422
    assert client.post("/auth/totp", json={"code": "000000"}).status_code == 422
    new = pyotp.TOTP(client.post("/auth/totp", json={"code": first[0]}).json()["secret"])
    assert client.post("/auth/totp/confirm", json={"code": "000000"}).status_code == 422
    mine = client.cookies["twin_session"]
    assert log_in(client, "huan", code=old.now()) == 200, "the old one counts until the new one is confirmed"
    client.cookies.clear()
    client.cookies.set("twin_session", mine)
    again = client.post("/auth/totp/confirm", json={"code": new.generate_otp(step - 1)}).json()["recovery_codes"]
    assert set(again).isdisjoint(first)
    assert city.fetch("SELECT count(*) FROM access.session WHERE token_hash = %s", (hash_of(other),)) == [(0,)]
    assert client.get("/auth/me").json()["name"] == "huan"
    client.cookies.clear()
    assert log_in(client, "huan", code=old.generate_otp(step + 1)) == 401
    assert log_in(client, "huan", code=new.now()) == 200


def test_nobody_is_two_of_the_three_administrators(city: Database) -> None:
    def add(name: str, role: str) -> int:
        asked = ["user", "add", name, "--person", "同一人", "--role", role]
        return CliRunner().invoke(commands(), asked, env=env(city)).exit_code

    assert add("one.sys", "system_admin") == 0
    assert add("one.sec", "security_admin") != 0
    assert add("one.planner", "planner") == 0


@pytest.mark.parametrize(
    "wrong",
    [["--role", "king"], ["--role", "officer"], ["--role", "officer", "--department", "none"],
     ["--role", "grid_worker"], ["--role", "grid_worker", "--grid", "999"], ["--role", "system"]],
)  # fmt: skip
def test_accounts_that_cannot_be_are_refused(city: Database, wrong: list[str]) -> None:
    assert (
        CliRunner().invoke(commands(), ["user", "add", "who", "--person", "谁", *wrong], env=env(city)).exit_code != 0
    )


def test_what_stands_in_the_database_logs_nobody_in(city: Database, client: TestClient) -> None:
    secret, token = session_for(city, "guo"), token_for(city, "guo")
    stored = city.fetch(
        "SELECT string_agg(s::text, ' ') FROM access.session s UNION ALL SELECT string_agg(t::text, ' ') FROM "
        "access.token t UNION ALL SELECT string_agg(a::text, ' ') FROM access.account a"
    )
    for row in stored:
        assert secret not in row[0]
        assert token not in row[0]
        assert PASSWORD not in row[0]
    assert city.fetch("SELECT count(*) FROM access.account WHERE password_hash LIKE '$argon2id$%%'")[0][0] >= 6
    from twin.session import Actor

    for role in ("public", "officer", "steward", "system_admin", "audit_admin"):
        seen = city.fetch("SELECT count(*) FROM access.account", role="app", actor=Actor("x", role))
        assert seen == [(0,)], role


def test_a_session_ends_by_itself(client: TestClient, city: Database) -> None:
    client.cookies.set("twin_session", session_for(city, "guo"))
    assert client.get("/auth/me").json()["name"] == "guo"
    city.fetch("UPDATE access.session SET seen_at = now() - interval '2 hours'")
    city.fetch("UPDATE access.state SET version = version + 1")
    assert client.get("/auth/me").json()["name"] is None, "not used for an hour"
    client.cookies.set("twin_session", session_for(city, "guo"))
    city.fetch("UPDATE access.session SET expires_at = now()")
    assert client.get("/auth/me").json()["name"] is None


def test_refusals_of_members_are_in_the_audit_and_name_no_values(client: TestClient, city: Database) -> None:
    headers = {"Authorization": f"Bearer {token_for(city, 'gui')}"}
    assert client.get("/links/review/record/5", headers=headers).status_code == 403
    assert audited(city, "refused")[-1][:2] == ("gui", "GET /links/review/{kind}/{number}")
    assert city.fetch("SELECT audit.first_broken()") == [(None,)]


def test_a_closed_desk_and_no_account_is_as_before(database: Database) -> None:
    with TestClient(create_app(replace(database.settings, desk="here"), limits=LIMITS), **HERE) as client:
        assert client.get("/links/review", headers={"Twin-Person": "li"}).status_code == 200
        assert client.get("/auth/me").json() == {
            "name": None, "role": "public", "must": [], "has_accounts": False, "openid": None,
        }  # fmt: skip
        add_member(database, "first", "planner")
        assert client.get("/links/review", headers={"Twin-Person": "li"}).status_code == 401
