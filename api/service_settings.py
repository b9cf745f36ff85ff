"""How the service stands in its network: which proxies speak for others, which sites may ask, who reads the figures."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

from twin.errors import BadInput

LEAST_TOKEN = 16  # characters


@dataclass(frozen=True)
class ServiceSettings:
    """Settings of the service's edge; the defaults trust nobody and allow nothing.

    trusted_proxies: whose X-Forwarded-For and X-Forwarded-Proto are believed. allowed_origins: other sites whose pages
    may ask (CORS, without cookies). metrics_token: opens /metrics to a monitor elsewhere. https: people reach the
    service by https only, whatever stands between.
    """

    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    metrics_token: str = field(default="", repr=False)
    https: bool = False


def read_service_settings(environ: dict[str, str] | None = None) -> ServiceSettings:
    """Read TWIN_TRUSTED_PROXIES, TWIN_ALLOWED_ORIGINS, TWIN_METRICS_TOKEN and TWIN_HTTPS.

    environ: variables to read, by default those of the process. Raises BadInput for what cannot be meant.
    """
    env = dict(os.environ) if environ is None else environ
    token = env.get("TWIN_METRICS_TOKEN", "")
    if token and len(token) < LEAST_TOKEN:
        raise BadInput(
            "the token is too short to be safe",
            where="TWIN_METRICS_TOKEN",
            do=f"Use at least {LEAST_TOKEN} characters, such as openssl rand -hex 24 gives",
        )
    return ServiceSettings(
        tuple(_network(text) for text in _listed(env.get("TWIN_TRUSTED_PROXIES", ""))),
        tuple(_origin(text) for text in _listed(env.get("TWIN_ALLOWED_ORIGINS", ""))),
        token,
        env.get("TWIN_HTTPS", "").lower() in ("1", "yes", "true", "on"),
    )


def _listed(text: str) -> list[str]:
    return [part for part in text.replace(",", " ").split() if part]


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise BadInput(
            f"{text[:60]!r} is no address", where="TWIN_TRUSTED_PROXIES", do="Use 10.0.0.5 or 10.0.0.0/24"
        ) from error


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/") or parts.query:
        raise BadInput(
            f"{text[:60]!r} is no origin", where="TWIN_ALLOWED_ORIGINS", do="Use https://gis.example.org, no path, no *"
        )
    return f"{parts.scheme}://{parts.netloc}"
