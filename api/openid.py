"""OpenID Connect beside the local accounts: code flow with PKCE, state and nonce, against one configured provider.

Source: OpenID Connect Core 1.0, 3.1 (code flow) and 3.1.3.7 (what of an ID token must be checked); RFC 7636 (PKCE).
"""

from __future__ import annotations

import json
import os
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from twin.actions.access import ADMINISTRATORS, PEOPLE
from twin.errors import BadInput, NotAllowed

ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]
DISCOVERY = "/.well-known/openid-configuration"
KEPT_S = 600.0
LEEWAY_S = 60
WAIT_S = 10.0
SECOND_FACTORS = {"mfa", "otp", "hwk", "swk", "sc", "fpt", "face"}  # RFC 8176


@dataclass(frozen=True)
class OpenIdSettings:
    """The provider, and what its claims mean here.

    roles: claim -> {value: role}; the first that fits counts. No claim makes an administrator.
    """

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    label: str = "OpenID Connect"
    scope: str = "openid profile"
    roles: dict[str, dict[str, str]] = field(default_factory=dict)
    name_claim: str = "preferred_username"
    person_claim: str = "name"
    department_claim: str = "department"
    grids_claim: str = "grids"
    public_url: str = ""


@dataclass(frozen=True)
class Start:
    """What a log-in that has begun must find again when the browser comes back."""

    state: str
    nonce: str
    verifier: str
    next: str


@dataclass(frozen=True)
class Claimed:
    """Whom the provider has recognised. role: None where no claim means one. grids: codes."""

    issuer: str
    subject: str
    name: str
    person: str
    role: str | None
    department: str | None
    grids: tuple[str, ...]
    second_factor: bool


def read_openid_settings(environ: dict[str, str] | None = None) -> OpenIdSettings | None:
    """Read TWIN_OIDC_ISSUER and the other TWIN_OIDC_ variables; None without an issuer. Raises BadInput."""
    env = dict(os.environ) if environ is None else environ
    issuer = env.get("TWIN_OIDC_ISSUER", "").rstrip("/")
    if not issuer:
        return None
    parts = urlsplit(issuer)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise BadInput("the provider must be reached by https", where="TWIN_OIDC_ISSUER")
    if not env.get("TWIN_OIDC_CLIENT_ID"):
        raise BadInput("the client's id at the provider is needed", where="TWIN_OIDC_CLIENT_ID")
    given = {
        "client_secret": "CLIENT_SECRET", "label": "LABEL", "scope": "SCOPE", "name_claim": "NAME_CLAIM",
        "person_claim": "PERSON_CLAIM", "department_claim": "DEPARTMENT_CLAIM", "grids_claim": "GRIDS_CLAIM",
    }  # fmt: skip
    texts = {key: env[f"TWIN_OIDC_{name}"] for key, name in given.items() if env.get(f"TWIN_OIDC_{name}")}
    public_url = env.get("TWIN_PUBLIC_URL", "").rstrip("/")
    roles = _roles(env.get("TWIN_OIDC_ROLES") or "{}")
    return OpenIdSettings(issuer, env["TWIN_OIDC_CLIENT_ID"], roles=roles, public_url=public_url, **texts)


def _roles(text: str) -> dict[str, dict[str, str]]:
    example = '{"groups": {"twin-officers": "officer"}}'
    try:
        roles = json.loads(text)
        wrong = {role for values in roles.values() for role in values.values()} - set(PEOPLE)
    except (ValueError, AttributeError) as error:
        raise BadInput("the roles cannot be read", where="TWIN_OIDC_ROLES", do=f"Use JSON: {example}") from error
    made = {role for values in roles.values() for role in values.values()} & set(ADMINISTRATORS)
    if wrong or made:
        raise BadInput(
            f"these roles cannot be given by a claim: {', '.join(sorted(wrong | made))}", where="TWIN_OIDC_ROLES",
            do="Administrators' accounts are made with twin user add",
        )  # fmt: skip
    return dict(roles)


