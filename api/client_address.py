"""Who a request comes from: the peer's address, or what a trusted proxy says of it; nobody else is believed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

LOCAL = "local"  # a program on the server itself, or one inside this process
FORWARDING = frozenset({b"x-forwarded-for", b"forwarded", b"x-real-ip", b"via"})
MOST_HOPS = 20
Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


class KnowClient:
    """Put the client's address where routes look for it: scope["client"], and state["client"] as a key to count by.

    Through a trusted proxy that is the last address in X-Forwarded-For that is no trusted proxy itself, and the scheme
    is X-Forwarded-Proto. A loopback peer that forwards without being trusted is nobody we know: it is not taken for
    a person at the server's own computer.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[Network]) -> None:
        """trusted: addresses of proxies that are believed."""
        self._app = app
        self._trusted = tuple(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] in ("http", "websocket"):
            self._settle(scope)
        await self._app(scope, receive, send)

    def _settle(self, scope: Scope) -> None:
        state = scope.setdefault("state", {})
        peer, is_loopback, key = _peer(scope["client"][0] if scope.get("client") else None)
        forwards = not FORWARDING.isdisjoint([name for name, _ in scope["headers"]])
        if peer is None or not self._is_trusted(peer):
            if is_loopback and forwards:
                scope["client"] = None
                state["client"] = "forwarded"
            else:
                state["client"] = key
            return
        headers = Headers(scope=scope)
        if headers.get("x-forwarded-proto", "").strip() in ("http", "https"):
            scope["scheme"] = headers["x-forwarded-proto"].strip()
        client = self._said(headers.getlist("x-forwarded-for"))
        if client is None:  # a proxy that does not say for whom it asks, or one that asks itself
            state["client"] = "forwarded" if forwards else key
            scope["client"] = None if forwards else scope["client"]
        else:
            scope["client"] = (str(client), 0)
            state["client"] = key_of(client)

    def _said(self, headers: Sequence[str]) -> Address | None:
        hops = [hop.strip() for line in headers for hop in line.split(",")][-MOST_HOPS:]
        for hop in reversed(hops):
            address = _address(hop)
            if address is None:
                return None
            if not self._is_trusted(address):
                return address
        return None

    def _is_trusted(self, address: Address) -> bool:
        return bool(self._trusted) and any(address in network for network in self._trusted)


def key_of(address: Address) -> str:
    """Give what an address is counted by: IPv6 by its /64, which one subscriber has whole."""
    if address.version == 4:
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((int(address) >> 64 << 64, 64)))


@lru_cache(maxsize=1024)  # the same few clients and proxies ask again and again
def _peer(text: str | None) -> tuple[Address | None, bool, str]:
    """Give a peer's address, whether it is on this computer, and what it is counted by."""
    address = _address(text)
    is_loopback = address is not None and address.is_loopback
    return address, is_loopback, LOCAL if address is None or is_loopback else key_of(address)


def _address(text: str | None) -> Address | None:
    try:
        address = ip_address((text or "").strip("[]"))
    except ValueError:
        return None
    return address.ipv4_mapped or address if address.version == 6 else address