class OpenId:
    """One provider as this service knows it; what it publishes is remembered for ten minutes."""

    def __init__(self, settings: OpenIdSettings) -> None:
        """Prepare; the provider is asked when somebody logs in."""
        self.settings = settings
        self._metadata: dict[str, Any] = {}
        self._keys: jwk.KeySet | None = None
        self._read_at = 0.0

    async def begin(self, redirect_uri: str, next_path: str) -> tuple[str, Start]:
        """Give the provider's address to send the browser to, and what to remember. Raises NotAllowed."""
        await self._discover()
        start = Start(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48), next_path)
        async with self._client(redirect_uri) as client:
            address, _ = client.create_authorization_url(
                self._metadata["authorization_endpoint"], state=start.state, nonce=start.nonce,
                code_verifier=start.verifier,
            )  # fmt: skip
        return str(address), start

    async def finish(self, redirect_uri: str, start: Start, code: str) -> Claimed:
        """Exchange the code the browser brought for an ID token, and check it. Raises NotAllowed."""
        await self._discover()
        try:
            async with self._client(redirect_uri) as client:
                token = await client.fetch_token(
                    self._metadata["token_endpoint"], code=code, code_verifier=start.verifier
                )
            return self._claimed(await self._checked(str(token["id_token"]), start.nonce))
        except (OAuthError, JoseError, httpx.HTTPError, KeyError, ValueError, TypeError) as error:
            raise _refused() from error

    def _client(self, redirect_uri: str) -> AsyncOAuth2Client:
        settings = self.settings
        return AsyncOAuth2Client(
            settings.client_id, settings.client_secret or None, scope=settings.scope, redirect_uri=redirect_uri,
            code_challenge_method="S256", timeout=WAIT_S,
            token_endpoint_auth_method="client_secret_basic" if settings.client_secret else "none",
        )  # fmt: skip

    async def _discover(self) -> None:
        if self._metadata and time.monotonic() - self._read_at < KEPT_S:
            return
        metadata = await _json(self.settings.issuer + DISCOVERY)
        if str(metadata.get("issuer", "")).rstrip("/") != self.settings.issuer:
            raise _refused()
        self._metadata = metadata
        await self._read_keys()

    async def _read_keys(self) -> None:
        try:
            self._keys = jwk.KeySet.import_key_set({"keys": (await _json(self._metadata["jwks_uri"]))["keys"]})
        except (JoseError, KeyError, ValueError, TypeError) as error:
            raise _refused() from error
        self._read_at = time.monotonic()

    async def _checked(self, id_token: str, nonce: str) -> dict[str, Any]:
        """Check signature, issuer, audience, times and nonce; look at the keys again when one is not known."""
        assert self._keys is not None  # noqa: S101 -- _discover came before
        try:
            token = jwt.decode(id_token, self._keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            await self._read_keys()
            token = jwt.decode(id_token, self._keys, algorithms=ALGORITHMS)
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S, iss={"essential": True, "value": self._metadata["issuer"]},
            aud={"essential": True, "value": self.settings.client_id}, exp={"essential": True},
            iat={"essential": True}, sub={"essential": True}, nonce={"essential": True, "value": nonce},
        )  # fmt: skip
        registry.validate(token.claims)
        several = isinstance(token.claims["aud"], list) and len(token.claims["aud"]) > 1
        if several and token.claims.get("azp") != self.settings.client_id:
            raise ValueError("another client's token")
        return dict(token.claims)

    def _claimed(self, claims: dict[str, Any]) -> Claimed:
        settings = self.settings
        subject = str(claims["sub"])
        grids = claims.get(settings.grids_claim)
        return Claimed(
            self.settings.issuer, subject, str(claims.get(settings.name_claim) or subject),
            str(claims.get(settings.person_claim) or claims.get(settings.name_claim) or subject),
            self._role(claims), str(claims.get(settings.department_claim) or "") or None,
            tuple(str(code) for code in grids) if isinstance(grids, list) else (),
            bool(SECOND_FACTORS & {str(way) for way in claims.get("amr") or ()}),
        )  # fmt: skip

    def _role(self, claims: dict[str, Any]) -> str | None:
        for claim, meanings in self.settings.roles.items():
            given = claims.get(claim)
            values = {str(value) for value in given} if isinstance(given, list) else {str(given)}
            for value, role in meanings.items():
                if value in values:
                    return role
        return None


def _refused() -> NotAllowed:
    return NotAllowed("统一身份登录没有成功 (logging in at the provider did not work)", do="/login")


async def _json(address: str) -> dict[str, Any]:
    try:
        async with httpx.AsyncClient(timeout=WAIT_S) as client:
            answer = await client.get(address)
            answer.raise_for_status()
            return dict(answer.json())
    except (httpx.HTTPError, ValueError, TypeError) as error:
        raise _refused() from error
